/* hitherto export: a run for other programs, as torch has its parameters or as C. */
#include "cli/cli.h"
#include "session/embedded.h"
#include "session/torch.h"

#include <ctype.h>
#include <string.h>

/* Writes the parameters, and says how torch makes the modules that load them. */
static int export_torch(const char *run, const hth_settings *settings, const char *out) {
    char told[HTH_TORCH_TOLD];
    hth_error error;
    if (hth_torch_export(run, settings, out, told, &error) != HTH_OK) return cli_fail(&error);
    printf("%s: %s\n", out, told);
    return CLI_OK;
}

static int check_prefix(const char *prefix) {
    bool good = isalpha((unsigned char)*prefix) && strlen(prefix) < 40;
    for (const char *at = prefix; *at; at++)
        good = good && (isalnum((unsigned char)*at) || *at == '_');
    if (good) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --prefix is '%s', but must be a name in C: a letter, then letters, "
                        "digits and _, at most 39 in all",
                        prefix);
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
