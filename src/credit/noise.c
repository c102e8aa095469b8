/* Signs come 128 to a block of Philox, normal deviates one. */
#include "credit/noise.h"

static hth_random generator(const hth_noise *noise) {
    return (hth_random){noise->seed, HTH_RANDOM_LEARNER, 0};
}

static void enumerated_signs(hth_noise *noise, size_t count, hth_real *out) {
    for (size_t i = 0; i < count; i++, noise->drawn++)
        out[i] = noise->code >> (noise->drawn & 63) & 1 ? 1 : -1;
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
        for (size_t k = i; k < count && k < i + 128; k++)
            out[k] = words[(k - i) / 64] >> ((k - i) % 64) & 1 ? 1 : -1;
    }
}

void hth_noise_normal(hth_noise *noise, size_t count, hth_real *out) {
    const hth_random r = generator(noise);
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)hth_random_normal(&r, noise->drawn++);
}

hth_field hth_noise_field(hth_noise *noise) {
    return (hth_field){
        .name = "noise.drawn", .dtype = HTH_DTYPE_U64, .count = 1, .data = &noise->drawn};
}
