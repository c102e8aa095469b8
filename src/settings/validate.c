/*
 * Validation of settings against all tables at once: each key is known, belongs to a part that is
 * chosen, and has a value of its type within its bounds; what has no default is given.
 */
#include "settings/config.h"

#include "tasks/catalogues.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 128 };

/* What the walk over the tables finds out about one setting. */
typedef struct key_lookup {
    const hth_settings *settings;
    const hth_setting *setting;
    const char *name; /* behind the dot */
    bool section_known, found;
    const char *fallback; /* of the option of that key */
    hth_status status;
    hth_error *error;
    /* Settings of that name of parts that are not chosen. */
    const hth_catalogue *stranger;
    const hth_part *stranger_chosen;
    char owners[HTH_WORDS_LENGTH];
    const char *names[MAX_NAMES]; /* what could be meant: the section's active names */
    size_t name_count;
} key_lookup;

static bool in_section(const char *key, const char *section) {
    size_t length = strlen(section);
    return strncmp(key, section, length) == 0 && key[length] == '.';
}

static void add_name(key_lookup *lookup, const char *name) {
    if (lookup->name_count < MAX_NAMES) lookup->names[lookup->name_count++] = name;
}

static void add_owner(key_lookup *lookup, const hth_table *table) {
    size_t used = strlen(lookup->owners);
    lookup->stranger = table->catalogue;
    lookup->stranger_chosen = hth_catalogue_chosen(table->catalogue, lookup->settings);
    snprintf(lookup->owners + used, sizeof lookup->owners - used, "%s%s", used ? ", " : "",
             table->part ? table->part->name : "*");
}

static hth_status check_value(const hth_option *option, const char *section,
                              const hth_setting *setting, hth_error *error) {
    union {
        bool flag;
        int64_t whole;
        double real;
        int choice;
        const char *text;
    } value;
    return hth_option_parse(option, section, setting, &value, error);
}

static void look_in_table(void *context, const hth_table *table) {
    key_lookup *lookup = context;
    const hth_options *options = table->options;
    if (lookup->status != HTH_OK) return;
    if (!options->section || !in_section(lookup->setting->key, options->section)) return;
    lookup->section_known = true;
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        bool same = strcmp(option->name, lookup->name) == 0;
        if (table->active) add_name(lookup, option->name);
        if (same && !table->active) add_owner(lookup, table);
        if (!same || !table->active || lookup->found) continue;
        lookup->found = true;
        lookup->fallback = option->fallback;
        lookup->status = check_value(option, options->section, lookup->setting, lookup->error);
    }
}

/* Is it the setting that chooses a part of some catalogue? It may be an option as well, whose default
 * leaves the choice to another setting ("learner.past: preset"). */
static void look_in_keys(key_lookup *lookup) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count && lookup->status == HTH_OK; i++) {
        size_t index;
        if (!all[i]->key) continue;
        const char *dot = strchr(all[i]->key, '.');
        char section[HTH_KEY_LENGTH];
        hth_catalogue_section(all[i], section, sizeof section);
        if (!in_section(lookup->setting->key, section)) continue;
        lookup->section_known = true;
        add_name(lookup, dot + 1);
        if (strcmp(all[i]->key, lookup->setting->key) != 0) continue;
        const hth_settings alone = {lookup->setting, 1};
        lookup->found = true;
        if (lookup->fallback && strcmp(lookup->fallback, lookup->setting->value) == 0) continue;
        lookup->status = hth_part_choose(all[i], &alone, &index, lookup->error);
    }
}

/* "cell.beta is a setting of cell alif, not of lstm". */
static hth_status complain_stranger(const key_lookup *lookup, const char *where) {
    const hth_catalogue *catalogue = lookup->stranger;
    const hth_part *chosen = lookup->stranger_chosen;
    if (chosen)
        return hth_fail(lookup->error, HTH_INVALID, "%s%s is a setting of %s %s, not of %s", where,
                        lookup->setting->key, catalogue->kind, lookup->owners, chosen->name);
    return hth_fail(lookup->error, HTH_INVALID, "%s%s is a setting of %s %s, but %s is not given",
                    where, lookup->setting->key, catalogue->kind, lookup->owners, catalogue->key);
}

static hth_status complain_section(const key_lookup *lookup, const char *where,
                                   const char *section) {
    const char *sections[32], *near;
    size_t count, used = 0;
    const hth_catalogue *const *all = hth_catalogues(&count);
    char names[32][HTH_KEY_LENGTH];
    for (size_t i = 0; i < count && used < HTH_COUNT(names); i++) {
        hth_catalogue_section(all[i], names[used], sizeof names[used]);
        sections[used] = names[used];
        used++;
    }
    if (used < HTH_COUNT(names)) sections[used++] = "arms";
    if (used < HTH_COUNT(names)) sections[used++] = "vary";
    near = hth_nearest(section, sections, used);
    return hth_fail(lookup->error, HTH_INVALID,
                    "%sunknown setting %.80s: there is no section %s%s%s%s", where,
                    lookup->setting->key, section, near ? "; did you mean '" : "", near ? near : "",
                    near ? "'?" : "");
}

static hth_status complain_unknown(const key_lookup *lookup) {
    const hth_setting *setting = lookup->setting;
    char where[520], section[HTH_KEY_LENGTH];
    snprintf(where, sizeof where, "%s%s", setting->origin ? setting->origin : "",
             setting->origin ? ": " : "");
    snprintf(section, sizeof section, "%.*s", (int)(lookup->name - setting->key - 1), setting->key);
    if (lookup->stranger) return complain_stranger(lookup, where);
    if (!lookup->section_known) return complain_section(lookup, where, section);
    const char *near = hth_nearest(lookup->name, lookup->names, lookup->name_count);
    if (near)
        return hth_fail(lookup->error, HTH_INVALID,
                        "%sunknown setting %.80s; did you mean '%s.%s'?", where, setting->key,
                        section, near);
    return hth_fail(lookup->error, HTH_INVALID,
                    "%sunknown setting %.80s; 'hitherto list settings %s' shows what there is",
                    where, setting->key, section);
}

static hth_status check_setting(const hth_settings *settings, const hth_setting *setting,
                                hth_error *error) {
    key_lookup lookup = {.settings = settings,
                         .setting = setting,
                         .name = strchr(setting->key, '.') + 1,
                         .status = HTH_OK,
                         .error = error};
    hth_config_each_table(settings, look_in_table, &lookup);
    look_in_keys(&lookup);
    if (lookup.status != HTH_OK) return lookup.status;
    return lookup.found ? HTH_OK : complain_unknown(&lookup);
}

/* Options without a default, of what is chosen. */
typedef struct unmet_need {
    const hth_settings *settings;
    hth_status status;
    hth_error *error;
} unmet_need;

static void check_given(void *context, const hth_table *table) {
    unmet_need *need = context;
    /* A part that a preset may or may not choose demands nothing here. */
    bool chosen =
        !table->part || table->part == hth_catalogue_chosen(table->catalogue, need->settings);
    if (!table->active || !chosen) return;
    for (size_t i = 0; i < table->options->count && need->status == HTH_OK; i++) {
        const hth_option *option = &table->options->items[i];
        char key[HTH_KEY_LENGTH];
        snprintf(key, sizeof key, "%s.%s", table->options->section, option->name);
        if (option->fallback || hth_settings_find(need->settings, key)) continue;
        need->status =
            hth_fail(need->error, HTH_INVALID, "%s must be given: %s", key, option->help);
    }
}

/* Where the numbers come from: exactly one task or reader. */
static hth_status check_stream(const hth_settings *settings, hth_error *error) {
    const hth_setting *task = hth_settings_find(settings, hth_tasks.key);
    const hth_setting *data = hth_settings_find(settings, hth_readers.key);
    if (task && data)
        return hth_fail(error, HTH_INVALID,
                        "both %s (%s) and %s (%s) are given; a run has one or the other", task->key,
                        task->origin ? task->origin : "set", data->key,
                        data->origin ? data->origin : "set");
    if (task || data) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "there is nothing to learn from: give a task (task=add) or data (data=text "
                    "data.dir=FOLDER); 'hitherto list tasks' and 'hitherto list data' show them");
}

hth_status hth_config_validate(const hth_config *config, hth_error *error) {
    const hth_settings settings = hth_config_settings(config), given = hth_config_given(config);
    /* Conventions speak of parts that may not be chosen; only what was given must fit. */
    for (size_t i = 0; i < given.count; i++)
        HTH_TRY(check_setting(&settings, &given.items[i], error));
    HTH_TRY(check_stream(&settings, error));
    unmet_need need = {&settings, HTH_OK, error};
    hth_config_each_table(&settings, check_given, &need);
    return need.status;
}
