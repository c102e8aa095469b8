/*
 * Which sequences a memory keeps, and which of them are replayed (section `replay`). A part is a file with two verbs
 * and a name in the list below; memory.h has the sequences themselves.
 */
#ifndef HTH_REPLAY_PART_H
#define HTH_REPLAY_PART_H

#include "base/options.h"
#include "base/random.h"

/* The section replay, for all parts. */
typedef struct hth_replay_options {
    int64_t size, batch, every, steps, learner_steps, prime;
    int from; /* HTH_FROM_STREAM, HTH_FROM_DREAM */
    double weight, exponent, correction;
    const char *learner;
    bool project;
} hth_replay_options;

enum { HTH_FROM_STREAM, HTH_FROM_DREAM };

/* What a part knows of the memory. Slots 0..held-1 have a sequence each. */
typedef struct hth_replay_slots {
    const hth_replay_options *options;
    uint64_t seed;
    size_t size, classes; /* M; kinds of class, 0: targets are values */
    /* State: sequences that have come; slots that are taken; numbers drawn to choose among them, and to dream. */
    uint64_t arrivals, held, draws, dreams;
    int32_t *class_of; /* [size] */
    /* Of a part that balances classes, [classes]: sequences that have come; 1: it has been the largest class. */
    uint64_t *seen;
    int32_t *full;
    /* Of a part that draws by losses, [size]: the last that was found, a mean over steps that count; scratch. */
    double *losses, *shares;
} hth_replay_slots;

enum { HTH_NOT_KEPT = -1 };

typedef struct hth_replay {
    hth_part part;
    /* Where the sequence goes that comes after `arrivals` others: a slot that is taken, whose sequence is forgotten, or
     * `held`, or HTH_NOT_KEPT. NULL: nothing is kept. */
    int64_t (*place)(hth_replay_slots *slots, int32_t class);
    /* Draws `count` slots, and the factor that each sequence's loss is to have. NULL: each slot that is taken with the
     * same probability, and factors of 1. */
    void (*draw)(hth_replay_slots *slots, size_t count, uint64_t *picked, double *factors);
    bool of_classes, of_losses; /* it needs sequences with classes; `losses` are to be found */
} hth_replay;

/* <name>.c: a new part is a file in this folder and a name in this list. */
#define HTH_REPLAYS(X) X(none) X(reservoir) X(ring) X(class) X(prioritised)

#define HTH_DECLARE_REPLAY(name) extern const hth_replay hth_replay_##name;
HTH_REPLAYS(HTH_DECLARE_REPLAY)

const hth_replay *hth_replay_at(size_t index);

/* What draws are for. */
enum { HTH_REPLAY_KEEPS, HTH_REPLAY_DRAWS, HTH_REPLAY_TAKES_OVER, HTH_REPLAY_DREAMS };

/* Number `index` of the draws of one kind, in 0..bound-1. */
static inline uint64_t hth_replay_below(const hth_replay_slots *s, uint32_t kind, uint64_t index,
                                        uint64_t bound) {
    const hth_random random = {s->seed, HTH_RANDOM_REPLAY, kind};
    return hth_random_below(&random, index, bound);
}

/* Where a sample of all that has come keeps the next: as long as there is room, and else with probability M/(i + 1)
 * after i others, in the place of any (Vitter 1985, algorithm R). */
static inline int64_t hth_replay_sample(const hth_replay_slots *s) {
    if (s->held < s->size) return (int64_t)s->held;
    const uint64_t slot = hth_replay_below(s, HTH_REPLAY_KEEPS, s->arrivals, s->arrivals + 1);
    return slot < s->size ? (int64_t)slot : HTH_NOT_KEPT;
}

/* ---- Options that parts share ---- */

#define HTH_REPLAY_OPTION(field) .offset = offsetof(hth_replay_options, field)

#define HTH_REPLAY_OPTIONS                                                                         \
    {.name = "size",                                                                               \
     .help = "sequences that the memory holds",                                                    \
     .fallback = "500",                                                                            \
     .kind = HTH_KIND_INTEGER,                                                                     \
     .min = 1,                                                                                     \
     .max = 1e9,                                                                                   \
     HTH_REPLAY_OPTION(size)},                                                                     \
        {.name = "batch",                                                                          \
         .help = "sequences of the memory that are replayed together; 0: none; -1: as "            \
                 "train.batch",                                                                    \
         .fallback = "-1",                                                                         \
         .kind = HTH_KIND_INTEGER,                                                                 \
         .min = -1,                                                                                \
         .max = 1e6,                                                                               \
         HTH_REPLAY_OPTION(batch)},                                                                \
        {.name = "every",                                                                          \
         .help = "updates from one replay to the next; 0: one with the update at the end of each " \
                 "sequence, or of each stretch of replay.steps",                                   \
         .fallback = "0",                                                                          \
         .kind = HTH_KIND_INTEGER,                                                                 \
         .min = 0,                                                                                 \
         .max = 1e15,                                                                              \
         HTH_REPLAY_OPTION(every)},                                                                \
        {.name = "weight",                                                                         \
         .help = "factor of the replayed gradient, which is added to that of the stream; with "    \
                 "loss.batch = mean both are means, and replay.batch/train.batch makes them the "  \
                 "mixed batch's, up to a common factor",                                           \
         .fallback = "1",                                                                          \
         .kind = HTH_KIND_REAL,                                                                    \
         .min = 0,                                                                                 \
         .max = 1e6,                                                                               \
         HTH_REPLAY_OPTION(weight)},                                                               \
        {.name = "project",                                                                        \
         .help = "whether the replayed gradient r is not added, but takes from the stream's "      \
                 "gradient what points against it: g - min(0, g.r)/(r.r) r (A-GEM, Chaudhry et "   \
                 "al. 2019)",                                                                      \
         .fallback = "false",                                                                      \
         .kind = HTH_KIND_BOOL,                                                                    \
         HTH_REPLAY_OPTION(project)},                                                              \
        {.name = "learner",                                                                        \
         .help = "the learner (learner.name) that learns from what is replayed; empty: one like "  \
                 "the run's own",                                                                  \
         .fallback = "",                                                                           \
         .kind = HTH_KIND_TEXT,                                                                    \
         HTH_REPLAY_OPTION(learner)},                                                              \
        {.name = "learner_steps",                                                                  \
         .help = "of replay.learner: steps of its tape, as learner.steps; 0: what that learner "   \
                 "takes by itself",                                                                \
         .fallback = "0",                                                                          \
         .kind = HTH_KIND_INTEGER,                                                                 \
         .min = 0,                                                                                 \
         .max = 1e9,                                                                               \
         HTH_REPLAY_OPTION(learner_steps)},                                                        \
        {.name = "steps",                                                                          \
         .help = "steps of a stretch that is kept as a sequence of its own; 0: sequences are "     \
                 "whole, or 100 where they do not end or have more than 1000",                     \
         .fallback = "0",                                                                          \
         .kind = HTH_KIND_INTEGER,                                                                 \
         .min = 0,                                                                                 \
         .max = 1e9,                                                                               \
         HTH_REPLAY_OPTION(steps)},                                                                \
        {.name = "from",                                                                           \
         .help = "what the memory takes: the sequences of the stream, or what the network dreams " \
                 "at the end of each phase, as many as the memory holds: it reads the first "      \
                 "replay.prime steps of a training sequence, and goes on with what it says",       \
         .fallback = "stream",                                                                     \
         .kind = HTH_KIND_CHOICE,                                                                  \
         .choices = (const char *const[]){"stream", "dream", NULL},                                \
         HTH_REPLAY_OPTION(from)},                                                                 \
        {.name = "prime",                                                                          \
         .help = "of replay.from = dream: steps of the data that are read before",                 \
         .fallback = "1",                                                                          \
         .kind = HTH_KIND_INTEGER,                                                                 \
         .min = 1,                                                                                 \
         .max = 1e9,                                                                               \
         HTH_REPLAY_OPTION(prime)},

#endif
