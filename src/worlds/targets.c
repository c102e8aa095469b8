/*
 * From what happened on a tape to the targets of the loss: an advantage for the action taken, and a return for the
 * value (agent.return, returns.h). V is 0 after the end of an episode, else that of the step that comes next.
 *
 * With agent.name = ac-lambda the gradient of a step is that of log pi(a) + c_V V, targets 1 and V + 1, and delta is
 * the factor of its fading sum (Sutton & Barto 2018, section 13.5).
 */
#include "worlds/agent.h"

#include <string.h>

static void set_target(hth_agent *a, size_t at, double advantage) {
    const hth_event *e = &a->events[at];
    hth_real *target = a->targets + at * a->outputs;
    memset(target, 0, a->outputs * sizeof *target);
    a->weights[at] = e->is_over ? 0 : 1;
    if (e->is_over) return;
    if (e->action != HTH_NO_ACTION) target[e->action] = (hth_real)advantage;
    target[a->outputs - 1] = (hth_real)(advantage + e->value);
}

/* ---- Other rewards --------------------------------------------------------------------------- */

/* A step's features: what was seen, and 1, at the place of the action. */
static void fill_features(const hth_agent *a, size_t item, size_t steps) {
    const size_t each = a->shape.inputs + 1, n = a->predictor.features;
    memset(a->features, 0, steps * n * sizeof *a->features);
    for (size_t t = 0; t < steps; t++) {
        const int32_t action = a->events[t * a->batch + item].action;
        const hth_real *x = a->x + (t * a->batch + item) * a->inputs;
        if (action == HTH_NO_ACTION) continue;
        double *to = a->features + t * n + (size_t)action * each;
        for (size_t i = 0; i < a->shape.inputs; i++) to[i] = (double)x[i];
        to[each - 1] = 1;
    }
}

/* Redistributes the rewards of an episode by what the predictor knows of earlier ones, then lets it learn of this. */
static void redistribute(hth_agent *a, size_t item, size_t steps) {
    hth_additive *p = &a->predictor;
    double back = 0;
    fill_features(a, item, steps);
    memset(p->sum, 0, p->features * sizeof *p->sum);
    for (size_t t = 0; t < steps; t++) {
        back += a->rewards[t];
        for (size_t i = 0; i < p->features; i++) p->sum[i] += a->features[t * p->features + i];
    }
    hth_redistribute(p, steps, a->features, a->rewards);
    hth_additive_learn(p, p->sum, back);
}

/* Moves value along the reads of an item, head by head. */
static void transport(hth_agent *a, size_t item, size_t steps, const hth_memory_reads *reads) {
    const hth_agent_options *o = &a->options;
    const hth_transport_form how = {.gamma = o->gamma,
                                    .share = o->share,
                                    .rows = (size_t)o->rows,
                                    .next = o->value_of == HTH_VALUE_AFTER};
    for (size_t h = 0; reads && h < reads->heads; h++) {
        const size_t at = h * a->batch + item;
        const bool by_strength =
            o->sure == HTH_SURE_STRENGTH || (o->sure == HTH_SURE_AUTO && reads->learned[h]);
        const hth_reads of = {.first = reads->first + at * (a->steps + 1),
                              .rows = reads->rows,
                              .strengths = by_strength ? reads->strengths + at * a->steps : NULL};
        hth_transport(&how, &of, steps, a->values, a->rewards);
    }
}

/* ---- Targets --------------------------------------------------------------------------------- */

/* Copies an item's rewards and values; how many steps it has before its episode ended. */
static size_t take_item(hth_agent *a, size_t item, double after) {
    size_t steps = 0;
    for (; steps < a->steps; steps++) {
        const hth_event *e = &a->events[steps * a->batch + item];
        if (e->is_over) break;
        a->rewards[steps] = e->reward;
        a->values[steps] = e->value;
    }
    a->values[steps] = steps == a->steps ? after : 0;
    return steps;
}

static void look_at_item(hth_agent *a, size_t item, double after, bool is_whole,
                         const hth_memory_reads *reads) {
    const hth_agent_options *o = &a->options;
    const size_t steps = take_item(a, item, after);
    /* Only training changes rewards, of whole episodes. */
    const bool changes = is_whole && a->split == HTH_TRAIN && steps > 0;
    if (changes && o->how == HTH_RETURN_TRANSPORT) transport(a, item, steps, reads);
    if (changes && o->how == HTH_RETURN_REDISTRIBUTE) redistribute(a, item, steps);
    hth_advantages(steps, a->rewards, a->values, o->gamma, o->lambda, a->advantages);
    for (size_t t = 0; t < a->steps; t++)
        set_target(a, t * a->batch + item, t < steps ? a->advantages[t] : 0);
}

/* One step of one item, for an update at each step. */
static void look_at_step(hth_agent *a, double after, double entropy, hth_lookback *out) {
    const hth_event *e = &a->events[0];
    const bool acts = e->action != HTH_NO_ACTION;
    const double bonus = acts ? -entropy * e->log_chance : 0;
    out->by_step = true;
    out->delta = e->reward + bonus + a->options.gamma * after - e->value;
    out->loss = 0.5 * out->delta * out->delta - (acts ? out->delta * e->log_chance : 0);
    set_target(a, 0, 1);
}

/* Whether an update follows: not where a pass only scores. */
static bool is_by_step(const hth_agent *a) {
    return a->options.by_step && a->split == HTH_TRAIN && a->batch == 1 && a->steps == 1;
}

void hth_agent_return(hth_agent *a, const hth_real *after, double entropy,
                      const hth_memory_reads *reads, hth_lookback *out) {
    *out = (hth_lookback){.chunk = {.steps = a->steps,
                                    .batch = a->batch,
                                    .x = a->x,
                                    .targets = a->targets,
                                    .weights = a->weights}};
    const bool is_whole = a->is_first && !after;
    for (size_t b = 0; b < a->batch; b++) {
        /* V of the step that comes next, unless the item's episode has ended. */
        const bool goes_on = after && !a->over[b];
        const double next = goes_on ? (double)after[(b + 1) * a->outputs - 1] : 0;
        if (is_by_step(a))
            look_at_step(a, next, entropy, out);
        else
            look_at_item(a, b, next, is_whole, reads);
    }
}
