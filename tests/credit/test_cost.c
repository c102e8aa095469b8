/*
 * What learners say of their cost: every formula can be evaluated, and the numbers that it says are carried
 * are those that a checkpoint of the learner holds, for any sizes.
 */
#include "credit/catalogues.h"
#include "credit/joint.h"
#include "credit/learner.h"
#include "laws.h"

static const law_case networks[] = {
    {.settings = "cell.name=rate network.units=5", .inputs = 3, .outputs = 2},
    {.settings = "cell.name=lstm network.units=4", .inputs = 2, .outputs = 3},
    {.settings = "cell.name=gru network.units=3", .inputs = 2, .outputs = 2},
    {.settings = "cell.name=alif network.units=4 readout.tau_out=20", .inputs = 3, .outputs = 2},
    {.settings = "cell.name=rate network.units=4,3", .inputs = 3, .outputs = 2},
    {.settings = "cell.name=gru network.units=4,3 network.layers=units,store store.rows=5",
     .inputs = 3,
     .outputs = 2},
};

static hth_learner *make(const law_rig *rig, const char *name) {
    hth_setting item = {"learner.name", name, NULL};
    const hth_settings settings = {&item, 1};
    hth_axes axes;
    hth_error error;
    hth_learner *learner;
    must(hth_axes_read(&settings, &axes, &error), &error);
    const size_t steps = axes.preset->steps == HTH_ONE_STEP ? 1 : 6;
    if (hth_learner_create(&settings, rig->network, steps, 1, 1, rig->compute, NULL, &learner,
                           &error) != HTH_OK)
        return NULL; /* this network cannot have it */
    return learner;
}

static double stated(const hth_learner *learner) {
    hth_cost costs[HTH_COSTS];
    double memory = 0;
    hth_learner_costs(learner, costs);
    for (size_t a = 0; a < HTH_COSTS; a++) {
        if (isnan(costs[a].memory) || isnan(costs[a].operations))
            fail_msg("%s: a formula cannot be evaluated", costs[a].part);
        if (!costs[a].in_double) memory += costs[a].memory;
    }
    return memory;
}

/* Rows of the influence tensor, of the weights of a prediction (and their copy) and of what a window of ten steps
 * keeps are padded to whole registers, the first also to spread over the cache. */
static double padding(const hth_learner *learner) {
    const double N = (double)hth_joint_states(learner->network);
    const double o = (double)learner->network->readout.outputs;
    const char *future = learner->axes.future->axis.part.name;
    if (strcmp(learner->axes.past->axis.part.name, "influence") == 0) return 32 * N;
    if (strcmp(future, "synthetic") ==
        0) /* up to 512 hidden units; and the label and credit that it waits with */
        return 3 * 16 * (N + o + 1 + 513) + N + o;
    return strcmp(future, "window") == 0 ? 10 * 16 * (double)learner->network->layer_count : 0;
}

/* Feedback that follows from the seed is kept, but not in a checkpoint. */
static double follows_from_seed(const hth_learner *learner) {
    const hth_readout *r = &learner->network->readout;
    const bool random = strcmp(learner->axes.signal->axis.part.name, "random") == 0;
    return random ? (double)(r->outputs * r->n) : 0;
}

static void test_formulae(void **state) {
    size_t compared = 0;
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(networks); i++) {
        law_case what = networks[i];
        law_rig rig;
        what.steps = 1, what.batch = 1;
        law_setup(&rig, &what);
        for (size_t k = 0; k < hth_learners.count; k++) {
            const char *name = hth_learners.at(k)->name;
            hth_learner *learner = make(&rig, name);
            if (!learner) continue;
            const double formula = stated(learner),
                         kept = law_numbers_kept(learner) + follows_from_seed(learner);
            if (kept < formula || kept > formula + padding(learner))
                fail_msg("%s on %s: the formula says %g, the state has %g", name, what.settings,
                         formula, kept);
            compared += formula > 0;
            hth_learner_destroy(learner);
        }
        law_teardown(&rig);
    }
    assert_true(compared >= 20);
}

/* Least squares carry doubles, and what a step is beside them: two numbers and a count. */
static void test_least_squares(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(networks); i++) {
        law_case what = networks[i];
        law_rig rig;
        hth_kept kept;
        hth_error error;
        hth_cost costs[HTH_COSTS];
        what.steps = 1, what.batch = 1;
        law_setup(&rig, &what);
        hth_learner *learner = make(&rig, "rls");
        assert_non_null(learner);
        must(hth_learner_kept(learner, &kept, &error), &error);
        hth_learner_costs(learner, costs);
        double doubles = 0, r = (double)(rig.network->readout.n + rig.network->readout.has_bias);
        for (size_t a = 0; a < HTH_COSTS; a++) doubles += costs[a].in_double ? costs[a].memory : 0;
        const double bytes = (double)kept.bytes - (double)kept.numbers * sizeof(hth_real);
        assert_true(bytes == 8 * (doubles + 3) && doubles > 10);
        assert_true(costs[HTH_COSTS - 1].operations == 1.5 * r * r);
        hth_learner_destroy(learner);
        law_teardown(&rig);
    }
}

static void test_formulae_depend_on_the_network(void **state) {
    double numbers[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        law_case what = networks[0];
        law_rig rig;
        what.steps = 1, what.batch = 1;
        what.settings = i ? "cell.name=rate network.units=10" : "cell.name=rate network.units=5";
        law_setup(&rig, &what);
        hth_learner *rtrl = make(&rig, "rtrl");
        numbers[i] = stated(rtrl);
        hth_learner_destroy(rtrl);
        law_teardown(&rig);
    }
    assert_true(numbers[0] == 5 * 5 * 9 && numbers[1] == 10 * 10 * 14);
}

/* What Marschall et al. 2019, p. 3, say that each algorithm fails by: from the parts, not from this list. */
static void test_verdicts(void **state) {
    static const struct {
        const char *name, *fails[4];
    } verdicts[] = {
        {"rflo", {NULL}},
        {"dni-b", {NULL}},
        {"readout-only", {NULL}},
        {"uoro", {"ii", NULL}},
        {"kf-rtrl", {"ii", "iv", NULL}},
        {"r-kf", {"ii", "iv", NULL}},
        {"kernl", {"vi", NULL}},
        {"dni", {"ii", "iii", NULL}},
        {"rtrl", {"ii", "iv", NULL}},
        {"f-bptt", {"ii", "-", NULL}},
        {"tbptt", {"ii", "-", NULL}},
    };
    law_case what = networks[0];
    law_rig rig;
    (void)state;
    what.steps = 1, what.batch = 1;
    law_setup(&rig, &what);
    for (size_t i = 0; i < HTH_COUNT(verdicts); i++) {
        hth_need needs[HTH_ALL_NEEDS];
        hth_learner *learner = make(&rig, verdicts[i].name);
        assert_non_null(learner);
        const size_t count = hth_learner_needs(learner, needs);
        size_t expected = 0;
        for (; verdicts[i].fails[expected]; expected++) {
            bool fails = false;
            for (size_t k = 0; k < count; k++)
                fails = fails || (!needs[k].feasible &&
                                  strcmp(needs[k].operation, verdicts[i].fails[expected]) == 0);
            if (!fails)
                fail_msg("%s should fail (%s)", verdicts[i].name, verdicts[i].fails[expected]);
        }
        for (size_t k = 0; k < count; k++) {
            bool listed = needs[k].feasible;
            for (size_t e = 0; e < expected; e++)
                listed = listed || strcmp(needs[k].operation, verdicts[i].fails[e]) == 0;
            if (!listed) fail_msg("%s fails (%s) too", verdicts[i].name, needs[k].operation);
        }
        hth_learner_destroy(learner);
    }
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulae),
        cmocka_unit_test(test_least_squares),
        cmocka_unit_test(test_formulae_depend_on_the_network),
        cmocka_unit_test(test_verdicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
