/* The readers, which make streams from files. To add one, write its file and add a line to READERS. */
#include "tasks/stream.h"

#define READERS(X)                                                                                 \
    X(text)                                                                                        \
    X(arrays)                                                                                      \
    X(events)                                                                                      \
    X(images)                                                                                      \
    X(one_shot)                                                                                    \
    X(table)                                                                                       \
    X(speech)                                                                                      \
    X(rows)

#define DECLARE(name) extern const hth_stream_kind hth_reader_##name;
READERS(DECLARE)

#define POINTER(name) &hth_reader_##name,
static const hth_stream_kind *const readers[] = {READERS(POINTER)};

const hth_stream_kind *hth_reader_at(size_t index) {
    return readers[index];
}

static const hth_part *part_at(size_t index) {
    return &readers[index]->part;
}

const hth_catalogue hth_readers = {
    .kind = "data",
    .summary = "readers of corpora and arrays in files",
    .key = "data.name",
    .optional = true,
    .common = {.section = "data", .items = NULL, .count = 0},
    .count = HTH_COUNT(readers),
    .at = part_at,
};
