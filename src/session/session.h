/* A session: the data and the model of one run, made from settings. */
#ifndef HTH_SESSION_H
#define HTH_SESSION_H

#include "session/ranks.h"
#include "session/transfer.h"
#include "session/walk.h"
#include "settings/sections.h"

typedef struct hth_session {
    hth_train_options options;
    size_t steps, batch; /* K and the batch size of the training tape */
    bool by_step;        /* agent.name = ac-lambda: see hth_walk, as of fading */
    double fading;
    bool update_sequence; /* update at the end of each sequence, not after each tape */
    hth_run_metric metric;
    hth_moments moments; /* moments of the targets since the last line of metrics.jsonl */
    uint64_t steps_total, epochs_total; /* the run ends after so many; 0: no limit */
    hth_source train;
    hth_model *model;
    hth_model_parts parts; /* the model's handles; the walk writes and learns with them */
    hth_guest guest;
    struct hth_replayer *replayer; /* replay.h; NULL: nothing is replayed */
    struct hth_along *along;       /* along.h; NULL: importance is not found along the way */
    /* Of a session of episodes (outer.h), which has no model, tape and learner; NULL: of any other */
    struct hth_outer *outer;
    struct hth_shares *shares; /* of a batch that is cut (shares.h); NULL: it is not */
    hth_transfer transfer;     /* of a run with phases: what came of them so far */
} hth_session;

/* Opens all that training needs, and the guest if the settings ask for one. The caller closes *out, and keeps the texts
 * of `settings` until then. HTH_INVALID when the settings have no meaning, or ask for a guest and `guest` is NULL;
 * HTH_MISMATCH when data and network do not fit; HTH_FILE when data cannot be read; HTH_NO_MEMORY. After an error
 * nothing is left behind. */
hth_status hth_session_open(const hth_settings *settings, const hth_guest_kind *guest,
                            hth_session *out, hth_error *error);
/* The same for one of several ranks, each of which has its shares of the batch (shares.h). The ranks outlive *out. */
hth_status hth_session_open_among(const hth_settings *settings, const hth_guest_kind *guest,
                                  const hth_ranks *ranks, hth_session *out, hth_error *error);
/* HTH_INVALID for settings of episodes, which have no model (outer.h); the two functions that open one refuse them. */
hth_status hth_session_refuse_episodes(const hth_settings *settings, hth_error *error);
/* Opens only what a forward pass over `split` needs: the stream and a model that only predicts. hth_scorer_take uses
 * its tape. Errors are those of hth_session_open; HTH_INVALID also when there are no data for the split. */
hth_status hth_session_open_forward(const hth_settings *settings, hth_split split, hth_session *out,
                                    hth_error *error);
/* The first part of opening: the section train, the stream of `trials` times train.batch items, and the length of the
 * run. */
hth_status hth_session_open_stream(const hth_settings *settings, hth_split split, size_t trials,
                                   hth_session *s, hth_error *error);
/* The two halves of opening that depend on the data: before the model is made, options, stream, lengths and moment of
 * the update; with it the metric and what data and learner ask of each other. Errors are those of hth_session_open. */
hth_status hth_session_open_course(const hth_settings *settings, hth_session *s, hth_error *error);
hth_status hth_session_check_course(const hth_settings *settings, hth_session *s, hth_error *error);
/* Opens the data of another phase for the model of the session, *next; `session` stays as it is. The network must fit:
 * HTH_MISMATCH when inputs, outputs, the length of the tape or the metric are others; other errors are those of
 * hth_session_open. The caller hands *next to one of the two functions below. */
hth_status hth_session_prepare(const hth_settings *settings, const hth_session *session,
                               hth_session *next, hth_error *error);
/* Goes on with the data of *next, and closes those before. */
void hth_session_turn(hth_session *session, hth_session *next);
/* Closes the data of *next. */
void hth_session_discard(hth_session *next);
/* Closes the guest, the model or what episodes have, and the stream. */
void hth_session_close(hth_session *session);

/* The walk that trains as the settings say, on from the tally. The session and the tally must outlive the walk. */
hth_walk hth_session_walk(hth_session *session, hth_tally *tally);

/* Chooses *steps (K) of the training tape: learner.steps, or the default of the learner for these data. HTH_INVALID
 * when learner and sequences do not fit learner.steps. */
hth_status hth_tape_steps(const hth_settings *settings, const hth_source *source, size_t *steps,
                          hth_error *error);

#endif
