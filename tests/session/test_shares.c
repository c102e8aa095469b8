/*
 * A batch in shares: the gradients of shares add up to that of the batch, in one order; a run with shares is the same
 * after interruptions; what joins the items of a batch is refused. Ranks that take the shares: tests/mpi.
 */
#include "network/inspect.h"
#include "optim/inspect.h"
#include "runs.h"
#include "session/shares.h"

#include <math.h>

#define BASE "train.validate_every=-1 train.threads=1 network.units=6 "
#define COPY BASE "task=copy-repeat task.curriculum=false task.pattern=3 train.batch=7 "
#define ADD BASE "task=add train.batch=7 train.validation_steps=10 "
#define RECALL                                                                                     \
    BASE "task=store-recall task.group=3 task.period=4 task.periods=4 task.rate=200 "              \
         "train.batch=5 "
#define TEXT BASE "data=text network.embedding=3 train.batch=4 train.validation_steps=14 "

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

static void must(hth_status status, const hth_error *error) {
    if (status != HTH_OK) fail_msg("%s", error->message);
}

/* ---- The gradient ---- */

typedef struct found {
    hth_real *gradient;
    size_t count;
    hth_report sums;
} found;

/* Once cleared, all gradients are zero: also rows of an embedding that another share has touched. */
static void nothing_is_left(hth_shares *shares) {
    hth_shares_clear(shares);
    for (size_t i = 0; i < shares->own_count; i++) {
        const hth_gradient_sum all = hth_gradient_parts(shares->own[i].gradient);
        for (size_t k = 0; k < all.count; k++) assert_true(all.values[k] == 0);
    }
}

/* The gradient of six tapes; wrong: shares do not know that they are some. */
static found gradient_of(const char *line, int shares, bool wrong) {
    char text[1024];
    hth_error error;
    hth_session s;
    hth_tally tally = {.epoch = 1};
    const bool reads = strstr(line, "data=text") != NULL;
    snprintf(text, sizeof text, "%s train.shares=%d%s%s", line, shares, reads ? " data.dir=" : "",
             reads ? scratch_path("corpus") : "");
    hth_config *config = configure(text);
    const hth_settings settings = hth_config_settings(config);
    must(hth_session_open(&settings, NULL, &s, &error), &error);
    assert_true((s.shares != NULL) == (shares > 1));
    for (size_t i = 0; wrong && i < s.shares->own_count; i++)
        hth_tape_share(s.shares->own[i].tape, 0, s.shares->own[i].items);
    hth_walk walk = hth_session_walk(&s, &tally);
    walk.parts.optimiser = NULL;
    walk.limit = 0;
    for (int i = 0; i < 6; i++) must(hth_walk_tape(&walk, &error), &error);
    if (s.shares) hth_shares_join(s.shares);
    found out = {.count = hth_network_parameter_count(s.parts.network), .sums = tally.sums};
    out.gradient = malloc(out.count * sizeof *out.gradient);
    memcpy(out.gradient, hth_gradient_values(s.parts.gradient), out.count * sizeof *out.gradient);
    if (s.shares) nothing_is_left(s.shares);
    hth_session_close(&s);
    hth_config_destroy(config);
    return out;
}

/* Largest difference over the largest number. */
static double difference(const found *a, const found *b) {
    double most = 0, largest = 0;
    for (size_t i = 0; i < a->count; i++) {
        most = fmax(most, fabs((double)a->gradient[i] - (double)b->gradient[i]));
        largest = fmax(largest, fabs((double)b->gradient[i]));
    }
    assert_true(largest > 1e-6);
    return most / largest;
}

static void gradients_of_shares_add_up_to_that_of_the_batch(void **state) {
    static const char *const lines[] = {
        COPY "cell=gru learner=bptt loss.time=mean",
        COPY "cell=lstm learner=bptt network.initial=learned network.dropout=0.3",
        COPY "cell=rate learner=rflo loss.time=window learner.steps=3",
        ADD "cell=rate learner=rtrl",
        ADD "cell=gru learner=rtrl learner.steps=3 network.units=4,3",
        ADD "cell=rate learner=snapN learner.order=2",
        ADD
        "cell=gru learner=tbptt learner.steps=3 learner.signal=random network.direction=forward",
        RECALL "cell=lif cell.v_th=0.1 learner=eprop1 regulariser.rate=10 "
               "regulariser.rate_form=nest",
        RECALL "cell=alif cell.v_th=0.1 learner=eprop1 learner.steps=4 learner.signal=resampled "
               "readout.kappa=0.7",
        TEXT "learner.steps=7 cell=gru learner=rtrl network.dropout=0.2",
        TEXT "learner.steps=1 cell=rate learner=tbptt loss.batch=mean",
    };
    const double enough = sizeof(hth_real) == sizeof(double) ? 1e-12 : 1e-4;
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        found whole = gradient_of(lines[i], 1, false);
        for (int shares = 2; shares <= 4; shares++) {
            found sum = gradient_of(lines[i], shares, false);
            const double off = difference(&sum, &whole);
            if (!(off < enough)) fail_msg("%s, %d shares: %g", lines[i], shares, off);
            assert_true(sum.sums.weight == whole.sums.weight);
            assert_true(sum.sums.spikes == whole.sums.spikes);
            assert_true(fabs(sum.sums.loss - whole.sums.loss) < 10 * enough * whole.sums.loss);
            assert_true(strstr(lines[i], "lif") == NULL || sum.sums.spikes > 0);
            free(sum.gradient);
        }
        found wrong = gradient_of(lines[i], 2, true);
        assert_true(difference(&wrong, &whole) > 0.1);
        free(wrong.gradient);
        free(whole.gradient);
    }
}

/* ---- The order of the sum ---- */

static void shares_are_added_in_one_order(void **state) {
    enum { SHARES = 7, NUMBERS = 50 };
    hth_real numbers[SHARES][NUMBERS], *own[SHARES];
    hth_real right[NUMBERS];
    size_t others = 0;
    hth_sum *sum;
    (void)state;
    for (size_t i = 0; i < SHARES; i++) {
        own[i] = numbers[i];
        for (size_t k = 0; k < NUMBERS; k++)
            numbers[i][k] = (hth_real)(1 / (1.0 + (double)((i * 31 + k * 17) % 101)));
    }
    for (size_t k = 0; k < NUMBERS; k++) {
        hth_real x[SHARES], in_turn = 0;
        for (size_t i = 0; i < SHARES; i++) {
            x[i] = numbers[i][k];
            in_turn += x[i];
        }
        right[k] = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + x[6]);
        others += in_turn != right[k];
    }
    assert_int_equal(hth_sum_open(&hth_ranks_alone, SHARES, NUMBERS, &sum, NULL), HTH_OK);
    hth_sum_add(sum, own);
    hth_sum_close(sum);
    assert_memory_equal(own[0], right, sizeof right);
    assert_true(others > 5); /* another order has other bits */
}

/* ---- Runs ---- */

static void interruptions_change_no_bit(void **state) {
    static const char *const lines[] = {
        COPY "learner=rflo learner.steps=3 train.shares=3 train.steps=80 train.report_every=16",
        ADD "learner=rtrl train.shares=2 train.steps=30 "
            "train.validation_steps=10 train.report_every=10",
        TEXT "learner=tbptt learner.steps=7 learner.update=sequence train.shares=2 train.steps=40 "
             "train.report_every=10 ",
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        char line[1024];
        const bool reads = strstr(lines[i], "data=text") != NULL;
        snprintf(line, sizeof line, "%s%s%s", lines[i], reads ? "data.dir=" : "",
                 reads ? scratch_path("corpus") : "");
        assert_interruptions_change_no_bit(line, i, 3);
    }
}

/* ---- What is refused ---- */

static void what_joins_items_is_refused(void **state) {
    static const struct {
        const char *line, *part;
    } all[] = {
        {ADD "train.shares=8", "train.shares is 8, but train.batch has 7 items"},
        {ADD "learner=uoro train.shares=2", "learner.past = rank-one learns or draws"},
        {ADD "learner=kernl train.shares=2", "learner.past = kernel learns or draws"},
        {ADD "learner=dni train.shares=2", "learner.future = synthetic learns or draws"},
        {ADD "learner=f-bptt learner.window=4 train.shares=2", "learner.window keeps tapes"},
        {ADD "learner=rtrl learner.readout=rls train.shares=2", "learner.readout = rls learns"},
        {RECALL "cell=lif learner=eprop1 regulariser.rate=1 train.shares=2",
         "regulariser.rate_form has rates that are means"},
        {BASE "world=bandit train.batch=4 train.shares=2", "a world answers all items"},
        {ADD "train.align=10 train.shares=2", "train.align and train.interference look"},
    };
    (void)state;
    for (size_t i = 0; i < HTH_COUNT(all); i++) {
        hth_error error = {0};
        hth_session s;
        hth_config *config = configure(all[i].line);
        const hth_settings settings = hth_config_settings(config);
        const hth_status status = hth_session_open(&settings, &hth_align_guest, &s, &error);
        if (status != HTH_INVALID || !strstr(error.message, all[i].part))
            fail_msg("%s: no '%s' in: %s", all[i].line, all[i].part, error.message);
        hth_config_destroy(config);
    }
}

static void phases_have_one_share(void **state) {
    hth_ending ending;
    hth_error error;
    (void)state;
    assert_int_equal(train_line(ADD "phases.a.train.steps=10 phases.b.train.steps=10 "
                                    "train.shares=2",
                                "phases", false, NULL, &ending, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "a run with phases has one share"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_shares_add_up_to_that_of_the_batch),
        cmocka_unit_test(shares_are_added_in_one_order),
        cmocka_unit_test(interruptions_change_no_bit),
        cmocka_unit_test(what_joins_items_is_refused),
        cmocka_unit_test(phases_have_one_share),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
