/* hitherto inspect: what a checkpoint or a run directory holds. */
#include "cli/cli.h"

#include "files/safetensors.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- A checkpoint -------------------------------------------------------------------------------- */

typedef struct spread {
    double least, most, mean, rms;
    size_t not_finite;
} spread;

static spread measure(const hth_real *values, size_t count) {
    spread s = {INFINITY, -INFINITY, 0, 0, 0};
    for (size_t i = 0; i < count; i++) {
        double value = (double)values[i];
        if (!isfinite(value)) {
            s.not_finite++;
            continue;
        }
        if (value < s.least) s.least = value;
        if (value > s.most) s.most = value;
        s.mean += value;
        s.rms += value * value;
    }
    size_t finite = count - s.not_finite;
    s.mean /= finite ? (double)finite : 1;
    s.rms = sqrt(s.rms / (finite ? (double)finite : 1));
    return s;
}

static void print_statistics(const spread *s, size_t count) {
    if (s->not_finite < count)
        printf("  %11.4g %11.4g %11.4g %11.4g", s->least, s->most, s->mean, s->rms);
    if (s->not_finite) printf("  %zu not finite", s->not_finite);
}

/* Numbers are shown as a range; a whole number or two as they are. */
static void print_values(hth_safetensors *file, const hth_tensor *tensor) {
    bool real = tensor->dtype[0] == 'F', wide = strcmp(tensor->dtype, "U64") == 0;
    hth_field field = {.dtype = real   ? HTH_DTYPE_REAL
                                : wide ? HTH_DTYPE_U64
                                       : HTH_DTYPE_I32,
                       .count = (size_t)tensor->count};
    if (strlen(tensor->name) >= sizeof field.name || tensor->count == 0) return;
    if (!real && tensor->count > 4) return;
    snprintf(field.name, sizeof field.name, "%s", tensor->name);
    field.data = calloc(field.count, 8);
    if (!field.data) return;
    hth_error ignored;
    bool read = hth_safetensors_restore(file, &field, 1, HTH_RESTORE_CONVERT, &ignored) == HTH_OK;
    if (read && real) {
        const spread s = measure(field.data, field.count);
        print_statistics(&s, field.count);
    }
    for (size_t i = 0; read && !real && i < field.count; i++)
        printf("  %lld", wide ? (long long)((uint64_t *)field.data)[i]
                              : (long long)((int32_t *)field.data)[i]);
    free(field.data);
}

static void print_tensor(hth_safetensors *file, const hth_tensor *tensor) {
    char shape[120] = "";
    for (size_t i = 0; i < tensor->rank; i++) {
        size_t used = strlen(shape);
        snprintf(shape + used, sizeof shape - used, "%s%llu", i ? " x " : "",
                 (unsigned long long)tensor->shape[i]);
    }
    cli_say(stdout, "%-30s %-5s %14s", tensor->name, tensor->dtype, shape);
    print_values(file, tensor);
    printf("\n");
}

static int inspect_file(const char *path) {
    hth_safetensors *file;
    hth_error error;
    if (hth_safetensors_open(path, &file, &error) != HTH_OK) return cli_fail(&error);
    hth_metadata text;
    for (size_t i = 0; hth_safetensors_metadata_at(file, i, &text); i++)
        if (!strchr(text.value, '\n')) cli_say(stdout, "%s: %s\n", text.key, text.value);
    size_t count;
    const hth_tensor *tensors = hth_safetensors_list(file, &count);
    uint64_t bytes = 0;
    printf("\n%-30s %-5s %14s  %11s %11s %11s %11s\n", "tensor", "type", "shape", "least", "most",
           "mean", "rms");
    for (size_t i = 0; i < count; i++) {
        print_tensor(file, &tensors[i]);
        bytes += tensors[i].end - tensors[i].begin;
    }
    char size[40];
    cli_format_bytes(size, sizeof size, (double)bytes);
    printf("\n%zu tensors, %s\n", count, size);
    hth_safetensors_close(file);
    return CLI_OK;
}

/* ---- A run ---------------------------------------------------------------------------------------- */

static void print_choices(const hth_config *config) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        const char *name = all[i]->key ? cli_setting(config, all[i]->key) : "";
        const char *cells = cli_setting(config, "network.cells");
        if (strcmp(all[i]->kind, "cell") == 0 && *cells) {
            cli_print_row("cells", "%s", cells);
            continue;
        }
        for (size_t j = 0; j < all[i]->count; j++)
            if (strcmp(all[i]->at(j)->name, name) == 0) cli_print_row(all[i]->kind, "%s", name);
    }
    cli_print_row("units", "%s", cli_setting(config, "network.units"));
    if (strcmp(cli_setting(config, "network.connections"), "all") != 0)
        cli_print_row("connections", "%s", cli_setting(config, "network.connections"));
    cli_print_row("seed", "%s", cli_setting(config, "train.seed"));
}

static void print_files(const char *run) {
    DIR *folder = opendir(run);
    printf("Files\n");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[2048], size[40];
        struct stat found;
        snprintf(path, sizeof path, "%s/%s", run, entry->d_name);
        if (stat(path, &found) != 0 || !S_ISREG(found.st_mode)) continue;
        cli_format_bytes(size, sizeof size, (double)found.st_size);
        cli_print_row(entry->d_name, "%s", size);
    }
    if (folder) closedir(folder);
}

static int inspect_run(const char *run) {
    char path[2048];
    hth_config *config;
    hth_error error;
    snprintf(path, sizeof path, "%s/settings.yaml", run);
    if (hth_config_create(&config, &error) != HTH_OK) return cli_fail(&error);
    int code = CLI_OK;
    if (hth_config_load(config, path, &error) != HTH_OK) {
        code = cli_complain(CLI_BAD_INPUT, "%s is not the folder of a run: %s", run, error.message);
    } else {
        cli_say(stdout, "%s\n", run);
        print_choices(config);
        if (!cli_print_summary(run)) cli_print_latest(run);
        print_files(run);
    }
    hth_config_destroy(config);
    return code;
}

int cli_inspect(const cli_arguments *arguments) {
    if (arguments->word_count != 1)
        return cli_complain(CLI_BAD_INPUT,
                            "inspect takes one checkpoint or one run: hitherto inspect PATH");
    const char *path = arguments->words[0];
    if (cli_is_folder(path)) return inspect_run(path);
    return inspect_file(path);
}
