/* What a check tells: a row for each comparison. */
#ifndef HTH_CHECK_REPORT_H
#define HTH_CHECK_REPORT_H

#include "check/nearness.h"
#include "files/observer.h"

/* One comparison of two gradients over one parameter block. */
typedef struct hth_check_row {
    const char *claim; /* "bptt = finite differences", "rtrl = bptt", ... */
    const char *block;
    double relative_error, cosine, tolerance; /* cosine NAN: both gradients are zero */
    double deviation; /* of one draw, relative, where the row is of a mean over draws; else NAN */
    bool passed;
} hth_check_row;

/* A check that is under way. */
typedef struct hth_check_run {
    const hth_observer *observer;
    void (*row)(void *context, const hth_check_row *row);
    void *context;
    size_t rows, failed;
    char first_failed[160];
} hth_check_run;

void hth_check_tell(const hth_check_run *run, const char *format, ...) HTH_PRINTF(2, 3);
bool hth_check_stopped(const hth_check_run *run);
void hth_check_report(hth_check_run *run, const char *claim, const char *block,
                      const hth_nearness *nearness, double tolerance, double noise);

/* The same of a mean of draws, whose single ones deviate by `deviation` (relative, 2-norm). */
void hth_check_report_draws(hth_check_run *run, const char *claim, const char *block,
                            const hth_nearness *nearness, double tolerance, double deviation);

#endif
