/*
 * Eligibility traces: the same gradient for tapes of any length, for every cell, recurrence none and diagonal;
 * RFLO and truncated backpropagation + traces against a plain implementation of the equations of
 * Marschall et al. 2019 and of Bellec et al. 2019; RFLO and SnAp-1 = RTRL where they must be.
 */
#include "laws.h"

/* ---- The same for any K ---- */

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7", 3, 0, 2, 11, 2, false, false},
    {"cell.name=rate cell.alpha=0.3 network.units=6 network.initial=learned readout.kappa=0.7", 2,
     0, 3, 11, 3, false, true},
    {"cell.name=rate-pre cell.alpha=0.6 network.units=6 network.initial=learned readout.kappa=0.5 "
     "readout.scale=true readout.bias_place=inside",
     3, 0, 2, 11, 2, false, true},
    {"cell.name=lstm network.units=5 loss.name=softmax", 3, 0, 4, 11, 2, true, true},
    {"cell.name=lstm cell.output=linear network.units=6 readout.kappa=0.8 network.initial=learned",
     3, 0, 2, 11, 2, false, false},
    {"cell.name=gru network.units=6 network.initial=learned", 3, 0, 2, 11, 2, false, false},
    {"cell.name=sublstm network.units=5 loss.name=softmax network.initial=learned", 3, 0, 4, 11, 2,
     true, true},
    {"cell.name=gru network.units=5 readout.kappa=0.6 network.connections=random "
     "network.density=0.4",
     3, 0, 2, 11, 1, false, false},
    {"cell.name=lif network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2 "
     "cell.refractory=2",
     3, 0, 2, 30, 2, false, false},
    {"cell.name=alif cell.beta=0.3 cell.tau_a=10 network.units=12 network.self_connections=true "
     "cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 30, 2, false, true},
    {"cell.name=rate cell.alpha=0.4 cell.learn=alpha network.units=7 readout.kappa=0.7", 3, 0, 2,
     11, 2, false, false},
    {"cell.name=lif cell.learn=tau_m,v_th cell.reset=zero network.units=12 readout.kappa=0.9 "
     "cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 30, 2, false, false},
    {"cell.name=alif cell.learn=tau_m,v_th,tau_a,beta cell.beta=0.3 cell.tau_a=10 network.units=8 "
     "cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 30, 2, false, true},
    {"cell.name=cubalif cell.learn=tau_syn,v_th cell.tau_syn=3 network.units=8 readout.kappa=0.9 "
     "cell.v_th=0.8 init.w_in_scale=2",
     3, 0, 2, 30, 2, false, false},
    {"network.reads=input,input network.units=5,4 network.cells=rate,lstm cell.alpha=0.4 "
     "readout.kappa=0.7 readout.reads=top+input network.initial=learned",
     3, 0, 2, 11, 2, false, true},
    {"cell.name=alif cell.spike=smooth cell.beta=0.5 cell.tau_a=5 network.units=6 "
     "network.initial=learned network.self_connections=true readout.kappa=0.9 init.w_in_scale=2",
     3, 0, 2, 17, 3, false, false},
};

static void assert_any_length(const law_case *what, const char *recurrence, const char *signal) {
    char whole[160], traced[200];
    law_rig rig;
    law_setup(&rig, what);
    snprintf(whole, sizeof whole, "learner.recurrence=%s learner.signal=%s", recurrence, signal);
    snprintf(traced, sizeof traced, "%s learner.past=trace", whole);
    hth_real *reference = law_gradient(&rig, whole, what->steps);
    law_assert_alive(&rig);
    const size_t lengths[] = {1, 2, 3, 7, what->steps};
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        char label[120];
        snprintf(label, sizeof label, "%s, %s, traces, K = %zu", recurrence, signal, lengths[i]);
        hth_real *gradient = law_gradient(&rig, traced, lengths[i]);
        law_assert_equal(&rig, label, gradient, reference, tolerance(1e-10, 2e-4));
        free(gradient);
    }
    hth_real *cut = law_gradient(&rig, whole, 3);
    law_assert_differs(&rig, "without traces", cut, reference, 1e-3);
    free(cut);
    free(reference);
    law_teardown(&rig);
}

static void test_any_length_of_tape(void **state) {
    (void)state;
    static const char *const signals[] = {"readout", "random",
                                          "resampled learner.feedback_steps=2"};
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t i = 0; i < HTH_COUNT(signals); i++) {
            assert_any_length(&cases[c], "none", signals[i]);
            assert_any_length(&cases[c], "diagonal", signals[i]);
        }
}

/* Layers of different cells: the top layer, whose credit comes from the readout alone, gets the same from tapes of any
 * length. */
static void test_different_cells(void **state) {
    static const law_case stacks[] = {
        {"network.cells=rate,lstm network.units=5,4 readout.kappa=0.6 network.initial=learned", 3,
         0, 2, 11, 2, false, true},
        {"network.cells=lstm,rate network.units=4,5 cell.alpha=0.4 network.initial=learned", 3, 0,
         2, 11, 2, false, false},
        {"network.cells=alif,rate-pre network.units=9,4 network.self_connections=true "
         "cell.v_th=0.5 init.w_in_scale=2 readout.kappa=0.8 layer0.cell.beta=0.4",
         3, 0, 2, 20, 2, false, false}};
    static const size_t lengths[] = {1, 2, 5};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(stacks); c++)
        for (int diagonal = 0; diagonal < 2; diagonal++) {
            char whole[96], traced[160];
            law_rig rig;
            law_setup(&rig, &stacks[c]);
            snprintf(whole, sizeof whole, "learner.recurrence=%s", diagonal ? "diagonal" : "none");
            snprintf(traced, sizeof traced, "%s learner.past=trace learner.below=tape", whole);
            const size_t top = rig.network->layer_count - 1;
            const hth_layer *upper = &rig.network->layers[top];
            hth_real *reference = law_gradient(&rig, whole, stacks[c].steps);
            law_assert_alive(&rig);
            const hth_block block = {
                .offset = upper->weight, .rows = upper->rows, .columns = upper->m};
            for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
                hth_real *gradient = law_gradient(&rig, traced, lengths[i]);
                hth_real *cut = law_gradient(&rig, whole, lengths[i]);
                const double far = law_difference(&block, gradient, reference);
                if (!(far <= tolerance(1e-10, 2e-4)))
                    fail_msg("%s, K = %zu: %.3g", stacks[c].settings, lengths[i], far);
                assert_true(law_difference(&block, cut, reference) > 1e-3);
                free(gradient);
                free(cut);
            }
            free(reference);
            law_teardown(&rig);
        }
}

/* What a lower layer gets at one step is what it gets in a whole tape when the upper layer has no memory. */
static void test_stack(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=rate cell.alpha=0.3 network.units=6,5", 3, 0, 2, 12, 2, false, false};
    law_rig rig;
    law_setup(&rig, &what);
    for (int forgetful = 0; forgetful < 2; forgetful++) {
        hth_real *whole = law_gradient(&rig, "learner.recurrence=none", what.steps);
        hth_real *rflo = law_gradient(&rig, "learner.name=rflo", 1);
        if (forgetful)
            law_assert_equal(&rig, "stack", rflo, whole, tolerance(1e-10, 2e-4));
        else
            law_assert_differs(&rig, "an upper layer with memory", rflo, whole, 1e-3);
        free(whole);
        free(rflo);
        const hth_layer *upper = &rig.network->layers[1];
        for (size_t j = 0; j < upper->n; j++) { /* alpha, 1 - alpha */
            upper->constants[j] = 1;
            upper->constants[upper->n + j] = 0;
        }
    }
    law_teardown(&rig);
}

/* ---- A plain implementation, for the rate cell ---- */

typedef struct plain {
    const law_rig *rig;
    size_t n, m;
    double alpha;
    double *u, *B, *q; /* of each step: u[T][m], alpha phi'[T][n], W_out^T err [T][n] */
} plain;

static void run_plain(plain *p, size_t item) {
    const law_rig *rig = p->rig;
    const hth_network *net = rig->network;
    const hth_real *W = net->theta + net->layers[0].weight, *b = net->theta + net->readout.bias;
    const hth_real *W_out = net->theta + net->readout.weight;
    const size_t inputs = rig->what.inputs, outputs = rig->what.outputs, batch = rig->what.batch;
    double r[16] = {0};
    for (size_t t = 0; t < rig->what.steps; t++) {
        double *u = p->u + t * p->m;
        for (size_t i = 0; i < p->n; i++) u[i] = r[i];
        for (size_t i = 0; i < inputs; i++)
            u[p->n + i] = (double)rig->chunk.x[(t * batch + item) * inputs + i];
        u[p->m - 1] = 1;
        for (size_t j = 0; j < p->n; j++) {
            double a = 0;
            for (size_t i = 0; i < p->m; i++) a += (double)W[j * p->m + i] * u[i];
            r[j] = (1 - p->alpha) * u[j] + p->alpha * tanh(a);
            p->B[t * p->n + j] = p->alpha * (1 - tanh(a) * tanh(a));
            p->q[t * p->n + j] = 0;
        }
        for (size_t k = 0; k < outputs; k++) {
            double y = (double)b[k];
            for (size_t j = 0; j < p->n; j++) y += (double)W_out[k * p->n + j] * r[j];
            y -= (double)rig->chunk.targets[(t * batch + item) * outputs + k];
            for (size_t j = 0; j < p->n; j++) p->q[t * p->n + j] += y * (double)W_out[k * p->n + j];
        }
    }
}

/* g += sum_t zeta_t e_t with B_t = (1 - alpha) B + alpha phi' u_t, never cut; zeta_t = q_t, and with `crosses`
 * the later errors of the same interval of K steps, by way of other units. */
static void learn_plain(const plain *p, size_t K, bool crosses, double *trace, double *gradient) {
    const hth_real *W = p->rig->network->theta + p->rig->network->layers[0].weight;
    const size_t T = p->rig->what.steps, n = p->n, m = p->m;
    double zeta[32][16], lambda[16];
    for (size_t t = T; t-- > 0;) {
        const bool last = t + 1 == T || (t + 1) % K == 0;
        for (size_t j = 0; j < n; j++) {
            zeta[t][j] = p->q[t * n + j];
            for (size_t i = 0; crosses && !last && i < n; i++)
                zeta[t][j] += (double)W[i * m + j] * p->B[(t + 1) * n + i] * lambda[i];
        }
        for (size_t j = 0; j < n; j++)
            lambda[j] = zeta[t][j] + (last ? 0 : (1 - p->alpha) * lambda[j]);
    }
    memset(trace, 0, n * m * sizeof *trace);
    for (size_t t = 0; t < T; t++)
        for (size_t j = 0; j < n; j++)
            for (size_t i = 0; i < m; i++) {
                double *e = &trace[j * m + i];
                *e = (1 - p->alpha) * *e + p->B[t * n + j] * p->u[t * m + i];
                gradient[j * m + i] += zeta[t][j] * *e;
            }
}

static const law_case rate_case = {
    "cell.name=rate cell.alpha=0.2 network.units=8 loss.batch=sum", 3, 0, 2, 20, 2, false, false};

static void assert_plain(const char *learner, size_t K, bool crosses) {
    law_rig rig;
    law_setup(&rig, &rate_case);
    const size_t n = 8, m = 12, T = rate_case.steps;
    plain p = {.rig = &rig, .n = n, .m = m, .alpha = (double)(hth_real)0.2};
    p.u = calloc(T * m, sizeof *p.u);
    p.B = calloc(T * n, sizeof *p.B);
    p.q = calloc(T * n, sizeof *p.q);
    double *trace = calloc(n * m, sizeof *trace), *expected = calloc(n * m, sizeof *expected);
    for (size_t b = 0; b < rate_case.batch; b++) {
        run_plain(&p, b);
        learn_plain(&p, K, crosses, trace, expected);
    }
    hth_real *ours = law_gradient(&rig, learner, K);
    hth_real *other = law_gradient(&rig, "learner.name=tbptt", K);
    double largest = 0, difference = 0, control = 0;
    for (size_t i = 0; i < n * m; i++) {
        largest = fmax(largest, fabs(expected[i]));
        difference = fmax(difference, fabs(expected[i] - (double)ours[i]));
        control = fmax(control, fabs(expected[i] - (double)other[i]));
    }
    assert_true(largest > 1e-2);
    if (!(difference <= tolerance(1e-12, 1e-4) * largest))
        fail_msg("%s, K = %zu: differs from the plain one by %.3g", learner, K,
                 difference / largest);
    assert_true(control > 1e-2 * largest);
    free(p.u);
    free(p.B);
    free(p.q);
    free(trace);
    free(expected);
    free(ours);
    free(other);
    law_teardown(&rig);
}

static void test_plain_rflo(void **state) {
    (void)state;
    assert_plain("learner.name=rflo", 1, false);
    assert_plain("learner.name=rflo", 6, false);
}

static void test_plain_truncated_with_traces(void **state) {
    (void)state;
    assert_plain("learner.name=tbptt learner.past=trace", 1, true);
    assert_plain("learner.name=tbptt learner.past=trace", 4, true);
    assert_plain("learner.name=tbptt learner.past=trace", 7, true);
}

/* ---- Where traces are all there is ---- */

enum { DENSE, DIAGONAL_ONLY, HOLLOW, EMPTY }; /* what is left of the recurrent weights */

static void thin(law_rig *rig, int what) {
    const hth_layer *layer = &rig->network->layers[0];
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t k = 0; k < layer->n; k++) {
            const bool own = k == row % layer->n;
            const bool goes = what == EMPTY || (own ? what == HOLLOW : what == DIAGONAL_ONLY);
            if (goes) rig->network->theta[layer->weight + row * layer->m + k] = 0;
        }
}

/* Whether two learners, tapes of K1 and K2, give the same gradient. */
static void assert_pair(const char *network, int left, const char *one, size_t K1,
                        const char *other, size_t K2, bool same) {
    const law_case what = {network, 3, 0, 2, 14, 2, false, false};
    char label[128];
    law_rig rig;
    law_setup(&rig, &what);
    thin(&rig, left);
    snprintf(label, sizeof label, "%s %s %s", one, same ? "=" : "and", other);
    hth_real *a = law_gradient(&rig, one, K1), *b = law_gradient(&rig, other, K2);
    law_assert_alive(&rig);
    if (same)
        law_assert_equal(&rig, label, a, b, tolerance(1e-10, 2e-4));
    else
        law_assert_differs(&rig, label, a, b, 1e-3);
    free(a);
    free(b);
    law_teardown(&rig);
}

static void test_exact_where_units_are_alone(void **state) {
    (void)state;
    static const char *const networks[] = {
        "cell.name=rate cell.alpha=0.5 network.units=6",
        "cell.name=rate-pre cell.alpha=0.5 network.units=6 readout.kappa=0.5",
        "cell.name=lstm network.units=5 readout.kappa=0.8", "cell.name=gru network.units=5",
        ("cell.name=alif cell.beta=0.3 network.units=9 network.self_connections=true cell.v_th=0.6 "
         "init.w_in_scale=2 readout.kappa=0.9 cell.reset_gradient=false")};
    for (size_t c = 0; c < HTH_COUNT(networks); c++) {
        const char *net = networks[c], *rflo = "learner.name=rflo", *rtrl = "learner.name=rtrl";
        const char *snap = "learner.name=snap1";
        assert_pair(net, EMPTY, rflo, 1, rtrl, 1, true);
        assert_pair(net, EMPTY, rflo, 5, rtrl, 1, true);
        assert_pair(net, DIAGONAL_ONLY, rflo, 1, rtrl, 1, false);
        assert_pair(net, DIAGONAL_ONLY, snap, 1, rtrl, 1, true);
        assert_pair(net, DIAGONAL_ONLY, snap, 4, rtrl, 1, true);
        assert_pair(net, DENSE, snap, 1, rtrl, 1, false);
    }
    const char *rate = networks[0];
    assert_pair(rate, HOLLOW, "learner.name=snap1", 1, "learner.name=rflo", 1, true);
    assert_pair(rate, DENSE, "learner.name=snap1", 1, "learner.name=rflo", 1, false);
}

/* ---- Truncated backpropagation + traces ---- */

static double distance(const law_rig *rig, const hth_real *a, const hth_real *b) {
    const hth_block *block = &rig->network->blocks[0];
    double sum = 0;
    for (size_t i = 0; i < block->rows * block->columns; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum);
}

static void test_traces_bring_truncation_nearer(void **state) {
    (void)state;
    const law_case slow = {
        "cell.name=rate cell.alpha=0.05 network.units=16", 3, 0, 2, 40, 2, false, false};
    law_rig rig;
    law_setup(&rig, &slow);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 40);
    hth_real *truncated = law_gradient(&rig, "learner.name=tbptt", 5);
    hth_real *traced = law_gradient(&rig, "learner.name=tbptt learner.past=trace", 5);
    law_assert_differs(&rig, "traces and truncated", traced, truncated, 1e-2);
    law_assert_differs(&rig, "traces and exact", traced, exact, 1e-3);
    assert_true(distance(&rig, traced, exact) < 0.5 * distance(&rig, truncated, exact));
    free(exact);
    free(truncated);
    free(traced);
    law_teardown(&rig);
}

/* With one tape there is no past, in stacks and below token vectors too. */
static void test_one_tape_is_backpropagation(void **state) {
    (void)state;
    const law_case words = {"cell.name=gru network.units=5,4 network.embedding=3 "
                            "network.initial=learned readout.kappa=0.5",
                            0,
                            5,
                            5,
                            9,
                            2,
                            true,
                            false};
    law_rig rig;
    law_setup(&rig, &words);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 9);
    hth_real *one = law_gradient(&rig, "learner.name=tbptt learner.past=trace", 9);
    hth_real *cut = law_gradient(&rig, "learner.name=tbptt learner.past=trace", 4);
    law_assert_equal(&rig, "one tape", one, exact, tolerance(1e-12, 1e-5));
    law_assert_differs(&rig, "several tapes", cut, exact, 1e-4);
    free(exact);
    free(one);
    free(cut);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_length_of_tape),
        cmocka_unit_test(test_different_cells),
        cmocka_unit_test(test_stack),
        cmocka_unit_test(test_plain_rflo),
        cmocka_unit_test(test_plain_truncated_with_traces),
        cmocka_unit_test(test_exact_where_units_are_alone),
        cmocka_unit_test(test_traces_bring_truncation_nearer),
        cmocka_unit_test(test_one_tape_is_backpropagation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
