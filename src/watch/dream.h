/*
 * A dream: a trained network goes on by itself, fed with what it said. Of tokens, each is drawn from the outputs of the
 * step before; of values, the outputs are the next input; a network that reads its own outputs (readout.feedback) goes
 * on over the inputs of its data.
 */
#ifndef HTH_DREAM_H
#define HTH_DREAM_H

#include "watch/record.h"

typedef struct hth_dream hth_dream;

typedef struct hth_dream_plan {
    hth_record_plan of;
    uint64_t prime;     /* steps of the data that are read before; fewer where the sequence ends */
    double temperature; /* 0: the likeliest token */
    uint64_t seed;      /* of the draws */
} hth_dream_plan;

/* What was said at a step; it belongs to the dream until its next call. */
typedef struct hth_dreamt {
    uint64_t step;           /* from 0, the first after the data */
    const hth_real *outputs; /* [count] */
    size_t count;
    int32_t token;    /* -1: no tokens */
    const char *text; /* of the token; "": none */
} hth_dreamt;

/* Opens a run and reads the first steps. HTH_INVALID where what the network says cannot be its input; other errors are
 * those of hth_recorder_open. */
hth_status hth_dream_open(const hth_dream_plan *plan, hth_dream **out, hth_error *error);
hth_status hth_dream_next(hth_dream *dream, hth_dreamt *out, hth_error *error);
/* Everything that the next steps depend on, as fields that are read and restored where they lie: another dream of the
 * same plan goes on from there. */
size_t hth_dream_state(hth_dream *dream, hth_field *fields, size_t capacity);
void hth_dream_close(hth_dream *dream);

#endif
