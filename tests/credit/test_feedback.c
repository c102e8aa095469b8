/*
 * Feedback that follows the network: direct is random where there is one layer, and gives lower layers their own share
 * of the same error; sign is readout where all weights have one size; adaptive is what Kolen & Pollack 1994 say, and
 * comes to be the readout's weights.
 */
#include "parts.h"

#include "credit/signal/feedback.h"

static const law_case single[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7", 3, 0, 2, 11, 2, false, false},
    {"cell.name=lif network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2,
     30, 2, false, false},
    {"cell.name=gru network.units=4 loss.name=softmax", 2, 0, 300, 6, 2, true, false},
};

static const law_case stacks[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=5,6", 3, 0, 2, 8, 2, false, false},
    {"cell.name=lstm network.units=5,4,3 readout.kappa=0.8 readout.scale=true", 3, 0, 2, 8, 2,
     false, true},
};

/* All data from the start of a sequence, tapes of K. */
static hth_real *whole_gradient(law_rig *rig, handles *h, size_t K) {
    start_sequence(h);
    hth_gradient_clear(h->gradient);
    for (size_t t = 0; t < rig->what.steps; t += K)
        learn_steps(rig, h, t, rig->what.steps - t < K ? rig->what.steps - t : K);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    return memcpy(copy, hth_gradient_values(h->gradient), rig->count * sizeof *copy);
}

static hth_real *gradient_of(law_rig *rig, const char *settings, size_t K) {
    handles h = make_handles(rig, settings, K);
    hth_real *gradient = whole_gradient(rig, &h, K);
    drop_handles(&h);
    return gradient;
}

static void test_direct_of_one_layer_is_random(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(single); c++)
        for (size_t K = 1; K <= 4; K += 3) {
            law_rig rig;
            law_setup(&rig, &single[c]);
            hth_real *random = gradient_of(&rig, "learner.signal=random", K);
            hth_real *direct = gradient_of(&rig, "learner.signal=direct", K);
            law_assert_alive(&rig);
            assert_memory_equal(random, direct, rig.count * sizeof *direct);
            free(random);
            free(direct);
            law_teardown(&rig);
        }
    for (size_t c = 0; c < HTH_COUNT(stacks); c++) {
        law_rig rig;
        law_setup(&rig, &stacks[c]);
        hth_real *random = gradient_of(&rig, "learner.signal=random", 4);
        hth_real *direct = gradient_of(&rig, "learner.signal=direct", 4);
        const size_t top = rig.network->layers[rig.network->layer_count - 1].weight;
        assert_memory_equal(random + top, direct + top, (rig.count - top) * sizeof *direct);
        assert_memory_not_equal(random, direct, rig.network->layers[0].m * sizeof *direct);
        free(random);
        free(direct);
        law_teardown(&rig);
    }
}

/* err of two outputs from q of the top layer's first two units, and what F_l makes of it. */
static double share_of(const hth_real *top, size_t n_top, const hth_real *q_top, const hth_real *F,
                       size_t n, size_t j) {
    const double a = (double)top[0], b = (double)top[n_top], c = (double)top[1];
    const double d = (double)top[n_top + 1], det = a * d - b * c;
    const double err0 = (d * (double)q_top[0] - b * (double)q_top[1]) / det;
    const double err1 = (a * (double)q_top[1] - c * (double)q_top[0]) / det;
    return err0 * (double)F[j] + err1 * (double)F[n + j];
}

/* How far q of a lower layer is from F_l^T err, in parts of its own size; the matrices being of `stream`. */
static double distance(const law_rig *rig, const handles *h, size_t l, uint32_t stream) {
    const hth_network *net = rig->network;
    const size_t above = net->layer_count - 1, n = net->layers[l].n, n_top = net->layers[above].n;
    const hth_adjoint *adjoint = &h->learner->adjoint;
    const double deviation = hth_feedback_deviation("outputs", 2, n);
    hth_real *F = malloc(2 * n * sizeof *F), *top = malloc(2 * n_top * sizeof *top);
    hth_feedback_normal(h->learner, stream, deviation, 2 * n, F);
    hth_feedback_normal(h->learner, 0, hth_feedback_deviation("outputs", 2, n_top), 2 * n_top, top);
    double off = 0, size = 0;
    for (size_t i = 0; i < adjoint->tape->steps * rig->what.batch; i++)
        for (size_t j = 0; j < n; j++) {
            const double q = (double)adjoint->layers[l].q[i * n + j];
            const double wanted =
                share_of(top, n_top, adjoint->layers[above].q + i * n_top, F, n, j);
            off += fabs(q - wanted);
            size += fabs(wanted);
        }
    assert_true(size > 0);
    free(F);
    free(top);
    return off / size;
}

static void test_direct_reaches_every_layer(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(stacks); c++) {
        law_rig rig;
        law_setup(&rig, &stacks[c]);
        handles h = make_handles(&rig, "learner.signal=direct", 4);
        free(whole_gradient(&rig, &h, 4));
        for (size_t l = 0; l + 1 < rig.network->layer_count; l++) {
            assert_true(distance(&rig, &h, l, 1 + (uint32_t)l) < tolerance(1e-9, 1e-3));
            assert_true(distance(&rig, &h, l, 2 + (uint32_t)l) > 0.1); /* another layer's */
        }
        drop_handles(&h);
        law_teardown(&rig);
    }
}

static hth_real *readout_weights(const law_rig *rig) {
    return rig->network->theta + rig->network->readout.weight;
}

static size_t weight_count(const law_rig *rig) {
    return rig->network->readout.outputs * rig->network->readout.n;
}

static void test_sign_of_equal_weights_is_readout(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(single); c++) {
        law_rig rig;
        law_setup(&rig, &single[c]);
        handles sign = make_handles(&rig, "learner.signal=sign", 4);
        handles readout = make_handles(&rig, "learner.signal=readout", 4);
        hth_real *w = readout_weights(&rig);
        hth_real *unlike = whole_gradient(&rig, &sign, 4);
        hth_real *true_unlike = whole_gradient(&rig, &readout, 4);
        law_assert_differs(&rig, "weights of many sizes", unlike, true_unlike, 1e-2);
        for (size_t i = 0; i < weight_count(&rig); i++)
            w[i] = w[i] > 0 ? HTH_C(0.25) : HTH_C(-0.25);
        hth_real *like = whole_gradient(&rig, &sign, 4);
        hth_real *true_like = whole_gradient(&rig, &readout, 4);
        hth_real *twice = gradient_of(&rig, "learner.signal=sign learner.feedback_scale=2", 4);
        assert_memory_equal(like, true_like, rig.count * sizeof *like);
        law_assert_differs(&rig, "twice the size", twice, true_like, 1e-2);
        drop_handles(&sign);
        drop_handles(&readout);
        free(unlike);
        free(true_unlike);
        free(like);
        free(true_like);
        free(twice);
        law_teardown(&rig);
    }
}

/* Without an update of the readout it is random. */
static void test_adaptive_begins_as_random(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(single); c++) {
        law_rig rig;
        law_setup(&rig, &single[c]);
        handles h = make_handles(&rig, "learner.signal=adaptive", 4);
        hth_real *random = gradient_of(&rig, "learner.signal=random", 4);
        hth_real *adaptive = whole_gradient(&rig, &h, 4);
        assert_memory_equal(random, adaptive, rig.count * sizeof *random);
        readout_weights(&rig)[0] += HTH_C(0.5);
        hth_real *later = whole_gradient(&rig, &h, 4);
        hth_real *random_later = gradient_of(&rig, "learner.signal=random", 4);
        law_assert_differs(&rig, "after an update", later, random_later, 1e-4);
        drop_handles(&h);
        free(random);
        free(adaptive);
        free(later);
        free(random_later);
        law_teardown(&rig);
    }
}

/* Preset adaptive-eprop is e-prop 1 until the readout moves, and then e-prop 1 with signal adaptive. */
static void test_adaptive_eprop_is_a_name(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(single); c++) {
        law_rig rig;
        law_setup(&rig, &single[c]);
        handles named = make_handles(&rig, "learner.name=adaptive-eprop", 4);
        handles spelt = make_handles(&rig, "learner.name=eprop1 learner.signal=adaptive", 4);
        for (int moved = 0; moved < 2; moved++) {
            hth_real *by_name = whole_gradient(&rig, &named, 4);
            hth_real *by_parts = whole_gradient(&rig, &spelt, 4);
            hth_real *eprop = gradient_of(&rig, "learner.name=eprop1", 4);
            assert_memory_equal(by_name, by_parts, rig.count * sizeof *by_name);
            if (!moved) assert_memory_equal(by_name, eprop, rig.count * sizeof *by_name);
            if (moved) law_assert_differs(&rig, "after an update", by_name, eprop, 1e-4);
            free(by_name);
            free(by_parts);
            free(eprop);
            readout_weights(&rig)[0] += HTH_C(0.5);
        }
        drop_handles(&named);
        drop_handles(&spelt);
        law_teardown(&rig);
    }
}

enum { UPDATES = 30 };

/* Random updates of W, which loses the part `decay` of itself; how much of F - W is left, and how far F is from Kolen &
 * Pollack's. */
static void follow(const char *settings, double decay, double *left, double *off) {
    law_rig rig;
    law_setup(&rig, &single[0]);
    handles h = make_handles(&rig, settings, 4);
    const size_t count = weight_count(&rig);
    const hth_random r = {3, HTH_RANDOM_CHECK, 9};
    hth_real *w = readout_weights(&rig), *F = field_of(&h, "signal.feedback").data;
    double first = 0, last = 0, plain[64];
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        first += fabs((double)(F[i] - w[i]));
        plain[i] = (double)F[i];
    }
    for (size_t k = 0; k < UPDATES; k++) {
        for (size_t i = 0; i < count; i++) {
            const double update = 0.1 * hth_random_normal(&r, k * count + i);
            w[i] = (hth_real)((1 - decay) * (double)w[i] + update);
            plain[i] = (1 - 0.1) * plain[i] + update;
        }
        free(whole_gradient(&rig, &h, 4));
    }
    *off = 0;
    for (size_t i = 0; i < count; i++) {
        last += fabs((double)(F[i] - w[i]));
        *off += fabs((double)F[i] - plain[i]);
    }
    *left = last / first;
    drop_handles(&h);
    law_teardown(&rig);
}

static void test_adaptive_is_kolen_pollack(void **state) {
    (void)state;
    const double exact = tolerance(1e-12, 1e-4), wanted = pow(1 - 0.1, UPDATES);
    double left, off;
    follow("learner.signal=adaptive learner.feedback_decay=0.1", 0.1, &left, &off);
    assert_true(fabs(left - wanted) < exact && off < 10 * exact);
    follow("learner.signal=adaptive learner.feedback_decay=0.1", 0, &left, &off);
    assert_true(fabs(left - wanted) < exact); /* W decays otherwise, and F comes to it as fast */
    assert_true(off > 0.1);
    follow("learner.signal=adaptive learner.feedback_decay=0", 0, &left, &off);
    assert_true(fabs(left - 1) < exact && off > 0.1);
}

static void test_adaptive_resumes(void **state) {
    (void)state;
    assert_resumes(&single[0], "learner.name=tbptt learner.signal=adaptive", 2, "");
    assert_resumes(&single[1], "learner.name=eprop1 learner.signal=adaptive", 2, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct_of_one_layer_is_random),
        cmocka_unit_test(test_direct_reaches_every_layer),
        cmocka_unit_test(test_sign_of_equal_weights_is_readout),
        cmocka_unit_test(test_adaptive_begins_as_random),
        cmocka_unit_test(test_adaptive_eprop_is_a_name),
        cmocka_unit_test(test_adaptive_is_kolen_pollack),
        cmocka_unit_test(test_adaptive_resumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
