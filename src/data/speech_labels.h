/* Which phone is spoken when: label tables, HTK master label files and TIMIT's .PHN files. */
#ifndef HTH_SPEECH_LABELS_H
#define HTH_SPEECH_LABELS_H

#include "data/speech_files.h"

typedef enum hth_label_unit {
    HTH_LABEL_FRAMES, /* tables: UTTERANCE FIRST END PHONE */
    HTH_LABEL_TIMES,  /* HTK: units of 100 ns */
    HTH_LABEL_SAMPLES /* TIMIT */
} hth_label_unit;

/* One phone: from start up to, but not with, end. */
typedef struct hth_segment {
    int64_t start, end;
    int32_t phone; /* see hth_labels_phone */
    size_t line;   /* of the file that says so, from 1 */
} hth_segment;

/* The phones of one utterance, in order and without overlap. */
typedef struct hth_labelling {
    const char *path;
    hth_label_unit unit;
    const hth_segment *segments; /* valid until the next search */
    size_t count;                /* at least 1 */
} hth_labelling;

typedef struct hth_labels hth_labels;

/* `place`: a table or master label file, or a folder with a .phn file for each utterance; "": those
 * beside the utterances of the folder `beside`. Which of the two kinds of file it is says its first
 * line. HTH_INVALID with line and field for what is neither. */
hth_status hth_labels_open(const char *place, const char *beside, hth_labels **out,
                           hth_error *error);
void hth_labels_close(hth_labels *labels);

/* In a table, the utterance whose file name and as many folders above it as possible are those of
 * `file`. HTH_INVALID when there is none or no single best one. */
hth_status hth_labels_find(hth_labels *labels, const hth_speech_file *file, hth_labelling *out,
                           hth_error *error);

/* Names of the phones met so far, numbered from 0. */
const char *hth_labels_phone(const hth_labels *labels, int32_t phone);
size_t hth_labels_phone_count(const hth_labels *labels);

/* Where frames lie, in the unit of the labels: frame t at offset + t step. */
typedef struct hth_frame_clock {
    int64_t offset, step;
    size_t frames;
} hth_frame_clock;

/*
 * The phone at each frame's position, -1 where there is none; *labelled is the number of frames up to
 * the last label. Labels may end `slack` frames before or after the frames do. HTH_MISMATCH when they
 * do not, or when a frame in between has no phone and gaps are not allowed.
 */
hth_status hth_labelling_frames(const hth_labelling *labelling, const hth_frame_clock *clock,
                                size_t slack, bool gaps, const char *utterance, int32_t *phones,
                                size_t *labelled, hth_error *error);

#endif
