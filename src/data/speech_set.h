/* The utterances of a split: scaled frames, and a class for each frame. */
#ifndef HTH_SPEECH_SET_H
#define HTH_SPEECH_SET_H

#include "data/speech_features.h"
#include "tasks/stream.h"

/* Settings data.<name> of the reader `speech`. */
typedef struct hth_speech_options {
    const char *features, *labels, *train, *validate, *test;
    const char *phones, *exclude, *extension;
    int64_t derivatives, repeat, channels, rate, slack;
    int scale, weight, order, gaps;
    hth_mfcc_options mfcc;
} hth_speech_options;

enum { HTH_SPEECH_MINMAX, HTH_SPEECH_ZSCORE, HTH_SPEECH_NONE }; /* scale */
enum { HTH_SPEECH_REFUSE, HTH_SPEECH_SKIP };                    /* gaps */

typedef struct hth_utterance {
    size_t file; /* index of the file in the folder, for messages */
    size_t first, frames;
} hth_utterance;

typedef struct hth_speech_set {
    hth_utterance *utterances; /* in the order of the list */
    size_t count;
    hth_real *x;      /* [frames][channels] */
    int32_t *classes; /* [frames]; -1: no phone */
    size_t frames, channels, outputs;
} hth_speech_set;

/* Reads the split's list, and the training list for scale and phones. On an error nothing is left. Time: all
 * training files are read, whatever the split. */
hth_status hth_speech_set_load(const hth_speech_options *options, hth_split split,
                               hth_speech_set *out, hth_error *error);
void hth_speech_set_free(hth_speech_set *set);

#endif
