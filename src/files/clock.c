/* What time it is, and how much memory this process has taken. */
#include "files/clock.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

double hth_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Peak of the resident set. Where /proc tells it, from there: what getrusage says includes the program
 * that started this one. */
size_t hth_peak_memory(void) {
    struct rusage usage;
    unsigned long kilobytes = 0;
    char line[128];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status) &&
           sscanf(line, "VmHWM: %lu", &kilobytes) != 1)
        continue;
    if (status) fclose(status);
    if (kilobytes) return kilobytes * 1024;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss * 1024;
}
