/* Reports rows and sentences of a check. */
#include "check/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void hth_check_tell(const hth_check_run *run, const char *format, ...) {
    char sentence[600];
    va_list arguments;
    if (!run->observer->message) return;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    run->observer->message(run->observer->context, sentence);
}

bool hth_check_stopped(const hth_check_run *run) {
    return run->observer->interrupted && *run->observer->interrupted;
}

/* Completes the row with the nearness, counts it and passes it on. */
static void show(hth_check_run *run, hth_check_row row, const hth_nearness *n) {
    row.relative_error = n->relative_error;
    row.cosine = n->cosine;
    row.passed = !n->not_finite && n->relative_error <= row.tolerance;
    if (row.passed) row.worst = NULL;
    run->rows++;
    if (!row.passed && run->failed++ == 0)
        snprintf(run->first_failed, sizeof run->first_failed, "%s, %s: relative error %.2g",
                 row.claim, row.block, n->relative_error);
    if (run->row) run->row(run->context, &row);
}

/* The tolerance, or more where the numbers are so small that rounding limits the comparison. */
static double limit_of(const hth_nearness *n, double tolerance, double noise) {
    return n->largest > 0 ? fmax(tolerance, noise / n->largest) : tolerance;
}

void hth_check_report(hth_check_run *run, const char *claim, const char *block,
                      const hth_nearness *n, double tolerance, double noise, const char *worst) {
    hth_check_report_draws(run, claim, block, n, limit_of(n, tolerance, noise), (double)NAN, worst);
}

void hth_check_report_draws(hth_check_run *run, const char *claim, const char *block,
                            const hth_nearness *n, double limit, double deviation,
                            const char *worst) {
    const hth_check_row row = {
        .claim = claim, .block = block, .worst = worst, .tolerance = limit, .deviation = deviation};
    show(run, row, n);
}

void hth_check_report_entry(hth_check_run *run, const char *claim, const char *entry,
                            const hth_nearness *n, double tolerance, double noise,
                            const char *worst) {
    const hth_check_row row = {.claim = claim,
                               .block = entry,
                               .of_cell = true,
                               .worst = worst,
                               .tolerance = limit_of(n, tolerance, noise),
                               .deviation = (double)NAN};
    show(run, row, n);
}
