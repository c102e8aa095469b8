/*
 * The inner kernel of the vector products: a strip of at most HTH_TILE_ROWS rows of C, cut into tiles
 * that stay in registers while k runs.
 */
#ifndef HTH_KERNELS_TILE_H
#define HTH_KERNELS_TILE_H

#include "kernels/internal.h"

#ifdef HTH_VECTOR_KERNELS

/* C[rows][N] (+)= A[rows][K] B[K][N]. Element (k, j) of B is
 * b[k * b_step + j / HTH_PANEL * b_panel + j % HTH_PANEL]; whole panels can be read. */
typedef struct hth_strip {
    size_t N, K;
    hth_matrix A;
    const hth_real *b;
    size_t b_step, b_panel;
    bool accumulate;
    hth_real *c;
    size_t ldc;
} hth_strip;

HTH_VERB(void, hth_strip_run, (size_t rows, const hth_strip *strip));
#define hth_strip_run HTH_NOW(hth_strip_run)

#endif

#endif
