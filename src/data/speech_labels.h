/* The phones of an utterance and their times: label tables, HTK master label files and TIMIT's .PHN files. */
#ifndef HTH_SPEECH_LABELS_H
#define HTH_SPEECH_LABELS_H

#include "data/speech_files.h"

typedef enum hth_label_unit {
    HTH_LABEL_FRAMES, /* tables: UTTERANCE FIRST END PHONE */
    HTH_LABEL_TIMES,  /* HTK: units of 100 ns */
    HTH_LABEL_SAMPLES /* TIMIT */
} hth_label_unit;

/* A phone from `start` to `end`, without `end`. */
typedef struct hth_segment {
    int64_t start, end;
    int32_t phone; /* see hth_labels_phone */
    size_t line;   /* its line in the file, from 1 */
} hth_segment;

/* The phones of an utterance, in order and without overlap. */
typedef struct hth_labelling {
    const char *path;
    hth_label_unit unit;
    const hth_segment *segments; /* valid until the next search */
    size_t count;                /* at least 1 */
} hth_labelling;

typedef struct hth_labels hth_labels;

/* Opens labels. `place`: a table or master label file (its first line tells which), or a folder with a .phn file
 * for each utterance; "": .phn files beside the utterances in the folder `beside`. HTH_INVALID with line and field
 * if the file is neither. */
hth_status hth_labels_open(const char *place, const char *beside, hth_labels **out,
                           hth_error *error);
void hth_labels_close(hth_labels *labels);

/* Finds the labels of an utterance. In a table it is the one that shares its file name, and as many folders above
 * it as possible, with `file`. HTH_INVALID if there is none, or no single best one. */
hth_status hth_labels_find(hth_labels *labels, const hth_speech_file *file, hth_labelling *out,
                           hth_error *error);

/* The names of all phones found so far, numbered from 0. */
const char *hth_labels_phone(const hth_labels *labels, int32_t phone);
size_t hth_labels_phone_count(const hth_labels *labels);

/* The positions of frames in the unit of the labels: frame t is at offset + t step. */
typedef struct hth_frame_clock {
    int64_t offset, step;
    size_t frames;
} hth_frame_clock;

/*
 * Finds the phone at each frame's position; -1: none. *labelled: the number of frames up to the last label. Labels
 * may end up to `slack` frames before or after the frames. HTH_MISMATCH if the difference is larger, or if a frame
 * in between has no phone and gaps are not allowed.
 */
hth_status hth_labelling_frames(const hth_labelling *labelling, const hth_frame_clock *clock,
                                size_t slack, bool gaps, const char *utterance, int32_t *phones,
                                size_t *labelled, hth_error *error);

#endif
