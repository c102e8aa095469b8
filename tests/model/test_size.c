/*
 * The size of a model is known before it is made, to the byte and part by part; it lies in one block, of malloc, of an
 * allocator or of the caller; no failure leaves anything behind. Settings that are not known are refused.
 */
#include "data/failing_malloc.h"
#include "model/models.h"

#define ADAM " optimiser.name=adam optimiser.lr=0.02"

static const law_case cases[] = {
    {"cell.name=rate network.units=6 learner.name=rtrl" ADAM, 3, 0, 2, 12, 1, false, false},
    {"cell.name=lstm network.units=5,4 learner.name=tbptt readout.kappa=0.3" ADAM, 2, 0, 3, 12, 3,
     true, true},
    {"cell.name=gru network.units=6 network.embedding=3 learner.name=tbptt optimiser.name=sgd", 0,
     300, 300, 12, 2, true, false},
    {"cell.name=alif network.units=12 learner.name=eprop1 regulariser.rate=0.1 "
     "regulariser.rate_over=tape" ADAM,
     4, 0, 2, 12, 2, true, false},
    {"cell.name=rate network.units=5 learner.name=snapN network.connections=random" ADAM, 2, 0, 2,
     12, 2, false, false},
    {"cell.name=rate network.units=5 learner.name=rtrl network.delay=1..3 "
     "network.input_delay=0..2" ADAM,
     2, 0, 2, 12, 2, false, false},
    {"cell.name=rate network.units=5,4 network.layers=units,store store.every=4 "
     "learner.name=rtrl" ADAM,
     2, 0, 2, 12, 1, false, false},
    {"cell.name=rate network.units=5,4 network.layers=units,store learner.name=tbptt "
     "learner.past=window learner.row_steps=3 store.literal=true network.units=5,5 "
     "store.every=4" ADAM,
     2, 0, 2, 12, 2, false, false},
    {"cell.name=rate network.units=5 learner.name=dni-b" ADAM, 2, 0, 2, 12, 1, false, false},
};

/* ---- Counted memory ---- */

typedef struct counted {
    size_t calls, fail_at, live, last, bytes;
} counted;

static void *allocate(void *context, size_t bytes) {
    counted *c = context;
    if (++c->calls == c->fail_at) return NULL;
    c->live++;
    c->last = bytes;
    c->bytes += bytes;
    return malloc(bytes);
}

static void release(void *context, void *memory) {
    ((counted *)context)->live--;
    free(memory);
}

/* What the handles take when they are made one by one. */
static hth_model_sizes sizes_by_hand(const hth_model_plan *plan) {
    counted c = {0};
    const hth_allocator from = {allocate, release, &c};
    const size_t tape = plan->steps + plan->late;
    hth_model_parts p;
    hth_model_sizes s;
    hth_error error;
    must(hth_compute_create(plan->threads, &from, &p.compute, &error), &error);
    s.compute = c.bytes;
    must(hth_network_create(&plan->settings, &plan->shape, plan->seed, &from, &p.network, &error),
         &error);
    s.network = c.bytes - s.compute;
    c.bytes = 0;
    must(hth_tape_create(p.network, tape, plan->batch, p.compute, &from, &p.tape, &error), &error);
    s.tape = c.bytes;
    c.bytes = 0;
    must(hth_learner_create(&plan->settings, p.network, plan->steps, plan->batch, plan->seed,
                            p.compute, &from, &p.learner, &error),
         &error);
    s.learner = c.bytes;
    c.bytes = 0;
    must(hth_gradient_create(p.network, &from, &p.gradient, &error), &error);
    s.gradient = c.bytes;
    c.bytes = 0;
    must(hth_optimiser_create(&plan->settings, p.network, p.compute, &from, &p.optimiser, &error),
         &error);
    s.optimiser = c.bytes;
    assert_int_equal(c.calls, 6);
    hth_optimiser_destroy(p.optimiser);
    hth_gradient_destroy(p.gradient);
    hth_learner_destroy(p.learner);
    hth_tape_destroy(p.tape);
    hth_network_destroy(p.network);
    hth_compute_destroy(p.compute);
    assert_int_equal(c.live, 0);
    return s;
}

static void assert_sizes(const hth_model_plan *plan) {
    const hth_model_sizes taken = sizes_by_hand(plan);
    hth_model_sizes said;
    hth_model *model;
    hth_error error;
    counted c = {0};
    const hth_allocator from = {allocate, release, &c};
    must(hth_model_bytes(plan, &from, &said, &error), &error);
    assert_int_equal(c.live, 0);
    assert_int_equal(said.compute, taken.compute);
    assert_int_equal(said.network, taken.network);
    assert_int_equal(said.tape, taken.tape);
    assert_int_equal(said.learner, taken.learner);
    assert_int_equal(said.gradient, taken.gradient);
    assert_int_equal(said.optimiser, taken.optimiser);
    assert_int_equal(said.total, said.model + said.compute + said.network + said.tape +
                                     said.learner + said.gradient + said.optimiser);
    must(hth_model_create(plan, &from, &model, &error), &error);
    assert_int_equal(c.live, 1);
    assert_int_equal(c.last, said.total);
    assert_memory_equal(hth_model_sizes_of(model), &said, sizeof said);
    hth_model_destroy(model);
    assert_int_equal(c.live, 0);
}

static void test_sizes(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++)
        for (size_t K = 1; K < 8; K += 3)
            for (size_t late = 0; late < 3; late++) {
                law_rig rig;
                law_setup(&rig, &cases[i]);
                hth_model_plan plan = model_plan(&rig, K, late);
                plan.threads = 1 + (int)late;
                assert_sizes(&plan);
                law_teardown(&rig);
            }
}

/* What is in a block when it is given back. */
typedef struct looked {
    size_t wait; /* for so many blocks, this one counted */
    void *block;
    size_t bytes, filled; /* filled: bytes that are not 0 */
} looked;

static void *look_later(void *context, size_t bytes) {
    looked *l = context;
    void *memory = malloc(bytes);
    if (l->wait && --l->wait == 0) *l = (looked){0, memory, bytes, 0};
    return memory;
}

static void look_and_release(void *context, void *memory) {
    looked *l = context;
    const unsigned char *at = memory;
    for (size_t i = 0; memory == l->block && i < l->bytes; i++) l->filled += at[i] != 0;
    free(memory);
}

/* Who asks for sizes does not wait for parameters to be drawn: those of a network whose learner is far too large may be
 * many millions. */
static void test_sizes_draw_nothing(void **state) {
    (void)state;
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_setting items[LAW_SETTINGS];
    hth_settings settings = {items, rig.settings.count};
    memcpy(items, rig.settings.items, settings.count * sizeof *items);
    items[settings.count++] = (hth_setting){"network.units", "100", NULL};
    hth_model_plan plan = model_plan(&rig, 1, 0);
    plan.settings = settings;
    looked asked = {.wait = 2}, made = {.wait = 1}; /* before the network comes compute */
    const hth_allocator of_asked = {look_later, look_and_release, &asked};
    const hth_allocator of_made = {look_later, look_and_release, &made};
    hth_model_sizes sizes;
    hth_network *network;
    hth_error error;
    must(hth_model_bytes(&plan, &of_asked, &sizes, &error), &error);
    assert_int_equal(asked.bytes, sizes.network);
    assert_true(asked.filled < asked.bytes / 10);
    /* Control: a network that is made is full of parameters. */
    must(hth_network_create(&settings, &plan.shape, 1, &of_made, &network, &error), &error);
    hth_network_destroy(network);
    assert_true(made.bytes == asked.bytes && made.filled > made.bytes / 2);
    law_teardown(&rig);
}

/* ---- The caller's memory ---- */

static void test_the_callers_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(cases); i++) {
        law_rig rig;
        hth_model_sizes sizes;
        hth_model *placed, *made;
        hth_report report = {0};
        hth_error error;
        law_setup(&rig, &cases[i]);
        const hth_model_plan plan = model_plan(&rig, 4, 2);
        must(hth_model_bytes(&plan, NULL, &sizes, &error), &error);
        char *memory = malloc(sizes.total + 64);
        made = model_make(&rig, 4, 2);
        model_run(&rig, made, 0, 12, NULL, &report);
        for (size_t at = 0; at < 64; at += 7) {
            memset(memory, 0xa5, sizes.total + 64);
            must(hth_model_place(&plan, memory + at, sizes.total, &placed, &error), &error);
            model_run(&rig, placed, 0, 12, NULL, &report);
            assert_true(same_bits(&rig, model_parameters(placed), model_parameters(made)));
            hth_model_destroy(placed);
            for (size_t j = 0; j < 64; j++) /* nothing is written outside */
                assert_int_equal((unsigned char)memory[j < at ? j : sizes.total + j], 0xa5);
        }
        /* Exact: a byte less is too few, and the message says how many are needed. */
        char words[64];
        snprintf(words, sizeof words, "needs %zu bytes, but has %zu", sizes.total, sizes.total - 1);
        placed = NULL;
        char *small = malloc(sizes.total - 1);
        assert_int_equal(hth_model_place(&plan, small, sizes.total - 1, &placed, &error),
                         HTH_NO_MEMORY);
        if (!strstr(error.message, words)) fail_msg("'%s' lacks '%s'", error.message, words);
        for (size_t bytes = 0; bytes < sizes.total; bytes += 1 + sizes.total / 97)
            assert_int_equal(hth_model_place(&plan, small, bytes, &placed, &error), HTH_NO_MEMORY);
        assert_null(placed);
        free(small);
        free(memory);
        hth_model_destroy(made);
        law_teardown(&rig);
    }
}

#if FAILING_MALLOC
/* Neither making a model in memory of the caller nor its steps call malloc, of which the first call would fail. */
static void test_no_malloc(void **state) {
    (void)state;
    law_rig rig;
    hth_model *model;
    hth_report report = {0};
    hth_error error;
    enum { BYTES = 1 << 22 };
    law_setup(&rig, &cases[0]);
    const hth_model_plan plan = model_plan(&rig, 4, 2);
    char *memory = malloc(BYTES), *saved = malloc(BYTES);
    failing_malloc_start(0);
    hth_status status = hth_model_place(&plan, memory, BYTES, &model, &error);
    if (status == HTH_OK) {
        model_steps(&rig, model, 0, 6, NULL, &report);
        model_run(&rig, model, 6, 12, NULL, &report);
        status = hth_model_save(model, saved, BYTES, &error);
        const size_t bytes = hth_model_save_bytes(model);
        if (status == HTH_OK) status = hth_model_load(model, saved, bytes, &error);
        hth_model_destroy(model);
    }
    failing_malloc_stop();
    must(status, &error);
    assert_false(failing_malloc_reached());
    failing_malloc_start(0);
    assert_int_equal(hth_model_create(&plan, NULL, &model, &error), HTH_NO_MEMORY);
    failing_malloc_stop();
    assert_true(failing_malloc_reached());
    free(saved);
    free(memory);
    law_teardown(&rig);
}
#endif

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    law_rig rig;
    hth_error error;
    hth_model *model;
    law_setup(&rig, &cases[0]);
    const hth_model_plan plan = model_plan(&rig, 4, 0);
    counted all = {0};
    hth_allocator from = {allocate, release, &all};
    must(hth_model_create(&plan, &from, &model, &error), &error);
    hth_model_destroy(model);
    assert_true(all.calls >= 3);
    for (size_t n = 1; n <= all.calls; n++) {
        counted c = {.fail_at = n};
        from.context = &c;
        model = NULL;
        assert_int_equal(hth_model_create(&plan, &from, &model, &error), HTH_NO_MEMORY);
        assert_true(strlen(error.message) > 10);
        assert_null(model);
        assert_int_equal(c.live, 0);
    }
    law_teardown(&rig);
}

/* ---- What is refused ---- */

static void assert_refused(hth_model_plan plan, const char *key, const char *value,
                           const char *words) {
    hth_setting items[LAW_SETTINGS + 1];
    hth_model *model = NULL;
    hth_model_sizes sizes;
    hth_error error = {HTH_OK, ""};
    size_t count = plan.settings.count;
    for (size_t i = 0; i < count; i++) items[i] = plan.settings.items[i];
    if (key) items[count++] = (hth_setting){key, value, "here:1"};
    plan.settings = (hth_settings){items, count};
    const hth_status status = hth_model_create(&plan, NULL, &model, &error);
    if (status != HTH_INVALID && status != HTH_MISMATCH) fail_msg("%s is taken", key);
    assert_null(model);
    if (!strstr(error.message, words)) fail_msg("'%s' lacks '%s'", error.message, words);
    assert_int_equal(hth_model_bytes(&plan, NULL, &sizes, &error), status);
}

static void test_settings(void **state) {
    (void)state;
    static const char *const bad[][3] = {
        {"cell.alhpa", "0.5", "here:1: unknown setting cell.alhpa; did you mean 'cell.alpha'?"},
        {"learner.nmae", "rtrl", "unknown setting learner.nmae; did you mean 'learner.name'?"},
        {"optimizer.lr", "1", "there is no section optimizer; did you mean 'optimiser'?"},
        {"optimiser.rate", "1", "unknown setting optimiser.rate"},
        {"regularizer.rate", "1", "did you mean 'regulariser'?"},
        {"cell.tau_m", "20", "cell.tau_m is a setting of cell lif, alif, cubalif, not of rate"},
        {"train.seed", "1", "there is no section train"},
        {"cell.alpha", "two", "cell.alpha is 'two', but must be a number"},
        {"network.connections", "given", "nothing gives them to this model"},
        {"alpha", "1", "settings are written section.name"},
        {"cell.alpha", NULL, "has no value"},
        {NULL, NULL, ""},
    };
    law_rig rig;
    law_setup(&rig, &cases[0]);
    hth_model_plan plan = model_plan(&rig, 1, 0);
    for (size_t i = 0; bad[i][0]; i++) assert_refused(plan, bad[i][0], bad[i][1], bad[i][2]);
    plan.abi = 0;
    assert_refused(plan, NULL, NULL, "it must be HTH_ABI");
    plan.abi = HTH_ABI + 100;
    assert_refused(plan, NULL, NULL, "compiled against interface");
    plan.abi = HTH_INTERFACE * 100 + (sizeof(hth_real) == 8 ? 4 : 8);
    assert_refused(plan, NULL, NULL, "HTH_DOUBLE");
    assert_int_equal(hth_abi(), HTH_ABI);
    law_teardown(&rig);
}

/* The creators of handles refuse names that they do not know in their own sections, and leave others alone. */
static void test_settings_of_handles(void **state) {
    (void)state;
    law_rig rig;
    hth_error error = {HTH_OK, ""};
    hth_learner *learner = NULL;
    hth_optimiser *optimiser = NULL;
    hth_network *network = NULL;
    law_setup(&rig, &cases[0]);
    const hth_model_plan plan = model_plan(&rig, 1, 0);
    const hth_setting items[] = {{"cell.alhpa", "1", NULL},
                                 {"learner.nmae", "rtrl", NULL},
                                 {"optimiser.lrr", "1", NULL},
                                 {"elsewhere.x", "1", NULL}};
    for (size_t i = 0; i < HTH_COUNT(items); i++) {
        const hth_settings one = {&items[i], 1};
        const hth_status status[] = {
            hth_network_create(&one, &plan.shape, 1, NULL, &network, &error),
            hth_learner_create(&one, rig.network, 1, 1, 1, rig.compute, NULL, &learner, &error),
            hth_optimiser_create(&one, rig.network, rig.compute, NULL, &optimiser, &error)};
        for (size_t h = 0; h < HTH_COUNT(status); h++)
            assert_int_equal(status[h], h == i ? HTH_INVALID : HTH_OK);
        if (i < 3) assert_non_null(strstr(error.message, "did you mean"));
        if (i != 0) hth_network_destroy(network);
        if (i != 1) hth_learner_destroy(learner);
        if (i != 2) hth_optimiser_destroy(optimiser);
    }
    law_teardown(&rig);
}

/* What is left 0 in a plan. */
static void test_defaults(void **state) {
    (void)state;
    static const struct {
        const char *learner, *steps;
        size_t K;
    } all[] = {{"rtrl", "0", 1}, {"eprop3", "0", 4}, {"tbptt", "0", 20}, {"rtrl", "7", 7}};
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        const hth_setting items[] = {{"learner.name", all[i].learner, NULL},
                                     {"learner.steps", all[i].steps, NULL}};
        const hth_model_plan plan = {
            .abi = HTH_ABI, .settings = {items, 2}, .shape = {.inputs = 2, .outputs = 1}};
        hth_model_plan told = plan;
        hth_model_sizes a, b;
        hth_error error;
        must(hth_model_bytes(&plan, NULL, &a, &error), &error);
        told.steps = all[i].K;
        told.batch = 1;
        must(hth_model_bytes(&told, NULL, &b, &error), &error);
        assert_memory_equal(&a, &b, sizeof a);
        told.steps++;
        must(hth_model_bytes(&told, NULL, &b, &error), &error);
        assert_true(b.tape > a.tape);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_sizes_draw_nothing),
        cmocka_unit_test(test_the_callers_memory),
#if FAILING_MALLOC
        cmocka_unit_test(test_no_malloc),
#endif
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_settings_of_handles),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
