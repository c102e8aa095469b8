/* Messages, and numbers as people like to read them. */
#include "cli/cli.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- Texts ------------------------------------------------------------------------------------ */

static const char *program = "hitherto";

void cli_called(const char *name) {
    if (name && *name && !strpbrk(name, " '\"\\$")) program = name;
}

/* How many bytes at `text` a terminal would take for an order: an ASCII control character but for the end of a line and
 * a tabulator, or one of U+0080 to U+009F. */
static size_t control_length(const char *text) {
    const unsigned char c = (unsigned char)*text, next = (unsigned char)text[1];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return 1;
    return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

/* One letter, or one byte of it, as a terminal may have it; returns how many bytes of the text it takes. */
static size_t visible(const char *text, char out[8]) {
    const size_t control = control_length(text);
    if (control)
        snprintf(out, 8, "\\x%02x", (unsigned)(unsigned char)text[control - 1]);
    else
        snprintf(out, 8, "%c", *text);
    return control ? control : 1;
}

void cli_visible(char *out, size_t size, const char *text) {
    char one[8];
    size_t used = 0;
    *out = '\0';
    while (*text) {
        text += visible(text, one);
        if (*one == '\n' || *one == '\t') *one = ' ';
        if (used + strlen(one) >= size) return;
        used += (size_t)snprintf(out + used, size - used, "%s", one);
    }
}

/* "hitherto plot": the length of its first word where the second one is a command; else 0. */
static size_t command_at(const char *text, const char *begin) {
    static const char name[] = "hitherto ";
    const size_t length = sizeof name - 1;
    if (strncmp(text, name, length) != 0) return 0;
    if (text > begin && (isalnum((unsigned char)text[-1]) || strchr("/._-", text[-1]))) return 0;
    const size_t word = strspn(text + length, "abcdefghijklmnopqrstuvwxyz");
    size_t count;
    const cli_command *commands = cli_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (strlen(commands[i].name) == word && !strncmp(commands[i].name, text + length, word))
            return length - 1;
    return 0;
}

/* Commands in it as this program was called, and control characters to be seen. */
static void put_said(FILE *out, const char *text) {
    char one[8];
    for (const char *at = text; *at;) {
        const size_t command = command_at(at, text), length = command ? command : visible(at, one);
        fputs(command ? program : one, out);
        at += length;
    }
}

void cli_say_list(FILE *out, const char *format, va_list arguments) {
    char text[8192];
    vsnprintf(text, sizeof text, format, arguments);
    put_said(out, text);
}

void cli_say(FILE *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    cli_say_list(out, format, arguments);
    va_end(arguments);
}

int cli_complain(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fputs("hitherto: ", stderr);
    cli_say_list(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return code;
}

int cli_fail(const hth_error *error) {
    bool input = error->status == HTH_INVALID || error->status == HTH_MISMATCH ||
                 error->status == HTH_FILE || error->status == HTH_DAMAGED;
    return cli_complain(input ? CLI_BAD_INPUT : CLI_FAILED, "%s", error->message);
}

/* ---- Numbers ---------------------------------------------------------------------------------- */

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
