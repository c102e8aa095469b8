/* Where the reads of all stores of a network pointed on a tape, for a stream that asks (hth_memory_reads). */
#ifndef HTH_READS_H
#define HTH_READS_H

#include "tasks/stream.h"

typedef struct hth_read_list {
    hth_memory_reads reads; /* its arrays are the list's */
    size_t *first;
    hth_row_read *rows;
    double *strengths;
    bool *learned;
    size_t used, room;
} hth_read_list;

/* HTH_INVALID for a network without the store that a stream asks for. */
hth_status hth_reads_exist(const hth_network *network, hth_wholeness asks, hth_error *error);
/* Gathers the reads of the steps on a tape. hth_read_list_free frees them, also after an error. HTH_NO_MEMORY. */
hth_status hth_read_list_make(const hth_network *network, const hth_tape *tape, size_t batch,
                              hth_read_list *out, hth_error *error);
void hth_read_list_free(hth_read_list *list);

#endif
