/* Pattern generation: the curves are sums of sines with amplitudes and phases of the right ranges, the input
 * is the regular code of time, every trial, item and split is the same one, chunks of any length give the
 * same stream, and the position alone restores it. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TASK "pattern"
#include "task.h"

#define TAU 6.283185307179586477

typedef struct opened {
    void *state;
    hth_shape shape;
} opened;

static opened open_pattern(const hth_setting *items, size_t count, hth_split split, size_t batch,
                           uint64_t seed) {
    opened o;
    o.state = open_stream(items, count, split, batch, seed, &o.shape);
    assert_int_equal(o.shape.vocabulary, 0);
    assert_int_equal(o.shape.target, HTH_TARGET_VALUES);
    assert_false(o.shape.decides);
    return o;
}

static hth_chunk next(void *state, size_t steps, hth_position_flags *flags) {
    hth_chunk chunk;
    hth_error error;
    assert_int_equal(kind()->next(state, steps, &chunk, flags, &error), HTH_OK);
    assert_false(flags->epoch_end);
    assert_null(chunk.weights);
    assert_null(chunk.decides);
    return chunk;
}

static hth_chunk whole_trial(void *state, size_t steps) {
    hth_position_flags flags;
    hth_chunk chunk = next(state, steps, &flags);
    assert_true(flags.starts && flags.ends);
    assert_int_equal(chunk.steps, steps);
    return chunk;
}

/* a sin + b cos of a frequency, in whole cycles over the trial: exact projections. */
static double amplitude_of(const hth_chunk *chunk, size_t outputs, size_t k, int frequency,
                           double *phase) {
    double a = 0, b = 0;
    for (size_t t = 0; t < chunk->steps; t++) {
        const double angle = TAU * frequency * (double)t / (double)chunk->steps;
        const double y = (double)chunk->targets[t * chunk->batch * outputs + k];
        a += y * sin(angle) * 2 / (double)chunk->steps;
        b += y * cos(angle) * 2 / (double)chunk->steps;
    }
    *phase = atan2(b, a);
    return hypot(a, b);
}

static void curves_are_sums_of_sines(void **unused) {
    (void)unused;
    opened o = open_pattern(NULL, 0, HTH_TRAIN, 1, 1);
    assert_int_equal(o.shape.inputs, 20);
    assert_int_equal(o.shape.outputs, 3);
    hth_chunk chunk = whole_trial(o.state, 1000);
    for (size_t k = 0; k < 3; k++) {
        const int frequencies[] = {1, 2, 3, 5};
        double amplitude[4], phase[4], worst = 0;
        for (int f = 0; f < 4; f++) {
            amplitude[f] = amplitude_of(&chunk, 3, k, frequencies[f], &phase[f]);
            assert_true(amplitude[f] >= 0.5 - 1e-5 && amplitude[f] <= 2 + 1e-5);
        }
        for (size_t t = 0; t < 1000; t++) {
            double y = 0;
            for (int f = 0; f < 4; f++)
                y += amplitude[f] * sin(TAU * frequencies[f] * (double)t / 1000 + phase[f]);
            worst = fmax(worst, fabs(y - (double)chunk.targets[t * 3 + k]));
        }
        assert_true(worst < (sizeof(hth_real) == 8 ? 1e-10 : 1e-5));
        assert_true(amplitude_of(&chunk, 3, k, 4, phase) < 1e-5); /* negative control */
    }
    kind()->close(o.state);
}

/* Over seeds: A ~ U[0.5, 2] has mean 1.25 and variance 1.5^2/12; a phase has no direction; so a curve has
 * variance 4 E[A^2] / 2 = 3.5. */
static void amplitudes_and_phases_are_uniform(void **unused) {
    (void)unused;
    enum { SEEDS = 200, DRAWS = SEEDS * 12 };
    const int frequencies[] = {1, 2, 3, 5};
    const hth_setting items[] = {
        {"task.steps", "50", NULL}, {"task.dt", "20", NULL}, {"task.rate", "10", NULL}};
    double sum = 0, squares = 0, east = 0, north = 0, together = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        opened o = open_pattern(items, 3, HTH_TRAIN, 1, seed);
        hth_chunk chunk = whole_trial(o.state, 50);
        for (size_t i = 0; i < 12; i++) {
            double phase;
            const double a = amplitude_of(&chunk, 3, i / 4, frequencies[i % 4], &phase);
            sum += a / DRAWS;
            squares += a * a / DRAWS;
            east += cos(phase) / DRAWS;
            north += sin(phase) / DRAWS;
            together += (a - 1.25) * sin(phase) / DRAWS;
        }
        kind()->close(o.state);
    }
    const double error = 5 / sqrt(DRAWS);
    assert_true(fabs(sum - 1.25) < error * 0.433);
    assert_true(fabs(squares - 1.75) < error * 1.1);
    assert_true(fabs(2 * squares - 3.5) < error * 2.2);
    assert_true(fabs(east) < error * 0.71 && fabs(north) < error * 0.71);
    assert_true(fabs(together) < error * 0.433 * 0.71); /* of one draw both: -0.24 */
}

/* Neurons 4g .. 4g+3 fire at 200 g + 0, 10, ..., 190 ms. */
static size_t departures_from_clock(const hth_chunk *chunk, size_t late) {
    size_t wrong = 0;
    for (size_t t = 0; t < chunk->steps; t++)
        for (size_t i = 0; i < 20; i++) {
            const bool fires = t / 200 == i / 4 && t % 10 == late;
            wrong += chunk->x[t * 20 + i] != (fires ? HTH_C(1.0) : HTH_C(0.0));
        }
    return wrong;
}

static void input_tells_the_time(void **unused) {
    (void)unused;
    opened o = open_pattern(NULL, 0, HTH_TRAIN, 1, 1);
    hth_chunk chunk = whole_trial(o.state, 1000);
    assert_int_equal(departures_from_clock(&chunk, 0), 0);
    assert_int_equal(departures_from_clock(&chunk, 1),
                     800); /* negative control: 400 spikes moved */
    kind()->close(o.state);
}

/* 300 Hz: spikes at the steps nearest to 0, 3.33, 6.67, 10, ... */
static void periods_need_not_be_whole_steps(void **unused) {
    (void)unused;
    const hth_setting items[] = {{"task.rate", "300", NULL},
                                 {"task.steps", "31", NULL},
                                 {"task.groups", "2", NULL},
                                 {"task.inputs", "2", NULL}};
    static const int first[] = {0, 3, 7, 10, 13}, second[] = {15, 18, 22, 25, 28};
    opened o = open_pattern(items, 4, HTH_TRAIN, 1, 1);
    hth_chunk chunk = whole_trial(o.state, 31);
    int spikes[2] = {0, 0};
    for (int t = 0; t < 31; t++)
        for (int i = 0; i < 2; i++)
            if (chunk.x[t * 2 + i] != 0 && spikes[i] < 5)
                assert_int_equal(t, i ? second[spikes[i]++] : first[spikes[i]++]);
    assert_int_equal(spikes[0], 5);
    assert_int_equal(spikes[1], 5);
    kind()->close(o.state);
}

static void every_trial_is_the_same(void **unused) {
    (void)unused;
    enum { STEPS = 1000, BATCH = 3 };
    opened one = open_pattern(NULL, 0, HTH_TRAIN, 1, 9);
    opened many = open_pattern(NULL, 0, HTH_VALIDATE, BATCH, 9);
    opened other = open_pattern(NULL, 0, HTH_TRAIN, 1, 10);
    hth_chunk a = whole_trial(one.state, STEPS), c = whole_trial(other.state, STEPS);
    for (int trial = 0; trial < 2; trial++) {
        hth_chunk b = whole_trial(many.state, STEPS);
        for (size_t i = 0; i < STEPS * BATCH; i++) {
            assert_memory_equal(b.x + i * 20, a.x + i / BATCH * 20, 20 * sizeof *a.x);
            assert_memory_equal(b.targets + i * 3, a.targets + i / BATCH * 3, 3 * sizeof *a.x);
        }
    }
    assert_memory_not_equal(a.targets, c.targets, STEPS * 3 * sizeof *a.x); /* seeds do differ */
    kind()->close(one.state);
    kind()->close(many.state);
    kind()->close(other.state);
}

static const hth_setting tutorial[] = {
    {"task.outputs", "1", NULL},     {"task.input", "poisson", NULL},
    {"task.inputs", "100", NULL},    {"task.groups", "1", NULL},
    {"task.rate", "50", NULL},       {"task.from_zero", "true", NULL},
    {"task.normalise", "true", NULL}};

static void the_tutorial_has_its_own_trial(void **unused) {
    (void)unused;
    opened o = open_pattern(tutorial, HTH_COUNT(tutorial), HTH_TRAIN, 1, 3);
    assert_int_equal(o.shape.inputs, 100);
    assert_int_equal(o.shape.outputs, 1);
    hth_chunk chunk = whole_trial(o.state, 1000);
    hth_real *x = malloc(100000 * sizeof *x);
    memcpy(x, chunk.x, 100000 * sizeof *x);
    double largest = 0, spikes = 0, same = 0;
    for (size_t t = 0; t < 1000; t++) largest = fmax(largest, fabs((double)chunk.targets[t]));
    assert_true(chunk.targets[0] == 0);
    assert_true(fabs(largest - 1) < 1e-6);
    for (size_t i = 0; i < 100000; i++) spikes += (double)x[i];
    assert_true(fabs(spikes - 5000) < 5 * sqrt(5000 * 0.95));
    for (size_t i = 1; i < 100000; i++) same += (double)(x[i] * x[i - 1]);
    assert_true(fabs(same - 250) < 5 * sqrt(250)); /* neighbours are independent */
    chunk = whole_trial(o.state, 1000);
    assert_memory_equal(x, chunk.x, 100000 * sizeof *x); /* frozen */
    free(x);
    kind()->close(o.state);
    /* Negative control: without the two settings the curve neither begins at 0 nor ends at 1. */
    o = open_pattern(tutorial, HTH_COUNT(tutorial) - 2, HTH_TRAIN, 1, 3);
    chunk = whole_trial(o.state, 1000);
    largest = 0;
    for (size_t t = 0; t < 1000; t++) largest = fmax(largest, fabs((double)chunk.targets[t]));
    assert_true(fabs((double)chunk.targets[0]) > 0.01 && largest > 1.5);
    kind()->close(o.state);
}

/* Chunks of any length join to the same trials, with flags at their ends. */
static void chunks_of_any_length(void **unused) {
    (void)unused;
    enum { STEPS = 1000, BATCH = 2 };
    static const size_t lengths[] = {1, 7, 128, 999, 5000};
    opened reference = open_pattern(NULL, 0, HTH_TRAIN, BATCH, 4);
    hth_chunk whole = whole_trial(reference.state, STEPS);
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        opened o = open_pattern(NULL, 0, HTH_TRAIN, BATCH, 4);
        for (size_t at = 0; at < 2 * STEPS;) {
            hth_position_flags flags;
            hth_chunk chunk = next(o.state, lengths[i], &flags);
            const size_t in = at % STEPS * BATCH, items = chunk.steps * BATCH;
            assert_true(chunk.steps >= 1 && chunk.steps <= lengths[i]);
            assert_int_equal(flags.starts, at % STEPS == 0);
            assert_int_equal(flags.ends, (at + chunk.steps) % STEPS == 0);
            assert_memory_equal(chunk.x, whole.x + in * 20, items * 20 * sizeof *chunk.x);
            assert_memory_equal(chunk.targets, whole.targets + in * 3, items * 3 * sizeof *chunk.x);
            at += chunk.steps;
        }
        kind()->close(o.state);
    }
    kind()->close(reference.state);
}

static void the_position_restores_the_stream(void **unused) {
    (void)unused;
    opened a = open_pattern(NULL, 0, HTH_TRAIN, 1, 4), b = open_pattern(NULL, 0, HTH_TRAIN, 1, 4);
    hth_position_flags flags;
    hth_field from, to;
    next(a.state, 1000, &flags);
    next(a.state, 333, &flags);
    assert_int_equal(kind()->state(a.state, &from, 1), 1);
    assert_int_equal(kind()->state(b.state, &to, 1), 1);
    assert_int_equal(*(uint64_t *)from.data, 1333);
    memcpy(to.data, from.data, sizeof(uint64_t));
    hth_chunk x = next(a.state, 100, &flags), y = next(b.state, 100, &flags);
    assert_false(flags.starts);
    assert_memory_equal(x.targets, y.targets, 300 * sizeof *x.targets);
    assert_memory_equal(x.x, y.x, 2000 * sizeof *x.x);
    y = next(b.state, 100, &flags);
    assert_memory_not_equal(x.targets, y.targets, 300 * sizeof *x.targets);
    kind()->close(a.state);
    kind()->close(b.state);
}

static void has_sequences_and_no_epochs(void **unused) {
    (void)unused;
    opened o = open_pattern(NULL, 0, HTH_TRAIN, 1, 4);
    uint64_t sequence, epoch;
    kind()->extent(o.state, &sequence, &epoch);
    assert_true(sequence == 1000 && epoch == 0);
    kind()->close(o.state);
}

static void says_what_is_wrong(void **unused) {
    (void)unused;
    static const struct {
        hth_setting item;
        const char *words;
    } cases[] = {
        {{"task.frequencies", "1, two", NULL}, "task.frequencies is '1, two'"},
        {{"task.frequencies", "", NULL}, "task.frequencies"},
        {{"task.frequencies", "1, 2,", NULL}, "task.frequencies"},
        {{"task.frequencies", "-1", NULL}, "numbers of at least 0"},
        {{"task.inputs", "21", NULL}, "must be a multiple of task.groups, 5"},
        {{"task.steps", "4", NULL}, "must be at most task.steps, 4"},
        {{"task.amplitude_max", "0.1", NULL}, "at least task.amplitude_min, 0.5"},
        {{"task.rate", "1001", NULL}, "at most 1000"},
        {{"task.input", "regulra", NULL}, "did you mean 'regular'"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) assert_refuses(&cases[i].item, 1, cases[i].words);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_are_sums_of_sines),
        cmocka_unit_test(amplitudes_and_phases_are_uniform),
        cmocka_unit_test(input_tells_the_time),
        cmocka_unit_test(periods_need_not_be_whole_steps),
        cmocka_unit_test(every_trial_is_the_same),
        cmocka_unit_test(the_tutorial_has_its_own_trial),
        cmocka_unit_test(chunks_of_any_length),
        cmocka_unit_test(the_position_restores_the_stream),
        cmocka_unit_test(has_sequences_and_no_epochs),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
