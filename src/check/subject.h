/* What a check works on: a sample of the data, a network with fixed parameters, and a learner for both. */
#ifndef HTH_SUBJECT_H
#define HTH_SUBJECT_H

#include "session/source.h"

/* A copy of some steps of a stream. */
typedef struct hth_sample {
    size_t steps, batch;
    hth_shape shape;
    hth_real *x, *targets, *weights; /* NULL: the stream has none; weights NULL: all are 1 */
    int32_t *tokens, *classes;
    uint32_t *lengths; /* of the items; NULL: the data have none */
} hth_sample;

/* Takes at most `steps` steps, at most to the end of the first sequence that begins. */
hth_status hth_sample_take(hth_source *source, size_t steps, size_t batch, hth_sample *out,
                           hth_error *error);
/* The same of a stream that answers: the network acts, with its own outputs for the values of steps. At most a tape of
 * `steps` steps of an episode, from its start. */
hth_status hth_sample_play(const hth_source *source, hth_network *network, hth_compute *compute,
                           size_t steps, size_t batch, hth_sample *out, hth_error *error);
void hth_sample_free(hth_sample *sample);
/* The steps from .. from+steps-1 of the sample, without copying. */
hth_chunk hth_sample_chunk(const hth_sample *sample, size_t from, size_t steps);

/* A network whose parameters stay fixed, and the data that it learns from. */
typedef struct hth_subject {
    hth_settings settings; /* with the overrides of the check */
    const char *run; /* learners start with the state in this run's checkpoint; NULL: with none */
    /* gives feedback weights to learners that need them; NULL: no weights */
    const hth_source *source;
    uint64_t seed; /* seed of the learners */
    hth_compute *compute;
    hth_network *network;
    const hth_sample *sample;
} hth_subject;

/* Computes dE/dtheta of the whole sample into out[parameters], by the learner of the settings, with tapes of
 * `steps` steps. `overrides` win over the subject's settings. */
hth_status hth_subject_gradient(const hth_subject *subject, const hth_settings *overrides,
                                size_t steps, hth_real *out, hth_report *report, hth_error *error);

/* A learner for the subject, which can be run any number of times. */
typedef struct hth_rehearsal {
    const hth_subject *subject;
    hth_settings settings; /* the subject's settings with the overrides; owned */
    size_t steps;          /* steps of a tape */
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} hth_rehearsal;

hth_status hth_rehearsal_open(const hth_subject *subject, const hth_settings *overrides,
                              size_t steps, hth_rehearsal *out, hth_error *error);
/* Runs over the whole sample, from the start of the sequence. A learner that draws makes new draws. */
hth_status hth_rehearsal_run(const hth_rehearsal *rehearsal, hth_report *report, hth_error *error);
/* Replaces the learner by a new one, for learners with parts that learn. Its draws go on where the old one stopped. */
hth_status hth_rehearsal_renew(hth_rehearsal *rehearsal, hth_error *error);
void hth_rehearsal_close(hth_rehearsal *rehearsal);

/* *loss: E of the whole sample, with E_reg, as the gradient differentiates it. The tape has as many steps as the
 * sample. */
hth_status hth_subject_loss(const hth_subject *subject, hth_tape *tape, double *loss,
                            hth_error *error);

#endif
