/* Decisions over several steps: see hth_chunk.decides. */
#ifndef HTH_DECISION_H
#define HTH_DECISION_H

#include "network/loss.h"

/* NULL arrays: the shape has no decisions. */
typedef struct hth_decision {
    size_t outputs, batch;
    hth_real *start; /* [outputs][batch] sums of y of the decision under way */
    hth_real *end;   /* those after the steps being judged */
    hth_real *peak;  /* [tiles][items] largest sum of the tile, where a decision ends */
    int32_t *best;   /* [tiles][items] which output that is */
} hth_decision;

void hth_decision_lay_out(hth_arena *arena, const hth_shape *shape, size_t steps, size_t batch,
                          size_t tiles, hth_decision *on);
void hth_decision_reset(hth_decision *on);
/* Sums up y of tile `index`, before its loss; on->end is then that of the last step. */
void hth_decision_tile(const hth_decision *on, const hth_loss_tile *tile, size_t index,
                       const hth_real *y);
/* Counts what the tiles found, and goes on from the last step. */
void hth_decision_count(const hth_decision *on, const hth_chunk *chunk, size_t tiles,
                        hth_report *report);

#endif
