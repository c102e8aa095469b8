/* hitherto list settings --schema: a JSON Schema (draft 2020-12) of a settings file, from the tables of the options. An
 * editor that knows it completes the names of settings and underlines wrong values. */
#include "cli/cli.h"

#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

/* ---- One option ----------------------------------------------------------------------------------------- */

static cJSON *of_type(const char *type) {
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "type", type);
    return schema;
}

static cJSON *of_types(const char *const types[], int count) {
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddItemToObject(schema, "type", cJSON_CreateStringArray(types, count));
    return schema;
}

static cJSON *one_of_texts(const char *const *texts, size_t count) {
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddItemToObject(schema, "enum", cJSON_CreateStringArray(texts, (int)count));
    return schema;
}

static cJSON *one_of_choices(const char *const *choices) {
    size_t count = 0;
    while (choices[count]) count++;
    return one_of_texts(choices, count);
}

/* What a value of this option is like, without its description. Bounds hold for numbers alone, not for lists of them in
 * a text. */
static cJSON *value_schema(const hth_option *option) {
    static const char *const texts[] = {"string", "number", "boolean", "array"};
    static const char *const units[] = {"number", "string", "array"};
    static const char *const lists[] = {"string", "array"};
    cJSON *schema = NULL;
    /* The type; only numbers have bounds. */
    switch (option->kind) {
    case HTH_KIND_BOOL:
        return of_type("boolean");
    case HTH_KIND_CHOICE:
        return one_of_choices(option->choices);
    case HTH_KIND_CHOICES:
        return of_types(lists, 2);
    case HTH_KIND_TEXT:
        return of_types(texts, 4);
    case HTH_KIND_UNITS:
        schema = of_types(units, 3);
        break;
    case HTH_KIND_INTEGER:
        schema = of_type("integer");
        break;
    case HTH_KIND_REAL:
        schema = of_type("number");
        break;
    }
    if (schema && (option->min != 0 || option->max != 0)) {
        cJSON_AddNumberToObject(schema, "minimum", option->min);
        cJSON_AddNumberToObject(schema, "maximum", option->max);
    }
    return schema;
}

static cJSON *option_schema(const hth_option *option) {
    cJSON *schema = value_schema(option);
    cJSON_AddStringToObject(schema, "description", option->help);
    if (option->fallback && *option->fallback)
        cJSON_AddStringToObject(schema, "default", option->fallback);
    return schema;
}

/* ---- All settings by their names ------------------------------------------------------------------------ */

/* Adds a setting to the properties. Cells may share a name, such as tau_m: its value then suits one of them. */
static void add_setting(cJSON *properties, const char *key, cJSON *schema) {
    cJSON *before = cJSON_GetObjectItemCaseSensitive(properties, key);
    cJSON *all = before ? cJSON_GetObjectItemCaseSensitive(before, "anyOf") : NULL;
    if (!before) {
        cJSON_AddItemToObject(properties, key, schema);
    } else if (all) {
        cJSON_AddItemToArray(all, schema);
    } else {
        cJSON *both = cJSON_CreateObject();
        all = cJSON_AddArrayToObject(both, "anyOf");
        cJSON_AddItemToArray(all, cJSON_DetachItemFromObjectCaseSensitive(properties, key));
        cJSON_AddItemToArray(all, schema);
        cJSON_AddItemToObject(properties, key, both);
    }
}

static void add_options(cJSON *properties, const hth_options *options) {
    char key[HTH_KEY_LENGTH];
    for (size_t i = 0; i < options->count; i++) {
        snprintf(key, sizeof key, "%s.%s", options->section, options->items[i].name);
        add_setting(properties, key, option_schema(&options->items[i]));
    }
}

/* "cell.name" with the names of all cells. */
static void add_choice(cJSON *properties, const hth_catalogue *catalogue) {
    const char *names[128];
    size_t count = 0;
    for (; count < catalogue->count && count < HTH_COUNT(names); count++)
        names[count] = catalogue->at(count)->name;
    cJSON *schema = one_of_texts(names, count);
    cJSON_AddStringToObject(schema, "description", catalogue->summary);
    if (catalogue->fallback) cJSON_AddStringToObject(schema, "default", catalogue->fallback);
    cJSON_AddItemToObject(properties, catalogue->key, schema);
}

/* Every setting as `section.name`. */
static cJSON *all_settings(void) {
    cJSON *properties = cJSON_CreateObject();
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->key) add_choice(properties, all[i]);
        add_options(properties, &all[i]->common);
        for (size_t j = 0; j < all[i]->count; j++) add_options(properties, &all[i]->at(j)->options);
    }
    return properties;
}

/* ---- The file -------------------------------------------------------------------------------------------- */

static cJSON *reference(const char *key) {
    cJSON *schema = cJSON_CreateObject();
    char path[HTH_KEY_LENGTH + 16];
    snprintf(path, sizeof path, "#/$defs/%s", key);
    cJSON_AddStringToObject(schema, "$ref", path);
    return schema;
}

/* Settings like those of a whole file, as arms and phases have them. */
static cJSON *settings_within(void) {
    cJSON *schema = cJSON_CreateObject();
    cJSON_AddStringToObject(schema, "$ref", "#");
    return schema;
}

/* The mapping below a section, such as `cell:`; made when its first setting comes. In that of phases each further name
 * is a phase. */
static cJSON *section_of(cJSON *sections, const char *name) {
    cJSON *section = cJSON_GetObjectItemCaseSensitive(sections, name);
    if (section) return section;
    section = of_type("object");
    cJSON_AddObjectToObject(section, "properties");
    if (strcmp(name, "phases") == 0)
        cJSON_AddItemToObject(section, "additionalProperties", settings_within());
    else
        cJSON_AddBoolToObject(section, "additionalProperties", false);
    cJSON_AddItemToObject(sections, name, section);
    return section;
}

/* Sections as mappings, and every setting by its whole name as well. The name of a section alone chooses its part. */
static void add_properties(cJSON *schema, const cJSON *settings) {
    cJSON *sections = cJSON_CreateObject(),
          *properties = cJSON_AddObjectToObject(schema, "properties");
    /* Each setting, in the mapping of its section and by its whole name. */
    const cJSON *setting;
    cJSON_ArrayForEach(setting, settings) {
        char name[HTH_KEY_LENGTH];
        const char *key = setting->string, *rest = key + strcspn(key, ".") + 1;
        snprintf(name, sizeof name, "%.*s", (int)(rest - key - 1), key);
        cJSON *section = section_of(sections, name);
        cJSON_AddItemToObject(cJSON_GetObjectItemCaseSensitive(section, "properties"), rest,
                              reference(key));
        cJSON_AddItemToObject(properties, key, reference(key));
    }
    /* Each section, as a mapping or as the name of its part. */
    cJSON *section;
    cJSON_ArrayForEach(section, sections) {
        cJSON *either = cJSON_CreateObject(), *ways = cJSON_AddArrayToObject(either, "anyOf");
        char key[HTH_KEY_LENGTH];
        snprintf(key, sizeof key, "%s.name", section->string);
        cJSON_AddItemToArray(ways, cJSON_Duplicate(section, true));
        if (cJSON_HasObjectItem(settings, key)) cJSON_AddItemToArray(ways, reference(key));
        cJSON_AddItemToObject(properties, section->string, either);
    }
    cJSON_Delete(sections);
}

/* What `compare` reads beside the settings of a run: arms, each with settings of its own, and lists to vary over. */
static void add_compare(cJSON *schema) {
    cJSON *properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    cJSON *arms = of_type("object");
    cJSON_AddItemToObject(arms, "additionalProperties", settings_within());
    cJSON_AddItemToObject(properties, "arms", arms);
    cJSON_AddItemToObject(properties, "vary", of_type("object"));
    cJSON *layers = cJSON_AddObjectToObject(schema, "patternProperties");
    cJSON_AddItemToObject(layers, "^layer[0-9]+(\\..*)?$", cJSON_CreateObject());
    cJSON_AddItemToObject(layers, "^phases\\..*\\..*$", cJSON_CreateObject());
}

int cli_list_schema(void) {
    cJSON *schema = cJSON_CreateObject(), *settings = all_settings();
    cJSON_AddStringToObject(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    cJSON_AddStringToObject(schema, "title", "Settings of Hitherto");
    cJSON_AddStringToObject(schema, "type", "object");
    add_properties(schema, settings);
    add_compare(schema);
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    cJSON_AddItemToObject(schema, "$defs", settings);
    char *text = cJSON_Print(schema);
    cJSON_Delete(schema);
    if (!text) return cli_complain(CLI_FAILED, "not enough memory");
    puts(text);
    free(text);
    return CLI_OK;
}
