/*
 * Decisions over several steps: the output with the largest mean over a period is the answer (Bellec et
 * al. 2019, task 1.2). As every step with weight counts alike, the largest sum is the largest mean,
 *
 *     S_k <- 0 before a decision,   S_k <- S_k + y_k where the weight is not 0,   answer = argmax_k S_k.
 *
 * The sums are carried from verdict to verdict, so that a decision may lie across any number of them. Cost: an
 * addition per output and step; nothing where the stream marks no decisions.
 */
#include "network/decision.h"

#include <string.h>

void hth_decision_lay_out(hth_arena *arena, const hth_shape *shape, size_t steps, size_t batch,
                          size_t tiles, hth_decision *on) {
    *on = (hth_decision){.outputs = shape->outputs, .batch = batch};
    if (!shape->decides) return;
    on->start = HTH_TAKE(arena, hth_real, shape->outputs * batch);
    on->end = HTH_TAKE(arena, hth_real, shape->outputs * batch);
    on->peak = HTH_TAKE(arena, hth_real, tiles * steps * batch);
    on->best = HTH_TAKE(arena, int32_t, tiles * steps * batch);
}

void hth_decision_reset(hth_decision *on) {
    if (on->start) memset(on->start, 0, on->outputs * on->batch * sizeof *on->start);
}

/* The winner among the sums of one item of the batch. */
static void find_best(const hth_decision *on, const hth_loss_tile *tile, const hth_real *sums,
                      size_t at) {
    size_t best = 0;
    for (size_t k = 1; k < tile->rows; k++)
        best = sums[k * on->batch] > sums[best * on->batch] ? k : best;
    on->peak[at] = sums[best * on->batch];
    on->best[at] = (int32_t)(tile->first + best);
}

static void sum_item(const hth_decision *on, const hth_loss_tile *tile, size_t index,
                     const hth_real *y, size_t b) {
    const hth_chunk *chunk = tile->chunk;
    hth_real *sums = on->end + tile->first * on->batch + b;
    for (size_t i = b; i < tile->items; i += on->batch) {
        const bool counts = hth_item_weight(chunk, i) != 0;
        const bool ends = chunk->decides && chunk->decides[i] != 0;
        for (size_t k = 0; counts && k < tile->rows; k++)
            sums[k * on->batch] += y[k * tile->stride + i];
        if (ends) find_best(on, tile, sums, index * tile->items + i);
        for (size_t k = 0; (ends || !counts) && k < tile->rows; k++) sums[k * on->batch] = 0;
    }
}

void hth_decision_tile(const hth_decision *on, const hth_loss_tile *tile, size_t index,
                       const hth_real *y) {
    const size_t first = tile->first * on->batch, sums = tile->rows * on->batch;
    if (!on->start) return;
    memcpy(on->end + first, on->start + first, sums * sizeof *on->end);
    for (size_t b = 0; b < on->batch; b++) sum_item(on, tile, index, y, b);
}

void hth_decision_count(const hth_decision *on, const hth_chunk *chunk, size_t tiles,
                        hth_report *report) {
    const size_t items = chunk->steps * on->batch;
    for (size_t i = 0; on->start && chunk->decides && i < items; i++) {
        size_t winner = i;
        if (!chunk->decides[i]) continue;
        for (size_t q = 1; q < tiles; q++)
            if (on->peak[q * items + i] > on->peak[winner]) winner = q * items + i;
        report->decisions += 1;
        report->right += on->best[winner] == chunk->classes[i];
    }
    if (on->start) memcpy(on->start, on->end, on->outputs * on->batch * sizeof *on->start);
}
