/* Gathering reads: see reads.h. */
#include "session/reads.h"

#include "network/inspect.h"

#include <stdlib.h>
#include <string.h>

void hth_read_list_free(hth_read_list *list) {
    free(list->first);
    free(list->rows);
    free(list->strengths);
    free(list->learned);
    *list = (hth_read_list){0};
}

/* The heads of a layer; 0: it is no store. */
static size_t heads_of(const hth_tape *tape, size_t layer) {
    size_t heads = 0, count;
    while (hth_tape_reads(tape, layer, 0, 0, heads, NULL, 0, &count, NULL) == HTH_OK) heads++;
    return heads;
}

/* Appends the rows of one read. */
static hth_status append(hth_read_list *list, const hth_tape *tape, size_t layer, size_t step,
                         size_t item, size_t head, hth_error *error) {
    size_t count;
    HTH_TRY(hth_tape_reads(tape, layer, step, item, head, NULL, 0, &count, error));
    if (count == 0) return HTH_OK;
    if (list->used + count > list->room) {
        const size_t more = 2 * list->room + count + 64;
        hth_row_read *longer = realloc(list->rows, hth_times(more, sizeof *longer));
        if (!longer) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for reads");
        list->rows = longer;
        list->room = more;
    }
    HTH_TRY(hth_tape_reads(tape, layer, step, item, head, list->rows + list->used, count, &count,
                           error));
    list->used += count;
    return HTH_OK;
}

hth_status hth_reads_exist(const hth_network *network, hth_wholeness asks, hth_error *error) {
    const size_t layers = hth_network_look(network).layers;
    bool stores = false;
    for (size_t l = 0; l < layers; l++) {
        const hth_layer_facts facts = hth_layer_look(network, l);
        if (facts.stores && (facts.strength_learned || asks != HTH_WHOLE_WITH_STRENGTHS))
            return HTH_OK;
        stores = stores || facts.stores;
    }
    if (stores)
        return hth_fail(error, HTH_INVALID,
                        "agent.sure is strength, but no store of the network learns the strength "
                        "of its reads: set store.strength = learned, or agent.sure = weight");
    return hth_fail(error, HTH_INVALID,
                    "agent.return is transport, which goes along the reads of a store, but the "
                    "network has none: network.layers must name one (units, store), or take "
                    "agent.return = discounted");
}

static hth_status take_memory(hth_read_list *list, size_t heads, size_t batch, size_t steps,
                              hth_error *error) {
    list->first = calloc(hth_times(heads * batch, steps + 1), sizeof *list->first);
    list->strengths = calloc(hth_times(heads * batch, steps), sizeof *list->strengths);
    list->learned = calloc(heads, sizeof *list->learned);
    if (list->first && list->strengths && list->learned) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for reads");
}

static hth_status gather(const hth_network *network, const hth_tape *tape, size_t batch,
                         hth_read_list *list, hth_error *error) {
    const size_t steps = hth_tape_length(tape), layers = hth_network_look(network).layers;
    size_t all = 0, head = 0;
    for (size_t l = 0; l < layers; l++) all += heads_of(tape, l);
    HTH_TRY(take_memory(list, all, batch, steps, error));
    list->reads.heads = all;
    /* In the order of hth_memory_reads. */
    size_t *at = list->first;
    double *strength = list->strengths;
    for (size_t l = 0; l < layers; l++)
        for (size_t h = 0, heads = heads_of(tape, l); h < heads; h++) {
            list->learned[head++] = hth_layer_look(network, l).strength_learned;
            for (size_t b = 0; b < batch; b++) {
                *at++ = list->used;
                for (size_t t = 0; t < steps; t++) {
                    HTH_TRY(append(list, tape, l, t, b, h, error));
                    HTH_TRY(hth_tape_strength(tape, l, t, b, h, strength++, error));
                    *at++ = list->used;
                }
            }
        }
    return HTH_OK;
}

hth_status hth_read_list_make(const hth_network *network, const hth_tape *tape, size_t batch,
                              hth_read_list *out, hth_error *error) {
    *out = (hth_read_list){0};
    HTH_TRY(gather(network, tape, batch, out, error));
    out->reads.first = out->first;
    out->reads.rows = out->rows;
    out->reads.strengths = out->strengths;
    out->reads.learned = out->learned;
    return HTH_OK;
}
