/*
 * hitherto export --c: the folder is whole or not there, and its program says what `hitherto predict` says. Here it is
 * linked with the library of this build; .ci/run builds it alone, and for a chip.
 */
#include "cli/cli.h"
#include "cli/program.h"

#include <math.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { ROWS = 48, TESTED = 12 };

/* Two columns to read and one to forecast; the last rows alone, without the header, and their two columns to read. */
static void write_tables(void) {
    FILE *whole = fopen("table.csv", "wb"), *rows = fopen("rows.csv", "wb");
    FILE *inputs = fopen("inputs.csv", "wb");
    assert_non_null(whole);
    assert_non_null(rows);
    fprintf(whole, "a,b,y\n");
    for (int t = 0; t < ROWS; t++) {
        char line[100];
        snprintf(line, sizeof line, "%.3f,%d.5,%.4f\n", 10 + 3 * sin(t / 3.0), t * 7 % 11,
                 5 * cos(t / 4.0) - 2);
        fputs(line, whole);
        if (t < ROWS - TESTED) continue;
        fputs(line, rows);
        *strrchr(line, ',') = '\0';
        fprintf(inputs, "%s\n", line);
    }
    fclose(inputs);
    fclose(whole);
    fclose(rows);
}

static void must_run(const char *command) {
    if (system(command) != 0) fail_msg("%s", command);
}

static void export_one(const char *folder, const char *prefix, const char *const more[5]) {
    RUN("train", "data=table", "data.file=table.csv", "data.inputs=a,b", "data.target=y",
        "data.test_fraction=0.25", "loss=mse", "network.units=4", "train.epochs=2",
        "train.threads=1", "--quiet", "--out", "run", more[0], more[1], more[2], more[3], more[4]);
    assert_int_equal(said.code, 0);
    RUN("predict", "run", "--out", "predicted.csv");
    assert_int_equal(said.code, 0);
    RUN("export", "run", "--c", folder, "--prefix", prefix);
    if (said.code != 0) fail_msg("%s", said.err);
    must_run("rm -r run");
}

/* The lines of the program are the last column of what predict wrote, below the header. */
static void compare(const char *folder, const char *prefix) {
    char command[2048];
    snprintf(
        command, sizeof command,
        "cc -std=c11 -Wall -Wextra -Wdouble-promotion -pedantic -Werror -I%s -I%s/core/include "
        "'-D%s_BYTES=4000000' %s/%s.c %s/main.c \"$(dirname '%s')/libhitherto.a\" -lm -pthread "
        "-o %s.bin && ./%s.bin <inputs.csv >said.txt && sed 1d predicted.csv | "
        "sed 's/.*,//' >expected.txt && cmp said.txt expected.txt",
        folder, folder, strcmp(prefix, "pump") == 0 ? "PUMP" : "NETWORK", folder, prefix, folder,
        HTH_PROGRAM, folder, folder);
    must_run(command);
    /* Learning changes what comes next. (A tape of more than 4 steps adds up in another order, in the first row
     * too.) */
    snprintf(command, sizeof command,
             "./%s.bin learn <rows.csv >learned.txt && ! cmp -s said.txt learned.txt && "
             "[ \"$(wc -l <learned.txt)\" = %d ] && head -n 1 said.txt | cut -c1-5 >first.txt && "
             "head -n 1 learned.txt | cut -c1-5 | cmp - first.txt",
             folder, TESTED);
    must_run(command);
}

/* The first number of each line of a file. */
static void read_column(const char *path, double out[TESTED]) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (int t = 0; t < TESTED; t++) assert_int_equal(fscanf(file, "%lf", &out[t]), 1);
    fclose(file);
}

/* `main unit` prints mean + deviation times what `main` prints: those of y in the rows that trained. */
static void compare_units(const char *folder) {
    double mean = 0, square = 0, said_there[TESTED], in_unit[TESTED];
    const int trained = ROWS - TESTED;
    char command[200];
    for (int t = 0; t < trained; t++) mean += (5 * cos(t / 4.0) - 2) / trained;
    for (int t = 0; t < trained; t++) square += pow(5 * cos(t / 4.0) - 2 - mean, 2) / trained;
    snprintf(command, sizeof command, "./%s.bin unit <inputs.csv >unit.txt", folder);
    must_run(command);
    read_column("said.txt", said_there);
    read_column("unit.txt", in_unit);
    for (int t = 0; t < TESTED; t++)
        assert_float_equal(in_unit[t], mean + sqrt(square) * said_there[t], 1e-3);
}

/* A command that must fail with that status, and print that. */
static void must_refuse(const char *command, int code, const char *reason) {
    char whole[400];
    snprintf(whole, sizeof whole,
             "{ %s; } 2>refused.txt >taken.txt; [ $? = %d ] && grep -q \"%s\" refused.txt && "
             "[ $(wc -l <refused.txt) = 1 ]",
             command, code, reason);
    must_run(whole);
}

/* c0 has a scale, c1 has none. */
static void check_refusals(void) {
    must_refuse("./c0.bin study <rows.csv", 2, "'study' is no word .* knows learn and unit");
    must_refuse("./c1.bin unit <rows.csv", 2, "'unit' is no word .* knows learn$");
    /* Cut in two it would be two rows. */
    must_refuse("printf '1,2\\n1,%0400d\\n' 3 | ./c0.bin", 1, "^line 2 is too long");
    must_refuse("printf '1,2\\n1,\\0002\\n' | ./c0.bin", 1, "^line 2 is too long");
    /* Rows that are none: they began a sequence, or lost a cell. */
    static const char *const rows[][2] = {{"#oops", "^line 3: '#oops' is no number$"},
                                          {"0.1,,0.2", "^line 3: '' is no number$"},
                                          {"0.1,", "^line 3: '' is no number$"},
                                          {",0.1", "^line 3: '' is no number$"},
                                          {"1;2", "^line 3: '1;2' is no number$"},
                                          {"1,2,3", "^line 3 has 3 numbers, but must have 2"},
                                          {"1", "^line 3 has 1 number, but must have 2: "},
                                          {"1,nan", "^line 3: .* finite"}};
    for (size_t i = 0; i < HTH_COUNT(rows); i++) {
        char command[200];
        snprintf(command, sizeof command, "printf '1,2\\n\\n%s\\n1,2\\n' | ./c0.bin", rows[i][0]);
        must_refuse(command, 1, rows[i][1]);
        must_run("[ $(wc -l <taken.txt) = 1 ]"); /* the row before */
    }
    must_refuse("./c0.bin learn <inputs.csv", 1, "^line 1 has 2 .* must have 3: .*right answer$");
    must_run("printf ' 1 , 2 \\r\\n\\t1\\t2\\n \\r\\n1,2' | ./c0.bin >loose.txt && "
             "printf '1,2\\n1,2\\n\\n1,2\\n' | ./c0.bin | cmp - loose.txt");
    if (!is_there("/dev/full")) return;
    must_refuse("./c0.bin <inputs.csv >/dev/full", 1, "^the outputs cannot be written: ");
    must_refuse("./c0.bin <.", 1, "^the rows cannot be read: ");
}

static void test_exported_networks_say_what_predict_says(void **state) {
    (void)state;
    const char *const cases[][5] = {
        {"cell=rate", "learner=rflo", "optimiser=sgd", "keep=si", "keep.every=20"},
        {"cell=lstm", "learner=tbptt", "learner.steps=6", "data.standardise=false"},
        {"cell=lif", "learner=eprop1", "learner.steps=2", "data.change=true", "cell.v_th=0.3"},
    };
    if (sizeof(hth_real) == 8) skip(); /* chips compute in single precision */
    write_tables();
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char folder[20];
        const char *prefix = i ? "network" : "pump";
        snprintf(folder, sizeof folder, "c%zu", i);
        export_one(folder, prefix, cases[i]);
        if (SANITIZED) continue;
        compare(folder, prefix);
        if (i == 0) compare_units(folder);
    }
    if (!SANITIZED) check_refusals();
    /* The parts that the first needs, and no other. */
    assert_true(is_there("c0/core/src/network/cells/rate.c"));
    assert_false(is_there("c0/core/src/network/cells/lstm.c"));
    assert_false(is_there("c0/core/src/credit/past/rank_one.c"));
    assert_true(is_there("c0/core/src/credit/recurrence/full.c"));
    assert_false(is_there("c0.tmp"));
}

static void test_what_is_in_the_way_stays(void **state) {
    (void)state;
    if (sizeof(hth_real) == 8) skip();
    write_tables();
    RUN("train", "data=table", "data.file=table.csv", "data.target=y", "cell=rate",
        "network.units=2", "train.epochs=1", "train.threads=1", "--quiet", "--out", "kept");
    assert_int_equal(said.code, 0);
    /* A folder with files, a file, and a draft of another process. */
    must_run("mkdir mine other.tmp && echo mine >mine/note && echo mine >file");
    const char *const in_the_way[][2] = {{"mine", "mine is there already"},
                                         {"file", "file is there already"},
                                         {"other", "other.tmp is there"}};
    for (size_t i = 0; i < HTH_COUNT(in_the_way); i++) {
        RUN("export", "kept", "--c", in_the_way[i][0]);
        assert_int_not_equal(said.code, 0);
        assert_non_null(strstr(said.err, in_the_way[i][1]));
    }
    must_run("[ \"$(cat mine/note)\" = mine ] && [ \"$(ls mine)\" = note ] && [ ! -e other ] && "
             "[ ! -e mine.tmp ] && [ \"$(cat file)\" = mine ]");
    /* An empty folder is no reason. */
    must_run("mkdir empty");
    RUN("export", "kept", "--c", "empty/");
    assert_int_equal(said.code, 0);
    assert_true(is_there("empty/network.h"));
}

static void refused(const char *reason) {
    assert_int_not_equal(said.code, 0);
    if (!strstr(said.err, reason)) fail_msg("'%s' is not in: %s", reason, said.err);
    assert_false(is_there("no"));
    assert_false(is_there("no.tmp"));
}

static void test_what_no_chip_can_run_is_refused(void **state) {
    (void)state;
    if (sizeof(hth_real) == 8) skip();
    RUN("list", "--cost", "--embedded", "world=bandit", "cell=rate");
    refused("world.name is bandit");
    RUN("list", "--cost", "--embedded", "task=add", "cell=rate", "train.precision=double");
    refused("train.precision is 'double'");
    RUN("train", "task=pattern", "task.steps=10", "cell=lstm", "network.direction=both",
        "network.units=2", "learner=bptt", "train.sequences=1", "train.picture=false",
        "train.threads=1", "--quiet", "--out", "both");
    assert_int_equal(said.code, 0);
    RUN("export", "both", "--c", "no");
    refused("network.direction is both");
    RUN("export", "both", "--c", "no", "--prefix", "a-b");
    refused("--prefix is 'a-b'");
    static const char *const clashes[][2] = {{"main", "a file of the folder"},
                                             {"Makefile", "a file of the folder"},
                                             {"hitherto", "a name of the library"},
                                             {"Hitherto", "a name of the library"},
                                             {"hth_x", "a name of the library"},
                                             {"math", "a header of C"},
                                             {"int", "a word of C"},
                                             {"while", "a word of C"}};
    for (size_t i = 0; i < HTH_COUNT(clashes); i++) {
        char reason[100];
        RUN("export", "both", "--c", "no", "--prefix", clashes[i][0]);
        snprintf(reason, sizeof reason, "--prefix is '%s', but that is %s: ", clashes[i][0],
                 clashes[i][1]);
        refused(reason);
    }
    RUN("export", "both", "--c", "no", "--torch", "x.safetensors");
    refused("for which program");
    RUN("export", "nothing", "--c", "no");
    refused("nothing");
}

/* A loss that no setting names goes by the targets. */
static void test_a_loss_need_not_be_named(void **state) {
    (void)state;
    if (sizeof(hth_real) == 8) skip();
    RUN("train", "task=pattern", "task.steps=10", "network.units=2", "learner=rflo",
        "train.sequences=1", "train.picture=false", "train.threads=1", "--quiet", "--out", "plain");
    RUN("export", "plain", "--c", "plain-c");
    assert_int_equal(said.code, 0);
    assert_true(is_there("plain-c/core/src/network/losses/mse.c"));
    assert_false(is_there("plain-c/core/src/network/losses/softmax.c"));
}

/* What a chip does not have is said. */
static void test_embedded_has_no_replay(void **state) {
    (void)state;
    if (sizeof(hth_real) == 8) skip();
    RUN("list", "--cost", "--embedded", "task=add", "cell=rate", "replay=reservoir");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "Not counted: replay.name = reservoir."));
    RUN("list", "--cost", "--embedded", "task=add", "cell=rate");
    assert_int_equal(said.code, 0);
    assert_null(strstr(said.out, "Not counted"));
}

static void test_embedded_says_what_it_takes(void **state) {
    (void)state;
    if (sizeof(hth_real) == 8) skip();
    write_tables();
    RUN("list", "--cost", "--embedded", "data=table", "data.file=table.csv", "data.inputs=a",
        "data.target=y", "cell=rate", "network.units=8", "optimiser=sgd", "learner=rflo",
        "loss=mse");
    assert_int_equal(said.code, 0);
    /* A sum of its lines, in both columns. */
    size_t arm = 0, riscv = 0, total[2] = {0, 0};
    for (char *line = strtok(strstr(said.out, "RISC-V"), "\n"); line; line = strtok(NULL, "\n")) {
        size_t a, r;
        if (strlen(line) < 40 || sscanf(line + 32, "%zu %zu", &a, &r) != 2) continue;
        if (strncmp(line, "RAM in all", 10) == 0) {
            total[0] = a;
            total[1] = r;
        } else if (!total[0]) {
            arm += a;
            riscv += r;
        }
    }
    assert_true(total[0] > 5000 && total[0] < total[1] && total[1] < 15000);
    assert_true(arm == total[0] && riscv == total[1]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_exported_networks_say_what_predict_says),
        TEST(test_what_is_in_the_way_stays),
        TEST(test_what_no_chip_can_run_is_refused),
        TEST(test_a_loss_need_not_be_named),
        TEST(test_embedded_says_what_it_takes),
        TEST(test_embedded_has_no_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
