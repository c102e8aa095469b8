/*
 * The threads of a compute handle: every task once, the same bits for any number of threads, after fork,
 * beside other handles, and when the system refuses to start a thread. The file under test is part of
 * this one, so that pthread_create can be made to fail here; the linker then leaves the library's copy
 * alone.
 */
#include "kernels/internal.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef HTH_THREADS
#include <stdatomic.h>

static _Atomic int created, most_created = 1 << 20; /* the next thread is refused */

static int create_or_refuse(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*run)(void *), void *arg) {
    if (created >= most_created) return 11; /* as EAGAIN */
    created++;
    return pthread_create(thread, attributes, run, arg);
}

#define pthread_create(a, b, c, d) create_or_refuse(a, b, c, d)
#include "kernels/threads.c"
#undef pthread_create
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#endif
#ifndef THREAD_SANITIZER
#define THREAD_SANITIZER 0
#endif

enum { TASKS = 1000, LOOPS = 300, SIDE = 200, STEPS = 3, SECONDS = 60 };
static const double much = 1e9; /* work that is shared */
static const int thread_counts[] = {1, 2, 3, 8};

static hth_compute *compute_with(int threads) {
    hth_compute *compute = NULL;
    hth_error error;
    assert_int_equal(hth_compute_create(threads, NULL, &compute, &error), HTH_OK);
    return compute;
}

/* So that a busy machine tests threads too. */
static void share_again(hth_compute *compute) {
#ifdef HTH_THREADS
    if (compute->pool) memset(compute->pool->sizes, 0, sizeof compute->pool->sizes);
#else
    (void)compute;
#endif
}

/* ---- Every task once ------------------------------------------------------------------------ */

typedef struct tally {
    int times[TASKS + 1], threads;
    bool busy[16], clash[TASKS]; /* busy: a worker's number is in use, by one thread only */
} tally;

static void count_task(void *arg, size_t index, int worker) {
    tally *t = arg;
    t->clash[index] = worker < 0 || worker >= t->threads || t->busy[worker];
    if (t->clash[index]) return;
    t->busy[worker] = true;
    t->times[index]++;
    t->busy[worker] = false;
}

static void test_every_task_is_done_once(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 9, TASKS};
    for (size_t k = 0; k < HTH_COUNT(thread_counts); k++) {
        hth_compute *compute = compute_with(thread_counts[k]);
        for (size_t c = 0; c < HTH_COUNT(counts); c++) {
            tally t = {.threads = hth_compute_threads(compute)};
            for (int loop = 0; loop < LOOPS; loop++) {
                share_again(compute);
                hth_parallel(compute, counts[c], much, count_task, &t);
            }
            for (size_t i = 0; i <= TASKS; i++)
                assert_int_equal(t.times[i], i < counts[c] ? LOOPS : 0);
            for (size_t i = 0; i < TASKS; i++) assert_false(t.clash[i]);
        }
        hth_compute_destroy(compute);
    }
}

/* ---- The same bits -------------------------------------------------------------------------- */

typedef struct results {
    hth_real product[SIDE * SIDE];
    double squares;
} results;

static void compute_results(hth_compute *compute, uint32_t seed, results *out) {
    static const size_t count = (size_t)SIDE * SIDE;
    hth_real *x = malloc(2 * count * sizeof *x);
    for (size_t i = 0; i < 2 * count; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (hth_real)seed / HTH_C(4294967296.0) - HTH_C(0.5);
    }
    hth_product(compute, SIDE, SIDE, SIDE, hth_rows(x, SIDE), hth_rows(x + count, SIDE), false,
                out->product, SIDE);
    out->squares = hth_sum_of_squares(compute, 2 * count, x);
    free(x);
}

static bool is_same(const results *a, const results *b) {
    return memcmp(a->product, b->product, sizeof a->product) == 0 && a->squares == b->squares;
}

static results *results_with(hth_compute *compute) {
    results *r = malloc(sizeof *r);
    compute_results(compute, 1, r);
    return r;
}

/* What one thread computes, and that another input gives something else. */
static results *expected(void) {
    hth_compute *one = compute_with(1);
    results *r = results_with(one), other;
    compute_results(one, 2, &other);
    assert_false(is_same(r, &other));
    hth_compute_destroy(one);
    return r;
}

static bool gives(hth_compute *compute, const results *wanted) {
    share_again(compute);
    results *found = results_with(compute);
    const bool same = is_same(found, wanted);
    free(found);
    return same;
}

static void test_any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    results *wanted = expected();
    for (size_t k = 0; k < HTH_COUNT(thread_counts); k++) {
        hth_compute *compute = compute_with(thread_counts[k]);
        for (int i = 0; i < 10; i++) assert_true(gives(compute, wanted));
        hth_compute_destroy(compute);
    }
    free(wanted);
}

/* ---- Handles side by side ------------------------------------------------------------------- */

typedef struct user {
    const results *wanted;
    int threads;
    bool right;
} user;

static void *use_own_handle(void *arg) {
    user *u = arg;
    hth_compute *compute = NULL;
    if (hth_compute_create(u->threads, NULL, &compute, NULL) != HTH_OK) return NULL;
    u->right = true;
    for (int i = 0; i < 10; i++) u->right = u->right && gives(compute, u->wanted);
    hth_compute_destroy(compute);
    return NULL;
}

static void test_each_thread_may_have_its_own_handle(void **state) {
    (void)state;
    results *wanted = expected();
    user users[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        users[i] = (user){wanted, 1 + i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, use_own_handle, &users[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(users[i].right);
    }
    free(wanted);
}

/* ---- After fork ----------------------------------------------------------------------------- */

typedef struct model {
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} model;

static const hth_setting items[] = {
    {"cell.name", "rate", NULL},       {"cell.alpha", "0.9", NULL},
    {"network.units", "1100", NULL},   {"loss.name", "mse", NULL},
    {"learner.name", "tbptt", NULL},   {"learner.steps", "1", NULL},
    {"optimiser.name", "adam", NULL},  {"optimiser.lr", "0.001", NULL},
    {"optimiser.clip_norm", "5", NULL}};
static const hth_settings settings = {items, HTH_COUNT(items)};

static hth_status create(model *m, hth_compute *compute) {
    const hth_shape shape = {.inputs = 1, .outputs = 1, .target = HTH_TARGET_VALUES};
    HTH_TRY(hth_network_create(&settings, &shape, 1, NULL, &m->network, NULL));
    HTH_TRY(hth_tape_create(m->network, 1, 1, compute, NULL, &m->tape, NULL));
    HTH_TRY(hth_learner_create(&settings, m->network, 1, 1, 1, compute, NULL, &m->learner, NULL));
    HTH_TRY(hth_gradient_create(m->network, NULL, &m->gradient, NULL));
    return hth_optimiser_create(&settings, m->network, compute, NULL, &m->optimiser, NULL);
}

static hth_status learn_step(model *m, hth_report *report) {
    static const hth_real x = HTH_C(0.5), target = HTH_C(0.25);
    const hth_chunk chunk = {.steps = 1, .batch = 1, .x = &x, .targets = &target};
    hth_gradient_clear(m->gradient);
    HTH_TRY(hth_forward(m->tape, &chunk, report, NULL));
    HTH_TRY(hth_learn(m->learner, m->tape, m->gradient, NULL));
    return hth_optimiser_step(m->optimiser, m->network, m->gradient, 1, NULL);
}

/* Steps of a network that is large enough for its loops to be shared; the sum of their losses, or -1. */
static double learn(hth_compute *compute) {
    model m = {0};
    hth_report report = {0};
    hth_status status = create(&m, compute);
    if (status == HTH_OK) hth_tape_reset(m.tape);
    for (int i = 0; i < STEPS && status == HTH_OK; i++) status = learn_step(&m, &report);
    hth_optimiser_destroy(m.optimiser);
    hth_gradient_destroy(m.gradient);
    hth_learner_destroy(m.learner);
    hth_tape_destroy(m.tape);
    hth_network_destroy(m.network);
    return status == HTH_OK ? report.loss : -1;
}

static int threads_created(void) {
#ifdef HTH_THREADS
    return created;
#else
    return 0;
#endif
}

/* In the child: the inherited handle and one of its own, both used and destroyed. */
static void be_a_child(hth_compute *inherited, int threads, const results *wanted, double loss) {
    const int before = threads_created();
    hth_compute *own = NULL;
    bool right = hth_compute_create(threads, NULL, &own, NULL) == HTH_OK;
    for (int i = 0; i < 2 && right; i++) right = gives(inherited, wanted) && gives(own, wanted);
    right = right && learn(inherited) == loss && learn(own) == loss;
    right = right && threads_created() == before + 2 * (hth_compute_threads(own) - 1);
    hth_compute_destroy(inherited);
    hth_compute_destroy(own);
    _exit(right ? 0 : 1);
}

/* A child that hangs is ended by its alarm, which the wait then tells. */
static pid_t start_child(hth_compute *inherited, int threads, const results *wanted, double loss) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        be_a_child(inherited, threads, wanted, loss);
    }
    assert_true(child > 0);
    return child;
}

static void assert_ends_well(pid_t child) {
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void let_workers_sleep(void) {
    const struct timespec pause = {0, 20000000};
    nanosleep(&pause, NULL);
}

static void test_a_child_has_threads_of_its_own(void **state) {
    (void)state;
    if (THREAD_SANITIZER) skip(); /* it takes the parent's threads for the child's */
    results *wanted = expected();
    hth_compute *one = compute_with(1);
    const double loss = learn(one);
    assert_true(loss > 0);
    hth_compute_destroy(one);
    for (int threads = 2; threads <= 3; threads++) {
        hth_compute *compute = compute_with(threads);
        assert_true(gives(compute, wanted));
        assert_true(learn(compute) == loss);
        assert_ends_well(start_child(compute, threads, wanted, loss)); /* workers spin, or so */
        let_workers_sleep();
        const pid_t first = start_child(compute, threads, wanted, loss);
        assert_true(gives(compute, wanted)); /* meanwhile the parent goes on */
        const pid_t second = start_child(compute, threads, wanted, loss);
        hth_compute_destroy(compute);
        assert_ends_well(first);
        assert_ends_well(second);
    }
    free(wanted);
}

static void test_a_child_may_only_destroy(void **state) {
    (void)state;
    for (int used = 0; used <= 1; used++) {
        hth_compute *compute = compute_with(3);
        tally t = {.threads = hth_compute_threads(compute)};
        if (used) hth_parallel(compute, TASKS, much, count_task, &t);
        const pid_t child = fork();
        if (child == 0) {
            alarm(SECONDS);
            hth_compute_destroy(compute);
            _exit(0);
        }
        assert_true(child > 0);
        hth_compute_destroy(compute);
        assert_ends_well(child);
    }
}

/* ---- Starting threads ----------------------------------------------------------------------- */

#ifdef HTH_THREADS

static void do_nothing(void *arg, size_t index, int worker) {
    (void)arg;
    (void)index;
    (void)worker;
}

static void test_threads_start_with_the_first_shared_loop(void **state) {
    (void)state;
    const int before = created;
    hth_compute *compute = compute_with(3);
    hth_parallel(compute, TASKS, 1, do_nothing, NULL); /* small work */
    hth_parallel(compute, 1, much, do_nothing, NULL);
    assert_int_equal(created, before);
    for (int i = 0; i < 3; i++) hth_parallel(compute, TASKS, much, do_nothing, NULL);
    assert_int_equal(created, before + 2);
    hth_compute_destroy(compute);
}

static void test_fewer_threads_will_do(void **state) {
    (void)state;
    results *wanted = expected();
    for (int given = 0; given <= 2; given++) {
        hth_compute *compute = compute_with(4);
        const int before = created;
        most_created = before + given;
        for (int i = 0; i < 5; i++) assert_true(gives(compute, wanted));
        tally t = {.threads = given + 1}; /* no higher number is given to a task */
        hth_parallel(compute, TASKS, much, count_task, &t);
        for (size_t i = 0; i < TASKS; i++) assert_true(t.times[i] == 1 && !t.clash[i]);
        assert_int_equal(created, before + given);
        hth_compute_destroy(compute);
        most_created = 1 << 20;
    }
    free(wanted);
}

/* A handle stops sharing when it loses by it, and goes on later. */
static void test_sharing_that_loses_rests(void **state) {
    (void)state;
    hth_arena arena = {0};
    hth_threads_place(&arena, 2, true);
    arena.base = hth_allocate(NULL, arena.used);
    arena.used = 0;
    hth_threads *t = hth_threads_place(&arena, 2, true);
    t->count = 10, t->shares = 2;
    balance *b = &t->sizes[size_of(much)];
    const int64_t own = 100000, now = 1;
    int losses = 0;
    for (int i = 0; i < 1000; i++) judge(t, b, own, own, now); /* twice as fast as alone */
    assert_true(b->alone_until == 0);
    for (; b->alone_until == 0; losses++) judge(t, b, own, 2 * own, now); /* as fast as alone */
    assert_in_range(losses, 2, 10); /* one loss is forgiven, not all that was won is spent */
    judge(t, b, own, 2 * own, now);
    assert_true(b->alone_until == now + (int64_t)(ALONE * (2 - WORTH * 2) * (double)own));
    judge(t, b, own, INT64_MAX, now); /* a loss of centuries is not made good in centuries */
    assert_true(b->alone_until == now + (int64_t)(ALONE * MOST_AT_ONCE));
    b->alone_until = INT64_MAX;
    assert_false(hth_threads_pay(t, much));
    assert_true(hth_threads_pay(t, much / 2) && hth_threads_pay(t, much * 2));
    assert_true(size_of(0) == 0 && size_of(1e300) == SIZES - 1);
    hth_release(arena.base);
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_is_done_once),
        cmocka_unit_test(test_any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(test_each_thread_may_have_its_own_handle),
        cmocka_unit_test(test_a_child_has_threads_of_its_own),
        cmocka_unit_test(test_a_child_may_only_destroy),
#ifdef HTH_THREADS
        cmocka_unit_test(test_threads_start_with_the_first_shared_loop),
        cmocka_unit_test(test_fewer_threads_will_do),
        cmocka_unit_test(test_sharing_that_loses_rests),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
