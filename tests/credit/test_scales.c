/*
 * Conventions of scaling traces (scales.c): with a presynaptic spike that adds another number to the trace than to the
 * drive, the gradient of unit j is that of the derivative times their ratio; with another one on the filtered trace,
 * what the loss asks is scaled, and what the regulariser asks is not; both for tapes of any length.
 */
#include "laws.h"

#define NET                                                                                        \
    "network.units=5 cell.v_th=0.3 cell.tau_m=3,20,5,8,40 cell.refractory=2 readout.kappa=0.8 "    \
    "init.w_in_scale=3 loss.batch=sum "
#define TRACES                                                                                     \
    "learner.signal=random learner.recurrence=none learner.past=trace learner.future=zero "

enum { STEPS = 40, UNITS = 5 };

static const double tau_m[UNITS] = {3, 20, 5, 8, 40};

static law_case net(const char *settings) {
    return (law_case){.settings = settings, .inputs = 3, .outputs = 2, .steps = STEPS, .batch = 2};
}

/* expected = gradient, row j of the recurrent layer times factor(alpha_j). */
static hth_real *scaled(const law_rig *rig, const hth_real *gradient, double (*factor)(double)) {
    const hth_layer *layer = &rig->network->layers[0];
    hth_real *out = malloc(rig->count * sizeof *out);
    memcpy(out, gradient, rig->count * sizeof *out);
    for (size_t j = 0; j < layer->n; j++)
        for (size_t i = 0; i < layer->m; i++)
            out[layer->weight + j * layer->m + i] *= (hth_real)factor(exp(-1 / tau_m[j]));
    return out;
}

static double times_leak(double alpha) {
    return 1 - alpha;
}

static double over_leak(double alpha) {
    return 1 / (1 - alpha);
}

static double as_it_is(double alpha) {
    (void)alpha;
    return 1;
}

typedef struct trace_case {
    const char *settings, *scale;
    double (*factor)(double);
} trace_case;

static const trace_case traces[] = {
    {"cell.name=lif cell.scale_input=true " NET, "learner.scale_trace=one", over_leak},
    {"cell.name=lif cell.scale_input=true " NET, "learner.scale_trace=leak", as_it_is},
    {"cell.name=lif " NET, "learner.scale_trace=leak", times_leak},
    {"cell.name=lif " NET, "learner.scale_trace=one", as_it_is},
    {"cell.name=alif cell.beta=0.2 cell.tau_a=30 " NET, "learner.scale_trace=leak", times_leak},
    {"cell.name=alif cell.beta=0.2 regulariser.rate=300 regulariser.rate_over=tape " NET,
     "learner.scale_trace=leak", times_leak},
};

static void test_scaled_traces(void **state) {
    static const size_t lengths[] = {1, 7, STEPS};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(traces); i++)
        for (size_t k = 0; k < HTH_COUNT(lengths); k++) {
            law_rig rig;
            char learner[256];
            const law_case c = net(traces[i].settings);
            law_setup(&rig, &c);
            snprintf(learner, sizeof learner, "%s %s", TRACES, traces[i].scale);
            hth_real *derivative = law_gradient(&rig, TRACES, lengths[k]);
            law_assert_alive(&rig);
            hth_real *got = law_gradient(&rig, learner, lengths[k]);
            hth_real *expected = scaled(&rig, derivative, traces[i].factor);
            law_assert_equal(&rig, traces[i].scale, got, expected, tolerance(1e-12, 1e-5));
            if (traces[i].factor != as_it_is)
                law_assert_differs(&rig, traces[i].scale, got, derivative, 0.1);
            free(expected);
            free(got);
            free(derivative);
            law_teardown(&rig);
        }
}

/* The gradient with a regulariser or without. */
static hth_real *gradient_of(const char *settings, const char *learner, size_t K, law_rig *rig) {
    const law_case c = net(settings);
    law_setup(rig, &c);
    hth_real *gradient = law_gradient(rig, learner, K);
    law_assert_alive(rig);
    return gradient;
}

static void filtered(const char *scale, const char *gain, double factor) {
    char without[400], with[500], learner[256];
    law_rig a, b, c;
    snprintf(without, sizeof without, "cell.name=alif cell.beta=0.2 readout.scale=%s %s", gain,
             NET);
    snprintf(with, sizeof with, "%s regulariser.rate=300 regulariser.rate_form=nest ", without);
    snprintf(learner, sizeof learner, "%s learner.scale_filtered=%s", TRACES, scale);
    hth_real *loss = gradient_of(without, TRACES, STEPS, &a);
    hth_real *both = gradient_of(with, TRACES, STEPS, &b);
    hth_real *got = gradient_of(with, learner, STEPS, &c);
    const hth_layer *layer = &c.network->layers[0];
    const hth_block *block = &c.network->blocks[0];
    assert_true(law_difference(block, both, loss) > 1e-3); /* the regulariser counts */
    for (size_t i = 0; i < layer->n * layer->m; i++)
        both[i] += (hth_real)((factor - 1) * (double)loss[i]);
    law_assert_equal(&c, scale, got, both, tolerance(1e-12, 1e-4));
    law_assert_differs(&c, scale, got, loss, 1e-3);
    free(loss);
    free(both);
    free(got);
    law_teardown(&a);
    law_teardown(&b);
    law_teardown(&c);
}

static void test_scaled_filtered_traces(void **state) {
    (void)state;
    filtered("leak", "false", 0.2);
    filtered("one", "true", 5);
    filtered("leak", "true", 1);
    filtered("one", "false", 1);
}

/* The filtered trace that is carried from tape to tape is scaled as what is on the tape, whatever dropout leaves
 * out. */
static void any_length(const char *settings) {
    static const char learner[] = TRACES "learner.scale_filtered=leak learner.scale_trace=leak";
    law_rig whole, cut, plain;
    hth_real *a = gradient_of(settings, learner, STEPS, &whole);
    hth_real *c = gradient_of(settings, TRACES, 7, &plain);
    for (size_t K = 1; K <= 7; K += 6) {
        hth_real *b = gradient_of(settings, learner, K, &cut);
        law_assert_equal(&whole, settings, b, a, tolerance(1e-11, 1e-4));
        free(b);
        law_teardown(&cut);
    }
    law_assert_differs(&whole, "without scales", c, a, 0.1);
    free(a);
    free(c);
    law_teardown(&whole);
    law_teardown(&plain);
}

static void test_any_length(void **state) {
    (void)state;
    any_length("cell.name=alif cell.beta=0.2 " NET);
    any_length("cell.name=alif cell.beta=0.2 network.dropout=0.4 " NET);
}

static void refused(const char *settings, const char *learner, const char *part) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_learner *made;
    hth_error error;
    law_rig rig;
    const law_case c = net(settings);
    law_setup(&rig, &c);
    snprintf(text, sizeof text, "%s", learner);
    hth_settings s = law_split(text, items);
    assert_int_equal(hth_learner_create(&s, rig.network, 1, 2, 1, rig.compute, NULL, &made, &error),
                     HTH_INVALID);
    if (!strstr(error.message, part)) fail_msg("%s", error.message);
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    (void)state;
    refused("cell.name=lstm network.units=4", TRACES "learner.scale_trace=leak",
            "needs derivative");
    refused("cell.name=lif network.units=4,3", TRACES "learner.scale_trace=one", "one layer");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scaled_traces),
        cmocka_unit_test(test_scaled_filtered_traces),
        cmocka_unit_test(test_any_length),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
