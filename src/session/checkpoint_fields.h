/* What a checkpoint holds, for the files that write and read it. */
#ifndef HTH_CHECKPOINT_FIELDS_H
#define HTH_CHECKPOINT_FIELDS_H

#include "files/safetensors.h"
#include "session/checkpoint.h"
#include "session/shares.h"

/* The last counters of a list are missing in checkpoints of older versions; then they are 0. */
enum { HTH_LATER_COUNTERS = 7 };

/* All fields of a checkpoint; the caller frees items. */
typedef struct hth_field_list {
    hth_field *items;
    size_t count;
} hth_field_list;

/* Lists the fields of all handles, then the counters (NULL: left out). Make a new list before every save and load:
 * listing ends the tape (hth_tape_state). */
hth_status hth_checkpoint_gather(const hth_handles *handles, hth_counters *counters,
                                 hth_field_list *out, hth_error *error);

/* Of a batch in shares: puts the fields that the shares of other ranks have behind those of this one, before the
 * counters, as one process with all shares would have them. Only rank 0 gets them; the caller frees others->fields and
 * others->data. HTH_NO_MEMORY. */
hth_status hth_checkpoint_fetch(const hth_handles *handles, hth_field_list *fields,
                                hth_fetched *others, hth_error *error);

/* Updates what the handles derive from restored fields. HTH_DAMAGED when a restored row index is out of range; path: of
 * the file that they were restored from. */
hth_status hth_checkpoint_settle(const hth_handles *handles, const char *path, hth_error *error);

#endif
