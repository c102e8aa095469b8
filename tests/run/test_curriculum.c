/* A run whose sequences grow: the length is the metric and rises, the loss of a sequence is what decides, and an
 * interruption or another number of threads changes no bit. */
#include "runs.h"

#include <math.h>

#define COPY                                                                                       \
    "task=copy-repeat task.solved=30 cell=lstm network.units=6 loss=sigmoid optimiser=adam "       \
    "optimiser.lr=0.01 train.batch=3 train.steps=300 "

static double number_in(const char *run, const char *name) {
    size_t length;
    char path[300], key[64];
    snprintf(path, sizeof path, "%s/summary.json", scratch_path(run));
    snprintf(key, sizeof key, "\"%s\": ", name);
    char *text = read_whole(path, &length), *at = strstr(text, key);
    const double value = at ? strtod(at + strlen(key), NULL) : (double)NAN;
    free(text);
    return value;
}

/* With every sequence solved, or none. */
static void length_is_the_metric(void **state) {
    (void)state;
    heard h;
    hth_observer observer = listen(&h);
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line(COPY "learner=tbptt learner.steps=4 task.solved=1e6", "all", false,
                                &observer, &ending, &error),
                     HTH_OK);
    assert_string_equal(h.last.metric, "length");
    assert_true(h.last.train_metric == 52); /* 5 + 7 + 9 + ... + 52 = 287 steps */
    assert_true(isnan(h.last.validation_loss));
    assert_true(number_in("all", "train_metric") == 52);
    train_whole(COPY "learner=tbptt learner.steps=4 task.solved=0", "none");
    assert_true(number_in("none", "train_metric") == 0);
    train_whole(COPY "learner=bptt task.solved=1e6", "bptt"); /* sequences shorter than the tape */
    assert_true(number_in("bptt", "train_metric") == 52);
}

static volatile sig_atomic_t stop;

static void resumes_with_the_same_bits(void **state) {
    (void)state;
    static const char *const learners[] = {
        "learner=eprop3 learner.sg_hidden=7 learner.sg_lr=0.01", "learner=tbptt-traces",
        "learner=tbptt-sg learner.sg_hidden=5 learner.sg_scans=1", "learner=eprop3-truncated",
        "learner=eprop1-symmetric learner.steps=4 learner.update=tape"};
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        char line[512], one[32], two[32], three[32];
        hth_ending ending;
        hth_error error;
        snprintf(line, sizeof line, COPY "%s train.report_every=7 train.threads=1", learners[i]);
        snprintf(one, sizeof one, "whole%zu", i);
        snprintf(two, sizeof two, "parts%zu", i);
        snprintf(three, sizeof three, "threads%zu", i);
        train_whole(line, one);
        const hth_observer observer = {.interrupted = &stop};
        unsigned calls = 0;
        for (ending = HTH_INTERRUPTED; ending == HTH_INTERRUPTED; calls++) {
            stop = 1; /* one tape a call */
            if (train_line(line, two, calls > 0, &observer, &ending, &error) != HTH_OK)
                fail_msg("%s", error.message);
        }
        assert_true(calls > 60);
        assert_int_equal(different_tensors(one, two), 0);
        assert_true(number_in(one, "train_metric") > 5);
        snprintf(line, sizeof line, COPY "%s train.report_every=7 train.threads=3", learners[i]);
        train_whole(line, three);
        assert_int_equal(different_tensors(one, three), 0);
    }
}

static void metric_needs_a_curriculum(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line("task=add loss=softmax train.metric=length train.steps=10", "add",
                                false, NULL, &ending, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "do not grow"));
    train_whole(COPY "task.curriculum=false task.pattern=2 learner=bptt", "fixed");
    assert_true(number_in("fixed", "test_loss") > 0);
}

/* How many steps a number of sequences has depends on what is learned. */
static void sequences_are_no_length_of_a_run(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    assert_int_equal(
        train_line("task=copy-repeat loss=sigmoid learner=bptt network.units=3 train.sequences=3",
                   "sequences", false, NULL, &ending, &error),
        HTH_INVALID);
    assert_non_null(strstr(error.message, "grow as they are learned"));
    assert_non_null(strstr(error.message, "give train.steps"));
    train_whole("task=copy-repeat task.curriculum=false loss=sigmoid learner=bptt network.units=3 "
                "train.sequences=3",
                "counted");
    assert_true(number_in("counted", "steps") == 15);
}

/* Nothing follows the end of a sequence: where a tape is one, e-prop 3 has no other gradient than backpropagation.
 * With train.keep_state it goes on, and the prediction counts. */
static void nothing_follows_a_sequence(void **state) {
    (void)state;
    static const char *const runs[] = {"learner=eprop3 learner.sg_hidden=4 learner.sg_init=normal",
                                       "learner=tbptt"};
    double loss[2][2];
    for (int kept = 0; kept < 2; kept++)
        for (int i = 0; i < 2; i++) {
            char line[512];
            snprintf(line, sizeof line,
                     COPY "task.curriculum=false task.pattern=2 task.repeats=2 learner.steps=9 "
                          "train.keep_state=%s %s",
                     kept ? "true" : "false", runs[i]);
            char name[32];
            snprintf(name, sizeof name, "end%d%d", kept, i);
            train_whole(line, name);
            loss[kept][i] = number_in(name, "train_loss");
        }
    assert_true(loss[0][0] > 0 && loss[0][0] == loss[0][1]);
    assert_true(fabs(loss[1][0] - loss[1][1]) > 1e-6 * loss[1][1]);
}

/* What is reported would decide what is solved. */
static void solved_is_by_the_sum(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line("task=copy-repeat loss=mse loss.report=mean learner=tbptt "
                                "network.units=3 train.steps=10",
                                "mean", false, NULL, &ending, &error),
                     HTH_INVALID);
    assert_string_equal(error.message, "loss.report is 'mean', but the sequences of 'copy-repeat' "
                                       "grow by their summed loss: take loss.report = sum");
    train_whole("task=copy-repeat loss=mse loss.report=mean learner=tbptt network.units=3 "
                "train.steps=10 task.curriculum=false",
                "mean");
}

/* What was solved is no property of a network that is only looked at, and there is nothing to test it on. */
static void evaluation_has_no_length(void **state) {
    (void)state;
    hth_score score;
    hth_error error;
    const hth_setting fixed[] = {{"task.curriculum", "false", NULL}, {"task.pattern", "2", NULL}};
    const hth_settings overrides = {fixed, 2};
    train_whole(COPY "learner=tbptt learner.steps=4", "grown");
    assert_true(number_in("grown", "train_metric") > 0);
    assert_int_equal(hth_evaluate(scratch_path("grown"), "train", NULL, NULL, &score, &error),
                     HTH_OK);
    assert_string_equal(score.metric_name, "none");
    assert_true(score.loss > 0);
    assert_int_equal(hth_evaluate(scratch_path("grown"), "test", NULL, NULL, &score, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "task copy-repeat has no test sequences while "
                                          "task.curriculum is true: take task.curriculum=false"));
    assert_int_equal(hth_evaluate(scratch_path("grown"), "test", &overrides, NULL, &score, &error),
                     HTH_OK);
    assert_int_equal(score.steps, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(length_is_the_metric),
        cmocka_unit_test(resumes_with_the_same_bits),
        cmocka_unit_test(metric_needs_a_curriculum),
        cmocka_unit_test(sequences_are_no_length_of_a_run),
        cmocka_unit_test(nothing_follows_a_sequence),
        cmocka_unit_test(solved_is_by_the_sum),
        cmocka_unit_test(evaluation_has_no_length),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
