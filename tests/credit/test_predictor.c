/*
 * The small network that predicts: it descends its own loss (central differences), and rows are alone.
 */
#include "credit/future/predictor.h"
#include "laws.h"

static const law_case any = {"cell.name=rate network.units=2", 1, 0, 1, 1, 1, false, false};

static double prediction_loss(law_rig *rig, const hth_predictor *p, const hth_real *x,
                              const hth_real *target, double decay) {
    double loss = 0;
    hth_real *y = calloc(p->rows * p->out, sizeof *y);
    hth_predictor_run(rig->compute, p, p->weights, x, y);
    for (size_t i = 0; i < p->rows * p->out; i++)
        loss += 0.5 * pow((double)y[i] - (double)target[i], 2) / (double)p->rows;
    for (size_t i = 0; i < hth_predictor_count(p); i++)
        loss += 0.5 * decay * pow((double)p->weights[i], 2);
    free(y);
    return loss;
}

static void assert_descends(law_rig *rig, size_t hidden, size_t rows, double decay) {
    hth_predictor p = {.in = 7, .hidden = hidden, .out = 5, .rows = rows};
    hth_arena arena = {0};
    const double by = 1e-6;
    hth_predictor counted = p;
    hth_predictor_lay_out(&arena, &counted);
    char *memory = calloc(1, arena.used + 64);
    arena = (hth_arena){.base = memory + (64 - (uintptr_t)memory % 64)};
    hth_predictor_lay_out(&arena, &p);
    hth_predictor_draw(&p, 0.2, 3, 1);
    const hth_random r = {9, HTH_RANDOM_CHECK, 3};
    const size_t count = hth_predictor_count(&p);
    hth_real x[3 * 7], target[3 * 5], *before = malloc(count * sizeof *before);
    double *slope = malloc(count * sizeof *slope), largest = 0, difference = 0;
    for (size_t i = 0; i < 21; i++) x[i] = i % 7 == 6 ? 1 : (hth_real)hth_random_normal(&r, i);
    for (size_t i = 0; i < 15; i++) target[i] = (hth_real)hth_random_normal(&r, 100 + i);
    memcpy(before, p.weights, count * sizeof *before);
    for (size_t i = 0; i < count; i++) {
        p.weights[i] = before[i] + (hth_real)by;
        slope[i] = prediction_loss(rig, &p, x, target, decay);
        p.weights[i] = before[i] - (hth_real)by;
        slope[i] = (slope[i] - prediction_loss(rig, &p, x, target, decay)) / (2 * by);
        p.weights[i] = before[i];
    }
    hth_predictor_fit(rig->compute, &p, x, NULL, target, HTH_C(0.01), (hth_real)decay);
    for (size_t i = 0; i < count; i++) {
        difference = fmax(difference, fabs((double)(before[i] - p.weights[i]) / 0.01 - slope[i]));
        largest = fmax(largest, fabs(slope[i]));
    }
    assert_true(largest > 0.1);
    if (!(difference < 1e-7 * largest))
        fail_msg("hidden %zu, rows %zu: %g", hidden, rows, difference);
    free(before);
    free(slope);
    free(memory);
}

static void test_predictor_descends_its_loss(void **state) {
    (void)state;
    law_rig rig;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    law_setup(&rig, &any);
    for (size_t hidden = 0; hidden <= 9; hidden += 9)
        for (size_t rows = 1; rows <= 3; rows += 2)
            for (int decay = 0; decay < 2; decay++)
                assert_descends(&rig, hidden, rows, 0.3 * decay);
    law_teardown(&rig);
}

/* Two steps of Adam are those of its equations on the gradient that plain descent takes. */
static void test_adam(void **state) {
    (void)state;
    enum { IN = 7, HIDDEN = 9, OUT = 5, ROWS = 3 };
    law_rig rig;
    law_setup(&rig, &any);
    hth_predictor counted = {.in = IN, .hidden = HIDDEN, .out = OUT, .rows = ROWS}, p[2];
    char *memory[2];
    counted.method = hth_method_named("adam");
    for (int i = 0; i < 2; i++) {
        hth_arena arena = {0};
        p[i] = counted;
        hth_predictor_lay_out(&arena, &p[i]);
        memory[i] = calloc(1, arena.used + 64);
        arena = (hth_arena){.base = memory[i] + (64 - (uintptr_t)memory[i] % 64)};
        hth_predictor_lay_out(&arena, &p[i]);
        hth_predictor_draw(&p[i], 0.2, 3, 1);
    }
    const hth_random r = {9, HTH_RANDOM_CHECK, 3};
    const size_t count = hth_predictor_count(&counted);
    hth_real x[ROWS * IN], target[ROWS * OUT], *before = malloc(count * sizeof *before);
    double *m = calloc(count, sizeof *m), *v = calloc(count, sizeof *v);
    for (size_t i = 0; i < ROWS * IN; i++) x[i] = (hth_real)hth_random_normal(&r, i);
    for (size_t i = 0; i < ROWS * OUT; i++) target[i] = (hth_real)hth_random_normal(&r, 100 + i);
    p[1].method = NULL;
    for (int step = 1; step <= 2; step++) {
        memcpy(before, p[0].weights, count * sizeof *before);
        memcpy(p[1].weights, before, count * sizeof *before);
        hth_predictor_fit(rig.compute, &p[1], x, NULL, target, 1, 0); /* less the gradient */
        hth_predictor_fit(rig.compute, &p[0], x, NULL, target, HTH_C(0.01), 0);
        double moved = 0;
        for (size_t i = 0; i < count; i++) {
            const double g = (double)before[i] - (double)p[1].weights[i];
            m[i] = 0.9 * m[i] + 0.1 * g;
            v[i] = 0.999 * v[i] + 0.001 * g * g;
            const double by =
                0.01 * m[i] / (1 - pow(0.9, step)) / (sqrt(v[i] / (1 - pow(0.999, step))) + 1e-8);
            const double is = (double)before[i] - (double)p[0].weights[i];
            if (fabs(g) > 1e-4) assert_true(fabs(is - by) < tolerance(1e-10, 2e-5));
            moved = fmax(moved, fabs(is));
        }
        assert_true(moved > 0.005 && p[0].fits == (uint64_t)step);
    }
    for (int i = 0; i < 2; i++) free(memory[i]);
    free(before);
    free(m);
    free(v);
    law_teardown(&rig);
}

/* What one row gives is what it gives among others, with and without hidden units. */
static void test_rows_are_alone(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &any);
    for (size_t hidden = 0; hidden <= 9; hidden += 9) {
        hth_real memory[768] = {0}, x[3 * 7], all[3 * 5], one[5];
        const hth_random r = {9, HTH_RANDOM_CHECK, 4};
        hth_predictor p = {.in = 7, .hidden = hidden, .out = 5, .rows = 3};
        p.weights = memory;
        p.h = memory + 512;
        p.back = memory + 576;
        assert_true(hth_predictor_count(&p) <= 512);
        hth_predictor_draw(&p, 0.2, 3, 1);
        for (size_t i = 0; i < 21; i++) x[i] = (hth_real)hth_random_normal(&r, i);
        hth_predictor_run(rig.compute, &p, p.weights, x, all);
        p.rows = 1;
        for (size_t b = 0; b < 3; b++) {
            hth_predictor_run(rig.compute, &p, p.weights, x + b * 7, one);
            for (size_t j = 0; j < 5; j++) {
                const double y = (double)all[b * 5 + j];
                assert_true(fabs((double)one[j] - y) < tolerance(1e-13, 1e-5));
                assert_true(fabs(y - (double)all[(b + 1) % 3 * 5 + j]) > 1e-6);
            }
        }
    }
    law_teardown(&rig);
}

/* A label of one class among many: what is 0 is left out, and changes nothing. */
static void test_zeros_are_left_out(void **state) {
    (void)state;
    enum { IN = 400, OUT = 3 };
    law_rig rig;
    law_setup(&rig, &any);
    const size_t stride = hth_predictor_stride(OUT);
    hth_predictor p = {.in = IN, .out = OUT, .rows = 1};
    hth_real error[OUT], x[IN] = {0}, y[OUT], goal[OUT] = {1, 2, 3};
    hth_real *weights = calloc(2 * hth_predictor_count(&p), sizeof *weights);
    hth_real *before = weights + hth_predictor_count(&p);
    p.weights = weights;
    p.error = error;
    hth_predictor_draw(&p, 0.5, 3, 1);
    memcpy(before, weights, hth_predictor_count(&p) * sizeof *weights);
    x[7] = HTH_C(0.5);
    x[301] = 2;
    x[IN - 1] = 1;
    hth_predictor_run(rig.compute, &p, weights, x, y);
    for (size_t j = 0; j < OUT; j++) {
        const double plain = 0.5 * (double)weights[7 * stride + j] +
                             2 * (double)weights[301 * stride + j] +
                             (double)weights[(IN - 1) * stride + j];
        assert_true(fabs((double)y[j] - plain) < tolerance(1e-13, 1e-5));
        assert_true(fabs(plain) > 1e-3);
    }
    hth_predictor_fit(rig.compute, &p, x, y, goal, HTH_C(0.1), 0);
    for (size_t i = 0; i < IN; i++)
        for (size_t j = 0; j < OUT; j++) {
            const double moved = (double)weights[i * stride + j] - (double)before[i * stride + j];
            const double plain = 0.1 * (double)(goal[j] - y[j]) * (double)x[i];
            assert_true(fabs(moved - plain) < tolerance(1e-13, 1e-5));
            assert_true((moved != 0) == (x[i] != 0));
        }
    free(weights);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predictor_descends_its_loss),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_rows_are_alone),
        cmocka_unit_test(test_zeros_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
