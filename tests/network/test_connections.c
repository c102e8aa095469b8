/* Which weights exist: rings and random connections, that those which do not stay 0 under every kind of learner
 * and through training, and that networks with all are as they were. */
#include "laws.h"
#include "network/tape.h"

static const law_case ring = {
    "network.units=6 network.connections=ring", 2, 0, 3, 12, 2, false, false};
static const law_case sparse = {"cell.name=gru network.units=30 network.connections=random "
                                "network.density=0.2",
                                2,
                                0,
                                3,
                                6,
                                2,
                                false,
                                false};

static hth_network *made(const char *settings, uint64_t seed) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_network *network;
    const hth_shape shape = {.inputs = 2, .outputs = 3, .target = HTH_TARGET_VALUES};
    snprintf(text, sizeof text, "%s", settings);
    hth_settings split = law_split(text, items);
    must(hth_network_create(&split, &shape, seed, NULL, &network, &error), &error);
    return network;
}

static size_t connections(const hth_network *network) {
    const hth_layer *layer = &network->layers[0];
    size_t count = 0;
    for (size_t to = 0; to < layer->n; to++)
        for (size_t from = 0; from < layer->n; from++)
            count += to != from && hth_layer_connects(layer, to, from);
    return count;
}

/* Entries of x at recurrent weights that exist, or at those that do not. */
static size_t not_zero(const hth_network *network, const hth_real *x, bool existing) {
    const hth_layer *layer = &network->layers[0];
    size_t count = 0;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t k = 0; k < layer->n; k++)
            if (hth_layer_connects(layer, row % layer->n, k) == existing)
                count += x[layer->weight + row * layer->m + k] != 0;
    return count;
}

static void test_ring(void **state) {
    (void)state;
    hth_network *network = made("network.units=6 network.connections=ring", 1);
    const hth_layer *layer = &network->layers[0];
    for (size_t to = 0; to < 6; to++)
        for (size_t from = 0; from < 6; from++) {
            const bool there = to == (from + 1) % 6 || to == from;
            assert_true(hth_layer_connects(layer, to, from) == there);
            assert_true((network->theta[layer->weight + to * layer->m + from] != 0) == there);
        }
    hth_network_destroy(network);
    network = made("network.units=6 network.connections=ring network.self_connections=false", 1);
    assert_int_equal(not_zero(network, network->theta, true), 6);
    assert_int_equal(not_zero(network, network->theta, false), 0);
    hth_network_destroy(network);
}

static void test_random(void **state) {
    (void)state;
    const char *settings = "network.units=100 network.connections=random network.density=0.2";
    hth_network *a = made(settings, 1), *again = made(settings, 1), *b = made(settings, 2);
    const size_t size = 100 * 100;
    assert_true(connections(a) > 1980 - 160 && connections(a) < 1980 + 160); /* 4 deviations */
    assert_memory_equal(a->layers[0].connected, again->layers[0].connected, size);
    assert_true(memcmp(a->layers[0].connected, b->layers[0].connected, size) != 0);
    assert_int_equal(not_zero(a, a->theta, false), 0);
    assert_int_equal(not_zero(a, a->theta, true), connections(a) + 100);
    hth_network_destroy(a);
    hth_network_destroy(again);
    hth_network_destroy(b);
    a = made("network.units=20 network.connections=random network.density=0", 1);
    b = made("network.units=20 network.connections=random network.density=1", 1);
    assert_int_equal(connections(a), 0);
    assert_int_equal(connections(b), 20 * 19);
    hth_network_destroy(a);
    hth_network_destroy(b);
}

/* The weights that exist are those of the network with all, which has no mask at all. */
static void test_all(void **state) {
    (void)state;
    hth_network *all = made("network.units=6", 1);
    hth_network *some = made("network.units=6 network.connections=ring", 1);
    const hth_layer *layer = &some->layers[0];
    assert_true(all->layers[0].is_complete && !all->layers[0].connected);
    assert_false(layer->is_complete);
    hth_layer_mask(layer, all->theta + layer->weight);
    assert_memory_equal(all->theta, some->theta, all->count * sizeof(hth_real));
    hth_network_destroy(all);
    hth_network_destroy(some);
}

static void test_gradients_and_training(void **state) {
    (void)state;
    static const char *const learners[] = {"learner.name=bptt", "learner.name=rtrl",
                                           "learner.name=rflo", "learner.name=snap1",
                                           "learner.name=snapN"};
    const law_case *const whats[] = {&ring, &sparse};
    for (size_t c = 0; c < HTH_COUNT(whats); c++) {
        law_rig rig;
        law_setup(&rig, whats[c]);
        assert_int_equal(not_zero(rig.network, rig.network->theta, false), 0);
        for (size_t k = 0; k < HTH_COUNT(learners); k++) {
            const size_t K = k == 0 ? rig.what.steps : 1;
            hth_real *gradient = law_gradient(&rig, learners[k], K);
            assert_int_equal(not_zero(rig.network, gradient, false), 0);
            assert_true(not_zero(rig.network, gradient, true) >= 12);
            free(gradient);
        }
        law_teardown(&rig);
    }
}

/* The masked gradient is the derivative by the weights that exist. */
static void test_derivative(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return;
    law_rig rig;
    law_setup(&rig, &ring);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", ring.steps);
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    law_differences(&rig, numeric);
    law_assert_equal(&rig, "ring", exact, numeric, 1e-8);
    free(exact);
    free(numeric);
    law_teardown(&rig);
}

static void test_adam_keeps_zeros(void **state) {
    (void)state;
    static const hth_setting adam[] = {{"optimiser.name", "adam", NULL},
                                       {"optimiser.lr", "0.1", NULL}};
    const hth_settings settings = {adam, 2};
    hth_error error;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    law_rig rig;
    law_setup(&rig, &sparse);
    hth_compute *compute = rig.compute;
    must(hth_tape_create(rig.network, 6, 2, compute, NULL, &tape, &error), &error);
    must(hth_learner_create(&settings, rig.network, 6, 2, 1, compute, NULL, &learner, &error),
         &error);
    must(hth_gradient_create(rig.network, NULL, &gradient, &error), &error);
    must(hth_optimiser_create(&settings, rig.network, compute, NULL, &optimiser, &error), &error);
    hth_real *before = malloc(rig.count * sizeof *before);
    memcpy(before, rig.network->theta, rig.count * sizeof *before);
    for (int i = 0; i < 3; i++) {
        hth_gradient_clear(gradient);
        must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
        must(hth_learn(learner, tape, gradient, &error), &error);
        must(hth_optimiser_step(optimiser, rig.network, gradient, 1, &error), &error);
    }
    assert_true(memcmp(before, rig.network->theta, rig.count * sizeof *before) != 0);
    assert_int_equal(not_zero(rig.network, rig.network->theta, false), 0);
    free(before);
    hth_optimiser_destroy(optimiser);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* ---- Dense layers --------------------------------------------------------------------------- */

/* How far z of layer 0 is from tanh(W x + b) of the same step alone. */
static double far_from_dense(const char *settings) {
    const law_case what = {settings, 3, 0, 2, 6, 2, false, false};
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    double far = 0;
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, 6, 2, rig.compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    const hth_layer *layer = &rig.network->layers[0];
    for (size_t i = 0; i < 6 * 2; i++)
        for (size_t j = 0; j < layer->n; j++) {
            const hth_real *w = layer->W + j * layer->m + layer->n;
            double drive = (double)w[3];
            for (size_t k = 0; k < 3; k++) drive += (double)w[k] * (double)rig.chunk.x[i * 3 + k];
            far = fmax(far,
                       fabs(tanh(drive) - (double)tape->layers[0].u[(i + 2) * layer->stride + j]));
        }
    hth_tape_destroy(tape);
    law_teardown(&rig);
    return far;
}

static void test_a_dense_layer(void **state) {
    (void)state;
    assert_true(far_from_dense("network.units=4 network.connections=none") <
                tolerance(1e-14, 1e-6));
    assert_true(far_from_dense("network.units=4,5 network.connections=none,all "
                               "network.cells=rate,gru") < tolerance(1e-14, 1e-6));
    assert_true(far_from_dense("network.units=4,5 network.connections=all,none") > 1e-2);
    assert_true(far_from_dense("network.units=4 network.connections=none "
                               "network.self_connections=true") > 1e-2);
    assert_true(far_from_dense("network.units=4 network.connections=none cell.alpha=0.5") > 1e-2);
}

/* A feed-forward front end below a recurrent layer, and a dense layer above it. */
static void test_derivative_of_dense_layers(void **state) {
    static const law_case stack = {
        "network.units=4,5,3 network.connections=none,all,none network.cells=rate,lstm,rate "
        "readout.kappa=0.5",
        3,
        0,
        2,
        8,
        2,
        false,
        false};
    law_rig rig;
    (void)state;
    law_setup(&rig, &stack);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", stack.steps);
    hth_real *rtrl = law_gradient(&rig, "learner.name=rtrl", 1);
    law_assert_equal(&rig, "rtrl", rtrl, exact, tolerance(1e-10, 2e-3));
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    law_differences(&rig, numeric);
    if (sizeof(hth_real) == sizeof(double)) {
        law_assert_equal(&rig, "bptt", exact, numeric, 1e-8);
        law_assert_differs(&rig, "twice bptt", law_twice(&rig, exact), numeric, 0.5);
    }
    const hth_layer *dense = &rig.network->layers[0];
    for (size_t row = 0; row < dense->rows; row++)
        for (size_t k = 0; k < dense->n; k++)
            assert_true(rtrl[dense->weight + row * dense->m + k] == 0);
    free(numeric);
    free(rtrl);
    free(exact);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),          cmocka_unit_test(test_random),
        cmocka_unit_test(test_all),           cmocka_unit_test(test_gradients_and_training),
        cmocka_unit_test(test_a_dense_layer), cmocka_unit_test(test_derivative_of_dense_layers),
        cmocka_unit_test(test_derivative),    cmocka_unit_test(test_adam_keeps_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
