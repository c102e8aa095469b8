/* Sums of errors. */
#include "run/online_score.h"

#include <math.h>

/* to = factor to + add */
static void add_errors(hth_row_errors *to, double factor, const hth_row_errors *add) {
    for (size_t f = 0; f < HTH_FORECASTERS; f++)
        for (size_t e = 0; e < HTH_ERRORS; e++)
            to->of[f][e] = factor * to->of[f][e] + add->of[f][e];
}

void hth_online_score_add(hth_online_score *s, const hth_row_errors *errors) {
    s->window[(size_t)fmod(s->count, HTH_SCORE_WINDOW)] = *errors;
    s->count += 1;
    add_errors(&s->sum, 1, errors);
    add_errors(&s->fading, HTH_SCORE_FADING, errors);
    s->fading_count = HTH_SCORE_FADING * s->fading_count + 1;
}

hth_row_errors hth_online_score_mean(const hth_online_score *s, hth_score_view view) {
    hth_row_errors mean = view == HTH_SCORE_FADED ? s->fading : s->sum;
    double count = view == HTH_SCORE_FADED ? s->fading_count : s->count;
    if (view == HTH_SCORE_OF_WINDOW) {
        const size_t rows = s->count < HTH_SCORE_WINDOW ? (size_t)s->count : HTH_SCORE_WINDOW;
        mean = (hth_row_errors){0};
        for (size_t i = 0; i < rows; i++) add_errors(&mean, 1, &s->window[i]);
        count = (double)rows;
    }
    for (size_t f = 0; f < HTH_FORECASTERS; f++)
        for (size_t e = 0; e < HTH_ERRORS; e++)
            mean.of[f][e] = count > 0 ? mean.of[f][e] / count : NAN;
    return mean;
}

bool hth_online_drifts(hth_online_score *s, double error, double threshold) {
    enum { FIRST = 30 };
    const double tolerance = 0.05; /* of the mean: a rise that is no drift */
    s->drift_count += 1;
    s->drift_mean += (error - s->drift_mean) / s->drift_count;
    if (s->drift_count < FIRST || s->drift_mean <= 0) return false;
    const double sum = s->drift_sum + error / s->drift_mean - 1 - tolerance;
    s->drift_sum = sum > 0 ? sum : 0;
    if (s->drift_sum <= threshold) return false;
    s->drift_count = s->drift_mean = s->drift_sum = 0;
    return true;
}
