/* That the check passes where the gradients are right, fails where they are not, and warns where it
 * proves nothing. */
#define _GNU_SOURCE
#include "experiment/check.h"
#include "runs.h"

#include <math.h>

#define SMALL "task=add loss=softmax network.units=4 check.steps=12 check.samples=8 "

typedef struct rows {
    size_t count, failed;
    double finite_differences, learner, rtrl; /* largest relative error of each kind of claim */
    bool informs;                             /* a row that claims nothing */
} rows;

static void count_row(void *context, const hth_check_row *row) {
    rows *r = context;
    double *worst = strstr(row->claim, "finite") ? &r->finite_differences
                    : strstr(row->claim, "your") ? &r->learner
                                                 : &r->rtrl;
    assert_non_null(row->block);
    if (row->relative_error > *worst) *worst = row->relative_error;
    r->informs = r->informs || isinf(row->tolerance);
    r->failed += !row->passed;
    r->count++;
}

static rows check_line(const char *line, heard *h) {
    rows r = {0};
    hth_error error;
    hth_observer observer = listen(h);
    hth_config *config = configure(line);
    hth_status status = hth_check(config, &observer, count_row, &r, &error);
    if (status != HTH_OK) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
    assert_int_equal(r.failed, 0);
    return r;
}

static void every_cell_passes(void **state) {
    (void)state;
    static const char *const lines[] = {
        SMALL "learner=rtrl cell=rate loss.clip=0.6",
        SMALL "learner=rtrl cell=rate-pre readout.kappa=0.5 network.initial=learned",
        SMALL "learner=rtrl cell=lstm train.batch=2",
        SMALL "learner=rtrl cell=gru network.units=4,3",
        SMALL "learner=rtrl cell=lif",
        SMALL "learner=rtrl cell=alif loss=mse loss.time=mean loss.report=mean",
    };
    const bool is_double = sizeof(hth_real) == sizeof(double);
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        heard h;
        rows r = check_line(lines[i], &h);
        assert_true(r.count >= 12);
        assert_false(r.informs);
        assert_true(r.finite_differences > 0);
        assert_true(r.finite_differences < (is_double ? 1e-5 : 5e-2));
        assert_true(r.rtrl < (is_double ? 1e-12 : 1e-4));
        assert_int_equal(h.messages, strstr(lines[i], "lif") ? 1 : 0);
        if (h.messages) assert_non_null(strstr(h.all, "cell.spike = smooth"));
    }
}

/* One step of the past is not BPTT: told, not failed. */
static void an_approximation_is_told(void **state) {
    (void)state;
    heard h;
    rows r = check_line(SMALL "learner=tbptt learner.steps=1", &h);
    assert_true(r.informs);
    assert_true(r.learner > 1e-3);
    r = check_line(SMALL "learner=tbptt learner.steps=12", &h);
    assert_false(r.informs);
    assert_true(r.learner < 1e-12);
}

static void a_network_that_proves_nothing_is_told(void **state) {
    (void)state;
    heard h;
    check_line(SMALL "learner=rtrl cell=lif cell.v_th=1000", &h);
    assert_non_null(strstr(h.all, "silent"));
    check_line(SMALL "learner=rtrl cell=lif cell.v_th=1e-6 init.w_in=uniform init.w_in_scale=5",
               &h);
    assert_null(strstr(h.all, "silent"));
    check_line(SMALL "learner=rtrl optimiser=sgd init.w_out=zero", &h);
    assert_non_null(strstr(h.all, "layer0.weight is 0 everywhere"));
}

static void a_tensor_that_is_too_large_is_told(void **state) {
    (void)state;
    heard h;
    rows r = check_line(SMALL "learner=rtrl check.memory=0", &h);
    assert_non_null(strstr(h.all, "RTRL was not compared"));
    assert_true(r.rtrl == 0);
}

/* A gradient that is wrong in one block fails there, and only there. */
static void a_wrong_gradient_fails(void **state) {
    (void)state;
    static const hth_setting items[] = {{"learner.name", "bptt", NULL}};
    const hth_settings bptt = {items, 1};
    hth_config *config = configure("task=add loss=softmax network.units=4");
    hth_subject subject = {.settings = hth_config_settings(config)};
    hth_source source;
    hth_sample sample;
    hth_report report;
    assert_int_equal(hth_source_open(&subject.settings, HTH_TRAIN, 2, 1, &source, NULL), HTH_OK);
    assert_int_equal(hth_sample_take(&source, 10, 2, &sample, NULL), HTH_OK);
    subject.sample = &sample;
    assert_int_equal(hth_compute_create(1, NULL, &subject.compute, NULL), HTH_OK);
    assert_int_equal(
        hth_network_create(&subject.settings, &source.shape, 1, NULL, &subject.network, NULL),
        HTH_OK);
    size_t count = hth_network_parameter_count(subject.network), blocks;
    hth_real *gradient = calloc(count, sizeof *gradient);
    assert_int_equal(hth_subject_gradient(&subject, &bptt, 10, gradient, &report, NULL), HTH_OK);
    static const hth_observer nobody;
    rows right = {0}, wrong = {0};
    hth_check_run run = {.observer = &nobody, .row = count_row, .context = &right};
    assert_int_equal(hth_check_differences(&run, &subject, 50, gradient, NULL), HTH_OK);
    assert_int_equal(right.failed, 0);
    const hth_block *first = hth_network_blocks(subject.network, &blocks);
    for (size_t i = 0; i < first->rows * first->columns; i++)
        gradient[first->offset + i] *= HTH_C(1.1);
    run = (hth_check_run){.observer = &nobody, .row = count_row, .context = &wrong};
    assert_int_equal(hth_check_differences(&run, &subject, 50, gradient, NULL), HTH_OK);
    assert_int_equal(wrong.count, blocks);
    assert_int_equal(wrong.failed, 1);
    assert_non_null(strstr(run.first_failed, "layer0.weight"));
    free(gradient);
    hth_network_destroy(subject.network);
    hth_compute_destroy(subject.compute);
    hth_sample_free(&sample);
    hth_source_close(&source);
    hth_config_destroy(config);
}

static void nearness(void **state) {
    (void)state;
    static const hth_real a[] = {1, 2, 2}, b[] = {1, 2, 4}, zero[] = {0, 0, 0};
    static const hth_real bad[] = {1, 2, (hth_real)NAN};
    hth_nearness n = hth_nearness_of(a, b, 3);
    assert_true(fabs(n.relative_error - 0.5) < 1e-12);
    assert_true(fabs(n.cosine - 13 / sqrt(9 * 21)) < 1e-12);
    assert_true(hth_nearness_of(a, a, 3).relative_error == 0);
    assert_true(isnan(hth_nearness_of(zero, zero, 3).cosine));
    assert_true(isinf(hth_nearness_of(a, zero, 3).relative_error));
    assert_true(isinf(hth_nearness_of(bad, b, 3).relative_error));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_passes),
        cmocka_unit_test(an_approximation_is_told),
        cmocka_unit_test(a_network_that_proves_nothing_is_told),
        cmocka_unit_test(a_tensor_that_is_too_large_is_told),
        cmocka_unit_test(a_wrong_gradient_fails),
        cmocka_unit_test(nearness),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
