/*
 * One update of all parameters: the gradient's norm (is it finite? is it to be clipped?), then the
 * method, block by block, each with its group's learning rate.
 */
#include "kernels/compute.h"
#include "optim/catalogues.h"
#include "optim/gradient.h"
#include "optim/method.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct common_options {
    double lr, lr_recurrent, lr_readout, lr_embedding, lr_initial, weight_decay, clip_norm;
    const char *schedule;
    hth_schedule_options shape;
} common_options;

#define GROUP(field, what)                                                                         \
    {                                                                                              \
        .name = #field, .help = "factor of lr for the " what "; 0 keeps them as they are",         \
        .fallback = "1", .kind = HTH_KIND_REAL, .min = 0, .max = 1e6,                              \
        .offset = offsetof(common_options, field)                                                  \
    }

static const hth_option common[] = {
    {.name = "lr",
     .help = "learning rate",
     .fallback = "0.001",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     .offset = offsetof(common_options, lr)},
    GROUP(lr_recurrent, "recurrent layers"),
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
     .offset = offsetof(common_options, weight_decay)},
    {.name = "clip_norm",
     .help = "the gradient's norm over all parameters is cut to this; 0: no clipping",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e12,
     .offset = offsetof(common_options, clip_norm)},
    {.name = "schedule",
     .help = "how the learning rate changes: constant, step, exponential, halving",
     .fallback = "constant",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(common_options, schedule)},
    {.name = "factor",
     .help = "factor of the schedule",
     .fallback = "0.5",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 10,
     .offset = offsetof(common_options, shape.factor)},
    {.name = "every",
     .help = "updates between steps of the schedule",
     .fallback = "100",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e15,
     .offset = offsetof(common_options, shape.every)},
    {.name = "start",
     .help = "last epoch at the full learning rate (halving)",
     .fallback = "4",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e9,
     .offset = offsetof(common_options, shape.start)},
};

#define LIST(name) &hth_method_##name,
static const hth_method *const methods[] = {HTH_METHODS(LIST)};

const hth_method *hth_method_at(size_t index) {
    return methods[index];
}

static const hth_part *part_at(size_t index) {
    return &methods[index]->part;
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

struct hth_optimiser {
    hth_compute *compute;
    common_options options;
    const hth_schedule *schedule;
    const hth_method *method;
    void *method_options;
    size_t count;
    hth_real *moments[HTH_MAX_MOMENTS];
    uint64_t step; /* updates made */
};

static hth_optimiser *lay_out(hth_arena *arena, const hth_method *method, size_t count) {
    hth_optimiser counted, *o = HTH_TAKE(arena, hth_optimiser, 1), *out = o;
    if (!o) o = &counted;
    o->method = method;
    o->count = count;
    o->method_options = hth_arena_take(arena, 1, method->options_size);
    for (size_t i = 0; i < method->moments; i++) o->moments[i] = HTH_TAKE(arena, hth_real, count);
    return out;
}

hth_status hth_optimiser_create(const hth_settings *settings, const hth_network *network,
                                hth_compute *compute, const hth_allocator *allocator,
                                hth_optimiser **out, hth_error *error) {
    const size_t count = hth_network_parameter_count(network);
    common_options options;
    size_t method, schedule;
    hth_arena arena = {0};
    HTH_TRY(hth_options_read(&hth_optimisers.common, settings, &options, error));
    HTH_TRY(hth_part_choose(&hth_optimisers, settings, &method, error));
    HTH_TRY(hth_part_choose(&hth_schedules, settings, &schedule, error));
    lay_out(&arena, methods[method], count);
    arena = (hth_arena){hth_allocate(allocator, arena.used), 0};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the optimiser of %zu parameters", count);
    hth_optimiser *o = lay_out(&arena, methods[method], count);
    o->options = options;
    o->compute = compute;
    o->schedule = hth_schedule_at(schedule);
    hth_status status =
        hth_options_read(&methods[method]->part.options, settings, o->method_options, error);
    if (status != HTH_OK)
        hth_release(o);
    else
        *out = o;
    return status;
}

void hth_optimiser_destroy(hth_optimiser *optimiser) {
    hth_release(optimiser);
}

static double group_rate(const common_options *o, const char *group) {
    if (strcmp(group, "recurrent") == 0) return o->lr_recurrent;
    if (strcmp(group, "readout") == 0) return o->lr_readout;
    if (strcmp(group, "embedding") == 0) return o->lr_embedding;
    return o->lr_initial;
}

/* Squared norm of the gradient; rows of the embedding that were not touched are 0. */
static double norm_squared(hth_compute *compute, const hth_gradient *g) {
    const hth_block *s = g->sparse;
    if (!s) return hth_sum_of_squares(compute, g->count, g->values);
    size_t end = s->offset + s->rows * s->columns;
    double total = hth_sum_of_squares(compute, s->offset, g->values) +
                   hth_sum_of_squares(compute, g->count - end, g->values + end);
    for (size_t i = 0; i < g->touched_count; i++)
        total += hth_sum_of_squares(compute, s->columns,
                                    g->values + s->offset + g->touched[i] * s->columns);
    return total;
}

enum { PIECE = 16384 }; /* parameters that one thread updates at a time */

typedef struct stretch {
    const hth_optimiser *optimiser;
    hth_update update; /* of the whole stretch */
} stretch;

static void update_piece(void *argument, size_t index, int worker) {
    const stretch *whole = argument;
    hth_update piece = whole->update;
    const size_t from = index * PIECE, left = whole->update.count - from;
    (void)worker;
    piece.count = left < PIECE ? left : PIECE;
    piece.theta += from;
    piece.gradient += from;
    for (size_t i = 0; i < whole->optimiser->method->moments; i++) piece.moment[i] += from;
    whole->optimiser->method->update(&piece);
}

static void update_stretch(const hth_optimiser *o, const hth_update *update, hth_real *theta,
                           const hth_gradient *g, size_t offset, size_t count) {
    stretch whole = {o, *update};
    whole.update.count = count;
    whole.update.theta = theta + offset;
    whole.update.gradient = g->values + offset;
    for (size_t i = 0; i < o->method->moments; i++) whole.update.moment[i] = o->moments[i] + offset;
    hth_parallel(o->compute, (count + PIECE - 1) / PIECE, 2.0 * (double)count, update_piece,
                 &whole);
}

hth_status hth_optimiser_step(hth_optimiser *o, hth_network *network, hth_gradient *g,
                              uint64_t epoch, hth_error *error) {
    double norm = sqrt(norm_squared(o->compute, g));
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    if (g->count != o->count || hth_network_parameter_count(network) != o->count)
        return hth_fail(error, HTH_MISMATCH,
                        "the optimiser was made for %zu parameters, the gradient has %zu and the "
                        "network %zu",
                        o->count, g->count, hth_network_parameter_count(network));
    if (!isfinite(norm))
        return hth_fail(error, HTH_NOT_FINITE,
                        "the gradient is not finite at update %llu; a smaller optimiser.lr or an "
                        "optimiser.clip_norm may help",
                        (unsigned long long)(o->step + 1));
    o->step++;
    double rate = o->options.lr * o->schedule->factor(&o->options.shape, o->step, epoch);
    hth_update update = {.decay = o->options.weight_decay,
                         .factor = 1,
                         .step = o->step,
                         .options = o->method_options};
    if (o->options.clip_norm > 0 && norm > o->options.clip_norm)
        update.factor = o->options.clip_norm / norm;
    for (size_t i = 0; i < count; i++) {
        const hth_block *b = &blocks[i];
        bool sparse = g->sparse == b && o->method->moments == 0 && o->options.weight_decay == 0;
        update.rate = rate * group_rate(&o->options, b->group);
        if (g->of_readout_only && strcmp(b->group, "readout") != 0) continue;
        if (update.rate == 0) continue;
        if (!sparse)
            update_stretch(o, &update, hth_network_parameters(network), g, b->offset,
                           b->rows * b->columns);
        for (size_t k = 0; sparse && k < g->touched_count; k++)
            update_stretch(o, &update, hth_network_parameters(network), g,
                           b->offset + g->touched[k] * b->columns, b->columns);
    }
    return HTH_OK;
}

double hth_optimiser_rate(const hth_optimiser *o, uint64_t epoch) {
    uint64_t step = o->step ? o->step : 1;
    return o->options.lr * o->schedule->factor(&o->options.shape, step, epoch);
}

size_t hth_optimiser_state(hth_optimiser *o, hth_field *fields, size_t capacity) {
    const size_t moments = o->method->moments;
    for (size_t i = 0; i < moments && i < capacity; i++) {
        fields[i] = (hth_field){.dtype = HTH_DTYPE_REAL, .count = o->count, .data = o->moments[i]};
        snprintf(fields[i].name, sizeof fields->name, "optimiser.moment%zu", i + 1);
    }
    if (moments < capacity)
        fields[moments] = (hth_field){
            .name = "optimiser.step", .dtype = HTH_DTYPE_U64, .count = 1, .data = &o->step};
    return moments + 1;
}
