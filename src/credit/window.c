/*
 * A sliding window: the tape has H steps, of which K are new each time that it is learned from. Two things can be meant
 * (learner.window_of):
 *
 *     steps    F-BPTT, the "BPTT" of Marschall et al. 2019, Fig. 1: the gradient of a step is given once, when the
 *              losses of the H - K + 1 to H steps from it on are known:
 *                  g += sum over the steps that are due of delta_t u_t^T     delta_t with all losses on the tape
 *              With K = 1 that is the oldest step, every step. When a sequence ends (chunk.ends), all are due.
 *     losses   TBPTT(k1, k2), also BPTT(h; h') (Williams & Peng 1990), k1 = h' = K, k2 = h = H: every loss counts once,
 *              when it is new, and its gradient goes back through all H steps:
 *                  g += sum over all steps of delta_t u_t^T                  delta_t with the new losses alone
 *
 * A verdict on an old step counts as new: a label may come late, as long as its step is on the tape.
 *
 * Weights change while a step waits: u, the cell's derivatives and the direct errors are those of its own time, the
 * recurrent weights that the scan goes through are today's. With a leaky readout, errors of new steps reach the waiting
 * ones through the filter; also for these the feedback is today's.
 *
 * Memory per item H (m + (f + 1) n), f being the fields of the cell, most of it on the tape; multiply-adds per scan
 * H g n^2.
 */
#include "credit/window.h"

#include "credit/catalogues.h"
#include "kernels/vectors.h"

#include <stdlib.h>
#include <string.h>

hth_status hth_window_read(const hth_settings *settings, const hth_preset *preset,
                           hth_window_options *out, hth_error *error) {
    const char *steps = hth_preset_value(preset, "learner.window");
    const char *of = hth_preset_value(preset, "learner.window_of");
    HTH_TRY(hth_common_option(&hth_learners, "window", settings, &out->steps, error));
    HTH_TRY(hth_common_option(&hth_learners, "window_of", settings, &out->of, error));
    if (out->steps < 0) out->steps = steps ? strtol(steps, NULL, 10) : 0;
    if (out->of == HTH_WINDOW_AS_PRESET)
        out->of = of && strcmp(of, "losses") == 0 ? HTH_WINDOW_OF_LOSSES : HTH_WINDOW_OF_STEPS;
    return HTH_OK;
}

bool hth_window_delays(const hth_learner *learner) {
    const hth_window_options *o = learner->window.options;
    return o->steps > 0 && o->of == HTH_WINDOW_OF_STEPS;
}

size_t hth_window_length(const hth_learner *learner) {
    const hth_window_options *o = learner->window.options;
    return o->steps ? (size_t)o->steps : learner->steps;
}

/* Numbers of a step's direct errors, and where those of the tape are. */
static size_t slot_of(const hth_learner *learner) {
    return learner->batch * learner->network->readout.n;
}

static hth_real *errors_of(const hth_learner *learner) {
    return hth_adjoint_errors(&learner->adjoint, learner->network);
}

/* ---- Along the tape -------------------------------------------------------------------------- */

/* Whether what is kept can be of this tape: a state that was restored may be anything. Two tapes may count to the same
 * sequence. */
static bool is_of(const hth_learner *learner, const hth_window *w, const hth_tape *tape) {
    return w->sequence == tape->sequence && (!learner->last || learner->last == tape) &&
           w->origin <= tape->time && w->origin <= w->learned && w->learned <= w->seen &&
           w->seen - w->origin <= w->steps && w->seen <= tape->time + tape->steps;
}

static void begin_sequence(hth_window *w, const hth_tape *tape) {
    w->sequence = tape->sequence;
    w->origin = w->seen = w->learned = tape->time;
    memset(w->spent, 0, w->steps * sizeof *w->spent);
}

/* The tape has slid by some steps since. */
static void follow(const hth_learner *learner, hth_window *w, const hth_tape *tape) {
    const uint64_t by = tape->time - w->origin;
    const size_t had = (size_t)(w->seen - w->origin), slot = slot_of(learner);
    const size_t left = by < had ? had - (size_t)by : 0;
    hth_real *q = errors_of(learner);
    w->origin = tape->time;
    if (w->seen < w->origin) w->seen = w->origin;
    if (w->learned < w->origin) w->learned = w->origin;
    if (by == 0) return;
    memmove(q, q + by * slot * (left > 0), left * slot * sizeof *q);
    memmove(w->spent, w->spent + by * (left > 0), left * sizeof *w->spent);
    memset(w->spent + left, 0, (w->steps - left) * sizeof *w->spent);
}

const hth_window *hth_window_open(hth_learner *learner, const hth_tape *tape) {
    hth_window *w = learner->window.kept;
    if (w->steps == 0) return NULL;
    if (is_of(learner, w, tape))
        follow(learner, w, tape);
    else
        begin_sequence(w, tape);
    w->waits = false;
    learner->time = tape->time;
    learner->unseen = (size_t)(w->seen - w->origin);
    return w;
}

void hth_window_pass(hth_learner *learner, const hth_tape *tape) {
    hth_window *w = learner->window.kept;
    if (w->steps == 0) return;
    begin_sequence(w, tape);
    w->seen = w->learned = tape->time + tape->steps;
    w->waits = false;
    for (size_t t = 0; t < tape->steps; t++) w->spent[t] = tape->said[t] != 0;
}

bool hth_window_lost(const hth_learner *learner, const hth_tape *tape) {
    const hth_window *w = learner->window.kept;
    return w->waits && (w->sequence != tape->sequence || (learner->last && learner->last != tape));
}

bool hth_window_forgot(const hth_learner *learner, const hth_tape *tape) {
    const hth_window *w = learner->window.kept;
    return w->waits && is_of(learner, w, tape) && tape->time > w->learned;
}

/* ---- Learning -------------------------------------------------------------------------------- */

/* The direct errors of the scan: of steps, all that is known of them; of losses, the new ones alone. */
static void join_errors(const hth_learner *learner, const hth_window *w, size_t steps) {
    const size_t slot = slot_of(learner), old = learner->unseen * slot;
    hth_real *q = errors_of(learner);
    if (w->of == HTH_WINDOW_OF_LOSSES)
        memcpy(q, w->errors, steps * slot * sizeof *q);
    else
        memcpy(q + old, w->errors + old, (steps * slot - old) * sizeof *q);
    if (w->of == HTH_WINDOW_OF_STEPS) hth_add_scaled(old, 1, w->errors, q);
}

/* The steps that are due become those that the weights learn by; whether there are any. */
static bool find_due(const hth_learner *learner, const hth_window *w, hth_adjoint *adjoint) {
    const hth_tape *tape = adjoint->tape;
    const size_t wait = w->steps - learner->steps;
    adjoint->from = 0;
    adjoint->to = tape->steps;
    if (w->of == HTH_WINDOW_OF_LOSSES) return true;
    adjoint->from = (size_t)(w->learned - w->origin);
    if (!tape->chunk.ends) adjoint->to = tape->steps > wait ? tape->steps - wait : 0;
    return adjoint->from < adjoint->to;
}

void hth_window_learn(hth_learner *learner, hth_gradient *gradient) {
    hth_window *w = learner->window.kept;
    hth_adjoint *adjoint = &learner->adjoint;
    const hth_tape *tape = adjoint->tape;
    join_errors(learner, w, tape->steps);
    if (find_due(learner, w, adjoint)) {
        hth_adjoint_split(adjoint);
        hth_gradient_fill(gradient);
        hth_adjoint_clear_boundary(adjoint);
        hth_scan(adjoint);
        hth_tape_gradient(adjoint, gradient);
        w->learned = w->origin + adjoint->to;
    } else {
        learner->given = 0;
    }
    for (size_t t = 0; t < tape->steps; t++) w->spent[t] = w->spent[t] || tape->said[t];
    w->seen = w->origin + tape->steps;
    w->waits = w->of == HTH_WINDOW_OF_STEPS && w->learned < w->seen;
    adjoint->from = 0;
    adjoint->to = SIZE_MAX;
}

/* ---- Making ---------------------------------------------------------------------------------- */

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const hth_window_options *o = given;
    hth_window counted = {0}, *kept = HTH_TAKE(arena, hth_window, 1), *placed = kept;
    if (!kept) kept = &counted;
    kept->steps = (size_t)o->steps;
    kept->of = o->of;
    kept->sequence = UINT64_MAX;
    kept->spent = HTH_TAKE(arena, int32_t, kept->steps);
    kept->errors = HTH_TAKE(arena, hth_real, hth_times(kept->steps, slot_of(plan)));
    return placed;
}

static void reset(hth_learner *learner) {
    hth_window *w = learner->window.kept;
    w->sequence = UINT64_MAX;
}

/* Where each loss counts once, the tape knows which did. */
static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    hth_window *w = learner->window.kept;
    if (!hth_window_delays(learner)) return 0;
    const hth_field all[] = {
        {"window.sequence", HTH_DTYPE_U64, 1, &w->sequence, {0}},
        {"window.origin", HTH_DTYPE_U64, 1, &w->origin, {0}},
        {"window.seen", HTH_DTYPE_U64, 1, &w->seen, {0}},
        {"window.learned", HTH_DTYPE_U64, 1, &w->learned, {0}},
        {"window.waits", HTH_DTYPE_U64, 1, &w->waits, {0}},
        {"window.q", HTH_DTYPE_REAL, w->steps * slot_of(learner), errors_of(learner), {0}},
    };
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    const hth_window_options *o = learner->window.options;
    if (o->steps <= 1) return 0;
    out[0] = (hth_need){"-", false, "the steps of the window, gone through backwards in time"};
    return 1;
}

const hth_axis hth_window_axis = {
    .part = {.name = "window",
             .summary = "a tape that slides: H steps, of which K are new each time",
             .source = "F-BPTT: Marschall et al. 2019, Fig. 1; BPTT(h; h'): Williams & Peng 1990"},
    .options_size = sizeof(hth_window_options),
    .bias = HTH_BIASED,
    .memory = "H*top*n",
    .operations = "(H/K-1)*g*n*n",
    .lay_out = lay_out,
    .reset = reset,
    .state = state,
    .needs = needs,
};
