/* The time that is left: how long a run of each variant takes, and how many are left. */
#include "compare/comparing.h"

#include <math.h>
#include <stdlib.h>

/* What is known of the runs of one variant. */
typedef struct pace {
    double seconds,
        runs;      /* of finished runs; if there are none, what running ones will have taken */
    double left;   /* runs to be done, parts of runs included */
    bool finished; /* there are finished runs */
} pace;

static void take_run(const hth_comparing *c, const hth_stored_run *run, pace *paces) {
    pace *p = &paces[hth_variant_of(c, run) - c->variants];
    p->left += run->status == HTH_RUN_WAITING;
    if (run->status != HTH_RUN_FINISHED) return;
    p->seconds += run->seconds;
    p->runs++;
    p->finished = true;
}

/* A running one: the time so far, extended to all of its steps. */
static void take_job(const hth_comparing *c, const hth_job *job, pace *paces) {
    const double short_while = 0.2; /* seconds of running that are too few for an estimate */
    const hth_outcome *at = &job->latest.outcome;
    if (!job->process || !at->steps_total) return;
    pace *p = &paces[hth_variant_of(c, &c->runs[job->index]) - c->variants];
    p->left -= (double)at->step / (double)at->steps_total;
    if (p->finished || !(at->seconds > short_while)) return;
    p->seconds += at->seconds * (double)at->steps_total / (double)at->step;
    p->runs++;
}

double hth_seconds_left(const hth_comparing *c) {
    double known = 0, unknown = 0, sum = 0, variants = 0;
    pace *paces = calloc(c->variant_count + 1, sizeof *paces);
    if (!paces) return NAN;
    for (size_t i = 0; i < c->run_count; i++) take_run(c, &c->runs[i], paces);
    for (size_t i = 0; i < c->job_count; i++) take_job(c, &c->jobs[i], paces);
    /* How long the runs of each variant take that are left. */
    for (size_t v = 0; v < c->variant_count; v++) {
        const pace *p = &paces[v];
        if (!(p->seconds > 0)) {
            unknown += p->left;
            continue;
        }
        known += p->left * p->seconds / p->runs;
        sum += p->seconds / p->runs;
        variants++;
    }
    free(paces);
    /* Runs are spread over the processes. */
    if (variants == 0 || !c->running) return NAN;
    return (known + unknown * sum / variants) / (double)c->running;
}
