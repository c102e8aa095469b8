/* Sequences that a network makes up, for a memory that is replayed (replay.from = dream). */
#ifndef HTH_DREAMS_H
#define HTH_DREAMS_H

#include "session/session.h"
#include "tasks/replay/memory.h"

/* HTH_INVALID where the network of the session cannot make sequences up. */
hth_status hth_dreams_check(const hth_settings *settings, const hth_session *session,
                            hth_error *error);

/* As many sequences as the memory has room for, or a few more, come to it. Each reads the first replay.prime steps of a
 * sequence of the training data, and goes on with what the network says: drawn tokens, or its outputs. The targets are
 * what comes next. Stream and tape are its own. Errors are those of hth_session_open and hth_tape_write. */
hth_status hth_dream_sequences(const hth_settings *settings, const hth_session *session,
                               hth_replay_memory *memory, hth_error *error);

#endif
