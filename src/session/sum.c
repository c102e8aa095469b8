/* The sum over shares: see sum.h. */
#include "session/sum.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A sum S(from, to) that one rank finds by itself, its round-th. */
typedef struct node {
    size_t from, to;
    int rank, round;
} node;

struct hth_sum {
    const hth_ranks *ranks;
    size_t shares, numbers;
    size_t own;  /* the first share of this rank */
    node *nodes; /* [shares], of all ranks, in the order of shares */
    size_t node_count;
    int rounds;           /* the most nodes of a rank */
    int *count, *first;   /* [ranks]: slices of the array */
    int *given, *got;     /* [ranks], of a round */
    int *got_first;       /* [ranks] */
    hth_real *slices;     /* [nodes][count of this rank] */
    hth_real **at;        /* [shares], scratch */
    const size_t *leaves; /* [shares]: share i ends at i + 1 */
    size_t *ends;         /* [shares]: where the node ends that begins with the share */
};

size_t hth_rank_shares(const hth_ranks *ranks, int rank, size_t shares) {
    return (size_t)rank * shares / (size_t)ranks->count;
}

/* ---- The order ---- */

/* m of S(from, to). */
static size_t middle(size_t from, size_t to) {
    size_t step = 1;
    while (2 * step < to - from) step *= 2;
    return from + step;
}

static void add(size_t n, const hth_real *restrict x, hth_real *restrict y) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

/* at[from] becomes S(from, to), of n numbers. A sum from i to ends[i] is there. */
static void add_up(hth_real *const *at, const size_t *ends, size_t from, size_t to, size_t n) {
    if (ends[from] == to) return;
    const size_t m = middle(from, to);
    add_up(at, ends, from, m, n);
    add_up(at, ends, m, to, n);
    add(n, at[m], at[from]);
}

/* Lists the largest sums inside S(from, to) that need shares of one rank alone, first..last-1. */
static void list_nodes(hth_sum *s, int rank, size_t first, size_t last, size_t from, size_t to) {
    if (to <= first || last <= from) return;
    if (first <= from && to <= last) {
        const node *before = s->node_count ? &s->nodes[s->node_count - 1] : NULL;
        const int round = before && before->rank == rank ? before->round + 1 : 0;
        s->nodes[s->node_count++] = (node){from, to, rank, round};
        s->ends[from] = to;
        if (round >= s->rounds) s->rounds = round + 1;
        return;
    }
    const size_t m = middle(from, to);
    list_nodes(s, rank, first, last, from, m);
    list_nodes(s, rank, first, last, m, to);
}

/* ---- Opening ---- */

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory to add up the gradients of shares");
}

/* The slice that each rank adds up. */
static void cut(hth_sum *s) {
    const size_t ranks = (size_t)s->ranks->count;
    for (size_t r = 0; r < ranks; r++) {
        const size_t from = r * s->numbers / ranks, to = (r + 1) * s->numbers / ranks;
        s->first[r] = (int)from;
        s->count[r] = (int)(to - from);
    }
}

static hth_status make_tables(hth_sum *s, hth_error *error) {
    const size_t ranks = (size_t)s->ranks->count;
    size_t *leaves = calloc(s->shares, sizeof *leaves);
    s->leaves = leaves;
    s->ends = calloc(s->shares, sizeof *s->ends);
    s->nodes = calloc(s->shares, sizeof *s->nodes);
    s->at = calloc(s->shares, sizeof *s->at);
    s->count = calloc(5 * ranks, sizeof *s->count);
    if (!leaves || !s->ends || !s->nodes || !s->at || !s->count) return no_memory(error);
    s->first = s->count + ranks;
    s->given = s->first + ranks;
    s->got = s->given + ranks;
    s->got_first = s->got + ranks;
    for (size_t i = 0; i < s->shares; i++) leaves[i] = i + 1;
    return HTH_OK;
}

hth_status hth_sum_open(const hth_ranks *ranks, size_t shares, size_t numbers, hth_sum **out,
                        hth_error *error) {
    hth_sum *s = calloc(1, sizeof *s);
    if (!s) return no_memory(error);
    s->ranks = ranks;
    s->shares = shares;
    s->numbers = numbers;
    s->own = hth_rank_shares(ranks, ranks->rank, shares);
    hth_status status = make_tables(s, error);
    /* Which sums each rank finds, and the room for a slice of each. */
    for (int r = 0; status == HTH_OK && r < ranks->count; r++)
        list_nodes(s, r, hth_rank_shares(ranks, r, shares), hth_rank_shares(ranks, r + 1, shares),
                   0, shares);
    const size_t room = (numbers / (size_t)ranks->count + 1) * s->node_count;
    if (status == HTH_OK && (numbers > INT_MAX || room > INT_MAX))
        status = hth_fail(error, HTH_INVALID,
                          "%zu parameters in %zu sums are more than a message between ranks can "
                          "have (2^31 - 1): take fewer train.shares, as many as ranks",
                          numbers, s->node_count);
    if (status == HTH_OK) cut(s);
    if (status == HTH_OK && ranks->count > 1) {
        s->slices = calloc(room, sizeof *s->slices);
        if (!s->slices) status = no_memory(error);
    }
    if (status == HTH_OK)
        *out = s;
    else
        hth_sum_close(s);
    return status;
}

void hth_sum_close(hth_sum *s) {
    if (!s) return;
    free((void *)s->leaves);
    free(s->ends);
    free(s->nodes);
    free(s->at);
    free(s->count);
    free(s->slices);
    free(s);
}

/* ---- Adding ---- */

/* Gives to each rank its slice of this rank's sum of a round, and takes this rank's slice of theirs. */
static void exchange_round(hth_sum *s, int round, hth_real *const *own) {
    const int me = s->ranks->rank, width = s->count[me];
    const hth_real *give = own[0];
    memset(s->given, 0, (size_t)s->ranks->count * sizeof *s->given);
    memset(s->got, 0, (size_t)s->ranks->count * sizeof *s->got);
    for (size_t i = 0; i < s->node_count; i++) {
        const node *of = &s->nodes[i];
        if (of->round != round) continue;
        if (of->rank != me) {
            s->got[of->rank] = width;
            s->got_first[of->rank] = (int)i * width;
            continue;
        }
        give = own[of->from - s->own];
        for (int r = 0; r < s->ranks->count; r++) s->given[r] = r == me ? 0 : s->count[r];
    }
    const hth_exchange e = {.give = give,
                            .given = s->given,
                            .given_first = s->first,
                            .take = s->slices,
                            .got = s->got,
                            .got_first = s->got_first};
    hth_ranks_exchange(s->ranks, &e);
}

void hth_sum_add(hth_sum *s, hth_real *const *own) {
    const int me = s->ranks->rank;
    const size_t width = (size_t)s->count[me];
    hth_real *mine = own[0] + s->first[me];
    /* The sums of this rank's shares. */
    for (size_t i = 0; i < s->node_count; i++) {
        const node *of = &s->nodes[i];
        if (of->rank != me) continue;
        for (size_t k = of->from; k < of->to; k++) s->at[k] = own[k - s->own];
        add_up(s->at, s->leaves, of->from, of->to, s->numbers);
    }
    if (s->ranks->count == 1) return;
    /* This rank's slice of the sums of all. */
    for (int round = 0; round < s->rounds; round++) exchange_round(s, round, own);
    for (size_t i = 0; i < s->node_count; i++)
        s->at[s->nodes[i].from] = s->nodes[i].rank == me
                                      ? own[s->nodes[i].from - s->own] + s->first[me]
                                      : s->slices + i * width;
    add_up(s->at, s->ends, 0, s->shares, width);
    if (s->at[0] != mine) memcpy(mine, s->at[0], width * sizeof *mine);
    /* The slices of all, to all. */
    hth_ranks_collect(s->ranks, own[0], sizeof(hth_real), s->count, s->first);
}
