/*
 * Random numbers of a learner: signs and normal deviates, by index, so that a run that was interrupted goes
 * on with the same. `drawn` is the index of the next; a part that draws has it among its state.
 */
#ifndef HTH_NOISE_H
#define HTH_NOISE_H

#include "base/random.h"
#include "kernels/level.h"

typedef struct hth_noise {
    uint64_t seed, drawn;
    bool enumerated; /* signs are the bits of code instead: exact means over all signs */
    uint64_t code;
} hth_noise;

/* count numbers of mean 0 and variance 1, a pure function of r and the index of their first block: four
 * numbers to a block. */
HTH_VERB(void, hth_normals, (const hth_random *r, uint64_t block, size_t count, hth_real *out));
#define hth_normals HTH_NOW(hth_normals)
HTH_VERB(uint64_t, hth_normal_blocks, (size_t count));
#define hth_normal_blocks HTH_NOW(hth_normal_blocks)

/* count numbers of -1 or 1, each with probability one half. */
HTH_VERB(void, hth_noise_signs, (hth_noise * noise, size_t count, hth_real *out));
#define hth_noise_signs HTH_NOW(hth_noise_signs)
/* count numbers of mean 0 and variance 1. */
HTH_VERB(void, hth_noise_normal, (hth_noise * noise, size_t count, hth_real *out));
#define hth_noise_normal HTH_NOW(hth_noise_normal)
/* The field of a part's state that holds `drawn`. */
HTH_VERB(hth_field, hth_noise_field, (hth_noise * noise));
#define hth_noise_field HTH_NOW(hth_noise_field)

#endif
