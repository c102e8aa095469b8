/*
 * Writes the full settings of a run as YAML: every section and every setting that applies, defaults included, each
 * with its help. Loading the file gives the same settings.
 */
#include "network/catalogues.h"
#include "settings/phases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct yaml_writer {
    FILE *file;
    const hth_settings *settings;
    const char *section; /* the current section */
    bool begun;          /* its heading has been written */
} yaml_writer;

static bool is_plain(const char *text) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    if (!*text || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
        strcmp(text, "NULL") == 0)
        return false;
    size_t length = strlen(text);
    if (!strchr(letters, text[0]) && text[0] != '/' && text[0] != '.') {
        bool number = text[0] == '-' && text[1] && strchr("0123456789.", text[1]);
        if (!number) return false;
    }
    /* A line that starts with "..." ends the document. */
    if (strncmp(text, "...", 3) == 0 || text[length - 1] == ' ') return false;
    for (const char *at = text; *at; at++)
        if (!strchr(letters, *at) && !strchr("_./+-, ", *at)) return false;
    return true;
}

static void write_value(FILE *file, const char *text) {
    if (is_plain(text)) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(file, "\\x%02X", byte);
        else
            fputc(byte, file);
    }
    fputc('"', file);
}

static void begin_section(yaml_writer *writer) {
    if (!writer->begun) fprintf(writer->file, "\n%s:\n", writer->section);
    writer->begun = true;
}

static void write_setting(yaml_writer *writer, const char *name, const char *value,
                          const char *help) {
    begin_section(writer);
    if (help) fprintf(writer->file, "  # %s\n", help);
    fprintf(writer->file, "  %s: ", name);
    write_value(writer->file, value);
    fputc('\n', writer->file);
}

static void write_table(void *context, const hth_table *table) {
    yaml_writer *writer = context;
    const size_t length = strlen(writer->section);
    if (!table->options->section || !table->active || table->repeated) return;
    for (size_t i = 0; i < table->options->count; i++) {
        const hth_option *option = &table->options->items[i];
        char key[HTH_KEY_LENGTH];
        hth_table_key(table, option, key);
        if (strncmp(key, writer->section, length) != 0 || key[length] != '.') return;
        const char *value = hth_table_value(writer->settings, table, option);
        if (value) write_setting(writer, key + length + 1, value, option->help);
    }
}

/* Whether a choice is also an option: then it is written with the options. */
static bool is_option(const hth_options *options, const char *name) {
    for (size_t i = 0; i < options->count; i++)
        if (strcmp(options->items[i].name, name) == 0) return true;
    return false;
}

static bool is_common_option(const char *section, const char *name) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const hth_options *common = &all[i]->common;
        if (common->section && strcmp(common->section, section) == 0 && is_option(common, name))
            return true;
    }
    return false;
}

/* Writes the settings that choose parts; they come first in their section. */
static void write_choices(yaml_writer *writer) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        char section[HTH_KEY_LENGTH];
        hth_catalogue_section(all[i], section, sizeof section);
        if (!all[i]->key || strcmp(section, writer->section) != 0) continue;
        const char *name = strchr(all[i]->key, '.') + 1;
        const hth_setting *setting = hth_settings_find(writer->settings, all[i]->key);
        const char *value = setting ? setting->value : all[i]->fallback;
        if (value && !is_common_option(section, name))
            write_setting(writer, name, value, all[i]->summary);
    }
}

static void write_section(yaml_writer *writer, const char *section) {
    writer->section = section;
    writer->begun = false;
    write_choices(writer);
    hth_config_each_table(writer->settings, write_table, writer);
}

/* Writes the settings of single layers. */
static void write_layers(yaml_writer *writer) {
    for (size_t l = 0; l < HTH_MAX_LAYERS; l++) {
        char section[24];
        snprintf(section, sizeof section, "layer%u", (unsigned)l);
        write_section(writer, section);
    }
}

/* Writes what each phase sets, behind the options of the section phases. */
static void write_phases(yaml_writer *writer) {
    const hth_settings *all = writer->settings;
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH], label[HTH_PHASE_LENGTH];
    const size_t count = hth_phases(all, labels);
    for (size_t k = 0; k < count; k++) {
        fprintf(writer->file, "  %s:\n", labels[k]);
        for (size_t i = 0; i < all->count; i++) {
            const char *key = hth_phase_key(all->items[i].key, label);
            /* Of a setting that is given twice the last counts. */
            if (!key || strcmp(label, labels[k]) != 0) continue;
            if (hth_settings_find(all, all->items[i].key) != &all->items[i]) continue;
            fprintf(writer->file, "    %s: ", key);
            write_value(writer->file, all->items[i].value);
            fputc('\n', writer->file);
        }
    }
}

static void write_all(yaml_writer *writer) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    char sections[32][HTH_KEY_LENGTH];
    size_t used = 0;
    for (size_t i = 0; i < count && used < HTH_COUNT(sections); i++) {
        bool seen = false;
        hth_catalogue_section(all[i], sections[used], sizeof sections[used]);
        for (size_t j = 0; j < used; j++) seen = seen || strcmp(sections[j], sections[used]) == 0;
        if (seen) continue;
        write_section(writer, sections[used++]);
        if (all[i] == &hth_cells) write_layers(writer);
        if (all[i] == &hth_phases_section) write_phases(writer);
    }
}

/* Writes to a temporary name first, so that nobody sees a half-written file. */
hth_status hth_config_write(const hth_config *config, const char *path, hth_error *error) {
    const hth_settings settings = hth_config_settings(config);
    size_t size = strlen(path) + 5;
    char *temporary = malloc(size);
    if (!temporary) return hth_fail(error, HTH_NO_MEMORY, "not enough memory to write %s", path);
    snprintf(temporary, size, "%s.tmp", path);
    unlink(temporary); /* remove a killed process's file; "x" does not follow a link */
    FILE *file = fopen(temporary, "wbxe");
    bool good = file != NULL;
    if (file) {
        yaml_writer writer = {.file = file, .settings = &settings};
        fprintf(file, "# All settings of this run, defaults included.\n");
        write_all(&writer);
        /* Writing errors of any earlier piece count too. */
        good = !ferror(file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
        good = fclose(file) == 0 && good;
        good = good && rename(temporary, path) == 0;
    }
    /* Remove the temporary file after an error. */
    int reason = errno;
    if (!good && file) remove(temporary);
    free(temporary);
    if (good) return HTH_OK;
    return hth_fail(error, HTH_FILE, "cannot write %s: %s", path, strerror(reason));
}
