/*
 * A store on the tape: its gradient = central differences, for every score, heads, top-k, bounded rows, rows that are
 * states, and stacks, and rows that give way where they are used least; reads by the equations, written out; tapes cut
 * anywhere read the same; a full store and settings without a meaning are refused. Reads see rows through all their
 * scores: without them the gradient is another.
 */
#include "handles.h"

#include "credit/inspect.h"
#include "network/tape.h"

#define STORE "network.units=5,4 network.layers=units,store "
#define LEAST "store.write=least-used"

static const law_case cases[] = {
    {STORE "store.keys=3", 3, 0, 2, 9, 2, false, false},
    {STORE "store.keys=3 store.score=cosine", 3, 0, 2, 9, 2, false, false},
    {STORE "store.keys=3 store.score=cosine store.strength=fixed store.scale=2", 3, 0, 2, 9, 2,
     false, false},
    {STORE "store.keys=3 store.strength=learned store.heads=2 store.every=2", 3, 0, 2, 9, 2, true,
     true},
    {STORE "store.keys=3 store.top=2 store.scale=1", 3, 0, 2, 9, 2, false, false},
    {STORE "store.keys=3 store.top=2 store.score=cosine store.heads=2", 3, 0, 2, 9, 1, false,
     false},
    {STORE "store.keys=2 store.rows=2", 3, 0, 2, 9, 2, false, false},
    {STORE "store.keys=3 cell.name=lstm readout.kappa=0.5", 3, 0, 2, 9, 2, false, false},
    {"network.units=5,5 network.layers=units,store store.literal=true", 3, 0, 2, 9, 2, false,
     false},
    {"network.units=4,8 network.layers=units,store store.literal=true store.heads=2 store.top=2 "
     "store.score=cosine",
     3, 0, 2, 9, 2, false, false},
    {"network.units=5,4,3 network.layers=units,store,units", 3, 0, 2, 9, 2, false, false},
    {"network.units=4,5,4,3 network.layers=units,units,store,store", 3, 0, 2, 9, 2, false, false},
    {STORE "network.reads=below,below+input readout.reads=top+input", 3, 0, 2, 9, 2, false, false},
    {STORE "network.embedding=3 store.keys=3", 0, 4, 2, 9, 2, true, false},
    {STORE "store.keys=3 store.feedback=true", 3, 0, 2, 9, 2, false, false},
    {STORE "store.feedback=true store.top=2 store.score=cosine store.heads=2 cell.name=lstm "
           "store.every=2",
     3, 0, 2, 9, 2, true, true},
    {"network.units=4,8 network.layers=units,store store.literal=true store.heads=2 "
     "store.feedback=true readout.kappa=0.5",
     3, 0, 2, 9, 1, false, false},
    {"network.units=3,5,4,3 network.layers=units,units,store,units store.feedback=true "
     "network.reads=below,below+input,below,below+input store.rows=2",
     3, 0, 2, 9, 2, false, false},
    {STORE "network.embedding=3 store.keys=3 store.feedback=true network.initial=learned", 0, 4, 2,
     9, 2, true, false},
    {STORE "network.dropout=0.3 store.keys=3", 3, 0, 2, 9, 2, false, false},
    {STORE "store.keys=3 store.rows=3 " LEAST, 3, 0, 2, 9, 2, false, false},
    {STORE "store.keys=3 store.rows=2 store.heads=2 store.score=cosine store.decay=0.5 " LEAST, 3,
     0, 2, 9, 2, true, true},
    {STORE "store.keys=2 store.rows=3 store.top=2 store.scale=3 store.feedback=true " LEAST, 3, 0,
     2, 9, 2, false, false},
    {"network.units=5,5 network.layers=units,store store.literal=true store.rows=3 " LEAST, 3, 0, 2,
     9, 2, false, false},
};

static void gradient_is_the_derivative(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        law_rig rig;
        /* The steps of differences in single precision are so large that another row can come among the best, or that
         * another gives way. */
        const bool jumps =
            strstr(cases[i].settings, "store.top") || strstr(cases[i].settings, LEAST);
        if (tolerance(0, 1) > 0 && jumps) continue;
        law_setup(&rig, &cases[i]);
        hth_real *by_hand = malloc(rig.count * sizeof *by_hand);
        law_differences(&rig, by_hand);
        hth_real *found = law_gradient(&rig, "learner.name=bptt", 9);
        law_assert_equal(&rig, "bptt = differences", found, by_hand, tolerance(1e-8, 5e-2));
        /* A tape that forgets has another. */
        hth_real *cut = law_gradient(&rig, "learner.name=tbptt", 3);
        law_assert_differs(&rig, "a tape of 3", cut, by_hand, 1e-3);
        free(cut);
        free(found);
        free(by_hand);
        law_teardown(&rig);
    }
}

/* ---- The equations, written out ---- */

enum { UNITS = 5, WIDTH = 4, KEY = 3, STEPS = 9 };

static void plain_read(const double *a, const double (*rows)[KEY + WIDTH], size_t count,
                       double *r) {
    double p[STEPS], sum = 0;
    memset(r, 0, WIDTH * sizeof *r);
    for (size_t i = 0; i < count; i++) {
        double l = 0;
        for (size_t k = 0; k < KEY; k++) l += a[k] * rows[i][k] / sqrt(KEY);
        sum += p[i] = exp(l);
    }
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < WIDTH; k++) r[k] += p[i] / sum * rows[i][KEY + k];
}

static void reads_are_by_the_equations(void **state) {
    (void)state;
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    hth_view z, r;
    law_setup(&rig, &cases[0]);
    must(hth_tape_create(rig.network, STEPS, 2, rig.compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    must(hth_tape_view(tape, 0, "z", &z, &error), &error);
    must(hth_tape_view(tape, 1, "z", &r, &error), &error);
    const hth_layer *layer = &rig.network->layers[1];
    for (size_t item = 0; item < 2; item++) {
        double rows[STEPS][KEY + WIDTH];
        for (size_t t = 0; t < STEPS; t++) {
            double a[2 * KEY + WIDTH], expected[WIDTH];
            for (size_t i = 0; i < 2 * KEY + WIDTH; i++) {
                const hth_real *w = layer->W + i * layer->m + WIDTH;
                a[i] = (double)w[UNITS];
                for (size_t j = 0; j < UNITS; j++)
                    a[i] +=
                        (double)w[j] * (double)z.data[t * z.step_stride + item * z.item_stride + j];
            }
            plain_read(a, (const double(*)[KEY + WIDTH]) rows, t, expected);
            memcpy(rows[t], a + KEY, sizeof rows[t]);
            for (size_t k = 0; k < WIDTH; k++)
                assert_true(fabs((double)r.data[t * r.step_stride + item * r.item_stride + k] -
                                 expected[k]) < tolerance(1e-13, 1e-5));
        }
    }
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* ---- Tapes ---- */

/* The loss of the data in tapes of K steps; where `restores`, every tape is another, with the state of the last. */
static double loss_of(law_rig *rig, size_t K, bool restores) {
    hth_tape *tape, *next;
    hth_error error;
    hth_report report = {0};
    hth_field from[32], to[32];
    const size_t batch = rig->what.batch;
    must(hth_tape_create(rig->network, K, batch, rig->compute, NULL, &tape, &error), &error);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        const hth_chunk cut = law_cut(rig, t, rig->what.steps - t < K ? rig->what.steps - t : K);
        must(hth_forward(tape, &cut, &report, &error), &error);
        if (!restores) continue;
        must(hth_tape_create(rig->network, K, batch, rig->compute, NULL, &next, &error), &error);
        const size_t count = hth_tape_state(tape, from, 32);
        assert_int_equal(hth_tape_state(next, to, 32), count);
        for (size_t i = 0; i < count; i++)
            memcpy(to[i].data, from[i].data, hth_field_bytes(&to[i]));
        hth_tape_destroy(tape);
        tape = next;
    }
    hth_tape_destroy(tape);
    return report.loss;
}

static void tapes_read_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        law_rig rig;
        law_setup(&rig, &cases[i]);
        if (strstr(rig.what.settings, "dropout")) {
            law_teardown(&rig);
            continue;
        }
        const double whole = loss_of(&rig, 9, false);
        for (size_t K = 1; K < 9; K += 2) {
            assert_true(fabs(loss_of(&rig, K, false) - whole) < tolerance(1e-12, 1e-5) * whole);
            assert_true(loss_of(&rig, K, true) == loss_of(&rig, K, false));
        }
        law_teardown(&rig);
    }
}

/* ---- Where reads point ---- */

/* Of a store with top-k, and bounded rows: as many rows as it weighs, the newest, and r is the sum that they say. */
static void reads_say_where_they_point(void **state) {
    (void)state;
    static const law_case what = {
        STORE "store.every=2 store.rows=3 store.top=2 store.heads=2", 3, 0, 2, 12, 2, false, false};
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    hth_row_read rows[8];
    size_t count;
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, 5, 2, rig.compute, NULL, &tape, &error), &error);
    for (size_t t = 0; t < 12; t += 4) {
        const hth_chunk cut = law_cut(&rig, t, 4);
        must(hth_forward(tape, &cut, &rig.report, &error), &error);
        for (size_t i = 0; i < 4; i++) {
            const size_t written = (t + i) / 2, seen = written < 3 ? written : 3;
            must(hth_tape_reads(tape, 1, i, 1, 1, rows, 8, &count, &error), &error);
            assert_int_equal(count, seen < 2 ? seen : 2);
            double sum = 0;
            for (size_t k = 0; k < count; k++) {
                assert_true(rows[k].step % 2 == 1 && rows[k].step < t + i);
                assert_true(rows[k].step >= 2 * (written - seen) + 1);
                assert_true(k == 0 || rows[k].step > rows[k - 1].step);
                sum += rows[k].weight;
            }
            assert_true(count == 0 || fabs(sum - 1) < 1e-12);
        }
    }
    assert_int_equal(hth_tape_reads(tape, 0, 0, 0, 0, rows, 8, &count, &error), HTH_INVALID);
    assert_int_equal(hth_tape_reads(tape, 1, 4, 0, 0, rows, 8, &count, &error), HTH_INVALID);
    assert_int_equal(hth_tape_reads(tape, 1, 0, 2, 0, rows, 8, &count, &error), HTH_INVALID);
    assert_int_equal(hth_tape_reads(tape, 1, 0, 0, 2, rows, 8, &count, &error), HTH_INVALID);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* A model of it: at each of three places the step that wrote its row, and how much that has been used. Rows that are
 * read stay, so that they are not the newest three. */
static void the_least_used_row_gives_way(void **state) {
    (void)state;
    enum { ROWS = 3, LONG = 24, CHUNK = 4 };
    static const law_case what = {STORE "store.rows=3 store.heads=2 store.scale=4 store.decay=0.9 "
                                        "init.w_in_scale=3 " LEAST,
                                  3,
                                  0,
                                  2,
                                  LONG,
                                  2,
                                  false,
                                  false};
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    hth_row_read rows[ROWS + 1];
    size_t step[2][ROWS], count, older = 0;
    double usage[2][ROWS] = {{0}};
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, CHUNK, 2, rig.compute, NULL, &tape, &error), &error);
    for (size_t t = 0; t < LONG; t++) {
        const hth_chunk cut = law_cut(&rig, t, CHUNK);
        if (t % CHUNK == 0) must(hth_forward(tape, &cut, &rig.report, &error), &error);
        for (size_t b = 0; b < 2; b++) {
            const size_t places = t < ROWS ? t : ROWS;
            size_t least = 0;
            for (size_t i = 0; i < places; i++) usage[b][i] *= 0.9;
            for (size_t h = 0; h < 2; h++) {
                must(hth_tape_reads(tape, 1, t % CHUNK, b, h, rows, ROWS + 1, &count, &error),
                     &error);
                assert_int_equal(count, places);
                for (size_t k = 0; k < count; k++) {
                    size_t at = 0;
                    while (at < places && step[b][at] != rows[k].step) at++;
                    assert_true(at < places && (k == 0 || rows[k].step > rows[k - 1].step));
                    usage[b][at] += rows[k].weight;
                }
                older += count > 0 && rows[0].step + ROWS < t;
            }
            for (size_t i = 1; i < places; i++)
                if (usage[b][i] < usage[b][least]) least = i;
            if (places < ROWS) least = places;
            step[b][least] = t;
            usage[b][least] = 1;
        }
    }
    assert_true(older > 0);
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* Without weights all rows are equal: the two oldest that there are count, one half each. */
static void of_equal_rows_the_oldest_count(void **state) {
    (void)state;
    static const law_case what = {STORE "store.rows=4 store.top=2", 3, 0, 2, 9, 1, false, false};
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    hth_row_read rows[8];
    size_t count;
    law_setup(&rig, &what);
    const hth_layer *store = &rig.network->layers[1];
    memset(hth_network_parameters(rig.network) + store->weight, 0,
           store->rows * store->m * sizeof(hth_real));
    must(hth_tape_create(rig.network, 9, 1, rig.compute, NULL, &tape, &error), &error);
    must(hth_forward(tape, &rig.chunk, &rig.report, &error), &error);
    for (size_t t = 0; t < 9; t++) {
        const size_t oldest = t > 4 ? t - 4 : 0;
        must(hth_tape_reads(tape, 1, t, 0, 0, rows, 8, &count, &error), &error);
        assert_int_equal(count, t < 2 ? t : 2);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(rows[k].step, oldest + k);
            assert_true(rows[k].weight == 1.0 / (double)count);
        }
    }
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

/* ---- How far errors reach ---- */

/* dE/dz_t takes the input's weights to dE/dx_t: of rate units W_in^T (alpha tanh' dE/dz), a step's rows and all. A
 * step that nothing is added to would show in one of them alone. */
static void errors_that_are_watched_are_those_of_the_inputs(void **state) {
    (void)state;
    enum { INPUTS = 3, BATCH = 2 };
    static const law_case what = {
        STORE "cell.alpha=0.4 store.keys=3 store.top=2", 3, 0, 2, STEPS, BATCH, false, false};
    law_rig rig;
    hth_error error;
    hth_view dx, z;
    hth_real watched[STEPS * BATCH * UNITS];
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=bptt learner.inputs=true", STEPS);
    hth_learner_watch(h.learner, 0, watched);
    handles_advance(&rig, &h, 0, STEPS);
    must(hth_learner_inputs(h.learner, &dx, &error), &error);
    must(hth_tape_view(h.tape, 0, "z", &z, &error), &error);
    const hth_layer *layer = &rig.network->layers[0];
    double largest = 0;
    for (size_t i = 0; i < STEPS * BATCH; i++) {
        const size_t t = i / BATCH, b = i % BATCH;
        double expected[INPUTS] = {0};
        for (size_t j = 0; j < UNITS; j++) {
            const hth_real *now = z.data + t * z.step_stride + b * z.item_stride + j;
            const double before = t > 0 ? (double)now[-(ptrdiff_t)z.step_stride] : 0;
            const double phi = ((double)*now - 0.6 * before) / 0.4;
            const double delta = 0.4 * (1 - phi * phi) * (double)watched[i * UNITS + j];
            for (size_t k = 0; k < INPUTS; k++)
                expected[k] += delta * (double)layer->W[j * layer->m + UNITS + k];
        }
        for (size_t k = 0; k < INPUTS; k++) {
            const double found = (double)dx.data[t * dx.step_stride + b * dx.item_stride + k];
            largest = fmax(largest, fabs(found));
            assert_true(fabs(found - expected[k]) < tolerance(1e-12, 1e-4));
        }
    }
    assert_true(largest > 1e-3);
    handles_drop(&h);
    law_teardown(&rig);
}

/* ---- What is refused ---- */

static void a_full_store_is_refused(void **state) {
    (void)state;
    static const law_case what = {
        STORE "store.rows=3 store.every=2 store.write=append", 3, 0, 2, 9, 2, false, false};
    law_rig rig;
    hth_tape *tape;
    hth_error error;
    law_setup(&rig, &what);
    must(hth_tape_create(rig.network, 4, 2, rig.compute, NULL, &tape, &error), &error);
    for (size_t t = 0; t < 7; t++) {
        const hth_chunk cut = law_cut(&rig, t, 1);
        must(hth_forward(tape, &cut, &rig.report, &error), &error);
    }
    const hth_chunk last = law_cut(&rig, 7, 1);
    assert_int_equal(hth_forward(tape, &last, &rig.report, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "row 4 of 3"));
    hth_tape_destroy(tape);
    law_teardown(&rig);
}

static void settings_without_a_meaning_are_refused(void **state) {
    (void)state;
    static const char *const refused[][2] = {
        {STORE "store.heads=3", "store.heads is 3"},
        {STORE "store.literal=true", "which are 5; network.units says 4"},
        {STORE "store.decay=0.5", "store.decay is 0.5, but no row has a usage"},
        {STORE "store.key=3", "did you mean 'store.keys'"},
        {STORE "layer1.store.key=3", "did you mean 'layer1.store.keys'"},
    };
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        char text[128];
        hth_setting items[LAW_SETTINGS];
        hth_error error = {0};
        hth_network *network;
        const hth_shape shape = {.inputs = 2, .outputs = 2};
        snprintf(text, sizeof text, "%s", refused[i][0]);
        const hth_settings settings = law_split(text, items);
        const hth_status status = hth_network_create(&settings, &shape, 1, NULL, &network, &error);
        if (status != HTH_INVALID || !strstr(error.message, refused[i][1]))
            fail_msg("%s: %s", refused[i][0], error.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_is_the_derivative),
        cmocka_unit_test(reads_are_by_the_equations),
        cmocka_unit_test(tapes_read_the_same),
        cmocka_unit_test(reads_say_where_they_point),
        cmocka_unit_test(the_least_used_row_gives_way),
        cmocka_unit_test(of_equal_rows_the_oldest_count),
        cmocka_unit_test(errors_that_are_watched_are_those_of_the_inputs),
        cmocka_unit_test(a_full_store_is_refused),
        cmocka_unit_test(settings_without_a_meaning_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
