/* Cepstra of sound against the formulae of the header, written out with a plain discrete Fourier
 * transform, sums in another order and filters from their corners; and options that make no sense. */
#include "base/random.h"
#include "data/mfcc.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double TURN = 6.283185307179586;

enum { RATE = 8000, SAMPLES = 700 };

static const hth_mfcc_options usual = {
    .window = 25, .step = 10, .preemcoef = 0.97, .numchans = 20, .numceps = 12, .ceplifter = 22};

static hth_error message;

/* Noise and a tone, at the loudness of 16-bit samples. */
static void make_sound(double *samples) {
    const hth_random random = {1, HTH_RANDOM_CHECK, 9};
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] =
            300 * hth_random_normal(&random, i) + 2000 * sin(TURN * 440 * (double)i / RATE);
}

/* |X_k| of a windowed frame by the definition, O(N) a bin. */
static double magnitude(const hth_mfcc_options *o, const double *s, size_t window, size_t points,
                        size_t k) {
    double re = 0, im = 0;
    for (size_t n = 0; n < window; n++) {
        const double before = n ? s[n - 1] : s[0];
        const double w = 0.54 - 0.46 * cos(TURN * (double)n / (double)(window - 1));
        const double x = (s[n] - o->preemcoef * before) * w;
        const double angle = TURN * (double)(k * n % points) / (double)points;
        re += x * cos(angle);
        im -= x * sin(angle);
    }
    return hypot(re, im);
}

static double to_mel(double f) {
    return 1127 * log(1 + f / 700);
}

/* The height at `at` of a triangle with these corners. */
static double triangle(double at, double left, double centre, double right) {
    if (at <= left || at >= right) return 0;
    return at <= centre ? (at - left) / (centre - left) : (right - at) / (right - centre);
}

static void reference(const hth_mfcc_options *o, const double *s, size_t window, double *out) {
    const size_t filters = (size_t)o->numchans;
    size_t points = 2;
    while (points < window) points *= 2;
    const double low = to_mel(o->lofreq), high = to_mel(o->hifreq > 0 ? o->hifreq : RATE / 2.0);
    double energy[64] = {0};
    for (size_t k = 0; k <= points / 2; k++) {
        double size = magnitude(o, s, window, points, k);
        const double at = to_mel((double)k * RATE / (double)points);
        if (o->usepower) size *= size;
        for (size_t j = 0; j < filters; j++) {
            const double width = (high - low) / ((double)filters + 1);
            const double left = low + width * (double)j;
            energy[j] += size * triangle(at, left, left + width, left + 2 * width);
        }
    }
    for (size_t i = 0; i <= (size_t)o->numceps; i++) {
        out[i] = 0;
        for (size_t j = 0; j < filters; j++)
            out[i] += log(fmax(1, energy[j])) *
                      cos(TURN / 2 * (double)i * ((double)j + 0.5) / (double)filters);
        out[i] *= sqrt(2 / (double)filters);
        if (o->ceplifter > 0)
            out[i] *= 1 + o->ceplifter / 2 * sin(TURN / 2 * (double)i / o->ceplifter);
    }
}

/* The largest difference over all frames. */
static double difference(const hth_mfcc_options *ours, const hth_mfcc_options *theirs) {
    double samples[SAMPLES], out[20 * 16], right[16], largest = 0;
    hth_mfcc *mfcc;
    make_sound(samples);
    assert_int_equal(hth_mfcc_create(ours, RATE, &mfcc, &message), HTH_OK);
    const size_t frames = hth_mfcc_frames(mfcc, SAMPLES), window = hth_mfcc_window(mfcc);
    const size_t columns = (size_t)ours->numceps + 1;
    assert_true(frames > 2 && frames * columns <= 20 * 16);
    hth_mfcc_run(mfcc, samples, SAMPLES, out);
    for (size_t t = 0; t < frames; t++) {
        reference(theirs, samples + t * hth_mfcc_step(mfcc), window, right);
        for (size_t i = 0; i < columns; i++) {
            assert_true(isfinite(out[t * columns + i]));
            largest = fmax(largest, fabs(out[t * columns + i] - right[i]));
        }
    }
    hth_mfcc_destroy(mfcc);
    return largest;
}

static void test_reference(void **state) {
    (void)state;
    hth_mfcc_options o = usual;
    assert_true(difference(&o, &o) < 1e-9);
    o.usepower = true;
    assert_true(difference(&o, &o) < 1e-9);
    o.ceplifter = 0;
    o.preemcoef = 0;
    assert_true(difference(&o, &o) < 1e-9);
    o.lofreq = 130;
    o.hifreq = 3500;
    assert_true(difference(&o, &o) < 1e-9);
    o.window = 16; /* 128 samples: a power of two, nothing is padded */
    assert_true(difference(&o, &o) < 1e-9);
}

/* Every option is felt: the reference without it gives other numbers. */
static void test_options_matter(void **state) {
    (void)state;
    hth_mfcc_options others[7];
    for (size_t i = 0; i < HTH_COUNT(others); i++) others[i] = usual;
    others[0].preemcoef = 0.9;
    others[1].numchans = 21;
    others[2].ceplifter = 0;
    others[3].lofreq = 50;
    others[4].hifreq = 3900;
    others[5].usepower = true;
    others[6].ceplifter = 21;
    for (size_t i = 0; i < HTH_COUNT(others); i++)
        assert_true(difference(&usual, &others[i]) > 1e-3);
}

static void test_frames(void **state) {
    (void)state;
    hth_mfcc *mfcc;
    assert_int_equal(hth_mfcc_create(&usual, 16000, &mfcc, &message), HTH_OK);
    assert_int_equal(hth_mfcc_window(mfcc), 400);
    assert_int_equal(hth_mfcc_step(mfcc), 160);
    assert_int_equal(hth_mfcc_frames(mfcc, 399), 0);
    assert_int_equal(hth_mfcc_frames(mfcc, 400), 1);
    assert_int_equal(hth_mfcc_frames(mfcc, 559), 1);
    assert_int_equal(hth_mfcc_frames(mfcc, 560), 2);
    assert_int_equal(hth_mfcc_frames(mfcc, 46797), 290); /* 1 + floor(46397 / 160) */
    hth_mfcc_destroy(mfcc);
}

/* Silence is finite: the logarithm has a floor of 1. */
static void test_silence(void **state) {
    (void)state;
    double samples[200] = {0}, out[13];
    hth_mfcc *mfcc;
    assert_int_equal(hth_mfcc_create(&usual, RATE, &mfcc, &message), HTH_OK);
    hth_mfcc_run(mfcc, samples, 200, out);
    for (size_t i = 0; i < 13; i++) assert_true(out[i] == 0);
    hth_mfcc_destroy(mfcc);
}

static void refuse(hth_mfcc_options options, int rate, const char *part) {
    hth_mfcc *mfcc;
    assert_int_equal(hth_mfcc_create(&options, rate, &mfcc, &message), HTH_INVALID);
    if (!strstr(message.message, part)) fail_msg("no '%s' in '%s'", part, message.message);
}

static void test_refused(void **state) {
    (void)state;
    hth_mfcc_options o = usual;
    o.numceps = 20;
    refuse(o, RATE, "data.numceps is 20, but must be below data.numchans, which is 20");
    o = usual;
    o.numchans = 200;
    refuse(o, RATE,
           "data.numchans is 200, but then filter 1 lies between two frequencies of the "
           "256-point spectrum");
    o = usual;
    o.hifreq = 4001;
    refuse(o, RATE,
           "data.hifreq 4001 Hz, but the first must be below the second and that at most "
           "4000 Hz");
    o = usual;
    o.lofreq = 4000;
    refuse(o, RATE, "data.lofreq is 4000 Hz");
    o = usual;
    o.window = 0.01;
    refuse(o, RATE, "data.window is 0.01 ms, which is 0 samples at 8000 Hz");
    refuse(usual, 0, "0 samples a second");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_options_matter),
        cmocka_unit_test(test_frames),    cmocka_unit_test(test_silence),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
