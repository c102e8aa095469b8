/* What a checkpoint holds: the state fields of all handles of a session, and the counters of its run, by name. */
#include "session/checkpoint_fields.h"

#include "network/inspect.h"
#include "optim/inspect.h"
#include "session/outer.h"
#include "session/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lists the fields of one handle, as hth_network_state does; 0 if `of` has no such handle. */
typedef size_t (*lister)(const hth_handles *of, hth_field *fields, size_t capacity);

static size_t list_network(const hth_handles *h, hth_field *fields, size_t capacity) {
    return h->parts.network ? hth_network_state(h->parts.network, fields, capacity) : 0;
}
static size_t list_tape(const hth_handles *h, hth_field *fields, size_t capacity) {
    return h->parts.tape ? hth_tape_state(h->parts.tape, fields, capacity) : 0;
}
static size_t list_learner(const hth_handles *h, hth_field *fields, size_t capacity) {
    return h->parts.learner ? hth_learner_state(h->parts.learner, fields, capacity) : 0;
}
static size_t list_optimiser(const hth_handles *h, hth_field *fields, size_t capacity) {
    return h->parts.optimiser ? hth_optimiser_state(h->parts.optimiser, fields, capacity) : 0;
}
static size_t list_stream(const hth_handles *h, hth_field *fields, size_t capacity) {
    const hth_stream_kind *kind = h->source ? h->source->kind : NULL;
    return kind && kind->state ? kind->state(h->source->state, fields, capacity) : 0;
}
static size_t list_guest(const hth_handles *h, hth_field *fields, size_t capacity) {
    const hth_guest *guest = h->guest;
    return guest && guest->kind ? guest->kind->state(guest->state, fields, capacity) : 0;
}
static size_t list_moments(const hth_handles *h, hth_field *fields, size_t capacity) {
    const hth_moments *m = h->moments;
    if (m && m->has_outcomes) {
        if (capacity > 0)
            fields[0] = (hth_field){"outcomes",
                                    HTH_DTYPE_F64,
                                    sizeof m->outcomes / sizeof(double),
                                    (void *)&m->outcomes,
                                    {0}};
        return 1;
    }
    if (!m || !m->sums) return 0;
    if (capacity > 0)
        fields[0] = (hth_field){"targets", HTH_DTYPE_F64, m->outputs + 1, m->sums, {0}};
    return 1;
}
static size_t list_module(const hth_handles *h, hth_field *fields, size_t capacity) {
    const hth_outer *o = h->outer;
    if (!o) return 0;
    const size_t count = hth_network_state(o->module, fields, capacity);
    const size_t used = count < capacity ? count : capacity;
    if (!h->parts.optimiser) return count; /* the parameters alone */
    return count +
           hth_optimiser_state(o->optimiser, fields ? fields + used : NULL, capacity - used);
}
static size_t list_gradient(const hth_handles *h, hth_field *fields, size_t capacity) {
    return h->parts.gradient ? hth_gradient_state(h->parts.gradient, fields, capacity) : 0;
}

static size_t list_transfer(const hth_handles *h, hth_field *fields, size_t capacity) {
    return h->transfer ? hth_transfer_state(h->transfer, fields, capacity) : 0;
}

static size_t list_replay(const hth_handles *h, hth_field *fields, size_t capacity) {
    return hth_replayer_state(h->replayer, fields, capacity);
}

hth_status hth_checkpoint_settle(const hth_handles *h, const char *path, hth_error *error) {
    size_t rows;
    if (!hth_replayer_is_sound(h->replayer))
        return hth_fail(error, HTH_DAMAGED,
                        "%s: replay.held, replay.lengths or replay.class_of are not those of a "
                        "memory of sequences",
                        path);
    const size_t own = h->shares ? h->shares->own_count : 0;
    bool good = !h->parts.gradient || hth_gradient_settle(h->parts.gradient, &rows);
    for (size_t i = 1; i < own && good && h->parts.gradient; i++)
        good = hth_gradient_settle(h->shares->own[i].gradient, &rows);
    if (good) return HTH_OK;
    return hth_fail(error, HTH_DAMAGED,
                    "%s: gradient.touched names rows of an embedding of %zu that are not there",
                    path, rows);
}

static const struct {
    const char *prefix; /* put before each name of the list; NULL: the guest's name */
    lister list;
} lists[] = {
    {"", list_network},   {"", list_tape},           {"learner.", list_learner},
    {"", list_optimiser}, {"stream.", list_stream},  {"gradient.", list_gradient},
    {NULL, list_guest},   {"metric.", list_moments}, {"module.", list_module},
    {"", list_transfer},  {"replay.", list_replay},
};

/* One counter: member of hth_counters, of its tally, or a double. */
#define COUNTER(member)                                                                            \
    { "run." #member, HTH_DTYPE_U64, offsetof(hth_counters, member), 1 }
#define WALKED(member, dtype)                                                                      \
    { "run." #member, dtype, offsetof(hth_counters, walked.member), 1 }
#define NUMBER(member)                                                                             \
    { "run." #member, HTH_DTYPE_F64, offsetof(hth_counters, member), 1 }
static const struct {
    const char *name;
    hth_dtype dtype;
    size_t offset, count;
} counter_list[] = {
    WALKED(step, HTH_DTYPE_U64),
    WALKED(epoch, HTH_DTYPE_U64),
    WALKED(epoch_over, HTH_DTYPE_U64),
    COUNTER(line_due),
    COUNTER(line_step),
    COUNTER(best_step),
    NUMBER(seconds),
    WALKED(sums.loss, HTH_DTYPE_F64),
    WALKED(sums.weight, HTH_DTYPE_F64),
    WALKED(sums.correct, HTH_DTYPE_F64),
    WALKED(sums.spikes, HTH_DTYPE_F64),
    WALKED(sums.regulariser, HTH_DTYPE_F64),
    WALKED(sums.decisions, HTH_DTYPE_F64),
    WALKED(sums.right, HTH_DTYPE_F64),
    NUMBER(train_loss),
    NUMBER(train_metric),
    NUMBER(validation_loss),
    NUMBER(validation_metric),
    NUMBER(best_loss),
    NUMBER(best_metric),
    {"run.recent", HTH_DTYPE_F64, offsetof(hth_counters, recent), HTH_STOP_MOST},
    WALKED(updates, HTH_DTYPE_U64),
    COUNTER(validations),
    NUMBER(places),
    COUNTER(phase),
    COUNTER(phase_step),
    COUNTER(phase_epochs),
    COUNTER(rows),
};
_Static_assert(sizeof(hth_counters) ==
                   (HTH_COUNT(counter_list) - 1 + HTH_STOP_MOST) * sizeof(uint64_t),
               "every counter is in the list");

/* Puts the prefix before the field's name. HTH_INVALID when the name gets too long. */
static hth_status add_prefix(const char *prefix, hth_field *field, hth_error *error) {
    char name[sizeof field->name];
    int length = snprintf(name, sizeof name, "%s%s", prefix, field->name);
    if (length < 0 || (size_t)length >= sizeof name)
        return hth_fail(error, HTH_INVALID,
                        "the name of the state '%s%s' is too long for a checkpoint", prefix,
                        field->name);
    memcpy(field->name, name, sizeof name);
    return HTH_OK;
}

/* Lists the counters as fields, in the order of counter_list. */
static void list_counters(hth_counters *counters, hth_field *fields) {
    for (size_t i = 0; i < HTH_COUNT(counter_list); i++) {
        fields[i] = (hth_field){.dtype = counter_list[i].dtype,
                                .count = counter_list[i].count,
                                .data = (char *)counters + counter_list[i].offset};
        snprintf(fields[i].name, sizeof fields[i].name, "%s", counter_list[i].name);
    }
}

/* ---- Shares of a batch -------------------------------------------------------------------- */

/* The handles of one share alone. Its gradient counts where that of the session does. */
static hth_handles of_share(const hth_handles *all, size_t i) {
    const hth_share *share = &all->shares->own[i];
    return (hth_handles){.parts = {.tape = share->tape,
                                   .learner = share->learner,
                                   .gradient = all->parts.gradient ? share->gradient : NULL}};
}

/* Those that are not of a share. */
static hth_handles of_all(const hth_handles *all) {
    hth_handles rest = *all;
    if (!all->shares) return rest;
    rest.parts.tape = NULL;
    rest.parts.learner = NULL;
    rest.parts.gradient = NULL;
    return rest;
}

static size_t count_fields(const hth_handles *handles) {
    size_t total = 0;
    for (size_t i = 0; i < HTH_COUNT(lists); i++) total += lists[i].list(handles, NULL, 0);
    return total;
}

/* ---- All ---------------------------------------------------------------------------------- */

/* Adds the fields of each handle, with the name of the share and the prefix of the handle. */
static hth_status add_fields(const hth_handles *handles, const char *share, size_t total,
                             hth_field_list *to, hth_error *error) {
    for (size_t i = 0; i < HTH_COUNT(lists); i++) {
        const char *prefix = lists[i].prefix;
        hth_field *fields = to->items + to->count;
        const size_t count = lists[i].list(handles, fields, total - to->count);
        for (size_t j = 0; j < count; j++) {
            HTH_TRY(add_prefix(prefix ? prefix : handles->guest->kind->name, &fields[j], error));
            HTH_TRY(add_prefix(share, &fields[j], error));
        }
        to->count += count;
    }
    return HTH_OK;
}

/* The same of all handles: those that a run has once, then "s0.", "s1.", ... of the shares that this rank has. */
static hth_status add_all(const hth_handles *handles, size_t total, hth_field_list *to,
                          hth_error *error) {
    const hth_shares *shares = handles->shares;
    const hth_handles rest = of_all(handles);
    HTH_TRY(add_fields(&rest, "", total, to, error));
    for (size_t i = 0; shares && i < shares->own_count; i++) {
        const hth_handles share = of_share(handles, i);
        char name[24];
        snprintf(name, sizeof name, "s%zu.", shares->from + i);
        HTH_TRY(add_fields(&share, name, total, to, error));
    }
    return HTH_OK;
}

hth_status hth_checkpoint_gather(const hth_handles *handles, hth_counters *counters,
                                 hth_field_list *out, hth_error *error) {
    /* Count the fields. */
    const hth_handles rest = of_all(handles);
    size_t total = (counters ? HTH_COUNT(counter_list) : 0) + count_fields(&rest);
    for (size_t i = 0; handles->shares && i < handles->shares->own_count; i++) {
        const hth_handles share = of_share(handles, i);
        total += count_fields(&share);
    }
    hth_field_list list = {calloc(total + 1, sizeof *list.items), 0};
    if (!list.items)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the list of a checkpoint");
    /* List those of each handle, then the counters. */
    const hth_status status = add_all(handles, total, &list, error);
    if (status != HTH_OK) {
        free(list.items);
        return status;
    }
    if (counters) list_counters(counters, list.items + list.count);
    *out = (hth_field_list){list.items, total};
    return HTH_OK;
}

hth_status hth_checkpoint_fetch(const hth_handles *handles, hth_field_list *fields,
                                hth_fetched *others, hth_error *error) {
    const size_t counters = HTH_COUNT(counter_list);
    const hth_handles rest = of_all(handles);
    const size_t first = count_fields(&rest), own = fields->count - counters - first;
    HTH_TRY(hth_ranks_fetch(handles->shares->ranks, fields->items + first, own, others, error));
    if (others->count == 0) return HTH_OK;
    /* The counters move to the end. */
    const size_t total = fields->count + others->count;
    hth_field *items = realloc(fields->items, total * sizeof *items);
    if (!items)
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the list of a checkpoint");
    hth_field *end = items + fields->count - counters;
    memmove(end + others->count, end, counters * sizeof *items);
    memcpy(end, others->fields, others->count * sizeof *items);
    *fields = (hth_field_list){items, total};
    return HTH_OK;
}
