/* The teacher of full-FORCE, found from outside: its weights come out of states that are put into it, and the currents
 * of any state are then theirs. Chunks of any length and a stream that resumes give the same bits. And a network that
 * learns these currents goes on alone. */
#include "files/lines.h"
#include "runs.h"

#define TASK "full-force"
#include "tasks/task.h"

#include <math.h>

enum { N = 40, BATCH = 2, STEPS = 30 };
static const double DT = 0.1, GAIN = 1.5;

static const hth_setting settings[] = {{"task.target_units", "40", NULL},
                                       {"task.period", "20", NULL}};

static void *opened(size_t batch, uint64_t seed) {
    hth_shape shape;
    void *state = open_stream(settings, HTH_COUNT(settings), HTH_TRAIN, batch, seed, &shape);
    assert_true(shape.inputs == 1 && shape.outputs == N && shape.target == HTH_TARGET_VALUES);
    return state;
}

static hth_field field_of(void *state, const char *name) {
    hth_field fields[4];
    const size_t count = kind()->state(state, fields, 4);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i];
    fail();
    return fields[0];
}

static const hth_real *advance(void *state, size_t steps) {
    hth_chunk chunk;
    hth_position_flags flags;
    assert_int_equal(kind()->next(state, steps, &chunk, &flags, NULL), HTH_OK);
    assert_true(chunk.steps == steps && chunk.x[0] == 0 && !flags.ends);
    return chunk.targets;
}

/* The currents at position t from x. */
static const hth_real *currents(void *state, uint64_t t, const double x[N]) {
    memcpy(field_of(state, "x").data, x, N * sizeof *x);
    *(uint64_t *)field_of(state, "position").data = t;
    return advance(state, 1);
}

static void currents_are_those_of_its_weights(void **unused) {
    (void)unused;
    const double tolerance = sizeof(hth_real) == sizeof(double) ? 1e-12 : 2e-6;
    void *state = opened(1, 3);
    double J[N][N], u[N], x[N] = {0}, squares = 0, sum = 0, largest = 0;
    /* The drive at a time, from a state of 0; then a column from a state of one unit. */
    for (size_t i = 0; i < N; i++) u[i] = (double)currents(state, 7, x)[i];
    for (size_t j = 0; j < N; j++) {
        x[j] = 1;
        const hth_real *c = currents(state, 7, x);
        for (size_t i = 0; i < N; i++) J[i][j] = ((double)c[i] - u[i]) / tanh(1);
        x[j] = 0;
    }
    for (size_t i = 0; i < N * N; i++) {
        sum += J[i / N][i % N];
        squares += J[i / N][i % N] * J[i / N][i % N];
    }
    assert_true(fabs(squares / N / (GAIN * GAIN) - 1) < 0.15 && fabs(sum) / N < 5 * GAIN / sqrt(N));
    /* Of any state at another time: the drive is as much larger as the sum of sines is, one factor for all units. */
    for (size_t i = 0; i < N; i++) x[i] = sin(1.7 * (double)i);
    const hth_real *c = currents(state, 29, x);
    const double *after = field_of(state, "x").data;
    double f7 = 0, f29 = 0;
    for (int k = 1; k <= 4; k++) {
        const double weight = (const double[]){0, 1, 1 / 2.0, 1 / 6.0, 1 / 3.0}[k];
        f7 += weight * sin(2 * acos(-1) * k * 8 * DT / 20);
        f29 += weight * sin(2 * acos(-1) * k * 30 * DT / 20);
    }
    for (size_t i = 0; i < N; i++) {
        double expected = u[i] * f29 / f7;
        for (size_t j = 0; j < N; j++) expected += J[i][j] * tanh(x[j]);
        assert_true(fabs((double)c[i] - expected) < 20 * tolerance);
        assert_true(fabs(after[i] - (0.9 * x[i] + DT * (double)c[i])) < tolerance);
        if (fabs(u[i]) > largest) largest = fabs(u[i]);
    }
    assert_true(largest > 0.1); /* it is driven */
    kind()->close(state);
}

static void chunks_and_resuming_change_no_bit(void **unused) {
    (void)unused;
    void *whole = opened(BATCH, 3), *parts = opened(BATCH, 3), *resumed = opened(BATCH, 3),
         *other = opened(BATCH, 4);
    const size_t width = BATCH * N * sizeof(hth_real);
    const hth_real *expected = advance(whole, STEPS);
    assert_memory_equal(advance(parts, 7), expected, 7 * width);
    memcpy(field_of(resumed, "x").data, field_of(parts, "x").data, N * sizeof(double));
    *(uint64_t *)field_of(resumed, "position").data = 7;
    assert_memory_equal(advance(parts, STEPS - 7), expected + 7 * BATCH * N, (STEPS - 7) * width);
    assert_memory_equal(advance(resumed, STEPS - 7), expected + 7 * BATCH * N, (STEPS - 7) * width);
    assert_memory_equal(expected, expected + N, N * sizeof(hth_real)); /* of both items */
    assert_true(memcmp(advance(other, STEPS), expected, STEPS * width) != 0);
    kind()->close(whole);
    kind()->close(parts);
    kind()->close(resumed);
    kind()->close(other);
}

/* The last error, after `until` steps of learning. */
static double error_alone(const char *until) {
    char line[512], path[320];
    hth_ending ending;
    hth_error error;
    hth_line *lines;
    size_t count;
    snprintf(line, sizeof line,
             "task=full-force task.target_units=60 task.gain=1.2 task.period=20 network.units=60 "
             "network.connections=none network.bias=false network.initial=learned cell=rate-pre "
             "cell.alpha=0.9 cell.phi=tanh readout.feedback=true readout.bias=false "
             "init.w_fb=identity init.w_fb_scale=0.1 init.w_in=zero init.w_out=zero "
             "init.initial=normal init.initial_scale=0.5 learner=rls learner.rls_alpha=0.01 "
             "learner.rls_until=%s train.steps=4000 train.report_every=1000 "
             "train.validate_every=-1 train.metric=nmse train.threads=1",
             until);
    if (train_line(line, until, false, NULL, &ending, &error) != HTH_OK)
        fail_msg("%s", error.message);
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(until));
    assert_int_equal(hth_metrics_read(path, &lines, &count, NULL, &error), HTH_OK);
    assert_int_equal(count, 4);
    const double last = lines[3].train_metric;
    free(lines);
    return last;
}

static void a_network_takes_its_currents_over(void **unused) {
    (void)unused;
    const double learned = error_alone("3000"), hardly = error_alone("20");
    if (!(learned < 0.1 && hardly > 0.5)) fail_msg("%g %g", learned, hardly);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(currents_are_those_of_its_weights),
                                       cmocka_unit_test(chunks_and_resuming_change_no_bit),
                                       cmocka_unit_test(a_network_takes_its_currents_over)};
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
