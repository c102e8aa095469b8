/*
 * A cell's table of derivatives against the cell's own step.
 *
 * A unit sees only its own state, drive and last output, so two steps of a row of units, with one input of each moved
 * up and down, give a central difference for every unit at once. Two steps in a row are tried, from random numbers: the
 * second is compared, and the first is what entries of "the step before" are of.
 *
 *     B[i][g] = ds_i/da_g     R[i] = ds_i/dz_{t-1}     D[i][k] = ds_i/ds_{t-1,k}
 *
 * A unit's last output depends on its last state. If z is the state, or if the table takes an entry of D[i] from the
 * step before, that path is in D and not in R:
 *
 *     D[i][k] = ds_i/ds_{t-1,k} + ds_i/dz_{t-1} Z_{t-1}[k]     R[i] = 0
 *
 * and of a drive that reads the constant alone, which is the same at both steps, B[i][g] = ds_i/da_g + ds_i/dz_{t-1}
 * Q_{t-1}[g].
 *
 * s_t is no input, so Z is what solves, for inputs p that reach z_t through s_t alone (states, z_{t-1}, and where these
 * do not suffice the drives whose Q is 0 in the table),
 *
 *     dz/dp = sum_i Z[i] ds_i/dp     and then     Q[g] = dz/da_g - sum_i Z[i] ds_i/da_g.
 *
 * Each difference is taken with several widths, from wide to narrow, and the one counts that agrees best with the wider
 * one before it. A unit where none agrees stands at a corner of the step and is left out; the table has no say in that.
 */
#include "network/inspect.h"

#include "base/random.h"
#include "network/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    DRAWS = 4,
    PLACES = 32, /* draws times units, at least */
    WIDTHS = sizeof(hth_real) == sizeof(double) ? 7 : 4,
    INPUTS = HTH_MAX_STATES + 1 + HTH_MAX_DRIVES,
    ENTRIES = HTH_MAX_STATES * (HTH_MAX_STATES + HTH_MAX_DRIVES + 2) + HTH_MAX_DRIVES
};

static const bool is_double = sizeof(hth_real) == sizeof(double);
/* The least pivot in the equations of Z, relative to the largest number of its column. */
static const double least_pivot = 0.02;

static double tolerance(void) {
    return is_double ? 1e-6 : 5e-2;
}

/* What is known of a derivative: noise is what rounding and the width may have added. */
typedef struct slope {
    double value, apart, rounding, last; /* apart, last: from and of the wider one before */
    bool known;
} slope;

/* Inputs p and outputs o are numbered: states, then z, then (inputs) drives. Counters come last in `in` and `out`. */
typedef struct bench {
    const hth_layer *layer;
    size_t d, g, n, inputs, draws;
    bool z_is_smooth;
    hth_real *in, *out, *up, *down;  /* [inputs or d+1, then counters][n] */
    hth_real *kept, *fields, *spare; /* [n]; [2 steps][fields][n]; [fields][n] */
    double *width;                   /* [n] */
    slope *slopes[2], *Z[2];         /* of both steps: [inputs][d+1][n]; [d][n] */
    hth_real *table, *differences;   /* [ENTRIES][draws*n] */
} bench;

typedef struct entry {
    char kind;
    size_t i, k;
    hth_entry at;
    size_t count;
    double noise;
} entry;

/* ---- One step, and its differences --------------------------------------------------------------- */

static void step(const bench *b, const hth_real *in, hth_real *out, hth_real *fields) {
    const hth_cell *cell = b->layer->cell;
    const size_t n = b->n;
    hth_row row = {
        .n = n, .z_in = in + b->d * n, .z_out = out + b->d * n, .options = b->layer->options};
    for (size_t k = 0; k < cell->states + cell->counters; k++) {
        const bool counts = k >= b->d;
        row.state_in[k] = in + (counts ? k + 1 + b->g : k) * n;
        row.state_out[k] = out + (counts ? k + 1 : k) * n;
    }
    for (size_t g = 0; g < b->g; g++) row.drive[g] = in + (b->d + 1 + g) * n;
    for (size_t f = 0; f < cell->fields; f++) row.field[f] = fields + f * n;
    for (size_t c = 0; c < cell->constants; c++) row.constant[c] = b->layer->constants + c * n;
    cell->step(&row);
}

/* How large input p of a unit may be: z is about 1, and the others are in units of the threshold, where there is
 * one. */
static double scale_of(const bench *b, size_t p, size_t unit) {
    const hth_entry threshold = b->layer->cell->threshold;
    return p != b->d && threshold.where == HTH_AT_CONSTANT
               ? (double)b->layer->constants[threshold.index * b->n + unit]
               : 1;
}

static slope *slope_at(const bench *b, size_t which, size_t p, size_t o) {
    return b->slopes[which] + (p * (b->d + 1) + o) * b->n;
}

static double noise_of(const slope *s) {
    return s->apart + s->rounding;
}

/* Takes the difference of one output with one more width; the first has nothing to agree with. */
static void take_width(const bench *b, size_t o, bool is_first, slope *s) {
    const hth_real *up = b->up + o * b->n, *down = b->down + o * b->n;
    for (size_t j = 0; j < b->n; j++) {
        const double high = (double)up[j], low = (double)down[j];
        const slope now = {.value = (high - low) / b->width[j],
                           .apart = fabs((high - low) / b->width[j] - s[j].last),
                           .rounding = 4 * HTH_EPSILON * (fabs(high) + fabs(low)) / b->width[j],
                           .last = (high - low) / b->width[j]};
        if (is_first)
            s[j] = (slope){.value = (double)NAN, .apart = (double)INFINITY, .last = now.last};
        else if (!(noise_of(&now) > noise_of(&s[j])))
            s[j] = now;
        s[j].last = now.last;
    }
}

/* Numbers that are not finite are known: they are wrong. */
static void find_corners(const bench *b, slope *s) {
    double largest = 0;
    for (size_t j = 0; j < b->n; j++) largest = fmax(largest, fabs(s[j].value));
    for (size_t j = 0; j < b->n; j++)
        s[j].known = !(s[j].apart > fmax(tolerance() / 4 * largest, 2 * s[j].rounding));
}

/* By h times the number itself, or times its scale if that is more, so that rounding leaves something of it. */
static void move(const bench *b, size_t p, double h) {
    for (size_t j = 0; j < b->n; j++) {
        const double kept = (double)b->kept[j];
        b->in[p * b->n + j] = (hth_real)(kept + h * fmax(scale_of(b, p, j), fabs(kept)));
    }
}

/* By input p. */
static void differentiate(const bench *b, size_t which, size_t p) {
    hth_real *moved = b->in + p * b->n;
    memcpy(b->kept, moved, b->n * sizeof *moved);
    for (int w = 0; w < WIDTHS; w++) {
        const double h = ldexp(1, -(is_double ? 6 : 2) - 3 * w);
        move(b, p, h);
        for (size_t j = 0; j < b->n; j++) b->width[j] = (double)moved[j];
        step(b, b->in, b->up, b->spare);
        move(b, p, -h);
        for (size_t j = 0; j < b->n; j++) b->width[j] -= (double)moved[j];
        step(b, b->in, b->down, b->spare);
        for (size_t o = 0; o <= b->d; o++) take_width(b, o, w == 0, slope_at(b, which, p, o));
    }
    for (size_t o = 0; o <= b->d; o++) find_corners(b, slope_at(b, which, p, o));
    memcpy(moved, b->kept, b->n * sizeof *moved);
}

/* ---- Z ------------------------------------------------------------------------------------------ */

/* The equations of a unit: a row for each input, the states' coefficients and the right-hand side. */
typedef struct equations {
    size_t rows;
    double m[INPUTS][HTH_MAX_STATES + 1], noise;
    double largest[HTH_MAX_STATES]; /* of each state's coefficients, of all inputs */
    double least;                   /* of the pivots */
    bool used[INPUTS];
} equations;

static void write_equations(const bench *b, size_t which, size_t j, bool with_drives,
                            equations *e) {
    const hth_entry *Q = b->layer->cell->Q;
    *e = (equations){.least = (double)INFINITY};
    for (size_t p = 0; p < b->inputs; p++) {
        bool known = p <= b->d || (with_drives && Q[p - b->d - 1].where == HTH_AT_ZERO);
        for (size_t i = 0; i < b->d; i++)
            e->largest[i] = fmax(e->largest[i], fabs(slope_at(b, which, p, i)[j].value));
        for (size_t o = 0; o <= b->d; o++) known = known && slope_at(b, which, p, o)[j].known;
        if (!known) continue;
        for (size_t o = 0; o <= b->d; o++) {
            e->m[e->rows][o] = slope_at(b, which, p, o)[j].value;
            e->noise += noise_of(&slope_at(b, which, p, o)[j]);
        }
        e->rows++;
    }
}

/* The row not used yet with the largest number in column i; e->rows: there is none. */
static size_t find_pivot(const equations *e, size_t i) {
    size_t best = e->rows;
    for (size_t r = 0; r < e->rows; r++)
        if (!e->used[r] && (best == e->rows || fabs(e->m[r][i]) > fabs(e->m[best][i]))) best = r;
    return best;
}

/* Gauss and Jordan, with the largest pivot of each column; false: one is too small. pivots[i]: the row of state i. */
static bool eliminate(equations *e, size_t d, size_t pivots[HTH_MAX_STATES]) {
    for (size_t i = 0; i < d; i++) {
        const size_t best = find_pivot(e, i);
        if (best == e->rows || !(fabs(e->m[best][i]) > least_pivot * e->largest[i])) return false;
        e->used[best] = true;
        e->least = fmin(e->least, fabs(e->m[best][i]));
        pivots[i] = best;
        for (size_t r = 0; r < e->rows; r++) {
            const double factor = r == best ? 0 : e->m[r][i] / e->m[best][i];
            for (size_t o = i; o <= d; o++) e->m[r][o] -= factor * e->m[best][o];
        }
    }
    return true;
}

static bool is_good(const bench *b, size_t which, size_t j, bool with_drives, equations *e,
                    size_t pivots[HTH_MAX_STATES]) {
    write_equations(b, which, j, with_drives, e);
    return eliminate(e, b->d, pivots);
}

static void find_Z(const bench *b, size_t which) {
    for (size_t j = 0; j < b->n; j++) {
        equations e;
        size_t pivots[HTH_MAX_STATES];
        const bool known = b->z_is_smooth && (is_good(b, which, j, false, &e, pivots) ||
                                              is_good(b, which, j, true, &e, pivots));
        for (size_t i = 0; i < b->d; i++) {
            slope *Z = &b->Z[which][i * b->n + j];
            *Z = (slope){.known = known};
            if (!known) continue;
            Z->value = e.m[pivots[i]][b->d] / e.m[pivots[i]][i];
            Z->rounding = e.noise / e.least;
        }
    }
}

/* ---- Two steps --------------------------------------------------------------------------------- */

static void draw_row(const bench *b, size_t p, size_t draw, size_t which) {
    const hth_random random = {2, HTH_RANDOM_CHECK, (uint32_t)((draw * 2 + which) * INPUTS + p)};
    for (size_t j = 0; j < b->n; j++)
        b->in[p * b->n + j] = (hth_real)(scale_of(b, p, j) * hth_random_normal(&random, j));
}

/* The second step begins where the first one ends; z that is the state is that number. */
static void begin(const bench *b, size_t draw, size_t which) {
    const hth_cell *cell = b->layer->cell;
    const size_t n = b->n, bytes = n * sizeof(hth_real);
    for (size_t p = which ? b->d + 1 : 0; p < b->inputs; p++) draw_row(b, p, draw, which);
    if (which) {
        memcpy(b->in, b->out, (b->d + 1) * bytes);
        memcpy(b->in + b->inputs * n, b->out + (b->d + 1) * n, cell->counters * bytes);
    } else {
        memset(b->in + b->inputs * n, 0, cell->counters * bytes);
        if (cell->observable == HTH_Z_IS_STATE) memcpy(b->in + b->d * n, b->in, bytes);
    }
}

static void take_steps(const bench *b, size_t draw) {
    for (size_t which = 0; which < 2; which++) {
        begin(b, draw, which);
        step(b, b->in, b->out, b->fields + which * b->layer->cell->fields * b->n);
        for (size_t p = 0; p < b->inputs; p++) differentiate(b, which, p);
        find_Z(b, which);
    }
}

/* ---- Entries ------------------------------------------------------------------------------------ */

static void list_entries(const hth_cell *c, entry *entries, size_t *count) {
    entry *e = entries;
    for (size_t i = 0; i < c->states; i++)
        for (size_t k = 0; k < c->states; k++) *e++ = (entry){'D', i, k, c->D[i][k], 0, 0};
    for (size_t i = 0; i < c->states; i++)
        for (size_t k = 0; k < c->drives; k++) *e++ = (entry){'B', i, k, c->B[i][k], 0, 0};
    for (size_t i = 0; i < c->states; i++) *e++ = (entry){'R', i, 0, c->R[i], 0, 0};
    for (size_t i = 0; i < c->states; i++) *e++ = (entry){'Z', i, 0, c->Z[i], 0, 0};
    for (size_t k = 0; k < c->drives; k++) *e++ = (entry){'Q', 0, k, c->Q[k], 0, 0};
    *count = (size_t)(e - entries);
}

static void name_entry(const hth_cell *c, const entry *e, char *out, size_t size) {
    if (e->kind == 'D')
        snprintf(out, size, "D[%s][%s]", c->state_names[e->i], c->state_names[e->k]);
    else if (e->kind == 'B')
        snprintf(out, size, "B[%s][%s]", c->state_names[e->i], c->drive_names[e->k]);
    else if (e->kind == 'Q')
        snprintf(out, size, "Q[%s]", c->drive_names[e->k]);
    else
        snprintf(out, size, "%c[%s]", e->kind, c->state_names[e->i]);
}

/* Whether D and B of state i hold the path through the unit's own last output. */
static bool holds_own_path(const hth_cell *c, size_t i) {
    bool holds = c->observable == HTH_Z_IS_STATE;
    for (size_t k = 0; k < c->states; k++) holds = holds || c->D[i][k].where == HTH_AT_PREVIOUS;
    for (size_t g = 0; g < c->drives; g++) holds = holds || c->B[i][g].where == HTH_AT_PREVIOUS;
    return holds;
}

/* a += factor x y, which may cancel all but a tenth of the tolerance. */
static void add_product(slope *a, double factor, const slope *x, const slope *y) {
    if (x->known && x->value == 0) return;
    a->value += factor * x->value * y->value;
    a->rounding += noise_of(x) * fabs(y->value) + noise_of(y) * fabs(x->value);
    a->rounding += tolerance() / 10 * fabs(x->value * y->value);
    a->known = a->known && x->known && y->known;
}

/* What drive g does to z at a given s. Without Z it is not known, even of a drive that no state reads. */
static slope direct(const bench *b, size_t which, size_t g, size_t j) {
    slope s = slope_at(b, which, b->d + 1 + g, b->d)[j];
    s.known = s.known && b->z_is_smooth;
    for (size_t i = 0; i < b->d; i++)
        add_product(&s, -1, &slope_at(b, which, b->d + 1 + g, i)[j], &b->Z[which][i * b->n + j]);
    return s;
}

static slope difference(const bench *b, const entry *e, size_t j) {
    const size_t d = b->d, n = b->n;
    const bool own_path = holds_own_path(b->layer->cell, e->i);
    slope s = {.known = true}, before;
    switch (e->kind) {
    case 'B':
        s = slope_at(b, 1, d + 1 + e->k, e->i)[j];
        before = direct(b, 0, e->k, j);
        if (own_path && hth_reads_nothing(&b->layer->cell->reads[e->k]))
            add_product(&s, 1, &slope_at(b, 1, d, e->i)[j], &before);
        return s;
    case 'R':
        return own_path ? s : slope_at(b, 1, d, e->i)[j];
    case 'D':
        s = slope_at(b, 1, e->k, e->i)[j];
        if (own_path) add_product(&s, 1, &slope_at(b, 1, d, e->i)[j], &b->Z[0][e->k * n + j]);
        return s;
    case 'Z':
        return b->Z[1][e->i * n + j];
    default: /* Q */
        return direct(b, 1, e->k, j);
    }
}

static hth_real table_says(const bench *b, const entry *e, size_t j) {
    const hth_tape_layer on = {.field = b->fields};
    if (e->at.where == HTH_AT_ZERO) return 0;
    return hth_derivative_of(hth_entry_at(b->layer, &on, e->at, 0, 1, 0), j);
}

static void compare_entry(const bench *b, size_t index, entry *e) {
    for (size_t j = 0; j < b->n; j++) {
        const slope s = difference(b, e, j);
        const size_t at = index * b->draws * b->n + e->count;
        if (!s.known) continue;
        b->table[at] = table_says(b, e, j);
        b->differences[at] = (hth_real)s.value;
        if (noise_of(&s) > e->noise) e->noise = noise_of(&s);
        e->count++;
    }
}

/* ---- All ---------------------------------------------------------------------------------------- */

static void lay_out(hth_arena *arena, bench *b) {
    const hth_cell *cell = b->layer->cell;
    const size_t n = b->n, outputs = b->d + 1 + cell->counters;
    b->in = HTH_TAKE(arena, hth_real, (b->inputs + cell->counters) * n);
    b->out = HTH_TAKE(arena, hth_real, outputs * n);
    b->up = HTH_TAKE(arena, hth_real, outputs * n);
    b->down = HTH_TAKE(arena, hth_real, outputs * n);
    b->kept = HTH_TAKE(arena, hth_real, n);
    b->fields = HTH_TAKE(arena, hth_real, 2 * cell->fields * n);
    b->spare = HTH_TAKE(arena, hth_real, cell->fields * n);
    b->width = HTH_TAKE(arena, double, n);
    for (size_t which = 0; which < 2; which++) {
        b->slopes[which] = HTH_TAKE(arena, slope, b->inputs * (b->d + 1) * n);
        b->Z[which] = HTH_TAKE(arena, slope, b->d * n);
    }
    b->table = HTH_TAKE(arena, hth_real, ENTRIES * b->draws * n);
    b->differences = HTH_TAKE(arena, hth_real, ENTRIES * b->draws * n);
}

static void show(const bench *b, size_t index, const entry *e,
                 void (*visit)(void *context, const hth_entry_trial *trial), void *context) {
    hth_entry_trial trial = {.cell = b->layer->cell->part.name,
                             .count = e->count,
                             .table = b->table + index * b->draws * b->n,
                             .differences = b->differences + index * b->draws * b->n,
                             .tolerance = tolerance(),
                             .noise = e->noise};
    name_entry(b->layer->cell, e, trial.name, sizeof trial.name);
    visit(context, &trial);
}

hth_status hth_try_entries(const hth_network *network, size_t layer, bool z_is_smooth,
                           void (*visit)(void *context, const hth_entry_trial *trial),
                           void *context, hth_error *error) {
    const hth_layer *of = &network->layers[layer];
    bench b = {.layer = of,
               .d = of->cell->states,
               .g = of->cell->drives,
               .n = of->n,
               .draws = of->n * DRAWS < PLACES ? PLACES / of->n : DRAWS,
               .inputs = of->cell->states + 1 + of->cell->drives,
               .z_is_smooth = z_is_smooth};
    entry entries[ENTRIES];
    size_t count;
    hth_arena arena = {0};
    if (of->kind->back) return HTH_OK; /* there is no table */
    lay_out(&arena, &b);
    void *memory = hth_allocate(NULL, arena.used);
    if (!memory)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory to try the table of cell %s",
                        of->cell->part.name);
    arena = (hth_arena){.base = memory};
    lay_out(&arena, &b);
    list_entries(of->cell, entries, &count);
    for (size_t draw = 0; draw < b.draws; draw++) {
        take_steps(&b, draw);
        for (size_t i = 0; i < count; i++) compare_entry(&b, i, &entries[i]);
    }
    for (size_t i = 0; i < count; i++) show(&b, i, &entries[i], visit, context);
    hth_release(memory);
    return HTH_OK;
}
