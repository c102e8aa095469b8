/* Weights to and from PyTorch: a network of lstm, gru or rate units as torch.nn.LSTM, GRU or RNN with a torch.nn.Linear
 * above, in a safetensors file with torch's names. docs/files.md has the mapping. */
#ifndef HTH_TORCH_H
#define HTH_TORCH_H

#include "files/observer.h"
#include "files/safetensors.h"

enum { HTH_TORCH_TOLD = 300 };

/* Writes the parameters of a run folder, or of a checkpoint file, to the file `path`: rnn.weight_ih_l0 and so on,
 * readout.weight, readout.bias, embedding.weight. The overrides (may be NULL) replace settings of the run, as for
 * hth_run_open. told[HTH_TORCH_TOLD]: how torch constructs the modules. HTH_INVALID when torch has no such network,
 * with the reason; errors of hth_run_open; HTH_FILE. After an error there is no file. */
hth_status hth_torch_export(const char *run, const hth_settings *overrides, const char *path,
                            char *told, hth_error *error);

/* Whether the file has torch's names of a recurrent module. */
bool hth_torch_has(const hth_safetensors *file);
/* Copies the parameters of such a file (at path `from`) into the network, whose settings are given; in either
 * precision. The recurrent module must fit as a whole; readout and embedding are taken if they fit. Tells the observer
 * (may be NULL) what was taken. HTH_MISMATCH when it does not fit; HTH_INVALID when torch has no network of these
 * settings; HTH_FILE, HTH_NO_MEMORY. After an error the network is unchanged. */
hth_status hth_torch_adopt(const char *from, hth_safetensors *file, const hth_settings *settings,
                           hth_network *network, const hth_observer *observer, hth_error *error);

#endif
