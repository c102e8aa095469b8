/* A layer in each direction: the reversed one is a forward layer on the reversed sequence, each item from its own
 * end; padding changes nothing; whatever is not a whole sequence is refused. */
#include "laws.h"

#include "network/tape.h"

enum { INPUTS = 3, OUTPUTS = 2, STEPS = 9, BATCH = 3, UNITS = 5 };

static const uint32_t lengths[BATCH] = {9, 4, 6};

static const char *const cells[] = {
    "cell.name=rate", "cell.name=lstm", "cell.name=gru",
    "cell.name=alif cell.refractory=2 cell.v_th=0.3 network.self_connections=true"};

static const char *with(const char *cell, const char *more) {
    static char text[512];
    snprintf(text, sizeof text, "%s network.units=%d %s", cell, (int)UNITS, more);
    return text;
}

static void set_up(law_rig *rig, const char *settings) {
    const law_case what = {settings, INPUTS, 0, OUTPUTS, STEPS, BATCH, false, false};
    law_setup(rig, &what);
    rig->chunk.ends = true;
}

static hth_tape *run_on(law_rig *rig, const hth_chunk *chunk) {
    hth_tape *tape;
    hth_error error;
    rig->report = (hth_report){0};
    must(hth_tape_create(rig->network, chunk->steps, chunk->batch, rig->compute, NULL, &tape,
                         &error),
         &error);
    must(hth_forward(tape, chunk, &rig->report, &error), &error);
    return tape;
}

/* Each item's own steps in the opposite order; what comes after them stays. */
static hth_real *reversed(const hth_real *x, size_t width, const uint32_t *length) {
    hth_real *out = malloc(STEPS * BATCH * width * sizeof *out);
    memcpy(out, x, STEPS * BATCH * width * sizeof *out);
    for (size_t b = 0; b < BATCH; b++)
        for (size_t t = 0; t < length[b]; t++)
            memcpy(out + (t * BATCH + b) * width, x + ((length[b] - 1 - t) * BATCH + b) * width,
                   width * sizeof *out);
    return out;
}

static void copy_layer(const law_rig *from, size_t l, law_rig *to) {
    const hth_layer *layer = &from->network->layers[l], *other = &to->network->layers[0];
    memcpy(to->network->theta + other->weight, from->network->theta + layer->weight,
           layer->rows * layer->m * sizeof(hth_real));
    if (layer->learns_initial)
        memcpy(to->network->theta + other->initial, from->network->theta + layer->initial,
               hth_layer_initial_rows(layer) * layer->n * sizeof(hth_real));
}

/* Whether z of the layer, in its own order, is bit for bit that of a forward layer's. */
static bool same_z(const hth_tape *a, size_t l, const hth_tape *b) {
    const size_t stride = a->network->layers[l].stride;
    for (size_t i = 0; i < (STEPS + 1) * BATCH; i++)
        if (memcmp(a->layers[l].u + i * stride, b->layers[0].u + i * stride,
                   UNITS * sizeof(hth_real)) != 0)
            return false;
    return true;
}

static void assert_joined(const hth_tape *tape) {
    const size_t stride = tape->network->layers[0].stride;
    for (size_t b = 0; b < BATCH; b++)
        for (size_t t = 0; t < STEPS; t++) {
            const size_t back = t < lengths[b] ? lengths[b] - 1 - t : t;
            const hth_real *z = tape->gathered + (t * BATCH + b) * 2 * UNITS;
            assert_memory_equal(z, tape->layers[0].u + ((t + 1) * BATCH + b) * stride,
                                UNITS * sizeof *z);
            assert_memory_equal(z + UNITS, tape->layers[1].u + ((back + 1) * BATCH + b) * stride,
                                UNITS * sizeof *z);
        }
}

static void test_reversed_is_forward_on_the_reversed_sequence(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        law_rig both, one;
        char plain[256];
        snprintf(plain, sizeof plain, "%s network.initial=learned network.units=%d", cells[c],
                 (int)UNITS);
        set_up(&both, with(cells[c], "network.direction=both network.initial=learned"));
        set_up(&one, plain);
        both.chunk.lengths = lengths;
        hth_tape *tape = run_on(&both, &both.chunk);
        law_assert_alive(&both);
        assert_joined(tape);

        copy_layer(&both, 0, &one);
        hth_tape *forward = run_on(&one, &one.chunk);
        assert_true(same_z(tape, 0, forward));
        hth_tape_destroy(forward);

        copy_layer(&both, 1, &one);
        forward = run_on(&one, &one.chunk);
        assert_false(same_z(tape, 1, forward)); /* the sequence as it is: another thing */
        hth_tape_destroy(forward);

        hth_real *x = reversed(one.chunk.x, INPUTS, lengths);
        hth_chunk turned = one.chunk;
        turned.x = x;
        forward = run_on(&one, &turned);
        assert_true(same_z(tape, 1, forward));
        hth_tape_destroy(forward);
        free(x);
        hth_tape_destroy(tape);
        law_teardown(&both);
        law_teardown(&one);
    }
}

/* ---- Padding ------------------------------------------------------------------------------ */

/* One item of the data without its padding. */
static hth_chunk item_of(const law_rig *rig, size_t b, hth_real *x, hth_real *y) {
    for (size_t t = 0; t < lengths[b]; t++) {
        memcpy(x + t * INPUTS, rig->chunk.x + (t * BATCH + b) * INPUTS, INPUTS * sizeof *x);
        memcpy(y + t * OUTPUTS, rig->chunk.targets + (t * BATCH + b) * OUTPUTS,
               OUTPUTS * sizeof *y);
    }
    return (hth_chunk){.steps = lengths[b], .batch = 1, .x = x, .targets = y, .ends = true};
}

static void learn(law_rig *rig, const char *learner, hth_tape *tape, hth_real *sum) {
    char text[128];
    hth_setting items[LAW_SETTINGS];
    hth_learner *made;
    hth_gradient *gradient;
    hth_error error;
    snprintf(text, sizeof text, "%s", learner);
    const hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, rig->network, tape->steps, tape->batch, 1, rig->compute,
                            NULL, &made, &error),
         &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    must(hth_learn(made, tape, gradient, &error), &error);
    for (size_t i = 0; i < rig->count; i++) sum[i] += hth_gradient_values(gradient)[i];
    hth_gradient_destroy(gradient);
    hth_learner_destroy(made);
}

static double distance(const hth_real *a, const hth_real *b, size_t count) {
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
    return largest;
}

/* Adds each item's gradient alone; returns how far its outputs are from those in the batch. */
static double alone(law_rig *rig, const char *learner, const hth_real *outputs, hth_real *sum) {
    hth_real x[STEPS * INPUTS], y[STEPS * OUTPUTS], own[STEPS * OUTPUTS], theirs[STEPS * OUTPUTS];
    double worst = 0;
    for (size_t b = 0; b < BATCH; b++) {
        const hth_chunk chunk = item_of(rig, b, x, y);
        hth_tape *tape = run_on(rig, &chunk);
        hth_tape_read(tape, 0, hth_tape_length(tape), own, NULL);
        for (size_t t = 0; t < lengths[b]; t++)
            memcpy(theirs + t * OUTPUTS, outputs + (t * BATCH + b) * OUTPUTS,
                   OUTPUTS * sizeof *own);
        worst = fmax(worst, distance(own, theirs, lengths[b] * OUTPUTS));
        learn(rig, learner, tape, sum);
        hth_tape_destroy(tape);
    }
    return worst;
}

static void assert_padding_is_nothing(const char *cell, const char *learner, const char *readout) {
    char more[256];
    law_rig rig;
    hth_real weights[STEPS * BATCH], outputs[STEPS * BATCH * OUTPUTS];
    snprintf(more, sizeof more, "network.direction=both loss.batch=sum loss.time=sum %s", readout);
    set_up(&rig, with(cell, more));
    for (size_t i = 0; i < STEPS * BATCH; i++) weights[i] = i / BATCH < lengths[i % BATCH];
    rig.chunk.weights = weights;
    rig.chunk.lengths = lengths;
    hth_real *batch = calloc(rig.count, sizeof *batch), *sum = calloc(rig.count, sizeof *sum);
    hth_tape *tape = run_on(&rig, &rig.chunk);
    law_assert_alive(&rig);
    hth_tape_read(tape, 0, hth_tape_length(tape), outputs, NULL);
    learn(&rig, learner, tape, batch);
    hth_tape_destroy(tape);
    assert_true(alone(&rig, learner, outputs, sum) < tolerance(1e-13, 2e-5));
    law_assert_equal(&rig, learner, batch, sum, tolerance(1e-12, 2e-4));

    rig.chunk.lengths = NULL; /* the reversed layer runs through the padding first */
    tape = run_on(&rig, &rig.chunk);
    hth_tape_read(tape, 0, hth_tape_length(tape), outputs, NULL);
    hth_tape_destroy(tape);
    memset(sum, 0, rig.count * sizeof *sum);
    assert_true(alone(&rig, learner, outputs, sum) > 1e-3);
    rig.chunk.weights = NULL;
    free(batch);
    free(sum);
    law_teardown(&rig);
}

static void test_padding_is_nothing(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        assert_padding_is_nothing(cells[c], "learner.name=bptt", "readout.kappa=0");
        assert_padding_is_nothing(cells[c], "learner.name=bptt", "readout.kappa=0.7");
        assert_padding_is_nothing(cells[c], "learner.name=eprop1", "readout.kappa=0.7");
    }
}

/* ---- What there is, and what is refused --------------------------------------------------- */

static void test_blocks(void **state) {
    static const struct {
        const char *name;
        size_t rows, columns;
    } wanted[] = {{"layer0.weight", 4 * UNITS, UNITS + INPUTS + 1},
                  {"layer0.initial", 2, UNITS},
                  {"layer0.backward.weight", 4 * UNITS, UNITS + INPUTS + 1},
                  {"layer0.backward.initial", 2, UNITS},
                  {"readout.weight", OUTPUTS, 2 * UNITS},
                  {"readout.bias", 1, OUTPUTS}};
    law_rig rig;
    size_t count, numbers = 0;
    (void)state;
    set_up(&rig, with("cell.name=lstm", "network.direction=both network.initial=learned"));
    const hth_block *blocks = hth_network_blocks(rig.network, &count);
    assert_int_equal(count, HTH_COUNT(wanted));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(blocks[i].name, wanted[i].name);
        assert_int_equal(blocks[i].rows, wanted[i].rows);
        assert_int_equal(blocks[i].columns, wanted[i].columns);
        numbers += blocks[i].rows * blocks[i].columns;
    }
    assert_int_equal(hth_network_parameter_count(rig.network), numbers);
    /* each direction draws weights of its own */
    assert_true(distance(rig.network->theta + blocks[0].offset,
                         rig.network->theta + blocks[2].offset,
                         blocks[0].rows * blocks[0].columns) > 0.1);
    law_teardown(&rig);
}

static void assert_refused(hth_tape *tape, const hth_chunk *chunk, const char *words) {
    hth_report report = {0};
    hth_error error;
    assert_int_equal(hth_forward(tape, chunk, &report, &error), HTH_INVALID);
    if (!strstr(error.message, words)) fail_msg("no '%s' in: %s", words, error.message);
}

static void test_parts_of_a_sequence_are_refused(void **state) {
    static const uint32_t too_long[BATCH] = {9, 10, 6};
    law_rig rig;
    hth_error error;
    (void)state;
    set_up(&rig, with("cell.name=rate", "network.direction=both"));
    hth_chunk chunk = rig.chunk;
    hth_tape *tape = run_on(&rig, &chunk);
    assert_refused(tape, &chunk, "call hth_tape_reset");
    hth_tape_reset(tape);
    chunk.ends = false;
    assert_refused(tape, &chunk, "ends before the sequence does");
    chunk.ends = true;
    chunk.lengths = too_long;
    assert_refused(tape, &chunk, "item 1 has 10 steps");
    chunk.lengths = NULL;
    must(hth_forward(tape, &chunk, &rig.report, &error), &error);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

static void test_stacks_are_refused(void **state) {
    char text[] = "network.units=8,4 network.direction=both";
    hth_setting items[LAW_SETTINGS];
    const hth_settings settings = law_split(text, items);
    const hth_shape shape = {.inputs = INPUTS, .outputs = OUTPUTS, .target = HTH_TARGET_VALUES};
    hth_network *network;
    hth_error error;
    (void)state;
    assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "names 2 layers"));
    assert_non_null(strstr(error.message, "network.units=8"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reversed_is_forward_on_the_reversed_sequence),
        cmocka_unit_test(test_padding_is_nothing),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_parts_of_a_sequence_are_refused),
        cmocka_unit_test(test_stacks_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
