/* A network that begins with the parameters of another run. */
#ifndef HTH_ADOPT_H
#define HTH_ADOPT_H

#include "files/observer.h"

/* Takes the parameters of the newest checkpoint of the run directory `from`, or of a checkpoint file, layer by layer: a
 * layer (or the embedding, or the readout) is taken where the file has all of its blocks in the same shapes, of either
 * precision. The observer (may be NULL) is told what was taken and what was not, and why. HTH_MISMATCH, and nothing
 * changed, when nothing fits. */
hth_status hth_adopt(const char *from, hth_network *network, const hth_observer *observer,
                     hth_error *error);

#endif
