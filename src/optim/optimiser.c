/* The options of an optimiser, how it is made, and its state. */
#include "optim/optimiser.h"

#include "base/known.h"
#include "optim/catalogues.h"
#include "optim/gradient.h"
#include "optim/inspect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GROUP(field, what)                                                                         \
    {                                                                                              \
        .name = #field, .help = "factor of lr for the " what "; 0 keeps them as they are",         \
        .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1e6,                              \
        .offset = offsetof(hth_optimiser_common, field)                                            \
    }

static const hth_option common[] = {
    {.name = "lr",
     .help = "learning rate",
     .fallback = "0.001",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(hth_optimiser_common, lr)},
    GROUP(lr_recurrent, "recurrent layers"),
    {.name = "lr_layer",
     .help = "factor of lr for each layer, from the input up, beside those of its groups: 0, 1 "
             "freezes the lower of two layers. Of a frozen layer nothing changes: weights, initial "
             "states and moments stay, and neither weight_decay, keep nor network.orthogonal acts "
             "on it",
     .fallback = "1",
     .kind = HTH_KIND_UNITS,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(hth_optimiser_common, lr_layer)},
    GROUP(lr_cell, "parameters of the units themselves (cell.learn)"),
    GROUP(lr_readout, "readout"),
    GROUP(lr_embedding, "embedding"),
    GROUP(lr_initial, "learned initial states"),
    {.name = "weight_decay",
     .help = "adds weight_decay * parameter to the gradient of all parameters that are learned, "
             "after clipping",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(hth_optimiser_common, weight_decay)},
    {.name = "clip_norm",
     .help = "the gradient's norm over all parameters is cut to this; 0: no clipping",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e12,
     .offset = offsetof(hth_optimiser_common, clip_norm)},
    {.name = "clip_element",
     .help = "each number of the gradient is cut to -c..c by itself, with c this; 0: no clipping. "
             "Not together with clip_norm",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e12,
     .offset = offsetof(hth_optimiser_common, clip_element)},
    {.name = "schedule",
     .help = "how the learning rate changes: constant, step, exponential, halving",
     .fallback = "constant",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(hth_optimiser_common, schedule)},
    {.name = "factor",
     .help = "factor of the schedule",
     .fallback = "0.5",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 10,
     .offset = offsetof(hth_optimiser_common, shape.factor)},
    {.name = "every",
     .help = "updates between steps of the schedule",
     .fallback = "100",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e15,
     .offset = offsetof(hth_optimiser_common, shape.every)},
    {.name = "start",
     .help = "last epoch at the full learning rate (halving)",
     .fallback = "4",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e9,
     .offset = offsetof(hth_optimiser_common, shape.start)},
};

#define LIST(name) HTH_EVERY_LEVEL(hth_method_##name),
static const hth_method *const methods[][HTH_LEVEL_COUNT] = {HTH_METHODS(LIST)};

const hth_method *hth_method_at(size_t index) {
    return methods[index][hth_level];
}

const hth_method *hth_method_named(const char *name) {
    size_t i = 0;
    while (strcmp(methods[i][hth_level]->part.name, name) != 0) i++;
    return methods[i][hth_level];
}

static const hth_part *part_at(size_t index) {
    return &methods[index][HTH_LEVEL_PLAIN]->part;
}

const hth_catalogue hth_optimisers = {
    .kind = "optimiser",
    .summary = "How the gradient changes the parameters.",
    .key = "optimiser.name",
    .fallback = "adam",
    .common = {"optimiser", common, HTH_COUNT(common)},
    .count = HTH_COUNT(methods),
    .at = part_at,
};

/* The parts that settings choose, and the sizes of what they keep. */
typedef struct choice {
    const hth_method *method;
    const hth_schedule *schedule;
    const hth_keep *keep;
    hth_keep_size keep_size;
    size_t block_count, layer_count, count;
    const hth_block *blocks;
} choice;

static hth_optimiser *lay_out(hth_arena *arena, const choice *c) {
    hth_optimiser counted, *o = HTH_TAKE(arena, hth_optimiser, 1), *out = o;
    if (!o) o = &counted;
    o->method = c->method;
    o->schedule = c->schedule;
    o->count = c->count;
    o->method_options = hth_options_take(arena, &c->method->part.options, c->method->options_size);
    o->stretches = HTH_TAKE(arena, hth_stretch, c->block_count);
    o->layer_count = c->layer_count;
    o->layer_rates = HTH_TAKE(arena, hth_real, c->layer_count);
    for (size_t i = 0; i < c->method->moments; i++)
        o->moments[i] = HTH_TAKE(arena, hth_real, c->count);
    hth_keeping_lay_out(&o->keep, arena, c->keep, &c->keep_size, c->count, c->blocks,
                        c->block_count);
    return out;
}

/* The layer that a block belongs to, "layer<l>.weight"; -1: none. */
static int layer_of(const hth_block *block) {
    unsigned layer;
    return sscanf(block->name, "layer%u.", &layer) == 1 ? (int)layer : -1;
}

static size_t count_layers(const hth_block *blocks, size_t count) {
    int most = -1;
    for (size_t i = 0; i < count; i++)
        if (layer_of(&blocks[i]) > most) most = layer_of(&blocks[i]);
    return (size_t)(most + 1);
}

static double group_rate(const hth_optimiser_common *o, const char *group) {
    if (strcmp(group, "recurrent") == 0) return o->lr_recurrent;
    if (strcmp(group, "cell") == 0) return o->lr_cell;
    if (strcmp(group, "readout") == 0) return o->lr_readout;
    if (strcmp(group, "embedding") == 0) return o->lr_embedding;
    return o->lr_initial;
}

static hth_stretch stretch_of(const hth_optimiser *o, const hth_block *block) {
    hth_stretch s = {.offset = block->offset, .count = block->rows * block->columns};
    const int layer = layer_of(block);
    s.rate = group_rate(&o->options, block->group);
    if (layer >= 0) s.rate *= (double)o->layer_rates[layer];
    s.is_frozen = layer >= 0 && o->layer_rates[layer] == 0;
    s.of_readout = strcmp(block->group, "readout") == 0;
    if (strcmp(block->group, "embedding") == 0 && o->method->moments == 0 &&
        o->options.weight_decay == 0 && !o->keep.acts)
        s.columns = block->columns;
    return s;
}

static void find_stretches(hth_optimiser *o, const hth_block *blocks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const hth_stretch s = stretch_of(o, &blocks[i]);
        hth_stretch *last = o->stretch_count ? &o->stretches[o->stretch_count - 1] : NULL;
        if (last && last->rate == s.rate && last->of_readout == s.of_readout &&
            last->is_frozen == s.is_frozen && last->columns == 0 && s.columns == 0)
            last->count += s.count;
        else
            o->stretches[o->stretch_count++] = s;
    }
}

static hth_status check_names(const hth_settings *settings, hth_error *error) {
    static const hth_catalogue *const all[] = {&hth_optimisers, &hth_schedules, &hth_keeps};
    const hth_known known = {all, HTH_COUNT(all), NULL};
    return hth_settings_check_names(&known, settings, error);
}

static hth_status choose(const hth_settings *settings, choice *c, hth_error *error) {
    size_t method, schedule, keep;
    HTH_TRY(hth_part_choose(&hth_optimisers, settings, &method, error));
    HTH_TRY(hth_part_choose(&hth_schedules, settings, &schedule, error));
    HTH_TRY(hth_part_choose(&hth_keeps, settings, &keep, error));
    c->method = hth_method_at(method);
    c->schedule = hth_schedule_at(schedule);
    c->keep = hth_keep_at(keep);
    if (c->keep->of_squares && !c->method->squares)
        return hth_fail(error, HTH_INVALID,
                        "keep.name is %s, which needs the mean squared gradient, but "
                        "optimiser.name = %s keeps none: take optimiser.name = adam",
                        c->keep->part.name, c->method->part.name);
    if (c->keep->span && c->method->squares)
        return hth_fail(error, HTH_INVALID,
                        "keep.name is %s, but optimiser.name = %s scales each parameter by itself, "
                        "which leads out of the subspace again: take sgd or momentum",
                        c->keep->part.name, c->method->part.name);
    return hth_keep_size_of(c->keep, settings, &c->keep_size, error);
}

/* HTH_INVALID where an update is changed after it has been projected. */
static hth_status check_projected(const choice *c, const hth_optimiser_common *options,
                                  hth_error *error) {
    const bool decays = options->weight_decay > 0;
    if (!c->keep->span || !(decays || options->clip_element > 0)) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "keep.name is %s, but optimiser.%s = %g changes an update after it is "
                    "projected, which leads out of the subspace again: set it to 0%s",
                    c->keep->part.name, decays ? "weight_decay" : "clip_element",
                    decays ? options->weight_decay : options->clip_element,
                    decays ? "" : ", or take optimiser.clip_norm");
}

static hth_status read_common(const hth_settings *settings, hth_optimiser_common *options,
                              hth_error *error) {
    HTH_TRY(check_names(settings, error));
    HTH_TRY(hth_options_read(&hth_optimisers.common, settings, options, error));
    if (options->clip_norm > 0 && options->clip_element > 0)
        return hth_fail(
            error, HTH_INVALID,
            "optimiser.clip_norm is %g and optimiser.clip_element %g: set one of them to 0",
            options->clip_norm, options->clip_element);
    return HTH_OK;
}

hth_status hth_optimiser_create(const hth_settings *settings, const hth_network *network,
                                hth_compute *compute, const hth_allocator *allocator,
                                hth_optimiser **out, hth_error *error) {
    choice c = {.count = hth_network_parameter_count(network)};
    c.blocks = hth_network_blocks(network, &c.block_count);
    c.layer_count = count_layers(c.blocks, c.block_count);
    hth_optimiser_common options;
    hth_arena arena = hth_arena_for(allocator);
    /* What there is to be kept. */
    HTH_TRY(read_common(settings, &options, error));
    HTH_TRY(choose(settings, &c, error));
    HTH_TRY(check_projected(&c, &options, error));
    lay_out(&arena, &c);
    arena = (hth_arena){.base = hth_allocate(allocator, arena.used)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the optimiser of %zu parameters", c.count);
    hth_optimiser *o = lay_out(&arena, &c);
    o->options = options;
    o->compute = compute;
    /* The options of the parts, which say what stretches there are. */
    hth_status status =
        hth_options_read(&c.method->part.options, settings, o->method_options, error);
    if (status == HTH_OK) status = hth_keeping_read(&o->keep, settings, error);
    if (status == HTH_OK)
        status = hth_units_expand(options.lr_layer, o->layer_count, 0, 1e6, "optimiser.lr_layer",
                                  o->layer_rates, error);
    if (status == HTH_OK) find_stretches(o, c.blocks, c.block_count);
    if (status != HTH_OK)
        hth_release(o);
    else
        *out = o;
    return status;
}

void hth_optimiser_destroy(hth_optimiser *optimiser) {
    hth_release(optimiser);
}

double hth_optimiser_rate(const hth_optimiser *o, uint64_t epoch) {
    uint64_t step = o->step ? o->step : 1;
    return o->options.lr * o->schedule->factor(&o->options.shape, step, epoch);
}

size_t hth_optimiser_state(hth_optimiser *o, hth_field *fields, size_t capacity) {
    const size_t moments = o->method->moments;
    for (size_t i = 0; i < moments && i < capacity; i++) {
        fields[i] = (hth_field){.dtype = HTH_DTYPE_REAL, .count = o->count, .data = o->moments[i]};
        hth_text(fields[i].name, sizeof fields->name, "optimiser.moment%zu", i + 1);
    }
    if (moments < capacity)
        fields[moments] = (hth_field){
            .name = "optimiser.step", .dtype = HTH_DTYPE_U64, .count = 1, .data = &o->step};
    const size_t used = moments + 1 < capacity ? moments + 1 : capacity;
    return moments + 1 +
           hth_keeping_state(&o->keep, fields ? fields + used : NULL, capacity - used);
}

/* ---- Earlier tasks ---- */

void hth_optimiser_keep(hth_optimiser *o, hth_real *theta) {
    double (*squares)(const void *, uint64_t) = o->method->squares;
    hth_keeping_consolidate(&o->keep, theta, squares ? o->moments[1] : NULL,
                            squares ? squares(o->method_options, o->step) : 0);
}

hth_status hth_optimiser_consolidate(hth_optimiser *o, hth_network *network, hth_error *error) {
    const hth_keeping *k = &o->keep;
    if (hth_network_parameter_count(network) != o->count)
        return hth_fail(error, HTH_MISMATCH,
                        "the optimiser was made for %zu parameters, the network has %zu: make both "
                        "for one network",
                        o->count, hth_network_parameter_count(network));
    if (k->kind->notes && !(k->sequences > 0) && k->pull.every == 0)
        return hth_fail(error, HTH_INVALID,
                        "keep.name is %s, which takes the importance from what is noted of "
                        "sequences, but nothing has been noted: call hth_optimiser_note before",
                        k->kind->part.name);
    hth_optimiser_keep(o, hth_network_parameters(network));
    return HTH_OK;
}

hth_status hth_optimiser_note(hth_optimiser *o, const hth_gradient *gradient, double sequences,
                              hth_error *error) {
    hth_keeping *k = &o->keep;
    if (!k->kind->note) return HTH_OK;
    if (gradient->count != o->count)
        return hth_fail(error, HTH_MISMATCH,
                        "the optimiser was made for %zu parameters, the gradient has %zu: make "
                        "both for one network",
                        o->count, gradient->count);
    if (!(sequences >= 0 && sequences <= 1))
        return hth_fail(error, HTH_INVALID, "a gradient of %g sequences must be one of 0 to 1",
                        sequences);
    hth_keep_piece all = hth_keeping_piece(k, 0, k->count, NULL);
    all.gradient = hth_gradient_values(gradient);
    all.scale = 1;
    if (!isfinite(hth_zero_or_nan(o->compute, k->count, all.gradient)))
        return hth_fail(error, HTH_NOT_FINITE, "the gradient to be noted is not finite");
    k->kind->note(&all);
    k->sequences += sequences;
    return HTH_OK;
}

size_t hth_optimiser_frozen(const hth_optimiser *o) {
    size_t lowest = 0;
    while (lowest < o->layer_count && o->layer_rates[lowest] == 0) lowest++;
    return lowest;
}

void hth_optimiser_reset(hth_optimiser *o) {
    for (size_t i = 0; i < o->method->moments; i++)
        memset(o->moments[i], 0, o->count * sizeof *o->moments[i]);
    o->step = 0;
}
