/* The postsynaptic factor of Clopath et al. 2010, in place of a pseudo-derivative. */
#ifndef HTH_CLOPATH_H
#define HTH_CLOPATH_H

#include "network/tape.h"

typedef struct hth_clopath {
    double tau, low, high; /* in steps; in units of v_th */
    int trace;             /* HTH_CLOPATH_MEAN, _SUM */
} hth_clopath;

enum { HTH_CLOPATH_MEAN, HTH_CLOPATH_SUM };

/* The options, `base` being the offset of the hth_clopath in the part's options struct. */
#define HTH_CLOPATH_OPTIONS(base)                                                                  \
    {.name = "clopath_tau",                                                                        \
     .help = "postsynaptic = clopath: time constant of the filtered voltage, in steps",            \
     .fallback = "10",                                                                             \
     .kind = HTH_KIND_REAL,                                                                        \
     .min = 1e-3,                                                                                  \
     .max = 1e9,                                                                                   \
     .offset = (base) + offsetof(hth_clopath, tau)},                                               \
        {.name = "clopath_low",                                                                    \
         .help = "postsynaptic = clopath: v-, the threshold of the filtered voltage, in units of " \
                 "cell.v_th",                                                                      \
         .fallback = "0.25",                                                                       \
         .kind = HTH_KIND_REAL,                                                                    \
         .min = -1e6,                                                                              \
         .max = 1e6,                                                                               \
         .offset = (base) + offsetof(hth_clopath, low)},                                           \
        {.name = "clopath_high",                                                                   \
         .help = "postsynaptic = clopath: v+, the threshold of the voltage itself, in units of "   \
                 "cell.v_th",                                                                      \
         .fallback = "0",                                                                          \
         .kind = HTH_KIND_REAL,                                                                    \
         .min = -1e6,                                                                              \
         .max = 1e6,                                                                               \
         .offset = (base) + offsetof(hth_clopath, high)},                                          \
    {                                                                                              \
        .name = "clopath_trace",                                                                   \
        .help = "postsynaptic = clopath: the filtered voltage is a mean, q v' + (1 - q) v, or a "  \
                "sum, q v' + v (q = exp(-1/clopath_tau))",                                         \
        .fallback = "mean", .kind = HTH_KIND_CHOICE,                                               \
        .choices = (const char *const[]){"mean", "sum", NULL},                                     \
        .offset = (base) + offsetof(hth_clopath, trace)                                            \
    }

/* Whether a cell has a voltage and a threshold. */
bool hth_clopath_fits(const hth_cell *cell);

/* Sets post[K][batch][n] of a layer, and takes its filtered voltage, vhat[batch][n], over the tape. */
void hth_clopath_factor(const hth_clopath *options, const hth_tape *tape, size_t layer,
                        hth_real *vhat, hth_real *post);

#endif
