/*
 * `compare`, `compare --table` and `predict` in a bad world: any system call fails, any allocation fails. Either the
 * command puts it right, or the exit status is not 0 and one sentence says what was wrong; nothing half-written is
 * left, and the same command, called again, ends with the same bytes.
 */
#define _GNU_SOURCE
#include "faults.h"

enum { FEW = 6, MOST_FILES = 4, KILLED = 1000 + SIGKILL };

/* A command, and the files that it makes in the scratch folder. */
typedef struct subject {
    const char *name;
    const char *argv[32];
    const char *folder;            /* taken away before each try; NULL: none */
    const char *files[MOST_FILES]; /* taken away before each try */
    bool shows_parts;              /* after a failure the files show the runs that there are */
    const char *kept;              /* a file that no try may change; NULL: none */
} subject;

static const subject comparison = {
    .name = "compare",
    .argv = {"hitherto", "compare", "task=add", "loss=softmax", "network.units=3", "train.steps=40",
             "train.report_every=20", "compare.learners=tbptt,rflo", "compare.seeds=1", "--jobs",
             "1", "--quiet", "--out", "c"},
    .folder = "c",
    .shows_parts = true,
    .files = {"c/table.csv", "c/curves.csv", "c/table.md"},
};

static const subject table = {
    .name = "compare --table",
    .argv = {"hitherto", "compare", "--table", "--out", "done", "--quiet"},
    .files = {"done/table.csv", "done/curves.csv", "done/table.md"},
    .kept = "done/results.db",
};

static const subject prediction = {
    .name = "predict",
    .argv = {"hitherto", "predict", "run", "--split", "validation", "--out", "y.npz"},
    .files = {"y.npz"},
    .kept = "run/checkpoint.safetensors",
};

static const subject rows = {
    .name = "predict in rows",
    .argv = {"hitherto", "predict", "run", "--split", "validation", "--out", "y.csv"},
    .files = {"y.csv"},
    .kept = "run/checkpoint.safetensors",
};

/* ---- What must hold ------------------------------------------------------------------------- */

typedef struct bytes {
    char *at;
    size_t length;
} bytes;

typedef struct expected {
    bytes files[MOST_FILES], kept;
} expected;

static bytes take(const char *path) {
    bytes b;
    b.at = read_whole(path, &b.length);
    return b;
}

static bool is_same(const char *path, const bytes *whole) {
    const bytes found = take(path);
    const bool same =
        found.length == whole->length && memcmp(found.at, whole->at, found.length) == 0;
    free(found.at);
    return same;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* table.md holds times. */
static bool is_timed(const char *path) {
    return strstr(path, "table.md") != NULL;
}

static void prepare(const subject *s) {
    if (s->folder && exists(s->folder)) assert_int_equal(scratch_remove_tree(s->folder), 0);
    for (size_t i = 0; i < MOST_FILES && s->files[i]; i++) unlink(s->files[i]);
}

static expected run_whole(const subject *s) {
    expected e = {0};
    prepare(s);
    if (run_argv(s->argv, NULL, NULL) != 0) {
        char said[600];
        sentences(said, sizeof said);
        fail_msg("%s: %s", s->name, said);
    }
    for (size_t i = 0; i < MOST_FILES && s->files[i]; i++) e.files[i] = take(s->files[i]);
    if (s->kept) e.kept = take(s->kept);
    return e;
}

static void release(expected *e) {
    for (size_t i = 0; i < MOST_FILES; i++) free(e->files[i].at);
    free(e->kept.at);
}

/* all: every file is there. Otherwise those that are there are whole. */
static void assert_files(const char *moment, const subject *s, const expected *e, bool all) {
    for (size_t i = 0; i < MOST_FILES && s->files[i]; i++) {
        if (!exists(s->files[i])) {
            if (all) fail_msg("%s: there is no %s", moment, s->files[i]);
            continue;
        }
        if (!is_timed(s->files[i]) && (all || !s->shows_parts) &&
            !is_same(s->files[i], &e->files[i]))
            fail_msg("%s: other bytes in %s", moment, s->files[i]);
    }
    if (s->kept && !is_same(s->kept, &e->kept)) fail_msg("%s: %s is changed", moment, s->kept);
}

/* After a fault; then the same command again. */
static void judge(const char *moment, const subject *s, const expected *e, int code,
                  const char *part, score *sum) {
    sum->tried++;
    if (code == 0) {
        sum->finished++;
        assert_files(moment, s, e, true);
    } else if (code == KILLED) {
        sum->resumed++;
    } else {
        sum->refused++;
        assert_one_sentence(moment, code, part);
        assert_files(moment, s, e, false);
    }
    char said[600];
    const int again = run_argv(s->argv, NULL, NULL);
    sentences(said, sizeof said);
    if (again != 0) fail_msg("%s: called again, it ends with %d: %s", moment, again, said);
    assert_files(moment, s, e, true);
    sum->again += code != KILLED;
}

/* ---- Refused, starved ------------------------------------------------------------------------ */

static void refuse_calls(const subject *s) {
    static const int errors[] = {EIO, ENOMEM, ENOSPC};
    char moment[120];
    score sum = {.what = s->name};
    expected e = run_whole(s);
    prepare(s);
    const long calls = trace_argv(s->argv, (trace_plan){0, 0}).calls, step = stride(calls, FEW);
    assert_true(calls > 20);
    for (long at = 1; at <= calls; at += step) {
        const int error = errors[(at - 1) / step % 3];
        prepare(s);
        const trace_result result = trace_argv(s->argv, (trace_plan){at, error});
        snprintf(moment, sizeof moment, "%s: system call %ld of %ld, number %ld, fails (%s)",
                 s->name, at, calls, result.number, strerror(error));
        judge(moment, s, &e, result.code, NULL, &sum);
    }
    assert_true(sum.refused > 0);
    release(&e);
    tell(&sum);
}

/* The n-th allocation fails: not of libcrypto, which cannot live without (tests/faults/starve.c). */
static void starve(const subject *s) {
    char moment[120], number[32];
    score sum = {.what = s->name};
    expected e = run_whole(s);
    prepare(s);
    const long all = count_allocations(s->argv), step = stride(all, FEW);
    for (long at = 1; at <= all; at += step) {
        prepare(s);
        snprintf(number, sizeof number, "%ld", at);
        snprintf(moment, sizeof moment, "%s: allocation %ld of %ld fails", s->name, at, all);
        judge(moment, s, &e, run_argv(s->argv, number, NULL), "emory", &sum);
    }
    assert_true(sum.refused > 0);
    release(&e);
    tell(&sum);
}

/* Killed, half of the times again as it goes on, then left alone. */
static void kill_at_calls(const subject *s) {
    char moment[120];
    score sum = {.what = "killed"};
    expected e = run_whole(s);
    prepare(s);
    const long calls = trace_argv(s->argv, (trace_plan){0, 0}).calls, step = stride(calls, FEW);
    for (long at = 1; at <= calls; at += step) {
        prepare(s);
        bool killed = false;
        for (long i = 0; i <= at % 2; i++) {
            const trace_result result =
                trace_argv(s->argv, (trace_plan){i ? calls - at + 1 : at, 0});
            char said[600];
            sentences(said, sizeof said);
            if (result.code != 0 && result.code != KILLED)
                fail_msg("%s: killed at system call %ld, time %ld: exit status %d: %s", s->name, at,
                         i + 1, result.code, said);
            sum.tried += result.code != 0;
            killed = killed || result.code != 0;
        }
        snprintf(moment, sizeof moment, "%s: killed at system call %ld of %ld", s->name, at, calls);
        if (killed) sum.tried--;
        judge(moment, s, &e, killed ? KILLED : 0, NULL, &sum);
    }
    assert_true(sum.resumed > 3);
    release(&e);
    tell(&sum);
}

#define REFUSES(of)                                                                                \
    static void any_call_of_##of##_fails(void **state) {                                           \
        (void)state;                                                                               \
        if (!may_trace()) skip();                                                                  \
        refuse_calls(&of);                                                                         \
    }
#define STARVES(of)                                                                                \
    static void any_allocation_of_##of##_fails(void **state) {                                     \
        (void)state;                                                                               \
        if (!FAILING_MALLOC) skip();                                                               \
        starve(&of);                                                                               \
    }

static void comparison_is_killed(void **state) {
    (void)state;
    if (!may_trace()) skip();
    kill_at_calls(&comparison);
}

REFUSES(comparison)
REFUSES(table)
REFUSES(prediction)
REFUSES(rows)
STARVES(comparison)
STARVES(table)
STARVES(prediction)
STARVES(rows)

static int set_up(void **state) {
    static const char *const train[] = {"hitherto",
                                        "train",
                                        "task=pattern",
                                        "task.steps=20",
                                        "network.units=3",
                                        "train.sequences=2",
                                        "train.picture=false",
                                        "--threads",
                                        "1",
                                        "--quiet",
                                        "--out",
                                        "run",
                                        NULL};
    static const char *const compare[] = {"hitherto",
                                          "compare",
                                          "task=add",
                                          "loss=softmax",
                                          "network.units=3",
                                          "train.steps=40",
                                          "train.report_every=20",
                                          "compare.learners=tbptt,rflo",
                                          "compare.seeds=1",
                                          "--quiet",
                                          "--out",
                                          "done",
                                          NULL};
    if (scratch_make(state) != 0 || chdir(scratch) != 0) return -1;
    /* Without a program to draw pictures, which would have faults of its own. */
    setenv("PATH", "/nowhere", 1);
    return run_argv(train, NULL, NULL) == 0 && run_argv(compare, NULL, NULL) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    return chdir("/") == 0 ? scratch_remove(state) : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparison_is_killed),
        cmocka_unit_test(any_call_of_comparison_fails),
        cmocka_unit_test(any_call_of_table_fails),
        cmocka_unit_test(any_call_of_prediction_fails),
        cmocka_unit_test(any_call_of_rows_fails),
        cmocka_unit_test(any_allocation_of_comparison_fails),
        cmocka_unit_test(any_allocation_of_table_fails),
        cmocka_unit_test(any_allocation_of_prediction_fails),
        cmocka_unit_test(any_allocation_of_rows_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
