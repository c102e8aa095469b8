/* What the rooms above ask of learners, without a look at their inside. */
#ifndef HTH_CREDIT_INSPECT_H
#define HTH_CREDIT_INSPECT_H

#include "credit/catalogues.h"

/* ---- What a learner is ---- */

/* What it is by the choices on its axes. */
typedef struct hth_learner_kind {
    const char *name;        /* of the preset */
    hth_default_steps steps; /* of a tape, when learner.steps does not say it */
    bool reaches_units;      /* false: only the readout learns */
    bool takes_feedback;     /* hth_learner_feedback */
    bool keeps_past;         /* something of what was before the tape */
    bool keeps_traces;       /* one eligibility vector per synapse: hth_learner_trace */
    bool predicts;           /* losses after the tape */
    bool least_squares;      /* the readout learns by them */
} hth_learner_kind;

/* Of settings, before there is a learner; and of a learner. */
hth_status hth_learner_choose(const hth_settings *settings, hth_learner_kind *out,
                              hth_error *error);
hth_learner_kind hth_learner_look(const hth_learner *learner);

/* What a part does to the gradient: nothing, nothing in the mean over draws, or more. */
typedef enum hth_bias { HTH_EXACT, HTH_UNBIASED, HTH_BIASED } hth_bias;

/* What the gradient is, by construction, to that of the whole sequence of `total` steps when it is cut into tapes of
 * `steps`; a window that has the whole before it learns from the first step is backpropagation. */
hth_bias hth_learner_bias(const hth_learner *learner, size_t steps, size_t total);

/* Shows a learner without memory, to be asked for its kind, bias, costs and needs. Takes none either. Errors are those
 * of hth_learner_create. */
hth_status hth_learner_plan_for(const hth_settings *settings, const hth_network *network,
                                size_t steps, size_t batch,
                                void (*show)(void *context, const hth_learner *plan), void *context,
                                hth_error *error);

/* The first layers, below `lowest`, do not learn. The learner leaves them out where nothing but their own gradient asks
 * for their errors: nothing is kept of the past, predicted or asked of inputs. Then that gradient is 0; else nothing
 * changes. */
void hth_learner_freeze(hth_learner *learner, size_t lowest);

/* ---- A tape that slides ---- */

/* Whether the tape slides (learner.window), and whether the gradient of a step is then given later than its loss. */
bool hth_learner_slides(const hth_learner *learner);
bool hth_window_delays(const hth_learner *learner);
/* Whether least squares fit the readout to targets (learner.readout = rls). */
bool hth_learner_fits(const hth_learner *learner);
/* What of it learns or draws numbers for all items of the batch together: "learner.signal = adaptive", in out[size];
 * false: nothing, so that learners of some items each add up to the same gradient. */
bool hth_learner_joins_items(const hth_learner *learner, char *out, size_t size);
/* H, or K where the tape does not slide. */
size_t hth_window_length(const hth_learner *learner);
/* The first step that was new on the tape that was last learned from. */
size_t hth_learner_unseen(const hth_learner *learner);

/* ---- Other errors ---- */

/* A place where a learner and what was said of its tape wait. NULL: not enough memory. */
typedef struct hth_aside hth_aside;
hth_aside *hth_aside_create(const hth_learner *learner, const hth_tape *tape);
void hth_aside_destroy(hth_aside *aside);
/* Adds the gradient that dE/dy = errors[steps][batch][outputs] has in the place of all that was said of the tape, and
 * of the regulariser, before hth_learn. Then learner and tape are as they were before. Errors are those of hth_learn. */
hth_status hth_learn_aside(hth_aside *aside, hth_learner *learner, hth_tape *tape,
                           const hth_real *errors, hth_gradient *gradient, hth_error *error);

/* ---- Sequences ---- */

/* The sequence is given up: what waits in it, or was predicted of it, is not asked for any more. */
void hth_learner_abandon(hth_learner *learner);

/* ---- What it costs and needs ---- */

/* The bytes that a learner takes from its allocator, without taking them. */
hth_status hth_learner_bytes(const hth_settings *settings, const hth_network *network, size_t steps,
                             size_t batch, size_t *bytes, hth_error *error);

enum { HTH_AXES = 5 }; /* the fifth is the window */

/* Beside the axes: what rows of stores keep of the past; least squares of the readout. */
enum { HTH_COSTS = HTH_AXES + 2 };

/* One part at the sizes of the learner's network, per item of the batch: numbers carried from tape to tape, and
 * multiply-adds per step. NAN: its formula cannot be evaluated. */
typedef struct hth_cost {
    const char *axis, *part;                         /* "past", "trace" */
    const char *memory_formula, *operations_formula; /* NULL: nothing */
    double memory, operations;
    bool in_double; /* its numbers are doubles in either precision */
} hth_cost;
/* Of a learner or of the plan of one. */
void hth_learner_costs(const hth_learner *learner, hth_cost out[HTH_COSTS]);

/* One of the operations of Marschall et al. 2019, p. 3, that a part needs. */
typedef struct hth_need {
    const char *operation; /* "i" to "vi" */
    bool feasible;    /* whether the paper's list has it that a circuit could do it as it stands */
    const char *what; /* what is needed it for: "the influence tensor, order 3" */
} hth_need;

enum { HTH_MAX_NEEDS = 8 };

/* All needs of the parts, and of a tape of more than one step. Returns their number. */
enum { HTH_ALL_NEEDS = 4 * HTH_MAX_NEEDS + 1 };
size_t hth_learner_needs(const hth_learner *learner, hth_need out[HTH_ALL_NEEDS]);

/* What the fields of the learner's state hold: all that is carried from tape to tape. */
typedef struct hth_kept {
    uint64_t numbers, bytes; /* of type hth_real; of all types */
} hth_kept;
hth_status hth_learner_kept(hth_learner *learner, hth_kept *out, hth_error *error);

/* ---- What it draws ---- */

/* Makes the signs drawn from now on the bits of `code`, lowest first, and starts a sequence: for sums over
 * all signs. hth_learner_drawn then counts the bits used. */
void hth_learner_enumerate(hth_learner *learner, uint64_t code);

/* How many numbers it has drawn, or bits used; 0: it does not draw. */
uint64_t hth_learner_drawn(const hth_learner *learner);
/* Draws what `from` would draw next. */
void hth_learner_draw_on(hth_learner *learner, const hth_learner *from);

/* ---- What it knows of the tape ---- */

/* The learning signals q[steps][batch][units] of a layer, of the tape that was last learned from. */
const hth_real *hth_learner_signal(const hth_learner *learner, size_t layer);

/* Keeps dE/dz of every step that is learned from, out[steps][batch][units] of a layer of units, in the caller's memory,
 * from now on; NULL: no more. */
void hth_learner_watch(hth_learner *learner, size_t layer, hth_real *out);

/* e = sum_k Z[k] eps[k] + Q u (Bellec et al. 2019, eq. 4) of columns from..to-1 of a row of a layer's synapses, after
 * the last tape, which had one step of one item. For learners that keep traces. */
void hth_learner_trace(const hth_learner *learner, size_t layer, size_t row, size_t from, size_t to,
                       hth_real *out);
/* The eligibility vector's component of state k alone, eps[k] (Bellec et al. 2019, eq. 2): of all columns of a row. */
const hth_real *hth_learner_vector(const hth_learner *learner, size_t layer, size_t k, size_t row);

/* ---- A step as a map ---- */

/*
 * One step of a network as a map of its joint state X (joint.h: states s of all layers, their z where it is a number of
 * its own, late copies of z; then y of a leaky readout): X_t = F(X_{t-1}, x_t), with its Jacobian J_t = dX_t/dX_{t-1}
 * and the derivative of a step's loss by X_t. The map has a tape of one step of its own; the network must outlive it.
 */
typedef struct hth_step_map hth_step_map;

typedef struct hth_step_sizes {
    size_t units; /* N: numbers of X that units hold; nothing else bears on them */
    size_t all;   /* N, and y of a leaky readout behind them */
    bool
        sets; /* hth_step_put: false with delays, whose late copies are no numbers of a tape's own */
} hth_step_sizes;

/* HTH_INVALID where there is more than X from step to step: stores, readout.feedback, layers against time. */
hth_status hth_step_map_create(const hth_network *network, hth_compute *compute, hth_step_map **out,
                               hth_error *error);
void hth_step_map_destroy(hth_step_map *map);
hth_step_sizes hth_step_map_sizes(const hth_step_map *map);

/* Begins a sequence: X is its initial state. */
void hth_step_reset(hth_step_map *map);
/* Makes the state before the next step x[units]. */
void hth_step_put(hth_step_map *map, const hth_real *x);
/* Takes a step, x[inputs] or a token. Errors are those of hth_tape_write. */
hth_status hth_step_take(hth_step_map *map, const hth_real *x, int32_t token, hth_error *error);
/* X after it, x[units]. */
void hth_step_get(const hth_step_map *map, hth_real *x);
/* J[all][all] of it, and dX_t/dx_t of its input, G[all][inputs]; G NULL: not wanted. Of tokens there is none. */
void hth_step_jacobian(hth_step_map *map, hth_real *J, hth_real *G);
/* Where z of a layer begins in X. */
size_t hth_step_place(const hth_step_map *map, size_t layer);
/* dE_t/dX_t of the loss of the step that was taken, out[all]; E as loss.time = sum has it. Once a step, by targets or
 * classes. Errors are those of hth_tape_judge and hth_learn. */
hth_status hth_step_error(hth_step_map *map, const hth_verdict *verdict, hth_real *out,
                          hth_error *error);
/* Of an adjoint xbar[all] of X_t the whole of what reaches the units, out[units]: with what goes by y_t. */
void hth_step_credit(const hth_step_map *map, const hth_real *xbar, hth_real *out);

#endif
