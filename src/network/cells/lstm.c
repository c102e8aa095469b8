/*
 * LSTM (Hochreiter & Schmidhuber 1997; Bellec et al. 2019, eqs. 31-40), drive rows in the order i, f, o, g:
 *
 *     i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)     g = tanh(a_g)     c_t = f c_{t-1} + i g
 *     standard form        z_t = o tanh(c_t)     Z = o (1 - tanh^2 c_t)     Q_o = tanh(c_t) o (1-o)
 *     Bellec et al. eq. 36 z_t = o c_t           Z = o                      Q_o = c_t o (1-o)
 *     D = f     B_i = g i (1-i)     B_f = c_{t-1} f (1-f)     B_o = 0     B_g = i (1 - g^2)
 *
 * Their eq. 37 prints three errors; the derivatives here are those of the forward formula.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"

typedef struct lstm_options {
    int output;
    double forget_bias;
} lstm_options;

enum { F, B_I, B_F, B_G, Z_C, Q_O, FIELDS };

static const hth_option options[] = {
    {.name = "output",
     .help = "what the output gate opens on: tanh(c), the standard form, or c (Bellec et al. 2019, "
             "eq. 36)",
     .fallback = "tanh",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"tanh", "linear", NULL},
     .offset = offsetof(lstm_options, output)},
    {.name = "forget_bias",
     .help = "initial bias of the forget gate (1 is common; 0 in the TensorFlow word model)",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .offset = offsetof(lstm_options, forget_bias)},
};

static void gates(const hth_row *row) {
    const hth_real *a_i = row->drive[0], *a_f = row->drive[1], *a_g = row->drive[3];
    const hth_real *c_in = row->state_in[0];
    hth_real *c = row->state_out[0], *D = row->field[F], *B_i = row->field[B_I];
    hth_real *B_f = row->field[B_F], *B_g = row->field[B_G];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        hth_real i = hth_sigmoid(a_i[j]), f = hth_sigmoid(a_f[j]), g = hth_tanh(a_g[j]);
        c[j] = f * c_in[j] + i * g;
        D[j] = f;
        B_i[j] = g * i * (1 - i);
        B_f[j] = c_in[j] * f * (1 - f);
        B_g[j] = i * (1 - g * g);
    }
}

static void output_tanh(const hth_row *row) {
    const hth_real *a_o = row->drive[2], *c = row->state_out[0];
    hth_real *z = row->z_out, *Z = row->field[Z_C], *Q = row->field[Q_O];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        hth_real o = hth_sigmoid(a_o[j]), y = hth_tanh(c[j]);
        z[j] = o * y;
        Z[j] = o * (1 - y * y);
        Q[j] = y * o * (1 - o);
    }
}

static void output_linear(const hth_row *row) {
    const hth_real *a_o = row->drive[2], *c = row->state_out[0];
    hth_real *z = row->z_out, *Z = row->field[Z_C], *Q = row->field[Q_O];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        hth_real o = hth_sigmoid(a_o[j]);
        z[j] = o * c[j];
        Z[j] = o;
        Q[j] = c[j] * o * (1 - o);
    }
}

static void step(const hth_row *row) {
    const lstm_options *o = row->options;
    gates(row);
    if (o->output == 0)
        output_tanh(row);
    else
        output_linear(row);
}

static double bias(const void *given, size_t drive) {
    return drive == 1 ? ((const lstm_options *)given)->forget_bias : 0;
}

HTH_PART_OF(const hth_cell, hth_cell_lstm) = {
    .part = {.name = "lstm",
             .summary = "long short-term memory, gates i, f, o, g",
             .source = "Hochreiter & Schmidhuber 1997; Bellec et al. 2019, eqs. 31-40",
             .options = {"cell", options, HTH_COUNT(options)}},
    .options_size = sizeof(lstm_options),
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
