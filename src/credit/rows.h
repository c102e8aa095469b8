/*
 * Credit through rows that were written before the tape. A row is frozen past: when a tape ends with the step that
 * writes a row, the row keeps a copy of what the past axis keeps at that moment (`freeze`), and what the store read
 * there, u. A read on a later tape gives the row an error, from which comes the adjoint of what the store read,
 *
 *     zbar = W_key^T kbar + W_value^T vbar        (literal: the error itself)
 *     dE/dW of the store += rowbar u^T            dE/dtheta += zbar dz/dtheta, by the past (`contract`)
 *
 * So past = none has rows that are data; trace gives e-prop through memory, influence the exact gradient, and pasts
 * that are right in the mean stay so. A row that is overwritten takes its past with it.
 *
 * Memory: for each row and item what the past keeps of it, and the numbers that the store reads. Cost of learning: for
 * each row that reads on the tape reached, a contraction.
 */
#ifndef HTH_ROWS_OF_STORE_H
#define HTH_ROWS_OF_STORE_H

#include "credit/learner.h"

/* Memory for the rows of all stores; learner->rows stays NULL where nothing is kept of them. The parts of the axes have
 * been chosen and their options read. */
void hth_rows_lay_out(hth_arena *arena, hth_learner *learner);

void hth_rows_reset(hth_learner *learner);
size_t hth_rows_state(hth_learner *learner, hth_field *fields, size_t capacity);

/* Adds to values[P] what row `row` of an adjoint, of an item, gives to rows of before the tape. */
void hth_rows_contract(const hth_learner *learner, const hth_adjoint *adjoint, size_t row,
                       size_t item, hth_real *values);

/* The tape has been learned from and what is kept is that of its end: freezes the row that it wrote last. */
void hth_rows_freeze(hth_learner *learner);

/* HTH_INVALID if an earlier tape wrote rows at other steps than its last, whose past is not known. */
hth_status hth_rows_check(const hth_learner *learner, const hth_tape *tape, hth_error *error);

/* Numbers that rows keep, of one item. */
size_t hth_rows_numbers(const hth_learner *learner);

#endif
