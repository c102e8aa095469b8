/* One network of the settings; then the plan of a learner of each preset for it, one after the other. */
#include "check/survey.h"

#include "credit/catalogues.h"
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

/* What a plan points into. */
typedef struct survey_room {
    hth_drawer drawers[HTH_AXES];
    hth_learner plan;
} survey_room;

static hth_status plan(const survey *s, const hth_settings *settings, hth_survey_row *row,
                       survey_room *room, hth_error *error) {
    const uint64_t whole = s->source.sequence_steps;
    hth_axes axes;
    HTH_TRY(hth_axes_read(settings, &axes, error));
    HTH_TRY(hth_tape_steps(settings, &s->source, &row->steps, error));
    if (axes.preset->steps == HTH_WHOLE_TRIALS) row->steps = 1;
    HTH_TRY(hth_learner_plan(settings, s->network, row->steps, 1, 1, room->drawers, &room->plan,
                             error));
    row->bias = hth_axes_bias(&axes, row->steps, whole ? (size_t)whole : row->steps + 1);
    row->learner = &room->plan;
    return HTH_OK;
}

static hth_status make(const survey *s, hth_survey_row *row, survey_room *room, hth_error *error) {
    const hth_setting items[] = {
        {"learner.name", row->name, NULL},      {"learner.signal", "preset", NULL},
        {"learner.recurrence", "preset", NULL}, {"learner.past", "preset", NULL},
        {"learner.future", "preset", NULL},     {"learner.window", "-1", NULL},
        {"learner.window_of", "preset", NULL}};
    const hth_settings overrides = {items, HTH_COUNT(items)};
    hth_settings settings;
    HTH_TRY(hth_settings_join(&s->settings, &overrides, &settings, error));
    hth_status status = plan(s, &settings, row, room, error);
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
        hth_survey_row row = {.name = hth_learners.at(i)->name};
        survey_room room;
        if (make(&s, &row, &room, &reason) != HTH_OK) row.refusal = reason.message;
        visit(context, &row);
    }
    close_survey(&s);
    return status;
}
