/* Philox against the vectors that Random123 publishes (tests/kat_vectors), and the laws of the draws
 * made from it: range, moments, independence of purpose, stream and index. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DRAWS = 20000 };

static const struct vector {
    uint32_t counter[4], key[2], out[4];
} vectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void test_known_answers(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(vectors); i++) {
        uint32_t out[4];
        hth_philox(vectors[i].counter, vectors[i].key, out);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

/* Negative control: every bit of counter and key matters. */
static void test_every_bit_counts(void **state) {
    (void)state;
    uint32_t zero[4], out[4], input[6];
    hth_philox(vectors[0].counter, vectors[0].key, zero);
    for (int bit = 0; bit < 192; bit++) {
        memset(input, 0, sizeof input);
        input[bit / 32] = UINT32_C(1) << bit % 32;
        hth_philox(input, input + 4, out);
        for (int word = 0; word < 4; word++) assert_int_not_equal(out[word], zero[word]);
    }
}

static void test_counter_layout(void **state) {
    (void)state;
    /* The all-ones vector reached through the public draw: the layout must never change, or old seeds
     * change their meaning. */
    hth_random r = {UINT64_MAX, UINT32_MAX, UINT32_MAX};
    uint64_t word = UINT64_C(0x41c83b0e408f276d);
    assert_true(hth_random_uniform(&r, UINT64_MAX) == (double)(word >> 11) * 0x1p-53);
    assert_true(hth_random_below(&r, UINT64_MAX, UINT64_C(1) << 32) == word >> 32);
    assert_true(hth_random_below(&r, UINT64_MAX, UINT64_C(1) << 63) == word >> 1);
}

/* Mean, variance and the correlation with a second sequence, each within 5 standard errors. */
static void check_moments(const double *a, const double *b, double mean, double variance,
                          double fourth) {
    double sum = 0, square = 0, cross = 0;
    for (size_t i = 0; i < DRAWS; i++) {
        sum += a[i];
        square += (a[i] - mean) * (a[i] - mean);
        cross += (a[i] - mean) * (b[i] - mean);
    }
    double n = DRAWS;
    assert_true(fabs(sum / n - mean) < 5 * sqrt(variance / n));
    assert_true(fabs(square / n - variance) < 5 * sqrt((fourth - variance * variance) / n));
    assert_true(fabs(cross / n) < 5 * variance / sqrt(n));
}

static double uniforms[DRAWS], normals[DRAWS], other[DRAWS];

static void test_moments(void **state) {
    (void)state;
    hth_random r = {7, HTH_RANDOM_TASK, 3};
    const hth_random others[] = {
        {8, HTH_RANDOM_TASK, 3}, {7, HTH_RANDOM_INIT, 3}, {7, HTH_RANDOM_TASK, 4}};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uniforms[i] = hth_random_uniform(&r, i);
        normals[i] = hth_random_normal(&r, i);
        assert_true(uniforms[i] >= 0 && uniforms[i] < 1);
        assert_true(isfinite(normals[i]));
    }
    for (size_t k = 0; k < HTH_COUNT(others); k++) {
        for (uint64_t i = 0; i < DRAWS; i++) other[i] = hth_random_uniform(&others[k], i);
        check_moments(uniforms, other, 0.5, 1.0 / 12, 1.0 / 80);
        for (uint64_t i = 0; i < DRAWS; i++) other[i] = hth_random_normal(&others[k], i);
        check_moments(normals, other, 0, 1, 3);
    }
    for (uint64_t i = 0; i < DRAWS; i++) other[i] = hth_random_normal(&r, i + 1);
    check_moments(normals, other, 0, 1, 3);
}

static void test_below(void **state) {
    (void)state;
    hth_random r = {1, HTH_RANDOM_SHUFFLE, 0};
    int counts[7] = {0};
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t k = hth_random_below(&r, i, 7);
        assert_true(k < 7);
        counts[k]++;
    }
    double chi2 = 0, expected = DRAWS / 7.0;
    for (int k = 0; k < 7; k++) chi2 += (counts[k] - expected) * (counts[k] - expected) / expected;
    assert_true(chi2 < 27.9); /* chi-square, 6 degrees of freedom: p = 1e-4 */
    assert_int_equal(hth_random_below(&r, 0, 1), 0);
}

/* A draw is a function of its index: neither order nor repetition matters. */
static void test_stateless(void **state) {
    (void)state;
    hth_random r = {99, HTH_RANDOM_CHECK, 1};
    double first = hth_random_normal(&r, 1000), second = hth_random_normal(&r, 5);
    assert_true(hth_random_normal(&r, 5) == second && hth_random_normal(&r, 1000) == first);
    assert_true(first != second);
    assert_true(hth_random_normal(&r, 5 + (UINT64_C(1) << 32)) != second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),  cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_counter_layout), cmocka_unit_test(test_moments),
        cmocka_unit_test(test_below),          cmocka_unit_test(test_stateless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
