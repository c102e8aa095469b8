/*
 * Unbiased online recurrent optimisation, UORO (Tallec & Ollivier 2017; Marschall et al. 2019, Table 1 and
 * Appendix A): the influence tensor as a product of two vectors, M ~ A (x) B, A over all states X
 * of the stack, B over all parameters that they depend on. With tapes of K steps, the memory-K hybrid:
 *
 *     contract   g += (xbar . A) B              xbar: the adjoint of X at the start of the tape
 *     advance    A~ = Pi A                      Pi = dX_end/dX_start, by tangents (tangent.h)
 *                G  = nu^T dX_end/dtheta        one scan of this tape with the boundary nu; K = 1: delta (x) u
 *                A <- rho0 A~ + rho1 nu         rho0 = sqrt(|B| / |A~|)
 *                B <- B / rho0 + G / rho1       rho1 = sqrt(|G| / |nu|)
 *
 * The steps of the tape itself are exact, so only what crosses from tape to tape is noisy. B is touched once a tape:
 * contraction, decay and addition are one pass, which also finds |B| for the next.
 *
 * Memory per item N + P numbers and |B|; operations per step g n^2 (A~), the same of the second scan where K > 1, P
 * (G) and 2 P / K (contraction, decay). xbar . A is found as q . dz, without the scan's way to the start of the tape.
 */
#include "credit/descend.h"
#include "credit/errors.h"
#include "credit/joint.h"
#include "credit/past/tangent.h"
#include "credit/past/unbiased.h"
#include "kernels/fold.h"
#include "kernels/largest.h"
#include "kernels/rows.h"
#include "kernels/vectors.h"

#include <math.h>
#include <string.h>

enum { TILE = 16 * 1024 }; /* numbers of B that are one task of a pass over all as one row */

typedef struct rank_one {
    size_t N, P;
    bool has_rest;   /* parameters beside the weights: token vectors, initial states */
    hth_real *A;     /* [batch][N] */
    hth_real *B;     /* [batch][P] */
    double *square;  /* [batch]: |B|^2 */
    double bound;    /* of the magnitudes in B, of one item; NAN: not known */
    hth_real *nu;    /* [batch][N] */
    hth_real *c;     /* [batch]: xbar . A */
    hth_real *xbar;  /* [N], with a store; else NULL */
    hth_real *G;     /* [P]; where it is delta (x) u: delta / rho1 of one layer */
    double *partial; /* of |B|^2, per tile */
    hth_tangent tangent;
    hth_adjoint probe; /* the scan with the boundary nu, one row an item */
} rank_one;

/* ---- G = nu^T dX_end/dtheta ---- */

static const hth_real *delta_of(const rank_one *kept, size_t l, size_t item) {
    const hth_layer *layer = &kept->probe.tape->network->layers[l];
    return kept->probe.layers[l].delta + item * layer->rows;
}

static const hth_real *u_of(const rank_one *kept, size_t l, size_t item) {
    return kept->probe.tape->layers[l].u + item * kept->probe.tape->network->layers[l].stride;
}

/* |G|^2 from the factors of one step. */
static double outer_square(const rank_one *kept, size_t item) {
    const hth_network *net = kept->probe.tape->network;
    double sum = 0;
    for (size_t l = 0; l < net->layer_count; l++)
        sum += hth_square(net->layers[l].rows, delta_of(kept, l, item)) *
               hth_square(net->layers[l].m, u_of(kept, l, item));
    return sum;
}

static double form_G(hth_learner *learner, rank_one *kept, size_t item) {
    const hth_tape *tape = kept->probe.tape;
    const hth_network *net = tape->network;
    memset(kept->G, 0, kept->P * sizeof *kept->G);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_matrix delta = {delta_of(kept, l, item), 1, tape->batch * layer->rows};
        hth_product(learner->compute, layer->rows, layer->m, tape->steps, delta,
                    hth_rows(u_of(kept, l, item), tape->batch * layer->stride), false,
                    kept->G + layer->weight, layer->m);
    }
    hth_tape_gradient_row_rest(&kept->probe, item, kept->G);
    return hth_sum_of_squares(learner->compute, kept->P, kept->G);
}

/* ---- One pass over B ---- */

/* Of a layer's weights: g += c B + e u^T, then B <- keep B + x u^T with x = delta / rho1 and e the delta of the losses
 * on the tape. */
typedef struct fold {
    rank_one *kept;
    size_t rows, columns, tiles;
    hth_real c, keep;
    const hth_real *e, *x, *u;
    hth_real *g, *B;
} fold;

static void fold_some(const fold *f, size_t tile, size_t from, size_t to, bool adds, hth_real *g) {
    f->kept->partial[tile] = hth_outer_fold(to - from, f->columns, f->c, f->e + from, adds, g,
                                            f->keep, f->x + from, f->u, f->B + from * f->columns);
}

static void fold_tile(void *argument, size_t tile, int worker) {
    const fold *f = argument;
    const size_t tall = hth_rows_of_part(f->columns), from = tile * tall;
    const size_t to = from + tall < f->rows ? from + tall : f->rows;
    (void)worker;
    fold_some(f, tile, from, to, true, f->g + from * f->columns);
}

/* The same rows, where the weights descend on the way. */
static void fold_rows_to(const void *of, size_t tile, size_t from, size_t to, hth_real *g) {
    fold_some(of, tile, from, to, false, g);
}

/* g NULL: the weights descend. Returns |B|^2 of these rows. */
static double fold_layer(hth_learner *learner, size_t l, fold f) {
    const double work = 4.0 * (double)(f.rows * f.columns);
    double sum = 0;
    f.tiles = hth_row_parts(f.rows, f.columns);
    if (f.g)
        hth_parallel(learner->compute, f.tiles, work, fold_tile, &f);
    else
        hth_descend_rows(learner, l, work, fold_rows_to, &f);
    for (size_t i = 0; i < f.tiles; i++) sum += f.kept->partial[i];
    return sum;
}

/* G is delta (x) u, layer by layer; g NULL: the weights descend. */
static double fold_outer(hth_learner *learner, rank_one *kept, size_t item, hth_real keep,
                         hth_real add, hth_real *g) {
    const hth_network *net = learner->network;
    double sum = 0;
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const hth_real *delta = delta_of(kept, l, item);
        for (size_t i = 0; i < layer->rows; i++) kept->G[i] = add * delta[i];
        sum += fold_layer(learner, l,
                          (fold){.kept = kept,
                                 .rows = layer->rows,
                                 .columns = layer->m,
                                 .c = kept->c[item],
                                 .keep = keep,
                                 .e = learner->adjoint.layers[l].delta + item * layer->rows,
                                 .x = kept->G,
                                 .u = u_of(kept, l, item),
                                 .g = g ? g + layer->weight : NULL,
                                 .B = kept->B + item * kept->P + layer->weight});
    }
    return sum;
}

/* G lies there: g += c B, then B <- keep B + add G, all parameters as one row. */
typedef struct fold_all {
    rank_one *kept;
    size_t item;
    hth_real c, keep, add;
    hth_real *g;
} fold_all;

static void fold_piece(void *argument, size_t tile, int worker) {
    const fold_all *f = argument;
    const size_t from = tile * TILE, left = f->kept->P - from, count = left < TILE ? left : TILE;
    const hth_real nothing = 0;
    (void)worker;
    f->kept->partial[tile] =
        hth_outer_fold(1, count, f->c, &nothing, true, f->g + from, f->keep, &f->add,
                       f->kept->G + from, f->kept->B + f->item * f->kept->P + from);
}

static double fold_formed(hth_learner *learner, fold_all f) {
    const size_t tiles = (f.kept->P + TILE - 1) / TILE;
    double sum = 0;
    hth_parallel(learner->compute, tiles, 4.0 * (double)f.kept->P, fold_piece, &f);
    for (size_t i = 0; i < tiles; i++) sum += f.kept->partial[i];
    return sum;
}

/* The step of a tape of one, where it is not added on the way. */
static void add_step(hth_learner *learner, size_t item, hth_real *g) {
    for (size_t l = 0; l < learner->network->layer_count; l++) {
        const hth_layer *layer = &learner->network->layers[l];
        hth_outer_add(layer->rows, layer->m, learner->adjoint.layers[l].delta + item * layer->rows,
                      u_of(learner->past.kept, l, item), g + layer->weight, layer->m);
    }
}

/* ---- Verbs ---- */

static void reset(hth_learner *learner) {
    rank_one *kept = learner->past.kept;
    memset(kept->A, 0, learner->batch * kept->N * sizeof *kept->A);
    memset(kept->B, 0, learner->batch * kept->P * sizeof *kept->B);
    memset(kept->square, 0, learner->batch * sizeof *kept->square);
    kept->bound = 0;
}

/* Whether c B + delta u^T is finite: |B| is known of the last pass, or is looked for. */
static bool is_bounded(const hth_learner *learner, rank_one *kept) {
    const hth_network *net = learner->network;
    double step = 0;
    for (size_t l = 0; l < net->layer_count; l++)
        step += (double)hth_largest(net->layers[l].rows, learner->adjoint.layers[l].delta) *
                (double)hth_largest(net->layers[l].m, u_of(kept, l, 0));
    const double c = fabs((double)kept->c[0]);
    if (hth_is_bounded(step + c * kept->bound)) return true;
    kept->bound = (double)hth_largest(kept->P, kept->B);
    return hth_is_bounded(step + c * kept->bound);
}

/* |B|^2 is summed in hth_real for a while, and squares of the smallest numbers are 0. */
static void find_bound(rank_one *kept) {
    kept->bound = 1.01 * sqrt(kept->square[0]) + 1e-15;
}

/* What one item keeps, taken over the tape. */
static void advance(hth_learner *learner, rank_one *kept, size_t item, hth_gradient *gradient) {
    const hth_unbiased_options *o = learner->past.options;
    const bool outer = kept->probe.tape->steps == 1 && !kept->has_rest;
    const bool descends =
        hth_descends(learner, learner->descent && outer && is_bounded(learner, kept));
    hth_real *A = kept->A + item * kept->N, *g = descends ? NULL : gradient->values;
    const hth_real *nu = kept->nu + item * kept->N;
    if (kept->probe.tape->steps == 1 && !outer) add_step(learner, item, g);
    const double G_square = outer ? outer_square(kept, item) : form_G(learner, kept, item);
    const double rho0 = hth_rho(o, kept->square[item], hth_square(kept->N, A));
    const double rho1 = hth_rho(o, G_square, hth_square(kept->N, nu));
    const hth_real keep = (hth_real)(1 / rho0), add = (hth_real)(1 / rho1);
    for (size_t i = 0; i < kept->N; i++) A[i] = (hth_real)rho0 * A[i] + (hth_real)rho1 * nu[i];
    kept->square[item] =
        outer ? fold_outer(learner, kept, item, keep, add, g)
              : fold_formed(learner, (fold_all){kept, item, kept->c[item], keep, add, g});
    find_bound(kept);
}

/* xbar . A, as the pairing of direct errors with tangents: q_t . dz_t at every step, and before the tape what y of a
 * leaky readout carries. So the scan need not go through the recurrent weights to the start of the tape. */
static void pair(hth_learner *learner, rank_one *kept, size_t t, hth_real *A) {
    const hth_network *net = learner->network;
    const size_t batch = learner->batch;
    for (size_t b = 0; b < batch; b++) {
        const hth_real *dX = A + b * kept->N;
        for (size_t l = 0; l < net->layer_count; l++) {
            const hth_real *direct = hth_errors_direct(learner, l, t, b);
            if (direct)
                kept->c[b] += hth_dot(net->layers[l].n, direct, dX + hth_joint_place_of_z(net, l));
        }
    }
}

/* xbar . A at the start of the tape, where the scan has gone there: tangents do not follow the reads of a store. */
static void contract_start(hth_learner *learner, rank_one *kept) {
    for (size_t b = 0; b < learner->batch; b++) {
        hth_joint_start(learner, b, kept->xbar);
        kept->c[b] = hth_dot(kept->N, kept->xbar, kept->A + b * kept->N);
    }
}

/* The part of xbar . A that y of a leaky readout carries. */
static void contract_y(hth_learner *learner, rank_one *kept) {
    const size_t N = kept->N, outputs = hth_joint_readout_states(learner->network);
    for (size_t b = 0; b < learner->batch; b++)
        kept->c[b] = outputs ? hth_dot(outputs, learner->start + b * outputs,
                                       kept->A + (b + 1) * N - outputs)
                             : 0;
}

static void take_A_over(hth_learner *learner, rank_one *kept) {
    if (kept->xbar)
        contract_start(learner, kept);
    else
        contract_y(learner, kept);
    hth_tangent_begin(&kept->tangent, kept->probe.tape, learner->batch);
    for (size_t t = 0; t < kept->probe.tape->steps; t++) {
        hth_tangent_step(&kept->tangent, t, learner->batch, kept->A);
        if (!kept->xbar) pair(learner, kept, t, kept->A);
    }
}

static void before(hth_learner *learner) {
    learner->adjoint.skips_start =
        !learner->network->layers[0].learns_initial && !hth_has_store(learner->network);
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    rank_one *kept = learner->past.kept;
    kept->probe.tape = learner->adjoint.tape;
    if (kept->probe.tape->fresh) reset(learner); /* a sequence has no past at its start */
    hth_unbiased_draw(learner, learner->batch * kept->N, kept->nu);
    for (size_t b = 0; b < learner->batch; b++)
        hth_joint_seed(&kept->probe, b, kept->nu + b * kept->N);
    hth_scan(&kept->probe);
    take_A_over(learner, kept);
    for (size_t b = 0; b < learner->batch; b++) advance(learner, kept, b, gradient);
    if (!learner->descent || !learner->descent->is_open)
        hth_unbiased_clean(learner->network, gradient);
}

/* Partial sums that a pass over any of the matrices needs. */
static size_t most_tiles(const hth_network *net) {
    size_t most = net->recurrent_count / TILE + 1;
    for (size_t l = 0; l < net->layer_count; l++) {
        const size_t tiles = hth_row_parts(net->layers[l].rows, net->layers[l].m);
        if (tiles > most) most = tiles;
    }
    return most;
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    const hth_network *net = plan->network;
    const size_t batch = plan->batch, N = hth_joint_states(net), P = net->recurrent_count;
    rank_one counted = {0}, *kept = HTH_TAKE(arena, rank_one, 1), *placed = kept;
    (void)options;
    if (!kept) kept = &counted;
    kept->N = N;
    kept->P = P;
    kept->has_rest = net->embedding > 0 || net->layers[0].learns_initial;
    /* A B^T for each item, and what a tape needs. */
    kept->A = HTH_TAKE(arena, hth_real, hth_times(batch, N));
    kept->B = HTH_TAKE(arena, hth_real, hth_times(batch, P));
    kept->square = HTH_TAKE(arena, double, batch);
    kept->nu = HTH_TAKE(arena, hth_real, hth_times(batch, N));
    kept->c = HTH_TAKE(arena, hth_real, batch);
    kept->xbar = HTH_TAKE(arena, hth_real, hth_has_store(net) ? N : 0);
    if (!hth_has_store(net)) kept->xbar = NULL;
    kept->G = HTH_TAKE(arena, hth_real, P);
    kept->partial = HTH_TAKE(arena, double, most_tiles(net));
    /* A is taken over the tape as a tangent; a scan from the random adjoint nu gives what joins B. */
    hth_tangent_lay_out(arena, &kept->tangent, net, batch);
    kept->tangent.item = HTH_EVERY_ITEM;
    hth_adjoint_lay_out(arena, &kept->probe, net, plan->steps, batch,
                        hth_joint_readout_states(net) > 0);
    kept->probe.crossing = &hth_crosses_fully;
    kept->probe.item = HTH_EVERY_ITEM;
    kept->probe.skips_start = !net->layers[0].learns_initial;
    return placed;
}

/* ---- Rows of a store: A of the z that it reads, and B ---- */

static size_t row_size(const hth_learner *plan, const hth_reading *reads) {
    return hth_joint_read(reads) + plan->network->recurrent_count;
}

static void freeze(hth_learner *learner, const hth_reading *reads, size_t item, hth_real *row) {
    const rank_one *kept = learner->past.kept;
    const hth_real *A = kept->A + item * kept->N;
    hth_joint_pick_z(learner->network, reads, A, row);
    memcpy(row + hth_joint_read(reads), kept->B + item * kept->P, kept->P * sizeof *row);
}

static void contract(const hth_learner *learner, const hth_reading *reads, const hth_real *row,
                     const hth_real *zbar, hth_real *values) {
    const size_t width = hth_joint_read(reads);
    hth_add_scaled(learner->network->recurrent_count, hth_dot(width, zbar, row), row + width,
                   values);
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    rank_one *kept = learner->past.kept;
    const hth_field all[] = {
        {"rank-one.A",
         HTH_DTYPE_REAL,
         learner->batch * kept->N,
         kept->A,
         {learner->batch, kept->N}},
        {"rank-one.B",
         HTH_DTYPE_REAL,
         learner->batch * kept->P,
         kept->B,
         {learner->batch, kept->P}},
        {"rank-one.square", HTH_DTYPE_F64, learner->batch, kept->square, {0}},
        hth_noise_field(&learner->noise),
    };
    kept->bound = NAN; /* whoever asks may write to B */
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"i", true, "the vector A"};
    out[1] = (hth_need){"ii", false,
                        "the matrix B, which rho0 and rho1 change at once and not continuously"};
    out[2] = (hth_need){"iii", true, "the product of the Jacobian and the vector A"};
    out[3] = (hth_need){"v", true, "the random signs"};
    return 4;
}

const hth_past hth_past_rank_one = {
    .axis = {.part = {.name = "rank-one",
                      .summary =
                          "the influence tensor as a product of two vectors (UORO): unbiased",
                      .source = "Tallec & Ollivier 2017; Marschall et al. 2019, Table 1",
                      .options = {"learner", hth_unbiased_options_table, HTH_UNBIASED_OPTIONS}},
             .options_size = sizeof(hth_unbiased_options),
             .bias = HTH_UNBIASED,
             .joins_items = true,
             .memory = "s + y + P",
             .operations = "g*n*n*(2 - 1/K) + P + 2*P/K",
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .before = before,
    .row_size = row_size,
    .row_memory = "R*(m + z + U)",
    .row_operations = "T*(z + U)",
    .freeze = freeze,
    .contract = contract,
    .carry = carry,
    .adds_step = true,
    .descends = true,
};
