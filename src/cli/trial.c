/*
 * One trial of a trained network, as a picture and as numbers: hitherto plot --trial, and what hitherto train ends
 * with.
 */
#include "watch/trial.h"
#include "cli/cli.h"
#include "cli/figure.h"
#include "watch/episode.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_UNITS = 8,
    DEFAULT_UNITS = 3,
    FROM_INPUTS = 6,
    FROM_UNITS = 6,
    MOST_SYNAPSES = MOST_UNITS * (FROM_INPUTS + FROM_UNITS)
};

typedef struct request {
    const char *run, *split, *picture, *csv;
    const char *units, *synapses;          /* as typed; NULL: chosen here */
    uint64_t layer, sequence, from, steps; /* steps 0: to the end */
    bool top_layer, brief;
} request;

typedef struct choice {
    size_t units[MOST_UNITS], unit_count;
    hth_synapse synapses[MOST_SYNAPSES];
    size_t synapse_count;
} choice;

/* ---- Choosing ----------------------------------------------------------------------------------- */

static int read_units(const request *q, const hth_trial *t, choice *c) {
    bool good = cli_read_numbers(q->units, c->units, MOST_UNITS, &c->unit_count);
    for (size_t i = 0; good && i < c->unit_count; i++) good = c->units[i] < t->of.units;
    if (good) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --units is '%s', but must be at most %d units of 0..%zu, with "
                        "commas between",
                        q->units, MOST_UNITS, t->of.units - 1);
}

/* "x3:5,7:5": from input 3 and from unit 7 to unit 5. */
static int read_synapses(const request *q, const hth_trial *t, choice *c) {
    const char *at = q->synapses;
    const size_t n = t->of.units;
    char *end;
    for (c->synapse_count = 0; c->synapse_count < MOST_UNITS; at = end + 1) {
        const bool input = *at == 'x';
        const unsigned long long from = strtoull(at + input, &end, 10);
        if (end == at + input || *end != ':' || from >= (input ? t->of.inputs : n)) break;
        at = end + 1;
        const unsigned long long to = strtoull(at, &end, 10);
        if (end == at || to >= n) break;
        c->synapses[c->synapse_count++] = (hth_synapse){(size_t)to, (size_t)from + (input ? n : 0)};
        if (!*end) return CLI_OK;
        if (*end != ',') break;
    }
    return cli_complain(CLI_BAD_INPUT,
                        "option --synapses is '%s', but must be at most %d of FROM:TO with commas "
                        "between, FROM a unit of 0..%zu or an input x0..x%zu, TO a unit",
                        q->synapses, MOST_UNITS, n - 1, t->of.inputs - 1);
}

/* Candidates: to each chosen unit from the inputs and the units that are the liveliest. */
static void choose_candidates(const hth_trial *t, choice *c) {
    size_t inputs[FROM_INPUTS], units[FROM_UNITS];
    const size_t n = t->of.units;
    const bool has_inputs = t->x.count == t->of.inputs;
    const size_t input_count = has_inputs ? hth_trial_liveliest(t, t->x, FROM_INPUTS, inputs) : 0;
    const size_t count = hth_trial_liveliest(t, t->z, FROM_UNITS, units);
    c->synapse_count = 0;
    for (size_t i = 0; i < c->unit_count; i++) {
        const size_t to = c->units[i];
        for (size_t k = 0; k < input_count; k++)
            c->synapses[c->synapse_count++] = (hth_synapse){to, n + inputs[k]};
        for (size_t k = 0; k < count; k++)
            if (units[k] != to) c->synapses[c->synapse_count++] = (hth_synapse){to, units[k]};
    }
}

static int choose(const request *q, const hth_trial *t, choice *c) {
    int code = CLI_OK;
    if (q->units)
        code = read_units(q, t, c);
    else
        c->unit_count = hth_trial_liveliest(t, t->z, DEFAULT_UNITS, c->units);
    if (code != CLI_OK) return code;
    if (q->synapses) return read_synapses(q, t, c);
    choose_candidates(t, c);
    return CLI_OK;
}

/* Of the candidates those whose traces change most. */
static void keep_changing(const hth_trial *t, choice *c) {
    size_t best[MOST_UNITS];
    hth_synapse kept[MOST_UNITS];
    const size_t count = hth_trial_changing(t, c->unit_count, best);
    for (size_t i = 0; i < count; i++) kept[i] = c->synapses[best[i]];
    if (count) memcpy(c->synapses, kept, count * sizeof *kept);
    c->synapse_count = count ? count : c->unit_count; /* all are flat: any will do */
}

/* ---- Showing ------------------------------------------------------------------------------------ */

static figure *make_figure(const request *q, const hth_trial *t, const choice *c) {
    char title[400];
    snprintf(title, sizeof title, "%.200s: trial %llu of %s%s", q->run,
             (unsigned long long)q->sequence + 1, q->split,
             t->shape.layers > 1 && !q->top_layer ? ", a lower layer" : "");
    const cli_trial_picture picture = {t, title, c->units, c->unit_count, q->brief};
    return cli_trial_figure(&picture);
}

static int show(const request *q, const hth_trial *t, const choice *c) {
    hth_error error;
    if (q->csv && hth_trial_write_csv(t, q->csv, &error) != HTH_OK) return cli_fail(&error);
    if (!q->picture) return CLI_OK;
    figure *f = make_figure(q, t, c);
    const int code = figure_draw(f, q->picture);
    figure_destroy(f);
    return code;
}

static int record(const request *q, hth_recorder *recorder, const choice *c, hth_trial *trial) {
    hth_error error;
    hth_trial_free(trial);
    const hth_status status =
        hth_trial_record(recorder, (size_t)q->layer, q->sequence, q->from, q->steps, c->synapses,
                         c->synapse_count, trial, &error);
    return status == HTH_OK ? CLI_OK : cli_fail(&error);
}

/* The trial is run again and again: to see which units are the liveliest, which synapses to them have traces that
 * change, and then with what is to be seen. */
static int record_chosen(request *q, hth_recorder *recorder, choice *c, hth_trial *trial) {
    const hth_record_shape shape = hth_recorder_shape(recorder);
    if (q->top_layer) q->layer = shape.layers - 1;
    if (!shape.has_signals && q->synapses)
        return cli_complain(CLI_BAD_INPUT, "there are no traces to show");
    int code = record(q, recorder, c, trial);
    if (code == CLI_OK) code = choose(q, trial, c);
    if (code == CLI_OK) code = record(q, recorder, c, trial);
    if (code != CLI_OK || q->synapses || !trial->trace.count) return code;
    keep_changing(trial, c);
    return record(q, recorder, c, trial);
}

static int run_trial(request *q, hth_recorder *recorder) {
    hth_trial trial = {0};
    choice c = {0};
    int code = record_chosen(q, recorder, &c, &trial);
    if (code == CLI_OK) code = show(q, &trial, &c);
    hth_trial_free(&trial);
    return code;
}

static int show_trial(request *q, const hth_settings *overrides) {
    const hth_record_plan plan = {.run = q->run,
                                  .split = q->split,
                                  .overrides = overrides,
                                  .signals = true,
                                  .most_steps = q->steps ? q->from + q->steps : 0};
    hth_recorder *recorder;
    hth_error error;
    if (hth_recorder_open(&plan, &recorder, &error) != HTH_OK) return cli_fail(&error);
    const int code = run_trial(q, recorder);
    hth_recorder_close(recorder);
    return code;
}

int cli_run_trial(const char *run, bool brief, hth_trial *trial, figure **f) {
    request q = {.run = run, .split = "validation", .top_layer = true, .brief = brief};
    const hth_record_plan plan = {.run = run, .split = q.split, .signals = true};
    hth_recorder *recorder;
    choice c = {0};
    *f = NULL;
    *trial = (hth_trial){0};
    if (hth_recorder_open(&plan, &recorder, NULL) != HTH_OK) return CLI_OK; /* no such data */
    const int code = record_chosen(&q, recorder, &c, trial);
    if (code == CLI_OK) *f = make_figure(&q, trial, &c);
    hth_recorder_close(recorder);
    return code;
}

/* ---- The commands ------------------------------------------------------------------------------- */

int cli_whole(const cli_arguments *arguments, const char *flag, uint64_t least, uint64_t fallback,
              uint64_t *out) {
    const char *text = cli_value(arguments, flag);
    char *end;
    *out = fallback;
    if (!text) return CLI_OK;
    const double value = strtod(text, &end);
    if (end != text && !*end && value >= (double)least && value <= 1e15 &&
        value == (double)(uint64_t)value) {
        *out = (uint64_t)value;
        return CLI_OK;
    }
    return cli_complain(CLI_BAD_INPUT,
                        "option %s is '%s', but must be a whole number of at least %llu", flag,
                        text, (unsigned long long)least);
}

/* --from and --to, or --from and --steps. */
static int read_range(const cli_arguments *arguments, request *q) {
    uint64_t to;
    int code = cli_whole(arguments, "--from", 0, 0, &q->from);
    if (code == CLI_OK) code = cli_whole(arguments, "--to", 1, 0, &to);
    if (code != CLI_OK || !cli_value(arguments, "--to")) return code;
    if (cli_value(arguments, "--steps"))
        return cli_complain(CLI_BAD_INPUT,
                            "--to and --steps both say where the picture ends: give one");
    if (to <= q->from)
        return cli_complain(CLI_BAD_INPUT,
                            "option --to is '%llu', but must be more than --from, %llu",
                            (unsigned long long)to, (unsigned long long)q->from);
    q->steps = to - q->from;
    return CLI_OK;
}

static int read_request(const cli_arguments *arguments, request *q) {
    const char *split = cli_value(arguments, "--split");
    q->split = split ? split : "validation";
    q->picture = cli_value(arguments, "--out");
    q->csv = cli_value(arguments, "--csv");
    q->units = cli_value(arguments, "--units");
    q->synapses = cli_value(arguments, "--synapses");
    q->top_layer = !cli_value(arguments, "--layer");
    int code = cli_whole(arguments, "--layer", 0, 0, &q->layer);
    if (code == CLI_OK) code = cli_whole(arguments, "--number", 1, 1, &q->sequence);
    if (code == CLI_OK) code = cli_whole(arguments, "--steps", 1, 0, &q->steps);
    if (code == CLI_OK) code = read_range(arguments, q);
    if (code != CLI_OK) return code;
    q->sequence--;
    if (!q->picture && !q->csv)
        return cli_complain(CLI_BAD_INPUT,
                            "a trial has too much in it for letters on a terminal: say with --out "
                            "FILE.svg, FILE.png or --csv FILE where it goes");
    return q->picture ? cli_check_picture(q->picture) : CLI_OK;
}

/* The same of a run of episodes, which has another picture and another table. */
static int plot_episode(const request *q, const hth_settings *overrides) {
    const char *idle = !q->top_layer ? "--layer"
                       : q->units    ? "--units"
                       : q->synapses ? "--synapses"
                       : q->from     ? "--from"
                       : q->steps    ? "--steps or --to"
                                     : NULL;
    const cli_episode_request all = {q->run, q->split, q->sequence, q->picture, q->csv, true};
    if (!idle) return cli_draw_episode(&all, overrides);
    return cli_complain(CLI_BAD_INPUT,
                        "%s is a run of episodes, of which all is shown: leave out %s (an episode "
                        "takes --split, --number, --out and --csv)",
                        q->run, idle);
}

int cli_plot_trial(const cli_arguments *arguments) {
    request q = {0};
    hth_config *overrides;
    hth_error error;
    size_t count;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    int code = cli_find_runs(arguments, overrides, "hitherto plot --trial RUN", &q.run, 1, &count);
    if (code == CLI_OK) code = read_request(arguments, &q);
    if (code == CLI_OK) code = cli_match_run(arguments, q.run);
    const hth_settings settings = hth_config_settings(overrides);
    if (code == CLI_OK && hth_is_run_of_episodes(q.run)) {
        code = plot_episode(&q, &settings);
        hth_config_destroy(overrides);
        return code;
    }
    if (code == CLI_OK) code = show_trial(&q, &settings);
    if (code == CLI_OK && q.picture) cli_say(stdout, "%s\n", q.picture);
    if (code == CLI_OK && q.csv) cli_say(stdout, "%s\n", q.csv);
    hth_config_destroy(overrides);
    return code;
}

int cli_trial_after_training(const char *run, const hth_config *config, bool *drawn,
                             bool *watchable) {
    char path[4096];
    const bool wanted = strcmp(cli_setting(config, "train.picture"), "true") == 0;
    *drawn = *watchable = false;
    snprintf(path, sizeof path, "%s/trial.svg", run);
    request q = {.run = run, .split = "validation", .picture = path, .top_layer = true};
    const hth_record_plan plan = {.run = run, .split = q.split, .signals = true};
    hth_recorder *recorder;
    hth_episode episode;
    if (hth_is_run_of_episodes(run)) {
        /* A task of validation is there, or none is to be seen. */
        *watchable = hth_episode_record(run, q.split, NULL, 0, &episode, NULL) == HTH_OK;
        if (*watchable) hth_episode_free(&episode);
        const cli_episode_request all = {.run = run, .split = q.split, .picture = path};
        *drawn = *watchable && wanted && cli_draw_episode(&all, NULL) == CLI_OK;
        return CLI_OK;
    }
    if (hth_recorder_open(&plan, &recorder, NULL) != HTH_OK) return CLI_OK; /* no such data */
    const bool values = hth_recorder_shape(recorder).stream.target == HTH_TARGET_VALUES;
    int code = CLI_OK;
    *watchable = true;
    if (wanted && values) {
        code = run_trial(&q, recorder);
        *drawn = code == CLI_OK;
    }
    hth_recorder_close(recorder);
    return code;
}
