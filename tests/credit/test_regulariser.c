/*
 * Firing-rate regularisation (Bellec et al. 2019, eqs. 54-56): what is reported; backpropagation = central differences
 * of the loss with it; e-prop 1 with it against a plain implementation; each form by its own formula.
 */
#include "plain_eprop.h"

typedef struct form {
    const char *name;
    bool apart; /* each item has rates of its own */
} form;

static const form forms[] = {{"half-sum", false}, {"sum", false}, {"mean", false}, {"nest", true}};

/* C of the form, over n units, for c = 1. */
static double factor_of(const form *f, size_t n, double items) {
    if (strcmp(f->name, "half-sum") == 0) return 0.5;
    if (strcmp(f->name, "sum") == 0) return 1;
    return strcmp(f->name, "mean") == 0 ? 1 / (double)n : 0.5 / items;
}

/* E_reg of the first layer, and dE_reg/dz. */
static double plain_term(const law_rig *rig, const hth_tape *tape, const form *f, double c,
                         double target, double *pull) {
    const hth_layer *layer = &rig->network->layers[0];
    const size_t n = layer->n, T = rig->what.steps, batch = rig->what.batch;
    const size_t each = f->apart ? 1 : batch; /* items that share a rate */
    const double items = rig->network->readout.mean_over_batch ? (double)batch : 1;
    const double C = c * factor_of(f, n, items);
    double sum = 0;
    for (size_t b = 0; b < batch; b++)
        for (size_t j = 0; j < n; j++) {
            double rate = 0;
            for (size_t other = 0; other < batch; other++)
                for (size_t t = 1; (!f->apart || other == b) && t <= T; t++)
                    rate += (double)tape->layers[0].u[(t * batch + other) * layer->stride + j];
            rate /= (double)(T * each);
            pull[b * n + j] = 2 * C * (rate - target) / (double)(T * each);
            if (f->apart || b == 0) sum += C * (rate - target) * (rate - target);
        }
    return sum;
}

/* ---- Reported, and in e-prop 1 ---- */

static void assert_form(const form *f, const char *batch, double c, double target) {
    const plain_unit unit = {.tau_m = 20, .tau_a = 12, .v_th = 0.5, .beta = 0.25, .refractory = 2};
    char text[400], learner[80];
    law_rig rig;
    snprintf(text, sizeof text,
             "cell.name=alif cell.tau_a=12 cell.beta=0.25 cell.v_th=0.5 cell.refractory=2 "
             "network.units=9 init.w_in_scale=2 readout.kappa=0.9 readout.scale=true loss.batch=%s "
             "regulariser.rate=%g regulariser.rate_target=%g regulariser.rate_form=%s",
             batch, c, target, f->name);
    const law_case what = {text, 3, 0, 2, 25, 3, false, true};
    law_setup(&rig, &what);
    for (int random = 0; random < 2; random++) {
        snprintf(learner, sizeof learner, "learner.name=eprop1%s", random ? "" : "-symmetric");
        handles h = make_handles(&rig, learner, what.steps);
        learn_steps(&rig, &h, 0, what.steps);
        law_assert_alive(&rig);
        const hth_real *ours = hth_gradient_values(h.gradient);
        plain p = plain_make(&rig, h.tape, unit);
        double *pull = calloc(p.batch * p.n, sizeof *pull);
        const double E = plain_term(&rig, h.tape, f, c, target, pull);
        const double told = rig.report.regulariser;
        if (!(fabs(told - E) <= tolerance(1e-12, 1e-5) * E))
            fail_msg("%s: E_reg is %.9g, but %.9g is told", text, E, told);
        p.F = h.learner->axes.signal->feedback(h.learner);
        double *without = plain_gradient(&p);
        p.pull = pull;
        double *expected = plain_gradient(&p);
        const double difference = plain_distance(&rig, expected, ours);
        if (!(difference <= tolerance(1e-10, 1e-3)))
            fail_msg("%s: differs from the plain one by %.3g", text, difference);
        assert_true(plain_distance(&rig, without, ours) > 0.05);
        rig.report = (hth_report){0};
        plain_drop(&p);
        free(pull);
        free(without);
        free(expected);
        drop_handles(&h);
    }
    law_teardown(&rig);
}

static void test_forms(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        assert_form(&forms[i], "mean", 300, 0.01);
        assert_form(&forms[i], "sum", 1000, 0.6);
    }
}

/* What is told of the target's loss does not depend on it. */
static void test_loss_is_told_apart(void **state) {
    (void)state;
    const char *const net = "cell.name=lif cell.v_th=0.5 network.units=8 init.w_in_scale=2";
    char text[200];
    double loss[2];
    for (int with = 0; with < 2; with++) {
        law_rig rig;
        snprintf(text, sizeof text, "%s regulariser.rate=%d", net, 100 * with);
        const law_case what = {text, 3, 0, 2, 20, 2, false, false};
        law_setup(&rig, &what);
        law_loss(&rig);
        loss[with] = rig.report.loss;
        assert_true((rig.report.regulariser > 0) == (with == 1));
        law_assert_alive(&rig);
        law_teardown(&rig);
    }
    assert_true(loss[0] == loss[1]);
}

/* ---- The derivative ---- */

static void assert_derivative(const char *name, const char *units, const char *batch) {
    char text[400];
    law_rig rig;
    snprintf(text, sizeof text,
             "cell.name=alif cell.tau_a=12 cell.beta=0.25 cell.v_th=0.5 cell.spike=smooth "
             "cell.pseudo_derivative=gaussian cell.width=3 network.units=%s loss.batch=%s "
             "readout.kappa=0.8 regulariser.rate=200 regulariser.rate_form=%s",
             units, batch, name);
    const law_case what = {text, 2, 0, 2, 9, 2, false, true};
    law_setup(&rig, &what);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what.steps);
    hth_real *rtrl = law_gradient(&rig, "learner.name=rtrl", what.steps);
    law_assert_equal(&rig, "rtrl", rtrl, exact, tolerance(1e-10, 1e-3));
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    if (sizeof(hth_real) == sizeof(double)) {
        law_differences(&rig, numeric);
        law_assert_equal(&rig, "bptt = differences", exact, numeric, 1e-7);
    }
    rig.network->regulariser.rate = 0; /* of tapes made from now on */
    hth_real *without = law_gradient(&rig, "learner.name=bptt", what.steps);
    law_assert_differs(&rig, "without", without, exact, 0.05);
    free(exact);
    free(rtrl);
    free(numeric);
    free(without);
    law_teardown(&rig);
}

static void test_derivative(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        assert_derivative(forms[i].name, "5", i % 2 ? "sum" : "mean");
        assert_derivative(forms[i].name, "4,3", i % 2 ? "mean" : "sum");
    }
}

/* ---- Refusals ---- */

static void test_refusals(void **state) {
    (void)state;
    const law_case lif = {
        "cell.name=lif network.units=4 regulariser.rate=1", 2, 0, 2, 4, 1, false, false};
    assert_refuses(&lif, "learner.name=f-bptt", 1, "regulariser.rate = 0");
    const hth_setting items[] = {{"cell.name", "lstm", NULL}, {"regulariser.rate", "1", NULL}};
    const hth_settings settings = {items, HTH_COUNT(items)};
    const hth_shape shape = {.inputs = 2, .outputs = 2, .target = HTH_TARGET_VALUES};
    hth_network *network = NULL;
    hth_error error;
    assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "lstm have no firing rate"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_loss_is_told_apart),
        cmocka_unit_test(test_derivative),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
