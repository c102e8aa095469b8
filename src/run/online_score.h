/*
 * How good the predictions of a stream were, each made before its answer was known (prequential error: Gama, Sebastiao
 * & Rodrigues 2013): over all rows, over a window, and with factors that fade; beside two forecasts that need no
 * learning. All numbers are double, so that a snapshot keeps the struct as a list of numbers.
 */
#ifndef HTH_ONLINE_SCORE_H
#define HTH_ONLINE_SCORE_H

#include <stdbool.h>
#include <stddef.h>

/* Who forecasts: the network; the last value or class that is known; the mean or the most frequent class so far. */
enum { HTH_OF_NETWORK, HTH_OF_LAST, HTH_OF_MEAN, HTH_FORECASTERS };
/* Of numbers: squared and absolute error, means over the targets. Of a class: -log of its probability (of the network
 * alone, else 0), and 1 if another was named. */
enum { HTH_ERROR_FINE, HTH_ERROR_PLAIN, HTH_ERRORS };
enum { HTH_SCORE_WINDOW = 1000 };
#define HTH_SCORE_FADING 0.999

typedef struct hth_row_errors {
    double of[HTH_FORECASTERS][HTH_ERRORS];
} hth_row_errors;

typedef struct hth_online_score {
    double count; /* answers so far */
    hth_row_errors sum, fading;
    double fading_count;
    hth_row_errors window[HTH_SCORE_WINDOW]; /* a ring */
    /* Where the plain error of the network rises: see hth_online_drifts. */
    double drift_count, drift_mean, drift_sum;
} hth_online_score;

void hth_online_score_add(hth_online_score *score, const hth_row_errors *errors);

typedef enum hth_score_view { HTH_SCORE_ALL, HTH_SCORE_OF_WINDOW, HTH_SCORE_FADED } hth_score_view;
/* Means; NAN before the first answer. */
hth_row_errors hth_online_score_mean(const hth_online_score *score, hth_score_view view);

/* Page & Hinkley's test, as of the last answer: whether the network's plain error lies above its mean so far for long
 * enough that the excess, in units of that mean, adds up to `threshold`. Then the test begins anew. */
bool hth_online_drifts(hth_online_score *score, double error, double threshold);

#endif
