/* What a plan may ask for: a model that only predicts, parameters of the caller's own, settings of others; and what a
 * model with dropout shows. */
#include "models.h"

#include <math.h>

static const hth_report nothing;

/* Two layers that leave out units, weights that stay as they are. */
static const law_case drops = {"network.units=9,7 cell.name=gru network.dropout=0.5 "
                               "readout.kappa=0.4 learner.name=tbptt optimiser.name=sgd "
                               "optimiser.lr=0",
                               2,
                               0,
                               3,
                               24,
                               2,
                               false,
                               false};

enum { NUMBERS = 24 * 2 * 3 };

/* But for rounding: products of longer tapes add up in another order. */
static bool same_numbers(const hth_real *a, const hth_real *b) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < NUMBERS; i++) {
        worst = fmax(worst, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    return largest > 0 && worst <= tolerance(1e-13, 1e-5) * largest;
}

/* What a frozen model says of all steps, or one that only predicts. */
static void frozen_outputs(const law_rig *rig, bool only_predicts, hth_real *out) {
    hth_model_plan plan = model_plan(rig, 4, 0);
    hth_model *model;
    hth_error error;
    hth_report report = nothing;
    plan.only_predicts = only_predicts;
    must(hth_model_create(&plan, NULL, &model, &error), &error);
    if (!only_predicts) hth_model_freeze(model, true);
    model_steps(rig, model, 0, 24, out, &report);
    assert_true(report.weight > 0);
    hth_model_destroy(model);
}

/* ---- Dropout ---- */

/* Step by step or at once a model that learns says what a frozen one says, while its tape leaves units out. */
static void predicts_with_all_units(void **state) {
    static const size_t tapes[] = {1, 4, 24};
    (void)state;
    law_rig rig;
    hth_real frozen[NUMBERS], shown[NUMBERS], dropped[6];
    hth_error error;
    law_setup(&rig, &drops);
    frozen_outputs(&rig, false, frozen);
    for (size_t i = 0; i < HTH_COUNT(tapes); i++)
        for (int at_once = 0; at_once < 2; at_once++) {
            hth_model *model = model_make(&rig, tapes[i], 0);
            hth_report report = nothing;
            if (at_once)
                model_run(&rig, model, 0, 24, shown, &report);
            else
                model_steps(&rig, model, 0, 24, shown, &report);
            assert_true(same_numbers(shown, frozen));
            must(hth_tape_read(hth_model_parts_of(model)->tape, tapes[i] - 1, 1, dropped, &error),
                 &error);
            double apart = 0;
            for (size_t k = 0; k < 6; k++)
                apart = fmax(apart, fabs((double)(dropped[k] - shown[NUMBERS - 6 + k])));
            assert_true(apart > 1e-3);
            hth_model_destroy(model);
        }
    law_teardown(&rig);
}

/* What is not shown goes on all the same, and what a saved model knows is enough to go on with. */
static void the_complete_network_goes_on(void **state) {
    (void)state;
    law_rig rig;
    hth_real frozen[NUMBERS], shown[NUMBERS];
    hth_report report = nothing;
    hth_error error;
    size_t bytes;
    law_setup(&rig, &drops);
    frozen_outputs(&rig, false, frozen);
    hth_model *model = model_make(&rig, 4, 0), *other = model_make(&rig, 4, 0);
    model_run(&rig, model, 0, 9, NULL, &report);
    unsigned char *saved = model_saved(model, &bytes);
    must(hth_model_load(other, saved, bytes, &error), &error);
    memcpy(shown, frozen, sizeof shown);
    model_steps(&rig, other, 9, 24, shown, &report);
    assert_true(same_numbers(shown, frozen));
    hth_model_reset(other); /* at rest it would say something else */
    model_steps(&rig, other, 9, 24, shown, &report);
    assert_false(same_numbers(shown, frozen));
    free(saved);
    hth_model_destroy(other);
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* A layer that runs against time has its sequence at once. */
static void predicts_both_ways(void **state) {
    law_case both = drops;
    both.settings = "network.units=6 network.direction=both network.dropout=0.5 learner.name=bptt "
                    "optimiser.lr=0";
    both.steps = 24;
    (void)state;
    law_rig rig;
    hth_report report = nothing;
    hth_real frozen[NUMBERS], shown[NUMBERS];
    law_setup(&rig, &both);
    rig.chunk.ends = true;
    hth_model *model = model_make(&rig, 24, 0);
    model_run(&rig, model, 0, 24, shown, &report);
    hth_model_freeze(model, true);
    model_run(&rig, model, 0, 24, frozen, &report);
    assert_true(same_numbers(shown, frozen));
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* ---- A model that only predicts ---- */

static void only_predicts(void **state) {
    (void)state;
    law_rig rig;
    hth_real frozen[NUMBERS], shown[NUMBERS];
    hth_report report = nothing;
    hth_error error;
    size_t bytes;
    law_setup(&rig, &drops);
    frozen_outputs(&rig, false, frozen);
    frozen_outputs(&rig, true, shown);
    assert_true(same_numbers(shown, frozen));

    /* It has no learner, and nothing thaws it; saved and loaded, it goes on. */
    hth_model_plan plan = model_plan(&rig, 4, 0);
    hth_model *model, *other;
    plan.only_predicts = true;
    must(hth_model_create(&plan, NULL, &model, &error), &error);
    must(hth_model_create(&plan, NULL, &other, &error), &error);
    const hth_model_sizes *sizes = hth_model_sizes_of(model);
    assert_true(sizes->learner == 0 && sizes->gradient == 0 && sizes->optimiser == 0);
    assert_null(hth_model_parts_of(model)->learner);
    hth_model_freeze(model, false);
    model_steps(&rig, model, 0, 9, shown, &report);
    unsigned char *saved = model_saved(model, &bytes);
    must(hth_model_load(other, saved, bytes, &error), &error);
    model_steps(&rig, other, 9, 24, shown, &report);
    assert_true(same_numbers(shown, frozen));
    free(saved);
    hth_model_destroy(other);
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* ---- Parameters and settings ---- */

typedef struct own_start {
    hth_real first;
    hth_status status;
} own_start;

static hth_status set_first(void *context, hth_network *network, hth_error *error) {
    const own_start *own = context;
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    hth_network_parameters(network)[blocks[count - 2].offset] = own->first;
    return own->status ? hth_fail(error, own->status, "the caller has none") : HTH_OK;
}

/* The learner begins with the parameters that the caller sets: this one keeps a copy of the readout's weights, and its
 * feedback follows what they change by. */
static void parameters_of_the_callers_own(void **state) {
    static const law_case adaptive = {
        "network.units=5 learner.name=rflo learner.signal=adaptive optimiser.name=sgd "
        "optimiser.lr=0.01",
        2,
        0,
        2,
        12,
        1,
        false,
        false};
    own_start own = {.first = HTH_C(3.0)};
    (void)state;
    law_rig rig;
    hth_error error;
    hth_report report = nothing;
    law_setup(&rig, &adaptive);
    hth_model_plan plan = model_plan(&rig, 1, 0);
    hth_model *begun, *changed, *drawn;
    plan.initialise = set_first;
    plan.context = &own;
    must(hth_model_create(&plan, NULL, &begun, &error), &error);
    plan.initialise = NULL;
    must(hth_model_create(&plan, NULL, &changed, &error), &error);
    must(hth_model_create(&plan, NULL, &drawn, &error), &error);
    must(set_first(&own, hth_model_parts_of(changed)->network, &error), &error);
    assert_true(same_bits(&rig, model_parameters(begun), model_parameters(changed)));
    assert_false(same_bits(&rig, model_parameters(begun), model_parameters(drawn)));
    model_steps(&rig, begun, 0, 12, NULL, &report);
    model_steps(&rig, changed, 0, 12, NULL, &report);
    assert_false(same_bits(&rig, model_parameters(begun), model_parameters(changed)));
    hth_model_destroy(begun);
    hth_model_destroy(changed);
    hth_model_destroy(drawn);

    /* Its own no is the model's. */
    own.status = HTH_MISMATCH;
    plan.initialise = set_first;
    assert_int_equal(hth_model_create(&plan, NULL, &begun, &error), HTH_MISMATCH);
    assert_string_equal(error.message, "the caller has none");
    law_teardown(&rig);
}

/* What is no error leaves the caller's as it was. */
static void a_success_says_nothing(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &drops);
    const hth_model_plan plan = model_plan(&rig, 4, 0);
    hth_model_sizes sizes;
    hth_model *model;
    hth_error error = {0};
    assert_int_equal(hth_model_bytes(&plan, NULL, &sizes, &error), HTH_OK);
    assert_int_equal(hth_model_create(&plan, NULL, &model, &error), HTH_OK);
    assert_int_equal(error.status, HTH_OK);
    assert_string_equal(error.message, "");
    hth_model_destroy(model);
    law_teardown(&rig);
}

static void settings_of_others(void **state) {
    static const hth_setting items[] = {{"network.units", "3", NULL}, {"train.steps", "9", NULL}};
    (void)state;
    hth_model_plan plan = {.abi = HTH_ABI,
                           .settings = {items, HTH_COUNT(items)},
                           .shape = {.inputs = 1, .outputs = 1},
                           .threads = 1};
    hth_model *model;
    hth_error error;
    assert_int_equal(hth_model_create(&plan, NULL, &model, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "train"));
    plan.checked = true;
    must(hth_model_create(&plan, NULL, &model, &error), &error);
    hth_model_destroy(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicts_with_all_units),
        cmocka_unit_test(the_complete_network_goes_on),
        cmocka_unit_test(predicts_both_ways),
        cmocka_unit_test(only_predicts),
        cmocka_unit_test(parameters_of_the_callers_own),
        cmocka_unit_test(settings_of_others),
        cmocka_unit_test(a_success_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
