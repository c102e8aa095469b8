/* Optimisers against their formulas written out in double, clipping, groups, schedules, and the rows of an
 * embedding that were not touched. */
#include "laws.h"

#include "optim/descent.h"
#include "optim/gradient.h"
#include "optim/method.h"

typedef struct bench {
    law_rig rig;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} bench;

static void setup(bench *b, const law_case *what) {
    hth_error error;
    law_setup(&b->rig, what);
    must(hth_gradient_create(b->rig.network, NULL, &b->gradient, &error), &error);
    must(hth_optimiser_create(&b->rig.settings, b->rig.network, b->rig.compute, NULL, &b->optimiser,
                              &error),
         &error);
}

static void teardown(bench *b) {
    hth_optimiser_destroy(b->optimiser);
    hth_gradient_destroy(b->gradient);
    law_teardown(&b->rig);
}

static void fill(bench *b, unsigned step) {
    hth_random r = {9, HTH_RANDOM_CHECK, step};
    for (size_t i = 0; i < b->rig.count; i++)
        hth_gradient_edit(b->gradient)[i] = (hth_real)hth_random_normal(&r, i);
}

/* Runs five updates beside `formula`, which advances theta[i] by g with the memory m[2]. */
typedef double (*formula)(double theta, double g, double *m, int k);

static void assert_follows(const char *settings, formula expected) {
    const law_case what = {settings, 2, 0, 2, 1, 1, false, false};
    bench b;
    hth_error error;
    setup(&b, &what);
    const size_t n = b.rig.count;
    double *theta = calloc(n, sizeof *theta), *memory = calloc(2 * n, sizeof *memory), moved = 0;
    hth_real *ours = hth_network_parameters(b.rig.network);
    for (size_t i = 0; i < n; i++) theta[i] = (double)ours[i];
    for (int k = 1; k <= 5; k++) {
        fill(&b, (unsigned)k);
        for (size_t i = 0; i < n; i++) {
            double before = theta[i];
            theta[i] =
                expected(theta[i], (double)hth_gradient_values(b.gradient)[i], memory + 2 * i, k);
            moved = fmax(moved, fabs(theta[i] - before));
        }
        must(hth_optimiser_step(b.optimiser, b.rig.network, b.gradient, 1, &error), &error);
    }
    assert_true(moved > 1e-3);
    for (size_t i = 0; i < n; i++)
        if (!(fabs(theta[i] - (double)ours[i]) < tolerance(1e-13, 2e-6)))
            fail_msg("%s: parameter %zu is %.9g, not %.9g", settings, i, (double)ours[i], theta[i]);
    free(theta);
    free(memory);
    teardown(&b);
}

static double sgd(double theta, double g, double *m, int k) {
    (void)m, (void)k;
    return theta - 0.1 * (g + 0.01 * theta);
}

static double momentum(double theta, double g, double *m, int k) {
    (void)k;
    m[0] = 0.8 * m[0] + g;
    return theta - 0.1 * m[0];
}

static double nesterov(double theta, double g, double *m, int k) {
    (void)k;
    m[0] = 0.8 * m[0] + g;
    return theta - 0.1 * (g + 0.8 * m[0]);
}

static double adam(double theta, double g, double *m, int k) {
    m[0] = 0.9 * m[0] + 0.1 * g;
    m[1] = 0.99 * m[1] + 0.01 * g * g;
    return theta - 0.1 * (m[0] / (1 - pow(0.9, k))) / (sqrt(m[1] / (1 - pow(0.99, k))) + 0.01);
}

static double adam_hat(double theta, double g, double *m, int k) {
    m[0] = 0.9 * m[0] + 0.1 * g;
    m[1] = 0.99 * m[1] + 0.01 * g * g;
    return theta - 0.1 * sqrt(1 - pow(0.99, k)) / (1 - pow(0.9, k)) * m[0] / (sqrt(m[1]) + 0.01);
}

static double stepped(double theta, double g, double *m, int k) {
    (void)m;
    return theta - 0.1 * (k <= 2 ? 1 : k <= 4 ? 0.5 : 0.25) * g;
}

static double exponential(double theta, double g, double *m, int k) {
    (void)m;
    return theta - 0.1 * pow(0.5, (k - 1) / 2.0) * g;
}

static void test_formulas(void **state) {
    (void)state;
    assert_follows("optimiser.name=sgd optimiser.lr=0.1 optimiser.weight_decay=0.01", sgd);
    assert_follows("optimiser.name=momentum optimiser.lr=0.1 optimiser.momentum=0.8", momentum);
    assert_follows(
        "optimiser.name=momentum optimiser.lr=0.1 optimiser.momentum=0.8 optimiser.nesterov=true",
        nesterov);
    assert_follows(
        "optimiser.name=adam optimiser.lr=0.1 optimiser.beta2=0.99 optimiser.epsilon=0.01", adam);
    assert_follows("optimiser.name=adam optimiser.lr=0.1 optimiser.beta2=0.99 "
                   "optimiser.epsilon=0.01 optimiser.epsilon_hat=true",
                   adam_hat);
    assert_follows("optimiser.name=sgd optimiser.lr=0.1 optimiser.schedule=step optimiser.every=2 "
                   "optimiser.factor=0.5",
                   stepped);
    assert_follows("optimiser.name=sgd optimiser.lr=0.1 optimiser.schedule=exponential "
                   "optimiser.every=2 optimiser.factor=0.5",
                   exponential);
}

/* The penalty on the weights goes into the gradient before any moment does. */
static double decayed_momentum(double theta, double g, double *m, int k) {
    return momentum(theta, g + 0.3 * theta, m, k);
}

static double decayed_nesterov(double theta, double g, double *m, int k) {
    return nesterov(theta, g + 0.3 * theta, m, k);
}

static double decayed_adam(double theta, double g, double *m, int k) {
    return adam(theta, g + 0.3 * theta, m, k);
}

static void test_decay_in_every_method(void **state) {
    (void)state;
    assert_follows("optimiser.name=momentum optimiser.lr=0.1 optimiser.momentum=0.8 "
                   "optimiser.weight_decay=0.3",
                   decayed_momentum);
    assert_follows("optimiser.name=momentum optimiser.lr=0.1 optimiser.momentum=0.8 "
                   "optimiser.nesterov=true optimiser.weight_decay=0.3",
                   decayed_nesterov);
    assert_follows("optimiser.name=adam optimiser.lr=0.1 optimiser.beta2=0.99 "
                   "optimiser.epsilon=0.01 optimiser.weight_decay=0.3",
                   decayed_adam);
}

/* Each number of the gradient by itself, before the decay. */
static double cut(double g) {
    return fmax(-0.3, fmin(0.3, g));
}

static double clipped_sgd(double theta, double g, double *m, int k) {
    return sgd(theta, cut(g), m, k);
}

static double clipped_adam(double theta, double g, double *m, int k) {
    return adam(theta, cut(g), m, k);
}

static void test_clipping_of_elements(void **state) {
    (void)state;
    assert_follows("optimiser.name=sgd optimiser.lr=0.1 optimiser.weight_decay=0.01 "
                   "optimiser.clip_element=0.3",
                   clipped_sgd);
    assert_follows("optimiser.name=adam optimiser.lr=0.1 optimiser.beta2=0.99 "
                   "optimiser.epsilon=0.01 optimiser.clip_element=0.3 network.units=120",
                   clipped_adam);
    /* An update on the way must not be made by a pass that does not clip. */
    for (int clips = 0; clips < 2; clips++) {
        const law_case what = {clips ? "optimiser.name=sgd optimiser.clip_element=0.3"
                                     : "optimiser.name=sgd",
                               2,
                               0,
                               2,
                               1,
                               1,
                               false,
                               false};
        bench b;
        hth_descent descent;
        hth_linear by;
        setup(&b, &what);
        hth_gradient_clear(b.gradient);
        assert_true(hth_descent_begin(b.optimiser, b.rig.network, b.gradient, 1, &descent));
        assert_int_equal(hth_descent_is_linear(&descent, &by), !clips);
        teardown(&b);
    }
}

static void test_two_ways_of_clipping_are_refused(void **state) {
    (void)state;
    const law_case what = {"network.units=4", 2, 0, 2, 1, 1, false, false};
    const hth_setting items[] = {{"optimiser.clip_norm", "1", NULL},
                                 {"optimiser.clip_element", "2", NULL}};
    const hth_settings settings = {items, 2};
    law_rig rig;
    hth_optimiser *optimiser;
    hth_error error;
    law_setup(&rig, &what);
    assert_int_equal(
        hth_optimiser_create(&settings, rig.network, rig.compute, NULL, &optimiser, &error),
        HTH_INVALID);
    assert_non_null(strstr(error.message, "optimiser.clip_element 2"));
    law_teardown(&rig);
}

static double distance(const bench *b, const hth_real *before, const hth_block *block) {
    double sum = 0;
    const hth_real *now = b->rig.network->theta;
    for (size_t i = 0; i < b->rig.count; i++) {
        bool in =
            !block || (i >= block->offset && i < block->offset + block->rows * block->columns);
        if (in) sum += ((double)now[i] - (double)before[i]) * ((double)now[i] - (double)before[i]);
    }
    return sqrt(sum);
}

static void test_clipping_and_groups(void **state) {
    (void)state;
    const law_case what = {
        "optimiser.name=sgd optimiser.lr=1 optimiser.clip_norm=0.25 optimiser.lr_readout=0",
        2,
        0,
        2,
        1,
        1,
        false,
        false};
    bench b;
    hth_error error;
    setup(&b, &what);
    hth_real *before = malloc(b.rig.count * sizeof *before);
    memcpy(before, b.rig.network->theta, b.rig.count * sizeof *before);
    fill(&b, 1);
    double norm = 0;
    for (size_t i = 0; i < b.rig.count; i++)
        norm +=
            (double)hth_gradient_values(b.gradient)[i] * (double)hth_gradient_values(b.gradient)[i];
    double recurrent = 0;
    for (size_t i = 0; i < b.rig.network->recurrent_count; i++)
        recurrent +=
            (double)hth_gradient_values(b.gradient)[i] * (double)hth_gradient_values(b.gradient)[i];
    must(hth_optimiser_step(b.optimiser, b.rig.network, b.gradient, 1, &error), &error);
    assert_true(fabs(distance(&b, before, NULL) - 0.25 * sqrt(recurrent / norm)) <
                tolerance(1e-12, 1e-5));
    assert_true(distance(&b, before, &b.rig.network->blocks[1]) == 0); /* the readout was held */
    free(before);
    teardown(&b);
}

static void test_halving(void **state) {
    (void)state;
    const law_case what = {
        "optimiser.name=sgd optimiser.lr=1 optimiser.schedule=halving optimiser.start=4",
        2,
        0,
        2,
        1,
        1,
        false,
        false};
    bench b;
    setup(&b, &what);
    assert_true(hth_optimiser_rate(b.optimiser, 1) == 1);
    assert_true(hth_optimiser_rate(b.optimiser, 4) == 1);
    assert_true(hth_optimiser_rate(b.optimiser, 5) == 0.5);
    assert_true(hth_optimiser_rate(b.optimiser, 8) == 0.0625);
    teardown(&b);
}

static void test_gradient_that_is_not_finite(void **state) {
    (void)state;
    const law_case what = {"optimiser.name=adam", 2, 0, 2, 1, 1, false, false};
    bench b;
    hth_error error;
    setup(&b, &what);
    hth_real *before = malloc(b.rig.count * sizeof *before);
    memcpy(before, b.rig.network->theta, b.rig.count * sizeof *before);
    fill(&b, 1);
    hth_gradient_edit(b.gradient)[3] = (hth_real)INFINITY;
    assert_int_equal(hth_optimiser_step(b.optimiser, b.rig.network, b.gradient, 1, &error),
                     HTH_NOT_FINITE);
    assert_memory_equal(before, b.rig.network->theta, b.rig.count * sizeof *before);
    free(before);
    teardown(&b);
}

/* A cleared gradient reads as zero, and is zero to an update, although its memory is written later. */
static void test_cleared_gradient(void **state) {
    (void)state;
    const law_case what = {"optimiser.name=sgd optimiser.lr=0.5 optimiser.weight_decay=0.25",
                           2,
                           0,
                           2,
                           1,
                           1,
                           false,
                           false};
    for (int reads = 0; reads < 2; reads++) {
        bench b;
        hth_error error;
        setup(&b, &what);
        fill(&b, 1);
        assert_true(hth_gradient_values(b.gradient)[0] != 0);
        const hth_real before = b.rig.network->theta[0];
        hth_gradient_clear(b.gradient);
        for (size_t i = 0; reads && i < b.rig.count; i++)
            assert_true(hth_gradient_values(b.gradient)[i] == 0);
        must(hth_optimiser_step(b.optimiser, b.rig.network, b.gradient, 1, &error), &error);
        assert_true(before != 0);
        assert_true(b.rig.network->theta[0] == before - HTH_C(0.125) * before);
        teardown(&b);
    }
}

/* Only the rows that were touched move. */
static void test_touched_rows(void **state) {
    (void)state;
    const law_case what = {
        "optimiser.name=sgd optimiser.lr=0.5 optimiser.clip_norm=0.1 network.embedding=3",
        0,
        9,
        2,
        1,
        1,
        false,
        false};
    bench b;
    hth_error error;
    setup(&b, &what);
    hth_real *before = malloc(b.rig.count * sizeof *before);
    memcpy(before, b.rig.network->theta, b.rig.count * sizeof *before);
    hth_real *row = hth_gradient_row(b.gradient, 4);
    assert_ptr_equal(hth_gradient_row(b.gradient, 4), row);
    assert_int_equal(b.gradient->touched_count, 1);
    row[1] = 2;
    must(hth_optimiser_step(b.optimiser, b.rig.network, b.gradient, 1, &error), &error);
    size_t at = b.rig.network->embedding_weight + 4 * 3 + 1;
    assert_true(fabs((double)(b.rig.network->theta[at] - before[at]) + 0.05) < 1e-6);
    assert_true(fabs(distance(&b, before, NULL) - 0.05) < 1e-6);
    hth_gradient_clear(b.gradient);
    assert_true(row[1] == 0);
    assert_int_equal(b.gradient->touched_count, 0);
    free(before);
    teardown(&b);
}

/* The units stay bit for bit where only the readout learned, whatever the decay. */
static void test_units_that_did_not_learn(void **state) {
    (void)state;
    const law_case what = {
        "optimiser.name=adam optimiser.weight_decay=0.1", 2, 0, 2, 6, 1, false, false};
    const hth_setting items[] = {{"learner.name", "readout-only", NULL}};
    const hth_settings settings = {items, 1};
    bench b;
    hth_error error;
    hth_tape *tape;
    hth_learner *learner;
    setup(&b, &what);
    must(hth_tape_create(b.rig.network, 6, 1, b.rig.compute, NULL, &tape, &error), &error);
    must(hth_learner_create(&settings, b.rig.network, 6, 1, 1, b.rig.compute, NULL, &learner,
                            &error),
         &error);
    hth_real *before = malloc(b.rig.count * sizeof *before);
    memcpy(before, b.rig.network->theta, b.rig.count * sizeof *before);
    must(hth_forward(tape, &b.rig.chunk, &b.rig.report, &error), &error);
    must(hth_learn(learner, tape, b.gradient, &error), &error);
    must(hth_optimiser_step(b.optimiser, b.rig.network, b.gradient, 1, &error), &error);
    assert_memory_equal(before, b.rig.network->theta,
                        b.rig.network->recurrent_count * sizeof *before);
    assert_true(distance(&b, before, NULL) > 1e-4);
    free(before);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    teardown(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_decay_in_every_method),
        cmocka_unit_test(test_clipping_and_groups),
        cmocka_unit_test(test_clipping_of_elements),
        cmocka_unit_test(test_two_ways_of_clipping_are_refused),
        cmocka_unit_test(test_halving),
        cmocka_unit_test(test_gradient_that_is_not_finite),
        cmocka_unit_test(test_cleared_gradient),
        cmocka_unit_test(test_touched_rows),
        cmocka_unit_test(test_units_that_did_not_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
