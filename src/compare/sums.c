/*
 * Sums up the runs of a variant. It has a final value over its seeds:
 *
 *     final of a run = mean of the lines in the last part of the run (compare.final)
 *     mean +- standard error = m +- s / sqrt(n),   s^2 = sum (x - m)^2 / (n - 1)
 *
 * and a curve: each run's lines are smoothed over compare.smooth lines, then each point is the mean and standard
 * error over the runs that got that far. The final value counts finished runs only; the curve counts diverged ones
 * up to their end.
 *
 * A line is written by the tape that passes a multiple of train.report_every. If sequences grow, the step of that
 * tape differs between runs, so lines that pass the same multiple make one point. If train.report_every was not
 * given, the interval is at least a sequence or an epoch. Then every run has a line for each, and lines with the
 * same number make one point.
 */
#include "compare/loading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Means -------------------------------------------------------------------------------- */

/* Mean and standard error of the finite values. */
static hth_mean mean_of(const double *values, size_t count) {
    hth_mean mean = {0, NAN, NAN};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            sum += values[i];
            mean.count++;
        }
    if (!mean.count) return mean;
    const double n = (double)mean.count;
    mean.mean = sum / n;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) squares += (values[i] - mean.mean) * (values[i] - mean.mean);
    if (mean.count > 1) mean.error = sqrt(squares / (n - 1) / n);
    return mean;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double hth_median(double *values, size_t count) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) values[used++] = values[i];
    if (!used) return NAN;
    qsort(values, used, sizeof *values, by_size);
    return 0.5 * (values[(used - 1) / 2] + values[used / 2]);
}

/* ---- One run ------------------------------------------------------------------------------ */

static double measured(const hth_line *line, size_t measure) {
    const double values[] = {[HTH_MEASURE_TRAIN_LOSS] = line->train_loss,
                             [HTH_MEASURE_TRAIN_METRIC] = line->train_metric,
                             [HTH_MEASURE_VALIDATION_LOSS] = line->validation_loss,
                             [HTH_MEASURE_VALIDATION_METRIC] = line->validation_metric};
    return values[measure];
}

/* The mean over the last part of the run; NAN if it has no line there. */
static double final_of(const hth_gathered *g, double part) {
    const double from = (double)g->run->steps * (1 - part);
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < g->count; i++)
        if ((double)g->steps[i] > from) {
            sum += g->values[i];
            count++;
        }
    return count ? sum / (double)count : (double)NAN;
}

size_t hth_smooth(const double *values, size_t count, size_t width, double *out) {
    const size_t most = width ? (width - 1) / 2 : 0;
    size_t reach = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t nearest = i < count - 1 - i ? i : count - 1 - i;
        const size_t half = nearest < most ? nearest : most;
        double sum = 0;
        for (size_t j = i - half; j <= i + half; j++) sum += values[j];
        out[i] = sum / (double)(2 * half + 1);
        if (half > reach) reach = half;
    }
    return reach;
}

static void free_gathered(hth_gathered *g) {
    free(g->values);
    free(g->smooth);
    free(g->steps);
    free(g->places);
}

/* Reads the run's lines. every: train.report_every; 0: not given. */
static hth_status gather(const hth_loading *l, const hth_stored_run *run, uint64_t every,
                         hth_gathered *g) {
    hth_line *lines;
    size_t count;
    *g = (hth_gathered){.run = run, .final = NAN};
    /* Read the lines and make room for them. */
    HTH_TRY(hth_store_lines(l->store, run->id, &lines, &count, l->error));
    g->values = calloc(count + 1, sizeof *g->values);
    g->smooth = calloc(count + 1, sizeof *g->smooth);
    g->steps = calloc(count + 1, sizeof *g->steps);
    g->places = calloc(count + 1, sizeof *g->places);
    const bool room = g->values && g->smooth && g->steps && g->places;
    /* Keep the lines that have the measure. */
    for (size_t i = 0; room && i < count; i++) {
        g->spikes = g->spikes || isfinite(lines[i].spike_rate);
        const double value = measured(&lines[i], l->measure);
        if (!isfinite(value)) continue;
        g->values[g->count] = value;
        g->places[g->count] = every ? lines[i].step / every : i;
        g->steps[g->count++] = lines[i].step;
    }
    free(lines);
    if (!room) return hth_loading_no_memory(l);
    /* The final value and the smoothed lines. */
    if (run->status == HTH_RUN_FINISHED) g->final = final_of(g, l->result->final);
    const size_t reach = hth_smooth(g->values, g->count, l->result->smooth, g->smooth);
    if (reach > l->result->reach) l->result->reach = reach;
    return HTH_OK;
}

/* ---- One variant -------------------------------------------------------------------------- */

/* Writes of(run) of each run to `values`; returns how many. */
static size_t collect(const hth_gathered *own, size_t count, bool finished_only,
                      double (*of)(const hth_gathered *g), double *values) {
    size_t used = 0;
    for (size_t i = 0; i < count; i++)
        if (!finished_only || own[i].run->status == HTH_RUN_FINISHED) values[used++] = of(&own[i]);
    return used;
}

static double the_final(const hth_gathered *g) {
    return g->final;
}
static double the_test_loss(const hth_gathered *g) {
    return g->run->test_loss;
}
static double the_test_metric(const hth_gathered *g) {
    return g->run->test_metric;
}
static double the_rate(const hth_gathered *g) {
    return g->run->steps_per_second;
}
static double the_seconds(const hth_gathered *g) {
    return g->run->seconds;
}
static double the_memory(const hth_gathered *g) {
    return g->run->memory_bytes;
}
static double the_bytes(const hth_gathered *g) {
    return g->run->learner_bytes;
}
static double the_parameters(const hth_gathered *g) {
    return g->run->parameters;
}

static double largest(const double *values, size_t count) {
    double most = NAN;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]) && !(most >= values[i])) most = values[i];
    return most;
}

/* Finds the run with the best final value. */
static void find_best(const hth_gathered *own, size_t count, bool rises, hth_compared *row) {
    double best = NAN;
    for (size_t i = 0; i < count; i++) {
        const double value = own[i].final;
        row->spikes = row->spikes || own[i].spikes;
        if (!isfinite(value) || (rises ? value <= best : value >= best)) continue;
        best = value;
        row->best_seed = own[i].run->seed;
    }
}

static void sum_up(const hth_gathered *own, size_t count, double *values, hth_compared *row) {
    row->final = mean_of(values, collect(own, count, true, the_final, values));
    row->median = hth_median(values, collect(own, count, true, the_final, values));
    row->test_loss = mean_of(values, collect(own, count, true, the_test_loss, values));
    row->test_metric = mean_of(values, collect(own, count, true, the_test_metric, values));
    for (size_t fact = 0; fact < HTH_TRANSFER_FACTS; fact++) {
        size_t used = 0;
        for (size_t i = 0; i < count; i++)
            if (own[i].run->status == HTH_RUN_FINISHED)
                values[used++] = own[i].run->transfer.of[fact];
        row->transfer[fact] = mean_of(values, used);
    }
    row->steps_per_second = hth_median(values, collect(own, count, true, the_rate, values));
    row->seconds = hth_median(values, collect(own, count, true, the_seconds, values));
    row->memory_bytes = largest(values, collect(own, count, false, the_memory, values));
    row->learner_bytes = largest(values, collect(own, count, false, the_bytes, values));
    row->parameters = largest(values, collect(own, count, false, the_parameters, values));
    row->ratio = row->speed_ratio = NAN;
}

/* Finds the next point: the smallest place of any run's next line. False if all runs are at their end. */
static bool next_place(const hth_gathered *own, size_t count, uint64_t *place) {
    bool some = false;
    for (size_t i = 0; i < count; i++) {
        if (own[i].at == own[i].count || (some && own[i].places[own[i].at] >= *place)) continue;
        *place = own[i].places[own[i].at];
        some = true;
    }
    return some;
}

/* Makes the point: mean values of the runs that have a line there, and the earliest of their steps. Some runs may
 * have ended before, or have no finite number there. */
static hth_curve_point take_place(hth_gathered *own, size_t count, uint64_t place, double *values) {
    double *smooth = values + count;
    hth_curve_point point = {0};
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        hth_gathered *g = &own[i];
        if (g->at == g->count || g->places[g->at] != place) continue;
        if (!used || g->steps[g->at] < point.step) point.step = g->steps[g->at];
        smooth[used] = g->smooth[g->at];
        values[used++] = g->values[g->at++];
    }
    point.raw = mean_of(values, used);
    point.smooth = mean_of(smooth, used);
    return point;
}

static hth_status draw_curve(const hth_loading *l, hth_gathered *own, size_t count, double *values,
                             hth_compared *row) {
    uint64_t place = 0;
    size_t points = 0;
    for (; next_place(own, count, &place); points++) take_place(own, count, place, values);
    if (!points) return HTH_OK;
    row->curve = calloc(points, sizeof *row->curve);
    if (!row->curve) return hth_loading_no_memory(l);
    for (size_t i = 0; i < count; i++) own[i].at = 0;
    while (next_place(own, count, &place))
        row->curve[row->points++] = take_place(own, count, place, values);
    return HTH_OK;
}

static void count_run(const hth_stored_run *run, hth_compared *row) {
    row->finished += run->status == HTH_RUN_FINISHED;
    row->diverged += run->status == HTH_RUN_DIVERGED;
    row->failed += run->status == HTH_RUN_FAILED;
    row->waiting += run->status == HTH_RUN_WAITING;
}

/* Writes the steps at which runs diverged: "1200, 5400". */
static hth_status tell_diverged(const hth_loading *l, const hth_gathered *own, size_t count,
                                hth_compared *row) {
    const size_t size = row->diverged * 24 + 1;
    size_t used = 0;
    row->diverged_at = calloc(size, 1);
    if (!row->diverged_at) return hth_loading_no_memory(l);
    for (size_t i = 0; i < count; i++)
        if (own[i].run->status == HTH_RUN_DIVERGED)
            used += (size_t)snprintf(row->diverged_at + used, size - used, "%s%llu",
                                     used ? ", " : "", (unsigned long long)own[i].run->steps);
    return HTH_OK;
}

hth_status hth_loading_fill_row(const hth_loading *l, const hth_stored_variant *variant,
                                uint64_t every, hth_compared *row) {
    /* Gather the variant's runs. */
    double *values = calloc(2 * (l->run_count + 1), sizeof *values);
    hth_status status = values ? HTH_OK : hth_loading_no_memory(l);
    size_t count = 0;
    for (size_t i = 0; i < l->run_count && status == HTH_OK; i++) {
        if (l->runs[i].variant != variant->id) continue;
        count_run(&l->runs[i], row);
        status = gather(l, &l->runs[i], every, &l->own[count++]);
    }
    /* Sum up the runs: the row's numbers and the curve. */
    if (status == HTH_OK) {
        sum_up(l->own, count, values, row);
        find_best(l->own, count, l->result->rises, row);
        status = draw_curve(l, l->own, count, values, row);
    }
    if (status == HTH_OK) status = tell_diverged(l, l->own, count, row);
    for (size_t i = 0; i < count; i++) free_gathered(&l->own[i]);
    free(values);
    return status;
}
