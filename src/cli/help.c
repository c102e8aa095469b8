/* The texts of the program, and --help, which folds them for a terminal. */
#include "cli/help.h"

#include <string.h>

enum { WIDTH = 92, INDENT = 2, FLAG_COLUMN = 28 };

const char cli_headline[] = "learning online in recurrent networks";

const char cli_about[] =
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

const cli_named_text cli_statuses[CLI_STATUSES] = {
    {"0", "all went well"},
    {"1", "a check failed, or something broke on the way"},
    {"2", "the input has a fault, named in the message"},
    {"3", "hitherto check: nothing failed, and nothing was proved"},
    {"130", "interrupted; the run is saved"},
};

const cli_named_text cli_files[CLI_FILES] = {
    {"RUN/settings.yaml", "all settings of a run, defaults included"},
    {"RUN/metrics.jsonl",
     "a line of JSON for each report: step, epoch, losses, metric, time, memory"},
    {"RUN/*.safetensors", "checkpoints: parameters and everything that a resumed run needs"},
    {"RUN/summary.json", "how the run ended"},
};

/* ---- Walking over a text --------------------------------------------------------------------- */

void cli_each_block(FILE *out, const char *text, cli_block_writer write) {
    char block[2048];
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t length = end ? (size_t)(end - text) : strlen(text);
        snprintf(block, sizeof block, "%.*s", (int)length, text);
        write(out, block, strncmp(block, "  ", 2) == 0);
        text += length + (end ? 2 : 0);
    }
}

const char *cli_next_line(const char *text, int *length) {
    size_t found = strcspn(text, "\n");
    *length = (int)found;
    return text[found] ? text + found + 1 : NULL;
}

void cli_flag_heading(const cli_flag *flag, char *out, size_t size) {
    snprintf(out, size, "%s%s%s", flag->name, flag->value ? " " : "",
             flag->value ? flag->value : "");
}

size_t cli_flag_count(const cli_command *command) {
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
            const char *after = cli_next_line(line, &length);
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
            command->name, command->usage, cli_flag_count(command) ? " [OPTION...]" : "");
    cli_each_block(out, command->text, write_plain);
    fprintf(out, "Options\n");
    for (size_t i = 0; i < cli_flag_count(command); i++) {
        char heading[64];
        cli_flag_heading(&command->flags[i], heading, sizeof heading);
        write_named(out, heading, command->flags[i].help, FLAG_COLUMN);
    }
    write_named(out, "--help, -h", "this text", FLAG_COLUMN);
}

static void print_program_help(FILE *out) {
    size_t count;
    const cli_command *all = cli_commands(&count);
    fprintf(out, "hitherto: %s\n\nUsage: hitherto COMMAND [WORD...] [OPTION...]\n\nCommands\n",
            cli_headline);
    for (size_t i = 0; i < count; i++) write_named(out, all[i].name, all[i].summary, 14);
    fprintf(out, "\n");
    cli_each_block(out, cli_about, write_plain);
    fprintf(out, "Exit status\n");
    for (size_t i = 0; i < CLI_STATUSES; i++)
        write_named(out, cli_statuses[i].name, cli_statuses[i].text, 14);
    fprintf(out, "\n'hitherto help COMMAND' tells more of each; 'hitherto list' shows what can be "
                 "chosen.\n");
}

void cli_print_help(FILE *out, const cli_command *command) {
    if (command)
        print_command_help(out, command);
    else
        print_program_help(out);
}
