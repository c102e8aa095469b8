/* hitherto stream: what it writes, what it refuses, and how it ends. */
#include "cli/cli.h"
#include "cli/program.h"

#include <fcntl.h>
#include <math.h>

static void feed(const char *path) {
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0 && dup2(file, 0) == 0);
    close(file);
}

static void write_sine(const char *path, size_t from, size_t to) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("time,load\n", file);
    for (size_t t = from; t < to; t++)
        fprintf(file, "12:%02zu,%.4f\n", t % 60, sin(0.2 * (double)t));
    fclose(file);
}

#define STREAM(...) RUN("stream", "network.units=6", "--threads", "1", __VA_ARGS__)
#define STREAM_REFUSED(sentence, ...)                                                              \
    do {                                                                                           \
        STREAM("--quiet", __VA_ARGS__);                                                            \
        assert_int_equal(said.code, CLI_BAD_INPUT);                                                \
        assert_string_equal(said.err, "hitherto: " sentence "\n");                                 \
    } while (0)

static size_t lines_of(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += *text == '\n';
    return count;
}

/* A line a row below the names; the table and the lines of JSON say the same. */
static void predictions_and_scores_are_written(void **state) {
    (void)state;
    write_sine("t.csv", 0, 250);
    feed("t.csv");
    STREAM("--target", "load", "--ahead", "2", "--score", "s.jsonl", "--score-every", "100");
    assert_int_equal(said.code, CLI_OK);
    assert_int_equal(lines_of(said.out), 251);
    assert_memory_equal(said.out, "row,load\n1,", 11);
    assert_non_null(strstr(said.out, "\n250,"));
    assert_non_null(strstr(said.err, "250 rows, 248 answers"));
    assert_non_null(strstr(said.err, "persistence"));
    read_whole("s.jsonl", said.out);
    assert_int_equal(lines_of(said.out), 3);
    const char *last = strstr(said.out, "{\"row\": 250, \"answers\": 248, ");
    assert_true(last && strstr(last, "\"late_answers\": 0, ") &&
                strstr(last, ", \"end\": true}\n"));
    assert_memory_equal(said.out, "{\"row\": 100, \"answers\": 98, \"all_network_squared\": ", 50);
    assert_non_null(strstr(said.out, "\"p99_us\": "));
}

/* Cut in two, with a snapshot between, the parts together are the whole. */
static void two_parts_are_the_whole(void **state) {
    (void)state;
    static char whole[SAID_LENGTH];
    write_sine("t.csv", 0, 120);
    write_sine("a.csv", 0, 50);
    write_sine("b.csv", 50, 120);
    feed("t.csv");
    STREAM("--target", "load", "--quiet");
    snprintf(whole, sizeof whole, "%s", said.out);
    feed("a.csv");
    STREAM("--target", "load", "--quiet", "--save", "s.safetensors");
    const size_t first = strlen(said.out);
    assert_memory_equal(said.out, whole, first);
    feed("b.csv");
    RUN("stream", "--load", "s.safetensors", "--quiet");
    assert_string_equal(said.out, whole + first);
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors", "--from-start", "--quiet");
    assert_string_equal(said.out, whole + first);
    /* What is typed beside it cannot make another network of it. */
    RUN("stream", "--load", "s.safetensors", "network.units=7");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err, "hitherto: network.units (command line) is '7', but what is to "
                                  "go on has '6': leave it out, or begin anew\n");
    RUN("stream", "--load", "s.safetensors", "cell=gru");
    assert_non_null(
        strstr(said.err, "cell.name (command line) is 'gru', but what is to go on has 'rate'"));
    /* An input without rows, or with names alone, leaves the snapshot as it is. */
    static const char *const empty[] = {"", "time,load\n"};
    for (size_t i = 0; i < HTH_COUNT(empty); i++) {
        write_whole("t.csv", empty[i]);
        feed("t.csv");
        unlink("u.safetensors");
        RUN("stream", "--load", "s.safetensors", "--save", "u.safetensors");
        assert_int_equal(said.code, CLI_OK);
        assert_string_equal(said.err,
                            "There are no rows: u.safetensors is a copy of s.safetensors\n");
        feed("t.csv");
        RUN("stream", "--load", "s.safetensors");
        assert_string_equal(said.err, "There are no rows: s.safetensors stays as it is\n");
        feed("t.csv");
        RUN("stream", "--load", "u.safetensors", "--save", "u.safetensors");
        assert_string_equal(said.err, "There are no rows: u.safetensors stays as it is\n");
        feed("t.csv");
        RUN("stream", "--load", "u.safetensors", "--save", "u.safetensors", "--quiet");
        assert_int_equal(said.code, CLI_OK);
        assert_string_equal(said.err, "");
        feed("b.csv");
        RUN("stream", "--load", "u.safetensors", "--quiet");
        assert_string_equal(said.out, whole + first);
    }
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors", "--from-start");
    assert_string_equal(said.err, "hitherto: standard input: there are no rows\n");
    feed("b.csv"); /* the control: its first rows are others */
    RUN("stream", "--load", "s.safetensors", "--from-start", "--quiet");
    assert_string_not_equal(said.out, whole + first);
}

/* The names of columns go on with a snapshot; a line with names may come, also in another order. */
static void names_go_on_with_a_snapshot(void **state) {
    (void)state;
    static const char *const rests[] = {"id,\"a, b\",y\n", "", "y,id,\"a, b\"\n"};
    static char first[SAID_LENGTH];
    write_whole("t.csv", "id,\"a, b\",y\nx,1,5\nz,2,6\n");
    feed("t.csv");
    STREAM("--id", "id", "--target", "y", "--quiet", "--save", "s.safetensors");
    for (size_t i = 0; i < HTH_COUNT(rests); i++) {
        FILE *file = fopen("t.csv", "wb");
        assert_non_null(file);
        fprintf(file, "%s%s", rests[i], i < 2 ? "v,3,7\nw,4,\n" : "7,v,3\n,w,4\n");
        fclose(file);
        feed("t.csv");
        RUN("stream", "--load", "s.safetensors", "--quiet");
        assert_string_equal(said.err, "");
        assert_memory_equal(said.out, "3,v,", 4);
        if (i == 0) memcpy(first, said.out, sizeof first);
        assert_string_equal(said.out, first);
    }
    /* Of other columns they are not the names. */
    write_whole("t.csv", "v,3,7,8\n");
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors", "--quiet");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    /* A line of other names is no row. */
    write_whole("t.csv", "who,what,how\nv,3,7\n");
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors", "--quiet");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "but the 3 columns are who, what, how"));
    /* All numbers, too. */
    write_whole("t.csv", "a,y\n1,2\n");
    feed("t.csv");
    STREAM("--target", "y", "--quiet", "--save", "s.safetensors");
    write_whole("t.csv", "2,3\n");
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors", "--quiet");
    assert_memory_equal(said.out, "2,", 2);
}

/* Writes rows of JSON whose key b, from row `from` on, is `key`; NULL: it is left out. */
static void write_renamed(size_t from, const char *key) {
    FILE *file = fopen("t.json", "wb");
    assert_non_null(file);
    for (size_t t = 0; t < 30; t++)
        if (t < from)
            fprintf(file, "{\"a\": %zu, \"b\": %zu}\n", t % 7, t % 5);
        else if (key)
            fprintf(file, "{\"a\": %zu, \"%s\": %zu}\n", t % 7, key, t % 5);
        else
            fprintf(file, "{\"a\": %zu}\n", t % 7);
    fclose(file);
    feed("t.json");
}

/* A key that is renamed on the way is told once, and counted; so is one that is left out. */
static void a_renamed_key_is_told(void **state) {
    (void)state;
    static const char *const targets[] = {"a", "b"};
    static const char sentence[] = "line 21 has no 'b', but a new key, 'B': has it been renamed? "
                                   "What has no key counts as missing\n";
    for (size_t i = 0; i < HTH_COUNT(targets); i++) {
        write_renamed(20, "B");
        STREAM("--target", targets[i]);
        assert_int_equal(said.code, CLI_OK);
        assert_memory_equal(said.err, sentence, sizeof sentence - 1);
        assert_null(strstr(said.err + 1, "line 21 has no"));
        assert_non_null(strstr(said.err, "\n10 rows had no 'b'\n10 rows lacked a key and had a new "
                                         "one, the first in line 21: 'B'\n"));
        assert_null(strstr(said.err, "had no 'a'"));
    }
    write_renamed(20, NULL);
    STREAM("--target", "a");
    assert_non_null(strstr(said.err, "\n10 rows had no 'b'\n  mean"));
    write_renamed(29, "B");
    STREAM("--target", "a");
    assert_non_null(strstr(said.err,
                           "\n1 row had no 'b'\n1 row lacked a key and had a new one, the "
                           "first in line 30: 'B'\n"));
    write_renamed(30, NULL); /* the control */
    STREAM("--target", "a");
    assert_null(strstr(said.err, "had no"));
    /* Answers by name leave out the inputs. */
    write_whole("t.json", "{\"id\": 1, \"a\": 1, \"b\": null}\n{\"id\": 1, \"b\": 2}\n");
    feed("t.json");
    STREAM("--id", "id", "--target", "b");
    assert_null(strstr(said.err, "had no"));
}

/* An answer under a name leaves out the inputs, also where it has a new key; one that is renamed later is told. */
static void an_answer_with_a_new_key_is_no_renaming(void **state) {
    (void)state;
    write_whole("t.json", "{\"id\": 1, \"a\": 1, \"b\": null}\n{\"id\": 1, \"b\": 2, \"time\": 3}\n"
                          "{\"id\": 2, \"A\": 1}\n");
    feed("t.json");
    STREAM("--id", "id", "--target", "b");
    static const char sentence[] = "line 3 has no 'a', but a new key, 'A': has it been renamed? ";
    assert_memory_equal(said.err, sentence, sizeof sentence - 1);
    assert_null(strstr(said.err, "came too late")); /* row 3 brings no answer */
    /* A row with another input is a row, though it has its answer too. */
    write_whole("t.json", "{\"id\": 1, \"a\": 1, \"c\": 1, \"b\": 2}\n"
                          "{\"id\": 2, \"A\": 1, \"c\": 1, \"b\": 2}\n");
    feed("t.json");
    STREAM("--id", "id", "--target", "b");
    assert_non_null(strstr(said.err, "line 2 has no 'a', but a new key, 'A'"));
}

/* A row of a name that still waits, without an answer: one sentence, and a count. */
static void rows_of_a_name_that_waits_are_counted(void **state) {
    (void)state;
    write_whole("t.csv", "id,a,y\np,1,\np,,5\np,2,\np,3,\np,4,\np,,6\np,,7\n");
    feed("t.csv");
    STREAM("--id", "id", "--target", "y");
    assert_int_equal(lines_of(said.out), 3);
    assert_non_null(strstr(said.out, "\n1,p,"));
    assert_non_null(strstr(said.out, "\n3,p,"));
    static const char sentence[] =
        "row 4, 'p': an earlier row of this name still waits for its answer, and this one brings "
        "none: it is dropped, and so are others like it\n7 rows, 2 answers";
    assert_memory_equal(said.err, sentence, sizeof sentence - 1);
    assert_non_null(strstr(said.err, "\n2 rows were dropped"));
    assert_non_null(strstr(said.err, "\n1 answers came too late"));
}

/* Tabs may end a row: its last value is missing. Names of columns may be numbers. */
static void rows_as_people_write_them(void **state) {
    (void)state;
    write_whole("t.csv", "2020\tb\n1\t2\n3\t\n4\t5\n");
    feed("t.csv");
    STREAM("--target", "2020", "--quiet");
    assert_string_equal(said.err, "");
    assert_int_equal(lines_of(said.out), 4);
    assert_memory_equal(said.out, "row,2020\n", 9);
}

/* A name with a comma, quotes or blanks in it is written as the same cell. */
static void names_are_written_as_they_were_read(void **state) {
    (void)state;
    write_whole(
        "t.csv",
        "\"the, id\",a,\"load \"\"x\"\", kW\"\n\"x,1\",1,\n\"y \"\"2\"\"\",2,\n\"x,1\",,0.5\n");
    feed("t.csv");
    STREAM("--id", "1", "--inputs", "2", "--target", "3", "--quiet");
    assert_int_equal(said.code, CLI_OK);
    static const char begin[] = "row,\"the, id\",\"load \"\"x\"\", kW\"\n1,\"x,1\",";
    assert_memory_equal(said.out, begin, sizeof begin - 1);
    assert_non_null(strstr(said.out, "\n2,\"y \"\"2\"\"\","));
    static const char *const names[] = {"load, kW", "\"load, kW\"", "\"load, kW\",a"};
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        write_whole("t.csv", "a,\"load, kW\"\n1,2\n");
        feed("t.csv");
        STREAM("--target", names[i], "--quiet");
        assert_string_equal(said.err, "");
        assert_memory_equal(said.out, "row,\"load, kW\"", 14);
    }
    write_whole("t.csv", "a,b\n1,\"up, fast\"\n2,\"down\"\n3,\"down\"\n");
    feed("t.csv");
    STREAM("--inputs", "a", "--target", "b", "--ahead", "0", "--classes", "\"up, fast\",down",
           "--quiet");
    assert_string_equal(said.err, "");
    assert_memory_equal(said.out, "row,class,\"p_up, fast\",p_down\n", 30);
}

/* A list of known columns is a list, though one column may have all of it as its name. */
static void a_list_counts_before_a_name_with_commas(void **state) {
    (void)state;
    static const char *const lists[][2] = {{"a,b", "\"a,b\""}, {"1,2", "\"1,2\""}};
    for (size_t i = 0; i < HTH_COUNT(lists); i++) {
        for (size_t quoted = 0; quoted < 2; quoted++) {
            FILE *file = fopen("t.csv", "wb");
            assert_non_null(file);
            fprintf(file, "a,b,%s\n1,2,3\n", lists[i][1]);
            fclose(file);
            feed("t.csv");
            STREAM("--target", lists[i][quoted], "--quiet");
            assert_string_equal(said.err, "");
            if (quoted)
                assert_memory_equal(said.out + 4, lists[i][1], 5);
            else
                assert_memory_equal(said.out, "row,a,b\n", 8);
        }
    }
    /* A part that names no column makes one name of it. */
    write_whole("t.csv", "a,\"a,a,kW\"\n1,2\n");
    feed("t.csv");
    STREAM("--target", "a,a,kW", "--quiet");
    assert_memory_equal(said.out, "row,\"a,a,kW\"\n", 13);
}

/* Predictions that cannot be written end the stream, and no snapshot counts them as made. */
static void a_full_disk_ends_the_stream(void **state) {
    (void)state;
    if (!is_there("/dev/full")) skip();
    write_sine("t.csv", 0, 3000);
    feed("t.csv");
    unlink("out.txt");
    unlink("s.safetensors");
    assert_int_equal(symlink("/dev/full", "out.txt"), 0);
    STREAM("--target", "load", "--quiet", "--save", "s.safetensors");
    unlink("out.txt");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_string_equal(said.err,
                        "hitherto: the predictions cannot be written: No space left on device\n");
    assert_false(is_there("s.safetensors"));
}

/* A line says so when the error has risen. */
static void drift_is_told(void **state) {
    (void)state;
    FILE *file = fopen("t.csv", "wb");
    assert_non_null(file);
    for (size_t t = 0; t < 400; t++)
        fprintf(file, "%.4f\n", (t < 300 ? 0.1 : 9) * sin((t < 300 ? 0.2 : 2.9) * (double)t));
    fclose(file);
    feed("t.csv");
    unlink("s.jsonl");
    STREAM("--target", "1", "--drift", "20", "--quiet", "--score", "s.jsonl");
    assert_non_null(strstr(said.err, ": the error has risen above its mean: drift\n"));
    assert_memory_equal(said.err, "row 30", 6);
    size_t drifts = lines_of(said.err), row = 0;
    for (const char *at = said.err; (at = strstr(at, "row ")); at++)
        row = strtoull(at + 4, NULL, 10);
    char expected[100];
    snprintf(expected, sizeof expected, "\"drifts\": %zu, \"last_drift\": %zu, \"end\": true}\n",
             drifts, row);
    read_whole("s.jsonl", said.out);
    assert_int_equal(lines_of(said.out), 1);
    assert_non_null(strstr(said.out, expected));
}

/* A signal to end saves what there is; one to save goes on. The program reads from a pipe that stays open. */
static void signals_save(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], 0), 0);
    close(ends[0]);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    unlink("s.safetensors");
    unlink("s.jsonl");
    const pid_t child = start_program(
        HTH_PROGRAM, (const char *const[]){"stream", "--target", "1", "--save", "s.safetensors",
                                           "network.units=4", "--threads", "1", "--score",
                                           "s.jsonl", "--score-every", "3", NULL});
    assert_int_equal(write(ends[1], "1\n2\n3\n", 6), 6);
    /* The line of JSON after the third row. */
    await_file(child, "s.jsonl");
    struct stat line = {0};
    while (stat("s.jsonl", &line) == 0 && line.st_size == 0)
        nanosleep(&(struct timespec){0, 2000000}, NULL);
    kill(child, SIGUSR1);
    await_file(child, "s.safetensors");
    unlink("s.safetensors");
    assert_int_equal(write(ends[1], "4\n5\n", 4), 4);
    kill(child, SIGHUP);
    await_file(child, "s.safetensors");
    unlink("s.safetensors");
    assert_int_equal(write(ends[1], "6\n", 2), 2);
    kill(child, SIGTERM);
    finish_program(child);
    close(ends[1]);
    assert_int_equal(said.code, CLI_OK);
    read_whole("s.jsonl", said.out);
    assert_int_equal(lines_of(said.out), 3);
    assert_non_null(strstr(strstr(said.out, "{\"row\": 6, ") + 1, "{\"row\": 6, "));
    assert_string_equal(said.out + strlen(said.out) - 13, "\"end\": true}\n");
    /* All six rows are in it. */
    write_whole("t.csv", "7\n");
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors", "--quiet");
    assert_memory_equal(said.out, "7,", 2);
}

/* ---- Killed at random ----------------------------------------------------------------------- */

enum { KILL_ROWS = 4000, KILLS = 6 };
#define KILL_NETWORK "network.units=16", "cell=gru", "learner=rtrl"

/* The unbroken run: its lines, and where each row begins; row 0 is the line of names. */
static char whole[SAID_LENGTH];
static size_t row_at[KILL_ROWS + 2];

/* Of 15 targets in a row the last five are missing. */
static void write_gaps(const char *path) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("time,load\n", file);
    for (size_t t = 0; t < KILL_ROWS; t++)
        if (t % 15 < 10)
            fprintf(file, "%zu,%.4f\n", t % 60, sin(0.2 * (double)t));
        else
            fprintf(file, "%zu,\n", t % 60);
    fclose(file);
}

static void run_unbroken(void) {
    feed("t.csv");
    RUN("stream", KILL_NETWORK, "--target", "load", "--threads", "1", "--quiet");
    assert_int_equal(lines_of(said.out), KILL_ROWS + 1);
    memcpy(whole, said.out, sizeof whole);
    size_t row = 0;
    for (const char *at = whole; row < KILL_ROWS + 1; at = strchr(at, '\n') + 1)
        row_at[row++] = (size_t)(at - whole);
    row_at[row] = strlen(whole);
}

static pid_t start_saving(const char *every) {
    feed("t.csv");
    if (is_there("k.safetensors"))
        return start_program(HTH_PROGRAM, (const char *const[]){"stream", "--load", "k.safetensors",
                                                                "--from-start", "--save",
                                                                "k.safetensors", "--every", every,
                                                                "--threads", "1", "--quiet", NULL});
    return start_program(HTH_PROGRAM,
                         (const char *const[]){"stream", KILL_NETWORK, "--target", "load", "--save",
                                               "k.safetensors", "--every", every, "--threads", "1",
                                               "--quiet", NULL});
}

/* Waits until there is a snapshot and the program has written something, or until it has ended. */
static void await_rows(pid_t child) {
    struct stat out = {0};
    siginfo_t ended = {0};
    while (ended.si_pid == 0) {
        if (is_there("k.safetensors") && stat("out.txt", &out) == 0 && out.st_size > 0) return;
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    }
}

/* Compares what was written with the unbroken run, from the row on that it begins with to the last, which may be torn.
 * Rows may be repeated, and none may be left out: *reached is the last that has been written as a whole. */
static void compare_rows(size_t *reached, size_t *repeated) {
    const size_t lines = lines_of(said.out);
    const size_t first = said.out[0] == 'r' ? 0 : strtoull(said.out, NULL, 10);
    if (lines == 0) return;
    assert_true(first <= *reached + 1 && first + lines <= KILL_ROWS + 1);
    if (strncmp(said.out, whole + row_at[first], strlen(said.out)) != 0)
        fail_msg("rows %zu to %zu are not those of the unbroken run", first, first + lines - 1);
    if (*reached >= first) *repeated += *reached + 1 - first;
    if (first + lines - 1 > *reached) *reached = first + lines - 1;
}

/* Killed at any moment, and given its input from the start once more, a stream writes the rows of the unbroken run. */
static void a_killed_stream_goes_on_as_the_unbroken_run(void **state) {
    (void)state;
    const char *wanted = getenv("HTH_FAULTS");
    const size_t number = wanted ? strtoull(wanted, NULL, 10) : 0, kills = number ? number : KILLS;
    size_t killed = 0, went_on = 0, torn = 0, finished = 0, reached = 0, repeated = 0;
    uint32_t random = 1;
    write_gaps("t.csv");
    run_unbroken();
    unlink("k.safetensors");
    while (killed < kills || reached < KILL_ROWS) {
        random = random * 1664525u + 1013904223u;
        went_on += is_there("k.safetensors");
        /* Saves after every row, or every 10 ms; undisturbed, only at the end. */
        const char *const often = random & 1 << 20 ? "1e-6" : "0.01";
        const pid_t child = start_saving(killed < kills ? often : "1e6");
        if (random >> 30) await_rows(child); /* else perhaps before the first row */
        if (killed < kills) {
            nanosleep(&(struct timespec){0, (long)(random >> 8) % 40 * 1000000}, NULL);
            kill(child, SIGKILL);
        }
        finish_program(child);
        assert_true(said.code == CLI_OK || said.code == 1000 + SIGKILL);
        killed += said.code != CLI_OK;
        finished += said.code == CLI_OK;
        torn += *said.out && said.out[strlen(said.out) - 1] != '\n';
        compare_rows(&reached, &repeated);
        if (said.code != CLI_OK) continue;
        assert_int_equal(reached, KILL_ROWS);
        if (killed < kills) { /* once more */
            unlink("k.safetensors");
            reached = 0;
        }
    }
    assert_true(went_on > 0);
    if (wanted)
        print_message("%zu kills, %zu starts from a snapshot, %zu streams of %d rows finished, %zu "
                      "rows repeated, %zu lines torn; no row missing, none of other bits\n",
                      killed, went_on, finished, KILL_ROWS, repeated, torn);
}

/* It has the network and the parameters of the run, and needs it no more once there is a snapshot. */
static void a_stream_begins_with_a_run(void **state) {
    (void)state;
    static char begun[SAID_LENGTH];
    FILE *file = fopen("x.csv", "wb");
    assert_non_null(file);
    fputs("a,y\n", file);
    for (size_t t = 0; t < 40; t++)
        fprintf(file, "%.3f,%.3f\n", sin(0.3 * (double)t), sin(0.3 * (double)t - 0.6));
    fclose(file);
    RUN("train", "data=table", "data.file=x.csv", "data.target=y", "cell=gru", "network.units=7",
        "train.epochs=2", "train.picture=false", "--threads", "1", "--quiet", "--out", "run");
    if (said.code != CLI_OK) fail_msg("%s", said.err);
#define FROM(...)                                                                                  \
    feed("x.csv");                                                                                 \
    RUN("stream", "--target", "y", "data.standardise=false", "--threads", "1", __VA_ARGS__)
    FROM("--from", "run", "--save", "s.safetensors");
    assert_int_equal(said.code, CLI_OK);
    assert_memory_equal(said.err, "Begins with parameters of run at step ", 38);
    assert_non_null(strstr(said.err, ": layer0, readout\n"));
    memcpy(begun, said.out, sizeof begun);
    FROM("train.from=run/checkpoint.safetensors", "--quiet");
    assert_string_equal(said.out, begun);
    FROM("cell=gru", "network.units=7", "--quiet"); /* the control: it begins anew */
    assert_string_not_equal(said.out, begun);
    assert_int_equal(rename("run", "moved"), 0);
    feed("x.csv");
    RUN("stream", "--load", "s.safetensors", "--quiet");
    assert_int_equal(said.code, CLI_OK);
    FROM("--from", "run");
    assert_string_equal(said.err, "hitherto: cannot begin with run: there is no such run or file "
                                  "(--from)\n");
    FROM("--from", "moved", "--load", "s.safetensors");
    assert_string_equal(
        said.err,
        "hitherto: train.from (command line) begins a stream with the parameters of a run, "
        "--load goes on with one: give one of them\n");
    FROM("--load", "s.safetensors", "train.from_layers=0");
    assert_string_equal(
        said.err,
        "hitherto: train.from_layers (command line) begins a stream with the parameters of a run, "
        "--load goes on with one: give one of them\n");
    FROM("--load", "moved/checkpoint.safetensors");
    assert_string_equal(said.err,
                        "hitherto: moved/checkpoint.safetensors is no snapshot of 'hitherto "
                        "stream' (--save); to begin with the parameters of a run: --from "
                        "moved/checkpoint.safetensors\n");
    FROM("--load", "moved");
    assert_non_null(strstr(said.err, "a folder, but must be a snapshot"));
}

/* A run begins with the parameters of a snapshot, whatever its name is; what wants a run says what the file is. */
static void a_run_begins_with_a_snapshot(void **state) {
    (void)state;
    FILE *file = fopen("x.csv", "wb");
    assert_non_null(file);
    fputs("a,y\n", file);
    for (size_t t = 0; t < 40; t++) fprintf(file, "%zu,%zu\n", t % 7, (t + 3) % 7);
    fclose(file);
    feed("x.csv");
    STREAM("--target", "y", "--inputs", "a", "--quiet", "--save", "s.state");
    assert_int_equal(said.code, CLI_OK);
    RUN("train", "data=table", "data.file=x.csv", "data.target=y", "data.inputs=a",
        "network.units=6", "train.epochs=1", "train.picture=false", "--threads", "1", "--out",
        "of_stream", "--from", "s.state");
    assert_int_equal(said.code, CLI_OK);
    assert_non_null(strstr(said.err, "Begins with parameters of s.state: layer0, readout\n"));
    static const char *const readers[][4] = {{"eval", "s.state"},
                                             {"predict", "s.state", "--out", "y.csv"},
                                             {"export", "s.state", "--c", "c"}};
    for (size_t i = 0; i < HTH_COUNT(readers); i++) {
        const char *const *words = readers[i];
        RUN(words[0], words[1], words[2], words[3]);
        assert_int_equal(said.code, CLI_BAD_INPUT);
        assert_string_equal(said.err,
                            "hitherto: s.state is a snapshot of 'hitherto stream', and no run: "
                            "'hitherto stream --load s.state' goes on with it, and 'hitherto train "
                            "--from s.state' begins a run with its parameters\n");
    }
}

/* After a row that is none, what was learned before it is saved. */
static void a_bad_row_loses_nothing(void **state) {
    (void)state;
    write_whole("t.csv", "a,b\n1,2\n2,3\n3,x\n");
    feed("t.csv");
    unlink("s.jsonl");
    STREAM_REFUSED(
        "standard input: line 4, column b: 'x' is not a number; one that is missing is left empty",
        "--target", "a", "--save", "s.safetensors", "--score", "s.jsonl");
    assert_int_equal(lines_of(said.out), 3);
    /* Its last line of scores does not say that the stream came to its end. */
    read_whole("s.jsonl", said.out);
    assert_int_equal(lines_of(said.out), 1);
    assert_non_null(strstr(said.out, ", \"end\": false}\n"));
    write_whole("t.csv", "a,b\n3,4");
    feed("t.csv");
    RUN("stream", "--load", "s.safetensors");
    assert_int_equal(said.code, CLI_OK);
    assert_memory_equal(said.out, "3,", 2);
    assert_non_null(strstr(said.err, "3 rows, 2 answers"));
}

static void what_has_no_meaning_is_refused(void **state) {
    (void)state;
    write_whole("t.csv", "a,b\nx,2\n");
    feed("t.csv");
    STREAM_REFUSED("standard input: no column is left to read beside the target; name some with "
                   "data.inputs (--inputs)",
                   "--target", "b", "--ahead", "0");
    write_whole("t.csv", "a;b\n0,5;1,5\n");
    feed("t.csv");
    STREAM_REFUSED(
        "standard input: line 2: '0,5' has a decimal comma; numbers are written with a point",
        "--target", "a");
    write_whole("t.csv", "a,\"load, kW\"\n1,2\n");
    feed("t.csv");
    STREAM_REFUSED(
        "standard input: data.target names the column 'load', which there is not; did you mean "
        "'\"load, kW\"'?",
        "--target", "load, kW,a");
    write_whole("t.csv", "a;b\n1,5;2\n");
    feed("t.csv");
    STREAM_REFUSED(
        "standard input: line 2, column a: '1,5' has a decimal comma; numbers are written with "
        "a point",
        "--target", "a", "--inputs", "b");
    feed("t.csv");
    STREAM_REFUSED("standard input: data.target names the column 'bb', but the 2 columns are a, b",
                   "--target", "bb");
    feed("t.csv");
    STREAM_REFUSED(
        "data.target must be given (--target): the columns to predict, such as load or 4",
        "--ahead", "1");
    feed("t.csv");
    STREAM_REFUSED(
        "column b is both input and target of the same row (data.ahead is 0): the network "
        "would only copy it; set "
        "data.ahead, or leave it out of data.inputs",
        "--target", "b", "--inputs", "b", "--ahead", "0");
    feed("t.csv");
    STREAM_REFUSED(
        "train.steps (command line) is of runs with an end ('hitherto train'), and nothing in "
        "a stream: leave it out",
        "--target", "b", "train.steps=5");
    feed("t.csv");
    STREAM_REFUSED(
        "task.name is 'add', but 'hitherto stream' learns from rows on its standard input: "
        "leave it out, or say "
        "data=rows",
        "task=add", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED(
        "learner bptt looks at whole sequences, but a stream has no end: take tbptt, rtrl or "
        "rflo, or say with "
        "learner.steps how many steps it looks at together",
        "learner=bptt", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED(
        "learner.update is 'sequence', but the rows of a stream have no end: it must be 'tape'",
        "learner=rtrl", "learner.update=sequence", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED(
        "network.direction is both, or network.reads has a layer backward, which reads a "
        "sequence from its end, but a stream has none: leave it out",
        "learner=tbptt", "learner.steps=4", "network.direction=both", "--target", "b");
    assert_string_equal(said.out, "");
    feed("t.csv");
    STREAM_REFUSED(
        "loss.name is softmax, whose targets are 0 to 1e+09 or classes, but standardised targets "
        "(data.standardise) lie on both sides of 0: name classes with data.classes (--classes), "
        "or take loss=mse",
        "learner=rtrl", "loss=softmax", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED("loss.name is sigmoid, whose targets are 0 to 1 or classes, but changes of a "
                   "target (data.change) lie on both sides of 0: name classes with data.classes "
                   "(--classes), or take loss=mse",
                   "learner=rtrl", "loss=sigmoid", "--target", "b", "data.standardise=false",
                   "data.change=true");
    assert_string_equal(said.out, "");
    write_sine("x.csv", 0, 40);
    RUN("train", "data=table", "data.file=x.csv", "data.target=load", "loss=softmax", "--quiet",
        "--out", "soft");
    assert_string_equal(said.err,
                        "hitherto: loss.name is softmax, whose targets are 0 to 1e+09 or classes, "
                        "but standardised targets (data.standardise) lie on both sides of 0: set "
                        "data.standardise=false, or take loss=mse\n");
    write_whole("t.csv", "a;b\n1,5;2\n");
    feed("t.csv");
    STREAM_REFUSED("keep.name is ewc, which goes over sequences once more, but rows come once: set "
                   "keep.importance = updates, or "
                   "take si, chain or metaplastic",
                   "keep=ewc", "keep.every=10", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED(
        "keep.importance is drawn, which calls the learner twice for each row, but a stream "
        "calls it once: set keep.importance = updates, or take si",
        "keep=ewc", "keep.importance=drawn", "keep.every=10", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED(
        "keep.name is anchor, which acts at the end of a phase, but a stream has none: set "
        "keep.every",
        "keep=anchor", "--target", "b");
    feed("t.csv");
    STREAM_REFUSED("t.csv: not a safetensors file, or damaged: its header is longer than the file",
                   "--load", "t.csv");
    write_whole("t.csv", "a,b\n1,2\n1,2,3\n");
    feed("t.csv");
    STREAM_REFUSED("standard input: line 3 has 3 fields, but the first has 2", "--target", "b");
    write_whole("t.csv", "0,5;1\n0,6;2\n");
    feed("t.csv");
    STREAM_REFUSED(
        "standard input: line 1 has commas beside another separator: '0,5;1'; numbers are "
        "written with a point",
        "--target", "1");
    write_whole("t.csv", "a,b\n1,2\n");
    feed("t.csv");
    STREAM_REFUSED(
        "data.late (command line) is '5', but answers come under a name, and late, only with "
        "data.id (--id): give that, or leave it out",
        "--target", "b", "data.late=5");
    STREAM_REFUSED("option --score-every says how often to write scores: give --score FILE too",
                   "--target", "b", "--score-every", "5");
    STREAM_REFUSED("option --every says how often to save: give --save FILE too", "--target", "b",
                   "--every", "5");
    STREAM_REFUSED(
        "option --from-start passes over what a snapshot has seen: give --load SNAPSHOT too",
        "--target", "b", "--from-start");
    STREAM_REFUSED(
        "options --score and --save both name ./sc: lines of JSON and a snapshot need a file each",
        "--target", "b", "--score", "./sc", "--save", "sc");
    assert_false(is_there("sc"));
    feed("t.csv");
    STREAM("--target", "b", "--quiet", "--save", "sc");
    RUN("stream", "--load", "sc", "--score", "sc", "--quiet");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "options --score and --load both name sc: "));
    feed("t.csv");
    write_whole("t.csv", "");
    feed("t.csv");
    STREAM_REFUSED("standard input: there are no rows", "--target", "b");
    write_whole("t.csv", "a,b\n\"1,2\n");
    feed("t.csv");
    STREAM_REFUSED("standard input: line 2: the quotes do not match", "--target", "b");
    write_whole("t.csv", "a,b\n1,2\n");
    feed("t.csv");
    STREAM_REFUSED(
        "data.classes is '\"a,b', but must be a number of classes or different names with "
        "commas between, none of them "
        "empty, NaN, NA or null",
        "--target", "b", "--classes", "\"a,b");
    write_whole("t.csv", "a,b\n1,2\n");
    feed("t.csv");
    STREAM_REFUSED("option --save is 'nowhere/s', but there is no folder nowhere: make it first",
                   "--target", "b", "--save", "nowhere/s");
    write_whole("t.csv", "a,b,c\n1,2,3\n");
    feed("t.csv");
    STREAM_REFUSED("standard input: data.inputs names the column b twice: leave one out",
                   "--target", "a", "--inputs", "b,1..2");
    write_whole("t.csv", "a,b,c\n1,2,3\n");
    feed("t.csv");
    STREAM_REFUSED("data.id is 'a,b', but must be one column: it names the rows", "--target", "c",
                   "--id", "a,b");
    write_whole("t.csv", "{\"a\": 1}\n{\"a\": 2}{\"a\": 3}\n");
    feed("t.csv");
    STREAM_REFUSED("standard input: line 2 is no list or object of JSON: '{\"a\": 2}{\"a\": 3}'",
                   "--target", "a");
    write_whole("t.csv", "[1, 2]\n{\"a\": 1}\n");
    feed("t.csv");
    STREAM_REFUSED("standard input: line 2 is an object, but the first was not", "--target", "1");
    RUN("train", "data=rows", "data.target=b");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    assert_non_null(strstr(said.err, "'hitherto stream' learns from them"));
}

/* Copies a snapshot with other metadata in the place of some; blanks fill the rest. */
static void write_altered(const char *from, const char *to, const char *const changes[][2],
                          size_t count) {
    static char bytes[SAID_LENGTH];
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    const size_t length = fread(bytes, 1, sizeof bytes - 1, file);
    fclose(file);
    assert_true(length < sizeof bytes - 1);
    bytes[length] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *was = changes[i][0], *now = changes[i][1];
        char *at = strstr(bytes + 8, was); /* behind the length of the header */
        assert_non_null(at);
        memset(at, ' ', strlen(was));
        memcpy(at, now, strlen(now));
    }
    file = fopen(to, "wb");
    assert_true(file && fwrite(bytes, 1, length, file) == length);
    fclose(file);
}

/* Such as were saved before what changes nothing was refused: nobody can leave it out of them. */
static void snapshots_keep_what_changes_nothing(void **state) {
    (void)state;
    static char digest[64];
    const char *const idle[][2] = {
        {digest, ""}, {"\"optimiser.schedule\":\"constant\",", ""}, {"\"data.id\":\"\",", ""}};
    const char *const unlearned[][2] = {{digest, ""},
                                        {"\"learner.window\":\"0\",\"learner.update\":\"tape\",",
                                         "\"learner.update\":\"sequence\","}};
    write_whole("t.csv", "a,b\n1,2\n2,3\n3,4\n");
    feed("t.csv");
    STREAM("--target", "b", "--quiet", "--save", "sn", "learner.window=0", "learner.update=tape",
           "optimiser.schedule=constant", "optimiser.factor=0.3", "data.id=", "data.late=5");
    assert_int_equal(said.code, CLI_OK);
    char *text = said.out;
    FILE *file = fopen("sn", "rb");
    assert_non_null(file);
    text[fread(text, 1, SAID_LENGTH - 1, file)] = '\0';
    fclose(file);
    const char *at = strstr(text + 8, ",\"digest\":\"");
    assert_non_null(at);
    snprintf(digest, sizeof digest, "%.*s", (int)(strcspn(at, "}")), at);
    write_altered("sn", "idle", idle, 3);
    feed("t.csv");
    RUN("stream", "--quiet", "--load", "idle", "--save", "next");
    assert_string_equal(said.err, "");
    assert_int_equal(said.code, CLI_OK);
    feed("t.csv");
    RUN("stream", "--quiet", "--load", "next");
    assert_int_equal(said.code, CLI_OK);
    RUN("stream", "--quiet", "--load", "idle", "data.late=6");
    assert_int_equal(said.code, CLI_BAD_INPUT);
    write_altered("sn", "whole", unlearned, 2);
    feed("t.csv");
    RUN("stream", "--quiet", "--load", "whole");
    assert_string_equal(said.err,
                        "hitherto: whole has learner.update 'sequence', with which a stream never "
                        "learned: begin anew, without --load, and with learner.update=tape\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_and_scores_are_written),
        cmocka_unit_test(two_parts_are_the_whole),
        cmocka_unit_test(signals_save),
        cmocka_unit_test(names_go_on_with_a_snapshot),
        cmocka_unit_test(a_renamed_key_is_told),
        cmocka_unit_test(an_answer_with_a_new_key_is_no_renaming),
        cmocka_unit_test(rows_of_a_name_that_waits_are_counted),
        cmocka_unit_test(rows_as_people_write_them),
        cmocka_unit_test(names_are_written_as_they_were_read),
        cmocka_unit_test(a_list_counts_before_a_name_with_commas),
        cmocka_unit_test(a_full_disk_ends_the_stream),
        cmocka_unit_test(drift_is_told),
        cmocka_unit_test(a_killed_stream_goes_on_as_the_unbroken_run),
        cmocka_unit_test(a_stream_begins_with_a_run),
        cmocka_unit_test(a_run_begins_with_a_snapshot),
        cmocka_unit_test(a_bad_row_loses_nothing),
        cmocka_unit_test(what_has_no_meaning_is_refused),
        cmocka_unit_test(snapshots_keep_what_changes_nothing),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
