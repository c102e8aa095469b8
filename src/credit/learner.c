/*
 * Making a learner from a choice on each axis, and running it: the six steps of the design, "what a
 * learner does with a tape of K steps".
 */
#include "credit/learner.h"

#include "credit/catalogues.h"
#include "credit/presets.h"

#include <stdio.h>
#include <string.h>

/* The choice on one axis: the setting, or what the preset says. */
static hth_status choose(const hth_catalogue *axis, const char *preset,
                         const hth_settings *settings, size_t *index, hth_error *error) {
    const hth_setting *given = hth_settings_find(settings, axis->key);
    hth_catalogue with_fallback = *axis;
    hth_settings none = {NULL, 0};
    with_fallback.fallback = preset;
    bool as_preset = given && strcmp(given->value, "preset") == 0;
    return hth_part_choose(&with_fallback, as_preset ? &none : settings, index, error);
}

static hth_status choose_axes(hth_learner *learner, const hth_settings *settings,
                              hth_error *error) {
    size_t name, signal, recurrence, past, future;
    HTH_TRY(hth_part_choose(&hth_learners, settings, &name, error));
    const hth_preset *preset = hth_preset_at(name);
    HTH_TRY(choose(&hth_signals, preset->signal, settings, &signal, error));
    HTH_TRY(choose(&hth_recurrences, preset->recurrence, settings, &recurrence, error));
    HTH_TRY(choose(&hth_pasts, preset->past, settings, &past, error));
    HTH_TRY(choose(&hth_futures, preset->future, settings, &future, error));
    learner->signal = hth_signal_at(signal);
    learner->recurrence = (hth_recurrence)recurrence;
    learner->past = hth_past_at(past);
    learner->future = hth_future_at(future);
    return HTH_OK;
}

/* Combinations without a meaning are refused, with the reason. */
static hth_status check_axes(const hth_learner *learner, hth_error *error) {
    const char *past = learner->past->part.name;
    if (!learner->signal->reaches_units && learner->past != &hth_past_none)
        return hth_fail(
            error, HTH_INVALID,
            "learner.past = %s with learner.signal = none: no error reaches the units, so "
            "nothing needs to be kept; set learner.past = none",
            past);
    const char *reason =
        learner->past->refuses ? learner->past->refuses(learner->recurrence) : NULL;
    if (reason) return hth_fail(error, HTH_INVALID, "learner.past = %s: %s", past, reason);
    return HTH_OK;
}

static hth_learner *lay_out(hth_arena *arena, const hth_learner *plan) {
    hth_learner counted = *plan, *learner = HTH_TAKE(arena, hth_learner, 1), *out = learner;
    const hth_network *net = plan->network;
    if (learner)
        *learner = *plan;
    else
        learner = &counted;
    if (plan->signal->reaches_units) {
        hth_adjoint_lay_out(arena, &learner->adjoint, net, plan->steps, plan->batch, true);
        learner->adjoint.recurrence = plan->recurrence;
        learner->adjoint.item = HTH_EVERY_ITEM;
    }
    learner->start = HTH_TAKE(arena, hth_real, plan->batch * net->readout.outputs);
    learner->scratch =
        HTH_TAKE(arena, hth_real, hth_readout_scratch(net, plan->steps, plan->batch));
    if (plan->past->lay_out) plan->past->lay_out(arena, learner);
    return out;
}

hth_status hth_learner_create(const hth_settings *settings, const hth_network *network,
                              size_t steps, size_t batch, hth_compute *compute,
                              const hth_allocator *allocator, hth_learner **out, hth_error *error) {
    hth_learner plan = {.network = network, .compute = compute, .steps = steps, .batch = batch};
    hth_arena arena = {0};
    HTH_TRY(choose_axes(&plan, settings, error));
    HTH_TRY(check_axes(&plan, error));
    lay_out(&arena, &plan);
    size_t bytes = arena.used;
    arena = (hth_arena){hth_allocate(allocator, bytes), 0};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the learner (%zu MiB with learner.past = %s); fewer "
                        "units, a smaller batch or another past need less",
                        bytes >> 20, plan.past->part.name);
    *out = lay_out(&arena, &plan);
    return HTH_OK;
}

void hth_learner_destroy(hth_learner *learner) {
    hth_release(learner);
}

void hth_learner_reset(hth_learner *learner) {
    if (learner->past->reset) learner->past->reset(learner);
}

static void learn_readout(hth_learner *learner, hth_tape *tape, hth_gradient *gradient) {
    const hth_readout *r = &learner->network->readout;
    bool units = learner->signal->reaches_units;
    size_t top = learner->network->layer_count - 1;
    hth_readout_backward to = {
        .weight = gradient->values + r->weight,
        .bias = r->has_bias ? gradient->values + r->bias : NULL,
        .feedback = units ? learner->signal->feedback(learner) : NULL,
        .q = units ? learner->adjoint.layers[top].q : NULL,
        .start = learner->start,
        .scratch = learner->scratch,
    };
    hth_readout_learn(tape, &to);
}

hth_status hth_learn(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                     hth_error *error) {
    if (tape->network != learner->network || tape->batch != learner->batch ||
        tape->steps > learner->steps || tape->steps == 0)
        return hth_fail(
            error, HTH_MISMATCH,
            "the tape (%zu steps written, %zu items) does not fit the learner (%zu, %zu)",
            tape->steps, tape->batch, learner->steps, learner->batch);
    learn_readout(learner, tape, gradient);
    if (!learner->signal->reaches_units) return HTH_OK;
    learner->adjoint.tape = tape;
    learner->future->boundary(learner);
    hth_scan(&learner->adjoint);
    hth_scan_gradient(&learner->adjoint, gradient);
    if (learner->past->contract) learner->past->contract(learner, gradient);
    if (learner->past->advance) learner->past->advance(learner);
    return HTH_OK;
}

size_t hth_learner_state(hth_learner *learner, hth_field *fields, size_t capacity) {
    return learner->past->state ? learner->past->state(learner, fields, capacity) : 0;
}
