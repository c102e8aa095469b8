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
    int64_t size, batch, every, steps, learner_steps;
    double weight;
    const char *learner;
    bool project;
} hth_replay_options;

/* What a part knows of the memory. Slots 0..held-1 have a sequence each. */
typedef struct hth_replay_slots {
    const hth_replay_options *options;
    uint64_t seed;
    size_t size, classes; /* M; kinds of class, 0: targets are values */
    /* State: sequences that have come; slots that are taken; numbers drawn to choose among them. */
    uint64_t arrivals, held, draws;
    int32_t *class_of; /* [size] */
} hth_replay_slots;

enum { HTH_NOT_KEPT = -1 };

typedef struct hth_replay {
    hth_part part;
    /* Where the sequence goes that comes after `arrivals` others: a slot that is taken, whose sequence is forgotten, or
     * `held`, or HTH_NOT_KEPT. NULL: nothing is kept. */
    int64_t (*place)(hth_replay_slots *slots, int32_t class);
} hth_replay;

/* <name>.c: a new part is a file in this folder and a name in this list. */
#define HTH_REPLAYS(X) X(none) X(reservoir) X(ring)

#define HTH_DECLARE_REPLAY(name) extern const hth_replay hth_replay_##name;
HTH_REPLAYS(HTH_DECLARE_REPLAY)

const hth_replay *hth_replay_at(size_t index);

/* What draws are for. */
enum { HTH_REPLAY_KEEPS, HTH_REPLAY_DRAWS };

/* Number `index` of the draws of one kind, in 0..bound-1. */
static inline uint64_t hth_replay_below(const hth_replay_slots *s, uint32_t kind, uint64_t index,
                                        uint64_t bound) {
    const hth_random random = {s->seed, HTH_RANDOM_REPLAY, kind};
    return hth_random_below(&random, index, bound);
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
         .help = "where sequences do not end: the steps of a stretch that is kept as one; 0: 100", \
         .fallback = "0",                                                                          \
         .kind = HTH_KIND_INTEGER,                                                                 \
         .min = 0,                                                                                 \
         .max = 1e9,                                                                               \
         HTH_REPLAY_OPTION(steps)},

#endif
