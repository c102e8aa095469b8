/* The settings of data=rows. The rows arrive while `hitherto stream` runs, so there is nothing here to open. */
#include "data/rows.h"
#include "tasks/stream.h"

#include <string.h>

extern const hth_stream_kind hth_reader_rows;

static const char *const formats[] = {"auto", "csv", "blanks", "json", "float32", "npy", NULL};
static const char *const policies[] = {"hold", "mask", "refuse", NULL};

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(hth_row_options, field), __VA_ARGS__ }

static const hth_option options_rows[] = {
    OPTION(target,
           .help = "columns to predict: names or numbers from 1, with commas between, such as "
                   "load or 4-6",
           .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(inputs,
           .help =
               "columns that are read, as data.target; \"\": all that hold numbers in the first "
               "row, and with data.ahead=0 not the targets",
           .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(ahead,
           .help = "the target of a row is so many rows later; 0: it stands in the same row and is "
                   "looked at after the prediction",
           .fallback = "1", .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
    OPTION(id,
           .help = "column that names a row; a later row with the same name brings its target late "
                   "(with data.ahead=0)",
           .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(late, .help = "with data.id: how many rows late a target may come", .fallback = "100",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 1e6),
    OPTION(classes,
           .help =
               "the target is a class: how many there are (0, 1, ...), or their names with commas "
               "between; \"\": it is a number",
           .fallback = "", .kind = HTH_KIND_TEXT),
    OPTION(standardise,
           .help = "each column less the mean and divided by the deviation of all its rows so far; "
                   "predictions come in the unit of the target",
           .fallback = "true", .kind = HTH_KIND_BOOL),
    OPTION(change,
           .help =
               "learn how much the target changes within data.ahead rows in place of its value; "
               "0 is then the forecast that nothing changes",
           .fallback = "false", .kind = HTH_KIND_BOOL),
    OPTION(missing,
           .help =
               "an input that is missing (empty, NaN, NA, null): hold its last value; mask: hold "
               "it, and have an input for each column that is 1 where there was a value; refuse",
           .fallback = "hold", .kind = HTH_KIND_CHOICE, .choices = policies),
    OPTION(format,
           .help =
               "csv (, ; or tab between), blanks, json (a list or an object a line), float32 (raw, "
               "little-endian), npy; auto: by the first bytes",
           .fallback = "auto", .kind = HTH_KIND_CHOICE, .choices = formats),
    OPTION(columns, .help = "with data.format=float32: numbers of a row", .fallback = "0",
           .kind = HTH_KIND_INTEGER, .min = 0, .max = 10000),
};

static hth_status check(const hth_row_options *o, hth_error *error) {
    if (!*o->target)
        return hth_fail(error, HTH_INVALID,
                        "data.target must be given (--target): the columns to predict, such as "
                        "load or 4");
    if (*o->id && o->ahead > 0)
        return hth_fail(error, HTH_INVALID,
                        "data.id is '%s', so targets name their row, but data.ahead is %lld: it "
                        "must be 0 (--ahead 0)",
                        o->id, (long long)o->ahead);
    if (*o->id && (o->format == HTH_ROWS_FLOAT32 || o->format == HTH_ROWS_NPY))
        return hth_fail(
            error, HTH_INVALID,
            "data.id is '%s', but rows of numbers in bytes have no names: leave it out, or "
            "send text",
            o->id);
    if (o->change && o->ahead == 0)
        return hth_fail(
            error, HTH_INVALID,
            "data.change is true, but data.ahead is 0: a row does not change within itself; "
            "data.ahead must be at least 1");
    if (o->change && *o->classes)
        return hth_fail(error, HTH_INVALID,
                        "data.change is true, but a class (data.classes) has no change: leave "
                        "one of them out");
    if (o->format == HTH_ROWS_FLOAT32 && o->columns == 0)
        return hth_fail(
            error, HTH_INVALID,
            "data.format is float32, which does not say how many numbers a row has: give "
            "data.columns");
    if (o->format != HTH_ROWS_FLOAT32 && o->columns != 0)
        return hth_fail(error, HTH_INVALID,
                        "data.columns is %lld, but only data.format=float32 needs it: leave it out",
                        (long long)o->columns);
    return HTH_OK;
}

hth_status hth_row_options_read(const hth_settings *settings, hth_row_options *out,
                                hth_error *error) {
    out->names = NULL;
    HTH_TRY(hth_options_read(&hth_reader_rows.part.options, settings, out, error));
    return check(out, error);
}

static hth_status refuse(const hth_stream_context *context, void **state, hth_shape *shape,
                         hth_error *error) {
    (void)context, (void)state, (void)shape;
    return hth_fail(
        error, HTH_INVALID,
        "data=rows arrive on the standard input, once: 'hitherto stream' learns from them; for a "
        "file take data=table data.file=FILE");
}

const hth_stream_kind hth_reader_rows = {
    .part = {.name = "rows",
             .summary = "rows from the standard input, one after the other, for 'hitherto stream'",
             .source = "predict, then learn: Gama, Sebastiao & Rodrigues 2013",
             .options = {"data", options_rows, HTH_COUNT(options_rows)}},
    .open = refuse,
};
