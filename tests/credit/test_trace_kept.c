/*
 * Traces as part of a learner: e-prop 3 with a perfect prediction = backpropagation; what is kept, what survives an
 * interruption, the same bits for any number of threads, and what is refused.
 */
#include "laws.h"

#include "credit/inspect.h"
#include "credit/past/trace.h"

/* ---- A perfect prediction ---- */

enum { ORACLE_K = 4, ORACLE_TAPES = 5 };

/* dE_later/d(s, z) at the end of each tape, as a future axis. */
static struct {
    hth_real *adjoint[ORACLE_TAPES]; /* [states + 1][batch][n] */
    size_t at;
    double scale;
} oracle;

static void oracle_boundary(hth_learner *learner) {
    const hth_layer *layer = &learner->network->layers[0];
    const hth_adjoint_layer *a = &learner->adjoint.layers[0];
    const size_t slot = learner->batch * layer->n, d = layer->cell->states;
    const hth_real *from = oracle.adjoint[oracle.at++];
    for (size_t i = 0; i < d * slot; i++) a->sbar[i] = (hth_real)oracle.scale * from[i];
    for (size_t i = 0; i < slot; i++) a->zbar[i] = (hth_real)oracle.scale * from[d * slot + i];
}

static const hth_future oracle_future = {.boundary = oracle_boundary};

static void make(const law_rig *rig, const char *settings, size_t K, hth_tape **tape,
                 hth_learner **learner, hth_gradient **gradient) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    const size_t batch = rig->what.batch;
    snprintf(text, sizeof text, "%s", settings);
    hth_settings split = law_split(text, items);
    must(hth_tape_create(rig->network, K, batch, rig->compute, NULL, tape, &error), &error);
    must(hth_learner_create(&split, rig->network, K, batch, 1, rig->compute, NULL, learner, &error),
         &error);
    must(hth_gradient_create(rig->network, NULL, gradient, &error), &error);
}

static void drop(hth_tape *tape, hth_learner *learner, hth_gradient *gradient) {
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
}

/* What backpropagation over all steps from `from` on leaves at their start. A cell whose z is its state has it
 * in one number, as a prediction would be. */
static hth_real *adjoint_at(law_rig *rig, size_t from) {
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_error error;
    const size_t T = rig->what.steps;
    make(rig, "learner.name=bptt", T, &tape, &learner, &gradient);
    const hth_layer *layer = &rig->network->layers[0];
    const hth_adjoint_layer *a = &learner->adjoint.layers[0];
    const size_t slot = rig->what.batch * layer->n, d = layer->cell->states;
    hth_real *out = calloc((d + 1) * slot, sizeof *out);
    hth_chunk before = law_cut(rig, 0, from), after = law_cut(rig, from, T - from);
    must(hth_forward(tape, &before, &rig->report, &error), &error);
    if (from < T) {
        must(hth_forward(tape, &after, &rig->report, &error), &error);
        must(hth_learn(learner, tape, gradient, &error), &error);
        memcpy(out, a->sbar, d * slot * sizeof *out);
        memcpy(out + d * slot, a->zbar, slot * sizeof *out);
    }
    for (size_t i = 0; layer->cell->observable == HTH_Z_IS_STATE && i < slot; i++) {
        out[i] += out[slot + i];
        out[slot + i] = 0;
    }
    drop(tape, learner, gradient);
    return out;
}

static hth_real *predicted_gradient(law_rig *rig, const char *past) {
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_error error;
    char settings[64];
    snprintf(settings, sizeof settings, "learner.name=tbptt learner.past=%s", past);
    make(rig, settings, ORACLE_K, &tape, &learner, &gradient);
    const hth_layer *layer = &rig->network->layers[0];
    const size_t each = (layer->cell->states + 1) * rig->what.batch * layer->n;
    hth_real *end = calloc(each, sizeof *end);
    learner->axes.future = &oracle_future;
    if (strcmp(past, "trace") == 0) { /* as if it had been laid out for that future */
        hth_trace *kept = learner->past.kept;
        kept->has_end = true;
        kept->layers[0].boundary = end;
    }
    oracle.at = 0;
    for (size_t i = 0; i < ORACLE_TAPES; i++) {
        hth_chunk cut = law_cut(rig, i * ORACLE_K, ORACLE_K);
        must(hth_forward(tape, &cut, &rig->report, &error), &error);
        must(hth_learn(learner, tape, gradient, &error), &error);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(gradient), rig->count * sizeof *copy);
    drop(tape, learner, gradient);
    free(end);
    return copy;
}

/* e-prop 3 with a perfect prediction is backpropagation, and so is the form without traces; with a wrong one
 * they are two rules. */
static void test_perfect_prediction(void **state) {
    (void)state;
    static const char *const cells[] = {
        "cell.name=rate cell.alpha=0.3 network.units=7 network.initial=learned",
        "cell.name=lstm network.units=6 network.initial=learned", "cell.name=gru network.units=6",
        ("cell.name=alif cell.beta=0.3 network.units=12 cell.v_th=0.6 init.w_in_scale=2 "
         "cell.refractory=0 readout.kappa=0")};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        const law_case what = {cells[c], 3, 0, 2, ORACLE_K * ORACLE_TAPES, 2, false, false};
        law_rig rig;
        law_setup(&rig, &what);
        hth_real *exact = law_gradient(&rig, "learner.name=bptt", what.steps);
        for (size_t i = 0; i < ORACLE_TAPES; i++)
            oracle.adjoint[i] = adjoint_at(&rig, (i + 1) * ORACLE_K);
        oracle.scale = 1;
        hth_real *traced = predicted_gradient(&rig, "trace");
        hth_real *plain_form = predicted_gradient(&rig, "none");
        oracle.scale = 0.5;
        hth_real *wrong = predicted_gradient(&rig, "trace");
        hth_real *wrong_plain = predicted_gradient(&rig, "none");
        law_assert_equal(&rig, "e-prop 3, oracle", traced, exact, tolerance(1e-10, 1e-3));
        law_assert_equal(&rig, "without traces, oracle", plain_form, exact, tolerance(1e-10, 1e-3));
        law_assert_differs(&rig, "half the prediction", wrong, exact, 1e-3);
        law_assert_differs(&rig, "with and without traces", wrong, wrong_plain, 1e-3);
        for (size_t i = 0; i < ORACLE_TAPES; i++) free(oracle.adjoint[i]);
        free(exact);
        free(traced);
        free(plain_form);
        free(wrong);
        free(wrong_plain);
        law_teardown(&rig);
    }
}

/* ---- Handles ---- */

static size_t bytes_of(const hth_field *field) {
    return field->count * (field->dtype == HTH_DTYPE_REAL ? sizeof(hth_real) : 8);
}

static size_t all_fields(hth_tape *tape, hth_learner *learner, hth_field *fields, size_t capacity) {
    size_t count = hth_tape_state(tape, fields, capacity);
    count += hth_learner_state(learner, fields + count, capacity - count);
    assert_true(count < capacity);
    return count;
}

/* The state fields are all of it: a run goes on in new handles with the same bits. */
static void test_resumes(void **state) {
    (void)state;
    const law_case what = {"cell.name=lstm network.units=6 readout.kappa=0.5 "
                           "network.initial=learned",
                           3,
                           0,
                           2,
                           12,
                           3,
                           false,
                           false};
    law_rig rig;
    law_setup(&rig, &what);
    for (int forget = 0; forget < 2; forget++) {
        hth_tape *tape[2];
        hth_learner *learner[2];
        hth_gradient *gradient[2];
        hth_field fields[2][32];
        hth_error error;
        for (int i = 0; i < 2; i++)
            make(&rig, "learner.name=snap1", 4, &tape[i], &learner[i], &gradient[i]);
        for (size_t t = 0; t < 8; t += 4) {
            hth_chunk cut = law_cut(&rig, t, 4);
            must(hth_forward(tape[0], &cut, &rig.report, &error), &error);
            must(hth_learn(learner[0], tape[0], gradient[0], &error), &error);
        }
        size_t count = all_fields(tape[0], learner[0], fields[0], 32);
        assert_int_equal(all_fields(tape[1], learner[1], fields[1], 32), count);
        for (size_t i = 0; i < count; i++) {
            if (forget && strncmp(fields[0][i].name, "trace", 5) == 0) continue;
            memcpy(fields[1][i].data, fields[0][i].data, bytes_of(&fields[0][i]));
        }
        hth_gradient_clear(gradient[0]);
        hth_chunk rest = law_cut(&rig, 8, 4);
        for (int i = 0; i < 2; i++) {
            must(hth_forward(tape[i], &rest, &rig.report, &error), &error);
            must(hth_learn(learner[i], tape[i], gradient[i], &error), &error);
        }
        const int differs = memcmp(hth_gradient_values(gradient[0]),
                                   hth_gradient_values(gradient[1]), rig.count * sizeof(hth_real));
        assert_true(forget ? differs != 0 : differs == 0);
        for (int i = 0; i < 2; i++) drop(tape[i], learner[i], gradient[i]);
    }
    law_teardown(&rig);
}

/* Large enough to be spread over threads. */
static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    const law_case wide = {
        "cell.name=lstm network.units=256 readout.kappa=0.5", 3, 0, 2, 6, 2, false, true};
    law_rig rig;
    law_setup(&rig, &wide);
    for (size_t K = 1; K <= 4; K += 3) {
        hth_real *one = law_gradient(&rig, "learner.name=snap1", K);
        hth_compute *single = rig.compute;
        hth_error error;
        must(hth_compute_create(3, NULL, &rig.compute, &error), &error);
        hth_real *many = law_gradient(&rig, "learner.name=snap1", K);
        assert_memory_equal(one, many, rig.count * sizeof *one);
        hth_compute_destroy(rig.compute);
        rig.compute = single;
        free(one);
        free(many);
    }
    law_teardown(&rig);
}

/* What the table says is kept is what is kept. */
static void test_memory_is_as_stated(void **state) {
    (void)state;
    static const char *const networks[] = {
        "cell.name=rate network.units=7", "cell.name=lstm network.units=5 readout.kappa=0.5",
        "cell.name=alif network.units=6 readout.kappa=0.5", "cell.name=gru network.units=4,5"};
    static const char *const learners[] = {"learner.name=rflo", "learner.name=snap1",
                                           "learner.name=tbptt learner.past=trace"};
    for (size_t c = 0; c < HTH_COUNT(networks); c++)
        for (size_t k = 0; k < HTH_COUNT(learners); k++) {
            const law_case what = {networks[c], 3, 0, 2, 4, 3, false, false};
            hth_tape *tape;
            hth_learner *learner;
            hth_gradient *gradient;
            hth_cost costs[HTH_COSTS];
            law_rig rig;
            law_setup(&rig, &what);
            make(&rig, learners[k], 1, &tape, &learner, &gradient);
            hth_learner_costs(learner, costs);
            assert_true(costs[2].memory > 0 && costs[2].operations > 0);
            assert_true(costs[2].memory * 3 == law_numbers_kept(learner));
            drop(tape, learner, gradient);
            law_teardown(&rig);
        }
}

static void assert_refused(const char *network, size_t vocabulary, const char *settings, size_t K,
                           const char *expected) {
    const law_case what = {network, 3, vocabulary, 4, 4, 1, true, false};
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_learner *learner = NULL;
    law_rig rig;
    law_setup(&rig, &what);
    snprintf(text, sizeof text, "%s", settings);
    hth_settings split = law_split(text, items);
    hth_status status =
        hth_learner_create(&split, rig.network, K, 1, 1, rig.compute, NULL, &learner, &error);
    if (expected) {
        assert_int_equal(status, HTH_INVALID);
        if (!strstr(error.message, expected)) fail_msg("'%s' lacks '%s'", error.message, expected);
    } else {
        must(status, &error);
    }
    hth_learner_destroy(learner);
    law_teardown(&rig);
}

static void test_refused(void **state) {
    (void)state;
    const char *stack = "network.units=4,3", *words = "network.units=4 network.embedding=3";
    assert_refused(stack, 0, "learner.name=rflo", 2, "the length of a tape");
    assert_refused(words, 6, "learner.name=snap1", 2, "the length of a tape");
    assert_refused(words, 6, "learner.name=snap1", 1, NULL);
    assert_refused(stack, 0, "learner.name=tbptt learner.past=trace", 2, NULL);
    assert_refused(stack, 0, "learner.name=rflo learner.signal=none", 1, "nothing needs to be");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_perfect_prediction),
        cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_memory_is_as_stated),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
