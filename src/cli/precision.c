/*
 * The program exists twice, made of the same source: hitherto computes in single precision, hitherto64
 * in double. What needs double precision is handed over, whole, to the other program.
 */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool own_folder(char *out, size_t size) {
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length <= 0) return false;
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash) return false;
    *slash = '\0';
    return true;
}

/* In a build, and in an installation: of the program, and of the one that people do not call by name. */
int cli_find_sources(char *out, size_t size) {
    static const char *const shares[] = {"share/hitherto", "../share/hitherto",
                                         "../../share/hitherto"};
    char folder[4096], header[4200];
    if (!own_folder(folder, sizeof folder))
        return cli_complain(CLI_FAILED, "cannot find the folder of this program: %s",
                            strerror(errno));
    for (size_t i = 0; i < HTH_COUNT(shares); i++) {
        snprintf(out, size, "%s/%s", folder, shares[i]);
        snprintf(header, sizeof header, "%s/%s/include/hitherto.h", folder, shares[i]);
        if (access(header, R_OK) == 0) return CLI_OK;
    }
    return cli_complain(
        CLI_FAILED,
        "the sources of the core are neither in %s/share/hitherto nor in "
        "%s/../share/hitherto: install hitherto whole, or call the program of a build",
        folder, folder);
}

#ifdef HTH_DOUBLE

int cli_need_double(const cli_arguments *arguments) {
    (void)arguments;
    return CLI_OK;
}

int cli_match_precision(const cli_arguments *arguments, const hth_config *config) {
    (void)arguments;
    if (strcmp(cli_setting(config, "train.precision"), "double") == 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "train.precision is 'single', but this program computes in "
                                       "double precision: use the program 'hitherto'");
}

#else

/* Beside this program, or where an installation puts what people do not call by name. */
static const char *const places[] = {"hitherto64", "../libexec/hitherto/hitherto64"};

int cli_need_double(const cli_arguments *arguments) {
    char folder[4096], path[4200];
    if (!own_folder(folder, sizeof folder))
        return cli_complain(CLI_FAILED, "cannot find the folder of this program: %s",
                            strerror(errno));
    fflush(stdout);
    for (size_t i = 0; i < HTH_COUNT(places); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, places[i]);
        if (access(path, X_OK) == 0) execv(path, arguments->argv);
    }
    return cli_complain(CLI_FAILED,
                        "this needs double precision, which the program hitherto64 computes; it is "
                        "neither in %s nor in %s/../libexec/hitherto",
                        folder, folder);
}

int cli_match_precision(const cli_arguments *arguments, const hth_config *config) {
    if (strcmp(cli_setting(config, "train.precision"), "double") != 0) return CLI_OK;
    return cli_need_double(arguments);
}

#endif
