/* Cuts sequences into batches: see sequences.h. */
#include "data/sequences.h"

#include "base/random.h"
#include "data/file.h"
#include "tasks/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const hth_sequence_incomplete[] = {"drop", "wrap", "pad", NULL};

/* A sequence at its place in the epoch's order. */
typedef struct place {
    size_t sequence, length, position; /* position: before sorting by length */
} place;

typedef struct sequences {
    hth_sequence_set set;
    size_t *chosen; /* [count]: the split's sequences */
    size_t count;
    size_t batch, batches, longest;
    bool is_ragged; /* the split's sequences differ in length, or are to be treated so */
    bool shuffle;
    size_t group; /* sequences that stay together: 2 in pairs (episode.trials), else 1 */
    int incomplete;
    hth_view_options view; /* which sequences are left */
    uint64_t seed, draws;  /* of the part that validates, and of the order */
    /* the position: epochs done, batches done, step in the sequence */
    uint64_t epoch, batch_index, step;
    place *order;                    /* [count]: order of the current epoch */
    size_t *turn;                    /* [batches]: the order of the batches */
    uint64_t ordered_epoch;          /* the epoch that `order` belongs to; UINT64_MAX: none */
    size_t capacity;                 /* number of steps that the buffers hold */
    hth_real *x, *targets, *weights; /* [capacity][batch][...] */
    int32_t *classes;
    uint8_t *decides;  /* [capacity][batch] if the shape decides */
    uint32_t *lengths; /* [batch] */
} sequences;

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "data: not enough memory for the sequences");
}

/* ---- Opening ---- */

static int by_length(const void *left, const void *right) {
    const place *a = left, *b = right;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return a->position < b->position ? -1 : 1;
}

/* A shuffle is that of Fisher & Yates. The first draws of the epoch order the sequences, those after them batches. */
static void shuffle_sequences(sequences *s, const hth_random *random) {
    const size_t group = s->group;
    for (size_t i = s->count / group - 1; i > 0; i--) {
        const size_t j = (size_t)hth_random_below(random, i, i + 1);
        for (size_t k = 0; k < group; k++) {
            const place swapped = s->order[i * group + k];
            s->order[i * group + k] = s->order[j * group + k];
            s->order[j * group + k] = swapped;
        }
    }
}

static void shuffle_batches(sequences *s, const hth_random *random) {
    for (size_t i = s->batches - 1; i > 0; i--) {
        const size_t j = (size_t)hth_random_below(random, s->count + i, i + 1);
        const size_t swapped = s->turn[i];
        s->turn[i] = s->turn[j];
        s->turn[j] = swapped;
    }
}

/* Makes the order of the epoch, with draws keyed by seed and epoch. */
static void order_epoch(sequences *s) {
    if (s->ordered_epoch == s->epoch) return;
    const hth_random random = {s->draws, HTH_RANDOM_SHUFFLE, (uint32_t)s->epoch};
    /* The order of the file, or a shuffle. */
    for (size_t b = 0; b < s->batches; b++) s->turn[b] = b;
    for (size_t i = 0; i < s->count; i++)
        s->order[i] = (place){s->chosen[i], s->set.lengths[s->chosen[i]], 0};
    if (s->shuffle) shuffle_sequences(s, &random);
    for (size_t i = 0; i < s->count; i++) s->order[i].position = i;
    /* Sort by length, then shuffle the batches. */
    if (s->set.order != HTH_ORDER_FILE) qsort(s->order, s->count, sizeof *s->order, by_length);
    if (s->set.order == HTH_ORDER_SIMILAR && s->shuffle) shuffle_batches(s, &random);
    s->ordered_epoch = s->epoch;
}

void hth_sequences_close(void *state) {
    sequences *s = state;
    if (!s) return;
    if (s->set.held) s->set.close(s->set.held);
    free(s->set.lengths);
    free(s->set.classes);
    free(s->chosen);
    free(s->order);
    free(s->turn);
    free(s->x);
    free(s->targets);
    free(s->weights);
    free(s->classes);
    free(s->decides);
    free(s->lengths);
    free(s);
}

/* Whether a part of the training file is used for validation. */
static bool shares(const hth_sequence_options *o) {
    return o->validation_fraction > 0 && !*o->validate_file;
}

/* The file of a split; NULL: the split does not exist. */
static const char *file_of(const hth_sequence_options *o, hth_split split) {
    const char *other = split == HTH_VALIDATE ? o->validate_file : o->test_file;
    if (split == HTH_TRAIN || (split == HTH_VALIDATE && shares(o))) return o->file;
    return *other ? other : NULL;
}

/* How many sequences stay together: a setting of episodes that the order must know. */
static size_t group_of(const hth_settings *settings) {
    const hth_setting *trials = hth_settings_find(settings, "episode.trials");
    return trials && strcmp(trials->value, "pairs") == 0 ? 2 : 1;
}

/* HTH_INVALID for a trial without its other. */
static hth_status check_pairs(const sequences *s, const char *path, hth_error *error) {
    if (s->set.count % s->group)
        return hth_fail(error, HTH_INVALID,
                        "%s has %zu sequences, but with episode.trials = pairs they are training "
                        "and test trials in turn: their number must be even",
                        path, s->set.count);
    if ((uint64_t)s->view.count % s->group == 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "view.count is %lld, but with episode.trials = pairs sequences are training "
                    "and test trials in turn: it must be even",
                    (long long)s->view.count);
}

/* *wanted: how many of the file's sequences, or pairs of them, are used for validation. */
static hth_status count_validating(const sequences *s, const hth_sequence_options *o,
                                   size_t *wanted, hth_error *error) {
    const size_t all = s->set.count / s->group;
    *wanted = (size_t)floor(o->validation_fraction * (double)all + 0.5);
    if (*wanted > 0 && *wanted < all) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: data.validation_fraction %.9g of %zu %s leaves %s with none", o->file,
                    o->validation_fraction, all, s->group > 1 ? "pairs of sequences" : "sequences",
                    *wanted ? "training" : "validation");
}

/* Keeps, of the chosen sequences, those of the classes of view.classes, and in training the first view.count of them.
 * */
static hth_status keep_viewed(sequences *s, hth_split split, hth_error *error) {
    int32_t list[HTH_MOST_VIEWED];
    size_t listed, kept = 0;
    HTH_TRY(hth_view_classes(&s->view, list, &listed, error));
    if (listed && !s->set.classes)
        return hth_fail(error, HTH_INVALID,
                        "view.classes is '%.60s', but these sequences have no class each: leave it "
                        "out",
                        s->view.classes);
    const size_t most = s->view.count && split == HTH_TRAIN ? (size_t)s->view.count : s->count;
    for (size_t i = 0; i < s->count && kept < most; i++) {
        bool found = listed == 0;
        for (size_t k = 0; k < listed && !found; k++)
            found = s->set.classes[s->chosen[i]] == list[k];
        if (found) s->chosen[kept++] = s->chosen[i];
    }
    s->count = kept;
    return HTH_OK;
}

/* Chooses the split's sequences, in the order of the file. A pair has no class. */
static hth_status choose(sequences *s, const hth_sequence_options *o, hth_split split,
                         hth_error *error) {
    const size_t all = s->set.count;
    const bool shared = shares(o) && split != HTH_TEST;
    /* Draw the sequences that validate. */
    size_t wanted = 0;
    bool *validates = calloc(all, sizeof *validates);
    s->chosen = calloc(all, sizeof *s->chosen);
    hth_status status = validates && s->chosen ? HTH_OK : no_memory(error);
    if (status == HTH_OK && shared) status = count_validating(s, o, &wanted, error);
    if (status == HTH_OK && shared)
        status = hth_split_draw(s->group > 1 ? NULL : s->set.classes, all / s->group, wanted,
                                s->seed, validates, error);
    /* List the sequences that belong to the split. */
    for (size_t i = 0; status == HTH_OK && i < all; i++)
        if (!shared || validates[i / s->group] == (split == HTH_VALIDATE))
            s->chosen[s->count++] = i;
    free(validates);
    return status;
}

static hth_status plan(sequences *s, const hth_sequence_options *o, hth_split split,
                       hth_error *error) {
    /* Find the number of batches in an epoch. */
    s->shuffle = o->shuffle && split == HTH_TRAIN;
    s->incomplete = split == HTH_TRAIN ? o->incomplete : HTH_INCOMPLETE_PAD;
    s->ordered_epoch = UINT64_MAX;
    s->batches = s->count / s->batch;
    if (s->incomplete != HTH_INCOMPLETE_DROP) s->batches += s->count % s->batch != 0;
    if (s->batches == 0)
        return hth_fail(error, HTH_INVALID,
                        "%s: there %s %zu sequence%s for a batch of %zu: take a smaller batch "
                        "(train.batch), or set data.incomplete to wrap or pad",
                        o->file, s->count == 1 ? "is" : "are", s->count, s->count == 1 ? "" : "s",
                        s->batch);
    /* Find the longest sequence, and whether lengths differ. */
    s->is_ragged = s->set.has_lengths;
    for (size_t i = 0; i < s->count; i++) {
        const size_t length = s->set.lengths[s->chosen[i]];
        if (i > 0 && length != s->longest) s->is_ragged = true;
        if (length > s->longest) s->longest = length;
    }
    /* Make the order of the first epoch. */
    s->order = calloc(s->count, sizeof *s->order);
    s->turn = calloc(s->batches, sizeof *s->turn);
    s->lengths = calloc(s->batch, sizeof *s->lengths);
    if (!s->order || !s->turn || !s->lengths) return no_memory(error);
    order_epoch(s);
    return HTH_OK;
}

/* Refuses options that exclude each other. */
static hth_status check_options(const hth_stream_context *context, const hth_sequence_options *o,
                                hth_error *error) {
    if (context->batch == 0)
        return hth_fail(error, HTH_INVALID, "train.batch is 0, but must be at least 1");
    if (!*o->validate_file || !(o->validation_fraction > 0)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "data.validate_file and data.validation_fraction are both given: leave one of "
                    "them out");
}

hth_status hth_sequences_open(const hth_stream_context *context, const hth_sequence_options *o,
                              hth_sequences_load load, void **state, hth_shape *shape,
                              hth_error *error) {
    /* Find the file of the split. */
    const char *path = file_of(o, context->split);
    hth_view_options view;
    *state = NULL;
    HTH_TRY(hth_options_read(&hth_view_section.common, context->settings, &view, error));
    HTH_TRY(check_options(context, o, error));
    if (!path) return HTH_OK; /* no such split: see stream.h */
    /* Load it, choose the sequences and plan the batches. */
    sequences *s = calloc(1, sizeof *s);
    if (!s) return no_memory(error);
    s->batch = context->batch;
    s->group = group_of(context->settings);
    s->view = view;
    s->seed = context->seed;
    s->draws = hth_draws(context);
    hth_status status = load(o, o->file, path, &s->set, error);
    if (status == HTH_OK) status = check_pairs(s, path, error);
    if (status == HTH_OK) status = choose(s, o, context->split, error);
    if (status == HTH_OK) status = keep_viewed(s, context->split, error);
    if (status == HTH_OK) status = plan(s, o, context->split, error);
    if (status != HTH_OK) {
        hth_sequences_close(s);
        return status;
    }
    *shape = s->set.shape;
    *state = s;
    return HTH_OK;
}

/* ---- Reading ---- */

/* Finds the sequence of an item of a batch. False: the item only fills up the batch. */
static bool item_at(const sequences *s, size_t batch, size_t item, size_t *sequence) {
    const size_t at = s->turn[batch] * s->batch + item;
    *sequence = s->order[at % s->count].sequence;
    return at < s->count || s->incomplete != HTH_INCOMPLETE_PAD;
}

/* The number of steps of a batch: the length of its longest sequence. */
static size_t batch_steps(const sequences *s, size_t batch) {
    size_t longest = 0, sequence;
    for (size_t b = 0; b < s->batch; b++)
        if (item_at(s, batch, b, &sequence) && s->set.lengths[sequence] > longest)
            longest = s->set.lengths[sequence];
    return longest;
}

static void *grow(void *buffer, size_t steps, size_t row, bool *failed) {
    void *grown = row ? realloc(buffer, hth_times(steps, row)) : buffer;
    *failed |= row && !grown;
    return grown || !row ? grown : buffer;
}

/* Whether a step may have another weight than 1. */
static bool weighs(const sequences *s) {
    return s->set.is_weighted || s->is_ragged ||
           (s->incomplete == HTH_INCOMPLETE_PAD && s->count % s->batch != 0);
}

/* Grows the buffers to the longest chunk so far; in practice this happens once. */
static hth_status reserve(sequences *s, size_t steps, hth_error *error) {
    const hth_shape *shape = &s->set.shape;
    const size_t number = hth_times(s->batch, sizeof(hth_real));
    bool failed = false;
    if (steps <= s->capacity) return HTH_OK;
    s->x = grow(s->x, steps, hth_times(shape->inputs, number), &failed);
    if (shape->target == HTH_TARGET_VALUES)
        s->targets = grow(s->targets, steps, hth_times(shape->outputs, number), &failed);
    else
        s->classes = grow(s->classes, steps, hth_times(s->batch, sizeof(int32_t)), &failed);
    if (shape->decides) s->decides = grow(s->decides, steps, s->batch, &failed);
    if (weighs(s)) s->weights = grow(s->weights, steps, number, &failed);
    if (failed)
        return hth_fail(error, HTH_NO_MEMORY,
                        "data: not enough memory for a chunk of %zu steps x %zu sequences", steps,
                        s->batch);
    s->capacity = steps;
    return HTH_OK;
}

static hth_row row_at(const sequences *s, size_t at) {
    return (hth_row){.x = s->x + at * s->set.shape.inputs,
                     .targets = s->targets ? s->targets + at * s->set.shape.outputs : NULL,
                     .weight = s->weights ? s->weights + at : NULL,
                     .class = s->classes ? s->classes + at : NULL,
                     .decides = s->decides ? s->decides + at : NULL};
}

/* Clears a step after the end of a sequence. */
static void clear_row(const sequences *s, const hth_row *to) {
    memset(to->x, 0, s->set.shape.inputs * sizeof *to->x);
    if (to->targets) memset(to->targets, 0, s->set.shape.outputs * sizeof *to->targets);
    if (to->class) *to->class = 0;
    if (to->decides) *to->decides = 0;
    *to->weight = 0;
}

static void gather_item(sequences *s, size_t b, size_t steps) {
    size_t sequence;
    const bool is_real = item_at(s, (size_t)s->batch_index, b, &sequence);
    const size_t length = is_real || !s->is_ragged ? s->set.lengths[sequence] : 0;
    const size_t first = (size_t)s->step, left = length > first ? length - first : 0;
    s->lengths[b] = (uint32_t)(left < steps ? left : steps);
    for (size_t t = 0; t < steps; t++) {
        const hth_row to = row_at(s, t * s->batch + b);
        if (to.weight) *to.weight = 1;
        if (t < left)
            s->set.copy(s->set.held, sequence, first + t, &to);
        else
            clear_row(s, &to);
        if (!is_real) *to.weight = 0;
    }
}

static void advance(sequences *s, size_t steps, size_t all, hth_position_flags *flags) {
    *flags = (hth_position_flags){.starts = s->step == 0};
    s->step += steps;
    flags->ends = s->step == all;
    if (!flags->ends) return;
    s->step = 0;
    flags->epoch_end = ++s->batch_index == s->batches;
    if (!flags->epoch_end) return;
    s->batch_index = 0;
    s->epoch++;
}

hth_status hth_sequences_next(void *state, size_t max_steps, hth_chunk *chunk,
                              hth_position_flags *flags, hth_error *error) {
    sequences *s = state;
    /* The position must lie in the data. */
    order_epoch(s);
    const size_t all = s->batch_index < s->batches ? batch_steps(s, (size_t)s->batch_index) : 0;
    if (s->step >= all)
        return hth_fail(
            error, HTH_MISMATCH,
            "data: position batch %llu, step %llu lies beyond the %zu batches and their "
            "steps; has the file been changed?",
            (unsigned long long)s->batch_index, (unsigned long long)s->step, s->batches);
    /* Fill the chunk with the next steps and move the position. */
    const size_t left = all - (size_t)s->step, steps = left < max_steps ? left : max_steps;
    HTH_TRY(reserve(s, steps, error));
    for (size_t b = 0; b < s->batch; b++) gather_item(s, b, steps);
    *chunk = (hth_chunk){.steps = steps,
                         .batch = s->batch,
                         .x = s->x,
                         .targets = s->targets,
                         .classes = s->classes,
                         .weights = s->weights,
                         .lengths = s->is_ragged ? s->lengths : NULL,
                         .decides = s->decides};
    advance(s, steps, all, flags);
    return HTH_OK;
}

/* ---- Facts about the data ---- */

size_t hth_sequences_state(void *state, hth_field *fields, size_t capacity) {
    sequences *s = state;
    const hth_field all[] = {
        {.name = "epoch", .dtype = HTH_DTYPE_U64, .count = 1, .data = &s->epoch},
        {.name = "batch", .dtype = HTH_DTYPE_U64, .count = 1, .data = &s->batch_index},
        {.name = "step", .dtype = HTH_DTYPE_U64, .count = 1, .data = &s->step}};
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

/* If lengths differ, the steps of an epoch depend on how sequences meet in batches. *epoch_steps: the steps with
 * the order that was made last, which after opening is the first epoch's. */
void hth_sequences_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const sequences *s = state;
    *sequence_steps = s->longest;
    *epoch_steps = 0;
    for (size_t b = 0; b < s->batches; b++) *epoch_steps += batch_steps(s, b);
}

size_t hth_sequences_given(const void *state, hth_given *out, size_t capacity) {
    const sequences *s = state;
    return s->set.given ? s->set.given(s->set.held, out, capacity) : 0;
}

void hth_sequences_describe(const void *state, char *out, size_t size) {
    const sequences *s = state;
    const hth_shape *shape = &s->set.shape;
    size_t shortest = s->longest;
    uint64_t all = 0;
    char steps[64], bytes[16];
    for (size_t i = 0; i < s->count; i++) {
        const size_t length = s->set.lengths[s->chosen[i]];
        if (length < shortest) shortest = length;
        all += length;
    }
    snprintf(steps, sizeof steps, shortest < s->longest ? "%zu to %zu" : "%zu", shortest,
             s->longest);
    hth_bytes_text((double)all * (double)shape->inputs * sizeof(hth_real), bytes);
    snprintf(out, size, "%zu sequences of %s steps, %zu inputs (%s), %zu %s", s->count, steps,
             shape->inputs, bytes, shape->outputs,
             shape->target == HTH_TARGET_CLASSES ? "classes" : "targets");
}

const char *hth_sequences_doubt(const void *state) {
    const sequences *s = state;
    return s->set.doubt;
}

const char *hth_sequences_breaks(const void *state) {
    const sequences *s = state;
    if (s->set.has_resets) return "the data say where it begins anew (array starts)";
    if (s->shuffle && s->set.shuffled) return s->set.shuffled;
    if (s->shuffle) return "data.shuffle draws the order of the sequences: set data.shuffle=false";
    if (s->is_ragged && s->batch > 1)
        return "the sequences of a batch differ in length, so that the shorter ones are padded: "
               "set train.batch=1";
    return NULL;
}
