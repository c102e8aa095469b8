/*
 * An optimiser method is an elementwise update of a stretch of parameters. Clipping, decay, learning
 * rates per group and schedules are common and stand in optimiser.c.
 */
#ifndef HTH_METHOD_H
#define HTH_METHOD_H

#include "base/options.h"
#include "kernels/level.h"

enum { HTH_MAX_MOMENTS = 2, HTH_MAX_NUMBERS = 8 };

typedef struct hth_update {
    double rate;   /* learning rate of this stretch, schedule included */
    double decay;  /* weight decay: added to the gradient as decay * theta */
    double factor; /* of the gradient, from clipping */
    uint64_t step; /* from 1 */
    const void *options;
    hth_real number[HTH_MAX_NUMBERS]; /* what the method's `prepare` makes of the five above */
    size_t offset, count;             /* parameters offset..offset+count-1 */
    hth_real *theta;
    const hth_real *gradient;
    hth_real *moment[HTH_MAX_MOMENTS];
} hth_update;

typedef struct hth_method {
    hth_part part;
    size_t options_size;
    size_t moments; /* numbers kept per parameter; 0: a parameter with gradient 0 stays as it is */
    /* The update is that of kernels/linear.h, with number[0] and number[1]: a pass may make it itself. */
    bool is_linear;
    /* Computes update->number, once for all parameters of a stretch. */
    void (*prepare)(hth_update *update);
    /* Each parameter by itself, so that any cut of a stretch gives the same bits. */
    void (*update)(const hth_update *update);
    /* Optional: after `step` updates, the mean squared gradient is this times moment[1]. */
    double (*squares)(const void *options, uint64_t step);
} hth_method;

const hth_method *hth_method_at(size_t index);
const hth_method *hth_method_named(const char *name); /* one that there is */

/* <name>.c: a new method is a file in this folder and a name in this list. */
#ifndef HTH_METHODS
#define HTH_METHODS(X) X(sgd) X(momentum) X(adam)
#endif

#define HTH_DECLARE_METHOD(name) HTH_DECLARE_PARTS(const hth_method, hth_method_##name)
HTH_METHODS(HTH_DECLARE_METHOD)

/* Schedules: the factor of the learning rate. */
typedef struct hth_schedule_options {
    double factor;
    int64_t every, start;
} hth_schedule_options;

typedef struct hth_schedule {
    hth_part part;
    double (*factor)(const hth_schedule_options *options, uint64_t step, uint64_t epoch);
} hth_schedule;

const hth_schedule *hth_schedule_at(size_t index);

#endif
