/* Reads frames of numbers from a file: stored cepstra, or cepstra computed from sound. */
#ifndef HTH_SPEECH_FEATURES_H
#define HTH_SPEECH_FEATURES_H

#include "data/mfcc.h"

typedef struct hth_feature_options {
    hth_mfcc_options mfcc;
    size_t channels; /* numbers a frame, for files that do not tell */
} hth_feature_options;

typedef struct hth_frames {
    double *values; /* [count][channels] */
    size_t count, channels;
    int64_t period;              /* time from frame to frame, in units of 100 ns */
    int rate;                    /* samples a second of sound; 0: features */
    size_t window, step, length; /* in samples, of sound; length: the whole sound */
} hth_frames;

/* Reads files one after the other; keeps the tables of the sound's transform. */
typedef struct hth_feature_reader {
    hth_feature_options options;
    hth_mfcc *mfcc;
    int rate; /* the rate that mfcc was made for */
} hth_feature_reader;

/*
 * Reads HTK parameter files (uncompressed floats), files of a 32-bit count and that many floats (either byte
 * order), and sound that libsndfile can read (NIST SPHERE, WAV, ...), with one channel. values is from malloc.
 * HTH_FILE, with the numbers that do not fit, if the file is none of these, is cut short or has fewer samples than
 * one window; HTH_NOT_FINITE names frame and channel.
 */
hth_status hth_features_read(hth_feature_reader *reader, const char *path, hth_frames *out,
                             hth_error *error);
void hth_feature_reader_free(hth_feature_reader *reader);

#endif
