/*
 * A model that is saved at any step and loaded goes on with the same bits; what is damaged, cut short or of another
 * model is refused, and changes nothing.
 */
#include "model/models.h"

#define ADAM " optimiser.name=adam optimiser.lr=0.02"

static const law_case cases[] = {
    {"cell.name=rate network.units=5 learner.name=rtrl" ADAM, 3, 0, 2, 13, 1, false, false},
    {"cell.name=lstm network.units=5,4 learner.name=tbptt readout.kappa=0.3 "
     "readout.bias_place=inside learner.update=sequence" ADAM,
     2, 0, 3, 13, 2, true, true},
    {"cell.name=gru network.units=6 network.embedding=3 learner.name=tbptt "
     "learner.update=sequence" ADAM,
     0, 7, 4, 13, 2, true, false},
    {"cell.name=alif network.units=12 learner.name=eprop1 cell.v_th=0.2 readout.kappa=0.5 "
     "cell.refractory=2 regulariser.rate=0.1 regulariser.rate_over=tape" ADAM,
     4, 0, 2, 13, 2, true, false},
    {"cell.name=lif network.units=70 learner.name=rflo cell.v_th=0.2 network.events=always" ADAM, 4,
     0, 2, 13, 2, false, false},
    {"cell.name=lif network.units=9 learner.name=rtrl cell.v_th=0.2 network.delay=1..4 "
     "network.input_delay=0..2" ADAM,
     4, 0, 2, 13, 2, false, false},
    {"cell.name=rate network.units=5 learner.name=tbptt learner.window=8 network.delay=1..4 "
     "network.input_delay=0..2" ADAM,
     4, 0, 2, 13, 2, false, false},
    {"cell.name=rate network.units=5 learner.name=uoro" ADAM, 2, 0, 2, 13, 1, false, false},
    {"cell.name=rate network.units=5 learner.name=snapN network.connections=ring" ADAM, 2, 0, 2, 13,
     2, false, false},
    {"cell.name=rate network.units=5 learner.name=dni" ADAM, 2, 0, 2, 13, 1, false, false},
    {"cell.name=gru network.units=5 learner.name=f-bptt learner.window=9 readout.kappa=0.3" ADAM, 2,
     0, 2, 13, 2, false, true},
    {"cell.name=rate network.units=5 learner.name=tbptt learner.window=8" ADAM, 2, 0, 2, 13, 1,
     true, false},
    {"cell.name=gru network.units=5,4 network.layers=units,store store.rows=3 store.every=12 "
     "learner.name=rflo" ADAM,
     2, 0, 2, 13, 2, false, false},
    {"cell.name=rate network.units=5,4 network.layers=units,store store.feedback=true "
     "store.every=3 "
     "store.score=cosine learner.name=tbptt" ADAM,
     2, 0, 2, 13, 1, false, false},
    {"cell.name=rate network.units=5 learner.name=kernl" ADAM, 2, 0, 2, 13, 1, false, false},
};
static const struct { size_t K, late; } tapes[] = {{1, 0}, {4, 0}, {1, 3}, {4, 2}};

/* A step, and the answer to the step `late` steps before. */
static void step(const law_rig *rig, hth_model *model, size_t t, size_t late, hth_report *report) {
    hth_error error;
    model_predict(rig, model, t, NULL);
    if (t < late) return;
    hth_answer answer = model_answer(rig, t - late, late);
    answer.ends = t + 1 == rig->what.steps;
    must(hth_model_learn(model, &answer, report, &error), &error);
}

/* To the end of the sequence, and a step of the next. */
static void steps(const law_rig *rig, hth_model *model, size_t from, size_t late) {
    hth_report report = {0};
    for (size_t t = from; t < rig->what.steps; t++) step(rig, model, t, late, &report);
    step(rig, model, 0, 0, &report);
}

/* A model that has learned something else. */
static hth_model *another(const law_rig *rig, size_t K, size_t late) {
    hth_model_plan plan = model_plan(rig, K, late);
    hth_model *model;
    hth_report report = {0};
    hth_error error;
    must(hth_model_create(&plan, NULL, &model, &error), &error);
    for (size_t t = 0; t < 5; t++) {
        model_predict(rig, model, 7 - t, NULL);
        const hth_answer answer = model_answer(rig, 7 - t, t < late ? 0 : late);
        if (t >= late) must(hth_model_learn(model, &answer, &report, &error), &error);
    }
    return model;
}

static void assert_goes_on(const law_case *what, size_t K, size_t late) {
    law_rig rig;
    law_setup(&rig, what);
    for (size_t at = 0; at < what->steps; at++) {
        hth_model *through = model_make(&rig, K, late), *loaded = another(&rig, K, late);
        hth_model *never = another(&rig, K, late);
        hth_report report = {0};
        hth_error error;
        size_t bytes, later;
        for (size_t t = 0; t < at; t++) step(&rig, through, t, late, &report);
        unsigned char *saved = model_saved(through, &bytes);
        must(hth_model_load(loaded, saved, bytes, &error), &error);
        unsigned char *again = model_saved(loaded, &later);
        assert_int_equal(bytes, later);
        assert_memory_equal(saved, again, bytes);
        steps(&rig, through, at, late);
        steps(&rig, loaded, at, late);
        steps(&rig, never, at, late);
        free(saved);
        free(again);
        if (!same_bits(&rig, model_parameters(through), model_parameters(loaded)))
            fail_msg("%s, K = %zu, late = %zu: saved after step %zu", what->settings, K, late, at);
        assert_false(same_bits(&rig, model_parameters(through), model_parameters(never)));
        hth_model_destroy(never);
        hth_model_destroy(loaded);
        hth_model_destroy(through);
    }
    law_teardown(&rig);
}

static void test_a_loaded_model_goes_on(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t k = 0; k < HTH_COUNT(tapes); k++)
            if (tapes[k].K == 1 || !strstr(cases[c].settings, "kernl"))
                assert_goes_on(&cases[c], tapes[k].K, tapes[k].late);
}

/* The same as never saved. */
static void test_saving_changes_nothing(void **state) {
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        const size_t K = strstr(cases[c].settings, "kernl") ? 1 : 4;
        law_setup(&rig, &cases[c]);
        hth_model *saved = model_make(&rig, K, 2), *other = model_make(&rig, K, 2);
        hth_report report = {0};
        for (size_t t = 0; t < 13; t++) {
            size_t bytes;
            free(model_saved(saved, &bytes));
            step(&rig, saved, t, 2, &report);
            step(&rig, other, t, 2, &report);
        }
        assert_true(same_bits(&rig, model_parameters(saved), model_parameters(other)));
        hth_model_destroy(other);
        hth_model_destroy(saved);
        law_teardown(&rig);
    }
}

/* ---- What is refused ---- */

typedef struct damaged {
    law_rig rig;
    hth_model *model;
    unsigned char *saved, *before, *now;
    size_t bytes;
} damaged;

static void setup(damaged *d, const law_case *what) {
    hth_report report = {0};
    law_setup(&d->rig, what);
    d->model = model_make(&d->rig, 4, 0);
    for (size_t t = 0; t < 6; t++) step(&d->rig, d->model, t, 0, &report);
    d->saved = model_saved(d->model, &d->bytes);
    for (size_t t = 6; t < 9; t++) step(&d->rig, d->model, t, 0, &report);
    d->before = model_saved(d->model, &d->bytes);
    d->now = malloc(d->bytes);
}

static void teardown(damaged *d) {
    free(d->saved);
    free(d->before);
    free(d->now);
    hth_model_destroy(d->model);
    law_teardown(&d->rig);
}

static void assert_refused(damaged *d, size_t bytes, hth_status expected, const char *words) {
    hth_error error = {HTH_OK, ""};
    assert_int_equal(hth_model_load(d->model, d->saved, bytes, &error), expected);
    if (!strstr(error.message, words)) fail_msg("'%s' lacks '%s'", error.message, words);
    must(hth_model_save(d->model, d->now, d->bytes, &error), &error);
    assert_memory_equal(d->now, d->before, d->bytes);
}

static void test_every_byte_counts(void **state) {
    (void)state;
    const law_case what = {
        "cell.name=rate network.units=3 learner.name=rflo" ADAM, 1, 0, 1, 9, 1, false, false};
    damaged d;
    hth_error error;
    setup(&d, &what);
    for (size_t i = 0; i < d.bytes; i++) {
        d.saved[i] ^= (unsigned char)(1 << i % 8);
        assert_refused(&d, d.bytes, HTH_FILE, i < 8 ? "no saved model" : "");
        d.saved[i] ^= (unsigned char)(1 << i % 8);
    }
    for (size_t i = 0; i < d.bytes; i++) {
        unsigned char *cut = malloc(i ? i : 1); /* so that reading on is seen */
        memcpy(cut, d.saved, i);
        unsigned char *whole = d.saved;
        d.saved = cut;
        assert_refused(&d, i, HTH_FILE, "");
        d.saved = whole;
        free(cut);
    }
    must(hth_model_load(d.model, d.saved, d.bytes, &error), &error);
    must(hth_model_save(d.model, d.now, d.bytes, &error), &error);
    assert_memory_equal(d.now, d.saved, d.bytes);
    assert_int_equal(hth_model_save(d.model, d.now, d.bytes - 1, &error), HTH_NO_MEMORY);
    teardown(&d);
}

/* The checksum of what somebody has written with care. */
static void seal(damaged *d) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < d->bytes - 8; i++) sum = (sum ^ d->saved[i]) * 1099511628211u;
    memcpy(d->saved + d->bytes - 8, &sum, 8);
}

/* Where the first number of a field lies. */
static unsigned char *numbers_of(damaged *d, const char *name) {
    for (size_t i = 0; i + 56 < d->bytes; i++)
        if (strcmp((char *)d->saved + i, name) == 0) return d->saved + i + 56;
    fail_msg("no field %s", name);
    return NULL;
}

/* Numbers that others are looked up by, sealed with a right checksum. */
static void test_numbers_out_of_range(void **state) {
    (void)state;
    static const char *const fields[] = {"tape.tokens", "tape.classes", "tape.said",
                                         "tape.lengths"};
    damaged d;
    setup(&d, &cases[2]);
    for (size_t i = 0; i < HTH_COUNT(fields); i++) {
        const int32_t out = 1 << 20;
        unsigned char *at = numbers_of(&d, fields[i]), kept[4];
        memcpy(kept, at, 4);
        memcpy(at, &out, 4);
        seal(&d);
        assert_refused(&d, d.bytes, HTH_FILE, fields[i]);
        memcpy(at, kept, 4);
    }
    const uint64_t many = 100;
    unsigned char *marks = d.saved + 32;
    for (size_t i = 0; i < 21; i++) {
        unsigned char kept[8];
        if (i == 9 || i == 11) continue; /* epoch and sequence may be any */
        memcpy(kept, marks + 8 * i, 8);
        memcpy(marks + 8 * i, &many, 8);
        seal(&d);
        assert_refused(&d, d.bytes, i < 4 ? HTH_MISMATCH : HTH_FILE,
                       i < 3    ? "tapes of"
                       : i == 3 ? "seed"
                                : "mark");
        memcpy(marks + 8 * i, kept, 8);
    }
    teardown(&d);
}

static void test_another_plan(void **state) {
    (void)state;
    static const char *const others[] = {
        "cell.name=rate network.units=6 learner.name=rtrl" ADAM,
        "cell.name=lstm network.units=5 learner.name=rtrl" ADAM,
        "cell.name=rate network.units=5 learner.name=rflo" ADAM,
        "cell.name=rate network.units=5 learner.name=rtrl optimiser.name=sgd",
        "cell.name=rate network.units=5 learner.name=rtrl readout.kappa=0.5" ADAM};
    damaged d;
    setup(&d, &cases[0]);
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        law_case what = cases[0];
        law_rig rig;
        size_t bytes;
        what.settings = others[i];
        law_setup(&rig, &what);
        hth_model *model = model_make(&rig, 4, 0);
        unsigned char *whole = d.saved;
        d.saved = model_saved(model, &bytes);
        assert_refused(&d, bytes, HTH_MISMATCH, "the saved model has");
        free(d.saved);
        d.saved = whole;
        hth_model_destroy(model);
        law_teardown(&rig);
    }
    teardown(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loaded_model_goes_on),
        cmocka_unit_test(test_saving_changes_nothing),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_numbers_out_of_range),
        cmocka_unit_test(test_another_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
