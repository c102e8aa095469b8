/*
 * What settings say of the stack: how many layers there are, and for each its units, its kind and its cell. Lists have
 * an item a layer, from the input up. Settings of one layer alone are written layer<l>.layer.<option> and
 * layer<l>.cell.<option>.
 */
#include "base/known.h"
#include "network/catalogues.h"
#include "network/layer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_LENGTH = 64 };

/* ---- Lists ---- */

static const char *origin_of(const hth_settings *settings, const char *key) {
    const hth_setting *setting = hth_settings_find(settings, key);
    return setting && setting->origin ? setting->origin : "settings";
}

/* The next word of "alif, lstm", without the space around it; returns what follows its comma, NULL at the end. */
static const char *next_word(const char *at, char out[WORD_LENGTH]) {
    const size_t length = strcspn(at, ",");
    const char *end = at + length, *last = end;
    while (at < end && isspace((unsigned char)*at)) at++;
    while (last > at && isspace((unsigned char)last[-1])) last--;
    snprintf(out, WORD_LENGTH, "%.*s", (int)(last - at), at);
    return *end ? end + 1 : NULL;
}

static hth_status read_units(const hth_settings *settings, const char *text, hth_stack *stack,
                             hth_error *error) {
    const char *origin = origin_of(settings, "network.units"), *at = text;
    /* One number a layer, with commas between them. */
    for (stack->layers = 0; *at; stack->layers++) {
        int used = 0;
        unsigned long n = 0;
        if (sscanf(at, " %lu %n", &n, &used) != 1 || n < 1 || n > 1000000 ||
            (at[used] && at[used] != ','))
            return hth_fail(
                error, HTH_INVALID,
                "%s: network.units: '%s' is not a list of whole numbers of units, such as "
                "200 or 200, 100",
                origin, text);
        if (stack->layers == HTH_MAX_LAYERS)
            return hth_fail(error, HTH_INVALID, "%s: network.units names more than %d layers",
                            origin, HTH_MAX_LAYERS);
        stack->units[stack->layers] = n;
        at += used;
        if (*at == ',' && !at[1])
            return hth_fail(
                error, HTH_INVALID,
                "%s: network.units: '%s' ends in a comma; write a number after it or leave it out",
                origin, text);
        if (*at == ',') at++;
    }
    if (stack->layers > 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: network.units is empty; it must name at least one layer's units, such as "
                    "32",
                    origin);
}

/* A list of the wrong length is refused. */
static hth_status check_count(const hth_settings *settings, const char *key, const char *text,
                              size_t count, const hth_stack *stack, hth_error *error) {
    if (count == stack->layers) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: %s is '%s', which is for %zu layer%s, but network.units names %zu; write "
                    "one word a layer, with commas between them",
                    origin_of(settings, key), key, text, count, count == 1 ? "" : "s",
                    stack->layers);
}

/* ---- Kinds and cells ---- */

/* A list of parts of a catalogue, one a layer; without a list, the one that the catalogue's key chooses for all. */
static hth_status read_parts(const hth_settings *settings, const hth_catalogue *catalogue,
                             const char *key, const char *text, size_t out[HTH_MAX_LAYERS],
                             const hth_stack *stack, hth_error *error) {
    hth_catalogue named = *catalogue;
    size_t count = 0, index;
    if (!*text) {
        HTH_TRY(hth_part_choose(catalogue, settings, &index, error));
        for (size_t l = 0; l < stack->layers; l++) out[l] = index;
        return HTH_OK;
    }
    named.key = key;
    for (const char *at = text; at; count++) {
        char word[WORD_LENGTH];
        at = next_word(at, word);
        const hth_setting item = {key, word, origin_of(settings, key)};
        const hth_settings alone = {&item, 1};
        HTH_TRY(hth_part_choose(&named, &alone, &index, error));
        if (count < HTH_MAX_LAYERS) out[count] = index;
    }
    return check_count(settings, key, text, count, stack, error);
}

/* ---- What layers read ---- */

static const hth_option reads_item = {
    .name = "reads",
    .kind = HTH_KIND_CHOICE,
    .choices = (const char *const[]){"below", "input", "below+input", "backward", NULL}};
static const hth_option connections_item = {
    .name = "connections",
    .kind = HTH_KIND_CHOICE,
    .choices = (const char *const[]){"all", "ring", "random", "none", "given", NULL}};

/* The choices of a list, one a layer. *count: how many there are. */
static hth_status read_choices(const hth_settings *settings, const hth_option *item,
                               const char *text, int out[HTH_MAX_LAYERS], size_t *count,
                               hth_error *error) {
    char key[WORD_LENGTH];
    snprintf(key, sizeof key, "network.%s", item->name);
    *count = 0;
    for (const char *at = text; at; ++*count) {
        char word[WORD_LENGTH];
        int choice = 0;
        at = next_word(at, word);
        const hth_setting setting = {key, word, origin_of(settings, key)};
        HTH_TRY(hth_option_parse(item, "network", &setting, &choice, error));
        if (*count < HTH_MAX_LAYERS) out[*count] = choice;
    }
    return HTH_OK;
}

static hth_status read_reads(const hth_settings *settings, const char *text, hth_stack *stack,
                             hth_error *error) {
    int choices[HTH_MAX_LAYERS];
    size_t count;
    HTH_TRY(read_choices(settings, &reads_item, text, choices, &count, error));
    HTH_TRY(check_count(settings, "network.reads", text, count, stack, error));
    for (size_t l = 0; l < count; l++) {
        stack->reads[l] = (hth_reads_what)choices[l];
        stack->backward = stack->backward || choices[l] == HTH_READS_BACKWARD;
    }
    return HTH_OK;
}

/* One word is for all layers. */
static hth_status read_connections(const hth_settings *settings, const char *text, hth_stack *stack,
                                   hth_error *error) {
    int choices[HTH_MAX_LAYERS];
    size_t count;
    HTH_TRY(read_choices(settings, &connections_item, text, choices, &count, error));
    if (count != 1)
        HTH_TRY(check_count(settings, "network.connections", text, count, stack, error));
    for (size_t l = 0; l < stack->layers; l++)
        stack->connections[l] = (hth_connections)choices[count == 1 ? 0 : l];
    for (size_t l = 1; l < stack->layers; l++)
        if (stack->connections[l] == HTH_CONNECT_GIVEN)
            return hth_fail(error, HTH_INVALID,
                            "%s: network.connections is '%s', but the data can give those of layer "
                            "0 alone; name those of the layers above, such as given, all",
                            origin_of(settings, "network.connections"), text);
    return HTH_OK;
}

/* network.direction = both is two layers side by side, of as many units and the same cell. */
static hth_status read_direction(const hth_settings *settings, const char *reads, hth_stack *stack,
                                 hth_error *error) {
    int direction;
    HTH_TRY(hth_common_option(&hth_network_section, "direction", settings, &direction, error));
    stack->mirrored = direction == HTH_BOTH_WAYS;
    if (!stack->mirrored) return HTH_OK;
    if (*reads)
        return hth_fail(error, HTH_INVALID,
                        "network.direction is both, and network.reads '%s' says what layers read "
                        "too; leave one of them out",
                        reads);
    if (stack->layers > 1)
        return hth_fail(error, HTH_INVALID,
                        "network.direction is both, but network.units '%s' names %zu layers: a "
                        "network that runs both ways has one level, such as network.units=%zu",
                        hth_settings_find(settings, "network.units")->value, stack->layers,
                        stack->units[0]);
    if (stack->connections[0] == HTH_CONNECT_GIVEN)
        return hth_fail(error, HTH_INVALID,
                        "network.direction is both and network.connections given, but the data can "
                        "give the connections of one layer, not of both; take another");
    stack->backward = true;
    return HTH_OK;
}

void hth_stack_mirror(hth_stack *stack) {
    if (!stack->mirrored) return;
    stack->units[1] = stack->units[0];
    stack->kinds[1] = stack->kinds[0];
    stack->cells[1] = stack->cells[0];
    stack->connections[1] = stack->connections[0];
    stack->reads[1] = HTH_READS_BACKWARD;
    stack->layers = 2;
}

/* ---- Settings of one layer ---- */

const char *hth_layer_key(const char *key, size_t *layer) {
    char *end;
    if (strncmp(key, "layer", 5) != 0 || !isdigit((unsigned char)key[5])) return NULL;
    *layer = strtoul(key + 5, &end, 10);
    return *end == '.' ? end + 1 : NULL;
}

static hth_status check_own(const hth_setting *setting, hth_stack *stack, hth_error *error) {
    const char *origin = setting->origin ? setting->origin : "settings";
    size_t layer;
    const char *rest = hth_layer_key(setting->key, &layer);
    if (!rest) return HTH_OK;
    if (layer >= stack->layers)
        return hth_fail(error, HTH_INVALID,
                        "%s: %s is of layer %zu, but network.units names %zu, and the first is "
                        "layer 0",
                        origin, setting->key, layer, stack->layers);
    if (strcmp(rest, "cell.name") == 0)
        return hth_fail(error, HTH_INVALID,
                        "%s: %s is not a setting: network.cells names the cell of each layer, such "
                        "as network.cells=alif,lstm",
                        origin, setting->key);
    stack->differs = true;
    return HTH_OK;
}

hth_status hth_stack_read(const hth_settings *settings, hth_stack *out, hth_error *error) {
    const char *units, *kinds, *cells, *reads, *connections;
    *out = (hth_stack){0};
    HTH_TRY(hth_common_option(&hth_network_section, "units", settings, &units, error));
    HTH_TRY(hth_common_option(&hth_network_section, "layers", settings, &kinds, error));
    HTH_TRY(hth_common_option(&hth_network_section, "cells", settings, &cells, error));
    HTH_TRY(hth_common_option(&hth_network_section, "reads", settings, &reads, error));
    HTH_TRY(hth_common_option(&hth_network_section, "connections", settings, &connections, error));
    HTH_TRY(read_units(settings, units, out, error));
    out->differs = *kinds || *cells;
    HTH_TRY(
        read_parts(settings, &hth_layer_kinds, "network.layers", kinds, out->kinds, out, error));
    HTH_TRY(read_parts(settings, &hth_cells, "network.cells", cells, out->cells, out, error));
    if (*reads) HTH_TRY(read_reads(settings, reads, out, error));
    HTH_TRY(read_connections(settings, connections, out, error));
    HTH_TRY(read_direction(settings, reads, out, error));
    for (size_t i = 0; i < settings->count; i++)
        HTH_TRY(check_own(&settings->items[i], out, error));
    return HTH_OK;
}

/* ---- Tables of kinds and cells where layers differ ---- */

/* Settings that say nothing of a stack that fits make none. */
static bool read_stack(const hth_settings *settings, hth_stack *stack) {
    return settings && hth_stack_read(settings, stack, NULL) == HTH_OK && stack->differs;
}

/* Whether the layer has part `index` of kinds, or of cells. */
static bool layer_has(const hth_stack *stack, const hth_catalogue *catalogue, size_t layer,
                      size_t index) {
    if (catalogue == &hth_layer_kinds) return stack->kinds[layer] == index;
    return stack->cells[layer] == index && hth_layer_kind_at(stack->kinds[layer])->has_cell;
}

static bool any_has(const hth_stack *stack, const hth_catalogue *catalogue, size_t index) {
    bool any = false;
    for (size_t l = 0; l < stack->layers; l++) any = any || layer_has(stack, catalogue, l, index);
    return any;
}

static void names(const hth_catalogue *catalogue, const hth_settings *settings, char *out,
                  size_t size) {
    hth_stack stack;
    size_t used = 0;
    *out = 0;
    if (!read_stack(settings, &stack)) return;
    for (size_t i = 0; i < catalogue->count && used < size; i++)
        if (any_has(&stack, catalogue, i))
            used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                                     catalogue->at(i)->name);
}

static bool each_table(const hth_catalogue *catalogue, const hth_settings *settings,
                       void (*visit)(void *context, const hth_table *table), void *context) {
    hth_stack stack;
    if (!read_stack(settings, &stack)) return false;
    for (size_t i = 0; i < catalogue->count; i++) {
        const hth_part *part = catalogue->at(i);
        const bool any = any_has(&stack, catalogue, i);
        const hth_table of_all = {catalogue, part, &part->options, "", any, true, false};
        if (part->options.count) visit(context, &of_all);
    }
    for (size_t l = 0; l < stack.layers; l++) {
        char prefix[24];
        snprintf(prefix, sizeof prefix, "layer%u.", (unsigned)l);
        for (size_t i = 0; i < catalogue->count; i++) {
            const hth_part *part = catalogue->at(i);
            const bool own = layer_has(&stack, catalogue, l, i);
            const hth_table table = {catalogue, part, &part->options, prefix, own, false, own};
            if (part->options.count) visit(context, &table);
        }
    }
    return true;
}

void hth_layers_names(const hth_settings *settings, char *out, size_t size) {
    names(&hth_layer_kinds, settings, out, size);
}

void hth_cells_names(const hth_settings *settings, char *out, size_t size) {
    names(&hth_cells, settings, out, size);
}

bool hth_layers_each_table(const hth_settings *settings,
                           void (*visit)(void *context, const hth_table *table), void *context) {
    return each_table(&hth_layer_kinds, settings, visit, context);
}

bool hth_cells_each_table(const hth_settings *settings,
                          void (*visit)(void *context, const hth_table *table), void *context) {
    return each_table(&hth_cells, settings, visit, context);
}
