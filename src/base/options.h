/*
 * Options: a setting is described once, in its part's table, and the table drives reading,
 * validation, messages, --help and the reference pages.
 */
#ifndef HTH_OPTIONS_H
#define HTH_OPTIONS_H

#include "base/base.h"

typedef enum hth_kind {
    HTH_KIND_BOOL,    /* bool */
    HTH_KIND_INTEGER, /* int64_t */
    HTH_KIND_REAL,    /* double */
    HTH_KIND_CHOICE,  /* int: position in choices */
    HTH_KIND_CHOICES, /* int: a bit for each of the choices that a list names; none if it is empty */
    HTH_KIND_TEXT,    /* const char *: the setting's own text */
    HTH_KIND_UNITS    /* const char *: one number for all units, or a list; see hth_units_expand */
} hth_kind;

typedef struct hth_option {
    const char *name;
    const char *help;     /* one line, with the unit and the source of the convention */
    const char *fallback; /* default, as a person would type it; NULL: must be given */
    hth_kind kind;
    double min, max;            /* bounds of numbers; both 0: unbounded */
    const char *const *choices; /* NULL-terminated, for HTH_KIND_CHOICE and HTH_KIND_CHOICES */
    size_t offset;              /* of the value in the part's options struct */
} hth_option;

/* A part's option table. */
typedef struct hth_options {
    const char *section; /* "cell": its settings are cell.<name> */
    const hth_option *items;
    size_t count;
} hth_options;

/* What every part's table begins with. */
typedef struct hth_part {
    const char *name;    /* as typed */
    const char *summary; /* one line */
    const char *source;  /* paper and equation, or what defines it */
    hth_options options; /* its own settings; count 0: none */
} hth_part;

/*
 * All parts of one kind, and the options that they have in common. The setting `key` ("cell.name")
 * chooses the part; a section without parts ("network") has key NULL and common options only.
 */
struct hth_table; /* base/known.h */

typedef struct hth_catalogue {
    const char *kind;     /* "cell", "past", "network", ... */
    const char *summary;  /* one line */
    const char *key;      /* setting that chooses a part, or NULL */
    const char *fallback; /* part chosen when the setting is absent; NULL: none */
    hth_options common;
    size_t count;
    const hth_part *(*at)(size_t index); /* 0..count-1 */
    bool
        optional; /* no part need be chosen, and its settings then have no meaning: a task while data are read */
    /* Finds the chosen part where `key` alone does not decide it: the part of an axis may come from the learner's
     * preset. Returns NULL for an unknown name. Optional: NULL if `key` decides. */
    const hth_part *(*chosen)(const hth_settings *settings);
    /* Where a part may be chosen more than once, as cells are, one a layer: shows the tables of all parts and returns
     * true, or false where settings choose one for all. NULL: they always do. */
    bool (*each_table)(const hth_settings *settings,
                       void (*visit)(void *context, const struct hth_table *table), void *context);
    /* Writes the names of all parts that the layers choose, such as "alif, lstm"; "" if one part serves all. */
    void (*names)(const hth_settings *settings, char *out, size_t size);
} hth_catalogue;

/* The last setting of that key, or NULL. */
const hth_setting *hth_settings_find(const hth_settings *settings, const char *key);

/* The part that settings choose, by catalogue->key or its fallback. HTH_INVALID for an unknown name
 * ("did you mean"). */
hth_status hth_part_choose(const hth_catalogue *catalogue, const hth_settings *settings,
                           size_t *index, hth_error *error);

/* Fills the struct `out` that the table describes from settings, defaults where none is given.
 * HTH_INVALID names the origin, the key, the value and what would be right. Does not complain about
 * keys that are not in the table (another part's). */
hth_status hth_options_read(const hth_options *options, const hth_settings *settings, void *out,
                            hth_error *error);

/* The same, for one of several things: a setting with `prefix` before it ("layer1.cell.tau_m") counts more than
 * that without ("cell.tau_m"). */
hth_status hth_options_read_own(const hth_options *options, const char *prefix,
                                const hth_settings *settings, void *out, hth_error *error);

/* Reads `text` as one option; out points at the value itself. For callers with a lone option. */
hth_status hth_option_parse(const hth_option *option, const char *section,
                            const hth_setting *setting, void *out, hth_error *error);

/* The setting `key`, or the fallback of the option that the catalogue's common table has for it. */
hth_status hth_common_option(const hth_catalogue *catalogue, const char *name,
                             const hth_settings *settings, void *out, hth_error *error);

/* Room in the arena for the struct of `size` bytes that a part's table describes. */
void *hth_options_take(hth_arena *arena, const hth_options *options, size_t size);

/* What is right for the option, in words: "a number of at least 0", "one of tanh, relu". */
void hth_option_describe(const hth_option *option, char *out, size_t size);

/*
 * Numbers per unit: "20", "20, 30, 40" (one a unit) or runs "300 x 0, 100 x 1.8".
 * min, max as in the option. key and origin are for the message.
 */
hth_status hth_units_expand(const char *text, size_t units, double min, double max, const char *key,
                            hth_real *out, hth_error *error);

/* The name in a NULL-terminated list (or any array of texts) nearest to `typed`, or NULL when none is
 * near: for "did you mean". */
const char *hth_nearest(const char *typed, const char *const *names, size_t count);

#endif
