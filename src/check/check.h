/* What the files check*.c share. Internal. */
#ifndef HTH_CHECK_H
#define HTH_CHECK_H

#include "files/observer.h"
#include "network/network.h"
#include "session/session.h"
#include "settings/config.h"

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
    hth_real *nothing;     /* [batch]: weights 0 */
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

/* E, as the gradient has it, of the whole sample. The tape has the sample's steps. */
hth_status hth_subject_loss(const hth_subject *subject, hth_tape *tape, double *loss,
                            hth_error *error);

/* Which parameters there are: 0 for a connection that the network does not have, else 1. */
void hth_parameter_mask(const hth_network *network, hth_real *mask);

/* How near two arrays are: max|a-b| / max|b|, and the cosine of their angle. */
typedef struct hth_nearness {
    double relative_error, cosine, largest; /* largest = max|b| */
    bool
        not_finite; /* a number is none: fails, whatever the tolerance; relative_error is infinite */
} hth_nearness;
hth_nearness hth_nearness_of(const hth_real *a, const hth_real *b, size_t count);

/* One comparison of two gradients over one parameter block. */
typedef struct hth_check_row {
    const char *claim; /* "bptt = finite differences", "rtrl = bptt", ... */
    const char *block;
    double relative_error, cosine, tolerance; /* cosine NAN: both gradients are zero */
    double deviation; /* of one draw, relative, where the row is of a mean over draws; else NAN */
    bool passed;
} hth_check_row;

/* A check that is under way. */
typedef struct hth_check_run {
    const hth_observer *observer;
    void (*row)(void *context, const hth_check_row *row);
    void *context;
    size_t rows, failed;
    char first_failed[160];
} hth_check_run;

void hth_check_tell(const hth_check_run *run, const char *format, ...) HTH_PRINTF(2, 3);
bool hth_check_stopped(const hth_check_run *run);
void hth_check_report(hth_check_run *run, const char *claim, const char *block,
                      const hth_nearness *nearness, double tolerance, double noise);

/* The same of a mean of draws, whose single ones deviate by `deviation` (relative, 2-norm). */
void hth_check_report_draws(hth_check_run *run, const char *claim, const char *block,
                            const hth_nearness *nearness, double tolerance, double deviation);

/* The mean gradient of `draws` runs of a learner that draws, against the exact one. What is not unbiased may have
 * parts that learn, so that each of its draws is of a new learner. */
hth_status hth_check_draws(hth_check_run *run, hth_rehearsal *rehearsal, const char *name,
                           size_t draws, const hth_real *exact, bool unbiased, hth_error *error);
/* The mean over all signs that a run can draw; *done false: they are too many. */
hth_status hth_check_signs(hth_check_run *run, const hth_rehearsal *rehearsal, const char *name,
                           const hth_real *exact, bool *done, hth_error *error);

/* The gradient of the subject, which is differentiable, against central differences in at most
 * `samples` entries of each block. */
hth_status hth_check_differences(hth_check_run *run, const hth_subject *subject, size_t samples,
                                 const hth_real *gradient, hth_error *error);

/* Reports rows as they come; warnings (silent or saturated network) through observer->message. `run` NULL: the network
 * as it is at first. Else a run directory, whose settings, and perhaps others of check., are the config's: parameters,
 * what the learner has learned, and the place in the data are those of its newest checkpoint, and the batch is its own. */
hth_status hth_check(const hth_config *config, const char *run, const hth_observer *observer,
                     void (*row)(void *context, const hth_check_row *row), void *context,
                     hth_error *error);

#endif
