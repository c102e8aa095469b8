/*
 * What updates do to earlier tasks: see interference.h. Where an update is due to be looked at, the gradients of all
 * earlier tasks are computed before it, on streams, a tape and a learner of their own; once the weights have changed,
 * the difference is held against them.
 *
 * Cost of a look: a forward and a backward pass over one batch of whole sequences for each task that is over. Memory: P
 * numbers for each.
 */
#include "check/interference.h"

#include "check/nearness.h"
#include "files/draft.h"
#include "files/lines.h"
#include "network/inspect.h"
#include "session/score.h"
#include "settings/phases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A phase that is over. */
typedef struct old_task {
    char name[HTH_PHASE_LENGTH];
    hth_phase_list settings; /* their texts are borrowed from the run's */
    hth_source source;
    hth_model_parts parts; /* tape, learner and gradient */
    size_t steps;          /* of the tape: a sequence */
    double loss;           /* mean, where the gradient was taken */
} old_task;

typedef struct meter {
    hth_network *network;
    size_t parameters, count;
    uint64_t every;
    old_task tasks[HTH_MOST_PHASES];
    uint64_t waits; /* 1: the gradients are those at `before`, and an update is waited for */
    uint64_t step;  /* the last step before it */
    hth_real *before, *update; /* [parameters]: before it, and what it does */
} meter;

/* ---- Making ---------------------------------------------------------------------------------- */

static void close_all(void *guest) {
    meter *m = guest;
    for (size_t i = 0; i < HTH_COUNT(m->tasks); i++) {
        old_task *t = &m->tasks[i];
        hth_gradient_destroy(t->parts.gradient);
        hth_learner_destroy(t->parts.learner);
        hth_tape_destroy(t->parts.tape);
        hth_source_close(&t->source);
        free(t->settings.items);
    }
    free(m->before);
    free(m);
}

static hth_status open_all(const hth_settings *settings, const hth_session *session, void **guest,
                           hth_error *error) {
    const hth_train_options *o = &session->options;
    if (o->interference == 0) return HTH_OK;
    if (!hth_in_phase(settings) && !hth_has_phases(settings))
        return hth_fail(error, HTH_INVALID,
                        "train.interference is %lld, but the run has no phases: without tasks that "
                        "are over there is none to interfere with",
                        (long long)o->interference);
    meter *m = calloc(1, sizeof *m);
    if (m) {
        m->network = session->parts.network;
        m->parameters = hth_network_parameter_count(m->network);
        m->every = (uint64_t)o->interference;
        m->before = calloc(2 * m->parameters, sizeof *m->before);
    }
    if (!m || !m->before) {
        free(m);
        return hth_fail(error, HTH_NO_MEMORY, "not enough memory for train.interference");
    }
    m->update = m->before + m->parameters;
    *guest = m;
    return HTH_OK;
}

static hth_status open_task(const meter *m, old_task *t, const hth_session *session,
                            hth_error *error) {
    enum { ENDLESS = 200 };
    const size_t batch = hth_scoring_batch(&session->options);
    const uint64_t seed = (uint64_t)session->options.seed;
    const hth_setting exact[] = {{"learner.name", "tbptt", NULL}};
    const hth_settings learner = {exact, HTH_COUNT(exact)};
    HTH_TRY(hth_source_open(&t->settings.settings, HTH_VALIDATE, batch, seed, &t->source, error));
    if (!t->source.kind) return hth_source_absent(&t->settings.settings, HTH_VALIDATE, error);
    if (t->source.kind->answers)
        return hth_fail(error, HTH_INVALID,
                        "train.interference is of losses on data, but a world's depends on what "
                        "the network does: it must be 0");
    t->steps = t->source.sequence_steps ? (size_t)t->source.sequence_steps : ENDLESS;
    HTH_TRY(hth_tape_create(m->network, t->steps, batch, session->parts.compute, NULL,
                            &t->parts.tape, error));
    hth_tape_dropout(t->parts.tape, false);
    HTH_TRY(hth_learner_create(&learner, m->network, t->steps, batch, seed, session->parts.compute,
                               NULL, &t->parts.learner, error));
    return hth_gradient_create(m->network, NULL, &t->parts.gradient, error);
}

static hth_status phase_over(void *guest, const hth_session *session, const hth_settings *all,
                             const char *label, hth_error *error) {
    meter *m = guest;
    old_task *t = &m->tasks[m->count];
    snprintf(t->name, sizeof t->name, "%s", label);
    HTH_TRY(hth_phase_settings(all, label, &t->settings, error));
    HTH_TRY(hth_phase_annotate(open_task(m, t, session, error), label, error));
    m->count++;
    m->waits = 0; /* the last update of the phase was before it was over */
    return HTH_OK;
}

static void begin(void *guest) {
    (void)guest;
}

/* ---- Gradients ------------------------------------------------------------------------------- */

/* The gradient of one batch of sequences, always the same, at the weights as they are. */
static hth_status take_gradient(old_task *t, hth_error *error) {
    hth_tally tally = {0};
    hth_walk walk = {.source = &t->source, .parts = t->parts, .tally = &tally, .steps = t->steps};
    HTH_TRY(hth_walk_rewind(&walk, error));
    hth_gradient_clear(t->parts.gradient);
    do {
        walk.limit = t->steps;
        HTH_TRY(hth_walk_tape(&walk, error));
    } while (!walk.flags.ends && !walk.flags.epoch_end && tally.step < t->steps);
    t->loss = hth_mean_loss(&tally.sums);
    return HTH_OK;
}

/* ---- Lines ------------------------------------------------------------------------------------ */

static hth_status write_line(const meter *m, const old_task *t, const char *block, size_t from,
                             size_t count, FILE *file, hth_error *error) {
    const hth_real *g = hth_gradient_values(t->parts.gradient) + from, *d = m->update + from;
    char loss[32], added[32], cosine[32];
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)d[i] * (double)g[i];
    if (fprintf(file,
                "{\"step\": %llu, \"task\": \"%s\", \"block\": \"%s\", \"loss\": %s, \"added\": "
                "%s, \"cosine\": %s}\n",
                (unsigned long long)m->step, t->name, block, hth_json_number(t->loss, 12, loss),
                hth_json_number(sum, 12, added),
                hth_json_number(hth_nearness_of(d, g, count).cosine, 9, cosine)) < 0)
        return hth_file_fail("interference.jsonl", "written", error);
    return HTH_OK;
}

/* A line for each task and block, and one for all blocks. */
static hth_status write_lines(meter *m, const hth_real *now, FILE *file, hth_error *error) {
    size_t blocks;
    const hth_block *block = hth_network_blocks(m->network, &blocks);
    for (size_t i = 0; i < m->parameters; i++) m->update[i] = now[i] - m->before[i];
    for (size_t k = 0; k < m->count; k++) {
        for (size_t i = 0; i < blocks; i++)
            HTH_TRY(write_line(m, &m->tasks[k], block[i].name, block[i].offset,
                               block[i].rows * block[i].columns, file, error));
        HTH_TRY(write_line(m, &m->tasks[k], "all", 0, m->parameters, file, error));
    }
    return fflush(file) == 0 ? HTH_OK : hth_file_fail("interference.jsonl", "written", error);
}

/* ---- Along the run ---------------------------------------------------------------------------- */

static hth_status after_tape(void *guest, hth_tape *tape, uint64_t step, FILE *file,
                             hth_error *error) {
    meter *m = guest;
    const uint64_t steps = hth_tape_length(tape), before = steps < step ? step - steps : 0;
    const bool due = step / m->every != before / m->every; /* a multiple lies on the tape */
    if (m->count == 0 || (!m->waits && !due)) return HTH_OK;
    /* The update that was waited for has come, if the weights are others. */
    const hth_real *now = hth_network_parameters(m->network);
    if (m->waits && memcmp(now, m->before, m->parameters * sizeof *now) != 0) {
        m->waits = 0;
        HTH_TRY(write_lines(m, now, file, error));
    }
    /* The next one is looked at, unless the last is still to come: weights may change with sequences only. */
    if (m->waits || !due) return HTH_OK;
    for (size_t k = 0; k < m->count; k++) HTH_TRY(take_gradient(&m->tasks[k], error));
    memcpy(m->before, now, m->parameters * sizeof *now);
    m->waits = 1;
    m->step = step;
    return HTH_OK;
}

/* ---- State ----------------------------------------------------------------------------------- */

static void add(hth_field *fields, size_t capacity, size_t *count, const char *name, size_t task,
                hth_dtype dtype, void *data, size_t numbers) {
    if (*count < capacity) {
        fields[*count] = (hth_field){.dtype = dtype, .count = numbers, .data = data};
        if (task == SIZE_MAX)
            snprintf(fields[*count].name, sizeof fields->name, "%s", name);
        else
            snprintf(fields[*count].name, sizeof fields->name, ".%u.%s", (unsigned)task, name);
    }
    ++*count;
}

static size_t state(void *guest, hth_field *fields, size_t capacity) {
    meter *m = guest;
    size_t count = 0;
    add(fields, capacity, &count, ".waits", SIZE_MAX, HTH_DTYPE_U64, &m->waits, 1);
    add(fields, capacity, &count, ".step", SIZE_MAX, HTH_DTYPE_U64, &m->step, 1);
    add(fields, capacity, &count, ".before", SIZE_MAX, HTH_DTYPE_REAL, m->before, m->parameters);
    for (size_t k = 0; k < m->count; k++) {
        add(fields, capacity, &count, "loss", k, HTH_DTYPE_F64, &m->tasks[k].loss, 1);
        add(fields, capacity, &count, "gradient", k, HTH_DTYPE_REAL,
            hth_gradient_edit(m->tasks[k].parts.gradient), m->parameters);
    }
    return count;
}

const hth_guest_kind hth_interference_guest = {
    .name = "interference",
    .open = open_all,
    .begin = begin,
    .after_tape = after_tape,
    .state = state,
    .phase_over = phase_over,
    .close = close_all,
};
