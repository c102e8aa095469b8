/* A unit that is clamped to 0 is a network without it: the outputs of one network with a clamp, and of another that
 * has one unit fewer and otherwise the same weights, agree. Clamped to its mean it is another network. */
#include "laws.h"
#include "network/inspect.h"
#include "network/tape.h"

enum { UNITS = 6, LOST = 2, STEPS = 15, BATCH = 3, INPUTS = 3, OUTPUTS = 2 };

/* The place in a matrix of `columns` of [z; x; 1] without the unit. */
static size_t column_without(size_t column) {
    return column < LOST ? column : column - 1;
}

/* Copies the weights of a layer but for those to and from the unit. A layer above the first reads the unit as one of
 * its inputs, and loses that column alone. */
static void copy_layer(const law_rig *whole, const law_rig *part, size_t l, bool is_first) {
    const hth_layer *from = &whole->network->layers[l], *to = &part->network->layers[l];
    const hth_real *w = whole->network->theta + from->weight;
    hth_real *v = part->network->theta + to->weight;
    const size_t lost = is_first ? LOST : from->n + LOST;
    for (size_t r = 0; r < from->rows; r++) {
        const size_t unit = r % from->n, gate = r / from->n;
        if (is_first && unit == LOST) continue;
        const size_t row = gate * to->n + (is_first ? column_without(unit) : unit);
        for (size_t c = 0; c < from->m; c++)
            if (c != lost) v[row * to->m + (c < lost ? c : c - 1)] = w[r * from->m + c];
    }
}

static void copy_readout(const law_rig *whole, const law_rig *part, bool lost) {
    const hth_readout *from = &whole->network->readout, *to = &part->network->readout;
    for (size_t k = 0; k < OUTPUTS; k++)
        for (size_t j = 0; j < from->n; j++)
            if (!lost || j != LOST)
                part->network->theta[to->weight + k * to->n + (lost ? column_without(j) : j)] =
                    whole->network->theta[from->weight + k * from->n + j];
    if (from->has_bias)
        memcpy(part->network->theta + to->bias, whole->network->theta + from->bias,
               OUTPUTS * sizeof(hth_real));
}

/* y of all steps; *activity: the sum of |z| of the units of layer 0 that are not clamped. */
static void outputs(law_rig *rig, const hth_clamp *clamp, hth_real *y, double *activity) {
    hth_tape *tape;
    hth_error error;
    hth_view z;
    rig->report = (hth_report){0};
    must(hth_tape_create(rig->network, STEPS, BATCH, rig->compute, NULL, &tape, &error), &error);
    hth_tape_clamp(tape, 0, clamp);
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    must(hth_tape_read(tape, 0, STEPS, y, &error), &error);
    must(hth_tape_view(tape, 0, "z", &z, &error), &error);
    *activity = 0;
    for (size_t t = 0; t < STEPS; t++)
        for (size_t j = 0; j < z.units; j++)
            if (!clamp || clamp->keep[j] != 0)
                *activity += fabs((double)z.data[t * z.step_stride + j]);
    hth_tape_destroy(tape);
}

static double distance(const hth_real *a, const hth_real *b) {
    double sum = 0, size = 0;
    for (size_t i = 0; i < STEPS * BATCH * OUTPUTS; i++) {
        sum += (double)(a[i] - b[i]) * (double)(a[i] - b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(sum / size);
}

static void assert_lesion(const char *cell, bool deep) {
    char with[200], without[200];
    hth_real y[3][STEPS * BATCH * OUTPUTS], keep[UNITS], put[UNITS] = {0};
    law_rig whole, part;
    double activity, other;
    snprintf(with, sizeof with, "%s network.units=%s", cell, deep ? "6,4" : "6");
    snprintf(without, sizeof without, "%s network.units=%s", cell, deep ? "5,4" : "5");
    law_setup(&whole, &(law_case){.settings = with,
                                  .inputs = INPUTS,
                                  .outputs = OUTPUTS,
                                  .steps = STEPS,
                                  .batch = BATCH});
    law_setup(&part, &(law_case){.settings = without,
                                 .inputs = INPUTS,
                                 .outputs = OUTPUTS,
                                 .steps = STEPS,
                                 .batch = BATCH});
    hth_network_parameters(part.network);
    copy_layer(&whole, &part, 0, true);
    if (deep) copy_layer(&whole, &part, 1, false);
    copy_readout(&whole, &part, !deep);
    for (size_t j = 0; j < UNITS; j++) keep[j] = j != LOST;
    outputs(&whole, &(hth_clamp){keep, put, NULL, 1}, y[0], &activity);
    outputs(&part, NULL, y[1], &other);
    put[LOST] = (hth_real)0.3;
    outputs(&whole, &(hth_clamp){keep, put, NULL, 1}, y[2], &other);
    assert_true(activity > 5); /* the others live */
    if (!(distance(y[0], y[1]) <= tolerance(1e-12, 1e-5)))
        fail_msg("%s: clamped to 0 is no network without: %g", cell, distance(y[0], y[1]));
    if (!(distance(y[2], y[1]) > 1e-3)) fail_msg("%s: clamped to 0.3 is the same", cell);
    law_teardown(&whole);
    law_teardown(&part);
}

static void clamped_to_zero_is_a_network_without_the_unit(void **state) {
    (void)state;
    static const char *const cells[] = {
        "cell.name=rate cell.alpha=0.5",
        "cell.name=rate-pre",
        "cell.name=gru",
        "cell.name=lstm readout.kappa=0.6",
        "cell.name=lif cell.v_th=0.3 readout.kappa=0.8",
        "cell.name=alif cell.v_th=0.3 network.events=always",
    };
    for (size_t i = 0; i < HTH_COUNT(cells); i++) {
        assert_lesion(cells[i], false);
        assert_lesion(cells[i], true);
    }
}

/* Noise has the spread that is asked for, is the same twice, and is none where none is asked for. */
static void noise_is_drawn_by_the_seed(void **state) {
    (void)state;
    hth_real y[3][STEPS * BATCH * OUTPUTS], keep[UNITS], put[UNITS] = {0}, spread[UNITS] = {0};
    law_rig rig;
    double activity;
    law_setup(&rig, &(law_case){.settings = "cell.name=gru network.units=6",
                                .inputs = INPUTS,
                                .outputs = OUTPUTS,
                                .steps = STEPS,
                                .batch = BATCH});
    for (size_t j = 0; j < UNITS; j++) keep[j] = 1;
    outputs(&rig, NULL, y[0], &activity);
    outputs(&rig, &(hth_clamp){keep, put, spread, 1}, y[1], &activity);
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    spread[1] = (hth_real)0.5;
    outputs(&rig, &(hth_clamp){keep, put, spread, 1}, y[1], &activity);
    outputs(&rig, &(hth_clamp){keep, put, spread, 1}, y[2], &activity);
    assert_memory_equal(y[2], y[1], sizeof y[0]);
    assert_true(distance(y[1], y[0]) > 1e-3);
    outputs(&rig, &(hth_clamp){keep, put, spread, 2}, y[2], &activity);
    assert_true(distance(y[2], y[1]) > 1e-3);
    law_teardown(&rig);
}

/* The number that is drawn has mean 0 and the variance that is asked for, over items, steps and units: seen in z where
 * nothing is kept of the cell's own. */
static void noise_has_its_spread(void **state) {
    (void)state;
    hth_real keep[UNITS] = {0}, put[UNITS], spread[UNITS];
    hth_tape *tape;
    hth_error error;
    hth_view z;
    law_rig rig;
    double sum = 0, squares = 0;
    law_setup(&rig, &(law_case){.settings = "cell.name=gru network.units=6",
                                .inputs = INPUTS,
                                .outputs = OUTPUTS,
                                .steps = 200,
                                .batch = BATCH});
    for (size_t j = 0; j < UNITS; j++) put[j] = 2, spread[j] = (hth_real)0.5;
    must(hth_tape_create(rig.network, 200, BATCH, rig.compute, NULL, &tape, &error), &error);
    hth_tape_clamp(tape, 0, &(hth_clamp){keep, put, spread, 1});
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    must(hth_tape_view(tape, 0, "z", &z, &error), &error);
    for (size_t i = 0; i < 200 * BATCH * UNITS; i++) {
        const size_t t = i / (BATCH * UNITS), b = i / UNITS % BATCH;
        const double x = (double)z.data[t * z.step_stride + b * z.item_stride + i % UNITS] - 2;
        sum += x / (200 * BATCH * UNITS);
        squares += x * x / (200 * BATCH * UNITS);
    }
    /* Items, steps and units have numbers of their own. */
    assert_true(z.data[0] != z.data[z.item_stride] && z.data[0] != z.data[z.step_stride] &&
                z.data[0] != z.data[1]);
    assert_true(fabs(sum) < 4 * 0.5 / sqrt(200 * BATCH * UNITS));
    assert_true(fabs(squares / 0.25 - 1) < 4 * sqrt(2.0 / (200 * BATCH * UNITS)));
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clamped_to_zero_is_a_network_without_the_unit),
        cmocka_unit_test(noise_is_drawn_by_the_seed),
        cmocka_unit_test(noise_has_its_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
