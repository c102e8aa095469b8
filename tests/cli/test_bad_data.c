/* Bad data, checkpoints and combinations, by the program's exact words: one clear sentence, an exit status that
 * is not 0, and nothing left behind. */
#include "cli/cli.h"
#include "cli/program.h"

#include <math.h>
#include <zip.h>

#define TRAIN(sentence, ...)                                                                       \
    REFUSED(sentence, "train", "--out", "run", "learner.steps=2", "learner=tbptt", __VA_ARGS__)

/* ---- Writing .npz ---- */

typedef struct member {
    const char *name, *dtype, *shape; /* as in the header: '<f8', (2, 3, 1) */
    const void *data;
    size_t bytes;
} member;

static void add_member(zip_t *zip, const member *m) {
    char header[129], name[64], *npy = malloc(128 + m->bytes);
    int used =
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }",
                 m->dtype, m->shape);
    memset(header + used, ' ', (size_t)(117 - used));
    header[117] = '\n';
    memcpy(npy, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(npy + 10, header, 118);
    memcpy(npy + 128, m->data, m->bytes);
    snprintf(name, sizeof name, "%s.npy", m->name);
    zip_source_t *source = zip_source_buffer(zip, npy, 128 + m->bytes, 1);
    assert_true(zip_file_add(zip, name, source, 0) >= 0);
}

static void write_npz(const char *path, const member *members, size_t count) {
    int code;
    remove(path);
    zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code);
    assert_non_null(zip);
    for (size_t i = 0; i < count; i++) add_member(zip, &members[i]);
    assert_int_equal(zip_close(zip), 0);
}

static const double numbers[12] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2};
static const int64_t classes[6] = {0, 1, 2, 0, 1, 2};

/* ---- Tests ---- */

static void test_bad_arrays(void **state) {
    (void)state;
    const member inputs = {"inputs", "<f8", "(2, 3, 2)", numbers, sizeof numbers};
    const member wrong_steps[] = {inputs, {"targets", "<f8", "(2, 2, 3)", numbers, sizeof numbers}};
    write_npz("a.npz", wrong_steps, 2);
    TRAIN("a.npz: array targets has shape (2, 2, 3) and dtype <f8, but must be (2, 3, 3)",
          "data=arrays", "data.file=a.npz", "train.batch=2");
    write_npz("a.npz", &inputs, 1);
    TRAIN("a.npz: there is no array targets in the file", "data=arrays", "data.file=a.npz",
          "train.batch=2");
    double with_nan[12];
    memcpy(with_nan, numbers, sizeof numbers);
    with_nan[7] = NAN;
    const member nan[] = {{"inputs", "<f8", "(2, 3, 2)", with_nan, sizeof with_nan},
                          {"targets", "<i8", "(2, 3)", classes, sizeof classes}};
    write_npz("a.npz", nan, 2);
    TRAIN("a.npz: inputs[1, 0, 1] is nan, but must be finite", "data=arrays", "data.file=a.npz",
          "train.batch=2");
    const member good[] = {inputs, {"targets", "<i8", "(2, 3)", classes, sizeof classes}};
    write_npz("a.npz", good, 2);
    TRAIN("a.npz: targets[0, 2] is class 2, but classes are 0 to 1; where a step has no class, the "
          "array mask must be 0",
          "data=arrays", "data.file=a.npz", "train.batch=2", "data.classes=2");
    const member weights[] = {
        good[0], good[1], {"w_rec", "<f8", "(3, 4)", numbers, sizeof numbers}};
    write_npz("a.npz", weights, 3);
    TRAIN("w_rec of the data is 3 x 4, but layer0.weight of this network takes 3 x 3 (drives x "
          "units)",
          "data=arrays", "data.file=a.npz", "train.batch=2", "network.units=3");
    const member misspelt[] = {
        good[0], good[1], {"w_recc", "<f8", "(3, 4)", numbers, sizeof numbers}};
    write_npz("a.npz", misspelt, 3);
    TRAIN("a.npz: there is no use for array w_recc; did you mean 'w_rec'?", "data=arrays",
          "data.file=a.npz", "train.batch=2");
    const member feedback[] = {
        good[0], good[1], {"feedback", "<f8", "(3, 4)", numbers, sizeof numbers}};
    write_npz("a.npz", feedback, 3);
    TRAIN(
        "feedback weights are given, but learner.signal = readout does not use them; take them out "
        "(array feedback of an .npz file) or set learner.signal = random",
        "data=arrays", "data.file=a.npz", "train.batch=2");
    TRAIN("feedback weights are 3 x 4, but this network takes 3 x 3 (outputs x units)",
          "data=arrays", "data.file=a.npz", "train.batch=2", "learner.signal=random",
          "network.units=3");
    const double negative[6] = {-1, 0, 0, 0, 0, 1};
    const member soft[] = {inputs, {"targets", "<f8", "(2, 3, 1)", negative, sizeof negative}};
    write_npz("a.npz", soft, 2);
    TRAIN(
        "data.classes is '7', but the targets of the data are values: give targets of integers, or "
        "leave it out",
        "data=arrays", "data.file=a.npz", "data.classes=7");
    /* A run of before this was refused is opened. */
    RUN("train", "--out", "old", "data=arrays", "data.file=a.npz", "train.batch=1", "--quiet",
        "train.epochs=1");
    assert_int_equal(said.code, 0);
    read_whole("old/settings.yaml", said.out);
    char *of = strstr(said.out, "  classes: 0\n"); /* of the data, before those of the view */
    assert_non_null(of);
    of[11] = '7';
    write_whole("old/settings.yaml", said.out);
    RUN("eval", "old", "--split", "train");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    REFUSED("after step 0: targets: step 0, item 0, component 0 is -1; loss sigmoid takes 0 to 1",
            "train", "--out", "begun", "data=arrays", "data.file=a.npz", "train.batch=1",
            "loss=sigmoid", "data.shuffle=false");
    write_whole("a.npz", "PK and then nothing");
    TRAIN("a.npz: Not a zip archive; an .npz file, as numpy.savez writes it, is expected, whole, "
          "or a folder of .npy files",
          "data=arrays", "data.file=a.npz", "train.batch=2");
    TRAIN("none.npz: No such file", "data=arrays", "data.file=none.npz");
}

static void test_bad_text(void **state) {
    (void)state;
    TRAIN("nowhere/ptb.train.txt: No such file or directory, with or without .xz or .gz added",
          "data=text", "data.dir=nowhere", "network.embedding=4");
    write_whole("ptb.train.txt", " a b c\n a b\n c a b\n");
    write_whole("ptb.valid.txt", " a b\n c d\n a\n");
    write_whole("ptb.test.txt", " a b\n c\n");
    TRAIN("./ptb.valid.txt:2: \"d\" does not occur in the training file, which has no <unk> to "
          "stand for it",
          "data=text", "data.dir=.", "network.embedding=4");
    TRAIN("network.embedding is 0, but the input is tokens; give the width of their vectors, such "
          "as 200",
          "data=text", "data.dir=.", "data.validate=");
}

static void test_impossible_combinations(void **state) {
    (void)state;
    TRAIN("learner.past = influence: the influence tensor is the exact past and needs "
          "learner.recurrence = full (rule 41 of `hitherto list --rules`)",
          "task=add", "past=influence", "recurrence=none");
    TRAIN("learner.past = influence: no error reaches the units, so nothing needs to be kept; set "
          "learner.past = none (rule 31 of `hitherto list --rules`)",
          "task=add", "learner.past=influence", "signal=none");
    REFUSED("the sequences of 'add' have no end, and learner 'bptt' wants the whole of them: take "
            "learner=tbptt or learner=rtrl, or say with learner.steps how many steps it looks at "
            "together",
            "train", "--out", "run", "task=add", "learner=bptt");
    TRAIN("train.epochs is 3, but 'add' has no epochs: give train.steps instead", "task=add",
          "train.epochs=3");
    TRAIN("cell.beta is '1,2', but must be one number or a list of 3; it has 2", "task=add",
          "cell=alif", "network.units=3", "cell.beta=1,2");
}

static void test_bad_checkpoints(void **state) {
    (void)state;
    RUN("train", "--out", "done", "task=add", "learner=tbptt", "train.steps=60", "network.units=4",
        "train.threads=1");
    assert_int_equal(said.code, 0);
    RUN("train", "task=add", "network.units=5", "learner=tbptt", "train.steps=20", "--out",
        "other");
    assert_int_equal(rename("done/checkpoint.safetensors", "other/checkpoint.safetensors"), 0);
    REFUSED(
        "other/checkpoint.safetensors: the checkpoint has network.units '4', the settings say '5'",
        "train", "--resume", "--out", "other");
    assert_int_equal(rename("other/checkpoint.safetensors", "done/checkpoint.safetensors"), 0);
    assert_int_equal(truncate("done/checkpoint.safetensors", 700), 0);
    REFUSED("done/checkpoint.safetensors: not a safetensors file, or damaged: its header is longer "
            "than the file",
            "eval", "done");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_arrays, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_bad_text, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_impossible_combinations, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_bad_checkpoints, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
