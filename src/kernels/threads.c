/*
 * The threads of a compute handle: worker 0 is the calling thread, the others wait for it.
 *
 * A loop is cut into one share for each worker, always in the same way, so that a thread finds in its own
 * cache what it wrote in the last step. The caller offers each worker its share, does its own, and then
 * takes back every share that its worker has not begun. So a loop never waits for a thread to wake: if
 * the workers sleep, or other programs have their cores, the caller does the work itself. A task's
 * result depends on its index alone, so it does not matter which thread does it.
 *
 * A thread that waits spins for a short time and then sleeps on a condition variable.
 *
 * Other programs may keep the workers from their cores, and some loops are too small to be worth sharing.
 * So every loop is timed, and if sharing loses time, loops of that size stay on the calling thread for
 * a while (hth_threads_pay).
 *
 * A child after fork has a copy of the handle, but none of its threads. The handle remembers the process
 * that started them; another process starts its own.
 */
#define _POSIX_C_SOURCE 200809L
#include "kernels/threads.h"

#ifdef HTH_THREADS

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum { CACHE_LINE = 64, CHECKS = 32 /* while spinning, between two looks at the clock */ };

/* A thread that sleeps begins some 20 us late (see HTH_SMALL_WORK for the machine). With twice that, threads
 * stay awake from one loop of a step to the next: word20 of bench/bench takes 101 us, with 20 us here
 * 104, and 100 us gain nothing more. */
enum { SPIN_NANOSECONDS = 50000 };

/* See judge. A product that is cut for two threads takes a third longer on one of them than a product in
 * one piece (rnn100b32: 53 us and 41), so a loop has to gain a quarter. */
static const double WORTH = 0.75, MOST_LOST = 3e4, MOST_WON = 3e5, MOST_AT_ONCE = 1e9, ALONE = 16;

/* Sizes of loops that are judged together: work of 2^i to 2^(i+1), but all smaller ones at FIRST_SIZE,
 * and all larger ones at the last. */
enum { FIRST_SIZE = 20, SIZES = 16 };

/* Where a thread waits. turn is odd from an offer until it is taken; of two threads that try to take
 * it, one succeeds. */
typedef struct seat {
    alignas(CACHE_LINE) atomic_uint turn;
    atomic_bool asleep; /* a thread sleeps here, or is about to, and nobody has called it yet */
    pthread_mutex_t mutex;
    pthread_cond_t called;
    pthread_t thread;
    hth_threads *all;
} seat;

typedef struct balance {
    double lost;         /* by sharing, in nanoseconds */
    int64_t alone_until; /* the time before which no loop is shared */
} balance;

struct hth_threads {
    /* The loop: written by the caller before it offers the shares. */
    alignas(CACHE_LINE) size_t count, shares;
    hth_task task;
    void *arg;
    bool stopping;

    alignas(CACHE_LINE) atomic_size_t unfinished; /* shares */

    alignas(CACHE_LINE) bool spin;
    int wanted, running; /* threads, the calling one included */
    pid_t process;       /* that started the threads; 0: not started yet */
    seat *seats;         /* [wanted]; the caller waits at seats[0] until the workers are done */
    balance sizes[SIZES];
};

/* ---- Offering, taking, waiting -------------------------------------------------------------- */

static bool is_offered(const seat *s) {
    return atomic_load_explicit(&s->turn, memory_order_acquire) & 1;
}

static bool take(seat *s) {
    unsigned turn = atomic_load(&s->turn);
    return (turn & 1) && atomic_compare_exchange_strong(&s->turn, &turn, turn + 1);
}

/* The thread at the seat first says that it sleeps and then looks at the turn; here it is the other way
 * round. So one of the two sees the other, and no call is lost. */
static void offer(seat *s) {
    atomic_fetch_add(&s->turn, 1);
    if (!atomic_load(&s->asleep) || !atomic_exchange(&s->asleep, false)) return;
    pthread_mutex_lock(&s->mutex);
    pthread_mutex_unlock(&s->mutex);
    pthread_cond_signal(&s->called);
}

static void rest_a_moment(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Whether an offer comes before it is time to sleep. The core is left to others now and then: one of them
 * may be the thread that this one waits for. */
static bool comes_soon(const seat *s) {
    if (!s->all->spin) return is_offered(s);
    const int64_t end = nanoseconds(CLOCK_MONOTONIC) + SPIN_NANOSECONDS;
    do {
        for (int i = 0; i < CHECKS; i++) {
            if (is_offered(s)) return true;
            rest_a_moment();
        }
        sched_yield();
    } while (nanoseconds(CLOCK_MONOTONIC) < end);
    return is_offered(s);
}

static void await(seat *s) {
    if (comes_soon(s)) return;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        atomic_store(&s->asleep, true);
        if (atomic_load(&s->turn) & 1) break;
        pthread_cond_wait(&s->called, &s->mutex);
    }
    atomic_store(&s->asleep, false);
    pthread_mutex_unlock(&s->mutex);
}

/* ---- Shares --------------------------------------------------------------------------------- */

/* Splits the tasks evenly: the first count % shares shares have one task more. */
static void do_share(const hth_threads *t, size_t share) {
    const size_t least = t->count / t->shares, more = t->count % t->shares;
    const size_t first = share * least + (share < more ? share : more);
    const size_t end = first + least + (share < more);
    for (size_t i = first; i < end; i++) t->task(t->arg, i, (int)share);
}

/* True for the worker that finishes the loop's last share. */
static bool finish(hth_threads *t, size_t shares) {
    return atomic_fetch_sub(&t->unfinished, shares) == shares;
}

static void *be_a_worker(void *argument) {
    seat *own = argument;
    hth_threads *t = own->all;
    const size_t share = (size_t)(own - t->seats);
    for (;;) {
        await(own);
        if (!take(own)) continue; /* the caller has taken it back */
        if (t->stopping) return NULL;
        do_share(t, share);
        if (finish(t, 1)) offer(&t->seats[0]);
    }
}

/* ---- Starting and stopping ------------------------------------------------------------------ */

static bool prepare(seat *s) {
    atomic_init(&s->turn, 0);
    atomic_init(&s->asleep, false);
    if (pthread_mutex_init(&s->mutex, NULL) != 0) return false;
    if (pthread_cond_init(&s->called, NULL) == 0) return true;
    pthread_mutex_destroy(&s->mutex);
    return false;
}

static void dismantle(seat *s) {
    pthread_cond_destroy(&s->called);
    pthread_mutex_destroy(&s->mutex);
}

/* Signals are for the threads of the program: the workers block all but those of a fault of their own. */
static bool start_thread(seat *s) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < HTH_COUNT(faults); i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const bool started = pthread_create(&s->thread, NULL, be_a_worker, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* As many threads as the system gives. In a child after fork the seats are copies of ones that may have
 * been in use: they are made anew, and what they were is not asked. */
static void start(hth_threads *t, pid_t process) {
    t->process = process;
    t->stopping = false;
    t->running = 0;
    for (int i = 0; i < t->wanted; i++) {
        seat *s = &t->seats[i];
        s->all = t;
        if (!prepare(s)) return;
        if (i > 0 && !start_thread(s)) {
            dismantle(s);
            return;
        }
        t->running = i + 1;
    }
}

void hth_threads_stop(hth_threads *t) {
    if (t->process != getpid()) return;
    t->stopping = true;
    for (int i = 1; i < t->running; i++) {
        offer(&t->seats[i]);
        pthread_join(t->seats[i].thread, NULL);
    }
    for (int i = 0; i < t->running; i++) dismantle(&t->seats[i]);
    t->process = 0;
}

/* ---- Whether sharing pays -------------------------------------------------------------------- */

static int size_of(double work) {
    int exponent;
    frexp(work, &exponent);
    const int size = exponent - 1 - FIRST_SIZE;
    return size < 0 ? 0 : size < SIZES ? size : SIZES - 1;
}

bool hth_threads_pay(const hth_threads *t, double work) {
    const int64_t until = t->sizes[size_of(work)].alone_until;
    return until == 0 || nanoseconds(CLOCK_MONOTONIC) >= until;
}

/* The caller alone would have taken `own`, the processor's time of its own share, once for every share.
 * What a loop took above WORTH of that is lost, what it took below is won back. After MOST_LOST the caller
 * does loops of this size alone, ALONE times as long as was lost: so bad luck costs one part in ALONE. */
static void judge(const hth_threads *t, balance *b, int64_t own, int64_t took, int64_t now) {
    const size_t tasks = t->count / t->shares + (t->count % t->shares > 0);
    const double alone = (double)own * (double)t->count / (double)tasks;
    b->lost += (double)took - WORTH * alone;
    if (b->lost < -MOST_WON) b->lost = -MOST_WON;
    if (b->lost < MOST_LOST) return;
    b->alone_until = now + (int64_t)(ALONE * (b->lost < MOST_AT_ONCE ? b->lost : MOST_AT_ONCE));
    b->lost = 0;
}

/* ---- The loop ------------------------------------------------------------------------------- */

hth_threads *hth_threads_place(hth_arena *arena, int count, bool spin) {
    hth_threads *t = HTH_TAKE(arena, hth_threads, 1);
    seat *seats = HTH_TAKE(arena, seat, (size_t)count);
    if (t) {
        t->wanted = count;
        t->spin = spin;
        t->seats = seats;
    }
    return t;
}

/* Share 0, and those that no worker has begun by then; then waits for the workers. Returns the processor's
 * time of share 0. */
static int64_t do_shares(hth_threads *t) {
    size_t done = 1;
    atomic_store(&t->unfinished, t->shares);
    for (size_t i = 1; i < t->shares; i++) offer(&t->seats[i]);
    const int64_t begin = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    do_share(t, 0);
    const int64_t own = nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begin;
    for (size_t i = 1; i < t->shares; i++) {
        if (!take(&t->seats[i])) continue;
        do_share(t, i);
        done++;
    }
    if (finish(t, done)) return own;
    await(&t->seats[0]);
    take(&t->seats[0]);
    return own;
}

void hth_threads_run(hth_threads *t, size_t count, double work, hth_task task, void *arg) {
    const pid_t process = getpid();
    if (t->process != process) start(t, process);
    if (t->running < 2) {
        for (size_t i = 0; i < count; i++) task(arg, i, 0);
        return;
    }
    t->count = count;
    t->shares = count < (size_t)t->running ? count : (size_t)t->running;
    t->task = task;
    t->arg = arg;
    const int64_t begin = nanoseconds(CLOCK_MONOTONIC);
    const int64_t own = do_shares(t);
    const int64_t end = nanoseconds(CLOCK_MONOTONIC);
    judge(t, &t->sizes[size_of(work)], own, end - begin, end);
}

#endif
