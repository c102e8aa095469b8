/* hitherto report: a run or a comparison as one page. */
#include "cli/cli.h"
#include "cli/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* Under another name first: a report is whole or not there. */
static int write_report(const char *folder, bool comparison, const char *path) {
    char temporary[4200];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *out = fopen(temporary, "w");
    if (!out) return cli_complain(CLI_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    int code = comparison ? report_comparison(out, folder) : report_run(out, folder);
    const bool good = !ferror(out);
    if ((fclose(out) != 0 || !good) && code == CLI_OK)
        code = cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (code == CLI_OK && rename(temporary, path) != 0)
        code = cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (code != CLI_OK) remove(temporary);
    return code;
}

int cli_report(const cli_arguments *arguments) {
    const char *folder = arguments->word_count ? arguments->words[0] : NULL;
    const char *given = cli_value(arguments, "--out");
    char path[4096];
    if (arguments->word_count != 1)
        return cli_complain(CLI_BAD_INPUT, "report takes the folder of one run or one comparison: "
                                           "hitherto report RUN --out report.html");
    const bool comparison = has(folder, "results.db");
    if (!comparison && !has(folder, "settings.yaml"))
        return cli_complain(CLI_BAD_INPUT,
                            "%s is the folder neither of a run nor of a comparison: it has no "
                            "settings.yaml and no results.db",
                            folder);
    if (strlen(folder) > 3900 || (given && strlen(given) > 3900))
        return cli_complain(CLI_BAD_INPUT, "the path %.60s... is too long", given ? given : folder);
    snprintf(path, sizeof path, "%s%s", given ? given : folder, given ? "" : "/report.html");
    int code = comparison ? CLI_OK : cli_match_run(arguments, folder);
    if (code == CLI_OK) code = write_report(folder, comparison, path);
    if (code == CLI_OK) cli_say(stdout, "%s\n", path);
    return code;
}
