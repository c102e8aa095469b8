/* Fisher information as `ewc` finds it (optim/keep/ewc.c): squares of gradients for labels drawn from the outputs, of
 * whole sequences and, with RTRL, of single steps, have the same mean, which all sequences of labels, enumerated, give;
 * and two tasks make one penalty. */
#include "optim/keep.h"

#include "credit/inspect.h"

enum { STEPS = 4, CLASSES = 3, SEQUENCES = 81 /* CLASSES to the power of STEPS */ };

static const law_case what = {
    "network.units=5 cell.alpha=0.6 loss.name=softmax optimiser.name=sgd keep.name=ewc",
    2,
    0,
    CLASSES,
    STEPS,
    1,
    true,
    false};

typedef struct fisher {
    law_rig rig;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    double p[STEPS][CLASSES]; /* of the outputs */
    size_t K;
} fisher;

static void find_probabilities(fisher *f) {
    hth_error error;
    hth_tape *tape;
    hth_real y[STEPS * CLASSES];
    hth_inputs inputs = {.steps = STEPS, .batch = 1, .x = f->rig.chunk.x};
    must(hth_tape_create(f->rig.network, STEPS, 1, f->rig.compute, NULL, &tape, &error), &error);
    must(hth_tape_write(tape, &inputs, &error), &error);
    must(hth_tape_read(tape, 0, STEPS, y, &error), &error);
    for (size_t t = 0; t < STEPS; t++) {
        double sum = 0;
        for (size_t c = 0; c < CLASSES; c++) sum += exp((double)y[t * CLASSES + c]);
        for (size_t c = 0; c < CLASSES; c++) f->p[t][c] = exp((double)y[t * CLASSES + c]) / sum;
    }
    hth_tape_destroy(tape);
}

static void setup(fisher *f, const char *learner, size_t K) {
    const hth_setting items[] = {{"learner.name", learner, NULL}};
    const hth_settings settings = {items, 1};
    hth_error error;
    law_setup(&f->rig, &what);
    f->K = K;
    must(hth_learner_create(&settings, f->rig.network, K, 1, 1, f->rig.compute, NULL, &f->learner,
                            &error),
         &error);
    must(hth_learner_tape(f->learner, f->rig.compute, NULL, &f->tape, &error), &error);
    must(hth_gradient_create(f->rig.network, NULL, &f->gradient, &error), &error);
    must(hth_optimiser_create(&f->rig.settings, f->rig.network, f->rig.compute, NULL, &f->optimiser,
                              &error),
         &error);
    find_probabilities(f);
}

static void teardown(fisher *f) {
    hth_optimiser_destroy(f->optimiser);
    hth_gradient_destroy(f->gradient);
    hth_learner_destroy(f->learner);
    hth_tape_destroy(f->tape);
    law_teardown(&f->rig);
}

/* The sequence with these labels. Notes its gradient as often as `probability` says, or that of each tape by
 * itself; below 0: as often as the step's label has it. */
static void note_labels(fisher *f, const int32_t *labels, double probability, bool by_step) {
    hth_error error;
    hth_tape_reset(f->tape);
    hth_gradient_clear(f->gradient);
    for (size_t t = 0; t < STEPS; t += f->K) {
        hth_chunk cut = law_cut(&f->rig, t, f->K);
        cut.classes = labels + t;
        must(hth_forward(f->tape, &cut, &f->rig.report, &error), &error);
        must(hth_learn(f->learner, f->tape, f->gradient, &error), &error);
        if (!by_step && t + f->K < STEPS) continue;
        const double share = by_step && probability < 0 ? f->p[t][labels[t]] : probability;
        hth_gradient_fade(f->gradient, sqrt(share));
        must(hth_optimiser_note(f->optimiser, f->gradient, by_step ? share / STEPS : share, &error),
             &error);
        hth_gradient_clear(f->gradient);
    }
}

static const hth_real *found(fisher *f) {
    hth_error error;
    hth_field fields[16];
    must(hth_optimiser_consolidate(f->optimiser, f->rig.network, &error), &error);
    const size_t count = hth_optimiser_state(f->optimiser, fields, 16);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, "keep.importance") == 0) return fields[i].data;
    return NULL;
}

/* The mean over all sequences of labels, each with its probability. */
static void note_all(fisher *f) {
    double total = 0;
    for (int s = 0; s < SEQUENCES; s++) {
        int32_t labels[STEPS];
        double probability = 1;
        for (int t = 0, rest = s; t < STEPS; t++, rest /= CLASSES) {
            labels[t] = rest % CLASSES;
            probability *= f->p[t][labels[t]];
        }
        note_labels(f, labels, probability, false);
        total += probability;
    }
    assert_true(fabs(total - 1) < 1e-6);
}

/* Of each step by itself, the mean over its labels: what a step has to do with others, its past has. */
static void note_steps(fisher *f) {
    for (int32_t c = 0; c < CLASSES; c++) {
        const int32_t labels[STEPS] = {c, c, c, c};
        note_labels(f, labels, -1, true);
    }
}

/* The same along the way, beside the labels of the data, which the learner learns from; where probabilities are 0,
 * nothing is noted. `data`: the gradient of the data's labels; NULL: not wanted. */
static void note_along(fisher *f, hth_real *data) {
    hth_error error;
    hth_gradient *own;
    hth_aside *aside = hth_aside_create(f->learner, f->tape);
    must(hth_gradient_create(f->rig.network, NULL, &own, &error), &error);
    for (size_t t = 0; t < STEPS; t++) {
        hth_chunk cut = law_cut(&f->rig, t, 1);
        must(hth_forward(f->tape, &cut, &f->rig.report, &error), &error);
        for (size_t c = 0; f->p[t][0] > 0 && c < CLASSES; c++) {
            hth_real e[CLASSES];
            for (size_t k = 0; k < CLASSES; k++)
                e[k] = (hth_real)(sqrt(f->p[t][c]) * (f->p[t][k] - (k == c)));
            hth_gradient_clear(own);
            must(hth_learn_aside(aside, f->learner, f->tape, e, own, &error), &error);
            must(hth_optimiser_note(f->optimiser, own, f->p[t][c] / STEPS, &error), &error);
        }
        must(hth_learn(f->learner, f->tape, f->gradient, &error), &error);
    }
    if (data) memcpy(data, hth_gradient_values(f->gradient), f->rig.count * sizeof *data);
    hth_gradient_destroy(own);
    hth_aside_destroy(aside);
}

static void test_targets_along_the_way(void **state) {
    (void)state;
    fisher all, along, other, empirical;
    setup(&all, "bptt", STEPS);
    setup(&along, "rtrl", 1);
    setup(&other, "rflo", 1);
    setup(&empirical, "rtrl", 1);
    note_all(&all);
    note_along(&along, NULL);
    note_along(&other, NULL);
    note_labels(&empirical, empirical.rig.chunk.classes, 1, true);
    const hth_real *expected = found(&all);
    law_assert_equal(&all.rig, "along by RTRL", found(&along), expected, tolerance(1e-12, 1e-4));
    law_assert_differs(&all.rig, "along by RFLO", found(&other), expected, 1e-2);
    law_assert_differs(&all.rig, "labels of the data", found(&empirical), expected, 0.05);
    teardown(&all);
    teardown(&along);
    teardown(&other);
    teardown(&empirical);
}

/* Learning aside leaves learner and tape as they were, with whatever they keep of the past. */
static void test_learning_aside_leaves_no_trace(void **state) {
    (void)state;
    static const char *const settings[] = {
        "network.units=5 loss.name=softmax readout.kappa=0.4 optimiser.name=sgd keep.name=ewc "
        "learner.name=rtrl",
        "network.units=5 loss.name=softmax optimiser.name=sgd keep.name=ewc learner.name=uoro",
        "network.units=6 cell.name=alif loss.name=softmax readout.kappa=0.4 "
        "optimiser.name=sgd regulariser.rate=0.5 keep.name=ewc learner.name=eprop1",
        "network.units=5,4 cell.name=gru loss.name=softmax optimiser.name=sgd keep.name=ewc "
        "learner.name=tbptt",
    };
    for (size_t i = 0; i < HTH_COUNT(settings); i++) {
        hth_real *data[2];
        for (int aside = 0; aside < 2; aside++) {
            const law_case own = {settings[i], 2, 0, CLASSES, STEPS, 1, true, false};
            hth_error error;
            fisher f = {.K = 1};
            law_setup(&f.rig, &own);
            must(hth_learner_create(&f.rig.settings, f.rig.network, 1, 1, 1, f.rig.compute, NULL,
                                    &f.learner, &error),
                 &error);
            must(hth_learner_tape(f.learner, f.rig.compute, NULL, &f.tape, &error), &error);
            must(hth_gradient_create(f.rig.network, NULL, &f.gradient, &error), &error);
            must(hth_optimiser_create(&f.rig.settings, f.rig.network, f.rig.compute, NULL,
                                      &f.optimiser, &error),
                 &error);
            if (aside) find_probabilities(&f);
            data[aside] = malloc(f.rig.count * sizeof *data[aside]);
            note_along(&f, data[aside]);
            if (aside) assert_memory_equal(data[0], data[1], f.rig.count * sizeof *data[0]);
            teardown(&f);
        }
        free(data[0]);
        free(data[1]);
    }
}

static void test_steps_alone_give_the_fisher_information(void **state) {
    (void)state;
    fisher all, steps, other;
    setup(&all, "bptt", STEPS);
    setup(&steps, "rtrl", 1);
    setup(&other, "rflo", 1);
    note_all(&all);
    note_steps(&steps);
    note_steps(&other);
    const hth_real *expected = found(&all);
    law_assert_equal(&all.rig, "steps by RTRL", found(&steps), expected, tolerance(1e-12, 1e-4));
    law_assert_differs(&all.rig, "steps by RFLO", found(&other), expected, 1e-2);
    teardown(&all);
    teardown(&steps);
    teardown(&other);
}

/* With the labels of the data the steps have to do with each other. */
static void test_labels_of_data_do_not(void **state) {
    (void)state;
    fisher whole, steps;
    setup(&whole, "bptt", STEPS);
    setup(&steps, "rtrl", 1);
    note_labels(&whole, whole.rig.chunk.classes, 1, false);
    note_labels(&steps, steps.rig.chunk.classes, 1, true);
    const hth_real *of_whole = found(&whole);
    hth_real *of_steps = malloc(steps.rig.count * sizeof *of_steps);
    memcpy(of_steps, found(&steps), steps.rig.count * sizeof *of_steps);
    law_assert_differs(&whole.rig, "labels of the data", of_steps, of_whole, 0.05);
    free(of_steps);
    teardown(&whole);
    teardown(&steps);
}

/* ---- Several tasks ---- */

/* Penalty of two tasks: its slope at theta, of Omega_1, a_1 and Omega_2, a_2. */
static void merge(const char *settings, double decay, bool is_mean) {
    char all[300];
    keeper k;
    hth_error error;
    double apart = 0;
    snprintf(all, sizeof all, "optimiser.name=sgd optimiser.lr=0.01 keep.strength=3 %s", settings);
    keeper_open(&k, all);
    hth_real *omega = malloc(2 * k.count * sizeof *omega), *a = malloc(2 * k.count * sizeof *a);
    for (unsigned task = 0; task < 2; task++) {
        const hth_real *importance = keeper_kept(&k, "keep.importance");
        for (size_t i = 0; i < k.count; i++) omega[task * k.count + i] = -importance[i];
        keeper_end(&k, task);
        for (size_t i = 0; i < k.count; i++) {
            /* What was added, where nothing fades. */
            omega[task * k.count + i] = importance[i] + (hth_real)decay * omega[task * k.count + i];
            a[task * k.count + i] = k.theta[i];
            k.theta[i] += HTH_C(0.01) * (hth_real)((i * 7) % 11);
        }
    }
    hth_gradient_clear(k.gradient);
    hth_real *before = malloc(k.count * sizeof *before);
    memcpy(before, k.theta, k.count * sizeof *before);
    must(hth_optimiser_step(k.optimiser, k.rig.network, k.gradient, 1, &error), &error);
    for (size_t i = 0; i < k.count; i++) {
        const size_t j = k.count + i;
        const double to_old = (double)(is_mean ? a[i] : a[j]);
        const double slope = 3 * (decay * (double)omega[i] * ((double)before[i] - to_old) +
                                  (double)omega[j] * ((double)before[i] - (double)a[j]));
        apart = fmax(apart, fabs((double)k.theta[i] - ((double)before[i] - 0.01 * slope)));
    }
    if (!(apart < tolerance(1e-14, 1e-5))) fail_msg("%s: differs by %.3g", settings, apart);
    free(omega), free(a), free(before);
    keeper_close(&k);
}

static void test_two_anchors_are_one(void **state) {
    (void)state;
    merge("keep.name=ewc keep.anchor=mean", 1, true);
    merge("keep.name=ewc keep.anchor=mean keep.decay=0.6", 0.6, true);
    merge("keep.name=ewc keep.anchor=last keep.decay=0.6", 0.6, false);
}

static void test_squares_of_updates(void **state) {
    (void)state;
    keeper k;
    keeper_open(&k, "optimiser.name=adam keep.name=ewc keep.importance=updates keep.strength=1");
    double *sum = calloc(k.count, sizeof *sum);
    hth_error error;
    for (unsigned i = 0; i < 5; i++) {
        keeper_step(&k, i);
        for (size_t j = 0; j < k.count; j++)
            sum[j] += (double)hth_gradient_values(k.gradient)[j] *
                      (double)hth_gradient_values(k.gradient)[j] / 5;
    }
    must(hth_optimiser_consolidate(k.optimiser, k.rig.network, &error), &error);
    const hth_real *importance = keeper_kept(&k, "keep.importance");
    for (size_t j = 0; j < k.count; j++)
        assert_true(fabs((double)importance[j] - sum[j]) < tolerance(1e-13, 1e-5));
    free(sum);
    keeper_close(&k);
}

static void test_nothing_noted_is_refused(void **state) {
    (void)state;
    keeper k;
    hth_error error;
    keeper_open(&k, "keep.name=ewc");
    assert_int_equal(hth_optimiser_consolidate(k.optimiser, k.rig.network, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "nothing has been noted"));
    keeper_draw(&k, 1);
    assert_int_equal(hth_optimiser_note(k.optimiser, k.gradient, -1, &error), HTH_INVALID);
    hth_gradient_edit(k.gradient)[2] = (hth_real)NAN;
    assert_int_equal(hth_optimiser_note(k.optimiser, k.gradient, 1, &error), HTH_NOT_FINITE);
    const hth_real *sum = keeper_kept(&k, "keep.sum");
    for (size_t i = 0; i < k.count; i++) assert_true(sum[i] == 0);
    keeper_close(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_alone_give_the_fisher_information),
        cmocka_unit_test(test_labels_of_data_do_not),
        cmocka_unit_test(test_targets_along_the_way),
        cmocka_unit_test(test_learning_aside_leaves_no_trace),
        cmocka_unit_test(test_two_anchors_are_one),
        cmocka_unit_test(test_squares_of_updates),
        cmocka_unit_test(test_nothing_noted_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
