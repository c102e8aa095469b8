/*
 * Making a network by its plan (plan.h): parameters are laid out as named blocks of one array (first those that states
 * depend on, then the readout's), and drawn.
 */
#include "network/network.h"

#include "base/functions64.h"
#include "network/plan.h"

#include <stdio.h>
#include <string.h>

size_t hth_layer_initial_rows(const hth_layer *layer) {
    bool free_z = layer->cell->observable == HTH_Z_SEPARATE && !layer->cell->spikes;
    return layer->cell->states + (free_z ? 1 : 0);
}

static void add_block(hth_network *net, const char *name, const char *group, size_t rows,
                      size_t columns, size_t *offset) {
    hth_block *block = net->blocks ? &net->blocks[net->block_count] : NULL;
    *offset = net->count;
    if (block) {
        *block = (hth_block){.rows = rows, .columns = columns, .offset = net->count};
        snprintf(block->name, sizeof block->name, "%s", name);
        snprintf(block->group, sizeof block->group, "%s", group);
    }
    net->block_count++;
    net->count += rows * columns;
}

/* What the layer reads of the input, and how much more u holds for connections with delays. */
static hth_wiring wiring_of(const hth_network_plan *p, size_t layer) {
    const hth_reading *reads = &p->reads[layer];
    const hth_read_part *last = &reads->parts[reads->count - 1];
    hth_wiring out = {.late_z = p->delay.most - 1,
                      .is_given = p->stack.connections[layer] == HTH_CONNECT_GIVEN,
                      .waits = p->stack.connections[layer] == HTH_CONNECT_GIVEN};
    if (last->layer != HTH_OF_INPUT) return out;
    out.late_x = p->input_delay.most;
    out.x_at = last->at;
    out.x_width = last->width;
    return out;
}

/* Numbers of u between z and the constant. */
static size_t inputs_of(const hth_network_plan *p, size_t layer) {
    const hth_wiring w = wiring_of(p, layer);
    return p->reads[layer].width + w.late_x * w.x_width + w.late_z * p->stack.units[layer];
}

static void place_layer(hth_arena *arena, const hth_network_plan *p, hth_layer *layer,
                        size_t index) {
    const hth_cell *cell = hth_plan_cell(p, index);
    hth_cell adapted, *own = NULL;
    enum { unit = 64 / sizeof(float) }; /* in both precisions, so that state has the same size */
    /* The table, and a copy of it where options change it. */
    if (p->is_adapted[index]) {
        bool changed;
        own = HTH_TAKE(arena, hth_cell, 1);
        if (hth_plan_adapt(p, index, &adapted, &changed, NULL) == HTH_OK) cell = &adapted;
        if (own) *own = *cell;
    }
    /* Sizes. */
    const size_t n = p->stack.units[index], inputs = inputs_of(p, index);
    *layer =
        (hth_layer){.kind = hth_plan_kind(p, index), .n = n, .inputs = inputs, .m = n + inputs + 1};
    layer->cell = own ? own : hth_plan_cell(p, index);
    layer->stride = (layer->m + unit - 1) / unit * unit;
    layer->reads = p->reads[index];
    if (hth_plan_shape(p, index, layer, NULL) != HTH_OK) layer->rows = p->rows[index];
    for (size_t g = 0; g < cell->drives; g++)
        if (!hth_reads_nothing(&cell->reads[g])) layer->driven = (g + 1) * n;
    if (layer->kind->shape) layer->driven = layer->rows;
    /* What settings say. */
    layer->has_bias = p->network.bias == HTH_AUTO ? !cell->spikes : p->network.bias == HTH_ON;
    const hth_connections connections = p->stack.connections[index];
    layer->has_self = p->network.self == HTH_AUTO ? !cell->spikes && connections != HTH_CONNECT_NONE
                                                  : p->network.self == HTH_ON;
    layer->events = (hth_events_use)p->network.events;
    /* Before anything is written, there is nothing to read. */
    layer->learns_initial = p->network.initial == HTH_INITIAL_LEARNED && !layer->kind->stores;
    layer->backward = p->stack.reads[index] == HTH_READS_BACKWARD;
    layer->is_top = p->is_top[index];
    layer->number = hth_plan_number(p, index);
    /* Memory. */
    layer->options = hth_options_take(arena, &cell->part.options, cell->options_size);
    layer->constants = HTH_TAKE(arena, hth_real, cell->constants * n);
    if (hth_plan_lists_signs(p) || p->excitatory >= 0)
        layer->excites = HTH_TAKE(arena, hth_real, n);
    if (connections != HTH_CONNECT_ALL)
        layer->connected = HTH_TAKE(arena, unsigned char, hth_times(n, n));
    layer->wiring = wiring_of(p, index);
    hth_wiring_lay_out(arena, layer);
}

/* Spikes become smooth outputs by a filter, so that is what they have unless another is asked for. */
static double kappa_of(const hth_network_plan *p) {
    bool spikes = false;
    if (p->readout.tau_out > 0) return hth_exp64(-1 / p->readout.tau_out);
    if (p->readout.kappa >= 0) return p->readout.kappa;
    for (size_t l = 0; l < p->stack.layers; l++)
        spikes = spikes || (p->is_top[l] && hth_plan_cell(p, l)->spikes);
    return spikes ? hth_exp64(-1 / 30.0) : 0;
}

static void place_readout(hth_arena *arena, const hth_network_plan *p, hth_network *net) {
    hth_readout *r = &net->readout;
    const double kappa = kappa_of(p);
    *r = (hth_readout){.outputs = net->shape.outputs,
                       .n = p->readout_reads.width,
                       .reads = p->readout_reads,
                       .kappa = (hth_real)kappa,
                       .gain = (hth_real)(p->readout.scale ? 1 - kappa : 1),
                       .has_bias = p->readout.bias,
                       .filters_bias = p->readout.bias_place == HTH_BIAS_INSIDE,
                       .loss = p->loss_kind,
                       .mean_over_batch = p->loss.batch == 0,
                       .mean_over_time = p->loss.time == HTH_LOSS_MEAN,
                       .mean_over_window = p->loss.time == HTH_LOSS_WINDOW};
    r->loss_options =
        hth_options_take(arena, &p->loss_kind->part.options, p->loss_kind->options_size);
    if (p->weighs_classes) r->class_weights = HTH_TAKE(arena, hth_real, r->outputs);
}

/* "layer0.weight"; "layer0.backward.weight" of the layer that a mirrored one has beside it. */
static void name_block(char name[32], const hth_network_plan *p, const hth_layer *layer,
                       const char *what) {
    const char *way = p->stack.mirrored && layer->backward ? "backward." : "";
    snprintf(name, 32, "layer%u.%s%s", (unsigned)layer->number, way, what);
}

/* Scratch of network.orthogonal: two matrices of the widest layer. */
static size_t squares(const hth_network_plan *p) {
    size_t n = 0;
    for (size_t l = 0; l < p->stack.layers; l++) n = n > p->stack.units[l] ? n : p->stack.units[l];
    return hth_times(2 * n, n);
}

/* Lays the network out; run once to count and once to place. */
static hth_network *lay_out(hth_arena *arena, const hth_network_plan *p, const hth_shape *shape,
                            size_t blocks, size_t count) {
    hth_network counted = {0}, *net = HTH_TAKE(arena, hth_network, 1), *placed = net;
    hth_layer scratch[HTH_MAX_LAYERS];
    if (!net) net = &counted;
    /* Arrays of the whole. */
    net->shape = *shape;
    net->layer_count = p->stack.layers;
    net->is_whole = p->stack.backward;
    net->feeds_back = p->feeds_back;
    net->dropout = p->network.dropout;
    net->layers = HTH_TAKE(arena, hth_layer, p->stack.layers);
    net->blocks = HTH_TAKE(arena, hth_block, blocks);
    net->theta = HTH_TAKE(arena, hth_real, count);
    if (p->network.orthogonal) net->squares = HTH_TAKE(arena, hth_real, squares(p));
    net->embedding = (size_t)p->network.embedding;
    /* Layers: parameters that states depend on come first. */
    for (size_t l = 0; l < p->stack.layers; l++) {
        hth_layer *layer = net->layers ? &net->layers[l] : &scratch[l];
        char name[32];
        size_t own; /* these rows of W lie behind its others */
        place_layer(arena, p, layer, l);
        name_block(name, p, layer, "weight");
        add_block(net, name, "recurrent", layer->driven, layer->m, &layer->weight);
        layer->W = net->theta ? net->theta + layer->weight : NULL;
        name_block(name, p, layer, "cell");
        if (layer->rows > layer->driven)
            add_block(net, name, "cell", layer->rows - layer->driven, layer->m, &own);
        name_block(name, p, layer, "initial");
        if (layer->learns_initial)
            add_block(net, name, "initial", hth_layer_initial_rows(layer), layer->n,
                      &layer->initial);
    }
    if (net->embedding)
        add_block(net, "embedding.weight", "embedding", shape->vocabulary, net->embedding,
                  &net->embedding_weight);
    /* The readout's come last. */
    net->recurrent_count = net->count;
    net->regulariser = p->regulariser;
    place_readout(arena, p, net);
    add_block(net, "readout.weight", "readout", net->readout.outputs, net->readout.n,
              &net->readout.weight);
    if (net->readout.has_bias)
        add_block(net, "readout.bias", "readout", 1, net->readout.outputs, &net->readout.bias);
    return placed;
}

/* Upper bounds of the number of blocks and of parameters. */
static void counts(const hth_network_plan *p, const hth_shape *shape, size_t *blocks,
                   size_t *count) {
    *blocks = 3 * p->stack.layers + 3;
    *count = shape->vocabulary * (size_t)p->network.embedding +
             shape->outputs * (p->readout_reads.width + 1);
    for (size_t l = 0; l < p->stack.layers; l++) {
        const size_t n = p->stack.units[l];
        *count += p->rows[l] * (n + inputs_of(p, l) + 1) + (hth_plan_cell(p, l)->states + 1) * n;
    }
}

/* The cell's options, and what it makes of them for the layer's units. */
static hth_status read_cell(const hth_layer *layer, const hth_settings *settings,
                            hth_error *error) {
    HTH_TRY(
        hth_plan_read_cell(layer->cell, layer->number, settings, (void *)layer->options, error));
    if (!layer->cell->prepare) return HTH_OK;
    return layer->cell->prepare(layer->options, layer->n, layer->constants, error);
}

/* Adds to the message on a cell of a stack which layer has it, and how a setting is given to that layer alone. */
static hth_status blame_layer(const hth_network_plan *p, const hth_layer *layer, hth_status status,
                              hth_error *error) {
    const bool alone = p->stack.layers == 1 || p->stack.mirrored;
    if (status == HTH_OK || alone || !error) return status;
    const size_t used = strlen(error->message);
    hth_text(error->message + used, sizeof error->message - used,
             " (layer %zu, whose own settings are layer%zu.cell.<name>)", layer->number,
             layer->number);
    return status;
}

/* Which units excite: the first of them, or those that are listed. */
static hth_status read_signs(const hth_network_plan *p, const hth_layer *layer, hth_error *error) {
    const size_t n = layer->n;
    if (!layer->excites) return HTH_OK;
    if (hth_plan_lists_signs(p))
        HTH_TRY(hth_units_expand(p->network.excitatory, n, 0, 1, "network.excitatory",
                                 layer->excites, error));
    for (size_t j = 0; j < n; j++) {
        if (!hth_plan_lists_signs(p))
            layer->excites[j] = j < (size_t)(p->excitatory * (double)n + 0.5);
        if (layer->excites[j] > 0 && layer->excites[j] < 1)
            return hth_fail(error, HTH_INVALID,
                            "network.excitatory lists %g for unit %zu; in a list each unit has 1 "
                            "(its weights are at least 0) or 0 (at most 0)",
                            (double)layer->excites[j], j);
    }
    return HTH_OK;
}

/* Reads the options of the loss, which must have a meaning for the targets. */
static hth_status read_loss(hth_network *net, const hth_settings *settings, const hth_shape *shape,
                            hth_error *error) {
    const hth_readout *r = &net->readout;
    HTH_TRY(hth_options_read(&r->loss->part.options, settings, (void *)r->loss_options, error));
    const bool classes = shape->target == HTH_TARGET_CLASSES;
    const char *reason =
        r->loss->refuses ? r->loss->refuses(r->loss_options, r->outputs, classes) : NULL;
    return reason ? hth_fail(error, HTH_INVALID, "%s", reason) : HTH_OK;
}

static hth_status read_parts(hth_network *net, const hth_network_plan *p,
                             const hth_settings *settings, const hth_shape *shape,
                             hth_error *error) {
    if (net->readout.class_weights)
        HTH_TRY(hth_units_expand(p->loss.class_weights, net->readout.outputs, 0, 1e6,
                                 "loss.class_weights", net->readout.class_weights, error));
    for (size_t l = 0; l < net->layer_count; l++)
        HTH_TRY(
            blame_layer(p, &net->layers[l], read_cell(&net->layers[l], settings, error), error));
    for (size_t l = 0; l < net->layer_count; l++) HTH_TRY(read_signs(p, &net->layers[l], error));
    for (size_t l = 0; net->squares && l < net->layer_count; l++)
        HTH_TRY(hth_orthogonal_check(&net->layers[l], error));
    HTH_TRY(read_loss(net, settings, shape, error));
    hth_network_anneal(net, 0, false);
    return HTH_OK;
}

hth_status hth_network_sketch(const hth_settings *settings, const hth_shape *shape, uint64_t seed,
                              const hth_allocator *allocator, hth_network **out, hth_error *error) {
    hth_network_plan p = {0};
    hth_arena arena = hth_arena_for(allocator);
    size_t blocks, count;
    /* What settings say, and how much memory it takes. */
    HTH_TRY(hth_level_check(error));
    HTH_TRY(hth_plan_read(&p, settings, shape, error));
    counts(&p, shape, &blocks, &count);
    lay_out(&arena, &p, shape, blocks, count);
    arena = (hth_arena){.base = hth_allocate(allocator, arena.used)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a network of %zu parameters",
                        count);
    /* In one block: layers, options, connections, room for the parameters. */
    hth_network *net = lay_out(&arena, &p, shape, blocks, count);
    net->seed = seed;
    hth_status status = read_parts(net, &p, settings, shape, error);
    for (size_t l = 0; l < net->layer_count; l++) {
        hth_layer_connect(&net->layers[l], p.stack.connections[l], p.network.density, seed, l);
        hth_wiring_draw(&net->layers[l], &p.delay, &p.input_delay, seed, l);
        hth_wiring_settle(&net->layers[l]);
    }
    if (status != HTH_OK) {
        hth_release(net);
        return status;
    }
    *out = net;
    return HTH_OK;
}

hth_status hth_network_create(const hth_settings *settings, const hth_shape *shape, uint64_t seed,
                              const hth_allocator *allocator, hth_network **out, hth_error *error) {
    hth_network *net = NULL;
    HTH_TRY(hth_network_sketch(settings, shape, seed, allocator, &net, error));
    const hth_status status = hth_network_draw(net, settings, seed, error);
    if (status == HTH_OK)
        *out = net;
    else
        hth_release(net);
    return status;
}

void hth_network_destroy(hth_network *network) {
    hth_release(network);
}

size_t hth_network_parameter_count(const hth_network *network) {
    return network->count;
}

hth_real *hth_network_parameters(hth_network *network) {
    network->changes++;
    return network->theta;
}

const hth_block *hth_network_blocks(const hth_network *network, size_t *count) {
    *count = network->block_count;
    return network->blocks;
}

size_t hth_network_state(hth_network *network, hth_field *fields, size_t capacity) {
    network->changes++;
    for (size_t i = 0; i < network->block_count && i < capacity; i++) {
        const hth_block *block = &network->blocks[i];
        fields[i] = (hth_field){.dtype = HTH_DTYPE_REAL,
                                .count = block->rows * block->columns,
                                .data = network->theta + block->offset,
                                .shape = {block->rows, block->columns}};
        snprintf(fields[i].name, sizeof fields[i].name, "%s", block->name);
    }
    return network->block_count;
}
