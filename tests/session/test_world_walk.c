/* The walk in a world that is learned online, against a loop written by hand: the same bits; with one thing left out,
 * others. */
#include "network/inspect.h"
#include "runs.h"
#include "session/session.h"

enum { STEPS = 35 };

#define LINE                                                                                       \
    "world=bandit world.pulls=10 agent=ac-lambda agent.lambda=0.9 learner=rflo cell=lstm "         \
    "network.units=5 optimiser.lr=0.01 loss.entropy=0.2 train.steps=100 train.threads=1"

/* What is wrong with the loop: traces go on into the next episode; the next value counts for nothing; the surprise is
 * that of no entropy. */
typedef enum wrong { NOTHING, TRACES_GO_ON, NO_NEXT_VALUE, NO_ENTROPY } wrong;

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s", error->message);
}

static void see(hth_session *s, hth_real y[3], bool *starts) {
    const hth_real *x;
    hth_error error;
    must(s->train.kind->answers->observe(s->train.state, &x, starts, &error), &error);
    if (*starts) hth_tape_reset(s->parts.tape);
    const hth_inputs in = {.steps = 1, .batch = 1, .x = x};
    must(hth_tape_write(s->parts.tape, &in, &error), &error);
    must(hth_tape_read(s->parts.tape, hth_tape_length(s->parts.tape) - 1, 1, y, &error), &error);
}

static void step_plainly(hth_session *s, size_t t, wrong what) {
    const hth_answers *world = s->train.kind->answers;
    const hth_model_parts *p = &s->parts;
    hth_real y[3];
    hth_error error;
    hth_lookback back;
    bool starts, ends, again;
    const double entropy = hth_network_anneal(p->network, (double)t / 100, true);
    /* A step, and a look at the next. */
    hth_tape_begin(p->tape);
    see(s, y, &starts);
    must(world->act(s->train.state, y, &ends, &error), &error);
    if (ends) hth_tape_end(p->tape);
    if (!ends) see(s, y, &again);
    if (!ends) hth_tape_unwrite(p->tape, 1);
    world->look_back(s->train.state, ends || what == NO_NEXT_VALUE ? NULL : y,
                     what == NO_ENTROPY ? 0 : entropy, NULL, &back);
    const hth_verdict verdict = {
        .steps = 1, .targets = back.chunk.targets, .weights = back.chunk.weights};
    must(hth_tape_judge(p->tape, &verdict, NULL, &error), &error);
    /* Its gradient joins those of the episode, which the surprise then descends. */
    if (starts && what != TRACES_GO_ON)
        hth_gradient_clear(p->gradient);
    else
        hth_gradient_fade(p->gradient, 0.9 * 0.9);
    must(hth_learn(p->learner, p->tape, p->gradient, &error), &error);
    must(hth_optimiser_step_scaled(p->optimiser, p->network, p->gradient, back.delta, 1, &error),
         &error);
}

static bool same_bits(wrong what) {
    hth_config *config = configure(LINE);
    const hth_settings settings = hth_config_settings(config);
    hth_session s[2];
    hth_error error;
    hth_tally tally = {0};
    for (int i = 0; i < 2; i++) must(hth_session_open(&settings, NULL, &s[i], &error), &error);
    hth_walk walk = hth_session_walk(&s[0], &tally);
    while (tally.step < STEPS) must(hth_walk_tape(&walk, &error), &error);
    assert_int_equal(tally.updates, STEPS);
    for (size_t t = 0; t < STEPS; t++) step_plainly(&s[1], t, what);
    const size_t bytes = hth_network_parameter_count(s[0].parts.network) * sizeof(hth_real);
    const bool same = memcmp(hth_network_parameters(s[0].parts.network),
                             hth_network_parameters(s[1].parts.network), bytes) == 0;
    for (int i = 0; i < 2; i++) hth_session_close(&s[i]);
    hth_config_destroy(config);
    return same;
}

static void online_steps_are_those_of_a_plain_loop(void **state) {
    (void)state;
    assert_true(same_bits(NOTHING));
    assert_false(same_bits(TRACES_GO_ON));
    assert_false(same_bits(NO_NEXT_VALUE));
    assert_false(same_bits(NO_ENTROPY));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(online_steps_are_those_of_a_plain_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
