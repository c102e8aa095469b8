/*
 * The copying memory problem (Hochreiter & Schmidhuber 1997; sizes of Arjovsky et al. 2016): ten symbols of eight, then
 * delay - 1 blanks, a marker, and ten blanks during which the ten symbols are to be said again. The input is one-hot:
 * the eight symbols, blank, marker. The class is blank until the marker, marker included, and then a symbol at each
 * step.
 *
 * A network without memory says blank and then guesses: symbols ln 8 / (delay + 20) nats a step.
 */
#include "base/functions64.h"
#include "tasks/trials.h"

enum { SYMBOLS = 8, BLANK = SYMBOLS, MARKER, INPUTS, OUTPUTS = SYMBOLS + 1 };

typedef struct copy_options {
    int64_t delay, symbols;
} copy_options;

extern const hth_stream_kind hth_task_copy_memory;

static const hth_option table[] = {
    {.name = "delay",
     .help = "T, steps between the last symbol and the marker; a trial has T + 2 task.symbols",
     .fallback = "100",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     .offset = offsetof(copy_options, delay)},
    {.name = "symbols",
     .help = "how many are to be kept",
     .fallback = "10",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e4,
     .offset = offsetof(copy_options, symbols)},
};

static void write(const void *options, const hth_random *random, const hth_trial_item *to) {
    const copy_options *o = options;
    const size_t symbols = (size_t)o->symbols, answers = to->steps - symbols;
    for (size_t t = 0; t < to->steps; t++) {
        const size_t row = hth_trial_row(to, t);
        size_t shown = t + 1 == answers ? MARKER : BLANK, said = BLANK;
        if (t < symbols) shown = (size_t)hth_random_below(random, t, SYMBOLS);
        if (t >= answers) said = (size_t)hth_random_below(random, t - answers, SYMBOLS);
        to->x[row * INPUTS + shown] = 1;
        to->classes[row] = (int32_t)said;
        to->weights[row] = 1;
    }
}

static hth_status copy_open(const hth_stream_context *context, void **state, hth_shape *shape,
                            hth_error *error) {
    copy_options o;
    HTH_TRY(hth_options_read(&hth_task_copy_memory.part.options, context->settings, &o, error));
    const hth_trials_form form = {
        .shape = {.inputs = INPUTS, .outputs = OUTPUTS, .target = HTH_TARGET_CLASSES},
        .longest = (size_t)(o.delay + 2 * o.symbols),
        .options = &o,
        .options_size = sizeof o,
        .write = write};
    return hth_trials_open(context, "copy-memory", &form, state, shape, error);
}

static size_t references(const hth_settings *settings, hth_reference *out) {
    copy_options o;
    if (hth_options_read(&hth_task_copy_memory.part.options, settings, &o, NULL) != HTH_OK)
        return 0;
    const double symbols = (double)o.symbols;
    out[0] = (hth_reference){"softmax", "no memory",
                             symbols * hth_log64(SYMBOLS) / ((double)o.delay + 2 * symbols)};
    return 1;
}

const hth_stream_kind hth_task_copy_memory = {
    .part = {.name = "copy-memory",
             .summary = "say ten symbols again after a long delay",
             .source = "Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016, 5.1",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = copy_open,
    .next = hth_trials_next,
    .state = hth_trials_state,
    .extent = hth_trials_extent,
    .close = hth_trials_close,
    .references = references,
};
