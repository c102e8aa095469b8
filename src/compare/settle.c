/* What comes of a run that has ended: its results go to the store, and then its folder goes. */
#include "compare/comparing.h"
#include "compare/folder.h"
#include "compare/results.h"
#include "files/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char runs_name[] = "runs";

/* ---- Folders of runs ---------------------------------------------------------------------- */

hth_status hth_folder_of(const hth_comparing *c, const hth_stored_run *run, char *out,
                         hth_error *error) {
    return hth_run_folder(c->dir.path, hth_variant_of(c, run)->arm, run, out, error);
}

void hth_sweep(const hth_comparing *c) {
    char path[HTH_PATH_LENGTH];
    if (hth_rundir_file(c->dir.path, runs_name, path, NULL) != HTH_OK || !hth_file_exists(path))
        return;
    if (rmdir(path) == 0) return; /* only removed when empty */
    for (size_t i = 0; i < c->stored_count; i++) {
        const hth_stored_run *run = &c->runs[i];
        const bool ended = run->status == HTH_RUN_FINISHED || run->status == HTH_RUN_DIVERGED;
        char folder[HTH_PATH_LENGTH];
        if (ended && !run->kept && hth_folder_of(c, run, folder, NULL) == HTH_OK)
            hth_folder_remove(folder, NULL);
    }
    rmdir(path);
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

static void say(const hth_comparing *c, const hth_stored_run *run) {
    const hth_stored_variant *variant = hth_variant_of(c, run);
    char sentence[900], varied[200];
    if (!c->observer->message || run->status == HTH_RUN_FINISHED) return;
    tell_varied(variant->varied, varied, sizeof varied);
    snprintf(sentence, sizeof sentence, "%s, seed %llu%s: %s after step %llu: %s", variant->arm,
             (unsigned long long)run->seed, varied,
             run->status == HTH_RUN_FAILED ? "failed" : "diverged", (unsigned long long)run->steps,
             run->message);
    c->observer->message(c->observer->context, sentence);
}

bool hth_is_stopping(const hth_comparing *c) {
    return c->stopping || (c->observer->interrupted && *c->observer->interrupted);
}

/* Reads the lines of a run; none if it ended before it wrote any. */
static hth_status read_lines(const hth_comparing *c, const char *path, hth_line **lines,
                             size_t *count, hth_error *error) {
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

hth_status hth_settle(hth_comparing *c, const hth_job *job, hth_error *error) {
    char folder[HTH_PATH_LENGTH], path[HTH_PATH_LENGTH];
    hth_stored_run *run = &c->runs[job->index];
    hth_line *lines = NULL;
    size_t count = 0;
    /* An interrupted run goes on waiting. */
    const bool interrupted =
        (job->latest.status == HTH_OK && job->latest.outcome.ending == HTH_INTERRUPTED) ||
        (job->latest.status == HTH_FAILED && hth_is_stopping(c));
    if (interrupted) return HTH_OK;
    /* Read the run's outcome and its lines. */
    HTH_TRY(hth_folder_of(c, run, folder, error));
    HTH_TRY(hth_rundir_file(folder, "metrics.jsonl", path, error));
    take_outcome(&job->latest, c->keep, run);
    hth_status status = HTH_OK;
    if (run->status != HTH_RUN_FAILED) {
        HTH_TRY(read_lines(c, path, &lines, &count, error));
        status = median_rate(lines, count, &run->steps_per_second, error);
    }
    /* Keep outcome and lines for the store. */
    if (status != HTH_OK) {
        free(lines);
        return status;
    }
    if (c->result_count == 0) c->waiting = hth_clock();
    c->results[c->result_count++] = (hth_stored_result){run, lines, count};
    return HTH_OK;
}

/* Where it does not work, the run makes its folder itself, and hth_sweep removes the other one. */
void hth_hand_on(hth_comparing *c, const char *folder) {
    char spare[HTH_PATH_LENGTH];
    if (c->spare_count == 0 || hth_file_exists(folder)) return;
    if (hth_folder_of(c, c->spare[--c->spare_count], spare, NULL) == HTH_OK)
        hth_folder_hand_on(spare, folder, NULL);
}

void hth_drop_results(hth_comparing *c) {
    while (c->result_count) free(c->results[--c->result_count].lines);
}

hth_status hth_store_results(hth_comparing *c, hth_error *error) {
    char folder[HTH_PATH_LENGTH];
    if (c->result_count == 0) return HTH_OK;
    HTH_TRY(hth_store_finish(c->store, c->results, c->result_count, error));
    /* Tell the user, and leave the folders for runs to come. */
    for (size_t i = 0; i < c->result_count; i++) {
        const hth_stored_run *run = c->results[i].run;
        say(c, run);
        if (c->keep || run->status == HTH_RUN_FAILED) continue;
        if (c->spare_count < HTH_COUNT(c->spare))
            c->spare[c->spare_count++] = run;
        else if (hth_folder_of(c, run, folder, NULL) == HTH_OK)
            hth_folder_remove(folder, NULL);
    }
    hth_drop_results(c);
    return HTH_OK;
}
