/* Episodes of a small network on random tasks, for the laws: set up from settings, run, learned from. */
#ifndef HTH_TEST_EPISODE_CASE_H
#define HTH_TEST_EPISODE_CASE_H

#include "credit/episode/inspect.h"

#include "laws.h"

enum { INPUTS = 3, OUTPUTS = 2, TARGETS = 2, N = 5, UNITS = 4, STEPS = 40, BATCH = 3 };

static const char common[] =
    "cell.name=lif network.units=5 cell.v_th=0.4 cell.refractory=3 readout.tau_out=10 "
    "readout.bias=false learner.name=eprop1 learner.signal=module module.units=4 "
    "module.refractory=2 module.tau_out=8 module.tau_m=12 episode.inner_lr=0.02";

typedef struct outer {
    char text[1024];
    hth_setting items[48];
    hth_settings settings;
    size_t batch;
    hth_compute *compute;
    hth_network *main, *module;
    hth_episodes *episodes;
    hth_gradient *of_main, *of_module;
    hth_real *x, *test_x, *target, *wanted, *outputs, *errors;
    hth_episode_report report;
} outer;

static inline hth_real *draw(size_t count, uint32_t stream, double scale) {
    const hth_random random = {11, HTH_RANDOM_CHECK, stream};
    hth_real *out = calloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)(scale * hth_random_normal(&random, i));
    return out;
}

static inline void disturb(hth_network *network, uint32_t stream, double scale) {
    const size_t count = hth_network_parameter_count(network);
    hth_real *theta = hth_network_parameters(network), *add = draw(count, stream, scale);
    for (size_t i = 0; i < count; i++) theta[i] += add[i];
    hth_layer_mask(&network->layers[0], theta + network->layers[0].weight);
    free(add);
}

static inline void split(outer *r, const char *more) {
    snprintf(r->text, sizeof r->text, "%s %s", common, more);
    r->settings = (hth_settings){r->items, 0};
    for (char *word = strtok(r->text, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = 0;
        r->items[r->settings.count++] = (hth_setting){word, equals + 1, NULL};
    }
}

/* own_input: every task has another input in the training trial. */
static inline void set_up_threads(outer *r, const char *more, size_t batch, bool own_input,
                                  int threads) {
    hth_error error;
    const hth_shape shape = {INPUTS, 0, OUTPUTS, HTH_TARGET_VALUES, false};
    *r = (outer){.batch = batch};
    split(r, more);
    must(hth_compute_create(threads, NULL, &r->compute, &error), &error);
    must(hth_network_create(&r->settings, &shape, 3, NULL, &r->main, &error), &error);
    disturb(r->main, 1, 0.3);
    must(hth_module_network(&r->settings, r->main, TARGETS, 5, NULL, &r->module, &error), &error);
    disturb(r->module, 2, 0.3);
    const hth_episode_plan plan = {&r->settings, r->main, r->module, TARGETS, STEPS, batch, 7, 0};
    must(hth_episodes_create(&plan, r->compute, NULL, &r->episodes, &error), &error);
    must(hth_gradient_create(r->main, NULL, &r->of_main, &error), &error);
    must(hth_gradient_create(r->module, NULL, &r->of_module, &error), &error);
    const size_t items = STEPS * batch;
    r->x = draw(items * INPUTS, 3, 0.6);
    r->test_x = draw(items * INPUTS, 4, 0.6);
    r->target = draw(items * TARGETS, 5, 0.7);
    r->wanted = draw(items * OUTPUTS, 6, 1);
    r->outputs = calloc(items * OUTPUTS, sizeof(hth_real));
    r->errors = calloc(items * OUTPUTS, sizeof(hth_real));
    for (size_t t = 0; t < STEPS && !own_input; t++)
        for (size_t b = 1; b < batch; b++)
            memcpy(r->x + (t * batch + b) * INPUTS, r->x + t * batch * INPUTS,
                   INPUTS * sizeof(hth_real));
}

static inline void set_up(outer *r, const char *more, size_t batch, bool own_input) {
    set_up_threads(r, more, batch, own_input, 1);
}

static inline void tear_down(outer *r) {
    free(r->x), free(r->test_x), free(r->target), free(r->wanted), free(r->outputs);
    free(r->errors);
    hth_gradient_destroy(r->of_main);
    hth_gradient_destroy(r->of_module);
    hth_episodes_destroy(r->episodes);
    hth_network_destroy(r->module);
    hth_network_destroy(r->main);
    hth_compute_destroy(r->compute);
}

/* The outer loss, with dC/dy left in r->errors. */
static inline double run(outer *r) {
    hth_error error;
    const hth_tasks_of_batch tasks = {r->x, r->test_x, r->target, 0, 0};
    const size_t count = STEPS * r->batch * OUTPUTS;
    double loss = 0;
    must(hth_episodes_run(r->episodes, &tasks, r->outputs, &r->report, &error), &error);
    for (size_t i = 0; i < count; i++) {
        const double off = (double)r->outputs[i] - (double)r->wanted[i];
        loss += 0.5 * off * off / (double)count;
        r->errors[i] = (hth_real)(off / (double)count);
    }
    return loss + r->report.regulariser;
}

static inline double learn(outer *r) {
    hth_error error;
    const double loss = run(r);
    hth_gradient_clear(r->of_main);
    hth_gradient_clear(r->of_module);
    must(hth_episodes_learn(r->episodes, r->errors, r->of_main, r->of_module, &error), &error);
    return loss;
}

/* Spikes are neither rare nor the rule, in both networks. */
static inline void assert_alive(const outer *r) {
    const double f = r->report.spikes / r->report.steps;
    const double g = r->report.module_spikes / r->report.module_steps;
    if (!(f > 0.02 && f < 0.5)) fail_msg("the main network fires at %g a step", f);
    if (r->report.module_steps > 0 && !(g > 0.02 && g < 0.5)) fail_msg("the module: %g", g);
}

#endif
