/* Makes one network of the settings, then plans a learner of each preset for it, one after the other. */
#include "check/survey.h"

#include "session/session.h"

#include <stdlib.h>

typedef struct survey {
    hth_settings settings;
    hth_source source;
    hth_compute *compute;
    hth_network *network;
    hth_train_options options;
} survey;

static hth_status open_survey(survey *s, hth_error *error) {
    HTH_TRY(hth_options_read(&hth_train_section.common, &s->settings, &s->options, error));
    const uint64_t seed = (uint64_t)s->options.seed;
    HTH_TRY(hth_source_open(&s->settings, HTH_TRAIN, 1, seed, &s->source, error));
    if (!s->source.kind)
        return hth_fail(error, HTH_INVALID, "the settings of data name no training data");
    HTH_TRY(hth_compute_create(1, NULL, &s->compute, error));
    return hth_network_create(&s->settings, &s->source.shape, seed, NULL, &s->network, error);
}

static void close_survey(survey *s) {
    hth_network_destroy(s->network);
    hth_compute_destroy(s->compute);
    hth_source_close(&s->source);
}

/* A row that is about to be shown. */
typedef struct survey_visit {
    const survey *survey;
    hth_survey_row *row;
    void (*visit)(void *context, const hth_survey_row *row);
    void *context;
} survey_visit;

static void show(void *context, const hth_learner *plan) {
    const survey_visit *at = context;
    const uint64_t whole = at->survey->source.sequence_steps;
    hth_survey_row *row = at->row;
    row->bias = hth_learner_bias(plan, row->steps, whole ? (size_t)whole : row->steps + 1);
    row->learner = plan;
    at->visit(at->context, row);
}

static hth_status plan(const hth_settings *settings, survey_visit *at, hth_error *error) {
    const survey *s = at->survey;
    hth_learner_kind kind;
    HTH_TRY(hth_learner_choose(settings, &kind, error));
    HTH_TRY(hth_tape_steps(settings, &s->source, &at->row->steps, error));
    if (kind.steps == HTH_WHOLE_TRIALS) at->row->steps = 1;
    return hth_learner_plan_for(settings, s->network, at->row->steps, 1, show, at, error);
}

static hth_status survey_one(survey_visit *at, hth_error *error) {
    const hth_setting items[] = {
        {"learner.name", at->row->name, NULL},  {"learner.signal", "preset", NULL},
        {"learner.recurrence", "preset", NULL}, {"learner.past", "preset", NULL},
        {"learner.future", "preset", NULL},     {"learner.window", "-1", NULL},
        {"learner.window_of", "preset", NULL}};
    const hth_settings overrides = {items, HTH_COUNT(items)};
    hth_settings settings;
    HTH_TRY(hth_settings_join(&at->survey->settings, &overrides, &settings, error));
    const hth_status status = plan(&settings, at, error);
    free((void *)(uintptr_t)settings.items);
    return status;
}

hth_status hth_survey(const hth_config *config,
                      void (*visit)(void *context, const hth_survey_row *row), void *context,
                      hth_error *error) {
    survey s = {.settings = hth_config_settings(config)};
    HTH_TRY(hth_config_validate(config, error));
    hth_status status = open_survey(&s, error);
    for (size_t i = 0; i < hth_learners.count && status == HTH_OK; i++) {
        hth_error reason;
        hth_survey_row row = {.name = hth_learners.at(i)->name, .network = s.network};
        survey_visit at = {&s, &row, visit, context};
        if (survey_one(&at, &reason) == HTH_OK) continue;
        row.refusal = reason.message;
        visit(context, &row);
    }
    close_survey(&s);
    return status;
}
