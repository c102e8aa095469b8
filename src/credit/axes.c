/* The four axes: their lists, their catalogues, and how settings choose on them. */
#include "credit/catalogues.h"
#include "credit/learner.h"

#include <string.h>

#define LIST(name) &hth_signal_##name,
static const hth_signal *const signals[] = {HTH_SIGNALS(LIST)};
#undef LIST
#define LIST(name) &hth_past_##name,
static const hth_past *const pasts[] = {HTH_PASTS(LIST)};
#undef LIST
#define LIST(name) &hth_future_##name,
static const hth_future *const futures[] = {HTH_FUTURES(LIST)};
#undef LIST

#define LIST(name) &hth_recurrence_##name,
static const hth_recurrence *const recurrences[] = {HTH_RECURRENCES(LIST)};
#undef LIST

static const hth_part *signal_part(size_t index) {
    return &signals[index]->axis.part;
}

static const hth_part *recurrence_part(size_t index) {
    return &recurrences[index]->axis.part;
}

static const hth_part *past_part(size_t index) {
    return &pasts[index]->axis.part;
}

static const hth_part *future_part(size_t index) {
    return &futures[index]->axis.part;
}

static const hth_part *chosen_signal(const hth_settings *settings) {
    hth_axes axes;
    return hth_axes_read(settings, &axes, NULL) == HTH_OK ? &axes.signal->axis.part : NULL;
}

const hth_catalogue hth_signals = {
    .kind = "signal",
    .summary = "How the error at the readout reaches a unit now.",
    .key = "learner.signal",
    .count = HTH_COUNT(signals),
    .at = signal_part,
    .chosen = chosen_signal,
};

static const hth_part *chosen_recurrence(const hth_settings *settings) {
    hth_axes axes;
    return hth_axes_read(settings, &axes, NULL) == HTH_OK ? &axes.recurrence->axis.part : NULL;
}

const hth_catalogue hth_recurrences = {
    .kind = "recurrence",
    .summary = "How credit crosses from unit to unit inside the tape.",
    .key = "learner.recurrence",
    .count = HTH_COUNT(recurrences),
    .at = recurrence_part,
    .chosen = chosen_recurrence,
};

static const hth_part *chosen_past(const hth_settings *settings) {
    hth_axes axes;
    return hth_axes_read(settings, &axes, NULL) == HTH_OK ? &axes.past->axis.part : NULL;
}

const hth_catalogue hth_pasts = {
    .kind = "past",
    .summary = "What is kept of everything before the tape.",
    .key = "learner.past",
    .count = HTH_COUNT(pasts),
    .at = past_part,
    .chosen = chosen_past,
};

static const hth_part *chosen_future(const hth_settings *settings) {
    hth_axes axes;
    return hth_axes_read(settings, &axes, NULL) == HTH_OK ? &axes.future->axis.part : NULL;
}

const hth_catalogue hth_futures = {
    .kind = "future",
    .summary = "What stands in for losses after the tape.",
    .key = "learner.future",
    .count = HTH_COUNT(futures),
    .at = future_part,
    .chosen = chosen_future,
};

/* The choice on one axis: the setting, or what the preset says. */
static hth_status choose(const hth_catalogue *axis, const char *preset,
                         const hth_settings *settings, size_t *index, hth_error *error) {
    const hth_setting *given = hth_settings_find(settings, axis->key);
    const hth_settings none = {NULL, 0};
    const bool as_preset = given && strcmp(given->value, "preset") == 0;
    hth_catalogue with_fallback = *axis;
    with_fallback.fallback = preset;
    return hth_part_choose(&with_fallback, as_preset ? &none : settings, index, error);
}

hth_status hth_axes_read(const hth_settings *settings, hth_axes *axes, hth_error *error) {
    size_t name, signal, recurrence, past, future;
    HTH_TRY(hth_part_choose(&hth_learners, settings, &name, error));
    const hth_preset *preset = hth_preset_at(name);
    HTH_TRY(choose(&hth_signals, preset->signal, settings, &signal, error));
    HTH_TRY(choose(&hth_recurrences, preset->recurrence, settings, &recurrence, error));
    HTH_TRY(choose(&hth_pasts, preset->past, settings, &past, error));
    HTH_TRY(choose(&hth_futures, preset->future, settings, &future, error));
    *axes =
        (hth_axes){preset, signals[signal], recurrences[recurrence], pasts[past], futures[future]};
    return HTH_OK;
}

const char *hth_preset_says(const hth_settings *settings, const char *key) {
    size_t name;
    if (hth_part_choose(&hth_learners, settings, &name, NULL) != HTH_OK) return NULL;
    return hth_preset_value(hth_preset_at(name), key);
}

hth_bias hth_axes_bias(const hth_axes *axes, size_t steps, size_t total) {
    const hth_bias parts[] = {axes->signal->axis.bias, axes->recurrence->axis.bias,
                              steps >= total && !axes->past->weigh ? HTH_EXACT
                                                                   : axes->past->axis.bias,
                              axes->future->axis.bias};
    hth_bias worst = HTH_EXACT;
    for (size_t i = 0; i < HTH_COUNT(parts); i++)
        if (parts[i] > worst) worst = parts[i];
    return worst;
}
