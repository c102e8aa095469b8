/*
 * Runs a comparison. The store holds both the plan and the results: first the wanted runs are written to it as
 * waiting, then each waiting run is started in a process of its own, and its results replace the waiting row. There
 * is no other memory, so this process may be killed at any moment and called again: results in the store are done,
 * started runs have a checkpoint in DIR/runs, and all others start.
 */
#include "compare/compare.h"

#include "check/align.h"
#include "compare/folder.h"
#include "compare/pool.h"
#include "compare/results.h"
#include "files/clock.h"
#include "files/digest.h"
#include "kernels/cores.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_JOBS = 1024, MOST_HEARD = 64, OFTEN = 250 /* milliseconds */ };

static const char store_name[] = "results.db", runs_name[] = "runs";

/* A comparison in progress. */
typedef struct comparing {
    const hth_compare_observer *observer;
    hth_rundir dir;
    hth_store *store;
    hth_stored_run *runs;
    hth_stored_variant *variants;
    /* run_count: runs of this call, which come first; after them stand runs that wait for a later call */
    size_t run_count, stored_count;
    size_t variant_count, next; /* next: the first run that may still have to start */
    hth_job *jobs;
    size_t job_count, running;
    bool keep, stopping;
    double begun, told;
    uint64_t heard[MOST_HEARD]; /* digests of messages that runs have sent */
    size_t heard_count;
} comparing;

/* ---- Folders of runs ---------------------------------------------------------------------- */

static const hth_stored_variant *variant_of(const comparing *c, const hth_stored_run *run) {
    for (size_t i = 0; i < c->variant_count; i++)
        if (c->variants[i].id == run->variant) return &c->variants[i];
    return &c->variants[0];
}

static hth_status folder_of(const comparing *c, const hth_stored_run *run, char *out,
                            hth_error *error) {
    return hth_run_folder(c->dir.path, variant_of(c, run)->arm, run, out, error);
}

/* Removes the folders of runs whose results are stored: a call that was killed did not get to it. Folders of
 * unfinished runs, kept runs and unknown folders stay. */
static void sweep(const comparing *c) {
    char path[HTH_PATH_LENGTH];
    if (hth_rundir_file(c->dir.path, runs_name, path, NULL) != HTH_OK || !hth_file_exists(path))
        return;
    for (size_t i = 0; i < c->stored_count; i++) {
        const hth_stored_run *run = &c->runs[i];
        const bool ended = run->status == HTH_RUN_FINISHED || run->status == HTH_RUN_DIVERGED;
        char folder[HTH_PATH_LENGTH];
        if (ended && !run->kept && folder_of(c, run, folder, NULL) == HTH_OK)
            hth_folder_remove(folder, NULL);
    }
    rmdir(path); /* only removed when empty */
}

/* ---- Results ------------------------------------------------------------------------------ */

/* Training steps per second: the median over the lines, so that validation and other load on the machine do not
 * count. */
static hth_status median_rate(const hth_line *lines, size_t count, double *median,
                              hth_error *error) {
    double *rates = malloc((count + 1) * sizeof *rates);
    if (!rates)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the speeds of %zu lines",
                        count);
    for (size_t i = 0; i < count; i++) rates[i] = lines[i].steps_per_second;
    *median = hth_median(rates, count);
    free(rates);
    return HTH_OK;
}

static void take_outcome(const hth_job_report *report, bool keep, hth_stored_run *run) {
    const hth_outcome *outcome = &report->outcome;
    run->status = report->status == HTH_OK           ? HTH_RUN_FINISHED
                  : report->status == HTH_NOT_FINITE ? HTH_RUN_DIVERGED
                                                     : HTH_RUN_FAILED;
    run->steps = outcome->step;
    run->parameters = (double)outcome->parameters;
    run->learner_bytes = (double)outcome->learner_bytes;
    run->memory_bytes = (double)outcome->memory_bytes;
    run->test_loss = outcome->test_loss;
    run->test_metric = outcome->test_metric;
    run->transfer = outcome->transfer;
    run->seconds = outcome->seconds;
    run->steps_per_second = NAN;
    run->kept = keep;
    snprintf(run->message, sizeof run->message, "%s", outcome->cause.message);
}

/* Turns {"optimiser.lr":"1e-4"} into ", optimiser.lr 1e-4". */
static void tell_varied(const char *json, char *out, size_t size) {
    size_t used = strlen(json) > 2 ? (size_t)snprintf(out, size, ", ") : 0;
    for (; *json && used + 1 < size; json++)
        if (!strchr("{}\"", *json)) out[used++] = *json == ':' ? ' ' : *json;
    out[used] = '\0';
}

static void say(const comparing *c, const hth_stored_run *run) {
    const hth_stored_variant *variant = variant_of(c, run);
    char sentence[900], varied[200];
    if (!c->observer->message || run->status == HTH_RUN_FINISHED) return;
    tell_varied(variant->varied, varied, sizeof varied);
    snprintf(sentence, sizeof sentence, "%s, seed %llu%s: %s after step %llu: %s", variant->arm,
             (unsigned long long)run->seed, varied,
             run->status == HTH_RUN_FAILED ? "failed" : "diverged", (unsigned long long)run->steps,
             run->message);
    c->observer->message(c->observer->context, sentence);
}

static bool is_stopping(const comparing *c) {
    return c->stopping || (c->observer->interrupted && *c->observer->interrupted);
}

/* Reads the lines of a run; none if it ended before it wrote any. */
static hth_status read_lines(const comparing *c, const char *path, hth_line **lines, size_t *count,
                             hth_error *error) {
    char sentence[HTH_PATH_LENGTH + 80];
    size_t damaged;
    bool there;
    HTH_TRY(hth_file_look(path, &there, error));
    if (!there) return HTH_OK;
    HTH_TRY(hth_metrics_read(path, lines, count, &damaged, error));
    if (damaged == 0 || !c->observer->message) return HTH_OK;
    snprintf(sentence, sizeof sentence, "%s: %zu lines cannot be read and are left out", path,
             damaged);
    c->observer->message(c->observer->context, sentence);
    return HTH_OK;
}

/* Stores the results of a run that ended; only then may its folder be removed. The folder of a failed run stays, so
 * that the next call goes on from it. */
static hth_status settle(comparing *c, const hth_job *job, hth_error *error) {
    char folder[HTH_PATH_LENGTH], path[HTH_PATH_LENGTH];
    hth_stored_run *run = &c->runs[job->index];
    hth_line *lines = NULL;
    size_t count = 0;
    /* An interrupted run goes on waiting. */
    const bool interrupted =
        (job->latest.status == HTH_OK && job->latest.outcome.ending == HTH_INTERRUPTED) ||
        (job->latest.status == HTH_FAILED && is_stopping(c));
    if (interrupted) return HTH_OK;
    /* Read the run's outcome and its lines. */
    HTH_TRY(folder_of(c, run, folder, error));
    HTH_TRY(hth_rundir_file(folder, "metrics.jsonl", path, error));
    take_outcome(&job->latest, c->keep, run);
    hth_status status = HTH_OK;
    if (run->status != HTH_RUN_FAILED) {
        HTH_TRY(read_lines(c, path, &lines, &count, error));
        status = median_rate(lines, count, &run->steps_per_second, error);
    }
    /* Write outcome and lines to the store. */
    if (status == HTH_OK) status = hth_store_finish(c->store, run, lines, count, error);
    free(lines);
    if (status != HTH_OK) return status;
    /* Tell the user, and remove the folder. */
    say(c, run);
    if (!c->keep && run->status != HTH_RUN_FAILED) hth_folder_remove(folder, NULL);
    return HTH_OK;
}

/* ---- Time left ------------------------------------------------------------------------------ */

/* Seconds that one run of a variant takes; NAN: not known. From its finished runs, or else from its running ones. */
static double typical_seconds(const comparing *c, int64_t variant) {
    const double short_while = 0.2; /* seconds of running that are too few for an estimate */
    double sum = 0;
    size_t count = 0;
    /* Add up the seconds of finished runs. */
    for (size_t i = 0; i < c->run_count; i++) {
        const hth_stored_run *run = &c->runs[i];
        if (run->variant != variant || run->status != HTH_RUN_FINISHED) continue;
        sum += run->seconds;
        count++;
    }
    /* Running ones: the time so far, extended to all of their steps. */
    for (size_t i = 0; i < c->job_count && !count; i++) {
        const hth_job *job = &c->jobs[i];
        const hth_outcome *at = &job->latest.outcome;
        if (!job->process || c->runs[job->index].variant != variant) continue;
        if (!(at->seconds > short_while) || !at->steps_total) continue;
        sum += at->seconds * (double)at->steps_total / (double)at->step;
        count++;
    }
    return count && sum > 0 ? sum / (double)count : (double)NAN;
}

static double part_done(const comparing *c, size_t index) {
    for (size_t i = 0; i < c->job_count; i++) {
        const hth_outcome *at = &c->jobs[i].latest.outcome;
        if (c->jobs[i].process && c->jobs[i].index == index && at->steps_total)
            return (double)at->step / (double)at->steps_total;
    }
    return 0;
}

/* Seconds left. A variant without an estimate counts as the mean of the others. */
static double estimate(const comparing *c) {
    double known = 0, unknown = 0, sum = 0, variants = 0;
    /* For each variant: how many runs are left, parts of runs included, and how long one takes. */
    for (size_t v = 0; v < c->variant_count; v++) {
        const double seconds = typical_seconds(c, c->variants[v].id);
        double left = 0;
        for (size_t i = 0; i < c->run_count; i++)
            if (c->runs[i].variant == c->variants[v].id && c->runs[i].status == HTH_RUN_WAITING)
                left += 1 - part_done(c, i);
        if (isfinite(seconds)) {
            known += left * seconds;
            sum += seconds;
            variants++;
        } else {
            unknown += left;
        }
    }
    /* Runs are spread over the processes. */
    if (variants == 0 || !c->running) return NAN;
    return (known + unknown * sum / variants) / (double)c->running;
}

static void show(comparing *c) {
    hth_compare_progress p = {.total = c->run_count, .running = c->running};
    const double now = hth_clock();
    if (!c->observer->progress || now - c->told < 0.8e-3 * OFTEN) return;
    for (size_t i = 0; i < c->run_count; i++) {
        p.finished += c->runs[i].status == HTH_RUN_FINISHED;
        p.diverged += c->runs[i].status == HTH_RUN_DIVERGED;
        p.failed += c->runs[i].status == HTH_RUN_FAILED;
    }
    p.seconds = now - c->begun;
    p.eta_seconds = estimate(c);
    c->told = now;
    c->observer->progress(c->observer->context, &p);
}

/* ---- The processes ------------------------------------------------------------------------ */

/* A run's settings: the variant's, with the run's seed and one thread. */
static hth_status settings_of(const comparing *c, const hth_stored_run *run, hth_config **out,
                              hth_error *error) {
    char seed[24];
    HTH_TRY(hth_config_create(out, error));
    hth_status status = hth_store_settings(c->store, run->variant, *out, error);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
    if (status == HTH_OK) status = hth_config_set(*out, "train.seed", seed, NULL, error);
    if (status == HTH_OK) status = hth_config_set(*out, "train.threads", "1", NULL, error);
    if (status != HTH_OK) hth_config_destroy(*out);
    return status;
}

static hth_status begin_run(comparing *c, size_t index, hth_job *job, hth_error *error) {
    const hth_stored_run *run = &c->runs[index];
    char folder[HTH_PATH_LENGTH];
    hth_config *config;
    HTH_TRY(folder_of(c, run, folder, error));
    HTH_TRY(settings_of(c, run, &config, error));
    hth_status status = hth_job_start(config, folder, c->observer->interrupted, job, error);
    job->index = index;
    hth_config_destroy(config);
    return status;
}

static hth_status fill_slots(comparing *c, hth_error *error) {
    for (size_t i = 0; i < c->job_count && !c->stopping; i++) {
        if (c->jobs[i].process) continue;
        while (c->next < c->run_count && c->runs[c->next].status != HTH_RUN_WAITING) c->next++;
        if (c->next == c->run_count) return HTH_OK;
        HTH_TRY(begin_run(c, c->next, &c->jobs[i], error));
        c->next++;
        c->running++;
    }
    return HTH_OK;
}

/* Asks each run to save and end. */
static void stop_all(comparing *c) {
    for (size_t i = 0; i < c->job_count && !c->stopping; i++)
        if (c->jobs[i].process) kill(c->jobs[i].process, SIGTERM);
    c->stopping = true;
}

static void await(const comparing *c, struct pollfd *waiting) {
    for (size_t i = 0; i < c->job_count; i++)
        waiting[i] = (struct pollfd){c->jobs[i].process ? c->jobs[i].pipe : -1, POLLIN, 0};
    if (poll(waiting, c->job_count, OFTEN) < 0)
        for (size_t i = 0; i < c->job_count; i++) waiting[i].revents = 0;
}

/* Whether a message comes for the first time. A message that many runs send is passed on once. */
static bool is_new(comparing *c, const char *sentence) {
    const uint64_t digest = hth_digest_add(HTH_DIGEST_START, sentence, strlen(sentence));
    for (size_t i = 0; i < c->heard_count; i++)
        if (c->heard[i] == digest) return false;
    if (c->heard_count < MOST_HEARD) c->heard[c->heard_count++] = digest;
    return true;
}

/* Passes on a run's message with the run's name. */
static void pass_on(comparing *c, hth_job *job) {
    char sentence[1400];
    if (!job->latest.said[0]) return;
    const hth_stored_run *run = &c->runs[job->index];
    snprintf(sentence, sizeof sentence, "%.100s, seed %llu: %s", variant_of(c, run)->arm,
             (unsigned long long)run->seed, job->latest.said);
    const bool first = is_new(c, job->latest.said);
    job->latest.said[0] = '\0';
    if (first && c->observer->message) c->observer->message(c->observer->context, sentence);
}

/* Runs until no run is left. After an error or an interruption it waits until every process has ended. */
static hth_status run_all(comparing *c, struct pollfd *waiting, hth_error *error) {
    hth_status status = fill_slots(c, error);
    while (c->running) {
        /* Stop where needed, then wait for reports. */
        if (status != HTH_OK || is_stopping(c)) stop_all(c);
        await(c, waiting);
        /* Take the reports; settle the runs that ended. */
        for (size_t i = 0; i < c->job_count; i++) {
            const bool ended = waiting[i].revents && hth_job_listen(&c->jobs[i]);
            pass_on(c, &c->jobs[i]);
            if (!ended) continue;
            c->running--;
            if (status == HTH_OK) status = settle(c, &c->jobs[i], error);
        }
        /* Start runs in the free slots. */
        if (status == HTH_OK) status = fill_slots(c, error);
        if (c->running) show(c);
    }
    return status;
}

static size_t processors(int jobs) {
    const int wanted = jobs > 0 ? jobs : hth_cores();
    return wanted > MOST_JOBS ? MOST_JOBS : (size_t)wanted;
}

static hth_status run_missing(comparing *c, int jobs, hth_error *error) {
    c->job_count = processors(jobs);
    c->jobs = calloc(c->job_count, sizeof *c->jobs);
    struct pollfd *waiting = calloc(c->job_count, sizeof *waiting);
    hth_status status = HTH_NO_MEMORY;
    if (c->jobs && waiting)
        status = run_all(c, waiting, error);
    else
        hth_fail(error, status, "not enough memory for %zu processes", c->job_count);
    free(waiting);
    return status;
}

/* ---- The folder ----------------------------------------------------------------------------- */

/* Takes the lock on the folder. If an earlier call was killed, its runs hold the lock until they end, which is
 * soon; so this tries again for a while. */
static hth_status take_directory(const char *out, bool resume, hth_rundir *dir, hth_error *error) {
    enum { TRIES = 150 };
    const struct timespec pause = {0, 20000000};
    for (int i = 0;; i++) {
        HTH_TRY(hth_rundir_check(out, resume, error));
        hth_status status = hth_rundir_open(out, resume, dir, error);
        if (status == HTH_OK || i == TRIES) return status;
        nanosleep(&pause, NULL);
    }
}

static hth_status open_store(const char *out, bool view, hth_store **store, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(out, store_name, path, error));
    return view ? hth_store_view(path, store, error) : hth_store_open(path, store, error);
}

/* Finds out, without changing anything, whether `out` holds a comparison. Refuses a folder whose database belongs
 * to another program. */
static hth_status look_at(const char *out, bool stored, bool *resume, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    bool empty = true;
    HTH_TRY(hth_rundir_file(out, store_name, path, error));
    *resume = hth_file_exists(path);
    /* A comparison: its database must be ours. An empty one is begun again. */
    if (*resume) HTH_TRY(hth_store_look(path, &empty, error));
    if (*resume && !(empty && stored)) return HTH_OK;
    /* No comparison: refuse if the caller needs one, or if other files are there. */
    if (stored)
        return hth_fail(error, HTH_FILE,
                        "%s holds no comparison to go on with: give settings, as in hitherto "
                        "compare task=add compare.learners=tbptt,rtrl --out %s",
                        out, out);
    if (!hth_file_exists(out) || hth_rundir_check(out, false, NULL) == HTH_OK) return HTH_OK;
    return hth_fail(error, HTH_FILE,
                    "%s cannot take a comparison: other things are in it; name another directory",
                    out);
}

/* ---- All of it ---------------------------------------------------------------------------- */

static hth_status check_run(const comparing *c, const hth_stored_run *run, hth_error *error) {
    hth_config *config;
    hth_prospect prospect;
    hth_error reason = {0};
    HTH_TRY(settings_of(c, run, &config, error));
    hth_status status = hth_train_check(config, &hth_align_guest, &prospect, &reason);
    hth_config_destroy(config);
    if (status == HTH_OK) return HTH_OK;
    return hth_fail(error, status, "%s (arm '%s')", reason.message, variant_of(c, run)->arm);
}

/* Without a plan: all runs that have not ended go on. One run of each variant is checked first, as making a plan
 * does. */
static hth_status go_on(comparing *c, hth_error *error) {
    /* Check the first unfinished run of each variant. */
    for (size_t v = 0; v < c->variant_count; v++) {
        const hth_stored_run *first = NULL;
        for (size_t i = 0; i < c->run_count && !first; i++) {
            const hth_stored_run *run = &c->runs[i];
            const bool open = run->status == HTH_RUN_WAITING || run->status == HTH_RUN_FAILED;
            if (open && run->variant == c->variants[v].id) first = run;
        }
        if (first) HTH_TRY(check_run(c, first, error));
    }
    /* Make failed runs wait again. */
    HTH_TRY(hth_store_want_failed(c->store, error));
    for (size_t i = 0; i < c->run_count; i++)
        if (c->runs[i].status == HTH_RUN_FAILED) c->runs[i].status = HTH_RUN_WAITING;
    return HTH_OK;
}

/* Whether the plan wants the run. The plan's variants come first in the list of variants. */
static bool is_planned(const comparing *c, const hth_plan *plan, const hth_stored_run *run) {
    bool variant = false, seed = false;
    for (size_t i = 0; i < plan->count && i < c->variant_count; i++)
        variant = variant || c->variants[i].id == run->variant;
    for (size_t i = 0; i < plan->seed_count && variant; i++)
        seed = seed || plan->seeds[i] == run->seed;
    return variant && seed;
}

/* Sorts the runs: those of this call come first, then those that wait for a later one. */
static hth_status set_aside(comparing *c, const hth_plan *plan, hth_error *error) {
    hth_stored_run *sorted = malloc((c->stored_count + 1) * sizeof *sorted);
    if (!sorted) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a comparison");
    size_t used = 0;
    for (int aside = 0; aside < 2; aside++) {
        for (size_t i = 0; i < c->stored_count; i++) {
            const hth_stored_run *run = &c->runs[i];
            const bool waits = run->status == HTH_RUN_WAITING && !is_planned(c, plan, run);
            if (waits == aside) sorted[used++] = *run;
        }
        if (!aside) c->run_count = used;
    }
    free(c->runs);
    c->runs = sorted;
    return HTH_OK;
}

static hth_status prepare(comparing *c, const hth_plan *plan, hth_error *error) {
    char keep[8];
    HTH_TRY(open_store(c->dir.path, false, &c->store, error));
    if (plan) HTH_TRY(hth_store_want(c->store, plan, c->dir.path, error));
    HTH_TRY(hth_store_option(c->store, "compare.keep", keep, sizeof keep, error));
    c->keep = strcmp(keep, "true") == 0;
    HTH_TRY(hth_store_variants(c->store, &c->variants, &c->variant_count, error));
    HTH_TRY(hth_store_runs(c->store, &c->runs, &c->stored_count, error));
    c->run_count = c->stored_count;
    HTH_TRY(plan ? set_aside(c, plan, error) : go_on(c, error));
    sweep(c);
    return HTH_OK;
}

static hth_status compute(comparing *c, const hth_plan *plan, int jobs, hth_ending *ending,
                          hth_error *error) {
    HTH_TRY(prepare(c, plan, error));
    HTH_TRY(run_missing(c, jobs, error));
    sweep(c);
    *ending = c->stopping ? HTH_INTERRUPTED : HTH_FINISHED;
    c->told = 0;
    show(c);
    return HTH_OK;
}

static void leave(comparing *c) {
    hth_store_free_variants(c->variants, c->variant_count);
    free(c->runs);
    free(c->jobs);
    hth_store_close(c->store);
    hth_rundir_close(&c->dir);
    free(c);
}

static hth_status compare(const hth_plan *plan, const char *out, int jobs,
                          const hth_compare_observer *observer, hth_ending *ending,
                          hth_error *error) {
    bool resume;
    HTH_TRY(look_at(out, !plan, &resume, error));
    comparing *c = calloc(1, sizeof *c);
    if (!c) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a comparison");
    c->observer = observer;
    c->begun = hth_clock();
    hth_status status = take_directory(out, resume, &c->dir, error);
    if (status != HTH_OK) {
        free(c);
        return status;
    }
    status = compute(c, plan, jobs, ending, error);
    leave(c);
    return status;
}

/* part.of 0: all runs. */
static hth_status compare_share(const hth_config *config, const char *out, hth_part_of part,
                                int jobs, const hth_compare_observer *observer, hth_ending *ending,
                                hth_error *error) {
    static const hth_compare_observer nobody;
    hth_plan *plan = NULL;
    if (config) HTH_TRY(hth_plan_make(config, &plan, error));
    if (plan) plan->part = part;
    hth_status status = compare(plan, out, jobs, observer ? observer : &nobody, ending, error);
    hth_plan_free(plan);
    return status;
}

hth_status hth_compare(const hth_config *config, const char *out, int jobs,
                       const hth_compare_observer *observer, hth_ending *ending, hth_error *error) {
    return compare_share(config, out, (hth_part_of){0}, jobs, observer, ending, error);
}

hth_status hth_compare_part(const hth_config *config, const char *out, hth_part_of part, int jobs,
                            const hth_compare_observer *observer, hth_ending *ending,
                            hth_error *error) {
    char folder[HTH_PATH_LENGTH];
    HTH_TRY(hth_compare_part_folder(out, part, folder, error));
    return compare_share(config, folder, part, jobs, observer, ending, error);
}

hth_status hth_compare_stored(const char *out, hth_config *config, hth_error *error) {
    hth_store *store;
    hth_stored_variant *variants;
    size_t count;
    bool resume;
    HTH_TRY(look_at(out, true, &resume, error));
    HTH_TRY(open_store(out, true, &store, error));
    hth_status status = hth_store_variants(store, &variants, &count, error);
    if (status == HTH_OK) {
        if (count) status = hth_store_settings(store, variants[0].id, config, error);
        hth_store_free_variants(variants, count);
    }
    hth_store_close(store);
    return status;
}
