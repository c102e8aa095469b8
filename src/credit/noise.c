/*
 * Signs come 128 to a block of Philox, normal deviates four: two pairs of Box & Muller 1958, in loops that a
 * compiler can turn into vector code, since a learner that draws a number per unit and step spends more on
 * them than on its equations. 31 bits of a uniform: the largest deviate is 6.7.
 */
#include "credit/noise.h"

#include "kernels/elementwise.h"

#include <string.h>

static hth_random generator(const hth_noise *noise) {
    return (hth_random){noise->seed, HTH_RANDOM_LEARNER, 0};
}

static void enumerated_signs(hth_noise *noise, size_t count, hth_real *out) {
    for (size_t i = 0; i < count; i++, noise->drawn++)
        out[i] = noise->code >> (noise->drawn & 63) & 1 ? 1 : -1;
}

/* Of count <= 32 bits, lowest first. */
static void signs_of(uint32_t bits, size_t count, hth_real *out) {
    HTH_SIMD
    for (uint32_t k = 0; k < (uint32_t)count; k++)
        out[k] = (hth_real)((int32_t)(bits >> k & 1) * 2 - 1);
}

void hth_noise_signs(hth_noise *noise, size_t count, hth_real *out) {
    const hth_random r = generator(noise);
    if (noise->enumerated) {
        enumerated_signs(noise, count, out);
        return;
    }
    for (size_t i = 0; i < count; i += 128) {
        uint64_t words[2];
        hth_random_words(&r, noise->drawn++, words);
        for (size_t k = 0; k < 128 && i + k < count; k += 32) {
            const size_t left = count - i - k;
            signs_of((uint32_t)(words[k / 64] >> k % 64), left < 32 ? left : 32, out + i + k);
        }
    }
}

/* ---- Normal deviates ---- */

#ifdef HTH_DOUBLE
#define root sqrt
#else
#define root sqrtf
#endif

enum { PAIRS = 32 }; /* at a time */

static void fill_pairs(const hth_random *r, uint64_t block, size_t pairs, hth_real *out) {
    const hth_real unit = HTH_C(0x1p-31);
    int32_t length[PAIRS] = {0}, angle[PAIRS] = {0};
    for (size_t i = 0; i < pairs; i += 2) {
        uint64_t words[2];
        hth_random_words(r, block + i / 2, words);
        for (size_t k = 0; k < 2; k++) {
            length[i + k] = (int32_t)((uint32_t)words[k] >> 1);
            angle[i + k] = (int32_t)(words[k] >> 33);
        }
    }
    HTH_SIMD
    for (size_t i = 0; i < PAIRS; i++) {
        hth_real cosine, sine;
        const hth_real u = ((hth_real)length[i] + HTH_C(0.5)) * unit; /* not 0 */
        const hth_real radius = root(-2 * hth_log(u));
        hth_turn((hth_real)angle[i] * unit, &cosine, &sine);
        out[2 * i] = radius * cosine;
        out[2 * i + 1] = radius * sine;
    }
}

uint64_t hth_normal_blocks(size_t count) {
    return (count + 3) / 4;
}

void hth_normals(const hth_random *r, uint64_t block, size_t count, hth_real *out) {
    hth_real numbers[2 * PAIRS];
    for (size_t i = 0; i < count; i += 2 * PAIRS, block += PAIRS / 2) {
        const size_t left = count - i < 2 * PAIRS ? count - i : 2 * PAIRS;
        fill_pairs(r, block, (left + 3) / 4 * 2, numbers);
        memcpy(out + i, numbers, left * sizeof *out);
    }
}

void hth_noise_normal(hth_noise *noise, size_t count, hth_real *out) {
    const hth_random r = generator(noise);
    hth_normals(&r, noise->drawn, count, out);
    noise->drawn += hth_normal_blocks(count);
}

hth_field hth_noise_field(hth_noise *noise) {
    return (hth_field){
        .name = "noise.drawn", .dtype = HTH_DTYPE_U64, .count = 1, .data = &noise->drawn};
}
