/* Drawing feedback matrices: Gaussian, of mean 0. See feedback.h. */
#include "credit/signal/feedback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* False: the text is no variance. */
static bool read_variance(const char *text, const hth_readout *readout, double *variance) {
    char *end;
    if (strcmp(text, "outputs") == 0) {
        *variance = readout ? 1.0 / (double)readout->outputs : 1;
        return true;
    }
    if (strcmp(text, "units") == 0) {
        *variance = readout ? 1.0 / (double)readout->n : 1;
        return true;
    }
    *variance = strtod(text, &end);
    return end != text && *end == 0 && isfinite(*variance) && *variance >= 0;
}

const char *hth_feedback_objection(const char *variance) {
    double value;
    if (read_variance(variance, NULL, &value)) return NULL;
    return "learner.feedback_variance must be outputs, units or a number of at least 0";
}

hth_feedback *hth_feedback_lay_out(hth_arena *arena, const hth_learner *plan,
                                   const char *variance) {
    const hth_readout *readout = &plan->network->readout;
    hth_feedback *kept = HTH_TAKE(arena, hth_feedback, 1);
    hth_real *F = HTH_TAKE(arena, hth_real, hth_times(readout->outputs, readout->n));
    double value = 0;
    if (!kept) return NULL;
    read_variance(variance, readout, &value);
    *kept = (hth_feedback){F, sqrt(value), UINT64_MAX};
    return kept;
}

void hth_feedback_draw(const hth_learner *learner, hth_feedback *feedback, uint64_t window) {
    const hth_readout *readout = &learner->network->readout;
    const size_t count = readout->outputs * readout->n;
    const hth_random r = {learner->seed, HTH_RANDOM_FEEDBACK, 0};
    if (feedback->window == window) return;
    hth_normals(&r, window * hth_normal_blocks(count), count, feedback->F);
    for (size_t i = 0; i < count; i++) feedback->F[i] *= (hth_real)feedback->deviation;
    feedback->window = window;
}

size_t hth_feedback_needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"iii", true, "the error, carried to the units by weights of its own"};
    return 1;
}
