/* Conventions of scaling an eligibility trace that are not those of the derivative. */
#ifndef HTH_SCALES_H
#define HTH_SCALES_H

#include "credit/learner.h"

enum { HTH_SCALE_DERIVATIVE, HTH_SCALE_ONE, HTH_SCALE_LEAK };

typedef struct hth_scales {
    int trace, filtered;
} hth_scales;

#define HTH_SCALE_CHOICES ((const char *const[]){"derivative", "one", "leak", NULL})

/* The options, `base` being the offset of the hth_scales in the part's options struct. */
#define HTH_SCALES_OPTIONS(base)                                                                   \
    {.name = "scale_trace",                                                                        \
     .help = "what a presynaptic spike adds to a trace: derivative, as much as to the drive "      \
             "(cell.scale_input); one, 1; leak, 1 - exp(-dt/tau_m). The last two are for cells "   \
             "that spike",                                                                         \
     .fallback = "derivative",                                                                     \
     .kind = HTH_KIND_CHOICE,                                                                      \
     .choices = HTH_SCALE_CHOICES,                                                                 \
     .offset = (base) + offsetof(hth_scales, trace)},                                              \
    {                                                                                              \
        .name = "scale_filtered",                                                                  \
        .help =                                                                                    \
            "what a trace adds to its copy below a leaky readout: derivative, as much as a "       \
            "spike to the readout (readout.scale); one, 1 (Bellec et al. 2019, eq. 45); leak, "    \
            "1 - kappa (NEST)",                                                                    \
        .fallback = "derivative", .kind = HTH_KIND_CHOICE, .choices = HTH_SCALE_CHOICES,           \
        .offset = (base) + offsetof(hth_scales, filtered)                                          \
    }

/* Whether the drive's gain and the leak are constants of the cell, and the drive reaches the voltage alone: for scales
 * other than derivative. */
bool hth_scales_fit(const hth_cell *cell);

/* Applies them to the errors of the tape that the learner is at: to those of the readout, which it changes, and to the
 * steady ones, by way of steady[batch][n of the layers that the readout reads], scratch. */
void hth_scales_apply(const hth_scales *scales, hth_learner *learner, hth_real *steady);

#endif
