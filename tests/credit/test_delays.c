/*
 * Connections with delays: a plain loop over past z and x gives the same outputs; the gradient is the derivative, RTRL
 * and the window have it too for tapes shorter than a delay, and traces do not depend on the length of a tape; where
 * all delays are 1, everything is that of the network without, to the bit where products are chains.
 */
#include "laws.h"
#include "network/inspect.h"

#define SPIKES " cell.v_th=0.6 init.w_in_scale=2 readout.kappa=0.9 cell.gamma=1"

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=6 network.delay=1..4", 3, 0, 2, 11, 2, false,
     false},
    {"cell.name=rate cell.alpha=0.7 network.units=5 network.delay=3 network.input_delay=0..2 "
     "network.initial=learned readout.kappa=0.7",
     2, 0, 3, 11, 2, false, true},
    {"cell.name=lstm network.units=4 network.delay=1..3 network.initial=learned", 3, 0, 2, 9, 2,
     true, false},
    {"cell.name=gru network.units=4,3 network.delay=1..3 network.input_delay=2 network.reads=below,"
     "below+input",
     3, 0, 2, 9, 2, false, false},
    {"cell.name=lif cell.spike=smooth cell.pseudo_derivative=gaussian network.units=6 "
     "network.delay=1..5 network.self_connections=true" SPIKES,
     3, 0, 2, 14, 2, false, false},
    {"cell.name=alif cell.spike=smooth cell.pseudo_derivative=gaussian cell.beta=0.3 cell.tau_a=10 "
     "network.units=5,4 network.delay=2..3 network.input_delay=1 network.connections=random "
     "network.density=0.7" SPIKES,
     3, 0, 2, 12, 2, false, false},
    {"network.units=4 network.embedding=3 network.delay=2", 0, 5, 3, 9, 2, true, false},
};

static const law_case spiking[] = {
    {"cell.name=lif network.units=12 network.delay=1..6 network.input_delay=0..3" SPIKES, 3, 0, 2,
     30, 2, false, false},
    {"cell.name=alif cell.beta=0.3 cell.tau_a=10 network.units=10,8 network.delay=1..4 "
     "cell.refractory=2" SPIKES,
     3, 0, 2, 30, 2, false, true},
};

/* ---- What a delay is ---- */

/* W u_t of one unit, from a history of z and x: each weight stands in the column of its delay. */
static double drive(const hth_network *net, size_t to, size_t t, const double (*z)[8],
                    const hth_real *x) {
    const hth_layer *layer = &net->layers[0];
    const hth_wiring *w = &layer->wiring;
    const hth_real *row = net->theta + layer->weight + to * layer->m;
    double sum = (double)row[layer->m - 1];
    for (size_t k = 0; k < layer->n; k++) {
        const size_t delay = w->z_delay[to * layer->n + k];
        if (delay <= t) sum += (double)row[hth_layer_column(net, 0, to, k)] * z[t - delay][k];
    }
    for (size_t k = 0; k < w->x_width; k++) {
        const size_t delay = w->x_delay[to * w->x_width + k];
        if (delay <= t)
            sum += (double)row[hth_layer_column(net, 0, to, layer->n + k)] *
                   (double)x[(t - delay) * w->x_width + k];
    }
    return sum;
}

/* z_t = (1 - alpha) z_{t-1} + alpha tanh(a_t), in a loop that keeps all z. */
static void test_plain_loop(void **state) {
    (void)state;
    static const law_case what = {"cell.alpha=0.4 network.units=6 network.delay=1..4 "
                                  "network.input_delay=0..3 readout.kappa=0",
                                  3,
                                  0,
                                  2,
                                  20,
                                  1,
                                  false,
                                  false};
    law_rig rig;
    hth_error error;
    hth_tape *tape;
    hth_view view;
    double z[20][8] = {{0}};
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, 20, 1, rig.compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    must(hth_tape_view(tape, 0, "z", &view, &error), &error);
    for (size_t t = 0; t < 20; t++)
        for (size_t j = 0; j < 6; j++) {
            z[t][j] = 0.4 * tanh(drive(rig.network, j, t, z, rig.chunk.x)) +
                      (t > 0 ? 0.6 * z[t - 1][j] : 0);
            assert_true(fabs(z[t][j] - (double)view.data[t * view.step_stride + j]) <
                        tolerance(1e-13, 1e-5));
        }
    /* Every delay of the range is drawn, and the network would be another without them. */
    size_t drawn[5] = {0};
    for (size_t i = 0; i < 36; i++) drawn[rig.network->layers[0].wiring.z_delay[i]]++;
    for (size_t d = 1; d <= 4; d++) assert_true(drawn[d] > 0);
    for (size_t i = 0; i < 36; i++) rig.network->layers[0].wiring.z_delay[i] = 1;
    assert_true(fabs(drive(rig.network, 0, 10, z, rig.chunk.x) -
                     atanh((z[10][0] - 0.6 * z[9][0]) / 0.4)) > 1e-3);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* ---- Gradients ---- */

static void test_bptt_is_the_derivative(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", cases[c].steps);
        hth_real *numeric = malloc(rig.count * sizeof *numeric);
        law_differences(&rig, numeric);
        law_assert_equal(&rig, "bptt = differences", exact, numeric, 1e-8);
        hth_real *cut = law_gradient(&rig, "learner.recurrence=none", cases[c].steps);
        law_assert_differs(&rig, "without recurrence", cut, numeric, 1e-3);
        free(exact);
        free(numeric);
        free(cut);
        law_teardown(&rig);
    }
}

/* Of tapes shorter and longer than the delays. */
static void assert_carried(const law_case *what) {
    static const size_t lengths[] = {1, 2, 5};
    law_rig rig;
    law_setup(&rig, what);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what->steps);
    if (strstr(what->settings, "spike=smooth") || strstr(what->settings, "lif"))
        law_assert_alive(&rig);
    for (size_t k = 0; k < HTH_COUNT(lengths); k++) {
        hth_real *rtrl = law_gradient(&rig, "learner.name=rtrl", lengths[k]);
        law_assert_equal(&rig, "rtrl = bptt", rtrl, exact, tolerance(1e-10, 2e-3));
        free(rtrl);
    }
    hth_real *cut = law_gradient(&rig, "learner.name=tbptt", 5);
    law_assert_differs(&rig, "truncated", cut, exact, 1e-4);
    free(cut);
    free(exact);
    law_teardown(&rig);
}

static void test_rtrl_is_bptt(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) assert_carried(&cases[c]);
    for (size_t c = 0; c < HTH_COUNT(spiking); c++) assert_carried(&spiking[c]);
}

/* e-prop and RFLO: the same for tapes of any length. */
static void test_traces(void **state) {
    (void)state;
    static const char *const learners[] = {"learner.name=rflo",
                                           "learner.name=eprop1 learner.steps=1"};
    for (size_t c = 0; c < HTH_COUNT(spiking); c++)
        for (size_t k = 0; k < HTH_COUNT(learners); k++) {
            law_rig rig;
            const law_case one = {spiking[0].settings, 3, 0, 2, 30, 2, false, c > 0};
            law_setup(&rig, &one);
            hth_real *whole = law_gradient(&rig, learners[k], 30);
            hth_real *steps = law_gradient(&rig, learners[k], 1);
            hth_real *some = law_gradient(&rig, learners[k], 4);
            hth_real *exact = law_gradient(&rig, "learner.name=bptt", 30);
            law_assert_equal(&rig, "K = 1", steps, whole, tolerance(1e-11, 1e-3));
            law_assert_equal(&rig, "K = 4", some, whole, tolerance(1e-11, 1e-3));
            law_assert_differs(&rig, "bptt", exact, whole, 1e-2);
            free(whole);
            free(steps);
            free(some);
            free(exact);
            law_teardown(&rig);
        }
}

/* Both directions: each layer's delays count in its own order. */
static void test_both_ways(void **state) {
    (void)state;
    static const law_case what = {"network.units=4 network.direction=both network.delay=1..3 "
                                  "network.input_delay=0..2 cell.alpha=0.5",
                                  3,
                                  0,
                                  2,
                                  9,
                                  2,
                                  false,
                                  false};
    if (sizeof(hth_real) == sizeof(float)) return;
    law_rig rig;
    law_setup(&rig, &what);
    rig.chunk.ends = true;
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 9);
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    law_differences(&rig, numeric);
    law_assert_equal(&rig, "bptt = differences", exact, numeric, 1e-8);
    free(exact);
    free(numeric);
    law_teardown(&rig);
}

/* Products by events have the same bits as others. */
static void test_events(void **state) {
    (void)state;
    static const char *const uses[] = {"always", "never"};
    hth_real *gradient[2];
    law_rig rig[2];
    for (size_t k = 0; k < 2; k++) {
        char text[512];
        snprintf(text, sizeof text, "%s network.events=%s", spiking[0].settings, uses[k]);
        law_case what = spiking[0];
        what.settings = text;
        law_setup(&rig[k], &what);
        gradient[k] = law_gradient(&rig[k], "learner.name=bptt", 30);
        law_assert_alive(&rig[k]);
    }
    assert_memory_equal(gradient[0], gradient[1], rig[0].count * sizeof(hth_real));
    for (size_t k = 0; k < 2; k++) {
        free(gradient[k]);
        law_teardown(&rig[k]);
    }
}

/* ---- What of a tape goes on ---- */

/* z of all steps of a tape, after steps from..from+5 of the data. */
static void run(law_rig *rig, hth_tape *tape, size_t from, hth_real *out) {
    hth_error error;
    hth_view view;
    const hth_chunk cut = law_cut(rig, from, 6);
    must(hth_forward(tape, &cut, &rig->report, &error), &error);
    must(hth_tape_view(tape, 0, "z", &view, &error), &error);
    for (size_t i = 0; i < 6 * 2 * 8; i++)
        out[i] = view.data[i / 16 * view.step_stride + i % 16 / 8 * view.item_stride + i % 8];
}

/* Copies the state of a tape into another. */
static void move_state(hth_tape *from, hth_tape *to) {
    hth_field a[32], b[32];
    const size_t count = hth_tape_state(from, a, 32);
    assert_int_equal(hth_tape_state(to, b, 32), count);
    for (size_t i = 0; i < count; i++) memcpy(b[i].data, a[i].data, hth_field_bytes(&a[i]));
}

/* A restored tape goes on with what is under way; a reset one has forgotten it. */
static void test_state_and_reset(void **state) {
    (void)state;
    static const law_case what = {"cell.alpha=0.4 network.units=8 network.delay=1..9 "
                                  "network.input_delay=0..4",
                                  3,
                                  0,
                                  2,
                                  12,
                                  2,
                                  false,
                                  false};
    hth_real first[96], then[96], restored[96], again[96];
    law_rig rig;
    hth_error error;
    hth_tape *tape, *other;
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, 6, 2, rig.compute, NULL, &tape, &error), &error);
    must(hth_tape_create(rig.network, 6, 2, rig.compute, NULL, &other, &error), &error);
    run(&rig, tape, 0, first);
    move_state(tape, other);
    run(&rig, tape, 6, then);
    run(&rig, other, 6, restored);
    assert_memory_equal(then, restored, sizeof then);
    hth_tape_reset(tape);
    run(&rig, tape, 0, again);
    assert_memory_equal(first, again, sizeof first);
    hth_tape_begin(tape);
    run(&rig, tape, 0, again); /* without a reset it goes on */
    assert_memory_not_equal(first, again, sizeof first);
    hth_tape_destroy(tape);
    hth_tape_destroy(other);
    law_teardown(&rig);
}

/* ---- All delays 1 ---- */

static void give_all(law_rig *rig, hth_wires_what what, size_t columns, double value) {
    double values[256];
    hth_error error;
    const size_t n = rig->network->layers[0].n;
    const hth_wires wires = {what, "w_rec_delay", n, columns, values};
    for (size_t i = 0; i < n * columns; i++) values[i] = value;
    must(hth_layer_wire(rig->network, 0, &wires, &error), &error);
}

/* Copies parameters to the places that they have in a network with delays. */
static void carry_over(const law_rig *plain, law_rig *late) {
    const hth_layer *a = &plain->network->layers[0], *b = &late->network->layers[0];
    const size_t rest = plain->count - a->rows * a->m;
    hth_real *to = hth_network_parameters(late->network);
    for (size_t row = 0; row < a->rows; row++)
        for (size_t k = 0; k < a->m; k++)
            to[b->weight + row * b->m + hth_layer_column(late->network, 0, row, k)] =
                plain->network->theta[a->weight + row * a->m + k];
    memcpy(to + late->count - rest, plain->network->theta + plain->count - rest, rest * sizeof *to);
}

/* Entries of a gradient that differ by more than `allowed` of the largest. */
static size_t differing(const law_rig *plain, const hth_real *a, const law_rig *late,
                        const hth_real *b, double allowed) {
    const hth_layer *from = &plain->network->layers[0], *layer = &late->network->layers[0];
    const size_t rest = plain->count - from->rows * from->m;
    const double most = allowed * law_largest(&plain->network->blocks[0], a);
    size_t count = 0;
    for (size_t row = 0; row < from->rows; row++)
        for (size_t k = 0; k < from->m; k++) {
            const size_t column = hth_layer_column(late->network, 0, row, k);
            count += fabs((double)(a[from->weight + row * from->m + k] -
                                   b[layer->weight + row * layer->m + column])) > most;
        }
    for (size_t i = 1; i <= rest; i++)
        count += fabs((double)(a[plain->count - i] - b[late->count - i])) > most;
    return count;
}

/* delay: of all connections of the second network, whose gradient then is, or is not, that of the first. */
static size_t differences(const char *plain_settings, const char *learner, size_t K, double delay,
                          double allowed) {
    char text[512];
    law_rig plain, late;
    snprintf(text, sizeof text, "%s network.delay=1..3 network.input_delay=0..2", plain_settings);
    const law_case one = {plain_settings, 3, 0, 2, 24, 2, false, false};
    const law_case two = {text, 3, 0, 2, 24, 2, false, false};
    law_setup(&plain, &one);
    law_setup(&late, &two);
    give_all(&late, HTH_WIRE_DELAY, late.network->layers[0].n, delay);
    give_all(&late, HTH_WIRE_INPUT_DELAY, 3, 0);
    carry_over(&plain, &late);
    hth_layer_mask(&late.network->layers[0], late.network->theta + late.network->layers[0].weight);
    hth_real *a = law_gradient(&plain, learner, K), *b = law_gradient(&late, learner, K);
    const double gap = fabs(plain.report.loss - late.report.loss);
    const size_t count =
        differing(&plain, a, &late, b, allowed) + (gap > allowed * plain.report.loss);
    free(a);
    free(b);
    law_teardown(&plain);
    law_teardown(&late);
    return count;
}

/* Where a tape has few rows, or the sum is over all states, numbers are added up in 16 lanes: one more column may
 * change the order, and so the rounding. */
static void test_delays_of_one(void **state) {
    (void)state;
    static const char *const networks[] = {"cell.alpha=0.4 network.units=7",
                                           "cell.name=lstm network.units=5",
                                           ("cell.name=lif network.units=12" SPIKES)};
    static const char *const learners[] = {"learner.name=bptt", "learner.name=tbptt",
                                           "learner.name=rtrl", "learner.name=rflo",
                                           "learner.name=eprop1"};
    static const size_t lengths[] = {24, 5, 1, 1, 24};
    const double allowed[] = {0, 0, tolerance(1e-12, 2e-3), tolerance(1e-12, 1e-4), 0};
    for (size_t c = 0; c < HTH_COUNT(networks); c++)
        for (size_t k = 0; k < HTH_COUNT(learners); k++) {
            const size_t same = differences(networks[c], learners[k], lengths[k], 1, allowed[k]);
            if (same) fail_msg("%s, %s: %zu differ", networks[c], learners[k], same);
            assert_true(differences(networks[c], learners[k], lengths[k], 2, 1e-3) > 10);
        }
}

/* ---- What is refused ---- */

static void assert_refused(const char *settings, const char *learner, const char *word) {
    const law_case what = {settings, 3, 0, 2, 6, 2, false, false};
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_learner *made;
    law_rig rig;
    law_setup(&rig, &what);
    snprintf(text, sizeof text, "%s", learner);
    hth_settings split = law_split(text, items);
    const hth_status status =
        hth_learner_create(&split, rig.network, 1, 2, 1, rig.compute, NULL, &made, &error);
    if (!word) {
        must(status, &error);
        hth_learner_destroy(made);
    } else {
        assert_int_equal(status, HTH_INVALID);
        if (!strstr(error.message, word)) fail_msg("'%s' has no '%s'", error.message, word);
    }
    law_teardown(&rig);
}

static void test_learners(void **state) {
    (void)state;
    static const char *const refused[] = {
        "learner.name=uoro",       "learner.name=kf-rtrl",     "learner.name=r-kf",
        "learner.name=snap1",      "learner.name=snapN",       "learner.name=kernl",
        "learner.name=dni",        "learner.name=tbptt-sg",    "learner.name=eprop3",
        "learner.recurrence=sign", "learner.recurrence=random"};
    for (size_t k = 0; k < HTH_COUNT(refused); k++) {
        assert_refused("network.units=5 network.delay=1..2", refused[k], "delay");
        assert_refused("network.units=5 network.input_delay=0..2", refused[k], NULL);
        assert_refused("network.units=5", refused[k], NULL);
    }
    assert_refused("network.units=5 network.delay=2", "learner.inputs=true", "learner.inputs");
    assert_refused("network.units=5 network.input_delay=2", "learner.inputs=true", "input_delay");
    assert_refused("network.units=5", "learner.inputs=true", NULL);
}

/* Input delays alone: every learner has the exact gradient that it has without. */
static void test_input_delays(void **state) {
    (void)state;
    static const law_case what = {
        "cell.alpha=0.4 network.units=6 network.input_delay=0..3", 3, 0, 2, 9, 2, false, false};
    law_rig rig;
    law_setup(&rig, &what);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", 9);
    static const char *const learners[] = {"learner.name=snapN learner.order=6",
                                           "learner.name=rtrl"};
    for (size_t k = 0; k < HTH_COUNT(learners); k++) {
        hth_real *other = law_gradient(&rig, learners[k], 1);
        law_assert_equal(&rig, learners[k], other, exact, tolerance(1e-10, 1e-3));
        free(other);
    }
    free(exact);
    law_teardown(&rig);
}

static void assert_setting(const char *key, const char *value, const char *word) {
    const hth_setting item = {key, value, NULL};
    const hth_settings settings = {&item, 1};
    const hth_shape shape = {.inputs = 3, .outputs = 2, .target = HTH_TARGET_VALUES};
    hth_error error;
    hth_network *network;
    const hth_status status = hth_network_create(&settings, &shape, 1, NULL, &network, &error);
    if (word) {
        assert_int_equal(status, HTH_INVALID);
        if (!strstr(error.message, word)) fail_msg("'%s' has no '%s'", error.message, word);
        return;
    }
    must(status, &error);
    hth_network_destroy(network);
}

static void test_settings(void **state) {
    (void)state;
    static const char *const wrong[] = {"0",       "0..3", "3..2", "1..", "-1",
                                        "1..2..3", "a",    "",     "1.5", "1001"};
    for (size_t i = 0; i < HTH_COUNT(wrong); i++)
        assert_setting("network.delay", wrong[i], "network.delay");
    assert_setting("network.input_delay", "1..0", "network.input_delay");
    assert_setting("network.input_delay", "0..3", NULL);
    assert_setting("network.delay", " 2 .. 3 ", NULL);
    assert_setting("network.delay", "7", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_loop),      cmocka_unit_test(test_bptt_is_the_derivative),
        cmocka_unit_test(test_rtrl_is_bptt),    cmocka_unit_test(test_traces),
        cmocka_unit_test(test_both_ways),       cmocka_unit_test(test_events),
        cmocka_unit_test(test_state_and_reset), cmocka_unit_test(test_delays_of_one),
        cmocka_unit_test(test_learners),        cmocka_unit_test(test_input_delays),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
