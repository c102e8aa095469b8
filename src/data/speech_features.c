/*
 * Reads feature files and sound. The bytes of a file decide its kind, not its name:
 *
 *     count, then count floats                                 CMU Sphinx: 4 + 4 count bytes
 *     nSamples, sampPeriod, sampSize, parmKind, then frames    HTK, big-endian: 12 + nSamples sampSize
 *     anything else                                            sound, if libsndfile can open it
 *
 * No file can be both of the first two, because its frames would have fewer than 4 bytes.
 */
#include "data/speech_features.h"

#include "data/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef HTH_SNDFILE
#include <sndfile.h>
#endif

enum { SPHINX_HEADER = 4, HTK_HEADER = 12 };
enum { HTK_COMPRESSED = 02000, HTK_CHECKSUM = 010000, HTK_KIND = 077 };

static hth_status no_memory(const char *path, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "%.300s: not enough memory to read the file", path);
}

/* ---- Bytes -------------------------------------------------------------------------------- */

static uint32_t big(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t little(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

/* Reads frames->count x channels floats from `at`. */
static hth_status read_floats(const char *path, const char *at, bool big_endian, hth_frames *frames,
                              hth_error *error) {
    const size_t numbers = frames->count * frames->channels;
    frames->values = malloc((numbers ? numbers : 1) * sizeof *frames->values);
    if (!frames->values) return no_memory(path, error);
    for (size_t i = 0; i < numbers; i++) {
        const uint32_t word = big_endian ? big(at + 4 * i) : little(at + 4 * i);
        float value;
        memcpy(&value, &word, sizeof value);
        frames->values[i] = (double)value;
        if (isfinite(value)) continue;
        free(frames->values);
        frames->values = NULL;
        return hth_fail(error, HTH_NOT_FINITE,
                        "%.300s: channel %zu of frame %zu is %g, but must be finite", path,
                        i % frames->channels, i / frames->channels, (double)value);
    }
    return HTH_OK;
}

/* ---- Sphinx ------------------------------------------------------------------------------- */

static bool is_sphinx(const hth_bytes *bytes, bool *big_endian) {
    if (bytes->length < SPHINX_HEADER || bytes->length % 4) return false;
    const size_t count = bytes->length / 4 - 1;
    *big_endian = big(bytes->data) == count;
    return *big_endian || little(bytes->data) == count;
}

static hth_status read_sphinx(const hth_feature_reader *reader, const char *path,
                              const hth_bytes *bytes, bool big_endian, hth_frames *out,
                              hth_error *error) {
    const size_t numbers = bytes->length / 4 - 1, channels = reader->options.channels;
    if (numbers % channels)
        return hth_fail(
            error, HTH_FILE,
            "%.300s: %zu floats are not a whole number of frames of data.channels = %zu", path,
            numbers, channels);
    *out = (hth_frames){.count = numbers / channels,
                        .channels = channels,
                        .period = (int64_t)floor(reader->options.mfcc.step * 10000 + 0.5)};
    return read_floats(path, bytes->data + SPHINX_HEADER, big_endian, out, error);
}

/* ---- HTK ---------------------------------------------------------------------------------- */

typedef struct htk_header {
    uint32_t frames, period;
    unsigned size, kind; /* size: bytes of a frame; kind: its content */
} htk_header;

static htk_header read_header(const hth_bytes *bytes) {
    const uint32_t last = big(bytes->data + 8);
    return (htk_header){big(bytes->data), big(bytes->data + 4), last >> 16, last & 0xFFFF};
}

static bool is_htk(const hth_bytes *bytes) {
    if (bytes->length < HTK_HEADER) return false;
    const htk_header h = read_header(bytes);
    const uint64_t checksum = h.kind & HTK_CHECKSUM ? 2 : 0;
    return h.size > 0 && h.period > 0 &&
           (uint64_t)h.frames * h.size + HTK_HEADER + checksum == bytes->length;
}

static hth_status read_htk(const char *path, const hth_bytes *bytes, hth_frames *out,
                           hth_error *error) {
    const htk_header h = read_header(bytes);
    if ((h.kind & HTK_COMPRESSED) || (h.kind & HTK_KIND) == 0 || h.size % 4)
        return hth_fail(
            error, HTH_FILE,
            "%.300s: an HTK file of parameter kind %u with %u bytes a frame; it must hold "
            "uncompressed floats (HTK: SAVECOMPRESSED = F)",
            path, h.kind, h.size);
    *out = (hth_frames){.count = h.frames, .channels = h.size / 4, .period = h.period};
    return read_floats(path, bytes->data + HTK_HEADER, true, out, error);
}

/* ---- Sound -------------------------------------------------------------------------------- */

/* Fails for an unknown format. For a truncated file the announced length is the most helpful number to print. */
static hth_status fail_format(const char *path, const hth_bytes *bytes, const char *reason,
                              hth_error *error) {
    const uint32_t first = bytes->length >= 4 ? big(bytes->data) : UINT32_MAX;
    if (first > INT32_MAX / 4)
        return hth_fail(
            error, HTH_FILE,
            "%.200s: %zu bytes that are neither sound (libsndfile: %.80s) nor features, "
            "which begin with their number of floats or, with HTK, of frames",
            path, bytes->length, reason);
    return hth_fail(error, HTH_FILE,
                    "%.200s: %zu bytes that begin with the number %lu are neither so many floats, "
                    "which would be %lu bytes, nor so many frames of an HTK file, nor sound "
                    "(libsndfile: %.80s)",
                    path, bytes->length, (unsigned long)first, 4 * (unsigned long)first + 4,
                    reason);
}

#ifdef HTH_SNDFILE
/* Makes the tables for the first sound, if it has the samples of a window: a file of 50 bytes can claim a rate at
 * which the tables of a window take 200 MB. */
static hth_status prepare(hth_feature_reader *reader, const char *path, int rate, size_t count,
                          hth_error *error) {
    size_t window;
    /* All sounds have the same rate. */
    if (reader->mfcc && reader->rate != rate)
        return hth_fail(error, HTH_MISMATCH,
                        "%.300s: %d samples a second, but the files before have %d; all must have "
                        "the same",
                        path, rate, reader->rate);
    HTH_TRY(hth_mfcc_measure(&reader->options.mfcc, rate, &window, error));
    if (count < window)
        return hth_fail(error, HTH_FILE,
                        "%.300s: %zu samples are too few for one window of %zu (data.window)", path,
                        count, window);
    /* Make the tables once. */
    if (reader->mfcc) return HTH_OK;
    HTH_TRY(hth_mfcc_create(&reader->options.mfcc, rate, &reader->mfcc, error));
    reader->rate = rate;
    return HTH_OK;
}

static hth_status transform(hth_feature_reader *reader, const char *path, const double *samples,
                            size_t count, hth_frames *out, hth_error *error) {
    const hth_mfcc *mfcc = reader->mfcc;
    *out = (hth_frames){.count = hth_mfcc_frames(mfcc, count),
                        .channels = (size_t)reader->options.mfcc.numceps + 1,
                        .period = (int64_t)floor(reader->options.mfcc.step * 10000 + 0.5),
                        .rate = reader->rate,
                        .window = hth_mfcc_window(mfcc),
                        .step = hth_mfcc_step(mfcc),
                        .length = count};
    out->values = malloc(hth_times(out->count * sizeof *out->values, out->channels));
    if (!out->values) return no_memory(path, error);
    hth_mfcc_run(reader->mfcc, samples, count, out->values);
    return HTH_OK;
}

/* Reads sound. libsndfile gives a 16-bit sample divided by 2^15 as a double. */
static hth_status read_samples(hth_feature_reader *reader, const char *path, SNDFILE *file,
                               const SF_INFO *info, hth_frames *out, hth_error *error) {
    if (info->channels != 1)
        return hth_fail(error, HTH_FILE, "%.300s: sound of %d channels; it must have 1", path,
                        info->channels);
    const size_t count = info->frames > 0 ? (size_t)info->frames : 0;
    HTH_TRY(prepare(reader, path, info->samplerate, count, error));
    double *samples = malloc(hth_times(count + 1, sizeof *samples));
    if (!samples) return no_memory(path, error);
    /* A file that is cut short may claim far more than it holds: only what was read is touched. */
    const sf_count_t got = sf_readf_double(file, samples, (sf_count_t)count);
    for (sf_count_t i = 0; i < got; i++) samples[i] *= 32768;
    hth_status status = got == (sf_count_t)count
                            ? transform(reader, path, samples, count, out, error)
                            : hth_fail(error, HTH_FILE, "%.300s: cut short: %lld of %zu samples",
                                       path, (long long)got, count);
    free(samples);
    return status;
}

static hth_status read_sound(hth_feature_reader *reader, const char *path, const hth_bytes *bytes,
                             hth_frames *out, hth_error *error) {
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file) return fail_format(path, bytes, sf_strerror(NULL), error);
    hth_status status = read_samples(reader, path, file, &info, out, error);
    sf_close(file);
    return status;
}
#else
static hth_status read_sound(hth_feature_reader *reader, const char *path, const hth_bytes *bytes,
                             hth_frames *out, hth_error *error) {
    (void)reader, (void)out;
    return fail_format(path, bytes, "this program was built without it", error);
}
#endif

/* ---- Any file ----------------------------------------------------------------------------- */

hth_status hth_features_read(hth_feature_reader *reader, const char *path, hth_frames *out,
                             hth_error *error) {
    hth_bytes bytes;
    bool big_endian;
    HTH_TRY(hth_file_read(path, &bytes, error));
    hth_status status;
    if (is_sphinx(&bytes, &big_endian))
        status = read_sphinx(reader, path, &bytes, big_endian, out, error);
    else if (is_htk(&bytes))
        status = read_htk(path, &bytes, out, error);
    else
        status = read_sound(reader, path, &bytes, out, error);
    free(bytes.data);
    return status;
}

void hth_feature_reader_free(hth_feature_reader *reader) {
    hth_mfcc_destroy(reader->mfcc);
    reader->mfcc = NULL;
}
