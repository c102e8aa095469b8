/* Runs in processes of their own. */
#ifndef HTH_COMPARE_POOL_H
#define HTH_COMPARE_POOL_H

#include "run/train.h"

#include <sys/types.h>

/* A report of a run's process. It is one write to the pipe, which the system never splits. */
typedef struct hth_job_report {
    bool ended; /* the last report; before it only step, steps_total and seconds are filled */
    hth_status status;
    hth_outcome outcome;
    char said[1200]; /* a message of the run, in a report of its own; "": none */
} hth_job_report;

typedef struct hth_job {
    pid_t process; /* 0: the slot is free */
    int pipe;      /* reports are read from it */
    size_t index;  /* index of the run, for the owner */
    hth_job_report latest;
} hth_job;

/* Starts a run of the settings in a process of its own, in the folder `folder`. It goes on from an earlier
 * process's checkpoint if there is one. keep: the folder stays when the run has ended. */
hth_status hth_job_start(const hth_config *config, const char *folder, bool keep,
                         const volatile sig_atomic_t *interrupted, hth_job *job, hth_error *error);

/* Reads one report of the process. A message stays in latest.said until the owner clears it. True when the process
 * has ended: latest.ended is then set, and if the process died without a report, latest holds the reason. */
bool hth_job_listen(hth_job *job);

#endif
