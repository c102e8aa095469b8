/* What a network says as its own next input: see say.h. */
#include "session/say.h"

#include "base/functions64.h"

hth_way hth_way_of(const hth_shape *s) {
    if (s->vocabulary && s->target == HTH_TARGET_CLASSES && s->outputs == s->vocabulary)
        return HTH_WAY_TOKENS;
    if (!s->vocabulary && s->target == HTH_TARGET_VALUES && s->inputs == s->outputs)
        return HTH_WAY_VALUES;
    return HTH_WAY_NONE;
}

int32_t hth_draw_token(const hth_real *y, size_t count, double temperature,
                       const hth_random *random, uint64_t index) {
    size_t best = 0;
    double sum = 0, below = 0;
    for (size_t k = 1; k < count; k++)
        if (y[k] > y[best]) best = k;
    if (!(temperature > 0)) return (int32_t)best;
    for (size_t k = 0; k < count; k++)
        sum += hth_exp64(((double)y[k] - (double)y[best]) / temperature);
    const double at = sum * hth_random_uniform(random, index);
    for (size_t k = 0; k < count; k++) {
        below += hth_exp64(((double)y[k] - (double)y[best]) / temperature);
        if (at < below) return (int32_t)k;
    }
    return (int32_t)best;
}
