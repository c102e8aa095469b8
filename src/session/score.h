/* Scoring: a pass over data without learning. */
#ifndef HTH_SCORE_H
#define HTH_SCORE_H

#include "session/confusion.h"
#include "session/session.h"

#include <signal.h>

/* The batch of validation and test: train.validation_batch, or train.batch. */
size_t hth_scoring_batch(const hth_train_options *options);
/* Steps of a scoring tape. is_whole: each tape must hold a whole sequence. */
size_t hth_scoring_steps(size_t training_steps, bool is_whole, const hth_source *source);

/* Callbacks of a long pass: tick is called after each tape; the pass ends early when *stop is not 0. All members may be
 * NULL. */
typedef struct hth_watch {
    void (*tick)(void *context);
    void *context;
    const volatile sig_atomic_t *stop;
} hth_watch;

/* A pass over a split on its own tape, so that the state of the training tape does not change. */
typedef struct hth_scorer {
    hth_source source;    /* kind NULL: no data to score */
    hth_tape *tape;       /* owned; NULL: the pass uses the session's tape */
    hth_network *network; /* the session's */
    hth_walk walk;
    uint64_t episodes; /* of a world: the pass ends when so many have ended; 0: at walk.limit */
    hth_tally tally;   /* of the last pass, like moments */
    hth_moments moments;
    hth_confusion *confusion; /* the caller owns it; NULL: not wanted */
} hth_scorer;

/* Opens the data of a split and a tape for it; the session must outlive *out. out->source.kind stays NULL if the
 * settings name no data for the split. Errors are those of hth_source_open and hth_tape_create. */
hth_status hth_scorer_open(const hth_settings *settings, const hth_session *session,
                           hth_split split, hth_scorer *out, hth_error *error);
/* Makes a scorer from a session that was opened by hth_session_open_forward: takes over its stream, which
 * hth_scorer_close closes, and uses its tape. HTH_NO_MEMORY. */
hth_status hth_scorer_take(hth_session *session, hth_scorer *out, hth_error *error);
/* Closes the stream, the tape and the moments that the scorer owns. */
void hth_scorer_close(hth_scorer *scorer);
/* Scores the data from their first step on, for one epoch, so many episodes or up to walk.limit. *stopped: `watch`
 * ended the pass early, and tally and moments cover only a part. Errors are those of hth_walk_tape. */
hth_status hth_scorer_run(hth_scorer *scorer, const hth_watch *watch, bool *stopped,
                          hth_error *error);

#endif
