/* Learning rates that parts of a learner have of their own: an option whose name ends with _lr is one. */
#include "credit/catalogues.h"
#include "credit/learner.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The option of a part that is a rate, or NULL. */
static const char *rate_of(const hth_axis *axis) {
    const hth_options *options = &axis->part.options;
    for (size_t i = 0; i < options->count; i++) {
        const size_t length = strlen(options->items[i].name);
        if (length > 3 && strcmp(options->items[i].name + length - 3, "_lr") == 0)
            return options->items[i].name;
    }
    return NULL;
}

/* What a part that is to blame has outgrown: 1000, and the largest parameter of the network. */
static double bound_of(const hth_network *net) {
    double most = 1000;
    for (size_t i = 0; i < net->count; i++) {
        const double size = fabs((double)net->theta[i]);
        if (size > most) most = size; /* gcc 12 for aarch64 fails on fmax here */
    }
    return most;
}

/* The state of a part begins with what it learns, if it learns anything by a rate of its own. */
static bool is_sound(hth_learner *learner, const hth_axis *axis) {
    enum { MOST = 32 };
    const double much = bound_of(learner->network);
    hth_field fields[MOST];
    if (!axis->state || axis->state(learner, fields, MOST) == 0) return true;
    const hth_real *x = fields[0].data;
    for (size_t i = 0; fields[0].dtype == HTH_DTYPE_REAL && i < fields[0].count; i++)
        if (!(fabs((double)x[i]) <= much)) return false;
    return true;
}

bool hth_learner_rate(hth_learner *learner, char *out, size_t size, bool *sound) {
    const hth_axis *const all[] = {&learner->axes.signal->axis, &learner->axes.recurrence->axis,
                                   &learner->axes.past->axis, &learner->axes.future->axis};
    bool found = false;
    *sound = true;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        const char *rate = rate_of(all[i]);
        if (!rate) continue;
        const bool is = is_sound(learner, all[i]);
        /* of several, the one whose weights are not sound */
        if (!found || (!is && *sound)) snprintf(out, size, "learner.%s", rate);
        *sound = *sound && is;
        found = true;
    }
    return found;
}
