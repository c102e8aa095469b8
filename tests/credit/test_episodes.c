/*
 * The outer gradient of episodes is that of an independent plain implementation with spikes, and that of central
 * differences where spikes are smooth; first order is another one; without an update it is backpropagation.
 */
#include "episode_case.h"
#include "plain_episode.h"

static const char *find(const outer *r, const char *key) {
    const hth_setting *found = hth_settings_find(&r->settings, key);
    return found ? found->value : NULL;
}

static double number(const outer *r, const char *key, double otherwise) {
    return find(r, key) ? strtod(find(r, key), NULL) : otherwise;
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
    "network.events=always episode.updates=2 episode.module_rate=2",
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_is_that_of_a_plain_implementation),
        cmocka_unit_test(test_gradient_is_that_of_central_differences),
        cmocka_unit_test(test_first_order_is_another_gradient),
        cmocka_unit_test(test_a_rate_of_0_is_plain_backpropagation),
    };
    if (sizeof(hth_real) != sizeof(double)) return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
