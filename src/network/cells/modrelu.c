/*
 * Rate unit of orthogonal and unitary networks (Arjovsky et al. 2016, eq. 8, for real numbers): it keeps the sign of
 * its drive and changes the size alone, so that a rotation by the recurrent weights passes as it is.
 *
 *     z_t = s_t = sign(a) max(0, |a| + b)     B_a = 1 where |a| + b > 0, else 0     B_b = sign(a) B_a     D = 0
 *
 * The offset b is a parameter of the unit: a drive that reads the constant alone (cell.h). The drive a has no bias of
 * its own, which would be a second one.
 */
#include "kernels/elementwise.h"
#include "network/cells/cells.h"

typedef struct modrelu_options {
    double offset;
} modrelu_options;

enum { B_A, B_OFFSET, FIELDS };
enum { A, OFFSET };

static const hth_option options[] = {
    {.name = "offset",
     .help = "initial b in sign(a) max(0, |a| + b); it is learned (optimiser.lr_cell). 0: the unit "
             "begins as a linear one",
     .fallback = "0",
     .kind = HTH_KIND_REAL,
     .offset = offsetof(modrelu_options, offset)},
};

static void step(const hth_row *row) {
    const hth_real *a = row->drive[A], *b = row->drive[OFFSET];
    hth_real *s = row->state_out[0], *z = row->z_out;
    hth_real *B_a = row->field[B_A], *B_b = row->field[B_OFFSET];
    HTH_SIMD
    for (size_t j = 0; j < row->n; j++) {
        const hth_real sign = a[j] > 0 ? HTH_C(1.0) : a[j] < 0 ? HTH_C(-1.0) : HTH_C(0.0);
        const hth_real size = sign * a[j] + b[j], on = size > 0 ? HTH_C(1.0) : HTH_C(0.0);
        s[j] = sign * (on * size);
        z[j] = s[j];
        B_a[j] = on;
        B_b[j] = sign * on;
    }
}

static double bias(const void *given, size_t drive) {
    return drive == OFFSET ? ((const modrelu_options *)given)->offset : 0;
}

static void own(const void *given, size_t n, const hth_real *constants, size_t drive,
                const hth_real *a, hth_real *out) {
    (void)given, (void)constants, (void)drive;
    for (size_t j = 0; j < n; j++) out[j] = a[j];
}

HTH_PART_OF(const hth_cell, hth_cell_modrelu) = {
    .part = {.name = "modrelu",
             .summary = "rate unit that keeps the sign of its drive, z = sign(a) max(0, |a| + b)",
             .source = "Arjovsky et al. 2016, eq. 8",
             .options = {"cell", options, HTH_COUNT(options)}},
    .options_size = sizeof(modrelu_options),
    .drives = 2,
    .states = 1,
    .drive_names = {"a", "offset"},
    .state_names = {"r"},
    .fields = FIELDS,
    .observable = HTH_Z_IS_STATE,
    .reads = {{true, true, false}, {false, false, true}},
    .B = {{HTH_FIELD(B_A), HTH_FIELD(B_OFFSET)}},
    .Z = {HTH_ONE},
    .step = step,
    .bias = bias,
    .own = own,
};
