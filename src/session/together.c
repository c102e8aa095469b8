/* The streams of all phases as one: see together.h. */
#include "session/together.h"

#include "files/digest.h"
#include "settings/phases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct together {
    hth_stream_kind kind;
    size_t count, longest, last; /* of epochs; last: whose steps were given */
    uint64_t turn;               /* sequences that have ended */
    hth_phase_list settings[HTH_MOST_PHASES];
    hth_source sources[HTH_MOST_PHASES];
} together;

bool hth_together_wanted(const hth_settings *settings) {
    hth_phases_options options;
    return hth_has_phases(settings) &&
           hth_options_read(&hth_phases_section.common, settings, &options, NULL) == HTH_OK &&
           options.joint;
}

/* ---- Verbs -------------------------------------------------------------------------------- */

static const hth_source *at(const together *t, size_t index) {
    return &t->sources[index];
}

static hth_status next(void *state, size_t most, hth_chunk *chunk, hth_position_flags *flags,
                       hth_error *error) {
    together *t = state;
    t->last = (size_t)(t->turn % t->count);
    const hth_source *source = at(t, t->last);
    HTH_TRY(source->kind->next(source->state, most, chunk, flags, error));
    t->turn += flags->ends;
    flags->epoch_end = flags->epoch_end && t->last == t->longest;
    return HTH_OK;
}

static void judge(void *state, double loss) {
    const together *t = state;
    const hth_source *source = at(t, t->last);
    if (source->kind->judge) source->kind->judge(source->state, loss);
}

/* The turn, and the positions of all, each with its number before it. */
static size_t state_of(void *state, hth_field *fields, size_t capacity) {
    together *t = state;
    size_t count = 1;
    if (capacity > 0)
        fields[0] =
            (hth_field){.name = "turn", .dtype = HTH_DTYPE_U64, .count = 1, .data = &t->turn};
    for (size_t k = 0; k < t->count; k++) {
        const hth_source *source = at(t, k);
        const size_t used = count < capacity ? count : capacity;
        if (!source->kind->state) continue;
        const size_t more =
            source->kind->state(source->state, fields ? fields + used : NULL, capacity - used);
        for (size_t i = used; i < used + more && i < capacity; i++) {
            char name[sizeof fields->name];
            snprintf(name, sizeof name, "%u.%.30s", (unsigned)k, fields[i].name);
            memcpy(fields[i].name, name, sizeof name);
        }
        count += more;
    }
    return count;
}

static void extent(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps) {
    const together *t = state;
    *sequence_steps = *epoch_steps = 0;
    for (size_t k = 0; k < t->count; k++) {
        const hth_source *source = at(t, k);
        if (source->sequence_steps > *sequence_steps) *sequence_steps = source->sequence_steps;
        *epoch_steps += at(t, t->longest)->epoch_steps;
    }
}

static size_t given(const void *state, hth_given *out, size_t capacity) {
    const hth_source *first = at(state, 0);
    return first->kind->given ? first->kind->given(first->state, out, capacity) : 0;
}

static void describe(const void *state, char *out, size_t size) {
    const hth_source *first = at(state, 0);
    out[0] = '\0';
    if (first->kind->describe) first->kind->describe(first->state, out, size);
}

static const char *breaks(const void *state) {
    (void)state;
    return "sequences of several phases take turns";
}

static void close_all(void *state) {
    together *t = state;
    for (size_t k = 0; k < HTH_MOST_PHASES; k++) {
        hth_source_close(&t->sources[k]);
        free(t->settings[k].items);
    }
    free(t);
}

/* ---- Opening ------------------------------------------------------------------------------ */

static hth_status open_phase(together *t, const hth_settings *settings, const char *label,
                             size_t batch, uint64_t seed, hth_error *error) {
    hth_source *source = &t->sources[t->count];
    HTH_TRY(hth_phase_settings(settings, label, &t->settings[t->count], error));
    HTH_TRY(
        hth_source_open(&t->settings[t->count].settings, HTH_TRAIN, batch, seed, source, error));
    if (!source->kind) return hth_source_absent(&t->settings[t->count].settings, HTH_TRAIN, error);
    if (source->kind->answers || source->sequence_steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "phases.joint lets whole sequences of all phases take turns, but %s %s: "
                        "leave it out",
                        source->kind->part.name,
                        source->kind->answers ? "is a world" : "has sequences without an end");
    if (source->epoch_steps > at(t, t->longest)->epoch_steps) t->longest = t->count;
    t->count++;
    return HTH_OK;
}

static hth_status open_all(together *t, const hth_settings *settings, size_t batch, uint64_t seed,
                           hth_error *error) {
    char labels[HTH_MOST_PHASES][HTH_PHASE_LENGTH];
    const size_t count = hth_phases(settings, labels);
    for (size_t k = 0; k < count; k++)
        HTH_TRY(hth_phase_annotate(open_phase(t, settings, labels[k], batch, seed, error),
                                   labels[k], error));
    /* The verbs of the first, with those above in the place of all that depend on whose turn it is. */
    t->kind = *at(t, 0)->kind;
    t->kind.next = next;
    t->kind.state = state_of;
    t->kind.judge = t->kind.judge ? judge : NULL;
    t->kind.reached = NULL;
    t->kind.extent = extent;
    t->kind.go_beyond = NULL;
    t->kind.given = t->kind.given ? given : NULL;
    t->kind.describe = describe;
    t->kind.strays = NULL;
    t->kind.spell = NULL;
    t->kind.doubt = NULL;
    t->kind.breaks = breaks;
    t->kind.close = close_all;
    t->kind.picks = false;
    t->kind.body = NULL;
    return HTH_OK;
}

hth_status hth_together_open(const hth_settings *settings, size_t batch, uint64_t seed,
                             hth_source *out, hth_error *error) {
    together *t = calloc(1, sizeof *t);
    if (!t) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the streams of phases");
    hth_status status = open_all(t, settings, batch, seed, error);
    if (status != HTH_OK) {
        close_all(t);
        return status;
    }
    *out = (hth_source){.kind = &t->kind, .state = t, .shape = at(t, 0)->shape};
    extent(t, &out->sequence_steps, &out->epoch_steps);
    for (size_t k = 0; k < t->count; k++) {
        out->seconds += at(t, k)->seconds;
        out->content = hth_digest_add(out->content, &at(t, k)->content, sizeof out->content);
    }
    status = hth_source_note(out, &out->start, error);
    if (status != HTH_OK) hth_source_close(out);
    return status;
}
