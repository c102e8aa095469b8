/* hitherto predict and hitherto record: what they write is what eval scores, and what the network did. */
#include "cli/cli.h"
#include "cli/program.h"
#include "data/archive.h"
#include "files/npz.h"

#include <math.h>
#include <string.h>

typedef struct array {
    hth_npy about;
    double *x;
} array;

static hth_status take(void *arg, const hth_npy *about, size_t index, double value,
                       hth_error *error) {
    (void)about;
    (void)error;
    ((array *)arg)->x[index] = value;
    return HTH_OK;
}

static array read_array(const char *path, const char *name) {
    hth_npz *npz;
    hth_error error;
    array a;
    assert_int_equal(hth_npz_open(path, &npz, &error), HTH_OK);
    assert_int_equal(hth_npz_header(npz, name, &a.about, &error), HTH_OK);
    a.x = calloc(a.about.count + 1, sizeof *a.x);
    assert_int_equal(hth_npz_read(npz, name, take, &a, &error), HTH_OK);
    hth_npz_close(npz);
    return a;
}

static double printed(const char *label) {
    const char *at = strstr(said.out, label);
    assert_non_null(at);
    return strtod(at + strlen(label), NULL);
}

static void train(void) {
    RUN("train", "task=pattern", "task.steps=60", "network.units=8", "learner=eprop1", "cell=alif",
        "cell.v_th=0.5", "train.sequences=5", "--threads", "1", "--quiet", "--out", "run");
    assert_int_equal(said.code, 0);
}

/* Half the squared error of the outputs that predict writes, over the weights, is the loss that eval prints. */
static void predictions_are_what_eval_scores(void **state) {
    (void)state;
    train();
    RUN("predict", "run", "--split", "validation", "--out", "y.npz");
    assert_int_equal(said.code, 0);
    const array y = read_array("y.npz", "outputs"), target = read_array("y.npz", "targets"),
                weight = read_array("y.npz", "weights"), length = read_array("y.npz", "lengths");
    assert_int_equal(y.about.rank, 3);
    assert_int_equal(y.about.shape[1], 60);
    assert_true(length.about.count == 1 && length.x[0] == 60);
    double loss = 0, total = 0, shifted = 0;
    for (size_t i = 0; i < y.about.count; i++) {
        const double w = weight.x[i / y.about.shape[2]],
                     next = target.x[(i + y.about.count / 2) % y.about.count];
        loss += w * pow(y.x[i] - target.x[i], 2) / 2;
        shifted += w * pow(y.x[i] - next, 2) / 2;
    }
    for (size_t i = 0; i < weight.about.count; i++) total += weight.x[i];
    RUN("eval", "run", "--split", "validation");
    const double told = printed("validation loss");
    assert_true(fabs(loss / total - told) < 1e-5 * told);
    assert_true(fabs(shifted / total - told) > 1e-2 * told); /* the control: half a trial off */
    /* A line a step of the same numbers. */
    RUN("predict", "run", "--split", "validation", "--out", "y.csv");
    read_whole("y.csv", said.out);
    const char *line = said.out;
    for (size_t t = 0; t < 60; t++) {
        line = strchr(line, '\n') + 1;
        size_t sequence, step;
        double first;
        assert_int_equal(sscanf(line, "%zu,%zu,%lf", &sequence, &step, &first), 3);
        assert_true(sequence == 0 && step == t);
        assert_true(fabs(first - y.x[t * y.about.shape[2]]) <= 1e-8 * (1 + fabs(first)));
    }
    free(y.x);
    free(target.x);
    free(weight.x);
    free(length.x);
}

/* record has the outputs of predict, spikes that are 0 or 1, and traces that move with their inputs. */
static void recordings_show_the_inside(void **state) {
    (void)state;
    train();
    RUN("predict", "run", "--split", "validation", "--out", "y.npz");
    RUN("record", "run", "--synapses", "0:8,3:1", "--out", "r.npz");
    assert_int_equal(said.code, 0);
    const array y = read_array("y.npz", "outputs"), same = read_array("r.npz", "outputs"),
                z = read_array("r.npz", "z"), v = read_array("r.npz", "v"),
                a = read_array("r.npz", "a"), e = read_array("r.npz", "traces"),
                which = read_array("r.npz", "synapses"), L = read_array("r.npz", "signals");
    assert_memory_equal(y.x, same.x, y.about.count * sizeof *y.x);
    double spikes = 0, moved = 0, signals = 0;
    for (size_t i = 0; i < z.about.count; i++) {
        assert_true(z.x[i] == 0 || z.x[i] == 1);
        spikes += z.x[i];
    }
    for (size_t i = 2; i < e.about.count; i++) moved += fabs(e.x[i] - e.x[i - 2]);
    for (size_t i = 0; i < L.about.count; i++) signals += fabs(L.x[i]);
    assert_true(spikes > 0 && moved > 0 && signals > 0);
    assert_true(v.about.shape[2] == 8 && a.about.shape[2] == 8 && e.about.shape[2] == 2);
    assert_true(which.x[0] == 0 && which.x[1] == 8 && which.x[2] == 3 && which.x[3] == 1);
    const array all[] = {y, same, z, v, a, e, which, L};
    for (size_t i = 0; i < HTH_COUNT(all); i++) free(all[i].x);
}

/* Sequences of different lengths: each is in its own row, and what lies after the end of a shorter one is 0. */
static void shorter_sequences_are_filled_up(void **state) {
    enum { N = 3, T = 6 };
    static const uint64_t lengths[N] = {4, 6, 3};
    hth_real x[N][T][1];
    hth_error error;
    (void)state;
    for (size_t n = 0; n < N; n++)
        for (size_t s = 0; s < T; s++) x[n][s][0] = (hth_real)(10 * n + s + 1);
    const hth_npz_array all[] = {{"inputs", HTH_DTYPE_REAL, 3, {N, T, 1}, x},
                                 {"targets", HTH_DTYPE_REAL, 3, {N, T, 1}, x},
                                 {"lengths", HTH_DTYPE_U64, 1, {N}, lengths}};
    assert_int_equal(hth_npz_write("data.npz", all, HTH_COUNT(all), &error), HTH_OK);
    RUN("train", "data=arrays", "data.file=data.npz", "data.shuffle=false", "cell=gru",
        "network.units=3", "learner=tbptt", "train.epochs=1", "--threads", "1", "--quiet", "--out",
        "run");
    assert_int_equal(said.code, 0);
    RUN("record", "run", "--split", "train", "--trials", "3", "--out", "r.npz");
    assert_int_equal(said.code, 0);
    const array length = read_array("r.npz", "lengths"), in = read_array("r.npz", "inputs");
    assert_true(in.about.shape[0] == N && in.about.shape[1] == T);
    for (size_t n = 0; n < N; n++) {
        assert_true(length.x[n] == (double)lengths[n]);
        for (size_t s = 0; s < T; s++)
            assert_true(in.x[n * T + s] == (s < lengths[n] ? (double)x[n][s][0] : 0));
    }
    free(length.x);
    free(in.x);
}

/* New data need no targets to be predicted: the outputs are those of the same inputs with targets, and no step counts.
 * They cannot be scored, validated or trained on. */
static void new_data_need_no_targets(void **state) {
    enum { N = 3, T = 5 };
    hth_real x[N][T][1];
    int32_t y[N][T];
    hth_error error;
    (void)state;
    for (size_t i = 0; i < (size_t)N * T; i++)
        x[i / T][i % T][0] = (hth_real)(y[i / T][i % T] = i % 2 == 0);
    const hth_npz_array all[] = {{"inputs", HTH_DTYPE_REAL, 3, {N, T, 1}, x},
                                 {"targets", HTH_DTYPE_I32, 2, {N, T}, y}};
    assert_int_equal(hth_npz_write("whole.npz", all, 2, &error), HTH_OK);
    assert_int_equal(hth_npz_write("bare.npz", all, 1, &error), HTH_OK);
    RUN("train", "data=arrays", "data.file=whole.npz", "network.units=3", "train.epochs=1",
        "--threads", "1", "--quiet", "--out", "run");
    assert_int_equal(said.code, 0);
    RUN("predict", "run", "data.test_file=whole.npz", "--out", "told.npz");
    assert_int_equal(said.code, 0);
    RUN("predict", "run", "data.test_file=bare.npz", "--out", "untold.npz");
    assert_int_equal(said.code, 0);
    const array told = read_array("told.npz", "outputs"),
                same = read_array("untold.npz", "outputs");
    const array weights = read_array("untold.npz", "weights");
    assert_int_equal(told.about.count, same.about.count);
    assert_memory_equal(told.x, same.x, told.about.count * sizeof *told.x);
    for (size_t i = 0; i < weights.about.count; i++) assert_true(weights.x[i] == 0);
    RUN("eval", "run", "data.test_file=bare.npz");
    assert_true(said.code != 0 && strstr(said.err, "no step of the split has weight"));
    RUN("train", "data=arrays", "data.file=bare.npz", "--out", "other");
    assert_true(said.code != 0 && strstr(said.err, "there is no array targets"));
    RUN("train", "data=arrays", "data.file=whole.npz", "data.validate_file=bare.npz", "--out",
        "other");
    assert_true(said.code != 0 && strstr(said.err, "there is no array targets"));
    free(told.x);
    free(same.x);
    free(weights.x);
}

static void write_waves(const char *path, int rows) {
    FILE *file = fopen(path, "w");
    fputs("a\n", file);
    for (int t = 0; t < rows; t++) fprintf(file, "%.17g\n", sin(t * t));
    fclose(file);
}

/* The last rows of a table have no target, but a forecast: what the network says of the same rows when more follow. */
static void a_table_is_forecast_to_its_end(void **state) {
    enum { ROWS = 12, AHEAD = 3 };
    (void)state;
    write_waves("train.csv", 40);
    write_waves("new.csv", ROWS);
    write_waves("more.csv", ROWS + AHEAD);
    RUN("train", "data=table", "data.file=train.csv", "data.target=a", "data.ahead=3",
        "network.units=3", "train.batch=1", "train.epochs=1", "--threads", "1", "--quiet", "--out",
        "run");
    assert_int_equal(said.code, 0);
    RUN("predict", "run", "data.test_file=new.csv", "--out", "y.npz");
    assert_int_equal(said.code, 0);
    RUN("predict", "run", "data.test_file=more.csv", "--out", "more.npz");
    assert_int_equal(said.code, 0);
    RUN("predict", "run", "data.test_file=new.csv", "--out", "y.csv");
    assert_non_null(strstr(said.out, "of 12 steps"));
    const array y = read_array("y.npz", "outputs"), more = read_array("more.npz", "outputs");
    const array weights = read_array("y.npz", "weights");
    assert_true(y.about.count == ROWS && more.about.count == ROWS + AHEAD);
    assert_memory_equal(y.x, more.x, ROWS * sizeof *y.x);
    for (int t = 0; t < ROWS; t++) assert_true(weights.x[t] == (t < ROWS - AHEAD));
    /* Control: they are forecasts, not zeros; and eval counts the rows with a target alone. */
    assert_true(y.x[ROWS - 1] != 0 && y.x[ROWS - 1] != y.x[ROWS - 2]);
    RUN("eval", "run", "--split", "test", "data.test_file=new.csv");
    assert_true(said.code == 0 && printed("time steps") == ROWS - AHEAD);
    free(y.x);
    free(more.x);
    free(weights.x);
}

/* Class weights that the data bring hold in every command on a run, and count as the setting does. */
static void class_weights_of_data_stay(void **state) {
    enum { N = 8, T = 4 };
    static const double weights[2] = {0.5, 3};
    hth_real x[N][T][1];
    int32_t y[N][T];
    hth_error error;
    (void)state;
    for (size_t i = 0; i < (size_t)N * T; i++)
        x[i / T][i % T][0] = (hth_real)(y[i / T][i % T] = i % 3 == 0);
    const hth_npz_array all[] = {{"inputs", HTH_DTYPE_REAL, 3, {N, T, 1}, x},
                                 {"targets", HTH_DTYPE_I32, 2, {N, T}, y},
                                 {"class_weights", HTH_DTYPE_F64, 1, {2}, weights}};
    assert_int_equal(hth_npz_write("plain.npz", all, 2, &error), HTH_OK);
    assert_int_equal(hth_npz_write("given.npz", all, 3, &error), HTH_OK);
    RUN("train", "data=arrays", "data.file=given.npz", "network.units=3", "train.epochs=1",
        "--threads", "1", "--quiet", "--out", "run");
    assert_int_equal(said.code, 0);
    RUN("train", "--resume", "--out", "run", "train.epochs=2", "--quiet");
    assert_int_equal(said.code, 0);
    RUN("eval", "run", "--split", "train");
    assert_int_equal(said.code, 0);
    const double given = printed("train loss");
    RUN("eval", "run", "--split", "train", "data.file=plain.npz", "loss.class_weights=0.5,3");
    assert_true(printed("train loss") == given);
    RUN("eval", "run", "--split", "train", "data.file=plain.npz"); /* the control */
    assert_true(fabs(printed("train loss") - given) > 0.01);
    REFUSED("the data bring class_weights along, and loss.class_weights is set too: leave one of "
            "them out",
            "eval", "run", "--split", "train", "loss.class_weights=0.5,3");
    RUN("train", "--from", "run", "--quiet", "--out", "on");
    assert_int_equal(said.code, 0);
}

#define FROM "train", "train.steps=20", "train.picture=false", "--threads", "1", "--out"

/* A run begins with what fits of another cell's run, although that run's settings name what the new cell lacks. */
static void another_cell_begins_with_what_fits(void **state) {
    (void)state;
    RUN(FROM, "alif", "task=add", "network.units=5", "cell=alif", "cell.learn=beta", "--quiet");
    assert_int_equal(said.code, 0);
    RUN(FROM, "lif", "--from", "alif", "cell=lif", "optimiser=sgd");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.err, "are left out: optimiser.epsilon_hat, optimiser.epsilon, "
                                     "optimiser.beta2, optimiser.beta1, cell.beta, cell.tau_a, "
                                     "cell.learn\n"));
    assert_non_null(strstr(said.err, "layer0, readout; not taken: layer0.cell (not here)\n"));
    RUN(FROM, "lstm", "--from", "alif", "cell=lstm");
    assert_int_equal(said.code, 0);
    assert_non_null(
        strstr(said.err, "readout; not taken: layer0.weight (20 x 8 here, 5 x 8 there)"));
    /* Other data come in place of the task. */
    write_whole("new.csv", "a,b\n1,2\n2,3\n3,4\n4,5\n5,6\n6,7\n7,8\n8,9\n");
    RUN(FROM, "table", "--from", "alif", "data=table", "data.file=new.csv", "data.target=b",
        "data.inputs=a,b", "train.batch=1");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.err, "task.lag1, task.name\n"));
    assert_null(strstr(said.err, "agent.name")); /* there was none */
    RUN("train", "world=bandit", "network.units=4", "train.steps=20", "train.picture=false",
        "--quiet", "--out", "bandit");
    assert_int_equal(said.code, 0);
    RUN("train", "--from", "bandit", "task=add");
    assert_non_null(strstr(said.err, "agent.name"));
    /* What is typed must still fit, and what never had a meaning is not left out in silence. */
    REFUSED("command line: cell.beta is a setting of cell alif, not of lif", "train", "--from",
            "alif", "cell=lif", "cell.beta=1");
    FILE *file = fopen("alif/settings.yaml", "a");
    fputs("cell.tauu: 3\n", file);
    fclose(file);
    RUN("train", "--from", "alif", "cell=lif");
    assert_int_equal(said.code, 2);
    assert_non_null(strstr(said.err, "unknown setting cell.tauu"));
}

/* A summary counts the parameters that exist: no synapse of a spiking unit to itself, none that a delay leaves out. */
static void parameters_are_those_that_exist(void **state) {
    (void)state;
    RUN("train", "task=pattern", "task.steps=20", "task.inputs=5", "task.outputs=2",
        "network.units=4", "cell=alif", "cell.learn=tau_m,beta", "network.delay=1..3",
        "learner=eprop1", "train.sequences=1", "--threads", "1", "--quiet", "--out", "run");
    assert_int_equal(said.code, 0);
    assert_int_equal((int)printed("  parameters"), 4 * 3 + 4 * 5 + 2 * 4 + 2 * (4 + 1));
    /* A count has all its digits, and the best metric is told apart from the best loss. */
    FILE *file = fopen("run/summary.json", "w");
    fputs("{\"parameters\": 1234567, \"best_validation_metric\": 0.5, \"metric\": \"accuracy\"}",
          file);
    fclose(file);
    RUN("inspect", "run");
    assert_int_equal((int)printed("  parameters"), 1234567);
    assert_non_null(strstr(said.out, "best validation accuracy   0.5 (of all validations)\n"));
}

/* The matrix of eval adds up to the weight of all steps, and its diagonal to the accuracy. */
static void the_confusion_is_the_accuracy(void **state) {
    (void)state;
    RUN("train", "task=store-recall", "task.periods=4", "task.period=20", "task.group=2",
        "network.units=6", "learner=bptt", "cell=gru", "train.sequences=20",
        "train.metric=accuracy", "--threads", "1", "--quiet", "--out", "recall");
    assert_int_equal(said.code, 0);
    RUN("eval", "recall", "--split", "validation", "train.batch=20", "--classes", "--confusion",
        "c.csv");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "class       weight  accuracy  taken for"));
    const double accuracy = printed("validation accuracy");
    double m[2][2];
    read_whole("c.csv", said.out);
    assert_int_equal(
        sscanf(said.out, "class,0,1 0,%lf,%lf 1,%lf,%lf", &m[0][0], &m[0][1], &m[1][0], &m[1][1]),
        4);
    const double total = m[0][0] + m[0][1] + m[1][0] + m[1][1];
    assert_true(total > 20 && m[0][1] + m[1][0] > 0); /* some are wrong, or nothing is shown */
    assert_true(fabs((m[0][0] + m[1][1]) / total - accuracy) < 1e-5);
    train();
    REFUSED("the targets are values: there are no classes to tell apart", "eval", "run", "--split",
            "validation", "--classes");
    assert_string_equal(said.out, ""); /* before anything is computed */
    REFUSED("the targets are values: there are no classes to tell apart", "eval", "run", "--split",
            "validation", "--confusion", "none.csv");
    assert_true(*said.out == 0 && !is_there("none.csv"));
}

/* What it wrote, and nothing else, is said where the dream goes to a file. */
static void a_dream_in_a_file_is_told(void **state) {
    (void)state;
    RUN("train", "task=sines", "network.units=6", "readout.feedback=true", "learner=rls",
        "network.initial=learned", "train.steps=20", "train.validate_every=-1", "--threads", "1",
        "--quiet", "--out", "fed");
    assert_int_equal(said.code, 0);
    RUN("dream", "fed", "--steps", "7", "--out", "dream.csv");
    assert_int_equal(said.code, 0);
    assert_string_equal(said.out, "7 steps: dream.csv\n");
    char file[4096];
    read_whole("dream.csv", file);
    RUN("dream", "fed", "--steps", "7");
    assert_int_equal(said.code, 0);
    assert_string_equal(said.out, file);
}

static void test_refusals(void **state) {
    (void)state;
    train();
    REFUSED("where to? give --out FILE.npz or --out FILE.csv", "predict", "run");
    REFUSED("option --out is 'y.mat', but must end in .npz or .csv", "predict", "run", "--out",
            "y.mat");
    REFUSED("option --out is 'r.csv', but must end in .npz", "record", "run", "--out", "r.csv");
    REFUSED("there is no layer 3: the network has 1, from 0", "record", "run", "--layer", "3",
            "--out", "r.npz");
    REFUSED("option --synapses is '3', but must be at most 1000 of ROW:COLUMN with commas between, "
            "of the layer's weight matrix",
            "record", "run", "--synapses", "3", "--out", "r.npz");
    assert_false(is_there("r.npz"));
    RUN("predict", "run", "--split", "validation", "--out", "nowhere/y.npz");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "--out is 'nowhere/y.npz', but there is no folder nowhere"));
}

/* Of a store: each read weighs at most two of the last three rows, one of which is written every second step; the
 * weights add up to 1, and without them r, the sum of values that they weigh, is 0. */
static void recordings_show_where_reads_point(void **state) {
    (void)state;
    enum { STEPS = 15, HEADS = 2, MOST = 2, EVERY = 2, ROWS = 3 };
    RUN("train", "task=recall", "task.pairs=2", "task.shown=2", "task.delay=9", "network.units=5,4",
        "network.layers=units,store", "store.every=2", "store.rows=3", "store.top=2",
        "store.heads=2", "learner=bptt", "train.sequences=2", "--threads", "1", "--quiet", "--out",
        "s");
    assert_int_equal(said.code, 0);
    RUN("record", "s", "--layer", "1", "--trials", "2", "--out", "s.npz");
    assert_int_equal(said.code, 0);
    const array z = read_array("s.npz", "z"), reads = read_array("s.npz", "reads"),
                steps = read_array("s.npz", "read_steps");
    assert_int_equal(reads.about.shape[1], STEPS);
    assert_int_equal(reads.about.shape[2], HEADS * MOST);
    assert_int_equal(steps.about.count, reads.about.count);
    for (size_t i = 0; i < 2 * STEPS * HEADS; i++) {
        const size_t t = i / HEADS % STEPS, rows = t / EVERY < ROWS ? t / EVERY : ROWS;
        double sum = 0;
        for (size_t k = 0; k < MOST; k++) {
            const double weight = reads.x[i * MOST + k], wrote = steps.x[i * MOST + k];
            const bool is_row = k < rows;
            assert_true(is_row ? weight > 0 : weight == 0);
            assert_true(is_row ? fmod(wrote, EVERY) == EVERY - 1 && wrote < (double)t &&
                                     wrote >= (double)((t / EVERY - rows) * EVERY)
                               : wrote == -1);
            sum += weight;
        }
        assert_true(fabs(sum - (rows > 0)) < 1e-6);
        assert_true((z.x[i * 2] != 0) == (rows > 0));
    }
    free(z.x);
    free(reads.x);
    free(steps.x);
    /* A layer of units has none. */
    RUN("record", "s", "--out", "u.npz");
    hth_npz *npz;
    hth_npy about;
    hth_error error;
    assert_int_equal(hth_npz_open("u.npz", &npz, &error), HTH_OK);
    assert_int_not_equal(hth_npz_header(npz, "reads", &about, &error), HTH_OK);
    hth_npz_close(npz);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)
        TEST(predictions_are_what_eval_scores),  TEST(recordings_show_the_inside),
        TEST(recordings_show_where_reads_point), TEST(shorter_sequences_are_filled_up),
        TEST(new_data_need_no_targets),          TEST(a_table_is_forecast_to_its_end),
        TEST(class_weights_of_data_stay),        TEST(another_cell_begins_with_what_fits),
        TEST(parameters_are_those_that_exist),   TEST(the_confusion_is_the_accuracy),
        TEST(a_dream_in_a_file_is_told),         TEST(test_refusals),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
