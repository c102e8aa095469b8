/* KeRNL as a part of a run: sequences, interruptions, threads; what it says of itself and what it refuses. */
#include "credit/kernel_cases.h"

/* ---- Sequences, interruptions, threads ---- */

static void test_state_is_complete(void **state) {
    (void)state;
    const law_case *const all[] = {&rate, &leaky, &lstm};
    for (size_t c = 0; c < HTH_COUNT(all); c++)
        for (int forget = 0; forget < 2; forget++) {
            law_rig rig;
            law_setup(&rig, all[c]);
            const char *settings = "learner.name=kernl learner.kernel_noise=0.3 "
                                   "learner.kernel_lr=0.1 learner.kernel_reset=7";
            handles a = handles_make(&rig, settings, 1), b = handles_make(&rig, settings, 1);
            for (size_t t = 0; t < 5; t++) handles_advance(&rig, &a, t, 1);
            handles_copy_state(&a, &b);
            if (forget) *(uint64_t *)handles_field(&b, "noise.drawn").data = 0;
            hth_gradient_clear(a.gradient);
            for (size_t t = 5; t < 11; t++) {
                handles_advance(&rig, &a, t, 1);
                handles_advance(&rig, &b, t, 1);
            }
            const int differs =
                memcmp(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                       rig.count * sizeof(hth_real));
            assert_true((differs == 0) == !forget);
            handles_drop(&a);
            handles_drop(&b);
            law_teardown(&rig);
        }
}

/* A sequence begins without traces and with a copy of its own; what was learned stays. */
static void test_sequences(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &leaky);
    handles fixed = handles_make(&rig, "learner.name=kernl learner.kernel_lr=0", 1);
    hth_real *one = handles_gradient(&rig, &fixed, 1), *two = handles_gradient(&rig, &fixed, 1);
    assert_memory_equal(one, two, rig.count * sizeof *one);
    hth_gradient_clear(fixed.gradient);
    hth_tape_reset(fixed.tape); /* that of the tape alone is enough */
    for (size_t t = 0; t < leaky.steps; t++) handles_advance(&rig, &fixed, t, 1);
    assert_memory_equal(one, hth_gradient_values(fixed.gradient), rig.count * sizeof *one);
    free(one);
    free(two);
    handles h =
        handles_make(&rig, "learner.name=kernl learner.kernel_noise=0.5 learner.kernel_lr=0.1", 1);
    const hth_kernel *kept = kernel_of(&h);
    free(handles_gradient(&rig, &h, 1));
    hth_real *A = malloc(25 * sizeof *A);
    memcpy(A, kept->A, 25 * sizeof *A);
    assert_int_equal(kept->age, 14);
    handles_reset(&h);
    assert_memory_equal(A, kept->A, 25 * sizeof *A);
    handles_advance(&rig, &h, 0, 1);
    assert_int_equal(kept->age, 1);
    for (size_t i = 0; i < 10; i++) { /* one step old */
        assert_true(kept->Gamma[i] == 0);
        assert_true(kept->Omega[i] == kept->zeta[i]);
    }
    assert_true(distance(25, A, kept->A) > 0);
    free(A);
    handles_drop(&fixed);
    handles_drop(&h);
    law_teardown(&rig);
}

static void test_threads_change_no_bit(void **state) {
    (void)state;
    const law_case large = {
        "cell.name=rate cell.alpha=0.5 network.units=120", 3, 0, 2, 4, 80, false, false};
    hth_real *bits[2];
    law_rig rig;
    hth_error error;
    law_setup(&rig, &large);
    for (int threads = 1; threads <= 2; threads++) {
        hth_compute_destroy(rig.compute);
        must(hth_compute_create(threads, NULL, &rig.compute, &error), &error);
        bits[threads - 1] = law_gradient(
            &rig, "learner.name=kernl learner.kernel_noise=0.1 learner.kernel_lr=0.1", 1);
    }
    assert_memory_equal(bits[0], bits[1], rig.count * sizeof(hth_real));
    free(bits[0]);
    free(bits[1]);
    law_teardown(&rig);
}

/* ---- What it says of itself ---- */

static void test_memory(void **state) {
    (void)state;
    static const law_case cells[] = {
        {"cell.name=rate network.units=6", 3, 0, 2, 2, 1, false, false},
        {"cell.name=lstm network.units=5 readout.kappa=0.6", 3, 0, 4, 2, 1, false, false},
        {"cell.name=gru network.units=5 readout.kappa=0.6", 3, 0, 1, 2, 1, false, false},
        {"cell.name=rate-pre network.units=5", 3, 0, 1, 2, 1, false, false},
    };
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        hth_cost costs[HTH_COSTS];
        law_setup(&rig, &cells[c]);
        handles h = handles_make(&rig, "learner.name=kernl", 1);
        hth_learner_costs(h.learner, costs);
        const double numbers = law_numbers_kept(h.learner);
        assert_true(fabs(costs[2].memory - numbers) < 1e-6 * numbers);
        assert_true(costs[2].operations > numbers);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

static void test_needs(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &rate);
    for (int learns = 0; learns < 2; learns++) {
        hth_need needs[HTH_ALL_NEEDS];
        bool copy = false;
        handles h = handles_make(
            &rig, learns ? "learner.name=kernl" : "learner.name=kernl learner.kernel_lr=0", 1);
        const size_t count = hth_learner_needs(h.learner, needs);
        for (size_t i = 0; i < count; i++)
            if (strcmp(needs[i].operation, "vi") == 0) copy = !needs[i].feasible;
        assert_true(copy == learns);
        handles_drop(&h);
    }
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *network, *learner, *reason;
    } bad[] = {
        {"network.units=4", "learner.recurrence=full", "learner.recurrence = none"},
        {"network.units=4", "learner.signal=none", "no error reaches the units"},
        {"network.units=4,3", "", "of one layer's units"},
        {"network.units=4 network.initial=learned", "", "network.initial = zero"},
        {"network.units=4 cell.name=lif", "", "learner.kernel_lr = 0"},
        {"network.units=4 cell.name=lif", "learner.kernel_lr=0", NULL},
        {"network.units=4", "learner.kernel_reset=0", NULL},
    };
    for (size_t i = 0; i <= HTH_COUNT(bad); i++) {
        const bool longer = i == HTH_COUNT(bad);
        const law_case what = {
            longer ? "network.units=4" : bad[i].network, 2, 0, 2, 2, 1, false, false};
        law_rig rig;
        handles h;
        hth_error error;
        char text[96];
        const char *reason = longer ? "learner.steps = 1" : bad[i].reason;
        law_setup(&rig, &what);
        snprintf(text, sizeof text, "learner.name=kernl %s", longer ? "" : bad[i].learner);
        assert_int_equal(handles_try(&rig, text, longer ? 2 : 1, 1, &h, &error),
                         reason ? HTH_INVALID : HTH_OK);
        if (reason && !strstr(error.message, reason)) fail_msg("%s", error.message);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_is_complete),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
