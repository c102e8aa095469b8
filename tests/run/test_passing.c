/* Runs whose folder is removed when they have ended: they are the runs that others are, write no more than going on
 * needs, and go on. */
#include "runs.h"

#include "files/lines.h"
#include "session/checkpoint.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADD                                                                                        \
    "task=add loss=softmax network.units=5 learner=rtrl train.steps=60 train.report_every=10 "     \
    "train.validate_every=20 train.threads=1 "
/* Units that never spike: the first line with a validation is followed by a message. */
#define SILENT ADD "cell=lif cell.v_th=1000 learner=eprop1 learner.steps=10 train.report_every=20 "

typedef hth_status (*trainer)(const hth_config *config, const char *out, bool resume,
                              const hth_guest_kind *guest, const hth_observer *observer,
                              hth_outcome *outcome, hth_error *error);

static hth_outcome train(trainer how, const char *line, const char *name, bool resume,
                         const hth_observer *observer) {
    hth_config *config = configure(line);
    hth_outcome outcome;
    hth_error error;
    if (how(config, scratch_path(name), resume, NULL, observer, &outcome, &error) != HTH_OK)
        fail_msg("%s: %s", name, error.message);
    hth_config_destroy(config);
    return outcome;
}

static bool is_there(const char *name, const char *file) {
    char path[320];
    snprintf(path, sizeof path, "%s/%s", scratch_path(name), file);
    return access(path, F_OK) == 0;
}

static const char *const put_off[] = {"settings.yaml", "checkpoint.safetensors",
                                      "checkpoint.best.safetensors"};

static void check_files(const char *name, bool there) {
    for (size_t i = 0; i < HTH_COUNT(put_off); i++)
        if (is_there(name, put_off[i]) != there)
            fail_msg("%s: there is %s %s", name, there ? "no" : "a", put_off[i]);
    assert_true(is_there(name, "metrics.jsonl"));
}

/* How many lines of two runs are the same, but for times. */
static size_t same_lines(const char *a, const char *b, size_t *count) {
    const char *const names[] = {a, b};
    hth_line *lines[2];
    size_t counts[2], same = 0;
    for (size_t i = 0; i < 2; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(names[i]));
        assert_int_equal(hth_metrics_read(path, &lines[i], &counts[i], NULL, NULL), HTH_OK);
    }
    assert_int_equal(counts[0], counts[1]);
    for (size_t i = 0; i < counts[0]; i++)
        same += lines[0][i].step == lines[1][i].step &&
                lines[0][i].train_loss == lines[1][i].train_loss &&
                (lines[0][i].validation_loss == lines[1][i].validation_loss ||
                 (isnan(lines[0][i].validation_loss) && isnan(lines[1][i].validation_loss)));
    *count = counts[0];
    for (size_t i = 0; i < 2; i++) free(lines[i]);
    return same;
}

static void a_run_that_ends_leaves_its_lines_alone(void **state) {
    (void)state;
    size_t count;
    const hth_outcome whole = train(hth_train, ADD, "whole", false, NULL);
    const hth_outcome passing = train(hth_train_passing, ADD, "passing", false, NULL);
    check_files("whole", true);
    check_files("passing", false);
    assert_true(is_there("whole", "summary.json") && !is_there("passing", "summary.json"));
    const size_t same = same_lines("whole", "passing", &count);
    assert_int_equal(same, count);
    assert_int_equal(count, 6);
    assert_int_equal(passing.ending, HTH_FINISHED);
    assert_true(isfinite(whole.test_loss) && passing.test_loss == whole.test_loss);
    assert_int_equal(passing.learner_bytes, whole.learner_bytes);
    train(hth_train, ADD "train.seed=2", "other", false, NULL);
    assert_int_equal(same_lines("other", "passing", &count), 0); /* they do tell runs apart */
}

/* What has been put off comes when a checkpoint is due. */
static void checkpoints_that_are_due_are_written(void **state) {
    (void)state;
    train(hth_train_passing, ADD "train.checkpoint_every=0", "due", false, NULL);
    check_files("due", true);
    assert_false(is_there("due", "summary.json"));
    train(hth_train, ADD, "whole", false, NULL);
    assert_int_equal(different_tensors("whole", "due"), 0);
}

static volatile sig_atomic_t stop;

static void stop_at_message(void *context, const char *sentence) {
    (void)context;
    stop = strstr(sentence, "No unit has spiked") != NULL;
}

static char *read_file(const char *name, const char *file, size_t *length) {
    char path[320];
    snprintf(path, sizeof path, "%s/%s", scratch_path(name), file);
    return read_whole(path, length);
}

/* Interrupted after its first validation, it writes all that it has put off, and goes on to the same lines. The best
 * parameters are those of that validation, though the weights have changed since. */
static void an_interrupted_run_goes_on(void **state) {
    (void)state;
    const hth_observer observer = {.message = stop_at_message, .interrupted = &stop};
    static const trainer how[] = {hth_train, hth_train_passing};
    static const char *const names[] = {"whole", "passing"};
    char *best[2];
    size_t lengths[2], count;
    for (size_t i = 0; i < 2; i++) {
        stop = 0;
        const hth_outcome cut = train(how[i], SILENT, names[i], false, &observer);
        assert_int_equal(cut.ending, HTH_INTERRUPTED);
        assert_true(cut.step >= 20 && cut.step < 60);
        check_files(names[i], true);
        best[i] = read_file(names[i], "checkpoint.best.safetensors", &lengths[i]);
    }
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(best[0], best[1], lengths[0]);
    assert_int_equal(different_tensors("whole", "passing"), 0);
    /* Go on. */
    for (size_t i = 0; i < 2; i++) {
        free(best[i]);
        assert_int_equal(train(how[i], SILENT, names[i], true, NULL).ending, HTH_FINISHED);
    }
    const size_t same = same_lines("whole", "passing", &count);
    assert_int_equal(same, count);
    assert_int_equal(count, 3);
    assert_false(is_there("passing", "summary.json"));
}

/* The parameters that are held are those of the moment, whatever becomes of the network. */
static void the_best_are_held_as_they_were(void **state) {
    (void)state;
    hth_config *config = configure(ADD);
    const hth_settings settings = hth_config_settings(config);
    hth_session session;
    hth_identity identity;
    hth_held_best *held = NULL;
    size_t lengths[3];
    char *bytes[3];
    assert_int_equal(hth_session_open(&settings, NULL, &session, NULL), HTH_OK);
    assert_int_equal(hth_identity_make(&settings, &identity, NULL), HTH_OK);
    static const char *const names[] = {"then", "held", "now"};
    for (size_t i = 0; i < 3; i++) assert_int_equal(mkdir(scratch_path(names[i]), 0777), 0);
    assert_int_equal(hth_checkpoint_save_best(scratch_path("then"), &session, 7, &identity, NULL),
                     HTH_OK);
    assert_int_equal(hth_checkpoint_hold_best(&session, 7, &held, NULL), HTH_OK);
    hth_network_parameters(session.parts.network)[3] += 1;
    assert_int_equal(hth_checkpoint_save_held(scratch_path("held"), held, &identity, NULL), HTH_OK);
    /* They are replaced, not kept beside. */
    assert_int_equal(hth_checkpoint_hold_best(&session, 7, &held, NULL), HTH_OK);
    assert_int_equal(hth_checkpoint_save_held(scratch_path("now"), held, &identity, NULL), HTH_OK);
    for (size_t i = 0; i < 3; i++)
        bytes[i] = read_file(names[i], "checkpoint.best.safetensors", &lengths[i]);
    assert_int_equal(lengths[0], lengths[1]);
    assert_memory_equal(bytes[0], bytes[1], lengths[0]);
    assert_int_equal(lengths[0], lengths[2]);
    assert_memory_not_equal(bytes[0], bytes[2], lengths[0]);
    for (size_t i = 0; i < 3; i++) free(bytes[i]);
    hth_held_best_free(held);
    hth_identity_free(&identity);
    hth_session_close(&session);
    hth_config_destroy(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_run_that_ends_leaves_its_lines_alone),
        TEST(checkpoints_that_are_due_are_written),
        TEST(an_interrupted_run_goes_on),
        TEST(the_best_are_held_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
