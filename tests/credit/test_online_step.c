/*
 * A step of an online learner asks the system for nothing and allocates nothing: a child that may only exit
 * (seccomp, strict) takes a million of them, with a malloc that counts. Linux with glibc alone; sanitizers make calls
 * of their own.
 */
#include "data/failing_malloc.h"
#include "laws.h"

#ifdef __linux__
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

enum { INPUTS = 4, OUTPUTS = 3, STEPS = 1000000, ALLOCATED = 3 };

#if FAILING_MALLOC && defined(__linux__)

long syscall(long number, ...);

typedef struct online {
    hth_compute *compute;
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} online;

static online make(const char *settings_text) {
    char text[400];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    online o;
    const hth_shape shape = {.inputs = INPUTS, .outputs = OUTPUTS};
    snprintf(text, sizeof text, "network.units=8 loss.name=mse optimiser.lr=1e-4 %s",
             settings_text);
    const hth_settings settings = law_split(text, items);
    must(hth_compute_create(2, NULL, &o.compute, &error), &error);
    must(hth_network_create(&settings, &shape, 1, NULL, &o.network, &error), &error);
    must(hth_tape_create(o.network, 1, 1, o.compute, NULL, &o.tape, &error), &error);
    must(hth_learner_create(&settings, o.network, 1, 1, 1, o.compute, NULL, &o.learner, &error),
         &error);
    must(hth_gradient_create(o.network, NULL, &o.gradient, &error), &error);
    must(hth_optimiser_create(&settings, o.network, o.compute, NULL, &o.optimiser, &error), &error);
    return o;
}

static void drop(online *o) {
    hth_optimiser_destroy(o->optimiser);
    hth_gradient_destroy(o->gradient);
    hth_learner_destroy(o->learner);
    hth_tape_destroy(o->tape);
    hth_network_destroy(o->network);
    hth_compute_destroy(o->compute);
}

static hth_status update(online *o, bool in_one, hth_error *error) {
    if (in_one)
        return hth_learn_and_step(o->learner, o->tape, o->gradient, o->optimiser, o->network, 1,
                                  error);
    hth_gradient_clear(o->gradient);
    HTH_TRY(hth_learn(o->learner, o->tape, o->gradient, error));
    return hth_optimiser_step(o->optimiser, o->network, o->gradient, 1, error);
}

/* Steps of a square wave and its shift; 0, or what the first call that failed returned. */
static int run(online *o, size_t steps) {
    hth_real x[INPUTS] = {0}, y[OUTPUTS] = {0};
    hth_report report = {0};
    hth_error error;
    const hth_chunk chunk = {.steps = 1, .batch = 1, .x = x, .targets = y};
    for (size_t t = 0; t < steps; t++) {
        for (size_t i = 0; i < INPUTS; i++) x[i] = t >> i & 1 ? 1 : -1;
        for (size_t i = 0; i < OUTPUTS; i++) y[i] = (t + 3) >> i & 1 ? HTH_C(0.5) : HTH_C(-0.5);
        int status = hth_forward(o->tape, &chunk, &report, &error);
        if (!status) status = update(o, t % 2, &error);
        if (status) return status;
    }
    return 0;
}

/* In a child that is killed by any call of the system but its exit; an allocation fails, and is seen. */
static int run_alone(online *o, size_t steps, bool calls) {
    const pid_t child = fork();
    int status;
    assert_true(child >= 0);
    if (child == 0) {
        failing_malloc_start(0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(99);
        int code = run(o, steps);
        if (calls) code += (int)getpid();
        if (failing_malloc_reached()) code = ALLOCATED;
        syscall(SYS_exit, code);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_no_call_and_no_allocation(void **state) {
    static const char *const all[] = {
        "cell.name=rate cell.alpha=0.5 learner.name=rflo",
        "cell.name=rate cell.alpha=0.5 learner.name=snap1 optimiser.name=adam",
        "cell.name=rate cell.alpha=0.5 learner.name=uoro",
        "cell.name=rate cell.alpha=0.5 learner.name=dni",
        "cell.name=lstm learner.name=rtrl optimiser.name=momentum",
        "cell.name=alif cell.v_th=0.6 init.w_in_scale=2 readout.kappa=0.9 learner.name=eprop1"};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        online o = make(all[i]);
        const int status = run_alone(&o, i == 0 ? STEPS : STEPS / 100, false);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s: exit %d, signal %d", all[i], WEXITSTATUS(status), WTERMSIG(status));
        drop(&o);
    }
}

/* A child that makes a call is killed. */
static void test_a_call_is_seen(void **state) {
    (void)state;
    online o = make("cell.name=rate learner.name=rflo");
    const int status = run_alone(&o, 10, true);
    assert_true(WIFSIGNALED(status));
    drop(&o);
}

#else

static void test_no_call_and_no_allocation(void **state) {
    (void)state;
    skip();
}

static void test_a_call_is_seen(void **state) {
    (void)state;
    skip();
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_call_and_no_allocation),
        cmocka_unit_test(test_a_call_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
