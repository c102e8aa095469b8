/* A second learner: see second.h. */
#include "session/second.h"

#include "credit/inspect.h"
#include "settings/config.h"

#include <stdio.h>
#include <stdlib.h>

hth_status hth_second_settings(const hth_settings *settings, const char *learner, int64_t steps,
                               hth_second *out, hth_error *error) {
    snprintf(out->steps, sizeof out->steps, "%lld", (long long)steps);
    const hth_setting items[] = {
        {"learner.name", learner, NULL},        {"learner.signal", "preset", NULL},
        {"learner.recurrence", "preset", NULL}, {"learner.past", "preset", NULL},
        {"learner.future", "preset", NULL},     {"learner.window", "-1", NULL},
        {"learner.window_of", "preset", NULL},  {"learner.steps", out->steps, NULL}};
    const hth_settings overrides = {items, *learner ? HTH_COUNT(items) : 0};
    return hth_settings_join(settings, &overrides, &out->settings, error);
}

void hth_second_free(hth_second *second) {
    free((void *)(uintptr_t)second->settings.items);
    second->settings = (hth_settings){0};
}

/* Whether the gradients of the learner are those of the tape, and all of it a gradient. */
typedef struct finding {
    bool slides, fits;
} finding;

static void look(void *found, const hth_learner *plan) {
    *(finding *)found = (finding){hth_learner_slides(plan), hth_learner_fits(plan)};
}

hth_status hth_second_check(const hth_settings *settings, const hth_session *s,
                            const hth_source *source, const char *who, const char *where,
                            hth_error *error) {
    finding found;
    size_t steps;
    HTH_TRY(hth_tape_steps(settings, source, &steps, error));
    HTH_TRY(hth_learner_plan_for(settings, s->parts.network, steps, 1, look, &found, error));
    if (!found.slides && !found.fits) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s gradients of whole sequences, but the learner %s: name another with %s",
                    who,
                    found.slides ? "gives them later than the losses (learner.window)"
                                 : "fits the readout by least squares (learner.readout)",
                    where);
}
