/*
 * An update that is made on the way. As soon as the gradient of some rows is known, these parameters descend by it, and
 * it never goes to memory. The bits are those of hth_optimiser_step: the method is the same and takes each parameter
 * by itself. The layers' weights, which come first among the parameters, may descend so; hth_descent_end
 * updates the others by what is in the gradient.
 *
 * An update must not begin unless the whole gradient is finite. So the learner first shows that the rows to come will
 * be (credit/descend.h), and hth_descent_may tests the rest.
 */
#ifndef HTH_DESCENT_H
#define HTH_DESCENT_H

#include "kernels/linear.h"
#include "optim/gradient.h"
#include "optim/method.h"

typedef struct hth_descent {
    hth_optimiser *optimiser;
    hth_gradient *gradient;
    hth_update update; /* of the layers' weights; its arrays begin at parameter 0 */
    double rate;       /* before the factors of the groups */
    bool is_open;      /* the layers' weights descend now; they do not stand in the gradient */
} hth_descent;

/* Prepares the next update, without making it. `gradient` has just been cleared. False where it needs the whole
 * gradient first (clip_norm), weights must keep their signs or stay orthogonal, leaves the layers alone
 * (lr_recurrent = 0) or has two rates for them (lr_cell, lr_layer), or where the sizes do not fit. */
bool hth_descent_begin(hth_optimiser *optimiser, hth_network *network, hth_gradient *gradient,
                       uint64_t epoch, hth_descent *descent);

/* Whether all of the gradient beside the layers' part is finite. If so, is_open is set, and hth_descend must be
 * called for every weight of the layers, once. */
bool hth_descent_may(hth_descent *descent);

/* Parameters from..from+count-1 descend by g[count]. Several threads may do so, each with its own parameters. */
void hth_descend(const hth_descent *descent, size_t from, size_t count, const hth_real *g);

/* Whether the method is that of kernels/linear.h. Then a pass may change the parameters itself. */
bool hth_descent_is_linear(const hth_descent *descent, hth_linear *by);

/* Updates all other parameters from the gradient. */
void hth_descent_end(hth_descent *descent);

#endif
