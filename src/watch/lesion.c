/*
 * Lesions: see lesion.h. Units are clamped on the tape (hth_tape_clamp); blocks of weights are changed in the session's
 * network, which nobody else has, and put back. Each score is a pass of the scorer over the same data.
 *
 * Cost: a forward pass over the split a lesion, and one before for the means and deviations of the units.
 */
#include "watch/lesion.h"

#include "base/random.h"
#include "network/inspect.h"
#include "session/reopen.h"
#include "session/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct group {
    char name[40];        /* "0..7" */
    unsigned char *units; /* [units of the layer]: whether they belong to it */
} group;

typedef struct lesions {
    const hth_lesion_plan *plan;
    hth_config *config;
    hth_session session;
    hth_scorer scorer;
    const hth_network *network;
    hth_network_facts facts;
    size_t first[HTH_MAX_LAYERS + 1]; /* where a layer's units begin among all */
    double *sum, *squares;            /* [units of all layers], over the steps of the first pass */
    double seen;                      /* steps times items of it */
    hth_real *keep, *put, *spread;    /* [units of all layers] */
    unsigned char *hurt;              /* [units of all layers]: whether it is hurt */
    size_t layer, group_count;        /* of the groups */
    group *groups;                    /* NULL: none are given */
    hth_real *kept, *mask; /* [parameters]: as they were; 0 where there is no connection */
    hth_watch watch;
    size_t capacity;
    hth_lesion_result result;
} lesions;

/* ---- Scores ----------------------------------------------------------------------------------- */

static bool is_stopped(const lesions *l) {
    return hth_is_interrupted(l->plan->observer);
}

/* One pass over the split with the network as it is. */
static hth_status score(lesions *l, const hth_watch *watch, double *loss, double *metric,
                        hth_error *error) {
    bool stopped;
    HTH_TRY(hth_scorer_run(&l->scorer, watch, &stopped, error));
    const hth_report *sums = &l->scorer.tally.sums;
    if (!(sums->weight > 0) && !is_stopped(l))
        return hth_fail(error, HTH_INVALID,
                        "no step of the split has weight: there is nothing to score");
    *loss = hth_mean_loss(sums);
    *metric = hth_run_metric_value(&l->session.metric, sums, &l->scorer.moments);
    return HTH_OK;
}

/* Adds what the units did on the tape to their sums. */
static void add_tape(void *context) {
    lesions *l = context;
    const hth_chunk *chunk = &l->scorer.walk.chunk;
    for (size_t k = 0; k < l->facts.layers; k++) {
        hth_view z;
        hth_tape_view(l->scorer.walk.parts.tape, k, "z", &z, NULL);
        double *sum = l->sum + l->first[k], *squares = l->squares + l->first[k];
        for (size_t b = 0; b < z.batch; b++) {
            const size_t steps = chunk->lengths ? chunk->lengths[b] : chunk->steps;
            for (size_t t = 0; t < steps; t++) {
                const hth_real *at = z.data + t * z.step_stride + b * z.item_stride;
                for (size_t j = 0; j < z.units; j++) {
                    sum[j] += (double)at[j];
                    squares[j] += (double)at[j] * (double)at[j];
                }
            }
            if (k == 0) l->seen += (double)steps;
        }
    }
}

/* ---- Hurting ---------------------------------------------------------------------------------- */

/* Clamps the units of l->hurt, and leaves the others as they are. */
static void clamp(lesions *l, hth_clamp clamps[HTH_MAX_LAYERS], bool on) {
    const hth_lesion_plan *p = l->plan;
    for (size_t k = 0; k < l->facts.layers; k++) {
        bool any = false;
        for (size_t i = l->first[k]; i < l->first[k + 1]; i++) {
            const double mean = l->seen > 0 ? l->sum[i] / l->seen : 0;
            const double power = l->seen > 0 ? l->squares[i] / l->seen - mean * mean : 0;
            const bool hurt = on && l->hurt[i], noisy = p->to == HTH_LESION_NOISE;
            l->keep[i] = !hurt || noisy;
            l->put[i] =
                !hurt || noisy ? 0 : (hth_real)(p->to == HTH_LESION_MEAN ? mean : p->amount);
            l->spread[i] = hurt && noisy ? (hth_real)(p->amount * sqrt(fmax(power, 0))) : 0;
            any = any || hurt;
        }
        const size_t at = l->first[k];
        clamps[k] = (hth_clamp){l->keep + at, l->put + at,
                                p->to == HTH_LESION_NOISE ? l->spread + at : NULL,
                                (uint64_t)l->session.options.seed};
        hth_tape_clamp(l->scorer.walk.parts.tape, k, any ? &clamps[k] : NULL);
    }
}

/* Adds a lesion to the result, with its name, and its scores as the network is now. */
static hth_status add(lesions *l, hth_lesion lesion, hth_error *error) {
    hth_lesion_result *r = &l->result;
    if (is_stopped(l)) return HTH_OK;
    HTH_TRY(score(l, &l->watch, &lesion.loss, &lesion.metric, error));
    const double worse = l->session.metric.kind->rises ? -1 : 1;
    lesion.damage = r->by_metric ? worse * (lesion.metric - r->metric) : lesion.loss - r->loss;
    if (r->count == l->capacity) {
        l->capacity = 2 * l->capacity + 64;
        hth_lesion *items = realloc(r->items, l->capacity * sizeof *items);
        if (!items) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for lesions");
        r->items = items;
    }
    r->items[r->count++] = lesion;
    return HTH_OK;
}

static void tick(const lesions *l, uint64_t all) {
    if (!is_stopped(l)) hth_tell_tick(l->plan->observer, l->result.count, all);
}

/* The units that are marked are hurt, scored and healed. */
static hth_status hurt_marked(lesions *l, hth_lesion lesion, hth_error *error) {
    hth_clamp clamps[HTH_MAX_LAYERS];
    clamp(l, clamps, true);
    const hth_status status = add(l, lesion, error);
    clamp(l, clamps, false);
    return status;
}

static hth_status hurt_units(lesions *l, hth_error *error) {
    const bool all = l->plan->layer == HTH_LESION_ALL_LAYERS;
    const size_t from = all ? 0 : (size_t)l->plan->layer, to = all ? l->facts.layers : from + 1;
    for (size_t k = from, i = l->first[from]; i < l->first[to]; i++) {
        while (i == l->first[k + 1]) k++;
        hth_lesion lesion = {.layer = (int32_t)k, .unit = (int32_t)(i - l->first[k])};
        char where[32] = "";
        if (l->facts.layers > 1) snprintf(where, sizeof where, "layer %zu, ", k);
        snprintf(lesion.name, sizeof lesion.name, "%sunit %d", where, lesion.unit);
        memset(l->hurt, 0, l->first[l->facts.layers]);
        l->hurt[i] = 1;
        HTH_TRY(hurt_marked(l, lesion, error));
        tick(l, l->first[to] - l->first[from]);
    }
    return HTH_OK;
}

/* ---- Groups ----------------------------------------------------------------------------------- */

/* Marks the units of the group that the text begins with. *end: where it ends. False: it is none. */
static bool read_group(const char *text, size_t units, unsigned char *out, const char **end) {
    char *rest;
    memset(out, 0, units);
    do {
        unsigned long long from, to;
        if (*text < '0' || *text > '9') return false;
        from = to = strtoull(text, &rest, 10);
        if (strncmp(rest, "..", 2) == 0) {
            if (rest[2] < '0' || rest[2] > '9') return false;
            to = strtoull(rest + 2, &rest, 10);
        }
        if (to < from || to >= units) return false;
        memset(out + from, 1, (size_t)(to - from) + 1);
        text = rest + 1;
    } while (*rest == '+');
    *end = rest;
    return *rest == ',' || !*rest;
}

/* Reads the groups of the plan, units of the only layer or of the one that the plan names. */
static hth_status read_groups(lesions *l, hth_error *error) {
    const bool any = l->plan->layer == HTH_LESION_ALL_LAYERS;
    if (any && l->facts.layers > 1)
        return hth_fail(error, HTH_INVALID,
                        "groups are units of one layer, but the network has %zu: say which",
                        l->facts.layers);
    l->layer = any ? 0 : (size_t)l->plan->layer;
    const size_t units = l->first[l->layer + 1] - l->first[l->layer];
    l->groups = calloc(strlen(l->plan->groups) + 1, sizeof *l->groups);
    for (const char *text = l->plan->groups, *end; l->groups; text = end + 1) {
        group *g = &l->groups[l->group_count++];
        g->units = calloc(units, 1);
        if (!g->units) break;
        if (!read_group(text, units, g->units, &end))
            return hth_fail(error, HTH_INVALID,
                            "the groups are '%.200s', but must be such as 0..7,8+9+12: units of a "
                            "layer that has 0..%zu",
                            l->plan->groups, units - 1);
        snprintf(g->name, sizeof g->name, "%.*s", (int)(end - text < 32 ? end - text : 32), text);
        if (!*end) return HTH_OK;
    }
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for groups of units");
}

static hth_status hurt_groups(lesions *l, hth_error *error) {
    const size_t first = l->first[l->layer], units = l->first[l->layer + 1] - first;
    for (size_t i = 0; i < l->group_count; i++) {
        hth_lesion lesion = {.layer = (int32_t)l->layer, .unit = -1};
        snprintf(lesion.name, sizeof lesion.name, "units %s", l->groups[i].name);
        memcpy(l->hurt + first, l->groups[i].units, units);
        HTH_TRY(hurt_marked(l, lesion, error));
        tick(l, l->group_count);
    }
    return HTH_OK;
}

/* ---- Blocks of weights ------------------------------------------------------------------------ */

/* Weights that are hurt together: their places in the parameters. */
typedef struct weights {
    size_t count, *at;
} weights;

/* Hurts the weights that there are, scores and puts them back. Nothing is added where there is none. */
static hth_status hurt_weights(lesions *l, const weights *w, hth_lesion lesion, hth_error *error) {
    const hth_lesion_plan *p = l->plan;
    const hth_random random = {(uint64_t)l->session.options.seed, HTH_RANDOM_LESION, UINT32_MAX};
    hth_real *theta = hth_network_parameters(l->session.parts.network);
    double sum = 0, squares = 0;
    if (w->count == 0) return HTH_OK;
    for (size_t i = 0; i < w->count; i++) {
        sum += (double)l->kept[w->at[i]];
        squares += (double)l->kept[w->at[i]] * (double)l->kept[w->at[i]];
    }
    const double mean = sum / (double)w->count;
    const double deviation = sqrt(fmax(squares / (double)w->count - mean * mean, 0));
    for (size_t i = 0; i < w->count; i++) {
        hth_real *at = &theta[w->at[i]];
        if (p->to == HTH_LESION_NOISE)
            *at += (hth_real)(p->amount * deviation * hth_random_normal(&random, w->at[i]));
        else
            *at = (hth_real)(p->to == HTH_LESION_MEAN ? mean : p->amount);
    }
    const hth_status status = add(l, lesion, error);
    theta = hth_network_parameters(l->session.parts.network);
    for (size_t i = 0; i < w->count; i++) theta[w->at[i]] = l->kept[w->at[i]];
    return status;
}

/* Adds a place, if there is a connection. */
static void put_place(const lesions *l, weights *w, size_t at) {
    if (l->mask[at] != 0) w->at[w->count++] = at;
}

/* The weight that stands in this column without delays. */
static void put_weight(const lesions *l, weights *w, size_t layer, size_t row, size_t column) {
    const hth_layer_facts of = hth_layer_look(l->network, layer);
    const size_t at = hth_layer_column(l->network, layer, row, column);
    put_place(l, w, of.weight + row * of.columns + at);
}

/* Rows from..from+rows-1 of a layer's weights, and columns from..to-1 of [z; x; 1] as they are without delays. */
static hth_status hurt_part(lesions *l, weights *w, size_t layer, size_t row, size_t rows,
                            size_t from, size_t to, const char *gate, const char *what,
                            hth_error *error) {
    hth_lesion lesion = {.layer = (int32_t)layer, .unit = -1};
    char where[32] = "";
    if (l->facts.layers > 1) snprintf(where, sizeof where, "layer %zu, ", layer);
    snprintf(lesion.name, sizeof lesion.name, "%s%s%s%s%s", where, *gate ? "gate " : "", gate,
             *gate ? ", " : "", what);
    w->count = 0;
    for (size_t r = row; r < row + rows; r++)
        for (size_t c = from; c < to; c++) put_weight(l, w, layer, r, c);
    return hurt_weights(l, w, lesion, error);
}

static hth_status hurt_layer(lesions *l, weights *w, size_t layer, hth_error *error) {
    const hth_layer_facts of = hth_layer_look(l->network, layer);
    const size_t gates = of.drives ? of.drives : 1, rows = of.rows / gates;
    const size_t n = of.units, x = of.inputs + of.fed;
    for (size_t g = 0; g < gates; g++) {
        const char *gate = of.drives > 1 ? of.drive_names[g] : "";
        HTH_TRY(hurt_part(l, w, layer, g * rows, rows, 0, n, gate, "from units", error));
        HTH_TRY(hurt_part(l, w, layer, g * rows, rows, n, n + x, gate, "from inputs", error));
        HTH_TRY(hurt_part(l, w, layer, g * rows, rows, n + x, n + x + 1, gate, "bias", error));
    }
    return HTH_OK;
}

/* What is no layer's: the readout, an embedding. */
static hth_status hurt_others(lesions *l, weights *w, hth_error *error) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(l->network, &count);
    for (size_t i = 0; i < count; i++) {
        hth_lesion lesion = {.layer = -1, .unit = -1};
        const hth_block *block = &blocks[i];
        if (strcmp(block->group, "readout") != 0 && strcmp(block->group, "embedding") != 0)
            continue;
        snprintf(lesion.name, sizeof lesion.name, "%s", block->name);
        w->count = 0;
        for (size_t k = 0; k < block->rows * block->columns; k++)
            put_place(l, w, block->offset + k);
        HTH_TRY(hurt_weights(l, w, lesion, error));
    }
    return HTH_OK;
}

/* The recurrent weights of all gates from each group to each. */
static hth_status hurt_pairs(lesions *l, weights *w, hth_error *error) {
    const hth_layer_facts of = hth_layer_look(l->network, l->layer);
    for (size_t i = 0; i < l->group_count * l->group_count; i++) {
        const group *to = &l->groups[i / l->group_count], *from = &l->groups[i % l->group_count];
        hth_lesion lesion = {.layer = (int32_t)l->layer, .unit = -1};
        snprintf(lesion.name, sizeof lesion.name, "to %s from %s", to->name, from->name);
        w->count = 0;
        for (size_t r = 0; of.drives && r < of.rows; r++)
            for (size_t c = 0; c < of.units; c++)
                if (to->units[r % of.units] && from->units[c]) put_weight(l, w, l->layer, r, c);
        HTH_TRY(hurt_weights(l, w, lesion, error));
        tick(l, l->group_count * l->group_count);
    }
    return HTH_OK;
}

static hth_status hurt_blocks(lesions *l, hth_error *error) {
    const size_t count = hth_network_parameter_count(l->network);
    const bool all = l->plan->layer == HTH_LESION_ALL_LAYERS;
    weights w = {0, calloc(count, sizeof *w.at)};
    if (!w.at) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for lesions");
    hth_status status = l->groups ? hurt_pairs(l, &w, error) : HTH_OK;
    for (size_t k = 0; k < l->facts.layers && !l->groups && status == HTH_OK; k++)
        if (all || l->plan->layer == k) status = hurt_layer(l, &w, k, error);
    if (status == HTH_OK && !l->groups && all) status = hurt_others(l, &w, error);
    free(w.at);
    return status;
}

/* ---- All together ----------------------------------------------------------------------------- */

static hth_status make(lesions *l, hth_error *error) {
    const size_t parameters = hth_network_parameter_count(l->network);
    l->facts = hth_network_look(l->network);
    for (size_t k = 0; k < l->facts.layers; k++)
        l->first[k + 1] = l->first[k] + hth_layer_look(l->network, k).units;
    if (l->plan->layer != HTH_LESION_ALL_LAYERS && l->plan->layer >= l->facts.layers)
        return hth_fail(error, HTH_INVALID, "there is no layer %llu: the network has %zu, from 0",
                        (unsigned long long)l->plan->layer, l->facts.layers);
    const size_t units = l->first[l->facts.layers];
    l->sum = calloc(2 * units, sizeof *l->sum);
    l->keep = calloc(3 * units, sizeof *l->keep);
    l->hurt = calloc(units, 1);
    l->kept = calloc(2 * parameters, sizeof *l->kept);
    if (!l->sum || !l->keep || !l->hurt || !l->kept)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for lesions");
    l->squares = l->sum + units;
    l->put = l->keep + units;
    l->spread = l->put + units;
    l->mask = l->kept + parameters;
    if (l->plan->groups) HTH_TRY(read_groups(l, error));
    memcpy(l->kept, hth_network_parameters(l->session.parts.network), parameters * sizeof *l->kept);
    hth_parameter_mask(l->network, l->mask);
    return HTH_OK;
}

/* The most harmful first; equals in the order in which they were hurt. */
static int compare(const void *a, const void *b) {
    const hth_lesion *x = a, *y = b;
    if (x->damage != y->damage && !isnan(x->damage) && !isnan(y->damage))
        return x->damage < y->damage ? 1 : -1;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    return x->unit != y->unit ? (x->unit < y->unit ? -1 : 1) : strcmp(x->name, y->name);
}

static hth_status run(lesions *l, hth_error *error) {
    const hth_observer *observer = l->plan->observer;
    hth_lesion_result *r = &l->result;
    l->watch = (hth_watch){.stop = observer ? observer->interrupted : NULL};
    const hth_watch summing = {add_tape, l, l->watch.stop};
    HTH_TRY(make(l, error));
    HTH_TRY(hth_scorer_take(&l->session, &l->scorer, error));
    hth_tape_dropout(l->scorer.walk.parts.tape, false);
    /* As it is, then without each. */
    HTH_TRY(score(l, &summing, &r->loss, &r->metric, error));
    r->steps = l->scorer.tally.step;
    r->by_metric = l->session.metric.kind->of_world;
    r->metric_name =
        l->session.metric.kind->of_training ? "none" : l->session.metric.kind->part.name;
    static hth_status (*const ways[])(lesions *, hth_error *) = {[HTH_LESION_UNITS] = hurt_units,
                                                                 [HTH_LESION_GROUPS] = hurt_groups,
                                                                 [HTH_LESION_BLOCKS] = hurt_blocks};
    HTH_TRY(ways[l->plan->of](l, error));
    if (r->count) qsort(r->items, r->count, sizeof *r->items, compare);
    return HTH_OK;
}

hth_status hth_lesion_run(const hth_lesion_plan *plan, hth_lesion_result *out, bool *stopped,
                          hth_error *error) {
    lesions l = {.plan = plan};
    *out = (hth_lesion_result){0};
    *stopped = false;
    HTH_TRY(hth_run_open(plan->run, plan->split, plan->overrides, plan->observer, &l.config,
                         &l.session, error));
    l.network = l.session.parts.network;
    const hth_status status = run(&l, error);
    *stopped = is_stopped(&l);
    free(l.sum), free(l.keep), free(l.hurt), free(l.kept);
    for (size_t i = 0; l.groups && i < l.group_count; i++) free(l.groups[i].units);
    free(l.groups);
    hth_scorer_close(&l.scorer);
    hth_session_close(&l.session);
    hth_config_destroy(l.config);
    if (status == HTH_OK && !*stopped)
        *out = l.result;
    else
        hth_lesion_free(&l.result);
    return status;
}

void hth_lesion_free(hth_lesion_result *result) {
    free(result->items);
    *result = (hth_lesion_result){0};
}
