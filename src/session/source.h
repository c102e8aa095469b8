/* A stream that is open, and what the data bring along for a network. */
#ifndef HTH_SOURCE_H
#define HTH_SOURCE_H

#include "tasks/stream.h"

typedef struct hth_source {
    const hth_stream_kind *kind; /* NULL: not open */
    void *state;
    hth_shape shape;
    uint64_t sequence_steps, epoch_steps; /* 0: endless, no epochs */
    void *start;                          /* position fields as they were at opening, in a row */
    double seconds;                       /* that opening took */
} hth_source;

/* Leaves out->kind NULL when the settings leave out the split. */
hth_status hth_source_open(const hth_settings *settings, hth_split split, size_t batch,
                           uint64_t seed, hth_source *out, hth_error *error);
/* What was read, and in how many seconds, for a person; "" when that took less than a second or nothing was read. */
void hth_source_describe(const hth_source *source, char *out, size_t size);
/* A sentence on what in the data is likely not meant; "": nothing. */
const char *hth_source_doubt(const hth_source *source);
/* Says so, HTH_INVALID. */
hth_status hth_source_absent(const hth_settings *settings, hth_split split, hth_error *error);
void hth_source_close(hth_source *source);
/* The position of the stream now, from malloc (NULL: it has none), and back to it, as often as wanted. */
hth_status hth_source_note(const hth_source *source, void **out, hth_error *error);
hth_status hth_source_return(const hth_source *source, const void *noted, hth_error *error);
/* Back to the position at opening, so that each pass sees the same data. */
hth_status hth_source_rewind(const hth_source *source, hth_error *error);
/* Whether sequences get longer as they are learned: then sequence_steps is that of the longest. */
bool hth_source_grows(const hth_source *source);
/* At least so many steps, and at least 1, that end where a sequence does. */
uint64_t hth_whole_sequences(const hth_source *source, uint64_t steps);

/* The settings, and loss.class_weights as the data bring it along. HTH_INVALID where settings have it too. The caller
 * frees items and text. */
typedef struct hth_given_settings {
    hth_settings settings;
    hth_setting *items;
    char *text;
} hth_given_settings;
hth_status hth_given_settings_join(const hth_source *source, const hth_settings *settings,
                                   hth_given_settings *out, hth_error *error);

/* Initial values that the data bring along (w_in, w_rec, ...) go into the network's blocks. */
hth_status hth_given_apply(const hth_source *source, hth_network *network, hth_error *error);
/* Feedback weights that they bring along go to the learner, which may refuse them. */
hth_status hth_given_feedback(const hth_source *source, hth_learner *learner, hth_error *error);

#endif
