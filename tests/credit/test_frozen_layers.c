/* Lower layers that do not learn (optimiser.lr_layer) are left out of the work where nothing else needs their errors: the
 * layers that learn have the same gradient, bit for bit, and theirs is 0. A model does so by itself. */
#include "../model/models.h"

#include "credit/inspect.h"

/* The gradient of the whole sequence, with the first layers frozen; frees with the caller. */
static hth_real *gradient_of(law_rig *rig, const char *learner_settings, size_t K, size_t lowest) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    snprintf(text, sizeof text, "%s", learner_settings);
    const hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, rig->network, K, rig->what.batch, 1, rig->compute, NULL,
                            &learner, &error),
         &error);
    hth_learner_freeze(learner, lowest);
    must(hth_learner_tape(learner, rig->compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        const hth_chunk cut = law_cut(rig, t, K);
        must(hth_forward(tape, &cut, &rig->report, &error), &error);
        must(hth_learn(learner, tape, gradient, &error), &error);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(gradient), rig->count * sizeof *copy);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    return copy;
}

/* Where the parameters of layer l begin. */
static size_t start_of(const law_rig *rig, size_t l) {
    return l < rig->network->layer_count ? rig->network->layers[l].weight
                                         : rig->network->recurrent_count;
}

static void test_the_others_learn_as_before(void **state) {
    (void)state;
    enum { STEPS = 12 };
    static const struct {
        const char *network, *learner;
        size_t K, lowest;
        bool skips;
    } cases[] = {
        {"network.units=5,4 cell.name=gru network.initial=learned", "learner.name=bptt", 12, 1,
         true},
        {"network.units=5,4,3 cell.name=rate", "learner.name=tbptt", 4, 2, true},
        {"network.units=5,4,3 cell.name=lstm", "learner.name=tbptt", 4, 1, true},
        {"network.units=5,4 network.reads=below,below+input", "learner.name=tbptt", 1, 1, true},
        {"network.units=5,4,3 network.reads=input,input,below+input", "learner.name=tbptt", 4, 2,
         true},
        {"network.units=5,4 network.dropout=0.3", "learner.name=tbptt", 4, 2, true},
        {"network.units=6,5 cell.name=alif cell.v_th=0.4 regulariser.rate=1 "
         "regulariser.rate_over=tape",
         "learner.name=tbptt learner.recurrence=random", 4, 1, true},
        {"network.units=5,4", "learner.name=tbptt learner.signal=direct", 4, 1, true},
        /* These need the errors of all layers, and change nothing. */
        {"network.units=5,4", "learner.name=rtrl", 4, 1, false},
        {"network.units=5,4", "learner.name=rflo", 1, 1, false},
        {"network.units=5,4", "learner.name=dni", 4, 1, false},
        {"network.units=5,4", "learner.name=tbptt learner.inputs=true", 4, 1, false},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const law_case what = {cases[i].network, 3, 0, 2, STEPS, 2, false, false};
        law_rig rig;
        law_setup(&rig, &what);
        hth_real *all = gradient_of(&rig, cases[i].learner, cases[i].K, 0);
        hth_real *some = gradient_of(&rig, cases[i].learner, cases[i].K, cases[i].lowest);
        const size_t from = start_of(&rig, cases[i].lowest);
        size_t frozen = 0, before = 0;
        for (size_t k = 0; k < from; k++) frozen += some[k] != 0, before += all[k] != 0;
        if (memcmp(all + from, some + from, (rig.count - from) * sizeof *all) != 0)
            fail_msg("%s, %s: layers that learn have another gradient", cases[i].network,
                     cases[i].learner);
        if (cases[i].skips ? frozen > 0 : frozen != before)
            fail_msg("%s, %s: %zu numbers of frozen layers", cases[i].network, cases[i].learner,
                     frozen);
        assert_true(before > 10);
        law_assert_alive(&rig);
        free(all);
        free(some);
        law_teardown(&rig);
    }
}

/* A model's learner knows what its optimiser does not change. */
static void test_a_model_leaves_them_out(void **state) {
    (void)state;
    for (int frozen = 0; frozen < 2; frozen++) {
        char settings[200];
        law_rig rig;
        size_t count = 0;
        snprintf(settings, sizeof settings,
                 "network.units=5,4 learner.name=tbptt learner.steps=3 optimiser.lr_layer=%s",
                 frozen ? "0,1" : "1,1");
        const law_case what = {settings, 3, 0, 2, 3, 1, false, false};
        law_setup(&rig, &what);
        hth_model *model = model_make(&rig, 3, 0);
        const hth_model_parts *parts = hth_model_parts_of(model);
        hth_error error;
        must(hth_forward(parts->tape, &rig.chunk, &rig.report, &error), &error);
        must(hth_learn(parts->learner, parts->tape, parts->gradient, &error), &error);
        for (size_t k = 0; k < start_of(&rig, 1); k++)
            count += hth_gradient_values(parts->gradient)[k] != 0;
        assert_true(frozen ? count == 0 : count > 10);
        hth_model_destroy(model);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_others_learn_as_before),
        cmocka_unit_test(test_a_model_leaves_them_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
