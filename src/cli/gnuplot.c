/* Pictures are drawn by gnuplot: a script goes to it through a pipe. */
#include "cli/cli.h"
#include "files/draft.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In single quotes, in which gnuplot replaces nothing; one within is a string of its own, for a doubled one is not
 * understood at the beginning of a text. */
void cli_put_quoted(FILE *out, const char *text) {
    fputs("(''.'", out);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'.\"'\".'", out);
        else if ((unsigned char)*text >= 0x20 && *text != 0x7f)
            fputc(*text, out);
    fputs("')", out);
}

void cli_put_terminal_of(FILE *out, const char *path, int lines) {
    if (!path) {
        int width, height;
        cli_terminal_size(stdout, &width, &height);
        fprintf(out, "set terminal dumb noenhanced size %d,%d\n", width < 40 ? 40 : width - 1,
                height < 12 ? 12 : height - 2);
    } else {
        fprintf(out,
                "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
                "set terminal pngcairo size 1800,%d font 'Helvetica,26' linewidth 2\n"
                "} else {\nset terminal png size 1200,%d\n}\n",
                2 * lines, lines * 75 / 56);
    }
    if (path) {
        fprintf(out, "set output ");
        cli_put_quoted(out, path);
        fputc('\n', out);
    }
}

int cli_check_picture(const char *path) {
    const char *ending = strrchr(path, '.');
    if (ending && (strcmp(ending, ".svg") == 0 || strcmp(ending, ".png") == 0)) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --out is '%s', but must be a file that ends in .svg or .png", path);
}

bool cli_have_gnuplot(void) {
    const char *path = getenv("PATH");
    while (path && *path) {
        char program[4096];
        int length = (int)strcspn(path, ":");
        snprintf(program, sizeof program, "%.*s/gnuplot", length, path);
        if (access(program, X_OK) == 0) return true;
        path += length;
        path += *path == ':';
    }
    return false;
}

/* Whether the file has the end of a PNG: on a full disk gnuplot cuts it, with exit status 0. */
static bool is_whole_png(const char *path) {
    static const unsigned char end[] = {'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
    unsigned char last[sizeof end];
    FILE *file = fopen(path, "rbe");
    if (!file) return false;
    const bool read = fseek(file, -(long)sizeof last, SEEK_END) == 0 &&
                      fread(last, 1, sizeof last, file) == sizeof last;
    fclose(file);
    return read && memcmp(last, end, sizeof end) == 0;
}

/* The script goes to gnuplot; `path` is where it draws, NULL: the terminal. */
static int run_gnuplot(const char *path, cli_put_script put_script, const void *context) {
    fflush(stdout);
    signal(SIGPIPE, SIG_IGN);
    FILE *gnuplot = popen("gnuplot", "w");
    if (!gnuplot) return cli_complain(CLI_FAILED, "cannot start gnuplot: %s", strerror(errno));
    put_script(gnuplot, context, path);
    if (pclose(gnuplot) != 0) return cli_complain(CLI_FAILED, "gnuplot could not draw the plot");
    return CLI_OK;
}

int cli_draw(const char *path, cli_put_script put_script, const void *context) {
    hth_draft draft;
    hth_error error;
    if (!cli_have_gnuplot())
        return cli_complain(CLI_FAILED, "plots are drawn by gnuplot, which is not installed (on "
                                        "Debian: apt install gnuplot-nox)");
    if (!path) return run_gnuplot(NULL, put_script, context);
    if (hth_draft_begin(path, &draft, &error) != HTH_OK) return cli_fail(&error);
    int code = run_gnuplot(draft.temporary, put_script, context);
    const bool whole = code == CLI_OK && is_whole_png(draft.temporary);
    if (code == CLI_OK && !whole)
        code = cli_complain(CLI_BAD_INPUT,
                            "%s: gnuplot could not write it whole; is the disk full?", path);
    if (hth_draft_end(&draft, whole, &error) != HTH_OK && code == CLI_OK) code = cli_fail(&error);
    return code;
}
