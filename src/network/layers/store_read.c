/*
 * Attention over rows (Bahdanau et al. 2015; Graves et al. 2014; Lillicrap & Santoro 2019, eq. 5), with query q, keys
 * k_i and values v_i:
 *
 *     l_i = f q . k_i,  or  f cos(q, k_i)     f fixed, or softplus(b) of a drive b of its own
 *     p = softmax(l) over all rows seen, or over the `top` of them with the largest l (of equal ones, the older); a row
 *         that another has taken the place of (store_used.c) counts as none
 *     r = sum p_i v_i
 *
 * and the adjoint of that, with rbar = dE/dr:
 *
 *     pbar_i = rbar . v_i     lbar_i = p_i (pbar_i - sum_j p_j pbar_j)     vbar_i = p_i rbar
 *     dot product:  qbar = f sum lbar_i k_i      kbar_i = f lbar_i q       fbar = sum lbar_i q . k_i
 *     cosine c_i:   qbar = sum f lbar_i (k_i/|k_i| - c_i q/|q|) / |q|      fbar = sum lbar_i c_i
 *                   kbar_i = f lbar_i (q/|q| - c_i k_i/|k_i|) / |k_i|
 *                   norms sqrt(|.|^2 + 1e-6)  (Graves et al. 2016)
 *
 * p is found again on the way back, so that a tape keeps nothing of a read but its query. Cost: R (key + value)
 * multiply-adds a read of R rows, three times as many back; of the `top`, R key + top value.
 */
#include "network/layers/store.h"

#include "base/functions64.h"
#include "kernels/doubles.h"
#include "kernels/rows.h"
#include "kernels/vectors.h"

static const double least_square = 1e-6;

static const hth_store_form *store_of(const hth_store_read *read) {
    return &read->layer->store;
}

/* a_t of the step. */
static const hth_real *said(const hth_store_read *read) {
    const size_t at = read->t * read->batch + read->item;
    return read->on->store.said + at * read->layer->rows;
}

static const hth_real *query(const hth_store_read *read) {
    return said(read) + read->head * store_of(read)->key;
}

/* Where the value stands in a row. */
static size_t place_of_value(const hth_store_form *store) {
    return store->literal ? 0 : store->key;
}

static double norm(size_t n, const hth_real *x) {
    return sqrt((double)hth_dot(n, x, x) + least_square);
}

/* b of the strength, f = softplus(b). */
static double strength_drive(const hth_store_read *read) {
    return (double)said(read)[hth_store_strengths(store_of(read)) + read->head];
}

double hth_store_strength(const hth_store_read *read) {
    if (!store_of(read)->learned) return store_of(read)->strength;
    return hth_softplus64(strength_drive(read));
}

/* q . k or cos(q, k) of all rows seen, before the strength; returns how many. */
static size_t find_likeness(const hth_store_read *read, const hth_store_part *parts) {
    const hth_store_form *store = store_of(read);
    const hth_real *q = query(read);
    const double q_norm = store->cosine ? norm(store->key, q) : 1;
    double *out = read->scratch.weights;
    for (size_t k = 0; k < HTH_STORE_PARTS; k++) {
        const hth_store_part *part = &parts[k];
        if (part->count == 0) continue;
        hth_matrix_vector(part->count, store->key, part->at, part->stride, q, false,
                          read->scratch.scores);
        for (size_t i = 0; i < part->count; i++) {
            const double dot = (double)read->scratch.scores[i];
            const hth_real *key = part->at + i * part->stride;
            *out++ = store->cosine ? dot / (q_norm * norm(store->key, key)) : dot;
        }
    }
    return (size_t)(out - read->scratch.weights);
}

static void parts_of(const hth_store_read *read, hth_store_part parts[HTH_STORE_PARTS]) {
    hth_store_parts(read->layer, read->on, read->t, read->batch, read->item, parts);
}

/* ---- The rows that count ---- */

/* The scores, and where rows are not in the order of their age, that. */
typedef struct scored {
    const double *l;
    const uint64_t *age; /* or NULL */
} scored;

static bool is_younger(const scored *of, uint32_t a, uint32_t b) {
    return of->age ? of->age[a] > of->age[b] : a > b;
}

/* Whether row a has less weight than b. */
static bool is_less(const scored *of, uint32_t a, uint32_t b) {
    return of->l[a] < of->l[b] || (of->l[a] == of->l[b] && is_younger(of, a, b));
}

/* Moves heap[at] down until none below it is less. */
static void sink(const scored *l, uint32_t *heap, size_t count, size_t at) {
    for (size_t child = 2 * at + 1; child < count; at = child, child = 2 * at + 1) {
        if (child + 1 < count && is_less(l, heap[child + 1], heap[child])) child++;
        if (!is_less(l, heap[child], heap[at])) return;
        const uint32_t moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

/* The least of the `top` rows with the largest l: it and those that are not less count. */
static uint32_t last_of_top(const scored *l, size_t count, size_t top, uint32_t *heap) {
    for (size_t i = 0; i < top; i++) heap[i] = (uint32_t)i;
    for (size_t i = top / 2; i-- > 0;) sink(l, heap, top, i);
    for (size_t i = top; i < count; i++) {
        if (!is_less(l, heap[0], (uint32_t)i)) continue;
        heap[0] = (uint32_t)i;
        sink(l, heap, top, 0);
    }
    return heap[0];
}

/* ---- Forward ---- */

/* exp(l - largest) in the place of the scores l: of all rows that stand, or of the best of them; of others 0. Few are
 * the best, so that theirs are taken one by one. */
static void exponentiate(const hth_store_form *store, size_t count, size_t standing,
                         const hth_store_scratch *scratch) {
    double *p = scratch->weights, largest = p[0];
    const scored of = {p, scratch->age};
    for (size_t i = 1; i < count; i++) largest = p[i] > largest ? p[i] : largest;
    if (store->top == 0 || store->top >= standing) {
        hth_exps64(count, largest, p);
        for (size_t i = 0; i < count && scratch->age; i++)
            if (scratch->age[i] == 0) p[i] = 0;
        return;
    }
    const uint32_t last = last_of_top(&of, count, store->top, scratch->best);
    const double least = p[last];
    for (size_t i = 0; i < count; i++) {
        const bool counts = p[i] > least || (p[i] == least && !is_younger(&of, (uint32_t)i, last));
        const bool stands = !scratch->age || scratch->age[i] > 0;
        p[i] = counts && stands ? hth_exp64(p[i] - largest) : 0;
    }
}

/* p from the scores. */
static void normalise(const hth_store_form *store, size_t count, size_t standing,
                      const hth_store_scratch *scratch) {
    double *p = scratch->weights, sum = 0;
    exponentiate(store, count, standing, scratch);
    for (size_t i = 0; i < count; i++) sum += p[i];
    for (size_t i = 0; i < count; i++) p[i] /= sum;
}

static size_t weigh(const hth_store_read *read, const hth_store_part *parts) {
    const size_t count = find_likeness(read, parts);
    const double f = hth_store_strength(read);
    double *p = read->scratch.weights;
    for (size_t i = 0; i < count; i++) p[i] *= f;
    size_t standing = count;
    if (read->scratch.age && count > 0) {
        standing = hth_store_find_ages(read, count);
        for (size_t i = 0; i < count; i++)
            if (read->scratch.age[i] == 0) p[i] = -(double)INFINITY;
    }
    if (count > 0) normalise(store_of(read), count, standing, &read->scratch);
    return count;
}

size_t hth_store_weigh(const hth_store_read *read) {
    hth_store_part parts[HTH_STORE_PARTS];
    parts_of(read, parts);
    return weigh(read, parts);
}

/* Rows that follow one another and all have weight, among all that are seen. */
typedef struct row_run {
    size_t first, count;
    const hth_real *at; /* the first */
    size_t stride;
} row_run;

/* A walk over such runs: it is at row i of a part, which `before` other rows come before. */
typedef struct row_walk {
    const hth_store_part *parts;
    const double *p;
    size_t part, before, i;
} row_walk;

/* The next run; false: there is none. */
static bool next_run(row_walk *w, row_run *out) {
    for (; w->part < HTH_STORE_PARTS; w->before += w->parts[w->part++].count, w->i = 0) {
        const hth_store_part *part = &w->parts[w->part];
        const double *p = w->p + w->before;
        while (w->i < part->count && !(p[w->i] > 0)) w->i++;
        const size_t first = w->i;
        while (w->i < part->count && p[w->i] > 0) w->i++;
        if (w->i == first) continue;
        *out = (row_run){w->before + first, w->i - first, part->at + first * part->stride,
                         part->stride};
        return true;
    }
    return false;
}

size_t hth_store_read_out(const hth_store_read *read, hth_real *r) {
    const hth_store_form *store = store_of(read);
    const double *p = read->scratch.weights;
    hth_real *weights = read->scratch.scores;
    hth_store_part parts[HTH_STORE_PARTS];
    parts_of(read, parts);
    const size_t count = weigh(read, parts);
    memset(r, 0, store->value * sizeof *r);
    row_walk walk = {.parts = parts, .p = p};
    for (row_run run; next_run(&walk, &run);) {
        for (size_t j = 0; j < run.count; j++) weights[j] = (hth_real)p[run.first + j];
        hth_vector_matrix(run.count, store->value, weights, run.at + place_of_value(store),
                          run.stride, true, r);
    }
    return count;
}

/* ---- Backward ---- */

/* Where errors of the i-th row that is seen gather; NULL: they are not wanted. */
static hth_real *errors_of(const hth_store_read *read, const hth_store_rows *seen, size_t i,
                           hth_store_errors *errors) {
    const hth_store_form *store = store_of(read);
    const size_t j = seen->first + i;
    if (j >= seen->frozen)
        return errors->written + hth_store_step(store, *read->on->store.time, j) * store->width;
    if (!errors->before) return NULL;
    const size_t at = hth_store_place_of(store, seen->first, i);
    hth_real *to = errors->before + at * store->width;
    if (errors->reached[at]) return to;
    errors->reached[at] = 1;
    errors->list[errors->count++] = (uint32_t)at;
    memset(to, 0, store->width * sizeof *to);
    return to;
}

/* sum_j p_j pbar_j; pbar of every row that has weight goes to the scratch's scores. */
static double find_pbar(const hth_store_read *read, const hth_store_part *parts,
                        const hth_real *rbar) {
    const hth_store_form *store = store_of(read);
    const double *p = read->scratch.weights;
    double mean = 0;
    row_walk walk = {.parts = parts, .p = p};
    for (row_run run; next_run(&walk, &run);) {
        hth_real *pbar = read->scratch.scores + run.first;
        hth_matrix_vector(run.count, store->value, run.at + place_of_value(store), run.stride, rbar,
                          false, pbar);
        for (size_t j = 0; j < run.count; j++) mean += p[run.first + j] * (double)pbar[j];
    }
    return mean;
}

/* What a way back goes by, and what it adds up beside qbar: fbar, and (cosine) sum f lbar_i c_i. */
typedef struct way_back {
    const hth_store_read *read;
    const hth_store_rows *seen;
    const hth_real *rbar;
    double f, mean, of_q; /* of_q: the norm of q, or 1 */
    hth_store_errors *errors;
    double fbar, turned;
} way_back;

/* One row: to its own errors, and the factor of its key in qbar. */
static double row_back(way_back *way, size_t i, const hth_real *row) {
    const hth_store_read *read = way->read;
    const hth_store_form *store = store_of(read);
    const size_t n = store->key;
    const hth_real *q = query(read);
    const double p = read->scratch.weights[i];
    const double lbar = p * ((double)read->scratch.scores[i] - way->mean), each = way->f * lbar;
    const bool needs_likeness = store->cosine || store->learned;
    const double of_key = store->cosine ? norm(n, row) : 1, norms = way->of_q * of_key;
    const double like = needs_likeness ? (double)hth_dot(n, q, row) / norms : 0;
    hth_real *bar = errors_of(read, way->seen, i, way->errors);
    if (bar) {
        hth_add_scaled(store->value, (hth_real)p, way->rbar, bar + place_of_value(store));
        hth_add_scaled(n, (hth_real)(each / norms), q, bar);
        if (store->cosine)
            hth_add_scaled(n, (hth_real)(-each * like / (of_key * of_key)), row, bar);
    }
    way->fbar += lbar * like;
    way->turned += each * like;
    return each / norms;
}

void hth_store_read_back(const hth_store_read *read, const hth_real *rbar, hth_real *delta,
                         hth_store_errors *errors) {
    const hth_store_form *store = store_of(read);
    const hth_store_rows seen = hth_store_seen(store, *read->on->store.time, read->t);
    const double *p = read->scratch.weights;
    hth_real *qbar = delta + read->head * store->key;
    hth_store_part parts[HTH_STORE_PARTS];
    parts_of(read, parts);
    weigh(read, parts);
    way_back way = {.read = read,
                    .seen = &seen,
                    .rbar = rbar,
                    .f = hth_store_strength(read),
                    .mean = find_pbar(read, parts, rbar),
                    .of_q = store->cosine ? norm(store->key, query(read)) : 1,
                    .errors = errors};
    row_walk walk = {.parts = parts, .p = p};
    for (row_run run; next_run(&walk, &run);) {
        hth_real *factors = read->scratch.scores + run.first; /* in the place of pbar */
        for (size_t j = 0; j < run.count; j++)
            factors[j] = (hth_real)row_back(&way, run.first + j, run.at + j * run.stride);
        hth_vector_matrix(run.count, store->key, factors, run.at, run.stride, true, qbar);
    }
    if (store->cosine)
        hth_add_scaled(store->key, (hth_real)(-way.turned / (way.of_q * way.of_q)), query(read),
                       qbar);
    if (store->learned)
        delta[hth_store_strengths(store) + read->head] +=
            (hth_real)(way.fbar * hth_sigmoid64(strength_drive(read)));
}
