/* Opening a stream: what it cannot have is refused; its one block of memory; a snapshot or a run to go on from. */
#include "run/online_state.h"

#include "credit/catalogues.h"
#include "credit/inspect.h"
#include "model/inspect.h"
#include "network/inspect.h"
#include "optim/inspect.h"
#include "session/adopt.h"
#include "session/course.h"
#include "settings/sections.h"
#include "tasks/catalogues.h"

#include <stdlib.h>
#include <string.h>

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
static hth_status check_endless(const hth_settings *settings, const char *load, hth_error *error) {
    hth_learner_kind learner;
    int64_t steps;
    int update;
    HTH_TRY(hth_common_option(&hth_learners, "update", settings, &update, error));
    if (update == HTH_UPDATE_SEQUENCE && load)
        return hth_fail(error, HTH_INVALID,
                        "%.200s has learner.update 'sequence', with which a stream never learned: "
                        "begin anew, without --load, and with learner.update=tape",
                        load);
    if (update == HTH_UPDATE_SEQUENCE)
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

/* HTH_INVALID where some targets would be outside of what the loss takes. */
static hth_status check_loss(const hth_online *o, hth_error *error) {
    if (!o->options.standardise && !o->options.change) return HTH_OK;
    return hth_check_both_sides(hth_model_parts_of(o->model)->network,
                                o->options.change ? "changes of a target (data.change)"
                                                  : "standardised targets (data.standardise)",
                                "name classes with data.classes (--classes)", error);
}

static hth_status check_keep(const hth_optimiser *optimiser, hth_error *error) {
    const hth_keep_facts keep = hth_keep_look(optimiser);
    const bool passes = keep.of != HTH_OF_NOTHING && keep.of != HTH_OF_UPDATES;
    if (!keep.by_task || (keep.every > 0 && !passes)) return HTH_OK;
    if (keep.of == HTH_OF_DRAWN)
        return hth_fail(
            error, HTH_INVALID,
            "keep.importance is drawn, which calls the learner twice for each row, but a "
            "stream calls it once: set keep.importance = updates, or take si");
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
    HTH_TRY(check_endless(&settings, plan->load, error));
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
