/*
 * The settings of a run: a list of owned texts that grows by files and by key=value, the walk over
 * the tables that give them meaning, and the catalogues in the order in which pages show them.
 */
#include "experiment/config.h"
#include "experiment/session.h"

#include "credit/catalogues.h"
#include "network/catalogues.h"
#include "optim/catalogues.h"
#include "tasks/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const hth_catalogue *const *hth_catalogues(size_t *count) {
    static const hth_catalogue *const all[] = {
        &hth_tasks,           &hth_readers,     &hth_network_section, &hth_cells,
        &hth_readout_section, &hth_losses,      &hth_init_section,    &hth_learners,
        &hth_signals,         &hth_recurrences, &hth_pasts,           &hth_futures,
        &hth_optimisers,      &hth_schedules,   &hth_train_section,   &hth_check_section,
    };
    *count = HTH_COUNT(all);
    return all;
}

/* ---- The list ------------------------------------------------------------------------------ */

hth_status hth_config_create(hth_config **out, hth_error *error) {
    *out = calloc(1, sizeof **out);
    return *out ? HTH_OK : hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
}

void hth_config_truncate(hth_config *config, size_t count) {
    while (config->count > count) free((char *)(uintptr_t)config->items[--config->count].key);
}

void hth_config_destroy(hth_config *config) {
    if (!config) return;
    hth_config_truncate(config, 0);
    free(config->items);
    free(config);
}

hth_settings hth_config_settings(const hth_config *config) {
    return (hth_settings){config->items, config->count};
}

static bool make_room(hth_config *config) {
    if (config->count < config->capacity) return true;
    size_t capacity = config->capacity ? 2 * config->capacity : 32;
    hth_setting *items = realloc(config->items, capacity * sizeof *items);
    if (!items) return false;
    config->items = items;
    config->capacity = capacity;
    return true;
}

static hth_status append(hth_config *config, const char *key, const char *value, const char *origin,
                         hth_error *error) {
    size_t key_size = strlen(key) + 1, value_size = strlen(value) + 1;
    size_t origin_size = origin ? strlen(origin) + 1 : 0;
    char *texts = make_room(config) ? malloc(key_size + value_size + origin_size) : NULL;
    if (!texts) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
    char *own_value = texts + key_size, *own_origin = own_value + value_size;
    memcpy(texts, key, key_size);
    memcpy(own_value, value, value_size);
    if (origin) memcpy(own_origin, origin, origin_size);
    config->items[config->count++] = (hth_setting){texts, own_value, origin ? own_origin : NULL};
    return HTH_OK;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

/* An option of that name in any section, for "did you mean cell.tau_m?"; "" if there is none. */
typedef struct name_search {
    const char *name;
    char *out;
    size_t size;
} name_search;

static void search_table(void *context, const hth_table *table) {
    name_search *search = context;
    for (size_t i = 0; !*search->out && i < table->options->count; i++)
        if (strcmp(table->options->items[i].name, search->name) == 0)
            snprintf(search->out, search->size, "%s.%s", table->options->section, search->name);
}

static hth_status complain_bare(const char *key, const char *origin, hth_error *error) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    const char *kinds[32], *where = origin ? origin : "", *colon = origin ? ": " : "";
    size_t kind_count = 0;
    for (size_t i = 0; i < count && kind_count < HTH_COUNT(kinds); i++) {
        if (strcmp(all[i]->kind, key) == 0)
            return hth_fail(error, HTH_INVALID,
                            "%s%s%s is a section and takes no value of its own; write %s.<name>",
                            where, colon, key, key);
        if (all[i]->key) kinds[kind_count++] = all[i]->kind;
    }
    char meant[HTH_KEY_LENGTH] = "";
    name_search search = {key, meant, sizeof meant};
    hth_config_each_table(NULL, search_table, &search);
    const char *near = *meant ? meant : hth_nearest(key, kinds, kind_count);
    return hth_fail(error, HTH_INVALID, "%s%sthere is no setting '%.60s'%s%s%s", where, colon, key,
                    near ? "; did you mean '" : "; settings are written section.name",
                    near ? near : "", near ? "'?" : "");
}

/* "task" means "task.name", "past" means "learner.past": the setting that chooses a part. */
static hth_status full_key(const char **key, const char *origin, hth_error *error) {
    if (strchr(*key, '.')) return HTH_OK;
    size_t count, length = strlen(*key);
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const char *chooses = all[i]->key;
        if (!chooses) continue;
        bool section =
            strncmp(chooses, *key, length) == 0 && strcmp(chooses + length, ".name") == 0;
        if (section || strcmp(all[i]->kind, *key) == 0) {
            *key = chooses;
            return HTH_OK;
        }
    }
    return complain_bare(*key, origin, error);
}

hth_status hth_config_set(hth_config *config, const char *key, const char *value,
                          const char *origin, hth_error *error) {
    HTH_TRY(full_key(&key, origin, error));
    return append(config, key, value, origin, error);
}

hth_status hth_config_override(hth_config *config, const char *assignment, hth_error *error) {
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    char key[HTH_KEY_LENGTH];
    if (length == 0 || length >= sizeof key)
        return hth_fail(error, HTH_INVALID,
                        "'%.100s' is not a setting; write key=value, for example cell.units=100",
                        assignment);
    memcpy(key, assignment, length);
    key[length] = '\0';
    const char *value = equals + 1;
    size_t value_length = strlen(value);
    if (value_length < 2 || value[0] != '[' || value[value_length - 1] != ']')
        return hth_config_set(config, key, value, "command line", error);
    /* A list as YAML writes it: the brackets are not part of the text. */
    char *list = malloc(value_length - 1);
    if (!list) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
    memcpy(list, value + 1, value_length - 2);
    list[value_length - 2] = '\0';
    hth_status status = hth_config_set(config, key, list, "command line", error);
    free(list);
    return status;
}

/* ---- The tables ---------------------------------------------------------------------------- */

void hth_catalogue_section(const hth_catalogue *catalogue, char *out, size_t size) {
    const char *text = catalogue->key              ? catalogue->key
                       : catalogue->common.section ? catalogue->common.section
                                                   : catalogue->kind;
    snprintf(out, size, "%.*s", (int)strcspn(text, "."), text);
}

const hth_part *hth_catalogue_chosen(const hth_catalogue *catalogue, const hth_settings *settings) {
    if (!catalogue->key) return NULL;
    const hth_setting *setting = hth_settings_find(settings, catalogue->key);
    const char *name = setting ? setting->value : catalogue->fallback;
    for (size_t i = 0; name && i < catalogue->count; i++)
        if (strcmp(catalogue->at(i)->name, name) == 0) return catalogue->at(i);
    return NULL;
}

void hth_config_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const hth_table *table), void *context) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const hth_part *chosen = hth_catalogue_chosen(all[i], settings);
        /* Tasks and readers exclude each other; what a preset chooses is known to it alone. */
        bool stream = all[i] == &hth_tasks || all[i] == &hth_readers;
        const hth_table common = {all[i], NULL, &all[i]->common, chosen || !stream};
        visit(context, &common);
        for (size_t j = 0; j < all[i]->count; j++) {
            const hth_part *part = all[i]->at(j);
            const hth_table own = {all[i], part, &part->options,
                                   part == chosen || (!chosen && !stream)};
            if (part->options.count) visit(context, &own);
        }
    }
}
