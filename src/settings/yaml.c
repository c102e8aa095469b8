/*
 * Reads settings from YAML. Libyaml's events are flattened into (section.name, text, file:line), so that the tables
 * of options stay the only description of settings. A file is a mapping of sections to mappings of scalars and
 * lists of scalars. Anchors, tags, deeper levels and repeated keys are refused with their line. Only the section
 * arms has one more level: each arm is a name and a mapping like a whole file; and so has each phase of the section
 * phases.
 */
#include "settings/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct yaml_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current event */
    const char *path;
    hth_config *config;
    size_t first, first_varied; /* number of settings before this file */
    const char *prefix;         /* "phases.digits." within a phase, else "" */
    hth_error *error;
} yaml_reader;

static size_t line_of(const yaml_reader *reader) {
    return reader->event.start_mark.line + 1;
}

static hth_status refuse(yaml_reader *reader, const char *reason) {
    return hth_fail(reader->error, HTH_INVALID, "%s:%zu: %s", reader->path, line_of(reader),
                    reason);
}

static hth_status no_memory(yaml_reader *reader) {
    return hth_fail(reader->error, HTH_NO_MEMORY, "not enough memory to read %s", reader->path);
}

static const char *scalar(const yaml_reader *reader) {
    return (const char *)reader->event.data.scalar.value;
}

/* Whether the parser stands before a tab. */
static bool is_tab(const yaml_parser_t *parser) {
    return parser->error == YAML_SCANNER_ERROR && parser->buffer.pointer < parser->buffer.last &&
           *parser->buffer.pointer == '\t';
}

/* Goes to the next event and refuses YAML features that settings do not use. */
static hth_status next(yaml_reader *reader) {
    /* Parse the next event. */
    yaml_event_delete(&reader->event);
    const yaml_parser_t *parser = &reader->parser;
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        if (parser->error == YAML_MEMORY_ERROR) return no_memory(reader);
        return hth_fail(reader->error, HTH_INVALID, "%s:%zu: this is not YAML: %s%s", reader->path,
                        parser->problem_mark.line + 1,
                        parser->problem ? parser->problem : "unknown error",
                        is_tab(parser) ? " (a tab; YAML is indented with spaces)" : "");
    }
    /* Refuse aliases, anchors, tags and zero bytes. */
    switch (reader->event.type) {
    case YAML_ALIAS_EVENT:
        return refuse(reader, "aliases (*name) are not used in settings");
    case YAML_SCALAR_EVENT:
        if (reader->event.data.scalar.anchor || reader->event.data.scalar.tag)
            return refuse(reader, "anchors (&name) and tags (!name) are not used in settings");
        if (strlen(scalar(reader)) != reader->event.data.scalar.length)
            return refuse(reader, "a text holds a zero byte");
        return HTH_OK;
    case YAML_SEQUENCE_START_EVENT:
        if (reader->event.data.sequence_start.anchor || reader->event.data.sequence_start.tag)
            return refuse(reader, "anchors (&name) and tags (!name) are not used in settings");
        return HTH_OK;
    case YAML_MAPPING_START_EVENT:
        if (reader->event.data.mapping_start.anchor || reader->event.data.mapping_start.tag)
            return refuse(reader, "anchors (&name) and tags (!name) are not used in settings");
        return HTH_OK;
    default:
        return HTH_OK;
    }
}

/* Whether the scalar has a value. Otherwise a missing value or null would silently become a text. */
static bool has_value(const yaml_reader *reader) {
    if (reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return true;
    static const char *const nothing[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < HTH_COUNT(nothing); i++)
        if (strcmp(scalar(reader), nothing[i]) == 0) return false;
    return true;
}

static hth_status refuse_key(yaml_reader *reader, const char *key, const char *reason) {
    return hth_fail(reader->error, HTH_INVALID, "%s:%zu: %s %s", reader->path, line_of(reader), key,
                    reason);
}

/* Adds the setting, unless this file has set it before. */
static hth_status keep(yaml_reader *reader, const char *key, const char *value, size_t line) {
    char origin[512], whole[2 * HTH_KEY_LENGTH];
    snprintf(origin, sizeof origin, "%s:%zu", reader->path, line);
    hth_config *config = reader->config;
    if (*reader->prefix) {
        snprintf(whole, sizeof whole, "%s%s", reader->prefix, key);
        key = whole;
    }
    HTH_TRY(hth_config_home(config, &key, origin, &config, reader->error));
    HTH_TRY(hth_config_set(config, key, value, origin, reader->error));
    const hth_setting *added = &config->items[config->count - 1];
    const size_t first = config == reader->config ? reader->first : reader->first_varied;
    for (size_t i = first; i + 1 < config->count; i++)
        if (strcmp(config->items[i].key, added->key) == 0)
            return hth_fail(reader->error, HTH_INVALID, "%s: %s was already set at %s", origin,
                            added->key, config->items[i].origin);
    return HTH_OK;
}

/* Appends ", item" to a list; the first item gets no comma. */
static bool extend(char **list, const char *item) {
    size_t used = *list ? strlen(*list) : 0, size = used + strlen(item) + 3;
    char *longer = realloc(*list, size);
    if (!longer) return false;
    snprintf(longer + used, size - used, "%s%s", used ? ", " : "", item);
    *list = longer;
    return true;
}

/* Appends an inner list: "[8, 4]". */
static bool extend_inner(char **list, const char *inner) {
    const size_t size = strlen(inner) + 3;
    char *item = malloc(size);
    if (!item) return false;
    snprintf(item, size, "[%s]", inner);
    const bool room = extend(list, item);
    free(item);
    return room;
}

static hth_status read_list(yaml_reader *reader, const char *key, bool nested, char **list);

/* Reads an item of a list. An item of a varied setting may itself be a list, written as a list or as a text with
 * commas. */
static hth_status read_item(yaml_reader *reader, const char *key, bool nested, char **list) {
    if (nested && reader->event.type == YAML_SEQUENCE_START_EVENT) {
        char *inner = NULL;
        hth_status status = read_list(reader, key, false, &inner);
        if (status == HTH_OK && !extend_inner(list, inner)) status = no_memory(reader);
        free(inner);
        return status;
    }
    if (reader->event.type != YAML_SCALAR_EVENT || !has_value(reader))
        return refuse_key(reader, key, "is a list, whose items must be plain values");
    const bool several = nested && strchr(scalar(reader), ',');
    const bool room = several ? extend_inner(list, scalar(reader)) : extend(list, scalar(reader));
    return room ? HTH_OK : no_memory(reader);
}

static hth_status read_list(yaml_reader *reader, const char *key, bool nested, char **list) {
    for (;;) {
        HTH_TRY(next(reader));
        if (reader->event.type == YAML_SEQUENCE_END_EVENT) break;
        HTH_TRY(read_item(reader, key, nested, list));
    }
    return *list ? HTH_OK : refuse_key(reader, key, "is an empty list");
}

/* Reads the value of a setting, which starts with the current event. */
static hth_status read_value(yaml_reader *reader, const char *key) {
    size_t line = line_of(reader);
    if (reader->event.type == YAML_MAPPING_START_EVENT)
        return refuse_key(reader, key, "must have one value or a list, not a level of its own");
    if (reader->event.type == YAML_SCALAR_EVENT) {
        if (!has_value(reader)) return refuse_key(reader, key, "has no value");
        return keep(reader, key, scalar(reader), line);
    }
    char *list = NULL;
    hth_status status = read_list(reader, key, strncmp(key, "vary.", 5) == 0, &list);
    if (status == HTH_OK) status = keep(reader, key, list, line);
    free(list);
    return status;
}

/* Copies a key from the current event. */
static hth_status read_key(yaml_reader *reader, char *out, size_t size) {
    if (reader->event.type != YAML_SCALAR_EVENT || !*scalar(reader))
        return refuse(reader, "the name of a setting must be a plain word");
    if (strlen(scalar(reader)) >= size) return refuse(reader, "the name of a setting is too long");
    snprintf(out, size, "%s", scalar(reader));
    return HTH_OK;
}

static hth_status read_phase(yaml_reader *reader, const char *label);

/* Of a section with a level of its own: one that is nearly called as those that have them. */
static hth_status check_deeper(yaml_reader *reader, const char *section) {
    static const char *const sections[] = {"phases", "arms"};
    const char *near = hth_nearest(section, sections, HTH_COUNT(sections));
    return near ? hth_fail(reader->error, HTH_INVALID,
                           "%s:%zu: there is no section %s; did you mean '%s'?", reader->path,
                           line_of(reader), section, near)
                : HTH_OK;
}

static hth_status read_section(yaml_reader *reader, const char *section) {
    const size_t length = strlen(section), outer = strlen(reader->prefix);
    const bool has_phases = !outer && strcmp(section, "phases") == 0;
    /* A section may begin only once in a file. */
    for (size_t i = reader->first; i < reader->config->count; i++) {
        const char *key = reader->config->items[i].key;
        if (strncmp(key, reader->prefix, outer) != 0) continue;
        if (strncmp(key + outer, section, length) == 0 && key[outer + length] == '.')
            return hth_fail(reader->error, HTH_INVALID,
                            "%s:%zu: section %s was already begun at %s; put its settings together",
                            reader->path, line_of(reader), section,
                            reader->config->items[i].origin);
    }
    /* Read the section's settings. */
    for (;;) {
        char name[HTH_KEY_LENGTH / 2], key[HTH_KEY_LENGTH];
        HTH_TRY(next(reader));
        if (reader->event.type == YAML_MAPPING_END_EVENT) return HTH_OK;
        HTH_TRY(read_key(reader, name, sizeof name));
        snprintf(key, sizeof key, "%s.%s", section, name);
        HTH_TRY(next(reader));
        const bool deeper = reader->event.type == YAML_MAPPING_START_EVENT;
        if (deeper && !has_phases) HTH_TRY(check_deeper(reader, section));
        if (deeper && has_phases)
            HTH_TRY(read_phase(reader, name));
        else
            HTH_TRY(read_value(reader, key));
    }
}

static hth_status read_arms(yaml_reader *reader);
static hth_status read_mapping(yaml_reader *reader, bool whole);

/* Whether the section is allowed only in a whole file, not in an arm or a phase. A phase has no phases either. */
static bool is_for_whole(const yaml_reader *reader, const char *key) {
    const size_t length = strcspn(key, ".");
    if (*reader->prefix && length == 6 && strncmp(key, "phases", 6) == 0) return true;
    return length == 4 && (strncmp(key, "arms", 4) == 0 || strncmp(key, "vary", 4) == 0);
}

/* Reads the mapping of a whole file or of an arm, which starts with the current event. */
static hth_status read_mapping(yaml_reader *reader, bool whole) {
    for (;;) {
        char key[HTH_KEY_LENGTH / 2];
        HTH_TRY(next(reader));
        if (reader->event.type == YAML_MAPPING_END_EVENT) return HTH_OK;
        HTH_TRY(read_key(reader, key, sizeof key));
        HTH_TRY(next(reader));
        bool section = reader->event.type == YAML_MAPPING_START_EVENT && !strchr(key, '.');
        if (!whole && is_for_whole(reader, key))
            return refuse_key(reader, key,
                              *reader->prefix ? "has no place in a phase"
                                              : "has no place in an arm");
        if (reader->event.type == YAML_SEQUENCE_START_EVENT && strcmp(key, "phases") == 0)
            return refuse_key(reader, key,
                              "is a list, but each phase needs a name: write first: {train.steps: "
                              "1000} for each, with another name, below phases");
        if (section && strcmp(key, "arms") == 0)
            HTH_TRY(read_arms(reader));
        else
            HTH_TRY(section ? read_section(reader, key) : read_value(reader, key));
    }
}

/* Reads the mapping of a phase, which starts with the current event: its settings are those of the list, with the name
 * of the phase before them. */
static hth_status read_phase(yaml_reader *reader, const char *label) {
    char prefix[HTH_KEY_LENGTH];
    const size_t line = line_of(reader), before = reader->config->count;
    snprintf(prefix, sizeof prefix, "phases.%s.", label);
    for (size_t i = reader->first; i < before; i++)
        if (strncmp(reader->config->items[i].key, prefix, strlen(prefix)) == 0)
            return hth_fail(reader->error, HTH_INVALID,
                            "%s:%zu: phase '%s' was already given at %s: take another name",
                            reader->path, line, label, reader->config->items[i].origin);
    reader->prefix = prefix;
    const hth_status status = read_mapping(reader, false);
    reader->prefix = "";
    HTH_TRY(status);
    if (reader->config->count > before) return HTH_OK;
    return hth_fail(reader->error, HTH_INVALID,
                    "%s:%zu: phase '%s' has no settings: give some, such as {train.epochs: 3}",
                    reader->path, line, label);
}

/* Reads "label: {setting: value, ...}" into the arm's own list. */
static hth_status read_arm(yaml_reader *reader) {
    char label[HTH_KEY_LENGTH / 2], origin[512];
    hth_config *whole = reader->config;
    const size_t first = reader->first, before = whole->arm_count;
    hth_arm *arm;
    /* Read the label, which must be new. */
    HTH_TRY(read_key(reader, label, sizeof label));
    snprintf(origin, sizeof origin, "%s:%zu", reader->path, line_of(reader));
    HTH_TRY(hth_config_arm(whole, label, origin, &arm, reader->error));
    if (whole->arm_count == before)
        return hth_fail(reader->error, HTH_INVALID, "%s: arm '%s' was already given at %s", origin,
                        label, arm->origin ? arm->origin : "another place");
    /* Read the arm's settings. */
    HTH_TRY(next(reader));
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return refuse_key(reader, label, "must have settings: {learner: rtrl, optimiser.lr: 0.1}");
    reader->config = arm->own;
    reader->first = 0;
    hth_status status = read_mapping(reader, false);
    reader->config = whole;
    reader->first = first;
    return status;
}

static hth_status read_arms(yaml_reader *reader) {
    for (;;) {
        HTH_TRY(next(reader));
        if (reader->event.type == YAML_MAPPING_END_EVENT) return HTH_OK;
        HTH_TRY(read_arm(reader));
    }
}

static hth_status read_document(yaml_reader *reader) {
    HTH_TRY(next(reader));
    if (reader->event.type != YAML_MAPPING_START_EVENT)
        return refuse(reader, "settings are written as 'section:' with 'name: value' lines below");
    return read_mapping(reader, true);
}

static hth_status read_stream(yaml_reader *reader) {
    HTH_TRY(next(reader)); /* start of the stream */
    HTH_TRY(next(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT) return HTH_OK;
    HTH_TRY(read_document(reader));
    HTH_TRY(next(reader)); /* end of the document */
    HTH_TRY(next(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT) return HTH_OK;
    return refuse(reader, "a settings file holds one document; here a second one begins");
}

/* Opens a file to read. A folder can be opened but not read, so one byte is tried. */
static FILE *open_text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    int first = getc(file);
    if (!ferror(file)) {
        if (first != EOF) ungetc(first, file);
        return file;
    }
    int reason = errno;
    fclose(file);
    errno = reason;
    return NULL;
}

hth_status hth_config_load(hth_config *config, const char *path, hth_error *error) {
    FILE *file = open_text(path);
    if (!file)
        return hth_fail(error, HTH_FILE, "cannot read settings file %s: %s", path, strerror(errno));
    /* Remember the state before the file. */
    const size_t arms = config->arm_count;
    yaml_reader reader = {.path = path,
                          .config = config,
                          .first = config->count,
                          .prefix = "",
                          .first_varied = config->vary ? config->vary->count : 0,
                          .error = error};
    /* Read the whole file. */
    hth_status status = HTH_NO_MEMORY;
    if (yaml_parser_initialize(&reader.parser)) {
        yaml_parser_set_input_file(&reader.parser, file);
        status = read_stream(&reader);
        yaml_event_delete(&reader.event);
        yaml_parser_delete(&reader.parser);
    } else {
        no_memory(&reader);
    }
    fclose(file);
    /* After an error nothing of the file is kept. */
    if (status == HTH_OK) return status;
    hth_config_truncate(config, reader.first);
    hth_config_truncate_arms(config, arms);
    if (config->vary) hth_config_truncate(config->vary, reader.first_varied);
    return status;
}
