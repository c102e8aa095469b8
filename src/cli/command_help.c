/* hitherto help and hitherto version. */
#include "cli/cli.h"
#include "kernels/level.h"

#include <string.h>

int cli_help(const cli_arguments *arguments) {
    size_t count;
    const cli_command *commands = cli_commands(&count);
    if (cli_value(arguments, "--man")) {
        cli_print_man(stdout);
        return CLI_OK;
    }
    if (arguments->word_count == 0) {
        cli_print_help(stdout, NULL);
        return CLI_OK;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].name, arguments->words[0]) == 0) {
            cli_print_help(stdout, &commands[i]);
            return CLI_OK;
        }
    return cli_complain(CLI_BAD_INPUT, "there is no command '%s'; 'hitherto help' shows them all",
                        arguments->words[0]);
}

int cli_version(const cli_arguments *arguments) {
    hth_error error;
    (void)arguments;
    if (hth_level_check(&error)) return cli_fail(&error);
    printf("hitherto %s (%s precision, level %s)\n", hth_version(),
           sizeof(hth_real) == sizeof(double) ? "double" : "single", hth_level_name());
    return CLI_OK;
}
