/*
 * Receptive fields of units: see fields.h. The recorder walks over the data; a map of its own follows it and gives J_t
 * and G_t = dX_t/dx_t, so that dz_t/dx_{t-k} = e J_t .. J_{t-k+1} G_{t-k}.
 *
 * Cost of a step: a Jacobian, and lags N (N + inputs) for each unit. Memory: (lags + 1) N (N + inputs).
 */
#include "watch/fields.h"

#include "credit/inspect.h"
#include "watch/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums over the data, of one unit. */
typedef struct sums {
    double plain, least, most; /* sum of z where there are enough steps before; its range */
    double *before;            /* [lags + 1][inputs]: sum of z_t x_{t-k} */
} sums;

typedef struct fields {
    const hth_fields_plan *plan;
    hth_recorder *recorder;
    hth_step_map *map;
    size_t all, inputs, slots, place; /* slots: lags + 1; place: of the layer's z in X */
    bool smooth;
    hth_real *J, *G,
        *x; /* [slots][all][all], [slots][all][inputs], [slots][inputs]: of step t in t % slots */
    double *row, *next;        /* [all] each */
    double *low, *high, *mean; /* [inputs] of the data */
    double *plain;             /* [slots][inputs]: sum of x_{t-k} */
    uint64_t since, seen, counted;
    sums *sums;
    hth_real *trial; /* [3][slots][inputs]: inputs of the ascent, better ones, and the way up */
    hth_fields result;
} fields;

/* ---- Along the data --------------------------------------------------------------------------- */

static size_t slot_of(const fields *f, uint64_t t) {
    return (size_t)(t % f->slots);
}

static void note_inputs(fields *f, const hth_real *x) {
    for (size_t i = 0; i < f->inputs; i++) {
        const double value = (double)x[i];
        f->low[i] = f->seen ? fmin(f->low[i], value) : value;
        f->high[i] = f->seen ? fmax(f->high[i], value) : value;
        f->mean[i] += (value - f->mean[i]) / (double)(f->seen + 1);
    }
}

/* out[slots][inputs] += dz/dx of the unit at X's place `at`, lag by lag back from step t; out may be the sum of many.
 * */
static void add_slope(fields *f, size_t at, uint64_t t, double *out) {
    const size_t all = f->all;
    memset(f->row, 0, all * sizeof *f->row);
    f->row[at] = 1;
    for (size_t k = 0; k < f->slots; k++) {
        const hth_real *G = f->G + slot_of(f, t - k) * all * f->inputs;
        const hth_real *J = f->J + slot_of(f, t - k) * all * all;
        double *to = out + k * f->inputs;
        memset(f->next, 0, all * sizeof *f->next);
        for (size_t r = 0; r < all; r++) {
            const double c = f->row[r];
            if (c == 0) continue;
            for (size_t i = 0; i < f->inputs; i++) to[i] += c * (double)G[r * f->inputs + i];
            for (size_t j = 0; j < all; j++) f->next[j] += c * (double)J[r * all + j];
        }
        double *const kept = f->row;
        f->row = f->next;
        f->next = kept;
    }
}

static void add_unit(fields *f, size_t i, double z) {
    sums *s = &f->sums[i];
    s->least = f->counted ? fmin(s->least, z) : z;
    s->most = f->counted ? fmax(s->most, z) : z;
    s->plain += z;
    for (size_t k = 0; k < f->slots; k++) {
        const hth_real *x = f->x + slot_of(f, f->since - k) * f->inputs;
        for (size_t j = 0; j < f->inputs; j++) s->before[k * f->inputs + j] += z * (double)x[j];
    }
    if (f->smooth) add_slope(f, f->place + f->plan->units[i], f->since, f->result.units[i].slope);
}

static hth_status step(fields *f, hth_error *error) {
    hth_instant now;
    HTH_TRY(hth_recorder_next(f->recorder, &now, error));
    if (now.starts) {
        f->since = 0;
        if (f->smooth) hth_step_reset(f->map);
    }
    const size_t slot = slot_of(f, ++f->since), all = f->all;
    note_inputs(f, now.x);
    memcpy(f->x + slot * f->inputs, now.x, f->inputs * sizeof *now.x);
    if (f->smooth) {
        HTH_TRY(hth_step_take(f->map, now.x, -1, error));
        hth_step_jacobian(f->map, f->J + slot * all * all, f->G + slot * all * f->inputs);
    }
    f->seen++;
    if (f->since < f->slots) return HTH_OK;
    const hth_real *z = hth_recorder_z(f->recorder, (size_t)f->plan->layer);
    for (size_t i = 0; i < f->plan->count; i++) add_unit(f, i, (double)z[f->plan->units[i]]);
    for (size_t k = 0; k < f->slots; k++)
        for (size_t j = 0; j < f->inputs; j++)
            f->plain[k * f->inputs + j] += (double)f->x[slot_of(f, f->since - k) * f->inputs + j];
    f->counted++;
    return HTH_OK;
}

/* What the sums come to. */
static void finish_unit(fields *f, size_t i) {
    hth_field_of_unit *u = &f->result.units[i];
    const sums *s = &f->sums[i];
    const double n = (double)f->counted, whole = s->plain - n * s->least;
    u->mean = s->plain / n;
    u->most = s->most;
    u->reached = (double)NAN;
    for (size_t k = 0; k < f->slots * f->inputs; k++) {
        const double weighed = s->before[k] - s->least * f->plain[k];
        u->triggered[k] = weighed / whole - f->plain[k] / n;
        if (u->slope) u->slope[k] /= n;
    }
}

/* ---- Activity maximisation -------------------------------------------------------------------- */

/* Runs x[slots][inputs] from the start of a sequence; *z: the unit's at its end. */
static hth_status run_input(fields *f, const hth_real *x, size_t at, double *z, hth_error *error) {
    hth_real *state = f->trial + 3 * f->slots * f->inputs;
    hth_step_reset(f->map);
    for (size_t t = 0; t < f->slots; t++) {
        const size_t slot = slot_of(f, t);
        HTH_TRY(hth_step_take(f->map, x + t * f->inputs, -1, error));
        hth_step_jacobian(f->map, f->J + slot * f->all * f->all, f->G + slot * f->all * f->inputs);
    }
    hth_step_get(f->map, state);
    *z = (double)state[at];
    return HTH_OK;
}

/* How far an input may go, in which steps are counted. */
static double reach_of(const fields *f, size_t input) {
    return f->plan->norm > 0 ? f->plan->norm : f->high[input] - f->low[input];
}

/* Puts an input back where it may be: into the ranges, or as near to the mean as it has to be. */
static void hold(const fields *f, hth_real *x) {
    const size_t count = f->slots * f->inputs;
    const bool by_norm = f->plan->norm > 0;
    double square = 0;
    for (size_t j = 0; !by_norm && j < count; j++)
        x[j] = (hth_real)fmin(fmax((double)x[j], f->low[j % f->inputs]), f->high[j % f->inputs]);
    for (size_t j = 0; by_norm && j < count; j++) {
        const double from = (double)x[j] - f->mean[j % f->inputs];
        square += from * from;
    }
    const double shrink = by_norm && square > 0 ? f->plan->norm / sqrt(square) : 1;
    for (size_t j = 0; shrink < 1 && j < count; j++) {
        const double mean = f->mean[j % f->inputs];
        x[j] = (hth_real)(mean + shrink * ((double)x[j] - mean));
    }
}

/* The way up at the input that was run last, of length 1 where each input is counted in its reach. False: none. */
static bool find_way(fields *f, size_t at, hth_real *way) {
    const size_t inputs = f->inputs, last = f->slots - 1;
    double square = 0, *slope = calloc(f->slots * inputs, sizeof *slope);
    if (!slope) return false;
    add_slope(f, at, last, slope);
    for (size_t k = 0; k < f->slots; k++)
        for (size_t i = 0; i < inputs; i++) {
            const double by_reach = slope[k * inputs + i] * reach_of(f, i);
            square += by_reach * by_reach;
        }
    for (size_t k = 0; k < f->slots && square > 0; k++)
        for (size_t i = 0; i < inputs; i++) {
            const double reach = reach_of(f, i);
            way[(last - k) * inputs + i] =
                (hth_real)(slope[k * inputs + i] * reach * reach / sqrt(square));
        }
    free(slope);
    return square > 0;
}

/* Climbs from the mean input, with steps that grow where they help and shrink where they do not. */
static hth_status climb(fields *f, size_t i, hth_error *error) {
    enum { MOST = 300 };
    const size_t count = f->slots * f->inputs, at = f->place + f->plan->units[i];
    hth_real *x = f->trial, *better = x + count, *way = better + count;
    hth_field_of_unit *u = &f->result.units[i];
    double rate = 0.5;
    for (size_t k = 0; k < count; k++) x[k] = (hth_real)f->mean[k % f->inputs];
    HTH_TRY(run_input(f, x, at, &u->reached, error));
    for (int k = 0; k < MOST && rate > 1e-6 && find_way(f, at, way); k++) {
        double z;
        for (size_t j = 0; j < count; j++)
            better[j] = (hth_real)((double)x[j] + rate * (double)way[j]);
        hold(f, better);
        HTH_TRY(run_input(f, better, at, &z, error));
        if (z > u->reached) {
            memcpy(x, better, count * sizeof *x);
            rate *= 2;
            u->reached = z;
        } else { /* back to where the way was found */
            rate /= 4;
            HTH_TRY(run_input(f, x, at, &z, error));
        }
    }
    for (size_t k = 0; k < f->slots; k++) /* by lag */
        for (size_t j = 0; j < f->inputs; j++)
            u->best[k * f->inputs + j] = (double)x[(f->slots - 1 - k) * f->inputs + j];
    return HTH_OK;
}

/* ---- All together ----------------------------------------------------------------------------- */

static hth_status check(fields *f, hth_error *error) {
    const hth_fields_plan *p = f->plan;
    const hth_record_shape shape = hth_recorder_shape(f->recorder);
    if (shape.stream.vocabulary)
        return hth_fail(
            error, HTH_INVALID,
            "the input is a token, which has no field: it takes inputs that are numbers");
    if (p->layer >= shape.layers)
        return hth_fail(error, HTH_INVALID, "there is no layer %llu: the network has %zu, from 0",
                        (unsigned long long)p->layer, shape.layers);
    const hth_record_layer of = hth_recorder_layer(f->recorder, (size_t)p->layer);
    for (size_t i = 0; i < p->count; i++)
        if (p->units[i] >= of.units)
            return hth_fail(error, HTH_INVALID, "there is no unit %zu: layer %llu has 0..%zu",
                            p->units[i], (unsigned long long)p->layer, of.units - 1);
    f->inputs = shape.stream.inputs;
    f->slots = (size_t)p->lags + 1;
    f->smooth = true;
    for (size_t l = 0; l < shape.layers; l++)
        if (hth_recorder_layer(f->recorder, l).spikes) f->smooth = false;
    if (!f->smooth)
        f->result.why_not = "its units spike: a spike is a step, which has no slope to climb";
    return HTH_OK;
}

static hth_status make(fields *f, hth_error *error) {
    const size_t count = f->plan->count, area = f->slots * f->inputs;
    if (f->smooth) HTH_TRY(hth_recorder_map(f->recorder, &f->map, error));
    const size_t all = f->all = f->smooth ? hth_step_map_sizes(f->map).all : 0;
    if (f->smooth) f->place = hth_step_place(f->map, (size_t)f->plan->layer);
    hth_fields *r = &f->result;
    f->J = calloc(hth_times(hth_times(f->slots, all), all) + 1, sizeof *f->J);
    f->G = calloc(hth_times(area, all) + 1, sizeof *f->G);
    f->x = calloc(area, sizeof *f->x);
    f->row = calloc(all + 1, sizeof *f->row);
    f->next = calloc(all + 1, sizeof *f->next);
    f->low = calloc(3 * f->inputs + area, sizeof *f->low);
    f->trial = calloc(3 * area + all, sizeof *f->trial);
    f->sums = calloc(count, sizeof *f->sums);
    r->units = calloc(count, sizeof *r->units);
    bool good =
        f->J && f->G && f->x && f->row && f->next && f->low && f->trial && f->sums && r->units;
    for (size_t i = 0; good && i < count; i++) {
        hth_field_of_unit *u = &r->units[r->count++];
        u->unit = f->plan->units[i];
        u->triggered = calloc(3 * area, sizeof *u->triggered);
        f->sums[i].before = calloc(area, sizeof *f->sums[i].before);
        good = u->triggered && f->sums[i].before;
        u->slope = f->smooth && good ? u->triggered + area : NULL;
        u->best = f->smooth && good ? u->triggered + 2 * area : NULL;
    }
    if (!good)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for fields of %zu lags: fewer need less", f->slots - 1);
    f->high = f->low + f->inputs;
    f->mean = f->high + f->inputs;
    f->plain = f->mean + f->inputs;
    r->inputs = f->inputs;
    r->lags = f->slots - 1;
    return HTH_OK;
}

static hth_status run(fields *f, hth_error *error) {
    const hth_fields_plan *p = f->plan;
    HTH_TRY(check(f, error));
    HTH_TRY(make(f, error));
    for (uint64_t t = 0; t < p->steps; t++) {
        if (hth_is_interrupted(p->observer)) return HTH_OK;
        HTH_TRY(step(f, error));
        hth_tell_tick(p->observer, t + 1, p->steps);
    }
    if (f->counted == 0)
        return hth_fail(error, HTH_INVALID,
                        "no step has %llu before it in its sequence, of the %llu that were seen: "
                        "take fewer lags",
                        (unsigned long long)p->lags, (unsigned long long)p->steps);
    for (size_t i = 0; i < p->count; i++) {
        if (hth_is_interrupted(p->observer)) return HTH_OK;
        finish_unit(f, i);
        if (f->smooth) HTH_TRY(climb(f, i, error));
    }
    return HTH_OK;
}

hth_status hth_fields_find(const hth_fields_plan *plan, hth_fields *out, bool *stopped,
                           hth_error *error) {
    fields f = {.plan = plan};
    const hth_record_plan record = {.run = plan->run,
                                    .split = plan->split,
                                    .overrides = plan->overrides,
                                    .observer = plan->observer};
    *out = (hth_fields){0};
    *stopped = false;
    HTH_TRY(hth_recorder_open(&record, &f.recorder, error));
    const hth_status status = run(&f, error);
    *stopped = hth_is_interrupted(plan->observer);
    for (size_t i = 0; f.sums && i < plan->count; i++) free(f.sums[i].before);
    free(f.J), free(f.G), free(f.x), free(f.row), free(f.next), free(f.low), free(f.trial);
    free(f.sums);
    hth_step_map_destroy(f.map);
    hth_recorder_close(f.recorder);
    if (status == HTH_OK && !*stopped)
        *out = f.result;
    else
        hth_fields_free(&f.result);
    return status;
}

void hth_fields_free(hth_fields *r) {
    for (size_t i = 0; r->units && i < r->count; i++) free(r->units[i].triggered);
    free(r->units);
    *r = (hth_fields){0};
}
