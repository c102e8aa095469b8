/*
 * Runs the program under ptrace and counts its system calls, from the first one that opens, looks at or makes a file
 * which is no shared library. The n-th fails with an error, or the program is killed there: so that a moment is a
 * number, and no clock decides what a test sees. Linux on x86-64, without the address sanitizer, which makes calls of
 * its own that must not fail.
 */
#ifndef HTH_TEST_TRACER_H
#define HTH_TEST_TRACER_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature) /* clang's word for what gcc has a macro for */
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#endif

#if defined(__linux__) && defined(__x86_64__) && !defined(ADDRESS_SANITIZER)
#define TRACER 1
#else
#define TRACER 0
#endif

#if TRACER
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

/* Whether a process may be traced here; some containers forbid it. */
static inline bool may_trace(void) {
#if TRACER
    int status = 0;
    const pid_t child = fork();
    if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
#else
    return false;
#endif
}

/* What is to happen at the n-th system call; at 0: nothing. error 0: the program is killed. */
typedef struct trace_plan {
    long at;
    int error;
} trace_plan;

typedef struct trace_result {
    long calls;  /* how many there were */
    long number; /* of the call that failed: __NR_... */
    int code;    /* exit code; 1000 + signal */
} trace_result;

#if TRACER

/* Whether a call names a file that is no shared library. */
static inline bool trace_names_file(pid_t child, const struct user_regs_struct *r) {
    union {
        long words[32];
        char text[32 * sizeof(long)];
    } path = {{0}};
    unsigned long long at = r->orig_rax == SYS_mkdir || r->orig_rax == SYS_stat ? r->rdi : r->rsi;
    if (r->orig_rax != SYS_openat && r->orig_rax != SYS_newfstatat && r->orig_rax != SYS_mkdir &&
        r->orig_rax != SYS_stat)
        return false;
    for (size_t i = 0; i + 1 < 32; i++) {
        path.words[i] = ptrace(PTRACE_PEEKDATA, child, (void *)(uintptr_t)(at + i * 8), NULL);
        if (memchr(&path.words[i], 0, sizeof(long))) break;
    }
    return path.text[0] && !strstr(path.text, ".so");
}

/* Calls that end the program cannot fail, nor can those for its numbers or the futex of a lock, and brk fails in a way
 * of its own: memory is tests/faults/starve.c's matter. */
static inline bool trace_counts(unsigned long long number) {
    return number != SYS_exit_group && number != SYS_exit && number != SYS_rt_sigreturn &&
           number != SYS_brk && number != SYS_futex && number != SYS_getpid &&
           number != SYS_getppid && number != SYS_gettid;
}

static inline trace_result trace(const char *program, const char *const argv[], trace_plan plan) {
    trace_result result = {.number = -1};
    struct user_regs_struct registers;
    bool entering = true, counting = false, failing = false;
    int status;
    const pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execv(program, (char *const *)(uintptr_t)argv);
        _exit(126);
    }
    waitpid(child, &status, 0);
    ptrace(PTRACE_SETOPTIONS, child, NULL,
           (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    for (int signal = 0; ptrace(PTRACE_SYSCALL, child, NULL, (void *)(uintptr_t)signal) == 0;) {
        if (waitpid(child, &status, 0) != child || WIFEXITED(status) || WIFSIGNALED(status)) break;
        const int stop = WSTOPSIG(status);
        signal = stop == SIGTRAP || stop == (SIGTRAP | 0x80) ? 0 : stop;
        if (stop != (SIGTRAP | 0x80)) continue;
        ptrace(PTRACE_GETREGS, child, NULL, &registers);
        if (entering) {
            counting = counting || trace_names_file(child, &registers);
            const bool counts = counting && trace_counts(registers.orig_rax);
            failing = counts && ++result.calls == plan.at;
            if (failing) result.number = (long)registers.orig_rax;
            if (failing && plan.error == 0) kill(child, SIGKILL);
            if (failing && plan.error) {
                registers.orig_rax = (unsigned long long)-1; /* no call: it is not made */
                ptrace(PTRACE_SETREGS, child, NULL, &registers);
            }
        } else if (failing && plan.error) {
            registers.rax = (unsigned long long)-(long long)plan.error;
            ptrace(PTRACE_SETREGS, child, NULL, &registers);
            failing = false;
        }
        entering = !entering;
    }
    while (!WIFEXITED(status) && !WIFSIGNALED(status) && waitpid(child, &status, 0) == child)
        continue;
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return result;
}
#endif

#endif
