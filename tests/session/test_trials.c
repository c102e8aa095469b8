/* One update a trial: how e-prop 1 cuts a sequence into tapes when nothing is said, that the cuts change nothing then,
 * and that firing rates over a sequence need all of it. */
#include "runs.h"
#include "session/session.h"

#include <math.h>

#define TRIALS                                                                                     \
    "task=pattern cell=lif network.units=20 readout.tau_out=20 optimiser=sgd optimiser.lr=3e-4 "   \
    "train.validate_every=-1 "

static void assert_tapes(const char *line, size_t steps, bool whole) {
    hth_config *config = configure(line);
    const hth_settings settings = hth_config_settings(config);
    hth_session session;
    hth_error error;
    if (hth_session_open(&settings, NULL, &session, &error) != HTH_OK)
        fail_msg("%s", error.message);
    if (session.steps != steps || session.update_sequence != whole)
        fail_msg("%s: tapes of %zu steps, %s", line, session.steps,
                 session.update_sequence ? "an update a sequence" : "an update a tape");
    hth_session_close(&session);
    hth_config_destroy(config);
}

static void how_a_trial_is_cut(void **state) {
    (void)state;
    assert_tapes(TRIALS "learner=eprop1", 1000, true);
    assert_tapes(TRIALS "learner=eprop1 task.steps=400", 400, true);
    assert_tapes(TRIALS "learner=eprop1 task.steps=2400", 800, true);
    assert_tapes(TRIALS "learner=eprop1-symmetric task.steps=2401", 801, true);
    assert_tapes(TRIALS "learner=eprop1 task.steps=2400 regulariser.rate=1", 2400, true);
    assert_tapes(TRIALS "learner=eprop1 learner.steps=50", 50, true);
    assert_tapes(TRIALS "learner=eprop1 learner.steps=50 learner.update=tape", 50, false);
    assert_tapes(TRIALS "learner=rflo", 1, false);
    assert_tapes(TRIALS "learner=tbptt", 1000, false);
    assert_tapes("task=add learner=eprop1", 20, false); /* no end */
}

static double loss_of(const char *settings, const char *name) {
    char line[400];
    snprintf(line, sizeof line, TRIALS "task.steps=120 train.steps=1200 %s", settings);
    train_whole(line, name);
    return summary_number(name, "train_loss");
}

static void weights_change_after_each_trial(void **state) {
    (void)state;
    const double near = sizeof(hth_real) == sizeof(double) ? 1e-10 : 1e-3;
    const double whole = loss_of("learner=eprop1-symmetric", "whole");
    const double pieces = loss_of("learner=eprop1-symmetric learner.steps=50", "pieces");
    const double steps = loss_of("learner=eprop1-symmetric learner.steps=1", "steps");
    const double often =
        loss_of("learner=eprop1-symmetric learner.steps=50 learner.update=tape", "often");
    const double none = loss_of("learner=eprop1-symmetric optimiser.lr=0", "none");
    assert_true(whole < 0.999 * none);
    assert_true(fabs(pieces - whole) < near * whole);
    assert_true(fabs(steps - whole) < near * whole);
    assert_true(fabs(often - whole) > 1e-4 * whole);
}

static void refuses(const char *line, const char *part) {
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line(line, "refused", false, NULL, &ending, &error), HTH_INVALID);
    if (!strstr(error.message, part)) fail_msg("%s: %s", line, error.message);
}

static void rates_need_whole_sequences(void **state) {
    (void)state;
    refuses(TRIALS "regulariser.rate=1 learner=eprop1 learner.steps=50", "has more steps");
    refuses(TRIALS "regulariser.rate=1 learner=rflo", "has more steps");
    refuses("task=add cell=lif regulariser.rate=1 learner=eprop1", "has no end");
    assert_tapes(TRIALS "regulariser.rate=1 regulariser.rate_over=tape learner.steps=50 "
                        "learner=eprop1",
                 50, true);
    assert_tapes(TRIALS "regulariser.rate=1 learner=readout-only", 1, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(how_a_trial_is_cut),
        cmocka_unit_test(weights_change_after_each_trial),
        cmocka_unit_test(rates_need_whole_sequences),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
