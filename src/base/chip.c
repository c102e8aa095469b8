/*
 * What a type takes on a chip with pointers of 32 bits, asked on a machine with others: structures by a list that a
 * compiler for chips has made, options by their tables.
 */
#include "base/options.h"

#include <string.h>

#ifdef HTH_POSIX
#include "base/chip_sizes.h"

size_t hth_size_on(hth_chip chip, const char *type, size_t here) {
    static const struct {
        const char *type;
        size_t arm, riscv;
    } known[] = {
#define HTH_CHIP_SIZE(name, arm, riscv) {name, arm, riscv},
        HTH_CHIP_SIZES(HTH_CHIP_SIZE)
#undef HTH_CHIP_SIZE
    };
    const bool narrow = chip == HTH_CHIP_ARM || chip == HTH_CHIP_RISCV;
    for (size_t i = 0; narrow && i < HTH_COUNT(known); i++)
        if (strcmp(known[i].type, type) == 0)
            return chip == HTH_CHIP_ARM ? known[i].arm : known[i].riscv;
    return here;
}

/* ---- Options ---- */

/* Bytes of a value. Texts are pointers. */
static size_t bytes_of(hth_kind kind, size_t pointer) {
    switch (kind) {
    case HTH_KIND_BOOL:
        return sizeof(bool);
    case HTH_KIND_INTEGER:
        return sizeof(int64_t);
    case HTH_KIND_REAL:
        return sizeof(double);
    case HTH_KIND_CHOICE:
    case HTH_KIND_CHOICES:
        return sizeof(int);
    case HTH_KIND_TEXT:
    case HTH_KIND_UNITS:
        return pointer;
    }
    return 0;
}

static size_t round_up(size_t bytes, size_t alignment) {
    return (bytes + alignment - 1) / alignment * alignment;
}

/* Bytes of the struct with pointers of `pointer` bytes: values in the order of their offsets, each aligned to its own
 * size. */
static size_t struct_bytes(const hth_options *options, size_t pointer) {
    size_t end = 0, largest = 1;
    for (size_t done = 0, from = 0; done < options->count; done++) {
        const hth_option *next = NULL;
        for (size_t i = 0; i < options->count; i++) {
            const hth_option *item = &options->items[i];
            if (item->offset >= from && (!next || item->offset < next->offset)) next = item;
        }
        if (!next) break;
        const size_t bytes = bytes_of(next->kind, pointer);
        from = next->offset + 1;
        end = round_up(end, bytes) + bytes;
        largest = bytes > largest ? bytes : largest;
    }
    return round_up(end, largest);
}

void *hth_options_take(hth_arena *arena, const hth_options *options, size_t size) {
    const size_t chip = 4; /* bytes of a pointer there */
    const bool narrow = arena->chip == HTH_CHIP_ARM || arena->chip == HTH_CHIP_RISCV;
    /* A struct that holds more than its table says is taken to be as large as here. */
    const bool known = narrow && struct_bytes(options, sizeof(char *)) == size;
    return hth_arena_take(arena, 1, known ? struct_bytes(options, chip) : size);
}

#else /* a chip counts for itself alone */

void *hth_options_take(hth_arena *arena, const hth_options *options, size_t size) {
    (void)options;
    return hth_arena_take(arena, 1, size);
}

#endif
