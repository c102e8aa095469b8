/*
 * A run in a process of its own. The process is a copy of this one (fork), trains as `hitherto train` does, and
 * reports its progress and its result through a pipe. It ends when the process that started it ends, however that
 * happens. Until then it holds the lock on the comparison's folder, which it has inherited.
 */
#define _DEFAULT_SOURCE
#include "compare/pool.h"

#include "check/align.h"
#include "session/checkpoint.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

_Static_assert(sizeof(hth_job_report) <= 4096, "what PIPE_BUF is at least on Linux");

/* ---- In the run's process -------------------------------------------------------------------- */

static void tell(int pipe, const hth_job_report *report) {
    ssize_t written;
    do written = write(pipe, report, sizeof *report);
    while (written < 0 && errno == EINTR);
    if (written < 0) _exit(1); /* the other end is closed */
}

/* Reports progress. If the data decide when a run ends, its length is estimated from its speed. */
static void tell_progress(void *context, const hth_progress *progress) {
    const double left = progress->eta_seconds * progress->steps_per_second;
    const bool known = progress->steps_total || !(left > 0);
    const hth_job_report report = {
        .outcome = {.step = progress->step,
                    .steps_total = known ? progress->steps_total : progress->step + (uint64_t)left,
                    .seconds = progress->seconds}};
    tell(*(int *)context, &report);
}

/* While data are read, a signal ends the process at once: nothing is lost, and the next call goes on. */
static void tell_reading(void *context, bool reading) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    static struct sigaction before[HTH_COUNT(numbers)];
    const struct sigaction fallback = {.sa_handler = SIG_DFL};
    (void)context;
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) {
        if (!reading)
            sigaction(numbers[i], &before[i], NULL);
        else if (sigaction(numbers[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(numbers[i], &fallback, NULL);
    }
}

static void tell_message(void *context, const char *sentence) {
    hth_job_report report = {.ended = false};
    snprintf(report.said, sizeof report.said, "%s", sentence);
    tell(*(int *)context, &report);
}

static void end_with(pid_t parent) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent) _exit(1);
    signal(SIGPIPE, SIG_IGN);
}

/* Trains. If the checkpoint itself is unusable, it is renamed and the run starts over. Any other error (such as
 * data that are missing for a moment) must not touch it. */
static hth_status train(const hth_config *config, const char *folder, bool keep,
                        const hth_observer *observer, hth_outcome *outcome, hth_error *error) {
    hth_status (*const run)(const hth_config *, const char *, bool, const hth_guest_kind *,
                            const hth_observer *, hth_outcome *, hth_error *) =
        keep ? hth_train : hth_train_passing;
    bool begun;
    /* Train: go on if the folder exists, or start. */
    HTH_TRY(hth_file_look(folder, &begun, error));
    hth_status status = run(config, folder, begun, &hth_align_guest, observer, outcome, error);
    /* Start over if the checkpoint is unusable. */
    if (!begun || status == HTH_OK || !outcome->is_useless) return status;
    const hth_error reason = *error;
    HTH_TRY(hth_checkpoint_set_aside(folder, reason.message, observer, error));
    return run(config, folder, true, &hth_align_guest, observer, outcome, error);
}

static void run(const hth_config *config, const char *folder, bool keep,
                const volatile sig_atomic_t *interrupted, int pipe) {
    const hth_observer observer = {.progress = tell_progress,
                                   .message = tell_message,
                                   .context = &pipe,
                                   .interrupted = interrupted,
                                   .reading = tell_reading};
    hth_job_report report = {.ended = true};
    hth_error error = {0};
    report.status = train(config, folder, keep, &observer, &report.outcome, &error);
    if (report.status != HTH_OK && !report.outcome.cause.message[0]) report.outcome.cause = error;
    tell(pipe, &report);
}

/* ---- In the process that starts it ----------------------------------------------------------- */

hth_status hth_job_start(const hth_config *config, const char *folder, bool keep,
                         const volatile sig_atomic_t *interrupted, hth_job *job, hth_error *error) {
    int ends[2];
    const pid_t parent = getpid();
    /* Make the pipe and the process. */
    if (pipe(ends) != 0)
        return hth_fail(error, HTH_FILE, "cannot start a run: no pipe: %s", strerror(errno));
    const pid_t child = fork();
    /* In the child: train, report, end. */
    if (child == 0) {
        close(ends[0]);
        end_with(parent);
        run(config, folder, keep, interrupted, ends[1]);
        _exit(0);
    }
    /* In the parent: keep the reading end. */
    const int reason = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return hth_fail(error, HTH_FILE, "cannot start a run: no process: %s", strerror(reason));
    }
    *job = (hth_job){.process = child, .pipe = ends[0]};
    return HTH_OK;
}

/* Cleans up after a process that has ended. If it did not report a result, its exit status becomes the reason. */
static void bury(hth_job *job) {
    int status = 0;
    while (waitpid(job->process, &status, 0) < 0 && errno == EINTR) continue;
    close(job->pipe);
    job->process = 0;
    if (job->latest.ended) return;
    job->latest.ended = true;
    job->latest.status = HTH_FAILED;
    if (WIFSIGNALED(status))
        hth_fail(&job->latest.outcome.cause, HTH_FAILED, "its process was killed by signal %d%s",
                 WTERMSIG(status),
                 WTERMSIG(status) == SIGKILL ? " (was there enough memory?)" : "");
    else
        hth_fail(&job->latest.outcome.cause, HTH_FAILED, "its process ended without a word");
}

bool hth_job_listen(hth_job *job) {
    hth_job_report report;
    const ssize_t length = read(job->pipe, &report, sizeof report);
    if (length < 0 && errno == EINTR) return false;
    if (length != (ssize_t)sizeof report) {
        bury(job);
        return true;
    }
    if (report.said[0]) {
        memcpy(job->latest.said, report.said, sizeof report.said);
        return false;
    }
    memcpy(report.said, job->latest.said, sizeof report.said);
    job->latest = report;
    return false;
}
