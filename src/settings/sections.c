/* The settings of the sections train and check. */
#include "settings/sections.h"

#include <stdio.h>
#include <string.h>

#define TRAIN(field) .offset = offsetof(hth_train_options, field)
#define CHECK(field) .offset = offsetof(hth_check_options, field)

#ifdef HTH_DOUBLE
#define PRECISION "double"
#else
#define PRECISION "single"
#endif

static const char *const precisions[] = {"single", "double", NULL};

static const hth_option train_options[] = {
    {.name = "seed",
     .help = "seed of initial values, tasks and all other draws",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 9e15,
     TRAIN(seed)},
    {.name = "threads",
     .help = "threads; 0: one per core that the process may use. Changes the time, never the "
             "result; on a machine with other work to do, fewer than cores are faster",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1024,
     TRAIN(threads)},
    {.name = "precision",
     .help = "arithmetic: single (32 bits) or double (64 bits)",
     .fallback = PRECISION,
     .kind = HTH_KIND_CHOICE,
     .choices = precisions,
     TRAIN(precision)},
    {.name = "batch",
     .help = "sequences that advance together",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     TRAIN(batch)},
    {.name = "shares",
     .help =
         "parts of the batch that are learned from apart, each with a tape and a learner of its "
         "own; their gradients are added in a fixed order. Ranks of mpirun take the shares "
         "(docs/ranks.md). The result depends on the shares in its last bits, never on the "
         "ranks",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     TRAIN(shares)},
    {.name = "epochs",
     .help = "passes over the data; 0: 10 if train.steps is 0 too, else no limit",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e12,
     TRAIN(epochs)},
    {.name = "steps",
     .help = "time steps of each sequence of the batch, in all; 0: for a task without epochs "
             "100000, or 2000 sequences if that is more; else no limit",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e15,
     TRAIN(steps)},
    {.name = "sequences",
     .help = "the same in sequences, such as the trials of a task, where they have one length; 0: "
             "no limit",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e8,
     TRAIN(sequences)},
    {.name = "report_every",
     .help = "time steps between two lines of metrics.jsonl; 0: once an epoch, or 100 lines a run "
             "for a task without epochs",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e15,
     TRAIN(report_every)},
    {.name = "validate_every",
     .help = "epochs between validations, or time steps for a task without epochs; 0: every epoch, "
             "or 10 times a run; -1: never",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = -1,
     .max = 1e15,
     TRAIN(validate_every)},
    {.name = "validation_steps",
     .help = "time steps of one validation or test; 0: all data; of a task without epochs one "
             "sequence, of a world 100 episodes, or 1000 where sequences do not end",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e15,
     TRAIN(validation_steps)},
    {.name = "validation_batch",
     .help = "batch of validation and test; 0: as train.batch",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e6,
     TRAIN(validation_batch)},
    {.name = "checkpoint_every",
     .help = "seconds between checkpoints",
     .fallback = "60",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e9,
     TRAIN(checkpoint_every)},
    {.name = "keep_state",
     .help = "whether the recurrent state is carried over the start of a sequence",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     TRAIN(keep_state)},
    {.name = "picture",
     .help =
         "whether `hitherto train` ends with a picture of a trial, trial.svg, where targets are "
         "values",
     .fallback = "true",
     .kind = HTH_KIND_BOOL,
     TRAIN(picture)},
    {.name = "tensorboard",
     .help = "whether the lines of metrics.jsonl are also written as an event file for "
             "TensorBoard, events.out.tfevents.hitherto",
     .fallback = "false",
     .kind = HTH_KIND_BOOL,
     TRAIN(tensorboard)},
    {.name = "stop_at",
     .help =
         "stop as soon as the metric on validation is as good as this: at least this where more "
         "is better (`hitherto list metrics`), at most for others; -1: never",
     .fallback = "-1",
     .kind = HTH_KIND_REAL,
     .min = -1,
     .max = 1e300,
     TRAIN(stop_at)},
    {.name = "stop_over",
     .help = "stop_at counts the mean over this many of the last validations",
     .fallback = "1",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = HTH_STOP_MOST,
     TRAIN(stop_over)},
    {.name = "patience",
     .help = "stop after this many validations in a row whose loss is not below the best so far, "
             "whose parameters checkpoint.best.safetensors has; 0: never",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e12,
     TRAIN(patience)},
    {.name = "from",
     .help =
         "another run, or a checkpoint file of it: the network begins with its parameters, layer "
         "by layer where the shapes agree; or a safetensors file with the names of "
         "torch.nn.LSTM, GRU or RNN (docs/files.md); empty: with those of train.seed",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     TRAIN(from)},
    {.name = "from_layers",
     .help = "with train.from: a list of what is taken of that run, such as 0, 1 or layer0, "
             "readout, which must fit; the rest begins as train.seed draws it. Empty: all that "
             "fits",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     TRAIN(from_layers)},
    {.name = "align",
     .help = "every this many steps compare other learners' gradients, on the same tapes and "
             "weights, with "
             "the exact one (align.jsonl); 0: never. Costs as much as RTRL at every step",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e12,
     TRAIN(align)},
    {.name = "align_window",
     .help = "over how many steps the compared gradients are summed",
     .fallback = "100",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e9,
     TRAIN(align_window)},
    {.name = "align_horizon",
     .help = "steps of backpropagation of the exact future-facing gradient, which learners with a "
             "synthetic future are compared with, that many steps later",
     .fallback = "50",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     TRAIN(align_horizon)},
    {.name = "align_learners",
     .help = "learners to compare: names with commas between; empty: the run's own",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     TRAIN(align_learners)},
    {.name = "interference",
     .help = "with phases: every this many steps, what the next update adds to the loss of each "
             "phase that is over, to first order, block by block (interference.jsonl); 0: never",
     .fallback = "0",
     .kind = HTH_KIND_INTEGER,
     .min = 0,
     .max = 1e12,
     TRAIN(interference)},
};

static const hth_option check_options[] = {
    {.name = "steps",
     .help = "time steps over which gradients are compared",
     .fallback = "20",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     CHECK(steps)},
    {.name = "batch",
     .help = "sequences of the comparison; train.batch if that is smaller",
     .fallback = "2",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     CHECK(batch)},
    {.name = "samples",
     .help = "entries of each parameter block that are compared with central differences",
     .fallback = "20",
     .kind = HTH_KIND_INTEGER,
     .min = 1,
     .max = 1e6,
     CHECK(samples)},
    {.name = "memory",
     .help =
         "GiB that a learner may take: with more your own is refused, and others, RTRL among them, "
         "are not compared",
     .fallback = "1",
     .kind = HTH_KIND_REAL,
     .min = 0,
     .max = 1e6,
     CHECK(memory)},
    {.name = "draws",
     .help = "of a learner that draws: how many gradients the mean is taken over",
     .fallback = "512",
     .kind = HTH_KIND_INTEGER,
     .min = 32,
     .max = 1e7,
     CHECK(draws)},
    {.name = "learners",
     .help = "learners to compare beside your own: names with commas between, e.g. \"uoro, rflo\"",
     .fallback = "",
     .kind = HTH_KIND_TEXT,
     CHECK(learners)},
};

const hth_catalogue hth_train_section = {
    .kind = "train",
    .summary = "The run: how long, how often it reports, validates and saves.",
    .common = {"train", train_options, HTH_COUNT(train_options)},
};

const hth_catalogue hth_check_section = {
    .kind = "check",
    .summary = "The size of the comparisons of `hitherto check`.",
    .common = {"check", check_options, HTH_COUNT(check_options)},
};
