/*
 * A sample of all that has come, from which sequences are drawn the more often the larger their loss was when they were
 * last replayed (Schaul et al. 2016, section 3.3 and 3.4). Of N sequences that are held,
 *
 *     p_i = (loss_i + 1e-6)^a        P_i = p_i / sum_k p_k        w_i = (N P_i)^-b / max_k (N P_k)^-b
 *
 * and the loss of a sequence counts w_i, which takes back, with b = 1, what the draws prefer. Where nothing is known of
 * a sequence, it has the largest loss of all.
 */
#include "tasks/replay/part.h"

#include "base/functions64.h"

static const hth_option options[] = {
    HTH_REPLAY_OPTIONS{.name = "exponent",
                       .help = "a of p = loss^a, by which sequences are drawn; 0: all alike",
                       .fallback = "0.6",
                       .kind = HTH_KIND_REAL,
                       .min = 0,
                       .max = 10,
                       HTH_REPLAY_OPTION(exponent)},
    {.name = "correction",
     .help = "b of w = (N P)^-b, which the loss of a sequence that is drawn with probability P "
             "counts, beside the largest w; 1 takes back what the draws prefer, 0 nothing",
     .fallback = "0.4",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1,
     HTH_REPLAY_OPTION(correction)},
};

static double power(double x, double exponent) {
    return exponent == 0 ? 1 : hth_exp64(exponent * hth_log64(x));
}

static int64_t place(hth_replay_slots *s, int32_t class) {
    (void)class;
    const int64_t slot = hth_replay_sample(s);
    double most = 0;
    for (size_t i = 0; i < s->held; i++) most = s->losses[i] > most ? s->losses[i] : most;
    if (slot != HTH_NOT_KEPT) s->losses[slot] = s->held ? most : 1;
    return slot;
}

static void draw(hth_replay_slots *s, size_t count, uint64_t *picked, double *factors) {
    const hth_random random = {s->seed, HTH_RANDOM_REPLAY, HTH_REPLAY_DRAWS};
    const hth_replay_options *o = s->options;
    double sum = 0, least = 0;
    for (size_t i = 0; i < s->held; i++) {
        const double share = s->shares[i] = power(s->losses[i] + 1e-6, o->exponent);
        sum += share;
        least = i == 0 || share < least ? share : least;
    }
    for (size_t k = 0; k < count; k++) {
        const double at = sum * hth_random_uniform(&random, s->draws++);
        double below = s->shares[0];
        size_t i = 0;
        while (i + 1 < s->held && at >= below) below += s->shares[++i];
        picked[k] = i;
        factors[k] = power(s->shares[i] / least, -o->correction);
    }
}

const hth_replay hth_replay_prioritised = {
    .part = {.name = "prioritised",
             .summary = "as reservoir, but sequences of large loss are replayed more often",
             .source = "Schaul et al. 2016, eq. 1 and section 3.4",
             .options = {"replay", options, HTH_COUNT(options)}},
    .place = place,
    .draw = draw,
    .of_losses = true,
};
