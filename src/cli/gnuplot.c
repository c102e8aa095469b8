/* Pictures are drawn by gnuplot: a script goes to it through a pipe. */
#include "cli/cli.h"

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
    const char *ending = path ? strrchr(path, '.') : NULL;
    /* Letters on the terminal, an SVG or a PNG. */
    if (!path) {
        int width, height;
        cli_terminal_size(stdout, &width, &height);
        fprintf(out, "set terminal dumb noenhanced size %d,%d\n", width < 40 ? 40 : width - 1,
                height < 12 ? 12 : height - 2);
    } else if (ending && strcmp(ending, ".svg") == 0) {
        fprintf(out, "set terminal svg size 900,%d font 'Helvetica,15' background 'white'\n",
                lines);
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

int cli_draw(const char *path, void (*put_script)(FILE *out, void *context), void *context) {
    if (!cli_have_gnuplot())
        return cli_complain(CLI_FAILED, "plots are drawn by gnuplot, which is not installed (on "
                                        "Debian: apt install gnuplot-nox)");
    if (path) { /* gnuplot would fall back on our own output */
        FILE *target = fopen(path, "ab");
        if (!target)
            return cli_complain(CLI_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
        fclose(target);
    }
    fflush(stdout);
    signal(SIGPIPE, SIG_IGN);
    FILE *gnuplot = popen("gnuplot", "w");
    if (!gnuplot) return cli_complain(CLI_FAILED, "cannot start gnuplot: %s", strerror(errno));
    put_script(gnuplot, context);
    if (pclose(gnuplot) != 0) return cli_complain(CLI_FAILED, "gnuplot could not draw the plot");
    return CLI_OK;
}
