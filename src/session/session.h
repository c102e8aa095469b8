/* The handles of one run, made from settings. Internal to this room. */
#ifndef HTH_SESSION_H
#define HTH_SESSION_H

#include "settings/sections.h"
#include "tasks/stream.h"

#include <signal.h>

/* ---- A stream that is open ---------------------------------------------------------------- */

typedef struct hth_source {
    const hth_stream_kind *kind; /* NULL: not open */
    void *state;
    hth_shape shape;
    uint64_t sequence_steps, epoch_steps; /* 0: endless, no epochs */
    void *start;                          /* position fields as they were at opening, in a row */
} hth_source;

/* Leaves out->kind NULL when the settings leave out the split. */
hth_status hth_source_open(const hth_settings *settings, hth_split split, size_t batch,
                           uint64_t seed, hth_source *out, hth_error *error);
/* Says so, HTH_INVALID. */
hth_status hth_source_absent(const hth_settings *settings, hth_split split, hth_error *error);
void hth_source_close(hth_source *source);
/* Back to the position at opening, so that each pass sees the same data. */
hth_status hth_source_rewind(hth_source *source, hth_error *error);
/* Whether sequences get longer as they are learned: then sequence_steps is that of the longest. */
bool hth_source_grows(const hth_source *source);
/* At least so many steps, and at least 1, that end where a sequence does. */
uint64_t hth_whole_sequences(const hth_source *source, uint64_t steps);

/* ---- The metric: metric.c ----------------------------------------------------------------- */

typedef struct hth_metric {
    int kind;
    const char *name; /* what train.metric comes to: "perplexity", ... or "none" */
    double squares;   /* (y - y*)^2, summed over outputs, per unit of the mse loss */
    bool rises;       /* more is better */
    double (*reached)(const void *stream); /* of length: who knows it */
    const void *stream;
} hth_metric;

/* Moments of targets that are values: sums[k] = sum w y*_k, then sums[outputs] = sum_k sum w y*_k^2. */
typedef struct hth_moments {
    size_t outputs; /* 0: the targets are classes */
    double *sums;
} hth_moments;

hth_status hth_metric_choose(const hth_settings *settings, int kind, const hth_shape *shape,
                             const char *loss, hth_metric *out, hth_error *error);
/* Of a stream whose sequences grow the automatic metric is how far they have grown. */
hth_status hth_metric_follow(hth_metric *metric, int kind, const hth_source *source,
                             hth_error *error);
double hth_mean_loss(const hth_report *report); /* NAN: nothing had weight */
/* What a report, and the moments of its targets, come to; NAN when there is nothing. */
double hth_metric_value(const hth_metric *metric, const hth_report *report,
                        const hth_moments *targets);

hth_status hth_moments_create(const hth_shape *shape, hth_moments *out, hth_error *error);
void hth_moments_destroy(hth_moments *moments);
void hth_moments_clear(hth_moments *moments);
void hth_moments_add(hth_moments *moments, const hth_chunk *chunk);

/* ---- Session ------------------------------------------------------------------------------ */

typedef struct hth_session {
    hth_train_options options;
    size_t steps, batch;  /* K and the batch of the training tape */
    bool update_sequence; /* update at the ends of sequences instead of after each tape */
    hth_metric metric;
    hth_moments moments;                /* of the targets since the last line of metrics.jsonl */
    uint64_t steps_total, epochs_total; /* 0: no such end */
    hth_source train;
    hth_compute *compute;
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    struct hth_align *align; /* learners that are compared along the way; NULL: none */
} hth_session;

/* Everything that training needs. On error nothing is left behind. */
hth_status hth_session_open(const hth_settings *settings, hth_session *out, hth_error *error);
/* Only what a forward pass over `split` needs: no learner, gradient and optimiser. The tape has the
 * batch of validation. */
hth_status hth_session_open_forward(const hth_settings *settings, hth_split split, hth_session *out,
                                    hth_error *error);
void hth_session_close(hth_session *session);

/* K: learner.steps, or the whole sequence. */
hth_status hth_tape_steps(const hth_settings *settings, const hth_source *source, size_t *steps,
                          hth_error *error);

/* Initial values that the data bring along (w_in, w_rec, ...) go into the network's blocks. */
hth_status hth_given_apply(const hth_source *source, hth_network *network, hth_error *error);
/* Feedback weights that they bring along go to the learner, which may refuse them. */
hth_status hth_given_feedback(const hth_source *source, hth_learner *learner, hth_error *error);

/* ---- Scoring ------------------------------------------------------------------------------ */

/* The batch of validation and test. */
size_t hth_scoring_batch(const hth_train_options *options);

/* What a long pass looks after: tick is called after each tape; the pass ends early when *stop is not
 * 0. All may be NULL. */
typedef struct hth_watch {
    void (*tick)(void *context);
    void *context;
    const volatile sig_atomic_t *stop;
} hth_watch;

/* A pass over a split on a tape of its own: the carried state of training is not touched. */
typedef struct hth_scorer {
    hth_source source;
    hth_tape *tape;
    size_t steps;   /* of the tape */
    uint64_t limit; /* steps of a pass; 0: until the data end */
    bool keep_state,
        whole;           /* whole: each sequence is one tape, so a pass may go beyond its limit */
    hth_moments moments; /* of the last pass */
} hth_scorer;

/* Leaves out->tape NULL when the settings name no data for the split. */
hth_status hth_scorer_open(const hth_settings *settings, const hth_session *session,
                           hth_split split, hth_scorer *out, hth_error *error);
/* Over the stream of the session itself, which is moved. */
hth_status hth_scorer_take(hth_session *session, hth_scorer *out, hth_error *error);
void hth_scorer_close(hth_scorer *scorer);
/* *stopped: the pass ended early, report is a part. */
hth_status hth_scorer_run(hth_scorer *scorer, const hth_watch *watch, hth_report *report,
                          uint64_t *steps, bool *stopped, hth_error *error);

#endif
