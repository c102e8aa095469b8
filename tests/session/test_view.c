/* Views of a stream: the order of inputs, rotation, classes, cues and heads; and that a view goes on where it was. */
#include "data/npz.h"
#include "runs.h"
#include "session/source.h"

#include <math.h>

/* Six images of 4 x 4, of the classes 2, 0, 1, 2, 0, 3; every number tells its place: 100 n + p. */
enum { COUNT = 6, SIDE = 4, PIXELS = SIDE * SIDE };
static const int64_t labels[COUNT] = {2, 0, 1, 2, 0, 3};

#define IMAGES "data=arrays data.shuffle=false data.file="

static int set_up(void **state) {
    static float inputs[COUNT][PIXELS];
    static int64_t targets[COUNT][SIDE];
    if (scratch_make(state)) return -1;
    for (int n = 0; n < COUNT; n++) {
        for (int p = 0; p < PIXELS; p++) inputs[n][p] = (float)(100 * n + p);
        for (int t = 0; t < SIDE; t++) targets[n][t] = labels[n];
    }
    const array arrays[] = {{"inputs", "<f4", "(6, 4, 4)", false, inputs, sizeof inputs},
                            {"targets", "<i8", "(6, 4)", false, targets, sizeof targets}};
    npz_write(scratch_path("images.npz"), arrays, 2);
    return write_corpus();
}

/* ---- Opening and reading ------------------------------------------------------------------ */

typedef struct seen {
    hth_config *config;
    hth_source source;
} seen;

static hth_status look(const char *words, size_t batch, seen *out, hth_error *error) {
    char line[600];
    snprintf(line, sizeof line, IMAGES "%s %s", scratch_path("images.npz"), words);
    out->config = configure(line);
    const hth_settings settings = hth_config_settings(out->config);
    const hth_status status = hth_source_open(&settings, HTH_TRAIN, batch, 1, &out->source, error);
    if (status != HTH_OK) hth_config_destroy(out->config);
    return status;
}

static seen open_view(const char *words, size_t batch) {
    seen s;
    hth_error error;
    if (look(words, batch, &s, &error) != HTH_OK) fail_msg("%s: %s", words, error.message);
    return s;
}

static void close_view(seen *s) {
    hth_source_close(&s->source);
    hth_config_destroy(s->config);
}

static hth_chunk next(const seen *s, size_t most, hth_position_flags *flags) {
    hth_chunk chunk;
    hth_error error;
    if (s->source.kind->next(s->source.state, most, &chunk, flags, &error) != HTH_OK)
        fail_msg("%s", error.message);
    return chunk;
}

/* The numbers of `count` images, read in pieces of `most` steps; batch 1. */
static void read_images(const seen *s, size_t most, size_t count, double *out) {
    hth_position_flags flags;
    for (size_t used = 0; used < count * PIXELS;) {
        const hth_chunk chunk = next(s, most, &flags);
        for (size_t i = 0; i < chunk.steps * SIDE; i++) out[used++] = (double)chunk.x[i];
    }
}

static void images_of(const char *words, size_t most, double out[2 * PIXELS]) {
    seen s = open_view(words, 1);
    read_images(&s, most, 2, out);
    close_view(&s);
}

/* ---- Whole sequences ---------------------------------------------------------------------- */

static void test_permute_is_one_order_for_all(void **state) {
    (void)state;
    double plain[2 * PIXELS], none[2 * PIXELS], one[2 * PIXELS], other[2 * PIXELS];
    bool there[PIXELS] = {false};
    images_of("", 4, plain);
    images_of("view.permute=0", 4, none);
    images_of("view.permute=1", 4, one);
    images_of("view.permute=2", 4, other);
    assert_memory_equal(plain, none, sizeof plain);
    assert_memory_not_equal(one, other, sizeof one);
    assert_memory_not_equal(one, plain, sizeof one);
    for (size_t p = 0; p < PIXELS; p++) {
        there[(size_t)one[p]] = true;
        assert_true(one[PIXELS + p] == one[p] + 100); /* the next image, in the same order */
    }
    for (size_t p = 0; p < PIXELS; p++) assert_true(there[p]);
}

static void test_rotation_turns_to_the_right(void **state) {
    (void)state;
    double plain[2 * PIXELS], turned[2 * PIXELS], back[2 * PIXELS], half[2 * PIXELS];
    images_of("", 4, plain);
    images_of("view.rotate=90", 4, turned);
    images_of("view.rotate=-90", 4, back);
    images_of("view.rotate=180", 4, half);
    for (size_t r = 0; r < SIDE; r++)
        for (size_t c = 0; c < SIDE; c++) {
            const double at = plain[r * SIDE + c];
            assert_true(fabs(turned[c * SIDE + SIDE - 1 - r] - at) < 1e-5);
            assert_true(fabs(back[(SIDE - 1 - c) * SIDE + r] - at) < 1e-5);
            assert_true(fabs(half[PIXELS - 1 - r * SIDE - c] - at) < 1e-5);
        }
}

/* In pieces of any size the same, and after a return to a position in the middle of a sequence. */
static void test_goes_on_in_the_middle(void **state) {
    (void)state;
    double whole[2 * PIXELS], pieces[2 * PIXELS], again[2 * PIXELS];
    hth_position_flags flags;
    void *noted;
    images_of("view.permute=3 view.rotate=30", 4, whole);
    images_of("view.permute=3 view.rotate=30", 3, pieces);
    assert_memory_equal(whole, pieces, sizeof whole);
    seen s = open_view("view.permute=3 view.rotate=30", 1);
    next(&s, 3, &flags);
    assert_true(flags.starts && !flags.ends);
    assert_int_equal(hth_source_note(&s.source, &noted, NULL), HTH_OK);
    read_images(&s, 1, 1, pieces); /* ends in the middle of the second */
    assert_int_equal(hth_source_return(&s.source, noted, NULL), HTH_OK);
    read_images(&s, 2, 1, again);
    assert_memory_equal(pieces, again, PIXELS * sizeof *pieces);
    assert_memory_equal(pieces, whole + 3 * SIDE, PIXELS * sizeof *pieces);
    assert_int_equal(hth_source_rewind(&s.source, NULL), HTH_OK);
    read_images(&s, 4, 2, again);
    assert_memory_equal(whole, again, sizeof whole);
    free(noted);
    close_view(&s);
}

/* ---- Classes, cues and heads -------------------------------------------------------------- */

/* The classes of an epoch, batch 1. */
static size_t classes_of(const char *words, int32_t out[COUNT], size_t *outputs) {
    seen s = open_view(words, 1);
    hth_position_flags flags = {false};
    size_t count = 0;
    for (; !flags.epoch_end; count++) out[count] = next(&s, SIDE, &flags).classes[0];
    *outputs = s.source.shape.outputs;
    close_view(&s);
    return count;
}

static void test_classes_are_chosen_and_numbered(void **state) {
    (void)state;
    static const struct {
        const char *words;
        size_t count, outputs;
        int32_t classes[COUNT];
    } cases[] = {
        {"", 6, 4, {2, 0, 1, 2, 0, 3}},
        {"view.classes=2,0", 4, 4, {2, 0, 2, 0}},
        {"view.classes=2,0 view.relabel=true", 4, 2, {0, 1, 0, 1}},
        {"view.classes=2,0 view.relabel=true view.count=3", 3, 2, {0, 1, 0}},
        {"view.modulo=2", 6, 2, {0, 0, 1, 0, 0, 1}},
        {"loss.heads=3 view.head=2", 6, 12, {10, 8, 9, 10, 8, 11}},
        {"loss.heads=2 view.head=1 view.classes=2,0 view.relabel=true", 4, 4, {2, 3, 2, 3}},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        int32_t classes[COUNT];
        size_t outputs;
        assert_int_equal(classes_of(cases[i].words, classes, &outputs), cases[i].count);
        assert_int_equal(outputs, cases[i].outputs);
        for (size_t k = 0; k < cases[i].count; k++)
            assert_int_equal(classes[k], cases[i].classes[k]);
    }
}

/* Of tokens the classes alone change, in chunks of any size. */
static void test_tokens_stay(void **state) {
    (void)state;
    char line[400];
    hth_source plain, viewed;
    hth_chunk a, b;
    hth_position_flags flags;
    snprintf(line, sizeof line, "data=text data.dir=%s", scratch_path("corpus"));
    hth_config *config = configure(line);
    hth_settings settings = hth_config_settings(config);
    assert_int_equal(hth_source_open(&settings, HTH_TRAIN, 2, 1, &plain, NULL), HTH_OK);
    assert_int_equal(hth_config_override(config, "view.modulo=3", NULL), HTH_OK);
    settings = hth_config_settings(config);
    assert_int_equal(hth_source_open(&settings, HTH_TRAIN, 2, 1, &viewed, NULL), HTH_OK);
    assert_int_equal(viewed.shape.outputs, 3);
    for (size_t steps = 1; steps < 9; steps += 3) {
        assert_int_equal(plain.kind->next(plain.state, steps, &a, &flags, NULL), HTH_OK);
        assert_int_equal(viewed.kind->next(viewed.state, steps, &b, &flags, NULL), HTH_OK);
        assert_int_equal(a.steps, b.steps);
        for (size_t i = 0; i < a.steps * 2; i++) {
            assert_int_equal(a.tokens[i], b.tokens[i]);
            assert_int_equal(a.classes[i] % 3, b.classes[i]);
        }
    }
    hth_source_close(&plain);
    hth_source_close(&viewed);
    hth_config_destroy(config);
}

static void test_a_cue_stands_at_each_step(void **state) {
    (void)state;
    static const char *const lines[] = {"view.cues=3 view.cue=1",
                                        "view.cues=3 view.cue=1 view.rotate=360"};
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        seen s = open_view(lines[i], 2);
        hth_position_flags flags;
        assert_int_equal(s.source.shape.inputs, SIDE + 3);
        const hth_chunk chunk = next(&s, SIDE, &flags);
        for (size_t t = 0; t < SIDE; t++)
            for (size_t b = 0; b < 2; b++) {
                const hth_real *x = chunk.x + (t * 2 + b) * (SIDE + 3);
                for (size_t k = 0; k < SIDE; k++)
                    assert_true(fabs((double)x[k] - (double)(100 * b + t * SIDE + k)) < 1e-3);
                assert_true(x[SIDE] == 0 && x[SIDE + 1] == 1 && x[SIDE + 2] == 0);
            }
        close_view(&s);
    }
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"view.cues=2 view.cue=2", "view.cue is 2"},
        {"loss.heads=2 view.head=2", "view.head is 2"},
        {"view.relabel=true", "no view.classes"},
        {"view.classes=two", "must be a list"},
        {"view.classes=9", "there are 0 sequences"},
        {"view.cue=1", "view.cue is 1, but view.cues is 0"},
        {"view.head=1", "view.head is 1, but loss.heads is 1"},
    };
    hth_error error;
    seen s;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        if (look(cases[i][0], 1, &s, &error) == HTH_OK) fail_msg("%s", cases[i][0]);
        if (!strstr(error.message, cases[i][1])) fail_msg("%s: %s", cases[i][0], error.message);
    }
    /* Tasks without an end, without classes, and worlds. */
    static const char *const others[][2] = {
        {"task=add view.permute=1", "without an end"},
        {"task=adding view.modulo=2", "no classes"},
        {"task=copy-memory view.classes=1", "of one class each"},
        {"world=bandit view.permute=1", "answers the network"},
        {"task=arm view.permute=1", "move a body"},
    };
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        hth_config *config = configure(others[i][0]);
        const hth_settings settings = hth_config_settings(config);
        if (hth_source_open(&settings, HTH_TRAIN, 1, 1, &s.source, &error) == HTH_OK)
            fail_msg("%s", others[i][0]);
        if (!strstr(error.message, others[i][1])) fail_msg("%s: %s", others[i][0], error.message);
        hth_config_destroy(config);
    }
}

/* ---- The loss of a head ------------------------------------------------------------------- */

/* The gradient of the readout's rows after one tape. */
static void gradient_of_readout(const char *words, bool zero[8], double *loss, double *correct) {
    char line[700];
    hth_session session;
    hth_error error;
    hth_chunk chunk;
    hth_position_flags flags;
    hth_report report = {0};
    snprintf(line, sizeof line,
             IMAGES "%s network.units=5 init.w_in_scale=0.01 learner=bptt train.batch=2 %s",
             scratch_path("images.npz"), words);
    hth_config *config = configure(line);
    const hth_settings settings = hth_config_settings(config);
    if (hth_session_open(&settings, NULL, &session, &error) != HTH_OK)
        fail_msg("%s", error.message);
    const hth_source *source = &session.train;
    assert_int_equal(source->kind->next(source->state, SIDE, &chunk, &flags, NULL), HTH_OK);
    hth_tape_reset(session.parts.tape);
    assert_int_equal(hth_forward(session.parts.tape, &chunk, &report, NULL), HTH_OK);
    assert_int_equal(
        hth_learn(session.parts.learner, session.parts.tape, session.parts.gradient, NULL), HTH_OK);
    size_t count;
    const hth_block *blocks = hth_network_blocks(session.parts.network, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(blocks[i].name, "readout.weight") != 0) continue;
        const hth_real *g = hth_gradient_values(session.parts.gradient) + blocks[i].offset;
        for (size_t k = 0; k < blocks[i].rows && k < 8; k++) {
            zero[k] = true;
            for (size_t j = 0; j < blocks[i].columns; j++)
                zero[k] = zero[k] && g[k * blocks[i].columns + j] == 0;
        }
    }
    *loss = report.loss;
    *correct = report.correct;
    hth_session_close(&session);
    hth_config_destroy(config);
}

static void test_other_heads_have_no_gradient(void **state) {
    (void)state;
    bool zero[8];
    double loss, correct;
    /* Two heads of four classes: the gradient of the other is exactly 0. */
    for (size_t head = 0; head < 2; head++) {
        gradient_of_readout(head ? "loss.heads=2 view.head=1" : "loss.heads=2 view.head=0", zero,
                            &loss, &correct);
        for (size_t k = 0; k < 8; k++) assert_int_equal(zero[k], k / 4 != head);
    }
    /* An untrained head of four says about 1/4 each. */
    assert_true(fabs(loss / 8 - log(4)) < 0.7);
    /* Control: one head has all rows. */
    gradient_of_readout("", zero, &loss, &correct);
    for (size_t k = 0; k < 4; k++) assert_false(zero[k]);
}

/* A run whose second phase sees the same file in another order, with a head of its own; tapes cut its sequences. */
static void test_interruptions_change_no_bit(void **state) {
    (void)state;
    char line[900];
    snprintf(line, sizeof line,
             IMAGES "%s data.validate_file=%s network.units=4 learner=tbptt learner.steps=3 "
                    "train.batch=2 train.validation_batch=6 loss.heads=2 optimiser.name=momentum "
                    "phases.plain.train.epochs=1 phases.other.train.epochs=2 "
                    "phases.other.view.permute=1 phases.other.view.head=1",
             scratch_path("images.npz"), scratch_path("images.npz"));
    assert_interruptions_change_no_bit(line, 0, 10);
    /* One epoch and two, of three batches of four steps. */
    assert_true(summary_number("whole0", "steps") == 3 * 3 * SIDE);
    assert_true(summary_number("whole0", "epochs") == 3);
    /* The confusion matrix is of the head alone: of its four classes none is taken for one of the other head's. */
    hth_score score;
    hth_confusion c;
    double right = 0, all = 0;
    assert_int_equal(
        hth_evaluate_classes(scratch_path("whole0"), "validation", NULL, NULL, &score, &c, NULL),
        HTH_OK);
    assert_int_equal(c.classes, 8);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 8; j++) {
            if (i < 4 || j < 4) assert_true(c.weights[i * 8 + j] == 0);
            all += c.weights[i * 8 + j];
            right += i == j ? c.weights[i * 8 + j] : 0;
        }
    assert_true(fabs(right / all - score.metric) < 1e-12);
    hth_confusion_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permute_is_one_order_for_all),
        cmocka_unit_test(test_rotation_turns_to_the_right),
        cmocka_unit_test(test_goes_on_in_the_middle),
        cmocka_unit_test(test_classes_are_chosen_and_numbered),
        cmocka_unit_test(test_tokens_stay),
        cmocka_unit_test(test_a_cue_stands_at_each_step),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_other_heads_have_no_gradient),
        cmocka_unit_test(test_interruptions_change_no_bit),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
