/*
 * Settings taken over from another run, of which later ones have changed some. A run's file names every setting, so a
 * new cell, optimiser or reader leaves those of the old one without a meaning.
 */
#include "network/catalogues.h"
#include "settings/config.h"
#include "tasks/catalogues.h"

#include <stdlib.h>
#include <string.h>

/* The settings behind the first `count`; an empty list of none. */
static hth_settings behind(const hth_config *config, size_t count) {
    if (config->count == count) return (hth_settings){0};
    return (hth_settings){config->items + count, config->count - count};
}

/* Whether a catalogue's part is chosen behind the first `count` settings. */
static bool chosen_later(const hth_config *config, size_t count, const hth_catalogue *catalogue) {
    const hth_settings later = behind(config, count);
    return hth_settings_find(&later, catalogue->key) != NULL;
}

/* Whether `key` is a setting of the catalogue's section. */
static bool is_of(const hth_catalogue *catalogue, const char *key) {
    char section[HTH_KEY_LENGTH];
    hth_catalogue_section(catalogue, section, sizeof section);
    const size_t length = strlen(section);
    return strncmp(key, section, length) == 0 && key[length] == '.';
}

/* Whether the settings behind the first `count` give `key` another value. */
static bool changes(const hth_config *config, size_t count, const char *key) {
    const hth_settings before = {config->items, count};
    const hth_settings later = behind(config, count);
    const hth_setting *was = hth_settings_find(&before, key), *is = hth_settings_find(&later, key);
    return is && !(was && strcmp(was->value, is->value) == 0);
}

/* cell.learn, or that of one layer: names parameters, of which each cell has its own. */
static bool is_learned(const char *key) {
    const size_t length = strlen(key), tail = strlen("cell.learn");
    return length >= tail && strcmp(key + length - tail, "cell.learn") == 0;
}

/* Appends ", key" to config->left. */
static hth_status note(hth_config *config, const char *key, hth_error *error) {
    const size_t used = config->left ? strlen(config->left) : 0, more = strlen(key) + 3;
    char *text = realloc(config->left, used + more);
    if (!text) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
    config->left = text;
    text[used] = '\0';
    if (used) strcat(text, ", ");
    strcat(text, key);
    return HTH_OK;
}

static void remove_item(hth_config *config, size_t at) {
    free((char *)(uintptr_t)config->items[at].key);
    memmove(&config->items[at], &config->items[at + 1],
            (--config->count - at) * sizeof *config->items);
}

/* Refuses a setting that has no meaning in its own run either. */
static hth_status check_alone(const hth_config *config, size_t count, hth_error *error) {
    hth_settings alone = hth_config_settings(config);
    alone.count -= config->count - count;
    for (size_t i = 0; i < count; i++)
        HTH_TRY(hth_config_check_setting(&alone, &config->items[i], error));
    return HTH_OK;
}

/* The default agent of a run without a world, which its file has in any case: nothing to speak of. */
static bool is_idle_agent(const hth_setting *setting, bool had_world) {
    return !had_world && strcmp(setting->key, hth_agents.key) == 0 &&
           strcmp(setting->value, hth_agents.fallback) == 0;
}

hth_status hth_config_inherit(hth_config *config, size_t count, hth_error *error) {
    HTH_TRY(check_alone(config, count, error));
    const bool task = chosen_later(config, count, &hth_tasks);
    const bool reader = chosen_later(config, count, &hth_readers);
    const bool world = chosen_later(config, count, &hth_worlds);
    const hth_settings before = {config->items, count};
    const bool had_world = hth_settings_find(&before, hth_worlds.key) != NULL;
    const bool other_cell =
        changes(config, count, hth_cells.key) || changes(config, count, "network.cells");
    /* From the last to the first: a setting of a layer that is no more hides those of the layers below it. */
    for (size_t i = count; i-- > 0;) {
        const hth_settings all = hth_config_settings(config);
        const hth_settings later = behind(config, count);
        const char *key = config->items[i].key;
        /* A run has a task, a reader or a world: a new one of another kind replaces it. */
        const bool replaced =
            ((reader || world) && is_of(&hth_tasks, key)) ||
            ((task || world) && is_of(&hth_readers, key)) ||
            ((task || reader) && (is_of(&hth_worlds, key) || is_of(&hth_agents, key)));
        const bool learned = other_cell && is_learned(key);
        if (!replaced && !learned &&
            hth_config_check_setting(&all, &config->items[i], NULL) == HTH_OK)
            continue;
        if (!hth_settings_find(&later, key) && !is_idle_agent(&config->items[i], had_world))
            HTH_TRY(note(config, key, error));
        remove_item(config, i);
        count--;
    }
    return HTH_OK;
}
