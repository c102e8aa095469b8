/* Small dense linear algebra: see dense.h. */
#include "watch/dense.h"

#include "base/functions64.h"

#include <float.h>
#include <math.h>

/* ---- Symmetric ---------------------------------------------------------------------------------- */

bool hth_dense_factor(double *A, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            const double *a = A + i * n, *c = A + j * n;
            double sum = a[j];
            for (size_t k = 0; k < j; k++) sum -= a[k] * c[k];
            if (i == j && !(sum > 0)) return false;
            A[i * n + j] = i == j ? sqrt(sum) : sum / c[j];
        }
    return true;
}

void hth_dense_solve(const double *L, size_t n, double *x) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) x[i] -= L[i * n + k] * x[k];
        x[i] /= L[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        x[i] /= L[i * n + i];
        for (size_t k = 0; k < i; k++) x[k] -= L[i * n + k] * x[i];
    }
}

/* ---- Elimination -------------------------------------------------------------------------------- */

static void swap(double *a, double *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* Brings A to upper triangular form; x (NULL: none) goes with its rows. False at a column of zeros. */
static bool triangulate(double *A, size_t n, double *x) {
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(A[i * n + k]) > fabs(A[pivot * n + k])) pivot = i;
        if (!(fabs(A[pivot * n + k]) > 0)) return false;
        if (pivot != k) swap(A + k * n, A + pivot * n, n);
        if (pivot != k && x) swap(x + k, x + pivot, 1);
        for (size_t i = k + 1; i < n; i++) {
            const double factor = A[i * n + k] / A[k * n + k];
            for (size_t j = k; factor != 0 && j < n; j++) A[i * n + j] -= factor * A[k * n + j];
            if (x) x[i] -= factor * x[k];
        }
    }
    return true;
}

bool hth_dense_eliminate(double *A, size_t n, double *x) {
    if (!triangulate(A, n, x)) return false;
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) x[i] -= A[i * n + k] * x[k];
        x[i] /= A[i * n + i];
    }
    return true;
}

double hth_dense_log_determinant(double *A, size_t n) {
    double sum = 0;
    if (!triangulate(A, n, NULL)) return -HUGE_VAL;
    for (size_t i = 0; i < n; i++) sum += hth_log64(fabs(A[i * n + i]));
    return sum;
}

/* ---- Gram-Schmidt ------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

void hth_dense_orthonormalise(double *Q, size_t columns, size_t n, double *sums) {
    for (size_t i = 0; i < columns; i++) {
        double *q = Q + i * n;
        const double before = sqrt(dot(q, q, n));
        for (int pass = 0; pass < 2;
             pass++) /* what rounding left of the first goes in the second */
            for (size_t k = 0; k < i; k++) {
                const double part = dot(Q + k * n, q, n);
                for (size_t j = 0; j < n; j++) q[j] -= part * Q[k * n + j];
            }
        const double length = sqrt(dot(q, q, n));
        const bool is_none = !(length > 4 * DBL_EPSILON * before);
        sums[i] += is_none ? -HUGE_VAL : hth_log64(length);
        for (size_t j = 0; j < n; j++) q[j] = is_none ? 0 : q[j] / length;
    }
}

/* ---- Eigenvalues -------------------------------------------------------------------------------- */

/* Makes every number of A below the one under the diagonal 0, by eliminations that keep the eigenvalues. */
static void to_hessenberg(double *A, size_t n) {
    for (size_t m = 1; m + 1 < n; m++) {
        size_t pivot = m;
        for (size_t i = m + 1; i < n; i++)
            if (fabs(A[i * n + m - 1]) > fabs(A[pivot * n + m - 1])) pivot = i;
        if (!(fabs(A[pivot * n + m - 1]) > 0)) continue;
        /* The pivot's row and column change places with the m-th. */
        if (pivot != m) {
            swap(A + pivot * n, A + m * n, n);
            for (size_t i = 0; i < n; i++) swap(A + i * n + pivot, A + i * n + m, 1);
        }
        for (size_t i = m + 1; i < n; i++) {
            const double factor = A[i * n + m - 1] / A[m * n + m - 1];
            for (size_t j = m - 1; factor != 0 && j < n; j++) A[i * n + j] -= factor * A[m * n + j];
            for (size_t j = 0; factor != 0 && j < n; j++) A[j * n + m] += factor * A[j * n + i];
            A[i * n + m - 1] = 0;
        }
    }
}

/* The eigenvalues of [[a, b], [c, d]]. */
static void of_two(double a, double b, double c, double d, double re[2], double im[2]) {
    const double half = 0.5 * (a - d), product = b * c, square = half * half + product;
    if (square >= 0) {
        const double root = sqrt(square), large = half + (half < 0 ? -root : root);
        re[0] = d + large;
        re[1] = large != 0 ? d - product / large : d;
        im[0] = im[1] = 0;
    } else {
        re[0] = re[1] = d + half;
        im[0] = sqrt(-square);
        im[1] = -im[0];
    }
}

/* Where the active block, which ends with row `last`, begins: below the last number under the diagonal that is 0. */
static size_t start_of_block(double *H, size_t n, size_t last) {
    size_t l = last;
    for (; l > 0; l--) {
        const double size = fabs(H[(l - 1) * n + l - 1]) + fabs(H[l * n + l]);
        if (fabs(H[l * n + l - 1]) <= DBL_EPSILON * (size > 0 ? size : 1)) {
            H[l * n + l - 1] = 0;
            break;
        }
    }
    return l;
}

/* Reflects rows k..k+2 and columns k..k+2 of the block so that v becomes a multiple of the first unit vector; `size`: 2
 * or 3 of them. */
static void reflect(double *H, size_t n, size_t first, size_t last, size_t k, size_t size,
                    const double v[3]) {
    double norm = 0, u[3];
    for (size_t i = 0; i < size; i++) norm += v[i] * v[i];
    norm = sqrt(norm);
    if (!(norm > 0)) return;
    for (size_t i = 0; i < size; i++) u[i] = v[i];
    u[0] += v[0] < 0 ? -norm : norm;
    double length = 0;
    for (size_t i = 0; i < size; i++) length += u[i] * u[i];
    /* H <- P H P, P = 1 - 2 u u^T/(u^T u), within the block: the rest has no part in its eigenvalues. */
    for (size_t j = k > first ? k - 1 : first; j <= last; j++) {
        double sum = 0;
        for (size_t i = 0; i < size; i++) sum += u[i] * H[(k + i) * n + j];
        for (size_t i = 0; i < size; i++) H[(k + i) * n + j] -= 2 * sum / length * u[i];
    }
    const size_t end = k + 3 < last ? k + 3 : last;
    for (size_t j = first; j <= end; j++) {
        double sum = 0;
        for (size_t i = 0; i < size; i++) sum += u[i] * H[j * n + k + i];
        for (size_t i = 0; i < size; i++) H[j * n + k + i] -= 2 * sum / length * u[i];
    }
}

/* One step of Francis with the shifts of sum s and product p, on rows first..last. */
static void francis(double *H, size_t n, size_t first, size_t last, double s, double p) {
    const double *h = H + first * n + first;
    double v[3] = {h[0] * h[0] + h[1] * h[n] - s * h[0] + p, h[n] * (h[0] + h[n + 1] - s),
                   h[n] * h[2 * n + 1]};
    for (size_t k = first; k < last; k++) {
        const size_t size = last - k < 2 ? 2 : 3;
        reflect(H, n, first, last, k, size, v);
        if (k > first) /* what it was to make 0 */
            for (size_t i = 1; i < size; i++) H[(k + i) * n + k - 1] = 0;
        for (size_t i = 0; i < 3; i++) v[i] = k + 1 + i <= last ? H[(k + 1 + i) * n + k] : 0;
    }
}

/* The largest first, of a pair that with im > 0. */
static void sort(double *re, double *im, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0; k--) {
            const double a = re[k - 1] * re[k - 1] + im[k - 1] * im[k - 1],
                         b = re[k] * re[k] + im[k] * im[k]; /* squares of the sizes */
            if (a > b || (a == b && im[k - 1] >= im[k])) break;
            swap(re + k - 1, re + k, 1);
            swap(im + k - 1, im + k, 1);
        }
}

bool hth_dense_eigenvalues(double *A, size_t n, double *re, double *im) {
    enum { MOST = 60, EXCEPTIONAL = 10 };
    int tries = 0;
    to_hessenberg(A, n);
    for (size_t left = n; left > 0;) {
        const size_t last = left - 1, first = start_of_block(A, n, last);
        if (first == last) {
            re[last] = A[last * n + last];
            im[last] = 0;
            left--, tries = 0;
        } else if (first + 1 == last) {
            of_two(A[first * n + first], A[first * n + last], A[last * n + first],
                   A[last * n + last], re + first, im + first);
            left -= 2, tries = 0;
        } else {
            const double *h = A + (last - 1) * n + last - 1;
            double s = h[0] + h[n + 1], p = h[0] * h[n + 1] - h[1] * h[n];
            if (++tries > MOST) return false;
            if (tries % EXCEPTIONAL == 0) { /* it goes round in circles: shifts of another kind */
                const double x = fabs(h[n]) + fabs(A[(last - 1) * n + last - 2]);
                s = 1.5 * x;
                p = x * x;
            }
            francis(A, n, first, last, s, p);
        }
    }
    sort(re, im, n);
    return true;
}
