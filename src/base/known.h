/*
 * Which settings there are: the walk over the tables of some catalogues, and the check of a key against them, with
 * "did you mean".
 */
#ifndef HTH_KNOWN_H
#define HTH_KNOWN_H

#include "base/options.h"

enum { HTH_KEY_LENGTH = 96, HTH_WORDS_LENGTH = 200 };

/* The catalogues that give settings their meaning. */
typedef struct hth_known {
    const hth_catalogue *const *catalogues;
    size_t count;
    const char *const
        *sections; /* others that there are, for "did you mean"; NULL-terminated, or NULL */
} hth_known;

/* One table of a catalogue: its common options, or those of a part. */
typedef struct hth_table {
    const hth_catalogue *catalogue;
    const hth_part *part; /* NULL: the options that all parts have in common */
    const hth_options *options;
    const char *prefix; /* "layer1." of settings of one layer; "": of all others */
    bool active;        /* false: of a part that is not chosen */
    bool repeated;      /* the tables of the layers repeat its options */
    bool chosen;        /* its defaults count: the part is chosen, or there is none */
} hth_table;

/* "layer1.cell.tau_m": the name of the table's option as it is typed. */
void hth_table_key(const hth_table *table, const hth_option *option, char out[HTH_KEY_LENGTH]);

/* Calls visit for every table of every catalogue. An unknown part name chooses no part. If layers have cells or
 * settings of their own, visit sees the tables of all cells once for each layer, with its prefix, and cell defaults
 * count there only. */
void hth_each_table(const hth_known *known, const hth_settings *settings,
                    void (*visit)(void *context, const hth_table *table), void *context);

/* The section of a catalogue's key or common options. */
void hth_catalogue_section(const hth_catalogue *catalogue, char *out, size_t size);

/* The part that is chosen, by name, by default or by a learner's preset: NULL for none (a task while data are read). */
const hth_part *hth_catalogue_chosen(const hth_catalogue *catalogue, const hth_settings *settings);

/* HTH_INVALID unless the setting's key is known and belongs to a part that `settings` choose, and its value has its
 * type and bounds. */
hth_status hth_setting_check(const hth_known *known, const hth_settings *settings,
                             const hth_setting *setting, hth_error *error);

/* The first of these alone: HTH_INVALID if no table has a setting of that name, whatever is chosen. */
hth_status hth_setting_check_name(const hth_known *known, const hth_settings *settings,
                                  const hth_setting *setting, hth_error *error);

/* HTH_INVALID if a setting belongs to a section of these catalogues but is in none of their tables. Ignores other
 * sections and settings of parts that are not chosen. For functions that read only some sections of a list. */
hth_status hth_settings_check_names(const hth_known *known, const hth_settings *settings,
                                    hth_error *error);

#endif
