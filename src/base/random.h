/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy
 * as 1, 2, 3"). A draw is a pure function of (seed, purpose, stream, index), so that results do not
 * depend on the order of calls, the number of threads or an interruption.
 */
#ifndef HTH_RANDOM_H
#define HTH_RANDOM_H

#include "base/base.h"

/* What numbers are for; never renumber, or old seeds change their meaning. */
typedef enum hth_purpose {
    HTH_RANDOM_INIT = 1,
    HTH_RANDOM_TASK = 2,
    HTH_RANDOM_FEEDBACK = 3,
    HTH_RANDOM_LEARNER = 4,
    HTH_RANDOM_SHUFFLE = 5,
    HTH_RANDOM_CHECK = 6,
    HTH_RANDOM_DROPOUT = 7,
    HTH_RANDOM_SPLIT = 8,
    HTH_RANDOM_MODULE = 9,
    HTH_RANDOM_WORLD = 10,
    HTH_RANDOM_AGENT = 11,
    HTH_RANDOM_DREAM = 12,
    HTH_RANDOM_LESION = 13,
    HTH_RANDOM_PHASE = 14,
    HTH_RANDOM_KEEP = 15,
    HTH_RANDOM_REPLAY = 16
} hth_purpose;

typedef struct hth_random {
    uint64_t seed;
    uint32_t purpose, stream; /* stream: which parameter block, item of the batch, ... */
} hth_random;

void hth_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
void hth_random_words(const hth_random *r, uint64_t index, uint64_t out[2]); /* 128 random bits */
double hth_random_uniform(const hth_random *r, uint64_t index);              /* [0, 1) */
double hth_random_normal(const hth_random *r, uint64_t index); /* mean 0, variance 1 */
uint64_t hth_random_below(const hth_random *r, uint64_t index, uint64_t bound); /* 0..bound-1 */

#endif
