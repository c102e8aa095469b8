/* hitherto dream: a trained network goes on by itself; text, or a line of numbers a step. */
#include "cli/cli.h"
#include "files/draft.h"
#include "watch/dream.h"

#include <stdlib.h>
#include <string.h>

static void say(void *context, const char *sentence) {
    (void)context;
    cli_say(stderr, "%s\n", sentence);
}

/* A temperature of at least 0. */
static int read_temperature(const cli_arguments *arguments, double *out) {
    const char *text = cli_value(arguments, "--temperature");
    char *end;
    *out = 1;
    if (!text) return CLI_OK;
    *out = strtod(text, &end);
    if (end != text && !*end && *out >= 0 && *out < 1e6) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --temperature is '%s', but must be a number of at least 0", text);
}

/* Text of tokens that are; tokens that are none, a number a line; values, a line a step. */
static void put(FILE *out, const hth_dreamt *now) {
    if (now->text[0]) {
        fputs(now->text, out);
        return;
    }
    if (now->token >= 0) {
        fprintf(out, "%d\n", (int)now->token);
        return;
    }
    if (now->step == 0) {
        fprintf(out, "step");
        for (size_t k = 0; k < now->count; k++) fprintf(out, ",y%zu", k);
        fputc('\n', out);
    }
    fprintf(out, "%llu", (unsigned long long)now->step);
    for (size_t k = 0; k < now->count; k++) fprintf(out, ",%.9g", (double)now->outputs[k]);
    fputc('\n', out);
}

/* Steps of the dream, until it is interrupted. */
static hth_status put_all(hth_dream *dream, uint64_t steps, FILE *out, hth_error *error) {
    hth_dreamt now = {.text = ""};
    for (uint64_t t = 0; t < steps && !cli_interrupted; t++) {
        HTH_TRY(hth_dream_next(dream, &now, error));
        put(out, &now);
    }
    if (now.text[0] && !strchr(now.text, '\n')) fputc('\n', out);
    return HTH_OK;
}

static int write_to(const char *path, hth_dream *dream, uint64_t steps) {
    hth_draft draft;
    hth_error error;
    if (!path) {
        if (put_all(dream, steps, stdout, &error) != HTH_OK) return cli_fail(&error);
        return cli_interrupted ? CLI_INTERRUPTED : CLI_OK;
    }
    if (hth_draft_begin(path, &draft, &error) != HTH_OK) return cli_fail(&error);
    hth_error why;
    const hth_status status = put_all(dream, steps, draft.file, &why);
    const bool whole = status == HTH_OK && !cli_interrupted;
    const hth_status ended = hth_draft_end(&draft, whole, &error);
    if (status != HTH_OK) return cli_fail(&why);
    if (cli_interrupted) return CLI_INTERRUPTED;
    if (ended != HTH_OK) return cli_fail(&error);
    cli_say(stdout, "%llu step%s: %s\n", (unsigned long long)steps, steps == 1 ? "" : "s", path);
    return CLI_OK;
}

static int run(const cli_arguments *arguments, hth_config *overrides) {
    const hth_observer observer = {.message = say, .reading = cli_progress_reading};
    const char *name, *split = cli_value(arguments, "--split");
    hth_dream_plan plan = {.of.observer = &observer};
    hth_dream *dream;
    hth_error error;
    uint64_t steps;
    size_t count;
    /* The run, the settings for this pass, and the options. */
    int code = cli_find_runs(arguments, overrides, "hitherto dream RUN", &name, 1, &count);
    if (code == CLI_OK) code = read_temperature(arguments, &plan.temperature);
    if (code == CLI_OK) code = cli_match_run(arguments, name);
    if (code == CLI_OK) code = cli_whole(arguments, "--steps", 1, 200, &steps);
    if (code == CLI_OK) code = cli_whole(arguments, "--prime", 0, 50, &plan.prime);
    if (code == CLI_OK) code = cli_whole(arguments, "--seed", 0, 1, &plan.seed);
    if (code != CLI_OK) return code;
    /* The dream. */
    const hth_settings settings = hth_config_settings(overrides);
    plan.of.run = name;
    plan.of.split = split ? split : "test";
    plan.of.overrides = &settings;
    cli_catch_interrupts();
    if (hth_dream_open(&plan, &dream, &error) != HTH_OK) return cli_fail(&error);
    code = write_to(cli_value(arguments, "--out"), dream, steps);
    hth_dream_close(dream);
    return code;
}

int cli_dream(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    const int code = run(arguments, overrides);
    hth_config_destroy(overrides);
    return code;
}
