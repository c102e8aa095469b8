/* Whether what a caller gives to a tape has a meaning there: shapes, codes in range, finite numbers. */
#include "kernels/rows.h"
#include "network/tape.h"

#include <math.h>

/* Up to so many numbers are looked at one by one. */
enum { FEW_NUMBERS = 32 };

/* Numbers [steps][batch][width]. */
static hth_status check_numbers(const hth_tape *tape, const hth_real *x, size_t steps, size_t width,
                                const char *what, hth_error *error) {
    const size_t batch = tape->batch, count = steps * batch * width;
    if (count > FEW_NUMBERS && hth_zero_or_nan(tape->compute, count, x) == 0) return HTH_OK;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i]))
            return hth_fail(
                error, HTH_NOT_FINITE,
                "%s: step %zu, item %zu, component %zu is %s; it must be a finite number", what,
                i / width / batch, i / width % batch, i % width, isnan(x[i]) ? "NaN" : "infinite");
    return HTH_OK;
}

/* Codes [steps][batch] in 0..bound-1, where they count. */
static hth_status check_codes(const hth_tape *tape, const int32_t *codes, const hth_real *weights,
                              size_t steps, size_t bound, const char *what, hth_error *error) {
    const size_t batch = tape->batch;
    for (size_t i = 0; i < steps * batch; i++)
        if ((codes[i] < 0 || (size_t)codes[i] >= bound) && (!weights || weights[i] != 0))
            return hth_fail(error, HTH_INVALID,
                            "%s: step %zu, item %zu is %d; it must be in 0..%zu", what, i / batch,
                            i % batch, (int)codes[i], bound - 1);
    return HTH_OK;
}

/* ---- Inputs ---- */

/* Items may end within the inputs, and those that have ended on the tape have no steps more. */
static hth_status check_lengths(const hth_tape *tape, const hth_inputs *in, size_t steps,
                                hth_error *error) {
    for (size_t b = 0; b < in->batch && (in->lengths || (steps && tape->chunk.lengths)); b++) {
        const size_t length = in->lengths ? in->lengths[b] : in->steps;
        if (length > in->steps)
            return hth_fail(error, HTH_INVALID,
                            "lengths: item %zu has %zu steps, but the chunk only %zu", b, length,
                            in->steps);
        if (steps && tape->chunk.lengths && tape->chunk.lengths[b] < steps && length > 0)
            return hth_fail(error, HTH_INVALID,
                            "lengths: item %zu has %zu steps more, but it has ended on this tape "
                            "after %u of %zu steps; it must have 0",
                            b, length, (unsigned)tape->chunk.lengths[b], steps);
    }
    return HTH_OK;
}

/* What runs from the end of a sequence needs all of it, and to know where each item ends. */
static hth_status check_whole(const hth_tape *tape, const hth_inputs *in, hth_error *error) {
    if (!tape->network->is_whole || (tape->fresh && tape->steps == 0 && in->ends)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "network.direction is both, or network.reads backward: a layer runs over the "
                    "sequence from its end, so a "
                    "tape must hold the whole of it, but this one %s (%zu steps); take tapes as "
                    "long as the sequence (chunk.ends = true, after a reset)",
                    in->ends ? "goes on from the last one" : "ends before the sequence does",
                    in->steps);
}

hth_status hth_check_inputs(const hth_tape *tape, const hth_inputs *in, size_t steps,
                            hth_error *error) {
    const hth_shape *shape = &tape->network->shape;
    if (in->steps < 1 || in->steps > tape->capacity - steps || in->batch != tape->batch)
        return hth_fail(
            error, HTH_MISMATCH,
            "%zu steps of %zu items do not fit a tape of %zu and %zu with %zu steps on it",
            in->steps, in->batch, tape->capacity, tape->batch, steps);
    if (!in->x == !in->tokens || !in->tokens != !shape->vocabulary)
        return hth_fail(error, HTH_MISMATCH, "this network reads %s: give these, and these alone",
                        shape->vocabulary ? "tokens" : "numbers, x");
    if (tape->ended)
        return hth_fail(error, HTH_INVALID,
                        "the last step on the tape was said to be the last of its sequence (ends = "
                        "true); call hth_tape_reset before the next sequence");
    HTH_TRY(check_whole(tape, in, error));
    HTH_TRY(hth_store_check(tape, in->steps, error));
    HTH_TRY(check_lengths(tape, in, steps, error));
    if (in->x) return check_numbers(tape, in->x, in->steps, shape->inputs, "inputs", error);
    return check_codes(tape, in->tokens, NULL, in->steps, shape->vocabulary, "token", error);
}

/* ---- Verdicts ---- */

/* Targets that the loss has no meaning for, where they count. */
static hth_status check_range(const hth_tape *tape, const hth_verdict *v, hth_error *error) {
    const hth_readout *r = &tape->network->readout;
    const double least = r->loss->least, most = r->loss->most;
    for (size_t i = 0; least < most && i < v->steps * tape->batch * r->outputs; i++) {
        const size_t item = i / r->outputs;
        const double y = (double)v->targets[i];
        if ((y < least || y > most) && (!v->weights || v->weights[item] != 0))
            return hth_fail(
                error, HTH_INVALID,
                "targets: step %zu, item %zu, component %zu is %g; loss %s takes %g to %g",
                item / tape->batch, item % tape->batch, i % r->outputs, y, r->loss->part.name,
                least, most);
    }
    return HTH_OK;
}

/* One of the three, and of targets and classes the one that the network was made for. */
static hth_status check_kind(const hth_tape *tape, const hth_verdict *v, hth_error *error) {
    const bool classes = tape->network->shape.target == HTH_TARGET_CLASSES;
    if (v->errors && !v->targets && !v->classes && !v->weights && !v->decides) return HTH_OK;
    if (v->errors)
        return hth_fail(error, HTH_MISMATCH,
                        "dE/dy is given together with targets, classes, weights or decides; it "
                        "must stand alone");
    if ((classes ? !v->classes : !v->targets) ||
        (classes ? v->targets != NULL : v->classes != NULL))
        return hth_fail(error, HTH_MISMATCH,
                        "this network was made for %s: give these, or dE/dy, and nothing else",
                        classes ? "classes" : "targets");
    return HTH_OK;
}

hth_status hth_check_verdict(const hth_tape *tape, const hth_verdict *v, size_t steps,
                             hth_error *error) {
    const size_t outputs = tape->network->readout.outputs;
    if (v->steps < 1 || v->from >= steps || v->steps > steps - v->from)
        return hth_fail(error, HTH_MISMATCH,
                        "steps %zu to %zu are judged, but the tape has steps 0 to %zu", v->from,
                        v->from + v->steps, steps);
    HTH_TRY(check_kind(tape, v, error));
    if (v->errors) return check_numbers(tape, v->errors, v->steps, outputs, "dE/dy", error);
    if (v->targets)
        HTH_TRY(check_numbers(tape, v->targets, v->steps, outputs, "targets", error));
    else
        HTH_TRY(
            check_codes(tape, v->classes, v->weights, v->steps, outputs, "target class", error));
    if (v->targets) HTH_TRY(check_range(tape, v, error));
    if (!v->weights) return HTH_OK;
    return check_numbers(tape, v->weights, v->steps, 1, "weights", error);
}

/* Each step is judged once, and decisions in the order of time. */
hth_status hth_check_order(const hth_tape *tape, const hth_verdict *v, hth_error *error) {
    for (size_t t = v->from; t < v->from + v->steps && t < tape->steps; t++)
        if (tape->said[t])
            return hth_fail(error, HTH_INVALID, "step %zu of the tape has been judged already", t);
    for (size_t t = 0; tape->network->shape.decides && t < v->from; t++)
        if (!tape->said[t])
            return hth_fail(error, HTH_INVALID,
                            "step %zu is judged before step %zu, but decisions over several steps "
                            "need them in the order of time",
                            v->from, t);
    return HTH_OK;
}
