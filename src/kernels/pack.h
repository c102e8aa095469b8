/* Copies of B in panels of HTH_PANEL columns, in which the inner kernel reads straight on. */
#ifndef HTH_KERNELS_PACK_H
#define HTH_KERNELS_PACK_H

#include "kernels/internal.h"

#ifdef HTH_VECTOR_KERNELS

/* to[k * HTH_PANEL + j] = B[k][j]; columns <= HTH_PANEL, those that lack are zero. */
HTH_VERB(void, hth_pack_panel, (size_t K, size_t columns, hth_matrix B, hth_real *to));
#define hth_pack_panel HTH_NOW(hth_pack_panel)

/* The i-th of `count` nearly equal parts of `whole` begins here; the longer ones come first. */
static inline size_t hth_part_begin(size_t whole, size_t count, size_t i) {
    size_t longer = whole % count;
    return whole / count * i + (i < longer ? i : longer);
}

/* Copies an A of contiguous columns, A[i][k] = from[i + k * stride], cut into strips of nearly
 * equal rows. Element (i, k) of a strip of n rows from `first` on goes to
 * to[first * K + k * n + i - first]. */
HTH_VERB(void, hth_pack_strips,
         (size_t K, size_t rows, size_t strips, const hth_real *from, size_t stride, hth_real *to));
#define hth_pack_strips HTH_NOW(hth_pack_strips)

#endif

#endif
