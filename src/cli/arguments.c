/* From argv to a command: its flags, by the command's own table, and the words that remain. */
#include "cli/cli.h"

#include "files/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const cli_command *find_command(const char *name) {
    size_t count;
    const cli_command *commands = cli_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int unknown_command(const char *typed) {
    size_t count;
    const cli_command *commands = cli_commands(&count);
    const char *names[32];
    for (size_t i = 0; i < count && i < HTH_COUNT(names); i++) names[i] = commands[i].name;
    const char *near = hth_nearest(typed, names, count);
    if (near)
        return cli_complain(CLI_BAD_INPUT, "unknown command '%s'; did you mean '%s'?", typed, near);
    return cli_complain(CLI_BAD_INPUT, "unknown command '%s'; 'hitherto help' shows them all",
                        typed);
}

static int unknown_flag(const cli_command *command, const char *typed) {
    const char *names[CLI_MAX_FLAGS + 1] = {NULL};
    size_t count = 0;
    for (; count < CLI_MAX_FLAGS && command->flags[count].name; count++)
        names[count] = command->flags[count].name;
    names[count++] = "--help";
    /* The name of a setting, typed as an option. */
    char name[HTH_KEY_LENGTH], setting[HTH_KEY_LENGTH];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(typed + strspn(typed, "-"), "="),
             typed + strspn(typed, "-"));
    const char *full = strchr(name, '.') ? name : hth_config_meant(name, setting) ? setting : NULL;
    if (full)
        return cli_complain(
            CLI_BAD_INPUT,
            "unknown option '%s' of hitherto %s; a setting is written without dashes: "
            "%s=VALUE",
            typed, command->name, full);
    const char *near = hth_nearest(typed, names, count);
    if (near)
        return cli_complain(CLI_BAD_INPUT, "unknown option '%s' of hitherto %s; did you mean '%s'?",
                            typed, command->name, near);
    return cli_complain(CLI_BAD_INPUT,
                        "unknown option '%s' of hitherto %s; 'hitherto help %s' shows them all",
                        typed, command->name, command->name);
}

/* Which flag of the command this is, "--out" or "--out=DIR"; *value: what follows '=', or NULL. */
static int find_flag(const cli_command *command, const char *typed, const char **value) {
    size_t length = strcspn(typed, "=");
    *value = typed[length] ? typed + length + 1 : NULL;
    for (int i = 0; i < CLI_MAX_FLAGS && command->flags[i].name; i++)
        if (strncmp(command->flags[i].name, typed, length) == 0 &&
            command->flags[i].name[length] == '\0')
            return i;
    return -1;
}

/* Reads the flag at argv[*at], and its value, which may be the next word. */
static int read_flag(cli_arguments *arguments, int *at) {
    const cli_command *command = arguments->command;
    char **argv = arguments->argv;
    const char *typed = argv[*at], *value;
    int index = find_flag(command, typed, &value);
    if (index < 0) return unknown_flag(command, typed);
    const cli_flag *flag = &command->flags[index];
    if (!flag->value && value)
        return cli_complain(CLI_BAD_INPUT, "option %s takes no value", flag->name);
    if (flag->value && !value) value = argv[++*at];
    if (flag->value && (!value || !*value))
        return cli_complain(CLI_BAD_INPUT, "option %s needs a value: %s %s", flag->name, flag->name,
                            flag->value);
    arguments->values[index] = value ? value : "";
    return CLI_OK;
}

/* Complains where no file can be written at the path that an option names. */
static int check_writable(const char *flag, const char *path) {
    char folder[HTH_PATH_LENGTH];
    const char *slash = strrchr(path, '/');
    struct stat found;
    if (cli_is_folder(path))
        return cli_complain(CLI_BAD_INPUT, "option %s is '%s', which is a folder: name a file",
                            flag, path);
    /* A file that is there is written anew beside itself, so its folder must be writable; a device is not. */
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode)) return CLI_OK;
    snprintf(folder, sizeof folder, "%s", path);
    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    else
        snprintf(folder, sizeof folder, ".");
    if (!cli_is_folder(folder))
        return cli_complain(CLI_BAD_INPUT,
                            "option %s is '%s', but there is no folder %s: make it first", flag,
                            path, folder);
    if (access(folder, W_OK) == 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT, "option %s is '%s', but nothing can be written into %s: %s",
                        flag, path, folder, strerror(errno));
}

/* A value that is called FILE is a file that the command writes. Whether it can be written is found before the work that
 * it is for. */
static int check_files(const cli_arguments *arguments) {
    const cli_flag *flags = arguments->command->flags;
    for (int i = 0; i < CLI_MAX_FLAGS && flags[i].name; i++) {
        const char *path = arguments->values[i];
        if (!path || !flags[i].value || strcmp(flags[i].value, "FILE") != 0) continue;
        const int code = check_writable(flags[i].name, path);
        if (code != CLI_OK) return code;
    }
    return CLI_OK;
}

static int read_words(cli_arguments *arguments, int argc, bool *help) {
    bool only_words = false;
    for (int i = 2; i < argc; i++) {
        const char *word = arguments->argv[i];
        bool flag = !only_words && word[0] == '-' && word[1];
        if (flag && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (flag && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            *help = true;
        } else if (flag) {
            int code = read_flag(arguments, &i);
            if (code != CLI_OK) return code;
        } else {
            arguments->words[arguments->word_count++] = word;
        }
    }
    return CLI_OK;
}

const char *cli_value(const cli_arguments *arguments, const char *flag) {
    for (int i = 0; i < CLI_MAX_FLAGS && arguments->command->flags[i].name; i++)
        if (strcmp(arguments->command->flags[i].name, flag) == 0) return arguments->values[i];
    return NULL;
}

/* "cell.units=100" is a setting, "./a=b.yaml" a file. Names of phases and arms may have a '-'. */
bool cli_is_assignment(const char *word) {
    const bool named = strncmp(word, "phases.", 7) == 0 || strncmp(word, "arms.", 5) == 0;
    size_t length =
        strspn(word, named ? "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
                           : "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    return length > 0 && word[length] == '=' && word[0] != '.';
}

/* A number, and the rest of the text behind it. Not of a sign. */
static bool take_number(const char **at, size_t *out) {
    char *end;
    if (**at < '0' || **at > '9') return false;
    *out = (size_t)strtoull(*at, &end, 10);
    *at = end;
    return true;
}

bool cli_read_numbers(const char *text, size_t out[], size_t most, size_t *count) {
    size_t first, last;
    for (*count = 0;; text++) {
        if (!take_number(&text, &first)) return false;
        last = first;
        if (strncmp(text, "..", 2) == 0) {
            text += 2;
            if (!take_number(&text, &last) || last < first) return false;
        }
        if (last - first >= most - *count) return false;
        for (size_t i = first; i <= last; i++) out[(*count)++] = i;
        if (!*text) return true;
        if (*text != ',') return false;
    }
}

static int run(const cli_command *command, int argc, char **argv) {
    cli_arguments arguments = {.command = command, .argv = argv};
    arguments.words = calloc((size_t)argc, sizeof *arguments.words);
    if (!arguments.words) return cli_complain(CLI_FAILED, "not enough memory");
    bool help = false;
    int code = read_words(&arguments, argc, &help);
    if (help)
        cli_print_help(stdout, command);
    else if (code == CLI_OK)
        code = check_files(&arguments);
    if (!help && code == CLI_OK) code = command->run(&arguments);
    free(arguments.words);
    return help ? CLI_OK : code;
}

int cli_main(int argc, char **argv) {
    if (argc > 0) cli_called(argv[0]);
    if (argc < 2) {
        cli_print_help(stderr, NULL);
        return CLI_BAD_INPUT;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0) name = "version";
    if (name[0] == '-')
        return cli_complain(CLI_BAD_INPUT,
                            "unknown option '%s'; a command comes first: hitherto COMMAND ...",
                            name);
    const cli_command *command = find_command(name);
    if (!command) return unknown_command(name);
    int code = run(command, argc, argv);
    if (fflush(stdout) != 0 && code == CLI_OK)
        return cli_complain(CLI_FAILED, "cannot write to the standard output");
    return code;
}
