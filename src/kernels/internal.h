/* What the files of this room share: the compute handle and the choice of kernels. */
#ifndef HTH_KERNELS_INTERNAL_H
#define HTH_KERNELS_INTERNAL_H

#include "kernels/compute.h"
#include "kernels/threads.h"

/* The fast kernels need the vector types that gcc and clang share; else the reference ones serve. */
#if defined(__GNUC__) && !defined(HTH_REFERENCE_KERNELS)
#define HTH_VECTOR_KERNELS
#endif

/* Numbers of scratch for each thread: a packed block of B, of a size for a second level cache, and half as much of A.
 * The reference kernels need none; where all levels are built, all have the same. */
#if defined(HTH_VECTOR_KERNELS) || defined(HTH_ALL_LEVELS)
enum { HTH_B_SCRATCH = 128 * 1024, HTH_A_SCRATCH = 64 * 1024 };
#else
enum { HTH_B_SCRATCH = 0, HTH_A_SCRATCH = 0 };
#endif

/* A loop of fewer operations stays on the calling thread; 1e6 take one thread 10 to 30 us. Measured on two
 * cores of an Intel Xeon with AVX-512: to share a loop costs 1.2 us while the other threads spin, and 3 to
 * 13 us when they sleep. With 3e6 here, rtrl32 of bench/bench gains nothing from a second thread (30.5 us
 * a step, where 1e6 gives 27.6 and one thread takes 30.7); with 1e5, rnn100b32 takes 32.1 us, where
 * 1e6 gives 26.4. */
#define HTH_SMALL_WORK 1e6

struct hth_compute {
    int threads;
    bool always;       /* every loop is shared, however small: for tests */
    hth_real *scratch; /* [threads][HTH_A_SCRATCH + HTH_B_SCRATCH] */
#ifdef HTH_THREADS
    hth_threads *pool; /* NULL with one thread */
#endif
};

static inline bool hth_is_shared(const hth_compute *compute, double work) {
#ifdef HTH_THREADS
    if (compute->threads == 1) return false;
    return compute->always || (work >= HTH_SMALL_WORK && hth_threads_pay(compute->pool, work));
#else
    (void)compute;
    (void)work;
    return false;
#endif
}

static inline hth_real *hth_a_scratch(const hth_compute *compute, int worker) {
    return compute->scratch + (size_t)worker * (HTH_A_SCRATCH + HTH_B_SCRATCH);
}

static inline hth_real *hth_b_scratch(const hth_compute *compute, int worker) {
    return hth_a_scratch(compute, worker) + HTH_A_SCRATCH;
}

#endif
