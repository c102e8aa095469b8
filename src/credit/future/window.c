/*
 * A sliding window: every step is learned from once, by backpropagation from the losses of the H steps from
 * it on (F-BPTT, the "BPTT" of Marschall et al. 2019, Fig. 1). The steps that have not
 * been learned from are kept; when a tape of k <= K new steps has been added, all of them but the newest
 * H - K are, from one scan back over the whole window:
 *
 *     g += sum over those t of delta_t u_t^T        delta_t with all losses of the window from t on.
 *
 * With K = 1 that is the oldest step of H, every step; with tapes of K steps a step sees the losses of
 * H - K + 1 to H steps. So K > 1 costs less and sees less.
 *
 * Weights change while a step waits: u, the cell's derivatives and the direct errors are those of its own
 * time, the recurrent weights that the scan goes through are today's. With a leaky readout, errors of new
 * steps reach the waiting ones through the filter; also for these the feedback is today's.
 *
 * When a sequence ends, those of its steps that wait have seen all of its losses. They are learned from with
 * the first tape of the next sequence, or earlier when steps of weight 0 are run through: with H at least
 * the length of the sequence, the sum is the gradient of BPTT. Starting the learner anew keeps them.
 *
 * Memory per item H (m + (f + 1) n), f being the fields of the cell; multiply-adds per tape H g n^2.
 */
#include "credit/learner.h"

#include "kernels/vectors.h"

#include <stdio.h>
#include <string.h>

typedef struct window_options {
    int64_t horizon;
} window_options;

static const hth_option options[] = {
    {.name = "window",
     .help =
         "H, steps of the sliding window: a step sees the losses of the H steps that begin with it",
     .fallback = "10",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     .offset = offsetof(window_options, horizon)},
};

typedef struct window {
    size_t horizon;
    hth_tape tape;       /* the steps that wait: of it, what scans read */
    hth_adjoint adjoint; /* over them; q of the top layer is theirs */
    int32_t *tokens;     /* [H][batch], below an embedding */
    hth_real *tail;      /* [batch][n]: errors of new steps at the newest step that waits */
    uint64_t held;       /* how many wait */
    uint64_t begins;     /* not 0: the oldest of them is the first of its sequence */
    uint64_t ended;      /* not 0: the learner has been started anew since */
} window;

/* ---- What waits: slots of one step of each array ---- */

enum { MOST_ARRAYS = 2 * HTH_MAX_LAYERS + 1 };

typedef struct array {
    hth_real *data;
    size_t step;  /* numbers of one step */
    size_t extra; /* slots more than steps */
} array;

static size_t arrays_of(const window *kept, array out[MOST_ARRAYS]) {
    const hth_network *net = kept->tape.network;
    const size_t batch = kept->tape.batch, top = net->layer_count - 1;
    size_t count = 0;
    for (size_t l = 0; l <= top; l++) {
        const hth_layer *layer = &net->layers[l];
        out[count++] = (array){kept->tape.layers[l].u, batch * layer->stride, 0};
        out[count++] =
            (array){kept->tape.layers[l].field, layer->cell->fields * batch * layer->n, 1};
    }
    out[count++] = (array){kept->adjoint.layers[top].q, batch * net->layers[top].n, 0};
    return count;
}

/* Copies the tape behind what waits. Slot 0 of its fields is the last that is here already. */
static void append(const hth_learner *learner, window *kept) {
    const hth_tape *tape = learner->adjoint.tape;
    const size_t top = learner->network->layer_count - 1, steps = tape->steps;
    array to[MOST_ARRAYS];
    const size_t count = arrays_of(kept, to);
    for (size_t i = 0; i < count; i++) {
        const hth_tape_layer *layer = &tape->layers[i / 2];
        const hth_real *from = i % 2 ? layer->field : layer->u;
        if (i + 1 == count) from = learner->adjoint.layers[top].q;
        memcpy(to[i].data + kept->held * to[i].step, from,
               (steps + to[i].extra) * to[i].step * sizeof(hth_real));
    }
    if (kept->tokens)
        memcpy(kept->tokens + kept->held * tape->batch, tape->chunk.tokens,
               steps * tape->batch * sizeof *kept->tokens);
    if (kept->held == 0) kept->begins = tape->fresh;
    kept->held += steps;
}

/* Forgets the oldest steps. */
static void drop(window *kept, size_t steps) {
    array all[MOST_ARRAYS];
    const size_t count = arrays_of(kept, all), left = kept->held - steps;
    for (size_t i = 0; i < count; i++)
        memmove(all[i].data, all[i].data + steps * all[i].step,
                (left + all[i].extra) * all[i].step * sizeof(hth_real));
    if (kept->tokens)
        memmove(kept->tokens, kept->tokens + steps * kept->tape.batch,
                left * kept->tape.batch * sizeof *kept->tokens);
    kept->held = left;
    kept->begins = 0;
}

/* ---- Learning ---- */

/* The error filter goes on backwards from the new steps: err_t += kappa^(first - t) err_first. */
static void pass_errors_back(hth_learner *learner, const window *kept) {
    const hth_readout *r = &learner->network->readout;
    const size_t each = learner->batch * r->n;
    hth_real *q = kept->adjoint.layers[learner->network->layer_count - 1].q, power = r->gain;
    if (r->kappa == 0 || kept->held == 0) return;
    hth_product(learner->compute, learner->batch, r->n, r->outputs,
                hth_rows(learner->start, r->outputs),
                hth_rows(learner->axes.signal->feedback(learner), r->n), false, kept->tail, r->n);
    for (size_t t = kept->held; t-- > 0; power *= r->kappa) {
        hth_add_scaled(each, power, kept->tail, q + t * each);
    }
}

/* Learns from the oldest steps that wait, and forgets them. */
static void learn_oldest(hth_learner *learner, window *kept, size_t steps, hth_gradient *gradient) {
    if (steps == 0) return;
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        kept->adjoint.layers[l].jacobian = learner->adjoint.layers[l].jacobian;
        kept->adjoint.layers[l].joint = learner->adjoint.layers[l].joint;
    }
    kept->adjoint.tape = &kept->tape;
    kept->tape.steps = kept->held;
    kept->tape.fresh = kept->begins;
    kept->tape.chunk.tokens = kept->tokens;
    hth_adjoint_clear_boundary(&kept->adjoint);
    hth_scan(&kept->adjoint);
    kept->tape.steps = steps; /* the others have more losses to see */
    hth_scan_gradient(&kept->adjoint, gradient);
    drop(kept, steps);
}

static void assign(hth_learner *learner, hth_gradient *gradient) {
    window *kept = learner->future.kept;
    const size_t stay = kept->horizon - learner->steps;
    if (learner->adjoint.tape->fresh || kept->ended)
        learn_oldest(learner, kept, kept->held, gradient);
    kept->ended = 0;
    pass_errors_back(learner, kept);
    append(learner, kept);
    if (kept->held > stay) learn_oldest(learner, kept, kept->held - stay, gradient);
}

/* ---- Making ---- */

static void reset(hth_learner *learner) {
    window *kept = learner->future.kept;
    kept->ended = 1;
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const window_options *o = given;
    const hth_network *net = plan->network;
    const size_t H = (size_t)o->horizon, batch = plan->batch;
    window counted = {0}, *kept = HTH_TAKE(arena, window, 1), *placed = kept;
    if (!kept) kept = &counted;
    kept->horizon = H;
    kept->tape =
        (hth_tape){.network = net, .compute = plan->compute, .capacity = H, .batch = batch};
    kept->tape.layers = HTH_TAKE(arena, hth_tape_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        hth_tape_layer on = {0};
        on.u = HTH_TAKE(arena, hth_real, hth_times(H * batch, layer->stride));
        on.field =
            HTH_TAKE(arena, hth_real, hth_times((H + 1) * batch, layer->cell->fields * layer->n));
        if (placed) kept->tape.layers[l] = on;
    }
    kept->tokens = HTH_TAKE(arena, int32_t, net->embedding ? H * batch : 0);
    if (!net->embedding) kept->tokens = NULL;
    kept->tail = HTH_TAKE(arena, hth_real, batch * net->readout.n);
    hth_adjoint_lay_out(arena, &kept->adjoint, net, H, batch, true);
    kept->adjoint.crossing = plan->axes.recurrence->crossing;
    kept->adjoint.item = HTH_EVERY_ITEM;
    kept->adjoint.skips_start = !net->layers[0].learns_initial;
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    window *kept = learner->future.kept;
    array all[MOST_ARRAYS];
    const size_t arrays = arrays_of(kept, all);
    size_t count = 0;
    for (size_t i = 0; i < arrays; i++, count++) {
        if (count >= capacity) continue;
        fields[count] = (hth_field){.dtype = HTH_DTYPE_REAL,
                                    .count = (kept->horizon + all[i].extra) * all[i].step,
                                    .data = all[i].data};
        if (i + 1 == arrays)
            snprintf(fields[count].name, sizeof fields[count].name, "window.q");
        else
            snprintf(fields[count].name, sizeof fields[count].name, "window%zu.%s", i / 2,
                     i % 2 ? "field" : "u");
    }
    const hth_field rest[] = {
        {"window.held", HTH_DTYPE_U64, 1, &kept->held},
        {"window.begins", HTH_DTYPE_U64, 1, &kept->begins},
        {"window.ended", HTH_DTYPE_U64, 1, &kept->ended},
        {"window.tokens", HTH_DTYPE_I32, kept->horizon * learner->batch, kept->tokens},
    };
    for (size_t i = 0; i < HTH_COUNT(rest) - (kept->tokens ? 0 : 1); i++, count++)
        if (count < capacity) fields[count] = rest[i];
    return count;
}

static const char *refuses(const hth_learner *plan) {
    const window_options *o = plan->future.options;
    if (!plan->axes.signal->reaches_units)
        return "no error reaches the units, so there is nothing to wait for; set learner.future = "
               "zero";
    if (plan->axes.past != &hth_past_none)
        return "the window gives each step all of its credit, and what is kept of the past would "
               "give it "
               "again; it needs learner.past = none";
    if (plan->network->regulariser.rate > 0)
        return "what the regulariser asks of a step is known for one tape at a time, not for a "
               "window; it needs regulariser.rate = 0";
    if ((size_t)o->horizon < plan->steps)
        return "learner.window is shorter than a tape; it needs learner.steps of at most "
               "learner.window";
    if (plan->network->readout.kappa > 0 && plan->axes.signal->feedback_at)
        return "through a leaky readout a step gets errors of later steps, whose feedback would be "
               "another; it needs readout.kappa = 0 or another learner.signal";
    return NULL;
}

static size_t lag(const hth_learner *learner) {
    const window_options *o = learner->future.options;
    return (size_t)o->horizon - learner->steps;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    const window_options *o = learner->future.options;
    if (o->horizon == 1) return 0;
    out[0] = (hth_need){"-", false, "the steps of the window, gone through backwards in time"};
    return 1;
}

const hth_future hth_future_window = {
    .axis = {.part = {.name = "window",
                      .summary =
                          "a sliding window: a step is learned from when it has seen the losses of "
                          "the H steps that begin with it",
                      .source = "F-BPTT: Marschall et al. 2019, Fig. 1",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(window_options),
             .bias = HTH_BIASED,
             .memory = "window*(m+f*n+top*n) + f*n",
             .operations = "(window/K-1)*g*n*n",
             .refuses = refuses,
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .assign = assign,
    .lag = lag,
};
