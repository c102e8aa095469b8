/* The arrays of a check: see gradients.h. */
#include "check/gradients.h"

#include "files/npz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OF_SAMPLE = 6, PREFIXES = 3, NAME = 64 };

typedef struct gathering {
    hth_npz_array *arrays; /* [count]; room for all */
    char (*names)[NAME];
    void *turned[OF_SAMPLE]; /* owned */
    size_t count, turns;
} gathering;

/* ---- Steps of the sample ----------------------------------------------------------------------- */

/* Adds an array of the sample's steps, [steps][batch][width], as [batch][steps][width]. */
static hth_status add_steps(gathering *g, const hth_sample *s, const char *name, hth_dtype dtype,
                            const void *from, size_t width, hth_error *error) {
    const size_t bytes = width * (dtype == HTH_DTYPE_I32 ? sizeof(int32_t) : sizeof(hth_real));
    if (!from) return HTH_OK;
    char *to = malloc(hth_times(s->steps * s->batch, bytes));
    if (!to) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the arrays of a check");
    g->turned[g->turns++] = to;
    for (size_t t = 0; t < s->steps; t++)
        for (size_t b = 0; b < s->batch; b++)
            memcpy(to + (b * s->steps + t) * bytes, (const char *)from + (t * s->batch + b) * bytes,
                   bytes);
    g->arrays[g->count++] =
        (hth_npz_array){name, dtype, width > 1 ? 3 : 2, {s->batch, s->steps, width}, to};
    return HTH_OK;
}

static hth_status add_sample(gathering *g, const hth_sample *s, const hth_real *outputs,
                             hth_error *error) {
    const hth_shape *is = &s->shape;
    HTH_TRY(add_steps(g, s, "inputs", HTH_DTYPE_REAL, s->x, is->inputs, error));
    HTH_TRY(add_steps(g, s, "tokens", HTH_DTYPE_I32, s->tokens, 1, error));
    HTH_TRY(add_steps(g, s, "outputs", HTH_DTYPE_REAL, outputs, is->outputs, error));
    HTH_TRY(add_steps(g, s, "targets", HTH_DTYPE_REAL, s->targets, is->outputs, error));
    HTH_TRY(add_steps(g, s, "classes", HTH_DTYPE_I32, s->classes, 1, error));
    return add_steps(g, s, "weights", HTH_DTYPE_REAL, s->weights, 1, error);
}

/* ---- Blocks of parameters ---------------------------------------------------------------------- */

/* Adds each block of the parameters, or of a gradient. */
static void add_blocks(gathering *g, const hth_network *network, const char *prefix,
                       const hth_real *values) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++) {
        char *name = g->names[g->count];
        snprintf(name, NAME, "%s%.48s", prefix, blocks[i].name);
        g->arrays[g->count++] = (hth_npz_array){name,
                                                HTH_DTYPE_REAL,
                                                2,
                                                {blocks[i].rows, blocks[i].columns},
                                                values + blocks[i].offset};
    }
}

/* ---- The file ---------------------------------------------------------------------------------- */

/* Runs the sample once more, for its loss and outputs, and writes all. */
static hth_status gather(const char *path, const hth_subject *s, const hth_real *exact,
                         const hth_real *own, hth_tape *tape, hth_real *outputs, gathering *g,
                         hth_error *error) {
    double loss;
    hth_tape_dropout(tape, false);
    HTH_TRY(hth_subject_loss(s, tape, &loss, error));
    HTH_TRY(hth_tape_read(tape, 0, s->sample->steps, outputs, error));
    HTH_TRY(add_sample(g, s->sample, outputs, error));
    g->arrays[g->count++] = (hth_npz_array){"loss", HTH_DTYPE_F64, 1, {1}, &loss};
    add_blocks(g, s->network, "", hth_network_parameters(s->network));
    add_blocks(g, s->network, "gradient.", exact);
    add_blocks(g, s->network, "learner.", own);
    return hth_npz_write(path, g->arrays, g->count, error);
}

hth_status hth_gradients_write(const char *path, const hth_subject *s, const hth_real *exact,
                               const hth_real *own, hth_error *error) {
    const hth_sample *sample = s->sample;
    size_t blocks;
    hth_network_blocks(s->network, &blocks);
    const size_t most = OF_SAMPLE + 1 + PREFIXES * blocks;
    gathering g = {.arrays = calloc(most, sizeof *g.arrays),
                   .names = calloc(most, sizeof *g.names)};
    hth_real *outputs =
        calloc(hth_times(sample->steps * sample->batch, sample->shape.outputs), sizeof *outputs);
    hth_tape *tape = NULL;
    hth_status status = HTH_OK;
    if (!g.arrays || !g.names || !outputs)
        status = hth_fail(error, HTH_NO_MEMORY, "not enough memory for the arrays of a check");
    if (status == HTH_OK)
        status = hth_tape_create(s->network, sample->steps, sample->batch, s->compute, NULL, &tape,
                                 error);
    if (status == HTH_OK) status = gather(path, s, exact, own, tape, outputs, &g, error);
    hth_tape_destroy(tape);
    for (size_t i = 0; i < g.turns; i++) free(g.turned[i]);
    free(outputs);
    free(g.arrays);
    free(g.names);
    return status;
}
