/*
 * The influence tensor on a pattern: SnAp-n, the sparse n-step approximation of RTRL (Menick et al. 2020).
 * Of the influence of unit j's weights, only that on the units S_j is kept, those that j
 * reaches in at most learner.order - 1 recurrent steps over the connections that exist (network.connections;
 * weights that are 0 by chance or by learning count as there). order = 1 is SnAp-1, S_j = {j}; where S_j is
 * every unit, this is RTRL.
 *
 * Kept, per item and unit j: M_j = dX[S_j]/dW[j], of all states of these units: s, z where it is a state of its
 * own, and below a leaky readout the filtered z, f_t = kappa f_{t-1} + z_t.
 *
 *     contract   g[j] += xbar[S_j]^T M_j               xbar: the adjoint of X at the start of the tape
 *     advance    M_j <- Pi[S_j][S_j] M_j + G_j[S_j]    Pi = dX_end/dX_start, G_j = dX_end/dW[j] on this tape
 *
 * With K = 1 this is as published: what leaves the pattern is dropped at each step, so it is M_j after the step
 * that is contracted, with the direct errors of S_j. With K > 1, xbar, Pi and G are those of the whole tape,
 * through all units, and entries are dropped at its end: longer tapes drop less. As in influence.c, a scan with
 * one row per state gives Pi and G, at the cost of a dense network.
 *
 * Memory per item: sum over j of |S_j| (N/n) g m numbers, so at most N P. Operations per step
 * N g n (n + m) and, for blocks of N' = |S_j| N/n states, the sum of N'^2 g m / K. N counts f, not y.
 */
#include "credit/errors.h"
#include "credit/joint.h"

#include "kernels/vectors.h"

#include <string.h>

enum { MOST_UNITS = 4096 };

typedef struct pattern_options {
    int64_t order;
} pattern_options;

static const hth_option options[] = {
    {.name = "order",
     .help =
         "n of SnAp-n: a weight's influence is kept on the units that its own unit reaches in at "
         "most n - 1 steps; 1: itself",
     .fallback = "2",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     .offset = offsetof(pattern_options, order)},
};

typedef struct pattern {
    size_t each;      /* states of a unit */
    size_t columns;   /* of a block: g m, and a unit's learned initial states */
    size_t numbers;   /* of all blocks of an item */
    size_t *first;    /* [n+1]: where the members of S_j begin */
    uint32_t *member; /* units of S_0, S_1, ... */
    hth_real *M;      /* [batch][numbers]: per unit [states][members][columns] */
    hth_real *A, *x;  /* of one block: Pi, xbar */
    hth_real *column; /* of one block, scratch */
    hth_real *sum;    /* [columns] */
    hth_real *xbar;   /* [each][n] */
    hth_real *packed; /* u of one item */
    hth_adjoint rows; /* the scan; row k n + i: state k of unit i */
} pattern;

static const hth_layer *only_layer(const hth_learner *learner) {
    return &learner->network->layers[0];
}

static bool z_is_state(const hth_layer *layer) {
    return layer->cell->observable == HTH_Z_IS_STATE;
}

static bool is_leaky(const hth_learner *learner) {
    return learner->network->readout.kappa > 0;
}

static size_t states_of_unit(const hth_learner *learner) {
    const hth_layer *layer = only_layer(learner);
    return hth_joint_layer_states(layer) / layer->n + (is_leaky(learner) ? 1 : 0);
}

/* ---- The pattern ---- */

/* Marks in round[n] the units that j reaches, with 1 + the number of steps; returns how many. */
static size_t reach(const hth_layer *layer, size_t j, size_t steps, uint16_t *round) {
    size_t count = 1, before = 0;
    memset(round, 0, layer->n * sizeof *round);
    round[j] = 1;
    for (uint16_t now = 1; now <= steps && count > before; now++) {
        before = count;
        for (size_t from = 0; from < layer->n; from++)
            for (size_t to = 0; round[from] == now && to < layer->n; to++)
                if (!round[to] && hth_layer_connects(layer, to, from)) {
                    round[to] = (uint16_t)(now + 1);
                    count++;
                }
    }
    return count;
}

static size_t steps_of(const hth_layer *layer, const pattern_options *o) {
    const size_t steps = (size_t)o->order - 1;
    return steps < layer->n ? steps : layer->n; /* a path needs no more */
}

/* Fills first and member where there is memory; returns the number of pairs, and the largest block. */
static size_t find_pattern(const hth_layer *layer, const pattern_options *o, pattern *kept,
                           size_t *largest) {
    uint16_t round[MOST_UNITS];
    size_t pairs = 0;
    *largest = 0;
    for (size_t j = 0; j < layer->n; j++) {
        const size_t count = reach(layer, j, steps_of(layer, o), round);
        if (count > *largest) *largest = count;
        if (kept->first) kept->first[j] = pairs;
        for (size_t i = 0, at = pairs; kept->member && i < layer->n; i++)
            if (round[i]) kept->member[at++] = (uint32_t)i;
        pairs += count;
    }
    if (kept->first) kept->first[layer->n] = pairs;
    return pairs;
}

/* ---- Pi and G ---- */

/* The boundary of row k n + i is state k of unit i; f at the end holds kappa^(end - t) z_t. */
static void seed(pattern *kept) {
    const hth_network *net = kept->rows.tape->network;
    const hth_layer *layer = &net->layers[0];
    const hth_adjoint_layer *a = &kept->rows.layers[0];
    const size_t n = layer->n, d = layer->cell->states, R = kept->rows.rows;
    hth_adjoint_clear_boundary(&kept->rows);
    for (size_t row = 0; row < d * n; row++) a->sbar[(row / n * R + row) * n + row % n] = 1;
    for (size_t i = 0; !z_is_state(layer) && i < n; i++) a->zbar[(d * n + i) * n + i] = 1;
    hth_real power = 1;
    for (size_t t = kept->rows.tape->steps; a->q && t-- > 0; power *= net->readout.kappa)
        for (size_t i = 0; i < n; i++) a->q[(t * R + R - n + i) * n + i] = power;
}

/* State k of unit i at the start of the tape: what one row of an adjoint says of it; f apart. */
static hth_real entry(const hth_layer *layer, const hth_adjoint *adjoint, size_t row, size_t k,
                      size_t i) {
    const hth_adjoint_layer *a = &adjoint->layers[0];
    const hth_real z = a->zbar[row * layer->n + i];
    if (k == layer->cell->states) return z;
    const hth_real s = a->sbar[(k * adjoint->rows + row) * layer->n + i];
    return z_is_state(layer) ? s + z : s;
}

static void fill_block(const hth_learner *learner, const pattern *kept, size_t j) {
    const hth_layer *layer = only_layer(learner);
    const uint32_t *members = kept->member + kept->first[j];
    const size_t n = layer->n, count = kept->first[j + 1] - kept->first[j];
    const size_t f = is_leaky(learner) ? kept->each - 1 : kept->each;
    hth_real *A = kept->A, power = 1;
    for (size_t t = 0; t < kept->rows.tape->steps; t++) power *= learner->network->readout.kappa;
    for (size_t k = 0; k < kept->each; k++)
        for (size_t a = 0; a < count; a++) {
            const size_t row = k * n + members[a];
            kept->x[k * count + a] = kept->rows.tape->steps == 1 ? 0 : kept->xbar[row];
            for (size_t l = 0; l < kept->each; l++)
                for (size_t b = 0; b < count; b++)
                    *A++ = l < f ? entry(layer, &kept->rows, row, l, members[b])
                                 : (k == f && a == b ? power : 0);
        }
}

/* xbar of one item. f at the start of the tape bears on its errors as z_1 does, but for a kappa. */
static void fill_start(const hth_learner *learner, pattern *kept, size_t item) {
    const hth_layer *layer = only_layer(learner);
    const size_t n = layer->n, f = is_leaky(learner) ? kept->each - 1 : kept->each;
    const hth_real *errors = hth_adjoint_first_error(&learner->adjoint, 0, item);
    for (size_t k = 0; k < kept->each; k++)
        for (size_t i = 0; i < n; i++)
            kept->xbar[k * n + i] = k < f ? entry(layer, &learner->adjoint, item, k, i)
                                          : learner->network->readout.kappa * errors[i];
}

/* What the tape's own steps contribute to one row of M_j. */
static void grow_row(const hth_layer *layer, const pattern *kept, size_t j, size_t row,
                     hth_real *M) {
    const hth_tape *tape = kept->rows.tape;
    const hth_real *delta = kept->rows.layers[0].delta + row * layer->rows + j;
    const hth_real *u = tape->layers[0].u + kept->rows.item * layer->stride;
    const hth_matrix A = {delta, layer->n, kept->rows.rows * layer->rows};
    if (tape->steps > 1)
        hth_product_packed(layer->cell->drives, layer->m, tape->steps, A, kept->packed, true, M,
                           layer->m);
    for (size_t g = 0; tape->steps == 1 && g < layer->cell->drives; g++) {
        const hth_real by = delta[g * layer->n];
        hth_real *to = M + g * layer->m;
        if (by == 0) continue; /* K = 1: other units' weights */
        hth_add_scaled(layer->m, by, u, to);
    }
    if (!tape->fresh || !layer->learns_initial) return;
    for (size_t i = 0; i < hth_layer_initial_rows(layer); i++)
        M[layer->cell->drives * layer->m + i] += entry(layer, &kept->rows, row, i, j);
}

static void grow(const hth_layer *layer, const pattern *kept, size_t j, hth_real *M) {
    const uint32_t *members = kept->member + kept->first[j];
    const size_t count = kept->first[j + 1] - kept->first[j];
    for (size_t k = 0; k < kept->each; k++)
        for (size_t a = 0; a < count; a++, M += kept->columns)
            grow_row(layer, kept, j, k * layer->n + members[a], M);
}

/* ---- Verbs ---- */

static void reset(hth_learner *learner) {
    const pattern *kept = learner->past.kept;
    memset(kept->M, 0, learner->batch * kept->numbers * sizeof *kept->M);
}

/* The sum over the states of S_j to the weights and initial states of unit j. */
static void add_sum(const hth_layer *layer, const pattern *kept, size_t j, hth_real *gradient) {
    const hth_real *sum = kept->sum;
    for (size_t g = 0; g < layer->cell->drives; g++, sum += layer->m) {
        hth_real *to = gradient + layer->weight + (g * layer->n + j) * layer->m;
        hth_add(layer->m, sum, to);
    }
    for (size_t i = 0; layer->learns_initial && i < hth_layer_initial_rows(layer); i++)
        gradient[layer->initial + i * layer->n + j] += sum[i];
}

/* K = 1: errors[n] of S_j that enter at number k of X, times M_j after the step. The first step's share of initial
 * states has been added with the scan, from all units. */
static void add_errors_at(const hth_learner *learner, size_t j, size_t k, const hth_real *errors,
                          const hth_real *M) {
    const pattern *kept = learner->past.kept;
    const size_t count = kept->first[j + 1] - kept->first[j];
    const size_t weights = only_layer(learner)->cell->drives * only_layer(learner)->m;
    const size_t columns = kept->rows.tape->fresh ? weights : kept->columns;
    M += k * count * kept->columns;
    for (size_t a = 0; a < count; a++, M += kept->columns) {
        const hth_real error = errors[kept->member[kept->first[j] + a]];
        hth_add_scaled(columns, error, M, kept->sum);
    }
}

/* Direct errors enter at z, the last number of X; but with a leaky readout its own enter at f, which comes after z. */
static void add_errors(const hth_learner *learner, size_t j, size_t item, const hth_real *M) {
    const size_t last = ((const pattern *)learner->past.kept)->each - 1;
    if (!is_leaky(learner)) {
        add_errors_at(learner, j, last, hth_errors_direct(learner, 0, 0, item), M);
        return;
    }
    const hth_real *steady = hth_errors_steady(learner, 0, 0, item);
    add_errors_at(learner, j, last, hth_adjoint_first_error(&learner->adjoint, 0, item), M);
    if (steady) add_errors_at(learner, j, last - 1, steady, M);
}

static void carry_item(hth_learner *learner, size_t item, hth_real *gradient) {
    pattern *kept = learner->past.kept;
    const hth_layer *layer = only_layer(learner);
    const hth_tape *tape = kept->rows.tape;
    /* Pi and G of this item, and the adjoint at the start of the tape. */
    kept->rows.item = item;
    seed(kept);
    hth_scan(&kept->rows);
    fill_start(learner, kept, item);
    if (tape->steps > 1)
        hth_pack(tape->steps, layer->m,
                 hth_rows(tape->layers[0].u + item * layer->stride, tape->batch * layer->stride),
                 kept->packed);
    /* Each block by itself: contract it, take it over the tape, add what the tape's steps contribute. */
    for (size_t j = 0; j < layer->n; j++) {
        const size_t states = (kept->first[j + 1] - kept->first[j]) * kept->each;
        hth_real *M = kept->M + item * kept->numbers + kept->first[j] * kept->each * kept->columns;
        fill_block(learner, kept, j);
        memset(kept->sum, 0, kept->columns * sizeof *kept->sum);
        hth_product_in_place(learner->compute, states, kept->columns, hth_rows(kept->A, states),
                             kept->x, M, kept->columns, kept->sum, kept->column);
        grow(layer, kept, j, M);
        if (tape->steps == 1) add_errors(learner, j, item, M);
        add_sum(layer, kept, j, gradient);
    }
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    pattern *kept = learner->past.kept;
    const hth_layer *layer = only_layer(learner);
    kept->rows.tape = learner->adjoint.tape;
    if (kept->rows.tape->fresh) reset(learner); /* a sequence has no past at its start */
    for (size_t b = 0; b < learner->batch; b++) carry_item(learner, b, gradient->values);
    hth_layer_mask(layer, gradient->values + layer->weight);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *given) {
    const hth_layer *layer = only_layer(plan);
    const size_t initial = layer->learns_initial ? hth_layer_initial_rows(layer) : 0;
    pattern counted = {0}, *kept = HTH_TAKE(arena, pattern, 1), *placed = kept;
    size_t largest;
    if (!kept) kept = &counted;
    /* Which units are in each S_j: counted first, then written where there is memory. */
    kept->each = states_of_unit(plan);
    kept->columns = layer->cell->drives * layer->m + initial;
    kept->first = HTH_TAKE(arena, size_t, layer->n + 1);
    const size_t pairs = find_pattern(layer, given, kept, &largest);
    const size_t states = hth_times(largest, kept->each), all = layer->n * kept->each;
    kept->member = HTH_TAKE(arena, uint32_t, pairs);
    if (kept->member) find_pattern(layer, given, kept, &largest);
    /* The blocks, what a pass over one needs, and the scan with a row for each number of the state. */
    kept->numbers = hth_times(pairs, kept->each * kept->columns);
    kept->M = HTH_TAKE(arena, hth_real, hth_times(plan->batch, kept->numbers));
    kept->A = HTH_TAKE(arena, hth_real, hth_times(states, states));
    kept->x = HTH_TAKE(arena, hth_real, states);
    kept->column = HTH_TAKE(arena, hth_real, states);
    kept->sum = HTH_TAKE(arena, hth_real, kept->columns);
    kept->xbar = HTH_TAKE(arena, hth_real, all);
    kept->packed = HTH_TAKE(arena, hth_real, hth_packed_size(plan->steps, layer->m));
    hth_adjoint_lay_out(arena, &kept->rows, plan->network, plan->steps, all, is_leaky(plan));
    kept->rows.crossing = &hth_crosses_fully;
    return placed;
}

static size_t state(hth_learner *learner, hth_field *fields, size_t capacity) {
    const pattern *kept = learner->past.kept;
    if (capacity > 0)
        fields[0] = (hth_field){.name = "pattern",
                                .dtype = HTH_DTYPE_REAL,
                                .count = learner->batch * kept->numbers,
                                .data = kept->M};
    return 1;
}

static const char *refuses(const hth_learner *plan) {
    const hth_network *net = plan->network;
    if (net->layers[0].n > MOST_UNITS ||
        net->layers[0].n * states_of_unit(plan) > hth_product_in_place_limit())
        return "the network has too many units for a matrix of all states on all";
    return NULL;
}

static size_t needs(const hth_learner *learner, hth_need out[HTH_MAX_NEEDS]) {
    (void)learner;
    out[0] = (hth_need){"ii", false, "several numbers a synapse, of units that it does not touch"};
    out[1] = (hth_need){"iv", false, "products of blocks of the Jacobian and the influence tensor"};
    return 2;
}

const hth_past hth_past_pattern = {
    .axis = {.part = {.name = "pattern",
                      .summary =
                          "influence on the units that a weight reaches in n steps (SnAp-n); "
                          "memory: at most this",
                      .source = "Menick et al. 2020",
                      .options = {"learner", options, HTH_COUNT(options)}},
             .options_size = sizeof(pattern_options),
             .bias = HTH_BIASED,
             .memory = "(s + n*(N-s)/o)*P",
             .operations = "(s + n*(N-s)/o)*((s + n*(N-s)/o)*P/K + g*n*(n+m))",
             .refuses = refuses,
             .lay_out = lay_out,
             .reset = reset,
             .state = state,
             .needs = needs},
    .carry = carry,
    .adds_step = true,
};
