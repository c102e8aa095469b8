/*
 * Delays of connections (network.delay, network.input_delay), and connections that an array gives (network.connections
 * = given).
 *
 * A delay is a column. u holds z_{t-1} to z_{t-D} side by side, and each connection has its one weight in the column of
 * its delay; so W u, the gradient delta u^T and every trace of it are what they are for any layer, and only what lies
 * in these columns (reading.c) and the adjoint that goes back from them (scan.c) know of time. The late copies of z are
 * a shift register, which belongs to the state as z does: an exact past keeps its influence too (credit/joint.h).
 *
 * Cost: W, its products and what is kept of it are D times as wide; late copies of z take n (D - 1) numbers an item.
 */
#include "base/random.h"
#include "network/inspect.h"
#include "network/network.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_DELAYS = 2 << 16, STREAM_INPUT_DELAYS = 3 << 16 }; /* init.c has those below */
enum { MOST_DELAY = 1000 };

/* ---- Settings ---- */

/* A whole number of lowest..MOST_DELAY at *at, which moves behind it. */
static bool read_number(const char **at, size_t lowest, size_t *out) {
    char *end;
    while (isspace((unsigned char)**at)) ++*at;
    if (!isdigit((unsigned char)**at)) return false;
    const unsigned long number = strtoul(*at, &end, 10);
    while (isspace((unsigned char)*end)) end++;
    *at = end;
    *out = number;
    return number >= lowest && number <= MOST_DELAY;
}

hth_status hth_delays_read(const hth_settings *settings, const char *key, const char *text,
                           size_t lowest, hth_delays *out, hth_error *error) {
    const hth_setting *setting = hth_settings_find(settings, key);
    const char *at = text;
    bool right = read_number(&at, lowest, &out->least);
    out->most = out->least;
    if (right && strncmp(at, "..", 2) == 0) {
        at += 2;
        right = read_number(&at, lowest, &out->most) && out->most >= out->least;
    }
    if (right && !*at) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: %s is '%s', but must be a number of steps from %zu to %d, or a range of "
                    "them such as %zu..8",
                    setting && setting->origin ? setting->origin : "settings", key, text, lowest,
                    MOST_DELAY, lowest);
}

/* ---- Which connections there are, and where ---- */

/* The column of the weight that a network without delays would have in `column` of the row. */
static size_t column_of(const hth_layer *layer, size_t row, size_t column) {
    const hth_wiring *w = &layer->wiring;
    const size_t n = layer->n, to = row % n, late = n + layer->reads.width;
    /* The bias is last in either. */
    if (column == late) return layer->m - 1;
    /* From a unit. */
    if (column < n) {
        const size_t delay = w->z_delay ? w->z_delay[to * n + column] : 1;
        return delay > 1 ? hth_layer_late_z(layer) + (delay - 2) * n + column : column;
    }
    /* From the input; layers below have no delay. */
    const size_t input = column - n - w->x_at;
    if (!w->x_delay || column < n + w->x_at || input >= w->x_width) return column;
    const size_t delay = w->x_delay[to * w->x_width + input];
    return delay > 0 ? late + (delay - 1) * w->x_width + input : column;
}

size_t hth_layer_column(const hth_network *network, size_t l, size_t row, size_t column) {
    return column_of(&network->layers[l], row, column);
}

static bool reads_input(const hth_layer *layer, size_t to, size_t column) {
    const hth_wiring *w = &layer->wiring;
    const size_t first = layer->n + w->x_at;
    if (!w->x_connected || column < first || column - first >= w->x_width) return true;
    return w->x_connected[to * w->x_width + column - first];
}

void hth_wiring_settle(hth_layer *layer) {
    const size_t n = layer->n, columns = n + layer->reads.width;
    unsigned char *exists = layer->wiring.exists;
    if (!exists) return;
    memset(exists, 0, n * (layer->m - 1));
    for (size_t to = 0; to < n; to++, exists += layer->m - 1)
        for (size_t k = 0; k < columns; k++)
            exists[column_of(layer, to, k)] =
                k < n ? hth_layer_connects(layer, to, k) : reads_input(layer, to, k);
}

void hth_wiring_spread(const hth_layer *layer, hth_real *weight) {
    const size_t columns = layer->n + layer->reads.width;
    for (size_t row = 0; hth_layer_late(layer) && row < layer->rows; row++, weight += layer->m)
        for (size_t k = 0; k < columns; k++) {
            const size_t to = column_of(layer, row, k);
            if (to == k) continue;
            weight[to] = weight[k];
            weight[k] = 0;
        }
}

/* The other way. */
static void collect(const hth_layer *layer, hth_real *weight) {
    const size_t columns = layer->n + layer->reads.width;
    for (size_t row = 0; hth_layer_late(layer) && row < layer->rows; row++, weight += layer->m)
        for (size_t k = 0; k < columns; k++) {
            const size_t from = column_of(layer, row, k);
            if (from == k) continue;
            weight[k] = weight[from];
            weight[from] = 0;
        }
}

/* ---- Making ---- */

void hth_wiring_lay_out(hth_arena *arena, hth_layer *layer) {
    hth_wiring *w = &layer->wiring;
    const size_t n = layer->n, from_units = hth_times(n, n), from_input = hth_times(n, w->x_width);
    if (w->late_z) w->z_delay = HTH_TAKE(arena, uint16_t, from_units);
    if (w->late_x) w->x_delay = HTH_TAKE(arena, uint16_t, from_input);
    if (w->is_given) w->x_connected = HTH_TAKE(arena, unsigned char, from_input);
    if (w->is_given || hth_layer_late(layer))
        w->exists = HTH_TAKE(arena, unsigned char, hth_times(n, layer->m - 1));
}

static void draw(uint16_t *to, size_t count, const hth_delays *of, uint64_t seed, size_t stream) {
    const hth_random random = {seed, HTH_RANDOM_INIT, (uint32_t)stream};
    for (size_t i = 0; to && i < count; i++)
        to[i] = (uint16_t)(of->least + hth_random_below(&random, i, of->most - of->least + 1));
}

void hth_wiring_draw(hth_layer *layer, const hth_delays *z, const hth_delays *x, uint64_t seed,
                     size_t index) {
    hth_wiring *w = &layer->wiring;
    draw(w->z_delay, layer->n * layer->n, z, seed, STREAM_DELAYS + index);
    draw(w->x_delay, layer->n * w->x_width, x, seed, STREAM_INPUT_DELAYS + index);
    if (w->x_connected) memset(w->x_connected, 1, layer->n * w->x_width);
}

/* ---- Giving ---- */

/* What an array is of: of connections from units or from the input, which or how late. */
typedef struct wire_kind {
    bool from_input, is_delay;
    const char *name, *example, *columns; /* the setting, what it may be, what the columns are */
} wire_kind;

static const wire_kind kinds[] = {
    [HTH_WIRE_MASK] = {false, false, "network.connections", "given", "units x units"},
    [HTH_WIRE_INPUT_MASK] = {true, false, "network.connections", "given", "units x inputs"},
    [HTH_WIRE_DELAY] = {false, true, "network.delay", "1..8, say", "units x units"},
    [HTH_WIRE_INPUT_DELAY] = {true, true, "network.input_delay", "0..8, say", "units x inputs"},
};

/* Whether the network has room for the array, and it has the right shape. */
static hth_status check_wires(const hth_layer *layer, const hth_wires *wires, hth_error *error) {
    const hth_wiring *w = &layer->wiring;
    const wire_kind *kind = &kinds[wires->what];
    const size_t columns = kind->from_input ? w->x_width : layer->n;
    const bool has_delays = kind->from_input ? w->x_delay != NULL : w->z_delay != NULL;
    if (kind->is_delay ? !has_delays : !w->is_given)
        return hth_fail(error, HTH_MISMATCH,
                        "%s is given, but this network does not take it: set %s to %s, or take the "
                        "array out",
                        wires->name, kind->name, kind->example);
    if (wires->rows == layer->n && wires->columns == columns) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH, "%s is %zu x %zu, but this network takes %zu x %zu (%s)",
                    wires->name, wires->rows, wires->columns, layer->n, columns, kind->columns);
}

/* Whether every number is 0 or 1, or a delay of the range that the setting allows. */
static hth_status check_values(const hth_layer *layer, const hth_wires *wires, hth_error *error) {
    const wire_kind *kind = &kinds[wires->what];
    const size_t late = kind->from_input ? layer->wiring.late_x : layer->wiring.late_z;
    const size_t lowest = kind->is_delay && !kind->from_input ? 1 : 0;
    const size_t most = kind->is_delay ? lowest + late : 1;
    for (size_t i = 0; i < wires->rows * wires->columns; i++) {
        const double value = wires->values[i];
        if (value >= (double)lowest && value <= (double)most && value == floor(value)) continue;
        return hth_fail(error, HTH_INVALID,
                        "%s is %g in row %zu, column %zu, but must be a whole number from %zu to "
                        "%zu%s%s",
                        wires->name, value, i / wires->columns, i % wires->columns, lowest, most,
                        kind->is_delay ? ", the most steps of " : "",
                        kind->is_delay ? kind->name : "");
    }
    return HTH_OK;
}

/* Puts the array in the place of what was drawn. */
static void take(hth_layer *layer, const hth_wires *wires) {
    hth_wiring *w = &layer->wiring;
    const bool input = kinds[wires->what].from_input;
    unsigned char *mask = input ? w->x_connected : layer->connected;
    uint16_t *delay = input ? w->x_delay : w->z_delay;
    for (size_t i = 0; i < wires->rows * wires->columns; i++)
        if (kinds[wires->what].is_delay)
            delay[i] = (uint16_t)wires->values[i];
        else
            mask[i] = (unsigned char)wires->values[i];
}

hth_status hth_layer_wire(hth_network *network, size_t l, const hth_wires *wires,
                          hth_error *error) {
    hth_layer *layer = &network->layers[l];
    hth_real *weight = network->theta + layer->weight;
    HTH_TRY(check_wires(layer, wires, error));
    HTH_TRY(check_values(layer, wires, error));
    collect(layer, weight);
    take(layer, wires);
    layer->wiring.waits = layer->wiring.waits && kinds[wires->what].is_delay;
    hth_wiring_settle(layer);
    hth_wiring_spread(layer, weight);
    hth_layer_mask(layer, weight);
    network->changes++;
    return HTH_OK;
}
