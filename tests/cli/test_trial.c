/* Pictures and numbers of a trial, and decoding, as typed. */
#include "cli/cli.h"
#include "cli/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATTERN                                                                                    \
    "train", "task=pattern", "task.steps=50", "network.units=6", "learner=eprop1", "cell=lif",     \
        "train.sequences=4", "cell.v_th=0.5", "--threads", "1", "--quiet"
#define RECALL                                                                                     \
    "train", "task=store-recall", "task.periods=3", "task.period=20", "task.group=2",              \
        "network.units=5", "learner=eprop1", "cell=alif", "train.sequences=2", "--threads", "1",   \
        "--quiet"

#define GROWING                                                                                    \
    "train", "task=copy-repeat", "network.units=5", "learner=tbptt", "loss=sigmoid",               \
        "train.steps=30", "--threads", "1", "--quiet"

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void test_training_ends_with_the_picture(void **state) {
    (void)state;
    RUN(PATTERN, "--out", "with");
    assert_int_equal(said.code, 0);
    assert_null(strstr(
        said.err, "svg")); /* a run so short may say that its network is silent, and nothing else */
    assert_non_null(strstr(said.out, "\nA trial, output and target:  with/trial.svg\n"));
    read_whole("with/trial.svg", said.out);
    assert_non_null(strstr(said.out, "<svg"));
    assert_non_null(strstr(said.out, "with: trial 1 of validation"));
    assert_non_null(strstr(said.out, "spikes z"));
    assert_non_null(strstr(said.out, "learning signals L"));
    RUN(PATTERN, "--out", "without", "train.picture=false");
    assert_int_equal(said.code, 0);
    assert_false(is_there("without/trial.svg"));
    const char *hint = "\nA trial:         hitherto plot --trial without --out without/trial.svg\n";
    assert_non_null(strstr(said.out, hint));
    RUN(RECALL, "--out", "classes"); /* targets are no values */
    assert_int_equal(said.code, 0);
    assert_false(is_there("classes/trial.svg"));
    RUN(PATTERN, "--out", "both", "network.direction=both"); /* cannot be watched: not suggested */
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "\nLearning curve:  hitherto plot both\n"));
    assert_null(strstr(said.out, "--trial"));
    assert_false(is_there("both/trial.svg"));
    RUN("plot", "--trial", "both", "--csv", "t.csv");
    assert_non_null(strstr(said.err, "both has network.direction both"));
    RUN(GROWING, "--out", "grown"); /* no validation: nothing to watch */
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "\nLearning curve:  hitherto plot grown\n"));
    assert_null(strstr(said.out, "--trial"));
    RUN("plot", "--trial", "grown", "--csv", "t.csv");
    assert_non_null(strstr(said.err, "task copy-repeat has no validation sequences while"));
    RUN("eval", "grown", "--split", "train");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "train loss"));
    assert_null(strstr(said.out, "length"));
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    RUN(PATTERN, "--out", "alone");
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(said.code, 0);
    assert_string_equal(said.err, "");
    assert_true(is_there("alone/trial.svg")); /* no other program draws it */
}

/* A pipe is written itself, and stays a pipe; so are descriptors. */
static void test_numbers_into_what_is_no_file(void **state) {
    (void)state;
    char text[5] = "";
    struct stat info;
    RUN(PATTERN, "--out", "r");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    const int pipe = open("pipe", O_RDWR);
    RUN("plot", "--trial", "r", "--csv", "pipe", "--steps", "2");
    assert_string_equal(said.err, "");
    assert_int_equal(read(pipe, text, 4), 4);
    assert_string_equal(text, "step");
    close(pipe);
    assert_int_equal(stat("pipe", &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    /* Of a link the file behind it is written. */
    write_whole("behind.csv", "old");
    assert_int_equal(symlink("behind.csv", "link.csv"), 0);
    RUN("plot", "--trial", "r", "--csv", "link.csv", "--steps", "2");
    assert_int_equal(lstat("link.csv", &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    read_whole("behind.csv", said.out);
    assert_memory_equal(said.out, "step", 4);
    /* What is said follows what was written to the standard output. */
    RUN("plot", "--trial", "r", "--csv", "/dev/stdout", "--steps", "2");
    assert_memory_equal(said.out, "step", 4);
    assert_non_null(strstr(said.out, "\n/dev/stdout\n"));
}

static void test_a_trial_as_numbers(void **state) {
    (void)state;
    RUN(PATTERN, "--out", "r");
    RUN("plot", "--trial", "r", "--csv", "t.csv", "--synapses", "x3:1,2:1", "--units", "1,2");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "t.csv\n");
    read_whole("t.csv", said.out);
    assert_int_equal(count_lines(said.out), 51);
    assert_int_equal(strncmp(said.out, "step,weight,x0,", 15), 0);
    assert_non_null(strstr(said.out, ",z5,s0_0,"));
    assert_non_null(strstr(said.out, ",y2,target0,target1,target2,L0,"));
    assert_non_null(strstr(said.out, ",L5,e1_9,e1_2\n0,1,"));
    RUN("plot", "--trial", "r", "--csv", "t.csv", "--steps", "7", "--split", "test");
    read_whole("t.csv", said.out);
    assert_int_equal(count_lines(said.out), 8);
    RUN(RECALL, "--out", "classes");
    RUN("plot", "--trial", "classes", "--csv", "t.csv", "task.periods=2");
    read_whole("t.csv", said.out);
    assert_int_equal(count_lines(said.out), 41);
    assert_non_null(strstr(said.out, ",y1,class,L0,"));
}

/* Any part of a trial, from any step; states by their names, the threshold, how often units spike. */
static void test_a_part_of_a_trial(void **state) {
    (void)state;
    char *whole, *part;
    RUN(RECALL, "--out", "r");
    RUN("plot", "--trial", "r", "--out", "t.svg");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "t.svg\n");
    read_whole("t.svg", said.out);
    const char *const words[] = {"target class",        "voltage v", "adaptation a",
                                 "threshold at rest",   "spikes z",  " in 1000 steps",
                                 "eligibility traces e"};
    for (size_t i = 0; i < HTH_COUNT(words); i++)
        if (!strstr(said.out, words[i])) fail_msg("no '%s'", words[i]);
    RUN("plot", "--trial", "r", "--csv", "all.csv", "--synapses", "x1:2", "--units", "2");
    RUN("plot", "--trial", "r", "--csv", "some.csv", "--synapses", "x1:2", "--units", "2", "--from",
        "20", "--to", "31", "--out", "some.svg");
    assert_string_equal(said.err, "");
    read_whole("all.csv", said.out);
    whole = strdup(said.out);
    read_whole("some.csv", said.out);
    assert_int_equal(count_lines(said.out), 12);
    part = strstr(said.out, "\n20,"); /* what was before went before */
    assert_non_null(part);
    assert_non_null(strstr(whole, part));
    free(whole);
    RUN("plot", "--trial", "r", "--csv", "s.csv", "--from", "50", "--steps", "5");
    read_whole("s.csv", said.out);
    assert_int_equal(count_lines(said.out), 6);
    REFUSED("--to and --steps both say where the picture ends: give one", "plot", "--trial", "r",
            "--csv", "s.csv", "--to", "5", "--steps", "5");
    REFUSED("option --to is '5', but must be more than --from, 9", "plot", "--trial", "r", "--csv",
            "s.csv", "--from", "9", "--to", "5");
    REFUSED("trial 1 has 60 steps, and none from 60 on", "plot", "--trial", "r", "--csv", "s.csv",
            "--from", "60");
    REFUSED("option --from is not of learning curves: it needs --trial", "plot", "r", "--from",
            "1");
}

/* Synapses that nobody has named have traces that change. */
static void test_traces_are_not_flat(void **state) {
    (void)state;
    RUN("train", "task=pattern", "task.steps=200", "network.units=12", "learner=eprop1", "cell=lif",
        "train.sequences=1", "--threads", "1", "--quiet", "--out", "p", "train.picture=false");
    RUN("plot", "--trial", "p", "--csv", "t.csv", "--steps", "160");
    assert_int_equal(said.code, 0);
    read_whole("t.csv", said.out);
    double least[3] = {1e9, 1e9, 1e9}, most[3] = {-1e9, -1e9, -1e9};
    size_t rows = 0;
    for (char *line = strtok(said.out, "\n"); (line = strtok(NULL, "\n")); rows++) {
        char *at = line + strlen(line);
        for (int k = 2; k >= 0; k--) {
            while (*at != ',') at--;
            const double e = strtod(at + 1, NULL);
            if (e < least[k]) least[k] = e;
            if (e > most[k]) most[k] = e;
            *at = '\0';
        }
    }
    assert_int_equal(rows, 160);
    for (int k = 0; k < 3; k++) assert_true(most[k] > least[k]);
}

static void test_what_a_trial_refuses(void **state) {
    (void)state;
    RUN(PATTERN, "--out", "r");
    REFUSED("a trial has too much in it for letters on a terminal: say with --out FILE.svg, "
            "FILE.png or --csv FILE where it goes",
            "plot", "--trial", "r");
    REFUSED("option --units is not of learning curves: it needs --trial", "plot", "r", "--units",
            "1");
    REFUSED("option --log is of learning curves, not of --trial", "plot", "--trial", "r", "--log");
    REFUSED("option --out is 'a.pdf', but must be a file that ends in .svg or .png", "plot",
            "--trial", "r", "--out", "a.pdf");
    REFUSED("plot takes one run, but 'r' and 's' are given", "plot", "--trial", "r", "s");
    REFUSED("which run? hitherto plot --trial RUN, with the folder of a run", "plot", "--trial");
    REFUSED("option --units is '6', but must be at most 8 units of 0..5, with commas between",
            "plot", "--trial", "r", "--csv", "t", "--units", "6");
    REFUSED("option --synapses is '1', but must be at most 8 of FROM:TO with commas between, FROM "
            "a unit of 0..5 or an input x0..x19, TO a unit",
            "plot", "--trial", "r", "--csv", "t", "--synapses", "1");
    REFUSED("option --number is '0', but must be a whole number of at least 1", "plot", "--trial",
            "r", "--csv", "t", "--number", "0");
    REFUSED("layer 4: the network has layers 0..0", "plot", "--trial", "r", "--csv", "t", "--layer",
            "4");
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    RUN("plot", "--trial", "r", "--out", "t.png");
    setenv("PATH", path, 1);
    free(path);
    assert_string_equal(said.err,
                        "hitherto: plots are drawn by gnuplot, which is not installed (on "
                        "Debian: apt install gnuplot-nox)\n");
    assert_int_equal(said.code, CLI_FAILED);
}

static void test_decoding(void **state) {
    (void)state;
    RUN(RECALL, "--out", "r");
    RUN("probe", "r", "task.rules=single", "--of", "states", "--window", "20", "--spacing", "20",
        "--trials", "12", "--tests", "8", "--csv", "p.csv", "--quiet");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    assert_non_null(
        strstr(said.out, "10 of 10 states, 12 trials to learn from, 8 to test with, l2 1\n"));
    assert_non_null(strstr(said.out, "\n      40..59    "));
    assert_non_null(strstr(said.out, " +- 0."));
    read_whole("p.csv", said.out);
    assert_int_equal(count_lines(said.out), 4);
    assert_int_equal(strncmp(said.out, "run,from,to,accuracy,standard_error,", 36), 0);
    REFUSED("option --of is 'dreams', but must be one of traces, vectors, states, spikes", "probe",
            "r", "--of", "dreams");
    REFUSED("option --decode is 'mood', but must be class", "probe", "r", "--decode", "mood");
    REFUSED("option --l2 is '-1', but must be a positive number", "probe", "r", "--l2", "-1");
    REFUSED("which run? hitherto probe RUN, with the folder of a run", "probe");
    REFUSED("a window of 100 steps does not fit into the 60 of a trial", "probe", "r");
    RUN("probe", "r", "task.rules=single", "--of", "traces", "--window", "20", "--spacing", "20",
        "--trials", "12", "--tests", "8", "--out", "p.svg", "--quiet");
    assert_string_equal(said.err, "");
    assert_non_null(strstr(said.out, "1: r, traces of eprop1, who always says"));
    read_whole("p.svg", said.out);
    assert_non_null(strstr(said.out, "<svg"));
}

/* A full disk leaves the numbers that were there, and its reason is said. */
static void test_a_full_disk_takes_no_numbers(void **state) {
    (void)state;
    static const char *const lines[][12] = {
        {"plot", "--trial", "r", "--csv", "n.csv"},
        {"plot", "--reach", "r", "--csv", "n.csv"},
        {"probe", "r", "--of=states", "--window=20", "--trials=12", "--tests=8", "--csv", "n.csv",
         "--quiet"},
    };
    struct rlimit before, small;
    RUN(RECALL, "--out", "r");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100; /* of what the program says, too: a level's note leaves no room */
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        const char *line[HTH_COUNT(lines[0]) + 1] = {NULL};
        memcpy(line, lines[i], sizeof lines[i]);
        write_whole("n.csv", "before\n");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        run_program(HTH_PROGRAM, line);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        if (strncmp(said.err, "Note: level", 11) != 0)
            assert_string_equal(said.err, "hitherto: n.csv: cannot be written: File too large\n");
        assert_int_not_equal(said.code, 0);
        read_whole("n.csv", said.out);
        assert_string_equal(said.out, "before\n");
    }
    signal(SIGXFSZ, SIG_DFL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

/* Of a store: errors reach back through its rows where the recurrence has lost them. */
static void test_reach(void **state) {
    (void)state;
    double lag, with, alone;
    RUN("train", "task=recall", "task.delay=150", "network.units=6,3", "network.layers=units,store",
        "store.every=5", "store.top=4", "cell.alpha=0.5", "learner=bptt", "train.steps=175",
        "--threads", "1", "--quiet", "--out", "s");
    assert_int_equal(said.code, 0);
    RUN("plot", "--reach", "s", "--trials", "8", "--csv", "r.csv", "--out", "r.svg");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "r.svg\nr.csv\n");
    read_whole("r.svg", said.out);
    assert_non_null(strstr(said.out, "without rows"));
    read_whole("r.csv", said.out);
    assert_int_equal(count_lines(said.out), 176);
    const char *line = strstr(said.out, "\n100,");
    assert_non_null(line);
    assert_int_equal(sscanf(line, "\n%lf,%lf,%lf", &lag, &with, &alone), 3);
    assert_true(with > 1e-8 && alone < 1e-3 * with);
    /* Where its reads point. */
    RUN("plot", "--trial", "s", "--csv", "t.csv", "--out", "t.svg");
    read_whole("t.svg", said.out);
    assert_non_null(strstr(said.out, "rows that head 0 reads, the oldest below"));
    read_whole("t.csv", said.out);
    assert_non_null(strstr(said.out, ",read0_0,read0_1,read0_2,read0_3,wrote0_0,"));
    assert_non_null(strstr(said.out, ",0,0,0,0,-1,-1,-1,-1\n"));
    assert_non_null(strstr(said.out, ",1,0,0,0,4,-1,-1,-1\n"));
    /* Without a store one line. */
    RUN(PATTERN, "--out", "plain");
    RUN("plot", "--reach", "plain", "--csv", "p.csv");
    read_whole("p.csv", said.out);
    assert_int_equal(count_lines(said.out), 51);
    assert_int_equal(strncmp(said.out, "lag,size\n0,", 11), 0);
    REFUSED("layer 1 is no layer of units: the network has layers 0..1, and z of one of units is "
            "wanted (--layer)",
            "plot", "--reach", "s", "--layer", "1");
    REFUSED("option --number is not of --reach: it needs --trial", "plot", "--reach", "s",
            "--number", "2");
    REFUSED("option --trials is not of --trial: it needs --reach", "plot", "--trial", "s",
            "--trials", "2", "--csv", "r.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_training_ends_with_the_picture),
        TEST(test_numbers_into_what_is_no_file),
        TEST(test_a_trial_as_numbers),
        TEST(test_a_part_of_a_trial),
        TEST(test_traces_are_not_flat),
        TEST(test_reach),
        TEST(test_what_a_trial_refuses),
        TEST(test_decoding),
        TEST(test_a_full_disk_takes_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
