/*
 * Logistic regression by Newton's method, in the space of the samples (kernel logistic regression with the linear
 * kernel; Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, 4.4 and 18.3.5). With f = G alpha +
 * b, p = 1/(1 + e^-f), r = p (1 - p) and R = diag(r), a step of iteratively reweighted least squares solves
 *
 *     (G + l2 R^-1) alpha + b 1 = f + R^-1 (y - p),     1^T alpha = 0
 *
 * The second equation is the optimum in b. With S = R^(1/2) nothing is divided by r:
 *
 *     A = l2 I + S G S,   alpha = S A^-1 (S f + S^-1 (y - p) - b S 1).
 *
 * A is positive definite for any G. A step is halved while it would raise the loss. The penalty makes the problem
 * strictly convex in f, so there is one optimum, even if a sample has more numbers than there are samples.
 *
 * Cost: count^3 / 6 operations a step and count^2 numbers of memory, whatever the length of a sample.
 */
#include "watch/logistic.h"

#include "base/functions64.h"
#include "watch/dense.h"

#include <stdlib.h>
#include <string.h>

typedef struct solver {
    const hth_logistic *problem;
    double *f, *s, *right, *ones, *A; /* A: [count][count], then its Cholesky factor */
    double *old, *step; /* alpha before the step, and the end point of the full step */
    double loss;
} solver;

/* ---- The problem ------------------------------------------------------------------------------ */

/* Computes f and returns the loss at (alpha, b). */
static double evaluate(solver *v, const double *alpha, double b) {
    const hth_logistic *p = v->problem;
    double loss = 0;
    for (size_t i = 0; i < p->count; i++) {
        double sum = 0;
        for (size_t k = 0; k < p->count; k++) sum += p->gram[i * p->count + k] * alpha[k];
        v->f[i] = sum + b;
        loss += hth_softplus64(p->labels[i] ? -v->f[i] : v->f[i]) + 0.5 * p->l2 * alpha[i] * sum;
    }
    return loss;
}

/* The largest of the numbers that are 0 at the optimum: the entries of l2 alpha - (y - p), and the gradient in b.
 * The gradient in w is a sum of the former over the samples. */
static double residual(const solver *v, const double *alpha) {
    const hth_logistic *p = v->problem;
    double worst = 0, sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        const double error = p->labels[i] - hth_sigmoid64(v->f[i]);
        worst = fmax(worst, fabs(p->l2 * alpha[i] - error));
        sum += error;
    }
    return fmax(worst, fabs(sum));
}

/* Computes the end point of Newton's step: v->step and *b. False if there is none. */
static bool newton(solver *v, double *b) {
    const hth_logistic *p = v->problem;
    const size_t n = p->count;
    /* Fill S and the right-hand sides. */
    for (size_t i = 0; i < n; i++) {
        const double now = hth_sigmoid64(v->f[i]), error = p->labels[i] - now;
        v->s[i] = sqrt(fmax(now * (1 - now), 1e-300));
        v->right[i] = v->s[i] * v->f[i] + error / v->s[i];
        v->ones[i] = v->s[i];
    }
    /* A and its factor; solve for both right-hand sides. */
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++)
            v->A[i * n + k] = v->s[i] * p->gram[i * n + k] * v->s[k] + (i == k ? p->l2 : 0);
    if (!hth_dense_factor(v->A, n)) return false;
    hth_dense_solve(v->A, n, v->right);
    hth_dense_solve(v->A, n, v->ones);
    /* The b for which 1^T alpha = 0, then alpha. */
    double above = 0, below = 0;
    for (size_t i = 0; i < n; i++) {
        above += v->s[i] * v->right[i];
        below += v->s[i] * v->ones[i];
    }
    *b = above / below;
    for (size_t i = 0; i < n; i++) v->step[i] = v->s[i] * (v->right[i] - *b * v->ones[i]);
    return isfinite(*b);
}

/* Takes Newton's step, or the part of it that does not raise the loss. */
static bool advance(solver *v, double *alpha, double *b) {
    const size_t n = v->problem->count;
    const double from = *b;
    double to;
    if (!newton(v, &to)) return false;
    memcpy(v->old, alpha, n * sizeof *alpha);
    for (double part = 1; part > 1e-9; part /= 2) {
        for (size_t i = 0; i < n; i++) alpha[i] = v->old[i] + part * (v->step[i] - v->old[i]);
        *b = from + part * (to - from);
        const double loss = evaluate(v, alpha, *b);
        if (loss <= v->loss + 1e-12 * (1 + fabs(v->loss))) {
            v->loss = loss;
            return true;
        }
    }
    return false;
}

static hth_status run(solver *v, double *alpha, double *bias, int *iterations, hth_error *error) {
    const hth_logistic *p = v->problem;
    memset(alpha, 0, p->count * sizeof *alpha);
    *bias = 0;
    v->loss = evaluate(v, alpha, 0);
    for (*iterations = 0; *iterations < p->most_iterations; ++*iterations) {
        if (residual(v, alpha) <= p->tolerance) return HTH_OK;
        if (!advance(v, alpha, bias)) break;
    }
    if (residual(v, alpha) <= p->tolerance) return HTH_OK;
    return hth_fail(error, HTH_FAILED,
                    "the logistic regression did not converge in %d steps; a larger penalty may "
                    "help",
                    *iterations);
}

static hth_status check(const hth_logistic *p, hth_error *error) {
    size_t ones = 0;
    for (size_t i = 0; i < p->count; i++) ones += p->labels[i];
    if (!(p->l2 > 0) || !isfinite(p->l2))
        return hth_fail(error, HTH_INVALID, "the penalty is %g, but must be positive", p->l2);
    for (size_t i = 0; i < p->count * p->count; i++)
        if (!isfinite(p->gram[i]))
            return hth_fail(error, HTH_NOT_FINITE, "the numbers to decode from are not finite");
    if (ones > 0 && ones < p->count) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "all %zu samples are of one class: there is nothing to tell apart", p->count);
}

hth_status hth_logistic_fit(const hth_logistic *problem, double *alpha, double *bias,
                            int *iterations, hth_error *error) {
    const size_t n = problem->count;
    solver v = {.problem = problem};
    HTH_TRY(check(problem, error));
    double *memory = calloc(hth_times(n, n + 6), sizeof *memory);
    if (!memory) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a regression");
    double **const parts[] = {&v.f, &v.s, &v.right, &v.ones, &v.old, &v.step, &v.A};
    for (size_t i = 0; i < HTH_COUNT(parts); i++) *parts[i] = memory + i * n;
    hth_status status = run(&v, alpha, bias, iterations, error);
    free(memory);
    return status;
}
