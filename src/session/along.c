/* Importance along the way: see along.h. */
#include "session/along.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "optim/inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct hth_along {
    hth_model_parts parts;
    hth_aside *aside;
    hth_gradient *gradient;
    hth_real *y, *errors; /* [steps][batch][outputs] */
    size_t batch, outputs;
    hth_random random;
};

void hth_along_close(struct hth_along *a) {
    if (!a) return;
    hth_aside_destroy(a->aside);
    hth_gradient_destroy(a->gradient);
    free(a->y);
    free(a->errors);
    free(a);
}

static hth_status open(const hth_session *s, struct hth_along *a, hth_error *error) {
    const size_t outputs = s->train.shape.outputs, count = s->steps * s->batch * outputs;
    a->parts = s->parts;
    a->batch = s->batch;
    a->outputs = outputs;
    /* Another stream than that of any pass. */
    a->random = (hth_random){(uint64_t)s->options.seed, HTH_RANDOM_KEEP, UINT32_MAX};
    HTH_TRY(hth_gradient_create(s->parts.network, NULL, &a->gradient, error));
    a->aside = hth_aside_create(s->parts.learner, s->parts.tape);
    a->y = calloc(count + 1, sizeof *a->y);
    a->errors = calloc(count + 1, sizeof *a->errors);
    if (a->aside && a->y && a->errors) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY,
                    "not enough memory for a copy of the learner, which keep.importance = drawn "
                    "takes");
}

hth_status hth_along_open(const hth_session *s, struct hth_along **out, hth_error *error) {
    if (hth_keep_look(s->parts.optimiser).of != HTH_OF_DRAWN) return HTH_OK;
    struct hth_along *a = calloc(1, sizeof *a);
    if (!a) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for keep.importance = drawn");
    const hth_status status = open(s, a, error);
    if (status == HTH_OK)
        *out = a;
    else
        hth_along_close(a);
    return status;
}

/* dE/dy of one item at step t of the chunk, `at` of the run: of a target drawn from its outputs, times the root of its
 * weight, for it is squared. */
static void draw(const struct hth_along *a, const hth_chunk *chunk, size_t t, size_t item,
                 uint64_t at) {
    const size_t i = t * a->batch + item;
    hth_real *error = a->errors + i * a->outputs;
    const bool is_over = chunk->lengths && t >= chunk->lengths[item];
    const double weight = is_over ? 0 : chunk->weights ? (double)chunk->weights[i] : 1;
    memset(error, 0, a->outputs * sizeof *error);
    if (!(weight > 0)) return;
    hth_network_draw_target(a->parts.network, chunk->classes ? chunk->classes[i] : -1,
                            a->y + i * a->outputs, &a->random, at * a->batch + item, error);
    for (size_t k = 0; k < a->outputs; k++) error[k] *= (hth_real)sqrt(weight);
}

hth_status hth_along_note(struct hth_along *a, const hth_walk *w, hth_error *error) {
    if (!a) return HTH_OK;
    const bool ends = w->flags.ends || w->source->sequence_steps == 0;
    HTH_TRY(hth_tape_read(a->parts.tape, 0, w->chunk.steps, a->y, error));
    for (size_t t = 0; t < w->chunk.steps; t++)
        for (size_t item = 0; item < a->batch; item++)
            draw(a, &w->chunk, t, item, w->tally->step + t);
    hth_gradient_clear(a->gradient);
    HTH_TRY(
        hth_learn_aside(a->aside, a->parts.learner, a->parts.tape, a->errors, a->gradient, error));
    /* The mean over the items. */
    if (a->batch > 1) hth_gradient_fade(a->gradient, 1 / sqrt((double)a->batch));
    return hth_optimiser_note(a->parts.optimiser, a->gradient, ends ? 1 : 0, error);
}
