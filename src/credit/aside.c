/* The gradient of other errors on the same tape, with the same past: learner and tape are put aside and taken back. */
#include "credit/inspect.h"
#include "credit/learner.h"

#include <string.h>

struct hth_aside {
    void *learner; /* all its memory is one block */
    size_t bytes, layers, numbers, steps;
    hth_real *y, **pull;
    int32_t *said;
};

static hth_aside *lay_out_aside(hth_arena *arena, const hth_aside *plan) {
    hth_aside counted, *aside = HTH_TAKE(arena, hth_aside, 1), *placed = aside;
    if (!aside) aside = &counted;
    *aside = *plan;
    aside->learner = HTH_TAKE(arena, char, plan->bytes);
    aside->y = HTH_TAKE(arena, hth_real, plan->numbers);
    aside->pull = HTH_TAKE(arena, hth_real *, plan->layers);
    aside->said = HTH_TAKE(arena, int32_t, plan->steps);
    return placed;
}

hth_aside *hth_aside_create(const hth_learner *learner, const hth_tape *tape) {
    hth_arena arena = hth_arena_for(NULL);
    const hth_aside plan = {.bytes = hth_learner_block(learner, NULL),
                            .layers = tape->network->layer_count,
                            .numbers = tape->network->readout.outputs * tape->readout.stride,
                            .steps = tape->capacity};
    lay_out_aside(&arena, &plan);
    arena = (hth_arena){.base = hth_allocate(NULL, arena.used)};
    return arena.base ? lay_out_aside(&arena, &plan) : NULL;
}

void hth_aside_destroy(hth_aside *aside) {
    hth_release(aside);
}

/* Puts learner and tape aside. */
static void put_aside(hth_aside *a, const hth_learner *learner, hth_tape *tape) {
    memcpy(a->learner, learner, a->bytes);
    memcpy(a->y, tape->readout.y, a->numbers * sizeof *a->y);
    memcpy(a->said, tape->said, a->steps * sizeof *a->said);
    for (size_t l = 0; l < a->layers; l++) {
        a->pull[l] = tape->layers[l].pull;
        tape->layers[l].pull = NULL;
    }
}

static void take_back(const hth_aside *a, hth_learner *learner, hth_tape *tape) {
    memcpy(learner, a->learner, a->bytes);
    memcpy(tape->readout.y, a->y, a->numbers * sizeof *a->y);
    memcpy(tape->said, a->said, a->steps * sizeof *a->said);
    for (size_t l = 0; l < a->layers; l++) tape->layers[l].pull = a->pull[l];
}

hth_status hth_learn_aside(hth_aside *aside, hth_learner *learner, hth_tape *tape,
                           const hth_real *errors, hth_gradient *gradient, hth_error *error) {
    hth_tape_regularise(tape);
    put_aside(aside, learner, tape);
    hth_readout_take(tape, 0, tape->steps, errors);
    for (size_t t = 0; t < tape->steps; t++) tape->said[t] = HTH_SAID_ERROR;
    const hth_status status = hth_learn(learner, tape, gradient, error);
    take_back(aside, learner, tape);
    return status;
}
