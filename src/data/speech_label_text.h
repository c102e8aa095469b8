/* The text of label files cut into segments, see speech_labels.h. */
#ifndef HTH_SPEECH_LABEL_TEXT_H
#define HTH_SPEECH_LABEL_TEXT_H

#include "data/file.h"
#include "data/speech_labels.h"
#include "data/vocabulary.h"

/* One utterance of a table, or the one of a .phn file. */
typedef struct hth_labelled {
    hth_piece name; /* in the text, without an ending */
    size_t first, count, line;
} hth_labelled;

struct hth_labels {
    char *path; /* the table, or the .phn file read last */
    hth_label_unit unit;
    hth_bytes text;       /* of that file */
    hth_speech_tree tree; /* .phn files; count 0: a table */
    hth_labelled *utterances;
    size_t utterance_count, utterance_capacity;
    hth_segment *segments;
    size_t segment_count, segment_capacity;
    char **phones;
    size_t phone_count, phone_capacity;
};

/* labels->text as what labels->unit says: utterances, segments and phones are added. */
hth_status hth_label_text_read(hth_labels *labels, hth_error *error);

/* The same bytes. */
bool hth_piece_is(hth_piece a, hth_piece b);

#endif
