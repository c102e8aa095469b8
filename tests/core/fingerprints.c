/*
 * One seed, one result: fingerprints of all parameters and of everything that is carried on, after 50 updates, for
 * every learner, every cell and tapes of 1 and 5 steps; and of a few learners with a store over rate units, in the
 * place of the cell: how it writes when it is full.
 *
 *     fingerprints [THREADS]          prints them, a line each: learner, cell, steps, fingerprint
 *     fingerprints THREADS FILE [LEARNER]
 *                                     compares them, or those of one learner, with FILE; exit code 1 if one differs
 *                                     or is missing
 *
 * The files beside this one hold what every processor with fused multiply-add must find, at every level (HTH_LEVEL),
 * whatever the compiler and the number of threads. Exit code 77: this processor cannot run that level.
 */
#include "credit/catalogues.h"
#include "kernels/internal.h"
#include "network/catalogues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUTS = 5, OUTPUTS = 3, UPDATES = 50, MOST_STEPS = 5, MOST_BATCH = 2, LINES = 1000 };
enum { FIELDS = 64, WIDTH = 100, CANNOT_RUN = 77 };

static const char *const rate_settings[] = {"cell.alpha=0.5"};
static const char *const spiking_settings[] = {"cell.v_th=0.6", "init.w_in_scale=2",
                                               "readout.kappa=0.9", "cell.refractory=0"};

/* A store that is full after 6 rows, one at the end of each tape. */
static const char *const stores[] = {"ring", "least-used"};
static const char *const store_learners[] = {"bptt", "rtrl", "rflo", "uoro"};
static const char *const store_settings[] = {"network.units=19,4", "network.layers=units,store",
                                             "store.rows=6", "store.scale=2", "store.heads=2"};

/* What a run is made of. */
typedef struct run {
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    size_t steps, batch;
    double spikes;
} run;

/* ---- Fingerprints: FNV-1a of the bytes ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *byte = data;
    while (bytes--) hash = (hash ^ *byte++) * UINT64_C(1099511628211);
    return hash;
}

/* What a refusal hangs on, and no number does. */
static bool is_mark(const hth_field *field) {
    static const char *const marks[] = {"tape.ended", "tape.lengths", "open", "window.waits"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strcmp(field->name, marks[i]) == 0) return true;
    return false;
}

static uint64_t mix_fields(uint64_t hash, const hth_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!is_mark(&fields[i])) hash = mix(hash, fields[i].data, hth_field_bytes(&fields[i]));
    return hash;
}

static uint64_t fingerprint(run *r) {
    hth_field fields[FIELDS];
    uint64_t hash = UINT64_C(14695981039346656037);
    hash = mix(hash, hth_network_parameters(r->network),
               hth_network_parameter_count(r->network) * sizeof(hth_real));
    hash = mix_fields(hash, fields, hth_tape_state(r->tape, fields, FIELDS));
    hash = mix_fields(hash, fields, hth_learner_state(r->learner, fields, FIELDS));
    return mix_fields(hash, fields, hth_optimiser_state(r->optimiser, fields, FIELDS));
}

/* ---- Data: Numerical Recipes' quick generator ---- */

static uint32_t random_state;

static hth_real draw(void) {
    random_state = 1664525u * random_state + 1013904223u;
    return (hth_real)((int32_t)(random_state >> 8) - (1 << 23)) / (1 << 23);
}

/* ---- A run ---- */

static bool is_store(const char *cell) {
    return strcmp(cell, stores[0]) == 0 || strcmp(cell, stores[1]) == 0;
}

static bool is_spiking(const char *cell) {
    return strstr(cell, "lif") != NULL;
}

/* "key=value" as a setting; the text is cut in two. */
static hth_setting setting_of(char *text) {
    char *value = strchr(text, '=');
    *value = 0;
    return (hth_setting){text, value + 1, NULL};
}

static size_t settings_of(const char *learner, const char *cell, size_t steps, char texts[][WIDTH],
                          hth_setting *items) {
    const bool spikes = is_spiking(cell), store = is_store(cell);
    const char *const *more = spikes ? spiking_settings : rate_settings;
    const bool rate = store || strncmp(cell, "rate", 4) == 0;
    size_t more_count = spikes ? HTH_COUNT(spiking_settings) : rate, n = 0;
    snprintf(texts[n++], WIDTH, "learner.name=%s", learner);
    snprintf(texts[n++], WIDTH, "cell.name=%s", store ? "rate" : cell);
    snprintf(texts[n++], WIDTH, "learner.steps=%zu", steps);
    if (!store) snprintf(texts[n++], WIDTH, "network.units=19");
    snprintf(texts[n++], WIDTH, "loss.name=mse");
    snprintf(texts[n++], WIDTH, "optimiser.name=%s", steps == 1 ? "sgd" : "adam");
    snprintf(texts[n++], WIDTH, "optimiser.lr=0.002");
    for (size_t i = 0; i < more_count; i++) snprintf(texts[n++], WIDTH, "%s", more[i]);
    for (size_t i = 0; store && i < HTH_COUNT(store_settings); i++)
        snprintf(texts[n++], WIDTH, "%s", store_settings[i]);
    if (store) snprintf(texts[n++], WIDTH, "store.every=%zu", steps);
    if (store) snprintf(texts[n++], WIDTH, "store.write=%s", cell);
    for (size_t i = 0; i < n; i++) items[i] = setting_of(texts[i]);
    return n;
}

static void destroy(run *r) {
    hth_optimiser_destroy(r->optimiser);
    hth_gradient_destroy(r->gradient);
    hth_learner_destroy(r->learner);
    hth_tape_destroy(r->tape);
    hth_network_destroy(r->network);
}

/* HTH_INVALID where the combination has no meaning. */
static hth_status create(run *r, const hth_settings *settings, hth_compute *compute,
                         hth_error *error) {
    const hth_shape shape = {.inputs = INPUTS, .outputs = OUTPUTS};
    HTH_TRY(hth_network_create(settings, &shape, 1, NULL, &r->network, error));
    HTH_TRY(hth_learner_create(settings, r->network, r->steps, r->batch, 1, compute, NULL,
                               &r->learner, error));
    HTH_TRY(hth_learner_tape(r->learner, compute, NULL, &r->tape, error));
    HTH_TRY(hth_gradient_create(r->network, NULL, &r->gradient, error));
    return hth_optimiser_create(settings, r->network, compute, NULL, &r->optimiser, error);
}

static hth_status update(run *r, hth_error *error) {
    hth_real x[MOST_STEPS * MOST_BATCH * INPUTS], y[MOST_STEPS * MOST_BATCH * OUTPUTS];
    hth_report report = {0};
    for (size_t i = 0; i < HTH_COUNT(x); i++) x[i] = draw();
    for (size_t i = 0; i < HTH_COUNT(y); i++) y[i] = draw();
    const hth_chunk chunk = {.steps = r->steps, .batch = r->batch, .x = x, .targets = y};
    HTH_TRY(hth_forward(r->tape, &chunk, &report, error));
    r->spikes += report.spikes;
    return hth_learn_and_step(r->learner, r->tape, r->gradient, r->optimiser, r->network, 1, error);
}

/* The line of a run; empty where the combination has no meaning. */
static void write_line(const char *learner, const char *cell, size_t steps, hth_compute *compute,
                       char *line) {
    char texts[16][WIDTH];
    hth_setting items[16];
    hth_error error;
    run r = {.steps = steps, .batch = steps == 1 ? 1 : MOST_BATCH};
    const hth_settings settings = {items, settings_of(learner, cell, steps, texts, items)};
    hth_status status = create(&r, &settings, compute, &error);
    *line = 0;
    random_state = 12345;
    for (size_t i = 0; i < UPDATES && !status; i++) status = update(&r, &error);
    if (status && r.optimiser)
        snprintf(line, WIDTH, "%s %s %zu stopped: %.40s", learner, cell, steps, error.message);
    else if (!status && is_spiking(cell) && r.spikes == 0)
        snprintf(line, WIDTH, "%s %s %zu no unit has fired", learner, cell, steps);
    else if (!status)
        snprintf(line, WIDTH, "%s %s %zu %016llx", learner, cell, steps,
                 (unsigned long long)fingerprint(&r));
    destroy(&r);
}

static bool is_wanted(const char *line, const char *learner) {
    const size_t length = learner ? strlen(learner) : 0;
    return !learner || (strncmp(line, learner, length) == 0 && line[length] == ' ');
}

static size_t write_all(hth_compute *compute, const char *only, char lines[][WIDTH]) {
    static const size_t steps[] = {1, MOST_STEPS};
    size_t count = 0;
    for (size_t l = 0; l < hth_learners.count; l++)
        for (size_t c = 0; c < hth_cells.count; c++)
            for (size_t k = 0; k < HTH_COUNT(steps) && count < LINES; k++) {
                if (only && strcmp(only, hth_learners.at(l)->name) != 0) continue;
                write_line(hth_learners.at(l)->name, hth_cells.at(c)->name, steps[k], compute,
                           lines[count]);
                count += *lines[count] != 0;
            }
    for (size_t l = 0; l < HTH_COUNT(store_learners); l++)
        for (size_t s = 0; s < HTH_COUNT(stores); s++)
            for (size_t k = 0; k < HTH_COUNT(steps) && count < LINES; k++) {
                if (only && strcmp(only, store_learners[l]) != 0) continue;
                write_line(store_learners[l], stores[s], steps[k], compute, lines[count]);
                count += *lines[count] != 0;
            }
    return count;
}

/* ---- Against a file ---- */

/* Lines that are not the same on both sides, with what each has. */
static size_t compare(const char *path, const char *only, char lines[][WIDTH], size_t count) {
    FILE *file = fopen(path, "r");
    char line[2 * WIDTH];
    size_t at = 0, differing = 0;
    if (!file) {
        fprintf(stderr, "%s cannot be read\n", path);
        return 1;
    }
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (*line == '#' || !is_wanted(line, only)) continue;
        const char *found = at < count ? lines[at] : "nothing";
        if (strcmp(line, found) != 0 && ++differing)
            printf("expected %s\nfound    %s\n", line, found);
        at++;
    }
    fclose(file);
    if (at != count) printf("%s has %zu fingerprints, found %zu\n", path, at, count);
    return differing + (at != count);
}

int main(int argc, char **argv) {
    static char lines[LINES][WIDTH];
    hth_compute *compute;
    hth_error error;
    const char *only = argc > 3 ? argv[3] : NULL;
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    if (hth_compute_create(threads, NULL, &compute, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return strstr(error.message, "cannot run") ? CANNOT_RUN : 1;
    }
    compute->always = true; /* small loops too are spread over the threads */
    const size_t count = write_all(compute, only, lines);
    size_t differing = 0;
    hth_compute_destroy(compute);
    if (argc > 2)
        differing = compare(argv[2], only, lines, count);
    else
        for (size_t i = 0; i < count; i++) puts(lines[i]);
    if (argc > 2)
        printf("%zu fingerprints at level %s, %d threads: %zu differ\n", count, hth_level_name(),
               threads, differing);
    return differing != 0;
}
