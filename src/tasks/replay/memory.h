/*
 * A memory of sequences that have been learned from, to be replayed. It takes what a stream gives, as the network sees
 * it: inputs with their cues, classes with their heads. Sequences that come in pieces are put together; where they do
 * not end, or are long, stretches of replay.steps steps take their place.
 */
#ifndef HTH_REPLAY_MEMORY_H
#define HTH_REPLAY_MEMORY_H

#include "tasks/replay/part.h"
#include "tasks/stream.h"

/* What one step of a sequence has: an array for all slots, and one for the chunk that is replayed. */
typedef struct hth_replay_column {
    const char *name;
    hth_dtype dtype;
    size_t width;       /* numbers a step; 0: the data have none */
    void *kept, *again; /* [size + items][steps][width], [steps][batch][width] */
} hth_replay_column;

enum { HTH_REPLAY_COLUMNS = 6 };

typedef struct hth_replay_memory {
    const hth_replay *kind;
    hth_replay_options options; /* batch is the number that is replayed */
    hth_replay_slots slots;
    size_t steps,
        items; /* the most of a sequence; of the stream's batch, whose sequences are under way */
    bool decides;
    bool is_shut; /* what comes is not kept */
    hth_replay_column columns[HTH_REPLAY_COLUMNS];
    uint64_t *lengths; /* [size + items]: behind the slots, of sequences under way */
    int32_t *classes;  /* [items]: of the last step that counts; -1: none so far */
    uint64_t *picked;  /* [batch]: slots that were drawn */
    double *factors;   /* [batch]: of their losses */
    uint32_t *again;   /* [batch]: steps of each that are still to come */
    uint8_t *marks;    /* [steps][batch]: hth_chunk.decides */
} hth_replay_memory;

/* Opens an empty memory; *out is NULL for replay.name = none. seed: of all that is drawn. HTH_INVALID for what does
 * not fit the targets, HTH_NO_MEMORY. */
hth_status hth_replay_memory_open(const hth_settings *settings, uint64_t seed,
                                  const hth_shape *shape, size_t items, hth_replay_memory **out,
                                  hth_error *error);
void hth_replay_memory_close(hth_replay_memory *memory);
/* The most steps of what is kept as a sequence where those of the source have this many (0: they do not end). */
size_t hth_replay_stretch(const hth_replay_memory *memory, uint64_t sequence_steps);
/* Makes room for sequences of so many steps. It forgets everything if there was less room. HTH_NO_MEMORY. */
hth_status hth_replay_memory_reserve(hth_replay_memory *memory, size_t steps, hth_error *error);

/* Forgets what has come of sequences under way. */
void hth_replay_memory_begin(hth_replay_memory *memory);
/* Whether these steps complete a sequence or a stretch. */
bool hth_replay_memory_completes(const hth_replay_memory *memory, const hth_chunk *chunk,
                                 const hth_position_flags *flags);
/* Takes the next steps of the stream; sequences that they complete have come. One without a step that counts is
 * forgotten. */
void hth_replay_memory_take(hth_replay_memory *memory, const hth_chunk *chunk,
                            const hth_position_flags *flags);

/* Draws replay.batch sequences, with replacement, and lays them side by side as one chunk of whole sequences, whose
 * arrays are the memory's until the next call. False: it is empty. */
bool hth_replay_memory_draw(hth_replay_memory *memory, hth_chunk *chunk);
/* Of a part that draws by losses: what the losses of the sequences that were drawn last are now, [batch]. */
void hth_replay_memory_tell(hth_replay_memory *memory, const double *losses);
/* Up to `most` steps of that chunk from step `at` on. */
hth_chunk hth_replay_memory_piece(hth_replay_memory *memory, const hth_chunk *chunk, size_t at,
                                  size_t most);

/* As hth_tape_state. */
size_t hth_replay_memory_state(hth_replay_memory *memory, hth_field *fields, size_t capacity);
/* Whether a restored state can be one. */
bool hth_replay_memory_is_sound(const hth_replay_memory *memory);
/* Bytes of the sequences that it has room for. */
size_t hth_replay_memory_bytes(const hth_replay_memory *memory);

#endif
