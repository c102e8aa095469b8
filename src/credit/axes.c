/* The four axes: one line per choice, and their catalogues. */
#include "credit/catalogues.h"
#include "credit/learner.h"

static const hth_signal *const signals[] = {&hth_signal_readout, &hth_signal_none};
static const hth_past *const pasts[] = {&hth_past_none, &hth_past_influence};
static const hth_future *const futures[] = {&hth_future_zero};

/* The choices of recurrence are cases of the scan itself: scan.h. */
static const hth_part recurrences[] = {
    [HTH_RECURRENCE_FULL] = {.name = "full",
                             .summary = "credit crosses all recurrent weights (W^T)",
                             .source = "backpropagation through time: Werbos 1990"},
    [HTH_RECURRENCE_DIAGONAL] = {.name = "diagonal",
                                 .summary = "a unit's own weight and reset only",
                                 .source = "SnAp-1: Menick et al. 2020"},
    [HTH_RECURRENCE_NONE] = {.name = "none",
                             .summary = "no credit crosses a recurrent weight or the reset",
                             .source = "RFLO: Murray 2019; e-prop 1: Bellec et al. 2019"},
};

const hth_signal *hth_signal_at(size_t index) {
    return signals[index];
}
const hth_past *hth_past_at(size_t index) {
    return pasts[index];
}
const hth_future *hth_future_at(size_t index) {
    return futures[index];
}

static const hth_part *signal_part(size_t index) {
    return &signals[index]->part;
}
static const hth_part *recurrence_part(size_t index) {
    return &recurrences[index];
}
static const hth_part *past_part(size_t index) {
    return &pasts[index]->part;
}
static const hth_part *future_part(size_t index) {
    return &futures[index]->part;
}

const hth_catalogue hth_signals = {
    .kind = "signal",
    .summary = "How the error at the readout reaches a unit now.",
    .key = "learner.signal",
    .count = HTH_COUNT(signals),
    .at = signal_part,
};
const hth_catalogue hth_recurrences = {
    .kind = "recurrence",
    .summary = "How credit crosses from unit to unit inside the tape.",
    .key = "learner.recurrence",
    .count = HTH_COUNT(recurrences),
    .at = recurrence_part,
};
const hth_catalogue hth_pasts = {
    .kind = "past",
    .summary = "What is kept of everything before the tape.",
    .key = "learner.past",
    .count = HTH_COUNT(pasts),
    .at = past_part,
};
const hth_catalogue hth_futures = {
    .kind = "future",
    .summary = "What stands in for losses after the tape.",
    .key = "learner.future",
    .count = HTH_COUNT(futures),
    .at = future_part,
};
