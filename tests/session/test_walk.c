/* The walk against loops written by hand over the public header: training, bit for bit; scoring, which resets where a
 * sequence begins; and what a guest sees. Each loop with one thing left out has other bits. */
#include "files/folder.h"
#include "runs.h"
#include "session/score.h"

#include <math.h>

enum { UPDATES = 50 };

#define BASE "train.validate_every=-1 train.threads=1 train.batch=2 network.units=5 "
#define PATTERN BASE "task=pattern task.steps=30 task.groups=2 task.inputs=4 optimiser.lr=0.01 "
#define TEXT BASE "data=text data.drop_last=false network.embedding=3 cell=lstm optimiser.lr=0.05 "

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s", error->message);
}

static void open_session(const char *line, const hth_guest_kind *guest, hth_config **config,
                         hth_session *session) {
    hth_error error;
    *config = configure(line);
    const hth_settings settings = hth_config_settings(*config);
    must(hth_session_open(&settings, guest, session, &error), &error);
}

/* ---- Training --------------------------------------------------------------------------------- */

/* What is wrong with the plain loop: one reset is missing, or is too many where the state is kept; all epochs are the
 * first; one update is missing. */
typedef enum wrong { NOTHING, ONE_RESET, THE_EPOCHS, ONE_UPDATE } wrong;

typedef struct plain_case {
    const char *settings;
    size_t tape;      /* steps */
    bool whole, keep; /* updates at the ends of sequences; the state is kept */
} plain_case;

/* Steps from.. of a sequence. */
static hth_chunk part_of(const hth_chunk *all, const hth_shape *shape, size_t from, size_t steps) {
    const size_t at = from * all->batch;
    hth_chunk part = *all;
    part.steps = steps;
    if (all->x) part.x += at * shape->inputs;
    if (all->tokens) part.tokens += at;
    if (all->targets) part.targets += at * shape->outputs;
    if (all->classes) part.classes += at;
    if (all->weights) part.weights += at;
    if (all->decides) part.decides += at;
    part.lengths = NULL;
    return part;
}

/* UPDATES updates of the session's network; the sum of the losses. */
static double train_plainly(const plain_case *c, hth_session *s, wrong what) {
    hth_error error;
    hth_report report = {0};
    const size_t length = (size_t)s->train.sequence_steps;
    for (size_t sequence = 0, updates = 0; updates < UPDATES; sequence++) {
        hth_chunk all;
        hth_position_flags flags;
        must(s->train.kind->next(s->train.state, length, &all, &flags, &error), &error);
        assert_int_equal(all.steps, length);
        if (sequence == 0 || c->keep == (what == ONE_RESET && sequence == 1))
            hth_tape_reset(s->parts.tape);
        const uint64_t epoch = s->train.epoch_steps && what != THE_EPOCHS ? sequence + 1 : 1;
        for (size_t from = 0, steps; from < length && updates < UPDATES; from += steps) {
            steps = length - from < c->tape ? length - from : c->tape;
            const bool last = from + steps == length;
            hth_chunk chunk = part_of(&all, &s->train.shape, from, steps);
            chunk.ends = last && !c->keep && !(what == ONE_RESET && sequence == 0);
            must(hth_forward(s->parts.tape, &chunk, &report, &error), &error);
            hth_moments_add(&s->moments, &chunk);
            must(hth_learn(s->parts.learner, s->parts.tape, s->parts.gradient, &error), &error);
            if (c->whole && !last) continue;
            updates++;
            if (what != ONE_UPDATE || updates != UPDATES / 2)
                must(hth_optimiser_step(s->parts.optimiser, s->parts.network, s->parts.gradient,
                                        epoch, &error),
                     &error);
            hth_gradient_clear(s->parts.gradient);
        }
    }
    return report.loss;
}

static double train_walking(const plain_case *c, hth_session *s) {
    hth_error error;
    hth_tally tally = {.epoch = s->train.epoch_steps ? 1 : 0};
    hth_walk walk = hth_session_walk(s, &tally);
    for (size_t updates = 0; updates < UPDATES; updates += !c->whole || walk.flags.ends)
        must(hth_walk_tape(&walk, &error), &error);
    return tally.sums.loss;
}

/* Whether UPDATES updates of the walk and of the plain loop leave the same bits. */
static bool same_training(const plain_case *c, wrong what) {
    char line[1024];
    hth_config *configs[2];
    hth_session sessions[2];
    double losses[2];
    snprintf(line, sizeof line, "%s%s%s", c->settings,
             strstr(c->settings, "text") ? " data.dir=" : "",
             strstr(c->settings, "text") ? scratch_path("corpus") : "");
    for (int i = 0; i < 2; i++) open_session(line, NULL, &configs[i], &sessions[i]);
    const size_t bytes = hth_network_parameter_count(sessions[0].parts.network) * sizeof(hth_real);
    hth_real *first = malloc(bytes), *theta[2];
    for (int i = 0; i < 2; i++) theta[i] = hth_network_parameters(sessions[i].parts.network);
    memcpy(first, theta[0], bytes);
    losses[0] = train_walking(c, &sessions[0]);
    losses[1] = train_plainly(c, &sessions[1], what);
    assert_int_not_equal(memcmp(first, theta[0], bytes), 0);
    const bool same = memcmp(theta[0], theta[1], bytes) == 0 && losses[0] == losses[1];
    const double *moments[2] = {sessions[0].moments.sums, sessions[1].moments.sums};
    assert_true(!moments[0] == (sessions[0].train.shape.target == HTH_TARGET_CLASSES));
    for (size_t k = 0; moments[0] && k <= sessions[0].moments.outputs; k++)
        assert_true(moments[0][k] != 0 && moments[0][k] == moments[1][k]);
    free(first);
    for (int i = 0; i < 2; i++) {
        hth_session_close(&sessions[i]);
        hth_config_destroy(configs[i]);
    }
    return same;
}

static void training_is_the_plain_loop(void **state) {
    (void)state;
    static const plain_case cases[] = {
        {PATTERN "cell=gru learner=tbptt learner.steps=7", 7, false, false},
        {PATTERN "cell=gru learner=tbptt learner.steps=7 learner.update=sequence", 7, true, false},
        {PATTERN "cell=gru learner=tbptt learner.steps=7 train.keep_state=true", 7, false, true},
        {PATTERN "cell=rate learner=rtrl learner.steps=7 learner.update=sequence "
                 "train.keep_state=true",
         7, true, true},
        {PATTERN "cell=alif cell.v_th=0.3 learner=eprop1 learner.steps=30", 30, true, false},
        {PATTERN "cell=rate learner=rflo", 1, false, false},
        {PATTERN "cell=rate learner=uoro", 1, false, false},
        {PATTERN "cell=gru learner=dni learner.steps=7", 7, false, false},
        {PATTERN "cell=gru learner=eprop3 learner.steps=7", 7, false, false},
        {PATTERN "cell=rate learner=f-bptt learner.window=9 learner.steps=2", 2, false, false},
        {PATTERN "cell=rate learner=kf-rtrl", 1, false, false},
        {PATTERN "cell=rate learner=kernl", 1, false, false},
        {TEXT "learner=tbptt learner.steps=58 optimiser.schedule=halving optimiser.start=1", 58,
         false, false},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        const char *line = cases[i].settings;
        if (!same_training(&cases[i], NOTHING)) fail_msg("other bits: %s", line);
        if (same_training(&cases[i], ONE_UPDATE)) fail_msg("one update less: %s", line);
        if (same_training(&cases[i], ONE_RESET)) fail_msg("another reset: %s", line);
        if (same_training(&cases[i], THE_EPOCHS) != !strstr(line, "schedule"))
            fail_msg("other epochs: %s", line);
    }
}

/* A walk takes no step beyond its limit, and a tape of it never crosses the start of a sequence. */
static void tapes_end_at_the_limit(void **state) {
    (void)state;
    static const size_t expected[] = {7, 7, 7, 7, 2, 7, 7, 3};
    hth_config *config;
    hth_session session;
    hth_tally tally = {0};
    open_session(PATTERN "learner=tbptt learner.steps=7 train.steps=47", NULL, &config, &session);
    hth_walk walk = hth_session_walk(&session, &tally);
    for (size_t i = 0; i < HTH_COUNT(expected); i++) {
        assert_int_equal(hth_walk_tape(&walk, NULL), HTH_OK);
        assert_int_equal(walk.chunk.steps, expected[i]);
    }
    assert_int_equal(tally.step, 47);
    hth_session_close(&session);
    hth_config_destroy(config);
}

/* Only a stream that is trained on hears of its losses: others would come to another curriculum. */
static double heard_loss;

static void hear_loss(void *state, double loss) {
    (void)state;
    heard_loss += loss;
}

static void losses_are_told_where_weights_change(void **state) {
    (void)state;
    for (int trains = 0; trains < 2; trains++) {
        hth_config *config;
        hth_session session;
        hth_tally tally = {0};
        open_session(PATTERN "learner=tbptt learner.steps=7", NULL, &config, &session);
        hth_stream_kind kind = *session.train.kind;
        kind.judge = hear_loss;
        session.train.kind = &kind;
        hth_walk walk = hth_session_walk(&session, &tally);
        if (!trains) walk.parts.optimiser = NULL;
        heard_loss = 0;
        for (int i = 0; i < 8; i++) assert_int_equal(hth_walk_tape(&walk, NULL), HTH_OK);
        assert_true(tally.sums.loss > 0);
        assert_true(fabs(heard_loss - trains * tally.sums.loss) <= 1e-12 * tally.sums.loss);
        hth_session_close(&session);
        hth_config_destroy(config);
    }
}

/* ---- Scoring ---------------------------------------------------------------------------------- */

enum {
    SEQUENCES = 3,
    SCORED = 16 /* steps of a tape that scores, where one that trains has fewer */
};

/* The loss of SEQUENCES sequences of the validation; each is on a tape of its own, or all are on one. */
static double score_plainly(const hth_settings *settings, const hth_session *s, bool apart) {
    hth_error error;
    hth_report report = {0};
    hth_source source;
    hth_tape *tape = NULL;
    must(hth_source_open(settings, HTH_VALIDATE, s->batch, (uint64_t)s->options.seed, &source,
                         &error),
         &error);
    const size_t length = (size_t)source.sequence_steps;
    for (size_t i = 0; i < SEQUENCES; i++) {
        hth_chunk all;
        hth_position_flags flags;
        must(source.kind->next(source.state, length, &all, &flags, &error), &error);
        if (apart || i == 0) {
            hth_tape_destroy(tape);
            must(hth_tape_create(s->parts.network, SCORED, s->batch, s->parts.compute, NULL, &tape,
                                 &error),
                 &error);
        }
        for (size_t from = 0; from < length; from += SCORED) {
            const size_t left = length - from;
            const hth_chunk chunk =
                part_of(&all, &source.shape, from, left < SCORED ? left : SCORED);
            must(hth_forward(tape, &chunk, &report, &error), &error);
        }
    }
    hth_tape_destroy(tape);
    hth_source_close(&source);
    return report.loss;
}

/* The first loss is that of the settings, the second not. */
static void scores(const char *line, bool apart) {
    hth_config *config;
    hth_session session;
    hth_scorer scorer;
    hth_watch watch = {0};
    hth_error error;
    bool stopped;
    open_session(line, NULL, &config, &session);
    const hth_settings settings = hth_config_settings(config);
    must(hth_scorer_open(&settings, &session, HTH_VALIDATE, &scorer, &error), &error);
    for (int again = 0; again < 2; again++) {
        must(hth_scorer_run(&scorer, &watch, &stopped, &error), &error);
        assert_int_equal(scorer.tally.step, SEQUENCES * session.train.sequence_steps);
        assert_true(scorer.tally.sums.loss == score_plainly(&settings, &session, apart));
        assert_true(scorer.tally.sums.loss != score_plainly(&settings, &session, !apart));
    }
    hth_scorer_close(&scorer);
    hth_session_close(&session);
    hth_config_destroy(config);
}

static void scoring_resets_where_a_sequence_begins(void **state) {
    (void)state;
    scores(PATTERN "learner=tbptt learner.steps=7 train.validation_steps=90", true);
    scores(PATTERN "learner=tbptt learner.steps=7 train.validation_steps=90 train.keep_state=true",
           false);
}

/* ---- Guests ----------------------------------------------------------------------------------- */

typedef struct witness {
    const hth_session *session;
    size_t begun, seen;
    uint64_t step;
    hth_real weight; /* the first parameter, when the guest was called last */
} witness;

static witness looks_on;

static hth_status witness_open(const hth_settings *settings, const hth_session *session,
                               void **guest, hth_error *error) {
    (void)settings;
    (void)error;
    looks_on = (witness){.session = session};
    *guest = &looks_on;
    return HTH_OK;
}

static void witness_begin(void *guest) {
    witness *w = guest;
    w->begun++;
}

static hth_status witness_after_tape(void *guest, hth_tape *tape, uint64_t step, FILE *lines,
                                     hth_error *error) {
    witness *w = guest;
    (void)tape;
    (void)lines;
    (void)error;
    w->seen++;
    w->step = step;
    w->weight = hth_network_parameters(w->session->parts.network)[0];
    return HTH_OK;
}

static void witness_close(void *guest) {
    (void)guest;
}

static void a_guest_sees_each_tape_before_the_weights_change(void **state) {
    (void)state;
    static const hth_guest_kind kind = {.name = "witness",
                                        .open = witness_open,
                                        .begin = witness_begin,
                                        .after_tape = witness_after_tape,
                                        .close = witness_close};
    hth_config *configs[2];
    hth_session sessions[2];
    hth_tally tallies[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++)
        open_session(PATTERN "cell=gru learner=tbptt learner.steps=7", i ? &kind : NULL,
                     &configs[i], &sessions[i]);
    looks_on.session = &sessions[1]; /* where it has been moved to */
    const hth_real *alone = hth_network_parameters(sessions[0].parts.network);
    const hth_real *watched = hth_network_parameters(sessions[1].parts.network);
    hth_walk walks[2];
    for (int i = 0; i < 2; i++) walks[i] = hth_session_walk(&sessions[i], &tallies[i]);
    for (size_t tapes = 1; tapes <= 12; tapes++) {
        const hth_real before = watched[0];
        for (int i = 0; i < 2; i++) assert_int_equal(hth_walk_tape(&walks[i], NULL), HTH_OK);
        assert_int_equal(looks_on.seen, tapes);
        assert_int_equal(looks_on.begun, (tapes + 4) / 5); /* five tapes a sequence */
        assert_int_equal(looks_on.step, tallies[1].step);
        assert_true(looks_on.weight == before && before != watched[0]);
    }
    const size_t count = hth_network_parameter_count(sessions[0].parts.network);
    assert_memory_equal(alone, watched, count * sizeof *alone);
    for (int i = 0; i < 2; i++) {
        hth_session_close(&sessions[i]);
        hth_config_destroy(configs[i]);
    }
}

/* A run that is to compare learners on its way, where nothing can, is refused. */
static void nobody_looks_on(void **state) {
    (void)state;
    hth_config *config = configure(PATTERN "learner=rflo train.align=100");
    const hth_settings settings = hth_config_settings(config);
    hth_session session;
    hth_outcome outcome;
    hth_error error;
    assert_int_equal(hth_session_open(&settings, NULL, &session, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "train.align is 100, but "));
    assert_int_equal(hth_train(config, scratch_path("alone"), false, NULL, NULL, &outcome, &error),
                     HTH_INVALID);
    assert_false(hth_file_exists(scratch_path("alone")));
    hth_config_destroy(config);
}

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_the_plain_loop),
        cmocka_unit_test(tapes_end_at_the_limit),
        cmocka_unit_test(losses_are_told_where_weights_change),
        cmocka_unit_test(scoring_resets_where_a_sequence_begins),
        cmocka_unit_test(a_guest_sees_each_tape_before_the_weights_change),
        cmocka_unit_test(nobody_looks_on),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
