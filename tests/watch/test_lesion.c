/* Lesions of runs: the network as it is has the score of `eval`; a group of one unit is that unit; a unit that is gone
 * is one that nobody reads; weights come back; what cannot be is refused. */
#include "network/inspect.h"
#include "runs.h"
#include "session/score.h"
#include "watch/lesion.h"

#include "laws.h"

#define RUN                                                                                        \
    "task=add task.lag1=2 task.lag2=3 network.units=5 cell=gru learner=rtrl optimiser.lr=1e-2 "    \
    "train.steps=2000 train.validation_steps=300 train.threads=1"

static hth_lesion_plan plan_of(const char *name) {
    return (hth_lesion_plan){
        .run = scratch_path(name), .split = "validation", .layer = HTH_LESION_ALL_LAYERS};
}

static hth_lesion_result lesion(hth_lesion_plan plan) {
    hth_lesion_result out;
    hth_error error;
    bool stopped;
    if (hth_lesion_run(&plan, &out, &stopped, &error) != HTH_OK) fail_msg("%s", error.message);
    assert_false(stopped);
    return out;
}

static const hth_lesion *find(const hth_lesion_result *r, const char *name) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->items[i].name, name) == 0) return &r->items[i];
    fail_msg("no lesion is called %s", name);
    return NULL;
}

static int train_it(void **state) {
    if (scratch_make(state) != 0) return -1;
    train_whole(RUN, "run");
    return 0;
}

static void the_network_as_it_is_has_the_score_of_eval(void **state) {
    (void)state;
    hth_score score;
    hth_error error;
    assert_int_equal(hth_evaluate(scratch_path("run"), "validation", NULL, NULL, &score, &error),
                     HTH_OK);
    hth_lesion_result units = lesion(plan_of("run"));
    assert_true(units.loss == score.loss);
    assert_int_equal(units.count, 5);
    for (size_t i = 0; i + 1 < units.count; i++)
        assert_true(units.items[i].damage >= units.items[i + 1].damage);
    assert_true(units.items[0].damage == units.items[0].loss - units.loss);
    assert_true(units.items[0].damage > 1e-3);
    hth_lesion_free(&units);
}

/* The weights from the unit of all gates and of the readout are set to 0 in the run's own network: nobody reads it. */
static double loss_when_nobody_reads(size_t unit) {
    hth_config *config;
    hth_session session;
    hth_scorer scorer;
    hth_error error;
    bool stopped;
    const hth_watch watch = {0};
    must(hth_run_open(scratch_path("run"), "validation", NULL, NULL, &config, &session, &error),
         &error);
    const hth_layer_facts of = hth_layer_look(session.parts.network, 0);
    hth_real *theta = hth_network_parameters(session.parts.network);
    size_t count;
    const hth_block *blocks = hth_network_blocks(session.parts.network, &count);
    for (size_t r = 0; r < of.rows; r++) theta[of.weight + r * of.columns + unit] = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; strcmp(blocks[i].name, "readout.weight") == 0 && k < blocks[i].rows; k++)
            theta[blocks[i].offset + k * blocks[i].columns + unit] = 0;
    must(hth_scorer_take(&session, &scorer, &error), &error);
    must(hth_scorer_run(&scorer, &watch, &stopped, &error), &error);
    const double loss = hth_mean_loss(&scorer.tally.sums);
    hth_scorer_close(&scorer);
    hth_session_close(&session);
    hth_config_destroy(config);
    return loss;
}

static void a_unit_that_is_gone_is_one_that_nobody_reads(void **state) {
    (void)state;
    hth_lesion_plan plan = plan_of("run");
    hth_lesion_result zero = lesion(plan);
    plan.to = HTH_LESION_MEAN;
    hth_lesion_result mean = lesion(plan);
    for (size_t unit = 0; unit < 5; unit++) {
        char name[16];
        snprintf(name, sizeof name, "unit %zu", unit);
        const double loss = loss_when_nobody_reads(unit);
        assert_true(fabs(find(&zero, name)->loss - loss) <= tolerance(1e-12, 1e-5) * loss);
        assert_true(fabs(find(&mean, name)->loss - loss) > 1e-4 * loss);
    }
    hth_lesion_free(&zero);
    hth_lesion_free(&mean);
}

static void a_group_of_one_unit_is_that_unit(void **state) {
    (void)state;
    hth_lesion_plan plan = plan_of("run");
    hth_lesion_result units = lesion(plan);
    plan.of = HTH_LESION_GROUPS;
    plan.groups = "3,0..4,1+3";
    hth_lesion_result groups = lesion(plan);
    assert_int_equal(groups.count, 3);
    assert_true(find(&groups, "units 3")->loss == find(&units, "unit 3")->loss);
    assert_true(find(&groups, "units 1+3")->loss != find(&units, "unit 3")->loss);
    /* Without any unit the readout has its bias alone. */
    assert_true(find(&groups, "units 0..4")->damage > 0);
    hth_lesion_free(&units);
    hth_lesion_free(&groups);
}

/* All recurrent weights are those from all to all; they come back, so that the order of lesions does not matter. */
static void blocks_come_back(void **state) {
    (void)state;
    hth_lesion_plan plan = plan_of("run");
    plan.of = HTH_LESION_BLOCKS;
    plan.groups = "0..4";
    hth_lesion_result all = lesion(plan);
    plan.groups = "0..1,2..4,0..4";
    hth_lesion_result some = lesion(plan);
    assert_int_equal(some.count, 9);
    assert_true(find(&all, "to 0..4 from 0..4")->loss == find(&some, "to 0..4 from 0..4")->loss);
    assert_true(find(&some, "to 0..1 from 2..4")->loss != find(&all, "to 0..4 from 0..4")->loss);
    plan.groups = "0..4,1";
    hth_lesion_result after = lesion(plan);
    plan.groups = "1";
    hth_lesion_result alone = lesion(plan);
    assert_true(find(&after, "to 1 from 1")->loss == find(&alone, "to 1 from 1")->loss);
    hth_lesion_free(&after);
    hth_lesion_free(&alone);
    plan.groups = NULL;
    hth_lesion_result gates = lesion(plan);
    /* u and r have three parts each, cx and ch those that they read: x and the bias; z alone. */
    find(&gates, "gate u, from units"), find(&gates, "gate cx, from inputs");
    find(&gates, "readout.weight");
    for (size_t i = 0; i < gates.count; i++)
        assert_string_not_equal(gates.items[i].name, "gate cx, from units");
    hth_lesion_free(&all);
    hth_lesion_free(&some);
    hth_lesion_free(&gates);
}

static void noise_is_the_same_twice(void **state) {
    (void)state;
    hth_lesion_plan plan = plan_of("run");
    plan.to = HTH_LESION_NOISE;
    plan.amount = 1;
    hth_lesion_result a = lesion(plan), b = lesion(plan);
    assert_memory_equal(a.items, b.items, a.count * sizeof *a.items);
    assert_true(a.items[0].damage > 0);
    plan.amount = 1e-9;
    hth_lesion_result none = lesion(plan);
    for (size_t i = 0; i < none.count; i++) assert_true(fabs(none.items[i].damage) < 1e-6);
    hth_lesion_free(&a);
    hth_lesion_free(&b);
    hth_lesion_free(&none);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    static const char *const groups[] = {"", "5", "1..", "3..1", "1,", "1;2", "-1", "1+", "0..5"};
    hth_lesion_plan plan = plan_of("run");
    hth_lesion_result out;
    hth_error error;
    bool stopped;
    for (size_t i = 0; i < HTH_COUNT(groups); i++) {
        plan.of = HTH_LESION_GROUPS;
        plan.groups = groups[i];
        if (hth_lesion_run(&plan, &out, &stopped, &error) != HTH_INVALID)
            fail_msg("'%s' is taken for groups", groups[i]);
        assert_null(out.items);
    }
    plan = plan_of("run");
    plan.layer = 1;
    assert_int_equal(hth_lesion_run(&plan, &out, &stopped, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "there is no layer 1: the network has 1, from 0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_network_as_it_is_has_the_score_of_eval),
        cmocka_unit_test(a_unit_that_is_gone_is_one_that_nobody_reads),
        cmocka_unit_test(a_group_of_one_unit_is_that_unit),
        cmocka_unit_test(blocks_come_back),
        cmocka_unit_test(noise_is_the_same_twice),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, train_it, scratch_remove);
}
