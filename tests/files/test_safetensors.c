/* Checkpoint files: what is written is read back bit for bit; a file that is cut, damaged or another
 * network's is refused with nothing changed; and a stream whose position is restored from a file goes on
 * with the same data. */
#define _POSIX_C_SOURCE 200809L
#include "files/safetensors.h"
#include "tasks/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "data/failing_malloc.h"
#include "scratch.h"

enum { REALS = 5, INTEGERS = 3, WORDS = 2, MOST = 4096 };

#ifdef HTH_DOUBLE
#define REAL_NAME "F64"
#define OTHER_NAME "F32"
#else
#define REAL_NAME "F32"
#define OTHER_NAME "F64"
#endif

static hth_error message;

typedef struct contents {
    hth_real reals[REALS];
    int32_t integers[INTEGERS];
    uint64_t words[WORDS];
} contents;

static const contents original = {
    {HTH_C(1.5), HTH_C(-0.0), HTH_C(1e-30), HTH_C(0.1), HTH_C(3.0)},
    {-1, INT32_MAX, INT32_MIN},
    {UINT64_MAX, 1},
};

/* Integers first, so that the file must put them in another order. */
static size_t fields_of(contents *c, hth_field fields[3]) {
    fields[0] = (hth_field){"tape.integers", HTH_DTYPE_I32, INTEGERS, c->integers, {0}};
    fields[1] = (hth_field){"network.reals", HTH_DTYPE_REAL, REALS, c->reals, {0}};
    fields[2] = (hth_field){"stream.words", HTH_DTYPE_U64, WORDS, c->words, {0}};
    return 3;
}

static void assert_message(const char *part) {
    if (!strstr(message.message, part))
        fail_msg("'%s' is not in the message '%s'", part, message.message);
}

static void write_original(void) {
    contents c = original;
    hth_field fields[3];
    const hth_metadata metadata[] = {{"cell", "lstm"}, {"quote", "a \"b\" \n \xC3\xA9"}};
    size_t count = fields_of(&c, fields);
    assert_int_equal(
        hth_safetensors_write(scratch_path("c.safetensors"), fields, count, metadata, 2, &message),
        HTH_OK);
}

static hth_safetensors *opened(void) {
    hth_safetensors *file = NULL;
    if (hth_safetensors_open(scratch_path("c.safetensors"), &file, &message))
        fail_msg("%s", message.message);
    return file;
}

/* ---- Whole files ------------------------------------------------------------------------ */

static void test_round_trip(void **state) {
    (void)state;
    contents c = {0};
    hth_field fields[3];
    fields_of(&c, fields);
    write_original();
    hth_safetensors *file = opened();
    assert_int_equal(hth_safetensors_restore(file, fields, 3, HTH_RESTORE_ALL, &message), HTH_OK);
    assert_memory_equal(c.reals, original.reals, sizeof c.reals);
    assert_memory_equal(c.integers, original.integers, sizeof c.integers);
    assert_memory_equal(c.words, original.words, sizeof c.words);
    assert_string_equal(hth_safetensors_metadata(file, "cell"), "lstm");
    assert_string_equal(hth_safetensors_metadata(file, "quote"), "a \"b\" \n \xC3\xA9");
    assert_null(hth_safetensors_metadata(file, "absent"));
    hth_metadata entry;
    assert_true(hth_safetensors_metadata_at(file, 1, &entry));
    assert_string_equal(entry.key, "quote");
    assert_true(hth_safetensors_metadata_at(file, 2, &entry));
    assert_string_equal(entry.key, "digest");
    assert_false(hth_safetensors_metadata_at(file, 3, &entry));
    hth_safetensors_close(file);
    assert_int_not_equal(access(scratch_path("c.safetensors.tmp"), F_OK), 0);
}

static void test_list(void **state) {
    (void)state;
    write_original();
    hth_safetensors *file = opened();
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        bool real = !strcmp(tensors[i].name, "network.reals");
        bool integer = !strcmp(tensors[i].name, "tape.integers");
        size_t numbers = real ? REALS : integer ? INTEGERS : WORDS;
        assert_string_equal(tensors[i].dtype, real ? REAL_NAME : integer ? "I32" : "U64");
        assert_int_equal(tensors[i].rank, 1);
        assert_int_equal(tensors[i].shape[0], numbers);
        assert_int_equal(tensors[i].count, numbers);
        size_t size = (tensors[i].end - tensors[i].begin) / numbers;
        assert_int_equal(tensors[i].begin % size, 0); /* aligned */
    }
    hth_safetensors_close(file);
}

/* The layout that other tools rely on, byte by byte. */
static void test_format(void **state) {
    (void)state;
    int32_t numbers[] = {1, 258};
    const hth_field field = {"a", HTH_DTYPE_I32, 2, numbers, {2, 1}};
    const char *expected = "{\"__metadata__\":{\"digest\":\"fnv1a64:3ff217b63199d3f6\"},"
                           "\"a\":{\"dtype\":\"I32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}";
    const unsigned char data[] = {1, 0, 0, 0, 2, 1, 0, 0};
    unsigned char bytes[MOST];
    assert_int_equal(
        hth_safetensors_write(scratch_path("f.safetensors"), &field, 1, NULL, 0, &message), HTH_OK);
    size_t length = scratch_read("f.safetensors", bytes, sizeof bytes);
    size_t header = (strlen(expected) + 7) / 8 * 8;
    assert_int_equal(length, 8 + header + sizeof data);
    assert_int_equal(bytes[0], header);
    for (int i = 1; i < 8; i++) assert_int_equal(bytes[i], 0);
    assert_memory_equal(bytes + 8, expected, strlen(expected));
    for (size_t i = 8 + strlen(expected); i < 8 + header; i++) assert_int_equal(bytes[i], ' ');
    assert_memory_equal(bytes + 8 + header, data, sizeof data);
}

static void test_nothing_to_write(void **state) {
    (void)state;
    size_t count = 1;
    const hth_field empty = {"none", HTH_DTYPE_REAL, 0, NULL, {0}};
    for (size_t fields = 0; fields < 2; fields++) {
        assert_int_equal(
            hth_safetensors_write(scratch_path("c.safetensors"), &empty, fields, NULL, 0, &message),
            HTH_OK);
        hth_safetensors *file = opened();
        hth_safetensors_list(file, &count);
        assert_int_equal(count, fields);
        assert_int_equal(hth_safetensors_restore(file, &empty, fields, HTH_RESTORE_ALL, &message),
                         HTH_OK);
        hth_safetensors_close(file);
    }
}

/* A write that fails leaves the old file. */
static void test_failed_write(void **state) {
    (void)state;
    contents c = original;
    hth_field fields[3];
    fields_of(&c, fields);
    write_original();
    assert_int_equal(mkdir(scratch_path("c.safetensors.tmp"), 0700), 0);
    assert_int_equal(
        hth_safetensors_write(scratch_path("c.safetensors"), fields, 2, NULL, 0, &message),
        HTH_FILE);
    assert_message("c.safetensors.tmp: cannot be written");
    rmdir(scratch_path("c.safetensors.tmp"));
    test_list(state);
    assert_int_equal(hth_safetensors_write(scratch_path("no/such/c"), fields, 3, NULL, 0, &message),
                     HTH_FILE);
    assert_message("No such file");
    strcpy(fields[1].name, fields[0].name);
    assert_int_equal(
        hth_safetensors_write(scratch_path("c.safetensors"), fields, 3, NULL, 0, &message),
        HTH_INVALID);
    assert_message("both called tape.integers");
}

/* ---- Another network's file ------------------------------------------------------------- */

static void refused(const hth_field *fields, size_t count, unsigned flags, const contents *c,
                    const char *part) {
    const contents before = *c;
    hth_safetensors *file = opened();
    assert_int_equal(hth_safetensors_restore(file, fields, count, flags, &message), HTH_MISMATCH);
    assert_message(part);
    assert_memory_equal(c, &before, sizeof before); /* nothing half-restored */
    hth_safetensors_close(file);
}

static void test_mismatch(void **state) {
    (void)state;
    contents c;
    hth_field fields[4];
    memset(&c, 7, sizeof c);
    size_t count = fields_of(&c, fields);
    write_original();
    refused(fields, 2, HTH_RESTORE_ALL, &c, "tensor stream.words of the file has no place here");
    fields[2].count = 1;
    refused(fields, count, 0, &c, "stream.words has 2 numbers, but 1 are needed");
    fields_of(&c, fields);
    fields[3] = (hth_field){"learner.trace", HTH_DTYPE_REAL, 1, c.reals, {0}};
    refused(fields, 4, 0, &c, "no tensor learner.trace");
    fields[1].dtype = HTH_DTYPE_U64;
    refused(fields, 3, 0, &c, "network.reals has dtype " REAL_NAME ", but U64 is needed");
    fields[1].dtype = HTH_DTYPE_I32;
    refused(fields, 3, HTH_RESTORE_CONVERT, &c, "but I32 is needed");
}

static void test_part_of_a_file(void **state) {
    (void)state;
    contents c = {0};
    hth_field fields[3];
    fields_of(&c, fields);
    write_original();
    hth_safetensors *file = opened();
    assert_int_equal(hth_safetensors_restore(file, fields + 1, 1, 0, &message), HTH_OK);
    assert_memory_equal(c.reals, original.reals, sizeof c.reals);
    assert_int_equal(c.words[0], 0);
    hth_safetensors_close(file);
}

static void put_file(const char *header, const void *data, size_t bytes) {
    unsigned char file[MOST];
    uint64_t length = strlen(header);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    if (bytes) memcpy(file + 8 + length, data, bytes);
    scratch_write("c.safetensors", file, 8 + length + bytes);
}

/* A file of the other precision is refused, or converted when that is wanted. */
static void test_other_precision(void **state) {
    (void)state;
#ifdef HTH_DOUBLE
    const float other[] = {1.5f, -2.25f};
    put_file("{\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}", other, 8);
#else
    const double other[] = {1.5, -2.25};
    put_file("{\"w\":{\"dtype\":\"F64\",\"shape\":[2,1],\"data_offsets\":[0,16]}}", other, 16);
#endif
    contents c = {0};
    const hth_field field = {"w", HTH_DTYPE_REAL, 2, c.reals, {0}};
    refused(&field, 1, 0, &c,
            "w has dtype " OTHER_NAME ", but " REAL_NAME " is needed here: the file was written in "
            "the other precision");
    hth_safetensors *file = opened();
    assert_int_equal(hth_safetensors_restore(file, &field, 1, HTH_RESTORE_CONVERT, &message),
                     HTH_OK);
    assert_true(c.reals[0] == HTH_C(1.5) && c.reals[1] == HTH_C(-2.25));
    hth_safetensors_close(file);
}

/* ---- Damaged files ---------------------------------------------------------------------- */

static void not_opened_for(hth_status reason, const char *part) {
    hth_safetensors *file = NULL;
    assert_int_equal(hth_safetensors_open(scratch_path("c.safetensors"), &file, &message), reason);
    assert_null(file);
    assert_message("c.safetensors: ");
    assert_message(part);
}

static void not_opened(const char *part) {
    not_opened_for(HTH_DAMAGED, part);
}

/* What the system says is no word on what is in the file. */
static void test_not_readable(void **state) {
    (void)state;
    unlink(scratch_path("c.safetensors"));
    not_opened_for(HTH_FILE, "No such file");
    assert_int_equal(mkdir(scratch_path("c.safetensors"), 0777), 0);
    scratch_write("c.safetensors/long.enough.for.a.header", "", 0);
    not_opened_for(HTH_FILE, "Is a directory");
    unlink(scratch_path("c.safetensors/long.enough.for.a.header"));
    rmdir(scratch_path("c.safetensors"));
}

static void test_truncated(void **state) {
    (void)state;
    unsigned char bytes[MOST];
    write_original();
    size_t length = scratch_read("c.safetensors", bytes, sizeof bytes - 1);
    for (size_t cut = 0; cut < length; cut++) {
        scratch_write("c.safetensors", bytes, cut);
        not_opened("");
    }
    scratch_write("c.safetensors", bytes, length - 1);
    not_opened("the file is cut short");
    scratch_write("c.safetensors", bytes, length + 1);
    not_opened("the file is too long");
    scratch_write("c.safetensors", bytes, length); /* the control: uncut, it opens */
    hth_safetensors_close(opened());
}

/* Every bit counts, but for those of the digest's own key: without it the file is one of an older version. */
static void test_digest(void **state) {
    (void)state;
    unsigned char bytes[MOST];
    write_original();
    const size_t length = scratch_read("c.safetensors", bytes, sizeof bytes);
    bytes[length] = 0;
    const size_t key = (size_t)(strstr((char *)bytes + 8, "\"digest\":") - (char *)bytes);
    size_t told = 0;
    for (size_t bit = 0; bit < 8 * length; bit++) {
        if (bit / 8 >= key && bit / 8 < key + strlen("\"digest\":\"fnv1a64:")) continue;
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        scratch_write("c.safetensors", bytes, length);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        hth_safetensors *file = NULL;
        if (hth_safetensors_open(scratch_path("c.safetensors"), &file, &message) != HTH_DAMAGED)
            fail_msg("bit %zu: %s", bit, message.message);
        told += strstr(message.message, "are not those that were written") != NULL;
    }
    assert_true(told > 100);
}

/* A file of before there were digests and shapes. */
static void test_older_file(void **state) {
    (void)state;
    double reals[2] = {1.5, -2}, out[2];
    const hth_field into = {"w", HTH_DTYPE_F64, 2, out, {1, 2}};
    put_file("{\"__metadata__\":{\"hitherto\":\"0.1.0\"},"
             "\"w\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[0,16]}}",
             reals, 16);
    hth_safetensors *file = opened();
    assert_int_equal(hth_safetensors_restore(file, &into, 1, HTH_RESTORE_ALL, &message), HTH_OK);
    assert_memory_equal(out, reals, sizeof out);
    hth_safetensors_close(file);
}

static void test_wrong_shape(void **state) {
    (void)state;
    double reals[6] = {0};
    const hth_field field = {"w", HTH_DTYPE_F64, 6, reals, {2, 2}};
    assert_int_equal(
        hth_safetensors_write(scratch_path("c.safetensors"), &field, 1, NULL, 0, &message),
        HTH_INVALID);
    assert_message("w has 6 numbers, but a shape of 4");
}

/* No change of one bit of the header may crash, and those that still open list sane tensors. */
static void test_flipped_bits(void **state) {
    (void)state;
    unsigned char bytes[MOST];
    write_original();
    size_t length = scratch_read("c.safetensors", bytes, sizeof bytes), count, refusals = 0;
    size_t header = bytes[0] | (size_t)bytes[1] << 8;
    for (size_t bit = 0; bit < (8 + header) * 8; bit += 3) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        scratch_write("c.safetensors", bytes, length);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        hth_safetensors *file = NULL;
        if (hth_safetensors_open(scratch_path("c.safetensors"), &file, &message)) {
            refusals++;
            continue;
        }
        const hth_tensor *tensors = hth_safetensors_list(file, &count);
        for (size_t i = 0; i < count; i++)
            assert_true(tensors[i].end - tensors[i].begin <= length - 8 - header);
        hth_safetensors_close(file);
    }
    assert_true(refusals > header / 2);
}

static void test_lying_headers(void **state) {
    (void)state;
    const char zeros[64] = {0};
    static const struct {
        const char *header;
        size_t bytes;
        const char *part;
    } cases[] = {
        {"[]", 0, "not a JSON object"},
        {"{", 0, "not a JSON object"},
        {"{} x", 0, "not a JSON object"},
        {"{\"a\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype"},
        {"{\"a\":3}", 4, "no dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0.5],\"data_offsets\":[0,4]}}", 4, "no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
         "no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296,4294967296],"
         "\"data_offsets\":[0,0]}}",
         0, "no shape"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "no data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "does not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "does not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "does not begin"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
         6, "does not begin"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
         8, "twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "something else than texts"},
        {"{\"__metadata__\":\"a\"}", 0, "not an object"},
    };
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        put_file(cases[i].header, zeros, cases[i].bytes);
        not_opened(cases[i].part);
    }
    scratch_write("c.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    not_opened("longer than the file");
}

/* ---- Resuming a stream ------------------------------------------------------------------ */

enum { BATCH = 2, AT = 123, MORE = 50, NUMBERS = MORE * BATCH * 2 };

static void *open_add(const hth_stream_kind *kind) {
    const hth_settings settings = {NULL, 0};
    const hth_stream_context context = {&settings, HTH_TRAIN, BATCH, 9};
    hth_shape shape;
    void *state;
    assert_int_equal(kind->open(&context, &state, &shape, &message), HTH_OK);
    return state;
}

static void test_resume_in_the_middle(void **unused) {
    (void)unused;
    const hth_settings add = {&(const hth_setting){"task.name", "add", NULL}, 1};
    size_t index;
    assert_int_equal(hth_part_choose(&hth_tasks, &add, &index, &message), HTH_OK);
    const hth_stream_kind *kind = hth_task_at(index);
    void *whole = open_add(kind), *resumed = open_add(kind);
    hth_chunk chunk;
    hth_position_flags flags;
    hth_field field;
    hth_real x[NUMBERS];
    assert_int_equal(kind->next(whole, AT, &chunk, &flags, &message), HTH_OK);
    assert_int_equal(kind->state(whole, &field, 1), 1);
    assert_int_equal(
        hth_safetensors_write(scratch_path("c.safetensors"), &field, 1, NULL, 0, &message), HTH_OK);
    assert_int_equal(kind->next(whole, MORE, &chunk, &flags, &message), HTH_OK);
    memcpy(x, chunk.x, sizeof x);
    assert_int_equal(kind->state(resumed, &field, 1), 1);
    hth_safetensors *file = opened();
    assert_int_equal(hth_safetensors_restore(file, &field, 1, HTH_RESTORE_ALL, &message), HTH_OK);
    hth_safetensors_close(file);
    assert_int_equal(kind->next(resumed, MORE, &chunk, &flags, &message), HTH_OK);
    assert_memory_equal(x, chunk.x, sizeof x);
    assert_int_equal(kind->next(resumed, MORE, &chunk, &flags, &message), HTH_OK);
    assert_memory_not_equal(x, chunk.x, sizeof x);
    kind->close(whole);
    kind->close(resumed);
}

/* ---- Memory ----------------------------------------------------------------------------- */

static hth_status write_and_restore(contents *c) {
    hth_field fields[3];
    size_t count = fields_of(c, fields);
    const hth_metadata metadata = {"cell", "lstm"};
    const char *path = scratch_path("c.safetensors");
    hth_safetensors *file;
    HTH_TRY(hth_safetensors_write(path, fields, count, &metadata, 1, &message));
    HTH_TRY(hth_safetensors_open(path, &file, &message));
    hth_status status = hth_safetensors_restore(file, fields, count, HTH_RESTORE_ALL, &message);
    hth_safetensors_close(file);
    return status;
}

static void test_every_allocation_fails(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    contents c = original;
    size_t failures = 0;
    assert_int_equal(write_and_restore(&c), HTH_OK);
    for (size_t n = 0;; n++) {
        failing_malloc_start(n);
        hth_status status = write_and_restore(&c);
        size_t left = failing_malloc_stop();
        assert_int_equal(left, 0);
        assert_memory_equal(c.reals, original.reals, sizeof c.reals);
        failures += status != HTH_OK;
        if (!failing_malloc_reached()) break;
    }
    assert_true(failures > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_nothing_to_write),
        cmocka_unit_test(test_failed_write),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_part_of_a_file),
        cmocka_unit_test(test_other_precision),
        cmocka_unit_test(test_not_readable),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_older_file),
        cmocka_unit_test(test_wrong_shape),
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_lying_headers),
        cmocka_unit_test(test_resume_in_the_middle),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
