/*
 * Hitherto: learning online in recurrent networks.
 *
 * The network writes a tape; a learner turns the tape into a gradient. There are three levels; each is built on the
 * next one:
 *
 *   1. A model holds everything in one block of memory. A step is two calls:
 *
 *          hth_model_predict(model, x, NULL, y, &error);                    advances the state by one step
 *          hth_model_learn(model, &(hth_answer){.targets = t}, &report, &error);
 *
 *   2. A program that wants to see the gradient uses six handles and one loop:
 *
 *          hth_forward(tape, &chunk, &report, &error);                      the network writes the tape
 *          hth_learn(learner, tape, gradient, &error);                      the learner reads it
 *          hth_optimiser_step(optimiser, network, gradient, epoch, &error);
 *          hth_gradient_clear(gradient);
 *
 *      A program that updates after every tape may call hth_learn_and_step in place of the last three; it is faster.
 *
 *   3. hth_forward is built from three calls (hth_tape_begin, hth_tape_write, hth_tape_judge). Programs with their own
 *      losses, late labels or irregular times call these.
 *
 * Reading order: "Status and errors", hth_settings, hth_shape, then "Model" at the end of the file. Most programs need
 * no more; examples/stream.c is such a program. docs/library.md explains the rest.
 *
 * Conventions, for every function below:
 *   - every handle is made from settings, a flat list of texts (`docs/settings.md` lists them all);
 *   - a function that can fail returns a status. On an error it writes one sentence for a person into `error` (unless
 *     that is NULL) and changes nothing else. On HTH_OK it does not touch `error`;
 *   - a handle is one block of memory from the allocator; nothing allocates after creation;
 *   - a function that makes a handle writes it to *out. The caller owns it and destroys it; every destroy function
 *     accepts NULL. The functions that make handles return HTH_INVALID for a setting or argument without meaning, and
 *     HTH_NO_MEMORY; other errors are named at the function;
 *   - allocator NULL means malloc and free;
 *   - a network and a compute handle must outlive the tapes, learners, gradients and optimisers made with them;
 *   - arrays are row-major and ordered by time, then item of the batch, then unit;
 *   - there is no global state: several threads may each use their own tape, learner and compute handle on one
 *     network, as long as none of them changes its parameters.
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

/* The numbers of the library: float, or double with HTH_DOUBLE. */
#ifdef HTH_DOUBLE
typedef double hth_real;
#else
typedef float hth_real;
#endif

#define HTH_VERSION "0.1.0"

/* The version of this interface. The last two digits are sizeof(hth_real); the digits before them grow with every
 * release that older programs no longer fit. Put HTH_ABI into hth_model_plan.abi, or compare it with hth_abi(), which
 * returns the value of the library. A program that was compiled with the header of another release, or without
 * HTH_DOUBLE, then gets an error. */
#define HTH_INTERFACE 1
#define HTH_ABI (HTH_INTERFACE * 100 + (int)sizeof(hth_real))

/* ---- Status and errors ------------------------------------------------------------------ */

/* All status codes with their texts. */
#define HTH_STATUSES(X)                                                                            \
    X(HTH_OK, "no error")                                                                          \
    X(HTH_INVALID, "a setting or argument has no meaning")                                         \
    X(HTH_MISMATCH, "two things that must fit do not")                                             \
    X(HTH_NO_MEMORY, "not enough memory")                                                          \
    X(HTH_FILE, "a file cannot be read or written")                                                \
    X(HTH_NOT_FINITE, "a number is not finite")                                                    \
    X(HTH_FAILED, "a check failed")                                                                \
    X(HTH_DAMAGED, "a file has been read to its end, and what is in it is wrong")

/* How a call ended. */
typedef enum hth_status {
#define HTH_STATUS_CODE(code, text) code,
    HTH_STATUSES(HTH_STATUS_CODE)
#undef HTH_STATUS_CODE
} hth_status;

/* Why a call failed. */
typedef struct hth_error {
    hth_status status;
    char message[480]; /* one sentence: the file, the field, the value and what would be right */
} hth_error;

/* The text of a status from the list above. The string is static. */
HTH_API const char *hth_status_text(hth_status status);
/* The version of the library, for example "0.1.0". The string is static. */
HTH_API const char *hth_version(void);
/* HTH_ABI of the library, to compare with HTH_ABI of this header. */
HTH_API int hth_abi(void);
/* The instruction set that the numeric loops use: x86-64-v4, x86-64-v3, x86-64-v2, aarch64 or plain (C alone). The
 * library chooses it when it is loaded; the environment variable HTH_LEVEL, read at that moment, overrides the choice.
 * All levels give the same bits, except x86-64-v2, which has no fused multiply-add. */
HTH_API const char *hth_level_name(void);

/* ---- Memory, threads, settings ---------------------------------------------------------- */

/* Where a handle gets its one block of memory. allocate returns NULL when it has none to give. A function that takes a
 * pointer to an allocator uses malloc when the pointer is NULL. */
typedef struct hth_allocator {
    void *(*allocate)(void *context, size_t bytes); /* 64-byte alignment is not required */
    void (*release)(void *context, void *memory);
    void *context;
} hth_allocator;

/* Threads, and the scratch memory of the kernels. The number of threads changes how long a result takes, never its
 * bits. One compute handle serves one calling thread at a time. */
typedef struct hth_compute hth_compute;
/* Makes a compute handle.
 *
 * threads: 1 to 1024, including the calling thread. 0: one for each core that this process may use (by its affinity
 * mask and by the CPU quota of its control group). The handle starts its threads at the first loop that is large enough
 * to be shared, so a small network never starts one. Thread stacks are the only memory taken after creation. Idle
 * threads sleep; hth_compute_destroy ends them. If the system refuses to start a thread, the handle works with fewer.
 *
 * After fork, a child may use or destroy the handles that it inherited; it starts threads of its own. (If another
 * thread of the parent was using a handle at that moment, the child may only destroy it.)
 *
 * HTH_INVALID when threads is out of range; HTH_NO_MEMORY. */
HTH_API hth_status hth_compute_create(int threads, const hth_allocator *allocator,
                                      hth_compute **out, hth_error *error);
/* Ends the threads and frees the handle. NULL: does nothing. */
HTH_API void hth_compute_destroy(hth_compute *compute);

/* One setting as text, e.g. {"cell.tau_m", "20", "run.yaml:7"}. `origin` is the place in a file, for error messages;
 * NULL if there is none. The caller owns the texts; they must outlive the call that takes them. */
typedef struct hth_setting {
    const char *key, *value, *origin;
} hth_setting;

/* A list of settings. If a key occurs twice, the later one counts. A function reads the sections that its comment names
 * and ignores all other keys. */
typedef struct hth_settings {
    const hth_setting *items;
    size_t count;
} hth_settings;

/* ---- Data --------------------------------------------------------------------------------- */

/* What a network's outputs are compared with. */
typedef enum hth_target_kind {
    HTH_TARGET_VALUES,  /* targets[t][b][outputs] */
    HTH_TARGET_CLASSES, /* classes[t][b] in 0..outputs-1 */
    /* targets[t][b][outputs] of loss.name = actor-critic: outputs are logits of actions and, last, a value; targets an
     * advantage for the action taken, 0 for others, and the return */
    HTH_TARGET_ACTIONS
} hth_target_kind;

/* The shape of the data: a stream yields it, and a network is made for it. */
typedef struct hth_shape {
    size_t inputs;     /* numbers per step; 0 for token input */
    size_t vocabulary; /* kinds of token; 0 for numbers */
    size_t outputs;
    hth_target_kind target;
    bool decides; /* chunks mark the ends of decisions; with class targets only */
} hth_shape;

/* The input of a network: `steps` time steps of a batch. The caller gives x or tokens, not both, as hth_shape says. The
 * caller owns all arrays; the library reads them during the call only. */
typedef struct hth_inputs {
    size_t steps, batch;
    const hth_real *x;     /* [steps][batch][inputs] */
    const int32_t *tokens; /* [steps][batch] */
    /* [batch], as in hth_chunk. An item that ended earlier on this tape gets 0 further steps. */
    const uint32_t *lengths;
    bool ends; /* as in hth_chunk */
} hth_inputs;

/* Targets or errors for the steps from..from+steps-1 of a tape; step 0 is the oldest on the tape. The caller gives
 * exactly one of targets, classes and errors; hth_shape decides between targets and classes. The caller owns all
 * arrays; the library reads them during the call only. */
typedef struct hth_verdict {
    size_t from, steps;
    const hth_real *targets; /* [steps][batch][outputs] */
    const int32_t *classes;  /* [steps][batch] */
    /* [steps][batch][outputs]: dE/dy of the caller's own loss, with y as hth_tape_read gives it. loss.batch and
     * loss.time do not scale these errors. */
    const hth_real *errors;
    const hth_real *weights; /* as in hth_chunk; not with errors */
    const uint8_t *decides;  /* as in hth_chunk; not with errors */
} hth_verdict;

/* Inputs with targets: `steps` time steps of a batch. The caller gives either x or tokens, and either targets or
 * classes, as hth_shape says. The caller owns all arrays; the library reads them during the call only. weights NULL:
 * every step of every item has weight 1. Where a weight is 0, the class may be any number and the target any finite
 * number. */
typedef struct hth_chunk {
    size_t steps, batch;
    const hth_real *x;       /* [steps][batch][inputs] */
    const int32_t *tokens;   /* [steps][batch] */
    const hth_real *targets; /* [steps][batch][outputs] */
    const int32_t *classes;  /* [steps][batch] */
    const hth_real *weights; /* [steps][batch] */
    /* [batch], 0..steps: the number of real steps of each item; the steps after them are padding. NULL: all items have
     * all steps. A layer that runs backward in time (network.direction = both) starts at the last real step of each
     * item. lengths does not change the loss: give padding weight 0 as well. */
    const uint32_t *lengths;
    /* [steps][batch], if hth_shape.decides: 1 at the last step of a decision. The decision is the output with the
     * largest mean over a run of weighted steps. A run starts after a step of weight 0, after the previous decision, or
     * with the sequence. The decision is compared with the class of its last step. NULL: no decision ends here. */
    const uint8_t *decides;
    /* Set it when the chunk's last step ends its sequence. No loss follows, so learners keep nothing for later steps
     * and predict no later loss. After it the tape takes no steps until hth_tape_reset.
     *
     * Four settings need this flag: learner.future = synthetic, which predicts later losses; learner.window, which
     * waits for them; loss.time = mean or window, unless hth_tape_expect was called; and network.direction = both. The
     * learners of the first two refuse the next sequence if the last one was not ended. With any other setting false
     * is also correct, but can be slower. */
    bool ends;
} hth_chunk;

/* Sums over all that was judged since the caller last zeroed the report. Losses are unscaled sums in the unit of the
 * loss; divide by weight for the mean per step and item. */
typedef struct hth_report {
    double loss, weight;
    double correct;          /* weighted count of steps whose largest output is the target class */
    double spikes;           /* spikes of all units; 0 for cells that do not spike */
    double regulariser;      /* sum of E_reg over the differentiated tapes; not part of loss */
    double decisions, right; /* decisions that ended, and how many of them were right */
} hth_report;

/* ---- Network: configuration and parameters -------------------------------------------------- */

/* The network: a table of layers (network.units, layers, cells, reads), an optional embedding below them and a leaky
 * linear readout above them. The handle holds all that stays constant during a tape: configuration and parameters. */
typedef struct hth_network hth_network;

/* All parameters are one array. A block is a named matrix in it: rows x columns numbers from `offset` on.
 *   layer<l>.weight   [gates*units][units + inputs + 1]   row r*units+j: gate r of unit j (lstm: i, f,
 *                     o, g; gru: r, u, cx, ch; others have one); columns: recurrent, input, bias, as W
 *                     acts on [z; x; 1]. Weights that do not exist (self-connections or biases of
 *                     spiking cells, columns that a gate does not read) are 0; the caller must keep them 0.
 *   layer0.backward.weight, layer0.backward.initial       the same for the layer that runs backward in time
 *                     (network.direction = both)
 *   layer<l>.cell     [learned*units][units + inputs + 1]   with cell.learn: row k*units+j: parameter k of unit j, in
 *                     the last column; all other columns are 0. What it stands for: settings.md, cell.learn
 *   layer<l>.initial  [states (+1)][units]                with network.initial = learned: the states s,
 *                     then z if the cell carries it as a further state (lstm: c, h)
 *   embedding.weight  [vocabulary][network.embedding]
 *   readout.weight    [outputs][units of the top layer]   both directions: first forward, then backward
 *   readout.bias      [1][outputs] */
typedef struct hth_block {
    char name[32];
    char group[16]; /* recurrent, cell, initial, embedding, readout: each has a learning rate */
    size_t rows, columns, offset;
} hth_block;

/* Makes a network with initial parameters. Reads the sections network, layer, cell, readout, loss, regulariser and
 * init. The initial values depend on the settings, the shape and seed alone. HTH_MISMATCH when settings and shape do
 * not fit each other. */
HTH_API hth_status hth_network_create(const hth_settings *settings, const hth_shape *shape,
                                      uint64_t seed, const hth_allocator *allocator,
                                      hth_network **out, hth_error *error);
/* Frees the network. Destroy all handles that were made with it first. NULL: does nothing. */
HTH_API void hth_network_destroy(hth_network *network);
/* Length of the parameter array. */
HTH_API size_t hth_network_parameter_count(const hth_network *network);
/* The parameter array, [hth_network_parameter_count]; the network owns it. Tapes keep packed copies of the weights.
 * They refresh them when a tape begins and after each call of this function. A caller that changes weights while steps
 * stay on a tape (hth_tape_slide) must therefore call it before every change. */
HTH_API hth_real *hth_network_parameters(hth_network *network);
/* Sets values[hth_network_parameter_count], of a gradient or of parameters, to 0 where a connection does not exist
 * (network.connections and others; weights that a cell does not read). */
HTH_API void hth_network_keep_connections(const hth_network *network, hth_real *values);
/* Dale's law (network.excitatory): sets recurrent weights of the wrong sign to 0. hth_optimiser_step does this itself;
 * call it after changing parameters by hand. Returns whether the network has signs to keep; false: nothing changed. */
HTH_API bool hth_network_keep_signs(hth_network *network);
/* With network.orthogonal: makes the recurrent weights of each gate the orthogonal matrix that is nearest to them.
 * hth_optimiser_step does so after each update; a program with an optimiser of its own calls this. rates: a layer l with
 * rates[l] = 0 stays as it is (optimiser.lr_layer); NULL: none does. compute NULL: changes nothing. Returns false
 * without that setting. */
HTH_API bool hth_network_keep_orthogonal(hth_network *network, const hth_real *rates,
                                         hth_compute *compute);
/* The blocks of the parameter array; *count is their number. The network owns the list. */
HTH_API const hth_block *hth_network_blocks(const hth_network *network, size_t *count);

/* ---- Tape: the last K steps, and the state that is carried from tape to tape ----------------- */

/* The last K steps of a batch of sequences, with the verdicts on them, and the state that the next steps begin with. */
typedef struct hth_tape hth_tape;
/* Makes a tape with room for `steps` (K) steps of `batch` items, at the start of a sequence. */
HTH_API hth_status hth_tape_create(const hth_network *network, size_t steps, size_t batch,
                                   hth_compute *compute, const hth_allocator *allocator,
                                   hth_tape **out, hth_error *error);
/* Frees the tape. NULL: does nothing. */
HTH_API void hth_tape_destroy(hth_tape *tape);
/* Begins a sequence: empties the tape and sets state, readout traces and refractory counters to their initial values. A
 * learned initial state is read from the parameters at this moment. */
HTH_API void hth_tape_reset(hth_tape *tape);
/* Announces the steps and weights of the sequence that has begun. Only loss.time = mean and window use them: they
 * divide the loss of each item by the steps of its whole sequence, or by the sum of its weights. The gradient of a
 * sequence is then the same however it is cut into tapes.
 *
 * Reads only steps, batch, lengths and weights of the chunk. Several calls add up, so the caller may announce a
 * sequence in pieces. No announcement is needed when one tape holds the whole sequence (from a reset to `ends`); any
 * other tape without one is refused by hth_learn.
 *
 * Call it after a reset and before the first step is written; HTH_INVALID later, or when a length exceeds steps.
 * HTH_MISMATCH for another batch. HTH_NOT_FINITE for a weight that is not finite. */
HTH_API hth_status hth_tape_expect(hth_tape *tape, const hth_chunk *sequence, hth_error *error);
/* Whether loss.time divides the loss. false: loss.time = sum, and hth_tape_expect has no effect. */
HTH_API bool hth_tape_divides(const hth_tape *tape);
/* Turns network.dropout on or off for this tape. A new tape has it on, as learning needs; turn it off on a tape that
 * only scores. Call it while no steps are on the tape. */
HTH_API void hth_tape_dropout(hth_tape *tape, bool on);
/* Begins a new tape: forgets the steps on it and keeps the state. */
HTH_API void hth_tape_begin(hth_tape *tape);
/* Forgets the oldest `steps` steps and keeps the others together with their verdicts. HTH_INVALID when fewer steps are
 * on the tape. With learner.window, hth_learn refuses a tape that has forgotten steps before the learner learned from
 * them. */
HTH_API hth_status hth_tape_slide(hth_tape *tape, size_t steps, hth_error *error);
/* Makes hth_forward keep the newest `steps` steps on the tape; without this call it keeps none. The kept steps also
 * become part of hth_tape_state. Learners with learner.window (H) need steps = H - K. HTH_INVALID when steps is not
 * less than the tape's capacity, or is not 0 with network.direction = both. */
HTH_API hth_status hth_tape_keep(hth_tape *tape, size_t steps, hth_error *error);
/* Number of steps on the tape now: 0 to K. */
HTH_API size_t hth_tape_length(const hth_tape *tape);
/* Runs the layers over 1 or more further steps; the tape must have room for them. With network.direction = both the
 * steps must be a whole sequence (after a reset, with ends = true). Writing steps one by one gives the same bits as
 * writing them together. HTH_NOT_FINITE for an input that is not finite, HTH_INVALID for a token out of range,
 * HTH_MISMATCH for inputs that the network does not take; in each case no step is written. */
HTH_API hth_status hth_tape_write(hth_tape *tape, const hth_inputs *inputs, hth_error *error);
/* Writes the readout's outputs before any softmax or sigmoid to outputs[steps][batch][outputs], for the steps
 * from..from+steps-1 of the tape. hth_tape_judge computes the same bits, as long as the parameters do not change in
 * between. For a leaky readout the output is the value of its filter at that step. HTH_INVALID for steps that are not
 * on the tape. */
HTH_API hth_status hth_tape_read(hth_tape *tape, size_t from, size_t steps, hth_real *outputs,
                                 hth_error *error);
/* Gives steps of the tape their targets or errors, and adds the result to *report (NULL: not wanted). The caller may
 * judge steps in any order, also late, but each step once and before hth_learn has learned from it. Where decisions are
 * marked, judge in order of time. Exception: a learner with learner.window also accepts a late verdict on a step that
 * it has learned from; it is used for the steps that still wait.
 *
 * loss and weight of the report grow only with targets or classes. E_reg of a tape goes to the first report after the
 * tape was learned from, or after the tape was full or ended and all its steps were judged. A step without a verdict
 * has error 0. A step judged by `errors` takes no part in decisions.
 *
 * HTH_NOT_FINITE when a target or the loss is not finite; HTH_INVALID for a class out of range or a step judged twice;
 * HTH_MISMATCH for a verdict that the network does not take. After an error the steps are as if they had not been
 * judged. */
HTH_API hth_status hth_tape_judge(hth_tape *tape, const hth_verdict *verdict, hth_report *report,
                                  hth_error *error);
/* hth_tape_begin (hth_tape_slide after hth_tape_keep), hth_tape_write and hth_tape_judge in one call, with the same
 * bits. Runs chunk->steps steps, at most K; adds what comes of them to *report (NULL: not wanted). Errors are those of
 * hth_tape_write and hth_tape_judge. After an error the carried state is unchanged, so the caller can repeat the call;
 * the tape has nothing new to learn from. */
HTH_API hth_status hth_forward(hth_tape *tape, const hth_chunk *chunk, hth_report *report,
                               hth_error *error);

/* A read-only view into the tape. Number j of an item at a step is data[step * step_stride + item * item_stride + j],
 * with step < steps, item < batch and j < units. The view is valid until the tape is next begun, slid, written or
 * reset. */
typedef struct hth_view {
    const hth_real *data; /* at the oldest step */
    size_t steps, batch, units;
    size_t step_stride, item_stride;
} hth_view;

/* A view of one quantity of a layer at the steps on the tape, [steps][batch][units]. what = "z" is the output that
 * other units read. Any other name is a state of the cell; `hitherto list cell` shows the names (alif: v, a; lstm: c).
 * A layer that runs backward in time has its steps in the order in which it ran. HTH_INVALID for an unknown layer or
 * name. */
HTH_API hth_status hth_tape_view(const hth_tape *tape, size_t layer, const char *what,
                                 hth_view *out, hth_error *error);

/* A row of a store (network.layers), and the part of a read that it gave. */
typedef struct hth_row_read {
    uint64_t step; /* of the sequence, counted from 0, that wrote the row */
    double weight; /* above 0; those of a read add up to 1 */
} hth_row_read;

/* Where a read points: the rows that have weight at step `step` of the tape (0: its oldest), for one item and one head
 * of a store, oldest first; at most `capacity` of them, into rows. *count is how many there are: 0 where nothing has
 * been written yet. HTH_INVALID for a layer
 * that is no store, or a step, item or head that there is not. */
HTH_API hth_status hth_tape_reads(const hth_tape *tape, size_t layer, size_t step, size_t item,
                                  size_t head, hth_row_read *rows, size_t capacity, size_t *count,
                                  hth_error *error);

/* ---- Learner: four axes --------------------------------------------------------------------- */

/* Turns tapes into gradients, and keeps what its past and future axes need from tape to tape. */
typedef struct hth_learner hth_learner;
/* dE/dtheta, a number for each parameter. Learning adds to it. */
typedef struct hth_gradient hth_gradient;

/* Makes a gradient of the network's parameters; all values are 0. */
HTH_API hth_status hth_gradient_create(const hth_network *network, const hth_allocator *allocator,
                                       hth_gradient **out, hth_error *error);
/* Frees the gradient. NULL: does nothing. */
HTH_API void hth_gradient_destroy(hth_gradient *gradient);
/* Sets all values to 0. */
HTH_API void hth_gradient_clear(hth_gradient *gradient);
/* Multiplies all values by factor; 0 is hth_gradient_clear. With the gradient g_t of each single step,
 * fade(gamma lambda), learn and hth_optimiser_step_scaled by -delta_t or delta_t, in turn, are TD(lambda) and the
 * actor-critic with eligibility traces (Sutton & Barto 2018, section 13.5). */
HTH_API void hth_gradient_fade(hth_gradient *gradient, double factor);
/* dE/dtheta in the order of the parameters, [hth_network_parameter_count]; the gradient owns the array. */
HTH_API const hth_real *hth_gradient_values(const hth_gradient *gradient);
/* The same array for writing. Until the next hth_gradient_clear, all rows of an embedding then count as changed. */
HTH_API hth_real *hth_gradient_edit(hth_gradient *gradient);

/* Makes a learner. Reads the section learner: a preset (learner.name), and any of signal, recurrence, past and future
 * with their options. `steps` is the largest number of new steps on a tape: K of the tape, which has H steps with
 * learner.window. learner.steps and learner.update are ignored here; the program that cuts sequences into tapes reads
 * them. Random choices of the learner depend on seed. HTH_INVALID, with the reason, for a combination that has no
 * meaning. */
HTH_API hth_status hth_learner_create(const hth_settings *settings, const hth_network *network,
                                      size_t steps, size_t batch, uint64_t seed,
                                      hth_compute *compute, const hth_allocator *allocator,
                                      hth_learner **out, hth_error *error);
/* Frees the learner. NULL: does nothing. */
HTH_API void hth_learner_destroy(hth_learner *learner);
/* Makes a tape that fits the learner: for its network and batch, with K steps. With learner.window = H the tape has H
 * steps and keeps H - K of them (hth_tape_keep). The caller owns the tape. */
HTH_API hth_status hth_learner_tape(const hth_learner *learner, hth_compute *compute,
                                    const hth_allocator *allocator, hth_tape **out,
                                    hth_error *error);
/* Replaces the drawn feedback weights of learner.signal = random by values[rows][columns], outputs x units of the top
 * layer. The values are copied; hth_learner_state does not include them. HTH_INVALID when the signal has no feedback
 * weights, HTH_MISMATCH for another shape, HTH_NOT_FINITE for a value that is not finite. */
HTH_API hth_status hth_learner_feedback(hth_learner *learner, const hth_real *values, size_t rows,
                                        size_t columns, hth_error *error);
/* Gives learner.signal = module the learning signals of the tape that is learned from next:
 * signals[steps][batch][units], of the units that the readout reads, dE/dz of each as the module sees it. The caller
 * owns the array and keeps it until hth_learn, which uses it once; hth_learn refuses a tape without signals, or with
 * those of another number of steps. HTH_INVALID for another signal, HTH_NOT_FINITE for a value that is not finite. */
HTH_API hth_status hth_learner_signals(hth_learner *learner, const hth_real *signals, size_t steps,
                                       hth_error *error);
/* Adds the gradient of the tape's steps to *gradient, at the current parameters, and updates the memory of the past
 * axis. Call it before the parameters change. A learner learns from each step once, so judge the whole tape first. With
 * learner.window the tape may have slid since the last call; only new steps count, and late verdicts count as new. A
 * tape that begins a sequence begins one for the learner too.
 *
 * HTH_INVALID when there is no step on the tape, as after its state was restored; when the learner has already learned
 * from one of the steps; when the sequence before ended without `ends`, and the learner had predicted or waited for its
 * later losses; or when loss.time divides by a number that is not known (hth_tape_expect). */
HTH_API hth_status hth_learn(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                             hth_error *error);

/* A view of dE/dx, [steps][batch][inputs], for the steps of the last hth_learn, as the learner computes it. For bptt
 * over a whole sequence it contains all losses of the sequence; losses of later tapes are never in it. The view is
 * valid until the next hth_learn. HTH_INVALID unless learner.inputs = true, the network reads numbers and an error
 * reaches the units. */
HTH_API hth_status hth_learner_inputs(const hth_learner *learner, hth_view *out, hth_error *error);
/* A view of dE/ds before the oldest of these steps, [1][batch][units]. `what` names a state of the layer's cell, or is
 * "z": the path through the recurrent weights and the reset. In cells whose z is the state (rate, gru) the whole
 * derivative is the sum of both. HTH_INVALID as for hth_learner_inputs, or for an unknown layer or name. */
HTH_API hth_status hth_learner_start(const hth_learner *learner, size_t layer, const char *what,
                                     hth_view *out, hth_error *error);

/* ---- Optimiser ------------------------------------------------------------------------------ */

/* Changes the parameters by a gradient, and keeps its moments. */
typedef struct hth_optimiser hth_optimiser;
/* Makes an optimiser for the network's parameters. Reads the sections optimiser and keep. */
HTH_API hth_status hth_optimiser_create(const hth_settings *settings, const hth_network *network,
                                        hth_compute *compute, const hth_allocator *allocator,
                                        hth_optimiser **out, hth_error *error);
/* Frees the optimiser. NULL: does nothing. */
HTH_API void hth_optimiser_destroy(hth_optimiser *optimiser);
/* Updates the parameters once; does not clear the gradient. epoch (from 1) drives schedules that count epochs.
 * HTH_NOT_FINITE when the gradient is not finite; the parameters are then unchanged. */
HTH_API hth_status hth_optimiser_step(hth_optimiser *optimiser, hth_network *network,
                                      hth_gradient *gradient, uint64_t epoch, hth_error *error);
/* The same with scale times the gradient, which stays as it is. With scale 1 it is hth_optimiser_step, bit for bit.
 * HTH_NOT_FINITE also when scale is not finite. */
HTH_API hth_status hth_optimiser_step_scaled(hth_optimiser *optimiser, hth_network *network,
                                             hth_gradient *gradient, double scale, uint64_t epoch,
                                             hth_error *error);
/* hth_gradient_clear, hth_learn and hth_optimiser_step in one call, with the same bits and errors, for programs that
 * update after every tape and do not read the gradient. With a tape of one step and one item, the layers' weights may
 * change while their gradient is computed, which halves the memory traffic; optimiser.clip_norm prevents this.
 * `gradient` is scratch: its values have no meaning until hth_gradient_clear. `network` must be the learner's. On
 * HTH_NOT_FINITE the parameters are unchanged, and the learner has learned from the tape. */
HTH_API hth_status hth_learn_and_step(hth_learner *learner, hth_tape *tape, hth_gradient *gradient,
                                      hth_optimiser *optimiser, hth_network *network,
                                      uint64_t epoch, hth_error *error);
/* Notes the gradient of a sequence, from which keep.name = ewc or mas finds how important each parameter is: they sum
 * its squares or magnitudes. The gradient is that of a batch of one. Where the steps of a sequence are noted one by
 * one, `sequences` is what part of a sequence each is: 1 for a whole one, 1/T for one of T steps. With labels that are
 * drawn from the outputs, both give the same mean (hth_tape_judge takes them once hth_tape_read has shown the outputs).
 * Does nothing for other keep.name. HTH_MISMATCH for another network's gradient, HTH_INVALID for sequences outside
 * 0..1, HTH_NOT_FINITE; after an error nothing has been noted. */
HTH_API hth_status hth_optimiser_note(hth_optimiser *optimiser, const hth_gradient *gradient,
                                      double sequences, hth_error *error);
/* Notes what layers read at the steps on the tape, for keep.name = project: later updates leave what the layers'
 * weights make of it. Does nothing for other keep.name. HTH_MISMATCH for the tape of another network. */
HTH_API hth_status hth_optimiser_note_inputs(hth_optimiser *optimiser, const hth_tape *tape,
                                             hth_error *error);
/* A task ends: from now on parameters are pulled to where they are, as keep.name says. Does nothing for a part that
 * knows no tasks. HTH_INVALID when the part needs what is noted, nothing has been, and keep.every is 0; HTH_MISMATCH for
 * another network. */
HTH_API hth_status hth_optimiser_consolidate(hth_optimiser *optimiser, hth_network *network,
                                             hth_error *error);
/* The learning rate of the last update, including the schedule at `epoch` but not the factors of the groups. */
HTH_API double hth_optimiser_rate(const hth_optimiser *optimiser, uint64_t epoch);

/* ---- State ---------------------------------------------------------------------------------- */

/* The type of the numbers of a field. */
typedef enum hth_dtype {
    HTH_DTYPE_REAL, /* hth_real */
    HTH_DTYPE_F64,  /* double, in either precision of the library */
    HTH_DTYPE_I32,
    HTH_DTYPE_U64
} hth_dtype;

enum { HTH_FIELD_RANK = 4 };
/* A named array that a checkpoint must contain. `data` points into the handle, so one list serves reading and
 * restoring. */
typedef struct hth_field {
    char name[40];
    hth_dtype dtype;
    size_t count;
    void *data;
    /* dimensions in C order, up to the first 0; all 0: a plain list of `count` numbers */
    size_t shape[HTH_FIELD_RANK];
} hth_field;

/* Lists the state of a handle: writes at most `capacity` fields and returns how many there are. The handle owns the
 * data. Write to the fields before you use the handle again, or ask for the list anew: handles may cache facts about
 * their state that a later write would make wrong. */
HTH_API size_t hth_network_state(hth_network *network, hth_field *fields, size_t capacity);
/* The same of a tape, whose steps this ends: hth_learn can no longer learn from them. */
HTH_API size_t hth_tape_state(hth_tape *tape, hth_field *fields, size_t capacity);
/* The same of a learner. */
HTH_API size_t hth_learner_state(hth_learner *learner, hth_field *fields, size_t capacity);
/* The same of an optimiser. */
HTH_API size_t hth_optimiser_state(hth_optimiser *optimiser, hth_field *fields, size_t capacity);

/* ---- Model: everything in one block, a step in two calls ------------------------------------- */

/* A model owns a compute handle, network, tape, learner, gradient and optimiser, and decides when to learn. It learns
 * from tapes of K steps: from each tape as soon as all its steps have answers, or at the latest when the next step
 * needs the room. K = 1 updates after every step. */
typedef struct hth_model hth_model;

/* The plan of a model. Every member but abi and shape may be 0. */
typedef struct hth_model_plan {
    int abi; /* HTH_ABI */
    /* Sections network, layer, cell, readout, loss, regulariser, init, learner, optimiser and keep. HTH_INVALID, with
     * "did you mean", for any other setting, and for settings of a cell or learner that is not chosen. The texts need
     * only live during the call. */
    hth_settings settings;
    hth_shape shape;
    uint64_t seed;
    /* K. 0: learner.steps; if that is 0 too, the learner's default for endless sequences. */
    size_t steps;
    size_t batch; /* sequences that advance together; 0 means 1 */
    /* How many steps late an answer may come; the model learns that much later. With learner.window the model learns
     * from an answer when it comes, and late is at most learner.window - K. */
    size_t late;
    int threads; /* as for hth_compute_create; 0: one for each core */
    /* true: the model stays frozen (hth_model_freeze) and has no learner, gradient or optimiser; this saves memory. */
    bool only_predicts;
    /* true: the caller has checked all settings. The list may then hold further keys, such as a program's own; none is
     * refused for its name. */
    bool checked;
    /* Called with the new network to set initial parameters, before the learner, which may start from them, is made.
     * NULL: the drawn values stay. An error is returned by the function that makes the model. */
    hth_status (*initialise)(void *context, hth_network *network, hth_error *error);
    void *context; /* first argument of initialise */
} hth_model_plan;

/* Sizes in bytes. hth_model_create takes `total` bytes from the allocator; hth_model_place needs that much memory. */
typedef struct hth_model_sizes {
    size_t total, model, compute, network, tape, learner, gradient, optimiser;
} hth_model_sizes;

/* Computes the sizes of a model without making it. Takes memory for the network and the compute handle from the
 * allocator (NULL: malloc) and returns it. Errors are those of hth_model_create. */
HTH_API hth_status hth_model_bytes(const hth_model_plan *plan, const hth_allocator *allocator,
                                   hth_model_sizes *out, hth_error *error);
/* Makes a model at the start of its first sequence. Takes and returns the memory of hth_model_bytes first, then takes
 * one block. The caller destroys the model. HTH_INVALID for a plan without meaning, HTH_MISMATCH for another abi or a
 * shape that does not fit, HTH_NO_MEMORY. */
HTH_API hth_status hth_model_create(const hth_model_plan *plan, const hth_allocator *allocator,
                                    hth_model **out, hth_error *error);
/* Makes a model in the caller's memory, of any alignment, and allocates nothing else. The memory must stay until
 * hth_model_destroy, which does not free it. Errors are those of hth_model_create; HTH_NO_MEMORY names the bytes
 * needed. */
HTH_API hth_status hth_model_place(const hth_model_plan *plan, void *memory, size_t bytes,
                                   hth_model **out, hth_error *error);
/* Destroys the model and its handles, and returns its block to the allocator. NULL: does nothing. */
HTH_API void hth_model_destroy(hth_model *model);
/* The sizes of an existing model; the model owns them. */
HTH_API const hth_model_sizes *hth_model_sizes_of(const hth_model *model);

/* Advances the model by one step. Reads x[batch][inputs] or tokens[batch] (the other is NULL) and writes the outputs
 * before any softmax or sigmoid to outputs[batch][outputs] (NULL: not wanted). If the tape is full, the model first
 * learns from the oldest steps with the answers they have. Errors are those of hth_tape_write and of learning.
 *
 * With network.dropout a model learns with units left out and predicts with all of them. The complete network has its
 * own state beside the one that learns, so a step runs the layers twice. Learning, and the loss in reports, use the
 * pass with units left out. A frozen model runs the layers once. */
HTH_API hth_status hth_model_predict(hth_model *model, const hth_real *x, const int32_t *tokens,
                                     hth_real *outputs, hth_error *error);

/* The answer to one step: targets or classes, as hth_shape says, or errors of the caller's own loss. It may have none
 * of them, only to report `ends`. The caller owns all arrays; the library reads them during the call only. */
typedef struct hth_answer {
    const hth_real *targets; /* [batch][outputs] */
    const int32_t *classes;  /* [batch] */
    const hth_real *errors;  /* [batch][outputs]: dE/dy, y are the outputs */
    const hth_real *weights; /* [batch]; NULL: all 1; not with errors */
    const uint8_t *decides;  /* [batch], as in hth_chunk */
    /* which step: 0 is the newest, k the k-th before it; at most late + K - 1 (late of the plan) */
    size_t late;
    /* true: the newest step ends its sequence and no answer follows. The model learns from the rest of the tape and
     * begins the next sequence. */
    bool ends;
} hth_answer;

/* Judges one step, adds the result to *report (NULL: not wanted), and learns if a tape is complete. The parameters
 * change after each tape with an answer (learner.update = auto or tape), or at the end of the sequence (learner.update
 * = sequence).
 *
 * HTH_INVALID when the step is no longer on the tape, has an answer already, or has been learned from. Other errors are
 * those of hth_tape_judge, after which the step counts as not answered, and those of hth_optimiser_step, after which
 * the tape has been learned from without an update. */
HTH_API hth_status hth_model_learn(hth_model *model, const hth_answer *answer, hth_report *report,
                                   hth_error *error);

/* Runs any number of steps with their answers, cut into tapes, like hth_model_predict and hth_model_learn for each
 * step. Writes outputs[steps][batch][outputs] (NULL: not wanted); each output is computed before the model learns from
 * its step. In a chunk without targets and classes no step has an answer. Errors are those of the two functions; after
 * one, the tapes before the failing one have been learned from. */
HTH_API hth_status hth_model_run(hth_model *model, const hth_chunk *chunk, hth_real *outputs,
                                 hth_report *report, hth_error *error);

/* Begins a sequence. Drops steps that were not learned from and gradients without an update; to learn from them, set
 * `ends` at the end of the sequence instead. */
HTH_API void hth_model_reset(hth_model *model);
/* Freezes or thaws the model, and begins a sequence. A frozen model predicts and judges, but learns nothing and leaves
 * no unit out (network.dropout): for validation and for use. */
HTH_API void hth_model_freeze(hth_model *model, bool frozen);
/* Sets the epoch for learning rate schedules; a new model is in epoch 1. */
HTH_API void hth_model_epoch(hth_model *model, uint64_t epoch);

/* The handles of a model, for parameters, views of states, feedback weights and other things that have no hth_model
 * function. The model owns them. A program may also write, learn and step with them directly; it must then not call
 * hth_model_predict, _learn, _run or _reset. With only_predicts, learner, gradient and optimiser are NULL. */
typedef struct hth_model_parts {
    hth_compute *compute;
    hth_network *network;
    hth_tape *tape;
    hth_learner *learner;
    hth_gradient *gradient;
    hth_optimiser *optimiser;
} hth_model_parts;
/* The handles of this model; the model owns the struct. */
HTH_API const hth_model_parts *hth_model_parts_of(const hth_model *model);

/* Bytes that hth_model_save writes. A saved model includes the tape, so a loaded one continues with the same bits. */
HTH_API size_t hth_model_save_bytes(hth_model *model);
/* Saves the model to memory[hth_model_save_bytes]. HTH_NO_MEMORY when `bytes` is less. */
HTH_API hth_status hth_model_save(hth_model *model, void *memory, size_t bytes, hth_error *error);
/* Restores a model saved by hth_model_save. Plan, precision and byte order must be the same; settings may differ if
 * they change no saved array (a learning rate). HTH_FILE, with the reason, for damaged bytes; HTH_MISMATCH for another
 * model. After an error the model is unchanged. */
HTH_API hth_status hth_model_load(hth_model *model, const void *memory, size_t bytes,
                                  hth_error *error);

#ifdef __cplusplus
}
#endif

#endif
