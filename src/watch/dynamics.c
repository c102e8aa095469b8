/*
 * A network's dynamics: see dynamics.h. The recorder walks over the data; a map of its own (hth_step_map) follows it
 * step by step and gives each J. The last J's are kept, so that each error goes back over them.
 *
 * Cost of a step: N g n (n + m) for J, 2 N^3 for the exponents, and lags N^2 for an error. Memory: (lags + 3) N^2.
 */
#include "watch/dynamics.h"

#include "base/functions64.h"
#include "credit/inspect.h"
#include "settings/config.h"
#include "watch/dense.h"
#include "watch/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct dynamics {
    const hth_dynamics_plan *plan;
    hth_recorder *recorder;
    hth_step_map *map;
    hth_record_shape shape;
    size_t N, all;
    bool smooth;
    /* The last lags J's, of steps since the sequence began: that of step t stands in place t % lags. */
    hth_real *ring; /* [lags][all][all] */
    size_t lags;
    uint64_t since;          /* steps since the state began anew, the one at hand too */
    uint64_t longest;        /* steps of the longest sequence that has ended */
    hth_real *back, *credit; /* [2][all], [N] */
    double *Q, *product;     /* [N][N], of Q the rows */
    double *sums, *scrap;    /* [N]: logarithms; of steps that do not count */
    double *norms;           /* [lags + 1] */
    uint64_t *norm_counts;   /* [lags + 1] */
    double *mean;            /* [inputs] */
    hth_real *starts,
        *inputs;     /* [points][N], [points][inputs]: states that were met, and with what */
    int32_t *tokens; /* [points] */
    uint64_t seen;
    hth_dynamics result;
} dynamics;

/* ---- A step ----------------------------------------------------------------------------------- */

static hth_real *jacobian_at(const dynamics *d, uint64_t t) {
    return d->ring + (size_t)(t % d->lags) * d->all * d->all;
}

static void begin(dynamics *d) {
    if (d->since > d->longest) d->longest = d->since;
    d->since = 0;
    hth_step_reset(d->map);
    memset(d->Q, 0, d->N * d->N * sizeof *d->Q);
    for (size_t i = 0; i < d->N; i++) d->Q[i * d->N + i] = 1;
}

/* Q <- orthonormal part of J Q; the rows of the array are the columns of Q. */
static void add_exponents(dynamics *d, const hth_real *J) {
    const size_t N = d->N;
    const bool counts = d->since > d->plan->skip;
    for (size_t i = 0; i < N; i++)
        for (size_t r = 0; r < N; r++) {
            const hth_real *row = J + r * d->all;
            const double *q = d->Q + i * N;
            double sum = 0;
            for (size_t k = 0; k < N; k++) sum += (double)row[k] * q[k];
            d->product[i * N + r] = sum;
        }
    memcpy(d->Q, d->product, N * N * sizeof *d->Q);
    hth_dense_orthonormalise(d->Q, N, N, counts ? d->sums : d->scrap);
    d->result.exponent_steps += counts;
    /* The determinant by itself, for whoever wants to compare. */
    for (size_t i = 0; counts && i < N * N; i++) d->product[i] = (double)J[i / N * d->all + i % N];
    if (counts) d->result.log_determinant += hth_dense_log_determinant(d->product, N);
}

static double norm(const hth_real *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* The error of the step, and what it is at the steps before. */
static hth_status add_credit(dynamics *d, const hth_instant *now, hth_error *error) {
    const size_t all = d->all;
    const hth_verdict verdict = {.steps = 1,
                                 .targets = now->targets,
                                 .classes = now->targets ? NULL : &now->target_class,
                                 .weights = &now->weight};
    hth_real *x = d->back, *before = d->back + all;
    if (!(now->weight > 0)) return HTH_OK;
    HTH_TRY(hth_step_error(d->map, &verdict, x, error));
    d->result.errors++;
    for (size_t k = 0; k <= d->lags && k <= d->since; k++) {
        hth_step_credit(d->map, x, d->credit);
        d->norms[k] += norm(d->credit, d->N);
        d->norm_counts[k]++;
        if (k == d->since || k == d->lags) break; /* before that there is nothing */
        /* xbar_{t-k-1} = J_{t-k}^T xbar_{t-k} */
        const hth_real *J = jacobian_at(d, d->since - k);
        memset(before, 0, all * sizeof *before);
        for (size_t i = 0; i < all; i++)
            for (size_t j = 0; x[i] != 0 && j < all; j++) before[j] += x[i] * J[i * all + j];
        hth_real *const kept = x;
        x = before;
        before = kept;
    }
    return HTH_OK;
}

/* Keeps a state to begin from, with its input, every so many steps. */
static void keep_start(dynamics *d, const hth_instant *now) {
    const uint64_t points = d->plan->points, steps = d->plan->steps;
    const size_t inputs = d->shape.stream.inputs;
    for (size_t i = 0; d->smooth && now->x && i < inputs; i++)
        d->mean[i] += ((double)now->x[i] - d->mean[i]) / (double)(d->seen + 1);
    if (!points || !d->smooth || d->result.begun == points) return;
    if (d->seen * points / steps < d->result.begun) return;
    const size_t at = d->result.begun++;
    hth_step_get(d->map, d->starts + at * d->N);
    if (now->x) memcpy(d->inputs + at * inputs, now->x, inputs * sizeof *now->x);
    d->tokens[at] = now->token;
}

static hth_status step(dynamics *d, hth_error *error) {
    hth_instant now;
    HTH_TRY(hth_recorder_next(d->recorder, &now, error));
    if (now.starts) begin(d);
    d->since++;
    hth_real *J = jacobian_at(d, d->since);
    HTH_TRY(hth_step_take(d->map, now.x, now.token, error));
    hth_step_jacobian(d->map, J, NULL);
    if (d->smooth) add_exponents(d, J);
    keep_start(d, &now);
    d->seen++;
    return add_credit(d, &now, error);
}

/* ---- Rest points ------------------------------------------------------------------------------ */

/* A point is another where it is farther than this from all that are known. */
static const double near_by = 1e-3;
/* What rounding leaves of q at a fixed point. */
static const double nothing = sizeof(hth_real) == sizeof(double) ? 1e-20 : 1e-10;

static hth_rest_point *find_known(dynamics *d, const double *x) {
    for (size_t i = 0; i < d->result.count; i++) {
        double sum = 0;
        const double *y = d->result.points[i].x;
        for (size_t k = 0; k < d->N; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
        if (sqrt(sum) <= near_by) return &d->result.points[i];
    }
    return NULL;
}

static hth_status add_point(dynamics *d, struct hth_rest *rest, const hth_real *input,
                            int32_t token, double *x, double q, hth_error *error) {
    const size_t N = d->N;
    bool found;
    hth_rest_point *known = d->plan->held == HTH_HELD_MET ? NULL : find_known(d, x);
    if (known) {
        known->met++;
        return HTH_OK;
    }
    hth_rest_point *p = &d->result.points[d->result.count];
    p->x = calloc(3 * N, sizeof *p->x);
    if (!p->x) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a fixed point");
    d->result.count++;
    p->re = p->x + N;
    p->im = p->re + N;
    memcpy(p->x, x, N * sizeof *x);
    *p = (hth_rest_point){
        .q = q, .is_fixed = q < nothing, .met = 1, .x = p->x, .re = p->re, .im = p->im};
    HTH_TRY(hth_rest_eigenvalues(rest, input, token, x, p->re, p->im, &found, error));
    for (size_t i = 0; i < N; i++) {
        if (!found) p->re[i] = p->im[i] = (double)NAN;
        p->unstable += p->re[i] * p->re[i] + p->im[i] * p->im[i] > 1;
    }
    return HTH_OK;
}

static int more_often(const void *a, const void *b) {
    const hth_rest_point *x = a, *y = b;
    if (x->met != y->met) return x->met < y->met ? 1 : -1;
    return x->q < y->q ? -1 : x->q > y->q;
}

static hth_status find_points(dynamics *d, hth_error *error) {
    const size_t inputs = d->shape.stream.inputs;
    struct hth_rest *rest;
    hth_real *held = calloc(inputs + 1, sizeof *held);
    double *x = calloc(d->N, sizeof *x);
    hth_status status = held && x ? hth_rest_create(d->map, &rest, error)
                                  : hth_fail(error, HTH_NO_MEMORY, "not enough memory");
    if (status != HTH_OK) goto end;
    for (size_t i = 0; d->plan->held == HTH_HELD_MEAN && i < inputs; i++)
        held[i] = (hth_real)d->mean[i];
    for (size_t k = 0; k < d->result.begun && status == HTH_OK; k++) {
        const hth_real *input = d->plan->held == HTH_HELD_MET ? d->inputs + k * inputs : held;
        double q;
        bool found;
        if (hth_is_interrupted(d->plan->observer)) break;
        for (size_t i = 0; i < d->N; i++) x[i] = (double)d->starts[k * d->N + i];
        status = hth_rest_find(rest, input, d->tokens[k], x, &q, &found, error);
        if (status == HTH_OK && found)
            status = add_point(d, rest, input, d->tokens[k], x, q, error);
    }
    hth_rest_destroy(rest);
    if (d->result.count)
        qsort(d->result.points, d->result.count, sizeof *d->result.points, more_often);
end:
    free(held);
    free(x);
    return status;
}

/* ---- All together ----------------------------------------------------------------------------- */

/* Why the step is no smooth map; NULL: it is. */
static const char *why_not(const dynamics *d) {
    for (size_t l = 0; l < d->shape.layers; l++)
        if (hth_recorder_layer(d->recorder, l).spikes)
            return "its units spike: a spike is a step, whose derivative is 0 almost everywhere, "
                   "and that of learners is a pseudo-derivative";
    return NULL;
}

static hth_status make(dynamics *d, hth_error *error) {
    const hth_dynamics_plan *p = d->plan;
    const hth_step_sizes sizes = hth_step_map_sizes(d->map);
    const size_t N = d->N = sizes.units, all = d->all = sizes.all;
    const size_t points = (size_t)p->points, inputs = d->shape.stream.inputs;
    hth_dynamics *r = &d->result;
    r->why_not = why_not(d);
    d->smooth = !r->why_not;
    r->states = N;
    r->inputs = inputs;
    r->lags = d->lags = (size_t)p->lags;
    if (points && d->smooth && !sizes.sets)
        return hth_fail(error, HTH_INVALID,
                        "with delays the state of the units alone does not say what comes next, so "
                        "there are no fixed points of it; leave them out");
    if (points && d->smooth && d->shape.stream.vocabulary && p->held != HTH_HELD_MET)
        return hth_fail(error, HTH_INVALID,
                        "the input is a token, which is never zero and has no mean: hold the one "
                        "that each state was met with");
    d->ring = calloc(hth_times(hth_times(d->lags, all), all), sizeof *d->ring);
    d->back = calloc(2 * all + N, sizeof *d->back);
    d->Q = calloc(hth_times(2 * N + 1, N), sizeof *d->Q);
    r->exponents = calloc(N, sizeof *d->sums);
    r->credit = calloc(d->lags + 1, sizeof *d->norms);
    d->norm_counts = calloc(d->lags + 1, sizeof *d->norm_counts);
    d->mean = calloc(inputs + 1, sizeof *d->mean);
    d->starts = calloc(hth_times(points, N) + 1, sizeof *d->starts);
    d->inputs = calloc(hth_times(points, inputs) + 1, sizeof *d->inputs);
    d->tokens = calloc(points + 1, sizeof *d->tokens);
    r->points = calloc(points + 1, sizeof *r->points);
    if (!d->ring || !d->back || !d->Q || !r->exponents || !r->credit || !d->norm_counts ||
        !d->mean || !d->starts || !d->inputs || !d->tokens || !r->points)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for %zu lags of %zu states: fewer lags need less",
                        d->lags, all);
    d->credit = d->back + 2 * all;
    d->product = d->Q + N * N;
    d->scrap = d->product + N * N;
    d->sums = r->exponents;
    d->norms = r->credit;
    return HTH_OK;
}

/* Means of the sums. */
static hth_status finish(dynamics *d, hth_error *error) {
    hth_dynamics *r = &d->result;
    if (d->smooth && r->exponent_steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "no step counts: %llu steps were seen, and the first %llu of each sequence "
                        "are left out",
                        (unsigned long long)d->seen, (unsigned long long)d->plan->skip);
    for (size_t i = 0; i < d->N; i++) r->exponents[i] /= (double)r->exponent_steps;
    r->log_determinant /= (double)r->exponent_steps;
    for (size_t k = 0; k <= d->lags; k++) {
        r->credit[k] = d->norm_counts[k] ? r->credit[k] / (double)d->norm_counts[k] : (double)NAN;
        if (d->norm_counts[k]) r->reach = k;
    }
    r->unfinished = d->since > d->longest ? d->since : 0;
    if (!d->smooth) {
        free(r->exponents);
        r->exponents = NULL;
        r->log_determinant = (double)NAN;
    }
    return HTH_OK;
}

static hth_status run(dynamics *d, hth_error *error) {
    const hth_dynamics_plan *p = d->plan;
    d->shape = hth_recorder_shape(d->recorder);
    HTH_TRY(hth_recorder_map(d->recorder, &d->map, error));
    HTH_TRY(make(d, error));
    for (uint64_t t = 0; t < p->steps; t++) {
        if (hth_is_interrupted(p->observer)) return HTH_OK;
        HTH_TRY(step(d, error));
        hth_tell_tick(p->observer, t + 1, p->steps);
    }
    HTH_TRY(finish(d, error));
    return d->smooth && p->points ? find_points(d, error) : HTH_OK;
}

hth_status hth_dynamics_find(const hth_dynamics_plan *plan, hth_dynamics *out, bool *stopped,
                             hth_error *error) {
    /* The loss of a step is as it is, not divided by what its sequence adds up to. */
    const hth_setting sum[] = {{"loss.time", "sum", NULL}};
    const hth_settings none = {0}, ours = {sum, HTH_COUNT(sum)};
    hth_settings joined;
    dynamics d = {.plan = plan};
    *out = (hth_dynamics){0};
    *stopped = false;
    HTH_TRY(hth_settings_join(plan->overrides ? plan->overrides : &none, &ours, &joined, error));
    const hth_record_plan record = {
        .run = plan->run, .split = plan->split, .overrides = &joined, .observer = plan->observer};
    hth_status status = hth_recorder_open(&record, &d.recorder, error);
    if (status == HTH_OK) status = run(&d, error);
    *stopped = hth_is_interrupted(plan->observer);
    hth_step_map_destroy(d.map);
    hth_recorder_close(d.recorder);
    free(d.ring), free(d.back), free(d.Q), free(d.norm_counts), free(d.mean);
    free(d.starts), free(d.inputs), free(d.tokens);
    free((void *)(uintptr_t)joined.items);
    if (status == HTH_OK && !*stopped)
        *out = d.result;
    else
        hth_dynamics_free(&d.result);
    return status;
}

void hth_dynamics_free(hth_dynamics *r) {
    for (size_t i = 0; r->points && i < r->count; i++) free(r->points[i].x);
    free(r->points), free(r->exponents), free(r->credit);
    *r = (hth_dynamics){0};
}

/* ---- Horizons --------------------------------------------------------------------------------- */

/* The least K of a sum that has `more` behind the reach. */
static size_t horizon(const hth_dynamics *r, double share, double more) {
    double all = more, sum = 0;
    for (size_t k = 0; k <= r->reach && isfinite(r->credit[k]); k++) all += r->credit[k];
    for (size_t k = 0; k <= r->reach && isfinite(r->credit[k]) && all > 0; k++) {
        sum += r->credit[k];
        if (sum >= share * all) return k + 1;
    }
    return 0;
}

size_t hth_credit_horizon(const hth_dynamics *r, double share) {
    return horizon(r, share, 0);
}

bool hth_credit_is_cut(const hth_dynamics *r, double share) {
    const double last = r->credit[r->reach];
    if (!isfinite(last)) return true;
    return horizon(r, share, (double)(r->reach + 1) * last) != horizon(r, share, 0);
}

double hth_exponent_horizon(const hth_dynamics *r, double share) {
    if (!r->exponents) return (double)NAN;
    return r->exponents[0] < 0 ? hth_log64(1 - share) / r->exponents[0] : (double)INFINITY;
}
