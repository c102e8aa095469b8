/*
 * A learner is a choice on four axes: signal, recurrence, past, future. Each choice on an axis is a part: a table of
 * verbs, options of its own and memory of its own. learner.c calls the verbs in order; the adjoint scan is one for all.
 */
#ifndef HTH_LEARNER_H
#define HTH_LEARNER_H

#include "credit/adjoint/scan.h"
#include "credit/adjoint/tape_gradient.h"
#include "credit/axes.h"
#include "credit/noise.h"

/* What a part of an axis may have beside its table: options and memory. */
typedef struct hth_own {
    const void *options; /* its options struct, read from the section learner */
    void *kept;          /* what lay_out placed */
} hth_own;

/* A network that a part has of its own. */
typedef struct hth_learned {
    size_t weights, copies; /* copies: arrays of that size that a checkpoint has */
    size_t beside;          /* other numbers that it carries for each item, of all layers */
} hth_learned;

/*
 * What parts of all axes have in common. Every verb may be NULL. `memory` and `operations` are formulae, per
 * item of the batch, of the numbers carried from tape to tape and of the multiply-adds of a step (mean over
 * the tape), in
 *     n units, m = n + inputs + 1, g drives a unit, d states a unit, s = states of the layer (z among them
 *     where it is a state of its own), N = states of all layers and of a leaky readout, P = g n m, K steps
 *     of the tape, o outputs, y = states of a leaky readout, counted with the top layer,
 *     e = numbers of a unit that eligibility traces follow (joint.h), f = numbers of a unit that the cell
 *     leaves on the tape at each step, top = 1 for the top layer and 0 for others,
 *     w weights of a network that the part learns, c arrays of them that it carries, b numbers beside them,
 *     of a store R rows, T of them that the reads of a step weigh, z numbers that it reads of layers and W
 *     weights of these layers; L layers, M and G the sums of their m and g n, B that of m + f n of layers of units,
 *     U all weights that states depend on; units = 0 for a store and 1 for others,
 * and the part's own options by name. They are evaluated for each layer and added up; NULL: nothing.
 */
typedef struct hth_axis {
    hth_part part;
    size_t options_size;
    hth_bias bias;    /* what this choice does, the other axes being exact */
    bool joins_items; /* what it learns or draws is of all items of the batch together */
    const char *memory, *operations;
    /* Why the part cannot be as it is set, or NULL. What goes with what stands in rules.c. */
    const char *(*refuses)(const hth_learner *plan);
    /* Places what it keeps; called twice, to count and to place. The options have been read. */
    void *(*lay_out)(hth_arena *arena, const hth_learner *plan, const void *options);
    /* The start of a sequence. */
    void (*reset)(hth_learner *learner);
    /* What of it must survive an interruption. */
    size_t (*state)(hth_learner *learner, hth_field *fields, size_t capacity);
    /* The operations that it needs. */
    size_t (*needs)(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]);
    hth_learned (*learned)(const hth_learner *learner);
} hth_axis;

/* How the error at the readout reaches a unit now: q_t = F_t^T err_t at the layers that the readout reads, F_t being
 * asked for once a tape; from there to lower layers by their weights, or by `fill`. */
typedef struct hth_signal {
    hth_axis axis;
    bool reaches_units; /* false: only the readout learns */
    /* F[outputs][n] of the first step of the tape that is on the learner. */
    const hth_real *(*feedback)(hth_learner *learner);
    /* Where F changes from step to step: as in hth_readout_backward, the context being the learner. The direct
     * errors q are then right, but F^T of a sum over steps is not to be had. */
    const hth_real *(*feedback_at)(void *learner, size_t t, size_t *steps);
    /* Sets q of the layers below those that the readout reads, from err[outputs][K batch] (gain and filter in it) of
     * at most HTH_READOUT_TILE outputs; nothing then passes down from layer to layer. NULL: it passes down. */
    void (*fill)(hth_learner *learner, const hth_real *err);
    /* In place of all that: a signal that is not of the readout's errors. `take` notes signals[steps][batch][n], which
     * the caller owns, of all that the readout reads; `has` says of how many steps there are some, and `set` makes q of
     * them. The three come together. */
    void (*take)(hth_learner *learner, const hth_real *signals, size_t steps);
    size_t (*has)(const hth_learner *learner);
    void (*set)(hth_learner *learner, hth_real *q);
    /* Takes F[outputs][n] from the user. NULL: F is not to be chosen. */
    void (*give)(hth_learner *learner, const hth_real *values);
} hth_signal;

/* How credit crosses from unit to unit inside the tape. */
typedef struct hth_recurrence {
    hth_axis axis;
    hth_crossing crossing;
    void (*before)(hth_learner *learner); /* before the scan of a tape */
    void (*learn)(hth_learner *learner);  /* from the tape, once it has been learned from */
} hth_recurrence;

/* What is kept of everything before the tape. */
typedef struct hth_past {
    hth_axis axis;
    /* Before the scan, when the readout's errors are there: it may put others in the place of q, and puts them back in
     * carry. */
    void (*before)(hth_learner *learner);
    /* Between the future's boundary and the scan, which goes over it. */
    void (*boundary)(hth_learner *learner);
    /* After the scan: puts what the weights learn by in place of delta. So even the gradient of a whole sequence on one
     * tape is another. */
    void (*weigh)(hth_learner *learner);
    /* Adds the product of the adjoint at the start of the tape and what is kept, then takes what is kept
     * over the tape. NULL: nothing is kept. */
    void (*carry)(hth_learner *learner, hth_gradient *gradient);
    /* Where the tape has one step, carry adds delta_1 u_1^T too: one pass over the gradient. */
    bool adds_step;
    /* Where it keeps one eligibility vector per synapse, eps[e][rows][m] of a layer, if it does; NULL: it keeps
     * something else. Known once a tape has been learned from. */
    const hth_real *(*traces)(const hth_learner *learner, size_t layer);
    /* carry looks at learner->descent: see there. Others take the general way. */
    bool descends;
    /* What a row of a store keeps (rows.h), of the layers in what the store reads: how many numbers; after carry, those
     * of an item at the end of the tape; and values[P] += zbar dz/dtheta, zbar[width of what is read]. NULL: nothing;
     * rows are data. */
    size_t (*row_size)(const hth_learner *plan, const hth_reading *reads);
    const char *row_memory, *row_operations; /* formulae as those of hth_axis, of a store */
    void (*freeze)(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row);
    void (*contract)(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                     const hth_real *zbar, hth_real *values);
} hth_past;

/* What stands in for losses after the tape. */
typedef struct hth_future {
    hth_axis axis;
    void (*boundary)(hth_learner *learner); /* sets sbar and zbar at the end of the tape */
    void (*start)(hth_learner *learner);    /* sees the adjoint at its start, and may add to it */
    /* From what it saw there; the gradient of the tape is whole but for what it adds itself. */
    void (*learn)(hth_learner *learner, hth_gradient *gradient);
    /* The boundary is not always zero: it stands for losses to come, so that it has to know where sequences end. */
    bool predicts;
} hth_future;

#define HTH_DECLARE_SIGNAL(name) extern const hth_signal hth_signal_##name;
#define HTH_DECLARE_RECURRENCE(name) extern const hth_recurrence hth_recurrence_##name;
#define HTH_DECLARE_PAST(name) extern const hth_past hth_past_##name;
#define HTH_DECLARE_FUTURE(name) extern const hth_future hth_future_##name;
HTH_SIGNALS(HTH_DECLARE_SIGNAL)
HTH_RECURRENCES(HTH_DECLARE_RECURRENCE)
HTH_PASTS(HTH_DECLARE_PAST)
HTH_FUTURES(HTH_DECLARE_FUTURE)

struct hth_descent;
struct hth_rows;

/* How the readout learns: by the gradient, or by recursive least squares (least_squares.c). */
typedef struct hth_least_squares_options {
    int readout;
    double alpha, forgetting;
    int64_t every, until;
} hth_least_squares_options;
typedef struct hth_least_squares hth_least_squares;

struct hth_learner {
    const hth_network *network;
    hth_compute *compute;
    size_t steps, batch;
    uint64_t seed;
    /* Steps of the sequence before the tape; a part that uses it has it among its state. */
    uint64_t time;
    hth_axes axes;
    hth_own signal, recurrence, past, future; /* what the parts chosen on the axes have */
    hth_own window;                           /* what a sliding tape needs: window.h */
    struct hth_rows *rows;                    /* of stores: rows.h; NULL: nothing is kept of them */
    bool slides;                              /* learner.window > 0 */
    hth_least_squares_options least_squares_options;
    hth_least_squares *least_squares; /* NULL: the readout learns by the gradient */
    size_t unseen;       /* the first step on the tape that is new; 0 where it does not slide */
    hth_noise noise;     /* of the parts that draw */
    hth_adjoint adjoint; /* of the batch; adjoint.tape is the tape being learned from */
    /* Not NULL: an update follows, and the layers' part of the gradient has not been cleared. `carry` then
     * either lets the weights descend on its way (descend.h) or calls hth_gradient_fill and does as ever. */
    struct hth_descent *descent;
    bool may_descend;  /* there may be such an update, of tapes of one step */
    bool gives_inputs; /* learner.inputs */
    /* Of each layer [batch][n]: errors beside the signal's, the same at all steps of an item; NULL: none. */
    const hth_real **steady;
    size_t given;     /* steps that dE/dx is of; 0: nothing has been learned yet */
    uint64_t is_open; /* the last tape that was learned from did not end its sequence */
    /* That tape, its sequence and the time after its last step. NULL: not known, when a state was given out since. */
    const hth_tape *last;
    uint64_t sequence, end;
    hth_real *start;   /* [batch][outputs]: dE/dy before the tape; kappa > 0 only */
    hth_real *scratch; /* of the readout */
};

/* Options structs of the parts, until a learner has memory of its own. */
enum { HTH_MOST_OPTIONS = 256 };
typedef union hth_drawer {
    double aligned;
    char bytes[HTH_MOST_OPTIONS];
} hth_drawer;

/* The axes, whose parts have options and memory. */
typedef struct hth_place {
    const hth_axis *axis;
    hth_own *own;
} hth_place;
void hth_learner_places(hth_learner *learner, hth_place out[HTH_AXES]);

/* The bytes of all its memory. */
size_t hth_learner_block(const hth_learner *plan, const hth_allocator *allocator);

/* All of a learner but its memory: what settings choose, checked. It points into the drawers. */
hth_status hth_learner_plan(const hth_settings *settings, const hth_network *network, size_t steps,
                            size_t batch, uint64_t seed, hth_drawer drawers[HTH_AXES],
                            hth_learner *plan, hth_error *error);

/* Adjoints from outside of a layer's units at the steps that are learned from next, for one hth_learn: dE/dz, and dE/ds
 * of a state, [steps][batch][n] each; NULL: none. The caller owns them. */
void hth_learner_push(hth_learner *learner, size_t layer, const hth_real *z, size_t state,
                      const hth_real *s);

/* Begins a sequence, as the first tape of one does: hth_tape_reset is enough for those who learn from that tape. */
void hth_learner_reset(hth_learner *learner);

#endif
