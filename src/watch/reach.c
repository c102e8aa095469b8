/* How far back errors reach: see reach.h. Memory: that of a tape of all steps of the trials. */
#include "watch/reach.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "session/reopen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The trials, and one way back through them. */
typedef struct pass {
    const hth_reach_plan *plan;
    hth_config *config;
    hth_session session;
    hth_chunk chunk;   /* with weights of its own */
    hth_real *weights; /* [steps][batch]: of the last step of each trial that counts; 0 elsewhere */
    hth_real *errors;  /* [steps][batch][units]: dE/dz */
    size_t units;
    hth_network *empty; /* the run's, but its stores write no rows */
    hth_learner *learner;
    hth_tape *tape;
    hth_gradient *gradient;
} pass;

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory to see how far errors reach");
}

static void close_parts(pass *p) {
    hth_gradient_destroy(p->gradient);
    hth_learner_destroy(p->learner);
    hth_tape_destroy(p->tape);
    p->gradient = NULL;
    p->learner = NULL;
    p->tape = NULL;
}

static void close_pass(pass *p) {
    close_parts(p);
    hth_network_destroy(p->empty);
    if (p->config) hth_session_close(&p->session);
    hth_config_destroy(p->config);
    free(p->weights);
    free(p->errors);
}

/* ---- Opening ---- */

/* The run with a batch of the trials. */
static hth_status open_run(pass *p, hth_error *error) {
    const hth_reach_plan *plan = p->plan;
    const hth_settings none = {0};
    char batch[32];
    hth_settings joined;
    snprintf(batch, sizeof batch, "%llu", (unsigned long long)plan->trials);
    const hth_setting items[] = {{"train.validation_batch", batch, NULL}};
    const hth_settings ours = {items, HTH_COUNT(items)};
    HTH_TRY(hth_settings_join(plan->overrides ? plan->overrides : &none, &ours, &joined, error));
    const hth_status status =
        hth_run_open(plan->run, plan->split, &joined, NULL, &p->config, &p->session, error);
    free((void *)(uintptr_t)joined.items);
    return status;
}

/* The run's network, whose stores never come to the step of their first row; NULL: there are none. */
static hth_status open_empty(pass *p, hth_error *error) {
    const hth_network *network = p->session.parts.network;
    const hth_settings given = hth_config_settings(p->config);
    hth_setting items[HTH_MAX_LAYERS];
    char keys[HTH_MAX_LAYERS][48];
    size_t count = 0;
    hth_settings joined;
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        if (!layer.stores) continue;
        snprintf(keys[count], sizeof keys[count], "layer%zu.store.every", layer.number);
        items[count] = (hth_setting){keys[count], "1000000000", NULL};
        count++;
    }
    if (count == 0) return HTH_OK;
    const hth_settings ours = {items, count};
    HTH_TRY(hth_settings_join(&given, &ours, &joined, error));
    hth_status status =
        hth_network_create(&joined, &p->session.train.shape, (uint64_t)p->session.options.seed,
                           NULL, &p->empty, error);
    free((void *)(uintptr_t)joined.items);
    if (status == HTH_OK) status = hth_given_apply(&p->session.train, NULL, p->empty, error);
    if (status == HTH_OK)
        memcpy(hth_network_parameters(p->empty), hth_network_parameters(p->session.parts.network),
               hth_network_parameter_count(network) * sizeof(hth_real));
    return status;
}

static hth_status check(const pass *p, hth_error *error) {
    const hth_network *network = p->session.parts.network;
    const hth_reach_plan *plan = p->plan;
    const hth_network_facts facts = hth_network_look(network);
    if (p->session.train.kind->answers)
        return hth_fail(error, HTH_INVALID,
                        "%s is a run in a world, which has no error before its episode is over; "
                        "reach is of data and tasks",
                        plan->run);
    if (facts.is_whole)
        return hth_fail(error, HTH_INVALID,
                        "%s has network.direction both, or network.reads backward, so that a step "
                        "is behind and before another: reach has no one lag",
                        plan->run);
    if (plan->layer >= facts.layers || hth_layer_look(network, (size_t)plan->layer).stores)
        return hth_fail(error, HTH_INVALID,
                        "layer %llu is no layer of units: the network has layers 0..%zu, and z of "
                        "one of units is wanted (--layer)",
                        (unsigned long long)plan->layer, facts.layers - 1);
    return HTH_OK;
}

/* Steps of a tape. */
static size_t steps_of(const pass *p) {
    enum { LONG = 20000, PIECE = 200 };
    const uint64_t whole = p->session.train.sequence_steps, asked = p->plan->steps;
    if (whole == 0 || whole > LONG) return (size_t)(asked ? asked : PIECE);
    return (size_t)(asked && asked < whole ? asked : whole);
}

static hth_status open_parts(pass *p, const hth_network *network, hth_error *error) {
    const hth_setting items[] = {{"learner.name", "bptt", NULL}};
    const hth_settings settings = {items, HTH_COUNT(items)};
    hth_compute *compute = p->session.parts.compute;
    HTH_TRY(hth_learner_create(&settings, network, steps_of(p), (size_t)p->plan->trials, 1, compute,
                               NULL, &p->learner, error));
    HTH_TRY(hth_learner_tape(p->learner, compute, NULL, &p->tape, error));
    hth_tape_dropout(p->tape, false);
    HTH_TRY(hth_gradient_create(network, NULL, &p->gradient, error));
    hth_learner_watch(p->learner, (size_t)p->plan->layer, p->errors);
    return HTH_OK;
}

/* ---- Forward and back ---- */

/* The last step of an item that counts, and its weight; SIZE_MAX: none does. */
static size_t last_of(const hth_chunk *chunk, size_t item, hth_real *weight) {
    const size_t length = chunk->lengths ? chunk->lengths[item] : chunk->steps;
    for (size_t t = length; t-- > 0;) {
        *weight = chunk->weights ? chunk->weights[t * chunk->batch + item] : 1;
        if (*weight > 0) return t;
    }
    return SIZE_MAX;
}

/* The trials, of each of which the last step counts alone. */
static hth_status read_trials(pass *p, hth_error *error) {
    const hth_source *source = &p->session.train;
    const size_t items = hth_times(steps_of(p), (size_t)p->plan->trials);
    hth_position_flags flags;
    hth_chunk given;
    p->units = hth_layer_look(p->session.parts.network, (size_t)p->plan->layer).units;
    p->errors = calloc(hth_times(items, p->units), sizeof *p->errors);
    p->weights = calloc(items, sizeof *p->weights);
    if (!p->errors || !p->weights) return no_memory(error);
    HTH_TRY(source->kind->next(source->state, steps_of(p), &given, &flags, error));
    for (size_t b = 0; b < given.batch; b++) {
        hth_real weight;
        const size_t last = last_of(&given, b, &weight);
        if (last != SIZE_MAX) p->weights[last * given.batch + b] = weight;
    }
    p->chunk = given;
    p->chunk.weights = p->weights;
    p->chunk.ends = true;
    return HTH_OK;
}

static hth_status run(pass *p, hth_error *error) {
    hth_report report = {0};
    HTH_TRY(hth_forward(p->tape, &p->chunk, &report, error));
    return hth_learn(p->learner, p->tape, p->gradient, error);
}

/* |dE/dz| by lag, the mean over the trials that go back so far. */
static hth_status sum_up(const pass *p, size_t *count, double **out, hth_error *error) {
    const size_t batch = p->chunk.batch, steps = p->chunk.steps;
    size_t *trials = calloc(steps, sizeof *trials);
    *out = calloc(steps, sizeof **out);
    if (!trials || !*out) {
        free(trials);
        return no_memory(error);
    }
    for (size_t b = 0; b < batch; b++) {
        hth_real weight;
        const size_t last = last_of(&p->chunk, b, &weight);
        for (size_t lag = 0; last != SIZE_MAX && lag <= last; lag++) {
            const hth_real *z = p->errors + ((last - lag) * batch + b) * p->units;
            double square = 0;
            for (size_t j = 0; j < p->units; j++) square += (double)z[j] * (double)z[j];
            (*out)[lag] += sqrt(square);
            trials[lag]++;
        }
    }
    *count = 0;
    while (*count < steps && trials[*count] > 0) {
        (*out)[*count] /= (double)trials[*count];
        ++*count;
    }
    free(trials);
    return HTH_OK;
}

static hth_status go(pass *p, const hth_network *network, size_t *count, double **out,
                     hth_error *error) {
    close_parts(p);
    HTH_TRY(open_parts(p, network, error));
    HTH_TRY(run(p, error));
    return sum_up(p, count, out, error);
}

static hth_status find(pass *p, hth_reach *out, hth_error *error) {
    HTH_TRY(open_run(p, error));
    HTH_TRY(check(p, error));
    HTH_TRY(open_empty(p, error));
    HTH_TRY(read_trials(p, error));
    HTH_TRY(go(p, p->session.parts.network, &out->count, &out->with, error));
    if (out->count == 0)
        return hth_fail(error, HTH_INVALID, "no step of the %s data of %s counts in the loss",
                        p->plan->split, p->plan->run);
    return p->empty ? go(p, p->empty, &out->count, &out->alone, error) : HTH_OK;
}

hth_status hth_reach_find(const hth_reach_plan *plan, hth_reach *out, hth_error *error) {
    pass p = {.plan = plan};
    *out = (hth_reach){0};
    const hth_status status = find(&p, out, error);
    close_pass(&p);
    return status;
}

void hth_reach_free(hth_reach *reach) {
    free(reach->with);
    free(reach->alone);
    *reach = (hth_reach){0};
}
