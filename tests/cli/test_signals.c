/* What signals and killed runs leave: SIGHUP saves as SIGINT and SIGTERM do, a signal is heard while data are read, a
 * folder that was left before a run began can be begun again; and what is said of a run that is given as settings or
 * with --from. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "program.h"

#define ENDLESS                                                                                    \
    "train", "task=add", "learner=tbptt", "learner.steps=10", "network.units=4",                   \
        "train.threads=1", "train.steps=1000000000", "train.validate_every=-1"

static void signals_save(void **state) {
    (void)state;
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    static const char *const names[] = {"hup", "int", "term"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        const char *const arguments[] = {ENDLESS, "--out", names[i], NULL};
        const pid_t child = start_program(HTH_PROGRAM, arguments);
        snprintf(path, sizeof path, "%s/checkpoint.safetensors", names[i]);
        await_file(child, path);
        kill(child, numbers[i]);
        finish_program(child);
        assert_int_equal(said.code, 130);
        assert_non_null(strstr(said.err, "Interrupted; the run is saved."));
        snprintf(path, sizeof path, "%s/checkpoint.previous.safetensors", names[i]);
        assert_true(is_there(path)); /* of the beginning: what was saved is another */
    }
}

/* Begun with nohup, a run does not hear of a terminal that is closed. */
static void a_signal_that_is_ignored_stays_so(void **state) {
    (void)state;
    const char *const arguments[] = {ENDLESS, "--out", "nohup", NULL};
    signal(SIGHUP, SIG_IGN);
    const pid_t child = start_program(HTH_PROGRAM, arguments);
    signal(SIGHUP, SIG_DFL);
    await_file(child, "nohup/checkpoint.safetensors");
    kill(child, SIGHUP);
    kill(child, SIGTERM);
    finish_program(child);
    assert_int_equal(said.code, 130);
}

/* A pipe that says nothing is a file that takes for ever to read; the signal ends the program, and nothing was
 * begun. */
static void a_signal_is_heard_while_data_are_read(void **state) {
    (void)state;
    assert_int_equal(mkfifo("ptb.train.txt", 0666), 0);
    const char *const arguments[] = {
        "train",      "--out",          "reading",    "data=text",
        "data.dir=.", "data.validate=", "data.test=", "network.embedding=4",
        NULL};
    const pid_t child = start_program(HTH_PROGRAM, arguments);
    FILE *pipe = fopen("ptb.train.txt", "w"); /* returns when the program has opened its end */
    assert_non_null(pipe);
    kill(child, SIGTERM);
    finish_program(child);
    fclose(pipe);
    assert_int_equal(unlink("ptb.train.txt"), 0);
    assert_int_equal(said.code, 1000 + SIGTERM);
    assert_false(is_there("reading"));
}

/* What reads the data of a run that has ended hears it as well. */
static void a_signal_is_heard_by_all_that_read(void **state) {
    (void)state;
    static const char *const commands[] = {"eval", "predict", "probe"};
    write_whole("ptb.train.txt", " a b c a b c a b c a b c a b c a b c\n");
    RUN("train", "--out", "read", "data=text", "data.dir=.",
        "data.validate=", "data.test=", "train.batch=2", "network.embedding=2", "network.units=2",
        "train.epochs=1", "learner.steps=2", "--quiet");
    assert_int_equal(said.code, 0);
    assert_int_equal(unlink("ptb.train.txt"), 0);
    assert_int_equal(mkfifo("ptb.train.txt", 0666), 0);
    for (size_t i = 0; i < 3; i++) {
        const char *const arguments[] = {
            commands[i], "read", "--split", "train", i == 1 ? "--out" : NULL, "y.npz", NULL};
        const pid_t child = start_program(HTH_PROGRAM, arguments);
        FILE *pipe = fopen("ptb.train.txt", "w"); /* returns when the program has opened its end */
        assert_non_null(pipe);
        kill(child, SIGTERM);
        finish_program(child);
        fclose(pipe);
        assert_int_equal(said.code, 1000 + SIGTERM);
    }
    assert_int_equal(unlink("ptb.train.txt"), 0);
}

/* Killed between the lock and the first file, a run has not begun. */
static void a_folder_that_was_left_early_is_begun_again(void **state) {
    (void)state;
    assert_int_equal(mkdir("early", 0777), 0);
    write_whole("early/lock", "");
    write_whole("early/settings.yaml.tmp", "# All sett");
    RUN("train", "--resume", "--out", "early");
    assert_int_equal(said.code, 2);
    assert_non_null(strstr(said.err, "no run has begun there: leave out --resume"));
    RUN("train", "--out", "early", "task=add", "learner=tbptt", "train.steps=50", "--quiet");
    assert_int_equal(said.code, 0);
    assert_false(is_there("early/settings.yaml.tmp"));
    RUN("train", "--out", "early", "task=add", "learner=tbptt", "train.steps=50", "--quiet");
    assert_int_equal(said.code, 2); /* the control: now there is a run */
}

static void a_run_as_settings_says_what_it_does(void **state) {
    (void)state;
    RUN("train", "--out", "first", "task=add", "learner=tbptt", "train.steps=50",
        "network.units=6");
    assert_int_equal(said.code, 0);
    assert_null(strstr(said.err, "The settings are those of"));
    RUN("train", "first", "train.seed=2", "--out", "second");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.err,
                           "The settings are those of first; the network begins anew. To begin "
                           "with its parameters: --from first; to go on with it: --resume --out "
                           "first\n"));
    RUN("train", "--from", "first", "train.seed=2", "--out", "third");
    assert_int_equal(said.code, 0);
    assert_non_null(
        strstr(said.err, "Begins with parameters of first at step 50: layer0, readout\n"));
    assert_null(strstr(said.err, "The settings are those of"));
    /* A run takes what its own command asks for, not what the run before it did. */
    RUN("train", "--from", "first", "--from-layers", "readout", "train.seed=2", "--out", "part");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.err, "Begins with parameters of first at step 50: readout\n"));
    RUN("train", "--from", "part", "train.seed=3", "--out", "whole");
    assert_int_equal(said.code, 0);
    assert_non_null(
        strstr(said.err, "Begins with parameters of part at step 50: layer0, readout\n"));
    RUN("train", "--from", "first/checkpoint.safetensors", "train.seed=2", "--out", "fourth");
    assert_int_equal(said.code, 0);
    RUN("train", "--from", "first", "--resume", "--out", "third");
    assert_int_equal(said.code, 2);
    assert_non_null(strstr(said.err, "--from begins a run, --resume goes on with one"));
    RUN("train", "--from-layers", "0", "--resume", "--out", "third");
    assert_int_equal(said.code, 2);
    assert_non_null(strstr(said.err, "--from-layers begins a run, --resume goes on with one"));
    /* What the run itself took may be said once more. */
    RUN("train", "--resume", "--out", "third", "train.from=first", "train.steps=60", "--quiet");
    assert_int_equal(said.code, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_save),
        cmocka_unit_test(a_signal_that_is_ignored_stays_so),
        cmocka_unit_test(a_signal_is_heard_while_data_are_read),
        cmocka_unit_test(a_signal_is_heard_by_all_that_read),
        cmocka_unit_test(a_folder_that_was_left_early_is_begun_again),
        cmocka_unit_test(a_run_as_settings_says_what_it_does),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
