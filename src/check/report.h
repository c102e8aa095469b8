/* What a check tells: a row for each comparison. */
#ifndef HTH_CHECK_REPORT_H
#define HTH_CHECK_REPORT_H

#include "check/nearness.h"
#include "files/observer.h"

/* One comparison of two gradients over one parameter block, or of a derivative in a cell's table. */
typedef struct hth_check_row {
    const char *claim; /* "bptt = finite differences", "rtrl = bptt", ... */
    const char *block; /* or the derivative: "B[h][u]" */
    bool of_cell;      /* a derivative of a cell's table */
    const char *worst; /* where it failed: lines that say where the two differ most; else NULL */
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
/* A comparison passes up to `tolerance`, or `noise` if that is more: what rounding may add to any of the numbers. `worst`
 * (NULL: nothing) is shown where it fails. */
void hth_check_report(hth_check_run *run, const char *claim, const char *block,
                      const hth_nearness *nearness, double tolerance, double noise,
                      const char *worst);

/* The same of a mean of draws, whose single ones deviate by `deviation` (relative, 2-norm). */
void hth_check_report_draws(hth_check_run *run, const char *claim, const char *block,
                            const hth_nearness *nearness, double tolerance, double deviation,
                            const char *worst);

/* The same of a derivative in a cell's table. */
void hth_check_report_entry(hth_check_run *run, const char *claim, const char *entry,
                            const hth_nearness *nearness, double tolerance, double noise,
                            const char *worst);

#endif
