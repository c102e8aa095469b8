/*
 * A stratified draw by a seed. Each class gets its share n_c wanted / N of the `wanted` sequences, rounded down.
 * The rest goes one by one to the classes with the largest remainders (ties are drawn). Within a class, sequences
 * are drawn without replacement.
 */
#include "base/random.h"
#include "data/sequences.h"

#include <stdlib.h>

/* A sequence; sorted by class, then by draw. */
typedef struct ticket {
    int32_t class;
    uint64_t draw;
    size_t sequence;
} ticket;

/* A class; its tickets begin at `first`. */
typedef struct stratum {
    size_t first, count, quota;
    uint64_t remainder, draw;
} stratum;

static int by_class(const void *left, const void *right) {
    const ticket *a = left, *b = right;
    if (a->class != b->class) return a->class < b->class ? -1 : 1;
    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

static int by_remainder(const void *left, const void *right) {
    const stratum *a = left, *b = right;
    if (a->remainder != b->remainder) return a->remainder > b->remainder ? -1 : 1;
    if (a->draw != b->draw) return a->draw < b->draw ? -1 : 1;
    return a->first < b->first ? -1 : 1;
}

static uint64_t draw(uint64_t seed, uint64_t index) {
    const hth_random random = {seed, HTH_RANDOM_SPLIT, 0};
    uint64_t words[2];
    hth_random_words(&random, index, words);
    return words[0];
}

/* Lists the classes of sorted tickets with their quotas. Returns how many. */
static size_t list_strata(const ticket *tickets, size_t count, size_t wanted, uint64_t seed,
                          stratum *strata) {
    size_t classes = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || tickets[i].class != tickets[i - 1].class)
            strata[classes++] = (stratum){.first = i, .draw = draw(seed, count + i)};
        strata[classes - 1].count++;
    }
    for (size_t c = 0; c < classes; c++) {
        const double share = (double)strata[c].count * (double)wanted / (double)count;
        strata[c].quota = (size_t)share;
        strata[c].remainder = (uint64_t)((share - (double)strata[c].quota) * 0x1p32);
    }
    return classes;
}

hth_status hth_split_draw(const int32_t *classes, size_t count, size_t wanted, uint64_t seed,
                          bool *validates, hth_error *error) {
    /* A ticket for each sequence, sorted by class. */
    ticket *tickets = calloc(count, sizeof *tickets);
    stratum *strata = calloc(count, sizeof *strata);
    if (!tickets || !strata) {
        free(tickets);
        free(strata);
        return hth_fail(error, HTH_NO_MEMORY, "data: not enough memory to draw %zu sequences",
                        count);
    }
    for (size_t i = 0; i < count; i++)
        tickets[i] = (ticket){classes ? classes[i] : 0, draw(seed, i), i};
    qsort(tickets, count, sizeof *tickets, by_class);
    const size_t kinds = list_strata(tickets, count, wanted, seed, strata);
    /* Rounding down leaves some over: they go to the largest remainders. */
    size_t left = wanted;
    for (size_t c = 0; c < kinds; c++) left -= strata[c].quota;
    qsort(strata, kinds, sizeof *strata, by_remainder);
    for (size_t c = 0; left > 0 && kinds > 0; c = (c + 1) % kinds)
        if (strata[c].quota < strata[c].count) {
            strata[c].quota++;
            left--;
        }
    /* Mark the first tickets of each class. */
    for (size_t c = 0; c < kinds; c++)
        for (size_t i = 0; i < strata[c].quota; i++)
            validates[tickets[strata[c].first + i].sequence] = true;
    free(tickets);
    free(strata);
    return HTH_OK;
}
