/* Every learner that there is, made for the user's own network: what it costs, needs and promises. */
#ifndef HTH_SURVEY_H
#define HTH_SURVEY_H

#include "credit/inspect.h"
#include "settings/config.h"

typedef struct hth_survey_row {
    const char *name;
    const char *refusal; /* why this network cannot have it; NULL: it can, and the rest is filled */
    size_t steps;        /* K; of a sequence without end, that of truncated backpropagation */
    hth_bias bias; /* of a sequence longer than the tape, if the tape is not the whole of it */
    const hth_learner *learner; /* the plan of one, while it is shown; NULL when refused */
} hth_survey_row;

hth_status hth_survey(const hth_config *config,
                      void (*visit)(void *context, const hth_survey_row *row), void *context,
                      hth_error *error);

#endif
