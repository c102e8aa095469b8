/*
 * Settings: texts of a YAML file and of key=value, kept as a list, and the tables of all rooms that give them meaning.
 *
 *   config.c                      the list, and the walk over all tables
 *   yaml.c, write.c               from a file, and into one
 *   validate.c                    every key is known, every value has its type and bounds
 *   conventions.c                 what conventions.name stands for
 *   identity.c                    which settings make a run what it is
 *   sections.c section_compare.c  the sections train, check and compare
 */
#ifndef HTH_CONFIG_H
#define HTH_CONFIG_H

#include "base/known.h"

/* Owns the texts of settings. Keys are "section.name"; a bare section ("task=add") means
 * "section.name" for the choice of a part. */
typedef struct hth_config hth_config;

hth_status hth_config_create(hth_config **out, hth_error *error);
void hth_config_destroy(hth_config *config);
/* YAML mappings of scalars and lists of scalars; messages say file:line. */
hth_status hth_config_load(hth_config *config, const char *path, hth_error *error);
/* "key=value", as typed on the command line. */
hth_status hth_config_override(hth_config *config, const char *assignment, hth_error *error);
hth_status hth_config_set(hth_config *config, const char *key, const char *value,
                          const char *origin, hth_error *error);
hth_settings hth_config_settings(const hth_config *config); /* valid until the next change */
/* Every key is known, belongs to a chosen part, and every value has its type and bounds. */
hth_status hth_config_validate(const hth_config *config, hth_error *error);
/* The full settings, defaults included, as YAML that loads back to the same. */
hth_status hth_config_write(const hth_config *config, const char *path, hth_error *error);

/* The settings and then the overrides, which so count more; free() out->items. */
hth_status hth_settings_join(const hth_settings *settings, const hth_settings *overrides,
                             hth_settings *out, hth_error *error);

/* All sections in the order in which pages and files show them: network, cell, ..., train. */
const hth_catalogue *const *hth_catalogues(size_t *count);

extern const hth_catalogue hth_conventions; /* conventions.name */

/* What conventions of that name stand for, keys in order; returns how many settings, 0 for an unknown name. The texts
 * are constants. Such settings count less than those that are given. */
enum { HTH_MOST_CONVENTIONS = 24 };
size_t hth_conventions_of(const char *name, hth_setting out[HTH_MOST_CONVENTIONS]);

/* ---- For those who look into the list --------------------------------------------------------- */

/* One of several things to be compared: a name, and the settings that are its own. */
typedef struct hth_arm {
    char *label, *origin; /* origin: NULL where unknown */
    hth_config *own;
} hth_arm;

/* key, value and origin of one setting lie in one block that begins at key. The sections arms and vary are kept apart:
 * only compare reads them. The settings that conventions.name implies stand before the user's own, so the user's win. */
struct hth_config {
    hth_setting *items; /* what was given */
    size_t count, capacity;
    size_t conventions; /* settings before items[0], whose texts are constants */
    hth_arm *arms;
    size_t arm_count;
    hth_config *vary; /* NULL: nothing is varied */
};

/* Settings as they were given, without those that conventions.name stands for. */
hth_settings hth_config_given(const hth_config *config);

/* Takes the settings from `count` on away again. */
void hth_config_truncate(hth_config *config, size_t count);
/* The same for arms. */
void hth_config_truncate_arms(hth_config *config, size_t count);
/* The arm of that label, made when there is none. */
hth_status hth_config_arm(hth_config *config, const char *label, const char *origin, hth_arm **out,
                          hth_error *error);
/* Where a setting of that key is kept: in the list itself, below vary ("vary.cell.beta"), or in an arm
 * ("arms.mine.cell.beta"). *key becomes its name there. */
hth_status hth_config_home(hth_config *config, const char **key, const char *origin,
                           hth_config **out, hth_error *error);

/* All catalogues, and the sections arms and vary. */
hth_known hth_config_known(void);
/* hth_each_table of these. */
void hth_config_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const hth_table *table), void *context);

/* The value of the table's option: as given, of one layer or of all, as the learner's preset has it, or the default of a
 * part that is chosen. NULL: none. */
const char *hth_table_value(const hth_settings *settings, const hth_table *table,
                            const hth_option *option);

/* The value of a setting: as given, as the learner's preset has it, or the fallback. */
const char *hth_config_value(const hth_settings *settings, const char *key, const char *fallback);

#endif
