/* hitherto help and hitherto version. */
#include "cli/cli.h"
#include "kernels/level.h"

#include <string.h>

/* The command that a word names; *code is not CLI_OK when there is none. NULL: the program. */
static const cli_command *named(const cli_arguments *arguments, int *code) {
    size_t count;
    const cli_command *commands = cli_commands(&count);
    *code = CLI_OK;
    if (arguments->word_count == 0) return NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].name, arguments->words[0]) == 0) return &commands[i];
    *code = cli_complain(CLI_BAD_INPUT, "there is no command '%s'; 'hitherto help' shows them all",
                         arguments->words[0]);
    return NULL;
}

int cli_help(const cli_arguments *arguments) {
    int code;
    const char *folder = cli_value(arguments, "--man-pages");
    const cli_command *command = named(arguments, &code);
    if (code != CLI_OK) return code;
    if (folder) return cli_write_man(folder);
    if (cli_value(arguments, "--completion"))
        cli_print_completion(stdout);
    else if (cli_value(arguments, "--man"))
        cli_print_man(stdout, command);
    else
        cli_print_help(stdout, command);
    return CLI_OK;
}

int cli_version(const cli_arguments *arguments) {
    hth_error error;
    (void)arguments;
    if (hth_level_check(&error)) return cli_fail(&error);
    printf("hitherto %s (%s precision, level %s)\n", hth_version(),
           sizeof(hth_real) == sizeof(double) ? "double" : "single", hth_level_name());
    return CLI_OK;
}
