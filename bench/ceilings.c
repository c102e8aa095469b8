/*
 * What this machine can do at most: multiply-adds per second out of registers, and bytes per second
 * of the triad a = b + s c at several sizes (McCalpin's STREAM), by a number of threads. Each is tried with
 * every width of vectors that the processor has, whatever the compiler was told, and the best one counts: wide
 * vectors may lower the clock. Prints a line of JSON,
 * {"threads", "gflops", "vectors": name, "triad_gbs": {"16": ..., "512": ..., ...}} with KiB as keys.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TRIES = 15, MAX_LANES = 16, MAX_THREADS = 1024 };

typedef struct vectors {
    const char *name;
    bool (*there)(void);
    double flops; /* of one round of the chains */
    float (*chains)(long rounds, float scale);
    void (*triad)(size_t count, float *a, const float *b, const float *c, float s);
} vectors;

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/*
 * The two loops for one width. COUNT independent chains hide the latency of a multiply-add and stay in registers.
 * TARGET: attributes of the functions; TYPE: a vector; SET, LOAD, STORE and MADD(x, y, z) = x y + z on it.
 */
#define LOOPS(NAME, TARGET, TYPE, COUNT, SET, LOAD, STORE, MADD)                                   \
    TARGET static float chains_##NAME(long rounds, float scale) {                                  \
        TYPE sum[COUNT], factor = SET(scale), addend = SET(1.0f - scale);                          \
        float lanes[sizeof(TYPE) / sizeof(float)], total = 0;                                      \
        UNROLL for (int c = 0; c < COUNT; c++) sum[c] = SET((float)c);                             \
        for (long r = 0; r < rounds; r++) {                                                        \
            UNROLL for (int c = 0; c < COUNT; c++) sum[c] = MADD(sum[c], factor, addend);          \
        }                                                                                          \
        UNROLL for (int c = 0; c < COUNT; c++) {                                                   \
            memcpy(lanes, &sum[c], sizeof lanes);                                                  \
            total += lanes[0];                                                                     \
        }                                                                                          \
        return total;                                                                              \
    }                                                                                              \
    TARGET static void triad_##NAME(size_t count, float *a, const float *b, const float *c,        \
                                    float s) {                                                     \
        enum { WIDTH = sizeof(TYPE) / sizeof(float), STRIDE = 4 * WIDTH };                         \
        const TYPE scale = SET(s);                                                                 \
        for (size_t i = 0; i < count; i += STRIDE) {                                               \
            UNROLL for (int k = 0; k < STRIDE; k += WIDTH)                                         \
                STORE(a + i + k, MADD(LOAD(c + i + k), scale, LOAD(b + i + k)));                   \
        }                                                                                          \
    }
#define FLOPS(TYPE, COUNT) 2.0 * COUNT * sizeof(TYPE) / sizeof(float)

static bool always(void) {
    return true;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET(NAMES) __attribute__((target(NAMES)))
/* No fused multiply-add at this level: a product and a sum. */
#define MADD_SSE(x, y, z) _mm_add_ps(_mm_mul_ps(x, y), z)
LOOPS(v2, TARGET("sse4.2"), __m128, 12, _mm_set1_ps, _mm_load_ps, _mm_store_ps, MADD_SSE)
LOOPS(v3, TARGET("avx2,fma"), __m256, 12, _mm256_set1_ps, _mm256_load_ps, _mm256_store_ps,
      _mm256_fmadd_ps)
LOOPS(v4, TARGET("avx512f"), __m512, 24, _mm512_set1_ps, _mm512_load_ps, _mm512_store_ps,
      _mm512_fmadd_ps)

static bool has_v3(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_v4(void) {
    return __builtin_cpu_supports("avx512f") != 0;
}

static const vectors widths[] = {
    {"128 bits, no fma", always, FLOPS(__m128, 12), chains_v2, triad_v2},
    {"256 bits, fma", has_v3, FLOPS(__m256, 12), chains_v3, triad_v3},
    {"512 bits, fma", has_v4, FLOPS(__m512, 24), chains_v4, triad_v4},
};
#elif defined(__aarch64__)
#include <arm_neon.h>

#define MADD_NEON(x, y, z) vfmaq_f32(z, x, y)
LOOPS(neon, , float32x4_t, 24, vdupq_n_f32, vld1q_f32, vst1q_f32, MADD_NEON)

static const vectors widths[] = {
    {"128 bits, fma", always, FLOPS(float32x4_t, 24), chains_neon, triad_neon},
};
#else
#define SET_PLAIN(x) (x)
#define LOAD_PLAIN(p) (*(p))
#define STORE_PLAIN(p, x) (*(p) = (x))
#define MADD_PLAIN(x, y, z) ((x) * (y) + (z))
LOOPS(plain, , float, 12, SET_PLAIN, LOAD_PLAIN, STORE_PLAIN, MADD_PLAIN)

static const vectors widths[] = {
    {"scalars", always, FLOPS(float, 12), chains_plain, triad_plain},
};
#endif

enum { WIDTHS = sizeof widths / sizeof widths[0] };

static void stop(const char *sentence) {
    fprintf(stderr, "ceilings: %s\n", sentence);
    exit(1);
}

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- Several threads at once ---- */

/* What all threads do at the same time, once for every width and try: `rounds` times the triad over arrays of
 * `count` numbers of their own, or the chains where count is 0. */
typedef struct team {
    int threads;
    size_t count, rounds;
    double work; /* of a thread, in flops or bytes; 0: that of the chains */
    pthread_barrier_t barrier;
    double begin[MAX_THREADS], end[MAX_THREADS];
    double best; /* work a second of all threads */
    const char *name;
} team;

typedef struct member {
    team *team;
    int index;
} member;

/* From the first thread's beginning to the last one's end. */
static void judge(team *t, const vectors *width) {
    double begin = t->begin[0], end = t->end[0];
    for (int i = 1; i < t->threads; i++) {
        if (t->begin[i] < begin) begin = t->begin[i];
        if (t->end[i] > end) end = t->end[i];
    }
    const double work = t->work > 0 ? t->work : width->flops * (double)t->rounds;
    const double rate = work * t->threads / (end - begin);
    if (rate <= t->best) return;
    t->best = rate;
    t->name = width->name;
}

static void work_once(const team *t, const vectors *width, float *memory) {
    volatile float sink, scale = 0.999f; /* not known to the compiler */
    for (size_t r = 0; r < t->rounds && t->count; r++)
        width->triad(t->count, memory, memory + t->count, memory + 2 * t->count, (float)r);
    sink = t->count ? memory[t->count / 2] : width->chains((long)t->rounds, scale);
    (void)sink;
}

static void *run_member(void *argument) {
    const member *me = argument;
    team *t = me->team;
    float *memory = t->count ? aligned_alloc(64, 3 * t->count * sizeof(float)) : NULL;
    if (t->count && !memory) stop("not enough memory");
    for (size_t k = 0; k < 3 * t->count; k++) memory[k] = 1;
    for (size_t w = 0; w < WIDTHS; w++)
        for (int i = 0; i < TRIES && widths[w].there(); i++) {
            pthread_barrier_wait(&t->barrier);
            t->begin[me->index] = now();
            work_once(t, &widths[w], memory);
            t->end[me->index] = now();
            pthread_barrier_wait(&t->barrier);
            if (me->index == 0) judge(t, &widths[w]); /* the others wait for this thread */
        }
    free(memory);
    return NULL;
}

static void run_team(team *t) {
    pthread_t threads[MAX_THREADS];
    member members[MAX_THREADS];
    if (pthread_barrier_init(&t->barrier, NULL, (unsigned)t->threads))
        stop("no barrier can be made");
    for (int i = 0; i < t->threads; i++) {
        members[i] = (member){t, i};
        if (pthread_create(&threads[i], NULL, run_member, &members[i]))
            stop("no thread can be started");
    }
    for (int i = 0; i < t->threads; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&t->barrier);
}

/* ---- The two ceilings ---- */

static double flops_per_second(int threads, const char **name) {
    team t = {.threads = threads, .rounds = 400000};
    run_team(&t);
    *name = t.name;
    return t.best;
}

/* kib: of all three arrays of one thread together. */
static double triad_bytes_per_second(int threads, size_t kib) {
    const size_t step = 4 * MAX_LANES, count = kib * 1024 / (3 * sizeof(float)) / step * step;
    const size_t rounds = (size_t)(kib < 65536 ? 100000 / kib + 10 : 1);
    team t = {.threads = threads, .count = count, .rounds = rounds};
    t.work = 3.0 * sizeof(float) * (double)(count * rounds);
    run_team(&t);
    return t.best;
}

int main(int argc, char **argv) {
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    static const size_t sizes[] = {16, 512, 8192, 262144};
    const char *name = "";
    if (threads < 1 || threads > MAX_THREADS) stop("usage: ceilings THREADS");
    const double flops = flops_per_second(threads, &name);
    printf("{\"threads\": %d, \"gflops\": %.1f, \"vectors\": \"%s\", \"triad_gbs\": {", threads,
           flops * 1e-9, name);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        printf("%s\"%zu\": %.1f", i ? ", " : "", sizes[i],
               triad_bytes_per_second(threads, sizes[i]) * 1e-9);
    printf("}}\n");
    return 0;
}
