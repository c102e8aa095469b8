/* Comparisons: what runs they come to, that each run is the one that `train` makes, what is remembered,
 * what is refused, and that the numbers of the table are what they say. */
#define _GNU_SOURCE
#include "experiment/compare.h"
#include "experiment/compare_folder.h"
#include "experiment/compare_plan.h"
#include "experiment/compare_pool.h"
#include "experiment/store_sql.h"
#include "runs.h"

#include "data/failing_malloc.h"

#include <math.h>

#define ADD                                                                                        \
    "task=add loss=softmax network.units=6 train.steps=400 train.report_every=40 "                 \
    "optimiser.lr=0.01 "
#define FIFTY "01234567890123456789012345678901234567890123456789"
#define TWO ADD "compare.learners=tbptt,rtrl compare.seeds=3 "

static hth_status compare_line(const char *line, const char *name,
                               const hth_compare_observer *observer, hth_error *error) {
    hth_config *config = line ? configure(line) : NULL;
    hth_ending ending = HTH_INTERRUPTED;
    hth_status status = hth_compare(config, in_scratch(name), 2, observer, &ending, error);
    if (status == HTH_OK) assert_int_equal(ending, HTH_FINISHED);
    hth_config_destroy(config);
    return status;
}

static void compare_whole(const char *line, const char *name) {
    hth_error error;
    if (compare_line(line, name, NULL, &error) != HTH_OK) fail_msg("%s: %s", name, error.message);
}

static hth_comparison *results(const char *name, const char *overrides) {
    hth_comparison *comparison;
    hth_error error;
    hth_config *config = configure(overrides);
    if (hth_comparison_load(in_scratch(name), config, &comparison, &error) != HTH_OK)
        fail_msg("%s", error.message);
    hth_config_destroy(config);
    return comparison;
}

static hth_store *open_results(const char *name) {
    char path[320];
    hth_store *store;
    snprintf(path, sizeof path, "%s/results.db", in_scratch(name));
    assert_int_equal(hth_store_open(path, &store, NULL), HTH_OK);
    return store;
}

/* All runs, with the store still open. */
static hth_stored_run *runs_of(const char *name, size_t *count) {
    hth_stored_run *runs;
    hth_store *store = open_results(name);
    assert_int_equal(hth_store_runs(store, &runs, count, NULL), HTH_OK);
    hth_store_close(store);
    return runs;
}

static hth_line *lines_of(const char *name, int64_t run, size_t *count) {
    hth_line *lines;
    hth_store *store = open_results(name);
    assert_int_equal(hth_store_lines(store, run, &lines, count, NULL), HTH_OK);
    hth_store_close(store);
    return lines;
}

/* ---- Plans ---------------------------------------------------------------------------------- */

static hth_plan *plan_of(const char *line) {
    hth_plan *plan = NULL;
    hth_error error;
    hth_config *config = configure(line);
    if (hth_plan_make(config, &plan, &error) != HTH_OK) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
    return plan;
}

/* The learner that an arm does not name is the settings', by default tbptt: ratios are to it. */
static void an_arm_need_not_name_its_learner(void **state) {
    (void)state;
    compare_whole(ADD "arms.long.learner.steps=4 arms.short.learner=rtrl compare.seeds=1", "arms");
    hth_comparison *c = results("arms", "");
    assert_int_equal(c->count, 2);
    assert_string_equal(c->rows[0].learner, "tbptt");
    assert_string_equal(c->rows[1].learner, "rtrl");
    assert_string_equal(c->reference, "long");
    assert_true(c->rows[1].ratio != 1 && c->rows[1].ratio > 0);
    hth_comparison_free(c);
}

static void arms_are_crossed_with_what_varies(void **state) {
    (void)state;
    hth_plan *plan = plan_of(ADD "compare.learners=tbptt,rtrl arms.mine.learner.steps=3 "
                                 "vary.optimiser.lr=1e-3,1e-2 vary.network.units=3,4,5");
    assert_int_equal(plan->count, 3 * 2 * 3);
    assert_int_equal(plan->seed_count, 5);
    assert_string_equal(plan->variants[0].arm, "tbptt");
    assert_string_equal(plan->variants[17].arm, "mine");
    assert_string_equal(plan->variants[0].varied,
                        "{\"optimiser.lr\":\"1e-3\",\"network.units\":\"3\"}");
    assert_string_equal(plan->variants[17].varied,
                        "{\"optimiser.lr\":\"1e-2\",\"network.units\":\"5\"}");
    hth_plan_free(plan);
}

static void seeds_are_numbers_lists_and_ranges(void **state) {
    (void)state;
    const struct {
        const char *text;
        size_t count;
        uint64_t first, last;
    } cases[] = {{"4", 4, 1, 4}, {"7,3", 2, 7, 3}, {"21-40", 20, 21, 40}, {"5-5,9", 2, 5, 9}};
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[300];
        snprintf(line, sizeof line, ADD "compare.seeds=%s", cases[i].text);
        hth_plan *plan = plan_of(line);
        assert_int_equal(plan->seed_count, cases[i].count);
        assert_int_equal(plan->seeds[0], cases[i].first);
        assert_int_equal(plan->seeds[plan->seed_count - 1], cases[i].last);
        hth_plan_free(plan);
    }
}

static void without_arms_the_learner_is_one(void **state) {
    (void)state;
    hth_plan *plan = plan_of(ADD "learner=rtrl");
    assert_int_equal(plan->count, 1);
    assert_string_equal(plan->variants[0].arm, "rtrl");
    hth_plan_free(plan);
}

/* A list in brackets is one value. */
static void lists_can_be_varied(void **state) {
    (void)state;
    const char *const varied[] = {"{\"network.units\":\"8, 8\"}", "{\"network.units\":\"4, 2\"}",
                                  "{\"network.units\":\"16\"}"};
    const char *const files[] = {"vary: {network.units: [[8, 8], [4, 2], 16]}\n",
                                 "vary:\n  network.units: [\"8, 8\", '4, 2', 16]\n",
                                 "vary:\n  network.units:\n    - [8, 8]\n    - [4, 2]\n    - 16\n"};
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        hth_config *config = configure(ADD);
        hth_error error;
        hth_plan *plan = NULL;
        FILE *file = fopen(in_scratch("vary.yaml"), "w");
        fputs(files[i], file);
        fclose(file);
        if (hth_config_load(config, in_scratch("vary.yaml"), &error) != HTH_OK ||
            hth_plan_make(config, &plan, &error) != HTH_OK)
            fail_msg("%s", error.message);
        assert_int_equal(plan->count, 3);
        for (size_t j = 0; j < 3; j++) assert_string_equal(plan->variants[j].varied, varied[j]);
        hth_plan_free(plan);
        hth_config_destroy(config);
    }
    hth_plan *plan = plan_of(ADD "vary.network.units=[[8,8],[4,2]]");
    assert_int_equal(plan->count, 2);
    assert_string_equal(plan->variants[1].varied, "{\"network.units\":\"4,2\"}");
    const hth_settings settings = hth_config_settings(plan->variants[1].config);
    assert_string_equal(hth_settings_find(&settings, "network.units")->value, "4,2");
    hth_plan_free(plan);
}

static void bad_plans_are_refused_in_words(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"compare.seeds=0", "command line: compare.seeds is '0', but must be a number N"},
        {"compare.seeds=5-3", "command line: compare.seeds is '5-3', but must be a number N"},
        {"compare.seeds=1,x", "command line: compare.seeds is '1,x', but must be a number N"},
        {"compare.seed=3",
         "command line: unknown setting compare.seed; did you mean 'compare.seeds'?"},
        {"compare.learners=tbptt,rtlr", "learner.name is 'rtlr', but must be one of "},
        {"compare.learners=tbptt,tbptt", "two arms have the label 'tbptt'"},
        {"vary.optimiser.lrr=1", "command line: unknown setting optimiser.lrr; did you mean "
                                 "'optimiser.lr'? (arm 'tbptt', optimiser.lrr=1)"},
        {"vary.optimiser.lr=0.1,1e-1",
         "command line: optimiser.lr is varied with the same value twice"},
        {"vary.optimiser.lr=,", "command line: optimiser.lr is varied without a value"},
        {"vary.train.seed=1,2", "seeds are given by compare.seeds"},
        {"vary.compare.final=1", "holds for the whole comparison"},
        {"arms.a.train.seed=1", "seeds are given by compare.seeds"},
        {"arms.a.optimiser.lr=1 vary.optimiser.lr=1", "is set by an arm, and varied too"},
        {"arms.a.cell=lsmt", "did you mean 'lstm'? (arm 'a')"},
        {"compare.measure=train_metric", "the metric is none"},
        {"compare.measure=validation_loss train.validate_every=-1", "there is no validation"},
        {"train.precision=half", "train.precision is 'half'"},
        {"vary.train.threads=1,2", "every run of a comparison has one thread"},
        {"arms.a.train.threads=2", "every run of a comparison has one thread"},
        {"loss=sigmoid vary.loss.unit=nats,bits",
         "the unit of the loss is bits, but that of arm 'tbptt' is "
         "nats, and one table cannot show both"},
        {"arms.a.loss=mse arms.b.loss=softmax", "the loss is softmax, but that of arm 'a' is mse "},
        {"loss=mse arms.a.learner.steps=2 arms.b.train.metric=mse",
         "the metric is mse, but that of arm 'a' is none"},
        {"vary.network.units=[8,8],[4,4]",
         "is varied with brackets that do not fit: write [8, 16]"},
        {"vary.network.units=[[8,8],[4,[4]]]", "is varied with brackets that do not fit"},
        {"vary.network.units=[[],[4]]", "is varied with brackets that do not fit"},
        {"vary.data.dir=/short,/" FIFTY FIFTY, "is varied with a value of more than 95 letters"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[400];
        hth_error error = {0};
        snprintf(line, sizeof line, ADD "%s", cases[i][0]);
        assert_int_equal(compare_line(line, "refused", NULL, &error), HTH_INVALID);
        if (!strstr(error.message, cases[i][1])) fail_msg("%s: %s", line, error.message);
        assert_int_not_equal(access(in_scratch("refused"), F_OK), 0);
    }
}

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
    snprintf(path, sizeof path, "%s/metrics.jsonl", in_scratch("alone"));
    assert_int_equal(hth_metrics_read(path, &other, &trained, NULL), HTH_OK);
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
    assert_int_not_equal(access(in_scratch("two/runs"), F_OK), 0);
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
    assert_string_equal(c->reference, "tbptt");
    assert_true(fabs(c->rows[1].ratio - c->rows[1].final.mean / mean) < 1e-12);
    assert_true(c->rows[0].speed_ratio == 1);
    hth_comparison *other = results("two", "compare.final=0.5");
    assert_true(fabs(other->rows[0].final.mean - mean) > 1e-6);
    hth_comparison_free(other);
    hth_comparison_free(c);
    free(runs);
}

static void curves_are_running_means(void **state) {
    (void)state;
    compare_whole(TWO, "two");
    hth_comparison *raw = results("two", "compare.smooth=1");
    hth_comparison *smooth = results("two", "compare.smooth=3");
    const hth_curve_point *a = raw->rows[1].curve, *b = smooth->rows[1].curve;
    assert_int_equal(raw->rows[1].points, 10);
    assert_int_equal(smooth->rows[1].points, 10);
    assert_true(fabs(b[0].value.mean - a[0].value.mean) < 1e-12);
    assert_true(fabs(b[1].value.mean - (a[0].value.mean + a[1].value.mean) / 2) < 1e-12);
    for (size_t i = 2; i < 10; i++) {
        const double mean = (a[i].value.mean + a[i - 1].value.mean + a[i - 2].value.mean) / 3;
        assert_true(fabs(b[i].value.mean - mean) < 1e-12);
        assert_true(fabs(b[i].value.mean - a[i].value.mean) > 1e-9);
        assert_int_equal(b[i].value.count, 3);
    }
    hth_comparison_free(raw);
    hth_comparison_free(smooth);
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
    assert_int_equal(hth_store_finish(store, &runs[0], lines[0], count, NULL), HTH_OK);
    hth_store_close(store);
    hth_comparison *c = results("gap", "compare.smooth=1");
    assert_int_equal(c->rows[0].points, count);
    for (size_t i = 0; i < count; i++) {
        const hth_curve_point *point = &c->rows[0].curve[i];
        const double a = lines[0][i].train_loss, b = lines[1][i].train_loss;
        assert_int_equal(point->step, lines[0][i].step);
        assert_int_equal(point->value.count, i == 3 ? 1 : 2);
        assert_true(fabs(point->value.mean - (i == 3 ? b : (a + b) / 2)) < 1e-12);
        assert_true(a != b);
    }
    hth_comparison_free(c);
    for (size_t i = 0; i < 2; i++) free(lines[i]);
    free(runs);
}

/* ---- The store ------------------------------------------------------------------------------ */

static void change_store(const char *name, const char *sql) {
    hth_error error;
    hth_store *store = open_results(name);
    if (hth_sql_execute(store, sql, &error) != HTH_OK) fail_msg("%s", error.message);
    hth_store_close(store);
}

static void a_store_of_an_older_layout_is_read(void **state) {
    (void)state;
    size_t run_count, count;
    char path[320];
    hth_error error;
    hth_store *store;
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1 compare.keep=true", "old");
    change_store("old", "ALTER TABLE lines DROP COLUMN regulariser;"
                        "ALTER TABLE runs DROP COLUMN kept; PRAGMA user_version = 1");
    hth_stored_run *runs = runs_of("old", &run_count);
    hth_line *lines = lines_of("old", runs[0].id, &count);
    assert_int_equal(count, 10);
    assert_true(isnan(lines[4].regulariser) && isfinite(lines[4].train_loss));
    assert_true(runs[0].kept);
    lines[4].regulariser = 0.25;
    store = open_results("old");
    assert_int_equal(hth_store_finish(store, &runs[0], lines, count, NULL), HTH_OK);
    hth_store_close(store);
    free(lines);
    lines = lines_of("old", runs[0].id, &count);
    assert_true(lines[4].regulariser == 0.25 && isnan(lines[5].regulariser));
    free(lines);
    free(runs);
    compare_whole(ADD "compare.learners=tbptt compare.seeds=2", "old");
    change_store("old", "PRAGMA user_version = 3");
    snprintf(path, sizeof path, "%s/results.db", in_scratch("old"));
    assert_int_equal(hth_store_open(path, &store, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "another version of hitherto"));
}

/* What metrics.jsonl says of it, every line. */
static void the_regulariser_is_stored(void **state) {
    (void)state;
    size_t run_count, count, kept_count;
    hth_line *kept;
    compare_whole("task=add loss=softmax cell=alif network.units=6 regulariser.rate=1 "
                  "regulariser.rate_over=tape "
                  "train.steps=200 train.report_every=20 compare.learners=tbptt compare.seeds=1 "
                  "compare.keep=true",
                  "rate");
    hth_stored_run *runs = runs_of("rate", &run_count);
    hth_line *lines = lines_of("rate", runs[0].id, &count);
    assert_int_equal(hth_metrics_read(in_scratch("rate/runs/tbptt-1-s1/metrics.jsonl"), &kept,
                                      &kept_count, NULL),
                     HTH_OK);
    assert_int_equal(count, 10);
    assert_int_equal(kept_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(lines[i].regulariser > 0);
        assert_true(lines[i].regulariser == kept[i].regulariser);
        assert_true(lines[i].memory_bytes == kept[i].memory_bytes);
    }
    free(kept);
    free(lines);
    free(runs);
}

/* ---- Runs under way ------------------------------------------------------------------------- */

/* Two runs take a step and save. The signal is for programs that answer it: these look at `now`. */
static void compare_interrupted(const char *line, const char *name) {
    static const volatile sig_atomic_t now = 1;
    const hth_compare_observer observer = {NULL, NULL, NULL, &now};
    hth_config *config = configure(line);
    hth_ending ending = HTH_FINISHED;
    hth_error error;
    void (*before)(int) = signal(SIGTERM, SIG_IGN);
    if (hth_compare(config, in_scratch(name), 2, &observer, &ending, &error) != HTH_OK)
        fail_msg("%s", error.message);
    signal(SIGTERM, before);
    assert_int_equal(ending, HTH_INTERRUPTED);
    hth_config_destroy(config);
}

static bool exists(const char *name) {
    return access(in_scratch(name), F_OK) == 0;
}

static size_t count_status(const char *name, hth_run_status status) {
    size_t count, found = 0;
    hth_stored_run *runs = runs_of(name, &count);
    for (size_t i = 0; i < count; i++) found += runs[i].status == status;
    free(runs);
    return found;
}

/* The lines of all runs of the one are those of the other, but for what the clock says. */
static bool same_lines(const char *one, const char *other) {
    size_t counts[2], lengths[2];
    hth_stored_run *a = runs_of(one, &counts[0]), *b = runs_of(other, &counts[1]);
    bool same = counts[0] == counts[1];
    for (size_t i = 0; i < counts[0] && same; i++) {
        hth_line *x = lines_of(one, a[i].id, &lengths[0]),
                 *y = lines_of(other, b[i].id, &lengths[1]);
        same = lengths[0] == lengths[1] && lengths[0] > 0;
        for (size_t j = 0; j < lengths[0] && same; j++)
            same = x[j].step == y[j].step && x[j].train_loss == y[j].train_loss;
        free(x);
        free(y);
    }
    free(a);
    free(b);
    return same;
}

#define CORPUS                                                                                     \
    "data=text data.dir=%s loss=softmax network.units=4 network.embedding=3 train.steps=60 "       \
    "train.report_every=10 "                                                                       \
    "train.threads=1 compare.learners=tbptt compare.seeds=%d"

static void corpus_line(char *out, size_t size, int seeds) {
    snprintf(out, size, CORPUS, in_scratch("corpus"), seeds);
}

/* A run in a process of its own, as a comparison begins it. */
static hth_job_report run_job(const char *line, const char *folder) {
    hth_config *config = configure(line);
    hth_job job = {0};
    assert_int_equal(hth_job_start(config, in_scratch(folder), NULL, &job, NULL), HTH_OK);
    while (!hth_job_listen(&job)) continue;
    hth_config_destroy(config);
    return job.latest;
}

#define UNDER_WAY "away/runs/tbptt-1-s1/checkpoint.safetensors"

static void data_that_are_away_cost_nothing(void **state) {
    (void)state;
    char line[512];
    size_t before, after;
    hth_error error;
    assert_int_equal(write_corpus(), 0);
    corpus_line(line, sizeof line, 2);
    compare_whole(line, "still");
    compare_interrupted(line, "away");
    char *checkpoint = read_whole(in_scratch(UNDER_WAY), &before);
    assert_int_equal(rename(in_scratch("corpus"), in_scratch("elsewhere")), 0);
    /* The plan is refused before anything has changed. */
    assert_int_not_equal(compare_line(NULL, "away", NULL, &error), HTH_OK);
    assert_non_null(strstr(error.message, "(arm 'tbptt')"));
    assert_int_equal(count_status("away", HTH_RUN_WAITING), 2);
    /* Between that and its turn a run may miss them, too. */
    assert_int_not_equal(run_job(line, "away/runs/tbptt-1-s1").status, HTH_OK);
    char *now = read_whole(in_scratch(UNDER_WAY), &after);
    assert_int_equal(before, after);
    assert_memory_equal(checkpoint, now, after);
    free(now);
    free(checkpoint);
    assert_int_equal(rename(in_scratch("elsewhere"), in_scratch("corpus")), 0);
    compare_whole(NULL, "away");
    assert_int_equal(count_status("away", HTH_RUN_FINISHED), 2);
    assert_true(same_lines("still", "away"));
}

/* Checkpoints that are damaged, or of other settings, are no reason not to run. */
static void useless_checkpoints_are_given_up(void **state) {
    (void)state;
    const char *const names[] = {"checkpoint.safetensors", "checkpoint.previous.safetensors"};
    char path[320];
    compare_whole(TWO, "two");
    compare_interrupted(TWO, "torn");
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", in_scratch("torn/runs/tbptt-1-s1"), names[i]);
        if (access(path, F_OK) == 0) assert_int_equal(truncate(path, 100), 0);
    }
    compare_whole(NULL, "torn");
    assert_true(same_lines("two", "torn"));
    train_whole(ADD "train.seed=1", "alone");
    const hth_job_report report = run_job(ADD "train.seed=1 cell=lstm", "alone");
    assert_int_equal(report.status, HTH_OK);
    assert_int_equal(report.outcome.step, 400);
}

static void runs_under_way_outlive_other_calls(void **state) {
    (void)state;
    hth_error error;
    compare_whole(TWO, "two");
    compare_interrupted(TWO, "cut");
    assert_true(exists("cut/runs/tbptt-1-s1") && exists("cut/runs/rtrl-2-s1"));
    /* Other settings for what is under way. */
    assert_int_equal(compare_line(TWO "optimiser.lr=0.02", "cut", NULL, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "a run of arm 'tbptt' is under way in "));
    assert_non_null(strstr(error.message, "cut/runs/tbptt-1-s1 with optimiser.lr '0.01', the "
                                          "settings now say '0.02'"));
    assert_int_equal(count_status("cut", HTH_RUN_WAITING), 6);
    /* Another learner: what has not begun is forgotten, what has begun waits. */
    compare_whole(TWO "compare.learners=readout-only", "cut");
    assert_int_equal(count_status("cut", HTH_RUN_FINISHED), 3);
    assert_int_equal(count_status("cut", HTH_RUN_WAITING), 2);
    assert_true(exists("cut/runs/tbptt-1-s1/checkpoint.safetensors"));
    assert_true(exists("cut/runs/rtrl-2-s1/checkpoint.safetensors"));
    /* Arms whose numbers mean something else cannot join them. */
    assert_int_equal(compare_line(TWO "compare.learners=rflo loss=mse", "cut", NULL, &error),
                     HTH_MISMATCH);
    assert_non_null(
        strstr(error.message, "has other arms, for which the loss is softmax, but here it is mse"));
    compare_whole(NULL, "cut");
    assert_int_equal(count_status("cut", HTH_RUN_FINISHED), 5);
    assert_false(exists("cut/runs"));
    /* They did go on, and came out the same. */
    compare_whole(TWO "compare.learners=tbptt,rtrl", "cut");
    hth_comparison *c = results("cut", ""), *whole = results("two", "");
    assert_int_equal(c->count, 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(c->rows[i].finished, 3);
        assert_true(c->rows[i].final.mean == whole->rows[i].final.mean);
    }
    hth_comparison_free(c);
    hth_comparison_free(whole);
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
    assert_int_equal(hth_compare_stored(in_scratch("two"), stored, NULL), HTH_OK);
    const hth_settings settings = hth_config_settings(stored);
    assert_string_equal(hth_settings_find(&settings, "train.checkpoint_every")->value, "7");
    hth_config_destroy(stored);
    assert_int_equal(mkdir(in_scratch("other"), 0777), 0);
    fclose(fopen(in_scratch("other/letter.txt"), "w"));
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

/* A file lies where the folder of a run should be; then it is gone. */
static void a_run_that_failed_is_tried_again(void **state) {
    (void)state;
    size_t count;
    char said[1000] = "";
    hth_error error;
    const hth_compare_observer observer = {NULL, hear, said, NULL};
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1", "fails");
    assert_int_equal(mkdir(in_scratch("fails/runs"), 0777), 0);
    fclose(fopen(in_scratch("fails/runs/tbptt-1-s2"), "w"));
    assert_int_equal(
        compare_line(ADD "compare.learners=tbptt compare.seeds=2", "fails", &observer, &error),
        HTH_OK);
    assert_non_null(strstr(said, "tbptt, seed 2: failed after step 0: "));
    hth_stored_run *runs = runs_of("fails", &count);
    assert_int_equal(count, 2);
    assert_int_equal(runs[0].status, HTH_RUN_FINISHED);
    assert_int_equal(runs[1].status, HTH_RUN_FAILED);
    free(runs);
    unlink(in_scratch("fails/runs/tbptt-1-s2"));
    compare_whole(NULL, "fails");
    runs = runs_of("fails", &count);
    assert_int_equal(runs[1].status, HTH_RUN_FINISHED);
    free(runs);
}

static void folders_stay_when_asked(void **state) {
    (void)state;
    compare_whole(ADD "arms.tbptt.learner.steps=2 compare.seeds=1 compare.keep=true", "kept");
    assert_int_equal(access(in_scratch("kept/runs/tbptt-1-s1/checkpoint.safetensors"), F_OK), 0);
    compare_whole(NULL, "kept");
    assert_int_equal(access(in_scratch("kept/runs/tbptt-1-s1/summary.json"), F_OK), 0);
    /* What was kept once stays, whatever later calls want of their own runs. */
    compare_whole(ADD "arms.tbptt.learner.steps=2 compare.seeds=2", "kept");
    assert_int_equal(access(in_scratch("kept/runs/tbptt-1-s1/checkpoint.safetensors"), F_OK), 0);
    assert_int_not_equal(access(in_scratch("kept/runs/tbptt-1-s2"), F_OK), 0);
    /* What a call that was killed could not take away any more goes. */
    assert_int_equal(mkdir(in_scratch("kept/runs/tbptt-1-s2"), 0777), 0);
    assert_int_equal(mkdir(in_scratch("kept/runs/mine"), 0777), 0);
    compare_whole(NULL, "kept");
    assert_int_not_equal(access(in_scratch("kept/runs/tbptt-1-s2"), F_OK), 0);
    assert_int_equal(access(in_scratch("kept/runs/mine"), F_OK), 0);
    assert_int_equal(access(in_scratch("kept/runs/tbptt-1-s1/checkpoint.safetensors"), F_OK), 0);
}

/* ---- Without memory ------------------------------------------------------------------------- */

static hth_status make_plan(const char *name, hth_error *error) {
    hth_plan *plan;
    (void)name;
    hth_config *config = NULL;
    hth_status status = hth_config_create(&config, error);
    if (status == HTH_OK) status = hth_config_override(config, "task=add", error);
    if (status == HTH_OK) status = hth_config_override(config, "arms.a.cell=lstm", error);
    if (status == HTH_OK) status = hth_config_override(config, "vary.learner.steps=1,2", error);
    if (status == HTH_OK) status = hth_plan_make(config, &plan, error);
    if (status == HTH_OK) hth_plan_free(plan);
    hth_config_destroy(config);
    return status;
}

static hth_status load_results(const char *name, hth_error *error) {
    hth_comparison *comparison;
    HTH_TRY(hth_comparison_load(name, NULL, &comparison, error));
    hth_comparison_free(comparison);
    return HTH_OK;
}

static hth_status load_stored(const char *name, hth_error *error) {
    hth_config *config = NULL;
    hth_status status = hth_config_create(&config, error);
    if (status == HTH_OK) status = hth_compare_stored(name, config, error);
    hth_config_destroy(config);
    return status;
}

static void fail_at_every_allocation(hth_status (*use)(const char *, hth_error *), const char *name,
                                     size_t least) {
    size_t failures = 0;
    assert_int_equal(use(name, NULL), HTH_OK); /* libraries take what they keep */
    for (size_t n = 0;; n++) {
        hth_error error = {0};
        failing_malloc_start(n);
        hth_status status = use(name, &error);
        size_t left = failing_malloc_stop_own();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        if (status != HTH_OK) assert_true(error.message[0] != '\0');
        failures += status != HTH_OK;
        if (!failing_malloc_reached()) break;
    }
    assert_true(failures >= least); /* the heap did fail */
}

static void without_memory(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1", "small");
    fail_at_every_allocation(make_plan, "", 20);
    fail_at_every_allocation(load_results, in_scratch("small"), 10);
    fail_at_every_allocation(load_stored, in_scratch("small"), 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scratch, remove_scratch)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_arm_need_not_name_its_learner),
        TEST(arms_are_crossed_with_what_varies),
        TEST(seeds_are_numbers_lists_and_ranges),
        TEST(without_arms_the_learner_is_one),
        TEST(lists_can_be_varied),
        TEST(bad_plans_are_refused_in_words),
        TEST(runs_are_those_of_train),
        TEST(the_final_value_is_the_mean_of_the_last_lines),
        TEST(curves_are_running_means),
        TEST(curves_are_means_of_the_same_steps),
        TEST(a_store_of_an_older_layout_is_read),
        TEST(the_regulariser_is_stored),
        TEST(data_that_are_away_cost_nothing),
        TEST(useless_checkpoints_are_given_up),
        TEST(runs_under_way_outlive_other_calls),
        TEST(only_what_is_missing_runs),
        TEST(other_settings_are_refused),
        TEST(a_run_that_diverges_is_kept_as_such),
        TEST(a_run_that_failed_is_tried_again),
        TEST(folders_stay_when_asked),
        TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
