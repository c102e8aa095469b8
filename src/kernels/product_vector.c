/*
 * Products on vectors. C is cut into strips of up to HTH_TILE_ROWS rows (tile.c); B is read from
 * packed panels, or in place when there are too few rows for packing to pay; k runs in blocks,
 * between which the sums wait in C, so that a block of A and B stays in the caches. A product of one row or
 * of one step of k has a loop of its own (rows.c). None of this changes the order of the additions in an
 * element of C.
 *
 * Time 2 M N K operations and K N moves for packing; memory is the scratch of the compute handle.
 */
#include "kernels/pack.h"
#include "kernels/rows.h"
#include "kernels/tile.h"
#include "kernels/vector.h"

#ifdef HTH_VECTOR_KERNELS

#include <assert.h>
#include <string.h>

enum {
    K_BLOCK = 512,       /* a strip of A: 28 KiB in float */
    DIRECT_ROWS = 40,    /* with up to so many rows of C, B is not packed, */
    DIRECT_K_BLOCK = 64, /* and this many of its rows, pages of memory, are read at a time */
    COPY_COLUMNS = 2 * HTH_PANEL, /* from so many columns of C on, a transposed A is copied */
    TASKS_PER_THREAD = 4,         /* so that a late thread holds up little */
    TILE_COLUMNS = 3 * HTH_PANEL, /* of a product in place */
    FEW_PRODUCTS = 16             /* up to such a K packing B does not pay either */
};

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t parts(size_t whole, size_t part) {
    return (whole + part - 1) / part;
}

/* All rows of C, for one block of k. */
static void multiply_block(size_t M, hth_strip strip) {
    const hth_real *a = strip.A.data;
    hth_real *c = strip.c;
    size_t strips = parts(M, HTH_TILE_ROWS);
    for (size_t i = 0; i < strips; i++) {
        size_t begin = hth_part_begin(M, strips, i);
        strip.A.data = a + begin * strip.A.row;
        strip.c = c + begin * strip.ldc;
        hth_strip_run(hth_part_begin(M, strips, i + 1) - begin, &strip);
    }
}

/* The same for an A of contiguous columns. Several strips at a time are copied, so that each lies
 * in one piece: read where they are, they would take a part of a line of memory from each of K
 * places. */
static void multiply_block_copying(size_t M, hth_strip strip, hth_real *scratch) {
    const hth_matrix A = strip.A;
    hth_real *c = strip.c;
    size_t groups = parts(M, HTH_A_SCRATCH / strip.K);
    for (size_t g = 0; g < groups; g++) {
        size_t begin = hth_part_begin(M, groups, g);
        size_t rows = hth_part_begin(M, groups, g + 1) - begin;
        size_t strips = parts(rows, HTH_TILE_ROWS);
        hth_pack_strips(strip.K, rows, strips, A.data + begin, A.column, scratch);
        for (size_t i = 0; i < strips; i++) {
            size_t first = hth_part_begin(rows, strips, i);
            size_t count = hth_part_begin(rows, strips, i + 1) - first;
            strip.A = (hth_matrix){scratch + first * strip.K, 1, count};
            strip.c = c + (begin + first) * strip.ldc;
            hth_strip_run(count, &strip);
        }
    }
}

/* ---- Packed once --------------------------------------------------------------------------- */

size_t hth_packed_size(size_t K, size_t N) {
    return K * parts(N, HTH_PANEL) * HTH_PANEL;
}

static void pack_column_panel(size_t K, size_t N, hth_matrix B, size_t j, hth_real *to) {
    B.data += j * B.column;
    hth_pack_panel(K, min_size(N - j, HTH_PANEL), B, to);
}

void hth_pack(size_t K, size_t N, hth_matrix B, hth_real *packed) {
    for (size_t j = 0; j < N; j += HTH_PANEL) pack_column_panel(K, N, B, j, packed + j * K);
}

void hth_product_packed(size_t M, size_t N, size_t K, hth_matrix A, const hth_real *packed,
                        bool accumulate, hth_real *C, size_t ldc) {
    size_t blocks = K > K_BLOCK ? parts(K, K_BLOCK) : 1;
    hth_strip strip = {N, K, A, packed, HTH_PANEL, K * HTH_PANEL, accumulate, C, ldc};
    for (size_t i = 0; i < blocks; i++) {
        size_t begin = hth_part_begin(K, blocks, i);
        strip.K = hth_part_begin(K, blocks, i + 1) - begin;
        strip.A.data = A.data + begin * A.column;
        strip.b = packed + begin * HTH_PANEL;
        strip.accumulate = accumulate || begin > 0;
        multiply_block(M, strip);
    }
}

/* ---- Any product --------------------------------------------------------------------------- */

typedef struct product {
    size_t M, N, K;
    hth_matrix A, B;
    bool accumulate;
    hth_real *C;
    size_t ldc;
} product;

/* What rows i.., columns j.. of C get from k.. on. */
static product part_of(product p, size_t i, size_t M, size_t j, size_t N, size_t k, size_t K) {
    p.A.data += i * p.A.row + k * p.A.column;
    p.B.data += k * p.B.row + j * p.B.column;
    p.C += i * p.ldc + j;
    p.accumulate = p.accumulate || k > 0;
    p.M = M;
    p.N = N;
    p.K = K;
    return p;
}

static hth_strip strip_with(const product *p, const hth_real *b, size_t b_step, size_t b_panel) {
    return (hth_strip){p->N, p->K, p->A, b, b_step, b_panel, p->accumulate, p->C, p->ldc};
}

typedef struct product_job {
    hth_compute *compute;
    product whole;
    size_t k_block, columns;        /* of B where it lies: rows at a time, columns of a task */
    size_t row_parts, column_parts; /* of C, when B is packed: each pair is a task */
} product_job;

static double work_of(const product_job *job) {
    return 2.0 * (double)job->whole.M * (double)job->whole.N * (double)job->whole.K;
}

/* The number of tasks for work that can be cut anywhere. */
static size_t tasks_for(const product_job *job) {
    size_t threads = (size_t)job->compute->threads;
    return hth_is_shared(job->compute, work_of(job)) ? threads * TASKS_PER_THREAD : 1;
}

static size_t columns_per_task(const product_job *job) {
    size_t panels = parts(job->whole.N, HTH_PANEL);
    return parts(panels, min_size(panels, tasks_for(job))) * HTH_PANEL;
}

/* Columns of C with B where it lies. A last narrow panel goes through scratch. */
static void direct_task(void *arg, size_t index, int worker) {
    const product_job *job = arg;
    hth_real *scratch = hth_b_scratch(job->compute, worker);
    const product *all = &job->whole;
    size_t begin = index * job->columns, columns = min_size(all->N - begin, job->columns);
    size_t narrow = columns % HTH_PANEL, wide = columns - narrow;
    for (size_t k = 0; k < all->K; k += job->k_block) {
        size_t K = min_size(all->K - k, job->k_block);
        if (wide) {
            product p = part_of(*all, 0, all->M, begin, wide, k, K);
            multiply_block(p.M, strip_with(&p, p.B.data, p.B.row, HTH_PANEL));
        }
        if (narrow) {
            product p = part_of(*all, 0, all->M, begin + wide, narrow, k, K);
            hth_pack_panel(K, narrow, p.B, scratch);
            multiply_block(p.M, strip_with(&p, scratch, HTH_PANEL, 0));
        }
    }
}

static void product_direct(product_job *job) {
    size_t tasks = parts(job->whole.N, job->columns);
    hth_parallel(job->compute, tasks, work_of(job), direct_task, job);
}

static void product_packing(const product_job *job, product p, int worker) {
    hth_real *packed = hth_b_scratch(job->compute, worker);
    hth_pack(p.K, p.N, p.B, packed);
    hth_strip strip = strip_with(&p, packed, HTH_PANEL, p.K * HTH_PANEL);
    if (p.A.row == 1 && p.N >= COPY_COLUMNS)
        multiply_block_copying(p.M, strip, hth_a_scratch(job->compute, worker));
    else
        multiply_block(p.M, strip);
}

/* A rectangle of C, block by block of B. */
static void packing_task(void *arg, size_t index, int worker) {
    const product_job *job = arg;
    const product *all = &job->whole;
    size_t row_part = index % job->row_parts, column_part = index / job->row_parts;
    size_t panels = parts(all->N, HTH_PANEL), blocks = parts(all->K, K_BLOCK);
    size_t i = hth_part_begin(all->M, job->row_parts, row_part);
    size_t M = hth_part_begin(all->M, job->row_parts, row_part + 1) - i;
    size_t j = hth_part_begin(panels, job->column_parts, column_part) * HTH_PANEL;
    size_t end = hth_part_begin(panels, job->column_parts, column_part + 1) * HTH_PANEL;
    size_t most = HTH_B_SCRATCH / parts(all->K, blocks) / HTH_PANEL * HTH_PANEL;
    end = min_size(end, all->N);
    for (; j < end; j += most)
        for (size_t block = 0; block < blocks; block++) {
            size_t k = hth_part_begin(all->K, blocks, block);
            size_t K = hth_part_begin(all->K, blocks, block + 1) - k;
            product p = part_of(*all, i, M, j, min_size(end - j, most), k, K);
            product_packing(job, p, worker);
        }
}

/* Cut by columns, no two tasks pack the same of B. Cut by rows, they do, which many rows repay. */
static void product_by_blocks(product_job *job) {
    size_t strips = parts(job->whole.M, HTH_TILE_ROWS), panels = parts(job->whole.N, HTH_PANEL);
    size_t tasks = tasks_for(job);
    job->column_parts = panels < 2 * tasks && strips >= 2 * tasks ? 1 : min_size(panels, tasks);
    job->row_parts = min_size(parts(strips, 4), parts(tasks, job->column_parts));
    tasks = job->row_parts * job->column_parts;
    hth_parallel(job->compute, tasks, work_of(job), packing_task, job);
}

void hth_product(hth_compute *compute, size_t M, size_t N, size_t K, hth_matrix A, hth_matrix B,
                 bool accumulate, hth_real *C, size_t ldc) {
    if (M == 0 || N == 0) return;
    product_job job = {.compute = compute,
                       .whole = {M, N, K, A, B, accumulate, C, ldc},
                       .k_block = DIRECT_K_BLOCK};
    const bool small = B.column == 1 && !hth_is_shared(compute, work_of(&job));
    if (M == 1 && A.column == 1 && small) {
        hth_vector_matrix(K, N, A.data, B.data, B.row, accumulate, C);
    } else if (K == 1 && A.row == 1 && accumulate && small) {
        hth_outer_add(M, N, A.data, B.data, C, ldc);
    } else if (K == 0) {
        for (size_t i = 0; i < M && !accumulate; i++) memset(C + i * ldc, 0, N * sizeof *C);
    } else if (B.column == 1 && (M <= DIRECT_ROWS || K <= FEW_PRODUCTS)) {
        job.columns = columns_per_task(&job);
        product_direct(&job);
    } else {
        product_by_blocks(&job);
    }
}

/* ---- In place ------------------------------------------------------------------------------ */

typedef struct in_place_job {
    hth_compute *compute;
    size_t N, P, columns;
    hth_matrix A;
    const hth_real *x;
    hth_real *M;
    size_t ldm;
    hth_real *out;
} in_place_job;

/* For each tile T of M's columns: pack T, out += x T, T <- A T. */
static void in_place_task(void *arg, size_t index, int worker) {
    const in_place_job *job = arg;
    hth_real *tile = hth_a_scratch(job->compute, worker);
    size_t begin = index * job->columns, columns = min_size(job->P - begin, job->columns);
    hth_real *M = job->M + begin;
    hth_pack(job->N, columns, hth_rows(M, job->ldm), tile);
    hth_product_packed(1, columns, job->N, hth_rows(job->x, job->N), tile, true, job->out + begin,
                       columns);
    hth_product_packed(job->N, columns, job->N, job->A, tile, false, M, job->ldm);
}

/* When not even a panel of N rows fits into scratch: one column, as if it were a panel whose rows
 * overlap. */
static void in_place_column(void *arg, size_t index, int worker) {
    const in_place_job *job = arg;
    hth_real *column = hth_a_scratch(job->compute, worker);
    hth_real *M = job->M + index;
    for (size_t k = 0; k < job->N; k++) column[k] = M[k * job->ldm];
    hth_strip row = {1, job->N, hth_rows(job->x, job->N), column, 1, 0, true, job->out + index, 1};
    hth_strip strip = {1, job->N, job->A, column, 1, 0, false, M, job->ldm};
    multiply_block(1, row);
    multiply_block(job->N, strip);
}

size_t hth_product_in_place_limit(void) {
    return HTH_A_SCRATCH - HTH_PANEL;
}

void hth_product_in_place(hth_compute *compute, size_t N, size_t P, hth_matrix A, const hth_real *x,
                          hth_real *M, size_t ldm, hth_real *out, hth_real *column) {
    (void)column;
    if (N == 0 || P == 0) return;
    size_t columns = HTH_A_SCRATCH / N / HTH_PANEL * HTH_PANEL;
    in_place_job job = {compute, N, P, min_size(columns, TILE_COLUMNS), A, x, M, ldm, out};
    double work = 2.0 * (double)N * (double)N * (double)P;
    assert(N <= hth_product_in_place_limit());
    if (columns > 0)
        hth_parallel(compute, parts(P, job.columns), work, in_place_task, &job);
    else
        hth_parallel(compute, P, work, in_place_column, &job);
}

#endif
