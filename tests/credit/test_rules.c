/*
 * The rules of which choices go together: they speak of parts that there are, and each is broken by some combination
 * of choices, networks and settings, which is then refused with its sentence and number; what no rule forbids can be
 * made.
 */
#include "parts.h"

#include "credit/catalogues.h"
#include "network/tape.h"

static const hth_catalogue *axis_of(const char *name) {
    static const hth_catalogue *const all[] = {&hth_signals, &hth_recurrences, &hth_pasts,
                                               &hth_futures};
    for (size_t i = 0; i < HTH_COUNT(all); i++)
        if (strcmp(all[i]->kind, name) == 0) return all[i];
    return NULL;
}

static void assert_names(size_t index, const hth_choice *choice) {
    if (!choice->axis || strcmp(choice->axis, "window") == 0) return;
    const hth_catalogue *axis = axis_of(choice->axis);
    assert_non_null(axis);
    for (size_t i = 0; i < HTH_MOST_NAMES && choice->names[i]; i++) {
        bool found = false;
        for (size_t k = 0; k < axis->count; k++)
            found = found || strcmp(axis->at(k)->name, choice->names[i]) == 0;
        if (!found)
            fail_msg("rule %zu: no %s is called %s", index + 1, axis->kind, choice->names[i]);
    }
}

static void test_rules_speak_of_parts(void **state) {
    (void)state;
    const hth_rule *rule;
    size_t count = 0;
    for (; (rule = hth_rule_at(count)); count++) {
        assert_true(rule->of.axis && rule->why && !rule->when == !rule->where);
        assert_names(count, &rule->of);
        assert_names(count, &rule->with);
        assert_names(count, &rule->without);
    }
    assert_true(count > 30);
}

enum { MOST_RULES = 100 };

/* What comes of one combination: the rule that refuses it is marked. */
static void try_one(const law_rig *rig, const char *words, size_t steps, bool seen[MOST_RULES]) {
    char text[400];
    hth_setting items[LAW_SETTINGS];
    hth_drawer drawers[HTH_AXES];
    hth_learner plan;
    hth_error error;
    snprintf(text, sizeof text, "%s", words);
    const hth_settings settings = law_split(text, items);
    if (hth_learner_plan(&settings, rig->network, steps, 1, 1, drawers, &plan, &error) == HTH_OK)
        return;
    const char *at = strstr(error.message, " (rule ");
    const size_t number = at ? strtoul(at + strlen(" (rule "), NULL, 10) : 0;
    const hth_rule *rule = number ? hth_rule_at(number - 1) : NULL;
    char end[64];
    snprintf(end, sizeof end, " (rule %zu of `hitherto list --rules`)", number);
    if (!rule || strcmp(at, end) != 0) fail_msg("%s: no rule says '%s'", words, error.message);
    char choice[40]; /* several rules may share a sentence */
    snprintf(choice, sizeof choice, "learner.%s = ", rule->of.axis);
    if (!strstr(error.message, rule->why) || !strstr(error.message, choice))
        fail_msg("rule %zu does not say '%s'", number, error.message);
    seen[number - 1] = true;
}

static void try_all(const law_rig *rig, const char *more, size_t steps, bool seen[MOST_RULES]) {
    for (size_t s = 0; s < hth_signals.count; s++)
        for (size_t r = 0; r < hth_recurrences.count; r++)
            for (size_t p = 0; p < hth_pasts.count; p++)
                for (size_t f = 0; f < hth_futures.count; f++) {
                    char words[400];
                    snprintf(words, sizeof words,
                             "learner.signal=%s learner.recurrence=%s learner.past=%s "
                             "learner.future=%s %s",
                             hth_signals.at(s)->name, hth_recurrences.at(r)->name,
                             hth_pasts.at(p)->name, hth_futures.at(f)->name, more);
                    try_one(rig, words, steps, seen);
                }
}

/* A layer that takes errors back by itself; no step of it is run. */
static void back(const hth_layer *layer, const hth_tape_layer *on, size_t t, size_t batch,
                 size_t item, const hth_layer_errors *errors) {
    (void)layer;
    (void)on;
    (void)t;
    (void)batch;
    (void)item;
    (void)errors;
}

static const hth_layer_kind without_table = {.back = back};

static void test_every_rule_refuses(void **state) {
    (void)state;
    static const law_case cases[] = {
        {"cell.name=rate network.units=3", 2, 0, 2, 4, 1, false, false},
        {"cell.name=lif network.units=3", 2, 0, 2, 4, 1, false, false},
        {"cell.name=lif network.units=3 regulariser.rate=1", 2, 0, 2, 4, 1, false, false},
        {"cell.name=lstm network.units=3,3 readout.kappa=0.5", 2, 0, 2, 4, 1, false, false},
        {"cell.name=lif network.units=3,3 network.initial=learned", 2, 0, 2, 4, 1, false, false},
        {"cell.name=rate network.units=3 network.initial=learned", 2, 0, 2, 4, 1, false, false},
        {"cell.name=rate network.units=3 network.embedding=2", 0, 5, 2, 4, 1, false, false},
        {"cell.name=rate network.units=3 network.direction=both", 2, 0, 2, 4, 1, false, false},
        {"cell.name=rate network.units=3 network.delay=1..3", 2, 0, 2, 4, 1, false, false},
        {"cell.name=rate network.units=2,2", 2, 0, 2, 4, 1, false, false},
        {"cell.name=rate network.units=2,2", 2, 0, 300, 4, 1, false, false},
        {"cell.name=rate network.units=2", 2, 0, 300, 4, 1, false, false},
        {"cell.name=rate network.units=2,2 readout.reads=top+input", 2, 0, 2, 4, 1, false, false},
        {"cell.name=lif network.units=2 network.dropout=0.5 readout.kappa=0.5", 2, 0, 2, 4, 1,
         false, false},
        {"cell.name=rate network.units=2,2 network.reads=backward,below", 2, 0, 2, 4, 1, false,
         false},
        {"network.units=2,2 network.layers=units,store", 2, 0, 2, 4, 1, false, false},
        {"network.units=2,2 network.layers=units,store readout.kappa=0.5", 2, 0, 2, 4, 1, false,
         false},
        {"network.units=2,2 network.layers=units,store network.dropout=0.5", 2, 0, 2, 4, 1, false,
         false},
        {"network.units=2,2,2 network.layers=units,store,store", 2, 0, 2, 4, 1, false, false},
        {"network.units=2,2,2 network.layers=units,store,units", 2, 0, 2, 4, 1, false, false},
        {"network.units=2,2 network.layers=units,store network.embedding=2 "
         "network.reads=below,below+input",
         0, 5, 2, 4, 1, false, false},
        {"network.units=2,2 network.layers=units,store network.embedding=2", 0, 5, 2, 4, 1, false,
         false},
        {"network.units=2,2 network.layers=units,store store.feedback=true", 2, 0, 2, 4, 1, false,
         false},
        {"network.units=2,2 network.layers=units,store network.initial=learned", 2, 0, 2, 4, 1,
         false, false},
    };
    static const char *const more[] = {
        "",
        "learner.window=3",
        "learner.trace=instantaneous",
        "learner.postsynaptic=one",
        "learner.scale_trace=one",
        "learner.scale_filtered=one",
        "learner.sg_activation=tanh",
        "learner.sg_refresh=2",
        "learner.sg_loss=1",
    };
    bool seen[MOST_RULES] = {false};
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        law_rig rig;
        law_setup(&rig, &cases[c]);
        for (size_t m = 0; m < HTH_COUNT(more); m++)
            for (size_t steps = 1; steps <= 4; steps += 3) try_all(&rig, more[m], steps, seen);
        if (c == 0) try_all(&rig, "learner.sg_loss=1 learner.inputs=true", 1, seen);
        if (c == 0) try_one(&rig, "learner.window=3 learner.readout=rls", 1, seen);
        if (c == 1)
            try_one(&rig,
                    "learner.signal=module learner.past=trace "
                    "learner.recurrence=none learner.readout=rls",
                    1, seen);
        rig.network->layers[0].kind = &without_table;
        if (c == 0) try_all(&rig, "", 1, seen);
        law_teardown(&rig);
    }
    law_rig rig;
    law_setup(&rig,
              &(law_case){"network.units=3 readout.feedback=true", 2, 0, 2, 4, 1, false, false});
    try_one(&rig, "learner.signal=readout", 1, seen);
    law_teardown(&rig);
    for (size_t i = 0; hth_rule_at(i); i++)
        if (!seen[i]) fail_msg("nothing breaks rule %zu: %s", i + 1, hth_rule_at(i)->why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_speak_of_parts),
        cmocka_unit_test(test_every_rule_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
