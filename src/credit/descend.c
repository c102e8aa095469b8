/* The pass: see descend.h. Time: that of the gradient and the update, without the memory between them. */
#include "credit/descend.h"

#include "kernels/largest.h"
#include "kernels/rows.h"

#include <math.h>

/* Numbers of the gradient at a time, on the stack: with W and the traces they fit the nearest cache. */
#ifndef HTH_ROOM
#define HTH_ROOM 2048
#endif

enum {
    ROOM = HTH_ROOM,
    ALIGNED = 16 /* rows, if that many fit: then a part begins a line of the cache */
};

/* Far below overflow, with room for the rounding of sums. */
#ifdef HTH_DOUBLE
#define SAFE 1e290
#else
#define SAFE 1e30
#endif

size_t hth_rows_of_part(size_t columns) {
    const size_t tall = ROOM / columns ? ROOM / columns : 1;
    return tall < ALIGNED ? tall : tall / ALIGNED * ALIGNED;
}

size_t hth_row_parts(size_t rows, size_t columns) {
    return (rows + hth_rows_of_part(columns) - 1) / hth_rows_of_part(columns);
}

typedef struct pass {
    const hth_descent *descent;
    const hth_layer *layer;
    size_t parts;
    hth_rows_gradient gradient;
    const void *of;
} pass;

/* A row that is longer than the room lies where the gradient would have it. */
static void descend_part(void *argument, size_t part, int worker) {
    const pass *p = argument;
    const hth_layer *layer = p->layer;
    const size_t tall = hth_rows_of_part(layer->m), from = part * tall;
    const size_t to = from + tall < layer->rows ? from + tall : layer->rows;
    const size_t at = layer->weight + from * layer->m, count = (to - from) * layer->m;
    _Alignas(64) hth_real room[ROOM];
    hth_real *g = count <= ROOM ? room : p->descent->gradient->values + at;
    (void)worker;
    p->gradient(p->of, part, from, to, g);
    hth_layer_mask_rows(layer, from, to, g);
    hth_descend(p->descent, at, count, g);
}

void hth_descend_rows(hth_learner *learner, size_t l, double work, hth_rows_gradient gradient,
                      const void *of) {
    const hth_layer *layer = &learner->network->layers[l];
    pass p = {learner->descent, layer, hth_row_parts(layer->rows, layer->m), gradient, of};
    hth_parallel(learner->compute, p.parts, work, descend_part, &p);
}

bool hth_is_bounded(double bound) {
    return bound < SAFE;
}

bool hth_descends(hth_learner *learner, bool is_bounded) {
    hth_descent *descent = learner->descent;
    if (!descent || (is_bounded && hth_descent_may(descent))) return descent != NULL;
    hth_gradient_fill(descent->gradient);
    return false;
}

/* ---- Traces ---- */

void hth_trace_bound_set(hth_trace_bound *bound, double to) {
    for (size_t k = 0; k < HTH_MOST_TRACES; k++) bound->eps[k] = to;
}

/* The traces themselves, which takes a pass over them: once they are not known, or the bound has grown too far. */
static void look(const hth_filter *f, hth_trace_bound *bound) {
    for (size_t k = 0; k < f->e; k++)
        bound->eps[k] = (double)hth_largest(f->rows * f->m, f->eps + k * f->rows * f->m);
}

/* |delta| |u| + sum_k |x_k| |eps_k|; a trace that may be infinite counts even where x_k is 0, for 0 times it is no
 * number. */
static double bound_of_gradient(const hth_filter *f, double u, const hth_trace_bound *bound) {
    double sum = (double)hth_largest(f->rows, f->delta) * u;
    for (size_t k = 0; k < f->e; k++) {
        if (!hth_is_bounded(bound->eps[k])) return (double)INFINITY;
        sum += (double)hth_largest(f->n, f->x + k * f->n) * bound->eps[k];
    }
    return sum;
}

/* |eps_k| <- sum_l |phi_kl| |eps_l| + |gamma_k| |u|, and what rounding may add. */
static void take_over(const hth_filter *f, double u, hth_trace_bound *bound) {
    hth_trace_bound old = *bound;
    for (size_t k = 0; k < f->e; k++) {
        double sum = (double)hth_largest(f->rows, f->gamma + k * f->rows) * u;
        for (size_t l = 0; l < f->e; l++)
            sum += (double)hth_largest(f->n, f->phi + (k * f->e + l) * f->n) * old.eps[l];
        bound->eps[k] = sum * (1 + 16 * HTH_EPSILON);
    }
}

bool hth_filter_is_bounded(const hth_filter *f, hth_trace_bound *bound) {
    const double u = (double)hth_largest(f->m, f->u);
    if (!hth_is_bounded(bound_of_gradient(f, u, bound))) {
        look(f, bound);
        if (!hth_is_bounded(bound_of_gradient(f, u, bound))) return false;
    }
    take_over(f, u, bound);
    return true;
}

static void gradient_of_filter(const void *of, size_t part, size_t from, size_t to, hth_real *g) {
    (void)part;
    hth_filter_rows_to(of, from, to, g);
}

/* Plain descent: the filter changes the weights itself. Those that do not exist are 0 again afterwards. */
typedef struct linear_pass {
    const hth_filter *filter;
    const hth_layer *layer;
    hth_linear by;
    hth_real *theta;
} linear_pass;

static void descend_linearly(void *argument, size_t part, int worker) {
    const linear_pass *p = argument;
    const hth_filter *f = p->filter;
    const size_t tall = hth_rows_of_part(f->m), from = part * tall;
    const size_t to = from + tall < f->rows ? from + tall : f->rows;
    (void)worker;
    hth_filter_rows_descend(f, from, to, p->by, p->theta + from * f->m);
    hth_layer_mask_rows(p->layer, from, to, p->theta + from * f->m);
}

void hth_filter_descend(hth_learner *learner, size_t l, const hth_filter *f) {
    const hth_layer *layer = &learner->network->layers[l];
    const double work = (double)(2 * (f->e + 1) * f->rows) * (double)f->m;
    linear_pass p = {
        .filter = f, .layer = layer, .theta = learner->descent->update.theta + layer->weight};
    if (hth_descent_is_linear(learner->descent, &p.by))
        hth_parallel(learner->compute, hth_row_parts(f->rows, f->m), work, descend_linearly, &p);
    else
        hth_descend_rows(learner, l, work, gradient_of_filter, f);
}

/* ---- The step alone: a filter of no traces ---- */

static hth_filter filter_of_step(const hth_learner *learner, size_t l) {
    const hth_layer *layer = &learner->network->layers[l];
    const hth_adjoint_layer *a = &learner->adjoint.layers[l];
    return (hth_filter){.rows = layer->rows,
                        .n = layer->n,
                        .m = layer->m,
                        .delta = a->delta,
                        .u = learner->adjoint.tape->layers[l].u,
                        .eps = learner->descent->gradient->values}; /* not touched */
}

bool hth_descend_step(hth_learner *learner) {
    const size_t layers = learner->network->layer_count;
    hth_filter filters[HTH_MAX_LAYERS];
    hth_trace_bound none;
    bool bounded = true;
    for (size_t l = 0; l < layers; l++) {
        filters[l] = filter_of_step(learner, l);
        bounded = bounded && hth_filter_is_bounded(&filters[l], &none);
    }
    if (!hth_descends(learner, bounded)) return false;
    for (size_t l = 0; l < layers; l++) hth_filter_descend(learner, l, &filters[l]);
    return true;
}
