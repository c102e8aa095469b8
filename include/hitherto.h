/*
 * Hitherto: learning online in recurrent networks.
 *
 * The network writes a tape; a learner turns the tape into a gradient. Three levels, each made of the next:
 *
 *   1. A model is everything in one block of memory, and a step is two calls:
 *
 *          hth_model_predict(model, x, NULL, y, &error);                    the state goes on a step
 *          hth_model_learn(model, &(hth_answer){.targets = t}, &report, &error);
 *
 *   2. A program that wants to see the gradient has six handles and one loop:
 *
 *          hth_forward(tape, &chunk, &report, &error);                      the network writes the tape
 *          hth_learn(learner, tape, gradient, &error);                      the learner reads it
 *          hth_optimiser_step(optimiser, network, gradient, epoch, &error);
 *          hth_gradient_clear(gradient);
 *
 *      Where an update follows every tape, hth_learn_and_step is the last three in one, and faster.
 *
 *   3. hth_forward is three verbs of the tape (begin, write, judge), for programs whose losses, labels or times are
 *      their own.
 *
 * Reading order: "Status and errors", hth_settings, hth_shape, then "Model" at the end of the file, which is all that
 * most programs need; examples/stream.c is such a program. docs/library.md tells more.
 *
 * Conventions, for every function below:
 *   - every handle is made from settings, a flat list of texts (`docs/settings.md` has them all);
 *   - a fallible function returns a status and, when `error` is not NULL, leaves one sentence for a
 *     person in it, and leaves it alone where all is well; after an error nothing has been changed;
 *   - a handle is one block of memory from the allocator; nothing allocates after creation;
 *   - a network and a compute handle must outlive the tapes, learners, gradients and optimisers made
 *     with them;
 *   - arrays are row-major; time, then item of the batch, then unit;
 *   - no global state: several threads may each use their own tape, learner and compute handle on
 *     one network, as long as none of them changes its parameters.
 *
 * The library comes in two precisions from one source: libhitherto (float) and libhitherto64
 * (double, define HTH_DOUBLE before including this header).
 */
#ifndef HITHERTO_H
#define HITHERTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HTH_API __attribute__((visibility("default")))
#else
#define HTH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef HTH_DOUBLE
typedef double hth_real;
#else
typedef float hth_real;
#endif

#define HTH_VERSION "0.1.0"

/* The interface that this header is: a number that grows whenever a program compiled against an older one would no
 * longer fit, and the bytes of hth_real in the last two digits. Say it in hth_model_plan, or compare it with hth_abi(),
 * that of the library: a program with the header of another release, or with HTH_DOUBLE forgotten, is then told. */
#define HTH_INTERFACE 1
#define HTH_ABI (HTH_INTERFACE * 100 + (int)sizeof(hth_real))

/* ---- Status and errors ------------------------------------------------------------------ */

/* One list gives the codes and their texts. */
#define HTH_STATUSES(X)                                                                            \
    X(HTH_OK, "no error")                                                                          \
    X(HTH_INVALID, "a setting or argument has no meaning")                                         \
    X(HTH_MISMATCH, "two things that must fit do not")                                             \
    X(HTH_NO_MEMORY, "not enough memory")                                                          \
    X(HTH_FILE, "a file cannot be read or written")                                                \
    X(HTH_NOT_FINITE, "a number is not finite")                                                    \
    X(HTH_FAILED, "a check failed")                                                                \
    X(HTH_DAMAGED, "a file has been read to its end, and what is in it is wrong")

typedef enum hth_status {
#define HTH_STATUS_CODE(code, text) code,
    HTH_STATUSES(HTH_STATUS_CODE)
#undef HTH_STATUS_CODE
} hth_status;

typedef struct hth_error {
    hth_status status;
    char message[480]; /* one sentence: the file, the field, the value and what would be right */
} hth_error;

HTH_API const char *hth_status_text(hth_status status);
HTH_API const char *hth_version(void);
HTH_API int hth_abi(void);
/* The level of the processor that the loops over numbers run at, chosen when the library is loaded: x86-64-v4,
 * x86-64-v3, x86-64-v2, aarch64 or plain (C alone). HTH_LEVEL in the environment, read at that time, names another. All but x86-64-v2,
 * which has no fused multiply-add, give the same bits. */
HTH_API const char *hth_level_name(void);

/* ---- Memory, threads, settings ---------------------------------------------------------- */

/* Where handles take their one block of memory from. NULL in place of a pointer to one: malloc. */
typedef struct hth_allocator {
    void *(*allocate)(void *context, size_t bytes); /* 64-byte alignment is not required */
    void (*release)(void *context, void *memory);
    void *context;
} hth_allocator;

/* Threads and the scratch memory of the kernels. The number of threads changes the time that a result
 * takes, never its bits. One compute handle serves one calling thread at a time.
 *
 * threads: 1 to 1024, the calling thread included; 0: one for each core that this process may use (its
 * affinity, and the quota of its control group). Threads start with the first loop that is large enough
 * to be shared, so a small network never starts one; their stacks are the only memory that is taken after
 * creation. They sleep while there is nothing to do, and end with the handle. If the system refuses to
 * start a thread, the handle works with fewer.
 *
 * After fork a child may use or destroy the handles that it has inherited: it starts threads of its own.
 * (A handle that another thread of the parent was using at that moment may only be destroyed.) */
typedef struct hth_compute hth_compute;
HTH_API hth_status hth_compute_create(int threads, const hth_allocator *allocator,
                                      hth_compute **out, hth_error *error);
HTH_API void hth_compute_destroy(hth_compute *compute);

/* One setting as text, e.g. {"cell.tau_m", "20", "run.yaml:7"}. `origin` says where it was written,
 * for messages; NULL if it has no place. Texts must outlive the call that they are given to. */
typedef struct hth_setting {
    const char *key, *value, *origin;
} hth_setting;

/* Settings; of two with the same key the later counts. A function reads the sections that it names and
 * leaves other keys alone. */
typedef struct hth_settings {
    const hth_setting *items;
    size_t count;
} hth_settings;

/* ---- Data --------------------------------------------------------------------------------- */

typedef enum hth_target_kind {
    HTH_TARGET_VALUES, /* targets[t][b][outputs] */
    HTH_TARGET_CLASSES /* classes[t][b] in 0..outputs-1 */
} hth_target_kind;

/* What a stream yields and a network therefore takes. */
typedef struct hth_shape {
    size_t inputs;     /* numbers per step; 0 for token input */
    size_t vocabulary; /* kinds of token; 0 for numbers */
    size_t outputs;
    hth_target_kind target;
    bool decides; /* chunks mark where decisions end; class targets only */
} hth_shape;

/* What a network reads: `steps` time steps of a batch. Exactly one of x and tokens is given, as the network's shape
 * says. Nothing is owned, and nothing is looked at after the call. */
typedef struct hth_inputs {
    size_t steps, batch;
    const hth_real *x;     /* [steps][batch][inputs] */
    const int32_t *tokens; /* [steps][batch] */
    const uint32_t
        *lengths; /* as in hth_chunk; an item that has ended on this tape has 0 steps more */
    bool ends;    /* as in hth_chunk */
} hth_inputs;

/* What is said of steps from..from+steps-1 of a tape, counted from its oldest. Exactly one of targets, classes and
 * errors is given; of the first two, the one that the network's shape says. Nothing is owned, and nothing is looked at
 * after the call. */
typedef struct hth_verdict {
    size_t from, steps;
    const hth_real *targets; /* [steps][batch][outputs] */
    const int32_t *classes;  /* [steps][batch] */
    const hth_real *
        errors; /* [steps][batch][outputs]: dE/dy of a loss of the caller's, y being the outputs that
                              * hth_tape_read gives. loss.batch and loss.time do not change it */
    const hth_real *weights; /* as in hth_chunk; not with errors */
    const uint8_t *decides;  /* as in hth_chunk; not with errors */
} hth_verdict;

/* Inputs and a verdict on all of them: `steps` time steps of a batch. Exactly one of x and tokens is given, and of
 * targets and classes. Nothing is owned, and nothing is looked at after the call. weights NULL: every step of every
 * item counts 1; where a weight is 0 the class may be anything and the target any finite number. */
typedef struct hth_chunk {
    size_t steps, batch;
    const hth_real *x;       /* [steps][batch][inputs] */
    const int32_t *tokens;   /* [steps][batch] */
    const hth_real *targets; /* [steps][batch][outputs] */
    const int32_t *classes;  /* [steps][batch] */
    const hth_real *weights; /* [steps][batch] */
    /* [batch], 0..steps: the steps of each item; those after them only fill the batch up. A layer that runs from
     * the end (network.direction = both) begins at an item's own last step. NULL: all have all steps. It says
     * nothing of the loss: give padding weight 0 as well. */
    const uint32_t *lengths;
    /* [steps][batch], where the shape says so: 1 at the last step of a decision. The decision is the output with the
     * largest mean over a run of weighted steps. A run starts after a step of weight 0, after the previous decision, or
     * with the sequence. It is compared with the class of its last step. NULL: none end. */
    const uint8_t *decides;
    /* The last step is the last of its sequence: no loss comes after it, so learners keep nothing for steps to come, and
     * predict no later loss. hth_tape_reset must come next, or the tape takes no more steps. Learners for which it
     * matters refuse the next sequence if they have not been told of the last one's end: those that predict later losses
     * (learner.future = synthetic), and those that wait for them (learner.window). loss.time = mean and window need it
     * too, unless hth_tape_expect has told them. For all else false is right, but may take longer. */
    bool ends;
} hth_chunk;

/* What a readout has seen since the report was last zeroed. Losses are summed, unscaled, in the
 * loss's own unit; divide by weight for the mean per step and item. */
typedef struct hth_report {
    double loss, weight;
    double correct;          /* weighted count of steps whose largest output is the target class */
    double spikes;           /* spikes of all units; 0 for cells that do not spike */
    double regulariser;      /* E_reg of each tape as it is differentiated; not in loss */
    double decisions, right; /* decisions that have ended, and how many of them were right */
} hth_report;

/* ---- Network: configuration and parameters -------------------------------------------------- */

/* A table of layers (network.units, layers, cells, reads), an optional embedding below and a leaky linear readout above. The handle holds what stays constant during a tape: configuration and parameters. */
typedef struct hth_network hth_network;

/* Parameters are one array; a block is a named matrix in it.
 *   layer<l>.weight   [gates*units][units + inputs + 1]   row r*units+j: gate r of unit j (lstm: i, f,
 *                     o, g; gru: r, u, cx, ch; others have one); columns: recurrent, input, bias, as W
 *                     acts on [z; x; 1]. Weights that do not exist (self-connections or biases of
 *                     spiking cells, columns that a gate does not read) are 0 and must be kept 0.
 *   layer0.backward.weight, layer0.backward.initial       likewise, of the layer that runs from the end
 *                     (network.direction = both)
 *   layer<l>.initial  [states (+1)][units]                with network.initial = learned: the states s,
 *                     then z where it is a state of its own (lstm: c, h)
 *   embedding.weight  [vocabulary][network.embedding]
 *   readout.weight    [outputs][units of the top layer]   both directions: first forward, then backward
 *   readout.bias      [1][outputs] */
typedef struct hth_block {
    char name[32];
    char group[16]; /* recurrent, initial, embedding, readout: has its own learning rate */
    size_t rows, columns, offset;
} hth_block;

/* Reads the sections network, layer, cell, readout, loss, regulariser and init. Initial values depend on seed alone. */
HTH_API hth_status hth_network_create(const hth_settings *settings, const hth_shape *shape,
                                      uint64_t seed, const hth_allocator *allocator,
                                      hth_network **out, hth_error *error);
HTH_API void hth_network_destroy(hth_network *network);
HTH_API size_t hth_network_parameter_count(const hth_network *network);
/* Owned by the network. Ask anew before each change that is made while steps stay on a tape (hth_tape_slide): tapes keep
 * copies of the weights until they are begun, or until this is called. */
HTH_API hth_real *hth_network_parameters(hth_network *network);
/* Dale's law (network.excitatory): recurrent weights of the wrong sign become 0. An optimiser's step does so; call it after
 * a change of the parameters by hand. Returns whether the network keeps signs; if not, nothing changes. */
HTH_API bool hth_network_keep_signs(hth_network *network);
HTH_API const hth_block *hth_network_blocks(const hth_network *network, size_t *count);

/* ---- Tape: the last K steps, and the state that is carried from tape to tape ----------------- */

typedef struct hth_tape hth_tape;
HTH_API hth_status hth_tape_create(const hth_network *network, size_t steps, size_t batch,
                                   hth_compute *compute, const hth_allocator *allocator,
                                   hth_tape **out, hth_error *error);
HTH_API void hth_tape_destroy(hth_tape *tape);
/* Start of a sequence: state, traces of the readout and refractory counters as the network says. A
 * learned initial state is read from the parameters here. */
HTH_API void hth_tape_reset(hth_tape *tape);
/* What the sequence that has begun adds up to, for loss.time = mean and window, which divide the loss of each item by the
 * steps of its whole sequence, or by the sum of their weights: then the gradient of a sequence is the same for tapes of
 * any length. Of the chunk only steps, batch, lengths and weights are looked at. More calls add up, so that a sequence may
 * be told in pieces. A tape that is a whole sequence (from a reset to ends) needs no telling; learning from others is
 * refused without it. Call it after a reset, before the first step is written: HTH_INVALID later, or for lengths greater
 * than steps; HTH_MISMATCH for another batch; HTH_NOT_FINITE. */
HTH_API hth_status hth_tape_expect(hth_tape *tape, const hth_chunk *sequence, hth_error *error);
/* Whether loss.time divides by something: false with loss.time = sum, where hth_tape_expect says nothing. */
HTH_API bool hth_tape_divides(const hth_tape *tape);
/* network.dropout leaves units out on a tape, as it should where one learns. Off: on a tape that scores; on: as at
 * first. Call it when no steps are on the tape. */
HTH_API void hth_tape_dropout(hth_tape *tape, bool on);
/* A new tape: what is on it is forgotten, and the state goes on. */
HTH_API void hth_tape_begin(hth_tape *tape);
/* Forgets the oldest steps and keeps the others, with what has been said of them. HTH_INVALID for more steps than there
 * are. A learner with learner.window refuses a tape that has forgotten steps which it has not learned from. */
HTH_API hth_status hth_tape_slide(hth_tape *tape, size_t steps, hth_error *error);
/* From now on so many of the newest steps stay on the tape when hth_forward writes, instead of none, and are in its
 * state: for learners whose tape slides (learner.window), H - K of them. HTH_INVALID for as many as the tape has room
 * for, or for any with network.direction = both. */
HTH_API hth_status hth_tape_keep(hth_tape *tape, size_t steps, hth_error *error);
/* How many steps are on the tape: 0 to K. */
HTH_API size_t hth_tape_length(const hth_tape *tape);
/* Runs the layers over 1 or more steps, on from the last one on the tape, which must have room for them. With
 * network.direction = both the steps must be a whole sequence (after a reset, ends = true). Steps that are written
 * one by one have the same bits as when they are written together. HTH_NOT_FINITE when an input is not finite,
 * HTH_INVALID for a token out of range; nothing has then been written. */
HTH_API hth_status hth_tape_write(hth_tape *tape, const hth_inputs *inputs, hth_error *error);
/* The readout's outputs, before any softmax or sigmoid, [steps][batch][outputs], of steps from..from+steps-1 of the
 * tape: those that judging finds, bit for bit, as long as the parameters do not change in between. A leaky readout
 * gives what its filter held at the step. HTH_INVALID for steps that are not on the tape. */
HTH_API hth_status hth_tape_read(hth_tape *tape, size_t from, size_t steps, hth_real *outputs,
                                 hth_error *error);
/* Says of steps of the tape how good their outputs are, and adds that to report (not NULL): loss and weight only where
 * there are targets or classes; E_reg of a tape that has been learned from, or is full or has ended with all steps
 * judged, goes to the first report after that. Any steps, in any order (where decisions are marked, in that of time),
 * each of them once, before they are learned from: a label may come late. (A learner whose tape slides also takes a late verdict on a step that it has learned from, for the steps
 * that still wait.) Steps of which nothing is said count as without error; steps judged by dE/dy have no part in
 * decisions. HTH_NOT_FINITE when a target or the loss is not
 * finite, HTH_INVALID for a class out of range or a step judged before: the steps then are as if nothing had been said. */
HTH_API hth_status hth_tape_judge(hth_tape *tape, const hth_verdict *verdict, hth_report *report,
                                  hth_error *error);
/* hth_tape_begin (or hth_tape_slide: see hth_tape_keep), hth_tape_write and hth_tape_judge in one call, with the same
 * bits: runs chunk->steps (<= K) steps. On an error the carried state is as it was, so that the call can be made again;
 * there is nothing new to learn from. */
HTH_API hth_status hth_forward(hth_tape *tape, const hth_chunk *chunk, hth_report *report,
                               hth_error *error);

/* Numbers of the tape where they lie, valid until the tape is next begun, slid, written to or reset: number j of an
 * item at a step is data[step * step_stride + item * item_stride + j]. */
typedef struct hth_view {
    const hth_real *data; /* of the oldest step */
    size_t steps, batch, units;
    size_t step_stride, item_stride;
} hth_view;

/* What a layer's units did at the steps on the tape: `what` is "z", what they give to others, or a state of the cell,
 * by the name that `hitherto list cell` has (alif: v, a; lstm: c). A layer that runs from the end of the sequence has its
 * steps in the order in which it ran. HTH_INVALID for a layer or name that there is none of. */
HTH_API hth_status hth_tape_view(const hth_tape *tape, size_t layer, const char *what,
                                 hth_view *out, hth_error *error);

/* ---- Learner: four axes --------------------------------------------------------------------- */

typedef struct hth_learner hth_learner;
typedef struct hth_gradient hth_gradient;

HTH_API hth_status hth_gradient_create(const hth_network *network, const hth_allocator *allocator,
                                       hth_gradient **out, hth_error *error);
HTH_API void hth_gradient_destroy(hth_gradient *gradient);
HTH_API void hth_gradient_clear(hth_gradient *gradient);
/* dE/dtheta, same order as the parameters; owned by the gradient. */
HTH_API const hth_real *hth_gradient_values(const hth_gradient *gradient);
/* The same, to be written to; until the next clear all rows of an embedding then count as changed. */
HTH_API hth_real *hth_gradient_edit(hth_gradient *gradient);

/* Reads the section learner: a preset (learner.name) and any of signal, recurrence, past, future, with
 * their options. For tapes on which at most `steps` steps are new each time: the tape has so many, or
 * learner.window (learner.steps and learner.update are for whoever cuts the sequence into tapes). Random choices of a learner depend on seed. HTH_INVALID, with the
 * reason, for a combination that has no meaning. */
HTH_API hth_status hth_learner_create(const hth_settings *settings, const hth_network *network,
                                      size_t steps, size_t batch, uint64_t seed,
                                      hth_compute *compute, const hth_allocator *allocator,
                                      hth_learner **out, hth_error *error);
HTH_API void hth_learner_destroy(hth_learner *learner);
/* A tape for the learner: of its network and batch, with K steps; with learner.window of so many, of which all but K
 * stay (hth_tape_keep). */
HTH_API hth_status hth_learner_tape(const hth_learner *learner, hth_compute *compute,
                                    const hth_allocator *allocator, hth_tape **out,
                                    hth_error *error);
/* The feedback weights of learner.signal = random, [rows][columns], outputs x units of the top layer, in
 * place of those drawn. The values are copied; they are not in the learner's state. HTH_INVALID where the
 * signal takes none, HTH_MISMATCH for another shape, HTH_NOT_FINITE. */
HTH_API hth_status hth_learner_feedback(hth_learner *learner, const hth_real *values, size_t rows,
                                        size_t columns, hth_error *error);
/* Adds the gradient of the steps on the tape, with the parameters as they are now, and takes what the past axis keeps
 * over them: call it before the parameters change. The rule is: a learner learns from each step once. So judge all of a
 * tape first; HTH_INVALID if the learner has learned from any of its steps before. With learner.window the tape may have
 * slid since the last call, only what is new counts, and late verdicts are new. Where the tape begins a sequence, so does
 * the learner. HTH_INVALID where the sequence before had an end that was not told (ends), and the learner had predicted
 * or waited for what came after it; or where loss.time divides by what is not known (hth_tape_expect). */
HTH_API hth_status hth_learn(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                             hth_error *error);

/* dE/dx of the steps that hth_learn last learned from, [steps][batch][inputs], as the learner has it: for bptt over a
 * whole sequence that of all its losses. Losses of later tapes are not in it. Valid until the next hth_learn.
 * HTH_INVALID unless learner.inputs = true, the network reads numbers and an error reaches the units. */
HTH_API hth_status hth_learner_inputs(const hth_learner *learner, hth_view *out, hth_error *error);
/* dE/ds before the oldest of these steps, [1][batch][units], of a state of the layer's cell by name, or of "z", the way
 * through the recurrent weights and the reset. Where z is the state (rate, gru) the whole is the sum of both.
 * HTH_INVALID as above, or for a name that there is none of. */
HTH_API hth_status hth_learner_start(const hth_learner *learner, size_t layer, const char *what,
                                     hth_view *out, hth_error *error);

/* ---- Optimiser ------------------------------------------------------------------------------ */

typedef struct hth_optimiser hth_optimiser;
/* Reads the section optimiser. */
HTH_API hth_status hth_optimiser_create(const hth_settings *settings, const hth_network *network,
                                        hth_compute *compute, const hth_allocator *allocator,
                                        hth_optimiser **out, hth_error *error);
HTH_API void hth_optimiser_destroy(hth_optimiser *optimiser);
/* One update; epoch (from 1) drives schedules that count epochs. HTH_NOT_FINITE when the gradient
 * is not finite: the parameters are then unchanged. */
HTH_API hth_status hth_optimiser_step(hth_optimiser *optimiser, hth_network *network,
                                      hth_gradient *gradient, uint64_t epoch, hth_error *error);
/* hth_gradient_clear, hth_learn and hth_optimiser_step in one call, with the bits and errors of the three: for those
 * who update after every tape and do not look at the gradient. Where a tape has one step of one item, the weights of
 * the layers may then change while their gradient is found, which moves half as much memory; with optimiser.clip_norm
 * they cannot. `gradient` is scratch: what it holds afterwards has no meaning until hth_gradient_clear. `network` is
 * the learner's. HTH_NOT_FINITE: the parameters are unchanged, and the learner has taken the tape. */
HTH_API hth_status hth_learn_and_step(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                                      hth_optimiser *optimiser, hth_network *network,
                                      uint64_t epoch, hth_error *error);
/* The learning rate of the last update, schedule included (group factors are not). */
HTH_API double hth_optimiser_rate(const hth_optimiser *optimiser, uint64_t epoch);

/* ---- State ---------------------------------------------------------------------------------- */

typedef enum hth_dtype {
    HTH_DTYPE_REAL, /* hth_real */
    HTH_DTYPE_F64,  /* double, in either precision of the library */
    HTH_DTYPE_I32,
    HTH_DTYPE_U64
} hth_dtype;

/* A named array that must survive an interruption. `data` points into the handle, so that reading
 * and restoring are the same list. */
enum { HTH_FIELD_RANK = 4 };
typedef struct hth_field {
    char name[40];
    hth_dtype dtype;
    size_t count;
    void *data;
    size_t
        shape[HTH_FIELD_RANK]; /* in C order, up to the first 0; all 0: a list of count numbers */
} hth_field;

/* Each writes at most `capacity` fields and returns how many there are. Write to fields before the handle is used
 * again, or ask for them anew: handles may know things of their state that a later write would make false.
 * hth_tape_state ends the tape: what has been said of its steps can no longer be learned from. */
HTH_API size_t hth_network_state(hth_network *network, hth_field *fields, size_t capacity);
HTH_API size_t hth_tape_state(hth_tape *tape, hth_field *fields, size_t capacity);
HTH_API size_t hth_learner_state(hth_learner *learner, hth_field *fields, size_t capacity);
HTH_API size_t hth_optimiser_state(hth_optimiser *optimiser, hth_field *fields, size_t capacity);

/* ---- Model: everything in one block, a step in two calls ------------------------------------- */

/* Owns a compute handle, network, tape, learner, gradient and optimiser, and knows when to learn: from tapes of K steps,
 * each as soon as all of its steps have had their answers, or else when room is needed for the next step. K = 1 is an
 * update after every step. */
typedef struct hth_model hth_model;

/* What a model is. Everything but abi and shape may be left 0. */
typedef struct hth_model_plan {
    int abi; /* HTH_ABI */
    /* The sections network, layer, cell, readout, loss, regulariser, init, learner and optimiser. HTH_INVALID, with "did you
     * mean", for any other setting, and for those of a cell or learner that is not chosen. The texts may go afterwards. */
    hth_settings settings;
    hth_shape shape;
    uint64_t seed;
    /* K; 0: learner.steps, or if that is 0 too, what the learner takes where sequences have no end. */
    size_t steps;
    size_t batch; /* sequences that advance together; 0: 1 */
    /* Answers may come so many steps late; the model then learns that much later. With learner.window it learns from them
     * when they come, and this is at most learner.window - K. */
    size_t late;
    int threads; /* as for hth_compute_create; 0: one for each core */
    /* The model is frozen for good (hth_model_freeze): it has no learner, gradient and optimiser, nor their memory. */
    bool only_predicts;
    /* All settings have been checked, and there may be others among them, such as a program's own: none is refused here
     * for its name. */
    bool checked;
    /* Sets parameters of the caller's own, before the learner is made, which may begin with them. NULL: as drawn. */
    hth_status (*initialise)(void *context, hth_network *network, hth_error *error);
    void *context; /* of initialise */
} hth_model_plan;

/* Bytes. total is what hth_model_create takes from the allocator, and hth_model_place from the memory. */
typedef struct hth_model_sizes {
    size_t total, model, compute, network, tape, learner, gradient, optimiser;
} hth_model_sizes;

/* The size of a model before it is made. While it is found, the network and the compute handle are made with the
 * allocator (NULL: malloc) and given back. */
HTH_API hth_status hth_model_bytes(const hth_model_plan *plan, const hth_allocator *allocator,
                                   hth_model_sizes *out, hth_error *error);
/* Makes a model at the start of its first sequence. Takes what hth_model_bytes takes and gives back, then one block. */
HTH_API hth_status hth_model_create(const hth_model_plan *plan, const hth_allocator *allocator,
                                    hth_model **out, hth_error *error);
/* Makes a model in memory of the caller, of any alignment, and takes no other. HTH_NO_MEMORY names the bytes that are
 * needed. The memory must stay until hth_model_destroy. */
HTH_API hth_status hth_model_place(const hth_model_plan *plan, void *memory, size_t bytes,
                                   hth_model **out, hth_error *error);
HTH_API void hth_model_destroy(hth_model *model);
/* The sizes of a model that has been made. */
HTH_API const hth_model_sizes *hth_model_sizes_of(const hth_model *model);

/* A step: writes x[batch][inputs] or tokens[batch] (the other is NULL), and reads the outputs, before any softmax or
 * sigmoid, into outputs[batch][outputs] (NULL: not wanted). Where the tape has no room, learns first from its oldest
 * steps with what has been said of them. Errors are those of hth_tape_write, and those of learning.
 *
 * With network.dropout a model learns with units left out, and predicts with all of them: the complete network has a
 * state of its own, which goes on beside the one that is learned from, so that a step takes two passes over the layers.
 * What is learned, and the loss in reports, is then of the step with units left out; a frozen model has one pass. */
HTH_API hth_status hth_model_predict(hth_model *model, const hth_real *x, const int32_t *tokens,
                                     hth_real *outputs, hth_error *error);

/* What is said of one step: targets or classes, as the shape says, or errors of the caller's own loss; or nothing, where
 * only `ends` is to be told. Nothing is owned, and nothing is looked at after the call. */
typedef struct hth_answer {
    const hth_real *targets; /* [batch][outputs] */
    const int32_t *classes;  /* [batch] */
    const hth_real *errors;  /* [batch][outputs]: dE/dy, y being the outputs */
    const hth_real *weights; /* [batch]; NULL: all 1; not with errors */
    const uint8_t *decides;  /* [batch], as in hth_chunk */
    size_t
        late; /* which step: 0 the newest, k the k-th before it, at most late + K - 1, each once */
    /* The newest step is the last of its sequence, and no answer is to come: learns from the rest of the tape, and
     * begins the next sequence. */
    bool ends;
} hth_answer;

/* Judges a step, adds that to report (not NULL), and learns if a tape is complete. After each tape of which anything has
 * been said the parameters change (learner.update = auto or tape), or at the end of the sequence (learner.update =
 * sequence). HTH_INVALID when the step is not on the tape any more, has had an answer, or has been learned from;
 * other errors are those of hth_tape_judge, after which nothing has been said, and those of hth_optimiser_step, after
 * which the tape has been learned from without an update. */
HTH_API hth_status hth_model_learn(hth_model *model, const hth_answer *answer, hth_report *report,
                                   hth_error *error);

/* Any number of steps with their answers, cut into tapes: as hth_model_predict and hth_model_learn of each. outputs
 * [steps][batch][outputs], each from before it was learned from (NULL: not wanted). A chunk without targets and classes
 * is a stretch of which nothing is said. After an error, the tapes before the one that it is in have been learned from. */
HTH_API hth_status hth_model_run(hth_model *model, const hth_chunk *chunk, hth_real *outputs,
                                 hth_report *report, hth_error *error);

/* Begins a sequence. Steps that have not been learned from, and gradients that no update has followed, are dropped: to
 * learn from them, tell where the sequence ends. */
HTH_API void hth_model_reset(hth_model *model);
/* A frozen model predicts and judges, learns nothing and leaves no unit out (network.dropout): for validation and for
 * use. Freezing and thawing begin a sequence. */
HTH_API void hth_model_freeze(hth_model *model, bool frozen);
/* The epoch, 1 at first, that schedules of the learning rate count. */
HTH_API void hth_model_epoch(hth_model *model, uint64_t epoch);

/* The handles within, for all that the functions above do not do: parameters, views of states, feedback weights. They are
 * the model's, and go with it. A program may also write, learn and step with them itself, as with handles that it has
 * made; it then leaves hth_model_predict, _learn, _run and _reset alone. With only_predicts learner, gradient and
 * optimiser are NULL. */
typedef struct hth_model_parts {
    hth_compute *compute;
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} hth_model_parts;
HTH_API const hth_model_parts *hth_model_parts_of(const hth_model *model);

/* All that a model knows, the tape included, so that one that is loaded goes on with the same bits. */
HTH_API size_t hth_model_save_bytes(hth_model *model);
/* Writes that many bytes. HTH_NO_MEMORY when `bytes` is less. */
HTH_API hth_status hth_model_save(hth_model *model, void *memory, size_t bytes, hth_error *error);
/* Takes up what hth_model_save wrote, of a model with the same plan, precision and byte order (settings may differ where
 * the same things are kept: a learning rate). HTH_FILE with the reason when it is damaged, HTH_MISMATCH when it is of
 * another model; the model is then as it was. */
HTH_API hth_status hth_model_load(hth_model *model, const void *memory, size_t bytes,
                                  hth_error *error);

#ifdef __cplusplus
}
#endif

#endif
