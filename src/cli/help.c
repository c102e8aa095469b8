/* One source of text, shown in two ways: --help, folded for a terminal, and the manual page in troff. */
#include "cli/cli.h"

#include <string.h>

enum { WIDTH = 92, INDENT = 2, FLAG_COLUMN = 28 };

static const char headline[] = "learning online in recurrent networks";

static const char about[] =
    "Hitherto trains recurrent networks, rate-based, gated and spiking, with backpropagation "
    "through "
    "time and with the algorithms that do without it. A network writes a tape of its last K steps; "
    "a "
    "learner turns the tape into a gradient. A learner is a choice of four things (signal, "
    "recurrence, past, future), and names like bptt or rtrl are such choices ready-made.\n\n"
    "Settings are written section.name=value, as in cell.name=lstm; the name of a section alone "
    "chooses its part, as in cell=lstm. In a YAML file a section is a mapping:\n\n"
    "  task: add\n"
    "  cell:\n"
    "    name: lstm\n"
    "  network:\n"
    "    units: 64\n\n"
    "A setting with a number per unit takes one number for all, a list (20, 30, 40), or runs "
    "(300 x 0, 100 x 1.8).";

typedef struct named_text {
    const char *name, *text;
} named_text;

static const named_text statuses[] = {
    {"0", "all went well"},
    {"1", "a check failed, or something broke on the way"},
    {"2", "the input has a fault, named in the message"},
    {"3", "hitherto check: nothing failed, and nothing was proved"},
    {"130", "interrupted; the run is saved"},
};

static const named_text files[] = {
    {"RUN/settings.yaml", "all settings of a run, defaults included"},
    {"RUN/metrics.jsonl",
     "a line of JSON for each report: step, epoch, losses, metric, time, memory"},
    {"RUN/*.safetensors", "checkpoints: parameters and everything that a resumed run needs"},
    {"RUN/summary.json", "how the run ended"},
};

/* ---- Walking over a text --------------------------------------------------------------------- */

/* A paragraph or a block of lines that are shown as they are; called in turn. */
typedef void (*block_writer)(FILE *out, const char *block, bool verbatim);

/* Blocks are divided by empty lines. */
static void each_block(FILE *out, const char *text, block_writer write) {
    char block[2048];
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);
        snprintf(block, sizeof block, "%.*s", (int)length, text);
        write(out, block, strncmp(block, "  ", 2) == 0);
        text += length + (end ? 2 : 0);
    }
}

/* Each line of a verbatim block, without its newline. */
static const char *next_line(const char *text, int *length) {
    size_t found = strcspn(text, "\n");
    *length = (int)found;
    return text[found] ? text + found + 1 : NULL;
}

static void flag_heading(const cli_flag *flag, char *out, size_t size) {
    snprintf(out, size, "%s%s%s", flag->name, flag->value ? " " : "",
             flag->value ? flag->value : "");
}

static size_t flag_count(const cli_command *command) {
    size_t count = 0;
    while (count < CLI_MAX_FLAGS && command->flags[count].name) count++;
    return count;
}

/* ---- For a terminal --------------------------------------------------------------------------- */

static void write_plain(FILE *out, const char *block, bool verbatim) {
    if (!verbatim) {
        cli_print_folded(out, block, INDENT, WIDTH);
    } else {
        int length;
        for (const char *line = block; line;) {
            const char *after = next_line(line, &length);
            fprintf(out, "  %.*s\n", length, line);
            line = after;
        }
    }
    fputc('\n', out);
}

/* "  name      text", the text folded beside the name. */
static void write_named(FILE *out, const char *name, const char *text, int column) {
    int used = fprintf(out, "%*s%s", INDENT, "", name);
    if (used >= column) {
        fputc('\n', out);
        used = 0;
    }
    fprintf(out, "%*s", column - used, "");
    char rest[512];
    size_t room = (size_t)(WIDTH - column), length = strlen(text);
    if (length > room) {
        length = room;
        while (length > 0 && text[length] != ' ') length--;
    }
    fprintf(out, "%.*s\n", (int)length, text);
    snprintf(rest, sizeof rest, "%s", text + length + strspn(text + length, " "));
    if (*rest) cli_print_folded(out, rest, column, WIDTH);
}

static void print_command_help(FILE *out, const cli_command *command) {
    fprintf(out, "hitherto %s: %s\n\nUsage: hitherto %s %s%s\n\n", command->name, command->summary,
            command->name, command->usage, flag_count(command) ? " [OPTION...]" : "");
    each_block(out, command->text, write_plain);
    fprintf(out, "Options\n");
    for (size_t i = 0; i < flag_count(command); i++) {
        char heading[64];
        flag_heading(&command->flags[i], heading, sizeof heading);
        write_named(out, heading, command->flags[i].help, FLAG_COLUMN);
    }
    write_named(out, "--help, -h", "this text", FLAG_COLUMN);
}

static void print_program_help(FILE *out) {
    size_t count;
    const cli_command *all = cli_commands(&count);
    fprintf(out, "hitherto: %s\n\nUsage: hitherto COMMAND [WORD...] [OPTION...]\n\nCommands\n",
            headline);
    for (size_t i = 0; i < count; i++) write_named(out, all[i].name, all[i].summary, 14);
    fprintf(out, "\n");
    each_block(out, about, write_plain);
    fprintf(out, "Exit status\n");
    for (size_t i = 0; i < HTH_COUNT(statuses); i++)
        write_named(out, statuses[i].name, statuses[i].text, 14);
    fprintf(out, "\n'hitherto help COMMAND' tells more of each; 'hitherto list' shows what can be "
                 "chosen.\n");
}

void cli_print_help(FILE *out, const cli_command *command) {
    if (command)
        print_command_help(out, command);
    else
        print_program_help(out);
}

/* ---- The manual page ---------------------------------------------------------------------------- */

/* Text as troff takes it: hyphens as typed, no letter that begins a request or an escape. */
static void put(FILE *out, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        bool starts = i == 0 || text[i - 1] == '\n';
        if (starts && (text[i] == '.' || text[i] == '\'')) fputs("\\&", out);
        if (text[i] == '\\')
            fputs("\\e", out);
        else if (text[i] == '-')
            fputs("\\-", out);
        else if (text[i] == '\'')
            fputs("\\(aq", out);
        else
            fputc(text[i], out);
    }
}

static void put_line(FILE *out, const char *text) {
    put(out, text, strlen(text));
    fputc('\n', out);
}

static void write_troff(FILE *out, const char *block, bool verbatim) {
    fprintf(out, verbatim ? ".PP\n.nf\n" : ".PP\n");
    if (!verbatim) {
        put_line(out, block);
        return;
    }
    int length;
    for (const char *line = block; line;) {
        const char *after = next_line(line, &length);
        put(out, line, (size_t)length);
        fputc('\n', out);
        line = after;
    }
    fprintf(out, ".fi\n");
}

static void man_named(FILE *out, const char *name, const char *text) {
    fprintf(out, ".TP\n.B ");
    put_line(out, name);
    put_line(out, text);
}

static void man_command(FILE *out, const cli_command *command) {
    fprintf(out, ".SS hitherto %s ", command->name);
    put_line(out, command->usage);
    each_block(out, command->text, write_troff);
    for (size_t i = 0; i < flag_count(command); i++) {
        char heading[64];
        flag_heading(&command->flags[i], heading, sizeof heading);
        man_named(out, heading, command->flags[i].help);
    }
}

void cli_print_man(FILE *out) {
    size_t count;
    const cli_command *all = cli_commands(&count);
    fprintf(out, ".TH HITHERTO 1 \"\" \"Hitherto %s\" \"User Commands\"\n", hth_version());
    fprintf(out, ".SH NAME\nhitherto \\- %s\n", headline);
    fprintf(out, ".SH SYNOPSIS\n.B hitherto\n.I COMMAND\n[\\fIWORD\\fR...] [\\fIOPTION\\fR...]\n");
    fprintf(out, ".SH DESCRIPTION\n");
    each_block(out, about, write_troff);
    fprintf(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < count; i++) man_named(out, all[i].name, all[i].summary);
    for (size_t i = 0; i < count; i++) man_command(out, &all[i]);
    fprintf(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < HTH_COUNT(statuses); i++)
        man_named(out, statuses[i].name, statuses[i].text);
    fprintf(out, ".SH FILES\n");
    for (size_t i = 0; i < HTH_COUNT(files); i++) man_named(out, files[i].name, files[i].text);
}
