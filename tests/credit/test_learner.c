/*
 * Learners as handles: combinations that are refused, the same bits for any number of threads and after a
 * restored state, errors that change nothing, and every allocation that may fail.
 */
#include "laws.h"

static const law_case lstm = {
    "cell.name=lstm network.units=24 readout.kappa=0.5", 3, 0, 2, 12, 5, false, true};
static const law_case words = {
    "cell.name=gru network.units=20,16 network.embedding=8", 0, 700, 700, 9, 6, true, false};

static void assert_refused(const char *settings, const char *expected) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_learner *learner = NULL;
    law_rig rig;
    law_setup(&rig, &lstm);
    snprintf(text, sizeof text, "%s", settings);
    hth_settings split = law_split(text, items);
    hth_status status =
        hth_learner_create(&split, rig.network, 4, 2, 1, rig.compute, NULL, &learner, &error);
    assert_int_equal(status, HTH_INVALID);
    assert_null(learner);
    if (!strstr(error.message, expected)) fail_msg("'%s' lacks '%s'", error.message, expected);
    law_teardown(&rig);
}

static void test_meaningless_combinations_are_refused(void **state) {
    (void)state;
    assert_refused("learner.past=influence learner.recurrence=none", "learner.recurrence = full");
    assert_refused("learner.name=rtrl learner.signal=none", "nothing needs to be kept");
    assert_refused("learner.name=rtlr", "rtrl");
    assert_refused("learner.past=influenc", "influence");
}

static hth_real *trained(law_rig *rig, int threads, const char *learner_settings, size_t K) {
    hth_compute_destroy(rig->compute);
    hth_error error;
    must(hth_compute_create(threads, NULL, &rig->compute, &error), &error);
    return law_gradient(rig, learner_settings, K);
}

/* Large enough that the loops over items, rows, tiles and columns are spread over threads: a loop of less than
 * 100,000 operations is not. */
static const law_case wide_lstm = {
    "cell.name=lstm network.units=64 readout.kappa=0.5", 3, 0, 2, 12, 8, false, true};
static const law_case wide_words = {
    "cell.name=gru network.units=48,40 network.embedding=16", 0, 700, 700, 12, 12, true, false};

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    const law_case *which[] = {&lstm, &words, &wide_lstm, &wide_words};
    for (size_t c = 0; c < HTH_COUNT(which); c++) {
        law_rig rig;
        law_setup(&rig, which[c]);
        const char *learner = c == 0 ? "learner.name=rtrl" : "learner.name=tbptt";
        hth_real *one = trained(&rig, 1, learner, 4);
        for (int threads = 2; threads <= 5; threads++) {
            hth_real *many = trained(&rig, threads, learner, 4);
            assert_memory_equal(one, many, rig.count * sizeof *one);
            free(many);
        }
        hth_real *other = trained(&rig, 1, learner, 3); /* the comparison can fail */
        assert_true(memcmp(one, other, rig.count * sizeof *one) != 0);
        free(one);
        free(other);
        law_teardown(&rig);
    }
}

typedef struct handles {
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} handles;

static handles make(law_rig *rig, size_t K) {
    static const hth_setting rtrl = {"learner.name", "rtrl", NULL};
    const hth_settings settings = {&rtrl, 1};
    hth_error error;
    handles h;
    const size_t batch = rig->what.batch;
    must(hth_tape_create(rig->network, K, batch, rig->compute, NULL, &h.tape, &error), &error);
    must(hth_learner_create(&settings, rig->network, K, batch, 1, rig->compute, NULL, &h.learner,
                            &error),
         &error);
    must(hth_gradient_create(rig->network, NULL, &h.gradient, &error), &error);
    return h;
}

static void drop(handles *h) {
    hth_gradient_destroy(h->gradient);
    hth_learner_destroy(h->learner);
    hth_tape_destroy(h->tape);
}

static void advance(law_rig *rig, handles *h, size_t from, size_t steps) {
    hth_error error;
    hth_chunk cut = law_cut(rig, from, steps);
    must(hth_forward(h->tape, &cut, &rig->report, &error), &error);
    must(hth_learn(h->learner, h->tape, h->gradient, &error), &error);
}

static size_t all_fields(handles *h, hth_field *fields, size_t capacity) {
    size_t count = hth_tape_state(h->tape, fields, capacity);
    count += hth_learner_state(h->learner, fields + count, capacity - count);
    assert_true(count < capacity);
    return count;
}

static size_t bytes_of(const hth_field *field) {
    return field->count * (field->dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                           : field->dtype == HTH_DTYPE_I32 ? 4
                                                           : 8);
}

/* The fields are the whole state: copied into new handles, the run goes on with the same bits. */
static void test_state_is_complete(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &lstm);
    handles a = make(&rig, 4), b = make(&rig, 4);
    hth_field from[32], to[32];
    advance(&rig, &a, 0, 4);
    advance(&rig, &a, 4, 3);
    size_t count = all_fields(&a, from, 32);
    assert_int_equal(all_fields(&b, to, 32), count);
    for (size_t i = 0; i < count; i++) memcpy(to[i].data, from[i].data, bytes_of(&from[i]));
    hth_gradient_clear(a.gradient);
    advance(&rig, &a, 7, 4);
    advance(&rig, &b, 7, 4);
    assert_memory_equal(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                        rig.count * sizeof(hth_real));
    hth_gradient_clear(b.gradient);
    hth_tape_reset(b.tape);
    advance(&rig, &b, 7, 4); /* without the carried state the bits differ */
    assert_true(memcmp(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                       rig.count * sizeof(hth_real)) != 0);
    drop(&a);
    drop(&b);
    law_teardown(&rig);
}

/* Bad data: a sentence, and the carried state is as it was. */
static void test_bad_data_changes_nothing(void **state) {
    (void)state;
    law_rig rig;
    hth_error error;
    law_setup(&rig, &lstm);
    handles a = make(&rig, 4), b = make(&rig, 4);
    advance(&rig, &a, 0, 4);
    advance(&rig, &b, 0, 4);
    hth_real *x = (hth_real *)rig.chunk.x, keep = x[rig.what.inputs * rig.what.batch * 5 + 7];
    x[rig.what.inputs * rig.what.batch * 5 + 7] = (hth_real)NAN;
    hth_chunk cut = law_cut(&rig, 4, 4);
    assert_int_equal(hth_forward(a.tape, &cut, &rig.report, &error), HTH_NOT_FINITE);
    assert_string_equal(error.message,
                        "inputs: step 1, item 2, component 1 is NaN; it must be a finite number");
    x[rig.what.inputs * rig.what.batch * 5 + 7] = keep;
    cut.steps = 5;
    assert_int_equal(hth_forward(a.tape, &cut, &rig.report, &error), HTH_MISMATCH);
    hth_gradient_clear(a.gradient);
    hth_gradient_clear(b.gradient);
    advance(&rig, &a, 4, 4);
    advance(&rig, &b, 4, 4);
    assert_memory_equal(hth_gradient_values(a.gradient), hth_gradient_values(b.gradient),
                        rig.count * sizeof(hth_real));
    drop(&a);
    drop(&b);
    law_teardown(&rig);
}

static void test_class_out_of_range(void **state) {
    (void)state;
    law_rig rig;
    hth_error error;
    law_setup(&rig, &words);
    handles h = make(&rig, 3);
    ((int32_t *)rig.chunk.classes)[8] = 700;
    hth_chunk cut = law_cut(&rig, 0, 3);
    assert_int_equal(hth_forward(h.tape, &cut, &rig.report, &error), HTH_INVALID);
    assert_string_equal(error.message, "target class: step 1, item 2 is 700; it must be in 0..699");
    drop(&h);
    law_teardown(&rig);
}

/* ---- An allocator whose n-th call fails ---- */

typedef struct counting {
    size_t calls, live, fail_at;
} counting;

static void *counted_allocate(void *context, size_t bytes) {
    counting *c = context;
    if (++c->calls == c->fail_at) return NULL;
    c->live++;
    return malloc(bytes);
}

static void counted_release(void *context, void *memory) {
    ((counting *)context)->live--;
    free(memory);
}

/* Makes all handles; returns whether that worked. */
static bool make_all(counting *c) {
    const hth_allocator allocator = {counted_allocate, counted_release, c};
    const hth_setting rtrl = {"learner.name", "rtrl", NULL};
    const hth_settings settings = {&rtrl, 1};
    const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
    hth_error error = {HTH_OK, ""};
    hth_compute *compute = NULL;
    hth_network *network = NULL;
    hth_tape *tape = NULL;
    hth_learner *learner = NULL;
    hth_gradient *gradient = NULL;
    hth_optimiser *optimiser = NULL;
    hth_status s = hth_compute_create(2, &allocator, &compute, &error);
    if (!s) s = hth_network_create(&settings, &shape, 1, &allocator, &network, &error);
    if (!s) s = hth_tape_create(network, 3, 2, compute, &allocator, &tape, &error);
    if (!s)
        s = hth_learner_create(&settings, network, 3, 2, 1, compute, &allocator, &learner, &error);
    if (!s) s = hth_gradient_create(network, &allocator, &gradient, &error);
    if (!s) s = hth_optimiser_create(&settings, network, compute, &allocator, &optimiser, &error);
    if (s) assert_int_equal(s, HTH_NO_MEMORY);
    if (s) assert_true(strlen(error.message) > 10);
    hth_optimiser_destroy(optimiser);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    hth_network_destroy(network);
    hth_compute_destroy(compute);
    return s == HTH_OK;
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    counting all = {0};
    assert_true(make_all(&all));
    assert_int_equal(all.live, 0);
    assert_true(all.calls >= 6);
    for (size_t n = 1; n <= all.calls; n++) {
        counting c = {.fail_at = n};
        assert_false(make_all(&c));
        assert_int_equal(c.live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaningless_combinations_are_refused),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_state_is_complete),
        cmocka_unit_test(test_bad_data_changes_nothing),
        cmocka_unit_test(test_class_out_of_range),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
