/* That the check passes where the gradients are right, fails where they are not, and warns where it
 * proves nothing. */
#include "check/differences.h"
#include "check/worst.h"
#include "data/npz.h"
#include "runs.h"

#include <math.h>

#define SMALL "task=add loss=softmax network.units=4 check.steps=12 check.samples=8 "

typedef struct rows {
    size_t count, failed;
    double finite_differences, learner, rtrl; /* largest relative error of each kind of claim */
    bool informs;                             /* a row that claims nothing */
    size_t of_cell;                           /* rows of the cell's table, in no other number */
    char worst[512];                          /* of the row that failed last */
} rows;

static void count_row(void *context, const hth_check_row *row) {
    rows *r = context;
    double *worst = strstr(row->claim, "finite") ? &r->finite_differences
                    : strstr(row->claim, "your") ? &r->learner
                                                 : &r->rtrl;
    assert_non_null(row->block);
    if (row->worst) snprintf(r->worst, sizeof r->worst, "%s", row->worst);
    if (row->of_cell) {
        assert_int_equal(r->count, 0); /* they come first */
        assert_true(row->passed);
        r->of_cell++;
        return;
    }
    if (row->relative_error > *worst) *worst = row->relative_error;
    r->informs = r->informs || isinf(row->tolerance);
    r->failed += !row->passed;
    r->count++;
}

static rows check_line(const char *line, heard *h) {
    rows r = {0};
    hth_error error;
    hth_observer observer = listen(h);
    hth_config *config = configure(line);
    hth_status status = hth_check(config, NULL, NULL, &observer, count_row, &r, &error);
    if (status != HTH_OK) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
    assert_int_equal(r.failed, 0);
    return r;
}

static void every_cell_passes(void **state) {
    (void)state;
    static const char *const lines[] = {
        SMALL "learner=rtrl cell=rate loss.clip=0.6",
        SMALL "learner=rtrl cell=rate-pre readout.kappa=0.5 network.initial=learned",
        SMALL "learner=rtrl cell=lstm train.batch=2",
        SMALL "learner=rtrl cell=gru network.units=4,3",
        SMALL "learner=rtrl cell=lif",
        SMALL "learner=rtrl cell=alif loss=mse loss.time=mean loss.report=mean",
        SMALL "learner=rtrl cell=lstm network.layers=units,store network.units=4,3 store.every=3",
        SMALL "learner=uoro network.layers=units,store network.units=2,1 store.keys=1 "
              "store.feedback=false",
    };
    const bool is_double = sizeof(hth_real) == sizeof(double);
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        heard h;
        rows r = check_line(lines[i], &h);
        assert_true(r.count >= 12);
        assert_false(r.informs);
        assert_true(r.of_cell >= 3);
        assert_true(r.finite_differences > 0);
        assert_true(r.finite_differences < (is_double ? 1e-5 : 5e-2));
        assert_true(r.rtrl < (is_double ? 1e-12 : 1e-4));
        const bool spikes = strstr(lines[i], "lif"), mean = strstr(lines[i], "loss.time=mean");
        assert_int_equal(h.messages, spikes + mean);
        assert_int_equal(strstr(h.all, "cell.spike = smooth") != NULL, spikes);
        assert_int_equal(strstr(h.all, "loss.time = sum, not mean") != NULL, mean);
    }
}

/* One step of the past is not BPTT: told, not failed. */
static void an_approximation_is_told(void **state) {
    (void)state;
    heard h;
    rows r = check_line(SMALL "learner=tbptt learner.steps=1", &h);
    assert_true(r.informs);
    assert_true(r.learner > 1e-3);
    r = check_line(SMALL "learner=tbptt learner.steps=12", &h);
    assert_false(r.informs);
    assert_true(r.learner < 1e-12);
}

/* A window of the whole sample is BPTT, whose last steps are learned from too; a shorter one is not. */
static void a_sliding_window_is_told_by_its_length(void **state) {
    static const char *const steps[] = {"", "learner.steps=5"};
    (void)state;
    heard h;
    for (size_t i = 0; i < HTH_COUNT(steps); i++) {
        char line[400];
        snprintf(line, sizeof line, SMALL "learner=f-bptt readout.kappa=0.5 learner.window=16 %s",
                 steps[i]);
        rows r = check_line(line, &h);
        assert_false(r.informs);
        assert_true(r.learner > 0);
        assert_true(r.learner < (sizeof(hth_real) == sizeof(double) ? 1e-12 : 1e-4));
    }
    rows r = check_line(SMALL "learner=f-bptt learner.window=11", &h);
    assert_true(r.informs);
    assert_true(r.learner > 1e-6 && r.learner < 0.5);
}

/* The pseudo-derivative's triangle has corners; a step over one is halved. */
static void corners_do_not_fail(void **state) {
    (void)state;
    heard h;
    rows r = check_line("task=add network.units=4,3 cell=alif cell.v_th=0.05 readout.kappa=0.6 "
                        "check.steps=10 learner=kf-rtrl train.batch=2 train.seed=4",
                        &h);
    assert_true(r.finite_differences > 0);
    assert_null(strstr(h.all, "left out"));
}

/* ---- What the data bring along ---- */

enum { TRIALS = 2, STEPS = 6, INPUTS = 3, UNITS = 3, OUTPUTS = 2 };

static double wave(size_t k) {
    return 0.7 * sin(1 + 2.3 * (double)k);
}

/* All weights, so that the network is the same for every seed, and perhaps feedback times `strength`. */
static void write_arrays(const char *name, bool feedback, double strength) {
    double x[TRIALS * STEPS * INPUTS], y[TRIALS * STEPS * OUTPUTS], in[UNITS * INPUTS];
    double rec[UNITS * UNITS], b[UNITS] = {0}, out[OUTPUTS * UNITS], b_out[OUTPUTS] = {0};
    double F[OUTPUTS * UNITS];
    for (size_t i = 0; i < HTH_COUNT(x); i++) x[i] = wave(i);
    for (size_t i = 0; i < HTH_COUNT(y); i++) y[i] = wave(i + 100);
    for (size_t i = 0; i < HTH_COUNT(in); i++) in[i] = wave(i + 200);
    for (size_t i = 0; i < HTH_COUNT(rec); i++) rec[i] = wave(i + 300);
    for (size_t i = 0; i < HTH_COUNT(out); i++) out[i] = wave(i + 400);
    for (size_t i = 0; i < HTH_COUNT(F); i++) F[i] = strength * wave(i + 500);
    const array all[] = {
        {"inputs", "<f8", "(2, 6, 3)", false, x, sizeof x},
        {"targets", "<f8", "(2, 6, 2)", false, y, sizeof y},
        {"w_in", "<f8", "(3, 3)", false, in, sizeof in},
        {"w_rec", "<f8", "(3, 3)", false, rec, sizeof rec},
        {"b_rec", "<f8", "(3,)", false, b, sizeof b},
        {"w_out", "<f8", "(2, 3)", false, out, sizeof out},
        {"b_out", "<f8", "(2,)", false, b_out, sizeof b_out},
        {feedback ? "feedback" : NULL, "<f8", "(2, 3)", false, F, sizeof F},
    };
    npz_write(scratch_path(name), all, HTH_COUNT(all));
}

static const char *arrays_line(const char *name, const char *more) {
    static char line[512];
    snprintf(line, sizeof line,
             "data=arrays data.file=%s data.shuffle=false cell=rate network.units=3 loss=mse %s",
             scratch_path(name), more);
    return line;
}

static void feedback_of_the_data_is_used(void **state) {
    heard h;
    hth_error error;
    hth_observer observer = listen(&h);
    (void)state;
    write_arrays("zero.npz", true, 0);
    write_arrays("some.npz", true, 1);
    /* Without feedback nothing reaches the units: relative error 1; with other feedback, another number. */
    rows r = check_line(arrays_line("zero.npz", "learner=eprop1 check.learners=uoro"), &h);
    assert_true(r.learner == 1);
    r = check_line(arrays_line("some.npz", "learner=eprop1"), &h);
    assert_true(r.learner > 0.01 && r.learner != 1);
    /* As training does. */
    hth_config *config = configure(arrays_line("some.npz", "learner=rtrl"));
    assert_int_equal(hth_check(config, NULL, NULL, &observer, NULL, NULL, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "feedback weights are given"));
    hth_config_destroy(config);
}

static void what_training_refuses_is_refused(void **state) {
    static const struct {
        const char *line, *part;
    } cases[] = {
        {"task=add loss=softmax network.units=4 learner=bptt", "have no end"},
        {"task=add loss=softmax network.units=4 learner=f-bptt cell=lif regulariser.rate=1 "
         "regulariser.rate_over=tape",
         "regulariser.rate = 0"},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        hth_error trained, checked;
        hth_ending ending;
        assert_int_not_equal(train_line(cases[i].line, "refused", false, NULL, &ending, &trained),
                             HTH_OK);
        hth_config *config = configure(cases[i].line);
        assert_int_not_equal(hth_check(config, NULL, NULL, NULL, NULL, NULL, &checked), HTH_OK);
        hth_config_destroy(config);
        assert_non_null(strstr(checked.message, cases[i].part));
        assert_string_equal(checked.message, trained.message);
    }
}

static void the_learner_has_the_seed_of_the_run(void **state) {
    heard h;
    (void)state;
    write_arrays("plain.npz", false, 0);
    rows first = check_line(arrays_line("plain.npz", "learner=eprop1 train.seed=1"), &h);
    rows again = check_line(arrays_line("plain.npz", "learner=eprop1 train.seed=1"), &h);
    rows other = check_line(arrays_line("plain.npz", "learner=eprop1 train.seed=2"), &h);
    assert_true(first.finite_differences > 0);
    assert_true(first.finite_differences == other.finite_differences); /* the same network */
    assert_true(first.learner == again.learner && first.learner > 0);
    assert_true(first.learner != other.learner);
}

/* ---- A run ---- */

/* e-prop 3, whose prediction begins with 0. */
#define PREDICTING                                                                                 \
    "task=copy-repeat task.solved=100 cell=lstm network.units=5 loss=sigmoid learner=eprop3 "      \
    "learner.steps=2 learner.sg_hidden=6 learner.sg_lr=1e-2 optimiser.lr=0.01 "                    \
    "train.batch=3 train.steps=202 train.report_every=100 check.steps=30 check.samples=6 "

#define STILL "learner.sg_lr=0" /* nothing is learned in the check itself */

static rows check_run(const char *more) {
    char line[1024];
    rows r = {0};
    heard h;
    hth_error error;
    hth_observer observer = listen(&h);
    snprintf(line, sizeof line, PREDICTING "%s", more);
    hth_config *config = configure(line);
    if (hth_check(config, scratch_path("predicting"), NULL, &observer, count_row, &r, &error) !=
        HTH_OK)
        fail_msg("%s", error.message);
    hth_config_destroy(config);
    assert_int_equal(r.failed, 0);
    return r;
}

/* The parameters, what the learner has learned and how far the sequences have grown are those of the checkpoint. */
static void a_run_is_checked_where_it_stands(void **state) {
    (void)state;
    heard h;
    hth_error error;
    train_whole(PREDICTING, "predicting");
    const rows fresh = check_line(PREDICTING STILL, &h), stands = check_run(STILL);
    assert_true(fresh.learner > 0 && stands.learner > 0);
    assert_true(stands.finite_differences > 0);
    assert_true(stands.finite_differences < (sizeof(hth_real) == sizeof(double) ? 1e-5 : 5e-2));
    assert_true(stands.finite_differences != fresh.finite_differences); /* other parameters */
    assert_true(fabs(stands.learner - check_run("learner.sg_scale=0").learner) >
                1e-4 * stands.learner);
    assert_true(fresh.learner == check_line(PREDICTING "learner.sg_scale=0", &h).learner);
    /* Beside it, a run of a prediction in another unit. */
    train_whole(PREDICTING "loss.time=mean", "means");
    hth_config *config = configure(PREDICTING "loss.time=mean");
    assert_int_equal(hth_check(config, scratch_path("means"), NULL, NULL, NULL, NULL, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "loss.time is 'mean'"));
    hth_config_destroy(config);
    config = configure(PREDICTING "network.units=4");
    assert_int_equal(hth_check(config, scratch_path("predicting"), NULL, NULL, NULL, NULL, &error),
                     HTH_MISMATCH);
    assert_non_null(strstr(error.message, "network.units '5', the settings say '4'"));
    assert_int_equal(hth_check(config, scratch_path("nowhere"), NULL, NULL, NULL, NULL, &error),
                     HTH_FILE);
    assert_non_null(strstr(error.message, "there is no checkpoint"));
    hth_config_destroy(config);
}

/* Its place in the data is the checkpoint's, and the piece is the sequence that begins next: with parameters that stay
 * as they are, whatever the step of a sequence at which the run was stopped. The sequences have 5 steps. */
static void a_run_is_checked_on_what_comes_next(void **state) {
    (void)state;
    static const char *const stops[] = {"6", "8",
                                        "11"}; /* in the second sequence, twice; the third */
    double error_at[HTH_COUNT(stops)];
    heard h;
    for (size_t i = 0; i < HTH_COUNT(stops); i++) {
        char line[512];
        snprintf(line, sizeof line,
                 "task=copy-repeat task.solved=0 cell=lstm network.units=5 loss=sigmoid "
                 "learner=tbptt learner.steps=2 optimiser=sgd optimiser.lr=0 train.batch=3 "
                 "check.batch=3 train.steps=%s",
                 stops[i]);
        train_whole(line, "stopped");
        hth_config *config = configure(line);
        hth_observer observer = listen(&h);
        hth_error error;
        rows r = {0}, fresh = check_line(line, &h);
        if (hth_check(config, scratch_path("stopped"), NULL, &observer, count_row, &r, &error) !=
            HTH_OK)
            fail_msg("%s", error.message);
        hth_config_destroy(config);
        error_at[i] = r.learner;
        assert_true(r.learner > 1e-3 && r.learner != fresh.learner); /* the first sequence */
        scratch_remove_tree(scratch_path("stopped"));
    }
    assert_true(error_at[0] == error_at[1]);
    assert_true(error_at[0] != error_at[2]);
}

/* The piece is a sequence of its own, after which nothing is predicted: a tape of all of it is backpropagation. */
static void nothing_follows_what_is_checked(void **state) {
    (void)state;
    heard h;
    for (size_t K = 4; K <= 5; K++) {
        char line[512];
        snprintf(line, sizeof line,
                 "task=copy-repeat task.solved=0 cell=lstm network.units=5 loss=sigmoid "
                 "learner=eprop3 learner.sg_init=normal learner.sg_hidden=4 learner.steps=%zu",
                 K);
        const rows r = check_line(line, &h);
        assert_true(K == 5 ? r.learner == 0 : r.learner > 1e-3);
    }
}

static void a_network_that_proves_nothing_is_told(void **state) {
    (void)state;
    heard h;
    check_line(SMALL "learner=rtrl cell=lif cell.v_th=1000", &h);
    assert_non_null(strstr(h.all, "silent"));
    check_line(SMALL "learner=rtrl cell=lif cell.v_th=1e-6 init.w_in=uniform init.w_in_scale=5",
               &h);
    assert_null(strstr(h.all, "silent"));
    check_line(SMALL "learner=rtrl optimiser=sgd init.w_out=zero", &h);
    assert_non_null(strstr(h.all, "layer0.weight is 0 everywhere"));
}

#define LITTLE SMALL "network.units=40 check.memory=0.0001 "

static void others_that_are_too_large_are_told(void **state) {
    (void)state;
    heard h;
    const rows r = check_line(LITTLE "learner=rflo check.learners=rtrl", &h);
    assert_non_null(strstr(h.all, "rtrl was not compared: rtrl would take 0.000"));
    assert_non_null(strstr(h.all, "RTRL was not compared: it would take 0.000"));
    assert_true(r.rtrl == 0);
}

static void a_name_that_is_no_learner_is_refused(void **state) {
    (void)state;
    hth_error error;
    hth_config *config = configure(SMALL "learner=rtrl check.learners=rflo,bananas");
    assert_int_equal(hth_check(config, NULL, NULL, NULL, NULL, NULL, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "check.learners: learner.name is 'bananas'"));
    hth_config_destroy(config);
}

/* It is refused in one sentence, and before the check takes its memory. */
static void your_own_learner_that_is_too_large_is_refused(void **state) {
    (void)state;
    hth_config *config = configure(LITTLE "learner=rtrl");
    hth_error error;
    assert_int_equal(hth_check(config, NULL, NULL, NULL, NULL, NULL, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "your learner would take 0.000"));
    assert_non_null(strstr(error.message, "GiB, more than check.memory = 0.0001"));
    hth_config_destroy(config);
    config = configure(LITTLE "learner=rtrl check.memory=1");
    assert_int_equal(hth_check(config, NULL, NULL, NULL, NULL, NULL, &error), HTH_OK);
    hth_config_destroy(config);
}

/* A gradient that is wrong in one block fails there, and only there, and the worst entry is named first. */
static void check_wrong_gradient(const char *line) {
    static const hth_setting items[] = {{"learner.name", "bptt", NULL}};
    const hth_settings bptt = {items, 1};
    const char *named = "unit 2, from input 0: ours ";
    hth_config *config = configure(line);
    hth_subject subject = {.settings = hth_config_settings(config)};
    hth_source source;
    hth_sample sample;
    hth_report report;
    assert_int_equal(hth_source_open(&subject.settings, HTH_TRAIN, 2, 4, &source, NULL), HTH_OK);
    assert_int_equal(hth_sample_take(&source, 10, 2, &sample, NULL), HTH_OK);
    subject.sample = &sample;
    assert_int_equal(hth_compute_create(1, NULL, &subject.compute, NULL), HTH_OK);
    assert_int_equal(
        hth_network_create(&subject.settings, &source.shape, 4, NULL, &subject.network, NULL),
        HTH_OK);
    size_t count = hth_network_parameter_count(subject.network), blocks;
    hth_real *gradient = calloc(count, sizeof *gradient);
    assert_int_equal(hth_subject_gradient(&subject, &bptt, 10, gradient, &report, NULL), HTH_OK);
    static const hth_observer nobody;
    rows right = {0}, wrong = {0};
    hth_check_run run = {.observer = &nobody, .row = count_row, .context = &right};
    assert_int_equal(hth_check_differences(&run, &subject, 50, gradient, NULL), HTH_OK);
    assert_int_equal(right.failed, 0);
    const hth_block *first = hth_network_blocks(subject.network, &blocks);
    for (size_t i = 0; i < first->rows * first->columns; i++)
        gradient[first->offset + i] *= HTH_C(1.1);
    gradient[first->offset + 2 * first->columns + 4] += 100; /* behind the 4 units: input 0 */
    run = (hth_check_run){.observer = &nobody, .row = count_row, .context = &wrong};
    assert_int_equal(hth_check_differences(&run, &subject, 50, gradient, NULL), HTH_OK);
    assert_int_equal(wrong.count, blocks);
    assert_int_equal(wrong.failed, 1);
    assert_non_null(strstr(run.first_failed, "layer0.weight"));
    assert_int_equal(strncmp(wrong.worst, named, strlen(named)), 0);
    size_t lines = 1;
    for (const char *c = wrong.worst; *c; c++) lines += *c == '\n';
    assert_int_equal(lines, 3);
    free(gradient);
    hth_network_destroy(subject.network);
    hth_compute_destroy(subject.compute);
    hth_sample_free(&sample);
    hth_source_close(&source);
    hth_config_destroy(config);
}

/* Also where differences with several step sizes are taken. */
static void a_wrong_gradient_fails(void **state) {
    (void)state;
    check_wrong_gradient("task=add loss=softmax loss.time=sum network.units=4");
    check_wrong_gradient("task=add loss.time=sum network.units=4,3 cell=alif cell.v_th=0.05 "
                         "cell.spike=smooth cell.reset_gradient=true readout.kappa=0.6");
}

/* The three that differ most, the worst first; what is no number is the worst of all. */
static void worst_entries(void **state) {
    (void)state;
    static const hth_real ours[] = {1, 2, 3, 4, (hth_real)NAN, 5}, theirs[] = {1, 5, 2, 6, 0, 5};
    hth_worst worst = hth_worst_of(10, ours, theirs, 6);
    assert_int_equal(worst.count, 3);
    assert_int_equal(worst.entries[0].parameter, 14);
    assert_int_equal(worst.entries[1].parameter, 11);
    assert_int_equal(worst.entries[2].parameter, 13);
    assert_true(worst.entries[1].ours == 2 && worst.entries[1].theirs == 5);
    hth_worst_add(&worst, 11, 2, 5); /* is there already */
    assert_int_equal(worst.entries[2].parameter, 13);
    assert_int_equal(hth_worst_of(0, ours, ours, 4).count, 0);
}

/* E_reg is in the losses whose differences are taken, and a gradient without it fails. */
static void firing_rates_are_compared(void **state) {
    (void)state;
    heard h;
    const char *line = SMALL "learner=rtrl cell=alif regulariser.rate=1 regulariser.rate_over=tape";
    const rows with = check_line(line, &h);
    assert_non_null(strstr(h.all, "regulariser.rate = 1 adds"));
    const rows without = check_line(SMALL "learner=rtrl cell=alif regulariser.rate=0", &h);
    assert_null(strstr(h.all, "regulariser"));
    assert_true(with.finite_differences != without.finite_differences);
}

static void nearness(void **state) {
    (void)state;
    static const hth_real a[] = {1, 2, 2}, b[] = {1, 2, 4}, zero[] = {0, 0, 0};
    static const hth_real bad[] = {1, 2, (hth_real)NAN};
    hth_nearness n = hth_nearness_of(a, b, 3);
    assert_true(fabs(n.relative_error - 0.5) < 1e-12);
    assert_true(fabs(n.cosine - 13 / sqrt(9 * 21)) < 1e-12);
    assert_true(hth_nearness_of(a, a, 3).relative_error == 0);
    assert_true(isnan(hth_nearness_of(zero, zero, 3).cosine));
    assert_true(isinf(hth_nearness_of(a, zero, 3).relative_error));
    assert_false(n.not_finite || hth_nearness_of(a, zero, 3).not_finite);
    assert_true(isinf(hth_nearness_of(bad, b, 3).relative_error));
    n = hth_nearness_of(b, bad, 3);
    assert_true(isinf(n.relative_error) && n.not_finite);
    /* It fails where nothing is claimed. */
    static const hth_observer nobody;
    rows r = {0};
    hth_check_run run = {.observer = &nobody, .row = count_row, .context = &r};
    hth_check_report(&run, "yours ~ bptt", "a block", &n, (double)INFINITY, 0, NULL);
    assert_int_equal(r.failed, 1);
    n = hth_nearness_of(a, zero, 3);
    hth_check_report(&run, "yours ~ bptt", "a block", &n, (double)INFINITY, 0, NULL);
    assert_int_equal(r.failed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_passes),
        cmocka_unit_test(an_approximation_is_told),
        cmocka_unit_test(a_sliding_window_is_told_by_its_length),
        cmocka_unit_test(corners_do_not_fail),
        cmocka_unit_test(feedback_of_the_data_is_used),
        cmocka_unit_test(what_training_refuses_is_refused),
        cmocka_unit_test(the_learner_has_the_seed_of_the_run),
        cmocka_unit_test(a_run_is_checked_where_it_stands),
        cmocka_unit_test(a_run_is_checked_on_what_comes_next),
        cmocka_unit_test(nothing_follows_what_is_checked),
        cmocka_unit_test(a_network_that_proves_nothing_is_told),
        cmocka_unit_test(others_that_are_too_large_are_told),
        cmocka_unit_test(a_name_that_is_no_learner_is_refused),
        cmocka_unit_test(your_own_learner_that_is_too_large_is_refused),
        cmocka_unit_test(a_wrong_gradient_fails),
        cmocka_unit_test(worst_entries),
        cmocka_unit_test(firing_rates_are_compared),
        cmocka_unit_test(nearness),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
