/*
 * Mel-frequency cepstra (Davis & Mermelstein 1980) with the conventions of The HTK Book, sections 5.2-5.6. For each
 * window of N samples s_0..s_{N-1}:
 *
 *     s'_n = s_n - k s_{n-1},  s'_0 = (1 - k) s_0             pre-emphasis
 *     x_n  = s'_n (0.54 - 0.46 cos(2 pi n / (N - 1)))         Hamming
 *     X_k  = |FFT(x)|, or its square                          padded with zeros to a power of two
 *     m_j  = log max(1, sum_k w_jk X_k)                       w: triangles, equal and half overlapping
 *                                                             in mel(f) = 1127 ln(1 + f / 700)
 *     c_i  = sqrt(2 / J) sum_{j=1}^{J} m_j cos(pi i (j - 1/2) / J)
 *     c_i *= 1 + L / 2 sin(pi i / L)                          liftering
 *
 * The mean of the samples is not subtracted. All is computed in double and in a fixed order: the same sound gives
 * the same bits. The transform is a plain radix-2 one, O(N log N). For 512 points it takes about as long as the
 * filters and the cosine transform together.
 */
#include "data/mfcc.h"

#include "base/functions64.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1 << 20 }; /* longest window, in samples */

/* All in one block: first the tables, then scratch memory. */
struct hth_mfcc {
    hth_mfcc_options options;
    size_t window, step, points, bins; /* points: length of the transform; bins: points / 2 + 1 */
    size_t filters, cepstra;           /* J; numceps + 1 */
    double *hamming;                   /* [window] */
    double *cosine, *sine;             /* [points / 2]: exp(-2 pi i k / points) */
    double *filter;                    /* [filters][bins] */
    size_t *first, *end;               /* [filters]: range of bins in which a filter is not 0 */
    double *transform;                 /* [cepstra][filters], with liftering */
    double *re, *im;                   /* [points] */
    double *energy;                    /* [filters] */
};

/* ---- Laying out --------------------------------------------------------------------------- */

static void lay_out(hth_mfcc *m, hth_arena *arena) {
    HTH_TAKE(arena, hth_mfcc, 1);
    m->hamming = HTH_TAKE(arena, double, m->window);
    m->cosine = HTH_TAKE(arena, double, m->points / 2);
    m->sine = HTH_TAKE(arena, double, m->points / 2);
    m->filter = HTH_TAKE(arena, double, hth_times(m->filters, m->bins));
    m->first = HTH_TAKE(arena, size_t, m->filters);
    m->end = HTH_TAKE(arena, size_t, m->filters);
    m->transform = HTH_TAKE(arena, double, hth_times(m->cepstra, m->filters));
    m->re = HTH_TAKE(arena, double, m->points);
    m->im = HTH_TAKE(arena, double, m->points);
    m->energy = HTH_TAKE(arena, double, m->filters);
}

static void fill_tables(hth_mfcc *m) {
    const double last = m->window > 1 ? (double)(m->window - 1) : 1;
    /* Fill the tables of the window and of the Fourier transform. */
    for (size_t n = 0; n < m->window; n++)
        m->hamming[n] = 0.54 - 0.46 * hth_cos_turns64((double)n / last);
    for (size_t k = 0; k < m->points / 2; k++) {
        m->cosine[k] = hth_cos_turns64((double)k / (double)m->points);
        m->sine[k] = -hth_sin_turns64((double)k / (double)m->points);
    }
    /* The cosine transform, with liftering. */
    const double count = (double)m->filters, lifter = m->options.ceplifter;
    for (size_t i = 0; i < m->cepstra; i++) {
        const double lift =
            lifter > 0 ? 1 + lifter / 2 * hth_sin_turns64((double)i / (2 * lifter)) : 1;
        for (size_t j = 0; j < m->filters; j++)
            m->transform[i * m->filters + j] =
                lift * sqrt(2 / count) *
                hth_cos_turns64((double)i * ((double)j + 0.5) / (2 * count));
    }
}

static double mel(double frequency) {
    return 1127 * hth_log64(1 + frequency / 700);
}

/* Fills the filters. Triangle j rises from centre j to centre j + 1 and falls to centre j + 2. Refuses a filter so
 * narrow that it contains no bin. */
static hth_status fill_filters(hth_mfcc *m, double rate, hth_error *error) {
    /* The range of the filters in mel, and the distance between centres. */
    const double low = mel(m->options.lofreq);
    const double high = mel(m->options.hifreq > 0 ? m->options.hifreq : rate / 2);
    const double width = (high - low) / (double)(m->filters + 1);
    for (size_t j = 0; j < m->filters; j++) m->first[j] = m->bins;
    /* Compute the weight of each bin in each filter. */
    for (size_t k = 0; k < m->bins; k++) {
        const double centres = (mel((double)k * rate / (double)m->points) - low) / width;
        for (size_t j = 0; j < m->filters; j++) {
            const double at = centres - (double)j, weight = at < 1 ? at : 2 - at;
            if (!(weight > 0)) continue;
            m->filter[j * m->bins + k] = weight;
            if (m->first[j] == m->bins) m->first[j] = k;
            m->end[j] = k + 1;
        }
    }
    /* Refuse a filter without a bin. */
    for (size_t j = 0; j < m->filters; j++)
        if (m->first[j] == m->bins)
            return hth_fail(
                error, HTH_INVALID,
                "data.numchans is %zu, but then filter %zu lies between two frequencies of "
                "the %zu-point spectrum: take fewer, or a longer data.window",
                m->filters, j + 1, m->points);
    return HTH_OK;
}

/* ---- Creating ----------------------------------------------------------------------------- */

/* Rounds ms to a whole number of samples, at least 1. */
static hth_status samples_of(const char *name, double ms, int rate, size_t *out, hth_error *error) {
    const double samples = floor(ms * rate / 1000 + 0.5);
    *out = (size_t)samples;
    if (samples >= 1 && samples <= LONGEST) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "data.%s is %g ms, which is %.0f samples at %d Hz, but must be 1 to %d", name,
                    ms, samples, rate, LONGEST);
}

static hth_status check(const hth_mfcc_options *o, int rate, hth_error *error) {
    if (rate < 1)
        return hth_fail(error, HTH_INVALID,
                        "the sound has %d samples a second, but must have at least 1", rate);
    if (o->numceps >= o->numchans)
        return hth_fail(error, HTH_INVALID,
                        "data.numceps is %lld, but must be below data.numchans, which is %lld",
                        (long long)o->numceps, (long long)o->numchans);
    const double high = o->hifreq > 0 ? o->hifreq : rate / 2.0;
    if (high > rate / 2.0 || o->lofreq >= high)
        return hth_fail(
            error, HTH_INVALID,
            "data.lofreq is %g Hz and data.hifreq %g Hz, but the first must be below the "
            "second and that at most %g Hz, half of the rate",
            o->lofreq, high, rate / 2.0);
    return HTH_OK;
}

hth_status hth_mfcc_measure(const hth_mfcc_options *options, int rate, size_t *window,
                            hth_error *error) {
    HTH_TRY(check(options, rate, error));
    return samples_of("window", options->window, rate, window, error);
}

hth_status hth_mfcc_create(const hth_mfcc_options *options, int rate, hth_mfcc **out,
                           hth_error *error) {
    hth_mfcc plan = {.options = *options, .points = 2};
    /* Find the sizes of all tables. */
    HTH_TRY(hth_mfcc_measure(options, rate, &plan.window, error));
    HTH_TRY(samples_of("step", options->step, rate, &plan.step, error));
    while (plan.points < plan.window) plan.points *= 2;
    plan.bins = plan.points / 2 + 1;
    plan.filters = (size_t)options->numchans;
    plan.cepstra = (size_t)options->numceps + 1;
    /* The memory: measured first, then laid out. */
    hth_arena arena = {0};
    lay_out(&plan, &arena);
    hth_mfcc *m = hth_allocate(NULL, arena.used);
    if (!m) return hth_fail(error, HTH_NO_MEMORY, "speech: not enough memory for the spectrum");
    arena = (hth_arena){.base = (char *)m};
    *m = plan;
    lay_out(m, &arena);
    /* Fill the tables. */
    fill_tables(m);
    hth_status status = fill_filters(m, rate, error);
    if (status == HTH_OK)
        *out = m;
    else
        hth_release(m);
    return status;
}

void hth_mfcc_destroy(hth_mfcc *mfcc) {
    hth_release(mfcc);
}

size_t hth_mfcc_window(const hth_mfcc *mfcc) {
    return mfcc->window;
}

size_t hth_mfcc_step(const hth_mfcc *mfcc) {
    return mfcc->step;
}

size_t hth_mfcc_frames(const hth_mfcc *mfcc, size_t samples) {
    return samples < mfcc->window ? 0 : (samples - mfcc->window) / mfcc->step + 1;
}

/* ---- Running ------------------------------------------------------------------------------ */

static void swap(double *a, double *b) {
    const double kept = *a;
    *a = *b;
    *b = kept;
}

/* The Fourier transform (Cooley & Tukey 1965), in place: reverses the bits of the index, then runs butterflies of
 * growing span. */
static void transform(const hth_mfcc *m, double *re, double *im) {
    /* Reorder the numbers: the bits of each index are reversed. */
    for (size_t i = 1, j = 0; i < m->points; i++) {
        size_t bit = m->points / 2;
        for (; j & bit; bit /= 2) j ^= bit;
        j |= bit;
        if (i < j) swap(&re[i], &re[j]), swap(&im[i], &im[j]);
    }
    /* Run the butterflies. */
    for (size_t half = 1; half < m->points; half *= 2) {
        const size_t stride = m->points / 2 / half;
        for (size_t start = 0; start < m->points; start += 2 * half)
            for (size_t k = 0; k < half; k++) {
                const size_t a = start + k, b = a + half;
                const double c = m->cosine[k * stride], s = m->sine[k * stride];
                const double x = re[b] * c - im[b] * s, y = re[b] * s + im[b] * c;
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
    }
}

static void frame(hth_mfcc *m, const double *samples, double *out) {
    /* Pre-emphasis, the Hamming window and the transform. */
    const double k = m->options.preemcoef;
    memset(m->re, 0, m->points * sizeof *m->re);
    memset(m->im, 0, m->points * sizeof *m->im);
    for (size_t n = 0; n < m->window; n++)
        m->re[n] = (samples[n] - k * samples[n ? n - 1 : 0]) * m->hamming[n];
    transform(m, m->re, m->im);
    /* Compute the magnitude of each bin, or its square. */
    for (size_t b = 0; b < m->bins; b++) {
        const double power = m->re[b] * m->re[b] + m->im[b] * m->im[b];
        m->re[b] = m->options.usepower ? power : sqrt(power);
    }
    /* Sum the bins of each filter and take the logarithm. */
    for (size_t j = 0; j < m->filters; j++) {
        double sum = 0;
        for (size_t b = m->first[j]; b < m->end[j]; b++)
            sum += m->filter[j * m->bins + b] * m->re[b];
        m->energy[j] = hth_log64(sum > 1 ? sum : 1);
    }
    /* Transform the filters' outputs to cepstra. */
    for (size_t i = 0; i < m->cepstra; i++) {
        out[i] = 0;
        for (size_t j = 0; j < m->filters; j++)
            out[i] += m->transform[i * m->filters + j] * m->energy[j];
    }
}

void hth_mfcc_run(hth_mfcc *mfcc, const double *samples, size_t count, double *out) {
    const size_t frames = hth_mfcc_frames(mfcc, count);
    for (size_t t = 0; t < frames; t++)
        frame(mfcc, samples + t * mfcc->step, out + t * mfcc->cepstra);
}
