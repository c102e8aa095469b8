/* Settings from YAML and from key=value: what they come to, what is refused, and that a written file
 * loads back to the same. */
#include "data/failing_malloc.h"
#include "scratch.h"
#include "settings/config.h"

typedef struct fixture {
    char path[96];
    hth_config *config;
    hth_error error;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    if (scratch_make(NULL) != 0 || chdir(scratch) != 0) return -1;
    snprintf(f->path, sizeof f->path, "run.yaml");
    *state = f;
    return hth_config_create(&f->config, NULL) == HTH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    hth_config_destroy(f->config);
    remove(f->path);
    remove("written.yaml");
    int left = chdir("/") + rmdir(scratch); /* fails when a temporary file is left behind */
    free(f);
    return left;
}

static hth_status load(fixture *f, const char *text) {
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return hth_config_load(f->config, f->path, &f->error);
}

static void holds(const hth_config *config, const char *key, const char *value) {
    const hth_settings settings = hth_config_settings(config);
    const hth_setting *setting = hth_settings_find(&settings, key);
    if (!setting) fail_msg("%s is not set", key);
    assert_string_equal(setting->value, value);
}

static void comes_from(const hth_config *config, const char *key, const char *origin) {
    const hth_settings settings = hth_config_settings(config);
    assert_string_equal(hth_settings_find(&settings, key)->origin, origin);
}

static void test_sections_lists_and_short_names(void **state) {
    fixture *f = *state;
    assert_int_equal(load(f, "# a comment\n"
                             "task: add\n"
                             "cell:\n"
                             "  name: alif\n"
                             "  tau_m: [20, 30.5,\n"
                             "          40]\n"
                             "  beta: \"1.8\"\n"
                             "past: influence\n"
                             "network.units: 3\n"),
                     HTH_OK);
    assert_int_equal(hth_config_settings(f->config).count, 6);
    holds(f->config, "task.name", "add");
    holds(f->config, "cell.name", "alif");
    holds(f->config, "cell.tau_m", "20, 30.5, 40");
    holds(f->config, "cell.beta", "1.8");
    holds(f->config, "learner.past", "influence");
    holds(f->config, "network.units", "3");
    comes_from(f->config, "task.name", "run.yaml:2");
    comes_from(f->config, "cell.tau_m", "run.yaml:5");
    assert_int_equal(hth_config_validate(f->config, &f->error), HTH_OK);
}

static void test_overrides(void **state) {
    fixture *f = *state;
    assert_int_equal(load(f, "task: add\ntrain:\n  seed: 1\n"), HTH_OK);
    assert_int_equal(hth_config_override(f->config, "train.seed=7", &f->error), HTH_OK);
    assert_int_equal(hth_config_override(f->config, "cell=lif", &f->error), HTH_OK);
    assert_int_equal(hth_config_override(f->config, "cell.tau_m=[20, 30]", &f->error), HTH_OK);
    holds(f->config, "train.seed", "7");
    holds(f->config, "cell.name", "lif");
    holds(f->config, "cell.tau_m", "20, 30");
    comes_from(f->config, "train.seed", "command line");
    static const char *const wrong[] = {"train.seed", "=3", "foo=1", "network=2", ""};
    for (size_t i = 0; i < HTH_COUNT(wrong); i++)
        assert_int_equal(hth_config_override(f->config, wrong[i], &f->error), HTH_INVALID);
    assert_int_equal(hth_config_settings(f->config).count, 5);
}

static void refuses_file(fixture *f, const char *text, const char *message) {
    assert_int_equal(load(f, text), HTH_INVALID);
    assert_string_equal(f->error.message, message);
    assert_int_equal(hth_config_settings(f->config).count, 0); /* nothing is half-changed */
}

static void test_files_that_are_refused(void **state) {
    fixture *f = *state;
    refuses_file(f, "task: add\ncell: {name: lstm\n",
                 "run.yaml:3: this is not YAML: did not find expected ',' or '}'");
    refuses_file(f, "cell:\n  name: lstm\n  name: gru\n",
                 "run.yaml:3: cell.name was already set at run.yaml:2");
    refuses_file(f, "task: add\ntask.name: add\n",
                 "run.yaml:2: task.name was already set at run.yaml:1");
    refuses_file(f, "cell:\n  name: lstm\ntask: add\ncell:\n  tau_m: 2\n",
                 "run.yaml:5: section cell was already begun at run.yaml:2; put its settings "
                 "together");
    refuses_file(f, "cell:\n  tau_m:\n    deep: 1\n",
                 "run.yaml:3: cell.tau_m must have one value or a list, not a level of its own");
    refuses_file(f, "phases:\n  a: {train.steps: 1}\n  a: {task.lag1: 2}\n",
                 "run.yaml:3: phase 'a' was already given at run.yaml:2: take another name");
    refuses_file(f, "phases:\n  - {train.steps: 1}\n",
                 "run.yaml:2: phases is a list, but each phase needs a name: write first: "
                 "{train.steps: 1000} for each, with another name, below phases");
    refuses_file(f, "phase:\n  a: {train.steps: 1}\n",
                 "run.yaml:2: there is no section phase; did you mean 'phases'?");
    refuses_file(f, "arm:\n  a: {train.steps: 1}\n",
                 "run.yaml:2: there is no section arm; did you mean 'arms'?");
    refuses_file(f, "cell:\n  tau_m: [[1]]\n",
                 "run.yaml:2: cell.tau_m is a list, whose items must be plain values");
    refuses_file(f, "cell:\n  tau_m: []\n", "run.yaml:2: cell.tau_m is an empty list");
    refuses_file(f, "task:\ncell: lstm\n", "run.yaml:1: task has no value");
    refuses_file(f, "cell:\n  tau_m: ~\n", "run.yaml:2: cell.tau_m has no value");
    refuses_file(f, "cell: &a lstm\n",
                 "run.yaml:1: anchors (&name) and tags (!name) are not used in settings");
    refuses_file(f, "cell: !!str lstm\n",
                 "run.yaml:1: anchors (&name) and tags (!name) are not used in settings");
    refuses_file(f, "cell: *a\n", "run.yaml:1: aliases (*name) are not used in settings");
    refuses_file(f, "task: add\nvary.vary.task: ad\n",
                 "run.yaml:2: vary.vary.task: `vary` and arms hold settings of a run, such as "
                 "network.units, and neither `vary` nor `arms`");
    refuses_file(f, "arms.a.vary.task: add\n",
                 "run.yaml:1: arms.a.vary.task: `vary` and arms hold settings of a run, such as "
                 "network.units, and neither `vary` nor `arms`");
    refuses_file(f, "- task\n",
                 "run.yaml:1: settings are written as 'section:' with 'name: value' "
                 "lines below");
    refuses_file(f, "task: add\n---\ncell: gru\n",
                 "run.yaml:2: a settings file holds one document; here a second one begins");
    refuses_file(f, "task: add\nunits: 3\n",
                 "run.yaml:2: there is no setting 'units'; did you mean 'network.units'?");
}

static void test_a_missing_file(void **state) {
    fixture *f = *state;
    assert_int_equal(hth_config_load(f->config, "none.yaml", &f->error), HTH_FILE);
    assert_string_equal(f->error.message,
                        "cannot read settings file none.yaml: No such file or directory");
    assert_int_equal(hth_config_load(f->config, scratch, &f->error), HTH_FILE);
}

static void is_invalid(const char *const assignments[], const char *message) {
    hth_config *config;
    hth_error error;
    assert_int_equal(hth_config_create(&config, &error), HTH_OK);
    for (size_t i = 0; assignments[i]; i++)
        assert_int_equal(hth_config_override(config, assignments[i], &error), HTH_OK);
    assert_int_equal(hth_config_validate(config, &error), HTH_INVALID);
    hth_config_destroy(config);
    assert_string_equal(error.message, message);
}

#define IS_INVALID(message, ...) is_invalid((const char *const[]){__VA_ARGS__, NULL}, message)

static void test_settings_that_are_refused(void **state) {
    (void)state;
    IS_INVALID("command line: cell.beta is a setting of cell alif, not of lstm", "task=add",
               "cell=lstm", "cell.beta=1");
    IS_INVALID("command line: cell.v_th is a setting of cell lif, alif, cubalif, not of rate",
               "task=add", "cell.v_th=1");
    IS_INVALID("command line: task.lag1 is a setting of task add, but task.name is not given",
               "data=text", "data.dir=.", "task.lag1=2");
    IS_INVALID("command line: unknown setting network.unit; did you mean 'network.units'?",
               "task=add", "network.unit=3");
    IS_INVALID("command line: unknown setting netwrok.units: there is no section netwrok; did you "
               "mean 'network'?",
               "task=add", "netwrok.units=3");
    IS_INVALID("command line: unknown setting network.zzz; 'hitherto list settings network' shows "
               "what there is",
               "task=add", "network.zzz=3");
    IS_INVALID(
        "command line: network.cells is 'lstn', but must be one of rate, rate-pre, lstm, gru, "
        "lif, alif, cubalif, sublstm, modrelu; did you mean 'lstm'?",
        "task=add", "network.units=4,4", "network.cells=lif,lstn");
    IS_INVALID(
        "command line: network.cells is 'lif', which is for 1 layer, but network.units names "
        "2; write one word a layer, with commas between them",
        "task=add", "network.units=4,4", "network.cells=lif");
    IS_INVALID("command line: layer2.cell.tau_m is of layer 2, but network.units names 2, and the "
               "first is layer 0",
               "task=add", "network.units=4,4", "network.cells=lif,alif", "layer2.cell.tau_m=3");
    IS_INVALID("command line: layer1.cell.beta is a setting of cell alif, not of lif", "task=add",
               "network.units=4,4", "network.cells=alif,lif", "layer1.cell.beta=3");
    IS_INVALID("command line: cell.beta is a setting of cell alif, not of lstm, lif", "task=add",
               "network.units=4,4", "network.cells=lstm,lif", "cell.beta=3");
    IS_INVALID("command line: unknown setting layer0.cell.bta; did you mean 'layer0.cell.beta'?",
               "task=add", "network.units=4,4", "network.cells=alif,lif", "layer0.cell.bta=3");
    IS_INVALID("command line: layer0.cell.name is not a setting: network.cells names the cell of "
               "each layer, such as network.cells=alif,lstm",
               "task=add", "layer0.cell.name=lif");
    IS_INVALID("command line: network.connections is 'nne', but must be one of all, ring, random, "
               "none, given; did you mean 'none'?",
               "task=add", "network.units=4,4", "network.connections=all,nne");
    IS_INVALID("command line: network.reads is 'abvoe', but must be one of below, input, "
               "below+input, backward",
               "task=add", "network.reads=abvoe");
    IS_INVALID("command line: train.seed is 'one', but must be a whole number from 0 to 9e15",
               "task=add", "train.seed=one");
    IS_INVALID("both task.name (command line) and data.name (command line) are given; a run has "
               "one or the other",
               "task=add", "data=text", "data.dir=.");
    IS_INVALID("there is nothing to learn from: give a task (task=add), data (data=text "
               "data.dir=FOLDER) or a world (world=bandit); 'hitherto list tasks', 'hitherto "
               "list data' and 'hitherto list worlds' show them",
               "cell=lstm");
    IS_INVALID("network.density (command line) is '0.2', but no connections are random: set "
               "network.connections=random, or leave it out",
               "task=add", "network.density=0.2", "network.connections=ring");
    IS_INVALID("learner.rls_every (command line) is '2', but nothing learns by least squares: set "
               "learner.readout=rls, or leave it out",
               "task=add", "learner=rflo", "learner.rls_every=2");
    IS_INVALID(
        "regulariser.rate_target (command line) is '.5', but no rates count in the loss: set "
        "regulariser.rate, or leave it out",
        "task=add", "regulariser.rate_target=.5");
    IS_INVALID("optimiser.every (command line) is '5', but the learning rate is constant: set "
               "optimiser.schedule, or leave it out",
               "task=add", "optimiser.every=5");
    IS_INVALID("optimiser.factor (command line) is '.9', but the learning rate is constant: set "
               "optimiser.schedule, or leave it out",
               "task=add", "optimiser.factor=.9");
    IS_INVALID("train.stop_over (command line) is '3', but no metric ends the run: set "
               "train.stop_at, or leave it out",
               "task=add", "train.stop_over=3");
    IS_INVALID("phases.a.train.stop_over (command line) is '3', but no metric ends the run: set "
               "train.stop_at, or leave it out",
               "phases.a.task=add", "phases.b.task=add", "phases.a.train.stop_over=3");
}

/* The same where they mean something, and where they are the defaults, which each run's own file has. */
static void test_settings_that_are_used_are_taken(void **state) {
    fixture *f = *state;
    static const char *const lines[] = {
        "network: {connections: [all, random], density: 0.2, units: [3, 2]}\n",
        "learner: {name: rls, rls_every: 2}\n",
        "learner: {name: rflo, readout: rls, rls_alpha: 3, rls_until: 5, rls_forgetting: 0.9}\n",
        "network: {density: 0.10}\nlearner: {rls_every: 1, rls_alpha: 1.0}\n",
        "regulariser: {rate: 1, rate_target: 0.5, rate_over: tape}\n",
        "optimiser: {schedule: step, factor: 0.9, every: 5}\n",
        "train: {stop_at: 0, stop_over: 3}\n",
        /* Switched off by who knows what switches them, or on in a phase, an arm or where it varies. */
        "regulariser: {rate: 0, rate_target: 0.5}\n",
        "optimiser: {schedule: constant, factor: 0.9}\n",
        "train: {stop_at: -1, stop_over: 3}\n",
        "train: {stop_over: 3}\nphases: {a: {train.stop_at: 0.5}, b: {train.steps: 9}}\n",
        "train: {stop_over: 3, stop_at: 0.5}\nphases: {a: {train.stop_at: -1}}\n",
        "regulariser: {rate_target: 0.5}\narms: {a: {regulariser.rate: 1}, b: {cell: alif}}\n",
        "optimiser: {factor: 0.9}\nvary: {optimiser.schedule: [constant, step]}\n",
        "regulariser: {rate_target: 0.010}\noptimiser: {every: 1e2}\ntrain: {stop_over: 1}\n",
    };
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        char text[300];
        snprintf(text, sizeof text, "task: add\n%s", lines[i]);
        assert_int_equal(load(f, text), HTH_OK);
        if (hth_config_validate(f->config, &f->error) != HTH_OK) fail_msg("%s", f->error.message);
        hth_config_destroy(f->config);
        assert_int_equal(hth_config_create(&f->config, NULL), HTH_OK);
    }
}

static void test_every_value_is_checked_also_one_that_is_overridden(void **state) {
    fixture *f = *state;
    assert_int_equal(load(f, "task: add\ntrain:\n  seed: x\n"), HTH_OK);
    assert_int_equal(hth_config_override(f->config, "train.seed=7", &f->error), HTH_OK);
    assert_int_equal(hth_config_validate(f->config, &f->error), HTH_INVALID);
    assert_string_equal(f->error.message,
                        "run.yaml:3: train.seed is 'x', but must be a whole number from 0 to 9e15");
}

static void test_a_written_file_loads_back(void **state) {
    fixture *f = *state;
    static const char *const odd[] = {
        "a b, c", "# not a comment", "colon: here",   "\"quoted\" \\", " spaces ", "null", "",
        "...",    "- dash",          "\xc3\xa9\ttab", "-1e-3"};
    for (size_t i = 0; i < HTH_COUNT(odd); i++) {
        hth_config *again;
        assert_int_equal(hth_config_create(&again, NULL), HTH_OK);
        assert_int_equal(load(f, "data: text\ncell: alif\nlearner: rtrl\n"), HTH_OK);
        assert_int_equal(hth_config_override(f->config, "cell.tau_m=[20, 30]", NULL), HTH_OK);
        assert_int_equal(hth_config_override(f->config, "network.units=2", NULL), HTH_OK);
        assert_int_equal(hth_config_set(f->config, "data.dir", odd[i], NULL, NULL), HTH_OK);
        assert_int_equal(hth_config_validate(f->config, &f->error), HTH_OK);
        assert_int_equal(hth_config_write(f->config, "written.yaml", &f->error), HTH_OK);
        if (hth_config_load(again, "written.yaml", &f->error) != HTH_OK)
            fail_msg("%s", f->error.message);
        if (hth_config_validate(again, &f->error) != HTH_OK) fail_msg("%s", f->error.message);
        const hth_settings before = hth_config_settings(f->config);
        for (size_t j = 0; j < before.count; j++)
            holds(again, before.items[j].key,
                  hth_settings_find(&before, before.items[j].key)->value);
        assert_true(hth_config_settings(again).count > before.count); /* defaults are written */
        holds(again, "train.seed", "1");
        hth_config_destroy(again);
    }
}

/* Layers with settings of their own: a file written has a section for each. */
static void test_a_written_stack_loads_back(void **state) {
    fixture *f = *state;
    hth_config *again;
    assert_int_equal(hth_config_create(&again, NULL), HTH_OK);
    assert_int_equal(load(f, "task: add\n"
                             "network:\n"
                             "  units: [3, 2]\n"
                             "  cells: [alif, lif]\n"
                             "cell:\n"
                             "  tau_m: 30\n"
                             "layer1:\n"
                             "  cell.tau_m: [5, 6]\n"),
                     HTH_OK);
    if (hth_config_validate(f->config, &f->error) != HTH_OK) fail_msg("%s", f->error.message);
    assert_int_equal(hth_config_write(f->config, "written.yaml", &f->error), HTH_OK);
    if (hth_config_load(again, "written.yaml", &f->error) != HTH_OK)
        fail_msg("%s", f->error.message);
    if (hth_config_validate(again, &f->error) != HTH_OK) fail_msg("%s", f->error.message);
    holds(again, "network.cells", "alif, lif");
    holds(again, "layer0.cell.tau_m", "30");
    holds(again, "layer1.cell.tau_m", "5, 6");
    holds(again, "layer0.cell.beta", "0.03");
    const hth_settings written = hth_config_settings(again);
    assert_null(hth_settings_find(&written, "layer1.cell.beta")); /* lif has none */
    assert_null(hth_settings_find(&written, "cell.tau_m"));
    hth_config_destroy(again);
}

static void test_a_file_that_cannot_be_written(void **state) {
    fixture *f = *state;
    assert_int_equal(hth_config_write(f->config, "no/such/folder.yaml", &f->error), HTH_FILE);
    assert_string_equal(f->error.message,
                        "cannot write no/such/folder.yaml: No such file or directory");
}

static hth_status go_through_all(const char *path, hth_error *error) {
    hth_config *config;
    HTH_TRY(hth_config_create(&config, error));
    hth_status status = hth_config_load(config, path, error);
    if (status == HTH_OK) status = hth_config_override(config, "cell.tau_m=[20, 30]", error);
    if (status == HTH_OK) status = hth_config_validate(config, error);
    if (status == HTH_OK) status = hth_config_write(config, "written.yaml", error);
    hth_config_destroy(config);
    return status;
}

static void test_every_allocation_may_fail(void **state) {
    fixture *f = *state;
    assert_int_equal(load(f, "task: add\ncell:\n  name: alif\n  beta: [1, 2, 3]\n"), HTH_OK);
    bool reached = FAILING_MALLOC;
    size_t failures = 0;
    for (size_t n = 0; reached; n++) {
        failing_malloc_start(n);
        hth_status status = go_through_all(f->path, &f->error);
        size_t left = failing_malloc_stop();
        reached = failing_malloc_reached();
        assert_int_equal(left, 0);
        if (!reached) assert_int_equal(status, HTH_OK);
        failures += status != HTH_OK;
    }
    if (FAILING_MALLOC) assert_true(failures > 10);
}

/* Every table is sound: defaults are of their own type and within their own bounds. */
static void test_every_default_is_valid(void **state) {
    (void)state;
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(all[i]->summary);
        for (size_t j = 0; j <= all[i]->count; j++) {
            const hth_options *table =
                j < all[i]->count ? &all[i]->at(j)->options : &all[i]->common;
            for (size_t k = 0; k < table->count; k++) {
                const hth_option *option = &table->items[k];
                const hth_setting setting = {option->name, option->fallback, "table"};
                char out[16];
                hth_error error;
                assert_non_null(option->help);
                if (option->fallback &&
                    hth_option_parse(option, table->section, &setting, out, &error) != HTH_OK)
                    fail_msg("%s", error.message);
            }
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sections_lists_and_short_names),
        TEST(test_overrides),
        TEST(test_files_that_are_refused),
        TEST(test_a_missing_file),
        TEST(test_settings_that_are_refused),
        TEST(test_settings_that_are_used_are_taken),
        TEST(test_every_value_is_checked_also_one_that_is_overridden),
        TEST(test_a_written_file_loads_back),
        TEST(test_a_written_stack_loads_back),
        TEST(test_a_file_that_cannot_be_written),
        TEST(test_every_allocation_may_fail),
        TEST(test_every_default_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
