/* Comparisons: that each run is the one that `train` makes, that the numbers of the table are what they say, and
 * what a second call does. */
#include "compare/comparing.h"
#include "comparisons.h"

#include <math.h>

/* ---- Results -------------------------------------------------------------------------------- */

static bool same_number(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* Every run is the one that `train` makes of the same settings and seed, to the last digit. */
static void runs_are_those_of_train(void **state) {
    (void)state;
    size_t run_count, count, trained;
    char path[320];
    hth_line *other;
    compare_whole(TWO, "two");
    train_whole(ADD "learner=rtrl train.seed=2 train.threads=1", "alone");
    hth_stored_run *runs = runs_of("two", &run_count);
    assert_int_equal(run_count, 6);
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path("alone"));
    assert_int_equal(hth_metrics_read(path, &other, &trained, NULL, NULL), HTH_OK);
    for (size_t i = 0; i < run_count; i++) {
        size_t same = 0;
        hth_line *lines = lines_of("two", runs[i].id, &count);
        assert_int_equal(runs[i].status, HTH_RUN_FINISHED);
        assert_int_equal(runs[i].steps, 400);
        assert_int_equal(count, trained);
        for (size_t j = 0; j < count; j++)
            same += lines[j].step == other[j].step && lines[j].train_loss == other[j].train_loss &&
                    same_number(lines[j].validation_loss, other[j].validation_loss);
        /* rtrl is the second arm, of which the runs of seed 2 are the second. */
        if (runs[i].seed == 2 && runs[i].variant == runs[1].variant)
            assert_int_equal(same, trained);
        else
            assert_true(same < trained);
        free(lines);
    }
    assert_true(fabs(runs[3].test_loss - summary_number("alone", "test_loss")) < 1e-6);
    assert_int_equal((uint64_t)runs[3].learner_bytes,
                     (uint64_t)summary_number("alone", "learner_bytes"));
    assert_true(runs[3].learner_bytes > 1000 && runs[0].learner_bytes == 0);
    assert_int_not_equal(access(scratch_path("two/runs"), F_OK), 0);
    free(runs);
    free(other);
}

/* Mean and standard error by the book, of the last quarter of the lines. */
static void the_final_value_is_the_mean_of_the_last_lines(void **state) {
    (void)state;
    size_t run_count, count;
    double finals[3], mean = 0, squares = 0;
    size_t used = 0;
    compare_whole(TWO, "two");
    hth_comparison *c = results("two", "compare.final=0.25 compare.smooth=1");
    hth_stored_run *runs = runs_of("two", &run_count);
    for (size_t i = 0; i < run_count; i++) {
        if (runs[i].variant != runs[0].variant) continue;
        hth_line *lines = lines_of("two", runs[i].id, &count);
        assert_int_equal(count, 10);
        finals[used++] = (lines[7].train_loss + lines[8].train_loss + lines[9].train_loss) / 3;
        assert_int_equal(c->rows[0].curve[2].step, lines[2].step);
        free(lines);
    }
    for (size_t i = 0; i < 3; i++) mean += finals[i] / 3;
    for (size_t i = 0; i < 3; i++) squares += (finals[i] - mean) * (finals[i] - mean);
    assert_int_equal(c->rows[0].final.count, 3);
    assert_true(fabs(c->rows[0].final.mean - mean) < 1e-12);
    assert_true(fabs(c->rows[0].final.error - sqrt(squares / 2 / 3)) < 1e-12);
    assert_true(c->rows[0].final.error > 1e-6);
    const double middle =
        fmax(fmin(finals[0], finals[1]), fmin(fmax(finals[0], finals[1]), finals[2]));
    assert_true(c->rows[0].median == middle && fabs(middle - mean) > 1e-9);
    assert_string_equal(c->reference, "tbptt");
    assert_true(fabs(c->rows[1].ratio - c->rows[1].final.mean / mean) < 1e-12);
    assert_true(c->rows[0].speed_ratio == 1);
    hth_comparison *other = results("two", "compare.final=0.5");
    assert_true(fabs(other->rows[0].final.mean - mean) > 1e-6);
    hth_comparison_free(other);
    hth_comparison_free(c);
    free(runs);
}

/* A point of a curve is the mean of as many lines after it as before, fewer towards both ends. */
static void curves_are_means_around_each_line(void **state) {
    (void)state;
    compare_whole(TWO, "two");
    hth_comparison *raw = results("two", "compare.smooth=1");
    hth_comparison *smooth = results("two", "compare.smooth=5");
    const hth_curve_point *a = raw->rows[1].curve, *b = smooth->rows[1].curve;
    assert_int_equal(raw->rows[1].points, 10);
    assert_int_equal(smooth->rows[1].points, 10);
    for (int i = 0; i < 10; i++) {
        const int half = i < 2 ? i : i > 7 ? 9 - i : 2;
        double mean = 0;
        for (int j = i - half; j <= i + half; j++) mean += a[j].raw.mean / (2 * half + 1);
        assert_true(fabs(b[i].smooth.mean - mean) < 1e-12);
        assert_true(half == 0 || fabs(b[i].smooth.mean - a[i].raw.mean) > 1e-9);
        assert_true(b[i].raw.mean == a[i].raw.mean && a[i].smooth.mean == a[i].raw.mean);
        assert_int_equal(b[i].smooth.count, 3);
    }
    hth_comparison_free(raw);
    hth_comparison_free(smooth);
}

/* What falls at a steady rate is drawn as it is, whatever the width: no kink, no lag. A mean of lines before would be
 * half a width late. */
static void smoothing_keeps_a_straight_line(void **state) {
    (void)state;
    enum { LINES = 100 };
    double line[LINES], bent[LINES], out[LINES];
    for (int i = 0; i < LINES; i++) {
        line[i] = 0.7 - 0.001 * i;
        bent[i] = i < 50 ? 1 : 0;
    }
    for (size_t width = 0; width < 3 * LINES; width++) {
        const size_t half = width ? (width - 1) / 2 : 0, most = (LINES - 1) / 2;
        assert_int_equal(hth_smooth(line, LINES, width, out), half < most ? half : most);
        for (int i = 0; i < LINES; i++) assert_true(fabs(out[i] - line[i]) < 1e-12);
        hth_smooth(bent, LINES, width, out); /* the step is where it was: as much on either side */
        for (int i = 0; i < LINES; i++) assert_true(fabs(out[i] + out[LINES - 1 - i] - 1) < 1e-12);
        assert_true(width < 3 || fabs(out[50] - bent[50]) > 0.1);
    }
    hth_smooth(line, 1, 11, out);
    assert_true(out[0] == line[0]);
    hth_smooth(line, 0, 11, out);
}

static double entropy(double p) {
    return p > 0 && p < 1 ? -p * log(p) - (1 - p) * log(1 - p) : 0;
}

/* What a task knows of its loss stands with the results, where the loss is that one and all arms have the same task. */
static void references_of_the_task(void **state) {
    (void)state;
    compare_whole(TWO "train.steps=40", "add");
    hth_comparison *c = results("add", "");
    assert_int_equal(c->reference_count, 3);
    const double expected[] = {(entropy(0.5) + 2 * entropy(0.25)) / 4,
                               (entropy(0.375) + entropy(0.875)) / 2, entropy(0.625)};
    for (size_t i = 0; i < 3; i++) assert_true(fabs(c->references[i].value - expected[i]) < 1e-6);
    assert_string_equal(c->references[0].name, "both tosses known");
    hth_comparison_free(c);
    static const char *const without[] = {
        "task=add loss=mse network.units=3 train.steps=40 compare.seeds=1",
        "task=add loss=sigmoid loss.unit=bits network.units=3 train.steps=40 compare.seeds=1",
        "task=add loss=softmax task.lag1=5 network.units=3 train.steps=40 compare.seeds=1",
        "task=add loss=softmax network.units=3 train.steps=40 compare.seeds=1 vary.task.lag1=5,3",
    };
    for (size_t i = 0; i < HTH_COUNT(without); i++) {
        char name[16];
        snprintf(name, sizeof name, "none%zu", i);
        compare_whole(without[i], name);
        c = results(name, "");
        assert_int_equal(c->reference_count, 0);
        hth_comparison_free(c);
    }
}

/* A step at which one run had no finite number is still the same step for the others. */
static void curves_are_means_of_the_same_steps(void **state) {
    (void)state;
    size_t run_count, count;
    hth_line *lines[2];
    compare_whole(ADD "compare.learners=tbptt compare.seeds=2", "gap");
    hth_stored_run *runs = runs_of("gap", &run_count);
    for (size_t i = 0; i < 2; i++) lines[i] = lines_of("gap", runs[i].id, &count);
    lines[0][3].train_loss = INFINITY;
    hth_store *store = open_results("gap");
    assert_int_equal(
        hth_store_finish(store, &(hth_stored_result){&runs[0], lines[0], count}, 1, NULL), HTH_OK);
    hth_store_close(store);
    hth_comparison *c = results("gap", "compare.smooth=1");
    assert_int_equal(c->rows[0].points, count);
    for (size_t i = 0; i < count; i++) {
        const hth_curve_point *point = &c->rows[0].curve[i];
        const double a = lines[0][i].train_loss, b = lines[1][i].train_loss;
        assert_int_equal(point->step, lines[0][i].step);
        assert_int_equal(point->raw.count, i == 3 ? 1 : 2);
        assert_true(fabs(point->raw.mean - (i == 3 ? b : (a + b) / 2)) < 1e-12);
        assert_true(a != b);
    }
    hth_comparison_free(c);
    for (size_t i = 0; i < 2; i++) free(lines[i]);
    free(runs);
}

/* Where sequences grow, the tapes of two runs pass a multiple of the interval at different steps. The interval is
 * 60; or none is given, and it is the 120 steps of the longest sequence. */
static void curves_of_growing_sequences_have_all_seeds(void **state) {
    (void)state;
    static const char *const given[] = {"train.report_every=60", ""};
    static const uint64_t interval[] = {60, 120};
    for (size_t k = 0; k < 2; k++) {
        size_t run_count, count, other = 0, apart = 0;
        char line[400];
        snprintf(line, sizeof line, COPY "%s compare.seeds=3", given[k]);
        const char *name = k ? "default" : "given";
        compare_whole(line, name);
        hth_comparison *c = results(name, "compare.smooth=1");
        hth_stored_run *runs = runs_of(name, &run_count);
        hth_line *lines[3];
        assert_int_equal(run_count, 3);
        for (size_t i = 0; i < 3; i++) lines[i] = lines_of(name, runs[i].id, &count);
        assert_string_equal(c->measure, "train_metric");
        assert_int_equal(count, 600 / interval[k]);
        assert_int_equal(c->rows[0].points, count);
        for (size_t j = 0; j < count; j++) {
            const hth_curve_point *point = &c->rows[0].curve[j];
            double mean = 0;
            for (size_t i = 0; i < 3; i++) mean += lines[i][j].train_metric / 3;
            for (size_t i = 0; i < 3; i++) apart += lines[i][j].step != point->step;
            assert_int_equal(point->raw.count, 3);
            assert_true(fabs(point->raw.mean - mean) < 1e-12);
            assert_int_equal(point->step / interval[k], j + 1);
            other += lines[0][j].train_metric != lines[1][j].train_metric;
        }
        assert_true(apart > 0 && other > 0);
        for (size_t i = 0; i < 3; i++) free(lines[i]);
        free(runs);
        hth_comparison_free(c);
    }
}

/* ---- A second call -------------------------------------------------------------------------- */

/* When each run ended cannot be the same twice, so that equal times mean that nothing ran. */
static void only_what_is_missing_runs(void **state) {
    (void)state;
    size_t before, after;
    compare_whole(TWO, "two");
    hth_stored_run *old = runs_of("two", &before);
    compare_whole(TWO "compare.learners=readout-only,rtrl,tbptt compare.seeds=4", "two");
    hth_stored_run *new = runs_of("two", &after);
    assert_int_equal(before, 6);
    assert_int_equal(after, 12);
    for (size_t i = 0; i < after; i++) {
        bool was_there = false;
        for (size_t j = 0; j < before; j++)
            was_there = was_there || (new[i].id == old[j].id &&new[i].seconds == old[j].seconds);
        assert_int_equal(was_there, new[i].seed <= 3 && new[i].id <= 6);
        assert_int_equal(new[i].status, HTH_RUN_FINISHED);
    }
    hth_comparison *c = results("two", "");
    assert_int_equal(c->count, 3);
    assert_string_equal(c->rows[0].arm, "readout-only");
    assert_string_equal(c->rows[2].arm, "tbptt");
    hth_comparison_free(c);
    free(old);
    free(new);
}

static void other_settings_are_refused(void **state) {
    (void)state;
    hth_error error;
    size_t before, after;
    compare_whole(TWO, "two");
    free(runs_of("two", &before));
    assert_int_equal(compare_line(TWO "compare.seeds=9 optimiser.lr=0.02", "two", NULL, &error),
                     HTH_MISMATCH);
    assert_non_null(strstr(error.message, "results of arm 'tbptt' with optimiser.lr '0.01', the "
                                          "settings now say '0.02'"));
    assert_int_equal(compare_line(TWO "cell=lstm", "two", NULL, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "cell"));
    free(runs_of("two", &after));
    assert_int_equal(before, after);
    /* The same number in other letters, and what changes no number, are no other settings. */
    compare_whole(TWO "optimiser.lr=1e-2 train.checkpoint_every=7 train.threads=2", "two");
    free(runs_of("two", &after));
    assert_int_equal(before, after);
    hth_config *stored = configure("");
    assert_int_equal(hth_compare_stored(scratch_path("two"), stored, NULL), HTH_OK);
    const hth_settings settings = hth_config_settings(stored);
    assert_string_equal(hth_settings_find(&settings, "train.checkpoint_every")->value, "7");
    hth_config_destroy(stored);
    assert_int_equal(mkdir(scratch_path("other"), 0777), 0);
    fclose(fopen(scratch_path("other/letter.txt"), "w"));
    assert_int_equal(compare_line(TWO, "other", NULL, &error), HTH_FILE);
    assert_non_null(strstr(error.message, "other things are in it"));
    assert_int_equal(compare_line(NULL, "nowhere", NULL, &error), HTH_FILE);
}

static void hear(void *context, const char *sentence) {
    char *all = context;
    snprintf(all + strlen(all), 1000 - strlen(all), "%s\n", sentence);
}

static void a_run_that_diverges_is_kept_as_such(void **state) {
    (void)state;
    size_t count, points;
    char said[1000] = "";
    hth_error error;
    const hth_compare_observer observer = {NULL, hear, said, NULL};
    const char *line = ADD "loss=mse optimiser=sgd compare.learners=tbptt "
                           "learner.steps=2 compare.seeds=2 vary.optimiser.lr=1e-3,1e6";
    assert_int_equal(compare_line(line, "wild", &observer, &error), HTH_OK);
    assert_non_null(strstr(said, "tbptt, seed 1, optimiser.lr 1e6: diverged after step "));
    hth_stored_run *runs = runs_of("wild", &count);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        const bool wild = runs[i].variant == runs[1].variant;
        free(lines_of("wild", runs[i].id, &points));
        assert_int_equal(runs[i].status, wild ? HTH_RUN_DIVERGED : HTH_RUN_FINISHED);
        assert_true(wild ? runs[i].steps < 400 && points < 10 : runs[i].steps == 400);
        assert_int_equal(runs[i].message[0] == '\0', !wild);
    }
    hth_comparison *c = results("wild", "");
    assert_int_equal(c->rows[1].diverged, 2);
    assert_int_equal(c->rows[1].final.count, 0);
    assert_true(strlen(c->rows[1].diverged_at) > 3);
    assert_string_equal(c->keys[0], "optimiser.lr");
    assert_string_equal(c->rows[1].varied[0], "1e6");
    hth_comparison_free(c);
    said[0] = '\0';
    assert_int_equal(compare_line(line, "wild", &observer, &error), HTH_OK);
    assert_string_equal(said, "");
    free(runs);
}

/* More variants than settings are kept of: each run has those of its own. */
static void many_variants_have_their_own_settings(void **state) {
    (void)state;
    enum { STEPS = 33 };
    char line[600];
    size_t count, used = (size_t)snprintf(line, sizeof line,
                                          "task=add loss=softmax compare.learners=tbptt "
                                          "train.validate_every=-1 compare.seeds=1 "
                                          "vary.network.units=2,3 vary.train.steps=1");
    for (int i = 2; i <= STEPS; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, ",%d", i);
    compare_whole(line, "many");
    hth_stored_run *runs = runs_of("many", &count);
    assert_int_equal(count, 2 * STEPS);
    assert_true(count > HTH_COUNT(((hth_comparing *)NULL)->known));
    /* Units come first, and steps turn fastest. */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(runs[i].status, HTH_RUN_FINISHED);
        assert_int_equal(runs[i].steps, i % STEPS + 1);
        assert_true((runs[i].parameters > runs[0].parameters) == (i >= STEPS));
    }
    free(runs);
}

/* A file lies where the folder of a run should be; then it is gone. */
static void a_run_that_failed_is_tried_again(void **state) {
    (void)state;
    size_t count;
    char said[1000] = "";
    hth_error error;
    const hth_compare_observer observer = {NULL, hear, said, NULL};
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1", "fails");
    assert_int_equal(mkdir(scratch_path("fails/runs"), 0777), 0);
    fclose(fopen(scratch_path("fails/runs/tbptt-1-s2"), "w"));
    assert_int_equal(
        compare_line(ADD "compare.learners=tbptt compare.seeds=2", "fails", &observer, &error),
        HTH_OK);
    assert_non_null(strstr(said, "tbptt, seed 2: failed after step 0: "));
    hth_stored_run *runs = runs_of("fails", &count);
    assert_int_equal(count, 2);
    assert_int_equal(runs[0].status, HTH_RUN_FINISHED);
    assert_int_equal(runs[1].status, HTH_RUN_FAILED);
    free(runs);
    unlink(scratch_path("fails/runs/tbptt-1-s2"));
    compare_whole(NULL, "fails");
    runs = runs_of("fails", &count);
    assert_int_equal(runs[1].status, HTH_RUN_FINISHED);
    free(runs);
}

static void folders_stay_when_asked(void **state) {
    (void)state;
    compare_whole(ADD "arms.tbptt.learner.steps=2 compare.seeds=1 compare.keep=true", "kept");
    assert_int_equal(access(scratch_path("kept/runs/tbptt-1-s1/checkpoint.safetensors"), F_OK), 0);
    compare_whole(NULL, "kept");
    assert_int_equal(access(scratch_path("kept/runs/tbptt-1-s1/summary.json"), F_OK), 0);
    /* What was kept once stays, whatever later calls want of their own runs. */
    compare_whole(ADD "arms.tbptt.learner.steps=2 compare.seeds=2", "kept");
    assert_int_equal(access(scratch_path("kept/runs/tbptt-1-s1/checkpoint.safetensors"), F_OK), 0);
    assert_int_not_equal(access(scratch_path("kept/runs/tbptt-1-s2"), F_OK), 0);
    /* What a call that was killed could not take away any more goes. */
    assert_int_equal(mkdir(scratch_path("kept/runs/tbptt-1-s2"), 0777), 0);
    assert_int_equal(mkdir(scratch_path("kept/runs/mine"), 0777), 0);
    compare_whole(NULL, "kept");
    assert_int_not_equal(access(scratch_path("kept/runs/tbptt-1-s2"), F_OK), 0);
    assert_int_equal(access(scratch_path("kept/runs/mine"), F_OK), 0);
    assert_int_equal(access(scratch_path("kept/runs/tbptt-1-s1/checkpoint.safetensors"), F_OK), 0);
}

/* What came of phases is that of the run itself; other runs have none. */
static void phases_are_summed_up(void **state) {
    (void)state;
    static const char line[] =
        "task=copy-memory task.delay=3 train.batch=3 network.units=6 learner.steps=9 "
        "phases.first.train.steps=46 phases.second.task.delay=5 phases.second.train.steps=50 ";
    char text[600];
    snprintf(text, sizeof text, "%scompare.learners=tbptt,readout-only compare.seeds=1", line);
    compare_whole(text, "phases");
    snprintf(text, sizeof text, "%slearner=tbptt train.seed=1 train.threads=1", line);
    train_whole(text, "alone");
    hth_comparison *c = results("phases", "");
    for (size_t fact = 0; fact < HTH_TRANSFER_FACTS; fact++) {
        const double alone = summary_number("alone", hth_transfer_names[fact]);
        assert_int_equal(c->rows[0].transfer[fact].count, 1);
        assert_true(fabs(c->rows[0].transfer[fact].mean - alone) < 1e-9);
    }
    assert_true(c->rows[0].transfer[HTH_ACC].mean > 0);
    hth_comparison_free(c);
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1", "plain");
    c = results("plain", "");
    assert_int_equal(c->rows[0].transfer[HTH_ACC].count, 0);
    hth_comparison_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(runs_are_those_of_train),
        TEST(the_final_value_is_the_mean_of_the_last_lines),
        TEST(curves_are_means_around_each_line),
        TEST(smoothing_keeps_a_straight_line),
        TEST(references_of_the_task),
        TEST(curves_are_means_of_the_same_steps),
        TEST(curves_of_growing_sequences_have_all_seeds),
        TEST(only_what_is_missing_runs),
        TEST(other_settings_are_refused),
        TEST(a_run_that_diverges_is_kept_as_such),
        TEST(many_variants_have_their_own_settings),
        TEST(a_run_that_failed_is_tried_again),
        TEST(folders_stay_when_asked),
        TEST(phases_are_summed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
