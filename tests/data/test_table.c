/* The reader `table`: columns by name, horizon, parts in time, scale by the rows that train; what is wrong with a file
 * is told by line and column. */
#include "streams.h"

#include <math.h>

enum { ROWS = 20 };

static double load_of(int row) {
    return 3 + sin(row) * row;
}

static void write_table(const char *name, const char *separator, const char *end) {
    char text[2048];
    int used = snprintf(text, sizeof text, "date%sload%s \"oil, hot\" %sflat%s", separator,
                        separator, separator, end);
    for (int r = 0; r < ROWS; r++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "2016-07-01 %02d:00%s%.17g%s %d %s5%s", r, separator, load_of(r),
                         separator, r * r, separator, end);
    scratch_write(name, text, (size_t)used);
}

/* Step t: the row's inputs, and the target `ahead` rows later. */
static void rows_are_steps(void **state) {
    static const char *const separators[] = {",", ";", "\t"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        write_table("t.csv", separators[i], i ? "\n" : "\r\n");
        const char *const settings[] = {
            "data.file", scratch_path("t.csv"), "data.target", "load", "data.ahead",
            "3",         "data.standardise",    "false",       NULL};
        hth_shape shape;
        hth_position_flags flags;
        void *stream = open_well("table", settings, HTH_TRAIN, 2, &shape);
        assert_true(shape.inputs == 3 && shape.outputs == 1 && shape.target == HTH_TARGET_VALUES);
        for (int t = 0, epoch = 0; epoch < 2; t = flags.epoch_end ? 0 : t + 5) {
            hth_chunk chunk = next_chunk("table", stream, 5, &flags);
            assert_int_equal(chunk.steps, t ? 3 : 5); /* pieces of 8 = (20 - 3) / 2 */
            assert_true(flags.starts == (t == 0) && flags.ends == flags.epoch_end);
            for (size_t s = 0; s < chunk.steps; s++)
                for (size_t b = 0; b < 2; b++) {
                    const int row = (int)(8 * b + s) + t;
                    const hth_real *x = chunk.x + (s * 2 + b) * 3;
                    assert_true(x[0] == (hth_real)load_of(row) && x[1] == row * row && x[2] == 5);
                    assert_true(chunk.targets[s * 2 + b] == (hth_real)load_of(row + 3));
                }
            epoch += flags.epoch_end;
        }
        reader("table")->close(stream);
    }
}

/* With data.ahead=0 the target is in the row itself, so that it is no input. */
static void a_target_of_the_same_row_is_no_input(void **state) {
    (void)state;
    write_table("t.csv", ",", "\n");
    const char *settings[] = {
        "data.file", scratch_path("t.csv"), "data.target", " load , flat", "data.ahead",
        "0",         "data.standardise",    "false",       NULL,           NULL,
        NULL};
    hth_shape shape;
    hth_position_flags flags;
    void *stream = open_well("table", settings, HTH_TRAIN, 1, &shape);
    assert_true(shape.inputs == 1 && shape.outputs == 2);
    hth_chunk chunk = next_chunk("table", stream, ROWS, &flags);
    assert_int_equal(chunk.steps, ROWS);
    for (int row = 0; row < ROWS; row++) {
        assert_true(chunk.x[row] == row * row);
        assert_true(chunk.targets[2 * row] == (hth_real)load_of(row) &&
                    chunk.targets[2 * row + 1] == 5);
    }
    reader("table")->close(stream);
    /* By name, as change, and where nothing else is there. */
    settings[8] = "data.inputs";
    settings[9] = "flat , load";
    open_badly("table", settings, HTH_TRAIN,
               "column flat is both input and target of the same row (data.ahead is 0)");
    settings[8] = "data.change";
    settings[9] = "true";
    open_badly("table", settings, HTH_TRAIN, "data.change is true, but data.ahead is 0");
    scratch_write("one.csv", "a\n1\n2\n", 6);
    const char *const one[] = {
        "data.file", scratch_path("one.csv"), "data.target", "a", "data.ahead", "0", NULL};
    open_badly("table", one, HTH_TRAIN, "no column is left to read beside the target");
}

/* A stream that goes beyond its last target gives the rows behind it too, at weight 0; others stay as they were. */
static void the_last_rows_have_no_target(void **state) {
    (void)state;
    write_table("t.csv", ",", "\n");
    for (int change = 0; change < 2; change++)
        for (size_t batch = 1; batch <= 2; batch++) {
            const char *const settings[] = {"data.file",
                                            scratch_path("t.csv"),
                                            "data.target",
                                            "load",
                                            "data.ahead",
                                            "3",
                                            "data.standardise",
                                            "false",
                                            "data.change",
                                            change ? "true" : "false",
                                            NULL};
            hth_shape shape;
            hth_position_flags flags;
            uint64_t length, epoch;
            void *stream = open_well("table", settings, HTH_TRAIN, batch, &shape);
            reader("table")->go_beyond(stream);
            reader("table")->extent(stream, &length, &epoch);
            assert_true(length == epoch && length == (batch == 1 ? ROWS : (ROWS - 3) / 2));
            hth_chunk chunk = next_chunk("table", stream, 99, &flags);
            assert_int_equal(chunk.steps, length);
            assert_true(flags.ends && (chunk.weights != NULL) == (batch == 1));
            for (int t = 0; batch == 1 && t < ROWS; t++) {
                const bool known = t < ROWS - 3;
                const hth_real now = change ? (hth_real)load_of(t) : 0;
                assert_true(chunk.x[3 * t] == (hth_real)load_of(t));
                assert_true(chunk.weights[t] == (known ? 1 : 0));
                assert_true(chunk.targets[t] == (known ? (hth_real)load_of(t + 3) - now : 0));
            }
            reader("table")->close(stream);
        }
}

/* The change of a value in place of the value. */
static void changes(void **state) {
    (void)state;
    write_table("t.csv", ",", "\n");
    const char *const settings[] = {
        "data.file", scratch_path("t.csv"), "data.target", "load",        "data.ahead",
        "2",         "data.standardise",    "false",       "data.change", "true",
        NULL};
    hth_shape shape;
    hth_position_flags flags;
    void *stream = open_well("table", settings, HTH_TRAIN, 1, &shape);
    hth_chunk chunk = next_chunk("table", stream, 99, &flags);
    for (int t = 0; t < ROWS - 2; t++)
        assert_true(chunk.targets[t] == (hth_real)load_of(t + 2) - (hth_real)load_of(t));
    reader("table")->close(stream);
}

/* Parts lie one after the other, and the scale is that of the rows that train. */
static void parts_and_scale(void **state) {
    (void)state;
    write_table("t.csv", ",", "\n");
    const char *const all[] = {"data.file",
                               scratch_path("t.csv"),
                               "data.target",
                               "load",
                               "data.inputs",
                               " load , flat ",
                               "data.rows",
                               "18",
                               "data.validation_fraction",
                               "0.25",
                               "data.test_fraction",
                               "0.25",
                               NULL};
    double mean = 0, squares = 0;
    for (int r = 0; r < 8; r++) mean += load_of(r) / 8;
    for (int r = 0; r < 8; r++) squares += (load_of(r) - mean) * (load_of(r) - mean) / 8;
    const int first[] = {0, 8, 13}, count[] = {8, 5, 5};
    for (int split = 0; split < 3; split++) {
        hth_shape shape;
        hth_position_flags flags;
        void *stream = open_well("table", all, (hth_split)split, 1, &shape);
        hth_chunk chunk = next_chunk("table", stream, 99, &flags);
        assert_int_equal(chunk.steps, count[split] - 1); /* the last row has no target */
        for (int t = 0; t < count[split] - 1; t++) {
            const double right = (load_of(first[split] + t) - mean) / sqrt(squares);
            assert_true(fabs((double)chunk.x[2 * t] - right) < 1e-6 * (1 + fabs(right)));
            assert_true(chunk.x[2 * t + 1] == 0); /* constant */
            if (t > 0) assert_true(chunk.targets[t - 1] == chunk.x[2 * t]);
        }
        reader("table")->close(stream);
    }
}

static void refused(const char *text, const char *target, const char *words) {
    scratch_write("b.csv", text, strlen(text));
    const char *const settings[] = {"data.file", scratch_path("b.csv"), "data.target", target,
                                    NULL};
    open_badly("table", settings, HTH_TRAIN, words);
}

static void what_is_refused(void **state) {
    (void)state;
    refused("a,b\n1,2\n3,\n5,6\n", "a",
            "b.csv: line 3, column b: a value is missing; fill it in or leave the row out");
    refused("a,b\n1,2\n\n3,NA\n5,6\n", "a", "b.csv: line 4, column b: 'NA' is not a number");
    refused("a,b\n1,2\n3,nan\n5,6\n", "b", "line 3, column b: 'nan' is not a number");
    refused("a,b\n1,2\n3\n", "a", "line 3 has 1 fields, but the header has 2");
    refused("a,b\n1,2\n3,4,5\n", "a", "line 3 has 3 fields, but the header has 2");
    refused("load,b\n1,2\n3,4\n", "loas", "there is no column 'loas'; did you mean 'load'?");
    refused("a,a\n1,2\n", "a", "columns 1 and 2 are both named 'a'");
    refused("a,b\n", "a", "there are no rows below the header");
    refused("", "a", "there are no rows below the header");
    refused("a,b\n1,2\n3,\"4\n", "a", "line 3: the quotes do not match");
    refused("a,b\n1,2\n", "a", "1 rows are too few for data.ahead 1");
    refused("a,b\nx,y\nx,y\n", "a", "no column is a number in the first row");
    refused("a,b\n1,2\n3,4\n", "a,,b", "one of them is empty");
    scratch_write("b.csv", "a,b\n1,\0\n", 8);
    const char *const settings[] = {"data.file", scratch_path("b.csv"), "data.target", "a", NULL};
    open_badly("table", settings, HTH_TRAIN, "there is a byte 0, so that this is no text");
    write_table("t.csv", ",", "\n");
    const char *const none[] = {
        "data.file", scratch_path("t.csv"), "data.target", "load", "data.test_fraction", "1", NULL};
    open_badly("table", none, HTH_TRAIN, "leave no rows to train");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_steps),
        cmocka_unit_test(a_target_of_the_same_row_is_no_input),
        cmocka_unit_test(the_last_rows_have_no_target),
        cmocka_unit_test(changes),
        cmocka_unit_test(parts_and_scale),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
