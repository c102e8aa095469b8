/*
 * The survey of all learners for one network: who is refused and why, of which tape it speaks, and that a
 * plan of a learner takes no memory.
 */
#include "check/survey.h"
#include "data/failing_malloc.h"
#include "runs.h"

#include "credit/learner.h"
#include "session/session.h"

/* What a row says, for later. */
typedef struct said_row {
    char name[32], refusal[480];
    size_t steps;
    hth_bias bias;
    bool refused, feasible, is_plan;
} said_row;

typedef struct said_rows {
    said_row rows[64];
    size_t count;
} said_rows;

static void hear_row(void *context, const hth_survey_row *row) {
    said_rows *all = context;
    assert_true(all->count < HTH_COUNT(all->rows));
    said_row *said = &all->rows[all->count++];
    *said = (said_row){
        .steps = row->steps, .bias = row->bias, .refused = row->refusal != NULL, .feasible = true};
    snprintf(said->name, sizeof said->name, "%s", row->name);
    snprintf(said->refusal, sizeof said->refusal, "%s", row->refusal ? row->refusal : "");
    assert_int_equal(row->learner == NULL, said->refused);
    if (said->refused) return;
    hth_need needs[HTH_ALL_NEEDS];
    const size_t count = hth_learner_needs(row->learner, needs);
    for (size_t i = 0; i < count; i++) said->feasible = said->feasible && needs[i].feasible;
    said->is_plan = !row->learner->past.kept && !row->learner->adjoint.layers;
}

static said_rows survey(const char *line) {
    said_rows all = {.count = 0};
    hth_config *config = configure(line);
    hth_error error;
    if (hth_survey(config, hear_row, &all, &error) != HTH_OK) fail_msg("%s", error.message);
    hth_config_destroy(config);
    assert_int_equal(all.count, hth_learners.count);
    return all;
}

static const said_row *row_of(const said_rows *all, const char *name) {
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->rows[i].name, name) == 0) return &all->rows[i];
    fail_msg("no row of %s", name);
    return NULL;
}

static void streams_without_end_have_no_bptt(void **state) {
    (void)state;
    const said_rows endless = survey("task=add loss=softmax network.units=5");
    const said_row *bptt = row_of(&endless, "bptt");
    assert_true(bptt->refused);
    if (!strstr(bptt->refusal, "the sequences of 'add' have no end, and learner 'bptt'"))
        fail_msg("'%s'", bptt->refusal);
    assert_false(row_of(&endless, "tbptt")->refused);
    assert_int_equal(row_of(&endless, "tbptt")->bias, HTH_BIASED);
    assert_int_equal(row_of(&endless, "rtrl")->bias, HTH_EXACT);
    const said_rows trials = survey("task=pattern network.units=5");
    assert_false(row_of(&trials, "bptt")->refused);
    assert_int_equal(row_of(&trials, "bptt")->steps, 1000);
    assert_int_equal(row_of(&trials, "bptt")->bias, HTH_EXACT);
    const said_rows cut = survey("task=add loss=softmax network.units=5 learner.steps=30");
    assert_false(row_of(&cut, "bptt")->refused);
    assert_int_equal(row_of(&cut, "bptt")->steps, 30);
}

/* Learners whose gradient is the same for tapes of any length are looked at where they are online. */
static void eprop_is_surveyed_step_by_step(void **state) {
    (void)state;
    static const char *const tasks[] = {"task=pattern", "task=add loss=softmax"};
    for (size_t i = 0; i < HTH_COUNT(tasks); i++) {
        char line[100];
        snprintf(line, sizeof line, "%s network.units=5 cell=lif", tasks[i]);
        const said_rows all = survey(line);
        const said_row *eprop = row_of(&all, "eprop1"), *tbptt = row_of(&all, "tbptt");
        assert_false(eprop->refused);
        assert_int_equal(eprop->steps, 1);
        assert_true(eprop->feasible);
        assert_true(tbptt->steps > 1);
        assert_false(tbptt->feasible); /* a tape is gone through backwards */
        assert_false(row_of(&all, "rtrl")->feasible);
    }
}

/* For each preset, with a heap that fails at once: a plan is made, a learner is not. */
static void a_plan_takes_no_memory(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    hth_config *config = configure("task=add loss=softmax network.units=5");
    const hth_settings settings = hth_config_settings(config);
    hth_session session = {0};
    size_t planned = 0;
    assert_int_equal(hth_session_open_forward(&settings, HTH_TRAIN, &session, NULL), HTH_OK);
    for (size_t i = 0; i < hth_learners.count; i++) {
        const hth_setting name = {"learner.name", hth_learners.at(i)->name, NULL};
        const hth_settings of_learner = {&name, 1};
        hth_drawer drawers[HTH_AXES];
        hth_learner plan, *learner = NULL;
        failing_malloc_start(0);
        const hth_status status =
            hth_learner_plan(&of_learner, session.parts.network, 1, 1, 1, drawers, &plan, NULL);
        assert_int_equal(failing_malloc_stop(), 0);
        assert_false(failing_malloc_reached());
        if (status != HTH_OK) continue;
        planned++;
        failing_malloc_start(0);
        assert_int_equal(hth_learner_create(&of_learner, session.parts.network, 1, 1, 1,
                                            session.parts.compute, NULL, &learner, NULL),
                         HTH_NO_MEMORY);
        failing_malloc_stop();
        assert_true(failing_malloc_reached());
        assert_null(learner);
    }
    assert_true(planned > 10);
    hth_session_close(&session);
    hth_config_destroy(config);
}

static void the_survey_makes_plans(void **state) {
    (void)state;
    const said_rows all = survey("task=add loss=softmax network.units=5");
    size_t seen = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (all.rows[i].refused) continue;
        assert_true(all.rows[i].is_plan);
        seen++;
    }
    assert_true(seen > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_without_end_have_no_bptt),
        cmocka_unit_test(eprop_is_surveyed_step_by_step),
        cmocka_unit_test(a_plan_takes_no_memory),
        cmocka_unit_test(the_survey_makes_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
