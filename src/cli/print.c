/* Messages, and numbers as people like to read them. */
#include "cli/cli.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

int cli_complain(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("hitherto: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return code;
}

int cli_fail(const hth_error *error) {
    bool input =
        error->status == HTH_INVALID || error->status == HTH_MISMATCH || error->status == HTH_FILE;
    return cli_complain(input ? CLI_BAD_INPUT : CLI_FAILED, "%s", error->message);
}

void cli_format_time(char *out, size_t size, double seconds) {
    if (!(seconds >= 0) || seconds > 1e9)
        snprintf(out, size, "-");
    else if (seconds < 0.995)
        snprintf(out, size, "%.2f s", seconds);
    else if (seconds < 9.95)
        snprintf(out, size, "%.1f s", seconds);
    else if (seconds < 99.5)
        snprintf(out, size, "%.0f s", seconds);
    else if (seconds < 5995)
        snprintf(out, size, "%d min %02d s", (int)(seconds / 60), (int)fmod(seconds, 60));
    else
        snprintf(out, size, "%d h %02d min", (int)(seconds / 3600),
                 (int)(fmod(seconds, 3600) / 60));
}

/* Three significant digits and a prefix. */
static void format_scaled(char *out, size_t size, double value, double base,
                          const char *const prefixes[], size_t count, const char *unit) {
    size_t prefix = 0;
    while (fabs(value) >= (prefix == 0 ? 10000 : base) && prefix + 1 < count) {
        value /= base;
        prefix++;
    }
    int digits = prefix == 0 || fabs(value) >= 100 ? 0 : fabs(value) >= 10 ? 1 : 2;
    if (prefix == 0 && fabs(value) < 100 && value != floor(value)) digits = 1;
    const char *space = *prefixes[prefix] || *unit ? " " : "";
    snprintf(out, size, "%.*f%s%s%s", digits, value, space, prefixes[prefix], unit);
}

void cli_format_count(char *out, size_t size, double count) {
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    format_scaled(out, size, count, 1000, prefixes, HTH_COUNT(prefixes), "");
}

void cli_format_bytes(char *out, size_t size, double bytes) {
    static const char *const prefixes[] = {"", "Ki", "Mi", "Gi", "Ti"};
    format_scaled(out, size, bytes, 1024, prefixes, HTH_COUNT(prefixes), "B");
}

void cli_terminal_size(FILE *file, int *columns, int *lines) {
    struct winsize size = {0};
    bool known = ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row;
    *columns = known ? size.ws_col : 100;
    *lines = known ? size.ws_row : 30;
}

void cli_print_folded(FILE *out, const char *text, int indent, int width) {
    int column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + (int)word > width) {
            fputc('\n', out);
            column = 0;
        }
        if (column == 0)
            column = fprintf(out, "%*s", indent, "");
        else
            column += fprintf(out, " ");
        column += fprintf(out, "%.*s", (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}
