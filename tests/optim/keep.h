/* An optimiser that keeps, beside gradients drawn at random: what the tests of keep.* have in common. */
#ifndef HTH_TEST_KEEP_H
#define HTH_TEST_KEEP_H

#include "laws.h"

#include "optim/gradient.h"
#include "optim/optimiser.h"

typedef struct keeper {
    law_rig rig;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    hth_real *theta; /* of the network */
    size_t count;
} keeper;

static inline void keeper_open(keeper *k, const char *settings) {
    const law_case what = {settings, 2, 0, 2, 1, 1, false, false};
    hth_error error;
    law_setup(&k->rig, &what);
    k->count = k->rig.count;
    k->theta = hth_network_parameters(k->rig.network);
    must(hth_gradient_create(k->rig.network, NULL, &k->gradient, &error), &error);
    must(hth_optimiser_create(&k->rig.settings, k->rig.network, k->rig.compute, NULL, &k->optimiser,
                              &error),
         &error);
}

static inline void keeper_close(keeper *k) {
    hth_optimiser_destroy(k->optimiser);
    hth_gradient_destroy(k->gradient);
    law_teardown(&k->rig);
}

/* Gradient number `step`, which is the same in every run; 0 where a connection does not exist. */
static inline void keeper_draw(keeper *k, unsigned step) {
    hth_random r = {9, HTH_RANDOM_CHECK, step};
    hth_real *g = hth_gradient_edit(k->gradient);
    for (size_t i = 0; i < k->count; i++) g[i] = (hth_real)hth_random_normal(&r, i);
    for (size_t l = 0; l < k->rig.network->layer_count; l++)
        hth_layer_mask(&k->rig.network->layers[l], g + k->rig.network->layers[l].weight);
}

static inline void keeper_step(keeper *k, unsigned step) {
    hth_error error;
    keeper_draw(k, step);
    must(hth_optimiser_step(k->optimiser, k->rig.network, k->gradient, 1, &error), &error);
}

/* The end of a task, of which three gradients are noted. */
static inline void keeper_end(keeper *k, unsigned task) {
    hth_error error;
    for (unsigned i = 0; i < 3; i++) {
        keeper_draw(k, 1000 + 10 * task + i);
        must(hth_optimiser_note(k->optimiser, k->gradient, 1, &error), &error);
    }
    must(hth_optimiser_consolidate(k->optimiser, k->rig.network, &error), &error);
}

/* Steps from..to-1. */
static inline void keeper_steps(keeper *k, unsigned from, unsigned to) {
    for (unsigned i = from; i < to; i++) keeper_step(k, i);
}

/* Two tasks of four updates each, and four of a third: the parameters at the end, which the caller frees. */
static inline hth_real *keeper_run(const char *settings, size_t *count) {
    keeper k;
    keeper_open(&k, settings);
    for (unsigned task = 0; task < 3; task++) {
        keeper_steps(&k, 4 * task, 4 * task + 4);
        if (task < 2) keeper_end(&k, task);
    }
    hth_real *out = malloc(k.count * sizeof *out);
    memcpy(out, k.theta, k.count * sizeof *out);
    *count = k.count;
    keeper_close(&k);
    return out;
}

/* An array of the state by its name. */
static inline hth_real *keeper_kept(keeper *k, const char *name) {
    hth_field fields[24];
    const size_t count = hth_optimiser_state(k->optimiser, fields, 24);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i].data;
    fail_msg("no state %s", name);
    return NULL;
}

static inline double keeper_distance(size_t count, const hth_real *a, const hth_real *b) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

#endif
