/* Dynamics of runs: the fixed point of a linear network is what its inverse says; exponents add up to the determinant;
 * credit is that of the Jacobians; spiking units have credit alone; what has no meaning is refused. */
#include "credit/inspect.h"
#include "network/inspect.h"
#include "runs.h"
#include "watch/dense.h"
#include "watch/dynamics.h"
#include "watch/record.h"

#include "laws.h"

#define COMMON                                                                                     \
    "task=add task.lag1=2 task.lag2=3 network.units=6 learner=rtrl optimiser.lr=1e-2 "             \
    "train.steps=500 train.threads=1 train.validate_every=-1 "

enum { UNITS = 6 };

static hth_dynamics_plan plan_of(const char *name) {
    return (hth_dynamics_plan){.run = scratch_path(name),
                               .split = "validation",
                               .steps = 60,
                               .skip = 5,
                               .lags = 12,
                               .points = 6};
}

static hth_dynamics look(hth_dynamics_plan plan) {
    hth_dynamics out;
    hth_error error;
    bool stopped;
    if (hth_dynamics_find(&plan, &out, &stopped, &error) != HTH_OK) fail_msg("%s", error.message);
    assert_false(stopped);
    return out;
}

/* r = (1 - alpha) r + alpha (W r + w x + b) rests where (I - W) r = w x + b. */
static void the_fixed_point_of_a_linear_network_is_its_inverse(void **state) {
    (void)state;
    if (sizeof(hth_real) != sizeof(double)) skip();
    train_whole(COMMON "cell=rate cell.phi=identity cell.alpha=0.4", "linear");
    hth_dynamics_plan plan = plan_of("linear");
    hth_dynamics zero = look(plan);
    plan.held = HTH_HELD_MEAN;
    hth_dynamics mean = look(plan);
    hth_config *config;
    hth_session session;
    hth_error error;
    must(hth_run_open(scratch_path("linear"), "validation", NULL, NULL, &config, &session, &error),
         &error);
    const hth_layer_facts of = hth_layer_look(session.parts.network, 0);
    const hth_real *W = hth_network_parameters(session.parts.network) + of.weight;
    assert_int_equal(zero.count, 1);
    assert_int_equal(mean.count, 1);
    assert_true(zero.points[0].is_fixed);
    assert_int_equal(zero.points[0].met, 6);
    double miss = 0, missed = 0, size = 0;
    for (size_t i = 0; i < UNITS; i++) {
        const hth_real *w = W + i * of.columns;
        double at_zero = (double)w[of.columns - 1], at_mean = at_zero;
        for (size_t k = 0; k < UNITS; k++) {
            at_zero -= ((i == k) - (double)w[k]) * zero.points[0].x[k];
            at_mean -= ((i == k) - (double)w[k]) * mean.points[0].x[k];
        }
        miss = fmax(miss, fabs(at_zero));
        missed = fmax(missed, fabs(at_mean));
        size = fmax(size, fabs((double)w[of.columns - 1]));
    }
    assert_true(size > 1e-3);
    assert_true(miss < 1e-12);
    assert_true(missed > 1e-3); /* with an input it rests elsewhere */
    /* J is the same everywhere: exponents of a linear network are the logarithms of its eigenvalues' sizes. */
    plan.steps = 400;
    plan.skip = 200;
    hth_dynamics far = look(plan);
    double sum = 0;
    for (size_t i = 0; i < UNITS; i++) {
        const hth_rest_point *p = &zero.points[0];
        sum += log(hypot(p->re[i], p->im[i]));
    }
    const double largest = log(hypot(zero.points[0].re[0], zero.points[0].im[0]));
    assert_true(fabs(sum - far.log_determinant) < 1e-10);
    assert_true(fabs(far.exponents[0] - largest) < 0.02);
    hth_dynamics_free(&zero);
    hth_dynamics_free(&mean);
    hth_dynamics_free(&far);
    hth_session_close(&session);
    hth_config_destroy(config);
}

static void exponents_add_up_to_the_determinant(void **state) {
    (void)state;
    static const char *const cells[] = {"cell=rate cell.alpha=0.7", "cell=gru", "cell=lstm"};
    for (size_t c = 0; c < HTH_COUNT(cells); c++) {
        char line[400], name[16];
        snprintf(line, sizeof line, COMMON "%s", cells[c]);
        snprintf(name, sizeof name, "cell%zu", c);
        train_whole(line, name);
        hth_dynamics_plan plan = plan_of(name);
        hth_dynamics d = look(plan);
        assert_int_equal(d.states, c == 2 ? 2 * UNITS : UNITS);
        assert_int_equal(d.exponent_steps, 55);
        double sum = 0;
        for (size_t i = 0; i < d.states; i++) sum += d.exponents[i];
        if (!(fabs(sum - d.log_determinant) <= tolerance(1e-10, 1e-3)))
            fail_msg("%s: %.15g is %.15g", cells[c], sum, d.log_determinant);
        assert_true(d.exponents[0] > d.exponents[d.states - 1] + 0.1);
        /* Other steps, another mean. */
        plan.skip = 20;
        hth_dynamics later = look(plan);
        assert_true(fabs(later.log_determinant - d.log_determinant) > 1e-6);
        /* Credit of lags that the whole of it needs, and of none. */
        assert_true(d.credit[0] > d.credit[12] && d.credit[12] > 0);
        assert_int_equal(d.errors, 60);
        assert_true(hth_credit_horizon(&d, 0.99) >= hth_credit_horizon(&d, 0.5));
        assert_true(hth_exponent_horizon(&d, 0.99) > hth_exponent_horizon(&d, 0.5));
        hth_dynamics_free(&later);
        hth_dynamics_free(&d);
    }
}

static void horizons_of_what_fades_evenly(void **state) {
    (void)state;
    double credit[40], exponent = log(0.5);
    for (size_t k = 0; k < 40; k++) credit[k] = pow(0.5, (double)k);
    const hth_dynamics d = {.states = 1,
                            .exponents = &exponent,
                            .credit = credit,
                            .lags = 39,
                            .reach = 39,
                            .errors = 1};
    for (size_t K = 1; K < 8; K++) {
        const double share = 1 - pow(0.5, (double)K);
        assert_int_equal(hth_credit_horizon(&d, share - 1e-6), K);
        assert_true(fabs(hth_exponent_horizon(&d, share) - (double)K) < 1e-9);
        assert_false(hth_credit_is_cut(&d, share - 1e-6));
    }
    /* Too few lags: the K of those that there are is below their number, and yet too small. */
    for (size_t lags = 1; lags < 10; lags++) {
        const hth_dynamics few = {.states = 1,
                                  .exponents = &exponent,
                                  .credit = credit,
                                  .lags = lags,
                                  .reach = lags,
                                  .errors = 1};
        assert_true(hth_credit_horizon(&few, 0.9) <= lags + 1);
        assert_int_equal(hth_credit_is_cut(&few, 0.9), lags < 7);
        if (lags < 3) assert_true(hth_credit_horizon(&few, 0.9) < hth_credit_horizon(&d, 0.9));
    }
    /* What explodes has no K. */
    credit[39] = INFINITY;
    assert_true(hth_credit_is_cut(&d, 0.9));
    credit[39] = NAN;
    assert_true(hth_credit_is_cut(&d, 0.9));
    exponent = 0.1;
    assert_true(isinf(hth_exponent_horizon(&d, 0.9)));
}

/* The same by hand, of few steps: determinants after the first `skip` of each sequence, and the errors at one lag. */
static void assert_by_hand(const hth_dynamics_plan *plan, const hth_dynamics *d, size_t lag) {
    enum { STEPS = 64, MOST = 16 };
    const hth_record_plan record = {.run = plan->run, .split = plan->split};
    static double J[STEPS][MOST * MOST];
    hth_recorder *recorder;
    hth_step_map *map;
    hth_instant now;
    hth_error error;
    double determinant = 0, norms = 0, counted = 0, met = 0;
    uint64_t since = 0;
    must(hth_recorder_open(&record, &recorder, &error), &error);
    must(hth_recorder_map(recorder, &map, &error), &error);
    const size_t N = hth_step_map_sizes(map).units;
    assert_true(N == hth_step_map_sizes(map).all && N <= MOST && plan->steps <= STEPS);
    for (uint64_t t = 0; t < plan->steps; t++) {
        hth_real state[MOST], of_step[MOST * MOST], x[MOST], before[MOST];
        double work[MOST * MOST], square = 0;
        /* The map and the recorder take the same step; of a gru z is X. */
        must(hth_recorder_next(recorder, &now, &error), &error);
        if (now.step == 0) hth_step_reset(map), since = 0;
        must(hth_step_take(map, now.x, -1, &error), &error);
        hth_step_get(map, state);
        assert_true(state[0] == hth_recorder_z(recorder, 0)[0]);
        hth_step_jacobian(map, of_step, NULL);
        for (size_t i = 0; i < N * N; i++) work[i] = J[t][i] = (double)of_step[i];
        if (++since > plan->skip) determinant += hth_dense_log_determinant(work, N), counted++;
        /* The error goes back `lag` steps. */
        if (!(now.weight > 0) || since < lag) continue;
        const hth_verdict verdict = {
            .steps = 1, .classes = &now.target_class, .weights = &now.weight};
        must(hth_step_error(map, &verdict, x, &error), &error);
        for (size_t k = 0; k < lag; k++) {
            memset(before, 0, sizeof before);
            for (size_t i = 0; i < N; i++)
                for (size_t j = 0; j < N; j++) before[j] += x[i] * (hth_real)J[t - k][i * N + j];
            memcpy(x, before, sizeof x);
        }
        for (size_t i = 0; i < N; i++) square += (double)x[i] * (double)x[i];
        norms += sqrt(square);
        met++;
    }
    assert_true(met > 1 && norms > 0);
    assert_true(fabs(determinant / counted - d->log_determinant) <= tolerance(1e-11, 1e-4));
    assert_true(fabs(norms / met - d->credit[lag]) <= tolerance(1e-12, 1e-4) * norms / met);
    hth_step_map_destroy(map);
    hth_recorder_close(recorder);
}

/* Sequences that begin anew: nothing goes back over their start, and the first steps of each do not count. */
static void sequences_begin_anew(void **state) {
    (void)state;
    train_whole(
        "task=store-recall task.periods=4 task.period=3 task.probability=0.6 "
        "task.group=2 network.units=4 cell=gru learner=bptt train.sequences=2 train.threads=1",
        "short");
    hth_dynamics_plan plan = plan_of("short");
    plan.lags = 30;
    hth_dynamics d = look(plan);
    assert_int_equal(d.exponent_steps, 5 * 7); /* 60 steps are 5 sequences of 12 */
    assert_true(d.reach > 5 && d.reach <= 12 && isfinite(d.credit[d.reach]));
    assert_true(isnan(d.credit[d.reach + 1]) && isnan(d.credit[30]));
    assert_int_equal(d.unfinished, 0);
    assert_true(d.errors > 0 && d.errors < 60);
    assert_by_hand(&plan, &d, 1);
    assert_by_hand(&plan, &d, 5);
    hth_dynamics_free(&d);
    /* The sequences end before the lags do; credit has faded where it is so at the last of their steps. */
    double fades[] = {1, 1e-3, 1e-6, NAN, NAN}, stays[] = {1, 1, 1, NAN, NAN};
    hth_dynamics three = {.credit = fades, .lags = 4, .reach = 2, .errors = 1};
    assert_false(hth_credit_is_cut(&three, 0.9));
    three.credit = stays;
    assert_true(hth_credit_is_cut(&three, 0.9));
    assert_int_equal(hth_credit_horizon(&three, 0.9), 3);
    plan.steps = 8;
    d = look(plan);
    assert_int_equal(d.unfinished, 8);
    hth_dynamics_free(&d);
    hth_error error;
    bool stopped;
    plan.skip = 12;
    assert_int_equal(hth_dynamics_find(&plan, &d, &stopped, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "no step counts"));
}

static void spiking_units_have_credit_alone(void **state) {
    (void)state;
    train_whole("task=pattern task.steps=60 task.groups=2 task.inputs=4 network.units=7 cell=alif "
                "cell.v_th=0.3 learner=eprop1 train.sequences=3 train.threads=1 "
                "train.validate_every=-1",
                "spikes");
    hth_dynamics d = look(plan_of("spikes"));
    assert_non_null(d.why_not);
    assert_null(d.exponents);
    assert_int_equal(d.count, 0);
    assert_true(d.credit[0] > 0 && d.credit[5] > 0);
    assert_true(isnan(hth_exponent_horizon(&d, 0.9)));
    hth_dynamics_free(&d);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    train_whole(COMMON "cell=rate network.delay=1..2", "delay");
    hth_dynamics_plan plan = plan_of("delay");
    hth_dynamics d;
    hth_error error;
    bool stopped;
    assert_int_equal(hth_dynamics_find(&plan, &d, &stopped, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "there are no fixed points of it"));
    plan.points = 0; /* but there are exponents */
    d = look(plan);
    assert_int_equal(d.states, 2 * UNITS);
    hth_dynamics_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fixed_point_of_a_linear_network_is_its_inverse),
        cmocka_unit_test(exponents_add_up_to_the_determinant),
        cmocka_unit_test(horizons_of_what_fades_evenly),
        cmocka_unit_test(sequences_begin_anew),
        cmocka_unit_test(spiking_units_have_credit_alone),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
