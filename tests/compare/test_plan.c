/* Plans of comparisons: what runs they come to and what is refused; and comparing without memory. */
#include "comparisons.h"

#include "data/failing_malloc.h"

#define FIFTY "01234567890123456789012345678901234567890123456789"

/* ---- Plans ---------------------------------------------------------------------------------- */

static hth_plan *plan_of(const char *line) {
    hth_plan *plan = NULL;
    hth_error error;
    hth_config *config = configure(line);
    if (hth_plan_make(config, &plan, &error) != HTH_OK) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
    return plan;
}

/* The learner that an arm does not name is the settings', by default tbptt: ratios are to it. */
static void an_arm_need_not_name_its_learner(void **state) {
    (void)state;
    compare_whole(ADD "arms.long.learner.steps=4 arms.short.learner=rtrl compare.seeds=1", "arms");
    hth_comparison *c = results("arms", "");
    assert_int_equal(c->count, 2);
    assert_string_equal(c->rows[0].learner, "tbptt");
    assert_string_equal(c->rows[1].learner, "rtrl");
    assert_string_equal(c->reference, "long");
    assert_true(c->rows[1].ratio != 1 && c->rows[1].ratio > 0);
    hth_comparison_free(c);
}

static void arms_are_crossed_with_what_varies(void **state) {
    (void)state;
    hth_plan *plan = plan_of(ADD "compare.learners=tbptt,rtrl arms.mine.learner.steps=3 "
                                 "vary.optimiser.lr=1e-3,1e-2 vary.network.units=3,4,5");
    assert_int_equal(plan->count, 3 * 2 * 3);
    assert_int_equal(plan->seed_count, 5);
    assert_string_equal(plan->variants[0].arm, "tbptt");
    assert_string_equal(plan->variants[17].arm, "mine");
    assert_string_equal(plan->variants[0].varied,
                        "{\"optimiser.lr\":\"1e-3\",\"network.units\":\"3\"}");
    assert_string_equal(plan->variants[17].varied,
                        "{\"optimiser.lr\":\"1e-2\",\"network.units\":\"5\"}");
    hth_plan_free(plan);
}

/* A setting that another switches on, which not all arms do. */
static void what_some_arm_uses_others_may_have(void **state) {
    (void)state;
    static const char *const lines[] = {
        ADD "cell=lif regulariser.rate_target=.02 regulariser.rate_over=tape "
            "vary.regulariser.rate=0,1",
        ADD "cell=lif regulariser.rate_target=.02 regulariser.rate_over=tape "
            "arms.a.regulariser.rate=1 arms.b.learner=rtrl",
        ADD "optimiser.factor=.3 vary.optimiser.schedule=constant,step"};
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        hth_plan *plan = plan_of(lines[i]);
        assert_int_equal(plan->count, 2);
        hth_plan_free(plan);
    }
    static const char *const refused[] = {
        ADD "arms.a.regulariser.rate_target=.02 arms.b.learner=rtrl",
        ADD "vary.regulariser.rate_target=.02,.03", ADD "regulariser.rate_target=.02"};
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        hth_plan *plan;
        hth_error error;
        hth_config *config = configure(refused[i]);
        assert_int_equal(hth_plan_make(config, &plan, &error), HTH_INVALID);
        assert_non_null(strstr(error.message, "but no rates count in the loss"));
        hth_config_destroy(config);
    }
}

static void seeds_are_numbers_lists_and_ranges(void **state) {
    (void)state;
    const struct {
        const char *text;
        size_t count;
        uint64_t first, last;
    } cases[] = {{"4", 4, 1, 4}, {"7,3", 2, 7, 3}, {"21-40", 20, 21, 40}, {"5-5,9", 2, 5, 9}};
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[300];
        snprintf(line, sizeof line, ADD "compare.seeds=%s", cases[i].text);
        hth_plan *plan = plan_of(line);
        assert_int_equal(plan->seed_count, cases[i].count);
        assert_int_equal(plan->seeds[0], cases[i].first);
        assert_int_equal(plan->seeds[plan->seed_count - 1], cases[i].last);
        hth_plan_free(plan);
    }
}

static void without_arms_the_learner_is_one(void **state) {
    (void)state;
    hth_plan *plan = plan_of(ADD "learner=rtrl");
    assert_int_equal(plan->count, 1);
    assert_string_equal(plan->variants[0].arm, "rtrl");
    hth_plan_free(plan);
}

/* The loss of longer sequences is no worse for that: where they grow, their length is what counts. */
static void the_measure_follows_the_metric(void **state) {
    (void)state;
    const struct {
        const char *line;
        int measure;
    } cases[] = {
        {ADD, HTH_MEASURE_TRAIN_LOSS},
        {COPY, HTH_MEASURE_TRAIN_METRIC},
        {COPY "task.curriculum=false", HTH_MEASURE_TRAIN_LOSS},
        {COPY "compare.measure=auto", HTH_MEASURE_TRAIN_METRIC},
        {COPY "compare.measure=train_loss", HTH_MEASURE_TRAIN_LOSS},
        {"world=bandit network.units=3 compare.learners=tbptt", HTH_MEASURE_TRAIN_METRIC},
        {ADD "compare.measure=validation_loss", HTH_MEASURE_VALIDATION_LOSS},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_plan *plan = plan_of(cases[i].line);
        assert_int_equal(plan->options.measure, cases[i].measure);
        hth_plan_free(plan);
    }
}

/* A list in brackets is one value. */
static void lists_can_be_varied(void **state) {
    (void)state;
    const char *const varied[] = {"{\"network.units\":\"8, 8\"}", "{\"network.units\":\"4, 2\"}",
                                  "{\"network.units\":\"16\"}"};
    const char *const files[] = {"vary: {network.units: [[8, 8], [4, 2], 16]}\n",
                                 "vary:\n  network.units: [\"8, 8\", '4, 2', 16]\n",
                                 "vary:\n  network.units:\n    - [8, 8]\n    - [4, 2]\n    - 16\n"};
    for (size_t i = 0; i < HTH_COUNT(files); i++) {
        hth_config *config = configure(ADD);
        hth_error error;
        hth_plan *plan = NULL;
        FILE *file = fopen(scratch_path("vary.yaml"), "w");
        fputs(files[i], file);
        fclose(file);
        if (hth_config_load(config, scratch_path("vary.yaml"), &error) != HTH_OK ||
            hth_plan_make(config, &plan, &error) != HTH_OK)
            fail_msg("%s", error.message);
        assert_int_equal(plan->count, 3);
        for (size_t j = 0; j < 3; j++) assert_string_equal(plan->variants[j].varied, varied[j]);
        hth_plan_free(plan);
        hth_config_destroy(config);
    }
    hth_plan *plan = plan_of(ADD "vary.network.units=[[8,8],[4,2]]");
    assert_int_equal(plan->count, 2);
    assert_string_equal(plan->variants[1].varied, "{\"network.units\":\"4,2\"}");
    const hth_settings settings = hth_config_settings(plan->variants[1].config);
    assert_string_equal(hth_settings_find(&settings, "network.units")->value, "4,2");
    hth_plan_free(plan);
}

static void bad_plans_are_refused_in_words(void **state) {
    (void)state;
    const char *const cases[][2] = {
        {"compare.seeds=0", "command line: compare.seeds is '0', but must be a number N"},
        {"compare.seeds=5-3", "command line: compare.seeds is '5-3', but must be a number N"},
        {"compare.seeds=1,x", "command line: compare.seeds is '1,x', but must be a number N"},
        {"compare.seed=3",
         "command line: unknown setting compare.seed; did you mean 'compare.seeds'?"},
        {"compare.learners=tbptt,rtlr", "learner.name is 'rtlr', but must be one of "},
        {"compare.learners=tbptt,tbptt", "two arms have the label 'tbptt'"},
        {"vary.optimiser.lrr=1", "command line: unknown setting optimiser.lrr; did you mean "
                                 "'optimiser.lr'? (arm 'tbptt', optimiser.lrr=1)"},
        {"vary.optimiser.lr=0.1,1e-1",
         "command line: optimiser.lr is varied with the same value twice"},
        {"vary.optimiser.lr=,", "command line: optimiser.lr is varied without a value"},
        {"vary.train.seed=1,2", "seeds are given by compare.seeds"},
        {"vary.compare.final=1", "holds for the whole comparison"},
        {"arms.a.train.seed=1", "seeds are given by compare.seeds"},
        {"arms.a.optimiser.lr=1 vary.optimiser.lr=1", "is set by an arm, and varied too"},
        {"arms.a.cell=lsmt", "did you mean 'lstm'? (arm 'a')"},
        {"compare.measure=train_metric", "the metric is none"},
        {"compare.measure=validation_loss train.validate_every=-1", "there is no validation"},
        {"train.precision=half", "train.precision is 'half'"},
        {"vary.train.threads=1,2", "every run of a comparison has one thread"},
        {"arms.a.train.threads=2", "every run of a comparison has one thread"},
        {"loss=sigmoid vary.loss.unit=nats,bits",
         "the unit of the loss is bits, but that of arm 'tbptt' is "
         "nats, and one table cannot show both"},
        {"arms.a.loss=mse arms.b.loss=softmax", "the loss is softmax, but that of arm 'a' is mse "},
        {"loss=mse arms.a.learner.steps=2 arms.b.train.metric=mse",
         "the metric is mse, but that of arm 'a' is none"},
        {"vary.network.units=[8,8],[4,4]",
         "is varied with brackets that do not fit: write [8, 16]"},
        {"vary.network.units=[[8,8],[4,[4]]]", "is varied with brackets that do not fit"},
        {"vary.network.units=[[],[4]]", "is varied with brackets that do not fit"},
        {"vary.data.dir=/short,/" FIFTY FIFTY, "is varied with a value of more than 95 letters"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[400];
        hth_error error = {0};
        snprintf(line, sizeof line, ADD "%s", cases[i][0]);
        assert_int_equal(compare_line(line, "refused", NULL, &error), HTH_INVALID);
        if (!strstr(error.message, cases[i][1])) fail_msg("%s: %s", line, error.message);
        assert_int_not_equal(access(scratch_path("refused"), F_OK), 0);
    }
}

/* ---- Without memory ------------------------------------------------------------------------- */

static hth_status make_plan(const char *name, hth_error *error) {
    hth_plan *plan;
    (void)name;
    hth_config *config = NULL;
    hth_status status = hth_config_create(&config, error);
    if (status == HTH_OK) status = hth_config_override(config, "task=add", error);
    if (status == HTH_OK) status = hth_config_override(config, "arms.a.cell=lstm", error);
    if (status == HTH_OK) status = hth_config_override(config, "vary.learner.steps=1,2", error);
    if (status == HTH_OK) status = hth_plan_make(config, &plan, error);
    if (status == HTH_OK) hth_plan_free(plan);
    hth_config_destroy(config);
    return status;
}

static hth_status load_results(const char *name, hth_error *error) {
    hth_comparison *comparison;
    HTH_TRY(hth_comparison_load(name, NULL, &comparison, error));
    hth_comparison_free(comparison);
    return HTH_OK;
}

static hth_status load_stored(const char *name, hth_error *error) {
    hth_config *config = NULL;
    hth_status status = hth_config_create(&config, error);
    if (status == HTH_OK) status = hth_compare_stored(name, config, error);
    hth_config_destroy(config);
    return status;
}

static void fail_at_every_allocation(hth_status (*use)(const char *, hth_error *), const char *name,
                                     size_t least) {
    size_t failures = 0;
    assert_int_equal(use(name, NULL), HTH_OK); /* libraries take what they keep */
    for (size_t n = 0;; n++) {
        hth_error error = {0};
        failing_malloc_start(n);
        hth_status status = use(name, &error);
        size_t left = failing_malloc_stop_own();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        if (status != HTH_OK) assert_true(error.message[0] != '\0');
        failures += status != HTH_OK;
        if (!failing_malloc_reached()) break;
    }
    assert_true(failures >= least); /* the heap did fail */
}

static void without_memory(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    compare_whole(ADD "compare.learners=tbptt compare.seeds=1", "small");
    fail_at_every_allocation(make_plan, "", 20);
    fail_at_every_allocation(load_results, scratch_path("small"), 10);
    fail_at_every_allocation(load_stored, scratch_path("small"), 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_arm_need_not_name_its_learner),
        TEST(arms_are_crossed_with_what_varies),
        TEST(what_some_arm_uses_others_may_have),
        TEST(seeds_are_numbers_lists_and_ranges),
        TEST(without_arms_the_learner_is_one),
        TEST(the_measure_follows_the_metric),
        TEST(lists_can_be_varied),
        TEST(bad_plans_are_refused_in_words),
        TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
