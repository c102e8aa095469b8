/* Comparisons on the disk: stores of an older layout, and runs that were begun and wait. */
#include "compare/folder.h"
#include "compare/pool.h"
#include "comparisons.h"

#include <math.h>

/* ---- The store ------------------------------------------------------------------------------ */

static void change_store(const char *name, const char *sql) {
    hth_error error;
    hth_store *store = open_results(name);
    if (hth_sql_execute(store, sql, &error) != HTH_OK) fail_msg("%s", error.message);
    hth_store_close(store);
}

#define AS_OF_LAYOUT_3                                                                             \
    "ALTER TABLE runs DROP COLUMN acc; ALTER TABLE runs DROP COLUMN la;"                           \
    "ALTER TABLE runs DROP COLUMN bwt; ALTER TABLE runs DROP COLUMN fwt;"                          \
    "ALTER TABLE runs DROP COLUMN forgetting;"
#define AS_OF_LAYOUT_2                                                                             \
    AS_OF_LAYOUT_3                                                                                 \
    "ALTER TABLE variants DROP COLUMN update_steps;"                                               \
    "ALTER TABLE variants DROP COLUMN sequence_steps; PRAGMA application_id = 0;"

static void a_store_of_an_older_layout_is_read(void **state) {
    (void)state;
    size_t run_count, count;
    char path[320];
    hth_error error;
    hth_store *store;
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1 compare.keep=true", "old");
    change_store("old",
                 "ALTER TABLE lines DROP COLUMN regulariser;"
                 "ALTER TABLE runs DROP COLUMN kept;" AS_OF_LAYOUT_2 "PRAGMA user_version = 1");
    /* Who only looks changes nothing. */
    char *before = read_whole(scratch_path("old/results.db"), &count);
    hth_comparison *seen = results("old", "");
    assert_int_equal(seen->rows[0].finished, 1);
    assert_string_equal(seen->rows[0].updates, "");
    hth_comparison_free(seen);
    char *after = read_whole(scratch_path("old/results.db"), &run_count);
    assert_int_equal(count, run_count);
    assert_memory_equal(before, after, count);
    free(before);
    free(after);
    hth_stored_run *runs = runs_of("old", &run_count);
    hth_line *lines = lines_of("old", runs[0].id, &count);
    assert_int_equal(count, 10);
    assert_true(isnan(lines[4].regulariser) && isfinite(lines[4].train_loss));
    assert_true(runs[0].kept);
    lines[4].regulariser = 0.25;
    store = open_results("old");
    assert_int_equal(hth_store_finish(store, &(hth_stored_result){&runs[0], lines, count}, 1, NULL),
                     HTH_OK);
    hth_store_close(store);
    free(lines);
    lines = lines_of("old", runs[0].id, &count);
    assert_true(lines[4].regulariser == 0.25 && isnan(lines[5].regulariser));
    free(lines);
    free(runs);
    compare_whole(ADD "compare.learners=tbptt compare.seeds=2", "old");
    change_store("old", "PRAGMA user_version = 5");
    snprintf(path, sizeof path, "%s/results.db", scratch_path("old"));
    assert_int_equal(hth_store_open(path, &store, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "another version of hitherto"));
}

/* Results of several runs are stored together or not at all. */
static void results_are_stored_together(void **state) {
    (void)state;
    size_t run_count, counts[2], after;
    hth_error error;
    compare_whole(ADD "compare.learners=tbptt compare.seeds=2", "together");
    hth_stored_run *runs = runs_of("together", &run_count);
    hth_line *lines[2];
    hth_stored_result results_of[2];
    for (size_t i = 0; i < 2; i++) {
        lines[i] = lines_of("together", runs[i].id, &counts[i]);
        lines[i][2].train_loss = 0.125;
        runs[i].steps = 7;
        results_of[i] = (hth_stored_result){&runs[i], lines[i], counts[i]};
    }
    /* The second has two lines of one step. */
    lines[1][5].step = lines[1][4].step;
    hth_store *store = open_results("together");
    assert_int_equal(hth_store_finish(store, results_of, 2, &error), HTH_FILE);
    hth_stored_run *now;
    assert_int_equal(hth_store_runs(store, &now, &after, NULL), HTH_OK);
    assert_int_equal(after, 2);
    for (size_t i = 0; i < 2; i++) assert_int_equal(now[i].steps, 400);
    free(now);
    lines[1][5].step++;
    assert_int_equal(hth_store_finish(store, results_of, 2, &error), HTH_OK);
    hth_store_close(store);
    for (size_t i = 0; i < 2; i++) {
        free(lines[i]);
        lines[i] = lines_of("together", runs[i].id, &counts[i]);
        assert_true(lines[i][2].train_loss == 0.125 && counts[i] == 10);
        free(lines[i]);
    }
    free(runs);
}

/* A database that is not ours, whatever its tables and numbers, stays as it is; so does one that says whose it is. */
static void other_databases_are_left_alone(void **state) {
    (void)state;
    static const char *const makers[] = {
        "CREATE TABLE mine (x)",
        "CREATE TABLE mine (x); PRAGMA user_version = 2",
        "CREATE TABLE runs (x); CREATE TABLE lines (x); PRAGMA user_version = 1",
        "CREATE TABLE mine (x); PRAGMA application_id = 7",
    };
    hth_error error;
    hth_comparison *none;
    for (size_t i = 0; i < HTH_COUNT(makers); i++) {
        char name[16], file[32];
        sqlite3 *database;
        size_t lengths[2];
        snprintf(name, sizeof name, "other%zu", i);
        snprintf(file, sizeof file, "%s/results.db", name);
        assert_int_equal(mkdir(scratch_path(name), 0777), 0);
        assert_int_equal(sqlite3_open(scratch_path(file), &database), SQLITE_OK);
        assert_int_equal(sqlite3_exec(database, makers[i], NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(database);
        char *before = read_whole(scratch_path(file), &lengths[0]);
        assert_int_equal(hth_comparison_load(scratch_path(name), NULL, &none, &error), HTH_FILE);
        assert_non_null(strstr(error.message, "is a database of another program"));
        assert_int_equal(compare_line(TWO, name, NULL, &error), HTH_FILE);
        assert_int_equal(compare_line(NULL, name, NULL, &error), HTH_FILE);
        char *after = read_whole(scratch_path(file), &lengths[1]);
        assert_int_equal(lengths[0], lengths[1]);
        assert_memory_equal(before, after, lengths[0]);
        snprintf(file, sizeof file, "%s/lock", name);
        assert_int_not_equal(access(scratch_path(file), F_OK), 0);
        free(before);
        free(after);
    }
    /* One that was made and never filled: of a call that was killed. */
    assert_int_equal(mkdir(scratch_path("empty"), 0777), 0);
    scratch_write("empty/results.db", "", 0);
    assert_int_equal(hth_comparison_load(scratch_path("empty"), NULL, &none, &error), HTH_FILE);
    assert_non_null(strstr(error.message, "no comparison has begun there"));
    compare_whole(TWO "train.steps=40", "empty");
    /* One whose first transaction was undone: it has a page, and no table. */
    sqlite3 *database;
    assert_int_equal(mkdir(scratch_path("undone"), 0777), 0);
    assert_int_equal(sqlite3_open(scratch_path("undone/results.db"), &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "CREATE TABLE a (b); DROP TABLE a", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(database);
    size_t length;
    free(read_whole(scratch_path("undone/results.db"), &length));
    assert_true(length > 0);
    assert_int_equal(compare_line(NULL, "undone", NULL, &error), HTH_FILE);
    compare_whole(TWO "train.steps=40", "undone");
}

/* How often an arm updates is kept with it, and said where arms differ. */
static void updates_are_told(void **state) {
    (void)state;
    compare_whole(ADD "compare.learners=tbptt,rtrl learner.update=tape compare.seeds=1", "endless");
    hth_comparison *c = results("endless", "");
    assert_string_equal(c->rows[0].updates, "every 20 steps");
    assert_string_equal(c->rows[1].updates, "every step");
    assert_true(c->updates_differ);
    hth_comparison_free(c);
    const char *trials = "task=pattern task.steps=30 network.units=4 train.sequences=2 "
                         "compare.seeds=1 compare.learners=bptt vary.learner.update=tape,sequence ";
    compare_whole(trials, "same");
    c = results("same", "");
    assert_string_equal(c->rows[0].updates, "1 a sequence");
    assert_string_equal(c->rows[1].updates, "1 a sequence");
    assert_false(c->updates_differ);
    hth_comparison_free(c);
    compare_whole("task=pattern task.steps=30 network.units=4 train.sequences=2 compare.seeds=1 "
                  "learner=tbptt learner.steps=4 vary.learner.update=tape,sequence",
                  "cut");
    c = results("cut", "");
    assert_string_equal(c->rows[0].updates, "8 a sequence");
    assert_string_equal(c->rows[1].updates, "1 a sequence");
    assert_true(c->updates_differ);
    hth_comparison_free(c);
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
    assert_int_equal(hth_metrics_read(scratch_path("rate/runs/tbptt-1-s1/metrics.jsonl"), &kept,
                                      &kept_count, NULL, NULL),
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
    if (hth_compare(config, scratch_path(name), 2, &observer, &ending, &error) != HTH_OK)
        fail_msg("%s", error.message);
    signal(SIGTERM, before);
    assert_int_equal(ending, HTH_INTERRUPTED);
    hth_config_destroy(config);
}

static bool exists(const char *name) {
    return access(scratch_path(name), F_OK) == 0;
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
    snprintf(out, size, CORPUS, scratch_path("corpus"), seeds);
}

static char said_by_job[4096]; /* all messages of the last one */

/* A run in a process of its own, as a comparison begins it. */
static hth_job_report run_job(const char *line, const char *folder) {
    hth_config *config = configure(line);
    hth_job job = {0};
    assert_int_equal(hth_job_start(config, scratch_path(folder), false, NULL, &job, NULL), HTH_OK);
    said_by_job[0] = '\0';
    for (bool ended = false; !ended;) {
        const size_t used = strlen(said_by_job);
        ended = hth_job_listen(&job);
        snprintf(said_by_job + used, sizeof said_by_job - used, "%s", job.latest.said);
        job.latest.said[0] = '\0';
    }
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
    char *checkpoint = read_whole(scratch_path(UNDER_WAY), &before);
    assert_int_equal(rename(scratch_path("corpus"), scratch_path("elsewhere")), 0);
    /* The plan is refused before anything has changed. */
    assert_int_not_equal(compare_line(NULL, "away", NULL, &error), HTH_OK);
    assert_non_null(strstr(error.message, "(arm 'tbptt')"));
    assert_int_equal(count_status("away", HTH_RUN_WAITING), 2);
    /* Between that and its turn a run may miss them, too. */
    assert_int_not_equal(run_job(line, "away/runs/tbptt-1-s1").status, HTH_OK);
    char *now = read_whole(scratch_path(UNDER_WAY), &after);
    assert_int_equal(before, after);
    assert_memory_equal(checkpoint, now, after);
    free(now);
    free(checkpoint);
    assert_int_equal(rename(scratch_path("elsewhere"), scratch_path("corpus")), 0);
    compare_whole(NULL, "away");
    assert_int_equal(count_status("away", HTH_RUN_FINISHED), 2);
    assert_true(same_lines("still", "away"));
}

#define PHASES                                                                                     \
    "task=copy-memory task.delay=3 network.units=4 learner=tbptt learner.steps=9 "                 \
    "phases.a.train.sequences=2 phases.b.train.sequences=2 phases.b.task.delay=4 "

/* Checkpoints that are damaged, or of other settings, are no reason not to run. */
static void useless_checkpoints_are_given_up(void **state) {
    (void)state;
    const char *const names[] = {"checkpoint.safetensors", "checkpoint.previous.safetensors"};
    char path[320];
    compare_whole(TWO, "two");
    compare_interrupted(TWO, "torn");
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", scratch_path("torn/runs/tbptt-1-s1"), names[i]);
        if (access(path, F_OK) == 0) assert_int_equal(truncate(path, 100), 0);
    }
    compare_whole(NULL, "torn");
    assert_true(same_lines("two", "torn"));
    /* The same in a later phase, whose data must be opened for it to be read. */
    train_whole(PHASES, "phased");
    assert_int_equal(truncate(scratch_path("phased/checkpoint.safetensors"), 2000), 0);
    unlink(scratch_path("phased/checkpoint.previous.safetensors"));
    assert_int_equal(run_job(PHASES, "phased").status, HTH_OK);
    assert_non_null(strstr(said_by_job, "the run begins at its first step"));
    train_whole(ADD "train.seed=1", "alone");
    const hth_job_report report = run_job(ADD "train.seed=1 cell=lstm", "alone");
    assert_int_equal(report.status, HTH_OK);
    assert_int_equal(report.outcome.step, 400);
    assert_non_null(strstr(said_by_job, "it is kept as checkpoint.damaged-2.safetensors; the run "
                                        "begins at its first step"));
    assert_true(exists("alone/checkpoint.damaged.safetensors"));
}

/* Errors that pass cost no checkpoint: the run fails with what the system says, and goes on another time. */
static void unreadable_checkpoints_are_kept(void **state) {
    (void)state;
    char path[320], aside[330];
    size_t before, after;
    compare_whole(TWO, "two");
    compare_interrupted(TWO, "closed");
    snprintf(path, sizeof path, "%s",
             scratch_path("closed/runs/tbptt-1-s1/checkpoint.safetensors"));
    snprintf(aside, sizeof aside, "%s.aside", path);
    char *bytes = read_whole(path, &before);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink("checkpoint.safetensors", path), 0);
    assert_int_equal(compare_line(NULL, "closed", NULL, NULL), HTH_OK);
    assert_int_equal(count_status("closed", HTH_RUN_FAILED), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(aside, path), 0);
    char *now = read_whole(path, &after);
    assert_int_equal(before, after);
    assert_memory_equal(bytes, now, after);
    free(bytes);
    free(now);
    compare_whole(NULL, "closed");
    assert_true(same_lines("two", "closed"));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_store_of_an_older_layout_is_read), TEST(the_regulariser_is_stored),
        TEST(data_that_are_away_cost_nothing),    TEST(useless_checkpoints_are_given_up),
        TEST(unreadable_checkpoints_are_kept),    TEST(runs_under_way_outlive_other_calls),
        TEST(other_databases_are_left_alone),     TEST(updates_are_told),
        TEST(results_are_stored_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
