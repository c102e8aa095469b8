/*
 * Associative recall (Graves et al. 2014, 4.3): a row of items, each a flag and then some random binary vectors; after
 * the last, one of them is shown again between two flags of another kind, and the item that came after it in the row is
 * to be given. Only the steps of the answer have a weight. The number of items is drawn for each trial, the same for
 * all items of the batch. Inputs: the bits, the flag before an item, the flag around the query.
 */
#include "tasks/trials.h"

#include <string.h>

typedef struct associative_options {
    int64_t least, most, vectors, bits;
} associative_options;

extern const hth_stream_kind hth_task_associative_recall;

#define OPTION(field, ...)                                                                         \
    { .offset = offsetof(associative_options, field), .kind = HTH_KIND_INTEGER, __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(least, .name = "least_items", .help = "of a trial", .fallback = "2", .min = 2,
           .max = 1e4),
    OPTION(most, .name = "most_items", .help = "of a trial", .fallback = "6", .min = 2, .max = 1e4),
    OPTION(vectors, .name = "vectors", .help = "of an item", .fallback = "3", .min = 1, .max = 1e3),
    OPTION(bits, .name = "bits", .help = "of a vector", .fallback = "6", .min = 1, .max = 1e3),
};

/* The items, the query between its two flags, the answer. */
static size_t steps_of(const associative_options *o, size_t items) {
    const size_t vectors = (size_t)o->vectors;
    return items * (1 + vectors) + 2 + vectors + vectors;
}

static size_t length(const void *options, const hth_random *random) {
    const associative_options *o = options;
    const uint64_t range = (uint64_t)(o->most - o->least + 1);
    return steps_of(o, (size_t)o->least + (size_t)hth_random_below(random, 0, range));
}

/* A bit of an item; the first number of a trial's is which item is asked for. */
static hth_real bit_of(const associative_options *o, const hth_random *random, size_t item,
                       size_t vector, size_t bit) {
    const size_t at = (item * (size_t)o->vectors + vector) * (size_t)o->bits + bit;
    return (hth_real)hth_random_below(random, 1 + at, 2);
}

static void write(const void *options, const hth_random *random, const hth_trial_item *to) {
    const associative_options *o = options;
    const size_t vectors = (size_t)o->vectors, bits = (size_t)o->bits, width = bits + 2;
    const size_t items = (to->steps - 2 - 2 * vectors) / (1 + vectors);
    const size_t asked = (size_t)hth_random_below(random, 0, items - 1);
    size_t t = 0;
    /* The row, then the query as one item more. */
    for (size_t i = 0; i <= items; i++) {
        const size_t item = i < items ? i : asked;
        to->x[hth_trial_row(to, t++) * width + bits + (i == items)] = 1;
        for (size_t v = 0; v < vectors; v++, t++)
            for (size_t k = 0; k < bits; k++)
                to->x[hth_trial_row(to, t) * width + k] = bit_of(o, random, item, v, k);
    }
    to->x[hth_trial_row(to, t++) * width + bits + 1] = 1;
    /* The answer. */
    for (size_t v = 0; v < vectors; v++, t++) {
        to->weights[hth_trial_row(to, t)] = 1;
        for (size_t k = 0; k < bits; k++)
            to->targets[hth_trial_row(to, t) * bits + k] = bit_of(o, random, asked + 1, v, k);
    }
}

static hth_status associative_open(const hth_stream_context *context, void **state,
                                   hth_shape *shape, hth_error *error) {
    associative_options o;
    HTH_TRY(
        hth_options_read(&hth_task_associative_recall.part.options, context->settings, &o, error));
    if (o.least > o.most)
        return hth_fail(error, HTH_INVALID,
                        "task.least_items is %lld, but task.most_items %lld: it must be at most "
                        "that",
                        (long long)o.least, (long long)o.most);
    const hth_trials_form form = {
        .shape = {.inputs = (size_t)o.bits + 2, .outputs = (size_t)o.bits},
        .longest = steps_of(&o, (size_t)o.most),
        .options = &o,
        .options_size = sizeof o,
        .length = length,
        .write = write};
    return hth_trials_open(context, "associative-recall", &form, state, shape, error);
}

const hth_stream_kind hth_task_associative_recall = {
    .part = {.name = "associative-recall",
             .summary = "which item came after the one that is asked for",
             .source = "Graves et al. 2014, 4.3",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = associative_open,
    .next = hth_trials_next,
    .state = hth_trials_state,
    .extent = hth_trials_extent,
    .close = hth_trials_close,
};
