/*
 * Connections and delays as arrays of the data, end to end: a run with them, and with Dale's signs, that is interrupted
 * after every tape ends with the same bits; signs hold and weights that are not there stay 0; another mask is refused
 * by a run that goes on, and none by one that begins; a run that only predicts needs none.
 */
#include "base/random.h"
#include "data/npz.h"
#include "network/inspect.h"
#include "runs.h"
#include "session/session.h"

enum { N = 6, STEPS = 8, INPUTS = 3, UNITS = 6, OUTPUTS = 2, MOST_DELAY = 3 };

/* What a file holds; 0 leaves an array out. */
typedef struct file_of {
    uint64_t mask, input_mask, delay, input_delay; /* seeds of the arrays */
    double corner;          /* in place of the first number of w_rec_mask and w_rec_delay */
    bool with_corner, wide; /* w_rec_mask has a column too many */
    bool weights;           /* w_rec of ones */
} file_of;

typedef struct wires_of {
    unsigned char mask[UNITS][UNITS + 1], input_mask[UNITS][INPUTS];
    double delay[UNITS][UNITS], input_delay[UNITS][INPUTS];
} wires_of;

static uint64_t below(uint64_t seed, size_t at, uint64_t bound) {
    const hth_random random = {seed, HTH_RANDOM_CHECK, 0};
    return hth_random_below(&random, at, bound);
}

static void draw_wires(const file_of *f, wires_of *w) {
    const size_t columns = UNITS + f->wide;
    unsigned char *mask = &w->mask[0][0]; /* as it lies in the file */
    for (size_t i = 0; i < UNITS * columns; i++) mask[i] = below(f->mask, i, 3) > 0;
    for (size_t j = 0; j < UNITS; j++) {
        for (size_t k = 0; k < UNITS; k++)
            w->delay[j][k] = 1 + (double)below(f->delay, j * UNITS + k, MOST_DELAY);
        for (size_t k = 0; k < INPUTS; k++) {
            w->input_mask[j][k] = below(f->input_mask, j * INPUTS + k, 3) > 0;
            w->input_delay[j][k] = (double)below(f->input_delay, j * INPUTS + k, MOST_DELAY);
        }
    }
    if (!f->with_corner) return;
    mask[0] = (unsigned char)f->corner;
    w->delay[0][0] = f->corner;
}

static void write_file(const file_of *f, const char *name) {
    static double x[N * STEPS * INPUTS], y[N * STEPS * OUTPUTS], w_rec[UNITS * UNITS];
    wires_of w;
    draw_wires(f, &w);
    for (size_t i = 0; i < HTH_COUNT(x); i++) x[i] = below(1, i, 3) == 0;
    for (size_t i = 0; i < HTH_COUNT(y); i++) y[i] = (double)below(2, i, 100) / 100;
    for (size_t i = 0; i < HTH_COUNT(w_rec); i++) w_rec[i] = i / UNITS != i % UNITS;
    const array arrays[] = {
        {"inputs", "<f8", "(6, 8, 3)", false, x, sizeof x},
        {"targets", "<f8", "(6, 8, 2)", false, y, sizeof y},
        {f->mask ? "w_rec_mask" : NULL, "|b1", f->wide ? "(6, 7)" : "(6, 6)", false, w.mask,
         UNITS * (UNITS + f->wide)},
        {f->input_mask ? "w_in_mask" : NULL, "|u1", "(6, 3)", false, w.input_mask,
         sizeof w.input_mask},
        {f->delay ? "w_rec_delay" : NULL, "<f8", "(6, 6)", false, w.delay, sizeof w.delay},
        {f->input_delay ? "w_in_delay" : NULL, "<f8", "(6, 3)", false, w.input_delay,
         sizeof w.input_delay},
        {f->weights ? "w_rec" : NULL, "<f8", "(6, 6)", false, w_rec, sizeof w_rec},
    };
    npz_write(scratch_path(name), arrays, HTH_COUNT(arrays));
}

static const file_of all = {.mask = 3, .input_mask = 4, .delay = 5, .input_delay = 6};

#define ARRAYS                                                                                     \
    "data=arrays network.units=6 network.connections=given train.batch=2 train.epochs=2 "          \
    "train.threads=1 train.report_every=24 "
#define LATE "network.delay=1..3 network.input_delay=0..2 "
#define DALE "network.excitatory=0.5 optimiser.lr=0.05 optimiser.weight_decay=0.01 "

static void with_file(const char *line, const char *file, char out[1024]) {
    snprintf(out, 1024, "%s data.file=%s", line, scratch_path(file));
}

static const char *const lines[] = {
    ARRAYS LATE DALE "cell=lif cell.v_th=0.3 learner=eprop1 learner.steps=2 optimiser=adam",
    ARRAYS LATE DALE "learner=rtrl learner.steps=1 readout.kappa=0.5 optimiser=momentum",
    ARRAYS LATE DALE "cell=gru learner=f-bptt learner.window=5 learner.steps=2 optimiser=sgd",
};

/* At a run's end no weight has the wrong sign, nor is other than 0 where there is no connection or in the column of
 * another delay. */
static void assert_kept(const char *run, const file_of *f) {
    wires_of w;
    hth_config *config;
    hth_session session;
    hth_error error;
    size_t there = 0, missing = 0, blocks;
    draw_wires(f, &w);
    if (hth_run_open(scratch_path(run), "train", NULL, NULL, &config, &session, &error) != HTH_OK)
        fail_msg("%s", error.message);
    hth_network *net = session.parts.network;
    const hth_layer_facts layer = hth_layer_look(net, 0);
    const hth_real *weight = hth_network_parameters(net); /* the first block is the layer's */
    assert_string_equal(hth_network_blocks(net, &blocks)[0].name, "layer0.weight");
    for (size_t row = 0; row < layer.rows; row++, weight += layer.columns) {
        size_t others = 0;
        const unsigned char *mask = &w.mask[0][0] + row % UNITS * UNITS;
        for (size_t k = 0; k < UNITS + INPUTS; k++) {
            const hth_real value = weight[hth_layer_column(net, 0, row, k)];
            const bool self = k == row % UNITS && strcmp(layer.cell, "lif") == 0;
            const bool is = k < UNITS ? mask[k] && !self : w.input_mask[row % UNITS][k - UNITS];
            if (!is) assert_true(value == 0);
            if (k < UNITS && k < 3) assert_true(value >= 0);
            if (k < UNITS && k >= 3) assert_true(value <= 0);
            there += value != 0;
            missing += !is;
            others += value != 0;
        }
        /* The bias apart, nothing stands in other columns. */
        for (size_t k = 0; k + 1 < layer.columns; k++) others -= weight[k] != 0;
        assert_int_equal(others, 0);
    }
    assert_true(there > layer.rows * 2 && missing > layer.rows);
    hth_session_close(&session);
    hth_config_destroy(config);
}

static void interruptions_change_no_bit(void **state) {
    (void)state;
    write_file(&all, "all.npz");
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        char line[1024], name[32];
        with_file(lines[i], "all.npz", line);
        assert_interruptions_change_no_bit(line, i, 3);
        snprintf(name, sizeof name, "pieces%zu", i);
        assert_kept(name, &all);
    }
}

static size_t loss_differs(const char *file, const char *name) {
    char line[1024];
    with_file(ARRAYS LATE "learner=tbptt", file, line);
    train_whole(line, name);
    return summary_number(name, "train_loss") != summary_number("full", "train_loss");
}

/* Each array counts. */
static void each_array_counts(void **state) {
    (void)state;
    char line[1024];
    write_file(&all, "full.npz");
    with_file(ARRAYS LATE "learner=tbptt", "full.npz", line);
    train_whole(line, "full");
    for (size_t i = 0; i < 5; i++) {
        char name[32], run[32];
        file_of f = all;
        if (i == 1) f.mask = 13;
        if (i == 2) f.input_mask = 14;
        if (i == 3) f.delay = 15;
        if (i == 4) f.input_delay = 16;
        snprintf(name, sizeof name, "each%zu.npz", i);
        snprintf(run, sizeof run, "each%zu", i);
        write_file(&f, name);
        assert_int_equal(loss_differs(name, run), i > 0);
    }
}

static void refused(const char *line, const char *file, const char *run, bool resume,
                    const char *part) {
    char whole[1024];
    hth_ending ending;
    hth_error error = {0};
    with_file(line, file, whole);
    assert_true(train_line(whole, run, resume, NULL, &ending, &error) != HTH_OK);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in: %s", part, error.message);
}

/* A run that goes on has the connections that it began with. */
static void another_mask_is_refused(void **state) {
    (void)state;
    const file_of other = {.mask = 13, .input_mask = 4, .delay = 5, .input_delay = 6};
    const file_of later = {.mask = 3, .input_mask = 4, .delay = 15, .input_delay = 6};
    const file_of none = {0};
    char line[1024];
    hth_ending ending;
    hth_error error;
    hth_score score, other_score;
    write_file(&all, "mask.npz");
    with_file(ARRAYS LATE "learner=tbptt", "mask.npz", line);
    train_whole(line, "mask");
    write_file(&other, "mask.npz");
    refused(ARRAYS LATE "learner=tbptt train.epochs=3", "mask.npz", "mask", true,
            "other connections or delays");
    write_file(&later, "mask.npz");
    refused(ARRAYS LATE "learner=tbptt train.epochs=3", "mask.npz", "mask", true,
            "other connections or delays");
    write_file(&none, "mask.npz");
    refused(ARRAYS LATE "learner=tbptt train.epochs=3", "mask.npz", "mask", true,
            "neither w_rec_mask nor w_in_mask");
    /* To look at the run, its weights are enough. */
    assert_int_equal(hth_evaluate(scratch_path("mask"), "train", NULL, NULL, &score, &error),
                     HTH_OK);
    write_file(&all, "mask.npz");
    assert_int_equal(hth_evaluate(scratch_path("mask"), "train", NULL, NULL, &other_score, &error),
                     HTH_OK);
    assert_true(score.loss == other_score.loss && score.loss > 0);
    with_file(ARRAYS LATE "learner=tbptt train.epochs=3", "mask.npz", line);
    assert_int_equal(train_line(line, "mask", true, NULL, &ending, &error), HTH_OK);
}

static void wrong_arrays_are_refused(void **state) {
    (void)state;
    static const struct {
        file_of f;
        const char *line, *part;
    } wrong[] = {
        {{0}, ARRAYS "", "neither w_rec_mask nor w_in_mask"},
        {{.mask = 3}, "data=arrays network.units=6", "set network.connections to given"},
        {{.mask = 3, .wide = true}, ARRAYS "", "w_rec_mask is 6 x 7, but this network takes 6 x 6"},
        {{.mask = 3, .with_corner = true, .corner = 2}, ARRAYS "", "w_rec_mask"},
        {{.delay = 3}, "data=arrays network.units=6", "set network.delay to 1..8, say"},
        {{.delay = 3, .with_corner = true, .corner = 4},
         "data=arrays network.units=6 " LATE,
         "w_rec_delay is 4 in row 0, column 0, but must be a whole number from 1 to 3, the most "
         "steps of network.delay"},
        {{.delay = 3, .with_corner = true, .corner = 1.5},
         "data=arrays network.units=6 " LATE,
         "w_rec_delay is 1.5 in row 0"},
        {{.delay = 3, .with_corner = true, .corner = 0},
         "data=arrays network.units=6 " LATE,
         "w_rec_delay is 0 in row 0"},
        {{.mask = 3, .weights = true}, ARRAYS "", "has no connection"},
        {{.mask = 3}, ARRAYS "network.direction=both", "take another"},
        {{.delay = 3},
         "data=arrays network.units=6 network.direction=both " LATE,
         "each direction"},
    };
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) {
        write_file(&wrong[i].f, "wrong.npz");
        refused(wrong[i].line, "wrong.npz", "wrong", false, wrong[i].part);
    }
    refused("task=add network.connections=given", "wrong.npz", "wrong", false, "");
    refused(ARRAYS "network.units=6,4", "wrong.npz", "wrong", false, "given, all");
}

/* Parameters of a run with all connections: those that are not here become 0. */
static void connections_of_another_run(void **state) {
    (void)state;
    const file_of none = {0}, mask = {.mask = 3, .input_mask = 4};
    char line[1024], more[512];
    write_file(&none, "none.npz");
    with_file("data=arrays network.units=6 train.epochs=1", "none.npz", line);
    train_whole(line, "everything");
    write_file(&mask, "some.npz");
    snprintf(more, sizeof more, ARRAYS "network.excitatory=0.5 train.from=%s",
             scratch_path("everything"));
    with_file(more, "some.npz", line);
    train_whole(line, "some");
    assert_kept("some", &mask);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interruptions_change_no_bit), cmocka_unit_test(each_array_counts),
        cmocka_unit_test(another_mask_is_refused),     cmocka_unit_test(wrong_arrays_are_refused),
        cmocka_unit_test(connections_of_another_run),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
