/*
 * A learner is a choice on four axes: signal, recurrence, past, future (design: the one idea). Each
 * choice on an axis is a part with a table of verbs; learner.c runs them in order over the one scan.
 */
#ifndef HTH_LEARNER_H
#define HTH_LEARNER_H

#include "credit/scan.h"
#include "optim/gradient.h"

/* How the error at the readout reaches a unit now: q_t = F^T err_t. */
typedef struct hth_signal {
    hth_part part;
    bool reaches_units; /* false: only the readout learns */
    /* F[outputs][n], for the tape that is on the learner. */
    const hth_real *(*feedback)(const hth_learner *learner);
} hth_signal;

/* What is kept of everything before the tape. */
typedef struct hth_past {
    hth_part part;
    /* Why this past cannot go with the other choices, or NULL. */
    const char *(*refuses)(hth_recurrence recurrence);
    /* Places what it keeps; called twice, to count and to place. */
    void (*lay_out)(hth_arena *arena, hth_learner *learner);
    void (*reset)(hth_learner *learner);
    /* Adds the gradient of the adjoint at the start of the tape with what is kept. */
    void (*contract)(hth_learner *learner, hth_gradient *gradient);
    /* Takes what is kept over the tape. */
    void (*advance)(hth_learner *learner);
    size_t (*state)(hth_learner *learner, hth_field *fields, size_t capacity);
} hth_past;

/* What stands in for losses after the tape: sets sbar and zbar at its end. */
typedef struct hth_future {
    hth_part part;
    void (*boundary)(hth_learner *learner);
} hth_future;

struct hth_learner {
    const hth_network *network;
    hth_compute *compute;
    size_t steps, batch;
    const hth_signal *signal;
    hth_recurrence recurrence;
    const hth_past *past;
    const hth_future *future;
    hth_adjoint adjoint; /* of the batch; adjoint.tape is the tape being learned from */
    hth_real *start;     /* [batch][outputs]: dE/dy before the tape; kappa > 0 only */
    hth_real *scratch;   /* of the readout */
    void *kept;          /* the past's own */
};

const hth_signal *hth_signal_at(size_t index);
const hth_past *hth_past_at(size_t index);
const hth_future *hth_future_at(size_t index);

extern const hth_signal hth_signal_readout, hth_signal_none; /* signal/ */
extern const hth_past hth_past_none, hth_past_influence;     /* past/ */
extern const hth_future hth_future_zero;                     /* future/ */

#endif
