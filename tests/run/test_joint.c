/* All phases together: batches take turns; of one phase it is the run of that phase; interruptions change no bit. */
#include "runs.h"
#include "session/together.h"
#include "settings/phases.h"

#define COPY                                                                                       \
    "task=copy-memory task.delay=3 train.batch=3 network.units=8 learner=tbptt learner.steps=9 "   \
    "train.validation_steps=16 "
#define TWO "phases.first.train.steps=69 phases.second.task.delay=5 phases.second.train.steps=75 "

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s", error->message);
}

static void open_source(const char *line, hth_config **config, hth_source *source) {
    hth_error error;
    *config = configure(line);
    /* Of phases one after the other, the last. */
    if (!strstr(line, "joint")) must(hth_config_enter_phase(*config, &error), &error);
    const hth_settings settings = hth_config_settings(*config);
    must(hth_source_open(&settings, HTH_TRAIN, 3, 1, source, &error), &error);
}

static hth_chunk next(const hth_source *source) {
    hth_chunk chunk;
    hth_error error;
    hth_position_flags flags;
    must(source->kind->next(source->state, 100, &chunk, &flags, &error), &error);
    assert_true(flags.starts && flags.ends);
    return chunk;
}

static void test_batches_take_turns(void **state) {
    (void)state;
    static const char *const lines[] = {COPY TWO "phases.joint=true", COPY "phases.a.train.steps=9",
                                        COPY "phases.a.train.steps=9 phases.b.task.delay=5"};
    hth_config *configs[3];
    hth_source sources[3];
    for (size_t i = 0; i < 3; i++) open_source(lines[i], &configs[i], &sources[i]);
    assert_int_equal(sources[0].sequence_steps, sources[2].sequence_steps);
    for (size_t turn = 0; turn < 6; turn++) {
        const hth_chunk both = next(&sources[0]), own = next(&sources[1 + turn % 2]);
        const size_t numbers = own.steps * own.batch * sources[0].shape.inputs;
        assert_int_equal(both.steps, own.steps);
        assert_memory_equal(both.x, own.x, numbers * sizeof *own.x);
        assert_memory_equal(both.classes, own.classes, own.steps * own.batch * sizeof(int32_t));
    }
    for (size_t i = 0; i < 3; i++) {
        hth_source_close(&sources[i]);
        hth_config_destroy(configs[i]);
    }
}

static void test_one_phase_is_its_run(void **state) {
    (void)state;
    train_whole(COPY "phases.only.train.steps=92", "alone");
    train_whole(COPY "phases.only.train.steps=92 phases.joint=true", "joint");
    train_whole(COPY TWO, "in-turn");
    train_whole(COPY TWO "phases.joint=true", "together");
    assert_true(same_metrics("alone", "joint"));
    assert_false(same_metrics("in-turn", "together"));
    /* As long as one after the other; nothing is forgotten. */
    assert_true(summary_number("together", "steps") >= 69 + 75);
    assert_true(summary_number("together", "bwt") == 0);
    assert_true(summary_number("together", "acc") == summary_number("together", "la"));
}

static void test_interruptions_change_no_bit(void **state) {
    (void)state;
    assert_interruptions_change_no_bit(COPY TWO "phases.joint=true", 0, 3);
}

static void refused(const char *line, const char *because) {
    hth_error error = {0};
    hth_config *config = configure(line);
    hth_prospect prospect;
    assert_int_equal(hth_train_check(config, &hth_align_guest, &prospect, &error), HTH_INVALID);
    if (!strstr(error.message, because)) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    refused(COPY "phases.joint=true", "there are no phases");
    refused(COPY TWO "phases.joint=true phases.reset_optimiser=true", "leave one of them out");
    refused("task=add phases.a.train.steps=9 phases.joint=true", "sequences without an end");
    refused("world=bandit phases.a.train.steps=9 phases.joint=true", "is a world");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_take_turns),
        cmocka_unit_test(test_one_phase_is_its_run),
        cmocka_unit_test(test_interruptions_change_no_bit),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
