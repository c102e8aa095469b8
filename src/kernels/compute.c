/*
 * The compute handle and the parallel loop. A thread gets the same share of the tasks each time, so
 * that what it wrote in the last step is still in its own cache; a task's result must depend on its
 * index alone.
 */
#include "kernels/internal.h"

#ifdef HTH_THREADS
#include <omp.h>
#endif

enum { MAX_THREADS = 1024 };

static int all_cores(void) {
#ifdef HTH_THREADS
    return omp_get_num_procs();
#else
    return 1;
#endif
}

static hth_compute *place(hth_arena *arena, int threads) {
    hth_compute *compute = HTH_TAKE(arena, hth_compute, 1);
    size_t count = (size_t)threads * (HTH_A_SCRATCH + HTH_B_SCRATCH);
    hth_real *scratch = HTH_TAKE(arena, hth_real, count);
    if (compute) *compute = (hth_compute){threads, scratch};
    return compute;
}

hth_status hth_compute_create(int threads, const hth_allocator *allocator, hth_compute **out,
                              hth_error *error) {
    HTH_TRY(hth_level_check(error));
    if (threads < 0 || threads > MAX_THREADS)
        return hth_fail(error, HTH_INVALID,
                        "threads is %d; it must be a number from 1 to %d, or 0 for all cores",
                        threads, MAX_THREADS);
    if (threads == 0) threads = all_cores();
#ifndef HTH_THREADS
    threads = 1; /* built without threads: the results are the same */
#endif
    hth_arena arena = {NULL, 0};
    place(&arena, threads);
    arena.base = hth_allocate(allocator, arena.used);
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the scratch of %d threads (%zu bytes)", threads,
                        arena.used);
    arena.used = 0;
    *out = place(&arena, threads);
    return HTH_OK;
}

void hth_compute_destroy(hth_compute *compute) {
    hth_release(compute);
}

int hth_compute_threads(const hth_compute *compute) {
    return compute->threads;
}

#ifdef HTH_THREADS
static void spread(int threads, size_t count, hth_task task, void *arg) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 0; i < count; i++) task(arg, i, omp_get_thread_num());
}
#endif

void hth_parallel(hth_compute *compute, size_t count, double work, hth_task task, void *arg) {
#ifdef HTH_THREADS
    size_t threads = (size_t)compute->threads;
    if (threads > count) threads = count;
    if (threads > 1 && hth_is_shared(compute, work)) {
        spread((int)threads, count, task, arg);
        return;
    }
#else
    (void)compute;
    (void)work;
#endif
    for (size_t i = 0; i < count; i++) task(arg, i, 0);
}
