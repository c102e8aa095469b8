/* The files of a speech corpus: all utterances below a folder, and lists of those that a split has. */
#ifndef HTH_SPEECH_FILES_H
#define HTH_SPEECH_FILES_H

#include "base/base.h"

/* One file of an utterance. */
typedef struct hth_speech_file {
    char *path; /* as it is opened; from malloc */
    char *stem; /* below the folder, lower case, without its ending; from malloc */
} hth_speech_file;

/* Files in the order of their stems. */
typedef struct hth_speech_tree {
    const char *folder; /* not owned */
    hth_speech_file *files;
    size_t count, capacity;
} hth_speech_tree;

/* All files below `folder` whose names have one of the NULL-terminated `endings` ("wav"; lower case,
 * but matched without regard to case). HTH_FILE for a folder that cannot be read or holds none of
 * them, HTH_INVALID for two files that differ in their endings alone. */
hth_status hth_speech_tree_scan(const char *folder, const char *const *endings,
                                hth_speech_tree *out, hth_error *error);
void hth_speech_tree_free(hth_speech_tree *tree);
/* The file of exactly that stem, or NULL. */
const hth_speech_file *hth_speech_tree_find(const hth_speech_tree *tree, const char *stem);

/*
 * Reads a list of utterances, one name a line; a line that begins with # is a comment. A name is the end of a file's
 * path below the folder, with or without an ending ("si1027", "dr1/fcjf0/si1027.wav"), or that of a folder
 * ("fcjf0"), which stands for all files in it. Names are read without regard to case. What has a
 * file name that matches `exclude`, a pattern of the shell ("sa[12]"), is left out. *out, numbers of
 * files of the tree, is from malloc. HTH_INVALID, with line and name, for a name that fits no file or
 * several, an utterance named twice and a list without any.
 */
hth_status hth_speech_list_read(const char *path, const hth_speech_tree *tree, const char *exclude,
                                size_t **out, size_t *count, hth_error *error);

/* The part of a stem or path behind the last '/'. */
const char *hth_speech_base(const char *stem);

#endif
