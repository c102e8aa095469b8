/*
 * Records a run step by step: see record.h. The tape has one step. So q_t has no errors of later steps and equals
 * the learning signal L_t of Bellec et al. 2019, eq. 3, and the vectors eps_t that the past `trace` keeps are those
 * after each step. The eligibility trace is computed from them when a caller asks for it.
 *
 * Cost per step: one step of the forward pass and, with signals, one step of the learner.
 */
#include "watch/record.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "session/reopen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hth_recorder {
    hth_config *config;
    hth_session session; /* its train source is the split */
    hth_walk walk;       /* walks one step at a time; learner NULL: no signals */
    hth_tally tally;
    const char *learner_name;
    bool own, traces;
    hth_real *outputs;
    /* Sequences without a usable end are cut after this many steps; 0: sequences are not cut. */
    uint64_t cut;
    uint64_t sequence, step;
};

/* ---- Making ---------------------------------------------------------------------------------- */

/* Opens the run with the plan's overrides and a batch of one, and makes a tape of one step. */
static hth_status open_session(const hth_record_plan *plan, hth_recorder *r, hth_error *error) {
    /* The settings: the run's, then the plan's, then ours. */
    const hth_setting single[] = {{"train.validation_batch", "1", NULL}};
    const hth_settings none = {0}, ours = {single, HTH_COUNT(single)};
    hth_settings joined;
    HTH_TRY(hth_settings_join(plan->overrides ? plan->overrides : &none, &ours, &joined, error));
    hth_status status = hth_run_open(plan->run, plan->split, &joined, plan->observer, &r->config,
                                     &r->session, error);
    free((void *)(uintptr_t)joined.items);
    if (status != HTH_OK) return status;
    hth_session *s = &r->session;
    /* Refuse a network that reads the future. */
    if (hth_network_look(s->parts.network).is_whole)
        return hth_fail(error, HTH_INVALID,
                        "%s has network.direction both, or network.reads backward: its steps "
                        "depend on those to come, so it "
                        "cannot be watched one step at a time",
                        plan->run);
    hth_source_go_beyond(&s->train);
    /* Set up the walk and its tape. */
    r->walk = (hth_walk){.source = &s->train,
                         .tally = &r->tally,
                         .steps = 1,
                         .keep_state = s->options.keep_state,
                         .batch = 1};
    const size_t ahead = s->train.kind->answers ? 1 : 0;
    r->outputs = calloc(s->train.shape.outputs, sizeof *r->outputs);
    if (!r->outputs) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a recording");
    HTH_TRY(hth_tape_create(s->parts.network, 1 + ahead, 1, s->parts.compute, NULL,
                            &r->walk.parts.tape, error));
    hth_tape_dropout(r->walk.parts.tape, false);
    return HTH_OK;
}

static hth_status make_learner(hth_recorder *r, const char *name, hth_error *error) {
    const hth_setting items[] = {
        {"learner.name", name, NULL},           {"learner.signal", "preset", NULL},
        {"learner.recurrence", "preset", NULL}, {"learner.past", "preset", NULL},
        {"learner.future", "preset", NULL},     {"learner.window", "0", NULL},
        {"learner.trace", "full", NULL},        {"learner.postsynaptic", "derivative", NULL}};
    const hth_settings overrides = {items, name ? HTH_COUNT(items) : 0};
    const hth_settings settings = hth_config_settings(r->config);
    hth_session *s = &r->session;
    hth_settings joined;
    HTH_TRY(hth_settings_join(&settings, &overrides, &joined, error));
    hth_status status =
        hth_learner_create(&joined, s->parts.network, 1, 1, (uint64_t)s->options.seed,
                           s->parts.compute, NULL, &r->walk.parts.learner, error);
    free((void *)(uintptr_t)joined.items);
    return status;
}

/* Makes the run's own learner if it keeps a trace for each synapse, otherwise a plain one that does. */
static hth_status open_learner(hth_recorder *r, hth_error *error) {
    static const char stand_in[] = "eprop1-symmetric";
    const hth_settings settings = hth_config_settings(r->config);
    hth_learner_kind kind;
    HTH_TRY(hth_learner_choose(&settings, &kind, error));
    r->own = kind.keeps_traces && make_learner(r, NULL, NULL) == HTH_OK;
    if (!r->own) HTH_TRY(make_learner(r, stand_in, error));
    r->learner_name = r->own ? kind.name : stand_in;
    r->traces = hth_learner_look(r->walk.parts.learner).keeps_traces;
    if (r->own) HTH_TRY(hth_given_feedback(&r->session.train, r->walk.parts.learner, error));
    return hth_gradient_create(r->session.parts.network, NULL, &r->walk.parts.gradient, error);
}

/* The length to cut sequences to; 0: do not cut. Only a sequence that is endless or all of the data (a text) may be
 * cut to the length that was asked for. Without a request, endless and very long sequences are cut. */
static uint64_t cut_of(const hth_source *source, uint64_t asked) {
    enum { LONG = 20000, PIECE = 200 };
    const uint64_t whole = source->sequence_steps;
    if (asked) return whole == 0 || whole == source->epoch_steps ? asked : 0;
    return whole == 0 || whole > LONG ? PIECE : 0;
}

hth_status hth_recorder_open(const hth_record_plan *plan, hth_recorder **out, hth_error *error) {
    hth_recorder *r = calloc(1, sizeof *r);
    if (!r) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a recording");
    hth_status status = open_session(plan, r, error);
    if (status == HTH_OK && plan->signals) status = open_learner(r, error);
    if (status != HTH_OK) {
        hth_recorder_close(r);
        return status;
    }
    r->cut = cut_of(&r->session.train, plan->most_steps);
    *out = r;
    return HTH_OK;
}

void hth_recorder_close(hth_recorder *r) {
    if (!r) return;
    hth_gradient_destroy(r->walk.parts.gradient);
    hth_learner_destroy(r->walk.parts.learner);
    hth_tape_destroy(r->walk.parts.tape);
    hth_session_close(&r->session);
    hth_config_destroy(r->config);
    free(r->outputs);
    free(r);
}

/* ---- Facts ------------------------------------------------------------------------------------ */

hth_record_shape hth_recorder_shape(const hth_recorder *r) {
    const hth_source *source = &r->session.train;
    return (hth_record_shape){.stream = source->shape,
                              .layers = hth_network_look(r->session.parts.network).layers,
                              .sequence_steps = r->cut ? 0 : (size_t)source->sequence_steps,
                              .has_end = source->epoch_steps > 0,
                              .has_signals = r->walk.parts.learner != NULL,
                              .has_traces = r->traces,
                              .learner = r->learner_name,
                              .own = r->own};
}

hth_record_layer hth_recorder_layer(const hth_recorder *r, size_t l) {
    const hth_layer_facts layer = hth_layer_look(r->session.parts.network, l);
    hth_record_layer out = {.units = layer.units,
                            .inputs = layer.inputs,
                            .states = layer.states,
                            .rows = layer.rows,
                            .columns = layer.columns,
                            .spikes = layer.spikes,
                            .has_voltage = layer.has_voltage,
                            .heads = layer.heads,
                            .most = layer.most,
                            .every = layer.every};
    for (size_t k = 0; k < out.states && k < HTH_COUNT(out.state_names); k++)
        out.state_names[k] = layer.state_names[k];
    return out;
}

/* ---- Steps ------------------------------------------------------------------------------------ */

hth_status hth_recorder_rewind(hth_recorder *r, hth_error *error) {
    r->sequence = r->step = 0;
    return hth_walk_rewind(&r->walk, error);
}

static const hth_real *learning_signal(const hth_recorder *r) {
    const size_t top = hth_network_look(r->session.parts.network).layers - 1;
    return r->walk.parts.learner ? hth_learner_signal(r->walk.parts.learner, top) : NULL;
}

hth_status hth_recorder_next(hth_recorder *r, hth_instant *out, hth_error *error) {
    const hth_chunk *chunk = &r->walk.chunk;
    const bool is_first = r->tally.step == 0;
    /* Run one step; a learner first gets an empty gradient. */
    if (r->walk.parts.learner) hth_gradient_clear(r->walk.parts.gradient);
    HTH_TRY(hth_walk_tape(&r->walk, error));
    HTH_TRY(hth_tape_read(r->walk.parts.tape, 0, 1, r->outputs, error));
    /* Describe the step from the chunk that was on the tape. */
    *out = (hth_instant){.sequence = r->sequence,
                         .step = r->step,
                         .starts = is_first || (r->walk.flags.starts && !r->walk.keep_state),
                         .ends = r->walk.flags.ends || r->walk.flags.epoch_end ||
                                 (r->cut && r->step + 1 >= r->cut),
                         .over = r->walk.flags.epoch_end,
                         .x = chunk->x,
                         .token = chunk->tokens ? chunk->tokens[0] : -1,
                         .outputs = r->outputs,
                         .targets = chunk->targets,
                         .target_class = chunk->classes ? chunk->classes[0] : -1,
                         .weight = chunk->weights ? chunk->weights[0] : 1,
                         .signal = learning_signal(r)};
    /* Count steps and sequences. */
    r->step = out->ends ? 0 : r->step + 1;
    r->sequence += out->ends;
    return HTH_OK;
}

hth_status hth_recorder_say(hth_recorder *r, const hth_real *x, int32_t token,
                            const hth_real **outputs, hth_error *error) {
    const bool is_token = r->session.train.shape.vocabulary > 0;
    const hth_inputs in = {
        .steps = 1, .batch = 1, .x = is_token ? NULL : x, .tokens = is_token ? &token : NULL};
    hth_tape_begin(r->walk.parts.tape);
    HTH_TRY(hth_tape_write(r->walk.parts.tape, &in, error));
    HTH_TRY(hth_tape_read(r->walk.parts.tape, 0, 1, r->outputs, error));
    *outputs = r->outputs;
    return HTH_OK;
}

hth_status hth_recorder_map(const hth_recorder *r, struct hth_step_map **out, hth_error *error) {
    return hth_step_map_create(r->session.parts.network, r->session.parts.compute, out, error);
}

const char *hth_recorder_strays(const hth_recorder *r) {
    const hth_source *source = &r->session.train;
    return source->kind->strays ? source->kind->strays(source->state) : NULL;
}

void hth_recorder_spell(const hth_recorder *r, int32_t token, char *out, size_t size) {
    const hth_source *source = &r->session.train;
    *out = '\0';
    if (source->kind->spell) source->kind->spell(source->state, token, out, size);
}

bool hth_recorder_feeds_back(const hth_recorder *r) {
    return hth_layer_look(r->session.parts.network, 0).fed > 0;
}

size_t hth_recorder_carried(hth_recorder *r, hth_field *fields, size_t capacity) {
    const hth_source *source = &r->session.train;
    const size_t of_tape = hth_tape_state(r->walk.parts.tape, fields, capacity);
    const size_t used = of_tape < capacity ? of_tape : capacity;
    if (!source->kind->state) return of_tape;
    return of_tape +
           source->kind->state(source->state, fields ? fields + used : NULL, capacity - used);
}

/* A quantity of a layer on the tape, which has one step and one item. */
static const hth_real *view(const hth_recorder *r, size_t l, const char *what) {
    hth_view found = {0};
    hth_tape_view(r->walk.parts.tape, l, what, &found, NULL);
    return found.data;
}

const hth_real *hth_recorder_z(const hth_recorder *r, size_t l) {
    return view(r, l, "z");
}

const hth_real *hth_recorder_state(const hth_recorder *r, size_t l, size_t k) {
    return view(r, l, hth_layer_look(r->session.parts.network, l).state_names[k]);
}

size_t hth_recorder_reads(const hth_recorder *r, size_t l, size_t head, hth_row_read *rows) {
    const size_t most = hth_layer_look(r->session.parts.network, l).most;
    size_t count = 0;
    hth_tape_reads(r->walk.parts.tape, l, 0, 0, head, rows, most, &count, NULL);
    return count < most ? count : most;
}

/* ---- Traces ----------------------------------------------------------------------------------- */

double hth_recorder_threshold(const hth_recorder *r, size_t l, size_t unit) {
    return hth_tape_threshold(r->walk.parts.tape, l, unit);
}

hth_real hth_recorder_trace(const hth_recorder *r, size_t l, size_t row, size_t column) {
    hth_real e;
    const size_t at = hth_layer_column(r->session.parts.network, l, row, column);
    hth_learner_trace(r->walk.parts.learner, l, row, at, at + 1, &e);
    return e;
}

void hth_recorder_traces(const hth_recorder *r, size_t l, hth_real *out) {
    const hth_layer_facts layer = hth_layer_look(r->session.parts.network, l);
    const size_t m = layer.columns;
    for (size_t row = 0; row < layer.rows; row++)
        hth_learner_trace(r->walk.parts.learner, l, row, 0, m, out + row * m);
    hth_layer_keep_synapses(r->session.parts.network, l, out);
}

void hth_recorder_vectors(const hth_recorder *r, size_t l, hth_real *out) {
    const hth_layer_facts layer = hth_layer_look(r->session.parts.network, l);
    const size_t m = layer.columns;
    for (size_t k = 0; k < layer.states; k++, out += layer.rows * m) {
        for (size_t row = 0; row < layer.rows; row++)
            memcpy(out + row * m, hth_learner_vector(r->walk.parts.learner, l, k, row),
                   m * sizeof *out);
        hth_layer_keep_synapses(r->session.parts.network, l, out);
    }
}

void hth_recorder_synapses(const hth_recorder *r, size_t l, hth_real *out) {
    hth_layer_synapses(r->session.parts.network, l, out);
}

uint64_t hth_recorder_seed(const hth_recorder *r) {
    return (uint64_t)r->session.options.seed;
}
