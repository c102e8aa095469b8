/* Runs in worlds: interrupted after every tape, also in the middle of an episode, they end with the same bits; what has
 * no meaning is refused; learning lowers the regret; and the tape by tape course does not depend on how tapes are
 * cut. */
#include "runs.h"

#include <math.h>

#define BANDIT                                                                                     \
    "world=bandit world.pulls=10 network.units=4 train.validation_steps=10 train.threads=1 "

#define KEY                                                                                        \
    "world=key-door world.delay=10 network.units=4 train.validation_steps=12 train.threads=1 "
#define STORE "network.layers=units,store network.units=6,4 "

static const char *const lines[] = {
    BANDIT
    "learner=bptt cell=lstm train.steps=60 train.batch=3 train.report_every=20 loss.entropy=1 "
    "loss.entropy_end=0",
    BANDIT "learner=rtrl learner.steps=3 train.steps=40 train.metric=regret optimiser=momentum",
    BANDIT "learner=eprop1 learner.steps=4 learner.update=sequence train.steps=60 cell=alif "
           "cell.v_th=0.1",
    BANDIT "learner=rflo agent=ac-lambda agent.lambda=0.9 train.steps=30 loss.entropy=0.1",
    BANDIT "learner=tbptt-sg train.steps=60 train.batch=2",
    BANDIT "learner=tbptt learner.steps=4 train.steps=60 train.keep_state=true",
    KEY "learner=bptt train.steps=72 train.batch=2 agent.return=redistribute",
    KEY STORE "learner=bptt train.steps=72 train.batch=2 agent.return=transport agent.gamma=0.5",
    KEY STORE "learner=rflo learner.steps=4 store.every=4 train.steps=60 agent.gamma=0.5",
};

static void interruptions_change_no_bit(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++)
        assert_interruptions_change_no_bit(lines[i], i, 3);
}

static void seeds_differ(void **state) {
    (void)state;
    train_whole(BANDIT "train.steps=60 learner=rtrl", "one");
    train_whole(BANDIT "train.steps=60 learner=rtrl train.seed=2", "two");
    assert_true(different_tensors("one", "two") > 3);
    assert_false(same_metrics("one", "two"));
}

/* With weights that stay, tapes of any length lead to the same actions and rewards. */
static void tapes_of_any_length_act_alike(void **state) {
    (void)state;
    train_whole(BANDIT "learner=tbptt learner.steps=10 train.steps=200 optimiser.lr=0", "long");
    train_whole(BANDIT "learner=tbptt learner.steps=1 train.steps=200 optimiser.lr=0", "short");
    train_whole(BANDIT "learner=tbptt learner.steps=1 train.steps=200 train.seed=3", "other");
    /* A store's rows too: a look ahead leaves nothing behind. */
    train_whole(BANDIT STORE "learner=tbptt learner.steps=10 train.steps=200 optimiser.lr=0",
                "long2");
    train_whole(BANDIT STORE "learner=tbptt learner.steps=2 train.steps=200 optimiser.lr=0",
                "two2");
    assert_true(summary_number("long2", "train_metric") == summary_number("two2", "train_metric"));
    assert_true(summary_number("long", "train_metric") == summary_number("short", "train_metric"));
    assert_true(summary_number("long", "test_metric") == summary_number("short", "test_metric"));
    assert_true(summary_number("long", "train_metric") != summary_number("other", "train_metric"));
}

/* The losses with tapes that have all of an episode, and with short ones, for lambda 0 and 1. */
static void losses_by_tape(const char *what, const char *const tapes[2], double loss[2][2]) {
    for (int lambda = 0; lambda < 2; lambda++)
        for (int i = 0; i < 2; i++) {
            char line[400], name[40];
            snprintf(line, sizeof line,
                     "%s network.units=4 train.validation_steps=10 train.threads=1 learner=tbptt "
                     "learner.steps=%s agent.lambda=%d train.steps=200 optimiser.lr=0 "
                     "init.w_out_scale=3",
                     what, tapes[i], lambda);
            snprintf(name, sizeof name, "ahead%.8s%d%d", what + strlen("world="), lambda, i);
            train_whole(line, name);
            loss[lambda][i] = summary_number(name, "train_loss");
        }
}

/* Where a tape ends before its episode, the value of the step that comes next stands for what is to come; where the
 * episode of an item has ended, nothing does, though others go on. With lambda 0 nothing else is known of it by a whole
 * episode either, so tapes of any length have the same loss; with lambda 1 not. */
static void values_stand_in_for_what_is_to_come(void **state) {
    (void)state;
    static const struct {
        const char *what, *tapes[2];
    } worlds[] = {{"world=bandit world.pulls=10", {"10", "3"}},
                  {"world=cart-pole train.batch=3", {"200", "1"}}};
    const double allowed = sizeof(hth_real) == sizeof(double) ? 1e-12 : 1e-5;
    for (size_t w = 0; w < HTH_COUNT(worlds); w++) {
        double loss[2][2];
        losses_by_tape(worlds[w].what, worlds[w].tapes, loss);
        assert_true(fabs(loss[0][0] - loss[0][1]) < allowed * fabs(loss[0][0]));
        assert_true(fabs(loss[1][0] - loss[1][1]) > 1e-3 * fabs(loss[1][0]));
    }
}

/* Rewards that are moved, or given to other steps, teach something else; rewards of parts of an episode cannot be. */
static void other_returns_learn_otherwise(void **state) {
    (void)state;
    static const char *const returns[] = {"discounted", "transport", "redistribute"};
    for (size_t i = 0; i < HTH_COUNT(returns); i++) {
        char line[600];
        snprintf(line, sizeof line,
                 KEY STORE "learner=bptt train.steps=240 agent.gamma=0.5 store.scale=8 "
                           "agent.return=%s",
                 returns[i]);
        train_whole(line, returns[i]);
    }
    for (size_t i = 0; i < HTH_COUNT(returns); i++)
        assert_true(summary_number(returns[i], "test_loss") !=
                    summary_number(returns[(i + 1) % HTH_COUNT(returns)], "test_loss"));
}

/* 1500 short episodes of easy arms: most of the regret of a policy that draws is gone; where only a rate of 0 is
 * learned with, none is. */
static void learning_lowers_regret(void **state) {
    (void)state;
    static const char *const learners[] = {"learner=bptt cell=lstm",
                                           "learner=eprop1-symmetric agent=ac-lambda "
                                           "cell=lstm"};
    double regret[3];
    for (size_t i = 0; i < 3; i++) {
        char line[600], name[16];
        snprintf(name, sizeof name, "regret%zu", i);
        snprintf(line, sizeof line,
                 "world=bandit world.kind=easy world.pulls=20 network.units=12 train.metric=regret "
                 "train.steps=30000 train.validate_every=-1 train.validation_steps=4000 "
                 "train.threads=1 %s optimiser.lr=%s",
                 learners[i % 2], i < 2 ? "0.003" : "0");
        train_whole(line, name);
        regret[i] = summary_number(name, "test_metric");
    }
    assert_true(regret[2] > 6 && regret[2] < 10); /* 20 x .8 / 2 at random */
    for (size_t i = 0; i < 2; i++)
        if (!(regret[i] < 4)) fail_msg("%s: regret %g", learners[i], regret[i]);
}

static void what_has_no_meaning_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *line, *words;
    } cases[] = {
        {BANDIT "learner=f-bptt", "learner.window"},
        {BANDIT "network.direction=both learner=bptt", "against time"},
        {BANDIT "learner=tbptt learner.steps=4 loss.time=mean", "loss.time"},
        {BANDIT "learner=bptt agent=ac-lambda", "learner.steps = 1"},
        {BANDIT "learner=rls", "learner.readout = rls"},
        {BANDIT "learner=rtrl agent=ac-lambda train.batch=2", "train.batch must be 1"},
        {BANDIT "loss=mse", "actor-critic"},
        {KEY "learner=bptt agent.return=transport", "network.layers must name one"},
        {KEY STORE "learner=bptt agent.return=transport train.keep_state=true", "keep_state"},
        {KEY STORE "learner=bptt agent.sure=weight", "set agent.return=transport"},
        {KEY STORE "learner=bptt agent.return=transport agent.sure=strength",
         "no store of the network learns the strength"},
        {KEY STORE "learner=tbptt learner.steps=4 agent.return=transport", "learner.steps = 12"},
        {KEY "learner=rtrl agent.return=redistribute", "learner.steps = 12"},
        {KEY "agent=ac-lambda learner=rtrl agent.return=redistribute", "agent.return"},
        {BANDIT "train.metric=accuracy", "classes"},
        {BANDIT "train.metric=mse", "mse"},
        {BANDIT "agent.see_action=false agent.see_reward=false", "shows nothing"},
        {BANDIT "task=add", "one or the other"},
        {"task=add agent.gamma=0.5", "agent.gamma"},
        {"task=add agent=ac-lambda", "is of worlds"},
        {BANDIT "world.kind=easy world.arms=3", "has 2"},
        {"task=add train.metric=return", "only worlds"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_ending ending;
        hth_error error;
        char name[32];
        snprintf(name, sizeof name, "refused%zu", i);
        if (train_line(cases[i].line, name, false, NULL, &ending, &error) != HTH_INVALID)
            fail_msg("not refused: %s", cases[i].line);
        if (!strstr(error.message, cases[i].words)) fail_msg("%s", error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(interruptions_change_no_bit),
                                       cmocka_unit_test(seeds_differ),
                                       cmocka_unit_test(tapes_of_any_length_act_alike),
                                       cmocka_unit_test(learning_lowers_regret),
                                       cmocka_unit_test(other_returns_learn_otherwise),
                                       cmocka_unit_test(values_stand_in_for_what_is_to_come),
                                       cmocka_unit_test(what_has_no_meaning_is_refused)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
