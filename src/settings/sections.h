/* The sections that do not describe a network: train, check and compare. */
#ifndef HTH_SECTIONS_H
#define HTH_SECTIONS_H

#include "metrics/catalogues.h"

extern const hth_catalogue hth_train_section;   /* train.* */
extern const hth_catalogue hth_check_section;   /* check.* */
extern const hth_catalogue hth_compare_section; /* compare.* */

enum { HTH_STOP_MOST = 100 }; /* train.stop_over */

/* The section train. */
typedef struct hth_train_options {
    int64_t seed, threads, batch, shares, epochs, sequences, steps;
    int64_t report_every, validate_every, validation_steps, validation_batch, stop_over, patience;
    double checkpoint_every, stop_at;
    int precision;
    int64_t align, align_window, align_horizon, interference;
    const char *align_learners, *from, *from_layers;
    bool keep_state, picture, tensorboard;
} hth_train_options;

/* The section check. */
typedef struct hth_check_options {
    int64_t steps, batch, samples, draws;
    double memory;
    const char *learners;
} hth_check_options;

/* The section compare. */
typedef struct hth_compare_options {
    const char *seeds, *learners;
    double final;
    int64_t smooth;
    int measure;
    bool keep;
} hth_compare_options;

enum {
    HTH_MEASURE_AUTO,
    HTH_MEASURE_TRAIN_LOSS,
    HTH_MEASURE_TRAIN_METRIC,
    HTH_MEASURE_VALIDATION_LOSS,
    HTH_MEASURE_VALIDATION_METRIC
};
extern const char *const hth_compare_measures[];
/* Resolves `auto` for this metric (NULL: not known); other measures stay the same. */
int hth_compare_measure(int measure, const hth_metric *metric);

#endif
