/*
 * The compute handle and the parallel loop. Threads, where there are any, are those of threads.c.
 */
#include "kernels/cores.h"
#include "kernels/internal.h"

enum { MAX_THREADS = 1024 };

static hth_compute *place(hth_arena *arena, int threads, int cores) {
    hth_compute *compute = HTH_TAKE(arena, hth_compute, 1);
    /* The kernels of a chip need no scratch. */
    const size_t each = arena->chip ? 0 : HTH_A_SCRATCH + HTH_B_SCRATCH;
    hth_real *scratch = HTH_TAKE(arena, hth_real, (size_t)threads * each);
    if (compute) *compute = (hth_compute){.threads = threads, .scratch = scratch};
#ifdef HTH_THREADS
    if (threads > 1) {
        hth_threads *pool = hth_threads_place(arena, threads, threads <= cores);
        if (compute) compute->pool = pool;
    }
#else
    (void)cores;
#endif
    return compute;
}

hth_status hth_compute_create(int threads, const hth_allocator *allocator, hth_compute **out,
                              hth_error *error) {
    HTH_TRY(hth_level_check(error));
    if (threads < 0 || threads > MAX_THREADS)
        return hth_fail(error, HTH_INVALID,
                        "threads is %d; it must be a number from 1 to %d, or 0 for all cores",
                        threads, MAX_THREADS);
#ifndef HTH_THREADS
    threads = 1; /* built without threads: the results are the same */
#endif
    const int cores = threads == 1 ? 1 : hth_cores();
    if (threads == 0) threads = cores < MAX_THREADS ? cores : MAX_THREADS;
    hth_arena arena = hth_arena_for(allocator);
    place(&arena, threads, cores);
    const size_t bytes = arena.used;
    arena = (hth_arena){.base = hth_allocate(allocator, bytes)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the scratch of %d threads (%zu bytes)", threads,
                        bytes);
    *out = place(&arena, threads, cores);
    return HTH_OK;
}

void hth_compute_destroy(hth_compute *compute) {
#ifdef HTH_THREADS
    if (compute && compute->pool) hth_threads_stop(compute->pool);
#endif
    hth_release(compute);
}

int hth_compute_threads(const hth_compute *compute) {
    return compute->threads;
}

int hth_compute_spread(const hth_compute *compute, double work) {
    return hth_is_shared(compute, work) ? compute->threads : 1;
}

void hth_parallel(hth_compute *compute, size_t count, double work, hth_task task, void *arg) {
#ifdef HTH_THREADS
    if (count > 1 && hth_is_shared(compute, work)) {
        hth_threads_run(compute->pool, count, work, task, arg);
        return;
    }
#else
    (void)compute;
    (void)work;
#endif
    for (size_t i = 0; i < count; i++) task(arg, i, 0);
}
