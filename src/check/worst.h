/* The entries in which two gradients differ most. */
#ifndef HTH_WORST_H
#define HTH_WORST_H

#include "base/base.h"

enum { HTH_WORST = 3 };

/* Begins as {0}. */
typedef struct hth_worst {
    size_t count; /* so many of the entries are in use, the worst first */
    struct {
        size_t parameter;
        double ours, theirs;
    } entries[HTH_WORST];
} hth_worst;

/* One parameter's entry in both. What is not a finite number is the worst; equal numbers are not taken, nor is a
 * parameter twice. */
void hth_worst_add(hth_worst *worst, size_t parameter, double ours, double theirs);

/* Of parameters first .. first+count-1. */
hth_worst hth_worst_of(size_t first, const hth_real *ours, const hth_real *theirs, size_t count);

/* "gate u of unit 3, from unit 5: ours 0.0132, theirs 0.0071", a line each, without the last one's end. */
void hth_worst_tell(const hth_worst *worst, const hth_network *network, char *out, size_t size);

#endif
