/* The model of one run, made from settings. */
#ifndef HTH_SESSION_H
#define HTH_SESSION_H

#include "session/walk.h"
#include "settings/sections.h"

typedef struct hth_session {
    hth_train_options options;
    size_t steps, batch;  /* K and the batch of the training tape */
    bool update_sequence; /* update at the ends of sequences instead of after each tape */
    hth_run_metric metric;
    hth_moments moments;                /* of the targets since the last line of metrics.jsonl */
    uint64_t steps_total, epochs_total; /* 0: no such end */
    hth_source train;
    hth_model *model;
    hth_model_parts parts; /* its handles, with which the walk writes and learns */
    hth_guest guest;
} hth_session;

/* Everything that training needs, and the guest if the settings ask for it: HTH_INVALID where they ask for one and guest
 * is NULL. On error nothing is left behind. */
hth_status hth_session_open(const hth_settings *settings, const hth_guest_kind *guest,
                            hth_session *out, hth_error *error);
/* Only what a forward pass over `split` needs: a model that only predicts, whose tape is that of hth_scorer_take. */
hth_status hth_session_open_forward(const hth_settings *settings, hth_split split, hth_session *out,
                                    hth_error *error);
void hth_session_close(hth_session *session);

/* Training, as the settings say, on from what the tally has counted; the session and the tally must outlive the walk. */
hth_walk hth_session_walk(hth_session *session, hth_tally *tally);

/* K: learner.steps, or the whole sequence. */
hth_status hth_tape_steps(const hth_settings *settings, const hth_source *source, size_t *steps,
                          hth_error *error);

#endif
