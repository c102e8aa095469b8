/* The arm: places are those of the equations, errors are their derivative, joints keep their limits, and a movement is
 * a function of seed, split, item and sequence. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TASK "arm"
#include "task.h"

enum { STEPS = 100 };
static const hth_setting short_trial[] = {{"task.steps", "100", NULL}, {"task.dt", "5", NULL}};

static hth_chunk next(void *state, size_t steps) {
    hth_chunk chunk;
    hth_position_flags flags;
    hth_error error;
    assert_int_equal(kind()->next(state, steps, &chunk, &flags, &error), HTH_OK);
    return chunk;
}

static hth_chunk next_whole(void *state) {
    const hth_chunk chunk = next(state, STEPS);
    assert_int_equal(chunk.steps, STEPS);
    return chunk;
}

static void *open_arm(hth_split split, size_t batch, uint64_t seed) {
    hth_shape shape;
    void *state = open_stream(short_trial, 2, split, batch, seed, &shape);
    assert_int_equal(shape.inputs, 20);
    assert_int_equal(shape.outputs, 2);
    return state;
}

/* Places and limits, from the equations. */
static void test_the_tip_follows_the_joints(void **state) {
    (void)state;
    enum { BATCH = 2 };
    void *arm = open_arm(HTH_TRAIN, BATCH, 1);
    hth_real places[STEPS * BATCH * 2];
    double worst = 0, furthest = 0;
    for (int sequence = 0; sequence < 20; sequence++) {
        const hth_chunk chunk = next_whole(arm);
        kind()->body->move(arm, STEPS, BATCH, chunk.targets, places);
        for (size_t b = 0; b < BATCH; b++) {
            double phi[2] = {0, acos(-1.0) / 2};
            for (size_t t = 0; t < STEPS; t++) {
                const size_t at = (t * BATCH + b) * 2;
                for (size_t i = 0; i < 2; i++) phi[i] += 0.005 * (double)chunk.targets[at + i];
                const double x = 0.5 * (cos(phi[0]) + cos(phi[0] + phi[1]));
                const double y = 0.5 * (sin(phi[0]) + sin(phi[0] + phi[1]));
                worst = fmax(worst, fabs(x - (double)places[at]));
                worst = fmax(worst, fabs(y - (double)places[at + 1]));
                furthest = fmax(furthest, fmax(fabs(phi[0]), fabs(phi[1] - acos(-1.0) / 2)));
            }
        }
    }
    assert_true(worst < (sizeof(hth_real) == sizeof(double) ? 1e-12 : 1e-5));
    assert_true(furthest < acos(-1.0) / 2 + 1e-4 && furthest > acos(-1.0) / 2 - 0.01);
    kind()->close(arm);
}

/* Errors are the derivative of the places, by differences. */
static void test_errors_come_from_all_later_places(void **state) {
    (void)state;
    if (sizeof(hth_real) != sizeof(double)) return;
    enum { BATCH = 2, ALL = STEPS * BATCH * 2 };
    void *arm = open_arm(HTH_TRAIN, BATCH, 2);
    hth_real y[ALL], pull[ALL], errors[ALL], moved[ALL];
    const hth_chunk chunk = next_whole(arm);
    memcpy(y, chunk.targets, sizeof y);
    for (size_t i = 0; i < ALL; i++) pull[i] = (hth_real)sin(1.7 * (double)i), errors[i] = 1;
    kind()->body->yield(arm, STEPS, BATCH, y, pull, errors);
    for (size_t i = 0; i < ALL; i += 7) {
        double value[2];
        const hth_real keep = y[i];
        for (int side = 0; side < 2; side++) {
            y[i] = keep + (hth_real)(side ? 1e-4 : -1e-4);
            value[side] = 0;
            kind()->body->move(arm, STEPS, BATCH, y, moved);
            for (size_t k = 0; k < ALL; k++) value[side] += (double)(pull[k] * moved[k]);
        }
        y[i] = keep;
        const double difference = (value[1] - value[0]) / 2e-4;
        assert_true(fabs((double)errors[i] - 1 - difference) < 1e-7); /* they are added */
    }
    kind()->close(arm);
}

/* The published levels: rms of the speeds and what an arm that does not move misses. */
static void test_movements_are_as_large_as_the_authors(void **state) {
    (void)state;
    enum { BATCH = 50, SEQUENCES = 8 };
    static const struct {
        const char *omega;
        double speed, rest;
    } readings[] = {{"inverse", 12.6, 0.208}, {"printed", 6.1, 0.265}};
    for (size_t r = 0; r < 2; r++) {
        const hth_setting items[] = {
            short_trial[0], short_trial[1], {"task.omega", readings[r].omega, NULL}};
        hth_shape shape;
        void *arm = open_stream(items, 3, HTH_TRAIN, BATCH, 1, &shape);
        hth_real *places = calloc((size_t)STEPS * BATCH * 2, sizeof *places);
        double squares = 0, rest = 0;
        for (int s = 0; s < SEQUENCES; s++) {
            const hth_chunk chunk = next_whole(arm);
            kind()->body->move(arm, STEPS, BATCH, chunk.targets, places);
            for (size_t i = 0; i < STEPS * BATCH * 2; i++) {
                squares += (double)(chunk.targets[i] * chunk.targets[i]);
                rest += ((double)places[i] - 0.5) * ((double)places[i] - 0.5);
            }
        }
        const double count = STEPS * BATCH * 2 * SEQUENCES;
        const double speed = sqrt(squares / count), off = rest / count;
        if (fabs(speed / readings[r].speed - 1) > 0.1 || fabs(off / readings[r].rest - 1) > 0.1)
            fail_msg("%s: rms speed %.3g, at rest %.3g", readings[r].omega, speed, off);
        free(places);
        kind()->close(arm);
    }
}

/* Chunks of any length give the same stream, and the position alone restores it; other splits have other movements. */
static void test_the_position_is_all(void **state) {
    (void)state;
    void *whole = open_arm(HTH_TRAIN, 3, 5), *parts = open_arm(HTH_TRAIN, 3, 5);
    void *other = open_arm(HTH_VALIDATE, 3, 5);
    hth_field field;
    next_whole(whole);
    assert_memory_not_equal(next_whole(other).targets, next_whole(whole).targets, 64);
    const hth_chunk second = next_whole(whole);
    hth_real copy[STEPS * 3 * 2];
    memcpy(copy, second.targets, sizeof copy);
    assert_int_equal(kind()->state(parts, &field, 1), 1);
    *(uint64_t *)field.data = 2 * STEPS;
    for (size_t at = 0; at < STEPS;) {
        const hth_chunk part = next(parts, 33);
        assert_memory_equal(part.targets, copy + at * 6, part.steps * 6 * sizeof *copy);
        at += part.steps;
    }
    kind()->close(whole);
    kind()->close(parts);
    kind()->close(other);
}

/* A group of the clock fires in its fifth of the trial, every 10 ms. */
static void test_the_input_is_a_clock(void **state) {
    (void)state;
    hth_shape shape;
    void *arm = open_stream(NULL, 0, HTH_TRAIN, 1, 1, &shape);
    const hth_chunk chunk = next(arm, 500);
    for (size_t t = 0; t < 500; t++)
        for (size_t i = 0; i < 20; i++)
            assert_true(chunk.x[t * 20 + i] == (i / 4 == t / 100 && t % 10 == 0));
    kind()->close(arm);
    const hth_setting groups[] = {{"task.groups", "3", NULL}};
    assert_refuses(groups, 1, "multiple of task.groups");
    const hth_setting rate[] = {{"task.rate", "2000", NULL}};
    assert_refuses(rate, 1, "task.rate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_tip_follows_the_joints),
        cmocka_unit_test(test_errors_come_from_all_later_places),
        cmocka_unit_test(test_movements_are_as_large_as_the_authors),
        cmocka_unit_test(test_the_position_is_all),
        cmocka_unit_test(test_the_input_is_a_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
