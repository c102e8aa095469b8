/* What a network is like, and names of its parameters; what the loss is counted in. */
#include "network/inspect.h"

#include "network/tape.h"

#include <math.h>
#include <stdio.h>

/* ---- Facts ---- */

hth_network_facts hth_network_look(const hth_network *network) {
    return (hth_network_facts){.shape = network->shape,
                               .layers = network->layer_count,
                               .recurrent = network->recurrent_count,
                               .loss = network->readout.loss->part.name,
                               .least = network->readout.loss->least,
                               .most = network->readout.loss->most,
                               .is_whole = network->is_whole,
                               .mean_over_batch = network->readout.mean_over_batch,
                               .has_rates = network->regulariser.rate > 0,
                               .joins_rates = network->regulariser.rate > 0 &&
                                              !hth_regulariser_divides(&network->regulariser),
                               .has_signs = network->layers[0].excites,
                               .is_orthogonal = network->squares,
                               .waits = network->layers[0].wiring.waits};
}

/* Cells' options are compared as bytes: those that are the same as texts. */
static bool repeats(const hth_layer *layer) {
    const hth_layer *below = layer - 1;
    return layer->cell->part.name == below->cell->part.name &&
           memcmp(layer->options, below->options, layer->cell->options_size) == 0;
}

hth_layer_facts hth_layer_look(const hth_network *network, size_t l) {
    const hth_layer *layer = &network->layers[l];
    const hth_store_form *store = &layer->store;
    const hth_cell *cell = layer->cell;
    return (hth_layer_facts){.number = layer->number,
                             .units = layer->n,
                             .inputs = layer->reads.width - layer->reads.fed,
                             .fed = layer->reads.fed,
                             .rows = layer->rows,
                             .columns = layer->m,
                             .weight = layer->weight,
                             .drives = layer->rows == cell->drives * layer->n ? cell->drives : 0,
                             .drive_names = cell->drive_names,
                             .states = cell->states,
                             .state_names = cell->state_names,
                             .cell = cell->part.name,
                             .options = &cell->part.options,
                             .stores = layer->kind->stores,
                             .strength_learned = layer->kind->stores && store->learned,
                             .heads = layer->kind->stores ? store->heads : 0,
                             .most = !layer->kind->stores                         ? 0
                                     : store->top > 0 && store->top < store->rows ? store->top
                                                                                  : store->rows,
                             .every = layer->kind->stores ? store->every : 0,
                             .spikes = cell->spikes,
                             .has_voltage = cell->threshold.where != HTH_AT_ZERO,
                             .repeats = l > 0 && repeats(layer)};
}

void hth_network_cells(const hth_network *network, char *out, size_t size) {
    const hth_layer *layers = network->layers;
    size_t used = 0, different = 1;
    for (size_t l = 1; l < network->layer_count; l++)
        if (layers[l].cell->part.name != layers[0].cell->part.name)
            different = network->layer_count;
    *out = 0;
    for (size_t l = 0; l < different && used < size; l++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", l ? ", " : "",
                                 layers[l].cell->part.name);
}

void hth_layer_synapses(const hth_network *network, size_t l, hth_real *out) {
    const hth_layer *layer = &network->layers[l];
    for (size_t i = 0; i < layer->rows * layer->m; i++) out[i] = 1;
    hth_layer_mask(layer, out);
}

void hth_layer_keep_synapses(const hth_network *network, size_t l, hth_real *values) {
    hth_layer_mask(&network->layers[l], values);
}

void hth_layer_keep_weights(const hth_network *network, size_t l, hth_real *weight) {
    hth_layer_mask(&network->layers[l], weight);
    hth_layer_keep_signs(&network->layers[l], weight);
}

void hth_network_keep_weights(hth_network *network) {
    network->changes++;
    for (size_t l = 0; l < network->layer_count; l++)
        hth_layer_keep_weights(network, l, network->theta + network->layers[l].weight);
}

uint64_t hth_network_wiring(const hth_network *network) {
    uint64_t hash = 0;
    for (size_t l = 0; l < network->layer_count; l++) {
        const hth_layer *layer = &network->layers[l];
        const unsigned char *exists = layer->wiring.exists;
        if (exists && !hash) hash = 14695981039346656037ULL; /* FNV-1a */
        for (size_t i = 0; exists && i < layer->n * (layer->m - 1); i++)
            hash = (hash ^ exists[i]) * 1099511628211ULL;
    }
    return hash;
}

void hth_parameter_mask(const hth_network *network, hth_real *out) {
    for (size_t i = 0; i < network->count; i++) out[i] = 1;
    for (size_t l = 0; l < network->layer_count; l++)
        hth_layer_synapses(network, l, out + network->layers[l].weight);
}

hth_chunk hth_tape_again(const hth_tape *tape, size_t first, hth_real *x) {
    const hth_layer *layer = &tape->network->layers[0];
    const hth_read_part *read = &layer->reads.parts[layer->reads.count - 1]; /* the input is last */
    const size_t inputs = read->width, outputs = tape->network->readout.outputs;
    const size_t begin = first * tape->batch, end = tape->steps * tape->batch;
    const hth_chunk *all = &tape->chunk;
    for (size_t i = begin; !all->tokens && i < end; i++)
        memcpy(x + (i - begin) * inputs,
               tape->layers[0].u + i * layer->stride + layer->n + read->at, inputs * sizeof *x);
    return (hth_chunk){.steps = tape->steps - first,
                       .batch = tape->batch,
                       .x = all->tokens ? NULL : x,
                       .tokens = all->tokens ? all->tokens + begin : NULL,
                       .targets = all->targets ? all->targets + begin * outputs : NULL,
                       .classes = all->classes ? all->classes + begin : NULL,
                       .weights = all->weights ? all->weights + begin : NULL,
                       .ends = all->ends};
}

hth_loss_scale hth_network_loss(const hth_network *network) {
    const hth_readout *r = &network->readout;
    /* Weights of classes leave no unit that exp, or bits, could be taken of. */
    hth_loss_scale scale = {.unit = "units of its own"};
    if (r->loss->scale) scale = r->loss->scale(r->loss_options, r->outputs);
    if (!r->class_weights) return scale;
    return (hth_loss_scale){.unit = "units of its own", .heads = scale.heads};
}

bool hth_network_draws_targets(const hth_network *network) {
    return network->readout.loss->draw != NULL;
}

double hth_network_loss_of(const hth_network *network, const hth_chunk *item, hth_real *y) {
    const hth_readout *r = &network->readout;
    hth_real peak, sum, cross, scale;
    int32_t best = 0;
    hth_loss_tile tile = {.options = r->loss_options,
                          .rows = r->outputs,
                          .items = 1,
                          .stride = 1,
                          .outputs = r->outputs,
                          .class_weights = r->class_weights,
                          .chunk = item,
                          .statistics = {&peak, &best, &sum, &cross, &scale}};
    if (r->loss->mask) r->loss->mask(&tile, y);
    for (size_t k = 1; k < r->outputs; k++)
        if (y[k] > y[best]) best = (int32_t)k;
    peak = y[best];
    const double loss = r->loss->measure(&tile, y);
    tile.y = y;
    return loss + (r->loss->finish ? r->loss->finish(&tile, 1) : 0);
}

void hth_network_draw_target(const hth_network *network, int32_t given, const hth_real *y,
                             const hth_random *random, uint64_t index, hth_real *error) {
    const hth_readout *r = &network->readout;
    r->loss->draw(r->loss_options, r->outputs, given, y, random, index, error);
}

void hth_network_target_root(const hth_network *network, int32_t given, const hth_real *y, size_t k,
                             hth_real *error) {
    const hth_readout *r = &network->readout;
    r->loss->root(r->loss_options, r->outputs, given, y, k, error);
}

double hth_network_anneal(hth_network *network, double progress, bool as_reward) {
    const hth_readout *r = &network->readout;
    return r->loss->anneal ? r->loss->anneal((void *)r->loss_options, progress, as_reward) : 0;
}

size_t hth_layer_own_count(const hth_network *network, size_t l) {
    const hth_layer *layer = &network->layers[l];
    return (layer->rows - layer->driven) / layer->n;
}

const char *hth_layer_own(const hth_network *network, size_t l, size_t k, hth_real *out) {
    const hth_layer *layer = &network->layers[l];
    const size_t n = layer->n, drive = layer->driven / n + k;
    const hth_real *w = layer->W + (layer->driven + k * n) * layer->m;
    for (size_t j = 0; j < n; j++) out[j] = w[j * layer->m + layer->m - 1];
    layer->cell->own(layer->options, n, layer->constants, drive, out, out);
    return layer->cell->drive_names[drive];
}

double hth_tape_threshold(const hth_tape *tape, size_t l, size_t unit) {
    const hth_layer *layer = &tape->network->layers[l];
    const hth_entry entry = layer->cell->threshold;
    if (entry.where == HTH_AT_ZERO) return (double)NAN;
    return (double)hth_derivative_of(hth_entry_at(layer, &tape->layers[l], entry, 0, 1, 0), unit);
}

/* Whether every row of a store is written at the end of a tape of so many steps. */
static bool fits_stores(const hth_network *network, size_t steps) {
    bool fits = true;
    for (size_t l = 0; l < network->layer_count; l++)
        if (network->layers[l].kind->stores)
            fits = fits && network->layers[l].store.every % steps == 0;
    return fits;
}

size_t hth_network_tape(const hth_network *network, size_t most) {
    while (!fits_stores(network, most)) most--;
    return most;
}

/* ---- Names of parameters ---- */

/* "gate u of unit 3", or "unit 3" where there is one drive. */
static int name_row(const hth_layer *layer, size_t row, char *out, size_t size) {
    const size_t unit = row % layer->n;
    if (layer->kind->stores) {
        hth_store_name(layer, row, out, size);
        return (int)strlen(out);
    }
    if (layer->driven == layer->n && row < layer->n) return hth_text(out, size, "unit %zu", unit);
    if (row >= layer->driven)
        return hth_text(out, size, "%s of unit %zu", layer->cell->drive_names[row / layer->n],
                        unit);
    return hth_text(out, size, "gate %s of unit %zu", layer->cell->drive_names[row / layer->n],
                    unit);
}

/* The part that column `at` of what is read belongs to. */
static const hth_read_part *part_at(const hth_reading *reads, size_t at) {
    const hth_read_part *part = reads->parts;
    while (at >= part->at + part->width) part++;
    return part;
}

static void name_input(const hth_network *network, const hth_layer *layer, size_t at, char *out,
                       size_t size) {
    const hth_reading *reads = &layer->reads;
    if (at >= reads->width - reads->fed) {
        hth_text(out, size, ", from output %zu", at - (reads->width - reads->fed));
        return;
    }
    const hth_read_part *part = part_at(reads, at);
    if (part->layer == HTH_OF_INPUT)
        hth_text(out, size, ", from %s %zu", network->embedding ? "embedded number" : "input",
                 at - part->at);
    else
        hth_text(out, size, ", from unit %zu of layer %zu", at - part->at, part->layer);
}

/* A column of a late copy. */
static void name_late(const hth_layer *layer, size_t column, char *out, size_t size) {
    const size_t first = hth_layer_late_z(layer), n = layer->n, width = layer->wiring.x_width;
    if (column >= first) {
        hth_text(out, size, ", from unit %zu, delay %zu", (column - first) % n,
                 (column - first) / n + 2);
        return;
    }
    const size_t at = column - n - layer->reads.width;
    hth_text(out, size, ", from input %zu, delay %zu", at % width, at / width + 1);
}

static void name_weight(const hth_network *network, size_t l, size_t at, char *out, size_t size) {
    const hth_layer *layer = &network->layers[l];
    const size_t column = at % layer->m;
    const int used = name_row(layer, at / layer->m, out, size);
    if (used < 0 || (size_t)used >= size) return;
    if (at / layer->m >= layer->driven && column == layer->m - 1) return; /* its only weight */
    out += used, size -= (size_t)used;
    if (column < layer->n)
        hth_text(out, size, ", from unit %zu", column);
    else if (column < layer->m - 1 && column >= layer->n + layer->reads.width)
        name_late(layer, column, out, size);
    else if (column == layer->m - 1)
        snprintf(out, size, ", bias");
    else
        name_input(network, layer, column - layer->n, out, size);
}

static void name_initial(const hth_layer *layer, size_t at, char *out, size_t size) {
    const size_t row = at / layer->n;
    const char *state = row < layer->cell->states ? layer->cell->state_names[row] : "z";
    hth_text(out, size, "initial %s of unit %zu", state, at % layer->n);
}

/* The layer is named where the readout reads several; not the two of network.direction = both. */
static void name_readout(const hth_network *network, size_t at, char *out, size_t size) {
    const hth_readout *readout = &network->readout;
    const hth_read_part *part = part_at(&readout->reads, at % readout->n);
    const size_t output = at / readout->n, place = at % readout->n - part->at;
    if (part->layer == HTH_OF_INPUT) {
        hth_text(out, size, "output %zu, from input %zu", output, place);
        return;
    }
    const hth_layer *layer = &network->layers[part->layer];
    const hth_layer *first = &network->layers[readout->reads.parts[0].layer];
    const hth_layer *last = &network->layers[network->layer_count - 1];
    const int used = hth_text(out, size, "output %zu, from %sunit %zu", output,
                              layer->backward ? "backward " : "", place);
    if (first->number != last->number && used > 0 && (size_t)used < size)
        hth_text(out + used, size - (size_t)used, " of layer %zu", layer->number);
}

void hth_parameter_name(const hth_network *network, size_t index, char *out, size_t size) {
    const hth_readout *readout = &network->readout;
    /* A layer's weights, or its initial state. */
    for (size_t l = 0; l < network->layer_count; l++) {
        const hth_layer *layer = &network->layers[l];
        if (index - layer->weight < layer->rows * layer->m) {
            name_weight(network, l, index - layer->weight, out, size);
            return;
        }
        if (layer->learns_initial &&
            index - layer->initial < hth_layer_initial_rows(layer) * layer->n) {
            name_initial(layer, index - layer->initial, out, size);
            return;
        }
    }
    /* A token's vector, or the readout's. */
    if (index < network->recurrent_count)
        hth_text(out, size, "symbol %zu, embedded number %zu",
                 (index - network->embedding_weight) / network->embedding,
                 (index - network->embedding_weight) % network->embedding);
    else if (readout->has_bias && index >= readout->bias)
        hth_text(out, size, "output %zu, bias", index - readout->bias);
    else
        name_readout(network, index - readout->weight, out, size);
}
