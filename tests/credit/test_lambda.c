/*
 * TD(lambda) online is backpropagation of lambda advantages: with the weights constant, and g_t the gradient of step t
 * by any learner,
 *
 *     z_t = gamma lambda z_{t-1} + g_t      sum_t delta_t z_t = sum_t A_t g_t      A_t = delta_t + gamma lambda A_{t+1}
 *
 * for every cell, and for RTRL, which is backpropagation, e-prop with symmetric feedback, and RFLO. Another lambda on
 * one side breaks it.
 */
#include "laws.h"
#include "network/catalogues.h"

enum { STEPS = 9, ACTIONS = 2, OUTPUTS = ACTIONS + 1 };
static const double gamma_ = 0.9, lambda = 0.8;

static const char *const cells[] = {
    "cell.name=rate network.units=4",
    "cell.name=rate-pre network.units=4",
    "cell.name=lstm network.units=3",
    "cell.name=gru network.units=3",
    "cell.name=sublstm network.units=3",
    "cell.name=modrelu network.units=4 cell.offset=0.1",
    "cell.name=lif network.units=8 readout.kappa=0.9 cell.v_th=0.4 init.w_in_scale=2",
    "cell.name=alif network.units=8 readout.kappa=0.9 cell.v_th=0.4 init.w_in_scale=2",
    "cell.name=cubalif cell.spike=smooth cell.tau_syn=3 network.units=6 readout.kappa=0.9",
    "cell.name=rate network.units=4 readout.kappa=0.4",
};

/* The learner, a step at a time, and what has the same gradient over the whole. */
static const char *const learners[][2] = {
    {"learner.name=rtrl", "learner.name=bptt"},
    {"learner.name=eprop1-symmetric", "learner.name=eprop1-symmetric"},
    {"learner.name=rflo", "learner.name=eprop1-symmetric"},
    {"learner.name=snap1", "learner.name=snap1"},
};

typedef struct episode {
    double value[STEPS + 1], delta[STEPS], advantage[STEPS];
    size_t action[STEPS];
} episode;

/* Rewards and actions at random; values as the network has them. */
static void play(law_rig *rig, episode *e) {
    hth_random random = {11, HTH_RANDOM_CHECK, 9};
    hth_real y[STEPS * OUTPUTS];
    hth_tape *tape;
    hth_error error;
    must(hth_tape_create(rig->network, STEPS, 1, rig->compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    must(hth_tape_read(tape, 0, STEPS, y, &error), &error);
    hth_tape_destroy(tape);
    for (size_t t = 0; t < STEPS; t++) e->value[t] = (double)y[(t + 1) * OUTPUTS - 1];
    e->value[STEPS] = 0;
    for (size_t t = STEPS; t-- > 0;) {
        e->action[t] = (size_t)hth_random_below(&random, t, ACTIONS);
        e->delta[t] = hth_random_normal(&random, 100 + t) + gamma_ * e->value[t + 1] - e->value[t];
        e->advantage[t] = e->delta[t] + (t + 1 < STEPS ? gamma_ * lambda * e->advantage[t + 1] : 0);
    }
}

static void set_target(law_rig *rig, const episode *e, size_t t, double advantage) {
    hth_real *target = (hth_real *)rig->chunk.targets + t * OUTPUTS;
    memset(target, 0, OUTPUTS * sizeof *target);
    target[e->action[t]] = (hth_real)advantage;
    target[ACTIONS] = (hth_real)(e->value[t] + advantage);
}

/* sum_t delta_t z_t. */
static hth_real *online(law_rig *rig, const episode *e, const char *line, double fading) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_learner *learner;
    hth_gradient *z;
    hth_tape *tape;
    hth_error error;
    snprintf(text, sizeof text, "%s", line);
    const hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, rig->network, 1, 1, 1, rig->compute, NULL, &learner, &error),
         &error);
    must(hth_learner_tape(learner, rig->compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &z, &error), &error);
    hth_real *sum = calloc(rig->count, sizeof *sum);
    for (size_t t = 0; t < STEPS; t++) {
        set_target(rig, e, t, 1);
        const hth_chunk step = law_cut(rig, t, 1);
        hth_gradient_fade(z, t ? fading : 0);
        must(hth_forward(tape, &step, &rig->report, &error), &error);
        must(hth_learn(learner, tape, z, &error), &error);
        for (size_t i = 0; i < rig->count; i++)
            sum[i] += (hth_real)e->delta[t] * hth_gradient_values(z)[i];
    }
    hth_gradient_destroy(z);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    return sum;
}

static void fading_gradients_are_lambda_advantages(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        char settings[200];
        snprintf(settings, sizeof settings, "%s loss.name=actor-critic loss.value=0.3", cells[c]);
        const law_case what = {settings, 2, 0, OUTPUTS, STEPS, 1, false, false};
        law_rig rig;
        episode e;
        law_setup(&rig, &what);
        play(&rig, &e);
        if (strstr(cells[c], "v_th=")) assert_true(rig.report.spikes > 2);
        for (size_t l = 0; l < HTH_COUNT(learners); l++) {
            hth_real *left = online(&rig, &e, learners[l][0], gamma_ * lambda);
            hth_real *control = online(&rig, &e, learners[l][0], gamma_ * (lambda - 0.2));
            for (size_t t = 0; t < STEPS; t++) set_target(&rig, &e, t, e.advantage[t]);
            hth_real *right = law_gradient(&rig, learners[l][1], STEPS);
            law_assert_equal(&rig, learners[l][0], left, right, tolerance(1e-11, 1e-3));
            law_assert_differs(&rig, learners[l][0], control, right, tolerance(1e-3, 1e-2));
            free(left);
            free(control);
            free(right);
        }
        law_teardown(&rig);
    }
}

/* The list above has every cell that there is. */
static void every_cell_is_there(void **state) {
    (void)state;
    for (size_t i = 0; i < hth_cells.count; i++) {
        char name[64];
        bool found = false;
        snprintf(name, sizeof name, "cell.name=%s ", hth_cells.at(i)->name);
        for (size_t c = 0; c < HTH_COUNT(cells); c++)
            found = found || strncmp(cells[c], name, strlen(name)) == 0;
        if (!found) fail_msg("%sis not among the cells", name);
    }
}

/* A gradient that fades by 0 is a cleared one, bit for bit, of tokens too, whose rows stay touched by any other. */
static void fading_by_nothing_clears(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=rate network.units=3 network.embedding=2", 0, 7, 3, 4, 1, true, false};
    law_rig rig;
    hth_gradient *g[3];
    hth_tape *tape;
    hth_learner *learner;
    hth_error error;
    const hth_setting bptt[] = {{"learner.name", "bptt", NULL}};
    const hth_settings settings = {bptt, 1};
    law_setup(&rig, &what);
    must(hth_learner_create(&settings, rig.network, 4, 1, 1, rig.compute, NULL, &learner, &error),
         &error);
    must(hth_learner_tape(learner, rig.compute, NULL, &tape, &error), &error);
    for (int i = 0; i < 3; i++) {
        must(hth_gradient_create(rig.network, NULL, &g[i], &error), &error);
        hth_tape_reset(tape);
        must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
        must(hth_learn(learner, tape, g[i], &error), &error);
    }
    /* Fade one by a half, twice; clear one, and fade one by 0. */
    hth_gradient_fade(g[2], 0.5);
    hth_gradient_fade(g[2], 0.5);
    for (size_t i = 0; i < rig.count; i++)
        assert_true(hth_gradient_values(g[2])[i] == hth_gradient_values(g[0])[i] / 4);
    hth_gradient_clear(g[0]);
    hth_gradient_fade(g[1], 0);
    assert_int_equal(
        memcmp(hth_gradient_values(g[0]), hth_gradient_values(g[1]), rig.count * sizeof(hth_real)),
        0);
    /* Clearing finds the rows that faded. */
    hth_gradient_clear(g[2]);
    assert_int_equal(
        memcmp(hth_gradient_values(g[0]), hth_gradient_values(g[2]), rig.count * sizeof(hth_real)),
        0);
    for (int i = 0; i < 3; i++) hth_gradient_destroy(g[i]);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_cell_is_there),
                                       cmocka_unit_test(fading_gradients_are_lambda_advantages),
                                       cmocka_unit_test(fading_by_nothing_clears)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
