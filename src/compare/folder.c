/* Names the folders of the runs of a comparison. */
#include "compare/folder.h"

#include <ctype.h>
#include <stdio.h>

hth_status hth_run_folder(const char *out, const char *arm, const hth_stored_run *run,
                          char path[HTH_PATH_LENGTH], hth_error *error) {
    char label[64], name[160];
    size_t used = 0;
    for (const char *at = arm; *at && used + 1 < sizeof label; at++)
        if (isalnum((unsigned char)*at) || *at == '-' || *at == '_') label[used++] = *at;
    label[used] = '\0';
    snprintf(name, sizeof name, "runs/%s-%lld-s%llu", *label ? label : "run",
             (long long)run->variant, (unsigned long long)run->seed);
    return hth_rundir_file(out, name, path, error);
}

bool hth_run_begun(const char *out, const char *arm, const hth_stored_run *run) {
    char path[HTH_PATH_LENGTH];
    return hth_run_folder(out, arm, run, path, NULL) == HTH_OK && hth_file_exists(path);
}
