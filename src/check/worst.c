/* Finds and names the entries in which two gradients differ most. */
#include "check/worst.h"

#include "network/inspect.h"

#include <math.h>
#include <stdio.h>

static double apart(double ours, double theirs) {
    const double difference = fabs(ours - theirs);
    return isfinite(difference) ? difference : (double)INFINITY;
}

void hth_worst_add(hth_worst *w, size_t parameter, double ours, double theirs) {
    size_t at = w->count;
    /* Equal numbers and parameters that are in the list are ignored. */
    if (ours == theirs) return;
    for (size_t i = 0; i < w->count; i++)
        if (w->entries[i].parameter == parameter) return;
    /* Find the place, worst first; then move the smaller ones back. */
    while (at > 0 &&
           apart(w->entries[at - 1].ours, w->entries[at - 1].theirs) < apart(ours, theirs))
        at--;
    if (at == HTH_WORST) return;
    if (w->count < HTH_WORST) w->count++;
    for (size_t i = w->count - 1; i > at; i--) w->entries[i] = w->entries[i - 1];
    w->entries[at].parameter = parameter;
    w->entries[at].ours = ours;
    w->entries[at].theirs = theirs;
}

hth_worst hth_worst_of(size_t first, const hth_real *ours, const hth_real *theirs, size_t count) {
    hth_worst worst = {0};
    for (size_t i = 0; i < count; i++)
        hth_worst_add(&worst, first + i, (double)ours[i], (double)theirs[i]);
    return worst;
}

void hth_worst_tell(const hth_worst *worst, const hth_network *network, char *out, size_t size) {
    size_t used = 0;
    if (size > 0) out[0] = '\0';
    for (size_t i = 0; i < worst->count && used < size; i++) {
        char name[96];
        hth_parameter_name(network, worst->entries[i].parameter, name, sizeof name);
        const int more =
            snprintf(out + used, size - used, "%s%s: ours %.3g, theirs %.3g", i ? "\n" : "", name,
                     worst->entries[i].ours, worst->entries[i].theirs);
        used += more > 0 ? (size_t)more : 0;
    }
}
