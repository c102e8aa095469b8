/* What the two files of KeRNL share: kernel.c, the traces and the table; kernel_copy.c, what A and alpha are
 * learned from. */
#ifndef HTH_KERNEL_H
#define HTH_KERNEL_H

#include "credit/descend.h"

typedef struct hth_kernel_options {
    double noise, lr, rate;
    int order, gain, alpha;
    int64_t reset;
} hth_kernel_options;

enum { HTH_KERNEL_ALIGNED, HTH_KERNEL_AUTHORS };
enum { HTH_KERNEL_GAIN_ONE, HTH_KERNEL_GAIN_COMPLEMENT };
enum { HTH_KERNEL_LEARNS_ALPHA, HTH_KERNEL_FIXES_ALPHA };

#define HTH_KERNEL_LEAST_ALPHA 1e-4 /* of an alpha that is learned: a trace lasts 10^4 steps */

typedef struct hth_kernel {
    hth_real *A, *alpha;     /* [n][n], [n] */
    size_t e;                /* traces of a synapse: B and, with a leaky readout, C */
    hth_real *traces;        /* [batch][e][rows][m] */
    hth_trace_bound bound;   /* of traces, of one item */
    hth_real *Omega, *Gamma; /* [batch][n] */
    uint64_t age;            /* steps since the copy was taken from the network; 0: take it */
    hth_tape_layer copy;     /* a tape of one step: slot 0 what was, slot 1 what is */
    hth_real *z;             /* [batch][n]: of the copy, where z is a state of its own */
    /* Scratch of a step. */
    hth_real *keep;      /* [n]: k */
    hth_real *zeta;      /* [batch][n] */
    hth_real *error;     /* [batch][n]: e */
    hth_real *step;      /* [batch][n]: -eta e */
    hth_real *slope;     /* [batch][n]: e A */
    hth_real *influence; /* [e][rows]: Z B + Q of one item, for each trace */
    hth_real *mixed;     /* [batch][n]: q A, the direct errors of the scan */
    hth_real *errors;    /* [batch][n]: q meanwhile */
    hth_real *x;         /* [e][n]: what the traces of an item are contracted with, */
    hth_real *phi;       /* [e][e][n]: and what takes them over the step */
} hth_kernel;

/* There is one layer. */
static inline const hth_layer *hth_kernel_layer(const hth_learner *learner) {
    return &learner->network->layers[0];
}

/* Takes the perturbed copy over the step on the tape, and A and alpha by what it shows. */
void hth_kernel_learn(hth_learner *learner, hth_kernel *kept);

#endif
