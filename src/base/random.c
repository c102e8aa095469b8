/*
 * Philox4x32-10: a block cipher's shape without its secrecy. Ten rounds of two 32 x 32 -> 64 bit
 * products turn a counter of 128 bits and a key of 64 bits into 128 random bits (Salmon et al. 2011,
 * "Parallel random numbers: as easy as 1, 2, 3", section 5.3). There is no state: a draw costs one
 * call, about 20 multiplications, wherever in the sequence it lies.
 *
 * key = seed; counter = (index, purpose, stream). Different seeds, purposes and streams therefore
 * never share a block.
 */
#include "base/random.h"

#include "base/functions64.h"

void hth_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)UINT32_C(0xD2511F53) * c0;
        uint64_t p1 = (uint64_t)UINT32_C(0xCD9E8D57) * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += UINT32_C(0x9E3779B9); /* golden ratio */
        k1 += UINT32_C(0xBB67AE85); /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void hth_random_words(const hth_random *r, uint64_t index, uint64_t out[2]) {
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), r->purpose, r->stream};
    uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
    uint32_t block[4];
    hth_philox(counter, key, block);
    out[0] = block[0] | (uint64_t)block[1] << 32;
    out[1] = block[2] | (uint64_t)block[3] << 32;
}

/* The upper 53 bits, as many as a double's significand holds. */
static double unit(uint64_t word) {
    return (double)(word >> 11) * 0x1p-53;
}

double hth_random_uniform(const hth_random *r, uint64_t index) {
    uint64_t w[2];
    hth_random_words(r, index, w);
    return unit(w[0]);
}

/* Box & Muller 1958. The sine's half of the pair is given up, so that a draw has an index of its own. */
double hth_random_normal(const hth_random *r, uint64_t index) {
    uint64_t w[2];
    hth_random_words(r, index, w);
    const double above_zero = 1.0 - unit(w[0]); /* the logarithm is finite */
    const double radius = sqrt(-2.0 * hth_log64(above_zero));
    return radius * hth_cos_turns64(unit(w[1]));
}

/* Upper half of the 128-bit product, in plain C11. */
static uint64_t product_high(uint64_t a, uint64_t b) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t low = a0 * b1 + (uint32_t)middle;
    return a1 * b1 + (middle >> 32) + (low >> 32);
}

/* floor(word * bound / 2^64): no rejection, hence one draw, and a bias below bound / 2^64. */
uint64_t hth_random_below(const hth_random *r, uint64_t index, uint64_t bound) {
    uint64_t w[2];
    hth_random_words(r, index, w);
    return product_high(w[0], bound);
}
