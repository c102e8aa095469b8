/*
 * Multiply-add where no instruction rounds once (base/fma.h): the one of float that is made of double has the bits of
 * the C library's, on numbers of all magnitudes, and on sums that lie in the middle of two floats or next to it, large
 * and subnormal. A sum in double that is rounded to float has not: the test has such sums.
 */
#include "base/fma.h"
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { DRAWS = 200000 };

static float float_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool same(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

typedef struct counts {
    int wrong, twice; /* fmaf is not found; the sum that is rounded twice differs */
} counts;

static void compare(float a, float b, float c, counts *all) {
    const float right = fmaf(a, b, c);
    all->wrong += !same(hth_fma32_by_double(a, b, c), right);
    all->twice += !same((float)((double)a * (double)b + (double)c), right);
}

/* Any three floats, infinities and what is no number among them. */
static void any_floats(void **state) {
    (void)state;
    const hth_random random = {.seed = 1};
    counts all = {0, 0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t words[2];
        hth_random_words(&random, i, words);
        compare(float_of((uint32_t)words[0]), float_of((uint32_t)(words[0] >> 32)),
                float_of((uint32_t)words[1]), &all);
    }
    assert_int_equal(all.wrong, 0);
}

/* c +- (1 - 2^-2k) of half its last place: the sum in double is the middle of two floats, and the right one is the
 * nearer. `whole` is c in units of its last place, 2^exponent. */
static void near_middle(uint32_t whole, int exponent, int k, counts *all) {
    const int half = exponent - 1, first = half / 2;
    const float c = ldexpf((float)whole, exponent), tiny = ldexpf(1, -k);
    const float a = ldexpf(1 + tiny, first), b = ldexpf(1 - tiny, half - first);
    compare(a, b, c, all);
    compare(-a, b, c, all);
    compare(a, b, -c, all);
    compare(-a, -b, -c, all);
}

static void middles_of_normal_floats(void **state) {
    (void)state;
    const hth_random random = {.seed = 2};
    counts all = {0, 0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t words[2];
        hth_random_words(&random, i, words);
        near_middle(0x800000 + (uint32_t)(words[0] & 0x7fffff), (int)(words[1] % 200) - 140,
                    16 + (int)(i % 8), &all);
    }
    assert_int_equal(all.wrong, 0);
    assert_true(all.twice > DRAWS); /* of four that are tried each time, two or so */
}

static void middles_of_subnormal_floats(void **state) {
    (void)state;
    const hth_random random = {.seed = 3};
    counts all = {0, 0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t words[2];
        hth_random_words(&random, i, words);
        near_middle((uint32_t)(words[0] & 0x7fffff) >> (words[1] % 20), -149, 16 + (int)(i % 8),
                    &all);
    }
    assert_int_equal(all.wrong, 0);
    assert_true(all.twice > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_floats),
        cmocka_unit_test(middles_of_normal_floats),
        cmocka_unit_test(middles_of_subnormal_floats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
