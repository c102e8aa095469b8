/* network.orthogonal: the recurrent weights stay orthogonal over many updates, become the nearest orthogonal matrix,
 * and are refused where there is none. */
#include "laws.h"

#include "optim/gradient.h"

typedef struct bench {
    hth_network *network;
    hth_compute *compute;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} bench;

static hth_status create(const char *settings, hth_settings *read, hth_setting *items, char *text,
                         hth_network **out, hth_error *error) {
    const hth_shape shape = {.inputs = 2, .outputs = 1};
    snprintf(text, 512, "%s", settings);
    *read = law_split(text, items);
    return hth_network_create(read, &shape, 1, NULL, out, error);
}

static void setup(bench *b, const char *text) {
    char copy[512];
    hth_setting items[LAW_SETTINGS];
    hth_settings settings;
    hth_error error;
    must(create(text, &settings, items, copy, &b->network, &error), &error);
    must(hth_compute_create(1, NULL, &b->compute, &error), &error);
    must(hth_gradient_create(b->network, NULL, &b->gradient, &error), &error);
    must(hth_optimiser_create(&settings, b->network, b->compute, NULL, &b->optimiser, &error),
         &error);
}

static void teardown(bench *b) {
    hth_optimiser_destroy(b->optimiser);
    hth_gradient_destroy(b->gradient);
    hth_compute_destroy(b->compute);
    hth_network_destroy(b->network);
}

static void update(bench *b, uint32_t number, double size) {
    const hth_random r = {9, HTH_RANDOM_CHECK, number};
    hth_error error;
    for (size_t i = 0; i < hth_network_parameter_count(b->network); i++)
        hth_gradient_edit(b->gradient)[i] = (hth_real)(size * hth_random_normal(&r, i));
    hth_layer_mask(&b->network->layers[0], hth_gradient_edit(b->gradient));
    must(hth_optimiser_step(b->optimiser, b->network, b->gradient, 1, &error), &error);
}

/* The largest entry of |W^T W - 1| of a gate. */
static double deviation(const bench *b, size_t gate) {
    const hth_layer *layer = &b->network->layers[0];
    const size_t n = layer->n, m = layer->m;
    const hth_real *w = layer->W + gate * n * m;
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) sum += (double)w[k * m + i] * (double)w[k * m + j];
            largest = fmax(largest, fabs(sum - (i == j)));
        }
    return largest;
}

static void assert_kept(const char *settings, size_t gates, size_t updates, double size) {
    bench b;
    setup(&b, settings);
    const hth_real before = b.network->layers[0].W[0];
    for (size_t g = 0; g < gates; g++) assert_true(deviation(&b, g) < tolerance(1e-12, 1e-6));
    for (size_t k = 0; k < updates; k++) update(&b, (uint32_t)k, size);
    for (size_t g = 0; g < gates; g++) {
        const double found = deviation(&b, g);
        if (!(found < tolerance(1e-12, 1e-6)))
            fail_msg("%s: |W^T W - 1| is %g after %zu updates", settings, found, updates);
    }
    assert_true(fabs((double)(b.network->layers[0].W[0] - before)) > 1e-3);
    teardown(&b);
}

static void test_weights_stay_orthogonal(void **state) {
    (void)state;
    assert_kept("network.units=8 network.orthogonal=true optimiser.name=sgd optimiser.lr=0.01", 1,
                10000, 1);
    assert_kept("network.units=12 cell.name=modrelu init.w_rec=orthogonal network.orthogonal=true "
                "optimiser.lr=0.01",
                1, 300, 1);
    assert_kept("network.units=9 cell.name=lstm network.orthogonal=true optimiser.lr=0.01", 4, 100,
                1);
    /* Updates so large that the passes would not converge by themselves. */
    assert_kept("network.units=9 network.orthogonal=true optimiser.name=sgd optimiser.lr=1", 1, 50,
                5);
    /* Without the setting, they leave the orthogonal matrices. */
    bench b;
    setup(&b, "network.units=8 init.w_rec=orthogonal optimiser.name=sgd optimiser.lr=0.01");
    assert_true(deviation(&b, 0) < tolerance(1e-12, 1e-6));
    update(&b, 1, 1);
    assert_true(deviation(&b, 0) > 1e-3);
    teardown(&b);
}

/* The polar factor U of A = U S: A U^T is symmetric, and not where U is another orthogonal matrix, such as that of QR.
 * */
static void test_the_nearest_one_is_taken(void **state) {
    (void)state;
    enum { N = 7 };
    for (int is_kept = 0; is_kept < 2; is_kept++) {
        bench b;
        double A[N][N], largest = 0, other = 0;
        setup(&b, "network.units=7 network.orthogonal=true optimiser.name=sgd optimiser.lr=0.1");
        const hth_layer *layer = &b.network->layers[0];
        const hth_random r = {9, HTH_RANDOM_CHECK, 3};
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++)
                A[i][j] = (double)layer->W[i * layer->m + j] -
                          0.1 * hth_random_normal(&r, i * layer->m + j);
        if (is_kept) update(&b, 3, 1);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++) {
                double there = 0, back = 0;
                for (size_t k = 0; k < N; k++) {
                    there += A[i][k] * (double)layer->W[j * layer->m + k];
                    back += A[j][k] * (double)layer->W[i * layer->m + k];
                }
                largest = fmax(largest, fabs(there - back));
                other = fmax(other, fabs(there));
            }
        assert_true(other > 0.5);
        if (is_kept)
            assert_true(largest < tolerance(1e-12, 1e-5));
        else
            assert_true(largest > 1e-2);
        teardown(&b);
    }
}

static void test_what_cannot_be_orthogonal_is_refused(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"cell.name=lif", "network.self_connections"},
        {"network.connections=random", "network.connections"},
        {"network.excitatory=0.8", "network.excitatory"},
        {"network.delay=1..3", "network.delay"},
        {"init.w_rec=zero", "init.w_rec"},
        {"init.spectral_radius=0.9", "spectral radius"},
    };
    for (size_t i = 0; i < HTH_COUNT(bad); i++) {
        char text[512], copy[512];
        hth_setting items[LAW_SETTINGS];
        hth_settings settings;
        hth_network *network;
        hth_error error;
        snprintf(text, sizeof text, "network.units=6 network.orthogonal=true %s", bad[i][0]);
        assert_int_equal(create(text, &settings, items, copy, &network, &error), HTH_INVALID);
        if (!strstr(error.message, bad[i][1])) fail_msg("%s: %s", text, error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_stay_orthogonal),
        cmocka_unit_test(test_the_nearest_one_is_taken),
        cmocka_unit_test(test_what_cannot_be_orthogonal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
