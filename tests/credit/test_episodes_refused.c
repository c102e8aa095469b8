/* What episodes cannot be is refused with the reason. */
#include "episode_case.h"

static void assert_refused(const char *more, const char *why) {
    outer r = {0};
    hth_error error;
    const hth_shape shape = {INPUTS, 0, OUTPUTS, HTH_TARGET_VALUES, false};
    split(&r, more);
    must(hth_compute_create(1, NULL, &r.compute, &error), &error);
    must(hth_network_create(&r.settings, &shape, 3, NULL, &r.main, &error), &error);
    must(hth_module_network(&r.settings, r.main, TARGETS, 5, NULL, &r.module, &error), &error);
    const hth_episode_plan plan = {&r.settings, r.main, r.module, TARGETS, STEPS, 1, 7, 0};
    assert_int_equal(hth_episodes_create(&plan, r.compute, NULL, &r.episodes, &error), HTH_INVALID);
    if (!strstr(error.message, why)) fail_msg("%s: '%s'", more, error.message);
    hth_network_destroy(r.module);
    hth_network_destroy(r.main);
    hth_compute_destroy(r.compute);
}

static void test_what_cannot_be_is_refused(void **state) {
    (void)state;
    assert_refused("network.excitatory=0.5", "keeps no signs");
    assert_refused("cell.name=alif", "da_t/dv_{t-1}");
    assert_refused("cell.name=lstm", "dc_t/dc_{t-1}");
    assert_refused("cell.name=gru", "cell gru");
    assert_refused("cell.name=rate", "dr_t/da_t");
    assert_refused("cell.reset=zero", "dv_t/dv_{t-1}");
    assert_refused("network.units=5,5", "one layer");
    assert_refused("cell.learn=tau_m", "cannot be differentiated through an update");
    assert_refused("network.delay=1..2", "network.delay = 1");
    assert_refused("network.initial=learned", "state of 0");
    assert_refused("regulariser.rate=1", "episode.rate");
    assert_refused("learner.recurrence=full", "learner.recurrence = none");
    assert_refused("learner.postsynaptic=one", "learner.postsynaptic");
    assert_refused("learner.signal=random", "learner.signal =");
    outer r;
    hth_error error;
    set_up(&r, "", BATCH, false);
    learn(&r);
    assert_int_equal(hth_episodes_learn(r.episodes, r.errors, r.of_main, r.of_module, &error),
                     HTH_INVALID);
    r.x[4] = NAN;
    const hth_tasks_of_batch tasks = {r.x, r.test_x, r.target, 0, 0};
    assert_int_equal(hth_episodes_run(r.episodes, &tasks, r.outputs, NULL, &error), HTH_NOT_FINITE);
    tear_down(&r);
}

/* Memory is asked for: the least that is enough for a trial that all tasks share is not enough for one of each. */
static void test_too_much_memory_is_refused(void **state) {
    (void)state;
    outer r;
    hth_error error;
    hth_episodes *episodes = NULL;
    set_up(&r, "episode.updates=2", BATCH, false);
    hth_episode_plan plan = {&r.settings, r.main, r.module, TARGETS, STEPS, BATCH, 7, 1000};
    hth_status status = HTH_NO_MEMORY;
    while (plan.memory < 100000000 && status == HTH_NO_MEMORY) {
        plan.memory += plan.memory / 50;
        status = hth_episodes_create(&plan, r.compute, NULL, &episodes, &error);
        if (status == HTH_NO_MEMORY) assert_non_null(strstr(error.message, "would take"));
    }
    assert_int_equal(status, HTH_OK);
    const hth_tasks_of_batch tasks = {r.x, r.test_x, r.target, 0, 0};
    must(hth_episodes_run(episodes, &tasks, r.outputs, NULL, &error), &error);
    r.x[INPUTS] += 1;
    assert_int_equal(hth_episodes_run(episodes, &tasks, r.outputs, NULL, &error), HTH_NO_MEMORY);
    assert_non_null(strstr(error.message, "for the trials of 3 tasks"));
    hth_episodes_destroy(episodes);
    tear_down(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_is_refused),
        cmocka_unit_test(test_too_much_memory_is_refused),
    };
    if (sizeof(hth_real) != sizeof(double)) return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
