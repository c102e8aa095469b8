/*
 * What a run tells while it goes: on a terminal one line that is redrawn, otherwise a plain line every
 * few seconds. Both go to the standard error, so that results can be piped. Ctrl-C raises a flag that
 * the training loop reads.
 */
#include "cli/cli.h"
#include "kernels/level.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t cli_interrupted;

static void raise_flag(int number) {
    (void)number;
    cli_interrupted = 1;
}

/* A terminal that is closed ends no run that was begun with nohup. */
static void set_handler(void (*handler)(int), int flags) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before, action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < HTH_COUNT(numbers); i++) {
        const bool known = sigaction(numbers[i], NULL, &before) == 0;
        if (numbers[i] == SIGHUP && known && before.sa_handler == SIG_IGN) continue;
        sigaction(numbers[i], &action, NULL);
    }
}

/* The second signal finds the default again and ends the program at once. */
void cli_catch_interrupts(void) {
    set_handler(raise_flag, (int)SA_RESETHAND);
}

void cli_progress_reading(void *context, bool reading) {
    (void)context;
    if (reading)
        set_handler(SIG_DFL, 0);
    else
        cli_catch_interrupts();
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Results of a processor without fused multiply-add are not those of others. */
static void note_level(void) {
    if (hth_level_fuses(hth_level)) return;
    fprintf(stderr,
            "Note: level %s has no fused multiply-add, so its results differ in their last bits "
            "from those of other "
            "levels; HTH_LEVEL=plain computes theirs, slowly\n",
            hth_level_name());
}

void cli_progress_start(cli_progress *progress, double every) {
    note_level();
    *progress = (cli_progress){.terminal = isatty(STDERR_FILENO) != 0, .every = every};
    progress->last = now();
}

/* ---- The line ------------------------------------------------------------------------------ */

typedef struct text_line {
    char text[400];
    size_t length;
} text_line;

static void add(text_line *line, const char *piece) {
    int written = snprintf(line->text + line->length, sizeof line->text - line->length, "%s%s",
                           line->length ? "  " : "", piece);
    if (written > 0) line->length += (size_t)written;
    if (line->length >= sizeof line->text) line->length = sizeof line->text - 1;
}

static void add_count(text_line *line, const char *name, uint64_t at, uint64_t total) {
    char piece[80], a[24], b[24];
    cli_format_count(a, sizeof a, (double)at);
    cli_format_count(b, sizeof b, (double)total);
    snprintf(piece, sizeof piece, total ? "%s %s/%s" : "%s %s", name, a, b);
    add(line, piece);
}

static void add_value(text_line *line, const char *name, double value) {
    char piece[80];
    if (!isfinite(value)) return;
    snprintf(piece, sizeof piece, "%s %.4g", name, value);
    add(line, piece);
}

static void compose(text_line *line, const hth_progress *p) {
    char piece[80], rate[24];
    bool metric = p->metric && *p->metric && strcmp(p->metric, "none") != 0;
    if (p->epoch) add_count(line, "epoch", p->epoch, p->epochs_total);
    add_count(line, "step", p->step, p->steps_total);
    add_value(line, "loss", p->train_loss);
    if (metric) add_value(line, p->metric, p->train_metric);
    add_value(line, "validation",
              metric && isfinite(p->validation_metric) ? p->validation_metric : p->validation_loss);
    if (p->updates && p->updates != p->step) add_count(line, "updates", p->updates, 0);
    if (p->steps_per_second > 0) {
        cli_format_count(rate, sizeof rate, p->steps_per_second);
        snprintf(piece, sizeof piece, "%s steps/s", rate);
        add(line, piece);
    }
    if (p->eta_seconds >= 0.5 && isfinite(p->eta_seconds)) {
        cli_format_time(rate, sizeof rate, p->eta_seconds);
        snprintf(piece, sizeof piece, "ETA %s", rate);
        add(line, piece);
    }
}

/* Overwrites the line before, and what it had more. A line that is too wide would leave its rest on
 * the screen. */
static void redraw(cli_progress *progress, text_line *line) {
    int columns, lines;
    cli_terminal_size(stderr, &columns, &lines);
    if (line->length >= (size_t)columns) line->length = (size_t)columns - 1;
    line->text[line->length] = '\0';
    int blanks =
        progress->line_length > line->length ? (int)(progress->line_length - line->length) : 0;
    fprintf(stderr, "\r%s%*s", line->text, blanks, "");
    fflush(stderr);
    progress->line_length = line->length;
}

static void put_line(cli_progress *progress, text_line *line) {
    if (progress->terminal)
        redraw(progress, line);
    else
        fprintf(stderr, "%s\n", line->text);
}

static void show(cli_progress *progress) {
    text_line line = {.length = 0};
    compose(&line, &progress->latest);
    put_line(progress, &line);
}

void cli_progress_put(cli_progress *progress, const char *text, bool last) {
    text_line line = {.length = 0};
    const double time = now(), wait = progress->terminal ? 0.1 : progress->every;
    if (progress->every < 0 || (!last && time - progress->last < wait)) return;
    progress->last = time;
    add(&line, text);
    put_line(progress, &line);
    if (last && progress->terminal) fputc('\n', stderr);
    if (last) progress->line_length = 0;
}

/* Values that this report does not bring stay as they were. */
static void take(cli_progress *progress, const hth_progress *report) {
    hth_progress before = progress->latest;
    progress->latest = *report;
    if (!progress->any) return;
    hth_progress *p = &progress->latest;
    if (!isfinite(p->train_loss)) p->train_loss = before.train_loss;
    if (!isfinite(p->train_metric)) p->train_metric = before.train_metric;
    if (!isfinite(p->validation_loss)) p->validation_loss = before.validation_loss;
    if (!isfinite(p->validation_metric)) p->validation_metric = before.validation_metric;
}

void cli_progress_show(void *context, const hth_progress *report) {
    cli_progress *progress = context;
    double time = now(), wait = progress->terminal ? 0.1 : progress->every;
    take(progress, report);
    progress->any = true;
    if (progress->every < 0 || time - progress->last < wait) return;
    progress->last = time;
    show(progress);
}

void cli_progress_clear(cli_progress *progress) {
    if (progress->terminal && progress->line_length)
        fprintf(stderr, "\r%*s\r", (int)progress->line_length, "");
    progress->line_length = 0;
}

void cli_progress_message(void *context, const char *sentence) {
    cli_progress_clear(context);
    cli_say(stderr, "%s\n", sentence);
}

void cli_progress_end(cli_progress *progress) {
    if (progress->every < 0 || !progress->any) return;
    show(progress);
    if (progress->terminal) fputc('\n', stderr);
    progress->line_length = 0;
}

/* "trial 3/20" */
static void tick(void *context, uint64_t done, uint64_t all) {
    cli_progress *progress = context;
    char line[80];
    snprintf(line, sizeof line, "%s %llu/%llu", progress->counts, (unsigned long long)done,
             (unsigned long long)all);
    cli_progress_put(progress, line, done == all);
}

const hth_observer *cli_look_on(cli_onlooker *onlooker, const cli_arguments *arguments,
                                const char *counts) {
    cli_progress_start(&onlooker->progress, cli_value(arguments, "--quiet") ? -1 : 5);
    onlooker->progress.counts = counts;
    cli_catch_interrupts();
    onlooker->observer = (hth_observer){.message = cli_progress_message,
                                        .context = &onlooker->progress,
                                        .interrupted = &cli_interrupted,
                                        .reading = cli_progress_reading,
                                        .tick = tick};
    return &onlooker->observer;
}
