/* A world that is another program: runs resume to the bit, and a program that dies, says nonsense or nothing ends a run
 * with one sentence and leaves nothing behind. */
#include "runs.h"

#include <errno.h>
#include <sys/wait.h>

#define PIPE                                                                                       \
    "world=pipe world.inputs=2 world.actions=2 world.steps=10 network.units=4 train.threads=1 "

/* Six steps an episode; what is seen and what pays follows from the seed and the actions. */
static const char toy[] =
    "while read word n; do\n"
    "if [ $word = reset ]; then s=$((n % 5)); t=0; echo $s 0\n"
    "else t=$((t + 1)); r=0; [ $n = $((s % 2)) ] && r=1; s=$(((s * 3 + t + n) % 5)); e=0\n"
    "[ $t -ge 6 ] && e=1; echo $r $e $s $t; fi; done\n";

/* A program as a file, for settings of a line know no blanks. Returns its name. */
static const char *program(const char *name, const char *text) {
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s", text);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    return path;
}

static void no_child_is_left(void) {
    assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void interruptions_change_no_bit(void **state) {
    (void)state;
    char line[1024];
    snprintf(line, sizeof line,
             PIPE "world.command=%s learner=rtrl learner.steps=4 train.steps=30 train.batch=2 "
                  "train.validation_steps=6",
             program("toy", toy));
    assert_interruptions_change_no_bit(line, 0, 3);
    no_child_is_left();
}

static void what_goes_wrong_is_one_sentence(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
        hth_status status;
    } cases[] = {
        {"exit 3", "exit status 3", HTH_FILE},
        {"read line; exit 0", "has closed its output (exit status 0)", HTH_FILE},
        {"kill -TERM $$", "exit status 143", HTH_FILE},
        {"read line; echo 1 2; read line; echo 1 0 5; read line", "4 finite numbers", HTH_INVALID},
        {"read line; echo 1 2; read line; echo 1 0.5 3 4; read line", "with 0.5 where",
         HTH_INVALID},
        {"read line; echo 1 nan; read line", "with '1 nan'", HTH_INVALID},
        {"read line; echo one two; read line", "with 'one two'", HTH_INVALID},
        {"read line; echo 1 2 3; read line", "with '1 2 3'", HTH_INVALID},
        {"read line; read line", "has not answered 'reset", HTH_FILE},
        {"read line; while :; do printf 0123456789012345678901234567890123456789; done",
         "a line of more than", HTH_FILE},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[1024], name[32];
        hth_ending ending;
        hth_error error;
        snprintf(name, sizeof name, "wrong%zu", i);
        snprintf(line, sizeof line, PIPE "world.command=%s world.timeout=%s train.steps=20",
                 program(name, cases[i].text),
                 strstr(cases[i].words, "not answered") ? "0.05" : "20");
        snprintf(name, sizeof name, "run%zu", i);
        const hth_status status = train_line(line, name, false, NULL, &ending, &error);
        if (status != cases[i].status || !strstr(error.message, cases[i].words))
            fail_msg("%s: %s", cases[i].text, error.message);
        no_child_is_left();
    }
}

/* Where nothing listens, and at a path that no socket can have. */
static void what_does_not_listen_is_not_reached(void **state) {
    (void)state;
    char line[1024], long_path[200], command[300];
    hth_ending ending;
    hth_error error;
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    const char *const paths[] = {scratch_path("nobody"), long_path};
    for (size_t i = 0; i < HTH_COUNT(paths); i++) {
        snprintf(command, sizeof command, "unix:%s", paths[i]);
        snprintf(line, sizeof line, PIPE "world.command=%s train.steps=20", command);
        assert_int_equal(
            train_line(line, i ? "unheard" : "unreached", false, NULL, &ending, &error), HTH_FILE);
        if (!strstr(error.message, "cannot be reached: ")) fail_msg("%s", error.message);
    }
}

/* The most episodes that one process of the program began, as its log says; then the log is empty. */
static int most_episodes(const char *path) {
    FILE *log = fopen(path, "r");
    int pid, last = 0, most = 0, count = 0;
    assert_non_null(log);
    while (fscanf(log, "%d", &pid) == 1) {
        count = pid == last ? count + 1 : 1;
        last = pid;
        if (count > most) most = count;
    }
    fclose(log);
    remove(path);
    return most;
}

/* A test plays 100 episodes, though they may be longer than they are; or so many steps as the settings say. */
static void a_test_counts_episodes(void **state) {
    (void)state;
    char text[1024], line[1024], log[512];
    snprintf(log, sizeof log, "%s", scratch_path("log"));
    snprintf(text, sizeof text,
             "while read word n; do\n"
             "if [ $word = reset ]; then echo $$ >> %s; t=0; echo 0 0\n"
             "else t=$((t + 1)); e=0; [ $t -ge 2 ] && e=1; echo 1 $e 0 0; fi; done\n",
             log);
    const char *path = program("logs", text);
    snprintf(line, sizeof line, PIPE "world.command=%s train.steps=4 train.validate_every=-1",
             path);
    train_whole(line, "counts");
    assert_int_equal(most_episodes(log), 100);
    snprintf(line, sizeof line,
             PIPE "world.command=%s train.steps=4 train.validate_every=-1 "
                  "train.validation_steps=40",
             path);
    train_whole(line, "steps");
    assert_int_equal(most_episodes(log), 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(interruptions_change_no_bit),
                                       cmocka_unit_test(what_goes_wrong_is_one_sentence),
                                       cmocka_unit_test(what_does_not_listen_is_not_reached),
                                       cmocka_unit_test(a_test_counts_episodes)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
