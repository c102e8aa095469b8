/* Where pictures go: an SVG file is written here, all else is drawn by gnuplot. */
#include "cli/cli.h"
#include "cli/figure.h"

#include <errno.h>
#include <string.h>

static int write_svg(const figure *f, const char *path) {
    enum { WIDTH = 900 };
    FILE *out = fopen(path, "w");
    if (!out) return cli_complain(CLI_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    figure_put_svg(out, f, WIDTH);
    const bool good = !ferror(out);
    if (fclose(out) == 0 && good) return CLI_OK;
    return cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
}

typedef struct script {
    const figure *f;
    const char *path;
} script;

static void put_script(FILE *out, void *context) {
    const script *s = context;
    figure_put_gnuplot(out, s->f, s->path);
}

int figure_draw(figure *f, const char *path) {
    const char *ending = path ? strrchr(path, '.') : NULL;
    script s = {f, path};
    if (!f) return cli_complain(CLI_FAILED, "not enough memory for a picture");
    figure_find_ranges(f);
    if (ending && strcmp(ending, ".svg") == 0) return write_svg(f, path);
    return cli_draw(path, put_script, &s);
}
