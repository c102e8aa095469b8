/* A trained network as a folder of C; see embedded.h. The texts are templates (templates/export-c). */
#include "files/folder.h"
#include "files/tree.h"
#include "network/inspect.h"
#include "session/embedded.h"
#include "session/reopen.h"
#include "settings/needed.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct export {
    const char *sources, *prefix;
    const hth_source *source;
    hth_network *network;
    hth_settings settings; /* of the model alone */
    hth_embedded_size *size;
    hth_tree tree;
}
export;

/* ---- What can be exported ---- */

static hth_status refuse(const export *e, const hth_settings *settings, hth_error *error) {
    const hth_setting *scale = hth_settings_find(settings, "data.scale");
    if (hth_network_look(e->network).is_whole)
        return hth_fail(error, HTH_INVALID,
                        "network.direction is both, which needs the end of a sequence before its "
                        "first output: a chip predicts step by step");
    if (hth_source_is_wired(e->source))
        return hth_fail(error, HTH_INVALID,
                        "the data bring connections, delays or feedback weights of the network, "
                        "which are not exported: take network.connections that are drawn");
    if (hth_source_is_viewed(e->source) || (scale && strcmp(scale->value, "none") != 0))
        return hth_fail(error, HTH_INVALID,
                        "the network sees its data through %s, which is no part of the core: train "
                        "without it",
                        scale ? "data.scale" : "a view (view.*)");
    return HTH_OK;
}

/* ---- Settings ---- */

/* Sections of a model. Parameters are given, so that nothing of how they begin is left. */
static bool is_of_model(const char *key) {
    static const char *const sections[] = {"network.", "layer",       "cell.",    "readout.",
                                           "store.",   "loss.",       "learner.", "optimiser.",
                                           "keep.",    "regulariser."};
    for (size_t i = 0; i < HTH_COUNT(sections); i++)
        if (strncmp(key, sections[i], strlen(sections[i])) == 0) return true;
    return false;
}

/* The settings of the model that change something, with the names of the chosen parts, which may not be what stands
 * where nothing is chosen. free() out->items. */
static hth_status choose_settings(const hth_settings *all, hth_settings *out, hth_error *error) {
    static const char *const names[] = {"cell.name", "loss.name", "learner.name", "optimiser.name",
                                        "keep.name"};
    hth_setting *items = calloc(all->count + HTH_COUNT(names) + 1, sizeof *items);
    hth_settings needed = {items, 0};
    size_t used = 0;
    if (!items) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the settings");
    /* A run's settings hold what conventions stand for. */
    for (size_t i = 0; i < all->count; i++)
        if (strncmp(all->items[i].key, "conventions", 11) != 0)
            items[needed.count++] = all->items[i];
    hth_settings found = {0};
    hth_status status = hth_settings_needed(&needed, &found, error);
    for (size_t i = 0; status == HTH_OK && i < HTH_COUNT(names); i++) {
        const hth_setting *name = hth_settings_find(all, names[i]);
        if (name) items[used++] = *name;
    }
    for (size_t i = 0; status == HTH_OK && i < found.count; i++) {
        bool listed = !is_of_model(found.items[i].key);
        for (size_t k = 0; k < HTH_COUNT(names); k++)
            listed = listed || strcmp(found.items[i].key, names[k]) == 0;
        if (!listed) items[used++] = found.items[i];
    }
    free((void *)(uintptr_t)found.items);
    if (status != HTH_OK) free(items);
    if (status == HTH_OK) *out = (hth_settings){items, used};
    return status;
}

/* ---- Words of the templates ---- */

/* A text in C. */
static void put_text(const char *text, FILE *out) {
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void put_settings(const export *e, FILE *out) {
    for (size_t i = 0; i < e->settings.count; i++) {
        fprintf(out, "%s    {", i ? ",\n" : "");
        put_text(e->settings.items[i].key, out);
        fputs(", ", out);
        put_text(e->settings.items[i].value, out);
        fputs(", NULL}", out);
    }
}

/* Numbers with all their bits, six a line. */
static void put_numbers(const hth_real *numbers, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%af", i == 0 ? "    " : i % 6 ? ", " : ",\n    ", (double)numbers[i]);
}

static void put_doubles(const double *numbers, size_t count, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        fputs(i == 0 ? "    " : i % 4 ? ", " : ",\n    ", out);
        if (isinf(numbers[i]))
            fputs("(double)INFINITY", out);
        else
            fprintf(out, "%a", numbers[i]);
    }
}

static void put_parts(const export *e, bool for_reader, FILE *out) {
    for (size_t list = 0; list < HTH_PART_LISTS; list++) {
        fprintf(out, for_reader ? "- %s:" : "#define HTH_%s(X)", hth_part_lists[list].list);
        for (size_t i = 0; i < e->size->parts.counts[list]; i++) {
            char name[40];
            snprintf(name, sizeof name, "%s", e->size->parts.names[list][i]);
            for (char *at = name; !for_reader && *at; at++)
                if (*at == '-') *at = '_';
            fprintf(out, for_reader ? " %s" : " X(%s)", name);
        }
        fputc('\n', out);
    }
}

static void put_upper(const char *text, FILE *out) {
    for (; *text; text++) fputc(toupper((unsigned char)*text), out);
}

/* Numbers of a gradient that lie on the stack at a time: few, but for a past that adds up over so many. There the sums
 * are those of this program if a layer is one piece, or the piece is as large as here. */
static size_t room_of(const export *e) {
    const size_t least = 64, most = 2048, aligned = 16;
    size_t room = least;
    for (size_t l = 0;
         hth_embedded_has(&e->size->parts, "PASTS", "rank-one") && l < e->size->parts.layers; l++) {
        const hth_layer_facts layer = hth_layer_look(e->network, l);
        const size_t whole = (layer.rows + aligned - 1) / aligned * aligned * layer.columns;
        room = whole > room ? whole : room;
    }
    return room < most ? room : most;
}

/* Words that stand for a number. */
static bool put_number(const export *e, const char *word, FILE *out) {
    const hth_shape *shape = &e->size->shape;
    const bool classes = shape->target == HTH_TARGET_CLASSES;
    const struct {
        const char *word;
        size_t number;
    } known[] = {
        {"inputs", shape->inputs},
        {"inputs_or_one", shape->inputs ? shape->inputs : 1},
        {"vocabulary", shape->vocabulary},
        {"outputs", shape->outputs},
        {"answers", classes ? 1 : shape->outputs},
        {"steps", e->size->steps},
        {"seed", (size_t)e->size->seed},
        {"parameters", e->size->parameters},
        {"flash", e->size->parameters * sizeof(float)},
        {"bytes_chip", e->size->riscv.total},
        {"bytes_here", e->size->here},
        {"room", room_of(e)},
        {"most_layers", e->size->parts.layers > 2 ? e->size->parts.layers : 2},
    };
    for (size_t i = 0; i < HTH_COUNT(known); i++)
        if (strcmp(known[i].word, word) == 0) return fprintf(out, "%zu", known[i].number) > 0;
    return false;
}

static bool holds(void *context, const char *word) {
    const export *e = context;
    const double *mean, *deviation;
    if (strcmp(word, "tokens") == 0) return e->size->shape.vocabulary > 0;
    if (strcmp(word, "classes") == 0) return e->size->shape.target == HTH_TARGET_CLASSES;
    return strcmp(word, "scale") == 0 && hth_source_scale(e->source, &mean, &deviation);
}

static bool put(void *context, const char *word, FILE *out) {
    const export *e = context;
    const size_t columns = e->size->shape.inputs + e->size->shape.outputs;
    const double *mean = NULL, *deviation = NULL;
    const bool scaled = hth_source_scale(e->source, &mean, &deviation);
    if (put_number(e, word, out)) return true;
    if (strcmp(word, "prefix") == 0)
        fputs(e->prefix, out);
    else if (strcmp(word, "PREFIX") == 0)
        put_upper(e->prefix, out);
    else if (strcmp(word, "version") == 0)
        fputs(hth_version(), out);
    else if (strcmp(word, "number") == 0)
        fputs(scaled ? "double" : "float", out);
    else if (strcmp(word, "settings") == 0)
        put_settings(e, out);
    else if (strcmp(word, "numbers") == 0)
        put_numbers(hth_network_parameters(e->network), e->size->parameters, out);
    else if (strcmp(word, "means") == 0 && scaled)
        put_doubles(mean, columns, out);
    else if (strcmp(word, "deviations") == 0 && scaled)
        put_doubles(deviation, columns, out);
    else if (strcmp(word, "parts") == 0 || strcmp(word, "part_list") == 0)
        put_parts(e, word[4] == '_', out);
    else
        return false;
    return true;
}

/* ---- The folder ---- */

/* Whether the network does not need the file: "src/network/cells/gru.c" of a cell that it does not have, or what is of
 * episodes alone. Two parts hold what the pasts use as well. */
static bool is_idle(const export *e, const char *name) {
    char own[200];
    if (strcmp(name, "src/credit/recurrence/full.c") == 0 ||
        strcmp(name, "src/credit/recurrence/none.c") == 0)
        return false;
    if (strncmp(name, "src/credit/episode/", 19) == 0 && strstr(name, ".c")) return true;
    for (size_t list = 0; list < HTH_PART_LISTS; list++) {
        const hth_part_list *l = &hth_part_lists[list];
        for (size_t i = 0; i < l->of->count; i++) {
            snprintf(own, sizeof own, "src/%s/%s.c", l->folder, l->of->at(i)->name);
            for (char *at = own; *at; at++)
                if (*at == '-') *at = '_';
            if (strcmp(own, name) == 0)
                return !hth_embedded_has(&e->size->parts, l->list, l->of->at(i)->name);
        }
    }
    return false;
}

static hth_status copy_one(void *context, const char *name, hth_error *error) {
    const export *e = context;
    char from[HTH_PATH_LENGTH], to[HTH_PATH_LENGTH], inside[HTH_PATH_LENGTH];
    const size_t length = strlen(name);
    const bool source = length > 2 && name[length - 2] == '.' && strchr("ch", name[length - 1]);
    if (!source || is_idle(e, name) || strcmp(name, "src/base/parts.h") == 0) return HTH_OK;
    HTH_TRY(hth_rundir_file(e->sources, name, from, error));
    HTH_TRY(hth_rundir_file("core", name, inside, error));
    HTH_TRY(hth_tree_place(&e->tree, inside, to, error));
    return hth_file_copy(from, to, error);
}

static hth_status copy_core(export *e, hth_error *error) {
    static const char *const rooms[] = {"include",    "src/base",  "src/kernels", "src/network",
                                        "src/credit", "src/optim", "src/model"};
    char license[HTH_PATH_LENGTH], to[HTH_PATH_LENGTH];
    for (size_t i = 0; i < HTH_COUNT(rooms); i++)
        HTH_TRY(hth_tree_walk(e->sources, rooms[i], copy_one, e, error));
    HTH_TRY(hth_rundir_file(e->sources, "LICENSE", license, error));
    HTH_TRY(hth_tree_place(&e->tree, "core/LICENSE", to, error));
    return hth_file_copy(license, to, error);
}

static hth_status fill_templates(export *e, hth_error *error) {
    static const char *const own[][2] = {
        {"main.c", "main.c"},       {"Makefile", "Makefile"},
        {"README.md", "README.md"}, {"parts.h", "core/src/base/parts.h"},
        {"network.c", NULL},        {"network.h", NULL}};
    const hth_words words = {put, holds, e};
    for (size_t i = 0; i < HTH_COUNT(own); i++) {
        char name[200], from[HTH_PATH_LENGTH], to[HTH_PATH_LENGTH];
        snprintf(name, sizeof name, "export-c/%s.in", own[i][0]);
        HTH_TRY(hth_rundir_file(e->sources, name, from, error));
        snprintf(name, sizeof name, "%s.%c", e->prefix, own[i][0][strlen(own[i][0]) - 1]);
        HTH_TRY(hth_tree_place(&e->tree, own[i][1] ? own[i][1] : name, to, error));
        HTH_TRY(hth_template_fill(from, &words, to, error));
    }
    return HTH_OK;
}

static hth_status write_folder(export *e, const char *folder, hth_error *error) {
    HTH_TRY(hth_tree_begin(folder, &e->tree, error));
    hth_status status = copy_core(e, error);
    if (status == HTH_OK) status = fill_templates(e, error);
    const hth_status ended = hth_tree_end(&e->tree, status == HTH_OK, error);
    return status == HTH_OK ? ended : status;
}

/* ---- All together ---- */

static hth_status export_model(export *e, const hth_settings *all, const char *folder,
                               hth_error *error) {
    HTH_TRY(refuse(e, all, error));
    HTH_TRY(choose_settings(all, &e->settings, error));
    const hth_status status = write_folder(e, folder, error);
    free((void *)(uintptr_t)e->settings.items);
    return status;
}

hth_status hth_embedded_export(const char *run, const hth_settings *overrides, const char *sources,
                               const char *prefix, const char *folder, hth_embedded_size *size,
                               hth_error *error) {
    hth_config *config;
    hth_session session;
    HTH_TRY(hth_run_open(run, "train", overrides, NULL, &config, &session, error));
    const hth_settings settings = hth_config_settings(config);
    export e = {.sources = sources,
                .prefix = prefix,
                .source = &session.train,
                .network = session.parts.network,
                .size = size};
    hth_given_settings with = {0};
    hth_status status = hth_embedded_count(&settings, size, error);
    /* With class weights that the data bring. */
    if (status == HTH_OK) status = hth_given_settings_join(&session.train, &settings, &with, error);
    if (status == HTH_OK) status = export_model(&e, &with.settings, folder, error);
    free(with.items);
    free(with.text);
    hth_session_close(&session);
    hth_config_destroy(config);
    return status;
}
