/* The way of a row: through the network, and its answer to the learner. */
#include "run/online_state.h"

#include "base/functions64.h"
#include "credit/catalogues.h"
#include "credit/inspect.h"
#include "files/clock.h"
#include "files/digest.h"
#include "model/inspect.h"
#include "network/inspect.h"
#include "optim/inspect.h"
#include "session/adopt.h"
#include "settings/sections.h"
#include "tasks/catalogues.h"

#include <stdlib.h>
#include <string.h>

/* ---- Opening ------------------------------------------------------------------------------ */

/* The section train is of runs, but for what a stream has too. */
static hth_status check_train(const hth_config *config, hth_error *error) {
    static const char *const own[] = {"train.seed", "train.threads", "train.precision",
                                      "train.from", "train.from_layers"};
    const hth_settings given = hth_config_given(config);
    for (size_t i = 0; i < given.count; i++) {
        const char *key = given.items[i].key;
        bool means = strncmp(key, "train.", 6) != 0;
        for (size_t k = 0; k < HTH_COUNT(own); k++) means = means || strcmp(key, own[k]) == 0;
        if (!means)
            return hth_fail(error, HTH_INVALID,
                            "%s (%s) is of runs with an end ('hitherto train'), and nothing in a "
                            "stream: leave it "
                            "out",
                            key, given.items[i].origin ? given.items[i].origin : "set");
    }
    return HTH_OK;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Lays the block out; with base NULL it only counts. */
static void lay_out(hth_online *o, hth_arena *arena) {
    o->counters = HTH_TAKE(arena, hth_online_counters, 1);
    o->score = HTH_TAKE(arena, hth_online_score, 1);
    o->input_scale = HTH_TAKE(arena, hth_scale, o->inputs);
    o->output_scale = HTH_TAKE(arena, hth_scale, o->targets);
    o->base_scale = HTH_TAKE(arena, hth_scale, o->targets);
    o->held = HTH_TAKE(arena, double, o->inputs);
    o->known = HTH_TAKE(arena, double, o->targets);
    o->class_counts = HTH_TAKE(arena, double, o->classes);
    o->slot = HTH_TAKE(arena, double, hth_times(o->slots, o->slot_width));
    o->slot_name = HTH_TAKE(arena, uint64_t, o->slots);
    o->slot_open = HTH_TAKE(arena, uint64_t, o->slots);
    o->x = HTH_TAKE(arena, hth_real, o->width);
    o->y = HTH_TAKE(arena, hth_real, o->outputs);
    o->answer = HTH_TAKE(arena, hth_real, o->targets);
    o->forecast = HTH_TAKE(arena, double, o->outputs);
}

static hth_status make_block(hth_online *o, hth_error *error) {
    hth_arena arena = {0};
    lay_out(o, &arena);
    o->block = aligned_alloc(64, arena.used + (64 - arena.used % 64));
    if (!o->block)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the stream: %zu bytes",
                        arena.used);
    memset(o->block, 0, arena.used);
    arena = (hth_arena){.base = o->block};
    lay_out(o, &arena);
    o->block_bytes = arena.used;
    for (size_t i = 0; i < o->inputs; i++) o->held[i] = NAN;
    for (size_t i = 0; i < o->targets; i++) o->known[i] = NAN;
    return HTH_OK;
}

static hth_status make_model(hth_online *o, const hth_settings *settings, hth_error *error) {
    int64_t seed, threads;
    HTH_TRY(hth_common_option(&hth_train_section, "seed", settings, &seed, error));
    HTH_TRY(hth_common_option(&hth_train_section, "threads", settings, &threads, error));
    const size_t late = *o->options.id ? (size_t)o->options.late : (size_t)o->options.ahead;
    const hth_model_plan plan = {
        .abi = HTH_ABI,
        .settings = *settings,
        .shape = {.inputs = o->width,
                  .outputs = o->outputs,
                  .target = o->classes ? HTH_TARGET_CLASSES : HTH_TARGET_VALUES},
        .seed = (uint64_t)seed,
        .late = late,
        .threads = (int)threads,
        .checked = true};
    return hth_model_create(&plan, NULL, &o->model, error);
}

/* Parameters of a run, as train.from and train.from_layers say. */
static hth_status begin_with(hth_online *o, const hth_settings *settings,
                             const hth_observer *observer, hth_error *error) {
    const char *from, *layers;
    HTH_TRY(hth_common_option(&hth_train_section, "from", settings, &from, error));
    HTH_TRY(hth_common_option(&hth_train_section, "from_layers", settings, &layers, error));
    if (!*from && *layers)
        return hth_fail(error, HTH_INVALID,
                        "train.from_layers is '%.60s', but train.from names no run to take them of",
                        layers);
    if (!*from) return HTH_OK;
    hth_network *network = hth_model_parts_of(o->model)->network;
    HTH_TRY(hth_adopt(from, layers, settings, network, NULL, observer, error));
    hth_model_reset(o->model); /* initial states are parameters */
    return HTH_OK;
}

/* HTH_INVALID for what waits for the end of something, of which a stream has none. */
static hth_status check_endless(const hth_settings *settings, hth_error *error) {
    enum { UPDATE_SEQUENCE = 2 }; /* of auto, tape, sequence */
    hth_learner_kind learner;
    int64_t steps;
    int update;
    HTH_TRY(hth_common_option(&hth_learners, "update", settings, &update, error));
    if (update == UPDATE_SEQUENCE)
        return hth_fail(error, HTH_INVALID,
                        "learner.update is 'sequence', but the rows of a stream have no end: it "
                        "must be 'tape'");
    HTH_TRY(hth_learner_choose(settings, &learner, error));
    HTH_TRY(hth_common_option(&hth_learners, "steps", settings, &steps, error));
    if (learner.steps != HTH_WHOLE_SEQUENCE || steps > 0) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "learner %s looks at whole sequences, but a stream has no end: take tbptt, rtrl "
        "or rflo, or say with learner.steps how many steps it looks at together",
        learner.name);
}

/* HTH_INVALID for layers that run over a sequence from its end. */
static hth_status check_direction(const hth_online *o, hth_error *error) {
    if (!hth_network_look(hth_model_parts_of(o->model)->network).is_whole) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "network.direction is both, or network.reads has a layer backward, which reads "
                    "a sequence from its end, but a stream has none: leave it out");
}

/* HTH_INVALID where some targets would be outside of what the loss takes: standardised ones lie on both sides of 0. */
static hth_status check_loss(const hth_online *o, hth_error *error) {
    const hth_network_facts of = hth_network_look(hth_model_parts_of(o->model)->network);
    const bool both_sides = o->options.standardise || o->options.change;
    if (o->classes || of.least >= of.most || !both_sides) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "loss.name is %s, whose targets are %g to %g or classes, but no classes are "
                    "named, and %s lies on both sides of 0: name them with data.classes "
                    "(--classes), or take loss=mse",
                    of.loss, of.least, of.most,
                    o->options.change ? "how much a target changes (data.change)"
                                      : "a standardised target (data.standardise)");
}

static hth_status check_keep(const hth_optimiser *optimiser, hth_error *error) {
    const hth_keep_facts keep = hth_keep_look(optimiser);
    const bool passes = keep.of != HTH_OF_NOTHING && keep.of != HTH_OF_UPDATES;
    if (!keep.by_task || (keep.every > 0 && !passes)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    passes ? "keep.name is %s, which goes over sequences once more, but rows come "
                             "once: set keep.importance = updates, or take si, chain or metaplastic"
                           : "keep.name is %s, which acts at the end of a phase, but a stream has "
                             "none: set keep.every",
                    keep.name);
}

static hth_status check_replay(const hth_settings *settings, hth_error *error) {
    const hth_part *replay = hth_catalogue_chosen(&hth_replays, settings);
    if (!replay || strcmp(replay->name, hth_replays.fallback) == 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "replay.name is %s, but a stream keeps no rows: leave it out, or learn from a "
                    "file of them ('hitherto train')",
                    replay->name);
}

/* Passes over the rows that a snapshot has seen. */
static hth_status pass_over(hth_online *o, hth_error *error) {
    hth_row row;
    bool found = true;
    for (uint64_t i = 0; i < o->counters->rows && found; i++)
        HTH_TRY(hth_rows_next(o->rows, &row, &found, error));
    if (found) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "the input ended before row %llu, the last that the snapshot has seen: give "
                    "the input from its "
                    "start, or leave out --from-start",
                    (unsigned long long)o->counters->rows);
}

static hth_status open_stream(const hth_online_plan *plan, hth_online *o, hth_error *error) {
    const hth_settings settings = hth_config_settings(plan->config);
    HTH_TRY(check_train(plan->config, error));
    HTH_TRY(hth_row_options_read(&settings, &o->options, error));
    HTH_TRY(check_endless(&settings, error));
    HTH_TRY(check_replay(&settings, error));
    if (plan->load) HTH_TRY(hth_online_names(plan->load, &o->names, error));
    o->options.names = o->names;
    /* The first row says how many inputs there are. */
    HTH_TRY(hth_rows_open(&o->options, &plan->source, &o->rows, error));
    if (!o->rows && plan->load && !plan->from_start) return HTH_OK;
    if (!o->rows) return hth_fail(error, HTH_INVALID, "%s: there are no rows", plan->source.name);
    const bool masks = o->options.missing == HTH_MISSING_MASK;
    o->inputs = hth_rows_inputs(o->rows);
    o->targets = hth_rows_targets(o->rows);
    o->classes = hth_rows_classes(o->rows);
    o->width = masks ? 2 * o->inputs : o->inputs;
    o->outputs = o->classes ? o->classes : o->targets;
    o->slots = larger((size_t)o->options.ahead, *o->options.id ? (size_t)o->options.late : 0) + 1;
    o->slot_width = o->outputs + 3 * o->targets;
    HTH_TRY(make_block(o, error));
    HTH_TRY(make_model(o, &settings, error));
    HTH_TRY(check_direction(o, error));
    HTH_TRY(check_loss(o, error));
    HTH_TRY(check_keep(hth_model_parts_of(o->model)->optimiser, error));
    if (plan->load)
        HTH_TRY(hth_online_load(o, plan->load, error));
    else
        HTH_TRY(begin_with(o, &settings, plan->observer, error));
    if (plan->freeze) hth_model_rest(o->model);
    return plan->from_start ? pass_over(o, error) : HTH_OK;
}

hth_status hth_online_open(const hth_online_plan *plan, hth_online **out, hth_error *error) {
    hth_online *o = calloc(1, sizeof *o);
    if (!o) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the stream");
    o->config = plan->config;
    o->freeze = plan->freeze;
    o->drift = plan->drift;
    const hth_status status = open_stream(plan, o, error);
    *out = status == HTH_OK && o->rows ? o : NULL;
    if (!*out) hth_online_close(o);
    return status;
}

void hth_online_close(hth_online *o) {
    if (!o) return;
    hth_model_destroy(o->model);
    hth_rows_close(o->rows);
    free(o->names);
    free(o->block);
    free(o);
}

const hth_online_score *hth_online_score_of(const hth_online *o) {
    return o->score;
}
const hth_rows *hth_online_rows(const hth_online *o) {
    return o->rows;
}
uint64_t hth_online_count(const hth_online *o) {
    return o->counters->rows;
}
uint64_t hth_online_lost(const hth_online *o) {
    return o->counters->lost;
}

uint64_t hth_online_dropped(const hth_online *o) {
    return o->counters->dropped;
}

uint64_t hth_online_drifted(const hth_online *o, uint64_t *last) {
    *last = o->counters->drifted_at;
    return o->counters->drifts;
}

size_t hth_online_bytes(const hth_online *o) {
    return hth_model_sizes_of(o->model)->total + o->block_bytes;
}

/* ---- Predicting --------------------------------------------------------------------------- */

/* HTH_INVALID for numbers that cannot be taken, before anything has changed: one that is missing where that is refused,
 * and one that is so large that its square would be no number. */
static hth_status check_numbers(const hth_online *o, const hth_row *row, hth_error *error) {
    const double most = 1e30;
    const bool refuses = o->options.missing == HTH_MISSING_REFUSE && row->has_input;
    char name[80];
    for (size_t i = 0; i < o->inputs + o->targets; i++) {
        const bool input = i < o->inputs;
        const double value = input ? row->inputs[i] : row->targets[i - o->inputs];
        const bool missing = isnan(value);
        if (missing ? !(input && refuses) : fabs(value) <= most) continue;
        if (input)
            hth_rows_input_name(o->rows, i, name, sizeof name);
        else
            hth_rows_target_name(o->rows, i - o->inputs, name, sizeof name);
        if (missing)
            return hth_fail(error, HTH_INVALID,
                            "line %llu, column %s: a value is missing; data.missing=hold or mask "
                            "takes such rows",
                            (unsigned long long)row->number, name);
        return hth_fail(error, HTH_INVALID,
                        "line %llu, column %s: %g is out of range; numbers may be up to %g, and "
                        "one that is not known "
                        "is left empty",
                        (unsigned long long)row->number, name, value, most);
    }
    return HTH_OK;
}

/* Inputs with the last value where one is missing, standardised, and the mask. */
static void take_inputs(hth_online *o, const hth_row *row) {
    const bool masks = o->options.missing == HTH_MISSING_MASK;
    for (size_t i = 0; i < o->inputs; i++) {
        const double value = row->inputs[i];
        hth_scale *scale = &o->input_scale[i];
        const bool there = !isnan(value);
        if (there) o->held[i] = value;
        if (there && !o->freeze) hth_scale_add(scale, value);
        /* Before the first value the input is 0, which is the mean where inputs are standardised. */
        const double last =
            isnan(o->held[i]) ? (o->options.standardise ? scale->mean : 0) : o->held[i];
        o->x[i] = (hth_real)(o->options.standardise ? hth_scale_to(scale, last) : last);
        if (masks) o->x[o->inputs + i] = there ? 1 : 0;
    }
}

/* Probabilities of the classes: softmax. */
static void to_probabilities(const hth_online *o) {
    double largest = (double)o->y[0], sum = 0;
    for (size_t k = 1; k < o->outputs; k++) largest = fmax(largest, (double)o->y[k]);
    for (size_t k = 0; k < o->outputs; k++)
        sum += o->forecast[k] = hth_exp64((double)o->y[k] - largest);
    for (size_t k = 0; k < o->outputs; k++) o->forecast[k] /= sum;
}

/* What the outputs say, in the unit of the targets; base[targets]: what changes are added to. */
static void to_forecast(const hth_online *o, const double *base) {
    if (o->classes) {
        to_probabilities(o);
        return;
    }
    for (size_t k = 0; k < o->targets; k++) {
        const double y = (double)o->y[k];
        o->forecast[k] =
            base[k] + (o->options.standardise ? hth_scale_from(&o->output_scale[k], y) : y);
    }
}

static double most_frequent(const hth_online *o) {
    size_t best = 0;
    for (size_t c = 1; c < o->classes; c++)
        if (o->class_counts[c] > o->class_counts[best]) best = c;
    return (double)best;
}

/* Remembers the forecast, and those that need no learning, until the answer comes. */
static void remember(hth_online *o, uint64_t step, uint64_t name) {
    const size_t place = (size_t)(step % o->slots);
    double *slot = o->slot + place * o->slot_width, *last = slot + o->outputs;
    double *mean = last + o->targets, *base = mean + o->targets;
    for (size_t k = 0; k < o->targets; k++) {
        mean[k] = o->classes ? most_frequent(o) : o->base_scale[k].mean;
        last[k] = isnan(o->known[k]) ? mean[k] : o->known[k];
        base[k] = o->options.change ? last[k] : 0;
    }
    to_forecast(o, base);
    memcpy(slot, o->forecast, o->outputs * sizeof *slot);
    o->slot_name[place] = name;
    o->slot_open[place] = 1;
}

static hth_status check_finite(const hth_online *o, uint64_t row, hth_error *error) {
    for (size_t k = 0; k < o->outputs; k++)
        if (!isfinite((double)o->y[k]))
            return hth_fail(error, HTH_NOT_FINITE,
                            "row %llu: the network's output is no finite number any more: learning "
                            "has diverged; take a "
                            "smaller optimiser.lr, or optimiser.clip_norm=1",
                            (unsigned long long)row);
    return HTH_OK;
}

static hth_status predict(hth_online *o, const hth_row *row, uint64_t name, hth_error *error) {
    take_inputs(o, row);
    HTH_TRY(hth_model_predict(o->model, o->x, NULL, o->y, error));
    HTH_TRY(check_finite(o, o->counters->rows + 1, error));
    remember(o, o->counters->steps++, name);
    return HTH_OK;
}

/* ---- Learning ----------------------------------------------------------------------------- */

static bool all_there(const hth_online *o, const hth_row *row) {
    for (size_t k = 0; k < o->targets; k++)
        if (isnan(row->targets[k])) return false;
    return true;
}

/* What is known of the targets from now on. */
static void note_targets(hth_online *o, const hth_row *row) {
    for (size_t k = 0; k < o->targets; k++) {
        const double value = row->targets[k];
        if (isnan(value)) continue;
        o->known[k] = value;
        if (o->classes)
            o->class_counts[(size_t)value] += 1;
        else
            hth_scale_add(&o->base_scale[k], value);
    }
}

/* How wrong the forecasts of a step were. */
static hth_row_errors errors_of(const hth_online *o, const double *slot, const double *truth) {
    hth_row_errors errors = {0};
    const double *simple = slot + o->outputs; /* last, then mean */
    if (o->classes) {
        const size_t right = (size_t)truth[0];
        size_t named = 0;
        for (size_t k = 1; k < o->classes; k++) named = slot[k] > slot[named] ? k : named;
        errors.of[HTH_OF_NETWORK][HTH_ERROR_FINE] = -hth_log64(fmax(slot[right], 1e-300));
        errors.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN] = named != right;
        errors.of[HTH_OF_LAST][HTH_ERROR_PLAIN] = simple[0] != truth[0];
        errors.of[HTH_OF_MEAN][HTH_ERROR_PLAIN] = simple[1] != truth[0];
        return errors;
    }
    const double *const forecasts[] = {slot, simple, simple + o->targets};
    for (size_t f = 0; f < HTH_FORECASTERS; f++)
        for (size_t k = 0; k < o->targets; k++) {
            const double error = forecasts[f][k] - truth[k];
            errors.of[f][HTH_ERROR_FINE] += error * error / (double)o->targets;
            errors.of[f][HTH_ERROR_PLAIN] += fabs(error) / (double)o->targets;
        }
    return errors;
}

/* The answer as the network learns it, to the step that is `late` before the newest. */
static hth_status learn(hth_online *o, const double *slot, const double *truth, size_t late,
                        hth_error *error) {
    const double *base = slot + o->outputs + 2 * o->targets;
    const int32_t class = o->classes ? (int32_t)truth[0] : 0;
    hth_answer answer = {.late = late};
    for (size_t k = 0; k < o->targets && !o->classes; k++) {
        const double value = truth[k] - base[k];
        hth_scale_add(&o->output_scale[k], value);
        o->answer[k] =
            (hth_real)(o->options.standardise ? hth_scale_to(&o->output_scale[k], value) : value);
    }
    if (o->classes)
        answer.classes = &class;
    else
        answer.targets = o->answer;
    return hth_model_learn(o->model, &answer, NULL, error);
}

static hth_status answer_step(hth_online *o, uint64_t step, const hth_row *row, bool *drifted,
                              hth_error *error) {
    const size_t place = (size_t)(step % o->slots);
    const double *slot = o->slot + place * o->slot_width;
    if (!o->slot_open[place] || !all_there(o, row)) return HTH_OK;
    o->slot_open[place] = 0;
    const hth_row_errors errors = errors_of(o, slot, row->targets);
    hth_online_score_add(o->score, &errors);
    *drifted = o->drift > 0 &&
               hth_online_drifts(o->score, errors.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN], o->drift);
    if (o->freeze) return HTH_OK; /* the model rests */
    return learn(o, slot, row->targets, (size_t)(o->counters->steps - 1 - step), error);
}

/* The step of the row with this name that awaits an answer; false: there is none among the last ones. */
static bool find_step(const hth_online *o, uint64_t name, uint64_t *step) {
    const uint64_t newest = o->counters->steps;
    for (uint64_t back = 1; back <= o->slots && back <= newest; back++) {
        const uint64_t place = (newest - back) % o->slots;
        if (!o->slot_open[place] || o->slot_name[place] != name) continue;
        *step = newest - back;
        return true;
    }
    return false;
}

static uint64_t name_of(const hth_row *row) {
    return hth_digest_add(HTH_DIGEST_START, row->id, strlen(row->id));
}

/* A row with a name that waits brings an answer; one without inputs can only do that. A name that has its answer is free
 * for another row. */
static hth_status take_named(hth_online *o, const hth_row *row, hth_online_row *out,
                             hth_error *error) {
    const uint64_t name = name_of(row);
    uint64_t step;
    if (find_step(o, name, &step)) {
        if (!all_there(o, row)) {
            out->dropped = true;
            o->counters->dropped++;
            return HTH_OK;
        }
        HTH_TRY(answer_step(o, step, row, &out->drifted, error));
        note_targets(o, row);
        return HTH_OK;
    }
    if (!row->has_input) {
        o->counters->lost++;
        return HTH_OK;
    }
    out->predicted = true;
    HTH_TRY(predict(o, row, name, error));
    HTH_TRY(answer_step(o, o->counters->steps - 1, row, &out->drifted, error));
    note_targets(o, row);
    return HTH_OK;
}

static hth_status take_row(hth_online *o, const hth_row *row, hth_online_row *out,
                           hth_error *error) {
    const uint64_t ahead = (uint64_t)o->options.ahead;
    if (*o->options.id) return take_named(o, row, out, error);
    out->predicted = true;
    /* What the row says of the targets is known to its forecast only if the forecast is of a later row. */
    if (ahead > 0) note_targets(o, row);
    HTH_TRY(predict(o, row, 0, error));
    const uint64_t steps = o->counters->steps;
    if (steps > ahead) HTH_TRY(answer_step(o, steps - 1 - ahead, row, &out->drifted, error));
    if (ahead == 0) note_targets(o, row);
    return HTH_OK;
}

hth_status hth_online_next(hth_online *o, hth_online_row *out, bool *found, hth_error *error) {
    hth_row row;
    HTH_TRY(hth_rows_next(o->rows, &row, found, error));
    if (!*found) return HTH_OK;
    *out = (hth_online_row){.id = row.id, .forecast = o->forecast, .count = o->outputs};
    HTH_TRY(check_numbers(o, &row, error));
    const double began = hth_clock();
    HTH_TRY(take_row(o, &row, out, error));
    out->seconds = hth_clock() - began;
    out->row = ++o->counters->rows;
    if (!out->drifted) return HTH_OK;
    o->counters->drifts++;
    o->counters->drifted_at = out->row;
    return HTH_OK;
}
