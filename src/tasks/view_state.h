/* A view that is open; view.c and view_whole.c share it. */
#ifndef HTH_VIEW_STATE_H
#define HTH_VIEW_STATE_H

#include "tasks/view.h"

typedef struct hth_viewed {
    hth_stream_kind kind; /* the stream's, with verbs of the view */
    const hth_stream_kind *of;
    void *stream;
    hth_view_options options;
    hth_shape shape, inner; /* what the network sees, and what the stream gives */
    int32_t list[HTH_MOST_VIEWED];
    size_t listed, heads;
    hth_real *x; /* [steps][batch][inputs] */
    int32_t *classes;
    size_t room; /* steps times batch of both */
    /* Of whole sequences: */
    bool whole;
    size_t steps;        /* of a sequence */
    size_t *order;       /* [steps * inputs]: where the number at a place comes from; NULL: there */
    double cosine, sine; /* of the rotation */
    hth_real *turned;    /* [steps * inputs]: one sequence after the rotation */
    char *noted, *held;  /* the stream's position before the sequence; that of the one in x */
    size_t bytes;        /* of a position */
    bool filled;         /* x has the sequence of `held` */
    hth_chunk chunk;     /* the whole sequence */
    hth_position_flags flags;
    uint64_t at; /* steps given of it */
} hth_viewed;

/* ---- view.c ------------------------------------------------------------------------------------- */

/* HTH_INVALID, as this stream has nothing that the setting could change; `reason` goes on from the stream's name. */
hth_status hth_view_refuse(const hth_viewed *view, const char *setting, const char *reason,
                           hth_error *error);
/* Grows the buffers to `items` steps of sequences. */
hth_status hth_view_reserve(hth_viewed *view, size_t items, hth_error *error);
/* Classes and cues of the chunk. */
void hth_view_change(hth_viewed *view, hth_chunk *chunk);

/* ---- view_whole.c: views of whole sequences ------------------------------------------------------ */

/* Makes what whole sequences need. */
hth_status hth_whole_open(hth_viewed *view, uint64_t sequence_steps, hth_error *error);
/* Makes room for positions, and notes the first. */
hth_status hth_whole_note(hth_viewed *view, hth_error *error);
/* The position: of whole sequences that before the one that is given, and how much of it was. */
size_t hth_whole_state(void *state, hth_field *fields, size_t capacity);
/* The next steps of whole sequences. */
hth_status hth_whole_next(hth_viewed *view, size_t most, hth_chunk *chunk,
                          hth_position_flags *flags, hth_error *error);

#endif
