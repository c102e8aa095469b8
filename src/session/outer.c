/* The outer loop: see outer.h. outer_open.c makes the session. */
#include "session/outer.h"

#include <math.h>
#include <string.h>

/* ---- A batch of tasks ----------------------------------------------------------------------- */

/* Rows of `width` numbers of every `of`-th item of the stream, from item `first` on. */
static void take_items(const hth_real *from, size_t rows, size_t width, size_t of, size_t first,
                       hth_real *to) {
    for (size_t i = 0; i < rows; i++)
        memcpy(to + i * width, from + (i * of + first) * width, width * sizeof *to);
}

static hth_status check_chunk(const hth_outer *o, const hth_chunk *chunk,
                              const hth_position_flags *flags, const char *name, hth_error *error) {
    bool whole = flags->starts && flags->ends && chunk->steps == o->steps;
    for (size_t b = 0; chunk->lengths && b < chunk->batch; b++)
        whole = whole && chunk->lengths[b] == o->steps;
    if (whole) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "the trials of episodes have one length, %zu steps, but '%s' has a sequence of "
        "another: give all sequences the same length, and weight 0 (mask) to steps that "
        "do not count",
        o->steps, name);
}

/* The next tasks of the source. */
static hth_status take_tasks(hth_outer *o, const hth_source *source, hth_position_flags *flags,
                             hth_error *error) {
    const bool pairs = o->options.trials == HTH_TRIALS_PAIRS;
    const size_t rows = o->steps * o->tasks, of = pairs ? 2 : 1, test = pairs ? 1 : 0;
    hth_chunk chunk;
    HTH_TRY(source->kind->next(source->state, o->steps, &chunk, flags, error));
    HTH_TRY(check_chunk(o, &chunk, flags, source->kind->part.name, error));
    take_items(chunk.x, rows, o->inputs, of, 0, o->x);
    take_items(chunk.x, rows, o->inputs, of, test, o->test_x);
    for (size_t i = 0; i < rows; i++) o->weight[i] = 1;
    if (chunk.weights) take_items(chunk.weights, rows, 1, of, test, o->weight);
    /* What the module is told is the target of the training trial; of a body, the place that it leads to. */
    take_items(chunk.targets, rows, o->outputs, of, 0, o->wanted);
    if (o->body)
        o->body->move(source->state, o->steps, o->tasks, o->wanted, o->target);
    else
        memcpy(o->target, o->wanted, rows * o->outputs * sizeof *o->target);
    take_items(chunk.targets, rows, o->outputs, of, test, o->wanted);
    /* The place of the test trial; where that is the same sequence, the same place. */
    if (o->body && pairs)
        o->body->move(source->state, o->steps, o->tasks, o->wanted, o->wanted_place);
    else if (o->body)
        memcpy(o->wanted_place, o->target, rows * o->told * sizeof *o->target);
    return HTH_OK;
}

/* ---- The loss ------------------------------------------------------------------------------- */

/* Weighted sum of squares of is - wanted, and dC/d is for C = factor times that sum. */
static double judge(const hth_outer *o, size_t width, const hth_real *is, const hth_real *wanted,
                    double factor, hth_real *error) {
    double sum = 0;
    for (size_t i = 0; i < o->steps * o->tasks; i++)
        for (size_t k = 0; k < width; k++) {
            const double off = (double)is[i * width + k] - (double)wanted[i * width + k];
            const double weight = (double)o->weight[i];
            sum += weight * off * off;
            error[i * width + k] = (hth_real)(2 * factor * weight * off);
        }
    return sum;
}

/* Sum of the weights; at least 1, so that tasks that only fill up a batch have no loss. */
static double total_weight(const hth_outer *o) {
    double sum = 0;
    for (size_t i = 0; i < o->steps * o->tasks; i++) sum += (double)o->weight[i];
    return sum > 0 ? sum : 1;
}

/* The loss of the test trials, with dC/dy in errors. */
static void judge_all(hth_outer *o, const hth_source *source, hth_outer_result *out) {
    const hth_episode_options *p = &o->options;
    const bool sums = p->loss == HTH_EPISODE_SUM;
    const double weight = total_weight(o), outputs = weight * (double)o->outputs;
    const double part = sums ? 1 / (double)o->tasks : 0.5 / outputs;
    double squares = judge(o, o->outputs, o->y, o->wanted, p->outputs_weight * part, o->errors);
    out->loss = p->outputs_weight * part * squares;
    out->place = squares / outputs;
    if (!o->body) return;
    const double places = weight * (double)o->body->places;
    const double of_place = sums ? 1 / (double)o->tasks : 0.5 / places;
    o->body->move(source->state, o->steps, o->tasks, o->y, o->place);
    squares =
        judge(o, o->body->places, o->place, o->wanted_place, p->place_weight * of_place, o->pull);
    o->body->yield(source->state, o->steps, o->tasks, o->y, o->pull, o->errors);
    out->loss += p->place_weight * of_place * squares;
    out->place = squares / places;
}

hth_status hth_outer_run(hth_session *s, const hth_source *source, uint64_t number, uint32_t stream,
                         hth_position_flags *flags, hth_outer_result *out, hth_error *error) {
    hth_outer *o = s->outer;
    HTH_TRY(take_tasks(o, source, flags, error));
    const hth_tasks_of_batch tasks = {o->x, o->test_x, o->target, number, stream};
    HTH_TRY(hth_episodes_run(o->episodes, &tasks, o->y, &out->report, error));
    judge_all(o, source, out);
    if (isfinite(out->loss)) return HTH_OK;
    return hth_fail(error, HTH_NOT_FINITE, "the loss of the test trials is not finite");
}

/* ---- A step --------------------------------------------------------------------------------- */

hth_status hth_outer_step(hth_session *s, hth_tally *tally, double *places, hth_error *error) {
    hth_outer *o = s->outer;
    hth_position_flags flags;
    hth_outer_result result;
    const uint64_t epoch = tally->epoch ? tally->epoch : 1;
    HTH_TRY(hth_outer_run(s, &s->train, tally->updates, 0, &flags, &result, error));
    if (tally->epoch_over) tally->epoch++;
    tally->epoch_over = 0;
    /* The gradients, then an update of both networks. */
    hth_gradient_clear(s->parts.gradient);
    hth_gradient_clear(o->gradient);
    HTH_TRY(hth_episodes_learn(o->episodes, o->errors, s->parts.gradient, o->gradient, error));
    HTH_TRY(
        hth_optimiser_step(s->parts.optimiser, s->parts.network, s->parts.gradient, epoch, error));
    HTH_TRY(hth_optimiser_step(o->optimiser, o->module, o->gradient, epoch, error));
    /* Count it. */
    const double trials = (double)(o->options.updates + 1);
    tally->sums.loss += result.loss;
    tally->sums.weight += 1;
    tally->sums.spikes += result.report.spikes / trials;
    tally->sums.regulariser += result.report.regulariser;
    *places += result.place;
    tally->step += o->steps;
    tally->updates++;
    tally->epoch_over = flags.epoch_end;
    return HTH_OK;
}

/* ---- Scoring -------------------------------------------------------------------------------- */

hth_status hth_outer_score(hth_session *s, const hth_source *source, const hth_watch *watch,
                           hth_outer_result *out, bool *stopped, hth_error *error) {
    const uint64_t limit = (uint64_t)s->options.validation_steps;
    hth_position_flags flags = {0};
    hth_outer_result one;
    uint64_t passes = 0;
    bool more = true;
    *out = (hth_outer_result){0};
    *stopped = false;
    HTH_TRY(hth_source_rewind(source, error));
    while (more) {
        if ((*stopped = passes > 0 && watch->stop && *watch->stop)) break;
        HTH_TRY(hth_outer_run(s, source, passes++, 1, &flags, &one, error));
        out->loss += one.loss;
        out->place += one.place;
        out->report = one.report;
        if (watch->tick) watch->tick(watch->context);
        more = limit ? passes * s->outer->steps < limit : source->epoch_steps > 0;
        more = more && !flags.epoch_end;
    }
    out->loss /= (double)passes;
    out->place /= (double)passes;
    out->steps = passes * s->outer->steps;
    return HTH_OK;
}
