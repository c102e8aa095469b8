/*
 * hth_learn_and_step has the bits of hth_gradient_clear, hth_learn and hth_optimiser_step: for every preset, cell and
 * optimiser, where the weights descend while their gradient is found and where they do not; and when both ways take
 * turns.
 */
#include "steps.h"

#include "credit/catalogues.h"

/* The law. Returns the updates in which the weights descended on the way; *any: the case has a meaning. */
static size_t check(const law_case *what, const char *how, size_t K, bool *any) {
    run three, one, turns, still;
    size_t descents;
    *any = open_run(&three, what, how, K);
    if (!*any) return 0;
    assert_true(open_run(&one, what, how, K) && open_run(&turns, what, how, K) &&
                open_run(&still, what, how, K));
    advance(&three, K, 0, UPDATES, THREE_CALLS);
    advance(&one, K, 0, UPDATES, ONE_CALL);
    advance(&turns, K, 0, UPDATES, IN_TURN);
    three.rig.report = three.report;
    law_assert_alive(&three.rig);
    assert_moved(&three, &still);
    if (!same(&three, &one)) fail_msg("%s, %s, K = %zu: other bits", what->settings, how, K);
    if (!same(&three, &turns)) fail_msg("%s, %s, K = %zu: in turn", what->settings, how, K);
    descents = one.descents;
    assert_true(descents == 0 || descents == UPDATES);
    assert_true(turns.descents <= descents);
    close_run(&three);
    close_run(&one);
    close_run(&turns);
    close_run(&still);
    return descents;
}

static const char *const cells[] = {
    "network.units=19 cell.name=rate cell.alpha=0.4 loss.name=mse",
    "network.units=9 cell.name=lstm loss.name=mse",
    "network.units=9 cell.name=gru loss.name=mse",
    "network.units=19 cell.name=lif cell.v_th=0.3 loss.name=mse readout.tau_out=10",
    "network.units=19 cell.name=alif cell.v_th=0.3 cell.beta=0.1 loss.name=mse readout.tau_out=10",
    "network.units=19 cell.name=lif cell.v_th=0.3 loss.name=mse",
};

static const char *const optimisers[] = {
    "optimiser.name=sgd optimiser.lr=1e-4",
    "optimiser.name=momentum optimiser.lr=1e-5",
    "optimiser.name=adam optimiser.lr=0.001",
    "optimiser.name=sgd optimiser.lr=1e-4 optimiser.weight_decay=0.1",
    ("optimiser.name=momentum optimiser.lr=1e-5 optimiser.weight_decay=0.1 optimiser.nesterov=true "
     "optimiser.clip_element=0.01"),
    "optimiser.name=adam optimiser.lr=0.001 optimiser.weight_decay=0.1 optimiser.lr_readout=0.3",
};

static bool is_among(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0) return true;
    return false;
}

/* Presets whose weights descend on the way wherever they have a meaning, with a tape of one step and one item. */
static const char *const descending[] = {
    "bptt",  "tbptt",    "rflo",           "eprop1",          "eprop1-symmetric",
    "snap1", "uoro",     "adaptive-eprop", "kernl",           "dni",
    "dni-b", "tbptt-sg", "tbptt-traces",   "eprop3-truncated"};

static void check_presets(size_t K, size_t batch, size_t first, size_t step) {
    size_t cases = 0, descents = 0;
    for (size_t p = 0; p < hth_learners.count; p++)
        for (size_t c = 0; c < HTH_COUNT(cells); c++)
            for (size_t o = first; o < HTH_COUNT(optimisers); o += step) {
                const char *name = hth_learners.at(p)->name;
                const law_case what = {cells[c], 3, 0, 2, UPDATES * K, batch, false, false};
                char how[400];
                bool any;
                snprintf(how, sizeof how, "learner.name=%s learner.kernel_lr=%s %s", name,
                         strstr(cells[c], "lif") ? "0" : "5", optimisers[o]);
                const size_t found = check(&what, how, K, &any);
                cases += any;
                descents += found > 0;
                if (!any) continue;
                const bool should =
                    K == 1 && batch == 1 && is_among(name, descending, HTH_COUNT(descending));
                if ((found > 0) != should)
                    fail_msg("%s, %s: %s", cells[c], how, should ? "no descent" : "a descent");
            }
    assert_true(cases > 60);
    assert_true(K > 1 || descents > 50);
}

static void test_every_preset(void **state) {
    (void)state;
    check_presets(1, 1, 0, 1);
}

static void test_general_way(void **state) {
    (void)state;
    check_presets(5, 3, 0, 3);
}

/* Networks of other forms: several parts a layer, a row longer than a part, a stack, tokens, missing connections,
 * weighted steps. */
static void test_forms(void **state) {
    static const struct {
        law_case what;
        const char *how;
        bool descends;
    } forms[] = {
        {{"network.units=70 cell.name=rate", 5, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd",
         true},
        {{"network.units=70 cell.name=rate", 5, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=adam",
         true},
        {{"network.units=3 cell.name=rate", 2100, 0, 2, UPDATES, 1, false, false},
         "learner.name=snap1 optimiser.name=momentum",
         true},
        {{"network.units=3 cell.name=rate init.w_in=zero", 2100, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=sgd optimiser.lr=1e-5",
         true},
        {{"network.units=70 cell.name=rate", 5, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd keep.name=si keep.every=2",
         true},
        {{"network.units=70 cell.name=rate", 5, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=adam keep.name=chain",
         true},
        {{"network.units=12,12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, true},
         "learner.name=rflo optimiser.name=adam",
         true},
        {{"network.units=12,12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=sgd",
         true},
        {{"network.units=12 network.connections=random network.density=0.3 cell.name=rate", 3, 0, 2,
          UPDATES, 1, false, false},
         "learner.name=snap1 optimiser.name=momentum",
         true},
        {{"network.units=12 network.embedding=4 cell.name=rate loss.name=softmax", 0, 9, 5, UPDATES,
          1, true, false},
         "learner.name=rflo optimiser.name=sgd",
         true},
        {{"network.units=12 network.embedding=4 cell.name=rate loss.name=softmax", 0, 9, 5, UPDATES,
          1, true, false},
         "learner.name=tbptt optimiser.name=adam",
         true},
        {{"network.units=12 network.embedding=4 cell.name=rate loss.name=softmax", 0, 9, 5, UPDATES,
          1, true, false},
         "learner.name=uoro optimiser.name=adam",
         false},
        {{"network.units=12 network.initial=learned cell.name=rate", 3, 0, 2, UPDATES, 1, false,
          false},
         "learner.name=rflo optimiser.name=sgd",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd optimiser.clip_norm=0.01",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=adam optimiser.lr_recurrent=0",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd optimiser.lr_layer=0.3",
         true},
        {{"network.units=7,6 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=adam optimiser.lr_layer=0.3,0.3",
         true},
        {{"network.units=7,6 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=adam optimiser.lr_layer=0,1",
         false},
        {{"network.units=7,6 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd optimiser.lr_layer=1,0",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=adam optimiser.schedule=exponential optimiser.every=7",
         true},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 2, false, false},
         "learner.name=rflo optimiser.name=sgd",
         false},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        bool any;
        const size_t descents = check(&forms[i].what, forms[i].how, 1, &any);
        if (!any || (descents > 0) != forms[i].descends)
            fail_msg("%s, %s: %zu descents", forms[i].what.settings, forms[i].how, descents);
    }
}

/* The comparison sees the last bit of a learning rate, and a sequence whose last two inputs change places. */
static void test_negative_control(void **state) {
    const law_case what = {cells[0], 3, 0, 2, UPDATES, 1, false, false};
    run a, b;
    (void)state;
    for (int c = 0; c < 2; c++) {
        assert_true(
            open_run(&a, &what, "learner.name=rflo optimiser.name=sgd optimiser.lr=0.01", 1));
        assert_true(open_run(&b, &what,
                             c ? "learner.name=rflo optimiser.name=sgd optimiser.lr=0.01"
                               : "learner.name=rflo optimiser.name=sgd optimiser.lr=0.010000001",
                             1));
        hth_real *x = (hth_real *)b.rig.chunk.x + (UPDATES - 2) * 3;
        for (size_t k = 0; c && k < 3; k++) {
            const hth_real kept = x[k];
            x[k] = x[3 + k];
            x[3 + k] = kept;
        }
        advance(&a, 1, 0, UPDATES, ONE_CALL);
        advance(&b, 1, 0, UPDATES, ONE_CALL);
        assert_false(same(&a, &b));
        close_run(&a);
        close_run(&b);
    }
}

/* Handles that do not fit are refused as by the three calls. */
static void test_refused(void **state) {
    const law_case what = {cells[0], 3, 0, 2, UPDATES, 1, false, false};
    const law_case other = {cells[0], 2, 0, 2, UPDATES, 1, false, false};
    run a, b;
    hth_error error;
    (void)state;
    assert_true(open_run(&a, &what, "learner.name=rflo", 1) &&
                open_run(&b, &other, "learner.name=rflo", 1));
    assert_int_equal(update(&a, true, &error), HTH_INVALID); /* nothing on the tape */
    const hth_chunk chunk = law_cut(&a.rig, 0, 1);
    must(hth_forward(a.tape, &chunk, &a.report, &error), &error);
    assert_int_equal(
        hth_learn_and_step(a.learner, a.tape, b.gradient, a.optimiser, a.rig.network, 1, &error),
        HTH_MISMATCH);
    assert_int_equal(
        hth_learn_and_step(a.learner, a.tape, a.gradient, b.optimiser, a.rig.network, 1, &error),
        HTH_MISMATCH);
    close_run(&a);
    close_run(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_preset), cmocka_unit_test(test_general_way),
        cmocka_unit_test(test_forms),        cmocka_unit_test(test_negative_control),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
