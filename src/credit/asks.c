/* What the rules of rules.c ask of a plan: of the network, of settings, of the parts that it has chosen. */
#include "credit/asks.h"

#include "credit/joint.h"
#include "credit/least_squares.h"
#include "credit/past/clopath.h"
#include "credit/past/scales.h"
#include "credit/window.h"

#include <string.h>

/* A setting of a part's own that is one of several texts; NULL: the part has no such setting. */
static const char *says(const hth_axis *axis, const hth_own *own, const char *name) {
    const hth_options *options = &axis->part.options;
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *o = &options->items[i];
        if (strcmp(o->name, name) == 0)
            return o->choices[*(const int *)((const char *)own->options + o->offset)];
    }
    return NULL;
}

static bool past_says(const hth_learner *plan, const char *name, const char *value) {
    const char *said = says(&plan->axes.past->axis, &plan->past, name);
    return said && strcmp(said, value) == 0;
}

/* A number among the settings of the future or the past; -1: there is none of that name. */
static double number(const hth_axis *axis, const hth_own *own, const char *name) {
    const hth_options *options = &axis->part.options;
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *o = &options->items[i];
        const void *at = (const char *)own->options + o->offset;
        if (strcmp(o->name, name) == 0)
            return o->kind == HTH_KIND_REAL ? *(const double *)at : (double)*(const int64_t *)at;
    }
    return -1;
}

static double future_number(const hth_learner *plan, const char *name) {
    return number(&plan->axes.future->axis, &plan->future, name);
}

bool hth_asks_runs_backwards(const hth_learner *plan) {
    return plan->network->is_whole;
}

bool hth_asks_readout_leaks(const hth_learner *plan) {
    return plan->network->readout.kappa != 0;
}

bool hth_asks_has_many_outputs(const hth_learner *plan) {
    return plan->network->readout.outputs > HTH_READOUT_TILE;
}

bool hth_asks_has_layers_below(const hth_learner *plan) {
    return hth_is_deep(plan->network);
}

bool hth_asks_has_layers_below_many(const hth_learner *plan) {
    return hth_asks_has_layers_below(plan) && hth_asks_has_many_outputs(plan);
}

bool hth_asks_has_tokens(const hth_learner *plan) {
    return plan->network->embedding > 0;
}

bool hth_asks_learns_initial(const hth_learner *plan) {
    return plan->network->layers[0].learns_initial;
}

bool hth_asks_has_layers(const hth_learner *plan) {
    return plan->network->layer_count > 1;
}

bool hth_asks_has_layers_or_tokens(const hth_learner *plan) {
    return hth_asks_has_layers(plan) || hth_asks_has_tokens(plan);
}

bool hth_asks_has_several_steps(const hth_learner *plan) {
    return plan->steps > 1;
}

bool hth_asks_feeds_outputs(const hth_learner *plan) {
    return hth_network_fed(plan->network) > 0;
}

bool hth_asks_has_least_squares(const hth_learner *plan) {
    return plan->least_squares_options.readout == HTH_READOUT_BY_RLS;
}

bool hth_asks_is_regularised(const hth_learner *plan) {
    return plan->network->regulariser.rate > 0;
}

bool hth_asks_loses_traces_below(const hth_learner *plan) {
    const hth_network *net = plan->network;
    return plan->steps > 1 && past_says(plan, "below", "exact") &&
           (hth_is_deep(net) || net->embedding);
}

bool hth_asks_scales_without_leak(const hth_learner *plan) {
    const hth_network *net = plan->network;
    bool fit = true;
    for (size_t l = 0; l < net->layer_count; l++)
        fit = fit && (!net->layers[l].is_top || hth_scales_fit(net->layers[l].cell));
    return !fit && !past_says(plan, "scale_trace", "derivative");
}

bool hth_asks_scales_lower_layers(const hth_learner *plan) {
    return !past_says(plan, "scale_trace", "derivative") && hth_is_deep(plan->network);
}

static bool has_own_factor(const hth_learner *plan) {
    return !past_says(plan, "postsynaptic", "derivative");
}

bool hth_asks_has_own_traces(const hth_learner *plan) {
    return has_own_factor(plan) || !past_says(plan, "trace", "full");
}

bool hth_asks_has_factor_without_spikes(const hth_learner *plan) {
    bool fits = true;
    for (size_t l = 0; l < plan->network->layer_count; l++)
        fits = fits && hth_clopath_fits(plan->network->layers[l].cell);
    return !fits && has_own_factor(plan);
}

bool hth_asks_drops_out_of_leaky(const hth_learner *plan) {
    return plan->network->dropout > 0 && plan->network->readout.kappa > 0;
}

bool hth_asks_reads_more_than_last(const hth_learner *plan) {
    return !plan->network->is_whole && !hth_reads_last_alone(plan->network);
}

bool hth_asks_runs_backwards_below(const hth_learner *plan) {
    return plan->network->is_whole && hth_is_deep(plan->network);
}

bool hth_asks_has_layers_without_table(const hth_learner *plan) {
    bool any = false;
    for (size_t l = 0; l < plan->network->layer_count; l++)
        any = any || plan->network->layers[l].kind->back;
    return any;
}

/* Of kinds other than stores, of which pasts keep rows. */
bool hth_asks_has_others_without_table(const hth_learner *plan) {
    bool any = false;
    for (size_t l = 0; l < plan->network->layer_count; l++) {
        const hth_layer_kind *kind = plan->network->layers[l].kind;
        any = any || (kind->back && !kind->stores);
    }
    return any;
}

bool hth_asks_has_store(const hth_learner *plan) {
    return hth_has_store(plan->network);
}

bool hth_asks_stores_nothing_of_past(const hth_learner *plan) {
    return hth_asks_has_store(plan) && !plan->axes.past->freeze;
}

bool hth_asks_has_no_store(const hth_learner *plan) {
    return !hth_asks_has_store(plan);
}

bool hth_asks_stores_below_leak(const hth_learner *plan) {
    return hth_asks_has_store(plan) && plan->network->readout.kappa > 0;
}

bool hth_asks_stores_with_dropout(const hth_learner *plan) {
    return hth_asks_has_store(plan) && plan->network->dropout > 0;
}

/* Whether a store reads a layer of which `is` holds, or the input (layer NULL). */
static bool any_stored(const hth_learner *plan,
                       bool (*is)(const hth_learner *plan, const hth_layer *layer)) {
    const hth_network *net = plan->network;
    bool any = false;
    for (size_t l = 0; l < net->layer_count; l++)
        for (size_t p = 0; net->layers[l].kind->stores && p < net->layers[l].reads.count; p++) {
            const size_t of = net->layers[l].reads.parts[p].layer;
            any = any || is(plan, of == HTH_OF_INPUT ? NULL : &net->layers[of]);
        }
    return any;
}

static bool is_store(const hth_learner *plan, const hth_layer *layer) {
    (void)plan;
    return layer && layer->kind->stores;
}

static bool is_of_tokens(const hth_learner *plan, const hth_layer *layer) {
    return !layer && hth_asks_has_tokens(plan);
}

/* Reads other layers, of which it holds credit. */
static bool is_above(const hth_learner *plan, const hth_layer *layer) {
    (void)plan;
    bool above = false;
    for (size_t p = 0; layer && p < layer->reads.count; p++)
        above =
            above || (layer->reads.parts[p].layer != HTH_OF_INPUT && !layer->reads.parts[p].late);
    return above;
}

bool hth_asks_feeds_back(const hth_learner *plan) {
    return plan->network->feeds_back;
}

bool hth_asks_holds_reads(const hth_learner *plan) {
    return hth_store_is_read(plan->network);
}

bool hth_asks_stores_store(const hth_learner *plan) {
    return any_stored(plan, is_store);
}

bool hth_asks_stores_tokens(const hth_learner *plan) {
    return any_stored(plan, is_of_tokens);
}

bool hth_asks_stores_more_than_synapses(const hth_learner *plan) {
    return hth_asks_has_store(plan) && (any_stored(plan, is_above) || hth_asks_has_tokens(plan) ||
                                        hth_asks_learns_initial(plan));
}

bool hth_asks_has_delays(const hth_learner *plan) {
    bool any = false;
    for (size_t l = 0; l < plan->network->layer_count; l++)
        any = any || plan->network->layers[l].wiring.late_z;
    return any;
}

bool hth_asks_perturbs_spikes(const hth_learner *plan) {
    return plan->network->layers[0].cell->spikes &&
           number(&plan->axes.past->axis, &plan->past, "kernel_lr") > 0;
}

bool hth_asks_readout_has_states(const hth_learner *plan) {
    return hth_joint_readout_states(plan->network) > 0;
}

bool hth_asks_activates_own_prediction(const hth_learner *plan) {
    const char *said = says(&plan->axes.future->axis, &plan->future, "sg_activation");
    return future_number(plan, "sg_scans") == 1 && said && strcmp(said, "identity") != 0;
}

bool hth_asks_refreshes_own_prediction(const hth_learner *plan) {
    return future_number(plan, "sg_scans") == 1 && future_number(plan, "sg_refresh") > 1;
}

bool hth_asks_learns_by_own_error(const hth_learner *plan) {
    return future_number(plan, "sg_loss") > 0;
}

bool hth_asks_gives_out_own_error(const hth_learner *plan) {
    return hth_asks_learns_by_own_error(plan) && plan->gives_inputs;
}

bool hth_asks_carries_past(const hth_learner *plan) {
    const hth_past *past = plan->axes.past;
    return past->carry || past->before || past->weigh;
}

bool hth_asks_predicts(const hth_learner *plan) {
    return plan->axes.future->predicts;
}

bool hth_asks_is_shorter(const hth_learner *plan) {
    return hth_window_length(plan) < plan->steps;
}

bool hth_asks_leaks_with_changing_feedback(const hth_learner *plan) {
    return plan->network->readout.kappa > 0 && plan->axes.signal->feedback_at;
}
