/*
 * The settings of a run: a list that owns its texts and grows by files and by key=value, the walk over the tables
 * that give settings their meaning, and the catalogues in the order in which pages show them.
 */
#include "settings/config.h"
#include "settings/phases.h"
#include "settings/sections.h"

#include "credit/catalogues.h"
#include "credit/episode/inspect.h"
#include "metrics/catalogues.h"
#include "network/catalogues.h"
#include "optim/catalogues.h"
#include "tasks/catalogues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const hth_catalogue *const *hth_catalogues(size_t *count) {
    static const hth_catalogue *const all[] = {
        &hth_tasks,
        &hth_readers,
        &hth_worlds,
        &hth_agents,
        &hth_view_section,
        &hth_network_section,
        &hth_layer_kinds,
        &hth_cells,
        &hth_readout_section,
        &hth_losses,
        &hth_regulariser_section,
        &hth_init_section,
        &hth_conventions,
        &hth_learners,
        &hth_signals,
        &hth_recurrences,
        &hth_pasts,
        &hth_futures,
        &hth_module_section,
        &hth_episode_section,
        &hth_optimisers,
        &hth_schedules,
        &hth_keeps,
        &hth_replays,
        &hth_metrics,
        &hth_phases_section,
        &hth_train_section,
        &hth_check_section,
        &hth_compare_section,
    };
    *count = HTH_COUNT(all);
    return all;
}

hth_known hth_config_known(void) {
    static const char *const compared[] = {"arms", "vary", NULL};
    hth_known known = {.sections = compared};
    known.catalogues = hth_catalogues(&known.count);
    return known;
}

/* ---- The list ------------------------------------------------------------------------------ */

hth_status hth_config_create(hth_config **out, hth_error *error) {
    *out = calloc(1, sizeof **out);
    return *out ? HTH_OK : hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
}

/* The start of the memory block. Room for the settings of conventions comes first, then the items. */
static hth_setting *block_of(const hth_config *config) {
    return config->items ? config->items - HTH_MOST_CONVENTIONS : NULL;
}

/* Puts the settings of conventions.name before the items. */
static void follow_conventions(hth_config *config) {
    const hth_settings given = hth_config_given(config);
    const hth_setting *name = hth_settings_find(&given, hth_conventions.key);
    hth_setting settings[HTH_MOST_CONVENTIONS];
    config->conventions = name ? hth_conventions_of(name->value, settings) : 0;
    for (size_t i = 0; i < config->conventions; i++)
        config->items[(ptrdiff_t)i - (ptrdiff_t)config->conventions] = settings[i];
}

void hth_config_truncate(hth_config *config, size_t count) {
    while (config->count > count) free((char *)(uintptr_t)config->items[--config->count].key);
    if (config->settled > config->count) config->settled = config->count;
    follow_conventions(config);
}

void hth_config_drop(hth_config *config, size_t count) {
    for (size_t i = 0; i < count; i++) free((char *)(uintptr_t)config->items[i].key);
    memmove(config->items, config->items + count, (config->count - count) * sizeof *config->items);
    config->count -= count;
    config->settled -= count < config->settled ? count : config->settled;
    follow_conventions(config);
}

void hth_config_truncate_arms(hth_config *config, size_t count) {
    while (config->arm_count > count) {
        hth_arm *arm = &config->arms[--config->arm_count];
        hth_config_destroy(arm->own);
        free(arm->label);
        free(arm->origin);
    }
}

void hth_config_destroy(hth_config *config) {
    if (!config) return;
    hth_config_truncate(config, 0);
    hth_config_truncate_arms(config, 0);
    hth_config_destroy(config->vary);
    free(config->arms);
    free(config->left);
    free(block_of(config));
    free(config);
}

hth_settings hth_config_given(const hth_config *config) {
    return (hth_settings){config->items, config->count};
}

hth_settings hth_config_settings(const hth_config *config) {
    if (config->conventions == 0) return hth_config_given(config);
    return (hth_settings){config->items - config->conventions, config->conventions + config->count};
}

static bool make_room(hth_config *config) {
    if (config->count < config->capacity) return true;
    size_t capacity = config->capacity ? 2 * config->capacity : 32;
    hth_setting *block =
        realloc(block_of(config), (HTH_MOST_CONVENTIONS + capacity) * sizeof *block);
    if (!block) return false;
    config->items = block + HTH_MOST_CONVENTIONS;
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
    if (strcmp(key, hth_conventions.key) == 0) follow_conventions(config);
    return HTH_OK;
}

/* ---- Arms and varied settings -------------------------------------------------------------- */

hth_status hth_config_arm(hth_config *config, const char *label, const char *origin, hth_arm **out,
                          hth_error *error) {
    /* Return the arm with this label if there is one. */
    for (size_t i = 0; i < config->arm_count; i++)
        if (strcmp(config->arms[i].label, label) == 0) {
            *out = &config->arms[i];
            return HTH_OK;
        }
    /* Otherwise append a new arm. */
    hth_arm *arms = realloc(config->arms, (config->arm_count + 1) * sizeof *arms);
    if (!arms) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
    config->arms = arms;
    hth_arm *arm = &arms[config->arm_count++];
    *arm = (hth_arm){strdup(label), origin ? strdup(origin) : NULL, NULL};
    hth_status status = arm->label && (arm->origin || !origin) ? HTH_OK : HTH_NO_MEMORY;
    if (status == HTH_OK)
        status = hth_config_create(&arm->own, error);
    else
        hth_fail(error, status, "not enough memory for the settings");
    /* Without memory for its parts it is removed. */
    if (status != HTH_OK) hth_config_truncate_arms(config, config->arm_count - 1);
    *out = arm;
    return status;
}

/* What stands in `vary` or in an arm are settings of a run, and no more of either. */
static hth_status check_inner(const char *key, const char *whole, const char *origin,
                              hth_error *error) {
    if (strncmp(key, "vary.", 5) != 0 && strncmp(key, "arms.", 5) != 0) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "%s: %.100s: `vary` and arms hold settings of a run, such as network.units, and "
        "neither `vary` nor `arms`",
        origin, whole);
}

hth_status hth_config_home(hth_config *config, const char **key, const char *origin,
                           hth_config **out, hth_error *error) {
    const char *whole = *key;
    char label[HTH_KEY_LENGTH];
    hth_arm *arm;
    *out = config;
    if (strncmp(*key, "vary.", 5) == 0) {
        *key += 5;
        HTH_TRY(check_inner(*key, whole, origin, error));
        if (!config->vary) HTH_TRY(hth_config_create(&config->vary, error));
        *out = config->vary;
        return HTH_OK;
    }
    /* A key of an arm: find the arm, or make it. */
    const char *dot = strncmp(*key, "arms.", 5) == 0 ? strchr(*key + 5, '.') : NULL;
    if (!dot || dot == *key + 5) return HTH_OK;
    HTH_TRY(check_inner(dot + 1, whole, origin, error));
    snprintf(label, sizeof label, "%.*s", (int)(dot - *key - 5), *key + 5);
    HTH_TRY(hth_config_arm(config, label, origin, &arm, error));
    *key = dot + 1;
    *out = arm->own;
    return HTH_OK;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

/* Searches all sections for an option with this name, for "did you mean cell.tau_m?"; of several, that of section train
 * is meant. *out "" if there is none. */
typedef struct name_search {
    const char *name;
    char *out;
    size_t size;
} name_search;

static void search_table(void *context, const hth_table *table) {
    name_search *search = context;
    const char *section = table->options->section;
    if (*search->out && !(section && strcmp(section, "train") == 0)) return;
    for (size_t i = 0; i < table->options->count; i++)
        if (strcmp(table->options->items[i].name, search->name) == 0)
            snprintf(search->out, search->size, "%s.%s", section, search->name);
}

bool hth_config_meant(const char *name, char out[HTH_KEY_LENGTH]) {
    name_search search = {name, out, HTH_KEY_LENGTH};
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    *out = '\0';
    for (size_t i = 0; i < count; i++)
        if (all[i]->key && strcmp(all[i]->kind, name) == 0)
            snprintf(out, HTH_KEY_LENGTH, "%s", name);
    if (*out) return true;
    hth_config_each_table(NULL, search_table, &search);
    return *out != '\0';
}

static hth_status complain_bare(const char *key, const char *origin, hth_error *error) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    const char *kinds[32], *where = origin ? origin : "", *colon = origin ? ": " : "";
    /* The key may be the name of a section; collect the names that would have been right. */
    size_t kind_count = 0;
    for (size_t i = 0; i < count && kind_count < HTH_COUNT(kinds); i++) {
        if (strcmp(all[i]->kind, key) == 0)
            return hth_fail(error, HTH_INVALID,
                            "%s%s%s is a section and takes no value of its own; write %s.<name>",
                            where, colon, key, key);
        if (all[i]->key) kinds[kind_count++] = all[i]->kind;
    }
    /* Refuse a value for arms or vary, which have no catalogue. */
    if (strcmp(key, "vary") == 0 || strcmp(key, "arms") == 0)
        return hth_fail(error, HTH_INVALID,
                        "%s%s%s is a section and takes no value of its own; write %s", where, colon,
                        key, *key == 'v' ? "vary.<setting>=<values>" : "arms.<label>.<setting>");
    /* An option's name without its section, or a misspelt name. */
    char meant[HTH_KEY_LENGTH];
    const char *near = hth_config_meant(key, meant) ? meant : hth_nearest(key, kinds, kind_count);
    return hth_fail(error, HTH_INVALID, "%s%sthere is no setting '%.60s'%s%s%s", where, colon, key,
                    near ? "; did you mean '" : "; settings are written section.name",
                    near ? near : "", near ? "'?" : "");
}

/* Completes the key of a setting that chooses a part: "task" means "task.name", "past" means "learner.past". */
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

/* Adds a setting of a phase, whose own key is completed: "phases.first.task" means "phases.first.task.name". */
static hth_status set_in_phase(hth_config *config, const char *key, const char *value,
                               const char *origin, hth_error *error) {
    char label[HTH_PHASE_LENGTH], whole[2 * HTH_KEY_LENGTH];
    HTH_TRY(hth_phase_check_name(key, origin, error));
    const char *own = hth_phase_key(key, label);
    const int length = (int)(own - key);
    HTH_TRY(full_key(&own, origin, error));
    if (snprintf(whole, sizeof whole, "%.*s%s", length, key, own) >= HTH_KEY_LENGTH)
        return hth_fail(error, HTH_INVALID, "%s%sthe name of setting %.150s is too long",
                        origin ? origin : "", origin ? ": " : "", whole);
    return append(config, whole, value, origin, error);
}

hth_status hth_config_set(hth_config *config, const char *key, const char *value,
                          const char *origin, hth_error *error) {
    hth_config *home;
    HTH_TRY(hth_config_home(config, &key, origin, &home, error));
    if (strncmp(key, "phases.", 7) == 0 && strchr(key + 7, '.'))
        return set_in_phase(home, key, value, origin, error);
    HTH_TRY(full_key(&key, origin, error));
    return append(home, key, value, origin, error);
}

/* Split the text at '='. */
hth_status hth_config_override(hth_config *config, const char *assignment, hth_error *error) {
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    char key[HTH_KEY_LENGTH];
    if (length == 0 || length >= sizeof key)
        return hth_fail(error, HTH_INVALID,
                        "'%.100s' is not a setting; write key=value, for example network.units=100",
                        assignment);
    memcpy(key, assignment, length);
    key[length] = '\0';
    /* Set a plain value as it is. */
    const char *value = equals + 1;
    size_t value_length = strlen(value);
    if (value_length < 2 || value[0] != '[' || value[value_length - 1] != ']')
        return hth_config_set(config, key, value, "command line", error);
    /* A list as YAML writes it: the brackets are not kept. */
    char *list = malloc(value_length - 1);
    if (!list) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
    memcpy(list, value + 1, value_length - 2);
    list[value_length - 2] = '\0';
    hth_status status = hth_config_set(config, key, list, "command line", error);
    free(list);
    return status;
}

hth_status hth_settings_join(const hth_settings *settings, const hth_settings *overrides,
                             hth_settings *out, hth_error *error) {
    const size_t count = settings->count + overrides->count;
    hth_setting *items = calloc(count + 1, sizeof *items);
    if (!items) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for settings");
    for (size_t i = 0; i < settings->count; i++) items[i] = settings->items[i];
    for (size_t i = 0; i < overrides->count; i++) items[settings->count + i] = overrides->items[i];
    *out = (hth_settings){items, count};
    return HTH_OK;
}

/* ---- The tables ---------------------------------------------------------------------------- */

const char *hth_config_value(const hth_settings *settings, const char *key, const char *fallback) {
    const hth_setting *setting = hth_settings_find(settings, key);
    const char *preset = setting ? NULL : hth_preset_says(settings, key);
    return setting ? setting->value : preset ? preset : fallback;
}

const char *hth_table_value(const hth_settings *settings, const hth_table *table,
                            const hth_option *option) {
    char key[HTH_KEY_LENGTH];
    hth_table_key(table, option, key);
    const hth_setting *own = *table->prefix ? hth_settings_find(settings, key) : NULL;
    return own ? own->value
               : hth_config_value(settings, key + strlen(table->prefix),
                                  table->chosen ? option->fallback : NULL);
}

void hth_config_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const hth_table *table), void *context) {
    const hth_known known = hth_config_known();
    hth_each_table(&known, settings, visit, context);
}
