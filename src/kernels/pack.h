/* Copies of B in panels of HTH_PANEL columns, in which the inner kernel reads straight on. */
#ifndef HTH_KERNELS_PACK_H
#define HTH_KERNELS_PACK_H

#include "kernels/internal.h"

#ifdef HTH_VECTOR_KERNELS

/* to[k * HTH_PANEL + j] = B[k][j]; columns <= HTH_PANEL, those that lack are zero. */
void hth_pack_panel(size_t K, size_t columns, hth_matrix B, hth_real *to);

#endif

#endif
