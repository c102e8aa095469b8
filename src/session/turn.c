/*
 * From phase to phase: the model stays, with network, learner and optimiser, and the data change. So the data of all
 * phases must have one shape.
 */
#include "session/session.h"

#include "network/inspect.h"
#include "session/replay.h"

#include <stdio.h>

/* "28 inputs and 10 classes" */
static void describe(const hth_shape *shape, char *out, size_t size) {
    const bool tokens = shape->vocabulary > 0;
    snprintf(out, size, "%zu %s and %zu %s%s", tokens ? shape->vocabulary : shape->inputs,
             tokens ? "kinds of token" : "inputs", shape->outputs,
             shape->target == HTH_TARGET_CLASSES ? "classes" : "outputs",
             shape->decides ? " with decisions" : "");
}

static bool same_shape(const hth_shape *a, const hth_shape *b) {
    return a->inputs == b->inputs && a->vocabulary == b->vocabulary && a->outputs == b->outputs &&
           a->target == b->target && a->decides == b->decides;
}

/* HTH_MISMATCH when the data of the phase do not fit the network and the tape. */
static hth_status check_fit(const hth_session *s, const hth_session *next, hth_error *error) {
    char has[120], wants[120];
    describe(&next->train.shape, has, sizeof has);
    describe(&s->train.shape, wants, sizeof wants);
    if (!same_shape(&s->train.shape, &next->train.shape))
        return hth_fail(error, HTH_MISMATCH,
                        "its data have %s, but the network is made for %s, which the first phase "
                        "has: phases must agree in these",
                        has, wants);
    if (!s->train.kind->answers != !next->train.kind->answers)
        return hth_fail(
            error, HTH_MISMATCH,
            "%s answers the network and %s does not: phases are all worlds, or none",
            s->train.kind->answers ? s->train.kind->part.name : next->train.kind->part.name,
            s->train.kind->answers ? next->train.kind->part.name : s->train.kind->part.name);
    if (s->steps != next->steps)
        return hth_fail(error, HTH_MISMATCH,
                        "its tapes have %zu steps, but those of the first phase %zu: set "
                        "learner.steps, for a tape is one for all phases",
                        next->steps, s->steps);
    if (s->update_sequence != next->update_sequence)
        return hth_fail(error, HTH_MISMATCH,
                        "its updates come after each %s, but those of the first phase do not: set "
                        "learner.update",
                        next->update_sequence ? "sequence" : "tape");
    return HTH_OK;
}

/* HTH_MISMATCH when the numbers of the phase would not be those of the first. */
static hth_status check_metric(const hth_session *s, const hth_session *next, hth_error *error) {
    const char *name = next->metric.kind->part.name;
    if (next->by_step != s->by_step)
        return hth_fail(error, HTH_MISMATCH,
                        "its agent updates %s, but that of the first phase does not",
                        next->by_step ? "at each step" : "after each tape");
    if (next->metric.kind == s->metric.kind) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "its metric is %s, but that of the first phase %s: set train.metric", name,
                    s->metric.kind->part.name);
}

static hth_status prepare(const hth_settings *settings, const hth_session *s, hth_session *next,
                          hth_error *error) {
    HTH_TRY(hth_session_open_course(settings, next, error));
    HTH_TRY(check_fit(s, next, error));
    HTH_TRY(hth_session_check_course(settings, next, error));
    HTH_TRY(hth_replayer_fit(s->replayer, settings, next, error));
    return check_metric(s, next, error);
}

hth_status hth_session_prepare(const hth_settings *settings, const hth_session *session,
                               hth_session *next, hth_error *error) {
    *next = (hth_session){.model = session->model,
                          .parts = session->parts,
                          .guest = session->guest,
                          .replayer = session->replayer,
                          .along = session->along,
                          .transfer = session->transfer};
    const hth_status status = prepare(settings, session, next, error);
    if (status != HTH_OK) hth_session_discard(next);
    return status;
}

void hth_session_turn(hth_session *session, hth_session *next) {
    hth_source_close(&session->train);
    hth_moments_destroy(&session->moments);
    *session = *next;
}

void hth_session_discard(hth_session *next) {
    hth_source_close(&next->train);
    hth_moments_destroy(&next->moments);
    *next = (hth_session){0};
}
