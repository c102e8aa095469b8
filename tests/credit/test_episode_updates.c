/* The updates of episodes are those of signal module; what a module that is silent, a trial that all tasks share and
 * populations make of them. */
#include "episode_case.h"
#include "kernels/internal.h"

static hth_real *copy(const hth_gradient *of, const hth_network *network) {
    const size_t size = hth_network_parameter_count(network) * sizeof(hth_real);
    return memcpy(malloc(size), hth_gradient_values(of), size);
}

static void test_a_silent_module_leaves_the_weights(void **state) {
    (void)state;
    outer r;
    set_up(&r, "episode.updates=2", BATCH, true);
    const hth_layer *layer = &r.main->layers[0];
    const size_t size = layer->rows * layer->m * sizeof(hth_real);
    run(&r);
    assert_memory_not_equal(hth_episodes_weights(r.episodes, 2, 1), layer->W, size);
    hth_real *psi = hth_network_parameters(r.module) + r.module->readout.weight;
    memset(psi, 0, (size_t)N * UNITS * sizeof *psi);
    run(&r);
    for (size_t k = 0; k <= 2; k++)
        assert_memory_equal(hth_episodes_weights(r.episodes, k, 1), layer->W, size);
    tear_down(&r);
}

/* The gradient of a learner on one training trial, with signals of its own where `signals` is not NULL. */
static hth_real *learned(const outer *r, const char *learner, size_t batch,
                         const hth_real *signals) {
    char text[256];
    hth_setting items[8];
    hth_error error;
    hth_tape *tape;
    hth_learner *made;
    hth_gradient *gradient;
    snprintf(text, sizeof text, "%s", learner);
    const hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, r->main, STEPS, batch, 1, r->compute, NULL, &made, &error),
         &error);
    must(hth_learner_tape(made, r->compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(r->main, NULL, &gradient, &error), &error);
    const hth_inputs in = {.steps = STEPS, .batch = batch, .x = r->x, .ends = true};
    const hth_verdict verdict = {.steps = STEPS, .errors = r->errors};
    must(hth_tape_write(tape, &in, &error), &error);
    must(hth_tape_judge(tape, &verdict, NULL, &error), &error);
    if (signals) must(hth_learner_signals(made, signals, STEPS, &error), &error);
    must(hth_learn(made, tape, gradient, &error), &error);
    hth_real *out = copy(gradient, r->main);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(made);
    hth_tape_destroy(tape);
    return out;
}

/* theta_1 is theta_0 - lr times the gradient of signal module with the signals that the module gave. */
static void test_an_update_is_signal_module(void **state) {
    (void)state;
    for (int truncated = 0; truncated < 2; truncated++) {
        const char *trace = truncated ? "learner.trace=instantaneous" : "learner.trace=full";
        char words[200];
        outer r;
        set_up(&r, trace, 1, true);
        run(&r);
        const hth_episode_view L = hth_episodes_signals(r.episodes, 0, 0);
        snprintf(words, sizeof words, "learner.name=eprop1 learner.signal=module %s", trace);
        hth_real *of = learned(&r, words, 1, L.data);
        snprintf(words, sizeof words, "learner.name=eprop1 learner.signal=module learner.trace=%s",
                 truncated ? "full" : "instantaneous");
        hth_real *other = learned(&r, words, 1, L.data);
        const hth_real *theta = hth_episodes_weights(r.episodes, 1, 0);
        double off = 0, control = 0, largest = 0;
        for (size_t i = 0; i < r.main->layers[0].rows * r.main->layers[0].m; i++) {
            const double moved = (double)(theta[i] - r.main->theta[i]);
            off = fmax(off, fabs(moved + 0.02 * (double)of[i]));
            control = fmax(control, fabs(moved + 0.02 * (double)other[i]));
            largest = fmax(largest, fabs(moved));
        }
        assert_true(largest > 0 && off < 1e-12 * largest && control > 0.01 * largest);
        free(of);
        free(other);
        tear_down(&r);
    }
}

/* A trial that all tasks share is run once: the same as once for each task. -0 is an input of another look alone. */
static void test_one_trial_is_as_many(void **state) {
    (void)state;
    hth_real *main[3], *module[3];
    for (int which = 0; which < 3; which++) {
        outer r;
        set_up(&r, "episode.rate=2", BATCH, false);
        for (size_t i = 0; i < (size_t)STEPS * BATCH; i++) r.x[i * INPUTS] = 0;
        if (which == 1) r.x[INPUTS] = (hth_real)-0.0;
        if (which == 2) r.x[INPUTS] = 1; /* control: another input */
        learn(&r);
        main[which] = copy(r.of_main, r.main);
        module[which] = copy(r.of_module, r.module);
        if (which > 0) {
            double off = 0, largest = 0;
            for (size_t i = 0; i < r.main->count; i++) {
                off = fmax(off, fabs((double)(main[which][i] - main[0][i])));
                largest = fmax(largest, fabs((double)main[0][i]));
            }
            for (size_t i = 0; i < r.module->count; i++)
                off = fmax(off, fabs((double)(module[which][i] - module[0][i])));
            assert_true(largest > 0);
            assert_true(which == 1 ? off < 1e-12 * largest : off > 1e-6 * largest);
        }
        tear_down(&r);
    }
    for (int which = 0; which < 3; which++) free(main[which]), free(module[which]);
}

/* A population is drawn by seed, stream and number of the batch. */
static void test_populations_are_drawn_by_number(void **state) {
    (void)state;
    static const uint64_t numbers[] = {0, 1, 0, 0};
    outer r;
    hth_error error;
    hth_real first[STEPS * BATCH * N];
    set_up(&r, "module.target=population module.neurons=10", BATCH, false);
    for (uint32_t i = 0; i < HTH_COUNT(numbers); i++) {
        const hth_tasks_of_batch tasks = {r.x, r.test_x, r.target, numbers[i], i == 3};
        must(hth_episodes_run(r.episodes, &tasks, r.outputs, &r.report, &error), &error);
        const hth_real *L = hth_episodes_signals(r.episodes, 0, 0).data;
        if (i == 0) memcpy(first, L, sizeof first);
        if (i == 2) assert_memory_equal(first, L, sizeof first);
        if (i == 1 || i == 3) assert_memory_not_equal(first, L, sizeof first);
    }
    tear_down(&r);
}

/* Without an update the module says the same of a test trial that is the training trial; after one, something else. */
static void test_the_module_in_a_test_trial(void **state) {
    (void)state;
    static const char *const settings[] = {"episode.inner_lr=0", "episode.inner_lr=0.02",
                                           "module.kind=linear episode.inner_lr=0"};
    for (size_t i = 0; i < HTH_COUNT(settings); i++) {
        const size_t size = STEPS * BATCH * N * sizeof(hth_real);
        outer r;
        hth_error error;
        hth_episode_view signals;
        set_up(&r, settings[i], BATCH, true);
        memcpy(r.test_x, r.x, (size_t)STEPS * BATCH * INPUTS * sizeof *r.x);
        run(&r);
        const hth_real *L = hth_episodes_signals(r.episodes, 0, 1).data;
        const hth_episode_view module = hth_episodes_module(r.episodes, 0, 1);
        hth_real spikes[STEPS];
        double count = 0;
        for (size_t t = 0; t < STEPS; t++) spikes[t] = module.data[t * module.stride];
        must(hth_episodes_test_module(r.episodes, r.target, 1, &signals, &error), &error);
        /* `signals` is of task 1 of all */
        const bool same = memcmp(signals.data, L, size - BATCH * N * sizeof *L) == 0;
        assert_true(same == (i != 1));
        for (size_t t = 0; t < STEPS; t++) {
            if (i != 1) assert_true(spikes[t] == module.data[t * module.stride]);
            count += fabs((double)spikes[t]);
        }
        assert_true(count > 0);
        /* It has written over the training trial. */
        assert_int_equal(hth_episodes_learn(r.episodes, r.errors, r.of_main, r.of_module, &error),
                         HTH_INVALID);
        tear_down(&r);
    }
}

/* Threads share the tasks and change no bit, where tasks share a trial and where each has its own. */
static void test_threads_change_no_bit(void **state) {
    (void)state;
    enum { TASKS = 5, COUNT = 2 };
    static const char settings[] = "episode.updates=2 episode.rate=2 episode.module_rate=1";
    for (int own = 0; own < 2; own++) {
        hth_real *main[COUNT], *module[COUNT];
        double loss[COUNT];
        for (int i = 0; i < COUNT; i++) {
            outer r;
            set_up_threads(&r, settings, TASKS, own, i ? 3 : 1);
            r.compute->always = true; /* every loop is shared, however small */
            loss[i] = learn(&r);
            main[i] = copy(r.of_main, r.main);
            module[i] = copy(r.of_module, r.module);
            if (i) assert_memory_equal(main[0], main[1], r.main->count * sizeof(hth_real));
            if (i) assert_memory_equal(module[0], module[1], r.module->count * sizeof(hth_real));
            tear_down(&r);
        }
        assert_true(loss[0] == loss[1] && loss[0] > 0);
        for (int i = 0; i < COUNT; i++) free(main[i]), free(module[i]);
    }
}

int main(void) {
    const struct CMUnitTest of_doubles[] = {
        cmocka_unit_test(test_a_silent_module_leaves_the_weights),
        cmocka_unit_test(test_an_update_is_signal_module),
        cmocka_unit_test(test_one_trial_is_as_many),
        cmocka_unit_test(test_populations_are_drawn_by_number),
        cmocka_unit_test(test_the_module_in_a_test_trial),
    };
    /* Bits are those of both precisions; and threads are looked at where the sanitizer of threads is. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_no_bit),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (sizeof(hth_real) != sizeof(double)) return failed;
    return failed + cmocka_run_group_tests(of_doubles, NULL, NULL);
}
