/* Logistic regression with an L2 penalty, to decode a class from recorded numbers. In double precision. */
#ifndef HTH_LOGISTIC_H
#define HTH_LOGISTIC_H

#include "base/base.h"

/*
 * Minimises over w and b
 *
 *     sum_i log(1 + exp(-s_i (w x_i + b))) + l2/2 |w|^2,     s_i = 1 where labels[i], else -1
 *
 * until the gradient is at most `tolerance` times the number of samples. The samples are given by their inner
 * products gram[count][count] alone. The result is w = sum_i alpha_i x_i as alpha[count], and b, which is not
 * penalised: for a sample x, f(x) = sum_i alpha_i (x_i x) + b. l2 must be positive. HTH_INVALID if all labels are
 * the same, HTH_FAILED if it does not converge in `most_iterations`, HTH_NO_MEMORY.
 */
typedef struct hth_logistic {
    size_t count;
    const double *gram;
    const unsigned char *labels; /* 0 or 1 */
    double l2, tolerance;
    int most_iterations;
} hth_logistic;

hth_status hth_logistic_fit(const hth_logistic *problem, double *alpha, double *bias,
                            int *iterations, hth_error *error);

#endif
