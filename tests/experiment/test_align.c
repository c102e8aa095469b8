/*
 * Alignment along a run: an exact learner points exactly where the exact gradient does, others do not; the
 * run itself is not changed by being watched; and a run that was interrupted writes the same lines.
 */
#define _GNU_SOURCE
#include "runs.h"

#include <cJSON.h>
#include <math.h>

#define RUN                                                                                        \
    "task=add loss=softmax network.units=8 train.steps=1200 learner=rflo optimiser.lr=0.01 "       \
    "train.report_every=100 train.validate_every=-1 "
#define WATCHED                                                                                    \
    RUN "train.align=200 train.align_window=50 train.align_horizon=40 "                            \
        "train.align_learners=rtrl,rflo,readout-only,f-bptt,dni,uoro"

/* Calls visit for each line of align.jsonl; returns their number. */
static size_t each_line(const char *run, void (*visit)(const char *learner, const char *exact,
                                                       double cosine, double ratio)) {
    char path[320], *rest;
    size_t length, lines = 0;
    snprintf(path, sizeof path, "%s/align.jsonl", in_scratch(run));
    char *text = read_whole(path, &length);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *json = cJSON_Parse(line);
        assert_non_null(json);
        const cJSON *block = cJSON_GetObjectItemCaseSensitive(json, "block");
        const cJSON *cosine = cJSON_GetObjectItemCaseSensitive(json, "cosine");
        const cJSON *ratio = cJSON_GetObjectItemCaseSensitive(json, "norm_ratio");
        lines++;
        if (strcmp(block->valuestring, "layer0.weight") == 0)
            visit(cJSON_GetObjectItemCaseSensitive(json, "learner")->valuestring,
                  cJSON_GetObjectItemCaseSensitive(json, "exact")->valuestring,
                  cJSON_IsNumber(cosine) ? cosine->valuedouble : (double)NAN,
                  cJSON_IsNumber(ratio) ? ratio->valuedouble : (double)NAN);
        cJSON_Delete(json);
    }
    free(text);
    return lines;
}

static void judge(const char *learner, const char *exact, double cosine, double ratio) {
    const double rounding = sizeof(hth_real) == sizeof(double) ? 1e-9 : 1e-4;
    if (strcmp(learner, "rtrl") == 0) {
        assert_string_equal(exact, "rtrl");
        assert_true(fabs(cosine - 1) < rounding && fabs(ratio - 1) < rounding);
    } else if (strcmp(learner, "rflo") == 0) {
        assert_string_equal(exact, "rtrl");
        assert_true(fabs(cosine) < 0.9999);
    } else if (strcmp(learner, "readout-only") == 0) {
        assert_true(cosine == 0 && ratio == 0);
    } else if (strcmp(learner, "f-bptt") == 0) {
        assert_string_equal(exact, "f-bptt"); /* ten steps beside forty */
        assert_true(cosine > 0.5 && ratio < 1.5);
    } else if (strcmp(learner, "dni") == 0) {
        assert_string_equal(exact, "f-bptt");
        assert_true(fabs(cosine) < 0.9999);
    } else {
        assert_string_equal(learner, "uoro");
        assert_true(fabs(cosine) < 0.9999);
    }
}

static void compares(void **state) {
    (void)state;
    train_whole(WATCHED, "watched");
    /* Windows end at 200, 400, ..., 1200; the last is too late for what needs the lag. */
    assert_int_equal(each_line("watched", judge), 3 * (6 * 4 + 5 * 2));
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
    char *whole = read_whole(in_scratch("watched/align.jsonl"), &length[0]);
    char *other = read_whole(in_scratch("parts/align.jsonl"), &length[1]);
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(whole, other, length[0]);
    free(whole);
    free(other);
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
    refuses(RUN "train.align=150 train.align_learners=nobody", "nobody");
    refuses(RUN "train.align=100 train.align_window=1 learner.steps=5", "at least the 5 steps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(does_not_touch_the_run),
        cmocka_unit_test(goes_on_after_an_interruption),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
