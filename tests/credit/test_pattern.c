/*
 * Influence on a pattern: with every unit in it = RTRL; order 1 = SnAp-1 by traces; on a sparse network = a plain
 * implementation of RTRL with a mask; on a ring and a chain exact at the order that reaches every unit, not before;
 * the regulariser's errors are taken as those of the readout.
 */
#include "laws.h"

#include "credit/learner.h"

static hth_real *pattern_gradient(law_rig *rig, size_t order, size_t K) {
    char settings[128];
    snprintf(settings, sizeof settings, "learner.name=snapN learner.order=%zu", order);
    return law_gradient(rig, settings, K);
}

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7", 3, 0, 2, 11, 2, false, false},
    {"cell.name=rate cell.alpha=0.3 network.units=6 network.initial=learned readout.kappa=0.7", 2,
     0, 3, 11, 3, false, true},
    {"cell.name=lstm network.units=5 loss.name=softmax network.initial=learned readout.kappa=0.6 "
     "readout.scale=true",
     3, 0, 4, 11, 2, true, true},
    {"cell.name=gru network.units=5 network.initial=learned", 3, 0, 2, 11, 2, false, false},
    {"cell.name=lif network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2,
     25, 2, false, false},
    {"cell.name=alif cell.beta=0.3 cell.tau_a=10 network.units=9 network.self_connections=true "
     "readout.kappa=0.8 cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 25, 2, false, true},
    {"cell.name=alif cell.learn=tau_m,v_th,beta cell.beta=0.3 cell.tau_a=10 network.units=9 "
     "readout.kappa=0.8 cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 25, 2, false, true},
    {"cell.name=cubalif cell.learn=tau_syn,tau_m cell.tau_syn=3 cell.reset=zero network.units=9 "
     "readout.kappa=0.8 cell.v_th=0.6 init.w_in_scale=2",
     3, 0, 2, 25, 2, false, true},
};

static void test_every_unit_is_rtrl(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=rtrl", 1);
        law_assert_alive(&rig);
        for (size_t K = 1; K <= 7; K += 3) {
            hth_real *dense = pattern_gradient(&rig, 2, K);
            hth_real *sparse = pattern_gradient(&rig, 1, K);
            law_assert_equal(&rig, "dense pattern", dense, exact, tolerance(1e-10, 5e-4));
            law_assert_differs(&rig, "order 1", sparse, exact, 1e-3);
            free(dense);
            free(sparse);
        }
        hth_real *whole = pattern_gradient(&rig, 1, cases[c].steps); /* nothing to drop */
        law_assert_equal(&rig, "one tape", whole, exact, tolerance(1e-10, 5e-4));
        free(whole);
        free(exact);
        law_teardown(&rig);
    }
}

static void test_order_1_is_snap1(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        if (strstr(cases[c].settings, "initial=learned"))
            continue; /* their first step counts all units */
        law_setup(&rig, &cases[c]);
        hth_real *traces = law_gradient(&rig, "learner.name=snap1", 1);
        hth_real *pattern = pattern_gradient(&rig, 1, 1);
        hth_real *wider = pattern_gradient(&rig, 2, 1);
        law_assert_alive(&rig);
        law_assert_equal(&rig, "order 1 = snap1", pattern, traces, tolerance(1e-10, 2e-4));
        law_assert_differs(&rig, "order 2", wider, traces, 1e-3);
        free(traces);
        free(pattern);
        free(wider);
        law_teardown(&rig);
    }
}

static void test_takes_the_regulariser(void **state) {
    (void)state;
    static const char *const readouts[] = {"readout.kappa=0", "readout.kappa=0.8"};
    for (size_t c = 0; c < HTH_COUNT(readouts); c++) {
        char text[300];
        law_rig rig;
        snprintf(text, sizeof text,
                 "cell.name=alif cell.beta=0.3 cell.tau_a=10 network.units=7 cell.v_th=0.6 "
                 "init.w_in_scale=2 regulariser.rate=30 regulariser.rate_over=tape %s",
                 readouts[c]);
        const law_case what = {text, 3, 0, 2, 12, 2, false, true};
        law_setup(&rig, &what);
        for (size_t K = 1; K <= 4; K += 3) { /* the rates are those of each tape */
            rig.network->regulariser.rate = 30;
            hth_real *exact = law_gradient(&rig, "learner.name=rtrl", K);
            hth_real *dense = pattern_gradient(&rig, 2, K);
            law_assert_alive(&rig);
            rig.network->regulariser.rate = 0; /* of tapes made from now on */
            hth_real *without = pattern_gradient(&rig, 2, K);
            law_assert_equal(&rig, "dense pattern", dense, exact, tolerance(1e-10, 5e-4));
            law_assert_differs(&rig, "without", without, exact, 0.05);
            free(exact);
            free(dense);
            free(without);
        }
        law_teardown(&rig);
    }
}

/* ---- Rings and chains ---- */

static double distance(const law_rig *rig, const hth_real *a, const hth_real *b) {
    const hth_block *block = &rig->network->blocks[0];
    double sum = 0, norm = 0;
    for (size_t i = 0; i < block->rows * block->columns; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        norm += (double)b[i] * (double)b[i];
    }
    return sqrt(sum / norm);
}

/* Errors of the orders 1..n; the last is rounding, those before fall and are not. */
static void assert_falls(law_rig *rig, size_t n) {
    double last = INFINITY;
    hth_real *exact = law_gradient(rig, "learner.name=rtrl", 1);
    for (size_t order = 1; order <= n; order++) {
        hth_real *gradient = pattern_gradient(rig, order, 1);
        const double error = distance(rig, gradient, exact);
        if (order == n)
            assert_true(error < tolerance(1e-12, 1e-5));
        else if (!(error < last && error > tolerance(1e-8, 1e-4)))
            fail_msg("order %zu: %.3g after %.3g", order, error, last);
        last = error;
        free(gradient);
    }
    free(exact);
}

static void test_ring(void **state) {
    (void)state;
    const law_case ring = {"cell.name=rate cell.alpha=0.5 network.units=6 network.connections=ring "
                           "init.w_rec_scale=3",
                           2,
                           0,
                           6,
                           40,
                           1,
                           false,
                           false};
    law_rig rig;
    law_setup(&rig, &ring);
    assert_falls(&rig, 6);
    law_teardown(&rig);
}

/* A ring with a weight of 0: what exists counts for the pattern, but the last unit must be reached. */
static void test_chain(void **state) {
    (void)state;
    const law_case ring = {"cell.name=gru network.units=4 network.connections=ring "
                           "init.w_rec_scale=2",
                           2,
                           0,
                           4,
                           30,
                           2,
                           false,
                           false};
    law_rig rig;
    law_setup(&rig, &ring);
    const hth_layer *layer = &rig.network->layers[0];
    for (size_t g = 0; g < layer->cell->drives; g++)
        rig.network->theta[layer->weight + g * layer->n * layer->m + layer->n - 1] = 0;
    assert_falls(&rig, 4);
    law_teardown(&rig);
}

/* ---- A plain implementation: RTRL with a mask, for the rate cell ---- */

enum { N = 9, INPUTS = 2, M = N + INPUTS + 1, P = N * M };

/* Whether unit k is in S_i: (I + C)^(order - 1), C the connections that exist. */
static void plain_mask(const hth_layer *layer, size_t order, bool mask[N][N]) {
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++) mask[k][i] = k == i;
    for (size_t step = 1; step < order; step++) {
        bool next[N][N];
        memcpy(next, mask, sizeof next);
        for (size_t k = 0; k < N; k++)
            for (size_t i = 0; i < N; i++)
                for (size_t via = 0; via < N; via++)
                    if (mask[via][i] && hth_layer_connects(layer, k, via)) next[k][i] = true;
        memcpy(mask, next, sizeof next);
    }
}

static void run_plain(const law_rig *rig, size_t item, bool mask[N][N], double alpha,
                      double *gradient) {
    const hth_network *net = rig->network;
    const hth_real *W = net->theta + net->layers[0].weight;
    const hth_real *W_out = net->theta + net->readout.weight, *b = net->theta + net->readout.bias;
    const size_t outputs = rig->what.outputs, batch = rig->what.batch;
    static double influence[N][P], next[N][P];
    double r[N] = {0}, u[M], slope[N];
    memset(influence, 0, sizeof influence);
    for (size_t t = 0; t < rig->what.steps; t++) {
        memcpy(u, r, sizeof r);
        for (size_t i = 0; i < INPUTS; i++)
            u[N + i] = (double)rig->chunk.x[(t * batch + item) * INPUTS + i];
        u[M - 1] = 1;
        for (size_t k = 0; k < N; k++) {
            double a = 0;
            for (size_t i = 0; i < M; i++) a += (double)W[k * M + i] * u[i];
            r[k] = (1 - alpha) * u[k] + alpha * tanh(a);
            slope[k] = alpha * (1 - tanh(a) * tanh(a));
        }
        for (size_t k = 0; k < N; k++)
            for (size_t p = 0; p < P; p++) {
                double sum = (1 - alpha) * influence[k][p];
                for (size_t l = 0; l < N; l++)
                    sum += slope[k] * (double)W[k * M + l] * influence[l][p];
                if (p / M == k) sum += slope[k] * u[p % M];
                next[k][p] = mask[k][p / M] ? sum : 0;
            }
        memcpy(influence, next, sizeof next);
        for (size_t o = 0; o < outputs; o++) {
            double error = (double)b[o];
            for (size_t k = 0; k < N; k++) error += (double)W_out[o * N + k] * r[k];
            error -= (double)rig->chunk.targets[(t * batch + item) * outputs + o];
            for (size_t k = 0; k < N; k++)
                for (size_t p = 0; p < P; p++)
                    gradient[p] += error * (double)W_out[o * N + k] * influence[k][p];
        }
    }
}

static void test_plain_snap(void **state) {
    (void)state;
    const law_case sparse = {"cell.name=rate cell.alpha=0.4 network.units=9 init.w_rec_scale=2 "
                             "network.connections=random network.density=0.2 loss.batch=sum",
                             INPUTS,
                             0,
                             3,
                             20,
                             2,
                             false,
                             false};
    law_rig rig;
    law_setup(&rig, &sparse);
    hth_real *exact = law_gradient(&rig, "learner.name=rtrl", 1);
    const hth_layer *layer = &rig.network->layers[0];
    for (size_t order = 1; order <= 4; order++) {
        bool mask[N][N];
        double *expected = calloc(P, sizeof *expected);
        hth_real *masked = calloc(rig.count, sizeof *masked);
        plain_mask(layer, order, mask);
        for (size_t item = 0; item < 2; item++)
            run_plain(&rig, item, mask, (double)(hth_real)0.4, expected);
        hth_real *ours = pattern_gradient(&rig, order, 1);
        memcpy(masked, ours, rig.count * sizeof *masked);
        for (size_t p = 0; p < P; p++) masked[p] = (hth_real)expected[p];
        hth_layer_mask(layer, masked);
        law_assert_equal(&rig, "plain SnAp", ours, masked, tolerance(1e-12, 1e-4));
        if (order < 3) law_assert_differs(&rig, "exact", masked, exact, 1e-3);
        free(expected);
        free(masked);
        free(ours);
    }
    free(exact);
    law_teardown(&rig);
}

/* ---- Handles ---- */

static hth_learner *made(const law_rig *rig, const char *settings, size_t K, const char *refused) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_learner *learner = NULL;
    snprintf(text, sizeof text, "%s", settings);
    hth_settings split = law_split(text, items);
    hth_status status = hth_learner_create(&split, rig->network, K, rig->what.batch, 1,
                                           rig->compute, NULL, &learner, &error);
    if (!refused) {
        must(status, &error);
    } else {
        assert_int_equal(status, HTH_INVALID);
        if (!strstr(error.message, refused)) fail_msg("'%s' lacks '%s'", error.message, refused);
    }
    return learner;
}

/* Numbers kept per item: what the pattern says; with every unit in it, what the table says. */
static void test_memory(void **state) {
    (void)state;
    const law_case ring = {"cell.name=lstm network.units=10 network.connections=ring "
                           "readout.kappa=0.5",
                           3,
                           0,
                           2,
                           4,
                           2,
                           false,
                           false};
    const size_t columns = 4 * (10 + 3 + 1), states = 3; /* c, h, filtered h */
    law_rig rig;
    law_setup(&rig, &ring);
    for (size_t order = 1; order <= 12; order++) {
        char settings[64];
        hth_cost costs[HTH_COSTS];
        snprintf(settings, sizeof settings, "learner.name=snapN learner.order=%zu", order);
        hth_learner *learner = made(&rig, settings, 2, NULL);
        const size_t reached = order < 10 ? order : 10;
        assert_true(law_numbers_kept(learner) == (double)(2 * 10 * reached * states * columns));
        hth_learner_costs(learner, costs);
        assert_true(costs[2].memory >= (double)(10 * reached * states * columns));
        assert_true(order < 10 || costs[2].memory == (double)(10 * 10 * states * columns));
        hth_learner_destroy(learner);
    }
    law_teardown(&rig);
}

static void learn(law_rig *rig, hth_tape *tape, hth_learner *learner, hth_gradient *gradient,
                  size_t from, size_t steps) {
    hth_error error;
    hth_chunk cut = law_cut(rig, from, steps);
    must(hth_forward(tape, &cut, &rig->report, &error), &error);
    must(hth_learn(learner, tape, gradient, &error), &error);
}

/* The state fields are all of it: a run goes on in new handles with the same bits. */
static void test_resumes(void **state) {
    (void)state;
    const law_case what = {"cell.name=rate cell.alpha=0.3 network.units=8 "
                           "network.connections=random network.density=0.3",
                           3,
                           0,
                           2,
                           9,
                           2,
                           false,
                           false};
    law_rig rig;
    law_setup(&rig, &what);
    hth_error error;
    for (int forget = 0; forget < 2; forget++) {
        hth_tape *tape[2];
        hth_learner *learner[2];
        hth_gradient *gradient[2];
        hth_field fields[2][16];
        size_t count = 0;
        for (int i = 0; i < 2; i++) {
            must(hth_tape_create(rig.network, 3, 2, rig.compute, NULL, &tape[i], &error), &error);
            must(hth_gradient_create(rig.network, NULL, &gradient[i], &error), &error);
            learner[i] = made(&rig, "learner.name=snapN", 3, NULL);
        }
        learn(&rig, tape[0], learner[0], gradient[0], 0, 3);
        learn(&rig, tape[0], learner[0], gradient[0], 3, 3);
        for (int i = 0; i < 2; i++) {
            count = hth_tape_state(tape[i], fields[i], 16);
            count += hth_learner_state(learner[i], fields[i] + count, 16 - count);
        }
        for (size_t i = 0; i < count; i++) {
            if (forget && strcmp(fields[0][i].name, "pattern") == 0) continue;
            memcpy(fields[1][i].data, fields[0][i].data,
                   fields[0][i].count *
                       (fields[0][i].dtype == HTH_DTYPE_REAL ? sizeof(hth_real) : 8));
        }
        hth_gradient_clear(gradient[0]);
        for (int i = 0; i < 2; i++) learn(&rig, tape[i], learner[i], gradient[i], 6, 3);
        const int differs = memcmp(hth_gradient_values(gradient[0]),
                                   hth_gradient_values(gradient[1]), rig.count * sizeof(hth_real));
        assert_true(forget ? differs != 0 : differs == 0);
        for (int i = 0; i < 2; i++) {
            hth_gradient_destroy(gradient[i]);
            hth_learner_destroy(learner[i]);
            hth_tape_destroy(tape[i]);
        }
    }
    law_teardown(&rig);
}

static void test_refused(void **state) {
    (void)state;
    const law_case one = {"network.units=4", 3, 0, 2, 4, 1, false, false};
    const law_case two = {"network.units=4,3", 3, 0, 2, 4, 1, false, false};
    law_rig rig;
    law_setup(&rig, &one);
    made(&rig, "learner.name=snapN learner.recurrence=none", 1, "learner.recurrence = full");
    made(&rig, "learner.name=snapN learner.signal=none", 1, "nothing needs to be kept");
    made(&rig, "learner.name=snapN learner.order=0", 1, "learner.order");
    law_teardown(&rig);
    law_setup(&rig, &two);
    made(&rig, "learner.name=snapN", 1, "one recurrent layer");
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_unit_is_rtrl),
        cmocka_unit_test(test_order_1_is_snap1),
        cmocka_unit_test(test_takes_the_regulariser),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_plain_snap),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
