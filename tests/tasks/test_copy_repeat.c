/* Copy-repeat: a sequence is laid out as the paper has it, bits are even and independent, the curriculum takes the
 * published lengths when every sequence is solved and stays when none is, chunks of any length give the same
 * stream, and the position alone restores it. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TASK "copy-repeat"
#include "task.h"

enum { CHANNELS = 9, LONGEST = 120 };

static void *open_task(const hth_setting *items, size_t count, hth_split split, size_t batch,
                       uint64_t seed) {
    hth_shape shape;
    void *state = open_stream(items, count, split, batch, seed, &shape);
    assert_true(!state || (shape.inputs == CHANNELS && shape.outputs == CHANNELS));
    return state;
}

static hth_chunk next(void *state, size_t most, hth_position_flags *flags) {
    hth_chunk chunk;
    assert_int_equal(kind()->next(state, most, &chunk, flags, NULL), HTH_OK);
    assert_true(chunk.steps >= 1 && chunk.steps <= most);
    assert_false(flags->epoch_end);
    return chunk;
}

static hth_chunk whole(void *state) {
    hth_position_flags flags;
    hth_chunk chunk = next(state, 100000, &flags);
    assert_true(flags.starts && flags.ends);
    return chunk;
}

static const hth_setting three_by_four[] = {
    {"task.pattern", "3", NULL}, {"task.repeats", "4", NULL}, {"task.curriculum", "false", NULL}};

static double sum_of(const hth_real *row) {
    double sum = 0;
    for (size_t k = 0; k < CHANNELS; k++) sum += (double)row[k];
    return sum;
}

/* Of 3 steps, 4 times: 3 + 1 + 1 of input, 12 + 1 of output. */
static void test_layout(void **unused) {
    (void)unused;
    enum { BATCH = 2, STEPS = 18 };
    void *state = open_task(three_by_four, 3, HTH_TRAIN, BATCH, 1);
    for (int n = 0; n < 5; n++) {
        hth_chunk c = whole(state);
        assert_int_equal(c.steps, STEPS);
        for (size_t b = 0; b < BATCH; b++) {
            const hth_real *x = c.x + b * CHANNELS, *y = c.targets + b * CHANNELS;
            const size_t each = BATCH * CHANNELS;
            for (size_t t = 0; t < STEPS; t++)
                assert_true(c.weights[t * BATCH + b] == (t < 5 ? 0 : 1));
            for (size_t t = 0; t < 3; t++) assert_true(x[t * each + 8] == 0);
            assert_true(x[3 * each + 8] == 1 && sum_of(x + 3 * each) == 1);
            assert_true(x[4 * each + 3] == 1 && sum_of(x + 4 * each) == 1); /* 4 times */
            for (size_t t = 5; t < STEPS; t++) assert_true(sum_of(x + t * each) == 0);
            for (size_t t = 0; t < 5; t++) assert_true(sum_of(y + t * each) == 0);
            for (size_t t = 5; t < 17; t++)
                assert_memory_equal(y + t * each, x + (t - 5) % 3 * each, 8 * sizeof *y);
            assert_true(y[17 * each + 8] == 1 && sum_of(y + 17 * each) == 1);
        }
    }
    kind()->close(state);
}

/* Fractions of ones and of agreement with a neighbour: the same step before, item, sequence, split or seed. */
static void test_bits_are_even_and_independent(void **unused) {
    (void)unused;
    enum { BATCH = 2, SEQUENCES = 400, N_P = 6, BITS = SEQUENCES * N_P * 8 };
    const hth_setting items[] = {{"task.pattern", "6", NULL}, {"task.curriculum", "false", NULL}};
    void *a = open_task(items, 2, HTH_TRAIN, BATCH, 1),
         *b = open_task(items, 2, HTH_TEST, BATCH, 1);
    void *c = open_task(items, 2, HTH_TRAIN, BATCH, 2);
    double ones = 0, step = 0, item = 0, sequence = 0, split = 0, seed = 0;
    hth_real before[N_P * BATCH * CHANNELS] = {0};
    for (int n = 0; n < SEQUENCES; n++) {
        const hth_real *x = whole(a).x, *y = whole(b).x, *z = whole(c).x;
        for (size_t t = 0; t < N_P; t++)
            for (size_t k = 0; k < 8; k++) {
                const size_t at = t * BATCH * CHANNELS + k;
                ones += (double)x[at] / BITS;
                step +=
                    (x[at] == x[(at + BATCH * CHANNELS) % (N_P * BATCH * CHANNELS)]) / (double)BITS;
                item += (x[at] == x[at + CHANNELS]) / (double)BITS;
                sequence += (x[at] == before[at]) / (double)BITS;
                split += (x[at] == y[at]) / (double)BITS;
                seed += (x[at] == z[at]) / (double)BITS;
            }
        memcpy(before, x, sizeof before);
    }
    const double all[] = {ones, step, item, sequence, split, seed};
    for (size_t i = 0; i < HTH_COUNT(all); i++)
        assert_true(fabs(all[i] - 0.5) < 5 * 0.5 / sqrt((double)BITS));
    kind()->close(a);
    kind()->close(b);
    kind()->close(c);
}

/* In chunks of 4; each sequence with the given loss per item. Returns the length. */
static size_t play_by(size_t steps, void *state, size_t batch, double loss) {
    hth_position_flags flags = {0};
    size_t length = 0;
    while (!flags.ends) {
        hth_chunk c = next(state, steps, &flags);
        assert_int_equal(flags.starts, length == 0);
        length += c.steps;
        if (flags.ends || length <= steps)
            kind()->judge(state, loss * (double)batch / 2);
        else
            kind()->judge(state, 0);
    }
    return length;
}

static size_t play(void *state, size_t batch, double loss) {
    return play_by(4, state, batch, loss);
}

/* What comes of n_p n_r + n_p + 3 with n_p and n_r growing by turns. */
static void test_curriculum(void **unused) {
    (void)unused;
    static const size_t lengths[] = {5,  7,  9,  12, 15, 19, 23, 28, 33,
                                     39, 45, 52, 59, 67, 75, 84, 93};
    void *state = open_task(NULL, 0, HTH_TRAIN, 3, 1);
    assert_true(kind()->reached(state) == 0);
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        assert_int_equal(play(state, 3, 0.16), lengths[i]); /* not solved: the same again */
        assert_int_equal(play_by(1 + i % 4, state, 3, 0.14), lengths[i]);
        assert_true(kind()->reached(state) == (double)lengths[i]);
    }
    assert_int_equal(play(state, 3, NAN), 103);
    assert_int_equal(play(state, 3, 0), 103); /* 9 repetitions: from here the pattern grows alone */
    assert_int_equal(play(state, 3, 0), 113);
    assert_int_equal(play(state, 3, 0), 113); /* 123 would be too long */
    kind()->close(state);
}

static void run_lengths(const char *grow, const size_t *lengths, size_t count) {
    const hth_setting items[] = {{"task.grow", grow, NULL}, {"task.longest", "30", NULL}};
    void *state = open_task(items, 2, HTH_TRAIN, 1, 1);
    for (size_t i = 0; i < count; i++) assert_int_equal(play(state, 1, 0.1), lengths[i]);
    kind()->close(state);
}

static void test_orders_of_growth(void **unused) {
    (void)unused;
    static const size_t repeats[] = {5, 6, 9, 11, 15, 18, 23, 27, 27};
    static const size_t pattern_only[] = {5, 7, 9, 11},
                        repeats_only[] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 13};
    run_lengths("repeats", repeats, HTH_COUNT(repeats));
    run_lengths("pattern-only", pattern_only, HTH_COUNT(pattern_only));
    run_lengths("repeats-only", repeats_only, HTH_COUNT(repeats_only));
}

static void test_fixed_lengths(void **unused) {
    (void)unused;
    uint64_t sequence, epoch;
    void *state = open_task(three_by_four, 3, HTH_TRAIN, 1, 1);
    assert_true(isnan(kind()->reached(state)));
    for (int i = 0; i < 3; i++) assert_int_equal(play(state, 1, 0), 18);
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == 18 && epoch == 0);
    kind()->close(state);
    state = open_task(NULL, 0, HTH_TRAIN, 1, 1);
    kind()->extent(state, &sequence, &epoch);
    assert_true(sequence == LONGEST && epoch == 0);
    kind()->close(state);
    assert_null(open_task(NULL, 0, HTH_VALIDATE, 1, 1)); /* no lengths of its own */
    assert_non_null(state = open_task(three_by_four, 3, HTH_VALIDATE, 1, 1));
    kind()->close(state);
}

/* The fields alone, at any step, restore stream and curriculum; and each of them matters. */
static void test_resume(void **unused) {
    (void)unused;
    enum { BATCH = 2, FIELDS = 7 };
    hth_field from[FIELDS], to[FIELDS];
    hth_position_flags flags;
    void *a = open_task(NULL, 0, HTH_TRAIN, BATCH, 3);
    for (int i = 0; i < 5; i++) play(a, BATCH, 0.1);
    next(a, 6, &flags);
    kind()->judge(a, 0.12 * BATCH);
    assert_int_equal(kind()->state(a, from, FIELDS), FIELDS);
    uint64_t saved[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) memcpy(&saved[i], from[i].data, 8);
    /* The rest of the sequence with a loss that is too high only together with what was before. */
    hth_chunk rest = next(a, 100, &flags);
    hth_real *x = malloc(rest.steps * BATCH * CHANNELS * sizeof *x);
    memcpy(x, rest.targets, rest.steps * BATCH * CHANNELS * sizeof *x);
    kind()->judge(a, 0.05 * BATCH);
    const size_t length = whole(a).steps;
    for (size_t without = 0; without <= FIELDS; without++) {
        void *b = open_task(NULL, 0, HTH_TRAIN, BATCH, 3);
        play(b, BATCH, 0.2); /* a cache of another sequence must not survive */
        kind()->state(b, to, FIELDS);
        for (size_t i = 0; i < FIELDS; i++)
            if (i != without) memcpy(to[i].data, &saved[i], 8);
        hth_chunk c = next(b, 100, &flags);
        bool same = c.steps == rest.steps &&
                    !memcmp(c.targets, x, rest.steps * BATCH * CHANNELS * sizeof *x);
        const double reached = kind()->reached(b);
        kind()->judge(b, 0.05 * BATCH);
        same = same && reached == kind()->reached(b) && reached == 15;
        same = same && whole(b).steps == length;
        kind()->judge(b, 0);
        same = same && whole(b).steps == 23 && *(uint64_t *)to[2].data == 4; /* repeats grew */
        if (same != (without == FIELDS))
            fail_msg("without %s", without < FIELDS ? from[without].name : "nothing");
        kind()->close(b);
    }
    free(x);
    kind()->close(a);
}

/* A position that no sequence of at most 30 steps has, as from a file that was damaged; each with one field wrong. */
static void test_damaged_positions(void **unused) {
    (void)unused;
    enum { STEP = 1, PATTERN = 2, REPEATS = 3, FIELDS = 7 };
    static const struct {
        size_t field;
        uint64_t value;
    } damages[] = {
        {PATTERN, 0}, {PATTERN, 14},  {PATTERN, UINT64_C(1) << 63}, {PATTERN, UINT64_MAX / 2},
        {REPEATS, 0}, {REPEATS, 10},  {REPEATS, UINT64_MAX},        {STEP, 5},
        {STEP, 30},   {STEP, 100000}, {STEP, UINT64_MAX},
    };
    const hth_setting items[] = {{"task.longest", "30", NULL}};
    hth_field fields[FIELDS];
    hth_position_flags flags;
    hth_chunk chunk;
    void *state = open_task(items, 1, HTH_TRAIN, 2, 1);
    kind()->state(state, fields, FIELDS);
    for (size_t i = 0; i < HTH_COUNT(damages); i++) {
        uint64_t *field = fields[damages[i].field].data;
        const uint64_t right = *field;
        hth_error error = {0};
        *field = damages[i].value;
        assert_int_equal(kind()->next(state, 4, &chunk, &flags, &error), HTH_INVALID);
        assert_non_null(strstr(error.message, "saved position is damaged"));
        *field = right;
        assert_int_equal(whole(state).steps, 5);
    }
    *(uint64_t *)fields[PATTERN].data = 13; /* the longest: 29 steps */
    *(uint64_t *)fields[STEP].data = 28;
    assert_int_equal(next(state, 4, &flags).steps, 1);
    assert_true(flags.ends);
    kind()->close(state);
}

static void test_refusals(void **unused) {
    (void)unused;
    static const struct {
        hth_setting items[2];
        const char *says;
    } cases[] = {
        {{{"task.pattern", "6", NULL}, {"task.longest", "14", NULL}}, "it must be at least that"},
        {{{"task.repeats", "10", NULL}, {"task.longest", "99", NULL}}, "task.repeats"},
        {{{"task.grow", "both", NULL}, {"task.longest", "99", NULL}}, "task.grow"},
        {{{"task.grow", "pattern", NULL}, {"task.longest", "100001", NULL}}, "task.longest"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) assert_refuses(cases[i].items, 2, cases[i].says);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_bits_are_even_and_independent),
        cmocka_unit_test(test_curriculum),
        cmocka_unit_test(test_orders_of_growth),
        cmocka_unit_test(test_fixed_lengths),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_damaged_positions),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
