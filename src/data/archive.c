/*
 * Reads named arrays, from a zip archive through libzip, which checks every member's CRC, or from a folder of files
 * through mmap.
 */
#include "data/archive.h"
#include "base/options.h"
#include "data/zip_reason.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_NAME = 64 };

struct hth_npz {
    zip_t *zip; /* NULL: a folder */
    char *path;
};

/* ---- Members of an archive ---- */

static hth_status fail_short(const hth_npy_source *s, const char *reason, hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: array %s is cut short or damaged%s%s", s->path, s->name,
                    reason ? ": " : "", reason ? reason : "");
}

static hth_status fail_member(const hth_npy_source *s, hth_error *error) {
    zip_error_t *failure = zip_file_get_error(s->context);
    if (zip_error_code_zip(failure) == ZIP_ER_OK) return fail_short(s, NULL, error);
    hth_status status;
    const char *reason = hth_zip_reason(failure, &status);
    if (status == HTH_FILE) return fail_short(s, reason, error);
    return hth_fail(error, status, "%s: array %s cannot be read: %s", s->path, s->name, reason);
}

static hth_status read_member(const hth_npy_source *s, void *out, size_t length, hth_error *error) {
    char *at = out;
    while (length) {
        zip_int64_t got = zip_fread(s->context, at, length);
        if (got <= 0) return fail_member(s, error);
        at += got;
        length -= (size_t)got;
    }
    return HTH_OK;
}

/* "inputs.npy"; false if the name is too long. */
static bool file_name(const char *name, char out[MOST_NAME]) {
    return snprintf(out, MOST_NAME, "%s.npy", name) < MOST_NAME;
}

static hth_status fail_missing(const hth_npz *npz, const char *name, hth_error *error) {
    return hth_fail(error, HTH_FILE, "%s: there is no array %s in the %s", npz->path, name,
                    npz->zip ? "file" : "folder");
}

static hth_status open_member(const hth_npz *npz, const char *name, hth_npy_source *out,
                              hth_error *error) {
    char file[MOST_NAME];
    const zip_int64_t index = file_name(name, file) ? zip_name_locate(npz->zip, file, 0) : -1;
    if (index < 0) return fail_missing(npz, name, error);
    zip_stat_t about;
    *out = (hth_npy_source){.path = npz->path, .name = name, .read = read_member};
    if (!zip_stat_index(npz->zip, (zip_uint64_t)index, 0, &about) && about.valid & ZIP_STAT_SIZE) {
        out->length = about.size;
        out->context = zip_fopen_index(npz->zip, (zip_uint64_t)index, 0);
    }
    if (out->context) return HTH_OK;
    hth_status status;
    const char *reason = hth_zip_reason(zip_get_error(npz->zip), &status);
    return hth_fail(error, status, "%s: array %s cannot be read: %s", npz->path, name, reason);
}

/* Requires the end of the member. libzip checks the CRC when the end is reached. */
static hth_status check_end(const hth_npy_source *s, hth_error *error) {
    char more;
    return zip_fread(s->context, &more, 1) == 0 ? HTH_OK : fail_member(s, error);
}

/* ---- Files of a folder ---- */

static hth_status read_map(const hth_npy_source *s, void *out, size_t length, hth_error *error) {
    hth_map *map = s->context;
    const size_t at = (size_t)(map->numbers - (const unsigned char *)map->start);
    if (length > map->length - at) return fail_short(s, NULL, error);
    memcpy(out, map->numbers, length);
    map->numbers += length;
    return HTH_OK;
}

void hth_map_close(hth_map *map) {
    if (map->start) munmap(map->start, map->length);
    *map = (hth_map){0};
}

static hth_status map_file(int file, const hth_npy_source *s, hth_map *out, hth_error *error) {
    struct stat about;
    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_size == 0)
        return fail_short(s, "it is empty, or no file", error);
    const size_t length = (size_t)about.st_size;
    void *start = mmap(NULL, length, PROT_READ, MAP_PRIVATE, file, 0);
    if (start == MAP_FAILED)
        return hth_fail(error, errno == ENOMEM ? HTH_NO_MEMORY : HTH_FILE,
                        "%s: array %s cannot be mapped into memory: %s", s->path, s->name,
                        strerror(errno));
    *out = (hth_map){.start = start, .length = length, .numbers = start};
    return HTH_OK;
}

/* Maps a file and reads its header, so that the numbers come next. */
hth_status hth_npz_map(hth_npz *npz, const char *name, hth_map *out, hth_error *error) {
    char path[4096], file[MOST_NAME];
    hth_map map = {0};
    hth_npy_source s = {.path = npz->path, .name = name, .context = &map, .read = read_map};
    /* Open the array's file. */
    const bool fits = file_name(name, file) &&
                      snprintf(path, sizeof path, "%s/%s", npz->path, file) < (int)sizeof path;
    const int opened = fits ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (opened < 0 && (!fits || errno == ENOENT)) return fail_missing(npz, name, error);
    if (opened < 0) return hth_fail(error, HTH_FILE, "%s: %s", path, strerror(errno));
    /* Map the file and read its header. */
    hth_status status = map_file(opened, &s, &map, error);
    close(opened);
    s.length = map.length;
    if (status == HTH_OK) status = hth_npy_header(&s, &map.array, error);
    /* The file must be long enough for the numbers. */
    const size_t read = map.start ? (size_t)(map.numbers - (const unsigned char *)map.start) : 0;
    if (status == HTH_OK && map.array.count > (map.length - read) / map.array.size)
        status = fail_short(&s, NULL, error);
    if (status == HTH_OK)
        *out = map;
    else
        hth_map_close(&map);
    return status;
}

/* ---- Archives and folders ---- */

hth_status hth_npz_header(hth_npz *npz, const char *name, hth_npy *out, hth_error *error) {
    hth_npy_source s;
    hth_map map;
    if (!npz->zip) {
        HTH_TRY(hth_npz_map(npz, name, &map, error));
        *out = map.array;
        hth_map_close(&map);
        return HTH_OK;
    }
    HTH_TRY(open_member(npz, name, &s, error));
    hth_status status = hth_npy_header(&s, out, error);
    zip_fclose(s.context);
    return status;
}

static hth_status read_mapped(hth_npz *npz, const char *name, hth_npy_visit visit, void *arg,
                              hth_error *error) {
    hth_map map;
    HTH_TRY(hth_npz_map(npz, name, &map, error));
    const hth_npy array = map.array;
    const hth_npy_source s = {
        .path = npz->path, .name = name, .context = &map, .read = read_map, .length = map.length};
    hth_status status = hth_npy_numbers(&s, &array, visit, arg, error);
    hth_map_close(&map);
    return status;
}

hth_status hth_npz_read(hth_npz *npz, const char *name, hth_npy_visit visit, void *arg,
                        hth_error *error) {
    hth_npy_source s;
    hth_npy array;
    if (!npz->zip) return read_mapped(npz, name, visit, arg, error);
    HTH_TRY(open_member(npz, name, &s, error));
    hth_status status = hth_npy_header(&s, &array, error);
    if (status == HTH_OK) status = hth_npy_numbers(&s, &array, visit, arg, error);
    if (status == HTH_OK) status = check_end(&s, error);
    zip_fclose(s.context);
    return status;
}

bool hth_npz_has(const hth_npz *npz, const char *name) {
    char path[4096], file[MOST_NAME];
    if (!file_name(name, file)) return false;
    if (npz->zip) return zip_name_locate(npz->zip, file, 0) >= 0;
    return snprintf(path, sizeof path, "%s/%s", npz->path, file) < (int)sizeof path &&
           access(path, F_OK) == 0;
}

const char *hth_npz_path(const hth_npz *npz) {
    return npz->path;
}

bool hth_npz_is_folder(const hth_npz *npz) {
    return !npz->zip;
}

/* ---- Unused arrays ---- */

/* Copies the name without its ending. */
static void stem_of(const char *file, char name[MOST_NAME]) {
    snprintf(name, MOST_NAME, "%.*s", (int)strcspn(file, "."), file);
}

static hth_status fail_useless(const hth_npz *npz, const char *name, const char *const *names,
                               size_t count, hth_error *error) {
    const char *nearest = hth_nearest(name, names, count);
    char all[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof all; i++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    if (nearest)
        return hth_fail(error, HTH_INVALID, "%s: there is no use for array %s; did you mean '%s'?",
                        npz->path, name, nearest);
    return hth_fail(error, HTH_INVALID, "%s: there is no use for array %s; there is for %s",
                    npz->path, name, all);
}

static hth_status check_name(const hth_npz *npz, const char *file, const char *const *names,
                             size_t count, hth_error *error) {
    char name[MOST_NAME];
    stem_of(file, name);
    for (size_t k = 0; k < count; k++)
        if (strcmp(name, names[k]) == 0) return HTH_OK;
    return fail_useless(npz, name, names, count, error);
}

static hth_status only_in_folder(const hth_npz *npz, const char *const *names, size_t count,
                                 hth_error *error) {
    DIR *folder = opendir(npz->path);
    if (!folder) return hth_fail(error, HTH_FILE, "%s: %s", npz->path, strerror(errno));
    hth_status status = HTH_OK;
    for (struct dirent *entry; status == HTH_OK && (entry = readdir(folder));) {
        const size_t length = strlen(entry->d_name);
        if (length > 4 && strcmp(entry->d_name + length - 4, ".npy") == 0)
            status = check_name(npz, entry->d_name, names, count, error);
    }
    closedir(folder);
    return status;
}

hth_status hth_npz_only(const hth_npz *npz, const char *const *names, size_t count,
                        hth_error *error) {
    if (!npz->zip) return only_in_folder(npz, names, count, error);
    for (zip_int64_t i = 0; i < zip_get_num_entries(npz->zip, 0); i++) {
        const char *entry = zip_get_name(npz->zip, (zip_uint64_t)i, 0);
        HTH_TRY(check_name(npz, entry ? entry : "", names, count, error));
    }
    return HTH_OK;
}

/* ---- Opening ---- */

static hth_status fail_zip(const char *path, int code, hth_error *error) {
    zip_error_t failure;
    hth_status status;
    zip_error_init_with_code(&failure, code);
    const char *reason = hth_zip_reason(&failure, &status);
    hth_fail(error, status, "%s: %s%s", path, reason,
             code == ZIP_ER_NOZIP || code == ZIP_ER_INCONS
                 ? "; an .npz file, as numpy.savez writes it, is expected, whole, or a folder of "
                   ".npy files"
                 : "");
    zip_error_fini(&failure);
    return status;
}

/* Refuses an archive with two members of the same name: libzip would always find the first. */
static hth_status check_twice(const hth_npz *npz, hth_error *error) {
    for (zip_int64_t i = 0; i < zip_get_num_entries(npz->zip, 0); i++) {
        const char *name = zip_get_name(npz->zip, (zip_uint64_t)i, 0);
        if (name && zip_name_locate(npz->zip, name, 0) != i)
            return hth_fail(error, HTH_INVALID, "%s: the archive has two members %s", npz->path,
                            name);
    }
    return HTH_OK;
}

/* Memory of the machine; UINT64_MAX if the system does not tell. */
static uint64_t memory_bytes(void) {
#ifdef _SC_PHYS_PAGES
    const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && bytes > 0) return (uint64_t)pages * (uint64_t)bytes;
#endif
    return UINT64_MAX;
}

/* Refuses an archive that unpacks to more than the machine's memory, by the sizes in its directory, before anything
 * is unpacked. */
static hth_status check_size(const hth_npz *npz, hth_error *error) {
    const uint64_t memory = memory_bytes();
    uint64_t total = 0;
    for (zip_int64_t i = 0; i < zip_get_num_entries(npz->zip, 0); i++) {
        zip_stat_t about;
        if (zip_stat_index(npz->zip, (zip_uint64_t)i, 0, &about)) continue;
        const uint64_t size = about.valid & ZIP_STAT_SIZE ? about.size : 0;
        total = size > UINT64_MAX - total ? UINT64_MAX : total + size;
    }
    if (total <= memory) return HTH_OK;
    return hth_fail(
        error, HTH_NO_MEMORY,
        "%s: its arrays unpack to %.1f GB, and this machine has %.1f GB of memory; unpack "
        "them into a folder of .npy files, of which large ones are not read as a whole",
        npz->path, (double)total / 1e9, (double)memory / 1e9);
}

hth_status hth_npz_open(const char *path, hth_npz **out, hth_error *error) {
    size_t length = strlen(path) + 1;
    struct stat about;
    int code = 0;
    hth_npz *npz = calloc(1, sizeof *npz + length);
    if (!npz) return hth_fail(error, HTH_NO_MEMORY, "%s: not enough memory", path);
    npz->path = memcpy(npz + 1, path, length);
    if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
        npz->zip = zip_open(path, ZIP_RDONLY, &code);
        hth_status status = npz->zip ? check_twice(npz, error) : fail_zip(path, code, error);
        if (status == HTH_OK) status = check_size(npz, error);
        if (status != HTH_OK) {
            hth_npz_close(npz);
            return status;
        }
    }
    *out = npz;
    return HTH_OK;
}

void hth_npz_close(hth_npz *npz) {
    if (!npz) return;
    if (npz->zip) zip_discard(npz->zip);
    free(npz);
}
