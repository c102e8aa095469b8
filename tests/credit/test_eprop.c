/*
 * e-prop 1 (Bellec et al. 2019, eqs. 42-57): all its trace variants against a plain implementation, for tapes of any
 * length; that it is the derivative of the network whose spikes are cut off in recurrent input and reset; its
 * feedback; its presets.
 */
#include "plain_eprop.h"

#include "credit/axes.h"

typedef struct spiking_case {
    law_case what;
    plain_unit unit;
} spiking_case;

static const spiking_case cases[] = {
    {{"cell.name=lif cell.tau_m=15 cell.v_th=0.5 cell.refractory=3 network.units=10 "
      "init.w_in_scale=2 readout.kappa=0.8 readout.scale=true",
      3, 0, 2, 30, 2, false, true},
     {.tau_m = 15, .tau_a = 1, .v_th = 0.5, .refractory = 3}},
    {{"cell.name=alif cell.refractory=0 cell.tau_a=12 cell.beta=0.25 cell.v_th=0.5 network.units=9 "
      "init.w_in_scale=2 network.self_connections=true network.bias=true readout.kappa=0.9 "
      "readout.bias_place=inside loss.batch=sum",
      3, 0, 3, 30, 2, false, false},
     {.tau_m = 20, .tau_a = 12, .v_th = 0.5, .beta = 0.25}},
    {{"cell.name=alif cell.tau_a=12 cell.beta=0.25 cell.v_th=0.25 cell.refractory=2 "
      "readout.kappa=0 "
      "cell.scale_input=true cell.tau_m=3 network.units=9 init.w_in_scale=2",
      3, 0, 2, 30, 3, false, false},
     {.tau_m = 3, .tau_a = 12, .v_th = 0.25, .beta = 0.25, .refractory = 2, .scale_input = true}},
    {{"cell.name=lif cell.tau_m=15 cell.v_th=0.5 cell.refractory=2 cell.reset=zero "
      "network.units=10 init.w_in_scale=2 readout.kappa=0.8",
      3, 0, 2, 30, 2, false, true},
     {.tau_m = 15, .tau_a = 1, .v_th = 0.5, .refractory = 2, .to_zero = true}},
    {{"cell.name=alif cell.refractory=0 cell.tau_a=12 cell.beta=0.25 cell.v_th=0.5 cell.reset=zero "
      "network.units=9 "
      "init.w_in_scale=2 readout.kappa=0.9",
      3, 0, 3, 30, 2, false, false},
     {.tau_m = 20, .tau_a = 12, .v_th = 0.5, .beta = 0.25, .to_zero = true}},
    {{"cell.name=cubalif cell.refractory=0 cell.tau_syn=4 cell.v_th=0.8 network.units=9 "
      "init.w_in_scale=2 "
      "network.bias=true readout.kappa=0.9",
      3, 0, 3, 30, 2, false, false},
     {.tau_m = 20, .tau_a = 1, .v_th = 0.8, .tau_syn = 4}},
    {{"cell.name=cubalif cell.refractory=0 cell.tau_syn=4 cell.tau_m=3 cell.v_th=0.2 "
      "cell.scale_input=true "
      "cell.reset=zero network.units=9 init.w_in_scale=3 readout.kappa=0.9",
      3, 0, 2, 30, 2, false, false},
     {.tau_m = 3, .tau_a = 1, .v_th = 0.2, .tau_syn = 4, .scale_input = true, .to_zero = true}},
};

typedef struct variant {
    const char *settings;
    plain_rule rule;
} variant;

static const variant variants[] = {
    {"learner.trace=full", {0}},
    {"learner.trace=instantaneous", {.instantaneous = true}},
    {"learner.postsynaptic=one", {.post = PLAIN_ONE}},
    {"learner.postsynaptic=one learner.trace=instantaneous",
     {.post = PLAIN_ONE, .instantaneous = true}},
    {"learner.postsynaptic=clopath",
     {.post = PLAIN_CLOPATH, .clopath_tau = 10, .low = 0.25, .high = 0}},
    {"learner.postsynaptic=clopath learner.trace=instantaneous learner.clopath_tau=4 "
     "learner.clopath_low=0.5 learner.clopath_high=0.125 learner.clopath_trace=sum",
     {.post = PLAIN_CLOPATH,
      .instantaneous = true,
      .clopath_tau = 4,
      .low = 0.5,
      .high = 0.125,
      .sum = true}},
};

/* ---- Against the plain implementation, and for tapes of any length ---- */

static hth_real *gradient_of(law_rig *rig, handles *h, size_t K) {
    start_sequence(h);
    hth_gradient_clear(h->gradient);
    for (size_t t = 0; t < rig->what.steps; t += K)
        learn_steps(rig, h, t, rig->what.steps - t < K ? rig->what.steps - t : K);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    return memcpy(copy, hth_gradient_values(h->gradient), rig->count * sizeof *copy);
}

static void assert_any_length(law_rig *rig, const char *settings, const double *expected) {
    const size_t lengths[] = {1, 2, 7, rig->what.steps};
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        hth_real *ours = law_gradient(rig, settings, lengths[i]);
        const double difference = plain_distance(rig, expected, ours);
        if (!(difference <= tolerance(1e-10, 1e-3)))
            fail_msg("%s, %s, K = %zu: differs from the plain one by %.3g", rig->what.settings,
                     settings, lengths[i], difference);
        free(ours);
    }
}

static void assert_variants(const spiking_case *c, const char *name) {
    law_rig rig;
    law_setup(&rig, &c->what);
    handles h = make_handles(&rig, name, c->what.steps);
    hth_real *usual = gradient_of(&rig, &h, c->what.steps);
    law_assert_alive(&rig);
    plain p = plain_make(&rig, h.tape, c->unit);
    p.F = h.learner->axes.signal->feedback(h.learner);
    for (size_t i = 0; i < HTH_COUNT(variants); i++) {
        char settings[240];
        snprintf(settings, sizeof settings, "%s %s", name, variants[i].settings);
        p.rule = variants[i].rule;
        double *expected = plain_gradient(&p);
        assert_any_length(&rig, settings, expected);
        if (i > 0 && plain_distance(&rig, expected, usual) < 0.05)
            fail_msg("%s: no other than the usual traces", settings);
        free(expected);
    }
    plain_drop(&p);
    free(usual);
    drop_handles(&h);
    law_teardown(&rig);
}

static void test_all_variants(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        assert_variants(&cases[i], "learner.name=eprop1");
        assert_variants(&cases[i], "learner.name=eprop1-symmetric");
    }
}

/* ---- The network whose spikes are cut off ---- */

enum { UNITS = 5, INPUTS = 3, WIDTH = UNITS + INPUTS, STEPS = 18, OUTPUTS = 2 };

/* Spikes are smooth. z of the unperturbed run, where it is frozen, else its own. */
typedef struct cut_run {
    const law_rig *rig;
    double W[UNITS * WIDTH], frozen[STEPS + 1][UNITS];
    bool freezes, reset_too;
} cut_run;

static double smooth_spike(double x) {
    const double u = fabs(x) / 4, half = u < 1 ? u - 0.5 * u * u : 0.5;
    return 0.3 * 4 * (x < 0 ? 0.5 - half : 0.5 + half);
}

static double cut_loss(const cut_run *run, double z[STEPS + 1][UNITS]) {
    const double alpha = exp(-1 / 20.0), rho = exp(-1 / 12.0), v_th = 0.5, beta = 0.25, kappa = 0.8;
    const hth_readout *r = &run->rig->network->readout;
    const hth_real *theta = run->rig->network->theta;
    double v[UNITS] = {0}, b[UNITS] = {0}, y[OUTPUTS] = {0}, loss = 0;
    memset(z[0], 0, sizeof z[0]);
    for (size_t t = 0; t < STEPS; t++) {
        const double *live = z[t], *seen = run->freezes ? run->frozen[t] : live;
        const hth_real *x = run->rig->chunk.x + t * INPUTS;
        for (size_t j = 0; j < UNITS; j++) {
            double a = 0;
            for (size_t i = 0; i < UNITS; i++) a += run->W[j * WIDTH + i] * seen[i];
            for (size_t i = 0; i < INPUTS; i++) a += run->W[j * WIDTH + UNITS + i] * (double)x[i];
            v[j] = alpha * v[j] + a - v_th * (run->reset_too ? seen : live)[j];
            b[j] = rho * b[j] + live[j];
            z[t + 1][j] = smooth_spike((v[j] - v_th - beta * b[j]) / v_th);
        }
        for (size_t k = 0; k < OUTPUTS; k++) {
            double sum = 0;
            for (size_t j = 0; j < UNITS; j++)
                sum += (double)theta[r->weight + k * UNITS + j] * z[t + 1][j];
            y[k] = kappa * y[k] + sum;
            const double e = y[k] + (double)theta[r->bias + k] -
                             (double)run->rig->chunk.targets[t * OUTPUTS + k];
            loss += 0.5 * e * e;
        }
    }
    return loss;
}

/* Central differences of every weight of the layer. */
static void cut_differences(cut_run *run, double out[UNITS * WIDTH]) {
    const double h = 1e-5;
    double z[STEPS + 1][UNITS];
    for (size_t i = 0; i < UNITS * WIDTH; i++) {
        const double keep = run->W[i];
        run->W[i] = keep + h;
        out[i] = cut_loss(run, z);
        run->W[i] = keep - h;
        out[i] = (out[i] - cut_loss(run, z)) / (2 * h);
        run->W[i] = keep;
    }
}

static double cut_distance(const law_rig *rig, const double *ours, const hth_real *g) {
    const hth_layer *layer = &rig->network->layers[0];
    double difference = 0, largest = 0;
    for (size_t j = 0; j < UNITS; j++)
        for (size_t i = 0; i < WIDTH; i++) {
            if (i == j) continue;
            const double x = (double)g[layer->weight + j * layer->m + i];
            difference = fmax(difference, fabs(ours[j * WIDTH + i] - x));
            largest = fmax(largest, fabs(x));
        }
    assert_true(largest > 1e-3);
    return difference / largest;
}

/* The derivative of that network's loss is e-prop 1's gradient; with the spike left in the reset it is another, and
 * with none cut it is BPTT's. */
static void test_derivative_of_the_cut_network(void **state) {
    (void)state;
    const law_case what = {"cell.name=alif cell.refractory=0 cell.tau_a=12 cell.beta=0.25 "
                           "cell.v_th=0.5 cell.width=4 cell.spike=smooth "
                           "network.units=5 init.w_in_scale=2 readout.kappa=0.8",
                           INPUTS,
                           0,
                           OUTPUTS,
                           STEPS,
                           1,
                           false,
                           false};
    law_rig rig;
    double ours[UNITS * WIDTH];
    cut_run run = {.rig = &rig};
    law_setup(&rig, &what);
    const hth_layer *layer = &rig.network->layers[0];
    for (size_t j = 0; j < UNITS; j++)
        for (size_t i = 0; i < WIDTH; i++)
            run.W[j * WIDTH + i] = (double)layer->W[j * layer->m + i];
    cut_loss(&run, run.frozen);
    hth_real *eprop = law_gradient(&rig, "learner.name=eprop1-symmetric", STEPS);
    hth_real *bptt = law_gradient(&rig, "learner.name=bptt", STEPS);
    const double near = tolerance(1e-7, 1e-3);
    cut_differences(&run, ours);
    assert_true(cut_distance(&rig, ours, bptt) < near);
    assert_true(cut_distance(&rig, ours, eprop) > 0.1);
    run.freezes = run.reset_too = true;
    cut_differences(&run, ours);
    assert_true(cut_distance(&rig, ours, eprop) < near);
    run.reset_too = false;
    cut_differences(&run, ours);
    const double left_in = cut_distance(&rig, ours, eprop);
    if (!(left_in > 0.1)) fail_msg("the reset left in: differs by only %.3g", left_in);
    free(eprop);
    free(bptt);
    law_teardown(&rig);
}

/* ---- Feedback ---- */

static hth_real *gradient_with(law_rig *rig, const char *settings, size_t K, const hth_real *F) {
    const hth_readout *r = &rig->network->readout;
    handles h = make_handles(rig, settings, K);
    hth_error error;
    if (F) must(hth_learner_feedback(h.learner, F, r->outputs, r->n, &error), &error);
    hth_real *gradient = gradient_of(rig, &h, K);
    drop_handles(&h);
    return gradient;
}

static void test_random_with_the_readouts_weights(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c].what);
        const hth_real *W_out = rig.network->theta + rig.network->readout.weight;
        for (size_t K = 4; K <= 30; K += 26) {
            hth_real *random = gradient_with(&rig, "learner.name=eprop1", K, W_out);
            hth_real *drawn = gradient_with(&rig, "learner.name=eprop1", K, NULL);
            hth_real *symmetric = gradient_with(&rig, "learner.name=eprop1-symmetric", K, NULL);
            assert_memory_equal(random, symmetric, rig.count * sizeof *random);
            law_assert_differs(&rig, "drawn", drawn, symmetric, 0.1);
            free(random);
            free(drawn);
            free(symmetric);
        }
        law_teardown(&rig);
    }
}

static void test_linear_in_the_feedback(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[1].what);
    const size_t count = rig.network->readout.outputs * rig.network->readout.n;
    hth_real *F = malloc(3 * count * sizeof *F), *g[3];
    const hth_random r = {9, HTH_RANDOM_CHECK, 1};
    for (size_t i = 0; i < 2 * count; i++) F[i] = (hth_real)hth_random_normal(&r, i);
    for (size_t i = 0; i < count; i++) F[2 * count + i] = 3 * F[i] - F[count + i];
    for (size_t i = 0; i < 3; i++)
        g[i] = gradient_with(&rig, "learner.name=eprop1", 7, F + i * count);
    for (size_t i = 0; i < rig.count; i++) g[0][i] = 3 * g[0][i] - g[1][i];
    const hth_block *block = &rig.network->blocks[0];
    assert_true(law_largest(block, g[2]) > 1e-4);
    assert_true(law_difference(block, g[0], g[2]) < tolerance(1e-12, 1e-4));
    assert_true(law_difference(block, g[1], g[2]) > 0.1);
    for (size_t i = 0; i < 3; i++) free(g[i]);
    free(F);
    law_teardown(&rig);
}

static void test_resampled_once_is_random(void **state) {
    (void)state;
    static const char *const resampled = "learner.name=eprop1 learner.signal=resampled";
    law_rig rig;
    char text[160];
    law_setup(&rig, &cases[0].what);
    hth_real *random = gradient_with(&rig, "learner.name=eprop1", 30, NULL);
    for (size_t K = 6; K <= 30; K += 24) {
        snprintf(text, sizeof text, "%s learner.feedback_steps=30", resampled);
        hth_real *once = gradient_with(&rig, text, K, NULL);
        snprintf(text, sizeof text, "%s learner.feedback_steps=20", resampled);
        hth_real *twice = gradient_with(&rig, text, K, NULL);
        law_assert_equal(&rig, "one window", once, random, tolerance(1e-11, 1e-3));
        law_assert_differs(&rig, "two windows", twice, random, 0.05);
        free(once);
        free(twice);
    }
    free(random);
    law_teardown(&rig);
}

/* ---- The instantaneous trace where units have no memory ---- */

static void test_instantaneous_without_memory(void **state) {
    (void)state;
    static const struct {
        const char *settings;
        bool same;
    } nets[] = {{"cell.name=rate cell.alpha=1 network.units=6 readout.kappa=0.7", true},
                {"cell.name=rate cell.alpha=0.5 network.units=6 readout.kappa=0.7", false},
                {"cell.name=rate-pre cell.alpha=0 network.units=6 readout.kappa=0.7", true},
                {"cell.name=rate-pre cell.alpha=0.5 network.units=6 readout.kappa=0.7", false},
                {"cell.name=lstm network.units=5", false}};
    for (size_t i = 0; i < HTH_COUNT(nets); i++) {
        const law_case what = {nets[i].settings, 3, 0, 2, 12, 2, false, false};
        law_rig rig;
        law_setup(&rig, &what);
        hth_real *full = law_gradient(&rig, "learner.name=eprop1", 12);
        for (size_t K = 1; K <= 12; K += 11) {
            hth_real *cut =
                law_gradient(&rig, "learner.name=eprop1 learner.trace=instantaneous", K);
            if (nets[i].same)
                law_assert_equal(&rig, "no memory", cut, full, tolerance(1e-12, 1e-4));
            else
                law_assert_differs(&rig, "memory", cut, full, 1e-2);
            free(cut);
        }
        free(full);
        law_teardown(&rig);
    }
}

/* ---- Chunks that end a sequence ---- */

static hth_real *gradient_ending(law_rig *rig, handles *h, size_t K, bool says) {
    start_sequence(h);
    hth_gradient_clear(h->gradient);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        hth_chunk chunk = law_cut(rig, t, rig->what.steps - t < K ? rig->what.steps - t : K);
        chunk.ends = says && t + K >= rig->what.steps;
        learn_chunk(rig, h, &chunk);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    return memcpy(copy, hth_gradient_values(h->gradient), rig->count * sizeof *copy);
}

/* No bit of the gradient is another, of this sequence and of the next; but where the tape is the whole sequence
 * nothing has been kept. */
static void test_ends(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[1].what);
    const size_t lengths[] = {30, 7, 30, 1, 30};
    handles said = make_handles(&rig, "learner.name=eprop1", 30);
    handles unsaid = make_handles(&rig, "learner.name=eprop1", 30);
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        hth_real *a = gradient_ending(&rig, &said, lengths[i], true);
        hth_real *b = gradient_ending(&rig, &unsaid, lengths[i], false);
        assert_true(law_largest(&rig.network->blocks[0], a) > 1e-3);
        assert_memory_equal(a, b, rig.count * sizeof *a);
        const hth_field kept = field_of(&said, "trace0.weight");
        double largest = 0;
        for (size_t k = 0; k < kept.count; k++)
            largest = fmax(largest, fabs((double)((hth_real *)kept.data)[k]));
        assert_true((largest > 0) == (lengths[i] < 30));
        free(a);
        free(b);
    }
    drop_handles(&said);
    drop_handles(&unsaid);
    law_teardown(&rig);
}

/* ---- Presets, state, refusals ---- */

static void test_presets(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0].what); /* 10 units, 2 outputs: the variance is 1/units */
    hth_real *preset = law_gradient(&rig, "learner.name=eprop1", 30);
    hth_real *axes = law_gradient(&rig,
                                  "learner.signal=random learner.recurrence=none "
                                  "learner.past=trace learner.feedback_variance=0.1",
                                  30);
    hth_real *outputs =
        law_gradient(&rig, "learner.name=eprop1 learner.feedback_variance=outputs", 30);
    law_assert_equal(&rig, "eprop1", preset, axes, tolerance(1e-12, 1e-5));
    law_assert_differs(&rig, "variance 1/outputs", outputs, preset, 0.5);
    free(preset);
    free(axes);
    free(outputs);
    law_teardown(&rig);
}

static void test_resumes(void **state) {
    (void)state;
    assert_resumes(&cases[1].what, "learner.name=eprop1 learner.postsynaptic=clopath", 4, "");
    assert_resumes(&cases[1].what, "learner.name=eprop1 learner.postsynaptic=clopath", 1, "");
}

static void test_refusals(void **state) {
    (void)state;
    const law_case rate = {"cell.name=rate network.units=4", 2, 0, 2, 4, 1, false, false};
    assert_refuses(&rate, "learner.name=eprop1 learner.postsynaptic=clopath", 1,
                   "a cell that spikes");
    assert_refuses(&rate, "learner.name=eprop1 learner.postsynaptic=one", 1, "a cell that spikes");
    assert_refuses(&rate, "learner.name=snap1 learner.trace=instantaneous", 1,
                   "learner.recurrence = none");
    assert_refuses(&cases[0].what,
                   "learner.name=eprop1 learner.recurrence=full learner.postsynaptic=clopath", 1,
                   "learner.recurrence = none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_variants),
        cmocka_unit_test(test_derivative_of_the_cut_network),
        cmocka_unit_test(test_random_with_the_readouts_weights),
        cmocka_unit_test(test_linear_in_the_feedback),
        cmocka_unit_test(test_resampled_once_is_random),
        cmocka_unit_test(test_instantaneous_without_memory),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
