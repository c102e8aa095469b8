/*
 * Products of rows of events with many rows, and with few: see events.h. With up to 16 of them, the matrix of few rows
 * is turned round, so that an event adds 16 neighbouring numbers at once; an element of the result is the same chain
 * either way.
 *
 * Time: an event adds M numbers; memory 16 K numbers of the scratch of the handle.
 */
#include "kernels/events.h"

#include "base/fma.h"
#include "kernels/vector.h"

/* A rough number of operations: about a quarter of those of the dense product. */
static double few_work(const hth_events_rows *of) {
    return (double)(of->rows * of->M) * (double)of->K / 4;
}

typedef struct few_job {
    const hth_events_rows *of;
    const hth_real *A; /* or d */
    hth_real *y;       /* or C */
    size_t ldy;        /* from a row of y to the next */
    size_t parts;
    hth_real *turned; /* [K][16]: A^T or C^T */
} few_job;

/* ---- Row by row of those with events ---- */

typedef struct rows_job {
    const hth_events_rows *of;
    const hth_real *packed;
    hth_real *y;
    size_t ldy, parts;
} rows_job;

static void rows_task(void *arg, size_t part, int worker) {
    const rows_job *job = arg;
    const hth_events_rows *of = job->of;
    const size_t from = part * of->rows / job->parts, end = (part + 1) * of->rows / job->parts;
    (void)worker;
    if (!of->events)
        hth_product_packed(end - from, of->M, of->K,
                           hth_rows(of->x + from * of->stride, of->stride), job->packed, false,
                           job->y + from * job->ldy, job->ldy);
    for (size_t row = from; of->events && row < end; row++)
        hth_events_times(of->events, of->from + row, of->M, of->K, of->x + row * of->stride,
                         job->packed, job->y + row * job->ldy);
}

void hth_events_product(hth_compute *compute, const hth_events_rows *of, const hth_real *packed,
                        hth_real *y, size_t ldy) {
    const size_t threads = (size_t)hth_compute_threads(compute);
    rows_job job = {of, packed, y, ldy, of->rows < threads ? of->rows : threads};
    hth_parallel(compute, job.parts, few_work(of), rows_task, &job);
}

/* ---- Row by row of the few ---- */

/* y of one row of A and one of x: a chain over the events, or over all of it. */
static hth_real output_of(const hth_events_rows *of, size_t row, size_t listed, const hth_real *a) {
    const hth_events *e = of->events;
    const uint32_t *at = e->at + (of->from + row) * e->stride;
    const hth_real *x = of->x + row * of->stride;
    hth_real sum = 0;
    if (listed == SIZE_MAX)
        for (size_t i = 0; i < of->K; i++) sum = hth_fma(a[i], x[i], sum);
    else if (e->ones[of->from + row] >= listed)
        for (size_t k = 0; k < listed; k++) sum += a[at[k]];
    else
        for (size_t k = 0; k < listed; k++) sum = hth_fma(a[at[k]], x[at[k]], sum);
    return sum;
}

static void outputs_task(void *arg, size_t part, int worker) {
    const few_job *job = arg;
    const hth_events_rows *of = job->of;
    const size_t end = (part + 1) * of->rows / job->parts;
    (void)worker;
    for (size_t row = part * of->rows / job->parts; row < end; row++) {
        const size_t listed = hth_events_listed(of->events, of->from + row, of->K);
        for (size_t m = 0; m < of->M; m++)
            job->y[m * job->ldy + row] = output_of(of, row, listed, job->A + m * of->K);
    }
}

/* One row of C. */
static void add_task(void *arg, size_t m, int worker) {
    const few_job *job = arg;
    const hth_events_rows *of = job->of;
    const hth_events *e = of->events;
    hth_real *c = job->y + m * of->K;
    (void)worker;
    for (size_t row = 0; row < of->rows; row++) {
        const uint32_t *at = e->at + (of->from + row) * e->stride;
        const hth_real *x = of->x + row * of->stride, d = job->A[m * of->rows + row];
        const size_t listed = hth_events_listed(e, of->from + row, of->K);
        if (listed == SIZE_MAX)
            for (size_t i = 0; i < of->K; i++) c[i] = hth_fma(d, x[i], c[i]);
        else if (e->ones[of->from + row] >= listed)
            for (size_t k = 0; k < listed; k++) c[at[k]] += d;
        else
            for (size_t k = 0; k < listed; k++) c[at[k]] = hth_fma(d, x[at[k]], c[at[k]]);
    }
}

#ifdef HTH_VECTOR_KERNELS

/* ---- All of the few at once ---- */

enum { WIDE = HTH_SUM_LANES };

static bool fits(const hth_events_rows *of) {
    return of->M <= WIDE && of->K * WIDE <= HTH_A_SCRATCH;
}

/* to[K][16] = from[M][K]^T; what lacks is 0. */
static void turn(size_t M, size_t K, const hth_real *from, hth_real *to) {
    for (size_t k = 0; k < K; k++)
        for (size_t m = 0; m < WIDE; m++) to[k * WIDE + m] = m < M ? from[m * K + k] : 0;
}

static void turn_back(size_t M, size_t K, const hth_real *from, hth_real *to) {
    for (size_t m = 0; m < M; m++)
        for (size_t k = 0; k < K; k++) to[m * K + k] = from[k * WIDE + m];
}

HTH_ALWAYS_INLINE hth_lanes load_wide(const hth_real *from) {
    hth_lanes v;
    HTH_UNROLL
    for (int i = 0; i < HTH_SUM_VECTORS; i++) v.part[i] = hth_load(from + i * HTH_LANES);
    return v;
}

HTH_ALWAYS_INLINE void store_wide(hth_real *to, hth_lanes v) {
    HTH_UNROLL
    for (int i = 0; i < HTH_SUM_VECTORS; i++) hth_store(to + i * HTH_LANES, v.part[i]);
}

/* sum += a x */
HTH_ALWAYS_INLINE void add_wide(hth_lanes *sum, hth_real a, hth_lanes x) {
    HTH_UNROLL
    for (int i = 0; i < HTH_SUM_VECTORS; i++)
        sum->part[i] = hth_add_scaled_vector(a, x.part[i], sum->part[i]);
}

/* Some rows of x: y of each is the sum of the rows of A^T at its events. */
HTH_NO_SANITIZERS static void outputs_wide(void *arg, size_t part, int worker) {
    const few_job *job = arg;
    const hth_events_rows *of = job->of;
    const size_t end = (part + 1) * of->rows / job->parts;
    hth_real y[WIDE];
    (void)worker;
    for (size_t row = part * of->rows / job->parts; row < end; row++) {
        const size_t listed = hth_events_listed(of->events, of->from + row, of->K);
        const size_t count = listed == SIZE_MAX ? of->K : listed;
        const uint32_t *at = of->events->at + (of->from + row) * of->events->stride;
        const hth_real *x = of->x + row * of->stride;
        hth_lanes sum = {{{0}}};
        for (size_t k = 0; k < count; k++) {
            const size_t i = listed == SIZE_MAX ? k : at[k];
            add_wide(&sum, x[i], load_wide(job->turned + i * WIDE));
        }
        store_wide(y, sum);
        for (size_t m = 0; m < of->M; m++) job->y[m * job->ldy + row] = y[m];
    }
}

/* The columns of C from K*part/parts on, of all rows of x: d of a row is added at its events. */
HTH_NO_SANITIZERS static void add_wide_columns(void *arg, size_t part, int worker) {
    const few_job *job = arg;
    const hth_events_rows *of = job->of;
    const size_t from = part * of->K / job->parts, to = (part + 1) * of->K / job->parts;
    hth_real d[WIDE] = {0};
    (void)worker;
    for (size_t row = 0; row < of->rows; row++) {
        const size_t listed = hth_events_listed(of->events, of->from + row, of->K);
        const size_t count = listed == SIZE_MAX ? of->K : listed;
        const uint32_t *at = of->events->at + (of->from + row) * of->events->stride;
        const hth_real *x = of->x + row * of->stride;
        const size_t ones = listed == SIZE_MAX ? 0 : of->events->ones[of->from + row];
        for (size_t m = 0; m < of->M; m++) d[m] = job->A[m * of->rows + row];
        const hth_lanes all = load_wide(d);
        for (size_t k = 0; k < count; k++) {
            const size_t i = listed == SIZE_MAX ? k : at[k];
            if (i < from || i >= to) continue;
            hth_lanes c = load_wide(job->turned + i * WIDE);
            add_wide(&c, k < ones ? 1 : x[i], all);
            store_wide(job->turned + i * WIDE, c);
        }
    }
}

#else

static bool fits(const hth_events_rows *of) {
    (void)of;
    return false;
}

#endif

void hth_events_outputs(hth_compute *compute, const hth_events_rows *of, const hth_real *A,
                        hth_real *y, size_t ldy) {
    const size_t threads = (size_t)hth_compute_threads(compute);
    few_job job = {
        of, A, y, ldy, of->rows < threads ? of->rows : threads, hth_a_scratch(compute, 0)};
    hth_task task = outputs_task;
#ifdef HTH_VECTOR_KERNELS
    if (fits(of)) {
        turn(of->M, of->K, A, job.turned);
        task = outputs_wide;
    }
#endif
    hth_parallel(compute, job.parts, few_work(of), task, &job);
}

void hth_events_add_few(hth_compute *compute, const hth_events_rows *of, const hth_real *d,
                        hth_real *C) {
    const size_t threads = (size_t)hth_compute_threads(compute);
    few_job job = {of, d, C, 0, of->M, hth_a_scratch(compute, 0)};
    if (!fits(of)) {
        hth_parallel(compute, of->M, few_work(of), add_task, &job);
        return;
    }
#ifdef HTH_VECTOR_KERNELS
    job.parts = of->K < threads ? of->K : threads;
    turn(of->M, of->K, C, job.turned);
    hth_parallel(compute, job.parts, few_work(of), add_wide_columns, &job);
    turn_back(of->M, of->K, job.turned, C);
#else
    (void)threads;
#endif
}
