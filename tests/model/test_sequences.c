/* Sequences of a model: where loss.time divides, one that is given whole is the same for tapes of any length; and one
 * that is given up leaves nothing that the next would be refused for. */
#include "models.h"

enum { STEPS = 8 };

#define ONE_UPDATE                                                                                 \
    "cell.name=rate network.units=5 learner.name=rflo learner.update=sequence optimiser.name=sgd " \
    "optimiser.lr=1 loss.time=window"

/* What one update takes off the parameters after the whole sequence: its gradient. */
static hth_real *gradient_of(const law_rig *rig, hth_model *model, bool whole) {
    const hth_real *theta = model_parameters(model);
    hth_real *found = malloc(rig->count * sizeof *found);
    hth_report report = {0};
    hth_error error;
    memcpy(found, theta, rig->count * sizeof *found);
    if (!whole) must(hth_tape_expect(hth_model_parts_of(model)->tape, &rig->chunk, &error), &error);
    if (whole)
        model_run(rig, model, 0, STEPS, NULL, &report);
    else
        model_steps(rig, model, 0, STEPS, NULL, &report);
    for (size_t i = 0; i < rig->count; i++) found[i] -= theta[i];
    return found;
}

/* Tapes of 1, 3 and 8 steps; in one call, or step by step when it has been told what is to come. */
static void test_tapes_of_any_length(void **state) {
    static const size_t lengths[] = {STEPS, 1, 3};
    const law_case what = {ONE_UPDATE, 3, 0, 4, STEPS, 2, true, true};
    law_rig rig;
    hth_real *first = NULL;
    (void)state;
    law_setup(&rig, &what);
    rig.chunk.ends = true;
    for (size_t k = 0; k < HTH_COUNT(lengths); k++)
        for (int whole = 1; whole >= 0; whole--) {
            hth_model *model = model_make(&rig, lengths[k], 0);
            hth_real *found = gradient_of(&rig, model, whole);
            if (!first)
                first = memcpy(malloc(rig.count * sizeof *first), found, rig.count * sizeof *first);
            law_assert_equal(&rig, "tapes", found, first, tolerance(1e-12, 1e-4));
            found[0] += (hth_real)law_largest(&rig.network->blocks[0], first);
            law_assert_differs(&rig, "another number", found, first, 0.5);
            free(found);
            hth_model_destroy(model);
        }
    free(first);
    law_teardown(&rig);
}

static void test_a_part_is_refused(void **state) {
    const law_case what = {ONE_UPDATE, 3, 0, 4, STEPS, 2, true, true};
    law_rig rig;
    hth_report report = {0};
    hth_error error;
    (void)state;
    law_setup(&rig, &what);
    hth_model *model = model_make(&rig, 2, 0);
    const hth_chunk part = law_cut(&rig, 0, 4);
    assert_int_equal(hth_model_run(model, &part, NULL, &report, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "tell them with hth_tape_expect"));
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* Learners that predict, or wait for, losses that do not come once a sequence is given up: by a reset, or by
 * freezing. */
static void test_a_sequence_that_is_given_up(void **state) {
    static const char *const learners[] = {"learner.name=dni", "learner.name=eprop3",
                                           "learner.name=f-bptt learner.window=4"};
    (void)state;
    for (size_t l = 0; l < HTH_COUNT(learners); l++)
        for (int way = 0; way < 2; way++) {
            char settings[200];
            hth_report report = {0};
            law_rig rig;
            snprintf(settings, sizeof settings, "cell.name=rate network.units=5 %s", learners[l]);
            const law_case what = {settings, 3, 0, 4, STEPS, 2, true, false};
            law_setup(&rig, &what);
            hth_model *model = model_make(&rig, 1, 0);
            model_steps(&rig, model, 0, 3, NULL, &report);
            if (way == 0) hth_model_reset(model);
            if (way == 1) hth_model_freeze(model, true);
            if (way == 1) hth_model_freeze(model, false);
            model_steps(&rig, model, 0, 3, NULL, &report);
            hth_model_destroy(model);
            law_teardown(&rig);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tapes_of_any_length),
        cmocka_unit_test(test_a_part_is_refused),
        cmocka_unit_test(test_a_sequence_that_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
