/*
 * Packing of B. Rows are copied; a transposed B is turned in registers, a square of HTH_LANES x
 * HTH_LANES at a time.
 */
#include "kernels/pack.h"
#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

#include <string.h>

static void pack_any(size_t K, size_t columns, hth_matrix B, hth_real *to) {
    for (size_t k = 0; k < K; k++, to += HTH_PANEL)
        for (size_t j = 0; j < columns; j++) to[j] = B.data[k * B.row + j * B.column];
}

static void pack_rows(size_t K, size_t columns, hth_matrix B, hth_real *to) {
    const hth_real *row = B.data;
    if (columns == HTH_PANEL) {
        for (size_t k = 0; k < K; k++, row += B.row, to += HTH_PANEL) {
            hth_store(to, hth_load(row));
            hth_store(to + HTH_LANES, hth_load(row + HTH_LANES));
        }
        return;
    }
    size_t low = columns < HTH_LANES ? columns : HTH_LANES;
    for (size_t k = 0; k < K; k++, row += B.row, to += HTH_PANEL) {
        hth_store(to, hth_load_some(row, low));
        hth_store(to + HTH_LANES, hth_load_some(row + low, columns - low));
    }
}

#ifdef HTH_TURN_IN_REGISTERS

/* Interleaving row i with row i + HTH_LANES/2 moves the highest bit of the row's index to the end
 * of (row, lane); log2(HTH_LANES) rounds exchange row and lane. */
HTH_ALWAYS_INLINE void turn(const hth_real *from, size_t stride, hth_real *to) {
    hth_vector v[HTH_LANES], w[HTH_LANES];
    HTH_UNROLL
    for (int i = 0; i < HTH_LANES; i++) v[i] = hth_load(from + (size_t)i * stride);
    HTH_UNROLL
    for (int round = 1; round < HTH_LANES; round *= 2) {
        HTH_UNROLL
        for (int i = 0; i < HTH_LANES / 2; i++)
            hth_interleave(v[i], v[i + HTH_LANES / 2], &w[2 * i], &w[2 * i + 1]);
        HTH_UNROLL
        for (int i = 0; i < HTH_LANES; i++) v[i] = w[i];
    }
    HTH_UNROLL
    for (int i = 0; i < HTH_LANES; i++) hth_store(to + i * HTH_PANEL, v[i]);
}

/* B.row == 1, columns a multiple of HTH_LANES. */
static void pack_transposed(size_t K, size_t columns, hth_matrix B, hth_real *to) {
    size_t whole = K - K % HTH_LANES;
    for (size_t j = 0; j < columns; j += HTH_LANES) {
        const hth_real *from = B.data + j * B.column;
        for (size_t k = 0; k < whole; k += HTH_LANES)
            turn(from + k, B.column, to + k * HTH_PANEL + j);
    }
    B.data += whole;
    pack_any(K - whole, columns, B, to + whole * HTH_PANEL);
}

#endif

void hth_pack_panel(size_t K, size_t columns, hth_matrix B, hth_real *to) {
    if (B.column == 1) {
        pack_rows(K, columns, B, to);
        return;
    }
    if (columns < HTH_PANEL) memset(to, 0, K * HTH_PANEL * sizeof *to);
#ifdef HTH_TURN_IN_REGISTERS
    if (B.row == 1) {
        size_t whole = columns - columns % HTH_LANES;
        pack_transposed(K, whole, B, to);
        B.data += whole * B.column;
        to += whole;
        columns -= whole;
    }
#endif
    pack_any(K, columns, B, to);
}

HTH_ALWAYS_INLINE void copy_few(size_t count, const hth_real *from, hth_real *to) {
    for (size_t i = 0; i < count; i += HTH_LANES) {
        size_t some = count - i < HTH_LANES ? count - i : HTH_LANES;
        hth_store_some(to + i, hth_load_some(from + i, some), some);
    }
}

void hth_pack_strips(size_t K, size_t rows, size_t strips, const hth_real *from, size_t stride,
                     hth_real *to) {
    const size_t shorter = rows / strips, longer_strips = rows % strips;
    for (size_t k = 0; k < K; k++, from += stride)
        for (size_t i = 0, first = 0; i < strips; i++) {
            size_t count = shorter + (i < longer_strips);
            copy_few(count, from + first, to + first * K + k * count);
            first += count;
        }
}

#endif
