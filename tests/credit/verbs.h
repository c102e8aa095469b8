/* Tapes that come about by the verbs in every manner: cells, data, and steps that are written and judged. */
#ifndef HTH_TEST_VERBS_H
#define HTH_TEST_VERBS_H

#include "handles.h"

static const char *const cells[] = {
    "cell.name=rate network.units=5",
    "cell.name=rate-pre network.units=4,3",
    "cell.name=lstm network.units=3 readout.kappa=0.6",
    "cell.name=gru network.units=4 network.initial=learned",
    "cell.name=lif network.units=9 cell.v_th=0.05 cell.refractory=1",
    "cell.name=alif network.units=9 cell.v_th=0.05 readout.kappa=0.7 readout.bias_place=inside",
    "network.units=4,3 network.reads=below,below+input readout.reads=top+input cell.alpha=0.5",
};

enum { STEPS = 15, TAPE = 5, BATCH = 2, INPUTS = 3, OUTPUTS = 6 };

/* How a tape comes about. */
typedef enum manner { WHOLE, BY_STEP, BY_STEP_AND_READ, LATE, SECOND_STEP_LOST } manner;

static inline hth_inputs inputs_of(const law_rig *rig, size_t from, size_t steps) {
    const hth_chunk c = law_cut(rig, from, steps);
    return (hth_inputs){.steps = steps,
                        .batch = c.batch,
                        .x = c.x,
                        .tokens = c.tokens,
                        .ends = from + steps == rig->what.steps};
}

static inline hth_verdict verdict_of(const law_rig *rig, size_t start, size_t from, size_t steps) {
    const hth_chunk c = law_cut(rig, start + from, steps);
    return (hth_verdict){.from = from,
                         .steps = steps,
                         .targets = c.targets,
                         .classes = c.classes,
                         .weights = c.weights};
}

/* The caller's arrays are gone when the call is over. */
static inline void write_copy(const law_rig *rig, hth_tape *tape, size_t from, size_t steps) {
    hth_error error;
    hth_inputs in = inputs_of(rig, from, steps);
    const size_t items = steps * in.batch, numbers = items * rig->what.inputs;
    hth_real *x = in.x ? malloc(numbers * sizeof *x) : NULL;
    int32_t *tokens = in.tokens ? malloc(items * sizeof *tokens) : NULL;
    if (x) in.x = memcpy(x, in.x, numbers * sizeof *x);
    if (tokens) in.tokens = memcpy(tokens, in.tokens, items * sizeof *tokens);
    must(hth_tape_write(tape, &in, &error), &error);
    free(x);
    free(tokens);
}

static inline void judge(law_rig *rig, hth_tape *tape, size_t start, size_t from, size_t steps) {
    hth_error error;
    const hth_verdict v = verdict_of(rig, start, from, steps);
    must(hth_tape_judge(tape, &v, &rig->report, &error), &error);
}

/* One tape of `steps` steps from `start` on, written and judged. */
static inline void fill(law_rig *rig, hth_tape *tape, size_t start, size_t steps, manner how) {
    hth_error error;
    if (how == WHOLE) {
        hth_chunk cut = law_cut(rig, start, steps);
        cut.ends = start + steps == rig->what.steps;
        must(hth_forward(tape, &cut, &rig->report, &error), &error);
        return;
    }
    hth_real y[BATCH * 300];
    const size_t length = hth_tape_length(tape), stay = tape->keep < length ? tape->keep : length;
    must(hth_tape_slide(tape, length - stay, &error), &error);
    if (stay == 0) hth_tape_begin(tape);
    const size_t first = start - stay; /* the data of the oldest step */
    for (size_t t = stay; t < stay + steps; t++) {
        write_copy(rig, tape, first + t, 1);
        if (how == BY_STEP_AND_READ) must(hth_tape_read(tape, t, 1, y, &error), &error);
        if (how == BY_STEP || how == BY_STEP_AND_READ || (how == SECOND_STEP_LOST && t != stay + 1))
            judge(rig, tape, first, t, 1);
    }
    for (size_t t = stay + steps; how == LATE && t > stay; t -= t < stay + 3 ? 1 : 2) {
        const size_t few = t < stay + 3 ? 1 : 2;
        judge(rig, tape, first, t - few, few);
    }
}

static inline void refused(hth_status got, const hth_error *error, hth_status status,
                           const char *text) {
    assert_int_equal(got, status);
    if (!strstr(error->message, text)) fail_msg("no '%s' in: %s", text, error->message);
}

#endif
