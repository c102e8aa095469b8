/* Which parts of the core a network needs. */
#include "credit/catalogues.h"
#include "network/inspect.h"
#include "optim/catalogues.h"
#include "session/chip_code.h"
#include "session/embedded.h"

#include <string.h>

enum { CELLS, LOSSES, SIGNALS, RECURRENCES, PASTS, FUTURES, METHODS, KEEPS };

const hth_part_list hth_part_lists[HTH_PART_LISTS] = {
    [CELLS] = {"CELLS", "network/cells", &hth_cells},
    [LOSSES] = {"LOSSES", "network/losses", &hth_losses},
    [SIGNALS] = {"SIGNALS", "credit/signal", &hth_signals},
    [RECURRENCES] = {"RECURRENCES", "credit/recurrence", &hth_recurrences},
    [PASTS] = {"PASTS", "credit/past", &hth_pasts},
    [FUTURES] = {"FUTURES", "credit/future", &hth_futures},
    [METHODS] = {"METHODS", "optim", &hth_optimisers},
    [KEEPS] = {"KEEPS", "optim/keep", &hth_keeps},
};

static void add(hth_chosen_parts *parts, size_t list, const char *name) {
    size_t *count = &parts->counts[list];
    for (size_t i = 0; i < *count; i++)
        if (strcmp(parts->names[list][i], name) == 0) return;
    if (*count < HTH_MOST_CHOSEN) parts->names[list][(*count)++] = name;
}

bool hth_embedded_has(const hth_chosen_parts *parts, const char *list, const char *name) {
    bool has = false;
    for (size_t l = 0; l < HTH_PART_LISTS; l++)
        for (size_t i = 0; strcmp(hth_part_lists[l].list, list) == 0 && i < parts->counts[l]; i++)
            has = has || strcmp(parts->names[l][i], name) == 0;
    return has;
}

/* The part that settings choose. */
static hth_status add_chosen(hth_chosen_parts *parts, size_t list, const hth_settings *settings,
                             hth_error *error) {
    const hth_catalogue *of = hth_part_lists[list].of;
    const hth_part *part = of->chosen ? of->chosen(settings) : NULL;
    size_t index;
    if (!part) {
        HTH_TRY(hth_part_choose(of, settings, &index, error));
        part = of->at(index);
    }
    add(parts, list, part->name);
    return HTH_OK;
}

hth_status hth_embedded_parts(const hth_settings *settings, const hth_network *network,
                              hth_chosen_parts *out, hth_error *error) {
    const hth_network_facts facts = hth_network_look(network);
    *out = (hth_chosen_parts){.layers = facts.layers};
    /* The cell of each layer, and the one that stands for all. */
    for (size_t l = 0; l < out->layers; l++) add(out, CELLS, hth_layer_look(network, l).cell);
    /* A loss that no setting names goes by the targets. */
    add(out, LOSSES, facts.loss);
    for (size_t list = 0; list < HTH_PART_LISTS; list++)
        if (list != LOSSES) HTH_TRY(add_chosen(out, list, settings, error));
    /* What predicts later losses learns by an optimiser of its own. */
    if (strcmp(out->names[FUTURES][0], "zero") != 0)
        for (size_t i = 0; i < hth_optimisers.count; i++)
            add(out, METHODS, hth_optimisers.at(i)->name);
    return HTH_OK;
}

size_t hth_embedded_code(const hth_chosen_parts *parts) {
    static const struct {
        const char *list, *name;
        long bytes;
    } known[] = {
#define CODE(list, name, bytes) {list, name, bytes},
        HTH_CHIP_CODE(CODE)
#undef CODE
    };
    long bytes = HTH_CHIP_CODE_BASE;
    for (size_t i = 0; i < HTH_COUNT(known); i++)
        if (hth_embedded_has(parts, known[i].list, known[i].name)) bytes += known[i].bytes;
    return bytes > 0 ? (size_t)bytes : 0;
}
