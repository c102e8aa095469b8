/* The command line by its exact output: what is refused and in which words, the texts, and a run from
 * its start to its picture. */
#include "cli/cli.h"
#include "cli/program.h"
#include "kernels/level.h"

/* ---- Bad input ------------------------------------------------------------------------------- */

static void test_bad_settings(void **state) {
    (void)state;
    REFUSED("there is nothing to learn from: give a task (task=add), data (data=text "
            "data.dir=FOLDER) or a world (world=bandit); 'hitherto list tasks', 'hitherto "
            "list data' and 'hitherto list worlds' show them",
            "train");
    REFUSED("agent.name is ac-lambda, and each step changes the weights by its own surprise, so a "
            "tape must be one step, but learner.steps is 4: set learner.steps = 1, or agent.name "
            "= a2c",
            "train", "world=bandit", "agent=ac-lambda", "learner.steps=4");
    REFUSED("command line: unknown setting network.unit; did you mean 'network.units'?", "train",
            "task=add", "network.unit=3");
    REFUSED("command line: there is no setting 'tau_m'; did you mean 'cell.tau_m'?", "train",
            "task=add", "tau_m=3");
    REFUSED("command line: cell.name is 'lsmt', but must be one of rate, rate-pre, lstm, gru, lif, "
            "alif, cubalif, sublstm, modrelu; did you mean 'lstm'?",
            "train", "task=add", "cell=lsmt");
    REFUSED("command line: cell.beta is a setting of cell alif, not of lstm", "train", "task=add",
            "cell=lstm", "cell.beta=1");
    REFUSED("command line: train.seed is 'x', but must be a whole number from 0 to 9e15", "train",
            "task=add", "--seed", "x");
    REFUSED("command line: train.batch is '2.5', but must be a whole number from 1 to 1000000",
            "check", "task=add", "train.batch=2.5");
    REFUSED("command line: train.keep_state is 'perhaps', but must be true or false", "train",
            "task=add", "train.keep_state=perhaps");
}

static void test_bad_files(void **state) {
    (void)state;
    REFUSED("cannot read settings file none.yaml: No such file or directory", "train", "none.yaml");
    write_whole("bad.yaml", "task: add\ncell: {name: lstm\n");
    REFUSED("bad.yaml:3: this is not YAML: did not find expected ',' or '}'", "train", "bad.yaml");
    write_whole("bad.yaml", "task: add\ncell:\n  name: lstm\n  tau_m: 20\n");
    REFUSED("bad.yaml:4: cell.tau_m is a setting of cell lif, alif, cubalif, not of lstm", "train",
            "bad.yaml");
    write_whole("bad.yaml", "task: add\ntrain:\n  steps: many\n");
    REFUSED("bad.yaml:3: train.steps is 'many', but must be a whole number from 0 to 1e15", "train",
            "bad.yaml");
    REFUSED("cannot resume nowhere: there is no such folder", "train", "task=add", "--resume",
            "--out", "nowhere");
    REFUSED(
        "cannot resume .: it has no settings.yaml, so no run has begun there: leave out --resume",
        "train", "--resume", "--out", ".");
    write_whole("cut.safetensors", "123");
    RUN("inspect", "cut.safetensors");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "hitherto: cut.safetensors"));
    REFUSED(
        "nowhere is not the folder of a run: cannot read nowhere/metrics.jsonl: No such file or "
        "directory",
        "plot", "nowhere");
    REFUSED("nowhere is not the folder of a run: cannot read settings file nowhere/settings.yaml: "
            "No such file or directory",
            "eval", "nowhere");
}

static void test_bad_words(void **state) {
    (void)state;
    REFUSED("unknown command 'trian'; did you mean 'train'?", "trian");
    REFUSED("unknown command 'frobnicate'; 'hitherto help' shows them all", "frobnicate");
    REFUSED("unknown option '--frob'; a command comes first: hitherto COMMAND ...", "--frob");
    REFUSED("unknown option '--sed' of hitherto train; did you mean '--seed'?", "train", "--sed",
            "3");
    REFUSED("option --seed needs a value: --seed N", "train", "task=add", "--seed");
    REFUSED("option --resume takes no value", "train", "task=add", "--resume=yes");
    REFUSED("option --progress-every is 'often', but must be a number of seconds", "train",
            "task=add", "--progress-every", "often");
    REFUSED("option --x is 'hours', but must be one of step, epoch, seconds", "plot", "a", "--x",
            "hours");
    REFUSED("option --out is 'a.pdf', but must be a file that ends in .svg or .png", "plot", "a",
            "--out", "a.pdf");
    REFUSED("which run? hitherto plot RUN..., with folders of runs", "plot");
    REFUSED("which run? hitherto eval RUN, with the folder of a run", "eval");
    REFUSED("inspect takes one checkpoint or one run: hitherto inspect PATH", "inspect");
    REFUSED("there is no kind 'cels' to list; did you mean 'cell'?", "list", "cels");
    REFUSED("there is no command 'trian'; 'hitherto help' shows them all", "help", "trian");
}

static void test_a_bad_word_leaves_no_run(void **state) {
    (void)state;
    RUN("train", "task=add", "cell=lsmt", "--out", "made/by/mistake");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_false(is_there("made"));
}

/* ---- Texts ------------------------------------------------------------------------------------- */

static void test_help_has_every_command(void **state) {
    (void)state;
    size_t count;
    const cli_command *commands = cli_commands(&count);
    program_result *program = malloc(sizeof *program);
    assert_non_null(program);
    RUN("--help");
    assert_int_equal(said.code, 0);
    *program = said;
    RUN("help");
    assert_string_equal(said.out, program->out);
    for (size_t i = 0; i < count; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n  %s ", commands[i].name);
        assert_non_null(strstr(program->out, line));
        RUN(commands[i].name, "--help");
        assert_int_equal(said.code, 0);
        assert_non_null(strstr(said.out, commands[i].summary));
        for (size_t j = 0; j < CLI_MAX_FLAGS && commands[i].flags[j].name; j++)
            assert_non_null(strstr(said.out, commands[i].flags[j].name));
    }
    free(program);
}

static void test_no_line_of_help_is_too_long(void **state) {
    (void)state;
    size_t count;
    const cli_command *commands = cli_commands(&count);
    for (size_t i = 0; i < count; i++) {
        RUN("help", commands[i].name);
        for (const char *line = said.out; *line; line += strcspn(line, "\n") + 1)
            assert_true(strcspn(line, "\n") <= 100);
    }
}

static void test_without_a_word_help_goes_to_the_error_output(void **state) {
    (void)state;
    run_program(HTH_PROGRAM, (const char *const[]){NULL});
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.out, "");
    assert_non_null(strstr(said.err, "Usage: hitherto COMMAND"));
}

/* groff finds nothing to warn of. */
static void is_clean_troff(const char *page) {
    if (system("command -v groff > none.txt 2>&1") != 0) return;
    write_whole("page.1", page);
    assert_int_equal(system("groff -man -ww -Tascii page.1 > page.txt 2> warnings.txt"), 0);
    read_whole("warnings.txt", said.err);
    assert_string_equal(said.err, "");
}

static void test_the_manual_pages(void **state) {
    (void)state;
    static const char *const headings[] = {".TH HITHERTO 1",  ".SH NAME",
                                           ".SH SYNOPSIS",    ".SH DESCRIPTION",
                                           ".SH COMMANDS",    ".BR hitherto\\-train (1)",
                                           ".SH EXIT STATUS", ".SH FILES"};
    RUN("help", "--man");
    assert_int_equal(said.code, 0);
    for (size_t i = 0; i < HTH_COUNT(headings); i++) assert_non_null(strstr(said.out, headings[i]));
    is_clean_troff(said.out);
    size_t count;
    const cli_command *commands = cli_commands(&count);
    for (size_t i = 0; i < count; i++) {
        RUN("help", "--man", commands[i].name);
        assert_int_equal(said.code, 0);
        assert_non_null(strstr(said.out, ".SH OPTIONS") || !commands[i].flags[0].name ? said.out
                                                                                      : NULL);
        is_clean_troff(said.out);
    }
    REFUSED("there is no command 'trian'; 'hitherto help' shows them all", "help", "--man",
            "trian");
    REFUSED("cannot write nowhere/hitherto.1: No such file or directory", "help", "--man-pages",
            "nowhere");
}

/* What bash offers behind `hitherto WORDS`, of which the last is completed. */
static void offers(const char *words, const char *expected) {
    char command[512];
    snprintf(
        command, sizeof command,
        "bash -c 'source completion.sh; compopt() { :; }; COMP_WORDS=(hitherto %s); "
        "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hitherto; echo \"${COMPREPLY[@]}\"' > offers.txt",
        words);
    assert_int_equal(system(command), 0);
    read_whole("offers.txt", said.out);
    assert_string_equal(said.out, expected);
}

static void test_completion(void **state) {
    (void)state;
    RUN("help", "--completion");
    assert_int_equal(said.code, 0);
    write_whole("completion.sh", said.out);
    if (system("command -v bash > none.txt 2>&1") != 0) return;
    offers("tr", "train\n");
    offers("train cell = ls", "lstm\n");
    offers("train learner.up", "learner.update=\n");
    offers("plot --tr", "--trial --trials\n");
    offers("train --tr", "\n");
    offers("train train.keep_state =", "true false\n");
}

static void test_version(void **state) {
    (void)state;
    char expected[80];
    snprintf(expected, sizeof expected, "hitherto %s (%s precision, level %s)\n", hth_version(),
             sizeof(hth_real) == 8 ? "double" : "single", hth_level_name());
    RUN("--version");
    assert_string_equal(said.out, expected);
    RUN("version");
    assert_string_equal(said.out, expected);
}

/* ---- Lists ------------------------------------------------------------------------------------- */

static void test_lists_have_every_kind_part_and_setting(void **state) {
    (void)state;
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    char *page = malloc(SAID_LENGTH);
    assert_non_null(page);
    RUN("list", "settings", "--markdown");
    assert_int_equal(said.code, 0);
    memcpy(page, said.out, SAID_LENGTH);
    for (size_t i = 0; i < count; i++) {
        RUN("list", all[i]->kind);
        assert_int_equal(said.code, 0);
        for (size_t j = 0; j < all[i]->count; j++)
            assert_non_null(strstr(said.out, all[i]->at(j)->name));
        for (size_t j = 0; j < all[i]->common.count; j++) {
            char cell[100];
            snprintf(cell, sizeof cell, "| `%s.%s` |", all[i]->common.section,
                     all[i]->common.items[j].name);
            assert_non_null(strstr(page, cell));
        }
        RUN("list");
        assert_non_null(strstr(said.out, all[i]->kind));
    }
    free(page);
}

static void test_a_part(void **state) {
    (void)state;
    RUN("list", "cell", "alif");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "Chosen by cell.name=alif\n"));
    assert_non_null(strstr(said.out, "  cell.beta  ("));
    assert_null(strstr(said.out, "cell.phi"));
    assert_null(strstr(said.out, "Stands for"));
    RUN("list", "learner", "eprop3");
    assert_non_null(strstr(said.out, "\nStands for learner.signal=readout learner.recurrence=full "
                                     "learner.past=trace learner.future=synthetic\n"));
    assert_non_null(strstr(said.out, "\n  learner.sg_hidden=512\n"));
    assert_non_null(strstr(said.out, "\n  learner.sg_lr=1e-4\n"));
    assert_non_null(strstr(said.out, "\n  learner.sg_optimiser=adam\n"));
    assert_non_null(strstr(said.out, "\n  learner.sg_scans=2\n"));
    assert_non_null(strstr(said.out, "\n  learner.sg_scale=0.1\n"));
    assert_non_null(strstr(said.out, "\n  learner.sg_label=false\n"));
    /* What RFLO's feedback is, and which layers random feedback reaches. */
    RUN("list", "learner", "rflo");
    assert_non_null(strstr(said.out, "readout's own weights as feedback"));
    assert_non_null(strstr(said.out, "Stands for learner.signal=readout"));
    RUN("list", "signal", "random");
    assert_non_null(strstr(said.out, "layers below learn through the true weights"));
    RUN("list", "learner", "tbptt");
    assert_non_null(strstr(said.out, "learner.past=none learner.future=zero\n\n"));
    assert_null(strstr(said.out, "sg_hidden"));
    RUN("list", "settings", "train.seed"); /* its section */
    assert_non_null(
        strstr(said.out, "  train.seed  (a whole number from 0 to 9e15; default: 1)\n"));
    RUN("list", "settings", "train");
    assert_non_null(
        strstr(said.out, "  train.seed  (a whole number from 0 to 9e15; default: 1)\n"));
    assert_null(strstr(said.out, "cell."));
}

/* Whether `hitherto list settings WORD` shows the first of the options. */
static void check_lists(const char *word, const hth_options *options) {
    char line[100];
    RUN("list", "settings", word);
    snprintf(line, sizeof line, "  %s.%s  (", options->section, options->items[0].name);
    if (!strstr(said.out, line))
        fail_msg("list settings %s does not show%s: %s", word, line, said.err);
}

/* Every section and every heading of docs/settings.md can be listed. */
static void test_settings_of_any_section(void **state) {
    (void)state;
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->common.count) {
            check_lists(all[i]->common.section, &all[i]->common);
            check_lists(all[i]->kind, &all[i]->common);
        }
        for (size_t j = 0; j < all[i]->count; j++) {
            const hth_part *part = all[i]->at(j);
            if (part->options.count == 0) continue;
            check_lists(part->options.section, &part->options);
            check_lists(part->name, &part->options);
        }
    }
    REFUSED("there is no kind 'stores' to list; 'hitherto list' shows them all", "list", "settings",
            "stores");
}

/* ---- Runs --------------------------------------------------------------------------------------- */

#define SMALL "task=add", "learner=tbptt", "learner.steps=10", "network.units=8", "train.threads=1"

static void test_a_run_from_start_to_picture(void **state) {
    (void)state;
    RUN("train", SMALL, "train.steps=2000", "--seed", "3");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "Finished.\n"));
    assert_non_null(strstr(said.out, "hitherto plot runs/add-tbptt-s3\n"));
    assert_non_null(strstr(said.err, "step 2000/2000  loss 0."));
    assert_true(is_there("runs/add-tbptt-s3/settings.yaml"));
    assert_true(is_there("runs/add-tbptt-s3/metrics.jsonl"));
    assert_true(is_there("runs/add-tbptt-s3/summary.json"));
    RUN("eval", "runs/add-tbptt-s3");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "test loss "));
    RUN("inspect", "runs/add-tbptt-s3");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "tbptt"));
    RUN("inspect", "runs/add-tbptt-s3/checkpoint.safetensors");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "layer0.weight"));
    if (system("command -v gnuplot > none.txt 2>&1") != 0) return;
    RUN("plot", "runs/add-tbptt-s3", "--out", "curve.svg");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "curve.svg\n");
    read_whole("curve.svg", said.out);
    assert_non_null(strstr(said.out, "<svg"));
    assert_non_null(strstr(said.out, "time step"));
    RUN("plot", "runs/add-tbptt-s3");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "training"));
    /* Lines of training alone need not be dashed to be told apart. */
    RUN("train", SMALL, "train.steps=2000", "train.validate_every=-1", "--out", "runs/alone");
    RUN("plot", "runs/alone", "runs/alone", "--out", "curve.svg");
    read_whole("curve.svg", said.out);
    assert_null(strstr(said.out, "dashed: training"));
    RUN("plot", "runs/alone", "runs/add-tbptt-s3", "--out", "curve.svg");
    read_whole("curve.svg", said.out);
    assert_non_null(strstr(said.out, "dashed: training"));
}

/* A task is enough: everything else has a default. */
static void test_a_task_is_enough(void **state) {
    (void)state;
    RUN("train", "task=add", "train.steps=60", "--threads", "1");
    assert_int_equal(said.code, 0);
    assert_true(is_there("runs/add-tbptt-s1/summary.json"));
}

static void test_a_silent_network_is_named(void **state) {
    (void)state;
    RUN("train", "task=add", "cell=lif", "cell.v_th=1000", "train.steps=60", "--threads", "1");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.err, "No unit has spiked"));
    RUN("train", "task=add", "cell=lif", "cell.v_th=0.1", "train.steps=60", "--threads", "1");
    assert_int_equal(said.code, 0);
    assert_null(strstr(said.err, "No unit has spiked"));
}

static void test_a_second_run_gets_a_number(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        RUN("train", SMALL, "train.steps=100", "--quiet");
        assert_int_equal(said.code, 0);
        assert_string_equal(said.err, "");
    }
    assert_true(is_there("runs/add-tbptt-s1/summary.json"));
    assert_true(is_there("runs/add-tbptt-s1-2/summary.json"));
    assert_true(is_there("runs/add-tbptt-s1-3/summary.json"));
    write_whole("mine.yaml", "task: add\nlearner: {name: tbptt, steps: 10}\ntrain: {steps: 100}\n");
    RUN("train", "mine.yaml");
    assert_true(is_there("runs/mine-tbptt-s1/summary.json"));
    REFUSED(
        "runs/mine-tbptt-s1 is not empty: resume the run that it holds, or name another directory",
        "train", "mine.yaml", "--out", "runs/mine-tbptt-s1", "--quiet");
}

/* Once the program has made the file, it can be interrupted. */
static void interrupt_when(pid_t child, const char *path) {
    await_file(child, path);
    kill(child, SIGINT);
    finish_program(child);
}

static void test_an_interrupted_run_says_how_to_resume(void **state) {
    (void)state;
    const char *const arguments[] = {"train", SMALL, "train.steps=1e12", "--out", "long", NULL};
    interrupt_when(start_program(HTH_PROGRAM, arguments), "long/settings.yaml");
    assert_int_equal(said.code, CLI_INTERRUPTED);
    assert_non_null(strstr(said.err, "Interrupted; the run is saved. To go on:\n"
                                     "  hitherto train --resume --out long\n"));
    /* It ends where it is, if it is told so; not before. */
    char steps[60];
    unsigned long long at;
    RUN("train", "--resume", "--out", "long", "train.steps=1");
    const char *step = strstr(said.err, "but the run is past that already, at step ");
    assert_non_null(step);
    assert_int_equal(sscanf(step, "%*[^0-9]%llu", &at), 1);
    snprintf(steps, sizeof steps, "train.steps=%llu", at);
    RUN("train", "--resume", "--out", "long", steps);
    assert_int_equal(said.code, 0);
    read_whole("long/settings.yaml", said.out);
    snprintf(steps, sizeof steps, "\n  steps: %llu\n", at);
    assert_non_null(strstr(said.out, steps));
}

/* A fraction of one target is 0 or 1; the second run counts enough. */
static void test_a_validation_of_few_targets_says_so(void **state) {
    (void)state;
    RUN("train", "task=recall", "network.units=3", "learner=rflo", "train.sequences=1", "--out",
        "one");
    assert_non_null(strstr(said.err, "Validation rests on 1 target ("));
    assert_non_null(
        strstr(said.err, " steps of 1 sequence), which says little: train.validation_batch=100"));
    RUN("train", "task=recall", "network.units=3", "learner=rflo", "train.sequences=1",
        "train.validation_batch=10", "--out", "ten");
    assert_int_equal(said.code, 0);
    assert_null(strstr(said.err, "rests on"));
}

static void test_check_shows_each_claim(void **state) {
    (void)state;
    if (!has_double()) skip();
    RUN("check", SMALL, "check.steps=5");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "B[r][a]"));
    assert_non_null(strstr(said.out, "bptt = finite differences"));
    assert_non_null(strstr(said.out, "layer0.weight"));
    assert_non_null(strstr(said.out, "comparisons hold, 0 are shown without a claim.\n"));
    /* Of a trained network, whose numbers are of the other precision. */
    RUN("train", SMALL, "train.steps=30", "learner=tbptt", "learner.steps=3", "--out", "checked");
    RUN("check", "checked", "check.steps=6");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, 0);
    assert_non_null(strstr(said.out, "your learner ~ bptt"));
    static const char *const learners[] = {"eprop3", "dni", "f-bptt"};
    for (size_t i = 0; i < HTH_COUNT(learners); i++) {
        char learner[32], out[32];
        snprintf(learner, sizeof learner, "learner=%s", learners[i]);
        snprintf(out, sizeof out, "checked-%s", learners[i]);
        RUN("train", "task=add", "network.units=5", learner, "train.steps=30", "--out", out);
        RUN("check", out);
        assert_string_equal(said.err, "");
        assert_int_equal(said.code, 0);
    }
    /* The first step has no target. */
    RUN("check", "task=copy-repeat", "network.units=4", "check.steps=1");
    assert_int_equal(said.code, CLI_PROVED_NOTHING);
    assert_non_null(strstr(said.out, "12 are of gradients that are zero and prove nothing.\n"));
    assert_non_null(strstr(said.err, "hitherto: no comparison failed, but none proves anything"));
    REFUSED("check takes one run, but 'checked' and '.' are given", "check", "checked", ".");
    RUN("check", "checked", "network.units=3");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "network.units"));
}

/* Alone in a folder, the single-precision program says what it misses. */
static void test_double_precision_without_its_program(void **state) {
    (void)state;
    if (sizeof(hth_real) == 8) return;
    char command[1024];
    snprintf(command, sizeof command, "cp '%s' alone", HTH_PROGRAM);
    assert_int_equal(system(command), 0);
    run_program("./alone", (const char *const[]){"train", SMALL, "train.precision=double", NULL});
    assert_int_equal(said.code, CLI_FAILED);
    assert_non_null(strstr(said.err, "hitherto: this needs double precision, which the program "
                                     "hitherto64 computes; it is neither in "));
    assert_false(is_there("runs"));
}

/* The picture where no file may be larger than 4096 bytes, as on a full disk; an older one stays. */
static void refuse_picture(const char *path) {
    char command[1024];
    write_whole(path, "older");
    snprintf(command, sizeof command,
             "trap '' XFSZ; ulimit -f 8; '%s' plot r --out %s >out.txt 2>err.txt", HTH_PROGRAM,
             path);
    assert_int_equal(WEXITSTATUS(system(command)), CLI_BAD_INPUT);
    read_whole("out.txt", said.out);
    read_whole("err.txt", said.err);
    assert_string_equal(said.out, "");
    if (!strstr(said.err, path) || !strstr(said.err, "disk full") == !strstr(said.err, "too large"))
        fail_msg("%s", said.err);
    read_whole(path, said.out);
    assert_string_equal(said.out, "older");
    snprintf(command, sizeof command, "%s.tmp", path);
    assert_false(is_there(command));
}

static void test_a_picture_is_whole_or_not_there(void **state) {
    (void)state;
    assert_int_equal(mkdir("r", 0777), 0);
    FILE *file = fopen("r/metrics.jsonl", "wb");
    for (int i = 1; i < 500; i++)
        fprintf(file, "{\"step\": %d, \"train_loss\": %d}\n", i, i * i % 101);
    fclose(file);
    refuse_picture("p.svg");
    if (system("command -v gnuplot > none.txt 2>&1") != 0) return;
    refuse_picture("p.png");
    RUN("plot", "r", "--out", "p.png");
    assert_string_equal(said.err, "");
    assert_string_equal(said.out, "p.png\n");
    assert_false(is_there("p.png.tmp"));
}

static void test_plot_without_gnuplot(void **state) {
    (void)state;
    assert_int_equal(mkdir("r", 0777), 0);
    write_whole("r/metrics.jsonl", "{\"step\": 1, \"train_loss\": 2}\n{\"step\": 2, \"tr");
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    RUN("plot", "r");
    setenv("PATH", path, 1);
    free(path);
    assert_string_equal(said.err,
                        "hitherto: plots are drawn by gnuplot, which is not installed (on "
                        "Debian: apt install gnuplot-nox)\n");
    assert_int_equal(said.code, CLI_FAILED);
    REFUSED("r/metrics.jsonl has no metric over step to draw", "plot", "r", "--metric");
    REFUSED("r/metrics.jsonl has no loss over epoch to draw", "plot", "r", "--x", "epoch");
}

/* Runs the program with HTH_LEVEL. */
static void run_at(const char *level, const char *const arguments[]) {
    char before[40];
    const char *given = getenv("HTH_LEVEL");
    snprintf(before, sizeof before, "%s", given ? given : "");
    setenv("HTH_LEVEL", level, 1);
    run_program(HTH_PROGRAM, arguments);
    if (given)
        setenv("HTH_LEVEL", before, 1);
    else
        unsetenv("HTH_LEVEL");
}

static void version_at(const char *level) {
    run_at(level, (const char *const[]){"version", NULL});
}

/* A level without fused multiply-add says so, and no other does. */
static void check_note(size_t level, const char *out) {
    run_at(hth_level_name_of(level), (const char *const[]){"train", "task=add", "loss=softmax",
                                                           "train.steps=20", "--out", out, NULL});
    assert_int_equal(said.code, 0);
    assert_int_equal(said.noted, !hth_level_fuses(level));
}

/* Every level that this processor runs can be named; another is told what there is. */
static void test_levels(void **state) {
    char expected[80];
    size_t running = 0;
    (void)state;
    for (size_t i = 0; i < hth_level_count(); i++) {
        snprintf(expected, sizeof expected, ", level %s)\n", hth_level_name_of(i));
        version_at(hth_level_name_of(i));
        if (hth_level_runs(i)) {
            running++;
            assert_int_equal(said.code, 0);
            assert_non_null(strstr(said.out, expected));
            check_note(i, hth_level_name_of(i));
        } else {
            assert_int_equal(said.code, 2);
            assert_non_null(strstr(said.err, "which this processor cannot run; it runs plain"));
        }
    }
    assert_true(running >= 1);
    version_at("x86-64-v9");
    assert_int_equal(said.code, 2);
    assert_non_null(
        strstr(said.err, "hitherto: HTH_LEVEL is 'x86-64-v9', but must be one of plain"));
    assert_string_equal(said.out, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_bad_settings),
        TEST(test_bad_files),
        TEST(test_bad_words),
        TEST(test_a_bad_word_leaves_no_run),
        TEST(test_help_has_every_command),
        TEST(test_no_line_of_help_is_too_long),
        TEST(test_without_a_word_help_goes_to_the_error_output),
        TEST(test_the_manual_pages),
        TEST(test_completion),
        TEST(test_version),
        TEST(test_levels),
        TEST(test_lists_have_every_kind_part_and_setting),
        TEST(test_a_part),
        TEST(test_settings_of_any_section),
        TEST(test_a_run_from_start_to_picture),
        TEST(test_a_task_is_enough),
        TEST(test_a_silent_network_is_named),
        TEST(test_a_second_run_gets_a_number),
        TEST(test_an_interrupted_run_says_how_to_resume),
        TEST(test_a_validation_of_few_targets_says_so),
        TEST(test_check_shows_each_claim),
        TEST(test_double_precision_without_its_program),
        TEST(test_plot_without_gnuplot),
        TEST(test_a_picture_is_whole_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
