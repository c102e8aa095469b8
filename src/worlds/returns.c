/*
 * From rewards to targets: the generalised advantage estimate (Schulman et al. 2016, eq. 16), backwards over the steps
 * at hand,
 *
 *     delta_t = r_t + gamma V_{t+1} - V_t     A_t = delta_t + gamma lambda A_{t+1}     G_t = A_t + V_t
 *
 * with V = 0 after the end of an episode; where the episode goes on, the V of the step that comes next. All are
 * constants for the gradient: target A_t for the action taken, and G_t for the value.
 *
 * With agent.name = ac-lambda the gradient of a step is that of log pi(a) + c_V V, targets 1 and V + 1, and delta is the
 * factor of its fading sum (Sutton & Barto 2018, section 13.5).
 */
#include "worlds/returns.h"

#include "worlds/agent.h"

#include <math.h>
#include <string.h>

void hth_advantages(size_t steps, const double *rewards, const double *values, double gamma,
                    double lambda, double *advantages) {
    double next = 0;
    for (size_t t = steps; t-- > 0;) {
        const double delta = rewards[t] + gamma * values[t + 1] - values[t];
        next = advantages[t] = delta + gamma * lambda * next;
    }
}

/* ---- Value transport ------------------------------------------------------------------------ */

/* How much the surest row of step t has of its read, if it counts; else 0. */
static double sure(const hth_reads *reads, size_t t, double quiet) {
    const hth_row_read *best = NULL;
    for (size_t i = reads->first[t]; i < reads->first[t + 1]; i++)
        if (!best || reads->rows[i].weight > best->weight) best = &reads->rows[i];
    const bool counts = best && best->weight > 0.5 && (double)t - (double)best->step > quiet;
    return counts ? best->weight : 0;
}

void hth_transport(size_t steps, const double *values, double gamma, double share,
                   const hth_reads *reads, double *rewards) {
    const double quiet = gamma < 1 ? floor(1 / (1 - gamma)) : 25;
    for (size_t t = 0; t < steps; t++) {
        /* The surest step of the run that begins here. */
        size_t surest = t;
        double most = sure(reads, t, quiet);
        if (most == 0) continue;
        for (; t + 1 < steps; t++) {
            const double next = sure(reads, t + 1, quiet);
            if (next == 0) break;
            if (next > most) surest = t + 1;
            if (next > most) most = next;
        }
        /* Its value goes to the steps that it remembers. */
        for (size_t i = reads->first[surest]; i < reads->first[surest + 1]; i++) {
            const hth_row_read *row = &reads->rows[i];
            if ((double)surest - (double)row->step > quiet)
                rewards[row->step] += share * row->weight * values[surest];
        }
    }
}

/* ---- The targets of an agent ---------------------------------------------------------------- */

static void set_target(hth_agent *a, size_t at, double advantage, double value) {
    const hth_event *e = &a->events[at];
    hth_real *target = a->targets + at * a->outputs;
    memset(target, 0, a->outputs * sizeof *target);
    a->weights[at] = e->is_over ? 0 : 1;
    if (e->is_over) return;
    if (e->action != HTH_NO_ACTION) target[e->action] = (hth_real)advantage;
    target[a->outputs - 1] = (hth_real)value;
}

/* The estimates of one item. */
static void look_at_item(hth_agent *a, size_t item, double after) {
    double advantage = 0, next = after;
    for (size_t t = a->steps; t-- > 0;) {
        const size_t at = t * a->batch + item;
        const hth_event *e = &a->events[at];
        if (e->is_over) {
            set_target(a, at, 0, 0);
            next = advantage = 0;
            continue;
        }
        const double delta = e->reward + a->options.gamma * next - e->value;
        advantage = delta + a->options.gamma * a->options.lambda * advantage;
        next = e->value;
        set_target(a, at, advantage, advantage + e->value);
    }
}

/* One step of one item, for an update at each step. */
static void look_at_step(hth_agent *a, double after, double entropy, hth_lookback *out) {
    const hth_event *e = &a->events[0];
    const bool acts = e->action != HTH_NO_ACTION;
    const double bonus = acts ? -entropy * e->log_chance : 0;
    out->by_step = true;
    out->delta = e->reward + bonus + a->options.gamma * after - e->value;
    out->loss = 0.5 * out->delta * out->delta - (acts ? out->delta * e->log_chance : 0);
    set_target(a, 0, 1, e->value + 1);
}

/* Whether an update follows: not where a pass only scores. */
static bool is_by_step(const hth_agent *a) {
    return a->options.by_step && a->split == HTH_TRAIN && a->batch == 1 && a->steps == 1;
}

void hth_agent_return(hth_agent *a, const hth_real *after, double entropy, hth_lookback *out) {
    *out = (hth_lookback){.chunk = {.steps = a->steps,
                                    .batch = a->batch,
                                    .x = a->x,
                                    .targets = a->targets,
                                    .weights = a->weights}};
    for (size_t b = 0; b < a->batch; b++) {
        /* V of the step that comes next, unless the item's episode has ended. */
        const bool goes_on = after && !a->over[b];
        const double next = goes_on ? (double)after[(b + 1) * a->outputs - 1] : 0;
        if (is_by_step(a))
            look_at_step(a, next, entropy, out);
        else
            look_at_item(a, b, next);
    }
}
