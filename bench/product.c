/*
 * The matrix product that a gradient is, alone: product THREADS M N K [M N K]... times
 * C[M][N] = A^T B, A [K][M] and B [K][N] with rows of whole cache lines, as the tape holds them, and
 * prints a line of JSON with the best rate of each, {"threads", "gflops": [...]}.
 */
#include "kernels/compute.h"

#include <hitherto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRIES = 7 };
static const double TRY_SECONDS = 0.1;

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static hth_real *numbers(size_t count) {
    hth_real *values = malloc(count * sizeof *values);
    if (!values) exit(1);
    for (size_t i = 0; i < count; i++) values[i] = (hth_real)(i % 7) - 3;
    return values;
}

static double flops_per_second(hth_compute *compute, size_t M, size_t N, size_t K) {
    const size_t line = 64 / sizeof(hth_real), stride = (N + line - 1) / line * line;
    hth_real *A = numbers(K * M), *B = numbers(K * stride), *C = numbers(M * N);
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        size_t count = 0;
        double start = now(), seconds;
        do {
            hth_product(compute, M, N, K, hth_transposed(A, M), hth_rows(B, stride), false, C, N);
            count++;
            seconds = now() - start;
        } while (seconds < TRY_SECONDS);
        double rate = 2.0 * (double)M * (double)N * (double)K * (double)count / seconds;
        if (rate > best) best = rate;
    }
    free(A);
    free(B);
    free(C);
    return best;
}

int main(int argc, char **argv) {
    hth_compute *compute;
    hth_error error;
    if (argc < 5 || (argc - 2) % 3 != 0) {
        fprintf(stderr, "usage: product THREADS M N K [M N K]...\n");
        return 1;
    }
    if (hth_compute_create(atoi(argv[1]), NULL, &compute, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    printf("{\"threads\": %s, \"gflops\": [", argv[1]);
    for (int i = 2; i < argc; i += 3)
        printf("%s%.1f", i > 2 ? ", " : "",
               1e-9 * flops_per_second(compute, strtoul(argv[i], NULL, 10),
                                       strtoul(argv[i + 1], NULL, 10),
                                       strtoul(argv[i + 2], NULL, 10)));
    printf("]}\n");
    hth_compute_destroy(compute);
    return 0;
}
