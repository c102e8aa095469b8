/* Running the built program in a folder of its own, and reading what it says. */
#ifndef HTH_TEST_PROGRAM_H
#define HTH_TEST_PROGRAM_H

#include "cli/cli.h"
#include "hitherto.h"
#include "scratch.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

enum { SAID_LENGTH = 128 * 1024 };

typedef struct program_result {
    int code;
    bool
        noted; /* err began with the note on a level without fused multiply-add, which is taken off it */
    char out[SAID_LENGTH], err[SAID_LENGTH];
} program_result;

static program_result said; /* by the program that ran last */
static bool traced;         /* whether the next program stops at its calls of the system */

static inline int enter_folder(void **state) {
    return scratch_make(state) == 0 ? chdir(scratch) : -1;
}

static inline int leave_folder(void **state) {
    return chdir("/") == 0 ? scratch_remove(state) : -1;
}

static inline void read_whole(const char *path, char *out) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s cannot be read", path);
    size_t length = fread(out, 1, SAID_LENGTH - 1, file);
    out[length] = '\0';
    fclose(file);
}

static inline void write_whole(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static inline bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

static inline void take_note(void) {
    const char *end = strchr(said.err, '\n');
    said.noted = strncmp(said.err, "Note: level ", 12) == 0 && end;
    if (said.noted) memmove(said.err, end + 1, strlen(end + 1) + 1);
}

/* Starts the program with the NULL-terminated arguments; its output goes to files. */
static inline pid_t start_program(const char *program, const char *const arguments[]) {
    const char *argv[64] = {"hitherto"};
    for (size_t i = 0; arguments[i]; i++) argv[i + 1] = arguments[i];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("out.txt", "wb", stdout) || !freopen("err.txt", "wb", stderr)) _exit(125);
        if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(124);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    assert_true(child > 0);
    return child;
}

static inline void finish_program(pid_t child) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    said.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    read_whole("out.txt", said.out);
    read_whole("err.txt", said.err);
    take_note();
}

/* Waits, as long as it takes, for a file that the program makes; fails if the program ends without it. */
static inline void await_file(pid_t child, const char *path) {
    while (!is_there(path)) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    }
}

static inline void run_program(const char *program, const char *const arguments[]) {
    finish_program(start_program(program, arguments));
}

/* Whether the program of double precision was built too, which some commands need. */
static inline bool has_double(void) {
    char beside[1024];
    snprintf(beside, sizeof beside, "%s64", HTH_PROGRAM);
    return sizeof(hth_real) == 8 || is_there(beside);
}

/* RUN("list", "cells") */
#define RUN(...) run_program(HTH_PROGRAM, (const char *const[]){__VA_ARGS__, NULL})

static inline void is_refused(const char *const arguments[], const char *sentence) {
    char expected[2048];
    run_program(HTH_PROGRAM, arguments);
    snprintf(expected, sizeof expected, "hitherto: %s\n", sentence);
    assert_string_equal(said.err, expected);
    assert_string_equal(said.out, "");
    assert_int_equal(said.code, CLI_BAD_INPUT);
}

/* REFUSED("no such list", "list", "cell") */
#define REFUSED(sentence, ...) is_refused((const char *const[]){__VA_ARGS__, NULL}, sentence)

#endif
