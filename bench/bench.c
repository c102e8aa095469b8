/*
 * Our side of the benchmark, over the public header alone: bench WORK THREADS [SAMPLES [KEY=VALUE]...]
 * does one work on random data, with settings changed by KEY=VALUE, and prints a line of JSON,
 * {"work", "threads", "peak_kib", "hz", "seconds_per_unit": [...]}.
 * The unit of each work is what bench/run calls it: a word, or a time step of the whole batch.
 * `bench memory WORK STEPS` runs that many steps and prints the peak of the resident set.
 * `bench export WORK STEPS FOLDER` writes what a peer needs to do the same work, and our result of the first
 * STEPS steps to hold the peer's against: the gradient, or, of a work that changes the weights at every step,
 * the weights after those steps. `bench about` prints the version and the compiler.
 *
 * The inputs of spiking networks are Poisson spikes; their input weights are scaled, before anything is
 * timed, until the units fire at the rate that the work names, and the rate is checked again afterwards.
 */
#include <hitherto.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SETTINGS = 14, MAX_CHANGES = 8, WARM_UP = 3, MAX_SAMPLES = 1000, COIN_TAPES = 64 };
enum { SEQUENCE = 1000, TAPE = 20, CLASSES = 10, HALVINGS = 40, MAX_FIELDS = 16 };
static const double SAMPLE_SECONDS = 0.1, STEPS_A_SECOND = 1000, RATE_TOLERANCE = 0.2;
/* Of weights that are exported after some updates: so large that their change is far above rounding. */
#define EXPORTED_RATE "0.05"

typedef struct work {
    const char *name;
    size_t inputs, vocabulary, outputs, steps, batch;
    bool updates;                          /* an optimiser's step belongs to the work */
    bool words;                            /* the unit is a step of one item, not of the batch */
    bool coins;                            /* tapes of the Add task in turn, not one of noise */
    const char *settings[MAX_SETTINGS][2]; /* beside learner.steps, which is `steps` */
    size_t rows;                           /* of a store, all of which are there from the start */
    bool forward;                          /* nothing is learned */
    double input_hz, unit_hz; /* > 0: sequences of SEQUENCE steps of spikes, a class at each step */
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
#define COPY_REPEAT                                                                                \
    {"network.units", "256"}, {"cell.name", "lstm"}, {"loss.name", "mse"},                         \
        {"learner.name", "tbptt"}, {                                                               \
        "optimiser.name", "adam"                                                                   \
    }
#define RATE(units, learner)                                                                       \
    {"network.units", units}, {"cell.name", "rate"}, {"cell.alpha", "0.5"}, {"loss.name", "mse"},  \
    {                                                                                              \
        "learner.name", learner                                                                    \
    }

/* A learner that is called at every step and changes the weights at every step. */
#define ONLINE(preset, units)                                                                      \
    {                                                                                              \
        preset "-" units, 2, 0, 2, 1, 1, true, false, true,                                        \
            {                                                                                      \
                {"network.units", units}, {"cell.name", "rate"},    {"cell.alpha", "0.5"},         \
                {"loss.name", "softmax"}, {"learner.name", preset}, {"optimiser.name", "sgd"},     \
                {"optimiser.lr", "1e-4"},                                                          \
            },                                                                                     \
            0, false, 0, 0                                                                         \
    }

/* ALIF units with the default time constants, a threshold of 0.61 and no refractory period, below a leaky readout. */
#define SPIKING(label, units, count, tape, items, rule, in_hz, out_hz)                             \
    {                                                                                              \
        .name = label, .inputs = count, .outputs = CLASSES, .steps = tape, .batch = items,         \
        .input_hz = in_hz, .unit_hz = out_hz, .settings = {                                        \
            {"network.units", units},                                                              \
            {"cell.name", "alif"},                                                                 \
            {"cell.refractory", "0"},                                                              \
            {"cell.v_th", "0.61"},                                                                 \
            {"readout.tau_out", "20"},                                                             \
            {"loss.name", "softmax"},                                                              \
            {"learner.name", rule},                                                                \
        }                                                                                          \
    }
#define ALIF(label, units, count, tape, rule) SPIKING(label, units, count, tape, 32, rule, 20, 15)
#define ALIF_ONLINE(label, units, count)                                                           \
    {                                                                                              \
        .name = label, .inputs = count, .outputs = CLASSES, .steps = 1, .batch = 1,                \
        .updates = true, .input_hz = 20, .unit_hz = 15, .settings = {                              \
            {"network.units", units},                                                              \
            {"cell.name", "alif"},                                                                 \
            {"cell.refractory", "0"},                                                              \
            {"cell.v_th", "0.61"},                                                                 \
            {"readout.tau_out", "20"},                                                             \
            {"loss.name", "softmax"},                                                              \
            {"learner.name", "eprop1"},                                                            \
            {"optimiser.name", "sgd"},                                                             \
            {"optimiser.lr", "1e-8"},                                                              \
        }                                                                                          \
    }
/* FORCE: the output is fed back, and the readout learns by least squares at every step. */
#define FORCED(units)                                                                              \
    {                                                                                              \
        .name = "force" units, .inputs = 1, .outputs = 1, .steps = 1, .batch = 1, .updates = true, \
        .settings = {                                                                              \
            {"network.units", units},                                                              \
            {"network.connections", "random"},                                                     \
            {"network.density", "0.1"},                                                            \
            {"network.bias", "false"},                                                             \
            {"cell.name", "rate-pre"},                                                             \
            {"cell.alpha", "0.9"},                                                                 \
            {"cell.phi", "tanh"},                                                                  \
            {"readout.feedback", "true"},                                                          \
            {"readout.bias", "false"},                                                             \
            {"init.w_rec_scale", "0.474342"},                                                      \
            {"init.w_out", "zero"},                                                                \
            {"loss.name", "mse"},                                                                  \
            {"learner.name", "rls"},                                                               \
        }                                                                                          \
    }
/* 32 rate units write a row at each step and read all rows, or the best few; rows are data. */
#define STORE_OF(label, count, best, learns)                                                       \
    {                                                                                              \
        .name = label, .inputs = 2, .outputs = 2, .steps = 1, .batch = 1, .updates = learns,       \
        .coins = true, .rows = count, .forward = !learns, .settings = {                            \
            {"network.units", "32, 16"},                                                           \
            {"network.layers", "units, store"},                                                    \
            {"cell.name", "rate"},                                                                 \
            {"cell.alpha", "0.5"},                                                                 \
            {"store.keys", "16"},                                                                  \
            {"store.rows", #count},                                                                \
            {"store.top", #best},                                                                  \
            {"loss.name", "mse"},                                                                  \
            {"learner.name", "rflo"},                                                              \
            {"learner.past", "none"},                                                              \
            {"optimiser.name", "sgd"},                                                             \
            {"optimiser.lr", "1e-4"},                                                              \
        }                                                                                          \
    }
#define STORE(count)                                                                               \
    STORE_OF("store" #count, count, 0, false), STORE_OF("store" #count "-learn", count, 0, true),  \
        STORE_OF("store" #count "-top", count, 8, false),                                          \
        STORE_OF("store" #count "-top-learn", count, 8, true)
#define AT_RATE(hz)                                                                                \
    SPIKING("events400-" #hz, "400", 100, SEQUENCE, 32, "eprop1", hz, hz),                         \
        SPIKING("events100-" #hz, "100", 40, SEQUENCE, 32, "eprop1", hz, hz)

static const work works[] = {
    {"word20", 0, 10000, 10000, 20, 20, true, true, false, {WORD_MODEL}, 0, false, 0, 0},
    {"word4", 0, 10000, 10000, 4, 20, true, true, false, {WORD_MODEL}, 0, false, 0, 0},
    {"copy4", 9, 0, 9, 4, 256, true, false, false, {COPY_REPEAT}, 0, false, 0, 0},
    /* One output number per item: as good as a given gradient of the LSTM's output. */
    {"lstm20", 200, 0, 1, 20, 20, false, true, false, {LSTM_ALONE}, 0, false, 0, 0},
    {"rnn32b1", 2, 0, 2, 1000, 1, false, false, false, {RATE("32", "bptt")}, 0, false, 0, 0},
    {"rnn100b1", 2, 0, 2, 1000, 1, false, false, false, {RATE("100", "bptt")}, 0, false, 0, 0},
    {"rnn100b32", 2, 0, 2, 1000, 32, false, false, false, {RATE("100", "bptt")}, 0, false, 0, 0},
    {"rtrl32", 2, 0, 2, 1, 1, false, false, false, {RATE("32", "rtrl")}, 0, false, 0, 0},
    {"rtrl100", 2, 0, 2, 1, 1, false, false, false, {RATE("100", "rtrl")}, 0, false, 0, 0},
    {"rtrlblocks32", 2, 0, 2, 32, 1, false, false, false, {RATE("32", "rtrl")}, 0, false, 0, 0},
    {"rtrlblocks100", 2, 0, 2, 100, 1, false, false, false, {RATE("100", "rtrl")}, 0, false, 0, 0},
    {"tbptt32", 2, 0, 2, 20, 1, false, false, false, {RATE("32", "tbptt")}, 0, false, 0, 0},
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
    ALIF("alif400", "400", 100, SEQUENCE, "eprop1"),
    ALIF("alif100", "100", 40, SEQUENCE, "eprop1"),
    ALIF("alif400-tapes", "400", 100, TAPE, "eprop1"),
    ALIF("alif100-tapes", "100", 40, TAPE, "eprop1"),
    ALIF("alif400-bptt", "400", 100, SEQUENCE, "bptt"),
    ALIF("alif100-bptt", "100", 40, SEQUENCE, "bptt"),
    ALIF_ONLINE("alif400-online", "400", 100),
    ALIF_ONLINE("alif100-online", "100", 40),
    FORCED("1000"),
    STORE(1000),
    STORE(10000),
    STORE(100000),
    AT_RATE(1),
    AT_RATE(5),
    AT_RATE(10),
    AT_RATE(20),
    AT_RATE(50),
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
    hth_real *x, *targets, *feedback;
    int32_t *tokens, *classes;
    size_t units;
    int threads;
    bool learns;               /* what goes forward alone is to learn after all */
    double spikes, unit_steps; /* what the units have done since they were last counted */
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

/* The clock's time; of one thread the processor's, which others that load the machine add little to. */
static double now(int threads) {
    struct timespec t;
    if (threads == 1)
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    else
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

static void fill_spikes(hth_real *x, size_t count, double hz) {
    for (size_t i = 0; i < count; i++)
        x[i] = (double)next_random() < hz / STEPS_A_SECOND * (1 << 24);
}

static bool is_spiking(const work *w) {
    return w->input_hz > 0;
}

static bool has_classes(const work *w) {
    return w->vocabulary || is_spiking(w);
}

static void make_data(bench *b) {
    const work *w = b->work;
    b->tape_count = w->coins ? COIN_TAPES : is_spiking(w) ? SEQUENCE / w->steps : 1;
    size_t items = w->steps * w->batch * b->tape_count;
    b->chunk = (hth_chunk){.steps = w->steps, .batch = w->batch};
    b->x = room(items * w->inputs, sizeof *b->x);
    b->targets = room(items * w->outputs, sizeof *b->targets);
    b->tokens = room(items, sizeof *b->tokens);
    b->classes = room(items, sizeof *b->classes);
    if (w->coins) {
        fill_coins(b->x, b->targets, items);
    } else if (is_spiking(w)) {
        fill_spikes(b->x, items * w->inputs, w->input_hz);
    } else {
        fill_reals(b->x, items * w->inputs);
        fill_reals(b->targets, items * w->outputs);
    }
    if (w->vocabulary) fill_kinds(b->tokens, items, w->vocabulary);
    if (has_classes(w)) fill_kinds(b->classes, items, w->outputs);
    b->chunk.tokens = w->vocabulary ? b->tokens : NULL;
    b->chunk.classes = has_classes(w) ? b->classes : NULL;
    b->chunk.x = w->vocabulary ? NULL : b->x;
    b->chunk.targets = has_classes(w) ? NULL : b->targets;
}

/* Feedback weights of our own choice, so that a peer can be given the same. */
static void make_feedback(bench *b, const char *rule) {
    const size_t count = b->work->outputs * b->units;
    hth_error error;
    b->feedback = room(count, sizeof *b->feedback);
    fill_reals(b->feedback, count);
    if (strcmp(rule, "eprop1") == 0)
        must(hth_learner_feedback(b->learner, b->feedback, b->work->outputs, b->units, &error),
             &error);
}

/* A field of a state; count 0: it has none of that name. */
static hth_field field_among(const hth_field *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count && i < MAX_FIELDS; i++)
        if (!strcmp(fields[i].name, name)) return fields[i];
    return (hth_field){.count = 0};
}

/* The rows of the store, as those of a tape that goes on. */
static hth_field fill_rows(bench *b) {
    hth_field fields[MAX_FIELDS];
    const size_t count = hth_tape_state(b->tape, fields, MAX_FIELDS);
    const hth_field ring = field_among(fields, count, "tape1.ring");
    const hth_field time = field_among(fields, count, "tape.time");
    if (ring.count == 0 || time.count == 0) stop("the tape has no rows");
    fill_reals(ring.data, ring.count);
    *(uint64_t *)time.data = b->work->rows;
    return ring;
}

/* The next tape of data; spikes come as sequences, each from a reset. */
static hth_chunk next_chunk(bench *b) {
    hth_chunk chunk = b->chunk;
    const size_t items = chunk.steps * chunk.batch * b->at;
    if (is_spiking(b->work) && b->at == 0) hth_tape_reset(b->tape);
    if (chunk.x) chunk.x += items * b->work->inputs;
    if (chunk.targets) chunk.targets += items * b->work->outputs;
    if (chunk.classes) chunk.classes += items;
    if (chunk.tokens) chunk.tokens += items;
    b->at = b->at + 1 < b->tape_count ? b->at + 1 : 0;
    chunk.ends = is_spiking(b->work) && b->at == 0;
    return chunk;
}

static void run_forward(bench *b, const hth_chunk *chunk) {
    hth_error error;
    hth_report report = {0};
    must(hth_forward(b->tape, chunk, &report, &error), &error);
    b->spikes += report.spikes;
    b->unit_steps += (double)(chunk->steps * chunk->batch * b->units);
}

/* One tape: what a training loop does with it. */
static void run_tape(bench *b) {
    hth_error error;
    const hth_chunk chunk = next_chunk(b);
    if (b->work->forward && !b->learns) {
        run_forward(b, &chunk);
        return;
    }
    if (!b->work->updates && !b->learns) {
        hth_gradient_clear(b->gradient);
        run_forward(b, &chunk);
        must(hth_learn(b->learner, b->tape, b->gradient, &error), &error);
        return;
    }
    run_forward(b, &chunk);
    must(hth_learn_and_step(b->learner, b->tape, b->gradient, b->optimiser, b->network, 1, &error),
         &error);
}

/* Spikes of a unit a second since this was last asked. */
static double count_rate(bench *b) {
    double rate = b->spikes / b->unit_steps * STEPS_A_SECOND;
    b->spikes = b->unit_steps = 0;
    return rate;
}

static double rate_of_sequence(bench *b) {
    count_rate(b);
    do {
        const hth_chunk chunk = next_chunk(b);
        run_forward(b, &chunk);
    } while (b->at);
    return count_rate(b);
}

static void scale_inputs(bench *b, hth_real factor) {
    hth_real *w = hth_network_parameters(b->network); /* the first block: layer0.weight */
    const size_t n = b->units, m = n + b->work->inputs + 1;
    for (size_t j = 0; j < n; j++)
        for (size_t i = n; i < m - 1; i++) w[j * m + i] *= factor;
}

/* Halves the interval, in the logarithm, of the scale of the input weights that gives the rate. */
static void set_rate(bench *b) {
    double low = log(1e-2), high = log(1e2), at = 0, now_at = 0;
    for (int i = 0; i < HALVINGS; i++) {
        double rate = rate_of_sequence(b);
        if (fabs(rate / b->work->unit_hz - 1) < 0.01) return;
        if (rate < b->work->unit_hz)
            low = at;
        else
            high = at;
        at = (low + high) / 2;
        scale_inputs(b, (hth_real)exp(at - now_at));
        now_at = at;
    }
}

/* Liveness: what is timed fires as its name says. */
static double must_fire(bench *b) {
    if (!is_spiking(b->work)) return 0;
    double rate = count_rate(b);
    if (!(fabs(rate / b->work->unit_hz - 1) < RATE_TOLERANCE))
        stop("the units do not fire at the rate that the work is to have");
    return rate;
}

static const char *setting_of(const work *w, const char *key) {
    for (size_t i = 0; i < MAX_SETTINGS && w->settings[i][0]; i++)
        if (!strcmp(w->settings[i][0], key)) return w->settings[i][1];
    return "";
}

/* changes: texts KEY=VALUE, cut in two here. */
static void open_bench(bench *b, const work *w, int threads, char **changes, int change_count) {
    *b = (bench){
        .work = w, .threads = threads, .units = strtoul(setting_of(w, "network.units"), NULL, 10)};
    char steps[32];
    snprintf(steps, sizeof steps, "%zu", w->steps);
    hth_setting items[MAX_SETTINGS + MAX_CHANGES + 1] = {{"learner.steps", steps, NULL}};
    hth_settings settings = {items, 1};
    for (size_t i = 0; i < MAX_SETTINGS && w->settings[i][0]; i++)
        items[settings.count++] = (hth_setting){w->settings[i][0], w->settings[i][1], NULL};
    for (int i = 0; i < change_count; i++) {
        char *sign = strchr(changes[i], '=');
        if (!sign || i == MAX_CHANGES) stop("a change is KEY=VALUE, and there are at most 8");
        *sign = '\0';
        items[settings.count++] = (hth_setting){changes[i], sign + 1, "command line"};
    }

    hth_shape shape = {.inputs = w->inputs,
                       .vocabulary = w->vocabulary,
                       .outputs = w->outputs,
                       .target = has_classes(w) ? HTH_TARGET_CLASSES : HTH_TARGET_VALUES};
    hth_error error;
    must(hth_compute_create(threads, NULL, &b->compute, &error), &error);
    must(hth_network_create(&settings, &shape, 1, NULL, &b->network, &error), &error);
    must(hth_learner_create(&settings, b->network, w->steps, w->batch, 1, b->compute, NULL,
                            &b->learner, &error),
         &error);
    must(hth_learner_tape(b->learner, b->compute, NULL, &b->tape, &error), &error);
    must(hth_gradient_create(b->network, NULL, &b->gradient, &error), &error);
    must(hth_optimiser_create(&settings, b->network, b->compute, NULL, &b->optimiser, &error),
         &error);
    make_data(b);
    make_feedback(b, setting_of(w, "learner.name"));
    if (is_spiking(w)) set_rate(b);
    if (w->rows) fill_rows(b);
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
    free(b->feedback);
    free(b->tokens);
    free(b->classes);
}

static double seconds_of(bench *b, size_t tapes) {
    const double start = now(b->threads);
    for (size_t i = 0; i < tapes; i++) run_tape(b);
    return now(b->threads) - start;
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

static void measure(const work *w, int threads, size_t samples, char **changes, int change_count) {
    bench b;
    open_bench(&b, w, threads, changes, change_count);
    for (int i = 0; i < WARM_UP; i++) run_tape(&b);
    size_t tapes = 1, whole = is_spiking(w) ? b.tape_count : 1; /* whole sequences */
    while (b.at) run_tape(&b);
    while (seconds_of(&b, tapes * whole) < SAMPLE_SECONDS) tapes *= 2;
    tapes *= whole;

    double units = (double)(tapes * w->steps * (w->words ? w->batch : 1)), seconds[MAX_SAMPLES];
    for (size_t i = 0; i < samples; i++) seconds[i] = seconds_of(&b, tapes) / units;
    printf("{\"work\": \"%s\", \"threads\": %d, \"peak_kib\": %ld, \"hz\": %.3g, "
           "\"seconds_per_unit\": [",
           w->name, threads, peak_kib(), must_fire(&b));
    for (size_t i = 0; i < samples; i++) printf("%s%.6g", i ? ", " : "", seconds[i]);
    printf("]}\n");
    close_bench(&b);
}

static void measure_memory(const work *w, size_t steps) {
    bench b;
    open_bench(&b, w, 1, NULL, 0);
    for (size_t t = 0; t < steps; t += w->steps) run_tape(&b);
    printf("{\"work\": \"%s\", \"steps\": %zu, \"peak_kib\": %ld}\n", w->name, steps, peak_kib());
    close_bench(&b);
}

static void write_array(const char *folder, const char *name, const void *data, size_t count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, sizeof(float), count, file) != count || fclose(file))
        stop("a file of the export cannot be written");
}

/* A field of the learner's state. */
static hth_field field_of(bench *b, const char *name) {
    hth_field fields[MAX_FIELDS];
    const size_t count = hth_learner_state(b->learner, fields, MAX_FIELDS);
    return field_among(fields, count, name);
}

/* The gradient of the first `steps`. */
static void export_gradient(bench *b, size_t steps, const char *folder) {
    hth_error error;
    hth_gradient_clear(b->gradient);
    for (size_t done = 0; done < steps; done += b->chunk.steps) {
        hth_chunk chunk = next_chunk(b);
        if (chunk.steps > steps - done) chunk.steps = steps - done;
        run_forward(b, &chunk);
        must(hth_learn(b->learner, b->tape, b->gradient, &error), &error);
    }
    write_array(folder, "gradient", hth_gradient_values(b->gradient),
                hth_network_parameter_count(b->network));
}

/* The weights after `steps` tapes of one step. Of DNI its prediction as it is at first; of UORO the vector A after
 * every step, from which the random signs follow. */
static void export_trajectory(bench *b, size_t steps, const char *folder) {
    const hth_field prediction = field_of(b, "sg.weights"), vector = field_of(b, "rank-one.A");
    hth_real *vectors = room(steps * vector.count, sizeof *vectors);
    write_array(folder, "prediction", prediction.data, prediction.count);
    for (size_t t = 0; t < steps; t++) {
        run_tape(b);
        if (vector.count)
            memcpy(vectors + t * vector.count, vector.data, vector.count * sizeof *vectors);
    }
    write_array(folder, "vectors", vectors, steps * vector.count);
    write_array(folder, "trained", hth_network_parameters(b->network),
                hth_network_parameter_count(b->network));
    free(vectors);
}

/* Numbers of 4 bytes: the float build alone is benched. */
static void export_work(const work *w, size_t steps, const char *folder) {
    _Static_assert(sizeof(hth_real) == sizeof(float), "peers read floats");
    const bool updates = (w->updates || w->forward) && !is_spiking(w);
    char rate[] = "optimiser.lr=" EXPORTED_RATE, *changes[] = {rate};
    bench b;
    if (w->vocabulary) stop("the works with words cannot be exported");
    if (updates && w->steps > 1) stop("works that update can be exported if a tape is one step");
    open_bench(&b, w, 1, changes, updates);
    const size_t count = hth_network_parameter_count(b.network);
    const size_t length = w->steps * b.tape_count, items = length * w->batch;
    write_array(folder, "parameters", hth_network_parameters(b.network), count);
    write_array(folder, "feedback", b.feedback, w->outputs * b.units);
    write_array(folder, "x", b.x, items * w->inputs);
    write_array(folder, "targets", b.targets, items * w->outputs);
    write_array(folder, "classes", b.classes, items);
    b.learns = w->forward;
    if (w->rows) {
        const hth_field rows = fill_rows(&b);
        write_array(folder, "rows", rows.data, rows.count);
    }
    if (updates)
        export_trajectory(&b, steps, folder);
    else
        export_gradient(&b, steps, folder);
    printf("{\"work\": \"%s\", \"units\": %zu, \"inputs\": %zu, \"outputs\": %zu, \"steps\": %zu, "
           "\"batch\": %zu, \"spikes\": %.0f, \"checked_steps\": %zu, \"rate\": %s, "
           "\"rows\": %zu, \"top\": %lu}\n",
           w->name, b.units, w->inputs, w->outputs, length, w->batch, b.spikes, steps,
           updates ? EXPORTED_RATE : "0", w->rows, strtoul(setting_of(w, "store.top"), NULL, 10));
    close_bench(&b);
}

static void tell_about(void) {
#ifdef __clang__
    const char *compiler = __VERSION__; /* begins with its name */
#else
    const char *compiler = "GCC " __VERSION__;
#endif
    printf("{\"version\": \"%s\", \"compiler\": \"%s\"}\n", hth_version(), compiler);
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
    if (argc == 5 && !strcmp(argv[1], "export")) {
        export_work(find_work(argv[2]), strtoul(argv[3], NULL, 10), argv[4]);
        return 0;
    }
    if (argc == 2 && !strcmp(argv[1], "about")) {
        tell_about();
        return 0;
    }
    if (argc < 3)
        stop("usage: bench WORK THREADS [SAMPLES [KEY=VALUE]...] | bench memory WORK STEPS | bench "
             "export WORK STEPS FOLDER | bench about");
    size_t samples = argc > 3 ? strtoul(argv[3], NULL, 10) : 3;
    measure(find_work(argv[1]), atoi(argv[2]), samples < MAX_SAMPLES ? samples : MAX_SAMPLES,
            argv + 4, argc > 4 ? argc - 4 : 0);
    return 0;
}
