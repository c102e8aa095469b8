/*
 * One call and three find the same where numbers are large: after a caller has written to the learner's state, and
 * after a gradient that is not finite, when the parameters are unchanged.
 */
#include "steps.h"

enum { GROWING = 3000 };

static hth_field field_of(hth_learner *learner, const char *name) {
    hth_field fields[MOST_FIELDS];
    const size_t count = hth_learner_state(learner, fields, MOST_FIELDS);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i];
    fail_msg("the learner's state has no field %s", name);
    return (hth_field){.count = 0};
}

/* After ten updates a caller writes `value` into what a learner keeps of a synapse. Both ways take it up. */
static void check_written(const char *how, const char *name, double value, hth_status expected) {
    const law_case what = {"network.units=19 cell.name=rate cell.alpha=0.4 loss.name=mse",
                           3,
                           0,
                           2,
                           UPDATES,
                           1,
                           false,
                           false};
    run runs[2];
    hth_error errors[2];
    for (int i = 0; i < 2; i++) {
        run *r = &runs[i];
        hth_real *before = malloc(1000 * sizeof *before);
        assert_true(open_run(r, &what, how, 1) && r->rig.count <= 1000);
        advance(r, 1, 0, 10, i ? ONE_CALL : THREE_CALLS);
        hth_field field = field_of(r->learner, name);
        ((hth_real *)field.data)[7] = (hth_real)value;
        memcpy(before, r->rig.network->theta, r->rig.count * sizeof *before);
        const hth_chunk chunk = law_cut(&r->rig, 10, 1);
        must(hth_forward(r->tape, &chunk, &r->report, &errors[i]), &errors[i]);
        errors[i].message[0] = '\0';
        const hth_status status = update(r, i, &errors[i]);
        if (status != expected) fail_msg("%s: status %d for %g", how, (int)status, value);
        const bool unchanged =
            memcmp(before, r->rig.network->theta, r->rig.count * sizeof *before) == 0;
        assert_int_equal(unchanged, status != HTH_OK);
        free(before);
    }
    assert_string_equal(errors[0].message, errors[1].message);
    if (expected == HTH_OK) {
        advance(&runs[0], 1, 11, UPDATES, THREE_CALLS);
        advance(&runs[1], 1, 11, UPDATES, ONE_CALL);
        assert_true(same(&runs[0], &runs[1]));
    }
    close_run(&runs[0]);
    close_run(&runs[1]);
}

static void test_written_state(void **state) {
    static const char *const kept[][2] = {
        {"learner.name=rflo optimiser.name=sgd optimiser.lr=1e-9", "trace0.weight"},
        {"learner.name=kernl learner.kernel_lr=0 optimiser.name=sgd optimiser.lr=1e-9",
         "kernel.traces"},
        {"learner.name=uoro optimiser.name=sgd optimiser.lr=1e-9", "rank-one.B"},
    };
    const double huge = tolerance(1e300, 1e33);
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(kept); i++) {
        check_written(kept[i][0], kept[i][1], 0.5, HTH_OK);
        check_written(kept[i][0], kept[i][1], NAN, HTH_NOT_FINITE);
        check_written(kept[i][0], kept[i][1], INFINITY, HTH_NOT_FINITE);
        if (i < 2) check_written(kept[i][0], kept[i][1], 1e-30 * huge, HTH_OK);
    }
}

/* Feedback weights and an input so large that their product overflows, though the loss does not. */
static void check_overflow(const char *how, double feedback, double input, hth_status expected) {
    const law_case what = {"network.units=5 cell.name=rate init.w_in=zero loss.name=mse",
                           3,
                           0,
                           2,
                           UPDATES,
                           1,
                           false,
                           false};
    run runs[2];
    hth_error errors[2];
    hth_real F[10];
    for (size_t i = 0; i < 10; i++) F[i] = (hth_real)(i % 2 ? feedback : -feedback);
    for (int i = 0; i < 2; i++) {
        run *r = &runs[i];
        hth_real before[100];
        assert_true(open_run(r, &what, how, 1) && r->rig.count <= 100);
        hth_real *theta = r->rig.network->theta;
        for (size_t j = 0; j < 5; j++) theta[j * 9 + 5] = 0;
        advance(r, 1, 0, 3, i ? ONE_CALL : THREE_CALLS);
        for (size_t j = 0; j < 5; j++) theta[j * 9 + 5] = 0;
        must(hth_learner_feedback(r->learner, F, 2, 5, &errors[i]), &errors[i]);
        ((hth_real *)r->rig.chunk.x)[3 * 3] = (hth_real)input;
        memcpy(before, theta, r->rig.count * sizeof *before);
        const hth_chunk chunk = law_cut(&r->rig, 3, 1);
        must(hth_forward(r->tape, &chunk, &r->report, &errors[i]), &errors[i]);
        errors[i].message[0] = '\0';
        assert_int_equal(update(r, i, &errors[i]), expected);
        assert_int_equal(memcmp(before, theta, r->rig.count * sizeof *before) == 0,
                         expected != HTH_OK);
    }
    assert_string_equal(errors[0].message, errors[1].message);
    assert_true(expected != HTH_OK || same(&runs[0], &runs[1]));
    close_run(&runs[0]);
    close_run(&runs[1]);
}

static void test_overflow(void **state) {
    static const char *const rules[] = {
        "learner.name=rflo learner.signal=random optimiser.name=sgd optimiser.lr=1e-12",
        "learner.name=tbptt learner.signal=random optimiser.name=adam",
        "learner.name=uoro learner.signal=random optimiser.name=momentum optimiser.lr=1e-12",
        "learner.name=kernl learner.kernel_lr=0 learner.signal=random optimiser.name=sgd",
    };
    const double huge = tolerance(1e250, 1e25);
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(rules); i++) {
        check_overflow(rules[i], 1, 1, HTH_OK);
        check_overflow(rules[i], huge, 1, HTH_OK);
        check_overflow(rules[i], huge, tolerance(1e45, 1e8),
                       HTH_OK); /* above the bound, yet finite */
        check_overflow(rules[i], huge, huge, HTH_NOT_FINITE);
    }
}

/* Units that never fire and hold themselves by 2, so that their traces double at every step until they overflow, while
 * the error that reaches them is `weight` times that of the readout. */
static void open_growing(run *r, const char *how, double weight) {
    const law_case what = {"network.units=3 cell.name=rate cell.alpha=1 loss.name=mse",
                           2,
                           0,
                           2,
                           GROWING,
                           1,
                           false,
                           false};
    assert_true(open_run(r, &what, how, 1));
    const hth_network *net = r->rig.network;
    const hth_layer *layer = &net->layers[0];
    memset(net->theta, 0, r->rig.count * sizeof(hth_real));
    for (size_t j = 0; j < layer->n; j++) net->theta[layer->weight + j * layer->m + j] = 2;
    for (size_t i = 0; i < net->readout.outputs * net->readout.n; i++)
        net->theta[net->readout.weight + i] = (hth_real)weight;
}

/* One call and three find the same at every step, up to the one that is refused. */
static void check_growing(const char *how, double weight) {
    static const hth_real x[2] = {0, 0}, y[2] = {1, -1};
    const hth_chunk chunk = {.steps = 1, .batch = 1, .x = x, .targets = weight != 0 ? y : x};
    run runs[2];
    hth_status status = HTH_OK;
    for (int one = 0; one < 2; one++) open_growing(&runs[one], how, weight);
    for (size_t t = 0; t < GROWING && status == HTH_OK; t++) {
        hth_status found[2];
        hth_error error;
        for (int one = 0; one < 2; one++) {
            run *r = &runs[one];
            found[one] = hth_forward(r->tape, &chunk, &r->report, &error);
            if (found[one] == HTH_OK) found[one] = update(r, one, &error);
        }
        status = found[0];
        assert_int_equal(found[1], status);
        assert_memory_equal(runs[0].rig.network->theta, runs[1].rig.network->theta,
                            runs[0].rig.count * sizeof(hth_real));
    }
    assert_int_equal(status, HTH_NOT_FINITE);
    close_run(&runs[0]);
    close_run(&runs[1]);
}

static void test_traces_that_overflow(void **state) {
    static const char *const rules[] = {
        "learner.name=snap1 optimiser.name=sgd optimiser.lr=1e-30",
        "learner.name=snap1 optimiser.name=momentum optimiser.lr=1e-30",
        "learner.name=uoro optimiser.name=sgd optimiser.lr=1e-30"};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(rules); i++) {
        check_growing(rules[i], 0);
        check_growing(rules[i], 1e-20);
        check_growing(rules[i], 1);
    }
}

/* The readout's part of the gradient is not finite, though that of the layers is. */
static void test_rest_not_finite(void **state) {
    const law_case what = {"network.units=5 cell.name=rate cell.phi=identity loss.name=mse",
                           3,
                           0,
                           2,
                           UPDATES,
                           1,
                           false,
                           false};
    const double input = tolerance(1e195, 1e22), feedback = tolerance(1e-100, 1e-15);
    hth_real F[10];
    (void)state;
    for (size_t k = 0; k < 10; k++) F[k] = (hth_real)feedback;
    for (int i = 0; i < 2; i++) {
        run r;
        hth_error error;
        hth_real before[100];
        assert_true(open_run(&r, &what,
                             "learner.name=rflo learner.signal=random optimiser.name=sgd "
                             "optimiser.lr=1e-9",
                             1) &&
                    r.rig.count <= 100);
        advance(&r, 1, 0, 3, i ? ONE_CALL : THREE_CALLS);
        must(hth_learner_feedback(r.learner, F, 2, 5, &error), &error);
        hth_real *targets = (hth_real *)r.rig.chunk.targets + 3 * 2;
        hth_real *x = (hth_real *)r.rig.chunk.x + 3 * 3;
        for (size_t k = 0; k < 2; k++) targets[k] = (hth_real)(tolerance(1e150, 1e18));
        for (size_t k = 0; k < 3; k++) x[k] = (hth_real)input;
        for (size_t k = 0; k < 10; k++) r.rig.network->theta[r.rig.network->readout.weight + k] = 0;
        memcpy(before, r.rig.network->theta, r.rig.count * sizeof *before);
        const hth_chunk chunk = law_cut(&r.rig, 3, 1);
        must(hth_forward(r.tape, &chunk, &r.report, &error), &error);
        assert_int_equal(update(&r, i, &error), HTH_NOT_FINITE);
        assert_memory_equal(before, r.rig.network->theta, r.rig.count * sizeof *before);
        close_run(&r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_state),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_rest_not_finite),
        cmocka_unit_test(test_traces_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
