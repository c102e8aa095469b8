/* The clock, and the memory of this process and of the machine. */
#include "files/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double hth_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Peak of the resident set, from /proc where it exists. The number from getrusage includes the program that started
 * this one, but is soon read: if it is what was known of this process, it is so still. */
size_t hth_peak_memory(size_t known) {
    struct rusage usage;
    unsigned long kilobytes = 0;
    char line[128];
    getrusage(RUSAGE_SELF, &usage);
    if (known && (size_t)usage.ru_maxrss * 1024 == known) return known;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) &&
           sscanf(line, "VmHWM: %lu", &kilobytes) != 1)
        continue;
    if (status) fclose(status);
    if (kilobytes) return kilobytes * 1024;
    return (size_t)usage.ru_maxrss * 1024;
}

/* Reads a number from a file; SIZE_MAX if the file does not exist or holds something else ("max"). */
static size_t limit_in(const char *path) {
    unsigned long long bytes;
    FILE *file = fopen(path, "r");
    const bool found = file && fscanf(file, "%llu", &bytes) == 1 && bytes < SIZE_MAX;
    if (file) fclose(file);
    return found ? (size_t)bytes : SIZE_MAX;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t hth_machine_memory(void) {
    size_t most = SIZE_MAX;
    struct rlimit limit;
#ifdef _SC_PHYS_PAGES
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) most = (size_t)pages * (size_t)page;
#endif
    most = least(most, limit_in("/sys/fs/cgroup/memory.max"));
    most = least(most, limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        most = least(most, (size_t)limit.rlim_cur);
    return most;
}
