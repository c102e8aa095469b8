/* hitherto train: settings become a run, a run becomes a directory. */
#include "cli/cli.h"

#include "check/align.h"
#include "run/train.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_LENGTH = 1024 };

/* ---- Where the run goes --------------------------------------------------------------------- */

static bool exists(const char *path) {
    struct stat found;
    return stat(path, &found) == 0;
}

/* runs/<name>-<learner>-s<seed>; a new run gets the first free number behind it, a resumed one the
 * last that is taken. */
static void default_folder(const cli_arguments *arguments, const hth_config *config, bool resume,
                           char *out, size_t size) {
    char name[200], first[600], path[640];
    cli_name_run(arguments, config, name, sizeof name);
    snprintf(first, sizeof first, "runs/%.200s-%.60s-s%.30s", name,
             cli_setting(config, "learner.name"), cli_setting(config, "train.seed"));
    snprintf(out, size, "%s", first);
    snprintf(path, sizeof path, "%s", first);
    for (int number = 2; exists(path); number++) {
        if (resume) snprintf(out, size, "%s", path);
        snprintf(path, sizeof path, "%s-%d", first, number);
        if (!resume) snprintf(out, size, "%s", path);
    }
}

/* Makes the folders above path. */
static int make_parents(const char *path) {
    char part[PATH_LENGTH];
    for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return cli_complain(CLI_BAD_INPUT, "cannot make folder %s: %s", part, strerror(errno));
    }
    return CLI_OK;
}

/* ---- The end of a run ----------------------------------------------------------------------- */

static int finish(const char *out, const hth_config *config, const cli_progress *progress) {
    bool drawn, watchable;

    printf("Finished.\n");
    cli_print_summary(out);
    if (progress->any && progress->latest.memory_bytes) {
        char memory[40];
        cli_format_bytes(memory, sizeof memory, (double)progress->latest.memory_bytes);
        cli_print_row("memory", "%s", memory);
    }
    cli_print_row("files", "%s/{settings.yaml,metrics.jsonl,summary.json,checkpoint.safetensors}",
                  out);
    cli_say(stdout, "Learning curve:  hitherto plot %s\n", out);
    fflush(stdout);
    const int code = cli_trial_after_training(out, config, &drawn, &watchable);
    if (drawn)
        cli_say(stdout, "A trial, output and target:  %s/trial.svg\n", out);
    else if (watchable)
        cli_say(stdout, "A trial:         hitherto plot --trial %s --out %s/trial.svg\n", out, out);
    return code;
}

static int stop(const char *out) {
    cli_say(stderr,
            "Interrupted; the run is saved. To go on:\n  hitherto train --resume --out %s\n", out);
    return CLI_INTERRUPTED;
}

/* ---- The command ---------------------------------------------------------------------------- */

/* A rank that is not the first: it takes its part, and prints nothing. */
static int take_part(const cli_arguments *arguments, const hth_config *config, const char *out,
                     const hth_ranks *ranks) {
    const hth_observer observer = {.interrupted = &cli_interrupted};
    const bool resume = cli_value(arguments, "--resume") != NULL;
    hth_outcome outcome;
    cli_catch_interrupts();
    if (hth_train_among(config, out, resume, &hth_align_guest, ranks, &observer, &outcome, NULL) !=
        HTH_OK)
        return CLI_FAILED;
    return outcome.ending == HTH_INTERRUPTED ? CLI_INTERRUPTED : CLI_OK;
}

static int train(const cli_arguments *arguments, const hth_config *config, const char *out,
                 const hth_ranks *ranks) {
    cli_progress progress;
    double every;
    int code = cli_read_interval(arguments, &every);
    if (code != CLI_OK) return code;
    /* Rank 0 makes the folders above; then each goes on, or none does. */
    if (ranks->rank == 0) code = make_parents(out);
    unsigned char failed = code != CLI_OK;
    hth_ranks_any(ranks, &failed, 1);
    if (failed) return code != CLI_OK ? code : CLI_BAD_INPUT;
    if (ranks->rank > 0) return take_part(arguments, config, out, ranks);
    cli_progress_start(&progress, every);
    cli_catch_interrupts();
    const hth_observer observer = {.progress = cli_progress_show,
                                   .message = cli_progress_message,
                                   .news = every < 0 ? NULL : cli_progress_message,
                                   .context = &progress,
                                   .interrupted = &cli_interrupted,
                                   .reading = cli_progress_reading};
    hth_outcome outcome;
    hth_error error;
    bool resume = cli_value(arguments, "--resume") != NULL;
    hth_status status =
        hth_train_among(config, out, resume, &hth_align_guest, ranks, &observer, &outcome, &error);
    cli_progress_end(&progress);
    if (status != HTH_OK) return cli_fail(&error);
    return outcome.ending == HTH_INTERRUPTED ? stop(out) : finish(out, config, &progress);
}

/* Trains with the ranks that mpirun has started, where the batch is in shares (train.shares); else alone. All take the
 * folder that rank 0 has found. */
static int train_among(const cli_arguments *arguments, const hth_config *config,
                       char out[PATH_LENGTH]) {
    hth_ranks ranks = hth_ranks_alone;
    hth_error error;
    const bool shares = strcmp(cli_setting(config, "train.shares"), "1") != 0;
    if (shares && hth_ranks_join(&ranks, &error) != HTH_OK) return cli_fail(&error);
    hth_ranks_tell(&ranks, 0, out, PATH_LENGTH);
    const int code = train(arguments, config, out, &ranks);
    hth_ranks_leave(&ranks);
    return code;
}

/* The first word that names a settings file or a run; NULL: there is none. */
static const char *settings_word(const cli_arguments *arguments) {
    for (size_t i = 0; i < arguments->word_count; i++)
        if (!cli_is_assignment(arguments->words[i])) return arguments->words[i];
    return NULL;
}

/* A resumed run has its settings in its folder; what is given beside them counts more. A run that begins with another's
 * parameters has that one's settings, unless a file is given. */
static const char *own_settings(const cli_arguments *arguments, char *path, size_t size) {
    const char *out = cli_value(arguments, "--out"), *from = cli_value(arguments, "--from");
    const char *run = cli_value(arguments, "--resume") ? out
                      : settings_word(arguments)       ? NULL
                                                       : from;
    return run && cli_run_settings(run, path, size) ? path : NULL;
}

/* Settings of another run that have lost their meaning; and a run that is given as a settings file gives its settings
 * alone. */
static void tell_of_run(const cli_arguments *arguments, const hth_config *config) {
    cli_tell_left(config);
    const char *word = settings_word(arguments);
    if (!word || !cli_is_folder(word) || cli_value(arguments, "--from") ||
        cli_value(arguments, "--resume"))
        return;
    fprintf(stderr,
            "The settings are those of %s; the network begins anew. To begin with its parameters: "
            "--from %s; to go on with it: --resume --out %s\n",
            word, word, word);
}

int cli_train(const cli_arguments *arguments) {
    char path[PATH_LENGTH], out[PATH_LENGTH];
    const char *given = cli_value(arguments, "--out");
    bool resume = cli_value(arguments, "--resume") != NULL;
    /* Refuse options that contradict each other or name no run. */
    if (given && strlen(given) > PATH_LENGTH / 2)
        return cli_complain(CLI_BAD_INPUT, "the path given with --out is too long");
    if (resume && given && !exists(given))
        return cli_complain(CLI_BAD_INPUT, "cannot resume %s: there is no such folder", given);
    if (resume && !given && !arguments->word_count)
        return cli_complain(CLI_BAD_INPUT, "which run is to be resumed? --resume --out DIR");
    const char *word = settings_word(arguments);
    if (resume && !given && word && cli_is_folder(word))
        return cli_complain(CLI_BAD_INPUT,
                            "--resume goes on with the run that --out names: hitherto train "
                            "--resume --out %s",
                            word);
    static const char *const begins[] = {"--from", "--from-layers"};
    for (size_t i = 0; i < HTH_COUNT(begins); i++)
        if (resume && cli_value(arguments, begins[i]))
            return cli_complain(CLI_BAD_INPUT,
                                "%s begins a run, --resume goes on with one: give one of them",
                                begins[i]);
    const char *from = cli_value(arguments, "--from");
    if (from && !exists(from))
        return cli_complain(CLI_BAD_INPUT, "cannot begin with %s: there is no such run or file",
                            from);
    const char *own = own_settings(arguments, path, sizeof path);
    char results[PATH_LENGTH];
    snprintf(results, sizeof results, "%s/results.db", given ? given : "");
    if (resume && given && !own && exists(results))
        return cli_complain(
            CLI_BAD_INPUT,
            "%s holds a comparison, and no run: 'hitherto compare --out %s' goes on "
            "with it",
            given, given);
    if (resume && given && !own)
        return cli_complain(CLI_BAD_INPUT,
                            "cannot resume %s: it has no settings.yaml, so no run has begun there: "
                            "leave out --resume",
                            given);
    /* The settings, and the folder that they or --out name. */
    hth_config *config;
    int code = cli_read_settings(arguments, own, &config);
    if (code != CLI_OK) return code;
    if (given)
        snprintf(out, sizeof out, "%s", given);
    else
        default_folder(arguments, config, resume, out, sizeof out);
    /* Train, in the program of the run's precision. */
    code = cli_match_precision(arguments, config);
    if (code == CLI_OK && !cli_value(arguments, "--quiet")) tell_of_run(arguments, config);
    if (code == CLI_OK) code = train_among(arguments, config, out);
    hth_config_destroy(config);
    return code;
}
