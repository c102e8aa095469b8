/* The Mimic task: the target network is found from outside, by solving for its weights from states that
 * are put into it, and then run again here, plainly; its weights have the distribution that the paper
 * gives; chunks of any length and a stream that resumes give the same bits. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TASK "mimic"
#include "task.h"

/* Few inputs, so that they soon show every pattern; units and outputs that are no multiple of a block. */
enum { UNITS = 40, INPUTS = 3, OUTPUTS = 33, U = UNITS + INPUTS + 1, R = UNITS + 1 };

static const double ALPHA = 0.5;

static const hth_setting small[] = {{"task.target_units", "40", NULL},
                                    {"task.inputs", "3", NULL},
                                    {"task.outputs", "33", NULL},
                                    {"task.alpha", "0.5", NULL},
                                    {"task.stretch", "2", NULL}};

static double tolerance(double in_double, double in_float) {
    return sizeof(hth_real) == sizeof(double) ? in_double : in_float;
}

static void *open_with(const hth_setting *items, size_t count, hth_split split, size_t batch,
                       uint64_t seed) {
    hth_shape shape;
    void *state = open_stream(items, count, split, batch, seed, &shape);
    assert_int_equal(shape.inputs, count ? INPUTS : 32);
    assert_int_equal(shape.outputs, count ? OUTPUTS : 32);
    assert_int_equal(shape.vocabulary, 0);
    assert_int_equal(shape.target, HTH_TARGET_VALUES);
    return state;
}

static void *open_small(hth_split split, size_t batch, uint64_t seed) {
    return open_with(small, HTH_COUNT(small), split, batch, seed);
}

static hth_chunk next(void *state, size_t steps) {
    hth_chunk chunk;
    hth_position_flags flags;
    hth_error error;
    assert_int_equal(kind()->next(state, steps, &chunk, &flags, &error), HTH_OK);
    assert_int_equal(chunk.steps, steps);
    assert_false(flags.ends || flags.epoch_end);
    return chunk;
}

static uint64_t *position_of(void *state) {
    hth_field fields[2];
    assert_int_equal(kind()->state(state, fields, 2), 2);
    assert_string_equal(fields[0].name, "position");
    return fields[0].data;
}

static double *r_of(void *state, size_t count) {
    hth_field fields[2];
    assert_int_equal(kind()->state(state, fields, 2), 2);
    assert_string_equal(fields[1].name, "r");
    assert_int_equal(fields[1].dtype, HTH_DTYPE_F64);
    assert_int_equal(fields[1].count, count);
    return fields[1].data;
}

/* Gauss with pivots: rows u[size][size] times W^T = values[size][columns]; W^T replaces values. */
static void solve(size_t size, size_t columns, double *u, double *values) {
    for (size_t j = 0; j < size; j++) {
        size_t pivot = j;
        for (size_t i = j + 1; i < size; i++)
            if (fabs(u[i * size + j]) > fabs(u[pivot * size + j])) pivot = i;
        assert_true(fabs(u[pivot * size + j]) > 1e-6);
        for (size_t k = 0; k < size; k++) {
            double keep = u[j * size + k];
            u[j * size + k] = u[pivot * size + k];
            u[pivot * size + k] = keep;
        }
        for (size_t k = 0; k < columns; k++) {
            double keep = values[j * columns + k];
            values[j * columns + k] = values[pivot * columns + k];
            values[pivot * columns + k] = keep;
        }
        for (size_t i = 0; i < size; i++) {
            if (i == j) continue;
            const double factor = u[i * size + j] / u[j * size + j];
            for (size_t k = j; k < size; k++) u[i * size + k] -= factor * u[j * size + k];
            for (size_t k = 0; k < columns; k++)
                values[i * columns + k] -= factor * values[j * columns + k];
        }
    }
    for (size_t j = 0; j < size; j++)
        for (size_t k = 0; k < columns; k++) values[j * columns + k] /= u[j * size + j];
}

/* The weights of a target network of the small size: rows of w act on [r; x; 1], of out on [r; 1]. */
typedef struct found {
    double w[U][UNITS], out[R][OUTPUTS];
} found;

/* Puts random states into the network, one a toss, and reads what becomes of them. */
static found find_weights(void *state) {
    found f;
    double u[U][U], after[R][R], *r = r_of(state, UNITS);
    const hth_random random = {9, HTH_RANDOM_CHECK, 0};
    for (size_t i = 0; i < U; i++) {
        /* patterns 100, 010, 001 and 000, then any: the columns of the inputs are independent */
        for (;;) {
            for (size_t j = 0; j < UNITS; j++)
                u[i][j] = r[j] = 1.8 * hth_random_uniform(&random, i * UNITS + j) - 0.9;
            const hth_chunk chunk = next(state, 1);
            size_t ones = 0;
            for (size_t j = 0; j < INPUTS; j++) {
                u[i][UNITS + j] = (double)chunk.x[j];
                ones += chunk.x[j] > 0;
            }
            u[i][U - 1] = 1;
            if (i < INPUTS && !(ones == 1 && chunk.x[i] > 0)) continue;
            if (i == INPUTS && ones) continue;
            for (size_t j = 0; j < UNITS; j++)
                f.w[i][j] = atanh((r[j] - (1 - ALPHA) * u[i][j]) / ALPHA);
            if (i < R) {
                for (size_t j = 0; j < UNITS; j++) after[i][j] = r[j];
                after[i][UNITS] = 1;
                for (size_t k = 0; k < OUTPUTS; k++) f.out[i][k] = (double)chunk.targets[k];
            }
            break;
        }
    }
    solve(U, UNITS, &u[0][0], &f.w[0][0]);
    solve(R, OUTPUTS, &after[0][0], &f.out[0][0]);
    return f;
}

/* One step of the network as the paper writes it. */
static void step_plainly(const found *f, double alpha, const hth_real *x, double *r, double *y) {
    double phi[UNITS];
    for (size_t i = 0; i < UNITS; i++) {
        double a = f->w[U - 1][i];
        for (size_t j = 0; j < UNITS; j++) a += f->w[j][i] * r[j];
        for (size_t j = 0; j < INPUTS; j++) a += f->w[UNITS + j][i] * (double)x[j];
        phi[i] = tanh(a);
    }
    for (size_t i = 0; i < UNITS; i++) r[i] = (1 - alpha) * r[i] + alpha * phi[i];
    for (size_t k = 0; k < OUTPUTS; k++) {
        y[k] = f->out[R - 1][k];
        for (size_t j = 0; j < UNITS; j++) y[k] += f->out[j][k] * r[j];
    }
}

enum { RUN = 400, ITEMS = 2 };

/* Largest departure of the stream's targets from the plain network, over all items. */
static double departure(const found *f, double alpha, uint64_t seed) {
    void *state = open_small(HTH_TRAIN, ITEMS, seed);
    double r[ITEMS][UNITS], y[OUTPUTS], worst = 0;
    memcpy(r, r_of(state, ITEMS * UNITS), sizeof r);
    const hth_chunk chunk = next(state, RUN);
    for (size_t t = 0; t < RUN; t++)
        for (size_t b = 0; b < ITEMS; b++) {
            const size_t at = t * ITEMS + b;
            step_plainly(f, alpha, chunk.x + at * INPUTS, r[b], y);
            for (size_t k = 0; k < OUTPUTS; k++)
                worst = fmax(worst, fabs(y[k] - (double)chunk.targets[at * OUTPUTS + k]));
        }
    kind()->close(state);
    return worst;
}

static void test_targets_are_those_of_the_network(void **unused) {
    (void)unused;
    void *state = open_small(HTH_TRAIN, 1, 3);
    found f = find_weights(state);
    kind()->close(state);
    assert_true(departure(&f, ALPHA, 3) < tolerance(1e-9, 1e-3));
    /* Negative controls: another leak, another seed's network, one weight that is a little off. */
    assert_true(departure(&f, 0.55, 3) > 1e-2);
    assert_true(departure(&f, ALPHA, 4) > 1e-1);
    f.w[0][1] += 0.1;
    assert_true(departure(&f, ALPHA, 3) > 5e-3);
}

/* All splits and items have one target network. */
static void test_splits_share_the_network(void **unused) {
    (void)unused;
    void *state = open_small(HTH_VALIDATE, 1, 3);
    const found f = find_weights(state);
    kind()->close(state);
    assert_true(departure(&f, ALPHA, 3) < tolerance(1e-9, 1e-3));
}

typedef struct moments {
    double count, sum, squares;
} moments;

static void add_number(moments *m, double x) {
    m->count += 1;
    m->sum += x;
    m->squares += x * x;
}

/* Mean 0 and the given variance, within five standard errors of normal numbers. */
static void assert_normal(const moments *m, double variance) {
    const double mean = m->sum / m->count, found_variance = m->squares / m->count;
    assert_true(fabs(mean) < 5 * sqrt(variance / m->count));
    assert_true(fabs(found_variance / variance - 1) < 5 * sqrt(2 / m->count));
    /* Negative control: half the variance is told apart. */
    assert_true(fabs(2 * found_variance / variance - 1) > 5 * sqrt(2 / m->count));
}

static void test_distribution_of_weights(void **unused) {
    (void)unused;
    moments in = {0}, bias = {0}, out = {0}, b_out = {0}, start = {0}, rec = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        void *state = open_small(HTH_TRAIN, 1, seed);
        const double *r = r_of(state, UNITS);
        for (size_t j = 0; j < UNITS; j++) add_number(&start, atanh(r[j]));
        const found f = find_weights(state);
        kind()->close(state);
        for (size_t i = 0; i < UNITS; i++) {
            add_number(&bias, f.w[U - 1][i]);
            for (size_t j = 0; j < INPUTS; j++) add_number(&in, f.w[UNITS + j][i]);
            for (size_t j = 0; j < UNITS; j++) add_number(&rec, f.w[j][i]);
            for (size_t k = 0; k < OUTPUTS; k++) add_number(&out, f.out[i][k]);
        }
        for (size_t k = 0; k < OUTPUTS; k++) add_number(&b_out, f.out[R - 1][k]);
        for (size_t i = 0; i < UNITS; i++) /* W W^T = 1 */
            for (size_t k = 0; k <= i; k++) {
                double product = 0;
                for (size_t j = 0; j < UNITS; j++) product += f.w[j][i] * f.w[j][k];
                assert_true(fabs(product - (i == k)) < 1e-8);
            }
    }
    assert_normal(&in, 1.0 / INPUTS);
    assert_normal(&rec, 1.0 / UNITS);
    assert_normal(&bias, 0.01);
    assert_normal(&out, 1.0 / UNITS);
    assert_normal(&b_out, 0.01);
    assert_normal(&start, 1);
}

static void test_start_at_zero(void **unused) {
    (void)unused;
    hth_setting items[HTH_COUNT(small) + 1];
    memcpy(items, small, sizeof small);
    items[HTH_COUNT(small)] = (hth_setting){"task.start", "zero", NULL};
    void *state = open_with(items, HTH_COUNT(items), HTH_TRAIN, 2, 1);
    const double *r = r_of(state, 2 * UNITS);
    for (size_t j = 0; j < 2 * UNITS; j++) assert_true(r[j] == 0);
    next(state, 1);
    assert_true(r[0] != 0);
    kind()->close(state);
}

/* Inputs are coins, held for `stretch` steps, different for every channel, item, split and seed. */
static double same_inputs(void *a, void *b, size_t item_a, size_t item_b, size_t channel_b) {
    double same = 0;
    const size_t steps = 20000;
    const hth_chunk one = next(a, steps), two = next(b, steps);
    for (size_t t = 0; t < steps; t += 2) {
        const hth_real *x = one.x + (t * one.batch + item_a) * INPUTS;
        const hth_real *y = two.x + (t * two.batch + item_b) * INPUTS;
        assert_true(x[0] == 0 || x[0] == 1);
        assert_memory_equal(x, x + one.batch * INPUTS, INPUTS * sizeof *x);
        same += x[0] == y[channel_b];
    }
    kind()->close(a);
    kind()->close(b);
    return same / (double)(steps / 2);
}

static void test_inputs(void **unused) {
    (void)unused;
    const double error = 5 * 0.5 / sqrt(10000);
    void *a = open_small(HTH_TRAIN, 4, 1), *b = open_small(HTH_TRAIN, 2, 1);
    assert_true(same_inputs(a, b, 1, 1, 0) == 1); /* an item does not depend on the batch's size */
    a = open_small(HTH_TRAIN, 2, 1), b = open_small(HTH_TRAIN, 2, 1);
    assert_true(fabs(same_inputs(a, b, 0, 1, 0) - 0.5) < error);
    a = open_small(HTH_TRAIN, 1, 1), b = open_small(HTH_TRAIN, 1, 1);
    assert_true(fabs(same_inputs(a, b, 0, 0, 1) - 0.5) < error);
    a = open_small(HTH_TRAIN, 1, 1), b = open_small(HTH_TEST, 1, 1);
    assert_true(fabs(same_inputs(a, b, 0, 0, 0) - 0.5) < error);
    a = open_small(HTH_TRAIN, 1, 1), b = open_small(HTH_TRAIN, 1, 2);
    assert_true(fabs(same_inputs(a, b, 0, 0, 0) - 0.5) < error);
}

/* The paper's sizes are the defaults; more than 32 channels need more than one draw a toss. */
static void test_defaults(void **unused) {
    (void)unused;
    void *state = open_with(NULL, 0, HTH_TRAIN, 1, 1);
    r_of(state, 32);
    double ones[32] = {0};
    hth_chunk chunk = next(state, 2000);
    for (size_t t = 0; t < 2000; t++)
        for (size_t j = 0; j < 32; j++) ones[j] += (double)chunk.x[t * 32 + j];
    for (size_t j = 0; j < 32; j++) assert_true(fabs(ones[j] / 2000 - 0.5) < 0.06);
    kind()->close(state);

    const hth_setting wide = {"task.inputs", "40", NULL};
    hth_settings settings = {&wide, 1};
    hth_stream_context context = {&settings, HTH_TRAIN, 1, 1};
    hth_shape shape;
    double same = 0;
    assert_int_equal(kind()->open(&context, &state, &shape, NULL), HTH_OK);
    chunk = next(state, 2001);
    for (size_t t = 0; t < 2000; t++) /* channel 32 is not channel 0 of this or the next toss */
        same += chunk.x[t * 40 + 32] == chunk.x[t * 40] &&
                chunk.x[t * 40 + 32] == chunk.x[(t + 1) * 40];
    assert_true(fabs(same / 2000 - 0.25) < 0.06);
    kind()->close(state);
}

/* The fields alone restore a stream, and the lengths of chunks do not matter. */
static void test_resume(void **unused) {
    (void)unused;
    enum { BATCH = 3, AT = 777, MORE = 100 };
    void *whole = open_small(HTH_TRAIN, BATCH, 4), *resumed = open_small(HTH_TRAIN, BATCH, 4);
    void *at_once = open_small(HTH_TRAIN, BATCH, 4);
    for (size_t i = 0; i < AT; i++) next(whole, 1);
    for (size_t done = 0, size = 1; done < AT; done += size++)
        next(at_once, size < AT - done ? size : AT - done);
    next(resumed, 13);
    assert_int_equal(*position_of(whole), AT);
    *position_of(resumed) = *position_of(whole);

    hth_real x[MORE * BATCH * INPUTS], targets[MORE * BATCH * OUTPUTS];
    double r[BATCH * UNITS];
    memcpy(r, r_of(whole, BATCH * UNITS), sizeof r);
    hth_chunk chunk = next(whole, MORE);
    memcpy(x, chunk.x, sizeof x);
    memcpy(targets, chunk.targets, sizeof targets);

    /* Negative control: the position without the state gives the inputs but not the targets. */
    chunk = next(resumed, 1);
    assert_memory_equal(x, chunk.x, BATCH * INPUTS * sizeof *x);
    assert_memory_not_equal(targets, chunk.targets, BATCH * OUTPUTS * sizeof *targets);

    *position_of(resumed) = AT;
    memcpy(r_of(resumed, BATCH * UNITS), r, sizeof r);
    chunk = next(resumed, MORE);
    assert_memory_equal(x, chunk.x, sizeof x);
    assert_memory_equal(targets, chunk.targets, sizeof targets);
    chunk = next(at_once, MORE);
    assert_memory_equal(x, chunk.x, sizeof x);
    assert_memory_equal(targets, chunk.targets, sizeof targets);
    chunk = next(at_once, MORE);
    assert_memory_not_equal(targets, chunk.targets, sizeof targets);
    kind()->close(whole);
    kind()->close(resumed);
    kind()->close(at_once);
}

static void test_starts_once(void **unused) {
    (void)unused;
    void *state = open_small(HTH_TRAIN, 1, 4);
    hth_chunk chunk;
    hth_position_flags flags;
    uint64_t sequence = 1, epoch = 1;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kind()->next(state, 10, &chunk, &flags, NULL), HTH_OK);
        assert_int_equal(flags.starts, i == 0);
    }
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == 0 && epoch == 0);
    kind()->close(state);
}

static void test_bad_options(void **unused) {
    (void)unused;
    const hth_setting bad[] = {{"task.target_units", "0", "run.yaml:3"},
                               {"task.alpha", "1.5", "run.yaml:3"},
                               {"task.start", "one", "run.yaml:3"}};
    for (size_t i = 0; i < HTH_COUNT(bad); i++) assert_refuses(&bad[i], 1, bad[i].key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_are_those_of_the_network),
        cmocka_unit_test(test_splits_share_the_network),
        cmocka_unit_test(test_distribution_of_weights),
        cmocka_unit_test(test_start_at_zero),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_starts_once),
        cmocka_unit_test(test_bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
