/* How a run begins and ends beside its settings: with another run's parameters (train.from), with the best ones kept,
 * after validations without a better one (train.patience); and how many updates it has made. */
#include "files/npz.h"
#include "runs.h"
#include "session/checkpoint.h"

#include <math.h>

#define ADD "task=add loss=softmax network.units=5 train.validation_steps=40 "

/* The numbers of a tensor of a checkpoint file of a run; free them. */
static hth_real *tensor_of(const char *run, const char *file, const char *name, size_t *count) {
    char path[320];
    hth_safetensors *opened;
    snprintf(path, sizeof path, "%s/%s", scratch_path(run), file);
    assert_int_equal(hth_safetensors_open(path, &opened, NULL), HTH_OK);
    const hth_tensor *tensors = hth_safetensors_list(opened, count);
    const hth_tensor *found = NULL;
    for (size_t i = 0; i < *count; i++)
        if (strcmp(tensors[i].name, name) == 0) found = &tensors[i];
    if (!found) fail_msg("%s has no %s", path, name);
    *count = (size_t)found->count;
    hth_field field = {.dtype = HTH_DTYPE_REAL, .count = *count};
    snprintf(field.name, sizeof field.name, "%s", name);
    field.data = calloc(*count, sizeof(hth_real));
    assert_int_equal(hth_safetensors_restore(opened, &field, 1, HTH_RESTORE_CONVERT, NULL), HTH_OK);
    hth_safetensors_close(opened);
    return field.data;
}

static bool same_tensor(const char *a, const char *file_a, const char *b, const char *file_b,
                        const char *name) {
    size_t count_a, count_b;
    hth_real *x = tensor_of(a, file_a, name, &count_a), *y = tensor_of(b, file_b, name, &count_b);
    const bool same = count_a == count_b && memcmp(x, y, count_a * sizeof *x) == 0;
    free(x);
    free(y);
    return same;
}

#define FIRST                                                                                      \
    "checkpoint.previous.safetensors" /* of a run that saves at its beginning and at its end */
#define LAST "checkpoint.safetensors"

/* A line with train.from, and what the run says of it. */
static heard begin_from(const char *line, const char *from, const char *name) {
    char whole[1024];
    heard h;
    hth_error error;
    hth_ending ending;
    hth_observer observer = listen(&h);
    snprintf(whole, sizeof whole, "%s train.from=%s", line, scratch_path(from));
    if (train_line(whole, name, false, &observer, &ending, &error) != HTH_OK)
        fail_msg("%s", error.message);
    return h;
}

static void a_run_begins_with_anothers_parameters(void **state) {
    (void)state;
    train_whole(ADD "learner=rtrl train.steps=60", "source");
    const heard h = begin_from(ADD "learner=tbptt train.seed=9 train.steps=20", "source", "after");
    assert_true(same_tensor("source", LAST, "after", FIRST, "layer0.weight"));
    assert_true(same_tensor("source", LAST, "after", FIRST, "readout.weight"));
    assert_false(same_tensor("source", LAST, "after", LAST, "layer0.weight")); /* and learns on */
    assert_false(same_tensor("source", FIRST, "after", FIRST, "layer0.weight"));
    assert_non_null(strstr(h.all, "at step 60: layer0, readout\n"));
    begin_from(ADD "learner=tbptt train.steps=20", "source/checkpoint.best.safetensors", "file");
    assert_true(
        same_tensor("source", "checkpoint.best.safetensors", "file", FIRST, "layer0.weight"));
}

/* A layer of another shape stays as it was drawn, and that is said; a network of which nothing fits is refused. */
static void layers_that_fit_are_taken(void **state) {
    (void)state;
    char line[1024];
    hth_ending ending;
    hth_error error;
    train_whole(ADD "learner=tbptt train.steps=60", "source2");
    train_whole(ADD "learner=tbptt network.units=5,4 train.steps=20", "drawn");
    const heard h =
        begin_from(ADD "learner=tbptt network.units=5,4 train.steps=20", "source2", "taller");
    assert_true(same_tensor("source2", LAST, "taller", FIRST, "layer0.weight"));
    assert_true(same_tensor("drawn", FIRST, "taller", FIRST, "layer1.weight"));
    assert_true(same_tensor("drawn", FIRST, "taller", FIRST, "readout.weight"));
    assert_non_null(strstr(h.all, ": layer0; not taken: layer1.weight (not there), readout.weight "
                                  "(2 x 4 here, 2 x 5 there)\n"));
    snprintf(line, sizeof line, ADD "learner=tbptt network.units=6 train.steps=20 train.from=%s",
             scratch_path("source2"));
    assert_int_equal(train_line(line, "refused", false, NULL, &ending, &error), HTH_MISMATCH);
    assert_non_null(strstr(error.message, "none of its layers fits this network"));
    snprintf(line, sizeof line, ADD "learner=tbptt train.steps=20 train.from=%s",
             scratch_path("no"));
    assert_int_equal(train_line(line, "refused", true, NULL, &ending, &error), HTH_FILE);
    assert_non_null(strstr(error.message, "there is no checkpoint"));
}

/* With train.from_layers only what is listed is taken, by its number or its name, and it must fit. */
static void layers_that_are_named_are_taken(void **state) {
    (void)state;
    char line[1024];
    hth_ending ending;
    hth_error error;
    static const char two[] = ADD "learner=tbptt network.units=5,4 train.steps=20 ";
    train_whole(ADD "learner=tbptt network.units=5,4 train.steps=60 train.seed=7", "named");
    train_whole(two, "drawn2");
    static const struct {
        const char *list;
        bool layer0, layer1, readout; /* taken */
    } lists[] = {{"", true, true, true},
                 {"0", true, false, false},
                 {"layer1", false, true, false},
                 {"1,readout", false, true, true}};
    for (size_t i = 0; i < HTH_COUNT(lists); i++) {
        static const char *const names[] = {"layer0.weight", "layer1.weight", "readout.weight"};
        const bool taken[] = {lists[i].layer0, lists[i].layer1, lists[i].readout};
        char run[16];
        snprintf(run, sizeof run, "named%zu", i);
        /* The frozen layer is still that of the other run at the end. */
        snprintf(line, sizeof line, "%s optimiser.lr_layer=0,1 train.from=%s train.from_layers=%s",
                 two, scratch_path("named"), lists[i].list);
        train_whole(line, run);
        for (size_t k = 0; k < HTH_COUNT(names); k++) {
            assert_true(same_tensor("named", LAST, run, FIRST, names[k]) == taken[k]);
            assert_true(same_tensor("drawn2", FIRST, run, FIRST, names[k]) == !taken[k]);
        }
        assert_true(same_tensor("named", LAST, run, LAST, names[0]) == taken[0]);
        assert_true(same_tensor(run, FIRST, run, LAST, names[0]));  /* frozen */
        assert_false(same_tensor(run, FIRST, run, LAST, names[1])); /* the control */
    }
    static const struct {
        const char *more, *because;
        hth_status status;
    } wrong[] = {
        {"network.units=5,4 train.from_layers=2", "names '2', but this network has layer0, layer1",
         HTH_INVALID},
        {"network.units=5,3 train.from_layers=1,0", "layer1.weight (3 x 9 here, 4 x 10 there)",
         HTH_MISMATCH},
        {"network.units=5,4,3 train.from_layers=2", "layer2.weight (not there)", HTH_MISMATCH}};
    for (size_t i = 0; i < HTH_COUNT(wrong); i++) {
        snprintf(line, sizeof line, ADD "learner=tbptt train.steps=20 train.from=%s %s",
                 scratch_path("named"), wrong[i].more);
        assert_int_equal(train_line(line, "refused2", false, NULL, &ending, &error),
                         wrong[i].status);
        if (!strstr(error.message, wrong[i].because)) fail_msg("%s", error.message);
    }
    assert_int_equal(train_line(ADD "learner=tbptt train.steps=20 train.from_layers=0", "refused3",
                                false, NULL, &ending, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "train.from names no run"));
}

/* A weight of a connection with a delay stands in the column of that delay, so it means another connection where delays
 * are drawn by another seed, or are of other places: then the layer stays as it was drawn, and that is said. */
static void weights_follow_their_delays(void **state) {
    (void)state;
    static const char other[] = "layer0.weight (its connections have other delays there)";
    static const char late[] = ADD "learner=tbptt train.steps=20 network.delay=1..4 ";
    char line[512];
    train_whole(late, "late");
    /* Control: the same delays. */
    heard h = begin_from(late, "late", "same_delays");
    assert_null(strstr(h.all, "not taken"));
    assert_true(same_tensor("late", LAST, "same_delays", FIRST, "layer0.weight"));
    snprintf(line, sizeof line, "%strain.seed=9", late);
    h = begin_from(line, "late", "other_delays");
    assert_non_null(strstr(h.all, other));
    assert_false(same_tensor("late", LAST, "other_delays", FIRST, "layer0.weight"));
    assert_true(same_tensor("late", LAST, "other_delays", FIRST, "readout.weight"));
    /* As many columns, of other things: 6 units one step later, 2 inputs up to three. */
    train_whole(ADD "learner=tbptt train.steps=20 network.units=6 network.delay=1..2", "late2");
    h = begin_from(ADD "learner=tbptt train.steps=20 network.units=6 network.input_delay=0..3",
                   "late2", "other_places");
    assert_non_null(strstr(h.all, other));
}

/* What units have learned of their own is not lost in silence. */
static void what_is_lost_is_said(void **state) {
    (void)state;
    train_whole(ADD "learner=tbptt train.steps=20 cell.alpha=0.3 cell.learn=alpha", "learned");
    const heard h =
        begin_from(ADD "learner=tbptt train.steps=20 cell.alpha=0.3", "learned", "fixed");
    assert_non_null(strstr(h.all, ": layer0, readout; not taken: layer0.cell (not here)\n"));
}

/* A run that goes on has its own parameters, and needs the other run no more. */
static void going_on_needs_no_source(void **state) {
    (void)state;
    char line[1024];
    hth_ending ending;
    train_whole(ADD "learner=tbptt train.steps=20", "moved");
    begin_from(ADD "learner=tbptt train.steps=20", "moved", "goes");
    assert_int_equal(scratch_remove_tree(scratch_path("moved")), 0);
    snprintf(line, sizeof line, ADD "learner=tbptt train.steps=40 train.from=%s",
             scratch_path("moved"));
    assert_int_equal(train_line(line, "goes", true, NULL, &ending, NULL), HTH_OK);
}

/* With a learning rate at which it gets worse after a while. */
#define WORSE ADD "learner=tbptt optimiser.lr=0.3 train.steps=2000 train.validate_every=40 "

static void patience_ends_a_run(void **state) {
    (void)state;
    hth_ending ending;
    hth_error error;
    train_whole(WORSE, "patient");
    train_whole(WORSE "train.patience=4", "impatient");
    const double step = summary_number("impatient", "steps");
    assert_true(step < 2000);
    assert_true(summary_number("patient", "steps") == 2000); /* the control */
    assert_true(summary_number("impatient", "patience_spent") == 4);
    assert_true(summary_number("patient", "patience_spent") == 0);
    assert_true(summary_number("impatient", "best_validation_step") == step - 160);
    assert_int_equal(train_line(WORSE "train.patience=4 train.validate_every=-1", "never", false,
                                NULL, &ending, &error),
                     HTH_INVALID);
    assert_non_null(strstr(error.message, "train.patience is 4, but the run has no validation"));
    assert_interruptions_change_no_bit(ADD
                                       "learner=tbptt learner.steps=40 optimiser.lr=0.3 "
                                       "train.steps=1200 train.validate_every=40 train.patience=4",
                                       90, 3);
}

/* A validation in which no step counts has no loss, and is not the best. */
static void nothing_is_not_the_best(void **state) {
    (void)state;
    train_whole("task=store-recall task.periods=4 task.probability=0 cell=alif learner=eprop1 "
                "network.units=6 "
                "train.sequences=3 train.threads=1 train.validate_every=800",
                "uncounted");
    assert_int_not_equal(access(scratch_path("uncounted/checkpoint.best.safetensors"), F_OK), 0);
    assert_int_equal(access(scratch_path("uncounted/checkpoint.safetensors"), F_OK), 0);
}

/* The best parameters are those that were there at the best step: a run of that length ends with them. */
static void the_best_are_kept(void **state) {
    (void)state;
    char line[512];
    train_whole(WORSE "train.patience=4", "best");
    snprintf(line, sizeof line, WORSE "train.steps=%.0f",
             summary_number("best", "best_validation_step"));
    train_whole(line, "until");
    assert_true(same_tensor("best", "checkpoint.best.safetensors", "until", LAST, "layer0.weight"));
    assert_true(
        same_tensor("best", "checkpoint.best.safetensors", "until", LAST, "readout.weight"));
    assert_false(same_tensor("best", "checkpoint.best.safetensors", "best", LAST, "layer0.weight"));
    /* Looked at by its file, the best checkpoint has the best validation loss; the newest has another. */
    hth_score score;
    hth_error error;
    const double loss = summary_number("best", "best_validation_loss");
    assert_int_equal(hth_evaluate(scratch_path("best/checkpoint.best.safetensors"), "validation",
                                  NULL, NULL, &score, &error),
                     HTH_OK);
    assert_true(fabs(score.loss - loss) < 1e-12);
    assert_int_equal(hth_evaluate(scratch_path("best"), "validation", NULL, NULL, &score, &error),
                     HTH_OK);
    assert_true(fabs(score.loss - loss) > 1e-6);
}

static void updates_are_counted(void **state) {
    (void)state;
    heard h;
    hth_observer observer = listen(&h);
    hth_ending ending;
    char line[512];
    train_whole(ADD "learner=tbptt learner.steps=7 train.steps=70", "sevens");
    assert_true(summary_number("sevens", "updates") == 10);
    train_whole(
        "task=pattern task.steps=30 network.units=4 learner=eprop1 learner.steps=10 train.steps=90 "
        "train.picture=false learner.update=sequence",
        "thirds");
    assert_true(summary_number("thirds", "updates") == 3);
    /* One update an epoch is said; a shorter tape, the control, is not. */
    snprintf(line, sizeof line,
             "data=text data.dir=%s network.units=4 network.embedding=3 learner=tbptt "
             "learner.steps=100000 "
             "train.epochs=2",
             scratch_path("corpus"));
    assert_int_equal(train_line(line, "one", false, &observer, &ending, NULL), HTH_OK);
    assert_non_null(strstr(h.all, "An epoch is one update: the weights change once in its "));
    assert_true(summary_number("one", "updates") == 2);
    strcat(line, " learner.steps=50");
    observer = listen(&h);
    assert_int_equal(train_line(line, "many", false, &observer, &ending, NULL), HTH_OK);
    assert_int_equal(h.messages, 0);
    assert_true(h.last.updates > 2 &&
                h.last.updates == (uint64_t)summary_number("many", "updates"));
}

/* Events are binned in a unit that only the user knows: that cell.dt is not set beside it is said. */
static void steps_without_a_length_are_said(void **state) {
    (void)state;
    static const struct {
        const char *more;
        bool said;
    } runs[] = {{"data.dt=0.25 cell=lif", true},
                {"data.dt=0.25 cell=lif cell.dt=250", false},
                {"data.dt=0.25 cell=gru", false}, /* has no time constants */
                {"data.dt=1 cell=lif", false}};
    static const double times[] = {0.1, 0.6, 1.2, 0.3, 0.9, 1.6};
    static const int32_t units[] = {0, 1, 2, 2, 1, 0}, labels[] = {0, 1};
    static const uint64_t starts[] = {0, 3};
    const hth_npz_array arrays[] = {{"times", HTH_DTYPE_F64, 1, {6}, times},
                                    {"units", HTH_DTYPE_I32, 1, {6}, units},
                                    {"labels", HTH_DTYPE_I32, 1, {2}, labels},
                                    {"starts", HTH_DTYPE_U64, 1, {2}, starts}};
    assert_int_equal(hth_npz_write(scratch_path("e.npz"), arrays, HTH_COUNT(arrays), NULL), HTH_OK);
    for (size_t i = 0; i < HTH_COUNT(runs); i++) {
        char line[512], name[16];
        heard h;
        hth_ending ending;
        hth_observer observer = listen(&h);
        snprintf(line, sizeof line,
                 "data=events data.file=%s network.units=3 learner=eprop1 learner.steps=1 "
                 "train.batch=2 train.epochs=1 train.picture=false %s",
                 scratch_path("e.npz"), runs[i].more);
        snprintf(name, sizeof name, "events%zu", i);
        assert_int_equal(train_line(line, name, false, &observer, &ending, NULL), HTH_OK);
        const bool told = strstr(h.all, "data.dt is 0.25, in the unit of the events' times, but "
                                        "cell.dt is not set") != NULL;
        assert_true(told == runs[i].said);
    }
}

/* Checkpoints of before updates were counted. */
static const char brief[] = ADD "learner=tbptt learner.steps=10 train.steps=40";

/* Counters that older versions did not have. */
static bool is_younger(const char *name) {
    static const char *const names[] = {"run.updates", "run.validations", "run.places",
                                        "run.phase",   "run.phase_step",  "run.phase_epochs",
                                        "run.rows"};
    for (size_t i = 0; i < HTH_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* Trains a run and takes from its checkpoint what older versions did not write, and the setting `without`. */
static void make_older(const char *run, const char *without) {
    char path[320];
    hth_safetensors *file;
    hth_error error;
    train_whole(brief, run);
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path(run));
    assert_int_equal(hth_safetensors_open(path, &file, NULL), HTH_OK);
    size_t count, kept = 0, texts = 0, left = 0;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    hth_field fields[64];
    hth_metadata metadata[256];
    assert_true(count < HTH_COUNT(fields));
    for (size_t i = 0; i < count; i++) {
        if (is_younger(tensors[i].name)) continue;
        const bool wide = strcmp(tensors[i].dtype, "F64") == 0 && sizeof(hth_real) == 4;
        hth_field *field = &fields[kept++];
        *field = (hth_field){.dtype = tensors[i].dtype[0] == 'U' ? HTH_DTYPE_U64
                                      : wide                     ? HTH_DTYPE_F64
                                                                 : HTH_DTYPE_REAL,
                             .count = (size_t)tensors[i].count};
        snprintf(field->name, sizeof field->name, "%s", tensors[i].name);
        field->data = calloc(field->count + 1, 8);
    }
    assert_int_equal(count - kept, 7);
    assert_int_equal(hth_safetensors_restore(file, fields, kept, 0, &error), HTH_OK);
    for (size_t i = 0; hth_safetensors_metadata_at(file, i, &metadata[texts]); i++) {
        const bool leaves = strcmp(metadata[texts].key, without) == 0;
        left += leaves;
        texts += !leaves && strcmp(metadata[texts].key, "digest") != 0;
    }
    assert_int_equal(left, 1);
    assert_int_equal(hth_safetensors_write(path, fields, kept, metadata, texts, &error), HTH_OK);
    hth_safetensors_close(file);
    for (size_t i = 0; i < kept; i++) free(fields[i].data);
}

/* A setting that a checkpoint does not know stood at its default. */
static void older_checkpoints_are_read(void **state) {
    (void)state;
    static const char more[] = ADD "learner=tbptt learner.steps=10 train.steps=80";
    hth_ending ending;
    hth_error error;
    make_older("older", "network.orthogonal");
    if (train_line(more, "older", true, NULL, &ending, &error) != HTH_OK)
        fail_msg("%s", error.message);
    assert_true(summary_number("older", "updates") == 4);
    /* Control: one that is not at its default. */
    make_older("other", "learner.steps");
    assert_int_equal(train_line(more, "other", true, NULL, &ending, &error), HTH_MISMATCH);
    if (!strstr(error.message, "without learner.steps")) fail_msg("%s", error.message);
}

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_begins_with_anothers_parameters),
        cmocka_unit_test(weights_follow_their_delays),
        cmocka_unit_test(what_is_lost_is_said),
        cmocka_unit_test(layers_that_fit_are_taken),
        cmocka_unit_test(layers_that_are_named_are_taken),
        cmocka_unit_test(going_on_needs_no_source),
        cmocka_unit_test(patience_ends_a_run),
        cmocka_unit_test(the_best_are_kept),
        cmocka_unit_test(nothing_is_not_the_best),
        cmocka_unit_test(updates_are_counted),
        cmocka_unit_test(steps_without_a_length_are_said),
        cmocka_unit_test(older_checkpoints_are_read),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
