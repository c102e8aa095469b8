/* What ranks tell each other beside gradients: how they fared, and states for the files of rank 0. See shares.h. */
#include "session/shares.h"

#include <stdlib.h>
#include <string.h>

/* One number of `size` bytes of each rank, to all. */
static void collect_one(const hth_ranks *ranks, void *data, size_t size) {
    int one[HTH_MOST_RANKS], first[HTH_MOST_RANKS];
    for (int r = 0; r < ranks->count; r++) {
        one[r] = 1;
        first[r] = r;
    }
    hth_ranks_collect(ranks, data, size, one, first);
}

hth_status hth_ranks_agree(const hth_ranks *ranks, hth_status status, hth_error *error) {
    unsigned char failed[HTH_MOST_RANKS] = {0};
    hth_error told = {.status = status};
    int from = 0;
    if (ranks->count == 1) return status;
    /* Which have failed? */
    failed[ranks->rank] = status != HTH_OK;
    hth_ranks_any(ranks, failed, (size_t)ranks->count);
    while (from < ranks->count && !failed[from]) from++;
    if (from == ranks->count) return HTH_OK;
    /* The sentence of the first. */
    if (from == ranks->rank && error) told = *error;
    hth_ranks_tell(ranks, from, &told, sizeof told);
    return hth_fail(error, told.status, "%s", told.message);
}

uint64_t hth_ranks_total(const hth_ranks *ranks, uint64_t own) {
    uint64_t all[HTH_MOST_RANKS] = {0}, sum = 0;
    all[ranks->rank] = own;
    collect_one(ranks, all, sizeof *all);
    for (int r = 0; r < ranks->count; r++) sum += all[r];
    return sum;
}

/* ---- States of all ranks ---- */

/* How much a rank brings. */
typedef struct load {
    uint64_t fields, bytes;
} load;

static size_t bytes_of(const hth_field *field) {
    const bool wide = field->dtype == HTH_DTYPE_F64 || field->dtype == HTH_DTYPE_U64 ||
                      (field->dtype == HTH_DTYPE_REAL && sizeof(hth_real) == sizeof(double));
    return field->count * (wide ? 8 : 4);
}

/* The room for what other ranks bring. */
static hth_status make_room(const hth_ranks *ranks, const load *loads, hth_fetched *out,
                            hth_error *error) {
    load all = {0};
    for (int r = 1; r < ranks->count; r++) {
        all.fields += loads[r].fields;
        all.bytes += loads[r].bytes;
    }
    out->fields = calloc(all.fields + 1, sizeof *out->fields);
    out->data = malloc(all.bytes + 1);
    if (out->fields && out->data) return HTH_OK;
    return hth_fail(error, HTH_NO_MEMORY,
                    "not enough memory for the states of %d ranks in a checkpoint (%llu MiB)",
                    ranks->count, (unsigned long long)(all.bytes >> 20));
}

static void give(const hth_ranks *ranks, const hth_field *fields, size_t count) {
    hth_ranks_send(ranks, 0, fields, count * sizeof *fields);
    for (size_t i = 0; i < count; i++)
        hth_ranks_send(ranks, 0, fields[i].data, bytes_of(&fields[i]));
}

static void take(const hth_ranks *ranks, int from, size_t count, hth_fetched *out, char **at) {
    hth_field *fields = out->fields + out->count;
    hth_ranks_receive(ranks, from, fields, count * sizeof *fields);
    for (size_t i = 0; i < count; i++) {
        fields[i].data = *at;
        hth_ranks_receive(ranks, from, *at, bytes_of(&fields[i]));
        *at += bytes_of(&fields[i]);
    }
    out->count += count;
}

hth_status hth_ranks_fetch(const hth_ranks *ranks, const hth_field *fields, size_t count,
                           hth_fetched *out, hth_error *error) {
    load loads[HTH_MOST_RANKS] = {{0, 0}};
    *out = (hth_fetched){0};
    if (ranks->count == 1) return HTH_OK;
    /* How much will come? */
    loads[ranks->rank].fields = count;
    for (size_t i = 0; i < count; i++) loads[ranks->rank].bytes += bytes_of(&fields[i]);
    collect_one(ranks, loads, sizeof *loads);
    /* Rank 0 takes it, if it has the room. */
    hth_status status = HTH_OK;
    if (ranks->rank == 0) status = make_room(ranks, loads, out, error);
    status = hth_ranks_agree(ranks, status, error);
    char *at = out->data;
    if (status == HTH_OK && ranks->rank > 0) give(ranks, fields, count);
    for (int r = 1; status == HTH_OK && ranks->rank == 0 && r < ranks->count; r++)
        take(ranks, r, loads[r].fields, out, &at);
    if (status == HTH_OK) return HTH_OK;
    free(out->fields);
    free(out->data);
    *out = (hth_fetched){0};
    return status;
}
