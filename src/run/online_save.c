/* The snapshot of a stream: all of its state as named arrays, and its settings as metadata, in one safetensors file. */
#include "run/online_state.h"

#include "files/draft.h"
#include "files/safetensors.h"
#include "files/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Arrays of the stream; then the saved model, then the parameters by name, for other tools. */
enum { OWN_FIELDS = 11 };
enum { FIRST_COUNTERS = 4 }; /* that all snapshots have */
static const char COLUMNS[] = "columns", KIND[] = "kind", STREAM[] = "stream", NAMES[] = "names";

static hth_field list_of(const char *name, hth_dtype dtype, size_t count, void *data) {
    hth_field field = {.dtype = dtype, .count = count, .data = data};
    snprintf(field.name, sizeof field.name, "stream.%s", name);
    return field;
}

#define NUMBERS(type, count) ((count) * sizeof(type) / sizeof(double))
static size_t list_own(hth_online *o, hth_field fields[OWN_FIELDS]) {
    const hth_field own[] = {
        list_of("counters", HTH_DTYPE_U64, NUMBERS(hth_online_counters, 1), o->counters),
        list_of("score", HTH_DTYPE_F64, NUMBERS(hth_online_score, 1), o->score),
        list_of("input_scale", HTH_DTYPE_F64, NUMBERS(hth_scale, o->inputs), o->input_scale),
        list_of("output_scale", HTH_DTYPE_F64, NUMBERS(hth_scale, o->targets), o->output_scale),
        list_of("base_scale", HTH_DTYPE_F64, NUMBERS(hth_scale, o->targets), o->base_scale),
        list_of("held", HTH_DTYPE_F64, o->inputs, o->held),
        list_of("known", HTH_DTYPE_F64, o->targets, o->known),
        list_of("waiting", HTH_DTYPE_F64, o->slots * o->slot_width, o->slot),
        list_of("waiting_name", HTH_DTYPE_U64, o->slots, o->slot_name),
        list_of("waiting_open", HTH_DTYPE_U64, o->slots, o->slot_open),
        list_of("class_counts", HTH_DTYPE_F64, o->classes, o->class_counts),
    };
    memcpy(fields, own, sizeof own);
    return o->classes ? OWN_FIELDS : OWN_FIELDS - 1;
}

static char *join_names(const hth_rows *rows, char *at, size_t count,
                        void (*name)(const hth_rows *, size_t, char *, size_t)) {
    for (size_t i = 0; i < count; i++) {
        name(rows, i, at, 80);
        at += strlen(at);
        if (i + 1 < count) at += sprintf(at, ", ");
    }
    return at;
}

char *hth_online_columns(const hth_online *o) {
    const size_t size = 82 * (o->inputs + o->targets) + strlen(o->options.classes) + 100;
    char *text = malloc(size);
    if (!text) return NULL;
    char *at = join_names(o->rows, text, o->inputs, hth_rows_input_name);
    at += sprintf(at, " | ");
    at = join_names(o->rows, at, o->targets, hth_rows_target_name);
    snprintf(at, size - (size_t)(at - text), " | ahead %lld, standardise %d, change %d%s%s",
             (long long)o->options.ahead, o->options.standardise, o->options.change,
             *o->options.classes ? ", classes " : "", o->options.classes);
    return text;
}

/* ---- Saving ------------------------------------------------------------------------------- */

/* What a snapshot writes; free_saved frees it. */
typedef struct saved {
    hth_field *fields;
    size_t count;
    hth_metadata *metadata;
    size_t metadata_count;
    uint64_t *model;
    char *columns, *names;
} saved;

static void free_saved(saved *s) {
    free(s->fields);
    free(s->metadata);
    free(s->model);
    free(s->columns);
    free(s->names);
}

static bool gather_fields(hth_online *o, saved *s) {
    hth_network *network = hth_model_parts_of(o->model)->network;
    const size_t bytes = hth_model_save_bytes(o->model), words = (bytes + 7) / 8;
    const size_t parameters = hth_network_state(network, NULL, 0);
    s->fields = calloc(OWN_FIELDS + 1 + parameters, sizeof *s->fields);
    s->model = calloc(words, sizeof *s->model);
    if (!s->fields || !s->model) return false;
    o->counters->model_bytes = bytes;
    s->count = list_own(o, s->fields);
    s->fields[s->count++] = list_of("model", HTH_DTYPE_U64, words, s->model);
    s->count += hth_network_state(network, s->fields + s->count, parameters);
    return true;
}

static bool gather_metadata(hth_online *o, saved *s) {
    const hth_settings given = hth_config_given(o->config);
    s->metadata = calloc(given.count + 4, sizeof *s->metadata);
    s->columns = hth_online_columns(o);
    s->names = hth_rows_names(o->rows);
    if (!s->metadata || !s->columns || !s->names) return false;
    s->metadata[s->metadata_count++] = (hth_metadata){"hitherto", hth_version()};
    s->metadata[s->metadata_count++] = (hth_metadata){KIND, STREAM};
    s->metadata[s->metadata_count++] = (hth_metadata){COLUMNS, s->columns};
    if (*s->names) s->metadata[s->metadata_count++] = (hth_metadata){NAMES, s->names};
    /* Of a setting that was given twice the last counts. */
    for (size_t i = 0; i < given.count; i++)
        if (hth_settings_find(&given, given.items[i].key) == &given.items[i])
            s->metadata[s->metadata_count++] =
                (hth_metadata){given.items[i].key, given.items[i].value};
    return true;
}

/* Parameters that are no numbers must not take the place of some that were. */
static hth_status check_parameters(const hth_online *o, const char *path, hth_error *error) {
    hth_network *network = hth_model_parts_of(o->model)->network;
    const hth_real *theta = hth_network_parameters(network);
    const size_t count = hth_network_parameter_count(network);
    for (size_t i = 0; i < count; i++)
        if (!isfinite((double)theta[i]))
            return hth_fail(error, HTH_NOT_FINITE,
                            "row %llu: the parameters are no finite numbers any more: learning has "
                            "diverged; %s stays as "
                            "it was; take a smaller optimiser.lr, or optimiser.clip_norm=1",
                            (unsigned long long)o->counters->rows, path);
    return HTH_OK;
}

hth_status hth_online_save(hth_online *o, const char *path, hth_error *error) {
    saved s = {0};
    HTH_TRY(check_parameters(o, path, error));
    hth_status status = HTH_NO_MEMORY;
    if (!gather_fields(o, &s) || !gather_metadata(o, &s))
        hth_fail(error, status, "%s: not enough memory to save the stream", path);
    else
        status = hth_model_save(o->model, s.model, o->counters->model_bytes, error);
    if (status == HTH_OK)
        status =
            hth_safetensors_write(path, s.fields, s.count, s.metadata, s.metadata_count, error);
    free_saved(&s);
    return status;
}

hth_status hth_online_pass_on(const char *snapshot, const char *path, hth_error *error) {
    hth_draft draft;
    FILE *from = fopen(snapshot, "rbe");
    if (!from) return hth_file_fail(snapshot, "read", error);
    hth_status status = hth_draft_begin(path, &draft, error);
    if (status == HTH_OK) status = hth_draft_end(&draft, hth_file_pour(from, draft.file), error);
    fclose(from);
    return status;
}

/* ---- Loading ------------------------------------------------------------------------------ */

static hth_status check_kind(const hth_safetensors *file, const char *path, hth_error *error) {
    const char *kind = hth_safetensors_metadata(file, KIND);
    if (kind && strcmp(kind, STREAM) == 0) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s is no snapshot of 'hitherto stream' (--save); to begin with the parameters "
                    "of a run: --from %s",
                    path, path);
}

/* A snapshot of other columns would give numbers without meaning. */
static hth_status check_columns(const hth_online *o, const hth_safetensors *file, const char *path,
                                hth_error *error) {
    const char *before = hth_safetensors_metadata(file, COLUMNS);
    char *now = hth_online_columns(o);
    if (!now) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
    hth_status status = HTH_OK;
    if (!before || strcmp(before, now) != 0)
        status = hth_fail(
            error, HTH_MISMATCH,
            "%s is of other rows: its inputs | targets | settings are '%.200s', here '%.200s'",
            path, before ? before : "", now);
    free(now);
    return status;
}

/* Numbers of an array in the file; 0: there is none. Those of the saved model depend on what waits in it (a gradient
 * without an update). */
static size_t length_of(const hth_safetensors *file, const char *name) {
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].name, name) == 0) return (size_t)tensors[i].count;
    return 0;
}

/* Takes up the arrays of the stream, then the model, which judges its own bytes. */
static hth_status take_up(hth_online *o, hth_safetensors *file, const char *path, uint64_t *model,
                          size_t words, hth_error *error) {
    hth_field fields[OWN_FIELDS + 1];
    size_t count = list_own(o, fields);
    const size_t counters = length_of(file, "stream.counters");
    if (counters >= FIRST_COUNTERS && counters < fields[0].count) fields[0].count = counters;
    fields[count++] = list_of("model", HTH_DTYPE_U64, words, model);
    HTH_TRY(hth_safetensors_restore(file, fields, count, HTH_RESTORE_EXACT, error));
    const uint64_t bytes = o->counters->model_bytes;
    if (bytes / 8 + (bytes % 8 > 0) != words)
        return hth_fail(error, HTH_DAMAGED,
                        "%s: the model has %llu bytes, but stream.model has %zu numbers of 8", path,
                        (unsigned long long)bytes, words);
    if (!(o->score->count >= 0 && o->score->count < 0x1p53))
        return hth_fail(error, HTH_DAMAGED, "%s: the score counts %g answers", path,
                        o->score->count);
    return hth_model_load(o->model, model, (size_t)bytes, error);
}

static hth_status restore(hth_online *o, hth_safetensors *file, const char *path,
                          hth_error *error) {
    const size_t words = length_of(file, "stream.model");
    uint64_t *model = calloc(words + 1, sizeof *model);
    if (!model) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
    const hth_status status = take_up(o, file, path, model, words, error);
    free(model);
    return status;
}

bool hth_online_is_snapshot(const char *path) {
    hth_safetensors *file;
    if (hth_safetensors_open(path, &file, NULL) != HTH_OK) return false;
    const bool is = check_kind(file, path, NULL) == HTH_OK;
    hth_safetensors_close(file);
    return is;
}

hth_status hth_online_names(const char *path, char **out, hth_error *error) {
    hth_safetensors *file;
    HTH_TRY(hth_safetensors_open(path, &file, error));
    hth_status status = check_kind(file, path, error);
    const char *names = status == HTH_OK ? hth_safetensors_metadata(file, NAMES) : NULL;
    *out = names ? strdup(names) : NULL;
    if (names && !*out) status = hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
    hth_safetensors_close(file);
    return status;
}

hth_status hth_online_load(hth_online *o, const char *path, hth_error *error) {
    hth_safetensors *file;
    HTH_TRY(hth_safetensors_open(path, &file, error));
    hth_status status = check_kind(file, path, error);
    if (status == HTH_OK) status = check_columns(o, file, path, error);
    if (status == HTH_OK) status = restore(o, file, path, error);
    hth_safetensors_close(file);
    return status;
}

hth_status hth_online_settings(const char *path, hth_config *config, hth_error *error) {
    hth_safetensors *file;
    hth_metadata entry;
    HTH_TRY(hth_safetensors_open(path, &file, error));
    hth_status status = check_kind(file, path, error);
    for (size_t i = 0; status == HTH_OK && hth_safetensors_metadata_at(file, i, &entry); i++)
        if (strchr(entry.key, '.'))
            status = hth_config_set(config, entry.key, entry.value, path, error);
    config->settled = config->count;
    hth_safetensors_close(file);
    return status;
}
