/* Learning rates that parts of a learner have of their own: an option whose name ends with _lr is one. */
#include "credit/rates.h"

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

static bool is_finite(const hth_field *field) {
    const hth_real *x = field->data;
    for (size_t i = 0; field->dtype == HTH_DTYPE_REAL && i < field->count; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* All that a part keeps. */
static bool keeps_finite(hth_learner *learner, const hth_axis *axis) {
    enum { MOST = 32 };
    hth_field fields[MOST];
    const size_t count = axis->state ? axis->state(learner, fields, MOST) : 0;
    bool finite = true;
    for (size_t i = 0; i < count && i < MOST; i++) finite = finite && is_finite(&fields[i]);
    return finite;
}

bool hth_learner_rate(hth_learner *learner, char *out, size_t size, bool *finite) {
    const hth_axis *const all[] = {&learner->axes.signal->axis, &learner->axes.recurrence->axis,
                                   &learner->axes.past->axis, &learner->axes.future->axis};
    bool found = false;
    *finite = true;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        const char *rate = rate_of(all[i]);
        if (!rate) continue;
        const bool keeps = keeps_finite(learner, all[i]);
        /* of several, the part that has lost its numbers */
        if (!found || (!keeps && *finite)) snprintf(out, size, "learner.%s", rate);
        *finite = *finite && keeps;
        found = true;
    }
    return found;
}
