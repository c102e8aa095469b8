/* hitherto compare: many runs side by side, a table, and learning curves. */
#include "cli/cli.h"
#include "compare/compare.h"
#include "compare/results.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_LENGTH = 2048 };

/* ---- Progress ----------------------------------------------------------------------------------- */

static void compose(const hth_compare_progress *p, char *out, size_t size) {
    char time[40];
    size_t used = (size_t)snprintf(out, size, "runs %zu/%zu", p->finished + p->diverged, p->total);
    if (p->diverged)
        used += (size_t)snprintf(out + used, size - used, "  %zu diverged", p->diverged);
    if (p->failed) used += (size_t)snprintf(out + used, size - used, "  %zu failed", p->failed);
    if (p->running)
        used += (size_t)snprintf(out + used, size - used, "  %zu under way", p->running);
    cli_format_time(time, sizeof time, p->seconds);
    used += (size_t)snprintf(out + used, size - used, "  %s", time);
    if (!(p->eta_seconds >= 0.5)) return;
    cli_format_time(time, sizeof time, p->eta_seconds);
    snprintf(out + used, size - used, "  ETA %s", time);
}

static void show(void *context, const hth_compare_progress *p) {
    char line[200];
    compose(p, line, sizeof line);
    cli_progress_put(context, line, p->running == 0);
}

/* ---- The end ------------------------------------------------------------------------------------ */

/* Table and pictures of what there is. */
static int report(const char *out, const hth_config *overrides) {
    hth_comparison *comparison;
    hth_error error;
    if (hth_comparison_load(out, overrides, &comparison, &error) != HTH_OK) return cli_fail(&error);
    size_t failed = 0;
    for (size_t i = 0; i < comparison->count; i++) failed += comparison->rows[i].failed;
    int code = cli_compare_table(comparison, out);
    if (code == CLI_OK) code = cli_compare_curves(comparison, out);
    if (code == CLI_OK) {
        cli_say(stdout,
                "Numbers:          %s/{table.md,table.csv,speed.csv,curves.csv,results.db}\n", out);
        if (failed)
            code = cli_complain(CLI_FAILED, "%zu run%s failed; called again, it is tried again",
                                failed, failed == 1 ? "" : "s");
    }
    hth_comparison_free(comparison);
    return code;
}

static int stop(const char *out) {
    cli_say(
        stderr,
        "Interrupted; what has been computed is saved. To go on:\n  hitherto compare --out %s\n",
        out);
    return CLI_INTERRUPTED;
}

/* ---- The command -------------------------------------------------------------------------------- */

static int read_jobs(const cli_arguments *arguments, int *jobs) {
    const char *text = cli_value(arguments, "--jobs");
    *jobs = 0;
    if (!text) return CLI_OK;
    char *end;
    const long value = strtol(text, &end, 10);
    if (end != text && !*end && value >= 1 && value <= 1024) {
        *jobs = (int)value;
        return CLI_OK;
    }
    return cli_complain(CLI_BAD_INPUT,
                        "option --jobs is '%s', but must be a whole number from 1 to 1024", text);
}

static int compare(const cli_arguments *arguments, const hth_config *config, const char *out) {
    cli_progress progress;
    double every;
    int jobs, code = cli_read_interval(arguments, &every);
    if (code == CLI_OK) code = read_jobs(arguments, &jobs);
    if (code != CLI_OK) return code;
    cli_progress_start(&progress, every);
    cli_catch_interrupts();
    const hth_compare_observer observer = {show, cli_progress_message, &progress, &cli_interrupted};
    hth_ending ending;
    hth_error error;
    hth_status status = hth_compare(config, out, jobs, &observer, &ending, &error);
    if (status != HTH_OK) return cli_fail(&error);
    if (ending == HTH_INTERRUPTED) return stop(out);
    return report(out, NULL);
}

/* --out, or runs/NAME-compare. */
static void find_folder(const cli_arguments *arguments, const hth_config *config, char *out) {
    const char *given = cli_value(arguments, "--out");
    char name[200];
    cli_name_run(arguments, config, name, sizeof name);
    if (given)
        snprintf(out, PATH_LENGTH, "%s", given);
    else
        snprintf(out, PATH_LENGTH, "runs/%s-compare", name);
}

/* Without settings: what the directory has been asked for already. */
static int go_on(const cli_arguments *arguments, const char *out) {
    hth_config *stored;
    hth_error error;
    if (hth_config_create(&stored, &error) != HTH_OK) return cli_fail(&error);
    int code = CLI_OK;
    if (hth_compare_stored(out, stored, &error) != HTH_OK) code = cli_fail(&error);
    if (code == CLI_OK) code = cli_match_precision(arguments, stored);
    hth_config_destroy(stored);
    return code == CLI_OK ? compare(arguments, NULL, out) : code;
}

int cli_compare(const cli_arguments *arguments) {
    const char *given = cli_value(arguments, "--out");
    char out[PATH_LENGTH];
    hth_config *config;
    /* Without settings there must be a folder, whose runs go on. */
    if (given && strlen(given) > PATH_LENGTH / 2)
        return cli_complain(CLI_BAD_INPUT, "the path given with --out is too long");
    if (!given && !arguments->word_count)
        return cli_complain(CLI_BAD_INPUT,
                            "what is to be compared? hitherto compare SETTINGS.yaml, "
                            "or --out DIR to go on with what is there");
    if (given && !arguments->word_count && !cli_value(arguments, "--table"))
        return go_on(arguments, given);
    /* With settings: the table alone, or the runs and then the table. */
    int code = cli_load_settings(arguments, &config);
    if (code != CLI_OK) return code;
    find_folder(arguments, config, out);
    if (cli_value(arguments, "--table"))
        code = report(out, config);
    else
        code = cli_match_precision(arguments, config);
    if (code == CLI_OK && !cli_value(arguments, "--table")) code = compare(arguments, config, out);
    hth_config_destroy(config);
    return code;
}
