/* The event file for TensorBoard, read back by a reader that was written from the format alone: its records are the
 * lines of metrics.jsonl, a run that goes on appends to what is whole, and a damaged end is cut off. */
#include "files/lines.h"
#include "files/tensorboard.h"
#include "runs.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#define FILE_OF(run) run "/" HTH_TENSORBOARD_FILE

/* ---- A reader ----------------------------------------------------------------------------- */

enum { MOST_EVENTS = 200, MOST_VALUES = 10 };

typedef struct event {
    double wall_time;
    uint64_t step;
    char version[20];
    size_t count;
    char tags[MOST_VALUES][40];
    float values[MOST_VALUES];
} event;

static event events[MOST_EVENTS];
static size_t ends[MOST_EVENTS]; /* where each record ends */

/* CRC-32C by a table, as RFC 3720 describes it. */
static uint32_t crc(const unsigned char *data, size_t count) {
    uint32_t table[256], value = 0xffffffffu;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] & 1 ? table[i] >> 1 ^ 0x82f63b78u : table[i] >> 1;
    }
    for (size_t i = 0; i < count; i++) value = table[(value ^ data[i]) & 0xff] ^ value >> 8;
    return ~value;
}

static bool has_crc(const unsigned char *data, size_t count) {
    uint32_t stored;
    memcpy(&stored, data + count, sizeof stored);
    const uint32_t turned = stored - 0xa282ead8u; /* unmask */
    return (turned << 15 | turned >> 17) == crc(data, count);
}

static uint64_t varint(const unsigned char **at) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
}

/* The fields of a message, one after the other. */
typedef struct field {
    unsigned number, type;
    uint64_t value;             /* of a varint */
    const unsigned char *bytes; /* of the others */
    size_t length;
} field;

static field next_field(const unsigned char **at) {
    const uint64_t key = varint(at);
    field f = {.number = (unsigned)(key >> 3), .type = (unsigned)(key & 7)};
    if (f.type == 0) f.value = varint(at);
    if (f.type != 0) f.length = f.type == 1 ? 8 : f.type == 5 ? 4 : (size_t)varint(at);
    f.bytes = *at;
    *at += f.length;
    return f;
}

static void read_value(const unsigned char *at, const unsigned char *end, event *e) {
    assert_true(e->count < MOST_VALUES);
    while (at < end) {
        const field f = next_field(&at);
        assert_true((f.number == 1 && f.type == 2 && f.length < 40) ||
                    (f.number == 2 && f.type == 5));
        memcpy(f.number == 1 ? (void *)e->tags[e->count] : (void *)&e->values[e->count], f.bytes,
               f.length);
    }
    e->count++;
}

static event read_event(const unsigned char *at, const unsigned char *end) {
    event e = {.count = 0};
    while (at < end) {
        const field f = next_field(&at);
        if (f.number == 1 && f.type == 1) memcpy(&e.wall_time, f.bytes, 8);
        if (f.number == 2 && f.type == 0) e.step = f.value;
        if (f.number == 3 && f.type == 2) memcpy(e.version, f.bytes, f.length);
        const unsigned char *inside = f.bytes;
        while (f.number == 5 && inside < f.bytes + f.length) {
            const field value = next_field(&inside);
            assert_true(value.number == 1 && value.type == 2);
            read_value(value.bytes, value.bytes + value.length, &e);
        }
    }
    assert_true(at == end);
    return e;
}

/* Reads all records of the file into `events`; fails if one is damaged or unfinished. */
static size_t read_events(const char *path) {
    size_t length, at = 0, count = 0;
    char *text = read_whole(path, &length);
    const unsigned char *bytes = (const unsigned char *)text;
    for (; at < length; count++) {
        uint64_t size;
        assert_true(length - at > 16 && count < MOST_EVENTS);
        memcpy(&size, bytes + at, sizeof size);
        assert_true(has_crc(bytes + at, 8));
        assert_true(at + 16 + size <= length);
        assert_true(has_crc(bytes + at + 12, (size_t)size));
        events[count] = read_event(bytes + at + 12, bytes + at + 12 + size);
        at += 16 + (size_t)size;
        ends[count] = at;
    }
    free(text);
    return count;
}

/* A value of an event; NAN: it has none with this tag. */
static double value_of(const event *e, const char *tag) {
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->tags[i], tag) == 0) return (double)e->values[i];
    return (double)NAN;
}

/* ---- Records ------------------------------------------------------------------------------ */

static hth_progress line_of(uint64_t step) {
    return (hth_progress){.step = step,
                          .train_loss = 0.5 / (double)step,
                          .train_metric = NAN,
                          .validation_loss = step % 2 ? 0.25 : (double)NAN,
                          .validation_metric = NAN,
                          .metric = "none",
                          .spike_rate = NAN,
                          .regulariser = NAN,
                          .learning_rate = 1e-3,
                          .steps_per_second = NAN};
}

static void the_checksum_is_crc32c(void **state) {
    (void)state;
    assert_int_equal(crc((const unsigned char *)"123456789", 9), 0xe3069283u); /* RFC 3720's */
}

static void append(const char *path, uint64_t keep_to, uint64_t step) {
    FILE *file;
    hth_error error;
    const hth_progress line = line_of(step);
    assert_int_equal(hth_tensorboard_open(path, keep_to, &file, &error), HTH_OK);
    assert_int_equal(hth_tensorboard_append(file, &line, &error), HTH_OK);
    fclose(file);
}

static void records_are_read_back(void **state) {
    (void)state;
    const char *path = scratch_path("a");
    const uint64_t far = 123456789012345;
    append(path, 0, 7);
    append(path, far, 200);
    append(path, far, far);
    assert_int_equal(read_events(path), 4);
    assert_string_equal(events[0].version, "brain.Event:2");
    assert_true(events[0].wall_time > 1.6e9 && events[0].count == 0);
    assert_true(events[1].step == 7 && events[2].step == 200 && events[3].step == far);
    assert_int_equal(events[1].count, 3);
    assert_true(fabs(value_of(&events[1], "train/loss") - 0.5 / 7) < 1e-7);
    assert_true(value_of(&events[1], "validation/loss") == 0.25);
    assert_true(isnan(value_of(&events[2], "validation/loss"))); /* not known: not there */
    assert_true(fabs(value_of(&events[2], "train/learning_rate") - 1e-3) < 1e-9);
    append(path, 0, 5); /* begins anew */
    assert_int_equal(read_events(path), 2);
}

/* Cut at every byte, and with every byte damaged, the file goes on behind the records before. */
static void a_damaged_end_is_cut_off(void **state) {
    (void)state;
    char path[320];
    size_t length, whole[8] = {0};
    snprintf(path, sizeof path, "%s", scratch_path("whole"));
    for (uint64_t step = 1; step <= 3; step++) append(path, step == 1 ? 0 : 100, step);
    assert_int_equal(read_events(path), 4);
    memcpy(whole, ends, 4 * sizeof *ends);
    char *text = read_whole(path, &length);
    for (size_t at = 0; at < length; at++)
        for (int damaged = 0; damaged < 2; damaged++) {
            size_t before = 0;
            while (whole[before] <= at) before++;
            text[at] ^= (char)(damaged << 5);
            FILE *file = fopen(path, "wb");
            assert_non_null(file);
            fwrite(text, 1, damaged ? length : at, file);
            fclose(file);
            text[at] ^= (char)(damaged << 5);
            append(path, 100, 50);
            assert_int_equal(read_events(path), before ? before + 1 : 2);
            assert_true(events[before ? before : 1].step == 50);
        }
    free(text);
}

static void later_steps_are_removed(void **state) {
    (void)state;
    char path[320];
    snprintf(path, sizeof path, "%s", scratch_path("later"));
    for (uint64_t step = 100; step <= 500; step += 100) append(path, step == 100 ? 0 : 1000, step);
    append(path, 350, 400);
    assert_int_equal(read_events(path), 5);
    assert_true(events[3].step == 300 && events[4].step == 400);
    assert_int_equal(symlink(path, scratch_path("link")), 0);
    FILE *file;
    hth_error error;
    assert_int_equal(hth_tensorboard_open(scratch_path("link"), 1, &file, &error), HTH_FILE);
}

/* Where nothing can be written there is an error, and no file to be closed. */
static void a_full_disk_is_an_error(void **state) {
    (void)state;
    struct rlimit before, none;
    hth_error error;
    FILE *file = stdout;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    void (*const was)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    const hth_status status = hth_tensorboard_open(scratch_path("full"), 0, &file, &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, was);
    assert_int_equal(status, HTH_FILE);
    assert_null(file);
}

/* ---- Runs --------------------------------------------------------------------------------- */

#define SPIKES                                                                                     \
    "task=pattern task.steps=20 cell=lif network.units=6 learner=eprop1 train.picture=false "      \
    "train.report_every=20 train.validate_every=60 train.metric=nmse "

/* The records of a run are its lines. */
static size_t compare_with_lines(const char *run) {
    char path[320];
    hth_line *lines;
    size_t count;
    hth_error error;
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(run));
    assert_int_equal(hth_metrics_read(path, &lines, &count, NULL, &error), HTH_OK);
    snprintf(path, sizeof path, "%s/" HTH_TENSORBOARD_FILE, scratch_path(run));
    assert_int_equal(read_events(path), count + 1);
    for (size_t i = 0; i < count; i++) {
        const event *e = &events[i + 1];
        const double pairs[][2] = {{value_of(e, "train/loss"), lines[i].train_loss},
                                   {value_of(e, "train/nmse"), lines[i].train_metric},
                                   {value_of(e, "validation/loss"), lines[i].validation_loss},
                                   {value_of(e, "validation/nmse"), lines[i].validation_metric},
                                   {value_of(e, "train/spike_rate"), lines[i].spike_rate}};
        assert_true(e->step == lines[i].step);
        for (size_t k = 0; k < HTH_COUNT(pairs); k++)
            assert_true(isnan(pairs[k][0]) ? isnan(pairs[k][1])
                                           : pairs[k][0] == (double)(float)pairs[k][1]);
        assert_false(isnan(pairs[0][0]) || isnan(pairs[4][0]));
    }
    free(lines);
    return count;
}

static void a_run_writes_its_lines(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    train_whole(SPIKES "train.steps=200", "without");
    assert_int_equal(access(scratch_path(FILE_OF("without")), F_OK), -1);
    train_whole(SPIKES "train.steps=200 train.tensorboard=true", "with");
    assert_int_equal(compare_with_lines("with"), 10);
    assert_int_equal(different_tensors("with", "without"), 0);
    /* A run that goes on appends, also behind a record that was left unfinished. */
    assert_int_equal(truncate(scratch_path(FILE_OF("with")), (off_t)ends[10] - 3), 0);
    assert_int_equal(train_line(SPIKES "train.steps=300 train.tensorboard=true", "with", true, NULL,
                                &ending, &error),
                     HTH_OK);
    assert_int_equal(read_events(scratch_path(FILE_OF("with"))), 15);
    assert_true(events[9].step == 180 && events[10].step == 220 && events[14].step == 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_crc32c),   cmocka_unit_test(records_are_read_back),
        cmocka_unit_test(a_damaged_end_is_cut_off), cmocka_unit_test(later_steps_are_removed),
        cmocka_unit_test(a_full_disk_is_an_error),  cmocka_unit_test(a_run_writes_its_lines),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
