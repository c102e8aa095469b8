/*
 * A run stops before its last step in two cases: when the validation metric, averaged over the last train.stop_over
 * validations, reaches train.stop_at (Bellec et al. 2019, Methods 1.2: "Training was stopped when a misclassification
 * rate below 0.05 was reached"); or when train.patience validations have brought no better loss.
 */
#include "run/stop.h"

#include <math.h>
#include <string.h>

hth_status hth_stop_check(const hth_session *session, bool has_validation, hth_error *error) {
    /* train.patience counts validations. */
    if (session->options.patience > 0 && !has_validation)
        return hth_fail(error, HTH_INVALID,
                        "train.patience is %lld, but the run has no validation: see "
                        "train.validate_every and the settings of data",
                        (long long)session->options.patience);
    /* train.stop_at compares the metric of validations. */
    if (session->options.stop_at < 0) return HTH_OK;
    if (!session->metric.kind->value)
        return hth_fail(error, HTH_INVALID,
                        "train.stop_at is %g, but the metric is none: name one with train.metric",
                        session->options.stop_at);
    if (!has_validation)
        return hth_fail(error, HTH_INVALID,
                        "train.stop_at is %g, but the run has no validation: see "
                        "train.validate_every and the settings of data",
                        session->options.stop_at);
    return HTH_OK;
}

void hth_stop_note(hth_counters *counters, double metric) {
    memmove(counters->recent + 1, counters->recent, (HTH_STOP_MOST - 1) * sizeof metric);
    counters->recent[0] = metric;
}

bool hth_stop_reached(const hth_session *session, const hth_counters *counters) {
    const double goal = session->options.stop_at;
    double sum = 0;
    if (goal < 0) return false;
    for (int64_t i = 0; i < session->options.stop_over; i++) sum += counters->recent[i];
    /* NAN while there are too few validations; the comparison is then false */
    const double mean = sum / (double)session->options.stop_over;
    return session->metric.kind->rises ? mean >= goal : mean <= goal;
}

bool hth_stop_waited(const hth_session *session, const hth_counters *counters) {
    const uint64_t patience = (uint64_t)session->options.patience;
    return patience > 0 && counters->validations >= patience;
}
