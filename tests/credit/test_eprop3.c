/*
 * Truncated backpropagation with traces, with predicted credit, and with both (Bellec et al. 2019, eqs. 62-70),
 * tapes of K steps:
 *
 *   - with the true adjoint of all that follows at the end of each tape, e-prop 3 and tbptt-sg give the gradient
 *     of backpropagation through the whole sequence;
 *   - tbptt-traces gives that of losses to which, tape by tape, what units read of each other before the tape is a
 *     constant: recurrent paths across the ends of tapes are cut, a unit's own are not;
 *   - truncated traces are sum_t zeta_t (Z_t B_t + Q_t) u_t^T;
 *   - where the boundary is noisy, e-prop 3's mean squared error is below that of tbptt-sg (eq. 10), unless the
 *     noise is in z alone.
 */
#include "parts.h"

/* ---- A boundary that is given ---- */

/* Of the tapes in order, [tape][item][N]: the oracle's numbers are the test's own. */
typedef struct given {
    hth_real *values;
    size_t next;
} given;

static given oracle;

static void oracle_boundary(hth_learner *learner) {
    const size_t N = hth_joint_states(learner->network);
    for (size_t b = 0; b < learner->batch; b++)
        hth_joint_seed(&learner->adjoint, b,
                       oracle.values + (oracle.next * learner->batch + b) * N);
    oracle.next++;
}

static const hth_future oracle_future = {.boundary = oracle_boundary};

/* The adjoint of X at the end of each tape by all later losses: from one tape over the rest. */
static hth_real *true_boundaries(law_rig *rig, size_t K) {
    const size_t N = hth_joint_states(rig->network), T = rig->what.steps, batch = rig->what.batch;
    const size_t tapes = (T + K - 1) / K;
    hth_real *values = calloc(tapes * batch * N, sizeof *values);
    for (size_t i = 0; i + 1 < tapes; i++) {
        handles h = make_handles(rig, "learner.name=tbptt", T);
        const size_t end = (i + 1) * K;
        learn_steps(rig, &h, 0, end);
        learn_steps(rig, &h, end, T - end);
        for (size_t b = 0; b < batch; b++)
            hth_joint_start(h.learner, b, values + (i * batch + b) * N);
        drop_handles(&h);
    }
    return values;
}

static hth_real *gradient_of(law_rig *rig, handles *h) {
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h->gradient), rig->count * sizeof *copy);
    return copy;
}

/* The gradient of the whole sequence with the boundaries given. */
static hth_real *with_boundaries(law_rig *rig, const char *settings, size_t K, hth_real *values) {
    handles h = make_handles(rig, settings, K);
    const size_t T = rig->what.steps;
    h.learner->axes.future = &oracle_future;
    oracle = (given){values, 0};
    for (size_t t = 0; t < T; t += K) learn_steps(rig, &h, t, T - t < K ? T - t : K);
    hth_real *copy = gradient_of(rig, &h);
    drop_handles(&h);
    return copy;
}

static const law_case cells[] = {
    {"cell.name=lstm network.units=6 loss.name=softmax", 3, 0, 4, 24, 11, true, true},
    {"cell.name=lstm network.units=5 network.initial=learned loss.name=sigmoid", 3, 0, 4, 24, 3,
     false, false},
    {"cell.name=lstm network.units=5,4 network.embedding=3 loss.name=softmax", 0, 6, 4, 24, 2, true,
     false},
    {"cell.name=gru network.units=6", 3, 0, 3, 24, 2, false, true},
    {"cell.name=rate cell.alpha=0.4 network.units=6,5 network.initial=learned", 3, 0, 3, 24, 2,
     false, false},
    {"cell.name=rate-pre cell.alpha=0.7 network.units=6", 3, 0, 3, 24, 2, false, false},
    {"cell.name=alif cell.spike=smooth cell.pseudo_derivative=gaussian cell.width=5 cell.beta=0.3 "
     "cell.refractory=0 readout.kappa=0 network.units=7 network.initial=learned",
     3, 0, 2, 24, 2, false, false},
};

static void test_true_boundary_is_exact(void **state) {
    (void)state;
    static const char *const names[] = {"learner.name=eprop3", "learner.name=tbptt-sg"};
    static const size_t lengths[] = {1, 4, 7, 20, 24};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        law_setup(&rig, &cells[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", 24);
        for (size_t k = 0; k < HTH_COUNT(lengths); k++) {
            const size_t K = lengths[k];
            const size_t numbers =
                (24 + K - 1) / K * rig.what.batch * hth_joint_states(rig.network);
            hth_real *values = true_boundaries(&rig, K);
            hth_real *wrong = malloc(numbers * sizeof *wrong);
            for (size_t i = 0; i < numbers; i++) wrong[i] = values[i] * HTH_C(0.5);
            for (size_t n = 0; n < HTH_COUNT(names); n++) {
                hth_real *ours = with_boundaries(&rig, names[n], K, values);
                hth_real *halved = with_boundaries(&rig, names[n], K, wrong);
                law_assert_equal(&rig, names[n], ours, exact, tolerance(1e-10, 5e-3));
                if (K < 24) law_assert_differs(&rig, "half of it", halved, exact, 1e-3);
                free(ours);
                free(halved);
            }
            free(values);
            free(wrong);
        }
        free(exact);
        law_teardown(&rig);
    }
}

/* Traces that begin anew at each tape are not the same, though the boundary is right. */
static void test_traces_are_carried(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cells[0]);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 24);
    hth_real *values = true_boundaries(&rig, 4);
    handles h = make_handles(&rig, "learner.name=eprop3", 4);
    h.learner->axes.future = &oracle_future;
    oracle = (given){values, 0};
    for (size_t t = 0; t < 24; t += 4) {
        hth_field eps = field_of(&h, "trace0.weight");
        memset(eps.data, 0, bytes_of(&eps));
        learn_steps(&rig, &h, t, 4);
    }
    law_assert_differs(&rig, "forgotten traces", hth_gradient_values(h.gradient), exact, 1e-2);
    drop_handles(&h);
    free(values);
    free(exact);
    law_teardown(&rig);
}

/* ---- Nothing crosses from unit to unit before a tape ---- */

/* One step or several; `z`, not NULL: what the units read of each other at its first step, [item][n]. */
static void run_steps(law_rig *rig, hth_tape *tape, size_t from, size_t steps, const hth_real *z,
                      hth_report *report) {
    const hth_layer *layer = &rig->network->layers[0];
    hth_chunk cut = law_cut(rig, from, steps);
    hth_error error;
    hth_tape_state(tape, NULL, 0); /* takes the tape over to its next one */
    for (size_t b = 0; b < rig->what.batch && z; b++)
        memcpy(tape->layers[0].u + b * layer->stride, z + b * layer->n, layer->n * sizeof *z);
    must(hth_forward(tape, &cut, report, &error), &error);
}

/* The loss of the tape that begins at `start`, where what units read of each other before it is a constant:
 * z[t][item][n] for step t. Their own states are not. */
static double loss_after_cut(law_rig *rig, size_t start, size_t steps, const hth_real *z) {
    const size_t each = rig->what.batch * rig->network->layers[0].n;
    hth_tape *tape;
    hth_error error;
    hth_report report = {0}, before = {0};
    must(hth_tape_create(rig->network, steps, rig->what.batch, rig->compute, NULL, &tape, &error),
         &error);
    for (size_t t = 0; t < start; t++) run_steps(rig, tape, t, 1, z + t * each, &before);
    run_steps(rig, tape, start, steps, start ? z + start * each : NULL, &report);
    hth_tape_destroy(tape);
    return report.loss / (rig->network->readout.mean_over_batch ? (double)rig->what.batch : 1);
}

/* What step t reads: z[t][item][n]. */
static hth_real *read_values(law_rig *rig) {
    const hth_layer *layer = &rig->network->layers[0];
    const size_t n = layer->n, batch = rig->what.batch, T = rig->what.steps;
    hth_real *z = calloc(T * batch * n, sizeof *z);
    handles h = make_handles(rig, "learner.name=tbptt", T);
    learn_steps(rig, &h, 0, T);
    for (size_t i = 0; i < T * batch; i++)
        memcpy(z + i * n, h.tape->layers[0].u + i * layer->stride, n * sizeof *z);
    drop_handles(&h);
    return z;
}

static double cut_loss(law_rig *rig, size_t K, const hth_real *z) {
    const size_t T = rig->what.steps;
    double sum = 0;
    for (size_t t = 0; t < T; t += K) sum += loss_after_cut(rig, t, T - t < K ? T - t : K, z);
    return sum;
}

/* Central differences of fourth order. */
static hth_real *cut_differences(law_rig *rig, size_t K) {
    const double h = 2e-4, at[4] = {-2 * h, -h, h, 2 * h};
    hth_real *theta = rig->network->theta, *out = calloc(rig->count, sizeof *out);
    hth_real *z = read_values(rig);
    for (size_t i = 0; i < rig->count; i++) {
        const hth_real keep = theta[i];
        double f[4];
        for (int k = 0; k < 4; k++) {
            theta[i] = keep + (hth_real)at[k];
            f[k] = cut_loss(rig, K, z);
        }
        theta[i] = keep;
        out[i] = (hth_real)((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h));
    }
    hth_layer_mask(&rig->network->layers[0], out + rig->network->layers[0].weight);
    free(z);
    return out;
}

/* What a tape's losses owe to units that read each other before it is all that traces miss. */
static void test_traces_are_exact_where_nothing_crosses(void **state) {
    (void)state;
    static const law_case cut[] = {
        {"cell.name=lstm network.units=4 loss.name=softmax", 3, 0, 3, 11, 2, true, true},
        {"cell.name=lstm network.units=3 network.initial=learned", 3, 0, 3, 11, 2, false, false},
        {"cell.name=gru network.units=4", 3, 0, 3, 11, 2, false, false},
        {"cell.name=rate cell.alpha=0.4 network.units=5", 3, 0, 3, 11, 2, false, false},
        {"cell.name=rate-pre cell.alpha=0.7 network.units=5", 3, 0, 3, 11, 2, false, false},
    };
    static const size_t lengths[] = {1, 3, 4, 11};
    if (sizeof(hth_real) < sizeof(double)) return; /* differences need it */
    for (size_t c = 0; c < HTH_COUNT(cut); c++) {
        law_rig rig;
        law_setup(&rig, &cut[c]);
        const size_t T = rig.what.steps;
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", T);
        for (size_t k = 0; k < HTH_COUNT(lengths); k++) {
            const size_t K = lengths[k];
            hth_real *traces = law_gradient(&rig, "learner.name=tbptt-traces", K);
            hth_real *truncated = law_gradient(&rig, "learner.name=tbptt", K);
            hth_real *numeric = cut_differences(&rig, K);
            law_assert_equal(&rig, "tbptt-traces = cut", traces, numeric, 1e-7);
            if (K < T) law_assert_differs(&rig, "tbptt-traces, not cut", traces, exact, 1e-3);
            if (K < T) law_assert_differs(&rig, "tbptt, cut", truncated, numeric, 1e-3);
            if (K == T) law_assert_equal(&rig, "one tape", traces, exact, 1e-10);
            free(traces);
            free(truncated);
            free(numeric);
        }
        free(exact);
        law_teardown(&rig);
    }
}

/* A prediction that says nothing leaves the traces alone. Cells whose z is their state count both ends whole. */
static void test_limits(void **state) {
    (void)state;
    static const struct {
        const char *left, *right;
        size_t K;
        bool equal;
    } pairs[] = {
        {"learner.name=eprop3 learner.sg_scale=0", "learner.name=tbptt-traces", 4, true},
        {"learner.name=eprop3 learner.sg_lr=0", "learner.name=tbptt-traces", 4, true},
        {"learner.name=eprop3 learner.sg_init=normal", "learner.name=tbptt-traces", 4, false},
        {"learner.name=tbptt-sg learner.sg_scale=0", "learner.name=tbptt", 4, true},
        {"learner.name=tbptt-sg learner.sg_init=normal", "learner.name=tbptt", 4, false},
        {"learner.name=tbptt-traces", "learner.name=eprop1-symmetric", 1, true},
        {"learner.name=tbptt-traces", "learner.name=eprop1-symmetric", 4, false},
        {"learner.name=tbptt-traces", "learner.name=bptt", 24, true},
    };
    law_rig rig;
    law_setup(&rig, &cells[0]);
    for (size_t i = 0; i < HTH_COUNT(pairs); i++) {
        hth_real *left = law_gradient(&rig, pairs[i].left, pairs[i].K);
        hth_real *right = law_gradient(&rig, pairs[i].right, pairs[i].K);
        if (pairs[i].equal)
            law_assert_equal(&rig, pairs[i].left, left, right, tolerance(1e-12, 1e-4));
        else
            law_assert_differs(&rig, pairs[i].left, left, right, 1e-3);
        free(left);
        free(right);
    }
    law_teardown(&rig);
}

/* ---- Truncated traces ---- */

/* e_t = Z_t B_t u_t + Q_t u_t alone: with a true boundary zeta is that of backpropagation, so the gradient is the
 * same for tapes of any length; and it is another than with traces. Not so where z is the state: there a boundary
 * does not say what of it is dE/dz. */
static void test_truncated_traces(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        law_setup(&rig, &cells[c]);
        hth_real *whole = law_gradient(&rig, "learner.past=instantaneous", 24);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", 24);
        law_assert_differs(&rig, "truncated traces", whole, exact, 1e-3);
        const bool separate = rig.network->layers[0].cell->observable == HTH_Z_SEPARATE;
        for (size_t K = 1; K < 24 && separate; K += 4) {
            hth_real *values = true_boundaries(&rig, K);
            hth_real *tapes = with_boundaries(&rig, "learner.name=eprop3-truncated", K, values);
            law_assert_equal(&rig, "truncated, any K", tapes, whole, tolerance(1e-10, 5e-3));
            free(tapes);
            free(values);
        }
        free(whole);
        free(exact);
        law_teardown(&rig);
    }
}

/* Without credit across units they are those of e-prop 1, which the scan makes in another way. */
static void test_truncated_traces_of_eprop1(void **state) {
    (void)state;
    static const char one[] = "learner.name=eprop1-symmetric learner.trace=instantaneous";
    static const char other[] = "learner.name=eprop1-symmetric learner.past=instantaneous";
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig rig;
        law_setup(&rig, &cells[c]);
        if (rig.network->embedding || rig.network->layer_count > 1) {
            law_teardown(&rig);
            continue;
        }
        hth_real *a = law_gradient(&rig, one, 4), *b = law_gradient(&rig, other, 4);
        hth_real *full = law_gradient(&rig, "learner.name=eprop1-symmetric", 4);
        const hth_block weights = rig.network->blocks[0];
        assert_true(law_largest(&weights, a) > 1e-6);
        assert_true(law_difference(&weights, a, b) < tolerance(1e-12, 1e-5));
        assert_true(law_difference(&weights, a, full) > 1e-3);
        free(a);
        free(b);
        free(full);
        law_teardown(&rig);
    }
}

/* ---- Noise ---- */

typedef struct noise {
    double s, z; /* deviation, over the root mean square of the true boundary of that kind */
} noise;

static double mean_square_error(law_rig *rig, const char *name, size_t K, const hth_real *values,
                                const noise *level, const hth_real *exact) {
    enum { DRAWS = 16 };
    const hth_layer *layer = &rig->network->layers[0];
    const size_t n = layer->n, N = 2 * n, batch = rig->what.batch;
    const size_t tapes = (rig->what.steps + K - 1) / K, numbers = (tapes - 1) * batch * N;
    hth_real *noisy = calloc(tapes * batch * N, sizeof *noisy);
    double error = 0, square[2] = {0, 0};
    for (size_t i = 0; i < numbers; i++)
        square[i % N >= n] += (double)(values[i] * values[i]) * 2 / (double)numbers;
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        const hth_random r = {17, HTH_RANDOM_CHECK, draw};
        for (size_t i = 0; i < numbers; i++) {
            const double deviation =
                i % N >= n ? level->z * sqrt(square[1]) : level->s * sqrt(square[0]);
            noisy[i] = values[i] + (hth_real)(deviation * hth_random_normal(&r, i));
        }
        hth_real *ours = with_boundaries(rig, name, K, noisy);
        for (size_t i = 0; i < layer->rows * layer->m; i++) {
            const double d = (double)(ours[layer->weight + i] - exact[layer->weight + i]);
            error += d * d / DRAWS;
        }
        free(ours);
    }
    free(noisy);
    return error;
}

/* The noise of a boundary reaches the gradient by the traces of units that it reaches through z, and not by the
 * way of a unit's own state, which e-prop 3 leaves to the tapes to come. So where both are noisy, in proportion to
 * what they stand for, or the state alone, eq. 10 holds; noise in z alone meets traces that are longer than the
 * tape, and the inequality turns round. */
static void test_noise_hurts_less_with_traces(void **state) {
    (void)state;
    static const law_case what = {
        "cell.name=lstm network.units=8 loss.name=softmax", 3, 0, 4, 24, 2, true, false};
    static const noise levels[] = {{0.1, 0.1}, {0.3, 0.3}, {1, 1}, {3, 3}, {1, 0}};
    static const noise z_alone = {0, 1}, none = {0, 0};
    static const char traces[] = "learner.name=eprop3", without[] = "learner.name=tbptt-sg";
    law_rig rig;
    law_setup(&rig, &what);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 24);
    for (size_t K = 2; K <= 6; K += 2) {
        hth_real *values = true_boundaries(&rig, K);
        for (size_t i = 0; i < HTH_COUNT(levels); i++) {
            const double ours = mean_square_error(&rig, traces, K, values, &levels[i], exact);
            const double theirs = mean_square_error(&rig, without, K, values, &levels[i], exact);
            assert_true(theirs > 1e-4 && ours > 1e-4);
            assert_true(ours < 0.8 * theirs);
        }
        assert_true(mean_square_error(&rig, traces, K, values, &z_alone, exact) >
                    mean_square_error(&rig, without, K, values, &z_alone, exact));
        assert_true(mean_square_error(&rig, traces, K, values, &none, exact) <
                    tolerance(1e-18, 1e-6));
        free(values);
    }
    free(exact);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_boundary_is_exact),
        cmocka_unit_test(test_traces_are_carried),
        cmocka_unit_test(test_traces_are_exact_where_nothing_crosses),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_truncated_traces),
        cmocka_unit_test(test_truncated_traces_of_eprop1),
        cmocka_unit_test(test_noise_hurts_less_with_traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
