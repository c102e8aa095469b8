/*
 * A step of the outer loop of e-prop 2, as a run takes it: bench_episodes THREADS SAMPLES FILE [KEY=VALUE]... times one
 * step a sample (tasks drawn, episodes forward and backward, both networks changed by Adam) of the experiment in FILE
 * and prints a line of JSON, {"threads", "seconds": [...], "processor": [...], ...}.
 * `bench_episodes export FOLDER FILE [KEY=VALUE]...` writes what a peer needs to do the same, and our outer gradient of
 * the first batch to hold the peer's against; numbers have the size that "bytes" says.
 */
#include "kernels/compute.h"
#include "network/network.h"
#include "session/outer.h"
#include "settings/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 2, MOST_SAMPLES = 1000 };

static void stop(const char *sentence) {
    fprintf(stderr, "bench_episodes: %s\n", sentence);
    exit(1);
}

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) stop(error->message);
}

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The time that the processor has spent on this program, all threads together. */
static double spent(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The peak of the resident set; -1 where the system does not say. */
static long peak_kib(void) {
    char line[128];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && kib < 0 && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %ld", &kib);
    if (status) fclose(status);
    return kib;
}

/* The experiment of a file, changed by the words after it. */
static hth_config *read(int count, char **words) {
    hth_config *config;
    hth_error error;
    must(hth_config_create(&config, &error), &error);
    must(hth_config_load(config, words[0], &error), &error);
    must(hth_config_override(
             config, sizeof(hth_real) == 8 ? "train.precision=double" : "train.precision=single",
             &error),
         &error);
    for (int i = 1; i < count; i++) must(hth_config_override(config, words[i], &error), &error);
    must(hth_config_validate(config, &error), &error);
    return config;
}

/* What both commands print of the work. */
static void tell(const hth_session *s) {
    const hth_outer *o = s->outer;
    const hth_episode_options *p = &o->options;
    const size_t units = o->module->layers[0].n;
    printf("\"n\": %zu, \"units\": %zu, \"inputs\": %zu, \"steps\": %zu, \"tasks\": %zu, "
           "\"inner_lr\": %.17g, \"outputs_weight\": %.17g, \"place_weight\": %.17g, "
           "\"rate\": %.17g, \"rate_target\": %.17g, \"module_rate\": %.17g, "
           "\"module_rate_target\": %.17g}\n",
           s->parts.network->layers[0].n, units, o->inputs, o->steps, o->tasks, p->inner_lr,
           p->outputs_weight, p->place_weight, p->rate, p->rate_target, p->module_rate,
           p->module_rate_target);
}

static void put_numbers(const char *name, const double *values, size_t count) {
    printf("\"%s\": [", name);
    for (size_t i = 0; i < count; i++) printf("%s%.6g", i ? ", " : "", values[i]);
    printf("], ");
}

/* GFLOP/s of the product that the gradient of one task is: of one thread by the processor's time, the best of some. */
static double product_rate(const hth_session *s) {
    enum { TRIES = 40 };
    const hth_layer *layer = &s->parts.network->layers[0];
    const size_t M = layer->n, N = layer->m, K = s->outer->steps;
    const bool alone = hth_compute_threads(s->parts.compute) == 1;
    hth_real *A = calloc(K * M + K * N + M * N, sizeof *A), *B = A + K * M, *C = B + K * N;
    double least = INFINITY;
    if (!A) stop("not enough memory");
    for (size_t i = 0; i < K * (M + N); i++) A[i] = (hth_real)(i % 7) - 3;
    for (int i = 0; i < TRIES; i++) {
        const double start = alone ? spent() : now();
        hth_product(s->parts.compute, M, N, K, hth_transposed(A, M), hth_rows(B, N), false, C, N);
        least = fmin(least, (alone ? spent() : now()) - start);
    }
    free(A);
    return 2e-9 * (double)(M * N * K) / least;
}

static void measure(hth_session *s, const char *threads, size_t samples) {
    static double seconds[MOST_SAMPLES], processor[MOST_SAMPLES];
    hth_tally tally = {0};
    hth_error error;
    double places = 0;
    for (int i = 0; i < WARM_UP; i++) must(hth_outer_step(s, &tally, &places, &error), &error);
    for (size_t i = 0; i < samples; i++) {
        const double start = now(), before = spent();
        must(hth_outer_step(s, &tally, &places, &error), &error);
        seconds[i] = now() - start;
        processor[i] = spent() - before;
    }
    printf("{\"threads\": %s, ", threads);
    put_numbers("seconds", seconds, samples);
    put_numbers("processor", processor, samples);
    printf("\"product_gflops\": %.4g, \"peak_kib\": %ld, ", product_rate(s), peak_kib());
    tell(s);
}

static void write_array(const char *folder, const char *name, const hth_real *data, size_t count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, sizeof *data, count, file) != count || fclose(file))
        stop("a file of the export cannot be written");
}

/* The first batch of tasks, the parameters of both networks and their gradients. */
static void export_batch(hth_session *s, const char *folder) {
    hth_outer *o = s->outer;
    hth_position_flags flags;
    hth_outer_result result;
    hth_error error;
    const size_t rows = o->steps * o->tasks;
    const size_t main = hth_network_parameter_count(s->parts.network);
    const size_t module = hth_network_parameter_count(o->module);
    must(hth_outer_run(s, &s->train, 0, 0, &flags, &result, &error), &error);
    must(hth_episodes_learn(o->episodes, o->errors, s->parts.gradient, o->gradient, &error),
         &error);
    write_array(folder, "x", o->x, rows * o->inputs);
    write_array(folder, "target", o->target, rows * o->told);
    write_array(folder, "wanted", o->wanted, rows * o->outputs);
    write_array(folder, "wanted_place", o->wanted_place, rows * o->told);
    write_array(folder, "main", hth_network_parameters(s->parts.network), main);
    write_array(folder, "module", hth_network_parameters(o->module), module);
    write_array(folder, "main_gradient", hth_gradient_values(s->parts.gradient), main);
    write_array(folder, "module_gradient", hth_gradient_values(o->gradient), module);
    printf("{\"bytes\": %zu, \"loss\": %.17g, \"spikes\": %.0f, \"module_spikes\": %.0f, ",
           sizeof(hth_real), result.loss + result.report.regulariser, result.report.spikes,
           result.report.module_spikes);
    tell(s);
}

int main(int argc, char **argv) {
    const bool exports = argc > 1 && !strcmp(argv[1], "export");
    if (argc < 4)
        stop("usage: bench_episodes THREADS SAMPLES FILE [KEY=VALUE]... | bench_episodes export "
             "FOLDER FILE [KEY=VALUE]...");
    const size_t samples = strtoul(argv[2], NULL, 10);
    hth_config *config = read(argc - 3, argv + 3);
    hth_session session;
    hth_error error;
    char threads[64];
    snprintf(threads, sizeof threads, "train.threads=%s", exports ? "1" : argv[1]);
    must(hth_config_override(config, threads, &error), &error);
    const hth_settings settings = hth_config_settings(config);
    must(hth_outer_open(&settings, HTH_TRAIN, &session, &error), &error);
    if (exports)
        export_batch(&session, argv[2]);
    else
        measure(&session, argv[1], samples < MOST_SAMPLES ? samples : MOST_SAMPLES);
    hth_session_close(&session);
    hth_config_destroy(config);
    return 0;
}
