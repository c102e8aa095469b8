/* Making a learner from a choice on each axis. What it does with a tape: learner.c. */
#include "base/known.h"
#include "credit/catalogues.h"
#include "credit/errors.h"
#include "credit/least_squares.h"
#include "credit/rows.h"
#include "credit/rules.h"
#include "credit/window.h"

#include <string.h>

enum { MOST_SETTINGS = 64 };

void hth_learner_places(hth_learner *learner, hth_place out[HTH_AXES]) {
    out[0] = (hth_place){&learner->axes.signal->axis, &learner->signal};
    out[1] = (hth_place){&learner->axes.recurrence->axis, &learner->recurrence};
    out[2] = (hth_place){&learner->axes.past->axis, &learner->past};
    out[3] = (hth_place){&learner->axes.future->axis, &learner->future};
    out[4] = (hth_place){&hth_window_axis, &learner->window};
}

static hth_learner *lay_out(hth_arena *arena, const hth_learner *plan) {
    hth_learner counted = *plan, *learner = HTH_TAKE(arena, hth_learner, 1), *placed = learner;
    const hth_network *net = plan->network;
    const size_t steps = hth_window_length(plan);
    hth_place all[HTH_AXES];
    if (placed)
        *placed = *plan;
    else
        learner = &counted;
    /* The scan of the batch. */
    if (plan->axes.signal->reaches_units) {
        hth_adjoint_lay_out(arena, &learner->adjoint, net, steps, plan->batch, true);
        hth_errors_lay_out(arena, learner, steps);
        if (plan->gives_inputs) hth_adjoint_lay_out_inputs(arena, &learner->adjoint, net, steps);
        learner->adjoint.crossing = &plan->axes.recurrence->crossing;
        learner->adjoint.item = HTH_EVERY_ITEM;
        learner->adjoint.is_filled = plan->axes.signal->fill != NULL;
        learner->adjoint.to = SIZE_MAX;
    }
    learner->start = HTH_TAKE(arena, hth_real, plan->batch * net->readout.outputs);
    learner->scratch = HTH_TAKE(arena, hth_real, hth_readout_scratch(net, steps, plan->batch));
    /* The parts: a copy of their options, and what they keep. */
    hth_learner_places(learner, all);
    for (size_t i = 0; i < HTH_AXES; i++) {
        void *options =
            hth_options_take(arena, &all[i].axis->part.options, all[i].axis->options_size);
        if (options) memcpy(options, all[i].own->options, all[i].axis->options_size);
        if (options) all[i].own->options = options;
        if (all[i].axis->lay_out)
            all[i].own->kept = all[i].axis->lay_out(arena, learner, all[i].own->options);
    }
    learner->adjoint.across = learner->recurrence.kept;
    hth_rows_lay_out(arena, learner);
    if (plan->least_squares_options.readout == HTH_READOUT_BY_RLS)
        learner->least_squares = hth_least_squares_lay_out(arena, plan);
    return placed;
}

/* ---- Making ---- */

/* The preset's settings, then the user's, which count more. */
static hth_status join(const hth_preset *preset, const hth_settings *settings,
                       hth_setting items[MOST_SETTINGS], hth_settings *out, hth_error *error) {
    size_t count = 0;
    for (size_t i = 0; i < HTH_PRESET_SETTINGS && preset->settings[i][0]; i++)
        items[count++] = (hth_setting){preset->settings[i][0], preset->settings[i][1], NULL};
    for (size_t i = 0; i < settings->count; i++) {
        if (strncmp(settings->items[i].key, "learner.", 8) != 0) continue;
        if (count == MOST_SETTINGS)
            return hth_fail(error, HTH_INVALID, "more than %d settings of one learner",
                            (int)MOST_SETTINGS - HTH_PRESET_SETTINGS);
        items[count++] = settings->items[i];
    }
    *out = (hth_settings){items, count};
    return HTH_OK;
}

static hth_status read_options(hth_learner *plan, const hth_settings *settings,
                               hth_drawer drawers[HTH_AXES], hth_error *error) {
    hth_setting items[MOST_SETTINGS];
    hth_settings joined;
    hth_place all[HTH_AXES];
    hth_learner_places(plan, all);
    HTH_TRY(join(plan->axes.preset, settings, items, &joined, error));
    for (size_t i = 0; i < HTH_AXES; i++) {
        if (all[i].axis->options_size > sizeof drawers[i])
            return hth_fail(error, HTH_INVALID, "the settings of %s take more than %zu bytes",
                            all[i].axis->part.name, sizeof drawers[i]);
        HTH_TRY(hth_options_read(&all[i].axis->part.options, &joined, &drawers[i], error));
        all[i].own->options = &drawers[i];
    }
    hth_window_options *window = (hth_window_options *)&drawers[HTH_AXES - 1];
    HTH_TRY(hth_window_read(settings, plan->axes.preset, window, error));
    plan->slides = window->steps > 0;
    return hth_least_squares_read(settings, plan->axes.preset, &plan->least_squares_options, error);
}

/* Whether the weights may descend while their gradient is found, of tapes of one step. */
static bool may_descend(const hth_learner *learner) {
    const hth_network *net = learner->network;
    const hth_past *past = learner->axes.past;
    bool learns_initial = false;
    for (size_t l = 0; l < net->layer_count; l++)
        learns_initial = learns_initial || net->layers[l].learns_initial;
    return learner->batch == 1 && learner->axes.signal->reaches_units && !net->is_whole &&
           !learns_initial && !learner->slides && !hth_has_store(net) &&
           (!past->carry || past->descends);
}

size_t hth_learner_block(const hth_learner *plan, const hth_allocator *allocator) {
    hth_arena arena = hth_arena_for(allocator);
    lay_out(&arena, plan);
    return arena.used;
}

static hth_status allocate(const hth_learner *plan, const hth_allocator *allocator,
                           hth_learner **out, hth_error *error) {
    const size_t bytes = hth_learner_block(plan, allocator);
    hth_arena arena = {.base = hth_allocate(allocator, bytes)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the learner (%zu MiB with learner.past = %s); fewer "
                        "units, a smaller batch or another past need less",
                        bytes >> 20, plan->axes.past->axis.part.name);
    *out = lay_out(&arena, plan);
    (*out)->may_descend = may_descend(*out);
    return HTH_OK;
}

static hth_status check_names(const hth_settings *settings, hth_error *error) {
    static const hth_catalogue *const all[] = {&hth_learners, &hth_signals, &hth_recurrences,
                                               &hth_pasts, &hth_futures};
    const hth_known known = {all, HTH_COUNT(all), NULL};
    return hth_settings_check_names(&known, settings, error);
}

/* What reaches the input and the state before a tape through connections with delays is not handed out. */
static hth_status check_inputs(const hth_learner *plan, hth_error *error) {
    bool late = false;
    for (size_t l = 0; l < plan->network->layer_count; l++)
        late = late || hth_layer_late(&plan->network->layers[l]);
    if (!plan->gives_inputs || !late) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "learner.inputs is true, but with network.delay or network.input_delay a tape "
                    "gives errors to inputs and states of tapes before, which are not there any "
                    "more: set learner.inputs = false");
}

hth_status hth_learner_plan(const hth_settings *settings, const hth_network *network, size_t steps,
                            size_t batch, uint64_t seed, hth_drawer drawers[HTH_AXES],
                            hth_learner *plan, hth_error *error) {
    *plan = (hth_learner){
        .network = network, .steps = steps, .batch = batch, .seed = seed, .noise = {.seed = seed}};
    HTH_TRY(hth_check_extent(steps, batch, error));
    HTH_TRY(check_names(settings, error));
    HTH_TRY(hth_axes_read(settings, &plan->axes, error));
    HTH_TRY(hth_common_option(&hth_learners, "inputs", settings, &plan->gives_inputs, error));
    HTH_TRY(check_inputs(plan, error));
    HTH_TRY(read_options(plan, settings, drawers, error));
    return hth_rules_check(plan, error);
}

hth_status hth_learner_create(const hth_settings *settings, const hth_network *network,
                              size_t steps, size_t batch, uint64_t seed, hth_compute *compute,
                              const hth_allocator *allocator, hth_learner **out, hth_error *error) {
    hth_learner plan;
    hth_drawer drawers[HTH_AXES];
    HTH_TRY(hth_learner_plan(settings, network, steps, batch, seed, drawers, &plan, error));
    plan.compute = compute;
    HTH_TRY(allocate(&plan, allocator, out, error));
    if ((*out)->least_squares) hth_least_squares_begin((*out)->least_squares);
    hth_learner_reset(*out);
    return HTH_OK;
}

hth_status hth_learner_tape(const hth_learner *learner, hth_compute *compute,
                            const hth_allocator *allocator, hth_tape **out, hth_error *error) {
    const size_t steps = hth_window_length(learner);
    HTH_TRY(
        hth_tape_create(learner->network, steps, learner->batch, compute, allocator, out, error));
    return steps > learner->steps ? hth_tape_keep(*out, steps - learner->steps, error) : HTH_OK;
}

void hth_learner_destroy(hth_learner *learner) {
    hth_release(learner);
}
