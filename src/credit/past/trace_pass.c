/* The pass over the traces of a tape, which contracts them into the gradient and takes them over it: see trace.c. */
#include "credit/past/trace.h"

#include "kernels/vectors.h"

/* ---- The pass over the traces ---- */

/* eps[k] += sum_t Gamma_t[k] u_t^T. */
static void add_products(const hth_learner *learner, const hth_filter *f, size_t l) {
    const hth_adjoint *rows = &((const hth_trace *)learner->past.kept)->rows;
    const hth_tape *tape = rows->tape;
    const size_t next = tape->batch * tape->network->layers[l].stride;
    for (size_t k = 0; k < f->e; k++) {
        const hth_matrix gamma = {rows->layers[l].delta + k * f->rows, 1, rows->rows * f->rows};
        hth_product(learner->compute, f->rows, f->m, tape->steps, gamma, hth_rows(f->u, next), true,
                    f->eps + k * f->rows * f->m, f->m);
    }
}

/* g -= sum_k end[k] eps_end[k]. */
static void take_end(const hth_filter *f, const hth_real *end) {
    for (size_t k = 0; k < f->e; k++)
        for (size_t row = 0; row < f->rows; row++) {
            const hth_real x = end[k * f->n + row % f->n];
            const hth_real *eps = f->eps + (k * f->rows + row) * f->m;
            hth_real *g = f->g + row * f->m;
            hth_add_scaled(f->m, -x, eps, g);
        }
}

/* A tape's only step, of all items: delta_1 u_1^T. */
void hth_trace_add_step(const hth_learner *learner, size_t l, hth_real *gradient) {
    const hth_layer *layer = &learner->network->layers[l];
    hth_product(learner->compute, layer->rows, layer->m, learner->batch,
                hth_transposed(learner->adjoint.layers[l].delta, layer->rows),
                hth_rows(learner->adjoint.tape->layers[l].u, layer->stride), true,
                gradient + layer->weight, layer->m);
}

/* A group of items, from `first` on, over a tape of a few steps. */
void hth_trace_carry_group(hth_learner *learner, size_t l, size_t first, size_t items,
                           hth_real *gradient) {
    const hth_trace *kept = learner->past.kept;
    const hth_layer *layer = &learner->network->layers[l];
    const hth_tape *tape = kept->rows.tape;
    const hth_trace_layer *at = &kept->layers[l];
    const hth_filter_tape f = {.e = at->e,
                               .rows = layer->rows,
                               .n = layer->n,
                               .m = layer->m,
                               .steps = tape->steps,
                               .items = items,
                               .x = at->xbar,
                               .end = kept->has_end && !tape->chunk.ends ? at->end : NULL,
                               .phi = at->Phi,
                               .gamma = at->gamma,
                               .u = tape->layers[l].u + first * layer->stride,
                               .u_step = tape->batch * layer->stride,
                               .u_item = layer->stride,
                               .eps = at->eps + first * at->e * layer->rows * layer->m,
                               .g = gradient + layer->weight,
                               .blank = kept->is_blank || kept->is_zero,
                               .last = tape->chunk.ends,
                               .idle = at->idle};
    hth_filter_tape_run(learner->compute, &f);
}

/* One item, over a single step or many; the gradient's place is left open. */
static hth_filter filter_of(const hth_learner *learner, size_t l, size_t item) {
    const hth_trace *kept = learner->past.kept;
    const hth_layer *layer = &learner->network->layers[l];
    const hth_tape *tape = kept->rows.tape;
    const hth_trace_layer *at = &kept->layers[l];
    const bool single = tape->steps == 1;
    return (hth_filter){.e = at->e,
                        .rows = layer->rows,
                        .n = layer->n,
                        .m = layer->m,
                        .x = at->xbar,
                        .phi = at->Phi,
                        .delta =
                            single ? learner->adjoint.layers[l].delta + item * layer->rows : NULL,
                        .gamma = single ? kept->rows.layers[l].delta : NULL,
                        .u = tape->layers[l].u + item * layer->stride,
                        .eps = at->eps + item * at->e * layer->rows * layer->m};
}

void hth_trace_carry_weights(hth_learner *learner, size_t l, size_t item, hth_real *gradient) {
    const hth_trace *kept = learner->past.kept;
    hth_filter f = filter_of(learner, l, item);
    f.g = gradient + learner->network->layers[l].weight;
    hth_filter_run(learner->compute, &f);
    if (kept->rows.tape->steps > 1) add_products(learner, &f, l);
    if (kept->has_end) take_end(&f, kept->layers[l].end);
}

/* A tape of one step and one item, where an update follows: the weights descend in the same pass. */
bool hth_trace_descend(hth_learner *learner) {
    hth_trace *kept = learner->past.kept;
    const size_t layers = learner->network->layer_count;
    hth_filter filters[HTH_MAX_LAYERS];
    bool bounded = !kept->has_end;
    if (!learner->descent) return false;
    for (size_t l = 0; l < layers; l++) {
        filters[l] = filter_of(learner, l, 0);
        bounded = bounded && hth_filter_is_bounded(&filters[l], &kept->layers[l].bound);
    }
    if (!hth_descends(learner, bounded)) return false;
    for (size_t l = 0; l < layers; l++) hth_filter_descend(learner, l, &filters[l]);
    return true;
}

/* ---- Learned initial states ---- */

/* The number in X that row i of the initial states is, or e: none (z_0, where nothing depends on it). */
static size_t place_of(const hth_layer *layer, const hth_trace *kept, size_t e, size_t i) {
    return i < layer->cell->states || hth_trace_has_z(kept, layer) ? i : e;
}

/* As the weights, without a u: at the start of a sequence the trace is the unit matrix. */
void hth_trace_carry_initial(hth_learner *learner, size_t l, size_t item, size_t slot,
                             hth_real *gradient) {
    const hth_trace *kept = learner->past.kept;
    const hth_layer *layer = &learner->network->layers[l];
    const hth_trace_layer *at = &kept->layers[l];
    const size_t n = layer->n, e = at->e, count = hth_layer_initial_rows(layer);
    const hth_real *xbar = at->xbar + slot * e * n, *end = at->end + slot * e * n;
    const hth_real *Phi = at->Phi + slot * e * e * n;
    hth_real *eps = at->initial + item * e * count * n, *g = gradient + layer->initial,
             old[HTH_TRACE_MOST];
    for (size_t i = 0; layer->learns_initial && i < count; i++)
        for (size_t j = 0; j < n; j++) {
            for (size_t k = 0; k < e; k++) {
                old[k] = eps[(k * count + i) * n + j];
                g[i * n + j] += xbar[k * n + j] * old[k];
                if (kept->rows.tape->fresh) old[k] = k == place_of(layer, kept, e, i);
            }
            for (size_t k = 0; k < e; k++) {
                hth_real sum = 0;
                for (size_t from = 0; from < e; from++)
                    sum += Phi[(k * e + from) * n + j] * old[from];
                eps[(k * count + i) * n + j] = sum;
                if (kept->has_end) g[i * n + j] -= end[k * n + j] * sum;
            }
        }
}
