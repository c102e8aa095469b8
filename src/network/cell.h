/*
 * A cell is an elementwise unit: unit j sees only its own state and drive,
 *
 *     s_t, z_t = unit(s_{t-1}, a_t, z_{t-1})
 *
 * and its local derivatives
 *
 *     D = ds_t/ds_{t-1}   B = ds_t/da_t   R = ds_t/dz_{t-1} (reset)   Z = dz_t/ds_t   Q = dz_t/da_t.
 *
 * A cell's file in cells/ holds the forward formula and the derivatives once, in one loop over the
 * units of a row. Most derivatives of most cells are zero, one, or the same at every step, so each
 * says where it is to be found; only what changes from step to step is stored on the tape.
 */
#ifndef HTH_CELL_H
#define HTH_CELL_H

#include "base/options.h"

enum {
    HTH_MAX_DRIVES = 5,
    HTH_MAX_STATES = 3,  /* differentiable ones */
    HTH_MAX_CARRIED = 4, /* these and counters together */
    HTH_MAX_FIELDS = 13,
    HTH_MAX_CONSTANTS = 10,
    HTH_MAX_CELL_OPTIONS = 256 /* bytes of a cell's options struct */
};

/* Where a local derivative is found. */
typedef enum hth_where {
    HTH_AT_ZERO, /* it is 0: the default of a table that does not mention it */
    HTH_AT_ONE,
    HTH_AT_CONSTANT, /* constants[index][unit] */
    HTH_AT_FIELD,    /* the tape's field[index] of this step */
    HTH_AT_PREVIOUS  /* the tape's field[index] of the step before */
} hth_where;

/* One field can serve several derivatives: value = found * constants[times - 1] + constants[plus - 1]. Both count from
 * 1; 0 means no factor, or no term. (Reading memory costs more than computing.) */
typedef struct hth_entry {
    unsigned char where, index, times, plus;
} hth_entry;

#define HTH_ONE                                                                                    \
    { HTH_AT_ONE, 0, 0, 0 }
#define HTH_CONSTANT(k)                                                                            \
    { HTH_AT_CONSTANT, k, 0, 0 }
#define HTH_FIELD(k)                                                                               \
    { HTH_AT_FIELD, k, 0, 0 }
#define HTH_PREVIOUS(k)                                                                            \
    { HTH_AT_PREVIOUS, k, 0, 0 }
#define HTH_FIELD_TIMES(k, c)                                                                      \
    { HTH_AT_FIELD, k, 1 + (c), 0 }
#define HTH_PREVIOUS_TIMES_PLUS(k, c, d)                                                           \
    { HTH_AT_PREVIOUS, k, 1 + (c), 1 + (d) }

/* What a drive row reads of [z; x; 1]; the weights of the other columns are 0 and stay 0. */
typedef struct hth_reads {
    bool z, x, bias;
} hth_reads;

/*
 * A drive that reads the constant alone is a parameter of the unit: it has the same value at every step, that of its
 * one weight, which exists also where the units have no biases and is 0 at the start. So a cell has what it learns of
 * its own (time constants, thresholds) as further drives, and learners see nothing new. Such drives come after all
 * others.
 *
 * Where D holds the path through the unit's own last output (ALIF), B holds what such a drive did to that output, Q of
 * the step before: the drive was the same then.
 */
static inline bool hth_reads_nothing(const hth_reads *reads) {
    return !reads->z && !reads->x;
}

/* What z is at the start of a sequence, and whether it is a state of its own. */
typedef enum hth_observable {
    HTH_Z_IS_STATE, /* z = s (Z = 1, Q = 0): one and the same number */
    HTH_Z_SEPARATE  /* z is computed from s and a */
} hth_observable;

/* One item's units at one step. Arrays have n numbers; in and out never overlap. */
typedef struct hth_row {
    size_t n;
    const hth_real *drive[HTH_MAX_DRIVES];     /* a_t */
    const hth_real *state_in[HTH_MAX_CARRIED]; /* s_{t-1}, then counters */
    hth_real *state_out[HTH_MAX_CARRIED];
    const hth_real *z_in; /* z_{t-1} */
    hth_real *z_out;
    hth_real *field[HTH_MAX_FIELDS];
    const hth_real *constant[HTH_MAX_CONSTANTS];
    const void *options; /* the cell's own options struct */
} hth_row;

typedef struct hth_cell {
    hth_part part;
    size_t options_size;
    size_t drives; /* g */
    size_t states; /* d */
    /* Letters of the paper: of the drives, and of the states, by which hth_tape_view has them. */
    const char *drive_names[HTH_MAX_DRIVES], *state_names[HTH_MAX_STATES];
    size_t counters;  /* carried beside the states, not differentiated (refractory) */
    size_t fields;    /* numbers per unit and step on the tape */
    size_t constants; /* numbers per unit */
    hth_observable observable;
    bool spikes; /* z is 0 or 1, the recurrent weights have no bias and, by default, no diagonal */
    hth_entry threshold; /* v_th, a constant, where state 0 is a membrane voltage */
    hth_reads reads[HTH_MAX_DRIVES];
    hth_entry D[HTH_MAX_STATES][HTH_MAX_STATES], B[HTH_MAX_STATES][HTH_MAX_DRIVES];
    hth_entry R[HTH_MAX_STATES], Z[HTH_MAX_STATES], Q[HTH_MAX_DRIVES];
    /* Fills constants[constants][n] from the options struct. NULL: there are none. */
    hth_status (*prepare)(const void *options, size_t n, hth_real *constants, hth_error *error);
    /* s_t, z_t and the fields of step t. */
    void (*step)(const hth_row *row);
    /* Optional: what is added to the initial biases of a drive. */
    double (*bias)(const void *options, size_t drive);
    /* Optional: where options make another unit of it (other derivatives vary from step to step; parameters of its own
     * are learned), changes a copy of the table, `cell`, to say so and returns true; false leaves it as it is. */
    bool (*adapt)(const void *options, struct hth_cell *cell);
    /* Optional: out[n] = dZ/ds of the one state that z is read from, at the step of the row, which has been taken. It
     * is what the adjoint of an update asks for beside the table (credit/episode/update.h). */
    void (*bend)(const hth_row *row, hth_real *out);
    /* With drives that read the constant alone: out[n] is what such a drive a[n] stands for, as the setting of its name
     * would say it; out may be a. */
    void (*own)(const void *options, size_t n, const hth_real *constants, size_t drive,
                const hth_real *a, hth_real *out);
} hth_cell;

/* Gives a cell's table one more drive, which reads the constant alone; returns which it is. */
static inline size_t hth_cell_add_own(hth_cell *cell, const char *name) {
    const size_t g = cell->drives++;
    cell->drive_names[g] = name;
    cell->reads[g] = (hth_reads){.bias = true};
    return g;
}

/* cells.c: the visible array. */
const hth_cell *hth_cell_at(size_t index);

#endif
