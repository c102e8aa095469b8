/* Makes recordings: columns that grow by one row a step, and become arrays after the last step. */
#include "watch/recording.h"

#include "files/draft.h"
#include "files/npz.h"
#include "watch/digits.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 16 };

/* One quantity, with `width` numbers for each step. */
typedef struct column {
    const char *name;
    /* REAL, or I32 for tokens, classes and steps */
    hth_dtype dtype;
    size_t width;
    void *data;   /* [rows][width] */
    bool is_flat; /* one number, without an axis of its own */
} column;

typedef struct recording {
    const hth_recording_plan *plan;
    hth_recorder *recorder;
    hth_record_shape shape;
    hth_record_layer of;
    column columns[MOST_COLUMNS];
    size_t count;
    size_t rows, capacity; /* number of steps in the columns, and room */
    uint64_t *lengths;     /* [sequences] */
    hth_row_read *read;    /* [rows that a read weighs], scratch */
    /* most: room in `lengths`; longest: steps of the longest sequence */
    size_t sequences, most, longest;
} recording;

/* ---- Columns ------------------------------------------------------------------------------------ */

static void add_column(recording *r, const char *name, hth_dtype dtype, size_t width) {
    if (width > 0) r->columns[r->count++] = (column){name, dtype, width, NULL, false};
}

static void add_number(recording *r, const char *name, hth_dtype dtype) {
    r->columns[r->count++] = (column){name, dtype, 1, NULL, true};
}

/* Chooses the columns, in the order in which put_step fills them. */
static void choose_columns(recording *r) {
    const hth_shape *s = &r->shape.stream;
    /* Add columns for outputs, targets and weights. */
    add_column(r, "outputs", HTH_DTYPE_REAL, s->outputs);
    if (s->target == HTH_TARGET_CLASSES)
        add_number(r, "targets", HTH_DTYPE_I32);
    else
        add_column(r, "targets", HTH_DTYPE_REAL, s->outputs);
    add_number(r, "weights", HTH_DTYPE_REAL);
    if (!r->plan->inside) return;
    /* Add columns for inputs, z and states. */
    if (s->vocabulary)
        add_number(r, "inputs", HTH_DTYPE_I32);
    else
        add_column(r, "inputs", HTH_DTYPE_REAL, s->inputs);
    add_column(r, "z", HTH_DTYPE_REAL, r->of.units);
    for (size_t k = 0; k < r->of.states; k++)
        add_column(r, r->of.state_names[k], HTH_DTYPE_REAL, r->of.units);
    /* Add columns for learning signals and traces. */
    if (r->shape.has_signals)
        add_column(r, "signals", HTH_DTYPE_REAL,
                   hth_recorder_layer(r->recorder, r->shape.layers - 1).units);
    add_column(r, "traces", HTH_DTYPE_REAL, r->plan->synapse_count);
    /* Where the reads of a store point. */
    add_column(r, "reads", HTH_DTYPE_REAL, r->of.heads * r->of.most);
    add_column(r, "read_steps", HTH_DTYPE_I32, r->of.heads * r->of.most);
}

static size_t size_of(const column *c) {
    return c->dtype == HTH_DTYPE_I32 ? sizeof(int32_t) : sizeof(hth_real);
}

/* Makes room for one more row. */
static bool make_room(recording *r) {
    if (r->rows < r->capacity) return true;
    const size_t capacity = r->capacity ? 2 * r->capacity : 1024;
    for (size_t i = 0; i < r->count; i++) {
        column *c = &r->columns[i];
        void *grown = realloc(c->data, capacity * c->width * size_of(c));
        if (!grown) return false;
        c->data = grown;
    }
    r->capacity = capacity;
    return true;
}

static bool end_sequence(recording *r, size_t length) {
    if (r->sequences == r->most) {
        const size_t most = r->most ? 2 * r->most : 64;
        uint64_t *grown = realloc(r->lengths, most * sizeof *grown);
        if (!grown) return false;
        r->lengths = grown;
        r->most = most;
    }
    r->lengths[r->sequences++] = length;
    if (length > r->longest) r->longest = length;
    return true;
}

/* ---- Steps -------------------------------------------------------------------------------------- */

/* Fills the current row of column *at, then goes to the next column. Columns of int32 take `number`, others
 * `numbers`; NULL: zeros. */
static void put(recording *r, size_t *at, const hth_real *numbers, int32_t number) {
    column *c = &r->columns[(*at)++];
    if (c->dtype == HTH_DTYPE_I32)
        ((int32_t *)c->data)[r->rows] = number;
    else if (numbers)
        memcpy((hth_real *)c->data + r->rows * c->width, numbers, c->width * sizeof *numbers);
    else
        memset((hth_real *)c->data + r->rows * c->width, 0, c->width * sizeof *numbers);
}

/* Fills the two columns of reads from `at` on: of each head the rows that have weight, oldest first; then 0 and -1. */
static void put_reads(recording *r, size_t at) {
    const size_t heads = r->of.heads, most = r->of.most;
    hth_real *weights = (hth_real *)r->columns[at].data + r->rows * heads * most;
    int32_t *steps = (int32_t *)r->columns[at + 1].data + r->rows * heads * most;
    for (size_t h = 0; h < heads; h++, weights += most, steps += most) {
        const size_t count = hth_recorder_reads(r->recorder, r->plan->layer, h, r->read);
        for (size_t i = 0; i < most; i++) {
            weights[i] = i < count ? (hth_real)r->read[i].weight : 0;
            steps[i] = i < count ? (int32_t)r->read[i].step : -1;
        }
    }
}

static void put_step(recording *r, const hth_instant *now) {
    const size_t l = r->plan->layer;
    size_t at = 0;
    /* Store outputs, targets and weight. */
    put(r, &at, now->outputs, 0);
    put(r, &at, now->targets, now->target_class);
    put(r, &at, &now->weight, 0);
    if (r->plan->inside) {
        /* The input and the layer's units. */
        put(r, &at, now->x, now->token);
        put(r, &at, hth_recorder_z(r->recorder, l), 0);
        for (size_t k = 0; k < r->of.states; k++)
            put(r, &at, hth_recorder_state(r->recorder, l, k), 0);
        /* The learning signal and the traces. */
        if (r->shape.has_signals) put(r, &at, now->signal, 0);
        for (size_t i = 0; i < r->plan->synapse_count; i++) {
            const hth_synapse *s = &r->plan->synapses[i];
            hth_real *traces = r->columns[at].data;
            traces[r->rows * r->plan->synapse_count + i] =
                hth_recorder_trace(r->recorder, l, s->row, s->from);
        }
        if (r->of.heads) put_reads(r, at + (r->plan->synapse_count > 0));
    }
    r->rows++;
}

/* Runs the wanted number of sequences, or up to the end of the split. */
static hth_status collect(recording *r, const hth_watch *watch, bool *stopped, hth_error *error) {
    const uint64_t endless = r->shape.has_end ? UINT64_MAX : 1;
    const uint64_t wanted = r->plan->trials ? r->plan->trials : endless;
    hth_instant now = {0};
    size_t begun = 0; /* first row of the current sequence */
    while (r->sequences < wanted && !now.over) {
        if ((*stopped = watch->stop && *watch->stop)) return HTH_OK;
        HTH_TRY(hth_recorder_next(r->recorder, &now, error));
        /* Store the step, and the length of a sequence that ends. */
        bool good = make_room(r);
        if (good) put_step(r, &now);
        if (good && now.ends) {
            good = end_sequence(r, r->rows - begun);
            begun = r->rows;
            if (watch->tick) watch->tick(watch->context);
        }
        if (!good) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a recording");
    }
    return HTH_OK;
}

/* ---- Files -------------------------------------------------------------------------------------- */

/* Turns the rows of consecutive sequences into [sequences][longest][width]. If all sequences are equally long, the
 * rows have that form already. */
static bool pad(const recording *r, column *c) {
    const size_t row = c->width * size_of(c), whole = r->longest * row;
    if (r->sequences * r->longest == r->rows) return true;
    char *padded = calloc(r->sequences, whole);
    const char *from = c->data;
    if (!padded) return false;
    for (size_t i = 0; i < r->sequences; i++) {
        const size_t bytes = (size_t)r->lengths[i] * row;
        memcpy(padded + i * whole, from, bytes);
        from += bytes;
    }
    free(c->data);
    c->data = padded;
    return true;
}

static hth_status write_npz(recording *r, const char *path, hth_error *error) {
    hth_npz_array arrays[MOST_COLUMNS + 2];
    const size_t synapses = r->plan->inside ? r->plan->synapse_count : 0;
    int32_t *pairs = malloc((synapses ? synapses : 1) * 2 * sizeof *pairs);
    bool good = pairs != NULL;
    size_t count = 0;
    /* Describe each column as an array. */
    for (; count < r->count && good; count++) {
        column *c = &r->columns[count];
        good = pad(r, c);
        arrays[count] = (hth_npz_array){
            c->name, c->dtype, c->is_flat ? 2 : 3, {r->sequences, r->longest, c->width}, c->data};
    }
    /* Add the arrays of lengths and synapses. */
    arrays[count++] =
        (hth_npz_array){"lengths", HTH_DTYPE_U64, 1, {r->sequences, 0, 0}, r->lengths};
    for (size_t i = 0; i < synapses && good; i++) {
        pairs[2 * i] = (int32_t)r->plan->synapses[i].row;
        pairs[2 * i + 1] = (int32_t)r->plan->synapses[i].from;
    }
    if (synapses)
        arrays[count++] = (hth_npz_array){"synapses", HTH_DTYPE_I32, 2, {synapses, 2, 0}, pairs};
    /* Write the arrays, unless memory ran out. */
    const hth_status status =
        good ? hth_npz_write(path, arrays, count, error)
             : hth_fail(error, HTH_NO_MEMORY, "not enough memory for a recording");
    free(pairs);
    return status;
}

/* Writes sequence,step,y0,y1,...: one line for each step, counted from 0. */
static hth_status write_csv(const recording *r, const char *path, hth_error *error) {
    hth_draft draft;
    HTH_TRY(hth_draft_begin(path, &draft, error));
    const column *y = &r->columns[0];
    const hth_real *value = y->data;
    fprintf(draft.file, "sequence,step");
    for (size_t k = 0; k < y->width; k++) fprintf(draft.file, ",y%zu", k);
    fputc('\n', draft.file);
    for (size_t i = 0; i < r->sequences; i++)
        for (uint64_t t = 0; t < r->lengths[i]; t++) {
            fprintf(draft.file, "%zu,%llu", i, (unsigned long long)t);
            for (size_t k = 0; k < y->width; k++)
                fprintf(draft.file, ",%.*g", HTH_DIGITS, (double)*value++);
            fputc('\n', draft.file);
        }
    return hth_draft_end(&draft, true, error);
}

/* ---- All together ------------------------------------------------------------------------------- */

static hth_status check_plan(const recording *r, hth_error *error) {
    const hth_recording_plan *p = r->plan;
    const size_t columns = r->of.units + r->of.inputs + 1;
    for (size_t i = 0; i < p->synapse_count; i++)
        if (p->synapses[i].row >= r->of.rows || p->synapses[i].from >= columns)
            return hth_fail(error, HTH_INVALID,
                            "synapse %zu is from column %zu to row %zu, but layer %zu has %zu "
                            "columns and %zu rows",
                            i, p->synapses[i].from, p->synapses[i].row, p->layer, columns,
                            r->of.rows);
    if (p->synapse_count && !r->shape.has_traces)
        return hth_fail(error, HTH_INVALID, "learner '%s' keeps no traces of single synapses",
                        r->shape.learner);
    return HTH_OK;
}

static hth_status record(recording *r, const char *path, const hth_watch *watch, bool *stopped,
                         hth_error *error) {
    const size_t length = strlen(path);
    r->shape = hth_recorder_shape(r->recorder);
    if (r->plan->layer >= r->shape.layers)
        return hth_fail(error, HTH_INVALID, "there is no layer %zu: the network has %zu, from 0",
                        r->plan->layer, r->shape.layers);
    r->of = hth_recorder_layer(r->recorder, r->plan->layer);
    HTH_TRY(check_plan(r, error));
    choose_columns(r);
    r->read = calloc(r->of.most + 1, sizeof *r->read);
    if (!r->read) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for a recording");
    HTH_TRY(collect(r, watch, stopped, error));
    if (*stopped) return HTH_OK;
    if (length > 4 && strcmp(path + length - 4, ".csv") == 0) return write_csv(r, path, error);
    return write_npz(r, path, error);
}

hth_status hth_recording_write(const hth_recording_plan *plan, const char *path,
                               const hth_watch *watch, hth_recording_size *out, bool *stopped,
                               hth_error *error) {
    recording r = {.plan = plan};
    *stopped = false;
    HTH_TRY(hth_recorder_open(&plan->of, &r.recorder, error));
    const hth_status status = record(&r, path, watch, stopped, error);
    *out = (hth_recording_size){r.sequences, r.longest};
    for (size_t i = 0; i < r.count; i++) free(r.columns[i].data);
    free(r.lengths);
    free(r.read);
    hth_recorder_close(r.recorder);
    return status;
}
