/* `hitherto compare` as a program: what it refuses and says, its files, and that neither Ctrl-C nor being
 * killed again and again changes a digit of what comes of it. */
#include "cli/cli.h"
#include "cli/program.h"
#include "cli/tracer.h"

#include <sys/ptrace.h>

#define SMALL                                                                                      \
    "compare", "task=add", "loss=softmax", "network.units=8", "compare.learners=tbptt,rtrl",       \
        "learner.steps=2"

/* ---- Words ---------------------------------------------------------------------------------- */

static void test_bad_input(void **state) {
    (void)state;
    REFUSED(
        "what is to be compared? hitherto compare SETTINGS.yaml, or --out DIR to go on with what "
        "is there",
        "compare");
    REFUSED("there is nothing to learn from: give a task (task=add), data (data=text "
            "data.dir=FOLDER) or a world (world=bandit); 'hitherto list tasks', 'hitherto "
            "list data' and 'hitherto list worlds' show them (arm 'rtrl')",
            "compare", "compare.learners=rtrl");
    REFUSED("option --jobs is '0', but must be a whole number from 1 to 1024", "compare",
            "task=add", "--jobs", "0");
    REFUSED("nowhere holds no comparison to go on with: give settings, as in hitherto compare "
            "task=add compare.learners=tbptt,rtrl --out nowhere",
            "compare", "--out", "nowhere");
    REFUSED("nowhere holds no comparison: there is no results.db in it", "compare", "--table",
            "--out", "nowhere");
    REFUSED("command line: vary is a section and takes no value of its own; write "
            "vary.<setting>=<values>",
            "compare", "task=add", "vary=3");
}

static void test_bad_files(void **state) {
    (void)state;
    write_whole("a.yaml", "task: add\narms:\n  one: 3\n");
    REFUSED("a.yaml:3: one must have settings: {learner: rtrl, optimiser.lr: 0.1}", "compare",
            "a.yaml");
    write_whole("a.yaml", "task: add\narms:\n  one: {learner: tbptt}\n  one: {learner: rtrl}\n");
    REFUSED("a.yaml:4: arm 'one' was already given at a.yaml:3", "compare", "a.yaml");
    write_whole("a.yaml", "task: add\narms:\n  one:\n    learner: tbptt\n    optimizer.lr: 3\n");
    REFUSED("a.yaml:5: unknown setting optimizer.lr: there is no section optimizer; did you mean "
            "'optimiser'? (arm 'one')",
            "compare", "a.yaml");
    write_whole("a.yaml", "task: add\narms:\n  one: {vary: {cell.alpha: 1}}\n");
    REFUSED("a.yaml:3: vary has no place in an arm", "compare", "a.yaml");
    write_whole("a.yaml", "task: add\nvary:\n  cell.alpha: [0.5, 1]\n  cell.alpha: 1\n");
    REFUSED("a.yaml:4: cell.alpha was already set at a.yaml:3", "compare", "a.yaml");
    write_whole("a.yaml", "task: add\nvary:\n  optimiser.lr: [0.5, -2]\n");
    REFUSED("a.yaml:3: optimiser.lr is '-2', but must be a number from 0 to 1000000 (arm 'tbptt', "
            "optimiser.lr=-2)",
            "compare", "a.yaml");
    write_whole("a.yaml", "task: add\ncompare:\n  seeds: many\n");
    REFUSED(
        "a.yaml:3: compare.seeds is 'many', but must be a number N for the seeds 1 to N, a list "
        "(3, 5, 8), or ranges (21-40)",
        "compare", "a.yaml");
}

/* Other commands read such a file for the settings of a run. */
static void test_a_file_for_compare_can_be_trained(void **state) {
    (void)state;
    write_whole("a.yaml", "task: add\narms:\n  one: {learner: rtrl}\nvary: {cell.alpha: [0.5, 1]}\n"
                          "compare: {seeds: 3}\ntrain: {steps: 100, threads: 1}\n");
    RUN("train", "a.yaml", "--out", "one");
    assert_int_equal(said.code, 0);
}

/* ---- Files ---------------------------------------------------------------------------------- */

static void test_a_comparison_from_start_to_picture(void **state) {
    (void)state;
    write_whole("a.yaml", "task: add\nloss: softmax\nnetwork: {units: 4}\n"
                          "train: {steps: 400, validate_every: -1}\ncompare: {seeds: [2, 4]}\n"
                          "arms:\n  \"RTRL, \\\"exact\\\"\": {learner: rtrl}\n"
                          "  fixed W:\n    learner:\n      name: readout-only\n"
                          "vary: {optimiser.lr: [1e-3, 1e-2]}\n");
    RUN("compare", "a.yaml");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.err, "runs 8/8"));
    assert_non_null(strstr(said.out, "| arm           | lr   | seeds | "));
    assert_non_null(strstr(said.out, "| fixed W       | 1e-2 | 2     | "));
    char *table = strdup(said.out);
    assert_non_null(table);
    read_whole("runs/a-compare/table.md", said.out);
    assert_memory_equal(said.out, table, strlen(said.out));
    read_whole("runs/a-compare/table.csv", said.out);
    assert_non_null(strstr(said.out, "\n\"RTRL, \"\"exact\"\"\",rtrl,1e-2,2,0,0,0,,0."));
    read_whole("runs/a-compare/curves.csv", said.out);
    assert_non_null(strstr(said.out, "arm,optimiser.lr,step,seeds,train_loss,standard_error,"
                                     "smoothed,smoothed_error\n"));
    read_whole("runs/a-compare/speed.csv", said.out);
    assert_non_null(strstr(said.out, "steps_per_second"));
    RUN("train", "--resume", "--out", "runs/a-compare");
    assert_string_equal(said.err, "hitherto: runs/a-compare holds a comparison, and no run: "
                                  "'hitherto compare --out runs/a-compare' goes on with it\n");
    RUN("compare", "--table", "--out", "runs/a-compare", "compare.final=1");
    assert_int_equal(said.code, 0);
    assert_string_equal(said.err, "");
    assert_true(strcmp(said.out, table) != 0);
    RUN("compare", "--table", "--out", "runs/a-compare");
    assert_string_equal(said.out, table);
    free(table);
    read_whole("runs/a-compare/curves.svg", said.out);
    assert_non_null(strstr(said.out, "fixed W, lr 1e-2"));
    assert_non_null(strstr(said.out, "training loss (nats)"));
    if (system("command -v gnuplot > none.txt 2>&1") != 0) return;
    assert_true(is_there("runs/a-compare/curves.png"));
}

/* Curves that end a hundred times apart are drawn over a logarithmic axis, whose labels are powers of ten; the larger
 * one alone is not. */
static void test_curves_far_apart(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        char text[640];
        snprintf(text, sizeof text,
                 "task: {name: pattern, steps: 20}\nnetwork: {units: 4}\nlearner: {name: bptt}\n"
                 "train: {sequences: 4, report_every: 20, validate_every: -1}\n"
                 "compare: {seeds: 1, smooth: 1}\narms:\n"
                 "  large: {task: {amplitude_min: 2, amplitude_max: 2}}\n%s",
                 i ? "" : "  small: {task: {amplitude_min: 0.02, amplitude_max: 0.02}}\n");
        write_whole("far.yaml", text);
        RUN("compare", "far.yaml", "--out", i ? "near" : "far");
        assert_int_equal(said.code, 0);
        read_whole(i ? "near/curves.svg" : "far/curves.svg", said.out);
        assert_int_equal(strstr(said.out, ">0.1<") != NULL, !i);
    }
}

/* As many settings are varied as two calls into one folder allow, 16 and 16: the table has a column for each. */
static void test_many_columns(void **state) {
    (void)state;
    RUN(SMALL, "train.steps=100", "compare.seeds=1", "--out", "wide", "--quiet",
        "vary.optimiser.lr=1e-3", "vary.network.bias=true", "vary.train.batch=1",
        "vary.optimiser.clip_norm=1", "vary.train.report_every=50", "vary.network.excitatory=-1",
        "vary.init.bias_scale=1", "vary.init.w_in_scale=1", "vary.init.w_out_scale=1",
        "vary.init.w_rec_scale=1", "vary.train.keep_state=false", "vary.task.lag1=2",
        "vary.task.lag2=3", "vary.optimiser.schedule=constant");
    assert_int_equal(said.code, 0);
    RUN("compare", "task=add", "loss=softmax", "learner=rflo", "train.steps=100", "compare.seeds=1",
        "--out", "wide", "--quiet", "optimiser=adam", "vary.optimiser.beta1=0.9",
        "vary.optimiser.beta2=0.99", "vary.optimiser.epsilon=1e-8", "vary.optimiser.weight_decay=0",
        "vary.learner.below=exact", "vary.network.connections=all",
        "vary.network.self_connections=true", "vary.readout.bias=true", "vary.readout.scale=false",
        "vary.train.validation_steps=10", "vary.train.validate_every=50", "vary.loss.clip=0",
        "vary.optimiser.lr_readout=1", "vary.train.align_window=10", "vary.init.bias=zero");
    assert_int_equal(said.code, 0);
    for (const char *at = said.out, *end; (end = strchr(at, '\n')); at = end + 1) {
        size_t columns = 0;
        for (const char *c = at; *at == '|' && c < end; c++) columns += *c == '|';
        if (*at == '|') assert_int_equal(columns, 1 + 1 + 14 + 15 + 1 + 1 + 1 + 1 + 1 + 1 + 1);
    }
}

/* Pictures are drawn by the program itself; a PNG is not. */
static void test_without_gnuplot(void **state) {
    (void)state;
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    RUN(SMALL, "train.steps=2000", "compare.seeds=1", "--out", "x", "--quiet");
    setenv("PATH", path, 1);
    free(path);
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "\nLearning curves:  x/curves.svg\n"));
    assert_true(is_there("x/curves.csv"));
    assert_false(is_there("x/curves.png"));
    read_whole("x/curves.svg", said.out);
    const char *const words[] = {"smoothed: mean of 11 lines, 5 to either side",
                                 "0.4545 both tosses known", "training loss (nats)", ">tbptt<",
                                 ">rtrl<"};
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (!strstr(said.out, words[i])) fail_msg("no '%s'", words[i]);
}

/* Of five lines no point is the mean of eleven, and no caption says so. */
static void test_a_caption_counts_the_lines_there_are(void **state) {
    (void)state;
    RUN(SMALL, "train.steps=50", "learner.steps=10", "train.report_every=10", "compare.seeds=1",
        "--out", "five", "--quiet");
    assert_int_equal(said.code, 0);
    read_whole("five/curves.svg", said.out);
    assert_non_null(strstr(said.out, "smoothed: mean of 5 lines, 2 to either side"));
    RUN("train", "task=add", "network.units=4", "train.steps=50", "learner.steps=10",
        "train.report_every=10", "--threads", "1", "--quiet", "--out", "run");
    RUN("plot", "run", "--smooth", "11", "--out", "plot.svg");
    read_whole("plot.svg", said.out);
    assert_non_null(strstr(said.out, "smoothed: mean of 5 lines, 2 to either side"));
    RUN(SMALL, "train.steps=20", "learner.steps=10", "train.report_every=10", "compare.seeds=1",
        "--out", "two", "--quiet");
    assert_int_equal(said.code, 0);
    read_whole("two/curves.svg", said.out);
    assert_non_null(strstr(said.out, ">not smoothed; bands"));
}

/* ---- Interruptions -------------------------------------------------------------------------- */

/* Long enough that interruptions find runs under way, in slow builds too. */
#define LONG SMALL, "train.steps=30000", "train.checkpoint_every=0.02", "compare.seeds=4"

static bool same_file(const char *a, const char *b) {
    static char text[2][SAID_LENGTH];
    read_whole(a, text[0]);
    read_whole(b, text[1]);
    assert_true(strlen(text[0]) > 100);
    return strcmp(text[0], text[1]) == 0;
}

static void compare_undisturbed(void) {
    RUN(LONG, "--out", "whole", "--quiet");
    assert_int_equal(said.code, 0);
}

static void assert_same_results(const char *out) {
    char path[100];
    snprintf(path, sizeof path, "%s/table.csv", out);
    assert_true(same_file("whole/table.csv", path));
    snprintf(path, sizeof path, "%s/curves.csv", out);
    assert_true(same_file("whole/curves.csv", path));
    snprintf(path, sizeof path, "%s/runs", out);
    assert_false(is_there(path));
}

/* Kills the program, which has just been started with `traced`, as it comes to its n-th stop: each of its calls of the
 * system, the writes of a transaction among them, stops it twice. Returns whether it came so far. */
static bool kill_at_stop(pid_t child, long n) {
    int status = 0;
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status) && n-- > 0) {
        const int signal = WSTOPSIG(status);
        ptrace(PTRACE_SYSCALL, child, NULL, signal == SIGTRAP ? 0L : (long)signal);
    }
    if (!WIFSTOPPED(status)) return false; /* it has come to its end */
    kill(child, SIGKILL);
    finish_program(child);
    return said.code == 1000 + SIGKILL;
}

/* Killed at calls of the system that nobody chose, twenty times, then left alone. Its processes die with it, or the
 * next call would have to wait for ever. */
static void test_killed_twenty_times(void **state) {
    (void)state;
    enum { MOST_STOPS = 1500 };
    const char *const arguments[] = {LONG, "--out", "killed", "--quiet", NULL};
    unsigned alive = 0, under_way = 0;
    if (!may_trace()) skip();
    compare_undisturbed();
    srand(1);
    for (int i = 0; i < 20; i++) {
        traced = true;
        pid_t child = start_program(HTH_PROGRAM, arguments);
        traced = false;
        alive += kill_at_stop(child, rand() % MOST_STOPS);
        under_way += is_there("killed/runs");
    }
    assert_true(alive > 3 && under_way > 0);
    RUN("compare", "--out", "killed", "--quiet");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    assert_same_results("killed");
    /* The files do tell other runs from these. */
    RUN(LONG, "train.steps=29990", "--out", "other", "--quiet");
    assert_false(same_file("whole/table.csv", "other/table.csv"));
    assert_false(same_file("whole/curves.csv", "other/curves.csv"));
}

/* Runs too short for a checkpoint, whose results are stored together: some have ended when the program is killed, and
 * are not stored yet. They run again, in folders that others have left. */
static void test_tiny_runs_killed(void **state) {
    (void)state;
    enum { FIRST_STOP = 700, STRIDE = 200 };
#define TINY SMALL, "train.steps=20", "train.report_every=10", "compare.seeds=12", "--jobs", "1"
    const char *const arguments[] = {TINY, "--out", "tiny", "--quiet", NULL};
    unsigned alive = 0, with_folders = 0;
    if (!may_trace()) skip();
    RUN(TINY, "--out", "tiny-whole", "--quiet");
    assert_int_equal(said.code, 0);
    assert_false(is_there("tiny-whole/runs"));
    for (int i = 0; i < 8; i++) {
        traced = true;
        pid_t child = start_program(HTH_PROGRAM, arguments);
        traced = false;
        alive += kill_at_stop(child, FIRST_STOP + i * STRIDE);
        with_folders += is_there("tiny/runs");
    }
    assert_true(alive > 2 && with_folders > 0);
    RUN("compare", "--out", "tiny", "--quiet");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    assert_true(same_file("tiny-whole/table.csv", "tiny/table.csv"));
    assert_true(same_file("tiny-whole/curves.csv", "tiny/curves.csv"));
    assert_false(is_there("tiny/runs"));
}

static void test_interrupted(void **state) {
    (void)state;
    const char *const arguments[] = {LONG, "--out", "cut", "--quiet", NULL};
    compare_undisturbed();
    pid_t child = start_program(HTH_PROGRAM, arguments);
    await_file(child, "cut/runs");
    kill(child, SIGINT);
    finish_program(child);
    assert_int_equal(said.code, CLI_INTERRUPTED);
    assert_string_equal(said.err, "Interrupted; what has been computed is saved. To go on:\n"
                                  "  hitherto compare --out cut\n");
    assert_true(is_there("cut/runs"));
    RUN("compare", "--table", "--out", "cut");
    assert_non_null(strstr(said.out, " to run"));
    RUN("compare", "--out", "cut");
    assert_int_equal(said.code, 0);
    assert_same_results("cut");
}

static void test_two_at_once_are_refused(void **state) {
    (void)state;
    const char *const arguments[] = {SMALL, "train.steps=1e12", "--out", "busy", "--quiet", NULL};
    pid_t child = start_program(HTH_PROGRAM, arguments);
    await_file(child, "busy/runs");
    RUN(SMALL, "train.steps=1e12", "--out", "busy");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err, "hitherto: busy: another run is writing in this directory\n");
    kill(child, SIGKILL);
    finish_program(child);
    /* What is under way is of these settings, and no others. */
    RUN(SMALL, "train.steps=100", "compare.seeds=1", "--out", "busy");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err,
                        "hitherto: a run of arm 'tbptt' is under way in busy/runs/tbptt-1-s1 with "
                        "train.steps '1e12', the settings now say '100': give the arm another "
                        "label, or compare in another directory, or remove that folder to give "
                        "the run up\n");
    assert_true(is_there("busy/runs/tbptt-1-s1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_bad_input),
        TEST(test_bad_files),
        TEST(test_a_file_for_compare_can_be_trained),
        TEST(test_a_comparison_from_start_to_picture),
        TEST(test_curves_far_apart),
        TEST(test_many_columns),
        TEST(test_without_gnuplot),
        TEST(test_a_caption_counts_the_lines_there_are),
        TEST(test_killed_twenty_times),
        TEST(test_tiny_runs_killed),
        TEST(test_interrupted),
        TEST(test_two_at_once_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
