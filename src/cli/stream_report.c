/* Scores of a stream, for programs and for people. */
#include "cli/stream_report.h"

#include "files/clock.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const forecasters[] = {"network", "persistence", "mean"};
static const char *const views[] = {"all", "window", "fading"};

/* ---- Times -------------------------------------------------------------------------------- */

static size_t time_class(double seconds) {
    int exponent;
    const double fraction = frexp(fmax(seconds * 1e9, 1), &exponent); /* 0.5 to 1 */
    const double quarter = fraction < 0.5946   ? 0
                           : fraction < 0.7071 ? 1
                           : fraction < 0.8409 ? 2
                                               : 3;
    const double number = 4 * (exponent - 1) + quarter;
    return number < CLI_TIME_CLASSES ? (size_t)number : CLI_TIME_CLASSES - 1;
}

/* In microseconds: the end of the class that holds this share of the rows. */
static double time_of_share(const cli_stream_report *r, double share) {
    uint64_t sum = 0;
    for (size_t i = 0; i < CLI_TIME_CLASSES && r->rows > 0; i++) {
        sum += r->times[i];
        if ((double)sum >= share * (double)r->rows) return 1e-3 * pow(2, (double)(i + 1) / 4);
    }
    return NAN;
}

static double rate(const cli_stream_report *r) {
    const double seconds = hth_clock() - r->began;
    return seconds > 0 ? (double)r->rows / seconds : NAN;
}

/* ---- Lines of JSON ------------------------------------------------------------------------ */

static void put_number(FILE *file, const char *name, double value) {
    if (isfinite(value))
        fprintf(file, ", \"%s\": %.9g", name, value);
    else
        fprintf(file, ", \"%s\": null", name);
}

static void put_count(FILE *file, const char *name, uint64_t count) {
    fprintf(file, ", \"%s\": %llu", name, (unsigned long long)count);
}

/* What happened besides. */
static void put_events(FILE *file, const hth_online *online) {
    uint64_t drifted_at;
    const uint64_t drifts = hth_online_drifted(online, &drifted_at);
    put_count(file, "late_answers", hth_online_lost(online));
    put_count(file, "dropped_rows", hth_online_dropped(online));
    put_count(file, "renamed_rows", hth_rows_keys(hth_online_rows(online))->renamed);
    put_count(file, "drifts", drifts);
    put_count(file, "last_drift", drifted_at);
}

static bool put_line(cli_stream_report *r, const hth_online *online, bool ends) {
    const hth_online_score *score = hth_online_score_of(online);
    const bool classes = hth_rows_classes(hth_online_rows(online)) > 0;
    fprintf(r->file, "{\"row\": %llu, \"answers\": %.0f",
            (unsigned long long)hth_online_count(online), score->count);
    for (size_t v = 0; v < HTH_COUNT(views); v++) {
        const hth_row_errors mean = hth_online_score_mean(score, (hth_score_view)v);
        for (size_t f = 0; f < HTH_FORECASTERS; f++) {
            char name[80];
            snprintf(name, sizeof name, "%s_%s_%s", views[v], forecasters[f],
                     classes ? "log_loss" : "squared");
            if (!classes || f == HTH_OF_NETWORK)
                put_number(r->file, name, mean.of[f][HTH_ERROR_FINE]);
            snprintf(name, sizeof name, "%s_%s_%s", views[v], forecasters[f],
                     classes ? "wrong" : "absolute");
            put_number(r->file, name, mean.of[f][HTH_ERROR_PLAIN]);
        }
    }
    put_number(r->file, "rows_per_second", rate(r));
    put_number(r->file, "p50_us", time_of_share(r, 0.5));
    put_number(r->file, "p99_us", time_of_share(r, 0.99));
    put_events(r->file, online);
    fprintf(r->file, ", \"end\": %s}\n", ends ? "true" : "false");
    if (fflush(r->file) == 0 && !ferror(r->file)) return true;
    cli_complain(CLI_BAD_INPUT, "%s cannot be written: %s", r->path, strerror(errno));
    return false;
}

int cli_stream_report_begin(cli_stream_report *r, const cli_arguments *arguments) {
    double interval;
    r->path = cli_value(arguments, "--score");
    int code = cli_whole(arguments, "--score-every", 1, 1000, &r->every);
    if (code == CLI_OK) code = cli_read_interval(arguments, &interval);
    if (code != CLI_OK) return code;
    cli_progress_start(&r->progress, interval);
    if (!r->path) return CLI_OK;
    r->file = fopen(r->path, "ae");
    return r->file
               ? CLI_OK
               : cli_complain(CLI_BAD_INPUT, "%s cannot be written: %s", r->path, strerror(errno));
}

/* ---- For people --------------------------------------------------------------------------- */

static void show_progress(cli_stream_report *r, const hth_online *online) {
    const hth_row_errors mean = hth_online_score_mean(hth_online_score_of(online), HTH_SCORE_FADED);
    char line[200], rows[24], speed[24];
    cli_format_count(rows, sizeof rows, (double)hth_online_count(online));
    cli_format_count(speed, sizeof speed, rate(r));
    snprintf(line, sizeof line, "row %s  error %.4g  persistence %.4g  %s rows/s", rows,
             mean.of[HTH_OF_NETWORK][HTH_ERROR_PLAIN], mean.of[HTH_OF_LAST][HTH_ERROR_PLAIN],
             speed);
    cli_progress_put(&r->progress, line, false);
}

bool cli_stream_report_row(cli_stream_report *r, const hth_online *online, double seconds) {
    enum { LOOK = 64 }; /* rows between two looks at the clock */
    if (r->rows == 0) r->began = hth_clock() - seconds;
    r->times[time_class(seconds)]++;
    r->rows++;
    if (r->rows % LOOK == 0) show_progress(r, online);
    return !r->file || r->rows % r->every != 0 || put_line(r, online, false);
}

bool cli_stream_report_last(cli_stream_report *r, const hth_online *online, bool ends) {
    return !r->file || put_line(r, online, ends);
}

/* Rows of JSON that had not the keys of the first one. */
static void put_absent(const hth_rows *rows) {
    const hth_row_keys *keys = hth_rows_keys(rows);
    const size_t inputs = hth_rows_inputs(rows);
    char name[80];
    for (size_t i = 0; i < inputs + hth_rows_targets(rows); i++) {
        const uint64_t absent = hth_rows_absent(rows, i);
        bool told = false;
        if (i < inputs)
            hth_rows_input_name(rows, i, name, sizeof name);
        else
            hth_rows_target_name(rows, i - inputs, name, sizeof name);
        for (size_t k = 0; i >= inputs && k < inputs && !told; k++) {
            char input[80];
            hth_rows_input_name(rows, k, input, sizeof input);
            told = strcmp(input, name) == 0;
        }
        if (absent && !told)
            cli_say(stderr, "%llu row%s had no '%s'\n", (unsigned long long)absent,
                    absent == 1 ? "" : "s", name);
    }
    if (keys->renamed)
        cli_say(stderr, "%llu row%s lacked a key and had a new one, the first in line %llu: '%s'\n",
                (unsigned long long)keys->renamed, keys->renamed == 1 ? "" : "s",
                (unsigned long long)keys->number, keys->unknown);
}

void cli_stream_report_sum(const cli_stream_report *r, const hth_online *online) {
    const hth_online_score *score = hth_online_score_of(online);
    const bool classes = hth_rows_classes(hth_online_rows(online)) > 0;
    const uint64_t lost = hth_online_lost(online), dropped = hth_online_dropped(online);
    char memory[40], speed[24];
    cli_format_bytes(memory, sizeof memory, (double)hth_online_bytes(online));
    cli_format_count(speed, sizeof speed, rate(r));
    fprintf(stderr,
            "%llu rows, %.0f answers; %s rows/s, half of them within %.3g us, 99 %% within %.3g "
            "us; %s\n",
            (unsigned long long)hth_online_count(online), score->count, speed,
            time_of_share(r, 0.5), time_of_share(r, 0.99), memory);
    if (lost)
        fprintf(stderr,
                "%llu answers came too late: the row that they name was forgotten (data.late), or "
                "had its answer\n",
                (unsigned long long)lost);
    if (dropped)
        fprintf(stderr,
                "%llu rows were dropped: their name still waited for an answer, and they brought "
                "none\n",
                (unsigned long long)dropped);
    put_absent(hth_online_rows(online));
    if (score->count == 0) return;
    fprintf(stderr, "  %-28s %12s %12s %12s\n",
            classes ? "share of wrong classes" : "mean absolute error", "network",
            classes ? "last class" : "persistence", classes ? "most frequent" : "running mean");
    static const char *const titles[] = {"all answers", "the last 1000", "fading, 0.999"};
    for (size_t v = 0; v < HTH_COUNT(titles); v++) {
        const hth_row_errors mean = hth_online_score_mean(score, (hth_score_view)v);
        fprintf(stderr, "  %-28s", titles[v]);
        for (size_t f = 0; f < HTH_FORECASTERS; f++)
            fprintf(stderr, " %12.5g", mean.of[f][HTH_ERROR_PLAIN]);
        fputc('\n', stderr);
    }
    const hth_row_errors mean = hth_online_score_mean(score, HTH_SCORE_ALL);
    fprintf(stderr, "  %-28s", classes ? "log loss, all answers" : "mean squared error, all");
    for (size_t f = 0; f < (classes ? 1 : HTH_FORECASTERS); f++)
        fprintf(stderr, " %12.5g", mean.of[f][HTH_ERROR_FINE]);
    fputc('\n', stderr);
}

void cli_stream_report_end(cli_stream_report *r) {
    if (r->file) fclose(r->file);
}
