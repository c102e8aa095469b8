/* Transfer: a network that starts with the parameters of another run. */
#ifndef HTH_ADOPT_H
#define HTH_ADOPT_H

#include "files/observer.h"

/* Copies parameters into the network, layer by layer, from the newest checkpoint of the run folder `from`, or from the
 * checkpoint file `from`, or from a file with torch's names (session/torch.h, whose errors there are too). A layer (or
 * the embedding, or the readout) is copied if the file has all its blocks in the same shapes, in either precision, and
 * its connections have the same delays. Tells the observer (may be NULL) which layers were copied and why others were
 * not. `layers`: a list of what is to be taken, "0, readout" or "layer0, readout"; the rest stays as it is. "": all
 * that fits. HTH_FILE when there is no readable checkpoint; HTH_MISMATCH when no layer fits, or one of the list does
 * not; HTH_INVALID for a list that names what the network does not have, or of a file with torch's names;
 * HTH_NO_MEMORY. After an error the network is unchanged. `settings`: those of the network. `module`: the network whose
 * outputs are learning signals in a run of episodes, taken from what the file keeps of one under "module."; NULL in
 * other runs. */
hth_status hth_adopt(const char *from, const char *layers, const hth_settings *settings,
                     hth_network *network, hth_network *module, const hth_observer *observer,
                     hth_error *error);

#endif
