/*
 * The Mimic task (Marschall et al. 2019, p. 3): do as another network does. The other one, the target
 * network, is a leaky tanh network with a linear readout, drawn from the seed and never trained,
 *
 *     r_t = (1 - alpha) r_{t-1} + alpha tanh(W_rec r_{t-1} + W_in x_t + b),   y_t = W_out r_t + b_out
 *
 *     W_in ~ N(0, 1/inputs), W_rec orthogonal (Q of a QR decomposition of an N(0,1) matrix),
 *     W_out ~ N(0, 1/units), b and b_out ~ N(0, 0.1^2);   r_0 = tanh(N(0,1)), or 0.
 *
 * Its input is a coin for every channel, tossed anew every `stretch` steps; the stream gives the same
 * coins as input and y_t as target, for ever. All items and splits have the same target network; each
 * tosses its own coins and starts in a state of its own. Weights and coins are functions of the seed
 * and of their place, so the fields are the position and r. The target network is stepped in double in
 * either precision, one step at a time, so that chunks of any length give the same bits.
 *
 * With loss.name = mse the half sum over outputs is what is differentiated; Fig. 1 shows the half mean
 * (loss.report = mean). Cost per step and item: units (units + inputs + outputs) multiply-adds and
 * units tanh; memory: the weights and one chunk.
 */
#include "base/functions64.h"
#include "base/random.h"
#include "tasks/stream.h"

#include <stdlib.h>

enum { START_NORMAL, START_ZERO };

typedef struct mimic_options {
    int64_t target_units, inputs, outputs, stretch;
    double alpha;
    int start;
} mimic_options;

/* Weights are stored by column: a step adds up columns, which a compiler can turn into vector code
 * without changing the order of a sum. */
typedef struct mimic_state {
    mimic_options options;
    size_t n, inputs, outputs, batch;
    uint64_t seed, draws, position; /* draws: seed of the coins; position: steps given so far */
    hth_split split;
    size_t capacity;                             /* steps that the buffers hold */
    hth_real *x, *targets;                       /* [capacity][batch][inputs], [..][outputs] */
    double *block;                               /* what the rest points into */
    double *w_rec, *w_in, *bias, *w_out, *b_out; /* [n][n], [inputs][n], [n], [n][outputs] */
    double *r;                                   /* [batch][n] */
    double *coins, *drive, *y;                   /* [inputs], [n], [outputs] of the step at hand */
} mimic_state;

extern const hth_stream_kind hth_task_mimic;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(mimic_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(target_units, .help = "units of the target network", .fallback = "32",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(inputs, .help = "channels of coins", .fallback = "32", .kind = HTH_KIND_INTEGER,
           .min = 1, .max = 1e5),
    OPTION(outputs, .help = "outputs of the target network", .fallback = "32",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e5),
    OPTION(stretch, .help = "steps for which an input is held (Fig. 1: 2 with alpha 0.5)",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e9),
    OPTION(alpha,
           .help = "leak per step of the target network, in 0..1; the paper has that of the "
                   "trained one (cell.alpha)",
           .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(start, .help = "first state of the target network: tanh of N(0,1) (2019), or zero",
           .fallback = "normal", .kind = HTH_KIND_CHOICE,
           .choices = (const char *const[]){"normal", "zero", NULL}),
};

/* ---- The target network --------------------------------------------------------------------- */

/* Streams of random numbers: the weights take the last ones, so that no item ever comes near. */
enum { STREAM_REC, STREAM_IN, STREAM_BIAS, STREAM_OUT, STREAM_B_OUT, WEIGHT_STREAMS };

static void draw(uint64_t seed, uint32_t which, double deviation, size_t count, double *out) {
    const hth_random random = {seed, HTH_RANDOM_TASK, UINT32_MAX - which};
    for (size_t i = 0; i < count; i++) out[i] = deviation * hth_random_normal(&random, i);
}

static double dot(const double *a, const double *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* Columns made orthonormal by Gram-Schmidt, run twice for accuracy: Q of the QR decomposition whose R
 * has a positive diagonal, which is uniformly distributed over the orthogonal matrices. */
static void orthogonalise(double *columns, size_t n) {
    for (size_t j = 0; j < n; j++) {
        double *column = columns + j * n;
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < j; k++) {
                const double along = dot(column, columns + k * n, n);
                for (size_t i = 0; i < n; i++) column[i] -= along * columns[k * n + i];
            }
        const double length = sqrt(dot(column, column, n));
        for (size_t i = 0; i < n; i++) column[i] /= length;
    }
}

static void draw_weights(mimic_state *m) {
    draw(m->seed, STREAM_REC, 1, m->n * m->n, m->w_rec);
    orthogonalise(m->w_rec, m->n);
    draw(m->seed, STREAM_IN, 1 / sqrt((double)m->inputs), m->inputs * m->n, m->w_in);
    draw(m->seed, STREAM_BIAS, 0.1, m->n, m->bias);
    draw(m->seed, STREAM_OUT, 1 / sqrt((double)m->n), m->n * m->outputs, m->w_out);
    draw(m->seed, STREAM_B_OUT, 0.1, m->outputs, m->b_out);
}

/* No two of (split, item) share a stream. */
static hth_random random_of_item(const mimic_state *m, size_t b) {
    return (hth_random){m->draws, HTH_RANDOM_TASK, (uint32_t)b * 3 + (uint32_t)m->split};
}

/* Draws of the start state lie in the upper half of the index, away from the coins. */
static void draw_start(mimic_state *m) {
    for (size_t b = 0; b < m->batch && m->options.start == START_NORMAL; b++) {
        const hth_random random = random_of_item(m, b);
        for (size_t j = 0; j < m->n; j++)
            m->r[b * m->n + j] = hth_tanh64(hth_random_normal(&random, UINT64_C(1) << 63 | j));
    }
}

enum { ROWS = 32 }; /* whose sums a compiler can keep in vector registers */

/* sum[rows] += columns[count][rows]^T x, each sum in the order of the columns. */
static void add_columns(double *sum, const double *columns, const double *x, size_t count,
                        size_t rows) {
    size_t first = 0;
    for (; first + ROWS <= rows; first += ROWS) {
        double kept[ROWS];
        for (size_t i = 0; i < ROWS; i++) kept[i] = sum[first + i];
        for (size_t j = 0; j < count; j++)
            for (size_t i = 0; i < ROWS; i++) kept[i] += x[j] * columns[j * rows + first + i];
        for (size_t i = 0; i < ROWS; i++) sum[first + i] = kept[i];
    }
    for (size_t j = 0; j < count && first < rows; j++)
        for (size_t i = first; i < rows; i++) sum[i] += x[j] * columns[j * rows + i];
}

/* The coins of one item at one step, 32 channels to a draw. */
static void toss(const mimic_state *m, size_t b, uint64_t k) {
    const hth_random random = random_of_item(m, b);
    const uint64_t draws = (m->inputs + 31) / 32;
    uint64_t bits = 0;
    for (size_t i = 0; i < m->inputs; i++) {
        if (i % 32 == 0) bits = hth_random_below(&random, k * draws + i / 32, UINT64_C(1) << 32);
        m->coins[i] = (double)(bits >> i % 32 & 1);
    }
}

/* One step of the target network, on the coins at hand. */
static void step_item(mimic_state *m, double *restrict r, hth_real *restrict target) {
    const double alpha = m->options.alpha;
    for (size_t i = 0; i < m->n; i++) m->drive[i] = m->bias[i];
    add_columns(m->drive, m->w_rec, r, m->n, m->n);
    add_columns(m->drive, m->w_in, m->coins, m->inputs, m->n);
    for (size_t i = 0; i < m->n; i++) r[i] = (1 - alpha) * r[i] + alpha * hth_tanh64(m->drive[i]);

    for (size_t k = 0; k < m->outputs; k++) m->y[k] = m->b_out[k];
    add_columns(m->y, m->w_out, r, m->n, m->outputs);
    for (size_t k = 0; k < m->outputs; k++) target[k] = (hth_real)m->y[k];
}

/* ---- The stream ----------------------------------------------------------------------------- */

static void mimic_close(void *state) {
    mimic_state *m = state;
    if (!m) return;
    free(m->x);
    free(m->targets);
    free(m->block);
    free(m);
}

static double *take(double **from, size_t count) {
    double *piece = *from;
    *from += count;
    return piece;
}

/* One block for all that is double. Sizes of at most 1e5 do not overflow a size_t of 64 bits; what is
 * too large for memory fails here. */
static bool place(mimic_state *m) {
    const size_t n = m->n;
    const size_t numbers =
        hth_times(n, n + m->inputs + m->outputs + 2) + 2 * m->outputs + m->inputs;
    double *at = m->block = calloc(numbers + hth_times(n, m->batch), sizeof *m->block);
    if (!at) return false;
    m->w_rec = take(&at, n * n);
    m->w_in = take(&at, m->inputs * n);
    m->w_out = take(&at, n * m->outputs);
    m->bias = take(&at, n);
    m->drive = take(&at, n);
    m->b_out = take(&at, m->outputs);
    m->y = take(&at, m->outputs);
    m->coins = take(&at, m->inputs);
    m->r = take(&at, n * m->batch);
    return true;
}

static hth_status mimic_open(const hth_stream_context *context, void **state, hth_shape *shape,
                             hth_error *error) {
    mimic_options o;
    HTH_TRY(hth_options_read(&hth_task_mimic.part.options, context->settings, &o, error));
    if (context->batch == 0 || context->batch > (UINT32_MAX - WEIGHT_STREAMS) / 3)
        return hth_fail(error, HTH_INVALID, "task mimic: a batch of %zu items cannot be drawn",
                        context->batch);
    mimic_state *m = calloc(1, sizeof *m);
    if (m)
        *m = (mimic_state){.options = o,
                           .n = (size_t)o.target_units,
                           .inputs = (size_t)o.inputs,
                           .outputs = (size_t)o.outputs,
                           .batch = context->batch,
                           .seed = context->seed,
                           .draws = hth_draws(context),
                           .split = context->split};
    if (!m || !place(m)) {
        mimic_close(m);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task mimic: not enough memory for a target network of %lld units",
                        (long long)o.target_units);
    }
    draw_weights(m);
    draw_start(m);
    *state = m;
    *shape = (hth_shape){.inputs = m->inputs, .outputs = m->outputs, .target = HTH_TARGET_VALUES};
    return HTH_OK;
}

/* The buffers grow to the longest chunk asked for, in practice once. */
static hth_status reserve(mimic_state *m, size_t steps, hth_error *error) {
    if (steps <= m->capacity) return HTH_OK;
    hth_real *x = calloc(steps, hth_times(m->batch, m->inputs * sizeof *x));
    hth_real *targets = calloc(steps, hth_times(m->batch, m->outputs * sizeof *targets));
    if (!x || !targets) {
        free(x);
        free(targets);
        return hth_fail(error, HTH_NO_MEMORY,
                        "task mimic: not enough memory for a chunk of %zu steps x %zu items", steps,
                        m->batch);
    }
    free(m->x);
    free(m->targets);
    m->x = x;
    m->targets = targets;
    m->capacity = steps;
    return HTH_OK;
}

static hth_status mimic_next(void *state, size_t max_steps, hth_chunk *chunk,
                             hth_position_flags *flags, hth_error *error) {
    mimic_state *m = state;
    HTH_TRY(reserve(m, max_steps, error));
    *flags = (hth_position_flags){.starts = m->position == 0};
    for (size_t t = 0; t < max_steps; t++, m->position++)
        for (size_t b = 0; b < m->batch; b++) {
            const size_t at = t * m->batch + b;
            hth_real *x = m->x + at * m->inputs;
            toss(m, b, m->position / (uint64_t)m->options.stretch);
            for (size_t i = 0; i < m->inputs; i++) x[i] = (hth_real)m->coins[i];
            step_item(m, m->r + b * m->n, m->targets + at * m->outputs);
        }
    *chunk = (hth_chunk){.steps = max_steps, .batch = m->batch, .x = m->x, .targets = m->targets};
    return HTH_OK;
}

static size_t mimic_fields(void *state, hth_field *fields, size_t capacity) {
    mimic_state *m = state;
    if (capacity >= 1) fields[0] = (hth_field){"position", HTH_DTYPE_U64, 1, &m->position, {0}};
    if (capacity >= 2) fields[1] = (hth_field){"r", HTH_DTYPE_F64, m->batch * m->n, m->r, {0}};
    return 2;
}

static void mimic_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    (void)state;
    *sequence_steps = 0;
    *epoch_steps = 0;
}

static size_t mimic_references(const hth_settings *settings, hth_reference *out) {
    (void)settings;
    out[0] = (hth_reference){"nmse", "a readout at the mean of the targets", 1};
    return 1;
}

const hth_stream_kind hth_task_mimic = {
    .part = {.name = "mimic",
             .summary = "what another network, drawn from the seed, answers to coin tosses",
             .source = "Marschall, Cho & Savin 2019, p. 3",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = mimic_open,
    .next = mimic_next,
    .state = mimic_fields,
    .extent = mimic_extent,
    .given = NULL,
    .close = mimic_close,
    .references = mimic_references,
};
