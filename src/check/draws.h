/* Learners that draw, in the mean. */
#ifndef HTH_DRAWS_H
#define HTH_DRAWS_H

#include "check/report.h"
#include "check/subject.h"

/* The mean gradient of `draws` runs of a learner that draws, against the exact one. What is not unbiased may have
 * parts that learn, so that each of its draws is of a new learner. */
hth_status hth_check_draws(hth_check_run *run, hth_rehearsal *rehearsal, const char *name,
                           size_t draws, const hth_real *exact, bool unbiased, hth_error *error);
/* The mean over all signs that a run can draw; *done false: they are too many. */
hth_status hth_check_signs(hth_check_run *run, const hth_rehearsal *rehearsal, const char *name,
                           const hth_real *exact, bool *done, hth_error *error);

#endif
