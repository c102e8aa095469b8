/* Learning in both directions: BPTT is the derivative for items of unequal lengths; every learner of whole
 * sequences does on the reversed layer what it does on a forward one that is given the sequence reversed; learners
 * that go with time are refused. */
#include "laws.h"

static const uint32_t lengths[] = {8, 3, 6};

static const law_case cases[] = {
    {"network.direction=both network.units=4 cell.name=rate", 2, 0, 3, 8, 3, false, true},
    {"network.direction=both network.units=4 cell.name=rate readout.kappa=0.6 "
     "network.initial=learned",
     2, 0, 3, 8, 3, false, false},
    {"network.direction=both network.units=3 cell.name=lstm network.initial=learned", 2, 0, 3, 8, 3,
     true, true},
    {"network.direction=both network.units=3 cell.name=lstm readout.kappa=0.5 "
     "readout.bias_place=inside",
     2, 0, 3, 8, 3, true, false},
    {"network.direction=both network.units=3 cell.name=gru network.embedding=2", 0, 4, 3, 8, 3,
     true, true},
    {"network.direction=both network.units=4 cell.name=alif cell.spike=smooth "
     "cell.reset_gradient=true cell.v_th=0.3 network.self_connections=true",
     2, 0, 3, 8, 3, true, true},
    {"network.direction=both network.units=4 cell.name=alif cell.spike=smooth "
     "cell.reset_gradient=true cell.v_th=0.3 readout.kappa=0.7 readout.scale=true "
     "regulariser.rate=0.3",
     2, 0, 3, 8, 3, false, true},
    {"network.direction=both network.units=4 cell.name=alif cell.learn=tau_m,v_th,beta "
     "cell.spike=smooth cell.v_th=0.3",
     2, 0, 3, 8, 3, true, true},
};

/* The same with layers named one by one, and what a direction = both has no setting for: a layer above both
 * directions, which itself runs with time, other cells, and the backward layer first. */
static const law_case listed[] = {
    {"network.units=4,3 network.reads=input,backward network.cells=rate,gru readout.kappa=0.6 "
     "network.initial=learned",
     2, 0, 3, 8, 3, false, true},
    {"network.units=4,3,5 network.reads=backward,input,below+input network.cells=gru,rate,lstm", 2,
     0, 3, 8, 3, true, true},
    {"network.units=3,4 network.reads=backward,below+input readout.reads=top+input", 2, 0, 3, 8, 3,
     false, true},
    {"network.units=3,4,3 network.reads=backward,backward,below+input network.embedding=2 "
     "cell.name=gru",
     0, 4, 3, 8, 3, true, true},
    {"network.units=3,4 network.reads=backward,input network.embedding=2 cell.name=gru", 0, 4, 3, 8,
     3, true, true},
};

static void assert_bptt_is_the_derivative(const law_case *what, const uint32_t *length) {
    law_rig rig;
    law_setup(&rig, what);
    rig.chunk.ends = true;
    rig.chunk.lengths = length;
    hth_real *exact = law_gradient(&rig, "learner.name=bptt", what->steps);
    law_assert_alive(&rig);
    hth_real *numeric = malloc(rig.count * sizeof *numeric);
    law_differences(&rig, numeric);
    law_assert_equal(&rig, "bptt", exact, numeric, 1e-8);
    law_assert_differs(&rig, "twice bptt", law_twice(&rig, exact), numeric, 0.5);
    free(numeric);
    free(exact);
    law_teardown(&rig);
}

static void test_bptt_is_the_derivative(void **state) {
    (void)state;
    if (sizeof(hth_real) == sizeof(float)) return; /* differences of floats prove little */
    for (size_t c = 0; c < HTH_COUNT(cases); c++) {
        assert_bptt_is_the_derivative(&cases[c], lengths);
        assert_bptt_is_the_derivative(&cases[c], NULL);
    }
    for (size_t c = 0; c < HTH_COUNT(listed); c++) {
        assert_bptt_is_the_derivative(&listed[c], lengths);
        assert_bptt_is_the_derivative(&listed[c], NULL);
    }
}

/* Outputs in more than one tile. */
static void test_many_outputs(void **state) {
    static const law_case wide = {
        "network.direction=both network.units=2 readout.kappa=0.3", 2, 0, 300, 3, 2, true, false};
    static const uint32_t length[] = {2, 3};
    (void)state;
    if (sizeof(hth_real) == sizeof(double)) assert_bptt_is_the_derivative(&wide, length);
}

/* ---- The reversed layer and a forward one ------------------------------------------------- */

enum { N = 6, INPUTS = 3, OUTPUTS = 2, STEPS = 10, BATCH = 3 };

static const uint32_t shorter[BATCH] = {10, 4, 7};

static const struct {
    const char *learner, *cell;
} pairs[] = {
    {"learner.name=bptt", "cell.name=rate"},
    {"learner.name=bptt", "cell.name=alif"},
    {"learner.name=tbptt", "cell.name=lstm network.initial=learned"},
    {"learner.name=eprop1", "cell.name=alif"},
    {"learner.name=eprop1", "cell.name=alif regulariser.rate=0.5"},
    {"learner.name=eprop1-symmetric", "cell.name=lstm network.initial=learned"},
    {"learner.name=eprop1-symmetric", "cell.name=lif cell.refractory=2"},
    {"learner.name=snap1", "cell.name=gru"},
    {"learner.name=eprop1 learner.trace=instantaneous learner.postsynaptic=one", "cell.name=lif"},
    {"learner.name=eprop1 learner.postsynaptic=clopath", "cell.name=lif"},
    {"learner.name=eprop1 learner.scale_trace=leak", "cell.name=lif regulariser.rate=0.5"},
    {"learner.name=eprop1 learner.signal=global", "cell.name=rate"},
};

static hth_real *turned(const hth_real *x, size_t width) {
    hth_real *out = malloc(STEPS * BATCH * width * sizeof *out);
    memcpy(out, x, STEPS * BATCH * width * sizeof *out);
    for (size_t b = 0; b < BATCH; b++)
        for (size_t t = 0; t < shorter[b]; t++)
            memcpy(out + (t * BATCH + b) * width, x + ((shorter[b] - 1 - t) * BATCH + b) * width,
                   width * sizeof *out);
    return out;
}

/* The gradient with feedback of the user's, in `count` columns from `first` on, where the learner takes it. */
static hth_real *gradient_of(law_rig *rig, const char *settings, const hth_real *F, size_t first,
                             size_t count) {
    char text[256];
    hth_setting items[LAW_SETTINGS];
    hth_error error;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_real given[OUTPUTS * 2 * N];
    snprintf(text, sizeof text, "%s", settings);
    const hth_settings split = law_split(text, items);
    must(hth_tape_create(rig->network, STEPS, BATCH, rig->compute, NULL, &tape, &error), &error);
    must(hth_learner_create(&split, rig->network, STEPS, BATCH, 1, rig->compute, NULL, &learner,
                            &error),
         &error);
    must(hth_gradient_create(rig->network, NULL, &gradient, &error), &error);
    for (size_t k = 0; k < OUTPUTS; k++)
        memcpy(given + k * count, F + k * 2 * N + first, count * sizeof *given);
    hth_learner_feedback(learner, given, OUTPUTS, count, NULL); /* refused by true transposes */
    rig->report = (hth_report){0};
    must(hth_forward(tape, &rig->chunk, &rig->report, &error), &error);
    must(hth_learn(learner, tape, gradient, &error), &error);
    hth_real *copy = malloc(rig->count * sizeof *copy);
    memcpy(copy, hth_gradient_values(gradient), rig->count * sizeof *copy);
    hth_gradient_destroy(gradient);
    hth_learner_destroy(learner);
    hth_tape_destroy(tape);
    return copy;
}

/* The other direction is not read, so that outputs are those of one layer. */
static void silence(law_rig *both, size_t first) {
    for (size_t k = 0; k < OUTPUTS; k++)
        memset(both->network->theta + both->network->readout.weight + k * 2 * N + first, 0,
               N * sizeof(hth_real));
}

static void copy_parameters(const law_rig *both, size_t l, law_rig *one) {
    const hth_layer *from = &both->network->layers[l], *to = &one->network->layers[0];
    const hth_readout *wide = &both->network->readout, *narrow = &one->network->readout;
    const hth_real *theta = both->network->theta;
    hth_real *out = one->network->theta;
    memcpy(out + to->weight, theta + from->weight, from->rows * from->m * sizeof *out);
    if (from->learns_initial)
        memcpy(out + to->initial, theta + from->initial,
               hth_layer_initial_rows(from) * N * sizeof *out);
    for (size_t k = 0; k < OUTPUTS; k++)
        memcpy(out + narrow->weight + k * N, theta + wide->weight + k * 2 * N + l * N,
               N * sizeof *out);
    memcpy(out + narrow->bias, theta + wide->bias, OUTPUTS * sizeof *out);
}

static double apart(const hth_real *a, const hth_real *b, size_t count) {
    double difference = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    assert_true(largest > 1e-9);
    return difference / largest;
}

/* How far the gradient of layer l is from that of a forward layer on the same data, in order or reversed. */
static double compare(size_t pair, size_t l, bool turns) {
    char settings[256], wide[320];
    law_rig both, one;
    hth_real F[OUTPUTS * 2 * N], weights[STEPS * BATCH];
    snprintf(settings, sizeof settings,
             "%s network.units=%d init.w_in_scale=3 loss.time=sum loss.batch=sum readout.kappa=0",
             pairs[pair].cell, (int)N);
    snprintf(wide, sizeof wide, "%s network.direction=both", settings);
    const law_case narrow = {settings, INPUTS, 0, OUTPUTS, STEPS, BATCH, false, false};
    law_case double_width = narrow;
    double_width.settings = wide;
    law_setup(&both, &double_width);
    law_setup(&one, &narrow);
    for (size_t i = 0; i < OUTPUTS * 2 * N; i++) F[i] = (hth_real)(0.3 * sin(1.7 * (double)i + 1));
    if (strstr(pairs[pair].learner, "global")) /* 1/sqrt(n): n is another */
        for (size_t i = 0; i < OUTPUTS * 2 * N; i++) F[i] = 1;
    for (size_t i = 0; i < STEPS * BATCH; i++)
        weights[i] = i / BATCH < shorter[i % BATCH] ? (hth_real)1 : 0;
    silence(&both, l == 0 ? N : 0);
    copy_parameters(&both, l, &one);
    both.chunk.ends = one.chunk.ends = true;
    both.chunk.lengths = one.chunk.lengths = shorter;
    both.chunk.weights = one.chunk.weights = weights; /* the same in either order */
    hth_real *a = gradient_of(&both, pairs[pair].learner, F, 0, 2 * N);
    law_assert_alive(&both);
    const hth_real *x = one.chunk.x, *y = one.chunk.targets;
    hth_real *back_x = turned(x, INPUTS), *back_y = turned(y, OUTPUTS);
    if (turns) one.chunk.x = back_x, one.chunk.targets = back_y;
    hth_real *b = gradient_of(&one, pairs[pair].learner, F, l * N, N);
    const hth_layer *of = &both.network->layers[l], *alone = &one.network->layers[0];
    const double factor = strstr(pairs[pair].learner, "global") ? sqrt(2) : 1;
    for (size_t i = 0; i < both.count; i++) a[i] *= (hth_real)factor;
    double far = apart(a + of->weight, b + alone->weight, of->rows * of->m);
    if (of->learns_initial)
        far = fmax(far, apart(a + of->initial, b + alone->initial, hth_layer_initial_rows(of) * N));
    one.chunk.x = x, one.chunk.targets = y;
    both.chunk.weights = one.chunk.weights = NULL;
    free(back_x);
    free(back_y);
    free(a);
    free(b);
    law_teardown(&both);
    law_teardown(&one);
    return far;
}

static void test_learners_do_on_the_reversed_layer_what_they_do(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(pairs); i++) {
        const double forward = compare(i, 0, false), backward = compare(i, 1, true);
        const double wrong = compare(i, 1, false), allowed = tolerance(1e-11, 2e-4);
        if (!(forward < allowed && backward < allowed && wrong > 1e-2))
            fail_msg("%s, %s: forward %.3g, backward %.3g, not reversed %.3g", pairs[i].learner,
                     pairs[i].cell, forward, backward, wrong);
    }
}

/* ---- A preset of layers ------------------------------------------------------------------- */

/* direction = both is reads = input, backward, bit for bit. */
static void test_both_is_a_preset(void **state) {
    const char *const settings[] = {"network.direction=both network.units=4 cell.name=gru",
                                    "network.units=4,4 network.reads=input,backward cell.name=gru",
                                    "network.units=4,4 network.reads=backward,input cell.name=gru"};
    hth_real *gradients[3];
    size_t count = 0;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const law_case what = {settings[i], 2, 0, 3, 8, 3, true, true};
        law_rig rig;
        law_setup(&rig, &what);
        rig.chunk.ends = true;
        rig.chunk.lengths = lengths;
        gradients[i] = law_gradient(&rig, "learner.name=bptt", 8);
        count = rig.count;
        law_teardown(&rig);
    }
    assert_memory_equal(gradients[0], gradients[1], count * sizeof(hth_real));
    assert_true(memcmp(gradients[0], gradients[2], count * sizeof(hth_real)) != 0);
    for (size_t i = 0; i < 3; i++) free(gradients[i]);
}

/* ---- What is refused ---------------------------------------------------------------------- */

static void test_learners_that_go_with_time_are_refused(void **state) {
    static const struct {
        const char *name, *words;
    } refused[] = {
        {"rtrl", "learner.past = influence"},    {"uoro", "learner.past = rank-one"},
        {"kf-rtrl", "learner.past = kronecker"}, {"kernl", "learner.past = kernel"},
        {"dni", "learner.future = synthetic"},   {"dni-b", "learner.recurrence = learned"},
        {"f-bptt", "learner.window = 10"}};
    static const char *const taken[] = {"bptt",  "tbptt",       "eprop1", "eprop1-symmetric",
                                        "snap1", "readout-only"};
    law_rig rig;
    (void)state;
    law_setup(&rig, &cases[0]);
    for (size_t i = 0; i < HTH_COUNT(refused) + HTH_COUNT(taken); i++) {
        const bool fits = i >= HTH_COUNT(refused);
        const char *name = fits ? taken[i - HTH_COUNT(refused)] : refused[i].name;
        const hth_setting item = {"learner.name", name, NULL};
        const hth_settings settings = {&item, 1};
        hth_learner *learner = NULL;
        hth_error error = {0};
        const hth_status status = hth_learner_create(&settings, rig.network, 8, 3, 1, rig.compute,
                                                     NULL, &learner, &error);
        if (fits != (status == HTH_OK)) fail_msg("%s: %s", name, error.message);
        if (!fits && (!strstr(error.message, refused[i].words) ||
                      !strstr(error.message, "network.direction = both")))
            fail_msg("%s: no '%s' in: %s", name, refused[i].words, error.message);
        hth_learner_destroy(learner);
    }
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bptt_is_the_derivative),
        cmocka_unit_test(test_many_outputs),
        cmocka_unit_test(test_learners_do_on_the_reversed_layer_what_they_do),
        cmocka_unit_test(test_both_is_a_preset),
        cmocka_unit_test(test_learners_that_go_with_time_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
