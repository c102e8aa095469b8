/* Decisions over several steps: their number, and that of the right ones, are those of a plain sum of the
 * readout's outputs; for tapes of any length, for outputs of one tile and of several, and when the state
 * moves to another tape in the middle of a decision. */
#include "laws.h"

enum { INPUTS = 3, STEPS = 60, BATCH = 3 };

typedef struct rig {
    size_t outputs;
    hth_compute *compute;
    hth_network *network;
    hth_chunk chunk; /* all steps */
    hth_real *x, *weights, *y;
    int32_t *classes;
    uint8_t *decides;
} rig;

/* Periods of 1 to 8 steps, with weight or without; a decision ends in some of those with, at the last
 * step or before it. */
static void draw_data(rig *r) {
    const hth_random random = {3, HTH_RANDOM_CHECK, 0};
    uint64_t draw = 0;
    for (size_t i = 0; i < STEPS * BATCH * INPUTS; i++)
        r->x[i] = (hth_real)hth_random_normal(&random, UINT64_C(1) << 32 | i);
    for (size_t b = 0; b < BATCH; b++)
        for (size_t t = 0; t < STEPS;) {
            const size_t length = 1 + hth_random_below(&random, draw++, 8);
            const hth_real weight = (hth_real)hth_random_below(&random, draw++, 3) / 2;
            const int32_t class = (int32_t)hth_random_below(&random, draw++, r->outputs);
            const size_t mark = hth_random_below(&random, draw++, length + 1);
            for (size_t i = 0; i < length && t < STEPS; i++, t++) {
                r->weights[t * BATCH + b] = weight;
                r->classes[t * BATCH + b] = class;
                r->decides[t * BATCH + b] = weight > 0 && i == mark;
            }
        }
}

static void set_up(rig *r, size_t outputs, bool decides) {
    const size_t items = STEPS * BATCH;
    const hth_setting items_of[] = {
        {"network.units", "6", NULL}, {"cell.name", "rate", NULL}, {"readout.kappa", "0.7", NULL}};
    const hth_settings settings = {items_of, HTH_COUNT(items_of)};
    const hth_shape shape = {
        .inputs = INPUTS, .outputs = outputs, .target = HTH_TARGET_CLASSES, .decides = decides};
    hth_error error;
    *r = (rig){.outputs = outputs};
    must(hth_compute_create(1, NULL, &r->compute, &error), &error);
    must(hth_network_create(&settings, &shape, 3, NULL, &r->network, &error), &error);
    r->x = calloc(items * INPUTS, sizeof *r->x);
    r->weights = calloc(items, sizeof *r->weights);
    r->y = calloc(items * outputs, sizeof *r->y);
    r->classes = calloc(items, sizeof *r->classes);
    r->decides = calloc(items, 1);
    draw_data(r);
    r->chunk = (hth_chunk){.batch = BATCH,
                           .x = r->x,
                           .classes = r->classes,
                           .weights = r->weights,
                           .decides = r->decides};
}

static void tear_down(rig *r) {
    hth_network_destroy(r->network);
    hth_compute_destroy(r->compute);
    free(r->x);
    free(r->weights);
    free(r->y);
    free(r->classes);
    free(r->decides);
}

static hth_chunk cut(const rig *r, size_t from, size_t steps) {
    hth_chunk c = r->chunk;
    const size_t at = from * BATCH;
    c.steps = steps;
    c.x += at * INPUTS;
    c.classes += at;
    c.weights += at;
    if (c.decides) c.decides += at;
    return c;
}

/* All steps in tapes of K; y of every step. */
static hth_report run(rig *r, size_t K) {
    hth_report report = {0};
    hth_error error;
    hth_tape *tape;
    must(hth_tape_create(r->network, K, BATCH, r->compute, NULL, &tape, &error), &error);
    for (size_t t = 0; t < STEPS; t += K) {
        hth_chunk c = cut(r, t, STEPS - t < K ? STEPS - t : K);
        must(hth_forward(tape, &c, &report, &error), &error);
        hth_tape_read(tape, 0, hth_tape_length(tape), r->y + t * BATCH * r->outputs, NULL);
    }
    hth_tape_destroy(tape);
    return report;
}

enum { HONEST, LAST_STEP, NEVER_CLEARED };

/* The same, plainly, from y; or as it is not meant, for controls. */
static void plainly(const rig *r, int how, double *decisions, double *right) {
    double *sum = calloc(r->outputs, sizeof *sum);
    *decisions = *right = 0;
    for (size_t b = 0; b < BATCH; b++) {
        for (size_t k = 0; k < r->outputs; k++) sum[k] = 0;
        for (size_t t = 0; t < STEPS; t++) {
            const size_t i = t * BATCH + b;
            const bool counts = r->weights[i] > 0, ends = r->decides[i];
            size_t best = 0;
            for (size_t k = 0; k < r->outputs; k++) {
                const double y = (double)r->y[i * r->outputs + k];
                sum[k] = how == LAST_STEP ? y : counts ? sum[k] + y : sum[k];
                if (sum[k] > sum[best]) best = k;
            }
            *decisions += ends;
            *right += ends && (int32_t)best == r->classes[i];
            for (size_t k = 0; how == HONEST && (ends || !counts) && k < r->outputs; k++)
                sum[k] = 0;
        }
    }
    free(sum);
}

static const size_t all_outputs[] = {2, 5, 300}; /* 300: two tiles */

static void decisions_are_plain_sums(void **unused) {
    (void)unused;
    static const size_t lengths[] = {1, 2, 7, 59, STEPS};
    size_t told_apart = 0;
    for (size_t n = 0; n < HTH_COUNT(all_outputs); n++) {
        rig r;
        set_up(&r, all_outputs[n], true);
        for (size_t i = 0; i < HTH_COUNT(lengths); i++) {
            double decisions, right, wrong, count;
            const hth_report report = run(&r, lengths[i]);
            plainly(&r, HONEST, &decisions, &right);
            assert_true(report.decisions == decisions && decisions > 10);
            assert_true(report.right == right);
            for (int how = LAST_STEP; how <= NEVER_CLEARED; how++) {
                plainly(&r, how, &count, &wrong);
                told_apart += wrong != right;
            }
        }
        tear_down(&r);
    }
    assert_true(told_apart >= HTH_COUNT(lengths)); /* the controls are not the same count */
}

/* Each decision is right for exactly one class, and for that which the plain sums name. */
static void right_is_what_was_decided(void **unused) {
    (void)unused;
    for (size_t n = 0; n < HTH_COUNT(all_outputs); n++) {
        rig r;
        double right = 0, decisions = 0;
        set_up(&r, all_outputs[n], true);
        for (size_t class = 0; class < r.outputs; class ++) {
            double expected;
            for (size_t i = 0; i < STEPS * BATCH; i++) r.classes[i] = (int32_t) class;
            const hth_report report = run(&r, STEPS);
            plainly(&r, HONEST, &decisions, &expected);
            assert_true(report.decisions == decisions && report.right == expected);
            right += report.right;
        }
        assert_true(right == decisions && decisions > 10);
        tear_down(&r);
    }
}

static size_t fields_of(hth_tape *tape, hth_field fields[32]) {
    const size_t count = hth_tape_state(tape, fields, 32);
    assert_true(count < 32);
    return count;
}

/* Cut after every step, each half on a tape of its own that gets the other's state. */
static void a_decision_survives_a_move(void **unused) {
    (void)unused;
    rig r;
    size_t under_way = 0;
    set_up(&r, 2, true);
    const hth_report whole = run(&r, STEPS);
    for (size_t at = 1; at < STEPS; at++) {
        hth_report report = {0};
        hth_error error;
        hth_tape *tapes[2];
        hth_field from[32], to[32];
        hth_chunk halves[2] = {cut(&r, 0, at), cut(&r, at, STEPS - at)};
        for (int i = 0; i < 2; i++)
            must(hth_tape_create(r.network, STEPS, BATCH, r.compute, NULL, &tapes[i], &error),
                 &error);
        must(hth_forward(tapes[0], &halves[0], &report, &error), &error);
        const size_t count = fields_of(tapes[0], from);
        assert_int_equal(fields_of(tapes[1], to), count);
        for (size_t f = 0; f < count; f++) {
            const size_t size = from[f].dtype == HTH_DTYPE_REAL ? sizeof(hth_real) : 8;
            memcpy(to[f].data, from[f].data, from[f].count * size);
            if (strcmp(from[f].name, "tape.decision") == 0)
                for (size_t i = 0; i < from[f].count; i++)
                    under_way += ((hth_real *)from[f].data)[i] != 0;
        }
        must(hth_forward(tapes[1], &halves[1], &report, &error), &error);
        assert_true(report.decisions == whole.decisions && report.right == whole.right);
        for (int i = 0; i < 2; i++) hth_tape_destroy(tapes[i]);
    }
    assert_true(under_way > 30);
    tear_down(&r);
}

/* A sequence that ends within a decision leaves nothing to the next. */
static void a_reset_forgets(void **unused) {
    (void)unused;
    rig r;
    double kept[2];
    set_up(&r, 2, true);
    for (size_t i = 0; i < STEPS * BATCH; i++) {
        r.weights[i] = 1;
        r.decides[i] = 0;
    }
    for (int reset = 0; reset < 2; reset++) {
        hth_report report = {0};
        hth_error error;
        hth_tape *tape;
        hth_field fields[32];
        must(hth_tape_create(r.network, STEPS, BATCH, r.compute, NULL, &tape, &error), &error);
        for (size_t t = 0; t < STEPS; t += STEPS / 2) { /* the second takes over from the first */
            hth_chunk chunk = cut(&r, t, STEPS / 2);
            must(hth_forward(tape, &chunk, &report, &error), &error);
        }
        assert_true(report.decisions == 0);
        if (reset) hth_tape_reset(tape);
        const size_t count = fields_of(tape, fields);
        kept[reset] = -1;
        for (size_t f = 0; f < count; f++)
            if (strcmp(fields[f].name, "tape.decision") == 0) {
                kept[reset] = 0;
                for (size_t i = 0; i < fields[f].count; i++)
                    kept[reset] += fabs((double)((hth_real *)fields[f].data)[i]);
            }
        hth_tape_destroy(tape);
    }
    assert_true(kept[0] > 1 && kept[1] == 0);
    tear_down(&r);
}

/* A shape without decisions has no state for them; one with values cannot have any. */
static void only_where_the_shape_says_so(void **unused) {
    (void)unused;
    rig r;
    hth_error error;
    hth_tape *tape;
    hth_field fields[32];
    set_up(&r, 2, false);
    assert_true(run(&r, 7).decisions == 0);
    must(hth_tape_create(r.network, 4, BATCH, r.compute, NULL, &tape, &error), &error);
    const size_t count = fields_of(tape, fields);
    for (size_t f = 0; f < count; f++) assert_string_not_equal(fields[f].name, "tape.decision");
    hth_tape_destroy(tape);
    const hth_settings none = {NULL, 0};
    const hth_shape shape = {
        .inputs = 2, .outputs = 2, .target = HTH_TARGET_VALUES, .decides = true};
    hth_network *network = NULL;
    assert_int_equal(hth_network_create(&none, &shape, 1, NULL, &network, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "a decision is for a class"));
    tear_down(&r);
}

/* Decisions need every step in the order of time: one that was passed over is named, until it is judged. */
static void out_of_order_is_refused(void **unused) {
    (void)unused;
    static const size_t order[] = {1, 0, 2, 1,
                                   2}; /* the steps that are judged, one after the other */
    static const bool is_refused[] = {true, false, true, false, false};
    rig r;
    hth_error error;
    hth_tape *tape;
    hth_report report = {0};
    set_up(&r, 2, true);
    must(hth_tape_create(r.network, 3, BATCH, r.compute, NULL, &tape, &error), &error);
    const hth_inputs in = {.steps = 3, .batch = BATCH, .x = r.x};
    must(hth_tape_write(tape, &in, &error), &error);
    for (size_t i = 0; i < HTH_COUNT(order); i++) {
        const hth_verdict v = {
            .from = order[i], .steps = 1, .classes = r.classes + order[i] * BATCH};
        const hth_status status = hth_tape_judge(tape, &v, &report, &error);
        assert_int_equal(status, is_refused[i] ? HTH_INVALID : HTH_OK);
        if (!is_refused[i]) continue;
        char part[64];
        snprintf(part, sizeof part, "step %zu is judged before step %zu", order[i], order[i] - 1);
        assert_non_null(strstr(error.message, part));
    }
    hth_tape_destroy(tape);
    tear_down(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decisions_are_plain_sums),     cmocka_unit_test(right_is_what_was_decided),
        cmocka_unit_test(a_decision_survives_a_move),   cmocka_unit_test(a_reset_forgets),
        cmocka_unit_test(only_where_the_shape_says_so), cmocka_unit_test(out_of_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
