/*
 * The learned Jacobian: it is what its equation says, step by step, and goes to the true one of a linear
 * autonomous network, with a plus sign; where it is the true one, credit crosses as by the derivative.
 */
#include "parts.h"

#include "credit/catalogues.h"

/* ---- A linear autonomous network: r_t = M r_{t-1}, M a rotation ---- */

static const law_case linear = {
    "cell.name=rate cell.phi=identity cell.alpha=0.5 network.units=4 network.initial=learned",
    1,
    0,
    2,
    6,
    1,
    false,
    false};

/* Two planes, turned by different angles and mixed, so that every direction is seen for ever. */
static void rotation(double M[4][4]) {
    const double a = 0.7, b = 1.9, h = 0.5;
    const double R[4][4] = {{cos(a), -sin(a), 0, 0},
                            {sin(a), cos(a), 0, 0},
                            {0, 0, cos(b), -sin(b)},
                            {0, 0, sin(b), cos(b)}};
    const double H[4][4] = {{h, h, h, h}, {h, -h, h, -h}, {h, h, -h, -h}, {h, -h, -h, h}};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            M[i][j] = 0;
            for (int k = 0; k < 4; k++)
                for (int l = 0; l < 4; l++) M[i][j] += H[i][k] * R[k][l] * H[j][l];
        }
}

/* Weights that make the network's own Jacobian M: M = (1 - alpha) I + alpha W. */
static void make_autonomous(law_rig *rig, double M[4][4]) {
    const hth_layer *layer = &rig->network->layers[0];
    hth_real *theta = rig->network->theta;
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < layer->m; k++)
            theta[layer->weight + i * layer->m + k] =
                k < 4 ? (hth_real)((M[i][k] - (i == k ? 0.5 : 0)) / 0.5) : 0;
    for (size_t i = 0; i < 4; i++) theta[layer->initial + i] = (hth_real)(0.4 + 0.3 * (double)i);
}

static double distance(const hth_real *J, double M[4][4]) {
    double largest = 0;
    for (int i = 0; i < 16; i++) largest = fmax(largest, fabs((double)J[i] - M[i / 4][i % 4]));
    return largest;
}

static void plain_learn(double J[4][4], const double *before, const double *now, double rate) {
    for (int i = 0; i < 4; i++) {
        double error = now[i];
        for (int j = 0; j < 4; j++) error -= J[i][j] * before[j];
        for (int j = 0; j < 4; j++) J[i][j] += rate * error * before[j];
    }
}

/* What the printed sign of eq. 3 does with the same states. */
static double plain_distance(double M[4][4], double rate, int steps) {
    double J[4][4] = {{0}}, before[4], now[4] = {0.4, 0.7, 1.0, 1.3}, largest = 0;
    for (int t = 0; t < steps; t++) {
        memcpy(before, now, sizeof now);
        for (int i = 0; i < 4; i++) {
            now[i] = 0;
            for (int j = 0; j < 4; j++) now[i] += M[i][j] * before[j];
        }
        plain_learn(J, before, now, rate);
    }
    for (int i = 0; i < 16; i++) largest = fmax(largest, fabs(J[i / 4][i % 4] - M[i / 4][i % 4]));
    return largest;
}

static void test_converges_to_the_true_jacobian(void **state) {
    (void)state;
    enum { STEPS = 600 };
    law_rig rig;
    double M[4][4];
    law_setup(&rig, &linear);
    rotation(M);
    make_autonomous(&rig, M);
    handles h = make_handles(&rig, "learner.recurrence=learned learner.jacobian_lr=0.3", 6);
    const hth_real *J = field_of(&h, "jacobian0").data;
    assert_true(distance(J, M) > 0.1); /* it begins with W, which is not M */
    for (int t = 0; t < STEPS; t += 6) learn_steps(&rig, &h, 0, 6);
    assert_true(distance(J, M) < tolerance(1e-8, 1e-5));
    assert_true(plain_distance(M, 0.3, STEPS) < 1e-8);
    assert_true(plain_distance(M, -0.3, STEPS) > 1e6);
    drop_handles(&h);
    law_teardown(&rig);
}

/* The scan goes by J: where J is the Jacobian, the gradient is that of recurrence = full. */
static void test_true_jacobian_is_full(void **state) {
    (void)state;
    law_rig rig;
    double M[4][4];
    law_setup(&rig, &linear);
    rotation(M);
    make_autonomous(&rig, M);
    hth_real *full = law_gradient(&rig, "learner.name=bptt", 6);
    for (int wrong = 0; wrong < 2; wrong++) {
        handles h = make_handles(&rig, "learner.recurrence=learned learner.jacobian_lr=0", 6);
        hth_real *J = field_of(&h, "jacobian0").data;
        for (int i = 0; i < 16; i++) J[i] = (hth_real)(M[i / 4][i % 4] + (wrong ? 0.01 : 0));
        learn_steps(&rig, &h, 0, 6);
        if (wrong)
            law_assert_differs(&rig, "wrong jacobian", hth_gradient_values(h.gradient), full, 1e-3);
        else
            law_assert_equal(&rig, "true jacobian", hth_gradient_values(h.gradient), full,
                             tolerance(1e-12, 1e-4));
        drop_handles(&h);
    }
    free(full);
    law_teardown(&rig);
}

/* ---- Cells with gates and states beside z: the Jacobian by central differences ---- */

static hth_real *in_slot(const hth_tape *tape, size_t slot, size_t j) {
    const hth_layer *layer = &tape->network->layers[0];
    const size_t states = layer->cell->states * layer->n;
    if (j < states) return tape->layers[0].state + slot * states + j;
    return tape->layers[0].u + slot * layer->stride + (j - states);
}

/* z that is the state lies in two places. */
static void disturb(const hth_tape *tape, size_t j, hth_real by) {
    const hth_layer *layer = &tape->network->layers[0];
    *in_slot(tape, 0, j) += by;
    if (layer->cell->observable == HTH_Z_IS_STATE) tape->layers[0].u[j] += by;
}

/* J[i][j] of step `from`, whose start is carried on the tape. */
static void measure_jacobian(law_rig *rig, hth_tape *tape, size_t from, hth_real *J) {
    const size_t S = hth_joint_layer_states(&rig->network->layers[0]);
    const hth_real by = HTH_C(1e-5);
    hth_chunk cut = law_cut(rig, from, 1);
    hth_field fields[16];
    hth_error error;
    double *x = calloc(2 * S, sizeof *x);
    hth_real *start[16];
    const size_t count = hth_tape_state(tape, fields, 16); /* carries over */
    for (size_t i = 0; i < count; i++)
        start[i] = memcpy(malloc(bytes_of(&fields[i])), fields[i].data, bytes_of(&fields[i]));
    for (size_t j = 0; j < S; j++) {
        for (int side = 0; side < 2; side++) {
            hth_tape_state(tape, fields, 16);
            for (size_t i = 0; i < count; i++)
                memcpy(fields[i].data, start[i], bytes_of(&fields[i]));
            disturb(tape, j, side ? by : -by);
            must(hth_forward(tape, &cut, &rig->report, &error), &error);
            for (size_t i = 0; i < S; i++) x[(size_t)side * S + i] = (double)*in_slot(tape, 1, i);
        }
        for (size_t i = 0; i < S; i++)
            J[i * S + j] = (hth_real)((x[S + i] - x[i]) / (2 * (double)by));
    }
    for (size_t i = 0; i < count; i++) free(start[i]);
    free(x);
}

static void test_any_cell_crosses_by_the_jacobian(void **state) {
    (void)state;
    static const law_case cells[] = {
        {"cell.name=lstm network.units=4", 3, 0, 2, 3, 1, false, false},
        {"cell.name=gru network.units=5", 3, 0, 2, 3, 1, false, false},
        {"cell.name=rate-pre cell.alpha=0.6 network.units=5", 3, 0, 2, 3, 1, false, false},
    };
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        law_setup(&rig, &cells[c]);
        handles full = make_handles(&rig, "learner.name=tbptt", 2);
        handles h = make_handles(&rig, "learner.recurrence=learned learner.jacobian_lr=0", 2);
        learn_steps(&rig, &full, 0, 1);
        learn_steps(&rig, &h, 0, 1);
        /* one step further, for J is wanted of the tape's second step */
        learn_steps(&rig, &full, 1, 1);
        measure_jacobian(&rig, full.tape, 2, field_of(&h, "jacobian0").data);
        hth_gradient_clear(full.gradient);
        hth_gradient_clear(h.gradient);
        start_sequence(&full);
        hth_error error;
        hth_chunk first = law_cut(&rig, 0, 1);
        must(hth_forward(full.tape, &first, &rig.report, &error), &error);
        learn_steps(&rig, &full, 1, 2);
        learn_steps(&rig, &h, 1, 2);
        law_assert_equal(&rig, "measured jacobian", hth_gradient_values(h.gradient),
                         hth_gradient_values(full.gradient), 1e-7);
        const hth_field J = field_of(&h, "jacobian0");
        ((hth_real *)J.data)[J.count - 1] += HTH_C(0.1);
        hth_tape_reset(h.tape);
        must(hth_forward(h.tape, &first, &rig.report, &error), &error);
        hth_gradient_clear(h.gradient);
        learn_steps(&rig, &h, 1, 2);
        law_assert_differs(&rig, "another jacobian", hth_gradient_values(h.gradient),
                           hth_gradient_values(full.gradient), 1e-4);
        drop_handles(&h);
        drop_handles(&full);
        law_teardown(&rig);
    }
}

/* ---- The rule, for any layers, batch and tapes ---- */

/* J += rate/batch sum_b (X_t - J X_{t-1}) X_{t-1}^T of layer l, from the tape as it lies. */
static void plain_tape(const hth_tape *tape, size_t l, double rate, double *J) {
    const hth_network *net = tape->network;
    const size_t N = hth_joint_states(net), S = hth_joint_layer_states(&net->layers[l]);
    size_t first = 0;
    hth_real before[64], now[64];
    double *step = calloc(S * S, sizeof *step);
    assert_true(N <= 64);
    for (size_t k = 0; k < l; k++) first += hth_joint_layer_states(&net->layers[k]);
    for (size_t t = 0; t < tape->steps; t++) {
        memset(step, 0, S * S * sizeof *step);
        for (size_t b = 0; b < tape->batch; b++) {
            hth_joint_values(tape, t, b, before);
            hth_joint_values(tape, t + 1, b, now);
            for (size_t i = 0; i < S; i++) {
                double error = (double)now[first + i];
                for (size_t j = 0; j < S; j++) error -= J[i * S + j] * (double)before[first + j];
                for (size_t j = 0; j < S; j++) step[i * S + j] += error * (double)before[first + j];
            }
        }
        for (size_t i = 0; i < S * S; i++) J[i] += rate / (double)tape->batch * step[i];
    }
    free(step);
}

static void test_rule_is_the_equation(void **state) {
    (void)state;
    static const law_case stack = {
        "cell.name=lstm network.units=4,9", 3, 0, 2, 24, 3, false, false};
    law_rig rig;
    law_setup(&rig, &stack);
    handles h = make_handles(&rig, "learner.recurrence=learned learner.jacobian_lr=0.2", 4);
    double J[2][18 * 18] = {{0}}, other[18 * 18] = {0};
    for (size_t t = 0; t < 24; t += 4) {
        learn_steps(&rig, &h, t, 4);
        for (size_t l = 0; l < 2; l++) plain_tape(h.tape, l, 0.2, J[l]);
        plain_tape(h.tape, 1, 0.25, other);
    }
    for (size_t l = 0; l < 2; l++) {
        const hth_field field = field_of(&h, l ? "jacobian1" : "jacobian0");
        const hth_real *ours = field.data;
        double difference = 0, largest = 0, apart = 0;
        assert_int_equal(field.count, l ? 18 * 18 : 8 * 8);
        for (size_t i = 0; i < field.count; i++) {
            difference = fmax(difference, fabs((double)ours[i] - J[l][i]));
            apart = fmax(apart, fabs((double)ours[i] - other[i]));
            largest = fmax(largest, fabs(J[l][i]));
        }
        assert_true(largest > 0.05);
        assert_true(difference < tolerance(1e-12, 1e-4));
        assert_true(l == 0 || apart > 1e-3);
    }
    drop_handles(&h);
    law_teardown(&rig);
}

/* It begins with the recurrent weights, where a cell has one drive, or with nothing. */
static void test_start(void **state) {
    (void)state;
    static const law_case cells[] = {
        {"cell.name=rate network.units=5", 2, 0, 2, 4, 1, false, false},
        {"cell.name=alif network.units=4", 2, 0, 2, 4, 1, false, false},
        {"cell.name=gru network.units=4", 2, 0, 2, 4, 1, false, false},
    };
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        law_setup(&rig, &cells[c]);
        const hth_layer *layer = &rig.network->layers[0];
        const size_t S = hth_joint_layer_states(layer), n = layer->n;
        handles h = make_handles(&rig, "learner.recurrence=learned", 1);
        handles zero =
            make_handles(&rig, "learner.recurrence=learned learner.jacobian_init=zero", 1);
        const hth_real *J = field_of(&h, "jacobian0").data;
        const hth_real *Z = field_of(&zero, "jacobian0").data;
        const hth_real *W = rig.network->theta + layer->weight;
        for (size_t i = 0; i < S; i++)
            for (size_t j = 0; j < S; j++) {
                const bool from_z = i < n && j + n >= S && layer->rows == n;
                assert_true(J[i * S + j] == (from_z ? W[i * layer->m + j + n - S] : 0));
                assert_true(Z[i * S + j] == 0);
            }
        assert_true(layer->rows > n || J[1 + S - n] != 0);
        drop_handles(&h);
        drop_handles(&zero);
        law_teardown(&rig);
    }
}

static void test_resumes(void **state) {
    (void)state;
    static const law_case stack = {
        "cell.name=gru network.units=4,5 readout.kappa=0.6", 3, 0, 2, 24, 2, false, true};
    assert_resumes(&stack, "learner.recurrence=learned learner.jacobian_lr=0.1", 3, "");
    assert_resumes(&stack, "learner.recurrence=learned learner.jacobian_lr=0.1 learner.window=4", 2,
                   "window.origin");
}

static void test_refuses_every_past(void **state) {
    (void)state;
    size_t refused = 0;
    for (size_t i = 0; i < hth_pasts.count; i++) {
        char text[100];
        const char *past = hth_pasts.at(i)->name;
        /* A window is refused before, for it needs a store. */
        if (strcmp(past, "none") == 0 || strcmp(past, "window") == 0) continue;
        snprintf(text, sizeof text, "learner.recurrence=learned learner.past=%s", past);
        assert_refuses(&linear, text, 1,
                       "learner.recurrence = learned: what is kept of the past goes by the true "
                       "derivatives; it needs learner.past = none");
        refused++;
    }
    assert_true(refused >= 7);
    law_rig rig;
    law_setup(&rig, &linear);
    handles h = make_handles(&rig, "learner.recurrence=learned learner.past=none", 1);
    drop_handles(&h);
    law_teardown(&rig);
}

static void test_refusals(void **state) {
    (void)state;
    assert_refuses(&linear, "learner.recurrence=learned learner.signal=none", 1,
                   "no error reaches the units");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converges_to_the_true_jacobian),
        cmocka_unit_test(test_true_jacobian_is_full),
        cmocka_unit_test(test_any_cell_crosses_by_the_jacobian),
        cmocka_unit_test(test_rule_is_the_equation),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_refuses_every_past),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
