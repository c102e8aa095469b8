/* Frames of numbers from one file: cepstra as they are stored, or computed from sound. */
#ifndef HTH_SPEECH_FEATURES_H
#define HTH_SPEECH_FEATURES_H

#include "data/mfcc.h"

typedef struct hth_feature_options {
    hth_mfcc_options mfcc;
    size_t channels; /* numbers a frame of a file that does not say */
} hth_feature_options;

typedef struct hth_frames {
    double *values; /* [count][channels] */
    size_t count, channels;
    int64_t period;              /* from frame to frame, in units of 100 ns */
    int rate;                    /* of sound, samples a second; else 0 */
    size_t window, step, length; /* of sound, in samples; length: all of it */
} hth_frames;

/* Reads files, keeping what the transform of sound needs from one to the next. */
typedef struct hth_feature_reader {
    hth_feature_options options;
    hth_mfcc *mfcc;
    int rate; /* that mfcc was made for */
} hth_feature_reader;

/*
 * HTK parameter files (uncompressed floats), files of a 32-bit count and so many floats (either byte
 * order), and sound that libsndfile knows (NIST SPHERE, WAV, ...), one channel. values is from malloc.
 * HTH_FILE, with the numbers that do not fit, for a file that is none of these, is cut short or holds
 * fewer samples than one window; HTH_NOT_FINITE, with frame and channel.
 */
hth_status hth_features_read(hth_feature_reader *reader, const char *path, hth_frames *out,
                             hth_error *error);
void hth_feature_reader_free(hth_feature_reader *reader);

#endif
