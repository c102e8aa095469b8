/*
 * Levels: the same loops over numbers, compiled for several kinds of processor and chosen when the program or the
 * library starts.
 *
 *     plain   C alone, scalar: the specification. A multiply-add is fma() of the C library.
 *     v2      x86-64-v2: SSE4.2. No fused multiply-add, so that its bits are its own.
 *     v3      x86-64-v3: AVX2 and FMA
 *     v4      x86-64-v4: AVX-512
 *     neon    aarch64
 *
 * All but v2 give the same bits. A file that is compiled once a level (CMakeLists.txt lists them) gives its global
 * names the level's suffix. It does so by two lines in its header, a verb and what the name stands for:
 *
 *     HTH_VERB(hth_real, hth_dot, (size_t n, const hth_real *x, const hth_real *y));
 *     #define hth_dot HTH_NOW(hth_dot)
 *
 * Inside such a file hth_dot is then the function of the same level; elsewhere, that of the level in use. Tables of
 * parts (cells, losses, methods) are declared by HTH_PART_OF and listed by HTH_EVERY_LEVEL.
 *
 * A build with one level has no choice to make: HTH_NOW(hth_dot) is one function.
 */
#ifndef HTH_LEVEL_H
#define HTH_LEVEL_H

#include "base/base.h"

/* One line a level: X(suffix, what follows), the slowest first. */
#if defined(HTH_ALL_LEVELS) && defined(__x86_64__)
#define HTH_LEVELS(X, ...)                                                                         \
    X(plain, __VA_ARGS__) X(v2, __VA_ARGS__) X(v3, __VA_ARGS__) X(v4, __VA_ARGS__)
enum { HTH_LEVEL_PLAIN, HTH_LEVEL_V2, HTH_LEVEL_V3, HTH_LEVEL_V4, HTH_LEVEL_COUNT };
#elif defined(HTH_ALL_LEVELS) && defined(__aarch64__)
#define HTH_LEVELS(X, ...) X(plain, __VA_ARGS__) X(neon, __VA_ARGS__)
enum { HTH_LEVEL_PLAIN, HTH_LEVEL_NEON, HTH_LEVEL_COUNT };
#else
#define HTH_LEVELS(X, ...) X(plain, __VA_ARGS__)
enum { HTH_LEVEL_PLAIN, HTH_LEVEL_COUNT };
#undef HTH_LEVEL
#define HTH_LEVEL plain
#endif

/* The level in use, set once, before main; and where there is HTH_LEVEL in the environment, by that. */
extern size_t hth_level;

size_t hth_level_count(void);
const char *hth_level_name_of(size_t level); /* as HTH_LEVEL takes it: plain, x86-64-v2, ... */
bool hth_level_runs(size_t level);           /* whether this processor can */
bool hth_level_fuses(size_t level); /* whether its bits are those of every other level that fuses */

/* HTH_INVALID, with what HTH_LEVEL can be, where it names no level that this processor can run. */
hth_status hth_level_check(hth_error *error);

/* ---- Names ---- */

#define HTH_JOIN_NOW(name, level) name##_##level
#define HTH_JOIN(name, level) HTH_JOIN_NOW(name, level)

#define HTH_DECLARE_VERB(level, result, name, parameters) result name##_##level parameters;
#define HTH_LIST_VERB(level, name, ...) name##_##level,

#if defined(__GNUC__)
#define HTH_MAY_BE_UNUSED __attribute__((unused))
#else
#define HTH_MAY_BE_UNUSED
#endif

#ifdef HTH_LEVEL /* a file of one level */
#define HTH_NOW(name) HTH_JOIN(name, HTH_LEVEL)
#define HTH_VERB(result, name, parameters) result HTH_JOIN(name, HTH_LEVEL) parameters
#else
#define HTH_NOW(name) name##_at[hth_level]
#define HTH_VERB(result, name, parameters)                                                         \
    HTH_LEVELS(HTH_DECLARE_VERB, result, name, parameters)                                         \
    HTH_MAY_BE_UNUSED static result(*const name##_at[HTH_LEVEL_COUNT])                             \
        parameters = {HTH_LEVELS(HTH_LIST_VERB, name, )}
#endif

/* A part's table, in the part's own file: HTH_PART_OF(const hth_cell, hth_cell_rate) = {...}; */
#define HTH_PART_OF(type, name) type HTH_JOIN(name, HTH_LEVEL)

/* In the list of parts: a declaration for every level, and a row of their addresses. */
#define HTH_DECLARE_PART(level, type, name) extern type name##_##level;
#define HTH_DECLARE_PARTS(type, name) HTH_LEVELS(HTH_DECLARE_PART, type, name)
#define HTH_LIST_PART(level, name, ...) &name##_##level,
#define HTH_EVERY_LEVEL(name)                                                                      \
    { HTH_LEVELS(HTH_LIST_PART, name, ) }

#endif
