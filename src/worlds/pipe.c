/*
 * A world that is another program. It is spoken to by lines on its standard input and answers with lines on its
 * standard output; of a batch each item has a program of its own.
 *
 *     reset 123456        what is seen at the start of the episode of that seed: world.inputs numbers
 *     act 1               the reward, 1 if the episode has ended, else 0, and what is seen then
 *
 * The seed is a number from 0 to 2^31 - 1, drawn from that of the run. A program whose answers are a function of the
 * seed and the actions since makes a run that resumes go on with the same bits: in the middle of an episode the program
 * is told `reset` and then the actions that were taken, which the world remembers.
 */
#include "worlds/program.h"
#include "worlds/world.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct pipe_options {
    const char *command;
    int64_t inputs, actions, steps;
    double timeout;
} pipe_options;

#define OPTION(field, ...)                                                                         \
    { .name = #field, .offset = offsetof(pipe_options, field), __VA_ARGS__ }

static const hth_option table[] = {
    OPTION(command,
           .help = "the program, as a shell would be told it (docs/worlds.md says what it must "
                   "answer); or unix:PATH, where one listens already, at a socket",
           .kind = HTH_KIND_TEXT),
    OPTION(inputs, .help = "numbers that it shows at each step", .kind = HTH_KIND_INTEGER, .min = 0,
           .max = 1e6),
    OPTION(actions, .help = "actions, 0 to actions - 1", .kind = HTH_KIND_INTEGER, .min = 2,
           .max = 255),
    OPTION(steps, .help = "an episode ends after so many steps", .fallback = "500",
           .kind = HTH_KIND_INTEGER, .min = 1, .max = 1e6),
    OPTION(timeout, .help = "seconds that an answer may take", .fallback = "60",
           .kind = HTH_KIND_REAL, .min = 0.001, .max = 1e6),
};

static const hth_options options = {"world", table, HTH_COUNT(table)};

/* The program of one item, and where its episode is. */
typedef struct pipe_item {
    hth_program program;
    uint64_t episode, step;
    bool knows; /* it has been told of an episode */
} pipe_item;

typedef struct pipe_state {
    pipe_options options;
    char *command; /* a copy: settings may go */
    size_t batch;
    pipe_item *items;
    double *numbers; /* of an answer: [2 + inputs] */
} pipe_state;

static void pipe_close(void *state) {
    pipe_state *p = state;
    if (!p) return;
    for (size_t i = 0; p->items && i < p->batch; i++) hth_program_end(&p->items[i].program);
    free(p->items);
    free(p->numbers);
    free(p->command);
    free(p);
}

static hth_status make(pipe_state *p, hth_error *error) {
    const size_t length = strlen(p->options.command) + 1;
    p->command = malloc(length);
    p->items = calloc(p->batch, sizeof *p->items);
    p->numbers = calloc((size_t)p->options.inputs + 2, sizeof *p->numbers);
    if (!p->command || !p->items || !p->numbers)
        return hth_fail(error, HTH_NO_MEMORY, "world pipe: not enough memory");
    memcpy(p->command, p->options.command, length);
    for (size_t i = 0; i < p->batch; i++)
        p->items[i].program = (hth_program){.command = p->command, .timeout = p->options.timeout};
    return HTH_OK;
}

static hth_status pipe_open(const hth_stream_context *context, void **state, hth_world_shape *shape,
                            hth_error *error) {
    pipe_state *p = calloc(1, sizeof *p);
    if (!p) return hth_fail(error, HTH_NO_MEMORY, "world pipe: not enough memory");
    p->batch = context->batch;
    hth_status status = hth_options_read(&options, context->settings, &p->options, error);
    if (status == HTH_OK) status = make(p, error);
    if (status != HTH_OK) {
        pipe_close(p);
        return status;
    }
    *state = p;
    *shape = (hth_world_shape){.inputs = (size_t)p->options.inputs,
                               .actions = (size_t)p->options.actions,
                               /* what is seen; the actions of the episode so far */
                               .memory = (size_t)(p->options.inputs + p->options.steps),
                               .steps = (uint64_t)p->options.steps,
                               .ends_early = true};
    return HTH_OK;
}

/* ---- Answers ---------------------------------------------------------------------------------- */

/* Reads `count` finite numbers, and nothing else, from a line. */
static bool read_numbers(const char *line, size_t count, double *out) {
    for (size_t i = 0; i < count; i++) {
        char *end;
        out[i] = strtod(line, &end);
        if (end == line || !isfinite(out[i])) return false;
        line = end;
    }
    return line[strspn(line, " \t\r,")] == 0;
}

/* Says a line to the item's program; `count` numbers are the answer. */
static hth_status ask(const pipe_state *p, pipe_item *item, const char *line, size_t count,
                      hth_error *error) {
    const size_t most = 64 * ((size_t)p->options.inputs + 2) + 1024;
    const char *answer;
    item->knows = false; /* until it has answered well */
    HTH_TRY(hth_program_ask(&item->program, line, most, &answer, error));
    item->knows = read_numbers(answer, count, p->numbers);
    if (item->knows) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "the program '%.120s' answers '%s' with '%.60s', but %s%zu finite numbers are "
        "to come",
        p->command, line, answer,
        count > (size_t)p->options.inputs ? "the reward, 0 or 1, and then, in all " : "", count);
}

static hth_status reset(const hth_moment *at, pipe_item *item, hth_error *error) {
    const pipe_state *p = at->state;
    uint64_t words[2];
    char line[40];
    hth_random_words(&at->random, hth_world_index(at, 0, 0), words);
    snprintf(line, sizeof line, "reset %lu", (unsigned long)(words[0] >> 33));
    HTH_TRY(ask(p, item, line, (size_t)p->options.inputs, error));
    item->episode = at->episode;
    item->step = 0;
    return HTH_OK;
}

static hth_status tell(const hth_moment *at, pipe_item *item, size_t action, hth_error *error) {
    const pipe_state *p = at->state;
    char line[40];
    snprintf(line, sizeof line, "act %zu", action);
    HTH_TRY(ask(p, item, line, (size_t)p->options.inputs + 2, error));
    /* A program that says its numbers in another order is likely found out here. */
    if (p->numbers[1] != 0 && p->numbers[1] != 1)
        return hth_fail(error, HTH_INVALID,
                        "the program '%.120s' answers '%s' with %g where 1 is to say that the "
                        "episode has ended, and 0 that it goes on: the second number, after the "
                        "reward",
                        p->command, line, p->numbers[1]);
    item->step++;
    return HTH_OK;
}

/* Brings the program to where the episode is: a run that resumes has another program. */
static hth_status catch_up(const hth_moment *at, const double *memory, pipe_item *item,
                           hth_error *error) {
    const pipe_state *p = at->state;
    const double *actions = memory + p->options.inputs;
    if (item->knows && item->episode == at->episode && item->step == at->step) return HTH_OK;
    HTH_TRY(reset(at, item, error));
    for (uint64_t t = 0; t < at->step; t++)
        HTH_TRY(tell(at, item, hth_world_whole(actions[t], (size_t)p->options.actions), error));
    return HTH_OK;
}

/* ---- The verbs -------------------------------------------------------------------------------- */

static hth_status pipe_begin(const hth_moment *at, double *memory, hth_error *error) {
    const pipe_state *p = at->state;
    HTH_TRY(reset(at, &p->items[at->item], error));
    memcpy(memory, p->numbers, (size_t)p->options.inputs * sizeof *memory);
    return HTH_OK;
}

static void pipe_observe(const hth_moment *at, const double *memory, hth_real *x) {
    const pipe_state *p = at->state;
    for (size_t i = 0; i < (size_t)p->options.inputs; i++) x[i] = (hth_real)memory[i];
}

static hth_status pipe_act(const hth_moment *at, double *memory, size_t action, hth_reply *out,
                           hth_error *error) {
    const pipe_state *p = at->state;
    pipe_item *item = &p->items[at->item];
    const size_t inputs = (size_t)p->options.inputs;
    HTH_TRY(catch_up(at, memory, item, error));
    HTH_TRY(tell(at, item, action, error));
    out->reward = p->numbers[0];
    out->ends = p->numbers[1] != 0;
    memcpy(memory, p->numbers + 2, inputs * sizeof *memory);
    memory[inputs + at->step] = (double)action;
    return HTH_OK;
}

static const hth_world_kind pipe_world = {.open = pipe_open,
                                          .begin = pipe_begin,
                                          .observe = pipe_observe,
                                          .act = pipe_act,
                                          .close = pipe_close};

HTH_WORLD(pipe, pipe_world,
          .part = {.name = "pipe",
                   .summary = "another program, spoken to by lines: a Gymnasium environment, a "
                              "simulator, a machine",
                   .source = "docs/worlds.md",
                   .options = {"world", table, HTH_COUNT(table)}});
