/* hitherto check: the gradients of the user's own settings against finite differences and BPTT. */
#include "cli/cli.h"

#include "check/check.h"

#include <math.h>
#include <string.h>

typedef struct check_table {
    size_t rows, held, failed, proved_nothing;
    size_t gradients; /* that held: held without the derivatives of a cell's table */
} check_table;

/* Each line of a text, indented. */
static void print_lines(const char *text) {
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        printf("    %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void print_row(void *context, const hth_check_row *row) {
    check_table *table = context;
    if (table->rows++ == 0)
        printf("%-38s %-22s %10s %12s %10s %10s\n", "claim", "block", "rel. error", "cosine",
               "tolerance", "deviation");
    /* A comparison that claims nothing is shown for its cosine. */
    char tolerance[24] = "-", deviation[24] = "-";
    bool claims = isfinite(row->tolerance);
    if (claims) snprintf(tolerance, sizeof tolerance, "%.0e", row->tolerance);
    if (isfinite(row->deviation)) snprintf(deviation, sizeof deviation, "%.2g", row->deviation);
    bool nothing = row->passed && isnan(row->cosine); /* both gradients are zero */
    printf("%-38s %-22s %10.2e %12.9f %10s %10s  %s\n", row->claim, row->block, row->relative_error,
           row->cosine, tolerance, deviation,
           !row->passed ? "FAILED"
           : nothing    ? "zero"
           : claims     ? "ok"
                        : "shown");
    if (row->worst) print_lines(row->worst);
    fflush(stdout);
    table->failed += !row->passed;
    table->held += row->passed && claims && !nothing;
    table->gradients += row->passed && claims && !nothing && !row->of_cell;
    table->proved_nothing += nothing;
}

static void print_warning(void *context, const char *sentence) {
    (void)context;
    fflush(stdout);
    cli_say(stderr, "%s\n", sentence);
}

/* The folder of a run, among the files of settings; NULL: none is given. */
static int find_run(const cli_arguments *arguments, const char **run) {
    *run = NULL;
    for (size_t i = 0; i < arguments->word_count; i++) {
        if (cli_is_assignment(arguments->words[i]) || !cli_is_folder(arguments->words[i])) continue;
        if (*run)
            return cli_complain(CLI_BAD_INPUT, "check takes one run, but '%s' and '%s' are given",
                                *run, arguments->words[i]);
        *run = arguments->words[i];
    }
    return CLI_OK;
}

static int check(const hth_config *config, const char *run, const char *out) {
    check_table table = {0};
    cli_catch_interrupts();
    const hth_observer observer = {
        .message = print_warning, .interrupted = &cli_interrupted, .reading = cli_progress_reading};
    hth_error error;
    hth_status status = hth_check(config, run, out, &observer, print_row, &table, &error);
    if (cli_interrupted) return CLI_INTERRUPTED;
    if (status != HTH_OK && status != HTH_FAILED) return cli_fail(&error);
    if (table.failed)
        return cli_complain(CLI_FAILED, "%zu of %zu comparisons failed", table.failed, table.rows);
    if (status == HTH_FAILED) return cli_fail(&error);
    printf("%zu comparisons hold, %zu are shown without a claim", table.held,
           table.rows - table.held - table.proved_nothing);
    if (table.proved_nothing)
        printf(", %zu are of gradients that are zero and prove nothing", table.proved_nothing);
    printf(".\n");
    if (out) printf("The sample, its loss and the gradients: %s\n", out);
    if (table.gradients > 0) return CLI_OK;
    return cli_complain(CLI_PROVED_NOTHING,
                        "no comparison failed, but none proves anything: every gradient that "
                        "a claim is about is zero");
}

int cli_check(const cli_arguments *arguments) {
    hth_config *config;
    const char *run, *out = cli_value(arguments, "--out");
    hth_error error;
    int code = find_run(arguments, &run);
    if (code == CLI_OK && out && !cli_ends_in(out, ".npz"))
        code = cli_complain(CLI_BAD_INPUT, "option --out is '%s', but must end in .npz", out);
    if (code == CLI_OK) code = cli_read_settings(arguments, NULL, &config);
    if (code != CLI_OK) return code;
    code = cli_need_double(arguments);
    /* Whatever precision the run itself will have, its formulae are proved in double. */
    if (code == CLI_OK &&
        hth_config_set(config, "train.precision", "double", NULL, &error) != HTH_OK)
        code = cli_fail(&error);
    if (code == CLI_OK) code = check(config, run, out);
    hth_config_destroy(config);
    return code;
}
