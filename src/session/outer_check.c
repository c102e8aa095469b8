/* What episodes have no use for: see outer.h. */
#include "session/outer.h"

#include "base/known.h"
#include "settings/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The stream and the section train ------------------------------------------------------- */

static hth_status check_stream(const hth_session *s, hth_error *error) {
    const hth_source *source = &s->train;
    const char *what = source->kind->answers                       ? "it is a world"
                       : source->shape.target != HTH_TARGET_VALUES ? "its targets are classes"
                       : source->shape.vocabulary                  ? "its inputs are tokens"
                       : source->sequence_steps == 0
                           ? "its sequences have no end, or several lengths"
                       : hth_source_grows(source) ? "its sequences grow"
                                                  : NULL;
    if (!what) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "episodes (learner.signal = module) need sequences of one length with numbers "
                    "as inputs and targets, but of '%s' %s",
                    source->kind->part.name, what);
}

/* Sequences that are drawn one by one have no neighbour of the same task. */
static hth_status check_trials(const hth_session *s, hth_error *error) {
    if (s->outer->options.trials != HTH_TRIALS_PAIRS || s->train.kind->pairs) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "episode.trials is 'pairs', but of '%s' no two sequences belong to one task: "
                    "take episode.trials = same, or put training and test trials in turn into a "
                    "file (data=arrays)",
                    s->train.kind->part.name);
}

static hth_status check_options(const hth_settings *settings, const hth_session *s,
                                hth_error *error) {
    const hth_train_options *o = &s->options;
    const hth_setting *metric = hth_settings_find(settings, hth_metrics.key);
    const char *name = metric ? metric->value : "auto";
    if (strcmp(name, "auto") != 0 && strcmp(name, hth_metric_find("place")->part.name) != 0)
        return hth_fail(
            error, HTH_INVALID,
            "train.metric is '%s', but what episodes report beside the loss is 'place': "
            "leave train.metric out",
            name);
    const hth_setting *loss = hth_settings_find(settings, "loss.name");
    if (loss)
        return hth_fail(error, HTH_INVALID,
                        "loss.name is '%s', but episodes have a squared loss of their own "
                        "(episode.loss): leave it out",
                        loss->value);
    if (o->validation_batch && o->validation_batch != o->batch)
        return hth_fail(error, HTH_INVALID,
                        "train.validation_batch is %lld, but episodes are validated in batches of "
                        "train.batch, %lld: leave it out, and set train.validation_steps to the "
                        "steps of a trial times the number of batches",
                        (long long)o->validation_batch, (long long)o->batch);
    if (o->keep_state || o->align)
        return hth_fail(error, HTH_INVALID,
                        "train.%s is set, but episodes begin each trial at the state 0, at weights "
                        "of their own: leave it out",
                        o->keep_state ? "keep_state" : "align");
    return HTH_OK;
}

/* ---- Settings of other runs ----------------------------------------------------------------- */

/* A setting that other runs have a use for, its default, and what to do in a run of episodes. */
typedef struct idle {
    const char *key, *fallback, *why;
} idle;

#define OWN_LOSS "but episodes have a squared loss of their own (episode.loss): leave it out"
#define OWN_RATES                                                                                  \
    "but episodes count the spikes of all trials: set episode.rate_target in its place"
#define OWN_TRACES                                                                                 \
    "but the updates of episodes take traces as the derivative has them: leave it out"

static const idle idles[] = {
    {"replay.name", "none", "but each episode has tasks of its own: leave it out"},
    {"loss.batch", "mean", OWN_LOSS},
    {"loss.time", "sum", OWN_LOSS},
    {"loss.report", "sum", OWN_LOSS},
    {"regulariser.rate_target", "0.01", OWN_RATES},
    {"regulariser.rate_form", "half-sum", "but episodes have sum (f - f*)^2: leave it out"},
    {"regulariser.rate_over", "sequence",
     "but episodes count the spikes of all trials: leave it out"},
    {"learner.scale_trace", "derivative", OWN_TRACES},
    {"learner.scale_filtered", "derivative", OWN_TRACES},
};

/* What the conventions that the settings name say of a key; NULL: nothing. A run's own settings.yaml has such values
 * beside its user's. */
static const char *by_convention(const hth_settings *settings, const char *key) {
    const hth_setting *name = hth_settings_find(settings, hth_conventions.key);
    hth_setting items[HTH_MOST_CONVENTIONS];
    const size_t count = name ? hth_conventions_of(name->value, items) : 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].key, key) == 0) return items[i].value;
    return NULL;
}

static hth_status check_idle(const hth_settings *settings, hth_error *error) {
    for (size_t i = 0; i < HTH_COUNT(idles); i++) {
        const hth_setting *given = hth_settings_find(settings, idles[i].key);
        if (!given || strcmp(given->value, idles[i].fallback) == 0) continue;
        const char *convention = by_convention(settings, idles[i].key);
        if (!convention || strcmp(given->value, convention) != 0)
            return hth_fail(error, HTH_INVALID, "%s is '%s', %s", idles[i].key, given->value,
                            idles[i].why);
    }
    return HTH_OK;
}

/* A tape is a whole trial, and an update comes at its end. */
static hth_status check_tape(const hth_settings *settings, const hth_session *s, hth_error *error) {
    const hth_setting *steps = hth_settings_find(settings, "learner.steps");
    const hth_setting *update = hth_settings_find(settings, "learner.update");
    const double given = steps ? strtod(steps->value, NULL) : 0;
    if (given > 0 && given < (double)s->train.sequence_steps)
        return hth_fail(error, HTH_INVALID,
                        "learner.steps is %s, but in episodes a tape is a whole trial, %llu steps "
                        "of '%s': leave learner.steps out",
                        steps->value, (unsigned long long)s->train.sequence_steps,
                        s->train.kind->part.name);
    if (update && strcmp(update->value, "tape") == 0)
        return hth_fail(error, HTH_INVALID,
                        "learner.update is 'tape', but in episodes an update comes at the end of a "
                        "training trial: leave learner.update out");
    return HTH_OK;
}

hth_status hth_outer_check(const hth_settings *settings, const hth_session *s, hth_error *error) {
    HTH_TRY(check_stream(s, error));
    HTH_TRY(check_trials(s, error));
    HTH_TRY(check_options(settings, s, error));
    HTH_TRY(check_idle(settings, error));
    return check_tape(settings, s, error);
}

/* ---- Settings of episodes in other runs ----------------------------------------------------- */

hth_status hth_outer_refuse_alone(const hth_settings *settings, hth_error *error) {
    static const hth_catalogue *const sections[] = {&hth_module_section, &hth_episode_section};
    char key[HTH_KEY_LENGTH];
    for (size_t k = 0; k < HTH_COUNT(sections); k++)
        for (size_t i = 0; i < sections[k]->common.count; i++) {
            const hth_option *option = &sections[k]->common.items[i];
            snprintf(key, sizeof key, "%s.%s", sections[k]->common.section, option->name);
            const hth_setting *given = hth_settings_find(settings, key);
            if (given && strcmp(given->value, option->fallback) != 0)
                return hth_fail(error, HTH_INVALID,
                                "%s is '%s', but only a run with learner.signal = module has "
                                "episodes and a module: leave it out",
                                key, given->value);
        }
    return HTH_OK;
}
