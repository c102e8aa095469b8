/* The command line: the only room that prints. Commands are one file each; commands.c has their table,
 * help.c their texts. */
#ifndef HTH_CLI_H
#define HTH_CLI_H

#include "files/observer.h"
#include "settings/config.h"
#include "tasks/catalogues.h"

#include <stdarg.h>
#include <stdio.h>

/* What a shell sees. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_BAD_INPUT = 2,
    CLI_PROVED_NOTHING = 3,
    CLI_INTERRUPTED = 130
};

typedef struct cli_flag {
    const char *name; /* "--out" */
    const char *
        value; /* what it takes, as in the help: "DIR"; NULL: it is a switch. FILE is one that it writes */
    const char *help;
} cli_flag;

enum { CLI_MAX_FLAGS = 20 };

typedef struct cli_arguments cli_arguments;

typedef struct cli_command {
    const char *name;
    const char *usage;   /* behind the name: "[SETTINGS.yaml] [key=value]..." */
    const char *summary; /* one line */
    const char *text;    /* paragraphs; lines that begin with two spaces are shown as they are */
    cli_flag flags[CLI_MAX_FLAGS]; /* until the first without a name */
    int (*run)(const cli_arguments *arguments);
} cli_command;

/* A parsed command line. */
struct cli_arguments {
    const cli_command *command;
    char **argv;                       /* whole, for handing over to the other program */
    const char *values[CLI_MAX_FLAGS]; /* of the command's flags; NULL: not given */
    const char **words;                /* what is not a flag */
    size_t word_count;
};

/* ---- commands.c, help.c, man.c, completion.c --------------------------------------------------------------------- */

const cli_command *cli_commands(size_t *count);
void cli_print_help(FILE *out, const cli_command *command); /* NULL: of the program */
void cli_print_man(FILE *out, const cli_command *command);  /* NULL: of the program */
int cli_write_man(
    const char *folder); /* all pages, each in a file; complains and returns the exit code */
void cli_print_completion(FILE *out); /* a script for bash */

int cli_train(const cli_arguments *arguments);
int cli_eval(const cli_arguments *arguments);
int cli_predict(const cli_arguments *arguments);
int cli_record(const cli_arguments *arguments);
int cli_dream(const cli_arguments *arguments);
int cli_stream(const cli_arguments *arguments);
int cli_check(const cli_arguments *arguments);
int cli_list(const cli_arguments *arguments);
int cli_list_rules(const cli_arguments *arguments);    /* list --rules */
int cli_list_schema(void);                             /* list settings --schema */
int cli_list_learners(const cli_arguments *arguments); /* list --cost, --plausibility */
int cli_list_embedded(const hth_config *config);       /* list --cost --embedded */
int cli_inspect(const cli_arguments *arguments);
int cli_plot(const cli_arguments *arguments);
int cli_probe(const cli_arguments *arguments);
int cli_lesion(const cli_arguments *arguments);
int cli_dynamics(const cli_arguments *arguments);
int cli_fields(const cli_arguments *arguments);
int cli_report(const cli_arguments *arguments);
int cli_export(const cli_arguments *arguments);
int cli_compare(const cli_arguments *arguments);
int cli_help(const cli_arguments *arguments);
int cli_version(const cli_arguments *arguments);

/* ---- arguments.c ---------------------------------------------------------------------------- */

/* Runs the command that argv names; returns the exit code. */
int cli_main(int argc, char **argv);
/* The value of a flag of the command, "" for a switch that is on, NULL when it is not given. */
const char *cli_value(const cli_arguments *arguments, const char *flag);
bool cli_is_assignment(const char *word);
/* "0,7..9": numbers, and ranges with both ends, into out[most]. False for another text, and where they are more. */
bool cli_read_numbers(const char *text, size_t out[], size_t most, size_t *count);
bool cli_ends_in(const char *path, const char *ending);

/* ---- settings.c ----------------------------------------------------------------------------- */

bool cli_is_folder(const char *path);
/* The settings.yaml of a run, which is named by its folder or a checkpoint in it, in path[size]. False: there is none. */
bool cli_run_settings(const char *run, char *path, size_t size);
/* Which settings of the run that another begins with were left out, if any: a line on the standard error. */
void cli_tell_left(const hth_config *config);

/* Settings from the files among the words, where the folder of a run stands for its settings.yaml, then the key=value,
 * then --seed and --threads; checked. `first_file` (may be NULL) is read before all. Prints and returns the code. */
int cli_read_settings(const cli_arguments *arguments, const char *first_file, hth_config **out);
/* The same, unchecked: for whoever makes several runs of them. */
int cli_load_settings(const cli_arguments *arguments, hth_config **out);
/* --progress-every in seconds; negative when --quiet. Prints and returns the exit code. */
int cli_read_interval(const cli_arguments *arguments, double *every);
/* "experiments/add.yaml" -> "add"; without a file the name of the task or the reader. */
void cli_name_run(const cli_arguments *arguments, const hth_config *config, char *out, size_t size);
/* The text of a setting, or its default, or "". */
const char *cli_setting(const hth_config *config, const char *key);

/* ---- precision.c ---------------------------------------------------------------------------- */

/* Replaces this program by the one that computes in double precision; returns, after a message, only
 * when that cannot be. In the double-precision program: CLI_OK at once. */
int cli_need_double(const cli_arguments *arguments);
/* The same when the settings ask for it. */
int cli_match_precision(const cli_arguments *arguments, const hth_config *config);

/* The folder that has the core's sources and the templates of exports, to out[size]. Prints and returns the code. */
int cli_find_sources(char *out, size_t size);

/* ---- progress.c ----------------------------------------------------------------------------- */

typedef struct cli_progress {
    bool terminal;
    double every; /* seconds between plain lines; negative: none */
    double last;  /* when the last line came, seconds of the monotonic clock */
    hth_progress latest;
    bool any;           /* latest is filled */
    const char *counts; /* of cli_look_on: "trial" */
    size_t line_length;
} cli_progress;

void cli_progress_start(cli_progress *progress, double every);
void cli_progress_show(void *context, const hth_progress *progress); /* an observer's progress */
void cli_progress_message(void *context, const char *sentence);      /* an observer's message */
void cli_progress_reading(void *context, bool reading); /* meanwhile a signal ends the program */
void cli_progress_clear(cli_progress *progress); /* takes the line away: another text comes */
void cli_progress_end(cli_progress *progress);   /* the last state, a line */
/* Shows a line of one's own in the same ways; only when one is due, unless `last`. */
void cli_progress_put(cli_progress *progress, const char *line, bool last);
/* The observer of a command that looks inside runs. It tells "trial 3/20" where `counts` is "trial", nothing of this
 * with --quiet, and Ctrl-C interrupts. */
typedef struct cli_onlooker {
    hth_observer observer;
    cli_progress progress;
} cli_onlooker;
const hth_observer *cli_look_on(cli_onlooker *onlooker, const cli_arguments *arguments,
                                const char *counts);
extern volatile sig_atomic_t cli_interrupted;
void cli_catch_interrupts(void);

/* ---- gnuplot.c ------------------------------------------------------------------------------ */

void cli_put_quoted(FILE *out, const char *text);
/* Where gnuplot draws: a PNG, so many lines high where 900 are its width, or NULL for letters on the terminal. */
void cli_put_terminal_of(FILE *out, const char *path, int lines);
/* Whether a path ends as a picture does, .svg or .png; complains, as of option --out, where not. */
int cli_check_picture(const char *path);
bool cli_have_gnuplot(void);
/* Writes a script for gnuplot, which draws at `path`; NULL: on the terminal. */
typedef void (*cli_put_script)(FILE *out, const void *context, const char *path);
/* Draws a PNG, whole or not at all, or letters on the terminal; prints and returns the exit code. */
int cli_draw(const char *path, cli_put_script put_script, const void *context);

/* ---- compare_table.c, compare_curves.c -------------------------------------------------------- */

struct hth_comparison;
/* The table on the standard output and in the folder, as table.md, table.csv and speed.csv. */
int cli_compare_table(const struct hth_comparison *comparison, const char *folder);
/* The curves; NULL: no memory. figure_destroy it. */
struct figure *cli_compare_figure(const struct hth_comparison *comparison);
/* curves.csv, curves.svg and, with gnuplot, curves.png in the folder. */
int cli_compare_curves(const struct hth_comparison *comparison, const char *folder);
/* "rtrl, lr 1e-3" */
void cli_compare_label(const struct hth_comparison *comparison, size_t row, char *out, size_t size);
/* The setting's last word, or all of it where another one ends in the same. */
const char *cli_compare_key(const struct hth_comparison *comparison, size_t key);
/* Opens FOLDER/NAME under another name, for a comma-separated table; the second puts it in its place,
 * whole. */
FILE *cli_open_beside(const char *folder, const char *name);
int cli_close_beside(FILE *file, const char *folder, const char *name);
void cli_put_csv(FILE *out, const char *text); /* a cell, quoted where it must be */
void cli_put_exact(FILE *out, double value);   /* ",0.1": all digits; "," for no number */

/* ---- command_eval.c, trial.c, trial_picture.c -------------------------------------------------- */

/* The words that are no settings are runs, into runs[most]; the others, and --threads, are settings. `usage` says
 * what is right where there is no run. */
int cli_find_runs(const cli_arguments *arguments, hth_config *overrides, const char *usage,
                  const char *runs[], size_t most, size_t *count);
/* Hands over to the program of the run's precision. */
int cli_match_run(const cli_arguments *arguments, const char *run);
/* A whole number of at least `least`; absent: `fallback`. */
int cli_whole(const cli_arguments *arguments, const char *flag, uint64_t least, uint64_t fallback,
              uint64_t *out);

/* Loss or metric of a run over its steps; NULL: there is nothing to draw. */
struct figure *cli_run_curves(const char *run, bool metric);
/* The lines that the task of a run knows of its "loss" or "metric"; 0 where its settings cannot be read. */
size_t cli_run_references(const char *run, const char *quantity,
                          hth_reference out[HTH_MOST_REFERENCES]);
int cli_plot_trial(const cli_arguments *arguments);  /* plot --trial */
struct figure *cli_phases_figure(const char *run);   /* NULL: it has none */
int cli_plot_phases(const cli_arguments *arguments); /* phases_picture.c: plot --phases */
int cli_plot_reach(const cli_arguments *arguments);  /* reach_picture.c: plot --reach */
/* RUN/trial.svg after training; *drawn: there is one; *watchable: there is a trial to draw (a validation split, a
 * network that runs forward). Silent where the task or the machine has no picture. */
int cli_trial_after_training(const char *run, const hth_config *config, bool *drawn,
                             bool *watchable);
/* episode_picture.c: of a run of episodes. An episode over time, and its path in the plane (NULL: its places are in
 * none); they point into the episode. NULL also: no memory. */
struct hth_episode;
struct figure *cli_episode_figure(const struct hth_episode *episode, const char *title);
struct figure *cli_plane_figure(const struct hth_episode *episode, const char *title);
/* Task `number` (from 0) of a split, drawn as both, `picture` and PICTURE-plane beside it, and its numbers as CSV. NULL:
 * not wanted. Prints the names of the files if `says`. */
typedef struct cli_episode_request {
    const char *run, *split;
    uint64_t number;
    const char *picture, *csv;
    bool says;
} cli_episode_request;
int cli_draw_episode(const cli_episode_request *request, const hth_settings *overrides);

struct hth_trial;
/* Chosen units and, by the trial's own list, synapses. */
typedef struct cli_trial_picture {
    const struct hth_trial *trial;
    const char *title;
    const size_t *units;
    size_t unit_count;
    bool brief; /* units and outputs alone */
} cli_trial_picture;
/* It points into the trial. NULL: no memory. */
struct figure *cli_trial_figure(const cli_trial_picture *picture);
/* A picture of the first validation trial of a run, brief or whole: *trial and *figure, NULL where there is none to
 * see. hth_trial_free and figure_destroy them. */
int cli_run_trial(const char *run, bool brief, struct hth_trial *trial, struct figure **figure);

/* ---- summary.c ------------------------------------------------------------------------------ */

struct cJSON;
/* A run's summary.json, and the last line of its metrics.jsonl; NULL: there is none. cJSON_Delete them. */
struct cJSON *cli_read_json(const char *path);
struct cJSON *cli_read_summary(const char *run);
struct cJSON *cli_read_latest(const char *run);
/* The rows of a run's summary.json; false if there is none. */
bool cli_print_summary(const char *run);
/* The last report of a run that has not ended. */
void cli_print_latest(const char *run);

/* ---- print.c -------------------------------------------------------------------------------- */

/* How this program was called, argv[0]: the commands that it prints can then be run as they stand. */
void cli_called(const char *name);
/* What comes from settings and files goes to a terminal by these alone: control characters, which may be orders to it,
 * are shown as \x1b. cli_say also writes "hitherto plot" and the other commands as this program was called. A text is
 * cut after 8191 bytes. */
void cli_visible(char *out, size_t size, const char *text); /* in one line */
void cli_say(FILE *out, const char *format, ...) HTH_PRINTF(2, 3);
void cli_say_list(FILE *out, const char *format, va_list arguments) HTH_PRINTF(2, 0);
/* "hitherto: <sentence>" on stderr; returns code. */
int cli_complain(int code, const char *format, ...) HTH_PRINTF(2, 3);
/* The same for an error of the library; the code follows from its status. */
int cli_fail(const hth_error *error);
void cli_format_time(char *out, size_t size, double seconds);
void cli_format_count(char *out, size_t size, double count); /* 1234567 -> "1.23 M" */
void cli_format_bytes(char *out, size_t size, double bytes);
/* "  name      value" on the standard output. */
void cli_print_row(const char *name, const char *format, ...) HTH_PRINTF(2, 3);
/* Columns and lines of the terminal that a file is; 100 by 30 if it is none. */
void cli_terminal_size(FILE *file, int *columns, int *lines);
/* Prints text, folded at width, each line behind `indent` spaces. */
void cli_print_folded(FILE *out, const char *text, int indent, int width);

#endif
