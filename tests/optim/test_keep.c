/* Laws that hold for every part of `keep`: without strength it is the method, bit for bit; the penalty is that of
 * keep.h, beside a task's gradient that is clipped by itself; both its steps; what has no learning rate has no penalty;
 * and the state says all. */
#include "optim/keep.h"

#include "optim/catalogues.h"
#include "optim/inspect.h"

static const char *const methods[] = {
    "optimiser.name=sgd optimiser.lr=0.1 optimiser.clip_norm=0.5",
    "optimiser.name=momentum optimiser.lr=0.1 optimiser.weight_decay=0.01",
    "optimiser.name=adam optimiser.lr=0.05 optimiser.clip_element=0.5",
};

/* Every part, with settings under which it changes what is learned. */
static const char *const parts[] = {
    "keep.name=anchor keep.strength=2",
    "keep.name=anchor keep.strength=2 keep.step=proximal",
    "keep.name=anchor keep.strength=2 keep.every=3",
    "keep.name=ewc keep.strength=2 keep.decay=0.8",
    "keep.name=ewc keep.strength=2 keep.anchor=mean keep.step=proximal",
    "keep.name=ewc keep.strength=2 keep.importance=updates keep.every=3",
    "keep.name=si keep.strength=2 keep.xi=0.01",
    "keep.name=si keep.strength=2 keep.xi=0.01 keep.clip=false keep.every=3",
    "keep.name=moments keep.strength=0.5 keep.batch=4",
    "keep.name=moments keep.strength=2 keep.step=proximal keep.anchor=mean keep.every=2",
    "keep.name=metaplastic keep.mu=3",
    "keep.name=chain keep.alpha=0.5 keep.beta=50 keep.variables=4",
    "keep.name=mas keep.strength=2",
};

static void join(char out[600], const char *a, const char *b, const char *c) {
    snprintf(out, 600, "%s %s %s", a, b, c);
}

/* Parts that need Adam's moments have no meaning with other methods. */
static bool fits(const char *method, const char *part) {
    return !strstr(part, "moments") || strstr(method, "adam");
}

static void test_no_strength_is_the_method(void **state) {
    (void)state;
    for (size_t m = 0; m < HTH_COUNT(methods); m++)
        for (size_t p = 0; p < HTH_COUNT(parts); p++) {
            char with[600], off[600];
            if (!fits(methods[m], parts[p])) continue;
            join(with, methods[m], parts[p], "");
            join(off, methods[m], parts[p],
                 strstr(parts[p], "strength") ? "keep.strength=0"
                 : strstr(parts[p], "mu")     ? "keep.mu=0"
                                              : "keep.variables=1 keep.beta=1e300");
            size_t count;
            hth_real *none = keeper_run(methods[m], &count), *zero = keeper_run(off, &count),
                     *some = keeper_run(with, &count);
            if (memcmp(none, zero, count * sizeof *none) != 0) fail_msg("%s: other bits", off);
            if (!(keeper_distance(count, none, some) > 1e-4)) fail_msg("%s: does nothing", with);
            free(none), free(zero), free(some);
        }
}

/* Until a task ends there is nothing to be pulled to. */
static void test_the_first_task_is_the_method(void **state) {
    (void)state;
    for (size_t m = 0; m < HTH_COUNT(methods); m++)
        for (size_t p = 0; p < HTH_COUNT(parts); p++) {
            char with[600];
            keeper none, keeps;
            if (!strstr(parts[p], "strength") || strstr(parts[p], "every")) continue;
            if (!fits(methods[m], parts[p])) continue;
            join(with, methods[m], parts[p], "");
            keeper_open(&none, methods[m]);
            keeper_open(&keeps, with);
            keeper_steps(&none, 0, 4);
            keeper_steps(&keeps, 0, 4);
            assert_memory_equal(none.theta, keeps.theta, none.count * sizeof *none.theta);
            keeper_end(&keeps, 0);
            keeper_steps(&none, 4, 6); /* the second update is the first that begins elsewhere */
            keeper_steps(&keeps, 4, 6);
            assert_memory_not_equal(none.theta, keeps.theta, none.count * sizeof *none.theta);
            keeper_close(&keeps);
            keeper_close(&none);
        }
}

/* theta after two updates, the first task ending before the second; what the second does, written out. */
static void test_the_task_is_clipped_and_not_the_sum(void **state) {
    (void)state;
    const double lr = 0.1, c = 5, most = 0.5;
    keeper k;
    keeper_open(&k, "optimiser.name=sgd optimiser.lr=0.1 optimiser.clip_norm=0.5 keep.name=anchor "
                    "keep.strength=5");
    keeper_end(&k, 0);
    hth_real *a = malloc(k.count * sizeof *a), *before = malloc(k.count * sizeof *a);
    memcpy(a, k.theta, k.count * sizeof *a);
    keeper_steps(&k, 0, 3);
    memcpy(before, k.theta, k.count * sizeof *a);
    keeper_step(&k, 3);
    /* The norm of the task's gradient, and of the sum. */
    const hth_real *g = hth_gradient_values(k.gradient);
    double task = 0, sum = 0, wrong = 0, error = 0;
    for (size_t i = 0; i < k.count; i++) {
        const double pull = c * ((double)before[i] - (double)a[i]);
        task += (double)g[i] * (double)g[i];
        sum += ((double)g[i] + pull) * ((double)g[i] + pull);
    }
    assert_true(sqrt(task) > 2 * most);
    for (size_t i = 0; i < k.count; i++) {
        const double pull = c * ((double)before[i] - (double)a[i]);
        const double right = (double)before[i] - lr * ((double)g[i] * most / sqrt(task) + pull);
        const double other = (double)before[i] - lr * ((double)g[i] + pull) * most / sqrt(sum);
        error = fmax(error, fabs((double)k.theta[i] - right));
        wrong = fmax(wrong, fabs((double)k.theta[i] - other));
    }
    assert_true(error < tolerance(1e-14, 1e-6));
    assert_true(wrong > 1e-3); /* control */
    free(a), free(before);
    keeper_close(&k);
}

/* A penalty's step alone, from theta' with rate eta: with no gradient, the method stays at theta'. */
static void pull_once(const char *settings, double eta, hth_real **from, hth_real **to,
                      hth_real **anchor, size_t *count) {
    char all[600];
    keeper k;
    hth_error error;
    snprintf(all, sizeof all, "optimiser.name=sgd optimiser.lr=%.17g keep.name=anchor %s", eta,
             settings);
    keeper_open(&k, all);
    *count = k.count;
    *from = malloc(k.count * sizeof **from);
    *to = malloc(k.count * sizeof **to);
    *anchor = malloc(k.count * sizeof **to);
    keeper_end(&k, 0);
    memcpy(*anchor, k.theta, k.count * sizeof **to);
    keeper_draw(&k, 1);
    for (size_t i = 0; i < k.count; i++)
        k.theta[i] += HTH_C(0.1) * hth_gradient_values(k.gradient)[i];
    memcpy(*from, k.theta, k.count * sizeof **to);
    hth_gradient_clear(k.gradient);
    must(hth_optimiser_step(k.optimiser, k.rig.network, k.gradient, 1, &error), &error);
    memcpy(*to, k.theta, k.count * sizeof **to);
    keeper_close(&k);
}

/* d/dtheta of P(theta) + |theta - theta'|^2 / (2 eta) is 0 where the proximal step ends, however stiff; and not where
 * the step by the gradient ends. */
static void test_proximal_is_the_minimiser(void **state) {
    (void)state;
    static const double strengths[] = {0.3, 40, 1e6};
    for (size_t s = 0; s < HTH_COUNT(strengths); s++)
        for (int proximal = 0; proximal < 2; proximal++) {
            const double eta = 0.05, c = strengths[s];
            char settings[100];
            hth_real *from, *to, *a;
            size_t count;
            double slope = 0;
            snprintf(settings, sizeof settings, "keep.strength=%.17g keep.step=%s", c,
                     proximal ? "proximal" : "gradient");
            pull_once(settings, eta, &from, &to, &a, &count);
            for (size_t i = 0; i < count; i++) {
                const double at = (double)to[i];
                slope = fmax(slope, fabs(eta * c * (at - (double)a[i]) + at - (double)from[i]) /
                                        (1 + eta * c));
            }
            if (proximal)
                assert_true(slope < tolerance(1e-14, 1e-6));
            else
                assert_true(slope > 1e-5);
            free(from), free(to), free(a);
        }
}

/* The two steps differ by order eta^2. */
static void test_both_steps_agree_to_first_order(void **state) {
    (void)state;
    double apart[2], moved[2];
    for (int fine = 0; fine < 2; fine++) {
        const double eta = fine ? 1e-4 : 1e-3;
        hth_real *from, *a, *by_gradient, *by_minimum;
        size_t count;
        pull_once("keep.strength=3 keep.step=gradient", eta, &from, &by_gradient, &a, &count);
        free(from), free(a);
        pull_once("keep.strength=3 keep.step=proximal", eta, &from, &by_minimum, &a, &count);
        apart[fine] = keeper_distance(count, by_gradient, by_minimum);
        moved[fine] = keeper_distance(count, from, by_minimum);
        free(from), free(a), free(by_gradient), free(by_minimum);
    }
    if (sizeof(hth_real) < sizeof(double)) return; /* eta^2 is below the rounding of theta */
    assert_true(fabs(apart[0] / apart[1] - 100) < 1);
    assert_true(fabs(moved[0] / moved[1] - 10) < 0.1); /* control: each alone is of order eta */
}

/* Weights that do not exist stay 0, and what has no learning rate stays where it is, wherever its anchor lies. */
static void test_what_does_not_learn_has_no_penalty(void **state) {
    (void)state;
    for (int proximal = 0; proximal < 2; proximal++) {
        char settings[600];
        keeper k;
        join(settings,
             "network.connections=random network.density=0.5 optimiser.name=adam optimiser.lr=0.01 "
             "optimiser.lr_readout=0 keep.name=anchor keep.strength=3",
             proximal ? "keep.step=proximal" : "", "");
        keeper_open(&k, settings);
        hth_real *mask = malloc(k.count * sizeof *mask), *held = malloc(k.count * sizeof *held);
        hth_parameter_mask(k.rig.network, mask);
        keeper_steps(&k, 0, 3);
        keeper_end(&k, 0);
        for (size_t i = k.rig.network->recurrent_count; i < k.count; i++) k.theta[i] += 1;
        memcpy(held, k.theta, k.count * sizeof *held);
        keeper_steps(&k, 3, 6);
        size_t absent = 0, moved = 0;
        for (size_t i = 0; i < k.count; i++) {
            if (i >= k.rig.network->recurrent_count) assert_true(k.theta[i] == held[i]);
            absent += mask[i] == 0;
            if (mask[i] == 0) assert_true(k.theta[i] == 0);
            moved += k.theta[i] != held[i];
        }
        assert_true(absent > 10 && moved > 100);
        free(mask), free(held);
        keeper_close(&k);
    }
}

/* Rows of an embedding that no token touches are pulled too, where a method without moments leaves them alone. */
static void test_rows_without_a_token_are_pulled(void **state) {
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        const law_case what = {keeps ? "network.embedding=3 optimiser.name=sgd optimiser.lr=0.1 "
                                       "keep.name=anchor keep.strength=2"
                                     : "network.embedding=3 optimiser.name=sgd optimiser.lr=0.1",
                               0,
                               9,
                               2,
                               1,
                               1,
                               false,
                               false};
        law_rig rig;
        hth_gradient *gradient;
        hth_optimiser *optimiser;
        hth_error error;
        law_setup(&rig, &what);
        must(hth_gradient_create(rig.network, NULL, &gradient, &error), &error);
        must(
            hth_optimiser_create(&rig.settings, rig.network, rig.compute, NULL, &optimiser, &error),
            &error);
        must(hth_optimiser_consolidate(optimiser, rig.network, &error), &error);
        hth_real *row = hth_network_parameters(rig.network) + rig.network->embedding_weight + 3;
        const hth_real was = *row;
        *row += 1;
        must(hth_optimiser_step(optimiser, rig.network, gradient, 1, &error), &error);
        assert_true(fabs((double)(*row - was) - (keeps ? 0.8 : 1)) < tolerance(1e-14, 1e-6));
        hth_optimiser_destroy(optimiser);
        hth_gradient_destroy(gradient);
        law_teardown(&rig);
    }
}

/* A scale near 0, as of a reward that came out as expected, scales the task's gradient and not the penalty. */
static void test_a_scale_near_zero(void **state) {
    (void)state;
    static const double scales[] = {0, 1e-30, 1e-7, -0.5};
    for (size_t s = 0; s < HTH_COUNT(scales); s++) {
        keeper k;
        hth_error error;
        keeper_open(&k, "optimiser.name=sgd optimiser.lr=0.1 keep.name=anchor keep.strength=2 "
                        "optimiser.clip_element=0.4");
        keeper_end(&k, 0);
        hth_real *a = malloc(k.count * sizeof *a);
        memcpy(a, k.theta, k.count * sizeof *a);
        for (size_t i = 0; i < k.count; i++) k.theta[i] += HTH_C(0.25);
        keeper_draw(&k, 1);
        must(
            hth_optimiser_step_scaled(k.optimiser, k.rig.network, k.gradient, scales[s], 1, &error),
            &error);
        for (size_t i = 0; i < k.count; i++) {
            const double task =
                fmax(-0.4, fmin(0.4, scales[s] * (double)hth_gradient_values(k.gradient)[i]));
            const double right = (double)a[i] + 0.25 - 0.1 * (task + 2 * 0.25);
            assert_true(fabs((double)k.theta[i] - right) < tolerance(1e-14, 1e-6));
        }
        free(a);
        keeper_close(&k);
    }
}

/* The fields of the state are all that a run needs to go on with the same bits; without those of `keep` it does not. */
static void resume(const char *settings, bool all) {
    keeper whole, other;
    hth_field from[32], to[32];
    keeper_open(&whole, settings);
    keeper_open(&other, settings);
    /* Into a second task, with something noted; then the other takes over. */
    keeper_steps(&whole, 0, 4);
    keeper_end(&whole, 0);
    keeper_steps(&whole, 4, 7);
    memcpy(other.theta, whole.theta, whole.count * sizeof *whole.theta);
    const size_t count = hth_optimiser_state(whole.optimiser, from, 32);
    assert_int_equal(hth_optimiser_state(other.optimiser, to, 32), count);
    for (size_t i = 0; i < count; i++)
        if (all || strncmp(from[i].name, "keep.", 5) != 0)
            memcpy(to[i].data, from[i].data, hth_field_bytes(&from[i]));
    for (int run = 0; run < 2; run++) {
        keeper *k = run ? &other : &whole;
        keeper_steps(k, 7, 10);
        keeper_end(k, 1);
        keeper_steps(k, 10, 12);
    }
    const bool same = memcmp(whole.theta, other.theta, whole.count * sizeof *whole.theta) == 0;
    const bool is_free = strstr(settings, "metaplastic") != NULL; /* keeps nothing */
    if (same != (all || is_free)) fail_msg("%s: %s", settings, same ? "same" : "other bits");
    keeper_close(&other);
    keeper_close(&whole);
}

static void test_the_state_says_all(void **state) {
    (void)state;
    for (size_t p = 0; p < HTH_COUNT(parts); p++) {
        char settings[600];
        join(settings, methods[2], parts[p], "");
        resume(settings, true);
        resume(settings, false);
    }
}

/* More parameters than one thread updates at a time. */
static void test_threads_do_not_matter(void **state) {
    (void)state;
    for (size_t p = 0; p < HTH_COUNT(parts); p++) {
        char settings[600];
        keeper one, many;
        hth_compute *three;
        hth_error error;
        join(settings, methods[2], parts[p], "network.units=160");
        keeper_open(&one, settings);
        keeper_open(&many, settings);
        must(hth_compute_create(3, NULL, &three, &error), &error);
        many.optimiser->compute = three;
        for (int run = 0; run < 2; run++) {
            keeper *k = run ? &many : &one;
            keeper_steps(k, 0, 2);
            keeper_end(k, 0);
            keeper_steps(k, 2, 5);
        }
        assert_memory_equal(one.theta, many.theta, one.count * sizeof *one.theta);
        keeper_close(&many);
        keeper_close(&one);
        hth_compute_destroy(three);
    }
}

/* The table of costs says what the state has. */
static void test_costs(void **state) {
    (void)state;
    for (size_t i = 0; i < hth_keeps.count; i++) {
        const char *name = hth_keeps.at(i)->name;
        const bool projects = strcmp(name, "project") == 0;
        const bool has_variables = strcmp(name, "chain") == 0;
        char settings[200];
        keeper k;
        hth_keep_cost cost;
        hth_error error;
        hth_field fields[32];
        size_t numbers = 0;
        snprintf(settings, sizeof settings, "keep.name=%s %s", name,
                 has_variables ? "keep.variables=9"
                 : projects    ? "optimiser.name=sgd keep.sides=both"
                               : "");
        keeper_open(&k, settings);
        must(hth_keep_cost_of(&k.rig.settings, i, k.rig.network, &cost, &error), &error);
        const size_t count = hth_optimiser_state(k.optimiser, fields, 32);
        for (size_t f = 0; f < count; f++)
            if (strncmp(fields[f].name, "keep.", 5) == 0 && fields[f].dtype == HTH_DTYPE_REAL)
                numbers += fields[f].count;
        assert_string_equal(cost.name, name);
        if (projects) numbers += k.count; /* scratch, no state */
        assert_int_equal(numbers, (size_t)cost.numbers);
        if (has_variables) assert_int_equal(cost.each, 8);
        keeper_close(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_strength_is_the_method),
        cmocka_unit_test(test_the_first_task_is_the_method),
        cmocka_unit_test(test_the_task_is_clipped_and_not_the_sum),
        cmocka_unit_test(test_proximal_is_the_minimiser),
        cmocka_unit_test(test_both_steps_agree_to_first_order),
        cmocka_unit_test(test_what_does_not_learn_has_no_penalty),
        cmocka_unit_test(test_rows_without_a_token_are_pulled),
        cmocka_unit_test(test_a_scale_near_zero),
        cmocka_unit_test(test_the_state_says_all),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
