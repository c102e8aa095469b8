/* The mean gradient of learners that draw. */
#ifndef HTH_DRAWS_H
#define HTH_DRAWS_H

#include "check/report.h"
#include "check/subject.h"

/* Compares the mean gradient of `draws` runs with the exact one. If not `unbiased`, the learner may have parts that
 * learn, so each draw comes from a new learner. */
hth_status hth_check_draws(hth_check_run *run, hth_rehearsal *rehearsal, const char *name,
                           size_t draws, const hth_real *exact, bool unbiased, hth_error *error);
/* Compares the mean over all signs that a run can draw. *done false: there are too many signs. */
hth_status hth_check_signs(hth_check_run *run, const hth_rehearsal *rehearsal, const char *name,
                           const hth_real *exact, bool *done, hth_error *error);

#endif
