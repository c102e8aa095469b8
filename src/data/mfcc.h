/* Mel-frequency cepstra of sound. */
#ifndef HTH_MFCC_H
#define HTH_MFCC_H

#include "base/base.h"

/* Names and defaults as in HTK's configuration, with times in ms. */
typedef struct hth_mfcc_options {
    double window, step;   /* ms */
    double preemcoef;      /* pre-emphasis; 0: none */
    int64_t numchans;      /* filters */
    int64_t numceps;       /* cepstra without c0 */
    double ceplifter;      /* 0: none */
    double lofreq, hifreq; /* range of the filters in Hz; hifreq 0: half the rate */
    bool usepower;         /* filter the power spectrum instead of its root */
} hth_mfcc_options;

typedef struct hth_mfcc hth_mfcc;

/* *window: samples of a window at `rate` samples a second. HTH_INVALID if the options do not fit each other or the
 * rate. Takes no memory: a sound can be refused before the tables are made, whose size is that of a window. */
hth_status hth_mfcc_measure(const hth_mfcc_options *options, int rate, size_t *window,
                            hth_error *error);
/* HTH_INVALID as above, or if a filter has no bin. */
hth_status hth_mfcc_create(const hth_mfcc_options *options, int rate, hth_mfcc **out,
                           hth_error *error);
void hth_mfcc_destroy(hth_mfcc *mfcc);

size_t hth_mfcc_window(const hth_mfcc *mfcc); /* samples */
size_t hth_mfcc_step(const hth_mfcc *mfcc);   /* samples from one frame to the next */
/* Number of whole frames in `samples` samples. */
size_t hth_mfcc_frames(const hth_mfcc *mfcc, size_t samples);
/* Computes out[frames][numceps + 1], c0 first, from samples in units of a 16-bit sample. */
void hth_mfcc_run(hth_mfcc *mfcc, const double *samples, size_t count, double *out);

#endif
