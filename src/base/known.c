/*
 * The tables of catalogues, and the check of one setting against all of them at once: its key is known, belongs to a
 * part that is chosen, and its value has its type and bounds.
 */
#include "base/known.h"

#include <stdio.h>
#include <string.h>

/* ---- The tables ---------------------------------------------------------------------------- */

/* Text that begins with the section of a catalogue, and ends there or goes on with a dot. */
static const char *section_text(const hth_catalogue *catalogue) {
    return catalogue->key              ? catalogue->key
           : catalogue->common.section ? catalogue->common.section
                                       : catalogue->kind;
}

void hth_catalogue_section(const hth_catalogue *catalogue, char *out, size_t size) {
    const char *text = section_text(catalogue);
    snprintf(out, size, "%.*s", (int)strcspn(text, "."), text);
}

const hth_part *hth_catalogue_chosen(const hth_catalogue *catalogue, const hth_settings *settings) {
    if (catalogue->chosen) return catalogue->chosen(settings);
    if (!catalogue->key) return NULL;
    const hth_setting *setting = hth_settings_find(settings, catalogue->key);
    const char *name = setting ? setting->value : catalogue->fallback;
    for (size_t i = 0; name && i < catalogue->count; i++)
        if (strcmp(catalogue->at(i)->name, name) == 0) return catalogue->at(i);
    return NULL;
}

void hth_table_key(const hth_table *table, const hth_option *option, char out[HTH_KEY_LENGTH]) {
    snprintf(out, HTH_KEY_LENGTH, "%s%s.%s", table->prefix, table->options->section, option->name);
}

void hth_each_table(const hth_known *known, const hth_settings *settings,
                    void (*visit)(void *context, const hth_table *table), void *context) {
    const hth_catalogue *const *all = known->catalogues;
    for (size_t i = 0; i < known->count; i++) {
        const hth_part *chosen = hth_catalogue_chosen(all[i], settings);
        const hth_table common = {all[i], NULL, &all[i]->common, "", chosen || !all[i]->optional,
                                  false,  true};
        visit(context, &common);
        if (all[i]->each_table && all[i]->each_table(settings, visit, context)) continue;
        for (size_t j = 0; j < all[i]->count; j++) {
            const hth_part *part = all[i]->at(j);
            const hth_table own = {all[i],
                                   part,
                                   &part->options,
                                   "",
                                   part == chosen || (!chosen && !all[i]->optional),
                                   false,
                                   part == chosen};
            if (part->options.count) visit(context, &own);
        }
    }
}

/* ---- One setting --------------------------------------------------------------------------- */

enum { MAX_NAMES = 128 };

/* What the walk over the tables finds out about one setting. */
typedef struct key_lookup {
    const hth_known *known;
    const hth_settings *settings;
    const hth_setting *setting;
    const char *name; /* behind the dot */
    bool section_known, found;
    const char *fallback; /* of the option of that key */
    hth_status status;
    hth_error *error;
    /* Settings of that name of parts that are not chosen. */
    const hth_catalogue *stranger;
    const char *own; /* of a setting of one layer: the part that the layer has; NULL: of all */
    char owners[HTH_WORDS_LENGTH];
    const char *names[MAX_NAMES]; /* what could be meant: the section's active names */
    size_t name_count;
} key_lookup;

/* section: as section_text gives it. */
static bool in_section(const char *key, const char *section) {
    const size_t length = strcspn(section, ".");
    return strncmp(key, section, length) == 0 && key[length] == '.';
}

/* Whether the key is in the section that a table describes, with the table's prefix before it. */
static bool in_table(const char *key, const hth_table *table) {
    const size_t prefix = strlen(table->prefix);
    return table->options->section && strncmp(key, table->prefix, prefix) == 0 &&
           in_section(key + prefix, table->options->section);
}

/* Whether parts have settings of the key's section: they may have one of their own. */
static bool part_has_section(const hth_catalogue *catalogue, const char *key) {
    bool any = false;
    for (size_t i = 0; i < catalogue->count; i++) {
        const char *section = catalogue->at(i)->options.section;
        any = any || (section && in_section(key, section));
    }
    return any;
}

static bool catalogue_has_section(const hth_catalogue *catalogue, const char *key) {
    const char *common = catalogue->common.section;
    return in_section(key, section_text(catalogue)) || (common && in_section(key, common)) ||
           part_has_section(catalogue, key);
}

/* Whether a catalogue may have the setting: "cell.beta", and "layer1.cell.beta". */
static bool may_have(const hth_catalogue *catalogue, const char *key) {
    return catalogue_has_section(catalogue, key) ||
           (catalogue->each_table && catalogue_has_section(catalogue, strchr(key, '.') + 1));
}

static void add_name(key_lookup *lookup, const char *name) {
    if (lookup->name_count < MAX_NAMES) lookup->names[lookup->name_count++] = name;
}

static void add_owner(key_lookup *lookup, const hth_table *table) {
    size_t used = strlen(lookup->owners);
    lookup->stranger = table->catalogue;
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
    char section[HTH_KEY_LENGTH];
    if (lookup->status != HTH_OK || !in_table(lookup->setting->key, table)) return;
    snprintf(section, sizeof section, "%s%s", table->prefix, options->section);
    lookup->section_known = true;
    if (*table->prefix && table->active) lookup->own = table->part->name;
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        bool same = strcmp(option->name, lookup->name) == 0;
        if (table->active) add_name(lookup, option->name);
        if (same && !table->active) add_owner(lookup, table);
        if (!same || !table->active || lookup->found) continue;
        lookup->found = true;
        lookup->fallback = option->fallback;
        lookup->status = check_value(option, section, lookup->setting, lookup->error);
    }
}

/* Is it the setting that chooses a part of some catalogue? It may be an option as well, whose default
 * leaves the choice to another setting ("learner.past: preset"). */
static void look_in_keys(key_lookup *lookup) {
    const hth_catalogue *const *all = lookup->known->catalogues;
    for (size_t i = 0; i < lookup->known->count && lookup->status == HTH_OK; i++) {
        size_t index;
        if (!all[i]->key) continue;
        const char *dot = strchr(all[i]->key, '.');
        if (!in_section(lookup->setting->key, section_text(all[i]))) continue;
        lookup->section_known = true;
        add_name(lookup, dot + 1);
        if (strcmp(all[i]->key, lookup->setting->key) != 0) continue;
        const hth_settings alone = {lookup->setting, 1};
        lookup->found = true;
        if (lookup->fallback && strcmp(lookup->fallback, lookup->setting->value) == 0) continue;
        lookup->status = hth_part_choose(all[i], &alone, &index, lookup->error);
    }
}

/* What is chosen in a stranger's place. "": nothing. */
static void find_chosen(const key_lookup *lookup, char *out, size_t size) {
    const hth_catalogue *catalogue = lookup->stranger;
    const hth_part *chosen = hth_catalogue_chosen(catalogue, lookup->settings);
    *out = 0;
    if (lookup->own)
        snprintf(out, size, "%s", lookup->own);
    else if (catalogue->names)
        catalogue->names(lookup->settings, out, size);
    if (!*out) snprintf(out, size, "%s", chosen ? chosen->name : "");
}

/* "cell.beta is a setting of cell alif, not of lstm". */
static hth_status complain_stranger(const key_lookup *lookup, const char *where) {
    const hth_catalogue *catalogue = lookup->stranger;
    char names[HTH_WORDS_LENGTH];
    find_chosen(lookup, names, sizeof names);
    if (*names)
        return hth_fail(lookup->error, HTH_INVALID, "%s%s is a setting of %s %s, not of %s", where,
                        lookup->setting->key, catalogue->kind, lookup->owners, names);
    return hth_fail(lookup->error, HTH_INVALID, "%s%s is a setting of %s %s, but %s is not given",
                    where, lookup->setting->key, catalogue->kind, lookup->owners, catalogue->key);
}

static hth_status complain_section(const key_lookup *lookup, const char *where,
                                   const char *section) {
    const hth_known *known = lookup->known;
    const char *sections[32], *near;
    size_t used = 0;
    char names[32][HTH_KEY_LENGTH];
    for (size_t i = 0; i < known->count && used < HTH_COUNT(names); i++) {
        hth_catalogue_section(known->catalogues[i], names[used], sizeof names[used]);
        sections[used] = names[used];
        used++;
    }
    for (size_t i = 0; known->sections && known->sections[i] && used < HTH_COUNT(names); i++)
        sections[used++] = known->sections[i];
    near = hth_nearest(section, sections, used);
    /* "phase.first.train.steps": the first word alone may be near. */
    char first[HTH_KEY_LENGTH];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(section, "."), section);
    if (!near && strchr(section, '.')) near = hth_nearest(first, sections, used);
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

/* Looks for the key in all tables. */
static void look(key_lookup *lookup) {
    lookup->name = strrchr(lookup->setting->key, '.') + 1;
    lookup->status = HTH_OK;
    for (size_t i = 0; i < lookup->known->count; i++) {
        const hth_known one = {&lookup->known->catalogues[i], 1, NULL};
        if (may_have(one.catalogues[0], lookup->setting->key))
            hth_each_table(&one, lookup->settings, look_in_table, lookup);
    }
    look_in_keys(lookup);
}

static hth_status check_form(const hth_setting *setting, hth_error *error) {
    const char *key = setting->key;
    if (!key || !strchr(key, '.') || !setting->value)
        return hth_fail(error, HTH_INVALID,
                        "setting '%.60s' has no %s; settings are written section.name",
                        key ? key : "", key && strchr(key, '.') ? "value" : "section");
    return HTH_OK;
}

hth_status hth_setting_check(const hth_known *known, const hth_settings *settings,
                             const hth_setting *setting, hth_error *error) {
    key_lookup lookup = {.known = known, .settings = settings, .setting = setting, .error = error};
    HTH_TRY(check_form(setting, error));
    look(&lookup);
    if (lookup.status != HTH_OK) return lookup.status;
    return lookup.found ? HTH_OK : complain_unknown(&lookup);
}

hth_status hth_setting_check_name(const hth_known *known, const hth_settings *settings,
                                  const hth_setting *setting, hth_error *error) {
    key_lookup lookup = {.known = known, .settings = settings, .setting = setting};
    HTH_TRY(check_form(setting, error));
    look(&lookup); /* whoever reads the setting says what is wrong with its value */
    lookup.error = error;
    return lookup.found || lookup.stranger ? HTH_OK : complain_unknown(&lookup);
}

hth_status hth_settings_check_names(const hth_known *known, const hth_settings *settings,
                                    hth_error *error) {
    for (size_t i = 0; settings && i < settings->count; i++) {
        const hth_setting *setting = &settings->items[i];
        HTH_TRY(check_form(setting, error));
        bool any = false;
        for (size_t j = 0; j < known->count && !any; j++)
            any = may_have(known->catalogues[j], setting->key);
        if (any) HTH_TRY(hth_setting_check_name(known, settings, setting, error));
    }
    return HTH_OK;
}
