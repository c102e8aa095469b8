/*
 * The settings that identify a run: network, layer, cell, readout, loss, learner, task, the kinds of data and
 * optimiser, seed, batch and precision. A checkpoint stores them, and resuming with others is refused. All other
 * settings (learning rates, length of the run, location of data and programs) may change on resuming. A run of episodes
 * has its module and its episodes beside these; one of phases has their names, and what each of them sets of these.
 */
#include "settings/identity.h"

#include "credit/episode/inspect.h"
#include "network/catalogues.h"
#include "settings/phases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name that ends with '.' is a section: all of its settings count. The first NETWORK_SECTIONS belong to the
 * network. */
enum { NETWORK_SECTIONS = 4 };
static const char *const kept[] = {
    "network.",     "layer.",          "cell.",          "readout.",   "loss.",
    "learner.",     "task.",           "data.name",      "data.level", "data.eos",
    "world.",       "agent.",          "optimiser.name", "keep.name",  "train.seed",
    "train.batch",  "train.precision", "regulariser.",   "view.",      "replay.",
    "phases.joint", "train.shares",
};
/* Of these, where something is, not what it is. */
static const char *const places[] = {"world.command", "world.timeout", "world.file"};
/* The same of a run of episodes; the first belongs to its networks. */
static const char *const of_episodes[] = {"module.", "episode."};

/* Settings that do not tell runs of a comparison apart: the comparison sets them, or the runs do not use them. */
static const char *const foreign[] = {"train.seed",        "train.threads", "train.picture",
                                      "train.tensorboard", "check.",        "compare."};

static const char phases_key[] = "phases";

static bool begins_with_any(const char *key, const char *const names[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(names[i]);
        const bool section = names[i][length - 1] == '.';
        if (strncmp(key, names[i], section ? length : length + 1) == 0) return true;
    }
    return false;
}

bool hth_identity_counts(const hth_identity *identity, const char *key) {
    size_t layer;
    char label[HTH_PHASE_LENGTH];
    const char *of_phase = hth_phase_key(key, label);
    if (of_phase || strcmp(key, phases_key) == 0)
        return !identity->network_only && (!of_phase || hth_identity_counts(identity, of_phase));
    if (hth_layer_key(key, &layer)) return true; /* a setting of one layer */
    if (begins_with_any(key, of_episodes, HTH_COUNT(of_episodes)))
        return identity->has_episodes &&
               (!identity->network_only || begins_with_any(key, of_episodes, 1));
    if (identity->whole) return !begins_with_any(key, foreign, HTH_COUNT(foreign));
    return begins_with_any(key, kept,
                           identity->network_only ? NETWORK_SECTIONS : HTH_COUNT(kept)) &&
           !begins_with_any(key, places, HTH_COUNT(places));
}

typedef struct collector {
    hth_identity *identity;
    const hth_settings *settings;
    bool full; /* memory ran out */
} collector;

static void collect(collector *to, const char *key, const char *value, const char *fallback) {
    hth_identity *identity = to->identity;
    /* Leave out settings that do not count, and those that are in the list. */
    if (!value || !hth_identity_counts(identity, key) || to->full) return;
    for (size_t i = 0; i < identity->count; i++)
        if (strcmp(identity->items[i].key, key) == 0) return;
    /* Make room for one more setting. */
    if (identity->count == identity->capacity) {
        size_t capacity = identity->capacity ? 2 * identity->capacity : 64;
        void *items = realloc(identity->items, capacity * sizeof *identity->items);
        to->full = !items;
        if (to->full) return;
        identity->items = items;
        identity->capacity = capacity;
    }
    /* Append the setting. */
    struct hth_identity_item *item = &identity->items[identity->count++];
    snprintf(item->key, sizeof item->key, "%s", key);
    item->value = value;
    item->by_default = fallback && hth_same_value(value, fallback);
}

/* Collects the options of a table whose part is chosen. */
static void collect_table(void *context, const hth_table *table) {
    collector *to = context;
    for (size_t i = 0; table->active && !table->repeated && i < table->options->count; i++) {
        const hth_option *option = &table->options->items[i];
        char key[HTH_KEY_LENGTH];
        hth_table_key(table, option, key);
        collect(to, key, hth_table_value(to->settings, table, option), option->fallback);
    }
}

/* Collects the names of the phases, and what each sets. */
static void collect_phases(collector *to) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH], label[HTH_PHASE_LENGTH];
    const size_t count = hth_phases(to->settings, labels);
    const hth_settings *all = to->settings;
    if (count == 0 || to->full) return;
    /* Their names, with commas between. */
    char *names = to->identity->phases = calloc(count, HTH_PHASE_LENGTH + 2);
    to->full = !names;
    for (size_t k = 0; names && k < count; k++) {
        if (k) strcat(names, ", ");
        strcat(names, labels[k]);
    }
    if (names && !to->identity->whole) collect(to, phases_key, names, NULL);
    /* Of settings that are given twice the last counts. */
    for (size_t i = 0; i < all->count; i++) {
        const char *key = all->items[i].key;
        if (hth_phase_key(key, label)) collect(to, key, hth_settings_find(all, key)->value, NULL);
    }
}

static hth_status make(const hth_settings *settings, bool whole, hth_identity *out,
                       hth_error *error) {
    hth_identity identity = {.whole = whole, .has_episodes = hth_episodes_wanted(settings)};
    collector to = {&identity, settings, false};
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const hth_part *part = hth_catalogue_chosen(all[i], settings);
        if (part) collect(&to, all[i]->key, part->name, all[i]->fallback);
    }
    hth_config_each_table(settings, collect_table, &to);
    collect_phases(&to);
    if (to.full) {
        hth_identity_free(&identity);
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings of a checkpoint");
    }
    *out = identity;
    return HTH_OK;
}

hth_status hth_identity_make(const hth_settings *settings, hth_identity *out, hth_error *error) {
    return make(settings, false, out, error);
}

hth_status hth_identity_make_whole(const hth_settings *settings, hth_identity *out,
                                   hth_error *error) {
    return make(settings, true, out, error);
}

/* The value that an identity has for a key; NULL: none. */
static const char *value_of(const hth_identity *identity, const char *key) {
    for (size_t i = 0; i < identity->count; i++)
        if (strcmp(identity->items[i].key, key) == 0) return identity->items[i].value;
    return NULL;
}

hth_status hth_identity_keep(const hth_settings *settings, size_t count, bool of_network,
                             hth_error *error) {
    const hth_settings first = {settings->items, count};
    hth_identity before, after;
    HTH_TRY(hth_identity_make(&first, &before, error));
    hth_status status = hth_identity_make(settings, &after, error);
    if (status != HTH_OK) after = (hth_identity){0};
    after.network_only = of_network;
    for (size_t i = count; i < settings->count && status == HTH_OK; i++) {
        const hth_setting *given = &settings->items[i];
        const char *was = value_of(&before, given->key), *is = value_of(&after, given->key);
        if (!was || !is || hth_same_value(was, is) || !hth_identity_counts(&after, given->key))
            continue;
        status =
            hth_fail(error, HTH_MISMATCH, "%s (%s) is '%.60s', but %s has '%.60s': leave it out%s",
                     given->key, given->origin ? given->origin : "set", is,
                     of_network ? "the network of the run" : "what is to go on", was,
                     of_network ? "" : ", or begin anew");
    }
    hth_identity_free(&before);
    hth_identity_free(&after);
    return status;
}

bool hth_same_value(const char *a, const char *b) {
    char *end_a, *end_b;
    double x = strtod(a, &end_a), y = strtod(b, &end_b);
    if (end_a != a && end_b != b && !*end_a && !*end_b) return x == y;
    return strcmp(a, b) == 0;
}

void hth_identity_free(hth_identity *identity) {
    free(identity->items);
    free(identity->phases);
    *identity = (hth_identity){0};
}
