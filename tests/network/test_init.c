/* Initial recurrent weights that mean something as a matrix: the identity, and a spectral radius. */
#include "laws.h"

#include "network/network.h"

static hth_status create(const char *settings, hth_network **out, hth_error *error) {
    const hth_shape shape = {.inputs = 2, .outputs = 1};
    char text[512];
    hth_setting items[LAW_SETTINGS];
    snprintf(text, sizeof text, "%s", settings);
    const hth_settings read = law_split(text, items);
    return hth_network_create(&read, &shape, 1, NULL, out, error);
}

static hth_network *made(const char *settings) {
    hth_network *network;
    hth_error error;
    must(create(settings, &network, &error), &error);
    return network;
}

static void assert_refused(const char *settings, const char *expected) {
    hth_network *network;
    hth_error error;
    assert_int_equal(create(settings, &network, &error), HTH_INVALID);
    if (!strstr(error.message, expected)) fail_msg("%s: %s", settings, error.message);
}

/* ---- Identity ---- */

static void test_identity(void **state) {
    (void)state;
    hth_network *network = made("network.units=7 init.w_rec=identity init.w_rec_scale=0.5");
    const hth_layer *layer = &network->layers[0];
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < 7; j++)
            assert_true(layer->W[i * layer->m + j] == (i == j ? HTH_C(0.5) : HTH_C(0.0)));
    assert_true(layer->W[7] != 0); /* the input's are drawn */
    hth_network_destroy(network);
    assert_refused("network.units=7 cell.name=lif init.w_rec=identity", "network.self_connections");
    assert_refused("network.units=7 init.w_in=identity", "init.w_in");
}

/* ---- The measure ---- */

enum { N = 6 };

/* Eigenvalues in blocks on the diagonal, a real one or the pair r exp(+- i angle), with numbers above them that make
 * the matrix far from normal. */
static double measure(const double *r, const double *angle, double above) {
    hth_real w[N * (N + 1)] = {0};
    double found;
    hth_error error;
    for (size_t i = 0, b = 0; i < N; b++) {
        const size_t size = angle[b] > 0 ? 2 : 1;
        for (size_t row = i; row < i + size; row++) {
            for (size_t k = i + size; k < N; k++) w[row * (N + 1) + k] = (hth_real)above;
            w[row * (N + 1) + row] = (hth_real)(r[b] * cos(angle[b]));
        }
        if (size == 2) {
            w[i * (N + 1) + i + 1] = (hth_real)(-r[b] * sin(angle[b]));
            w[(i + 1) * (N + 1) + i] = (hth_real)(r[b] * sin(angle[b]));
        }
        i += size;
    }
    must(hth_spectral_radius(N, w, N + 1, &found, &error), &error);
    return found;
}

static void test_radius_of_known_matrices(void **state) {
    (void)state;
    const double near = tolerance(1e-8, 1e-5);
    const double pair[] = {0.5, 0.8, -0.7, 0.1}, turns[] = {0, 1.1, 0, 2};
    const double real[] = {-1.3, 0.8, 0.7, 0.1}, zero[N] = {0}, straight[N] = {0};
    const double ones[] = {1, 1, 1}, thirds[] = {0.3, 1.7, 2.9};
    /* A complex pair leads; a negative number leads; all have one size; all are 0, which only a high power shows. */
    assert_true(fabs(measure(pair, turns, 0.4) - 0.8) < near);
    assert_true(fabs(measure(pair, turns, 30) - 0.8) < near);
    assert_true(fabs(measure(real, turns, 0.4) - 1.3) < near);
    assert_true(fabs(measure(ones, thirds, 0) - 1) < near);
    assert_true(measure(zero, straight, 1) == 0);
    /* The power iteration would have turned round with the pair. */
    assert_true(fabs(measure(pair, turns, 0.4) - 0.7) > 0.05);
}

/* ---- The setting ---- */

static void test_radius_is_set(void **state) {
    (void)state;
    static const char *const networks[] = {
        "network.units=30", "network.units=30 network.connections=random network.density=0.2",
        "network.units=12 cell.name=lstm", "network.units=20 cell.name=lif init.w_rec_scale=3"};
    for (size_t i = 0; i < HTH_COUNT(networks); i++) {
        char text[256];
        double found, before;
        hth_error error;
        snprintf(text, sizeof text, "%s init.spectral_radius=0.9", networks[i]);
        hth_network *scaled = made(text), *drawn = made(networks[i]);
        const hth_layer *layer = &scaled->layers[0], *other = &drawn->layers[0];
        for (size_t g = 0; g < layer->cell->drives; g++) {
            const size_t at = g * layer->n * layer->m;
            must(hth_spectral_radius(layer->n, layer->W + at, layer->m, &found, &error), &error);
            must(hth_spectral_radius(layer->n, other->W + at, layer->m, &before, &error), &error);
            assert_true(fabs(found - 0.9) < tolerance(1e-8, 1e-5));
            assert_true(fabs(before - 0.9) > 1e-3);
            /* All weights by the same factor, and the input's by none. */
            assert_true(fabs((double)layer->W[at + 1] * before - (double)other->W[at + 1] * 0.9) <
                        tolerance(1e-8, 1e-5));
            assert_true(layer->W[at + layer->n] == other->W[at + layer->n]);
        }
        hth_network_destroy(scaled);
        hth_network_destroy(drawn);
    }
    assert_refused("network.units=5 network.connections=none network.self_connections=false "
                   "init.spectral_radius=1",
                   "all eigenvalues");
    assert_refused("network.units=5 network.delay=1..3 init.spectral_radius=1", "network.delay");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity),
                                       cmocka_unit_test(test_radius_of_known_matrices),
                                       cmocka_unit_test(test_radius_is_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
