/* The training loop: that it learns, what it writes, when it validates, and what it refuses. */
#include "credit/learner.h"
#include "network/network.h"
#include "runs.h"
#include "session/session.h"

#include <math.h>

#define ADD "task=add loss=softmax train.batch=4 optimiser.lr=0.01 network.units=12 "
#define TEXT                                                                                       \
    "data=text network.units=6 network.embedding=4 cell=lstm train.batch=2 optimiser.lr=0.02 "     \
    "learner=tbptt learner.steps=20 data.dir="

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

static char *metrics_of(const char *run, unsigned *lines) {
    char path[320];
    size_t length;
    snprintf(path, sizeof path, "%s/metrics.jsonl", scratch_path(run));
    char *text = read_whole(path, &length);
    *lines = 0;
    for (size_t i = 0; i < length; i++) *lines += text[i] == '\n';
    return text;
}

static unsigned occurrences(const char *text, const char *part) {
    unsigned count = 0;
    while ((text = strstr(text, part))) {
        text++;
        count++;
    }
    return count;
}

/* Entropies of the task Add: 0.6616 knows nothing, 0.4545 knows both dependencies. */
static void learns_the_task(void **state) {
    (void)state;
    heard h;
    hth_observer observer = listen(&h);
    hth_ending ending;
    hth_error error;
    hth_score score;
    unsigned lines;
    assert_int_equal(train_line(ADD "learner=tbptt learner.steps=8 train.steps=4000", "add", false,
                                &observer, &ending, &error),
                     HTH_OK);
    assert_int_equal(ending, HTH_FINISHED);
    assert_true(h.calls > 0);
    assert_int_equal(h.last.step, 4000);
    assert_true(h.last.validation_loss < 0.5 && h.last.validation_loss > 0.44);
    char *text = metrics_of("add", &lines);
    assert_int_equal(lines, 100);
    assert_true(json_number(text, "train_loss") > 0.6); /* the first line */
    assert_int_equal(occurrences(text, "\"validation_loss\": null"), 90);
    free(text);
    assert_int_equal(hth_evaluate(scratch_path("add"), "test", NULL, NULL, &score, &error), HTH_OK);
    assert_int_equal(score.steps, 1000);
    assert_true(fabs(score.loss - summary_number("add", "test_loss")) < 1e-6);
    assert_true(fabs(score.loss - summary_number("add", "validation_loss")) > 1e-6);
}

static void counts_epochs(void **state) {
    (void)state;
    char line[512];
    unsigned lines;
    snprintf(line, sizeof line, TEXT "%s train.epochs=4 train.validate_every=2",
             scratch_path("corpus"));
    train_whole(line, "text");
    char *text = metrics_of("text", &lines);
    assert_int_equal(lines, 4);
    assert_int_equal(occurrences(text, "\"validation_loss\": null"), 2);
    assert_int_equal(occurrences(text, "\"metric\": \"perplexity\""), 4);
    double loss = json_number(text, "train_loss"), metric = json_number(text, "train_metric");
    assert_true(fabs(exp(loss) / metric - 1) < 1e-6);
    free(text);
    assert_true(summary_number("text", "epochs") == 4);
    assert_true(summary_number("text", "train_loss") < loss);
    assert_true(summary_number("text", "test_loss") > 0);
}

/* One update at the end of each sequence, or one after each tape. */
static void updates_when_told(void **state) {
    (void)state;
    static const char *const moments[] = {"sequence", "tape"};
    uint64_t updates[2];
    for (int i = 0; i < 2; i++) {
        char line[512], path[320];
        snprintf(line, sizeof line, TEXT "%s train.epochs=3 learner.update=%s",
                 scratch_path("corpus"), moments[i]);
        train_whole(line, moments[i]);
        snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(moments[i]));
        hth_safetensors *file;
        hth_field field = {"optimiser.step", HTH_DTYPE_U64, 1, &updates[i], {0}};
        assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
        assert_int_equal(hth_safetensors_restore(file, &field, 1, 0, NULL), HTH_OK);
        hth_safetensors_close(file);
    }
    assert_int_equal(updates[0], 3);
    assert_true(updates[1] >= 24);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    train_whole(ADD "learner=rtrl train.steps=12 train.threads=1 network.units=40", "threads1");
    train_whole(ADD "learner=rtrl train.steps=12 train.threads=3 network.units=40", "threads3");
    assert_int_equal(different_tensors("threads1", "threads3"), 0);
}

static void keeping_the_state_matters(void **state) {
    (void)state;
    static const char *const kept[] = {"false", "true"};
    double loss[2];
    for (int i = 0; i < 2; i++) {
        char line[512];
        snprintf(line, sizeof line, TEXT "%s train.epochs=3 train.keep_state=%s",
                 scratch_path("corpus"), kept[i]);
        train_whole(line, i ? "kept" : "reset");
        loss[i] = summary_number(i ? "kept" : "reset", "train_loss");
    }
    assert_true(fabs(loss[0] - loss[1]) > 1e-9);
}

static void a_run_that_diverges_says_so(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    hth_score score;
    hth_status status =
        train_line(ADD "learner=rtrl train.steps=500 cell.phi=identity optimiser=sgd loss=mse "
                       "optimiser.lr=1e6",
                   "diverged", false, NULL, &ending, &error);
    assert_int_equal(status, HTH_NOT_FINITE);
    assert_non_null(strstr(error.message, "after step "));
    assert_non_null(strstr(error.message, "optimiser.lr"));
    /* The last checkpoint is there and good. */
    assert_int_equal(
        hth_evaluate(scratch_path("diverged"), "validation", NULL, NULL, &score, &error), HTH_OK);
    assert_true(isfinite(score.loss));
}

/* The advice is given once, does not name what is already set, and names the rate that is at fault. */
static void advice_names_what_is_at_fault(void **state) {
    static const struct {
        const char *line, *says, *says_not;
    } all[] = {
        {"learner=rtrl optimiser.lr=1e6", "try a smaller optimiser.lr, or an optimiser.clip_norm",
         "_lr"},
        {"learner=rtrl optimiser.lr=1e6 optimiser.clip_norm=1e12",
         "try a smaller optimiser.lr, or a smaller optimiser.clip_norm", "or an optimiser"},
        {"learner=dni learner.sg_optimiser=sgd learner.sg_lr=1e3 optimiser.lr=1e-9 cell.phi=tanh",
         "try a smaller learner.sg_lr or optimiser.lr, or an optimiser.clip_norm", "lr or learner"},
        /* Last: in float the weights of the prediction are out of bounds as soon as those of the network. */
        {"learner=dni learner.sg_lr=1e-9 optimiser.lr=1e6",
         "try a smaller optimiser.lr or learner.sg_lr", "smaller learner.sg_lr"},
    };
    const size_t count = HTH_COUNT(all) - (sizeof(hth_real) == sizeof(float));
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char line[400], name[32];
        hth_ending ending;
        hth_error error;
        snprintf(line, sizeof line,
                 ADD "train.steps=2000 cell.phi=identity optimiser=sgd loss=mse %s", all[i].line);
        snprintf(name, sizeof name, "advice%zu", i);
        assert_int_equal(train_line(line, name, false, NULL, &ending, &error), HTH_NOT_FINITE);
        const char *first = strstr(error.message, all[i].says);
        if (!first || strstr(error.message, all[i].says_not))
            fail_msg("%s: %s", all[i].line, error.message);
        assert_null(strstr(first + 1, "try a smaller"));
        assert_null(strstr(error.message, "may help"));
    }
}

static void refuse(const char *line, const char *part) {
    hth_ending ending;
    hth_error error;
    assert_int_equal(train_line(line, "refused", false, NULL, &ending, &error), HTH_INVALID);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in: %s", part, error.message);
    assert_int_equal(access(scratch_path("refused"), F_OK), -1); /* and leaves nothing behind */
}

static void refusals(void **state) {
    (void)state;
    refuse(ADD "learner=bptt", "learner.steps");
    refuse(ADD "learner=rtrl train.epochs=3", "train.steps");
    refuse(ADD "learner=rtrl learner.update=sequence", "have no end");
    refuse(ADD "learner=rtrl train.metric=accuracy", "not classes");
    refuse(ADD "learner=rtrl loss=mse train.metric=bits", "cross-entropy");
    refuse("learner=rtrl", "give a task");
    refuse(ADD "learner=rtrl data=text", "one or the other");
#ifdef HTH_DOUBLE
    refuse(ADD "learner=rtrl train.precision=single", "double precision");
#else
    refuse(ADD "learner=rtrl train.precision=double", "single precision");
#endif
}

/* ---- Initial values that the data bring along ---- */

static hth_given brought[5];
static size_t brought_count;

static size_t give(const void *state, hth_given *out, size_t capacity) {
    (void)state;
    for (size_t i = 0; i < brought_count && i < capacity; i++) out[i] = brought[i];
    return brought_count;
}

static const hth_stream_kind giver = {.given = give};

static hth_network *network_of(const char *line) {
    const hth_shape shape = {.inputs = 2, .outputs = 1, .target = HTH_TARGET_VALUES};
    hth_config *config = configure(line);
    hth_settings settings = hth_config_settings(config);
    hth_network *network;
    assert_int_equal(hth_network_create(&settings, &shape, 1, NULL, &network, NULL), HTH_OK);
    hth_config_destroy(config);
    return network;
}

static void given_values_become_weights(void **state) {
    (void)state;
    static const double w_rec[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, w_in[] = {10, 11, 12, 13, 14, 15};
    static const double b_rec[] = {16, 17, 18}, w_out[] = {19, 20, 21}, b_out[] = {22};
    static const double expected[] = {1,  2, 3, 10, 11, 16, 4,  5,  6,  12, 13,
                                      17, 7, 8, 9,  14, 15, 18, 19, 20, 21, 22};
    const hth_source source = {.kind = &giver};
    hth_network *network = network_of("network.units=3");
    const hth_given all[] = {{"w_rec", 3, 3, w_rec},
                             {"w_in", 3, 2, w_in},
                             {"b_rec", 1, 3, b_rec},
                             {"w_out", 1, 3, w_out},
                             {"b_out", 1, 1, b_out}};
    memcpy(brought, all, sizeof all);
    brought_count = 5;
    assert_int_equal(hth_given_apply(&source, NULL, network, NULL), HTH_OK);
    const hth_real *theta = hth_network_parameters(network);
    assert_int_equal(hth_network_parameter_count(network), HTH_COUNT(expected));
    for (size_t i = 0; i < HTH_COUNT(expected); i++) assert_true(theta[i] == (hth_real)expected[i]);
    hth_network_destroy(network);
}

/* Of a store that feeds back: W_in has r, then the input, and W_out z, then r. */
static void given_values_become_weights_of_a_store(void **state) {
    (void)state;
    static double w_rec[4], w_in[6], w_store[10], b_store[5], w_out[3];
    const hth_source source = {.kind = &giver};
    hth_network *network = network_of("network.units=2,1 network.layers=units,store store.keys=2 "
                                      "store.feedback=true");
    const hth_given all[] = {{"w_rec", 2, 2, w_rec},
                             {"w_in", 2, 3, w_in},
                             {"w_store", 5, 2, w_store},
                             {"b_store", 5, 1, b_store},
                             {"w_out", 1, 3, w_out}};
    for (size_t i = 0; i < 10; i++) w_store[i] = (double)i + 1;
    for (size_t i = 0; i < 5; i++) b_store[i] = (double)i + 20;
    for (size_t i = 0; i < 6; i++) w_in[i] = (double)i + 30;
    for (size_t i = 0; i < 3; i++) w_out[i] = (double)i + 40;
    memcpy(brought, all, sizeof all);
    brought_count = 5;
    assert_int_equal(hth_given_apply(&source, NULL, network, NULL), HTH_OK);
    const hth_real *theta = hth_network_parameters(network);
    /* Layer 0: rows of [z; r; x; 1]; the store: rows of [r; z; 1], r without weight. */
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 3; k++) assert_true(theta[i * 6 + 2 + k] == w_in[i * 3 + k]);
    for (size_t i = 0; i < 5; i++, theta += 4) {
        assert_true(theta[12] == 0 && theta[15] == b_store[i]);
        assert_true(theta[13] == w_store[2 * i] && theta[14] == w_store[2 * i + 1]);
    }
    for (size_t k = 0; k < 3; k++) assert_true(theta[12 + k] == w_out[k]);
    hth_network_destroy(network);
    /* Without a store, nothing uses them. */
    hth_error error;
    network = network_of("network.units=2");
    brought_count = 1;
    brought[0] = all[2];
    assert_int_equal(hth_given_apply(&source, NULL, network, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "nothing in this network uses it"));
    hth_network_destroy(network);
}

static void given_values_must_fit(void **state) {
    (void)state;
    static const double values[9] = {0.5, 0, 0, 0, 0, 0, 0, 0, 0};
    const hth_source source = {.kind = &giver};
    hth_error error;
    hth_network *network = network_of("network.units=4");
    brought[0] = (hth_given){"w_rec", 3, 3, values};
    brought_count = 1;
    assert_int_equal(hth_given_apply(&source, NULL, network, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "w_rec of the data is 3 x 3"));
    assert_non_null(strstr(error.message, "takes 4 x 4"));
    hth_network_destroy(network);
    /* Spiking cells have no connection of a unit to itself. */
    network = network_of("network.units=3 cell=lif");
    assert_int_equal(hth_given_apply(&source, NULL, network, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "no connection"));
    hth_network_destroy(network);
}

/* Feedback weights that the data bring are the learner's, or refused. */
static void given_feedback_reaches_the_learner(void **state) {
    (void)state;
    static const double values[3] = {0.5, -2, 7};
    const hth_source source = {.kind = &giver};
    const hth_setting signals[] = {{"learner.signal", "random", NULL},
                                   {"learner.signal", "global", NULL}};
    hth_error error;
    hth_compute *compute;
    hth_learner *learner;
    hth_network *network = network_of("network.units=3");
    brought[0] = (hth_given){"feedback", 1, 3, values};
    brought_count = 1;
    assert_int_equal(hth_given_apply(&source, NULL, network, &error), HTH_OK);
    assert_int_equal(hth_compute_create(1, NULL, &compute, &error), HTH_OK);
    for (size_t i = 0; i < 2; i++) {
        const hth_settings settings = {&signals[i], 1};
        assert_int_equal(
            hth_learner_create(&settings, network, 1, 1, 1, compute, NULL, &learner, &error),
            HTH_OK);
        assert_int_equal(hth_given_feedback(&source, learner, &error),
                         i == 0 ? HTH_OK : HTH_INVALID);
        const hth_real *F = learner->axes.signal->feedback(learner);
        for (size_t j = 0; j < 3; j++) assert_true((F[j] == (hth_real)values[j]) == (i == 0));
        hth_learner_destroy(learner);
    }
    hth_compute_destroy(compute);
    hth_network_destroy(network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_the_task),
        cmocka_unit_test(counts_epochs),
        cmocka_unit_test(updates_when_told),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(keeping_the_state_matters),
        cmocka_unit_test(a_run_that_diverges_says_so),
        cmocka_unit_test(advice_names_what_is_at_fault),
        cmocka_unit_test(refusals),
        cmocka_unit_test(given_values_become_weights),
        cmocka_unit_test(given_values_become_weights_of_a_store),
        cmocka_unit_test(given_values_must_fit),
        cmocka_unit_test(given_feedback_reaches_the_learner),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
