/*
 * Which settings make a run what it is: network, cell, readout, loss, learner, task, the kinds of
 * data and optimiser, seed, batch and precision. They stand in a checkpoint, and a run with others is
 * refused. All else (learning rates, how long, where the data lie) may change when a run is resumed.
 */
#include "experiment/checkpoint.h"

#include "experiment/config.h"
#include "experiment/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What ends with '.' is a section: all of its settings count. The first few are the network's. */
enum { NETWORK_SECTIONS = 3 };
static const char *const kept[] = {
    "network.",   "cell.",       "readout.",        "loss.",    "learner.",
    "task.",      "data.name",   "data.level",      "data.eos", "optimiser.name",
    "train.seed", "train.batch", "train.precision",
};

bool hth_identity_counts(const hth_identity *identity, const char *key) {
    const size_t count = identity->network_only ? NETWORK_SECTIONS : HTH_COUNT(kept);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(kept[i]);
        bool section = kept[i][length - 1] == '.';
        if (strncmp(key, kept[i], section ? length : length + 1) == 0) return true;
    }
    return false;
}

typedef struct collector {
    hth_identity *identity;
    const hth_settings *settings;
    bool full; /* no memory */
} collector;

static void collect(collector *to, const char *key, const char *value) {
    hth_identity *identity = to->identity;
    if (!value || !hth_identity_counts(identity, key) || to->full) return;
    for (size_t i = 0; i < identity->count; i++)
        if (strcmp(identity->items[i].key, key) == 0) return;
    if (identity->count == identity->capacity) {
        size_t capacity = identity->capacity ? 2 * identity->capacity : 64;
        void *items = realloc(identity->items, capacity * sizeof *identity->items);
        to->full = !items;
        if (to->full) return;
        identity->items = items;
        identity->capacity = capacity;
    }
    struct hth_identity_item *item = &identity->items[identity->count++];
    snprintf(item->key, sizeof item->key, "%s", key);
    item->value = value;
}

/* The options of a table whose part is chosen; of parts that a preset chooses, what was set. */
static void collect_table(void *context, const hth_table *table) {
    collector *to = context;
    bool chosen =
        !table->part || table->part == hth_catalogue_chosen(table->catalogue, to->settings);
    for (size_t i = 0; table->active && i < table->options->count; i++) {
        const hth_option *option = &table->options->items[i];
        char key[HTH_KEY_LENGTH];
        snprintf(key, sizeof key, "%s.%s", table->options->section, option->name);
        const hth_setting *setting = hth_settings_find(to->settings, key);
        collect(to, key, setting ? setting->value : chosen ? option->fallback : NULL);
    }
}

hth_status hth_identity_make(const hth_settings *settings, hth_identity *out, hth_error *error) {
    hth_identity identity = {0};
    collector to = {&identity, settings, false};
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const hth_part *part = hth_catalogue_chosen(all[i], settings);
        if (part) collect(&to, all[i]->key, part->name);
    }
    hth_config_each_table(settings, collect_table, &to);
    if (to.full) {
        hth_identity_free(&identity);
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings of a checkpoint");
    }
    *out = identity;
    return HTH_OK;
}

void hth_identity_free(hth_identity *identity) {
    free(identity->items);
    *identity = (hth_identity){0};
}
