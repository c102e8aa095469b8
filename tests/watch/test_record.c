/* What a recording shows against passes and equations of its own: states and outputs of a forward pass over the
 * whole sequence at once, the learning signal and the trace of an integrate-and-fire unit from the paper's formulae,
 * and the sum of their products, which is the learner's gradient. */
#include "credit/learner.h"
#include "network/tape.h"
#include "runs.h"
#include "session/checkpoint.h"
#include "watch/trial.h"

#include "data/failing_malloc.h"
#include "laws.h"

#include <math.h>

#define STEPS 60
#define BASE                                                                                       \
    "task=pattern task.steps=60 task.groups=2 task.inputs=4 network.units=7 "                      \
    "train.sequences=3 train.threads=1 train.validate_every=-1 "
#define RECALL                                                                                     \
    "task=store-recall task.periods=3 task.period=20 task.group=2 network.units=5 cell=alif "      \
    "cell.v_th=0.61 "                                                                              \
    "learner=eprop1 train.sequences=2 train.threads=1"
#define LIF BASE "cell=lif cell.refractory=3 cell.v_th=0.61 readout.kappa=0 "

static hth_recorder *open_run(const char *name, bool signals) {
    const hth_record_plan plan = {
        .run = scratch_path(name), .split = "validation", .signals = signals, .most_steps = 25};
    hth_recorder *recorder;
    hth_error error;
    if (hth_recorder_open(&plan, &recorder, &error) != HTH_OK) fail_msg("%s", error.message);
    return recorder;
}

static hth_trial record(const char *name, uint64_t sequence, const hth_synapse *synapses,
                        size_t count) {
    hth_recorder *recorder = open_run(name, true);
    hth_trial trial;
    hth_error error;
    if (hth_trial_record(recorder, 0, sequence, 0, 0, synapses, count, &trial, &error) != HTH_OK)
        fail_msg("%s", error.message);
    hth_recorder_close(recorder);
    return trial;
}

static double relative(double difference, double size) {
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

/* ---- The forward pass ------------------------------------------------------------------------- */

static void a_recording_is_the_forward_pass(void **state) {
    (void)state;
    static const char *const lines[] = {LIF, BASE "cell=alif cell.v_th=0.61 readout.tau_out=10",
                                        BASE "cell=lstm learner=bptt", RECALL};
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        char name[16];
        snprintf(name, sizeof name, "forward%zu", i);
        train_whole(lines[i], name);
        hth_trial trial = record(name, 0, NULL, 0);
        hth_config *config;
        hth_session session;
        hth_position_flags flags;
        hth_chunk chunk;
        hth_report report = {0};
        hth_tape *tape;
        assert_int_equal(
            hth_run_open(scratch_path(name), "validation", NULL, NULL, &config, &session, NULL),
            HTH_OK);
        assert_int_equal(hth_tape_create(session.parts.network, STEPS, 1, session.parts.compute,
                                         NULL, &tape, NULL),
                         HTH_OK);
        assert_int_equal(session.train.kind->next(session.train.state, STEPS, &chunk, &flags, NULL),
                         HTH_OK);
        assert_int_equal(chunk.steps, STEPS);
        assert_int_equal(hth_forward(tape, &chunk, &report, NULL), HTH_OK);
        hth_real *y = calloc(STEPS * trial.y.count, sizeof *y);
        hth_tape_read(tape, 0, hth_tape_length(tape), y, NULL);
        assert_int_equal(trial.steps, STEPS);
        const hth_layer *layer = &session.parts.network->layers[0];
        const size_t n = layer->n, slots = layer->cell->states + layer->cell->counters;
        double worst = 0, next = 0, alive = 0;
        for (size_t t = 0; t < STEPS; t++) {
            for (size_t j = 0; j < n; j++) {
                const hth_real *z = tape->layers[0].u + (t + 1) * layer->stride;
                const double now = hth_trial_value(&trial, t, trial.z.at + j);
                worst = fmax(worst, fabs(now - (double)z[j]));
                alive += fabs(now);
                for (size_t k = 0; k < layer->cell->states; k++) {
                    const hth_real *s = tape->layers[0].state + ((t + 1) * slots + k) * n;
                    const double here = hth_trial_value(&trial, t, trial.state.at + k * n + j);
                    worst = fmax(worst, fabs(here - (double)s[j]));
                    if (t + 1 < STEPS) /* one step off is another trial */
                        next = fmax(next, fabs(here - (double)s[slots * n + j]));
                }
            }
            for (size_t k = 0; k < trial.y.count; k++)
                worst = fmax(worst, fabs(hth_trial_value(&trial, t, trial.y.at + k) -
                                         (double)y[t * trial.y.count + k]));
            for (size_t k = 0; k < trial.x.count; k++)
                assert_true(hth_trial_value(&trial, t, trial.x.at + k) ==
                            (double)chunk.x[t * trial.x.count + k]);
        }
        assert_true(worst <= tolerance(1e-12, 1e-5));
        assert_true(next > 0.01);
        assert_true(alive > 1);
        free(y);
        hth_tape_destroy(tape);
        hth_session_close(&session);
        hth_config_destroy(config);
        hth_trial_free(&trial);
    }
}

/* ---- Signals and traces ------------------------------------------------------------------------- */

enum { N = 7, INPUTS = 4, M = N + INPUTS + 1 };

static size_t all_synapses(hth_synapse out[N * M]) {
    size_t count = 0;
    for (size_t j = 0; j < N; j++)
        for (size_t i = 0; i + 1 < M; i++)
            if (i != j) out[count++] = (hth_synapse){j, i};
    return count;
}

/* eps_t = alpha eps_{t-1} + u_t, e_t = psi_t eps_t (Bellec et al. 2019, eqs. 22-23), u_t = [z_{t-d}; x_{t-c}]. */
static void assert_traces(const char *line, const char *run, size_t d, size_t c) {
    hth_synapse synapses[N * M];
    const size_t count = all_synapses(synapses);
    train_whole(line, run);
    hth_trial trial = record(run, 1, synapses, count);
    assert_true(trial.shape.own && trial.shape.has_traces);
    assert_int_equal(trial.trace.count, count);
    const double alpha = exp(-1.0 / 20), v_th = 0.61;
    double difference = 0, late = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        double eps = 0, before = 0;
        const size_t j = synapses[i].row, from = synapses[i].from;
        double silent = 0;
        for (size_t t = 0; t < STEPS; t++) {
            const size_t at = from >= N ? trial.x.at + from - N : trial.z.at + from;
            const size_t delay = from >= N ? c : d;
            const double u = t >= delay ? hth_trial_value(&trial, t - delay, at) : 0;
            const double v = hth_trial_value(&trial, t, trial.state.at + j);
            const double psi = silent > 0 ? 0 : 0.3 / v_th * fmax(0, 1 - fabs((v - v_th) / v_th));
            if (hth_trial_value(&trial, t, trial.z.at + j) > 0)
                silent = 2; /* 3 steps is the least interval */
            else if (silent > 0)
                silent--;
            eps = alpha * eps + u;
            const double e = hth_trial_value(&trial, t, trial.trace.at + i);
            difference += (e - psi * eps) * (e - psi * eps);
            late += (e - before) * (e - before);
            size += e * e;
            before = psi * eps;
        }
    }
    assert_true(size > 1); /* alive */
    assert_true(relative(difference, size) < tolerance(1e-12, 1e-4));
    assert_true(relative(late, size) > 0.01); /* one step late is another trace */
    hth_trial_free(&trial);
}

static void traces_are_those_of_the_paper(void **state) {
    (void)state;
    assert_traces(LIF "learner=eprop1", "traces", 1, 0);
    assert_traces(LIF "learner=eprop1 network.delay=3 network.input_delay=2", "late", 3, 2);
}

/* A trace is its vector's parts, weighed: e = psi (eps_v - beta eps_a) (Bellec et al. 2019, eqs. 26-28). psi is the
 * unit's, so e / (eps_v - beta eps_a) is the same for all of its synapses; without the slow part it is not. */
static void vectors_are_the_parts_of_traces(void **state) {
    (void)state;
    train_whole(LIF "cell=alif cell.beta=0.5 learner=eprop1", "vectors");
    hth_recorder *recorder = open_run("vectors", true);
    hth_instant now = {0};
    hth_real *e = calloc(N * M, sizeof *e), *eps = calloc(2 * N * M, sizeof *eps);
    double difference = 0, fast_alone = 0, size = 0;
    for (size_t t = 0; t < STEPS; t++) {
        hth_error error;
        assert_int_equal(hth_recorder_next(recorder, &now, &error), HTH_OK);
        hth_recorder_traces(recorder, 0, e);
        hth_recorder_vectors(recorder, 0, eps);
        const hth_real *fast = eps, *slow = eps + N * M;
        for (size_t j = 0; j < N; j++)
            for (size_t a = j * M, b = j * M; b < (j + 1) * M - 1; a = b++) {
                const double left = (double)e[a] * (double)(fast[b] - (hth_real)0.5 * slow[b]);
                const double right = (double)e[b] * (double)(fast[a] - (hth_real)0.5 * slow[a]);
                difference += (left - right) * (left - right);
                fast_alone += pow((double)(e[a] * fast[b] - e[b] * fast[a]), 2);
                size += left * left;
            }
    }
    assert_true(size > 1); /* alive */
    assert_true(relative(difference, size) < tolerance(1e-12, 1e-5));
    assert_true(relative(fast_alone, size) > 1e-3);
    free(e);
    free(eps);
    hth_recorder_close(recorder);
}

/* L_t = W_out^T (y_t - y*_t), and with no filter of the readout sum_t L_t e_t is the gradient of the learner over the
 * whole trial. */
static void signals_times_traces_are_the_gradient(void **state) {
    (void)state;
    hth_synapse synapses[N * M];
    const size_t count = all_synapses(synapses);
    train_whole(LIF "learner=eprop1-symmetric", "signals");
    hth_trial trial = record("signals", 0, synapses, count);
    hth_config *config;
    hth_session s;
    hth_position_flags flags;
    hth_chunk chunk;
    hth_report report = {0};
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    assert_int_equal(
        hth_run_open(scratch_path("signals"), "validation", NULL, NULL, &config, &s, NULL), HTH_OK);
    const hth_settings settings = hth_config_settings(config);
    assert_int_equal(hth_tape_create(s.parts.network, STEPS, 1, s.parts.compute, NULL, &tape, NULL),
                     HTH_OK);
    assert_int_equal(hth_learner_create(&settings, s.parts.network, STEPS, 1, 1, s.parts.compute,
                                        NULL, &learner, NULL),
                     HTH_OK);
    assert_int_equal(hth_gradient_create(s.parts.network, NULL, &gradient, NULL), HTH_OK);
    assert_int_equal(s.train.kind->next(s.train.state, STEPS, &chunk, &flags, NULL), HTH_OK);
    assert_int_equal(hth_forward(tape, &chunk, &report, NULL), HTH_OK);
    assert_int_equal(hth_learn(learner, tape, gradient, NULL), HTH_OK);
    const hth_real *theta = hth_network_parameters(s.parts.network),
                   *g = hth_gradient_values(gradient);
    const hth_real *W = theta + s.parts.network->readout.weight;
    double worst = 0, difference = 0, shifted = 0, size = 0;
    for (size_t t = 0; t < STEPS; t++)
        for (size_t j = 0; j < N; j++) {
            double L = 0;
            for (size_t k = 0; k < trial.y.count; k++)
                L += (double)W[k * N + j] * (hth_trial_value(&trial, t, trial.y.at + k) -
                                             hth_trial_value(&trial, t, trial.target.at + k));
            worst = fmax(worst, fabs(L - hth_trial_value(&trial, t, trial.signal.at + j)));
        }
    assert_true(worst < tolerance(1e-12, 1e-4));
    for (size_t i = 0; i < count; i++) {
        double sum = 0, other = 0;
        const size_t j = synapses[i].row;
        for (size_t t = 0; t < STEPS; t++) {
            const double e = hth_trial_value(&trial, t, trial.trace.at + i);
            sum += e * hth_trial_value(&trial, t, trial.signal.at + j);
            other += e * hth_trial_value(&trial, t ? t - 1 : t, trial.signal.at + j);
        }
        const double exact =
            (double)g[s.parts.network->layers[0].weight + j * M + synapses[i].from];
        difference += (sum - exact) * (sum - exact);
        shifted += (other - exact) * (other - exact);
        size += exact * exact;
    }
    assert_true(size > 1e-3); /* alive */
    assert_true(relative(difference, size) < tolerance(1e-10, 1e-4));
    assert_true(relative(shifted, size) > 1e-3);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    hth_session_close(&s);
    hth_config_destroy(config);
    hth_trial_free(&trial);
}

/* A learner without traces lends its place to one that has them, and it is said. */
static void a_learner_without_traces(void **state) {
    (void)state;
    train_whole(LIF "learner=bptt", "bptt");
    const hth_synapse one = {0, N};
    hth_trial trial = record("bptt", 0, &one, 1);
    assert_false(trial.shape.own);
    assert_string_equal(trial.shape.learner, "eprop1-symmetric");
    assert_int_equal(trial.trace.count, 1);
    hth_trial_free(&trial);
}

/* Predictions of later losses are in no signal and in no trace: with the same weights a learner that has them is shown
 * as one that has not, in a second sequence, too. */
static void what_a_learner_predicts_is_not_shown(void **state) {
    (void)state;
    static const char *const learners[] = {"tbptt-traces", "eprop3"};
    hth_trial trials[2];
    hth_synapse synapses[N * M];
    const size_t count = all_synapses(synapses);
    for (int i = 0; i < 2; i++) {
        char line[400];
        snprintf(line, sizeof line, BASE "cell=rate optimiser.lr=0 learner=%s", learners[i]);
        train_whole(line, learners[i]);
        trials[i] = record(learners[i], 1, synapses, count);
        assert_string_equal(trials[i].shape.learner, learners[i]);
        assert_true(trials[i].shape.own);
    }
    double size = 0;
    assert_int_equal(trials[0].steps, STEPS);
    assert_int_equal(trials[1].steps, STEPS);
    for (size_t t = 0; t < STEPS; t++) {
        for (size_t i = 0; i < N; i++)
            assert_true(hth_trial_value(&trials[0], t, trials[0].signal.at + i) ==
                        hth_trial_value(&trials[1], t, trials[1].signal.at + i));
        for (size_t i = 0; i < count; i++) {
            const double e = hth_trial_value(&trials[0], t, trials[0].trace.at + i);
            assert_true(e == hth_trial_value(&trials[1], t, trials[1].trace.at + i));
            size += t + 1 == STEPS ? fabs(e) : 0; /* also after the last step */
        }
    }
    assert_true(size > 1e-3);
    for (int i = 0; i < 2; i++) hth_trial_free(&trials[i]);
}

/* ---- Sequences ---------------------------------------------------------------------------------- */

/* Sequences without an end are cut; a rewound recorder shows the same again. */
static void sequences_and_rewinding(void **state) {
    (void)state;
    train_whole("task=add network.units=4 train.steps=40 train.threads=1 learner=rflo", "endless");
    hth_recorder *recorder = open_run("endless", true);
    hth_instant now;
    double first[60], again = 0, between = 0;
    for (size_t t = 0; t < 60; t++) {
        assert_int_equal(hth_recorder_next(recorder, &now, NULL), HTH_OK);
        assert_int_equal(now.sequence, t / 25);
        assert_int_equal(now.step, t % 25);
        assert_int_equal(now.ends, t % 25 == 24);
        first[t] = (double)now.outputs[0];
    }
    assert_int_equal(hth_recorder_rewind(recorder, NULL), HTH_OK);
    for (size_t t = 0; t < 60; t++) {
        assert_int_equal(hth_recorder_next(recorder, &now, NULL), HTH_OK);
        again = fmax(again, fabs(first[t] - (double)now.outputs[0]));
        if (t > 0) between = fmax(between, fabs(first[t - 1] - (double)now.outputs[0]));
    }
    assert_true(again == 0);
    assert_true(between > 0.01);
    hth_recorder_close(recorder);
}

static void refusals(void **state) {
    (void)state;
    hth_recorder *recorder;
    hth_trial trial;
    hth_error error;
    hth_record_plan plan = {.run = scratch_path("traces"), .split = "sometimes"};
    assert_int_equal(hth_recorder_open(&plan, &recorder, &error), HTH_INVALID);
    assert_string_equal(error.message,
                        "the split is 'sometimes', but must be train, validation or test");
    plan = (hth_record_plan){.run = scratch_path("nowhere"), .split = "test"};
    assert_int_equal(hth_recorder_open(&plan, &recorder, &error), HTH_FILE);
    recorder = open_run("traces", true);
    assert_int_equal(hth_trial_record(recorder, 3, 0, 0, 0, NULL, 0, &trial, &error), HTH_INVALID);
    hth_trial_free(&trial);
    assert_string_equal(error.message, "layer 3: the network has layers 0..0");
    assert_int_equal(
        hth_trial_record(recorder, 0, 0, 0, 0, &(hth_synapse){0, 99}, 1, &trial, &error),
        HTH_INVALID);
    hth_trial_free(&trial);
    hth_recorder_close(recorder);
}

static void without_memory(void **state) {
    (void)state;
    if (!FAILING_MALLOC) skip();
    const hth_record_plan plan = {
        .run = scratch_path("traces"), .split = "validation", .signals = true};
    size_t failures = 0;
    for (size_t n = 0, reached = 1; reached; n++) {
        hth_recorder *recorder = NULL;
        hth_trial trial = {0};
        hth_error error = {0};
        failing_malloc_start(n);
        hth_status status = hth_recorder_open(&plan, &recorder, &error);
        if (status == HTH_OK)
            status =
                hth_trial_record(recorder, 0, 0, 0, 10, &(hth_synapse){0, 1}, 1, &trial, &error);
        hth_trial_free(&trial);
        if (recorder) hth_recorder_close(recorder);
        const size_t left = failing_malloc_stop_own();
        if (left) fail_msg("allocation %zu: %zu pieces are left", n, left);
        if (status != HTH_OK) assert_true(error.message[0] != '\0');
        failures += status != HTH_OK;
        reached = failing_malloc_reached();
    }
    assert_true(failures > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_the_forward_pass),
        cmocka_unit_test(traces_are_those_of_the_paper),
        cmocka_unit_test(vectors_are_the_parts_of_traces),
        cmocka_unit_test(signals_times_traces_are_the_gradient),
        cmocka_unit_test(a_learner_without_traces),
        cmocka_unit_test(what_a_learner_predicts_is_not_shown),
        cmocka_unit_test(sequences_and_rewinding),
        cmocka_unit_test(refusals),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
