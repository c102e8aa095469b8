/* Receptive fields: of a linear network the slope is what its weights say, at every step, and the best input a corner
 * of the inputs' range; the input before activity is its definition, of a recording; what cannot be is refused. */
#include "credit/inspect.h"
#include "network/inspect.h"
#include "runs.h"
#include "watch/fields.h"
#include "watch/record.h"

#include "laws.h"

#define COMMON                                                                                     \
    "task=add task.lag1=2 task.lag2=3 network.units=5 learner=rtrl optimiser.lr=1e-2 "             \
    "train.steps=300 train.threads=1 train.validate_every=-1 "

enum { UNITS = 5, LAGS = 4 };

static double norm; /* of the best input; 0: within the ranges */

static hth_fields look(const char *name, const size_t *units, size_t count, uint64_t steps) {
    const hth_fields_plan plan = {.run = scratch_path(name),
                                  .split = "validation",
                                  .steps = steps,
                                  .lags = LAGS,
                                  .units = units,
                                  .count = count,
                                  .norm = norm};
    hth_fields out;
    hth_error error;
    bool stopped;
    if (hth_fields_find(&plan, &out, &stopped, &error) != HTH_OK) fail_msg("%s", error.message);
    assert_false(stopped);
    return out;
}

/* row A of r_t = A r_{t-1} + alpha (W_in x + b), A = (1 - alpha) I + alpha W. */
static void of_a_linear_network(void **state) {
    (void)state;
    const double alpha = 0.6;
    const size_t units[] = {1, 4};
    train_whole(COMMON "cell=rate cell.phi=identity cell.alpha=0.6", "linear");
    hth_fields found = look("linear", units, 2, 50);
    hth_config *config;
    hth_session session;
    hth_error error;
    must(hth_run_open(scratch_path("linear"), "validation", NULL, NULL, &config, &session, &error),
         &error);
    const hth_layer_facts of = hth_layer_look(session.parts.network, 0);
    const hth_real *W = hth_network_parameters(session.parts.network) + of.weight;
    assert_null(found.why_not);
    for (size_t i = 0; i < 2; i++) {
        const hth_field_of_unit *u = &found.units[i];
        double row[UNITS] = {0}, size = 0;
        row[units[i]] = 1;
        for (size_t k = 0; k <= LAGS; k++) {
            double next[UNITS] = {0};
            for (size_t c = 0; c < found.inputs; c++) {
                double slope = 0;
                for (size_t r = 0; r < UNITS; r++)
                    slope += row[r] * alpha * (double)W[r * of.columns + UNITS + c];
                size = fmax(size, fabs(slope));
                assert_true(fabs(slope - u->slope[k * found.inputs + c]) <= tolerance(1e-13, 1e-5));
                /* The input that helps is as large as it can be, that which does not as small. */
                const double best = u->best[k * found.inputs + c];
                if (fabs(slope) > 1e-3) assert_true(fabs(best - (slope > 0)) < 1e-3);
            }
            for (size_t r = 0; r < UNITS; r++)
                for (size_t c = 0; c < UNITS; c++)
                    next[c] +=
                        row[r] * ((1 - alpha) * (r == c) + alpha * (double)W[r * of.columns + c]);
            memcpy(row, next, sizeof row);
        }
        assert_true(size > 0.05);
        assert_true(u->reached >= u->most - 0.5);
    }
    assert_true(fabs(found.units[0].slope[0] - found.units[1].slope[0]) > 1e-3);
    hth_fields_free(&found);
    hth_session_close(&session);
    hth_config_destroy(config);
}

/* The same unit's fields at three bounds of the best input. */
static void look_three_times(const char *run, size_t unit, hth_fields *near, hth_fields *far,
                             hth_fields *corners) {
    norm = 0.4;
    *near = look(run, &unit, 1, 50);
    norm = 0.8;
    *far = look(run, &unit, 1, 50);
    norm = 0;
    *corners = look(run, &unit, 1, 50);
}

/* Within a distance of the mean input, the best one of a linear network is its receptive field, made so long: what twice
 * the distance adds is that field, whatever the mean is. Controls: within ranges it is a corner, and a network that is
 * not linear has another field there. */
static void the_best_of_a_norm_is_the_field(void **state) {
    (void)state;
    static const char *const runs[] = {"linear", "gru2"};
    train_whole(COMMON "cell=gru", "gru2");
    for (size_t r = 0; r < 2; r++) {
        hth_fields near, far, corners;
        look_three_times(runs[r], 4, &near, &far, &corners);
        const size_t count = (LAGS + 1) * near.inputs;
        const hth_field_of_unit *u = near.units;
        double length = 0, worst = 0, of_corners = 0;
        for (size_t k = 0; k < count; k++) length += u->slope[k] * u->slope[k];
        for (size_t k = 0; k < count; k++) {
            const double field = 0.4 * u->slope[k] / sqrt(length);
            worst = fmax(worst, fabs(far.units->best[k] - u->best[k] - field));
            of_corners = fmax(of_corners, fabs(corners.units->best[k] - u->best[k] - field));
        }
        assert_true(far.units->reached > u->reached + 0.01);
        assert_true(r == 0 ? worst < tolerance(1e-8, 1e-4) : worst > 1e-3);
        assert_true(of_corners > 0.1);
        hth_fields_free(&near);
        hth_fields_free(&far);
        hth_fields_free(&corners);
    }
}

/* What is reached is reached: the best input, run from the start, leads there, and it is more than the mean input does
 * and than the data had after so many steps. */
static void the_best_input_reaches_what_is_said(void **state) {
    (void)state;
    const size_t units[] = {2};
    train_whole(COMMON "cell=gru", "gru");
    hth_fields found = look("gru", units, 1, 100);
    const hth_field_of_unit *u = &found.units[0];
    const hth_record_plan plan = {.run = scratch_path("gru"), .split = "validation"};
    hth_recorder *recorder;
    hth_step_map *map;
    hth_real x[16], z[16];
    hth_error error;
    must(hth_recorder_open(&plan, &recorder, &error), &error);
    must(hth_recorder_map(recorder, &map, &error), &error);
    hth_step_reset(map);
    for (size_t k = LAGS + 1; k-- > 0;) {
        for (size_t c = 0; c < found.inputs; c++) x[c] = (hth_real)u->best[k * found.inputs + c];
        must(hth_step_take(map, x, -1, &error), &error);
    }
    hth_step_get(map, z);
    assert_true(fabs((double)z[2] - u->reached) <= tolerance(1e-14, 1e-5));
    assert_true(u->reached > u->mean + 0.05);
    hth_step_map_destroy(map);
    hth_recorder_close(recorder);
    hth_fields_free(&found);
}

/* Of unit 3: the mean of x_{t-k} weighed by z_t above its least, less the mean. */
static void assert_triggered(const char *run, const hth_fields *found) {
    enum { STEPS = 60, MOST = 8 };
    const hth_record_plan plan = {.run = scratch_path(run), .split = "validation"};
    hth_recorder *recorder;
    hth_instant now;
    hth_error error;
    double x[STEPS][MOST], z[STEPS], least = INFINITY, whole = 0, size = 0;
    must(hth_recorder_open(&plan, &recorder, &error), &error);
    for (size_t t = 0; t < STEPS; t++) {
        must(hth_recorder_next(recorder, &now, &error), &error);
        for (size_t c = 0; c < found->inputs; c++) x[t][c] = (double)now.x[c];
        z[t] = (double)hth_recorder_z(recorder, 0)[3];
        if (t >= LAGS) least = fmin(least, z[t]);
    }
    hth_recorder_close(recorder);
    for (size_t t = LAGS; t < STEPS; t++) whole += z[t] - least;
    assert_true(whole > 0.5);
    for (size_t k = 0; k <= LAGS; k++)
        for (size_t c = 0; c < found->inputs; c++) {
            double average = 0, mean = 0;
            for (size_t t = LAGS; t < STEPS; t++) {
                average += (z[t] - least) * x[t - k][c] / whole;
                mean += x[t - k][c] / (STEPS - LAGS);
            }
            const double field = found->units[0].triggered[k * found->inputs + c];
            assert_true(fabs(field - (average - mean)) <= tolerance(1e-13, 1e-5));
            size = fmax(size, fabs(field));
        }
    assert_true(size > 0.01);
}

static void input_before_activity_is_its_definition(void **state) {
    (void)state;
    const size_t units[] = {3};
    train_whole("task=pattern task.steps=60 task.groups=2 task.inputs=4 network.units=7 cell=lif "
                "cell.v_th=0.3 learner=eprop1 train.sequences=3 train.threads=1 "
                "train.validate_every=-1",
                "spikes");
    hth_fields spikes = look("spikes", units, 1, 60), gru = look("gru", units, 1, 60);
    assert_triggered("spikes", &spikes);
    assert_triggered("gru", &gru);
    assert_non_null(spikes.why_not);
    assert_null(spikes.units[0].slope);
    assert_true(isnan(spikes.units[0].reached));
    hth_fields_free(&spikes);
    hth_fields_free(&gru);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    const size_t unit = 5;
    hth_fields_plan plan = {.run = scratch_path("gru"),
                            .split = "validation",
                            .steps = 10,
                            .lags = LAGS,
                            .units = &unit,
                            .count = 1};
    hth_fields out;
    hth_error error;
    bool stopped;
    assert_int_equal(hth_fields_find(&plan, &out, &stopped, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "there is no unit 5: layer 0 has 0..4"));
    plan.layer = 1;
    assert_int_equal(hth_fields_find(&plan, &out, &stopped, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "there is no layer 1"));
    const size_t first = 0;
    plan.units = &first;
    plan.layer = 0;
    plan.lags = 10;
    assert_int_equal(hth_fields_find(&plan, &out, &stopped, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "no step has 10 before it"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_linear_network),
        cmocka_unit_test(the_best_of_a_norm_is_the_field),
        cmocka_unit_test(the_best_input_reaches_what_is_said),
        cmocka_unit_test(input_before_activity_is_its_definition),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
