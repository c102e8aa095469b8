/* Records a sequence as a table: see trial.h. Memory: 8 (inputs + (states + 2) units + 2 outputs) bytes a step. */
#include "watch/trial.h"

#include "files/draft.h"
#include "watch/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Recording -------------------------------------------------------------------------------- */

static hth_stretch take(hth_trial *t, size_t count) {
    const hth_stretch stretch = {t->width, count};
    t->width += count;
    return stretch;
}

static void lay_out(hth_trial *t, size_t synapses) {
    const hth_shape *s = &t->shape.stream;
    const bool top = t->layer + 1 == t->shape.layers;
    t->weight = take(t, 1);
    t->x = take(t, s->vocabulary ? 1 : s->inputs);
    t->z = take(t, t->of.units);
    t->state = take(t, t->of.states * t->of.units);
    t->y = take(t, s->outputs);
    t->target = take(t, s->target == HTH_TARGET_CLASSES ? 1 : s->outputs);
    t->signal = take(t, t->shape.has_signals && top ? t->of.units : 0);
    t->trace = take(t, t->shape.has_traces ? synapses : 0);
    t->read = take(t, t->of.heads * t->of.most);
    t->wrote = take(t, t->of.heads * t->of.most);
}

static void copy(double *row, hth_stretch to, const hth_real *from) {
    for (size_t i = 0; i < to.count; i++) row[to.at + i] = (double)from[i];
}

/* Where the reads of a store point; `rows` is scratch. */
static void fill_reads(const hth_trial *t, const hth_recorder *r, hth_row_read *rows, double *row) {
    for (size_t h = 0; h < t->of.heads; h++) {
        const size_t count = hth_recorder_reads(r, t->layer, h, rows);
        for (size_t i = 0; i < t->of.most; i++) {
            const size_t at = h * t->of.most + i;
            row[t->read.at + at] = i < count ? rows[i].weight : 0;
            row[t->wrote.at + at] = i < count ? (double)rows[i].step : -1;
        }
    }
}

static void fill_row(const hth_trial *t, const hth_recorder *r, const hth_instant *now,
                     double *row) {
    const size_t n = t->of.units;
    /* The step's weight and input, then the layer. */
    row[t->weight.at] = (double)now->weight;
    if (now->x)
        copy(row, t->x, now->x);
    else
        row[t->x.at] = now->token;
    copy(row, t->z, hth_recorder_z(r, t->layer));
    for (size_t k = 0; k < t->of.states; k++)
        copy(row, (hth_stretch){t->state.at + k * n, n}, hth_recorder_state(r, t->layer, k));
    /* Copy outputs and targets. */
    copy(row, t->y, now->outputs);
    if (now->targets)
        copy(row, t->target, now->targets);
    else
        row[t->target.at] = now->target_class;
    /* Learning signals and traces, where they are recorded. */
    if (t->signal.count) copy(row, t->signal, now->signal);
    for (size_t i = 0; i < t->trace.count; i++)
        row[t->trace.at + i] =
            (double)hth_recorder_trace(r, t->layer, t->synapses[i].row, t->synapses[i].from);
    fill_reads(t, r, t->rows, row);
}

static hth_status check_synapses(const hth_trial *t, const hth_synapse *synapses, size_t count,
                                 hth_error *error) {
    const size_t last = t->of.units + t->of.inputs; /* the bias */
    for (size_t i = 0; i < count; i++)
        if (synapses[i].row >= t->of.rows || synapses[i].from > last)
            return hth_fail(error, HTH_INVALID,
                            "synapse %zu<%zu: the layer has rows 0..%zu and columns 0..%zu",
                            synapses[i].row, synapses[i].from, t->of.rows - 1, last);
    return HTH_OK;
}

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the record of a trial");
}

static hth_status record(hth_trial *t, hth_recorder *r, uint64_t sequence, uint64_t most,
                         hth_error *error) {
    size_t capacity = 0;
    hth_instant now = {0};
    HTH_TRY(hth_recorder_rewind(r, error));
    for (bool over = false; !over;) {
        HTH_TRY(hth_recorder_next(r, &now, error));
        /* Go on to the first wanted step; refuse a trial or a step that does not exist. */
        if (now.sequence < sequence && now.over)
            return hth_fail(error, HTH_INVALID, "there is no trial %llu: there are %llu",
                            (unsigned long long)sequence + 1, (unsigned long long)now.sequence + 1);
        if (now.sequence < sequence || now.step < t->first) {
            if (now.sequence == sequence && now.ends)
                return hth_fail(error, HTH_INVALID,
                                "trial %llu has %llu steps, and none from %llu on",
                                (unsigned long long)sequence + 1, (unsigned long long)now.step + 1,
                                (unsigned long long)t->first);
            continue;
        }
        /* Add a row to the table, which doubles when it is full. */
        if (t->steps == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            double *values = realloc(t->values, hth_times(capacity, t->width * sizeof *values));
            if (!values) return no_memory(error);
            t->values = values;
        }
        fill_row(t, r, &now, t->values + t->steps++ * t->width);
        over = now.ends || (most && t->steps >= most);
    }
    return HTH_OK;
}

hth_status hth_trial_record(hth_recorder *r, size_t layer, uint64_t sequence, uint64_t first,
                            uint64_t most_steps, const hth_synapse *synapses, size_t synapse_count,
                            hth_trial *out, hth_error *error) {
    /* Find the layer and give each quantity its place in a row. */
    *out = (hth_trial){.layer = layer, .first = first, .shape = hth_recorder_shape(r)};
    if (layer >= out->shape.layers)
        return hth_fail(error, HTH_INVALID, "layer %zu: the network has layers 0..%zu", layer,
                        out->shape.layers - 1);
    out->of = hth_recorder_layer(r, layer);
    HTH_TRY(check_synapses(out, synapses, synapse_count, error));
    /* Copy the synapses and run, then copy the thresholds: those that are learned are known once a step is taken. */
    lay_out(out, synapse_count);
    out->synapses = calloc(synapse_count + 1, sizeof *synapses);
    out->thresholds = calloc(out->of.units + 1, sizeof *out->thresholds);
    out->rows = calloc(out->of.most + 1, sizeof *out->rows);
    if (!out->synapses || !out->thresholds || !out->rows) return no_memory(error);
    if (synapse_count) memcpy(out->synapses, synapses, synapse_count * sizeof *synapses);
    HTH_TRY(record(out, r, sequence, most_steps, error));
    for (size_t i = 0; i < out->of.units; i++)
        out->thresholds[i] = hth_recorder_threshold(r, layer, i);
    return HTH_OK;
}

void hth_trial_free(hth_trial *t) {
    free(t->synapses);
    free(t->values);
    free(t->thresholds);
    free(t->rows);
    *t = (hth_trial){0};
}

/* ---- Choosing --------------------------------------------------------------------------------- */

size_t hth_trial_liveliest(const hth_trial *t, hth_stretch of, size_t wanted, size_t *out) {
    double *sums = calloc(of.count + 1, sizeof *sums);
    size_t count = 0;
    if (!sums) return 0;
    /* How much each column changes: the sum of its steps' absolute differences. */
    for (size_t step = 0; step < t->steps; step++)
        for (size_t i = 0; i < of.count && step > 0; i++)
            sums[i] +=
                fabs(hth_trial_value(t, step, of.at + i) - hth_trial_value(t, step - 1, of.at + i));
    /* Take the column that changes most, again and again. */
    for (; count < wanted && count < of.count; count++) {
        size_t best = 0;
        for (size_t i = 1; i < of.count; i++)
            if (sums[i] > sums[best]) best = i;
        out[count] = best;
        sums[best] = -1;
    }
    free(sums);
    for (size_t i = 1; i < count; i++) /* sort by insertion: there are few */
        for (size_t k = i; k > 0 && out[k - 1] > out[k]; k--) {
            const size_t other = out[k];
            out[k] = out[k - 1];
            out[k - 1] = other;
        }
    return count;
}

/* How much a column moves: the mean distance of its numbers from their mean, relative to the largest such distance.
 * 0 for a column that never changes, small for one that changes once. */
static double movement_of(const hth_trial *t, size_t at) {
    double mean = 0, sum = 0, most = 0;
    for (size_t step = 0; step < t->steps; step++)
        mean += hth_trial_value(t, step, at) / (double)t->steps;
    for (size_t step = 0; step < t->steps; step++) {
        const double distance = fabs(hth_trial_value(t, step, at) - mean);
        sum += distance / (double)t->steps;
        most = fmax(most, distance);
    }
    return most > 1e-6 * fabs(mean) && most > 1e-30 ? sum / most : 0;
}

size_t hth_trial_changing(const hth_trial *t, size_t wanted, size_t *out) {
    double *moves = calloc(t->trace.count + 1, sizeof *moves);
    unsigned char *seen = calloc(t->of.units + 1, 1);
    size_t count = 0;
    /* Measure how much each trace moves. */
    for (size_t i = 0; moves && i < t->trace.count; i++) moves[i] = movement_of(t, t->trace.at + i);
    /* Take the largest one by one: first at most one for each unit (fresh), then any. */
    for (bool fresh = true; moves && seen && count < wanted;) {
        size_t best = t->trace.count;
        for (size_t i = 0; i < t->trace.count; i++) {
            if (!(moves[i] > 0) || (fresh && seen[t->synapses[i].row % t->of.units])) continue;
            if (best == t->trace.count || moves[i] > moves[best]) best = i;
        }
        if (best == t->trace.count) {
            if (!fresh) break;
            fresh = false; /* every unit has one: allow a second */
            continue;
        }
        out[count++] = best;
        seen[t->synapses[best].row % t->of.units] = 1;
        moves[best] = 0;
    }
    free(moves);
    free(seen);
    return count;
}

/* ---- As a file -------------------------------------------------------------------------------- */

static void put_names(FILE *file, const char *name, size_t count) {
    for (size_t i = 0; i < count; i++) fprintf(file, ",%s%zu", name, i);
}

static void put_reads(FILE *file, const hth_trial *t, const char *name) {
    char of_head[32];
    for (size_t h = 0; h < t->of.heads; h++) {
        snprintf(of_head, sizeof of_head, "%s%zu_", name, h);
        put_names(file, of_head, t->of.most);
    }
}

static void put_header(FILE *file, const hth_trial *t) {
    const hth_shape *s = &t->shape.stream;
    char name[32];
    /* The weight, the input and the layer's units. */
    fprintf(file, "step,weight");
    if (s->vocabulary)
        fprintf(file, ",token");
    else
        put_names(file, "x", t->x.count);
    put_names(file, "z", t->z.count);
    for (size_t k = 0; k < t->of.states; k++) {
        snprintf(name, sizeof name, "s%zu_", k);
        put_names(file, name, t->of.units);
    }
    /* Name the columns of outputs and targets. */
    put_names(file, "y", t->y.count);
    if (s->target == HTH_TARGET_CLASSES)
        fprintf(file, ",class");
    else
        put_names(file, "target", t->target.count);
    /* Name the columns of learning signals and traces. */
    put_names(file, "L", t->signal.count);
    for (size_t i = 0; i < t->trace.count; i++)
        fprintf(file, ",e%zu_%zu", t->synapses[i].row, t->synapses[i].from);
    /* And of the reads of a store. */
    put_reads(file, t, "read");
    put_reads(file, t, "wrote");
    fputc('\n', file);
}

hth_status hth_trial_write_csv(const hth_trial *t, const char *path, hth_error *error) {
    hth_draft draft;
    HTH_TRY(hth_draft_begin(path, &draft, error));
    put_header(draft.file, t);
    for (size_t step = 0; step < t->steps; step++) {
        fprintf(draft.file, "%llu", (unsigned long long)(t->first + step));
        for (size_t i = 0; i < t->width; i++)
            fprintf(draft.file, ",%.*g", HTH_DIGITS, hth_trial_value(t, step, i));
        fputc('\n', draft.file);
    }
    return hth_draft_end(&draft, true, error);
}
