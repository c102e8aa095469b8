/* The cells: a new one is a file in this folder and a name in this list. */
#ifndef HTH_CELLS_H
#define HTH_CELLS_H

#include "kernels/level.h"
#include "network/cell.h"

/* <name>.c */
#ifndef HTH_CELLS
#define HTH_CELLS(X)                                                                               \
    X(rate) X(rate_pre) X(lstm) X(gru) X(lif) X(alif) X(cubalif) X(sublstm) X(modrelu)
#endif

#define HTH_DECLARE_CELL(name) HTH_DECLARE_PARTS(const hth_cell, hth_cell_##name)
HTH_CELLS(HTH_DECLARE_CELL)

#endif
