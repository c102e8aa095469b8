/* metrics.jsonl: a line that cannot be read costs no other line, neither when a run goes on nor when it is looked
 * at. */
#define _GNU_SOURCE
#include "files/lines.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "scratch.h"

enum { MOST = 8192 };

static hth_error message;
static char heard[2048];

static void hear(void *context, const char *sentence) {
    (void)context;
    snprintf(heard + strlen(heard), sizeof heard - strlen(heard), "%s\n", sentence);
}

/* Lines of the steps 10, 20, ... */
static void write_lines(const char *name, size_t count) {
    FILE *file;
    unlink(scratch_path(name));
    assert_int_equal(hth_metrics_open(scratch_path(name), 0, NULL, &file, &message), HTH_OK);
    for (size_t i = 1; i <= count; i++) {
        const hth_progress line = {.step = 10 * i,
                                   .epoch = i,
                                   .updates = 5 * i,
                                   .train_loss = 1.0 / (double)i,
                                   .validation_loss = (double)NAN,
                                   .metric = "none"};
        assert_int_equal(hth_metrics_append(file, &line, &message), HTH_OK);
    }
    fclose(file);
}

static size_t read_text(const char *name, char text[MOST]) {
    const size_t length = scratch_read(name, text, MOST - 1);
    text[length] = '\0';
    return length;
}

/* Opens it for a run that goes on from `step`, and closes it again. */
static void go_on(const char *name, uint64_t step) {
    const hth_observer observer = {.message = hear};
    FILE *file;
    heard[0] = '\0';
    if (hth_metrics_open(scratch_path(name), step, &observer, &file, &message) != HTH_OK)
        fail_msg("%s", message.message);
    fclose(file);
}

static void damage(const char *name, const char *part, char letter) {
    char text[MOST];
    const size_t length = read_text(name, text);
    char *at = strstr(text, part);
    assert_non_null(at);
    *at = letter;
    scratch_write(name, text, length);
}

static size_t count_lines(const char *name, size_t *damaged) {
    hth_line *lines;
    size_t count;
    assert_int_equal(hth_metrics_read(scratch_path(name), &lines, &count, damaged, &message),
                     HTH_OK);
    free(lines);
    return count;
}

/* Lines of later steps, and one that was not finished, are cut off; nobody is told. */
static void what_comes_after_the_checkpoint_is_cut_off(void **state) {
    (void)state;
    char whole[MOST], kept[MOST];
    write_lines("m", 6);
    read_text("m", whole);
    scratch_write("m", whole, strlen(whole) - 5);
    go_on("m", 40);
    assert_int_equal(count_lines("m", NULL), 4);
    assert_string_equal(heard, "");
    read_text("m", kept);
    assert_memory_equal(kept, whole, strlen(kept));
    go_on("m", 0);
    assert_int_equal(count_lines("m", NULL), 0);
}

/* Whatever letter of a line in the middle is wrong, the lines behind it stay, and it too. */
static void a_damaged_line_costs_no_other(void **state) {
    (void)state;
    static const char *const places[] = {"{\"step\": 20,", "20, \"epoch\"", "\"train_loss\": 0.5",
                                         "}\n{\"step\": 30"};
    static const char letters[] = {'x', '9', '\0', '\n'};
    size_t told = 0;
    for (size_t i = 0; i < HTH_COUNT(places); i++)
        for (size_t k = 0; k < sizeof letters; k++) {
            char before[MOST], after[MOST];
            write_lines("m", 6);
            damage("m", places[i], letters[k]);
            const size_t length = scratch_read("m", before, MOST);
            go_on("m", 60);
            assert_int_equal(scratch_read("m", after, MOST), length);
            assert_memory_equal(before, after, length);
            size_t damaged;
            assert_true(count_lines("m", &damaged) >= 5);
            told += heard[0] != '\0';
        }
    assert_true(told >= 12); /* some changes leave a line that can be read */
    write_lines("m", 6);
    damage("m", "{\"step\": 20,", 'x');
    damage("m", "{\"step\": 40,", 'x');
    go_on("m", 60);
    assert_non_null(strstr(heard,
                           "m: line 2 cannot be read, nor can 1 other lines; what is there is "
                           "kept as it is\n"));
}

/* A step that has become a late one, with early ones behind it, is damaged; the control: late lines at the end go. */
static void a_step_out_of_order_is_no_end(void **state) {
    (void)state;
    write_lines("m", 6);
    damage("m", "20, \"epoch\"", '9'); /* step 90 */
    go_on("m", 60);
    assert_int_equal(count_lines("m", NULL), 6);
    assert_non_null(strstr(heard, "line 2 cannot be read"));
    write_lines("m", 6);
    damage("m", "20, \"epoch\"", '9');
    go_on("m", 10);
    assert_int_equal(count_lines("m", NULL), 1);
    assert_string_equal(heard, "");
}

static void what_is_no_number_counts_nothing(void **state) {
    (void)state;
    static const char text[] = "{\"step\": 1}\n"
                               "{\"step\": 2, \"epoch\": -3, \"train_loss\": \"x\"}\n"
                               "{\"step\": 3, \"epoch\": 1e300, \"seconds\": 4}\n"
                               "{\"step\": -1}\n{\"step\": 1e30}\n{\"step\": null}\n{}\n[]\n";
    hth_line *lines;
    size_t count, damaged;
    scratch_write("n", text, sizeof text - 1);
    assert_int_equal(hth_metrics_read(scratch_path("n"), &lines, &count, &damaged, &message),
                     HTH_OK);
    assert_int_equal(count, 3);
    assert_int_equal(damaged, 5);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lines[i].epoch, 0);
        assert_true(isnan(lines[i].train_loss));
    }
    assert_true(lines[2].seconds == 4);
    free(lines);
}

static void a_long_line_is_one_line(void **state) {
    (void)state;
    enum { LONG = 5000 };
    char text[LONG + 100];
    int used = snprintf(text, sizeof text, "{\"step\": 1, \"more\": \"");
    memset(text + used, 'a', LONG);
    used += LONG;
    used += snprintf(text + used, sizeof text - (size_t)used, "\"}\n{\"step\": 2}\n");
    scratch_write("l", text, (size_t)used);
    size_t damaged;
    assert_int_equal(count_lines("l", &damaged), 2);
    assert_int_equal(damaged, 0);
    go_on("l", 2);
    assert_int_equal(count_lines("l", NULL), 2);
}

static void a_link_is_not_written_through(void **state) {
    (void)state;
    FILE *file;
    scratch_write("victim", "untouched", 9);
    unlink(scratch_path("m"));
    assert_int_equal(symlink("victim", scratch_path("m")), 0);
    assert_int_equal(hth_metrics_open(scratch_path("m"), 0, NULL, &file, &message), HTH_FILE);
    assert_non_null(strstr(message.message, "m: cannot be written: Too many levels"));
    char text[16];
    assert_int_equal(scratch_read("victim", text, sizeof text), 9);
    unlink(scratch_path("m"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_after_the_checkpoint_is_cut_off),
        cmocka_unit_test(a_damaged_line_costs_no_other),
        cmocka_unit_test(a_step_out_of_order_is_no_end),
        cmocka_unit_test(what_is_no_number_counts_nothing),
        cmocka_unit_test(a_long_line_is_one_line),
        cmocka_unit_test(a_link_is_not_written_through),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
