/* Cuts the text of label files into segments: see speech_labels.h. */
#ifndef HTH_SPEECH_LABEL_TEXT_H
#define HTH_SPEECH_LABEL_TEXT_H

#include "data/file.h"
#include "data/speech_labels.h"
#include "data/vocabulary.h"

/* An utterance of a table, or the only one of a .phn file. */
typedef struct hth_labelled {
    hth_piece name; /* in the text, without ending */
    size_t first, count, line;
} hth_labelled;

struct hth_labels {
    char *path; /* the table, or the last .phn file that was read */
    hth_label_unit unit;
    hth_bytes text;       /* text of that file */
    hth_speech_tree tree; /* .phn files; count 0: there is a table instead */
    hth_labelled *utterances;
    size_t utterance_count, utterance_capacity;
    hth_segment *segments;
    size_t segment_count, segment_capacity;
    char **phones;
    size_t phone_count, phone_capacity;
};

/* Reads labels->text, whose format is that of labels->unit: adds utterances, segments and phones. */
hth_status hth_label_text_read(hth_labels *labels, hth_error *error);

/* Whether both have the same bytes. */
bool hth_piece_is(hth_piece a, hth_piece b);

#endif
