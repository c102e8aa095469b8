/*
 * A small network from rows of numbers to rows of numbers, the same for all rows, that learns by steps down
 * the gradient of E = 1/2 |y - target|^2, the mean over the rows. The last number of x is 1, so that biases
 * are weights:
 *
 *     linear    y = A^T x                                   A[in][out]
 *     hidden    h = [max(0, V^T x); 1]     y = A^T h        V[in][hidden], A[hidden + 1][out]
 *
 * Matrices lie with a row per input, so that both a prediction and a step of one row of numbers are sums
 * along rows of A. Rows are hth_predictor_stride apart, so that each begins where a vector may.
 *
 * State, beside the weights: with a method its moments and `fits`.
 */
#ifndef HTH_PREDICTOR_H
#define HTH_PREDICTOR_H

#include "base/random.h"
#include "kernels/compute.h"
#include "optim/method.h"

typedef struct hth_predictor {
    size_t in, hidden, out, rows; /* hidden 0: linear */
    const hth_method *method;     /* with its default options; NULL: plain gradient descent */
    hth_real *weights;            /* V, then A */
    hth_real *h;                  /* [rows][hidden + 1] */
    hth_real *back;               /* [rows][hidden]: dE/d(V^T x) */
    hth_real *error;              /* [rows][out] */
    /* Of a method; all of the weights' size. */
    hth_real *gradient, *moment[HTH_MAX_MOMENTS];
    void *options;
    uint64_t fits; /* so far */
} hth_predictor;

size_t hth_predictor_stride(size_t columns);
size_t hth_predictor_count(const hth_predictor *p); /* of weights, with what lies between rows */

/* Takes memory; in, hidden, out, rows and method stand in p. */
void hth_predictor_lay_out(hth_arena *arena, hth_predictor *p);

/* Hidden weights of variance 2/in (He et al. 2015), those of A of the given variance; biases are zero. */
void hth_predictor_draw(hth_predictor *p, double variance, uint64_t seed, uint32_t stream);

/* y[rows][out] for x[rows][in], with p's own weights or others of the same shape. */
void hth_predictor_run(hth_compute *compute, const hth_predictor *p, const hth_real *weights,
                       const hth_real *x, hth_real *y);

/* xbar[rows][in] = dE/dx, of every row's own 1/2 |y - target|^2. said as in hth_predictor_fit. */
void hth_predictor_back(hth_compute *compute, const hth_predictor *p, const hth_real *x,
                        const hth_real *said, const hth_real *target, hth_real *xbar);

/* weights -= rate (dE/dweights + decay weights). said[rows][out]: what run has just made of x, if it has (NULL:
 * it has not); used where there are no hidden units. */
void hth_predictor_fit(hth_compute *compute, hth_predictor *p, const hth_real *x,
                       const hth_real *said, const hth_real *target, hth_real rate, hth_real decay);

#endif
