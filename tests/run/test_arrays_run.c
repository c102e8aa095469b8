/*
 * A run on a user's arrays, from a settings file alone: inputs, targets, a mask, all initial weights and the feedback
 * matrix come from an .npz file, and each iteration's loss is in metrics.jsonl with every digit of a double, equal to
 * that of an implementation of its own (plain_training.h). This is how a user holds another program against this one:
 * docs/conventions.md.
 */
#include "user_arrays.h"

static const plain_case what = {.rules = {.scaled_input = true,
                                          .scaled_readout = true,
                                          .scaled_filtered = true,
                                          .at_or_above = true,
                                          .mean_over_batch = true,
                                          .mean_over_window = true,
                                          .bias = PLAIN_OUTSIDE,
                                          .rate = PLAIN_EACH_TRIAL},
                                .tau_m = 20,
                                .tau_a = 150,
                                .tau_out = 15,
                                .v_th = 0.04,
                                .gamma = 0.3,
                                .beta = 0.008,
                                .adaptive = PLAIN_UNITS / 4,
                                .refractory = 2,
                                .batch = 2,
                                .window = 60,
                                .classes = true,
                                .adam = true,
                                .lr = 2e-3,
                                .epsilon = 1e-8,
                                .c_reg = 10,
                                .f_target = 0.02};

static const char settings[] =
    "conventions: nest\n"
    "data: {name: arrays, file: %s, shuffle: false}\n"
    "network: {units: 16}\n"
    "cell: {name: alif, tau_m: 20, tau_a: 150, v_th: 0.04, refractory: 2,\n"
    "       beta: [4 x 0, 12 x 0.008]}\n"
    "readout: {tau_out: 15, bias: true, bias_place: outside}\n"
    "loss: {name: softmax, time: window}\n"
    "learner: {name: eprop1, update: sequence}\n"
    "regulariser: {rate: 10, rate_target: 0.02}\n"
    "optimiser: {name: adam, lr: 2e-3}\n"
    "train: {epochs: 1, batch: 2, report_every: 120, threads: 1}\n";

/* The settings file, its arrays in `name`. */
static hth_config *load_settings(const char *name) {
    hth_config *config;
    hth_error error;
    FILE *file = fopen(scratch_path("user.yaml"), "w");
    assert_non_null(file);
    fprintf(file, settings, scratch_path(name));
    fclose(file);
    assert_int_equal(hth_config_create(&config, NULL), HTH_OK);
    if (hth_config_load(config, scratch_path("user.yaml"), &error) != HTH_OK)
        fail_msg("%s", error.message);
    return config;
}

static void test_losses(void **state) {
    plain_data *d = malloc(sizeof *d);
    double plain[PLAIN_ITERATIONS], mine[PLAIN_ITERATIONS];
    (void)state;
    arrays_draw(&what, d);
    d->weights.bias[0] = 0.1;
    const double rate = plain_train(&what, d, plain);
    assert_true(rate > 0.01 && rate < 0.3);
    arrays_write(&what, d, scratch_path("user.npz"));
    hth_config *config = load_settings("user.npz");
    arrays_train(config, "run", mine);
    hth_config_destroy(config);
    if (sizeof(hth_real) < sizeof(double))
        assert_true(fabs(mine[0] - plain[0]) < 0.1 * plain[0]);
    else if (!(arrays_difference(mine, plain) <= 1e-9))
        fail_msg("losses %.15g .. %.15g, but %.15g .. %.15g", mine[0], mine[4], plain[0], plain[4]);
    free(d);
}

/* The digits of the k-th loss in metrics.jsonl that matter. */
static size_t digits_of_loss(const char *text, size_t k) {
    size_t digits = 0;
    bool leading = true;
    for (size_t i = 0; i <= k; i++) {
        text = strstr(text, "\"train_loss\": ");
        assert_non_null(text);
        text += strlen("\"train_loss\": ");
    }
    for (; *text && *text != ',' && *text != 'e'; text++) {
        leading = leading && !(*text >= '1' && *text <= '9');
        digits += !leading && *text >= '0' && *text <= '9';
    }
    return digits;
}

static void test_digits(void **state) {
    size_t length, most = 0;
    char path[320];
    (void)state;
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path("run"));
    char *text = read_whole(path, &length);
    for (size_t k = 0; k < PLAIN_ITERATIONS; k++) {
        const size_t digits = digits_of_loss(text, k);
        assert_true(digits >= 12);
        most = digits > most ? digits : most;
    }
    assert_true(most >= 15 && most <= 17); /* as many as read back, not more */
    free(text);
}

/* The matrices count: with others the losses are others. */
static void test_each_array_counts(void **state) {
    double mine[PLAIN_ITERATIONS], other[PLAIN_ITERATIONS];
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        plain_data *d = malloc(sizeof *d);
        char run[32];
        arrays_draw(&what, d);
        d->weights.bias[0] = 0.1;
        if (i == 1) d->weights.in[3][2] += 0.1;
        if (i == 2) d->weights.rec[3][2] += 0.1;
        if (i == 3) d->weights.out[1][2] += 0.1;
        if (i == 4) d->weights.bias[1] += 0.1;
        if (i == 5) d->feedback[1][2] += 1;
        snprintf(run, sizeof run, "array%zu", i);
        arrays_write(&what, d, scratch_path("other.npz"));
        hth_config *config = load_settings("other.npz");
        arrays_train(config, run, i ? other : mine);
        hth_config_destroy(config);
        if (i && !(arrays_difference(other, mine) > 1e-6)) fail_msg("array %zu is not read", i);
        free(d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_each_array_counts),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
