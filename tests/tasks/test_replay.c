/*
 * The memory of replay: each of all that have come is in a reservoir with the same probability; a ring has the last;
 * sequences that come in pieces, or with other lengths, are what they were.
 */
#include "tasks/replay/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Sequences of one item with two inputs and a class; the inputs say which sequence and which step it is. */
enum { INPUTS = 2, CLASSES = 5, MOST = 8 };

typedef struct stretch {
    hth_real x[MOST][INPUTS], weights[MOST];
    int32_t classes[MOST];
} stretch;

static const hth_shape shape = {.inputs = INPUTS, .outputs = CLASSES, .target = HTH_TARGET_CLASSES};

static hth_replay_memory *open_memory(const char *name, const char *size, const char *batch,
                                      uint64_t seed, size_t steps) {
    const hth_setting items[] = {
        {"replay.name", name, NULL}, {"replay.size", size, NULL}, {"replay.batch", batch, NULL}};
    const hth_settings settings = {items, 3};
    hth_replay_memory *m;
    hth_error error;
    if (hth_replay_memory_open(&settings, seed, &shape, 1, &m, &error) != HTH_OK)
        fail_msg("%s", error.message);
    assert_non_null(m);
    assert_int_equal(hth_replay_memory_reserve(m, steps, &error), HTH_OK);
    return m;
}

/* Steps from..to-1 of sequence `number`, of class number % CLASSES. */
static void give(hth_replay_memory *m, size_t number, size_t from, size_t to, bool ends) {
    stretch p;
    for (size_t t = from; t < to; t++) {
        p.x[t - from][0] = (hth_real)number;
        p.x[t - from][1] = (hth_real)t;
        p.weights[t - from] = 1;
        p.classes[t - from] = (int32_t)(number % CLASSES);
    }
    const hth_chunk chunk = {
        .steps = to - from, .batch = 1, .x = p.x[0], .classes = p.classes, .weights = p.weights};
    const hth_position_flags flags = {.starts = from == 0, .ends = ends};
    assert_int_equal(hth_replay_memory_completes(m, &chunk, &flags), ends || to == m->steps);
    hth_replay_memory_take(m, &chunk, &flags);
}

/* Which sequences are held: the number of each slot. */
static void held(const hth_replay_memory *m, size_t *numbers) {
    const hth_real *x = m->columns[0].kept;
    for (size_t i = 0; i < m->slots.held; i++) numbers[i] = (size_t)x[i * m->steps * INPUTS];
}

/* How often each of N arrivals is among the M that are held, over many seeds: the largest distance from M/N in standard
 * deviations. */
static double unevenness(const char *name) {
    enum { N = 20, M = 5, SEEDS = 600 };
    size_t counts[N] = {0}, numbers[M];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        hth_replay_memory *m = open_memory(name, "5", "1", seed, 1);
        for (size_t i = 0; i < N; i++) give(m, i, 0, 1, true);
        assert_int_equal(m->slots.held, M);
        assert_int_equal(m->slots.arrivals, N);
        held(m, numbers);
        for (size_t i = 0; i < M; i++) counts[numbers[i]]++;
        hth_replay_memory_close(m);
    }
    const double p = (double)M / N, spread = sqrt(SEEDS * p * (1 - p));
    double most = 0;
    for (size_t i = 0; i < N; i++) most = fmax(most, fabs((double)counts[i] - SEEDS * p) / spread);
    return most;
}

static void test_reservoir_is_even(void **state) {
    (void)state;
    const double reservoir = unevenness("reservoir"), ring = unevenness("ring");
    if (!(reservoir < 3.5)) fail_msg("%.2f standard deviations", reservoir);
    assert_true(ring > 10);
}

static void test_ring_has_the_last(void **state) {
    (void)state;
    size_t numbers[4];
    static const size_t expected[] = {8, 9, 10, 7};
    hth_replay_memory *m = open_memory("ring", "4", "1", 3, 1);
    for (size_t i = 0; i < 11; i++) give(m, i, 0, 1, true);
    held(m, numbers);
    assert_memory_equal(numbers, expected, sizeof expected);
    hth_replay_memory_close(m);
}

/* Each of the sequences that are held is drawn about as often, and a draw is what came. */
static void test_draws_are_what_came(void **state) {
    (void)state;
    enum { DRAWS = 600, BATCH = 3 };
    static const size_t lengths[] = {4, 2, 5};
    size_t counts[3] = {0};
    hth_replay_memory *m = open_memory("reservoir", "3", "3", 1, 5);
    /* In pieces of up to two steps. */
    for (size_t i = 0; i < 3; i++)
        for (size_t t = 0; t < lengths[i]; t += 2) {
            const size_t to = t + 2 < lengths[i] ? t + 2 : lengths[i];
            give(m, i, t, to, to == lengths[i]);
        }
    for (size_t k = 0; k < DRAWS; k++) {
        hth_chunk all;
        assert_true(hth_replay_memory_draw(m, &all));
        for (size_t b = 0; b < BATCH; b++) {
            const size_t number = (size_t)all.x[b * INPUTS];
            counts[number]++;
            for (size_t t = 0; t < all.steps; t++) {
                const size_t at = t * BATCH + b;
                const bool is_real = t < lengths[number];
                assert_true(all.weights[at] == (is_real ? 1 : 0));
                assert_true(all.x[at * INPUTS + 1] == (is_real ? (hth_real)t : 0));
                assert_int_equal(all.classes[at], is_real ? (int32_t)number : 0);
            }
            /* Of a piece, the steps that are still to come. */
            const hth_chunk piece = hth_replay_memory_piece(m, &all, 1, 2);
            const size_t left = lengths[number] - 1;
            if (piece.lengths) assert_int_equal(piece.lengths[b], left < 2 ? left : piece.steps);
        }
    }
    const double mean = DRAWS * BATCH / 3.0, spread = sqrt(mean * 2 / 3);
    for (size_t i = 0; i < 3; i++) assert_true(fabs((double)counts[i] - mean) < 3.5 * spread);
    hth_replay_memory_close(m);
}

/* Steps without an end become stretches; a sequence of which nothing counts is forgotten, and so is one that did not
 * end when the next begins. */
static void test_stretches(void **state) {
    (void)state;
    size_t numbers[4];
    hth_replay_memory *m = open_memory("ring", "4", "1", 1, 3);
    give(m, 6, 0, 2, false);
    assert_int_equal(m->slots.held, 0);
    give(m, 6, 2, 3, false);
    assert_int_equal(m->slots.held, 1);
    give(m, 7, 0, 2, false);
    give(m, 8, 0, 3, true);
    assert_int_equal(m->slots.held, 2);
    held(m, numbers);
    assert_int_equal(numbers[0], 6);
    assert_int_equal(numbers[1], 8);
    const hth_real none = 0, x[INPUTS] = {9, 9};
    const int32_t class = 0;
    const hth_chunk idle = {.steps = 1, .batch = 1, .x = x, .classes = &class, .weights = &none};
    hth_replay_memory_take(m, &idle, &(hth_position_flags){.starts = true, .ends = true});
    assert_int_equal(m->slots.arrivals, 2);
    hth_replay_memory_close(m);
}

/* ---- Classes ------------------------------------------------------------------------------ */

/* Of a stream in which each class comes half as often as the one before: members of the largest class beside those of
 * the smallest, and how evenly those of the largest class are a sample of what came of it. */
static void give_classes(const char *name, uint64_t seed, size_t counts[CLASSES],
                         size_t held_of[64]) {
    enum { ROUNDS = 64 };
    size_t numbers[20];
    hth_replay_memory *m = open_memory(name, "20", "1", seed, 1);
    for (size_t k = 0; k < ROUNDS; k++)
        for (size_t c = 0; c < CLASSES; c++)
            if (k % ((size_t)1 << c) == 0) give(m, k * CLASSES + c, 0, 1, true);
    held(m, numbers);
    for (size_t i = 0; i < 20; i++) {
        counts[numbers[i] % CLASSES]++;
        if (numbers[i] % CLASSES == 0) held_of[numbers[i] / CLASSES]++;
    }
    hth_replay_memory_close(m);
}

static void test_classes_are_balanced(void **state) {
    (void)state;
    enum { SEEDS = 400 };
    size_t counts[CLASSES] = {0}, control[CLASSES] = {0}, held_of[64] = {0}, unused[64] = {0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        give_classes("class", seed, counts, held_of);
        give_classes("reservoir", seed, control, unused);
    }
    /* 4 of each, although 64 came of the first and 4 of the last. */
    for (size_t c = 0; c < CLASSES; c++) assert_int_equal(counts[c], SEEDS * 4);
    assert_true(control[0] > 4 * control[4]);
    /* Each of the 64 with probability 1/16. */
    const double mean = SEEDS / 16.0, spread = sqrt(mean * 15 / 16);
    for (size_t k = 0; k < 64; k++)
        if (!(fabs((double)held_of[k] - mean) < 4 * spread))
            fail_msg("number %zu: %zu of %g", k, held_of[k], mean);
}

/* ---- Priorities --------------------------------------------------------------------------- */

/* Draws follow loss^a, and factors are (N P)^-b beside the largest, to rounding. */
static void test_priorities(void **state) {
    (void)state;
    enum { N = 4, BATCH = 2000 };
    static const double loss[N] = {0.5, 2, 1, 0.1};
    const double a = 0.6, b = 0.4;
    double p[N], sum = 0, losses[BATCH], least = 1;
    size_t counts[N] = {0};
    hth_chunk all;
    hth_replay_memory *m = open_memory("prioritised", "4", "2000", 5, 1);
    for (size_t i = 0; i < N; i++) give(m, i, 0, 1, true);
    /* Nothing is known yet: all alike. */
    assert_true(hth_replay_memory_draw(m, &all));
    for (size_t k = 0; k < BATCH; k++) {
        assert_true(m->factors[k] == 1);
        losses[k] = loss[m->picked[k]];
    }
    hth_replay_memory_tell(m, losses);
    for (size_t i = 0; i < N; i++) sum += p[i] = pow(loss[i] + 1e-6, a);
    for (size_t i = 0; i < N; i++) least = fmin(least, p[i] /= sum);
    assert_true(hth_replay_memory_draw(m, &all));
    for (size_t k = 0; k < BATCH; k++) {
        const size_t i = (size_t)m->picked[k];
        const double w = pow(N * p[i], -b) / pow(N * least, -b);
        counts[i]++;
        assert_true(fabs(m->slots.shares[i] - p[i] * sum) < 1e-12);
        assert_true(fabs(m->factors[k] - w) < 1e-12);
        assert_true(all.weights[k] == (hth_real)m->factors[k]);
    }
    for (size_t i = 0; i < N; i++)
        assert_true(fabs((double)counts[i] - BATCH * p[i]) < 4 * sqrt(BATCH * p[i] * (1 - p[i])));
    /* Control: they are not drawn alike. */
    assert_true((double)counts[1] > 3 * (double)counts[3]);
    /* One that comes is as likely as the most likely. */
    hth_replay_memory_close(m);
    m = open_memory("prioritised", "9", "2000", 5, 1);
    for (size_t i = 0; i < N; i++) give(m, i, 0, 1, true);
    assert_true(hth_replay_memory_draw(m, &all));
    for (size_t k = 0; k < BATCH; k++) losses[k] = loss[m->picked[k]];
    hth_replay_memory_tell(m, losses);
    give(m, N, 0, 1, true);
    assert_true(m->slots.losses[N] == 2);
    hth_replay_memory_close(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reservoir_is_even),    cmocka_unit_test(test_ring_has_the_last),
        cmocka_unit_test(test_draws_are_what_came),  cmocka_unit_test(test_stretches),
        cmocka_unit_test(test_classes_are_balanced), cmocka_unit_test(test_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
