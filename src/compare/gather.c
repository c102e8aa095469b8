/* The parts of a comparison: where each is, and putting them together. */
#include "compare/compare.h"
#include "compare/shown.h"
#include "compare/store/store.h"
#include "files/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char parts_name[] = "parts", store_name[] = "results.db";

hth_status hth_compare_part_folder(const char *out, hth_part_of part, char path[HTH_PATH_LENGTH],
                                   hth_error *error) {
    char name[64];
    snprintf(name, sizeof name, "%s/%zu-of-%zu", parts_name, part.part, part.of);
    return hth_rundir_file(out, name, path, error);
}

/* The results of a part. */
static hth_status part_store(const char *out, hth_part_of part, char path[HTH_PATH_LENGTH],
                             hth_error *error) {
    char folder[HTH_PATH_LENGTH];
    HTH_TRY(hth_compare_part_folder(out, part, folder, error));
    return hth_rundir_file(folder, store_name, path, error);
}

/* Reads "2-of-8". */
static bool read_name(const char *name, hth_part_of *part) {
    char again[64];
    if (sscanf(name, "%zu-of-%zu", &part->part, &part->of) != 2) return false;
    snprintf(again, sizeof again, "%zu-of-%zu", part->part, part->of);
    return strcmp(name, again) == 0 && part->part >= 1 && part->part <= part->of;
}

static int by_number(const void *a, const void *b) {
    const hth_part_of *one = a, *other = b;
    return (one->part > other->part) - (one->part < other->part);
}

/* The parts in OUT/parts that have results, in order; free() *parts. */
static hth_status list_parts(const char *out, hth_part_of **parts, size_t *count,
                             hth_error *error) {
    char folder[HTH_PATH_LENGTH], file[HTH_PATH_LENGTH];
    HTH_TRY(hth_rundir_file(out, parts_name, folder, error));
    *parts = NULL;
    *count = 0;
    DIR *open = opendir(folder);
    hth_status status = HTH_OK;
    if (!open && errno != ENOENT) return hth_file_fail(folder, "read", error);
    for (struct dirent *entry; open && status == HTH_OK && (entry = readdir(open));) {
        hth_part_of part;
        if (!read_name(entry->d_name, &part)) continue;
        hth_part_of *more = realloc(*parts, (*count + 1) * sizeof **parts);
        if (!more)
            status =
                hth_fail(error, HTH_NO_MEMORY, "not enough memory for the parts in %s", folder);
        if (status == HTH_OK) *parts = more;
        if (status == HTH_OK) status = part_store(out, part, file, error);
        if (status == HTH_OK && hth_file_exists(file)) (*parts)[(*count)++] = part;
    }
    if (open) closedir(open);
    if (*count) qsort(*parts, *count, sizeof **parts, by_number);
    return status;
}

static hth_status check_parts(const char *out, const hth_part_of *parts, size_t count,
                              hth_error *error) {
    if (count == 0)
        return hth_fail(error, HTH_FILE,
                        "%s holds no parts to gather: 'hitherto compare SETTINGS.yaml --part 1/8 "
                        "--out %s' runs one",
                        out, out);
    for (size_t i = 1; i < count; i++)
        if (parts[i].of != parts[0].of)
            return hth_fail(error, HTH_MISMATCH,
                            "%s/parts holds %zu-of-%zu and %zu-of-%zu, which are not parts of one "
                            "whole: remove the folders "
                            "of one of them",
                            out, parts[0].part, parts[0].of, parts[i].part, parts[i].of);
    return HTH_OK;
}

/* Compares the plan with what the first other part shows; what the rest show was compared with that. */
static hth_status fits_others(const char *out, const hth_plan *plan, const hth_part_of *parts,
                              size_t count, hth_error *error) {
    char folder[HTH_PATH_LENGTH];
    for (size_t i = 0; i < count; i++) {
        if (parts[i].part == plan->part.part) continue;
        HTH_TRY(hth_compare_part_folder(out, parts[i], folder, error));
        return hth_compare_shown(plan, folder, error);
    }
    return HTH_OK;
}

hth_status hth_compare_part_fits(const char *out, hth_part_of part, const hth_plan *plan,
                                 hth_error *error) {
    hth_part_of *parts;
    size_t count;
    hth_status status = list_parts(out, &parts, &count, error);
    for (size_t i = 0; i < count && status == HTH_OK; i++)
        if (parts[i].of != part.of)
            status =
                hth_fail(error, HTH_MISMATCH,
                         "%s/parts holds part %zu-of-%zu, so part %zu of %zu is not of the same "
                         "whole: give --part I/%zu, or another directory",
                         out, parts[i].part, parts[i].of, part.part, part.of, parts[i].of);
    if (status == HTH_OK && plan) status = fits_others(out, plan, parts, count, error);
    free(parts);
    return status;
}

static hth_status take_parts(const char *out, hth_store *store, const hth_part_of *parts,
                             size_t count, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    HTH_TRY(hth_store_take_begin(store, error));
    for (size_t i = 0; i < count; i++) {
        HTH_TRY(part_store(out, parts[i], path, error));
        HTH_TRY(hth_store_take(store, path, error));
    }
    return hth_store_taken(store, error);
}

static hth_status count_runs(hth_store *store, hth_gathered *gathered, hth_error *error) {
    hth_stored_run *runs;
    size_t count;
    HTH_TRY(hth_store_runs(store, &runs, &count, error));
    for (size_t i = 0; i < count; i++)
        if (runs[i].status == HTH_RUN_FINISHED || runs[i].status == HTH_RUN_DIVERGED)
            gathered->ended++;
        else
            gathered->unfinished++;
    free(runs);
    return HTH_OK;
}

/* With the folder locked, so that nobody runs or gathers there meanwhile. */
static hth_status gather_locked(const char *out, const hth_part_of *parts, size_t count,
                                hth_gathered *gathered, hth_error *error) {
    char path[HTH_PATH_LENGTH];
    hth_store *store;
    HTH_TRY(hth_rundir_file(out, store_name, path, error));
    HTH_TRY(hth_store_open(path, &store, error));
    hth_status status = take_parts(out, store, parts, count, error);
    if (status == HTH_OK) status = count_runs(store, gathered, error);
    hth_store_close(store);
    return status;
}

hth_status hth_compare_gather(const char *out, hth_gathered *gathered, hth_error *error) {
    hth_part_of *parts = NULL;
    size_t count;
    hth_rundir dir;
    hth_status status = list_parts(out, &parts, &count, error);
    if (status == HTH_OK) status = check_parts(out, parts, count, error);
    if (status == HTH_OK) *gathered = (hth_gathered){.parts = count, .of = parts[0].of};
    if (status == HTH_OK) status = hth_rundir_open(out, true, &dir, error);
    if (status == HTH_OK) {
        status = gather_locked(out, parts, count, gathered, error);
        hth_rundir_close(&dir);
    }
    free(parts);
    return status;
}
