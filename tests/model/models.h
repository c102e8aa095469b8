/* Models of a rig's settings and data, and the six handles that do the same by hand. */
#ifndef HTH_TEST_MODELS_H
#define HTH_TEST_MODELS_H

#include "laws.h"

enum { MODEL_SEED = 3 };

static inline hth_model_plan model_plan(const law_rig *rig, size_t K, size_t late) {
    const law_case *c = &rig->what;
    return (hth_model_plan){
        .abi = HTH_ABI,
        .settings = rig->settings,
        .shape = {.inputs = c->vocabulary ? 0 : c->inputs,
                  .vocabulary = c->vocabulary,
                  .outputs = c->outputs,
                  .target = c->classes ? HTH_TARGET_CLASSES : HTH_TARGET_VALUES},
        .seed = MODEL_SEED,
        .steps = K,
        .batch = c->batch,
        .late = late,
        .threads = 1};
}

static inline hth_model *model_make(const law_rig *rig, size_t K, size_t late) {
    const hth_model_plan plan = model_plan(rig, K, late);
    hth_model *model;
    hth_error error;
    must(hth_model_create(&plan, NULL, &model, &error), &error);
    return model;
}

static inline const hth_real *model_parameters(const hth_model *model) {
    return hth_network_parameters(hth_model_parts_of(model)->network);
}

/* The answer to step t of the data, `late` steps late. */
static inline hth_answer model_answer(const law_rig *rig, size_t t, size_t late) {
    const hth_chunk cut = law_cut(rig, t, 1);
    return (hth_answer){.targets = cut.targets,
                        .classes = cut.classes,
                        .weights = cut.weights,
                        .late = late,
                        .ends = false};
}

static inline void model_predict(const law_rig *rig, hth_model *model, size_t t, hth_real *y) {
    const hth_chunk cut = law_cut(rig, t, 1);
    hth_error error;
    must(hth_model_predict(model, cut.x, cut.tokens, y, &error), &error);
}

/* Steps from..to-1, each predicted and then answered; the last ends its sequence if the data do. */
static inline void model_steps(const law_rig *rig, hth_model *model, size_t from, size_t to,
                               hth_real *outputs, hth_report *report) {
    const size_t each = rig->what.batch * rig->what.outputs;
    hth_error error;
    for (size_t t = from; t < to; t++) {
        model_predict(rig, model, t, outputs ? outputs + t * each : NULL);
        hth_answer answer = model_answer(rig, t, 0);
        answer.ends = rig->chunk.ends && t + 1 == rig->what.steps;
        must(hth_model_learn(model, &answer, report, &error), &error);
    }
}

/* Steps from..to-1 in one call. */
static inline void model_run(const law_rig *rig, hth_model *model, size_t from, size_t to,
                             hth_real *outputs, hth_report *report) {
    const size_t each = rig->what.batch * rig->what.outputs;
    hth_chunk cut = law_cut(rig, from, to - from);
    hth_error error;
    cut.ends = rig->chunk.ends && to == rig->what.steps;
    must(hth_model_run(model, &cut, outputs ? outputs + from * each : NULL, report, &error),
         &error);
}

/* The six handles, with an update after each tape of K steps. */
typedef struct by_hand {
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} by_hand;

static inline by_hand by_hand_make(const law_rig *rig, size_t K) {
    const hth_model_plan plan = model_plan(rig, K, 0);
    by_hand h;
    hth_error error;
    must(hth_network_create(&plan.settings, &plan.shape, MODEL_SEED, NULL, &h.network, &error),
         &error);
    must(hth_learner_create(&plan.settings, h.network, K, plan.batch, MODEL_SEED, rig->compute,
                            NULL, &h.learner, &error),
         &error);
    must(hth_learner_tape(h.learner, rig->compute, NULL, &h.tape, &error), &error);
    must(hth_gradient_create(h.network, NULL, &h.gradient, &error), &error);
    must(hth_optimiser_create(&plan.settings, h.network, rig->compute, NULL, &h.optimiser, &error),
         &error);
    return h;
}

static inline void by_hand_run(const law_rig *rig, by_hand *h, size_t K, bool update_at_end,
                               hth_report *report) {
    hth_error error;
    hth_gradient_clear(h->gradient);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        const bool last = t + K >= rig->what.steps;
        hth_chunk cut = law_cut(rig, t, last ? rig->what.steps - t : K);
        cut.ends = last && rig->chunk.ends;
        must(hth_forward(h->tape, &cut, report, &error), &error);
        must(hth_learn(h->learner, h->tape, h->gradient, &error), &error);
        if (update_at_end && !last) continue;
        must(hth_optimiser_step(h->optimiser, h->network, h->gradient, 1, &error), &error);
        hth_gradient_clear(h->gradient);
    }
    if (!rig->chunk.ends) return;
    hth_tape_reset(h->tape);
}

static inline void by_hand_drop(by_hand *h) {
    hth_optimiser_destroy(h->optimiser);
    hth_gradient_destroy(h->gradient);
    hth_learner_destroy(h->learner);
    hth_tape_destroy(h->tape);
    hth_network_destroy(h->network);
}

static inline bool same_bits(const law_rig *rig, const hth_real *a, const hth_real *b) {
    return memcmp(a, b, rig->count * sizeof *a) == 0;
}

/* All that a model knows, to be freed. */
static inline unsigned char *model_saved(hth_model *model, size_t *bytes) {
    hth_error error;
    *bytes = hth_model_save_bytes(model);
    unsigned char *memory = malloc(*bytes);
    must(hth_model_save(model, memory, *bytes, &error), &error);
    return memory;
}

#endif
