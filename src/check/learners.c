/* Checks 2 and 3 (check.c): learners give BPTT's gradient, as far as they claim to. */
#include "check/checking.h"
#include "check/draws.h"
#include "check/nearness.h"
#include "check/worst.h"
#include "credit/inspect.h"
#include "network/inspect.h"
#include "session/session.h"
#include "settings/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS(array)                                                                            \
    { array, HTH_COUNT(array) }

static const hth_setting rtrl_items[] = {
    {"learner.name", "rtrl", NULL},       {"learner.signal", "readout", NULL},
    {"learner.recurrence", "full", NULL}, {"learner.past", "influence", NULL},
    {"learner.future", "zero", NULL},     {"learner.window", "0", NULL},
};
static const hth_settings rtrl = SETTINGS(rtrl_items);

/* For two exact algorithms, which differ by rounding alone. */
static double exact_tolerance(void) {
    return sizeof(hth_real) == sizeof(double) ? 1e-10 : 2e-3;
}

/* ---- 2: learners ---------------------------------------------------------------------------- */

/* A learner to check: the user's own, or a preset of check.learners. */
typedef struct candidate {
    const char *name;
    hth_setting items[8];
    hth_settings overrides;
    size_t steps;
} candidate;

static candidate own_candidate(void) {
    return (candidate){.name = "your learner"};
}

static candidate preset_candidate(const char *name) {
    return (candidate){.name = name,
                       .items = {{"learner.name", name, NULL},
                                 {"learner.steps", "0", NULL},
                                 {"learner.signal", "preset", NULL},
                                 {"learner.recurrence", "preset", NULL},
                                 {"learner.past", "preset", NULL},
                                 {"learner.future", "preset", NULL},
                                 {"learner.window", "-1", NULL},
                                 {"learner.window_of", "preset", NULL}},
                       .overrides = {NULL, 8}};
}

/* Sets the candidate's K. The sample has an end even if the stream has none, so K is at most the sample's length. */
static hth_status settle(const hth_checking *c, candidate *who, hth_error *error) {
    hth_settings settings;
    who->overrides.items = who->items;
    HTH_TRY(hth_settings_join(&c->settings, &who->overrides, &settings, error));
    if (hth_tape_steps(&settings, &c->source, &who->steps, NULL) != HTH_OK ||
        who->steps > c->sample.steps)
        who->steps = c->sample.steps;
    const hth_status status =
        hth_check_refuse_large(c, who->name, &settings, c->subject.network, who->steps, error);
    free((void *)(uintptr_t)settings.items);
    return status;
}

static const char *sign_of(hth_bias bias) {
    return bias == HTH_EXACT ? "=" : "~";
}

static void report_blocks(hth_check_run *run, const hth_network *network, const char *claim,
                          const hth_real *ours, const hth_real *theirs, double tolerance) {
    size_t count;
    const hth_block *blocks = hth_network_blocks(network, &count);
    for (size_t i = 0; i < count; i++) {
        const size_t at = blocks[i].offset, entries = blocks[i].rows * blocks[i].columns;
        const hth_nearness nearness = hth_nearness_of(ours + at, theirs + at, entries);
        const hth_worst worst = hth_worst_of(at, ours + at, theirs + at, entries);
        char lines[HTH_WORST * 160];
        hth_worst_tell(&worst, network, lines, sizeof lines);
        hth_check_report(run, claim, blocks[i].name, &nearness, tolerance, 0, lines);
    }
}

static hth_status compare_one(hth_checking *c, const candidate *who, hth_rehearsal *rehearsal,
                              hth_error *error) {
    const hth_bias bias = hth_learner_bias(rehearsal->learner, who->steps, c->sample.steps);
    char claim[80];
    hth_report report = {0};
    HTH_TRY(hth_rehearsal_run(rehearsal, &report, error));
    if (c->own && who->overrides.count == 0)
        memcpy(c->own, hth_gradient_values(rehearsal->gradient), c->parameters * sizeof *c->own);
    if (hth_learner_drawn(rehearsal->learner) > 0)
        return hth_check_draws(&c->run, rehearsal, who->name, (size_t)c->options.draws, c->exact,
                               bias != HTH_BIASED, error);
    snprintf(claim, sizeof claim, "%.40s %s bptt", who->name, sign_of(bias));
    report_blocks(&c->run, c->subject.network, claim, hth_gradient_values(rehearsal->gradient),
                  c->exact, bias == HTH_EXACT ? exact_tolerance() : (double)INFINITY);
    return HTH_OK;
}

/* Compares the mean over all signs that a run over the first steps can draw. *done: there were few enough. */
static hth_status try_all_signs(hth_checking *c, const candidate *who, const hth_subject *tiny,
                                bool *done, hth_error *error) {
    hth_rehearsal rehearsal;
    hth_report report;
    hth_real *exact = calloc(hth_network_parameter_count(tiny->network), sizeof *exact);
    if (!exact) return hth_fail(error, HTH_NO_MEMORY, "not enough memory");
    hth_status status =
        hth_subject_gradient(tiny, &hth_check_bptt, tiny->sample->steps, exact, &report, error);
    if (status == HTH_OK) status = hth_rehearsal_open(tiny, &who->overrides, 1, &rehearsal, error);
    if (status == HTH_OK) {
        status = hth_check_signs(&c->run, &rehearsal, who->name, exact, done, error);
        hth_rehearsal_close(&rehearsal);
    }
    free(exact);
    return status;
}

/* Checks the mean over all signs on two units of the user's own cell and three steps. Two steps if three draw too
 * many. */
static hth_status check_tiny(hth_checking *c, const candidate *who, hth_error *error) {
    static const hth_setting items[] = {{"network.units", "2", NULL}};
    static const hth_settings two_units = SETTINGS(items);
    hth_sample sample = c->sample;
    hth_subject tiny = {.seed = c->subject.seed, .compute = c->subject.compute, .sample = &sample};
    bool done = sample.batch != 1;
    HTH_TRY(hth_settings_join(&c->settings, &two_units, &tiny.settings, error));
    /* A network whose weights come from the data has a fixed size and cannot be made tiny. */
    hth_status status = hth_check_open_network(c, &tiny.settings, NULL, &tiny.network, NULL);
    done = done || status != HTH_OK;
    status = HTH_OK;
    /* Try three steps; if they draw too many signs, two. */
    for (size_t steps = 3; steps > 1 && !done && status == HTH_OK; steps--) {
        if (steps > c->sample.steps) continue;
        sample.steps = steps;
        status = try_all_signs(c, who, &tiny, &done, error);
    }
    hth_network_destroy(tiny.network);
    free((void *)(uintptr_t)tiny.settings.items);
    return status;
}

static hth_status check_candidate(hth_checking *c, candidate *who, hth_error *error) {
    hth_subject subject = c->subject;
    hth_rehearsal rehearsal;
    if (who->overrides.count == 0)
        subject.run = c->from; /* the user's own learner: what it learned in the run counts */
    HTH_TRY(settle(c, who, error));
    HTH_TRY(hth_rehearsal_open(&subject, &who->overrides, who->steps, &rehearsal, error));
    hth_status status = compare_one(c, who, &rehearsal, error);
    const bool is_mean = hth_learner_drawn(rehearsal.learner) > 0 &&
                         hth_learner_bias(rehearsal.learner, 1, c->sample.steps) == HTH_UNBIASED;
    hth_rehearsal_close(&rehearsal);
    if (status == HTH_OK && is_mean) status = check_tiny(c, who, error);
    return status;
}

/* Checks each learner that check.learners names. */
static hth_status check_others(hth_checking *c, hth_error *error) {
    char names[512], *rest;
    snprintf(names, sizeof names, "%s", c->options.learners);
    for (char *name = strtok_r(names, ", ", &rest); name && !hth_check_stopped(&c->run);
         name = strtok_r(NULL, ", ", &rest)) {
        candidate who = preset_candidate(name);
        hth_status status = check_candidate(c, &who, error);
        /* this network cannot have the learner: the error says why */
        if (status == HTH_INVALID && error)
            hth_check_tell(&c->run, "%s was not compared: %s", name, error->message);
        else if (status != HTH_OK)
            return status;
    }
    return HTH_OK;
}

hth_status hth_check_learners(hth_checking *c, hth_error *error) {
    candidate own = own_candidate();
    HTH_TRY(check_candidate(c, &own, error));
    return check_others(c, error);
}

/* ---- 3: RTRL ------------------------------------------------------------------------------ */

static hth_status compare_rtrl(hth_checking *c, size_t steps, const char *claim, hth_error *error) {
    hth_settings settings;
    hth_report report;
    HTH_TRY(hth_settings_join(&c->settings, &rtrl, &settings, error));
    hth_status status =
        hth_check_refuse_large(c, "it", &settings, c->subject.network, steps, error);
    free((void *)(uintptr_t)settings.items);
    HTH_TRY(status);
    HTH_TRY(hth_subject_gradient(&c->subject, &rtrl, steps, c->other, &report, error));
    report_blocks(&c->run, c->subject.network, claim, c->other, c->exact, exact_tolerance());
    return HTH_OK;
}

hth_status hth_check_rtrl(hth_checking *c, hth_error *error) {
    /* Blocks of 7 or, of a network with a store, of as many as end where a row is written. */
    const size_t block = hth_network_tape(c->subject.network, 7);
    char of_blocks[32];
    snprintf(of_blocks, sizeof of_blocks, "rtrl, blocks of %zu = bptt", block);
    for (size_t i = 0; i < (block > 1 ? 2 : 1) && !hth_check_stopped(&c->run); i++) {
        hth_error reason;
        const hth_status status = i == 0 ? compare_rtrl(c, 1, "rtrl, step by step = bptt", &reason)
                                         : compare_rtrl(c, block, of_blocks, &reason);
        /* RTRL does not exist for this network: the error says why */
        if (status == HTH_INVALID) {
            hth_check_tell(&c->run, "RTRL was not compared: %s", reason.message);
            return HTH_OK;
        }
        if (status != HTH_OK) return hth_fail(error, status, "%s", reason.message);
    }
    return HTH_OK;
}
