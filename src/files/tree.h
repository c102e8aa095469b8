/* Folders that are never half-written: a draft beside its place becomes the folder, or is removed with all in it. */
#ifndef HTH_TREE_H
#define HTH_TREE_H

#include "files/draft.h"

/* A folder that is being written as PATH.tmp. */
typedef struct hth_tree {
    char path[HTH_PATH_LENGTH], temporary[HTH_PATH_LENGTH];
} hth_tree;

/* Makes PATH.tmp. HTH_FILE when PATH is there and is no empty folder, or PATH.tmp is there already. */
hth_status hth_tree_begin(const char *path, hth_tree *out, hth_error *error);
/* Makes the draft PATH; with `written` false, or when that fails, removes it. */
hth_status hth_tree_end(hth_tree *tree, bool written, hth_error *error);
/* Writes the path of a file of the draft to out[HTH_PATH_LENGTH], and makes the folders above it. */
hth_status hth_tree_place(const hth_tree *tree, const char *name, char *out, hth_error *error);

/* Calls visit(context, "network/cells/lif.c") for every file below PATH/under, in no order; `under` is part of the
 * name. Names that begin with a dot are passed over. Stops at the first error, and returns it. */
hth_status hth_tree_walk(const char *path, const char *under,
                         hth_status (*visit)(void *context, const char *name, hth_error *error),
                         void *context, hth_error *error);

/* Copies a file. */
hth_status hth_file_copy(const char *from, const char *to, hth_error *error);
/* Copies what is left of an open file. False: not all could be written, or, as ferror(from) tells, read. */
bool hth_file_pour(FILE *from, FILE *to);

/* Words of a template, @word@, and conditions: @if word@ ... @else@ ... @end@, which may stand in each other. */
typedef struct hth_words {
    bool (*put)(void *context, const char *word,
                FILE *out); /* false: it is no word, and stays as it is */
    bool (*holds)(void *context, const char *word);
    void *context;
} hth_words;
/* Writes the file `from` to the file `to`, with what the words stand for. */
hth_status hth_template_fill(const char *from, const hth_words *words, const char *to,
                             hth_error *error);

#endif
