/* The kinds of layers: a new one is a file in this folder and a name in this list. */
#ifndef HTH_LAYERS_H
#define HTH_LAYERS_H

#include "network/layer.h"
#include "network/tape.h"

/* <name>.c */
#ifndef HTH_LAYER_KINDS
#define HTH_LAYER_KINDS(X) X(units) X(store)
#endif

#define HTH_DECLARE_LAYER_KIND(name) extern const hth_layer_kind hth_layer_kind_##name;
HTH_LAYER_KINDS(HTH_DECLARE_LAYER_KIND)

#endif
