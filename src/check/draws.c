/*
 * Checks learners that draw: the mean over many draws is compared with the exact gradient. With N draws of a
 * gradient g,
 *
 *     bias = |mean g - exact| / |exact|       deviation = sqrt(sum of the variances of g) / |exact|
 *
 * If the learner is unbiased, bias is about deviation / sqrt(N), the standard error. A bias of more than LIMIT
 * standard errors counts as a failure: even if all variance lies in one direction, chance reaches LIMIT only once
 * in 16,000 comparisons. If |exact| = 0, the size of the draws takes its place. A number that is not finite counts
 * as an infinite error. On a tiny network the mean over all possible signs is taken, which is exact.
 */
#include "check/draws.h"

#include "check/worst.h"
#include "credit/inspect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double LIMIT = 4;
enum {
    RATE = 16,
    MOST_SIGNS = 14
}; /* RATE: the second mean has RATE times the draws of the first */

/* ---- The mean and variance of many draws ----------------------------------------------------- */

typedef struct moments {
    size_t count, parameters;
    /* squares: sums of squared differences from the mean (Welford 1962) */
    double *mean, *squares;
} moments;

static hth_status moments_make(size_t parameters, moments *out, hth_error *error) {
    *out = (moments){.parameters = parameters,
                     .mean = calloc(parameters, sizeof(double)),
                     .squares = calloc(parameters, sizeof(double))};
    if (out->mean && out->squares) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the mean of gradients");
}

static void moments_free(moments *m) {
    free(m->mean);
    free(m->squares);
}

static void moments_add(moments *m, const hth_real *x) {
    m->count++;
    for (size_t i = 0; i < m->parameters; i++) {
        const double before = (double)x[i] - m->mean[i];
        m->mean[i] += before / (double)m->count;
        m->squares[i] += before * ((double)x[i] - m->mean[i]);
    }
}

/* ---- Rows ---------------------------------------------------------------------------------- */

/* A block of the network, with the mean gradient and the exact one. */
typedef struct place {
    const hth_network *network;
    const hth_block *block;
    const double *mean;
    const hth_real *exact;
} place;

typedef struct summary {
    double bias, deviation, cosine;
    double rounding; /* the largest bias that rounding may cause */
    bool not_finite;
} summary;

/* The error that rounding alone may leave in a block whose terms cancel: in proportion to the whole gradient. */
static double floor_of(const moments *m, const hth_real *exact) {
    double norm = 0, size = 0;
    for (size_t i = 0; i < m->parameters; i++) {
        norm += (double)exact[i] * (double)exact[i], size += m->mean[i] * m->mean[i];
        if (m->count > 1) size += m->squares[i] / (double)(m->count - 1);
    }
    return 64 * HTH_EPSILON * sqrt(fmax(norm, size));
}

/* Bias, deviation and cosine of one block. If the exact gradient is 0, they are relative to the draws. */
static summary sum_up(const moments *m, const hth_block *block, const hth_real *exact) {
    const double epsilon = sizeof(hth_real) == sizeof(double) ? 1e-10 : 2e-3;
    /* Sums over the block's entries. */
    double difference = 0, norm = 0, mean = 0, both = 0, variance = 0;
    const size_t end = block->offset + block->rows * block->columns;
    for (size_t i = block->offset; i < end; i++) {
        const double e = (double)exact[i], d = m->mean[i] - e;
        difference += d * d, norm += e * e;
        mean += m->mean[i] * m->mean[i], both += m->mean[i] * e;
        if (m->count > 1) variance += m->squares[i] / (double)(m->count - 1);
    }
    /* If a number is not finite, the bias is infinite. */
    const double size = mean + variance, scale = norm > 0 ? norm : size;
    if (!isfinite(difference) || !isfinite(norm) || !isfinite(size))
        return (summary){.bias = (double)INFINITY,
                         .deviation = (double)NAN,
                         .cosine = (double)NAN,
                         .not_finite = true};
    /* Otherwise bias, deviation and cosine are relative to `scale`. */
    return (summary){.bias = difference > 0 ? sqrt(difference / scale) : 0,
                     .deviation = variance > 0 ? sqrt(variance / scale) : 0,
                     .cosine = mean > 0 && norm > 0     ? both / sqrt(mean * norm)
                               : norm == 0 && mean == 0 ? (double)NAN
                                                        : 0,
                     .rounding =
                         scale > 0 ? fmax(epsilon, floor_of(m, exact) / sqrt(scale)) : epsilon};
}

static void report_block(hth_check_run *run, const char *claim, const place *at, const summary *s,
                         double tolerance) {
    const hth_nearness nearness = {
        .relative_error = s->bias, .cosine = s->cosine, .largest = 1, .not_finite = s->not_finite};
    hth_worst worst = {0};
    char lines[HTH_WORST * 160];
    const size_t end = at->block->offset + at->block->rows * at->block->columns;
    for (size_t i = at->block->offset; i < end; i++)
        hth_worst_add(&worst, i, at->mean[i], (double)at->exact[i]);
    hth_worst_tell(&worst, at->network, lines, sizeof lines);
    hth_check_report_draws(run, claim, at->block->name, &nearness, tolerance, s->deviation, lines);
}

/* Reports every block. A block without variance (the readout's, which is not drawn) must be right up to rounding. */
static void report(hth_check_run *run, const char *claim, const hth_network *network,
                   const moments *m, const hth_real *exact, bool unbiased) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++) {
        const summary s = sum_up(m, &blocks[i], exact);
        const double limit = LIMIT * s.deviation / sqrt((double)m->count);
        report_block(run, claim, &(place){network, &blocks[i], m->mean, exact}, &s,
                     unbiased ? fmax(limit, s.rounding) : (double)INFINITY);
    }
}

/* ---- Draws --------------------------------------------------------------------------------- */

static hth_status draw_all(hth_check_run *run, hth_rehearsal *rehearsal, const char *name,
                           size_t draws, const hth_real *exact, bool unbiased, moments *m,
                           hth_error *error) {
    for (size_t i = 0; i < draws && !hth_check_stopped(run); i++) {
        char claim[64];
        hth_report losses = {0};
        if (!unbiased) HTH_TRY(hth_rehearsal_renew(rehearsal, error));
        HTH_TRY(hth_rehearsal_run(rehearsal, &losses, error));
        moments_add(m, hth_gradient_values(rehearsal->gradient));
        if (i + 1 != draws && i + 1 != draws / RATE) continue;
        snprintf(claim, sizeof claim, "%.20s, mean of %zu draws %s bptt", name, i + 1,
                 unbiased ? "=" : "~");
        report(run, claim, rehearsal->subject->network, m, exact, unbiased);
    }
    return HTH_OK;
}

hth_status hth_check_draws(hth_check_run *run, hth_rehearsal *rehearsal, const char *name,
                           size_t draws, const hth_real *exact, bool unbiased, hth_error *error) {
    moments m;
    hth_status status =
        moments_make(hth_network_parameter_count(rehearsal->subject->network), &m, error);
    if (status == HTH_OK)
        status = draw_all(run, rehearsal, name, draws, exact, unbiased, &m, error);
    moments_free(&m);
    return status;
}

/* ---- All signs ----------------------------------------------------------------------------- */

/* *signs: how many signs one run draws; SIZE_MAX if it draws numbers other than signs. */
static hth_status count_signs(const hth_rehearsal *rehearsal, size_t *signs, hth_error *error) {
    hth_report losses = {0};
    hth_learner_enumerate(rehearsal->learner, 0);
    HTH_TRY(hth_rehearsal_run(rehearsal, &losses, error));
    *signs = (size_t)hth_learner_drawn(rehearsal->learner);
    return HTH_OK;
}

static hth_status enumerate(const hth_rehearsal *rehearsal, size_t signs, moments *m,
                            hth_error *error) {
    for (uint64_t code = 0; code < (uint64_t)1 << signs; code++) {
        hth_report losses = {0};
        hth_learner_enumerate(rehearsal->learner, code);
        HTH_TRY(hth_rehearsal_run(rehearsal, &losses, error));
        moments_add(m, hth_gradient_values(rehearsal->gradient));
    }
    return HTH_OK;
}

hth_status hth_check_signs(hth_check_run *run, const hth_rehearsal *rehearsal, const char *name,
                           const hth_real *exact, bool *done, hth_error *error) {
    const hth_network *network = rehearsal->subject->network;
    char claim[64];
    size_t signs, count;
    moments m;
    /* Count the signs; leave if there are none or too many. */
    HTH_TRY(count_signs(rehearsal, &signs, error));
    *done = signs <= MOST_SIGNS;
    if (signs == 0 || !*done) return HTH_OK;
    /* Take the mean over all combinations of signs. */
    hth_status status = moments_make(hth_network_parameter_count(network), &m, error);
    if (status == HTH_OK) status = enumerate(rehearsal, signs, &m, error);
    /* Report each block. */
    const hth_block *blocks = hth_network_blocks(network, &count);
    snprintf(claim, sizeof claim, "%.20s, tiny, all 2^%zu signs = bptt", name, signs);
    for (size_t i = 0; i < count && status == HTH_OK; i++) {
        const summary s = sum_up(&m, &blocks[i], exact);
        report_block(run, claim, &(place){network, &blocks[i], m.mean, exact}, &s, s.rounding);
    }
    moments_free(&m);
    return status;
}
