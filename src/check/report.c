/* Rows of a check, and sentences. */
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

void hth_check_report_draws(hth_check_run *run, const char *claim, const char *block,
                            const hth_nearness *n, double limit, double deviation) {
    const hth_check_row row = {.claim = claim,
                               .block = block,
                               .relative_error = n->relative_error,
                               .cosine = n->cosine,
                               .tolerance = limit,
                               .deviation = deviation,
                               .passed = !n->not_finite && n->relative_error <= limit};
    run->rows++;
    if (!row.passed && run->failed++ == 0)
        snprintf(run->first_failed, sizeof run->first_failed, "%s, %s: relative error %.2g", claim,
                 block, n->relative_error);
    if (run->row) run->row(run->context, &row);
}

void hth_check_report(hth_check_run *run, const char *claim, const char *block,
                      const hth_nearness *n, double tolerance, double noise) {
    /* Where the gradient is tiny, rounding of the loss is what limits the comparison. */
    const double limit = n->largest > 0 ? fmax(tolerance, noise / n->largest) : tolerance;
    hth_check_report_draws(run, claim, block, n, limit, (double)NAN);
}
