/* Streams without memory: whichever allocation fails, opening and reading on leave a status and no
 * leak, and a stream that could not grow its buffers can be closed. */
#define _POSIX_C_SOURCE 200809L
#include "tasks/stream.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <sndfile.h>
#include <zip.h>

#include "failing_malloc.h"
#include "scratch.h"

static hth_error message;

/* Opens and reads twice, the second time a longer chunk. */
static hth_status use(const hth_stream_kind *kind, const hth_settings *settings) {
    const hth_stream_context context = {settings, HTH_TRAIN, 2, 1};
    hth_chunk chunk;
    hth_position_flags flags;
    hth_shape shape;
    void *state = NULL;
    HTH_TRY(kind->open(&context, &state, &shape, &message));
    hth_status status = kind->next(state, 1, &chunk, &flags, &message);
    if (status == HTH_OK) status = kind->next(state, 2, &chunk, &flags, &message);
    kind->close(state);
    return status;
}

static void fail_at_every_allocation(const hth_catalogue *catalogue,
                                     const hth_stream_kind *(*at)(size_t),
                                     const hth_settings *settings, size_t least, bool own) {
    size_t index, failures = 0;
    if (!FAILING_MALLOC) skip();
    assert_int_equal(hth_part_choose(catalogue, settings, &index, &message), HTH_OK);
    if (use(at(index), settings)) fail_msg("%s", message.message);
    for (size_t n = 0;; n++) {
        message.message[0] = '\0';
        failing_malloc_start(n);
        hth_status status = use(at(index), settings);
        size_t left = own ? failing_malloc_stop_own() : failing_malloc_stop();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        if (status != HTH_OK) assert_true(message.message[0] != '\0');
        failures += status != HTH_OK;
        if (!failing_malloc_reached()) break;
    }
    assert_true(failures >= least); /* the heap did fail */
}

static void test_add(void **state) {
    (void)state;
    const hth_setting items[] = {{"task.name", "add", NULL}};
    fail_at_every_allocation(&hth_tasks, hth_task_at, &(hth_settings){items, 1}, 5, false);
}

static void test_pattern(void **state) {
    (void)state;
    const hth_setting items[] = {{"task.name", "pattern", NULL}, {"task.steps", "10", NULL}};
    fail_at_every_allocation(&hth_tasks, hth_task_at, &(hth_settings){items, 2}, 4, false);
}

static void test_store_recall(void **state) {
    (void)state;
    const hth_setting items[] = {{"task.name", "store-recall", NULL}};
    fail_at_every_allocation(&hth_tasks, hth_task_at, &(hth_settings){items, 1}, 11, false);
}

static void test_copy_repeat(void **state) {
    (void)state;
    const hth_setting items[] = {{"task.name", "copy-repeat", NULL}};
    fail_at_every_allocation(&hth_tasks, hth_task_at, &(hth_settings){items, 1}, 4, false);
}

/* A world with all that an agent can have: memory, redistributed rewards, another program. */
static void test_worlds(void **state) {
    (void)state;
    const hth_setting key[] = {{"world.name", "key-door", NULL},
                               {"agent.return", "redistribute", NULL}};
    const hth_setting pipe[] = {
        {"world.name", "pipe", NULL},
        {"world.command", "while read word n; do [ $word = act ] && printf '0 0 '; echo 1; done",
         NULL},
        {"world.inputs", "1", NULL},
        {"world.actions", "2", NULL}};
    fail_at_every_allocation(&hth_worlds, hth_world_at, &(hth_settings){key, 2}, 15, false);
    fail_at_every_allocation(&hth_worlds, hth_world_at, &(hth_settings){pipe, 4}, 12, true);
}

static void test_text(void **state) {
    (void)state;
    const hth_setting items[] = {
        {"data.name", "text", NULL}, {"data.dir", scratch, NULL}, {"data.train", "t.txt", NULL}};
    scratch_write("t.txt", "a b c d a b c d\n", 16);
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 3}, 10, false);
}

static void add_member(zip_t *zip, const char *name, const char *shape) {
    static char bytes[2][128 + 24];
    static int turn;
    char *member = bytes[turn++ % 2];
    memset(member, ' ', 128);
    memset(member + 128, 0, 24);
    memcpy(member, "\x93NUMPY\x01\x00\x76\x00", 10);
    int used =
        snprintf(member + 10, 100, "{'descr': '|i1', 'fortran_order': False, 'shape': %s}", shape);
    member[10 + used] = ' ';
    zip_source_t *source = zip_source_buffer(zip, member, 128 + 24, 0);
    assert_true(zip_file_add(zip, name, source, 0) >= 0);
}

static void test_arrays(void **state) {
    (void)state;
    const hth_setting items[] = {{"data.name", "arrays", NULL},
                                 {"data.file", scratch_path("a.npz"), NULL}};
    int code;
    zip_t *zip = zip_open(scratch_path("a.npz"), ZIP_CREATE, &code);
    assert_non_null(zip);
    add_member(zip, "inputs.npy", "(4, 3, 2)");
    add_member(zip, "targets.npy", "(4, 3, 2)");
    assert_int_equal(zip_close(zip), 0);
    /* libzip 1.7 itself forgets a piece when some of its allocations fail. */
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 2}, 20, true);
}

/* A .npy file of bytes. */
static void write_bytes(const char *name, const char *shape, const void *numbers, size_t count) {
    char file[512];
    memset(file, ' ', 128);
    memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
    int used =
        snprintf(file + 10, 100, "{'descr': '|u1', 'fortran_order': False, 'shape': %s}", shape);
    file[10 + used] = ' ';
    memcpy(file + 128, numbers, count);
    scratch_write(name, file, 128 + count);
}

/* A folder of files that are mapped; a part of it validates. */
static void test_folder(void **state) {
    (void)state;
    const unsigned char zeros[24] = {0}, lengths[4] = {3, 1, 2, 3};
    const hth_setting items[] = {{"data.name", "arrays", NULL},
                                 {"data.validation_fraction", "0.3", NULL},
                                 {"data.file", scratch_path("folder"), NULL}};
    mkdir(scratch_path("folder"), 0777);
    write_bytes("folder/inputs.npy", "(4, 3, 2)", zeros, 24);
    write_bytes("folder/targets.npy", "(4, 3)", zeros, 12);
    write_bytes("folder/lengths.npy", "(4,)", lengths, 4);
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 3}, 15, false);
}

static void test_events(void **state) {
    (void)state;
    const unsigned char times[6] = {5, 1, 2, 0, 3, 1}, starts[3] = {0, 1, 4}, labels[3] = {1, 0, 1};
    const hth_setting items[] = {{"data.name", "events", NULL},
                                 {"data.dt", "1", NULL},
                                 {"data.file", scratch_path("spikes"), NULL}};
    mkdir(scratch_path("spikes"), 0777);
    write_bytes("spikes/times.npy", "(6,)", times, 6);
    write_bytes("spikes/units.npy", "(6,)", times, 6);
    write_bytes("spikes/starts.npy", "(3,)", starts, 3);
    write_bytes("spikes/labels.npy", "(3,)", labels, 3);
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 3}, 15, false);
}

static void test_images(void **state) {
    (void)state;
    const hth_setting items[] = {{"data.name", "images", NULL},
                                 {"data.file", scratch_path("images"), NULL}};
    const unsigned char images[24] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2};
    const unsigned char labels[10] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    scratch_write("images", images, 24);
    scratch_write("labels", labels, 10);
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 2}, 10, false);
    unlink(scratch_path("labels"));
}

static void write_text(const char *name, const char *text) {
    scratch_write(name, text, strlen(text));
}

static void test_table(void **state) {
    (void)state;
    const hth_setting items[] = {{"data.name", "table", NULL},
                                 {"data.target", "b", NULL},
                                 {"data.inputs", "a, b", NULL},
                                 {"data.file", scratch_path("t.csv"), NULL}};
    write_text("t.csv", "a,b\n1,2\n3,4\n5,6\n7,8\n9,10\n");
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 4}, 12, false);
}

/* A count of 6, then 6 floats: two frames of three channels. */
static void test_speech(void **state) {
    (void)state;
    const hth_setting items[] = {{"data.name", "speech", NULL},
                                 {"data.features", scratch, NULL},
                                 {"data.channels", "3", NULL},
                                 {"data.labels", scratch_path("labels"), NULL},
                                 {"data.phones", scratch_path("phones"), NULL},
                                 {"data.train", scratch_path("list"), NULL}};
    unsigned char bytes[28] = {0, 0, 0, 6};
    for (int i = 0; i < 4; i++) {
        bytes[9] = (unsigned char)i;
        scratch_write((const char *const[]){"a.mfc", "b.mfc", "c.mfc", "d.mfc"}[i], bytes, 28);
    }
    write_text("labels", "a 0 1 x\na 1 2 y\nb 0 2 y\nc 0 2 x\nd 0 2 x\n");
    write_text("phones", "x\ny\n");
    write_text("list", "a\nb\nc\nd\n");
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 6}, 30, false);
}

static void test_sound(void **state) {
    (void)state;
    const hth_setting items[] = {{"data.name", "speech", NULL},
                                 {"data.features", scratch, NULL},
                                 {"data.extension", "wav", NULL},
                                 {"data.train", scratch_path("list"), NULL}};
    const char *const names[] = {"e.wav", "f.wav"};
    short samples[880] = {0};
    for (int i = 0; i < 2; i++) {
        SF_INFO info = {
            .samplerate = 16000, .channels = 1, .format = SF_FORMAT_NIST | SF_FORMAT_PCM_16};
        SNDFILE *sound = sf_open(scratch_path(names[i]), SFM_WRITE, &info);
        assert_non_null(sound);
        assert_int_equal(sf_write_short(sound, samples, 880), 880);
        assert_int_equal(sf_close(sound), 0);
    }
    write_text("e.phn", "0 300 a\n300 880 b\n");
    write_text("f.phn", "0 880 b\n");
    write_text("list", "e\nf\n");
    fail_at_every_allocation(&hth_readers, hth_reader_at, &(hth_settings){items, 4}, 30, true);
}

int main(void) {
    /* libzip asks for the local time, and without TZ the C library keeps a new copy of the zone each
     * time, which would look like a leak. */
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),          cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_store_recall), cmocka_unit_test(test_copy_repeat),
        cmocka_unit_test(test_worlds),       cmocka_unit_test(test_text),
        cmocka_unit_test(test_arrays),       cmocka_unit_test(test_folder),
        cmocka_unit_test(test_events),       cmocka_unit_test(test_images),
        cmocka_unit_test(test_table),        cmocka_unit_test(test_speech),
        cmocka_unit_test(test_sound),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
