/* hitherto predict and hitherto record: what a trained network says and does, as arrays in a file. */
#include "cli/cli.h"
#include "watch/recording.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SYNAPSES = 1000 };

static int check_out(const cli_arguments *arguments, bool inside) {
    const char *out = cli_value(arguments, "--out");
    if (!out)
        return cli_complain(CLI_BAD_INPUT, "where to? give --out FILE.npz%s",
                            inside ? "" : " or --out FILE.csv");
    if (cli_ends_in(out, ".npz") || (!inside && cli_ends_in(out, ".csv"))) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option --out is '%s', but must end in .npz%s", out,
                        inside ? "" : " or .csv");
}

/* "ROW:COLUMN,ROW:COLUMN" of layer<l>.weight. */
static int read_synapses(const char *text, hth_synapse *out, size_t *count) {
    *count = 0;
    for (const char *at = text; text; at++) {
        char *end;
        const unsigned long long row = strtoull(at, &end, 10);
        if (end == at || *end != ':' || *count == MOST_SYNAPSES) break;
        at = end + 1;
        const unsigned long long from = strtoull(at, &end, 10);
        if (end == at) break;
        out[(*count)++] = (hth_synapse){(size_t)row, (size_t)from};
        if (!*end) return CLI_OK;
        if (*end != ',') break;
        at = end;
    }
    if (!text) return CLI_OK;
    return cli_complain(
        CLI_BAD_INPUT,
        "option --synapses is '%s', but must be at most %d of ROW:COLUMN with commas "
        "between, of the layer's weight matrix",
        text, MOST_SYNAPSES);
}

static void say(void *context, const char *sentence) {
    (void)context;
    cli_say(stderr, "%s\n", sentence);
}

static int write_recording(const cli_arguments *arguments, hth_recording_plan *plan) {
    const char *out = cli_value(arguments, "--out");
    hth_recording_size size;
    hth_error error;
    bool stopped;
    cli_catch_interrupts();
    const hth_watch watch = {.stop = &cli_interrupted};
    const hth_observer observer = {.message = say, .reading = cli_progress_reading};
    plan->of.observer = &observer;
    if (hth_recording_write(plan, out, &watch, &size, &stopped, &error) != HTH_OK)
        return cli_fail(&error);
    if (stopped) return CLI_INTERRUPTED;
    printf("%zu sequence%s of %s%zu steps: %s\n", size.sequences, size.sequences == 1 ? "" : "s",
           size.sequences == 1 ? "" : "at most ", size.steps, out);
    return CLI_OK;
}

static int run(const cli_arguments *arguments, bool inside, hth_config *overrides) {
    hth_synapse synapses[MOST_SYNAPSES];
    hth_recording_plan plan = {.inside = inside, .synapses = synapses, .of.signals = inside};
    const char *name, *split = cli_value(arguments, "--split");
    uint64_t layer = 0;
    size_t count;
    /* The run, the settings for this pass, and the options. */
    int code =
        cli_find_runs(arguments, overrides, inside ? "hitherto record RUN" : "hitherto predict RUN",
                      &name, 1, &count);
    if (code == CLI_OK) code = check_out(arguments, inside);
    if (code == CLI_OK) code = cli_match_run(arguments, name);
    if (code == CLI_OK) code = cli_whole(arguments, "--trials", 1, inside ? 1 : 0, &plan.trials);
    if (code == CLI_OK) code = cli_whole(arguments, "--steps", 1, 0, &plan.of.most_steps);
    if (code == CLI_OK && inside) code = cli_whole(arguments, "--layer", 0, 0, &layer);
    if (code == CLI_OK && inside)
        code = read_synapses(cli_value(arguments, "--synapses"), synapses, &plan.synapse_count);
    if (code != CLI_OK) return code;
    const hth_settings settings = hth_config_settings(overrides);
    plan.of.run = name;
    plan.of.split = split ? split : inside ? "validation" : "test";
    plan.of.overrides = &settings;
    plan.layer = (size_t)layer;
    return write_recording(arguments, &plan);
}

static int with_overrides(const cli_arguments *arguments, bool inside) {
    hth_config *overrides;
    hth_error error;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    const int code = run(arguments, inside, overrides);
    hth_config_destroy(overrides);
    return code;
}

int cli_predict(const cli_arguments *arguments) {
    return with_overrides(arguments, false);
}

int cli_record(const cli_arguments *arguments) {
    return with_overrides(arguments, true);
}
