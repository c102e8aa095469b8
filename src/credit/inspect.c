/* What the rooms above ask of learners. */
#include "credit/inspect.h"

#include "credit/least_squares.h"
#include "credit/window.h"

#include <stdio.h>

/* ---- What a learner is ---- */

/* A past that is kept is carried; a future that learns predicts. */
static hth_learner_kind kind_of(const hth_axes *axes, const hth_least_squares_options *readout) {
    return (hth_learner_kind){.name = axes->preset->part.name,
                              .steps = axes->preset->steps,
                              .reaches_units = axes->signal->reaches_units,
                              .takes_feedback = axes->signal->give != NULL,
                              .keeps_past = axes->past->carry != NULL,
                              .keeps_traces = axes->past->traces != NULL,
                              .predicts = axes->future->learn != NULL,
                              .least_squares = readout->readout == HTH_READOUT_BY_RLS};
}

hth_status hth_learner_choose(const hth_settings *settings, hth_learner_kind *out,
                              hth_error *error) {
    hth_axes axes;
    hth_least_squares_options readout;
    HTH_TRY(hth_axes_read(settings, &axes, error));
    HTH_TRY(hth_least_squares_read(settings, axes.preset, &readout, error));
    *out = kind_of(&axes, &readout);
    return HTH_OK;
}

hth_learner_kind hth_learner_look(const hth_learner *learner) {
    return kind_of(&learner->axes, &learner->least_squares_options);
}

hth_bias hth_learner_bias(const hth_learner *learner, size_t steps, size_t total) {
    if (learner->least_squares_options.readout == HTH_READOUT_BY_RLS) return HTH_BIASED;
    if (!learner->slides) return hth_axes_bias(&learner->axes, steps, total);
    const bool has_all = hth_window_length(learner) / steps * steps >= total;
    return has_all ? hth_axes_bias(&learner->axes, total, total) : HTH_BIASED;
}

hth_status hth_learner_plan_for(const hth_settings *settings, const hth_network *network,
                                size_t steps, size_t batch,
                                void (*show)(void *context, const hth_learner *plan), void *context,
                                hth_error *error) {
    hth_drawer drawers[HTH_AXES];
    hth_learner plan;
    HTH_TRY(hth_learner_plan(settings, network, steps, batch, 1, drawers, &plan, error));
    show(context, &plan);
    return HTH_OK;
}

/* ---- A tape that slides ---- */

bool hth_learner_slides(const hth_learner *learner) {
    return learner->slides;
}

bool hth_learner_fits(const hth_learner *learner) {
    return learner->least_squares != NULL;
}

bool hth_learner_joins_items(const hth_learner *learner, char *out, size_t size) {
    const hth_axes *axes = &learner->axes;
    const struct {
        const char *name;
        const hth_axis *axis;
    } all[] = {{"signal", &axes->signal->axis},
               {"recurrence", &axes->recurrence->axis},
               {"past", &axes->past->axis},
               {"future", &axes->future->axis}};
    if (learner->least_squares) {
        snprintf(out, size, "learner.readout = rls");
        return true;
    }
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        if (!all[i].axis->joins_items) continue;
        snprintf(out, size, "learner.%s = %s", all[i].name, all[i].axis->part.name);
        return true;
    }
    return false;
}

size_t hth_learner_unseen(const hth_learner *learner) {
    return learner->unseen;
}

/* ---- Memory ---- */

/* Notes how much is asked for, and gives none. */
static void *note(void *context, size_t bytes) {
    *(size_t *)context = bytes;
    return NULL;
}

hth_status hth_learner_bytes(const hth_settings *settings, const hth_network *network, size_t steps,
                             size_t batch, size_t *bytes, hth_error *error) {
    const hth_allocator none = {note, NULL, bytes};
    hth_learner *learner;
    hth_error found;
    *bytes = SIZE_MAX; /* too much to be asked for */
    const hth_status status =
        hth_learner_create(settings, network, steps, batch, 1, NULL, &none, &learner, &found);
    return status == HTH_NO_MEMORY ? HTH_OK : hth_fail(error, status, "%s", found.message);
}

/* ---- What it draws ---- */

uint64_t hth_learner_drawn(const hth_learner *learner) {
    return learner->noise.drawn;
}

void hth_learner_draw_on(hth_learner *learner, const hth_learner *from) {
    learner->noise = from->noise;
}

/* ---- What it knows of the tape ---- */

const hth_real *hth_learner_signal(const hth_learner *learner, size_t layer) {
    return learner->adjoint.layers[layer].q;
}

void hth_learner_watch(hth_learner *learner, size_t layer, hth_real *out) {
    learner->adjoint.layers[layer].whole = out;
}

/* A local derivative of one unit. */
static hth_real local(const hth_learner *learner, size_t l, hth_entry entry, size_t unit) {
    const hth_derivative d = hth_entry_at(&learner->network->layers[l],
                                          &learner->adjoint.tape->layers[l], entry, 0, 1, 0);
    return entry.where == HTH_AT_ZERO ? 0 : hth_derivative_of(d, unit);
}

/* dz/ds[k] as the learner has it (learner.postsynaptic). */
static hth_real observed(const hth_learner *learner, size_t l, size_t k, size_t unit) {
    const hth_adjoint *adjoint = &learner->adjoint;
    const hth_entry Z = adjoint->layers[l].table.Z[k];
    if (Z.where == HTH_AT_ZERO) return 0;
    return hth_derivative_of(hth_derivative_at(adjoint, l, Z, 0, 0), unit);
}

const hth_real *hth_learner_vector(const hth_learner *learner, size_t l, size_t k, size_t row) {
    const hth_layer *layer = &learner->network->layers[l];
    return learner->axes.past->traces(learner, l) + (k * layer->rows + row) * layer->m;
}

void hth_learner_trace(const hth_learner *learner, size_t l, size_t row, size_t from, size_t to,
                       hth_real *out) {
    const hth_layer *layer = &learner->network->layers[l];
    const hth_real *u = learner->adjoint.tape->layers[l].u;
    const size_t unit = row % layer->n;
    const hth_real Q = local(learner, l, layer->cell->Q[row / layer->n], unit);
    for (size_t i = from; i < to; i++) out[i - from] = Q * u[i];
    for (size_t k = 0; k < layer->cell->states; k++) {
        const hth_real *eps = hth_learner_vector(learner, l, k, row);
        const hth_real Z = observed(learner, l, k, unit);
        for (size_t i = from; i < to && Z != 0; i++) out[i - from] += Z * eps[i];
    }
}
