/*
 * What keeping and replaying cost an update: bench_updates SAMPLES [KEY=VALUE]... times the updates of a run, plain,
 * with each part of `keep` once a task has ended, and with replay, each as the settings have it otherwise, and prints a
 * line of JSON for each: {"what", "optimiser", "us", "least_us", "bytes"}: the median and the least of SAMPLES means
 * over UPDATES updates, in time of the processor, and what is kept beside the plain run. By default an LSTM of 64
 * learns copy-memory, sequences of 28 steps in batches of 32.
 */
#include "optim/catalogues.h"
#include "session/importance.h"
#include "session/replay.h"
#include "settings/phases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UPDATES = 20, WARM_UP = 5, MOST_SAMPLES = 1000, MOST_WORDS = 64 };

static const char *const base[] = {"task=copy-memory",
                                   "task.delay=8",
                                   "network.units=64",
                                   "cell=lstm",
                                   "learner=bptt",
                                   "train.batch=32",
                                   "train.threads=1",
                                   "train.validate_every=-1",
                                   "phases.a.train.steps=1000000000"};

static void stop(const char *sentence) {
    fprintf(stderr, "bench_updates: %s\n", sentence);
    exit(1);
}

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) stop(error->message);
}

/* The time that the processor has spent on this program, all threads together. */
static double spent(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Bytes that the optimiser keeps of earlier tasks. */
static size_t kept_bytes(hth_optimiser *optimiser) {
    hth_field fields[256];
    const size_t count = hth_optimiser_state(optimiser, fields, 256);
    size_t bytes = 0;
    for (size_t i = 0; i < count && i < 256; i++)
        if (strncmp(fields[i].name, "keep.", 5) == 0) bytes += hth_field_bytes(&fields[i]);
    return bytes;
}

static void update(hth_walk *walk) {
    hth_error error;
    const uint64_t updates = walk->tally->updates;
    while (walk->tally->updates == updates) must(hth_walk_tape(walk, &error), &error);
}

/* The settings of `base`, then the user's, then those of one way. */
static hth_config *configure(int count, char **words, const char *way) {
    char text[200], *rest = text;
    hth_config *config;
    hth_error error;
    must(hth_config_create(&config, &error), &error);
    for (size_t i = 0; i < sizeof base / sizeof *base; i++)
        must(hth_config_override(config, base[i], &error), &error);
    for (int i = 0; i < count; i++) must(hth_config_override(config, words[i], &error), &error);
    snprintf(text, sizeof text, "%s", way);
    for (char *word; (word = strtok_r(rest, " ", &rest));)
        must(hth_config_override(config, word, &error), &error);
    must(hth_config_validate(config, &error), &error);
    must(hth_config_enter_phase(config, &error), &error);
    return config;
}

static void measure(int count, char **words, const char *way, size_t samples) {
    static double us[MOST_SAMPLES];
    hth_config *config = configure(count, words, way);
    const hth_settings settings = hth_config_settings(config);
    hth_session s;
    hth_tally tally = {0};
    hth_error error;
    must(hth_session_open(&settings, NULL, &s, &error), &error);
    hth_walk walk = hth_session_walk(&s, &tally);
    for (int i = 0; i < WARM_UP; i++) update(&walk);
    must(hth_session_consolidate(&settings, &s, &error), &error);
    for (size_t i = 0; i < samples; i++) {
        const double start = spent();
        for (int k = 0; k < UPDATES; k++) update(&walk);
        us[i] = 1e6 * (spent() - start) / UPDATES;
    }
    qsort(us, samples, sizeof *us, by_size);
    size_t bytes = kept_bytes(s.parts.optimiser);
    if (s.replayer) {
        const hth_replay_sizes sizes = hth_replayer_sizes(s.replayer);
        bytes += sizes.memory + sizes.second;
    }
    const hth_setting *optimiser = hth_settings_find(&settings, "optimiser.name");
    printf("{\"what\": \"%s\", \"optimiser\": \"%s\", \"us\": %.1f, \"least_us\": %.1f, "
           "\"bytes\": %zu}\n",
           *way ? way : "plain", optimiser ? optimiser->value : "adam", us[samples / 2], us[0],
           bytes);
    fflush(stdout);
    hth_session_close(&s);
    hth_config_destroy(config);
}

int main(int argc, char **argv) {
    static const char *const replays[] = {"replay=reservoir", "replay=class", "replay=prioritised",
                                          "replay=reservoir replay.project=true",
                                          "replay=reservoir replay.learner=rflo"};
    size_t samples = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    if (samples == 0 || argc > MOST_WORDS) stop("usage: bench_updates SAMPLES [KEY=VALUE]...");
    if (samples > MOST_SAMPLES) samples = MOST_SAMPLES;
    measure(argc - 2, argv + 2, "", samples);
    measure(argc - 2, argv + 2, "optimiser=sgd", samples);
    for (size_t i = 0; i < hth_keeps.count; i++) {
        const char *name = hth_keeps.at(i)->name;
        char way[100];
        if (strcmp(name, hth_keeps.fallback) == 0) continue;
        snprintf(way, sizeof way, "keep=%s%s", name,
                 strcmp(name, "project") == 0 ? " optimiser=sgd" : "");
        measure(argc - 2, argv + 2, way, samples);
    }
    for (size_t i = 0; i < sizeof replays / sizeof *replays; i++)
        measure(argc - 2, argv + 2, replays[i], samples);
    return 0;
}
