/*
 * GRU (Cho et al. 2014) with the reset gate after the recurrent product, as in cuDNN, drive rows r, u, cx, ch;
 * cx reads the input and its bias, ch the recurrent units and its bias:
 *
 *     r, u = sigmoid(a_r), sigmoid(a_u)     h~ = tanh(a_cx + r a_ch)     h_t = u h_{t-1} + (1-u) h~
 *     D = u     q = (1-u)(1-h~^2)     B = [ q a_ch r (1-r),  (h_{t-1}-h~) u (1-u),  q,  q r ]
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"

enum { U, B_R, B_U, B_CX, B_CH, FIELDS };

static void step(const hth_row *row) {
    const hth_real *a_r = row->drive[0], *a_u = row->drive[1], *a_cx = row->drive[2];
    const hth_real *a_ch = row->drive[3], *h_in = row->state_in[0];
    hth_real *h = row->state_out[0], *z = row->z_out, *D = row->field[U];
    hth_real *B_r = row->field[B_R], *B_u = row->field[B_U];
    hth_real *B_cx = row->field[B_CX], *B_ch = row->field[B_CH];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        hth_real r = hth_sigmoid(a_r[j]), u = hth_sigmoid(a_u[j]);
        hth_real candidate = hth_tanh(a_cx[j] + r * a_ch[j]);
        hth_real q = (1 - u) * (1 - candidate * candidate);
        h[j] = u * h_in[j] + (1 - u) * candidate;
        z[j] = h[j];
        D[j] = u;
        B_r[j] = q * a_ch[j] * r * (1 - r);
        B_u[j] = (h_in[j] - candidate) * u * (1 - u);
        B_cx[j] = q;
        B_ch[j] = q * r;
    }
}

HTH_PART_OF(const hth_cell, hth_cell_gru) = {
    .part = {.name = "gru",
             .summary = "gated recurrent unit, reset gate after the recurrent product",
             .source = "Cho et al. 2014; the form of cuDNN",
             .options = {"cell", NULL, 0}},
    .drives = 4,
    .states = 1,
    .drive_names = {"r", "u", "cx", "ch"},
    .state_names = {"h"},
    .fields = FIELDS,
    .observable = HTH_Z_IS_STATE,
    .reads = {{true, true, true}, {true, true, true}, {false, true, true}, {true, false, true}},
    .D = {{HTH_FIELD(U)}},
    .B = {{HTH_FIELD(B_R), HTH_FIELD(B_U), HTH_FIELD(B_CX), HTH_FIELD(B_CH)}},
    .Z = {HTH_ONE},
    .step = step,
};
