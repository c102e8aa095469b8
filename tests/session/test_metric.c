/* Metrics of trials: mse and nmse against plain sums over the readout's outputs, decisions in a run, with
 * the same bits when it is interrupted in the middle of one, and stopping when the validation is good
 * enough. */
#include "network/network.h"
#include "runs.h"
#include "session/score.h"

#include <math.h>

/* The settings of a session whose network answers to a pattern. */
static void open_session(const char *line, hth_config **config, hth_session *session) {
    hth_error error;
    *config = configure(line);
    hth_settings settings = hth_config_settings(*config);
    if (hth_session_open(&settings, NULL, session, &error) != HTH_OK) fail_msg("%s", error.message);
}

/* Everything that mse and nmse are made of, plainly. */
typedef struct plain {
    double squares, weight, variance;
} plain;

/* Some steps of the session's stream, in tapes of `most`; weights as given, or NULL. */
static plain forward(hth_session *s, size_t steps, size_t most, const hth_real *weights,
                     hth_report *report, hth_moments *moments) {
    const size_t outputs = s->train.shape.outputs, batch = s->batch;
    double sums[8] = {0}, squares[8] = {0};
    hth_real *y = calloc(most * batch * outputs, sizeof *y);
    plain p = {0};
    for (size_t t = 0; t < steps;) {
        hth_chunk chunk;
        hth_position_flags flags;
        hth_error error;
        const size_t left = steps - t < most ? steps - t : most;
        assert_int_equal(s->train.kind->next(s->train.state, left, &chunk, &flags, &error), HTH_OK);
        if (weights) chunk.weights = weights + t * batch;
        if (flags.starts) hth_tape_reset(s->parts.tape);
        assert_int_equal(hth_forward(s->parts.tape, &chunk, report, &error), HTH_OK);
        hth_moments_add(moments, &chunk);
        hth_tape_read(s->parts.tape, 0, hth_tape_length(s->parts.tape), y, NULL);
        for (size_t i = 0; i < chunk.steps * batch; i++)
            for (size_t k = 0; k < outputs; k++) {
                const double w = weights ? (double)chunk.weights[i] : 1;
                const double target = (double)chunk.targets[i * outputs + k];
                const double e = (double)y[i * outputs + k] - target;
                p.squares += w * e * e;
                p.weight += k == 0 ? w : 0;
                sums[k] += w * target;
                squares[k] += w * target * target;
            }
        t += chunk.steps;
    }
    for (size_t k = 0; k < outputs; k++)
        p.variance += squares[k] / p.weight - pow(sums[k] / p.weight, 2);
    free(y);
    return p;
}

#define PATTERN                                                                                    \
    "task=pattern task.steps=100 task.dt=10 task.rate=20 task.from_zero=true network.units=8 "     \
    "learner=tbptt learner.steps=40 train.batch=2 readout.kappa=0.5 "

static bool near(double a, double b) {
    return fabs(a - b) <= (sizeof(hth_real) == 8 ? 1e-11 : 1e-5) * fabs(b);
}

static void mse_and_nmse_are_plain_sums(void **state) {
    (void)state;
    static const char *const lines[] = {PATTERN "train.metric=nmse",
                                        PATTERN "train.metric=nmse loss.report=mean"};
    hth_real weights[400];
    for (size_t i = 0; i < 400; i++) weights[i] = (hth_real)(i * 7 % 5) / 4;
    for (size_t i = 0; i < 4; i++) {
        hth_config *config;
        hth_session s;
        open_session(lines[i / 2], &config, &s);
        assert_string_equal(s.metric.kind->part.name, "nmse");
        assert_false(s.metric.kind->rises);
        hth_run_metric mse = s.metric;
        mse.kind = hth_metric_find("mse");
        hth_report whole = {0}, pieces = {0};
        hth_moments moments;
        assert_int_equal(hth_moments_create(&s.train.shape, &moments, NULL), HTH_OK);
        const plain p = forward(&s, 200, 40, i % 2 ? weights : NULL, &whole, &s.moments);
        forward(&s, 200, 7, i % 2 ? weights : NULL, &pieces, &moments);
        assert_true(p.variance > 1);
        assert_true(near(hth_run_metric_value(&mse, &whole, &s.moments), p.squares / p.weight / 3));
        assert_true(near(hth_run_metric_value(&s.metric, &whole, &s.moments),
                         p.squares / p.weight / p.variance));
        assert_true(near(hth_run_metric_value(&s.metric, &pieces, &moments),
                         hth_run_metric_value(&s.metric, &whole, &s.moments)));
        /* Negative controls: about 0 instead of the mean, and of one output only. */
        double about_zero = s.moments.sums[3] / p.weight;
        assert_false(near(about_zero, p.variance));
        hth_moments_clear(&moments);
        assert_true(isnan(hth_run_metric_value(&s.metric, &whole, &moments)));
        hth_moments_destroy(&moments);
        hth_session_close(&s);
        hth_config_destroy(config);
    }
}

/* A readout that stays at the mean has nmse 1. */
static void nmse_of_the_mean_is_one(void **state) {
    (void)state;
    hth_config *config;
    hth_session s;
    hth_report report = {0};
    size_t count;
    open_session(PATTERN "train.metric=nmse readout.kappa=0", &config, &s);
    const hth_block *blocks = hth_network_blocks(s.parts.network, &count);
    hth_real *theta = hth_network_parameters(s.parts.network);
    plain p = forward(&s, 100, 40, NULL, &report, &s.moments);
    assert_true(fabs(hth_run_metric_value(&s.metric, &report, &s.moments) - 1) > 0.01);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < blocks[i].rows * blocks[i].columns; j++) {
            if (strcmp(blocks[i].name, "readout.weight") == 0) theta[blocks[i].offset + j] = 0;
            if (strcmp(blocks[i].name, "readout.bias") == 0)
                theta[blocks[i].offset + j] = (hth_real)(s.moments.sums[j] / p.weight);
        }
    report = (hth_report){0};
    hth_moments_clear(&s.moments);
    forward(&s, 100, 40, NULL, &report, &s.moments);
    assert_true(fabs(hth_run_metric_value(&s.metric, &report, &s.moments) - 1) < 1e-5);
    hth_session_close(&s);
    hth_config_destroy(config);
}

static void a_run_reports_them(void **state) {
    (void)state;
    train_whole(PATTERN "train.sequences=6 train.metric=mse", "mse");
    train_whole(PATTERN "train.sequences=6 train.metric=nmse", "nmse");
    const double loss = summary_number("mse", "validation_loss");
    const double mse = summary_number("mse", "validation_metric");
    const double nmse = summary_number("nmse", "validation_metric");
    assert_true(summary_number("mse", "steps") == 600);
    assert_true(loss == summary_number("nmse", "validation_loss"));
    assert_true(fabs(mse / (loss * 2 / 3) - 1) < 1e-6);
    assert_true(nmse > 0 && fabs(nmse - mse) > 0.01);
    /* The test split is the same trial, so a pass over it is, too. */
    assert_true(summary_number("nmse", "test_metric") == nmse);
}

#define RECALL                                                                                     \
    "task=store-recall task.period=6 task.periods=8 task.group=2 task.rules=lsnn network.units=6 " \
    "task.rate=400 train.batch=3 "

/* Lines and interruptions fall within decisions: tapes of 4 steps, periods of 5. A validation is one tape, so
 * that an interruption does not keep it from its end. */
static void interruptions_change_no_decision(void **state) {
    (void)state;
    static const char *const lines[] = {
        "task=store-recall task.period=5 task.periods=3 task.group=2 task.rules=lsnn task.rate=400 "
        "network.units=6 train.batch=9 learner=tbptt learner.steps=4 train.sequences=10 "
        "train.report_every=9 train.validate_every=15 train.stop_at=0 train.stop_over=8",
        PATTERN "train.sequences=3 train.metric=nmse train.report_every=70 "
                "train.validation_steps=40",
    };
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        assert_interruptions_change_no_bit(lines[i], i, 5);
    }
    assert_true(summary_number("whole0", "validation_metric") > 0);
    assert_true(summary_number("whole0", "stop_sequence") == 8);
}

/* Chunks of the tape do not change the decisions of the same network: its learning rate is 0. */
static void tapes_change_no_decision(void **state) {
    (void)state;
    static const char *const names[] = {"k1", "k5", "k48"};
    static const char *const steps[] = {"1", "5", "48"};
    for (int i = 0; i < 3; i++) {
        char line[512];
        snprintf(line, sizeof line,
                 RECALL "learner=tbptt optimiser=sgd optimiser.lr=0 train.sequences=4 "
                        "learner.steps=%s train.report_every=192",
                 steps[i]);
        train_whole(line, names[i]);
        assert_true(summary_number(names[i], "train_metric") ==
                    summary_number(names[0], "train_metric"));
        assert_true(summary_number(names[i], "validation_metric") ==
                    summary_number(names[0], "validation_metric"));
    }
    assert_true(summary_number("k1", "train_metric") > 0.1);
    assert_true(summary_number("k1", "train_metric") < 0.9);
}

static bool is_null(const char *run, const char *key) {
    char path[320], wanted[64];
    size_t length;
    snprintf(path, sizeof path, "%s/summary.json", scratch_path(run));
    snprintf(wanted, sizeof wanted, "\"%s\": null", key);
    char *text = read_whole(path, &length);
    const bool found = strstr(text, wanted) != NULL;
    free(text);
    return found;
}

#define STOPS RECALL "learner=tbptt learner.steps=48 train.sequences=10 train.validate_every=48 "

static void stops_when_good_enough(void **state) {
    (void)state;
    hth_ending ending;
    train_whole(STOPS "train.stop_at=0", "at_once"); /* any fraction will do */
    assert_true(summary_number("at_once", "stop_step") == 48);
    assert_true(summary_number("at_once", "stop_sequence") == 1);
    assert_true(summary_number("at_once", "steps") == 48);
    train_whole(STOPS "train.stop_at=0 train.stop_over=3", "third");
    assert_true(summary_number("third", "stop_step") == 144);
    train_whole(STOPS "train.stop_at=1.01", "never"); /* no fraction will */
    assert_true(summary_number("never", "steps") == 480);
    assert_true(is_null("never", "stop_step") && is_null("never", "stop_sequence"));
    train_whole(PATTERN "train.sequences=4 train.validate_every=100 train.metric=nmse "
                        "train.stop_at=1000",
                "falls"); /* an error is to be small */
    assert_true(summary_number("falls", "stop_step") == 100);
    train_whole(PATTERN "train.sequences=4 train.validate_every=100 train.metric=nmse "
                        "train.stop_at=0",
                "falls_never");
    assert_true(is_null("falls_never", "stop_step"));
    /* One that has stopped stays so, and goes on when asked for more. */
    assert_int_equal(train_line(STOPS "train.stop_at=0", "at_once", true, NULL, &ending, NULL),
                     HTH_OK);
    assert_int_equal(ending, HTH_FINISHED);
    assert_true(summary_number("at_once", "steps") == 48);
    assert_int_equal(train_line(STOPS, "at_once", true, NULL, &ending, NULL), HTH_OK);
    assert_true(summary_number("at_once", "steps") == 480);
}

static void whole_trials_by_default(void **state) {
    (void)state;
    train_whole("task=store-recall task.period=1 task.group=1 network.units=2 train.steps=1234 "
                "train.threads=1",
                "default");
    assert_true(summary_number("default", "steps") == 1234);
    hth_config *config;
    hth_session s;
    hth_scorer scorer;
    open_session("task=store-recall network.units=2", &config, &s);
    hth_settings settings = hth_config_settings(config);
    assert_true(s.steps_total == 4800000); /* 2000 trials, which are more than 100000 steps */
    assert_int_equal(hth_scorer_open(&settings, &s, HTH_VALIDATE, &scorer, NULL), HTH_OK);
    assert_true(scorer.walk.limit == 2400);
    assert_string_equal(s.metric.kind->part.name, "decisions");
    hth_scorer_close(&scorer);
    hth_session_close(&s);
    hth_config_destroy(config);
}

/* What `auto` comes to, for every kind of targets; and that each metric is refused where it has no meaning. */
static void auto_takes_the_first_that_suits(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {PATTERN, "none"},
        {RECALL, "decisions"},
        {"task=add loss=softmax", "none"},
        {"task=copy-repeat loss=sigmoid loss.unit=bits", "length"},
        {"task=copy-repeat loss=sigmoid task.curriculum=false", "none"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_config *config;
        hth_session s;
        open_session(cases[i][0], &config, &s);
        assert_string_equal(s.metric.kind->part.name, cases[i][1]);
        hth_session_close(&s);
        hth_config_destroy(config);
    }
}

/* Tokens have perplexity; these rules, asked of the table alone. */
static void each_metric_has_its_cases(void **state) {
    (void)state;
    const hth_loss_scale nats = {.unit = "nats", .nats = 1, .one_class = true};
    const hth_loss_scale squares = {.unit = "squared error", .squares = 2};
    hth_metric_case tokens = {
        {.vocabulary = 50, .outputs = 50, .target = HTH_TARGET_CLASSES}, nats, false, false};
    const hth_metric *perplexity = hth_metric_find("perplexity");
    const hth_metric *accuracy = hth_metric_find("accuracy");
    assert_true(accuracy->suits(&tokens) && !accuracy->refuses(&tokens));
    assert_true(perplexity->suits(&tokens) && !perplexity->refuses(&tokens));
    tokens.loss = squares;
    assert_true(!perplexity->suits(&tokens) && perplexity->refuses(&tokens));
    size_t metrics = 0, numbers = 0;
    for (size_t i = 0; i < hth_metrics.count; i++) {
        const hth_metric *metric = hth_metric_at(i);
        const hth_loss_scale own = {.unit = "units of its own"};
        const hth_metric_case of = {{.inputs = 1, .outputs = 1}, own, false, false};
        metrics++;
        numbers += metric->value != NULL;
        assert_ptr_equal(hth_metric_find(metric->part.name), metric);
        assert_true(!metric->value == !metric->range); /* what has a number says in which range */
        /* No metric has a meaning for values under a loss that no metric knows. */
        assert_true(!metric->value || metric->refuses(&of));
    }
    assert_int_equal(metrics, numbers + 2); /* auto and none have no number */
}

/* A loss says what it counts in, as it is set. */
static void losses_say_what_they_count_in(void **state) {
    (void)state;
    static const struct {
        const char *line, *unit;
        double nats, squares;
        bool one_class;
    } cases[] = {
        {"task=add loss=softmax", "nats", 1, 0, true},
        {"task=store-recall loss.class_weights=1,2", "units of its own", 0, 0, false},
        {PATTERN "loss=mse", "squared error", 0, 2, false},
        {PATTERN "loss=mse loss.report=mean", "squared error", 0, 6, false},
        {"task=copy-repeat loss=sigmoid", "nats", 1, 0, false},
        {"task=copy-repeat loss=sigmoid loss.unit=bits", "bits", 0.69314718055994530942, 0, false},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_config *config;
        hth_session s;
        open_session(cases[i].line, &config, &s);
        const hth_loss_scale scale = hth_network_loss(s.parts.network);
        assert_string_equal(scale.unit, cases[i].unit);
        assert_true(fabs(scale.nats - cases[i].nats) < 1e-12);
        assert_true(scale.squares == cases[i].squares);
        assert_true(scale.one_class == cases[i].one_class);
        hth_session_close(&s);
        hth_config_destroy(config);
    }
}

static void says_what_is_wrong(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {PATTERN "train.metric=decisions", "the data do not say where decisions end"},
        {RECALL "train.metric=nmse", "that needs targets that are values and loss.name mse"},
        {"task=pattern train.metric=mse loss=sigmoid", "loss.name mse"},
        {PATTERN "train.metric=bits", "that needs a loss that is a cross-entropy"},
        {"task=add loss=sigmoid loss.unit=bits train.metric=bits", "in bits already (loss.unit)"},
        {"task=add loss=sigmoid train.metric=perplexity", "class targets and loss.name softmax"},
        {"task=add train.metric=length", "do not grow as they are learned"},
        {PATTERN "train.metric=accuracy", "the targets are values, not classes"},
        {"task=add train.metric=accurate", "train.metric"},
        {"task=pattern train.stop_at=0.1", "but the metric is none"},
        {RECALL "train.stop_at=0.9 train.validate_every=-1", "but the run has no validation"},
        {"task=add train.sequences=3", "the sequences of 'add' have no end"},
        {RECALL "train.stop_over=101", "train.stop_over is '101'"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_ending ending;
        hth_error error = {0};
        assert_int_equal(train_line(cases[i][0], "refused", false, NULL, &ending, &error),
                         HTH_INVALID);
        if (!strstr(error.message, cases[i][1])) fail_msg("%s", error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mse_and_nmse_are_plain_sums),
        cmocka_unit_test(nmse_of_the_mean_is_one),
        cmocka_unit_test(a_run_reports_them),
        cmocka_unit_test(interruptions_change_no_decision),
        cmocka_unit_test(tapes_change_no_decision),
        cmocka_unit_test(stops_when_good_enough),
        cmocka_unit_test(whole_trials_by_default),
        cmocka_unit_test(auto_takes_the_first_that_suits),
        cmocka_unit_test(each_metric_has_its_cases),
        cmocka_unit_test(losses_say_what_they_count_in),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
