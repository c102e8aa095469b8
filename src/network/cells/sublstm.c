/*
 * LSTM with subtractive gates (Costa et al. 2017), drive rows in the order i, f, o, g, all sigmoid:
 *
 *     i, f, o, g = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o), sigmoid(a_g)
 *     c_t = f c_{t-1} + g - i     y = sigmoid(c_t)     z_t = y - o
 *     D = f     B_i = -i (1-i)     B_f = c_{t-1} f (1-f)     B_o = 0     B_g = g (1-g)
 *     Z = y (1-y)     Q_o = -o (1-o)
 *
 * The gates i and o inhibit as interneurons of the cortex do: they are taken off where those of an LSTM multiply.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"

typedef struct sublstm_options {
    double forget_bias;
} sublstm_options;

enum { F, B_I, B_F, B_G, Z_C, Q_O, FIELDS };

static const hth_option options[] = {
    {.name = "forget_bias",
     .help = "initial bias of the forget gate",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .offset = offsetof(sublstm_options, forget_bias)},
};

static void step(const hth_row *row) {
    const hth_real *a_i = row->drive[0], *a_f = row->drive[1], *a_o = row->drive[2];
    const hth_real *a_g = row->drive[3], *c_in = row->state_in[0];
    hth_real *c = row->state_out[0], *z = row->z_out, *D = row->field[F], *B_i = row->field[B_I];
    hth_real *B_f = row->field[B_F], *B_g = row->field[B_G];
    hth_real *Z = row->field[Z_C], *Q = row->field[Q_O];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        const hth_real i = hth_sigmoid(a_i[j]), f = hth_sigmoid(a_f[j]);
        const hth_real o = hth_sigmoid(a_o[j]), g = hth_sigmoid(a_g[j]);
        c[j] = f * c_in[j] + (g - i);
        D[j] = f;
        B_i[j] = -i * (1 - i);
        B_f[j] = c_in[j] * f * (1 - f);
        B_g[j] = g * (1 - g);
        Q[j] = -o * (1 - o);
        const hth_real y = hth_sigmoid(c[j]);
        z[j] = y - o;
        Z[j] = y * (1 - y);
    }
}

static double bias(const void *given, size_t drive) {
    return drive == 1 ? ((const sublstm_options *)given)->forget_bias : 0;
}

HTH_PART_OF(const hth_cell, hth_cell_sublstm) = {
    .part = {.name = "sublstm",
             .summary = "LSTM whose input and output gates subtract, gates i, f, o, g",
             .source = "Costa et al. 2017",
             .options = {"cell", options, HTH_COUNT(options)}},
    .options_size = sizeof(sublstm_options),
    .drives = 4,
    .states = 1,
    .drive_names = {"i", "f", "o", "g"},
    .state_names = {"c"},
    .fields = FIELDS,
    .observable = HTH_Z_SEPARATE,
    .reads = {{true, true, true}, {true, true, true}, {true, true, true}, {true, true, true}},
    .D = {{HTH_FIELD(F)}},
    .B = {{HTH_FIELD(B_I), HTH_FIELD(B_F), {0}, HTH_FIELD(B_G)}},
    .Z = {HTH_FIELD(Z_C)},
    .Q = {{0}, {0}, HTH_FIELD(Q_O), {0}},
    .step = step,
    .bias = bias,
};
