/* The agent: what stands between a world and a network. See agent.c, and targets.c for what it makes of rewards. */
#ifndef HTH_AGENT_H
#define HTH_AGENT_H

#include "worlds/returns.h"
#include "worlds/world.h"

enum { HTH_SURE_AUTO, HTH_SURE_STRENGTH, HTH_SURE_WEIGHT };                    /* agent.sure */
enum { HTH_VALUE_AT_READ, HTH_VALUE_AFTER };                                   /* agent.value_of */
enum { HTH_RETURN_DISCOUNTED, HTH_RETURN_TRANSPORT, HTH_RETURN_REDISTRIBUTE }; /* agent.return */

/* The section agent. */
typedef struct hth_agent_options {
    double gamma, lambda, scale, share;
    int how; /* agent.return */
    int sure, value_of;
    int64_t rows;
    bool by_step; /* ac-lambda */
    bool see_action, see_reward, see_time, greedy;
} hth_agent_options;

/* Reads the section (agents.c). HTH_INVALID for values without meaning. */
hth_status hth_agent_read(const hth_settings *settings, hth_agent_options *out, hth_error *error);

/* What happened to one item at one step. */
typedef struct hth_event {
    int32_t action;    /* NO_ACTION: none counted */
    bool is_over;      /* the item's episode had ended before: nothing counts */
    double value;      /* V */
    double reward;     /* scaled */
    double log_chance; /* log of the probability of the action */
} hth_event;

enum { HTH_NO_ACTION = -1 };

typedef struct hth_agent {
    const hth_world_kind *world;
    void *world_state;
    hth_world_shape shape;
    hth_agent_options options;
    uint64_t seed;
    hth_split split;
    size_t batch, inputs, outputs;
    /* Where the stream is: fields of a checkpoint, with the arrays after them, [batch]. */
    uint64_t episode, step;
    double *memory;                   /* [batch][shape.memory] */
    double *reward, *gained, *missed; /* the last; sums of the episode so far */
    int32_t *action, *over;           /* the last; whether the item's episode has ended */
    uint64_t begun;                   /* the episode's begin has been called */
    hth_outcomes outcomes;            /* since they were last told; empty between tapes */
    /* Of the steps since the last look back, [steps][batch]. */
    size_t steps, capacity; /* room for so many steps, and one more of x */
    hth_real *x, *targets, *weights;
    hth_event *events;
    bool is_first; /* the first of them is the first of its episode */
    /* Of one item, [steps], values one more; features only where rewards are redistributed. */
    double *rewards, *values, *advantages, *features;
    hth_additive predictor; /* of returns; of no features: not wanted */
} hth_agent;

/* targets.c: the targets of the steps at hand. after, entropy and reads as in hth_answers.look_back. */
void hth_agent_return(hth_agent *agent, const hth_real *after, double entropy,
                      const hth_memory_reads *reads, hth_lookback *out);

#endif
