/*
 * e-prop 2: the outer gradient of episodes is that of an independent plain implementation with spikes, and that of
 * central differences where spikes are smooth; and what follows from the equations.
 */
#include "credit/episode/inspect.h"

#include "laws.h"
#include "plain_episode.h"

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

static const char *find(const outer *r, const char *key) {
    const hth_setting *found = hth_settings_find(&r->settings, key);
    return found ? found->value : NULL;
}
static double number(const outer *r, const char *key, double otherwise) {
    return find(r, key) ? strtod(find(r, key), NULL) : otherwise;
}

static hth_real *draw(size_t count, uint32_t stream, double scale) {
    const hth_random random = {11, HTH_RANDOM_CHECK, stream};
    hth_real *out = calloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)(scale * hth_random_normal(&random, i));
    return out;
}

static void disturb(hth_network *network, uint32_t stream, double scale) {
    const size_t count = hth_network_parameter_count(network);
    hth_real *theta = hth_network_parameters(network), *add = draw(count, stream, scale);
    for (size_t i = 0; i < count; i++) theta[i] += add[i];
    hth_layer_mask(&network->layers[0], theta + network->layers[0].weight);
    free(add);
}

static void split(outer *r, const char *more) {
    snprintf(r->text, sizeof r->text, "%s %s", common, more);
    r->settings = (hth_settings){r->items, 0};
    for (char *word = strtok(r->text, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        *equals = 0;
        r->items[r->settings.count++] = (hth_setting){word, equals + 1, NULL};
    }
}

/* own_input: every task has another input in the training trial. */
static void set_up(outer *r, const char *more, size_t batch, bool own_input) {
    hth_error error;
    const hth_shape shape = {INPUTS, 0, OUTPUTS, HTH_TARGET_VALUES, false};
    *r = (outer){.batch = batch};
    split(r, more);
    must(hth_compute_create(1, NULL, &r->compute, &error), &error);
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

static void tear_down(outer *r) {
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
static double run(outer *r) {
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

static double learn(outer *r) {
    hth_error error;
    const double loss = run(r);
    hth_gradient_clear(r->of_main);
    hth_gradient_clear(r->of_module);
    must(hth_episodes_learn(r->episodes, r->errors, r->of_main, r->of_module, &error), &error);
    return loss;
}

/* Spikes are neither rare nor the rule, in both networks. */
static void assert_alive(const outer *r) {
    const double f = r->report.spikes / r->report.steps;
    const double g = r->report.module_spikes / r->report.module_steps;
    if (!(f > 0.02 && f < 0.5)) fail_msg("the main network fires at %g a step", f);
    if (r->report.module_steps > 0 && !(g > 0.02 && g < 0.5)) fail_msg("the module: %g", g);
}

static plain_lif lif_of(double tau, double v_th, int refractory, bool smooth) {
    return (plain_lif){exp(-1 / tau), v_th, 0.3, refractory, smooth};
}

static plain_case plain_of(const outer *r) {
    const bool linear = find(r, "module.kind") && strcmp(find(r, "module.kind"), "linear") == 0;
    const bool smooth = find(r, "cell.spike") != NULL;
    return (plain_case){.n = N,
                        .inputs = INPUTS,
                        .outputs = OUTPUTS,
                        .units = linear ? N : UNITS,
                        .targets = TARGETS,
                        .steps = STEPS,
                        .batch = r->batch,
                        .updates = (size_t)number(r, "episode.updates", 1),
                        .main = lif_of(20, 0.4, (int)number(r, "cell.refractory", 3), smooth),
                        .module = lif_of(12, 0.4, (int)number(r, "module.refractory", 2), smooth),
                        .kappa = exp(-1 / 8.0),
                        .kappa_out = exp(-1 / 10.0),
                        .lr = number(r, "episode.inner_lr", 0),
                        .rate = number(r, "episode.rate", 0),
                        .rate_target = number(r, "episode.rate_target", 0.02),
                        .module_rate = number(r, "episode.module_rate", 0),
                        .module_rate_target = number(r, "episode.module_rate_target", 0.01),
                        .linear = linear,
                        .truncated = find(r, "learner.trace") != NULL,
                        .first_order = find(r, "episode.order") != NULL,
                        .x = r->x,
                        .test_x = r->test_x,
                        .target = r->target,
                        .wanted = r->wanted,
                        .theta = hth_network_parameters(r->main),
                        .psi = hth_network_parameters(r->module),
                        .theta_count = hth_network_parameter_count(r->main),
                        .psi_count = hth_network_parameter_count(r->module)};
}

/* Largest difference of the two gradients from `other`[main, then module], relative to the largest entry of each group
 * of columns: recurrent, input and readout weights of the two. */
static double compare(const outer *r, const hth_real *other, bool must_move) {
    double worst = 0;
    for (int which = 0; which < 2; which++) {
        const hth_network *net = which ? r->module : r->main;
        const hth_layer *layer = &net->layers[0];
        const hth_real *g = hth_gradient_values(which ? r->of_module : r->of_main);
        const hth_real *o = other + (which ? hth_network_parameter_count(r->main) : 0);
        double difference[3] = {0}, largest[3] = {0};
        for (size_t i = 0; i < net->count; i++) {
            const bool out = i >= layer->rows * layer->m;
            const int group = out ? 2 : i % layer->m < layer->n ? 0 : 1;
            difference[group] = fmax(difference[group], fabs((double)g[i] - (double)o[i]));
            largest[group] = fmax(largest[group], fabs((double)o[i]));
        }
        for (int k = 0; k < 3; k++) {
            const bool idle = largest[k] == 0 && difference[k] == 0;
            /* a linear module has input weights alone */
            const bool linear = which == 1 && r->report.module_steps == 0 && k != 1;
            if (linear) assert_true(difference[k] < 1e-9);
            if (linear) continue;
            if (idle && must_move) fail_msg("network %d, group %d: no gradient", which, k);
            if (!idle) worst = fmax(worst, largest[k] > 0 ? difference[k] / largest[k] : INFINITY);
        }
    }
    return worst;
}

static hth_real *plain_gradient(const outer *r, const plain_case *c) {
    const size_t count = c->theta_count + c->psi_count;
    hth_real *out = calloc(count, sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)plain_episode(c, i).d;
    hth_layer_mask(&r->main->layers[0], out);
    hth_layer_mask(&r->module->layers[0], out + c->theta_count);
    return out;
}

static const char *const variants[] = {
    "episode.rate=3 episode.module_rate=2",
    "learner.trace=instantaneous",
    "episode.updates=2 episode.rate=2 episode.module_rate=1",
    "episode.updates=3 learner.trace=instantaneous",
    "module.kind=linear episode.rate=2",
    "module.kind=linear episode.updates=2",
    "episode.order=first",
    "cell.refractory=0 module.refractory=0",
};

static void test_gradient_is_that_of_a_plain_implementation(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * HTH_COUNT(variants); i++) {
        outer r;
        set_up(&r, variants[i / 2], BATCH, i % 2 == 1);
        const double loss = learn(&r);
        const plain_case c = plain_of(&r);
        if (!c.linear || i == 0) assert_alive(&r);
        hth_real *plain = plain_gradient(&r, &c);
        const double off = compare(&r, plain, true);
        const double loss_off = fabs(plain_episode(&c, 0).v / loss - 1);
        if (!(off < 1e-10 && loss_off < 1e-12))
            fail_msg("%s, %s: gradient off by %.3g, loss by %.3g", variants[i / 2],
                     i % 2 ? "inputs of their own" : "one input", off, loss_off);
        free(plain);
        tear_down(&r);
    }
}

static void test_gradient_is_that_of_central_differences(void **state) {
    (void)state;
    static const char *const smooth[] = {
        "cell.spike=smooth cell.refractory=0 module.refractory=0 episode.rate=2 "
        "episode.module_rate=3",
        "cell.spike=smooth cell.refractory=0 module.refractory=0 learner.trace=instantaneous",
        "cell.spike=smooth cell.refractory=0 module.refractory=0 episode.updates=2",
        "cell.spike=smooth cell.refractory=0 module.kind=linear episode.inner_lr=0.1",
        "cell.spike=smooth cell.refractory=0 module.refractory=0 cell.pseudo_derivative=gaussian",
        "cell.spike=smooth cell.refractory=0 module.refractory=0 "
        "cell.pseudo_derivative=fast-sigmoid",
        "cell.spike=smooth cell.refractory=0 module.refractory=0 cell.pseudo_derivative=arctan",
        "cell.name=cubalif cell.spike=smooth cell.refractory=0 module.refractory=0 "
        "cell.pseudo_derivative=gaussian",
    };
    for (size_t i = 0; i < HTH_COUNT(smooth); i++) {
        outer r;
        set_up(&r, smooth[i], 2, i % 2);
        learn(&r);
        const size_t first = hth_network_parameter_count(r.main);
        const size_t count = first + hth_network_parameter_count(r.module);
        hth_real *other = calloc(count, sizeof *other);
        for (size_t k = 0; k < count; k++) {
            hth_network *net = k < first ? r.main : r.module;
            hth_real *at = hth_network_parameters(net) + (k < first ? k : k - first), keep = *at;
            const double h = 1e-5, at_steps[4] = {-2 * h, -h, h, 2 * h};
            double f[4];
            for (int q = 0; q < 4; q++) {
                hth_network_parameters(net);
                *at = keep + (hth_real)at_steps[q];
                f[q] = run(&r);
            }
            *at = keep;
            other[k] = (hth_real)((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h));
        }
        hth_layer_mask(&r.main->layers[0], other);
        hth_layer_mask(&r.module->layers[0], other + first);
        const double off = compare(&r, other, true);
        if (!(off < 1e-6)) fail_msg("%s: off by %.3g", smooth[i], off);
        free(other);
        tear_down(&r);
    }
}

/* ---- What follows from the equations ---- */

static hth_real *copy(const hth_gradient *of, const hth_network *network) {
    const size_t size = hth_network_parameter_count(network) * sizeof(hth_real);
    return memcpy(malloc(size), hth_gradient_values(of), size);
}

/* Without an update the outer gradient is backpropagation at theta_init, and the module has none. */
static void try_a_rate_of_0(const char *more) {
    outer r;
    hth_error error;
    hth_tape *tape;
    hth_learner *bptt;
    hth_gradient *plain;
    hth_setting name[] = {{"learner.name", "bptt", NULL}};
    const hth_settings settings = {name, 1};
    set_up(&r, more, BATCH, false);
    learn(&r);
    must(hth_learner_create(&settings, r.main, STEPS, BATCH, 1, r.compute, NULL, &bptt, &error),
         &error);
    must(hth_learner_tape(bptt, r.compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(r.main, NULL, &plain, &error), &error);
    const hth_inputs in = {.steps = STEPS, .batch = BATCH, .x = r.test_x, .ends = true};
    const hth_verdict verdict = {.steps = STEPS, .errors = r.errors};
    must(hth_tape_write(tape, &in, &error), &error);
    must(hth_tape_judge(tape, &verdict, NULL, &error), &error);
    must(hth_learn(bptt, tape, plain, &error), &error);
    const hth_real *g = hth_gradient_values(r.of_main), *p = hth_gradient_values(plain);
    for (size_t i = 0; i < r.main->block_count; i++)
        assert_true(law_difference(&r.main->blocks[i], g, p) < 1e-12 &&
                    law_largest(&r.main->blocks[i], p) > 0);
    for (size_t i = 0; i < r.module->count; i++)
        assert_true(hth_gradient_values(r.of_module)[i] == 0);
    hth_gradient_destroy(plain);
    hth_learner_destroy(bptt);
    hth_tape_destroy(tape);
    tear_down(&r);
}

static void test_a_rate_of_0_is_plain_backpropagation(void **state) {
    (void)state;
    try_a_rate_of_0("episode.inner_lr=0");
    try_a_rate_of_0("episode.inner_lr=0 network.connections=random network.density=0.5");
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

static void test_first_order_is_another_gradient(void **state) {
    (void)state;
    outer r;
    set_up(&r, "episode.order=first", BATCH, false);
    learn(&r);
    plain_case c = plain_of(&r);
    c.first_order = false;
    hth_real *whole = plain_gradient(&r, &c);
    /* the recurrent and the input weights, and nothing else */
    const hth_block *weights = &r.main->blocks[0];
    assert_true(law_difference(weights, hth_gradient_values(r.of_main), whole) > 1e-3);
    assert_true(law_difference(&r.main->blocks[1], hth_gradient_values(r.of_main), whole) < 1e-10);
    for (size_t i = 0; i < r.module->block_count; i++)
        assert_true(law_difference(&r.module->blocks[i], hth_gradient_values(r.of_module),
                                   whole + c.theta_count) < 1e-10);
    free(whole);
    tear_down(&r);
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

/* ---- What is refused ---- */

static void assert_refused(const char *more, const char *why) {
    outer r = {0};
    hth_error error;
    const hth_shape shape = {INPUTS, 0, OUTPUTS, HTH_TARGET_VALUES, false};
    split(&r, more);
    must(hth_compute_create(1, NULL, &r.compute, &error), &error);
    must(hth_network_create(&r.settings, &shape, 3, NULL, &r.main, &error), &error);
    must(hth_module_network(&r.settings, r.main, TARGETS, 5, NULL, &r.module, &error), &error);
    const hth_episode_plan plan = {&r.settings, r.main, r.module, TARGETS, STEPS, 1, 7, 0};
    assert_int_equal(hth_episodes_create(&plan, r.compute, NULL, &r.episodes, &error), HTH_INVALID);
    if (!strstr(error.message, why)) fail_msg("%s: '%s'", more, error.message);
    hth_network_destroy(r.module);
    hth_network_destroy(r.main);
    hth_compute_destroy(r.compute);
}

static void test_what_cannot_be_is_refused(void **state) {
    (void)state;
    assert_refused("network.excitatory=0.5", "keeps no signs");
    assert_refused("cell.name=alif", "da_t/dv_{t-1}");
    assert_refused("cell.name=lstm", "dc_t/dc_{t-1}");
    assert_refused("cell.name=gru", "cell gru");
    assert_refused("cell.name=rate", "dr_t/da_t");
    assert_refused("cell.reset=zero", "dv_t/dv_{t-1}");
    assert_refused("network.units=5,5", "one layer");
    assert_refused("cell.learn=tau_m", "cannot be differentiated through an update");
    assert_refused("network.delay=1..2", "network.delay = 1");
    assert_refused("network.initial=learned", "state of 0");
    assert_refused("regulariser.rate=1", "episode.rate");
    assert_refused("learner.recurrence=full", "learner.recurrence = none");
    assert_refused("learner.postsynaptic=one", "learner.postsynaptic");
    assert_refused("learner.signal=random", "learner.signal =");
    outer r;
    hth_error error;
    set_up(&r, "", BATCH, false);
    learn(&r);
    assert_int_equal(hth_episodes_learn(r.episodes, r.errors, r.of_main, r.of_module, &error),
                     HTH_INVALID);
    r.x[4] = NAN;
    const hth_tasks_of_batch tasks = {r.x, r.test_x, r.target, 0, 0};
    assert_int_equal(hth_episodes_run(r.episodes, &tasks, r.outputs, NULL, &error), HTH_NOT_FINITE);
    tear_down(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_is_that_of_a_plain_implementation),
        cmocka_unit_test(test_gradient_is_that_of_central_differences),
        cmocka_unit_test(test_a_rate_of_0_is_plain_backpropagation),
        cmocka_unit_test(test_a_silent_module_leaves_the_weights),
        cmocka_unit_test(test_an_update_is_signal_module),
        cmocka_unit_test(test_one_trial_is_as_many),
        cmocka_unit_test(test_first_order_is_another_gradient),
        cmocka_unit_test(test_populations_are_drawn_by_number),
        cmocka_unit_test(test_what_cannot_be_is_refused),
    };
    if (sizeof(hth_real) != sizeof(double)) return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
