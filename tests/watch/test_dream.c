/*
 * Dreams: the same twice; another's state in the middle goes on as the whole; what is said is what the network, fed by
 * hand, says; tokens come by their probabilities; and what cannot be dreamt is refused.
 */
#include "network/inspect.h"
#include "runs.h"
#include "watch/dream.h"

#include <math.h>

enum { STEPS = 40, CUT = 17, FIELDS = 64, MOST = 64 };

#define TEXT                                                                                       \
    "data=text data.train=t.txt data.validate= data.test=t.txt cell=gru network.units=10 "         \
    "network.embedding=4 learner=tbptt optimiser.lr=0.02 train.epochs=2 train.batch=4 "            \
    "train.threads=1 train.validate_every=-1 data.dir="
#define TABLE                                                                                      \
    "data=table data.target=a,b data.test_fraction=0.3 cell=rate network.units=6 learner=tbptt "   \
    "train.epochs=1 train.threads=1 data.file="
#define FED                                                                                        \
    "task=sines network.units=20 cell=rate-pre cell.alpha=0.8 readout.feedback=true learner=rls "  \
    "network.initial=learned init.initial=normal train.steps=50 train.threads=1 "                  \
    "train.validate_every=-1"

/* What was said over the steps. */
typedef struct said {
    int32_t tokens[STEPS];
    double y[STEPS];
    char text[1024];
} said;

static hth_dream *open_dream(const char *name, uint64_t prime, double temperature, uint64_t seed) {
    const hth_dream_plan plan = {.of = {.run = scratch_path(name), .split = "test"},
                                 .prime = prime,
                                 .temperature = temperature,
                                 .seed = seed};
    hth_dream *dream;
    hth_error error;
    if (hth_dream_open(&plan, &dream, &error) != HTH_OK) fail_msg("%s", error.message);
    return dream;
}

static void dream_on(hth_dream *dream, size_t from, size_t to, said *out) {
    for (size_t t = from; t < to; t++) {
        hth_dreamt now;
        hth_error error;
        if (hth_dream_next(dream, &now, &error) != HTH_OK) fail_msg("%s", error.message);
        assert_int_equal(now.step, t);
        out->tokens[t] = now.token;
        out->y[t] = (double)now.outputs[0];
        snprintf(out->text + strlen(out->text), sizeof out->text - strlen(out->text), "%s",
                 now.text);
    }
}

static said dreamt(const char *name, uint64_t prime, double temperature, uint64_t seed) {
    said out = {0};
    hth_dream *dream = open_dream(name, prime, temperature, seed);
    dream_on(dream, 0, STEPS, &out);
    hth_dream_close(dream);
    return out;
}

static bool same(const said *a, const said *b, size_t from) {
    return memcmp(a->y + from, b->y + from, (STEPS - from) * sizeof *a->y) == 0 &&
           memcmp(a->tokens + from, b->tokens + from, (STEPS - from) * sizeof *a->tokens) == 0;
}

/* ---- Runs ---- */

static void train_runs(void) {
    char line[700];
    FILE *file = fopen(scratch_path("t.txt"), "w");
    for (int i = 0; i < 60; i++) fprintf(file, "a cat and a dog\nthe dog and a cat %d\n", i % 7);
    assert_int_equal(fclose(file), 0);
    file = fopen(scratch_path("t.csv"), "w");
    fprintf(file, "a,b\n");
    for (int i = 0; i < 120; i++) fprintf(file, "%g,%g\n", sin(i * 0.3), cos(i * 0.2));
    assert_int_equal(fclose(file), 0);
    snprintf(line, sizeof line, TEXT "%s", scratch);
    train_whole(line, "words");
    snprintf(line, sizeof line, TEXT "%s data.level=character", scratch);
    train_whole(line, "letters");
    snprintf(line, sizeof line, TABLE "%s", scratch_path("t.csv"));
    train_whole(line, "table");
    train_whole(FED, "fed");
    train_whole("task=store-recall task.periods=3 task.period=20 task.group=2 network.units=5 "
                "train.sequences=2 train.threads=1",
                "other");
}

static const char *const names[] = {"words", "letters", "table", "fed"};

/* ---- Laws ---- */

static void a_dream_is_the_same_twice(void **state) {
    (void)state;
    train_runs();
    for (size_t i = 0; i < HTH_COUNT(names); i++)
        for (int temperature = 0; temperature < 2; temperature++) {
            const said a = dreamt(names[i], 9, temperature, 1),
                       b = dreamt(names[i], 9, temperature, 1);
            assert_true(same(&a, &b, 0));
            const said other = dreamt(names[i], 9, temperature, 2);
            /* Another seed draws other tokens, where there is something to draw. */
            assert_int_equal(same(&a, &other, 0), temperature == 0 || a.tokens[0] < 0);
            const said later = dreamt(names[i], 12, temperature, 1);
            assert_false(same(&a, &later, 0));
        }
}

static void another_goes_on_from_its_state(void **state) {
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        const said whole = dreamt(names[i], 9, 1, 5);
        said first = {0}, rest = {0}, astray = {0};
        hth_field from[FIELDS], to[FIELDS];
        hth_dream *a = open_dream(names[i], 9, 1, 5), *b = open_dream(names[i], 2, 1, 5);
        dream_on(a, 0, CUT, &first);
        dream_on(b, 0, CUT, &astray);
        const size_t count = hth_dream_state(a, from, FIELDS);
        assert_int_equal(hth_dream_state(b, to, FIELDS), count);
        assert_true(count < FIELDS);
        for (size_t k = 0; k < count; k++)
            memcpy(to[k].data, from[k].data, hth_field_bytes(&from[k]));
        dream_on(b, CUT, STEPS, &rest);
        assert_true(same(&whole, &rest, CUT));
        hth_dream *c = open_dream(names[i], 2, 1, 5);
        dream_on(c, 0, STEPS, &astray);
        assert_false(same(&whole, &astray, CUT)); /* without the state, it is another */
        hth_dream_close(a);
        hth_dream_close(b);
        hth_dream_close(c);
    }
}

/* By hand: the recorder reads as many steps, then says the tokens of the dream, each the largest output. */
static void it_is_fed_with_what_it_said(void **state) {
    (void)state;
    static const char *const fed[] = {"letters", "table"};
    for (size_t i = 0; i < HTH_COUNT(fed); i++) {
        const said dream = dreamt(fed[i], 9, 0, 1);
        const hth_record_plan plan = {.run = scratch_path(fed[i]), .split = "test"};
        hth_recorder *recorder;
        hth_instant now = {0};
        hth_error error;
        const hth_real *y = NULL;
        hth_real x[MOST];
        assert_int_equal(hth_recorder_open(&plan, &recorder, &error), HTH_OK);
        const size_t outputs = hth_recorder_shape(recorder).stream.outputs;
        for (int t = 0; t < 9; t++)
            assert_int_equal(hth_recorder_next(recorder, &now, &error), HTH_OK);
        memcpy(x, now.outputs, outputs * sizeof *x);
        for (size_t t = 0; t < STEPS; t++) {
            int32_t best = 0;
            for (size_t k = 1; k < outputs; k++)
                if (x[k] > x[best]) best = (int32_t)k;
            assert_true(dream.y[t] == (double)x[0]);
            assert_int_equal(dream.tokens[t], i == 0 ? best : -1);
            assert_int_equal(hth_recorder_say(recorder, x, best, &y, &error), HTH_OK);
            memcpy(x, y, outputs * sizeof *x);
        }
        hth_recorder_close(recorder);
    }
}

/* Of the first token, over many seeds: the share of each is near its probability. */
static void tokens_come_by_their_probabilities(void **state) {
    (void)state;
    enum { SEEDS = 60 };
    const double temperature = 0.7;
    double counts[MOST] = {0}, p[MOST], sum = 0, largest = -1e9;
    size_t outputs = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        hth_dream *dream = open_dream("letters", 4, temperature, seed);
        hth_dreamt now;
        hth_error error;
        assert_int_equal(hth_dream_next(dream, &now, &error), HTH_OK);
        outputs = now.count;
        counts[now.token]++;
        for (size_t k = 0; k < outputs; k++) p[k] = (double)now.outputs[k];
        hth_dream_close(dream);
    }
    for (size_t k = 0; k < outputs; k++) largest = fmax(largest, p[k]);
    for (size_t k = 0; k < outputs; k++) sum += p[k] = exp((p[k] - largest) / temperature);
    for (size_t k = 0; k < outputs; k++) {
        const double share = p[k] / sum, spread = sqrt(SEEDS * share * (1 - share)) + 1;
        assert_true(fabs(counts[k] - SEEDS * share) < 5 * spread);
    }
}

static void it_speaks(void **state) {
    (void)state;
    const said words = dreamt("words", 5, 0, 1), letters = dreamt("letters", 5, 0, 1);
    assert_non_null(strstr(words.text, "a "));
    assert_null(strstr(words.text, "<eos>"));
    assert_int_equal(strlen(letters.text), STEPS);
}

static void what_cannot_be_dreamt_is_refused(void **state) {
    (void)state;
    hth_dream_plan plan = {.of = {.run = scratch_path("other"), .split = "test"}, .prime = 3};
    hth_dream *dream;
    hth_error error;
    assert_int_equal(hth_dream_open(&plan, &dream, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "cannot be its next input: it has 2 outputs"));
    /* A table whose targets are others than the next row. */
    static const char *const strays[][2] = {{"data.ahead", "2"}, {"data.change", "true"}};
    for (size_t i = 0; i < HTH_COUNT(strays); i++) {
        const hth_setting item = {strays[i][0], strays[i][1], NULL};
        const hth_settings overrides = {&item, 1};
        plan = (hth_dream_plan){.of = {scratch_path("table"), "test", &overrides, NULL, false, 0},
                                .prime = 3};
        assert_int_equal(hth_dream_open(&plan, &dream, &error), HTH_INVALID);
        assert_non_null(strstr(error.message, strays[i][0]));
    }
    plan = (hth_dream_plan){.of = {.run = scratch_path("words"), .split = "test"}};
    assert_int_equal(hth_dream_open(&plan, &dream, &error), HTH_INVALID);
    assert_non_null(strstr(error.message, "one step at least"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dream_is_the_same_twice),
        cmocka_unit_test(another_goes_on_from_its_state),
        cmocka_unit_test(it_is_fed_with_what_it_said),
        cmocka_unit_test(tokens_come_by_their_probabilities),
        cmocka_unit_test(it_speaks),
        cmocka_unit_test(what_cannot_be_dreamt_is_refused),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
