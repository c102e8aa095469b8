/*
 * The format of a saved model:
 *
 *     head        magic, byte order, version, bytes of hth_real, bytes of the whole
 *     marks       single numbers: counters of the model, position of the tape
 *     field ...   name, type, count, and the numbers, padded to a multiple of 8 bytes
 *     sum         64-bit FNV-1a of all bytes before it; any change of a single byte changes it
 *
 * Fields have the order of `each_field`. Loading checks all of them before it restores any.
 */
#include "model/model.h"

#include "credit/window.h"
#include "network/tape.h"
#include "optim/gradient.h"

#include <string.h>

enum { VERSION = 2, BYTE_ORDER = 0x01020304, MOST_FIELDS = 128 };
static const char magic[8] = {'H', 'T', 'H', 'M', 'O', 'D', 'E', 'L'};

typedef struct head {
    char magic[8];
    uint32_t order, version, real, none;
    uint64_t bytes;
} head;

typedef struct marks {
    uint64_t steps, batch, late, seed; /* must equal those of the loading model */
    uint64_t learned, is_told, is_pending, is_open, waits, epoch, touched;
    uint64_t window[4]; /* hth_window: sequence, origin, seen, learned */
    hth_tape_marks tape;
} marks;

typedef struct field_head {
    char name[40];
    uint64_t dtype, count;
} field_head;

/* ---- The fields of a model ---- */

typedef void (*visitor)(void *context, const hth_field *field);

/* Visits a handle's list of fields. Returns false if the list did not fit the array. */
static bool each_of(const hth_field *fields, size_t count, visitor visit, void *context) {
    for (size_t i = 0; i < count && i < MOST_FIELDS; i++) visit(context, &fields[i]);
    return count <= MOST_FIELDS;
}

/* Visits the fields of a gradient that waits for its update. */
static void each_of_gradient(hth_gradient *g, visitor visit, void *context) {
    const hth_field values = {"gradient.values", HTH_DTYPE_REAL, g->count, g->values, {0}};
    visit(context, &values);
    if (!g->sparse) return;
    const hth_field rows = {"gradient.touched", HTH_DTYPE_I32, g->sparse->rows, g->touched, {0}};
    visit(context, &rows);
}

/* Visits the list of steps whose verdicts were learned from, if the tape slides. */
static void each_of_window(const hth_window *w, visitor visit, void *context) {
    const hth_field spent = {"window.spent", HTH_DTYPE_I32, w->steps, w->spent, {0}};
    if (w->steps) visit(context, &spent);
}

/* Visits all fields of the model. The tape comes first: hth_tape_state may be asked for only after the tape's content
 * is restored. Returns false if a handle has more than MOST_FIELDS fields. */
static bool each_field(hth_model *m, bool is_pending, visitor visit, void *context) {
    /* The tapes and the network; a model that only predicts has no more. */
    hth_field fields[MOST_FIELDS];
    const hth_model_parts *p = &m->parts;
    hth_tape_content(p->tape, visit, context);
    if (m->complete &&
        !each_of(fields, hth_tape_state(m->complete, fields, MOST_FIELDS), visit, context))
        return false;
    if (!each_of(fields, hth_network_state(p->network, fields, MOST_FIELDS), visit, context))
        return false;
    /* Learner, optimiser, and a gradient without an update. */
    if (!p->learner) return true;
    if (!each_of(fields, hth_learner_state(p->learner, fields, MOST_FIELDS), visit, context))
        return false;
    if (!each_of(fields, hth_optimiser_state(p->optimiser, fields, MOST_FIELDS), visit, context))
        return false;
    each_of_window(p->learner->window.kept, visit, context);
    if (is_pending) each_of_gradient(p->gradient, visit, context);
    return true;
}

/* Bytes of a field's numbers, rounded up to a multiple of 8. */
static size_t padded(const hth_field *field) {
    return (hth_field_bytes(field) + 7) / 8 * 8;
}

/* ---- Writing ---- */

/* Visitor: adds the bytes of a field to a size_t. */
static void add_bytes(void *context, const hth_field *field) {
    *(size_t *)context += sizeof(field_head) + padded(field);
}

size_t hth_model_save_bytes(hth_model *m) {
    size_t bytes = sizeof(head) + sizeof(marks) + sizeof(uint64_t);
    each_field(m, m->is_pending, add_bytes, &bytes);
    return bytes;
}

/* 64-bit FNV-1a. */
static uint64_t sum_of(const unsigned char *data, size_t bytes) {
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < bytes; i++) sum = (sum ^ data[i]) * 1099511628211u;
    return sum;
}

/* Appends bytes and advances *at. */
static void put(unsigned char **at, const void *data, size_t bytes) {
    memcpy(*at, data, bytes);
    *at += bytes;
}

/* Visitor: appends a field. */
static void put_field(void *context, const hth_field *field) {
    unsigned char **at = context;
    field_head h = {.dtype = field->dtype, .count = field->count};
    const size_t bytes = hth_field_bytes(field), rest = padded(field) - bytes;
    memcpy(h.name, field->name, sizeof h.name);
    put(at, &h, sizeof h);
    put(at, field->data, bytes);
    memset(*at, 0, rest);
    *at += rest;
}

static hth_window *window_of(const hth_model *m) {
    return m->parts.learner->window.kept;
}

/* The marks of the model as it is now. */
static marks marks_of(const hth_model *m) {
    marks now = {.steps = m->steps,
                 .batch = m->batch,
                 .late = m->late,
                 .seed = m->seed,
                 .learned = m->learned,
                 .is_told = m->is_told,
                 .is_pending = m->is_pending,
                 .epoch = m->epoch,
                 .tape = hth_tape_get_marks(m->parts.tape)};
    if (m->only_predicts) return now;
    const hth_window *w = window_of(m);
    const uint64_t window[] = {w->sequence, w->origin, w->seen, w->learned};
    memcpy(now.window, window, sizeof window);
    now.waits = w->waits;
    now.is_open = m->parts.learner->is_open;
    now.touched = m->parts.gradient->touched_count;
    return now;
}

hth_status hth_model_save(hth_model *m, void *memory, size_t bytes, hth_error *error) {
    const size_t needed = hth_model_save_bytes(m);
    unsigned char *at = memory;
    /* Check the room. */
    if (bytes < needed)
        return hth_fail(error, HTH_NO_MEMORY, "a saved model needs %zu bytes, but has %zu", needed,
                        bytes);
    /* Head and marks. */
    if (m->is_pending) hth_gradient_fill(m->parts.gradient);
    const marks now = marks_of(m);
    head h = {.order = BYTE_ORDER, .version = VERSION, .real = sizeof(hth_real), .bytes = needed};
    memcpy(h.magic, magic, sizeof magic);
    put(&at, &h, sizeof h);
    put(&at, &now, sizeof now);
    /* Fields and checksum. */
    if (!each_field(m, m->is_pending, put_field, &at))
        return hth_fail(error, HTH_INVALID, "a handle of the model has more than %d fields to save",
                        (int)MOST_FIELDS);
    const uint64_t sum = sum_of(memory, needed - sizeof sum);
    put(&at, &sum, sizeof sum);
    return HTH_OK;
}

/* ---- Reading ---- */

/* Reads the fields in memory, in step with those of the model. */
typedef struct reader {
    const hth_model *model;
    const unsigned char *at, *end;
    const unsigned char *weights; /* tape.weights in memory, once it has been passed */
    const marks *marks;
    hth_status status;
    hth_error *error;
} reader;

/* Checks head and checksum. HTH_FILE for damage or another format, HTH_MISMATCH for another precision. */
static hth_status check_head(const void *memory, size_t bytes, hth_error *error) {
    head h;
    uint64_t sum;
    const size_t least = sizeof h + sizeof(marks) + sizeof sum;
    /* Long enough? */
    if (bytes < least)
        return hth_fail(error, HTH_FILE, "a saved model has at least %zu bytes, but this has %zu",
                        least, bytes);
    /* A saved model, in this version and byte order? */
    memcpy(&h, memory, sizeof h);
    memcpy(&sum, (const unsigned char *)memory + bytes - sizeof sum, sizeof sum);
    if (memcmp(h.magic, magic, sizeof magic) != 0)
        return hth_fail(error, HTH_FILE, "this is no saved model: it must begin with %.8s", magic);
    if (h.order != BYTE_ORDER || h.version != VERSION)
        return hth_fail(error, HTH_FILE,
                        "the model was saved %s; this library reads version %d, in its own order",
                        h.order != BYTE_ORDER ? "with another order of bytes"
                                              : "in another version",
                        (int)VERSION);
    /* Undamaged? */
    if (h.bytes != bytes || sum != sum_of(memory, bytes - sizeof sum))
        return hth_fail(error, HTH_FILE, "the saved model is damaged: its %s",
                        h.bytes != bytes ? "bytes are not as many as it says"
                                         : "checksum is not that of its bytes");
    /* In this precision? */
    if (h.real != sizeof(hth_real))
        return hth_fail(error, HTH_MISMATCH,
                        "the model was saved with numbers of %u bytes, but this library has %zu",
                        (unsigned)h.real, sizeof(hth_real));
    return HTH_OK;
}

/* Checks the marks. HTH_MISMATCH for a model of another plan or seed, HTH_FILE for numbers out of range. */
static hth_status check_marks(const hth_model *m, const marks *k, hth_error *error) {
    const hth_block *sparse = m->parts.gradient ? m->parts.gradient->sparse : NULL;
    /* The same plan and seed? */
    if (k->steps != m->steps || k->batch != m->batch || k->late != m->late)
        return hth_fail(error, HTH_MISMATCH,
                        "the saved model has tapes of %lu steps of %lu items and answers %lu steps "
                        "late, but this one %zu, %zu and %zu",
                        (unsigned long)k->steps, (unsigned long)k->batch, (unsigned long)k->late,
                        m->steps, m->batch, m->late);
    if (k->seed != m->seed)
        return hth_fail(error, HTH_MISMATCH,
                        "the saved model has seed %lu, but this one %lu: what they draw would be "
                        "another",
                        (unsigned long)k->seed, (unsigned long)m->seed);
    /* All numbers in range? w[1..3] are the window's origin, seen and learned. */
    const uint64_t *w = k->window, most = m->window;
    const bool slides = w[1] <= k->tape.time && w[2] >= w[1] && w[2] - w[1] <= most &&
                        w[3] >= w[1] && w[3] - w[1] <= most;
    const bool fits = slides && !(m->only_predicts && k->is_pending) &&
                      hth_tape_may_have(m->parts.tape, &k->tape) && k->learned <= k->tape.steps &&
                      k->is_told <= 1 && k->is_pending <= 1 && k->is_open <= 1 && k->waits <= 1 &&
                      k->touched <= (sparse ? sparse->rows : 0);
    return fits ? HTH_OK
                : hth_fail(error, HTH_FILE,
                           "the saved model is damaged: a mark of its place in time is not "
                           "one that its tape can have");
}

/* Whether data[count], of int32_t, are all in 0..bound-1. */
static bool are_below(const unsigned char *data, size_t count, size_t bound) {
    for (size_t i = 0; i < count; i++) {
        int32_t x;
        memcpy(&x, data + i * sizeof x, sizeof x);
        if (x < 0 || (size_t)x >= bound) return false;
    }
    return true;
}

/* Whether every class in memory whose weight is not 0 is in range. */
static bool classes_fit(const reader *r) {
    const size_t items = (size_t)r->marks->tape.steps * r->model->batch;
    for (size_t i = 0; i < items; i++) {
        hth_real weight;
        memcpy(&weight, r->weights + i * sizeof weight, sizeof weight);
        if (weight != 0 && !are_below(r->at + i * sizeof(int32_t), 1, r->model->shape.outputs))
            return false;
    }
    return true;
}

/* Checks fields whose numbers are used as indices. */
static bool indices_fit(reader *r, const hth_field *field) {
    const hth_model *m = r->model;
    if (strcmp(field->name, "tape.weights") == 0) r->weights = r->at;
    if (strcmp(field->name, "tape.classes") == 0) return classes_fit(r);
    if (strcmp(field->name, "tape.tokens") == 0)
        return are_below(r->at, field->count, m->shape.vocabulary);
    if (strcmp(field->name, "tape.said") == 0)
        return are_below(r->at, field->count, HTH_SAID_BEFORE + 1);
    if (strcmp(field->name, "tape.lengths") == 0)
        return are_below(r->at, field->count, m->parts.tape->capacity + 1);
    if (strcmp(field->name, "gradient.touched") == 0)
        return are_below(r->at, (size_t)r->marks->touched, field->count);
    return true;
}

/* Visitor: checks that the next field in memory has the name, type and count of this one, and valid numbers. */
static void compare_field(void *context, const hth_field *field) {
    reader *r = context;
    field_head h;
    /* Enough bytes left? */
    if (r->status != HTH_OK) return;
    const size_t left = (size_t)(r->end - r->at), bytes = padded(field);
    if (left < sizeof h + bytes) {
        r->status = hth_fail(r->error, HTH_MISMATCH, "the saved model has no field %.39s of %zu",
                             field->name, field->count);
        return;
    }
    /* The same field, with indices in range? */
    memcpy(&h, r->at, sizeof h);
    r->at += sizeof h;
    if (strncmp(h.name, field->name, sizeof h.name) != 0 || h.dtype != (uint64_t)field->dtype ||
        h.count != field->count)
        r->status = hth_fail(r->error, HTH_MISMATCH,
                             "the saved model has a field %.39s of %lu where this one has %.39s of "
                             "%zu: it was made by another plan",
                             h.name, (unsigned long)h.count, field->name, field->count);
    else if (!indices_fit(r, field))
        r->status = hth_fail(r->error, HTH_FILE, "a number in field %.39s is out of range", h.name);
    r->at += bytes;
}

/* Checks that the fields in memory are exactly those of the model. */
static hth_status compare(hth_model *m, reader r) {
    const bool all = each_field(m, r.marks->is_pending, compare_field, &r);
    if (r.status == HTH_OK && (!all || r.at != r.end))
        return hth_fail(r.error, HTH_MISMATCH, "the saved model has fields that this one has not");
    return r.status;
}

/* Visitor: copies the next field from memory into the model. */
static void take_field(void *context, const hth_field *field) {
    const unsigned char **at = context;
    *at += sizeof(field_head);
    memcpy(field->data, *at, hth_field_bytes(field));
    *at += padded(field);
}

/* Marks the restored touched rows in is_touched, which holds the same rows as flags. */
static void mark_touched(hth_gradient *g, size_t count) {
    g->touched_count = count;
    g->put_off = 0;
    for (size_t i = 0; i < count; i++) g->is_touched[g->touched[i]] = 1;
}

/* Restores the learner's marks. */
static void take_learner(hth_model *m, const marks *k) {
    hth_window *w = window_of(m);
    m->parts.learner->is_open = k->is_open;
    w->waits = k->waits;
    w->sequence = k->window[0];
    w->origin = k->window[1];
    w->seen = k->window[2];
    w->learned = k->window[3];
}

/* Restores the model from fields that were checked. */
static void take_up(hth_model *m, const marks *k, const unsigned char *fields) {
    const hth_model_parts *p = &m->parts;
    /* Arrays, then the marks of the handles, then the model's own. */
    if (p->gradient) hth_gradient_clear(p->gradient);
    each_field(m, k->is_pending, take_field, &fields);
    hth_tape_set_marks(p->tape, &k->tape);
    if (k->is_pending) mark_touched(p->gradient, (size_t)k->touched);
    if (p->learner) take_learner(m, k);
    m->learned = (size_t)k->learned;
    m->is_told = k->is_told;
    m->is_pending = k->is_pending;
    m->is_scratch = false;
    m->epoch = k->epoch;
}

hth_status hth_model_load(hth_model *m, const void *memory, size_t bytes, hth_error *error) {
    const unsigned char *start = memory, *fields = start + sizeof(head) + sizeof(marks);
    marks k;
    /* Check everything. */
    HTH_TRY(check_head(memory, bytes, error));
    memcpy(&k, start + sizeof(head), sizeof k);
    HTH_TRY(check_marks(m, &k, error));
    HTH_TRY(compare(m, (reader){.model = m,
                                .at = fields,
                                .end = start + bytes - sizeof(uint64_t),
                                .marks = &k,
                                .status = HTH_OK,
                                .error = error}));
    /* Only then restore. */
    take_up(m, &k, fields);
    return HTH_OK;
}
