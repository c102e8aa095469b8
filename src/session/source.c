/*
 * An open stream of a task or of files, and the initial values that its data may bring.
 *
 * Rewinding restores the position fields that the stream had at opening. A corpus is thus read only once, and every
 * validation sees the same data.
 */
#include "session/source.h"

#include "files/clock.h"
#include "network/inspect.h"
#include "session/content.h"
#include "session/together.h"
#include "tasks/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Choosing, opening, closing ----------------------------------------------------------- */

/* The stream kind that task.name, data.name or world.name chooses; HTH_INVALID unless exactly one is set. */
static hth_status choose_kind(const hth_settings *settings, const hth_stream_kind **kind,
                              hth_error *error) {
    static const hth_catalogue *const all[] = {&hth_tasks, &hth_readers, &hth_worlds};
    static const hth_stream_kind *(*const at[])(size_t) = {hth_task_at, hth_reader_at,
                                                           hth_world_at};
    const hth_setting *chosen = NULL;
    size_t of = 0, index;
    /* Exactly one of the keys. */
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        const hth_setting *setting = hth_settings_find(settings, all[i]->key);
        if (setting && chosen)
            return hth_fail(error, HTH_INVALID,
                            "%s is '%s' and %s is '%s', but a run learns one of them: leave the "
                            "other out",
                            chosen->key, chosen->value, setting->key, setting->value);
        if (setting) of = i;
        if (setting) chosen = setting;
    }
    if (!chosen)
        return hth_fail(error, HTH_INVALID,
                        "neither task.name nor data.name nor world.name is given: name a task, a "
                        "kind of data or a world to learn");
    /* Look its name up. */
    HTH_TRY(hth_part_choose(all[of], settings, &index, error));
    *kind = at[of](index);
    return HTH_OK;
}

/* Lists the position fields of the stream; *bytes is their total size. The caller frees the array. NULL: no fields, or
 * no memory. */
static hth_field *position_fields(const hth_source *source, size_t *count, size_t *bytes) {
    *bytes = 0;
    *count = source->kind->state ? source->kind->state(source->state, NULL, 0) : 0;
    hth_field *fields = *count ? calloc(*count, sizeof *fields) : NULL;
    if (!fields) return NULL;
    source->kind->state(source->state, fields, *count);
    for (size_t i = 0; i < *count; i++) *bytes += hth_field_bytes(&fields[i]);
    return fields;
}

hth_status hth_source_note(const hth_source *source, void **out, hth_error *error) {
    size_t count, bytes;
    hth_field *fields = position_fields(source, &count, &bytes);
    *out = fields ? malloc(bytes ? bytes : 1) : NULL;
    char *at = *out;
    for (size_t i = 0; at && i < count; i++) {
        memcpy(at, fields[i].data, hth_field_bytes(&fields[i]));
        at += hth_field_bytes(&fields[i]);
    }
    free(fields);
    if (count && !at) return hth_fail(error, HTH_NO_MEMORY, "no memory for the stream's position");
    return HTH_OK;
}

hth_status hth_source_open(const hth_settings *settings, hth_split split, size_t batch,
                           uint64_t seed, hth_source *out, hth_error *error) {
    hth_source source = {0};
    hth_stream_context context = {settings, split, batch, seed};
    const double begun = hth_clock();
    if (split == HTH_TRAIN && hth_together_wanted(settings))
        return hth_together_open(settings, batch, seed, out, error);
    /* Open the stream; without a state the split is left out. */
    HTH_TRY(choose_kind(settings, &source.kind, error));
    HTH_TRY(source.kind->open(&context, &source.state, &source.shape, error));
    if (!source.state) {
        *out = (hth_source){0};
        return HTH_OK;
    }
    /* See it as the settings say. */
    const hth_stream_kind *plain = source.kind;
    const hth_status seen =
        hth_view_open(settings, &source.kind, &source.state, &source.shape, error);
    if (seen != HTH_OK) {
        source.kind->close(source.state);
        return seen;
    }
    source.viewed = source.kind != plain;
    if (split == HTH_TRAIN) source.content = hth_content_of(settings);
    /* Ask for the lengths, and note the position for rewinding. */
    if (source.kind->extent)
        source.kind->extent(source.state, &source.sequence_steps, &source.epoch_steps);
    source.seconds = hth_clock() - begun;
    hth_status status = hth_source_note(&source, &source.start, error);
    if (status != HTH_OK) {
        hth_source_close(&source);
        return status;
    }
    *out = source;
    return HTH_OK;
}

bool hth_source_scale(const hth_source *source, const double **mean, const double **deviation) {
    return source->kind->scale && source->kind->scale(source->state, mean, deviation);
}

bool hth_source_is_viewed(const hth_source *source) {
    return source->viewed;
}

void hth_source_go_beyond(hth_source *source) {
    if (!source->kind->go_beyond) return;
    source->kind->go_beyond(source->state);
    source->kind->extent(source->state, &source->sequence_steps, &source->epoch_steps);
}

void hth_source_describe(const hth_source *source, char *out, size_t size) {
    const double worth_telling = 1;
    char what[200];
    out[0] = '\0';
    if (!source->kind || !source->kind->describe || source->seconds < worth_telling) return;
    source->kind->describe(source->state, what, sizeof what);
    snprintf(out, size, "Read %s in %.1f s.", what, source->seconds);
}

const char *hth_source_doubt(const hth_source *source) {
    return source->kind && source->kind->doubt ? source->kind->doubt(source->state) : "";
}

hth_status hth_source_absent(const hth_settings *settings, hth_split split, hth_error *error) {
    static const char *const splits[] = {"training", "validation", "test"};
    const hth_stream_kind *kind = NULL;
    HTH_TRY(choose_kind(settings, &kind, error));
    if (!kind->absent)
        return hth_fail(
            error, HTH_INVALID,
            "the settings of data name no %s data: name some, or take another split (--split)",
            splits[split]);
    return hth_fail(error, HTH_INVALID, "task %s has no %s sequences %s", kind->part.name,
                    splits[split], kind->absent);
}

void hth_source_close(hth_source *source) {
    if (source->kind) source->kind->close(source->state);
    free(source->start);
    *source = (hth_source){0};
}

hth_status hth_source_return(const hth_source *source, const void *noted, hth_error *error) {
    size_t count, bytes;
    hth_field *fields = position_fields(source, &count, &bytes);
    if (count && !fields) return hth_fail(error, HTH_NO_MEMORY, "no memory to rewind the stream");
    const char *at = noted;
    for (size_t i = 0; i < count; i++) {
        memcpy(fields[i].data, at, hth_field_bytes(&fields[i]));
        at += hth_field_bytes(&fields[i]);
    }
    free(fields);
    return HTH_OK;
}

hth_status hth_source_rewind(const hth_source *source, hth_error *error) {
    return hth_source_return(source, source->start, error);
}

bool hth_source_grows(const hth_source *source) {
    return source->kind->reached && isfinite(source->kind->reached(source->state));
}

uint64_t hth_whole_sequences(const hth_source *source, uint64_t steps) {
    const uint64_t length = source->sequence_steps ? source->sequence_steps : 1;
    return (steps ? (steps - 1) / length + 1 : 1) * length;
}

/* ---- Initial values ----------------------------------------------------------------------- */

/* The place of a given array: columns from..from+columns-1 of a block. A bias block may also be given transposed. Of a
 * layer's block, columns are those without delays. */
typedef struct target {
    const hth_block *block;
    size_t from, columns;
    bool of_layer;
    const char *meaning;
} target;

/* The parameter block with this name; NULL: the network has none. */
static const hth_block *find_block(const hth_network *network, const char *name) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(blocks[i].name, name) == 0) return &blocks[i];
    return NULL;
}

/* The weights of the first store, and the column of what it reads first; NULL: there is none. */
static const hth_block *find_store(const hth_network *network, hth_layer_facts *facts) {
    const size_t layers = hth_network_look(network).layers;
    for (size_t l = 0; l < layers; l++) {
        char name[48];
        *facts = hth_layer_look(network, l);
        snprintf(name, sizeof name, "layer%zu.weight", l);
        if (facts->stores) return find_block(network, name);
    }
    return NULL;
}

/* Finds the place of the array `name` in the network. false: the network has no such parameter. */
static bool find_target(const char *name, const hth_network *network, target *out) {
    /* Arrays go to the first layer and the readout. */
    const hth_layer_facts facts = hth_layer_look(network, 0);
    const hth_block *layer = find_block(network, "layer0.weight");
    const hth_block *readout = find_block(network, "readout.weight");
    const hth_block *bias = find_block(network, "readout.bias");
    const size_t units = facts.units, inputs = facts.inputs, fed = facts.fed;
    hth_layer_facts of_store;
    const hth_block *store = find_store(network, &of_store);
    const size_t first = of_store.units, read = of_store.inputs, last = of_store.columns - 1;
    const struct {
        const char *name;
        target target;
    } targets[] = {
        {"w_rec", {layer, 0, units, true, "drives x units"}},
        {"w_in", {layer, units, inputs, true, "drives x inputs"}},
        {"w_fb", {fed ? layer : NULL, units + inputs, fed, true, "drives x outputs"}},
        {"b_rec", {layer, units + inputs + fed, 1, true, "drives"}},
        {"w_store", {store, first, read, false, "numbers it makes x numbers it reads"}},
        {"b_store", {store, last, 1, false, "numbers it makes"}},
        {"w_out", {readout, 0, readout ? readout->columns : 0, false, "outputs x units"}},
        {"b_out", {bias, 0, bias ? bias->columns : 0, false, "outputs"}},
    };
    /* Look the name up. */
    for (size_t i = 0; i < HTH_COUNT(targets); i++)
        if (strcmp(name, targets[i].name) == 0) {
            *out = targets[i].target;
            return out->block != NULL;
        }
    return false;
}

/* Whether the shapes agree; vectors may be given as a row or as a column. */
static bool fits(const hth_given *given, const target *to) {
    bool vector = to->block->rows == 1 || to->columns == 1;
    if (vector && (given->rows == 1 || given->columns == 1))
        return given->rows * given->columns == to->block->rows * to->columns;
    return given->rows == to->block->rows && given->columns == to->columns;
}

/* HTH_MISMATCH when the shapes do not agree. */
static hth_status check_given(const hth_given *given, const target *to, hth_error *error) {
    if (fits(given, to)) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s of the data is %zu x %zu, but %s of this network takes %zu x %zu (%s)",
                    given->name, given->rows, given->columns, to->block->name, to->block->rows,
                    to->columns, to->meaning);
}

/* Copies the array to its place, in the library's precision. */
static void copy_given(const hth_given *given, const target *to, hth_network *network) {
    hth_real *block = hth_network_parameters(network) + to->block->offset;
    for (size_t i = 0; i < to->block->rows; i++)
        for (size_t j = 0; j < to->columns; j++) {
            const size_t plain = to->from + j;
            const size_t column = to->of_layer ? hth_layer_column(network, 0, i, plain) : plain;
            block[i * to->block->columns + column] = (hth_real)given->values[i * to->columns + j];
        }
}

/* HTH_MISMATCH when a given weight is not 0 but the network has no such connection, or one of the other sign. */
static hth_status check_masked(hth_network *network, hth_error *error) {
    const hth_block *block = find_block(network, "layer0.weight");
    const hth_real *weight = hth_network_parameters(network) + block->offset;
    /* All of the layer's; what units learn of their own has a block behind this one. */
    const size_t count = hth_layer_look(network, 0).rows * block->columns;
    hth_real *kept = malloc(count * sizeof *kept);
    if (!kept) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for initial values");
    /* Compare the weights with those that the network would keep. */
    memcpy(kept, weight, count * sizeof *kept);
    hth_layer_keep_weights(network, 0, kept);
    size_t at = 0;
    while (at < count && kept[at] == weight[at]) at++;
    free(kept);
    /* Name the first that differs. */
    if (at == count) return HTH_OK;
    return hth_fail(
        error, HTH_MISMATCH,
        "the data give layer0.weight %g in row %zu, column %zu, where this network has no "
        "connection (see network.connections, network.self_connections, network.bias and the cell) "
        "or one of the other sign (network.excitatory)",
        (double)weight[at], at / block->columns, at % block->columns);
}

enum { MOST_GIVEN = 24 };

/* Lists the arrays that the data bring; returns their number. */
static size_t list_given(const hth_source *source, hth_given given[MOST_GIVEN]) {
    if (!source->kind->given) return 0;
    const size_t count = source->kind->given(source->state, given, MOST_GIVEN);
    return count < MOST_GIVEN ? count : MOST_GIVEN;
}

/* What the array says of the connections of layer 0; false: it is another array. */
static bool is_wires(const hth_given *given, hth_wires *out) {
    static const char *const wires[] = {[HTH_WIRE_MASK] = "w_rec_mask",
                                        [HTH_WIRE_INPUT_MASK] = "w_in_mask",
                                        [HTH_WIRE_DELAY] = "w_rec_delay",
                                        [HTH_WIRE_INPUT_DELAY] = "w_in_delay"};
    for (size_t i = 0; i < HTH_COUNT(wires); i++) {
        *out =
            (hth_wires){(hth_wires_what)i, given->name, given->rows, given->columns, given->values};
        if (strcmp(given->name, wires[i]) == 0) return true;
    }
    return false;
}

/* Feedback weights go to the learner, not to the network. */
static bool is_feedback(const hth_given *given) {
    return strcmp(given->name, "feedback") == 0;
}

/* Class weights are not parameters; they become a setting. */
static bool is_class_weights(const hth_given *given) {
    return strcmp(given->name, "class_weights") == 0;
}

bool hth_source_is_wired(const hth_source *source) {
    hth_given given[MOST_GIVEN];
    hth_wires wires;
    bool any = false;
    for (size_t i = list_given(source, given); i-- > 0;)
        any = any || is_wires(&given[i], &wires) || is_feedback(&given[i]);
    return any;
}

/* Checks that the data alone bring class weights, one for each class. Of a run that goes on, settings.yaml says 1, the
 * default. */
static hth_status check_class_weights(const hth_given *given, const hth_source *source,
                                      const hth_settings *settings, hth_error *error) {
    const size_t classes = source->shape.outputs, count = given->rows * given->columns;
    const hth_setting *set = hth_settings_find(settings, "loss.class_weights");
    if (set && strcmp(set->value, "1") != 0)
        return hth_fail(error, HTH_INVALID,
                        "the data bring class_weights along, and loss.class_weights is set too: "
                        "leave one of them out");
    if (count == classes) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "class_weights of the data has %zu numbers, but there are %zu classes", count,
                    classes);
}

/* The array as text, "1, 2.5, ...", with all digits; the caller frees it. NULL: no memory. */
static char *weights_text(const hth_given *given) {
    enum { WIDTH = 32 };
    const size_t count = given->rows * given->columns;
    char *text = malloc(hth_times(count, WIDTH)), *at = text;
    for (size_t i = 0; text && i < count; i++)
        at += snprintf(at, WIDTH, "%s%.17g", i ? ", " : "", given->values[i]);
    return text;
}

hth_status hth_given_settings_join(const hth_source *source, const hth_settings *settings,
                                   hth_given_settings *out, hth_error *error) {
    hth_given given[MOST_GIVEN];
    const size_t count = list_given(source, given);
    *out = (hth_given_settings){.settings = *settings};
    for (size_t i = 0; i < count; i++) {
        /* Find and check the class weights. */
        if (!is_class_weights(&given[i])) continue;
        HTH_TRY(check_class_weights(&given[i], source, settings, error));
        out->text = weights_text(&given[i]);
        out->items = calloc(settings->count + 1, sizeof *out->items);
        if (!out->text || !out->items)
            return hth_fail(error, HTH_NO_MEMORY, "not enough memory for class_weights");
        /* Append them to a copy of the settings. */
        memcpy(out->items, settings->items, settings->count * sizeof *out->items);
        out->items[settings->count] =
            (hth_setting){"loss.class_weights", out->text, "array class_weights of the data"};
        out->settings = (hth_settings){out->items, settings->count + 1};
    }
    return HTH_OK;
}

/* HTH_MISMATCH for an array of the layer with network.direction = both, where two layers could take it. */
static hth_status check_direction(const hth_given *given, const hth_network *network,
                                  hth_error *error) {
    hth_wires wires;
    const bool of_layer = strcmp(given->name, "w_in") == 0 || strcmp(given->name, "w_rec") == 0 ||
                          strcmp(given->name, "b_rec") == 0 || is_wires(given, &wires);
    if (!hth_network_look(network).is_whole || !of_layer) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "the data bring %s along, but with network.direction both there is a layer in "
                    "each direction, and the array is for one; take it out of the file",
                    given->name);
}

/* Lists the initial values of the network with this prefix, with their names after it. */
static size_t list_values(const hth_source *source, const char *prefix,
                          hth_given given[MOST_GIVEN]) {
    static const char module[] = "module_";
    const size_t count = list_given(source, given);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const bool of_module = strncmp(given[i].name, module, sizeof module - 1) == 0;
        if (is_feedback(&given[i]) || is_class_weights(&given[i])) continue;
        if (prefix && of_module != (*prefix != 0)) continue;
        given[kept] = given[i];
        given[kept++].name += prefix ? strlen(prefix) : 0;
    }
    return kept;
}

hth_status hth_given_apply(const hth_source *source, const char *prefix, hth_network *network,
                           hth_error *error) {
    hth_given given[MOST_GIVEN];
    hth_wires wires;
    target to;
    const size_t count = list_values(source, prefix, given);
    /* Check all arrays before any is copied. */
    for (size_t i = 0; i < count; i++) {
        HTH_TRY(check_direction(&given[i], network, error));
        if (is_wires(&given[i], &wires)) continue;
        if (!find_target(given[i].name, network, &to))
            return hth_fail(
                error, HTH_MISMATCH,
                "the data brings %s along, but nothing in this network uses it; take the "
                "array out of the file, or choose settings that do",
                given[i].name);
        HTH_TRY(check_given(&given[i], &to, error));
    }
    /* Connections first, for they say where weights go. */
    for (size_t i = 0; i < count; i++)
        if (is_wires(&given[i], &wires)) HTH_TRY(hth_layer_wire(network, 0, &wires, error));
    for (size_t i = 0; i < count; i++)
        if (find_target(given[i].name, network, &to)) copy_given(&given[i], &to, network);
    return check_masked(network, error);
}

hth_status hth_given_check(const hth_source *source, const hth_settings *settings,
                           hth_error *error) {
    hth_given given[MOST_GIVEN];
    hth_stack stack;
    HTH_TRY(hth_stack_read(settings, &stack, error));
    const size_t count = list_given(source, given);
    if (stack.connections[0] != HTH_CONNECT_GIVEN) return HTH_OK;
    for (size_t i = 0; i < count; i++)
        if (strcmp(given[i].name, "w_rec_mask") == 0 || strcmp(given[i].name, "w_in_mask") == 0)
            return HTH_OK;
    return hth_fail(
        error, HTH_MISMATCH,
        "network.connections is given, but '%s' brings neither w_rec_mask nor w_in_mask "
        "along: put one into the file (data=arrays), or take other connections",
        source->kind->part.name);
}

hth_status hth_given_feedback(const hth_source *source, hth_learner *learner, hth_error *error) {
    hth_given given[MOST_GIVEN];
    const size_t count = list_given(source, given);
    for (size_t i = 0; i < count; i++) {
        if (!is_feedback(&given[i])) continue;
        const size_t numbers = given[i].rows * given[i].columns;
        hth_real *values = malloc(numbers * sizeof *values);
        if (!values) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for feedback");
        for (size_t k = 0; k < numbers; k++) values[k] = (hth_real)given[i].values[k];
        hth_status status =
            hth_learner_feedback(learner, values, given[i].rows, given[i].columns, error);
        free(values);
        HTH_TRY(status);
    }
    return HTH_OK;
}
