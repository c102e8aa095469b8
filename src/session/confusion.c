/* The confusion matrix: see confusion.h. */
#include "session/confusion.h"

#include <stdlib.h>

hth_status hth_confusion_create(const hth_shape *shape, hth_confusion *out, hth_error *error) {
    *out = (hth_confusion){0};
    if (shape->target != HTH_TARGET_CLASSES)
        return hth_fail(error, HTH_INVALID,
                        "the targets are values: there are no classes to tell apart");
    out->classes = shape->outputs;
    out->weights = calloc(out->classes, out->classes * sizeof *out->weights);
    if (out->weights) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for %zu x %zu classes", out->classes,
                    out->classes);
}

void hth_confusion_destroy(hth_confusion *c) {
    free(c->weights);
    free(c->outputs);
    *c = (hth_confusion){0};
}

/* Index of the largest of x[count]; the first if several are equal. */
static size_t largest(const hth_real *x, size_t count) {
    size_t best = 0;
    for (size_t k = 1; k < count; k++)
        if (x[k] > x[best]) best = k;
    return best;
}

hth_status hth_confusion_add(hth_confusion *c, const hth_walk *walk, hth_error *error) {
    const hth_chunk *chunk = &walk->chunk;
    const size_t items = chunk->steps * chunk->batch, numbers = items * c->classes;
    /* Make room for the outputs and read them. */
    if (numbers > c->room) {
        hth_real *grown = realloc(c->outputs, numbers * sizeof *grown);
        if (!grown) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for outputs");
        c->outputs = grown;
        c->room = numbers;
    }
    HTH_TRY(hth_tape_read(walk->parts.tape, 0, chunk->steps, c->outputs, error));
    /* Add the weight of each step to its class and its largest output. */
    for (size_t i = 0; i < items; i++) {
        const double weight = chunk->weights ? (double)chunk->weights[i] : 1;
        if (weight == 0) continue; /* its class may be any number */
        const size_t class = (size_t)chunk->classes[i],
                     size = c->classes / (c->heads ? c->heads : 1);
        const size_t first = class / size * size;
        const size_t said = first + largest(c->outputs + i * c->classes + first, size);
        c->weights[class * c->classes + said] += weight;
    }
    return HTH_OK;
}
