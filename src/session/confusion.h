/* The confusion matrix: how often a network takes one class for another, over a pass. */
#ifndef HTH_CONFUSION_H
#define HTH_CONFUSION_H

#include "session/walk.h"

/* weights[i * classes + j] sums the weights of the steps of class i whose largest output is j. If several outputs are
 * largest, the first counts. */
typedef struct hth_confusion {
    size_t classes;
    size_t heads; /* loss.heads: only outputs of the head of a step's class count; 0, 1: all do */
    double *weights;   /* [classes][classes] */
    hth_real *outputs; /* scratch for the outputs of a tape */
    size_t room;       /* size of outputs, in numbers */
} hth_confusion;

/* Makes a matrix of zeros for a stream of that shape; hth_confusion_destroy frees it, also after an error.
 * HTH_INVALID when the targets are no classes; HTH_NO_MEMORY. */
hth_status hth_confusion_create(const hth_shape *shape, hth_confusion *out, hth_error *error);
/* Frees the arrays; a zeroed struct is allowed. */
void hth_confusion_destroy(hth_confusion *confusion);
/* Adds the steps of the walk's last tape. HTH_NO_MEMORY, and the errors of hth_tape_read. */
hth_status hth_confusion_add(hth_confusion *confusion, const hth_walk *walk, hth_error *error);

#endif
