/* The settings of the sections network and readout, as their tables read them. Internal. */
#ifndef HTH_NETWORK_SECTIONS_H
#define HTH_NETWORK_SECTIONS_H

#include "network/catalogues.h"

typedef struct hth_network_options {
    const char *units, *layers, *cells, *reads, *connections, *delay, *input_delay;
    int64_t embedding;
    int bias, self, initial, direction, events;
    double density, dropout;
    const char *excitatory;
    bool orthogonal;
} hth_network_options;

enum { HTH_AUTO, HTH_ON, HTH_OFF }; /* network.bias, network.self_connections */

enum { HTH_INITIAL_ZERO, HTH_INITIAL_LEARNED };

typedef struct hth_readout_options {
    double kappa, tau_out;
    bool scale, bias, feedback;
    int bias_place, reads;
} hth_readout_options;

enum { HTH_BIAS_OUTSIDE, HTH_BIAS_INSIDE };

enum { HTH_TOP_ALONE, HTH_TOP_AND_INPUT };

#endif
