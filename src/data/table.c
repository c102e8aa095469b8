/*
 * Reads a table as a stream: rows are time steps, columns have names. Step t has
 *
 *     x_t = the columns data.inputs of row t        y*_t = the columns data.target of row t + data.ahead
 *
 * Each column has its mean over the training rows subtracted and is divided by its deviation there
 * (data.standardise). With data.change, the same columns of row t are subtracted from y*: then 0 is the forecast
 * that nothing changes. The rows of the training file are split in time: first those that train, then
 * data.validation_fraction, then data.test_fraction of them. No target lies outside its own part. As in text, a
 * part is cut into `batch` contiguous pieces of equal length (the rest is dropped), and one pass is one epoch and
 * one sequence. The last data.ahead rows of a part have no target there and are left out, unless the stream is told to
 * go beyond: then a single piece ends with them, at weight 0.
 */
#include "data/csv.h"
#include "tasks/stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct table_options {
    const char *file, *validate_file, *test_file, *inputs, *target;
    double validation_fraction, test_fraction;
    int64_t ahead, rows;
    bool standardise, change;
} table_options;

extern const hth_stream_kind hth_reader_table;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(table_options, field), __VA_ARGS__ }

static const hth_option options_table[] = {
    OPTION(file, .help = "training file: CSV with a header, plain or compressed", .fallback = NULL,
           .kind = HTH_KIND_TEXT),
    OPTION(validate_file, .help = "validation file; \"\" for none", .fallback = "",
           .kind = HTH_KIND_TEXT),
    OPTION(test_file, .help = "test file; \"\" for none", .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(target, .help = "columns to predict: names with commas between", .fallback = NULL,
           .kind = HTH_KIND_TEXT),
    OPTION(inputs,
           .help =
               "columns that are read: names with commas between; \"\": all that are numbers in "
               "the first row, and with data.ahead=0 not the targets",
           .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(ahead,
           .help =
               "forecast horizon: the target is so many rows later; 0: it stands in the same row",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e9),
    OPTION(rows, .help = "use only so many rows of the training file, its first; 0: all",
           .fallback = "0", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e15),
    OPTION(validation_fraction,
           .help =
               "without a validation file: the share of the training file's rows that validate, "
               "after those that train",
           .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(test_fraction,
           .help = "without a test file: the share of the training file's rows that test, its last",
           .fallback = "0", .kind = HTH_KIND_REAL, .min = 0, .max = 1),
    OPTION(standardise,
           .help = "each column less its mean and divided by its deviation over the training rows; "
                   "a constant one becomes 0",
           .fallback = "true", .kind = HTH_KIND_BOOL),
    OPTION(change,
           .help =
               "the target is how much the columns change until then, in place of their values; "
               "0 is then the forecast that nothing changes",
           .fallback = "false", .kind = HTH_KIND_BOOL),
};

/* A column that is read, with its scale. */
typedef struct column {
    char *name; /* in the plan's text, or in the training file */
    double mean, deviation;
} column;

/* The columns to read: inputs, then targets. */
typedef struct plan {
    char *text; /* the names of the columns */
    column *columns;
    size_t inputs, outputs;
} plan;

/* The rows of a split. */
typedef struct part {
    size_t from, count;
} part;

typedef struct table {
    size_t inputs, outputs, rows;
    hth_real *x, *y;             /* [rows][...]; y of row t + ahead is the target of step t */
    size_t ahead, batch, length; /* length: steps of a piece */
    bool change, standardised;
    double *mean, *deviation; /* [inputs + outputs]; of a change the mean is 0 */
    uint64_t epoch, step;
    size_t capacity;
    hth_real *in, *out; /* [capacity][batch][...] */
    hth_real *weights;  /* [capacity][batch]; read when the stream goes beyond its last target */
    bool beyond;
} table;

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "table: not enough memory");
}

/* ---- Columns ---- */

static void plan_free(plan *p) {
    free(p->text);
    free(p->columns);
    *p = (plan){0};
}

static hth_status add_column(plan *p, size_t capacity, char *name, hth_error *error) {
    const size_t count = p->inputs + p->outputs;
    while (*name == ' ') name++;
    for (size_t end = strlen(name); end > 0 && name[end - 1] == ' ';) name[--end] = '\0';
    if (count >= capacity || !*name)
        return hth_fail(
            error, HTH_INVALID,
            "data.inputs and data.target take names of columns with commas between; one "
            "of them is empty");
    p->columns[count] = (column){.name = name, .deviation = 1};
    return HTH_OK;
}

/* Adds the columns of a list "a, b". Cuts the text in place. */
static hth_status add_list(plan *p, size_t capacity, char *list, size_t *count, hth_error *error) {
    for (char *next; list; list = next, (*count)++) {
        next = strchr(list, ',');
        if (next) *next++ = '\0';
        HTH_TRY(add_column(p, capacity, list, error));
    }
    return HTH_OK;
}

/* Whether a list "a, b" has the name. */
static bool is_listed(const char *list, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        at += strspn(at, " ");
        const char *end = strncmp(at, name, length) == 0 ? at + length : NULL;
        if (end) end += strspn(end, " ");
        if (end && (*end == ',' || !*end)) return true;
    }
    return false;
}

/* Adds all columns that have a number in the first row, but not the targets of the same row. */
static hth_status add_numbers(const table_options *o, plan *p, size_t capacity, const hth_csv *csv,
                              hth_error *error) {
    bool any = false;
    double value;
    for (size_t i = 0; i < csv->columns; i++) {
        if (!hth_csv_is_number(csv, 0, i, &value)) continue;
        any = true;
        if (o->ahead == 0 && is_listed(o->target, csv->names[i])) continue;
        HTH_TRY(add_column(p, capacity, csv->names[i], error));
        p->inputs++;
    }
    if (p->inputs) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    any ? "%s: no column is left to read beside the target of the same row "
                          "(data.ahead is 0); set data.ahead"
                        : "%s: no column is a number in the first row",
                    csv->path);
}

/* HTH_INVALID where a network would only copy its target, or the target would be 0. */
static hth_status check_same_row(const table_options *o, const plan *p, hth_error *error) {
    if (o->ahead > 0) return HTH_OK;
    for (size_t i = 0; i < p->inputs; i++)
        if (is_listed(o->target, p->columns[i].name))
            return hth_fail(error, HTH_INVALID,
                            "column %s is both input and target of the same row (data.ahead is 0): "
                            "the network would only copy it; set data.ahead, or leave it out of "
                            "data.inputs",
                            p->columns[i].name);
    if (!o->change) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "data.change is true, but data.ahead is 0: a row does not change within itself; "
        "data.ahead must be at least 1");
}

/* Makes the plan. The names of its columns belong to the plan, or to the training file. */
static hth_status make_plan(const table_options *o, const hth_csv *train, plan *out,
                            hth_error *error) {
    const size_t length = strlen(o->inputs) + 1, all = length + strlen(o->target) + 1;
    const size_t capacity = train->columns + all;
    plan p = {.text = malloc(all), .columns = calloc(capacity, sizeof *p.columns)};
    /* List the columns of the inputs. */
    hth_status status = p.text && p.columns ? HTH_OK : no_memory(error);
    if (status == HTH_OK) {
        memcpy(p.text, o->inputs, length);
        memcpy(p.text + length, o->target, all - length);
        status = *o->inputs ? add_list(&p, capacity, p.text, &p.inputs, error)
                            : add_numbers(o, &p, capacity, train, error);
    }
    /* List the columns of the targets. */
    if (status == HTH_OK) status = add_list(&p, capacity, p.text + length, &p.outputs, error);
    if (status == HTH_OK) status = check_same_row(o, &p, error);
    if (status == HTH_OK)
        *out = p;
    else
        plan_free(&p);
    return status;
}

/* ---- Parts ---- */

/* Finds the rows of a split in the training file. */
static hth_status find_part(const table_options *o, const hth_csv *csv, hth_split split, part *out,
                            hth_error *error) {
    /* The number of rows, and of each part. */
    size_t all = csv->rows;
    if (o->rows && (uint64_t)o->rows < all) all = (size_t)o->rows;
    const double validate = *o->validate_file ? 0 : o->validation_fraction;
    const double test = *o->test_file ? 0 : o->test_fraction;
    const size_t last = (size_t)floor(test * (double)all + 0.5);
    size_t middle = (size_t)floor(validate * (double)all + 0.5);
    if (middle > all - last) middle = all - last;
    const size_t first = all - last - middle;
    /* Choose the part of the split. */
    *out = split == HTH_TRAIN      ? (part){0, first}
           : split == HTH_VALIDATE ? (part){first, middle}
                                   : (part){first + middle, last};
    if (first > 0) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "%s: data.validation_fraction %.9g and data.test_fraction %.9g leave no rows to "
        "train",
        csv->path, validate, test);
}

/* Computes mean and deviation of each column over the training rows. */
static hth_status measure(const hth_csv *csv, const part *rows, plan *p, hth_error *error) {
    for (size_t i = 0; i < p->inputs + p->outputs; i++) {
        column *c = &p->columns[i];
        double value, mean = 0, squares = 0;
        size_t at;
        HTH_TRY(hth_csv_column(csv, c->name, &at, error));
        for (size_t r = 0; r < rows->count; r++) { /* Welford 1962 */
            HTH_TRY(hth_csv_number(csv, rows->from + r, at, &value, error));
            const double before = value - mean;
            mean += before / (double)(r + 1);
            squares += before * (value - mean);
        }
        const double variance = squares / (double)rows->count;
        c->mean = mean;
        c->deviation = variance > 0 && isfinite(variance) ? sqrt(variance) : INFINITY;
    }
    return HTH_OK;
}

static hth_status copy_rows(const hth_csv *csv, const part *rows, const plan *p, table *t,
                            hth_error *error) {
    /* Take memory for all rows. */
    t->x = malloc(hth_times(rows->count, hth_times(p->inputs, sizeof *t->x)));
    t->y = malloc(hth_times(rows->count, hth_times(p->outputs, sizeof *t->y)));
    if (!t->x || !t->y) return no_memory(error);
    /* Scale each column and copy it. */
    for (size_t i = 0; i < p->inputs + p->outputs; i++) {
        const column *c = &p->columns[i];
        const bool is_input = i < p->inputs;
        hth_real *to = is_input ? t->x + i : t->y + (i - p->inputs);
        double value;
        size_t at;
        HTH_TRY(hth_csv_column(csv, c->name, &at, error));
        for (size_t r = 0; r < rows->count; r++) {
            HTH_TRY(hth_csv_number(csv, rows->from + r, at, &value, error));
            value = (value - c->mean) / c->deviation;
            to[r * (is_input ? p->inputs : p->outputs)] = (hth_real)value;
        }
    }
    t->rows = rows->count;
    t->inputs = p->inputs;
    t->outputs = p->outputs;
    return HTH_OK;
}

/* ---- Opening ---- */

static void table_close(void *state) {
    table *t = state;
    if (!t) return;
    free(t->x);
    free(t->y);
    free(t->in);
    free(t->out);
    free(t->weights);
    free(t->mean);
    free(t->deviation);
    free(t);
}

static const char *other_file(const table_options *o, hth_split split) {
    return split == HTH_TRAIN ? "" : split == HTH_VALIDATE ? o->validate_file : o->test_file;
}

static bool has_data(const table_options *o, hth_split split) {
    return split == HTH_TRAIN || *other_file(o, split) ||
           (split == HTH_VALIDATE ? o->validation_fraction : o->test_fraction) > 0;
}

static hth_status load_part(const table_options *o, hth_csv *train, hth_split split, plan *p,
                            table *t, hth_error *error) {
    hth_csv other = {0};
    part rows;
    HTH_TRY(find_part(o, train, HTH_TRAIN, &rows, error));
    if (o->standardise) HTH_TRY(measure(train, &rows, p, error));
    if (!*other_file(o, split)) {
        HTH_TRY(find_part(o, train, split, &rows, error));
        return copy_rows(train, &rows, p, t, error);
    }
    HTH_TRY(hth_csv_read(other_file(o, split), &other, error));
    hth_status status = copy_rows(&other, &(part){0, other.rows}, p, t, error);
    hth_csv_free(&other);
    return status;
}

/* Remembers the scale of the columns. */
static hth_status keep_scale(const table_options *o, const plan *p, table *t, hth_error *error) {
    const size_t columns = p->inputs + p->outputs;
    t->standardised = o->standardise;
    t->mean = calloc(columns, sizeof *t->mean);
    t->deviation = calloc(columns, sizeof *t->deviation);
    if (!t->mean || !t->deviation) return no_memory(error);
    for (size_t i = 0; i < columns; i++) {
        t->mean[i] = o->change && i >= p->inputs ? 0 : p->columns[i].mean;
        t->deviation[i] = p->columns[i].deviation;
    }
    return HTH_OK;
}

static bool table_scale(const void *state, const double **mean, const double **deviation) {
    const table *t = state;
    *mean = t->mean;
    *deviation = t->deviation;
    return t->standardised;
}

static hth_status load(const table_options *o, hth_split split, table *t, hth_error *error) {
    hth_csv train = {0};
    plan p = {0};
    HTH_TRY(hth_csv_read(o->file, &train, error));
    hth_status status = make_plan(o, &train, &p, error);
    if (status == HTH_OK) status = load_part(o, &train, split, &p, t, error);
    if (status == HTH_OK) status = keep_scale(o, &p, t, error);
    plan_free(&p);
    hth_csv_free(&train);
    return status;
}

/* Cuts the rows into contiguous pieces, one for each item of the batch. */
static hth_status cut_pieces(const table_options *o, const hth_stream_context *context, table *t,
                             hth_error *error) {
    t->ahead = (size_t)o->ahead;
    t->change = o->change;
    t->batch = context->batch;
    const size_t steps = t->rows > t->ahead ? t->rows - t->ahead : 0;
    t->length = t->batch ? steps / t->batch : 0;
    if (t->length > 0) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%s: %zu rows are too few for data.ahead %zu and a batch of %zu", o->file,
                    t->rows, t->ahead, t->batch);
}

static hth_status table_open(const hth_stream_context *context, void **state, hth_shape *shape,
                             hth_error *error) {
    table_options o;
    HTH_TRY(hth_options_read(&hth_reader_table.part.options, context->settings, &o, error));
    *state = NULL;
    if (!has_data(&o, context->split)) return HTH_OK; /* no such split: see stream.h */
    table *t = calloc(1, sizeof *t);
    if (!t) return no_memory(error);
    hth_status status = load(&o, context->split, t, error);
    if (status == HTH_OK) status = cut_pieces(&o, context, t, error);
    if (status != HTH_OK) {
        table_close(t);
        return status;
    }
    *shape = (hth_shape){.inputs = t->inputs, .outputs = t->outputs, .target = HTH_TARGET_VALUES};
    *state = t;
    return HTH_OK;
}

/* ---- Reading ---- */

static hth_status reserve(table *t, size_t steps, hth_error *error) {
    if (steps <= t->capacity) return HTH_OK;
    const size_t items = hth_times(steps, hth_times(t->batch, sizeof *t->in));
    hth_real *in = realloc(t->in, hth_times(items, t->inputs));
    if (in) t->in = in;
    hth_real *out = realloc(t->out, hth_times(items, t->outputs));
    if (out) t->out = out;
    hth_real *weights = realloc(t->weights, items);
    if (weights) t->weights = weights;
    if (!in || !out || !weights) return no_memory(error);
    t->capacity = steps;
    return HTH_OK;
}

/* Copies a row's inputs and its target to place `at` of the chunk. */
static void put_row(table *t, size_t row, size_t at) {
    const bool known = row + t->ahead < t->rows;
    memcpy(t->in + at * t->inputs, t->x + row * t->inputs, t->inputs * sizeof *t->in);
    const hth_real *now = t->y + row * t->outputs;
    const hth_real *then = known ? now + t->ahead * t->outputs : now;
    for (size_t k = 0; k < t->outputs; k++)
        t->out[at * t->outputs + k] = !known ? 0 : t->change ? then[k] - now[k] : then[k];
    t->weights[at] = known ? 1 : 0;
}

static hth_status table_next(void *state, size_t max_steps, hth_chunk *chunk,
                             hth_position_flags *flags, hth_error *error) {
    table *t = state;
    /* The position must lie in the data. */
    if (t->step >= t->length)
        return hth_fail(error, HTH_MISMATCH,
                        "table: position %llu lies beyond the %zu steps of an epoch; has the file "
                        "been changed?",
                        (unsigned long long)t->step, t->length);
    /* Copy the next steps of every piece into the chunk. */
    const size_t from = (size_t)t->step, left = t->length - from;
    const size_t steps = left < max_steps ? left : max_steps;
    HTH_TRY(reserve(t, steps, error));
    for (size_t s = 0; s < steps; s++)
        for (size_t b = 0; b < t->batch; b++)
            put_row(t, b * t->length + from + s, s * t->batch + b);
    *chunk = (hth_chunk){.steps = steps,
                         .batch = t->batch,
                         .x = t->in,
                         .targets = t->out,
                         .weights = t->beyond ? t->weights : NULL};
    /* Move the position. */
    const bool end = steps == left;
    *flags = (hth_position_flags){.starts = from == 0, .ends = end, .epoch_end = end};
    t->step = end ? 0 : from + steps;
    t->epoch += end;
    return HTH_OK;
}

/* Rows without a target lie behind one another only where there is one piece. */
static void table_go_beyond(void *state) {
    table *t = state;
    if (t->beyond || t->batch != 1) return;
    t->beyond = true;
    t->length = t->rows;
}

static size_t table_fields(void *state, hth_field *fields, size_t capacity) {
    table *t = state;
    const hth_field all[] = {
        {.name = "epoch", .dtype = HTH_DTYPE_U64, .count = 1, .data = &t->epoch},
        {.name = "step", .dtype = HTH_DTYPE_U64, .count = 1, .data = &t->step}};
    for (size_t i = 0; i < HTH_COUNT(all) && i < capacity; i++) fields[i] = all[i];
    return HTH_COUNT(all);
}

static void table_extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const table *t = state;
    *sequence_steps = *epoch_steps = t->length;
}

static void table_describe(const void *state, char *out, size_t size) {
    const table *t = state;
    snprintf(out, size, "%zu rows, %zu inputs, %zu targets", t->rows, t->inputs, t->outputs);
}

static const char *table_strays(const void *state) {
    const table *t = state;
    if (t->ahead != 1) return "data.ahead must be 1";
    if (t->change) return "data.change must be false";
    if (t->inputs == t->outputs && !memcmp(t->x, t->y, t->rows * t->inputs * sizeof *t->x))
        return NULL;
    return "data.target must name the columns of data.inputs, in their order";
}

const hth_stream_kind hth_reader_table = {
    .part = {.name = "table",
             .summary = "a CSV table whose rows are time steps, to forecast columns of later rows",
             .source = "RFC 4180, with a header",
             .options = {"data", options_table, HTH_COUNT(options_table)}},
    .open = table_open,
    .next = table_next,
    .state = table_fields,
    .extent = table_extent,
    .go_beyond = table_go_beyond,
    .describe = table_describe,
    .scale = table_scale,
    .strays = table_strays,
    .close = table_close,
};
