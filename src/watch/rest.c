/*
 * Rest points: states where q(X) = 1/2 |F(X, x) - X|^2 is least (Sussillo & Barak 2013), by Levenberg's method, which
 * is Newton's on F(X) - X near a fixed point and descent on q far from it:
 *
 *     (A^T A + mu I) d = -A^T (F - X),   A = J - I
 *
 * Where A has an inverse, the last steps are Newton's own, A d = X - F, which loses no digits to A^T A.
 *
 * Cost: a Jacobian and about N^3 operations a step.
 */
#include "credit/inspect.h"
#include "watch/dense.h"
#include "watch/dynamics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct hth_rest {
    hth_step_map *map;
    size_t N, all;
    hth_real *J, *state;          /* [all][all], [N] */
    double *A, *work;             /* [N][N] each */
    double *f, *d, *next, *right; /* [N]: F - X, the step, and others */
} hth_rest;

hth_status hth_rest_create(hth_step_map *map, hth_rest **out, hth_error *error) {
    const hth_step_sizes sizes = hth_step_map_sizes(map);
    const size_t N = sizes.units, all = sizes.all;
    hth_rest *r = calloc(1, sizeof *r);
    if (r) {
        *r = (hth_rest){.map = map, .N = N, .all = all};
        r->J = calloc(hth_times(all + 1, all), sizeof *r->J);
        r->state = calloc(N, sizeof *r->state);
        r->A = calloc(hth_times(2 * N + 4, N), sizeof *r->A);
    }
    if (!r || !r->J || !r->state || !r->A) {
        hth_rest_destroy(r);
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for fixed points of %zu states",
                        N);
    }
    r->work = r->A + N * N;
    r->f = r->work + N * N;
    r->d = r->f + N;
    r->next = r->d + N;
    r->right = r->next + N;
    *out = r;
    return HTH_OK;
}

void hth_rest_destroy(hth_rest *r) {
    if (!r) return;
    free(r->J), free(r->state), free(r->A);
    free(r);
}

static double half_square(const double *f, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += f[i] * f[i];
    return 0.5 * sum;
}

/* f = F(x) - x; returns q. */
static hth_status look(hth_rest *r, const hth_real *input, int32_t token, const double *x,
                       double *q, hth_error *error) {
    for (size_t i = 0; i < r->N; i++) r->state[i] = (hth_real)x[i];
    hth_step_put(r->map, r->state);
    HTH_TRY(hth_step_take(r->map, input, token, error));
    hth_step_get(r->map, r->state);
    for (size_t i = 0; i < r->N; i++) r->f[i] = (double)r->state[i] - x[i];
    *q = half_square(r->f, r->N);
    return HTH_OK;
}

/* A = J - shift I, of the step that was looked at last. */
static void fill(hth_rest *r, double shift) {
    hth_step_jacobian(r->map, r->J, NULL);
    for (size_t i = 0; i < r->N; i++)
        for (size_t j = 0; j < r->N; j++)
            r->A[i * r->N + j] = (double)r->J[i * r->all + j] - (i == j ? shift : 0);
}

/* d = -(A^T A + mu I)^-1 A^T f. False: there is none. */
static bool solve_damped(hth_rest *r, double mu) {
    const size_t N = r->N;
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t k = 0; k < N; k++) sum += r->A[k * N + i] * r->f[k];
        r->d[i] = -sum;
    }
    memset(r->work, 0, N * N * sizeof *r->work);
    for (size_t k = 0; k < N; k++)
        for (size_t i = 0; i < N; i++) {
            const double a = r->A[k * N + i];
            for (size_t j = 0; a != 0 && j <= i; j++) r->work[i * N + j] += a * r->A[k * N + j];
        }
    for (size_t i = 0; i < N; i++) r->work[i * N + i] += mu;
    if (!hth_dense_factor(r->work, N)) return false;
    hth_dense_solve(r->work, N, r->d);
    return true;
}

/* d = A^-1 (-f). False: A has no inverse. */
static bool solve_plain(hth_rest *r) {
    memcpy(r->work, r->A, r->N * r->N * sizeof *r->work);
    for (size_t i = 0; i < r->N; i++) r->d[i] = -r->f[i];
    return hth_dense_eliminate(r->work, r->N, r->d);
}

/* Takes the step d from x if it lowers *q. f is then that of the new x; else it is what it was. */
static hth_status try_step(hth_rest *r, const hth_real *input, int32_t token, double *x, double *q,
                           bool *better, hth_error *error) {
    double there;
    memcpy(r->right, r->f, r->N * sizeof *r->f);
    for (size_t i = 0; i < r->N; i++) r->next[i] = x[i] + r->d[i];
    HTH_TRY(look(r, input, token, r->next, &there, error));
    *better = there < *q;
    if (*better) {
        memcpy(x, r->next, r->N * sizeof *x);
        *q = there;
    } else {
        memcpy(r->f, r->right, r->N * sizeof *r->f);
    }
    return HTH_OK;
}

hth_status hth_rest_find(hth_rest *r, const hth_real *input, int32_t token, double *x, double *q,
                         bool *found, hth_error *error) {
    enum { MOST = 200, LAST = 3 };
    const double least = 1e-16, largest = 1e12, slow_enough = 1e-8;
    double mu = 1e-2;
    bool better = true;
    HTH_TRY(look(r, input, token, x, q, error));
    /* Down, until nothing is left or no step helps. After a step that did not help, J is still that of x. */
    for (int k = 0; k<MOST && * q> 1e-24 && mu < largest; k++) {
        if (better) {
            if (k > 0) HTH_TRY(look(r, input, token, x, q, error));
            fill(r, 1);
        }
        const double before = *q;
        better = false;
        if (solve_damped(r, mu)) HTH_TRY(try_step(r, input, token, x, q, &better, error));
        mu = better ? fmax(mu / 10, least) : mu * 10;
        if (better && before - *q < 1e-12 * before) break;
    }
    /* Newton's own last steps. */
    better = true;
    for (int k = 0; k < LAST && better && *q > 0 && *q < 1e-8; k++) {
        HTH_TRY(look(r, input, token, x, q, error));
        fill(r, 1);
        if (!solve_plain(r)) break;
        HTH_TRY(try_step(r, input, token, x, q, &better, error));
    }
    *found = isfinite(*q) && *q < slow_enough;
    return HTH_OK;
}

hth_status hth_rest_eigenvalues(hth_rest *r, const hth_real *input, int32_t token, const double *x,
                                double *re, double *im, bool *found, hth_error *error) {
    double q;
    HTH_TRY(look(r, input, token, x, &q, error));
    fill(r, 0);
    *found = hth_dense_eigenvalues(r->A, r->N, re, im);
    return HTH_OK;
}
