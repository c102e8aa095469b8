/*
 * Tangents of steps: see tangent.h. Cost per step and row: g n (n + inputs from a layer below) multiply-adds and a
 * few passes over the units. Few rows read the weights where they are; many share a packed copy of them.
 */
#include "credit/past/tangent.h"

#include "credit/joint.h"
#include "kernels/fold.h"
#include "kernels/rows.h"

#include <string.h>

enum {
    BLOCK =
        28, /* rows at a time: their drives are still in the nearest cache when they are needed */
    MOST_TERMS = HTH_MAX_STATES + HTH_MAX_DRIVES + 1
};

/* ---- Layout ---- */

/* Where the copy of W for part p of what a layer reads begins: behind that for its own units and those for parts
 * before it. */
static size_t place_of_part(const hth_layer *layer, size_t p) {
    size_t place = hth_packed_size(layer->n, layer->rows);
    for (size_t i = 0; i < p; i++)
        if (layer->reads.parts[i].layer != HTH_OF_INPUT)
            place += hth_packed_size(layer->reads.parts[i].width, layer->rows);
    return place;
}

static size_t packed_size(const hth_layer *layer) {
    return place_of_part(layer, layer->reads.count);
}

void hth_tangent_lay_out(hth_arena *arena, hth_tangent *tangent, const hth_network *net,
                         size_t rows) {
    const bool counting = !arena->base;
    size_t widest = 0, first = 0;
    hth_tangent_layer scratch;
    tangent->N = hth_joint_states(net);
    tangent->room = 0;
    tangent->layers = HTH_TAKE(arena, hth_tangent_layer, net->layer_count);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const size_t states = layer->cell->states;
        const size_t room = layer->rows + (states + states * states + states) * layer->n;
        hth_tangent_layer *to = counting ? &scratch : &tangent->layers[l];
        to->first = first;
        to->packed = HTH_TAKE(arena, hth_real, rows > HTH_FEW_ROWS ? packed_size(layer) : 0);
        if (room > tangent->room) tangent->room = room;
        if (layer->n > widest) widest = layer->n;
        first += hth_joint_layer_states(layer);
    }
    tangent->scratch = HTH_TAKE(arena, hth_real, hth_times(rows, tangent->room));
    tangent->widest = widest;
    tangent->read = HTH_TAKE(arena, hth_real, net->dropout > 0 ? hth_times(rows, widest) : 0);
    tangent->ones = HTH_TAKE(arena, hth_real, widest);
    for (size_t j = 0; tangent->ones && j < widest; j++) tangent->ones[j] = 1;
}

void hth_tangent_begin(hth_tangent *tangent, const hth_tape *tape, size_t rows) {
    const hth_network *net = tape->network;
    tangent->tape = tape;
    for (size_t l = 0; rows > HTH_FEW_ROWS && l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_real *w = net->theta + layer->weight;
        hth_real *packed = tangent->layers[l].packed;
        hth_pack(layer->n, layer->rows, hth_transposed(w, layer->m), packed);
        for (size_t p = 0; p < layer->reads.count; p++) {
            const hth_read_part *part = &layer->reads.parts[p];
            if (part->layer != HTH_OF_INPUT)
                hth_pack(part->width, layer->rows,
                         hth_transposed(w + layer->n + part->at, layer->m),
                         packed + place_of_part(layer, p));
        }
    }
}

/* ---- One layer of one row ---- */

/* A sum of local derivatives times parts of the row: of ds_{t-1} and dz_{t-1} or ds_t, or of da. */
typedef struct terms {
    size_t count;
    const hth_real *factor[MOST_TERMS];
    size_t at[MOST_TERMS];
    bool of_drive[MOST_TERMS];
} terms;

typedef struct rules {
    size_t n, states, z; /* where dz stands among the layer's states */
    bool has_z;
    terms state[HTH_MAX_STATES], output;
} rules;

typedef struct place {
    const hth_tangent *tangent;
    size_t layer, t, item;
    hth_real *room; /* for derivatives that have to be computed: of D and Z at most */
} place;

static void add_term(place *p, terms *sum, hth_entry entry, bool of_drive, size_t at) {
    const hth_tape *tape = p->tangent->tape;
    const hth_layer *layer = &tape->network->layers[p->layer];
    if (entry.where == HTH_AT_ZERO) return;
    const hth_derivative d =
        hth_entry_at(layer, &tape->layers[p->layer], entry, p->t, tape->batch, p->item);
    sum->factor[sum->count] =
        entry.where == HTH_AT_ONE ? p->tangent->ones : hth_derivative_row(d, layer->n, p->room);
    if (d.times) p->room += layer->n;
    sum->at[sum->count] = at;
    sum->of_drive[sum->count++] = of_drive;
}

static void find_rules(place *p, rules *out) {
    const hth_layer *layer = &p->tangent->tape->network->layers[p->layer];
    const hth_cell *cell = layer->cell;
    const size_t n = layer->n;
    out->n = n;
    out->states = cell->states;
    out->has_z = cell->observable == HTH_Z_SEPARATE;
    out->z = out->has_z ? cell->states * n : 0;
    out->output.count = 0;
    for (size_t i = 0; i < cell->states; i++) {
        terms *sum = &out->state[i];
        sum->count = 0;
        for (size_t k = 0; k < cell->states; k++) add_term(p, sum, cell->D[i][k], false, k * n);
        add_term(p, sum, cell->R[i], false, out->z);
        for (size_t g = 0; g < cell->drives; g++) add_term(p, sum, cell->B[i][g], true, g * n);
        if (out->has_z) add_term(p, &out->output, cell->Z[i], false, i * n);
    }
    for (size_t g = 0; out->has_z && g < cell->drives; g++)
        add_term(p, &out->output, cell->Q[g], true, g * n);
}

/* The layer's part of some rows, in X, and the changes of its drive. */
typedef struct units {
    size_t rows, N, room;
    hth_real *x, *next; /* rows N, room apart */
    const hth_real *da;
    size_t da_room;
} units;

/* out = the sum; out may be where its first terms are read. */
static void add_up(const units *u, size_t n, const terms *sum, hth_real *out, size_t ldo) {
    const hth_real *from[MOST_TERMS];
    size_t stride[MOST_TERMS];
    for (size_t i = 0; i < sum->count; i++) {
        from[i] = (sum->of_drive[i] ? u->da : u->x) + sum->at[i];
        stride[i] = sum->of_drive[i] ? u->da_room : u->N;
    }
    hth_weighted_sums(u->rows, n, sum->count, sum->factor, from, stride, out, ldo);
}

/* ds_t and dz_t in place of what they were at t-1. */
static void step_units(const rules *r, const units *u) {
    if (r->states == 1) {
        add_up(u, r->n, &r->state[0], u->x, u->N);
    } else {
        for (size_t i = 0; i < r->states; i++)
            add_up(u, r->n, &r->state[i], u->next + i * r->n, u->room);
        for (size_t row = 0; row < u->rows; row++)
            memcpy(u->x + row * u->N, u->next + row * u->room, r->states * r->n * sizeof *u->x);
    }
    if (r->has_z) add_up(u, r->n, &r->output, u->x + r->z, u->N);
}

/* ---- All layers of some rows ---- */

typedef struct push {
    const hth_tangent *tangent;
    size_t t, rows, blocks;
    size_t from;        /* the first layer that changes */
    const hth_real *da; /* of that layer, given; NULL: of what its own units and those below did */
    hth_real *X;
} push;

/* dz of a layer as others read it, `stride` apart: of dropout, in a copy. */
static const hth_real *read_layer(const push *p, size_t of, size_t first, size_t count,
                                  size_t *stride) {
    const hth_tangent *tangent = p->tangent;
    const size_t n = tangent->tape->network->layers[of].n, N = tangent->N;
    const hth_real *dz = p->X + first * N + hth_joint_place_of_z(tangent->tape->network, of);
    hth_real *read = tangent->read + first * tangent->widest;
    *stride = tangent->tape->drops ? tangent->widest : N;
    if (!tangent->tape->drops) return dz;
    for (size_t i = 0; i < count; i++) {
        const size_t item = tangent->item == HTH_EVERY_ITEM ? first + i : tangent->item;
        memcpy(read + i * tangent->widest, dz + i * N, n * sizeof *read);
        hth_read_drop(tangent->tape, of, p->t, item, read + i * tangent->widest);
    }
    return read;
}

/* da[count][rows of W] (+)= W[..][columns of W from `column` on] dz, dz the z of layer `of`; `packed` is that part of
 * the layer's copy of W. */
static void weigh(const push *p, size_t l, size_t of, size_t column, size_t packed, bool accumulate,
                  size_t first, size_t count) {
    const hth_tangent *tangent = p->tangent;
    const hth_network *net = tangent->tape->network;
    const hth_layer *layer = &net->layers[l], *source = &net->layers[of];
    const size_t N = tangent->N, room = tangent->room;
    size_t stride = N;
    const hth_real *dz = of == l ? p->X + first * N + hth_joint_place_of_z(net, l)
                                 : read_layer(p, of, first, count, &stride);
    const hth_real *w = net->theta + layer->weight + column;
    hth_real *da = tangent->scratch + first * room;
    if (p->rows > HTH_FEW_ROWS) {
        hth_product_packed(count, layer->rows, source->n, hth_rows(dz, stride),
                           tangent->layers[l].packed + packed, accumulate, da, room);
        return;
    }
    for (size_t i = 0; i < count; i++)
        hth_matrix_vector(layer->rows, source->n, w, layer->m, dz + i * stride, accumulate,
                          da + i * room);
}

/* What the units of a layer do to its drive, and then those of layers that it reads. */
static void find_drives(const push *p, size_t l, size_t first, size_t count) {
    const hth_layer *layer = &p->tangent->tape->network->layers[l];
    bool accumulate = !p->da;
    if (!p->da) weigh(p, l, l, 0, 0, false, first, count);
    for (size_t i = 0; i < layer->reads.count; i++) {
        const hth_read_part *part = &layer->reads.parts[i];
        if (part->layer == HTH_OF_INPUT) continue;
        weigh(p, l, part->layer, layer->n + part->at, place_of_part(layer, i), accumulate, first,
              count);
        accumulate = true;
    }
    for (size_t row = first; !accumulate && row < first + count; row++)
        memset(p->tangent->scratch + row * p->tangent->room, 0, layer->rows * sizeof(hth_real));
}

static void run_layer(const push *p, size_t l, size_t first, size_t count) {
    const hth_tangent *tangent = p->tangent;
    const hth_layer *layer = &tangent->tape->network->layers[l];
    const bool every = tangent->item == HTH_EVERY_ITEM, given = p->da && l == p->from;
    const size_t N = tangent->N, room = tangent->room, together = every ? 1 : count;
    if (!given) find_drives(p, l, first, count);
    for (size_t row = first; row < first + count; row += together) {
        hth_real *scratch = tangent->scratch + row * room;
        const units u = {.rows = together,
                         .N = N,
                         .room = room,
                         .x = p->X + row * N + tangent->layers[l].first,
                         .next = scratch + layer->rows,
                         .da = given ? p->da + row * layer->rows : scratch,
                         .da_room = given ? layer->rows : room};
        place at = {tangent, l, p->t, every ? row : tangent->item,
                    scratch + layer->rows + layer->cell->states * layer->n};
        rules r;
        find_rules(&at, &r);
        step_units(&r, &u);
    }
}

/* w z, of the layers that the readout reads. */
static hth_real read_z(const push *p, const hth_real *w, size_t row) {
    const hth_reading *reads = &p->tangent->tape->network->readout.reads;
    hth_real sum = 0;
    for (size_t i = 0; i < reads->count; i++) {
        const hth_read_part *part = &reads->parts[i];
        size_t stride;
        if (part->layer == HTH_OF_INPUT) continue;
        const hth_real *z = read_layer(p, part->layer, row, 1, &stride);
        const hth_real each = hth_dot(part->width, w + part->at, z);
        sum = i == 0 ? each : sum + each;
    }
    return sum;
}

static void run_readout(const push *p, size_t first, size_t count) {
    const hth_tangent *tangent = p->tangent;
    const hth_network *net = tangent->tape->network;
    const hth_readout *readout = &net->readout;
    const size_t N = tangent->N, outputs = hth_joint_readout_states(net);
    const hth_real *w = net->theta + readout->weight;
    for (size_t row = first; outputs && row < first + count; row++) {
        hth_real *y = p->X + (row + 1) * N - outputs;
        for (size_t k = 0; k < outputs; k++)
            y[k] = readout->kappa * y[k] + readout->gain * read_z(p, w + k * readout->n, row);
    }
}

static void push_block(void *argument, size_t block, int worker) {
    const push *p = argument;
    const size_t first = block * p->rows / p->blocks, end = (block + 1) * p->rows / p->blocks;
    (void)worker;
    for (size_t l = p->from; l < p->tangent->tape->network->layer_count; l++)
        run_layer(p, l, first, end - first);
    run_readout(p, first, end - first);
}

static void run(push *p) {
    const hth_tape *tape = p->tangent->tape;
    double work = 0;
    for (size_t l = p->from; l < tape->network->layer_count; l++)
        work += (double)(p->rows * tape->network->layers[l].rows) *
                (double)(tape->network->layers[l].m);
    p->blocks = (p->rows + BLOCK - 1) / BLOCK;
    hth_parallel(tape->compute, p->blocks, work, push_block, p);
}

void hth_tangent_step(hth_tangent *tangent, size_t t, size_t rows, hth_real *X) {
    push p = {.tangent = tangent, .t = t, .rows = rows, .X = X};
    run(&p);
}

void hth_tangent_drive(hth_tangent *tangent, size_t t, size_t layer, size_t rows,
                       const hth_real *da, hth_real *X) {
    push p = {.tangent = tangent, .t = t, .rows = rows, .from = layer, .da = da, .X = X};
    memset(X, 0, rows * tangent->N * sizeof *X);
    run(&p);
}
