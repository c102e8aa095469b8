/*
 * Lists of events and products with them: see events.h; events_few.c has those of few rows. A product with a row adds
 * up rows of B in registers, as many columns at a time as there are chains to hide the latency of an addition. A sum of
 * outer products is cut into blocks of rows whose d stays in the second level cache, and the lists of a block are
 * turned round: for each column of u the rows in which it has an event, so that a row of C^T is read and written once a
 * block. C is kept transposed, in the panels of hth_pack, for as long as the sum takes.
 *
 * Time: 2 N operations an event, N K moves for C^T; memory hth_packed_size(K, N), and the scratch of the handle.
 */
#include "kernels/events.h"

#include "kernels/pack.h"
#include "kernels/vector.h"

#include <string.h>

enum { SLACK = 16 }; /* lists are written in vectors */

void hth_events_lay_out(hth_arena *arena, size_t rows, size_t most, hth_events *events) {
    hth_events out = {.most = most, .stride = most + SLACK};
    out.count = HTH_TAKE(arena, uint32_t, rows);
    out.at = HTH_TAKE(arena, uint32_t, hth_times(rows, out.stride));
    out.ones = HTH_TAKE(arena, uint32_t, rows);
    *events = out;
}

void hth_events_forget(const hth_events *events, size_t rows, size_t left) {
    if (!events->count) return;
    memmove(events->count, events->count + rows, left * sizeof *events->count);
    memmove(events->ones, events->ones + rows, left * sizeof *events->ones);
    memmove(events->at, events->at + rows * events->stride,
            left * events->stride * sizeof *events->at);
}

size_t hth_events_total(const hth_events *events, size_t from, size_t to, size_t unlisted) {
    size_t total = 0;
    for (size_t row = from; row < to; row++)
        total += events->count[row] <= events->most ? events->count[row] : unlisted;
    return total;
}

/* ---- What pays ------------------------------------------------------------------------------ */

/* Cost model, in multiply-adds of hth_product: an event costs TERMS. In a sum of outer products, each event costs
 * TURNING columns more, because the lists are transposed, and transposing C costs as much as TURNED rows. */
enum { TERMS = 4, TURNING = 100, TURNED = 64 };

size_t hth_events_worth(size_t K) {
    return K / TERMS + 1;
}

bool hth_events_pay(const hth_events *events, size_t from, size_t to, size_t K) {
    return hth_events_total(events, from, to, K) * TERMS <= (to - from) * K;
}

bool hth_events_add_pays(const hth_events_sum *s) {
    const double total = (double)hth_events_total(s->events, s->from, s->from + s->rows, s->K);
    const double N = (double)s->N, K = (double)s->K, rows = (double)s->rows;
    return total * TERMS * (N + TURNING) + TURNED * K * N <= rows * K * N;
}

/* ---- Lists ---------------------------------------------------------------------------------- */

#if defined(HTH_VECTOR_KERNELS) && defined(__AVX512F__) && defined(__AVX512VL__)

/* Writes the columns of x that are not 0, up to most + SLACK of them. Returns their number, or more than `most`. *ones:
 * how many of them come before the first that is not 1. */
HTH_NO_SANITIZERS static size_t search(size_t width, const hth_real *x, size_t most, uint32_t *at,
                                       uint32_t *ones) {
    size_t count = 0;
    bool others = false;
    *ones = 0;
    for (size_t i = 0; i < width && count <= most; i += HTH_LANES) {
        const size_t left = width - i < HTH_LANES ? width - i : HTH_LANES;
        const hth_vector v = hth_load_some(x + i, left);
#ifdef HTH_DOUBLE
        const __m256i column =
            _mm256_add_epi32(_mm256_set1_epi32((int)i), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        const __mmask8 some = _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_NEQ_UQ);
        const unsigned other =
            _mm512_mask_cmp_pd_mask(some, (__m512d)v, _mm512_set1_pd(1), _CMP_NEQ_UQ);
        _mm256_storeu_si256((__m256i *)(at + count), _mm256_maskz_compress_epi32(some, column));
#else
        const __m512i column = _mm512_add_epi32(
            _mm512_set1_epi32((int)i),
            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
        const __mmask16 some = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        const unsigned other =
            _mm512_mask_cmp_ps_mask(some, (__m512)v, _mm512_set1_ps(1), _CMP_NEQ_UQ);
        _mm512_storeu_si512(at + count, _mm512_maskz_compress_epi32(some, column));
#endif
        /* Those below the first other. */
        if (!others) *ones += (uint32_t)__builtin_popcount(some & ((other & -other) - 1));
        others = others || other;
        count += (size_t)__builtin_popcount(some);
    }
    return count;
}

#else

static size_t search(size_t width, const hth_real *x, size_t most, uint32_t *at, uint32_t *ones) {
    size_t count = 0;
    *ones = 0;
    for (size_t i = 0; i < width && count <= most; i++) {
        at[count] = (uint32_t)i;
        *ones += x[i] == 1 && *ones == count;
        count += x[i] != 0;
    }
    return count;
}

#endif

void hth_events_list(const hth_events *events, size_t row, size_t width, const hth_real *x) {
    events->count[row] = (uint32_t)search(width, x, events->most, events->at + row * events->stride,
                                          &events->ones[row]);
}

size_t hth_events_among(const hth_events *events, size_t row, size_t width, const hth_real *x) {
    size_t count = events->count ? hth_events_listed(events, row, width) : SIZE_MAX;
    if (count != SIZE_MAX) return count;
    count = 0;
    for (size_t i = 0; i < width; i++) count += x[i] != 0;
    return count;
}

/* ---- Products ------------------------------------------------------------------------------- */

#ifdef HTH_VECTOR_KERNELS

enum {
    VECTORS = 8, /* of a row at a time */
    PANELS = VECTORS / 2,
    BLOCK_NUMBERS = 128 * 1024, /* of d in a block: half of a second level cache, or less */
    MOST_BLOCK_ROWS = 1024
};

/* Terms of a sum: value[k] times row at[k] of a matrix. */
typedef struct terms {
    size_t count;
    const uint32_t *at;
    const hth_real *value; /* [count], or of each column: */
    bool by_column;        /* value[at[k]] */
} terms;

/* sum[v] += the terms, of a matrix whose rows are `step` apart and its panels `panel`. The last vector holds `last`
 * numbers. */
HTH_ALWAYS_INLINE void add_terms(const int vectors, const bool whole, const terms *t,
                                 const hth_real *matrix, size_t step, size_t panel, size_t last,
                                 hth_vector sum[VECTORS]) {
    for (size_t k = 0; k < t->count; k++) {
        const hth_real value = t->value[t->by_column ? t->at[k] : k];
        const hth_real *row = matrix + t->at[k] * step;
        HTH_UNROLL
        for (int v = 0; v < vectors; v++) {
            const hth_real *from = row + (size_t)(v / 2) * panel + v % 2 * HTH_LANES;
            const hth_vector x =
                whole || v + 1 < vectors ? hth_load(from) : hth_load_some(from, last);
            sum[v] = hth_add_scaled_vector(value, x, sum[v]);
        }
    }
}

/* y = the terms, rows of packed panels. */
HTH_ALWAYS_INLINE void set_tile(const int vectors, const terms *t, const hth_real *packed,
                                size_t panel, size_t last, hth_real *y) {
    hth_vector sum[VECTORS];
    HTH_UNROLL
    for (int v = 0; v < vectors; v++) sum[v] = (hth_vector){0};
    add_terms(vectors, true, t, packed, HTH_PANEL, panel, last, sum);
    HTH_UNROLL
    for (int v = 0; v + 1 < vectors; v++) hth_store(y + v * HTH_LANES, sum[v]);
    hth_store_some(y + (vectors - 1) * HTH_LANES, sum[vectors - 1], last);
}

/* A row of packed panels += the terms, rows of d. */
HTH_ALWAYS_INLINE void add_tile(const int vectors, const terms *t, const hth_real *d, size_t N,
                                size_t last, hth_real *c, size_t panel) {
    hth_vector sum[VECTORS];
    HTH_UNROLL
    for (int v = 0; v < vectors; v++)
        sum[v] = hth_load(c + (size_t)(v / 2) * panel + v % 2 * HTH_LANES);
    if (last == HTH_LANES)
        add_terms(vectors, true, t, d, N, HTH_PANEL, last, sum);
    else
        add_terms(vectors, false, t, d, N, HTH_PANEL, last, sum);
    HTH_UNROLL
    for (int v = 0; v < vectors; v++)
        hth_store(c + (size_t)(v / 2) * panel + v % 2 * HTH_LANES, sum[v]);
}

#define EVERY_TILE                                                                                 \
    CASE(1)                                                                                        \
    CASE(2)                                                                                        \
    CASE(3)                                                                                        \
    CASE(4)                                                                                        \
    CASE(5)                                                                                        \
    CASE(6)                                                                                        \
    CASE(7)                                                                                        \
    CASE(8)

HTH_NO_SANITIZERS static void set_row(const terms *t, size_t N, size_t K, const hth_real *packed,
                                      hth_real *y) {
    for (size_t j = 0; j < N; j += VECTORS * HTH_LANES) {
        const size_t left = N - j < VECTORS * HTH_LANES ? N - j : VECTORS * HTH_LANES;
        const size_t vectors = (left + HTH_LANES - 1) / HTH_LANES;
        const size_t last = left - (vectors - 1) * HTH_LANES;
        switch (vectors) {
#define CASE(count)                                                                                \
    case count:                                                                                    \
        set_tile(count, t, packed + j * K, K * HTH_PANEL, last, y + j);                            \
        break;
            EVERY_TILE
#undef CASE
        default:
            break;
        }
    }
}

/* N numbers of a row of C^T, from a whole panel on. */
HTH_NO_SANITIZERS static void add_row(const terms *t, size_t N, const hth_real *d, size_t stride,
                                      hth_real *c, size_t panel) {
    for (size_t j = 0; j < N; j += VECTORS * HTH_LANES) {
        const size_t left = N - j < VECTORS * HTH_LANES ? N - j : VECTORS * HTH_LANES;
        const size_t vectors = (left + HTH_LANES - 1) / HTH_LANES;
        const size_t last = left - (vectors - 1) * HTH_LANES;
        switch (vectors) {
#define CASE(count)                                                                                \
    case count:                                                                                    \
        add_tile(count, t, d + j, stride, last, c + j / HTH_PANEL * panel, panel);                 \
        break;
            EVERY_TILE
#undef CASE
        default:
            break;
        }
    }
}

void hth_events_times(const hth_events *events, size_t row, size_t N, size_t K, const hth_real *x,
                      const hth_real *packed, hth_real *y) {
    const size_t count = hth_events_listed(events, row, K);
    const terms t = {count, events->at + row * events->stride, x, true};
    if (count == SIZE_MAX)
        hth_product_packed(1, N, K, hth_rows(x, K), packed, false, y, N);
    else
        set_row(&t, N, K, packed, y);
}

/* ---- Sums of outer products ----------------------------------------------------------------- */

/* The lists of a block of rows, turned round. */
typedef struct block {
    uint32_t *begin;  /* [K + 1]: where a column's events begin */
    uint32_t *search; /* [K + SLACK]: the list of a row that has none */
    uint32_t *row;    /* of each event, counted from the first of the block, */
    hth_real *value;  /* and u there */
    size_t room;      /* events that fit */
} block;

enum { WIDEST = HTH_A_SCRATCH / 2 - SLACK - 2, ROOM = HTH_B_SCRATCH / 2 };
_Static_assert((int)ROOM >= (int)WIDEST, "a row's events fit");

size_t hth_events_widest(void) {
    return WIDEST;
}

static block block_in(const hth_compute *compute, int worker, size_t K) {
    uint32_t *numbers = (uint32_t *)(void *)hth_a_scratch(compute, worker);
    hth_real *room = hth_b_scratch(compute, worker);
    return (block){numbers, numbers + K + 1, (uint32_t *)(void *)room, room + ROOM, ROOM};
}

static size_t events_of(const hth_events_sum *s, const block *b, size_t row, const uint32_t **at,
                        uint32_t *ones) {
    const hth_events *e = s->events;
    const size_t listed = hth_events_listed(e, s->from + row, s->K);
    *at = e->at + (s->from + row) * e->stride;
    *ones = e->ones[s->from + row];
    if (listed != SIZE_MAX) return listed;
    *at = b->search;
    return search(s->K, s->u + row * s->u_stride, s->K, b->search, ones);
}

/* Counts the events of each column in as many rows, from `from` on, as fit. Returns the row after them. */
static size_t count_columns(const hth_events_sum *s, const block *b, size_t from, size_t most) {
    const size_t end = s->rows - from < most ? s->rows : from + most;
    size_t total = 0;
    memset(b->begin, 0, (s->K + 1) * sizeof *b->begin);
    for (size_t row = from; row < end; row++) {
        const uint32_t *at;
        uint32_t ones;
        const size_t count = events_of(s, b, row, &at, &ones);
        if (total + count > b->room) return row;
        total += count;
        for (size_t k = 0; k < count; k++) b->begin[at[k]]++;
    }
    return end;
}

/* Transposes the event lists of a block of rows, and prefetches d, which is read next. */
static void turn_lists(const hth_events_sum *s, const block *b, size_t from, size_t to,
                       const hth_real *d, size_t N) {
    uint32_t sum = 0;
    for (size_t i = 0; i <= s->K; i++) {
        const uint32_t count = b->begin[i];
        b->begin[i] = sum;
        sum += count;
    }
    for (size_t row = from; row < to; row++) {
        const hth_real *u = s->u + row * s->u_stride, *next = d + row * s->d_stride;
        const uint32_t *at;
        uint32_t ones;
        const size_t count = events_of(s, b, row, &at, &ones);
        for (size_t j = 0; j < N; j += 64 / sizeof *d) __builtin_prefetch(next + j, 0, 2);
        for (size_t k = 0; k < count; k++) {
            const uint32_t place =
                b->begin[at[k]]++; /* what begins there from now on is the next */
            b->row[place] = (uint32_t)(row - from);
            b->value[place] = k < ones ? 1 : u[at[k]];
        }
    }
}

/* Transposes some panels of C^T back into C. */
static void turn_back(const hth_events_sum *s, size_t j, size_t N, const hth_real *packed) {
    for (; N > 0; packed += s->K * HTH_PANEL) {
        const size_t columns = N < HTH_PANEL ? N : HTH_PANEL;
        for (size_t i = 0; i < s->K; i += HTH_LANES)
            for (size_t c = 0; c < columns; c++) {
                hth_real *to = s->C + (j + c) * s->ldc;
                for (size_t k = i; k < s->K && k < i + HTH_LANES; k++)
                    to[k] = packed[k * HTH_PANEL + c];
            }
        j += columns;
        N -= columns;
    }
}

typedef struct sum_job {
    hth_compute *compute;
    const hth_events_sum *sum;
    size_t parts, panels;
} sum_job;

/* Some panels of C^T: all rows of some columns of d. */
static void sum_task(void *arg, size_t part, int worker) {
    const sum_job *job = arg;
    const hth_events_sum *s = job->sum;
    const size_t j = hth_part_begin(job->panels, job->parts, part) * HTH_PANEL;
    const size_t end = hth_part_begin(job->panels, job->parts, part + 1) * HTH_PANEL;
    const size_t N = (end < s->N ? end : s->N) - j, panel = s->K * HTH_PANEL;
    const size_t rows =
        BLOCK_NUMBERS / N < MOST_BLOCK_ROWS ? BLOCK_NUMBERS / N + 1 : MOST_BLOCK_ROWS;
    const block b = block_in(job->compute, worker, s->K);
    hth_real *turned = s->scratch + j * s->K;
    hth_pack(s->K, N, hth_transposed(s->C + j * s->ldc, s->ldc), turned);
    for (size_t from = 0, to; from < s->rows; from = to) {
        to = count_columns(s, &b, from, rows);
        turn_lists(s, &b, from, to, s->d + j, N);
        for (size_t i = 0, begin = 0; i < s->K; begin = b.begin[i++]) {
            const terms t = {b.begin[i] - begin, b.row + begin, b.value + begin, false};
            if (t.count)
                add_row(&t, N, s->d + from * s->d_stride + j, s->d_stride, turned + i * HTH_PANEL,
                        panel);
        }
    }
    turn_back(s, j, N, turned);
}

void hth_events_add(hth_compute *compute, const hth_events_sum *sum) {
    const size_t total = hth_events_total(sum->events, sum->from, sum->from + sum->rows, sum->K);
    const double work = 2 * (double)(total + sum->K) * (double)sum->N;
    const size_t panels = (sum->N + HTH_PANEL - 1) / HTH_PANEL, threads = (size_t)compute->threads;
    sum_job job = {compute, sum, 1, panels};
    if (hth_is_shared(compute, work)) job.parts = panels < threads ? panels : threads;
    hth_parallel(compute, job.parts, work, sum_task, &job);
}

#else

void hth_events_times(const hth_events *events, size_t row, size_t N, size_t K, const hth_real *x,
                      const hth_real *packed, hth_real *y) {
    const uint32_t *at = events->at + row * events->stride;
    const size_t listed = hth_events_listed(events, row, K);
    memset(y, 0, N * sizeof *y);
    for (size_t k = 0; k < (listed == SIZE_MAX ? K : listed); k++) {
        const size_t i = listed == SIZE_MAX ? k : at[k];
        const hth_real *B = packed + i * N, value = x[i];
        for (size_t j = 0; j < N; j++) y[j] = hth_fma(value, B[j], y[j]);
    }
}

size_t hth_events_widest(void) {
    return UINT32_MAX;
}

/* C += d u[i]^T of one column of u. */
static void add_column(const hth_events_sum *s, const hth_real *d, size_t i, hth_real u) {
    for (size_t j = 0; j < s->N; j++) s->C[j * s->ldc + i] = hth_fma(d[j], u, s->C[j * s->ldc + i]);
}

void hth_events_add(hth_compute *compute, const hth_events_sum *s) {
    const hth_events *e = s->events;
    (void)compute;
    for (size_t row = 0; row < s->rows; row++) {
        const hth_real *u = s->u + row * s->u_stride, *d = s->d + row * s->d_stride;
        const uint32_t *at = e->at + (s->from + row) * e->stride;
        const size_t listed = hth_events_listed(e, s->from + row, s->K);
        for (size_t k = 0; listed != SIZE_MAX && k < listed; k++) add_column(s, d, at[k], u[at[k]]);
        for (size_t i = 0; listed == SIZE_MAX && i < s->K; i++)
            if (u[i] != 0) add_column(s, d, i, u[i]);
    }
}

#endif
