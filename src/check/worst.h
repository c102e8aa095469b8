/* Finds and names the entries in which two gradients differ most. */
#ifndef HTH_WORST_H
#define HTH_WORST_H

#include "base/base.h"

enum { HTH_WORST = 3 };

/* Start with {0}. */
typedef struct hth_worst {
    size_t count; /* entries in use; the worst comes first */
    struct {
        size_t parameter;
        double ours, theirs;
    } entries[HTH_WORST];
} hth_worst;

/* Adds one parameter's entries in both gradients. A number that is not finite counts as worst. Equal numbers are
 * ignored, and so is a parameter that is in the list already. */
void hth_worst_add(hth_worst *worst, size_t parameter, double ours, double theirs);

/* The worst among the parameters first .. first+count-1. */
hth_worst hth_worst_of(size_t first, const hth_real *ours, const hth_real *theirs, size_t count);

/* Writes a line for each entry, without a line end after the last: "gate u of unit 3, from unit 5: ours 0.0132,
 * theirs 0.0071". */
void hth_worst_tell(const hth_worst *worst, const hth_network *network, char *out, size_t size);

#endif
