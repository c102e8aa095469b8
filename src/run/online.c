/* The way of a row: through the network, and its answer to the learner. */
#include "run/online_state.h"

#include "base/functions64.h"
#include "files/clock.h"
#include "files/digest.h"
#include "model/inspect.h"

#include <string.h>

/* ---- What a stream says of itself ---------------------------------------------------------- */

const hth_online_score *hth_online_score_of(const hth_online *o) {
    return o->score;
}
const hth_rows *hth_online_rows(const hth_online *o) {
    return o->rows;
}
uint64_t hth_online_count(const hth_online *o) {
    return o->counters->rows;
}
uint64_t hth_online_lost(const hth_online *o) {
    return o->counters->lost;
}

uint64_t hth_online_dropped(const hth_online *o) {
    return o->counters->dropped;
}

uint64_t hth_online_drifted(const hth_online *o, uint64_t *last) {
    *last = o->counters->drifted_at;
    return o->counters->drifts;
}

size_t hth_online_bytes(const hth_online *o) {
    return hth_model_sizes_of(o->model)->total + o->block_bytes;
}

/* ---- Predicting --------------------------------------------------------------------------- */

/* HTH_INVALID for numbers that cannot be taken, before anything has changed: one that is missing where that is refused,
 * and one that is so large that its square would be no number. */
static hth_status check_numbers(const hth_online *o, const hth_row *row, hth_error *error) {
    const double most = 1e30;
    const bool refuses = o->options.missing == HTH_MISSING_REFUSE && row->has_input;
    char name[80];
    for (size_t i = 0; i < o->inputs + o->targets; i++) {
        const bool input = i < o->inputs;
        const double value = input ? row->inputs[i] : row->targets[i - o->inputs];
        const bool missing = isnan(value);
        if (missing ? !(input && refuses) : fabs(value) <= most) continue;
        if (input)
            hth_rows_input_name(o->rows, i, name, sizeof name);
        else
            hth_rows_target_name(o->rows, i - o->inputs, name, sizeof name);
        if (missing)
            return hth_fail(error, HTH_INVALID,
                            "line %llu, column %s: a value is missing; data.missing=hold or mask "
                            "takes such rows",
                            (unsigned long long)row->number, name);
        return hth_fail(error, HTH_INVALID,
                        "line %llu, column %s: %g is out of range; numbers may be up to %g, and "
                        "one that is not known "
                        "is left empty",
                        (unsigned long long)row->number, name, value, most);
    }
    return HTH_OK;
}

/* Inputs with the last value where one is missing, standardised, and the mask. */
static void take_inputs(hth_online *o, const hth_row *row) {
    const bool masks = o->options.missing == HTH_MISSING_MASK;
    for (size_t i = 0; i < o->inputs; i++) {
        const double value = row->inputs[i];
        hth_scale *scale = &o->input_scale[i];
        const bool there = !isnan(value);
        if (there) o->held[i] = value;
        if (there && !o->freeze) hth_scale_add(scale, value);
        /* Before the first value the input is 0, which is the mean where inputs are standardised. */
        const double last =
            isnan(o->held[i]) ? (o->options.standardise ? scale->mean : 0) : o->held[i];
        o->x[i] = (hth_real)(o->options.standardise ? hth_scale_to(scale, last) : last);
        if (masks) o->x[o->inputs + i] = there ? 1 : 0;
    }
}

/* Probabilities of the classes: softmax. */
static void to_probabilities(const hth_online *o) {
    double largest = (double)o->y[0], sum = 0;
    for (size_t k = 1; k < o->outputs; k++) largest = fmax(largest, (double)o->y[k]);
    for (size_t k = 0; k < o->outputs; k++)
        sum += o->forecast[k] = hth_exp64((double)o->y[k] - largest);
    for (size_t k = 0; k < o->outputs; k++) o->forecast[k] /= sum;
}

/* What the outputs say, in the unit of the targets; base[targets]: what changes are added to. */
static void to_forecast(const hth_online *o, const double *base) {
    if (o->classes) {
        to_probabilities(o);
        return;
    }
    for (size_t k = 0; k < o->targets; k++) {
        const double y = (double)o->y[k];
        o->forecast[k] =
            base[k] + (o->options.standardise ? hth_scale_from(&o->output_scale[k], y) : y);
    }
}

static double most_frequent(const hth_online *o) {
    size_t best = 0;
    for (size_t c = 1; c < o->classes; c++)
        if (o->class_counts[c] > o->class_counts[best]) best = c;
    return (double)best;
}

/* Remembers the forecast, and those that need no learning, until the answer comes. */
static void remember(hth_online *o, uint64_t step, uint64_t name) {
    const size_t place = (size_t)(step % o->slots);
    double *slot = o->slot + place * o->slot_width, *last = slot + o->outputs;
    double *mean = last + o->targets, *base = mean + o->targets;
    for (size_t k = 0; k < o->targets; k++) {
        mean[k] = o->classes ? most_frequent(o) : o->base_scale[k].mean;
        last[k] = isnan(o->known[k]) ? mean[k] : o->known[k];
        base[k] = o->options.change ? last[k] : 0;
    }
    to_forecast(o, base);
    memcpy(slot, o->forecast, o->outputs * sizeof *slot);
    o->slot_name[place] = name;
    o->slot_open[place] = 1;
}

static hth_status check_finite(const hth_online *o, uint64_t row, hth_error *error) {
    for (size_t k = 0; k < o->outputs; k++)
        if (!isfinite((double)o->y[k]))
            return hth_fail(error, HTH_NOT_FINITE,
                            "row %llu: the network's output is no finite number any more: learning "
                            "has diverged; take a "
                            "smaller optimiser.lr, or optimiser.clip_norm=1",
                            (unsigned long long)row);
    return HTH_OK;
}

static hth_status predict(hth_online *o, const hth_row *row, uint64_t name, hth_error *error) {
    take_inputs(o, row);
    HTH_TRY(hth_model_predict(o->model, o->x, NULL, o->y, error));
    HTH_TRY(check_finite(o, o->counters->rows + 1, error));
    remember(o, o->counters->steps++, name);
    return HTH_OK;
}

/* ---- Learning ----------------------------------------------------------------------------- */

static bool all_there(const hth_online *o, const hth_row *row) {
    for (size_t k = 0; k < o->targets; k++)
        if (isnan(row->targets[k])) return false;
    return true;
}

/* What is known of the targets from now on. */
static void note_targets(hth_online *o, const hth_row *row) {
    for (size_t k = 0; k < o->targets; k++) {
        const double value = row->targets[k];
        if (isnan(value)) continue;
        o->known[k] = value;
        if (o->classes)
            o->class_counts[(size_t)value] += 1;
        else
            hth_scale_add(&o->base_scale[k], value);
    }
}

/* How wrong the forecasts of a step were. */
static hth_row_errors errors_of(const hth_online *o, const double *slot, const double *truth) {
    hth_row_errors errors = {0};
    const double *simple = slot + o->outputs; /* last, then mean */
    if (o->classes) {
        const size_t right = (size_t)truth[0];
        size_t named = 0;
        for (size_t k = 1; k < o->classes; k++) named = slot[k] > slot[named] ? k : named;
        errors.of[HTH_OF_NETWORK][HTH_ERROR_FINE] = -hth_log64(fmax(slot[right], 1e-300));
        errors.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN] = named != right;
        errors.of[HTH_OF_LAST][HTH_ERROR_PLAIN] = simple[0] != truth[0];
        errors.of[HTH_OF_MEAN][HTH_ERROR_PLAIN] = simple[1] != truth[0];
        return errors;
    }
    const double *const forecasts[] = {slot, simple, simple + o->targets};
    for (size_t f = 0; f < HTH_FORECASTERS; f++)
        for (size_t k = 0; k < o->targets; k++) {
            const double error = forecasts[f][k] - truth[k];
            errors.of[f][HTH_ERROR_FINE] += error * error / (double)o->targets;
            errors.of[f][HTH_ERROR_PLAIN] += fabs(error) / (double)o->targets;
        }
    return errors;
}

/* The answer as the network learns it, to the step that is `late` before the newest. */
static hth_status learn(hth_online *o, const double *slot, const double *truth, size_t late,
                        hth_error *error) {
    const double *base = slot + o->outputs + 2 * o->targets;
    const int32_t class = o->classes ? (int32_t)truth[0] : 0;
    hth_answer answer = {.late = late};
    for (size_t k = 0; k < o->targets && !o->classes; k++) {
        const double value = truth[k] - base[k];
        hth_scale_add(&o->output_scale[k], value);
        o->answer[k] =
            (hth_real)(o->options.standardise ? hth_scale_to(&o->output_scale[k], value) : value);
    }
    if (o->classes)
        answer.classes = &class;
    else
        answer.targets = o->answer;
    return hth_model_learn(o->model, &answer, NULL, error);
}

static hth_status answer_step(hth_online *o, uint64_t step, const hth_row *row, bool *drifted,
                              hth_error *error) {
    const size_t place = (size_t)(step % o->slots);
    const double *slot = o->slot + place * o->slot_width;
    if (!o->slot_open[place] || !all_there(o, row)) return HTH_OK;
    o->slot_open[place] = 0;
    const hth_row_errors errors = errors_of(o, slot, row->targets);
    hth_online_score_add(o->score, &errors);
    *drifted = o->drift > 0 &&
               hth_online_drifts(o->score, errors.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN], o->drift);
    if (o->freeze) return HTH_OK; /* the model rests */
    return learn(o, slot, row->targets, (size_t)(o->counters->steps - 1 - step), error);
}

/* The step of the row with this name that awaits an answer; false: there is none among the last ones. */
static bool find_step(const hth_online *o, uint64_t name, uint64_t *step) {
    const uint64_t newest = o->counters->steps;
    for (uint64_t back = 1; back <= o->slots && back <= newest; back++) {
        const uint64_t place = (newest - back) % o->slots;
        if (!o->slot_open[place] || o->slot_name[place] != name) continue;
        *step = newest - back;
        return true;
    }
    return false;
}

static uint64_t name_of(const hth_row *row) {
    return hth_digest_add(HTH_DIGEST_START, row->id, strlen(row->id));
}

/* A row with a name that waits brings an answer; one without inputs can only do that. A name that has its answer is free
 * for another row. */
static hth_status take_named(hth_online *o, const hth_row *row, hth_online_row *out,
                             hth_error *error) {
    const uint64_t name = name_of(row);
    uint64_t step;
    if (find_step(o, name, &step)) {
        if (!all_there(o, row)) {
            out->dropped = true;
            o->counters->dropped++;
            return HTH_OK;
        }
        HTH_TRY(answer_step(o, step, row, &out->drifted, error));
        note_targets(o, row);
        return HTH_OK;
    }
    if (!row->has_input) {
        o->counters->lost += row->has_target;
        return HTH_OK;
    }
    out->predicted = true;
    HTH_TRY(predict(o, row, name, error));
    HTH_TRY(answer_step(o, o->counters->steps - 1, row, &out->drifted, error));
    note_targets(o, row);
    return HTH_OK;
}

static hth_status take_row(hth_online *o, const hth_row *row, hth_online_row *out,
                           hth_error *error) {
    const uint64_t ahead = (uint64_t)o->options.ahead;
    if (*o->options.id) return take_named(o, row, out, error);
    out->predicted = true;
    /* What the row says of the targets is known to its forecast only if the forecast is of a later row. */
    if (ahead > 0) note_targets(o, row);
    HTH_TRY(predict(o, row, 0, error));
    const uint64_t steps = o->counters->steps;
    if (steps > ahead) HTH_TRY(answer_step(o, steps - 1 - ahead, row, &out->drifted, error));
    if (ahead == 0) note_targets(o, row);
    return HTH_OK;
}

hth_status hth_online_next(hth_online *o, hth_online_row *out, bool *found, hth_error *error) {
    hth_row row;
    HTH_TRY(hth_rows_next(o->rows, &row, found, error));
    if (!*found) return HTH_OK;
    *out = (hth_online_row){.id = row.id, .forecast = o->forecast, .count = o->outputs};
    HTH_TRY(check_numbers(o, &row, error));
    const double began = hth_clock();
    HTH_TRY(take_row(o, &row, out, error));
    out->seconds = hth_clock() - began;
    out->row = ++o->counters->rows;
    if (!out->drifted) return HTH_OK;
    o->counters->drifts++;
    o->counters->drifted_at = out->row;
    return HTH_OK;
}
