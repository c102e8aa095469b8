/* What single parts of `keep` find, or do to an update, beside their formulas written out in double. */
#include "optim/keep.h"

/* ---- si ---- */

/* Four steps down a constant slope, each of a gradient that is clipped: what a parameter took off the loss is its slope
 * times its way. */
static void test_si_on_a_straight_path(void **state) {
    (void)state;
    const double lr = 0.05, xi = 0.02;
    keeper k;
    hth_error error;
    keeper_open(&k, "optimiser.name=sgd optimiser.lr=0.05 optimiser.clip_norm=0.7 keep.name=si "
                    "keep.xi=0.02 keep.strength=1");
    keeper_draw(&k, 1);
    hth_real *start = malloc(k.count * sizeof *start), *g = malloc(k.count * sizeof *g);
    memcpy(start, k.theta, k.count * sizeof *start);
    memcpy(g, hth_gradient_values(k.gradient), k.count * sizeof *g);
    double norm = 0;
    for (size_t i = 0; i < k.count; i++) norm += (double)g[i] * (double)g[i];
    for (int step = 0; step < 4; step++) {
        hth_real *now = hth_gradient_edit(k.gradient);
        for (size_t i = 0; i < k.count; i++) now[i] = g[i];
        must(hth_optimiser_step_scaled(k.optimiser, k.rig.network, k.gradient, 1, 1, &error),
             &error);
    }
    must(hth_optimiser_consolidate(k.optimiser, k.rig.network, &error), &error);
    const hth_real *omega = keeper_kept(&k, "keep.importance"),
                   *path = keeper_kept(&k, "keep.path");
    const hth_real *anchor = keeper_kept(&k, "keep.anchor");
    for (size_t i = 0; i < k.count; i++) {
        /* What was taken off the loss is slope times way; the slope is that before it was clipped. */
        const double way = 4 * lr * 0.7 / sqrt(norm) * (double)g[i];
        const double right = (double)g[i] * way / (way * way + xi);
        assert_true(fabs((double)omega[i] - right) < tolerance(1e-12, 1e-4));
        assert_true(path[i] == 0 && anchor[i] == k.theta[i]);
        assert_true(fabs((double)start[i] - way - (double)k.theta[i]) < tolerance(1e-14, 1e-5));
    }
    free(start), free(g);
    keeper_close(&k);
}

/* A parameter that added to the loss counts 0, or less than 0 where it is not cut. */
static void test_si_of_what_added_to_the_loss(void **state) {
    (void)state;
    for (int clip = 0; clip < 2; clip++) {
        keeper k;
        hth_error error;
        keeper_open(&k, clip ? "optimiser.name=momentum optimiser.lr=0.1 keep.name=si"
                             : "optimiser.name=momentum optimiser.lr=0.1 keep.name=si "
                               "keep.clip=false");
        /* What momentum still carries goes against a small gradient of the other sign. */
        for (int step = 0; step < 2; step++) {
            hth_real *now = hth_gradient_edit(k.gradient);
            for (size_t i = 0; i < k.count; i++) now[i] = HTH_C(0.01);
            now[3] = step ? -HTH_C(0.5) : 1;
            must(hth_optimiser_step(k.optimiser, k.rig.network, k.gradient, 1, &error), &error);
        }
        /* g 1: way -0.1, took off 0.1; v = 0.9 - 0.5: g -0.5, way -0.04, added 0.02. */
        const double path = (double)keeper_kept(&k, "keep.path")[3];
        assert_true(fabs(path - (0.1 - 0.02)) < tolerance(1e-14, 1e-6));
        keeper_kept(&k, "keep.path")[3] = -HTH_C(0.05);
        must(hth_optimiser_consolidate(k.optimiser, k.rig.network, &error), &error);
        const double omega = (double)keeper_kept(&k, "keep.importance")[3];
        const double right = clip ? 0 : -0.05 / (0.14 * 0.14 + 0.1);
        assert_true(fabs(omega - right) < tolerance(1e-13, 1e-5));
        keeper_close(&k);
    }
}

/* ---- moments ---- */

static void test_moments_are_adams(void **state) {
    (void)state;
    keeper k;
    hth_error error;
    keeper_open(&k, "optimiser.name=adam optimiser.lr=0.01 optimiser.beta2=0.9 keep.name=moments "
                    "keep.batch=8 keep.decay=0.5 keep.step=proximal");
    double *mean = calloc(k.count, sizeof *mean), *omega = calloc(k.count, sizeof *omega);
    for (unsigned task = 0, step = 0; task < 2; task++) {
        for (int i = 0; i < 5; i++) {
            keeper_step(&k, ++step);
            const hth_real *g = hth_gradient_values(k.gradient);
            for (size_t j = 0; j < k.count; j++)
                mean[j] = 0.9 * mean[j] + 0.1 * (double)g[j] * (double)g[j];
        }
        must(hth_optimiser_consolidate(k.optimiser, k.rig.network, &error), &error);
        for (size_t j = 0; j < k.count; j++)
            omega[j] = 0.5 * omega[j] + 8 * mean[j] / (1 - pow(0.9, step));
    }
    const hth_real *found = keeper_kept(&k, "keep.importance");
    double off = 0;
    for (size_t j = 0; j < k.count; j++) off = fmax(off, fabs((double)found[j] - omega[j]));
    assert_true(off < tolerance(1e-12, 1e-3));
    free(mean), free(omega);
    keeper_close(&k);
}

static void test_moments_need_adam(void **state) {
    (void)state;
    const law_case what = {"network.units=4", 2, 0, 2, 1, 1, false, false};
    const hth_setting items[] = {{"optimiser.name", "momentum", NULL},
                                 {"keep.name", "moments", NULL}};
    const hth_settings settings = {items, 2};
    law_rig rig;
    hth_optimiser *optimiser;
    hth_error error;
    law_setup(&rig, &what);
    assert_int_equal(
        hth_optimiser_create(&settings, rig.network, rig.compute, NULL, &optimiser, &error),
        HTH_INVALID);
    assert_non_null(strstr(error.message, "optimiser.name = momentum keeps none"));
    law_teardown(&rig);
}

/* ---- metaplastic ---- */

static void test_metaplastic_holds_what_is_large(void **state) {
    (void)state;
    keeper k, plain;
    double held = 0, free_of = 0;
    keeper_open(&k, "optimiser.name=sgd optimiser.lr=0.05 keep.name=metaplastic keep.mu=1.7");
    keeper_open(&plain, "optimiser.name=sgd optimiser.lr=0.05");
    hth_real *was = malloc(k.count * sizeof *was);
    memcpy(was, k.theta, k.count * sizeof *was);
    keeper_step(&k, 1);
    keeper_step(&plain, 1);
    for (size_t i = 0; i < k.count; i++) {
        const double theta = (double)was[i], d = (double)plain.theta[i] - theta;
        const double f = d * theta < 0 ? 1 - tanh(1.7 * theta) * tanh(1.7 * theta) : 1;
        assert_true(fabs((double)k.theta[i] - (theta + f * d)) < tolerance(1e-14, 1e-6));
        if (f < 1)
            held = fmax(held, 1 - f);
        else
            free_of += fabs(d);
    }
    assert_true(held > 0.1 && free_of > 0.1);
    free(was);
    keeper_close(&plain);
    keeper_close(&k);
}

/* ---- chain ---- */

enum { VARIABLES = 5 };

/* Every variable beside the formula of the file, all taken from before the update; and the sum of their content, which
 * changes by the step and by the leak alone. */
static void test_chain_flows_and_conserves(void **state) {
    (void)state;
    const double lr = 0.1, alpha = 0.4, beta = 30, x = pow(beta / alpha, 1.0 / 8);
    keeper k;
    keeper_open(&k, "optimiser.name=sgd optimiser.lr=0.1 keep.name=chain keep.variables=5 "
                    "keep.alpha=0.4 keep.beta=30");
    double *u[VARIABLES], content = 0, leaked = 0, stepped = 0, moved = 0;
    for (int v = 0; v < VARIABLES; v++) {
        u[v] = malloc(k.count * sizeof *u[v]);
        for (size_t i = 0; i < k.count; i++) {
            u[v][i] = (double)k.theta[i]; /* as it begins */
            content += pow(x, v) * u[v][i];
        }
    }
    for (unsigned step = 1; step <= 6; step++) {
        keeper_step(&k, step);
        const hth_real *g = hth_gradient_values(k.gradient);
        for (size_t i = 0; i < k.count; i++) {
            double old[VARIABLES + 1] = {0};
            for (int v = 0; v < VARIABLES; v++) old[v] = u[v][i];
            for (int v = 0; v < VARIABLES; v++) {
                const double flow_in = v ? pow(x, 1 - v) / alpha * (old[v - 1] - old[v]) : 0;
                const double flow_on = pow(x, -v) / alpha * (old[v + 1] - old[v]);
                u[v][i] += lr * (flow_in + flow_on) / pow(x, v) - (v ? 0 : lr * (double)g[i]);
            }
            stepped -= lr * (double)g[i];
            leaked += lr * pow(x, 1 - VARIABLES) / alpha * old[VARIABLES - 1];
        }
    }
    double now = 0, off = 0;
    for (int v = 0; v < VARIABLES; v++) {
        char name[16];
        snprintf(name, sizeof name, "keep.u%d", v + 1);
        const hth_real *ours = v ? keeper_kept(&k, name) : k.theta;
        for (size_t i = 0; i < k.count; i++) {
            off = fmax(off, fabs((double)ours[i] - u[v][i]));
            now += pow(x, v) * (double)ours[i];
            if (v == VARIABLES - 1) moved = fmax(moved, fabs(u[v][i] - u[0][i]));
        }
    }
    for (int v = 0; v < VARIABLES; v++) free(u[v]);
    assert_true(off < tolerance(1e-13, 1e-5));
    assert_true(moved > 0.1);
    assert_true(fabs(now - (content + stepped - leaked)) < tolerance(1e-10, 1e-2));
    assert_true(fabs(now - (content + stepped)) > 0.02); /* control: it does leak */
    keeper_close(&k);
}

/* ---- mas ---- */

static void test_mas_sums_magnitudes(void **state) {
    (void)state;
    keeper k;
    keeper_open(&k, "optimiser.name=sgd keep.name=mas");
    double *mean = calloc(k.count, sizeof *mean), off = 0;
    for (unsigned i = 0; i < 3; i++) {
        keeper_draw(&k, 1000 + i); /* as keeper_end draws them */
        for (size_t j = 0; j < k.count; j++)
            mean[j] += fabs((double)hth_gradient_values(k.gradient)[j]) / 3;
    }
    keeper_end(&k, 0);
    const hth_real *found = keeper_kept(&k, "keep.importance"), *sum = keeper_kept(&k, "keep.sum");
    for (size_t j = 0; j < k.count; j++) {
        off = fmax(off, fabs((double)found[j] - mean[j]));
        assert_true(sum[j] == 0);
    }
    assert_true(off < tolerance(1e-14, 1e-6));
    free(mean);
    keeper_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_si_on_a_straight_path),
        cmocka_unit_test(test_si_of_what_added_to_the_loss),
        cmocka_unit_test(test_moments_are_adams),
        cmocka_unit_test(test_moments_need_adam),
        cmocka_unit_test(test_metaplastic_holds_what_is_large),
        cmocka_unit_test(test_chain_flows_and_conserves),
        cmocka_unit_test(test_mas_sums_magnitudes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
