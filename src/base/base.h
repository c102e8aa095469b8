/* What every room uses: errors, the arena, small helpers. Nothing here knows of networks. */
#ifndef HTH_BASE_H
#define HTH_BASE_H

#include "base/parts.h"
#include "hitherto.h"

#ifdef HTH_DOUBLE
#define HTH_C(x) x /* a literal of type hth_real */
#define HTH_EPSILON 2.220446049250313e-16
#else
#define HTH_C(x) x##f
#define HTH_EPSILON 1.1920929e-07
#endif

#define HTH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__GNUC__)
#define HTH_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define HTH_PRINTF(a, b)
#endif

/* Writes the sentence and returns status, so that a check reads `return hth_fail(error, ...)`. */
hth_status hth_fail(hth_error *error, hth_status status, const char *format, ...) HTH_PRINTF(3, 4);

/* As snprintf, for text that holds a size_t (%zu): not every C library of a chip writes one. */
int hth_text(char *out, size_t size, const char *format, ...) HTH_PRINTF(3, 4);

#define HTH_TRY(call)                                                                              \
    do {                                                                                           \
        hth_status hth_try_status = (call);                                                        \
        if (hth_try_status != HTH_OK) return hth_try_status;                                       \
    } while (0)

/* Whose sizes count: this machine's, or those of a chip with pointers of 32 bits. Enumerations take as few bytes as
 * they need on ARM, and four on RISC-V and Xtensa. */
typedef enum hth_chip {
    HTH_NO_CHIP,
    HTH_CHIP_ARM,
    HTH_CHIP_RISCV,
    HTH_CHIP_HERE /* the core alone, on a machine like this one */
} hth_chip;

/*
 * An arena lays a handle out in one block. A layout function is run twice: with base NULL it only
 * counts, then it places. Every piece is 64-byte aligned and zero at the start. Too large a piece makes
 * `used` SIZE_MAX, which no allocator gives.
 */
typedef struct hth_arena {
    char *base;
    size_t used;
    hth_chip chip; /* whose bytes `used` counts; with a base always this machine's */
} hth_arena;

/* An empty arena that only counts, for a handle from the allocator (NULL: malloc). */
hth_arena hth_arena_for(const hth_allocator *allocator);
void *hth_arena_take(hth_arena *arena, size_t count, size_t size);

/*
 * How much a chip would take. An allocator whose `release` is hth_on_chip, and whose context begins with a hth_chip, is
 * asked for the bytes that the handle would take there, and must refuse.
 */
void hth_on_chip(void *context, void *memory);
/* The bytes of a type on a chip: base/chip_sizes.h, or `here` for types that are as large as on this machine. */
size_t hth_size_on(hth_chip chip, const char *type, size_t here);

/* a b, or more than any allocator will give when that does not fit. */
size_t hth_times(size_t a, size_t b);

/* HTH_SIZE_ON(chip, type): the bytes of a type on a chip, or here. A chip counts for itself alone. With
 * HTH_LIST_SIZES the assembler's input names each type with its size (scripts/chip-sizes). */
#if defined(HTH_LIST_SIZES)
#define HTH_SIZE_ON(chip, type)                                                                    \
    __extension__({                                                                                \
        __asm__ volatile("@size " #type " = %c0" ::"i"(sizeof(type)));                             \
        sizeof(type);                                                                              \
    })
#elif defined(HTH_POSIX)
#define HTH_SIZE_ON(chip, type)                                                                    \
    ((chip) == HTH_NO_CHIP ? sizeof(type) : hth_size_on(chip, #type, sizeof(type)))
#else
#define HTH_SIZE_ON(chip, type) ((void)(chip), sizeof(type))
#endif
#define HTH_TAKE(arena, type, count)                                                               \
    ((type *)hth_arena_take(arena, count, HTH_SIZE_ON((arena)->chip, type)))

size_t hth_field_bytes(const hth_field *field);

/* Zeroed memory from the allocator (NULL: malloc), remembered with it so that release is simple. */
void *hth_allocate(const hth_allocator *allocator, size_t bytes);
void hth_release(void *memory);

#endif
