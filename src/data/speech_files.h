/* The files of a speech corpus: all utterances below a folder, and the lists of a split's utterances. */
#ifndef HTH_SPEECH_FILES_H
#define HTH_SPEECH_FILES_H

#include "base/base.h"

/* A file of an utterance. */
typedef struct hth_speech_file {
    char *path; /* path to open; from malloc */
    char *stem; /* path below the folder, in lower case, without its ending; from malloc */
} hth_speech_file;

/* Files, sorted by stem. */
typedef struct hth_speech_tree {
    const char *folder; /* not owned */
    hth_speech_file *files;
    size_t count, capacity;
} hth_speech_tree;

/* Lists all files below `folder` whose names have one of the NULL-terminated `endings` ("wav"; lower case, but
 * matched without regard to case). HTH_FILE if the folder cannot be read or has no such file, HTH_INVALID if two
 * files differ only in their endings. */
hth_status hth_speech_tree_scan(const char *folder, const char *const *endings,
                                hth_speech_tree *out, hth_error *error);
void hth_speech_tree_free(hth_speech_tree *tree);
/* Finds the file with exactly this stem, or NULL. */
const hth_speech_file *hth_speech_tree_find(const hth_speech_tree *tree, const char *stem);

/*
 * Reads a list of utterances, one name a line; a line that begins with # is a comment. A name is the end of a
 * file's path below the folder, with or without an ending ("si1027", "dr1/fcjf0/si1027.wav"), or that of a folder
 * ("fcjf0"), which stands for all files in it. Case is ignored. Utterances whose file name matches `exclude`, a
 * shell pattern ("sa[12]"), are left out. *out: indices of files in the tree, from malloc. HTH_INVALID, with line
 * and name, if a name fits no file or several, if an utterance is named twice, or if the list names none.
 */
hth_status hth_speech_list_read(const char *path, const hth_speech_tree *tree, const char *exclude,
                                size_t **out, size_t *count, hth_error *error);

/* The part of a stem or path after the last '/'. */
const char *hth_speech_base(const char *stem);

#endif
