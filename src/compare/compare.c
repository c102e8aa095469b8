/*
 * Runs a comparison. The store holds both the plan and the results: first the wanted runs are written to it as
 * waiting, then each waiting run is started in a process of its own, and its results replace the waiting row. There
 * is no other memory, so this process may be killed at any moment and called again: results in the store are done,
 * started runs have a checkpoint in DIR/runs, and all others start.
 */
#include "compare/comparing.h"

#include "check/align.h"
#include "compare/shown.h"
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

enum { MOST_JOBS = 1024, OFTEN = 250 /* milliseconds */ };

static const char store_name[] = "results.db";

static void show(hth_comparing *c) {
    hth_compare_progress p = {.total = c->run_count, .running = c->running};
    const double now = hth_clock();
    if (!c->observer->progress || now - c->told < 0.8e-3 * OFTEN) return;
    for (size_t i = 0; i < c->run_count; i++) {
        p.finished += c->runs[i].status == HTH_RUN_FINISHED;
        p.diverged += c->runs[i].status == HTH_RUN_DIVERGED;
        p.failed += c->runs[i].status == HTH_RUN_FAILED;
    }
    p.seconds = now - c->begun;
    p.eta_seconds = hth_seconds_left(c);
    c->told = now;
    c->observer->progress(c->observer->context, &p);
}

/* ---- The processes ------------------------------------------------------------------------ */

static hth_status begin_run(hth_comparing *c, size_t index, hth_job *job, hth_error *error) {
    const hth_stored_run *run = &c->runs[index];
    char folder[HTH_PATH_LENGTH];
    const hth_config *config;
    HTH_TRY(hth_folder_of(c, run, folder, error));
    HTH_TRY(hth_run_settings(c, run, &config, error));
    if (!c->keep) hth_hand_on(c, folder);
    hth_status status =
        hth_job_start(config, folder, c->keep, c->observer->interrupted, job, error);
    job->index = index;
    return status;
}

static hth_status fill_slots(hth_comparing *c, hth_error *error) {
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
static void stop_all(hth_comparing *c) {
    for (size_t i = 0; i < c->job_count && !c->stopping; i++)
        if (c->jobs[i].process) kill(c->jobs[i].process, SIGTERM);
    c->stopping = true;
}

static void await(const hth_comparing *c, struct pollfd *waiting) {
    for (size_t i = 0; i < c->job_count; i++)
        waiting[i] = (struct pollfd){c->jobs[i].process ? c->jobs[i].pipe : -1, POLLIN, 0};
    if (poll(waiting, c->job_count, OFTEN) < 0)
        for (size_t i = 0; i < c->job_count; i++) waiting[i].revents = 0;
}

/* Whether a message comes for the first time. A message that many runs send is passed on once. */
static bool is_new(hth_comparing *c, const char *sentence) {
    const uint64_t digest = hth_digest_add(HTH_DIGEST_START, sentence, strlen(sentence));
    for (size_t i = 0; i < c->heard_count; i++)
        if (c->heard[i] == digest) return false;
    if (c->heard_count < HTH_MOST_HEARD) c->heard[c->heard_count++] = digest;
    return true;
}

/* Passes on a run's message with the run's name. */
static void pass_on(hth_comparing *c, hth_job *job) {
    char sentence[1400];
    if (!job->latest.said[0]) return;
    const hth_stored_run *run = &c->runs[job->index];
    snprintf(sentence, sizeof sentence, "%.100s, seed %llu: %s", hth_variant_of(c, run)->arm,
             (unsigned long long)run->seed, job->latest.said);
    const bool first = is_new(c, job->latest.said);
    job->latest.said[0] = '\0';
    if (first && c->observer->message) c->observer->message(c->observer->context, sentence);
}

/* Results of several runs are stored together: a transaction takes longer than a short run. Those of a run that took
 * long are stored at once. */
static bool must_store(const hth_comparing *c) {
    const double long_run = 1; /* second */
    for (size_t i = 0; i < c->result_count; i++)
        if (c->results[i].run->seconds > long_run) return true;
    return c->result_count && hth_clock() - c->waiting > 1e-3 * OFTEN;
}

/* Takes the results of a run that ended, and makes room for the next. */
static hth_status end_run(hth_comparing *c, const hth_job *job, hth_error *error) {
    HTH_TRY(hth_settle(c, job, error));
    return c->result_count == HTH_MOST_UNSTORED ? hth_store_results(c, error) : HTH_OK;
}

/* Runs until no run is left. After an error or an interruption it waits until every process has ended. */
static hth_status run_all(hth_comparing *c, struct pollfd *waiting, hth_error *error) {
    hth_status status = fill_slots(c, error);
    while (c->running) {
        /* Stop where needed, then wait for reports. */
        if (status != HTH_OK || hth_is_stopping(c)) stop_all(c);
        await(c, waiting);
        /* Take the reports; settle the runs that ended. */
        for (size_t i = 0; i < c->job_count; i++) {
            const bool ended = waiting[i].revents && hth_job_listen(&c->jobs[i]);
            pass_on(c, &c->jobs[i]);
            if (!ended) continue;
            c->running--;
            if (status == HTH_OK) status = end_run(c, &c->jobs[i], error);
        }
        /* Start runs in the free slots; store results. */
        if (status == HTH_OK) status = fill_slots(c, error);
        if (status == HTH_OK && must_store(c)) status = hth_store_results(c, error);
        if (c->running) show(c);
    }
    /* Results that came before an error stay. */
    const hth_status stored = hth_store_results(c, status == HTH_OK ? error : NULL);
    return status == HTH_OK ? stored : status;
}

static size_t processors(int jobs) {
    const int wanted = jobs > 0 ? jobs : hth_cores();
    return wanted > MOST_JOBS ? MOST_JOBS : (size_t)wanted;
}

static hth_status run_missing(hth_comparing *c, int jobs, hth_error *error) {
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

static hth_status check_run(hth_comparing *c, const hth_stored_run *run, hth_error *error) {
    const hth_config *config;
    hth_prospect prospect;
    hth_error reason = {0};
    HTH_TRY(hth_run_settings(c, run, &config, error));
    hth_status status = hth_train_check(config, &hth_align_guest, &prospect, &reason);
    if (status == HTH_OK) return HTH_OK;
    return hth_fail(error, status, "%s (arm '%s')", reason.message, hth_variant_of(c, run)->arm);
}

/* Checks the first run of each variant that has not ended. */
static hth_status check_open(hth_comparing *c, hth_error *error) {
    bool *checked = calloc(c->variant_count + 1, sizeof *checked);
    hth_status status = HTH_OK;
    if (!checked) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a comparison");
    for (size_t i = 0; i < c->run_count && status == HTH_OK; i++) {
        const hth_stored_run *run = &c->runs[i];
        bool *known = &checked[hth_variant_of(c, run) - c->variants];
        const bool open = run->status == HTH_RUN_WAITING || run->status == HTH_RUN_FAILED;
        if (open && !*known) status = check_run(c, run, error);
        *known = *known || open;
    }
    free(checked);
    return status;
}

/* Without a plan: all runs that have not ended go on. One run of each variant is checked first, as making a plan
 * does. */
static hth_status go_on(hth_comparing *c, hth_error *error) {
    HTH_TRY(check_open(c, error));
    /* Make failed runs wait again. */
    HTH_TRY(hth_store_want_failed(c->store, error));
    for (size_t i = 0; i < c->run_count; i++)
        if (c->runs[i].status == HTH_RUN_FAILED) c->runs[i].status = HTH_RUN_WAITING;
    return HTH_OK;
}

static int by_number(const void *a, const void *b) {
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/* Whether the plan wants the run. The plan's variants come first in the list of variants. seeds: the plan's, ordered. */
static bool is_planned(const hth_comparing *c, const hth_plan *plan, const uint64_t *seeds,
                       const hth_stored_run *run) {
    const size_t variant = (size_t)(hth_variant_of(c, run) - c->variants);
    return variant < plan->count &&
           bsearch(&run->seed, seeds, plan->seed_count, sizeof *seeds, by_number);
}

/* Sorts the runs: those of this call come first, then those that wait for a later one. */
static hth_status set_aside(hth_comparing *c, const hth_plan *plan, hth_error *error) {
    hth_stored_run *sorted = malloc((c->stored_count + 1) * sizeof *sorted);
    uint64_t *seeds = malloc((plan->seed_count + 1) * sizeof *seeds);
    if (!sorted || !seeds) {
        free(sorted);
        free(seeds);
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a comparison");
    }
    memcpy(seeds, plan->seeds, plan->seed_count * sizeof *seeds);
    qsort(seeds, plan->seed_count, sizeof *seeds, by_number);
    size_t used = 0;
    for (int aside = 0; aside < 2; aside++) {
        for (size_t i = 0; i < c->stored_count; i++) {
            const hth_stored_run *run = &c->runs[i];
            const bool waits = run->status == HTH_RUN_WAITING && !is_planned(c, plan, seeds, run);
            if (waits == aside) sorted[used++] = *run;
        }
        if (!aside) c->run_count = used;
    }
    free(seeds);
    free(c->runs);
    c->runs = sorted;
    return HTH_OK;
}

static hth_status prepare(hth_comparing *c, const hth_plan *plan, hth_error *error) {
    char keep[8];
    HTH_TRY(open_store(c->dir.path, false, &c->store, error));
    if (plan) HTH_TRY(hth_store_want(c->store, plan, c->dir.path, error));
    if (plan && plan->part.of) HTH_TRY(hth_show_plan(plan, c->dir.path, error));
    HTH_TRY(hth_store_option(c->store, "compare.keep", keep, sizeof keep, error));
    c->keep = strcmp(keep, "true") == 0;
    HTH_TRY(hth_store_variants(c->store, &c->variants, &c->variant_count, error));
    HTH_TRY(hth_order_variants(c, error));
    HTH_TRY(hth_store_runs(c->store, &c->runs, &c->stored_count, error));
    c->run_count = c->stored_count;
    HTH_TRY(plan ? set_aside(c, plan, error) : go_on(c, error));
    hth_sweep(c);
    return HTH_OK;
}

static hth_status compute(hth_comparing *c, const hth_plan *plan, int jobs, hth_ending *ending,
                          hth_error *error) {
    HTH_TRY(prepare(c, plan, error));
    HTH_TRY(run_missing(c, jobs, error));
    hth_sweep(c);
    *ending = c->stopping ? HTH_INTERRUPTED : HTH_FINISHED;
    c->told = 0;
    show(c);
    return HTH_OK;
}

static void leave(hth_comparing *c) {
    hth_drop_results(c);
    hth_forget_settings(c);
    free(c->by_id);
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
    static const hth_compare_observer nobody;
    bool resume;
    HTH_TRY(look_at(out, !plan, &resume, error));
    hth_comparing *c = calloc(1, sizeof *c);
    if (!c) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a comparison");
    c->observer = observer ? observer : &nobody;
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

/* A plan of settings; NULL where there are none. */
static hth_status make_plan(const hth_config *config, hth_part_of part, hth_plan **plan,
                            hth_error *error) {
    *plan = NULL;
    if (!config) return HTH_OK;
    HTH_TRY(hth_plan_make(config, plan, error));
    (*plan)->part = part;
    return HTH_OK;
}

hth_status hth_compare(const hth_config *config, const char *out, int jobs,
                       const hth_compare_observer *observer, hth_ending *ending, hth_error *error) {
    hth_plan *plan;
    HTH_TRY(make_plan(config, (hth_part_of){0}, &plan, error));
    const hth_status status = compare(plan, out, jobs, observer, ending, error);
    hth_plan_free(plan);
    return status;
}

hth_status hth_compare_part(const hth_config *config, const char *out, hth_part_of part, int jobs,
                            const hth_compare_observer *observer, hth_ending *ending,
                            hth_error *error) {
    char folder[HTH_PATH_LENGTH];
    hth_plan *plan;
    HTH_TRY(hth_compare_part_folder(out, part, folder, error));
    HTH_TRY(make_plan(config, part, &plan, error));
    hth_status status = hth_compare_part_fits(out, part, plan, error);
    if (status == HTH_OK) status = compare(plan, folder, jobs, observer, ending, error);
    hth_plan_free(plan);
    return status;
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
