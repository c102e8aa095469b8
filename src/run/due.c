/* When a line of metrics.jsonl is due, and when training has done what it was to do. */
#include "run/run.h"
#include "run/stop.h"

uint64_t hth_run_epochs_done(const hth_counters *c) {
    return c->walked.epoch_over || c->walked.epoch == 0 ? c->walked.epoch : c->walked.epoch - 1;
}

bool hth_run_finished(const hth_run *r) {
    const hth_session *s = &r->session;
    const hth_counters *c = &r->counters;
    if (s->steps_total && c->walked.step - c->phase_step >= s->steps_total) return true;
    if (hth_stop_reached(s, c) || hth_stop_waited(s, c)) return true;
    return s->epochs_total && hth_run_epochs_done(c) - c->phase_epochs >= s->epochs_total;
}

/* Whether a multiple of `every` lies in (before, now]. */
static bool passed(uint64_t every, uint64_t before, uint64_t now) {
    return every && now / every > before / every;
}

void hth_run_find_due(hth_run *r, size_t steps) {
    hth_counters *c = &r->counters;
    const uint64_t now = c->walked.step - c->phase_step, before = now - steps;
    const uint64_t epoch = c->walked.epoch - c->phase_epochs;
    const bool epoch_end = c->walked.epoch_over;
    /* A line every report_every steps, or at the end of an epoch. */
    bool line = passed(r->report_every, before, now) || (epoch_end && !r->report_every);
    /* A validation every validate_every steps or validate_epochs epochs. */
    bool validation = passed(r->validate_every, before, now);
    if (epoch_end && r->validate_epochs) validation = epoch % r->validate_epochs == 0;
    if (validation || hth_run_finished(r))
        c->line_due = HTH_LINE_VALIDATION;
    else if (line)
        c->line_due = HTH_LINE_TRAINING;
}

void hth_run_set_intervals(hth_run *r) {
    enum { LINES = 100, VALIDATIONS = 10 };
    const hth_session *s = &r->session;
    const int64_t validate = r->validation.source.kind ? s->options.validate_every : -1;
    r->report_every = (uint64_t)s->options.report_every;
    r->validate_every = validate > 0 ? (uint64_t)validate : 0;
    /* With epochs, train.validate_every counts epochs. */
    if (s->train.epoch_steps) {
        r->validate_epochs = validate < 0 ? 0 : validate ? (uint64_t)validate : 1;
        r->validate_every = 0;
        return;
    }
    /* Without epochs it counts steps; intervals end with a sequence. */
    if (!r->report_every) r->report_every = hth_whole_sequences(&s->train, s->steps_total / LINES);
    if (validate == 0)
        r->validate_every = hth_whole_sequences(&s->train, s->steps_total / VALIDATIONS);
}
