/* A run that goes on: what it refuses, and what it keeps. */
#include "cli/cli.h"
#include "cli/program.h"

/* A run that goes on stays what it is: what is typed is named, and settings.yaml stays as it is. */
static void test_a_run_that_goes_on_stays_what_it_is(void **state) {
    (void)state;
    static char before[SAID_LENGTH];
    static const char *const refused[][2] = {
        {"train.steps=50",
         "train.steps (command line) is '50', but the run is past that already, at "
         "step 100; it was '100': give more, or leave it out"},
        {"cell=lstm", "cell.name (command line) is 'lstm', but what is to go on has 'gru'"},
        {"keep=si", "keep.name (command line) is 'si', but what is to go on has 'none'"},
        {"network.units=5", "network.units (command line) is '5', but"},
        {"train.from=run",
         "train.from (command line) is 'run', which counts where a run begins, but this one goes "
         "on from step 100; it was '': leave it out, or begin anew"},
        {"train.from_layers=0", "train.from_layers (command line) is '0', which counts where"},
        {"init.w_rec_scale=2", "init.w_rec_scale (command line) is '2', which counts where"},
        {"conventions=nest", "conventions.name (command line) is 'nest', which counts where"},
    };
    RUN("train", "task=add", "network.units=3", "cell=gru", "learner=rflo", "train.steps=100",
        "--out", "run", "--quiet");
    read_whole("run/settings.yaml", before);
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        RUN("train", "--resume", "--out", "run", refused[i][0], "--quiet");
        assert_int_equal(said.code, CLI_BAD_INPUT);
        if (!strstr(said.err, refused[i][1])) fail_msg("%s", said.err);
        read_whole("run/settings.yaml", said.out);
        assert_string_equal(said.out, before);
    }
    REFUSED("--resume goes on with the run that --out names: hitherto train --resume --out run",
            "train", "--resume", "run");
    RUN("train", "--resume", "--out", "run", "train.steps=120", "cell=gru", "--quiet");
    assert_int_equal(said.code, 0);
}

static void write_rows(const char *path, int rows, int bend) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("a,b\n", file);
    for (int i = 0; i < rows; i++) fprintf(file, "%d,%d\n", i * 7 % 13, i * i % (bend + 11));
    assert_int_equal(fclose(file), 0);
}

/* A run that goes on learns from the data that it began with, wherever they are. */
/* settings.yaml has them whatever they do, and nobody can leave them out of it. */
static void test_a_run_keeps_settings_that_change_nothing(void **state) {
    (void)state;
    RUN("train", "task=add", "network.units=3", "train.steps=40", "--quiet", "--out", "idle",
        "regulariser.rate=0", "regulariser.rate_target=0.02", "optimiser.schedule=constant",
        "optimiser.factor=0.3", "train.stop_at=-1", "train.stop_over=3");
    assert_int_equal(said.code, CLI_OK);
    RUN("eval", "idle");
    assert_int_equal(said.code, CLI_OK);
    RUN("train", "--resume", "--out", "idle", "train.steps=80", "--quiet");
    assert_int_equal(said.code, CLI_OK);
    read_whole("idle/settings.yaml", said.out);
    assert_non_null(strstr(said.out, "  rate_target: 0.02\n"));
    REFUSED("regulariser.rate_target (command line) is '0.02', but no rates count in the loss: set "
            "regulariser.rate, or leave it out",
            "train", "task=add", "--out", "new", "regulariser.rate_target=0.02");
}

static void test_a_run_that_goes_on_keeps_its_data(void **state) {
    (void)state;
    static char before[SAID_LENGTH];
    static const char *const refused[][2] = {
        {"data.target=b", "data.target (command line) is 'b', but up to step"},
        {"data.ahead=9", "the run learned with '1': leave it out, or begin another with its "
                         "parameters (train --from tab)"},
        {"data.standardise=false", "data.standardise (command line) is 'false'"},
        {"data.rows=50", "data.rows (command line) is '50'"},
    };
    write_rows("rows.csv", 100, 0);
    RUN("train", "data=table", "data.file=rows.csv", "data.target=a", "network.units=3",
        "learner=rflo", "train.epochs=1", "--out", "tab", "--quiet");
    assert_int_equal(said.code, 0);
    read_whole("tab/settings.yaml", before);
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        RUN("train", "--resume", "--out", "tab", refused[i][0], "train.epochs=2", "--quiet");
        assert_int_equal(said.code, CLI_BAD_INPUT);
        if (!strstr(said.err, refused[i][1])) fail_msg("%s", said.err);
        read_whole("tab/settings.yaml", said.out);
        assert_string_equal(said.out, before);
    }
    /* The file may be moved, and what it had before may be said again. */
    assert_int_equal(rename("rows.csv", "moved.csv"), 0);
    RUN("train", "--resume", "--out", "tab", "data.file=moved.csv", "data.ahead=1",
        "train.epochs=2", "--quiet");
    if (said.code != 0) fail_msg("%s", said.err);
    /* Other numbers, and other rows, are other data; the file of before is again its own. */
    for (int other = 1; other <= 3; other++) {
        write_rows("moved.csv", other == 2 ? 90 : 100, other == 1);
        RUN("train", "--resume", "--out", "tab", "train.epochs=3", "--quiet");
        if ((said.code == 0) != (other == 3)) fail_msg("%d: %s", other, said.err);
        if (other < 3) assert_non_null(strstr(said.err, "training data of another content"));
    }
    /* Nobody can say whether a pipe gives the same. */
    assert_int_equal(mkfifo("rows.pipe", 0600), 0);
    const pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        write_rows("rows.pipe", 100, 0);
        _exit(0);
    }
    RUN("train", "--resume", "--out", "tab", "data.file=rows.pipe", "train.epochs=4", "--quiet");
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_int_equal(said.code, CLI_BAD_INPUT);
    if (!strstr(said.err, "the training data are a pipe now")) fail_msg("%s", said.err);
}

/* A file in the place of rows that were held back would let these train, and no file in its place hold others back. */
static void test_a_run_that_goes_on_keeps_its_rows(void **state) {
    (void)state;
    static const char *const shares[] = {"data.validation_fraction=0.25",
                                         "data.test_fraction=0.25"};
    static const char *const files[] = {"data.validate_file=", "data.test_file="};
    static const char *const outs[] = {"shared0", "shared1", "shared2", "shared3"};
    char file[64], words[160];
    write_rows("rows.csv", 100, 0);
    write_rows("v.csv", 40, 1);
    write_rows("w.csv", 40, 2);
    for (int with = 0; with < 4; with++) {
        const char *share = shares[with % 2], *key = files[with % 2];
        snprintf(file, sizeof file, "%s%s", key, with < 2 ? "" : "v.csv");
        RUN("train", "data=table", "data.file=rows.csv", "data.target=a", share, file,
            "network.units=3", "learner=rflo", "train.epochs=1", "--out", outs[with], "--quiet");
        if (said.code != 0) fail_msg("%s", said.err);
        snprintf(file, sizeof file, "%s%s", key, with < 2 ? "v.csv" : "");
        snprintf(words, sizeof words, "%.*s (command line) is '%s', but was '%s' up to step ",
                 (int)strlen(key) - 1, key, with < 2 ? "v.csv" : "", with < 2 ? "" : "v.csv");
        RUN("train", "--resume", "--out", outs[with], file, "train.epochs=2", "--quiet");
        assert_int_equal(said.code, CLI_BAD_INPUT);
        if (!strstr(said.err, words) || !strstr(said.err, share)) fail_msg("%s", said.err);
        /* A file for a file, and of a part that has no share. */
        snprintf(file, sizeof file, "%sw.csv", files[with < 2 ? 1 - with % 2 : with % 2]);
        RUN("train", "--resume", "--out", outs[with], file, "train.epochs=2", "--quiet");
        if (said.code != 0) fail_msg("%s", said.err);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_run_that_goes_on_stays_what_it_is),
        TEST(test_a_run_keeps_settings_that_change_nothing),
        TEST(test_a_run_that_goes_on_keeps_its_data),
        TEST(test_a_run_that_goes_on_keeps_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
