/*
 * A first run of spiking units is a good run: with the defaults, units fire at 1 to 100 Hz and learn; and a run says so
 * where they fire at other rates.
 */
#include "runs.h"

/* What is heard of a run of the pattern task, and the normalised error over its last line. */
static double error_of(const char *more, heard *h) {
    char line[256];
    hth_ending ending;
    hth_error error;
    const hth_observer observer = listen(h);
    snprintf(
        line, sizeof line,
        "task=pattern learner=eprop1 train.metric=nmse train.threads=1 train.validate_every=-1 %s",
        more);
    if (train_line(line, more, false, &observer, &ending, &error) != HTH_OK)
        fail_msg("%s: %s", more, error.message);
    return h->last.train_metric;
}

static void test_defaults_fire_at_sane_rates_and_learn(void **state) {
    (void)state;
    static const char *const cells[] = {"cell=lif", "cell=alif"};
    for (size_t i = 0; i < HTH_COUNT(cells); i++)
        for (int seed = 1; seed <= 3; seed++) {
            char more[64];
            heard h;
            snprintf(more, sizeof more, "%s train.seed=%d", cells[i], seed);
            const double nmse = error_of(more, &h);
            if (h.messages) fail_msg("%s: %s", more, h.all);
            if (!(nmse < 0.15)) fail_msg("%s: nmse %.3g", more, nmse);
        }
}

/* The defaults of before, and units that hardly ever fire. */
static void test_other_rates_are_told(void **state) {
    (void)state;
    static const char *const much = "cell=lif cell.refractory=0 cell.v_th=0.61 train.sequences=400";
    static const char *const little = "cell=lif cell.v_th=8 train.sequences=20";
    heard h;
    error_of(much, &h);
    assert_int_equal(h.messages, 1);
    assert_non_null(strstr(h.all, "Hz on average"));
    assert_non_null(strstr(h.all, "longer cell.refractory"));
    error_of(little, &h);
    assert_int_equal(h.messages, 1);
    assert_non_null(strstr(h.all, "larger init.w_in_scale"));
    error_of("cell=rate train.sequences=20", &h);
    assert_int_equal(h.messages, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_fire_at_sane_rates_and_learn),
        cmocka_unit_test(test_other_rates_are_told),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
