/*
 * Ranks: the processes that train one network together. They talk by MPI where the program was built with it (HTH_MPI);
 * ranks.c is the one file that knows MPI, and without it there is one rank.
 *
 * All but send and receive are for all ranks together: each calls the same functions in the same order, and each call
 * waits for the others. With one rank they do nothing. A rank that dies ends the others, as MPI does it.
 */
#ifndef HTH_RANKS_H
#define HTH_RANKS_H

#include "base/base.h"

enum { HTH_MOST_RANKS = 1024 };

typedef struct hth_ranks {
    int rank, count; /* this one, from 0, of so many */
} hth_ranks;

/* The one rank of a process that trains alone. */
extern const hth_ranks hth_ranks_alone;

/* How many ranks a launcher (mpirun, srun) has started, this one among them, as the environment says; 1: none. */
int hth_ranks_launched(void);
/* Joins the ranks of the launcher, once in a process. HTH_INVALID where there are several, but the program was built
 * without MPI or MPI knows of others, and for more than HTH_MOST_RANKS. */
hth_status hth_ranks_join(hth_ranks *out, hth_error *error);
/* Leaves them; to be called once by all. */
void hth_ranks_leave(const hth_ranks *ranks);

/* flags[n] become 1 where they are 1 on any rank. */
void hth_ranks_any(const hth_ranks *ranks, unsigned char *flags, size_t n);
/* All get `bytes` of the data of rank `from`. */
void hth_ranks_tell(const hth_ranks *ranks, int from, void *data, size_t bytes);
/* All get the whole of an array of numbers of `size` bytes, of which rank r has counts[r] from first[r] on. */
void hth_ranks_collect(const hth_ranks *ranks, void *data, size_t size, const int *counts,
                       const int *first);
/* Gives to each rank r the numbers give[given_first[r]..] that are given[r] many, and takes got[r] from it to
 * take[got_first[r]..]. */
typedef struct hth_exchange {
    const hth_real *give;
    const int *given, *given_first;
    hth_real *take;
    const int *got, *got_first;
} hth_exchange;
void hth_ranks_exchange(const hth_ranks *ranks, const hth_exchange *exchange);

/* From one rank to another; the one waits for the other. */
void hth_ranks_send(const hth_ranks *ranks, int to, const void *data, size_t bytes);
void hth_ranks_receive(const hth_ranks *ranks, int from, void *data, size_t bytes);

#endif
