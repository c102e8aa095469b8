/*
 * Updates that leave what a layer did with earlier inputs (orthogonal weights modification: Zeng et al. 2019; Duncker
 * et al. 2020 for recurrent networks). Of a layer that reads u = [z; x; 1], with P the projector away from the u of
 * earlier tasks, by recursive least squares,
 *
 *     k = P u     P <- P - k k^T / (alpha + u^T k)          P = alpha (sum u u^T + alpha I)^-1, from I on
 *     G <- G P                                              so that G u is near 0 for every u that was noted
 *
 * With keep.sides = both (Duncker et al.) a second projector Q comes from the drives y = W u in the same way, and
 *
 *     G <- Q G P                                            so that y^T G is near 0 for every y too
 *
 * An adaptive method would leave the subspace again: after it Zeng's network forgets and does not learn.
 */
#include "kernels/elementwise.h"
#include "optim/keep/keep.h"

typedef struct project_options {
    hth_keep_pull pull; /* not used: it does not pull */
    hth_keep_pass pass;
    double alpha;
    int sides;
} project_options;

enum { SIDES_INPUTS, SIDES_BOTH };

static const hth_option options[] = {
    {.name = "alpha",
     .help = "how strongly inputs must be shared with earlier tasks before they are closed to new "
             "ones: the smaller, the fewer directions are left",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 1e-30,
     .max = 1e30,
     .offset = offsetof(project_options, alpha)},
    {.name = "sides",
     .help = "what updates are projected away from: earlier inputs (inputs), or earlier drives "
             "too, so that what an update adds to a drive is at right angles to these (both)",
     .fallback = "inputs",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"inputs", "both", NULL},
     .offset = offsetof(project_options, sides)},
    {.name = "sequences",
     .help = "of a run: how many sequences of the training data are noted when a task ends",
     .fallback = "200",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e9,
     .offset = offsetof(project_options, pass.sequences)},
};

static const char *const names[] = {NULL};

static void span(const void *of, size_t m, const hth_real *u, hth_real *p, hth_real *k) {
    const project_options *o = of;
    hth_real sum = (hth_real)o->alpha;
    for (size_t i = 0; i < m; i++) {
        hth_real at = 0;
        for (size_t j = 0; j < m; j++) at += p[i * m + j] * u[j];
        k[i] = at;
    }
    for (size_t i = 0; i < m; i++) sum += u[i] * k[i];
    for (size_t i = 0; i < m; i++) {
        HTH_SIMD
        for (size_t j = 0; j < m; j++) p[i * m + j] -= k[i] * k[j] / sum;
    }
}

static bool both(const void *of) {
    const project_options *o = of;
    return o->sides == SIDES_BOTH;
}

/* out[m] = x[count] M, of M[count][m] */
static void times(size_t count, size_t m, const hth_real *x, const hth_real *matrix,
                  hth_real *out) {
    for (size_t j = 0; j < m; j++) out[j] = 0;
    for (size_t i = 0; i < count; i++) {
        const hth_real at = x[i];
        HTH_SIMD
        for (size_t j = 0; j < m; j++) out[j] += at * matrix[i * m + j];
    }
}

static void project(const hth_keep_sides *s, const hth_real *g, hth_real *out, hth_real *row) {
    const size_t m = s->columns;
    for (size_t r = 0; r < s->rows; r++) {
        if (s->q) times(s->rows, m, s->q + r * s->rows, g, row);
        times(m, m, s->q ? row : g + r * m, s->p, out + r * m);
    }
}

HTH_PART_OF(const hth_keep, hth_keep_project) = {
    .part = {.name = "project",
             .summary = "updates of layers are projected away from the inputs of earlier tasks",
             .source = "Zeng et al. 2019, eq. 1-3; Duncker et al. 2020, P_in and P_out",
             .options = {"keep", options, HTH_COUNT(options)}},
    .options_size = sizeof(project_options),
    .names = names,
    .of = HTH_OF_INPUTS,
    .span = span,
    .project = project,
    .both = both,
};
