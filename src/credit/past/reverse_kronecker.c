/*
 * R-KF, reverse KF-RTRL (Marschall et al. 2019, Table 1): the influence tensor of each layer as a
 * Kronecker product, A over rows of W and B over states and what the layer reads,
 *
 *     M[k, (row, column)] ~ A[row] B[k, column].
 *
 * A step's own influence is u_t (x) Bx_t, Bx_t = dX_t/da_t of the layer's drive, and joins by random signs nu, one a
 * row of W (the table prints the index of the wrong side):
 *
 *     A <- rho0 A + rho1 nu                             rho0 = sqrt(|J B| / |A|)
 *     B <- J_t B / rho0 + (Bx_t nu) (x) u_t / rho1      rho1 = sqrt(|Bx_t nu| |u_t| / |nu|)
 *
 * Memory per item and layer g n + N m numbers; operations per step N^2 m (J B; as m rows of g n^2) + N m, the
 * contraction N m + P, once a tape.
 */
#include "credit/past/factors.h"

#include "kernels/fold.h"

static void join(hth_learner *learner, const hth_factor_pair *p) {
    const hth_unbiased_options *o = learner->past.options;
    hth_factors *kept = p->kept;
    const size_t N = kept->N;
    hth_real *nu = kept->drive, *weights = kept->drive + p->length;
    hth_unbiased_draw(learner, p->length, nu);
    hth_tangent_drive(&kept->tangent, p->step, p->layer, 1, nu, kept->X);
    const double JB = hth_square(p->rows * N, p->B);
    const double own = hth_square(N, kept->X) * hth_square(p->rows, p->u);
    const double rho0 = hth_rho(o, JB, hth_square(p->length, p->A));
    const double rho1 = hth_rho(o, own, hth_square(p->length, nu));
    for (size_t i = 0; i < p->length; i++)
        p->A[i] = (hth_real)rho0 * p->A[i] + (hth_real)rho1 * nu[i];
    for (size_t k = 0; k < p->rows; k++) weights[k] = p->u[k] / (hth_real)rho1;
    hth_outer_scaled(p->rows, N, (hth_real)(1 / rho0), weights, kept->X, p->B);
}

static void carry(hth_learner *learner, hth_gradient *gradient) {
    hth_factors_carry(learner, gradient, join);
}

static void *lay_out(hth_arena *arena, const hth_learner *plan, const void *options) {
    const hth_network *net = plan->network;
    hth_factors counted = {0}, *kept = HTH_TAKE(arena, hth_factors, 1), *placed = kept;
    size_t drive = 0;
    (void)options;
    if (!kept) kept = &counted;
    hth_factors_lay_out(arena, kept, plan, true);
    for (size_t l = 0; l < net->layer_count; l++)
        if (net->layers[l].rows + net->layers[l].m > drive)
            drive = net->layers[l].rows + net->layers[l].m;
    kept->drive = HTH_TAKE(arena, hth_real, drive);
    kept->X = HTH_TAKE(arena, hth_real, kept->N);
    return placed;
}

static size_t row_size(const hth_learner *plan, const hth_reading *reads) {
    return hth_factors_row_size(plan, reads, true);
}

const hth_past hth_past_reverse_kronecker = {
    .axis = {.part = {.name = "reverse-kronecker",
                      .summary = "the influence tensor as postsynaptic vector x matrix (R-KF): "
                                 "unbiased",
                      .source = "Marschall et al. 2019, Table 1",
                      .options = {"learner", hth_unbiased_options_table, HTH_UNBIASED_OPTIONS}},
             .options_size = sizeof(hth_unbiased_options),
             .bias = HTH_UNBIASED,
             .joins_items = true,
             .memory = "n*g + N*m",
             .operations = "N*N*m + N*m + (N*m + P)/K",
             .lay_out = lay_out,
             .reset = hth_factors_reset,
             .state = hth_factors_state,
             .needs = hth_factors_needs},
    .before = hth_factors_before,
    .row_size = row_size,
    .row_memory = "R*(m + G + M*z + L)",
    .row_operations = "T*(M*z + U)",
    .freeze = hth_factors_freeze,
    .contract = hth_factors_contract,
    .carry = carry,
    .adds_step = true,
};
