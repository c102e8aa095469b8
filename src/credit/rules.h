/* Which choices of a learner go together: rules.c. hitherto list --rules prints what stands there. */
#ifndef HTH_RULES_H
#define HTH_RULES_H

#include "credit/learner.h"

/* HTH_INVALID names the choice that cannot be, why, and what to set instead: the first rule that the plan breaks, or
 * what a part itself `refuses`. Options of all parts have been read. */
hth_status hth_rules_check(const hth_learner *plan, hth_error *error);

#endif
