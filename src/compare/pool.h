/* Runs in processes of their own, several at a time. */
#ifndef HTH_COMPARE_POOL_H
#define HTH_COMPARE_POOL_H

#include "run/train.h"

#include <sys/types.h>

/* What a process tells of its run; one write to a pipe, which is never cut in two. */
typedef struct hth_job_report {
    bool ended; /* the last one; until then only step, steps_total and seconds are filled */
    hth_status status;
    hth_outcome outcome;
    char said[1200]; /* a message of the run, which comes alone; "": none */
} hth_job_report;

typedef struct hth_job {
    pid_t process; /* 0: the slot is free */
    int pipe;      /* to read reports from */
    size_t index;  /* of the run, for the owner */
    hth_job_report latest;
} hth_job;

/* Begins a run of the settings in a process of its own, in the directory `folder`; goes on where an
 * earlier process has left it. */
hth_status hth_job_start(const hth_config *config, const char *folder,
                         const volatile sig_atomic_t *interrupted, hth_job *job, hth_error *error);

/* Takes what the process has told; a message stays in latest.said until the owner clears it. True when it has ended:
 * latest.ended is then set, with the reason of a death without a word. */
bool hth_job_listen(hth_job *job);

#endif
