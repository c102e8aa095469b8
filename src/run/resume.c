/* What a run that goes on may not change: what it has done already. Its settings.yaml would say what was not so. */
#include "files/folder.h"
#include "run/run.h"
#include "settings/identity.h"

#include <stdlib.h>

/* The settings of one phase, before and now. Without phases, of the run. */
typedef struct lengths {
    const hth_settings *before, *now;
} lengths;

/* One of the settings on which it depends how long a phase lasts that now has another value. NULL: there is none. */
static const hth_setting *changed(const lengths *l, const char **before) {
    static const char *const keys[] = {"train.steps",   "train.sequences", "train.epochs",
                                       "train.stop_at", "train.stop_over", "train.patience"};
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        const hth_setting *was = hth_settings_find(l->before, keys[i]);
        const hth_setting *is = hth_settings_find(l->now, keys[i]);
        if (!was || !is || hth_same_value(was->value, is->value)) continue;
        *before = was->value;
        return is;
    }
    return NULL;
}

/* Whether the phase at hand is past its end. */
static bool is_past(const hth_run *r) {
    const hth_session *s = &r->session;
    const hth_counters *c = &r->counters;
    return (s->steps_total && c->walked.step - c->phase_step > s->steps_total) ||
           (s->epochs_total && hth_run_epochs_done(c) - c->phase_epochs > s->epochs_total);
}

static hth_status check_end(const hth_run *r, const lengths *l, hth_error *error) {
    const char *before;
    const hth_setting *setting = changed(l, &before);
    if (!setting || !is_past(r)) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s (%s) is '%.40s', but the run is past that already, at step %llu; it was "
                    "'%.40s': give more, or leave it out",
                    setting->key, setting->origin ? setting->origin : "set", setting->value,
                    (unsigned long long)r->counters.walked.step, before);
}

static hth_status check_over(const lengths *l, const char *label, hth_error *error) {
    const char *before;
    const hth_setting *setting = changed(l, &before);
    if (!setting) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s (%s) is '%.40s', but phase '%s', which is over, had '%.40s': leave it out, "
                    "or set it in the phases that come, as phases.NAME.%s",
                    setting->key, setting->origin ? setting->origin : "set", setting->value, label,
                    before, setting->key);
}

/* Of another run its parameters were taken at the first step, or never. */
static hth_status check_beginning(const hth_run *r, const lengths *l, hth_error *error) {
    static const char *const keys[] = {"train.from", "train.from_layers"};
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        const hth_setting *was = hth_settings_find(l->before, keys[i]);
        const hth_setting *is = hth_settings_find(l->now, keys[i]);
        const char *before = was ? was->value : "";
        if (!is || hth_same_value(before, is->value)) continue;
        return hth_fail(error, HTH_MISMATCH,
                        "%s (%s) is '%.60s', which counts where a run begins, but this one goes on "
                        "from step %llu; it was '%.60s': leave it out, or begin anew",
                        is->key, is->origin ? is->origin : "set", is->value,
                        (unsigned long long)r->counters.walked.step, before);
    }
    return HTH_OK;
}

/* Looks at the phases up to the one at hand. */
static hth_status check_phases(const hth_run *r, const hth_settings *before, hth_error *error) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    const size_t count = hth_phases(before, labels);
    hth_status status = HTH_OK;
    for (uint64_t k = 0; k <= r->counters.phase && k < count && status == HTH_OK; k++) {
        hth_phase_list was, is;
        HTH_TRY(hth_phase_settings(before, labels[k], &was, error));
        status = hth_phase_settings(&r->all, labels[k], &is, error);
        const lengths both = {&was.settings, &is.settings};
        if (status == HTH_OK) {
            status = k < r->counters.phase ? check_over(&both, labels[k], error)
                                           : check_end(r, &both, error);
            free(is.items);
        }
        free(was.items);
    }
    return status;
}

hth_status hth_run_check_resumed(const hth_run *r, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    bool there;
    hth_config *config;
    HTH_TRY(hth_rundir_file(r->dir.path, "settings.yaml", path, error));
    HTH_TRY(hth_file_look(path, &there, error));
    if (!there) return HTH_OK;
    HTH_TRY(hth_config_create(&config, error));
    hth_status status = hth_config_load(config, path, error);
    const hth_settings before = hth_config_settings(config);
    const lengths both = {&before, &r->all};
    if (status == HTH_OK) status = check_beginning(r, &both, error);
    if (status == HTH_OK)
        status = r->phases ? check_phases(r, &before, error) : check_end(r, &both, error);
    hth_config_destroy(config);
    return status;
}
