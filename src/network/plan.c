/* Reading and checking what settings say of a network: see plan.h. */
#include "network/plan.h"

#include "base/known.h"
#include "network/catalogues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hth_plan_lists_signs(const hth_network_plan *p) {
    return strpbrk(p->network.excitatory, ",x") != NULL;
}

const hth_layer_kind *hth_plan_kind(const hth_network_plan *p, size_t layer) {
    return hth_layer_kind_at(p->stack.kinds[layer]);
}

const hth_cell *hth_plan_cell(const hth_network_plan *p, size_t layer) {
    const hth_layer_kind *kind = hth_plan_kind(p, layer);
    return kind->has_cell ? hth_cell_at(p->stack.cells[layer]) : &kind->form;
}

size_t hth_plan_number(const hth_network_plan *p, size_t layer) {
    return p->stack.mirrored ? 0 : layer;
}

/* An options struct of any cell. */
typedef union drawer {
    char bytes[HTH_MAX_CELL_OPTIONS];
    double number;
    void *place;
} drawer;

hth_status hth_plan_read_cell(const hth_cell *cell, size_t number, const hth_settings *settings,
                              void *out, hth_error *error) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "layer%u.", (unsigned)number);
    return hth_options_read_own(&cell->part.options, prefix, settings, out, error);
}

/* Layer `reader` reads layer k too: to others that do it gives its errors first. */
static void mark_readers(hth_network_plan *p, size_t k, size_t reader) {
    for (size_t l = 0; l < reader; l++)
        for (size_t i = 0; i < p->reads[l].count; i++)
            if (p->reads[l].parts[i].layer == k) p->reads[l].parts[i].adds = true;
}

/* The layers below that nobody has read. A store leaves them to others, too. */
static void read_below(hth_network_plan *p, size_t l) {
    for (size_t k = 0; k < l; k++) {
        if (!p->is_top[k]) continue;
        hth_read_add(&p->reads[l], k, p->stack.units[k]);
        p->is_top[k] = hth_plan_kind(p, l)->stores;
        if (!p->is_top[k]) mark_readers(p, k, l);
    }
}

/* What the layer above gave at the step before, if it feeds back. */
static hth_status read_above(hth_network_plan *p, size_t l, hth_error *error) {
    const size_t above = l + 1;
    drawer options;
    if (above == p->stack.layers || !hth_plan_kind(p, above)->feeds_back) return HTH_OK;
    HTH_TRY(hth_plan_read_cell(hth_plan_cell(p, above), hth_plan_number(p, above), p->settings,
                               &options, error));
    if (!hth_plan_kind(p, above)->feeds_back(&options)) return HTH_OK;
    hth_read_add(&p->reads[l], above, p->stack.units[above]);
    p->reads[l].parts[p->reads[l].count - 1].late = true;
    p->feeds_back = true;
    return HTH_OK;
}

/* What each layer and the readout read. */
static hth_status plan_reads(hth_network_plan *p, size_t inputs, hth_error *error) {
    for (size_t l = 0; l < p->stack.layers; l++) {
        const hth_reads_what what = p->stack.reads[l];
        const bool below = l > 0 && (what == HTH_READS_BELOW || what == HTH_READS_BELOW_INPUT);
        if (below) read_below(p, l);
        HTH_TRY(read_above(p, l, error));
        if (!below || what == HTH_READS_BELOW_INPUT)
            hth_read_add(&p->reads[l], HTH_OF_INPUT, inputs);
        p->is_top[l] = true;
    }
    p->reads[0].fed = p->fed;
    p->reads[0].width += p->fed;
    for (size_t l = 0; l < p->stack.layers; l++)
        if (p->is_top[l]) hth_read_add(&p->readout_reads, l, p->stack.units[l]);
    if (p->readout.reads == HTH_TOP_AND_INPUT)
        hth_read_add(&p->readout_reads, HTH_OF_INPUT, inputs);
    return HTH_OK;
}

static bool any_spikes(const hth_network_plan *p) {
    bool any = false;
    for (size_t l = 0; l < p->stack.layers; l++) any = any || hth_plan_cell(p, l)->spikes;
    return any;
}

/* Refuses settings that do not go with the data or with each other. */
static hth_status check_shape(const hth_network_plan *p, const hth_shape *shape, hth_error *error) {
    /* Settings alone. */
    if (p->readout.kappa > -1 && p->readout.kappa < 0)
        return hth_fail(error, HTH_INVALID,
                        "readout.kappa is %g; it must be a number from 0 to 1, or -1",
                        p->readout.kappa);
    if (p->excitatory > -1 && p->excitatory < 0)
        return hth_fail(error, HTH_INVALID,
                        "network.excitatory is %g; it must be a number from 0 to 1, or -1",
                        p->excitatory);
    if (p->regulariser.rate > 0 && !any_spikes(p))
        return hth_fail(error, HTH_INVALID,
                        "regulariser.rate is %g, but units of cell %s have no firing rate: it must "
                        "be 0, or the cell one that spikes, such as lif or alif",
                        p->regulariser.rate, hth_plan_cell(p, 0)->part.name);
    if (p->feeds_back && (p->stack.backward || p->network.dropout > 0 || p->regulariser.rate > 0 ||
                          p->delay.most > 1))
        return hth_fail(error, HTH_INVALID,
                        "store.feedback is true: it needs layers that all run with time "
                        "(network.direction, network.reads), network.dropout = 0, "
                        "network.delay = 1 and regulariser.rate = 0");
    if (p->fed && p->stack.backward)
        return hth_fail(error, HTH_INVALID,
                        "readout.feedback is true: it needs layers that all run with time "
                        "(network.direction, network.reads)");
    if (p->readout.scale && p->readout.kappa >= 1 && p->readout.tau_out <= 0)
        return hth_fail(
            error, HTH_INVALID,
            "readout.kappa is 1 and readout.scale true: the readout's input would be scaled "
            "by 0; take a smaller kappa or scale = false");
    /* The data alone. */
    if (shape->outputs < 1)
        return hth_fail(error, HTH_MISMATCH,
                        "the data have no outputs, but a network must have at least one");
    if (shape->decides && shape->target != HTH_TARGET_CLASSES)
        return hth_fail(error, HTH_MISMATCH,
                        "the data mark where decisions end, but their targets are values; a "
                        "decision is for a class");
    if ((shape->inputs == 0) == (shape->vocabulary == 0))
        return hth_fail(error, HTH_MISMATCH,
                        "the data must have either numbers (inputs) or tokens (vocabulary)");
    /* Tokens have learned vectors, numbers have none. */
    if (shape->vocabulary && !p->network.embedding)
        return hth_fail(error, HTH_INVALID,
                        "network.embedding is 0, but the input is tokens; give the width of their "
                        "vectors, such as 200");
    if (shape->vocabulary && p->readout.reads == HTH_TOP_AND_INPUT)
        return hth_fail(error, HTH_INVALID,
                        "readout.reads is top+input, but the input is tokens, which the readout "
                        "cannot weigh: take readout.reads = top");
    if (shape->vocabulary && p->input_delay.most > 0)
        return hth_fail(error, HTH_INVALID,
                        "network.input_delay is '%s', but the input is tokens, whose vectors are "
                        "learned at the step that reads them: it must be 0",
                        p->network.input_delay);
    if (!shape->vocabulary && p->network.embedding)
        return hth_fail(
            error, HTH_INVALID,
            "network.embedding is %lld, but the input is numbers, not tokens; leave it 0",
            (long long)p->network.embedding);
    return HTH_OK;
}

/* The sections that a network reads. */
static hth_status check_names(const hth_settings *settings, hth_error *error) {
    static const hth_catalogue *const all[] = {
        &hth_network_section, &hth_layer_kinds,         &hth_cells,       &hth_readout_section,
        &hth_losses,          &hth_regulariser_section, &hth_init_section};
    const hth_known known = {all, HTH_COUNT(all), NULL};
    return hth_settings_check_names(&known, settings, error);
}

hth_status hth_plan_adapt(const hth_network_plan *p, size_t layer, hth_cell *cell, bool *changed,
                          hth_error *error) {
    drawer options;
    *cell = *hth_plan_cell(p, layer);
    *changed = false;
    if (!cell->adapt) return HTH_OK;
    HTH_TRY(hth_plan_read_cell(cell, hth_plan_number(p, layer), p->settings, &options, error));
    *changed = cell->adapt(&options, cell);
    return HTH_OK;
}

hth_status hth_plan_shape(const hth_network_plan *p, size_t index, hth_layer *layer,
                          hth_error *error) {
    drawer options;
    layer->rows = layer->cell->drives * layer->n;
    if (!layer->kind->shape) return HTH_OK;
    HTH_TRY(
        hth_plan_read_cell(layer->cell, hth_plan_number(p, index), p->settings, &options, error));
    return layer->kind->shape(&options, layer, error);
}

/* A weight for each class needs targets that are classes. */
static hth_status check_class_weights(hth_network_plan *p, const hth_shape *shape,
                                      hth_error *error) {
    p->weighs_classes = strcmp(p->loss.class_weights, "1") != 0;
    if (!p->weighs_classes || shape->target == HTH_TARGET_CLASSES) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "loss.class_weights is '%s', but the targets are values, not classes: leave it "
                    "out",
                    p->loss.class_weights);
}

/* The loss that settings leave open. */
static const char *usual_loss(const hth_shape *shape) {
    if (shape->target == HTH_TARGET_ACTIONS) return "actor-critic";
    return shape->target == HTH_TARGET_CLASSES ? "softmax" : "mse";
}

/* HTH_INVALID for a loss that has no meaning for such targets, or for so many outputs. */
static hth_status check_loss(const hth_loss *loss, const hth_shape *shape, hth_error *error) {
    const char *name = loss->part.name;
    if (shape->target == HTH_TARGET_ACTIONS && !loss->of_actions)
        return hth_fail(error, HTH_INVALID,
                        "loss.name is '%s', but the outputs choose actions in a world: it must be "
                        "actor-critic",
                        name);
    if (shape->target == HTH_TARGET_CLASSES && loss->of_actions)
        return hth_fail(error, HTH_INVALID,
                        "loss.name is '%s', but the targets are classes: it takes targets that are "
                        "values, an advantage for each action and a return",
                        name);
    if (shape->outputs >= loss->least_outputs &&
        (!loss->most_outputs || shape->outputs <= loss->most_outputs))
        return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "loss.name is '%s', which takes %zu to %zu outputs, the last of them the value, "
        "but there are %zu",
        name, loss->least_outputs, loss->most_outputs, shape->outputs);
}

hth_status hth_plan_read(hth_network_plan *p, const hth_settings *settings, const hth_shape *shape,
                         hth_error *error) {
    size_t loss;
    hth_catalogue losses = hth_losses;
    losses.fallback = usual_loss(shape);
    HTH_TRY(check_names(settings, error));
    HTH_TRY(hth_options_read(&hth_network_section.common, settings, &p->network, error));
    p->excitatory = hth_plan_lists_signs(p) ? -1 : strtod(p->network.excitatory, NULL);
    HTH_TRY(hth_options_read(&hth_readout_section.common, settings, &p->readout, error));
    HTH_TRY(hth_options_read(&losses.common, settings, &p->loss, error));
    HTH_TRY(hth_options_read(&hth_regulariser_section.common, settings, &p->regulariser, error));
    HTH_TRY(hth_part_choose(&losses, settings, &loss, error));
    p->loss_kind = hth_loss_at(loss);
    HTH_TRY(check_class_weights(p, shape, error));
    HTH_TRY(check_loss(p->loss_kind, shape, error));
    HTH_TRY(hth_delays_read(settings, "network.delay", p->network.delay, 1, &p->delay, error));
    HTH_TRY(hth_delays_read(settings, "network.input_delay", p->network.input_delay, 0,
                            &p->input_delay, error));
    HTH_TRY(hth_stack_read(settings, &p->stack, error));
    hth_stack_mirror(&p->stack);
    p->settings = settings;
    p->fed = p->readout.feedback ? shape->outputs : 0;
    HTH_TRY(plan_reads(p, shape->vocabulary ? (size_t)p->network.embedding : shape->inputs, error));
    for (size_t l = 0; l < p->stack.layers; l++) {
        hth_cell cell;
        HTH_TRY(hth_plan_adapt(p, l, &cell, &p->is_adapted[l], error));
        hth_layer layer = {.kind = hth_plan_kind(p, l), .cell = &cell, .n = p->stack.units[l]};
        layer.reads = p->reads[l];
        HTH_TRY(hth_plan_shape(p, l, &layer, error));
        p->rows[l] = layer.rows;
    }
    return check_shape(p, shape, error);
}
