/*
 * What a layer or the readout reads of others: the z of layers and the input, side by side. This is the one place that
 * walks from reader to what is read: forward, numbers are gathered, backward, errors are handed out. A layer that runs
 * against time holds its steps in its own order; here they change places (hth_tape_slot).
 */
#ifndef HTH_READING_H
#define HTH_READING_H

#include "base/base.h"
#include "network/catalogues.h"

#define HTH_OF_INPUT SIZE_MAX

/* `width` numbers of a layer, or of the input, at column `at` of what is read. */
typedef struct hth_read_part {
    size_t layer; /* HTH_OF_INPUT: the input */
    size_t at, width;
    bool adds; /* another reader of the layer gives it its errors before */
    bool late; /* of a layer above, a store, that feeds back: its z of the step before */
} hth_read_part;

/* Layers first, from the lowest up, then the input; last, no part of its own, `fed` outputs of the step before. */
typedef struct hth_reading {
    size_t width, count, fed; /* width: with these */
    hth_read_part parts[HTH_MAX_LAYERS + 1];
} hth_reading;

static inline void hth_read_add(hth_reading *reading, size_t layer, size_t width) {
    reading->parts[reading->count++] = (hth_read_part){layer, reading->width, width, false, false};
    reading->width += width;
}

/* One layer and nothing else. */
static inline bool hth_reads_one(const hth_reading *reading) {
    return reading->count == 1 && reading->parts[0].layer != HTH_OF_INPUT;
}

#endif
