/*
 * keep in runs with phases: importance, anchor and parameters of a run on a user's arrays, to 12 digits beside an
 * implementation of its own; the pass changes nothing of training; runs that are interrupted have the same bits; what
 * has no meaning is refused.
 */
#include "user_arrays.h"

#define COPY                                                                                       \
    "task=copy-memory task.delay=3 train.batch=3 network.units=8 optimiser.name=adam "             \
    "optimiser.lr=0.01 learner=tbptt learner.steps=9 train.validation_steps=16 "
#define TWO "phases.first.train.steps=69 phases.second.task.delay=5 phases.second.train.steps=75 "

/* ---- Values ------------------------------------------------------------------------------- */

enum { N = 3, IN = 2, OUT = 2, T = 5, S = 4, M = N + IN + 1, P = N * M + OUT * N + OUT };

typedef struct plain_net {
    double w[N][M], out[OUT][N], bias[OUT];
} plain_net;

static const double alpha = 0.4, lr = 0.07, strength = 0.6;

static double x[S][T][IN], target[S][T][OUT];

static double *parameters(plain_net *net) {
    return &net->w[0][0];
}

/* Goes through sequence s, with the derivatives of all states by all weights carried along. Adds to the gradient of
 * the loss, and to the Fisher information of outputs of variance 1: the squares of the outputs' derivatives. */
static void plain_sequence(plain_net *net, size_t s, double gradient[P], double fisher[P]) {
    double r[N] = {0}, dr[N][N * M] = {{0}};
    for (size_t t = 0; t < T; t++) {
        double u[M], next[N], dnext[N][N * M];
        for (size_t j = 0; j < N; j++) u[j] = r[j];
        for (size_t i = 0; i < IN; i++) u[N + i] = x[s][t][i];
        u[M - 1] = 1;
        for (size_t j = 0; j < N; j++) {
            double a = 0;
            for (size_t k = 0; k < M; k++) a += net->w[j][k] * u[k];
            next[j] = (1 - alpha) * r[j] + alpha * tanh(a);
            const double slope = alpha * (1 - tanh(a) * tanh(a));
            for (size_t p = 0; p < N * M; p++) {
                double da = p / M == j ? u[p % M] : 0;
                for (size_t k = 0; k < N; k++) da += net->w[j][k] * dr[k][p];
                dnext[j][p] = (1 - alpha) * dr[j][p] + slope * da;
            }
        }
        memcpy(r, next, sizeof r);
        memcpy(dr, dnext, sizeof dr);
        for (size_t o = 0; o < OUT; o++) {
            double dy[P] = {0}, y = net->bias[o];
            for (size_t j = 0; j < N; j++) {
                y += net->out[o][j] * r[j];
                dy[N * M + o * N + j] = r[j];
                for (size_t p = 0; p < N * M; p++) dy[p] += net->out[o][j] * dr[j][p];
            }
            dy[N * M + OUT * N + o] = 1;
            for (size_t p = 0; p < P; p++) {
                gradient[p] += (y - target[s][t][o]) * dy[p];
                fisher[p] += dy[p] * dy[p];
            }
        }
    }
}

/* Means over the sequences. */
static void plain_all(plain_net *net, double gradient[P], double fisher[P]) {
    for (size_t p = 0; p < P; p++) gradient[p] = fisher[p] = 0;
    for (size_t s = 0; s < S; s++) plain_sequence(net, s, gradient, fisher);
    for (size_t p = 0; p < P; p++) gradient[p] /= S, fisher[p] /= S;
}

/* An update, its end; then importance and anchor; two more updates with their pull, and the same again. */
static void plain_run(plain_net *net, double importance[P], double anchor[P]) {
    double gradient[P], fisher[P], *theta = parameters(net);
    for (size_t p = 0; p < P; p++) importance[p] = 0;
    for (int update = 0; update < 3; update++) {
        plain_all(net, gradient, fisher);
        for (size_t p = 0; p < P; p++) {
            const double pull = update ? strength * importance[p] * (theta[p] - anchor[p]) : 0;
            theta[p] -= lr * (gradient[p] + pull);
        }
        if (update == 1) continue;
        plain_all(net, gradient, fisher);
        for (size_t p = 0; p < P; p++) {
            importance[p] += fisher[p];
            anchor[p] = theta[p];
        }
    }
}

static void draw_all(plain_net *net) {
    size_t at = 0;
    for (size_t i = 0; i < sizeof x / sizeof(double); i++) (&x[0][0][0])[i] = arrays_normal(&at);
    for (size_t i = 0; i < sizeof target / sizeof(double); i++)
        (&target[0][0][0])[i] = arrays_normal(&at);
    for (size_t p = 0; p < P; p++) parameters(net)[p] = 0.6 * arrays_normal(&at);
}

/* keep.npz: the data, and the initial weights. */
static void write_all(const plain_net *net) {
    static double in[N][IN], rec[N][N], bias[N];
    for (size_t j = 0; j < N; j++) {
        memcpy(rec[j], net->w[j], sizeof rec[j]);
        memcpy(in[j], net->w[j] + N, sizeof in[j]);
        bias[j] = net->w[j][M - 1];
    }
    const array all[] = {
        {"inputs", "<f8", "(4, 5, 2)", false, x, sizeof x},
        {"targets", "<f8", "(4, 5, 2)", false, target, sizeof target},
        {"w_in", "<f8", "(3, 2)", false, in, sizeof in},
        {"w_rec", "<f8", "(3, 3)", false, rec, sizeof rec},
        {"b_rec", "<f8", "(3,)", false, bias, sizeof bias},
        {"w_out", "<f8", "(2, 3)", false, net->out, sizeof net->out},
        {"b_out", "<f8", "(2,)", false, net->bias, sizeof net->bias},
    };
    npz_write(scratch_path("keep.npz"), all, HTH_COUNT(all));
}

/* An array of the last checkpoint of a run. */
static void restore(const char *run, const char *name, hth_real *out, size_t count) {
    char path[320];
    hth_safetensors *file;
    hth_field field = {.dtype = HTH_DTYPE_REAL, .count = count, .data = out};
    snprintf(field.name, sizeof field.name, "%s", name);
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(run));
    assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
    assert_int_equal(hth_safetensors_restore(file, &field, 1, 0, NULL), HTH_OK);
    hth_safetensors_close(file);
}

static double furthest(const hth_real *ours, const double *plain) {
    double most = 0;
    for (size_t p = 0; p < P; p++)
        most = fmax(most, fabs((double)ours[p] - plain[p]) / (fabs(plain[p]) + 1e-3));
    return most;
}

static void test_values_on_arrays(void **state) {
    (void)state;
    static const struct {
        const char *how;
        bool exact;
    } ways[] = {{"learner=bptt", true},
                {"learner=bptt keep.learner=rtrl", true},
                {"learner=bptt keep.learner=rflo", false},
                {"learner=bptt keep.importance=empirical", false}};
    plain_net net;
    double importance[P], anchor[P];
    hth_real found[P];
    draw_all(&net);
    write_all(&net);
    plain_run(&net, importance, anchor);
    for (size_t i = 0; i < HTH_COUNT(ways); i++) {
        char line[900], run[32];
        snprintf(run, sizeof run, "values%zu", i);
        snprintf(line, sizeof line,
                 "data=arrays data.file=%s network.units=3 cell.name=rate cell.alpha=0.4 "
                 "optimiser.name=sgd optimiser.lr=0.07 train.batch=4 keep=ewc keep.strength=0.6 "
                 "keep.importance=expected keep.sequences=4 phases.a.train.epochs=1 "
                 "phases.b.train.epochs=2 %s",
                 scratch_path("keep.npz"), ways[i].how);
        train_whole(line, run);
        restore(run, "keep.importance", found, P);
        const double importance_off = furthest(found, importance);
        restore(run, "keep.anchor", found, P);
        const double anchor_off = furthest(found, anchor);
        if (ways[i].exact && !(importance_off < (sizeof(hth_real) == 8 ? 1e-12 : 1e-3)))
            fail_msg("%s: importance is off by %.3g", ways[i].how, importance_off);
        if (ways[i].exact && !(anchor_off < (sizeof(hth_real) == 8 ? 1e-12 : 1e-3)))
            fail_msg("%s: parameters are off by %.3g", ways[i].how, anchor_off);
        if (!ways[i].exact) assert_true(importance_off > 1e-2 && anchor_off > 1e-6);
    }
}

/* ---- Runs --------------------------------------------------------------------------------- */

static void test_interruptions_change_no_bit(void **state) {
    (void)state;
    static const char *const lines[] = {
        COPY TWO "keep=ewc keep.sequences=4",
        COPY TWO "keep=ewc keep.importance=drawn keep.strength=10",
        COPY TWO "keep=ewc keep.importance=updates keep.every=1", /* nothing is left for the end */
        COPY TWO "keep=si keep.step=proximal",
        COPY TWO "keep=mas keep.sequences=3 keep.every=4 keep.learner=rflo",
        COPY TWO "keep=chain keep.alpha=0.1 keep.beta=5",
        COPY TWO "optimiser.name=sgd keep=project keep.sequences=3 keep.sides=both",
    };
    for (size_t i = 0; i < HTH_COUNT(lines); i++)
        assert_interruptions_change_no_bit(lines[i], i, 3);
}

/* The pass draws from a stream of its own: with strength 0 the run is that without. */
static void test_the_pass_changes_nothing(void **state) {
    (void)state;
    train_whole(COPY TWO, "without");
    train_whole(COPY TWO "keep=ewc keep.strength=0 keep.sequences=3", "idle");
    train_whole(COPY TWO "keep=ewc keep.strength=0 keep.importance=drawn", "drawn idle");
    train_whole(COPY TWO "keep=ewc keep.strength=100 keep.sequences=3", "kept");
    train_whole(COPY TWO "keep=ewc keep.strength=100 keep.importance=drawn", "drawn kept");
    assert_true(same_metrics("without", "idle"));
    assert_true(same_metrics("without", "drawn idle"));
    assert_false(same_metrics("without", "kept"));
    assert_false(same_metrics("without", "drawn kept"));
}

/* An array of a run's last checkpoint, which the caller frees. */
static hth_real *array_of(const char *run, const char *name, size_t *numbers) {
    char path[320];
    hth_safetensors *file;
    size_t count;
    *numbers = 0;
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(run));
    assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
    const hth_tensor *list = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            *numbers = (size_t)(list[i].end - list[i].begin) / sizeof(hth_real);
    hth_safetensors_close(file);
    assert_true(*numbers > 0);
    hth_real *all = calloc(*numbers, sizeof *all);
    restore(run, name, all, *numbers);
    return all;
}

static double sum_of(const char *run, const char *name) {
    size_t numbers;
    double sum = 0;
    hth_real *all = array_of(run, name, &numbers);
    for (size_t i = 0; i < numbers; i++) sum += (double)all[i];
    free(all);
    return sum;
}

/* Importance of drawn targets nears that of all targets, which is not that of the data's: with softmax, bits and
 * values. */
static void test_drawn_targets_near_all(void **state) {
    (void)state;
    static const char *const ways[] = {"expected keep.sequences=60", "sampled keep.sequences=600",
                                       "empirical keep.sequences=60"};
    static const char *const tasks[] = {
        "task=copy-memory task.delay=1 task.symbols=2",
        "task=add loss.name=sigmoid learner.steps=5",
        "task=add loss.name=mse learner.steps=5",
    };
    for (size_t t = 0; t < HTH_COUNT(tasks); t++) {
        double sums[3];
        for (size_t i = 0; i < 3; i++) {
            char line[700], run[32];
            snprintf(run, sizeof run, "drawn%zu-%zu", t, i);
            snprintf(line, sizeof line,
                     "%s network.units=4 learner=tbptt keep=ewc keep.importance=%s "
                     "phases.a.train.steps=10 train.validation_steps=16",
                     tasks[t], ways[i]);
            train_whole(line, run);
            sums[i] = sum_of(run, "keep.importance");
        }
        if (!(fabs(sums[1] / sums[0] - 1) < 0.15))
            fail_msg("%s: %g and %g", tasks[t], sums[1], sums[0]);
        if (!(fabs(sums[2] / sums[0] - 1) > 0.2))
            fail_msg("%s, control: %g and %g", tasks[t], sums[2], sums[0]);
    }
}

/* And so does that of targets drawn along the way, where the weights stay, for batches of any size. */
static void test_targets_along_the_way_near_all(void **state) {
    (void)state;
    static const char *const ways[] = {
        "importance=expected keep.sequences=60 phases.a.train.steps=10",
        "importance=drawn train.batch=3 phases.a.train.steps=4800",
        "importance=updates optimiser.lr=1e-9 train.batch=1 phases.a.train.steps=4800",
    };
    double sums[HTH_COUNT(ways)];
    for (size_t i = 0; i < HTH_COUNT(ways); i++) {
        char line[700], run[32];
        snprintf(run, sizeof run, "along%zu", i);
        snprintf(line, sizeof line,
                 "task=copy-memory task.delay=1 task.symbols=2 network.units=4 learner=rtrl "
                 "learner.steps=1 optimiser.lr=0 keep=ewc train.validation_steps=16 keep.%s",
                 ways[i]);
        train_whole(line, run);
        sums[i] = sum_of(run, "keep.importance");
    }
    if (!(fabs(sums[1] / sums[0] - 1) < 0.15)) fail_msg("%g and %g", sums[1], sums[0]);
    if (!(fabs(sums[2] / sums[0] - 1) > 0.2)) fail_msg("control: %g and %g", sums[2], sums[0]);
}

/* Importance is of the loss alone, whatever regulariser.rate is, where the weights stay. The control, the last, is of
 * the gradients of updates. */
static void test_importance_is_of_the_loss_alone(void **state) {
    (void)state;
#define TAPES "learner=eprop1 learner.steps=5 "
    static const struct {
        const char *how, *with;
    } ways[] = {
        {"keep=ewc keep.importance=sampled", ""},
        {"keep=ewc keep.importance=expected", ""},
        {"keep=ewc keep.importance=empirical", ""},
        {"keep=ewc keep.importance=drawn", ""},
        {"keep=mas", ""},
        {TAPES "keep=mas", "regulariser.rate_over=tape"},
        {TAPES "keep=ewc loss.time=mean", "regulariser.rate_over=tape regulariser.rate_form=nest"},
        {"keep=ewc keep.importance=updates optimiser.lr=1e-9", ""}, /* a rate of 0 notes none */
    };
#undef TAPES
    for (size_t i = 0; i < HTH_COUNT(ways); i++) {
        hth_real *found[2];
        size_t numbers;
        for (int rate = 0; rate < 2; rate++) {
            char line[900], run[32];
            snprintf(run, sizeof run, "rates%zu-%d", i, rate);
            snprintf(line, sizeof line,
                     COPY "learner=bptt learner.steps=0 cell.name=lif cell.v_th=0.3 optimiser.lr=0 "
                          "phases.a.train.steps=69 keep.sequences=3 %s %s %s",
                     ways[i].how, rate ? "regulariser.rate=1000" : "", rate ? ways[i].with : "");
            train_whole(line, run);
            found[rate] = array_of(run, "keep.importance", &numbers);
        }
        const bool same = memcmp(found[0], found[1], numbers * sizeof *found[0]) == 0;
        if (same != (i + 1 < HTH_COUNT(ways)))
            fail_msg("%s: %s", ways[i].how, same ? "same" : "other");
        free(found[0]);
        free(found[1]);
    }
}

static void refused(const char *line, const char *because) {
    hth_error error = {0};
    hth_config *config = configure(line);
    hth_prospect prospect;
    assert_int_equal(hth_train_check(config, &hth_align_guest, &prospect, &error), HTH_INVALID);
    if (!strstr(error.message, because)) fail_msg("%s: %s", line, error.message);
    hth_config_destroy(config);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
#define PHASE "phases.a.train.steps=10 "
    refused(COPY PHASE "keep=ewc keep.learner=rtlr", "rtlr");
    refused(COPY PHASE "keep=ewc keep.importance=drawn keep.learner=rflo", "leave it out");
    refused("world=bandit keep=ewc keep.importance=drawn network.units=8 phases.a.train.steps=100",
            "those of world bandit are actions and a value");
    refused(COPY PHASE "keep=moments optimiser.name=sgd", "take optimiser.name = adam");
    refused(COPY PHASE "keep=project", "take sgd or momentum");
    refused(COPY PHASE "keep=project optimiser.name=sgd optimiser.weight_decay=0.1",
            "optimiser.weight_decay = 0.1 changes an update after it is projected");
    refused(COPY PHASE "keep=project optimiser.name=sgd network.excitatory=0.5",
            "network.excitatory changes weights after an update is projected");
    refused(COPY PHASE "keep=project optimiser.name=sgd network.orthogonal=true",
            "network.orthogonal = true changes weights after an update is projected");
    refused(COPY PHASE "keep=mas learner.window=18 learner.steps=3",
            "name another with keep.learner");
    refused(COPY PHASE "keep=ewc keep.importance=empirical loss.time=mean", "set loss.time = sum");
    refused("world=bandit keep=ewc network.units=8 phases.a.train.steps=100",
            "world bandit has none that stay");
    refused(COPY "keep.mu=3", "keep.mu");
    refused(COPY "keep=anchor", "but the run has no phases");
#undef PHASE
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_on_arrays),
        cmocka_unit_test(test_interruptions_change_no_bit),
        cmocka_unit_test(test_the_pass_changes_nothing),
        cmocka_unit_test(test_drawn_targets_near_all),
        cmocka_unit_test(test_targets_along_the_way_near_all),
        cmocka_unit_test(test_importance_is_of_the_loss_alone),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
