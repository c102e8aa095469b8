/*
 * loss.time = mean and window over a run's data: the walk goes to the end of a sequence and back to tell the tape what
 * it adds up to, so that the gradient of each sequence is the same for tapes of any length; sequences without an end
 * are refused.
 */
#include "runs.h"
#include "session/walk.h"

#include <math.h>

enum { SEQUENCES = 3 };

#define BASE "train.validate_every=-1 train.threads=1 network.units=6 cell.alpha=0.5 "
#define RECALL                                                                                     \
    BASE "task=store-recall task.group=3 task.period=4 task.periods=4 task.rate=200 "              \
         "task.rules=lsnn train.batch=3 "
#define COPY BASE "task=copy-repeat task.curriculum=false task.pattern=3 train.batch=2 "
#define TEXT BASE "data=text network.embedding=3 train.batch=2 loss.time=window "

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s", error->message);
}

/* The gradient of each of the first sequences, weights as they are at first, by tapes of K; to be freed. */
static hth_real *gradients(const char *line, size_t K, size_t *count) {
    char text[1024];
    hth_error error;
    hth_session s;
    hth_tally tally = {.epoch = 1};
    const bool reads = strstr(line, "data=text") != NULL;
    snprintf(text, sizeof text, "%s learner.steps=%zu%s%s", line, K, reads ? " data.dir=" : "",
             reads ? scratch_path("corpus") : "");
    hth_config *config = configure(text);
    const hth_settings settings = hth_config_settings(config);
    must(hth_session_open(&settings, NULL, &s, &error), &error);
    *count = hth_network_parameter_count(s.parts.network);
    hth_real *found = malloc(SEQUENCES * *count * sizeof *found);
    hth_walk walk = hth_session_walk(&s, &tally);
    walk.parts.optimiser = NULL;
    walk.limit = 0;
    for (size_t i = 0; i < SEQUENCES; i++) {
        hth_gradient_clear(s.parts.gradient);
        do must(hth_walk_tape(&walk, &error), &error);
        while (!walk.flags.ends);
        memcpy(found + i * *count, hth_gradient_values(s.parts.gradient), *count * sizeof *found);
    }
    hth_session_close(&s);
    hth_config_destroy(config);
    return found;
}

/* Largest difference over the largest number. */
static double difference(const hth_real *a, const hth_real *b, size_t count) {
    double most = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)b[i]));
    }
    assert_true(largest > 1e-6);
    return most / largest;
}

static void the_gradient_of_a_sequence_is_the_same(void **state) {
    static const struct {
        const char *settings;
        size_t whole; /* steps */
    } all[] = {
        {RECALL "cell=rate learner=rflo loss.time=window", 16},
        {RECALL "cell=lif cell.v_th=0.1 learner=eprop1 conventions=bellec2020", 16},
        {RECALL "cell=rate learner=rtrl loss.time=mean", 16},
        {COPY "cell=rate learner=rflo loss.time=window", 8},
        {TEXT "cell=gru learner=rtrl", 1000},
    };
    (void)state;
    for (size_t c = 0; c < HTH_COUNT(all); c++) {
        size_t count;
        char summed[1024];
        snprintf(summed, sizeof summed, "%s loss.time=sum", all[c].settings);
        hth_real *whole = gradients(all[c].settings, all[c].whole, &count);
        hth_real *sum = gradients(summed, all[c].whole, &count);
        for (size_t K = 1; K <= 4; K += 3) {
            hth_real *cut = gradients(all[c].settings, K, &count);
            for (size_t i = 0; i < SEQUENCES; i++) {
                const size_t at = i * count;
                const double off = difference(cut + at, whole + at, count);
                if (!(off < (sizeof *cut == sizeof(double) ? 1e-11 : 1e-3)))
                    fail_msg("%s, K = %zu, sequence %zu: %g", all[c].settings, K, i, off);
                assert_true(difference(sum + at, whole + at, count) > 0.5);
                if (i) assert_true(difference(cut, cut + at, count) > 1e-3 || c == 4);
            }
            free(cut);
        }
        free(whole);
        free(sum);
    }
}

/* Interrupted after each tape, also within a sequence. */
static void interruptions_change_no_bit(void **state) {
    static const char *const lines[] = {
        RECALL "cell=rate learner=rflo loss.time=window learner.steps=3 train.steps=80 "
               "train.report_every=16",
        RECALL "cell=rate learner=f-bptt learner.window=5 loss.time=window learner.steps=2 "
               "train.steps=64 train.report_every=16",
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++)
        assert_interruptions_change_no_bit(lines[i], i, 3);
}

static void refused(const char *line, const char *part) {
    hth_error error;
    hth_session s;
    hth_config *config = configure(line);
    const hth_settings settings = hth_config_settings(config);
    assert_int_equal(hth_session_open(&settings, NULL, &s, &error), HTH_INVALID);
    if (!strstr(error.message, part)) fail_msg("no '%s' in: %s", part, error.message);
    hth_config_destroy(config);
}

static void sequences_without_an_end_are_refused(void **state) {
    (void)state;
    refused(BASE "task=add loss.time=mean", "the sequences of this task or data have none");
    refused(RECALL "loss.time=window learner=rflo train.keep_state=true",
            "with train.keep_state = true sequences have no end");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gradient_of_a_sequence_is_the_same),
        cmocka_unit_test(interruptions_change_no_bit),
        cmocka_unit_test(sequences_without_an_end_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
