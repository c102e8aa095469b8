/* Settings as the command line gives them: files, key=value, and the two flags that are settings. */
#include "cli/cli.h"

#include "files/folder.h"
#include "settings/identity.h"
#include "settings/phases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool cli_is_folder(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

bool cli_run_settings(const char *run, char *path, size_t size) {
    char folder[HTH_PATH_LENGTH], file[HTH_PATH_LENGTH];
    struct stat found;
    bool by_file;
    if (hth_rundir_of(run, folder, &by_file, NULL) != HTH_OK ||
        hth_rundir_file(folder, "settings.yaml", file, NULL) != HTH_OK)
        return false;
    return stat(file, &found) == 0 && snprintf(path, size, "%s", file) < (int)size;
}

void cli_tell_left(const hth_config *config) {
    if (config->left)
        fprintf(stderr, "Settings of that run that mean nothing here are left out: %s\n",
                config->left);
}

bool cli_ends_in(const char *path, const char *ending) {
    const size_t length = strlen(path), of = strlen(ending);
    return length > of && strcmp(path + length - of, ending) == 0;
}

/* Refuses a word that is data, or no file at all: a setting with a space or a colon in it. */
static hth_status check_word(const char *path, bool of_stream, hth_error *error) {
    static const char *const readers[][2] = {{".npz", "data=arrays data.file"},
                                             {".npy", "data=arrays data.file"},
                                             {".csv", "data=table data.target=COLUMN data.file"},
                                             {".idx3-ubyte", "data=images data.file"}};
    for (size_t i = 0; i < HTH_COUNT(readers); i++)
        if (of_stream && cli_ends_in(path, readers[i][0]))
            return hth_fail(error, HTH_INVALID,
                            "%s is no settings file; rows come on the standard input: hitherto "
                            "stream --target COLUMN <%s",
                            path, path);
        else if (cli_ends_in(path, readers[i][0]))
            return hth_fail(error, HTH_INVALID,
                            "%s is no settings file; data are named by settings: %s=%s", path,
                            readers[i][1], path);
    struct stat found;
    if (stat(path, &found) == 0 || strchr(path, '/') || cli_ends_in(path, ".yaml")) return HTH_OK;
    return hth_fail(
        error, HTH_FILE,
        "there is no settings file '%s'; a setting is written key=value, without spaces, "
        "such as task=add",
        path);
}

/* The folder of a run stands for the run's settings. */
static hth_status load_file(const char *path, bool of_stream, hth_config *config,
                            hth_error *error) {
    char inside[1024];
    HTH_TRY(check_word(path, of_stream, error));
    if (!cli_is_folder(path)) return hth_config_load(config, path, error);
    snprintf(inside, sizeof inside, "%s/settings.yaml", path);
    struct stat found;
    if (stat(inside, &found) != 0 && errno == ENOENT)
        return hth_fail(
            error, HTH_FILE,
            "%s is a folder without settings.yaml: name a settings file or the folder of "
            "a run",
            path);
    return hth_config_load(config, inside, error);
}

/* *inherited: how many of the settings, the first, are those of runs that another begins with. */
static hth_status load_files(const cli_arguments *arguments, hth_config *config, size_t *inherited,
                             hth_error *error) {
    const bool begins =
        arguments->command->run == cli_train; /* and not check, which looks at one */
    for (size_t i = 0; i < arguments->word_count; i++) {
        const char *word = arguments->words[i];
        const bool first = *inherited == config->count;
        if (cli_is_assignment(word)) continue;
        HTH_TRY(load_file(word, arguments->command->run == cli_stream, config, error));
        if (begins && first && cli_is_folder(word)) *inherited = config->count;
    }
    return HTH_OK;
}

/* What is typed counts more than what a file says, wherever it stands. */
static hth_status load_overrides(const cli_arguments *arguments, hth_config *config,
                                 hth_error *error) {
    const size_t count = config->count;
    for (size_t i = 0; i < arguments->word_count; i++)
        if (cli_is_assignment(arguments->words[i]))
            HTH_TRY(hth_config_override(config, arguments->words[i], error));
    static const char *const flags[][2] = {{"--seed", "train.seed"},
                                           {"--threads", "train.threads"},
                                           {"--from", "train.from"},
                                           {"--from-layers", "train.from_layers"},
                                           {"--phase", "phases.look_at"}};
    for (size_t i = 0; i < HTH_COUNT(flags); i++) {
        const char *value = cli_value(arguments, flags[i][0]);
        if (value) HTH_TRY(hth_config_set(config, flags[i][1], value, "command line", error));
    }
    return hth_config_prevail(config, count, error);
}

/* *inherited: how many of the settings, the first, are those of a run that this one does not go on with. */
static hth_status fill(const cli_arguments *arguments, const char *first_file, hth_config *config,
                       size_t *inherited, hth_error *error) {
    *inherited = 0;
    if (first_file) HTH_TRY(hth_config_load(config, first_file, error));
    /* What that run itself took of another is not asked for again. */
    if (first_file && cli_value(arguments, "--from")) {
        HTH_TRY(hth_config_set(config, "train.from_layers", "", first_file, error));
        *inherited = config->count;
    }
    const size_t own = config->count;
    HTH_TRY(load_files(arguments, config, inherited, error));
    HTH_TRY(load_overrides(arguments, config, error));
    /* A run that goes on stays what it is. */
    if (!first_file || !cli_value(arguments, "--resume")) return HTH_OK;
    const hth_settings given = hth_config_given(config);
    return hth_identity_keep(&given, own, false, error);
}

/* Checks the settings. Those of another run that have lost their meaning are removed. Training alone goes through
 * phases; other commands look at one. */
static hth_status check(const cli_arguments *arguments, hth_config *config, size_t inherited,
                        hth_error *error) {
    if (arguments->command->run != cli_train) HTH_TRY(hth_config_enter_phase(config, error));
    HTH_TRY(hth_config_inherit(config, inherited, error));
    return hth_config_validate(config, error);
}

static int read(const cli_arguments *arguments, const char *first_file, bool checked,
                hth_config **out) {
    hth_error error;
    size_t inherited;
    if (hth_config_create(out, &error) != HTH_OK) return cli_fail(&error);
    hth_status status = fill(arguments, first_file, *out, &inherited, &error);
    if (status == HTH_OK && checked) status = check(arguments, *out, inherited, &error);
    if (status == HTH_OK) return CLI_OK;
    hth_config_destroy(*out);
    *out = NULL;
    return cli_fail(&error);
}

int cli_read_settings(const cli_arguments *arguments, const char *first_file, hth_config **out) {
    return read(arguments, first_file, true, out);
}

int cli_load_settings(const cli_arguments *arguments, hth_config **out) {
    return read(arguments, NULL, false, out);
}

int cli_read_interval(const cli_arguments *arguments, double *every) {
    const char *text = cli_value(arguments, "--progress-every");
    *every = 5;
    if (cli_value(arguments, "--quiet")) *every = -1;
    if (!text) return CLI_OK;
    char *end;
    *every = strtod(text, &end);
    if (end != text && !*end && *every >= 0) return CLI_OK;
    return cli_complain(CLI_BAD_INPUT,
                        "option --progress-every is '%s', but must be a number of seconds", text);
}

void cli_name_run(const cli_arguments *arguments, const hth_config *config, char *out,
                  size_t size) {
    for (size_t i = 0; i < arguments->word_count; i++) {
        const char *path = arguments->words[i];
        if (cli_is_assignment(path)) continue;
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        const char *dot = strrchr(base, '.');
        snprintf(out, size, "%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base),
                 base);
        return;
    }
    /* What there is to learn; a run has one of them. */
    const char *const keys[] = {"task.name", "data.name", "world.name"}, *name = "";
    for (size_t i = 0; i < HTH_COUNT(keys) && !*name; i++) name = cli_setting(config, keys[i]);
    snprintf(out, size, "%s", name);
}

/* A default from the common options of a catalogue, or its part by default. */
static const char *fallback_of(const hth_catalogue *catalogue, const char *key) {
    if (catalogue->key && strcmp(catalogue->key, key) == 0) return catalogue->fallback;
    const hth_options *common = &catalogue->common;
    size_t length = common->section ? strlen(common->section) : 0;
    if (!length || strncmp(key, common->section, length) != 0 || key[length] != '.') return NULL;
    for (size_t i = 0; i < common->count; i++)
        if (strcmp(common->items[i].name, key + length + 1) == 0) return common->items[i].fallback;
    return NULL;
}

const char *cli_setting(const hth_config *config, const char *key) {
    const hth_settings settings = hth_config_settings(config);
    const hth_setting *setting = hth_settings_find(&settings, key);
    if (setting) return setting->value;
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const char *fallback = fallback_of(all[i], key);
        if (fallback) return fallback;
    }
    return "";
}
