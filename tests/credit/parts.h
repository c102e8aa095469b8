/* What tests of single parts of a learner share: a tape, a learner and a gradient that go through the data of a
 * case together, the fields of the learner's state by name, and the law that these are all of its state. */
#ifndef HTH_TEST_PARTS_H
#define HTH_TEST_PARTS_H

#include "laws.h"

#include "credit/joint.h"

typedef struct handles {
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} handles;

static inline handles make_handles(law_rig *rig, const char *learner_settings, size_t K) {
    char text[400];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    handles h;
    const size_t batch = rig->what.batch;
    snprintf(text, sizeof text, "%s", learner_settings);
    hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, rig->network, K, batch, 1, rig->compute, NULL, &h.learner,
                            &error),
         &error);
    must(hth_learner_tape(h.learner, rig->compute, NULL, &h.tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &h.gradient, &error), &error);
    return h;
}

static inline void drop_handles(handles *h) {
    hth_gradient_destroy(h->gradient);
    hth_learner_destroy(h->learner);
    hth_tape_destroy(h->tape);
}

static inline void learn_chunk(law_rig *rig, handles *h, const hth_chunk *chunk) {
    hth_error error;
    must(hth_forward(h->tape, chunk, &rig->report, &error), &error);
    must(hth_learn(h->learner, h->tape, h->gradient, &error), &error);
}

static inline void learn_steps(law_rig *rig, handles *h, size_t from, size_t steps) {
    hth_chunk cut = law_cut(rig, from, steps);
    learn_chunk(rig, h, &cut);
}

static inline void start_sequence(handles *h) {
    hth_tape_reset(h->tape);
}

/* A field of the learner's state. */
static inline hth_field field_of(handles *h, const char *name) {
    hth_field fields[64];
    const size_t count = hth_learner_state(h->learner, fields, HTH_COUNT(fields));
    assert_true(count <= HTH_COUNT(fields));
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i];
    fail_msg("the learner's state has no field %s", name);
    return (hth_field){.count = 0};
}

static inline size_t bytes_of(const hth_field *field) {
    return field->count * (field->dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                           : field->dtype == HTH_DTYPE_I32 ? 4
                                                           : 8);
}

/* False: the learner refuses the tape. */
static inline bool may_learn(law_rig *rig, handles *h, size_t from, size_t steps) {
    hth_error error;
    const hth_chunk cut = law_cut(rig, from, steps);
    must(hth_forward(h->tape, &cut, &rig->report, &error), &error);
    return hth_learn(h->learner, h->tape, h->gradient, &error) == HTH_OK;
}

/* Plain descent, so that weights change from tape to tape. */
static inline void descend(law_rig *rig, handles *h, double rate) {
    const hth_real *g = hth_gradient_values(h->gradient);
    hth_real *theta = hth_network_parameters(rig->network);
    for (size_t i = 0; i < rig->count; i++) theta[i] -= (hth_real)rate * g[i];
    hth_gradient_clear(h->gradient);
}

/* Tapes of K steps from `from` to `to`, the weights changing; the gradient of the last is left. */
static inline void train_steps(law_rig *rig, handles *h, size_t K, size_t from, size_t to) {
    for (size_t t = from; t < to; t += K) {
        if (t > from) descend(rig, h, 0.05);
        learn_steps(rig, h, t, to - t < K ? to - t : K);
    }
}

/* The fields are the whole state: copied into new handles in the middle of a run, they go on with the same
 * bits; without any one of those that hold anything the bits differ, unless it is named in `idle`. Fields that a
 * refusal hangs on are for test_tape_state.c. */
static inline void assert_resumes(const law_case *what, const char *settings, size_t K,
                                  const char *idle) {
    law_rig rig;
    law_setup(&rig, what);
    const size_t middle = what->steps / 2 / K * K, bytes = rig.count * sizeof(hth_real);
    handles a = make_handles(&rig, settings, K);
    hth_real *theta = rig.network->theta, *middle_theta = malloc(bytes), *end = malloc(bytes);
    hth_field from[64], to[64], tape_from[64], tape_to[64];
    train_steps(&rig, &a, K, 0, middle);
    descend(&rig, &a, 0.05);
    memcpy(middle_theta, theta, bytes);
    const size_t tape_count = hth_tape_state(a.tape, tape_from, 64);
    const size_t count = hth_learner_state(a.learner, from, 64);
    void *saved[64], *tape_saved[64];
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++)
        saved[i] = memcpy(malloc(bytes_of(&from[i]) + 1), from[i].data, bytes_of(&from[i]));
    for (size_t i = 0; i < tape_count; i++)
        tape_saved[i] =
            memcpy(malloc(bytes_of(&tape_from[i]) + 1), tape_from[i].data, bytes_of(&tape_from[i]));
    train_steps(&rig, &a, K, middle, what->steps);
    memcpy(end, hth_gradient_values(a.gradient), bytes);
    for (size_t without = 0; without <= count; without++) { /* count: nothing is left out */
        static const char refuse[] = "open window.waits window.sequence";
        if (without < count && strstr(refuse, from[without].name)) continue;
        handles b = make_handles(&rig, settings, K);
        memcpy(theta, middle_theta, bytes);
        assert_int_equal(hth_tape_state(b.tape, tape_to, 64), tape_count);
        assert_int_equal(hth_learner_state(b.learner, to, 64), count);
        for (size_t i = 0; i < tape_count; i++)
            memcpy(tape_to[i].data, tape_saved[i], bytes_of(&tape_to[i]));
        for (size_t i = 0; i < count; i++)
            if (i != without) memcpy(to[i].data, saved[i], bytes_of(&to[i]));
        const bool same = without < count &&
                          memcmp(to[without].data, saved[without], bytes_of(&to[without])) == 0;
        bool equal =
            true; /* what makes no sense may be refused at once, which is no less a difference */
        for (size_t t = middle; t < what->steps && equal; t += K) {
            if (t > middle) descend(&rig, &b, 0.05);
            equal = may_learn(&rig, &b, t, what->steps - t < K ? what->steps - t : K);
        }
        equal = equal && memcmp(hth_gradient_values(b.gradient), end, bytes) == 0;
        if (without == count && !equal) fail_msg("%s: other bits after a resume", settings);
        if (without < count && equal && !same && !strstr(idle, from[without].name))
            fail_msg("%s: field %s makes no difference", settings, from[without].name);
        drop_handles(&b);
    }
    for (size_t i = 0; i < count; i++) free(saved[i]);
    for (size_t i = 0; i < tape_count; i++) free(tape_saved[i]);
    free(middle_theta);
    free(end);
    drop_handles(&a);
    law_teardown(&rig);
}

static inline void assert_refuses(const law_case *what, const char *learner_settings, size_t K,
                                  const char *expected) {
    char text[400];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_learner *learner = NULL;
    law_rig rig;
    law_setup(&rig, what);
    snprintf(text, sizeof text, "%s", learner_settings);
    hth_settings settings = law_split(text, items);
    hth_status status = hth_learner_create(&settings, rig.network, K, what->batch, 1, rig.compute,
                                           NULL, &learner, &error);
    assert_int_equal(status, HTH_INVALID);
    assert_null(learner);
    if (!strstr(error.message, expected)) fail_msg("'%s' lacks '%s'", error.message, expected);
    law_teardown(&rig);
}

/* ---- A leaky rate network, written plainly, from the parameters of a network and its layout ---- */

typedef struct plain_rate {
    const hth_network *network;
    size_t n, m, inputs, outputs;
    double alpha;
    double r[32], before[32], u[64], slope[32], q[32], error[16]; /* slope: alpha tanh'(a) */
} plain_rate;

static inline plain_rate plain_open(const law_rig *rig, double alpha) {
    const hth_layer *layer = &rig->network->layers[0];
    plain_rate p = {.network = rig->network,
                    .n = layer->n,
                    .m = layer->m,
                    .inputs = layer->inputs,
                    .outputs = rig->network->readout.outputs,
                    .alpha = alpha};
    assert_true(p.n <= 32 && p.m <= 64 && p.outputs <= 16);
    return p;
}

static inline double plain_weight(const plain_rate *p, size_t i, size_t k) {
    return (double)p->network->theta[p->network->layers[0].weight + i * p->m + k];
}

/* W_out^T, the signal `readout`. */
static inline double plain_feedback(const plain_rate *p, size_t o, size_t j) {
    return (double)p->network->theta[p->network->readout.weight + o * p->n + j];
}

/* One step with softmax and targets that are probabilities: err = p - target. */
static inline void plain_step(plain_rate *p, const hth_real *x, const hth_real *target) {
    double y[16], sum = 0, mass = 0;
    for (size_t j = 0; j < p->n; j++) p->u[j] = p->before[j] = p->r[j];
    for (size_t k = 0; k < p->inputs; k++) p->u[p->n + k] = (double)x[k];
    p->u[p->m - 1] = 1;
    for (size_t i = 0; i < p->n; i++) {
        double a = 0;
        for (size_t k = 0; k < p->m; k++) a += plain_weight(p, i, k) * p->u[k];
        p->slope[i] = p->alpha * (1 - tanh(a) * tanh(a));
        p->r[i] = (1 - p->alpha) * p->before[i] + p->alpha * tanh(a);
    }
    for (size_t o = 0; o < p->outputs; o++) {
        y[o] = (double)p->network->theta[p->network->readout.bias + o];
        for (size_t j = 0; j < p->n; j++) y[o] += plain_feedback(p, o, j) * p->r[j];
        sum += y[o] = exp(y[o]);
        mass += (double)target[o];
    }
    for (size_t o = 0; o < p->outputs; o++) p->error[o] = mass * y[o] / sum - (double)target[o];
    for (size_t j = 0; j < p->n; j++) {
        p->q[j] = 0;
        for (size_t o = 0; o < p->outputs; o++) p->q[j] += plain_feedback(p, o, j) * p->error[o];
    }
}

/* out = J^T x, J[i][j] = (1 - alpha) [i = j] + slope[i] W[i][j]. */
static inline void plain_pull(const plain_rate *p, const double *slope, const double *x,
                              double *out) {
    for (size_t j = 0; j < p->n; j++) {
        out[j] = (1 - p->alpha) * x[j];
        for (size_t i = 0; i < p->n; i++) out[j] += x[i] * slope[i] * plain_weight(p, i, j);
    }
}

/* Largest difference of the gradient of W from (credit slope) u^T, over the largest entry of the latter. */
static inline double plain_difference(const plain_rate *p, const double *credit,
                                      const double *slope, const double *u, const hth_real *g) {
    double difference = 0, largest = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->m; k++) {
            const double ours = (double)g[p->network->layers[0].weight + i * p->m + k];
            const double plain = credit[i] * slope[i] * u[k];
            difference = fmax(difference, fabs(ours - plain));
            largest = fmax(largest, fabs(plain));
        }
    assert_true(largest > 1e-6);
    return difference / largest;
}

#endif
