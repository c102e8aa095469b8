/* Settings of phases: see phases.h. */
#include "settings/phases.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char before[] = "phases.";
static const char by_phase[] = "phase"; /* where the number of a phase comes from */

static const hth_option options[] = {
    {.name = "reset_optimiser",
     .help = "whether the optimiser forgets its moments at the start of each phase after the first",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(hth_phases_options, reset_optimiser)},
    {.name = "joint",
     .help = "whether all phases are learned together, as one: batches of their data take turns. "
             "It bounds what can be kept when they are learned one after the other",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(hth_phases_options, joint)},
    {.name = "look_at",
     .help = "the phase whose data eval, predict, record and pictures take (--phase); empty: the "
             "last",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_phases_options, look_at)},
    {.name = "number",
     .help = "which phase this is, counted from 0: training draws other trials and orders in each; "
             "set by the phases themselves",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = HTH_MOST_PHASES - 1,
     .offset = offsetof(hth_phases_options, number)},
};

const hth_catalogue hth_phases_section = {
    .kind = "phases",
    .summary = "Tasks that one network learns one after the other: phases.<name>.<setting> "
               "(docs/lifelong.md).",
    .common = {"phases", options, HTH_COUNT(options)},
};

/* ---- Names --------------------------------------------------------------------------------- */

const char *hth_phase_key(const char *key, char label[HTH_PHASE_LENGTH]) {
    const size_t length = sizeof before - 1;
    const char *dot = strncmp(key, before, length) == 0 ? strchr(key + length, '.') : NULL;
    if (!dot || dot == key + length || dot - key - (ptrdiff_t)length >= HTH_PHASE_LENGTH)
        return NULL;
    snprintf(label, HTH_PHASE_LENGTH, "%.*s", (int)(dot - key - (ptrdiff_t)length), key + length);
    return dot + 1;
}

size_t hth_phases(const hth_settings *settings, char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH]) {
    size_t count = 0;
    for (size_t i = 0; i < settings->count && count < HTH_MOST_PHASES; i++) {
        bool seen = !hth_phase_key(settings->items[i].key, labels[count]);
        for (size_t k = 0; k < count && !seen; k++) seen = strcmp(labels[k], labels[count]) == 0;
        count += !seen;
    }
    return count;
}

bool hth_has_phases(const hth_settings *settings) {
    char label[HTH_PHASE_LENGTH];
    for (size_t i = 0; i < settings->count; i++)
        if (hth_phase_key(settings->items[i].key, label)) return true;
    return false;
}

hth_status hth_phase_find(const hth_settings *settings, const char *name, size_t *index,
                          hth_error *error) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH], all[300] = "";
    const size_t count = hth_phases(settings, labels);
    for (size_t k = 0; k < count; k++) {
        *index = k;
        if (*name ? strcmp(labels[k], name) == 0 : k + 1 == count) return HTH_OK;
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%.*s", used ? ", " : "", HTH_PHASE_LENGTH - 1,
                 labels[k]);
    }
    if (count == 0)
        return hth_fail(error, HTH_INVALID,
                        "phase '%.60s' is asked for, but the settings have no phases", name);
    return hth_fail(error, HTH_INVALID, "there is no phase '%.60s'; there are %s", name, all);
}

/* ---- What a phase may set ------------------------------------------------------------------ */

hth_status hth_phase_check_name(const char *key, const char *origin, hth_error *error) {
    const char *name = key + sizeof before - 1;
    const size_t length = strcspn(name, ".");
    bool good = length > 0 && length < HTH_PHASE_LENGTH;
    for (size_t i = 0; i < length; i++)
        good = good && (isalnum((unsigned char)name[i]) || name[i] == '-' || name[i] == '_');
    /* "phases.number.train.steps" would be of a phase that is called as a setting is. */
    for (size_t i = 0; i < HTH_COUNT(options); i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return hth_fail(
                error, HTH_INVALID,
                "%s%s%.150s: a phase cannot be called '%s', for phases.%s is a setting: "
                "take another name",
                origin ? origin : "", origin ? ": " : "", key, options[i].name, options[i].name);
    if (good) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s%sthe name of a phase is '%.*s', but must be 1 to %d letters, digits, - or "
                    "_",
                    origin ? origin : "", origin ? ": " : "", (int)(length < 60 ? length : 60),
                    name, HTH_PHASE_LENGTH - 1);
}

hth_status hth_phase_annotate(hth_status status, const char *label, hth_error *error) {
    char reason[sizeof error->message];
    if (status == HTH_OK || !error) return status;
    snprintf(reason, sizeof reason, "%s", error->message);
    return hth_fail(error, status, "%s (phase '%s')", reason, label);
}

hth_status hth_phase_check_key(const hth_setting *setting, hth_error *error) {
    /* A name that ends with '.' is a section. */
    static const char *const may[] = {
        "task.",
        "data.",
        "view.",
        "world.",
        "agent.",
        "train.epochs",
        "train.steps",
        "train.sequences",
        "train.report_every",
        "train.stop_at",
        "train.stop_over",
        "train.validate_every",
        "train.patience",
        "train.keep_state",
        "train.validation_steps",
    };
    char label[HTH_PHASE_LENGTH];
    const char *key = hth_phase_key(setting->key, label);
    for (size_t i = 0; key && i < HTH_COUNT(may); i++) {
        const size_t length = strlen(may[i]);
        if (strncmp(key, may[i], may[i][length - 1] == '.' ? length : length + 1) == 0)
            return HTH_OK;
    }
    return hth_fail(error, HTH_INVALID,
                    "%s%s%s: network, learner, optimiser, seed and batch are one for all phases; a "
                    "phase sets what is learned (task, data, world, view) and how long (train."
                    "epochs, steps, sequences, stop_at, patience and their like)",
                    setting->origin ? setting->origin : "", setting->origin ? ": " : "",
                    setting->key);
}

/* ---- The settings of one phase ------------------------------------------------------------- */

hth_status hth_phase_settings(const hth_settings *settings, const char *label, hth_phase_list *out,
                              hth_error *error) {
    enum { DIGITS = 8 };
    char name[HTH_PHASE_LENGTH];
    size_t used = 0, index;
    HTH_TRY(hth_phase_find(settings, label, &index, error));
    /* The text of the number stands behind the list. */
    const size_t bytes = (settings->count + 1) * sizeof(hth_setting);
    hth_setting *items = calloc(1, bytes + DIGITS);
    if (!items) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for settings");
    for (size_t i = 0; i < settings->count; i++)
        if (!hth_phase_key(settings->items[i].key, name)) items[used++] = settings->items[i];
    for (size_t i = 0; i < settings->count; i++) {
        const char *key = hth_phase_key(settings->items[i].key, name);
        if (!key || strcmp(name, label) != 0) continue;
        items[used] = settings->items[i];
        items[used++].key = key;
    }
    char *number = (char *)items + bytes;
    snprintf(number, DIGITS, "%u", (unsigned)index);
    items[used++] = (hth_setting){"phases.number", number, by_phase};
    *out = (hth_phase_list){{items, used}, items};
    return HTH_OK;
}

bool hth_in_phase(const hth_settings *settings) {
    const hth_setting *number = hth_settings_find(settings, "phases.number");
    return number && number->origin && strcmp(number->origin, by_phase) == 0;
}

hth_status hth_config_prevail(hth_config *config, size_t count, hth_error *error) {
    const size_t end = config->count;
    char label[HTH_PHASE_LENGTH];
    for (size_t i = count; i < end; i++) {
        const hth_settings later = {config->items + count, end - count};
        const hth_setting typed = config->items[i];
        /* Only the last of several counts. */
        if (hth_settings_find(&later, typed.key) != &config->items[i]) continue;
        for (size_t j = 0; j < count; j++) {
            const hth_settings now = {config->items + count, end - count};
            const char *whole = config->items[j].key, *key = hth_phase_key(whole, label);
            if (!key || strcmp(key, typed.key) != 0 || hth_settings_find(&now, whole)) continue;
            HTH_TRY(hth_config_set(config, whole, typed.value, typed.origin, error));
        }
    }
    return HTH_OK;
}

hth_status hth_phase_settings_joint(const hth_settings *settings, hth_phase_list *out,
                                    hth_error *error) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    hth_phase_list first;
    hth_settings both;
    hth_phases(settings, labels);
    HTH_TRY(hth_phase_settings(settings, labels[0], &first, error));
    const hth_status status = hth_settings_join(settings, &first.settings, &both, error);
    free(first.items);
    HTH_TRY(status);
    /* The number of the phase, the last of its settings, whose text is no more. */
    hth_setting *items = (void *)(uintptr_t)both.items;
    items[both.count - 1].value = "0";
    *out = (hth_phase_list){both, items};
    return HTH_OK;
}

/* Replaces the items of a config. */
static hth_status replace(hth_config *config, const hth_settings *by, hth_error *error) {
    const size_t count = config->count;
    hth_status status = HTH_OK;
    /* Append the new ones, which still point to texts of the old, then remove the old. */
    for (size_t i = 0; i < by->count && status == HTH_OK; i++)
        status = hth_config_set(config, by->items[i].key, by->items[i].value, by->items[i].origin,
                                error);
    if (status == HTH_OK) hth_config_drop(config, count);
    return status;
}

hth_status hth_config_enter_phase(hth_config *config, hth_error *error) {
    const hth_settings given = hth_config_given(config);
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    const hth_setting *at = hth_settings_find(&given, "phases.look_at");
    hth_phase_list own;
    size_t index;
    const bool named = at && *at->value;
    if (!named && !hth_has_phases(&given)) return HTH_OK;
    HTH_TRY(hth_phase_find(&given, named ? at->value : "", &index, error));
    hth_phases(&given, labels);
    HTH_TRY(hth_phase_settings(&given, labels[index], &own, error));
    const hth_status status = replace(config, &own.settings, error);
    free(own.items);
    return status;
}
