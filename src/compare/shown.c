/*
 * What a part of a comparison shows to the others: the file shown.json in its folder, with the settings of its
 * variants that are not defaults. Others read this file and never the results, which the part may be writing.
 */
#include "compare/shown.h"

#include "compare/store/store.h"
#include "files/folder.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char shown_name[] = "shown.json";

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for what a part shows to the others");
}

/* ---- Showing ------------------------------------------------------------------------------ */

/* May differ from part to part, because it never changes a number. */
static bool is_free(const char *key) {
    return strcmp(key, "train.checkpoint_every") == 0;
}

/* Adds {"arm": ..., "varied": ..., "settings": {...}}; false without memory. */
static bool show_variant(cJSON *list, const hth_variant *v) {
    cJSON *entry = cJSON_CreateObject();
    char *varied = hth_canonical_varied(v->varied);
    cJSON_AddItemToArray(list, entry);
    bool good = varied && cJSON_AddStringToObject(entry, "arm", v->arm) &&
                cJSON_AddStringToObject(entry, "varied", varied);
    cJSON *settings = good ? cJSON_AddObjectToObject(entry, "settings") : NULL;
    good = settings != NULL;
    for (size_t i = 0; i < v->identity.count && good; i++)
        if (!v->identity.items[i].by_default && !is_free(v->identity.items[i].key))
            good = cJSON_AddStringToObject(settings, v->identity.items[i].key,
                                           v->identity.items[i].value) != NULL;
    cJSON_free(varied);
    return good;
}

hth_status hth_show_plan(const hth_plan *plan, const char *folder, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(folder, shown_name, path, error));
    cJSON *list = cJSON_CreateArray();
    bool good = list != NULL;
    for (size_t i = 0; i < plan->count && good; i++) good = show_variant(list, &plan->variants[i]);
    char *text = good ? cJSON_Print(list) : NULL;
    const hth_status status = text ? hth_file_replace(path, text, error) : no_memory(error);
    cJSON_free(text);
    cJSON_Delete(list);
    return status;
}

/* ---- Comparing ---------------------------------------------------------------------------- */

static const char *text_of(const cJSON *entry, const char *key) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, key));
    return text ? text : "";
}

static const cJSON *find_variant(const cJSON *list, const char *arm, const char *varied) {
    const cJSON *entry;
    cJSON_ArrayForEach(entry, list) if (strcmp(text_of(entry, "arm"), arm) == 0 &&
                                        strcmp(text_of(entry, "varied"), varied) == 0) return entry;
    return NULL;
}

static hth_status refuse(const hth_variant *v, const char *folder, const char *key,
                         const char *there, const char *here, hth_error *error) {
    return hth_fail(
        error, HTH_MISMATCH,
        "%s was called with other settings: in arm '%s' %s is '%.60s' there and '%.60s' "
        "here; call all parts with the same, or name another directory",
        folder, v->arm, key, there, here);
}

/* Refuses a setting that is not the same there: set in one place only, or to another value. */
static hth_status compare_settings(const hth_variant *v, const cJSON *settings, const char *folder,
                                   hth_error *error) {
    const cJSON *item;
    for (size_t i = 0; i < v->identity.count; i++) {
        const char *key = v->identity.items[i].key, *here = v->identity.items[i].value;
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(settings, key);
        const char *there = cJSON_GetStringValue(found);
        if (is_free(key) || (!there && v->identity.items[i].by_default)) continue;
        if (!there || !hth_same_value(there, here))
            return refuse(v, folder, key, there ? there : "not set", here, error);
    }
    /* What this variant does not have at all. */
    cJSON_ArrayForEach(item, settings) {
        bool known = false;
        for (size_t i = 0; i < v->identity.count && !known; i++)
            known = strcmp(v->identity.items[i].key, item->string) == 0;
        const char *there = cJSON_GetStringValue(item);
        if (!known && there) return refuse(v, folder, item->string, there, "not set", error);
    }
    return HTH_OK;
}

static hth_status compare_variant(const hth_variant *v, const cJSON *list, const char *folder,
                                  hth_error *error) {
    char *varied = hth_canonical_varied(v->varied);
    if (!varied) return no_memory(error);
    const cJSON *entry = find_variant(list, v->arm, varied);
    cJSON_free(varied);
    if (!entry) return HTH_OK;
    return compare_settings(v, cJSON_GetObjectItemCaseSensitive(entry, "settings"), folder, error);
}

/* The whole file; *text NULL if there is none. */
static hth_status read_file(const char *path, char **text, hth_error *error) {
    size_t used = 0, room = 1 << 16;
    bool there;
    *text = NULL;
    HTH_TRY(hth_file_look(path, &there, error));
    if (!there) return HTH_OK;
    FILE *file = fopen(path, "re");
    if (!file) return hth_file_fail(path, "read", error);
    char *all = malloc(room + 1);
    for (size_t got; all && (got = fread(all + used, 1, room - used, file)) > 0;) {
        used += got;
        if (used < room) continue;
        char *longer = realloc(all, 2 * room + 1);
        if (!longer) free(all);
        all = longer;
        room *= 2;
    }
    fclose(file);
    if (!all) return no_memory(error);
    all[used] = '\0';
    *text = all;
    return HTH_OK;
}

hth_status hth_compare_shown(const hth_plan *plan, const char *folder, hth_error *error) {
    char path[HTH_PATH_LENGTH], *text;
    HTH_TRY(hth_rundir_file(folder, shown_name, path, error));
    HTH_TRY(read_file(path, &text, error));
    if (!text) return HTH_OK;
    cJSON *list = cJSON_Parse(text);
    free(text);
    hth_status status = HTH_OK;
    if (!list)
        status =
            hth_fail(error, HTH_FILE, "%s is no JSON: remove it, and call that part again", path);
    for (size_t i = 0; i < plan->count && status == HTH_OK; i++)
        status = compare_variant(&plan->variants[i], list, folder, error);
    cJSON_Delete(list);
    return status;
}
