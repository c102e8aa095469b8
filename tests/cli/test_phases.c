/* Phases, as typed: the table at the end, which phase a command looks at, the picture. */
#include "cli/cli.h"
#include "cli/program.h"

#define TWO                                                                                        \
    "train", "task=copy-memory", "task.delay=3", "network.units=6", "learner=tbptt",               \
        "learner.steps=9", "train.batch=2", "phases.first.train.sequences=2",                      \
        "phases.second.train.sequences=2", "phases.second.task.delay=5", "--threads", "1",         \
        "--quiet"

static void test_the_end_shows_the_matrix(void **state) {
    (void)state;
    RUN(TWO, "--out", "two");
    assert_int_equal(said.code, 0);
    assert_string_equal(said.err, "");
    const char *row = strstr(said.out, "\n  validation accuracy of         first    second\n");
    assert_non_null(row);
    row = strstr(row, "\n  before   ");
    assert_non_null(row);
    row = strstr(row, "\n  after first   ");
    assert_non_null(row);
    assert_non_null(strstr(row, "\n  after second   "));
    assert_non_null(strstr(row, "\n  BWT, backward transfer   "));
    assert_true(is_there("two/phases.json"));
    /* What is over stays as it was. */
    RUN("train", "--resume", "--out", "two", "train.sequences=3");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(
        said.err, "hitherto: train.sequences (command line) is '3', but phase 'first', which is "
                  "over, had '2': leave it out, or set it in the phases that come, as "
                  "phases.NAME.train.sequences\n");
    RUN("train", "--resume", "--out", "two", "phases.second.train.sequences=3", "--quiet");
    assert_int_equal(said.code, 0);
    RUN("train", "--resume", "--out", "two", "phases.second.train.sequences=2", "--quiet");
    assert_non_null(strstr(said.err, "is past that already, at step 121; it was '3'"));
    /* What is typed holds for all phases of a file. */
    RUN("train", "two/settings.yaml", "train.sequences=1", "--out", "shorter");
    assert_non_null(strstr(said.err, "Phase 2 of 2, second, begins at step 23.\n"));
    read_whole("shorter/phases.json", said.out);
    assert_non_null(strstr(said.out, "\"steps\": [23, 48],"));
    /* Resumed after its end it says the same. */
    RUN("train", "--resume", "--out", "two", "--quiet");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "\n  after second   "));
}

static void test_commands_look_at_a_phase(void **state) {
    (void)state;
    static const char *const lengths[][2] = {{"first", "23"}, {"second", "25"}};
    RUN(TWO, "--out", "looked");
    for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
        char steps[40];
        snprintf(steps, sizeof steps, " %s\n", lengths[i][1]);
        RUN("eval", "looked", "--phase", lengths[i][0], "--split", "validation");
        assert_int_equal(said.code, 0);
        assert_non_null(strstr(said.out, steps));
    }
    RUN("eval", "looked", "--split", "validation"); /* the last */
    assert_non_null(strstr(said.out, " 25\n"));
    RUN("eval", "looked", "--phase", "third");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err, "hitherto: there is no phase 'third'; there are first, second\n");
    /* What is typed for phases is looked at, also of those that are not; none is added. */
    RUN("eval", "looked", "phases.third.task.delay=7");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err, "hitherto: there is no phase 'third'; there are first, second\n");
    RUN("eval", "looked", "phases.first.task.dely=7");
    assert_non_null(strstr(said.err, "did you mean 'task.delay'? (phase 'first')"));
    RUN("eval", "looked", "phases.second.task.delay=7", "--split", "validation");
    assert_non_null(strstr(said.out, " 27\n"));
    RUN("eval", "looked", "task.delay=7", "--split", "validation");
    assert_non_null(strstr(said.out, " 27\n"));
    if (!has_double()) return;
    RUN("check", "looked", "--phase", "first");
    assert_int_equal(said.code, 0);
}

/* Trials of 3 + 20 steps, and of 5 + 20; what looks inside takes the one or the other. */
static void test_what_looks_inside_takes_a_phase(void **state) {
    (void)state;
    RUN(TWO, "--out", "looked");
    RUN("lesion", "looked", "--phase", "first", "--quiet");
    assert_non_null(strstr(said.out, " over 23 steps of validation"));
    RUN("lesion", "looked", "--quiet");
    assert_non_null(strstr(said.out, " over 25 steps of validation"));
    for (int second = 0; second < 2; second++) {
        RUN("plot", "--reach", "looked", "--phase", second ? "second" : "first", "--trials", "1",
            "--csv", "r.csv");
        assert_int_equal(said.code, 0);
        read_whole("r.csv", said.out);
        assert_int_equal(strstr(said.out, "\n24,") != NULL, second);
    }
    static const char *const commands[] = {"lesion", "dynamics", "fields", "check"};
    for (size_t i = 0; i < HTH_COUNT(commands); i++) {
        if (i > 0 && !has_double()) return;
        RUN(commands[i], "looked", "--phase", "third");
        assert_int_equal(said.code, CLI_BAD_INPUT);
        assert_string_equal(said.err,
                            "hitherto: there is no phase 'third'; there are first, second\n");
    }
}

static void test_the_picture(void **state) {
    (void)state;
    RUN(TWO, "--out", "drawn");
    RUN("plot", "--phases", "drawn", "--out", "r.svg");
    assert_int_equal(said.code, 0);
    read_whole("r.svg", said.out);
    assert_non_null(strstr(said.out, "validation accuracy of each phase"));
    assert_non_null(strstr(said.out, ">first<"));
    assert_non_null(strstr(said.out, ">second<"));
    RUN("plot", "--phases", "drawn", "--csv", "r.csv");
    assert_int_equal(said.code, 0);
    assert_string_equal(said.out, "r.csv\n");
    read_whole("r.csv", said.out);
    assert_int_equal(strncmp(said.out, "after,first,second\n,0.", 22), 0);
    assert_non_null(strstr(said.out, "\nfirst,0."));
    assert_non_null(strstr(said.out, "\nsecond,0."));
    RUN("report", "drawn", "--out", "report.html");
    assert_int_equal(said.code, 0);
    assert_true(is_there("report.html"));
    RUN("plot", "--phases", "drawn", "--steps", "3");
    assert_string_equal(
        said.err, "hitherto: option --steps is not of --phases: it needs --trial or --reach\n");
    RUN("plot", "--phases", "--trial", "drawn", "--out", "r.svg");
    assert_string_equal(said.err, "hitherto: --trial and --phases are two pictures: give one\n");
    RUN("train", "task=add", "train.steps=50", "network.units=4", "learner=rflo", "--out", "plain",
        "--quiet");
    RUN("plot", "--phases", "plain", "--out", "r.svg");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "plain has no phases.json"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_end_shows_the_matrix),
        TEST(test_commands_look_at_a_phase),
        TEST(test_what_looks_inside_takes_a_phase),
        TEST(test_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
