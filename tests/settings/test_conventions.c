/* Conventions: what they stand for, that it counts less than what is given, that parts which are not chosen do not
 * matter, and that the table of docs/conventions.md is that of the program. */
#include "runs.h"
#include "settings/config.h"

static const char spiking[] = "task=add cell=alif learner=eprop1 optimiser=adam ";

static const char *value_of(const hth_config *config, const char *key) {
    const hth_settings settings = hth_config_settings(config);
    const char *value = hth_config_value(&settings, key, NULL);
    return value ? value : "";
}

static const char *origin_of(const hth_config *config, const char *key) {
    const hth_settings settings = hth_config_settings(config);
    return hth_settings_find(&settings, key)->origin;
}

static hth_config *configure_valid(const char *first, const char *more) {
    char line[400];
    hth_error error;
    snprintf(line, sizeof line, "%s%s", first, more);
    hth_config *config = configure(line);
    if (hth_config_validate(config, &error) != HTH_OK) fail_msg("%s: %s", line, error.message);
    return config;
}

/* Each setting of each bundle would be valid if a user gave it. */
static void test_bundles_are_settings(void **state) {
    (void)state;
    assert_int_equal(hth_conventions.count, 3);
    for (size_t b = 0; b < hth_conventions.count; b++) {
        hth_setting items[HTH_MOST_CONVENTIONS];
        hth_error error;
        const size_t count = hth_conventions_of(hth_conventions.at(b)->name, items);
        hth_config *config = configure(spiking);
        assert_true(count > 10);
        for (size_t i = 0; i < count; i++)
            hth_config_set(config, items[i].key, items[i].value, items[i].origin, NULL);
        if (hth_config_validate(config, &error) != HTH_OK) fail_msg("%s", error.message);
        hth_config_destroy(config);
    }
}

static void test_given_counts_more(void **state) {
    (void)state;
    hth_config *config =
        configure_valid(spiking, "readout.scale=false conventions=nest cell.threshold_at=above");
    assert_string_equal(value_of(config, "cell.scale_input"), "true");
    assert_string_equal(origin_of(config, "cell.scale_input"), "conventions nest");
    assert_string_equal(value_of(config, "readout.scale"), "false");
    assert_string_equal(value_of(config, "cell.threshold_at"), "above");
    assert_string_equal(value_of(config, "regulariser.rate_form"), "nest");
    assert_int_equal(hth_config_given(config).count, 7);
    /* Of two names the later counts, and nothing of the first is left. */
    assert_int_equal(hth_config_override(config, "conventions=bellec2019", NULL), HTH_OK);
    assert_string_equal(value_of(config, "cell.scale_input"), "false");
    assert_string_equal(value_of(config, "readout.bias_place"), "inside");
    assert_string_equal(value_of(config, "readout.scale"), "false");
    hth_config_destroy(config);
}

/* A preset's settings count less than those of conventions. */
static void test_presets_count_less(void **state) {
    (void)state;
    hth_config *config = configure_valid(spiking, "");
    assert_string_equal(value_of(config, "learner.feedback_variance"), "units");
    assert_int_equal(hth_config_override(config, "conventions=bellec2020", NULL), HTH_OK);
    assert_string_equal(value_of(config, "learner.feedback_variance"), "1");
    assert_int_equal(hth_config_override(config, "learner.feedback_variance=2", NULL), HTH_OK);
    assert_string_equal(value_of(config, "learner.feedback_variance"), "2");
    hth_config_destroy(config);
}

static void test_none_and_unknown(void **state) {
    hth_error error;
    (void)state;
    hth_config *config = configure(spiking);
    const size_t count = hth_config_settings(config).count;
    assert_int_equal(count, hth_config_given(config).count);
    assert_int_equal(hth_config_override(config, "conventions=nset", NULL), HTH_OK);
    assert_int_equal(hth_config_settings(config).count, count + 1);
    assert_int_equal(hth_config_validate(config, &error), HTH_INVALID);
    if (!strstr(error.message, "did you mean 'nest'?")) fail_msg("%s", error.message);
    hth_config_destroy(config);
}

static const char *const others[] = {
    "task=add cell=rate learner=rflo optimiser=sgd ",
    "task=add cell=lif learner=tbptt optimiser=momentum ",
    "task=add cell=gru learner=readout-only ",
};

/* Whatever is chosen, every bundle goes with it, and a run can be opened. */
static void test_parts_that_are_not_chosen(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        for (size_t b = 0; b < hth_conventions.count; b++) {
            char line[400], run[32];
            snprintf(line, sizeof line,
                     "%s conventions=%s train.steps=40 network.units=4 train.threads=1%s",
                     others[i], hth_conventions.at(b)->name,
                     strstr(others[i], "task=add") ? " loss.time=sum" : ""); /* without an end */
            snprintf(run, sizeof run, "other%zu-%zu", i, b);
            train_whole(line, run);
        }
    hth_config *config = configure_valid("task=add cell=lstm ", "conventions=nest");
    hth_error error;
    size_t length;
    assert_int_equal(hth_config_write(config, scratch_path("lstm.yaml"), &error), HTH_OK);
    char *text = read_whole(scratch_path("lstm.yaml"), &length);
    assert_non_null(strstr(text, "conventions:\n"));
    assert_non_null(strstr(text, "  name: nest\n"));
    assert_non_null(strstr(text, "  scale: true\n")); /* readout.scale */
    assert_null(strstr(text, "scale_input"));
    free(text);
    hth_config_destroy(config);
}

/* All of the run is in the file: conventions by name, and every value that they came to. */
static void test_written_settings(void **state) {
    hth_error error;
    (void)state;
    hth_config *config = configure_valid(spiking, "conventions=nest readout.scale=false"), *again;
    assert_int_equal(hth_config_write(config, scratch_path("nest.yaml"), &error), HTH_OK);
    assert_int_equal(hth_config_create(&again, NULL), HTH_OK);
    assert_int_equal(hth_config_load(again, scratch_path("nest.yaml"), &error), HTH_OK);
    assert_int_equal(hth_config_validate(again, &error), HTH_OK);
    const hth_settings given = hth_config_given(again);
    hth_setting items[HTH_MOST_CONVENTIONS];
    const size_t count = hth_conventions_of("nest", items);
    assert_string_equal(hth_settings_find(&given, "conventions.name")->value, "nest");
    for (size_t i = 0; i < count; i++) {
        const hth_setting *written = hth_settings_find(&given, items[i].key);
        if (!written) fail_msg("%s is not in the file", items[i].key);
        assert_string_equal(written->value, value_of(config, items[i].key));
    }
    assert_string_equal(hth_settings_find(&given, "readout.scale")->value, "false");
    hth_config_destroy(again);
    hth_config_destroy(config);
}

static void test_in_a_file(void **state) {
    hth_config *config;
    hth_error error;
    (void)state;
    FILE *file = fopen(scratch_path("file.yaml"), "w");
    assert_non_null(file);
    fputs("task: add\nreadout: {scale: false}\nconventions: nest\ncell: {name: lif}\n", file);
    fclose(file);
    assert_int_equal(hth_config_create(&config, NULL), HTH_OK);
    assert_int_equal(hth_config_load(config, scratch_path("file.yaml"), &error), HTH_OK);
    assert_int_equal(hth_config_validate(config, &error), HTH_OK);
    assert_string_equal(value_of(config, "readout.scale"), "false");
    assert_string_equal(value_of(config, "cell.scale_input"), "true");
    /* Twice in a file is refused, as of any setting, and what was read is taken back. */
    file = fopen(scratch_path("file.yaml"), "a");
    fputs("conventions: bellec2019\n", file);
    fclose(file);
    assert_int_not_equal(hth_config_load(config, scratch_path("file.yaml"), &error), HTH_OK);
    assert_string_equal(value_of(config, "conventions.name"), "nest");
    assert_string_equal(value_of(config, "cell.scale_input"), "true");
    hth_config_destroy(config);
}

/* An arm may have its own, and vary what they say. */
static void test_in_an_arm(void **state) {
    (void)state;
    hth_config *config =
        configure("task=add arms.a.conventions=nest arms.b.conventions=bellec2019");
    assert_string_equal(value_of(config->arms[0].own, "cell.scale_input"), "true");
    assert_string_equal(value_of(config->arms[1].own, "cell.scale_input"), "false");
    assert_int_equal(hth_config_given(config->arms[0].own).count, 1);
    assert_string_equal(value_of(config, "cell.scale_input"), "");
    hth_config_destroy(config);
}

/* Rows of the table in docs/conventions.md begin "| `key` | value | value | value |". */
static void test_page(void **state) {
    size_t length, row = 0;
    (void)state;
    char *text = read_whole(HTH_SOURCE_DIR "/docs/conventions.md", &length);
    for (size_t b = 0; b < hth_conventions.count; b++) {
        hth_setting items[HTH_MOST_CONVENTIONS];
        const size_t count = hth_conventions_of(hth_conventions.at(b)->name, items);
        for (size_t i = 0; i < count; i++, row++) {
            char start[120], wanted[80];
            snprintf(start, sizeof start, "| `%s` |", items[i].key);
            const char *cell = strstr(text, start);
            if (!cell) fail_msg("docs/conventions.md has no row of %s", items[i].key);
            cell += strlen(start) - 1;
            for (size_t k = 0; k < b; k++) cell = strchr(cell + 1, '|');
            snprintf(wanted, sizeof wanted, "| `%s` |", items[i].value);
            if (strncmp(cell, wanted, strlen(wanted)) != 0)
                fail_msg("docs/conventions.md: %s of %s is not %s", items[i].key,
                         hth_conventions.at(b)->name, items[i].value);
        }
    }
    assert_true(row > 40);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundles_are_settings),
        cmocka_unit_test(test_given_counts_more),
        cmocka_unit_test(test_presets_count_less),
        cmocka_unit_test(test_none_and_unknown),
        cmocka_unit_test(test_parts_that_are_not_chosen),
        cmocka_unit_test(test_written_settings),
        cmocka_unit_test(test_in_a_file),
        cmocka_unit_test(test_in_an_arm),
        cmocka_unit_test(test_page),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
