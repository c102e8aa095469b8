/* The folders of the runs of a comparison, which exist until the run has ended. */
#ifndef HTH_COMPARE_FOLDER_H
#define HTH_COMPARE_FOLDER_H

#include "compare/store/store.h"
#include "files/folder.h"

/* OUT/runs/dni-b-3-s12: the letters and digits of the arm's label, the variant, the seed. */
hth_status hth_run_folder(const char *out, const char *arm, const hth_stored_run *run,
                          char path[HTH_PATH_LENGTH], hth_error *error);
/* Whether the run has started and its folder is there to go on from. */
bool hth_run_begun(const char *out, const char *arm, const hth_stored_run *run);

#endif
