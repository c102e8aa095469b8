/* The network of settings on a chip: a model that learns step by step. */
#ifndef HTH_EMBEDDED_H
#define HTH_EMBEDDED_H

#include "session/session.h"

typedef struct hth_embedded_size {
    hth_shape shape;
    size_t steps, parameters;    /* K; numbers */
    hth_model_sizes arm, riscv;  /* bytes of RAM */
    size_t arm_keep, riscv_keep; /* of the optimiser's: what keep takes */
} hth_embedded_size;

/* Opens the data for their shape and counts. HTH_INVALID, with a sentence, for what no chip can run: worlds, episodes;
 * other errors are those of hth_session_open. */
hth_status hth_embedded_count(const hth_settings *settings, hth_embedded_size *out,
                              hth_error *error);

#endif
