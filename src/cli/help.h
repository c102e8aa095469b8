/* One source of text, shown in two ways: --help (help.c) and the manual pages (man.c). Internal. */
#ifndef HTH_CLI_HELP_H
#define HTH_CLI_HELP_H

#include "cli/cli.h"

typedef struct cli_named_text {
    const char *name, *text;
} cli_named_text;

enum { CLI_STATUSES = 5, CLI_FILES = 4 };

extern const char cli_headline[], cli_about[];
extern const cli_named_text cli_statuses[CLI_STATUSES]; /* exit statuses */
extern const cli_named_text cli_files[CLI_FILES];       /* what a run leaves */

/* Writes a paragraph, or a block of lines that are shown as they are. */
typedef void (*cli_block_writer)(FILE *out, const char *block, bool verbatim);

/* Calls write for each block of a text. Empty lines divide blocks; a verbatim one begins with two spaces. */
void cli_each_block(FILE *out, const char *text, cli_block_writer write);
/* *length: of the first line, without its newline. Returns the line after it, or NULL. */
const char *cli_next_line(const char *text, int *length);
/* "--out DIR" */
void cli_flag_heading(const cli_flag *flag, char *out, size_t size);
size_t cli_flag_count(const cli_command *command);

#endif
