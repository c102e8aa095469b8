/* The catalogue of `keep`, and what an optimiser does with the chosen part: see keeping.h. */
#include "optim/optimiser.h"

#include "optim/catalogues.h"
#include "optim/inspect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LIST(name) HTH_EVERY_LEVEL(hth_keep_##name),
static const hth_keep *const keeps[][HTH_LEVEL_COUNT] = {HTH_KEEPS(LIST)};

const hth_keep *hth_keep_at(size_t index) {
    return keeps[index][hth_level];
}

static const hth_part *part_at(size_t index) {
    return &keeps[index][HTH_LEVEL_PLAIN]->part;
}

const hth_catalogue hth_keeps = {
    .kind = "keep",
    .summary = "How what is learned now leaves what was learned before.",
    .key = "keep.name",
    .fallback = "none",
    .common = {"keep", NULL, 0},
    .count = HTH_COUNT(keeps),
    .at = part_at,
};

/* ---- Making ---- */

enum { OPTIONS_ROOM = 256 }; /* bytes; the largest options struct of a part is less */

hth_status hth_keep_size_of(const hth_keep *kind, const hth_settings *settings, hth_keep_size *out,
                            hth_error *error) {
    _Alignas(8) char room[OPTIONS_ROOM] = {0};
    /* As many arrays as it has names for, or as its options say. */
    *out = (hth_keep_size){0};
    while (!kind->arrays && kind->names[out->arrays]) out->arrays++;
    if (!kind->arrays && !kind->both) return HTH_OK;
    HTH_TRY(hth_options_read(&kind->part.options, settings, room, error));
    if (kind->arrays) out->arrays = kind->arrays(room);
    out->both = kind->both && kind->both(room);
    return HTH_OK;
}

/* Weights that read something. */
static bool is_projected(const hth_block *block) {
    return strcmp(block->group, "recurrent") == 0;
}

hth_status hth_keep_cost_of(const hth_settings *settings, size_t index, const hth_network *network,
                            hth_keep_cost *out, hth_error *error) {
    const hth_keep *kind = hth_keep_at(index);
    const double count = (double)hth_network_parameter_count(network);
    size_t blocks;
    const hth_block *block = hth_network_blocks(network, &blocks);
    *out = (hth_keep_cost){.name = kind->part.name};
    hth_keep_size size;
    HTH_TRY(hth_keep_size_of(kind, settings, &size, error));
    out->each = size.arrays;
    /* Arrays, or one for the gradient and the projectors. */
    const size_t times = kind->names ? 1 : out->each + 1;
    if (kind->span) out->each = 1;
    out->numbers = (double)out->each * count;
    out->operations = (double)(kind->operations * times) * count;
    for (size_t i = 0; kind->span && i < blocks; i++) {
        if (!is_projected(&block[i])) continue;
        const double columns = (double)block[i].columns, rows = (double)block[i].rows;
        out->numbers += columns * columns;
        out->operations += rows * columns * columns;
        if (!size.both) continue;
        out->numbers += rows * rows;
        out->operations += rows * rows * columns;
    }
    return HTH_OK;
}

/* The projectors of the layers' weights. */
static void lay_out_spaces(hth_keeping *k, hth_arena *arena, bool both, const hth_block *blocks,
                           size_t block_count) {
    size_t most = 0, rows = 0;
    k->spaces = HTH_TAKE(arena, hth_keep_space, block_count);
    k->space_count = 0;
    for (size_t i = 0; i < block_count; i++) {
        const hth_block *b = &blocks[i];
        if (!is_projected(b)) continue;
        hth_real *p = HTH_TAKE(arena, hth_real, hth_times(b->columns, b->columns));
        hth_real *q = both ? HTH_TAKE(arena, hth_real, hth_times(b->rows, b->rows)) : NULL;
        if (p) k->spaces[k->space_count] = (hth_keep_space){b->offset, {b->rows, b->columns, p, q}};
        k->space_count++;
        most = b->columns > most ? b->columns : most;
        rows = b->rows > rows ? b->rows : rows;
    }
    k->projected = HTH_TAKE(arena, hth_real, k->count);
    k->scratch = HTH_TAKE(arena, hth_real, both && rows > most ? rows : most);
}

void hth_keeping_lay_out(hth_keeping *k, hth_arena *arena, const hth_keep *kind,
                         const hth_keep_size *size, size_t count, const hth_block *blocks,
                         size_t block_count) {
    k->kind = kind;
    k->arrays = size->arrays;
    k->count = count;
    k->options = hth_options_take(arena, &kind->part.options, kind->options_size);
    for (size_t i = 0; i < k->arrays; i++) k->kept[i] = HTH_TAKE(arena, hth_real, count);
    if (kind->span) lay_out_spaces(k, arena, size->both, blocks, block_count);
}

static void set_identity(size_t m, hth_real *p) {
    for (size_t i = 0; p && i < m; i++) p[i * m + i] = 1;
}

hth_status hth_keeping_read(hth_keeping *k, const hth_settings *settings, hth_error *error) {
    const hth_keep *kind = k->kind;
    HTH_TRY(hth_options_read(&kind->part.options, settings, k->options, error));
    if (kind->pulls) k->pull = *(const hth_keep_pull *)k->options;
    k->follows = kind->after && (!kind->follows || kind->follows(k->options));
    k->acts = k->pull.strength > 0 || k->pull.every > 0 || k->follows;
    /* Projectors begin as the identity. */
    for (size_t i = 0; i < k->space_count; i++) {
        set_identity(k->spaces[i].sides.columns, k->spaces[i].sides.p);
        set_identity(k->spaces[i].sides.rows, k->spaces[i].sides.q);
    }
    return HTH_OK;
}

/* ---- An update ---- */

/* Whether there is anything to be pulled to yet. */
static bool pulls(const hth_keeping *k, int step) {
    return k->pull.strength > 0 && k->pull.step == step && k->consolidations > 0;
}

hth_keep_piece hth_keeping_piece(const hth_keeping *k, size_t offset, size_t count,
                                 hth_real *theta) {
    hth_keep_piece piece = {.options = k->options,
                            .number = k->number,
                            .count = count,
                            .theta = theta,
                            .scale = k->scale};
    for (size_t i = 0; i < k->arrays; i++) piece.kept[i] = k->kept[i] + offset;
    return piece;
}

double hth_keeping_open(hth_keeping *k, hth_real *theta, double scale, double factor) {
    const double least = 1e-6;
    if (!k->acts) return factor;
    if (k->updates == 0 && k->kind->begin) {
        const hth_keep_piece all = hth_keeping_piece(k, 0, k->count, theta);
        k->kind->begin(&all);
    }
    /* The penalty is not to be scaled, so that it is divided by what the method multiplies with, unless that is near 0:
     * then the method multiplies with 1. */
    const bool divides = fabs(factor) >= least;
    k->own = divides ? 1 : (hth_real)factor;
    k->rest = divides ? (hth_real)(1 / factor) : 1;
    k->scale = (hth_real)scale;
    return divides ? factor : 1;
}

void hth_keeping_prepare(hth_keeping *k, double rate) {
    k->rate = rate;
    if (k->acts && k->kind->prepare) k->kind->prepare(k->options, rate, k->number);
}

/* Importance, NULL where all count alike, and anchor. */
static const hth_real *importance_of(const hth_keeping *k, const hth_keep_piece *p) {
    return k->kind->pulls == HTH_PULLS_BY_IMPORTANCE ? p->kept[0] : NULL;
}

static const hth_real *anchor_of(const hth_keeping *k, const hth_keep_piece *p) {
    return k->kind->pulls == HTH_PULLS_BY_IMPORTANCE ? p->kept[1] : p->kept[0];
}

void hth_keeping_before(const hth_keeping *k, const hth_keep_piece *p, hth_real *g) {
    if (pulls(k, HTH_KEEP_GRADIENT))
        hth_keep_pull_gradient(p->count, k->rest * (hth_real)k->pull.strength, importance_of(k, p),
                               anchor_of(k, p), p->theta, g);
}

void hth_keeping_after(const hth_keeping *k, const hth_keep_piece *p) {
    if (pulls(k, HTH_KEEP_PROXIMAL))
        hth_keep_pull_proximal(p->count, (hth_real)(k->rate * k->pull.strength),
                               importance_of(k, p), anchor_of(k, p), p->theta);
    if (k->follows) k->kind->after(p);
}

bool hth_keeping_close(hth_keeping *k) {
    if (!k->acts) return false;
    k->updates++;
    if (k->kind->notes && k->follows) k->sequences++;
    return k->pull.every > 0 && k->updates % (uint64_t)k->pull.every == 0;
}

/* ---- Between updates ---- */

hth_keep_facts hth_keep_look(const hth_optimiser *optimiser) {
    const hth_keeping *k = &optimiser->keep;
    hth_keep_facts facts = {.name = k->kind->part.name,
                            .learner = "",
                            .by_task = k->kind->consolidate || k->kind->of != HTH_OF_NOTHING,
                            .every = (uint64_t)k->pull.every,
                            .updates = k->updates,
                            .consolidations = k->consolidations};
    if (k->kind->of == HTH_OF_NOTHING) return facts;
    const hth_keep_pass *pass = (const hth_keep_pass *)((const hth_keep_pull *)k->options + 1);
    facts.of = (hth_importance)((int)k->kind->of + pass->importance);
    facts.sequences = (size_t)pass->sequences;
    facts.learner = pass->learner ? pass->learner : "";
    return facts;
}

void hth_keeping_consolidate(hth_keeping *k, hth_real *theta, const hth_real *squares,
                             double correction) {
    if (!k->kind->consolidate || (k->kind->notes && !(k->sequences > 0))) return;
    hth_keep_piece all = hth_keeping_piece(k, 0, k->count, theta);
    all.sequences = k->sequences;
    all.squares = squares;
    all.correction = (hth_real)correction;
    k->kind->consolidate(&all);
    k->consolidations++;
    k->sequences = 0;
}

/* ---- Projection ---- */

static void span(hth_keeping *k, const hth_keep_sides *s, const hth_real *w, const hth_real *u) {
    k->kind->span(k->options, s->columns, u, s->p, k->scratch);
    if (!s->q) return;
    /* The drives W u, where no update is under way. */
    hth_real *drives = k->projected;
    for (size_t r = 0; r < s->rows; r++) {
        drives[r] = 0;
        for (size_t i = 0; i < s->columns; i++) drives[r] += w[r * s->columns + i] * u[i];
    }
    k->kind->span(k->options, s->rows, drives, s->q, k->scratch);
}

void hth_keeping_span(hth_keeping *k, size_t offset, const hth_real *theta, const hth_real *u) {
    for (size_t i = 0; i < k->space_count; i++)
        if (k->spaces[i].offset == offset) span(k, &k->spaces[i].sides, theta + offset, u);
}

hth_real *hth_keeping_project(hth_keeping *k, const hth_real *g) {
    memcpy(k->projected, g, k->count * sizeof *g);
    for (size_t i = 0; i < k->space_count; i++) {
        const hth_keep_space *s = &k->spaces[i];
        k->kind->project(&s->sides, g + s->offset, k->projected + s->offset, k->scratch);
    }
    return k->projected;
}

/* ---- State ---- */

/* The projectors: of all layers those of inputs, then those of drives. */
static size_t list_spaces(hth_keeping *k, hth_field *fields, size_t capacity) {
    const size_t count = k->spaces[0].sides.q ? 2 * k->space_count : k->space_count;
    for (size_t i = 0; i < count && i < capacity; i++) {
        const bool of_drives = i >= k->space_count;
        const size_t layer = of_drives ? i - k->space_count : i;
        const hth_keep_sides *s = &k->spaces[layer].sides;
        const size_t m = of_drives ? s->rows : s->columns;
        fields[i] = (hth_field){.dtype = HTH_DTYPE_REAL,
                                .count = m * m,
                                .data = of_drives ? s->q : s->p,
                                .shape = {m, m}};
        snprintf(fields[i].name, sizeof fields->name,
                 of_drives ? "keep.project_drives%zu" : "keep.project%zu", layer);
    }
    return count;
}

size_t hth_keeping_state(hth_keeping *k, hth_field *fields, size_t capacity) {
    const hth_field counts[] = {
        {.name = "keep.updates", .dtype = HTH_DTYPE_U64, .count = 1, .data = &k->updates},
        {.name = "keep.consolidations", HTH_DTYPE_U64, 1, &k->consolidations, {0}},
        {.name = "keep.sequences", .dtype = HTH_DTYPE_F64, .count = 1, .data = &k->sequences}};
    if (k->space_count) return list_spaces(k, fields, capacity);
    const size_t more = k->kind->after || k->kind->consolidate ? HTH_COUNT(counts) : 0;
    /* The arrays by their names, then the counts of a part that has any. */
    for (size_t i = 0; i < k->arrays && i < capacity; i++) {
        fields[i] = (hth_field){.dtype = HTH_DTYPE_REAL, .count = k->count, .data = k->kept[i]};
        if (k->kind->names)
            snprintf(fields[i].name, sizeof fields->name, "keep.%.30s", k->kind->names[i]);
        else
            hth_text(fields[i].name, sizeof fields->name, "keep.u%zu", i + 2);
    }
    for (size_t i = 0; i < more && k->arrays + i < capacity; i++) fields[k->arrays + i] = counts[i];
    return k->arrays + more;
}
