/*
 * What loss.time = mean and window divide an item's loss by: the steps of its whole sequence, or the sum of their
 * weights. So the gradients of all tapes of a sequence add up to the same, however long the tapes are. A tape that
 * holds its whole sequence adds this up by itself; for others it is told beforehand.
 */
#include "network/tape.h"

#include <math.h>

bool hth_tape_divides(const hth_tape *tape) {
    return tape->totals != NULL;
}

void hth_tape_expect_nothing(hth_tape *tape) {
    for (size_t b = 0; tape->totals && b < tape->batch; b++) tape->totals[b] = -1;
}

/* Steps and weights of a chunk, item by item, to what there is. */
static void add_chunk(const hth_readout *r, const hth_chunk *chunk, double *totals) {
    const size_t batch = chunk->batch;
    for (size_t b = 0; b < batch; b++) {
        double sum = totals[b] > 0 ? totals[b] : 0;
        if (r->mean_over_time) sum += chunk->lengths ? chunk->lengths[b] : (double)chunk->steps;
        for (size_t t = 0; r->mean_over_window && t < chunk->steps; t++)
            sum += (double)hth_item_weight(chunk, t * batch + b);
        totals[b] = sum;
    }
}

static hth_status check_chunk(const hth_tape *tape, const hth_chunk *chunk, hth_error *error) {
    if (!tape->fresh || tape->steps > 0)
        return hth_fail(error, HTH_INVALID,
                        "hth_tape_expect tells what a sequence adds up to, but this one has begun: "
                        "call it after hth_tape_reset, before the first step is written");
    if (chunk->batch != tape->batch)
        return hth_fail(error, HTH_MISMATCH,
                        "a sequence of %zu items is expected, but the tape has %zu", chunk->batch,
                        tape->batch);
    for (size_t b = 0; chunk->lengths && b < chunk->batch; b++)
        if (chunk->lengths[b] > chunk->steps)
            return hth_fail(error, HTH_INVALID,
                            "lengths: item %zu has %u steps, but the chunk only %zu", b,
                            (unsigned)chunk->lengths[b], chunk->steps);
    for (size_t i = 0; chunk->weights && i < chunk->steps * chunk->batch; i++)
        if (!isfinite(chunk->weights[i]))
            return hth_fail(error, HTH_NOT_FINITE,
                            "weights: step %zu, item %zu must be a finite number", i / chunk->batch,
                            i % chunk->batch);
    return HTH_OK;
}

hth_status hth_tape_expect(hth_tape *tape, const hth_chunk *sequence, hth_error *error) {
    HTH_TRY(check_chunk(tape, sequence, error));
    if (tape->totals) add_chunk(&tape->network->readout, sequence, tape->totals);
    return HTH_OK;
}

hth_status hth_tape_expect_whole(hth_tape *tape, const hth_chunk *sequence, hth_error *error) {
    hth_tape_expect_nothing(tape);
    return hth_tape_expect(tape, sequence, error);
}

void hth_tape_expect_as(hth_tape *tape, const hth_tape *other) {
    for (size_t b = 0; tape->totals && b < tape->batch; b++) tape->totals[b] = other->totals[b];
}

/* Whether anything on the tape is to be divided: a loss by targets, or firing rates that are scaled as it is. */
static bool divides_now(const hth_tape *tape) {
    bool divides = false;
    for (size_t l = 0; l < tape->network->layer_count; l++)
        divides = divides || tape->layers[l].pull;
    divides = divides && hth_regulariser_divides(&tape->network->regulariser);
    for (size_t t = 0; t < tape->steps; t++) divides = divides || tape->said[t] == HTH_SAID_TARGET;
    return divides;
}

hth_status hth_tape_find_totals(hth_tape *tape, hth_error *error) {
    const hth_readout *r = &tape->network->readout;
    if (!tape->totals || tape->totals[0] >= 0 || !divides_now(tape)) return HTH_OK;
    if (tape->fresh && tape->chunk.ends) {
        add_chunk(r, &tape->chunk, tape->totals);
        return HTH_OK;
    }
    return hth_fail(error, HTH_INVALID,
                    "loss.time = %s divides by the %s of the whole sequence, but the tape has a "
                    "part of it: tell them with hth_tape_expect when the sequence begins, or take "
                    "loss.time = sum",
                    r->mean_over_time ? "mean" : "window",
                    r->mean_over_time ? "steps" : "sum of the weights");
}
