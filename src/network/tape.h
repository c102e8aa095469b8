/*
 * The tape: the last K steps of every layer, what went in, what each unit did, and how its state
 * depends on its past and its drive. Slot t of `u` holds what step t read, so that sum_t delta_t u_t^T is
 * one matrix product over contiguous rows.
 *
 * A layer that runs against time holds the steps in its own order: slot 0 is the start of its run, and the step that
 * it takes first is the last of the item's sequence. So its steps, products and adjoint scan are those of any layer;
 * only what it reads, what is read of it and the errors that reach it change places (reading.h).
 */
#ifndef HTH_TAPE_H
#define HTH_TAPE_H

#include "kernels/events.h"
#include "network/decision.h"
#include "network/network.h"

#include <string.h>

/* Up to so many products with W a tape, K times batch, copying W would take longer than they do. */
enum { HTH_FEW_ROWS = 4 };

/* Slot 0 of state and field is what was carried into the tape; slot t+1 belongs to step t. */
typedef struct hth_tape_layer {
    hth_real *u;      /* [K+1][batch][stride]: u_t = [z_{t-1}; x_t; 1]; z_t stands in slot t+1 */
    hth_real *before; /* [batch][stride]: u before slot 0, if it has late copies; else NULL */
    hth_real *drive;  /* [batch][drives*n]: a_t of the step at hand */
    hth_real *state;  /* [K+1][states+counters][batch][n] */
    hth_real *field;  /* [K+1][fields][batch][n] */
    hth_real *packed; /* W^T for the products of this tape; NULL: W is read where it lies */
    /* [(K+1)*batch]: where u is not 0; of the last slot, z alone. count is NULL where no lists are kept */
    hth_events events;
    bool is_sparse; /* over the steps on the tape, products by the lists are faster, or asked for */
    hth_real *turned; /* scratch of the gradient, as large as packed, where lists are kept */
    double *rates;    /* [batch][n], scratch of the regulariser */
    hth_tape_store store;
    hth_real *pull; /* [batch][n]: dE_reg/dz at each own step of an item; NULL: no such term */
    const struct hth_clamp *clamp; /* what is done to z (inspect.h); NULL: nothing */
    uint64_t clamped;              /* the sequence in which that began */
} hth_tape_layer;

/* What has been said of a step: nothing, so that it counts as without error; targets or classes; or dE/dy. */
typedef enum hth_said {
    HTH_SAID_NOTHING,
    HTH_SAID_TARGET,
    HTH_SAID_ERROR,
    HTH_SAID_BEFORE /* it was learned from before the state was saved; what it was is not kept */
} hth_said;

typedef struct hth_tape_readout {
    /* [outputs][K*batch], an output `stride` numbers from the next: of a step with targets as the loss left it, of one
     * with dE/dy that, of others whatever it was */
    hth_real *y;
    size_t stride;
    hth_real
        *leak; /* [K+1][outputs][batch], as slots of state: y, without a bias outside the filter */
    hth_real *z_start; /* readout-filtered z of the steps before the tape, [batch][n] */
    hth_real
        bias_start;   /* dy/db of them, for a bias inside the filter. These four: kappa > 0 only */
    size_t filtered;  /* so many steps of y have been made */
    hth_real *packed; /* Z^T, then Z: see readout.c */
    size_t tile_count;
    hth_loss_tile *tiles;
    hth_loss_statistics *statistics; /* [tile_count], of all items of the tape */
    hth_chunk judged;                /* the steps that the tiles look at, */
    size_t judged_from;              /* from this one on */
    hth_decision decision;
} hth_tape_readout;

struct hth_tape {
    const hth_network *network;
    hth_compute *compute;
    size_t capacity, batch; /* K and the items of the batch */
    /* The items are first.. of a batch of `all` items, of which other tapes have the others; 0 and `batch` where this
     * tape has all of them. */
    size_t first, all;
    size_t steps;      /* on the tape now */
    uint64_t fresh;    /* not 0: slot 0 is the start of a sequence */
    size_t keep;       /* so many of the newest steps stay when hth_forward writes */
    uint64_t time;     /* steps of the sequence before slot 0 */
    uint64_t sequence; /* counts resets */
    bool drops;        /* dropout acts */
    uint64_t
        kept_steps; /* the state that was last given out, or has been restored, has so many steps; */
    bool is_given_out;  /* they count from the next call on */
    uint64_t ended;     /* the last step is the last of its sequence */
    uint64_t packed_at; /* network->changes when the layers' weights were packed */
    /* Of the steps on the tape, in the arrays below; x NULL. weights NULL: all have been judged, and count 1. lengths
     * NULL: no item has ended before the last step. */
    hth_chunk chunk;
    int32_t *tokens, *classes; /* [K][batch] */
    hth_real *targets;         /* [K][batch][outputs] */
    hth_real *weights;         /* [K][batch]; 0 where nothing has been said */
    uint32_t *lengths;         /* [batch] */
    int32_t *said;             /* [K], hth_said */
    bool is_weighted;          /* weights other than 1 have been given */
    /* [batch]: what the sequence adds up to for loss.time, steps (mean) or weights (window); below 0: not known. NULL:
     * loss.time = sum */
    double *totals;
    size_t regularised; /* `pull` is that of a tape of so many steps */
    double owed;        /* E_reg that no report has yet */
    hth_tape_layer *layers;
    /* [K][batch][readout.n]: what the readout reads; NULL: that is z of the last layer, where it stands */
    hth_real *gathered;
    hth_real *fed; /* [K+1][batch][outputs]: y of the step before each; NULL: no layer reads it */
    hth_tape_readout readout;
};

/* Where a layer that runs against time has step t of an item, counted in its own order; and the step of such a slot,
 * for it swaps places: the first `length` steps of the item change order, padding after them stays where it is. */
static inline size_t hth_tape_slot(const hth_chunk *chunk, size_t t, size_t item) {
    const size_t length = chunk->lengths ? chunk->lengths[item] : chunk->steps;
    return t < length ? length - 1 - t : t;
}

/* Which state of a layer has the name; "z" is the one after the last. */
hth_status hth_layer_find(const hth_network *network, size_t layer, const char *what, size_t *state,
                          hth_error *error);

/* Fills *row with where one item's numbers of step t are; members that the layer has none of are left alone. Filled in
 * place: returning the struct would wait for its stores. */
static inline void hth_layer_row(const hth_layer *layer, const hth_tape_layer *on, size_t t,
                                 size_t batch, size_t item, hth_row *row) {
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n, slot = batch * n, states = cell->states + cell->counters;
    hth_real *in = on->state + t * states * slot + item * n, *out = in + states * slot;
    hth_real *field = on->field + (t + 1) * cell->fields * slot + item * n;
    row->n = n;
    row->options = layer->options;
    for (size_t g = 0; g < cell->drives; g++)
        row->drive[g] = on->drive + item * layer->rows + g * n;
    for (size_t s = 0; s < states; s++) {
        row->state_in[s] = in + s * slot;
        row->state_out[s] = out + s * slot;
    }
    for (size_t f = 0; f < cell->fields; f++) row->field[f] = field + f * slot;
    for (size_t c = 0; c < cell->constants; c++) row->constant[c] = layer->constants + c * n;
    row->z_in = on->u + (t * batch + item) * layer->stride;
    row->z_out = on->u + ((t + 1) * batch + item) * layer->stride;
}

/* Step t of a layer for items from..to-1, on a tape's arrays or any of that form: a_t = W u_t, with W^T as
 * hth_pack leaves it (NULL: with W itself), then what its kind makes of that. */
void hth_layer_step(const hth_layer *layer, const hth_real *packed, const hth_tape_layer *on,
                    size_t t, size_t batch, size_t from, size_t to);

/* HTH_INVALID for sizes whose memory would overflow size_t, and for none. */
hth_status hth_check_extent(size_t steps, size_t batch, hth_error *error);

enum { HTH_READOUT_TILE = 256 }; /* outputs that pass through the cache together */

/* chunk.c: whether the inputs fit the tape when `steps` are on it, and the verdict when `steps` are. */
hth_status hth_check_inputs(const hth_tape *tape, const hth_inputs *inputs, size_t steps,
                            hth_error *error);
hth_status hth_check_verdict(const hth_tape *tape, const hth_verdict *verdict, size_t steps,
                             hth_error *error);
/* Whether it may be judged now, after what has been judged. */
hth_status hth_check_order(const hth_tape *tape, const hth_verdict *verdict, hth_error *error);

/* reading.c. What layer l reads at slot t of its own, and the constant 1, for items from..to-1; `in` is of the step
 * after those on the tape, and on. */
void hth_read_layer(const hth_tape *tape, const hth_inputs *in, size_t l, size_t t, size_t from,
                    size_t to);
/* What the readout reads at steps from..from+steps-1; `in` is of step `first` and on. */
void hth_read_gather(const hth_tape *tape, const hth_inputs *in, size_t first, size_t from,
                     size_t steps);
/* Of errors[K][batch][width] of a reader those of one layer, in the layer's own order: q[K][batch][n]. */
void hth_read_split(const hth_tape *tape, const hth_real *errors, const hth_read_part *part,
                    size_t width, hth_real *q);
/* Dropout: makes of x[n], numbers of a layer's units at step t of an item, what others read of them, 0 or
 * x / (1 - p); nothing changes where the tape drops none. A function of seed, layer, sequence, time, item and unit
 * alone, so that it is the same forward and backward, and for tapes of any length. */
void hth_read_drop(const hth_tape *tape, size_t layer, size_t t, size_t item, hth_real *x);
/* The same of the errors of a layer, in its own order, q[K][rows][n]; item SIZE_MAX: row b is item b. */
void hth_read_drop_errors(const hth_tape *tape, size_t layer, size_t rows, size_t item,
                          hth_real *q);
/* x[K][batch][width] from the order of time to that of a layer that runs against it, or back. */
void hth_read_turn(const hth_tape *tape, size_t width, hth_real *x);

/* write.c: runs the layers over inputs that have been checked. */
void hth_tape_run(hth_tape *tape, const hth_inputs *inputs);
/* Forgets the oldest steps, so that the tape begins with those after them. */
void hth_tape_forget(hth_tape *tape, size_t steps);
/* Moves `left` slots of an array (NULL: none) to its start, from slot `from` on; a slot has so many bytes. */
static inline void hth_move_slots(void *array, size_t from, size_t left, size_t bytes) {
    if (array && bytes) memmove(array, (char *)array + from * bytes, left * bytes);
}

/* Makes sure that loss.time has what it divides by, where anything on the tape is to be divided: a tape that is a whole
 * sequence adds it up, for any other it must have been told (hth_tape_expect). */
hth_status hth_tape_find_totals(hth_tape *tape, hth_error *error);

/* A sequence begins of which nothing is known. */
void hth_tape_expect_nothing(hth_tape *tape);
/* The chunk is all of the sequence that begins, whatever was expected before. */
hth_status hth_tape_expect_whole(hth_tape *tape, const hth_chunk *sequence, hth_error *error);
/* Lists the events of the steps on the tape anew. */
void hth_tape_list(hth_tape *tape);
/* Finds `pull`, if that is of fewer steps, and E_reg, which is owed to the next report. */
void hth_tape_regularise(hth_tape *tape);
/* Adds what is owed to a report. */
void hth_tape_tell(hth_tape *tape, hth_report *report);

/* state.c: takes up the state that was given out, and may have been restored since. */
void hth_tape_settle(hth_tape *tape);

/* content.c: all that is on a tape, arrays whole, so that it can be put back: visits them one by one. Writing to them
 * has a meaning once the marks are set, too. */
typedef struct hth_tape_marks {
    uint64_t steps, filtered, fresh, ended, is_weighted, has_lengths, time, sequence;
    double owed;
} hth_tape_marks;
void hth_tape_content(hth_tape *tape, void (*visit)(void *context, const hth_field *field),
                      void *context);
hth_tape_marks hth_tape_get_marks(const hth_tape *tape);
/* Whether a tape of that kind can have them. */
bool hth_tape_may_have(const hth_tape *tape, const hth_tape_marks *marks);
void hth_tape_set_marks(hth_tape *tape, const hth_tape_marks *marks);

/* readout.c */
HTH_VERB(void, hth_readout_lay_out, (hth_arena * arena, hth_tape *tape));
#define hth_readout_lay_out HTH_NOW(hth_readout_lay_out)
HTH_VERB(void, hth_readout_reset, (hth_tape * tape));
#define hth_readout_reset HTH_NOW(hth_readout_reset)
/* y of the steps that the verdict is on, whose targets are on the tape, and their loss. */
HTH_VERB(hth_status, hth_readout_judge,
         (hth_tape * tape, const hth_verdict *verdict, hth_report *report, hth_error *error));
#define hth_readout_judge HTH_NOW(hth_readout_judge)
/* dE/dy[steps][batch][outputs] takes the place of y. */
HTH_VERB(void, hth_readout_take,
         (hth_tape * tape, size_t from, size_t steps, const hth_real *errors));
#define hth_readout_take HTH_NOW(hth_readout_take)
HTH_VERB(void, hth_readout_outputs,
         (hth_tape * tape, size_t from, size_t steps, hth_real *outputs));
#define hth_readout_outputs HTH_NOW(hth_readout_outputs)
/* y of the steps on the tape of a leaky readout, from what its filter held. */
HTH_VERB(void, hth_readout_restore, (hth_tape * tape));
#define hth_readout_restore HTH_NOW(hth_readout_restore)
/* Makes sure that what a leaky readout holds is known up to the last step. */
HTH_VERB(void, hth_readout_settle, (hth_tape * tape));
#define hth_readout_settle HTH_NOW(hth_readout_settle)
HTH_VERB(void, hth_readout_forget, (hth_tape * tape, size_t steps));
#define hth_readout_forget HTH_NOW(hth_readout_forget)

/* What the readout gives to a learner. */
typedef struct hth_readout_backward {
    hth_real *weight, *bias;  /* gradients to add to; NULL: not wanted */
    const hth_real *feedback; /* F[outputs][n]: q = F^T err (true transpose or any other) */
    /* In place of feedback, where F changes over the tape: F of step t, which holds for *steps steps from t
     * on. At most HTH_READOUT_TILE outputs. */
    const hth_real *(*feedback_at)(void *context, size_t t, size_t *steps);
    void *context;
    hth_real *q;          /* [K*batch][n], set to the direct error of each unit; NULL: not wanted */
    hth_real *start;      /* [batch][outputs], set to dE/dy before the tape; kappa > 0 only */
    hth_real *scratch;    /* hth_readout_scratch numbers */
    const int32_t *spent; /* [K], not 0: as if nothing had been said of the step; NULL: none is */
} hth_readout_backward;

HTH_VERB(size_t, hth_readout_scratch, (const hth_network *network, size_t steps, size_t batch));
#define hth_readout_scratch HTH_NOW(hth_readout_scratch)
HTH_VERB(void, hth_readout_learn, (const hth_tape *tape, const hth_readout_backward *to));
#define hth_readout_learn HTH_NOW(hth_readout_learn)

/* One local derivative of a row of units: times data, plus `plus`, as far as there are these. */
typedef struct hth_derivative {
    const hth_real *data;         /* NULL: 0 or 1, as the entry's `where` says */
    const hth_real *times, *plus; /* NULL: none; plus only with times */
} hth_derivative;

static inline hth_derivative hth_entry_at(const hth_layer *layer, const hth_tape_layer *tape,
                                          hth_entry entry, size_t step, size_t batch, size_t item) {
    const size_t n = layer->n, slot = batch * n, fields = layer->cell->fields;
    hth_derivative d = {0};
    if (entry.where == HTH_AT_CONSTANT)
        d.data = layer->constants + entry.index * n;
    else if (entry.where == HTH_AT_FIELD)
        d.data = tape->field + ((step + 1) * fields + entry.index) * slot + item * n;
    else if (entry.where == HTH_AT_PREVIOUS)
        d.data = tape->field + (step * fields + entry.index) * slot + item * n;
    if (entry.times) d.times = layer->constants + (entry.times - 1u) * n;
    if (entry.plus) d.plus = layer->constants + (entry.plus - 1u) * n;
    return d;
}

/* Of unit j, where it is not 0. */
static inline hth_real hth_derivative_of(hth_derivative d, size_t j) {
    const hth_real found = d.data ? d.data[j] : 1;
    return d.times ? d.times[j] * found + (d.plus ? d.plus[j] : 0) : found;
}

/* The numbers in a row; in room[n], where they have to be computed. */
static inline const hth_real *hth_derivative_row(hth_derivative d, size_t n, hth_real *room) {
    for (size_t j = 0; d.times && j < n; j++) room[j] = hth_derivative_of(d, j);
    return d.times ? room : d.data;
}

#endif
