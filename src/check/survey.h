/* Lists every learner for the user's own network: costs, needs and guarantees. */
#ifndef HTH_SURVEY_H
#define HTH_SURVEY_H

#include "credit/inspect.h"
#include "settings/config.h"

typedef struct hth_survey_row {
    const char *name;
    const hth_network *network; /* valid during `visit` */
    const char *refusal;        /* why this network cannot have it; NULL: it can */
    size_t steps;               /* K; for an endless sequence the K of truncated backpropagation */
    hth_bias bias; /* for sequences longer than a tape, unless the tape holds whole sequences */
    const hth_learner *learner; /* the plan of the learner, valid during `visit`; NULL: refused */
} hth_survey_row;

hth_status hth_survey(const hth_config *config,
                      void (*visit)(void *context, const hth_survey_row *row), void *context,
                      hth_error *error);

#endif
