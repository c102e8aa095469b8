/* Advantages and value transport: see returns.h. */
#include "worlds/returns.h"

#include <math.h>

void hth_advantages(size_t steps, const double *rewards, const double *values, double gamma,
                    double lambda, double *advantages) {
    double next = 0;
    for (size_t t = steps; t-- > 0;) {
        const double delta = rewards[t] + gamma * values[t + 1] - values[t];
        next = advantages[t] = delta + gamma * lambda * next;
    }
}

/* ---- Value transport ------------------------------------------------------------------------ */

/* How much the surest row of step t has of its read, if it counts; else 0. */
static double sure(const hth_reads *reads, size_t t, double quiet) {
    const hth_row_read *best = NULL;
    for (size_t i = reads->first[t]; i < reads->first[t + 1]; i++)
        if (!best || reads->rows[i].weight > best->weight) best = &reads->rows[i];
    const bool counts = best && best->weight > 0.5 && (double)t - (double)best->step > quiet;
    return counts ? best->weight : 0;
}

void hth_transport(size_t steps, const double *values, double gamma, double share,
                   const hth_reads *reads, double *rewards) {
    const double quiet = gamma < 1 ? floor(1 / (1 - gamma)) : 25;
    for (size_t t = 0; t < steps; t++) {
        /* The surest step of the run that begins here. */
        size_t surest = t;
        double most = sure(reads, t, quiet);
        if (most == 0) continue;
        for (; t + 1 < steps; t++) {
            const double next = sure(reads, t + 1, quiet);
            if (next == 0) break;
            if (next > most) surest = t + 1;
            if (next > most) most = next;
        }
        /* Its value goes to the steps that it remembers. */
        for (size_t i = reads->first[surest]; i < reads->first[surest + 1]; i++) {
            const hth_row_read *row = &reads->rows[i];
            if ((double)surest - (double)row->step > quiet)
                rewards[row->step] += share * row->weight * values[surest];
        }
    }
}
