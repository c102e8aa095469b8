/* The reading of settings: values, bounds, lists per unit, the choice of parts, and the sentences. */
#include "base/options.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef struct everything {
    bool flag;
    int64_t count;
    double rate;
    int shape;
    const char *text;
    const char *tau;
} everything;

static const char *const shapes[] = {"triangular", "arctan", "gaussian", NULL};

static const hth_option items[] = {
    {"flag", "a switch", "true", HTH_KIND_BOOL, 0, 0, NULL, offsetof(everything, flag)},
    {"count", "how many", "3", HTH_KIND_INTEGER, 1, 10000000, NULL, offsetof(everything, count)},
    {"rate", "how fast", "0.5", HTH_KIND_REAL, 0, INFINITY, NULL, offsetof(everything, rate)},
    {"shape", "of the curve", "arctan", HTH_KIND_CHOICE, 0, 0, shapes, offsetof(everything, shape)},
    {"text", "free words", "", HTH_KIND_TEXT, 0, 0, NULL, offsetof(everything, text)},
    {"tau", "time constant", "20", HTH_KIND_UNITS, DBL_MIN, INFINITY, NULL,
     offsetof(everything, tau)},
};
static const hth_options table = {"cell", items, HTH_COUNT(items)};

static const hth_part parts[] = {{.name = "rate", .summary = "leaky"},
                                 {.name = "lstm", .summary = "gated"},
                                 {.name = "alif", .summary = "spiking"}};
static const hth_part *part_at(size_t index) {
    return &parts[index];
}
static const hth_catalogue catalogue = {.kind = "cell",
                                        .key = "cell.name",
                                        .fallback = "lstm",
                                        .count = HTH_COUNT(parts),
                                        .at = part_at};

static hth_status read_one(const char *key, const char *value, everything *out, hth_error *error) {
    hth_setting item = {key, value, "run.yaml:7"};
    hth_settings settings = {&item, 1};
    return hth_options_read(&table, &settings, out, error);
}

static void refuses(const char *key, const char *value, const char *message) {
    everything out;
    hth_error error = {HTH_OK, ""};
    assert_int_equal(read_one(key, value, &out, &error), HTH_INVALID);
    assert_string_equal(error.message, message);
    assert_int_equal(error.status, HTH_INVALID);
}

static void test_defaults(void **state) {
    (void)state;
    everything out;
    assert_int_equal(hth_options_read(&table, NULL, &out, NULL), HTH_OK);
    assert_true(out.flag);
    assert_int_equal(out.count, 3);
    assert_true(out.rate == 0.5);
    assert_int_equal(out.shape, 1);
    assert_string_equal(out.text, "");
    assert_string_equal(out.tau, "20");
}

static void test_values(void **state) {
    (void)state;
    everything out;
    assert_int_equal(read_one("cell.flag", "off", &out, NULL), HTH_OK);
    assert_false(out.flag);
    assert_int_equal(read_one("cell.count", "1e6", &out, NULL), HTH_OK);
    assert_int_equal(out.count, 1000000);
    assert_int_equal(read_one("cell.rate", "1e-3", &out, NULL), HTH_OK);
    assert_true(out.rate == 1e-3);
    assert_int_equal(read_one("cell.shape", "gaussian", &out, NULL), HTH_OK);
    assert_int_equal(out.shape, 2);
    assert_int_equal(read_one("cell.text", "a b", &out, NULL), HTH_OK);
    assert_string_equal(out.text, "a b");
    assert_int_equal(read_one("cell.tau", "2 x 5, 3", &out, NULL), HTH_OK);
    assert_string_equal(out.tau, "2 x 5, 3");
}

static void test_another_sections_keys_are_not_read(void **state) {
    (void)state;
    everything out;
    assert_int_equal(read_one("train.count", "5", &out, NULL), HTH_OK);
    assert_int_equal(out.count, 3);
}

static void test_the_later_setting_counts(void **state) {
    (void)state;
    const hth_setting pair[] = {{"cell.count", "4", NULL}, {"cell.count", "5", NULL}};
    hth_settings settings = {pair, 2};
    everything out;
    assert_int_equal(hth_options_read(&table, &settings, &out, NULL), HTH_OK);
    assert_int_equal(out.count, 5);
}

static void test_sentences(void **state) {
    (void)state;
    refuses("cell.flag", "maybe", "run.yaml:7: cell.flag is 'maybe', but must be true or false");
    refuses("cell.count", "0",
            "run.yaml:7: cell.count is '0', but must be a whole number from 1 to 10000000");
    refuses("cell.count", "2.5",
            "run.yaml:7: cell.count is '2.5', but must be a whole number from 1 to 10000000");
    refuses("cell.rate", "-1", "run.yaml:7: cell.rate is '-1', but must be a number of at least 0");
    refuses("cell.rate", "1 2",
            "run.yaml:7: cell.rate is '1 2', but must be a number of at least 0");
    refuses("cell.rate", "nan",
            "run.yaml:7: cell.rate is 'nan', but must be a number of at least 0");
    refuses("cell.rate", "1e999",
            "run.yaml:7: cell.rate is '1e999', but must be a number of at least 0");
    refuses("cell.shape", "arctang",
            "run.yaml:7: cell.shape is 'arctang', but must be one of triangular, arctan, "
            "gaussian; did you mean 'arctan'?");
    refuses("cell.tau", "0",
            "run.yaml:7: cell.tau is '0', but must be a number greater than 0 for all units, or "
            "a list like '20, 30' or '300 x 0, 100 x 1.8'");
}

static void test_a_setting_without_default_must_be_given(void **state) {
    (void)state;
    static const hth_option needed = {.name = "dir", .help = "the folder", .kind = HTH_KIND_TEXT};
    const hth_options options = {"data", &needed, 1};
    const char *out;
    hth_error error;
    assert_int_equal(hth_options_read(&options, NULL, &out, &error), HTH_INVALID);
    assert_string_equal(error.message, "data.dir must be given: the folder");
}

static void test_units(void **state) {
    (void)state;
    hth_real out[5] = {-1, -1, -1, -1, -1};
    assert_int_equal(hth_units_expand("20", 3, 0, 0, "k", out, NULL), HTH_OK);
    for (int i = 0; i < 3; i++) assert_true(out[i] == 20);
    assert_true(out[3] == -1);
    assert_int_equal(hth_units_expand(" 1 ,2, 3 ", 3, 0, 0, "k", out, NULL), HTH_OK);
    for (int i = 0; i < 3; i++) assert_true(out[i] == i + 1);
    assert_int_equal(hth_units_expand("3 x 0, 2 x 1.5", 5, 0, 0, "k", out, NULL), HTH_OK);
    for (int i = 0; i < 5; i++) assert_true(out[i] == (hth_real)(i < 3 ? 0 : 1.5));
}

static void test_units_that_do_not_fit_change_nothing(void **state) {
    (void)state;
    hth_real out[5] = {-1, -1, -1, -1, -1};
    hth_error error;
    assert_int_equal(hth_units_expand("1, 2", 3, 0, 0, "cell.tau", out, &error), HTH_INVALID);
    assert_string_equal(error.message,
                        "cell.tau is '1, 2', but must be one number or a list of 3; it has 2");
    /* A count makes a list of it: "1 x 20" is one unit, not all. */
    assert_int_equal(hth_units_expand("1 x 20", 3, 0, 0, "k", out, NULL), HTH_INVALID);
    static const char *const wrong[] = {"",        ",",      "1,",  "1 2",    "x",    "0 x 1",
                                        "1.5 x 2", "-1 x 3", "2 x", "1, inf", "1; 2", "9"};
    for (size_t i = 0; i < HTH_COUNT(wrong); i++)
        assert_int_equal(hth_units_expand(wrong[i], 3, -1, 8, "k", out, NULL), HTH_INVALID);
    for (int i = 0; i < 5; i++) assert_true(out[i] == -1);
}

static void test_parts(void **state) {
    (void)state;
    size_t index = 99;
    assert_int_equal(hth_part_choose(&catalogue, NULL, &index, NULL), HTH_OK);
    assert_int_equal(index, 1);
    hth_setting item = {"cell.name", "alif", NULL};
    hth_settings settings = {&item, 1};
    assert_int_equal(hth_part_choose(&catalogue, &settings, &index, NULL), HTH_OK);
    assert_int_equal(index, 2);
    item.value = "allif";
    hth_error error;
    assert_int_equal(hth_part_choose(&catalogue, &settings, &index, &error), HTH_INVALID);
    assert_string_equal(error.message, "cell.name is 'allif', but must be one of rate, lstm, alif; "
                                       "did you mean 'alif'?");
    assert_int_equal(index, 2);
    hth_catalogue no_default = catalogue;
    no_default.fallback = NULL;
    assert_int_equal(hth_part_choose(&no_default, NULL, &index, &error), HTH_INVALID);
    assert_string_equal(error.message, "cell.name must be given: one of rate, lstm, alif");
}

static void test_nearest(void **state) {
    (void)state;
    static const char *const names[] = {"learning_rate", "tau_m", "beta", "steps", NULL};
    assert_string_equal(hth_nearest("lerning_rate", names, 4), "learning_rate");
    assert_string_equal(hth_nearest("baeta", names, 4), "beta");
    assert_string_equal(hth_nearest("btea", names, 4), "beta"); /* two letters swapped */
    assert_string_equal(hth_nearest("tau", names, SIZE_MAX), "tau_m");
    assert_string_equal(hth_nearest("STEPS", names, 4), "steps");
    assert_null(hth_nearest("momentum", names, 4));
    assert_null(hth_nearest("", names, 4));
    assert_null(hth_nearest("beta", names, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_another_sections_keys_are_not_read),
        cmocka_unit_test(test_the_later_setting_counts),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_a_setting_without_default_must_be_given),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_units_that_do_not_fit_change_nothing),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
