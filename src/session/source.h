/* A source: an open stream, and the initial values that its data bring for a network. */
#ifndef HTH_SOURCE_H
#define HTH_SOURCE_H

#include "tasks/stream.h"

typedef struct hth_source {
    const hth_stream_kind *kind; /* NULL: not open */
    void *state;
    hth_shape shape;
    /* steps of a sequence (0: endless) and of an epoch (0: no epochs) */
    uint64_t sequence_steps, epoch_steps;
    void *start;      /* owned: the position at opening, as hth_source_note writes it */
    double seconds;   /* time that opening took */
    bool viewed;      /* through a view */
    uint64_t content; /* of training data: hth_content_of */
} hth_source;

/* Opens the stream that task.name or data.name or world.name chooses, for `batch` sequences that advance together.
 * out->kind stays NULL if the settings leave out the split. The caller closes *out, and keeps the texts of `settings`
 * until then. Errors are those of the stream; HTH_INVALID when both names or none is set; HTH_NO_MEMORY. */
hth_status hth_source_open(const hth_settings *settings, hth_split split, size_t batch,
                           uint64_t seed, hth_source *out, hth_error *error);
/* Makes the stream go on to the last step of its data, past the last one that has a target: to forecast. Called before
 * the first step. */
void hth_source_go_beyond(hth_source *source);
/* Writes a sentence for a person: which data were read, and in how many seconds. "" if nothing was read or it took less
 * than a second. */
void hth_source_describe(const hth_source *source, char *out, size_t size);
/* A sentence on what in the data is likely a mistake; "": nothing. The stream owns the text. */
const char *hth_source_doubt(const hth_source *source);
/* Returns HTH_INVALID with a sentence that says that the settings name no data for this split. */
hth_status hth_source_absent(const hth_settings *settings, hth_split split, hth_error *error);
/* What a number v of the data is to the network: (v - mean) / deviation; arrays [inputs + outputs] that the stream owns.
 * False: numbers are taken as they are. */
bool hth_source_scale(const hth_source *source, const double **mean, const double **deviation);
/* Whether the data are seen through a view (view.*), and whether they bring connections, delays or feedback weights. */
bool hth_source_is_viewed(const hth_source *source);
bool hth_source_is_wired(const hth_source *source);
/* Closes the stream; a source with kind NULL too. */
void hth_source_close(hth_source *source);
/* hth_source_note copies the position of the stream to *out, which the caller frees (NULL: the stream has no position).
 * hth_source_return goes back to a noted position, as often as wanted. HTH_NO_MEMORY. */
hth_status hth_source_note(const hth_source *source, void **out, hth_error *error);
hth_status hth_source_return(const hth_source *source, const void *noted, hth_error *error);
/* Goes back to the position at opening, so that each pass sees the same data. HTH_NO_MEMORY. */
hth_status hth_source_rewind(const hth_source *source, hth_error *error);
/* Whether sequences get longer as the network learns them; sequence_steps is then that of the longest. */
bool hth_source_grows(const hth_source *source);
/* The smallest number of steps that is at least `steps` and at least 1, and ends with a sequence. */
uint64_t hth_whole_sequences(const hth_source *source, uint64_t steps);

/* The settings, with loss.class_weights added if the data bring class weights. The caller frees items and text, also
 * after an error. HTH_INVALID when the settings have loss.class_weights other than 1 too, HTH_MISMATCH for another
 * number of classes, HTH_NO_MEMORY. */
typedef struct hth_given_settings {
    hth_settings settings;
    hth_setting *items;
    char *text;
} hth_given_settings;
hth_status hth_given_settings_join(const hth_source *source, const hth_settings *settings,
                                   hth_given_settings *out, hth_error *error);

/* HTH_MISMATCH when network.connections is given, but the data do not say which there are. A network that only predicts
 * need not know: weights of connections that there are not are 0. */
hth_status hth_given_check(const hth_source *source, const hth_settings *settings,
                           hth_error *error);
/* Copies the initial values that the data bring (w_in, w_rec, ...) into the network's parameters: all of them (prefix
 * NULL), or with a module beside the network its own ("module_") or the others (""). What the data say of connections
 * (w_rec_mask, w_rec_delay, ...) comes first. HTH_MISMATCH when the network has no such parameter or it has another
 * shape; errors are also those of hth_layer_wire; HTH_NO_MEMORY. */
hth_status hth_given_apply(const hth_source *source, const char *prefix, hth_network *network,
                           hth_error *error);
/* Copies the feedback weights that the data bring, if any, to the learner. Errors are those of hth_learner_feedback;
 * HTH_NO_MEMORY. */
hth_status hth_given_feedback(const hth_source *source, hth_learner *learner, hth_error *error);

#endif
