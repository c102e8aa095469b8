/*
 * Progress reports: how far a run has come, its speed and its memory.
 *
 * Time is measured here. It never changes the course of a run; only the moments of checkpoints depend on it.
 */
#include "files/clock.h"
#include "network/inspect.h"
#include "run/run.h"

#include <math.h>

void hth_run_tell(const hth_run *r, const char *sentence) {
    if (r->observer->message) r->observer->message(r->observer->context, sentence);
}

void hth_run_tell_reading(const hth_run *r, bool reading) {
    hth_tell_reading(r->observer, reading);
}

void hth_run_tell_data(const hth_run *r, const hth_source *source) {
    char sentence[300];
    hth_source_describe(source, sentence, sizeof sentence);
    if (*sentence) hth_run_tell(r, sentence);
    if (*hth_source_doubt(source)) hth_run_tell(r, hth_source_doubt(source));
}

/* Seconds until the run, or its phase, ends, at `rate` steps per second; 0: not known. */
static double eta(const hth_run *r, double rate) {
    const hth_session *s = &r->session;
    uint64_t total = s->epochs_total * s->train.epoch_steps;
    if (!total || (s->steps_total && s->steps_total < total)) total = s->steps_total;
    const uint64_t done = r->counters.walked.step - r->counters.phase_step;
    if (!(rate > 0) || total <= done) return 0;
    return (double)(total - done) / rate;
}

/* Mean number of spikes per unit and step since the last line; NAN: no unit spikes, or no step. */
static double spike_rate(const hth_run *r) {
    const hth_counters *c = &r->counters;
    const hth_network *network = r->session.parts.network;
    double units = 0;
    for (size_t l = 0; l < hth_network_look(network).layers; l++) {
        const hth_layer_facts layer = hth_layer_look(network, l);
        if (layer.spikes) units += (double)layer.units;
    }
    const double steps = (double)(c->walked.step - c->line_step) * (double)r->session.batch;
    return units * steps > 0 ? c->walked.sums.spikes / (units * steps) : (double)NAN;
}

/* Mean of E_reg over the tapes since the last line; NAN: no rate regulariser, or no step. */
static double regulariser(const hth_run *r) {
    const hth_counters *c = &r->counters;
    const double steps = (double)(c->walked.step - c->line_step);
    if (r->session.outer)
        return c->walked.sums.regulariser > 0 ? c->walked.sums.regulariser / c->walked.sums.weight
                                              : (double)NAN;
    const bool has = hth_network_look(r->session.parts.network).has_rates && steps > 0;
    return has ? c->walked.sums.regulariser * (double)r->session.steps / steps : (double)NAN;
}

hth_progress hth_run_describe(hth_run *r, double now) {
    const hth_counters *c = &r->counters;
    r->memory_bytes = hth_peak_memory(r->memory_bytes);
    /* Without a judged step since the last line, show the numbers of that line. */
    const bool fresh = c->walked.sums.weight > 0;
    double rate = (double)(c->walked.step - r->begun_step) / (now - r->begun);
    /* Collect counters, numbers of the last line, speed and memory. */
    return (hth_progress){
        .step = c->walked.step,
        .steps_total = r->session.steps_total ? c->phase_step + r->session.steps_total : 0,
        .epoch = c->walked.epoch,
        .epochs_total = r->session.epochs_total ? c->phase_epochs + r->session.epochs_total : 0,
        .updates = c->walked.updates,
        .train_loss = fresh ? hth_mean_loss(&c->walked.sums) : c->train_loss,
        .train_metric =
            fresh ? hth_run_metric_value(&r->session.metric, &c->walked.sums, &r->session.moments)
                  : c->train_metric,
        .validation_loss = c->validation_loss,
        .validation_metric = c->validation_metric,
        .metric = r->session.metric.kind->part.name,
        .spike_rate = spike_rate(r),
        .regulariser = regulariser(r),
        .learning_rate =
            hth_optimiser_rate(r->session.parts.optimiser, c->walked.epoch ? c->walked.epoch : 1),
        .seconds = r->before + now - r->begun,
        .steps_per_second = rate,
        .eta_seconds = eta(r, rate),
        .memory_bytes = r->memory_bytes,
    };
}

void hth_run_tick(void *context) {
    const double often = 0.25;
    hth_run *r = context;
    double now = hth_clock();
    if (!r->observer->progress || now - r->told < often) return;
    r->told = now;
    hth_progress progress = hth_run_describe(r, now);
    r->observer->progress(r->observer->context, &progress);
}
