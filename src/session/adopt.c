/*
 * Transfer: copies the parameters of another run, layer by layer. The blocks of a layer share the part of their names
 * before the last dot: layer0.weight and layer0.initial belong to layer0.
 */
#include "session/adopt.h"

#include "files/folder.h"
#include "files/safetensors.h"
#include "network/inspect.h"
#include "session/torch.h"
#include "settings/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Finding the file --------------------------------------------------------------------- */

/* Opens a checkpoint: the file itself, or the newest one of a folder, or the previous one if there is no newest. */
static hth_status open_source(const char *from, hth_safetensors **out, hth_error *error) {
    static const char *const names[] = {"checkpoint.safetensors",
                                        "checkpoint.previous.safetensors"};
    char folder[HTH_PATH_LENGTH];
    bool by_file;
    /* Is `from` a file? */
    HTH_TRY(hth_rundir_of(from, folder, &by_file, error));
    if (by_file) return hth_safetensors_open(from, out, error);
    /* If not, look in the folder. */
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        char path[HTH_PATH_LENGTH];
        bool there;
        HTH_TRY(hth_rundir_file(from, names[i], path, error));
        HTH_TRY(hth_file_look(path, &there, error));
        if (there) return hth_safetensors_open(path, out, error);
    }
    return hth_fail(error, HTH_FILE, "train.from is %.200s, but there is no checkpoint", from);
}

/* ---- Which layers fit --------------------------------------------------------------------- */

/* The tensor with this name; NULL: the file has none. */
static const hth_tensor *find(const hth_safetensors *file, const char *name) {
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].name, name) == 0) return &tensors[i];
    return NULL;
}

/* Whether a tensor can fill the field. Files of older versions store lists without shapes; then only the length is
 * compared. */
static bool fits(const hth_field *field, const hth_tensor *tensor) {
    if (!tensor || tensor->count != field->count || tensor->dtype[0] != 'F') return false;
    if (tensor->rank != 2 || field->shape[0] == 0) return true;
    return tensor->shape[0] == field->shape[0] && tensor->shape[1] == field->shape[1];
}

/* Length of a name up to its last dot: the name of the layer. */
static size_t group_length(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

static bool same_group(const char *a, const char *b) {
    const size_t length = group_length(a);
    return length == group_length(b) && strncmp(a, b, length) == 0;
}

/* A list of names, separated by commas, for the observer. */
typedef struct note {
    char text[400];
    size_t used;
} note;

/* Appends a piece; cuts it off if the text is full. */
static void add(note *to, const char *piece) {
    const int written = snprintf(to->text + to->used, sizeof to->text - to->used, "%s%s",
                                 to->used ? ", " : "", piece);
    if (written > 0) to->used += (size_t)written;
    if (to->used >= sizeof to->text) to->used = sizeof to->text - 1;
}

/* Appends a block that does not fit, with both shapes. */
static void add_refused(note *to, const hth_field *field, const hth_tensor *tensor) {
    char piece[160];
    if (!tensor)
        snprintf(piece, sizeof piece, "%s (not there)", field->name);
    else
        snprintf(piece, sizeof piece, "%s (%zu x %zu here, %llu x %llu there)", field->name,
                 field->shape[0], field->shape[1], (unsigned long long)tensor->shape[0],
                 (unsigned long long)(tensor->rank > 1 ? tensor->shape[1] : 1));
    add(to, piece);
}

/* Appends the blocks of a layer that the file has and the network does not: what its units learned of their own. */
static void add_lost(note *to, const hth_safetensors *file, const hth_field *fields, size_t count) {
    size_t tensors;
    const hth_tensor *all = hth_safetensors_list(file, &tensors);
    for (size_t i = 0; i < tensors; i++) {
        char piece[160];
        bool here = !same_group(all[i].name, fields[0].name);
        for (size_t k = 0; k < count; k++) here = here || strcmp(all[i].name, fields[k].name) == 0;
        snprintf(piece, sizeof piece, "%.100s (not here)", all[i].name);
        if (!here) add(to, piece);
    }
}

/* Whether the weights of layers stand in the columns of other delays than in the file. */
static bool differs_in_delays(const hth_safetensors *file, const hth_settings *settings,
                              const hth_network *network) {
    static const char *const keys[] = {"network.delay", "network.input_delay"};
    static const char *const without[] = {"1", "0"};
    const char *stored = hth_safetensors_metadata(file, "connections");
    bool any = false;
    for (size_t i = 0; i < HTH_COUNT(keys); i++) {
        const char *there = hth_safetensors_metadata(file, keys[i]);
        any = any || strcmp(hth_config_value(settings, keys[i], without[i]), without[i]) != 0 ||
              strcmp(there ? there : without[i], without[i]) != 0;
    }
    return any && (stored ? strtoull(stored, NULL, 16) : 0) != hth_network_wiring(network);
}

/* Whether a layer of `count` blocks can be copied. Notes in *left what keeps it from that, or what is lost. */
static bool takes(const hth_safetensors *file, const hth_field *fields, size_t count,
                  bool other_delays, note *left) {
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        const hth_tensor *tensor = find(file, fields[i].name);
        if (fits(&fields[i], tensor)) continue;
        whole = false;
        add_refused(left, &fields[i], tensor);
    }
    if (!whole) return false;
    if (other_delays && strncmp(fields[0].name, "layer", 5) == 0) {
        char piece[160];
        snprintf(piece, sizeof piece, "%s (its connections have other delays there)",
                 fields[0].name);
        add(left, piece);
        return false;
    }
    add_lost(left, file, fields, count);
    return true;
}

/* Moves the fields that will be copied to the front and returns their number. Notes the names of copied layers in
 * *taken and of blocks that do not fit in *left. */
static size_t choose(const hth_safetensors *file, bool other_delays, hth_field *fields,
                     size_t count, note *taken, note *left) {
    size_t kept = 0;
    for (size_t i = 0, next; i < count; i = next) {
        char group[sizeof fields->name];
        for (next = i; next < count && same_group(fields[i].name, fields[next].name);) next++;
        /* Copy the layer only if all of its blocks fit. */
        if (!takes(file, fields + i, next - i, other_delays, left)) continue;
        snprintf(group, sizeof group, "%.*s", (int)group_length(fields[i].name), fields[i].name);
        add(taken, group);
        for (size_t k = i; k < next; k++) fields[kept++] = fields[k];
    }
    return kept;
}

/* ---- Taking ------------------------------------------------------------------------------- */

/* Copies the layers that fit and tells the observer. */
static hth_status take(const char *from, hth_safetensors *file, bool other_delays,
                       hth_field *fields, size_t count, const hth_observer *observer,
                       hth_error *error) {
    char sentence[1100];
    note taken = {"", 0}, left = {"", 0};
    /* Find the layers and copy them. */
    const size_t kept = choose(file, other_delays, fields, count, &taken, &left);
    if (kept == 0)
        return hth_fail(error, HTH_MISMATCH,
                        "train.from is %.100s, but none of its layers fits this network: %.300s",
                        from, left.text);
    HTH_TRY(hth_safetensors_restore(file, fields, kept, HTH_RESTORE_CONVERT, error));
    /* Tell which were copied and which were not. */
    const char *step = hth_safetensors_metadata(file, "step");
    snprintf(sentence, sizeof sentence, "Begins with parameters of %.100s at step %.20s: %s%s%s",
             from, step ? step : "?", taken.text, left.used ? "; not taken: " : "", left.text);
    if (observer && observer->message) observer->message(observer->context, sentence);
    return HTH_OK;
}

/* Lists the blocks of the module as files name them, "module.layer0.weight". */
static void list_module(hth_network *module, hth_field *fields, size_t count) {
    if (count == 0) return;
    hth_network_state(module, fields, count);
    for (size_t i = 0; i < count; i++) {
        hth_field *field = &fields[i];
        char name[sizeof field->name];
        if (snprintf(name, sizeof name, "module.%s", field->name) < (int)sizeof name)
            memcpy(field->name, name, sizeof name);
    }
}

/* Lists the blocks of both networks and takes those that fit. */
static hth_status take_blocks(const char *from, hth_safetensors *file, const hth_settings *settings,
                              hth_network *network, hth_network *module,
                              const hth_observer *observer, hth_error *error) {
    const bool other_delays = differs_in_delays(file, settings, network);
    const size_t own = hth_network_state(network, NULL, 0);
    const size_t count = own + (module ? hth_network_state(module, NULL, 0) : 0);
    hth_field *fields = calloc(count + 1, sizeof *fields);
    if (!fields)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the parameters of %s", from);
    hth_network_state(network, fields, own);
    list_module(module, fields + own, count - own);
    const hth_status status = take(from, file, other_delays, fields, count, observer, error);
    free(fields);
    return status;
}

hth_status hth_adopt(const char *from, const hth_settings *settings, hth_network *network,
                     hth_network *module, const hth_observer *observer, hth_error *error) {
    hth_safetensors *file;
    HTH_TRY(open_source(from, &file, error));
    const hth_status status =
        hth_torch_has(file) ? hth_torch_adopt(from, file, settings, network, observer, error)
                            : take_blocks(from, file, settings, network, module, observer, error);
    hth_safetensors_close(file);
    hth_network_keep_weights(network); /* the other run may have had other connections */
    if (module) hth_network_keep_weights(module);
    return status;
}
