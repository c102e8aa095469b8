/* The threads of a compute handle. Internal; empty without HTH_THREADS. */
#ifndef HTH_KERNELS_THREADS_H
#define HTH_KERNELS_THREADS_H

#include "kernels/compute.h"

#ifdef HTH_THREADS

typedef struct hth_threads hth_threads;

/* Room for `count` threads, the calling one included. Nothing is started. `spin`: the process has a core
 * for each thread, so that a thread may spin for a while before it sleeps. */
hth_threads *hth_threads_place(hth_arena *arena, int count, bool spin);

/* task(arg, i, worker) for i = 0..count-1, as hth_parallel says. The first call starts the threads; so does the first
 * call in a child after fork. With fewer threads than wanted, or none, all tasks are done all the same. */
void hth_threads_run(hth_threads *threads, size_t count, double work, hth_task task, void *arg);

/* False for a while after sharing loops of this size has lost time. */
bool hth_threads_pay(const hth_threads *threads, double work);

/* Ends the threads that this process has started. */
void hth_threads_stop(hth_threads *threads);

#endif

#endif
