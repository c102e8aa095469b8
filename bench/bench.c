/*
 * Our side of the benchmark, over the public header alone: bench WORK THREADS [SAMPLES] does one
 * work on random data and prints a line of JSON, {"work", "threads", "seconds_per_unit": [...]}.
 * The unit of each work is what bench/run calls it: a word, or a time step of the whole batch.
 * `bench memory WORK STEPS` runs that many steps and prints the peak of the resident set.
 */
#include <hitherto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SETTINGS = 8, WARM_UP = 3, MAX_SAMPLES = 1000, COIN_TAPES = 64 };
static const double SAMPLE_SECONDS = 0.1;

typedef struct work {
    const char *name;
    size_t inputs, vocabulary, outputs, steps, batch;
    bool updates;                          /* an optimiser's step belongs to the work */
    bool words;                            /* the unit is a step of one item, not of the batch */
    bool coins;                            /* tapes of the Add task in turn, not one of noise */
    const char *settings[MAX_SETTINGS][2]; /* beside learner.steps, which is `steps` */
} work;

#define WORD_MODEL                                                                                 \
    {"network.units", "200"}, {"network.embedding", "200"}, {"cell.name", "lstm"},                 \
        {"loss.name", "softmax"}, {"learner.name", "tbptt"}, {"optimiser.name", "sgd"},            \
        {"optimiser.lr", "1"}, {                                                                   \
        "optimiser.clip_norm", "5"                                                                 \
    }
#define LSTM_ALONE                                                                                 \
    {"network.units", "200"}, {"cell.name", "lstm"}, {"loss.name", "mse"}, {                       \
        "learner.name", "tbptt"                                                                    \
    }
#define RATE(units, learner)                                                                       \
    {"network.units", units}, {"cell.name", "rate"}, {"cell.alpha", "0.5"}, {"loss.name", "mse"},  \
    {                                                                                              \
        "learner.name", learner                                                                    \
    }

/* A learner that is called at every step and changes the weights at every step. */
#define ONLINE(preset, units)                                                                      \
    {                                                                                              \
        preset "-" units, 2, 0, 2, 1, 1, true, false, true, {                                      \
            {"network.units", units}, {"cell.name", "rate"}, {"cell.alpha", "0.5"},                \
                {"loss.name", "softmax"}, {"learner.name", preset}, {"optimiser.name", "sgd"},     \
                {"optimiser.lr", "1e-4"},                                                          \
        }                                                                                          \
    }

static const work works[] = {
    {"word20", 0, 10000, 10000, 20, 20, true, true, false, {WORD_MODEL}},
    {"word4", 0, 10000, 10000, 4, 20, true, true, false, {WORD_MODEL}},
    /* One output number per item: as good as a given gradient of the LSTM's output. */
    {"lstm20", 200, 0, 1, 20, 20, false, true, false, {LSTM_ALONE}},
    {"rnn32b1", 2, 0, 2, 1000, 1, false, false, false, {RATE("32", "bptt")}},
    {"rnn100b1", 2, 0, 2, 1000, 1, false, false, false, {RATE("100", "bptt")}},
    {"rnn100b32", 2, 0, 2, 1000, 32, false, false, false, {RATE("100", "bptt")}},
    {"rtrl32", 2, 0, 2, 1, 1, false, false, false, {RATE("32", "rtrl")}},
    {"rtrl100", 2, 0, 2, 1, 1, false, false, false, {RATE("100", "rtrl")}},
    {"rtrlblocks32", 2, 0, 2, 32, 1, false, false, false, {RATE("32", "rtrl")}},
    {"rtrlblocks100", 2, 0, 2, 100, 1, false, false, false, {RATE("100", "rtrl")}},
    {"tbptt32", 2, 0, 2, 20, 1, false, false, false, {RATE("32", "tbptt")}},
    ONLINE("uoro", "32"),
    ONLINE("uoro", "100"),
    ONLINE("kf-rtrl", "32"),
    ONLINE("kf-rtrl", "100"),
    ONLINE("r-kf", "32"),
    ONLINE("r-kf", "100"),
    ONLINE("kernl", "32"),
    ONLINE("kernl", "100"),
    ONLINE("rflo", "32"),
    ONLINE("rflo", "100"),
    ONLINE("dni", "32"),
    ONLINE("dni", "100"),
    ONLINE("snap1", "32"),
    ONLINE("snap1", "100"),
    ONLINE("readout-only", "32"),
    ONLINE("readout-only", "100"),
};

typedef struct bench {
    const work *work;
    hth_compute *compute;
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    hth_chunk chunk;
    size_t tape_count, at; /* tapes of data, and which is next */
    hth_real *x, *targets;
    int32_t *tokens, *classes;
} bench;

static void stop(const char *sentence) {
    fprintf(stderr, "bench: %s\n", sentence);
    exit(1);
}

static void must(hth_status status, const hth_error *error) {
    if (status) stop(error->message);
}

static void *room(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) stop("not enough memory");
    return memory;
}

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Numerical Recipes' quick generator; the numbers need not be good. */
static uint32_t next_random(void) {
    static uint32_t state = 1;
    state = 1664525u * state + 1013904223u;
    return state >> 8;
}

static void fill_reals(hth_real *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        values[i] = (hth_real)((double)next_random() / (1 << 23) - 1.0);
}

static void fill_kinds(int32_t *values, size_t count, size_t kinds) {
    for (size_t i = 0; i < count; i++) values[i] = (int32_t)(next_random() % kinds);
}

/* Of the Add task: a coin, and a probability that depends on the coins 3 and 5 steps back. */
static void fill_coins(hth_real *x, hth_real *targets, size_t steps) {
    unsigned coins = 0;
    for (size_t t = 0; t < steps; t++) {
        coins = coins << 1 | (next_random() >> 10 & 1);
        double y = 0.5 + 0.5 * (coins >> 3 & 1) - 0.25 * (coins >> 5 & 1);
        x[2 * t] = (hth_real)(coins & 1);
        x[2 * t + 1] = 1 - x[2 * t];
        targets[2 * t] = (hth_real)y;
        targets[2 * t + 1] = (hth_real)(1 - y);
    }
}

static void make_data(bench *b) {
    const work *w = b->work;
    b->tape_count = w->coins ? COIN_TAPES : 1;
    size_t items = w->steps * w->batch * b->tape_count;
    b->chunk = (hth_chunk){.steps = w->steps, .batch = w->batch};
    b->x = room(items * w->inputs, sizeof *b->x);
    b->targets = room(items * w->outputs, sizeof *b->targets);
    b->tokens = room(items, sizeof *b->tokens);
    b->classes = room(items, sizeof *b->classes);
    if (w->coins) {
        fill_coins(b->x, b->targets, items);
    } else {
        fill_reals(b->x, items * w->inputs);
        fill_reals(b->targets, items * w->outputs);
    }
    if (w->vocabulary) {
        fill_kinds(b->tokens, items, w->vocabulary);
        fill_kinds(b->classes, items, w->outputs);
        b->chunk.tokens = b->tokens;
        b->chunk.classes = b->classes;
    } else {
        b->chunk.x = b->x;
        b->chunk.targets = b->targets;
    }
}

static void open_bench(bench *b, const work *w, int threads) {
    *b = (bench){.work = w};
    char steps[32];
    snprintf(steps, sizeof steps, "%zu", w->steps);
    hth_setting items[MAX_SETTINGS + 1] = {{"learner.steps", steps, NULL}};
    hth_settings settings = {items, 1};
    for (size_t i = 0; i < MAX_SETTINGS && w->settings[i][0]; i++)
        items[settings.count++] = (hth_setting){w->settings[i][0], w->settings[i][1], NULL};

    hth_shape shape = {.inputs = w->inputs,
                       .vocabulary = w->vocabulary,
                       .outputs = w->outputs,
                       .target = w->vocabulary ? HTH_TARGET_CLASSES : HTH_TARGET_VALUES};
    hth_error error;
    must(hth_compute_create(threads, NULL, &b->compute, &error), &error);
    must(hth_network_create(&settings, &shape, 1, NULL, &b->network, &error), &error);
    must(hth_tape_create(b->network, w->steps, w->batch, b->compute, NULL, &b->tape, &error),
         &error);
    must(hth_learner_create(&settings, b->network, w->steps, w->batch, 1, b->compute, NULL,
                            &b->learner, &error),
         &error);
    must(hth_gradient_create(b->network, NULL, &b->gradient, &error), &error);
    must(hth_optimiser_create(&settings, b->network, b->compute, NULL, &b->optimiser, &error),
         &error);
    make_data(b);
}

static void close_bench(bench *b) {
    hth_optimiser_destroy(b->optimiser);
    hth_gradient_destroy(b->gradient);
    hth_learner_destroy(b->learner);
    hth_tape_destroy(b->tape);
    hth_network_destroy(b->network);
    hth_compute_destroy(b->compute);
    free(b->x);
    free(b->targets);
    free(b->tokens);
    free(b->classes);
}

/* One tape: what a training loop does with it. */
static void run_tape(bench *b) {
    hth_error error;
    hth_report report = {0};
    hth_chunk chunk = b->chunk;
    size_t items = chunk.steps * chunk.batch * b->at;
    if (chunk.x) chunk.x += items * b->work->inputs;
    if (chunk.targets) chunk.targets += items * b->work->outputs;
    b->at = b->at + 1 < b->tape_count ? b->at + 1 : 0;
    hth_gradient_clear(b->gradient);
    must(hth_forward(b->tape, &chunk, &report, &error), &error);
    must(hth_learn(b->learner, b->tape, b->gradient, &error), &error);
    if (b->work->updates)
        must(hth_optimiser_step(b->optimiser, b->network, b->gradient, 1, &error), &error);
}

static double seconds_of(bench *b, size_t tapes) {
    double start = now();
    for (size_t i = 0; i < tapes; i++) run_tape(b);
    return now() - start;
}

static void measure(const work *w, int threads, size_t samples) {
    bench b;
    open_bench(&b, w, threads);
    for (int i = 0; i < WARM_UP; i++) run_tape(&b);
    size_t tapes = 1;
    while (seconds_of(&b, tapes) < SAMPLE_SECONDS) tapes *= 2;

    double units = (double)(tapes * w->steps * (w->words ? w->batch : 1));
    printf("{\"work\": \"%s\", \"threads\": %d, \"seconds_per_unit\": [", w->name, threads);
    for (size_t i = 0; i < samples; i++)
        printf("%s%.6g", i ? ", " : "", seconds_of(&b, tapes) / units);
    printf("]}\n");
    close_bench(&b);
}

/* The peak of this program alone: what getrusage tells counts the program that started it too. */
static long peak_kib(void) {
    char line[128];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    if (!status) stop("there is no /proc/self/status to read the peak of memory from");
    while (kib < 0 && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kib);
    fclose(status);
    return kib;
}

static void measure_memory(const work *w, size_t steps) {
    bench b;
    open_bench(&b, w, 1);
    for (size_t t = 0; t < steps; t += w->steps) run_tape(&b);
    printf("{\"work\": \"%s\", \"steps\": %zu, \"peak_kib\": %ld}\n", w->name, steps, peak_kib());
    close_bench(&b);
}

static const work *find_work(const char *name) {
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (!strcmp(works[i].name, name)) return &works[i];
    stop("unknown work");
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 4 && !strcmp(argv[1], "memory")) {
        measure_memory(find_work(argv[2]), strtoul(argv[3], NULL, 10));
        return 0;
    }
    if (argc < 3) stop("usage: bench WORK THREADS [SAMPLES] | bench memory WORK STEPS");
    size_t samples = argc > 3 ? strtoul(argv[3], NULL, 10) : 3;
    measure(find_work(argv[1]), atoi(argv[2]), samples < MAX_SAMPLES ? samples : MAX_SAMPLES);
    return 0;
}
