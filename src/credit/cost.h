/* What a learner costs and needs, added up from what its parts say of themselves. */
#ifndef HTH_COST_H
#define HTH_COST_H

#include "credit/learner.h"

/* One part at the sizes of the learner's network, per item of the batch: numbers carried from tape to tape,
 * and multiply-adds per step. NAN: its formula cannot be evaluated. */
typedef struct hth_cost {
    const char *axis; /* "signal", ... */
    const hth_axis *part;
    double memory, operations;
} hth_cost;
/* Of a learner or of the plan of one. */
void hth_learner_costs(const hth_learner *learner, hth_cost out[HTH_AXES]);

/* All needs of the parts, and of a tape of more than one step. Returns their number. */
enum { HTH_ALL_NEEDS = 4 * HTH_MAX_NEEDS + 1 };
size_t hth_learner_needs(const hth_learner *learner, hth_need out[HTH_ALL_NEEDS]);

/* What the fields of the learner's state hold: all that is carried from tape to tape. */
typedef struct hth_kept {
    uint64_t numbers, bytes; /* of type hth_real; of all types */
} hth_kept;
hth_status hth_learner_kept(hth_learner *learner, hth_kept *out, hth_error *error);

#endif
