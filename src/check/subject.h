/* What a check handles: a piece of data, a network with fixed parameters, and a learner on both. */
#ifndef HTH_SUBJECT_H
#define HTH_SUBJECT_H

#include "session/source.h"

/* Steps of a stream, in memory of their own. */
typedef struct hth_sample {
    size_t steps, batch;
    hth_shape shape;
    hth_real *x, *targets, *weights; /* NULL: not of that kind; weights NULL: all 1 */
    int32_t *tokens, *classes;
    uint32_t *lengths; /* of the items, where the data say them */
} hth_sample;

/* At most `steps` steps, and no more than the first sequence that begins has. */
hth_status hth_sample_take(hth_source *source, size_t steps, size_t batch, hth_sample *out,
                           hth_error *error);
void hth_sample_free(hth_sample *sample);
/* Steps from .. from+steps-1. */
hth_chunk hth_sample_chunk(const hth_sample *sample, size_t from, size_t steps);

/* A network whose parameters stay as they are, and what it is to learn. */
typedef struct hth_subject {
    hth_settings settings; /* with what the check overrides */
    const char *run; /* whose checkpoint holds what learners have learned; NULL: nothing yet */
    const hth_source *source; /* whose feedback weights learners get that take some; NULL: none */
    uint64_t seed;            /* of learners */
    hth_compute *compute;
    hth_network *network;
    const hth_sample *sample;
} hth_subject;

/* dE/dtheta of the whole sample by the learner of the settings, told tape by tape of `steps` steps,
 * into out[parameters]. `overrides` count more than the subject's settings. */
hth_status hth_subject_gradient(const hth_subject *subject, const hth_settings *overrides,
                                size_t steps, hth_real *out, hth_report *report, hth_error *error);

/* A learner on the subject, to be run any number of times. */
typedef struct hth_rehearsal {
    const hth_subject *subject;
    hth_settings settings; /* joined; owned */
    size_t steps;          /* of a tape */
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} hth_rehearsal;

hth_status hth_rehearsal_open(const hth_subject *subject, const hth_settings *overrides,
                              size_t steps, hth_rehearsal *out, hth_error *error);
/* The whole sample, from the start of the sequence; a learner that draws draws anew. */
hth_status hth_rehearsal_run(const hth_rehearsal *rehearsal, hth_report *report, hth_error *error);
/* A new learner in place of the old, for those whose parts learn; its draws go on where the old one stopped. */
hth_status hth_rehearsal_renew(hth_rehearsal *rehearsal, hth_error *error);
void hth_rehearsal_close(hth_rehearsal *rehearsal);

/* E, as the gradient has it, of the whole sample, with E_reg. The tape has the sample's steps. */
hth_status hth_subject_loss(const hth_subject *subject, hth_tape *tape, double *loss,
                            hth_error *error);

#endif
