/* Which levels there are, which this processor can run, and which is used: see level.h. */
#include "kernels/level.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct level {
    const char *name;
    bool fuses;
    bool (*runs)(void);
} level;

static bool always(void) {
    return true;
}

#if defined(HTH_ALL_LEVELS) && defined(__x86_64__)

#include <cpuid.h>

/* Bits of registers of CPUID. */
static bool has_bits(unsigned leaf, unsigned ecx_bits) {
    unsigned a, b, c, d;
    return __get_cpuid(leaf, &a, &b, &c, &d) && (c & ecx_bits) == ecx_bits;
}

static bool runs_v2(void) {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") &&
           __builtin_cpu_supports("popcnt");
}

/* The compiler's own test also asks whether the system saves the wide registers. */
static bool runs_v3(void) {
    const unsigned movbe = 1u << 22, f16c = 1u << 29, lzcnt = 1u << 5;
    return runs_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           has_bits(1, movbe | f16c) && has_bits(0x80000001u, lzcnt);
}

static bool runs_v4(void) {
    return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static const level levels[] = {{"plain", true, always},
                               {"x86-64-v2", false, runs_v2},
                               {"x86-64-v3", true, runs_v3},
                               {"x86-64-v4", true, runs_v4}};

#elif defined(HTH_ALL_LEVELS) && defined(__aarch64__)

static const level levels[] = {{"plain", true, always}, {"aarch64", true, always}};

#else

static const level levels[] = {{"plain", true, always}};

#endif

_Static_assert(HTH_COUNT(levels) == HTH_LEVEL_COUNT, "a row for every level");

size_t hth_level = HTH_LEVEL_PLAIN;

size_t hth_level_count(void) {
    return HTH_LEVEL_COUNT;
}

const char *hth_level_name_of(size_t index) {
    return levels[index].name;
}

bool hth_level_runs(size_t index) {
    return levels[index].runs();
}

bool hth_level_fuses(size_t index) {
    return levels[index].fuses;
}

const char *hth_level_name(void) {
    return levels[hth_level].name;
}

#ifdef HTH_ALL_LEVELS

/* The level of that name, or HTH_LEVEL_COUNT. */
static size_t find(const char *name) {
    size_t index = 0;
    while (index < HTH_LEVEL_COUNT && strcmp(levels[index].name, name) != 0) index++;
    return index;
}

/* The last that runs. What HTH_LEVEL names in its place is checked when a handle is made, where there is somebody to
 * tell. */
__attribute__((constructor)) static void choose(void) {
    const char *name = getenv("HTH_LEVEL");
    const size_t named = name ? find(name) : HTH_LEVEL_COUNT;
#ifdef __x86_64__
    __builtin_cpu_init();
#endif
    for (size_t i = 0; i < HTH_LEVEL_COUNT; i++)
        if (levels[i].runs()) hth_level = i;
    if (named < HTH_LEVEL_COUNT && levels[named].runs()) hth_level = named;
}

hth_status hth_level_check(hth_error *error) {
    const char *name = getenv("HTH_LEVEL");
    const size_t named = name ? find(name) : hth_level;
    char all[200] = "";
    if (named < HTH_LEVEL_COUNT && levels[named].runs()) return HTH_OK;
    for (size_t i = 0, used = 0; i < HTH_LEVEL_COUNT; i++)
        if (levels[i].runs() && used < sizeof all)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "",
                                     levels[i].name);
    if (named < HTH_LEVEL_COUNT)
        return hth_fail(error, HTH_INVALID,
                        "HTH_LEVEL is %s, which this processor cannot run; it runs %s", name, all);
    return hth_fail(error, HTH_INVALID, "HTH_LEVEL is '%s', but must be one of %s", name, all);
}

#else

hth_status hth_level_check(hth_error *error) {
    (void)error;
    return HTH_OK;
}

#endif
