/* Results that are being loaded; results.c and sums.c share it. */
#ifndef HTH_LOADING_H
#define HTH_LOADING_H

#include "compare/results.h"
#include "compare/store/store.h"

/* The data of one run while its variant is summed up. */
typedef struct hth_gathered {
    const hth_stored_run *run;
    double *values, *smooth;  /* the measure, at each line that has it; smooth: after hth_smooth */
    uint64_t *steps, *places; /* places[i]: which point of the curve line i belongs to */
    size_t count, at;         /* at: the next line to use */
    double final;
    bool spikes; /* the run's lines have spike rates */
} hth_gathered;

/* The state while results are loaded. */
typedef struct hth_loading {
    hth_store *store;
    hth_comparison *result;
    size_t measure; /* index in hth_compare_measures */
    char loss[64];
    hth_stored_variant *variants;
    hth_stored_run *runs;
    size_t variant_count, run_count;
    hth_gathered *own; /* one for each run of any variant */
    hth_error *error;
} hth_loading;

/* ---- results.c ---------------------------------------------------------------------------------- */

hth_status hth_loading_no_memory(const hth_loading *loading);

/* ---- sums.c: the runs of a variant -------------------------------------------------------------- */

/* The numbers of a row and its curve. every: train.report_every; 0: not given. */
hth_status hth_loading_fill_row(const hth_loading *loading, const hth_stored_variant *variant,
                                uint64_t every, hth_compared *row);

#endif
