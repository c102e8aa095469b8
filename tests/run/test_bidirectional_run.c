/* Runs with network.direction = both: interruptions change no bit, the check holds, whole sequences are taken
 * whatever ends a run or a validation, and what cannot be is refused before it begins. */
#include "check/check.h"
#include "runs.h"

#include <math.h>

#define BOTH                                                                                       \
    "task=store-recall network.direction=both network.units=4 train.batch=2 "                      \
    "train.sequences=5 train.validate_every=-1 "

static void interruptions_change_no_bit(void **state) {
    static const char *const lines[] = {
        BOTH "learner=bptt cell=lstm network.initial=learned readout.kappa=0.6",
        BOTH "learner=eprop1 cell=alif cell.v_th=0.3",
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        assert_interruptions_change_no_bit(lines[i], i, 3);
    }
    assert_true(different_tensors("whole0", "other") > 0);
}

/* What the run learned is not what another seed learns: the comparison above can fail. */
static int train_other(void **state) {
    if (scratch_make(state)) return -1;
    train_whole(BOTH "learner=bptt cell=lstm network.initial=learned readout.kappa=0.6 "
                     "train.seed=2",
                "other");
    return 0;
}

/* A limit that falls inside a sequence is kept at its end. */
static void sequences_are_taken_whole(void **state) {
    (void)state;
    train_whole("task=pattern task.steps=50 cell=rate network.direction=both network.units=3 "
                "learner=bptt train.steps=120 train.validation_steps=20",
                "limits");
    assert_true(summary_number("limits", "steps") == 150);
}

typedef struct rows {
    size_t count, failed;
    double worst;
} rows;

static void count_row(void *context, const hth_check_row *row) {
    rows *r = context;
    r->worst = fmax(r->worst, row->relative_error);
    r->failed += !row->passed;
    r->count++;
}

static void the_check_holds(void **state) {
    (void)state;
    rows r = {0};
    heard h;
    hth_error error;
    hth_observer observer = listen(&h);
    hth_config *config =
        configure("task=pattern task.steps=50 network.direction=both network.units=4 "
                  "learner=bptt cell=lstm check.steps=12 check.samples=8 ");
    hth_status status = hth_check(config, NULL, NULL, &observer, count_row, &r, &error);
    if (status != HTH_OK) fail_msg("%s", error.message);
    hth_config_destroy(config);
    assert_int_equal(r.failed, 0);
    assert_true(r.count >= 8 && r.worst > 0);
    assert_non_null(strstr(h.all, "RTRL was not compared: learner.past = influence"));
}

static void what_cannot_be_is_refused(void **state) {
    static const struct {
        const char *line, *words;
    } refused[] = {
        {BOTH "learner=tbptt learner.steps=10", "learner.steps is 10"},
        {BOTH "learner=eprop1 cell=lif learner.steps=1", "learner.steps is 1"},
        {BOTH "learner=rtrl", "learner.past = influence"},
        {BOTH "learner=bptt train.keep_state=true", "train.keep_state is true"},
        {BOTH "learner=bptt network.units=4,3", "names 2 layers"},
        {"task=add network.direction=both learner=tbptt", "have no end"},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        hth_ending ending;
        hth_error error;
        assert_int_equal(train_line(refused[i].line, "refused", false, NULL, &ending, &error),
                         HTH_INVALID);
        if (!strstr(error.message, refused[i].words))
            fail_msg("no '%s' in: %s", refused[i].words, error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interruptions_change_no_bit),
        cmocka_unit_test(sequences_are_taken_whole),
        cmocka_unit_test(the_check_holds),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, train_other, scratch_remove);
}
