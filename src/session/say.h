/* What a network says as its own next input. */
#ifndef HTH_SAY_H
#define HTH_SAY_H

#include "base/random.h"

typedef enum hth_way {
    HTH_WAY_NONE,   /* its outputs are no inputs */
    HTH_WAY_TOKENS, /* a token is drawn from its outputs */
    HTH_WAY_VALUES, /* its outputs are the next input */
    HTH_WAY_FEEDBACK /* it reads its outputs itself (readout.feedback), over the inputs of its data */
} hth_way;

/* By the shape of its data alone: one of the first three. */
hth_way hth_way_of(const hth_shape *shape);

/* A token by the probabilities exp(y/temperature), up to their sum; 0: the likeliest. */
int32_t hth_draw_token(const hth_real *y, size_t count, double temperature,
                       const hth_random *random, uint64_t index);

#endif
