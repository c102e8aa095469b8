/* What the files of this room share: the compute handle and the choice of kernels. */
#ifndef HTH_KERNELS_INTERNAL_H
#define HTH_KERNELS_INTERNAL_H

#include "kernels/compute.h"

/* The fast kernels need the vector types that gcc and clang share; else the reference ones serve. */
#if defined(__GNUC__) && !defined(HTH_REFERENCE_KERNELS)
#define HTH_VECTOR_KERNELS
#endif

/* Numbers of scratch: one piece that all threads share (a packed block of B, sized for a second
 * level cache) and one for each thread. The reference kernels only keep a column. */
#ifdef HTH_VECTOR_KERNELS
enum { HTH_SHARED_SCRATCH = 128 * 1024, HTH_LOCAL_SCRATCH = 64 * 1024 };
#else
enum { HTH_SHARED_SCRATCH = 0, HTH_LOCAL_SCRATCH = 16 * 1024 };
#endif

/* Operations that take about as long as waking the other threads: less is not worth sharing. */
#define HTH_SMALL_WORK 2e5

struct hth_compute {
    int threads;
    hth_real *shared; /* [HTH_SHARED_SCRATCH] */
    hth_real *local;  /* [threads][HTH_LOCAL_SCRATCH] */
};

static inline bool hth_is_shared(const hth_compute *compute, double work) {
    return compute->threads > 1 && work >= HTH_SMALL_WORK;
}

static inline hth_real *hth_local_scratch(const hth_compute *compute, int worker) {
    return compute->local + (size_t)worker * HTH_LOCAL_SCRATCH;
}

#endif
