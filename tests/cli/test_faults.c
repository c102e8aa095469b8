/*
 * `train` in a bad world: it is killed at any system call, any system call fails, any allocation fails. Whatever
 * happens, nothing is lost (going on, or beginning again where nothing had begun, ends with the same bits), and where
 * it was not put right at once, the exit status is not 0 and one sentence says what was wrong.
 */
#define _GNU_SOURCE
#include "faults.h"

enum { FEW = 24 };

#define OFTEN "train.checkpoint_every=0"
#define SELDOM "train.checkpoint_every=60"

static const char *const settings[] = {"task=add",
                                       "loss=softmax",
                                       "learner=rtrl",
                                       "cell=gru",
                                       "network.units=3",
                                       "train.steps=6",
                                       "train.report_every=2",
                                       "train.validate_every=3",
                                       "train.threads=1",
                                       "train.validation_steps=5",
                                       "train.picture=false",
                                       "train.patience=5",
                                       "--quiet"};

/* ---- Running ------------------------------------------------------------------------------- */

typedef struct command {
    const char *argv[32];
    char out[512];
} command;

/* every: seconds between checkpoints; 0 saves after every step, and then a save that fails is made good by the next. */
static void make_command(command *c, const char *run, bool resume, const char *every) {
    size_t used = 0;
    snprintf(c->out, sizeof c->out, "%s", scratch_path(run));
    c->argv[used++] = "hitherto";
    c->argv[used++] = "train";
    for (size_t i = 0; i < HTH_COUNT(settings) && !resume; i++) c->argv[used++] = settings[i];
    c->argv[used++] = every;
    if (resume) c->argv[used++] = "--quiet";
    if (resume) c->argv[used++] = "--resume";
    c->argv[used++] = "--out";
    c->argv[used++] = c->out;
    c->argv[used] = NULL;
}

/* ---- What must hold ------------------------------------------------------------------------- */

static bool begun(const char *run) {
    char path[320];
    snprintf(path, sizeof path, "%s/settings.yaml", scratch_path(run));
    return access(path, F_OK) == 0;
}

/* Goes on, or begins again, undisturbed; the same bits as the run that nothing happened to. */
static void assert_nothing_is_lost(const char *moment, const char *run, score *s) {
    command c;
    char said[600];
    const bool resume = begun(run);
    make_command(&c, run, resume, SELDOM);
    const int code = run_argv(c.argv, NULL, NULL);
    sentences(said, sizeof said);
    if (code != 0) fail_msg("%s: it does not go on: exit status %d: %s", moment, code, said);
    if (different_tensors("whole", run)) fail_msg("%s: other bits", moment);
    if (!same_metrics("whole", run)) fail_msg("%s: other metrics", moment);
    s->resumed += resume;
    s->again += !resume;
    assert_int_equal(scratch_remove_tree(scratch_path(run)), 0);
}

/* After a fault: either it was put right, or there is one sentence and an exit status. */
static void assert_told(const char *moment, const char *run, int code, const char *part, score *s) {
    char path[320];
    s->tried++;
    if (code == 0) {
        s->finished++;
        snprintf(path, sizeof path, "%s/summary.json", scratch_path(run));
        if (access(path, F_OK) != 0) fail_msg("%s: exit status 0, but no summary", moment);
        if (different_tensors("whole", run)) fail_msg("%s: exit status 0, but other bits", moment);
        if (!same_metrics("whole", run)) fail_msg("%s: exit status 0, other metrics", moment);
        return;
    }
    s->refused++;
    assert_one_sentence(moment, code, part);
}

/* ---- Killed, refused, starved --------------------------------------------------------------- */

static long calls_of_a_whole_run(void) {
    command c;
    make_command(&c, "counted", false, OFTEN);
    const trace_result result = trace_argv(c.argv, (trace_plan){0, 0});
    assert_int_equal(scratch_remove_tree(scratch_path("counted")), 0);
    assert_int_equal(result.code, 0);
    assert_true(result.calls > 100);
    return result.calls;
}

static void killed_at_any_system_call(void **state) {
    (void)state;
    if (!may_trace()) skip();
    score s = {.what = "killed"};
    const long calls = calls_of_a_whole_run(), step = stride(calls, FEW);
    for (long at = 1; at <= calls; at += step) {
        command c;
        char moment[64];
        snprintf(moment, sizeof moment, "killed at system call %ld of %ld", at, calls);
        make_command(&c, "killed", false, OFTEN);
        const trace_result result = trace_argv(c.argv, (trace_plan){at, 0});
        if (result.code != 1000 + SIGKILL) fail_msg("%s: exit status %d", moment, result.code);
        s.tried++;
        assert_nothing_is_lost(moment, "killed", &s);
    }
    assert_true(s.resumed > 5 && s.again > 0);
    tell(&s);
}

/* One run is killed, goes on, is killed, until it has come to its end; then the next. */
static void killed_again_and_again(void **state) {
    (void)state;
    if (!may_trace()) skip();
    score s = {.what = "killed again and again"};
    const long calls = calls_of_a_whole_run(), step = stride(calls, FEW);
    for (long at = 1, place = 0; at <= calls; at += step) {
        command c;
        place = (place + calls / 3 + 7) % calls; /* a third of a run on: each goes on, some end */
        make_command(&c, "chain", begun("chain"), OFTEN);
        const int code = trace_argv(c.argv, (trace_plan){place + 1, 0}).code;
        if (code != 0 && code != 1000 + SIGKILL)
            fail_msg("kill %ld: exit status %d", s.tried, code);
        s.tried += code != 0;
        if (code == 0) assert_nothing_is_lost("killed again and again", "chain", &s);
    }
    if (begun("chain")) assert_nothing_is_lost("killed at last", "chain", &s);
    assert_true(s.tried > 5 && s.resumed > 0);
    tell(&s);
}

static void any_system_call_fails(void **state) {
    (void)state;
    static const int errors[] = {EIO, ENOMEM, ENOSPC};
    if (!may_trace()) skip();
    score s = {.what = "system calls"};
    const long calls = calls_of_a_whole_run(), step = stride(calls, FEW);
    for (long at = 1; at <= calls; at += step) {
        command c;
        char moment[96];
        make_command(&c, "refused", false, OFTEN);
        const int error = errors[(at - 1) / step % 3];
        const trace_result result = trace_argv(c.argv, (trace_plan){at, error});
        snprintf(moment, sizeof moment, "system call %ld of %ld, number %ld, fails (%s)", at, calls,
                 result.number, strerror(error));
        assert_told(moment, "refused", result.code, NULL, &s);
        assert_nothing_is_lost(moment, "refused", &s);
    }
    assert_true(s.refused > 3);
    tell(&s);
}

static void any_allocation_fails(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    command c;
    char number[32];
    score s = {.what = "allocations"};
    make_command(&c, "counted", false, SELDOM);
    const long all = count_allocations(c.argv), step = stride(all, FEW);
    assert_int_equal(scratch_remove_tree(scratch_path("counted")), 0);
    for (long at = 1; at <= all; at += step) {
        char moment[96];
        snprintf(number, sizeof number, "%ld", at);
        snprintf(moment, sizeof moment, "allocation %ld of %ld fails", at, all);
        make_command(&c, "starved", false, SELDOM);
        assert_told(moment, "starved", run_argv(c.argv, number, NULL), "emory", &s);
        assert_nothing_is_lost(moment, "starved", &s);
    }
    /* Two of three allocations are made after the end, to say how a trial can be drawn. */
    assert_true(s.refused > 3);
    tell(&s);
}

static int set_up(void **state) {
    command c;
    if (scratch_make(state) != 0) return -1;
    make_command(&c, "whole", false, SELDOM);
    return run_argv(c.argv, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_system_call),
        cmocka_unit_test(killed_again_and_again),
        cmocka_unit_test(any_system_call_fails),
        cmocka_unit_test(any_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
