/*
 * Learning on a chip: networks of eight units learn online to say what they heard one or two steps ago, each in the
 * same static block of memory. Says the bytes of each model, its loss at the beginning and at the end, a fingerprint of
 * what it has become, and its settings. Exit code 1 if one has not learned, if its bits are not those that every
 * processor with fused multiply-add finds, or if malloc was called (the linker leads it here: --wrap=malloc).
 *
 * With HTH_ONLY_RFLO it makes one network, for a chip with 16 KB.
 */
#include "replay.h"

#include <hitherto.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW = 50, MOST = 10, LONGEST = 2 };

typedef struct network {
    const char *name;
    int steps, lag;
    double most; /* of the loss at the beginning is left at the end */
    uint32_t bits;
    hth_setting settings[MOST];
} network;

#define RATE                                                                                       \
    {"cell.name", "rate", NULL}, {"network.units", "8", NULL}, {"optimiser.name", "sgd", NULL}, {  \
        "optimiser.lr", "0.02", NULL                                                               \
    }

static const network networks[] = {
    {"rate, RFLO", 2000, 2, 0.5, 0x932e7c01, {RATE, {"learner.name", "rflo", NULL}}},
#ifndef HTH_ONLY_RFLO
    {"rate, RTRL", 1000, 2, 0.1, 0xa695c454, {RATE, {"learner.name", "rtrl", NULL}}},
    {"rate, UORO", 2000, 2, 0.8, 0xc5870abb, {RATE, {"learner.name", "uoro", NULL}}},
    {"rate, RFLO, kept",
     2000,
     2,
     0.5,
     0xb18ef4fc,
     {RATE,
      {"learner.name", "rflo", NULL},
      {"keep.name", "si", NULL},
      {"keep.every", "500", NULL},
      {"keep.strength", "0.1", NULL}}},
    {"rate, RFLO, ewc",
     2000,
     2,
     0.5,
     0x559763dc,
     {RATE,
      {"learner.name", "rflo", NULL},
      {"keep.name", "ewc", NULL},
      {"keep.importance", "updates", NULL},
      {"keep.every", "500", NULL},
      {"keep.strength", "0.1", NULL}}},
    {"LIF, e-prop 1",
     1500,
     1,
     0.5,
     0x2b250ef3,
     {{"cell.name", "lif", NULL},
      {"network.units", "8", NULL},
      {"cell.v_th", "0.6", NULL},
      {"cell.tau_m", "3", NULL},
      {"cell.refractory", "0", NULL},
      {"readout.kappa", "0", NULL},
      {"init.w_in_scale", "2", NULL},
      {"optimiser.lr", "0.01", NULL},
      {"learner.steps", "1", NULL},
      {"learner.name", "eprop1", NULL}}},
    {"LSTM, tBPTT",
     2000,
     2,
     0.5,
     0x19d916c0,
     {{"cell.name", "lstm", NULL},
      {"network.units", "8", NULL},
      {"optimiser.name", "adam", NULL},
      {"optimiser.lr", "0.01", NULL},
      {"learner.steps", "4", NULL},
      {"learner.name", "tbptt", NULL}}},
#endif
};

#ifndef HTH_ONLY_RFLO
/* What each way of keeping earlier tasks takes. */
static const char *const keeps[] = {"none",        "anchor", "ewc", "si",     "moments",
                                    "metaplastic", "chain",  "mas", "project"};
#endif

/* Without floating point in hardware, picolibc's fmaf() rounds twice. */
#if defined(__ARM_ARCH) && !defined(__ARM_FP)
enum { FUSES = 0 };
#else
enum { FUSES = 1 };
#endif

#ifdef HTH_ONLY_RFLO
static union {
    double aligned;
    unsigned char bytes[9 * 1024];
} memory;
#else
static union {
    double aligned;
    unsigned char bytes[64 * 1024];
} memory;
#endif

/* ---- Nothing is taken from the heap ---- */

static int calls;
void *__wrap_malloc(size_t bytes);

void *__wrap_malloc(size_t bytes) {
    (void)bytes;
    calls++;
    return NULL;
}

/* ---- A run ---- */

/* 1 or -1 (xorshift: Marsaglia 2003). */
static hth_real coin(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state & 1 ? 1 : -1;
}

/* FNV-1a of the parameters. */
static uint32_t fingerprint(hth_model *model) {
    const hth_network *n = hth_model_parts_of(model)->network;
    const unsigned char *byte =
        (const void *)hth_network_parameters(hth_model_parts_of(model)->network);
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < hth_network_parameter_count(n) * sizeof(hth_real); i++)
        hash = (hash ^ byte[i]) * 16777619u;
    return hash;
}

/* Mean losses of the first and the last WINDOW steps. */
static hth_status learn(hth_model *model, int steps, int lag, double loss[2], hth_error *error) {
    hth_real heard[LONGEST + 1] = {0};
    hth_report report = {0};
    uint32_t random = 2463534242u;
    hth_status status = HTH_OK;
    for (int t = 1; t <= steps && !status; t++) {
        for (int i = lag; i > 0; i--) heard[i] = heard[i - 1];
        heard[0] = coin(&random);
        const hth_answer answer = {.targets = &heard[lag]};
        status = hth_model_predict(model, heard, NULL, NULL, error);
        if (!status) status = hth_model_learn(model, &answer, &report, error);
        if (t == WINDOW || t == steps) loss[t == steps] = report.loss / report.weight;
        if (t == WINDOW || t == steps - WINDOW) report = (hth_report){0};
    }
    return status;
}

/* As `hitherto list --cost --embedded` takes them. */
static void print_settings(const hth_settings *settings) {
    printf("settings:");
    for (size_t i = 0; i < settings->count; i++)
        printf(" %s=%s", settings->items[i].key, settings->items[i].value);
    printf("\n");
}

/* Whether one network learns as it must. */
static int run(const network *n) {
    hth_model_plan plan = {
        .abi = HTH_ABI, .shape = {.inputs = 1, .outputs = 1}, .seed = 1, .threads = 1};
    hth_model *model;
    hth_error error;
    double loss[2] = {0, 0};
    plan.settings.items = n->settings;
    while (plan.settings.count < MOST && n->settings[plan.settings.count].key)
        plan.settings.count++;
    hth_status status = hth_model_place(&plan, memory.bytes, sizeof memory.bytes, &model, &error);
    if (!status) status = learn(model, n->steps, n->lag, loss, &error);
    if (status) return printf("%s: %s\n", n->name, error.message), 0;
    const uint32_t bits = fingerprint(model);
    printf("%-16s %6lu bytes, loss %.4f -> %.4f, bits %08lx\n", n->name,
           (unsigned long)hth_model_sizes_of(model)->total, loss[0], loss[1], (unsigned long)bits);
    print_settings(&plan.settings);
    hth_model_destroy(model);
    if (loss[1] > n->most * loss[0]) return printf("it has not learned\n"), 0;
    if (FUSES && bits != n->bits)
        return printf("elsewhere it finds %08lx\n", (unsigned long)n->bits), 0;
    return 1;
}

#ifndef HTH_ONLY_RFLO
/* Whether the first network can be made with this way of keeping. The mean squared gradient is Adam's. */
static int keep(const char *name) {
    const char *const method = strcmp(name, "moments") == 0 ? "adam" : "sgd";
    const hth_setting settings[] = {{"cell.name", "rate", NULL},
                                    {"network.units", "8", NULL},
                                    {"learner.name", "rflo", NULL},
                                    {"optimiser.name", method, NULL},
                                    {"keep.name", name, NULL}};
    const hth_model_plan plan = {.abi = HTH_ABI,
                                 .settings = {settings, sizeof settings / sizeof settings[0]},
                                 .shape = {.inputs = 1, .outputs = 1},
                                 .threads = 1};
    hth_model *model;
    hth_error error;
    const hth_status status =
        hth_model_place(&plan, memory.bytes, sizeof memory.bytes, &model, &error);
    if (status) return printf("%s: %s\n", name, error.message), 0;
    printf("%-16s %6lu bytes\n", name, (unsigned long)hth_model_sizes_of(model)->total);
    print_settings(&plan.settings);
    hth_model_destroy(model);
    return 1;
}
#endif

int main(void) {
    int good = 1;
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) good &= run(&networks[i]);
#ifndef HTH_ONLY_RFLO
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++) good &= keep(keeps[i]);
    good &= replay_learns(memory.bytes, sizeof memory.bytes, FUSES);
#endif
    printf("malloc was called %d times\n", calls);
    if (good && calls == 0) printf("all have learned\n");
    return !(good && calls == 0);
}
