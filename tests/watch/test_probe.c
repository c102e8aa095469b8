/* Decoding from networks of which it is known what they hold: the bit that is being shown can be read, one that is
 * never shown cannot. */
#include "runs.h"
#include "watch/probe.h"
#include "watch/trial.h"

#include "base/random.h"
#include "data/failing_malloc.h"
#include "data/npz.h"

#include <math.h>

#define RUN                                                                                        \
    "task=store-recall task.periods=4 task.period=20 task.group=3 task.rate=300 network.units=8 "  \
    "cell=alif learner=eprop1 train.sequences=1 train.threads=1 train.validate_every=-1 "

static hth_probe_plan plan_of(const char *name, const hth_settings *overrides, hth_probe_of of) {
    return (hth_probe_plan){.run = scratch_path(name),
                            .split = "validation",
                            .overrides = overrides,
                            .of = of,
                            .layer = HTH_PROBE_LAST,
                            .at = HTH_PROBE_LAST,
                            .window = 20,
                            .spacing = 10,
                            .trials = 60,
                            .tests = 60,
                            .l2 = 1};
}

static hth_probe_result probe(const hth_probe_plan *plan) {
    hth_probe_result result;
    hth_error error;
    bool stopped;
    if (hth_probe(plan, &result, &stopped, &error) != HTH_OK) fail_msg("%s", error.message);
    assert_false(stopped);
    return result;
}

static const hth_setting single[] = {{"task.rules", "single", NULL}};
static const hth_setting silent[] = {{"task.rules", "single", NULL}, {"task.rate", "0", NULL}};

static void what_is_shown_can_be_read(void **state) {
    (void)state;
    const hth_probe_of all[] = {HTH_PROBE_TRACES, HTH_PROBE_VECTORS, HTH_PROBE_STATES,
                                HTH_PROBE_SPIKES};
    const hth_settings overrides = {single, 1}, nothing = {silent, 2};
    const size_t numbers[] = {8 * (7 + 12), 2 * 8 * (7 + 12), 2 * 8, 8};
    train_whole(RUN, "run");
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        hth_probe_plan plan = plan_of("run", &overrides, all[i]);
        hth_probe_result r = probe(&plan);
        assert_int_equal(r.count, 7); /* 80 steps: (80 - 20)/10 + 1 */
        assert_int_equal(r.numbers, numbers[i]);
        assert_int_equal(r.windows[6].to, 80);
        assert_string_equal(r.learner, i > 1 ? "" : "eprop1");
        assert_true(r.windows[0].accuracy > 0.9);
        for (size_t w = 0; w < r.count; w++) {
            const double p = r.windows[w].accuracy;
            assert_true(fabs(r.windows[w].error - sqrt(p * (1 - p) / 60)) < 1e-12);
        }
        hth_probe_free(&r);
        plan.overrides = &nothing; /* the control: no input spikes */
        r = probe(&plan);
        for (size_t w = 0; w < r.count; w++) {
            assert_true(r.windows[w].accuracy == r.chance);
            assert_true(r.windows[w].accuracy > 0.25 && r.windows[w].accuracy < 0.75);
        }
        hth_probe_free(&r);
    }
}

/* The bit that a later STORE brings is not there before: with one period more, what is shown in the first one is
 * another coin. */
static void what_is_to_come_cannot_be_read(void **state) {
    (void)state;
    const hth_setting later[] = {{"task.rules", "paper", NULL}, {"task.probability", "1", NULL}};
    const hth_settings overrides = {later, 2}; /* STORE, RECALL, STORE, RECALL */
    hth_probe_plan plan = plan_of("run", &overrides, HTH_PROBE_STATES);
    plan.trials = 200;
    plan.tests = 400;
    hth_probe_result r = probe(&plan);                    /* of the last step: the second bit */
    assert_true(fabs(r.windows[0].accuracy - 0.5) < 0.1); /* deviation 0.025 */
    assert_true(r.windows[4].accuracy > 0.9);             /* steps 40..59 */
    hth_probe_free(&r);
    plan.at = 0; /* the first bit */
    r = probe(&plan);
    assert_true(r.windows[0].accuracy > 0.9);
    hth_probe_free(&r);
}

static void a_part_of_the_numbers(void **state) {
    (void)state;
    const hth_settings overrides = {single, 1};
    hth_probe_plan plan = plan_of("run", &overrides, HTH_PROBE_TRACES);
    plan.most = 30;
    hth_probe_result a = probe(&plan), b = probe(&plan);
    assert_int_equal(a.numbers, 30);
    assert_int_equal(a.all_numbers, 8 * (7 + 12));
    assert_memory_equal(a.windows, b.windows, a.count * sizeof *a.windows);
    hth_probe_free(&b);
    plan.most = 0;
    b = probe(&plan);
    assert_true(memcmp(a.windows, b.windows, a.count * sizeof *a.windows) != 0);
    hth_probe_free(&a);
    hth_probe_free(&b);
}

/* Windows that do not overlap and are far apart: the same numbers as where they do. */
static void windows_do_not_depend_on_others(void **state) {
    (void)state;
    const hth_settings overrides = {single, 1};
    hth_probe_plan plan = plan_of("run", &overrides, HTH_PROBE_STATES);
    hth_probe_result near = probe(&plan);
    plan.spacing = 30;
    hth_probe_result far = probe(&plan);
    assert_int_equal(far.count, 3);
    for (size_t w = 0; w < far.count; w++)
        assert_memory_equal(&far.windows[w], &near.windows[3 * w], sizeof *far.windows);
    hth_probe_free(&near);
    hth_probe_free(&far);
}

static void a_lower_layer_of_a_learner_without_traces(void **state) {
    (void)state;
    train_whole("task=store-recall task.periods=2 task.period=20 task.group=3 network.units=8,6 "
                "cell=rate learner=bptt train.sequences=1 train.threads=1 train.validate_every=-1",
                "deep");
    const hth_settings overrides = {single, 1};
    hth_probe_plan plan = plan_of("deep", &overrides, HTH_PROBE_TRACES);
    plan.layer = 0;
    hth_probe_result r = probe(&plan);
    assert_string_equal(r.learner, "eprop1-symmetric");
    assert_int_equal(r.numbers, 8 * (8 + 12 + 1));
    assert_true(r.windows[0].accuracy > 0.8);
    hth_probe_free(&r);
}

static void refused(const hth_probe_plan *plan, const char *sentence) {
    hth_probe_result r;
    hth_error error;
    bool stopped;
    assert_int_not_equal(hth_probe(plan, &r, &stopped, &error), HTH_OK);
    if (!strstr(error.message, sentence)) fail_msg("%s", error.message);
    assert_null(r.windows);
}

/* The word after the one that has just been read, of a dozen. */
static void several_classes(void **state) {
    (void)state;
    char line[400];
    assert_int_equal(write_corpus(), 0);
    snprintf(line, sizeof line,
             "data=text data.dir=%s cell=rate network.units=30 network.embedding=10 learner=tbptt "
             "train.steps=40 train.threads=1 train.validate_every=-1",
             scratch_path("corpus"));
    train_whole(line, "words");
    hth_probe_plan plan = plan_of("words", NULL, HTH_PROBE_STATES);
    plan.split = "train";
    plan.steps = 3;
    plan.window = plan.spacing = 1;
    plan.trials = 70;
    plan.tests = 40;
    hth_probe_result r = probe(&plan);
    assert_int_equal(r.count, 3);
    assert_true(r.chance < 0.5);
    assert_true(r.windows[2].accuracy > 0.8);
    assert_true(r.windows[2].accuracy > r.windows[0].accuracy + 0.1);
    hth_probe_free(&r);
}

enum { NOISE_TRIALS = 12, NOISE_STEPS = 20, NOISE_INPUTS = 6 };

/* Twelve sequences of noise whose classes mean nothing. */
static void write_noise(const char *path) {
    static float x[NOISE_TRIALS][NOISE_STEPS][NOISE_INPUTS];
    static int64_t classes[NOISE_TRIALS][NOISE_STEPS];
    const hth_random random = {3, HTH_RANDOM_CHECK, 0};
    float *at = &x[0][0][0];
    for (size_t i = 0; i < sizeof x / sizeof *at; i++) at[i] = (float)hth_random_normal(&random, i);
    for (size_t s = 0; s < NOISE_TRIALS; s++)
        for (size_t t = 0; t < NOISE_STEPS; t++) classes[s][t] = s % 3 == 0;
    const array arrays[] = {{"inputs", "<f4", "(12, 20, 6)", false, x, sizeof x},
                            {"targets", "<i8", "(12, 20)", false, classes, sizeof classes}};
    npz_write(path, arrays, HTH_COUNT(arrays));
}

/* Data with an end give each sequence once: none is learned from and then tested with. */
static void no_trial_is_used_twice(void **state) {
    (void)state;
    char line[400];
    hth_error error;
    hth_recorder *recorder;
    hth_trial trial;
    write_noise(scratch_path("noise.npz"));
    snprintf(line, sizeof line,
             "data=arrays data.file=%s loss=softmax network.units=20 train.epochs=1 "
             "train.validate_every=-1 train.threads=1 data.shuffle=false",
             scratch_path("noise.npz"));
    train_whole(line, "noise");
    hth_probe_plan plan = plan_of("noise", NULL, HTH_PROBE_STATES);
    plan.split = "train";
    plan.trials = 8;
    plan.tests = 4;
    plan.window = 20;
    hth_probe_result r = probe(&plan); /* all twelve */
    assert_true(r.windows[0].training_accuracy == 1);
    assert_true(r.windows[0].accuracy < 1);
    hth_probe_free(&r);
    plan.tests = 5;
    refused(&plan, "8 trials to learn from and 5 to test with are asked for, but the train data "
                   "have no more than 12 of 20 steps");
    plan.trials = 60;
    refused(&plan, "no more than 12");
    /* Nor is a trial that is not there the first one again. */
    const hth_record_plan record = {.run = scratch_path("noise"), .split = "train"};
    assert_int_equal(hth_recorder_open(&record, &recorder, &error), HTH_OK);
    assert_int_equal(hth_trial_record(recorder, 0, 11, 0, 0, NULL, 0, &trial, &error), HTH_OK);
    assert_int_equal(trial.steps, 20);
    hth_trial_free(&trial);
    assert_int_equal(hth_trial_record(recorder, 0, 12, 0, 0, NULL, 0, &trial, &error), HTH_INVALID);
    assert_string_equal(error.message, "there is no trial 13: there are 12");
    hth_trial_free(&trial);
    hth_recorder_close(recorder);
}

/* A voltage that has decayed for a thousand steps is 1e-40 or less, and single precision still tells its sign: but
 * nothing that reads it could. What is there in the first window is as good as before. */
static void what_has_decayed_tells_nothing(void **state) {
    (void)state;
    train_whole("task=store-recall task.periods=10 task.period=100 task.group=3 task.rate=300 "
                "network.units=8 cell=rate cell.phi=relu cell.alpha=0.12 init.w_rec_scale=0 "
                "init.bias=zero learner=readout-only train.sequences=1 train.threads=1 "
                "train.validate_every=-1",
                "decayed");
    const hth_setting silence[] = {{"task.rules", "single", NULL}, {"task.values", "false", NULL}};
    const hth_settings overrides = {silence, 2}; /* nothing is shown after the first period */
    hth_probe_plan plan = plan_of("decayed", &overrides, HTH_PROBE_STATES);
    plan.spacing = 100;
    hth_probe_result r = probe(&plan);
    assert_int_equal(r.count, 10);
    assert_true(r.windows[0].accuracy > 0.9);
    for (size_t w = 3; w + 1 < r.count; w++) assert_true(r.windows[w].accuracy == r.chance);
    hth_probe_free(&r);
}

static void refusals(void **state) {
    (void)state;
    const hth_settings overrides = {single, 1};
    hth_probe_plan plan = plan_of("run", &overrides, HTH_PROBE_SPIKES);
    plan.window = 81;
    refused(&plan, "a window of 81 steps does not fit into the 80 of a trial");
    plan.window = 20;
    plan.at = 80;
    refused(&plan, "step 80 is not in a trial of 80 steps");
    plan.at = HTH_PROBE_LAST;
    plan.layer = 1;
    refused(&plan, "there is no layer 1; the top one is 0");
    plan.layer = 0;
    plan.steps = 90;
    refused(&plan, "have 80 steps, but 90 are to be decoded: take --steps 80");
    plan.steps = 0;
    plan.tests = 0;
    refused(&plan, "a probe needs");
    train_whole("task=add network.units=4 train.steps=20 train.threads=1", "values");
    plan = plan_of("values", NULL, HTH_PROBE_STATES);
    refused(&plan, "targets that are values; what is decoded is a class");
    static volatile sig_atomic_t stop = 1;
    plan = plan_of("run", &overrides, HTH_PROBE_SPIKES);
    plan.observer = &(const hth_observer){.interrupted = &stop};
    hth_probe_result r;
    bool stopped;
    assert_int_equal(hth_probe(&plan, &r, &stopped, NULL), HTH_OK);
    assert_true(stopped && !r.windows);
}

static void without_memory(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    const hth_settings overrides = {single, 1};
    hth_probe_plan plan = plan_of("run", &overrides, HTH_PROBE_SPIKES);
    size_t failures = 0;
    plan.trials = 4;
    plan.tests = 1;
    plan.window = 60;
    for (size_t n = 0, reached = 1; reached; n++) {
        hth_probe_result r;
        hth_error error = {0};
        bool stopped;
        failing_malloc_start(n);
        hth_status status = hth_probe(&plan, &r, &stopped, &error);
        hth_probe_free(&r);
        const size_t left = failing_malloc_stop_own();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        if (status != HTH_OK) assert_true(error.message[0] != '\0');
        failures += status != HTH_OK;
        reached = failing_malloc_reached();
    }
    assert_true(failures > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_can_be_read),
        cmocka_unit_test(what_is_to_come_cannot_be_read),
        cmocka_unit_test(a_part_of_the_numbers),
        cmocka_unit_test(windows_do_not_depend_on_others),
        cmocka_unit_test(a_lower_layer_of_a_learner_without_traces),
        cmocka_unit_test(several_classes),
        cmocka_unit_test(no_trial_is_used_twice),
        cmocka_unit_test(what_has_decayed_tells_nothing),
        cmocka_unit_test(refusals),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
