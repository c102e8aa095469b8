/*
 * network.events changes no bit: outputs, spikes, loss and gradient are the same whether the products with what a layer
 * reads go by lists of events or take zeros too, for cells, inputs, learners, tapes, batches and threads of many kinds;
 * and they do go by lists.
 */
#include "laws.h"

#include "credit/learner.h"

enum { OUTPUTS = 2 };

typedef enum inputs { SPIKES, NUMBERS, SOME_NUMBERS } inputs;

typedef struct law {
    const char *network, *learner;
    size_t inputs, steps, batch, K;
    inputs kind;
} law;

/* What a run leaves. */
typedef struct result {
    size_t count;
    hth_real *outputs, *gradient;
    hth_report report;
    bool listed; /* there were lists, and products by them */
    size_t outputs_count;
} result;

static void free_result(result *r) {
    free(r->outputs);
    free(r->gradient);
}

/* Poisson spikes, numbers, or a number now and then. */
static void fill_inputs(law_rig *rig, inputs kind) {
    const hth_random r = {11, HTH_RANDOM_CHECK, 9};
    hth_real *x = (hth_real *)rig->chunk.x;
    for (size_t i = 0; i < rig->what.steps * rig->what.batch * rig->what.inputs; i++) {
        const bool is_event = hth_random_uniform(&r, i) < 0.1;
        if (kind == SPIKES) x[i] = is_event;
        if (kind == SOME_NUMBERS && !is_event) x[i] = 0;
    }
}

static bool goes_by_events(const hth_tape *tape) {
    for (size_t l = 0; l < tape->network->layer_count; l++)
        if (!tape->layers[l].is_sparse) return false;
    return true;
}

typedef struct run {
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} run;

static void open_run(law_rig *rig, const law *l, run *r) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    snprintf(text, sizeof text, "%s", l->learner);
    const hth_settings settings = law_split(text, items);
    must(hth_learner_create(&settings, rig->network, l->K, l->batch, 1, rig->compute, NULL,
                            &r->learner, &error),
         &error);
    must(hth_learner_tape(r->learner, rig->compute, NULL, &r->tape, &error), &error);
    must(hth_gradient_create(rig->network, NULL, &r->gradient, &error), &error);
}

static void close_run(run *r) {
    hth_gradient_destroy(r->gradient);
    hth_learner_destroy(r->learner);
    hth_tape_destroy(r->tape);
}

static void set_up(law_rig *rig, const law *l, const char *events, int threads) {
    char text[1024];
    hth_error error;
    snprintf(text, sizeof text, "%s network.events=%s", l->network, events);
    const law_case what = {text, l->inputs, 0, OUTPUTS, l->steps, l->batch, false, false};
    law_setup(rig, &what);
    rig->what.settings = l->network; /* that text goes with this function */
    hth_compute_destroy(rig->compute);
    must(hth_compute_create(threads, NULL, &rig->compute, &error), &error);
    fill_inputs(rig, l->kind);
}

/* The sequence in tapes of K. With `lost` half of the events are taken from the lists before learning. */
static result run_law(const law *l, const char *events, int threads, bool lost) {
    law_rig rig;
    run r;
    hth_error error;
    result out = {0};
    set_up(&rig, l, events, threads);
    open_run(&rig, l, &r);
    out.outputs_count = l->steps * l->batch * OUTPUTS;
    out.outputs = calloc(out.outputs_count, sizeof *out.outputs);
    out.listed = true;
    for (size_t t = 0; t < l->steps; t += l->K) {
        hth_chunk cut = law_cut(&rig, t, l->steps - t < l->K ? l->steps - t : l->K);
        cut.ends = t + l->K >= l->steps;
        must(hth_forward(r.tape, &cut, &out.report, &error), &error);
        hth_tape_read(r.tape, hth_tape_length(r.tape) - cut.steps, cut.steps,
                      out.outputs + t * l->batch * OUTPUTS, NULL);
        out.listed = out.listed && goes_by_events(r.tape);
        for (size_t i = 0; lost && i < cut.steps * l->batch; i++)
            r.tape->layers[0].events.count[i] /= 2;
        must(hth_learn(r.learner, r.tape, r.gradient, &error), &error);
    }
    rig.report = out.report;
    law_assert_alive(&rig);
    out.count = rig.count;
    out.gradient = malloc(rig.count * sizeof *out.gradient);
    memcpy(out.gradient, hth_gradient_values(r.gradient), rig.count * sizeof *out.gradient);
    close_run(&r);
    law_teardown(&rig);
    return out;
}

static bool same_outputs(const result *a, const result *b) {
    return memcmp(a->outputs, b->outputs, a->outputs_count * sizeof *a->outputs) == 0 &&
           a->report.loss == b->report.loss && a->report.spikes == b->report.spikes;
}

static bool same_gradient(const result *a, const result *b) {
    return memcmp(a->gradient, b->gradient, a->count * sizeof *a->gradient) == 0;
}

static bool is_alive(const result *r) {
    double sum = 0;
    for (size_t i = 0; i < r->count; i++) sum += fabs((double)r->gradient[i]);
    return sum > 1e-6;
}

static void assert_same(const law *l) {
    static const struct {
        const char *events;
        int threads;
    } ways[] = {{"always", 1}, {"always", 2}, {"auto", 1}, {"auto", 2}, {"never", 2}};
    result never = run_law(l, "never", 1, false);
    assert_false(never.listed);
    assert_true(is_alive(&never));
    for (size_t i = 0; i < HTH_COUNT(ways); i++) {
        result other = run_law(l, ways[i].events, ways[i].threads, false);
        if (!same_outputs(&never, &other) || !same_gradient(&never, &other))
            fail_msg("%s, %s, tapes of %zu, batch %zu: %s with %d threads gives other bits",
                     l->network, l->learner, l->K, l->batch, ways[i].events, ways[i].threads);
        if (strcmp(ways[i].events, "always") == 0) assert_true(other.listed);
        free_result(&other);
    }
    free_result(&never);
}

#define LIF "cell.name=lif cell.v_th=0.3 network.units="
#define ALIF "cell.name=alif cell.v_th=0.3 cell.refractory=2 readout.kappa=0.9 network.units="

static void test_spiking_cells(void **state) {
    static const law laws[] = {
        {LIF "12", "learner.name=eprop1", 5, 30, 3, 30, SPIKES},
        {LIF "12", "learner.name=bptt", 5, 30, 1, 30, SPIKES},
        {ALIF "12", "learner.name=eprop1", 5, 30, 3, 30, SPIKES},
        {ALIF "12", "learner.name=eprop1", 5, 30, 3, 30, NUMBERS},
        {ALIF "12", "learner.name=eprop1", 5, 30, 3, 30, SOME_NUMBERS},
        {ALIF "12", "learner.name=eprop1 ", 5, 30, 7, 30, SPIKES},
        {ALIF "12", "learner.name=bptt", 5, 30, 3, 30, SPIKES},
        {ALIF "12 network.bias=true", "learner.name=bptt", 5, 30, 3, 30, SOME_NUMBERS},
        {ALIF "12 network.direction=both", "learner.name=bptt", 5, 30, 3, 30, SPIKES},
        {ALIF "12,9", "learner.name=bptt", 5, 30, 3, 30, SPIKES},
        {ALIF "12 regulariser.rate=2", "learner.name=bptt", 5, 30, 3, 30, SPIKES},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(laws); i++) assert_same(&laws[i]);
}

static void test_lengths_of_tapes(void **state) {
    static const law laws[] = {
        {ALIF "12", "learner.name=eprop1", 5, 30, 7, 1, SPIKES},
        {ALIF "12", "learner.name=eprop1", 5, 30, 3, 2, SPIKES},
        {ALIF "12", "learner.name=eprop1", 5, 30, 3, 7, SPIKES},
        {ALIF "12", "learner.name=tbptt", 5, 28, 1, 7, SOME_NUMBERS},
        {LIF "12", "learner.name=f-bptt learner.window=9", 5, 30, 3, 7, SPIKES},
        {LIF "12", "learner.name=rtrl", 5, 30, 3, 7, SPIKES},
        {LIF "12", "learner.name=kernl learner.kernel_lr=0", 5, 30, 7, 1, SPIKES},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(laws); i++) assert_same(&laws[i]);
}

/* Enough work for threads to share, and rows whose lists overflow beside others. */
static void test_large(void **state) {
    static const law laws[] = {
        {ALIF "70", "learner.name=eprop1", 20, 80, 9, 80, SPIKES},
        {LIF "70 init.w_rec_scale=2", "learner.name=bptt", 20, 80, 9, 80, SPIKES},
        {ALIF "70", "learner.name=eprop1", 20, 80, 9, 80, NUMBERS},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(laws); i++) assert_same(&laws[i]);
}

/* Any cell can be asked to; what is never 0 is a list of everything. */
static void test_other_cells(void **state) {
    static const law laws[] = {
        {"cell.name=rate network.units=40", "learner.name=bptt", 5, 30, 5, 30, SPIKES},
        {"cell.name=lstm network.units=40", "learner.name=bptt", 5, 30, 5, 30, NUMBERS},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(laws); i++) assert_same(&laws[i]);
}

/* Where there are no lists, and what a test that compares bits would say if events were lost. */
static void test_what_could_differ(void **state) {
    const law l = {ALIF "12", "learner.name=eprop1", 5, 30, 3, 30, SPIKES};
    law few = l, other = l;
    (void)state;
    result whole = run_law(&l, "always", 1, false), lost = run_law(&l, "always", 1, true);
    assert_true(whole.listed);
    assert_true(same_outputs(&whole, &lost));
    assert_false(same_gradient(&whole, &lost)); /* the gradient goes by the lists */
    free_result(&lost);

    other.kind = SOME_NUMBERS;
    lost = run_law(&other, "always", 1, false);
    assert_false(same_outputs(&whole, &lost));
    free_result(&lost);
    free_result(&whole);

    few.K = 1; /* 3 rows a tape: W is read where it lies */
    whole = run_law(&few, "always", 1, false);
    assert_false(whole.listed);
    free_result(&whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spiking_cells),
        cmocka_unit_test(test_lengths_of_tapes),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_other_cells),
        cmocka_unit_test(test_what_could_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
