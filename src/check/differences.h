/* Central differences. */
#ifndef HTH_DIFFERENCES_H
#define HTH_DIFFERENCES_H

#include "check/report.h"
#include "check/subject.h"

/* Compares the gradient of a differentiable subject with central differences, in at most `samples` entries of each
 * block. */
hth_status hth_check_differences(hth_check_run *run, const hth_subject *subject, size_t samples,
                                 const hth_real *gradient, hth_error *error);

#endif
