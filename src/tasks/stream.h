/*
 * A stream yields (x_t, target_t, weight_t) for a batch of sequences that advance together. Tasks
 * make streams from a seed, readers make them from files; neither knows of networks.
 */
#ifndef HTH_STREAM_H
#define HTH_STREAM_H

#include "base/outcomes.h"
#include "tasks/catalogues.h"

typedef struct hth_stream hth_stream;

/* Which part of a corpus. A synthetic task gives independent draws for each. */
typedef enum hth_split { HTH_TRAIN, HTH_VALIDATE, HTH_TEST } hth_split;

typedef struct hth_stream_context {
    const hth_settings *settings;
    hth_split split;
    size_t batch;
    uint64_t
        seed; /* of what the task is: curves, another network, which part of a file validates */
} hth_stream_context;

/* The seed of what is drawn of a task: trials, coins, orders. It is the context's, but where a run trains in a later
 * phase (phases.number), whose draws must be others. */
uint64_t hth_draws(const hth_stream_context *context);

/* What next() tells beside the chunk. A chunk never crosses the start of a sequence. */
typedef struct hth_position_flags {
    bool starts;    /* the chunk's first step is the first of its sequence: reset the state */
    bool ends;      /* its last step is the last of its sequence */
    bool epoch_end; /* all data of the split has been seen once more */
} hth_position_flags;

/* An initial value that the data brings along (npz: w_in, w_rec, w_out, b_rec, b_out, feedback). */
typedef struct hth_given {
    const char *name;
    size_t rows, columns;
    const double *values;
} hth_given;

/* What the outputs of a task move: a place at each step, which may depend on all outputs of the sequence so far. Arrays
 * are [steps][batch][outputs] and [steps][batch][places], of whole sequences. The state may have scratch for them: one
 * call at a time. */
typedef struct hth_body {
    size_t places; /* numbers of a place */
    void (*move)(const void *state, size_t steps, size_t batch, const hth_real *outputs,
                 hth_real *places);
    /* Adds to errors, dE/d outputs, what comes of pull, dE/d places. */
    void (*yield)(const void *state, size_t steps, size_t batch, const hth_real *outputs,
                  const hth_real *pull, hth_real *errors);
} hth_body;

/* What the targets of a stretch of steps came to. */
typedef struct hth_lookback {
    hth_chunk chunk; /* the steps, with targets; the stream owns the arrays */
    /* The error of the value, delta, where a learner updates at each step: the gradient's factor, and the loss in place
     * of the one that unit targets give. steps: whether that is so */
    double delta, loss;
    bool by_step;
} hth_lookback;

/* Where the network's reads of its memory pointed on a tape: read t of head h and item b has the rows from
 * first[(h batch + b) (steps + 1) + t] to the next. */
typedef struct hth_memory_reads {
    size_t heads;        /* of all stores of the network */
    const size_t *first; /* [heads][batch][steps + 1] */
    const hth_row_read *rows;
    const double *strengths; /* [heads][batch][steps] */
    const bool *learned;     /* [heads]: whether the strength is */
} hth_memory_reads;

/* What a stream that answers asks of tapes. */
typedef enum hth_wholeness {
    HTH_ANY_TAPES,
    HTH_WHOLE_TAPES,         /* each is a whole sequence */
    HTH_WHOLE_WITH_READS,    /* and look_back is given the reads */
    HTH_WHOLE_WITH_STRENGTHS /* and a store learns their strengths */
} hth_wholeness;

/* A stream that answers to what the network does, one step at a time: the last numbers of the next input depend on it.
 * With a network the three verbs take the place of `next`, which acts at random. */
typedef struct hth_answers {
    /* The input of the step that comes next, x[batch][inputs]; *starts: it is the first of its sequence. Again with the
     * same result until `act`. The stream owns the array, and keeps that of each step until `look_back`. */
    hth_status (*observe)(void *state, const hth_real **x, bool *starts, hth_error *error);
    /* What the outputs of that step, [batch][outputs], lead to. *ends: it was the last of its sequence. */
    hth_status (*act)(void *state, const hth_real *outputs, bool *ends, hth_error *error);
    /* The targets of all steps since the last call. after: the outputs of the step that comes next, or NULL if the
     * sequence has ended. entropy: the weight of an entropy that is to be rewarded, if any. reads: those of a tape that
     * is a whole sequence; NULL: not wanted, or not known. */
    void (*look_back)(void *state, const hth_real *after, double entropy,
                      const hth_memory_reads *reads, hth_lookback *out);
    hth_wholeness (*needs)(const void *state);
    /* gamma lambda where a learner updates at each step, and the gradient fades in between; else NAN. */
    double (*fading)(const void *state);
    /* Adds the episodes that have ended since the last call. */
    void (*tell)(void *state, hth_outcomes *outcomes);
    bool (*knows_best)(const void *state); /* outcomes.missed has a meaning */
} hth_answers;

/* A kind of stream. Verbs get the state that open() made. */
typedef struct hth_stream_kind {
    hth_part part; /* options of section "task" for generators, "data" for readers */
    /* Of a task whose settings may leave out a split: when that is, as the end of "task x has no test sequences
     * ...". */
    const char *absent;
    /* Reads all it needs and fills *shape. On error nothing is left behind. Where the settings leave
     * out the split, *state stays NULL, and HTH_OK is returned. */
    hth_status (*open)(const hth_stream_context *context, void **state, hth_shape *shape,
                       hth_error *error);
    /* Fills chunk (pointers into the state, valid until the next call) with 1..max_steps steps. A
     * stream with sequences or epochs goes on with the next one for ever. */
    hth_status (*next)(void *state, size_t max_steps, hth_chunk *chunk, hth_position_flags *flags,
                       hth_error *error);
    /* Training tells what it made of the chunk given last: its loss, summed over steps and items, in the
     * loss's own unit. What comes next may depend on it (a curriculum). NULL: nothing does. */
    void (*judge)(void *state, double loss);
    /* With judge: how far training has come, in steps of the longest sequence that was solved (0: none yet);
     * NAN: sequences do not grow. */
    double (*reached)(const void *state);
    /* The position as fields, so that a run resumes where it was: see hth_field. */
    size_t (*state)(void *state, hth_field *fields, size_t capacity);
    /* Steps of one sequence (0: endless) and of one epoch (0: no epochs). */
    void (*extent)(const void *state, uint64_t *sequence_steps, uint64_t *epoch_steps);
    /* From now on next() also gives the steps at the end of the data whose target lies beyond it, with weight 0 and
     * target 0. Called before the first step. NULL: there are none. */
    void (*go_beyond)(void *state);
    /* What a number v of the data is to a network: (v - mean) / deviation; arrays [inputs + outputs]. False, or NULL:
     * numbers are taken as they are. */
    bool (*scale)(const void *state, const double **mean, const double **deviation);
    /* Initial values that the data brings along, or NULL. */
    size_t (*given)(const void *state, hth_given *out, size_t capacity);
    /* What was read, for a person: "270 sequences of 7 to 26 steps, 12 inputs (205 kB), 9 classes". NULL: nothing
     * was. */
    void (*describe)(const void *state, char *out, size_t size);
    /* Why the target of a step is not the input of the next, as what must be set instead; NULL: it is. NULL: not
     * known. */
    const char *(*strays)(const void *state);
    /* Writes a token as it stands in a text, with the space after it, to out[size]. NULL: tokens are numbers. */
    void (*spell)(const void *state, int32_t token, char *out, size_t size);
    /* A sentence on what in the data is likely not meant; "": nothing. NULL: it never is. */
    const char *(*doubt)(const void *state);
    /* Why the state at the end of a sequence does not belong to the start of the next, as the end of "train.keep_state
     * is true, but ..."; NULL: it does. NULL: it always does. */
    const char *(*breaks)(const void *state);
    void (*close)(void *state);
    bool picks;                 /* view.classes and view.count choose among its sequences */
    bool pairs;                 /* its sequences may be pairs (episode.trials) */
    const hth_body *body;       /* NULL: outputs move nothing */
    const hth_answers *answers; /* NULL: the stream takes no notice of the network */
    /* Of a task: what a network reaches that knows some part of it, for curves; NULL: nothing is known. */
    size_t (*references)(const hth_settings *settings, hth_reference out[HTH_MOST_REFERENCES]);
} hth_stream_kind;

/* src/tasks/tasks.c and src/data/readers.c: one visible array each; its catalogue is in catalogues.h. */
const hth_stream_kind *hth_task_at(size_t index);
const hth_stream_kind *hth_reader_at(size_t index);
const hth_stream_kind *hth_world_at(size_t index); /* src/worlds/worlds.c */

#endif
