/* The Add task: exact lags, the formula of the targets, the statistics of the coin, independence of
 * items and splits, and that the position alone restores a stream. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TASK "add"
#include "task.h"

enum { STEPS = 20000 };

static void *open_add(const hth_setting *items, size_t count, hth_split split, size_t batch,
                      uint64_t seed) {
    hth_shape shape;
    void *state = open_stream(items, count, split, batch, seed, &shape);
    assert_int_equal(shape.inputs, 2);
    assert_int_equal(shape.outputs, 2);
    assert_int_equal(shape.vocabulary, 0);
    assert_int_equal(shape.target, HTH_TARGET_VALUES);
    return state;
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

static double x_at(const hth_chunk *chunk, size_t t, size_t b) {
    return chunk->x[(t * chunk->batch + b) * 2];
}

/* Steps at which the target is not the formula with these lags, in tosses of `stretch` steps. */
static size_t departures(const hth_chunk *chunk, size_t lag1, size_t lag2, size_t stretch) {
    size_t wrong = 0;
    for (size_t t = 0; t < chunk->steps; t++)
        for (size_t b = 0; b < chunk->batch; b++) {
            size_t k = t / stretch, at = (t * chunk->batch + b) * 2;
            double first = k < lag1 ? 0 : x_at(chunk, (k - lag1) * stretch, b);
            double second = k < lag2 ? 0 : x_at(chunk, (k - lag2) * stretch, b);
            double y = 0.5 + 0.5 * first - 0.25 * second; /* exact in float */
            wrong += (double)chunk->targets[at] != y || (double)chunk->targets[at + 1] != 1 - y;
            assert_true(chunk->x[at] + chunk->x[at + 1] == 1);
            assert_true(chunk->x[at] == 0 || chunk->x[at] == 1);
        }
    return wrong;
}

static void test_lags_are_exact(void **unused) {
    (void)unused;
    void *state = open_add(NULL, 0, HTH_TRAIN, 3, 1);
    hth_chunk chunk = next(state, 2000);
    assert_int_equal(departures(&chunk, 3, 5, 1), 0);
    /* Negative control: the lags of the 2019 script, one less, are not ours. */
    assert_true(departures(&chunk, 2, 4, 1) > 2000);
    assert_true(departures(&chunk, 3, 4, 1) > 1000);
    kind()->close(state);
}

static void test_options(void **unused) {
    (void)unused;
    const hth_setting items[] = {
        {"task.lag1", "6", NULL}, {"task.lag2", "10", NULL}, {"task.stretch", "2", NULL}};
    void *state = open_add(items, 3, HTH_TRAIN, 2, 5);
    hth_chunk chunk = next(state, 2001);
    assert_int_equal(departures(&chunk, 6, 10, 2), 0);
    assert_true(departures(&chunk, 6, 10, 1) > 500);
    for (size_t t = 0; t + 1 < 2001; t += 2)
        assert_memory_equal(chunk.x + t * 4, chunk.x + (t + 1) * 4, 4 * sizeof(hth_real));
    kind()->close(state);
}

static void test_bad_option(void **unused) {
    (void)unused;
    const hth_setting item = {"task.stretch", "0", "run.yaml:3"};
    assert_refuses(&item, 1, "task.stretch");
}

/* Mean of x 1/2, of y 5/8, and cov(y_k, x_{k-lag}) = 1/8 at lag1, -1/16 at lag2, 0 elsewhere. */
static void test_statistics(void **unused) {
    (void)unused;
    void *state = open_add(NULL, 0, HTH_TRAIN, 1, 11);
    hth_chunk chunk = next(state, STEPS);
    double covariance[9] = {0}, mean_x = 0, mean_y = 0, count = STEPS - 8;
    for (size_t t = 8; t < STEPS; t++) {
        double y = chunk.targets[2 * t];
        mean_x += x_at(&chunk, t, 0) / count;
        mean_y += y / count;
        for (size_t lag = 0; lag < 9; lag++)
            covariance[lag] += (y - 0.625) * (x_at(&chunk, t - lag, 0) - 0.5) / count;
    }
    double error = 5 * 0.5 / sqrt(count);
    assert_true(fabs(mean_x - 0.5) < error);
    assert_true(fabs(mean_y - 0.625) < error);
    for (size_t lag = 0; lag < 9; lag++) {
        double expected = lag == 3 ? 0.125 : lag == 5 ? -0.0625 : 0;
        assert_true(fabs(covariance[lag] - expected) < error * 0.6);
    }
    kind()->close(state);
}

/* With deterministic = false the target is 0 or 1 and the formula is its mean. */
static void test_drawn_targets(void **unused) {
    (void)unused;
    const hth_setting item = {"task.deterministic", "false", NULL};
    void *state = open_add(&item, 1, HTH_TRAIN, 1, 11);
    hth_chunk chunk = next(state, STEPS);
    double sum[2][2] = {{0}}, count[2][2] = {{0}};
    for (size_t t = 5; t < STEPS; t++) {
        int first = (int)x_at(&chunk, t - 3, 0), second = (int)x_at(&chunk, t - 5, 0);
        double y = chunk.targets[2 * t];
        assert_true(y == 0 || y == 1);
        sum[first][second] += y;
        count[first][second] += 1;
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            assert_true(fabs(sum[i][j] / count[i][j] - (0.5 + 0.5 * i - 0.25 * j)) < 0.04);
    kind()->close(state);
}

/* How often two sequences of tosses agree: half the time if they are independent. */
static double agreement(void *a, void *b, size_t item_a, size_t item_b) {
    hth_chunk first = next(a, STEPS), second = next(b, STEPS);
    double same = 0;
    for (size_t t = 0; t < STEPS; t++) same += x_at(&first, t, item_a) == x_at(&second, t, item_b);
    kind()->close(a);
    kind()->close(b);
    return same / STEPS;
}

static void test_independence(void **unused) {
    (void)unused;
    double error = 5 * 0.5 / sqrt((double)STEPS);
    void *a = open_add(NULL, 0, HTH_TRAIN, 4, 1), *b = open_add(NULL, 0, HTH_TRAIN, 2, 1);
    assert_true(agreement(a, b, 1, 1) == 1); /* an item does not depend on the size of the batch */
    a = open_add(NULL, 0, HTH_TRAIN, 2, 1), b = open_add(NULL, 0, HTH_TRAIN, 2, 1);
    assert_true(fabs(agreement(a, b, 0, 1) - 0.5) < error);
    a = open_add(NULL, 0, HTH_TRAIN, 1, 1), b = open_add(NULL, 0, HTH_VALIDATE, 1, 1);
    assert_true(fabs(agreement(a, b, 0, 0) - 0.5) < error);
    a = open_add(NULL, 0, HTH_TRAIN, 1, 1), b = open_add(NULL, 0, HTH_TRAIN, 1, 2);
    assert_true(fabs(agreement(a, b, 0, 0) - 0.5) < error);
}

/* The position alone restores the stream, and chunk sizes do not matter. */
static void test_resume(void **unused) {
    (void)unused;
    enum { BATCH = 3, AT = 777, MORE = 100, NUMBERS = MORE * BATCH * 2 };
    void *whole = open_add(NULL, 0, HTH_TRAIN, BATCH, 4);
    void *resumed = open_add(NULL, 0, HTH_TRAIN, BATCH, 4);
    hth_field field, same;
    hth_real x[NUMBERS], targets[NUMBERS];
    for (int i = 0; i < AT; i++) next(whole, 1);
    assert_int_equal(kind()->state(whole, &field, 1), 1);
    assert_int_equal(kind()->state(resumed, &same, 1), 1);
    assert_int_equal(field.count, 1);
    assert_int_equal(*(uint64_t *)field.data, AT);
    next(resumed, 13); /* a cache of other tosses must not survive */
    memcpy(same.data, field.data, sizeof(uint64_t));
    hth_chunk chunk = next(whole, MORE);
    memcpy(x, chunk.x, sizeof x);
    memcpy(targets, chunk.targets, sizeof targets);
    chunk = next(resumed, MORE);
    assert_memory_equal(x, chunk.x, sizeof x);
    assert_memory_equal(targets, chunk.targets, sizeof targets);
    chunk = next(resumed, MORE);
    assert_memory_not_equal(x, chunk.x, sizeof x);
    kind()->close(whole);
    kind()->close(resumed);
}

static void test_starts_once(void **unused) {
    (void)unused;
    void *state = open_add(NULL, 0, HTH_TRAIN, 1, 4);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lags_are_exact), cmocka_unit_test(test_options),
        cmocka_unit_test(test_bad_option),     cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_drawn_targets),  cmocka_unit_test(test_independence),
        cmocka_unit_test(test_resume),         cmocka_unit_test(test_starts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
