/* hitherto export: the parameters of a run for other programs. */
#include "cli/cli.h"
#include "session/torch.h"

static int run(const cli_arguments *arguments, hth_config *overrides) {
    const char *name, *out = cli_value(arguments, "--torch");
    char told[HTH_TORCH_TOLD];
    size_t count;
    hth_error error;
    /* The run, the settings for this pass, and the file. */
    int code = cli_find_runs(arguments, overrides, "hitherto export RUN --torch FILE.safetensors",
                             &name, 1, &count);
    if (code == CLI_OK && !out)
        code = cli_complain(CLI_BAD_INPUT,
                            "for which program, and where to? give --torch FILE.safetensors");
    if (code == CLI_OK && !cli_ends_in(out, ".safetensors"))
        code = cli_complain(CLI_BAD_INPUT, "option --torch is '%s', but must end in .safetensors",
                            out);
    if (code == CLI_OK) code = cli_match_run(arguments, name);
    if (code != CLI_OK) return code;
    /* Write it, and say how torch makes the modules that load it. */
    const hth_settings settings = hth_config_settings(overrides);
    if (hth_torch_export(name, &settings, out, told, &error) != HTH_OK) return cli_fail(&error);
    printf("%s: %s\n", out, told);
    return CLI_OK;
}

int cli_export(const cli_arguments *arguments) {
    hth_config *overrides;
    hth_error error;
    if (hth_config_create(&overrides, &error) != HTH_OK) return cli_fail(&error);
    const int code = run(arguments, overrides);
    hth_config_destroy(overrides);
    return code;
}
