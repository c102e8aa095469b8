/* hitherto compare --part and --gather: the parts together are the whole. */
#include "cli/cli.h"
#include "cli/program.h"

#define PLAN                                                                                       \
    "task=add", "loss=softmax", "compare.learners=rtrl,rflo", "network.units=4",                   \
        "train.steps=300", "train.report_every=50", "compare.seeds=3",                             \
        "vary.optimiser.lr=1e-3,1e-2", "--jobs", "1", "--quiet"

static char whole[SAID_LENGTH], curves[SAID_LENGTH];

/* A comparison in one piece, made once. */
static void make_whole(void) {
    if (*whole) return;
    RUN("compare", PLAN, "--out", "whole");
    assert_int_equal(said.code, CLI_OK);
    read_whole("whole/table.csv", whole);
    read_whole("whole/curves.csv", curves);
}

static void check_same(const char *folder, bool same) {
    static char text[SAID_LENGTH], path[64];
    snprintf(path, sizeof path, "%s/table.csv", folder);
    read_whole(path, text);
    assert_true((strcmp(text, whole) == 0) == same);
    snprintf(path, sizeof path, "%s/curves.csv", folder);
    read_whole(path, text);
    assert_true((strcmp(text, curves) == 0) == same);
}

static void run_part(const char *part, const char *out) {
    RUN("compare", PLAN, "--part", part, "--out", out);
    if (said.code != CLI_OK) fail_msg("%s", said.err);
}

/* Before the last part has ended, the table has what there is; then it is that of the whole, byte for byte. */
static void parts_are_the_whole(void **state) {
    (void)state;
    make_whole();
    run_part("2/3", "p");
    assert_non_null(strstr(said.out, "Part 2 of 3 has ended"));
    run_part("1/3", "p");
    RUN("compare", "--gather", "--out", "p");
    assert_int_equal(said.code, CLI_OK);
    assert_memory_equal(said.out, "2 of 3 parts, 8 runs have ended, 4 have not.", 44);
    check_same("p", false);
    run_part("3/3", "p");
    for (size_t twice = 0; twice < 2; twice++) {
        RUN("compare", "--gather", "--out", "p");
        assert_memory_equal(said.out, "3 of 3 parts, 12 runs have ended, 0 have not.", 45);
        check_same("p", true);
    }
}

/* A part that is killed goes on where it was, without settings; what it had not run is missing until then. */
static void a_killed_part_goes_on(void **state) {
    (void)state;
    make_whole();
    run_part("1/2", "k");
    const pid_t child = start_program(
        HTH_PROGRAM, (const char *const[]){"compare", PLAN, "--part", "2/2", "--out", "k", NULL});
    await_file(child, "k/parts/2-of-2/runs");
    kill(child, SIGKILL);
    finish_program(child);
    RUN("compare", "--gather", "--out", "k");
    check_same("k", false);
    RUN("compare", "--part", "2/2", "--jobs", "1", "--quiet", "--out", "k");
    assert_int_equal(said.code, CLI_OK);
    RUN("compare", "--gather", "--out", "k");
    check_same("k", true);
}

/* A number is the same in any spelling. */
static void parts_may_spell_numbers_in_their_own_way(void **state) {
    (void)state;
    make_whole();
    RUN("compare", PLAN, "optimiser.clip_norm=0.0", "--part", "1/2", "--out", "n");
    if (said.code != CLI_OK) fail_msg("%s", said.err);
    RUN("compare", PLAN, "vary.optimiser.lr=0.001,1.0e-2", "optimiser.clip_norm=0", "--part", "2/2",
        "--out", "n");
    if (said.code != CLI_OK) fail_msg("%s", said.err);
    RUN("compare", "--gather", "--out", "n");
    if (said.code != CLI_OK) fail_msg("%s", said.err);
    assert_memory_equal(said.out, "2 of 2 parts, 12 runs have ended, 0 have not.", 45);
    check_same("n", true);
}

/* After an arm was added, parts share runs that have ended in one and the other: they are the same, and count once. */
static void an_arm_is_added(void **state) {
    (void)state;
    static char first[SAID_LENGTH], all[SAID_LENGTH];
    static const char *const parts[] = {"1/2", "2/2"};
    for (size_t i = 0; i < 2; i++) run_part(parts[i], "g");
    for (size_t i = 0; i < 2; i++) {
        RUN("compare", PLAN, "compare.learners=uoro,rtrl,rflo", "--part", parts[i], "--out", "g");
        assert_int_equal(said.code, CLI_OK);
    }
    RUN("compare", "--gather", "--out", "g");
    if (said.code != CLI_OK) fail_msg("%s", said.err);
    assert_memory_equal(said.out, "2 of 2 parts, 18 runs have ended, 0 have not.", 45);
    RUN("compare", PLAN, "compare.learners=uoro,rtrl,rflo", "--out", "all");
    read_whole("all/curves.csv", all);
    read_whole("g/curves.csv", first);
    assert_int_equal(strlen(first), strlen(all));
}

/* Runs that only one part's plan has are missing until the others are called with it too. */
static void other_seeds_and_arms_are_missing(void **state) {
    (void)state;
    RUN("compare", PLAN, "compare.seeds=2", "compare.learners=rtrl", "--part", "1/2", "--out", "o");
    RUN("compare", PLAN, "compare.learners=rtrl", "--part", "2/2", "--out", "o");
    RUN("compare", "--gather", "--out", "o");
    assert_memory_equal(said.out, "2 of 2 parts, 5 runs have ended, 1 have not.", 44);
    run_part("2/2", "o");
    RUN("compare", "--gather", "--out", "o");
    assert_non_null(strstr(said.out, " runs have ended, "));
    assert_null(strstr(said.out, " 0 have not"));
    run_part("1/2", "o");
    RUN("compare", "--gather", "--out", "o");
    assert_memory_equal(said.out, "2 of 2 parts, 12 runs have ended, 0 have not.", 45);
    make_whole();
    check_same("o", true);
}

/* A plan that has become smaller leaves nothing that waits for ever. */
static void a_smaller_plan_waits_for_no_more(void **state) {
    (void)state;
    RUN("compare", PLAN, "compare.seeds=5", "compare.learners=rtrl", "--part", "1/2", "--out", "w");
    RUN("compare", "--gather", "--out", "w");
    assert_memory_equal(said.out, "1 of 2 parts, 5 runs have ended, 5 have not.", 44);
    for (int part = 1; part <= 2; part++)
        RUN("compare", PLAN, "compare.seeds=2", "compare.learners=rtrl", "--part",
            part == 1 ? "1/2" : "2/2", "--out", "w");
    RUN("compare", "--gather", "--out", "w");
    assert_memory_equal(said.out, "2 of 2 parts, ", 14);
    assert_non_null(strstr(said.out, " runs have ended, 0 have not."));
}

/* The same arms with other settings are another comparison: nothing is mixed. */
static void parts_of_something_else_are_refused(void **state) {
    (void)state;
    static char before[SAID_LENGTH], after[SAID_LENGTH];
    run_part("1/2", "m");
    RUN("compare", "--gather", "--out", "m");
    read_whole("m/table.csv", before);
    RUN("compare", PLAN, "network.units=5", "--part", "2/2", "--out", "m");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(
        said.err, "hitherto: m/parts/1-of-2 was called with other settings: in arm 'rtrl' "
                  "network.units is '4' "
                  "there and '5' here; call all parts with the same, or name another directory\n");
    assert_false(is_there("m/parts/2-of-2"));
    /* Set here, and a default there. */
    RUN("compare", PLAN, "optimiser.clip_norm=2", "--part", "2/2", "--out", "m");
    assert_non_null(strstr(said.err, "optimiser.clip_norm is 'not set' there and '2' here"));
    /* Where they began at the same time, and none could see the other, it is seen when they are put together. */
    assert_int_equal(rename("m/parts/1-of-2/shown.json", "m/parts/1-of-2/shown"), 0);
    RUN("compare", PLAN, "network.units=5", "--part", "2/2", "--out", "m");
    assert_int_equal(said.code, CLI_OK);
    RUN("compare", "--gather", "--out", "m");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(
        said.err,
        "hitherto: m/results.db: the parts are not of one comparison: in arm 'rtrl' network.units "
        "is '4' in one and '5' in another\n");
    RUN("compare", "--table", "--out", "m");
    read_whole("m/table.csv", after);
    assert_string_equal(before, after);
    /* Of another whole: refused before it runs. Where two that knew nothing of each other have run, nothing is put
     * together. */
    RUN("compare", PLAN, "--part", "3/4", "--out", "m");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err,
                        "hitherto: m/parts holds part 1-of-2, so part 3 of 4 is not of the same "
                        "whole: give --part I/2, or another directory\n");
    assert_false(is_there("m/parts/3-of-4"));
    assert_int_equal(rename("m/parts/2-of-2", "m/parts/3-of-4"), 0);
    RUN("compare", "--gather", "--out", "m");
    assert_string_equal(
        said.err,
        "hitherto: m/parts holds 1-of-2 and 3-of-4, which are not parts of one whole: remove the "
        "folders of one of them\n");
}

static void clear_ranks(void) {
    static const char *const names[] = {"SLURM_ARRAY_TASK_ID",
                                        "SLURM_ARRAY_TASK_MIN",
                                        "SLURM_ARRAY_TASK_MAX",
                                        "SLURM_ARRAY_TASK_COUNT",
                                        "SLURM_ARRAY_TASK_STEP",
                                        "OMPI_COMM_WORLD_RANK",
                                        "OMPI_COMM_WORLD_SIZE",
                                        "PMI_RANK",
                                        "PMI_SIZE",
                                        "SLURM_PROCID",
                                        "SLURM_NTASKS"};
    for (size_t i = 0; i < HTH_COUNT(names); i++) unsetenv(names[i]);
}

/* Part auto is the rank that the cluster gives. */
static void a_rank_names_the_part(void **state) {
    (void)state;
    static const char *const ranks[][5] = {
        {"OMPI_COMM_WORLD_RANK", "1", "OMPI_COMM_WORLD_SIZE", "6", "2-of-6"},
        {"PMI_RANK", "0", "PMI_SIZE", "6", "1-of-6"},
        {"SLURM_PROCID", "5", "SLURM_NTASKS", "6", "6-of-6"}};
    char path[64];
    for (size_t i = 0; i < HTH_COUNT(ranks); i++) {
        clear_ranks();
        setenv(ranks[i][0], ranks[i][1], 1);
        setenv(ranks[i][2], ranks[i][3], 1);
        run_part("auto", "r");
        snprintf(path, sizeof path, "r/parts/%s/results.db", ranks[i][4]);
        assert_true(is_there(path));
    }
    /* An array counts from its first task, in its steps. */
    setenv("SLURM_ARRAY_TASK_ID", "14", 1);
    setenv("SLURM_ARRAY_TASK_MIN", "10", 1);
    setenv("SLURM_ARRAY_TASK_COUNT", "6", 1);
    setenv("SLURM_ARRAY_TASK_STEP", "2", 1);
    run_part("auto", "r");
    assert_true(is_there("r/parts/3-of-6/results.db"));
    /* A list with gaps: 1,5,9, whatever Slurm takes for its step. */
    setenv("SLURM_ARRAY_TASK_ID", "5", 1);
    setenv("SLURM_ARRAY_TASK_MIN", "1", 1);
    setenv("SLURM_ARRAY_TASK_MAX", "9", 1);
    setenv("SLURM_ARRAY_TASK_COUNT", "3", 1);
    setenv("SLURM_ARRAY_TASK_STEP", "1", 1);
    RUN("compare", PLAN, "--part", "auto", "--out", "r");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err,
                        "hitherto: option --part is auto, but the job array has gaps (3 tasks from "
                        "1 to 9), so that task 5 names no part: give --array=1-3, or --part I/N\n");
    setenv("SLURM_ARRAY_TASK_STEP", "4", 1);
    run_part("auto", "s");
    assert_true(is_there("s/parts/2-of-3/results.db"));
    clear_ranks();
    RUN("compare", PLAN, "--part", "auto", "--out", "r");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "the environment names no rank"));
}

static void what_has_no_meaning_is_refused(void **state) {
    (void)state;
    RUN("compare", PLAN, "--part", "3/2", "--out", "x");
    assert_string_equal(
        said.err, "hitherto: option --part is '3/2', but must be I/N, such as 2/8, or auto\n");
    RUN("compare", "--gather", "--out", "x");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "x holds no parts to gather"));
    assert_false(is_there("x"));
    RUN("compare", PLAN, "--gather", "--out", "x");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    RUN("compare", "--gather", "--jobs", "2", "--out", "x");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "takes nothing else"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_whole),
        cmocka_unit_test(a_killed_part_goes_on),
        cmocka_unit_test(parts_may_spell_numbers_in_their_own_way),
        cmocka_unit_test(an_arm_is_added),
        cmocka_unit_test(other_seeds_and_arms_are_missing),
        cmocka_unit_test(a_smaller_plan_waits_for_no_more),
        cmocka_unit_test(parts_of_something_else_are_refused),
        cmocka_unit_test(a_rank_names_the_part),
        cmocka_unit_test(what_has_no_meaning_is_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
