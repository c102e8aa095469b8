/* The manual pages in troff: one of the program, one of each command, from the texts of --help. */
#include "cli/help.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* ---- Text as troff takes it ------------------------------------------------------------------ */

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
        const char *after = cli_next_line(line, &length);
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

/* ---- Pages ----------------------------------------------------------------------------------- */

static void put_title(FILE *out, const char *name) {
    fputs(".TH ", out);
    for (; *name; name++) fputc(*name == '-' ? '-' : toupper((unsigned char)*name), out);
    fprintf(out, " 1 \"\" \"Hitherto %s\" \"User Commands\"\n", hth_version());
}

static void man_statuses(FILE *out) {
    fprintf(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < CLI_STATUSES; i++)
        man_named(out, cli_statuses[i].name, cli_statuses[i].text);
}

/* hitherto.1: what the program is, and a line for each command. */
static void put_program(FILE *out) {
    size_t count;
    const cli_command *all = cli_commands(&count);
    put_title(out, "hitherto");
    fprintf(out, ".SH NAME\nhitherto \\- %s\n", cli_headline);
    fprintf(out, ".SH SYNOPSIS\n.B hitherto\n.I COMMAND\n[\\fIWORD\\fR...] [\\fIOPTION\\fR...]\n");
    fprintf(out, ".SH DESCRIPTION\n");
    cli_each_block(out, cli_about, write_troff);
    fprintf(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < count; i++) man_named(out, all[i].name, all[i].summary);
    man_statuses(out);
    fprintf(out, ".SH FILES\n");
    for (size_t i = 0; i < CLI_FILES; i++) man_named(out, cli_files[i].name, cli_files[i].text);
    fprintf(out, ".SH SEE ALSO\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, ".BR hitherto\\-%s (1)%s\n", all[i].name, i + 1 < count ? "," : "");
}

static void put_command(FILE *out, const cli_command *command) {
    char heading[80];
    snprintf(heading, sizeof heading, "hitherto-%s", command->name);
    put_title(out, heading);
    fprintf(out, ".SH NAME\nhitherto\\-%s \\- ", command->name);
    put_line(out, command->summary);
    fprintf(out, ".SH SYNOPSIS\n.B hitherto %s\n", command->name);
    put_line(out, command->usage);
    fprintf(out, ".SH DESCRIPTION\n");
    cli_each_block(out, command->text, write_troff);
    if (cli_flag_count(command) > 0) fprintf(out, ".SH OPTIONS\n");
    for (size_t i = 0; i < cli_flag_count(command); i++) {
        cli_flag_heading(&command->flags[i], heading, sizeof heading);
        man_named(out, heading, command->flags[i].help);
    }
    man_statuses(out);
    fprintf(out, ".SH SEE ALSO\n.BR hitherto (1)\n");
}

void cli_print_man(FILE *out, const cli_command *command) {
    if (command)
        put_command(out, command);
    else
        put_program(out);
}

/* One page, "FOLDER/hitherto.1" or "FOLDER/hitherto-train.1". */
static int write_page(const char *folder, const cli_command *command) {
    char path[4096];
    snprintf(path, sizeof path, "%s/hitherto%s%s.1", folder, command ? "-" : "",
             command ? command->name : "");
    FILE *out = fopen(path, "w");
    if (!out) return cli_complain(CLI_BAD_INPUT, "cannot write %s: %s", path, strerror(errno));
    cli_print_man(out, command);
    const bool failed = ferror(out);
    if (fclose(out) != 0 || failed)
        return cli_complain(CLI_FAILED, "cannot write %s: %s", path, strerror(errno));
    return CLI_OK;
}

int cli_write_man(const char *folder) {
    size_t count;
    const cli_command *all = cli_commands(&count);
    int code = write_page(folder, NULL);
    for (size_t i = 0; i < count && code == CLI_OK; i++) code = write_page(folder, &all[i]);
    return code;
}
