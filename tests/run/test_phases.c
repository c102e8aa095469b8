/*
 * Phases: one phase is the plain run and a run that is interrupted in any phase ends with the same bits; a phase draws
 * its own trials; the matrix has what `eval` says of each phase; what phases cannot change is refused.
 */
#include "files/folder.h"
#include "runs.h"
#include "session/source.h"
#include "settings/phases.h"

#include <math.h>

/* Of one shape, whatever the delay. */
#define COPY                                                                                       \
    "task=copy-memory task.delay=3 train.batch=3 network.units=8 optimiser.name=adam "             \
    "optimiser.lr=0.01 learner=tbptt learner.steps=9 "
#define SHORT "train.validation_steps=16 "
#define TWO "phases.first.train.steps=69 phases.second.task.delay=5 phases.second.train.steps=75 "

static hth_settings parse(const char *line, hth_config **config) {
    *config = configure(line);
    return hth_config_settings(*config);
}

/* ---- The same bits ------------------------------------------------------------------------ */

/* Whether all tensors of run_a, but for what counts phases, have the same bits in run_b. */
static bool contains_states(const char *run_a, const char *run_b) {
    const char *runs[2] = {run_a, run_b};
    hth_safetensors *files[2];
    char path[320], *bytes[2];
    const hth_tensor *list[2];
    size_t count[2], length, at[2], compared = 0;
    bool same = true;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(runs[i]));
        assert_int_equal(hth_safetensors_open(path, &files[i], NULL), HTH_OK);
        bytes[i] = read_whole(path, &length);
        uint64_t header;
        memcpy(&header, bytes[i], sizeof header);
        at[i] = sizeof header + header;
        list[i] = hth_safetensors_list(files[i], &count[i]);
    }
    for (size_t i = 0; i < count[0]; i++)
        for (size_t j = 0; j < count[1]; j++) {
            const hth_tensor *a = &list[0][i], *b = &list[1][j];
            if (strcmp(a->name, b->name) != 0 || strncmp(a->name, "run.", 4) == 0) continue;
            compared++;
            same = same && a->end - a->begin == b->end - b->begin &&
                   memcmp(bytes[0] + at[0] + a->begin, bytes[1] + at[1] + b->begin,
                          a->end - a->begin) == 0;
        }
    assert_true(compared > 8);
    for (int i = 0; i < 2; i++) {
        hth_safetensors_close(files[i]);
        free(bytes[i]);
    }
    return same;
}

static void test_one_phase_is_the_plain_run(void **state) {
    (void)state;
    train_whole(COPY "train.steps=138", "plain");
    train_whole(COPY "phases.only.train.steps=138", "only");
    assert_true(contains_states("plain", "only"));
    assert_true(same_metrics("plain", "only"));
    /* Control: another length. */
    train_whole(COPY "phases.only.train.steps=115", "shorter");
    assert_false(contains_states("plain", "shorter"));
}

static void test_interruptions_change_no_bit(void **state) {
    (void)state;
    static const char *const lines[] = {
        COPY TWO SHORT,
        COPY TWO SHORT "phases.reset_optimiser=true optimiser.schedule=halving",
        COPY TWO SHORT "phases.third.train.steps=23 train.keep_state=true",
        "task=copy-memory task.delay=3 train.batch=2 network.units=6 learner=rflo "
        "learner.steps=9 " SHORT
        "learner.update=sequence phases.a.train.steps=46 phases.b.train.steps=46",
    };
    for (size_t i = 0; i < HTH_COUNT(lines); i++)
        assert_interruptions_change_no_bit(lines[i], i, 3);
}

static void test_threads_change_no_bit(void **state) {
    (void)state;
    train_whole(COPY TWO "train.threads=1", "one");
    train_whole(COPY TWO "train.threads=3", "three");
    assert_int_equal(different_tensors("one", "three"), 0);
    assert_true(same_metrics("one", "three"));
}

static void test_optimiser_goes_on_unless_reset(void **state) {
    (void)state;
    uint64_t steps[2];
    for (int reset = 0; reset < 2; reset++) {
        char path[320];
        hth_safetensors *file;
        train_whole(reset ? COPY TWO "phases.reset_optimiser=true" : COPY TWO,
                    reset ? "new" : "on");
        snprintf(path, sizeof path, "%s/checkpoint.safetensors",
                 scratch_path(reset ? "new" : "on"));
        hth_field field = {
            .name = "optimiser.step", .dtype = HTH_DTYPE_U64, .count = 1, .data = &steps[reset]};
        assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
        assert_int_equal(hth_safetensors_restore(file, &field, 1, 0, NULL), HTH_OK);
        hth_safetensors_close(file);
    }
    assert_int_equal(steps[0], 3 * 3 + 3 * 3); /* three tapes a sequence, three sequences a phase */
    assert_int_equal(steps[1], 3 * 3);
    assert_false(contains_states("on", "new"));
}

/* ---- Draws -------------------------------------------------------------------------------- */

/* The first inputs and targets that a stream gives. */
static void draw(const char *line, hth_split split, double out[64]) {
    hth_config *config;
    const hth_settings settings = parse(line, &config);
    hth_source source;
    hth_chunk chunk;
    hth_position_flags flags;
    size_t used = 0;
    assert_int_equal(hth_source_open(&settings, split, 2, 7, &source, NULL), HTH_OK);
    memset(out, 0, 64 * sizeof *out);
    if (!source.kind) used = 64; /* the task has no such split */
    while (used < 64) {
        assert_int_equal(source.kind->next(source.state, 16, &chunk, &flags, NULL), HTH_OK);
        const size_t count = chunk.steps * chunk.batch;
        for (size_t i = 0; i < count && used < 64; i++) {
            const size_t n = source.shape.inputs;
            for (size_t k = 0; k < n && used < 64; k++) out[used++] = (double)chunk.x[i * n + k];
            if (used < 64 && chunk.classes) out[used++] = chunk.classes[i];
            if (used < 64 && chunk.targets)
                out[used++] = (double)chunk.targets[i * source.shape.outputs];
        }
    }
    if (source.kind) hth_source_close(&source);
    hth_config_destroy(config);
}

static void test_each_phase_has_its_own_draws(void **state) {
    (void)state;
    static const char *const tasks[] = {"add",         "adding",      "arm",   "associative-recall",
                                        "copy-memory", "copy-repeat", "mimic", "recall",
                                        "store-recall"};
    for (size_t i = 0; i < HTH_COUNT(tasks); i++) {
        char first[100], second[100];
        double a[64], again[64], b[64];
        snprintf(first, sizeof first, "task=%s", tasks[i]);
        snprintf(second, sizeof second, "task=%s phases.number=1", tasks[i]);
        draw(first, HTH_TRAIN, a);
        draw(first, HTH_TRAIN, again);
        draw(second, HTH_TRAIN, b);
        assert_memory_equal(a, again, sizeof a);
        if (memcmp(a, b, sizeof a) == 0) fail_msg("%s draws the same twice", tasks[i]);
        /* Validation is of the task, not of the phase. */
        draw(first, HTH_VALIDATE, a);
        draw(second, HTH_VALIDATE, b);
        assert_memory_equal(a, b, sizeof a);
    }
}

/* ---- The matrix --------------------------------------------------------------------------- */

static void test_sums_of_a_matrix_by_hand(void **state) {
    (void)state;
    static const double values[] = {0.1, 0.2, 0.3,   /* before */
                                    0.9, 0.4, 0.3,   /* after the first */
                                    0.5, 0.8, 0.45,  /* after the second */
                                    0.6, 0.7, 0.85}; /* after the third */
    hth_transfer t;
    assert_int_equal(hth_transfer_create(3, &t, NULL), HTH_OK);
    assert_true(isnan(hth_transfer_sum_up(&t, true).of[HTH_ACC]));
    memcpy(t.values, values, sizeof values);
    hth_transfer_facts sum = hth_transfer_sum_up(&t, true);
    assert_true(fabs(sum.of[HTH_ACC] - (0.6 + 0.7 + 0.85) / 3) < 1e-15);
    assert_true(fabs(sum.of[HTH_LA] - (0.9 + 0.8 + 0.85) / 3) < 1e-15);
    assert_true(fabs(sum.of[HTH_BWT] - ((0.6 - 0.9) + (0.7 - 0.8)) / 2) < 1e-15);
    assert_true(fabs(sum.of[HTH_FWT] - ((0.4 - 0.2) + (0.45 - 0.3)) / 2) < 1e-15);
    assert_true(fabs(sum.of[HTH_FORGETTING] - ((0.9 - 0.6) + (0.8 - 0.7)) / 2) < 1e-15);
    /* Where less is better: what was a loss is a gain, and the best is the least. */
    sum = hth_transfer_sum_up(&t, false);
    assert_true(fabs(sum.of[HTH_BWT] - ((0.9 - 0.6) + (0.8 - 0.7)) / 2) < 1e-15);
    assert_true(fabs(sum.of[HTH_FORGETTING] - ((0.6 - 0.5) + (0.7 - 0.4)) / 2) < 1e-15);
    hth_transfer_destroy(&t);
    /* One phase has nothing to forget. */
    assert_int_equal(hth_transfer_create(1, &t, NULL), HTH_OK);
    t.values[0] = 0.1;
    t.values[1] = 0.7;
    sum = hth_transfer_sum_up(&t, true);
    assert_true(sum.of[HTH_ACC] == 0.7 && sum.of[HTH_LA] == 0.7 && isnan(sum.of[HTH_BWT]) &&
                isnan(sum.of[HTH_FORGETTING]));
    hth_transfer_destroy(&t);
}

/* The last row of R is what `eval --phase` says of the finished run, and no other. */
static void test_eval_says_the_last_row(void **state) {
    (void)state;
    static const char *const names[] = {"first", "second"};
    char path[320];
    size_t length;
    train_whole(COPY TWO "train.validation_steps=25", "looked-at");
    assert_true(summary_number("looked-at", "steps") == 69 + 75);
    snprintf(path, sizeof path, "%s/summary.json", scratch_path("looked-at"));
    char *text = read_whole(path, &length);
    const char *row = strstr(strstr(text, "\"after\""), "],"); /* behind the first row */
    assert_non_null(row);
    char *end = strchr(row, '[') + 1;
    for (int k = 0; k < 2; k++) {
        const hth_setting setting = {"phases.look_at", names[k], "test"};
        const hth_settings overrides = {&setting, 1};
        hth_score score;
        const double stated = strtod(end + (*end == ','), &end);
        assert_int_equal(
            hth_evaluate(scratch_path("looked-at"), "validation", &overrides, NULL, &score, NULL),
            HTH_OK);
        assert_true(fabs(stated - score.metric) < 1e-9);
    }
    assert_true(fabs(json_number(text, "acc") - json_number(text, "la")) < 1);
    free(text);
}

/* ---- What is refused ---------------------------------------------------------------------- */

static void test_nonsense_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {COPY "phases.a.network.units=9", "network, learner, optimiser"},
        {COPY "phases.a.train.seed=9", "network, learner, optimiser"},
        {COPY "phases.a.task.dely=9", "did you mean 'task.delay'"},
        {COPY "phases.a.task.delay=many", "task.delay"},
        {COPY "phases.a.train.steps=20 phases.b.task=add", "phase 'b'"},
        {"network.units=4 learner=tbptt learner.steps=9 phases.a.task=copy-memory "
         "phases.a.train.steps=20 phases.b.task=adding",
         "the network is made for 10 inputs and 9 classes"},
        {"task=copy-memory network.units=4 learner=bptt phases.a.train.steps=20 "
         "phases.b.task.delay=9",
         "set learner.steps"},
        {COPY "phases.a.train.patience=2 phases.a.train.validate_every=-1", "patience"},
        {COPY "phases.a.train.steps=20 phases.b.train.epochs=2", "has no epochs"},
        {"network.units=4 phases.a.train.steps=20", "nothing to learn from"},
        {COPY "phases.reset_optimizer=true", "did you mean 'phases.reset_optimiser'"},
        {COPY "phases.reset_optimiser=true", "there are no phases"},
        {COPY "phases.look_at=first", "there are no phases"},
        {COPY TWO "phases.look_at=third", "there is no phase 'third'; there are first, second"},
        {COPY "phases.a.train.stps=9", "did you mean 'train.steps'? (phase 'a')"},
        {COPY "phases.a.train.steps=many", "(phase 'a')"},
        {COPY "phases.a.tain.steps=9", "did you mean 'train'? (phase 'a')"},
        {COPY "phase.a.train.steps=9", "did you mean 'phases'?"},
        {COPY "phases.a.cell.tau_m=9", "network, learner, optimiser"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_ending ending;
        hth_error error = {.message = ""};
        const hth_status status = train_line(cases[i].line, "never", false, NULL, &ending, &error);
        if (status == HTH_OK || !strstr(error.message, cases[i].says))
            fail_msg("%s: %s", cases[i].line, error.message);
        assert_false(hth_file_exists(scratch_path("never")));
    }
    /* Names. */
    hth_config *config;
    hth_error error;
    assert_int_equal(hth_config_create(&config, NULL), HTH_OK);
    assert_int_equal(hth_config_override(config, "phases.a b.train.steps=1", &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "the name of a phase is 'a b'"));
    static const char *const settings[] = {"number", "look_at", "reset_optimiser"};
    for (size_t i = 0; i < HTH_COUNT(settings); i++) {
        char text[80];
        snprintf(text, sizeof text, "phases.%s.train.steps=1", settings[i]);
        assert_int_equal(hth_config_override(config, text, &error), HTH_INVALID);
        snprintf(text, sizeof text, "cannot be called '%s'", settings[i]);
        assert_non_null(strstr(error.message, text));
        snprintf(text, sizeof text, "phases.%ss.train.steps=1", settings[i]);
        assert_int_equal(hth_config_override(config, text, &error), HTH_OK);
    }
    hth_config_destroy(config);
}

/* A keep that needs ends of tasks needs phases, also where settings.yaml of another run says phases.number. */
static void test_a_keep_that_never_acts_is_refused(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    assert_int_equal(
        train_line(COPY "keep=anchor phases.number=0", "never", false, NULL, &ending, &error),
        HTH_INVALID);
    assert_non_null(strstr(error.message, "keep.name is anchor"));
    assert_int_equal(
        train_line(COPY TWO "keep=anchor phases.number=0", "kept", false, NULL, &ending, &error),
        HTH_OK);
}

/* Settings that are typed count more than those of a file, also where phases of the file set the same; but not more
 * than those of a phase that are typed. */
static void test_typed_settings_prevail(void **state) {
    (void)state;
    static const char *const of_file[] = {"task=copy-memory", "phases.a.train.steps=10",
                                          "phases.b.train.steps=20", "phases.c.view.permute=1"};
    static const char *const typed[] = {"train.steps=3", "phases.b.train.steps=4", "train.steps=5"};
    static const char *const steps[] = {"5", "4", "5"};
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    hth_config *config;
    assert_int_equal(hth_config_create(&config, NULL), HTH_OK);
    for (size_t i = 0; i < HTH_COUNT(of_file); i++)
        assert_int_equal(hth_config_override(config, of_file[i], NULL), HTH_OK);
    const size_t count = config->count;
    for (size_t i = 0; i < HTH_COUNT(typed); i++)
        assert_int_equal(hth_config_override(config, typed[i], NULL), HTH_OK);
    assert_int_equal(hth_config_prevail(config, count, NULL), HTH_OK);
    const hth_settings all = hth_config_settings(config);
    assert_int_equal(hth_phases(&all, labels), 3);
    for (size_t k = 0; k < 3; k++) {
        hth_phase_list own;
        assert_int_equal(hth_phase_settings(&all, labels[k], &own, NULL), HTH_OK);
        assert_true(hth_in_phase(&own.settings));
        assert_string_equal(hth_settings_find(&own.settings, "train.steps")->value, steps[k]);
        free(own.items);
    }
    assert_false(hth_in_phase(&all));
    hth_config_destroy(config);
}

/* A run resumes with its own phases alone. */
static void test_other_phases_do_not_resume(void **state) {
    (void)state;
    static const char *const others[] = {
        /* the same in another order */
        COPY "phases.second.task.delay=5 phases.second.train.steps=75 phases.first.train.steps=69",
        COPY "phases.first.train.steps=69 phases.second.task.delay=6 phases.second.train.steps=75",
        COPY TWO "phases.third.train.steps=23",
        COPY "train.steps=200",
    };
    hth_ending ending;
    hth_error error;
    train_whole(COPY TWO, "own");
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        assert_int_equal(train_line(others[i], "own", true, NULL, &ending, &error), HTH_MISMATCH);
    assert_int_equal(train_line(COPY TWO, "own", true, NULL, &ending, &error), HTH_OK);
}

/* The last phase may go on after its end: then its row is that of the longer run, and no other row changes. */
static void test_the_last_phase_may_go_on(void **state) {
    (void)state;
    char longer[400], path[320];
    size_t length;
    char *of[3];
    snprintf(longer, sizeof longer, "%sphases.second.train.steps=150", COPY TWO);
    train_whole(longer, "longer");
    train_whole(COPY TWO, "extended");
    for (int i = 0; i < 3; i++) {
        hth_ending ending;
        hth_error error;
        if (i == 2)
            assert_int_equal(train_line(longer, "extended", true, NULL, &ending, &error), HTH_OK);
        snprintf(path, sizeof path, "%s/phases.json", scratch_path(i == 0 ? "longer" : "extended"));
        of[i] = read_whole(path, &length);
    }
    assert_string_equal(of[0], of[2]);
    assert_string_not_equal(of[0], of[1]);
    assert_int_equal(different_tensors("longer", "extended"), 0);
    for (int i = 0; i < 3; i++) free(of[i]);
}

/* settings.yaml has the phases, in their order. */
static void test_settings_are_written(void **state) {
    (void)state;
    char path[320], labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    hth_config *config;
    hth_error error;
    train_whole(COPY TWO, "written");
    snprintf(path, sizeof path, "%s/settings.yaml", scratch_path("written"));
    assert_int_equal(hth_config_create(&config, NULL), HTH_OK);
    if (hth_config_load(config, path, &error) != HTH_OK) fail_msg("%s", error.message);
    hth_settings settings = hth_config_settings(config);
    assert_int_equal(hth_phases(&settings, labels), 2);
    assert_string_equal(labels[0], "first");
    assert_string_equal(labels[1], "second");
    assert_int_equal(hth_config_enter_phase(config, NULL), HTH_OK);
    settings = hth_config_settings(config);
    assert_string_equal(hth_settings_find(&settings, "task.delay")->value, "5");
    assert_string_equal(hth_settings_find(&settings, "phases.number")->value, "1");
    assert_false(hth_has_phases(&settings));
    hth_config_destroy(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_phase_is_the_plain_run),
        cmocka_unit_test(test_interruptions_change_no_bit),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_optimiser_goes_on_unless_reset),
        cmocka_unit_test(test_each_phase_has_its_own_draws),
        cmocka_unit_test(test_sums_of_a_matrix_by_hand),
        cmocka_unit_test(test_eval_says_the_last_row),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_a_keep_that_never_acts_is_refused),
        cmocka_unit_test(test_typed_settings_prevail),
        cmocka_unit_test(test_other_phases_do_not_resume),
        cmocka_unit_test(test_the_last_phase_may_go_on),
        cmocka_unit_test(test_settings_are_written),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
