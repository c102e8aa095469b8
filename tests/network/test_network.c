/* Initial values, lists per unit, and the outputs of the readout against their definition. */
#include "laws.h"

#include "network/tape.h"

static hth_network *made(const char *settings, size_t inputs, size_t outputs, uint64_t seed) {
    char text[512];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_network *network;
    const hth_shape shape = {.inputs = inputs, .outputs = outputs, .target = HTH_TARGET_VALUES};
    snprintf(text, sizeof text, "%s", settings);
    hth_settings split = law_split(text, items);
    must(hth_network_create(&split, &shape, seed, NULL, &network, &error), &error);
    return network;
}

/* Mean, deviation and largest size of the numbers of a part of a block. */
typedef struct moments {
    double mean, deviation, largest;
} moments;

static moments of(const hth_real *x, size_t rows, size_t columns, size_t stride) {
    moments m = {0};
    const double count = (double)(rows * columns);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double v = (double)x[i * stride + j];
            m.mean += v / count;
            m.deviation += v * v / count;
            m.largest = fmax(m.largest, fabs(v));
        }
    m.deviation = sqrt(m.deviation - m.mean * m.mean);
    return m;
}

static void assert_near(double value, double expected, double relative) {
    if (!(fabs(value - expected) <= relative * fabs(expected)))
        fail_msg("%.6g is not near %.6g", value, expected);
}

static void test_initial_distributions(void **state) {
    (void)state;
    enum { N = 200, IN = 100, OUT = 80 };
    hth_network *net =
        made("network.units=200 init.w_rec=normal init.w_rec_scale=2 init.w_in=uniform "
             "init.w_in_scale=0.3 init.w_out=glorot init.b_out=normal init.b_out_scale=3",
             IN, OUT, 1);
    const hth_layer *layer = &net->layers[0];
    const hth_real *w = net->theta + layer->weight;
    assert_near(of(w, N, N, layer->m).deviation, 2 / sqrt(N), 0.02);
    assert_near(of(w + N, N, IN, layer->m).deviation, 0.3 / sqrt(3), 0.02);
    assert_true(of(w + N, N, IN, layer->m).largest <= 0.3000001);
    assert_true(of(w + layer->m - 1, N, 1, layer->m).largest == 0);
    assert_near(of(net->theta + net->readout.weight, OUT, N, N).largest, sqrt(6.0 / (N + OUT)),
                0.01);
    assert_near(of(net->theta + net->readout.bias, OUT, 1, 1).deviation, 3, 0.3);
    hth_network_destroy(net);
}

static void test_orthogonal(void **state) {
    (void)state;
    enum { N = 40 };
    hth_network *net = made("network.units=40 init.w_rec=orthogonal init.w_rec_scale=0.5", 2, 1, 1);
    const hth_layer *layer = &net->layers[0];
    for (size_t a = 0; a < N; a++)
        for (size_t b = 0; b < N; b++) {
            double sum = 0;
            for (size_t j = 0; j < N; j++)
                sum += (double)net->theta[layer->weight + a * layer->m + j] *
                       (double)net->theta[layer->weight + b * layer->m + j];
            assert_true(fabs(sum - (a == b ? 0.25 : 0)) < tolerance(1e-14, 1e-6));
        }
    hth_network_destroy(net);
}

/* A block's numbers depend on the seed and on nothing else of the network. */
static void test_blocks_are_drawn_apart(void **state) {
    (void)state;
    hth_network *a = made("network.units=9", 3, 2, 5), *b = made("network.units=9", 3, 7, 5);
    hth_network *c = made("network.units=9", 3, 2, 6);
    const size_t bytes = a->layers[0].rows * a->layers[0].m * sizeof(hth_real);
    assert_memory_equal(a->theta, b->theta, bytes);
    assert_true(memcmp(a->theta, c->theta, bytes) != 0);
    hth_network_destroy(a);
    hth_network_destroy(b);
    hth_network_destroy(c);
}

static void test_lists_per_unit(void **state) {
    (void)state;
    hth_network *net = made("cell.name=rate network.units=4 cell.alpha=0.1,0.2,0.3,0.4", 1, 1, 1);
    const hth_real *alpha = net->layers[0].constants;
    for (size_t j = 0; j < 4; j++) assert_near((double)alpha[j], 0.1 * (double)(j + 1), 1e-6);
    hth_network_destroy(net);
}

/* Outputs by the definition y_t = kappa y_{t-1} + gain W z_t (+ b), over tapes of uneven length. */
static void assert_outputs(const char *settings, size_t outputs, bool inside) {
    const law_case what = {settings, 3, 0, outputs, 11, 2, false, false};
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    law_setup(&rig, &what);
    const hth_readout *r = &rig.network->readout;
    const hth_real *w = rig.network->theta + r->weight, *b = rig.network->theta + r->bias;
    const size_t stride = rig.network->layers[0].stride, batch = 2;
    double *y = calloc(batch * outputs, sizeof *y);
    hth_real *ours = calloc(4 * batch * outputs, sizeof *ours);
    must(hth_tape_create(rig.network, 4, batch, rig.compute, NULL, &tape, &error), &error);
    for (size_t from = 0; from < 11; from += 4) {
        hth_chunk cut = law_cut(&rig, from, 11 - from < 4 ? 11 - from : 4);
        must(hth_forward(tape, &cut, &rig.report, &error), &error);
        hth_tape_read(tape, 0, hth_tape_length(tape), ours, NULL);
        for (size_t i = 0; i < cut.steps * batch; i++)
            for (size_t k = 0; k < outputs; k++) {
                const hth_real *z = tape->layers[0].u + (i + batch) * stride;
                double sum = inside ? (double)b[k] : 0, *last = &y[i % batch * outputs + k];
                for (size_t j = 0; j < r->n; j++)
                    sum += (double)r->gain * (double)w[k * r->n + j] * (double)z[j];
                *last = (double)r->kappa * *last + sum;
                double expected = *last + (inside ? 0 : (double)b[k]);
                assert_true(fabs(expected - (double)ours[i * outputs + k]) <
                            tolerance(1e-12, 1e-4));
            }
    }
    free(y);
    free(ours);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

static void test_outputs(void **state) {
    (void)state;
    assert_outputs("network.units=5", 3, false);
    assert_outputs("network.units=5 readout.kappa=0.8", 3, false);
    assert_outputs("network.units=5 readout.kappa=0.8 readout.bias_place=inside", 300, true);
    assert_outputs("network.units=5 readout.tau_out=4 readout.scale=true", 300, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initial_distributions),
        cmocka_unit_test(test_orthogonal),
        cmocka_unit_test(test_blocks_are_drawn_apart),
        cmocka_unit_test(test_lists_per_unit),
        cmocka_unit_test(test_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
