/* What the files config*.c share: the owned list of settings and the walk over all tables. */
#ifndef HTH_CONFIG_H
#define HTH_CONFIG_H

#include "experiment/experiment.h"

enum { HTH_KEY_LENGTH = 96, HTH_WORDS_LENGTH = 200 };

/* key, value and origin of one setting lie in one block that begins at key. */
struct hth_config {
    hth_setting *items;
    size_t count, capacity;
};

/* Takes the settings from `count` on away again. */
void hth_config_truncate(hth_config *config, size_t count);

/* The table of a catalogue that settings make count: its common options, or those of a part. */
typedef struct hth_table {
    const hth_catalogue *catalogue;
    const hth_part *part; /* NULL: the options that all parts have in common */
    const hth_options *options;
    bool active; /* false: of a part that is not chosen */
} hth_table;

/* Calls visit for every table of every catalogue. An unknown name of a part chooses none. */
void hth_config_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const hth_table *table), void *context);

/* The section of a catalogue's key or common options. */
void hth_catalogue_section(const hth_catalogue *catalogue, char *out, size_t size);

/* What belongs to the part that is chosen: NULL for none (a task while data are read, or a part that
 * a preset chooses). */
const hth_part *hth_catalogue_chosen(const hth_catalogue *catalogue, const hth_settings *settings);

#endif
