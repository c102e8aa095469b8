/* What a run that goes on may not change: what it has done already. Its settings.yaml would say what was not so. */
#include "files/folder.h"
#include "run/run.h"
#include "settings/identity.h"

#include <stdlib.h>
#include <string.h>

/* ---- How long a run is --------------------------------------------------------------------- */

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

/* ---- What holds for all of a run ---------------------------------------------------------- */

/* Names that end with '.' are sections. */
static const char *const of_beginning[] = {"train.from", "train.from_layers", "init.",
                                           "conventions.name"};
static const char *const of_data[] = {"data."};
/* Of the data, where they are: they may be moved. What is in them the checkpoint knows. */
static const char *const places[] = {
    "data.file",     "data.validate_file",   "data.test_file",   "data.dir",
    "data.train",    "data.validate",        "data.test",        "data.labels",
    "data.features", "data.validate_labels", "data.test_labels", "data.phones",
};

static bool is_any(const char *key, const char *const names[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(names[i]);
        const bool section = names[i][length - 1] == '.';
        if (strncmp(key, names[i], section ? length : length + 1) == 0) return true;
    }
    return false;
}

/* Without such a file, a share of the training file's rows serves in its place. */
static const char *const shares[][2] = {{"data.validate_file", "data.validation_fraction"},
                                        {"data.test_file", "data.test_fraction"}};

static const char *share_of(const char *key) {
    for (size_t i = 0; i < HTH_COUNT(shares); i++)
        if (strcmp(key, shares[i][0]) == 0) return shares[i][1];
    return NULL;
}

/* The value that the run had before; one that settings.yaml does not have yet was at its default. */
static const char *value_before(const hth_identity *before, const struct hth_identity_item *now) {
    for (size_t i = 0; i < before->count; i++)
        if (strcmp(before->items[i].key, now->key) == 0) return before->items[i].value;
    return now->by_default ? now->value : "";
}

/* The first share above 0, of the run or of any phase; NULL: there is none. */
static const char *find_share(const hth_identity *now, const char *key) {
    char label[HTH_PHASE_LENGTH];
    for (size_t i = 0; i < now->count; i++) {
        const char *own = hth_phase_key(now->items[i].key, label);
        if (strcmp(own ? own : now->items[i].key, key) == 0 &&
            strtod(now->items[i].value, NULL) > 0)
            return now->items[i].value;
    }
    return NULL;
}

/* Refuses a file in the place of a share of the training rows, and the other way round: other rows would train. */
static hth_status check_rows(const hth_run *r, const hth_identity *is, const char *was,
                             const struct hth_identity_item *now, const char *key,
                             hth_error *error) {
    const char *name = !*was != !*now->value ? share_of(key) : NULL;
    const char *share = name ? find_share(is, name) : NULL;
    const hth_setting *given = hth_settings_find(&r->all, now->key);
    if (!share) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s (%s) is '%.60s', but was '%.60s' up to step %llu, with %s=%.20s: other "
                    "rows would train; leave it out, or begin another run with its parameters "
                    "(train --from %.100s)",
                    now->key, given && given->origin ? given->origin : "set", now->value, was,
                    (unsigned long long)r->counters.walked.step, name, share, r->dir.path);
}

/* Refuses another value of what counts where a run begins, and of what it has learned from. */
static hth_status check_value(const hth_run *r, const hth_identity *before, const hth_identity *is,
                              const struct hth_identity_item *now, hth_error *error) {
    char label[HTH_PHASE_LENGTH];
    const char *in_phase = hth_phase_key(now->key, label), *key = in_phase ? in_phase : now->key;
    const bool begins = is_any(key, of_beginning, HTH_COUNT(of_beginning));
    const bool data = is_any(key, of_data, HTH_COUNT(of_data));
    const char *was = value_before(before, now);
    if (is_any(key, places, HTH_COUNT(places))) return check_rows(r, is, was, now, key, error);
    if (!begins && !data) return HTH_OK;
    if (hth_same_value(was, now->value)) return HTH_OK;
    const hth_setting *given = hth_settings_find(&r->all, now->key);
    const char *origin = !given ? "by default" : given->origin ? given->origin : "set";
    const unsigned long long step = (unsigned long long)r->counters.walked.step;
    if (begins)
        return hth_fail(error, HTH_MISMATCH,
                        "%s (%s) is '%.60s', which counts where a run begins, but this one goes on "
                        "from step %llu; it was '%.60s': leave it out, or begin anew",
                        now->key, origin, now->value, step, was);
    return hth_fail(error, HTH_MISMATCH,
                    "%s (%s) is '%.60s', but up to step %llu the run learned with '%.60s': leave "
                    "it out, or begin another with its parameters (train --from %.100s)",
                    now->key, origin, now->value, step, was, r->dir.path);
}

/* Compares all settings, defaults too. */
static hth_status check_all(const hth_run *r, const hth_settings *before, hth_error *error) {
    hth_identity was, is;
    HTH_TRY(hth_identity_make_whole(before, &was, error));
    hth_status status = hth_identity_make_whole(&r->all, &is, error);
    if (status == HTH_OK) {
        for (size_t i = 0; i < is.count && status == HTH_OK; i++)
            status = check_value(r, &was, &is, &is.items[i], error);
        hth_identity_free(&is);
    }
    hth_identity_free(&was);
    return status;
}

/* ---- All ---------------------------------------------------------------------------------- */

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
    if (status == HTH_OK) status = check_all(r, &before, error);
    if (status == HTH_OK)
        status = r->phases ? check_phases(r, &before, error) : check_end(r, &both, error);
    hth_config_destroy(config);
    return status;
}
