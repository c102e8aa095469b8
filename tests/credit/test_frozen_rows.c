/*
 * Credit through rows that a store wrote before the tape. Influence with rows = BPTT of the whole sequence, traces with
 * rows = the same with what crosses units left out, for tapes of one step and of as many as go into store.every; a
 * bounded store loses overwritten rows in both. past = none has rows that are data: what they are written by learns
 * nothing. A row whose past was not kept is refused, and so is what rows have no meaning for; a resumed run has the
 * bits of one that was not interrupted, and other ones without its rows. (test_unbiased.c has the mean of the
 * estimates.)
 */
#include "handles.h"

#include "network/tape.h"

#define STORE "network.units=4,3 network.layers=units,store store.keys=2 "
#define ONE STORE "store.every=1 "
#define LEAST "store.write=least-used "
#define SMOOTH                                                                                     \
    "cell.refractory=0 cell.spike=smooth cell.pseudo_derivative=gaussian cell.width=5 "            \
    "readout.kappa=0 "

typedef struct rows_case {
    law_case what;
    size_t K;
} rows_case;

#define CASE(settings, batch)                                                                      \
    { settings, 3, 0, 2, 12, batch, false, false }

/* One layer of units below the store. */
static const rows_case flat[] = {
    {CASE(ONE, 2), 1},
    {CASE(ONE "cell.alpha=0.4 store.score=cosine", 1), 1},
    {CASE(ONE "cell.name=lstm", 2), 1},
    {CASE(ONE "cell.name=gru store.heads=3 store.top=2", 1), 1},
    {CASE(ONE "cell.name=rate-pre", 1), 1},
    {CASE(ONE "cell.name=lif " SMOOTH, 1), 1},
    {CASE(ONE "cell.name=alif cell.beta=0.5 cell.tau_a=5 " SMOOTH, 1), 1},
    {CASE(ONE "store.rows=3", 2), 1},
    {CASE(STORE "store.every=3 store.rows=2 cell.name=lstm", 2), 3},
    {CASE(STORE "store.every=4 cell.alpha=0.4", 2), 2},
    {CASE(STORE "store.every=4 cell.alpha=0.4", 2), 4},
    {CASE(STORE "store.every=2 store.top=2 cell.alpha=0.4", 1), 2},
    {CASE("network.units=3,3 network.layers=units,store store.literal=true cell.alpha=0.4", 2), 1},
    {CASE("network.units=3,6 network.layers=units,store store.literal=true store.heads=2 "
          "store.score=cosine store.every=2 cell.name=gru",
          2),
     2},
    {CASE(ONE "network.reads=below,below+input readout.reads=top+input", 2), 1},
    {CASE(ONE "store.feedback=true", 2), 1},
    {CASE(STORE "store.feedback=true store.every=2 store.rows=2 cell.name=lstm", 1), 2},
    {CASE(ONE LEAST "store.rows=3 store.scale=3", 2), 1},
    {CASE(STORE LEAST "store.rows=2 store.every=2 store.heads=3 store.scale=3 cell.name=lstm", 2),
     2},
    {CASE(ONE LEAST "store.rows=3 store.top=2 store.feedback=true store.scale=3", 2), 1},
};

/* More of them, which traces do not follow. */
static const rows_case deep[] = {
    {CASE("network.units=4,3,3 network.layers=units,units,store", 2), 1},
    {CASE("network.units=4,3,3 network.layers=units,store,units store.every=2 cell.name=lstm", 1),
     2},
    {CASE("network.units=4,3,2 network.layers=units,store,units store.literal=true "
          "network.units=3,3,2",
          1),
     1},
    {CASE("network.units=3,4,2,3 network.layers=units,units,store,units store.feedback=true "
          "store.top=2",
          1),
     1},
    {CASE(ONE "network.initial=learned cell.name=lstm", 2), 1},
    {{ONE "network.embedding=3", 0, 4, 2, 12, 2, true, false}, 1},
};

/* ---- Rows of W that write rows of the store ---- */

static size_t store_of(const law_rig *rig) {
    size_t l = 0;
    while (!rig->network->layers[l].kind->stores) l++;
    return l;
}

/* The largest gradient of what keys and values are made by. */
static double largest_of_writing(const law_rig *rig, const hth_real *gradient) {
    const hth_layer *layer = &rig->network->layers[store_of(rig)];
    const size_t first = layer->weight + hth_store_writes(&layer->store) * layer->m;
    double largest = 0;
    for (size_t i = first; i < layer->weight + layer->rows * layer->m; i++)
        largest = fmax(largest, fabs((double)gradient[i]));
    return largest;
}

/* `learner` in tapes = `whole` on one tape; with rows that are data it is not. */
static void assert_law(const rows_case *c, const char *learner, const char *whole) {
    law_rig rig;
    char data[256];
    law_setup(&rig, &c->what);
    hth_real *exact = law_gradient(&rig, whole, rig.what.steps);
    law_assert_alive(&rig);
    hth_real *found = law_gradient(&rig, learner, c->K);
    law_assert_equal(&rig, learner, found, exact, tolerance(1e-12, 2e-3));
    snprintf(data, sizeof data, "%s learner.past=none", learner);
    hth_real *of_data = law_gradient(&rig, data, c->K);
    law_assert_differs(&rig, data, of_data, exact, 1e-4);
    if (!rig.network->layers[store_of(&rig)].store.literal) {
        assert_true(largest_of_writing(&rig, exact) > 1e-6);
        if (c->K == 1) assert_true(largest_of_writing(&rig, of_data) == 0);
    }
    free(of_data);
    free(found);
    free(exact);
    law_teardown(&rig);
}

static void influence_is_bptt(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(flat); i++)
        assert_law(&flat[i], "learner.name=rtrl", "learner.name=bptt");
    for (size_t i = 0; i < HTH_COUNT(deep); i++)
        assert_law(&deep[i], "learner.name=rtrl", "learner.name=bptt");
}

static void traces_are_bptt_within_units(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(flat); i++) {
        assert_law(&flat[i], "learner.name=bptt learner.recurrence=none learner.past=trace",
                   "learner.name=bptt learner.recurrence=none");
        if (!strstr(flat[i].what.settings, "alif")) continue;
        assert_law(&flat[i], "learner.name=bptt learner.recurrence=diagonal learner.past=trace",
                   "learner.name=bptt learner.recurrence=diagonal");
    }
}

/* ---- Rows that keep steps ---- */

static void forget_rows(handles *h) {
    hth_field fields[48];
    const size_t count = hth_learner_state(h->learner, fields, HTH_COUNT(fields));
    for (size_t i = 0; i < count; i++)
        if (strncmp(fields[i].name, "rows", 4) == 0)
            memset(fields[i].data, 0, hth_field_bytes(&fields[i]));
}

/* RTRL's gradient of rows of before each tape alone: all of it, less that of a run that forgets them. */
static hth_real *gradient_of_rows(law_rig *rig, size_t K) {
    hth_real *all = law_gradient(rig, "learner.name=rtrl", K);
    handles h = handles_make(rig, "learner.name=rtrl", K);
    for (size_t t = 0; t < rig->what.steps; t += K) {
        if (t > 0) forget_rows(&h);
        handles_advance(rig, &h, t, K);
    }
    for (size_t i = 0; i < rig->count; i++) all[i] -= hth_gradient_values(h.gradient)[i];
    handles_drop(&h);
    return all;
}

static void assert_window(const rows_case *c) {
    law_rig rig;
    law_setup(&rig, &c->what);
    hth_real *expected = gradient_of_rows(&rig, c->K);
    hth_real *of_tapes = law_gradient(&rig, "learner.name=tbptt", c->K);
    for (size_t i = 0; i < rig.count; i++) expected[i] += of_tapes[i];
    hth_real *found =
        law_gradient(&rig, "learner.name=tbptt learner.past=window learner.row_steps=12", c->K);
    law_assert_equal(&rig, "window", found, expected, tolerance(1e-12, 2e-3));
    hth_real *one =
        law_gradient(&rig, "learner.name=tbptt learner.past=window learner.row_steps=1", c->K);
    law_assert_differs(&rig, "a window of 1", one, expected, 1e-4);
    free(one);
    free(found);
    free(of_tapes);
    free(expected);
    law_teardown(&rig);
}

/* Rows that keep as many steps as there are: BPTT whose states are cut at the start of tapes, but not its rows. */
static void windows_are_bptt_through_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(flat); i++)
        if (!strstr(flat[i].what.settings, "feedback")) assert_window(&flat[i]);
    assert_window(&deep[0]);
    for (size_t i = 0; i < HTH_COUNT(deep); i++)
        if (strstr(deep[i].what.settings, "initial=learned")) assert_window(&deep[i]);
}

/* ---- No rows, and rows of nobody ---- */

static void an_empty_store_gives_nothing(void **state) {
    (void)state;
    static const law_case what = {STORE "store.every=20", 3, 0, 2, 12, 2, false, false};
    static const char *const learners[] = {"learner.name=bptt", "learner.name=rtrl",
                                           "learner.name=rflo", "learner.name=uoro"};
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        law_rig rig;
        law_setup(&rig, &what);
        hth_real *found = law_gradient(&rig, learners[i], i == 0 ? 12 : 1);
        for (size_t k = 0; k < rig.count; k++) assert_true(isfinite(found[k]));
        assert_true(law_largest(&rig.network->blocks[1], found) == 0);
        assert_true(law_largest(&rig.network->blocks[0], found) > 0);
        free(found);
        law_teardown(&rig);
    }
}

/* A tape of three steps writes a row at its first and at its third: the past of the former is not known. */
static void rows_inside_a_tape_are_refused(void **state) {
    (void)state;
    static const law_case what = {STORE "store.every=2", 3, 0, 2, 12, 2, false, false};
    law_rig rig;
    hth_error error;
    law_setup(&rig, &what);
    handles h = handles_make(&rig, "learner.name=rtrl", 3);
    handles_advance(&rig, &h, 0, 3);
    const hth_chunk cut = law_cut(&rig, 3, 3);
    must(hth_forward(h.tape, &cut, &rig.report, &error), &error);
    assert_int_equal(hth_learn(h.learner, h.tape, h.gradient, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "store.every"));
    /* A new sequence is as good as any. */
    handles_reset(&h);
    handles_advance(&rig, &h, 0, 2);
    handles_advance(&rig, &h, 2, 2);
    handles_drop(&h);
    law_teardown(&rig);
}

/* ---- Interrupted ---- */

/* The gradient of the steps 6..11 of a run that was stopped after 6; forgets: its rows are lost. */
static void resumed(law_rig *rig, const char *learner, size_t K, bool stops, bool forgets,
                    hth_real *out) {
    handles first = handles_make(rig, learner, K), second = handles_make(rig, learner, K);
    handles *on = stops ? &second : &first;
    for (size_t t = 0; t < 6; t += K) handles_advance(rig, &first, t, K);
    if (stops) handles_copy_state(&first, &second);
    if (forgets) forget_rows(&second);
    hth_gradient_clear(on->gradient);
    for (size_t t = 6; t < 12; t += K) handles_advance(rig, on, t, K);
    memcpy(out, hth_gradient_values(on->gradient), rig->count * sizeof *out);
    handles_drop(&first);
    handles_drop(&second);
}

static void cuts_change_nothing(void **state) {
    (void)state;
    static const char *const learners[] = {"learner.name=rtrl",
                                           "learner.name=rflo",
                                           "learner.name=uoro",
                                           "learner.name=kf-rtrl",
                                           "learner.name=r-kf",
                                           "learner.name=tbptt",
                                           "learner.name=tbptt learner.past=window"};
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        law_rig rig;
        const size_t last = HTH_COUNT(flat) - 3; /* where the least used row gives way */
        law_setup(&rig, &flat[i % 3 == 0 ? last : i % 2 ? 0 : 7].what);
        hth_real *through = malloc(rig.count * sizeof *through);
        hth_real *stopped = malloc(rig.count * sizeof *stopped);
        resumed(&rig, learners[i], 1, false, false, through);
        resumed(&rig, learners[i], 1, true, false, stopped);
        assert_memory_equal(through, stopped, rig.count * sizeof *through);
        resumed(&rig, learners[i], 1, true, true, stopped);
        if (strcmp(learners[i], "learner.name=tbptt") != 0)
            law_assert_differs(&rig, "without rows", stopped, through, 1e-6);
        free(through);
        free(stopped);
        law_teardown(&rig);
    }
}

/* ---- What is refused ---- */

static void what_rows_cannot_keep_is_refused(void **state) {
    (void)state;
    static const struct {
        law_case what;
        const char *learner, *why;
    } refused[] = {
        {CASE(ONE, 1), "learner.name=eprop3", "learner.future"},
        {CASE(ONE, 1), "learner.name=bptt learner.past=instantaneous", "keeps nothing to copy"},
        {CASE(ONE "readout.kappa=0.5", 1), "learner.name=rtrl", "readout.kappa = 0"},
        {CASE(ONE "network.dropout=0.5", 1), "learner.name=rtrl", "network.dropout = 0"},
        {CASE("network.units=4,3,3 network.layers=units,store,store", 1), "learner.name=rtrl",
         "another store"},
        {CASE("network.units=4,3,3 network.layers=units,units,store", 1), "learner.name=rflo",
         "one layer of units"},
        {CASE(ONE "network.initial=learned", 1), "learner.name=rflo", "network.initial = zero"},
        {{ONE "network.embedding=3 network.reads=below,below+input", 0, 4, 2, 12, 1, true, false},
         "learner.name=rtrl",
         "which vectors"},
        {CASE("network.units=4,3,2 network.layers=units,store,units", 1), "learner.name=uoro",
         "do not add up"},
        {CASE(ONE, 1), "learner.name=f-bptt learner.window=4", "rows come and go"},
    };
    for (size_t i = 0; i < HTH_COUNT(refused); i++) {
        law_rig rig;
        handles h;
        hth_error error = {0};
        law_setup(&rig, &refused[i].what);
        const hth_status status = handles_try(&rig, refused[i].learner, 1, 1, &h, &error);
        if (status != HTH_INVALID || !strstr(error.message, refused[i].why))
            fail_msg("%s: %s", refused[i].learner, error.message);
        law_teardown(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(influence_is_bptt),
        cmocka_unit_test(traces_are_bptt_within_units),
        cmocka_unit_test(windows_are_bptt_through_rows),
        cmocka_unit_test(an_empty_store_gives_nothing),
        cmocka_unit_test(rows_inside_a_tape_are_refused),
        cmocka_unit_test(cuts_change_nothing),
        cmocka_unit_test(what_rows_cannot_keep_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
