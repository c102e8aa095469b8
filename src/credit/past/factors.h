/*
 * Kronecker factors of the influence tensor: what KF-RTRL (kronecker.c) and R-KF (reverse_kronecker.c) share. A
 * weight has two indices, its row (gate and unit) and its column (what it reads); of each layer
 *
 *     M[k, (row, column)] ~ A[one of the two] B[k, the other],
 *
 * k over all states X of the stack. B is kept with k running fastest, so that its rows are tangents, and those of
 * all layers are taken over a step together. The law by which a step's own influence joins them is the part's.
 */
#ifndef HTH_FACTORS_H
#define HTH_FACTORS_H

#include "credit/past/tangent.h"
#include "credit/past/unbiased.h"

typedef struct hth_factors {
    bool rows_in_A;    /* A[row] B[k, column], else A[column] B[k, row] */
    size_t N, lengths; /* N states; numbers of A */
    size_t rows;       /* of B */
    hth_real *A;       /* [batch][lengths] */
    hth_real *B;       /* [batch][rows][N] */
    double *scale;     /* [batch][layers]: B is this times what is stored */
    hth_real *xbar;    /* [N] */
    hth_real *side;    /* [rows]: B xbar */
    hth_tangent tangent;
    hth_real *drive; /* scratch of the part: changes of a layer's drive, */
    hth_real *X;     /* and what they do to the state */
} hth_factors;

/* Of one item and layer, at one step: A[length], B[rows][N] = J B (so far), and what the layer read. */
typedef struct hth_factor_pair {
    hth_factors *kept;
    size_t layer, step, length, rows;
    hth_real *A, *B;
    double *scale; /* B is this times what is stored */
    const hth_real *u;
} hth_factor_pair;

/* Replaces A, J B by the new A, B. */
typedef void (*hth_factor_law)(hth_learner *learner, const hth_factor_pair *pair);

/* Without drive and X. */
void hth_factors_lay_out(hth_arena *arena, hth_factors *kept, const hth_learner *plan,
                         bool rows_in_A);
void hth_factors_reset(hth_learner *learner);
size_t hth_factors_state(hth_learner *learner, hth_field *fields, size_t capacity);
void hth_factors_before(hth_learner *learner);
void hth_factors_carry(hth_learner *learner, hth_gradient *gradient, hth_factor_law join);
/* What a row of a store keeps: see hth_past. */
size_t hth_factors_row_size(const hth_learner *plan, const hth_reading *reads, bool rows_in_A);
void hth_factors_freeze(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row);
void hth_factors_contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                          const hth_real *zbar, hth_real *values);
size_t hth_factors_needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]);

#endif
