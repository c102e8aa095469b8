/*
 * KF-RTRL (Mujika et al. 2018; Marschall et al. 2019, Table 1): the influence tensor of each layer
 * as a Kronecker product, A over what the layer reads and B over states and rows of W,
 *
 *     M[k, (row, column)] ~ A[column] B[k, row].
 *
 * A step's own influence is u_t (x) Bx_t, Bx_t = dX_t/da_t of the layer's drive, and joins by a random sign nu:
 *
 *     A <- rho0 A + nu rho1 u_t              rho0 = sqrt(|J B| / |A|)
 *     B <- J_t B / rho0 + nu / rho1 Bx_t     rho1 = sqrt(|Bx_t| / |u_t|)
 *
 * The published rule has a sign for each of the two terms; only their product matters, so one is drawn. Until the
 * second step of a sequence nothing is random: A (x) B = u_1 (x) Bx_1.
 *
 * Memory per item and layer m + N g n numbers; operations per step N^2 g n (J B; as g n rows of g n^2), the
 * contraction N g n + P, once a tape.
 */
#include "credit/joint.h"
#include "credit/past/factors.h"

#include "kernels/fold.h"
#include "kernels/vectors.h"

#include <string.h>

static const double LONGEST = 0x1p20; /* of the scale of B, or its reciprocal */

typedef struct scales {
    double decay;
    hth_real add; /* B <- decay J B + add Bx */
} scales;

static scales scale_A(hth_learner *learner, const hth_factor_pair *p, double Bx_square) {
    const hth_unbiased_options *o = learner->past.options;
    const double JB = *p->scale * *p->scale * hth_square(p->rows * p->kept->N, p->B);
    const double rho0 = hth_rho(o, JB, hth_square(p->length, p->A));
    const double rho1 = hth_rho(o, Bx_square, hth_square(p->length, p->u));
    hth_real nu;
    hth_noise_signs(&learner->noise, 1, &nu);
    const hth_real a = (hth_real)rho0, b = nu * (hth_real)rho1;
    hth_scale_and_add(p->length, a, b, p->u, p->A);
    return (scales){1 / rho0, nu / (hth_real)rho1};
}

/* B <- decay B, which changes the scale alone until that is far from 1. */
static void scale_B(const hth_factor_pair *p, double decay) {
    *p->scale *= decay;
    if (*p->scale<LONGEST && * p->scale> 1 / LONGEST) return;
    const size_t count = p->rows * p->kept->N;
    const hth_real scale = (hth_real)*p->scale;
    hth_scale(count, scale, p->B);
    *p->scale = 1;
}

/* No unit of this step hears of another: Bx_t is block-diagonal, and one row a drive has all of it. */
static void join_blocks(hth_learner *learner, const hth_factor_pair *p) {
    hth_factors *kept = p->kept;
    const hth_layer *layer = &learner->network->layers[p->layer];
    const size_t n = layer->n, g = layer->cell->drives, N = kept->N;
    const size_t first = kept->tangent.layers[p->layer].first;
    memset(kept->drive, 0, g * layer->rows * sizeof *kept->drive);
    for (size_t r = 0; r < g; r++)
        for (size_t j = 0; j < n; j++) kept->drive[r * layer->rows + r * n + j] = 1;
    hth_tangent_drive(&kept->tangent, p->step, p->layer, g, kept->drive, kept->X);
    const scales s = scale_A(learner, p, hth_square(g * N, kept->X));
    scale_B(p, s.decay);
    const hth_real add = s.add / (hth_real)*p->scale;
    for (size_t r = 0; r < g; r++)
        for (size_t at = first; at < N; at += n)
            for (size_t j = 0; j < n; j++)
                p->B[(r * n + j) * N + at + j] += add * kept->X[r * N + at + j];
}

/* What a drive does goes on to the layers above and to a leaky readout. */
static void join_all(hth_learner *learner, const hth_factor_pair *p) {
    hth_factors *kept = p->kept;
    const hth_layer *layer = &learner->network->layers[p->layer];
    const size_t count = p->rows * kept->N;
    memset(kept->drive, 0, p->rows * layer->rows * sizeof *kept->drive);
    for (size_t row = 0; row < p->rows; row++) kept->drive[row * layer->rows + row] = 1;
    hth_tangent_drive(&kept->tangent, p->step, p->layer, p->rows, kept->drive, kept->X);
    const scales s = scale_A(learner, p, hth_square(count, kept->X));
    const hth_real decay = (hth_real)s.decay;
    hth_scale_and_add(count, decay, s.add, kept->X, p->B);
}

static bool is_alone(const hth_network *net, size_t l) {
    return net->layers[l].is_top && hth_joint_readout_states(net) == 0;
}

static void join(hth_learner *learner, const hth_factor_pair *p) {
    if (is_alone(learner->network, p->layer))
        join_blocks(learner, p);
    else
        join_all(learner, p);
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    hth_factors_carry(learner, gradient, join);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    const hth_network *net = plan->network;
    hth_factors counted = {0}, *kept = HTH_TAKE(arena, hth_factors, 1), *placed = kept;
    size_t rows = 0, drive = 0;
    (void)options;
    if (!kept) kept = &counted;
    hth_factors_lay_out(arena, kept, plan, false);
    for (size_t l = 0; l < net->layer_count; l++) {
        const hth_layer *layer = &net->layers[l];
        const size_t count = is_alone(net, l) ? layer->cell->drives : layer->rows;
        if (count > rows) rows = count;
        if (count * layer->rows > drive) drive = count * layer->rows;
    }
    kept->drive = HTH_TAKE(arena, hth_real, drive);
    kept->X = HTH_TAKE(arena, hth_real, hth_times(rows, kept->N));
    return placed;
}

static size_t row_size(const hth_learner *plan, const hth_reading *reads) {
    return hth_factors_row_size(plan, reads, false);
}

const hth_past hth_past_kronecker = {
    .axis = {.part = {.name = "kronecker",
                      .summary = "the influence tensor as presynaptic vector x matrix (KF-RTRL): "
                                 "unbiased",
                      .source = "Mujika et al. 2018; Marschall et al. 2019, Table 1",
                      .options = {"learner", hth_unbiased_options_table, HTH_UNBIASED_SIGNS_ONLY}},
             .options_size = sizeof(hth_unbiased_options),
             .bias = HTH_UNBIASED,
             .joins_items = true,
             .memory = "m + N*n*g",
             .operations = "N*N*n*g + (N*n*g + P)/K",
             .lay_out = lay_out,
             .reset = hth_factors_reset,
             .state = hth_factors_state,
             .needs = hth_factors_needs},
    .before = hth_factors_before,
    .row_size = row_size,
    .row_memory = "R*(m + M + G*z + L)",
    .row_operations = "T*(G*z + U)",
    .freeze = hth_factors_freeze,
    .contract = hth_factors_contract,
    .carry = carry,
    .adds_step = true,
};
