/* What a learner does with a tape of K steps (docs/idea.md). make.c makes it. */
#include "credit/descend.h"
#include "credit/errors.h"
#include "credit/least_squares.h"
#include "credit/rows.h"
#include "credit/window.h"

#include <math.h>

/* ---- Beginning anew, and what is given ---- */

/* A sequence begins. */
void hth_learner_reset(hth_learner *learner) {
    hth_place all[HTH_AXES];
    hth_learner_places(learner, all);
    learner->time = 0;
    learner->last = NULL;
    for (size_t i = 0; i < HTH_AXES; i++)
        if (all[i].axis->reset) all[i].axis->reset(learner);
    hth_rows_reset(learner);
    if (learner->least_squares) hth_least_squares_reset(learner->least_squares);
}

void hth_learner_abandon(hth_learner *learner) {
    hth_learner_reset(learner);
    learner->is_open = false;
    ((hth_window *)learner->window.kept)->waits = false;
}

hth_status hth_learner_feedback(hth_learner *learner, const hth_real *values, size_t rows,
                                size_t columns, hth_error *error) {
    const hth_readout *r = &learner->network->readout;
    const hth_signal *signal = learner->axes.signal;
    if (!signal->give)
        return hth_fail(
            error, HTH_INVALID,
            "feedback weights are given, but learner.signal = %s does not use them; take "
            "them out (array feedback of an .npz file) or set learner.signal = random",
            signal->axis.part.name);
    if (rows != r->outputs || columns != r->n)
        return hth_fail(
            error, HTH_MISMATCH,
            "feedback weights are %zu x %zu, but this network takes %zu x %zu (outputs x units%s)",
            rows, columns, r->outputs, r->n,
            rows == r->n && columns == r->outputs ? "; this is its transpose" : "");
    for (size_t i = 0; i < rows * columns; i++)
        if (!isfinite(values[i]))
            return hth_fail(error, HTH_NOT_FINITE,
                            "feedback weights: row %zu, column %zu must be a finite number",
                            i / columns, i % columns);
    signal->give(learner, values);
    return HTH_OK;
}

hth_status hth_learner_signals(hth_learner *learner, const hth_real *signals, size_t steps,
                               hth_error *error) {
    const hth_signal *signal = learner->axes.signal;
    if (!signal->take)
        return hth_fail(error, HTH_INVALID,
                        "learning signals are given, but learner.signal = %s makes its own; set "
                        "learner.signal = module",
                        signal->axis.part.name);
    const size_t count = steps * learner->batch * learner->network->readout.n;
    const bool is_finite = hth_zero_or_nan(learner->compute, count, signals) == 0;
    for (size_t i = 0; !is_finite && i < count; i++)
        if (!isfinite(signals[i]))
            return hth_fail(error, HTH_NOT_FINITE,
                            "learning signals: number %zu must be a finite number", i);
    signal->take(learner, signals, steps);
    return HTH_OK;
}

void hth_learner_freeze(hth_learner *learner, size_t lowest) {
    const hth_network *net = learner->network;
    const hth_axes *axes = &learner->axes;
    const hth_past *past = axes->past;
    const bool keeps = past->before || past->boundary || past->weigh || past->carry;
    const bool learns = axes->future->learn || axes->recurrence->learn;
    if (keeps || learns || learner->gives_inputs || learner->slides || learner->rows ||
        net->embedding || net->feeds_back || net->is_whole || hth_has_store(net))
        return;
    learner->adjoint.lowest = lowest;
}

void hth_learner_push(hth_learner *learner, size_t l, const hth_real *z, size_t state,
                      const hth_real *s) {
    hth_adjoint_layer *a = &learner->adjoint.layers[l];
    a->push_z = z;
    a->push_s = s;
    a->pushed = state;
}

void hth_learner_enumerate(hth_learner *learner, uint64_t code) {
    learner->noise.enumerated = true;
    learner->noise.code = code;
    learner->noise.drawn = 0;
    hth_learner_reset(learner);
}

/* ---- Learning ---- */

/* The gradient of the tape's own steps, and what the past adds. Where the weights descend, their own step goes with
 * them. */
static void learn_weights(hth_learner *learner, hth_gradient *gradient) {
    const hth_past *past = learner->axes.past;
    const bool carries = past->carry && !learner->network->is_whole; /* whole: no past */
    const bool adds_step = carries && past->adds_step && learner->adjoint.tape->steps == 1;
    if (!learner->descent) hth_gradient_fill(gradient);
    hth_tape_gradient_rest(&learner->adjoint, gradient);
    for (size_t b = 0; learner->rows && b < learner->batch; b++)
        hth_rows_contract(learner, &learner->adjoint, b, b, gradient->values);
    if (learner->descent && !carries && hth_descend_step(learner)) return;
    if (!adds_step) hth_tape_gradient_weights(&learner->adjoint, gradient);
    if (carries) past->carry(learner, gradient);
    if (learner->rows) hth_rows_freeze(learner);
}

/* Steps 1 and 3 to 6. */
static void learn_units(hth_learner *learner, hth_gradient *gradient) {
    const hth_axes *axes = &learner->axes;
    axes->future->boundary(learner);
    if (axes->past->boundary) axes->past->boundary(learner);
    if (learner->gives_inputs) learner->adjoint.skips_start = false;
    hth_scan(&learner->adjoint);
    if (axes->past->weigh) axes->past->weigh(learner);
    if (axes->future->start) axes->future->start(learner);
    learn_weights(learner, gradient);
    if (axes->future->learn) axes->future->learn(learner, gradient);
}

static void learn_all(hth_learner *learner, hth_gradient *gradient) {
    const hth_axes *axes = &learner->axes;
    if (axes->recurrence->before) axes->recurrence->before(learner);
    if (axes->past->before) axes->past->before(learner);
    hth_errors_enter(learner);
    if (learner->slides)
        hth_window_learn(learner, gradient);
    else
        learn_units(learner, gradient);
    if (axes->recurrence->learn) axes->recurrence->learn(learner);
}

/* Whether the tape is of another sequence than the one before. */
static bool begins(const hth_learner *learner, const hth_tape *tape) {
    return tape->fresh ||
           (learner->last && (learner->last != tape || learner->sequence != tape->sequence));
}

/* A learner learns from each step once. Where the tape slides, that is the window's concern. */
static hth_status check_once(const hth_learner *learner, const hth_tape *tape, hth_error *error) {
    const bool same = learner->last == tape && learner->sequence == tape->sequence;
    if (learner->slides || !same || tape->time >= learner->end) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "the learner has learned from %lu of the %zu steps on the tape before: judge "
                    "all of a tape, learn, then begin the next (hth_tape_begin); only with "
                    "learner.window may verdicts come later",
                    (unsigned long)(learner->end - tape->time), tape->steps);
}

/* A prediction of later losses was learned from, but none came: the sequence had ended. */
static hth_status check_end(hth_learner *learner, const hth_tape *tape, hth_error *error) {
    const bool lost = hth_window_lost(learner, tape);
    if (hth_window_forgot(learner, tape)) {
        hth_window_open(learner, tape);
        return hth_fail(
            error, HTH_INVALID,
            "the tape has forgotten steps that were waiting for losses to come "
            "(learner.window); keep all but %zu when it is slid, as hth_forward does on "
            "a tape of hth_learner_tape",
            learner->steps);
    }
    const bool predicted =
        learner->axes.future->predicts && begins(learner, tape) && learner->is_open;
    if (!lost && !predicted) return HTH_OK;
    /* This is told once; the sequence that begins can then be learned from. */
    learner->is_open = false;
    hth_window_open(learner, tape);
    if (lost)
        return hth_fail(
            error, HTH_INVALID,
            "a new sequence begins, or another tape comes, but steps of the sequence before were "
            "waiting for losses to come (learner.window); set ends = true (of the chunk, or of the "
            "inputs) with its last step");
    return hth_fail(error, HTH_INVALID,
                    "a new sequence begins, but the last step of the one before was not said to be "
                    "its last; learner.future = %s predicts what comes after a tape, so set ends = "
                    "true (of the chunk, or of the inputs) where nothing does",
                    learner->axes.future->axis.part.name);
}

static hth_status check_fit(const hth_learner *learner, const hth_tape *tape,
                            const hth_gradient *gradient, hth_error *error) {
    if (tape->steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "there is no step on the tape: its state is that of its beginning, or has "
                        "been restored; write steps (hth_tape_write), judge them, then learn");
    if (tape->network != learner->network || tape->batch != learner->batch ||
        tape->steps > hth_window_length(learner))
        return hth_fail(
            error, HTH_MISMATCH,
            "the tape (%zu steps written, %zu items) does not fit the learner (%zu, %zu)",
            tape->steps, tape->batch, hth_window_length(learner), learner->batch);
    if (gradient->count != learner->network->count)
        return hth_fail(error, HTH_MISMATCH,
                        "the gradient has %zu numbers, but the network %zu parameters",
                        gradient->count, learner->network->count);
    return HTH_OK;
}

/* A signal that is given with each tape has been given. */
static hth_status check_signals(const hth_learner *learner, const hth_tape *tape,
                                hth_error *error) {
    const hth_signal *signal = learner->axes.signal;
    const size_t given = signal->has ? signal->has(learner) : tape->steps;
    if (given == tape->steps) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "learner.signal = %s needs the learning signals of the %zu steps on the tape, "
                    "and those of %zu are there: give them before each tape is learned from "
                    "(hth_learner_signals)",
                    signal->axis.part.name, tape->steps, given);
}

/* Whether there is anything to be learned from the tape, and rightly. */
static hth_status check_tape(hth_learner *learner, hth_tape *tape, const hth_gradient *gradient,
                             hth_error *error) {
    HTH_TRY(check_fit(learner, tape, gradient, error));
    HTH_TRY(check_once(learner, tape, error));
    HTH_TRY(check_end(learner, tape, error));
    HTH_TRY(check_signals(learner, tape, error));
    HTH_TRY(hth_rows_check(learner, tape, error));
    return hth_tape_find_totals(tape, error);
}

/* The first tape of a sequence that the learner sees. What the window has of it is its own concern. */
static void begin_with(hth_learner *learner, const hth_tape *tape) {
    const bool is_new = learner->last != tape || learner->sequence != tape->sequence;
    if (is_new && !learner->slides) hth_learner_reset(learner);
    learner->time = 0;
}

/* descent NULL: into the gradient. */
static void learn(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                  hth_descent *descent) {
    const bool reaches_units = learner->axes.signal->reaches_units;
    learner->adjoint.tape = tape;
    learner->descent = descent;
    gradient->of_readout_only = !reaches_units;
    gradient->readout_steps = learner->least_squares != NULL;
    if (begins(learner, tape)) begin_with(learner, tape);
    hth_tape_regularise(tape);
    hth_errors_of_signal(learner, tape, gradient);
    if (learner->least_squares) hth_least_squares_learn(learner, tape, gradient);
    learner->given = tape->steps;
    if (reaches_units) learn_all(learner, gradient);
    for (size_t l = 0; reaches_units && l < tape->network->layer_count; l++)
        hth_learner_push(learner, l, NULL, 0, NULL);
    learner->descent = NULL;
    learner->is_open = !tape->chunk.ends;
    learner->last = tape;
    learner->sequence = tape->sequence;
    learner->end = tape->time + tape->steps;
    learner->time += tape->steps - learner->unseen;
}

hth_status hth_learn(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                     hth_error *error) {
    HTH_TRY(check_tape(learner, tape, gradient, error));
    learn(learner, tape, gradient, NULL);
    return HTH_OK;
}

hth_status hth_learn_and_step(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                              hth_optimiser *optimiser, hth_network *network, uint64_t epoch,
                              hth_error *error) {
    hth_descent descent;
    HTH_TRY(check_tape(learner, tape, gradient, error));
    hth_gradient_clear(gradient);
    const bool descends = learner->may_descend && tape->steps == 1 && network == learner->network &&
                          hth_descent_begin(optimiser, network, gradient, epoch, &descent);
    learn(learner, tape, gradient, descends ? &descent : NULL);
    if (!descends || !descent.is_open)
        return hth_optimiser_step(optimiser, network, gradient, epoch, error);
    hth_descent_end(&descent);
    return HTH_OK;
}

/* ---- What is asked for beside the gradient ---- */

static hth_status check_asked(const hth_learner *learner, const char *what, hth_error *error) {
    if (learner->gives_inputs && learner->axes.signal->reaches_units && learner->given)
        return HTH_OK;
    return hth_fail(error, HTH_INVALID, "%s is asked for, but %s", what,
                    !learner->gives_inputs ? "it is not kept: set learner.inputs = true"
                    : learner->given       ? "with learner.signal = none no error reaches the units"
                                           : "nothing has been learned yet");
}

hth_status hth_learner_inputs(const hth_learner *learner, hth_view *out, hth_error *error) {
    const hth_network *net = learner->network;
    HTH_TRY(check_asked(learner, "dE/dx", error));
    if (net->embedding)
        return hth_fail(error, HTH_INVALID,
                        "dE/dx is asked for, but the network reads tokens; the gradient of their "
                        "vectors is the block embedding.weight");
    *out = (hth_view){.data = learner->adjoint.input,
                      .steps = learner->given,
                      .batch = learner->batch,
                      .units = net->shape.inputs,
                      .step_stride = learner->batch * net->shape.inputs,
                      .item_stride = net->shape.inputs};
    return HTH_OK;
}

hth_status hth_learner_start(const hth_learner *learner, size_t layer, const char *what,
                             hth_view *out, hth_error *error) {
    HTH_TRY(check_asked(learner, "dE/ds at the start of the tape", error));
    size_t s;
    HTH_TRY(hth_layer_find(learner->network, layer, what, &s, error));
    const hth_adjoint_layer *a = &learner->adjoint.layers[layer];
    const hth_layer *of = &learner->network->layers[layer];
    const size_t slot = learner->batch * of->n;
    *out = (hth_view){.data = s < of->cell->states ? a->sbar + s * slot : a->zbar,
                      .steps = 1,
                      .batch = learner->batch,
                      .units = of->n,
                      .step_stride = slot,
                      .item_stride = of->n};
    return HTH_OK;
}

/* After it the fields may be those of another run, and so may the tape. */
size_t hth_learner_state(hth_learner *learner, hth_field *fields, size_t capacity) {
    size_t count = 0;
    hth_place all[HTH_AXES];
    hth_learner_places(learner, all);
    learner->last = NULL;
    if (learner->axes.future->predicts) {
        if (capacity > 0) fields[0] = (hth_field){"open", HTH_DTYPE_U64, 1, &learner->is_open, {0}};
        count++;
    }
    for (size_t i = 0; i < HTH_AXES; i++)
        if (all[i].axis->state)
            count += all[i].axis->state(learner, count < capacity ? fields + count : NULL,
                                        count < capacity ? capacity - count : 0);
    if (learner->least_squares)
        count += hth_least_squares_state(learner->least_squares,
                                         count < capacity ? fields + count : NULL,
                                         count < capacity ? capacity - count : 0);
    return count + hth_rows_state(learner, count < capacity ? fields + count : NULL,
                                  count < capacity ? capacity - count : 0);
}
