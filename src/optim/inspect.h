/* What the rooms above ask of gradients and optimisers, without a look at their inside. */
#ifndef HTH_OPTIM_INSPECT_H
#define HTH_OPTIM_INSPECT_H

#include "base/base.h"

/* As hth_tape_state. After fields have been written to, hth_gradient_settle finds what follows from them. */
size_t hth_gradient_state(hth_gradient *gradient, hth_field *fields, size_t capacity);
/* False, and nothing is done, where they name rows of an embedding of *rows that are not there. */
bool hth_gradient_settle(hth_gradient *gradient, size_t *rows);
/* Adds factor times `other` to the gradient. */
void hth_gradient_add(hth_gradient *gradient, hth_gradient *other, double factor);
/* Takes from the gradient g what points against `other`, r, if anything does: g - min(0, g.r)/(r.r) r. Then a small step
 * along -g does not add to the loss that r is the gradient of (Chaudhry et al. 2019, eq. 11). Returns g.r before. */
double hth_gradient_turn(hth_gradient *gradient, hth_gradient *other);
/* What a gradient is made of, to add up several: all values, and which rows of the embedding may differ from 0, in
 * touched[rows] (1; NULL: there is no embedding). Valid until the gradient is used again. */
typedef struct hth_gradient_sum {
    hth_real *values;
    size_t count;
    unsigned char *touched;
    size_t rows;
} hth_gradient_sum;
hth_gradient_sum hth_gradient_parts(hth_gradient *gradient);
/* Takes up changed values and touched[rows]. Rows count in their order, not in that of their first touch. */
void hth_gradient_summed(hth_gradient *gradient);
/* Forgets moments and the number of steps, as if the optimiser were new. */
void hth_optimiser_reset(hth_optimiser *optimiser);

/* How many layers, the first, have a learning rate of 0 (optimiser.lr_layer). */
size_t hth_optimiser_frozen(const hth_optimiser *optimiser);

/* What an optimiser asks of those who walk before it consolidates: gradients of sequences, to be noted. */
typedef enum hth_importance {
    HTH_OF_NOTHING,   /* it needs none */
    HTH_OF_SAMPLED,   /* of targets drawn from the outputs */
    HTH_OF_EXPECTED,  /* of all targets by their probability */
    HTH_OF_EMPIRICAL, /* of the data's targets */
    HTH_OF_UPDATES,   /* it needs none: those of the updates are noted already */
    HTH_OF_DRAWN,     /* of targets drawn from the outputs of the tapes that are learned from */
    HTH_OF_OUTPUTS,   /* of the outputs' squares, with errors 2 y */
    HTH_OF_INPUTS     /* no gradients, but what layers read: hth_optimiser_note_inputs */
} hth_importance;
typedef struct hth_keep_facts {
    const char *name; /* keep.name */
    hth_importance of;
    bool by_task; /* something happens at the end of a task */
    size_t sequences;
    const char *learner; /* of these gradients; "": the run's own */
    uint64_t every,
        updates; /* consolidate after so many, 0: never by itself; and how many there were */
    uint64_t consolidations;
} hth_keep_facts;
hth_keep_facts hth_keep_look(const hth_optimiser *optimiser);

/* What a part of `keep` keeps, and its multiply-adds in an update. */
typedef struct hth_keep_cost {
    const char *name;
    size_t each; /* numbers for each parameter */
    double numbers, operations;
} hth_keep_cost;
/* The cost of part `index` of hth_keeps for a network, with the options that settings give it. HTH_INVALID for those
 * without meaning. */
hth_status hth_keep_cost_of(const hth_settings *settings, size_t index, const hth_network *network,
                            hth_keep_cost *out, hth_error *error);

#endif
