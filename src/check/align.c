/* Gradients of other learners beside those of the run's own: see align.h. */
#include "check/align.h"

#include "check/interference.h"
#include "check/nearness.h"
#include "credit/inspect.h"
#include "files/draft.h"
#include "files/lines.h"
#include "network/inspect.h"
#include "session/session.h"
#include "settings/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LEARNERS = 16, NAME_LENGTH = 32 };

/* Which exact gradient a learner's window is compared with, and when: LAGGED is FUTURE with a delay of its own. */
typedef enum facing { PAST, FUTURE, LAGGED } facing;

typedef struct companion {
    char name[NAME_LENGTH];
    facing facing;
    /* A step's gradient comes this many steps later; the readout's part comes at once. */
    uint64_t lag;
    hth_learner *learner;
    /* used when this learner's tape slides in another way than the run's; NULL: the run's tape */
    hth_tape *tape;
    hth_gradient *gradient; /* summed over the window */
} companion;

typedef struct align {
    const hth_network *network;
    uint64_t every, window;
    const hth_learner *trained; /* the run's own learner */
    /* [K][batch][inputs]: inputs that the run's tape has read, copied for the companions' tapes */
    hth_real *x;
    hth_gradient *scrap;
    companion items[MOST_LEARNERS + 2]; /* the two exact learners come first */
    size_t count;
} align;

enum { EXACT_PAST, EXACT_FUTURE, FIRST_OTHER };

/* ---- Making ---------------------------------------------------------------------------------- */

static facing facing_of(const hth_learner *learner) {
    if (hth_window_delays(learner)) return LAGGED;
    return hth_learner_look(learner).predicts ? FUTURE : PAST;
}

/* Adds a learner to the list. own: it has all settings that the user gave. Otherwise `name` is a preset, and only
 * the settings outside the preset are the user's. */
static hth_status add(align *a, const hth_settings *settings, const hth_session *session,
                      const char *name, bool own, const char *horizon, hth_error *error) {
    const hth_setting items[] = {
        {"learner.name", name, NULL},           {"learner.signal", "preset", NULL},
        {"learner.recurrence", "preset", NULL}, {"learner.past", "preset", NULL},
        {"learner.future", "preset", NULL},     {"learner.window", horizon, NULL},
        {"learner.window_of", "preset", NULL}};
    const hth_settings overrides = {items, own ? 0 : HTH_COUNT(items)};
    companion *c = &a->items[a->count];
    hth_settings joined;
    hth_error reason;
    /* Make the learner: the user's settings, with the preset's parts in place of the user's. */
    HTH_TRY(hth_settings_join(settings, &overrides, &joined, error));
    snprintf(c->name, sizeof c->name, "%s", name);
    hth_status status = hth_learner_create(&joined, session->parts.network, session->steps,
                                           session->batch, (uint64_t)session->options.seed,
                                           session->parts.compute, NULL, &c->learner, &reason);
    free((void *)(uintptr_t)joined.items);
    if (status != HTH_OK)
        return hth_fail(error, status, "train.align compares '%s', which cannot be: %.300s", name,
                        reason.message);
    a->count++;
    /* Refuse a learner whose window has no exact counterpart. */
    const hth_learner_kind kind = hth_learner_look(c->learner);
    if (kind.predicts && kind.keeps_past)
        return hth_fail(
            error, HTH_INVALID,
            "train.align compares '%s', which cannot be: with a past and a prediction a "
            "window's gradient is of uses before it and of losses after it, and there is "
            "no exact one of these; 'hitherto check RUN' compares whole sequences",
            name);
    /* Find out what to compare it with, and give it a tape of its own if one of the two tapes slides. */
    c->facing = facing_of(c->learner);
    c->lag = c->facing == LAGGED ? hth_window_length(c->learner) - session->steps : 0;
    if (hth_learner_slides(c->learner) || hth_learner_slides(session->parts.learner))
        HTH_TRY(hth_learner_tape(c->learner, session->parts.compute, NULL, &c->tape, error));
    if (kind.takes_feedback) HTH_TRY(hth_given_feedback(&session->train, c->learner, error));
    return hth_gradient_create(session->parts.network, NULL, &c->gradient, error);
}

/* Adds the two exact learners, then the learners that the user names. If the user names none: the run's own
 * learner. */
static hth_status add_all(align *a, const hth_settings *settings, const hth_session *session,
                          hth_error *error) {
    const hth_train_options *o = &session->options;
    /* The list of names: the user's, or the run's own learner. */
    const hth_setting *given = hth_settings_find(settings, hth_learners.key);
    const char *own = given ? given->value : hth_learners.fallback;
    char names[512], horizon[32], *rest;
    snprintf(names, sizeof names, "%s", *o->align_learners ? o->align_learners : own);
    snprintf(horizon, sizeof horizon, "%lld", (long long)o->align_horizon);
    /* The exact learners: see EXACT_PAST and EXACT_FUTURE. */
    HTH_TRY(add(a, settings, session, "rtrl", false, "-1", error));
    HTH_TRY(add(a, settings, session, "f-bptt", false, horizon, error));
    /* The named ones. The run's own learner keeps all of its settings. */
    for (char *name = strtok_r(names, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        if (a->count == HTH_COUNT(a->items))
            return hth_fail(error, HTH_INVALID, "train.align_learners names more than %d learners",
                            MOST_LEARNERS);
        HTH_TRY(add(a, settings, session, name, strcmp(name, own) == 0, "-1", error));
    }
    return HTH_OK;
}

static hth_status check_sizes(const align *a, const hth_session *session, hth_error *error) {
    const hth_train_options *o = &session->options;
    if ((uint64_t)o->align_horizon >= session->steps && a->window >= session->steps) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "train.align_window is %lld and train.align_horizon %lld; both must be at "
                    "least the %zu steps of a tape",
                    (long long)o->align_window, (long long)o->align_horizon, session->steps);
}

/* Steps between the end of a window and its comparison: until both the companion and the exact gradient are
 * complete. */
static uint64_t wait_of(const align *a, const companion *c) {
    const uint64_t exact = a->items[EXACT_FUTURE].lag;
    if (c->facing == PAST) return 0;
    return c->lag > exact ? c->lag : exact;
}

/* Requires train.align to be large enough that a window is compared before the next begins. The tape that completes
 * a window may bring up to K - 1 steps more. */
static hth_status check_every(const align *a, const hth_session *session, hth_error *error) {
    const companion *longest = &a->items[EXACT_FUTURE];
    for (size_t i = FIRST_OTHER; i < a->count; i++)
        if (wait_of(a, &a->items[i]) > longest->lag) longest = &a->items[i];
    const uint64_t least = a->window + longest->lag + session->steps - 1;
    if (a->every >= least) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "train.align is %llu; it must be at least %llu, the window, the steps after "
                    "which %s%s is known, and those of a tape less one",
                    (unsigned long long)a->every, (unsigned long long)least,
                    longest == &a->items[EXACT_FUTURE] ? "the exact future-facing gradient"
                                                       : "that of ",
                    longest == &a->items[EXACT_FUTURE] ? "" : longest->name);
}

static void close_all(void *guest) {
    align *a = guest;
    free(a->x);
    hth_gradient_destroy(a->scrap);
    for (size_t i = 0; i < HTH_COUNT(a->items); i++) {
        hth_learner_destroy(a->items[i].learner);
        hth_tape_destroy(a->items[i].tape);
        hth_gradient_destroy(a->items[i].gradient);
    }
    free(a);
}

static hth_status open_all(const hth_settings *settings, const hth_session *session, void **guest,
                           hth_error *error) {
    const hth_train_options *o = &session->options;
    if (o->align == 0) return HTH_OK;
    /* Take memory and copy the options. */
    align *a = calloc(1, sizeof *a);
    if (!a) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for train.align");
    a->network = session->parts.network;
    a->trained = session->parts.learner;
    a->x =
        calloc(session->steps * session->batch, (session->train.shape.inputs + 1) * sizeof *a->x);
    a->every = (uint64_t)o->align;
    a->window = (uint64_t)o->align_window;
    /* Check the settings, then make the learners. */
    hth_status status = a->x ? check_sizes(a, session, error)
                             : hth_fail(error, HTH_NO_MEMORY, "not enough memory for train.align");
    if (status == HTH_OK)
        status = hth_gradient_create(session->parts.network, NULL, &a->scrap, error);
    if (status == HTH_OK) status = add_all(a, settings, session, error);
    if (status == HTH_OK) status = check_every(a, session, error);
    if (status == HTH_OK)
        *guest = a;
    else
        close_all(a);
    return status;
}

static void begin(void *guest) {
    const align *a = guest;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].tape) hth_tape_reset(a->items[i].tape);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static double norm(const hth_real *x, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static hth_status write_line(const companion *c, const companion *exact, const hth_block *block,
                             uint64_t step, uint64_t end, FILE *file, hth_error *error) {
    const size_t size = block->rows * block->columns;
    const hth_real *ours = hth_gradient_values(c->gradient) + block->offset;
    const hth_real *theirs = hth_gradient_values(exact->gradient) + block->offset;
    const double length = norm(theirs, size);
    char cosine[32], ratio[32];
    if (fprintf(file,
                "{\"step\": %llu, \"window_end\": %llu, \"learner\": \"%s\", \"exact\": "
                "\"%s\", \"block\": \"%s\", \"cosine\": %s, \"norm_ratio\": %s}\n",
                (unsigned long long)step, (unsigned long long)end, c->name, exact->name,
                block->name, hth_json_number(hth_nearness_of(ours, theirs, size).cosine, 9, cosine),
                hth_json_number(length > 0 ? norm(ours, size) / length : (double)NAN, 9, ratio)) <
        0)
        return hth_file_fail("align.jsonl", "written", error);
    return HTH_OK;
}

/* Compares block by block. The readout's weights act on the loss of the same step alone, so the readout's blocks
 * are always compared with the past-facing gradient. */
static hth_status write_lines(const align *a, const companion *c, uint64_t step, uint64_t end,
                              FILE *file, hth_error *error) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(a->network, &count);
    const size_t recurrent = hth_network_look(a->network).recurrent;
    for (size_t i = 0; i < count; i++) {
        const bool of_readout = blocks[i].offset >= recurrent;
        const size_t exact = c->facing == PAST || of_readout ? EXACT_PAST : EXACT_FUTURE;
        HTH_TRY(write_line(c, &a->items[exact], &blocks[i], step, end, file, error));
    }
    return fflush(file) == 0 ? HTH_OK : hth_file_fail("align.jsonl", "written", error);
}

/* ---- Along the run --------------------------------------------------------------------------- */

/* The last step of the window that `step` belongs to; 0: it belongs to none. */
static uint64_t window_of(const align *a, uint64_t step) {
    const uint64_t end = (step + a->every - 1) / a->every * a->every;
    return step + a->window > end ? end : 0;
}

/* Whether a gradient that comes `lag` steps late belongs to a window. *begins: it is the first one of that window. */
static bool wants(const align *a, uint64_t lag, uint64_t steps, uint64_t step, bool *begins) {
    const uint64_t end = step > lag ? window_of(a, step - lag) : 0;
    *begins = end && (step <= lag + steps || window_of(a, step - lag - steps) != end);
    return end != 0;
}

static void add_part(hth_real *to, const hth_real *from, size_t first, size_t end, bool begins) {
    for (size_t i = first; i < end; i++) to[i] = (begins ? 0 : to[i]) + from[i];
}

/* Adds the gradient in scrap. The recurrent part of it is `lag` steps old and the readout's part is not, so each
 * part has a window of its own. */
static void add_lagged(const align *a, const companion *c, uint64_t steps, uint64_t step) {
    const size_t recurrent = hth_network_look(a->network).recurrent,
                 all = hth_network_parameter_count(a->network);
    bool begins, readout_begins;
    const bool wanted = wants(a, c->lag, steps, step, &begins);
    const bool readout_wanted = wants(a, 0, steps, step, &readout_begins);
    if (!wanted && !readout_wanted) return;
    const hth_real *from = hth_gradient_values(a->scrap);
    hth_real *to = hth_gradient_edit(c->gradient);
    if (wanted) add_part(to, from, 0, recurrent, begins);
    if (readout_wanted) add_part(to, from, recurrent, all, readout_begins);
}

/* Runs one companion over the tape. It learns from every tape, but only gradients inside a window are kept. */
static hth_status learn(const align *a, const companion *c, hth_tape *tape, uint64_t steps,
                        uint64_t step, hth_error *error) {
    bool begins;
    /* A companion with a tape of its own first reads the new steps again, with the targets of the run's tape. */
    if (c->tape) {
        const hth_chunk chunk = hth_tape_again(tape, hth_learner_unseen(a->trained), a->x);
        hth_report unseen = {0};
        hth_tape_expect_as(c->tape, tape);
        HTH_TRY(hth_forward(c->tape, &chunk, &unseen, error));
        tape = c->tape;
    }
    /* Sum directly into the window where both parts of the gradient belong to the same steps; otherwise go through
     * scrap. */
    const bool direct = c->lag == 0 && wants(a, 0, steps, step, &begins);
    hth_gradient *to = direct ? c->gradient : a->scrap;
    if (!direct || begins) hth_gradient_clear(to);
    HTH_TRY(hth_learn(c->learner, tape, to, error));
    if (c->lag > 0) add_lagged(a, c, steps, step);
    return HTH_OK;
}

/* Whether this tape completes a window that ends at a multiple of `every`. *end: the last step of that window. */
static bool completes(const align *a, uint64_t step, uint64_t steps, uint64_t *end) {
    *end = step / a->every * a->every;
    return step >= a->every && step < *end + steps;
}

static hth_status after_tape(void *guest, hth_tape *tape, uint64_t step, FILE *file,
                             hth_error *error) {
    const align *a = guest;
    const size_t steps = hth_tape_length(tape) - hth_learner_unseen(a->trained);
    for (size_t i = 0; i < a->count; i++) HTH_TRY(learn(a, &a->items[i], tape, steps, step, error));
    for (size_t i = FIRST_OTHER; i < a->count; i++) {
        const uint64_t wait = wait_of(a, &a->items[i]);
        uint64_t end;
        if (step > wait && completes(a, step - wait, steps, &end))
            HTH_TRY(write_lines(a, &a->items[i], step, end, file, error));
    }
    return HTH_OK;
}

/* ---- State ----------------------------------------------------------------------------------- */

/* Puts "<index>." before the name. A name that gets too long is cut; names of parts are far shorter. */
static void add_prefix(size_t index, char name[sizeof((hth_field *)0)->name]) {
    const size_t size = sizeof((hth_field *)0)->name;
    char prefix[24];
    size_t length = strlen(name), before;
    snprintf(prefix, sizeof prefix, "%zu.", index);
    before = strlen(prefix);
    if (length + before >= size) length = size - 1 - before;
    memmove(name + before, name, length);
    memcpy(name, prefix, before);
    name[before + length] = '\0';
}

static size_t state(void *guest, hth_field *fields, size_t capacity) {
    align *a = guest;
    size_t count = 0;
    for (size_t i = 0; i < a->count; i++) {
        /* The learner's state, then that of its own tape. */
        companion *c = &a->items[i];
        const size_t left = count < capacity ? capacity - count : 0;
        hth_field *from = fields ? fields + (count < capacity ? count : capacity) : NULL;
        const size_t learned = hth_learner_state(c->learner, from, left),
                     more = left > learned ? left - learned : 0;
        const size_t own =
            learned + (c->tape ? hth_tape_state(c->tape, more ? from + learned : NULL, more) : 0);
        /* Names of two companions must differ. */
        for (size_t k = 0; k < own && k < left; k++) add_prefix(i, from[k].name);
        count += own;
        /* The window's gradient, as far as it is summed. */
        if (count < capacity) {
            fields[count] = (hth_field){.dtype = HTH_DTYPE_REAL,
                                        .count = hth_network_parameter_count(a->network),
                                        .data = hth_gradient_edit(c->gradient)};
            snprintf(fields[count].name, sizeof fields->name, "%zu.gradient", i);
        }
        count++;
    }
    return count;
}

const hth_guest_kind hth_align_guest = {
    .name = "align",
    .open = open_all,
    .begin = begin,
    .after_tape = after_tape,
    .state = state,
    .close = close_all,
    .next = &hth_interference_guest,
};
