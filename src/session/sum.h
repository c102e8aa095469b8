/*
 * The sum of one array of numbers for each share, over ranks, in an order that only the number of shares decides:
 *
 *     S(a, b) = S(a, m) + S(m, b),   m = a + the largest power of two below b - a,   S(a, a + 1): share a
 *
 * A rank has shares that follow each other. It adds up those sums S that need its own shares alone; there are at most
 * 2 log2(shares) of them, and one where ranks and shares are powers of two. Rank r then adds, in the same order, slice
 * r of the sums of all ranks, and gives the result to all. So with R ranks of one sum and P numbers each rank sends,
 * and gets, 2 P (R - 1) / R numbers: no way to add them needs fewer.
 */
#ifndef HTH_SUM_H
#define HTH_SUM_H

#include "session/ranks.h"

/* Where the shares of a rank begin; those of rank ranks->count would begin at the end. */
size_t hth_rank_shares(const hth_ranks *ranks, int rank, size_t shares);

typedef struct hth_sum hth_sum;

/* HTH_INVALID for more numbers than a message can have, HTH_NO_MEMORY. The ranks must outlive it. */
hth_status hth_sum_open(const hth_ranks *ranks, size_t shares, size_t numbers, hth_sum **out,
                        hth_error *error);
/* own[shares of this rank][numbers]: own[0] gets the sum over all shares of all ranks, others are scratch. */
void hth_sum_add(hth_sum *sum, hth_real *const *own);
void hth_sum_close(hth_sum *sum);

#endif
