/* Results that anyone may have changed, and memory that runs out: a sentence, never a crash, and nothing is lost. */
#include "comparisons.h"
#include "data/failing_malloc.h"

#define THREE ADD "compare.learners=tbptt,rtrl,rflo compare.seeds=1 train.steps=80 "

static void change(const char *sql) {
    sqlite3 *database;
    char *message = NULL;
    assert_int_equal(sqlite3_open(scratch_path("d/results.db"), &database), SQLITE_OK);
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(database);
}

/* Tables that take anything hold the same. */
static void loosen(const char *table) {
    char sql[400];
    snprintf(
        sql, sizeof sql,
        "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; DROP VIEW IF EXISTS results;"
        "CREATE TABLE loose AS SELECT * FROM %s; DROP TABLE %s;"
        "ALTER TABLE loose RENAME TO %s",
        table, table, table);
    change(sql);
}

static hth_status load(hth_error *error) {
    hth_comparison *comparison;
    hth_status status = hth_comparison_load(scratch_path("d"), NULL, &comparison, error);
    if (status == HTH_OK) hth_comparison_free(comparison);
    return status;
}

static char *kept;
static size_t kept_length;

static void keep(void) {
    kept = read_whole(scratch_path("d/results.db"), &kept_length);
}

static void put_back(void) {
    scratch_write("d/results.db", kept, kept_length);
}

/* ---- Columns --------------------------------------------------------------------------------- */

/* What is NULL, of another kind, or JSON that is no object of texts, is told by its column. */
static void columns_of_another_kind_are_refused(void **state) {
    static const struct {
        const char *table, *sql, *column;
    } cases[] = {
        {"experiment", "UPDATE experiment SET value = NULL", "'value'"},
        {"variants", "UPDATE variants SET id = NULL", "'id'"},
        {"variants", "UPDATE variants SET arm = NULL", "'arm'"},
        {"variants", "UPDATE variants SET learner = x'00'", "'learner'"},
        {"variants", "UPDATE variants SET varied = NULL", "'varied'"},
        {"variants", "UPDATE variants SET varied = '[1, 2]'", "'varied'"},
        {"variants", "UPDATE variants SET varied = '{\"cell.alpha\": 3}'", "'varied'"},
        {"variants", "UPDATE variants SET varied = '\"text\"'", "'varied'"},
        {"variants", "UPDATE variants SET varied = ''", "'varied'"},
        {"settings", "UPDATE settings SET key = NULL", "'key'"},
        {"settings", "UPDATE settings SET value = NULL", "'value'"},
        {"runs", "UPDATE runs SET status = NULL", "'status'"},
        {"runs", "UPDATE runs SET status = 'lost'", "'status'"},
        {"runs", "UPDATE runs SET seed = 'one'", "'seed'"},
        {"runs", "UPDATE runs SET steps = -3", "'steps'"},
        {"runs", "UPDATE runs SET message = NULL", "'message'"},
        {"lines", "UPDATE lines SET step = NULL", "'step'"},
        {"lines", "UPDATE lines SET epoch = 0.5", "'epoch'"},
    };
    (void)state;
    hth_error error;
    compare_whole(THREE, "d");
    assert_int_equal(load(&error), HTH_OK);
    keep();
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        put_back();
        loosen(cases[i].table);
        assert_int_equal(load(&error), HTH_OK);
        change(cases[i].sql);
        assert_int_equal(load(&error), HTH_FILE);
        if (!strstr(error.message, cases[i].column))
            fail_msg("%s: %s", cases[i].sql, error.message);
        /* Nothing is computed on top of it, either; lines are not needed for that. */
        if (strcmp(cases[i].table, "lines") != 0)
            assert_int_not_equal(compare_line(THREE "compare.seeds=2", "d", NULL, &error), HTH_OK);
    }
    free(kept);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static void damaged_pages_are_no_crash(void **state) {
    (void)state;
    enum { STRIDE = 300, LENGTH = 40 };
    hth_error error;
    size_t refused = 0;
    compare_whole(THREE, "d");
    keep();
    for (size_t at = 0; at + LENGTH < kept_length; at += STRIDE) {
        char before[LENGTH];
        memcpy(before, kept + at, LENGTH);
        memset(kept + at, 0xf3, LENGTH);
        put_back();
        memcpy(kept + at, before, LENGTH);
        refused += load(&error) != HTH_OK;
    }
    assert_true(refused > 10);
    put_back();
    assert_int_equal(load(&error), HTH_OK);
    free(kept);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Every allocation fails once, in whatever variant, run or line it comes. */
static void memory_that_runs_out_is_no_crash(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    hth_error error;
    size_t n = 0, refused = 0;
    compare_whole(THREE, "d");
    const char *folder = scratch_path("d");
    for (bool reached = true; reached; n++) {
        hth_comparison *comparison;
        failing_malloc_start(n);
        hth_status status = hth_comparison_load(folder, NULL, &comparison, &error);
        if (status == HTH_OK) hth_comparison_free(comparison);
        assert_int_equal(failing_malloc_stop_own(), 0);
        reached = failing_malloc_reached();
        refused += status != HTH_OK;
        if (!reached) assert_int_equal(status, HTH_OK);
    }
    assert_true(refused > 20 && n > refused);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(columns_of_another_kind_are_refused),
        TEST(damaged_pages_are_no_crash),
        TEST(memory_that_runs_out_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
