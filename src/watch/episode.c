/*
 * Runs one episode of a trained run, and copies what is to be seen. The test trial without an update is that of the
 * same run with episode.inner_lr = 0.
 */
#include "watch/episode.h"

#include "files/draft.h"
#include "network/inspect.h"
#include "session/outer.h"
#include "session/reopen.h"
#include "watch/digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OVERRIDES = 64 };

/* The overrides, one task a batch and, to see what is without an update, no rate. */
static hth_settings join(const hth_settings *overrides, bool still,
                         hth_setting items[MOST_OVERRIDES + 2]) {
    size_t count = 0;
    for (size_t i = 0; overrides && i < overrides->count && count < MOST_OVERRIDES; i++)
        items[count++] = overrides->items[i];
    items[count++] = (hth_setting){"train.batch", "1", NULL};
    if (still) items[count++] = (hth_setting){"episode.inner_lr", "0", NULL};
    return (hth_settings){items, count};
}

/* ---- Copies --------------------------------------------------------------------------------- */

static hth_real *copy_rows(size_t steps, size_t width, const hth_real *from, size_t stride) {
    hth_real *out = calloc(steps * width + 1, sizeof *out);
    for (size_t t = 0; out && t < steps; t++)
        memcpy(out + t * width, from + t * stride, width * sizeof *out);
    return out;
}

static hth_real *copy_view(hth_episode_view view) {
    return copy_rows(view.steps, view.units, view.data, view.stride);
}

static bool is_whole(const hth_episode *e) {
    return e->x && e->test_x && e->told && e->spikes && e->test_spikes && e->module &&
           e->test_module && e->signals && e->test_signals && e->y && e->wanted && e->place &&
           e->wanted_place;
}

/* Copies what the session's last run was like. */
static hth_status keep(const hth_session *s, const hth_outer_result *result, hth_episode *out,
                       hth_error *error) {
    hth_outer *o = s->outer;
    const size_t T = o->steps, last = (size_t)o->options.updates;
    const hth_episode_view spikes = hth_episodes_spikes(o->episodes, 0, 0);
    const hth_episode_view module = hth_episodes_module(o->episodes, 0, 0);
    const hth_real *place = o->body ? o->place : o->y;
    const hth_real *wanted = o->body ? o->wanted_place : o->wanted;
    *out = (hth_episode){.steps = T,
                         .inputs = o->inputs,
                         .units = spikes.units,
                         .module_units = module.units,
                         .outputs = o->outputs,
                         .places = o->told,
                         .has_place = o->body != NULL,
                         .missed = result->place,
                         .module_spikes = result->report.module_steps > 0};
    out->x = copy_rows(T, o->inputs, o->x, o->inputs);
    out->test_x = copy_rows(T, o->inputs, o->test_x, o->inputs);
    out->told = copy_rows(T, o->told, o->target, o->told);
    out->spikes = copy_view(spikes);
    out->test_spikes = copy_view(hth_episodes_spikes(o->episodes, last, 0));
    out->module = copy_view(module);
    out->signals = copy_view(hth_episodes_signals(o->episodes, 0, 0));
    /* The module in the test trial, by the last training trial's tape. */
    hth_episode_view signals;
    hth_status status = hth_episodes_test_module(o->episodes, wanted, 0, &signals, error);
    out->test_module = copy_view(hth_episodes_module(o->episodes, last - 1, 0));
    out->test_signals = copy_view(signals);
    out->y = copy_rows(T, o->outputs, o->y, o->outputs);
    out->wanted = copy_rows(T, o->outputs, o->wanted, o->outputs);
    out->place = copy_rows(T, o->told, place, o->told);
    out->wanted_place = copy_rows(T, o->told, wanted, o->told);
    if (status == HTH_OK && !is_whole(out))
        status = hth_fail(error, HTH_NO_MEMORY, "not enough memory for an episode");
    if (status != HTH_OK) hth_episode_free(out);
    return status;
}

void hth_episode_free(hth_episode *e) {
    free(e->x), free(e->test_x), free(e->spikes), free(e->test_spikes), free(e->module);
    free(e->signals), free(e->test_module), free(e->test_signals), free(e->y), free(e->wanted),
        free(e->place), free(e->wanted_place);
    free(e->before_place), free(e->told);
    *e = (hth_episode){0};
}

/* ---- As a file ------------------------------------------------------------------------------ */

/* An array of an episode: `width` numbers a step. */
typedef struct columns {
    const char *name;
    size_t width;
    const hth_real *data;
} columns;

enum { MOST_COLUMNS = 14 };

/* Lists the arrays; one that there is not has no numbers. */
static void list_columns(const hth_episode *e, columns out[MOST_COLUMNS]) {
    const size_t module = e->module_spikes ? e->module_units : 0;
    const size_t place = e->has_place ? e->places : 0;
    const columns all[MOST_COLUMNS] = {{"x", e->inputs, e->x},
                                       {"told", e->places, e->told},
                                       {"z", e->units, e->spikes},
                                       {"m", module, e->module},
                                       {"L", e->units, e->signals},
                                       {"test_x", e->inputs, e->test_x},
                                       {"test_z", e->units, e->test_spikes},
                                       {"test_m", module, e->test_module},
                                       {"test_L", e->units, e->test_signals},
                                       {"y", e->outputs, e->y},
                                       {"target", e->outputs, e->wanted},
                                       {"place", place, e->place},
                                       {"place_target", place, e->wanted_place},
                                       {"before", e->places, e->before_place}};
    memcpy(out, all, sizeof all);
}

static void put_header(FILE *file, const columns all[MOST_COLUMNS]) {
    fprintf(file, "step");
    for (size_t i = 0; i < MOST_COLUMNS; i++)
        for (size_t k = 0; k < all[i].width; k++) fprintf(file, ",%s%zu", all[i].name, k);
    fputc('\n', file);
}

static void put_step(FILE *file, const columns all[MOST_COLUMNS], size_t step) {
    fprintf(file, "%zu", step);
    for (size_t i = 0; i < MOST_COLUMNS; i++)
        for (size_t k = 0; k < all[i].width; k++)
            fprintf(file, ",%.*g", HTH_DIGITS, (double)all[i].data[step * all[i].width + k]);
    fputc('\n', file);
}

hth_status hth_episode_write_csv(const hth_episode *e, const char *path, hth_error *error) {
    columns all[MOST_COLUMNS];
    hth_draft draft;
    HTH_TRY(hth_draft_begin(path, &draft, error));
    list_columns(e, all);
    put_header(draft.file, all);
    for (size_t t = 0; t < e->steps; t++) put_step(draft.file, all, t);
    return hth_draft_end(&draft, true, error);
}

/* ---- Running -------------------------------------------------------------------------------- */

/* Runs the tasks of a session up to task `number`. */
static hth_status run_to(hth_session *s, uint64_t number, hth_outer_result *result,
                         hth_error *error) {
    hth_position_flags flags = {0};
    for (uint64_t k = 0; k <= number; k++) {
        if (flags.epoch_end)
            return hth_fail(error, HTH_INVALID, "there are only %llu tasks in the split",
                            (unsigned long long)k);
        HTH_TRY(hth_outer_run(s, &s->train, k, 1, &flags, result, error));
    }
    return HTH_OK;
}

/* One pass: as trained, into *out; or without updates, its place alone. */
static hth_status pass(const char *run, const char *split, const hth_settings *overrides,
                       uint64_t number, bool still, hth_episode *out, hth_error *error) {
    hth_setting items[MOST_OVERRIDES + 2];
    const hth_settings with = join(overrides, still, items);
    hth_config *config;
    hth_session session = {0};
    hth_outer_result result;
    HTH_TRY(hth_run_open_episodes(run, split, &with, NULL, &config, &session, error));
    hth_status status = session.outer
                            ? run_to(&session, number, &result, error)
                            : hth_fail(error, HTH_INVALID, "%s is not a run of episodes", run);
    if (status == HTH_OK && still) {
        const hth_outer *o = session.outer;
        out->before_place = copy_rows(o->steps, o->told, o->body ? o->place : o->y, o->told);
        out->missed_before = result.place;
        if (!out->before_place)
            status = hth_fail(error, HTH_NO_MEMORY, "not enough memory for an episode");
    } else if (status == HTH_OK) {
        status = keep(&session, &result, out, error);
    }
    hth_session_close(&session);
    hth_config_destroy(config);
    return status;
}

hth_status hth_episode_record(const char *run, const char *split, const hth_settings *overrides,
                              uint64_t number, hth_episode *out, hth_error *error) {
    *out = (hth_episode){0};
    HTH_TRY(pass(run, split, overrides, number, false, out, error));
    const hth_status status = pass(run, split, overrides, number, true, out, error);
    if (status != HTH_OK) hth_episode_free(out);
    return status;
}

bool hth_is_run_of_episodes(const char *run) {
    char path[4200];
    hth_config *config;
    bool is = false;
    snprintf(path, sizeof path, "%s/settings.yaml", run);
    if (hth_config_create(&config, NULL) != HTH_OK) return false;
    if (hth_config_load(config, path, NULL) == HTH_OK) {
        const hth_settings settings = hth_config_settings(config);
        is = hth_episodes_wanted(&settings);
    }
    hth_config_destroy(config);
    return is;
}
