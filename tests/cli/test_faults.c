/*
 * `train` in a bad world: it is killed at any system call, any system call fails, any allocation fails. Whatever
 * happens, nothing is lost (going on, or beginning again where nothing had begun, ends with the same bits), and where
 * it was not put right at once, the exit status is not 0 and one sentence says what was wrong.
 *
 * The suite tries a few moments, spread over the run; HTH_FAULTS=all tries each, and prints how it went. /
 */
#define _GNU_SOURCE
#include "runs.h"
#include "session/checkpoint.h"
#include "tracer.h"

#include "data/failing_malloc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

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

static bool is_whole(void) {
    const char *wanted = getenv("HTH_FAULTS");
    return wanted && strcmp(wanted, "all") == 0;
}

/* How it went, over all moments that were tried. */
typedef struct score {
    const char *what;
    long tried, finished, refused, resumed, again;
} score;

static void tell(const score *s) {
    if (is_whole())
        print_message(
            "%s: %ld tried, %ld put right at once, %ld ended with a sentence; %ld went on, %ld "
            "began again\n",
            s->what, s->tried, s->finished, s->refused, s->resumed, s->again);
}

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

/* What the program writes goes to files, from here on. */
static void redirect(void) {
    const int out = open(scratch_path("out.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int err = open(scratch_path("err.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
}

static int run_command(const command *c, const char *starve, const char *count) {
    int status;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        redirect();
        if (starve) setenv("HTH_STARVE_AT", starve, 1);
        if (count) setenv("HTH_STARVE_COUNT", count, 1);
        if (starve || count) setenv("LD_PRELOAD", HTH_STARVE, 1);
        execv(HTH_PROGRAM, (char *const *)(uintptr_t)c->argv);
        _exit(126);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static trace_result trace_command(const command *c, trace_plan plan) {
#if TRACER
    /* The tracer's child writes to files as well: its descriptors are those of this process. */
    fflush(NULL);
    const int out = dup(1), err = dup(2);
    redirect();
    const trace_result result = trace(HTH_PROGRAM, c->argv, plan);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    return result;
#else
    (void)c;
    (void)plan;
    return (trace_result){0};
#endif
}

/* ---- What must hold ------------------------------------------------------------------------- */

/* Sentences of the program: lines that begin with its name. */
static size_t sentences(char *first, size_t size) {
    size_t length, count = 0;
    char *text = read_whole(scratch_path("err.txt"), &length), *rest = text;
    first[0] = '\0';
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        if (strncmp(line, "hitherto: ", 10) != 0) continue;
        if (count++ == 0) snprintf(first, size, "%s", line);
    }
    free(text);
    return count;
}

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
    const int code = run_command(&c, NULL, NULL);
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
    char said[600], path[320];
    const size_t count = sentences(said, sizeof said);
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
    if (code != 1 && code != 2) fail_msg("%s: exit status %d: %s", moment, code, said);
    if (count != 1) fail_msg("%s: %zu sentences: %s", moment, count, said);
    if (part && !strstr(said, part)) fail_msg("%s: '%s' is not in: %s", moment, part, said);
}

/* ---- Killed, refused, starved --------------------------------------------------------------- */

static long calls_of_a_whole_run(void) {
    command c;
    make_command(&c, "counted", false, OFTEN);
    const trace_result result = trace_command(&c, (trace_plan){0, 0});
    assert_int_equal(scratch_remove_tree(scratch_path("counted")), 0);
    assert_int_equal(result.code, 0);
    assert_true(result.calls > 100);
    return result.calls;
}

static void killed_at_any_system_call(void **state) {
    (void)state;
    if (!may_trace()) skip();
    score s = {.what = "killed"};
    const long calls = calls_of_a_whole_run(), step = is_whole() ? 1 : calls / FEW;
    for (long at = 1; at <= calls; at += step) {
        command c;
        char moment[64];
        snprintf(moment, sizeof moment, "killed at system call %ld of %ld", at, calls);
        make_command(&c, "killed", false, OFTEN);
        const trace_result result = trace_command(&c, (trace_plan){at, 0});
        if (result.code != 1000 + SIGKILL) fail_msg("%s: exit status %d", moment, result.code);
        s.tried++;
        assert_nothing_is_lost(moment, "killed", &s);
    }
    assert_true(s.resumed > 5 && s.again > 0);
    tell(&s);
}

static void any_system_call_fails(void **state) {
    (void)state;
    static const int errors[] = {EIO, ENOMEM, ENOSPC};
    if (!may_trace()) skip();
    score s = {.what = "system calls"};
    const long calls = calls_of_a_whole_run(), step = is_whole() ? 1 : calls / FEW;
    for (long at = 1; at <= calls; at += step) {
        command c;
        char moment[96];
        make_command(&c, "refused", false, OFTEN);
        const int error = errors[(at - 1) / step % 3];
        const trace_result result = trace_command(&c, (trace_plan){at, error});
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
    char count[320], number[32];
    size_t length;
    score s = {.what = "allocations"};
    snprintf(count, sizeof count, "%s", scratch_path("count.txt"));
    make_command(&c, "counted", false, SELDOM);
    assert_int_equal(run_command(&c, NULL, count), 0);
    assert_int_equal(scratch_remove_tree(scratch_path("counted")), 0);
    char *text = read_whole(count, &length);
    const long all = strtol(text, NULL, 10), step = is_whole() ? 1 : all / FEW;
    free(text);
    assert_true(all > 100);
    for (long at = 1; at <= all; at += step) {
        char moment[96];
        snprintf(number, sizeof number, "%ld", at);
        snprintf(moment, sizeof moment, "allocation %ld of %ld fails", at, all);
        make_command(&c, "starved", false, SELDOM);
        assert_told(moment, "starved", run_command(&c, number, NULL), "emory", &s);
        assert_nothing_is_lost(moment, "starved", &s);
    }
    assert_true(s.refused > 5);
    tell(&s);
}

static int set_up(void **state) {
    command c;
    if (scratch_make(state) != 0) return -1;
    make_command(&c, "whole", false, SELDOM);
    return run_command(&c, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_any_system_call),
        cmocka_unit_test(any_system_call_fails),
        cmocka_unit_test(any_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
