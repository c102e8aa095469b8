/* The known algorithms, one line of choices each, and the settings that all learners have. */
#include "credit/axes.h"
#include "credit/catalogues.h"
#include "credit/least_squares.h"
#include "credit/window.h"

#include <string.h>

/* The prediction of Bellec et al. 2019, task 3.1. Its optimiser is not stated: that of the network there. */
#define BELLEC_SG                                                                                  \
    {"learner.sg_hidden", "512"}, {"learner.sg_scale", "0.1"}, {"learner.sg_label", "false"},      \
        {"learner.sg_scans", "2"}, {"learner.sg_optimiser", "adam"}, {                             \
        "learner.sg_lr", "1e-4"                                                                    \
    }

static const hth_preset presets[] = {
    {.part = {.name = "bptt",
              .summary = "backpropagation through time: exact, over the whole sequence",
              .source = "Werbos 1990"},
     .signal = "readout",
     .recurrence = "full",
     .past = "none",
     .future = "zero",
     .steps = HTH_WHOLE_SEQUENCE},
    {.part = {.name = "tbptt",
              .summary = "backpropagation through the last K steps",
              .source = "Williams & Peng 1990"},
     .signal = "readout",
     .recurrence = "full",
     .past = "none",
     .future = "zero",
     .steps = HTH_TRUNCATED},
    {.part = {.name = "rtrl",
              .summary = "real-time recurrent learning: exact and online, K steps at a time",
              .source = "Williams & Zipser 1989; Schmidhuber 1992"},
     .signal = "readout",
     .recurrence = "full",
     .past = "influence",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "f-bptt",
              .summary = "backpropagation through a sliding window: every step, the gradient of "
                         "its oldest step",
              .source = "Marschall et al. 2019, Fig. 1"},
     .signal = "readout",
     .recurrence = "full",
     .past = "none",
     .future = "zero",
     .steps = HTH_ONE_STEP,
     .settings = {{"learner.window", "10"}, {"learner.window_of", "steps"}}},
    {.part = {.name = "tbptt-k1-k2",
              .summary =
                  "TBPTT(k1, k2): every k1 = learner.steps steps, the gradient of their losses "
                  "back through the last k2 = learner.window",
              .source = "Williams & Peng 1990, BPTT(h; h')"},
     .signal = "readout",
     .recurrence = "full",
     .past = "none",
     .future = "zero",
     .steps = HTH_ONE_STEP,
     .settings = {{"learner.window", "10"}, {"learner.window_of", "losses"}}},
    {.part = {.name = "uoro",
              .summary = "unbiased online recurrent optimisation: the influence tensor as a "
                         "product of two vectors",
              .source = "Tallec & Ollivier 2017"},
     .signal = "readout",
     .recurrence = "full",
     .past = "rank-one",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "kf-rtrl",
              .summary = "the influence tensor as a Kronecker product, presynaptic vector x matrix",
              .source = "Mujika et al. 2018"},
     .signal = "readout",
     .recurrence = "full",
     .past = "kronecker",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "r-kf",
              .summary = "the influence tensor as a reversed Kronecker product",
              .source = "Marschall et al. 2019, Table 1"},
     .signal = "readout",
     .recurrence = "full",
     .past = "reverse-kronecker",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "kernl",
              .summary =
                  "kernel RNN learning: eligibility traces, and a learned matrix of sensitivities",
              .source = "Roth et al. 2019"},
     .signal = "readout",
     .recurrence = "none",
     .past = "kernel",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "rflo",
              .summary = "one eligibility trace a synapse, with the readout's own weights as "
                         "feedback (Marschall et "
                         "al. 2019); with learner.signal = random it is Murray's random feedback",
              .source = "Murray 2019; Marschall et al. 2019, Table 1"},
     .signal = "readout",
     .recurrence = "none",
     .past = "trace",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "eprop1",
              .summary = "e-prop 1: eligibility traces and random feedback, one update a sequence",
              .source = "Bellec et al. 2019, eqs. 42-53"},
     .signal = "random",
     .recurrence = "none",
     .past = "trace",
     .future = "zero",
     .steps = HTH_WHOLE_TRIALS,
     .settings = {{"learner.feedback_variance", "units"}}},
    {.part = {.name = "eprop1-symmetric",
              .summary = "e-prop 1 with the readout's own weights, transposed, as feedback",
              .source = "Bellec et al. 2019, eqs. 42-53"},
     .signal = "readout",
     .recurrence = "none",
     .past = "trace",
     .future = "zero",
     .steps = HTH_WHOLE_TRIALS},
    {.part = {.name = "adaptive-eprop",
              .summary =
                  "adaptive e-prop: e-prop 1 with feedback weights that get the readout's own "
                  "updates, and decay with them",
              .source = "Bellec et al. 2020"},
     .signal = "adaptive",
     .recurrence = "none",
     .past = "trace",
     .future = "zero",
     .steps = HTH_WHOLE_TRIALS,
     .settings = {{"learner.feedback_variance", "units"}}},
    {.part = {.name = "snap1",
              .summary = "sparse n-step approximation of RTRL, n = 1: each weight and its own unit",
              .source = "Menick et al. 2020"},
     .signal = "readout",
     .recurrence = "diagonal",
     .past = "trace",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "snapN",
              .summary = "sparse n-step approximation of RTRL: each weight and the units that it "
                         "reaches in n steps",
              .source = "Menick et al. 2020"},
     .signal = "readout",
     .recurrence = "full",
     .past = "pattern",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "dni",
              .summary = "decoupled neural interfaces: a linear prediction of the credit",
              .source = "Jaderberg et al. 2017; Marschall et al. 2019, Table 1"},
     .signal = "readout",
     .recurrence = "full",
     .past = "none",
     .future = "synthetic",
     .steps = HTH_ONE_STEP,
     .settings = {{"learner.sg_scans", "2"},
                  {"learner.sg_present", "true"},
                  {"learner.sg_refresh", "5"},
                  {"learner.sg_lr", "1e-3"},
                  {"learner.sg_init", "normal"}}},
    {.part = {.name = "dni-b",
              .summary = "as dni, with a learned Jacobian and the bootstrap through a rate",
              .source = "Marschall et al. 2019, eq. 3"},
     .signal = "readout",
     .recurrence = "learned",
     .past = "none",
     .future = "synthetic",
     .steps = HTH_ONE_STEP,
     .settings = {{"learner.sg_scans", "2"},
                  {"learner.sg_present", "true"},
                  {"learner.sg_refresh", "5"},
                  {"learner.sg_lr", "1e-3"},
                  {"learner.sg_init", "normal"},
                  {"learner.sg_activation", "tanh"}}},
    {.part = {.name = "tbptt-sg",
              .summary = "tbptt, with a network that predicts the credit at the end of a tape",
              .source = "Jaderberg et al. 2017; Bellec et al. 2019, eqs. 64-66, Algorithm 1"},
     .signal = "readout",
     .recurrence = "full",
     .past = "none",
     .future = "synthetic",
     .steps = HTH_FOUR_STEPS,
     .settings = {BELLEC_SG}},
    {.part = {.name = "tbptt-traces",
              .summary = "tbptt, with eligibility traces of the time before the tape",
              .source = "Bellec et al. 2019, Fig. 4"},
     .signal = "readout",
     .recurrence = "full",
     .past = "trace",
     .future = "zero",
     .steps = HTH_FOUR_STEPS},
    {.part = {.name = "eprop3",
              .summary = "e-prop 3: eligibility traces, and a network that predicts the credit at "
                         "the end of a tape",
              .source = "Bellec et al. 2019, eqs. 62-70, Algorithm 1"},
     .signal = "readout",
     .recurrence = "full",
     .past = "trace",
     .future = "synthetic",
     .steps = HTH_FOUR_STEPS,
     .settings = {BELLEC_SG}},
    {.part = {.name = "eprop3-truncated",
              .summary = "e-prop 3 with each step's own term in place of the traces",
              .source = "Bellec et al. 2019, Fig. 4"},
     .signal = "readout",
     .recurrence = "full",
     .past = "instantaneous",
     .future = "synthetic",
     .steps = HTH_FOUR_STEPS,
     .settings = {BELLEC_SG}},
    {.part = {.name = "readout-only",
              .summary = "only the readout learns: the lower baseline",
              .source = "Marschall et al. 2019, p. 3"},
     .signal = "none",
     .recurrence = "none",
     .past = "none",
     .future = "zero",
     .steps = HTH_ONE_STEP},
    {.part = {.name = "rls",
              .summary = "only the readout learns, by recursive least squares: an echo state "
                         "network; FORCE with readout.feedback = true",
              .source = "Jaeger 2001; Sussillo & Abbott 2009"},
     .signal = "none",
     .recurrence = "none",
     .past = "none",
     .future = "zero",
     .steps = HTH_ONE_STEP,
     .settings = {{"learner.readout", "rls"}}},
};

/* What the experiment reads (steps, update) stands here with the axes, so that the section is whole. */
typedef struct learner_options {
    int64_t steps;
    int update;
    bool inputs;
    hth_window_options window;
    hth_least_squares_options readout;
    const char *signal, *recurrence, *past, *future;
} learner_options;

#define RLS(field) offsetof(learner_options, readout) + offsetof(hth_least_squares_options, field)

static const hth_option options[] = {
    {.name = "steps",
     .help = "K, steps of a tape: one update a tape; 0: the whole sequence (bptt), the whole "
             "sequence or 20 where it has more than 1000 or no end (tbptt), equal parts of the "
             "sequence of at most 1000 or 20 where it has no end (eprop1, adaptive-eprop), 4 "
             "(tbptt-sg, "
             "tbptt-traces, eprop3, eprop3-truncated), or 1 (all others)",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e9,
     .offset = offsetof(learner_options, steps)},
    {.name = "update",
     .help = "change the weights after each tape, or once at the end of a sequence; auto: sequence "
             "for eprop1 and adaptive-eprop where sequences have an end, else tape",
     .fallback = "auto",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){[HTH_UPDATE_AUTO] = "auto",
                                      [HTH_UPDATE_TAPE] = "tape",
                                      [HTH_UPDATE_SEQUENCE] = "sequence",
                                      NULL},
     .offset = offsetof(learner_options, update)},
    {.name = "window",
     .help =
         "H, steps of a tape that slides: K new ones, and the H - K before them, which stay; 0: "
         "the K new ones alone; -1: as learner.name says (10 for f-bptt and tbptt-k1-k2, 0 for "
         "others). Steps that stay take memory as others do",
     .fallback = "-1",
     .kind = HTH_KIND_INTEGER,
     .min = -1,
     .max = 1e6,
     .offset = offsetof(learner_options, window) + offsetof(hth_window_options, steps)},
    {.name = "window_of",
     .help =
         "steps: the gradient of a step is given once, with the losses of the H steps that begin "
         "with it (F-BPTT); losses: each loss counts once, and its gradient goes back through all "
         "H (TBPTT(k1, k2), k1 = learner.steps, k2 = learner.window); preset: as learner.name says",
     .fallback = "preset",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"preset", "steps", "losses", NULL},
     .offset = offsetof(learner_options, window) + offsetof(hth_window_options, of)},
    {.name = "inputs",
     .help =
         "whether dE/dx and dE/ds at the start of the tape are kept, for programs that ask with "
         "hth_learner_inputs and hth_learner_start; training does not need them",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     .offset = offsetof(learner_options, inputs)},
    {.name = "readout",
     .help = "how the readout learns: by the gradient of the loss, or by recursive least squares "
             "(rls), which fits its outputs to the targets, or to 1 for the class and 0 for "
             "others, whatever the loss, and takes its steps as they are, whatever the optimiser; "
             "preset: as learner.name says",
     .fallback = "preset",
     .kind = HTH_KIND_CHOICE,
     .choices = (const char *const[]){"preset", "gradient", "rls", NULL},
     .offset = RLS(readout)},
    {.name = "rls_alpha",
     .help = "readout = rls: the penalty on the square of what the weights move, that of ridge "
             "regression; P begins as 1/alpha",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 1e-12,
     .max = 1e12,
     .offset = RLS(alpha)},
    {.name = "rls_forgetting",
     .help = "readout = rls: what a step counts after another one, in 0.5..1; 1: all count the "
             "same",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0.5,
     .max = 1,
     .offset = RLS(forgetting)},
    {.name = "rls_every",
     .help = "readout = rls: the weights learn at each so many-th step",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e9,
     .offset = RLS(every)},
    {.name = "rls_until",
     .help = "readout = rls: the weights learn for so many steps of the run, then stay; 0: to its "
             "end",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e15,
     .offset = RLS(until)},
    {.name = "signal",
     .help = "how the error reaches a unit; preset: as learner.name says. In a stack direct gives "
             "each layer feedback of its own; the others reach the units that the readout reads, "
             "and layers below learn through the weights between",
     .fallback = "preset",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(learner_options, signal)},
    {.name = "recurrence",
     .help = "how credit crosses units inside the tape; preset: as learner.name says",
     .fallback = "preset",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(learner_options, recurrence)},
    {.name = "past",
     .help = "what is kept of the time before the tape; preset: as learner.name says",
     .fallback = "preset",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(learner_options, past)},
    {.name = "future",
     .help = "what stands in for the time after the tape; preset: as learner.name says",
     .fallback = "preset",
     .kind = HTH_KIND_TEXT,
     .offset = offsetof(learner_options, future)},
};

const hth_preset *hth_preset_at(size_t index) {
    return &presets[index];
}

const char *hth_preset_value(const hth_preset *preset, const char *key) {
    for (size_t i = 0; i < HTH_PRESET_SETTINGS && preset->settings[i][0]; i++)
        if (strcmp(preset->settings[i][0], key) == 0) return preset->settings[i][1];
    return NULL;
}

static const hth_part *part_at(size_t index) {
    return &presets[index].part;
}

const hth_catalogue hth_learners = {
    .kind = "learner",
    .summary = "How the tape becomes a gradient: a choice on four axes, and names for known ones.",
    .key = "learner.name",
    .fallback = "tbptt",
    .common = {"learner", options, HTH_COUNT(options)},
    .count = HTH_COUNT(presets),
    .at = part_at,
};
