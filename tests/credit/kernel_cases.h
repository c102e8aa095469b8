/* What tests of KeRNL share: networks, and what the learner keeps. */
#ifndef HTH_TEST_KERNEL_CASES_H
#define HTH_TEST_KERNEL_CASES_H

#include "laws.h"

#include "credit/handles.h"
#include "credit/past/kernel.h"

static const law_case rate = {
    "cell.name=rate cell.alpha=0.4 network.units=6 loss.batch=sum", 3, 0, 2, 14, 2, false, true};
static const law_case leaky = {
    "cell.name=rate cell.alpha=0.3 network.units=5 readout.kappa=0.7 readout.scale=true",
    2,
    0,
    3,
    14,
    2,
    false,
    false};
static const law_case lstm = {
    "cell.name=lstm network.units=5 readout.kappa=0.6", 3, 0, 2, 12, 2, false, false};

static inline hth_kernel *kernel_of(const handles *h) {
    return h->learner->past.kept;
}

/* The largest difference. */
static inline double distance(size_t count, const hth_real *a, const hth_real *b) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

#endif
