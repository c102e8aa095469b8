/*
 * Synthetic gradients: a prediction that is right makes every form of them exact, and stays as it is; DNI and
 * DNI(b) are, step by step and with weights that change, a plain implementation of their equations.
 */
#include "parts.h"

#include "credit/future/predictor.h"

/* ---- DNI and DNI(b) by their equations ---- */

static const law_case add = {"cell.name=rate cell.alpha=0.4 network.units=6 loss.name=softmax",
                             3,
                             0,
                             3,
                             42,
                             1,
                             false,
                             false};

enum { STATES = 6, OUTPUTS = 3, WIDTH = STATES + OUTPUTS + 1 };

/* What a plain implementation may get wrong. */
typedef struct variant {
    bool tanh, learned;
    int refresh;
    double rate;
} variant;

typedef struct plain_dni {
    double A[STATES][WIDTH], lagged[STATES][WIDTH], J[STATES][STATES];
    double last[WIDTH], last_credit[STATES];
} plain_dni;

static void predict(double A[STATES][WIDTH], const double *x, double *c) {
    for (int i = 0; i < STATES; i++) {
        c[i] = 0;
        for (int l = 0; l < WIDTH; l++) c[i] += A[i][l] * x[l];
    }
}

static void plain_target(const plain_rate *net, plain_dni *dni, const variant *v, const double *x,
                         double *goal) {
    double c[STATES];
    predict(dni->lagged, x, c);
    for (int i = 0; v->tanh && i < STATES; i++) c[i] = tanh(c[i]);
    if (v->learned)
        for (int j = 0; j < STATES; j++) {
            goal[j] = 0;
            for (int i = 0; i < STATES; i++) goal[j] += c[i] * dni->J[i][j];
        }
    else
        plain_pull(net, net->slope, c, goal);
    for (int i = 0; i < STATES; i++) goal[i] += dni->last_credit[i];
}

/* Of A[l][i] in sg.weights. */
static size_t at(int l, int i) {
    return (size_t)l * hth_predictor_stride(STATES) + (size_t)i;
}

/* One step of learning; leaves the credit for the gradient. */
static void plain_update(const plain_rate *net, plain_dni *dni, const variant *v, int t,
                         const hth_real *target, double *credit) {
    double x[WIDTH], c[STATES], goal[STATES] = {0};
    for (int i = 0; i < STATES; i++) x[i] = net->r[i];
    for (int o = 0; o < OUTPUTS; o++) x[STATES + o] = (double)target[o];
    x[WIDTH - 1] = 1;
    if (t % v->refresh == 0) memcpy(dni->lagged, dni->A, sizeof dni->A);
    if (t > 0) {
        plain_target(net, dni, v, x, goal);
        predict(dni->A, dni->last, c);
        for (int i = 0; i < STATES; i++)
            for (int l = 0; l < WIDTH; l++)
                dni->A[i][l] -= v->rate * (c[i] - goal[i]) * dni->last[l];
    }
    predict(dni->A, x, credit);
    memcpy(dni->last, x, sizeof x);
    for (int i = 0; i < STATES; i++) dni->last_credit[i] = net->q[i];
    for (int i = 0; v->learned && i < STATES; i++) { /* after all else */
        double error = net->r[i];
        for (int j = 0; j < STATES; j++) error -= dni->J[i][j] * net->before[j];
        for (int j = 0; j < STATES; j++) dni->J[i][j] += v->rate * error * net->before[j];
    }
}

/* Largest difference of the gradient at any step, or of A at the end. */
static double compare_with_plain(const char *settings, const variant *v) {
    law_rig rig;
    double worst = 0, credit[STATES];
    law_setup(&rig, &add);
    handles h = make_handles(&rig, settings, 1);
    const hth_real *A = field_of(&h, "sg.weights").data;
    plain_rate net = plain_open(&rig, 0.4);
    plain_dni dni = {0};
    for (int i = 0; i < STATES; i++) {
        for (int l = 0; l < WIDTH; l++) dni.A[i][l] = (double)A[at(l, i)];
        for (int j = 0; j < STATES; j++) dni.J[i][j] = plain_weight(&net, (size_t)i, (size_t)j);
    }
    assert_true(fabs(dni.A[1][2]) > 1e-3);
    for (size_t t = 0; t < rig.what.steps; t++) {
        const hth_real *target = rig.chunk.targets + t * OUTPUTS;
        hth_gradient_clear(h.gradient);
        plain_step(&net, rig.chunk.x + t * rig.what.inputs, target);
        plain_update(&net, &dni, v, (int)t, target, credit);
        learn_steps(&rig, &h, t, 1);
        worst = fmax(worst, plain_difference(&net, credit, net.slope, net.u,
                                             hth_gradient_values(h.gradient)));
        descend(&rig, &h, 0.1);
    }
    for (int i = 0; i < STATES; i++)
        for (int l = 0; l < WIDTH; l++)
            worst = fmax(worst, fabs((double)A[at(l, i)] - dni.A[i][l]));
    drop_handles(&h);
    law_teardown(&rig);
    return worst;
}

static void test_dni_is_its_equations(void **state) {
    (void)state;
    static const char dni[] = "learner.name=dni learner.sg_lr=0.05";
    static const char dni_b[] =
        "learner.name=dni-b learner.sg_lr=0.05 learner.jacobian_lr=0.05 learner.signal=readout";
    const double near = tolerance(1e-11, 2e-3), far = 5e-3;
    assert_true(compare_with_plain(dni, &(variant){false, false, 5, 0.05}) < near);
    assert_true(compare_with_plain(dni, &(variant){false, false, 1, 0.05}) > far);
    assert_true(compare_with_plain(dni, &(variant){true, false, 5, 0.05}) > far);
    assert_true(compare_with_plain("learner.name=dni learner.sg_lr=0.05 learner.sg_refresh=1",
                                   &(variant){false, false, 1, 0.05}) < near);
    assert_true(compare_with_plain(dni_b, &(variant){true, true, 5, 0.05}) < near);
    assert_true(compare_with_plain(dni_b, &(variant){true, false, 5, 0.05}) > far);
    assert_true(compare_with_plain(dni_b, &(variant){false, true, 5, 0.05}) > far);
    /* the presets have the paper's rates */
    assert_true(compare_with_plain("learner.name=dni", &(variant){false, false, 5, 1e-3}) < near);
    assert_true(compare_with_plain("learner.name=dni-b learner.signal=readout",
                                   &(variant){true, true, 5, 1e-3}) < near);
}

/* ---- A prediction that is right ---- */

typedef struct oracle_case {
    law_case what;
    size_t K;
} oracle_case;

/* Fewer ends of tapes than numbers that are read, so that some A predicts all of them. */
static const oracle_case oracles[] = {
    {{"cell.name=rate cell.alpha=0.5 network.units=9 loss.name=softmax", 3, 0, 2, 10, 1, false,
      false},
     1},
    {{"cell.name=rate cell.alpha=0.4 network.units=8,6 network.initial=learned", 3, 0, 2, 15, 2,
      false, true},
     3},
    {{"cell.name=rate-pre cell.alpha=0.6 network.units=9", 3, 0, 2, 9, 1, false, false}, 1},
    {{"cell.name=lstm network.units=7 loss.name=softmax", 3, 0, 4, 12, 1, true, true}, 1},
    {{"cell.name=gru network.units=9,8 network.embedding=3", 0, 6, 4, 12, 2, true, false}, 2},
    {{"cell.name=alif cell.spike=smooth cell.pseudo_derivative=gaussian cell.width=5 cell.beta=0.3 "
      "cell.refractory=0 cell.v_th=0.61 readout.kappa=0 network.units=8 network.initial=learned",
      3, 0, 2, 14, 1, false, false},
     2},
};

/* The exact adjoint of X after step `end` - 1 by an item's losses from there on, and x: from one tape of the steps
 * that follow. With `present` the loss of step `end` - 1 counts too. */
static void exact_boundary(law_rig *rig, size_t end, bool present, hth_real *x, hth_real *c) {
    const hth_network *net = rig->network;
    const size_t N = hth_joint_states(net), o = net->readout.outputs, width = N + o + 1;
    const size_t T = rig->what.steps, batch = rig->what.batch, n = net->readout.n;
    const hth_layer *top = &net->layers[net->layer_count - 1];
    handles h = make_handles(rig, "learner.name=tbptt", T);
    memset(x, 0, batch * width * sizeof *x);
    memset(c, 0, batch * N * sizeof *c);
    learn_steps(rig, &h, 0, end);
    const hth_real *q = h.learner->adjoint.layers[net->layer_count - 1].q + (end - 1) * batch * n;
    for (size_t b = 0; b < batch; b++) {
        const size_t item = (end - 1) * batch + b;
        hth_joint_values(h.tape, end, b, x + b * width);
        for (size_t k = 0; k < o && hth_item_weight(&rig->chunk, item) != 0; k++)
            x[b * width + N + k] = hth_item_target(&rig->chunk, o, item, k);
        x[b * width + width - 1] = 1;
        hth_real *z = c + b * N + (N - hth_joint_layer_states(top));
        if (top->cell->observable == HTH_Z_SEPARATE) z += top->cell->states * top->n;
        for (size_t j = 0; present && j < n; j++) z[j] = q[b * n + j];
    }
    if (end < T) {
        hth_real *later = calloc(N, sizeof *later);
        learn_steps(rig, &h, end, T - end);
        for (size_t b = 0; b < batch; b++) {
            memset(later, 0, N * sizeof *later);
            hth_joint_start(h.learner, b, later);
            for (size_t i = 0; i < N; i++) c[b * N + i] += later[i];
        }
        free(later);
    }
    for (size_t i = 0; i < batch * N && net->readout.mean_over_batch; i++) c[i] *= (hth_real)batch;
    drop_handles(&h);
}

/* Solves the symmetric positive G Y = C, G[R][R], C[R][N], in place. */
static void solve(size_t R, size_t N, long double *G, long double *C) {
    for (size_t p = 0; p < R; p++) {
        size_t best = p;
        for (size_t i = p; i < R; i++)
            if (fabsl(G[i * R + p]) > fabsl(G[best * R + p])) best = i;
        for (size_t j = 0; j < R; j++) {
            const long double keep = G[p * R + j];
            G[p * R + j] = G[best * R + j];
            G[best * R + j] = keep;
        }
        for (size_t j = 0; j < N; j++) {
            const long double keep = C[p * N + j];
            C[p * N + j] = C[best * N + j];
            C[best * N + j] = keep;
        }
        assert_true(fabsl(G[p * R + p]) > 1e-9);
        for (size_t i = 0; i < R; i++) {
            const long double factor = G[i * R + p] / G[p * R + p];
            if (i == p) continue;
            for (size_t j = 0; j < R; j++) G[i * R + j] -= factor * G[p * R + j];
            for (size_t j = 0; j < N; j++) C[i * N + j] -= factor * C[p * N + j];
        }
    }
    for (size_t p = 0; p < R; p++)
        for (size_t j = 0; j < N; j++) C[p * N + j] /= G[p * R + p];
}

/* A of least norm with A^T x = c at the end of every tape. */
static hth_real *oracle(law_rig *rig, size_t K, bool present) {
    const size_t N = hth_joint_states(rig->network), batch = rig->what.batch;
    const size_t width = N + rig->network->readout.outputs + 1, tapes = rig->what.steps / K;
    const size_t R = tapes * batch, stride = hth_predictor_stride(N);
    hth_real *x = calloc(R * width, sizeof *x), *c = calloc(R * N, sizeof *c);
    hth_real *A = calloc(width * stride, sizeof *A);
    long double *G = calloc(R * R, sizeof *G), *Y = calloc(R * N, sizeof *Y);
    assert_true(R <= width && tapes * K == rig->what.steps);
    for (size_t i = 0; i < tapes; i++)
        exact_boundary(rig, (i + 1) * K, present, x + i * batch * width, c + i * batch * N);
    for (size_t i = 0; i < R; i++)
        for (size_t j = 0; j < R; j++)
            for (size_t k = 0; k < width; k++)
                G[i * R + j] += (long double)x[i * width + k] * (long double)x[j * width + k];
    for (size_t i = 0; i < R * N; i++) Y[i] = (long double)c[i];
    solve(R, N, G, Y);
    for (size_t i = 0; i < R; i++)
        for (size_t k = 0; k < width; k++)
            for (size_t j = 0; j < N; j++)
                A[k * stride + j] += (hth_real)((long double)x[i * width + k] * Y[i * N + j]);
    free(x);
    free(c);
    free(G);
    free(Y);
    return A;
}

/* The sum of the gradients of all tapes, beginning with the given A; how far A has gone from it. */
static hth_real *with_prediction(law_rig *rig, const char *settings, size_t K, const hth_real *A,
                                 double *moved) {
    handles h = make_handles(rig, settings, K);
    const hth_field field = field_of(&h, "sg.weights");
    hth_real *weights = field.data, *copy = malloc(rig->count * sizeof *copy);
    memcpy(weights, A, field.count * sizeof *weights);
    for (size_t t = 0; t < rig->what.steps; t += K) learn_steps(rig, &h, t, K);
    *moved = 0;
    for (size_t i = 0; i < field.count; i++)
        *moved = fmax(*moved, fabs((double)weights[i] - (double)A[i]));
    memcpy(copy, hth_gradient_values(h.gradient), rig->count * sizeof *copy);
    drop_handles(&h);
    return copy;
}

static void assert_right_is_exact(law_rig *rig, size_t K, const char *past, int scans,
                                  bool present) {
    char text[300];
    double moved;
    const size_t N = hth_joint_states(rig->network), stride = hth_predictor_stride(N);
    const size_t width = N + rig->network->readout.outputs + 1;
    hth_real *exact = law_gradient(rig, "learner.name=bptt", rig->what.steps);
    hth_real *A = oracle(rig, K, present);
    snprintf(text, sizeof text,
             "learner.recurrence=full learner.future=synthetic learner.past=%s learner.sg_lr=0.02 "
             "learner.sg_scans=%d learner.sg_present=%s",
             past, scans, present ? "true" : "false");
    hth_real *right = with_prediction(rig, text, K, A, &moved);
    law_assert_equal(rig, text, right, exact, tolerance(1e-10, 4e-2));
    assert_true(moved < tolerance(1e-10, 2e-2));
    for (size_t i = 0; i < width * N; i += 3) A[i / N * stride + i % N] += HTH_C(0.05);
    hth_real *wrong = with_prediction(rig, text, K, A, &moved);
    law_assert_differs(rig, "a wrong prediction", wrong, exact, tolerance(1e-3, 3e-2));
    assert_true(moved > tolerance(1e-5, 1e-3));
    free(right);
    free(wrong);
    free(A);
    free(exact);
}

static void test_right_prediction_is_exact(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(oracles); c++) {
        law_rig rig;
        law_setup(&rig, &oracles[c].what);
        for (int scans = 1; scans <= 2; scans++)
            for (int present = 0; present < 2; present++)
                assert_right_is_exact(&rig, oracles[c].K, "none", scans, present);
        law_teardown(&rig);
    }
}

/* With traces a right prediction is exact too: e-prop 3. */
static void test_right_prediction_with_traces(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &oracles[0].what);
    for (int scans = 1; scans <= 2; scans++)
        for (int present = 0; present < 2; present++)
            assert_right_is_exact(&rig, 1, "trace", scans, present);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dni_is_its_equations),
        cmocka_unit_test(test_right_prediction_is_exact),
        cmocka_unit_test(test_right_prediction_with_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
