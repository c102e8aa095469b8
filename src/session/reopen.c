/* Opens a run again and scores its newest checkpoint on a split. */
#include "session/reopen.h"

#include "files/folder.h"
#include "session/checkpoint.h"
#include "session/outer.h"
#include "settings/identity.h"
#include "settings/phases.h"

#include <string.h>

/* The split with this name; HTH_INVALID for another name. */
static hth_status find_split(const char *name, hth_split *split, hth_error *error) {
    static const char *const names[] = {"train", "validation", "test"};
    for (size_t i = 0; i < HTH_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *split = (hth_split)i;
            return HTH_OK;
        }
    return hth_fail(error, HTH_INVALID,
                    "the split is '%.60s', but must be train, validation or test", name);
}

/* Sets those of the overrides that are of the section phases, or the others. */
static hth_status set_overrides(const hth_settings *overrides, bool of_phases, hth_config *config,
                                hth_error *error) {
    for (size_t i = 0; overrides && i < overrides->count; i++) {
        const hth_setting *s = &overrides->items[i];
        if ((strncmp(s->key, "phases.", 7) == 0) == of_phases)
            HTH_TRY(hth_config_set(config, s->key, s->value, s->origin, error));
    }
    return HTH_OK;
}

/* HTH_INVALID for a setting of a phase that the run does not have. */
static hth_status check_phases(const hth_settings *overrides, const hth_config *config,
                               hth_error *error) {
    const hth_settings of_run = hth_config_given(config);
    char label[HTH_PHASE_LENGTH];
    size_t index;
    for (size_t i = 0; overrides && i < overrides->count; i++)
        if (hth_phase_key(overrides->items[i].key, label))
            HTH_TRY(hth_phase_find(&of_run, label, &index, error));
    return HTH_OK;
}

/* Loads the run's settings.yaml, then sets the overrides. Of phases it is the one that is to be looked at. */
static hth_status load_settings(const char *run, const hth_settings *overrides, hth_config *config,
                                hth_error *error) {
    char path[HTH_PATH_LENGTH], folder[HTH_PATH_LENGTH];
    bool by_file;
    HTH_TRY(hth_rundir_of(run, folder, &by_file, error));
    HTH_TRY(hth_rundir_file(folder, "settings.yaml", path, error));
    HTH_TRY(hth_config_load(config, path, error));
    HTH_TRY(check_phases(overrides, config, error));
    HTH_TRY(set_overrides(overrides, true, config, error));
    /* Of phases all, also those that are not looked at. */
    const hth_settings given = hth_config_given(config);
    if (hth_has_phases(&given)) HTH_TRY(hth_config_validate(config, error));
    HTH_TRY(hth_config_enter_phase(config, error));
    const size_t own = config->count;
    HTH_TRY(set_overrides(overrides, false, config, error));
    const hth_settings all = hth_config_given(config);
    HTH_TRY(hth_identity_keep(&all, own, true, error));
    return hth_config_validate(config, error);
}

/* Scores the session's data and fills in *score. */
static hth_status score_session(hth_session *session, const hth_observer *observer,
                                hth_confusion *confusion, hth_score *score, hth_error *error) {
    hth_watch watch = {.stop = observer ? observer->interrupted : NULL};
    hth_scorer scorer = {0};
    bool stopped;
    /* One pass over the data. */
    HTH_TRY(hth_scorer_take(session, &scorer, error));
    scorer.confusion = confusion;
    hth_status status = hth_scorer_run(&scorer, &watch, &stopped, error);
    if (status == HTH_OK)
        score->metric = hth_run_metric_value(&session->metric, &scorer.tally.sums, &scorer.moments);
    const hth_tally tally = scorer.tally;
    hth_scorer_close(&scorer);
    /* A pass without weight has no mean. */
    if (status != HTH_OK) return status;
    if (!(tally.sums.weight > 0))
        return hth_fail(error, HTH_INVALID, "%s",
                        stopped ? "interrupted before the first step was scored"
                                : "no step of the split has weight: there is nothing to score");
    score->loss = hth_mean_loss(&tally.sums);
    score->steps = tally.step;
    /* A metric that only training changes (the length of growing sequences) is not reported. */
    score->metric_name =
        session->metric.kind->of_training ? "none" : session->metric.kind->part.name;
    return HTH_OK;
}

/* Scores the tasks of a session of episodes. */
static hth_status score_episodes(hth_session *session, const hth_observer *observer,
                                 hth_score *score, hth_error *error) {
    hth_watch watch = {.stop = observer ? observer->interrupted : NULL};
    hth_outer_result result;
    bool stopped;
    HTH_TRY(hth_outer_score(session, &session->train, &watch, &result, &stopped, error));
    *score = (hth_score){.loss = result.loss,
                         .metric = result.place,
                         .metric_name = session->metric.kind->part.name,
                         .steps = result.steps};
    return HTH_OK;
}

/* Opens a session of episodes and restores both networks. */
static hth_status open_episodes(const char *run, hth_split split, const hth_settings *overrides,
                                hth_config *config, hth_session *session, hth_error *error) {
    HTH_TRY(load_settings(run, overrides, config, error));
    hth_settings settings = hth_config_settings(config);
    if (!hth_episodes_wanted(&settings)) return HTH_OK;
    HTH_TRY(hth_outer_open(&settings, split, session, error));
    return hth_run_restore(
        run, &settings,
        &(hth_handles){.parts.network = session->parts.network, .outer = session->outer}, error);
}

/* Opens the session and restores the network. */
static hth_status open_run(const char *run, hth_split split, const hth_settings *overrides,
                           hth_config *config, hth_session *session, hth_error *error) {
    HTH_TRY(load_settings(run, overrides, config, error));
    hth_settings settings = hth_config_settings(config);
    HTH_TRY(hth_session_open_forward(&settings, split, session, error));
    return hth_run_restore(run, &settings, &(hth_handles){.parts.network = session->parts.network},
                           error);
}

/* One of the two ways of opening a run. */
typedef hth_status (*opener)(const char *run, hth_split split, const hth_settings *overrides,
                             hth_config *config, hth_session *session, hth_error *error);

static void tell_data(const hth_observer *observer, const hth_source *source) {
    char sentence[300];
    if (!observer || !observer->message) return;
    hth_source_describe(source, sentence, sizeof sentence);
    if (*sentence) observer->message(observer->context, sentence);
}

/* Opens, or closes all again. */
static hth_status open_by(opener by, const char *run, const char *split,
                          const hth_settings *overrides, const hth_observer *observer,
                          hth_config **config, hth_session *session, hth_error *error) {
    hth_session opened = {0};
    hth_split which = HTH_TEST;
    *config = NULL;
    HTH_TRY(find_split(split, &which, error));
    HTH_TRY(hth_config_create(config, error));
    hth_tell_reading(observer, true);
    hth_status status = by(run, which, overrides, *config, &opened, error);
    hth_tell_reading(observer, false);
    if (status == HTH_OK) {
        tell_data(observer, &opened.train);
        *session = opened;
        return HTH_OK;
    }
    hth_session_close(&opened);
    hth_config_destroy(*config);
    *config = NULL;
    return status;
}

hth_status hth_run_open(const char *run, const char *split, const hth_settings *overrides,
                        const hth_observer *observer, hth_config **config, hth_session *session,
                        hth_error *error) {
    return open_by(open_run, run, split, overrides, observer, config, session, error);
}

hth_status hth_run_open_episodes(const char *run, const char *split, const hth_settings *overrides,
                                 const hth_observer *observer, hth_config **config,
                                 hth_session *session, hth_error *error) {
    return open_by(open_episodes, run, split, overrides, observer, config, session, error);
}

/* Opens a run of either kind. */
static hth_status open_any(const char *run, const char *split, const hth_settings *overrides,
                           const hth_observer *observer, hth_config **config, hth_session *session,
                           hth_error *error) {
    HTH_TRY(hth_run_open_episodes(run, split, overrides, observer, config, session, error));
    if (session->outer) return HTH_OK;
    hth_config_destroy(*config);
    return hth_run_open(run, split, overrides, observer, config, session, error);
}

hth_status hth_evaluate_classes(const char *run, const char *split, const hth_settings *overrides,
                                const hth_observer *observer, hth_score *score,
                                hth_confusion *confusion, hth_error *error) {
    hth_session session;
    hth_config *config;
    /* Open the run. */
    HTH_TRY(open_any(run, split, overrides, observer, &config, &session, error));
    hth_status status = HTH_OK;
    /* Score it; the matrix goes to the caller only without an error. */
    if (confusion) status = hth_confusion_create(&session.train.shape, confusion, error);
    if (status == HTH_OK && confusion) confusion->heads = session.metric.loss.heads;
    if (status == HTH_OK && session.outer)
        status = score_episodes(&session, observer, score, error);
    else if (status == HTH_OK)
        status = score_session(&session, observer, confusion, score, error);
    if (status != HTH_OK && confusion) hth_confusion_destroy(confusion);
    hth_session_close(&session);
    hth_config_destroy(config);
    return status;
}

hth_status hth_evaluate(const char *run, const char *split, const hth_settings *overrides,
                        const hth_observer *observer, hth_score *score, hth_error *error) {
    return hth_evaluate_classes(run, split, overrides, observer, score, NULL, error);
}
