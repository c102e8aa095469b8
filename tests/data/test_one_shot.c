/* Episodes of one-shot classification: each class has one label in an episode and comes as often as the others, with
 * images that differ; what is read beside an image is the label of the one before; labels, classes and rotations are
 * others in other episodes; what is wrong in a file is named. */
#include "data/npz.h"
#include "data/streams.h"

enum { KINDS = 7, EACH = 6, SIDE = 3, PIXELS = SIDE * SIDE, COUNT = KINDS * EACH };
enum {
    CLASSES = 3,
    SHOWINGS = 4,
    LENGTH = CLASSES * SHOWINGS,
    WIDTH = PIXELS + CLASSES,
    BATCH = 2
};

/* Image i has its class in the corner, its number of the class in the middle, and 0 elsewhere. */
static void write_file(const char *name, const char *shape, int classes) {
    static uint8_t pixels[COUNT][PIXELS];
    static int64_t labels[COUNT];
    memset(pixels, 0, sizeof pixels);
    for (int i = 0; i < COUNT; i++) {
        labels[i] = i % classes;
        pixels[i][0] = (uint8_t)(1 + i % classes);
        pixels[i][4] = (uint8_t)(1 + i / classes);
    }
    const array arrays[] = {{"images", "|u1", shape, false, pixels, sizeof pixels},
                            {"labels", "<i8", "(42,)", false, labels, sizeof labels}};
    npz_write(scratch_path(name), arrays, 2);
}

static void *open_file(const char *name, const char *rotate, hth_shape *shape) {
    const char *const settings[] = {
        "data.file", scratch_path(name), "data.classes", "3", "data.showings",
        "4",         "data.rotate",      rotate,         NULL};
    return open_well("one-shot", settings, HTH_TRAIN, BATCH, shape);
}

/* Where the class stands: one corner of the image; returns it and the class. */
static int corner_of(const hth_real *x, int *class) {
    static const int corners[] = {0, 2, 8, 6};
    int found = -1;
    for (int c = 0; c < 4; c++)
        if (x[corners[c]] != 0) {
            assert_int_equal(found, -1);
            found = c;
            *class = (int)x[corners[c]] - 1;
        }
    assert_true(found >= 0);
    return found;
}

static void an_episode_is_what_it_should_be(void **state) {
    (void)state;
    write_file("good.npz", "(42, 3, 3)", KINDS);
    int turned = 0, moved = 0, before[CLASSES] = {-1, -1, -1};
    hth_shape shape;
    void *stream = open_file("good.npz", "true", &shape);
    assert_true(shape.inputs == WIDTH && shape.outputs == CLASSES);
    for (int episode = 0; episode < 30; episode++) {
        hth_position_flags flags;
        const hth_chunk c = next_chunk("one-shot", stream, 100, &flags);
        assert_true(flags.starts && flags.ends && c.steps == LENGTH);
        for (size_t b = 0; b < BATCH; b++) {
            int kind[CLASSES] = {-1, -1, -1}, corner[CLASSES] = {0}, shown[CLASSES] = {0};
            bool seen[CLASSES][EACH] = {{false}};
            for (size_t t = 0; t < LENGTH; t++) {
                const hth_real *x = c.x + (t * BATCH + b) * WIDTH;
                const int32_t label = c.classes[t * BATCH + b];
                int class = 0;
                const int at = corner_of(x, &class), number = (int)x[4] - 1;
                if (kind[label] < 0) corner[label] = at;
                if (kind[label] < 0) kind[label] = class;
                assert_true(kind[label] == class && corner[label] == at);
                assert_false(seen[label][number]);
                seen[label][number] = true;
                shown[label]++;
                turned += at != 0;
                /* The label of the step before. */
                for (int k = 0; k < CLASSES; k++)
                    assert_true(x[PIXELS + k] ==
                                (t > 0 && c.classes[(t - 1) * BATCH + b] == k ? 1 : 0));
            }
            for (int k = 0; k < CLASSES; k++) {
                assert_int_equal(shown[k], SHOWINGS);
                for (int other = 0; other < k; other++) assert_true(kind[k] != kind[other]);
                moved += before[k] >= 0 && before[k] != kind[k];
                before[k] = kind[k];
            }
        }
    }
    assert_true(turned > 200); /* of 720, three quarters */
    assert_true(moved > 100);  /* of 177: labels mean other classes in other episodes */
    reader("one-shot")->close(stream);
    stream = open_file("good.npz", "false", &shape);
    hth_position_flags flags;
    const hth_chunk c = next_chunk("one-shot", stream, 100, &flags);
    for (size_t i = 0; i < LENGTH * BATCH; i++) assert_true(c.x[i * WIDTH] != 0);
    reader("one-shot")->close(stream);
}

/* The same images as bytes of IDX files give the same episodes, but that a byte is byte / 255. */
static void idx_files_are_as_good(void **state) {
    (void)state;
    enum { OF_IMAGES = 16, OF_LABELS = 8, CHUNKS = 3 };
    unsigned char pixels[OF_IMAGES + COUNT * PIXELS] = {0, 0, 8, 3,    0, 0, 0, COUNT,
                                                        0, 0, 0, SIDE, 0, 0, 0, SIDE};
    unsigned char labels[OF_LABELS + COUNT] = {0, 0, 8, 1, 0, 0, 0, COUNT};
    for (int i = 0; i < COUNT; i++) {
        labels[OF_LABELS + i] = (unsigned char)(i % KINDS);
        pixels[OF_IMAGES + i * PIXELS] = (unsigned char)(1 + i % KINDS);
        pixels[OF_IMAGES + i * PIXELS + 4] = (unsigned char)(1 + i / KINDS);
    }
    scratch_write("o-images-idx3-ubyte", pixels, sizeof pixels);
    scratch_write("o-labels-idx1-ubyte", labels, sizeof labels);
    write_file("same.npz", "(42, 3, 3)", KINDS);
    hth_shape shape, other;
    void *idx = open_file("o-images-idx3-ubyte", "true", &shape);
    void *npz = open_file("same.npz", "true", &other);
    assert_true(shape.inputs == other.inputs && shape.outputs == other.outputs);
    for (int k = 0; k < CHUNKS; k++) {
        hth_position_flags flags;
        const hth_chunk a = next_chunk("one-shot", idx, LENGTH, &flags);
        const hth_chunk b = next_chunk("one-shot", npz, LENGTH, &flags);
        for (size_t i = 0; i < LENGTH * BATCH; i++) {
            assert_int_equal(a.classes[i], b.classes[i]);
            for (size_t x = 0; x < WIDTH; x++) {
                const hth_real from = b.x[i * WIDTH + x];
                assert_true(a.x[i * WIDTH + x] == (x < PIXELS ? from / 255 : from));
            }
        }
    }
    reader("one-shot")->close(idx);
    reader("one-shot")->close(npz);
    /* As many labels as images. */
    const char *const settings[] = {"data.file", scratch_path("o-images-idx3-ubyte"), NULL};
    labels[7] = COUNT - 1;
    scratch_write("o-labels-idx1-ubyte", labels, sizeof labels - 1);
    open_badly("one-shot", settings, HTH_TRAIN, "has 41 labels");
}

static void mistakes_are_named(void **state) {
    (void)state;
    hth_shape shape;
    void *none;
    write_file("flat.npz", "(42, 9)", KINDS);
    write_file("few.npz", "(42, 3, 3)", 2);
    const char *const flat[] = {
        "data.file", scratch_path("flat.npz"), "data.classes", "3", "data.showings", "4", NULL};
    const char *const few[] = {"data.file", scratch_path("few.npz"), "data.classes", "3", NULL};
    const char *const many[] = {"data.file", scratch_path("good.npz"), "data.showings", "7", NULL};
    const char *const missing[] = {"data.file", scratch_path("none.npz"), NULL};
    open_badly("one-shot", flat, HTH_TRAIN, "data.rotate");
    open_badly("one-shot", few, HTH_TRAIN, "data.classes is 3");
    open_badly("one-shot", many, HTH_TRAIN, "data.showings is 7");
    open_badly("one-shot", missing, HTH_TRAIN, "none.npz");
    assert_int_equal(open_stream("one-shot", many, HTH_TEST, 1, &none, &shape), HTH_OK);
    assert_null(none); /* no such split */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_episode_is_what_it_should_be),
                                       cmocka_unit_test(idx_files_are_as_good),
                                       cmocka_unit_test(mistakes_are_named)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
