/* Ranks, by MPI or alone: see ranks.h. Sums are none of MPI's business, so that their order is ours. */
#include "session/ranks.h"

#include <stdlib.h>

const hth_ranks hth_ranks_alone = {.rank = 0, .count = 1};

int hth_ranks_launched(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < HTH_COUNT(names); i++) {
        const char *text = getenv(names[i]);
        const int count = text ? atoi(text) : 0;
        if (count > 0) return count;
    }
    return 1;
}

#ifdef HTH_MPI

#include <mpi.h>

enum { PIECE = 1 << 30 }; /* bytes of a message: their number is an int */

static bool alone(const hth_ranks *ranks) {
    return ranks->count == 1;
}

hth_status hth_ranks_join(hth_ranks *out, hth_error *error) {
    const int launched = hth_ranks_launched();
    int level;
    *out = hth_ranks_alone;
    if (launched == 1) return HTH_OK;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    MPI_Comm_rank(MPI_COMM_WORLD, &out->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &out->count);
    if (out->count == launched && out->count <= HTH_MOST_RANKS) return HTH_OK;
    MPI_Finalize();
    if (out->count == launched)
        return hth_fail(error, HTH_INVALID, "there are %d ranks, but at most %d train together",
                        launched, HTH_MOST_RANKS);
    return hth_fail(error, HTH_INVALID,
                    "%d ranks were started, but MPI knows of %d: start them with the mpirun of the "
                    "MPI that this program was built with (or srun --mpi=pmix)",
                    launched, out->count);
}

void hth_ranks_leave(const hth_ranks *ranks) {
    if (!alone(ranks)) MPI_Finalize();
}

void hth_ranks_any(const hth_ranks *ranks, unsigned char *flags, size_t n) {
    if (alone(ranks)) return;
    for (size_t at = 0; at < n; at += PIECE) {
        const size_t left = n - at;
        MPI_Allreduce(MPI_IN_PLACE, flags + at, left < PIECE ? (int)left : PIECE, MPI_UNSIGNED_CHAR,
                      MPI_BOR, MPI_COMM_WORLD);
    }
}

void hth_ranks_tell(const hth_ranks *ranks, int from, void *data, size_t bytes) {
    for (size_t at = 0; !alone(ranks) && at < bytes; at += PIECE) {
        const size_t left = bytes - at;
        MPI_Bcast((char *)data + at, left < PIECE ? (int)left : PIECE, MPI_BYTE, from,
                  MPI_COMM_WORLD);
    }
}

void hth_ranks_collect(const hth_ranks *ranks, void *data, size_t size, const int *counts,
                       const int *first) {
    MPI_Datatype number;
    if (alone(ranks)) return;
    MPI_Type_contiguous((int)size, MPI_BYTE, &number);
    MPI_Type_commit(&number);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, counts, first, number, MPI_COMM_WORLD);
    MPI_Type_free(&number);
}

void hth_ranks_exchange(const hth_ranks *ranks, const hth_exchange *e) {
    const MPI_Datatype number = sizeof(hth_real) == sizeof(double) ? MPI_DOUBLE : MPI_FLOAT;
    if (alone(ranks)) return;
    MPI_Alltoallv(e->give, e->given, e->given_first, number, e->take, e->got, e->got_first, number,
                  MPI_COMM_WORLD);
}

void hth_ranks_send(const hth_ranks *ranks, int to, const void *data, size_t bytes) {
    (void)ranks;
    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t left = bytes - at;
        MPI_Send((const char *)data + at, left < PIECE ? (int)left : PIECE, MPI_BYTE, to, 0,
                 MPI_COMM_WORLD);
    }
}

void hth_ranks_receive(const hth_ranks *ranks, int from, void *data, size_t bytes) {
    (void)ranks;
    for (size_t at = 0; at < bytes; at += PIECE) {
        const size_t left = bytes - at;
        MPI_Recv((char *)data + at, left < PIECE ? (int)left : PIECE, MPI_BYTE, from, 0,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
}

#else

hth_status hth_ranks_join(hth_ranks *out, hth_error *error) {
    const int launched = hth_ranks_launched();
    *out = hth_ranks_alone;
    if (launched == 1) return HTH_OK;
    return hth_fail(error, HTH_INVALID,
                    "%d ranks were started to share the batch (train.shares), but this program was "
                    "built without MPI: build it with -DHTH_MPI=ON, or start it once",
                    launched);
}

void hth_ranks_leave(const hth_ranks *ranks) {
    (void)ranks;
}

void hth_ranks_any(const hth_ranks *ranks, unsigned char *flags, size_t n) {
    (void)ranks, (void)flags, (void)n;
}

void hth_ranks_tell(const hth_ranks *ranks, int from, void *data, size_t bytes) {
    (void)ranks, (void)from, (void)data, (void)bytes;
}

void hth_ranks_collect(const hth_ranks *ranks, void *data, size_t size, const int *counts,
                       const int *first) {
    (void)ranks, (void)data, (void)size, (void)counts, (void)first;
}

void hth_ranks_exchange(const hth_ranks *ranks, const hth_exchange *exchange) {
    (void)ranks, (void)exchange;
}

void hth_ranks_send(const hth_ranks *ranks, int to, const void *data, size_t bytes) {
    (void)ranks, (void)to, (void)data, (void)bytes;
}

void hth_ranks_receive(const hth_ranks *ranks, int from, void *data, size_t bytes) {
    (void)ranks, (void)from, (void)data, (void)bytes;
}

#endif
