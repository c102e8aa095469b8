/*
 * The outer loop of learning to learn (credit/episode/inspect.h) over a stream of tasks: each item of a batch is a
 * task. Its training trials are a sequence of the stream; its test trial is the same sequence, or the one after it
 * (episode.trials = pairs: the stream then has twice the items, training and test trial in turn).
 *
 *     C = 1/2 (outputs_weight mean (y - y*)^2 + place_weight mean (p - p*)^2)       p: the place that the outputs move
 *
 * over steps, components and tasks; or, with episode.loss = sum, the mean over tasks of the sums over steps without the
 * 1/2 (Bellec et al. 2019, eq. 61). Masks weigh the steps.
 */
#ifndef HTH_OUTER_H
#define HTH_OUTER_H

#include "credit/episode/inspect.h"
#include "session/score.h"

typedef struct hth_outer {
    hth_episode_options options;
    hth_network *module;
    hth_gradient *gradient; /* of the module, like optimiser */
    hth_optimiser *optimiser;
    hth_episodes *episodes;
    size_t steps, tasks;          /* of a trial; of a batch */
    size_t inputs, outputs, told; /* numbers a step; told: of what the module is told */
    const hth_body *body;         /* NULL: outputs move nothing */
    /* [steps][tasks][..] */
    hth_real *x, *test_x, *target, *wanted, *wanted_place, *y, *place, *errors, *pull;
    hth_real *weight; /* [steps][tasks] of the test trials */
} hth_outer;

/* What came of a batch of tasks, or the mean over several. */
typedef struct hth_outer_result {
    double loss;    /* C */
    double place;   /* mean square of what is missed: metric place */
    uint64_t steps; /* of a mean: steps of the test trials of each item */
    hth_episode_report report;
} hth_outer_result;

/* Opens a session without a model: the stream of a split, both networks and what learns them. The caller closes it with
 * hth_session_close. HTH_INVALID for settings that episodes have no use for; errors are those of hth_session_open. */
hth_status hth_outer_open(const hth_settings *settings, hth_split split, hth_session *out,
                          hth_error *error);
void hth_outer_close(hth_session *session);

/* HTH_INVALID for a stream and for settings that episodes have no use for, once the stream is open. */
hth_status hth_outer_check(const hth_settings *settings, const hth_session *session,
                           hth_error *error);
/* HTH_INVALID for settings of episodes and modules in a run without them. */
hth_status hth_outer_refuse_alone(const hth_settings *settings, hth_error *error);

/* Opens the tasks of a split for a session of episodes. out->kind stays NULL if the settings leave out the split. */
hth_status hth_outer_source(const hth_settings *settings, const hth_session *session,
                            hth_split split, hth_source *out, hth_error *error);

/* Takes the next batch of tasks from the source, and runs their episodes. number and stream: as hth_tasks_of_batch. */
hth_status hth_outer_run(hth_session *session, const hth_source *source, uint64_t number,
                         uint32_t stream, hth_position_flags *flags, hth_outer_result *out,
                         hth_error *error);
/* One step of the outer loop: a batch of tasks of the session's stream, and an update of both networks. Counts it in
 * the tally (its loss with weight 1), and adds what is missed to *places. */
hth_status hth_outer_step(hth_session *session, hth_tally *tally, double *places, hth_error *error);
/* Scores tasks of a source from its first: one epoch, or train.validation_steps, or one batch. *stopped: `watch`
 * ended it early, and the result is that of the tasks before. */
hth_status hth_outer_score(hth_session *session, const hth_source *source, const hth_watch *watch,
                           hth_outer_result *out, bool *stopped, hth_error *error);

#endif
