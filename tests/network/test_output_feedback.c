/*
 * Outputs that are fed back (readout.feedback). A twin, whose input has the outputs of the step before behind it, gives
 * the same numbers: over tapes of any length, with a leaky readout, in the middle of a state that was saved, and after
 * a step that was taken off the tape.
 */
#include "laws.h"

#include "network/tape.h"

enum { STEPS = 12, FIELDS = 32 };

static const law_case cases[] = {
    {"cell.name=rate network.units=6 init.w_fb=normal", 3, 0, 2, STEPS, 2, false, false},
    {"cell.name=lif cell.v_th=0.3 network.units=9 readout.kappa=0.7 init.w_in_scale=2", 2, 0, 1,
     STEPS, 1, false, false},
    {"cell.name=gru network.units=4,3 readout.kappa=0.5 readout.bias_place=inside", 2, 0, 2, STEPS,
     3, false, false},
    {"cell.name=lstm network.units=5 readout.reads=top+input", 3, 0, 2, STEPS, 1, false, false},
    {"cell.name=rate network.units=5 network.embedding=3", 0, 4, 2, STEPS, 2, false, false},
};

static void setup(law_rig *rig, const law_case *of) {
    static char text[4][256]; /* the rig keeps what it was made from */
    static size_t turn;
    law_case what = *of;
    turn = (turn + 1) % 4;
    snprintf(text[turn], sizeof *text, "%s readout.feedback=true", of->settings);
    what.settings = text[turn];
    law_setup(rig, &what);
}

static hth_tape *tape_of(law_rig *rig, size_t steps) {
    hth_tape *tape;
    hth_error error;
    must(hth_tape_create(rig->network, steps, rig->what.batch, rig->compute, NULL, &tape, &error),
         &error);
    return tape;
}

/* Runs steps from..to-1 with tapes of K and puts their outputs into y. */
static void advance(law_rig *rig, hth_tape *tape, size_t from, size_t to, size_t K, hth_real *y) {
    const size_t width = rig->what.batch * rig->what.outputs;
    hth_error error;
    for (; from < to; from += K) {
        const hth_chunk c = law_cut(rig, from, K);
        const hth_inputs in = {.steps = K, .batch = c.batch, .x = c.x, .tokens = c.tokens};
        hth_tape_begin(tape);
        must(hth_tape_write(tape, &in, &error), &error);
        must(hth_tape_read(tape, 0, K, y + from * width, &error), &error);
    }
}

static hth_real *outputs_of(law_rig *rig, size_t K) {
    hth_real *y = malloc(STEPS * rig->what.batch * rig->what.outputs * sizeof *y);
    hth_tape *tape = tape_of(rig, K);
    advance(rig, tape, 0, STEPS, K, y);
    hth_tape_destroy(tape);
    return y;
}

static bool same(const law_rig *rig, const hth_real *a, const hth_real *b, size_t from) {
    const size_t width = rig->what.batch * rig->what.outputs;
    return memcmp(a + from * width, b + from * width, (STEPS - from) * width * sizeof *a) == 0;
}

static void test_tapes_of_any_length(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        setup(&rig, &cases[c]);
        hth_real *one = outputs_of(&rig, 1), *some = outputs_of(&rig, 4),
                 *all = outputs_of(&rig, STEPS);
        const double near = tolerance(1e-12, 1e-4);
        for (size_t i = 0; i < STEPS * rig.what.batch * rig.what.outputs; i++) {
            assert_true(fabs((double)(one[i] - some[i])) < near);
            assert_true(fabs((double)(one[i] - all[i])) < near);
        }
        free(one);
        free(some);
        free(all);
        law_teardown(&rig);
    }
}

/* The twin has the same weights, in the same columns. */
static void test_outputs_are_inputs(void **state) {
    (void)state;
    for (size_t c = 0; c < 2; c++) {
        law_rig rig, twin;
        hth_error error;
        const law_case *what = &cases[c];
        const size_t inputs = what->inputs, outputs = what->outputs, wide = inputs + outputs;
        const law_case other = {what->settings, wide, 0, outputs, STEPS, what->batch, false, false};
        setup(&rig, what);
        law_setup(&twin, &other);
        assert_int_equal(rig.count, twin.count);
        memcpy(twin.network->theta, rig.network->theta, rig.count * sizeof(hth_real));
        hth_real *y = outputs_of(&rig, 1), *x = calloc(what->batch * wide, sizeof *x);
        hth_real *now = calloc(what->batch * outputs, sizeof *now);
        hth_tape *tape = tape_of(&twin, 1);
        double largest = 0;
        for (size_t t = 0; t < STEPS; t++) {
            const hth_inputs in = {.steps = 1, .batch = what->batch, .x = x};
            for (size_t b = 0; b < what->batch; b++) {
                memcpy(x + b * wide, rig.chunk.x + (t * what->batch + b) * inputs,
                       inputs * sizeof *x);
                memcpy(x + b * wide + inputs, now + b * outputs, outputs * sizeof *x);
            }
            hth_tape_begin(tape);
            must(hth_tape_write(tape, &in, &error), &error);
            must(hth_tape_read(tape, 0, 1, now, &error), &error);
            assert_memory_equal(now, y + t * what->batch * outputs,
                                what->batch * outputs * sizeof *now);
            for (size_t i = 0; t > 2 && i < what->batch * outputs; i++)
                largest = fmax(largest, fabs((double)now[i]));
        }
        assert_true(largest > 1e-3);
        hth_tape_destroy(tape);
        free(x);
        free(y);
        free(now);
        law_teardown(&rig);
        law_teardown(&twin);
    }
}

/* Full-FORCE (DePasquale et al. 2018): units without recurrent weights, which read as many outputs, each its own, are
 * the recurrent network that has the readout's weights. */
static void test_outputs_are_recurrent_weights(void **state) {
    (void)state;
    enum { N = 5 };
    const law_case fed = {"cell.name=rate cell.alpha=0.6 network.units=5 network.connections=none "
                          "readout.bias=false readout.feedback=true",
                          2,
                          0,
                          N,
                          STEPS,
                          1,
                          false,
                          false};
    const law_case plain = {
        "cell.name=rate cell.alpha=0.6 network.units=5", 2, 0, 1, STEPS, 1, false, false};
    law_rig a, b;
    law_setup(&a, &fed);
    law_setup(&b, &plain);
    hth_real *of_a = a.network->theta, *of_b = b.network->theta;
    const hth_layer *layer = &a.network->layers[0], *other = &b.network->layers[0];
    for (size_t j = 0; j < N; j++) {
        hth_real *from = of_a + j * layer->m, *to = of_b + j * other->m;
        memcpy(to, of_a + a.network->readout.weight + j * N, N * sizeof *to);
        memcpy(to + N, from + N, 2 * sizeof *to);
        to[other->m - 1] = from[layer->m - 1];
        for (size_t k = 0; k < N; k++) from[N + 2 + k] = j == k;
    }
    hth_tape *left = tape_of(&a, STEPS), *right = tape_of(&b, STEPS);
    hth_error error;
    const hth_inputs in = {.steps = STEPS, .batch = 1, .x = a.chunk.x};
    must(hth_tape_write(left, &in, &error), &error);
    must(hth_tape_write(right, &in, &error), &error);
    for (size_t t = 1; t <= STEPS; t++)
        for (size_t j = 0; j < N; j++)
            assert_true(fabs((double)left->layers[0].u[t * layer->stride + j] -
                             (double)right->layers[0].u[t * other->stride + j]) <
                        tolerance(1e-12, 1e-5));
    /* Another weight is another network. */
    of_b[1] += 1;
    hth_tape_reset(right);
    hth_network_parameters(b.network);
    must(hth_tape_write(right, &in, &error), &error);
    assert_true(fabs((double)left->layers[0].u[STEPS * layer->stride] -
                     (double)right->layers[0].u[STEPS * other->stride]) > 1e-6);
    hth_tape_destroy(left);
    hth_tape_destroy(right);
    law_teardown(&a);
    law_teardown(&b);
}

static void test_state_and_steps_taken_back(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        hth_field from[FIELDS], to[FIELDS];
        setup(&rig, &cases[c]);
        const size_t width = rig.what.batch * rig.what.outputs;
        hth_real *whole = outputs_of(&rig, 1), *y = calloc(STEPS * width, sizeof *y);
        hth_tape *first = tape_of(&rig, 2), *second = tape_of(&rig, 2);
        advance(&rig, first, 0, 5, 1, y);
        /* Another tape goes on from the state, */
        const size_t count = hth_tape_state(first, from, FIELDS);
        assert_int_equal(hth_tape_state(second, to, FIELDS), count);
        for (size_t i = 0; i < count; i++)
            memcpy(to[i].data, from[i].data, hth_field_bytes(&from[i]));
        advance(&rig, second, 5, STEPS, 1, y);
        const double near = tolerance(1e-12, 1e-4);
        for (size_t i = 5 * width; i < STEPS * width; i++)
            assert_true(fabs((double)(whole[i] - y[i])) < near);
        /* and so does the first, which takes a step back. */
        hth_error error;
        const hth_chunk cut = law_cut(&rig, 5, 1);
        const hth_inputs in = {.steps = 1, .batch = cut.batch, .x = cut.x, .tokens = cut.tokens};
        hth_tape_begin(first);
        must(hth_tape_write(first, &in, &error), &error);
        hth_tape_unwrite(first, 0);
        hth_real *again = calloc(STEPS * width, sizeof *again);
        advance(&rig, first, 5, STEPS, 1, again);
        assert_true(same(&rig, again, y, 5));
        /* Without what is fed back they are others. */
        hth_tape_reset(first);
        advance(&rig, first, 5, STEPS, 1, again);
        assert_false(same(&rig, again, y, 5));
        free(whole);
        free(again);
        free(y);
        hth_tape_destroy(first);
        hth_tape_destroy(second);
        law_teardown(&rig);
    }
}

static void test_init_and_refusals(void **state) {
    (void)state;
    static const char *const learners[] = {"bptt", "rflo", "rtrl"};
    law_rig rig;
    hth_learner *learner;
    hth_error error;
    setup(&rig, &cases[0]);
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        const hth_setting item = {"learner.name", learners[i], NULL};
        assert_int_equal(hth_learner_create(&(hth_settings){&item, 1}, rig.network, 1, 2, 1,
                                            rig.compute, NULL, &learner, &error),
                         HTH_INVALID);
        assert_non_null(strstr(error.message, "readout.feedback"));
    }
    law_teardown(&rig);
    /* The weights have numbers of their own, and leave the others as they are. */
    const hth_setting items[] = {{"network.units", "4", NULL},
                                 {"readout.feedback", "true", NULL},
                                 {"init.w_fb", "identity", NULL},
                                 {"network.direction", "both", NULL}};
    const hth_shape shape = {.inputs = 2, .outputs = 3};
    hth_network *fed, *plain;
    must(hth_network_create(&(hth_settings){items, 3}, &shape, 1, NULL, &fed, &error), &error);
    must(hth_network_create(&(hth_settings){items, 1}, &shape, 1, NULL, &plain, &error), &error);
    for (size_t j = 0; j < 4; j++) {
        const hth_real *a = fed->theta + j * 10, *b = plain->theta + j * 7;
        assert_memory_equal(a, b, 6 * sizeof *a);
        for (size_t k = 0; k < 3; k++) assert_true(a[6 + k] == (j == k ? HTH_C(1.0) : HTH_C(0.0)));
    }
    char name[80];
    hth_parameter_name(fed, 17, name, sizeof name);
    assert_string_equal(name, "unit 1, from output 1");
    hth_network_destroy(fed);
    hth_network_destroy(plain);
    assert_int_equal(hth_network_create(&(hth_settings){items, 4}, &shape, 1, NULL, &fed, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "readout.feedback"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tapes_of_any_length),
        cmocka_unit_test(test_outputs_are_inputs),
        cmocka_unit_test(test_outputs_are_recurrent_weights),
        cmocka_unit_test(test_state_and_steps_taken_back),
        cmocka_unit_test(test_init_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
