/* See engine.h. Everything lies in static memory; malloc is never called. */
#include "engine.h"

#include <stdio.h>
#include <string.h>

/* ---- Signals: each tells its next value, by sums, products and quotients, which are the same everywhere ---- */

enum { DELAY = 170, STRETCH = 4000, LAG = 3 };

static struct {
    uint32_t random;
    uint32_t steps;
    double x[2], y[2];   /* two tones */
    double chaos[DELAY]; /* Mackey-Glass: the last 17 units of time, a tenth each */
    double now;
    int oldest;
} world;

/* The next of a row of random numbers (xorshift: Marsaglia 2003). */
static uint32_t draw(void) {
    world.random ^= world.random << 13;
    world.random ^= world.random >> 17;
    world.random ^= world.random << 5;
    return world.random;
}

/* Two tones, each a point that goes round a circle (Minsky's, HAKMEM 149); in every other stretch they are higher. */
static double tones(void) {
    static const double turn[2][2] = {{0.20, 0.33}, {0.27, 0.45}};
    const double *by = turn[world.steps / STRETCH % 2];
    for (int i = 0; i < 2; i++) {
        world.x[i] -= by[i] * world.y[i];
        world.y[i] += by[i] * world.x[i];
    }
    return 0.6 * world.x[0] + 0.4 * world.x[1];
}

/* dx/dt = 0.2 x(t-17) / (1 + x(t-17)^10) - 0.1 x (Mackey & Glass 1977), by ten steps of Euler's a unit of time; two
 * units a step of the network, moved and stretched to about -1..1. */
static double chaos(void) {
    for (int i = 0; i < 20; i++) {
        const double late = world.chaos[world.oldest];
        const double square = late * late, fourth = square * square;
        world.chaos[world.oldest] = world.now;
        world.oldest = (world.oldest + 1) % DELAY;
        world.now += 0.1 * (0.2 * late / (1 + fourth * fourth * square) - 0.1 * world.now);
    }
    return (world.now - 0.9) * 2.2;
}

/* 1 or -1. */
static double coin(void) {
    return draw() & 1 ? 1 : -1;
}

static void reset_world(uint32_t seed) {
    memset(&world, 0, sizeof world);
    world.random = seed * 2654435761u + 88172645u;
    if (world.random == 0) world.random = 1;
    for (int i = 0; i < 2; i++) world.x[i] = 1;
    for (int i = 0; i < DELAY; i++) world.chaos[i] = 0.5 + (double)(draw() >> 8) / (1 << 24);
    world.now = world.chaos[DELAY - 1];
}

/* ---- What can be chosen ---- */

typedef struct choice {
    const char *name;
    hth_setting settings[3];
} choice;

/* A recalled signal asks for what was heard LAG steps ago; the others for what will be heard. */
static const struct {
    const char *name;
    double (*next)(void);
    bool recalls;
} signals[] = {
    {"two tones, changing pitch", tones, false},
    {"chaos (Mackey-Glass)", chaos, false},
    {"recall random steps", coin, true},
};

static const choice cells[] = {
    {"rate", {{"cell.name", "rate", NULL}, {"cell.alpha", "0.5", NULL}}},
    {"gru", {{"cell.name", "gru", NULL}}},
    {"lstm", {{"cell.name", "lstm", NULL}}},
    {"lif (spikes)", {{"cell.name", "lif", NULL}, {"cell.tau_m", "5", NULL}}},
};

static const choice learners[] = {
    {"rtrl", {{"learner.name", "rtrl", NULL}}},
    {"rflo", {{"learner.name", "rflo", NULL}}},
    {"uoro", {{"learner.name", "uoro", NULL}}},
    {"kf-rtrl", {{"learner.name", "kf-rtrl", NULL}}},
    {"snap1", {{"learner.name", "snap1", NULL}}},
    {"e-prop 1", {{"learner.name", "eprop1", NULL}, {"learner.update", "tape", NULL}}},
    {"tbptt, 10 steps", {{"learner.name", "tbptt", NULL}, {"learner.steps", "10", NULL}}},
    {"readout alone", {{"learner.name", "readout-only", NULL}}},
};

enum { SIGNALS = sizeof signals / sizeof *signals };
enum { CELLS = sizeof cells / sizeof *cells, LEARNERS = sizeof learners / sizeof *learners };

const char *WEB_EXPORT(web_signal)(int index) {
    return index >= 0 && index < SIGNALS ? signals[index].name : NULL;
}

const char *WEB_EXPORT(web_cell)(int index) {
    return index >= 0 && index < CELLS ? cells[index].name : NULL;
}

const char *WEB_EXPORT(web_learner)(int index) {
    return index >= 0 && index < LEARNERS ? learners[index].name : NULL;
}

/* ---- The model ---- */

/* Enough for RTRL of the largest network with the largest cell (web_begin says if it is not), and a copy of what it
 * knows while its rate changes. */
enum { ROOM = 4 * 1024 * 1024 };
static union {
    double aligned;
    unsigned char bytes[ROOM];
} memory, saved;

static struct {
    int signal, cell, learner, units, ahead;
    double rate;
    uint32_t seed;
} chosen;
static hth_model *model;
static hth_error error;
static bool learns;

/* The last truths and predictions, newest first, as long as a prediction waits for its truth. */
static hth_real heard[WEB_MOST_AHEAD + 1], said[WEB_MOST_AHEAD + 1];
static web_row last;
static double errors[2];
static uint32_t hash;

static uint32_t hashed(uint32_t from, const void *bytes, size_t count) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < count; i++) from = (from ^ byte[i]) * 16777619u;
    return from;
}

static size_t add(hth_setting *out, size_t count, const hth_setting *items) {
    for (int i = 0; i < 3 && items[i].key; i++) out[count++] = items[i];
    return count;
}

/* How many steps late a truth comes. */
static size_t lateness(void) {
    return signals[chosen.signal].recalls ? 0 : (size_t)chosen.ahead;
}

/* Makes the model that was chosen, in place of the one that there is. */
static int place(void) {
    char units[16], rate[32];
    hth_setting settings[12] = {{"network.units", units, NULL},
                                {"optimiser.name", "adam", NULL},
                                {"optimiser.lr", rate, NULL}};
    size_t count = add(settings, 3, cells[chosen.cell].settings);
    count = add(settings, count, learners[chosen.learner].settings);
    snprintf(units, sizeof units, "%d", chosen.units);
    snprintf(rate, sizeof rate, "%.17g", chosen.rate);
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, count},
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .seed = chosen.seed,
                                 .late = lateness(),
                                 .threads = 1};
    hth_model_destroy(model);
    model = NULL;
    return hth_model_place(&plan, memory.bytes, sizeof memory.bytes, &model, &error) != HTH_OK;
}

static int refuse(const char *what, const char *right) {
    snprintf(error.message, sizeof error.message, "%s; it must be %s", what, right);
    return 1;
}

int WEB_EXPORT(web_begin)(int signal, int cell, int learner, int units, int ahead, double rate,
                          uint32_t seed) {
    hth_model_destroy(model);
    model = NULL;
    if (!web_signal(signal) || !web_cell(cell) || !web_learner(learner))
        return refuse("a signal, cell or learner is not in its list", "one of those listed");
    if (units < 1 || units > WEB_MOST_UNITS) return refuse("units is out of range", "1 to 32");
    if (ahead < 1 || ahead > WEB_MOST_AHEAD) return refuse("ahead is out of range", "1 to 20");
    chosen.signal = signal;
    chosen.cell = cell;
    chosen.learner = learner;
    chosen.units = units;
    chosen.ahead = ahead;
    chosen.rate = rate;
    chosen.seed = seed;
    reset_world(seed);
    memset(heard, 0, sizeof heard);
    memset(said, 0, sizeof said);
    memset(errors, 0, sizeof errors);
    last = (web_row){0, 0, 0, 0};
    hash = 2166136261u;
    learns = true;
    return place();
}

int WEB_EXPORT(web_rate)(double rate) {
    if (!model) return refuse("there is no network", "begun first");
    const size_t bytes = hth_model_save_bytes(model);
    const double before = chosen.rate;
    if (hth_model_save(model, saved.bytes, sizeof saved.bytes, &error)) return 1;
    chosen.rate = rate;
    /* A rate without meaning: the network goes on with the one before. */
    int failed = place();
    if (failed) {
        const hth_error why = error;
        chosen.rate = before;
        place();
        error = why;
    }
    return hth_model_load(model, saved.bytes, bytes, failed ? NULL : &error) || failed;
}

void WEB_EXPORT(web_learns)(int on) {
    learns = on != 0;
}

/* A new value goes in front. */
static void shift(hth_real *values, hth_real value) {
    memmove(values + 1, values, WEB_MOST_AHEAD * sizeof *values);
    values[0] = value;
}

int WEB_EXPORT(web_step)(void) {
    if (!model) return refuse("there is no network", "begun first");
    const bool recalls = signals[chosen.signal].recalls;
    const size_t late = lateness();
    hth_real prediction;

    /* Hear, then predict. */
    shift(heard, (hth_real)signals[chosen.signal].next());
    if (hth_model_predict(model, heard, NULL, &prediction, &error)) return 1;
    shift(said, prediction);
    hash = hashed(hash, &prediction, sizeof prediction);
    world.steps++;

    /* A truth has come, of this step or of a step `late` before: judge that prediction, and learn. */
    const hth_real truth = heard[recalls ? LAG : 0];
    last = (web_row){(float)heard[0], (float)truth, (float)said[late],
                     (float)heard[recalls ? LAG + 1 : late]};
    const double wrong[2] = {(double)last.prediction - (double)truth,
                             (double)last.persistence - (double)truth};
    const double share = world.steps < 200 ? 1.0 / world.steps : 1.0 / 200;
    for (int i = 0; i < 2; i++) errors[i] += share * (wrong[i] * wrong[i] - errors[i]);
    if (!learns || world.steps <= late) return 0;
    const hth_answer answer = {.targets = &truth, .late = late};
    return hth_model_learn(model, &answer, NULL, &error) != HTH_OK;
}

/* ---- What one sees ---- */

const web_row *WEB_EXPORT(web_last)(void) {
    return &last;
}

double WEB_EXPORT(web_error)(void) {
    return errors[0];
}

double WEB_EXPORT(web_persistence)(void) {
    return errors[1];
}

uint32_t WEB_EXPORT(web_digest)(void) {
    if (!model) return hash;
    hth_network *network = hth_model_parts_of(model)->network;
    return hashed(hash, hth_network_parameters(network),
                  hth_network_parameter_count(network) * sizeof(hth_real));
}

unsigned WEB_EXPORT(web_bytes)(void) {
    return model ? (unsigned)hth_model_sizes_of(model)->total : 0;
}

const char *WEB_EXPORT(web_message)(void) {
    return error.message;
}
