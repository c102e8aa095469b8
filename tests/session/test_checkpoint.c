/* A run that is interrupted after every tape, or killed at any moment, ends with the same bits as one
 * that is not; checkpoints of other runs and damaged ones are refused. */
#include "runs.h"
#include "session/checkpoint.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#define ADD "task=add loss=softmax network.units=5 train.batch=2 train.validation_steps=12 "
#define TEXT                                                                                       \
    "data=text network.units=4 network.embedding=3 cell=lstm train.batch=2 optimiser.lr=0.05 "     \
    "train.validation_steps=16 "

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

/* Runs of every kind of state: plain and adaptive optimisers, what RTRL keeps, a leaky readout, units
 * that are refractory, a learned initial state, epochs, and a gradient that grows over a sequence. */
static const char *const lines[] = {
    ADD "learner=tbptt learner.steps=8 train.steps=44 train.report_every=10 optimiser=momentum",
    ADD "learner=rtrl learner.steps=6 train.steps=32 readout.kappa=0.6 cell=gru",
    ADD "learner=rtrl train.steps=7 cell=alif cell.refractory=3 cell.v_th=0.2 network.units=4,3",
    TEXT "learner=tbptt learner.steps=70 train.epochs=2 train.report_every=100 "
         "network.initial=learned train.validation_batch=1",
    TEXT "learner=tbptt learner.steps=60 learner.update=sequence train.epochs=2 optimiser=sgd "
         "optimiser.clip_norm=0.1 train.validate_every=-1",
    TEXT "learner=tbptt learner.steps=58 train.epochs=2 train.keep_state=true "
         "train.validate_every=-1 optimiser.schedule=halving optimiser.start=1",
};

static void with_corpus(const char *line, char out[1024]) {
    snprintf(out, 1024, "%s%s%s", line, strstr(line, "data=text") ? " data.dir=" : "",
             strstr(line, "data=text") ? scratch_path("corpus") : "");
}

/* Interrupted after each and every tape. */
static void interruptions_change_no_bit(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        char line[1024];
        with_corpus(lines[i], line);
        assert_interruptions_change_no_bit(line, i, 3);
    }
}

/* The comparisons above do find a difference. */
static void another_seed_changes_bits(void **state) {
    (void)state;
    train_whole(ADD "learner=tbptt learner.steps=4 train.steps=42", "seed1");
    train_whole(ADD "learner=tbptt learner.steps=4 train.steps=42 train.seed=2", "seed2");
    assert_true(different_tensors("seed1", "seed2") > 0);
    assert_false(same_metrics("seed1", "seed2"));
}

/* A run, as a process of its own, is killed after ever longer times, and resumed. */
static void kills_change_no_bit(void **state) {
    (void)state;
    static const char line[] =
        ADD "learner=rtrl learner.steps=2 train.steps=60 train.report_every=15 "
            "train.checkpoint_every=0 train.threads=1";
    train_whole(line, "unkilled");
    unsigned killed = 0;
    for (long wait = 1; wait < 4000; wait = wait * 3 / 2 + 1) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            hth_ending ending = HTH_INTERRUPTED;
            bool resume = hth_file_exists(scratch_path("killed"));
            hth_status status = train_line(line, "killed", resume, NULL, &ending, NULL);
            _exit(status == HTH_OK && ending == HTH_FINISHED ? 0 : 1);
        }
        int result;
        struct timespec pause = {wait / 1000, wait % 1000 * 1000000};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &result, 0), child);
        if (WIFEXITED(result)) {
            assert_int_equal(WEXITSTATUS(result), 0);
            assert_true(killed > 0);
            assert_int_equal(different_tensors("unkilled", "killed"), 0);
            assert_true(same_metrics("unkilled", "killed"));
            return;
        }
        killed++;
    }
    fail_msg("the run never came to its end");
}

static void expect_refusal(const char *line, const char *run, hth_status expected,
                           const char *part) {
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line(line, run, true, NULL, &ending, &error), expected);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in: %s", part, error.message);
}

static void another_network_is_refused(void **state) {
    (void)state;
    train_whole(ADD "learner=rtrl train.steps=10 cell=lstm", "lstm");
    expect_refusal(ADD "learner=rtrl train.steps=20 cell=gru", "lstm", HTH_MISMATCH,
                   "the checkpoint has cell.name 'lstm', the settings say 'gru'");
    expect_refusal(ADD "learner=rtrl train.steps=20 cell=lstm network.units=6", "lstm",
                   HTH_MISMATCH, "network.units '5', the settings say '6'");
    expect_refusal(ADD "learner=rtrl train.steps=20 cell=lstm train.seed=3", "lstm", HTH_MISMATCH,
                   "train.seed");
    expect_refusal(ADD "learner=rtrl train.steps=20 cell=lstm optimiser=sgd", "lstm", HTH_MISMATCH,
                   "optimiser.name");
    expect_refusal(ADD "learner=rtrl train.steps=20 cell=lstm", "nowhere", HTH_FILE,
                   "no run to resume");
    /* A longer run with another learning rate is the same network, and goes on. */
    hth_ending ending;
    assert_int_equal(train_line(ADD "learner=rtrl train.steps=20 cell=lstm optimiser.lr=1e-4",
                                "lstm", true, NULL, &ending, NULL),
                     HTH_OK);
    assert_true(summary_number("lstm", "steps") == 20);
}

static void cut_in_half(const char *run, const char *name) {
    char path[320];
    size_t length;
    snprintf(path, sizeof path, "%s/%s", scratch_path(run), name);
    free(read_whole(path, &length));
    assert_int_equal(truncate(path, (off_t)(length / 2)), 0);
}

static void damaged_checkpoints(void **state) {
    (void)state;
    static const char line[] = ADD "learner=rtrl train.steps=12 train.checkpoint_every=0";
    heard h;
    hth_observer observer = listen(&h);
    hth_ending ending;
    hth_error error;
    hth_score score;
    train_whole(line, "intact");
    train_whole(line, "damaged");
    cut_in_half("damaged", "checkpoint.safetensors");
    assert_int_equal(hth_evaluate(scratch_path("damaged"), "test", NULL, NULL, &score, &error),
                     HTH_DAMAGED);
    assert_non_null(strstr(error.message, "checkpoint.safetensors"));
    /* The one before it still leads to the same end. */
    assert_int_equal(train_line(line, "damaged", true, &observer, &ending, &error), HTH_OK);
    assert_int_equal(h.messages, 1);
    assert_non_null(strstr(h.all, "it is kept as checkpoint.damaged.safetensors; going on from the "
                                  "checkpoint before it"));
    assert_true(hth_file_exists(scratch_path("damaged/checkpoint.damaged.safetensors")));
    assert_int_equal(different_tensors("intact", "damaged"), 0);
    assert_true(same_metrics("intact", "damaged"));
    cut_in_half("damaged", "checkpoint.safetensors");
    cut_in_half("damaged", "checkpoint.previous.safetensors");
    expect_refusal(line, "damaged", HTH_DAMAGED, "checkpoint.previous.safetensors");
}

/* What the system does not let us read today may be as good as ever tomorrow: nothing is renamed, and no older one
 * taken. */
static void passing_errors_cost_no_checkpoint(void **state) {
    (void)state;
    static const char line[] = ADD "learner=rtrl train.steps=12 train.checkpoint_every=0";
    static const char *const names[] = {"passing/checkpoint.safetensors",
                                        "passing/checkpoint.previous.safetensors"};
    heard h;
    hth_observer observer = listen(&h);
    hth_ending ending;
    hth_error error;
    train_whole(line, "passing");
    for (size_t i = 0; i < 2 * HTH_COUNT(names); i++) {
        const char *name = names[i / 2], *said = i % 2 ? "Is a directory" : "Too many levels";
        size_t length, after;
        char *bytes = read_whole(scratch_path(name), &length), *now;
        char aside[320];
        snprintf(aside, sizeof aside, "%s.aside", scratch_path(name));
        assert_int_equal(rename(scratch_path(name), aside), 0);
        if (i % 2 == 0) /* a file that cannot be looked at, and one that can, but not be read */
            assert_int_equal(symlink(strrchr(name, '/') + 1, scratch_path(name)), 0);
        else
            assert_int_equal(mkdir(scratch_path(name), 0777), 0);
        if (i == 3) cut_in_half("passing", "checkpoint.safetensors");
        assert_int_equal(train_line(line, "passing", true, &observer, &ending, &error), HTH_FILE);
        assert_non_null(strstr(error.message, said));
        assert_int_equal(h.messages, 0);
        assert_int_equal(remove(scratch_path(name)), 0);
        assert_int_equal(rename(aside, scratch_path(name)), 0);
        now = read_whole(scratch_path(name), &after);
        assert_int_equal(length, after);
        assert_memory_equal(bytes, now, length);
        free(bytes);
        free(now);
    }
    assert_int_equal(train_line(line, "passing", true, &observer, &ending, &error), HTH_OK);
}

/* A flipped bit anywhere in the numbers is seen. */
static void a_flipped_bit_is_refused(void **state) {
    (void)state;
    static const char line[] = ADD "learner=rtrl train.steps=12";
    size_t length;
    train_whole(line, "flipped");
    const char *path = scratch_path("flipped/checkpoint.safetensors");
    assert_int_equal(unlink(scratch_path("flipped/checkpoint.previous.safetensors")), 0);
    char *bytes = read_whole(path, &length);
    for (size_t back = 1; back < length / 3; back += length / 20) {
        bytes[length - back] ^= 4;
        scratch_write("flipped/checkpoint.safetensors", bytes, length);
        bytes[length - back] ^= 4;
        expect_refusal(line, "flipped", HTH_DAMAGED, "not those that were written");
    }
    scratch_write("flipped/checkpoint.safetensors", bytes, length);
    hth_ending ending;
    assert_int_equal(train_line(line, "flipped", true, NULL, &ending, NULL), HTH_OK);
    free(bytes);
}

/* Shapes are those of docs/files.md, and every tensor has as many numbers as its shape says. */
static void tensors_have_their_shapes(void **state) {
    (void)state;
    static const struct {
        const char *line, *name;
        uint64_t shape[4];
    } cases[] = {
        {ADD "learner=rtrl cell=lstm train.steps=6", "layer0.weight", {4 * 5, 5 + 2 + 1}},
        {ADD "learner=rtrl cell=lstm train.steps=6", "readout.weight", {2, 5}},
        {ADD "learner=rtrl cell=lstm train.steps=6", "readout.bias", {1, 2}},
        {ADD "learner=rtrl cell=lstm train.steps=6", "tape0.state", {1, 1, 2, 5}},
        {ADD "learner=eprop1 cell=alif readout.kappa=0 train.steps=6",
         "learner.trace0.weight",
         {2, 2, 5, 5 + 2 + 1}},
        {ADD "learner=rtrl readout.kappa=0.5 train.steps=6", "tape.y", {1, 2, 2}},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char name[32], path[320];
        hth_safetensors *file;
        size_t count, found = 0;
        snprintf(name, sizeof name, "shape%zu", i);
        train_whole(cases[i].line, name);
        snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(name));
        assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
        const hth_tensor *tensors = hth_safetensors_list(file, &count);
        for (size_t k = 0; k < count; k++) {
            if (strcmp(tensors[k].name, cases[i].name) != 0) continue;
            size_t rank = 0;
            while (rank < 4 && cases[i].shape[rank]) rank++;
            assert_int_equal(tensors[k].rank, rank);
            for (size_t axis = 0; axis < rank; axis++)
                assert_int_equal(tensors[k].shape[axis], cases[i].shape[axis]);
            found++;
        }
        if (found != 1) fail_msg("%s: no %s", cases[i].line, cases[i].name);
        hth_safetensors_close(file);
    }
}

/* Killed before the first checkpoint was whole: resuming begins anew. */
static void no_checkpoint_yet(void **state) {
    (void)state;
    static const char line[] = ADD "learner=rtrl train.steps=30";
    heard h;
    hth_observer observer = listen(&h);
    hth_ending ending;
    train_whole(line, "complete");
    assert_int_equal(mkdir(scratch_path("early"), 0777), 0);
    assert_int_equal(train_line(line, "early", true, &observer, &ending, NULL), HTH_OK);
    assert_non_null(strstr(h.all, "begins at its first step"));
    assert_int_equal(different_tensors("complete", "early"), 0);
}

static void one_run_in_a_directory(void **state) {
    (void)state;
    static const char line[] = ADD "learner=rtrl train.steps=10";
    hth_ending ending;
    hth_error error;
    train_whole(line, "taken");
    assert_int_equal(train_line(line, "taken", false, NULL, &ending, &error), HTH_FILE);
    assert_non_null(strstr(error.message, "is not empty"));
    int lock = open(scratch_path("taken/lock"), O_RDWR);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    expect_refusal(line, "taken", HTH_FILE, "another run is writing");
    close(lock);
    assert_int_equal(train_line(line, "taken", true, NULL, &ending, &error), HTH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interruptions_change_no_bit),
        cmocka_unit_test(another_seed_changes_bits),
        cmocka_unit_test(kills_change_no_bit),
        cmocka_unit_test(another_network_is_refused),
        cmocka_unit_test(damaged_checkpoints),
        cmocka_unit_test(no_checkpoint_yet),
        cmocka_unit_test(one_run_in_a_directory),
        cmocka_unit_test(passing_errors_cost_no_checkpoint),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(tensors_have_their_shapes),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
