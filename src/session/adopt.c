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

/* ---- Which layers are wanted -------------------------------------------------------------- */

/* The next word of "0, readout", without the space around it; returns what follows its comma, NULL at the end. */
static const char *next_word(const char *at, char out[64]) {
    const size_t length = strcspn(at, ",");
    const char *end = at + length, *last = end;
    while (at < end && *at == ' ') at++;
    while (last > at && last[-1] == ' ') last--;
    snprintf(out, 64, "%.*s", (int)(last - at), at);
    return *end ? end + 1 : NULL;
}

/* Whether a word of the list names the group: "layer0" or "0", "readout". */
static bool names(const char *word, const char *group) {
    return strcmp(word, group) == 0 ||
           (strncmp(group, "layer", 5) == 0 && strcmp(word, group + 5) == 0);
}

static bool is_wanted(const char *list, const char *group) {
    char word[64];
    if (!*list) return true;
    for (const char *at = list; at;) {
        at = next_word(at, word);
        if (names(word, group)) return true;
    }
    return false;
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

/* What is asked for: the file, and which layers of it. */
typedef struct wish {
    const char *from, *layers;
    hth_safetensors *file;
    bool other_delays;
} wish;

/* The name of a field's layer. */
static void name_group(const hth_field *field, char out[sizeof field->name]) {
    snprintf(out, sizeof field->name, "%.*s", (int)group_length(field->name), field->name);
}

/* Every word of the list must name a layer of the network. */
static hth_status check_wish(const wish *w, const hth_field *fields, size_t count,
                             hth_error *error) {
    char word[64], group[sizeof fields->name];
    note all = {"", 0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && same_group(fields[i].name, fields[i - 1].name)) continue;
        name_group(&fields[i], group);
        add(&all, group);
    }
    for (const char *at = *w->layers ? w->layers : NULL; at;) {
        bool there = false;
        at = next_word(at, word);
        for (size_t i = 0; i < count && !there; i++) {
            name_group(&fields[i], group);
            there = names(word, group);
        }
        if (!there)
            return hth_fail(error, HTH_INVALID,
                            "train.from_layers names '%.40s', but this network has %.200s", word,
                            all.text);
    }
    return HTH_OK;
}

/* Moves the fields that will be copied to the front and returns their number. Notes the names of copied layers in
 * *taken and of blocks that do not fit in *left. *all: everything that was wanted will be. */
static size_t choose(const wish *w, hth_field *fields, size_t count, note *taken, note *left,
                     bool *all) {
    size_t kept = 0;
    *all = true;
    for (size_t i = 0, next; i < count; i = next) {
        char group[sizeof fields->name];
        for (next = i; next < count && same_group(fields[i].name, fields[next].name);) next++;
        name_group(&fields[i], group);
        if (!is_wanted(w->layers, group)) continue;
        /* Copy the layer only if all of its blocks fit. */
        if (!takes(w->file, fields + i, next - i, w->other_delays, left)) {
            *all = false;
            continue;
        }
        add(taken, group);
        for (size_t k = i; k < next; k++) fields[kept++] = fields[k];
    }
    return kept;
}

/* ---- Taking ------------------------------------------------------------------------------- */

/* Copies the layers that are wanted and fit, and tells the observer. */
static hth_status take(const wish *w, hth_field *fields, size_t count, const hth_observer *observer,
                       hth_error *error) {
    char sentence[1100];
    bool all;
    note taken = {"", 0}, left = {"", 0};
    /* Find the layers and copy them. */
    HTH_TRY(check_wish(w, fields, count, error));
    const size_t kept = choose(w, fields, count, &taken, &left, &all);
    if (kept == 0 || (*w->layers && !all))
        return hth_fail(error, HTH_MISMATCH, "train.from is %.100s, but %s: %.300s", w->from,
                        *w->layers ? "it does not have all of train.from_layers as this network has"
                                   : "none of its layers fits this network",
                        left.text);
    HTH_TRY(hth_safetensors_restore(w->file, fields, kept, HTH_RESTORE_CONVERT, error));
    /* Tell which were copied and which were not. */
    const char *step = hth_safetensors_metadata(w->file, "step");
    snprintf(sentence, sizeof sentence, "Begins with parameters of %.100s%s%.20s: %s%s%s", w->from,
             step ? " at step " : "", step ? step : "", taken.text,
             left.used ? "; not taken: " : "", left.text);
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

/* Lists the blocks of both networks and takes those that are wanted and fit. */
static hth_status take_blocks(wish *w, const hth_settings *settings, hth_network *network,
                              hth_network *module, const hth_observer *observer, hth_error *error) {
    w->other_delays = differs_in_delays(w->file, settings, network);
    const size_t own = hth_network_state(network, NULL, 0);
    const size_t count = own + (module ? hth_network_state(module, NULL, 0) : 0);
    hth_field *fields = calloc(count + 1, sizeof *fields);
    if (!fields)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the parameters of %s",
                        w->from);
    hth_network_state(network, fields, own);
    list_module(module, fields + own, count - own);
    const hth_status status = take(w, fields, count, observer, error);
    free(fields);
    return status;
}

/* A file with torch's names is taken as a whole. */
static hth_status take_torch(const wish *w, const hth_settings *settings, hth_network *network,
                             const hth_observer *observer, hth_error *error) {
    if (*w->layers)
        return hth_fail(error, HTH_INVALID,
                        "train.from_layers is '%.60s', but %.200s has the names of torch, whose "
                        "modules are taken as a whole: leave it out",
                        w->layers, w->from);
    return hth_torch_adopt(w->from, w->file, settings, network, observer, error);
}

hth_status hth_adopt(const char *from, const char *layers, const hth_settings *settings,
                     hth_network *network, hth_network *module, const hth_observer *observer,
                     hth_error *error) {
    wish w = {.from = from, .layers = layers};
    HTH_TRY(open_source(from, &w.file, error));
    const hth_status status = hth_torch_has(w.file)
                                  ? take_torch(&w, settings, network, observer, error)
                                  : take_blocks(&w, settings, network, module, observer, error);
    hth_safetensors_close(w.file);
    hth_network_keep_weights(network); /* the other run may have had other connections */
    if (module) hth_network_keep_weights(module);
    return status;
}
