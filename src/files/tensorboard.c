/*
 * Event files of TensorBoard: records of
 *
 *     length, 8 bytes | crc of the length, 4 | a message Event | crc of the message, 4
 *
 * little-endian, where crc is CRC-32C, rotated by 15 bits and raised by a constant. The message is a protocol buffer;
 * of its fields these are written:
 *
 *     Event    1: wall_time, double   2: step, int64   3: file_version, text   5: summary, Summary
 *     Summary  1: value, Value, any number of times       Value  1: tag, text   2: simple_value, float
 *
 * The first record holds the file version alone.
 */
#include "files/tensorboard.h"

#include "files/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1024, HEAD = 12, TAIL = 4 }; /* bytes of a message, and around it */
enum { VARINT = 0, EIGHT_BYTES = 1, BYTES = 2, FOUR_BYTES = 5 };

/* ---- Bytes -------------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char data[MOST];
    size_t count;
} bytes;

static void put(bytes *b, const void *data, size_t count) {
    if (count > MOST - b->count) return; /* a message is shorter */
    memcpy(b->data + b->count, data, count);
    b->count += count;
}

/* The low bytes of a number, the least first. */
static void put_number(bytes *b, uint64_t value, size_t count) {
    unsigned char out[8];
    for (size_t i = 0; i < count; i++) out[i] = (unsigned char)(value >> 8 * i);
    put(b, out, count);
}

static uint64_t number_at(const unsigned char *data, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) value |= (uint64_t)data[i] << 8 * i;
    return value;
}

/* CRC-32C (Castagnoli), masked as TensorFlow does. */
static uint32_t checksum(const unsigned char *data, size_t count) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < count; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* ---- Messages ----------------------------------------------------------------------------- */

/* Seven bits a byte; the highest bit says that more follow. */
static void put_varint(bytes *b, uint64_t value) {
    for (; value >= 0x80; value >>= 7) put_number(b, value | 0x80, 1);
    put_number(b, value, 1);
}

static void put_key(bytes *b, unsigned field, unsigned type) {
    put_varint(b, field << 3 | type);
}

static void put_bytes(bytes *b, unsigned field, const void *data, size_t count) {
    put_key(b, field, BYTES);
    put_varint(b, count);
    put(b, data, count);
}

/* A Value of a Summary, if it is known. */
static void put_value(bytes *summary, const char *group, const char *name, double value) {
    char tag[80];
    float narrow = (float)value;
    uint32_t bits;
    bytes one = {.count = 0};
    if (!isfinite(value)) return;
    snprintf(tag, sizeof tag, "%s/%.40s", group, name);
    memcpy(&bits, &narrow, sizeof bits);
    put_bytes(&one, 1, tag, strlen(tag));
    put_key(&one, 2, FOUR_BYTES);
    put_number(&one, bits, 4);
    put_bytes(summary, 1, one.data, one.count);
}

static void put_wall_time(bytes *event) {
    struct timespec now;
    uint64_t bits;
    clock_gettime(CLOCK_REALTIME, &now);
    const double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    put_key(event, 1, EIGHT_BYTES);
    put_number(event, bits, 8);
}

/* ---- Writing ------------------------------------------------------------------------------ */

/* One call of the system writes the whole record. */
static hth_status write_record(FILE *file, const bytes *event, hth_error *error) {
    bytes record = {.count = 0};
    put_number(&record, event->count, 8);
    put_number(&record, checksum(record.data, 8), 4);
    put(&record, event->data, event->count);
    put_number(&record, checksum(event->data, event->count), 4);
    if (fwrite(record.data, 1, record.count, file) == record.count && fflush(file) == 0)
        return HTH_OK;
    return hth_fail(error, HTH_FILE, HTH_TENSORBOARD_FILE ": cannot be written: %s",
                    strerror(errno));
}

hth_status hth_tensorboard_append(FILE *file, const hth_progress *line, hth_error *error) {
    const char *metric = line->metric && strcmp(line->metric, "none") != 0 ? line->metric : NULL;
    bytes event = {.count = 0}, summary = {.count = 0};
    /* The numbers of the line. */
    put_value(&summary, "train", "loss", line->train_loss);
    if (metric) put_value(&summary, "train", metric, line->train_metric);
    put_value(&summary, "validation", "loss", line->validation_loss);
    if (metric) put_value(&summary, "validation", metric, line->validation_metric);
    put_value(&summary, "train", "spike_rate", line->spike_rate);
    put_value(&summary, "train", "regulariser", line->regulariser);
    put_value(&summary, "train", "learning_rate", line->learning_rate);
    put_value(&summary, "speed", "steps_per_second", line->steps_per_second);
    /* The event around them. */
    put_wall_time(&event);
    put_key(&event, 2, VARINT);
    put_varint(&event, line->step);
    put_bytes(&event, 5, summary.data, summary.count);
    return write_record(file, &event, error);
}

static hth_status write_version(FILE *file, hth_error *error) {
    static const char version[] = "brain.Event:2";
    bytes event = {.count = 0};
    put_wall_time(&event);
    put_bytes(&event, 3, version, strlen(version));
    return write_record(file, &event, error);
}

/* ---- Resuming ----------------------------------------------------------------------------- */

/* Reads the next record's message; false at the end, or where a record is unfinished or damaged. */
static bool read_record(FILE *file, bytes *event) {
    unsigned char head[HEAD], tail[TAIL];
    if (fread(head, 1, HEAD, file) != HEAD) return false;
    const uint64_t length = number_at(head, 8);
    if (number_at(head + 8, 4) != checksum(head, 8) || length > MOST) return false;
    event->count = (size_t)length;
    if (fread(event->data, 1, event->count, file) != event->count) return false;
    return fread(tail, 1, TAIL, file) == TAIL &&
           number_at(tail, 4) == checksum(event->data, event->count);
}

/* The step of a message that was written here: field 2 stands behind the 9 bytes of the wall time. Others have none. */
static uint64_t step_of(const bytes *event) {
    uint64_t step = 0;
    size_t at = 9;
    if (event->count <= at || event->data[at++] != (2 << 3 | VARINT)) return 0;
    for (unsigned shift = 0; at < event->count && shift < 64; shift += 7) {
        step |= (uint64_t)(event->data[at] & 0x7f) << shift;
        if (event->data[at++] < 0x80) break;
    }
    return step;
}

/* Bytes of the records that stay. */
static hth_status find_end(const char *path, uint64_t keep_to, long *end, hth_error *error) {
    bytes event;
    FILE *file = fopen(path, "rbe");
    *end = 0;
    if (!file) return errno == ENOENT ? HTH_OK : hth_file_fail(path, "read", error);
    errno = 0;
    while (read_record(file, &event) && step_of(&event) <= keep_to)
        *end += (long)(HEAD + event.count + TAIL);
    const bool failed = ferror(file) != 0;
    const hth_status status = failed ? hth_file_fail(path, "read", error) : HTH_OK;
    fclose(file);
    return status;
}

hth_status hth_tensorboard_open(const char *path, uint64_t keep_to, FILE **out, hth_error *error) {
    long end = 0;
    /* Cut the file to the records that stay. */
    if (keep_to) HTH_TRY(find_end(path, keep_to, &end, error));
    const int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (opened < 0) return hth_file_fail(path, "written", error);
    *out = ftruncate(opened, end) == 0 ? fdopen(opened, "a") : NULL;
    if (!*out) {
        const hth_status status = hth_file_fail(path, "written", error);
        close(opened);
        return status;
    }
    /* A new file says what it is. */
    const hth_status status = end ? HTH_OK : write_version(*out, error);
    if (status != HTH_OK) {
        fclose(*out);
        *out = NULL;
    }
    return status;
}
