/* The reader `images`: rows, columns and pixels of IDX files, plain, with gzip and with xz; refusals. */
#include "streams.h"

#include <lzma.h>
#include <zlib.h>

enum { N = 3, HEIGHT = 2, WIDTH = 4 };
static unsigned char images[16 + N * HEIGHT * WIDTH] = {0, 0, 8, 3,      0, 0, 0, N,
                                                        0, 0, 0, HEIGHT, 0, 0, 0, WIDTH};
static unsigned char labels[8 + N] = {0, 0, 8, 1, 0, 0, 0, N, 2, 0, 1};

static int fill(void **state) {
    for (int i = 0; i < N * HEIGHT * WIDTH; i++) images[16 + i] = (unsigned char)(10 * i);
    if (scratch_make(state)) return -1;
    scratch_write("t-images-idx3-ubyte", images, sizeof images);
    scratch_write("t-labels-idx1-ubyte", labels, sizeof labels);
    return 0;
}

static void every_way(void **state) {
    static const char *const ways[] = {"rows", "columns", "pixels"};
    const size_t steps[] = {HEIGHT, WIDTH, HEIGHT * WIDTH}, inputs[] = {WIDTH, HEIGHT, 1};
    (void)state;
    for (int way = 0; way < 3; way++) {
        const char *const settings[] = {"data.file",
                                        scratch_path("t-images-idx3-ubyte"),
                                        "data.by",
                                        ways[way],
                                        "data.shuffle",
                                        "false",
                                        "data.weight",
                                        way ? "last" : "all",
                                        NULL};
        hth_shape shape;
        hth_position_flags flags;
        void *stream = open_well("images", settings, HTH_TRAIN, N, &shape);
        assert_true(shape.inputs == inputs[way] && shape.outputs == 3);
        hth_chunk chunk = next_chunk("images", stream, 100, &flags);
        assert_int_equal(chunk.steps, steps[way]);
        assert_null(chunk.lengths);
        for (size_t n = 0; n < N; n++)
            for (size_t r = 0; r < HEIGHT; r++)
                for (size_t c = 0; c < WIDTH; c++) {
                    const size_t t = way == 0 ? r : way == 1 ? c : r * WIDTH + c;
                    const size_t i = way == 0 ? c : way == 1 ? r : 0;
                    const hth_real x = chunk.x[(t * N + n) * shape.inputs + i];
                    const hth_real byte = images[16 + (n * HEIGHT + r) * WIDTH + c];
                    assert_true(x == byte / 255);
                    assert_int_equal(chunk.classes[t * N + n], labels[8 + n]);
                    if (way) assert_true(chunk.weights[t * N + n] == (t + 1 == chunk.steps));
                }
        reader("images")->close(stream);
    }
}

static size_t gzip(const void *bytes, size_t length, unsigned char *out, size_t capacity) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)bytes;
    z.avail_in = (uInt)length;
    z.next_out = out;
    z.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (size_t)z.total_out;
}

/* Compressed, with or without the ending in the setting; of gzip also two members one after the other. */
static void compressed(void **state) {
    unsigned char packed[512];
    size_t length = 0, half = 20;
    (void)state;
    scratch_write("c-labels-idx1-ubyte", labels, sizeof labels);
    length = gzip(images, half, packed, sizeof packed);
    length += gzip(images + half, sizeof images - half, packed + length, sizeof packed - length);
    scratch_write("c-images-idx3-ubyte.gz", packed, length);
    for (size_t cut = 0; cut <= length; cut++) {
        const char *const settings[] = {"data.file", scratch_path("c-images-idx3-ubyte"), NULL};
        hth_shape shape;
        void *stream;
        scratch_write("c-images-idx3-ubyte.gz", packed, cut);
        const hth_status status = open_stream("images", settings, HTH_TRAIN, 1, &stream, &shape);
        assert_true((status == HTH_OK) == (cut == length));
        if (status == HTH_OK) reader("images")->close(stream);
        if (cut == 30) assert_non_null(strstr(message.message, "the gzip file is cut short"));
    }
    packed[12] ^= 0x55;
    scratch_write("c-images-idx3-ubyte.gz", packed, length);
    const char *const settings[] = {"data.file", scratch_path("c-images-idx3-ubyte"), NULL};
    open_badly("images", settings, HTH_TRAIN, "the gzip file is ");
    size_t at = 0;
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, images, sizeof images,
                                             packed, &at, sizeof packed),
                     LZMA_OK);
    unlink(scratch_path("c-images-idx3-ubyte.gz"));
    scratch_write("c-images-idx3-ubyte.xz", packed, at);
    hth_shape shape;
    reader("images")->close(open_well("images", settings, HTH_TRAIN, 1, &shape));
}

static void refused(const void *bytes, size_t length, const char *words) {
    scratch_write("b-images-idx3-ubyte", bytes, length);
    scratch_write("b-labels-idx1-ubyte", labels, sizeof labels);
    const char *const settings[] = {"data.file", scratch_path("b-images-idx3-ubyte"), NULL};
    open_badly("images", settings, HTH_TRAIN, words);
}

static void what_is_refused(void **state) {
    unsigned char bad[sizeof images];
    (void)state;
    refused(labels, sizeof labels, "it does not begin as one; an IDX file of bytes with 3 axes");
    refused(images, sizeof images - 1, "its length is not that of its shape");
    refused("", 0, "it does not begin as one");
    memcpy(bad, images, sizeof bad);
    memset(bad + 4, 255, 12);
    refused(bad, sizeof bad, "its length is not that of its shape");
    memcpy(bad, images, sizeof bad);
    bad[7] = 0;
    refused(bad, sizeof bad, "it is empty");
    bad[7] = 2;
    refused(bad, 16 + 2 * HEIGHT * WIDTH, "has 2 images, but ");
    scratch_write("nolabel", images, sizeof images);
    const char *const lost[] = {"data.file", scratch_path("nolabel"), NULL};
    open_badly("images", lost, HTH_TRAIN,
               "the name does not tell where the labels are: set data.labels");
    const char *const few[] = {"data.file", scratch_path("t-images-idx3-ubyte"), "data.classes",
                               "2", NULL};
    open_badly("images", few, HTH_TRAIN, "the label of image 0 is 2, but classes are 0 to 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way),
        cmocka_unit_test(compressed),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, fill, scratch_remove);
}
