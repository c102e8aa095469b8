/*
 * Shares: a batch that is learned from in parts. The items are cut into train.shares shares that follow each other, as
 * equal as can be. Each share has a tape, a learner and a gradient of its own; the network and the optimiser are one.
 * After a tape of each share the gradients are added up in an order of the shares alone (sum.h), and one step follows.
 * So the bits depend on the number of shares, but not on who has which: one process has all of them, or each of several
 * ranks (ranks.h) has some, a replica of network and optimiser, and takes the same step.
 *
 * What a rank has: the tapes and what learners keep of its own shares; all parameters, a gradient for each own share,
 * and the optimiser's state; the inputs and targets of the whole batch, since every rank reads the same stream.
 *
 * Reports of shares are added in their order, so that losses and metrics are the same everywhere too. A share that
 * fails fails on all ranks, with the sentence of the first that did.
 */
#ifndef HTH_SHARES_H
#define HTH_SHARES_H

#include "session/sum.h"

struct hth_session;

typedef struct hth_share {
    size_t first, items; /* of the batch */
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
} hth_share;

typedef struct hth_shares {
    const hth_ranks *ranks;
    size_t count, batch;    /* shares of all ranks, and items of the batch */
    size_t from, own_count; /* this rank has shares from.. */
    hth_share *own; /* the first has handles of the session's model; those of others are owned */
    uint64_t learner_bytes; /* what the learners of this rank keep */
    hth_sum *sum;
    struct hth_share_room *room;
} hth_shares;

/* Makes s->shares, without handles, from the section train: NULL where the batch is one share of one rank. HTH_INVALID
 * for more shares than items, more ranks than shares, and what cannot be learned from in shares. */
hth_status hth_shares_plan(struct hth_session *s, const hth_ranks *ranks, hth_error *error);
/* The items of the tape that the session's model has: those of the first own share, or all. */
size_t hth_shares_items(const struct hth_session *s);
/* Makes the handles, once the session has its model. HTH_INVALID for settings that join what items learn. */
hth_status hth_shares_open(const hth_settings *settings, struct hth_session *s, hth_error *error);
void hth_shares_close(hth_shares *shares);

/* A sequence begins; and the whole of it is announced, as by hth_tape_expect. These two hear nothing of other ranks. */
void hth_shares_reset(hth_shares *shares);
hth_status hth_shares_expect(hth_shares *shares, const hth_chunk *chunk, hth_error *error);
/* Writes the steps of the batch to the tapes of the shares, learns from them, and adds their reports to *sums.
 * `before`: how this rank fared so far, with its sentence in *error; if not HTH_OK, it has no steps. */
hth_status hth_shares_take(hth_shares *shares, hth_status before, const hth_chunk *chunk,
                           hth_report *sums, hth_error *error);
/* Makes the gradient of the first own share that of the batch; after the step all are cleared. */
void hth_shares_join(hth_shares *shares);
void hth_shares_clear(hth_shares *shares);

/* ---- What only rank 0 knows or does ---- */

/* All get the status and the sentence of the first rank that failed; HTH_OK: none did. */
hth_status hth_ranks_agree(const hth_ranks *ranks, hth_status status, hth_error *error);
/* The sum over all ranks. */
uint64_t hth_ranks_total(const hth_ranks *ranks, uint64_t own);
/* Brings the fields of all ranks, whose names and data are there during the call, to rank 0. The caller frees
 * out->fields and out->data, which are NULL on other ranks. HTH_NO_MEMORY, on all. */
typedef struct hth_fetched {
    hth_field *fields;
    size_t count;
    char *data;
} hth_fetched;
hth_status hth_ranks_fetch(const hth_ranks *ranks, const hth_field *fields, size_t count,
                           hth_fetched *out, hth_error *error);

#endif
