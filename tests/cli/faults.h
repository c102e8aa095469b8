/*
 * What tests of a bad world share: a command of the program is run whole, killed at its n-th call of the system, with
 * that call failing, or with its n-th allocation failing, and its sentences are counted.
 *
 * The suite tries a few moments, spread over the command; HTH_FAULTS=N tries N of each kind, HTH_FAULTS=all each
 * moment, and prints how it went.
 */
#ifndef HTH_TEST_FAULTS_H
#define HTH_TEST_FAULTS_H

#include "runs.h"
#include "tracer.h"

#include "data/failing_malloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>

/* How many moments are tried; `few` if HTH_FAULTS does not say. */
static inline long moments(long few) {
    const char *wanted = getenv("HTH_FAULTS");
    if (!wanted) return few;
    return strcmp(wanted, "all") == 0 ? LONG_MAX : strtol(wanted, NULL, 10);
}

/* From one moment to the next, of `all`. */
static inline long stride(long all, long few) {
    const long wanted = moments(few);
    return wanted < 1 || all < wanted ? 1 : all / wanted;
}

/* How it went, over all moments that were tried. */
typedef struct score {
    const char *what;
    long tried, finished, refused, resumed, again;
} score;

static inline void tell(const score *s) {
    if (getenv("HTH_FAULTS"))
        print_message(
            "%s: %ld tried, %ld put right at once, %ld ended with a sentence; %ld went on, %ld "
            "began again\n",
            s->what, s->tried, s->finished, s->refused, s->resumed, s->again);
}

/* ---- Running ------------------------------------------------------------------------------- */

/* What the program writes goes to files, from here on. */
static inline void redirect(void) {
    const int out = open(scratch_path("out.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int err = open(scratch_path("err.txt"), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
}

/* starve: the number of the allocation that fails; count: the file for the number of all. Either may be NULL. */
static inline int run_argv(const char *const *argv, const char *starve, const char *count) {
    int status;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        redirect();
        if (starve) setenv("HTH_STARVE_AT", starve, 1);
        if (count) setenv("HTH_STARVE_COUNT", count, 1);
        if (starve || count) setenv("LD_PRELOAD", HTH_STARVE, 1);
        execv(HTH_PROGRAM, (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static inline trace_result trace_argv(const char *const *argv, trace_plan plan) {
#if TRACER
    /* The tracer's child writes to files as well: its descriptors are those of this process. */
    fflush(NULL);
    const int out = dup(1), err = dup(2);
    redirect();
    const trace_result result = trace(HTH_PROGRAM, argv, plan);
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    return result;
#else
    (void)argv;
    (void)plan;
    return (trace_result){0};
#endif
}

/* How many allocations the command makes. */
static inline long count_allocations(const char *const *argv) {
    char count[320];
    size_t length;
    snprintf(count, sizeof count, "%s", scratch_path("count.txt"));
    assert_int_equal(run_argv(argv, NULL, count), 0);
    char *text = read_whole(count, &length);
    const long all = strtol(text, NULL, 10);
    free(text);
    assert_true(all > 100);
    return all;
}

/* Sentences of the program: lines that begin with its name. first: what the first one says. */
static inline size_t sentences(char *first, size_t size) {
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

/* Whether the command said `part`, in its sentence or in a line before it (of a run of a comparison, say). */
static inline bool was_said(const char *part) {
    size_t length;
    char *text = read_whole(scratch_path("err.txt"), &length);
    const bool found = strstr(text, part) != NULL;
    free(text);
    return found;
}

/* After a fault that the command was not put right from: an exit status, and one sentence; `part` was said. */
static inline void assert_one_sentence(const char *moment, int code, const char *part) {
    char said[600];
    const size_t count = sentences(said, sizeof said);
    if (code != 1 && code != 2) fail_msg("%s: exit status %d: %s", moment, code, said);
    if (count != 1) fail_msg("%s: %zu sentences: %s", moment, count, said);
    if (part && !was_said(part)) fail_msg("%s: '%s' is not in: %s", moment, part, said);
}

#endif
