/* hitherto export: a run for other programs, as torch has its parameters or as C. */
#include "cli/cli.h"
#include "session/embedded.h"
#include "session/torch.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Writes the parameters, and says how torch makes the modules that load them. */
static int export_torch(const char *run, const hth_settings *settings, const char *out) {
    char told[HTH_TORCH_TOLD];
    hth_error error;
    if (hth_torch_export(run, settings, out, told, &error) != HTH_OK) return cli_fail(&error);
    printf("%s: %s\n", out, told);
    return CLI_OK;
}

/* Whether a list of words with blanks between has this one, in small letters or large ones. */
static bool has_word(const char *list, const char *word) {
    const size_t length = strlen(word);
    for (; *list; list += strcspn(list, " "), list += *list == ' ')
        if (strcspn(list, " ") == length && strncasecmp(list, word, length) == 0) return true;
    return false;
}

/* A file, a guard or a function of this name is there already. Some file systems do not tell large letters from small
 * ones, and guards have large ones alone. */
static const char *find_clash(const char *prefix) {
    static const char *const words =
        "auto break case char const continue default do double else enum extern float for goto if "
        "inline int long register restrict return short signed sizeof static struct switch typedef "
        "union unsigned void volatile while";
    static const char *const headers =
        "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal "
        "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath "
        "threads time uchar wchar wctype pthread sched unistd";
    if (has_word("main makefile readme core build parts", prefix)) return "a file of the folder";
    if (has_word("hitherto hth", prefix) || strncasecmp(prefix, "hth_", 4) == 0)
        return "a name of the library";
    if (has_word(headers, prefix)) return "a header of C";
    return has_word(words, prefix) ? "a word of C" : NULL;
}

static int check_prefix(const char *prefix) {
    bool good = isalpha((unsigned char)*prefix) && strlen(prefix) < 40;
    for (const char *at = prefix; *at; at++)
        good = good && (isalnum((unsigned char)*at) || *at == '_');
    if (!good)
        return cli_complain(CLI_BAD_INPUT,
                            "option --prefix is '%s', but must be a name in C: a letter, then "
                            "letters, digits and _, at most 39 in all",
                            prefix);
    const char *clash = find_clash(prefix);
    if (!clash) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --prefix is '%s', but that is %s: take another name, such as "
                        "my_network",
                        prefix, clash);
}

/* Writes a folder that builds alone. */
static int export_c(const cli_arguments *arguments, const char *run, const hth_settings *settings,
                    const char *folder) {
    const char *given = cli_value(arguments, "--prefix"), *prefix = given ? given : "network";
    char sources[4200];
    hth_embedded_size size = {0};
    hth_error error;
    int code = check_prefix(prefix);
#ifdef HTH_DOUBLE
    return cli_complain(CLI_BAD_INPUT, "the run is of double precision, but chips compute in "
                                       "single: train with train.precision=single");
#endif
    if (code == CLI_OK) code = cli_find_sources(sources, sizeof sources);
    if (code != CLI_OK) return code;
    if (hth_embedded_export(run, settings, sources, prefix, folder, &size, &error) != HTH_OK)
        return cli_fail(&error);
    printf("%s: %s.h, and all that it needs; %zu bytes of RAM on a chip, and %zu of flash for the "
           "parameters\n",
           folder, prefix, size.riscv.total, size.parameters * sizeof(float));
    return CLI_OK;
}

static int run(const cli_arguments *arguments, hth_config *overrides) {
    const char *name, *torch = cli_value(arguments, "--torch"), *c = cli_value(arguments, "--c");
    size_t count;
    /* The run, the settings for this pass, and the place. */
    int code = cli_find_runs(arguments, overrides,
                             "hitherto export RUN --torch FILE.safetensors, or --c FOLDER", &name,
                             1, &count);
    if (code == CLI_OK && !torch == !c)
        code = cli_complain(CLI_BAD_INPUT, "for which program, and where to? give --torch "
                                           "FILE.safetensors or --c FOLDER");
    if (code == CLI_OK && torch && !cli_ends_in(torch, ".safetensors"))
        code = cli_complain(CLI_BAD_INPUT, "option --torch is '%s', but must end in .safetensors",
                            torch);
    if (code == CLI_OK) code = cli_match_run(arguments, name);
    if (code != CLI_OK) return code;
    const hth_settings settings = hth_config_settings(overrides);
    return torch ? export_torch(name, &settings, torch) : export_c(arguments, name, &settings, c);
}

int cli_export(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    const int code = run(arguments, overrides);
    hth_config_destroy(overrides);
    return code;
}
