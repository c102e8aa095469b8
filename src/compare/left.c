/* The time that is left: how long a run of each variant takes, and how many are left. */
#include "compare/comparing.h"

#include <math.h>

/* Seconds that one run of a variant takes; NAN: not known. From its finished runs, or else from its running ones. */
static double typical_seconds(const hth_comparing *c, int64_t variant) {
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

static double part_done(const hth_comparing *c, size_t index) {
    for (size_t i = 0; i < c->job_count; i++) {
        const hth_outcome *at = &c->jobs[i].latest.outcome;
        if (c->jobs[i].process && c->jobs[i].index == index && at->steps_total)
            return (double)at->step / (double)at->steps_total;
    }
    return 0;
}

double hth_seconds_left(const hth_comparing *c) {
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
