/*
 * Starting a program, or connecting to one, and speaking to it. Its standard input and output are the two ends of one
 * socket, so that writing to a program that has ended is an error and no signal. What it writes to its standard error
 * goes where ours goes.
 */
#include "worlds/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Waits for it, at most a second, then ends it. The status that it ended with. */
static int wait_for(pid_t pid) {
    enum { TRIES = 200 };
    const struct timespec pause = {.tv_nsec = 5000000};
    int status = 0;
    for (int i = 0; i < TRIES; i++) {
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended != 0 && !(ended < 0 && errno == EINTR)) return status;
        nanosleep(&pause, NULL);
    }
    kill(-pid, SIGKILL); /* its group */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

/* Closes the socket; the status that the program ended with. */
static int finish(hth_program *p) {
    const pid_t pid = p->pid;
    close(p->socket);
    p->runs = false;
    p->pid = 0;
    p->used = 0;
    return pid ? wait_for(pid) : 0;
}

void hth_program_end(hth_program *p) {
    if (p->runs) finish(p);
    free(p->line);
    p->line = NULL;
    p->room = 0;
}

/* The program's side of the socket becomes its standard input and output. A group of its own: Ctrl-C is for us, who
 * still need its answers to end a tape. */
static int spawn_with(hth_program *p, int theirs, posix_spawn_file_actions_t *files,
                      posix_spawnattr_t *attributes) {
    char shell[] = "sh", option[] = "-c";
    char *const arguments[] = {shell, option, (char *)(uintptr_t)p->command, NULL};
    int failed = posix_spawn_file_actions_adddup2(files, theirs, STDIN_FILENO);
    if (!failed) failed = posix_spawn_file_actions_adddup2(files, theirs, STDOUT_FILENO);
    if (!failed) failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP);
    if (!failed) failed = posix_spawn(&p->pid, "/bin/sh", files, attributes, arguments, environ);
    return failed;
}

static int spawn(hth_program *p, int theirs) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed) return failed;
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        failed = spawn_with(p, theirs, &files, &attributes);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* Starts it; an error number, or 0. */
static int start(hth_program *p) {
    int ends[2];
    int failed = socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? 0 : errno;
    if (!failed) {
        /* No other program that is started inherits them. */
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        fcntl(ends[1], F_SETFD, FD_CLOEXEC);
        failed = spawn(p, ends[1]);
        close(ends[1]);
        if (failed) close(ends[0]);
    }
    p->socket = ends[0];
    if (failed) p->pid = 0;
    return failed;
}

/* Connects to the program that listens at a path; an error number, or 0. */
static int connect_to(hth_program *p, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    p->socket = socket(AF_UNIX, SOCK_STREAM, 0);
    if (p->socket < 0) return errno;
    fcntl(p->socket, F_SETFD, FD_CLOEXEC);
    if (connect(p->socket, (const struct sockaddr *)&address, sizeof address) == 0) return 0;
    const int failed = errno;
    close(p->socket);
    return failed;
}

static hth_status begin(hth_program *p, hth_error *error) {
    static const char prefix[] = "unix:";
    const size_t length = sizeof prefix - 1;
    const bool listens = strncmp(p->command, prefix, length) == 0;
    p->used = 0;
    const int failed = listens ? connect_to(p, p->command + length) : start(p);
    p->runs = failed == 0;
    if (p->runs) return HTH_OK;
    return hth_fail(error, HTH_FILE, "the program '%.120s' cannot be %s: %s", p->command,
                    listens ? "reached" : "started", strerror(failed));
}

/* It has ended by itself: says how. */
static hth_status complain(hth_program *p, const char *line, hth_error *error) {
    const bool was_started = p->pid != 0;
    const int status = finish(p);
    if (!was_started)
        return hth_fail(error, HTH_FILE,
                        "the program '%.120s' has closed the connection, where it was to answer "
                        "'%s'",
                        p->command, line);
    if (WIFSIGNALED(status))
        return hth_fail(error, HTH_FILE,
                        "the program '%.120s' was ended by signal %d, where it was to answer '%s'",
                        p->command, WTERMSIG(status), line);
    return hth_fail(error, HTH_FILE,
                    "the program '%.120s' has closed its output (exit status %d), where it was to "
                    "answer '%s'",
                    p->command, WIFEXITED(status) ? WEXITSTATUS(status) : -1, line);
}

static hth_status say(hth_program *p, const char *line, hth_error *error) {
    char text[64];
    const size_t length = strlen(line);
    memcpy(text, line, length);
    text[length] = '\n';
    for (size_t sent = 0; sent <= length;) {
        const ssize_t now = send(p->socket, text + sent, length + 1 - sent, MSG_NOSIGNAL);
        if (now < 0 && errno == EINTR) continue;
        if (now <= 0) return complain(p, line, error);
        sent += (size_t)now;
    }
    return HTH_OK;
}

/* The first line of what has come is forgotten. */
static void forget_line(hth_program *p) {
    const char *end = memchr(p->line, 0, p->used);
    const size_t length = end ? (size_t)(end - p->line) + 1 : p->used;
    memmove(p->line, p->line + length, p->used - length);
    p->used -= length;
}

/* Waits until something can be read, or it is too late. */
static bool is_in_time(const hth_program *p) {
    struct pollfd wait = {.fd = p->socket, .events = POLLIN};
    int ready;
    do ready = poll(&wait, 1, (int)(p->timeout * 1000));
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}

static hth_status hear(hth_program *p, const char *line, hth_error *error) {
    for (;;) {
        char *end = memchr(p->line, '\n', p->used);
        if (end) {
            *end = 0;
            return HTH_OK;
        }
        if (p->used == p->room) {
            finish(p);
            return hth_fail(error, HTH_FILE,
                            "the program '%.120s' answers '%s' with a line of more than %zu bytes",
                            p->command, line, p->room);
        }
        if (!is_in_time(p)) {
            finish(p);
            return hth_fail(error, HTH_FILE,
                            "the program '%.120s' has not answered '%s' for %g s (world.timeout)",
                            p->command, line, p->timeout);
        }
        const ssize_t now = recv(p->socket, p->line + p->used, p->room - p->used, 0);
        if (now < 0 && errno == EINTR) continue;
        if (now <= 0) return complain(p, line, error);
        p->used += (size_t)now;
    }
}

hth_status hth_program_ask(hth_program *p, const char *line, size_t most, const char **answer,
                           hth_error *error) {
    if (!p->line) p->line = malloc(p->room = most);
    if (!p->line) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a program's answer");
    if (!p->runs)
        HTH_TRY(begin(p, error));
    else if (p->used)
        forget_line(p);
    HTH_TRY(say(p, line, error));
    HTH_TRY(hear(p, line, error));
    *answer = p->line;
    return HTH_OK;
}
