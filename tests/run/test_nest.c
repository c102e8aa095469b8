/*
 * Conventions of e-prop, each against an implementation of its own, plain_training.h: five iterations of training give
 * the same losses to 1e-9, with fixed random feedback and rate regularisation, LIF by SGD and LIF with ALIF by Adam in
 * a window of losses; and each convention, flipped alone, gives others. In single precision a voltage beside its
 * threshold may spike here and not there, so there only the first loss is compared, and roughly.
 */
#include "user_arrays.h"

static const plain_rules nest_rules = {.scaled_input = true,
                                       .scaled_readout = true,
                                       .scaled_filtered = true,
                                       .at_or_above = true,
                                       .mean_over_batch = true,
                                       .rate = PLAIN_EACH_TRIAL};

/* NEST's regression task, smaller: LIF, gradient descent, every step counts. */
static plain_case regression(size_t batch) {
    return (plain_case){.rules = nest_rules,
                        .tau_m = 30,
                        .tau_a = 1,
                        .tau_out = 30,
                        .v_th = 0.03,
                        .gamma = 0.3,
                        .adaptive = PLAIN_UNITS,
                        .refractory = 3,
                        .batch = batch,
                        .window = PLAIN_STEPS,
                        .lr = 1e-3,
                        .c_reg = 30,
                        .f_target = 0.02};
}

/* NEST's classification task, smaller: half of the units adapt, Adam, the loss at the end of a trial, spikes of gain 1,
 * gradients averaged over the window. */
static plain_case classification(size_t batch) {
    plain_case c = {.rules = nest_rules,
                    .tau_m = 20,
                    .tau_a = 200,
                    .tau_out = 20,
                    .v_th = 0.6,
                    .gamma = 0.3,
                    .beta = 0.1,
                    .adaptive = PLAIN_UNITS / 2,
                    .refractory = 5,
                    .batch = batch,
                    .window = 30,
                    .classes = true,
                    .adam = true,
                    .lr = 5e-3,
                    .epsilon = 1e-5,
                    .c_reg = 30,
                    .f_target = 0.02};
    c.rules.scaled_input = false;
    c.rules.mean_over_window = true;
    return c;
}

static const char for_classification[] = "cell.scale_input=false loss.time=window ";

/* Losses of the library for the case's arrays. */
static void ours(const plain_case *c, const plain_data *d, const char *settings,
                 double losses[PLAIN_ITERATIONS]) {
    static int number;
    char run[32];
    snprintf(run, sizeof run, "run%d", number++);
    arrays_write(c, d, scratch_path("user.npz"));
    hth_config *config = arrays_config(c, scratch_path("user.npz"), settings);
    arrays_train(config, run, losses);
    hth_config_destroy(config);
}

static void same(const plain_case *c, const char *settings) {
    plain_data *d = malloc(sizeof *d);
    double plain[PLAIN_ITERATIONS], mine[PLAIN_ITERATIONS];
    arrays_draw(c, d);
    const double rate = plain_train(c, d, plain);
    assert_true(rate > 0.01 && rate < 0.3);                   /* it is alive */
    assert_true(fabs(plain[4] - plain[0]) > 1e-6 * plain[0]); /* and something changes */
    ours(c, d, settings, mine);
    if (sizeof(hth_real) < sizeof(double))
        assert_true(fabs(mine[0] - plain[0]) < 0.1 * plain[0]);
    else if (!(arrays_difference(mine, plain) <= 1e-9))
        fail_msg("%s: losses %.15g .. %.15g, but %.15g .. %.15g", settings, mine[0], mine[4],
                 plain[0], plain[4]);
    free(d);
}

static void differs(const plain_case *c, const char *settings, const char *flip) {
    plain_data *d = malloc(sizeof *d);
    double plain[PLAIN_ITERATIONS], mine[PLAIN_ITERATIONS];
    char flipped[400];
    arrays_draw(c, d);
    plain_train(c, d, plain);
    snprintf(flipped, sizeof flipped, "%s %s", settings, flip);
    ours(c, d, flipped, mine);
    if (!(arrays_difference(mine, plain) > 1e-6))
        fail_msg("%s: the same losses with %s", settings, flip);
    free(d);
}

static void test_nest_regression(void **state) {
    (void)state;
    const plain_case one = regression(1), two = regression(2);
    same(&one, "conventions=nest");
    same(&two, "conventions=nest");
}

static void test_nest_classification(void **state) {
    char settings[120];
    (void)state;
    snprintf(settings, sizeof settings, "conventions=nest %s", for_classification);
    const plain_case one = classification(1), two = classification(2);
    same(&one, settings);
    same(&two, settings);
}

/* A readout of gain 1 whose filtered traces have 1 - kappa all the same, and one unit that meets its threshold exactly:
 * NEST with regular_spike_arrival everywhere. */
static plain_case regular(void) {
    plain_case c = regression(1);
    c.rules.scaled_input = c.rules.scaled_readout = false;
    c.v_th = 0.5;
    c.lr = 1e-6;
    c.tie = 3;
    return c;
}

static const char for_regular[] = "conventions=nest cell.scale_input=false readout.scale=false ";

static void test_nest_regular_arrival(void **state) {
    (void)state;
    const plain_case c = regular();
    same(&c, for_regular);
}

/* The other bundles, by the same implementation with their rules. */
static void test_bellec(void **state) {
    plain_case c = classification(2), r = regression(2);
    (void)state;
    c.rules = (plain_rules){.mean_over_batch = true,
                            .mean_over_window = true,
                            .bias = PLAIN_OUTSIDE,
                            .rate = PLAIN_SUM};
    same(&c, "conventions=bellec2020");
    r.rules = (plain_rules){.bias = PLAIN_INSIDE, .rate = PLAIN_HALF_SUM};
    r.v_th = 0.5;
    r.lr = 1e-5;
    same(&r, "conventions=bellec2019");
}

/* Each convention alone makes a difference somewhere. cell.reset_gradient is for learners that follow the reset,
 * which e-prop does not, and learner.feedback_variance for those that draw their feedback. */
static void test_flips(void **state) {
    (void)state;
    if (sizeof(hth_real) < sizeof(double)) skip();
    const plain_case sgd = regression(2), adam = classification(2), tie = regular();
    static const char nest[] = "conventions=nest";
    static const char *const of_sgd[] = {
        "cell.scale_input=false",
        "cell.scale_by_threshold=false",
        "cell.refractory_rule=silent",
        "readout.scale=false",
        "readout.bias=true",
        "loss.batch=sum",
        "loss.time=mean",
        "regulariser.rate_form=half-sum",
        "regulariser.rate_form=sum",
        "regulariser.rate_form=mean",
        "learner.scale_trace=one",
        "learner.scale_filtered=one",
        "learner.trace=instantaneous",
    };
    for (size_t i = 0; i < HTH_COUNT(of_sgd); i++) differs(&sgd, nest, of_sgd[i]);
    char settings[120];
    snprintf(settings, sizeof settings, "%s %s", nest, for_classification);
    differs(&adam, settings, "optimiser.epsilon_hat=false");
    differs(&adam, settings, "loss.time=sum");
    differs(&adam, settings, "learner.scale_trace=leak");
    differs(&tie, for_regular, "cell.threshold_at=above");
    differs(&tie, for_regular, "learner.scale_filtered=derivative");
    /* A bias inside the filter or outside it. */
    plain_case bias = regression(1);
    bias.rules = (plain_rules){.bias = PLAIN_INSIDE, .rate = PLAIN_HALF_SUM};
    bias.v_th = 0.5;
    bias.lr = 1e-5;
    differs(&bias, "conventions=bellec2019", "readout.bias_place=outside");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nest_regression),
        cmocka_unit_test(test_nest_classification),
        cmocka_unit_test(test_nest_regular_arrival),
        cmocka_unit_test(test_bellec),
        cmocka_unit_test(test_flips),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
