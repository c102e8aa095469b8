/*
 * Recursive least squares on the readout (learner.readout = rls) is ridge regression, solved here by elimination from
 * what the tape shows: over tapes of any length and batch, with a leaky readout, biases at either place, weights and
 * forgetting. Its state is all it needs to go on, and the optimiser takes its steps as they are.
 */
#include "laws.h"

#include "kernels/symmetric.h"
#include "network/readout.h"
#include "optim/gradient.h"

enum { MOST = 16, FIELDS = 32 }; /* weights of an output, the bias among them */

typedef struct run {
    law_rig rig;
    char text[512];
    hth_setting items[LAW_SETTINGS];
    hth_settings settings;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    size_t K;
} run;

static void open_run(run *r, const law_case *what, const char *how, size_t K) {
    hth_error error;
    law_setup(&r->rig, what);
    r->K = K;
    snprintf(r->text, sizeof r->text, "learner.name=rls %s", how);
    r->settings = law_split(r->text, r->items);
    must(hth_learner_create(&r->settings, r->rig.network, K, what->batch, 1, r->rig.compute, NULL,
                            &r->learner, &error),
         &error);
    must(hth_learner_tape(r->learner, r->rig.compute, NULL, &r->tape, &error), &error);
    must(hth_gradient_create(r->rig.network, NULL, &r->gradient, &error), &error);
    must(hth_optimiser_create(&r->settings, r->rig.network, r->rig.compute, NULL, &r->optimiser,
                              &error),
         &error);
}

static void close_run(run *r) {
    hth_optimiser_destroy(r->optimiser);
    hth_gradient_destroy(r->gradient);
    hth_learner_destroy(r->learner);
    hth_tape_destroy(r->tape);
    law_teardown(&r->rig);
}

/* ---- Ridge regression by hand ---- */

/* sum w f f^T + alpha, and sum w (y* - W_0 f) f^T of each output. */
typedef struct normal {
    size_t n, outputs;
    double A[MOST][MOST], B[4][MOST], W0[4][MOST], f[4][MOST];
} normal;

static double weight_at(const hth_network *net, size_t k, size_t j) {
    const hth_readout *r = &net->readout;
    return (double)net->theta[j < r->n ? r->weight + k * r->n + j : r->bias + k];
}

static void begin(normal *m, const hth_network *net, double alpha) {
    *m = (normal){.n = net->readout.n + net->readout.has_bias, .outputs = net->readout.outputs};
    for (size_t i = 0; i < m->n; i++) m->A[i][i] = alpha;
    for (size_t k = 0; k < m->outputs; k++)
        for (size_t j = 0; j < m->n; j++) m->W0[k][j] = weight_at(net, k, j);
}

static void add(normal *m, const double *f, const double *target, double weight, double forget) {
    for (size_t i = 0; i < m->n; i++)
        for (size_t j = 0; j < m->n; j++) m->A[i][j] = forget * m->A[i][j] + weight * f[i] * f[j];
    for (size_t k = 0; k < m->outputs; k++) {
        double e = target[k];
        for (size_t j = 0; j < m->n; j++) e -= m->W0[k][j] * f[j];
        for (size_t j = 0; j < m->n; j++) m->B[k][j] = forget * m->B[k][j] + weight * e * f[j];
    }
}

/* x of A x = b, by elimination. */
static void solve(const normal *m, size_t k, double *x) {
    double A[MOST][MOST + 1];
    for (size_t i = 0; i < m->n; i++) {
        memcpy(A[i], m->A[i], m->n * sizeof **A);
        A[i][m->n] = m->B[k][i];
    }
    for (size_t p = 0; p < m->n; p++)
        for (size_t i = p + 1; i < m->n; i++) {
            const double by = A[i][p] / A[p][p];
            for (size_t j = p; j <= m->n; j++) A[i][j] -= by * A[p][j];
        }
    for (size_t i = m->n; i-- > 0;) {
        x[i] = A[i][m->n];
        for (size_t j = i + 1; j < m->n; j++) x[i] -= A[i][j] * x[j];
        x[i] /= A[i][i];
    }
}

/* What the readout weighs at a step of an item, filtered by hand. */
static void meet(normal *m, const run *r, size_t t, size_t b, size_t from, double forget) {
    const hth_readout *out = &r->rig.network->readout;
    const law_case *c = &r->rig.what;
    const size_t item = (from + t) * c->batch + b;
    size_t stride;
    const hth_real *z = hth_top_z(r->tape, t, &stride) + b * stride;
    double target[4], *f = m->f[b];
    for (size_t j = 0; j < out->n; j++)
        f[j] = (double)out->kappa * f[j] + (double)out->gain * (double)z[j];
    if (out->has_bias) f[out->n] = out->filters_bias ? (double)out->kappa * f[out->n] + 1 : 1;
    for (size_t k = 0; k < out->outputs; k++)
        target[k] = c->classes ? r->rig.chunk.classes[item] == (int32_t)k
                               : (double)r->rig.chunk.targets[item * out->outputs + k];
    const double weight = r->rig.chunk.weights ? (double)r->rig.chunk.weights[item] : 1;
    if (weight > 0) add(m, f, target, weight, forget);
}

/* Learns from all of the data, and adds up what it meets. */
static void advance(run *r, size_t from, size_t to, normal *m, double forget) {
    hth_error error;
    for (; from < to; from += r->K) {
        const hth_chunk chunk = law_cut(&r->rig, from, r->K);
        must(hth_forward(r->tape, &chunk, &r->rig.report, &error), &error);
        for (size_t t = 0; m && t < r->K; t++)
            for (size_t b = 0; b < r->rig.what.batch; b++) meet(m, r, t, b, from, forget);
        must(hth_learn_and_step(r->learner, r->tape, r->gradient, r->optimiser, r->rig.network, 1,
                                &error),
             &error);
    }
}

/* The largest difference of the weights to those of ridge regression with that penalty, over the largest weight. */
static double distance(const law_case *what, const char *how, size_t K, double alpha,
                       double forget) {
    run r;
    normal m;
    double largest = 0, differs = 0, x[MOST];
    open_run(&r, what, how, K);
    begin(&m, r.rig.network, alpha);
    hth_real *before = malloc(r.rig.count * sizeof *before);
    memcpy(before, r.rig.network->theta, r.rig.count * sizeof *before);
    advance(&r, 0, what->steps, &m, forget);
    assert_memory_equal(before, r.rig.network->theta,
                        r.rig.network->recurrent_count * sizeof *before);
    for (size_t k = 0; k < m.outputs; k++) {
        solve(&m, k, x);
        for (size_t j = 0; j < m.n; j++) {
            differs = fmax(differs, fabs(weight_at(r.rig.network, k, j) - m.W0[k][j] - x[j]));
            largest = fmax(largest, fabs(m.W0[k][j] + x[j]));
        }
    }
    free(before);
    close_run(&r);
    return differs / largest;
}

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.5 network.units=7", 3, 0, 2, 60, 1, false, false},
    {"cell.name=rate network.units=6 readout.kappa=0.7", 3, 0, 2, 60, 2, false, true},
    {"cell.name=lif cell.v_th=0.6 init.w_in_scale=2 network.units=9 readout.kappa=0.8 "
     "readout.scale=true readout.bias_place=inside",
     3, 0, 1, 60, 3, false, false},
    {"cell.name=gru network.units=4,3 network.reads=input,input readout.bias=false "
     "loss.name=softmax",
     3, 0, 3, 60, 2, true, true},
    {"cell.name=lstm network.units=5 readout.reads=top+input loss.name=sigmoid", 2, 0, 2, 60, 1,
     false, false},
};

static void test_it_is_ridge_regression(void **state) {
    (void)state;
    static const size_t lengths[] = {1, 5, 60};
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t l = 0; l < HTH_COUNT(lengths); l++) {
            const double found = distance(&cases[c], "learner.rls_alpha=0.3", lengths[l], 0.3, 1);
            if (!(found < tolerance(1e-8, 2e-3)))
                fail_msg("%s, tapes of %zu: ridge differs by %g", cases[c].settings, lengths[l],
                         found);
        }
    /* Another penalty, and no such learning, are something else. */
    assert_true(distance(&cases[0], "learner.rls_alpha=0.3", 5, 0.6, 1) > 1e-2);
    assert_true(distance(&cases[0], "learner.readout=gradient", 5, 0.3, 1) > 1e-2);
}

static void test_forgetting(void **state) {
    (void)state;
    for (size_t K = 1; K <= 5; K += 4) {
        const char *how = "learner.rls_alpha=0.3 learner.rls_forgetting=0.9";
        assert_true(distance(&cases[0], how, K, 0.3, 0.9) < tolerance(1e-8, 2e-3));
        assert_true(distance(&cases[4], how, K, 0.3, 0.9) < tolerance(1e-8, 2e-3));
        assert_true(distance(&cases[0], how, K, 0.3, 1) > 1e-2);
    }
}

/* Whatever the optimiser is set to; but a rate of 0 keeps the weights. */
static void test_steps_are_taken_as_they_are(void **state) {
    (void)state;
    static const char *const optimisers[] = {
        "optimiser.name=sgd optimiser.lr=3", "optimiser.clip_norm=1e-3",
        "optimiser.clip_element=1e-3 optimiser.weight_decay=0.5",
        "optimiser.name=momentum optimiser.lr=0.1"};
    for (size_t i = 0; i < HTH_COUNT(optimisers); i++) {
        char how[200];
        snprintf(how, sizeof how, "learner.rls_alpha=0.3 %s", optimisers[i]);
        assert_true(distance(&cases[0], how, 5, 0.3, 1) < tolerance(1e-8, 2e-3));
    }
    assert_true(distance(&cases[0], "optimiser.lr_readout=0", 5, 1, 1) > 1e-2);
}

/* The units may learn beside it, as if the readout learned by the gradient. */
static void test_units_learn_beside_it(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[1]);
    hth_real *by_rls = law_gradient(&rig, "learner.name=rflo learner.readout=rls", 5);
    hth_real *by_gradient = law_gradient(&rig, "learner.name=rflo", 5);
    const size_t units = rig.network->recurrent_count;
    assert_memory_equal(by_rls, by_gradient, units * sizeof *by_rls);
    assert_true(memcmp(by_rls + units, by_gradient + units, (rig.count - units) * sizeof *by_rls) !=
                0);
    free(by_rls);
    free(by_gradient);
    law_teardown(&rig);
}

static void test_every_and_until(void **state) {
    (void)state;
    run r;
    normal m;
    hth_error error;
    open_run(&r, &cases[0], "learner.rls_every=2 learner.rls_until=6", 1);
    begin(&m, r.rig.network, 1);
    hth_real last = (hth_real)weight_at(r.rig.network, 0, 0);
    for (size_t t = 0; t < 12; t++) {
        const hth_chunk chunk = law_cut(&r.rig, t, 1);
        must(hth_forward(r.tape, &chunk, &r.rig.report, &error), &error);
        must(hth_learn_and_step(r.learner, r.tape, r.gradient, r.optimiser, r.rig.network, 1,
                                &error),
             &error);
        const hth_real now = (hth_real)weight_at(r.rig.network, 0, 0);
        assert_int_equal(now != last, t % 2 == 0 && t < 6);
        last = now;
    }
    close_run(&r);
}

/* Another learner goes on from the state, in the middle of a sequence. */
static void test_state(void **state) {
    (void)state;
    run whole, first, second;
    hth_field from[FIELDS], to[FIELDS];
    const char *how = "learner.rls_forgetting=0.97";
    open_run(&whole, &cases[1], how, 5);
    open_run(&first, &cases[1], how, 5);
    open_run(&second, &cases[1], how, 5);
    advance(&whole, 0, 60, NULL, 1);
    advance(&first, 0, 30, NULL, 1);
    memcpy(second.rig.network->theta, first.rig.network->theta, first.rig.count * sizeof(hth_real));
    for (int is_tape = 0; is_tape < 2; is_tape++) {
        const size_t count = is_tape ? hth_tape_state(first.tape, from, FIELDS)
                                     : hth_learner_state(first.learner, from, FIELDS);
        assert_int_equal(count, is_tape ? hth_tape_state(second.tape, to, FIELDS)
                                        : hth_learner_state(second.learner, to, FIELDS));
        for (size_t i = 0; i < count; i++)
            memcpy(to[i].data, from[i].data, hth_field_bytes(&from[i]));
    }
    advance(&second, 30, 60, NULL, 1);
    assert_memory_equal(whole.rig.network->theta, second.rig.network->theta,
                        whole.rig.count * sizeof(hth_real));
    advance(&first, 35, 60, NULL, 1); /* a tape is left out */
    assert_true(memcmp(whole.rig.network->theta, first.rig.network->theta,
                       whole.rig.count * sizeof(hth_real)) != 0);
    close_run(&whole);
    close_run(&first);
    close_run(&second);
}

/* The pass over the half against all of the matrix. */
static void test_symmetric_pass(void **state) {
    (void)state;
    for (size_t n = 1; n <= 70; n += 23) {
        const hth_random r = {3, HTH_RANDOM_CHECK, (uint32_t)n};
        double *P = malloc(n * n * sizeof *P), *half = malloc(hth_triangle(n) * sizeof *half);
        double *q = malloc(n * sizeof *q), *f = malloc(n * sizeof *f), *out = malloc(n * sizeof *f);
        size_t at = 0;
        for (size_t i = 0; i < n; i++) {
            q[i] = hth_random_normal(&r, i);
            f[i] = hth_random_normal(&r, 100 + i);
            for (size_t j = i; j < n; j++, at++)
                P[i * n + j] = P[j * n + i] = half[at] = hth_random_normal(&r, 200 + at);
        }
        assert_int_equal(at, hth_triangle(n));
        hth_symmetric_pass(n, half, 0.3, q, 1.25, f, out);
        for (size_t i = at = 0; i < n; i++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++) {
                const double p = (P[i * n + j] - 0.3 * q[i] * q[j]) * 1.25;
                sum += p * f[j];
                if (j >= i) assert_true(fabs(half[at++] - p) < 1e-13);
            }
            assert_true(fabs(out[i] - sum) < 1e-12);
        }
        free(P);
        free(half);
        free(q);
        free(f);
        free(out);
    }
}

/* ---- Units that are silent ---- */

/* Steps of FORCE's rule on features of which the last one stays 0 for `silent` steps, then fires. The largest distance
 * of the output from its target over the last 50 steps of either part. */
static void fire_late(size_t silent, double distances[2]) {
    enum { N = 3, LAST = N - 1 };
    static const law_case what = {.settings = "network.units=3 cell.name=rate readout.bias=false",
                                  .inputs = 1,
                                  .outputs = 1,
                                  .steps = 1,
                                  .batch = 1};
    run r;
    open_run(&r, &what, "learner.rls_forgetting=0.9", 1);
    const hth_readout *out = &r.rig.network->readout;
    distances[0] = distances[1] = 0;
    for (size_t t = 0; t < silent + 200; t++) {
        /* Weights of the input and the constant; the last unit has none while it is silent. */
        hth_real *theta = r.rig.network->theta;
        const size_t columns = N + 1 + 1;
        memset(theta, 0, N * columns * sizeof *theta);
        for (size_t j = 0; j < N && (j < LAST || t >= silent); j++) {
            theta[j * columns + N] = (hth_real)(0.5 + 0.3 * (double)j);
            theta[j * columns + N + 1] = (hth_real)(0.4 * (double)j);
        }
        const hth_real x = (hth_real)sin(0.7 * (double)t);
        hth_error error;
        hth_chunk chunk = {.steps = 1, .batch = 1, .x = &x};
        hth_real target = (hth_real)(0.5 * sin(0.7 * (double)t) + 0.2), y;
        chunk.targets = &target;
        must(hth_forward(r.tape, &chunk, &r.rig.report, &error), &error);
        must(hth_tape_read(r.tape, 0, 1, &y, &error), &error);
        const double off = fabs((double)(y - target));
        if (t + 50 >= silent && t < silent && off > distances[0]) distances[0] = off;
        if (t + 50 >= silent + 200 && off > distances[1]) distances[1] = off;
        must(hth_learn_and_step(r.learner, r.tape, r.gradient, r.optimiser, r.rig.network, 1,
                                &error),
             &error);
        for (size_t j = 0; j < N; j++) assert_true(isfinite(theta[out->weight + j]));
    }
    close_run(&r);
}

/* 0.9^-8000 is beyond all numbers. Until the unit fires the others fit the target, and afterwards all do. */
static void silent_units_end_nothing(void **state) {
    (void)state;
    double few[2], many[2];
    fire_late(100, few);
    fire_late(8000, many);
    for (int i = 0; i < 2; i++) assert_true(few[i] < 0.1 && many[i] < 2 * few[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_ridge_regression),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_steps_are_taken_as_they_are),
        cmocka_unit_test(test_units_learn_beside_it),
        cmocka_unit_test(test_every_and_until),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_symmetric_pass),
        cmocka_unit_test(silent_units_end_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
