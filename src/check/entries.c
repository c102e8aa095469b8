/*
 * Compares each entry of a cell's table with central differences of the cell's step, without a network around it.
 * So a wrong derivative is reported by its own name.
 */
#include "check/entries.h"

#include "network/inspect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The rows of one layer. zeros: number of entries that are 0 both in the table and in the differences. */
typedef struct table_rows {
    hth_check_run *run;
    char claim[80];
    size_t zeros;
    char not_compared[200]; /* names of the entries that could not be compared */
} table_rows;

static void list_name(table_rows *rows, const char *name) {
    const size_t used = strlen(rows->not_compared);
    snprintf(rows->not_compared + used, sizeof rows->not_compared - used, "%s%s", used ? ", " : "",
             name);
}

/* Writes "B[h][u] of gru: the table says 0.213, differences say 0.104" for the place where the two differ most. */
static void tell_worst(const hth_entry_trial *trial, char *out, size_t size) {
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < trial->count; i++) {
        const double apart = fabs((double)trial->table[i] - (double)trial->differences[i]);
        if (apart <= most) continue;
        worst = i;
        most = isfinite(apart) ? apart : (double)INFINITY;
    }
    snprintf(out, size, "%s of %s: the table says %.3g, differences say %.3g", trial->name,
             trial->cell, (double)trial->table[worst], (double)trial->differences[worst]);
}

static double largest_of(const hth_entry_trial *trial) {
    double largest = 0;
    for (size_t i = 0; i < trial->count; i++)
        largest = fmax(largest, fabs((double)trial->table[i]));
    return largest;
}

static void take_entry(void *context, const hth_entry_trial *trial) {
    table_rows *rows = context;
    /* Measure how near the table is to the differences. */
    const hth_nearness nearness = hth_nearness_of(trial->table, trial->differences, trial->count);
    const double largest = largest_of(trial);
    char worst[160];
    snprintf(rows->claim, sizeof rows->claim, "cell %.40s = finite differences", trial->cell);
    /* 0 in both: only counted. */
    if (trial->count > 0 && !nearness.not_finite && largest == 0 &&
        nearness.largest <= trial->noise) {
        rows->zeros++;
        return;
    }
    /* No place where it is defined, or all of it lost in rounding: listed as not compared. */
    if (trial->count == 0 || 10 * trial->noise > fmax(largest, nearness.largest)) {
        list_name(rows, trial->name);
        return;
    }
    /* Report all other entries as a row. */
    tell_worst(trial, worst, sizeof worst);
    hth_check_report_entry(rows->run, rows->claim, trial->name, &nearness, trial->tolerance,
                           trial->noise, worst);
}

hth_status hth_check_entries(hth_check_run *run, const hth_network *network, size_t layer,
                             bool z_is_smooth, hth_error *error) {
    static const hth_nearness equal = {.cosine = 1};
    table_rows rows = {.run = run};
    HTH_TRY(hth_try_entries(network, layer, z_is_smooth, take_entry, &rows, error));
    if (rows.not_compared[0])
        hth_check_tell(run, "Of the %.40s, not compared: %s. %s", rows.claim, rows.not_compared,
                       z_is_smooth ? "Rounding leaves nothing of their differences."
                                   : "They come of the derivative of a spike, which is a step and "
                                     "has none: the table has a pseudo-derivative.");
    if (rows.zeros > 0)
        hth_check_report_entry(run, rows.claim, "all others, 0", &equal, 0, 0, NULL);
    return HTH_OK;
}
