/*
 * One update of all parameters: the gradient's norm (is it finite? is it to be clipped?), then the
 * method, block by block, each with its group's learning rate.
 */
#include "optim/descent.h"
#include "optim/optimiser.h"

#include <math.h>
#include <string.h>

/* A sum over the gradient; rows of the embedding that were not touched are 0, and so is what was put off. */
static double sum_over(hth_compute *compute, const hth_gradient *g,
                       double (*sum)(hth_compute *, size_t count, const hth_real *x)) {
    const hth_block *s = g->sparse;
    const size_t from = g->put_off;
    if (!s) return sum(compute, g->count - from, g->values + from);
    size_t end = s->offset + s->rows * s->columns;
    double total = sum(compute, s->offset - from, g->values + from) +
                   sum(compute, g->count - end, g->values + end);
    for (size_t i = 0; i < g->touched_count; i++)
        total += sum(compute, s->columns, g->values + s->offset + g->touched[i] * s->columns);
    return total;
}

enum {
    PIECE = 16384, /* parameters that one thread updates at a time */
    CUT = 256      /* whose gradient is clipped at a time */
};

typedef struct job {
    const hth_optimiser *optimiser;
    hth_update update; /* of all pieces */
} job;

/* The update `u` moves on by `count` parameters. */
static void advance(const hth_optimiser *o, hth_update *u, size_t count) {
    u->offset += count;
    u->theta += count;
    u->gradient += count;
    for (size_t i = 0; i < o->method->moments; i++) u->moment[i] += count;
}

static void cut_to(hth_real most, size_t count, const hth_real *g, hth_real *out) {
    for (size_t i = 0; i < count; i++) out[i] = g[i] > most ? most : g[i] < -most ? -most : g[i];
}

/* The same as make, with what is kept of earlier tasks: the task's gradient is clipped, then parameters are pulled,
 * and what follows the step sees both its ends. */
static void make_kept(const hth_optimiser *o, const hth_update *update, hth_real most) {
    hth_real pulled[CUT], was[CUT];
    hth_update piece = *update;
    for (size_t left = update->count; left > 0; left -= piece.count) {
        piece.count = left < CUT ? left : CUT;
        const hth_real *const g = piece.gradient;
        hth_keep_piece kept = hth_keeping_piece(&o->keep, piece.offset, piece.count, piece.theta);
        kept.was = was;
        kept.gradient = g;
        memcpy(was, piece.theta, piece.count * sizeof *was);
        for (size_t i = 0; i < piece.count; i++) pulled[i] = o->keep.own * g[i];
        if (most > 0) cut_to(most, piece.count, pulled, pulled);
        hth_keeping_before(&o->keep, &kept, pulled);
        piece.gradient = pulled;
        o->method->update(&piece);
        hth_keeping_after(&o->keep, &kept);
        piece.gradient = g;
        advance(o, &piece, piece.count);
    }
}

/* Makes an update that has been placed, of its gradient or of that clipped number by number once it is scaled. */
static void make(const hth_optimiser *o, const hth_update *update) {
    const hth_real most = (hth_real)(o->options.clip_element / fabs(update->factor));
    hth_real cut[CUT];
    if (o->keep.acts) {
        make_kept(o, update, most);
        return;
    }
    if (!(most > 0)) {
        o->method->update(update);
        return;
    }
    hth_update piece = *update;
    for (size_t left = update->count; left > 0; left -= piece.count) {
        piece.count = left < CUT ? left : CUT;
        const hth_real *const g = piece.gradient;
        cut_to(most, piece.count, g, cut);
        piece.gradient = cut;
        o->method->update(&piece);
        piece.gradient = g;
        advance(o, &piece, piece.count);
    }
}

static void update_piece(void *argument, size_t index, int worker) {
    const job *whole = argument;
    hth_update piece = whole->update;
    const size_t from = index * PIECE, left = whole->update.count - from;
    (void)worker;
    advance(whole->optimiser, &piece, from);
    piece.count = left < PIECE ? left : PIECE;
    make(whole->optimiser, &piece);
}

/* Sets the arrays of `update` to parameters offset..offset+count-1. */
static void place(const hth_optimiser *o, hth_update *update, size_t offset, size_t count,
                  hth_real *theta, const hth_real *gradient) {
    update->offset = offset;
    update->count = count;
    update->theta = theta + offset;
    update->gradient = gradient;
    for (size_t i = 0; i < o->method->moments; i++) update->moment[i] = o->moments[i] + offset;
}

/* `update` has been prepared. */
static void update_part(const hth_optimiser *o, hth_update *update, hth_real *theta,
                        const hth_gradient *g, size_t offset, size_t count) {
    place(o, update, offset, count, theta, g->values + offset);
    if (count <= PIECE) {
        make(o, update);
        return;
    }
    job whole = {o, *update};
    hth_parallel(o->compute, (count + PIECE - 1) / PIECE, 2.0 * (double)count, update_piece,
                 &whole);
}

/* Prepares the update of a stretch; stretches of the same rate share what is prepared. */
static void prepare(hth_optimiser *o, hth_update *update, double rate) {
    if (update->rate == rate) return;
    update->rate = rate;
    o->method->prepare(update);
    hth_keeping_prepare(&o->keep, rate);
}

/* theta -= g: what least squares found. */
static void take_steps(hth_real *theta, const hth_gradient *g, size_t from, size_t count) {
    for (size_t i = from; i < from + count; i++) theta[i] -= g->values[i];
}

/* Parameters from..count-1. The rows of an embedding lie behind the layers. */
static void update_from(hth_optimiser *o, hth_update *update, double rate, hth_real *theta,
                        const hth_gradient *g, size_t from) {
    for (size_t i = 0; i < o->stretch_count; i++) {
        const hth_stretch *s = &o->stretches[i];
        const size_t begin = s->offset > from ? s->offset : from, end = s->offset + s->count;
        if (begin >= end || rate * s->rate == 0 || (g->of_readout_only && !s->of_readout)) continue;
        if (g->readout_steps && s->of_readout) {
            take_steps(theta, g, begin, end - begin);
            continue;
        }
        prepare(o, update, rate * s->rate);
        if (s->columns == 0) update_part(o, update, theta, g, begin, end - begin);
        for (size_t k = 0; s->columns && k < g->touched_count; k++)
            update_part(o, update, theta, g, s->offset + g->touched[k] * s->columns, s->columns);
    }
}

/* The norm of the gradient, whose squares add up to `sum`; steps of the readout and frozen layers do not count. */
static double norm_of(const hth_optimiser *o, const hth_gradient *g, double sum) {
    for (size_t i = 0; i < o->stretch_count; i++) {
        const hth_stretch *s = &o->stretches[i];
        if (s->of_readout ? g->readout_steps : s->is_frozen && !g->of_readout_only)
            sum -= hth_sum_of_squares(o->compute, s->count, g->values + s->offset);
    }
    return sqrt(sum > 0 ? sum : 0);
}

/* The update that follows, with nothing prepared; the rest of *update is set before it is read. */
static void begin(const hth_optimiser *o, hth_update *update) {
    update->rate = NAN;
    update->decay = o->options.weight_decay;
    update->factor = 1;
    update->step = o->step + 1;
    update->options = o->method_options;
}

static double next_rate(const hth_optimiser *o, uint64_t epoch) {
    return o->options.lr * o->schedule->factor(&o->options.shape, o->step + 1, epoch);
}

/* The update has been made. */
static void finish(hth_optimiser *o, hth_real *theta) {
    o->step++;
    if (hth_keeping_close(&o->keep)) hth_optimiser_keep(o, theta);
}

hth_status hth_optimiser_step(hth_optimiser *o, hth_network *network, hth_gradient *g,
                              uint64_t epoch, hth_error *error) {
    return hth_optimiser_step_scaled(o, network, g, 1, epoch, error);
}

hth_status hth_optimiser_step_scaled(hth_optimiser *o, hth_network *network, hth_gradient *g,
                                     double scale, uint64_t epoch, hth_error *error) {
    const bool clips = o->options.clip_norm > 0; /* else it only matters whether all is finite */
    if (g->count != o->count || hth_network_parameter_count(network) != o->count)
        return hth_fail(error, HTH_MISMATCH,
                        "the optimiser was made for %zu parameters, the gradient has %zu and the "
                        "network %zu: make all three for one network",
                        o->count, g->count, hth_network_parameter_count(network));
    const double sum = sum_over(o->compute, g, clips ? hth_sum_of_squares : hth_zero_or_nan);
    if (!isfinite(sum * scale))
        return hth_fail(error, HTH_NOT_FINITE, "the gradient is not finite at update %lu",
                        (unsigned long)(o->step + 1));
    if (!g->of_readout_only) hth_gradient_fill(g);
    hth_update update;
    begin(o, &update);
    const double norm = clips ? fabs(scale) * norm_of(o, g, sum) : 0;
    update.factor = norm > o->options.clip_norm ? scale * (o->options.clip_norm / norm) : scale;
    hth_real *theta = hth_network_parameters(network);
    update.factor = hth_keeping_open(&o->keep, theta, scale, update.factor);
    const double rate = next_rate(o, epoch);
    hth_gradient own = *g;
    if (o->keep.space_count && !g->of_readout_only) {
        own.values = hth_keeping_project(&o->keep, g->values);
        hth_network_keep_connections(network, own.values);
    }
    update_from(o, &update, rate, theta, &own, 0);
    hth_network_keep_signs(network);
    if (!g->of_readout_only && rate * o->options.lr_recurrent != 0)
        hth_network_keep_orthogonal(network, o->layer_rates, o->compute);
    finish(o, theta);
    return HTH_OK;
}

/* ---- An update on the way ---- */

bool hth_descent_begin(hth_optimiser *o, hth_network *network, hth_gradient *g, uint64_t epoch,
                       hth_descent *d) {
    const size_t count = hth_network_parameter_count(network);
    const double rate = next_rate(o, epoch), of_layers = rate * o->stretches[0].rate;
    if (o->options.clip_norm > 0 || o->keep.space_count > 0 || of_layers == 0 ||
        hth_network_keep_signs(network) || hth_network_keep_orthogonal(network, NULL, NULL) ||
        g->count != o->count || count != o->count || o->stretches[0].count < g->layers)
        return false;
    d->optimiser = o;
    d->gradient = g;
    d->rate = rate;
    d->is_open = false;
    begin(o, &d->update);
    hth_real *theta = hth_network_parameters(network);
    d->update.factor = hth_keeping_open(&o->keep, theta, 1, 1);
    prepare(o, &d->update, of_layers);
    place(o, &d->update, 0, 0, theta, NULL);
    return true;
}

bool hth_descent_may(hth_descent *d) {
    const hth_gradient *g = d->gradient;
    d->is_open =
        g->put_off == g->layers && isfinite(sum_over(d->optimiser->compute, g, hth_zero_or_nan));
    return d->is_open;
}

void hth_descend(const hth_descent *d, size_t from, size_t count, const hth_real *g) {
    hth_update update = d->update;
    place(d->optimiser, &update, from, count, update.theta, g);
    make(d->optimiser, &update);
}

bool hth_descent_is_linear(const hth_descent *d, hth_linear *by) {
    *by = (hth_linear){d->update.number[0], d->update.number[1]};
    const hth_optimiser *o = d->optimiser;
    return o->method->is_linear && !(o->options.clip_element > 0) && !o->keep.acts;
}

void hth_descent_end(hth_descent *d) {
    hth_optimiser *o = d->optimiser;
    hth_real *theta = d->update.theta;
    update_from(o, &d->update, d->rate, theta, d->gradient, d->gradient->layers);
    finish(o, theta);
}
