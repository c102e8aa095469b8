/*
 * Products on vectors. C is cut into strips of up to HTH_TILE_ROWS rows (tile.c); B is read from
 * packed panels, or in place when there are too few rows for packing to pay; k runs in blocks,
 * between which the sums wait in C, so that a block of A and B stays in the caches. None of this
 * changes the order of the additions in an element of C.
 *
 * Time 2 M N K operations and K N moves for packing; memory is the scratch of the compute handle.
 */
#include "kernels/pack.h"
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
    TILE_COLUMNS = 4 * HTH_PANEL, /* of a product in place */
    COMBINE_COLUMNS = 8192,       /* a product of one row runs along rows of B, */
    COMBINE_ROWS = 16             /* a few at a time: B is read once, from far away */
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
    size_t groups = parts(M, HTH_LOCAL_SCRATCH / strip.K);
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

typedef struct product_job {
    hth_compute *compute;
    size_t M, N, K;
    hth_matrix A, B;
    bool accumulate;
    hth_real *C;
    size_t ldc;
    size_t k_block, k_begin, k_count;   /* rows of B at a time; those of this round */
    size_t n_begin, n_count;            /* columns of this round */
    size_t columns, row_parts, n_parts; /* how this round is cut into tasks */
} product_job;

static double work_of(const product_job *job) {
    return 2.0 * (double)job->M * (double)job->N * (double)job->K;
}

/* Into how many tasks work is cut that can be cut anywhere. */
static size_t tasks_for(const product_job *job) {
    size_t threads = (size_t)job->compute->threads;
    return hth_is_shared(job->compute, work_of(job)) ? threads * TASKS_PER_THREAD : 1;
}

static size_t columns_per_task(const product_job *job) {
    size_t panels = parts(job->N, HTH_PANEL);
    return parts(panels, min_size(panels, tasks_for(job))) * HTH_PANEL;
}

/* C's columns begin..end-1 with B where it lies. A last narrow panel goes through scratch. */
static void direct_task(void *arg, size_t index, int worker) {
    const product_job *job = arg;
    hth_real *scratch = hth_local_scratch(job->compute, worker);
    size_t begin = index * job->columns;
    size_t columns = min_size(job->N - begin, job->columns);
    size_t narrow = columns % HTH_PANEL, whole = columns - narrow;
    for (size_t k = 0; k < job->K; k += job->k_block) {
        hth_matrix B = {job->B.data + k * job->B.row + begin, job->B.row, 1};
        hth_strip strip = {.N = whole,
                           .K = min_size(job->K - k, job->k_block),
                           .A = job->A,
                           .b = B.data,
                           .b_step = B.row,
                           .b_panel = HTH_PANEL,
                           .accumulate = job->accumulate || k > 0,
                           .c = job->C + begin,
                           .ldc = job->ldc};
        strip.A.data += k * job->A.column;
        if (whole) multiply_block(job->M, strip);
        if (narrow) {
            B.data += whole;
            hth_pack_panel(strip.K, narrow, B, scratch);
            strip.N = narrow;
            strip.b = scratch;
            strip.b_step = HTH_PANEL;
            strip.c += whole;
            multiply_block(job->M, strip);
        }
    }
}

static void product_direct(product_job *job) {
    hth_parallel(job->compute, parts(job->N, job->columns), work_of(job), direct_task, job);
}

static void pack_task(void *arg, size_t panel, int worker) {
    const product_job *job = arg;
    size_t j = panel * HTH_PANEL;
    hth_matrix B = job->B;
    B.data += job->k_begin * B.row + job->n_begin * B.column;
    (void)worker;
    pack_column_panel(job->k_count, job->n_count, B, j, job->compute->shared + j * job->k_count);
}

static void block_task(void *arg, size_t index, int worker) {
    const product_job *job = arg;
    size_t row_part = index % job->row_parts, n_part = index / job->row_parts;
    size_t panels = parts(job->n_count, HTH_PANEL);
    size_t begin = hth_part_begin(job->M, job->row_parts, row_part);
    size_t end = hth_part_begin(job->M, job->row_parts, row_part + 1);
    size_t j = hth_part_begin(panels, job->n_parts, n_part) * HTH_PANEL;
    size_t j_end =
        min_size(hth_part_begin(panels, job->n_parts, n_part + 1) * HTH_PANEL, job->n_count);
    hth_strip strip = {.N = j_end - j,
                       .K = job->k_count,
                       .A = job->A,
                       .b = job->compute->shared + j * job->k_count,
                       .b_step = HTH_PANEL,
                       .b_panel = job->k_count * HTH_PANEL,
                       .accumulate = job->accumulate || job->k_begin > 0,
                       .c = job->C + begin * job->ldc + job->n_begin + j,
                       .ldc = job->ldc};
    strip.A.data += begin * job->A.row + job->k_begin * job->A.column;
    if (job->A.row == 1 && strip.N >= COPY_COLUMNS)
        multiply_block_copying(end - begin, strip, hth_local_scratch(job->compute, worker));
    else
        multiply_block(end - begin, strip);
}

/* Packs a block of B and multiplies. Many rows are shared out by rows, few by columns first. */
static void product_round(product_job *job) {
    double moves = (double)job->n_count * (double)job->k_count;
    size_t tasks = tasks_for(job);
    size_t strips = parts(job->M, HTH_TILE_ROWS), panels = parts(job->n_count, HTH_PANEL);
    job->n_parts = strips >= 2 * tasks ? 1 : min_size(panels, tasks);
    job->row_parts = min_size(strips, parts(tasks, job->n_parts));
    hth_parallel(job->compute, panels, 8 * moves, pack_task, job);
    hth_parallel(job->compute, job->row_parts * job->n_parts, 2 * moves * (double)job->M,
                 block_task, job);
}

static void product_by_blocks(product_job *job) {
    size_t blocks = parts(job->K, K_BLOCK);
    for (size_t i = 0; i < blocks; i++) {
        job->k_begin = hth_part_begin(job->K, blocks, i);
        job->k_count = hth_part_begin(job->K, blocks, i + 1) - job->k_begin;
        size_t width = HTH_SHARED_SCRATCH / job->k_count / HTH_PANEL * HTH_PANEL;
        for (job->n_begin = 0; job->n_begin < job->N; job->n_begin += width) {
            job->n_count = min_size(job->N - job->n_begin, width);
            product_round(job);
        }
    }
}

void hth_product(hth_compute *compute, size_t M, size_t N, size_t K, hth_matrix A, hth_matrix B,
                 bool accumulate, hth_real *C, size_t ldc) {
    if (M == 0 || N == 0) return;
    product_job job = {.compute = compute,
                       .M = M,
                       .N = N,
                       .K = K,
                       .A = A,
                       .B = B,
                       .accumulate = accumulate,
                       .C = C,
                       .ldc = ldc,
                       .k_block = DIRECT_K_BLOCK};
    if (K == 0) {
        for (size_t i = 0; i < M && !accumulate; i++) memset(C + i * ldc, 0, N * sizeof *C);
    } else if (B.column == 1 && (M <= DIRECT_ROWS || K <= COMBINE_ROWS)) {
        job.columns = columns_per_task(&job);
        product_direct(&job);
    } else {
        product_by_blocks(&job);
    }
}

void hth_combine_rows(hth_compute *compute, size_t N, size_t P, const hth_real *x,
                      const hth_real *M, size_t ldm, hth_real *out) {
    product_job job = {.compute = compute,
                       .M = 1,
                       .N = P,
                       .K = N,
                       .A = hth_rows(x, N),
                       .B = hth_rows(M, ldm),
                       .accumulate = true,
                       .C = out,
                       .ldc = P,
                       .k_block = COMBINE_ROWS};
    if (P == 0) return;
    job.columns = min_size(columns_per_task(&job), COMBINE_COLUMNS);
    product_direct(&job);
}

/* ---- In place ------------------------------------------------------------------------------ */

typedef struct in_place_job {
    hth_compute *compute;
    size_t N, P, columns;
    hth_matrix A;
    hth_real *M;
    size_t ldm;
} in_place_job;

/* A tile of columns is packed into scratch, and A times it is written where it was. */
static void in_place_task(void *arg, size_t index, int worker) {
    const in_place_job *job = arg;
    hth_real *tile = hth_local_scratch(job->compute, worker);
    size_t begin = index * job->columns, columns = min_size(job->P - begin, job->columns);
    hth_real *M = job->M + begin;
    hth_pack(job->N, columns, hth_rows(M, job->ldm), tile);
    hth_product_packed(job->N, columns, job->N, job->A, tile, false, M, job->ldm);
}

/* When not even a panel of N rows fits into scratch: one column, as if it were a panel whose rows
 * overlap. */
static void in_place_column(void *arg, size_t index, int worker) {
    const in_place_job *job = arg;
    hth_real *column = hth_local_scratch(job->compute, worker);
    hth_real *M = job->M + index;
    for (size_t k = 0; k < job->N; k++) column[k] = M[k * job->ldm];
    hth_strip strip = {1, job->N, job->A, column, 1, 0, false, M, job->ldm};
    multiply_block(job->N, strip);
}

size_t hth_product_in_place_limit(void) {
    return HTH_LOCAL_SCRATCH - HTH_PANEL;
}

void hth_product_in_place(hth_compute *compute, size_t N, size_t P, hth_matrix A, hth_real *M,
                          size_t ldm) {
    if (N == 0 || P == 0) return;
    size_t columns = HTH_LOCAL_SCRATCH / N / HTH_PANEL * HTH_PANEL;
    in_place_job job = {compute, N, P, min_size(columns, TILE_COLUMNS), A, M, ldm};
    double work = 2.0 * (double)N * (double)N * (double)P;
    assert(N <= hth_product_in_place_limit());
    if (columns > 0)
        hth_parallel(compute, parts(P, job.columns), work, in_place_task, &job);
    else
        hth_parallel(compute, P, work, in_place_column, &job);
}

#endif
