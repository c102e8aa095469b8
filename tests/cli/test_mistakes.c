/* What a first-time user gets wrong: a command, and what the one sentence that answers it says. Each ends with an exit
 * status that is not 0, and leaves no run. */
#include "cli/cli.h"
#include "cli/program.h"
#include "files/npz.h"

enum { MOST_WORDS = 12, MOST_PARTS = 3 };

typedef struct mistake {
    const char *words[MOST_WORDS]; /* after the program's name */
    const char *parts[MOST_PARTS]; /* of the sentence */
} mistake;

#define ARRAYS "train", "data=arrays", "train.batch=2"
#define TABLE "train", "data=table"

static const mistake mistakes[] = {
    /* Names of commands and options. */
    {{"trian", "task=add"}, {"unknown command 'trian'", "did you mean 'train'?"}},
    {{"train", "task=add", "--steps", "100"},
     {"'--steps'", "written without dashes: train.steps=VALUE"}},
    {{"train", "--task=add"}, {"'--task=add'", "written without dashes: task=VALUE"}},
    {{"train", "task=add", "-o", "x"}, {"'-o'", "'hitherto help train' shows them all"}},
    {{"train", "task=add", "--resum"}, {"'--resum'", "did you mean '--resume'?"}},
    {{"train", "task=add", "--out"}, {"--out needs a value"}},
    {{"list", "teachers"}, {"there is no kind 'teachers'"}},
    /* Names of settings. */
    {{"train", "task=add", "network.unit=20"}, {"network.unit;", "did you mean 'network.units'?"}},
    {{"train", "task=add", "optimizer.lr=1"},
     {"no section optimizer", "did you mean 'optimiser'?"}},
    {{"train", "task=add", "lr=1"}, {"'lr'", "did you mean 'optimiser.lr'?"}},
    {{"train", "task=add", "steps=9"}, {"'steps'", "did you mean 'train.steps'?"}},
    {{"train", "task=add", "cell=lsmt"}, {"cell.name is 'lsmt'", "did you mean 'lstm'?"}},
    {{"train", "task=add", "cell.tau_m=20"}, {"cell.tau_m", "lif, alif", "not of rate"}},
    {{"train", "task", "=", "add"}, {"'task'", "key=value, without spaces"}},
    {{"train", "task:add"}, {"'task:add'", "key=value"}},
    /* Values and units. */
    {{"train", "task=add", "network.units=many"},
     {"'many'", "whole numbers of units, such as 200"}},
    {{"train", "task=add", "optimiser.lr=-1"}, {"optimiser.lr is '-1'", "from 0"}},
    {{"train", "task=add", "cell=lif", "cell.tau_m=20ms"}, {"cell.tau_m is '20ms'", "a number"}},
    {{"train", "task=add", "train.steps=ten"}, {"train.steps is 'ten'", "a whole number"}},
    {{"train", "task=add", "optimiser.lr="}, {"optimiser.lr is ''", "a number"}},
    {{"train", "task=pattern", "task.rate=5000"}, {"task.rate is 5000 Hz", "one spike a step"}},
    /* Things that do not go together. */
    {{"train"}, {"nothing to learn from", "task=add"}},
    {{"train", "task=add", "learner=tbptt,rtrl"}, {"'tbptt,rtrl'", "compare.learners=tbptt,rtrl"}},
    {{"compare", "task=add", "cell=lstm,gru"}, {"'lstm,gru'", "vary.cell.name=lstm,gru"}},
    {{"train", "task=add", "learner=bptt"}, {"no end", "learner.steps"}},
    {{"train", "task=add", "phases.a=3"},
     {"phases.a: a phase has no value of its own", "such as phases.a.train.steps"}},
    {{"train", "task=add", "train.epochs=3"}, {"train.epochs is 3", "train.steps instead"}},
    /* Files of another kind, or none. */
    {{"train", "good.npz"}, {"no settings file", "data=arrays data.file=good.npz"}},
    {{"train", "good.csv"},
     {"no settings file", "data=table data.target=COLUMN data.file=good.csv"}},
    {{"stream", "good.csv", "--target", "a"},
     {"no settings file", "on the standard input: hitherto stream --target COLUMN <good.csv"}},
    {{"train", "."}, {"without settings.yaml"}},
    {{"train", "--from", "runs/nope"}, {"cannot begin with runs/nope", "no such run or file"}},
    {{"train", "tabs.yaml"}, {"tabs.yaml:3", "a tab; YAML is indented with spaces"}},
    {{ARRAYS}, {"data.file must be given"}},
    {{ARRAYS, "data.file=none.npz"}, {"none.npz: No such file"}},
    {{ARRAYS, "data.file=good.csv"}, {"good.csv", "an .npz file", "or a folder of .npy files"}},
    {{"train", "data=images", "data.file=good.csv", "data.labels=good.csv"},
     {"good.csv", "an IDX file of bytes"}},
    {{"train", "data=text", "data.dir=nowhere", "network.embedding=4"}, {"nowhere/ptb.train.txt"}},
    {{"train", "data=csv", "data.file=good.csv"}, {"data.name is 'csv'", "one of text, arrays"}},
    /* Shapes, missing values, too few. */
    {{ARRAYS, "data.file=class.npz"},
     {"targets has shape (4,)", "the class of a sequence at each of its steps"}},
    {{ARRAYS, "data.file=short.npz"}, {"targets has shape (3, 3)", "must be (4, 3)"}},
    {{ARRAYS, "data.file=names.npz"}, {"no use for array x", "there is for inputs, targets"}},
    {{ARRAYS, "data.file=good.npz", "train.batch=20"},
     {"4 sequences for a batch of 20", "train.batch"}},
    {{ARRAYS, "data.file=good.npz", "data.validation_fraction=20"}, {"'20'", "from 0 to 1"}},
    {{TABLE, "data.file=good.csv", "data.target=z"}, {"no column 'z'", "the columns are t, a, b"}},
    {{TABLE, "data.file=good.csv"}, {"data.target must be given", "columns to predict"}},
    {{TABLE, "data.file=letters.csv", "data.target=a"},
     {"line 3, column a", "'x' is not a number"}},
    /* Files to write, found before the work. */
    {{"lesion", "run", "--csv", "nowhere/l.csv"},
     {"--csv is 'nowhere/l.csv'", "there is no folder nowhere: make it"}},
    {{"dynamics", "run", "--npz", "."}, {"--npz is '.'", "is a folder: name a file"}},
    {{"predict", "run", "--out", "/nowhere/y.npz"}, {"there is no folder /nowhere: make it"}},
    {{"stream", "--target", "a", "--save", "nowhere/s"}, {"--save", "there is no folder nowhere"}},
    /* Names with a '-' in them. */
    {{"train", "task=add", "phases.one-a.network.units=3"},
     {"phases.one-a.network.units: network"}},
    /* Runs. */
    {{"plot", "nowhere"}, {"nowhere is not the folder of a run"}},
    {{"eval", "nowhere"}, {"nowhere is not the folder of a run"}},
    {{"predict"}, {"which run?", "predict RUN"}},
    {{"report", "nowhere", "--out", "a.html"}, {"neither of a run nor of a comparison"}},
    {{"train", "task=add", "--resume", "--out", "none"},
     {"cannot resume none: there is no such folder"}},
    {{"train", "task=add", "--out", "full"}, {"full is not empty", "name another directory"}},
    {{"compare"}, {"what is to be compared?", "compare SETTINGS.yaml"}},
};

static void write_arrays(const char *path, const char *inputs, const char *targets, size_t rows,
                         bool steps) {
    static const double x[24];
    static const int32_t classes[12];
    const hth_npz_array arrays[] = {
        {.name = inputs, .dtype = HTH_DTYPE_F64, .rank = 3, .shape = {4, 3, 2}, .data = x},
        {.name = targets,
         .dtype = HTH_DTYPE_I32,
         .rank = steps ? 2 : 1,
         .shape = {rows, 3},
         .data = classes},
    };
    assert_int_equal(hth_npz_write(path, arrays, 2, NULL), HTH_OK);
}

static void write_files(void) {
    write_arrays("good.npz", "inputs", "targets", 4, true);
    write_arrays("short.npz", "inputs", "targets", 3, true);
    write_arrays("class.npz", "inputs", "targets", 4, false);
    write_arrays("names.npz", "x", "y", 4, true);
    write_whole("good.csv", "t,a,b\n1,2,3\n2,3,4\n3,4,5\n");
    write_whole("letters.csv", "t,a,b\n1,2,3\n2,x,4\n3,4,5\n");
    write_whole("tabs.yaml", "task: add\nnetwork:\n\tunits: 3\n");
    assert_int_equal(mkdir("full", 0777), 0);
    write_whole("full/letter.txt", "Dear");
}

static void judge(const mistake *m) {
    char line[400] = "";
    for (size_t i = 0; i < MOST_WORDS && m->words[i]; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), " %s", m->words[i]);
    run_program(HTH_PROGRAM, m->words);
    if (said.code == 0) fail_msg("hitherto%s: it is accepted", line);
    const char *end = strchr(said.err, '\n');
    if (strncmp(said.err, "hitherto: ", 10) != 0 || !end || end[1])
        fail_msg("hitherto%s: not one sentence: %s", line, said.err);
    for (size_t i = 0; i < MOST_PARTS && m->parts[i]; i++)
        if (!strstr(said.err, m->parts[i]))
            fail_msg("hitherto%s: no \"%s\" in: %s", line, m->parts[i], said.err);
    if (is_there("runs") && rmdir("runs") != 0) fail_msg("hitherto%s: it has left a run", line);
}

static void each_is_answered_by_one_sentence(void **state) {
    (void)state;
    write_files();
    assert_true(HTH_COUNT(mistakes) >= 20);
    for (size_t i = 0; i < HTH_COUNT(mistakes); i++) judge(&mistakes[i]);
}

/* The control: the files are right, so that it is the mistakes that are answered. */
static void without_them_it_runs(void **state) {
    (void)state;
    write_files();
    RUN(ARRAYS, "data.file=good.npz", "train.epochs=1", "train.picture=false", "--quiet", "--out",
        "one");
    assert_int_equal(said.code, 0);
    RUN(TABLE, "data.file=good.csv", "data.target=a", "train.epochs=1", "train.picture=false",
        "--quiet", "--out", "two");
    assert_int_equal(said.code, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_answered_by_one_sentence, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(without_them_it_runs, enter_folder, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
