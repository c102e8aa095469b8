/*
 * Firing-rate regularisation (Bellec et al. 2019, eqs. 54-56): what is reported; backpropagation = central differences
 * of the loss with it; e-prop 1 with it against a plain implementation; each form by its own formula; what only fills
 * a batch up counts for nothing; learners take it as they take errors of the readout.
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

/* E_reg of the first layer, and dE_reg/dz; length[b]: own steps of each item. */
static double plain_term(const law_rig *rig, const hth_tape *tape, const form *f, double c,
                         double target, const uint32_t *length, double *pull) {
    const hth_layer *layer = &rig->network->layers[0];
    const size_t n = layer->n, batch = rig->what.batch;
    const double items = rig->network->readout.mean_over_batch ? (double)batch : 1;
    const double C = c * factor_of(f, n, items);
    double sum = 0;
    for (size_t b = 0; b < batch; b++)
        for (size_t j = 0; j < n; j++) {
            double rate = 0, steps = 0; /* of all items that share a rate */
            for (size_t other = 0; other < batch; other++)
                for (size_t t = 1; (!f->apart || other == b) && t <= length[other]; t++, steps++)
                    rate += (double)tape->layers[0].u[(t * batch + other) * layer->stride + j];
            rate /= steps;
            pull[b * n + j] = 2 * C * (rate - target) / steps;
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
    const uint32_t whole[] = {25, 25, 25};
    law_setup(&rig, &what);
    for (int random = 0; random < 2; random++) {
        snprintf(learner, sizeof learner, "learner.name=eprop1%s", random ? "" : "-symmetric");
        handles h = make_handles(&rig, learner, what.steps);
        learn_steps(&rig, &h, 0, what.steps);
        law_assert_alive(&rig);
        const hth_real *ours = hth_gradient_values(h.gradient);
        plain p = plain_make(&rig, h.tape, unit);
        double *pull = calloc(p.batch * p.n, sizeof *pull);
        const double E = plain_term(&rig, h.tape, f, c, target, whole, pull);
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
        assert_derivative(forms[i].name, "4,3 network.cells=alif,lstm", "mean");
        assert_derivative(forms[i].name, "3,4 network.cells=gru,alif", "sum");
    }
}

/* ---- What fills a batch up ---- */

enum { LONGEST = 12 };

/* Steps 0..steps-1 with tapes of K. length: the own steps of the one item; NULL: all. */
static hth_real *gradient_over(law_rig *rig, const char *learner, size_t K, size_t steps,
                               const uint32_t *length) {
    handles h = make_handles(rig, learner, K);
    rig->report = (hth_report){0};
    for (size_t t = 0; t < steps; t += K) {
        hth_chunk cut = law_cut(rig, t, steps - t < K ? steps - t : K);
        uint32_t own = (uint32_t)cut.steps;
        if (length) own = *length < t ? 0 : *length - (uint32_t)t;
        if (own > cut.steps) own = (uint32_t)cut.steps;
        cut.lengths = length ? &own : NULL;
        cut.ends = t + cut.steps == steps;
        learn_chunk(rig, &h, &cut);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    drop_handles(&h);
    return copy;
}

/* A longer batch around an item changes nothing, if the item's length is told. */
static void assert_padding_is_nothing(const char *settings, const char *learner, size_t K) {
    const law_case what = {settings, 3, 0, 2, LONGEST, 1, false, true};
    const uint32_t length = 7;
    law_rig rig;
    law_setup(&rig, &what);
    for (size_t t = length; t < LONGEST; t++) ((hth_real *)rig.chunk.weights)[t] = 0;
    hth_real *alone = gradient_over(&rig, learner, K, length, NULL);
    const double E = rig.report.regulariser;
    hth_real *padded = gradient_over(&rig, learner, K, LONGEST, &length);
    law_assert_alive(&rig);
    const double near = fabs(rig.report.regulariser - E);
    hth_real *untold = gradient_over(&rig, learner, K, LONGEST, NULL);
    const double far = fabs(rig.report.regulariser - E);
    law_assert_equal(&rig, learner, padded, alone, tolerance(1e-12, 1e-5));
    law_assert_differs(&rig, learner, untold, alone, 1e-2);
    if (!(near <= tolerance(1e-14, 1e-6) * E && far > 1e-3 * E))
        fail_msg("%s: E_reg %g alone, off by %g when padded and %g untold", settings, E, near, far);
    free(alone);
    free(padded);
    free(untold);
    law_teardown(&rig);
}

static void test_padding_is_nothing(void **state) {
    (void)state;
    static const char *const nets[] = {"network.units=6", "network.units=5,4",
                                       "network.units=5 network.direction=both"};
    static const char *const learners[] = {"learner.name=bptt", "learner.name=rtrl",
                                           "learner.name=uoro", "learner.name=eprop1-symmetric"};
    for (size_t f = 0; f < HTH_COUNT(forms); f++)
        for (size_t i = 0; i < HTH_COUNT(nets); i++) {
            char text[400];
            const bool both = strstr(nets[i], "both") != NULL, one = strchr(nets[i], ',') == NULL;
            snprintf(text, sizeof text,
                     "cell.name=alif cell.tau_a=12 cell.beta=0.25 cell.v_th=0.5 cell.spike=smooth "
                     "cell.pseudo_derivative=gaussian cell.width=3 %s "
                     "readout.kappa=0.6 regulariser.rate=30 regulariser.rate_form=%s "
                     "regulariser.rate_over=tape",
                     nets[i], forms[f].name);
            for (size_t k = 0; k < HTH_COUNT(learners); k++) {
                const bool online = strstr(learners[k], "bptt") == NULL;
                if (both ? k == 1 || k == 2 : k == 3 && !one) continue; /* refused */
                assert_padding_is_nothing(text, learners[k], LONGEST);
                if (online && one && !both) assert_padding_is_nothing(text, learners[k], 2);
            }
        }
}

/* Items of different lengths: rates of each form by its formula, and their derivative. */
static void assert_lengths(const form *f, const char *direction) {
    static const uint32_t lengths[] = {9, 4, 6};
    static const size_t n = 5;
    char text[400];
    double pull[3 * 5], far = 0;
    law_rig rig;
    snprintf(text, sizeof text,
             "cell.name=alif cell.tau_a=12 cell.beta=0.25 cell.v_th=0.5 cell.spike=smooth "
             "cell.pseudo_derivative=gaussian cell.width=3 network.units=%zu readout.kappa=0.8 "
             "network.direction=%s regulariser.rate=200 regulariser.rate_form=%s",
             n, direction, f->name);
    const law_case what = {text, 2, 0, 2, 9, 3, false, true};
    law_setup(&rig, &what);
    rig.chunk.ends = true;
    rig.chunk.lengths = lengths;
    handles h = make_handles(&rig, "learner.name=bptt", what.steps);
    learn_steps(&rig, &h, 0, what.steps);
    plain_term(&rig, h.tape, f, 200, 0.01, lengths, pull);
    for (size_t i = 0; i < 3 * n; i++)
        assert_true(fabs((double)h.tape->layers[0].pull[i] - pull[i]) <=
                    tolerance(1e-12, 1e-5) * (1 + fabs(pull[i])));
    plain_term(&rig, h.tape, f, 200, 0.01, (const uint32_t[]){9, 9, 9}, pull);
    for (size_t i = 0; i < 3 * n; i++)
        far = fmax(far, fabs((double)h.tape->layers[0].pull[i] - pull[i]) / fabs(pull[i]));
    assert_true(far > 0.05);
    if (sizeof(hth_real) == sizeof(double)) {
        hth_real *numeric = malloc(rig.count * sizeof *numeric);
        law_differences(&rig, numeric);
        law_assert_equal(&rig, "bptt = differences", hth_gradient_values(h.gradient), numeric,
                         1e-7);
        free(numeric);
    }
    drop_handles(&h);
    law_teardown(&rig);
}

static void test_lengths(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        assert_lengths(&forms[i], "forward");
        assert_lengths(&forms[i], "both");
    }
}

/* Where a signal fills lower layers itself they get it too: without a loss, and with one layer that spikes, all signals
 * are backpropagation. */
static void test_filled_layers(void **state) {
    (void)state;
    const law_case what = {
        "network.cells=lif,gru network.units=6,4 layer0.cell.v_th=0.5 init.w_in_scale=2 "
        "regulariser.rate=200 network.dropout=0.3",
        3,
        0,
        2,
        10,
        2,
        false,
        true};
    law_rig rig;
    law_setup(&rig, &what);
    for (size_t i = 0; i < what.steps * what.batch; i++) ((hth_real *)rig.chunk.weights)[i] = 0;
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what.steps);
    hth_real *direct = law_gradient(&rig, "learner.name=bptt learner.signal=direct", what.steps);
    law_assert_alive(&rig);
    assert_true(law_difference(&rig.network->blocks[0], direct, exact) < tolerance(1e-12, 1e-5));
    rig.network->regulariser.rate = 0; /* of tapes made from now on */
    hth_real *without = law_gradient(&rig, "learner.name=bptt", what.steps);
    assert_true(law_difference(&rig.network->blocks[0], without, exact) > 0.5);
    free(exact);
    free(direct);
    free(without);
    law_teardown(&rig);
}

/* ---- Refusals ---- */

static void test_refusals(void **state) {
    (void)state;
    const law_case lif = {
        "cell.name=lif network.units=4 regulariser.rate=1", 2, 0, 2, 4, 1, false, false};
    assert_refuses(&lif, "learner.name=f-bptt", 1, "regulariser.rate = 0");
    assert_refuses(&lif, "learner.name=kernl learner.kernel_lr=0", 1, "regulariser.rate = 0");
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
        cmocka_unit_test(test_forms),         cmocka_unit_test(test_loss_is_told_apart),
        cmocka_unit_test(test_derivative),    cmocka_unit_test(test_padding_is_nothing),
        cmocka_unit_test(test_lengths),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_filled_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
