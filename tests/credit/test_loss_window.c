/* loss.time = window: the gradient of an item is that of its summed loss over the sum of its weights, as the loss is
 * that is reported; items count alone, and nothing else is scaled. */
#include "laws.h"

static const law_case summed = {
    .settings = "cell.name=lstm network.units=4 readout.kappa=0.6 loss.batch=sum",
    .inputs = 3,
    .outputs = 3,
    .steps = 20,
    .batch = 3,
    .classes = true,
    .masked = true};
static const law_case windowed = {
    .settings = "cell.name=lstm network.units=4 readout.kappa=0.6 loss.batch=sum loss.time=window",
    .inputs = 3,
    .outputs = 3,
    .steps = 20,
    .batch = 3,
    .classes = true,
    .masked = true};

static double window_of(const law_rig *rig, size_t item) {
    double sum = 0;
    for (size_t t = 0; t < rig->what.steps; t++)
        sum += (double)rig->chunk.weights[t * rig->what.batch + item];
    return sum;
}

/* The weights of all items but one become 0, or those of all are divided by their sum. */
static void change_weights(law_rig *rig, size_t item, bool divide) {
    hth_real *weights = (hth_real *)(uintptr_t)rig->chunk.weights;
    for (size_t b = 0; b < rig->what.batch; b++) {
        const double window = window_of(rig, b);
        for (size_t t = 0; t < rig->what.steps; t++) {
            hth_real *w = &weights[t * rig->what.batch + b];
            if (divide)
                *w = (hth_real)((double)*w / window);
            else if (b != item)
                *w = 0;
        }
    }
}

static void test_window(void **state) {
    law_rig a, b, sum;
    (void)state;
    law_setup(&a, &windowed);
    law_setup(&b, &summed);
    law_setup(&sum, &summed);
    assert_true(fabs(window_of(&a, 0) - window_of(&a, 1)) > 0.1); /* items differ */
    change_weights(&b, 0, true);
    hth_real *got = law_gradient(&a, "learner.name=bptt", 20);
    hth_real *expected = law_gradient(&b, "learner.name=bptt", 20);
    hth_real *other = law_gradient(&sum, "learner.name=bptt", 20);
    law_assert_equal(&a, "window", got, expected, tolerance(1e-12, 1e-4));
    law_assert_differs(&a, "sum", other, got, 0.5);
    free(got);
    free(expected);
    free(other);
    law_teardown(&a);
    law_teardown(&b);
    law_teardown(&sum);
}

/* An item without any loss has no gradient, and is no division by 0; without weights all steps count. */
static void test_edges(void **state) {
    law_rig alone, all, mean;
    law_case whole = windowed, over_steps = windowed;
    (void)state;
    law_setup(&alone, &windowed);
    change_weights(&alone, 1, false);
    hth_real *one = law_gradient(&alone, "learner.name=bptt", 20);
    double largest = 0;
    for (size_t i = 0; i < alone.count; i++) {
        assert_true(isfinite(one[i]));
        largest = fmax(largest, fabs((double)one[i]));
    }
    assert_true(largest > 1e-4);
    whole.masked = over_steps.masked = false;
    over_steps.settings =
        "cell.name=lstm network.units=4 readout.kappa=0.6 loss.batch=sum loss.time=mean";
    law_setup(&all, &whole);
    law_setup(&mean, &over_steps);
    hth_real *a = law_gradient(&all, "learner.name=bptt", 20);
    hth_real *b = law_gradient(&mean, "learner.name=bptt", 20);
    law_assert_equal(&all, "all steps", a, b, tolerance(1e-12, 1e-5));
    free(one);
    free(a);
    free(b);
    law_teardown(&alone);
    law_teardown(&all);
    law_teardown(&mean);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
