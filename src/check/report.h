/* The report of a check: a row for each comparison. */
#ifndef HTH_CHECK_REPORT_H
#define HTH_CHECK_REPORT_H

#include "check/nearness.h"
#include "files/observer.h"

/* One comparison: of two gradients over one parameter block, or of a derivative in a cell's table. */
typedef struct hth_check_row {
    const char *claim; /* "bptt = finite differences", "rtrl = bptt", ... */
    const char *block; /* the parameter block, or the derivative: "B[h][u]" */
    bool of_cell;      /* the row is about a derivative of a cell's table */
    /* after a failure: lines that say where the two differ most; otherwise NULL */
    const char *worst;
    double relative_error, cosine, tolerance; /* cosine NAN: both gradients are 0 */
    /* relative deviation of one draw, in a row about a mean over draws; otherwise NAN */
    double deviation;
    bool passed;
} hth_check_row;

/* A check in progress. */
typedef struct hth_check_run {
    const hth_observer *observer;
    void (*row)(void *context, const hth_check_row *row);
    void *context;
    size_t rows, failed;
    char first_failed[160];
} hth_check_run;

void hth_check_tell(const hth_check_run *run, const char *format, ...) HTH_PRINTF(2, 3);
bool hth_check_stopped(const hth_check_run *run);
/* Reports a comparison. It passes up to `tolerance`, or up to `noise` if that is more: `noise` is the most that
 * rounding may add to any of the numbers. `worst` is shown if it fails; NULL: nothing is shown. */
void hth_check_report(hth_check_run *run, const char *claim, const char *block,
                      const hth_nearness *nearness, double tolerance, double noise,
                      const char *worst);

/* Reports a comparison of the mean over draws; single draws deviate by `deviation` (relative, 2-norm). */
void hth_check_report_draws(hth_check_run *run, const char *claim, const char *block,
                            const hth_nearness *nearness, double tolerance, double deviation,
                            const char *worst);

/* Reports a comparison of a derivative in a cell's table. */
void hth_check_report_entry(hth_check_run *run, const char *claim, const char *entry,
                            const hth_nearness *nearness, double tolerance, double noise,
                            const char *worst);

#endif
