/*
 * A step as a map: see inspect.h. Row i of J is what a scan of the step makes of the i-th unit vector as the adjoint at
 * its end, as in past/influence.c. The error is that of the exact learner on a tape of one step.
 *
 * Memory: N^2 and the scan's N rows. Operations of a Jacobian: N g n (n + m).
 */
#include "credit/inspect.h"
#include "credit/joint.h"

#include <string.h>

struct hth_step_map {
    const hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_adjoint rows; /* a row for each number of X */
    hth_step_sizes sizes;
    hth_real *x; /* [all], zero between uses */
};

/* ---- Making ---- */

static hth_step_map *lay_out(hth_arena *arena, const hth_network *net) {
    hth_step_map counted = {0}, *map = HTH_TAKE(arena, hth_step_map, 1), *placed = map;
    bool late = false;
    if (!map) map = &counted;
    for (size_t l = 0; l < net->layer_count; l++)
        late = late || net->layers[l].wiring.late_z || net->layers[l].wiring.late_x;
    map->network = net;
    map->sizes = (hth_step_sizes){.units = hth_joint_states(net) - hth_joint_readout_states(net),
                                  .all = hth_joint_states(net),
                                  .sets = !late};
    map->x = HTH_TAKE(arena, hth_real, map->sizes.all);
    hth_adjoint_lay_out(arena, &map->rows, net, 1, map->sizes.all,
                        hth_joint_readout_states(net) > 0);
    hth_adjoint_lay_out_inputs(arena, &map->rows, net, 1);
    map->rows.crossing = &hth_crosses_fully;
    map->rows.item = 0;
    return placed;
}

static hth_status check(const hth_network *net, hth_error *error) {
    const char *more =
        hth_has_store(net) ? "rows of a store are more than that"
        : hth_network_fed(net) > 0
            ? "with readout.feedback the outputs of the step before are more than that"
        : net->is_whole ? "a layer that runs against time begins at the other end"
                        : NULL;
    if (!more) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "a step is a map of the states of the units alone, but %s",
                    more);
}

hth_status hth_step_map_create(const hth_network *network, hth_compute *compute, hth_step_map **out,
                               hth_error *error) {
    const hth_setting exact[] = {{"learner.name", "tbptt", NULL}};
    const hth_settings settings = {exact, HTH_COUNT(exact)};
    hth_arena arena = {0};
    HTH_TRY(check(network, error));
    lay_out(&arena, network);
    const size_t bytes = arena.used;
    arena = (hth_arena){.base = hth_allocate(NULL, bytes)};
    if (!arena.base)
        return hth_fail(error, HTH_NO_MEMORY,
                        "not enough memory for the Jacobian of %zu states (%zu MiB)",
                        hth_joint_states(network), bytes >> 20);
    hth_step_map *map = lay_out(&arena, network);
    hth_status status = hth_tape_create(network, 1, 1, compute, NULL, &map->tape, error);
    if (status == HTH_OK)
        status =
            hth_learner_create(&settings, network, 1, 1, 1, compute, NULL, &map->learner, error);
    if (status == HTH_OK) status = hth_gradient_create(network, NULL, &map->gradient, error);
    if (status != HTH_OK) {
        hth_step_map_destroy(map);
        return status;
    }
    hth_tape_dropout(map->tape, false);
    map->rows.tape = map->tape;
    *out = map;
    return HTH_OK;
}

void hth_step_map_destroy(hth_step_map *map) {
    if (!map) return;
    hth_gradient_destroy(map->gradient);
    hth_learner_destroy(map->learner);
    hth_tape_destroy(map->tape);
    hth_release(map);
}

hth_step_sizes hth_step_map_sizes(const hth_step_map *map) {
    return map->sizes;
}

/* ---- Steps ---- */

void hth_step_reset(hth_step_map *map) {
    hth_tape_reset(map->tape);
}

void hth_step_put(hth_step_map *map, const hth_real *x) {
    hth_tape_begin(map->tape);
    for (size_t l = 0; l < map->network->layer_count; l++) {
        const hth_layer *layer = &map->network->layers[l];
        const hth_tape_layer *on = &map->tape->layers[l];
        const size_t n = layer->n, states = layer->cell->states;
        memcpy(on->state, x, states * n * sizeof *x);
        /* z stands behind the states, or is the last of them. */
        x += hth_joint_layer_states(layer);
        memcpy(on->u, x - n, n * sizeof *x);
    }
}

hth_status hth_step_take(hth_step_map *map, const hth_real *x, int32_t token, hth_error *error) {
    const bool tokens = map->network->shape.vocabulary > 0;
    const hth_inputs in = {
        .steps = 1, .batch = 1, .x = tokens ? NULL : x, .tokens = tokens ? &token : NULL};
    hth_tape_begin(map->tape);
    return hth_tape_write(map->tape, &in, error);
}

void hth_step_get(const hth_step_map *map, hth_real *x) {
    hth_joint_values(map->tape, 1, 0, x);
}

void hth_step_jacobian(hth_step_map *map, hth_real *J, hth_real *G) {
    const size_t all = map->sizes.all, units = map->sizes.units;
    for (size_t i = 0; i < all; i++) {
        map->x[i] = 1;
        hth_joint_seed(&map->rows, i, map->x);
        map->x[i] = 0;
    }
    hth_scan(&map->rows);
    for (size_t i = 0; i < all; i++) {
        if (i >= units) map->x[i] = 1;
        hth_joint_gather(&map->rows, i, map->x + units, J + i * all);
        map->x[i] = 0;
    }
    if (G) memcpy(G, map->rows.input, all * map->network->shape.inputs * sizeof *G);
}

size_t hth_step_place(const hth_step_map *map, size_t layer) {
    return hth_joint_place_of_z(map->network, layer);
}

/* ---- Errors ---- */

hth_status hth_step_error(hth_step_map *map, const hth_verdict *verdict, hth_real *out,
                          hth_error *error) {
    const hth_network *net = map->network;
    const size_t units = map->sizes.units, outputs = map->sizes.all - units;
    hth_gradient_clear(map->gradient);
    HTH_TRY(hth_tape_judge(map->tape, verdict, NULL, error));
    HTH_TRY(hth_learn(map->learner, map->tape, map->gradient, error));
    memset(out, 0, map->sizes.all * sizeof *out);
    /* By y, which holds z of this step too; the learner has it as dE/dy before the step, a factor kappa of it. */
    for (size_t k = 0; k < outputs; k++)
        out[units + k] = map->learner->start[k] / net->readout.kappa;
    for (size_t l = 0; l < net->layer_count && outputs == 0; l++)
        if (net->layers[l].is_top)
            memcpy(out + hth_joint_place_of_z(net, l),
                   hth_adjoint_first_error(&map->learner->adjoint, l, 0),
                   net->layers[l].n * sizeof *out);
    return HTH_OK;
}

void hth_step_credit(const hth_step_map *map, const hth_real *xbar, hth_real *out) {
    const hth_network *net = map->network;
    const hth_readout *r = &net->readout;
    const size_t units = map->sizes.units, outputs = map->sizes.all - units;
    memcpy(out, xbar, units * sizeof *out);
    for (size_t p = 0; outputs && p < r->reads.count; p++) {
        const hth_read_part *part = &r->reads.parts[p];
        if (part->layer == HTH_OF_INPUT) continue;
        hth_real *z = out + hth_joint_place_of_z(net, part->layer);
        for (size_t k = 0; k < outputs; k++) {
            const hth_real *w = net->theta + r->weight + k * r->n + part->at;
            for (size_t j = 0; j < part->width; j++) z[j] += r->gain * xbar[units + k] * w[j];
        }
    }
}
