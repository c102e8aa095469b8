/* hitherto list: parts and settings, from the tables that also read them. */
#include "cli/cli.h"
#include "credit/catalogues.h"
#include "metrics/metric.h"

#include <string.h>

/* ---- Settings for a terminal and as a page -------------------------------------------------------------- */

static const char *fallback_text(const hth_option *option) {
    if (!option->fallback) return "must be given";
    return *option->fallback ? option->fallback : "empty";
}

static void print_options(const hth_options *options) {
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        char type[400];
        hth_option_describe(option, type, sizeof type);
        printf("  %s.%s  (%s; default: %s)\n", options->section, option->name, type,
               fallback_text(option));
        cli_print_folded(stdout, option->help, 6, 92);
    }
}

/* Within a table of Markdown a bar would end the cell. */
static void put_cell(const char *text) {
    for (; *text; text++) {
        if (*text == '|') putchar('\\');
        putchar(*text);
    }
}

static void page_options(const hth_options *options) {
    if (options->count == 0) return;
    printf("\n| setting | type | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        char type[400];
        hth_option_describe(option, type, sizeof type);
        printf("| `%s.%s` | ", options->section, option->name);
        put_cell(type);
        printf(" | ");
        /* What differs between the two programs is written as it is in the one that people call. */
        bool precision = strcmp(option->name, "precision") == 0;
        put_cell(precision ? "single" : fallback_text(option));
        printf(" | ");
        put_cell(option->help);
        printf(" |\n");
    }
}

/* What the names of learners stand for beside their choices on the axes. */
static void page_presets(void) {
    printf("\nSome names stand for settings of their parts as well, in place of the defaults "
           "below:\n\n"
           "| name | settings |\n|---|---|\n");
    for (size_t i = 0; i < hth_learners.count; i++) {
        const hth_preset *preset = hth_preset_at(i);
        if (!preset->settings[0][0]) continue;
        printf("| `%s` |", preset->part.name);
        for (size_t j = 0; j < HTH_PRESET_SETTINGS && preset->settings[j][0]; j++)
            printf(" `%s=%s`", preset->settings[j][0], preset->settings[j][1]);
        printf(" |\n");
    }
}

enum { RANGE_LENGTH = 96 };

/* "0 to 1, more is better": the range of a metric, and which way is better; or how large a world is. "": nothing of the
 * kind. */
static const char *range_of(const hth_catalogue *catalogue, size_t index, char out[RANGE_LENGTH]) {
    const hth_metric *metric = catalogue == &hth_metrics ? hth_metric_at(index) : NULL;
    *out = 0;
    if (metric && metric->range)
        snprintf(out, RANGE_LENGTH, "%s, %s is better", metric->range,
                 metric->rises ? "more" : "less");
    if (catalogue == &hth_worlds) hth_world_size(index, out, RANGE_LENGTH);
    return out;
}

static void page_catalogue(const hth_catalogue *catalogue) {
    /* The heading, and a table of the parts. */
    printf("\n## %s\n\n%s\n", catalogue->kind, catalogue->summary);
    if (catalogue->key) {
        printf("\nChosen by `%s`", catalogue->key);
        if (catalogue->fallback) printf(" (default: `%s`)", catalogue->fallback);
        printf(":\n\n| name | what it is | source |\n|---|---|---|\n");
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        const hth_part *part = catalogue->at(i);
        char range[RANGE_LENGTH];
        printf("| `%s` | ", part->name);
        put_cell(part->summary ? part->summary : "");
        if (*range_of(catalogue, i, range)) printf(" (%s)", range);
        printf(" | ");
        put_cell(part->source ? part->source : "");
        printf(" |\n");
    }
    /* The settings that all parts share, then those of each part. */
    if (catalogue == &hth_learners) page_presets();
    page_options(&catalogue->common);
    for (size_t i = 0; i < catalogue->count; i++) {
        const hth_part *part = catalogue->at(i);
        if (part->options.count) printf("\n### %s %s\n", catalogue->kind, part->name);
        page_options(&part->options);
    }
}

static int print_page(void) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    printf(
        "# Settings\n\n"
        "Written by `hitherto list settings --markdown` from the tables that the program reads\n"
        "settings with; do not edit it by hand.\n\n"
        "A setting is given as `section.name=value` on the command line, or in a YAML file as\n"
        "`name: value` below `section:`. The name of a section alone chooses its part: "
        "`cell=lstm`\n"
        "means `cell.name=lstm`. Settings of a part count only when that part is chosen. A "
        "setting\n"
        "`cell.<name>` holds for every layer that has such a cell; `layer1.cell.<name>` counts "
        "more\n"
        "in layer 1 (the first is layer 0). What is\n"
        "given on the command line counts more than a file, a file more than `conventions`, these\n"
        "more than what a learner's name stands for, and that more than the defaults.\n");
    for (size_t i = 0; i < count; i++) page_catalogue(all[i]);
    return CLI_OK;
}

/* ---- Kinds and parts ---------------------------------------------------------------------------- */

static void print_catalogue_settings(const hth_catalogue *catalogue) {
    printf("%s: %s\n", catalogue->kind, catalogue->summary);
    if (catalogue->key) {
        printf("  %s  (one of", catalogue->key);
        for (size_t i = 0; i < catalogue->count; i++)
            printf("%s %s", i ? "," : "", catalogue->at(i)->name);
        printf("%s%s)\n", catalogue->fallback ? "; default: " : "",
               catalogue->fallback ? catalogue->fallback : "");
    }
    print_options(&catalogue->common);
    for (size_t i = 0; i < catalogue->count; i++) {
        const hth_part *part = catalogue->at(i);
        if (part->options.count) printf(" with %s %s:\n", catalogue->kind, part->name);
        print_options(&part->options);
    }
    printf("\n");
}

/* Does "cells", "losses" or "cell" mean this kind? */
static bool names_kind(const char *word, const hth_catalogue *catalogue) {
    size_t length = strlen(catalogue->kind);
    if (strncmp(word, catalogue->kind, length) != 0) return false;
    const char *ending = word + length;
    return !*ending || strcmp(ending, "s") == 0 || strcmp(ending, "es") == 0;
}

static int unknown_kind(const char *word) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    const char *names[34];
    size_t used = 0;
    names[used++] = "settings";
    for (size_t i = 0; i < count && used < HTH_COUNT(names); i++) names[used++] = all[i]->kind;
    const char *near = hth_nearest(word, names, used);
    return cli_complain(CLI_BAD_INPUT, "there is no kind '%s' to list%s%s%s", word,
                        near ? "; did you mean '" : "; 'hitherto list' shows them all",
                        near ? near : "", near ? "'?" : "");
}

static bool in_section(const hth_catalogue *catalogue, const char *section) {
    size_t length = strlen(section);
    const char *key = catalogue->key, *common = catalogue->common.section;
    return names_kind(section, catalogue) || (common && strcmp(common, section) == 0) ||
           (key && strncmp(key, section, length) == 0 && key[length] == '.');
}

static int list_kinds(void) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    printf("%-12s %-22s %s\n", "kind", "chosen by", "what it is");
    for (size_t i = 0; i < count; i++)
        printf("%-12s %-22s %s\n", all[i]->kind, all[i]->key ? all[i]->key : "-", all[i]->summary);
    printf("\n'hitherto list KIND' shows the parts of a kind, 'hitherto list settings' all "
           "settings.\n");
    return CLI_OK;
}

static int list_parts(const hth_catalogue *catalogue) {
    if (catalogue->count == 0) {
        print_catalogue_settings(catalogue);
        return CLI_OK;
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        const hth_part *part = catalogue->at(i);
        bool usual = catalogue->fallback && strcmp(catalogue->fallback, part->name) == 0;
        char range[RANGE_LENGTH];
        printf("%-18s %s%s\n", part->name, part->summary ? part->summary : "",
               usual ? " (default)" : "");
        if (*range_of(catalogue, i, range)) printf("%-18s %s\n", "", range);
        if (part->source) printf("%-18s [%s]\n", "", part->source);
    }
    return CLI_OK;
}

/* What a name of conventions stands for. */
static void print_conventions(const char *name) {
    hth_setting settings[HTH_MOST_CONVENTIONS];
    const size_t count = hth_conventions_of(name, settings);
    for (size_t i = 0; i < count; i++) printf("  %s=%s\n", settings[i].key, settings[i].value);
}

/* What a name of a learner stands for; what a user gives counts more. */
static void print_preset(const hth_preset *preset) {
    printf("Stands for learner.signal=%s learner.recurrence=%s learner.past=%s learner.future=%s\n",
           preset->signal, preset->recurrence, preset->past, preset->future);
    for (size_t i = 0; i < HTH_PRESET_SETTINGS && preset->settings[i][0]; i++)
        printf("  %s=%s\n", preset->settings[i][0], preset->settings[i][1]);
    printf("\n");
}

static int list_part(const hth_catalogue *catalogue, const char *name) {
    const hth_setting setting = {catalogue->key, name, NULL};
    const hth_settings settings = {&setting, 1};
    size_t index;
    hth_error error;
    char range[RANGE_LENGTH];
    if (!catalogue->key)
        return cli_complain(CLI_BAD_INPUT, "%s has no parts to choose from", catalogue->kind);
    if (hth_part_choose(catalogue, &settings, &index, &error) != HTH_OK) return cli_fail(&error);
    const hth_part *part = catalogue->at(index);
    printf("%s %s: %s\n", catalogue->kind, part->name, part->summary ? part->summary : "");
    if (*range_of(catalogue, index, range))
        printf("%s: %s\n", catalogue == &hth_worlds ? "Size" : "Range", range);
    if (part->source) printf("Source: %s\n", part->source);
    printf("Chosen by %s=%s\n\n", catalogue->key, part->name);
    if (catalogue == &hth_learners) print_preset(hth_preset_at(index));
    print_options(&part->options);
    print_options(&catalogue->common);
    if (catalogue == &hth_conventions) print_conventions(part->name);
    return CLI_OK;
}

/* Settings of parts with this name, such as rows, or of this section, such as store. */
static int list_part_settings(const char *word, const char *section) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    int code = CLI_OK;
    bool any = false;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all[i]->count && code == CLI_OK; j++) {
            const hth_part *part = all[i]->at(j);
            const char *own = part->options.section;
            if (strcmp(part->name, section) != 0 && !(own && strcmp(own, section) == 0)) continue;
            if (any) printf("\n");
            code = list_part(all[i], part->name);
            any = true;
        }
    return any ? code : unknown_kind(word);
}

static int list_settings(const cli_arguments *arguments) {
    const char *word = arguments->word_count > 1 ? arguments->words[1] : NULL;
    char section[HTH_KEY_LENGTH]; /* also of "keep.strength" */
    size_t count;
    snprintf(section, sizeof section, "%.*s", word ? (int)strcspn(word, ".") : 0, word ? word : "");
    const hth_catalogue *const *all = hth_catalogues(&count);
    if (cli_value(arguments, "--markdown")) return print_page();
    if (cli_value(arguments, "--schema")) return cli_list_schema();
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (word && !in_section(all[i], section)) continue;
        print_catalogue_settings(all[i]);
        any = true;
    }
    return any ? CLI_OK : list_part_settings(word, section);
}

int cli_list(const cli_arguments *arguments) {
    if (cli_value(arguments, "--cost") || cli_value(arguments, "--embedded") ||
        cli_value(arguments, "--plausibility"))
        return cli_list_learners(arguments);
    if (cli_value(arguments, "--rules")) return cli_list_rules(arguments);
    if (arguments->word_count == 0) return list_kinds();
    const char *word = arguments->words[0];
    if (strcmp(word, "settings") == 0) return list_settings(arguments);
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        if (!names_kind(word, all[i])) continue;
        if (arguments->word_count > 1) return list_part(all[i], arguments->words[1]);
        return list_parts(all[i]);
    }
    return unknown_kind(word);
}
