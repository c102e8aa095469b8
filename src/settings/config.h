/*
 * Settings: a list of texts from YAML files and key=value, and the tables of all rooms that give them meaning.
 *
 *   config.c                      the list, and the walk over all tables
 *   yaml.c, write.c               reading and writing files
 *   validate.c                    every key is known, every value has its type and bounds
 *   inherit.c                     of another run's settings, those that still have a meaning
 *   conventions.c                 the settings that conventions.name implies
 *   identity.c                    which settings two runs must share
 *   phases.c                      settings of phases: tasks that one network learns one after the other
 *   sections.c section_compare.c  the sections train, check and compare
 */
#ifndef HTH_CONFIG_H
#define HTH_CONFIG_H

#include "base/known.h"

/* Owns the texts of settings. Keys are "section.name"; a section alone ("task=add") means "section.name", the
 * setting that chooses a part. */
typedef struct hth_config hth_config;

hth_status hth_config_create(hth_config **out, hth_error *error);
void hth_config_destroy(hth_config *config);
/* Reads YAML: mappings of scalars and lists of scalars. Messages name file:line. */
hth_status hth_config_load(hth_config *config, const char *path, hth_error *error);
/* Adds "key=value" as typed on the command line. */
hth_status hth_config_override(hth_config *config, const char *assignment, hth_error *error);
hth_status hth_config_set(hth_config *config, const char *key, const char *value,
                          const char *origin, hth_error *error);
hth_settings hth_config_settings(const hth_config *config); /* valid until the next change */
/* Checks that every key is known and belongs to a chosen part, and that every value has its type and bounds. */
hth_status hth_config_validate(const hth_config *config, hth_error *error);
/* HTH_INVALID for a setting that another switches on (regulariser.rate_target) where nothing, no phase, arm or varied
 * value either, speaks of that other. The settings of a run that is there, which speak of all, pass; validate asks. */
hth_status hth_config_check_switched(const hth_config *config, hth_error *error);
/* The first `count` settings are those of another run; those behind them have been added since. Removes the ones that
 * have lost their meaning: of a part that is not chosen any more, or a value that the part chosen now does not have.
 * Their names are in config->left. */
hth_status hth_config_inherit(hth_config *config, size_t count, hth_error *error);
/* Writes the full settings, defaults included, as YAML. Loading it gives the same settings. */
hth_status hth_config_write(const hth_config *config, const char *path, hth_error *error);

/* The settings followed by the overrides, which therefore win; free() out->items. */
hth_status hth_settings_join(const hth_settings *settings, const hth_settings *overrides,
                             hth_settings *out, hth_error *error);

/* All sections, in the order of pages and files: network, cell, ..., train. */
const hth_catalogue *const *hth_catalogues(size_t *count);

extern const hth_catalogue hth_conventions; /* conventions.name */

/* hth_setting_check for one of `settings`, also of a phase: that is looked at among the settings of its phase. */
hth_status hth_config_check_setting(const hth_settings *settings, const hth_setting *setting,
                                    hth_error *error);

/* The settings that conventions of this name imply, ordered by key. Returns how many; 0 for an unknown name. The
 * texts are constants. The user's own settings win over them. */
enum { HTH_MOST_CONVENTIONS = 24 };
size_t hth_conventions_of(const char *name, hth_setting out[HTH_MOST_CONVENTIONS]);

/* ---- Access to the list ----------------------------------------------------------------------- */

/* One of the things to compare: a label, and its own settings. */
typedef struct hth_arm {
    char *label, *origin; /* origin NULL: not known */
    hth_config *own;
} hth_arm;

/* The key, value and origin of a setting are stored in one block that begins at key. arms and vary are kept apart:
 * only compare reads them. Settings implied by conventions.name are stored before the user's, so the user's win. */
struct hth_config {
    hth_setting *items; /* the user's settings */
    size_t count, capacity;
    /* number of implied settings before items[0]; their texts are constants */
    size_t conventions;
    /* the first so many of items hth_config_check_switched passes over: those of a snapshot, which stays as it is */
    size_t settled;
    hth_arm *arms;
    size_t arm_count;
    hth_config *vary; /* NULL: no setting is varied */
    char *left;       /* "cell.beta, cell.tau_a": what hth_config_inherit removed; NULL: nothing */
};

/* The user's settings, without those that conventions.name implies. */
hth_settings hth_config_given(const hth_config *config);

/* Removes all settings from number `count` on. */
void hth_config_truncate(hth_config *config, size_t count);
/* Removes the first `count` settings. */
void hth_config_drop(hth_config *config, size_t count);
/* Removes all arms from number `count` on. */
void hth_config_truncate_arms(hth_config *config, size_t count);
/* *out: the arm with this label; it is made if there is none. */
hth_status hth_config_arm(hth_config *config, const char *label, const char *origin, hth_arm **out,
                          hth_error *error);
/* *out: the list that keeps a setting with this key: config itself, its vary ("vary.cell.beta"), or an arm
 * ("arms.mine.cell.beta"). *key becomes the setting's name there. HTH_INVALID where one of these stands in another. */
hth_status hth_config_home(hth_config *config, const char **key, const char *origin,
                           hth_config **out, hth_error *error);

/* All catalogues, with the sections arms and vary. */
hth_known hth_config_known(void);
/* Calls `visit` for each table: hth_each_table over hth_config_known. */
void hth_config_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const hth_table *table), void *context);

/* Finds what is meant by a name without a section: *out is "train.steps" for "steps", and "task" for "task". False:
 * there is none. */
bool hth_config_meant(const char *name, char out[HTH_KEY_LENGTH]);

/* The value of a table's option: the user's, for one layer or for all; else the learner preset's; else the default
 * if the part is chosen. NULL: none. */
const char *hth_table_value(const hth_settings *settings, const hth_table *table,
                            const hth_option *option);

/* The value of a setting: the user's, else the learner preset's, else the fallback. */
const char *hth_config_value(const hth_settings *settings, const char *key, const char *fallback);

#endif
