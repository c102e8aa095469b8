/* Drawing feedback matrices: Gaussian, of mean 0. See feedback.h. */
#include "credit/signal/feedback.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* False: the text is no variance. */
static bool read_variance(const char *text, size_t outputs, size_t units, double *variance) {
    char *end;
    if (strcmp(text, "outputs") == 0) {
        *variance = 1.0 / (double)outputs;
        return true;
    }
    if (strcmp(text, "units") == 0) {
        *variance = 1.0 / (double)units;
        return true;
    }
    *variance = strtod(text, &end);
    return end != text && *end == 0 && isfinite(*variance) && *variance >= 0;
}

const char *hth_feedback_objection(const char *variance) {
    double value;
    if (read_variance(variance, 1, 1, &value)) return NULL;
    return "learner.feedback_variance must be outputs, units or a number of at least 0";
}

double hth_feedback_deviation(const char *variance, size_t outputs, size_t units) {
    double value = 0;
    read_variance(variance, outputs, units, &value);
    return sqrt(value);
}

hth_feedback *hth_feedback_lay_out(hth_arena *arena, const hth_learner *plan,
                                   const char *variance) {
    const hth_readout *readout = &plan->network->readout;
    hth_feedback *kept = HTH_TAKE(arena, hth_feedback, 1);
    hth_real *F = HTH_TAKE(arena, hth_real, hth_times(readout->outputs, readout->n));
    if (!kept) return NULL;
    const double deviation = hth_feedback_deviation(variance, readout->outputs, readout->n);
    *kept = (hth_feedback){F, deviation, UINT64_MAX};
    return kept;
}

/* Numbers of one stream; the place of the first counts in blocks of deviates. */
static void draw(const hth_learner *learner, uint32_t stream, uint64_t block, double deviation,
                 size_t count, hth_real *F) {
    const hth_random r = {learner->seed, HTH_RANDOM_FEEDBACK, stream};
    hth_normals(&r, block, count, F);
    for (size_t i = 0; i < count; i++) F[i] *= (hth_real)deviation;
}

void hth_feedback_normal(const hth_learner *learner, uint32_t stream, double deviation,
                         size_t count, hth_real *F) {
    draw(learner, stream, 0, deviation, count, F);
}

void hth_feedback_draw(const hth_learner *learner, hth_feedback *feedback, uint64_t window) {
    const hth_readout *readout = &learner->network->readout;
    const size_t count = readout->outputs * readout->n;
    if (feedback->window == window) return;
    draw(learner, 0, window * hth_normal_blocks(count), feedback->deviation, count, feedback->F);
    feedback->window = window;
}

size_t hth_feedback_needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"iii", true, "the error, carried to the units by weights of its own"};
    return 1;
}
