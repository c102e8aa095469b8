/*
 * A program as an embedded user would write it: the public header, the C library, nothing else. It
 * trains eight leaky tanh units by real-time recurrent learning to say what they heard two steps ago,
 * with every handle in memory that the caller owns, and asks that the loss falls to a small part of
 * what it was and that nothing is taken from the memory after creation. It says so with its exit
 * status, so that the core alone, a plain build and an installed library are all tested by one file.
 */
#include <hitherto.h>
#include <stdio.h>

enum { STEPS = 8, LAG = 2, UPDATES = 600, WINDOW = 20 };

/* The caller's memory: pieces are handed out in order and never come back. */
typedef struct memory {
    union {
        long double alignment;
        char bytes[4 << 20];
    } block;
    size_t used;
} memory;

static void *take(void *context, size_t bytes) {
    memory *m = context;
    size_t rounded = (bytes + 63) / 64 * 64;
    if (rounded < bytes || rounded > sizeof m->block.bytes - m->used) return NULL;
    void *piece = m->block.bytes + m->used;
    m->used += rounded;
    return piece;
}

static void give_back(void *context, void *piece) {
    (void)context;
    (void)piece;
}

typedef struct model {
    hth_compute *compute;
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} model;

static const hth_setting items[] = {
    {"cell.name", "rate", NULL},      {"cell.alpha", "0.9", NULL},    {"network.units", "8", NULL},
    {"loss.name", "mse", NULL},       {"learner.name", "rtrl", NULL}, {"learner.steps", "8", NULL},
    {"optimiser.name", "adam", NULL}, {"optimiser.lr", "0.01", NULL},
};
static const hth_settings settings = {items, sizeof items / sizeof items[0]};

static hth_status create(model *m, const hth_allocator *own, hth_error *error) {
    const hth_shape shape = {.inputs = 1, .outputs = 1, .target = HTH_TARGET_VALUES};
    hth_status status = hth_compute_create(1, own, &m->compute, error);
    if (!status) status = hth_network_create(&settings, &shape, 1, own, &m->network, error);
    if (!status) status = hth_tape_create(m->network, STEPS, 1, m->compute, own, &m->tape, error);
    if (!status)
        status = hth_learner_create(&settings, m->network, STEPS, 1, 1, m->compute, own,
                                    &m->learner, error);
    if (!status) status = hth_gradient_create(m->network, own, &m->gradient, error);
    if (!status)
        status = hth_optimiser_create(&settings, m->network, m->compute, own, &m->optimiser, error);
    return status;
}

static void destroy(model *m) {
    hth_optimiser_destroy(m->optimiser);
    hth_gradient_destroy(m->gradient);
    hth_learner_destroy(m->learner);
    hth_tape_destroy(m->tape);
    hth_network_destroy(m->network);
    hth_compute_destroy(m->compute);
}

/* A fair coin, +1 or -1 (xorshift: Marsaglia 2003). */
static hth_real coin(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state & 1 ? 1 : -1;
}

static hth_status update(model *m, uint32_t *random, hth_real heard[LAG], hth_report *report,
                         hth_error *error) {
    hth_real x[STEPS], targets[STEPS];
    for (int t = 0; t < STEPS; t++) {
        x[t] = coin(random);
        targets[t] = heard[0];
        heard[0] = heard[1];
        heard[1] = x[t];
    }
    hth_gradient_clear(m->gradient);
    const hth_chunk chunk = {.steps = STEPS, .batch = 1, .x = x, .targets = targets};
    hth_status status = hth_forward(m->tape, &chunk, report, error);
    if (!status) status = hth_learn(m->learner, m->tape, m->gradient, error);
    if (!status) status = hth_optimiser_step(m->optimiser, m->network, m->gradient, 1, error);
    return status;
}

/* Mean loss over the first and the last WINDOW updates. */
static hth_status train(model *m, double *first, double *last, hth_error *error) {
    uint32_t random = 2463534242u;
    hth_real heard[LAG] = {0, 0};
    hth_report report = {0};
    hth_tape_reset(m->tape);
    for (int i = 1; i <= UPDATES; i++) {
        hth_status status = update(m, &random, heard, &report, error);
        if (status) return status;
        if (i == WINDOW) *first = report.loss / report.weight;
        if (i == WINDOW || i == UPDATES - WINDOW) report = (hth_report){0};
    }
    *last = report.loss / report.weight;
    return HTH_OK;
}

int main(void) {
    static memory own;
    const hth_allocator allocator = {take, give_back, &own};
    model m = {0};
    hth_error error = {HTH_OK, ""};
    double first = 0, last = 0;

    hth_status status = create(&m, &allocator, &error);
    size_t used = own.used;
    if (!status) status = train(&m, &first, &last, &error);
    destroy(&m);
    if (status) {
        fprintf(stderr, "%s: %s\n", hth_status_text(status), error.message);
        return 1;
    }
    printf("hitherto %s: loss %.4f -> %.4f, %zu bytes\n", hth_version(), first, last, used);
    if (used == 0 || own.used != used) {
        fprintf(stderr, "memory was taken after creation, or not from the caller\n");
        return 1;
    }
    if (!(last < 0.01 * first)) {
        fprintf(stderr, "the network has not learned\n");
        return 1;
    }
    return 0;
}
