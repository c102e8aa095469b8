/*
 * Tiles of C in registers. A tile of r rows and v vectors does r v multiply-adds a step of k for r
 * elements of A and v vectors of B; r and v are constants in every instance, so that the loops over
 * them disappear. Two vectors by many rows is the shape that large products use. With few rows the
 * sums would wait for each other (a multiply-add takes 4 cycles, and a core starts 2 a cycle), so
 * those tiles are wider.
 */
#include "kernels/tile.h"
#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

enum { MAX_VECTORS = 8, GROUP = 3, MAX_GROUPS = (HTH_TILE_ROWS + GROUP - 1) / GROUP };

typedef hth_vector sums[HTH_TILE_ROWS][MAX_VECTORS];

HTH_ALWAYS_INLINE void read_sums(const int rows, const int vectors, sums sum, const hth_real *c,
                                 size_t ldc, size_t columns) {
    HTH_UNROLL
    for (int r = 0; r < rows; r++) {
        HTH_UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t at = (size_t)v * HTH_LANES;
            const hth_real *from = c + (size_t)r * ldc + at;
            if (columns >= at + HTH_LANES)
                sum[r][v] = hth_load(from);
            else if (columns > at)
                sum[r][v] = hth_load_some(from, columns - at);
            else
                sum[r][v] = (hth_vector){0};
        }
    }
}

HTH_ALWAYS_INLINE void write_sums(const int rows, const int vectors, sums sum, hth_real *c,
                                  size_t ldc, size_t columns) {
    HTH_UNROLL
    for (int r = 0; r < rows; r++) {
        HTH_UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t at = (size_t)v * HTH_LANES;
            hth_real *to = c + (size_t)r * ldc + at;
            if (columns >= at + HTH_LANES)
                hth_store(to, sum[r][v]);
            else if (columns > at)
                hth_store_some(to, sum[r][v], columns - at);
        }
    }
}

/* Adds the products for k = 0..K-1. Rows of A are reached from one pointer for every three, because
 * an address can hold a stride and its double but not its triple. */
HTH_ALWAYS_INLINE void add_products(const int rows, const int vectors, sums sum, const hth_strip *s,
                                    const hth_real *b) {
    const size_t row = s->A.row, column = s->A.column, step = s->b_step;
    const hth_real *a[MAX_GROUPS];
    const hth_real *panel[MAX_VECTORS / 2];
    HTH_UNROLL
    for (int g = 0; g * GROUP < rows; g++) a[g] = s->A.data + (size_t)(g * GROUP) * row;
    HTH_UNROLL
    for (int p = 0; 2 * p < vectors; p++) panel[p] = b + (size_t)p * s->b_panel;

    for (size_t k = s->K; k > 0; k--) {
        hth_vector x[MAX_VECTORS];
        HTH_UNROLL
        for (int v = 0; v < vectors; v++) x[v] = hth_load(panel[v / 2] + v % 2 * HTH_LANES);
        HTH_UNROLL
        for (int r = 0; r < rows; r++) {
            const hth_real y = a[r / GROUP][(size_t)(r % GROUP) * row];
            HTH_UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = hth_add_scaled_vector(y, x[v], sum[r][v]);
        }
        HTH_UNROLL
        for (int g = 0; g * GROUP < rows; g++) a[g] += column;
        HTH_UNROLL
        for (int p = 0; 2 * p < vectors; p++) panel[p] += step;
    }
}

/* The tile that begins at column j; returns the column after it. */
HTH_ALWAYS_INLINE size_t tile(const int rows, const int vectors, const hth_strip *s, size_t j) {
    const size_t width = (size_t)vectors * HTH_LANES, left = s->N - j;
    hth_real *c = s->c + j;
    sums sum;
    /* Begin with C or with 0. */
    if (s->accumulate) {
        if (left >= width)
            read_sums(rows, vectors, sum, c, s->ldc, width);
        else
            read_sums(rows, vectors, sum, c, s->ldc, left);
    } else {
        HTH_UNROLL
        for (int r = 0; r < rows; r++) {
            HTH_UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = (hth_vector){0};
        }
    }
    /* Add the products, and write the columns that C has. */
    add_products(rows, vectors, sum, s, s->b + j / HTH_PANEL * s->b_panel);
    if (left >= width)
        write_sums(rows, vectors, sum, c, s->ldc, width);
    else
        write_sums(rows, vectors, sum, c, s->ldc, left);
    return j + width;
}

/* Whether none of the tile's `vectors` vectors is all padding. */
HTH_ALWAYS_INLINE bool fills(const hth_strip *s, size_t j, size_t vectors) {
    return j < s->N && s->N - j > (vectors - 1) * HTH_LANES;
}

/* All tiles of a strip. Only the last tile may reach beyond N. */
HTH_ALWAYS_INLINE void strip_of(const int rows, const hth_strip *s) {
    size_t j = 0;
    if (rows == 1) {
        while (fills(s, j, 8)) j = tile(rows, 8, s, j);
        if (fills(s, j, 7)) j = tile(rows, 7, s, j);
        if (fills(s, j, 6)) j = tile(rows, 6, s, j);
        if (fills(s, j, 5)) j = tile(rows, 5, s, j);
    }
    if (rows <= 3) {
        while (fills(s, j, 4)) j = tile(rows, 4, s, j);
        if (fills(s, j, 3)) j = tile(rows, 3, s, j);
    }
    while (fills(s, j, 2)) j = tile(rows, 2, s, j);
    if (fills(s, j, 1)) tile(rows, 1, s, j);
}

HTH_NO_SANITIZERS void hth_strip_run(size_t rows, const hth_strip *s) {
    /* A copy of strip_of for each number of rows, so that its loops over them disappear. */
    switch (rows) {
    case 1:
        strip_of(1, s);
        break;
    case 2:
        strip_of(2, s);
        break;
    case 3:
        strip_of(3, s);
        break;
    case 4:
        strip_of(4, s);
        break;
    case 5:
        strip_of(5, s);
        break;
    case 6:
        strip_of(6, s);
        break;
#if HTH_TILE_ROWS > 6
    case 7:
        strip_of(7, s);
        break;
    case 8:
        strip_of(8, s);
        break;
    case 9:
        strip_of(9, s);
        break;
    case 10:
        strip_of(10, s);
        break;
    case 11:
        strip_of(11, s);
        break;
    case 12:
        strip_of(12, s);
        break;
    case 13:
        strip_of(13, s);
        break;
    case 14:
        strip_of(14, s);
        break;
#endif
    default:
        break;
    }
}

#endif
