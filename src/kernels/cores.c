/*
 * How many cores this process may use: those that it may run on (its affinity, on Linux), and no more
 * than its share of the processor's time. That share is the quota of its control group, which containers
 * and batch systems set: version 2 writes it to cpu.max, version 1 to cpu.cfs_quota_us and
 * cpu.cfs_period_us (Linux: Documentation/admin-guide/cgroup-v2.rst, scheduler/sched-bwc.rst).
 */
#ifdef HTH_POSIX
#ifdef __linux__
#define _GNU_SOURCE /* sched_getaffinity, CPU_COUNT_S */
#else
#define _DARWIN_C_SOURCE /* _SC_NPROCESSORS_ONLN */
#endif
#endif
#include "kernels/cores.h"

#ifndef HTH_POSIX

int hth_cores(void) {
    return 1;
}

#else

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { TEXT = 16384, PATH = 4096, LEVELS = 64 };

/* ---- Control groups ------------------------------------------------------------------------ */

int hth_cores_of_quota(const char *text) {
    char *end;
    const long long quota = strtoll(text, &end, 10);
    const long long period = strtoll(end, NULL, 10);
    if (quota <= 0 || period <= 0) return 0; /* "max 100000", "-1 100000", or no quota at all */
    const long long cores = quota / period + (quota % period != 0);
    return cores > INT_MAX ? 0 : (int)cores;
}

/* Of two limits, where 0 is none. */
static int smaller(int a, int b) {
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Puts what the file holds at the end of the text. */
static bool append_file(const char *folder, const char *name, char *text, size_t capacity) {
    char path[PATH];
    const size_t length = strlen(text);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return false;
    FILE *file = fopen(path, "r");
    if (!file) return false;
    text[length + fread(text + length, 1, capacity - length - 1, file)] = '\0';
    fclose(file);
    return true;
}

/* The quota that stands in a group's folder; 0: none. */
static int cores_of_folder(const char *folder, bool second_version) {
    char text[256] = "";
    const bool found = second_version
                           ? append_file(folder, "cpu.max", text, sizeof text)
                           : append_file(folder, "cpu.cfs_quota_us", text, sizeof text) &&
                                 append_file(folder, "cpu.cfs_period_us", text, sizeof text);
    return found ? hth_cores_of_quota(text) : 0;
}

/* A group's path and all above it, up to the folder where groups are mounted. In a container the path may
 * be the one outside, which is not there; the container's own group is then the mounted one. */
static int cores_of_path(const char *mount, const char *path, bool second_version) {
    char folder[PATH];
    int cores = 0;
    if (snprintf(folder, sizeof folder, "%s%s", mount, path) >= (int)sizeof folder) return 0;
    for (int level = 0; level < LEVELS && strlen(folder) >= strlen(mount); level++) {
        cores = smaller(cores, cores_of_folder(folder, second_version));
        char *last = strrchr(folder, '/');
        if (!last) break;
        *last = '\0';
    }
    return cores;
}

static bool names_cpu(const char *controllers) {
    for (size_t length; *controllers; controllers += length + (controllers[length] == ',')) {
        length = strcspn(controllers, ",");
        if (length == 3 && memcmp(controllers, "cpu", 3) == 0) return true;
    }
    return false;
}

/* A line is "0::PATH" (version 2) or "ID:CONTROLLER,CONTROLLER:PATH" (version 1). */
static int cores_of_line(char *line, const char *mount) {
    char first[PATH];
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path || path[1] != '/') return 0;
    *controllers++ = '\0';
    *path++ = '\0';
    if (!*controllers) return cores_of_path(mount, path, true);
    if (!names_cpu(controllers)) return 0;
    if (snprintf(first, sizeof first, "%s/cpu", mount) >= (int)sizeof first) return 0;
    return cores_of_path(first, path, false);
}

int hth_cores_of_groups(const char *groups, const char *mount) {
    char line[PATH];
    int cores = 0;
    while (*groups) {
        const size_t length = strcspn(groups, "\n");
        if (length < sizeof line) {
            memcpy(line, groups, length);
            line[length] = '\0';
            cores = smaller(cores, cores_of_line(line, mount));
        }
        groups += length + (groups[length] == '\n');
    }
    return cores;
}

static int cores_of_own_groups(void) {
    char groups[TEXT] = "";
    append_file("/proc/self", "cgroup", groups, sizeof groups);
    return hth_cores_of_groups(groups, "/sys/fs/cgroup");
}

/* ---- All together -------------------------------------------------------------------------- */

static int cores_to_run_on(void) {
#ifdef __linux__
    cpu_set_t sets[16]; /* 16384 processors */
    if (sched_getaffinity(0, sizeof sets, sets) == 0) return CPU_COUNT_S(sizeof sets, sets);
#endif
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 || cores > INT_MAX ? 1 : (int)cores;
}

int hth_cores(void) {
    const int cores = smaller(cores_to_run_on(), cores_of_own_groups());
    return cores < 1 ? 1 : cores;
}

#endif
