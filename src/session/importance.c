/* The pass over sequences at the end of a task: see importance.h. */
#include "session/importance.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "optim/inspect.h"
#include "session/second.h"
#include "settings/config.h"
#include "settings/phases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct pass {
    hth_keep_facts keep;
    hth_network *network;
    hth_optimiser *optimiser;
    hth_second with; /* settings with the learner that gives the gradients; owned */
    hth_source source;
    size_t steps; /* of a tape */
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_real *outputs, *errors; /* [steps][outputs] */
    hth_random random;
    uint64_t index; /* of what is drawn next */
} pass;

/* ---- Opening ------------------------------------------------------------------------------ */

static bool needs_pass(const hth_keep_facts *keep) {
    return keep->of != HTH_OF_NOTHING && keep->of != HTH_OF_UPDATES && keep->of != HTH_OF_DRAWN;
}

/* HTH_INVALID where the learner of the pass has no gradients to be noted. */
static hth_status check_learner(const hth_settings *settings, const hth_session *s,
                                const hth_keep_facts *keep, hth_error *error) {
    char who[80];
    hth_second own;
    snprintf(who, sizeof who, "keep.name = %.40s notes", keep->name);
    HTH_TRY(hth_second_settings(settings, keep->learner, 0, &own, error));
    const hth_status status = hth_second_check(
        &own.settings, s, &s->train, who,
        keep->of == HTH_OF_DRAWN ? "learner, or set keep.importance = sampled" : "keep.learner",
        error);
    hth_second_free(&own);
    return status;
}

hth_status hth_importance_check_episodes(const hth_session *s, hth_error *error) {
    const hth_keep_facts keep = hth_keep_look(s->parts.optimiser);
    if (keep.of == HTH_OF_DRAWN)
        return hth_fail(error, HTH_INVALID,
                        "keep.importance is drawn, which draws targets from outputs, but episodes "
                        "(learner.signal = module) are learned from otherwise: set keep.importance "
                        "= updates");
    if (!keep.by_task || (keep.every > 0 && !needs_pass(&keep))) return HTH_OK;
    return hth_fail(
        error, HTH_INVALID,
        "keep.name is %s, which keeps what was learned before the end of a phase, but a "
        "run of episodes (learner.signal = module) has none: leave it out%s",
        keep.name, needs_pass(&keep) ? "" : ", or set keep.every");
}

hth_status hth_importance_check(const hth_settings *settings, const hth_session *s,
                                hth_error *error) {
    const hth_keep_facts keep = hth_keep_look(s->parts.optimiser);
    const bool of_targets =
        keep.of == HTH_OF_SAMPLED || keep.of == HTH_OF_EXPECTED || keep.of == HTH_OF_DRAWN;
    if (keep.by_task && keep.every == 0 && !hth_in_phase(settings))
        return hth_fail(
            error, HTH_INVALID,
            "keep.name is %s, which keeps what was learned before the end of a phase, but "
            "the run has no phases: give it some (docs/lifelong.md), or set keep.every",
            keep.name);
    if (keep.of == HTH_OF_DRAWN && *keep.learner)
        return hth_fail(error, HTH_INVALID,
                        "keep.learner is %.40s, but keep.importance = drawn takes the run's own "
                        "learner: leave it out, or set keep.importance = sampled",
                        keep.learner);
    if (!needs_pass(&keep) && keep.of != HTH_OF_DRAWN) return HTH_OK;
    if (s->train.kind->answers)
        return hth_fail(
            error, HTH_INVALID,
            keep.of == HTH_OF_DRAWN
                ? "keep.name = %s draws targets from outputs, but those of world %s are "
                  "actions and a value: set keep.importance = updates"
                : "keep.name = %s goes over sequences once more, but world %s has none "
                  "that stay: take another, or keep.importance = updates",
            keep.name, s->train.kind->part.name);
    if (of_targets && !hth_network_draws_targets(s->parts.network))
        return hth_fail(error, HTH_INVALID,
                        "keep.importance takes targets from the outputs, but loss.name = %s does "
                        "not say which they stand for: set keep.importance = empirical",
                        hth_network_look(s->parts.network).loss);
    if (keep.of == HTH_OF_EMPIRICAL && hth_tape_divides(s->parts.tape))
        return hth_fail(error, HTH_INVALID,
                        "keep.importance is empirical, but loss.time divides the loss, and with it "
                        "the importance: set loss.time = sum, or another importance");
    if (keep.of == HTH_OF_INPUTS) return HTH_OK;
    return check_learner(settings, s, &keep, error);
}

static void close_pass(pass *p) {
    free(p->errors);
    free(p->outputs);
    hth_gradient_destroy(p->gradient);
    hth_learner_destroy(p->learner);
    hth_tape_destroy(p->tape);
    hth_source_close(&p->source);
    hth_second_free(&p->with);
}

static hth_status open_handles(pass *p, const hth_session *s, hth_error *error) {
    const uint64_t seed = (uint64_t)s->options.seed;
    hth_compute *compute = s->parts.compute;
    /* The stream of training, for one sequence at a time, and the tape that its learner takes. */
    HTH_TRY(hth_source_open(&p->with.settings, HTH_TRAIN, 1, seed, &p->source, error));
    HTH_TRY(hth_tape_steps(&p->with.settings, &p->source, &p->steps, error));
    HTH_TRY(hth_learner_create(&p->with.settings, p->network, p->steps, 1, seed, compute, NULL,
                               &p->learner, error));
    HTH_TRY(hth_given_feedback(&p->source, p->learner, error));
    HTH_TRY(hth_learner_tape(p->learner, compute, NULL, &p->tape, error));
    HTH_TRY(hth_gradient_create(p->network, NULL, &p->gradient, error));
    hth_tape_dropout(p->tape, false);
    hth_tape_spare_rates(p->tape); /* Fisher information is of the loss alone */
    /* Room for outputs and errors. */
    const size_t count = p->steps * p->source.shape.outputs;
    p->outputs = calloc(count + 1, sizeof *p->outputs);
    p->errors = calloc(count + 1, sizeof *p->errors);
    if (p->outputs && p->errors) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the errors of a tape");
}

/* ---- A sequence --------------------------------------------------------------------------- */

/* Which errors the steps of a sequence have: all steps their own, or one step the k-th root of what its outputs stand
 * for. */
typedef struct asked {
    bool alone;
    uint64_t step;
    size_t k;
    bool counts;    /* set: the step has a weight */
    uint64_t steps; /* set: of the sequence */
} asked;

/* dE/dy of step t of the chunk, which is step `at` of its sequence. False: it has none. */
static bool find_error(pass *p, asked *a, const hth_chunk *chunk, size_t t, uint64_t at) {
    const size_t outputs = p->source.shape.outputs;
    const hth_real *y = p->outputs + t * outputs;
    hth_real *error = p->errors + t * outputs;
    const double weight = chunk->weights ? (double)chunk->weights[t] : 1;
    const int32_t given = chunk->classes ? chunk->classes[t] : -1;
    double scale = sqrt(weight);
    const uint64_t index = p->index++;
    if (!(weight > 0) || (a->alone && at != a->step)) return false;
    a->counts = true;
    /* Without its weight, then with it: what is noted is squared, but not of outputs. */
    if (p->keep.of == HTH_OF_OUTPUTS)
        for (size_t k = 0; k < outputs; k++) error[k] = 2 * y[k];
    else if (a->alone)
        hth_network_target_root(p->network, given, y, a->k, error);
    else
        hth_network_draw_target(p->network, given, y, &p->random, index, error);
    if (p->keep.of == HTH_OF_OUTPUTS) scale = weight;
    for (size_t k = 0; k < outputs; k++) error[k] *= (hth_real)scale;
    return true;
}

/* Judges the steps on the tape. */
static hth_status judge(pass *p, asked *a, const hth_chunk *chunk, uint64_t at, hth_error *error) {
    const size_t outputs = p->source.shape.outputs;
    HTH_TRY(hth_tape_read(p->tape, 0, chunk->steps, p->outputs, error));
    if (p->keep.of == HTH_OF_EMPIRICAL) {
        const hth_verdict given = {.steps = chunk->steps,
                                   .targets = chunk->targets,
                                   .classes = chunk->classes,
                                   .weights = chunk->weights};
        return hth_tape_judge(p->tape, &given, NULL, error);
    }
    for (size_t t = 0; t < chunk->steps; t++) {
        if (!find_error(p, a, chunk, t, at + t)) continue;
        const hth_verdict own = {.from = t, .steps = 1, .errors = p->errors + t * outputs};
        HTH_TRY(hth_tape_judge(p->tape, &own, NULL, error));
    }
    return HTH_OK;
}

/* Whether the gradient of a tape is noted by itself: where cross terms with other tapes vanish in the mean. */
static bool notes_tapes(const pass *p) {
    return p->keep.of == HTH_OF_SAMPLED;
}

/* Goes through a sequence, or one tape of an endless one, and notes its gradient; it counts as `share` sequences. */
static hth_status walk_sequence(pass *p, asked *a, double share, hth_error *error) {
    hth_position_flags flags = {0};
    a->steps = 0;
    for (bool ends = false; !ends;) {
        hth_chunk chunk;
        HTH_TRY(p->source.kind->next(p->source.state, p->steps, &chunk, &flags, error));
        if (flags.starts) hth_tape_reset(p->tape);
        ends = flags.ends || p->source.sequence_steps == 0;
        const hth_inputs inputs = {.steps = chunk.steps,
                                   .batch = 1,
                                   .x = chunk.x,
                                   .tokens = chunk.tokens,
                                   .lengths = chunk.lengths,
                                   .ends = flags.ends};
        hth_tape_begin(p->tape);
        HTH_TRY(hth_tape_write(p->tape, &inputs, error));
        if (p->keep.of == HTH_OF_INPUTS) {
            HTH_TRY(hth_optimiser_note_inputs(p->optimiser, p->tape, error));
            continue;
        }
        HTH_TRY(judge(p, a, &chunk, a->steps, error));
        HTH_TRY(hth_learn(p->learner, p->tape, p->gradient, error));
        a->steps += chunk.steps;
        if (!ends && !notes_tapes(p)) continue;
        HTH_TRY(hth_optimiser_note(p->optimiser, p->gradient, ends ? share : 0, error));
        hth_gradient_clear(p->gradient);
    }
    return HTH_OK;
}

/* The sequence again for each output of each of its steps that has a weight. */
static hth_status walk_expected(pass *p, hth_error *error) {
    void *start = NULL;
    asked a = {.alone = true, .steps = 1};
    HTH_TRY(hth_source_note(&p->source, &start, error));
    hth_status status = HTH_OK;
    for (a.step = 0; status == HTH_OK && a.step < a.steps; a.step++) {
        a.counts = true;
        for (a.k = 0; status == HTH_OK && a.counts && a.k < p->source.shape.outputs; a.k++) {
            a.counts = false;
            if (a.step + a.k > 0) status = hth_source_return(&p->source, start, error);
            if (status == HTH_OK) status = walk_sequence(p, &a, 0, error);
        }
    }
    free(start);
    /* They were one sequence. */
    hth_gradient_clear(p->gradient);
    return status == HTH_OK ? hth_optimiser_note(p->optimiser, p->gradient, 1, error) : status;
}

static hth_status walk_all(pass *p, hth_error *error) {
    for (size_t i = 0; i < p->keep.sequences; i++) {
        asked a = {0};
        if (p->keep.of == HTH_OF_EXPECTED)
            HTH_TRY(walk_expected(p, error));
        else
            HTH_TRY(walk_sequence(p, &a, 1, error));
    }
    return HTH_OK;
}

/* ---- The end of a task -------------------------------------------------------------------- */

hth_status hth_session_consolidate(const hth_settings *settings, hth_session *s, hth_error *error) {
    pass p = {.keep = hth_keep_look(s->parts.optimiser),
              .network = s->parts.network,
              .optimiser = s->parts.optimiser};
    hth_status status = HTH_OK;
    if (needs_pass(&p.keep)) {
        /* Other targets are drawn at each end. */
        p.random = (hth_random){(uint64_t)s->options.seed, HTH_RANDOM_KEEP,
                                (uint32_t)p.keep.consolidations};
        status = hth_second_settings(settings, p.keep.learner, 0, &p.with, error);
        if (status == HTH_OK) status = open_handles(&p, s, error);
        if (status == HTH_OK) status = walk_all(&p, error);
    }
    close_pass(&p);
    HTH_TRY(status);
    return hth_optimiser_consolidate(s->parts.optimiser, s->parts.network, error);
}

hth_status hth_session_keep(const hth_settings *settings, hth_session *s, bool updated,
                            hth_error *error) {
    const hth_keep_facts keep = hth_keep_look(s->parts.optimiser);
    if (!updated || !needs_pass(&keep) || keep.every == 0 || keep.updates % keep.every != 0)
        return HTH_OK;
    return hth_session_consolidate(settings, s, error);
}
