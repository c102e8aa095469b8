/*
 * Decodes classes: see probe.h. For every trial and window, the mean of each number is kept. Then, window by
 * window, the numbers are brought to mean 0 and deviation 1 over the training trials, and a logistic regression
 * with an L2 penalty learns the class. With more than two classes there is one regression for each class against
 * the rest, and the class with the largest f wins.
 *
 * Memory: trials x windows x numbers floats. Time: that of the trials, then for each window trials^2 x numbers / 2
 * operations and a few trials^3 / 6.
 */
#include "watch/probe.h"
#include "base/random.h"
#include "watch/logistic.h"
#include "watch/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CLASSES = 64, ITERATIONS = 100 };
static const double most_bytes = 8e9;

typedef struct probe {
    const hth_probe_plan *plan;
    hth_recorder *recorder;
    hth_record_shape shape;
    hth_record_layer of;
    size_t layer, steps, windows, trials, classes;
    size_t numbers, all, *chosen; /* [numbers]: indices into all numbers */
    hth_real *now;                /* [all]: the numbers of the current step */
    float *means;                 /* [trials][windows][numbers] */
    int *labels;                  /* [trials] */
    bool over;                    /* the split has been read once; the data begin again */
    double *floors; /* [numbers]: a number with a smaller deviation than this is ignored */
    /* Of the current window: */
    double *x;           /* [numbers][trials], standardised */
    double *gram;        /* [training][training] */
    double *alpha, *w;   /* [training], [numbers] */
    double *score;       /* [trials]: f of the class that is best so far */
    int *said;           /* [trials]: the class decoded so far; -1: none */
    unsigned char *is_k; /* [training]: the trial has the class that is learned now */
} probe;

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory to decode");
}

/* ---- Choosing the numbers ----------------------------------------------------------------------- */

/* Whether the numbers belong to synapses, not to units. */
static bool is_of_synapses(const hth_probe_plan *plan) {
    return plan->of == HTH_PROBE_TRACES || plan->of == HTH_PROBE_VECTORS;
}

static size_t count_all(const probe *p) {
    const size_t synapses = p->of.rows * p->of.columns;
    if (p->plan->of == HTH_PROBE_TRACES) return synapses;
    if (p->plan->of == HTH_PROBE_VECTORS) return p->of.states * synapses;
    return p->plan->of == HTH_PROBE_STATES ? p->of.states * p->of.units : p->of.units;
}

/* Chooses all numbers that exist, or `most` of them, drawn without replacement. */
static hth_status choose_numbers(probe *p, hth_error *error) {
    const hth_random random = {hth_recorder_seed(p->recorder), HTH_RANDOM_CHECK, 1};
    /* List the numbers that exist: for traces and each component of vectors those of existing synapses. */
    p->all = count_all(p);
    p->now = calloc(p->all, sizeof *p->now);
    p->chosen = calloc(p->all, sizeof *p->chosen);
    if (!p->now || !p->chosen) return no_memory(error);
    const size_t synapses = p->of.rows * p->of.columns;
    const bool sparse = is_of_synapses(p->plan);
    if (sparse) hth_recorder_synapses(p->recorder, p->layer, p->now);
    for (size_t i = 0; i < p->all; i++)
        if (!sparse || p->now[i % synapses] != 0) p->chosen[p->numbers++] = i;
    p->all = p->numbers;
    /* Draw: swap a random one of the rest to each of the first `most` places. */
    if (p->plan->most == 0 || p->plan->most >= p->numbers) return HTH_OK;
    for (size_t i = 0; i < p->plan->most; i++) {
        const size_t k = i + (size_t)hth_random_below(&random, i, p->numbers - i);
        const size_t other = p->chosen[k];
        p->chosen[k] = p->chosen[i];
        p->chosen[i] = other;
    }
    p->numbers = (size_t)p->plan->most;
    return HTH_OK;
}

static void look(probe *p) {
    if (p->plan->of == HTH_PROBE_TRACES) {
        hth_recorder_traces(p->recorder, p->layer, p->now);
        return;
    }
    if (p->plan->of == HTH_PROBE_VECTORS) {
        hth_recorder_vectors(p->recorder, p->layer, p->now);
        return;
    }
    const size_t n = p->of.units;
    if (p->plan->of == HTH_PROBE_SPIKES)
        memcpy(p->now, hth_recorder_z(p->recorder, p->layer), n * sizeof *p->now);
    for (size_t k = 0; p->plan->of == HTH_PROBE_STATES && k < p->of.states; k++)
        memcpy(p->now + k * n, hth_recorder_state(p->recorder, p->layer, k), n * sizeof *p->now);
}

/* ---- Trials ------------------------------------------------------------------------------------- */

/* Adds the step to every window that contains it. */
static void add_step(probe *p, size_t trial, size_t step) {
    /* The first and last window that contain the step. */
    const size_t window = (size_t)p->plan->window, spacing = (size_t)p->plan->spacing;
    const size_t last = step / spacing;
    const size_t first = step < window ? 0 : (step - window) / spacing + 1;
    const float share = 1 / (float)window;
    if (first >= p->windows || first > last) return;
    look(p);
    for (size_t w = first; w <= last && w < p->windows; w++) {
        float *to = p->means + (trial * p->windows + w) * p->numbers;
        for (size_t i = 0; i < p->numbers; i++) to[i] += share * (float)p->now[p->chosen[i]];
    }
}

/* Runs one sequence and keeps its window means and its label. *steps: the length of the sequence. */
static hth_status run_sequence(probe *p, size_t trial, size_t *steps, hth_error *error) {
    /* A trial must not come twice: the split has been read to its end. */
    if (p->over)
        return hth_fail(error, HTH_INVALID,
                        "%zu trials to learn from and %zu to test with are asked for, but the %s "
                        "data have no more than %zu of %zu steps, and none may be both: take fewer "
                        "(--trials, --tests)",
                        (size_t)p->plan->trials, (size_t)p->plan->tests, p->plan->split, trial,
                        p->steps);
    /* Clear the trial's label and means. */
    const size_t at = p->plan->at == HTH_PROBE_LAST ? p->steps - 1 : (size_t)p->plan->at;
    hth_instant now = {0};
    p->labels[trial] = -1;
    memset(p->means + trial * p->windows * p->numbers, 0,
           p->windows * p->numbers * sizeof *p->means);
    /* Run to the end of the sequence. */
    for (*steps = 0; !now.ends; ++*steps) {
        HTH_TRY(hth_recorder_next(p->recorder, &now, error));
        if (*steps < p->steps) add_step(p, trial, *steps);
        if (*steps == at) p->labels[trial] = now.target_class;
    }
    p->over = now.over;
    return HTH_OK;
}

/* Runs sequences until one is long enough. Shorter ones, such as the last piece of a text, are skipped. */
static hth_status run_trial(probe *p, size_t trial, hth_error *error) {
    enum { PATIENCE = 1000 };
    size_t steps = 0;
    for (int i = 0; i < PATIENCE && steps < p->steps; i++)
        HTH_TRY(run_sequence(p, trial, &steps, error));
    if (steps < p->steps)
        return hth_fail(error, HTH_INVALID,
                        "trials of the %s data have %zu steps, but %zu are to be decoded: take "
                        "--steps %zu",
                        p->plan->split, steps, p->steps, steps);
    const int label = p->labels[trial];
    if (label >= 0 && (size_t)label < p->classes) return HTH_OK;
    return hth_fail(error, HTH_INVALID, "trial %zu has no class at the step to be decoded",
                    trial + 1);
}

static hth_status run_trials(probe *p, bool *stopped, hth_error *error) {
    for (size_t i = 0; i < p->trials; i++) {
        HTH_TRY(run_trial(p, i, error));
        hth_tell_tick(p->plan->observer, i + 1, p->trials);
        if ((*stopped = hth_is_interrupted(p->plan->observer))) return HTH_OK;
    }
    return HTH_OK;
}

/* ---- One window --------------------------------------------------------------------------------- */

/* Sets the floors: the smallest deviation that still counts. For a number whose largest magnitude over windows and
 * training trials is M it is 1e-6 M, or 1e-12 times the largest M of all numbers if that is more. What is smaller
 * has decayed, although floating point could still tell trials apart by it. */
static void find_floors(probe *p) {
    double most = 0;
    for (size_t t = 0; t < (size_t)p->plan->trials * p->windows; t++)
        for (size_t i = 0; i < p->numbers; i++) {
            const double x = fabs((double)p->means[t * p->numbers + i]);
            p->floors[i] = fmax(p->floors[i], x);
            most = fmax(most, x);
        }
    for (size_t i = 0; i < p->numbers; i++) p->floors[i] = fmax(1e-6 * p->floors[i], 1e-12 * most);
}

/* Brings each number to mean 0 and deviation 1 over the training trials. A number below its floor becomes 0. */
static void standardise(probe *p, size_t window) {
    const size_t training = (size_t)p->plan->trials;
    for (size_t i = 0; i < p->numbers; i++) {
        double *x = p->x + i * p->trials, sum = 0, squares = 0;
        for (size_t t = 0; t < p->trials; t++)
            x[t] = (double)p->means[(t * p->windows + window) * p->numbers + i];
        for (size_t t = 0; t < training; t++) sum += x[t];
        const double mean = sum / (double)training;
        for (size_t t = 0; t < training; t++) squares += (x[t] - mean) * (x[t] - mean);
        const double deviation = sqrt(squares / (double)training);
        const double scale = deviation > p->floors[i] ? 1 / deviation : 0;
        for (size_t t = 0; t < p->trials; t++) x[t] = (x[t] - mean) * scale;
    }
}

/* The training trials' inner products. The sum over numbers is the outer loop, so that the innermost runs over
 * trials. */
static void fill_gram(probe *p) {
    const size_t n = (size_t)p->plan->trials;
    memset(p->gram, 0, n * n * sizeof *p->gram);
    for (size_t i = 0; i < p->numbers; i++) {
        const double *x = p->x + i * p->trials;
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b <= a; b++) p->gram[a * n + b] += x[a] * x[b];
    }
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < a; b++) p->gram[b * n + a] = p->gram[a * n + b];
}

/* Learns class k against the rest and updates the decoded class of each trial. With two classes, -f is the other
 * class's f. */
static hth_status learn_class(probe *p, int k, hth_error *error) {
    const size_t n = (size_t)p->plan->trials;
    double bias;
    int iterations;
    size_t ones = 0;
    /* Learn from the training trials. */
    for (size_t t = 0; t < n; t++) ones += p->is_k[t] = p->labels[t] == k;
    if (ones == 0) return HTH_OK; /* no training trial has this class, so it is never decoded */
    const hth_logistic problem = {n, p->gram, p->is_k, p->plan->l2, 1e-8 * (double)n, ITERATIONS};
    HTH_TRY(hth_logistic_fit(&problem, p->alpha, &bias, &iterations, error));
    /* w, then f of every trial. */
    for (size_t i = 0; i < p->numbers; i++) {
        p->w[i] = 0;
        for (size_t t = 0; t < n; t++) p->w[i] += p->alpha[t] * p->x[i * p->trials + t];
    }
    double *f = p->alpha; /* [trials]: alpha is no longer needed */
    for (size_t t = 0; t < p->trials; t++) f[t] = bias;
    for (size_t i = 0; i < p->numbers; i++)
        for (size_t t = 0; t < p->trials; t++) f[t] += p->w[i] * p->x[i * p->trials + t];
    /* Keep the class with the largest f. */
    for (size_t t = 0; t < p->trials; t++) {
        const double sure = p->classes == 2 ? fabs(f[t]) : f[t];
        if (p->said[t] >= 0 && sure <= p->score[t]) continue;
        p->said[t] = p->classes == 2 && f[t] < 0 ? 1 - k : k;
        p->score[t] = sure;
    }
    return HTH_OK;
}

static double share_right(const probe *p, size_t from, size_t to) {
    size_t right = 0;
    for (size_t t = from; t < to; t++) right += p->said[t] == p->labels[t];
    return (double)right / (double)(to - from);
}

static hth_status decode_window(probe *p, size_t w, hth_probe_window *out, hth_error *error) {
    const hth_probe_plan *plan = p->plan;
    const size_t n = (size_t)plan->trials;
    /* Prepare the window's numbers, then learn each class; of two classes one is enough. */
    standardise(p, w);
    fill_gram(p);
    for (size_t t = 0; t < p->trials; t++) p->said[t] = -1;
    for (size_t k = p->classes == 2; k < p->classes; k++) HTH_TRY(learn_class(p, (int)k, error));
    /* Fill the row of the result. */
    out->from = w * plan->spacing;
    out->to = out->from + plan->window;
    out->training_accuracy = share_right(p, 0, n);
    out->accuracy = share_right(p, n, p->trials);
    out->error = sqrt(out->accuracy * (1 - out->accuracy) / (double)plan->tests);
    return HTH_OK;
}

/* ---- All of it ---------------------------------------------------------------------------------- */

static hth_status check(probe *p, hth_error *error) {
    const hth_probe_plan *plan = p->plan;
    const hth_shape *s = &p->shape.stream;
    /* The data must have classes, and not too many. */
    if (s->target != HTH_TARGET_CLASSES)
        return hth_fail(error, HTH_INVALID,
                        "%s has targets that are values; what is decoded is a class", plan->run);
    if (s->outputs > MOST_CLASSES || s->outputs < 2)
        return hth_fail(error, HTH_INVALID, "%s has %zu classes, but 2 to %d can be decoded",
                        plan->run, s->outputs, MOST_CLASSES);
    /* The layer, the windows and the step must exist. */
    if (p->layer >= p->shape.layers)
        return hth_fail(error, HTH_INVALID, "there is no layer %zu; the top one is %zu", p->layer,
                        p->shape.layers - 1);
    if (p->steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "the sequences of %s have no one length: say with --steps how many steps "
                        "of a trial are decoded",
                        plan->run);
    if (plan->window > p->steps)
        return hth_fail(error, HTH_INVALID,
                        "a window of %llu steps does not fit into the %zu of a "
                        "trial",
                        (unsigned long long)plan->window, p->steps);
    if (plan->at != HTH_PROBE_LAST && plan->at >= p->steps)
        return hth_fail(error, HTH_INVALID, "step %llu is not in a trial of %zu steps",
                        (unsigned long long)plan->at, p->steps);
    return HTH_OK;
}

static hth_status reserve(probe *p, hth_error *error) {
    const size_t n = (size_t)p->plan->trials;
    const double bytes = 4.0 * (double)p->trials * (double)p->windows * (double)p->numbers;
    if (bytes > most_bytes)
        return hth_fail(error, HTH_NO_MEMORY,
                        "%zu trials x %zu windows x %zu numbers take %.1f GB: take fewer numbers "
                        "(--most), or windows farther apart (--spacing)",
                        p->trials, p->windows, p->numbers, bytes / 1e9);
    /* Memory for all trials, then for one window. */
    p->means = calloc(p->trials * p->windows, p->numbers * sizeof *p->means);
    p->labels = calloc(p->trials, sizeof *p->labels);
    p->floors = calloc(p->numbers, sizeof *p->floors);
    p->x = calloc(p->numbers, p->trials * sizeof *p->x);
    p->gram = calloc(n, n * sizeof *p->gram);
    p->alpha = calloc(p->trials, sizeof *p->alpha);
    p->w = calloc(p->numbers, sizeof *p->w);
    p->score = calloc(p->trials, sizeof *p->score);
    p->said = calloc(p->trials, sizeof *p->said);
    p->is_k = calloc(n, 1);
    const bool all = p->means && p->labels && p->floors && p->x && p->gram && p->alpha && p->w &&
                     p->score && p->said && p->is_k;
    return all ? HTH_OK : no_memory(error);
}

static hth_status set_up(probe *p, hth_error *error) {
    const hth_probe_plan *plan = p->plan;
    p->shape = hth_recorder_shape(p->recorder);
    p->layer = plan->layer == HTH_PROBE_LAST ? p->shape.layers - 1 : (size_t)plan->layer;
    p->steps = plan->steps ? (size_t)plan->steps : p->shape.sequence_steps;
    p->trials = (size_t)(plan->trials + plan->tests);
    p->classes = p->shape.stream.outputs;
    HTH_TRY(check(p, error));
    p->windows = (p->steps - (size_t)plan->window) / (size_t)plan->spacing + 1;
    p->of = hth_recorder_layer(p->recorder, p->layer);
    HTH_TRY(choose_numbers(p, error));
    return reserve(p, error);
}

/* *chance: accuracy on the test trials of always guessing the most frequent training class. */
static hth_status find_chance(const probe *p, double *chance, hth_error *error) {
    size_t counts[MOST_CLASSES] = {0}, right = 0, best = 0;
    for (size_t t = 0; t < p->plan->trials; t++) counts[p->labels[t]]++;
    for (size_t k = 1; k < p->classes; k++)
        if (counts[k] > counts[best]) best = k;
    for (size_t t = (size_t)p->plan->trials; t < p->trials; t++)
        right += (size_t)p->labels[t] == best;
    *chance = (double)right / (double)p->plan->tests;
    if (counts[best] < p->plan->trials) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "all %llu training trials are of class %zu: there is nothing to tell apart",
                    (unsigned long long)p->plan->trials, best);
}

static hth_status decode(probe *p, hth_probe_result *out, bool *stopped, hth_error *error) {
    HTH_TRY(set_up(p, error));
    HTH_TRY(run_trials(p, stopped, error));
    if (*stopped) return HTH_OK;
    out->windows = calloc(p->windows, sizeof *out->windows);
    if (!out->windows) return no_memory(error);
    out->count = p->windows;
    out->numbers = p->numbers;
    out->all_numbers = p->all;
    HTH_TRY(find_chance(p, &out->chance, error));
    if (is_of_synapses(p->plan) && p->shape.learner)
        strncat(out->learner, p->shape.learner, sizeof out->learner - 1);
    find_floors(p);
    for (size_t w = 0; w < p->windows; w++) HTH_TRY(decode_window(p, w, &out->windows[w], error));
    return HTH_OK;
}

static void close_probe(probe *p) {
    void *const all[] = {p->chosen, p->now, p->means, p->labels, p->x,    p->gram,
                         p->alpha,  p->w,   p->score, p->said,   p->is_k, p->floors};
    for (size_t i = 0; i < HTH_COUNT(all); i++) free(all[i]);
    hth_recorder_close(p->recorder);
}

hth_status hth_probe(const hth_probe_plan *plan, hth_probe_result *out, bool *stopped,
                     hth_error *error) {
    const hth_record_plan record = {.run = plan->run,
                                    .observer = plan->observer,
                                    .split = plan->split,
                                    .overrides = plan->overrides,
                                    .signals = is_of_synapses(plan),
                                    .most_steps = plan->steps};
    probe p = {.plan = plan};
    *out = (hth_probe_result){0};
    *stopped = false;
    if (plan->window == 0 || plan->spacing == 0 || plan->trials < 2 || plan->tests == 0)
        return hth_fail(error, HTH_INVALID,
                        "a probe needs a window, a spacing, two training trials and one to test");
    HTH_TRY(hth_recorder_open(&record, &p.recorder, error));
    hth_status status = decode(&p, out, stopped, error);
    close_probe(&p);
    if (status != HTH_OK) hth_probe_free(out);
    return status;
}

void hth_probe_free(hth_probe_result *result) {
    free(result->windows);
    *result = (hth_probe_result){0};
}
