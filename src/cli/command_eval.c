/* hitherto eval: the loss and the metric of a run's checkpoint on one split of its data. */
#include "cli/cli.h"

#include "files/draft.h"
#include "files/folder.h"
#include "run/online.h"
#include "session/reopen.h"

#include <string.h>

static int print_score(const char *split, const hth_score *score) {
    const int width = (int)strlen(split) + 12;
    printf("%s %-11s %.6g\n", split, "loss", score->loss);
    if (score->metric_name && strcmp(score->metric_name, "none") != 0)
        printf("%s %-11s %.6g\n", split, score->metric_name, score->metric);
    printf("%-*s %llu\n", width, "time steps", (unsigned long long)score->steps);
    return CLI_OK;
}

/* Of each class how often it was right, and the class that it was taken for most often else. */
static void print_classes(const hth_confusion *c) {
    printf("\nclass       weight  accuracy  taken for\n");
    for (size_t i = 0; i < c->classes; i++) {
        const double *row = c->weights + i * c->classes;
        double total = 0;
        size_t other = i == 0 && c->classes > 1;
        for (size_t j = 0; j < c->classes; j++) {
            total += row[j];
            if (j != i && row[j] > row[other]) other = j;
        }
        printf("%5zu  %11.6g", i, total);
        if (total > 0) printf("  %8.4f", row[i] / total);
        if (total > 0 && row[other] > 0 && other != i)
            printf("  %zu (%.4f)", other, row[other] / total);
        putchar('\n');
    }
}

/* class,0,1,...: a line for each true class, with the weight of each class that it was taken for. */
static int write_classes(const hth_confusion *c, const char *path) {
    hth_draft draft;
    hth_error error;
    if (hth_draft_begin(path, &draft, &error) != HTH_OK) return cli_fail(&error);
    fprintf(draft.file, "class");
    for (size_t j = 0; j < c->classes; j++) fprintf(draft.file, ",%zu", j);
    for (size_t i = 0; i < c->classes; i++) {
        fprintf(draft.file, "\n%zu", i);
        for (size_t j = 0; j < c->classes; j++)
            fprintf(draft.file, ",%.17g", c->weights[i * c->classes + j]);
    }
    fputc('\n', draft.file);
    return hth_draft_end(&draft, true, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
}

/* --classes and --confusion FILE. */
static int tell_classes(const cli_arguments *arguments, const hth_confusion *c) {
    const char *path = cli_value(arguments, "--confusion");
    if (cli_value(arguments, "--classes")) print_classes(c);
    return path ? write_classes(c, path) : CLI_OK;
}

int cli_find_runs(const cli_arguments *arguments, hth_config *overrides, const char *usage,
                  const char *runs[], size_t most, size_t *count) {
    hth_error error;
    *count = 0;
    for (size_t i = 0; i < arguments->word_count; i++) {
        const char *word = arguments->words[i], *name = arguments->command->name;
        if (cli_is_assignment(word)) {
            if (hth_config_override(overrides, word, &error) != HTH_OK) return cli_fail(&error);
        } else if (*count == most && most == 1) {
            return cli_complain(CLI_BAD_INPUT, "%s takes one run, but '%s' and '%s' are given",
                                name, runs[0], word);
        } else if (*count == most) {
            return cli_complain(CLI_BAD_INPUT, "%s takes at most %zu runs", name, most);
        } else {
            runs[(*count)++] = word;
        }
    }
    static const char *const flags[][2] = {{"--threads", "train.threads"},
                                           {"--phase", "phases.look_at"}};
    for (size_t i = 0; i < HTH_COUNT(flags); i++) {
        const char *value = cli_value(arguments, flags[i][0]);
        if (value &&
            hth_config_set(overrides, flags[i][1], value, "command line", &error) != HTH_OK)
            return cli_fail(&error);
    }
    if (*count) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "which run? %s, with the folder of a run", usage);
}

/* The run's own settings decide which of the two programs can read its numbers. */
int cli_match_run(const cli_arguments *arguments, const char *run) {
    char path[HTH_PATH_LENGTH], folder[HTH_PATH_LENGTH];
    bool by_file;
    hth_config *config;
    hth_error error;
    if (hth_online_is_snapshot(run))
        return cli_complain(CLI_BAD_INPUT,
                            "%s is a snapshot of 'hitherto stream', and no run: 'hitherto stream "
                            "--load %s' goes on with it, and 'hitherto train --from %s' begins a "
                            "run with its parameters",
                            run, run, run);
    if (hth_rundir_of(run, folder, &by_file, &error) != HTH_OK ||
        hth_rundir_file(folder, "settings.yaml", path, &error) != HTH_OK)
        return cli_fail(&error);
    if (hth_config_create(&config, &error) != HTH_OK) return cli_fail(&error);
    int code = CLI_OK;
    if (hth_config_load(config, path, &error) != HTH_OK)
        code = cli_complain(CLI_BAD_INPUT, "%s is not the folder of a run: %s", run, error.message);
    else
        code = cli_match_precision(arguments, config);
    hth_config_destroy(config);
    return code;
}

static int evaluate(const cli_arguments *arguments, hth_config *overrides) {
    const char *run, *split = cli_value(arguments, "--split");
    size_t count;
    /* The run, read by the program of its precision. */
    int code = cli_find_runs(arguments, overrides, "hitherto eval RUN", &run, 1, &count);
    if (code == CLI_OK) code = cli_match_run(arguments, run);
    if (code != CLI_OK) return code;
    /* One pass over the split. */
    cli_progress progress;
    cli_progress_start(&progress, 5);
    cli_catch_interrupts();
    const hth_observer observer = {.progress = cli_progress_show,
                                   .message = cli_progress_message,
                                   .context = &progress,
                                   .interrupted = &cli_interrupted,
                                   .reading = cli_progress_reading};
    const hth_settings settings = hth_config_settings(overrides);
    hth_score score;
    hth_error error;
    if (!split) split = "test";
    hth_confusion confusion = {0};
    const bool classes = cli_value(arguments, "--classes") || cli_value(arguments, "--confusion");
    if (hth_evaluate_classes(run, split, &settings, &observer, &score, classes ? &confusion : NULL,
                             &error) != HTH_OK)
        return cli_fail(&error);
    /* Its loss, and the classes where they are asked for. */
    code = cli_interrupted ? CLI_INTERRUPTED : print_score(split, &score);
    if (code == CLI_OK) code = tell_classes(arguments, &confusion);
    hth_confusion_destroy(&confusion);
    return code;
}

int cli_eval(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    int code = evaluate(arguments, overrides);
    hth_config_destroy(overrides);
    return code;
}
