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

/* How sure the read of step t is, if it counts; else 0. */
static double sure(const hth_reads *reads, size_t t, double quiet) {
    const hth_row_read *best = NULL;
    for (size_t i = reads->first[t]; i < reads->first[t + 1]; i++)
        if (!best || reads->rows[i].weight > best->weight) best = &reads->rows[i];
    if (!best || !((double)t - (double)best->step > quiet)) return 0;
    const double certainty = reads->strengths ? reads->strengths[t] : best->weight;
    return certainty > (reads->strengths ? 2 : 0.5) ? certainty : 0;
}

/* Whether row i is among the `most` of step t's read that have the largest weights; of equals the older go before. */
static bool is_among(const hth_reads *reads, size_t t, size_t most, size_t i) {
    size_t before = 0;
    for (size_t j = reads->first[t]; j < reads->first[t + 1] && before < most; j++)
        before += reads->rows[j].weight > reads->rows[i].weight ||
                  (reads->rows[j].weight == reads->rows[i].weight && j < i);
    return before < most;
}

/* The value of step t's read goes to the steps that it remembers. */
static void move_value(const hth_transport_form *how, const hth_reads *reads, size_t t,
                       double quiet, double value, double *rewards) {
    const size_t count = reads->first[t + 1] - reads->first[t];
    const bool all = how->rows == 0 || count <= how->rows;
    for (size_t i = reads->first[t]; i < reads->first[t + 1]; i++) {
        const hth_row_read *row = &reads->rows[i];
        if (!((double)t - (double)row->step > quiet)) continue;
        if (all || is_among(reads, t, how->rows, i))
            rewards[row->step] += how->share * row->weight * value;
    }
}

void hth_transport(const hth_transport_form *how, const hth_reads *reads, size_t steps,
                   const double *values, double *rewards) {
    const double quiet = how->gamma < 1 ? floor(1 / (1 - how->gamma)) : 25;
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
        move_value(how, reads, surest, quiet, values[surest + how->next], rewards);
    }
}
