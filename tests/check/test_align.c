/*
 * Alignment along a run: an exact learner points exactly where the exact gradient does, others do not; where a tape is
 * a sequence, backpropagation is such a learner; the run itself is not changed by being watched; and a run that was
 * interrupted writes the same lines.
 */
#include "data/npz.h"
#include "runs.h"

#include <cJSON.h>
#include <math.h>

#define RUN                                                                                        \
    "task=add loss=softmax network.units=8 train.steps=1200 learner=rflo optimiser.lr=0.01 "       \
    "train.report_every=100 train.validate_every=-1 "
#define WATCHED                                                                                    \
    RUN "train.align=200 train.align_window=50 train.align_horizon=40 "                            \
        "train.align_learners=rtrl,rflo,readout-only,f-bptt,dni,uoro"

typedef struct verdict {
    const char *learner, *exact, *block;
    double cosine, ratio; /* NAN: null */
} verdict;

/* Calls visit for each line of align.jsonl; returns their number. */
static size_t each_line(const char *run, void (*visit)(const verdict *line)) {
    char path[320], *rest;
    size_t length, lines = 0;
    snprintf(path, sizeof path, "%s/align.jsonl", scratch_path(run));
    char *text = read_whole(path, &length);
    for (char *at = strtok_r(text, "\n", &rest); at; at = strtok_r(NULL, "\n", &rest)) {
        cJSON *json = cJSON_Parse(at);
        assert_non_null(json);
        const cJSON *block = cJSON_GetObjectItemCaseSensitive(json, "block");
        const cJSON *cosine = cJSON_GetObjectItemCaseSensitive(json, "cosine");
        const cJSON *ratio = cJSON_GetObjectItemCaseSensitive(json, "norm_ratio");
        lines++;
        visit(&(verdict){cJSON_GetObjectItemCaseSensitive(json, "learner")->valuestring,
                         cJSON_GetObjectItemCaseSensitive(json, "exact")->valuestring,
                         block->valuestring,
                         cJSON_IsNumber(cosine) ? cosine->valuedouble : (double)NAN,
                         cJSON_IsNumber(ratio) ? ratio->valuedouble : (double)NAN});
        cJSON_Delete(json);
    }
    free(text);
    return lines;
}

static bool is_exact(const verdict *l) {
    const double rounding = sizeof(hth_real) == sizeof(double) ? 1e-9 : 1e-4;
    return fabs(l->cosine - 1) < rounding && fabs(l->ratio - 1) < rounding;
}

static void judge(const verdict *l) {
    if (strncmp(l->block, "readout.", 8) == 0) { /* the same for all, whichever way they face */
        assert_string_equal(l->exact, "rtrl");
        if (!is_exact(l)) fail_msg("%s, %s: %g %g", l->learner, l->block, l->cosine, l->ratio);
        return;
    }
    assert_string_equal(l->block, "layer0.weight");
    if (strcmp(l->learner, "rtrl") == 0) {
        assert_string_equal(l->exact, "rtrl");
        assert_true(is_exact(l));
    } else if (strcmp(l->learner, "rflo") == 0) {
        assert_string_equal(l->exact, "rtrl");
        assert_true(fabs(l->cosine) < 0.9999);
    } else if (strcmp(l->learner, "readout-only") == 0) {
        assert_true(l->cosine == 0 && l->ratio == 0);
    } else if (strcmp(l->learner, "f-bptt") == 0) {
        assert_string_equal(l->exact, "f-bptt"); /* ten steps beside forty */
        assert_true(l->cosine > 0.5 && l->ratio < 1.5);
    } else if (strcmp(l->learner, "dni") == 0) {
        assert_string_equal(l->exact, "f-bptt");
        assert_true(fabs(l->cosine) < 0.9999);
    } else {
        assert_string_equal(l->learner, "uoro");
        assert_true(fabs(l->cosine) < 0.9999);
    }
}

static void compares(void **state) {
    (void)state;
    train_whole(WATCHED, "watched");
    /* Windows end at 200, 400, ..., 1200; the last is too late for what needs the lag. */
    assert_int_equal(each_line("watched", judge), 3 * (6 * 4 + 5 * 2));
}

static void judge_long(const verdict *l) {
    if (strncmp(l->block, "readout.", 8) == 0 || strcmp(l->learner, "f-bptt") != 0)
        judge(l);
    else if (!(l->cosine > 0.99 && fabs(l->ratio - 1) < 0.1))
        fail_msg("%s: %g %g", l->block, l->cosine, l->ratio);
}

/* A window longer than the horizon of the exact one is judged when it is whole, and sees all that counts. */
static void a_longer_window_is_waited_for(void **state) {
    (void)state;
    train_whole(
        RUN
        "optimiser.lr=1e-6 learner=f-bptt learner.window=80 train.align=200 train.align_window=50 "
        "train.align_horizon=40",
        "long");
    assert_int_equal(each_line("long", judge_long), 3 * 5);
    train_whole(
        RUN "optimiser.lr=1e-6 learner=f-bptt learner.window=80 learner.steps=5 train.align=160 "
            "train.align_window=50 train.align_horizon=40 train.align_learners=f-bptt,dni",
        "tapes");
    assert_int_equal(each_line("tapes", judge_long), 2 * 3 * 7);
}

static size_t inexact;
static void count_inexact(const verdict *l) {
    assert_string_equal(l->exact, "rtrl");
    if (!is_exact(l)) inexact++;
}

/* Where a tape is a sequence, backpropagation through it is exact; where the state is carried on, it is not. */
static void nothing_is_before_a_sequence(void **state) {
    (void)state;
    static const char line[] =
        "task=pattern task.steps=20 cell=rate cell.alpha=0.2 network.units=5 learner=tbptt "
        "learner.steps=20 train.steps=400 train.validate_every=-1 train.align=100 "
        "train.align_window=20 train.align_horizon=20 ";
    char carried[400];
    inexact = 0;
    train_whole(line, "sequences");
    assert_true(each_line("sequences", count_inexact) >= 4);
    assert_int_equal(inexact, 0);
    snprintf(carried, sizeof carried, "%s train.keep_state=true", line);
    train_whole(carried, "carried");
    each_line("carried", count_inexact);
    assert_true(inexact > 0);
}

enum { TRIALS = 8, STEPS = 40 };

static void judge_without_feedback(const verdict *l) {
    if (strcmp(l->block, "layer0.weight") != 0) return;
    if (strcmp(l->learner, "rtrl") == 0) /* takes none, so it is given none */
        assert_true(is_exact(l));
    else
        assert_true(l->cosine == 0 && l->ratio == 0);
}

static bool all_zero = true;
static void see_whether_zero(const verdict *l) {
    if (strcmp(l->block, "layer0.weight") == 0 && strcmp(l->learner, "rtrl") != 0)
        all_zero = all_zero && l->ratio == 0;
}

/* Feedback of 0 that the data bring along: nothing reaches the units, of the companions too. */
static void companions_get_the_feedback_of_the_data(void **state) {
    static double x[TRIALS * STEPS], y[TRIALS * STEPS], F[3];
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(x); i++) x[i] = sin((double)(i * i)), y[i] = cos((double)i);
    array all[] = {{"inputs", "<f8", "(8, 40, 1)", false, x, sizeof x},
                   {"targets", "<f8", "(8, 40, 1)", false, y, sizeof y},
                   {"feedback", "<f8", "(1, 3)", false, F, sizeof F}};
    for (int given = 1; given >= 0; given--) {
        char line[400];
        if (!given) all[2].name = NULL;
        npz_write(scratch_path("data.npz"), all, HTH_COUNT(all));
        snprintf(line, sizeof line,
                 "data=arrays data.file=%s cell=rate network.units=3 loss=mse learner=eprop1 "
                 "learner.steps=5 "
                 "train.epochs=2 train.batch=1 train.validate_every=-1 train.align=80 "
                 "train.align_window=20 train.align_horizon=10 train.align_learners=eprop1,rtrl",
                 scratch_path("data.npz"));
        train_whole(line, given ? "fed" : "unfed");
        assert_true(each_line(given ? "fed" : "unfed",
                              given ? judge_without_feedback : see_whether_zero) > 10);
    }
    assert_false(all_zero);
}

static void does_not_touch_the_run(void **state) {
    (void)state;
    train_whole(RUN, "alone");
    assert_true(same_metrics("alone", "watched"));
    train_whole(RUN "train.seed=2", "other");
    assert_false(same_metrics("other", "watched"));
}

static void goes_on_after_an_interruption(void **state) {
    (void)state;
    static const char *const parts[] = {"train.steps=170", "train.steps=219", "train.steps=640"};
    char line[600];
    hth_ending ending;
    hth_error error;
    size_t length[2];
    for (size_t i = 0; i < 3; i++) { /* a run that ends is one that can go on */
        snprintf(line, sizeof line, WATCHED " %s", parts[i]);
        assert_int_equal(train_line(line, "parts", i > 0, NULL, &ending, &error), HTH_OK);
    }
    assert_int_equal(train_line(WATCHED, "parts", true, NULL, &ending, &error), HTH_OK);
    char *whole = read_whole(scratch_path("watched/align.jsonl"), &length[0]);
    char *other = read_whole(scratch_path("parts/align.jsonl"), &length[1]);
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(whole, other, length[0]);
    free(whole);
    free(other);
}

/* A tape of a companion's own, beside a run whose tape slides, is what the run's tape would be: the same units are left
 * out, and what loss.time divides by is known. Weights stay, so that a run whose tape does not slide has the same
 * lines. */
static void companions_see_what_the_run_sees(void **state) {
    static const char *const same[] = {"learner=rflo ", "learner=f-bptt learner.window=6 ",
                                       "learner=tbptt-k1-k2 learner.window=6 "};
    static const char *const others[] = {"", "network.dropout=0 "};
    (void)state;
    for (size_t other = 0; other < HTH_COUNT(others); other++) {
        char *text[HTH_COUNT(same)];
        size_t length[HTH_COUNT(same)];
        for (size_t i = 0; i < HTH_COUNT(same); i++) {
            char line[600], name[32], path[64];
            snprintf(line, sizeof line,
                     "task=pattern task.steps=40 task.groups=2 task.inputs=4 cell=rate "
                     "cell.alpha=0.4 network.units=6 train.steps=240 train.validate_every=-1 "
                     "learner.steps=2 optimiser.lr=1e-30 network.dropout=0.3 loss.time=mean "
                     "train.align=80 train.align_window=20 train.align_horizon=20 "
                     "train.align_learners=rflo,eprop1,uoro %s%s",
                     same[i], i ? others[other] : "");
            snprintf(name, sizeof name, "alike%zu%zu", other, i);
            snprintf(path, sizeof path, "%s/align.jsonl", name);
            train_whole(line, name);
            text[i] = read_whole(scratch_path(path), &length[i]);
            assert_true(length[i] > 500);
        }
        for (size_t i = 1; i < HTH_COUNT(same); i++)
            assert_true((length[i] == length[0] && memcmp(text[i], text[0], length[0]) == 0) ==
                        (other == 0));
        for (size_t i = 0; i < HTH_COUNT(same); i++) free(text[i]);
    }
}

static void refuses(const char *line, const char *part) {
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line(line, "refused", false, NULL, &ending, &error), HTH_INVALID);
    if (!strstr(error.message, part)) fail_msg("%s: %s", line, error.message);
}

static void what_cannot_be(void **state) {
    (void)state;
    refuses(RUN "train.align=60 train.align_window=50 train.align_horizon=40", "at least 89");
    refuses(RUN "learner=f-bptt learner.window=81 train.align=129 train.align_window=50 "
                "train.align_horizon=40",
            "at least 130");
    refuses(RUN "train.align=150 train.align_learners=nobody", "nobody");
    refuses(RUN "train.align=150 train.align_learners=dni,eprop3", "'eprop3', which cannot be");
    refuses(RUN "train.align=100 train.align_window=1 learner.steps=5", "at least the 5 steps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(a_longer_window_is_waited_for),
        cmocka_unit_test(nothing_is_before_a_sequence),
        cmocka_unit_test(companions_get_the_feedback_of_the_data),
        cmocka_unit_test(does_not_touch_the_run),
        cmocka_unit_test(goes_on_after_an_interruption),
        cmocka_unit_test(companions_see_what_the_run_sees),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
