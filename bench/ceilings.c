/*
 * What this machine can do at most: multiply-adds per second out of registers, and bytes per second
 * of the triad a = b + s c at several sizes (McCalpin's STREAM), by a number of threads. Prints a
 * line of JSON: {"threads", "gflops", "triad_gbs": {"16": ..., "512": ..., ...}} with KiB as keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

typedef float lanes __attribute__((vector_size(64)));
enum { CHAINS = 20, LANES = 16, TRIES = 9 };

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Enough independent chains to hide the latency of a multiply-add, few enough to stay in registers. */
static float chains(long rounds, float scale) {
    lanes sum[CHAINS], factor, addend;
    for (int i = 0; i < LANES; i++) factor[i] = scale, addend[i] = 1.0f - scale;
    for (int c = 0; c < CHAINS; c++) sum[c] = addend;
    for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 20
        for (int c = 0; c < CHAINS; c++) sum[c] = sum[c] * factor + addend;
    }
    float total = 0;
    for (int c = 0; c < CHAINS; c++)
        for (int i = 0; i < LANES; i++) total += sum[c][i];
    return total;
}

static double flops_per_second(int threads) {
    const long rounds = 4000000;
    double best = 0;
    volatile float sink = 0, scale = 0.999f; /* not known to the compiler */
    for (int i = 0; i < TRIES; i++) {
        double start = now();
#pragma omp parallel num_threads(threads)
        {
            float total = chains(rounds, scale);
#pragma omp critical
            sink += total;
        }
        double rate = 2.0 * CHAINS * LANES * (double)rounds * threads / (now() - start);
        if (rate > best) best = rate;
    }
    (void)sink;
    return best;
}

static void triad(size_t count, float *restrict a, const float *restrict b, const float *restrict c,
                  float s) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) a[i] = b[i] + s * c[i];
}

/* kib: of all three arrays of one thread together. */
static double triad_bytes_per_second(int threads, size_t kib) {
    size_t count = kib * 1024 / (3 * sizeof(float)) / LANES * LANES;
    size_t rounds = (size_t)(kib < 65536 ? 400000 / kib + 20 : 3);
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        double seconds = 0;
#pragma omp parallel num_threads(threads)
        {
            float *memory = aligned_alloc(64, 3 * count * sizeof(float));
            if (!memory) exit(1);
            for (size_t k = 0; k < 3 * count; k++) memory[k] = 1;
            triad(count, memory, memory + count, memory + 2 * count, 0.5f);
#pragma omp barrier
            double start = now();
            for (size_t r = 0; r < rounds; r++)
                triad(count, memory, memory + count, memory + 2 * count, (float)r);
#pragma omp barrier
#pragma omp critical
            {
                double mine = now() - start;
                if (mine > seconds) seconds = mine;
                volatile float sink = memory[count / 2];
                (void)sink;
            }
            free(memory);
        }
        double rate = 3.0 * sizeof(float) * (double)(count * rounds) * threads / seconds;
        if (rate > best) best = rate;
    }
    return best;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 1;
#ifndef _OPENMP
    threads = 1;
#endif
    static const size_t sizes[] = {16, 512, 8192, 262144};
    printf("{\"threads\": %d, \"gflops\": %.1f, \"triad_gbs\": {", threads,
           flops_per_second(threads) * 1e-9);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        printf("%s\"%zu\": %.1f", i ? ", " : "", sizes[i],
               triad_bytes_per_second(threads, sizes[i]) * 1e-9);
    printf("}}\n");
    return 0;
}
