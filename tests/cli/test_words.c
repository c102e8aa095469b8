/* What the program prints: commands that can be run as they stand, and nothing that a terminal would obey. */
#include "cli/cli.h"
#include "cli/program.h"

/* By a shell, under whatever name the line says. */
static void run_line(const char *format, ...) {
    char line[2048], with_files[2200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    snprintf(with_files, sizeof with_files, "%s >out.txt 2>err.txt", line);
    const int status = system(with_files);
    said.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
    read_whole("out.txt", said.out);
    read_whole("err.txt", said.err);
    take_note();
}

/* From `mark` to the end of its line. */
static char *line_after(const char *text, const char *mark) {
    const char *at = strstr(text, mark);
    if (!at) fail_msg("no '%s' in: %s", mark, text);
    at += strlen(mark);
    return strndup(at, strcspn(at, "\n"));
}

static void test_printed_commands_can_be_run(void **state) {
    (void)state;
    const char *const names[] = {HTH_PROGRAM, "./mine"};
    assert_int_equal(symlink(HTH_PROGRAM, "mine"), 0);
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        char expected[2048];
        run_line("%s train task=pattern task.steps=30 network.units=4 train.sequences=2 "
                 "train.picture=false --threads 1 --quiet --out run%zu",
                 names[i], i);
        assert_int_equal(said.code, 0);
        char *command = line_after(said.out, "A trial:         ");
        snprintf(expected, sizeof expected, "%s plot --trial run%zu --out run%zu/trial.svg",
                 names[i], i, i);
        assert_string_equal(command, expected);
        run_line("%s", command);
        assert_true(said.code == 0 || strstr(said.err, "gnuplot"));
        free(command);
        run_line("%s comparee", names[i]);
        snprintf(expected, sizeof expected,
                 "hitherto: unknown command 'comparee'; did you mean 'compare'?\n");
        assert_string_equal(said.err, expected);
        run_line("%s train", names[i]); /* a sentence of the library's */
        snprintf(expected, sizeof expected,
                 "'%s list tasks', '%s list data' and '%s list worlds' show them", names[i],
                 names[i], names[i]);
        assert_non_null(strstr(said.err, expected));
    }
    /* Words that only look like one stay. */
    RUN("eval", "hitherto plotter");
    assert_non_null(strstr(said.err, "hitherto plotter"));
}

/* Quotes, bars, orders to a terminal. */
static void test_labels_of_any_kind(void **state) {
    (void)state;
    write_whole("a.yaml", "task: add\nloss: softmax\nnetwork: {units: 4}\ntrain: {steps: 200}\n"
                          "compare: {seeds: 1}\narms:\n"
                          "  \"'quoted' `date` $HOME\": {learner: tbptt}\n"
                          "  \"\\e[31mred\\a|\\x9b2J\": {learner: rflo, optimiser.lr: 1e6}\n");
    RUN("compare", "a.yaml", "--out", "a", "--quiet");
    assert_int_equal(said.code, 0);
    assert_null(strchr(said.out, '\x1b'));
    assert_null(strchr(said.out, '\a'));
    assert_null(strstr(said.out, "\xc2\x9b"));
    assert_non_null(strstr(said.out, "| 'quoted' `date` $HOME   |"));
    assert_non_null(strstr(said.out, "| \\x1b[31mred\\x07\\|\\x9b2J |"));
    assert_null(strchr(said.err, '\x1b'));
    if (is_there("a/curves.png")) assert_string_equal(said.err, "");
    read_whole("a/curves.svg", said.out);
    assert_non_null(strstr(said.out, "quoted"));
    assert_null(strchr(said.out, '\x1b'));
    /* In a sentence of the library's, too. */
    write_whole("b.yaml", "task: add\narms:\n  \"\\e[31mred\": {cell.alpha: 9}\n");
    RUN("compare", "b.yaml", "--out", "b");
    assert_non_null(strstr(said.err, "(arm '\\x1b[31mred')"));
    assert_int_equal(said.code, CLI_BAD_INPUT);
}

static void test_costs_say_of_what_task(void **state) {
    (void)state;
    const char *note =
        "No task, data or world is given, so this is for task=add (2 inputs, 2 outputs)";
    RUN("list", "--cost", "network.units=8");
    assert_memory_equal(said.out, note, strlen(note));
    RUN("list", "--plausibility");
    assert_memory_equal(said.out, note, strlen(note));
    RUN("list", "--cost", "task=mimic", "network.units=8");
    assert_null(strstr(said.out, "No task"));
    assert_non_null(strstr(said.out, "What replay.name = reservoir keeps"));
}

/* The end of the command that begins here: its closing quote, or the end of a line of its own. */
static const char *command_end(const char *help, const char *at) {
    const char before = at > help ? at[-1] : '\n';
    return at + strcspn(at, before == '\'' ? "'" : before == '`' ? "`" : "\n");
}

/* Runs every 'hitherto list ...' in a help text; returns how many there were. */
static size_t run_lists_of(const char *command) {
    static char help[SAID_LENGTH];
    size_t count = 0;
    RUN("help", command);
    assert_int_equal(said.code, 0);
    memcpy(help, said.out, sizeof help);
    for (const char *at = help; (at = strstr(at, "hitherto list")); at++) {
        const char *end = command_end(help, at);
        char words[200];
        snprintf(words, sizeof words, "%.*s", (int)(end - at), at);
        for (char *c = words; *c; c++) *c = *c == '\n' ? ' ' : *c;
        if (strpbrk(words, ":[")) continue; /* the line of usage */
        run_line("%s %s", HTH_PROGRAM, words + strlen("hitherto"));
        if (said.code != 0) fail_msg("help %s: %s: %s", command, words, said.err);
        count++;
    }
    return count;
}

static void test_lists_that_help_names_can_be_run(void **state) {
    (void)state;
    char names[SAID_LENGTH], *rest;
    size_t count = 0;
    RUN("help");
    snprintf(names, sizeof names, "%s", said.out);
    rest = strstr(names, "Commands\n");
    assert_non_null(rest);
    rest += strlen("Commands\n");
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        char name[32];
        if (line[0] != ' ') break;
        if (line[2] == ' ' || sscanf(line, " %31s", name) != 1) continue;
        count += run_lists_of(name);
        if (strcmp(name, "version") == 0) break; /* the last */
    }
    assert_true(count >= 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_printed_commands_can_be_run),
        TEST(test_labels_of_any_kind),
        TEST(test_costs_say_of_what_task),
        TEST(test_lists_that_help_names_can_be_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
