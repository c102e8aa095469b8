/* A user's arrays and settings for a case of plain_training.h, and training them. */
#ifndef HTH_TEST_USER_ARRAYS_H
#define HTH_TEST_USER_ARRAYS_H

#include "base/random.h"
#include "data/npz.h"
#include "files/lines.h"
#include "plain_training.h"
#include "runs.h"

static inline double arrays_uniform(size_t *at) {
    const hth_random r = {11, HTH_RANDOM_CHECK, 0};
    return hth_random_uniform(&r, (*at)++);
}

static inline double arrays_normal(size_t *at) {
    const hth_random r = {12, HTH_RANDOM_CHECK, 1};
    return hth_random_normal(&r, (*at)++);
}

/* Inputs that spike, sums of sines or classes to aim at, Gaussian weights without self-connections. */
static inline void arrays_draw(const plain_case *c, plain_data *d) {
    size_t at = 0;
    memset(d, 0, sizeof *d);
    const double scale = 1 / sqrt(PLAIN_INPUTS), strength = c->rules.scaled_input ? 1 : 0.5;
    for (size_t s = 0; s < PLAIN_TRIALS; s++) {
        const size_t class = arrays_uniform(&at) < 0.5 ? 0 : 1;
        for (size_t t = 0; t < PLAIN_STEPS; t++) {
            for (size_t i = 0; i < PLAIN_INPUTS; i++)
                d->inputs[s][t][i] = arrays_uniform(&at) < 0.15;
            for (size_t k = 0; k < PLAIN_OUTPUTS; k++)
                d->targets[s][t][k] =
                    c->classes ? k == class : sin(0.05 * (double)(t * (k + 1) + s));
        }
    }
    for (size_t j = 0; j < PLAIN_UNITS; j++) {
        for (size_t i = 0; i < PLAIN_INPUTS; i++)
            d->weights.in[j][i] = strength * scale * (0.4 + arrays_normal(&at));
        for (size_t i = 0; i < PLAIN_UNITS; i++)
            d->weights.rec[j][i] = i == j ? 0 : strength * arrays_normal(&at) / sqrt(PLAIN_UNITS);
        for (size_t k = 0; k < PLAIN_OUTPUTS; k++) {
            d->weights.out[k][j] = arrays_normal(&at) / sqrt(PLAIN_UNITS);
            d->feedback[k][j] = arrays_normal(&at);
        }
    }
    if (!c->tie) return;
    /* No input until then but that of the tie. */
    for (size_t t = 0; t < c->tie; t++)
        for (size_t i = 0; i < PLAIN_INPUTS; i++) d->inputs[0][t][i] = t + 1 == c->tie && i == 0;
    d->weights.in[0][0] = c->v_th;
}

/* The file NAME.npz: all that the run needs but its settings. */
static inline void arrays_write(const plain_case *c, const plain_data *d, const char *path) {
    static int64_t classes[PLAIN_TRIALS][PLAIN_STEPS];
    static unsigned char mask[PLAIN_TRIALS][PLAIN_STEPS];
    const size_t trials = PLAIN_ITERATIONS * c->batch;
    char shapes[8][40];
    for (size_t s = 0; s < trials; s++)
        for (size_t t = 0; t < PLAIN_STEPS; t++) {
            classes[s][t] = d->targets[s][t][1] > 0;
            mask[s][t] = t + c->window >= PLAIN_STEPS;
        }
    snprintf(shapes[0], sizeof shapes[0], "(%zu, %d, %d)", trials, PLAIN_STEPS, PLAIN_INPUTS);
    snprintf(shapes[1], sizeof shapes[1], "(%zu, %d, %d)", trials, PLAIN_STEPS, PLAIN_OUTPUTS);
    snprintf(shapes[2], sizeof shapes[2], "(%zu, %d)", trials, PLAIN_STEPS);
    snprintf(shapes[3], sizeof shapes[3], "(%d, %d)", PLAIN_UNITS, PLAIN_INPUTS);
    snprintf(shapes[4], sizeof shapes[4], "(%d, %d)", PLAIN_UNITS, PLAIN_UNITS);
    snprintf(shapes[5], sizeof shapes[5], "(%d, %d)", PLAIN_OUTPUTS, PLAIN_UNITS);
    snprintf(shapes[6], sizeof shapes[6], "(%d,)", PLAIN_OUTPUTS);
    const size_t steps = trials * PLAIN_STEPS;
    const array inputs = {"inputs", "<f8",     shapes[0],
                          false,    d->inputs, steps * PLAIN_INPUTS * sizeof(double)};
    const array values = {"targets", "<f8",      shapes[1],
                          false,     d->targets, steps * PLAIN_OUTPUTS * sizeof(double)};
    const array labels = {"targets", "<i8", shapes[2], false, classes, steps * sizeof(int64_t)};
    const plain_weights *w = &d->weights;
    const array all[] = {
        inputs,
        c->classes ? labels : values,
        {"mask", "|b1", shapes[2], false, mask, steps},
        {"w_in", "<f8", shapes[3], false, w->in, sizeof w->in},
        {"w_rec", "<f8", shapes[4], false, w->rec, sizeof w->rec},
        {"w_out", "<f8", shapes[5], false, w->out, sizeof w->out},
        {c->rules.bias == PLAIN_NO_BIAS ? NULL : "b_out", "<f8", shapes[6], false, w->bias,
         sizeof w->bias},
        {"feedback", "<f8", shapes[5], false, d->feedback, sizeof d->feedback},
    };
    npz_write(path, all, HTH_COUNT(all));
}

/* Everything but the conventions. */
static inline void arrays_settings(const plain_case *c, const char *path, char *out, size_t size) {
    const bool alif = c->adaptive < PLAIN_UNITS;
    int used =
        snprintf(out, size,
                 "data=arrays data.file=%s data.shuffle=false train.epochs=1 train.batch=%zu "
                 "train.report_every=%d train.threads=1 network.units=%d cell=%s cell.tau_m=%.17g "
                 "cell.v_th=%.17g cell.gamma=%.17g cell.refractory=%zu readout.tau_out=%.17g "
                 "learner=eprop1 learner.update=sequence optimiser=%s optimiser.lr=%.17g "
                 "regulariser.rate=%.17g regulariser.rate_target=%.17g ",
                 path, c->batch, PLAIN_STEPS, PLAIN_UNITS, alif ? "alif" : "lif", c->tau_m, c->v_th,
                 c->gamma, c->refractory, c->tau_out, c->adam ? "adam" : "sgd", c->lr, c->c_reg,
                 c->f_target);
    if (c->adam)
        used += snprintf(out + used, size - (size_t)used, "optimiser.epsilon=%.17g ", c->epsilon);
    if (alif) snprintf(out + used, size - (size_t)used, "cell.tau_a=%.17g ", c->tau_a);
}

/* A config of those settings and more: "a=b c=d". */
static inline hth_config *arrays_config(const plain_case *c, const char *path, const char *more) {
    char line[1024], beta[80];
    hth_error error;
    arrays_settings(c, path, line, sizeof line);
    hth_config *config = configure(line);
    snprintf(beta, sizeof beta, "cell.beta=%zu x 0, %zu x %.17g", c->adaptive,
             PLAIN_UNITS - c->adaptive, c->beta);
    if (c->adaptive == 0) snprintf(beta, sizeof beta, "cell.beta=%.17g", c->beta);
    if (c->adaptive < PLAIN_UNITS)
        assert_int_equal(hth_config_override(config, beta, &error), HTH_OK);
    snprintf(line, sizeof line, "%s", more);
    for (char *rest = line, *word; (word = strtok_r(rest, " ", &rest));)
        if (hth_config_override(config, word, &error) != HTH_OK) fail_msg("%s", error.message);
    return config;
}

/* Trains scratch/run; the losses of metrics.jsonl. */
static inline void arrays_train(const hth_config *config, const char *run,
                                double losses[PLAIN_ITERATIONS]) {
    hth_outcome outcome;
    hth_error error;
    hth_line *lines;
    size_t count;
    char path[320];
    if (hth_train(config, scratch_path(run), false, NULL, NULL, &outcome, &error) != HTH_OK)
        fail_msg("%s", error.message);
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(run));
    assert_int_equal(hth_metrics_read(path, &lines, &count, NULL, &error), HTH_OK);
    assert_int_equal(count, PLAIN_ITERATIONS);
    for (size_t i = 0; i < count; i++) losses[i] = lines[i].train_loss;
    free(lines);
}

/* Largest relative difference of two lists of losses. */
static inline double arrays_difference(const double *a, const double *b) {
    double largest = 0;
    for (size_t i = 0; i < PLAIN_ITERATIONS; i++)
        largest = fmax(largest, fabs(a[i] - b[i]) / fabs(b[i]));
    return largest;
}

#endif
