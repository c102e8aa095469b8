/*
 * What the pasts that keep an unbiased estimate of the influence tensor have in common
 * (Marschall et al. 2019, Table 1): M = dX/dtheta is kept as a product A (x) B, and a step's J M + G, a sum of two
 * products, becomes one again by random signs nu,
 *
 *     (rho0 J A + rho1 nu) (x) (B / rho0 + nu^T G / rho1)        mean: J A (x) B + G
 *
 * with any rho that do not depend on the sign of nu. Those of Tallec & Ollivier (2017) make both factors of each
 * product equally long, rho = sqrt((|x| + epsilon) / (|y| + epsilon)), the form of their code.
 */
#ifndef HTH_UNBIASED_H
#define HTH_UNBIASED_H

#include "credit/learner.h"

typedef struct hth_unbiased_options {
    double rho_epsilon;
    int noise;
} hth_unbiased_options;

/* rho_epsilon, noise; who draws signs only takes the first. */
enum { HTH_UNBIASED_SIGNS_ONLY = 1, HTH_UNBIASED_OPTIONS = 2 };
extern const hth_option hth_unbiased_options_table[HTH_UNBIASED_OPTIONS];

/* From the squares of |x| and |y|. */
double hth_rho(const hth_unbiased_options *options, double x_square, double y_square);

/* count numbers of mean 0 and variance 1, as learner.noise says. */
void hth_unbiased_draw(hth_learner *learner, size_t count, hth_real *nu);

/* Entries of the gradient that do not exist become 0 again, all rows of an embedding count as changed. */
void hth_unbiased_clean(const hth_network *network, hth_gradient *gradient);

#endif
