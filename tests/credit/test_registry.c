/*
 * The exact laws over the registry: every cell with every loss, at random sizes, so that a new cell or loss is
 * tested by being listed. And laws of single choices: recurrence = diagonal, reset without gradient.
 */
#include "laws.h"

#include "credit/axes.h"
#include "network/catalogues.h"

/* A random case of cell and loss; the numbers depend on the draw alone. */
static law_case draw(size_t cell, size_t loss, uint64_t number, char *text, size_t size) {
    const hth_random r = {11, HTH_RANDOM_CHECK, (uint32_t)number};
    const hth_cell *kind = hth_cell_at(cell);
    const size_t layers = 1 + (size_t)hth_random_below(&r, 0, 2);
    const bool tokens = hth_random_below(&r, 1, 3) == 0;
    const bool acts = ((const hth_loss *)hth_losses.at(loss))->of_actions;
    int used = snprintf(text, size, "cell.name=%s loss.name=%s network.units=%d", kind->part.name,
                        hth_losses.at(loss)->name, (int)(2 + hth_random_below(&r, 2, 5)));
    if (layers == 2)
        used += snprintf(text + used, size - (size_t)used, ",%d",
                         (int)(2 + hth_random_below(&r, 3, 4)));
    used += snprintf(text + used, size - (size_t)used, " readout.kappa=%s network.initial=%s",
                     hth_random_below(&r, 4, 2) ? "0.7" : "0",
                     hth_random_below(&r, 5, 2) ? "learned" : "zero");
    if (tokens) used += snprintf(text + used, size - (size_t)used, " network.embedding=3");
    /* Differences are those of a slope where no |a| + b is near 0: with these numbers, none is. */
    if (strcmp(kind->part.name, "modrelu") == 0)
        used += snprintf(text + used, size - (size_t)used, " cell.offset=0.4");
    if (kind->spikes)
        snprintf(text + used, size - (size_t)used,
                 " cell.spike=smooth cell.pseudo_derivative=gaussian cell.width=5 "
                 "cell.refractory=0");
    return (law_case){.settings = text,
                      .inputs = tokens ? 0 : 1 + (size_t)hth_random_below(&r, 6, 3),
                      .vocabulary = tokens ? 5 : 0,
                      .outputs = 1 + (size_t)hth_random_below(&r, 7, 4) + (loss == 1 || acts),
                      .steps = 5 + (size_t)hth_random_below(&r, 8, 6),
                      .batch = 1 + (size_t)hth_random_below(&r, 9, 3),
                      .classes = !acts && hth_random_below(&r, 10, 2) == 0,
                      .masked = hth_random_below(&r, 11, 2) == 0};
}

static void assert_laws(const law_case *what, size_t K) {
    law_rig rig;
    law_setup(&rig, what);
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what->steps);
    hth_real *rtrl = law_gradient(&rig, "learner.name=rtrl", K);
    law_assert_equal(&rig, "rtrl = bptt", rtrl, exact, tolerance(1e-10, 5e-3));
    if (sizeof(hth_real) == sizeof(double)) {
        hth_real *numeric = malloc(rig.count * sizeof *numeric);
        law_differences(&rig, numeric);
        law_assert_equal(&rig, "bptt = differences", exact, numeric, 1e-7);
        law_assert_differs(&rig, "twice the gradient", exact, law_twice(&rig, numeric), 0.4);
        free(numeric);
    }
    free(exact);
    free(rtrl);
    law_teardown(&rig);
}

static void test_every_cell_with_every_loss(void **state) {
    (void)state;
    uint64_t number = 0;
    for (size_t cell = 0; cell < hth_cells.count; cell++)
        for (size_t loss = 0; loss < hth_losses.count; loss++)
            for (int again = 0; again < 3; again++, number++) {
                char text[400];
                law_case what = draw(cell, loss, number, text, sizeof text);
                assert_laws(&what, 1 + (size_t)(number % 5));
            }
    assert_true(number >= 18);
}

/* With diagonal recurrent weights the diagonal is all there is. */
static void test_diagonal_recurrence(void **state) {
    (void)state;
    static const char *const cells[] = {
        "cell.name=rate cell.alpha=0.5 network.units=6", "cell.name=lstm network.units=5",
        "cell.name=gru network.units=5",
        ("cell.name=alif cell.beta=0.3 network.units=8 network.self_connections=true cell.v_th=0.6 "
         "init.w_in_scale=2 readout.kappa=0.9")};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        const law_case what = {cells[c], 3, 0, 2, 14, 2, false, false};
        law_rig rig;
        law_setup(&rig, &what);
        hth_real *full = law_gradient(&rig, "learner.name=bptt", 14);
        hth_real *diagonal = law_gradient(&rig, "learner.recurrence=diagonal", 14);
        law_assert_differs(&rig, "dense: diagonal", diagonal, full, 1e-3);
        free(full);
        free(diagonal);
        const hth_layer *layer = &rig.network->layers[0];
        for (size_t row = 0; row < layer->rows; row++)
            for (size_t k = 0; k < layer->n; k++)
                if (k != row % layer->n) rig.network->theta[layer->weight + row * layer->m + k] = 0;
        full = law_gradient(&rig, "learner.name=bptt", 14);
        law_assert_alive(&rig);
        diagonal = law_gradient(&rig, "learner.recurrence=diagonal", 14);
        hth_real *none = law_gradient(&rig, "learner.recurrence=none", 14);
        law_assert_equal(&rig, "diagonal = full", diagonal, full, tolerance(1e-12, 1e-4));
        law_assert_differs(&rig, "none", none, full, 1e-3);
        free(full);
        free(diagonal);
        free(none);
        law_teardown(&rig);
    }
}

/* Without recurrent weights the reset is the only path that recurrence = none cuts: no credit through the reset
 * must be the same gradient, and credit through it another. */
static void test_reset_gradient(void **state) {
    (void)state;
    for (int with = 0; with < 2; with++) {
        char text[256];
        snprintf(text, sizeof text,
                 "cell.name=lif network.units=9 cell.v_th=0.6 init.w_in_scale=2 "
                 "readout.kappa=0.9 cell.reset_gradient=%s",
                 with ? "true" : "false");
        const law_case what = {text, 3, 0, 2, 25, 2, false, false};
        law_rig rig;
        law_setup(&rig, &what);
        const hth_layer *layer = &rig.network->layers[0];
        for (size_t row = 0; row < layer->rows; row++)
            memset(rig.network->theta + layer->weight + row * layer->m, 0,
                   layer->n * sizeof(hth_real));
        hth_real *full = law_gradient(&rig, "learner.name=bptt", 25);
        hth_real *none = law_gradient(&rig, "learner.recurrence=none", 25);
        law_assert_alive(&rig);
        if (with)
            law_assert_differs(&rig, "credit through the reset", none, full, 1e-2);
        else
            law_assert_equal(&rig, "no credit through the reset", none, full,
                             tolerance(1e-12, 1e-4));
        free(full);
        free(none);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_with_every_loss),
        cmocka_unit_test(test_diagonal_recurrence),
        cmocka_unit_test(test_reset_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
