/*
 * One update of the weights by e-prop, with learning signals L_t that another network gives, as a map that has a
 * derivative (e-prop 2: Bellec et al. 2019, eqs. 22-23 and 59). With letters as in cell.h, recurrence none,
 *
 *     lambda_t = L_t Z_t + D^T lambda_{t+1}     c_t = B^T lambda_t     Delta = sum_t c_t u_t^T
 *
 * is the adjoint scan of signal module, past trace: sum_t (L_t psi_t) p_t^T for LIF, p being the filtered u. Truncated
 * traces have D = 0. Its adjoint goes forward in time: with Dbar = dC/dDelta and S_t = Dbar u_t,
 *
 *     l_t = B S_t + D l_{t-1}     Lbar_t = Z_t l_t     sbar_t += L_t l_t dZ/ds     zbar_{t-1} += Dbar^T c_t
 *
 * Where all tasks of a batch have the same trial, one tape of one item is enough for all of them (`shared`). Cost of
 * each direction: a product (two, backward) of 2 batch steps n m operations, and a few passes over the units.
 */
#ifndef HTH_UPDATE_H
#define HTH_UPDATE_H

#include "credit/episode/update_row.h"
#include "network/tape.h"

typedef struct hth_update {
    const hth_layer *layer;
    hth_compute *compute;
    size_t steps, batch;    /* batch: tasks, each with signals and an update of its own */
    size_t block;           /* steps whose S is made at a time */
    bool first_order;       /* sbar is left out */
    size_t state;           /* the state that z is read from */
    hth_update_row row;     /* of which Z of that state and carry are those of a step and task */
    hth_real *ones, *zeros; /* [n] */
    hth_real *carry;        /* [states][batch][n] */
    hth_real *S;            /* [block][batch][n] */
    hth_real *bend;         /* [n] */
    hth_real *packed;       /* Dbar^T, and scratch of Delta */
} hth_update;

/* Why updates of this network cannot be differentiated, as a sentence in out[size]; false: they can. */
bool hth_update_refuses(const hth_network *network, char *out, size_t size);

/* Memory, and what is constant of the network's only layer; called twice, to count and to place. */
void hth_update_lay_out(hth_arena *arena, const hth_network *network, size_t steps, size_t batch,
                        bool truncated, hth_update *update);

/* The trial of each task: tapes[batch] of one item each, or tapes[1], which all share. */
typedef struct hth_trial_tapes {
    hth_tape *const *tapes;
    bool shared;
} hth_trial_tapes;

/* c[steps][batch][n] of the signals L[steps][batch][n]. */
void hth_update_scan(const hth_update *update, hth_trial_tapes on, const hth_real *L, hth_real *c);
/* Delta[batch][rows][m]; entries that do not exist are 0. */
void hth_update_weights(const hth_update *update, hth_trial_tapes on, const hth_real *c,
                        hth_real *Delta);
/* From Dbar[batch][rows][m], whose entries that do not exist are 0: sets Lbar[steps][batch][n], and push_z and push_s,
 * [tapes][steps][n], as hth_learner_push takes them for each tape. */
void hth_update_back(const hth_update *update, hth_trial_tapes on, const hth_real *L,
                     const hth_real *c, const hth_real *Dbar, hth_real *Lbar, hth_real *push_z,
                     hth_real *push_s);

#endif
