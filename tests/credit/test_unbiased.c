/*
 * The unbiased pasts, UORO, KF-RTRL and R-KF: their mean over the signs that they draw is the gradient of RTRL, exactly
 * by enumeration on tiny networks and at the rate 1/sqrt(N) on a larger one; and what holds for every draw.
 */
#include "handles.h"

static const char *const names[] = {"uoro", "kf-rtrl", "r-kf"};
enum { UORO, KF_RTRL, R_KF, KINDS };

/* ---- A learner that runs one sequence many times ---- */

typedef struct runs {
    law_rig *rig;
    size_t K;
    handles on;
    uint64_t drawn; /* in a run, without its last tape: what that draws changes nothing */
} runs;

static runs make(law_rig *rig, const char *settings, size_t K) {
    return (runs){.rig = rig, .K = K, .on = handles_make(rig, settings, K)};
}

static void drop(runs *h) {
    handles_drop(&h->on);
}

static void advance(runs *h, size_t from, size_t steps) {
    handles_advance(h->rig, &h->on, from, steps);
}

/* The whole sequence from its start; the random numbers go on. */
static const hth_real *run(runs *h) {
    const size_t steps = h->rig->what.steps;
    hth_tape_reset(h->on.tape);
    hth_gradient_clear(h->on.gradient);
    h->rig->report = (hth_report){0};
    for (size_t t = 0; t < steps; t += h->K) {
        h->drawn = h->on.learner->noise.drawn;
        advance(h, t, steps - t < h->K ? steps - t : h->K);
    }
    return hth_gradient_values(h->on.gradient);
}

static void add(double *sum, const hth_real *x, size_t count) {
    for (size_t i = 0; i < count; i++) sum[i] += (double)x[i];
}

static hth_real *quotient(const double *sum, double by, size_t count) {
    hth_real *out = malloc(count * sizeof *out);
    for (size_t i = 0; i < count; i++) out[i] = (hth_real)(sum[i] / by);
    return out;
}

/* ---- All signs ---- */

typedef struct tiny {
    law_case what;
    size_t K;
} tiny;

#define CASE(settings, steps, batch)                                                               \
    { settings, 2, 0, 2, steps, batch, false, false }
#define SMOOTH " cell.refractory=0 cell.spike=smooth cell.pseudo_derivative=gaussian cell.width=5"
#define RATES "regulariser.rate=20 regulariser.rate_over=tape"

static const tiny cases[] = {
    {CASE("cell.name=rate cell.alpha=0.6 network.units=2", 3, 2), 1},
    {CASE("cell.name=rate cell.alpha=0.6 network.units=2 readout.kappa=0.7", 3, 1), 1},
    {CASE("cell.name=rate network.units=2", 5, 1), 2},
    {CASE("cell.name=rate cell.alpha=0.5 network.units=2,1 readout.kappa=0.5", 3, 1), 1},
    {CASE("cell.name=rate-pre network.units=2", 3, 1), 1},
    {CASE("cell.name=rate-pre network.units=1,2", 5, 1), 2},
    {CASE("cell.name=lstm network.units=1", 3, 1), 1},
    {CASE("cell.name=lstm network.units=2", 3, 1), 1},
    {CASE("cell.name=lstm network.units=1 readout.kappa=0.6", 5, 1), 2},
    {CASE("cell.name=gru network.units=1", 3, 1), 1},
    {CASE("cell.name=gru network.units=2", 3, 1), 1},
    {CASE("cell.name=gru network.units=1,1", 3, 1), 1},
    {CASE("cell.name=lif network.units=2 readout.kappa=0.8" SMOOTH, 3, 1), 1},
    {CASE("cell.name=lif network.units=2 cell.v_th=0.5 cell.width=5 "
          "cell.pseudo_derivative=gaussian init.w_in_scale=2",
          3, 1),
     1},
    {CASE("cell.name=alif network.units=2 cell.beta=0.5 cell.tau_a=5 readout.kappa=0" SMOOTH, 3, 1),
     1},
    {CASE("cell.name=alif network.units=1,1 network.self_connections=true cell.beta=0.5 "
          "readout.kappa=0" SMOOTH,
          3, 1),
     1},
    {CASE("cell.name=lif network.units=2 readout.kappa=0 " RATES SMOOTH, 3, 1), 1},
    {CASE("cell.name=lif network.units=2 readout.kappa=0.8 " RATES SMOOTH, 3, 1), 1},
    {CASE("cell.name=lif network.units=1,1 readout.kappa=0 " RATES SMOOTH, 3, 1), 1},
    {CASE("cell.name=lif network.units=2 readout.kappa=0 " RATES SMOOTH, 5, 1), 2},
    {CASE("cell.name=rate cell.alpha=0.6 cell.learn=alpha network.units=2 readout.kappa=0.7", 3, 1),
     1},
    {CASE("cell.name=alif network.units=1 cell.learn=tau_m,v_th,tau_a,beta cell.beta=0.5 "
          "cell.tau_a=5 readout.kappa=0" SMOOTH,
          3, 1),
     1},
    {CASE("network.units=1,1 network.reads=below,below+input readout.reads=top+input "
          "readout.kappa=0.5 cell.alpha=0.6",
          3, 1),
     1},
    {CASE("network.units=1,1 network.reads=input,input cell.alpha=0.6 readout.kappa=0.5", 3, 1), 1},
    {CASE("network.units=1,1 network.reads=input,input network.cells=rate,gru cell.alpha=0.6", 3,
          1),
     1},
    {CASE("network.cells=rate,lstm network.units=1,1 readout.kappa=0.5", 3, 1), 1},
    {CASE("network.cells=lif,gru network.units=1,1 readout.kappa=0 " RATES SMOOTH, 3, 1), 1},
    {CASE("network.cells=lstm,alif network.units=1,1 layer1.cell.beta=0.4 readout.kappa=0" SMOOTH,
          3, 1),
     1},
    /* A store, whose rows keep what is estimated. */
    {CASE("network.layers=units,store network.units=2,1 store.keys=1 cell.alpha=0.6", 4, 1), 1},
    {CASE("network.layers=units,store network.units=2,1 store.keys=2 cell.alpha=0.6 "
          "store.score=cosine store.rows=2",
          4, 1),
     1},
    {CASE("network.layers=units,store network.units=2,1 store.keys=1 store.every=2", 6, 1), 2},
};

enum { MOST_SIGNS = 12 }; /* more take too long: 2^12 runs a case */

/* 0: too many. */
static uint64_t count_codes(runs *h) {
    hth_learner_enumerate(h->on.learner, 0);
    run(h);
    assert_true(h->drawn > 0);
    return h->drawn <= MOST_SIGNS ? (uint64_t)1 << h->drawn : 0;
}

/* The mean over the codes below end without any bit of `without`. */
static hth_real *mean_over(runs *h, uint64_t end, uint64_t without) {
    double *sum = calloc(h->rig->count, sizeof *sum), count = 0;
    for (uint64_t code = 0; code < end; code++) {
        if (code & without) continue;
        hth_learner_enumerate(h->on.learner, code);
        add(sum, run(h), h->rig->count);
        count++;
    }
    hth_real *mean = quotient(sum, count, h->rig->count);
    free(sum);
    return mean;
}

static void assert_mean_of(law_rig *rig, const char *settings, runs *h, uint64_t codes) {
    hth_real *exact = law_gradient(rig, "learner.name=rtrl", h->K);
    hth_real *mean = mean_over(h, codes, 0);
    law_assert_alive(rig);
    law_assert_equal(rig, settings, mean, exact, tolerance(1e-10, 1e-3));
    /* A single draw; and without the codes where the first sign of the first or of the second tape is positive.
     * One of the two would not do: a change of all signs of a tape changes nothing when those of the other are
     * all there. */
    hth_learner_enumerate(h->on.learner, codes - 1);
    law_assert_differs(rig, "one draw", run(h), exact, 1e-2);
    hth_real *some = mean_over(h, codes, 1 | (uint64_t)1 << h->drawn / 2);
    law_assert_differs(rig, "some of the draws", some, exact, 1e-4);
    free(some);
    free(mean);
    free(exact);
}

/* Whether there were few enough signs to try all. */
static bool assert_mean(law_rig *rig, const char *settings, size_t K) {
    runs h = make(rig, settings, K);
    const uint64_t codes = count_codes(&h);
    if (codes) assert_mean_of(rig, settings, &h, codes);
    drop(&h);
    return codes > 0;
}

static void test_mean_over_all_signs(void **state) {
    static const size_t at_least[KINDS] = {HTH_COUNT(cases), HTH_COUNT(cases), 12};
    size_t tried[KINDS] = {0};
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(cases); c++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            char settings[64];
            law_rig rig;
            snprintf(settings, sizeof settings, "learner.name=%s", names[kind]);
            law_setup(&rig, &cases[c].what);
            tried[kind] += assert_mean(&rig, settings, cases[c].K);
            law_teardown(&rig);
        }
    for (size_t kind = 0; kind < KINDS; kind++)
        if (tried[kind] < at_least[kind]) fail_msg("%s: %zu cases", names[kind], tried[kind]);
}

/* UORO also keeps the influence of token vectors and learned initial states. */
static void test_tokens_and_initial_states(void **state) {
    (void)state;
    static const tiny more[] = {
        {{"cell.name=rate network.units=2 network.embedding=2 network.initial=learned", 0, 3, 2, 4,
          1, true, false},
         1},
        {{"cell.name=lstm network.units=1 network.embedding=2 network.initial=learned", 0, 3, 2, 5,
          1, true, false},
         2},
    };
    for (size_t c = 0; c < HTH_COUNT(more); c++) {
        law_rig rig;
        law_setup(&rig, &more[c].what);
        assert_true(assert_mean(&rig, "learner.name=uoro", more[c].K));
        law_teardown(&rig);
    }
}

/* ---- Many draws ---- */

static const law_case larger = {"cell.name=rate cell.alpha=0.5 network.units=6,5 readout.kappa=0.5",
                                2,
                                0,
                                2,
                                8,
                                2,
                                false,
                                false};

static double distance(const double *sum, double draws, const hth_real *exact, size_t count) {
    double square = 0;
    for (size_t i = 0; i < count; i++) square += pow(sum[i] / draws - (double)exact[i], 2);
    return sqrt(square);
}

/* Groups of draws: the error of the mean of all is a quarter of that of a group, 16 to 1, but for chance. With a mean
 * that is not the exact gradient it would not fall. */
static void assert_converges(const char *settings, size_t draws) {
    enum { GROUPS = 16 };
    law_rig rig;
    law_setup(&rig, &larger);
    hth_real *exact = law_gradient(&rig, "learner.name=rtrl", 1);
    hth_real *wrong = law_gradient(&rig, "learner.name=tbptt", 1);
    runs h = make(&rig, settings, 1);
    double *all = calloc(rig.count, sizeof *all), of_groups = 0;
    for (size_t group = 0; group < GROUPS; group++) {
        double *sum = calloc(rig.count, sizeof *sum);
        for (size_t i = 0; i < draws; i++) add(sum, run(&h), rig.count);
        of_groups += pow(distance(sum, (double)draws, exact, rig.count), 2) / GROUPS;
        for (size_t i = 0; i < rig.count; i++) all[i] += sum[i];
        free(sum);
    }
    const double ratio =
        distance(all, (double)(draws * GROUPS), exact, rig.count) / sqrt(of_groups);
    if (!(ratio > 0.15 && ratio < 0.4)) fail_msg("%s: the error falls to %.3g", settings, ratio);
    const double biased = distance(all, (double)(draws * GROUPS), wrong, rig.count);
    assert_true(biased > 0.6 * sqrt(of_groups)); /* without a past: not that mean */
    free(all);
    free(exact);
    free(wrong);
    drop(&h);
    law_teardown(&rig);
}

static void test_error_falls_with_draws(void **state) {
    (void)state;
    assert_converges("learner.name=uoro", 300);
    assert_converges("learner.name=kf-rtrl", 60);
    assert_converges("learner.name=r-kf", 300);
    assert_converges("learner.name=uoro learner.noise=normal", 600);
    assert_converges("learner.name=r-kf learner.noise=normal", 600);
}

/* ---- What holds for every draw ---- */

/* What is kept after one step is exact in KF-RTRL: nothing has been added to anything. */
static void assert_kronecker_starts_exact(const char *network) {
    const law_case two = {network, 2, 0, 2, 2, 2, false, false};
    law_rig rig;
    law_setup(&rig, &two);
    hth_real *exact = law_gradient(&rig, "learner.name=rtrl", 1);
    for (size_t kind = 0; kind < KINDS; kind++) {
        char settings[64];
        snprintf(settings, sizeof settings, "learner.name=%s", names[kind]);
        runs h = make(&rig, settings, 1);
        if (kind == KF_RTRL)
            law_assert_equal(&rig, "two steps", run(&h), exact, tolerance(1e-10, 1e-4));
        else
            law_assert_differs(&rig, "two steps", run(&h), exact, 1e-2);
        drop(&h);
    }
    free(exact);
    law_teardown(&rig);
}

static void test_kronecker_starts_exact(void **state) {
    (void)state;
    assert_kronecker_starts_exact("cell.name=lstm network.units=4,3 readout.kappa=0.6");
    assert_kronecker_starts_exact(
        "cell.name=gru network.units=4,3 network.reads=input,input readout.kappa=0.6");
}

/* What the past adds to the gradient of the last step: the rest is the step's own, found with past = none. */
static void past_part(runs *h, runs *none, size_t from, double *out) {
    hth_gradient_clear(h->on.gradient);
    hth_gradient_clear(none->on.gradient);
    advance(h, from, 1);
    advance(none, from, 1);
    for (size_t i = 0; i < h->rig->count; i++)
        out[i] = (double)hth_gradient_values(h->on.gradient)[i] -
                 (double)hth_gradient_values(none->on.gradient)[i];
}

/* Largest 2 x 2 minor of a matrix over the square of its largest entry: 0 for rank 1. */
static double rank_two(const double *x, size_t rows, size_t columns) {
    double minor = 0, largest = 0;
    for (size_t i = 0; i + 1 < rows; i++)
        for (size_t k = 0; k + 1 < columns; k++) {
            const double *at = x + i * columns + k;
            minor = fmax(minor, fabs(at[0] * at[columns + 1] - at[1] * at[columns]));
            largest = fmax(largest, fabs(at[0]));
        }
    return minor / (largest * largest);
}

static void test_rank_of_a_step(void **state) {
    (void)state;
    static const law_case one = {
        "cell.name=rate cell.alpha=0.5 network.units=5", 2, 0, 2, 6, 1, false, false};
    law_rig rig;
    law_setup(&rig, &one);
    static const bool rank_one[] = {[UORO] = false, [KF_RTRL] = true, [R_KF] = true};
    for (size_t kind = 0; kind < KINDS; kind++) {
        char settings[64];
        snprintf(settings, sizeof settings, "learner.name=%s", names[kind]);
        runs h = make(&rig, settings, 1);
        runs none = make(&rig, "learner.name=tbptt", 1);
        double *part = calloc(rig.count, sizeof *part);
        for (size_t t = 0; t < 6; t++) past_part(&h, &none, t, part);
        const hth_layer *layer = &rig.network->layers[0];
        const double minor = rank_two(part, layer->rows, layer->m);
        if (rank_one[kind])
            assert_true(minor < tolerance(1e-10, 1e-3));
        else
            assert_true(minor > 1e-2);
        free(part);
        drop(&none);
        drop(&h);
    }
    law_teardown(&rig);
}

/* UORO's part of a gradient is a number times B: at other errors, another number. */
static void test_uoro_is_parallel_to_B(void **state) {
    (void)state;
    law_case one_item = larger;
    law_rig rig;
    hth_field fields[8];
    one_item.batch = 1;
    law_setup(&rig, &one_item);
    runs h = make(&rig, "learner.name=uoro", 1), none = make(&rig, "learner.name=tbptt", 1);
    double *part = calloc(rig.count, sizeof *part);
    for (size_t t = 0; t < 5; t++) past_part(&h, &none, t, part);
    hth_learner_state(h.on.learner, fields, 8);
    hth_real *B = malloc(fields[1].count * sizeof *B);
    assert_int_equal(fields[1].count, rig.network->recurrent_count);
    memcpy(B, fields[1].data, fields[1].count * sizeof *B);
    past_part(&h, &none, 5, part);
    double both = 0, one = 0, other = 0;
    for (size_t i = 0; i < rig.network->recurrent_count; i++) {
        both += part[i] * (double)B[i];
        one += part[i] * part[i];
        other += (double)B[i] * (double)B[i];
    }
    assert_true(one > 0 && other > 0);
    assert_true(fabs(fabs(both) / sqrt(one * other) - 1) < tolerance(1e-12, 1e-5));
    hth_learner_state(h.on.learner, fields, 8); /* the next B is another */
    assert_true(memcmp(B, fields[1].data, fields[1].count * sizeof *B) != 0);
    free(B);
    free(part);
    drop(&none);
    drop(&h);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_over_all_signs),
        cmocka_unit_test(test_tokens_and_initial_states),
        cmocka_unit_test(test_error_falls_with_draws),
        cmocka_unit_test(test_kronecker_starts_exact),
        cmocka_unit_test(test_rank_of_a_step),
        cmocka_unit_test(test_uoro_is_parallel_to_B),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
