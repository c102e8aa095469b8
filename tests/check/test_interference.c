/* The meter of interference: what it says that an update adds to the loss of an earlier task is what that loss grows
 * by, to first order; blocks add up; interruptions change no line; what has no meaning is refused. */
#include "laws.h"
#include "runs.h"

#define TWO                                                                                        \
    "task=add task.lag1=1 task.lag2=2 cell=gru network.units=6 learner=tbptt learner.steps=10 "    \
    "train.threads=1 train.validate_every=-1 train.validation_steps=16 "
#define PHASES "phases.a.train.steps=60 phases.b.train.steps=80 phases.b.task.lag1=3 "

enum { MOST = 4000 };

typedef struct line {
    unsigned long long step;
    char task[32], block[32];
    double loss, added, cosine;
} line;

static size_t read_lines(const char *run, line out[MOST]) {
    char path[320], *text, *rest;
    size_t length, count = 0;
    snprintf(path, sizeof path, "%s/interference.jsonl", scratch_path(run));
    rest = text = read_whole(path, &length);
    for (char *at; (at = strtok_r(rest, "\n", &rest)); count++) {
        line *l = &out[count];
        assert_true(count < MOST);
        assert_int_equal(sscanf(at,
                                "{\"step\": %llu, \"task\": \"%31[^\"]\", \"block\": \"%31[^\"]\"",
                                &l->step, l->task, l->block),
                         3);
        l->loss = json_number(at, "loss");
        l->added = json_number(at, "added");
        l->cosine = json_number(at, "cosine");
    }
    free(text);
    return count;
}

/* Lines of all blocks together, one after the other: the loss of each is that before its update. */
static void what_is_added_is_what_the_loss_grows_by(void **state) {
    (void)state;
    static line lines[MOST];
    const line *before = NULL;
    double worst = 0, other = 0, size = 0, sum = 0;
    size_t all = 0;
    if (sizeof(hth_real) != sizeof(double)) skip();
    train_whole(TWO PHASES "optimiser.name=sgd optimiser.lr=1e-4 train.interference=1", "meter");
    const size_t count = read_lines("meter", lines);
    for (size_t i = 0; i < count; i++) {
        const line *l = &lines[i];
        assert_string_equal(l->task, "a");
        assert_true(l->step > 60 && l->step <= 140);
        if (strcmp(l->block, "all") != 0) {
            sum += l->added;
            continue;
        }
        assert_true(fabs(sum - l->added) <= 1e-9 * fabs(l->added) + 1e-15);
        sum = 0;
        /* The loss of the task's first 200 steps is 200 times their mean. */
        if (before) {
            const double grown = 200 * (l->loss - before->loss);
            worst = fmax(worst, fabs(grown - before->added));
            other = fmax(other, fabs(grown - l->added));
            size = fmax(size, fabs(grown));
        }
        assert_true(l->added * l->cosine > 0);
        before = l;
        all++;
    }
    assert_int_equal(all, 7); /* the last update of the run is not waited for */
    assert_int_equal(count, 7 * 4);
    assert_true(size > 1e-6);
    if (!(worst < 1e-2 * size)) fail_msg("%g of %g", worst, size);
    assert_true(other > 0.1 * size);
}

/* Two tasks are over in the third phase, and the update is looked at every 20 steps; that of step 140 is not waited
 * for, for the phase ends there. */
static void every_phase_that_is_over_is_looked_at(void **state) {
    (void)state;
    static line lines[MOST];
    train_whole(TWO PHASES "phases.c.train.steps=70 optimiser.lr=1e-2 train.interference=20",
                "three");
    const size_t count = read_lines("three", lines);
    size_t of_a = 0, of_b = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lines[i].block, "all") != 0) continue;
        of_a += strcmp(lines[i].task, "a") == 0;
        of_b += strcmp(lines[i].task, "b") == 0;
        assert_int_equal(lines[i].step % 20, 0);
        assert_true(lines[i].step > 60);
        if (strcmp(lines[i].task, "b") == 0) assert_true(lines[i].step > 140);
    }
    assert_int_equal(of_a, 6); /* 80, 100, 120, 160, 180, 200 */
    assert_int_equal(of_b, 3);
}

static void interruptions_change_no_line(void **state) {
    (void)state;
    char path[2][320], *text[2];
    size_t length[2];
    /* The second changes its weights with sequences, several tapes after the gradients were taken. */
    static const char *const all[] = {
        TWO PHASES "optimiser.lr=1e-2 train.interference=20",
        "task=copy-memory task.delay=3 train.batch=2 network.units=6 learner=rflo learner.steps=9 "
        "learner.update=sequence train.validation_steps=16 train.interference=9 train.threads=1 "
        "phases.a.train.steps=46 phases.b.train.steps=69"};
    const size_t at = *(const size_t *)*state;
    assert_interruptions_change_no_bit(all[at], at, 10);
    for (int i = 0; i < 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s%zu", i ? "whole" : "pieces", at);
        snprintf(path[i], sizeof path[i], "%s/interference.jsonl", scratch_path(name));
        text[i] = read_whole(path[i], &length[i]);
    }
    assert_true(length[0] > 500);
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(text[0], text[1], length[0]);
    free(text[0]);
    free(text[1]);
}

static void what_has_no_meaning_is_refused(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {TWO "train.steps=20 train.interference=10", "the run has no phases"},
        {TWO PHASES "train.interference=10 train.align=2000", "one guest at a time"},
        {"world=bandit network.units=4 learner=tbptt phases.a.train.steps=20 "
         "phases.b.train.steps=20 train.interference=10",
         "a world's depends on what the network does"},
    };
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) {
        hth_ending ending;
        hth_error error;
        char name[16];
        snprintf(name, sizeof name, "wrong%zu", i);
        assert_int_equal(train_line(wrong[i][0], name, false, NULL, &ending, &error), HTH_INVALID);
        if (!strstr(error.message, wrong[i][1])) fail_msg("%s", error.message);
    }
}

int main(void) {
    static size_t first = 0, second = 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_is_what_the_loss_grows_by),
        cmocka_unit_test(every_phase_that_is_over_is_looked_at),
        cmocka_unit_test_prestate(interruptions_change_no_line, &first),
        cmocka_unit_test_prestate(interruptions_change_no_line, &second),
        cmocka_unit_test(what_has_no_meaning_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
