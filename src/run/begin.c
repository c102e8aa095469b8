/*
 * How a run begins: its session and its data are opened, it is set to its first step or to its checkpoint, and then its
 * folder and its files are made.
 */
#include "files/clock.h"
#include "files/lines.h"
#include "files/tensorboard.h"
#include "network/inspect.h"
#include "run/run.h"
#include "run/stop.h"
#include "session/adopt.h"
#include "session/outer.h"
#include "session/shares.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Warns when an epoch has only one update: it is a single tape, or a single sequence with its update at the end. */
static void warn_of_few_updates(const hth_run *r) {
    char sentence[300];
    const hth_session *s = &r->session;
    const uint64_t epoch = s->outer ? 0 : s->train.epoch_steps;
    const bool whole = s->update_sequence || s->steps >= epoch;
    if (epoch == 0 || epoch > s->train.sequence_steps || !whole) return;
    snprintf(
        sentence, sizeof sentence,
        "An epoch is one update: the weights change once in its %llu steps. %s makes more of them",
        (unsigned long long)epoch,
        s->update_sequence ? "learner.update=tape"
        : s->batch > 1     ? "A smaller train.batch or learner.steps"
                           : "A smaller learner.steps");
    hth_run_tell(r, sentence);
}

/* Whether layers have units that spike, whose time constants are in ms. */
static bool has_spikes(const hth_network *network) {
    bool any = false;
    for (size_t l = 0; l < hth_network_look(network).layers; l++)
        any = any || hth_layer_look(network, l).spikes;
    return any;
}

/* Warns when events are binned by data.dt, in a unit that only the user knows, and cell.dt is not set beside it. */
static void warn_of_time(const hth_run *r) {
    char sentence[300];
    const hth_setting *data = hth_settings_find(&r->settings, "data.dt");
    const hth_setting *cell = hth_settings_find(&r->settings, "cell.dt");
    if (!data || cell || strtod(data->value, NULL) == 1 || !has_spikes(r->session.parts.network))
        return;
    snprintf(sentence, sizeof sentence,
             "data.dt is %.40s, in the unit of the events' times, but cell.dt is not set: a step "
             "counts as 1 ms for cell.tau_m and other time constants. Set cell.dt to the ms that a "
             "step lasts (1, if that is meant)",
             data->value);
    hth_run_tell(r, sentence);
}

/* Sets the run to its first step, or to its newest checkpoint if resume is true and there is one. */
static hth_status take_up(hth_run *r, bool resume, hth_error *error) {
    hth_counters *c = &r->counters;
    const hth_phase_turn turn = {hth_run_turn, r};
    bool found = false;
    /* Counters of a new run. */
    *c = (hth_counters){.walked.epoch = r->session.train.epoch_steps ? 1 : 0,
                        .train_loss = NAN,
                        .train_metric = NAN,
                        .validation_loss = NAN,
                        .validation_metric = NAN,
                        .best_loss = NAN,
                        .best_metric = NAN};
    for (size_t i = 0; i < HTH_STOP_MOST; i++) c->recent[i] = NAN;
    /* Continue from a checkpoint. */
    HTH_TRY(hth_identity_make(&r->all, &r->identity, error));
    if (resume) {
        const hth_status status =
            hth_checkpoint_load(r->dir.path, &r->session, c, &r->identity, r->phases ? &turn : NULL,
                                r->observer, &found, error);
        r->outcome->is_useless = (status == HTH_DAMAGED || status == HTH_MISMATCH) && !r->away;
        HTH_TRY(status);
    }
    if (found) return hth_run_check_resumed(r, error);
    /* Otherwise begin, with the parameters of train.from if that is set. */
    if (resume && !r->passing)
        hth_run_tell(r, "there is no checkpoint yet: the run begins at its first step");
    warn_of_few_updates(r);
    warn_of_time(r);
    const hth_train_options *o = &r->session.options;
    if (!*o->from && *o->from_layers)
        return hth_fail(error, HTH_INVALID,
                        "train.from_layers is '%.60s', but train.from names no run to take them of",
                        o->from_layers);
    if (!*o->from) return HTH_OK;
    return hth_adopt(o->from, o->from_layers, &r->settings, r->session.parts.network,
                     r->session.outer ? r->session.outer->module : NULL, r->observer, error);
}

/* Opens NAME.jsonl for the guest, if there is one. */
static hth_status open_guest_lines(hth_run *r, hth_error *error) {
    char path[HTH_PATH_LENGTH], name[32];
    if (!r->session.guest.kind) return HTH_OK;
    snprintf(name, sizeof name, "%s.jsonl", r->session.guest.kind->name);
    HTH_TRY(hth_rundir_file(r->dir.path, name, path, error));
    return hth_metrics_open(path, r->counters.walked.step, r->observer, &r->session.guest.lines,
                            error);
}

/* Opens the event file for TensorBoard, if the settings ask for it. */
static hth_status open_board(hth_run *r, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    if (!r->session.options.tensorboard) return HTH_OK;
    HTH_TRY(hth_rundir_file(r->dir.path, HTH_TENSORBOARD_FILE, path, error));
    return hth_tensorboard_open(path, r->counters.walked.step, &r->board, error);
}

/* Opens the files of the run, and writes its settings. */
static hth_status open_files(hth_run *r, const hth_config *config, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    if (!hth_run_writes(r)) return HTH_OK;
    r->unwritten = config;
    if (!r->passing) HTH_TRY(hth_run_catch_up(r, error));
    HTH_TRY(hth_rundir_file(r->dir.path, "metrics.jsonl", path, error));
    HTH_TRY(hth_metrics_open(path, r->counters.walked.step, r->observer, &r->metrics, error));
    HTH_TRY(open_guest_lines(r, error));
    return open_board(r, error);
}

/* Opens the files, starts the clock and saves the first checkpoint. */
static hth_status set_out(hth_run *r, const hth_config *config, hth_error *error) {
    HTH_TRY(hth_ranks_agree(r->ranks, open_files(r, config, error), error));
    r->begun = r->line_time = r->saved = hth_clock();
    r->before = r->counters.seconds;
    r->begun_step = r->counters.walked.step;
    hth_run_set_walk(r);
    /* The first checkpoint: a run that diverges at once still leaves one to look at. */
    if (r->counters.walked.step > 0 || r->passing) return HTH_OK;
    return hth_ranks_agree(r->ranks, hth_run_save(r, error), error);
}

/* What the test trials of the tasks since the last line missed: the metric of a run of episodes. */
static double mean_place(const void *counters) {
    const hth_counters *c = counters;
    return c->walked.sums.weight > 0 ? c->places / c->walked.sums.weight : (double)NAN;
}

/* Opens a session of episodes. */
static hth_status open_episodes(hth_run *r, hth_error *error) {
    HTH_TRY(hth_outer_open(&r->settings, HTH_TRAIN, &r->session, error));
    r->session.metric.reached = mean_place;
    r->session.metric.stream = &r->counters;
    return HTH_OK;
}

/* HTH_INVALID for a batch in shares, where episodes or phases handle all of it. */
static hth_status refuse_shares(const hth_run *r, hth_error *error) {
    const hth_setting *shares = hth_settings_find(&r->settings, "train.shares");
    const bool episodes = hth_episodes_wanted(&r->settings);
    if (!shares || strtod(shares->value, NULL) == 1 || (!episodes && r->phases == 0)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "train.shares is %.20s, but a run with %s has one share: "
                    "leave it 1",
                    shares->value, episodes ? "episodes" : "phases");
}

hth_status hth_run_open_handles(hth_run *r, const hth_guest_kind *guest, hth_error *error) {
    HTH_TRY(hth_run_open_phases(r, error));
    HTH_TRY(refuse_shares(r, error));
    if (hth_episodes_wanted(&r->settings))
        HTH_TRY(open_episodes(r, error));
    else
        HTH_TRY(hth_session_open_among(&r->settings, guest, r->ranks, &r->session, error));
    if (r->session.outer && r->session.options.validate_every >= 0)
        HTH_TRY(hth_outer_source(&r->settings, &r->session, HTH_VALIDATE, &r->validation.source,
                                 error));
    else if (r->session.options.validate_every >= 0)
        HTH_TRY(hth_scorer_open(&r->settings, &r->session, HTH_VALIDATE, &r->validation, error));
    hth_run_tell_data(r, &r->session.train);
    hth_run_tell_data(r, &r->validation.source);
    hth_run_set_intervals(r);
    HTH_TRY(hth_stop_check(&r->session, r->validation.source.kind != NULL, error));
    return hth_run_check_phases(r, error);
}

/* Makes and locks the folder of the run; other ranks only read there. */
static hth_status open_folder(hth_run *r, const char *out, bool resume, hth_error *error) {
    if (hth_run_writes(r)) return hth_rundir_open(out, resume, &r->dir, error);
    if (snprintf(r->dir.path, sizeof r->dir.path, "%s", out) < (int)sizeof r->dir.path)
        return HTH_OK;
    return hth_fail(error, HTH_FILE, "%.200s...: the path is too long", out);
}

/* Rank 0 first: it renames a checkpoint that is damaged, so that the others find the one before it. */
static hth_status take_up_in_turn(hth_run *r, bool resume, hth_error *error) {
    hth_status status = hth_run_writes(r) ? take_up(r, resume, error) : HTH_OK;
    HTH_TRY(hth_ranks_agree(r->ranks, status, error));
    if (!hth_run_writes(r)) status = take_up(r, resume, error);
    return hth_ranks_agree(r->ranks, status, error);
}

/* HTH_INVALID for a number of classes where the targets are values: it would go nowhere. A run that is there may have
 * it. */
static hth_status check_classes(const hth_run *r, hth_error *error) {
    const hth_setting *set = hth_settings_find(&r->settings, "data.classes");
    if (!set || !*set->value || strcmp(set->value, "0") == 0 ||
        r->session.train.shape.target == HTH_TARGET_CLASSES)
        return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "data.classes is '%.100s', but the targets of the data are values: give targets "
        "of integers, or leave it out",
        set->value);
}

hth_status hth_run_open_all(hth_run *r, const hth_config *config, const char *out, bool resume,
                            const hth_guest_kind *guest, hth_error *error) {
    if (!r->passing) HTH_TRY(hth_config_validate(config, error));
    hth_status status = hth_run_writes(r) ? hth_rundir_check(out, resume, error) : HTH_OK;
    HTH_TRY(hth_ranks_agree(r->ranks, status, error));
    hth_run_tell_reading(r, true);
    status = hth_run_open_handles(r, guest, error);
    if (status == HTH_OK && !resume && !r->passing) status = check_classes(r, error);
    hth_run_tell_reading(r, false);
    HTH_TRY(hth_ranks_agree(r->ranks, status, error));
    HTH_TRY(hth_ranks_agree(r->ranks, open_folder(r, out, resume, error), error));
    HTH_TRY(take_up_in_turn(r, resume, error));
    return set_out(r, config, error);
}

hth_run *hth_run_make(const hth_config *config, const hth_ranks *ranks,
                      const hth_observer *observer, hth_outcome *outcome, hth_error *error) {
    static const hth_observer nobody;
    hth_run *r = calloc(1, sizeof *r);
    *outcome = (hth_outcome){.ending = HTH_INTERRUPTED,
                             .test_loss = NAN,
                             .test_metric = NAN,
                             .transfer = hth_transfer_nothing()};
    if (!r) {
        hth_fail(error, HTH_NO_MEMORY, "not enough memory for a run");
        return NULL;
    }
    r->observer = observer ? observer : &nobody;
    r->ranks = ranks;
    r->outcome = outcome;
    r->all = r->settings = hth_config_settings(config);
    r->dir.lock = -1;
    return r;
}

void hth_run_close(hth_run *r) {
    if (r->metrics) fclose(r->metrics);
    if (r->board) fclose(r->board);
    if (r->session.guest.lines) fclose(r->session.guest.lines);
    hth_held_best_free(r->best);
    hth_identity_free(&r->identity);
    hth_scorer_close(&r->validation);
    hth_session_close(&r->session);
    free(r->own.items);
    hth_rundir_close(&r->dir);
    free(r);
}
