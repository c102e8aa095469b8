/* Products with rows of a tape: see products.h. */
#include "network/products.h"

/* Where the first of the rows begins. */
static const hth_real *first_of(const hth_tape_rows *u) {
    return u->tape->layers[u->layer].u + u->from * u->tape->network->layers[u->layer].stride;
}

void hth_tape_times(const hth_tape_rows *u, size_t N, const hth_real *packed, hth_real *y,
                    size_t ldy) {
    const hth_tape_layer *on = &u->tape->layers[u->layer];
    const hth_events_rows rows = {.events = on->is_sparse ? &on->events : NULL,
                                  .from = u->from,
                                  .rows = u->rows,
                                  .K = u->K,
                                  .M = N,
                                  .stride = u->tape->network->layers[u->layer].stride,
                                  .x = first_of(u)};
    hth_events_product(u->compute, &rows, packed, y, ldy);
}

void hth_tape_add_outer(const hth_tape_rows *u, size_t N, const hth_real *d, size_t d_stride,
                        hth_real *scratch, hth_real *C, size_t ldc) {
    const hth_tape_layer *on = &u->tape->layers[u->layer];
    const hth_layer *layer = &u->tape->network->layers[u->layer];
    const hth_events_sum sum = {.events = &on->events,
                                .from = u->from,
                                .rows = u->rows,
                                .N = N,
                                .K = u->K,
                                .d = d,
                                .d_stride = d_stride,
                                .u = first_of(u),
                                .u_stride = layer->stride,
                                .C = C,
                                .ldc = ldc,
                                .scratch = scratch};
    const bool always = layer->events == HTH_EVENTS_ALWAYS;
    if (on->is_sparse && (always || hth_events_add_pays(&sum)))
        hth_events_add(u->compute, &sum);
    else
        hth_product(u->compute, N, u->K, u->rows, hth_transposed(d, d_stride),
                    hth_rows(sum.u, layer->stride), true, C, ldc);
}
