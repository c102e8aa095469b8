/*
 * Replay (section replay): sequences of a memory are run on a tape and a learner of their own, from the state at which
 * sequences begin, and their gradient joins that of the stream just before an update. So the state of the tape that
 * reads the stream, and what its learner keeps of the past, go on as if nothing had been replayed.
 *
 *     g <- g + replay.weight r                        r: the replayed gradient
 *     g <- g - min(0, g.r)/(r.r) r                    replay.project (Chaudhry et al. 2019)
 */
#ifndef HTH_REPLAYER_H
#define HTH_REPLAYER_H

#include "session/session.h"

typedef struct hth_replayer hth_replayer;

/* Opens what replay.name asks for; *out is NULL for none. The session has its model, outlives the replayer, and keeps
 * the texts of `settings`. HTH_INVALID for a session whose sequences cannot be replayed; errors are also those of
 * hth_learner_create. */
hth_status hth_replayer_open(const hth_settings *settings, const hth_session *session,
                             hth_replayer **out, hth_error *error);
/* NULL: does nothing. So do all functions below. */
void hth_replayer_close(hth_replayer *replayer);
/* Makes room for the sequences of another phase, `next`, before anything is in the memory; checks it later. Errors are
 * those of hth_replayer_open. */
hth_status hth_replayer_fit(hth_replayer *replayer, const hth_settings *settings,
                            const hth_session *next, hth_error *error);

/* A phase begins: what has come of the sequences under way is forgotten. */
void hth_replayer_begin(hth_replayer *replayer);
/* A phase is over, whose session and settings are still there: of replay.from = dream, the memory takes what the network
 * dreams. Errors are those of hth_dream_sequences. */
hth_status hth_replayer_dream(hth_replayer *replayer, const hth_settings *settings,
                              const hth_session *session, hth_error *error);
/* Whether there is a replay with update number `update`, from 1, which comes after these steps. */
bool hth_replayer_is_due(const hth_replayer *replayer, uint64_t update, const hth_chunk *chunk,
                         const hth_position_flags *flags);
/* Replays, and changes the stream's gradient as said above. Errors are those of hth_forward and hth_learn. */
hth_status hth_replayer_learn(hth_replayer *replayer, hth_gradient *gradient, hth_error *error);
/* The memory takes the steps of a tape, once they have been learned from. */
void hth_replayer_take(hth_replayer *replayer, const hth_chunk *chunk,
                       const hth_position_flags *flags);

/* What it takes. */
typedef struct hth_replay_sizes {
    size_t sequences, steps; /* of the memory: M, and the most steps of a sequence */
    size_t memory, second;   /* bytes of it; of the second tape, learner and gradient */
} hth_replay_sizes;
hth_replay_sizes hth_replayer_sizes(const hth_replayer *replayer);

/* As hth_tape_state: memory, tape and learner. */
size_t hth_replayer_state(hth_replayer *replayer, hth_field *fields, size_t capacity);
/* Whether a restored state can be one. */
bool hth_replayer_is_sound(const hth_replayer *replayer);

#endif
