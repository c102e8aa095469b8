/* Functions of many doubles, as base/functions64.h has them of one. On the calling thread. No two arrays overlap. */
#ifndef HTH_DOUBLES_H
#define HTH_DOUBLES_H

#include "kernels/level.h"

/* cosine[n] and sine[n] of x[n] turns: hth_turn64 */
HTH_VERB(void, hth_turns64, (size_t n, const double *x, double *cosine, double *sine));
#define hth_turns64 HTH_NOW(hth_turns64)

/* x[n] <- exp(x - less): hth_exp64 */
HTH_VERB(void, hth_exps64, (size_t n, double less, double *x));
#define hth_exps64 HTH_NOW(hth_exps64)

#endif
