/*
 * What learning one task does to the others: the matrix R of a run with phases. R[i][j] is the metric on the validation
 * data of phase j after phase i, and b_j that of the network before any. Of T phases (Lopez-Paz & Ranzato 2017,
 * "Gradient episodic memory"; Chaudhry et al. 2018, "Riemannian walk"):
 *
 *     ACC         mean_j R[T][j]                      how good all are at the end
 *     LA          mean_j R[j][j]                      how good each was when it was learned
 *     BWT         mean_{j<T} (R[T][j] - R[j][j])      what later phases did to it; below 0: forgotten
 *     FWT         mean_{j>1} (R[j-1][j] - b_j)        what earlier phases did for it
 *     forgetting  mean_{j<T} (max_{i<T} R[i][j] - R[T][j])
 *
 * Where less is better, as of a loss, BWT and FWT have the other sign, and the maximum is a minimum: below 0 is always
 * worse, and forgetting above 0 is.
 */
#ifndef HTH_TRANSFER_H
#define HTH_TRANSFER_H

#include "base/base.h"

typedef struct hth_transfer {
    size_t phases;  /* T; 0: a run without phases */
    double *values; /* [T + 1][T]: b, then R; NAN: not known */
    double *steps;  /* [T + 1]: the step at which each row was measured */
} hth_transfer;

/* Makes a matrix in which nothing is known. HTH_NO_MEMORY. */
hth_status hth_transfer_create(size_t phases, hth_transfer *out, hth_error *error);
void hth_transfer_destroy(hth_transfer *transfer);
/* The matrix as a field of a checkpoint, like hth_network_state. */
size_t hth_transfer_state(const hth_transfer *transfer, hth_field *fields, size_t capacity);

/* What is said of it; NAN where too little is known. */
enum { HTH_ACC, HTH_LA, HTH_BWT, HTH_FWT, HTH_FORGETTING, HTH_TRANSFER_FACTS };
typedef struct hth_transfer_facts {
    double of[HTH_TRANSFER_FACTS];
} hth_transfer_facts;
extern const char *const hth_transfer_names[HTH_TRANSFER_FACTS]; /* "acc", ... */
/* Nothing is known. */
hth_transfer_facts hth_transfer_nothing(void);
/* rises: more is better. */
hth_transfer_facts hth_transfer_sum_up(const hth_transfer *transfer, bool rises);

#endif
