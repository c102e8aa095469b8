/*
 * What the laws are checked with: a network from a few settings, random data, the gradient of a whole
 * sequence by any learner with tapes of any length, and ways of comparing gradients.
 */
#ifndef HTH_LAWS_H
#define HTH_LAWS_H

#include "base/random.h"
#include "credit/learner.h"
#include "network/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The tolerance of the precision that the test was built for. */
static inline double tolerance(double in_double, double in_float) {
    return sizeof(hth_real) == sizeof(double) ? in_double : in_float;
}

enum { LAW_SETTINGS = 24 };

/* One case: settings as "key=value key=value", and the size of the data. */
typedef struct law_case {
    const char *settings;
    size_t inputs, vocabulary, outputs, steps, batch;
    bool classes, masked;
} law_case;

typedef struct law_rig {
    law_case what;
    char text[1024];
    hth_setting items[LAW_SETTINGS];
    hth_settings settings;
    hth_compute *compute;
    hth_network *network;
    hth_chunk chunk; /* all steps */
    hth_report report;
    size_t count; /* parameters */
} law_rig;

static inline void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s: %s", hth_status_text(status), error->message);
}

/* "a=b c=d" into settings; text is taken apart. */
static inline hth_settings law_split(char *text, hth_setting *items) {
    hth_settings settings = {items, 0};
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        assert_true(settings.count < LAW_SETTINGS);
        *equals = 0;
        items[settings.count++] = (hth_setting){word, equals + 1, NULL};
    }
    return settings;
}

static inline void law_data(law_rig *rig) {
    const law_case *c = &rig->what;
    const size_t items = c->steps * c->batch;
    hth_random r = {7, HTH_RANDOM_CHECK, 0}, codes = {7, HTH_RANDOM_CHECK, 1};
    hth_real *x = calloc(items * (c->inputs + 1), sizeof *x);
    hth_real *y = calloc(items * c->outputs, sizeof *y), *w = calloc(items, sizeof *w);
    int32_t *tokens = calloc(items, sizeof *tokens), *classes = calloc(items, sizeof *classes);
    for (size_t i = 0; i < items * c->inputs; i++) x[i] = (hth_real)hth_random_normal(&r, i);
    for (size_t i = 0; i < items * c->outputs; i++)
        y[i] = (hth_real)hth_random_uniform(&r, 1000000 + i);
    for (size_t i = 0; i < items; i++) {
        w[i] = hth_random_uniform(&r, 2000000 + i) < 0.6
                   ? (hth_real)hth_random_uniform(&r, 3000000 + i)
                   : 0;
        if (c->vocabulary) tokens[i] = (int32_t)hth_random_below(&codes, i, c->vocabulary);
        classes[i] = (int32_t)hth_random_below(&codes, 4000000 + i, c->outputs);
    }
    rig->chunk = (hth_chunk){.steps = c->steps,
                             .batch = c->batch,
                             .x = x,
                             .tokens = tokens,
                             .targets = y,
                             .classes = classes,
                             .weights = w};
    if (c->vocabulary) {
        rig->chunk.x = NULL;
        free(x);
    } else {
        rig->chunk.tokens = NULL;
        free(tokens);
    }
    if (c->classes) {
        rig->chunk.targets = NULL;
        free(y);
    } else {
        rig->chunk.classes = NULL;
        free(classes);
    }
    if (!c->masked) {
        rig->chunk.weights = NULL;
        free(w);
    }
}

static inline void law_setup(law_rig *rig, const law_case *what) {
    hth_error error;
    memset(rig, 0, sizeof *rig);
    rig->what = *what;
    snprintf(rig->text, sizeof rig->text, "%s", what->settings);
    rig->settings = law_split(rig->text, rig->items);
    hth_shape shape = {.inputs = what->vocabulary ? 0 : what->inputs,
                       .vocabulary = what->vocabulary,
                       .outputs = what->outputs,
                       .target = what->classes ? HTH_TARGET_CLASSES : HTH_TARGET_VALUES};
    must(hth_compute_create(1, NULL, &rig->compute, &error), &error);
    must(hth_network_create(&rig->settings, &shape, 3, NULL, &rig->network, &error), &error);
    rig->count = hth_network_parameter_count(rig->network);
    /* so that zero initial values (biases, initial states) are tried too */
    hth_random r = {5, HTH_RANDOM_CHECK, 2};
    hth_real *theta = hth_network_parameters(rig->network);
    for (size_t i = 0; i < rig->count; i++) theta[i] += (hth_real)(0.2 * hth_random_normal(&r, i));
    for (size_t l = 0; l < rig->network->layer_count; l++)
        hth_layer_mask(&rig->network->layers[l], theta + rig->network->layers[l].weight);
    law_data(rig);
}

static inline void law_teardown(law_rig *rig) {
    free((void *)rig->chunk.x);
    free((void *)rig->chunk.tokens);
    free((void *)rig->chunk.targets);
    free((void *)rig->chunk.classes);
    free((void *)rig->chunk.weights);
    hth_network_destroy(rig->network);
    hth_compute_destroy(rig->compute);
}

/* Steps from..from+steps-1 of the data. */
static inline hth_chunk law_cut(const law_rig *rig, size_t from, size_t steps) {
    hth_chunk c = rig->chunk;
    const size_t at = from * c.batch;
    c.steps = steps;
    if (c.x) c.x += at * rig->what.inputs;
    if (c.tokens) c.tokens += at;
    if (c.targets) c.targets += at * rig->what.outputs;
    if (c.classes) c.classes += at;
    if (c.weights) c.weights += at;
    return c;
}

/* The loss of the whole sequence, scaled as the gradient is. */
static inline double law_loss(law_rig *rig) {
    const hth_readout *readout = &rig->network->readout;
    hth_tape *tape;
    hth_error error;
    rig->report = (hth_report){0};
    must(hth_tape_create(rig->network, rig->what.steps, rig->what.batch, rig->compute, NULL, &tape,
                         &error),
         &error);
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    hth_tape_destroy(tape);
    double scale = readout->mean_over_batch ? 1.0 / (double)rig->what.batch : 1;
    scale *= readout->mean_over_time ? 1.0 / (double)rig->what.steps : 1;
    return rig->report.loss * scale + rig->report.regulariser;
}

/* A tape that is to have all data, in pieces, is told what they add up to. */
static inline void law_expect(const law_rig *rig, hth_tape *tape) {
    hth_error error;
    must(hth_tape_expect(tape, &rig->chunk, &error), &error);
}

/* The gradient of the whole sequence by the learner of `settings` ("learner.name=rtrl"), tapes of K. */
static inline hth_real *law_gradient(law_rig *rig, const char *learner_settings, size_t K) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    snprintf(text, sizeof text, "%s", learner_settings);
    hth_settings settings = law_split(text, items);
    const size_t batch = rig->what.batch;
    must(hth_learner_create(&settings, rig->network, K, batch, 1, rig->compute, NULL, &learner,
                            &error),
         &error);
    must(hth_learner_tape(learner, rig->compute, NULL, &tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    law_expect(rig, tape);
    rig->report = (hth_report){0};
    for (size_t t = 0; t < rig->what.steps; t += K) {
        hth_chunk cut = law_cut(rig, t, rig->what.steps - t < K ? rig->what.steps - t : K);
        must(hth_forward(tape, &cut, &rig->report, &error), &error);
        must(hth_learn(learner, tape, gradient, &error), &error);
    }
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(gradient), rig->count * sizeof *copy);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    return copy;
}

/* Central differences of every parameter; fourth order, so that the step can be large. */
static inline void law_differences(law_rig *rig, hth_real *out) {
    hth_real *theta = hth_network_parameters(rig->network);
    const double h = tolerance(2e-4, 2e-2);
    for (size_t i = 0; i < rig->count; i++) {
        const hth_real keep = theta[i];
        double f[4];
        const double at[4] = {-2 * h, -h, h, 2 * h};
        for (int k = 0; k < 4; k++) {
            theta[i] = keep + (hth_real)at[k];
            f[k] = law_loss(rig);
        }
        theta[i] = keep;
        out[i] = (hth_real)((f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h));
    }
    for (size_t l = 0; l < rig->network->layer_count; l++)
        hth_layer_mask(&rig->network->layers[l], out + rig->network->layers[l].weight);
}

/* x, doubled in place. */
static inline hth_real *law_twice(const law_rig *rig, hth_real *x) {
    for (size_t i = 0; i < rig->count; i++) x[i] *= 2;
    return x;
}

/* Largest difference over the largest entry of b, of one block. */
static inline double law_difference(const hth_block *block, const hth_real *a, const hth_real *b) {
    double difference = 0, largest = 0;
    for (size_t i = block->offset; i < block->offset + block->rows * block->columns; i++) {
        difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    return largest > 0 ? difference / largest : difference;
}

static inline double law_largest(const hth_block *block, const hth_real *a) {
    double largest = 0;
    for (size_t i = block->offset; i < block->offset + block->rows * block->columns; i++)
        largest = fmax(largest, fabs((double)a[i]));
    return largest;
}

/* Every block of a equals that of b, and no block of b is all zero (a zero gradient proves nothing). */
static inline void law_assert_equal(const law_rig *rig, const char *what, const hth_real *a,
                                    const hth_real *b, double allowed) {
    for (size_t i = 0; i < rig->network->block_count; i++) {
        const hth_block *block = &rig->network->blocks[i];
        if (law_largest(block, b) < 1e-12)
            fail_msg("%s, %s: the gradient of %s is zero", what, rig->what.settings, block->name);
        double difference = law_difference(block, a, b);
        if (!(difference <= allowed))
            fail_msg("%s, %s: %s differs by %.3g (allowed %.3g)", what, rig->what.settings,
                     block->name, difference, allowed);
    }
}

static inline void law_assert_differs(const law_rig *rig, const char *what, const hth_real *a,
                                      const hth_real *b, double at_least) {
    double difference = law_difference(&rig->network->blocks[0], a, b);
    if (!(difference >= at_least))
        fail_msg("%s, %s: differs by only %.3g (expected %.3g)", what, rig->what.settings,
                 difference, at_least);
}

/* A spiking network that never or always spikes proves nothing. */
static inline void law_assert_alive(const law_rig *rig) {
    double possible = 0;
    for (size_t l = 0; l < rig->network->layer_count; l++)
        if (rig->network->layers[l].cell->spikes)
            possible += (double)(rig->network->layers[l].n * rig->what.steps * rig->what.batch);
    if (possible == 0 || strstr(rig->what.settings, "smooth")) return;
    assert_true(rig->report.spikes > 0.02 * possible);
    assert_true(rig->report.spikes < 0.9 * possible);
}

/* hth_real numbers in the fields of the learner's state. */
static inline double law_numbers_kept(hth_learner *learner) {
    hth_kept kept;
    hth_error error;
    must(hth_learner_kept(learner, &kept, &error), &error);
    return (double)kept.numbers;
}

#endif
