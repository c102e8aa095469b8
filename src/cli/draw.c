/* Where pictures go: an SVG file is written here, all else is drawn by gnuplot. */
#include "cli/cli.h"
#include "cli/figure.h"
#include "files/draft.h"

#include <string.h>

static int write_svg(const figure *f, const char *path) {
    enum { WIDTH = 900 };
    hth_draft draft;
    hth_error error;
    if (hth_draft_begin(path, &draft, &error) != HTH_OK) return cli_fail(&error);
    figure_put_svg(draft.file, f, WIDTH);
    return hth_draft_end(&draft, true, &error) == HTH_OK ? CLI_OK : cli_fail(&error);
}

static void put_script(FILE *out, const void *context, const char *path) {
    figure_put_gnuplot(out, context, path);
}

int figure_draw(figure *f, const char *path) {
    const char *ending = path ? strrchr(path, '.') : NULL;
    if (!f) return cli_complain(CLI_FAILED, "not enough memory for a picture");
    figure_find_ranges(f);
    if (ending && strcmp(ending, ".svg") == 0) return write_svg(f, path);
    return cli_draw(path, put_script, f);
}
