/*
 * A trained network as a dynamical system: where it comes to rest, what grows in it, and how far back its errors reach.
 *
 *   - Lyapunov exponents along the real input (Engelken et al. 2020; Vogt et al. 2020): with J_t = dX_t/dX_{t-1},
 *
 *         Q_t R_t = J_t Q_{t-1},     lambda_i = mean over the steps of log R_t[i][i]
 *
 *     Q begins as the identity with each sequence, and its first steps do not count (skip). A difference in the state,
 *     and an error that goes back, grows or fades like exp(lambda_1 k) over k steps.
 *   - The norm of dE_t/dX_{t-k} over the lag k, mean over the steps t with an error.
 *   - Fixed and slow points (Sussillo & Barak 2013): states X where q(X) = 1/2 |F(X, x) - X|^2 is least, x held, from
 *     states that the network was in; with the eigenvalues of J there.
 *
 * X is the joint state of the units (credit/inspect.h). All three are for networks whose step is smooth. Of spiking
 * units, whose J has a pseudo-derivative in it, there are the norms over the lag alone: they are those of the gradient
 * that learners follow.
 */
#ifndef HTH_DYNAMICS_H
#define HTH_DYNAMICS_H

#include "base/options.h"
#include "files/observer.h"

/* The input that is held while fixed points are looked for. */
typedef enum hth_held {
    HTH_HELD_ZERO,
    HTH_HELD_MEAN, /* over the steps that were seen */
    HTH_HELD_MET   /* of each state the input that it was met with, so that each may have another */
} hth_held;

typedef struct hth_dynamics_plan {
    const char *run, *split;
    const hth_settings *overrides; /* NULL: none */
    const hth_observer *observer;  /* is told while data are read, and each step; NULL: nobody */
    uint64_t steps;                /* of the split that are seen */
    uint64_t skip;                 /* first steps of each sequence that exponents leave out */
    uint64_t lags;                 /* the largest k, at least 1 */
    uint64_t points; /* states to begin from, evenly over the steps; 0: no fixed points */
    hth_held held;
} hth_dynamics_plan;

typedef struct hth_rest_point {
    double q;        /* 1/2 |F(X) - X|^2 */
    bool is_fixed;   /* q is 0 but for rounding; else the point is slow */
    size_t unstable; /* eigenvalues larger than 1 */
    size_t met;      /* how many beginnings led to it */
    double *x;       /* [states]; the three arrays belong to the result */
    double *re, *im; /* [states]: eigenvalues of J, the largest first */
} hth_rest_point;

typedef struct hth_dynamics {
    size_t states;          /* N */
    const char *why_not;    /* why there are no exponents and no points; NULL: there are */
    double *exponents;      /* [states], falling; NULL: none */
    double log_determinant; /* mean of log |det J|, which is the sum of the exponents */
    uint64_t exponent_steps;
    double *credit; /* [lags + 1]: mean |dE_t/dX_{t-k}|; NAN: no step has such a lag */
    size_t lags;
    size_t reach;           /* the largest lag that a step with an error has, lags at most */
    uint64_t unfinished;    /* steps that were seen of the longest sequence; 0: all of them */
    uint64_t errors;        /* steps with an error */
    hth_rest_point *points; /* the most often met first */
    size_t count, begun;    /* points, and beginnings; those that came nowhere are in no point */
    size_t inputs;
} hth_dynamics;

/* Looks at the newest checkpoint of a run. *stopped: it was interrupted. HTH_INVALID where the step is no map of the
 * units' states (hth_step_map_create) or no step is left to count; other errors are those of hth_recorder_open. On an
 * interruption or an error *out is empty. */
hth_status hth_dynamics_find(const hth_dynamics_plan *plan, hth_dynamics *out, bool *stopped,
                             hth_error *error);
void hth_dynamics_free(hth_dynamics *dynamics);

/* The least K so that lags 0..K-1 hold this share of the sum of credit; 0: no error. */
size_t hth_credit_horizon(const hth_dynamics *dynamics, double share);
/* Whether lags behind the reach could make that K larger: it would be if credit stayed as it is at the last of them for
 * as many lags again, or is not finite. The K is then the least that can be. */
bool hth_credit_is_cut(const hth_dynamics *dynamics, double share);
/* The K that holds that share if the credit fades like exp(lambda_1 k): log(1 - share)/lambda_1; INFINITY where it does
 * not fade, NAN without exponents. */
double hth_exponent_horizon(const hth_dynamics *dynamics, double share);

/* rest.c: looks for a rest point from x[N], with the input held; x becomes it. *found: q is at most 1e-8 there. */
struct hth_step_map;
struct hth_rest;
hth_status hth_rest_create(struct hth_step_map *map, struct hth_rest **out, hth_error *error);
void hth_rest_destroy(struct hth_rest *rest);
hth_status hth_rest_find(struct hth_rest *rest, const hth_real *input, int32_t token, double *x,
                         double *q, bool *found, hth_error *error);
/* Eigenvalues of J at x, [N] each. False: the iteration does not converge. */
hth_status hth_rest_eigenvalues(struct hth_rest *rest, const hth_real *input, int32_t token,
                                const double *x, double *re, double *im, bool *found,
                                hth_error *error);

#endif
