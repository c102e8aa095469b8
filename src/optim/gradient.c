/* Gradients: making, clearing, and the rows of the embedding that were touched. */
#include "optim/gradient.h"

#include "optim/inspect.h"

#include <string.h>

static const hth_block *sparse_block(const hth_network *network) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(blocks[i].group, "embedding") == 0) return &blocks[i];
    return NULL;
}

/* What comes before the embedding and the readout. */
static size_t count_of_layers(const hth_network *network) {
    size_t count, blocks;
    const hth_block *block = hth_network_blocks(network, &blocks);
    for (count = 0; blocks > 0; block++, blocks--) {
        if (strcmp(block->group, "embedding") == 0 || strcmp(block->group, "readout") == 0) break;
        count += block->rows * block->columns;
    }
    return count;
}

static hth_gradient *lay_out(hth_arena *arena, const hth_network *network) {
    hth_gradient counted, *g = HTH_TAKE(arena, hth_gradient, 1), *out = g;
    if (!g) g = &counted;
    *g = (hth_gradient){.count = hth_network_parameter_count(network),
                        .layers = count_of_layers(network),
                        .sparse = sparse_block(network)};
    g->values = HTH_TAKE(arena, hth_real, g->count);
    g->touched = HTH_TAKE(arena, uint32_t, g->sparse ? g->sparse->rows : 0);
    g->is_touched = HTH_TAKE(arena, unsigned char, g->sparse ? g->sparse->rows : 0);
    return out;
}

hth_status hth_gradient_create(const hth_network *network, const hth_allocator *allocator,
                               hth_gradient **out, hth_error *error) {
    hth_arena arena = hth_arena_for(allocator);
    lay_out(&arena, network);
    arena = (hth_arena){.base = hth_allocate(allocator, arena.used)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a gradient of %zu parameters",
                        hth_network_parameter_count(network));
    *out = lay_out(&arena, network);
    return HTH_OK;
}

void hth_gradient_destroy(hth_gradient *gradient) {
    hth_release(gradient);
}

const hth_real *hth_gradient_values(const hth_gradient *gradient) {
    hth_gradient_fill((hth_gradient *)gradient); /* the values are the same */
    return gradient->values;
}

hth_real *hth_gradient_edit(hth_gradient *gradient) {
    hth_gradient_fill(gradient);
    for (size_t row = 0; gradient->sparse && row < gradient->sparse->rows; row++)
        hth_gradient_row(gradient, row);
    return gradient->values;
}

static void clear(hth_gradient *g, size_t from, size_t to) {
    memset(g->values + from, 0, (to - from) * sizeof *g->values);
}

void hth_gradient_fill(hth_gradient *g) {
    clear(g, 0, g->put_off);
    g->put_off = 0;
}

void hth_gradient_clear(hth_gradient *g) {
    const hth_block *s = g->sparse;
    g->put_off = g->layers;
    if (!s) {
        clear(g, g->layers, g->count);
        return;
    }
    clear(g, s->offset + s->rows * s->columns, g->count);
    for (size_t i = 0; i < g->touched_count; i++) {
        size_t at = s->offset + g->touched[i] * s->columns;
        clear(g, at, at + s->columns);
        g->is_touched[g->touched[i]] = 0;
    }
    g->touched_count = 0;
}

static void fade(hth_gradient *g, size_t from, size_t to, hth_real factor) {
    for (size_t i = from; i < to; i++) g->values[i] *= factor;
}

void hth_gradient_fade(hth_gradient *g, double factor) {
    const hth_block *s = g->sparse;
    if (factor == 0) {
        hth_gradient_clear(g);
        return;
    }
    /* Rows of the embedding that were touched stay touched: they are not 0. */
    hth_gradient_fill(g);
    fade(g, 0, s ? s->offset : g->count, (hth_real)factor);
    if (s) fade(g, s->offset + s->rows * s->columns, g->count, (hth_real)factor);
    for (size_t i = 0; i < g->touched_count; i++) {
        const size_t at = s->offset + g->touched[i] * s->columns;
        fade(g, at, at + s->columns, (hth_real)factor);
    }
}

/* ---- Two gradients ---- */

/* Numbers from..to-1. */
static void add(hth_gradient *g, const hth_gradient *r, size_t from, size_t to, hth_real factor) {
    for (size_t i = from; i < to; i++) g->values[i] += factor * r->values[i];
}

void hth_gradient_add(hth_gradient *g, hth_gradient *r, double factor) {
    const hth_block *s = g->sparse;
    hth_gradient_fill(g);
    hth_gradient_fill(r);
    g->of_readout_only = g->of_readout_only && r->of_readout_only;
    add(g, r, 0, s ? s->offset : g->count, (hth_real)factor);
    if (s) add(g, r, s->offset + s->rows * s->columns, g->count, (hth_real)factor);
    /* Of an embedding, the rows that are not 0. */
    for (size_t i = 0; i < r->touched_count; i++) {
        const size_t at = s->offset + r->touched[i] * s->columns;
        hth_gradient_row(g, r->touched[i]);
        add(g, r, at, at + s->columns, (hth_real)factor);
    }
}

/* All others of an embedding's rows are 0. */
static double product(const hth_gradient *a, const hth_gradient *b) {
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) sum += (double)a->values[i] * (double)b->values[i];
    return sum;
}

double hth_gradient_turn(hth_gradient *g, hth_gradient *r) {
    hth_gradient_fill(g);
    hth_gradient_fill(r);
    const double along = product(g, r), square = product(r, r);
    if (along < 0 && square > 0) hth_gradient_add(g, r, -along / square);
    return along;
}

hth_real *hth_gradient_row(hth_gradient *g, size_t row) {
    if (!g->is_touched[row]) {
        g->is_touched[row] = 1;
        g->touched[g->touched_count++] = (uint32_t)row;
    }
    return g->values + g->sparse->offset + row * g->sparse->columns;
}

/* ---- Sums of several ---- */

hth_gradient_sum hth_gradient_parts(hth_gradient *g) {
    hth_gradient_fill(g);
    return (hth_gradient_sum){.values = g->values,
                              .count = g->count,
                              .touched = g->sparse ? g->is_touched : NULL,
                              .rows = g->sparse ? g->sparse->rows : 0};
}

void hth_gradient_summed(hth_gradient *g) {
    g->touched_count = 0;
    for (size_t row = 0; g->sparse && row < g->sparse->rows; row++)
        if (g->is_touched[row]) g->touched[g->touched_count++] = (uint32_t)row;
}

/* ---- State ---- */

size_t hth_gradient_state(hth_gradient *g, hth_field *fields, size_t capacity) {
    hth_gradient_fill(g);
    if (capacity > 0) fields[0] = (hth_field){"values", HTH_DTYPE_REAL, g->count, g->values, {0}};
    if (!g->sparse) return 1;
    if (capacity > 2) {
        fields[1] = (hth_field){"touched", HTH_DTYPE_I32, g->sparse->rows, g->touched, {0}};
        fields[2] = (hth_field){"touched_count", HTH_DTYPE_U64, 1, &g->touched_count, {0}};
    }
    return 3;
}

bool hth_gradient_settle(hth_gradient *g, size_t *rows) {
    *rows = g->sparse ? g->sparse->rows : 0;
    if (!g->sparse) return true;
    bool good = g->touched_count <= *rows;
    for (size_t i = 0; good && i < g->touched_count; i++) good = g->touched[i] < *rows;
    if (!good) return false;
    memset(g->is_touched, 0, *rows);
    for (size_t i = 0; i < g->touched_count; i++) g->is_touched[g->touched[i]] = 1;
    return true;
}
