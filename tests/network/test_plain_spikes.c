/*
 * LIF and ALIF take a step of units that are never refractory in one loop of their own. It does what the general one
 * does: that of units with a refractory period of one step, which forbids nothing.
 */
#include "laws.h"

static const char *const cells[] = {
    "cell.name=lif",
    "cell.name=lif cell.threshold_at=at-or-above cell.width=0.7 cell.scale_input=true cell.tau_m=3",
    "cell.name=lif cell.scale_by_threshold=false",
    "cell.name=alif cell.beta=0.2",
    "cell.name=alif cell.beta=0.2 cell.scale_by_threshold=false cell.reset_gradient=false",
};

static const char *const learners[] = {"learner.name=bptt", "learner.name=eprop1",
                                       "learner.name=kf-rtrl learner.steps=1"};

static hth_real *gradient_with(law_rig *rig, const char *cell, int period, const char *learner) {
    char text[512];
    snprintf(text, sizeof text,
             "%s cell.refractory=%d cell.v_th=0.35 network.units=9 readout.kappa=0.8", cell,
             period);
    const law_case what = {text, 4, 0, 2, 20, 5, false, false};
    law_setup(rig, &what);
    hth_real *gradient = law_gradient(rig, learner, strstr(learner, "steps=1") ? 1 : 20);
    law_assert_alive(rig);
    return gradient;
}

static void test_one_loop_is_the_general_one(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++)
        for (size_t l = 0; l < HTH_COUNT(learners); l++) {
            law_rig plain, general, silent;
            hth_real *a = gradient_with(&plain, cells[c], 0, learners[l]);
            hth_real *b = gradient_with(&general, cells[c], 1, learners[l]);
            hth_real *other = gradient_with(&silent, cells[c], 2, learners[l]);
            assert_true(plain.report.spikes == general.report.spikes);
            law_assert_equal(&plain, learners[l], a, b, tolerance(1e-12, 1e-4));
            assert_true(plain.report.spikes > silent.report.spikes);
            law_assert_differs(&plain, learners[l], other, b, 1e-3);
            free(a);
            free(b);
            free(other);
            law_teardown(&plain);
            law_teardown(&general);
            law_teardown(&silent);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_loop_is_the_general_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
