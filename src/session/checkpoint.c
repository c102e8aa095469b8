/*
 * A checkpoint holds the state fields of all handles as named tensors, and the settings of the run as metadata. The
 * newest checkpoint is checkpoint.safetensors, the one before it checkpoint.previous.safetensors. Each is written under
 * another name and then renamed, so one of the two can be read at any moment. checkpoint.best.safetensors holds only
 * the parameters.
 *
 * A run gives up a checkpoint only if the file was read to its end and is wrong (HTH_DAMAGED); it then renames the file
 * and keeps it. A file that the system cannot read today may be readable tomorrow.
 */
#include "session/checkpoint.h"

#include "files/tensors.h"
#include "network/inspect.h"
#include "session/checkpoint_fields.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char newest[] = "checkpoint.safetensors";
static const char previous[] = "checkpoint.previous.safetensors";
static const char best[] = "checkpoint.best.safetensors";

/* ---- Saving ------------------------------------------------------------------------------- */

/* Makes the newest checkpoint also the previous one, by a hard link; on file systems without links it is renamed. */
static hth_status keep_previous(const char *now, const char *before, hth_error *error) {
    bool there;
    HTH_TRY(hth_file_look(now, &there, error));
    if (!there) return HTH_OK;
    unlink(before);
    if (link(now, before) == 0 || rename(now, before) == 0) return HTH_OK;
    return hth_file_fail(before, "written", error);
}

/* A `writer` for the newest checkpoint. */
static hth_status write_newest(const char *run, const hth_field_list *fields,
                               const hth_metadata *metadata, size_t count, hth_error *error) {
    char now[HTH_PATH_LENGTH], before[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(run, newest, now, error));
    HTH_TRY(hth_rundir_file(run, previous, before, error));
    HTH_TRY(keep_previous(now, before, error));
    return hth_safetensors_write(now, fields->items, fields->count, metadata, count, error);
}

/* A `writer` for the best parameters. */
static hth_status write_best(const char *run, const hth_field_list *fields,
                             const hth_metadata *metadata, size_t count, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(run, best, path, error));
    return hth_safetensors_write(path, fields->items, fields->count, metadata, count, error);
}

/* The handles of a session that a checkpoint must hold. The gradient is among them only with updates at the ends of
 * sequences, or where it fades from step to step; otherwise it is 0 between tapes. */
static hth_handles handles_of(const hth_session *s) {
    hth_handles handles = {.parts = s->parts,
                           .source = &s->train,
                           .moments = &s->moments,
                           .guest = &s->guest,
                           .replayer = s->replayer,
                           .outer = s->outer,
                           .transfer = &s->transfer,
                           .shares = s->shares};
    if (!s->update_sequence && !s->by_step) handles.parts.gradient = NULL;
    return handles;
}

/* The handles that have parameters, of which the checkpoint of the best validation is made. */
static hth_handles parameters_of(const hth_session *s) {
    return (hth_handles){.parts.network = s->parts.network, .outer = s->outer};
}

/* Writes fields and metadata to a file of the run folder. */
typedef hth_status (*writer)(const char *run, const hth_field_list *fields,
                             const hth_metadata *metadata, size_t count, hth_error *error);

/* Text of the number of the network's connections and delays; "": it has all, and none. */
static void wiring_text(const hth_handles *handles, char out[24]) {
    const uint64_t number = handles->parts.network ? hth_network_wiring(handles->parts.network) : 0;
    out[0] = '\0';
    if (number) snprintf(out, 24, "%016llx", (unsigned long long)number);
}

/* Text of the number of what the training files hold; "": there are none. */
static void content_text(const hth_handles *handles, char out[24]) {
    const uint64_t number = handles->source ? handles->source->content : 0;
    out[0] = '\0';
    if (number) snprintf(out, 24, "%016llx", (unsigned long long)number);
}

/* What is said of the run beside its fields. */
typedef struct account {
    const hth_identity *identity;
    uint64_t step;
    const hth_counters *counters; /* NULL: of the parameters alone */
    const char *wiring, *content;
} account;

/* Writes the fields. The metadata are the settings of the run's identity, the version, the step, the phase and the
 * numbers of the connections and of the training files. */
static hth_status put(const char *run, const hth_field_list *fields, const account *of,
                      writer write, hth_error *error) {
    const hth_identity *identity = of->identity;
    char number[32], phase[24];
    /* List the settings. */
    hth_metadata *metadata = calloc(identity->count + 5, sizeof *metadata);
    for (size_t i = 0; metadata && i < identity->count; i++)
        metadata[i] = (hth_metadata){identity->items[i].key, identity->items[i].value};
    snprintf(number, sizeof number, "%llu", (unsigned long long)of->step);
    /* Add version and step, and write the file. */
    hth_status status = HTH_NO_MEMORY;
    if (metadata) {
        metadata[identity->count] = (hth_metadata){"hitherto", hth_version()};
        metadata[identity->count + 1] = (hth_metadata){"step", number};
        size_t used = identity->count + 2;
        snprintf(phase, sizeof phase, "%llu",
                 (unsigned long long)(of->counters ? of->counters->phase : 0));
        if (identity->phases && of->counters) metadata[used++] = (hth_metadata){"phase", phase};
        if (*of->wiring) metadata[used++] = (hth_metadata){"connections", of->wiring};
        if (*of->content) metadata[used++] = (hth_metadata){"data", of->content};
        status = write(run, fields, metadata, used, error);
    } else
        hth_fail(error, status, "not enough memory for a checkpoint");
    free(metadata);
    return status;
}

/* Saves the handles and counters (NULL: none), those of all ranks, which only rank 0 goes on to write. */
static hth_status save(const char *run, const hth_handles *handles, hth_counters *counters,
                       uint64_t step, const hth_identity *identity, writer write,
                       hth_error *error) {
    const hth_ranks *ranks = handles->shares ? handles->shares->ranks : &hth_ranks_alone;
    char wiring[24], content[24];
    hth_field_list fields;
    hth_fetched others = {0};
    HTH_TRY(hth_checkpoint_gather(handles, counters, &fields, error));
    wiring_text(handles, wiring);
    content_text(handles, content);
    const account of = {identity, step, counters, wiring, content};
    hth_status status = HTH_OK;
    if (handles->shares) status = hth_checkpoint_fetch(handles, &fields, &others, error);
    if (status == HTH_OK && ranks->rank == 0) status = put(run, &fields, &of, write, error);
    free(fields.items);
    free(others.fields);
    free(others.data);
    return status;
}

hth_status hth_checkpoint_save(const char *run, const hth_session *session, hth_counters *counters,
                               const hth_identity *identity, hth_error *error) {
    const hth_handles handles = handles_of(session);
    return save(run, &handles, counters, counters->walked.step, identity, write_newest, error);
}

hth_status hth_checkpoint_save_best(const char *run, const hth_session *session, uint64_t step,
                                    const hth_identity *identity, hth_error *error) {
    const hth_handles handles = parameters_of(session);
    return save(run, &handles, NULL, step, identity, write_best, error);
}

/* ---- Holding the best -------------------------------------------------------------------- */

struct hth_held_best {
    hth_field_list fields; /* their data are copies */
    uint64_t step;
    char wiring[24];
};

void hth_held_best_free(hth_held_best *held) {
    if (!held) return;
    for (size_t i = 0; i < held->fields.count; i++) free(held->fields.items[i].data);
    free(held->fields.items);
    free(held);
}

/* Makes the data of the fields copies of their own; false without memory, when the rest has no data. */
static bool copy_data(hth_field_list *fields) {
    bool good = true;
    for (size_t i = 0; i < fields->count; i++) {
        hth_field *field = &fields->items[i];
        const size_t size = field->count * hth_dtype_size(hth_dtype_name(field->dtype));
        void *copy = good ? malloc(size + 1) : NULL;
        if (copy) memcpy(copy, field->data, size);
        field->data = copy;
        good = copy != NULL;
    }
    return good;
}

hth_status hth_checkpoint_hold_best(const hth_session *session, uint64_t step, hth_held_best **held,
                                    hth_error *error) {
    const hth_handles handles = parameters_of(session);
    hth_held_best *copy = calloc(1, sizeof *copy);
    hth_status status = HTH_NO_MEMORY;
    if (!copy) return hth_fail(error, status, "not enough memory for the best parameters");
    /* List the fields, and copy what they hold. */
    copy->step = step;
    wiring_text(&handles, copy->wiring);
    status = hth_checkpoint_gather(&handles, NULL, &copy->fields, error);
    if (status == HTH_OK && !copy_data(&copy->fields))
        status = hth_fail(error, HTH_NO_MEMORY, "not enough memory for the best parameters");
    /* They take the place of those before. */
    hth_held_best_free(status == HTH_OK ? *held : copy);
    if (status == HTH_OK) *held = copy;
    return status;
}

hth_status hth_checkpoint_save_held(const char *run, const hth_held_best *held,
                                    const hth_identity *identity, hth_error *error) {
    const account of = {identity, held->step, NULL, held->wiring, ""};
    return put(run, &held->fields, &of, write_best, error);
}

/* ---- Setting aside ------------------------------------------------------------------------ */

/* Renames a file to the first free name of checkpoint.damaged.safetensors, checkpoint.damaged-2.safetensors, ... `out`
 * gets the new path. */
static hth_status rename_aside(const char *run, const char *path, char out[HTH_PATH_LENGTH],
                               hth_error *error) {
    char name[64] = "checkpoint.damaged.safetensors";
    bool taken = true;
    for (unsigned number = 2; taken; number++) {
        HTH_TRY(hth_rundir_file(run, name, out, error));
        HTH_TRY(hth_file_look(out, &taken, error));
        snprintf(name, sizeof name, "checkpoint.damaged-%u.safetensors", number);
    }
    return rename(path, out) == 0 ? HTH_OK : hth_file_fail(path, "renamed", error);
}

/* Renames a file and tells the observer the reason, the new name, and what the run does `then`. */
static hth_status give_up(const char *run, const char *path, const char *reason, const char *then,
                          const hth_observer *observer, hth_error *error) {
    char aside[HTH_PATH_LENGTH], sentence[HTH_PATH_LENGTH + 640];
    HTH_TRY(rename_aside(run, path, aside, error));
    snprintf(sentence, sizeof sentence, "%s; it is kept as %s; %s", reason, strrchr(aside, '/') + 1,
             then);
    if (observer && observer->message) observer->message(observer->context, sentence);
    return HTH_OK;
}

hth_status hth_checkpoint_set_aside(const char *run, const char *reason,
                                    const hth_observer *observer, hth_error *error) {
    static const char *const names[] = {newest, previous};
    char path[HTH_PATH_LENGTH];
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        bool there;
        HTH_TRY(hth_rundir_file(run, names[i], path, error));
        HTH_TRY(hth_file_look(path, &there, error));
        if (there)
            HTH_TRY(
                give_up(run, path, reason, "the run begins at its first step", observer, error));
    }
    return HTH_OK;
}

/* ---- Loading ------------------------------------------------------------------------------ */

/* Compares the settings in a checkpoint with those of the run. HTH_MISMATCH names the first that differs. */
static hth_status compare_identity(const hth_safetensors *file, const char *path,
                                   const hth_identity *identity, hth_error *error) {
    /* Every setting of the run must be in the checkpoint. One that is not is younger than the checkpoint: at its
     * default it says what held before. */
    for (size_t i = 0; i < identity->count; i++) {
        const struct hth_identity_item *item = &identity->items[i];
        const char *stored = hth_safetensors_metadata(file, item->key);
        if (!hth_identity_counts(identity, item->key)) continue;
        if (stored ? hth_same_value(stored, item->value) : item->by_default) continue;
        if (stored)
            return hth_fail(error, HTH_MISMATCH,
                            "%s: the checkpoint has %s '%.60s', the settings say '%.60s'", path,
                            item->key, stored, item->value);
        return hth_fail(error, HTH_MISMATCH,
                        "%s: the checkpoint is of a run without %s, the settings say '%.60s'", path,
                        item->key, item->value);
    }
    /* Every setting of the checkpoint must be in the run. */
    hth_metadata entry;
    for (size_t i = 0; hth_safetensors_metadata_at(file, i, &entry); i++) {
        bool known = !hth_identity_counts(identity, entry.key);
        for (size_t j = 0; !known && j < identity->count; j++)
            known = strcmp(identity->items[j].key, entry.key) == 0;
        if (!known)
            return hth_fail(error, HTH_MISMATCH,
                            "%s: the checkpoint has %s '%.60s', the settings have none", path,
                            entry.key, entry.value);
    }
    return HTH_OK;
}

/* HTH_MISMATCH when a run that is to go on has other connections or delays than its checkpoint. */
static hth_status compare_wiring(const hth_safetensors *file, const char *path,
                                 const hth_handles *into, hth_error *error) {
    char wiring[24];
    const char *stored = hth_safetensors_metadata(file, "connections");
    wiring_text(into, wiring);
    if (strcmp(stored ? stored : "", wiring) == 0) return HTH_OK;
    return hth_fail(error, HTH_MISMATCH,
                    "%s: the checkpoint is of a network with other connections or delays than the "
                    "data give now (arrays w_rec_mask, w_in_mask, w_rec_delay, w_in_delay); give "
                    "the arrays that the run began with",
                    path);
}

/* HTH_MISMATCH when the training files of a run that is to go on hold something else than where it began, or are a pipe
 * now, which cannot be read twice. Older checkpoints do not say. */
static hth_status compare_content(const hth_safetensors *file, const char *path,
                                  const hth_handles *into, hth_error *error) {
    char content[24];
    const char *stored = hth_safetensors_metadata(file, "data");
    content_text(into, content);
    if (!stored || strcmp(stored, content) == 0) return HTH_OK;
    if (!*content)
        return hth_fail(error, HTH_MISMATCH,
                        "%s: the run has learned from files, but the training data are a pipe now, "
                        "whose content cannot be compared: give the files that it began with (they "
                        "may be moved: data.file=PATH), or begin another run with its parameters "
                        "(train --from RUN)",
                        path);
    return hth_fail(error, HTH_MISMATCH,
                    "%s: the run has learned from training data of another content than the "
                    "files have now: give those that it began with (they may be moved: "
                    "data.file=PATH), or begin another run with its parameters (train --from RUN)",
                    path);
}

/* A list of fields to restore, and how to restore them. */
typedef struct loading {
    const hth_handles *into;
    hth_counters *counters; /* NULL: none are wanted */
    const hth_identity *identity;
    const hth_phase_turn *turn;   /* NULL: there are no phases */
    const hth_observer *observer; /* NULL: change no file */
} loading;

/* Whether the file has a tensor with this name. */
static bool has_tensor(const hth_safetensors *file, const char *name) {
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(tensors[i].name, name) == 0) return true;
    return false;
}

/* Turns the session to the phase of the file. */
static hth_status turn_to_phase(const loading *l, const hth_safetensors *file, const char *path,
                                hth_error *error) {
    const char *text = hth_safetensors_metadata(file, "phase");
    char *end = NULL;
    const uint64_t phase = text ? strtoull(text, &end, 10) : 0;
    if (!l->turn) return HTH_OK;
    if (!text || end == text || *end)
        return hth_fail(error, HTH_DAMAGED, "%s: it does not say which phase it is of", path);
    return l->turn->to(l->turn->context, phase, error);
}

/* Restores the fields from an open file whose settings match. */
static hth_status restore(const loading *l, hth_safetensors *file, const char *path,
                          hth_error *error) {
    const bool parted = l->into->shares && l->into->shares->ranks->count > 1;
    const unsigned flags = l->identity->network_only ? HTH_RESTORE_CONVERT
                           : parted                  ? HTH_RESTORE_EXACT /* others have the rest */
                                                     : HTH_RESTORE_ALL;
    hth_field_list fields;
    HTH_TRY(compare_identity(file, path, l->identity, error));
    if (!l->identity->network_only) HTH_TRY(compare_wiring(file, path, l->into, error));
    HTH_TRY(turn_to_phase(l, file, path, error));
    if (!l->identity->network_only) HTH_TRY(compare_content(file, path, l->into, error));
    /* List the fields. Leave out counters that an older file lacks. */
    HTH_TRY(hth_checkpoint_gather(l->into, l->counters, &fields, error));
    size_t count = fields.count;
    for (size_t i = 0; l->counters && i < HTH_LATER_COUNTERS; i++)
        count -= !has_tensor(file, fields.items[count - 1].name);
    const hth_status status = hth_safetensors_restore(file, fields.items, count, flags, error);
    free(fields.items);
    return status == HTH_OK ? hth_checkpoint_settle(l->into, path, error) : status;
}

/* Restores the fields from one file. */
static hth_status load_file(const loading *l, const char *path, hth_error *error) {
    hth_safetensors *file;
    HTH_TRY(hth_safetensors_open(path, &file, error));
    const hth_status status = restore(l, file, path, error);
    hth_safetensors_close(file);
    return status;
}

/* Restores the newest checkpoint of a folder; if it is damaged, the previous one. The damaged file is renamed only
 * after the previous one could be read. */
static hth_status load_newest(const char *run, const loading *l, bool *found, hth_error *error) {
    char now[HTH_PATH_LENGTH], before[HTH_PATH_LENGTH];
    bool has_now, has_before;
    hth_error reason = {0};
    HTH_TRY(hth_rundir_file(run, newest, now, error));
    HTH_TRY(hth_rundir_file(run, previous, before, error));
    /* Which of the two files are there? */
    HTH_TRY(hth_file_look(now, &has_now, error));
    HTH_TRY(hth_file_look(before, &has_before, error));
    *found = has_now || has_before;
    if (!*found) return HTH_OK;
    if (!has_now) return load_file(l, before, error);
    /* Try the newest. */
    const hth_status status = load_file(l, now, &reason);
    if (status == HTH_OK) return status;
    /* If it is damaged, take the previous one. */
    if (status != HTH_DAMAGED || !has_before || !l->observer)
        return hth_fail(error, status, "%s", reason.message);
    HTH_TRY(load_file(l, before, error));
    return give_up(run, now, reason.message, "going on from the checkpoint before it", l->observer,
                   error);
}

/* Restores handles and counters (NULL: none) from a run folder or a checkpoint file. */
static hth_status load(const char *run, const hth_handles *into, hth_counters *counters,
                       const hth_identity *identity, const hth_phase_turn *turn,
                       const hth_observer *observer, bool *found, hth_error *error) {
    const loading l = {.into = into,
                       .counters = counters,
                       .identity = identity,
                       .turn = turn,
                       .observer = observer};
    char folder[HTH_PATH_LENGTH];
    bool by_file;
    HTH_TRY(hth_rundir_of(run, folder, &by_file, error));
    *found = by_file;
    return by_file ? load_file(&l, run, error) : load_newest(run, &l, found, error);
}

hth_status hth_checkpoint_load(const char *run, const hth_session *session, hth_counters *counters,
                               const hth_identity *identity, const hth_phase_turn *turn,
                               const hth_observer *observer, bool *found, hth_error *error) {
    const hth_handles handles = handles_of(session);
    return load(run, &handles, counters, identity, turn, observer, found, error);
}

hth_status hth_run_restore(const char *run, const hth_settings *settings, const hth_handles *into,
                           hth_error *error) {
    hth_identity identity;
    bool found = false;
    HTH_TRY(hth_identity_make(settings, &identity, error));
    identity.network_only = true;
    hth_status status = load(run, into, NULL, &identity, NULL, NULL, &found, error);
    if (status == HTH_OK && !found)
        status = hth_fail(error, HTH_FILE, "%s: there is no checkpoint", run);
    hth_identity_free(&identity);
    return status;
}
