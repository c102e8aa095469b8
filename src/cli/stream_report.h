/* How a stream fares: lines of JSON along the way, and a table at the end. */
#ifndef HTH_STREAM_REPORT_H
#define HTH_STREAM_REPORT_H

#include "cli/cli.h"
#include "run/online.h"

/* Times of rows are counted in classes, four to a doubling, from 1 ns on. */
enum { CLI_TIME_CLASSES = 160 };

typedef struct cli_stream_report {
    FILE *file; /* NULL: none */
    const char *path;
    uint64_t every; /* rows between two lines */
    uint64_t rows;  /* of this call */
    double began;
    uint64_t times[CLI_TIME_CLASSES];
    cli_progress progress;
} cli_stream_report;

/* Reads --score, --score-every and --progress-every; prints and returns the exit code. */
int cli_stream_report_begin(cli_stream_report *report, const cli_arguments *arguments);
/* Counts a row that took so long, and writes a line if one is due. Complains and returns false if it cannot. */
bool cli_stream_report_row(cli_stream_report *report, const hth_online *online, double seconds);
/* The last line of scores, whole. ends: the stream has come to its end, and no error broke it off. Complains and returns
 * false if the line cannot be written. */
bool cli_stream_report_last(cli_stream_report *report, const hth_online *online, bool ends);
/* The table. */
void cli_stream_report_sum(const cli_stream_report *report, const hth_online *online);
void cli_stream_report_end(cli_stream_report *report);

#endif
