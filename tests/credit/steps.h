/* Runs that update in one call, in three, or in turn, and whether they have the same bits. */
#ifndef HTH_TEST_STEPS_H
#define HTH_TEST_STEPS_H

#include "laws.h"

#include "credit/learner.h"

enum { UPDATES = 50, MOST_FIELDS = 48 };

/* How a run makes its updates. */
typedef enum way { THREE_CALLS, ONE_CALL, IN_TURN } way;

typedef struct run {
    law_rig rig;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    hth_report report;
    size_t descents; /* updates that left the layers' part of the gradient alone */
} run;

/* False: these settings have no meaning together. `how`: of learner and optimiser, "a=b c=d". */
static inline bool open_run(run *r, const law_case *what, const char *how, size_t K) {
    char text[512];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    memset(r, 0, sizeof *r);
    law_setup(&r->rig, what);
    snprintf(text, sizeof text, "%s", how);
    const hth_settings settings = law_split(text, items);
    hth_network *net = r->rig.network;
    const hth_status status = hth_learner_create(&settings, net, K, what->batch, 1, r->rig.compute,
                                                 NULL, &r->learner, &error);
    if (status == HTH_INVALID) {
        law_teardown(&r->rig);
        return false;
    }
    must(status, &error);
    must(hth_learner_tape(r->learner, r->rig.compute, NULL, &r->tape, &error), &error);
    must(hth_gradient_create(net, NULL, &r->gradient, &error), &error);
    must(hth_optimiser_create(&settings, net, r->rig.compute, NULL, &r->optimiser, &error), &error);
    return true;
}

static inline void close_run(run *r) {
    hth_optimiser_destroy(r->optimiser);
    hth_gradient_destroy(r->gradient);
    hth_learner_destroy(r->learner);
    hth_tape_destroy(r->tape);
    law_teardown(&r->rig);
}

static inline hth_status update(run *r, bool in_one, hth_error *error) {
    hth_network *net = r->rig.network;
    if (in_one) {
        const hth_status status =
            hth_learn_and_step(r->learner, r->tape, r->gradient, r->optimiser, net, 1, error);
        const size_t layers = r->gradient->layers;
        r->descents += !r->gradient->of_readout_only && r->gradient->put_off == layers;
        return status;
    }
    hth_gradient_clear(r->gradient);
    must(hth_learn(r->learner, r->tape, r->gradient, error), error);
    return hth_optimiser_step(r->optimiser, net, r->gradient, 1, error);
}

/* Updates from..to-1, each after a tape of K steps; a new sequence begins in the middle of all. */
static inline void advance(run *r, size_t K, size_t from, size_t to, way how) {
    hth_error error;
    for (size_t i = from; i < to; i++) {
        hth_chunk chunk = law_cut(&r->rig, i * K, K);
        const size_t half = r->rig.what.steps / K / 2;
        if (i == half) hth_tape_reset(r->tape);
        chunk.ends = i + 1 == half;
        must(hth_forward(r->tape, &chunk, &r->report, &error), &error);
        must(update(r, how == ONE_CALL || (how == IN_TURN && i % 3 > 0), &error), &error);
    }
}

static inline size_t bytes_of(const hth_field *field) {
    return field->count * (field->dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                           : field->dtype == HTH_DTYPE_I32 ? 4
                                                           : 8);
}

/* Parameters, moments, what the learner and the tape carry, and the report. */
static inline bool same(run *a, run *b) {
    hth_field x[MOST_FIELDS], y[MOST_FIELDS];
    size_t count = hth_network_state(a->rig.network, x, MOST_FIELDS), others;
    others = hth_network_state(b->rig.network, y, MOST_FIELDS);
    count += hth_optimiser_state(a->optimiser, x + count, MOST_FIELDS - count);
    others += hth_optimiser_state(b->optimiser, y + others, MOST_FIELDS - others);
    count += hth_learner_state(a->learner, x + count, MOST_FIELDS - count);
    others += hth_learner_state(b->learner, y + others, MOST_FIELDS - others);
    count += hth_tape_state(a->tape, x + count, MOST_FIELDS - count);
    others += hth_tape_state(b->tape, y + others, MOST_FIELDS - others);
    assert_true(count <= MOST_FIELDS && count == others);
    bool all = memcmp(&a->report, &b->report, sizeof a->report) == 0;
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(x[i].name, y[i].name);
        all = all && memcmp(x[i].data, y[i].data, bytes_of(&x[i])) == 0;
    }
    return all;
}

static inline void assert_moved(const run *r, const run *from) {
    size_t moved = 0;
    for (size_t i = 0; i < r->rig.count; i++)
        moved += r->rig.network->theta[i] != from->rig.network->theta[i];
    assert_true(moved > 0);
}

#endif
