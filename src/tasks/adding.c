/*
 * The adding problem (Hochreiter & Schmidhuber 1997; form of Arjovsky et al. 2016): at each step a number, uniform in
 * [0, 1), and a mark, which is 1 at one step of the first half and at one of the second. The target of the last step,
 * which alone has a weight, is the sum of the two numbers with a mark.
 *
 * Who says 1 always has a mean squared error of 1/6.
 */
#include "tasks/trials.h"

enum { NUMBER, MARK, INPUTS };

typedef struct adding_options {
    int64_t steps;
} adding_options;

extern const hth_stream_kind hth_task_adding;

static const hth_option table[] = {
    {.name = "steps",
     .help = "of a trial",
     .fallback = "100",
     .kind = HTH_KIND_INTEGER,
     .min = 2,
     .max = 1e6,
     .offset = offsetof(adding_options, steps)},
};

static void write(const void *options, const hth_random *random, const hth_trial_item *to) {
    const size_t half = to->steps / 2;
    const size_t marks[] = {(size_t)hth_random_below(random, to->steps, half),
                            half +
                                (size_t)hth_random_below(random, to->steps + 1, to->steps - half)};
    double sum = 0;
    (void)options;
    for (size_t t = 0; t < to->steps; t++) {
        hth_real *x = to->x + hth_trial_row(to, t) * INPUTS;
        x[NUMBER] = (hth_real)hth_random_uniform(random, t);
        x[MARK] = t == marks[0] || t == marks[1];
        if (x[MARK] > 0) sum += (double)x[NUMBER];
    }
    to->targets[hth_trial_row(to, to->steps - 1)] = (hth_real)sum;
    to->weights[hth_trial_row(to, to->steps - 1)] = 1;
}

static hth_status adding_open(const hth_stream_context *context, void **state, hth_shape *shape,
                              hth_error *error) {
    adding_options o;
    HTH_TRY(hth_options_read(&hth_task_adding.part.options, context->settings, &o, error));
    const hth_trials_form form = {.shape = {.inputs = INPUTS, .outputs = 1},
                                  .longest = (size_t)o.steps,
                                  .options = &o,
                                  .options_size = sizeof o,
                                  .write = write};
    return hth_trials_open(context, "adding", &form, state, shape, error);
}

static size_t references(const hth_settings *settings, hth_reference *out) {
    (void)settings;
    out[0] = (hth_reference){"nmse", "always 1", 1};
    return 1;
}

const hth_stream_kind hth_task_adding = {
    .part = {.name = "adding",
             .summary = "the sum of two marked numbers out of a long row",
             .source = "Hochreiter & Schmidhuber 1997; Arjovsky et al. 2016, 5.2",
             .options = {"task", table, HTH_COUNT(table)}},
    .open = adding_open,
    .next = hth_trials_next,
    .state = hth_trials_state,
    .extent = hth_trials_extent,
    .close = hth_trials_close,
    .references = references,
};
