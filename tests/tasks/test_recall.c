/* Recall: a trial is laid out as it says and asks for one of its pairs, chunks of any length give the same stream and
 * the position alone restores it, the delay grows by streaks of solved sequences, and settings without a trial are
 * refused. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TASK "recall"
#include "task.h"

enum { SYMBOLS = 8, BITS = 3, NOISE = 12, WIDTH = SYMBOLS + BITS + NOISE + 2, BATCH = 3 };

static hth_chunk next(void *state, size_t most, hth_position_flags *flags) {
    hth_chunk chunk;
    assert_int_equal(kind()->next(state, most, &chunk, flags, NULL), HTH_OK);
    assert_true(chunk.steps >= 1 && chunk.steps <= most);
    return chunk;
}

static hth_chunk whole(void *state) {
    hth_position_flags flags;
    hth_chunk chunk = next(state, 100000, &flags);
    assert_true(flags.starts && flags.ends);
    return chunk;
}

/* The symbol that is shown; SYMBOLS: none, or several. */
static size_t symbol_of(const hth_real *x) {
    size_t found = SYMBOLS, count = 0;
    for (size_t i = 0; i < SYMBOLS; i++)
        if (x[i] != 0) found = i, count++;
    return count == 1 ? found : SYMBOLS;
}

static uint32_t value_of(const hth_real *x) {
    uint32_t value = 0;
    for (size_t i = 0; i < BITS; i++) {
        assert_true(x[SYMBOLS + i] == 1 || x[SYMBOLS + i] == -1);
        value |= (uint32_t)(x[SYMBOLS + i] > 0) << i;
    }
    return value;
}

static void a_trial_asks_for_a_pair(void **unused) {
    (void)unused;
    static const hth_setting items[] = {{"task.delay", "12", NULL}, {"task.shown", "2", NULL}};
    hth_shape shape;
    void *state = open_stream(items, 2, HTH_TRAIN, BATCH, 1, &shape);
    size_t asked[4] = {0}, classes[4] = {0};
    assert_int_equal(shape.inputs, WIDTH);
    assert_int_equal(shape.outputs, 4);
    for (size_t n = 0; n < 200; n++) {
        const hth_chunk c = whole(state);
        assert_int_equal(c.steps, 4 * 2 + 12 + 2);
        for (size_t b = 0; b < BATCH; b++) {
            size_t symbols[4], which = 4;
            uint32_t values[4];
            const hth_real *x = c.x + b * WIDTH;
            const size_t each = BATCH * WIDTH;
            /* Four different symbols, each for two steps. */
            for (size_t i = 0; i < 4; i++) {
                symbols[i] = symbol_of(x + 2 * i * each);
                values[i] = value_of(x + 2 * i * each);
                assert_int_equal(symbol_of(x + (2 * i + 1) * each), symbols[i]);
                for (size_t k = 0; k < i; k++) assert_true(symbols[k] != symbols[i]);
            }
            /* Flags and weights. */
            for (size_t t = 0; t < c.steps; t++) {
                assert_true(x[t * each + WIDTH - 2] == (t < 8));
                assert_true(x[t * each + WIDTH - 1] == (t >= 20));
                assert_true(c.weights[t * BATCH + b] == (t + 1 == c.steps));
                if (t < 20) value_of(x + t * each);
            }
            /* One of them is asked for, without its value. */
            for (size_t i = 0; i < 4; i++)
                if (symbols[i] == symbol_of(x + 21 * each)) which = i;
            assert_true(which < 4);
            for (size_t i = 0; i < BITS; i++) assert_true(x[21 * each + SYMBOLS + i] == 0);
            const uint32_t v = values[which], mixed = (v ^ v >> 1) & 1;
            assert_int_equal(c.classes[21 * BATCH + b], mixed + 2 * (v >> 2 & 1));
            asked[which]++;
            classes[c.classes[21 * BATCH + b]]++;
        }
    }
    for (size_t i = 0; i < 4; i++) assert_true(asked[i] > 100 && classes[i] > 100); /* of 600 */
    kind()->close(state);
}

static void answers_may_be_bits(void **unused) {
    (void)unused;
    static const hth_setting items[] = {{"task.answer", "bits", NULL}};
    hth_shape shape, other;
    void *bits = open_stream(items, 1, HTH_TRAIN, BATCH, 1, &shape);
    void *classes = open_stream(NULL, 0, HTH_TRAIN, BATCH, 1, &other);
    assert_int_equal(shape.outputs, 2);
    const hth_chunk a = whole(bits), b = whole(classes);
    for (size_t i = 0; i < a.steps * BATCH; i++)
        assert_true(a.targets[2 * i] + 2 * a.targets[2 * i + 1] == b.classes[i]);
    kind()->close(bits);
    kind()->close(classes);
}

static void chunks_and_positions_change_nothing(void **unused) {
    (void)unused;
    static const hth_setting items[] = {{"task.delay", "7", NULL}};
    enum { STEPS = 32 };
    hth_shape shape;
    hth_position_flags flags;
    static hth_real x[STEPS * BATCH * WIDTH];
    void *at_once = open_stream(items, 1, HTH_TEST, BATCH, 5, &shape);
    whole(at_once);
    const hth_chunk all = whole(at_once);
    assert_int_equal(all.steps, STEPS);
    memcpy(x, all.x, sizeof x);
    /* The second trial, in pieces, each from another stream that was put there. */
    void *from = open_stream(items, 1, HTH_TEST, BATCH, 5, &shape);
    whole(from);
    for (size_t t = 0; t < STEPS;) {
        hth_field a[8], b[8];
        void *to = open_stream(items, 1, HTH_TEST, BATCH, 5, &shape);
        const size_t count = kind()->state(from, a, 8);
        kind()->state(to, b, 8);
        for (size_t i = 0; i < count; i++) memcpy(b[i].data, a[i].data, 8);
        kind()->close(from);
        from = to;
        const hth_chunk c = next(from, 5, &flags);
        assert_memory_equal(c.x, x + t * BATCH * WIDTH, c.steps * BATCH * WIDTH * sizeof *x);
        t += c.steps;
        assert_int_equal(flags.ends, t == STEPS);
    }
    kind()->close(from);
    kind()->close(at_once);
}

static void delays_grow_by_streaks(void **unused) {
    (void)unused;
    static const hth_setting items[] = {
        {"task.delay", "50", NULL}, {"task.from", "4", NULL}, {"task.streak", "2", NULL}};
    static const size_t delays[] = {4, 4, 4, 4, 12, 12, 36, 36, 50, 50, 50};
    static const double losses[] = {0.01, 0.5, 0.01, 0.01, 0, 0, 0, 0, 0, 0, 0};
    hth_shape shape;
    void *state = open_stream(items, 3, HTH_TRAIN, BATCH, 1, &shape);
    for (size_t i = 0; i < HTH_COUNT(delays); i++) {
        assert_int_equal(whole(state).steps, 25 + delays[i]);
        kind()->judge(state, losses[i] * BATCH);
    }
    assert_true(kind()->reached(state) == 75);
    /* A saved delay that is longer than any is damaged. */
    hth_field fields[8];
    hth_chunk chunk;
    hth_position_flags flags;
    hth_error error;
    kind()->state(state, fields, 8);
    for (size_t i = 0; i < 6; i++)
        if (!strcmp(fields[i].name, "delay")) *(uint64_t *)fields[i].data = 51;
    assert_int_equal(kind()->next(state, 9, &chunk, &flags, &error), HTH_INVALID);
    kind()->close(state);
    /* Validation has the longest at once. */
    state = open_stream(items, 3, HTH_VALIDATE, BATCH, 1, &shape);
    assert_int_equal(whole(state).steps, 75);
    assert_true(isnan(kind()->reached(state)));
    kind()->close(state);
}

static void settings_without_a_trial_are_refused(void **unused) {
    (void)unused;
    static const hth_setting pairs[] = {{"task.pairs", "9", NULL}};
    static const hth_setting from[] = {{"task.from", "51", NULL}};
    assert_refuses(pairs, 1, "task.pairs is 9");
    assert_refuses(from, 1, "task.from is 51");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_asks_for_a_pair),
        cmocka_unit_test(answers_may_be_bits),
        cmocka_unit_test(chunks_and_positions_change_nothing),
        cmocka_unit_test(delays_grow_by_streaks),
        cmocka_unit_test(settings_without_a_trial_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
