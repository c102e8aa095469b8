/* Completion for bash, from the tables of commands and options: commands, their options, settings, values of those that
 * have a list of them. Other words are completed as names of files. */
#include "cli/cli.h"

#include <string.h>

/* The function that bash calls. `key=` and the value are one word where '=' does not break words, and three where it
 * does, as is usual; then the value alone is completed. */
static const char function[] =
    "_hitherto() {\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} key=\n"
    "    if [ \"$word\" = = ]; then key=$before word=\n"
    "    elif [ \"$before\" = = ]; then key=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if [ \"$COMP_CWORD\" = 1 ]; then\n"
    "        COMPREPLY=($(compgen -W \"$_hitherto_commands\" -- \"$word\"))\n"
    "    elif [ -n \"$key\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$(_hitherto_values \"$key\")\" -- \"$word\"))\n"
    "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$(_hitherto_options \"${COMP_WORDS[1]}\")\" -- \"$word\"))\n"
    "    elif [ -n \"$word\" ]; then\n"
    "        COMPREPLY=($(compgen -W \"$_hitherto_settings\" -- \"$word\"))\n"
    "        [ ${#COMPREPLY[@]} = 0 ] || compopt -o nospace\n"
    "    fi\n"
    "}\n"
    "complete -o default -F _hitherto hitherto\n";

static void put_commands(FILE *out) {
    size_t count;
    const cli_command *all = cli_commands(&count);
    fprintf(out, "_hitherto_commands='");
    for (size_t i = 0; i < count; i++) fprintf(out, "%s%s", i ? " " : "", all[i].name);
    fprintf(out, "'\n_hitherto_options() {\n    case $1 in\n");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "    %s) echo '--help", all[i].name);
        for (size_t j = 0; j < CLI_MAX_FLAGS && all[i].flags[j].name; j++)
            fprintf(out, " %s", all[i].flags[j].name);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "    esac\n}\n");
}

static void put_keys(FILE *out, const hth_options *options) {
    for (size_t i = 0; i < options->count; i++)
        fprintf(out, "%s.%s=\n", options->section, options->items[i].name);
}

static void put_values(FILE *out, const hth_options *options) {
    for (size_t i = 0; i < options->count; i++) {
        const hth_option *option = &options->items[i];
        if (option->kind != HTH_KIND_BOOL && option->kind != HTH_KIND_CHOICE) continue;
        fprintf(out, "    %s.%s) echo '", options->section, option->name);
        if (option->kind == HTH_KIND_BOOL) fprintf(out, "true false");
        for (size_t j = 0; option->kind == HTH_KIND_CHOICE && option->choices[j]; j++)
            fprintf(out, "%s%s", j ? " " : "", option->choices[j]);
        fprintf(out, "' ;;\n");
    }
}

/* "cell" and "cell.name" with the names of all cells. */
static void put_parts(FILE *out, const hth_catalogue *catalogue) {
    if (!catalogue->key) return;
    const char *ending = strstr(catalogue->key, ".name");
    if (ending) fprintf(out, "    %.*s | ", (int)(ending - catalogue->key), catalogue->key);
    fprintf(out, "%s%s) echo '", ending ? "" : "    ", catalogue->key);
    for (size_t i = 0; i < catalogue->count; i++)
        fprintf(out, "%s%s", i ? " " : "", catalogue->at(i)->name);
    fprintf(out, "' ;;\n");
}

/* Calls put for the options of every catalogue and part. */
static void each_options(FILE *out, void (*put)(FILE *out, const hth_options *options)) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    for (size_t i = 0; i < count; i++) {
        put(out, &all[i]->common);
        for (size_t j = 0; j < all[i]->count; j++) put(out, &all[i]->at(j)->options);
    }
}

void cli_print_completion(FILE *out) {
    size_t count;
    const hth_catalogue *const *all = hth_catalogues(&count);
    put_commands(out);
    fprintf(out, "_hitherto_settings='");
    for (size_t i = 0; i < count; i++)
        if (all[i]->key) fprintf(out, "%s=\n", all[i]->key);
    each_options(out, put_keys);
    fprintf(out, "'\n_hitherto_values() {\n    case $1 in\n");
    for (size_t i = 0; i < count; i++) put_parts(out, all[i]);
    each_options(out, put_values);
    fprintf(out, "    esac\n}\n%s", function);
}
