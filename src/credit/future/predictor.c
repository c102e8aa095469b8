/* The network that predicts: see predictor.h. Per row 2 W multiply-adds to learn and W to predict, W being the
 * number of weights. */
#include "credit/future/predictor.h"

#include "kernels/elementwise.h"
#include "kernels/rows.h"

#include <math.h>
#include <string.h>

size_t hth_predictor_stride(size_t columns) {
    enum { vector = 64 / sizeof(float) }; /* in both precisions, which read each other's weights */
    return columns > SIZE_MAX - vector ? SIZE_MAX : (columns + vector - 1) / vector * vector;
}

static size_t hidden_count(const hth_predictor *p) {
    return hth_times(p->in, hth_predictor_stride(p->hidden));
}

/* What A reads. */
static size_t width(const hth_predictor *p) {
    return p->hidden ? p->hidden + 1 : p->in;
}

size_t hth_predictor_count(const hth_predictor *p) {
    return hidden_count(p) + hth_times(width(p), hth_predictor_stride(p->out));
}

void hth_predictor_lay_out(hth_arena *arena, hth_predictor *p) {
    p->weights = HTH_TAKE(arena, hth_real, hth_predictor_count(p));
    p->h = HTH_TAKE(arena, hth_real, p->hidden ? p->rows * (p->hidden + 1) : 0);
    p->back = HTH_TAKE(arena, hth_real, p->rows * p->hidden);
    p->error = HTH_TAKE(arena, hth_real, p->rows * p->out);
    if (!p->method) return;
    p->gradient = HTH_TAKE(arena, hth_real, hth_predictor_count(p));
    for (size_t i = 0; i < p->method->moments; i++)
        p->moment[i] = HTH_TAKE(arena, hth_real, hth_predictor_count(p));
    p->options = hth_options_take(arena, &p->method->part.options, p->method->options_size);
    const hth_settings none = {NULL, 0};
    if (p->options && p->method->options_size)
        hth_options_read(&p->method->part.options, &none, p->options, NULL);
}

static void draw(const hth_random *r, size_t in, size_t out, double deviation, hth_real *W) {
    const size_t stride = hth_predictor_stride(out);
    for (size_t i = 0; i < in; i++)
        for (size_t j = 0; j < out; j++)
            W[i * stride + j] = (hth_real)(deviation * hth_random_normal(r, i * out + j));
}

void hth_predictor_draw(hth_predictor *p, double variance, uint64_t seed, uint32_t stream) {
    const hth_random first = {seed, HTH_RANDOM_LEARNER, stream};
    const hth_random last = {seed, HTH_RANDOM_LEARNER, stream + 1};
    draw(&first, p->in - 1, p->hidden, sqrt(2 / (double)p->in), p->weights);
    draw(&last, width(p) - 1, p->out, sqrt(variance), p->weights + hidden_count(p));
}

/* ---- One row ---- */

enum { STRETCH = 64 };

/* Of a label that is one class of many, most of x is 0: stretches of that are left out. */
static size_t stretch_at(size_t in, const hth_real *x, size_t from, bool *zero) {
    const size_t count = in - from < STRETCH ? in - from : STRETCH;
    *zero = in > 4 * STRETCH;
    for (size_t i = from; *zero && i < from + count; i++) *zero = x[i] == 0;
    return count;
}

/* y = W^T x. */
static void row_times(size_t in, size_t out, const hth_real *W, const hth_real *x, hth_real *y) {
    const size_t stride = hth_predictor_stride(out);
    bool zero, any = false;
    for (size_t i = 0, count; i < in; i += count) {
        count = stretch_at(in, x, i, &zero);
        if (!zero) hth_vector_matrix(count, out, x + i, W + i * stride, stride, any, y);
        any = any || !zero;
    }
    for (size_t j = 0; !any && j < out; j++) y[j] = 0;
}

/* W += x e^T. */
static void row_step(size_t in, size_t out, const hth_real *x, const hth_real *e, hth_real *W) {
    const size_t stride = hth_predictor_stride(out);
    bool zero;
    for (size_t i = 0, count; i < in; i += count) {
        count = stretch_at(in, x, i, &zero);
        if (!zero) hth_outer_add(count, out, x + i, e, W + i * stride, stride);
    }
}

/* ---- All rows ---- */

static void times(hth_compute *compute, size_t rows, size_t in, size_t out, const hth_real *W,
                  const hth_real *x, hth_real *y) {
    if (rows == 1)
        row_times(in, out, W, x, y);
    else
        hth_product(compute, rows, out, in, hth_rows(x, in), hth_rows(W, hth_predictor_stride(out)),
                    false, y, out);
}

/* W += x^T e: of the weights, where e has been multiplied by minus the rate, or of their gradient. */
static void step(hth_compute *compute, size_t rows, size_t in, size_t out, const hth_real *x,
                 const hth_real *e, hth_real *W) {
    if (rows == 1)
        row_step(in, out, x, e, W);
    else
        hth_product(compute, in, out, rows, hth_transposed(x, in), hth_rows(e, out), true, W,
                    hth_predictor_stride(out));
}

static void run_hidden(hth_compute *compute, const hth_predictor *p, const hth_real *V,
                       const hth_real *x) {
    const size_t H = p->hidden;
    times(compute, p->rows, p->in, H, V, x, p->back);
    for (size_t b = 0; b < p->rows; b++) {
        const hth_real *a = p->back + b * H;
        hth_real *h = p->h + b * (H + 1);
        HTH_SIMD
        for (size_t k = 0; k < H; k++) h[k] = a[k] > 0 ? a[k] : 0;
        h[H] = 1;
    }
}

void hth_predictor_run(hth_compute *compute, const hth_predictor *p, const hth_real *weights,
                       const hth_real *x, hth_real *y) {
    if (p->hidden) run_hidden(compute, p, weights, x);
    times(compute, p->rows, width(p), p->out, weights + hidden_count(p), p->hidden ? p->h : x, y);
}

/* dE/d(V^T x) = (A e) where h > 0; the constant behind h needs none. */
static void send_back(hth_compute *compute, const hth_predictor *p, const hth_real *A) {
    const size_t H = p->hidden;
    hth_product(compute, p->rows, H, p->out, hth_rows(p->error, p->out),
                hth_transposed(A, hth_predictor_stride(p->out)), false, p->back, H);
    for (size_t b = 0; b < p->rows; b++)
        for (size_t k = 0; k < H; k++)
            if (p->h[b * (H + 1) + k] <= 0) p->back[b * H + k] = 0;
}

void hth_predictor_back(hth_compute *compute, const hth_predictor *p, const hth_real *x,
                        const hth_real *said, const hth_real *target, hth_real *xbar) {
    const hth_real *A = p->weights + hidden_count(p), *W = p->hidden ? p->weights : A;
    const size_t reads =
        p->hidden ? p->hidden : p->out; /* numbers in a row of W, and of its error */
    /* What was said, and its error. */
    if (p->hidden || !said) {
        hth_predictor_run(compute, p, p->weights, x, p->error);
        said = p->error;
    }
    for (size_t i = 0; i < p->rows * p->out; i++) p->error[i] = said[i] - target[i];
    /* From there to x. */
    if (p->hidden) send_back(compute, p, A);
    hth_product(compute, p->rows, p->in, reads, hth_rows(p->hidden ? p->back : p->error, reads),
                hth_transposed(W, hth_predictor_stride(reads)), false, xbar, p->in);
}

/* ---- A method's step ---- */

enum { PART = 1 << 14 }; /* weights of a task */

typedef struct method_task {
    const hth_predictor *p;
    hth_real rate, decay;
} method_task;

static void update_part(void *argument, size_t part, int worker) {
    const method_task *task = argument;
    const hth_predictor *p = task->p;
    const size_t from = part * PART, left = hth_predictor_count(p) - from;
    hth_update update = {.count = left < PART ? left : PART,
                         .rate = (double)task->rate,
                         .decay = (double)task->decay,
                         .factor = 1,
                         .step = p->fits,
                         .theta = p->weights + from,
                         .gradient = p->gradient + from,
                         .options = p->options};
    (void)worker;
    for (size_t i = 0; i < p->method->moments; i++) update.moment[i] = p->moment[i] + from;
    p->method->prepare(&update);
    p->method->update(&update);
}

static void update(hth_compute *compute, hth_predictor *p, hth_real rate, hth_real decay) {
    const size_t count = hth_predictor_count(p);
    method_task task = {p, rate, decay};
    p->fits++;
    hth_parallel(compute, (count + PART - 1) / PART, 16 * (double)count, update_part, &task);
}

/* ---- Learning ---- */

void hth_predictor_fit(hth_compute *compute, hth_predictor *p, const hth_real *x,
                       const hth_real *said, const hth_real *target, hth_real rate,
                       hth_real decay) {
    const hth_real factor = (p->method ? 1 : -rate) / (hth_real)p->rows, keep = 1 - rate * decay;
    hth_real *A = p->weights + hidden_count(p), *to = p->method ? p->gradient : p->weights;
    if (p->hidden || !said) {
        hth_predictor_run(compute, p, p->weights, x, p->error);
        said = p->error;
    }
    HTH_SIMD
    for (size_t i = 0; i < p->rows * p->out; i++) p->error[i] = factor * (said[i] - target[i]);
    if (p->hidden) send_back(compute, p, A);
    if (p->method)
        memset(to, 0, hth_predictor_count(p) * sizeof *to);
    else
        for (size_t i = 0; decay != 0 && i < hth_predictor_count(p); i++) p->weights[i] *= keep;
    step(compute, p->rows, width(p), p->out, p->hidden ? p->h : x, p->error, to + hidden_count(p));
    if (p->hidden) step(compute, p->rows, p->in, p->hidden, x, p->back, to);
    if (p->method) update(compute, p, rate, decay);
}
