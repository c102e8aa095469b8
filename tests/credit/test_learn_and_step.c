/*
 * hth_learn_and_step has the bits of hth_gradient_clear, hth_learn and hth_optimiser_step: for every preset, cell and
 * optimiser, where the weights descend while their gradient is found and where they do not; when both ways take turns;
 * after a caller has written to the learner's state; and after a gradient that is not finite, when the parameters are
 * unchanged.
 */
#include "laws.h"

#include "credit/catalogues.h"
#include "credit/learner.h"

enum { UPDATES = 50, MOST_FIELDS = 48, GROWING = 3000 };

/* How a run makes its updates. */
typedef enum way { THREE_CALLS, ONE_CALL, IN_TURN } way;

typedef struct run {
    law_rig rig;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
    hth_report report;
    size_t descents; /* updates that left the layers' part of the gradient alone */
} run;

/* False: these settings have no meaning together. `how`: of learner and optimiser, "a=b c=d". */
static bool open_run(run *r, const law_case *what, const char *how, size_t K) {
    char text[512];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    memset(r, 0, sizeof *r);
    law_setup(&r->rig, what);
    snprintf(text, sizeof text, "%s", how);
    const hth_settings settings = law_split(text, items);
    hth_network *net = r->rig.network;
    const hth_status status = hth_learner_create(&settings, net, K, what->batch, 1, r->rig.compute,
                                                 NULL, &r->learner, &error);
    if (status == HTH_INVALID) {
        law_teardown(&r->rig);
        return false;
    }
    must(status, &error);
    must(hth_learner_tape(r->learner, r->rig.compute, NULL, &r->tape, &error), &error);
    must(hth_gradient_create(net, NULL, &r->gradient, &error), &error);
    must(hth_optimiser_create(&settings, net, r->rig.compute, NULL, &r->optimiser, &error), &error);
    return true;
}

static void close_run(run *r) {
    hth_optimiser_destroy(r->optimiser);
    hth_gradient_destroy(r->gradient);
    hth_learner_destroy(r->learner);
    hth_tape_destroy(r->tape);
    law_teardown(&r->rig);
}

static hth_status update(run *r, bool in_one, hth_error *error) {
    hth_network *net = r->rig.network;
    if (in_one) {
        const hth_status status =
            hth_learn_and_step(r->learner, r->tape, r->gradient, r->optimiser, net, 1, error);
        const size_t layers = r->gradient->layers;
        r->descents += !r->gradient->of_readout_only && r->gradient->put_off == layers;
        return status;
    }
    hth_gradient_clear(r->gradient);
    must(hth_learn(r->learner, r->tape, r->gradient, error), error);
    return hth_optimiser_step(r->optimiser, net, r->gradient, 1, error);
}

/* Updates from..to-1, each after a tape of K steps; a new sequence begins in the middle of all. */
static void advance(run *r, size_t K, size_t from, size_t to, way how) {
    hth_error error;
    for (size_t i = from; i < to; i++) {
        hth_chunk chunk = law_cut(&r->rig, i * K, K);
        const size_t half = r->rig.what.steps / K / 2;
        if (i == half) {
            hth_tape_reset(r->tape);
            hth_learner_reset(r->learner);
        }
        chunk.ends = i + 1 == half;
        must(hth_forward(r->tape, &chunk, &r->report, &error), &error);
        must(update(r, how == ONE_CALL || (how == IN_TURN && i % 3 > 0), &error), &error);
    }
}

static size_t bytes_of(const hth_field *field) {
    return field->count * (field->dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                           : field->dtype == HTH_DTYPE_I32 ? 4
                                                           : 8);
}

/* Parameters, moments, what the learner and the tape carry, and the report. */
static bool same(run *a, run *b) {
    hth_field x[MOST_FIELDS], y[MOST_FIELDS];
    size_t count = hth_network_state(a->rig.network, x, MOST_FIELDS), others;
    others = hth_network_state(b->rig.network, y, MOST_FIELDS);
    count += hth_optimiser_state(a->optimiser, x + count, MOST_FIELDS - count);
    others += hth_optimiser_state(b->optimiser, y + others, MOST_FIELDS - others);
    count += hth_learner_state(a->learner, x + count, MOST_FIELDS - count);
    others += hth_learner_state(b->learner, y + others, MOST_FIELDS - others);
    count += hth_tape_state(a->tape, x + count, MOST_FIELDS - count);
    others += hth_tape_state(b->tape, y + others, MOST_FIELDS - others);
    assert_true(count <= MOST_FIELDS && count == others);
    bool all = memcmp(&a->report, &b->report, sizeof a->report) == 0;
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(x[i].name, y[i].name);
        all = all && memcmp(x[i].data, y[i].data, bytes_of(&x[i])) == 0;
    }
    return all;
}

static void assert_moved(const run *r, const run *from) {
    size_t moved = 0;
    for (size_t i = 0; i < r->rig.count; i++)
        moved += r->rig.network->theta[i] != from->rig.network->theta[i];
    assert_true(moved > 0);
}

/* The law. Returns the updates in which the weights descended on the way; *any: the case has a meaning. */
static size_t check(const law_case *what, const char *how, size_t K, bool *any) {
    run three, one, turns, still;
    size_t descents;
    *any = open_run(&three, what, how, K);
    if (!*any) return 0;
    assert_true(open_run(&one, what, how, K) && open_run(&turns, what, how, K) &&
                open_run(&still, what, how, K));
    advance(&three, K, 0, UPDATES, THREE_CALLS);
    advance(&one, K, 0, UPDATES, ONE_CALL);
    advance(&turns, K, 0, UPDATES, IN_TURN);
    three.rig.report = three.report;
    law_assert_alive(&three.rig);
    assert_moved(&three, &still);
    if (!same(&three, &one)) fail_msg("%s, %s, K = %zu: other bits", what->settings, how, K);
    if (!same(&three, &turns)) fail_msg("%s, %s, K = %zu: in turn", what->settings, how, K);
    descents = one.descents;
    assert_true(descents == 0 || descents == UPDATES);
    assert_true(turns.descents <= descents);
    close_run(&three);
    close_run(&one);
    close_run(&turns);
    close_run(&still);
    return descents;
}

static const char *const cells[] = {
    "network.units=19 cell.name=rate cell.alpha=0.4 loss.name=mse",
    "network.units=9 cell.name=lstm loss.name=mse",
    "network.units=9 cell.name=gru loss.name=mse",
    "network.units=19 cell.name=lif cell.v_th=0.3 loss.name=mse readout.tau_out=10",
    "network.units=19 cell.name=alif cell.v_th=0.3 cell.beta=0.1 loss.name=mse readout.tau_out=10",
    "network.units=19 cell.name=lif cell.v_th=0.3 loss.name=mse",
};

static const char *const optimisers[] = {
    "optimiser.name=sgd optimiser.lr=1e-4",
    "optimiser.name=momentum optimiser.lr=1e-5",
    "optimiser.name=adam optimiser.lr=0.001",
    "optimiser.name=sgd optimiser.lr=1e-4 optimiser.weight_decay=0.1",
    "optimiser.name=momentum optimiser.lr=1e-5 optimiser.weight_decay=0.1 optimiser.nesterov=true",
    "optimiser.name=adam optimiser.lr=0.001 optimiser.weight_decay=0.1 optimiser.lr_readout=0.3",
};

static bool is_among(const char *name, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, list[i]) == 0) return true;
    return false;
}

/* Presets whose weights descend on the way wherever they have a meaning, with a tape of one step and one item. */
static const char *const descending[] = {
    "bptt",  "tbptt", "rflo",  "eprop1",   "eprop1-symmetric", "snap1",           "uoro",
    "kernl", "dni",   "dni-b", "tbptt-sg", "tbptt-traces",     "eprop3-truncated"};

static void check_presets(size_t K, size_t batch, size_t first, size_t step) {
    size_t cases = 0, descents = 0;
    for (size_t p = 0; p < hth_learners.count; p++)
        for (size_t c = 0; c < HTH_COUNT(cells); c++)
            for (size_t o = first; o < HTH_COUNT(optimisers); o += step) {
                const char *name = hth_learners.at(p)->name;
                const law_case what = {cells[c], 3, 0, 2, UPDATES * K, batch, false, false};
                char how[400];
                bool any;
                snprintf(how, sizeof how, "learner.name=%s learner.kernel_lr=%s %s", name,
                         strstr(cells[c], "lif") ? "0" : "5", optimisers[o]);
                const size_t found = check(&what, how, K, &any);
                cases += any;
                descents += found > 0;
                if (!any) continue;
                const bool should =
                    K == 1 && batch == 1 && is_among(name, descending, HTH_COUNT(descending));
                if ((found > 0) != should)
                    fail_msg("%s, %s: %s", cells[c], how, should ? "no descent" : "a descent");
            }
    assert_true(cases > 60);
    assert_true(K > 1 || descents > 50);
}

static void test_every_preset(void **state) {
    (void)state;
    check_presets(1, 1, 0, 1);
}

static void test_general_way(void **state) {
    (void)state;
    check_presets(5, 3, 0, 3);
}

/* Networks of other forms: several parts a layer, a row longer than a part, a stack, tokens, missing connections,
 * weighted steps. */
static void test_forms(void **state) {
    static const struct {
        law_case what;
        const char *how;
        bool descends;
    } forms[] = {
        {{"network.units=70 cell.name=rate", 5, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd",
         true},
        {{"network.units=70 cell.name=rate", 5, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=adam",
         true},
        {{"network.units=3 cell.name=rate", 2100, 0, 2, UPDATES, 1, false, false},
         "learner.name=snap1 optimiser.name=momentum",
         true},
        {{"network.units=3 cell.name=rate init.w_in=zero", 2100, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=sgd optimiser.lr=1e-5",
         true},
        {{"network.units=12,12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, true},
         "learner.name=rflo optimiser.name=adam",
         true},
        {{"network.units=12,12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=uoro optimiser.name=sgd",
         true},
        {{"network.units=12 network.connections=random network.density=0.3 cell.name=rate", 3, 0, 2,
          UPDATES, 1, false, false},
         "learner.name=snap1 optimiser.name=momentum",
         true},
        {{"network.units=12 network.embedding=4 cell.name=rate loss.name=softmax", 0, 9, 5, UPDATES,
          1, true, false},
         "learner.name=rflo optimiser.name=sgd",
         true},
        {{"network.units=12 network.embedding=4 cell.name=rate loss.name=softmax", 0, 9, 5, UPDATES,
          1, true, false},
         "learner.name=tbptt optimiser.name=adam",
         true},
        {{"network.units=12 network.embedding=4 cell.name=rate loss.name=softmax", 0, 9, 5, UPDATES,
          1, true, false},
         "learner.name=uoro optimiser.name=adam",
         false},
        {{"network.units=12 network.initial=learned cell.name=rate", 3, 0, 2, UPDATES, 1, false,
          false},
         "learner.name=rflo optimiser.name=sgd",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=sgd optimiser.clip_norm=0.01",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=adam optimiser.lr_recurrent=0",
         false},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 1, false, false},
         "learner.name=rflo optimiser.name=adam optimiser.schedule=exponential optimiser.every=7",
         true},
        {{"network.units=12 cell.name=rate", 3, 0, 2, UPDATES, 2, false, false},
         "learner.name=rflo optimiser.name=sgd",
         false},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(forms); i++) {
        bool any;
        const size_t descents = check(&forms[i].what, forms[i].how, 1, &any);
        if (!any || (descents > 0) != forms[i].descends)
            fail_msg("%s, %s: %zu descents", forms[i].what.settings, forms[i].how, descents);
    }
}

/* The comparison sees the last bit of a learning rate, and a sequence whose last two inputs change places. */
static void test_negative_control(void **state) {
    const law_case what = {cells[0], 3, 0, 2, UPDATES, 1, false, false};
    run a, b;
    (void)state;
    for (int c = 0; c < 2; c++) {
        assert_true(
            open_run(&a, &what, "learner.name=rflo optimiser.name=sgd optimiser.lr=0.01", 1));
        assert_true(open_run(&b, &what,
                             c ? "learner.name=rflo optimiser.name=sgd optimiser.lr=0.01"
                               : "learner.name=rflo optimiser.name=sgd optimiser.lr=0.010000001",
                             1));
        hth_real *x = (hth_real *)b.rig.chunk.x + (UPDATES - 2) * 3;
        for (size_t k = 0; c && k < 3; k++) {
            const hth_real kept = x[k];
            x[k] = x[3 + k];
            x[3 + k] = kept;
        }
        advance(&a, 1, 0, UPDATES, ONE_CALL);
        advance(&b, 1, 0, UPDATES, ONE_CALL);
        assert_false(same(&a, &b));
        close_run(&a);
        close_run(&b);
    }
}

/* ---- Numbers that are large or not finite ---- */

static hth_field field_of(hth_learner *learner, const char *name) {
    hth_field fields[MOST_FIELDS];
    const size_t count = hth_learner_state(learner, fields, MOST_FIELDS);
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0) return fields[i];
    fail_msg("the learner's state has no field %s", name);
    return (hth_field){.count = 0};
}

/* After ten updates a caller writes `value` into what a learner keeps of a synapse. Both ways take it up. */
static void check_written(const char *how, const char *name, double value, hth_status expected) {
    const law_case what = {"network.units=19 cell.name=rate cell.alpha=0.4 loss.name=mse",
                           3,
                           0,
                           2,
                           UPDATES,
                           1,
                           false,
                           false};
    run runs[2];
    hth_error errors[2];
    for (int i = 0; i < 2; i++) {
        run *r = &runs[i];
        hth_real *before = malloc(1000 * sizeof *before);
        assert_true(open_run(r, &what, how, 1) && r->rig.count <= 1000);
        advance(r, 1, 0, 10, i ? ONE_CALL : THREE_CALLS);
        hth_field field = field_of(r->learner, name);
        ((hth_real *)field.data)[7] = (hth_real)value;
        memcpy(before, r->rig.network->theta, r->rig.count * sizeof *before);
        const hth_chunk chunk = law_cut(&r->rig, 10, 1);
        must(hth_forward(r->tape, &chunk, &r->report, &errors[i]), &errors[i]);
        errors[i].message[0] = '\0';
        const hth_status status = update(r, i, &errors[i]);
        if (status != expected) fail_msg("%s: status %d for %g", how, (int)status, value);
        const bool unchanged =
            memcmp(before, r->rig.network->theta, r->rig.count * sizeof *before) == 0;
        assert_int_equal(unchanged, status != HTH_OK);
        free(before);
    }
    assert_string_equal(errors[0].message, errors[1].message);
    if (expected == HTH_OK) {
        advance(&runs[0], 1, 11, UPDATES, THREE_CALLS);
        advance(&runs[1], 1, 11, UPDATES, ONE_CALL);
        assert_true(same(&runs[0], &runs[1]));
    }
    close_run(&runs[0]);
    close_run(&runs[1]);
}

static void test_written_state(void **state) {
    static const char *const kept[][2] = {
        {"learner.name=rflo optimiser.name=sgd optimiser.lr=1e-9", "trace0.weight"},
        {"learner.name=kernl learner.kernel_lr=0 optimiser.name=sgd optimiser.lr=1e-9",
         "kernel.traces"},
        {"learner.name=uoro optimiser.name=sgd optimiser.lr=1e-9", "rank-one.B"},
    };
    const double huge = tolerance(1e300, 1e33);
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(kept); i++) {
        check_written(kept[i][0], kept[i][1], 0.5, HTH_OK);
        check_written(kept[i][0], kept[i][1], NAN, HTH_NOT_FINITE);
        check_written(kept[i][0], kept[i][1], INFINITY, HTH_NOT_FINITE);
        if (i < 2) check_written(kept[i][0], kept[i][1], 1e-30 * huge, HTH_OK);
    }
}

/* Feedback weights and an input so large that their product overflows, though the loss does not. */
static void check_overflow(const char *how, double feedback, double input, hth_status expected) {
    const law_case what = {"network.units=5 cell.name=rate init.w_in=zero loss.name=mse",
                           3,
                           0,
                           2,
                           UPDATES,
                           1,
                           false,
                           false};
    run runs[2];
    hth_error errors[2];
    hth_real F[10];
    for (size_t i = 0; i < 10; i++) F[i] = (hth_real)(i % 2 ? feedback : -feedback);
    for (int i = 0; i < 2; i++) {
        run *r = &runs[i];
        hth_real before[100];
        assert_true(open_run(r, &what, how, 1) && r->rig.count <= 100);
        hth_real *theta = r->rig.network->theta;
        for (size_t j = 0; j < 5; j++) theta[j * 9 + 5] = 0;
        advance(r, 1, 0, 3, i ? ONE_CALL : THREE_CALLS);
        for (size_t j = 0; j < 5; j++) theta[j * 9 + 5] = 0;
        must(hth_learner_feedback(r->learner, F, 2, 5, &errors[i]), &errors[i]);
        ((hth_real *)r->rig.chunk.x)[3 * 3] = (hth_real)input;
        memcpy(before, theta, r->rig.count * sizeof *before);
        const hth_chunk chunk = law_cut(&r->rig, 3, 1);
        must(hth_forward(r->tape, &chunk, &r->report, &errors[i]), &errors[i]);
        errors[i].message[0] = '\0';
        assert_int_equal(update(r, i, &errors[i]), expected);
        assert_int_equal(memcmp(before, theta, r->rig.count * sizeof *before) == 0,
                         expected != HTH_OK);
    }
    assert_string_equal(errors[0].message, errors[1].message);
    assert_true(expected != HTH_OK || same(&runs[0], &runs[1]));
    close_run(&runs[0]);
    close_run(&runs[1]);
}

static void test_overflow(void **state) {
    static const char *const rules[] = {
        "learner.name=rflo learner.signal=random optimiser.name=sgd optimiser.lr=1e-12",
        "learner.name=tbptt learner.signal=random optimiser.name=adam",
        "learner.name=uoro learner.signal=random optimiser.name=momentum optimiser.lr=1e-12",
        "learner.name=kernl learner.kernel_lr=0 learner.signal=random optimiser.name=sgd",
    };
    const double huge = tolerance(1e250, 1e25);
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(rules); i++) {
        check_overflow(rules[i], 1, 1, HTH_OK);
        check_overflow(rules[i], huge, 1, HTH_OK);
        check_overflow(rules[i], huge, tolerance(1e45, 1e8),
                       HTH_OK); /* above the bound, yet finite */
        check_overflow(rules[i], huge, huge, HTH_NOT_FINITE);
    }
}

/* Units that never fire and hold themselves by 2, so that their traces double at every step until they overflow, while
 * the error that reaches them is `weight` times that of the readout. */
static void open_growing(run *r, const char *how, double weight) {
    const law_case what = {"network.units=3 cell.name=rate cell.alpha=1 loss.name=mse",
                           2,
                           0,
                           2,
                           GROWING,
                           1,
                           false,
                           false};
    assert_true(open_run(r, &what, how, 1));
    const hth_network *net = r->rig.network;
    const hth_layer *layer = &net->layers[0];
    memset(net->theta, 0, r->rig.count * sizeof(hth_real));
    for (size_t j = 0; j < layer->n; j++) net->theta[layer->weight + j * layer->m + j] = 2;
    for (size_t i = 0; i < net->readout.outputs * net->readout.n; i++)
        net->theta[net->readout.weight + i] = (hth_real)weight;
}

/* One call and three find the same at every step, up to the one that is refused. */
static void check_growing(const char *how, double weight) {
    static const hth_real x[2] = {0, 0}, y[2] = {1, -1};
    const hth_chunk chunk = {.steps = 1, .batch = 1, .x = x, .targets = weight != 0 ? y : x};
    run runs[2];
    hth_status status = HTH_OK;
    for (int one = 0; one < 2; one++) open_growing(&runs[one], how, weight);
    for (size_t t = 0; t < GROWING && status == HTH_OK; t++) {
        hth_status found[2];
        hth_error error;
        for (int one = 0; one < 2; one++) {
            run *r = &runs[one];
            found[one] = hth_forward(r->tape, &chunk, &r->report, &error);
            if (found[one] == HTH_OK) found[one] = update(r, one, &error);
        }
        status = found[0];
        assert_int_equal(found[1], status);
        assert_memory_equal(runs[0].rig.network->theta, runs[1].rig.network->theta,
                            runs[0].rig.count * sizeof(hth_real));
    }
    assert_int_equal(status, HTH_NOT_FINITE);
    close_run(&runs[0]);
    close_run(&runs[1]);
}

static void test_traces_that_overflow(void **state) {
    static const char *const rules[] = {
        "learner.name=snap1 optimiser.name=sgd optimiser.lr=1e-30",
        "learner.name=snap1 optimiser.name=momentum optimiser.lr=1e-30",
        "learner.name=uoro optimiser.name=sgd optimiser.lr=1e-30"};
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(rules); i++) {
        check_growing(rules[i], 0);
        check_growing(rules[i], 1e-20);
        check_growing(rules[i], 1);
    }
}

/* The readout's part of the gradient is not finite, though that of the layers is. */
static void test_rest_not_finite(void **state) {
    const law_case what = {"network.units=5 cell.name=rate cell.phi=identity loss.name=mse",
                           3,
                           0,
                           2,
                           UPDATES,
                           1,
                           false,
                           false};
    const double input = tolerance(1e195, 1e22), feedback = tolerance(1e-100, 1e-15);
    hth_real F[10];
    (void)state;
    for (size_t k = 0; k < 10; k++) F[k] = (hth_real)feedback;
    for (int i = 0; i < 2; i++) {
        run r;
        hth_error error;
        hth_real before[100];
        assert_true(open_run(&r, &what,
                             "learner.name=rflo learner.signal=random optimiser.name=sgd "
                             "optimiser.lr=1e-9",
                             1) &&
                    r.rig.count <= 100);
        advance(&r, 1, 0, 3, i ? ONE_CALL : THREE_CALLS);
        must(hth_learner_feedback(r.learner, F, 2, 5, &error), &error);
        hth_real *targets = (hth_real *)r.rig.chunk.targets + 3 * 2;
        hth_real *x = (hth_real *)r.rig.chunk.x + 3 * 3;
        for (size_t k = 0; k < 2; k++) targets[k] = (hth_real)(tolerance(1e150, 1e18));
        for (size_t k = 0; k < 3; k++) x[k] = (hth_real)input;
        for (size_t k = 0; k < 10; k++) r.rig.network->theta[r.rig.network->readout.weight + k] = 0;
        memcpy(before, r.rig.network->theta, r.rig.count * sizeof *before);
        const hth_chunk chunk = law_cut(&r.rig, 3, 1);
        must(hth_forward(r.tape, &chunk, &r.report, &error), &error);
        assert_int_equal(update(&r, i, &error), HTH_NOT_FINITE);
        assert_memory_equal(before, r.rig.network->theta, r.rig.count * sizeof *before);
        close_run(&r);
    }
}

/* Handles that do not fit are refused as by the three calls. */
static void test_refused(void **state) {
    const law_case what = {cells[0], 3, 0, 2, UPDATES, 1, false, false};
    const law_case other = {cells[0], 2, 0, 2, UPDATES, 1, false, false};
    run a, b;
    hth_error error;
    (void)state;
    assert_true(open_run(&a, &what, "learner.name=rflo", 1) &&
                open_run(&b, &other, "learner.name=rflo", 1));
    assert_int_equal(update(&a, true, &error), HTH_MISMATCH); /* nothing on the tape */
    const hth_chunk chunk = law_cut(&a.rig, 0, 1);
    must(hth_forward(a.tape, &chunk, &a.report, &error), &error);
    assert_int_equal(
        hth_learn_and_step(a.learner, a.tape, b.gradient, a.optimiser, a.rig.network, 1, &error),
        HTH_MISMATCH);
    assert_int_equal(
        hth_learn_and_step(a.learner, a.tape, a.gradient, b.optimiser, a.rig.network, 1, &error),
        HTH_MISMATCH);
    close_run(&a);
    close_run(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_preset),    cmocka_unit_test(test_general_way),
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_negative_control),
        cmocka_unit_test(test_written_state),   cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_rest_not_finite), cmocka_unit_test(test_traces_that_overflow),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
