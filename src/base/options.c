/*
 * Reading settings by the tables that describe them. Every message says where the setting was
 * written, which one it is, what it is now and what would be right.
 */
#include "base/options.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_LENGTH = 48, KEY_LENGTH = 96, TEXT_LENGTH = 200 };

/* ---- Did you mean ------------------------------------------------------------------------- */

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters to insert, delete, replace or swap with a neighbour (optimal string alignment). Longer
 * texts than NAME_LENGTH are compared by their beginnings. */
static size_t edit_distance(const char *a, const char *b) {
    size_t rows[3][NAME_LENGTH + 1];
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a > NAME_LENGTH) length_a = NAME_LENGTH;
    if (length_b > NAME_LENGTH) length_b = NAME_LENGTH;
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= length_b; j++) row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t *free_row = before;
        before = above, above = row, row = free_row;
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
        }
    }
    return row[length_b];
}

const char *hth_nearest(const char *typed, const char *const *names, size_t count) {
    size_t length = strlen(typed), best = SIZE_MAX;
    const char *nearest = NULL;
    for (size_t i = 0; i < count && names[i]; i++) {
        size_t distance = edit_distance(typed, names[i]);
        bool begins = length >= 2 && strncmp(typed, names[i], length) == 0;
        bool near = begins || distance <= (length < 3 ? 1 : (length + 2) / 3);
        if (near && distance < best && distance < strlen(names[i])) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

/* ---- Messages ----------------------------------------------------------------------------- */

/* "run.yaml:7: cell.beta is 'x', but must be <right>". */
static hth_status complain(hth_error *error, const char *key, const hth_setting *setting,
                           const char *right) {
    const char *origin = setting->origin ? setting->origin : "";
    return hth_fail(error, HTH_INVALID, "%s%s%s is '%.60s', but must be %s", origin,
                    *origin ? ": " : "", key, setting->value, right);
}

/* As %.9g, but 1e15 for 1e+15. */
static void format_bound(char *out, size_t size, double bound) {
    snprintf(out, size, "%.9g", bound);
    char *plus = strchr(out, '+');
    if (plus) memmove(plus, plus + 1, strlen(plus));
}

/* What numbers are right, in words: "a number of at least 0". */
static void describe_bounds(char *out, size_t size, const char *what, double min, double max) {
    bool low = min > -9e18, high = max < 9e18;
    char least[40], most[40];
    format_bound(least, sizeof least, min);
    format_bound(most, sizeof most, max);
    if ((min == 0 && max == 0) || (!low && !high))
        snprintf(out, size, "%s", what);
    else if (low && high)
        snprintf(out, size, "%s from %s to %s", what, least, most);
    else if (!low)
        snprintf(out, size, "%s of at most %s", what, most);
    else if (min > 0 && min < 1e-200) /* the smallest positive number stands for an open bound */
        snprintf(out, size, "%s greater than 0", what);
    else
        snprintf(out, size, "%s of at least %s", what, least);
}

/* Appends ", word" (the first without comma), or once "..." when there is no more room. */
static void append_word(char *out, size_t size, const char *word) {
    size_t used = strlen(out);
    bool fits = used + strlen(word) + 8 < size,
         cut = used > 3 && strcmp(out + used - 3, "...") == 0;
    if (!cut) snprintf(out + used, size - used, "%s%s", used ? ", " : "", fits ? word : "...");
}

static void describe_units(char *out, size_t size, double min, double max) {
    describe_bounds(out, size, "a number", min, max);
    size_t used = strlen(out);
    snprintf(out + used, size - used, " for all units, or a list");
}

void hth_option_describe(const hth_option *option, char *out, size_t size) {
    char words[TEXT_LENGTH] = "";
    /* A sentence for each kind, with its bounds or its choices. */
    switch (option->kind) {
    case HTH_KIND_BOOL:
        snprintf(out, size, "true or false");
        break;
    case HTH_KIND_INTEGER:
        describe_bounds(out, size, "a whole number", option->min, option->max);
        break;
    case HTH_KIND_REAL:
        describe_bounds(out, size, "a number", option->min, option->max);
        break;
    case HTH_KIND_UNITS:
        describe_units(out, size, option->min, option->max);
        break;
    case HTH_KIND_CHOICE:
        for (int i = 0; option->choices[i]; i++)
            append_word(words, sizeof words, option->choices[i]);
        snprintf(out, size, "one of %s", words);
        break;
    case HTH_KIND_CHOICES:
        for (int i = 0; option->choices[i]; i++)
            append_word(words, sizeof words, option->choices[i]);
        snprintf(out, size, "a list of any of %s", words);
        break;
    default:
        snprintf(out, size, "text");
        break;
    }
}

static bool within(double value, double min, double max) {
    return (min == 0 && max == 0) || (value >= min && value <= max);
}

/* ---- Values ------------------------------------------------------------------------------- */

static const char *skip_space(const char *text) {
    while (isspace((unsigned char)*text)) text++;
    return text;
}

/* A finite number; returns what follows it, or NULL if there is none. */
static const char *read_real(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end == text || !isfinite(*value) ? NULL : skip_space(end);
}

/* Whole numbers, also as "1e6". */
static bool read_integer(const char *text, int64_t *value) {
    const double exact = 9007199254740992.0; /* 2^53 */
    char *end;
    errno = 0;
    long long whole = strtoll(text, &end, 10);
    if (end != text && errno == 0 && *skip_space(end) == '\0') {
        *value = whole;
        return true;
    }
    double number;
    const char *rest = read_real(text, &number);
    if (!rest || *rest || fabs(number) > exact || number != floor(number)) return false;
    *value = (int64_t)number;
    return true;
}

static bool read_bool(const char *text, bool *value) {
    static const char *const words[][2] = {
        {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        for (int j = 0; j < 2; j++)
            if (strcmp(text, words[i][j]) == 0) {
                *value = j == 1;
                return true;
            }
    return false;
}

static hth_status complain_option(const hth_option *option, const char *key,
                                  const hth_setting *setting, hth_error *error) {
    char right[TEXT_LENGTH];
    hth_option_describe(option, right, sizeof right);
    return complain(error, key, setting, right);
}

static hth_status parse_integer(const hth_option *option, const char *key,
                                const hth_setting *setting, int64_t *out, hth_error *error) {
    int64_t value;
    if (!read_integer(setting->value, &value) || !within((double)value, option->min, option->max))
        return complain_option(option, key, setting, error);
    *out = value;
    return HTH_OK;
}

static hth_status parse_real(const hth_option *option, const char *key, const hth_setting *setting,
                             double *out, hth_error *error) {
    double value;
    const char *rest = read_real(setting->value, &value);
    if (!rest || *rest || !within(value, option->min, option->max))
        return complain_option(option, key, setting, error);
    *out = value;
    return HTH_OK;
}

/* Adds "; did you mean 'x'?" to what would be right. */
static hth_status complain_name(hth_error *error, const char *key, const hth_setting *setting,
                                const char *words, const char *near) {
    char right[TEXT_LENGTH + 80];
    const bool several = strchr(setting->value, ',') != NULL;
    if (several && strcmp(key, "learner.name") == 0)
        snprintf(right, sizeof right,
                 "one name; a comparison takes several: hitherto compare compare.learners=%.60s",
                 setting->value);
    else if (several)
        snprintf(right, sizeof right,
                 "one name; a comparison takes several: hitherto compare vary.%.60s=%.60s", key,
                 setting->value);
    else
        snprintf(right, sizeof right, "one of %s%s%s%s", words, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
    return complain(error, key, setting, right);
}

static hth_status parse_choice(const hth_option *option, const char *key,
                               const hth_setting *setting, int *out, hth_error *error) {
    char words[TEXT_LENGTH] = "";
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], setting->value) == 0) {
            *out = i;
            return HTH_OK;
        }
        append_word(words, sizeof words, option->choices[i]);
    }
    const char *near = hth_nearest(setting->value, option->choices, SIZE_MAX);
    return complain_name(error, key, setting, words, near);
}

/* "tau_m, v_th": the bits of these choices. */
static hth_status parse_choices(const hth_option *option, const char *key,
                                const hth_setting *setting, int *out, hth_error *error) {
    const char *at = skip_space(setting->value);
    int bits = 0;
    while (*at) {
        /* A word up to its comma, without the space around it. */
        char word[NAME_LENGTH];
        const size_t length = strcspn(at, ",");
        size_t used = length;
        while (used > 0 && isspace((unsigned char)at[used - 1])) used--;
        snprintf(word, sizeof word, "%.*s", (int)used, at);
        /* Which of the choices it is. */
        int i = 0;
        while (option->choices[i] && strcmp(option->choices[i], word) != 0) i++;
        if (!option->choices[i]) return complain_option(option, key, setting, error);
        bits |= 1 << i;
        at = skip_space(at + length + (at[length] == ','));
    }
    *out = bits;
    return HTH_OK;
}

/* One piece of a list of numbers per unit, "1.8" or "100 x 1.8"; NULL when it is neither. */
static const char *read_run(const char *text, size_t *repeats, double *value, bool *is_run) {
    double number;
    const char *rest = read_real(text, &number);
    *repeats = 1;
    *value = number;
    *is_run = rest && *rest == 'x';
    if (!*is_run) return rest;
    if (number < 1 || number > 1e9 || number != floor(number)) return NULL;
    *repeats = (size_t)number;
    return read_real(rest + 1, value);
}

/* Walks over a list of numbers per unit. out NULL: only the form and the bounds are checked.
 * *single: the text is one number without a count, which holds for all units. */
static bool walk_units(const char *text, double min, double max, hth_real *out, size_t units,
                       size_t *total, bool *single) {
    bool any_run = false;
    size_t pieces = 0;
    *total = 0;
    for (const char *at = text;; at++) {
        size_t repeats;
        double value;
        bool is_run;
        at = read_run(at, &repeats, &value, &is_run);
        if (!at || !within(value, min, max) || (*at && *at != ',')) return false;
        for (size_t i = 0; out && i < repeats && *total + i < units; i++)
            out[*total + i] = (hth_real)value;
        *total += repeats;
        any_run = any_run || is_run;
        pieces++;
        if (!*at) break;
    }
    *single = pieces == 1 && !any_run;
    return true;
}

static hth_status complain_units(hth_error *error, const char *key, const hth_setting *setting,
                                 double min, double max) {
    char words[TEXT_LENGTH / 2], right[TEXT_LENGTH];
    describe_units(words, sizeof words, min, max);
    snprintf(right, sizeof right, "%s like '20, 30' or '300 x 0, 100 x 1.8'", words);
    return complain(error, key, setting, right);
}

static hth_status parse_units(const hth_option *option, const char *key, const hth_setting *setting,
                              const char **out, hth_error *error) {
    size_t total;
    bool single;
    if (!walk_units(setting->value, option->min, option->max, NULL, 0, &total, &single))
        return complain_units(error, key, setting, option->min, option->max);
    *out = setting->value;
    return HTH_OK;
}

hth_status hth_units_expand(const char *text, size_t units, double min, double max, const char *key,
                            hth_real *out, hth_error *error) {
    const hth_setting setting = {key, text, NULL};
    size_t total;
    bool single;
    /* The first walk writes nothing: after an error nothing has been changed. */
    if (!walk_units(text, min, max, NULL, 0, &total, &single))
        return complain_units(error, key, &setting, min, max);
    if (!single && total != units) {
        char right[TEXT_LENGTH];
        hth_text(right, sizeof right, "one number or a list of %zu; it has %zu", units, total);
        return complain(error, key, &setting, right);
    }
    walk_units(text, min, max, out, units, &total, &single);
    for (size_t i = 1; single && i < units; i++) out[i] = out[0];
    return HTH_OK;
}

hth_status hth_option_parse(const hth_option *option, const char *section,
                            const hth_setting *setting, void *out, hth_error *error) {
    char key[KEY_LENGTH];
    snprintf(key, sizeof key, "%s.%s", section, option->name);
    switch (option->kind) {
    case HTH_KIND_BOOL:
        if (read_bool(setting->value, out)) return HTH_OK;
        return complain_option(option, key, setting, error);
    case HTH_KIND_INTEGER:
        return parse_integer(option, key, setting, out, error);
    case HTH_KIND_REAL:
        return parse_real(option, key, setting, out, error);
    case HTH_KIND_CHOICE:
        return parse_choice(option, key, setting, out, error);
    case HTH_KIND_CHOICES:
        return parse_choices(option, key, setting, out, error);
    case HTH_KIND_UNITS:
        return parse_units(option, key, setting, out, error);
    case HTH_KIND_TEXT:
        *(const char **)out = setting->value;
        return HTH_OK;
    }
    return hth_fail(error, HTH_INVALID, "the table of options gives %s no kind of value", key);
}

/* ---- Tables ------------------------------------------------------------------------------- */

const hth_setting *hth_settings_find(const hth_settings *settings, const char *key) {
    /* Most keys differ in their first letter, which saves a call. */
    for (size_t i = settings ? settings->count : 0; i-- > 0;) {
        const char *other = settings->items[i].key;
        if (*other == *key && strcmp(other, key) == 0) return &settings->items[i];
    }
    return NULL;
}

/* The setting of an option, with the prefix or without, or its fallback. section: the one it was found in. */
static hth_setting find_option(const hth_options *options, const hth_option *option,
                               const char *prefix, const hth_settings *settings,
                               char section[KEY_LENGTH]) {
    char key[2 * KEY_LENGTH];
    const hth_setting *found = NULL;
    snprintf(section, KEY_LENGTH, "%s%s", prefix, options->section);
    snprintf(key, sizeof key, "%s.%s", section, option->name);
    if (*prefix) found = hth_settings_find(settings, key);
    if (found) return *found;
    snprintf(section, KEY_LENGTH, "%s", options->section);
    snprintf(key, sizeof key, "%s.%s", section, option->name);
    found = hth_settings_find(settings, key);
    return found ? *found : (hth_setting){NULL, option->fallback, "default"};
}

hth_status hth_options_read_own(const hth_options *options, const char *prefix,
                                const hth_settings *settings, void *out, hth_error *error) {
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        char section[KEY_LENGTH];
        const hth_setting setting = find_option(options, option, prefix, settings, section);
        if (!setting.value)
            return hth_fail(error, HTH_INVALID, "%s.%s must be given: %s", section, option->name,
                            option->help);
        void *value = (char *)out + option->offset;
        HTH_TRY(hth_option_parse(option, section, &setting, value, error));
    }
    return HTH_OK;
}

hth_status hth_options_read(const hth_options *options, const hth_settings *settings, void *out,
                            hth_error *error) {
    return hth_options_read_own(options, "", settings, out, error);
}

static hth_status complain_part(const hth_catalogue *catalogue, const hth_setting *setting,
                                hth_error *error) {
    const char *names[64] = {NULL};
    char words[TEXT_LENGTH] = "";
    for (size_t i = 0; i < catalogue->count; i++) {
        const char *name = catalogue->at(i)->name;
        append_word(words, sizeof words, name);
        if (i < HTH_COUNT(names)) names[i] = name;
    }
    if (!setting)
        return hth_fail(error, HTH_INVALID, "%s must be given: one of %s", catalogue->key, words);
    const char *near = hth_nearest(setting->value, names, HTH_COUNT(names));
    return complain_name(error, catalogue->key, setting, words, near);
}

hth_status hth_part_choose(const hth_catalogue *catalogue, const hth_settings *settings,
                           size_t *index, hth_error *error) {
    const hth_setting *setting = hth_settings_find(settings, catalogue->key);
    const char *name = setting ? setting->value : catalogue->fallback;
    for (size_t i = 0; name && i < catalogue->count; i++)
        if (strcmp(catalogue->at(i)->name, name) == 0) {
            *index = i;
            return HTH_OK;
        }
    return complain_part(catalogue, setting, error);
}

hth_status hth_common_option(const hth_catalogue *catalogue, const char *name,
                             const hth_settings *settings, void *out, hth_error *error) {
    const hth_options *common = &catalogue->common;
    for (size_t i = 0; i < common->count; i++) {
        const hth_option *option = &common->items[i];
        if (strcmp(option->name, name) != 0) continue;
        char key[80];
        snprintf(key, sizeof key, "%s.%s", common->section, name);
        const hth_setting *found = hth_settings_find(settings, key);
        hth_setting fallback = {key, option->fallback, NULL};
        return hth_option_parse(option, common->section, found ? found : &fallback, out, error);
    }
    return hth_fail(error, HTH_INVALID, "%s.%s is not a setting of this build", common->section,
                    name);
}
