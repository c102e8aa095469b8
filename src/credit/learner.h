/*
 * A learner is a choice on four axes: signal, recurrence, past, future (design: the one idea). Each choice
 * on an axis is a part: a table of verbs, options of its own and memory of its own. learner.c runs them in
 * order over the one scan.
 */
#ifndef HTH_LEARNER_H
#define HTH_LEARNER_H

#include "credit/axes.h"
#include "credit/scan.h"
#include "optim/gradient.h"

/* What a part of an axis may have beside its table: options and memory. */
typedef struct hth_own {
    const void *options; /* its options struct, read from the section learner */
    void *kept;          /* what lay_out placed */
} hth_own;

/* What parts of the signal, past and future axes have in common. Every verb may be NULL. */
typedef struct hth_axis {
    hth_part part;
    size_t options_size;
    /* Why this choice cannot go with the rest of the learner's, or NULL. */
    const char *(*refuses)(const hth_learner *plan);
    /* Places what it keeps; called twice, to count and to place. */
    void *(*lay_out)(hth_arena *arena, const hth_learner *plan, const void *options);
    /* The start of a sequence. */
    void (*reset)(hth_learner *learner);
    /* What of it must survive an interruption. */
    size_t (*state)(hth_learner *learner, hth_field *fields, size_t capacity);
} hth_axis;

/* How the error at the readout reaches a unit now: q_t = F^T err_t. */
typedef struct hth_signal {
    hth_axis axis;
    bool reaches_units; /* false: only the readout learns */
    /* F[outputs][n], for the tape that is on the learner. */
    const hth_real *(*feedback)(hth_learner *learner);
} hth_signal;

/* What is kept of everything before the tape. */
typedef struct hth_past {
    hth_axis axis;
    bool
        exact; /* with exact choices on the other axes the gradient is that of the whole sequence */
    /* Adds the product of the adjoint at the start of the tape and what is kept, then takes what is kept
     * over the tape. NULL: nothing is kept. */
    void (*carry)(hth_learner *learner, hth_gradient *gradient);
} hth_past;

/* What stands in for losses after the tape. */
typedef struct hth_future {
    hth_axis axis;
    void (*boundary)(hth_learner *learner); /* sets sbar and zbar at the end of the tape */
    void (*learn)(hth_learner *learner);    /* from the adjoint at its start */
} hth_future;

#define HTH_DECLARE_SIGNAL(name) extern const hth_signal hth_signal_##name;
#define HTH_DECLARE_PAST(name) extern const hth_past hth_past_##name;
#define HTH_DECLARE_FUTURE(name) extern const hth_future hth_future_##name;
HTH_SIGNALS(HTH_DECLARE_SIGNAL)
HTH_PASTS(HTH_DECLARE_PAST)
HTH_FUTURES(HTH_DECLARE_FUTURE)

struct hth_learner {
    const hth_network *network;
    hth_compute *compute;
    size_t steps, batch;
    uint64_t seed;
    hth_axes axes;
    hth_own signal, past, future; /* what the parts chosen on the axes have */
    hth_adjoint adjoint;          /* of the batch; adjoint.tape is the tape being learned from */
    hth_real *start;              /* [batch][outputs]: dE/dy before the tape; kappa > 0 only */
    hth_real *scratch;            /* of the readout */
};

#endif
