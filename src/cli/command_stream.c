/* hitherto stream: rows in, predictions out, learning in between. */
#include "cli/cli.h"
#include "cli/stream_report.h"
#include "run/online.h"
#include "settings/identity.h"
#include "watch/digits.h"

#include "files/clock.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

/* All of a stream that runs. */
typedef struct stream_run {
    hth_online *online;
    const char *save, *id;
    double every, last_save; /* seconds; every 0: only at the end */
    uint64_t saved_rows;
    bool quiet, failed_to_save, failed_to_score;
    bool told_renamed, told_dropped;
    bool reads_last; /* told to end: the bytes that have arrived are read once more */
    int lost;        /* errno when predictions could not be written; 0: they were */
    cli_stream_report report;
} stream_run;

static volatile sig_atomic_t wants_save;

static void ask_to_save(int number) {
    (void)number;
    wants_save = 1;
}

/* SIGINT and SIGTERM end the stream, SIGHUP and SIGUSR1 save it; a reader that has gone is seen by what is written. */
static void catch_signals(void) {
    struct sigaction save = {.sa_handler = ask_to_save}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&save.sa_mask);
    sigemptyset(&ignore.sa_mask);
    cli_catch_interrupts();
    sigaction(SIGHUP, &save, NULL);
    sigaction(SIGUSR1, &save, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* ---- Saving ------------------------------------------------------------------------------- */

/* Writes out all predictions; false if they cannot be. */
static bool flush_predictions(stream_run *s) {
    if (!s->lost && fflush(stdout) != 0) s->lost = errno;
    if (!s->lost && ferror(stdout)) s->lost = EIO; /* of an earlier row */
    return !s->lost;
}

/* Predictions go out before the snapshot that counts them as made: after a crash none is missing. */
static int save(stream_run *s) {
    hth_error error;
    s->last_save = hth_clock();
    if (!s->save) return CLI_OK;
    if (!flush_predictions(s) && s->lost != EPIPE) return CLI_OK; /* told at the end */
    if (hth_online_save(s->online, s->save, &error) != HTH_OK) return cli_fail(&error);
    s->saved_rows = hth_online_count(s->online);
    return CLI_OK;
}

/* Seconds until the next snapshot is due; negative: none will be before there is another row. */
static double save_in(const stream_run *s) {
    if (!s->online || s->every <= 0 || s->saved_rows == hth_online_count(s->online)) return -1;
    const double left = s->last_save + s->every - hth_clock();
    return left > 0 ? left : 0;
}

static int save_if_due(stream_run *s) {
    const bool asked = wants_save != 0;
    if (!s->online) wants_save = 0; /* nothing has been learned */
    if (!s->online || (!asked && save_in(s) != 0)) return CLI_OK;
    wants_save = 0;
    return save(s);
}

/* Waits for bytes, a signal, or the time of a snapshot. A signal that comes after the look at its flag and before the
 * wait ends the wait: signals are let in only there. */
static void wait_for_bytes(const stream_run *s) {
    sigset_t all, before;
    fd_set input;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    FD_ZERO(&input);
    FD_SET(STDIN_FILENO, &input);
    const double left = save_in(s);
    const struct timespec time = {(time_t)left, (long)(1e9 * (left - floor(left)))};
    if (!cli_interrupted && !wants_save)
        pselect(STDIN_FILENO + 1, &input, NULL, NULL, left < 0 ? NULL : &time, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static bool has_bytes(void) {
    struct timeval none = {0, 0};
    fd_set input;
    FD_ZERO(&input);
    FD_SET(STDIN_FILENO, &input);
    return select(STDIN_FILENO + 1, &input, NULL, NULL, &none) !=
           0; /* an error is told by whoever reads */
}

/* Before the stream waits for bytes, whoever reads its predictions gets all that there are. A snapshot that cannot be
 * written ends the stream. A signal to end does when the rows that have arrived are taken. */
static bool wait_for_rows(void *context) {
    stream_run *s = context;
    flush_predictions(s);
    do {
        if (save_if_due(s) != CLI_OK) s->failed_to_save = true;
        if (s->reads_last || s->failed_to_save || s->lost) return false;
        wait_for_bytes(s);
        s->reads_last = cli_interrupted != 0;
    } while (!has_bytes() && !s->reads_last);
    return has_bytes();
}

/* ---- Predictions -------------------------------------------------------------------------- */

static void put_cell(const char *text) {
    putchar(',');
    cli_put_csv(stdout, text);
}

static void print_header(const stream_run *s) {
    const hth_rows *rows = hth_online_rows(s->online);
    const size_t classes = hth_rows_classes(rows);
    char name[80], cell[84];
    printf("row");
    hth_rows_id_name(rows, name, sizeof name);
    if (*name) put_cell(name);
    if (classes) put_cell("class");
    for (size_t k = 0; k < (classes ? classes : hth_rows_targets(rows)); k++) {
        if (classes)
            hth_rows_class_name(rows, k, name, sizeof name);
        else
            hth_rows_target_name(rows, k, name, sizeof name);
        snprintf(cell, sizeof cell, "%s%s", classes ? "p_" : "", name);
        put_cell(cell);
    }
    putchar('\n');
}

static void print_row(const stream_run *s, const hth_online_row *row) {
    const hth_rows *rows = hth_online_rows(s->online);
    if (!row->predicted) return;
    printf("%llu", (unsigned long long)row->row);
    if (*s->id) put_cell(row->id);
    if (hth_rows_classes(rows)) {
        char name[80];
        size_t best = 0;
        for (size_t k = 1; k < row->count; k++)
            best = row->forecast[k] > row->forecast[best] ? k : best;
        hth_rows_class_name(rows, best, name, sizeof name);
        put_cell(name);
    }
    for (size_t k = 0; k < row->count; k++) printf(",%.*g", HTH_DIGITS, row->forecast[k]);
    putchar('\n');
}

/* ---- The loop ----------------------------------------------------------------------------- */

/* The exit code when a row could not be taken: what was learned before it is saved. */
static int stop_at(stream_run *s, const hth_error *error) {
    cli_progress_clear(&s->report.progress);
    const int code = cli_fail(error);
    if (error->status != HTH_NOT_FINITE) save(s);
    return code;
}

static void tell_drift(stream_run *s, uint64_t row) {
    char sentence[100];
    snprintf(sentence, sizeof sentence, "row %llu: the error has risen above its mean: drift",
             (unsigned long long)row);
    cli_progress_message(&s->report.progress, sentence);
}

static void tell_dropped(stream_run *s, const hth_online_row *row) {
    char sentence[300];
    if (s->told_dropped) return;
    s->told_dropped = true;
    snprintf(sentence, sizeof sentence,
             "row %llu, '%s': an earlier row of this name still waits for its answer, and this one "
             "brings none: it is dropped, and so are others like it",
             (unsigned long long)row->row, row->id);
    cli_progress_message(&s->report.progress, sentence);
}

/* The first time that a key is missing and there is a new one, which may be its new name. */
static void tell_renamed(stream_run *s) {
    const hth_row_keys *keys = hth_rows_keys(hth_online_rows(s->online));
    char sentence[300];
    if (!keys->renamed || s->told_renamed) return;
    s->told_renamed = true;
    snprintf(sentence, sizeof sentence,
             "line %llu has no '%s', but a new key, '%s': has it been renamed? What has no key "
             "counts as missing",
             (unsigned long long)keys->number, keys->absent, keys->unknown);
    cli_progress_message(&s->report.progress, sentence);
}

static int take_rows(stream_run *s) {
    hth_online_row row;
    hth_error error;
    bool found = true;
    for (;;) {
        if (hth_online_next(s->online, &row, &found, &error) != HTH_OK) return stop_at(s, &error);
        if (!found) break;
        print_row(s, &row);
        if (row.drifted) tell_drift(s, row.row);
        if (row.dropped) tell_dropped(s, &row);
        tell_renamed(s);
        if (!cli_stream_report_row(&s->report, s->online, row.seconds)) {
            s->failed_to_score = true;
            save(s);
            return CLI_BAD_INPUT;
        }
        const int code = save_if_due(s);
        if (code != CLI_OK) return code;
        if (s->lost) break;
    }
    if (s->failed_to_save) return CLI_BAD_INPUT;
    return save(s);
}

/* Whoever read the predictions may have gone: that is an end like another. */
static int check_output(stream_run *s) {
    if (flush_predictions(s) || s->lost == EPIPE) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "the predictions cannot be written: %s", strerror(s->lost));
}

/* The end of an input without rows, after which a snapshot is what it was. */
static int end_without_rows(const stream_run *s, const char *snapshot) {
    hth_error error;
    if (s->save && hth_online_pass_on(snapshot, s->save, &error) != HTH_OK) return cli_fail(&error);
    if (s->quiet) return CLI_OK;
    if (s->save && strcmp(s->save, snapshot) != 0)
        cli_say(stderr, "There are no rows: %s is a copy of %s\n", s->save, snapshot);
    else
        cli_say(stderr, "There are no rows: %s stays as it is\n", snapshot);
    return CLI_OK;
}

static int run(stream_run *s, const cli_arguments *arguments, const hth_online_plan *plan) {
    hth_error error;
    catch_signals();
    int code = cli_stream_report_begin(&s->report, arguments);
    if (code != CLI_OK) return code;
    if (hth_online_open(plan, &s->online, &error) != HTH_OK) {
        cli_stream_report_end(&s->report);
        if (cli_interrupted) return CLI_OK; /* before the first row */
        return cli_fail(&error);
    }
    if (!s->online) {
        cli_stream_report_end(&s->report);
        return end_without_rows(s, plan->load);
    }
    if (!plan->load) print_header(s);
    s->saved_rows = hth_online_count(s->online);
    s->last_save = hth_clock();
    code = take_rows(s);
    cli_progress_clear(&s->report.progress);
    if (code == CLI_OK) code = check_output(s);
    if (!s->failed_to_score && !cli_stream_report_last(&s->report, s->online, code == CLI_OK))
        code = CLI_BAD_INPUT;
    if (!s->quiet && s->report.rows > 0) cli_stream_report_sum(&s->report, s->online);
    if (code == CLI_OK && s->save && !s->quiet)
        cli_say(stderr, "Saved after row %llu; to go on: hitherto stream --load %s --save %s\n",
                (unsigned long long)s->saved_rows, s->save, s->save);
    cli_stream_report_end(&s->report);
    hth_online_close(s->online);
    return code;
}

/* ---- The command -------------------------------------------------------------------------- */

static int read_number(const cli_arguments *arguments, const char *flag, const char *what,
                       double *out) {
    const char *text = cli_value(arguments, flag);
    char *end;
    *out = 0;
    if (!text) return CLI_OK;
    *out = strtod(text, &end);
    if (end != text && !strcmp(end, "s")) end++; /* 60s */
    if (end != text && !*end && *out > 0 && *out < 1e9) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option %s is '%s', but must be %s", flag, text, what);
}

/* A stream that begins with a run's parameters has that run's network, unless a settings file is given. */
static hth_status take_network(const cli_arguments *arguments, const char *from, hth_config *config,
                               hth_error *error) {
    static const hth_identity of_network = {.network_only = true};
    char path[1100];
    hth_config *run;
    for (size_t i = 0; i < arguments->word_count; i++)
        if (!cli_is_assignment(arguments->words[i])) return HTH_OK;
    if (access(from, F_OK) != 0)
        return hth_fail(error, HTH_FILE,
                        "cannot begin with %.200s: there is no such run or file (--from)", from);
    if (!cli_run_settings(from, path, sizeof path)) return HTH_OK;
    HTH_TRY(hth_config_create(&run, error));
    hth_status status = hth_config_load(run, path, error);
    const hth_settings all = hth_config_given(run);
    for (size_t i = 0; status == HTH_OK && i < all.count; i++)
        if (hth_identity_counts(&of_network, all.items[i].key))
            status = hth_config_set(config, all.items[i].key, all.items[i].value, path, error);
    hth_config_destroy(run);
    return status;
}

/* NULL where it is not given, or empty. */
static const hth_setting *given_value(const hth_settings *given, const char *key) {
    const hth_setting *found = hth_settings_find(given, key);
    return found && *found->value ? found : NULL;
}

/* The settings of the snapshot, or of the run that the stream begins with, then those of files and words. */
static hth_status join_given(const cli_arguments *arguments, const hth_config *given,
                             hth_config *config, hth_error *error) {
    const char *load = cli_value(arguments, "--load");
    const hth_settings own = hth_config_given(given);
    const hth_setting *from = given_value(&own, "train.from");
    const hth_setting *begins = from ? from : given_value(&own, "train.from_layers");
    if (load && begins)
        return hth_fail(error, HTH_INVALID,
                        "%s (%s) begins a stream with the parameters of a run, --load goes on with "
                        "one: give one of them",
                        begins->key, begins->origin ? begins->origin : "set");
    if (load && cli_is_folder(load))
        return hth_fail(error, HTH_INVALID,
                        "--load is %.200s, a folder, but must be a snapshot of 'hitherto stream' "
                        "(--save); to begin with the parameters of a run: --from %.200s",
                        load, load);
    if (load) HTH_TRY(hth_online_settings(load, config, error));
    if (from) HTH_TRY(take_network(arguments, from->value, config, error));
    const size_t before = config->count;
    for (size_t i = 0; i < own.count; i++)
        HTH_TRY(hth_config_set(config, own.items[i].key, own.items[i].value, own.items[i].origin,
                               error));
    const hth_settings joined = hth_config_given(config);
    if (load) HTH_TRY(hth_identity_keep(&joined, before, false, error));
    if (from) HTH_TRY(hth_config_inherit(config, before, error));
    if (from && !cli_value(arguments, "--quiet")) cli_tell_left(config);
    return HTH_OK;
}

/* What a stream is where nothing else is said: rows, names that imply no horizon, classes that are probable. */
static hth_status set_usual(hth_config *config, hth_error *error) {
    hth_settings all = hth_config_settings(config);
    const hth_setting *id = hth_settings_find(&all, "data.id"),
                      *classes = hth_settings_find(&all, "data.classes");
    const bool names = id && *id->value, has_classes = classes && *classes->value;
    if (!hth_settings_find(&all, "data.name"))
        HTH_TRY(hth_config_set(config, "data.name", "rows", "hitherto stream", error));
    all = hth_config_settings(config);
    if (names && !hth_settings_find(&all, "data.ahead"))
        HTH_TRY(hth_config_set(config, "data.ahead", "0", "data.id", error));
    all = hth_config_settings(config);
    if (has_classes && !hth_settings_find(&all, "loss.name"))
        HTH_TRY(hth_config_set(config, "loss.name", "softmax", "data.classes", error));
    return HTH_OK;
}

/* All settings: those that are given, then the flags that are settings, then the usual ones. */
static hth_status join_settings(const cli_arguments *arguments, const hth_config *given,
                                hth_config *config, hth_error *error) {
    static const char *const others[] = {"task.name", "world.name", "data.name"};
    static const char *const flags[][2] = {{"--inputs", "data.inputs"},
                                           {"--target", "data.target"},
                                           {"--ahead", "data.ahead"},
                                           {"--id", "data.id"},
                                           {"--classes", "data.classes"}};
    HTH_TRY(join_given(arguments, given, config, error));
    /* Another stream of the settings comes first: rows are in its place. */
    const hth_settings all = hth_config_settings(config);
    for (size_t i = 0; i < HTH_COUNT(others); i++) {
        const hth_setting *other = hth_settings_find(&all, others[i]);
        if (other && strcmp(other->value, "rows") != 0)
            return hth_fail(error, HTH_INVALID,
                            "%s is '%.60s', but 'hitherto stream' learns from rows on its standard "
                            "input: leave it out, or "
                            "say data=rows",
                            others[i], other->value);
    }
    for (size_t i = 0; i < HTH_COUNT(flags); i++) {
        const char *value = cli_value(arguments, flags[i][0]);
        if (value) HTH_TRY(hth_config_set(config, flags[i][1], value, "command line", error));
    }
    HTH_TRY(set_usual(config, error));
    return hth_config_validate(config, error);
}

/* Whether both name the same file, there or not. */
static bool same_file(const char *a, const char *b) {
    struct stat of_a, of_b;
    if (strncmp(a, "./", 2) == 0) a += 2;
    if (strncmp(b, "./", 2) == 0) b += 2;
    return strcmp(a, b) == 0 || (stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
                                 of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino);
}

/* Options that say something of another that is not given, or write into the same file. */
static int check_flags(const cli_arguments *arguments) {
    static const char *const needs[][3] = {
        {"--every", "--save", "says how often to save: give --save FILE too"},
        {"--score-every", "--score", "says how often to write scores: give --score FILE too"},
        {"--from-start", "--load",
         "passes over what a snapshot has seen: give --load SNAPSHOT too"}};
    static const char *const snapshots[] = {"--save", "--load"};
    const char *score = cli_value(arguments, "--score");
    for (size_t i = 0; i < HTH_COUNT(needs); i++)
        if (cli_value(arguments, needs[i][0]) && !cli_value(arguments, needs[i][1]))
            return cli_complain(CLI_BAD_INPUT, "option %s %s", needs[i][0], needs[i][2]);
    for (size_t i = 0; i < HTH_COUNT(snapshots); i++) {
        const char *snapshot = cli_value(arguments, snapshots[i]);
        if (score && snapshot && same_file(score, snapshot))
            return cli_complain(CLI_BAD_INPUT,
                                "options --score and %s both name %s: lines of JSON and a snapshot "
                                "need a file each",
                                snapshots[i], score);
    }
    return CLI_OK;
}

static int stream(const cli_arguments *arguments, const hth_config *config) {
    stream_run s = {.save = cli_value(arguments, "--save"),
                    .id = cli_setting(config, "data.id"),
                    .quiet = cli_value(arguments, "--quiet") != NULL};
    const hth_observer observer = {.message = cli_progress_message, .context = &s.report.progress};
    hth_online_plan plan = {.config = config,
                            .observer = s.quiet ? NULL : &observer,
                            .source = {STDIN_FILENO, "standard input", wait_for_rows, &s},
                            .load = cli_value(arguments, "--load"),
                            .freeze = cli_value(arguments, "--freeze") != NULL,
                            .from_start = cli_value(arguments, "--from-start") != NULL};
    int code = check_flags(arguments);
    if (code == CLI_OK)
        code = read_number(arguments, "--every", "a number of seconds above 0", &s.every);
    if (code == CLI_OK)
        code = read_number(arguments, "--drift", "a number above 0, such as 50", &plan.drift);
    if (code != CLI_OK) return code;
    if (isatty(STDIN_FILENO) && !s.quiet)
        fprintf(stderr, "Reading rows from the terminal; end with Ctrl-D.\n");
    return run(&s, arguments, &plan);
}

int cli_stream(const cli_arguments *arguments) {
    hth_config *given, *config;
    hth_error error;
    int code = cli_load_settings(arguments, &given);
    if (code != CLI_OK) return code;
    if (hth_config_create(&config, &error) != HTH_OK) {
        hth_config_destroy(given);
        return cli_fail(&error);
    }
    code = join_settings(arguments, given, config, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
    hth_config_destroy(given);
    if (code == CLI_OK) code = cli_match_precision(arguments, config);
    if (code == CLI_OK) code = stream(arguments, config);
    hth_config_destroy(config);
    return code;
}
