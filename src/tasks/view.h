/*
 * A view: what a stream gives, seen in another way. It stands before any task or reader, so that one file is many
 * tasks: pixels in another order, pictures turned, some of the classes, a head or a cue for each task.
 */
#ifndef HTH_VIEW_H
#define HTH_VIEW_H

#include "tasks/stream.h"

/* The section view. */
typedef struct hth_view_options {
    int64_t permute, count, modulo, cue, cues, head;
    double rotate;
    const char *classes;
    bool relabel;
} hth_view_options;

/* Puts the view that the settings describe before an open stream: *kind and *state become those of the view, which owns
 * the stream, and *shape what a network sees. Does nothing where no view is asked for. HTH_INVALID when the stream
 * cannot be seen so, HTH_NO_MEMORY; the stream stays open then. */
hth_status hth_view_open(const hth_settings *settings, const hth_stream_kind **kind, void **state,
                         hth_shape *shape, hth_error *error);

/* The classes that view.classes lists, in its order, at most HTH_MOST_VIEWED; *count 0: all. HTH_INVALID for text that
 * is no list of whole numbers. */
enum { HTH_MOST_VIEWED = 256 };
hth_status hth_view_classes(const hth_view_options *options, int32_t list[HTH_MOST_VIEWED],
                            size_t *count, hth_error *error);

#endif
