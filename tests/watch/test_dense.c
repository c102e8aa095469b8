/* Dense linear algebra against matrices whose answers are known by how they were made. */
#include "watch/dense.h"

#include "base/functions64.h"
#include "laws.h"

enum { N = 12 };

static void draw(double *A, uint32_t stream) {
    const hth_random r = {11, HTH_RANDOM_CHECK, stream};
    for (size_t i = 0; i < N * N; i++) A[i] = hth_random_normal(&r, i);
}

/* C = A B. */
static void times(const double *A, const double *B, double *C) {
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0;
            for (size_t k = 0; k < N; k++) sum += A[i * N + k] * B[k * N + j];
            C[i * N + j] = sum;
        }
}

/* A = S D S^-1, D of blocks: three pairs re +- im i, then numbers, of which two are equal and one is 0. */
static void made(double *A, double *re, double *im) {
    double S[N * N], inverse[N * N] = {0}, D[N * N] = {0}, C[N * N], work[N * N];
    static const double pairs[3][2] = {{0.9, 0.6}, {-0.5, 0.4}, {0.1, 0.3}};
    static const double numbers[] = {-1.2, 0.7, 0.25, 0.25, -0.05, 0};
    draw(S, 1);
    for (size_t j = 0; j < N; j++) {
        double column[N] = {0};
        column[j] = 1;
        memcpy(work, S, sizeof work);
        assert_true(hth_dense_eliminate(work, N, column));
        for (size_t i = 0; i < N; i++) inverse[i * N + j] = column[i];
    }
    for (size_t k = 0; k < 3; k++) {
        const size_t i = 2 * k;
        D[i * N + i] = D[(i + 1) * N + i + 1] = pairs[k][0];
        D[i * N + i + 1] = pairs[k][1];
        D[(i + 1) * N + i] = -pairs[k][1];
    }
    for (size_t k = 0; k < 6; k++) D[(6 + k) * N + 6 + k] = numbers[k];
    times(S, D, C);
    times(C, inverse, A);
    /* -1.2, .9 +- .6i, .7, -.5 +- .4i, .1 +- .3i, .25, .25, -.05, 0: by size */
    const double r[] = {-1.2, 0.9, 0.9, 0.7, -0.5, -0.5, 0.1, 0.1, 0.25, 0.25, -0.05, 0};
    const double i[] = {0, 0.6, -0.6, 0, 0.4, -0.4, 0.3, -0.3, 0, 0, 0, 0};
    memcpy(re, r, sizeof r);
    memcpy(im, i, sizeof i);
}

static void eigenvalues_of_a_made_matrix(void **state) {
    (void)state;
    double A[N * N], re[N], im[N], found[N], imaginary[N];
    made(A, re, im);
    double trace = 0;
    for (size_t i = 0; i < N; i++) trace += A[i * N + i];
    assert_true(hth_dense_eigenvalues(A, N, found, imaginary));
    double sum = 0;
    for (size_t i = 0; i < N; i++) {
        sum += found[i];
        /* The two equal ones split by the root of rounding. */
        const double near = fabs(re[i] - 0.25) < 1e-9 ? 1e-6 : 1e-11;
        if (hypot(found[i] - re[i], imaginary[i] - im[i]) > near)
            fail_msg("%zu: %g %+gi is %g %+gi", i, re[i], im[i], found[i], imaginary[i]);
    }
    assert_true(fabs(sum - trace) < 1e-11);
}

/* A rotation of the coordinates one after the other: the shifts of Francis alone go round in circles. */
static void eigenvalues_where_shifts_go_round(void **state) {
    (void)state;
    double A[N * N] = {0}, re[N], im[N], nothing[N * N] = {0};
    for (size_t i = 0; i < N; i++) A[((i + 1) % N) * N + i] = 1;
    assert_true(hth_dense_eigenvalues(A, N, re, im));
    for (size_t i = 0; i < N; i++) {
        double r = 1, s = 0; /* its N-th power is 1 */
        for (size_t k = 0; k < N; k++) {
            const double kept = r * re[i] - s * im[i];
            s = r * im[i] + s * re[i];
            r = kept;
        }
        assert_true(hypot(r - 1, s) < 1e-10);
        for (size_t k = 0; k < i; k++) assert_true(hypot(re[i] - re[k], im[i] - im[k]) > 0.1);
    }
    assert_true(hth_dense_eigenvalues(nothing, N, re, im));
    for (size_t i = 0; i < N; i++) assert_true(re[i] == 0 && im[i] == 0);
}

static void elimination(void **state) {
    (void)state;
    double A[N * N], work[N * N], x[N], b[N] = {0}, re[N], im[N];
    draw(A, 2);
    A[0] = 0; /* the first pivot is another row's */
    for (size_t i = 0; i < N; i++) x[i] = (double)i - 4;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) b[i] += A[i * N + j] * x[j];
    memcpy(work, A, sizeof work);
    assert_true(hth_dense_eliminate(work, N, b));
    for (size_t i = 0; i < N; i++) assert_true(fabs(b[i] - x[i]) < 1e-11);
    /* log |det| is the sum of log |eigenvalue|. */
    memcpy(work, A, sizeof work);
    const double determinant = hth_dense_log_determinant(work, N);
    memcpy(work, A, sizeof work);
    assert_true(hth_dense_eigenvalues(work, N, re, im));
    double sum = 0;
    for (size_t i = 0; i < N; i++) sum += hth_log64(hypot(re[i], im[i]));
    assert_true(fabs(sum - determinant) < 1e-10);
    /* Two rows alike. */
    memcpy(A + N, A, N * sizeof *A);
    memcpy(work, A, sizeof work);
    assert_false(hth_dense_log_determinant(work, N) > -30);
    memset(A + N, 0, N * sizeof *A);
    assert_false(hth_dense_eliminate(A, N, b));
}

static void gram_schmidt(void **state) {
    (void)state;
    double A[N * N], Q[N * N], sums[N] = {0}, work[N * N];
    draw(A, 3);
    memcpy(Q, A, sizeof Q);
    memcpy(work, A, sizeof work);
    hth_dense_orthonormalise(Q, N, N, sums);
    double sum = 0;
    for (size_t i = 0; i < N; i++) {
        sum += sums[i];
        for (size_t j = 0; j < N; j++) {
            double product = 0;
            for (size_t k = 0; k < N; k++) product += Q[i * N + k] * Q[j * N + k];
            assert_true(fabs(product - (i == j)) < 1e-14);
        }
    }
    assert_true(fabs(sum - hth_dense_log_determinant(work, N)) < 1e-11);
    /* A row that lies in those before it. */
    memcpy(Q, A, sizeof Q);
    for (size_t k = 0; k < N; k++) Q[2 * N + k] = Q[k] - 3 * Q[N + k];
    hth_dense_orthonormalise(Q, 3, N, sums);
    assert_true(sums[2] == -HUGE_VAL && isfinite(sums[1]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvalues_of_a_made_matrix),
        cmocka_unit_test(eigenvalues_where_shifts_go_round),
        cmocka_unit_test(elimination),
        cmocka_unit_test(gram_schmidt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
