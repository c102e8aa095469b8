/*
 * The memory is as balanced between classes as what has come allows, and a sample of what has come within each class
 * (Chrysakis & Moens 2020, algorithm 1). A class is full once it has been the largest of a full memory: then a new
 * sequence of it, the n-th, takes the place of one of its m with probability m/n. A sequence of any other class takes
 * the place of one of the largest class.
 *
 * The class of a sequence is that of its last step that counts, with its head.
 */
#include "tasks/replay/part.h"

static const hth_option options[] = {HTH_REPLAY_OPTIONS};

static size_t members(const hth_replay_slots *s, int32_t class) {
    size_t count = 0;
    for (size_t i = 0; i < s->held; i++) count += s->class_of[i] == class;
    return count;
}

/* The slot of any member of a class. */
static int64_t any_of(const hth_replay_slots *s, int32_t class) {
    const uint64_t nth = hth_replay_below(s, HTH_REPLAY_TAKES_OVER, s->arrivals, members(s, class));
    uint64_t seen = 0;
    for (size_t i = 0; i < s->held; i++)
        if (s->class_of[i] == class && seen++ == nth) return (int64_t)i;
    return HTH_NOT_KEPT;
}

/* Finds a class with most members; all that have as many are full from now on. */
static int32_t largest(const hth_replay_slots *s) {
    size_t most = 0;
    int32_t found = 0;
    for (size_t c = 0; c < s->classes; c++) {
        const size_t count = members(s, (int32_t)c);
        if (count > most) found = (int32_t)c;
        most = count > most ? count : most;
    }
    for (size_t c = 0; c < s->classes; c++)
        if (members(s, (int32_t)c) == most) s->full[c] = 1;
    return found;
}

static int64_t place(hth_replay_slots *s, int32_t class) {
    s->seen[class]++;
    if (s->held < s->size) return (int64_t)s->held;
    const int32_t biggest = largest(s);
    if (!s->full[class]) return any_of(s, biggest);
    const uint64_t nth = hth_replay_below(s, HTH_REPLAY_KEEPS, s->arrivals, s->seen[class]);
    return nth < members(s, class) ? any_of(s, class) : HTH_NOT_KEPT;
}

const hth_replay hth_replay_class = {
    .part = {.name = "class",
             .summary = "the memory is balanced between classes",
             .source = "Chrysakis & Moens 2020, algorithm 1",
             .options = {"replay", options, HTH_COUNT(options)}},
    .place = place,
    .of_classes = true,
};
