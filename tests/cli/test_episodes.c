/* A run of episodes, as typed: it ends with two pictures, is evaluated and plotted; what knows no episodes refuses
 * it. */
#include "cli/cli.h"
#include "cli/program.h"
#include "data/npz.h"

#include <math.h>
#include <sys/resource.h>

#define ARM                                                                                        \
    "train", "task=arm", "task.steps=30", "task.inputs=5", "network.units=6", "cell=lif",          \
        "cell.v_th=0.1", "readout.bias=false", "learner=eprop1", "learner.signal=module",          \
        "module.units=4", "train.batch=2", "train.sequences=3", "--threads", "1", "--quiet"

/* One folder for all, so that the run is made once. */
static int enter_group(void **state) {
    return enter_folder(state);
}
static int leave_group(void **state) {
    return leave_folder(state);
}

static void test_training_ends_with_an_episode(void **state) {
    (void)state;
    RUN(ARM, "--out", "arm");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "\n  test place "));
    assert_non_null(strstr(said.out, "\nA trial, output and target:  arm/trial.svg\n"));
    read_whole("arm/trial.svg", said.out);
    assert_non_null(strstr(said.out, "arm: task 1 of validation"));
    assert_non_null(strstr(said.out, ">spikes of the module"));
    assert_non_null(strstr(said.out, "test trial: spikes of the module"));
    assert_non_null(strstr(said.out, "test trial: signals of the module"));
    assert_non_null(strstr(said.out, "learning signals"));
    read_whole("arm/trial-plane.svg", said.out);
    assert_non_null(strstr(said.out, "before the update"));
}

static void test_it_is_evaluated_and_plotted(void **state) {
    (void)state;
    RUN("eval", "arm", "--split", "validation");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "validation place"));
    RUN("plot", "--trial", "arm", "--number", "2", "--out", "e.svg");
    assert_string_equal(said.out, "e.svg\ne-plane.svg\n");
    read_whole("e.svg", said.out);
    assert_non_null(strstr(said.out, "arm: task 2 of validation"));
    RUN("plot", "--trial", "arm", "--csv", "t.csv", "--steps", "3");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "arm is a run of episodes, of which all is shown: leave out "
                                     "--steps"));
}

/* The number of row `row` (from 0) in the column with this name of the table in said.out. */
static double number_of(const char *column, size_t row) {
    const char *at = said.out, *end = strchr(at, '\n'), *line = end + 1;
    const size_t length = strlen(column);
    size_t index = 0;
    for (; strncmp(at, column, length) != 0 || (at[length] != ',' && at + length != end); index++) {
        at = strchr(at, ',');
        if (!at || at > end) fail_msg("there is no column %s", column);
        at++;
    }
    for (; row > 0; row--) line = strchr(line, '\n') + 1;
    for (; index > 0; index--) line = strchr(line, ',') + 1;
    return strtod(line, NULL);
}

static size_t lines_of(const char *text) {
    size_t count = 0;
    for (; (text = strchr(text, '\n')); text++) count++;
    return count;
}

/* All numbers of both trials: the place that is missed is what the picture says. */
static void test_an_episode_is_written_as_numbers(void **state) {
    (void)state;
    double missed = 0, spikes = 0;
    char words[80];
    RUN("plot", "--trial", "arm", "--out", "n.svg", "--csv", "n.csv");
    assert_string_equal(said.out, "n.svg\nn-plane.svg\nn.csv\n");
    /* A full disk does not take them away. */
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    RUN("plot", "--trial", "arm", "--csv", "n.csv");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_string_equal(said.err, "hitherto: n.csv: cannot be written: File too large\n");
    read_whole("n.csv", said.out);
    assert_int_equal(lines_of(said.out), 31);
    for (size_t t = 0; t < 30; t++) {
        assert_true(number_of("step", t) == (double)t);
        assert_true(number_of("told1", t) == number_of("place_target1", t));
        assert_true(number_of("x4", t) == number_of("test_x4", t));
        spikes += number_of("z0", t) + number_of("z5", t) + number_of("m3", t);
        for (int k = 0; k < 2; k++) {
            const double off = number_of(k ? "place1" : "place0", t) -
                               number_of(k ? "place_target1" : "place_target0", t);
            missed += off * off / 60;
        }
    }
    assert_true(spikes == floor(spikes));
    snprintf(words, sizeof words, "mean square missed %.3g (before", missed);
    read_whole("n.svg", said.out);
    if (!strstr(said.out, words)) fail_msg("not '%s'", words);
}

/* Of a pair the two trials have targets of their own. */
static void test_a_pair_has_two_targets(void **state) {
    (void)state;
    static double x[8][5][1], targets[8][5][1];
    for (size_t i = 0; i < 8; i++)
        for (size_t t = 0; t < 5; t++) targets[i][t][0] = i % 2 ? -7 : 100;
    const array all[] = {{"inputs", "<f8", "(8, 5, 1)", false, x, sizeof x},
                         {"targets", "<f8", "(8, 5, 1)", false, targets, sizeof targets}};
    npz_write("pairs.npz", all, 2);
    RUN("train", "data=arrays", "data.file=pairs.npz", "episode.trials=pairs", "network.units=3",
        "cell=lif", "learner=eprop1", "learner.signal=module", "module.units=3", "train.epochs=1",
        "train.batch=1", "data.validation_fraction=0.5", "--threads", "1", "--quiet", "--out",
        "pairs");
    assert_int_equal(said.code, 0);
    RUN("plot", "--trial", "pairs", "--csv", "p.csv");
    assert_string_equal(said.out, "p.csv\n");
    read_whole("p.csv", said.out);
    for (size_t t = 0; t < 5; t++)
        assert_true(number_of("told0", t) == 100 && number_of("target0", t) == -7);
    assert_null(strstr(said.out, "place"));
}

static void test_others_refuse_it(void **state) {
    (void)state;
    RUN("predict", "arm", "--out", "y.npz");
    assert_non_null(strstr(said.err, "learner.signal is module"));
    assert_non_null(strstr(said.err, "writes its numbers (--csv FILE)"));
    assert_false(is_there("y.npz"));
    /* A check is the double program's, which need not be there. */
    if (sizeof(hth_real) == 4) return;
    RUN("check", "arm");
    assert_int_not_equal(said.code, 0);
    assert_non_null(strstr(said.err, "learner.signal is module"));
}

/* A linear module has no spikes; a task without a place shows its outputs. */
static void test_a_task_without_a_place(void **state) {
    (void)state;
    RUN("train", "task=pattern", "task.steps=30", "network.units=6", "cell=lif", "cell.v_th=0.1",
        "learner=eprop1", "learner.signal=module", "module.kind=linear", "train.sequences=2",
        "--threads", "1", "--quiet", "--out", "pattern");
    assert_int_equal(said.code, 0);
    read_whole("pattern/trial.svg", said.out);
    assert_non_null(strstr(said.out, "test trial: outputs"));
    assert_null(strstr(said.out, "spikes of the module"));
    assert_false(is_there("pattern/trial-plane.svg"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_ends_with_an_episode),
        cmocka_unit_test(test_it_is_evaluated_and_plotted),
        cmocka_unit_test(test_an_episode_is_written_as_numbers),
        cmocka_unit_test(test_a_pair_has_two_targets),
        cmocka_unit_test(test_others_refuse_it),
        cmocka_unit_test(test_a_task_without_a_place),
    };
    return cmocka_run_group_tests(tests, enter_group, leave_group);
}
