/* A read of a store, and its adjoint: store_read.c. */
#ifndef HTH_LAYERS_STORE_H
#define HTH_LAYERS_STORE_H

#include "network/layers/layers.h"

/* One read: of a head of an item at step t. */
typedef struct hth_store_read {
    const hth_layer *layer;
    const hth_tape_layer *on;
    size_t t, batch, item, head;
    hth_store_scratch scratch; /* weights: p of rows first..end-1 of those seen */
} hth_store_read;

/* store_used.c, where the least used row gives way: */

/* scratch.age of every row seen: 1 + its number, 0 where it has been overwritten. Returns how many have not been. */
size_t hth_store_find_ages(const hth_store_read *read, size_t count);

/* Adds p of the read, whose weights are in its scratch, to the usage of the rows after its step. */
void hth_store_use(const hth_store_read *read, size_t count);

/* Usage fades from the step before, then reads add to it; then the row of the step, if it writes one, takes a place. */
void hth_store_fade(const hth_store_read *read);
void hth_store_take_place(const hth_store_read *read);

/* beta of the read: learned, softplus of a drive, or fixed. */
double hth_store_strength(const hth_store_read *read);

/* p of every row seen; 0 of those not among the `top`. Returns how many rows are seen. */
size_t hth_store_weigh(const hth_store_read *read);

/* r[value] = sum of p times value; 0 where no row is seen. Returns how many are. */
size_t hth_store_read_out(const hth_store_read *read, hth_real *r);

/* Takes dE/dr[value] back: adds to dE/da_t, at the head's query and strength, and to the errors of rows. */
void hth_store_read_back(const hth_store_read *read, const hth_real *rbar, hth_real *delta,
                         hth_store_errors *errors);

#endif
