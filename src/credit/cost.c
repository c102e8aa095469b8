/* Evaluates the formulae of the parts for each layer, and asks the parts what they need. */
#include "base/formula.h"
#include "credit/joint.h"
#include "credit/least_squares.h"
#include "credit/window.h"

#include <math.h>
#include <string.h>

typedef struct sizes {
    const hth_learner *learner;
    const hth_layer *layer;
    const hth_axis *axis;
    const void *options;
} sizes;

static bool is(const char *name, size_t length, const char *other) {
    return strlen(other) == length && memcmp(name, other, length) == 0;
}

/* An option of the part, by its name. */
static bool option_value(const sizes *s, const char *name, size_t length, double *value) {
    const hth_options *table = &s->axis->part.options;
    for (size_t i = 0; i < table->count; i++) {
        const char *at = (const char *)s->options + table->items[i].offset;
        if (!is(name, length, table->items[i].name)) continue;
        if (table->items[i].kind == HTH_KIND_INTEGER) {
            int64_t whole;
            memcpy(&whole, at, sizeof whole);
            *value = (double)whole;
        } else if (table->items[i].kind == HTH_KIND_BOOL) {
            bool is_set;
            memcpy(&is_set, at, sizeof is_set);
            *value = is_set;
        } else if (table->items[i].kind == HTH_KIND_REAL) {
            memcpy(value, at, sizeof *value);
        } else {
            return false;
        }
        return true;
    }
    return false;
}

/* The letters of a store, and the sums over layers that its rows keep. */
static bool look_up_store(const sizes *s, const char *name, size_t length, double *value) {
    const hth_network *net = s->learner->network;
    const hth_store_form *store = &s->layer->store;
    const size_t most = store->top > 0 && store->top < store->rows ? store->top : store->rows;
    size_t weights = 0, columns = 0, rows = 0, step = 0;
    for (size_t p = 0; p < s->layer->reads.count; p++) {
        const size_t l = s->layer->reads.parts[p].layer;
        if (l != HTH_OF_INPUT) weights += net->layers[l].rows * net->layers[l].m;
    }
    for (size_t l = 0; l < net->layer_count; l++) {
        columns += net->layers[l].m;
        rows += net->layers[l].rows;
        if (!net->layers[l].kind->stores)
            step += net->layers[l].m + net->layers[l].cell->fields * net->layers[l].n;
    }
    const struct {
        const char *name;
        size_t value;
    } known[] = {
        {"R", store->rows},
        {"T", most * store->heads},
        {"z", hth_joint_read(&s->layer->reads)},
        {"W", weights},
        {"L", net->layer_count},
        {"M", columns},
        {"G", rows},
        {"B", step},
        {"U", net->recurrent_count},
    };
    for (size_t i = 0; i < HTH_COUNT(known); i++)
        if (is(name, length, known[i].name)) {
            *value = (double)known[i].value;
            return true;
        }
    return false;
}

/* The number that a letter of a formula stands for: see hth_axis, in learner.h. False: there is none. */
static bool look_up(void *context, const char *name, size_t length, double *value) {
    const sizes *s = context;
    const hth_layer *layer = s->layer;
    const hth_learned learned = s->axis->learned ? s->axis->learned(s->learner) : (hth_learned){0};
    const struct {
        const char *name;
        size_t value;
    } known[] = {
        {"n", layer->n},
        {"m", layer->m},
        {"d", layer->cell->states},
        {"f", layer->cell->fields},
        {"top", layer->is_top},
        {"units", !layer->kind->stores},
        {"s", hth_joint_layer_states(layer)},
        {"N", hth_joint_states(s->learner->network)},
        {"P", layer->rows * layer->m},
        {"K", s->learner->steps},
        {"H", hth_window_length(s->learner)},
        {"w", learned.weights},
        {"c", learned.copies},
        {"b", learned.beside},
        {"o", s->learner->network->readout.outputs},
        {"y", layer == &s->learner->network->layers[s->learner->network->layer_count - 1]
                  ? hth_joint_readout_states(s->learner->network)
                  : 0},
        {"e", hth_trace_rows(s->learner, (size_t)(layer - s->learner->network->layers))},
    };
    /* Rows of W, of a store too, by units. */
    if (is(name, length, "g")) {
        *value = (double)layer->rows / (double)layer->n;
        return true;
    }
    if (layer->kind->stores && look_up_store(s, name, length, value)) return true;
    /* A letter, or else an option of the part. */
    for (size_t i = 0; i < HTH_COUNT(known); i++)
        if (is(name, length, known[i].name)) {
            *value = (double)known[i].value;
            return true;
        }
    return option_value(s, name, length, value);
}

static double evaluate(const hth_learner *learner, const hth_axis *axis, const hth_own *own,
                       const char *formula) {
    double total = 0;
    for (size_t l = 0; formula && l < learner->network->layer_count; l++) {
        sizes s = {learner, &learner->network->layers[l], axis, own->options};
        total += hth_formula(formula, look_up, &s);
    }
    return total;
}

typedef struct place {
    const char *name;
    const hth_axis *axis;
    const hth_own *own;
} place;

static void places(const hth_learner *l, place out[HTH_AXES]) {
    out[0] = (place){"signal", &l->axes.signal->axis, &l->signal};
    out[1] = (place){"recurrence", &l->axes.recurrence->axis, &l->recurrence};
    out[2] = (place){"past", &l->axes.past->axis, &l->past};
    out[3] = (place){"future", &l->axes.future->axis, &l->future};
    out[4] = (place){"window", &hth_window_axis, &l->window};
}

/* A tape that does not slide has no window, and one of which each loss counts once carries no errors. */
static hth_cost cost_of(const hth_learner *learner, const place *at) {
    static const hth_axis nothing = {.part = {.name = "window"}};
    static const hth_axis scans = {.part = {.name = "window"}, .operations = "(H/K-1)*g*n*n"};
    const hth_axis *axis = at->axis;
    if (axis == &hth_window_axis && !learner->slides) axis = &nothing;
    if (axis == &hth_window_axis && !hth_window_delays(learner)) axis = &scans;
    return (hth_cost){.axis = at->name,
                      .part = axis->part.name,
                      .memory_formula = axis->memory,
                      .operations_formula = axis->operations,
                      .memory = evaluate(learner, axis, at->own, axis->memory),
                      .operations = evaluate(learner, axis, at->own, axis->operations)};
}

/* What rows keep, of stores alone; nothing where there are none, or rows are data. */
static hth_cost cost_of_rows(const hth_learner *learner) {
    const hth_past *past = learner->axes.past;
    hth_cost cost = {.axis = "rows", .part = past->axis.part.name};
    if (!hth_has_store(learner->network) || !past->row_memory) return cost;
    cost.memory_formula = past->row_memory;
    cost.operations_formula = past->row_operations;
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        sizes s = {learner, &learner->network->layers[l], &past->axis, learner->past.options};
        if (!s.layer->kind->stores) continue;
        cost.memory += hth_formula(cost.memory_formula, look_up, &s);
        cost.operations += hth_formula(cost.operations_formula, look_up, &s);
    }
    return cost;
}

/* r: weights of an output, the bias among them. */
static bool look_up_readout(void *context, const char *name, size_t length, double *value) {
    const hth_readout *readout = context;
    *value = (double)(readout->n + readout->has_bias);
    return is(name, length, "r");
}

/* P, its product with what the readout weighs, and that itself. A step that learns is each learner.rls_every-th. */
static hth_cost cost_of_least_squares(const hth_learner *learner) {
    void *readout = (void *)(uintptr_t)&learner->network->readout;
    hth_cost cost = {.axis = "readout", .part = "rls", .in_double = true};
    if (learner->least_squares_options.readout != HTH_READOUT_BY_RLS) return cost;
    cost.memory_formula = "r*(r+1)/2 + 2*r";
    cost.operations_formula = "3*r*r/2";
    cost.memory = hth_formula(cost.memory_formula, look_up_readout, readout);
    cost.operations = hth_formula(cost.operations_formula, look_up_readout, readout) /
                      (double)learner->least_squares_options.every;
    return cost;
}

void hth_learner_costs(const hth_learner *learner, hth_cost out[HTH_COSTS]) {
    place all[HTH_AXES];
    places(learner, all);
    for (size_t i = 0; i < HTH_AXES; i++) out[i] = cost_of(learner, &all[i]);
    out[HTH_AXES] = cost_of_rows(learner);
    out[HTH_AXES + 1] = cost_of_least_squares(learner);
}

size_t hth_learner_needs(const hth_learner *learner, hth_need out[HTH_ALL_NEEDS]) {
    place all[HTH_AXES];
    size_t count = 0;
    places(learner, all);
    if (learner->steps > 1 && learner->axes.signal->reaches_units)
        out[count++] =
            (hth_need){"-", false, "the steps of the tape, gone through backwards in time"};
    for (size_t i = 0; i < HTH_AXES; i++)
        if (all[i].axis->needs) count += all[i].axis->needs(learner, out + count);
    return count;
}

hth_status hth_learner_kept(hth_learner *learner, hth_kept *out, hth_error *error) {
    const size_t count = hth_learner_state(learner, NULL, 0);
    hth_field *fields = hth_allocate(NULL, (count + 1) * sizeof *fields);
    *out = (hth_kept){0};
    if (!fields) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a list of fields");
    hth_learner_state(learner, fields, count);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].dtype == HTH_DTYPE_REAL) out->numbers += fields[i].count;
        out->bytes += hth_field_bytes(&fields[i]);
    }
    hth_release(fields);
    return HTH_OK;
}
