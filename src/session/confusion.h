/* Which classes a network takes for which, over a pass. */
#ifndef HTH_CONFUSION_H
#define HTH_CONFUSION_H

#include "session/walk.h"

/* Sums of weights: the steps of class `i` whose largest output is `j`, at [i * classes + j]. Of equal outputs the first
 * counts. */
typedef struct hth_confusion {
    size_t classes;  /* 0: targets are values, and nothing is counted */
    double *weights; /* [classes][classes] */
    hth_real *outputs;
    size_t room; /* numbers that fit into outputs */
} hth_confusion;

/* For a stream of that shape. HTH_NO_MEMORY. hth_confusion_destroy frees what it holds, also after an error. */
hth_status hth_confusion_create(const hth_shape *shape, hth_confusion *out, hth_error *error);
void hth_confusion_destroy(hth_confusion *confusion);
/* Adds the steps of the walk's last tape. */
hth_status hth_confusion_add(hth_confusion *confusion, const hth_walk *walk, hth_error *error);

#endif
