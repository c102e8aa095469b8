/* A pass over data that nothing learns from. */
#ifndef HTH_SCORE_H
#define HTH_SCORE_H

#include "session/confusion.h"
#include "session/session.h"

#include <signal.h>

/* The batch of validation and test, and the steps of its tape over a source. */
size_t hth_scoring_batch(const hth_train_options *options);
size_t hth_scoring_steps(size_t training_steps, bool is_whole, const hth_source *source);

/* What a long pass looks after: tick is called after each tape; the pass ends early when *stop is not
 * 0. All may be NULL. */
typedef struct hth_watch {
    void (*tick)(void *context);
    void *context;
    const volatile sig_atomic_t *stop;
} hth_watch;

/* A pass over a split on a tape of its own: the carried state of training is not touched. */
typedef struct hth_scorer {
    hth_source source; /* kind NULL: there is nothing to score */
    hth_tape *tape;    /* NULL: the session's */
    hth_walk walk;
    hth_tally tally; /* of the last pass, as the moments */
    hth_moments moments;
    hth_confusion *confusion; /* the caller's; NULL: not wanted */
} hth_scorer;

/* Leaves out->source.kind NULL when the settings name no data for the split. */
hth_status hth_scorer_open(const hth_settings *settings, const hth_session *session,
                           hth_split split, hth_scorer *out, hth_error *error);
/* Over the stream of a session that was opened forward, which is moved, and on its tape. */
hth_status hth_scorer_take(hth_session *session, hth_scorer *out, hth_error *error);
void hth_scorer_close(hth_scorer *scorer);
/* From the first step of the data on. *stopped: the pass ended early, and tally and moments are of a part. */
hth_status hth_scorer_run(hth_scorer *scorer, const hth_watch *watch, bool *stopped,
                          hth_error *error);

#endif
