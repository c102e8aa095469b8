/*
 * A model does what its six handles do, bit for bit, however its steps are given; answers may come late; a frozen model
 * changes nothing.
 */
#include "model/models.h"

#define ADAM " optimiser.name=adam optimiser.lr=0.02"
#define SGD " optimiser.name=sgd optimiser.lr=0.05"

/* Steps, not all multiples of the tapes. */
static const law_case cases[] = {
    {"cell.name=rate network.units=6 learner.name=rtrl" ADAM, 3, 0, 2, 23, 1, false, false},
    {"cell.name=rate network.units=7 learner.name=rflo readout.kappa=0.6" SGD, 3, 0, 2, 23, 1,
     false, true},
    {"cell.name=lstm network.units=5,4 learner.name=tbptt readout.kappa=0.3" ADAM, 2, 0, 3, 23, 3,
     true, true},
    {"cell.name=gru network.units=6 network.embedding=3 learner.name=tbptt" ADAM, 0, 7, 4, 23, 2,
     true, false},
    {"cell.name=alif network.units=12 learner.name=eprop1 cell.v_th=0.2 readout.kappa=0.5 "
     "regulariser.rate=0.1 regulariser.rate_over=tape" ADAM,
     4, 0, 2, 23, 2, true, false},
    {"cell.name=lif network.units=70 learner.name=eprop1 cell.v_th=0.2 network.events=always" SGD,
     4, 0, 2, 23, 2, false, false},
    {"cell.name=lif network.units=9 learner.name=rtrl cell.v_th=0.2 network.delay=1..4 "
     "network.input_delay=0..2" ADAM,
     4, 0, 2, 23, 2, false, false},
    {"cell.name=rate network.units=5 learner.name=uoro" SGD, 2, 0, 2, 23, 1, false, false},
    {"cell.name=rate network.units=5 network.initial=learned learner.name=snap1" ADAM, 2, 0, 2, 23,
     2, false, false},
    {"cell.name=rate network.units=5 learner.name=dni" ADAM, 2, 0, 2, 23, 1, false, false},
    {"cell.name=gru network.units=5 learner.name=f-bptt learner.window=9 readout.kappa=0.3" ADAM, 2,
     0, 2, 23, 2, false, true},
    {"cell.name=rate network.units=5 learner.name=tbptt learner.window=8" SGD, 2, 0, 2, 23, 1, true,
     false},
};
static const size_t tapes[] = {1, 4, 7};

static const hth_report nothing;

static void assert_reports(const hth_report *a, const hth_report *b, bool in_pieces) {
    const double all_a[] = {a->weight, a->correct, a->spikes, a->loss, a->regulariser};
    const double all_b[] = {b->weight, b->correct, b->spikes, b->loss, b->regulariser};
    for (size_t i = 0; i < HTH_COUNT(all_a); i++) {
        const double allowed = in_pieces ? 1e-6 * fabs(all_b[i]) : 0;
        if (!(fabs(all_a[i] - all_b[i]) <= allowed))
            fail_msg("number %zu of the report is %.17g, not %.17g", i, all_a[i], all_b[i]);
    }
    assert_true(a->loss > 0);
}

/* Given as a whole, in two pieces, and step by step, twice over. */
static void assert_model_is_handles(const law_case *what, size_t K) {
    law_rig rig;
    law_setup(&rig, what);
    rig.chunk.ends = true;
    by_hand hand = by_hand_make(&rig, K);
    hth_model *whole = model_make(&rig, K, 0), *pieces = model_make(&rig, K, 0);
    hth_model *steps = model_make(&rig, K, 0);
    hth_report by_handles = nothing, at_once = nothing, in_two = nothing, in_steps = nothing;
    const size_t numbers = what->steps * what->batch * what->outputs;
    hth_real *a = calloc(numbers, sizeof *a), *b = calloc(numbers, sizeof *b);
    for (int pass = 0; pass < 2; pass++) {
        by_hand_run(&rig, &hand, K, false, &by_handles);
        model_run(&rig, whole, 0, what->steps, NULL, &at_once);
        model_run(&rig, pieces, 0, 9 + (size_t)pass, a, &in_two);
        model_run(&rig, pieces, 9 + (size_t)pass, what->steps, a, &in_two);
        model_steps(&rig, steps, 0, what->steps, b, &in_steps);
    }
    assert_reports(&at_once, &by_handles, false);
    assert_reports(&in_two, &by_handles, true);
    assert_reports(&in_steps, &by_handles, true);
    assert_memory_equal(a, b, numbers * sizeof *a);
    const hth_real *theta = hth_network_parameters(hand.network);
    if (!same_bits(&rig, model_parameters(whole), theta) ||
        !same_bits(&rig, model_parameters(pieces), theta) ||
        !same_bits(&rig, model_parameters(steps), theta))
        fail_msg("%s, K = %zu: a model is not its handles", what->settings, K);
    free(a);
    free(b);
    hth_model_destroy(steps);
    hth_model_destroy(pieces);
    hth_model_destroy(whole);
    by_hand_drop(&hand);
    law_teardown(&rig);
}

static void test_a_model_is_its_handles(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t k = 0; k < HTH_COUNT(tapes); k++) assert_model_is_handles(&cases[c], tapes[k]);
}

/* Tapes of another length, or an update more or less, have other bits. */
static void test_another_cut_differs(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    rig.chunk.ends = true;
    hth_report report = nothing;
    hth_model *four = model_make(&rig, 4, 0), *five = model_make(&rig, 5, 0);
    model_run(&rig, four, 0, 23, NULL, &report);
    model_run(&rig, five, 0, 23, NULL, &report);
    assert_false(same_bits(&rig, model_parameters(four), model_parameters(five)));
    hth_model_destroy(five);
    hth_model_destroy(four);
    law_teardown(&rig);
}

/* learner.update = sequence: one update at the end, wherever the end is told. */
static void test_an_update_a_sequence(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=rate network.units=6 learner.name=rtrl learner.update=sequence" ADAM,
        3,
        0,
        2,
        24,
        2,
        false,
        true};
    law_rig rig;
    law_setup(&rig, &what);
    rig.chunk.ends = true;
    hth_report by_handles = nothing, report = nothing;
    by_hand hand = by_hand_make(&rig, 4);
    hth_model *whole = model_make(&rig, 4, 0), *later = model_make(&rig, 4, 0);
    hth_error error;
    const hth_answer end = {.ends = true};
    for (int pass = 0; pass < 2; pass++) {
        by_hand_run(&rig, &hand, 4, true, &by_handles);
        rig.chunk.ends = true;
        model_run(&rig, whole, 0, 24, NULL, &report);
        rig.chunk.ends = false;
        model_steps(&rig, later, 0, 24, NULL, &report);
        if (pass == 0)
            assert_false(same_bits(&rig, model_parameters(whole), model_parameters(later)));
        must(hth_model_learn(later, &end, &report, &error), &error);
        rig.chunk.ends = true;
    }
    const hth_real *theta = hth_network_parameters(hand.network);
    assert_true(same_bits(&rig, model_parameters(whole), theta));
    assert_true(same_bits(&rig, model_parameters(later), theta));
    hth_model_destroy(later);
    hth_model_destroy(whole);
    by_hand_drop(&hand);
    law_teardown(&rig);
}

/* ---- Late answers ---- */

/* The parameters after a sequence with one update, whose answers come `late` steps late; those to the last steps come
 * at the end. The model has room for answers `room` steps late. */
static hth_real *answered_late(const law_rig *rig, size_t K, size_t room, size_t late) {
    hth_model *model = model_make(rig, K, room);
    hth_report report = nothing;
    hth_error error;
    const size_t T = rig->what.steps;
    for (size_t t = 0; t < T; t++) {
        model_predict(rig, model, t, NULL);
        if (t < late) continue;
        const hth_answer answer = model_answer(rig, t - late, late);
        must(hth_model_learn(model, &answer, &report, &error), &error);
    }
    for (size_t left = late; left-- > 0;) {
        const hth_answer answer = model_answer(rig, T - 1 - left, left);
        must(hth_model_learn(model, &answer, &report, &error), &error);
    }
    const hth_answer end = {.ends = true};
    must(hth_model_learn(model, &end, &report, &error), &error);
    hth_real *theta = malloc(rig->count * sizeof *theta);
    memcpy(theta, model_parameters(model), rig->count * sizeof *theta);
    hth_model_destroy(model);
    return theta;
}

/* As long as no parameter changes in between, it does not matter when an answer comes. */
static void test_late_is_at_once(void **state) {
    (void)state;
    static const law_case late_cases[] = {
        {"cell.name=rate network.units=6 learner.name=rtrl learner.update=sequence" ADAM, 3, 0, 2,
         23, 1, false, false},
        {"cell.name=lstm network.units=5,4 learner.name=tbptt readout.kappa=0.3 "
         "learner.update=sequence" ADAM,
         2, 0, 3, 23, 3, true, true},
        {"cell.name=alif network.units=12 learner.name=eprop1 cell.v_th=0.2 readout.kappa=0.5 "
         "learner.update=sequence" SGD,
         4, 0, 2, 23, 2, true, false}};
    for (size_t c = 0; c < HTH_COUNT(late_cases); c++)
        for (size_t k = 0; k < HTH_COUNT(tapes); k++) {
            law_rig rig;
            law_setup(&rig, &late_cases[c]);
            hth_real *at_once = answered_late(&rig, tapes[k], 6, 0);
            for (size_t late = 1; late < 7; late++) {
                hth_real *theta = answered_late(&rig, tapes[k], 6, late);
                if (!same_bits(&rig, theta, at_once))
                    fail_msg("%s, K = %zu: answers %zu steps late", late_cases[c].settings,
                             tapes[k], late);
                free(theta);
            }
            hth_real *targets = (hth_real *)rig.chunk.targets;
            int32_t *classes = (int32_t *)rig.chunk.classes;
            if (targets) targets[4] += 1;
            if (classes) classes[0] = (classes[0] + 1) % (int32_t)rig.what.outputs;
            if (rig.chunk.weights) ((hth_real *)rig.chunk.weights)[0] = 1;
            hth_real *other = answered_late(&rig, tapes[k], 6, 3);
            assert_false(same_bits(&rig, other, at_once));
            free(other);
            free(at_once);
            law_teardown(&rig);
        }
}

/* An update after every step, answers 3 steps late: the learner is 3 steps behind the network. */
static void test_late_with_updates(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_model *prompt = model_make(&rig, 1, 0), *late = model_make(&rig, 1, 3);
    hth_report report = nothing;
    hth_error error;
    for (size_t t = 0; t < 23; t++) {
        model_predict(&rig, late, t, NULL);
        if (t < 3) continue;
        hth_real before[400];
        memcpy(before, model_parameters(late), rig.count * sizeof *before);
        const hth_answer answer = model_answer(&rig, t - 3, 3);
        must(hth_model_learn(late, &answer, &report, &error), &error);
        assert_false(same_bits(&rig, model_parameters(late), before));
        /* The first update knows of one step alone, as that of a prompt model does. */
        if (t > 3) continue;
        model_steps(&rig, prompt, 0, 1, NULL, &report);
        assert_true(same_bits(&rig, model_parameters(late), model_parameters(prompt)));
    }
    const hth_answer again = model_answer(&rig, 19, 3), older = model_answer(&rig, 18, 4);
    assert_int_equal(hth_model_learn(late, &again, &report, &error), HTH_INVALID);
    assert_string_equal(error.message, "the step 3 before the newest already has its answer");
    assert_int_equal(hth_model_learn(late, &older, &report, &error), HTH_INVALID);
    assert_string_equal(error.message,
                        "an answer comes 4 steps late, but may come at most 3 steps late: a larger "
                        "late of the plan keeps more steps");
    hth_model_destroy(late);
    hth_model_destroy(prompt);
    law_teardown(&rig);
}

static void assert_refused(hth_model *model, const law_rig *rig, size_t late, const char *why) {
    const hth_answer answer = model_answer(rig, 0, late);
    hth_report report = nothing;
    hth_error error;
    assert_int_equal(hth_model_learn(model, &answer, &report, &error), HTH_INVALID);
    if (!strstr(error.message, why)) fail_msg("'%s' does not say '%s'", error.message, why);
}

/* An answer that no step waits for is refused, with the reason. */
static void test_what_takes_no_answer(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_report report = nothing;
    hth_error error;
    for (size_t K = 1; K < 3; K++) {
        hth_model *model = model_make(&rig, K, 2);
        assert_refused(model, &rig, 0, "predict first");
        model_steps(&rig, model, 0, 1, NULL, &report);
        assert_refused(model, &rig, 0, "the newest step already has its answer: predict");
        assert_refused(model, &rig, 1, "late can be at most 0 now");
        assert_refused(model, &rig, 2 + K,
                       K == 1 ? "at most 2 steps late" : "at most 3 steps late");
        const hth_answer end = {.ends = true};
        must(hth_model_learn(model, &end, &report, &error), &error);
        assert_refused(model, &rig, 0, "predict first");
        hth_model_destroy(model);
    }
    /* A tape of several steps is learned from as a whole, with the answers that there are. */
    hth_model *model = model_make(&rig, 2, 1);
    for (size_t t = 0; t < 4; t++) model_predict(&rig, model, t, NULL);
    assert_refused(model, &rig, 2, "late can be at most 1 now");
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* Steps that nothing is said of count as without error, and no update follows a tape of them; but the learner's past
 * goes over them: with answers to the last steps alone, RTRL of any K is backpropagation over the sequence. */
static void test_silence(void **state) {
    (void)state;
    const law_case what = {"cell.name=rate network.units=6 learner.name=rtrl optimiser.name=sgd "
                           "optimiser.lr=1",
                           3,
                           0,
                           2,
                           12,
                           1,
                           false,
                           false};
    law_rig rig;
    law_setup(&rig, &what);
    hth_real *theta[2], drawn[400];
    assert_true(rig.count < HTH_COUNT(drawn));
    for (int i = 0; i < 2; i++) {
        hth_model *model = model_make(&rig, i ? 1 : 12, 0);
        hth_report report = nothing;
        hth_error error;
        memcpy(drawn, model_parameters(model), rig.count * sizeof *drawn);
        for (size_t t = 0; t < 12; t++) model_predict(&rig, model, t, NULL);
        assert_true(same_bits(&rig, model_parameters(model), drawn));
        const hth_answer answer = model_answer(&rig, 11, 0);
        must(hth_model_learn(model, &answer, &report, &error), &error);
        const hth_answer end = {.ends = true};
        must(hth_model_learn(model, &end, &report, &error), &error);
        theta[i] = malloc(rig.count * sizeof *theta[i]);
        memcpy(theta[i], model_parameters(model), rig.count * sizeof *theta[i]);
        hth_model_destroy(model);
    }
    double difference = 0, step = 0;
    for (size_t i = 0; i < rig.count; i++) {
        difference = fmax(difference, fabs((double)theta[0][i] - (double)theta[1][i]));
        step = fmax(step, fabs((double)theta[0][i] - (double)drawn[i]));
    }
    assert_true(step > 1e-3);
    assert_true(difference < tolerance(1e-12, 1e-5) * step);
    free(theta[0]);
    free(theta[1]);
    law_teardown(&rig);
}

/* ---- Errors from outside ---- */

/* dE/dy of half the squared error, told from outside, is the loss mse. */
static void test_own_loss(void **state) {
    (void)state;
    const law_case what = {"cell.name=rate network.units=6 learner.name=rtrl loss.name=mse" ADAM,
                           3,
                           0,
                           2,
                           23,
                           1,
                           false,
                           false};
    law_rig rig;
    law_setup(&rig, &what);
    hth_model *own = model_make(&rig, 1, 0), *built_in = model_make(&rig, 1, 0);
    hth_report report = nothing, unseen = nothing;
    hth_error error;
    model_steps(&rig, built_in, 0, 23, NULL, &report);
    for (size_t t = 0; t < 23; t++) {
        hth_real y[2], e[2];
        const hth_real *target = law_cut(&rig, t, 1).targets;
        model_predict(&rig, own, t, y);
        for (int k = 0; k < 2; k++) e[k] = y[k] - target[k];
        const hth_answer answer = {.errors = e};
        must(hth_model_learn(own, &answer, &unseen, &error), &error);
    }
    assert_true(same_bits(&rig, model_parameters(own), model_parameters(built_in)));
    assert_true(unseen.loss == 0 && unseen.weight == 0);
    hth_model_destroy(built_in);
    hth_model_destroy(own);
    law_teardown(&rig);
}

/* ---- Frozen, reset, refused ---- */

static void test_frozen(void **state) {
    (void)state;
    law_rig rig;
    for (size_t c = 0; c < 3; c++) {
        law_setup(&rig, &cases[c]);
        hth_model *model = model_make(&rig, 4, 0);
        hth_report by_handles = nothing, report = nothing;
        by_hand hand = by_hand_make(&rig, 23);
        hth_error error;
        must(hth_forward(hand.tape, &rig.chunk, &by_handles, &error), &error);
        hth_model_freeze(model, true);
        model_run(&rig, model, 0, 23, NULL, &report);
        assert_reports(&report, &by_handles, true);
        assert_true(same_bits(&rig, model_parameters(model), hth_network_parameters(hand.network)));
        hth_model_freeze(model, false);
        model_run(&rig, model, 0, 23, NULL, &report);
        assert_false(
            same_bits(&rig, model_parameters(model), hth_network_parameters(hand.network)));
        by_hand_drop(&hand);
        hth_model_destroy(model);
        law_teardown(&rig);
    }
}

/* With dropout a model that learns leaves units out, and a frozen one does not. */
static void test_frozen_without_dropout(void **state) {
    static const law_case what = {"cell.name=gru network.units=12 network.dropout=0.5 "
                                  "learner.name=tbptt" ADAM,
                                  2,
                                  0,
                                  2,
                                  23,
                                  1,
                                  false,
                                  false};
    (void)state;
    law_rig rig;
    hth_error error;
    law_setup(&rig, &what);
    for (int frozen = 0; frozen < 2; frozen++) {
        hth_model *model = model_make(&rig, 23, 0);
        by_hand hand = by_hand_make(&rig, 23);
        hth_report with = nothing, without = nothing, by_model = nothing;
        must(hth_forward(hand.tape, &rig.chunk, &with, &error), &error);
        hth_tape_reset(hand.tape);
        hth_tape_dropout(hand.tape, false);
        must(hth_forward(hand.tape, &rig.chunk, &without, &error), &error);
        assert_true(with.loss != without.loss);
        if (frozen) hth_model_freeze(model, true);
        model_run(&rig, model, 0, 23, NULL, &by_model);
        assert_reports(&by_model, frozen ? &without : &with, true);
        by_hand_drop(&hand);
        hth_model_destroy(model);
    }
    law_teardown(&rig);
}

/* A sequence that is given up leaves no trace. */
static void test_reset(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_model *model = model_make(&rig, 7, 0), *other = model_make(&rig, 7, 0);
    hth_report report = nothing;
    model_run(&rig, model, 0, 6, NULL, &report);
    hth_model_reset(model);
    model_run(&rig, model, 0, 21, NULL, &report);
    model_run(&rig, other, 0, 21, NULL, &report);
    assert_true(same_bits(&rig, model_parameters(model), model_parameters(other)));
    hth_model_destroy(other);
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* Input that is not finite, or a class that there is not, changes nothing. */
static void test_bad_data_changes_nothing(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[2]);
    hth_model *model = model_make(&rig, 4, 0), *other = model_make(&rig, 4, 0);
    hth_report report = nothing;
    hth_error error;
    hth_real bad[6] = {0, 0, NAN};
    const int32_t none[3] = {0, 3, 0};
    for (size_t t = 0; t < 23; t++) {
        assert_int_equal(hth_model_predict(model, bad, NULL, NULL, &error), HTH_NOT_FINITE);
        assert_int_equal(hth_model_predict(model, NULL, none, NULL, &error), HTH_MISMATCH);
        model_predict(&rig, model, t, NULL);
        hth_answer answer = {.classes = none};
        assert_int_equal(hth_model_learn(model, &answer, &report, &error), HTH_INVALID);
        answer = model_answer(&rig, t, 0);
        must(hth_model_learn(model, &answer, &report, &error), &error);
    }
    model_steps(&rig, other, 0, 23, NULL, &report);
    assert_true(same_bits(&rig, model_parameters(model), model_parameters(other)));
    hth_model_destroy(other);
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* The same of steps that come at once, tape by tape or several tapes together. */
static void test_bad_runs_change_nothing(void **state) {
    static const size_t lengths[] = {1, 4};
    (void)state;
    law_rig rig;
    hth_error error;
    law_setup(&rig, &cases[0]);
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        const size_t K = lengths[i];
        hth_model *model = model_make(&rig, K, 0), *other = model_make(&rig, K, 0);
        hth_report report = nothing, good = nothing;
        for (size_t t = 0; t + K <= 20; t += K) {
            hth_real x[12] = {NAN};
            hth_chunk bad = law_cut(&rig, t, K);
            bad.x = x;
            assert_int_equal(hth_model_run(model, &bad, NULL, &report, &error), HTH_NOT_FINITE);
            /* Its loss is infinite. In float none is: losses are sums in double. */
            const hth_real far[8] = {(hth_real)tolerance(1e200, 1e30)};
            bad = law_cut(&rig, t, K);
            bad.targets = far;
            if (K == 1 && sizeof(hth_real) == sizeof(double))
                assert_int_equal(hth_model_run(model, &bad, NULL, &report, &error), HTH_NOT_FINITE);
            model_run(&rig, model, t, t + K, NULL, &report);
        }
        model_steps(&rig, other, 0, 20, NULL, &good);
        assert_true(same_bits(&rig, model_parameters(model), model_parameters(other)));
        assert_reports(&report, &good, true);
        hth_model_destroy(other);
        hth_model_destroy(model);
    }
    law_teardown(&rig);
}

/* A gradient that is not finite changes no parameter, and the stream goes on. */
static void test_no_update_without_a_finite_gradient(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_model *model = model_make(&rig, 1, 0);
    hth_report report = nothing;
    hth_error error;
    hth_real drawn[400], e[2] = {INFINITY, 0};
    memcpy(drawn, model_parameters(model), rig.count * sizeof *drawn);
    model_predict(&rig, model, 0, NULL);
    const hth_answer answer = {.errors = e};
    assert_int_equal(hth_model_learn(model, &answer, &report, &error), HTH_NOT_FINITE);
    assert_true(same_bits(&rig, model_parameters(model), drawn));
    hth_model_reset(model);
    model_steps(&rig, model, 0, 23, NULL, &report);
    assert_true(isfinite((double)model_parameters(model)[0]));
    assert_false(same_bits(&rig, model_parameters(model), drawn));
    hth_model_destroy(model);
    law_teardown(&rig);
}

/* A learner of whole sequences is not cut without a word. */
static void test_whole_sequences(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=rate network.units=6 learner.name=bptt" ADAM, 3, 0, 2, 23, 1, false, false};
    law_rig rig;
    law_setup(&rig, &what);
    hth_model *model = model_make(&rig, 23, 0), *few = model_make(&rig, 22, 0);
    hth_report report = nothing;
    hth_error error;
    rig.chunk.ends = true;
    must(hth_model_run(model, &rig.chunk, NULL, &report, &error), &error);
    must(hth_model_run(model, &rig.chunk, NULL, &report, &error), &error);
    assert_int_equal(hth_model_run(few, &rig.chunk, NULL, &report, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "more than 22 steps"));
    hth_model_destroy(few);
    hth_model_plan plan = model_plan(&rig, 0, 0);
    assert_int_equal(hth_model_create(&plan, NULL, &few, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "steps of the plan"));
    hth_model_destroy(model);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_is_its_handles),
        cmocka_unit_test(test_another_cut_differs),
        cmocka_unit_test(test_an_update_a_sequence),
        cmocka_unit_test(test_late_is_at_once),
        cmocka_unit_test(test_late_with_updates),
        cmocka_unit_test(test_what_takes_no_answer),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_own_loss),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_frozen_without_dropout),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_bad_data_changes_nothing),
        cmocka_unit_test(test_bad_runs_change_nothing),
        cmocka_unit_test(test_no_update_without_a_finite_gradient),
        cmocka_unit_test(test_whole_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
