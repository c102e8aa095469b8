/*
 * Which choices of a learner go together: one numbered table. A combination without a meaning is refused, for a wrong
 * gradient is worse than none. A rule is broken where its choice is made, what it says of the network and the
 * settings (`where`) holds, and the other axis has a choice that it must not have (`with`), or not one of those that
 * it must have (`without`). The first rule that is broken counts.
 *
 * The limits of one part alone (a size, the form of a text) stand in the part, as `refuses`.
 */
#include "credit/rules.h"

#include "credit/asks.h"
#include "credit/catalogues.h"
#include "credit/window.h"

#include <stdio.h>
#include <string.h>

/* ---- The table ---- */

#define SIGNAL "signal"
#define RECURRENCE "recurrence"
#define PAST "past"
#define FUTURE "future"
#define WINDOW "window"

#define WHOLE                                                                                      \
    "the tape is the whole sequence, for a layer runs over it from its end "                       \
    "(network.direction = both, or network.reads backward), so nothing is before or after it "     \
    "that could be kept or predicted; "

#define NO_TABLE                                                                                   \
    "a layer that is not of units takes errors back, but has no table of derivatives that could "  \
    "be followed forward; "

static const hth_rule rules[] = {
    /* A layer that runs against time */
    {.of = {.axis = RECURRENCE, .names = {"learned"}},
     .when = "network.direction = both",
     .where = hth_asks_runs_backwards,
     .why = WHOLE "set learner.recurrence to full, diagonal or none"},
    {.of = {.axis = PAST, .names = {"none", "trace"}, .others = true},
     .when = "network.direction = both",
     .where = hth_asks_runs_backwards,
     .why = WHOLE "set learner.past to none or trace"},
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .when = "network.direction = both",
     .where = hth_asks_runs_backwards,
     .why = WHOLE "set learner.future to zero"},
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .when = "a readout that reads more than the last layer as it is",
     .where = hth_asks_reads_more_than_last,
     .why = "it predicts what enters by the last layer, but the readout reads more than that "
            "(network.reads, readout.reads, network.dropout); set learner.future to zero"},
    /* A layer that is not of units, and so has no table of derivatives */
    {.of = {.axis = RECURRENCE, .names = {"learned"}},
     .when = "a layer that is not of units (network.layers)",
     .where = hth_asks_has_layers_without_table,
     .why = NO_TABLE "set learner.recurrence to full, diagonal or none"},
    {.of = {.axis = PAST, .names = {"none", "influence"}, .others = true},
     .when = "a layer that is neither of units nor a store (network.layers)",
     .where = hth_asks_has_others_without_table,
     .why = NO_TABLE "set learner.past to none or influence"},
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .when = "a layer that is not of units (network.layers)",
     .where = hth_asks_has_layers_without_table,
     .why = NO_TABLE "set learner.future to zero"},
    /* A store */
    {.of = {.axis = PAST, .names = {"none"}, .others = true},
     .when = "a store (network.layers), and a past of which rows cannot keep a copy",
     .where = hth_asks_stores_nothing_of_past,
     .why = "rows that a store wrote before the tape would have to keep a copy of it; kernel and "
            "pattern are for networks of one layer, and a store is a second, and instantaneous "
            "keeps nothing to copy; set learner.past to trace (with learner.trace = instantaneous "
            "for each step's own term alone), window, influence, rank-one, kronecker or "
            "reverse-kronecker, or to none, for rows that are data"},
    {.of = {.axis = PAST, .names = {"none"}, .others = true},
     .when = "a store, and readout.kappa > 0",
     .where = hth_asks_stores_below_leak,
     .why = "what a leaky readout holds of reads is not followed; it needs readout.kappa = 0 "
            "(above units that spike the default is another), or learner.past = none"},
    {.of = {.axis = PAST, .names = {"none"}, .others = true},
     .when = "a store, and network.dropout > 0",
     .where = hth_asks_stores_with_dropout,
     .why = "rows do not keep which units were left out when they were written; it needs "
            "network.dropout = 0, or learner.past = none"},
    {.of = {.axis = PAST, .names = {"none"}, .others = true},
     .when = "a store that reads another",
     .where = hth_asks_stores_store,
     .why = "rows keep the past of units, not of the reads of another store; give each store "
            "layers of units to read (network.reads), or set learner.past = none"},
    {.of = {.axis = PAST, .names = {"none"}, .others = true},
     .when = "a store that reads token vectors",
     .where = hth_asks_stores_tokens,
     .why = "rows keep the past of units, not which vectors were read; let the store read layers "
            "alone (network.reads = below), or set learner.past = none"},
    {.of = {.axis = RECURRENCE, .names = {"full", "diagonal", "none"}, .others = true},
     .when = "store.feedback = true",
     .where = hth_asks_feeds_back,
     .why = "it has weights of its own for the way from a layer to itself, and none for that "
            "through the store; set learner.recurrence to full, diagonal or none"},
    {.of = {.axis = PAST, .names = {"window"}},
     .when = "no store (network.layers)",
     .where = hth_asks_has_no_store,
     .why =
         "it keeps steps for the rows of a store, and there is none; set learner.past = none, or "
         "learner.name = tbptt-k1-k2 for credit of some steps before the tape"},
    {.of = {.axis = PAST, .names = {"window"}},
     .when = "token vectors",
     .where = hth_asks_has_tokens,
     .why = "rows keep steps of units, not which vectors were read; set learner.past = influence, "
            "rank-one or none"},
    {.of = {.axis = PAST, .names = {"window"}},
     .when = "store.feedback = true",
     .where = hth_asks_feeds_back,
     .why = "the steps that rows keep hold reads of rows of before them, which it does not follow; "
            "set store.feedback = false, or learner.past = influence"},
    {.of = {.axis = PAST, .names = {"window"}},
     .without = {.axis = RECURRENCE, .names = {"full", "diagonal", "none"}},
     .why = "the steps that rows keep go back by the true derivatives; it needs learner.recurrence "
            "= full, diagonal or none"},
    {.of = {.axis = PAST, .names = {"rank-one", "kronecker", "reverse-kronecker"}},
     .when = "a store that a layer of units reads (store.feedback too)",
     .where = hth_asks_holds_reads,
     .why = "states hold what was read of rows that each keep another estimate, and estimates do "
            "not add up; set learner.past to influence or none"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "a store, and several layers of units below it, token vectors or network.initial = "
             "learned",
     .where = hth_asks_stores_more_than_synapses,
     .why = "rows keep the traces of the synapses of the layers that the store reads, and of "
            "nothing below them; take one layer of units, network.initial = zero and no token "
            "vectors, or learner.past = influence or rank-one"},
    {.of = {.axis = WINDOW},
     .when = "a store (network.layers)",
     .where = hth_asks_has_store,
     .why = "rows come and go between the times that a step is learned from; it needs 0"},
    /* Signal */
    {.of = {.axis = SIGNAL, .names = {"readout", "none"}, .others = true},
     .when = "readout.kappa > 0",
     .where = hth_asks_readout_leaks,
     .without = {.axis = PAST, .names = {"none", "trace", "kernel"}},
     .why = "what learner.past keeps of a leaky readout goes by the readout's own weights; it "
            "needs learner.signal = readout, readout.kappa = 0, or learner.past = trace (with "
            "learner.trace = instantaneous for each step's own term alone)"},
    {.of = {.axis = SIGNAL, .names = {"resampled"}},
     .when = "more than 256 outputs",
     .where = hth_asks_has_many_outputs,
     .why = "feedback that changes is there for at most 256 outputs; set learner.signal = random"},
    {.of = {.axis = SIGNAL, .names = {"direct"}},
     .when = "several layers, and more than 256 outputs",
     .where = hth_asks_has_layers_below_many,
     .why = "a lower layer gets its errors from all outputs at once, of which there may be at most "
            "256; set learner.signal = random"},
    {.of = {.axis = SIGNAL, .names = {"direct"}},
     .when = "several layers",
     .where = hth_asks_has_layers_below,
     .without = {.axis = PAST, .names = {"none", "trace", "instantaneous"}},
     .why = "no error passes down from layer to layer, but what is kept of the past goes by the "
            "true derivatives between them; it needs learner.past = none, trace or instantaneous, "
            "or one layer (network.units)"},
    {.of = {.axis = SIGNAL, .names = {"direct"}},
     .when = "several layers, and one that runs from the end",
     .where = hth_asks_runs_backwards_below,
     .why = "a layer that runs from the end has its steps in another order than the errors; set "
            "learner.signal = random"},
    {.of = {.axis = SIGNAL, .names = {"module"}},
     .with = {.axis = PAST, .names = {"kernel"}},
     .why = "the kernel takes the readout's errors to the units, and a module's signals are none; "
            "set learner.past = trace"},
    {.of = {.axis = SIGNAL, .names = {"module"}},
     .with = {.axis = FUTURE, .names = {"synthetic"}},
     .why = "a prediction is of later losses, which a module's signals do not follow; set "
            "learner.future = zero"},
    /* Recurrence */
    {.of = {.axis = RECURRENCE, .names = {"learned", "random", "sign"}},
     .with = {.axis = SIGNAL, .names = {"none"}},
     .why = "no error reaches the units, so no credit crosses them; set learner.recurrence = none"},
    {.of = {.axis = RECURRENCE, .names = {"learned"}},
     .without = {.axis = PAST, .names = {"none"}},
     .why = "what is kept of the past goes by the true derivatives; it needs learner.past = none"},
    {.of = {.axis = RECURRENCE, .names = {"random", "sign"}},
     .without = {.axis = PAST, .names = {"none", "trace", "instantaneous"}},
     .why = "what is kept of the past goes by the true derivatives between units; it needs "
            "learner.past = none, trace or instantaneous"},
    /* Past */
    {.of = {.axis = PAST, .names = {"none", "instantaneous"}, .others = true},
     .with = {.axis = SIGNAL, .names = {"none"}},
     .why = "no error reaches the units, so nothing needs to be kept; set learner.past = none"},
    {.of = {.axis = PAST, .names = {"instantaneous"}},
     .with = {.axis = SIGNAL, .names = {"none"}},
     .why = "no error reaches the units, so there is nothing to cut short; set learner.past = "
            "none"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "learner.steps > 1 and learner.below = exact, with several layers or token vectors",
     .where = hth_asks_loses_traces_below,
     .without = {.axis = RECURRENCE, .names = {"full", "random", "sign"}},
     .why = "what upper states hold of the credit of a lower layer or of token vectors has no "
            "trace, so the gradient would depend on the length of a tape; take learner.steps = 1, "
            "learner.below = tape, learner.recurrence = full or learner.past = none"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "learner.scale_trace other than derivative, and a cell without a membrane of constant "
             "leak",
     .where = hth_asks_scales_without_leak,
     .why = "learner.scale_trace speaks of the membrane's leak, which units of this cell do not "
            "have, not at every step (cell.reset = zero), or learn (cell.learn); it needs "
            "derivative, or cell lif or alif with cell.reset = subtract and no cell.learn"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "learner.scale_trace other than derivative, and several layers",
     .where = hth_asks_scales_lower_layers,
     .why = "learner.scale_trace other than derivative would scale what lower layers learn too; "
            "it needs one layer (network.units)"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "learner.trace other than full, or learner.postsynaptic other than derivative",
     .where = hth_asks_has_own_traces,
     .without = {.axis = RECURRENCE, .names = {"none"}},
     .why = "learner.trace and learner.postsynaptic make other rules of traces that belong to a "
            "synapse alone; they need learner.recurrence = none, or full and derivative; "
            "truncated traces of e-prop 3 are learner.past = instantaneous"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "learner.postsynaptic other than derivative, and a cell that does not spike, or one "
             "with cell.learn",
     .where = hth_asks_has_factor_without_spikes,
     .why = "learner.postsynaptic says what stands for the pseudo-derivative, which units of this "
            "cell do not have, or learn by in their own parameters too (cell.learn); it needs "
            "derivative, or a cell that spikes, such as lif, without cell.learn"},
    {.of = {.axis = PAST, .names = {"pattern", "kernel"}},
     .when = "network.dropout > 0 and readout.kappa > 0",
     .where = hth_asks_drops_out_of_leaky,
     .why = "what is kept of a leaky readout does not know which units were left out; it needs "
            "network.dropout = 0 or readout.kappa = 0"},
    {.of = {.axis = PAST, .names = {"pattern"}},
     .without = {.axis = RECURRENCE, .names = {"full"}},
     .why = "influence spreads over the recurrent weights, so it needs learner.recurrence = full "
            "(for SnAp-1 alone, learner.name = snap1 is faster)"},
    {.of = {.axis = PAST, .names = {"pattern"}},
     .when = "several layers or token vectors",
     .where = hth_asks_has_layers_or_tokens,
     .why = "SnAp is defined for one recurrent layer whose input is not learned; take one layer "
            "and no token vectors, or learner.past = influence"},
    {.of = {.axis = PAST, .names = {"influence"}},
     .without = {.axis = RECURRENCE, .names = {"full"}},
     .why = "the influence tensor is the exact past and needs learner.recurrence = full"},
    {.of = {.axis = PAST, .names = {"rank-one", "kronecker", "reverse-kronecker"}},
     .without = {.axis = RECURRENCE, .names = {"full"}},
     .why = "an estimate of the influence tensor is unbiased only with learner.recurrence = full"},
    {.of = {.axis = PAST, .names = {"kronecker", "reverse-kronecker"}},
     .when = "token vectors",
     .where = hth_asks_has_tokens,
     .why = "its factors are a weight matrix's rows and columns, and token vectors have neither; "
            "learner.past = rank-one takes tokens"},
    {.of = {.axis = PAST, .names = {"kronecker", "reverse-kronecker"}},
     .when = "network.initial = learned",
     .where = hth_asks_learns_initial,
     .why = "its factors are a weight matrix's rows and columns, and initial states have neither; "
            "set network.initial = zero or learner.past = rank-one"},
    {.of = {.axis = PAST, .names = {"kernel"}},
     .without = {.axis = RECURRENCE, .names = {"none"}},
     .why = "the kernel stands for all that goes from unit to unit; it needs learner.recurrence = "
            "none"},
    {.of = {.axis = PAST, .names = {"kernel"}},
     .when = "learner.steps > 1",
     .where = hth_asks_has_several_steps,
     .why = "the kernel links each step to the next, also those of one tape; it needs "
            "learner.steps = 1"},
    {.of = {.axis = PAST, .names = {"kernel"}},
     .when = "several layers",
     .where = hth_asks_has_layers,
     .why = "the kernel is of one layer's units on each other; a stack would need more: take one "
            "layer (network.units)"},
    {.of = {.axis = PAST, .names = {"kernel"}},
     .when = "regulariser.rate > 0",
     .where = hth_asks_is_regularised,
     .why = "the kernel takes the readout's errors to the units, not what the regulariser asks of "
            "them; it needs regulariser.rate = 0"},
    {.of = {.axis = PAST, .names = {"kernel"}},
     .when = "network.initial = learned",
     .where = hth_asks_learns_initial,
     .why = "there are traces of synapses only; it needs network.initial = zero"},
    {.of = {.axis = PAST, .names = {"kernel"}},
     .when = "learner.kernel_lr > 0, and a cell that spikes",
     .where = hth_asks_perturbs_spikes,
     .why = "a small perturbation changes all of a spike train or nothing, so that there is "
            "nothing to learn the kernel from; set learner.kernel_lr = 0"},
    /* Future */
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .with = {.axis = SIGNAL, .names = {"none"}},
     .why = "no error reaches the units, so there is no credit to predict; set learner.future = "
            "zero"},
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .without = {.axis = PAST, .names = {"none", "trace", "instantaneous"}},
     .why = "what is kept of the past counts every loss when it comes, and one that was predicted "
            "would count twice; it needs learner.past = none, trace or instantaneous, or "
            "learner.future = zero"},
    {.of = {.axis = PAST, .names = {"trace"}},
     .when = "learner.future other than zero",
     .where = hth_asks_predicts,
     .without = {.axis = RECURRENCE, .names = {"full"}},
     .why = "without credit that crosses units the traces pay for all later losses, and a "
            "prediction would change nothing; past = trace needs learner.recurrence = full"},
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .when = "readout.kappa > 0",
     .where = hth_asks_readout_has_states,
     .why = "the error of a leaky readout acts back beyond the tape, which no prediction of the "
            "units' adjoint covers; it needs readout.kappa = 0 (above units that spike the default "
            "is another)"},
    {.of = {.axis = FUTURE, .names = {"synthetic"}},
     .when = "learner.sg_scans = 1 and learner.sg_activation other than identity",
     .where = hth_asks_activates_own_prediction,
     .why = "learner.sg_activation acts on the prediction that the target is made with, not on the "
            "one of the gradient; it needs learner.sg_scans = 2"},
    {.of = {.axis = FUTURE, .names = {"synthetic"}},
     .when = "learner.sg_scans = 1 and learner.sg_refresh > 1",
     .where = hth_asks_refreshes_own_prediction,
     .why = "learner.sg_refresh is of the copy that the target is predicted with; it needs "
            "learner.sg_scans = 2"},
    {.of = {.axis = FUTURE, .names = {"synthetic"}},
     .when = "learner.sg_loss > 0",
     .where = hth_asks_learns_by_own_error,
     .without = {.axis = PAST, .names = {"trace"}},
     .why = "the error of a prediction is known when the tape that it was made on has gone, and "
            "only traces then still take it to the weights; learner.sg_loss > 0 needs "
            "learner.past = trace"},
    {.of = {.axis = FUTURE, .names = {"synthetic"}},
     .when = "learner.sg_loss > 0 and learner.inputs = true",
     .where = hth_asks_gives_out_own_error,
     .why = "the error of a prediction enters the adjoint at the start of the tape, which would be "
            "given out as that of the loss; set learner.sg_loss = 0 or learner.inputs = false"},
    /* A tape that slides */
    {.of = {.axis = WINDOW},
     .with = {.axis = SIGNAL, .names = {"none"}},
     .why = "no error reaches the units, so there is nothing to wait for; it needs another "
            "learner.signal than none"},
    {.of = {.axis = WINDOW},
     .when = "several layers",
     .where = hth_asks_has_layers_below,
     .with = {.axis = SIGNAL, .names = {"direct"}},
     .why = "errors that wait are kept for the layers that the readout reads alone; it needs "
            "another learner.signal than direct, or one layer (network.units)"},
    {.of = {.axis = WINDOW},
     .with = {.axis = SIGNAL, .names = {"module"}},
     .why = "signals are given once a tape, and their steps would stay; it needs another "
            "learner.signal than module"},
    {.of = {.axis = WINDOW},
     .when = "learner.past other than none",
     .where = hth_asks_carries_past,
     .why = "the steps that stay on the tape have their credit through it, and what is kept of "
            "the past would give it again; it needs learner.past = none"},
    {.of = {.axis = WINDOW},
     .when = "learner.future other than zero",
     .where = hth_asks_predicts,
     .why = "the losses after a step are waited for, not predicted; it needs learner.future = "
            "zero"},
    {.of = {.axis = WINDOW},
     .when = "network.direction = both",
     .where = hth_asks_runs_backwards,
     .why = "the tape is the whole sequence, for a layer runs over it from its end "
            "(network.direction = both), so that nothing slides; it needs 0"},
    {.of = {.axis = WINDOW},
     .when = "regulariser.rate > 0",
     .where = hth_asks_is_regularised,
     .why = "what the regulariser asks of a step is known for one tape at a time, not for a "
            "window; it needs regulariser.rate = 0"},
    {.of = {.axis = WINDOW},
     .when = "learner.steps > learner.window",
     .where = hth_asks_is_shorter,
     .why = "it is shorter than the steps that are new each time; it needs learner.steps of at "
            "most learner.window"},
    {.of = {.axis = WINDOW},
     .when = "readout.kappa > 0, and a learner.signal that changes from step to step",
     .where = hth_asks_leaks_with_changing_feedback,
     .why = "through a leaky readout a step gets errors of later steps, whose feedback would be "
            "another; it needs readout.kappa = 0 or another learner.signal"},
    {.of = {.axis = SIGNAL, .names = {"none"}, .others = true},
     .when = "readout.feedback = true",
     .where = hth_asks_feeds_outputs,
     .why = "credit would have to go back through the outputs that layer 0 reads; set "
            "learner.signal to none (learner=rls, learner=readout-only), or readout.feedback to "
            "false"},
    {.of = {.axis = WINDOW},
     .when = "learner.readout = rls",
     .where = hth_asks_has_least_squares,
     .why = "least squares take each step once, as it comes (learner.readout = rls); it needs 0"},
    {.of = {.axis = SIGNAL, .names = {"module"}},
     .when = "learner.readout = rls",
     .where = hth_asks_has_least_squares,
     .why = "an episode's update is differentiated, and least squares are not; it needs "
            "learner.readout = gradient"},
    /* Connections with delays */
    {.of = {.axis = RECURRENCE, .names = {"full", "none"}, .others = true},
     .when = "network.delay > 1",
     .where = hth_asks_has_delays,
     .why = "it takes credit from a unit to another, or to itself, at the next step, but that of "
            "a connection with a delay is some steps under way; set learner.recurrence to full or "
            "none"},
    {.of = {.axis = PAST, .names = {"none", "trace", "instantaneous", "influence"}, .others = true},
     .when = "network.delay > 1",
     .where = hth_asks_has_delays,
     .why = "it does not follow what is under way in connections with delays; set learner.past to "
            "none, trace, instantaneous or influence"},
    {.of = {.axis = FUTURE, .names = {"zero"}, .others = true},
     .when = "network.delay > 1",
     .where = hth_asks_has_delays,
     .why = "it predicts the credit of states and z, not of what is under way in connections with "
            "delays; set learner.future to zero"},
};

const hth_rule *hth_rule_at(size_t index) {
    return index < HTH_COUNT(rules) ? &rules[index] : NULL;
}

/* ---- Checking ---- */

enum { AXES = HTH_AXES - 1 };

/* The four axes by name, as a plan has chosen on them. */
static const hth_axis *chosen(const hth_learner *plan, const char *axis) {
    const hth_axes *axes = &plan->axes;
    if (strcmp(axis, SIGNAL) == 0) return &axes->signal->axis;
    if (strcmp(axis, RECURRENCE) == 0) return &axes->recurrence->axis;
    if (strcmp(axis, PAST) == 0) return &axes->past->axis;
    return &axes->future->axis;
}

static bool is_made(const hth_choice *choice, const hth_learner *plan) {
    if (strcmp(choice->axis, WINDOW) == 0) return plan->slides;
    const char *name = chosen(plan, choice->axis)->part.name;
    for (size_t i = 0; i < HTH_MOST_NAMES && choice->names[i]; i++)
        if (strcmp(choice->names[i], name) == 0) return !choice->others;
    return choice->others;
}

static bool is_broken(const hth_rule *rule, const hth_learner *plan) {
    return is_made(&rule->of, plan) && (!rule->where || rule->where(plan)) &&
           (!rule->with.axis || is_made(&rule->with, plan)) &&
           (!rule->without.axis || !is_made(&rule->without, plan));
}

/* rule: which one it breaks, such as " (rule 3 of `hitherto list --rules`)". */
static hth_status fail(const hth_learner *plan, const char *axis, const char *why, const char *rule,
                       hth_error *error) {
    if (strcmp(axis, WINDOW) == 0)
        return hth_fail(error, HTH_INVALID, "learner.window = %zu: %s%s", hth_window_length(plan),
                        why, rule);
    return hth_fail(error, HTH_INVALID, "learner.%s = %s: %s%s", axis,
                    chosen(plan, axis)->part.name, why, rule);
}

static hth_status fail_by_rule(const hth_learner *plan, size_t index, hth_error *error) {
    char rule[64];
    hth_text(rule, sizeof rule, " (rule %zu of `hitherto list --rules`)", index + 1);
    return fail(plan, rules[index].of.axis, rules[index].why, rule, error);
}

hth_status hth_rules_check(const hth_learner *plan, hth_error *error) {
    static const char *const axes[AXES] = {SIGNAL, RECURRENCE, PAST, FUTURE};
    for (size_t i = 0; i < HTH_COUNT(rules); i++)
        if (is_broken(&rules[i], plan)) return fail_by_rule(plan, i, error);
    for (size_t i = 0; i < AXES; i++) {
        const hth_axis *axis = chosen(plan, axes[i]);
        const char *why = axis->refuses ? axis->refuses(plan) : NULL;
        if (why) return fail(plan, axes[i], why, "", error);
    }
    return HTH_OK;
}
