/* A check in progress; check.c, opening.c and learners.c share it. */
#ifndef HTH_CHECKING_H
#define HTH_CHECKING_H

#include "check/report.h"
#include "check/subject.h"
#include "settings/sections.h"

typedef struct hth_checking {
    hth_check_run run;
    hth_check_options options;
    hth_train_options train;
    const char *from;        /* the run whose checkpoint is checked; NULL: a fresh network */
    const char *out;         /* a file for the gradients; NULL: not wanted */
    hth_settings settings;   /* owned, with loss.class_weights that the data bring */
    char *class_weights;     /* owned, the text of these */
    const hth_setting *rate; /* regulariser.rate as the user gave it; NULL: 0 */
    hth_source source;
    hth_sample sample;
    hth_subject subject;
    size_t parameters;
    hth_real *exact, *other; /* BPTT's gradient, and the one compared with it */
    hth_real *own;           /* that of the user's learner; NULL: not wanted */
} hth_checking;

/* ---- opening.c: what a check needs, and what is refused before it begins --------------------- */

/* BPTT over the whole sample. */
extern const hth_settings hth_check_bptt;
hth_status hth_check_open(hth_checking *check, const hth_settings *given, hth_error *error);
void hth_check_close(hth_checking *check);
/* A fresh network (from NULL), or that of the run's newest checkpoint. */
hth_status hth_check_open_network(hth_checking *check, const hth_settings *settings,
                                  const char *from, hth_network **out, hth_error *error);
/* Refuses a learner that needs more than check.memory before it is made; `name` is for the message. */
hth_status hth_check_refuse_large(const hth_checking *check, const char *name,
                                  const hth_settings *settings, const hth_network *network,
                                  size_t steps, hth_error *error);

/* ---- learners.c: learners beside BPTT, whose gradient is in check->exact --------------------- */

/* The user's own, and each that check.learners names. */
hth_status hth_check_learners(hth_checking *check, hth_error *error);
/* RTRL, step by step and in blocks. */
hth_status hth_check_rtrl(hth_checking *check, hth_error *error);

#endif
