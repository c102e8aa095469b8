/* A run of episodes, as typed: it ends with two pictures, is evaluated and plotted; what knows no episodes refuses
 * it. */
#include "cli/cli.h"
#include "cli/program.h"

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
    RUN("plot", "--trial", "arm", "--csv", "t.csv");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "arm is a run of episodes"));
}

static void test_others_refuse_it(void **state) {
    (void)state;
    RUN("predict", "arm", "--out", "y.npz");
    assert_non_null(strstr(said.err, "learner.signal is module"));
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
        cmocka_unit_test(test_others_refuse_it),
        cmocka_unit_test(test_a_task_without_a_place),
    };
    return cmocka_run_group_tests(tests, enter_group, leave_group);
}
