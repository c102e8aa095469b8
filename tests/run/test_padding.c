/* Arrays as users have them, end to end: padding changes nothing, class weights are weights, a state that is carried on
 * must belong to what comes next, and a run says what it doubts. */
#include "base/random.h"
#include "data/npz.h"
#include "runs.h"
#include "session/session.h"

#include <math.h>

enum { N = 7, STEPS = 6, MOST_STEPS = 11, INPUTS = 3, CLASSES = 3 };
static const int64_t lengths[N] = {3, 6, 2, 5, 6, 1, 4};

typedef struct arrays_of {
    uint64_t seed;
    size_t steps;            /* T: what is beyond a length is padding */
    double padding;          /* what inputs are there */
    bool lengths;            /* given; else the mask hides the padding */
    double weights[CLASSES]; /* of classes: in the mask */
    bool given;              /* in an array class_weights instead */
    bool whole;              /* all steps are inside, whatever the lengths */
    bool bare;               /* without a mask */
} arrays_of;

static void write_file(const arrays_of *f, const char *name) {
    static double x[N * MOST_STEPS * INPUTS], mask[N * MOST_STEPS];
    static int32_t classes[N * MOST_STEPS];
    const hth_random random = {3 + f->seed, HTH_RANDOM_CHECK, 0};
    char shapes[2][32];
    for (size_t n = 0; n < N; n++)
        for (size_t t = 0; t < f->steps; t++) {
            const size_t at = n * f->steps + t, draw = n * MOST_STEPS + t;
            const bool inside = f->whole || t < (size_t)lengths[n];
            classes[at] = (int32_t)hth_random_below(&random, 5000 + draw, CLASSES);
            mask[at] = inside ? f->given ? 1 : f->weights[classes[at]] : 0;
            for (size_t i = 0; i < INPUTS; i++)
                x[at * INPUTS + i] =
                    inside ? hth_random_normal(&random, draw * INPUTS + i) : f->padding;
        }
    snprintf(shapes[0], sizeof shapes[0], "(7, %zu, 3)", f->steps);
    snprintf(shapes[1], sizeof shapes[1], "(7, %zu)", f->steps);
    const array arrays[] = {
        {"inputs", "<f8", shapes[0], false, x, N * f->steps * INPUTS * sizeof *x},
        {"targets", "<i4", shapes[1], false, classes, N * f->steps * sizeof *classes},
        {f->bare ? NULL : "mask", "<f8", shapes[1], false, mask, N * f->steps * sizeof *mask},
        {f->lengths ? "lengths" : NULL, "<i8", "(7,)", false, lengths, sizeof lengths},
        {f->given ? "class_weights" : NULL, "<f8", "(3,)", false, f->weights, sizeof f->weights},
    };
    npz_write(scratch_path(name), arrays, HTH_COUNT(arrays));
}

typedef struct found {
    hth_report report;
    size_t count;
    hth_real gradient[4096];
} found;

/* The gradient of an epoch, and what the readout saw. */
static void gradient_of(const char *file, const char *more, found *out) {
    char line[1024];
    hth_error error;
    hth_session s;
    snprintf(line, sizeof line,
             "data=arrays data.shuffle=false data.incomplete=pad train.batch=3 train.threads=1 "
             "network.units=5 data.file=%s %s",
             scratch_path(file), more);
    hth_config *config = configure(line);
    const hth_settings settings = hth_config_settings(config);
    if (hth_session_open(&settings, NULL, &s, &error)) fail_msg("%s", error.message);
    hth_tally tally = {0};
    hth_walk walk = hth_session_walk(&s, &tally);
    walk.parts.optimiser = NULL; /* weights stay, gradients add up */
    while (!tally.epoch_over)
        if (hth_walk_tape(&walk, &error)) fail_msg("%s", error.message);
    out->report = tally.sums;
    out->count = hth_network_parameter_count(s.parts.network);
    assert_true(out->count <= HTH_COUNT(out->gradient));
    memcpy(out->gradient, hth_gradient_values(s.parts.gradient), out->count * sizeof(hth_real));
    hth_session_close(&s);
    hth_config_destroy(config);
}

static bool same(const found *a, const found *b) {
    assert_int_equal(a->count, b->count);
    return memcmp(a->gradient, b->gradient, a->count * sizeof *a->gradient) == 0 &&
           a->report.loss == b->report.loss && a->report.weight == b->report.weight &&
           a->report.correct == b->report.correct && a->report.spikes == b->report.spikes;
}

static const char *const settings_of_padding[] = {
    "cell=lstm learner=bptt network.direction=both",
    "cell=alif cell.v_th=0.3 learner=eprop1 network.direction=both regulariser.rate=0.1",
    "cell=gru learner=rtrl",
    "cell=alif cell.v_th=0.3 learner=eprop1 regulariser.rate=0.1",
    "cell=lstm learner=tbptt learner.steps=4",
};

/* Padding further, with whatever numbers, changes not one bit of loss, accuracy and gradient. */
static void padding_changes_nothing(void **state) {
    static found tight, wide, garbage;
    const double ones[CLASSES] = {1, 1, 1};
    arrays_of f = {.steps = STEPS, .lengths = true};
    (void)state;
    memcpy(f.weights, ones, sizeof ones);
    write_file(&f, "tight.npz");
    f.steps = MOST_STEPS;
    write_file(&f, "wide.npz");
    f.padding = NAN;
    write_file(&f, "nan.npz");
    for (size_t i = 0; i < HTH_COUNT(settings_of_padding); i++) {
        gradient_of("tight.npz", settings_of_padding[i], &tight);
        gradient_of("wide.npz", settings_of_padding[i], &wide);
        gradient_of("nan.npz", settings_of_padding[i], &garbage);
        if (!same(&tight, &wide) || !same(&tight, &garbage)) fail_msg("%s", settings_of_padding[i]);
        assert_true(tight.report.weight == 27 && tight.report.loss > 0);
        if (strstr(settings_of_padding[i], "alif")) assert_true(tight.report.spikes > 0);
    }
}

/* What a batch adds up is what its sequences add up one by one, so that a layer that runs backward begins at the end of
 * each: law, in double precision. */
static void a_batch_is_its_sequences(void **state) {
    static found batch, single;
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(settings_of_padding); i++) {
        char line[200];
        double error = 0, size = 0;
        if (strstr(settings_of_padding[i], "regulariser"))
            continue; /* one of a batch is another term */
        snprintf(line, sizeof line, "%s loss.batch=sum", settings_of_padding[i]);
        gradient_of("nan.npz", line, &batch);
        snprintf(line, sizeof line, "%s loss.batch=sum train.batch=1", settings_of_padding[i]);
        gradient_of("nan.npz", line, &single);
        for (size_t k = 0; k < batch.count; k++) {
            error = fmax(error, fabs((double)(batch.gradient[k] - single.gradient[k])));
            size = fmax(size, fabs((double)single.gradient[k]));
        }
        assert_true(size > 0 && error < (sizeof(hth_real) == 8 ? 1e-12 : 1e-4) * size);
        assert_true(batch.report.correct == single.report.correct);
    }
}

/* Without lengths it does, where a layer runs from the end: that is what lengths are for. */
static void a_mask_is_not_enough(void **state) {
    static found tight, wide;
    arrays_of f = {.steps = STEPS, .padding = 1, .weights = {1, 1, 1}};
    (void)state;
    write_file(&f, "tight.npz");
    f.steps = MOST_STEPS;
    write_file(&f, "wide.npz");
    gradient_of("tight.npz", settings_of_padding[0], &tight);
    gradient_of("wide.npz", settings_of_padding[0], &wide);
    assert_false(same(&tight, &wide));
    assert_true(fabs(tight.report.loss - wide.report.loss) > 1e-4 * tight.report.loss);
}

/* class_weights, as an array or as a setting, weigh loss and gradient as a mask of these weights does; accuracy counts
 * as it did. */
static void class_weights_are_weights(void **state) {
    static const char *const losses[] = {"softmax", "sigmoid", "mse"};
    static found plain, masked, given, set;
    arrays_of f = {.steps = STEPS, .lengths = true, .weights = {1, 1, 1}};
    char line[200];
    (void)state;
    write_file(&f, "plain.npz");
    f = (arrays_of){.steps = STEPS, .lengths = true, .weights = {0.25, 2, 1.5}};
    write_file(&f, "masked.npz");
    f.given = true;
    write_file(&f, "given.npz");
    for (size_t i = 0; i < HTH_COUNT(losses); i++) {
        snprintf(line, sizeof line, "cell=gru learner=bptt loss=%s", losses[i]);
        gradient_of("plain.npz", line, &plain);
        gradient_of("masked.npz", line, &masked);
        gradient_of("given.npz", line, &given);
        /* A word of settings ends at a blank. */
        snprintf(line, sizeof line, "cell=gru learner=bptt loss=%s loss.class_weights=.25,2,1.5",
                 losses[i]);
        gradient_of("plain.npz", line, &set);
        assert_true(same(&given, &set));
        assert_memory_equal(given.gradient, masked.gradient, given.count * sizeof(hth_real));
        assert_true(given.report.loss == masked.report.loss);
        assert_true(given.report.correct == plain.report.correct);
        assert_true(given.report.weight == plain.report.weight);
        assert_false(given.report.loss == plain.report.loss);
        assert_true(memcmp(given.gradient, plain.gradient, given.count * sizeof(hth_real)) != 0);
    }
}

/* The same where no step has a weight, so that class weights are the only ones. */
static void class_weights_alone(void **state) {
    static found masked, given;
    arrays_of f = {.steps = STEPS, .whole = true, .weights = {0.25, 2, 1.5}};
    (void)state;
    write_file(&f, "masked.npz");
    f.given = f.bare = true;
    write_file(&f, "bare.npz");
    gradient_of("masked.npz", "cell=gru learner=bptt train.batch=7", &masked);
    gradient_of("bare.npz", "cell=gru learner=bptt train.batch=7", &given);
    assert_memory_equal(given.gradient, masked.gradient, given.count * sizeof(hth_real));
    assert_true(given.report.loss == masked.report.loss);
    assert_true(given.report.weight == N * STEPS);
}

static void refused(const char *file, const char *more, const char *words) {
    char line[512];
    hth_error error;
    hth_session s;
    snprintf(line, sizeof line, "data=arrays network.units=5 data.file=%s %s", scratch_path(file),
             more);
    hth_config *config = configure(line);
    const hth_settings settings = hth_config_settings(config);
    assert_int_not_equal(hth_session_open(&settings, NULL, &s, &error), HTH_OK);
    if (!strstr(error.message, words)) fail_msg("'%s' is not in '%s'", words, error.message);
    hth_config_destroy(config);
}

static void wrong_class_weights(void **state) {
    (void)state;
    refused("given.npz", "loss.class_weights=1,2,3", "leave one of them out");
    refused("plain.npz", "loss.class_weights=1,2", "it has 2");
    refused("plain.npz", "loss.class_weights=1,-2,3", "loss.class_weights");
    refused("plain.npz", "loss.class_weights=1,2,3 train.metric=perplexity", "without loss.class");
    refused("given.npz", "train.metric=bits", "without loss.class_weights");
    refused("given.npz", "data.classes=4",
            "class_weights of the data has 3 numbers, but there are 4");
}

static void add_error(void *context, const hth_check_row *row) {
    if (strstr(row->claim, "your learner")) *(double *)context += row->relative_error;
}

/* How far a learner is from the exact gradient, by a check of these settings or of a run with them. */
static double check_of(const char *file, const char *more, const char *run) {
    char line[512];
    double sum = 0;
    hth_error error;
    snprintf(line, sizeof line,
             "data=arrays network.units=5 learner=rflo data.file=%s train.batch=7 "
             "data.shuffle=false train.steps=6 check.samples=4 %s",
             scratch_path(file), more);
    hth_config *config = configure(line);
    if (run) train_whole(line, run);
    if (hth_check(config, run ? scratch_path(run) : NULL, NULL, NULL, add_error, &sum, &error) !=
        HTH_OK)
        fail_msg("%s", error.message);
    hth_config_destroy(config);
    return sum;
}

/* A check weighs classes too, as the run does that it is of. */
static void a_check_has_class_weights(void **state) {
    (void)state;
    arrays_of f = {.steps = STEPS, .lengths = true, .weights = {1, 1, 1}};
    write_file(&f, "unweighed.npz");
    f = (arrays_of){.steps = STEPS, .lengths = true, .weights = {0.25, 2, 1.5}, .given = true};
    write_file(&f, "weighed.npz");
    const double given = check_of("weighed.npz", "", NULL);
    assert_true(given == check_of("unweighed.npz", "loss.class_weights=.25,2,1.5", NULL));
    assert_true(fabs(given - check_of("unweighed.npz", "", NULL)) > 1e-3 * given && given > 0);
    assert_true(check_of("weighed.npz", "", "weighed") ==
                check_of("unweighed.npz", "loss.class_weights=.25,2,1.5", "unweighed"));
}

static void state_is_carried_to_what_comes_next(void **state) {
    (void)state;
    arrays_of f = {.steps = STEPS, .weights = {1, 1, 1}};
    write_file(&f, "equal.npz");
    refused("equal.npz", "train.keep_state=true", "train.keep_state is true, but data.shuffle");
    refused("plain.npz", "train.keep_state=true data.shuffle=false train.batch=2",
            "train.keep_state is true, but the sequences of a batch differ in length");
    static found kept, fresh;
    gradient_of("equal.npz", "learner=rtrl train.keep_state=true", &kept);
    gradient_of("equal.npz", "learner=rtrl", &fresh);
    assert_false(same(&kept, &fresh));
}

static void a_run_says_what_it_doubts(void **state) {
    (void)state;
    heard h;
    hth_ending ending;
    hth_error error;
    hth_observer observer = listen(&h);
    char line[512];
    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "data=arrays network.units=2 train.epochs=1 data.file=%s",
                 scratch_path(i ? "plain.npz" : "equal.npz"));
        observer = listen(&h);
        assert_int_equal(train_line(line, i ? "sure" : "doubts", false, &observer, &ending, &error),
                         HTH_OK);
        assert_true((strstr(h.all, "in 5 of 7 sequences the mask ends in zeros") != NULL) == !i);
    }
}

/* The best metric is the best of the metric: here the loss gets worse while it gets better, or the like. */
static void the_best_metric_is_the_best(void **state) {
    (void)state;
    char line[512], path[320];
    const arrays_of other = {.seed = 1, .steps = STEPS, .lengths = true, .weights = {1, 1, 1}};
    write_file(&other, "other.npz");
    snprintf(line, sizeof line,
             "data=arrays network.units=6 train.epochs=60 train.batch=2 optimiser.lr=0.2 "
             "data.file=%s data.validate_file=%s",
             scratch_path("plain.npz"), scratch_path("other.npz"));
    train_whole(line, "best");
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path("best"));
    size_t length;
    char *text = read_whole(path, &length);
    double best = 0, least = 1e9, at_least = 0;
    for (char *at = text; (at = strstr(at, "\"validation_loss\": "));) {
        double loss, metric;
        const char *next = strstr(at, "\"validation_metric\": ");
        assert_int_equal(sscanf(at, "\"validation_loss\": %lf", &loss), 1);
        assert_int_equal(sscanf(next, "\"validation_metric\": %lf", &metric), 1);
        if (metric > best) best = metric;
        if (loss < least) at_least = metric;
        if (loss < least) least = loss;
        at++;
    }
    free(text);
    assert_true(summary_number("best", "best_validation_loss") == least);
    assert_true(summary_number("best", "best_validation_metric") == best);
    assert_true(best > at_least); /* or this test could not fail */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(a_batch_is_its_sequences),
        cmocka_unit_test(a_mask_is_not_enough),
        cmocka_unit_test(class_weights_are_weights),
        cmocka_unit_test(class_weights_alone),
        cmocka_unit_test(wrong_class_weights),
        cmocka_unit_test(a_check_has_class_weights),
        cmocka_unit_test(state_is_carried_to_what_comes_next),
        cmocka_unit_test(a_run_says_what_it_doubts),
        cmocka_unit_test(the_best_metric_is_the_best),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
