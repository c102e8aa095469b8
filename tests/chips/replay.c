/*
 * Replay on a chip: eight units learn online by RFLO, an update a step, and from stretches of what they heard before,
 * by BPTT: a second tape and a second learner into the same gradient (docs/replay.md; the memory of sequences of the
 * program `hitherto` is not part of the core, so here it is an array). Everything lies in memory that the caller gives.
 */
#include "replay.h"

#include <hitherto.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 2000, LAG = 2, WINDOW = 50, STRETCH = 10, HELD = 16 };
static const uint32_t BITS = 0xa4314923; /* on every processor with fused multiply-add */

/* ---- Memory: one handle behind the other, and nothing is given back ---- */

typedef struct room {
    unsigned char *at;
    size_t left, used;
} room;

static void *take(void *context, size_t bytes) {
    room *r = context;
    const size_t whole = (bytes + 7) / 8 * 8;
    if (whole > r->left) return NULL;
    void *memory = r->at;
    r->at += whole;
    r->left -= whole;
    r->used += whole;
    return memory;
}

static void keep(void *context, void *memory) {
    (void)context;
    (void)memory;
}

/* ---- What learns ---- */

typedef struct pair {
    hth_learner *learner;
    hth_tape *tape;
} pair;

typedef struct chip {
    hth_allocator allocator;
    hth_compute *compute;
    hth_network *network;
    hth_optimiser *optimiser;
    hth_gradient *gradient;
    pair awake, asleep;
    hth_real x[HELD][STRETCH], targets[HELD][STRETCH]; /* what is replayed */
} chip;

static hth_status make_pair(chip *c, const char *name, size_t steps, pair *out, hth_error *error) {
    const hth_setting settings[] = {{"learner.name", name, NULL}};
    const hth_settings all = {settings, 1};
    hth_status status = hth_learner_create(&all, c->network, steps, 1, 1, c->compute, &c->allocator,
                                           &out->learner, error);
    if (!status)
        status = hth_learner_tape(out->learner, c->compute, &c->allocator, &out->tape, error);
    return status;
}

/* *second: the bytes of the second learner with its tape. */
static hth_status make(chip *c, room *memory, size_t *second, hth_error *error) {
    static const hth_setting settings[] = {{"cell.name", "rate", NULL},
                                           {"network.units", "8", NULL},
                                           {"optimiser.name", "sgd", NULL},
                                           {"optimiser.lr", "0.02", NULL}};
    const hth_settings all = {settings, sizeof settings / sizeof settings[0]};
    const hth_shape shape = {.inputs = 1, .outputs = 1};
    c->allocator = (hth_allocator){take, keep, memory};
    hth_status status = hth_compute_create(1, &c->allocator, &c->compute, error);
    if (!status) status = hth_network_create(&all, &shape, 1, &c->allocator, &c->network, error);
    if (!status)
        status =
            hth_optimiser_create(&all, c->network, c->compute, &c->allocator, &c->optimiser, error);
    if (!status) status = hth_gradient_create(c->network, &c->allocator, &c->gradient, error);
    if (!status) status = make_pair(c, "rflo", 1, &c->awake, error);
    const size_t before = memory->used;
    if (!status) status = make_pair(c, "bptt", STRETCH, &c->asleep, error);
    *second = memory->used - before;
    return status;
}

/* ---- A run ---- */

/* xorshift (Marsaglia 2003). */
static uint32_t next(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Adds the gradient of steps of the stream, or of a stretch that begins anew and ends. */
static hth_status learn(chip *c, pair *by, const hth_chunk *chunk, hth_report *report,
                        hth_error *error) {
    hth_status status = hth_forward(by->tape, chunk, report, error);
    return status ? status : hth_learn(by->learner, by->tape, c->gradient, error);
}

static hth_status replay(chip *c, size_t slot, hth_error *error) {
    const hth_chunk chunk = {
        .steps = STRETCH, .batch = 1, .x = c->x[slot], .targets = c->targets[slot], .ends = true};
    hth_tape_reset(c->asleep.tape);
    return learn(c, &c->asleep, &chunk, NULL, error);
}

/* Mean losses of the first and the last WINDOW steps. */
static hth_status run(chip *c, double loss[2], hth_error *error) {
    hth_real heard[LAG + 1] = {0};
    hth_report report = {0};
    uint32_t random = 2463534242u;
    hth_status status = HTH_OK;
    for (size_t t = 0; t < STEPS && !status; t++) {
        for (size_t i = LAG; i > 0; i--) heard[i] = heard[i - 1];
        heard[0] = next(&random) & 1 ? 1 : -1;
        const hth_chunk chunk = {.steps = 1, .batch = 1, .x = heard, .targets = &heard[LAG]};
        status = learn(c, &c->awake, &chunk, &report, error);
        /* The newest stretch takes the place of the oldest; then one of those that there are is replayed. */
        const size_t stretches = t / STRETCH, slot = stretches % HELD;
        c->x[slot][t % STRETCH] = heard[0];
        c->targets[slot][t % STRETCH] = heard[LAG];
        const size_t held = stretches < HELD ? stretches + 1 : HELD;
        if (!status && t % STRETCH == STRETCH - 1) status = replay(c, next(&random) % held, error);
        if (!status) status = hth_optimiser_step(c->optimiser, c->network, c->gradient, 1, error);
        hth_gradient_clear(c->gradient);
        if (t + 1 == WINDOW || t + 1 == STEPS) loss[t + 1 == STEPS] = report.loss / report.weight;
        if (t + 1 == WINDOW || t + 1 == STEPS - WINDOW) report = (hth_report){0};
    }
    return status;
}

/* FNV-1a of the parameters. */
static uint32_t fingerprint(chip *c) {
    const unsigned char *byte = (const void *)hth_network_parameters(c->network);
    const size_t bytes = hth_network_parameter_count(c->network) * sizeof(hth_real);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ byte[i]) * 16777619u;
    return hash;
}

int replay_learns(void *memory, size_t bytes, int fuses) {
    static chip c;
    room all = {memory, bytes, 0};
    double loss[2] = {0, 0};
    size_t second = 0;
    hth_error error;
    hth_status status = make(&c, &all, &second, &error);
    if (!status) status = run(&c, loss, &error);
    if (status) return printf("replay: %s\n", error.message), 0;
    const uint32_t bits = fingerprint(&c);
    printf("replay: all handles have %lu bytes, of them learner and tape of what is replayed %lu; "
           "sequences have %lu; "
           "loss %.4f -> %.4f, bits %08lx\n",
           (unsigned long)all.used, (unsigned long)second,
           (unsigned long)(sizeof c.x + sizeof c.targets), loss[0], loss[1], (unsigned long)bits);
    if (loss[1] > 0.5 * loss[0]) return printf("it has not learned\n"), 0;
    if (fuses && bits != BITS) return printf("elsewhere it finds %08lx\n", (unsigned long)BITS), 0;
    return 1;
}
