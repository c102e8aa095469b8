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

static int stop(const char *out, hth_part_of part) {
    char of[48] = "";
    if (part.of) snprintf(of, sizeof of, " --part %zu/%zu", part.part, part.of);
    cli_say(
        stderr,
        "Interrupted; what has been computed is saved. To go on:\n  hitherto compare --out %s%s\n",
        out, of);
    return CLI_INTERRUPTED;
}

/* ---- Parts of a comparison ------------------------------------------------------------------- */

static bool read_count(const char *name, size_t *out) {
    const char *text = getenv(name);
    char *end;
    if (!text || !*text) return false;
    *out = (size_t)strtoull(text, &end, 10);
    return !*end;
}

/* Which of how many this task of a Slurm array is; of 0: there is no array. Tasks are counted from the first one in its
 * steps, so the array must have no gaps. */
static int part_of_array(hth_part_of *part) {
    size_t task, first, last, count, step = 1;
    if (!read_count("SLURM_ARRAY_TASK_ID", &task) || !read_count("SLURM_ARRAY_TASK_MIN", &first) ||
        !read_count("SLURM_ARRAY_TASK_COUNT", &count))
        return CLI_OK;
    if (!read_count("SLURM_ARRAY_TASK_STEP", &step) || step == 0) step = 1;
    if (!read_count("SLURM_ARRAY_TASK_MAX", &last)) last = first + (count - 1) * step;
    if (task < first || task > last || (task - first) % step != 0 ||
        last - first != (count - 1) * step)
        return cli_complain(CLI_BAD_INPUT,
                            "option --part is auto, but the job array has gaps (%zu tasks from %zu "
                            "to %zu), so that task %zu names no part: give --array=1-%zu, or "
                            "--part I/N",
                            count, first, last, task, count);
    *part = (hth_part_of){(task - first) / step + 1, count};
    return CLI_OK;
}

/* Which of how many this process is, as Open MPI, a PMI (MPICH, Intel MPI), or Slurm (a task of a step) says it. */
static bool part_of_cluster(hth_part_of *part) {
    static const char *const ranks[][2] = {{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                           {"PMI_RANK", "PMI_SIZE"},
                                           {"SLURM_PROCID", "SLURM_NTASKS"}};
    size_t task;
    for (size_t i = 0; i < HTH_COUNT(ranks); i++)
        if (read_count(ranks[i][0], &task) && read_count(ranks[i][1], &part->of) &&
            task < part->of) {
            part->part = task + 1;
            return true;
        }
    return false;
}

/* --part I/N or auto; of 0: not given. */
static int read_part(const cli_arguments *arguments, hth_part_of *part) {
    const char *text = cli_value(arguments, "--part");
    char rest;
    *part = (hth_part_of){0};
    if (!text) return CLI_OK;
    if (strcmp(text, "auto") == 0) {
        const int code = part_of_array(part);
        if (code != CLI_OK || part->of || part_of_cluster(part)) return code;
        return cli_complain(CLI_BAD_INPUT, "option --part is auto, but the environment names no "
                                           "rank: neither SLURM_ARRAY_TASK_ID, "
                                           "OMPI_COMM_WORLD_RANK, PMI_RANK nor SLURM_PROCID is set "
                                           "with its count; give --part I/N");
    }
    if (sscanf(text, "%zu/%zu%c", &part->part, &part->of, &rest) == 2 && part->part >= 1 &&
        part->part <= part->of && part->of <= 1000000)
        return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --part is '%s', but must be I/N, such as 2/8, or auto", text);
}

static int end_part(hth_part_of part, const char *out) {
    cli_say(stdout,
            "Part %zu of %zu has ended. When the others have: hitherto compare --gather --out %s\n",
            part.part, part.of, out);
    return CLI_OK;
}

/* Puts the parts together and shows what there is. */
static int gather(const cli_arguments *arguments, const char *out) {
    hth_gathered gathered;
    hth_error error;
    if (!out || arguments->word_count || cli_value(arguments, "--part") ||
        cli_value(arguments, "--table") || cli_value(arguments, "--jobs"))
        return cli_complain(
            CLI_BAD_INPUT,
            "option --gather puts the parts in --out DIR together and takes nothing else: "
            "hitherto compare --gather --out DIR");
    if (hth_compare_gather(out, &gathered, &error) != HTH_OK) return cli_fail(&error);
    printf("%zu of %zu parts, %zu runs have ended, %zu have not.\n", gathered.parts, gathered.of,
           gathered.ended, gathered.unfinished);
    return report(out, NULL);
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
    hth_part_of part;
    double every;
    int jobs, code = cli_read_interval(arguments, &every);
    if (code == CLI_OK) code = read_jobs(arguments, &jobs);
    if (code == CLI_OK) code = read_part(arguments, &part);
    if (code != CLI_OK) return code;
    cli_progress_start(&progress, every);
    cli_catch_interrupts();
    const hth_compare_observer observer = {show, cli_progress_message, &progress, &cli_interrupted};
    hth_ending ending;
    hth_error error;
    hth_status status = part.of
                            ? hth_compare_part(config, out, part, jobs, &observer, &ending, &error)
                            : hth_compare(config, out, jobs, &observer, &ending, &error);
    if (status != HTH_OK) return cli_fail(&error);
    if (ending == HTH_INTERRUPTED) return stop(out, part);
    if (part.of) return end_part(part, out);
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
    char folder[PATH_LENGTH * 4];
    hth_part_of part;
    hth_config *stored;
    hth_error error;
    int code = read_part(arguments, &part);
    if (code != CLI_OK) return code;
    snprintf(folder, sizeof folder, "%s", out);
    if (part.of && hth_compare_part_folder(out, part, folder, &error) != HTH_OK)
        return cli_fail(&error);
    if (hth_config_create(&stored, &error) != HTH_OK) return cli_fail(&error);
    if (hth_compare_stored(folder, stored, &error) != HTH_OK) code = cli_fail(&error);
    if (code == CLI_OK) code = cli_match_precision(arguments, stored);
    hth_config_destroy(stored);
    return code == CLI_OK ? compare(arguments, NULL, out) : code;
}

int cli_compare(const cli_arguments *arguments) {
    const char *given = cli_value(arguments, "--out");
    char out[PATH_LENGTH];
    hth_config *config;
    if (cli_value(arguments, "--gather")) return gather(arguments, given);
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
