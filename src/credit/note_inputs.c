/* What layers read on a tape, for updates that are to leave it: see keep.name = project. */
#include "credit/learner.h"
#include "optim/optimiser.h"

hth_status hth_optimiser_note_inputs(hth_optimiser *optimiser, const hth_tape *tape,
                                     hth_error *error) {
    const hth_network *net = tape->network;
    if (net->count != optimiser->count)
        return hth_fail(error, HTH_MISMATCH,
                        "the optimiser was made for %zu parameters, the tape's network has %zu: "
                        "make both for one network",
                        optimiser->count, net->count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        for (size_t i = 0; i < tape->steps * tape->batch; i++)
            hth_keeping_span(&optimiser->keep, layer->weight, net->theta,
                             tape->layers[l].u + i * layer->stride);
    }
    return HTH_OK;
}
