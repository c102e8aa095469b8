/* Tape, learner and gradient of a rig, step by step, with their state copied from one run to another. */
#ifndef HTH_TEST_HANDLES_H
#define HTH_TEST_HANDLES_H

#include "laws.h"

#include "credit/learner.h"

typedef struct handles {
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} handles;

/* settings as "a=b c=d". */
static inline hth_status handles_try(law_rig *rig, const char *settings, size_t K, uint64_t seed,
                                     handles *h, hth_error *error) {
    char text[512];
    hth_setting items[LAW_SETTINGS];
    snprintf(text, sizeof text, "%s", settings);
    const hth_settings split = law_split(text, items);
    const size_t batch = rig->what.batch;
    *h = (handles){0};
    return hth_learner_create(&split, rig->network, K, batch, seed, rig->compute, NULL, &h->learner,
                              error);
}

static inline handles handles_make(law_rig *rig, const char *settings, size_t K) {
    handles h;
    hth_error error;
    must(handles_try(rig, settings, K, 1, &h, &error), &error);
    must(hth_learner_tape(h.learner, rig->compute, NULL, &h.tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &h.gradient, &error), &error);
    return h;
}

static inline void handles_drop(handles *h) {
    hth_gradient_destroy(h->gradient);
    hth_learner_destroy(h->learner);
    hth_tape_destroy(h->tape);
}

static inline void handles_reset(handles *h) {
    hth_tape_reset(h->tape);
}

/* Adds the gradient of the steps from..from+steps-1 of the data. */
static inline void handles_advance(law_rig *rig, handles *h, size_t from, size_t steps) {
    hth_error error;
    hth_chunk cut = law_cut(rig, from, steps);
    must(hth_forward(h->tape, &cut, &rig->report, &error), &error);
    must(hth_learn(h->learner, h->tape, h->gradient, &error), &error);
}

/* All data from the start of a sequence, tapes of K; what the gradient then is, to be freed. */
static inline hth_real *handles_gradient(law_rig *rig, handles *h, size_t K) {
    handles_reset(h);
    hth_gradient_clear(h->gradient);
    for (size_t t = 0; t < rig->what.steps; t += K)
        handles_advance(rig, h, t, rig->what.steps - t < K ? rig->what.steps - t : K);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(h->gradient), rig->count * sizeof *copy);
    return copy;
}

/* The field of the learner's state of that name. */
static inline hth_field handles_field(handles *h, const char *name) {
    hth_field fields[32];
    const size_t count = hth_learner_state(h->learner, fields, HTH_COUNT(fields));
    assert_true(count <= HTH_COUNT(fields));
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i];
    fail_msg("no field %s", name);
    return fields[0];
}

/* The state of tape and learner of one run becomes that of another. */
static inline void handles_copy_state(handles *from, handles *to) {
    hth_field a[48], b[48];
    size_t count = hth_tape_state(from->tape, a, 48);
    count += hth_learner_state(from->learner, a + count, 48 - count);
    size_t same = hth_tape_state(to->tape, b, 48);
    same += hth_learner_state(to->learner, b + same, 48 - same);
    assert_true(count <= 48);
    assert_int_equal(count, same);
    for (size_t i = 0; i < count; i++) {
        const size_t size = a[i].dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                            : a[i].dtype == HTH_DTYPE_I32 ? 4
                                                          : 8;
        assert_string_equal(a[i].name, b[i].name);
        memcpy(b[i].data, a[i].data, a[i].count * size);
    }
}

#endif
