/*
 * Recurrences whose credit crosses by other weights than W_rec: random with R = W_rec is full, bit for bit; with R = 0
 * it is none but for the reset; sign is full where all weights have one size.
 */
#include "handles.h"

static const law_case cases[] = {
    {"cell.name=rate cell.alpha=0.4 network.units=7", 3, 0, 2, 11, 2, false, false},
    {"cell.name=lstm network.units=5,4 readout.kappa=0.8", 3, 0, 3, 11, 1, false, true},
    {"cell.name=alif network.units=12 readout.kappa=0.9 cell.v_th=0.6 init.w_in_scale=2", 3, 0, 2,
     30, 2, false, false},
    {"cell.name=gru network.units=5 network.connections=random network.density=0.5", 2, 0, 3, 9, 3,
     false, false},
};

static const char *const pasts[] = {"none", "trace", "instantaneous"};
static const size_t steps[] = {1, 4, 8};

enum { TEXT = 200 };

static handles make(law_rig *rig, const char *recurrence, const char *past, size_t K) {
    char text[TEXT];
    snprintf(text, sizeof text, "learner.name=tbptt learner.past=%s learner.recurrence=%s", past,
             recurrence);
    return handles_make(rig, text, K);
}

static hth_real *gradient_of(law_rig *rig, const char *recurrence, const char *past, size_t K) {
    handles h = make(rig, recurrence, past, K);
    hth_real *gradient = handles_gradient(rig, &h, K);
    handles_drop(&h);
    return gradient;
}

/* The matrices of recurrence random become the recurrent weights, times a number for one of their entries. */
static void give_weights(const law_rig *rig, handles *h, hth_real times) {
    for (size_t l = 0; l < rig->network->layer_count; l++) {
        const hth_layer *layer = &rig->network->layers[l];
        hth_real *R = (hth_real *)h->learner->adjoint.layers[l].cross;
        for (size_t row = 0; row < layer->rows; row++)
            memcpy(R + row * layer->n, rig->network->theta + layer->weight + row * layer->m,
                   layer->n * sizeof *R);
        for (size_t k = 0; k < layer->rows * layer->n; k++)
            if (R[k] != 0) R[k] *= k % 3 == 0 ? times : 1;
    }
}

static void test_random_with_the_weights_is_full(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t p = 0; p < HTH_COUNT(pasts); p++)
            for (size_t k = 0; k < HTH_COUNT(steps); k++) {
                law_rig rig;
                law_setup(&rig, &cases[c]);
                hth_real *full = gradient_of(&rig, "full", pasts[p], steps[k]);
                hth_real *drawn = gradient_of(&rig, "random", pasts[p], steps[k]);
                handles h = make(&rig, "random", pasts[p], steps[k]);
                give_weights(&rig, &h, 1);
                hth_real *same = handles_gradient(&rig, &h, steps[k]);
                give_weights(&rig, &h, HTH_C(1.1));
                hth_real *other = handles_gradient(&rig, &h, steps[k]);
                law_assert_alive(&rig);
                assert_memory_equal(full, same, rig.count * sizeof *same);
                if (steps[k] > 1) {
                    law_assert_differs(&rig, "drawn weights", drawn, full, 1e-2);
                    law_assert_differs(&rig, "other weights", other, full, 1e-4);
                }
                handles_drop(&h);
                free(full);
                free(drawn);
                free(same);
                free(other);
                law_teardown(&rig);
            }
}

/* Without weights nothing crosses but the reset, which `none` has not either. */
static void test_random_of_scale_zero(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        hth_real *none = gradient_of(&rig, "none", "none", 8);
        hth_real *zero = gradient_of(&rig, "random learner.random_scale=0", "none", 8);
        hth_real *small = gradient_of(&rig, "random learner.random_scale=0.1", "none", 8);
        const bool resets = rig.network->layers[0].cell->R[0].where != HTH_AT_ZERO;
        if (!resets) law_assert_equal(&rig, "no reset", zero, none, 0);
        if (resets) law_assert_differs(&rig, "reset", zero, none, 1e-3);
        law_assert_differs(&rig, "some weights", small, zero, 1e-4);
        free(none);
        free(zero);
        free(small);
        law_teardown(&rig);
    }
}

/* Of the deviation that init.w_rec = normal has, and 0 where the network has no connection. */
static void test_random_is_drawn_as_the_weights_are(void **state) {
    (void)state;
    static const law_case what = {
        "cell.name=lstm network.units=40 network.connections=random network.density=0.5",
        2,
        0,
        2,
        4,
        1,
        false,
        false};
    law_rig rig;
    law_setup(&rig, &what);
    handles h = make(&rig, "random learner.random_scale=3", "none", 4);
    const hth_layer *layer = &rig.network->layers[0];
    const hth_real *R = h.learner->adjoint.layers[0].cross;
    double square = 0;
    size_t count = 0;
    for (size_t row = 0; row < layer->rows; row++)
        for (size_t from = 0; from < layer->n; from++) {
            const double r = (double)R[row * layer->n + from];
            if (!hth_layer_connects(layer, row % layer->n, from)) assert_true(r == 0);
            square += r * r;
            count += r != 0;
        }
    assert_true(count > 2500 && count < 3900);
    assert_true(fabs(square / (double)count * 40 / 9 - 1) < 0.1);
    handles_drop(&h);
    law_teardown(&rig);
}

/* All recurrent weights of a layer get one size, of a power of two so that their mean is exact. */
static void level_weights(law_rig *rig, hth_real size) {
    for (size_t l = 0; l < rig->network->layer_count; l++) {
        const hth_layer *layer = &rig->network->layers[l];
        for (size_t row = 0; row < layer->rows; row++)
            for (size_t from = 0; from < layer->n; from++) {
                hth_real *w = rig->network->theta + layer->weight + row * layer->m + from;
                *w = *w > 0 ? size : *w < 0 ? -size : 0;
            }
    }
}

static void test_sign_of_equal_weights_is_full(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t p = 0; p < HTH_COUNT(pasts); p++) {
            law_rig rig;
            law_setup(&rig, &cases[c]);
            handles sign = make(&rig, "sign", pasts[p], 4);
            handles half = make(&rig, "sign learner.sign_scale=0.5", pasts[p], 4);
            handles full = make(&rig, "full", pasts[p], 4);
            hth_real *unlike = handles_gradient(&rig, &sign, 4);
            hth_real *true_unlike = handles_gradient(&rig, &full, 4);
            law_assert_differs(&rig, "weights of many sizes", unlike, true_unlike, 1e-3);
            level_weights(&rig, HTH_C(0.25)); /* the signs are read anew */
            hth_real *like = handles_gradient(&rig, &sign, 4);
            hth_real *true_like = handles_gradient(&rig, &full, 4);
            hth_real *halved = handles_gradient(&rig, &half, 4);
            assert_memory_equal(like, true_like, rig.count * sizeof *like);
            law_assert_differs(&rig, "half the size", halved, true_like, 1e-3);
            handles_drop(&sign);
            handles_drop(&half);
            handles_drop(&full);
            free(unlike);
            free(true_unlike);
            free(like);
            free(true_like);
            free(halved);
            law_teardown(&rig);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_with_the_weights_is_full),
        cmocka_unit_test(test_random_of_scale_zero),
        cmocka_unit_test(test_random_is_drawn_as_the_weights_are),
        cmocka_unit_test(test_sign_of_equal_weights_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
