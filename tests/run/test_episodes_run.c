/*
 * Runs of episodes (e-prop 2): on a user's arrays with given weights every loss of the outer loop is in metrics.jsonl
 * with all digits of a double, equal to that of a plain implementation that is trained by gradient descent; a run that
 * is interrupted after each batch ends with the same bits; what has no meaning is refused.
 */
#include "credit/plain_episode.h"
#include "data/npz.h"
#include "runs.h"
#include "session/reopen.h"

#include "base/random.h"

enum { TASKS = 2, STEPS = 30, INPUTS = 3, OUTPUTS = 2, N = 5, UNITS = 4, BATCHES = 3 };
enum { SEQUENCES = 2 * TASKS * BATCHES, M = N + INPUTS + 1, WIDTH = INPUTS + N + OUTPUTS };
enum { THETA = N * M + OUTPUTS * N, PSI = UNITS * (UNITS + WIDTH + 1) + N * UNITS };

typedef struct weights {
    double in[N][INPUTS], rec[N][N], out[OUTPUTS][N];
    double module_in[UNITS][WIDTH], module_rec[UNITS][UNITS], module_out[N][UNITS];
} weights;

static double inputs[SEQUENCES][STEPS][INPUTS], targets[SEQUENCES][STEPS][OUTPUTS];
static weights given;

static void draw(double *to, size_t count, uint32_t stream, double scale) {
    const hth_random random = {17, HTH_RANDOM_CHECK, stream};
    for (size_t i = 0; i < count; i++) to[i] = scale * hth_random_normal(&random, i);
}

/* Sequences 2k and 2k+1 are training and test trial of task k. */
static void write_arrays(void) {
    draw(&inputs[0][0][0], (size_t)SEQUENCES * STEPS * INPUTS, 1, 0.8);
    draw(&targets[0][0][0], (size_t)SEQUENCES * STEPS * OUTPUTS, 2, 0.7);
    draw(&given.in[0][0], N * INPUTS, 3, 0.5);
    draw(&given.rec[0][0], N * N, 4, 0.3);
    draw(&given.out[0][0], OUTPUTS * N, 5, 0.5);
    draw(&given.module_in[0][0], UNITS * WIDTH, 6, 0.4);
    draw(&given.module_rec[0][0], UNITS * UNITS, 7, 0.3);
    draw(&given.module_out[0][0], N * UNITS, 8, 0.5);
    for (size_t j = 0; j < N; j++) given.rec[j][j] = 0;
    for (size_t j = 0; j < UNITS; j++) given.module_rec[j][j] = 0;
    const array all[] = {
        {"inputs", "<f8", "(12, 30, 3)", false, inputs, sizeof inputs},
        {"targets", "<f8", "(12, 30, 2)", false, targets, sizeof targets},
        {"w_in", "<f8", "(5, 3)", false, given.in, sizeof given.in},
        {"w_rec", "<f8", "(5, 5)", false, given.rec, sizeof given.rec},
        {"w_out", "<f8", "(2, 5)", false, given.out, sizeof given.out},
        {"module_w_in", "<f8", "(4, 10)", false, given.module_in, sizeof given.module_in},
        {"module_w_rec", "<f8", "(4, 4)", false, given.module_rec, sizeof given.module_rec},
        {"module_w_out", "<f8", "(5, 4)", false, given.module_out, sizeof given.module_out},
    };
    npz_write(scratch_path("family.npz"), all, HTH_COUNT(all));
}

static const char *settings_of(const char *more) {
    static char line[1000];
    snprintf(line, sizeof line,
             "conventions=bellec2019 data=arrays data.file=%s data.shuffle=false "
             "network.units=5 cell=lif cell.v_th=0.4 cell.refractory=3 readout.tau_out=10 "
             "readout.bias=false learner=eprop1 learner.signal=module module.units=4 "
             "module.refractory=2 module.tau_out=8 module.tau_m=12 episode.trials=pairs "
             "episode.inner_lr=0.02 optimiser=sgd optimiser.lr=0.1 train.epochs=1 train.batch=2 "
             "train.report_every=30 train.threads=1 train.precision=%s %s",
             scratch_path("family.npz"), sizeof(hth_real) == sizeof(double) ? "double" : "single",
             more);
    return line;
}

/* ---- The plain implementation, trained ------------------------------------------------------ */

static hth_real theta[THETA], psi[PSI];

/* The parameters in the order of the two networks' blocks; entries that do not exist are 0. */
static void take_given(void) {
    const size_t m = UNITS + WIDTH + 1;
    for (size_t j = 0; j < N; j++)
        for (size_t i = 0; i < N + INPUTS; i++)
            theta[j * M + i] = (hth_real)(i < N ? given.rec[j][i] : given.in[j][i - N]);
    for (size_t k = 0; k < OUTPUTS * N; k++) theta[N * M + k] = (hth_real)(&given.out[0][0])[k];
    for (size_t j = 0; j < UNITS; j++)
        for (size_t i = 0; i < UNITS + WIDTH; i++)
            psi[j * m + i] =
                (hth_real)(i < UNITS ? given.module_rec[j][i] : given.module_in[j][i - UNITS]);
    for (size_t k = 0; k < N * UNITS; k++)
        psi[UNITS * m + k] = (hth_real)(&given.module_out[0][0])[k];
}

static bool exists(size_t i) {
    const size_t m = UNITS + WIDTH + 1;
    if (i < N * M) return i % M != i / M && i % M != M - 1;
    if (i < THETA || i - THETA >= UNITS * m) return true;
    return (i - THETA) % m != (i - THETA) / m && (i - THETA) % m != m - 1;
}

/* A batch of the file: [steps][tasks] of the training (0) or test (1) trials. */
static void take_trials(const double *from, size_t width, size_t batch, size_t trial,
                        hth_real *to) {
    for (size_t t = 0; t < STEPS; t++)
        for (size_t b = 0; b < TASKS; b++)
            for (size_t k = 0; k < width; k++)
                to[(t * TASKS + b) * width + k] =
                    (hth_real)from[((2 * (batch * TASKS + b) + trial) * STEPS + t) * width + k];
}

/* The losses of the outer loop. */
static void train_plainly(size_t updates, double losses[BATCHES]) {
    static hth_real x[STEPS * TASKS * INPUTS], test_x[STEPS * TASKS * INPUTS];
    static hth_real target[STEPS * TASKS * OUTPUTS], wanted[STEPS * TASKS * OUTPUTS];
    const plain_lif main = {exp(-1 / 20.0), 0.4, 0.3, 3, false};
    const plain_lif module = {exp(-1 / 12.0), 0.4, 0.3, 2, false};
    const plain_case c = {.n = N,
                          .inputs = INPUTS,
                          .outputs = OUTPUTS,
                          .units = UNITS,
                          .targets = OUTPUTS,
                          .steps = STEPS,
                          .batch = TASKS,
                          .updates = updates,
                          .main = main,
                          .module = module,
                          .kappa = exp(-1 / 8.0),
                          .kappa_out = exp(-1 / 10.0),
                          .lr = 0.02,
                          .x = x,
                          .test_x = test_x,
                          .target = target,
                          .wanted = wanted,
                          .theta = theta,
                          .psi = psi,
                          .theta_count = THETA,
                          .psi_count = PSI};
    double gradient[THETA + PSI];
    take_given();
    for (size_t batch = 0; batch < BATCHES; batch++) {
        take_trials(&inputs[0][0][0], INPUTS, batch, 0, x);
        take_trials(&inputs[0][0][0], INPUTS, batch, 1, test_x);
        take_trials(&targets[0][0][0], OUTPUTS, batch, 0, target);
        take_trials(&targets[0][0][0], OUTPUTS, batch, 1, wanted);
        for (size_t i = 0; i < THETA + PSI; i++) {
            const dual loss = plain_episode(&c, i);
            losses[batch] = loss.v;
            gradient[i] = exists(i) ? loss.d : 0;
        }
        for (size_t i = 0; i < THETA + PSI; i++)
            *(i < THETA ? &theta[i] : &psi[i - THETA]) -= (hth_real)(0.1 * gradient[i]);
    }
}

/* ---- Laws ----------------------------------------------------------------------------------- */

/* train_loss of each line of metrics.jsonl. */
static void read_losses(const char *run, double losses[BATCHES]) {
    char path[320];
    size_t length, count = 0;
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(run));
    char *text = read_whole(path, &length), *rest = text;
    for (char *line; (line = strtok_r(rest, "\n", &rest)) && count < BATCHES; count++)
        losses[count] = json_number(line, "train_loss");
    assert_int_equal(count, BATCHES);
    free(text);
}

static void test_losses_are_those_of_a_plain_implementation(void **state) {
    (void)state;
    if (sizeof(hth_real) != sizeof(double)) return;
    double plain[BATCHES], ours[BATCHES];
    write_arrays();
    for (size_t updates = 1; updates <= 2; updates++) {
        char more[40], run[16];
        snprintf(more, sizeof more, "episode.updates=%zu", updates);
        snprintf(run, sizeof run, "user%zu", updates);
        train_whole(settings_of(more), run);
        read_losses(run, ours);
        train_plainly(updates, plain);
        for (size_t i = 0; i < BATCHES; i++)
            if (!(fabs(ours[i] / plain[i] - 1) < 1e-12))
                fail_msg("%zu updates, step %zu: %.15g, plainly %.15g", updates, i, ours[i],
                         plain[i]);
    }
    /* Control: another rate of the updates is another loss, once the weights have moved. */
    train_whole(settings_of("episode.inner_lr=0.03"), "other");
    read_losses("other", ours);
    train_plainly(1, plain);
    assert_true(fabs(ours[BATCHES - 1] / plain[BATCHES - 1] - 1) > 1e-9);
}

static void test_interruptions_change_no_bit(void **state) {
    (void)state;
    static const char *const lines[] = {
        "task=arm task.steps=30 task.inputs=10 network.units=6 cell=lif cell.v_th=0.1 "
        "readout.bias=false learner=eprop1 learner.signal=module module.units=5 "
        "module.target=population module.neurons=8 episode.inner_lr=0.01 episode.rate=1 "
        "episode.module_rate=1 optimiser.lr=1e-2 train.batch=2 train.sequences=6 "
        "train.report_every=60 train.validate_every=90 train.threads=1",
        "task=pattern task.steps=40 network.units=6 cell=lif cell.v_th=0.1 learner=eprop1 "
        "learner.signal=module module.kind=linear episode.updates=2 episode.loss=sum "
        "optimiser.lr=1e-3 train.batch=2 train.sequences=5 train.report_every=40 train.threads=1",
    };
    for (size_t i = 0; i < HTH_COUNT(lines); i++)
        assert_interruptions_change_no_bit(lines[i], i, 3);
    /* The parameters of both networks: 6 (5 + 10) + 12, and 5 (4 + 10 + 6 + 2 * 8) + 6 * 5. */
    assert_true(summary_number("whole0", "parameters") == 102 + 210);
    /* Validation, test and the metric are there. */
    assert_true(summary_number("whole0", "validation_metric") > 0);
    assert_true(summary_number("whole0", "test_metric") > 0);
}

/* ---- Pairs ---------------------------------------------------------------------------------- */

enum { ALONE = 40 };
static double nothing[ALONE][4][1], halves[ALONE][4][1];

/* Training trials have targets of 100, test trials 0, like the outputs of a network that is 0: pairs that are whole have
 * a loss of 0. */
static const char *halves_with(const char *file, const char *shape, size_t count,
                               const char *more) {
    static char line[1000];
    for (size_t i = 0; i < ALONE; i++)
        for (size_t t = 0; t < 4; t++) halves[i][t][0] = i % 2 ? 0 : 100;
    const array all[] = {
        {"inputs", "<f8", shape, false, nothing, count * sizeof *nothing},
        {"targets", "<f8", shape, false, halves, count * sizeof *halves},
    };
    npz_write(scratch_path(file), all, HTH_COUNT(all));
    snprintf(
        line, sizeof line,
        "data=arrays data.file=%s episode.trials=pairs network.units=3 cell=lif readout.bias="
        "false learner=eprop1 learner.signal=module module.units=3 optimiser=sgd optimiser.lr=0 "
        "train.epochs=3 train.batch=2 train.report_every=4 train.threads=1 init.w_out=zero "
        "train.precision=%s %s",
        scratch_path(file), sizeof(hth_real) == sizeof(double) ? "double" : "single", more);
    return line;
}

static void assert_whole_pairs(const char *more, const char *run) {
    char path[320];
    size_t length, lines = 0;
    train_whole(halves_with("halves.npz", "(40, 4, 1)", 40, more), run);
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(run));
    char *text = read_whole(path, &length), *rest = text;
    for (char *line; (line = strtok_r(rest, "\n", &rest)); lines++)
        if (json_number(line, "train_loss") != 0) fail_msg("%s: %s", more, line);
    assert_true(lines > 3);
    free(text);
}

static void test_pairs_stay_together(void **state) {
    (void)state;
    assert_whole_pairs("data.shuffle=false", "in-order");
    assert_whole_pairs("", "shuffled");
    assert_whole_pairs("data.incomplete=wrap train.batch=3", "wrapped");
    assert_whole_pairs("data.validation_fraction=0.3", "validated");
    assert_true(summary_number("validated", "validation_loss") == 0);
    assert_whole_pairs("data.validation_fraction=0.3 data.shuffle=false view.count=10", "some");
    assert_true(summary_number("some", "validation_loss") == 0);
}

/* A run goes on with the episodes and the module that it began with, and is looked at with its module. */
static void test_another_episode_is_another_run(void **state) {
    (void)state;
    static const char *const others[] = {"episode.updates=3", "episode.inner_lr=0.05",
                                         "episode.order=first", "module.tau_m=5"};
    hth_ending ending;
    hth_error error;
    hth_score score;
    write_arrays();
    train_whole(settings_of(""), "own");
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        assert_int_equal(train_line(settings_of(others[i]), "own", true, NULL, &ending, &error),
                         HTH_MISMATCH);
        if (!strstr(error.message, "the checkpoint has")) fail_msg("%s", error.message);
    }
    /* Another number of updates may be scored, but not another module. */
    const char *run = scratch_path("own");
    hth_setting other = {"module.tau_m", "5", "test"};
    const hth_settings overrides = {&other, 1};
    assert_int_equal(hth_evaluate(run, "train", &overrides, NULL, &score, &error), HTH_MISMATCH);
    other = (hth_setting){"episode.updates", "2", "test"};
    assert_int_equal(hth_evaluate(run, "train", &overrides, NULL, &score, &error), HTH_OK);
    /* Control: its own. */
    assert_int_equal(train_line(settings_of(""), "own", true, NULL, &ending, &error), HTH_OK);
}

static double score_of(const char *run) {
    const hth_settings none = {NULL, 0};
    hth_score score;
    hth_error error;
    if (hth_evaluate(scratch_path(run), "train", &none, NULL, &score, &error) != HTH_OK)
        fail_msg("%s", error.message);
    return score.loss;
}

/* A run begins with both networks of another: without a step of its own it scores as that one does. */
static void test_a_run_begins_with_another(void **state) {
    (void)state;
    char more[200];
    write_arrays();
    train_whole(settings_of(""), "first");
    snprintf(more, sizeof more, "optimiser.lr=0 train.from=%.160s", scratch_path("first"));
    train_whole(settings_of(more), "heir");
    assert_true(score_of("heir") == score_of("first"));
    /* Control: without it. */
    train_whole(settings_of("optimiser.lr=0"), "stranger");
    assert_true(score_of("stranger") != score_of("first"));
}

static void assert_refused(const char *line, const char *why) {
    hth_ending ending;
    hth_error error = {0};
    assert_int_not_equal(train_line(line, "refused", false, NULL, &ending, &error), HTH_OK);
    if (!strstr(error.message, why)) fail_msg("'%s'", error.message);
}

#define SMALL "network.units=6 cell=lif learner=eprop1 learner.signal=module train.sequences=2 "
#define ARM "task=arm task.steps=30 " SMALL

static void test_what_has_no_meaning_is_refused(void **state) {
    (void)state;
    write_arrays();
    assert_refused(ARM "cell=alif", "cell alif");
    assert_refused(ARM "train.metric=mse", "'place'");
    assert_refused(ARM "loss=softmax", "squared loss");
    assert_refused(ARM "train.validation_batch=3", "train.validation_batch");
    assert_refused(ARM "train.keep_state=true", "train.keep_state");
    assert_refused(ARM "learner.steps=29", "a tape is a whole trial, 30 steps");
    assert_refused(ARM "learner.update=tape", "learner.update");
    assert_refused(ARM "loss.time=mean", "episode.loss");
    assert_refused(ARM "conventions=bellec2020 loss.time=mean", "loss.time is 'mean'");
    assert_refused(ARM "loss.batch=sum", "loss.batch");
    assert_refused(ARM "loss.report=mean", "loss.report");
    assert_refused(ARM "regulariser.rate_target=0.02", "episode.rate_target");
    assert_refused(ARM "regulariser.rate_form=sum", "regulariser.rate_form");
    assert_refused(ARM "regulariser.rate_over=tape", "regulariser.rate_over");
    assert_refused(ARM "learner.scale_trace=one", "learner.scale_trace");
    assert_refused(ARM "learner.scale_filtered=one", "learner.scale_filtered");
    assert_refused("task=add network.units=6 cell=lif learner=eprop1 learner.signal=module",
                   "sequences have no end");
    assert_refused("task=store-recall " SMALL, "classes");
    assert_refused(ARM "learner.signal=random train.metric=place", "only episodes");
    assert_refused("task=pattern network.units=6 cell=lif learner=eprop1 episode.updates=2",
                   "episode.updates is '2'");
    assert_refused("task=pattern network.units=6 cell=lif learner=eprop1 module.tau_m=10",
                   "module.tau_m");
    assert_refused(ARM "episode.trials=pairs", "of 'arm' no two sequences belong to one task");
    assert_refused(halves_with("odd.npz", "(39, 4, 1)", 39, ""), "has 39 sequences");
    assert_refused(halves_with("even.npz", "(40, 4, 1)", 40, "view.count=3"), "view.count is 3");
    assert_refused(ARM "keep=anchor", "keep.name is anchor");
    assert_refused(ARM "keep=ewc keep.every=2", "keep.name is ewc");
    assert_refused(ARM "keep=si", "leave it out, or set keep.every");
    train_whole(ARM "keep=si keep.every=2", "kept");
    /* Controls: what says no more than episodes do, and what conventions say. */
    train_whole(ARM "learner.steps=30 learner.update=sequence", "same");
    train_whole(ARM "conventions=bellec2020", "by2020");
    /* Weights of a module belong to episodes alone. */
    char line[400];
    snprintf(line, sizeof line, "data=arrays data.file=%s network.units=5 cell=lif learner=eprop1",
             scratch_path("family.npz"));
    assert_refused(line, "module_w_in");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_are_those_of_a_plain_implementation),
        cmocka_unit_test(test_interruptions_change_no_bit),
        cmocka_unit_test(test_pairs_stay_together),
        cmocka_unit_test(test_another_episode_is_another_run),
        cmocka_unit_test(test_a_run_begins_with_another),
        cmocka_unit_test(test_what_has_no_meaning_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
