/* Sines and cosines of many angles, in double. On the calling thread. */
#ifndef HTH_TURNS_H
#define HTH_TURNS_H

#include "kernels/level.h"

/* cosine[n] and sine[n] of x[n] turns, as hth_turn64 has them (base/functions64.h). No two arrays overlap. */
HTH_VERB(void, hth_turns64, (size_t n, const double *x, double *cosine, double *sine));
#define hth_turns64 HTH_NOW(hth_turns64)

#endif
