/* Projection (optim/keep/project.c): recursive least squares are the inverse; an update leaves what weights made of
 * inputs that were noted, in stacks and with gates; with both sides it is at right angles to the drives too; and the
 * state says all. */
#include "optim/keep.h"

#include "network/inspect.h"

typedef struct span {
    law_rig rig;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} span;

static void setup(span *s, const law_case *what) {
    const hth_setting items[] = {{"learner.name", "bptt", NULL}};
    const hth_settings settings = {items, 1};
    hth_error error;
    law_setup(&s->rig, what);
    must(hth_learner_create(&settings, s->rig.network, what->steps, what->batch, 1, s->rig.compute,
                            NULL, &s->learner, &error),
         &error);
    must(hth_learner_tape(s->learner, s->rig.compute, NULL, &s->tape, &error), &error);
    must(hth_gradient_create(s->rig.network, NULL, &s->gradient, &error), &error);
    must(hth_optimiser_create(&s->rig.settings, s->rig.network, s->rig.compute, NULL, &s->optimiser,
                              &error),
         &error);
    must(hth_forward(s->tape, &s->rig.chunk, &s->rig.report, &error), &error);
}

static void teardown(span *s) {
    hth_optimiser_destroy(s->optimiser);
    hth_gradient_destroy(s->gradient);
    hth_learner_destroy(s->learner);
    hth_tape_destroy(s->tape);
    law_teardown(&s->rig);
}

static hth_real *state_of(span *s, const char *name) {
    hth_field fields[16];
    const size_t count = hth_optimiser_state(s->optimiser, fields, 16);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i].data;
    fail_msg("no state %s", name);
    return NULL;
}

/* The drives W u of a layer at the steps on the tape, [count][rows]; the caller frees them. */
static double *drives_of(const span *s, size_t l) {
    const hth_layer *layer = &s->rig.network->layers[l];
    const size_t count = s->rig.what.steps * s->rig.what.batch;
    double *y = calloc(count * layer->rows, sizeof *y);
    for (size_t n = 0; n < count; n++)
        for (size_t r = 0; r < layer->rows; r++)
            for (size_t i = 0; i < layer->m; i++)
                y[n * layer->rows + r] +=
                    (double)s->rig.network->theta[layer->weight + r * layer->m + i] *
                    (double)s->tape->layers[l].u[n * layer->stride + i];
    return y;
}

/* P (sum u u^T + alpha I) = alpha I, of count u[m] */
static void assert_inverse(const hth_real *p, size_t m, size_t count, const double *u) {
    double off = 0, away = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) {
            double product = 0.3 * (double)p[i * m + j];
            for (size_t n = 0; n < count; n++) {
                double pu = 0;
                for (size_t k = 0; k < m; k++) pu += (double)p[i * m + k] * u[n * m + k];
                product += pu * u[n * m + j];
            }
            off = fmax(off, fabs(product - 0.3 * (i == j)));
            away = fmax(away, fabs((double)p[i * m + j] - (i == j)));
        }
    assert_true(off < tolerance(1e-12, 1e-3));
    assert_true(away > 0.5);
}

static void test_least_squares_are_the_inverse(void **state) {
    (void)state;
    const law_case what = {"network.units=5 cell.alpha=0.5 optimiser.name=sgd keep.name=project "
                           "keep.alpha=0.3 keep.sides=both",
                           3,
                           0,
                           2,
                           7,
                           2,
                           false,
                           false};
    span s;
    hth_error error;
    setup(&s, &what);
    must(hth_optimiser_note_inputs(s.optimiser, s.tape, &error), &error);
    const hth_layer *layer = &s.rig.network->layers[0];
    const size_t m = layer->m, count = what.steps * what.batch;
    double *u = calloc(count * m, sizeof *u), *y = drives_of(&s, 0);
    for (size_t i = 0; i < count * m; i++)
        u[i] = (double)s.tape->layers[0].u[i / m * layer->stride + i % m];
    assert_inverse(state_of(&s, "keep.project0"), m, count, u);
    assert_inverse(state_of(&s, "keep.project_drives0"), layer->rows, count, y);
    free(u);
    free(y);
    teardown(&s);
}

/* How far drives of the noted inputs move, over how far the weights do; the largest over the layers. */
static double drives_moved(span *s, const hth_real *before) {
    double moved = 0, largest = 0;
    for (size_t l = 0; l < s->rig.network->layer_count; l++) {
        const hth_layer *layer = &s->rig.network->layers[l];
        for (size_t r = 0; r < layer->rows; r++) {
            const size_t at = layer->weight + r * layer->m;
            for (size_t i = 0; i < layer->m; i++)
                largest = fmax(
                    largest, fabs((double)s->rig.network->theta[at + i] - (double)before[at + i]));
            for (size_t n = 0; n < s->rig.what.steps * s->rig.what.batch; n++) {
                double sum = 0;
                for (size_t i = 0; i < layer->m; i++)
                    sum += ((double)s->rig.network->theta[at + i] - (double)before[at + i]) *
                           (double)s->tape->layers[l].u[n * layer->stride + i];
                moved = fmax(moved, fabs(sum));
            }
        }
    }
    assert_true(largest > 1e-4);
    return moved / largest;
}

/* How far the weights move along noted drives, each of length 1, over how far they move; the largest over the layers. */
static double moved_along_drives(span *s, const hth_real *before, double *const *drives) {
    double along = 0, largest = 0;
    for (size_t l = 0; l < s->rig.network->layer_count; l++) {
        const hth_layer *layer = &s->rig.network->layers[l];
        for (size_t n = 0; n < s->rig.what.steps * s->rig.what.batch; n++) {
            const double *y = drives[l] + n * layer->rows;
            double length = 0;
            for (size_t r = 0; r < layer->rows; r++) length += y[r] * y[r];
            for (size_t i = 0; i < layer->m; i++) {
                double sum = 0;
                for (size_t r = 0; r < layer->rows; r++) {
                    const size_t at = layer->weight + r * layer->m + i;
                    const double way = (double)s->rig.network->theta[at] - (double)before[at];
                    largest = fmax(largest, fabs(way));
                    sum += y[r] * way / sqrt(length);
                }
                along = fmax(along, fabs(sum));
            }
        }
    }
    assert_true(largest > 1e-4);
    return along / largest;
}

enum { NOTHING, INPUTS, BOTH };

/* Notes inputs, or nothing; makes updates with gradients that have nothing to do with them; and looks where these have
 * led. */
static void check_updates(const char *settings, int noted) {
    char all[400];
    span s;
    hth_error error;
    double *drives[2];
    snprintf(all, sizeof all, "%s keep.name=project keep.alpha=%s keep.sides=%s", settings,
             sizeof(hth_real) == 8 ? "1e-9" : "1e-3", noted == INPUTS ? "inputs" : "both");
    const law_case what = {all, 3, 0, 2, 5, 1, false, false};
    setup(&s, &what);
    if (noted) must(hth_optimiser_note_inputs(s.optimiser, s.tape, &error), &error);
    for (size_t l = 0; l < s.rig.network->layer_count; l++) drives[l] = drives_of(&s, l);
    hth_random r = {4, HTH_RANDOM_CHECK, 9};
    hth_real *g = hth_gradient_edit(s.gradient);
    for (size_t i = 0; i < s.rig.count; i++) g[i] = (hth_real)hth_random_normal(&r, i);
    hth_real *before = malloc(s.rig.count * sizeof *before);
    memcpy(before, s.rig.network->theta, s.rig.count * sizeof *before);
    for (int i = 0; i < 2; i++)
        must(hth_optimiser_step(s.optimiser, s.rig.network, s.gradient, 1, &error), &error);
    const double moved = drives_moved(&s, before), along = moved_along_drives(&s, before, drives);
    if (noted && !(moved < tolerance(1e-7, 1e-2))) fail_msg("%s: moved %g", all, moved);
    if (!noted && !(moved > 0.5)) fail_msg("%s, control: moved %g", all, moved);
    if (noted == BOTH && !(along < tolerance(1e-7, 1e-1))) fail_msg("%s: along %g", all, along);
    if (noted != BOTH && !(along > 0.5)) fail_msg("%s, control: along %g", all, along);
    for (size_t l = 0; l < s.rig.network->layer_count; l++) free(drives[l]);
    free(before);
    teardown(&s);
}

static void test_updates_leave_what_was_noted(void **state) {
    (void)state;
    static const char *const settings[] = {
        "network.units=12 cell.alpha=0.5 optimiser.name=sgd optimiser.lr=0.1",
        "network.units=9,8 cell.name=lstm optimiser.name=momentum optimiser.lr=0.1 "
        "optimiser.clip_norm=0.5",
    };
    for (size_t c = 0; c < HTH_COUNT(settings); c++)
        for (int noted = NOTHING; noted <= BOTH; noted++) check_updates(settings[c], noted);
}

/* Another optimiser goes on from the fields of the state, and from nothing less. */
static void test_the_state_says_all(void **state) {
    (void)state;
    const law_case what = {"network.units=7,5 optimiser.name=sgd optimiser.lr=0.1 "
                           "keep.name=project keep.alpha=0.01 keep.sides=both",
                           3,
                           0,
                           2,
                           6,
                           1,
                           false,
                           false};
    for (int copies = 0; copies < 2; copies++) {
        span one, other;
        hth_error error;
        hth_field from[16], to[16];
        setup(&one, &what);
        setup(&other, &what);
        must(hth_optimiser_note_inputs(one.optimiser, one.tape, &error), &error);
        const size_t count = hth_optimiser_state(one.optimiser, from, 16);
        assert_int_equal(hth_optimiser_state(other.optimiser, to, 16), count);
        for (size_t i = 0; copies && i < count; i++)
            memcpy(to[i].data, from[i].data, hth_field_bytes(&from[i]));
        for (int run = 0; run < 2; run++) {
            span *s = run ? &other : &one;
            for (size_t i = 0; i < s->rig.count; i++)
                hth_gradient_edit(s->gradient)[i] = (hth_real)(i % 7) - 3;
            must(hth_optimiser_step(s->optimiser, s->rig.network, s->gradient, 1, &error), &error);
        }
        assert_int_equal(memcmp(one.rig.network->theta, other.rig.network->theta,
                                one.rig.count * sizeof(hth_real)) == 0,
                         copies);
        teardown(&one);
        teardown(&other);
    }
}

/* A projector mixes the columns of a row, but a connection that does not exist has no weight. */
static void test_no_connection_is_made(void **state) {
    (void)state;
    const law_case what = {"network.units=12 network.connections=random network.density=0.3 "
                           "optimiser.name=sgd optimiser.lr=0.1 keep.name=project keep.sides=both",
                           3,
                           0,
                           2,
                           5,
                           1,
                           false,
                           false};
    span s;
    hth_error error;
    setup(&s, &what);
    must(hth_optimiser_note_inputs(s.optimiser, s.tape, &error), &error);
    hth_real *exists = malloc(s.rig.count * sizeof *exists), *g = hth_gradient_edit(s.gradient);
    size_t missing = 0;
    hth_parameter_mask(s.rig.network, exists);
    for (size_t i = 0; i < s.rig.count; i++) g[i] = exists[i] * (hth_real)((int)(i % 7) - 3);
    must(hth_optimiser_step(s.optimiser, s.rig.network, s.gradient, 1, &error), &error);
    for (size_t i = 0; i < s.rig.count; i++) {
        if (exists[i] > 0) continue;
        missing++;
        assert_true(s.rig.network->theta[i] == 0);
    }
    assert_true(missing > 50);
    free(exists);
    teardown(&s);
}

static void test_an_adaptive_method_is_refused(void **state) {
    (void)state;
    const law_case what = {"network.units=4", 2, 0, 2, 1, 1, false, false};
    const hth_setting items[] = {{"keep.name", "project", NULL}};
    const hth_settings settings = {items, 1};
    law_rig rig;
    hth_optimiser *optimiser;
    hth_error error;
    law_setup(&rig, &what);
    assert_int_equal(
        hth_optimiser_create(&settings, rig.network, rig.compute, NULL, &optimiser, &error),
        HTH_INVALID);
    assert_non_null(strstr(error.message, "take sgd or momentum"));
    law_teardown(&rig);
}

/* All that would change an update after it has been projected; the last is fine. */
static void test_what_leads_out_again_is_refused(void **state) {
    (void)state;
    static const char *const ways[][2] = {
        {"optimiser.weight_decay=0.1", "optimiser.weight_decay = 0.1 changes"},
        {"optimiser.clip_element=2", "optimiser.clip_element = 2 changes"},
        {"optimiser.clip_norm=2", NULL},
    };
    for (size_t i = 0; i < HTH_COUNT(ways); i++) {
        char all[200];
        snprintf(all, sizeof all, "network.units=4 optimiser.name=sgd keep.name=project %s",
                 ways[i][0]);
        const law_case what = {all, 2, 0, 2, 1, 1, false, false};
        law_rig rig;
        hth_optimiser *optimiser = NULL;
        hth_error error = {0};
        law_setup(&rig, &what);
        const hth_status status =
            hth_optimiser_create(&rig.settings, rig.network, rig.compute, NULL, &optimiser, &error);
        if (status != (ways[i][1] ? HTH_INVALID : HTH_OK)) fail_msg("%s: %d", ways[i][0], status);
        if (ways[i][1] && !strstr(error.message, ways[i][1])) fail_msg("%s", error.message);
        hth_optimiser_destroy(optimiser);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_least_squares_are_the_inverse),
        cmocka_unit_test(test_updates_leave_what_was_noted),
        cmocka_unit_test(test_the_state_says_all),
        cmocka_unit_test(test_no_connection_is_made),
        cmocka_unit_test(test_an_adaptive_method_is_refused),
        cmocka_unit_test(test_what_leads_out_again_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
