/* Weights to and from torch: a round trip changes no bit, torch's own equations on the exported arrays give the
 * network's outputs, files as people have them are read, and what torch does not have is refused. */
#include "runs.h"
#include "session/torch.h"

#include <math.h>

#define ADD "task=add loss=softmax optimiser.lr=0.05 train.validate_every=-1 "
#define FIRST "checkpoint.previous.safetensors" /* of a run that saves at its beginning and end */

enum { N = 5, IN = 2, OUT = 2, STEPS = 7 };

/* ---- Files -------------------------------------------------------------------------------- */

/* The numbers of a tensor of scratch/file; free them. NULL: there is none. */
static hth_real *numbers(const char *file, const char *name, size_t *count) {
    hth_safetensors *opened;
    hth_field field = {.dtype = HTH_DTYPE_REAL};
    assert_int_equal(hth_safetensors_open(scratch_path(file), &opened, NULL), HTH_OK);
    const hth_tensor *tensors = hth_safetensors_list(opened, count);
    for (size_t i = 0; i < *count; i++)
        if (strcmp(tensors[i].name, name) == 0) field.count = (size_t)tensors[i].count;
    snprintf(field.name, sizeof field.name, "%s", name);
    *count = field.count;
    if (field.count) {
        field.data = calloc(field.count, sizeof(hth_real));
        assert_int_equal(hth_safetensors_restore(opened, &field, 1, HTH_RESTORE_CONVERT, NULL),
                         HTH_OK);
    }
    hth_safetensors_close(opened);
    return field.data;
}

static bool same(const char *file_a, const char *file_b, const char *name) {
    size_t count_a, count_b;
    hth_real *a = numbers(file_a, name, &count_a), *b = numbers(file_b, name, &count_b);
    assert_true(count_a > 0);
    const bool equal = count_a == count_b && memcmp(a, b, count_a * sizeof *a) == 0;
    free(a);
    free(b);
    return equal;
}

static void export_run(const char *run, const char *file) {
    char told[HTH_TORCH_TOLD];
    hth_error error;
    if (hth_torch_export(scratch_path(run), NULL, scratch_path(file), told, &error) != HTH_OK)
        fail_msg("%s", error.message);
    assert_non_null(strstr(told, "rnn = torch.nn."));
}

/* A run of a line that begins with a file; what it says. */
static heard begin(const char *line, const char *file, const char *run, hth_status wanted,
                   hth_error *error) {
    char whole[1024];
    heard h;
    hth_ending ending;
    hth_observer observer = listen(&h);
    snprintf(whole, sizeof whole, "%s train.steps=2 train.seed=9 train.from=%s", line,
             scratch_path(file));
    *error = (hth_error){0};
    const hth_status status = train_line(whole, run, false, &observer, &ending, error);
    if (status != wanted) fail_msg("%s: status %d, %s", whole, (int)status, error->message);
    return h;
}

/* ---- Round trips -------------------------------------------------------------------------- */

static void a_round_trip_changes_no_bit(void **state) {
    (void)state;
    static const struct {
        const char *line, *blocks[4];
    } cases[] = {
        {ADD "cell=lstm network.units=5", {"layer0.weight", "readout.weight", "readout.bias"}},
        {ADD "cell=gru network.units=5", {"layer0.weight", "readout.weight", "readout.bias"}},
        {ADD "cell=rate cell.phi=relu network.units=5", {"layer0.weight", "readout.bias"}},
        {ADD "cell=lstm network.units=4,4", {"layer0.weight", "layer1.weight", "readout.weight"}},
        {ADD "cell=gru network.units=4 readout.bias=false", {"layer0.weight", "readout.weight"}},
        {"task=pattern task.steps=20 cell=gru network.units=4 network.direction=both learner=bptt "
         "train.validate_every=-1",
         {"layer0.weight", "layer0.backward.weight", "readout.weight", "readout.bias"}},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[1024], run[20], file[40], again[20], newest[60], begun[60];
        hth_error error;
        snprintf(run, sizeof run, "r%zu", i);
        snprintf(again, sizeof again, "again%zu", i);
        snprintf(file, sizeof file, "r%zu.safetensors", i);
        snprintf(newest, sizeof newest, "%s/checkpoint.safetensors", run);
        snprintf(begun, sizeof begun, "%s/" FIRST, again);
        snprintf(line, sizeof line, "%s train.steps=60", cases[i].line);
        train_whole(line, run);
        export_run(run, file);
        begin(cases[i].line, file, again, HTH_OK, &error);
        for (size_t k = 0; k < 4 && cases[i].blocks[k]; k++) {
            assert_true(same(newest, begun, cases[i].blocks[k]));
            snprintf(line, sizeof line, "%s/" FIRST, run);
            assert_false(same(line, begun, cases[i].blocks[k])); /* the control: it has learned */
        }
    }
}

/* ---- Torch's equations -------------------------------------------------------------------- */

typedef struct module {
    hth_real *ih, *hh, *b_ih, *b_hh, *readout, *bias;
} module;

static module read_module(const char *file) {
    size_t count;
    return (module){
        numbers(file, "rnn.weight_ih_l0", &count), numbers(file, "rnn.weight_hh_l0", &count),
        numbers(file, "rnn.bias_ih_l0", &count),   numbers(file, "rnn.bias_hh_l0", &count),
        numbers(file, "readout.weight", &count),   numbers(file, "readout.bias", &count)};
}

static void free_module(module m) {
    free(m.ih);
    free(m.hh);
    free(m.b_ih);
    free(m.b_hh);
    free(m.readout);
    free(m.bias);
}

static double of_inputs(const module *m, size_t row, const hth_real *x) {
    double sum = m->b_ih[row];
    for (size_t i = 0; i < IN; i++) sum += (double)(m->ih[row * IN + i] * x[i]);
    return sum;
}

static double of_units(const module *m, size_t row, const double *h) {
    double sum = m->b_hh[row];
    for (size_t i = 0; i < N; i++) sum += (double)m->hh[row * N + i] * h[i];
    return sum;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* A step of torch.nn.LSTM, rows i, f, g, o, or torch.nn.GRU, rows r, z, n, as their pages have them. */
static void step(const module *m, bool lstm, const hth_real *x, double h[N], double c[N]) {
    double before[N];
    memcpy(before, h, sizeof before);
    for (size_t j = 0; j < N; j++) {
        double in[4], un[4];
        for (size_t g = 0; g < (lstm ? 4 : 3); g++) {
            in[g] = of_inputs(m, g * N + j, x);
            un[g] = of_units(m, g * N + j, before);
        }
        if (lstm) {
            c[j] = sigmoid(in[1] + un[1]) * c[j] + sigmoid(in[0] + un[0]) * tanh(in[2] + un[2]);
            h[j] = sigmoid(in[3] + un[3]) * tanh(c[j]);
        } else {
            const double z = sigmoid(in[1] + un[1]);
            h[j] = (1 - z) * tanh(in[2] + sigmoid(in[0] + un[0]) * un[2]) + z * before[j];
        }
    }
}

/* The largest difference between the outputs of a run's network and those of torch's equations. */
static double distance(const char *run, const module *m, bool lstm) {
    hth_session session;
    hth_config *config;
    hth_error error;
    hth_real x[IN], y[OUT];
    double h[N] = {0}, c[N] = {0}, largest = 0;
    if (hth_run_open(scratch_path(run), "train", NULL, NULL, &config, &session, &error) != HTH_OK)
        fail_msg("%s", error.message);
    hth_tape *tape = session.parts.tape;
    hth_tape_reset(tape);
    for (size_t t = 0; t < STEPS; t++) {
        for (size_t i = 0; i < IN; i++) x[i] = (hth_real)sin((double)(3 * t + 5 * i + 1));
        const hth_inputs inputs = {.steps = 1, .batch = 1, .x = x};
        hth_tape_begin(tape);
        assert_int_equal(hth_tape_write(tape, &inputs, &error), HTH_OK);
        assert_int_equal(hth_tape_read(tape, 0, 1, y, &error), HTH_OK);
        step(m, lstm, x, h, c);
        for (size_t k = 0; k < OUT; k++) {
            double sum = m->bias[k];
            for (size_t j = 0; j < N; j++) sum += (double)m->readout[k * N + j] * h[j];
            largest = fmax(largest, fabs(sum - (double)y[k]));
        }
    }
    hth_session_close(&session);
    hth_config_destroy(config);
    return largest;
}

static void torchs_equations_give_the_outputs(void **state) {
    (void)state;
    static const char *const cells[] = {"lstm", "gru"};
    const double near = sizeof(hth_real) == 8 ? 1e-12 : 2e-6;
    for (int i = 0; i < 2; i++) {
        char line[300], file[40];
        snprintf(line, sizeof line, ADD "cell=%s network.units=5 train.steps=200", cells[i]);
        snprintf(file, sizeof file, "%s.safetensors", cells[i]);
        train_whole(line, cells[i]);
        export_run(cells[i], file);
        module m = read_module(file);
        assert_true(distance(cells[i], &m, i == 0) < near);
        /* The control: two gates exchanged, as our own order has them. */
        for (size_t k = 0; k < N * N; k++) {
            const hth_real kept = m.hh[N * N + k];
            m.hh[N * N + k] = m.hh[2 * N * N + k];
            m.hh[2 * N * N + k] = kept;
        }
        assert_true(distance(cells[i], &m, i == 0) > 1e-3);
        free_module(m);
    }
}

/* ---- Files of others ---------------------------------------------------------------------- */

/* A file with the tensors of a module of `rows` row blocks and of a Linear, under these names; numbers 1, 2, 3, ... */
static void write_module(const char *file, size_t rows, const char *prefix, const char *linear,
                         bool biases, const char *more) {
    static hth_real data[8][64];
    const struct {
        const char *name;
        size_t rows, columns;
    } parts[] = {{"weight_ih_l0", rows * 3, IN},
                 {"weight_hh_l0", rows * 3, 3},
                 {"bias_ih_l0", rows * 3, 0},
                 {"bias_hh_l0", rows * 3, 0},
                 {"weight", OUT, 3},
                 {"bias", OUT, 0}};
    hth_field fields[8];
    size_t count = 0;
    for (size_t i = 0; i < HTH_COUNT(parts); i++) {
        if (!biases && parts[i].columns == 0) continue;
        hth_field *f = &fields[count];
        *f = (hth_field){.dtype = HTH_DTYPE_REAL,
                         .count = parts[i].rows * (parts[i].columns ? parts[i].columns : 1),
                         .data = data[count],
                         .shape = {parts[i].rows, parts[i].columns}};
        snprintf(f->name, sizeof f->name, "%s%s", i < 4 ? prefix : linear, parts[i].name);
        for (size_t k = 0; k < f->count; k++) data[count][k] = (hth_real)(k + 1) / 64;
        count++;
    }
    if (more) {
        fields[count] = fields[0];
        snprintf(fields[count].name, sizeof fields[count].name, "%s", more);
        count++;
    }
    assert_int_equal(hth_safetensors_write(scratch_path(file), fields, count, NULL, 0, NULL),
                     HTH_OK);
}

static double at(const char *run, const char *name, size_t index) {
    char path[60];
    size_t count;
    snprintf(path, sizeof path, "%s/" FIRST, run);
    hth_real *all = numbers(path, name, &count);
    assert_true(index < count);
    const double value = (double)all[index] * 64;
    free(all);
    return value;
}

#define LSTM ADD "cell=lstm network.units=3 "

static void files_of_others_are_read(void **state) {
    (void)state;
    hth_error error;
    heard h;
    /* Another name of the module and of the Linear; two biases are added up. */
    write_module("a.safetensors", 4, "encoder.lstm.", "fc.", true, NULL);
    h = begin(LSTM, "a.safetensors", "a", HTH_OK, &error);
    assert_non_null(strstr(h.all, "torch.nn.LSTM, fc\n"));
    enum { M = 3 + IN + 1 };
    assert_true(at("a", "layer0.weight", (3 * 3 + 1) * M + 5) ==
                2 * (2 * 3 + 1 + 1)); /* g of ours */
    assert_true(at("a", "layer0.weight", (2 * 3 + 1) * M + 5) == 2 * (3 * 3 + 1 + 1)); /* o */
    assert_true(at("a", "readout.bias", 1) == 2);
    /* A module alone, without biases: the readout stays as it was drawn. */
    write_module("b.safetensors", 4, "", "fc.other_", false, NULL);
    h = begin(LSTM, "b.safetensors", "b", HTH_OK, &error);
    assert_non_null(strstr(h.all, "not taken: readout.weight (no matrix of 2 x 3)\n"));
    assert_true(at("b", "layer0.weight", M - 1) == 0);
    /* The two biases of a GRU's candidate stay apart. */
    write_module("c.safetensors", 3, "rnn.", "readout.", true, NULL);
    begin(ADD "cell=gru network.units=3 ", "c.safetensors", "c", HTH_OK, &error);
    assert_true(at("c", "layer0.weight", (2 * 3 + 1) * M + 5) == 8);
    assert_true(at("c", "layer0.weight", (3 * 3 + 1) * M + 5) == 8);
    assert_true(at("c", "layer0.weight", 1 * M + 5) == 4);
}

static void refuse(const char *line, const char *file, hth_status status, const char *why) {
    hth_error error;
    begin(line, file, "refused", status, &error);
    if (!strstr(error.message, why)) fail_msg("'%s' has no '%s'", error.message, why);
    assert_int_equal(scratch_remove_tree(scratch_path("refused")), 0);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    write_module("l.safetensors", 4, "rnn.", "readout.", true, NULL);
    refuse(ADD "cell=gru network.units=3 ", "l.safetensors", HTH_MISMATCH,
           "has a torch.nn.LSTM of 3 units, but this network has 3 units of gru");
    refuse(ADD "cell=lstm network.units=4 ", "l.safetensors", HTH_MISMATCH, "4 units of lstm");
    refuse(ADD "cell=lstm network.units=3,3 ", "l.safetensors", HTH_MISMATCH,
           "there is no rnn.weight_ih_l1 of 12 x 3");
    refuse("task=pattern cell=lstm network.units=3 ", "l.safetensors", HTH_MISMATCH,
           "the module reads 2 inputs, but the network's first layer 20");
    refuse(LSTM "cell.output=linear ", "l.safetensors", HTH_INVALID, "cell.output is linear");
    refuse(LSTM "network.self_connections=false ", "l.safetensors", HTH_MISMATCH,
           "weights that this network does not");
    refuse(ADD "cell=lif network.units=3 ", "l.safetensors", HTH_INVALID, "the cell is lif");
    write_module("p.safetensors", 4, "rnn.", "readout.", true, "rnn.weight_hr_l0");
    refuse(LSTM, "p.safetensors", HTH_MISMATCH, "proj_size");
    write_module("t.safetensors", 4, "rnn.", "readout.", true, "decoder.weight_ih_l0");
    refuse(LSTM, "t.safetensors", HTH_MISMATCH, "two recurrent modules, 'rnn.' and 'decoder.'");
    write_module("m.safetensors", 4, "rnn.", "readout.", true, "rnn.weight_ih_l1");
    refuse(LSTM, "m.safetensors", HTH_MISMATCH, "more than the network's 1 layer");
    write_module("v.safetensors", 4, "rnn.", "readout.", true, "rnn.weight_ih_l0_reverse");
    refuse(LSTM, "v.safetensors", HTH_MISMATCH, "network.direction is forward");
}

static void what_torch_does_not_have_is_refused(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"cell=lstm cell.output=linear", "cell.output is linear"},
        {"cell=rate cell.alpha=0.5", "cell.alpha is 0.5"},
        {"cell=rate cell.alpha=0.5 cell.learn=alpha", "cell.alpha is 0.5"},
        {"cell=rate cell.phi=sigmoid", "cell.phi is sigmoid"},
        {"network.cells=gru,lstm network.units=4,4", "layer 1 has 4 units of lstm"},
        {"cell=gru network.units=4,3", "the same cell and size"},
        {"cell=gru network.units=4,4 network.reads=below,below+input", "network.reads is"},
        {"cell=gru readout.reads=top+input", "readout.reads is top+input"},
        {"cell=gru readout.kappa=0.5", "the readout leaks (readout.kappa)"},
        {"cell=gru readout.tau_out=3", "the readout leaks (readout.tau_out)"},
        {"cell=gru network.delay=1..3", "connections of layer 0 have delays"},
        {"cell=gru network.initial=learned", "network.initial is learned"},
        {"cell=alif", "the cell is alif"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        char line[400], run[20], told[HTH_TORCH_TOLD];
        hth_error error;
        snprintf(line, sizeof line, "task=add loss=softmax learner=tbptt train.steps=1 %s %s",
                 strstr(cases[i][0], "network.units") ? "" : "network.units=3", cases[i][0]);
        snprintf(run, sizeof run, "no%zu", i);
        train_whole(line, run);
        assert_int_equal(
            hth_torch_export(scratch_path(run), NULL, scratch_path("no.safetensors"), told, &error),
            HTH_INVALID);
        if (!strstr(error.message, cases[i][1]))
            fail_msg("'%s' has no '%s'", error.message, cases[i][1]);
        assert_int_equal(access(scratch_path("no.safetensors"), F_OK), -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_trip_changes_no_bit),
        cmocka_unit_test(torchs_equations_give_the_outputs),
        cmocka_unit_test(files_of_others_are_read),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(what_torch_does_not_have_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
