/* What can be looked at beside the gradient: dE/dx and dE/ds are central differences, and views of z and states. */
#include "verbs.h"

static void assert_near(const char *what, const char *settings, double ours, double differences,
                        double largest) {
    if (!(fabs(ours - differences) <= 1e-7 * largest + 1e-10))
        fail_msg("%s, %s: %.12g, but differences say %.12g", settings, what, ours, differences);
}

static double difference_of(law_rig *rig, hth_real *at) {
    const double h = 2e-4;
    const hth_real keep = *at;
    double f[4];
    for (int k = 0; k < 4; k++) {
        static const double steps[] = {-2, -1, 1, 2};
        *at = keep + (hth_real)(steps[k] * h);
        f[k] = law_loss(rig);
    }
    *at = keep;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

/* dE/dx of the whole sequence by bptt against central differences, and dE/ds of the start against the gradient of a
 * learned start, which is their sum over the batch. */
static void assert_inputs(const char *settings) {
    const law_case what = {settings, INPUTS, 0, OUTPUTS, 9, BATCH, false, true};
    law_rig rig;
    hth_error error;
    hth_view view;
    law_setup(&rig, &what);
    rig.chunk.ends = true;
    handles h = handles_make(&rig, "learner.name=bptt learner.inputs=true", 9);
    fill(&rig, h.tape, 0, 9, WHOLE);
    must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
    must(hth_learner_inputs(h.learner, &view, &error), &error);
    double largest = 0, wrong = 0;
    for (size_t i = 0; i < 9 * BATCH * INPUTS; i++)
        largest = fmax(largest, fabs((double)view.data[i]));
    assert_true(view.steps == 9 && view.batch == BATCH && view.units == INPUTS && largest > 1e-3);
    for (size_t i = 0; i < 9 * BATCH * INPUTS; i++) {
        hth_real *x = (hth_real *)rig.chunk.x + i;
        const double differences = difference_of(&rig, x), ours = (double)view.data[i];
        assert_near("dE/dx", settings, ours, differences, largest);
        wrong = fmax(wrong, fabs((double)view.data[(i + 1) % (9 * BATCH * INPUTS)] - differences));
    }
    assert_true(wrong > 1e-3 * largest); /* another step's number is seen */
    handles_drop(&h);
    law_teardown(&rig);
}

static void test_inputs(void **state) {
    static const char *const all[] = {
        "cell.name=rate network.units=5",
        "cell.name=lstm network.units=3,4 readout.kappa=0.4",
        "cell.name=gru network.units=4 network.direction=both",
        ("cell.name=gru network.units=4,3 network.reads=backward,below+input "
         "readout.reads=top+input readout.kappa=0.5"),
        "cell.name=rate network.units=4,3 network.reads=backward,input cell.alpha=0.6",
        "cell.name=alif network.units=4 cell.spike=smooth cell.reset_gradient=true cell.v_th=0.3 "
        "network.self_connections=true",
    };
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t i = 0; i < HTH_COUNT(all); i++) assert_inputs(all[i]);
}

static void test_start(void **state) {
    static const struct {
        const char *settings, *states[3];
        bool joined; /* z is the state: its gradient is the sum of both */
    } all[] = {{"cell.name=gru network.units=4 network.initial=learned", {"h", "z"}, true},
               {"cell.name=lstm network.units=4 network.initial=learned", {"c", "z"}, false},
               {"cell.name=rate network.units=4 network.initial=learned", {"r", "z"}, true}};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        const law_case what = {all[c].settings, INPUTS, 0, OUTPUTS, 9, BATCH, false, false};
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        handles h = handles_make(&rig, "learner.name=bptt learner.inputs=true", 9);
        fill(&rig, h.tape, 0, 9, WHOLE);
        must(hth_learn(h.learner, h.tape, h.gradient, &error), &error);
        const hth_layer *layer = &rig.network->layers[0];
        const hth_real *g = hth_gradient_values(h.gradient) + layer->initial;
        double alive = 0;
        for (size_t j = 0; j < layer->n; j++) {
            double sum[2] = {0};
            for (size_t s = 0; s < 2; s++) {
                hth_view view;
                must(hth_learner_start(h.learner, 0, all[c].states[s], &view, &error), &error);
                for (size_t b = 0; b < BATCH; b++)
                    sum[s] += (double)view.data[b * view.item_stride + j];
                alive += fabs(sum[s]);
            }
            const double first = all[c].joined ? sum[0] + sum[1] : sum[0];
            assert_true(fabs(first - (double)g[j]) < tolerance(1e-13, 1e-5));
            if (!all[c].joined)
                assert_true(fabs(sum[1] - (double)g[layer->n + j]) < tolerance(1e-13, 1e-5));
        }
        assert_true(alive > 1e-3);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

/* dE/ds at the start of a tape of one step is there when it is asked for, also of a learner that does without: it is
 * that of tbptt, on the second tape too. */
static void test_start_of_learners_that_skip_it(void **state) {
    enum { UNITS = 4, SLOT = UNITS * BATCH };
    static const char *const learners[] = {"tbptt", "uoro", "kf-rtrl",
                                           "tbptt learner.signal=random"};
    static const char *const names[] = {"c", "z"};
    const law_case what = {
        "cell.name=lstm network.units=4", INPUTS, 0, OUTPUTS, 2, BATCH, false, false};
    hth_real first[2][2][SLOT] = {{{0}}};
    (void)state;
    for (size_t l = 0; l < HTH_COUNT(learners); l++) {
        char text[80];
        double off[2] = {0}, size = 0;
        law_rig rig;
        hth_error error;
        law_setup(&rig, &what);
        snprintf(text, sizeof text, "learner.inputs=true learner.name=%s", learners[l]);
        handles h = handles_make(&rig, text, 1);
        for (size_t t = 0; t < 2; t++) {
            handles_advance(&rig, &h, t, 1);
            for (size_t s = 0; s < 2; s++) {
                hth_view view;
                must(hth_learner_start(h.learner, 0, names[s], &view, &error), &error);
                hth_real *at = first[t][s];
                if (l == 0) memcpy(at, view.data, SLOT * sizeof *at);
                for (size_t i = 0; i < SLOT; i++) {
                    off[s] = fmax(off[s], fabs((double)(view.data[i] - at[i])));
                    size = fmax(size, fabs((double)at[i]));
                }
            }
        }
        assert_true(size > 1e-3);
        for (size_t s = 0; s < 2 && l < 3; s++)
            assert_true(off[s] <= tolerance(1e-12, 1e-5) * size);
        if (l == 3) assert_true(off[0] > 1e-3 * size); /* another error has another start */
        handles_drop(&h);
        law_teardown(&rig);
    }
}

static void test_views(void **state) {
    const law_case what = {cells[5], INPUTS, 0, OUTPUTS, 6, BATCH, false, false};
    law_rig rig;
    hth_error error;
    hth_view z, v, a;
    (void)state;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=tbptt", 6);
    fill(&rig, h.tape, 0, 6, WHOLE);
    must(hth_tape_view(h.tape, 0, "z", &z, &error), &error);
    must(hth_tape_view(h.tape, 0, "v", &v, &error), &error);
    must(hth_tape_view(h.tape, 0, "a", &a, &error), &error);
    size_t spikes = 0;
    for (size_t t = 0; t < z.steps; t++)
        for (size_t b = 0; b < z.batch; b++)
            for (size_t j = 0; j < z.units; j++) {
                const double fires = (double)z.data[t * z.step_stride + b * z.item_stride + j];
                const double up = (double)a.data[t * a.step_stride + b * a.item_stride + j];
                spikes += fires == 1;
                assert_true(fires == 0 || fires == 1);
                /* a is a trace of the unit's own earlier spikes: none at first */
                if (t == 0) assert_true(up == 0);
            }
    assert_true(v.steps == 6 && v.units == 9 && spikes == (size_t)rig.report.spikes && spikes > 0);
    assert_int_equal(hth_tape_view(h.tape, 0, "c", &z, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "has no 'c': cell alif has z, v, a"));
    assert_int_equal(hth_tape_view(h.tape, 1, "z", &z, &error), HTH_INVALID);
    handles_drop(&h);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_start_of_learners_that_skip_it),
        cmocka_unit_test(test_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
