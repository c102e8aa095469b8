/*
 * The commands: name, usage, options, texts and the function that runs each. The table drives parsing,
 * --help and the manual page. In texts, an empty line ends a paragraph, and lines that begin with two
 * spaces are shown as they are.
 */
#include "cli/cli.h"

#define SEED                                                                                       \
    { "--seed", "N", "seed of every random draw; the same as train.seed=N" }
#define PHASE                                                                                      \
    { "--phase", "NAME", "of a run with phases: whose data (the last)" }
#define THREADS                                                                                    \
    {                                                                                              \
        "--threads", "N",                                                                          \
            "threads, 0 for one per usable core; the same as train.threads=N. Changes the "        \
            "time, never the result"                                                               \
    }

static const cli_command commands[] = {
    {
        .name = "train",
        .usage = "[SETTINGS.yaml...] [key=value...]",
        .summary = "train a network and leave a run directory",
        .text =
            "Trains a recurrent network as the settings say. Settings come from YAML files and "
            "from "
            "key=value words; what is typed counts more than what a file says, and of two files "
            "the "
            "later counts. A run needs a task (task=add) or data (data=text data.dir=FOLDER); all "
            "else has defaults, which 'hitherto list settings' shows.\n\n"
            "The run directory holds settings.yaml (all settings, defaults included), "
            "metrics.jsonl "
            "(a line for each report), the checkpoint and summary.json. Without --out it is "
            "runs/NAME-LEARNER-sSEED, where NAME is that of the settings file or of the task.\n\n"
            "Progress goes to the standard error: on a terminal one line that is redrawn, "
            "otherwise "
            "a plain line every few seconds. Ctrl-C finishes the step, saves the run and says how "
            "to "
            "resume it; a run that is interrupted and resumed ends with the same bits as one that "
            "was not.\n\n"
            "  hitherto train task=add learner=tbptt learner.steps=10\n"
            "  hitherto train experiments/demo.yaml cell=lstm network.units=100 --seed 3\n"
            "  hitherto train --resume --out runs/add-tbptt-s1\n"
            "  hitherto train --from runs/add-tbptt-s1 optimiser.lr=1e-4",
        .flags = {SEED,
                  THREADS,
                  {"--out", "DIR", "directory of the run"},
                  {"--resume", NULL,
                   "go on with the run in --out DIR, with its own settings and those given"},
                  {"--from", "RUN",
                   "begin with the parameters of that run, or of a checkpoint file of it, layer by "
                   "layer where the shapes agree, and with its settings where no settings file is "
                   "given; or of a safetensors file with the names of torch.nn.LSTM, GRU or RNN; "
                   "the same as train.from=RUN"},
                  {"--from-layers", "LIST",
                   "of that run only these, which must fit, such as 0,1 or 0,readout; the rest "
                   "begins anew; the same as train.from_layers=LIST"},
                  {"--progress-every", "SECONDS",
                   "time between two lines of progress when not on a terminal (5)"},
                  {"--quiet", NULL, "no progress"}},
        .run = cli_train,
    },
    {
        .name = "compare",
        .usage = "[SETTINGS.yaml...] [key=value...]",
        .summary = "run learners (or any settings) side by side: a table and learning curves",
        .text =
            "Runs every arm with every seed, spread over the cores, and puts what comes of them "
            "into "
            "one table and one picture. An arm is a learner named in compare.learners, or a label "
            "with settings of its own in the section arms of a settings file; a setting in the "
            "section vary takes each of its values in turn. All else is as for train, and every "
            "run "
            "ends with the bits that train gives for its settings and seed.\n\n"
            "  hitherto compare task=add loss=softmax compare.learners=tbptt,rtrl --out runs/x\n"
            "  hitherto compare experiments/demo.yaml vary.optimiser.lr=1e-3,1e-2\n"
            "  hitherto compare --out runs/x\n\n"
            "Results go to DIR/results.db (SQLite) as each run ends. Called again, it runs what is "
            "missing: new arms, new seeds, runs that were interrupted or have failed; without "
            "settings, what DIR was last asked for. It may be killed at any moment. A run that "
            "diverges is kept as such, with its step. Without --out, DIR is runs/NAME-compare. "
            "docs/compare.md tells all of it.",
        .flags = {{"--out", "DIR", "directory of the comparison"},
                  {"--jobs", "N", "runs at a time (one per usable core); each uses one thread"},
                  {"--table", NULL, "run nothing: show what there is so far"},
                  {"--part", "I/N",
                   "run the I-th of N parts, in DIR/parts; auto: as Slurm or MPI says"},
                  {"--gather", NULL,
                   "run nothing: put the parts in --out DIR together, and show them"},
                  {"--progress-every", "SECONDS",
                   "time between two lines of progress when not on a terminal (5)"},
                  {"--quiet", NULL, "no progress"}},
        .run = cli_compare,
    },
    {
        .name = "eval",
        .usage = "RUN [key=value...]",
        .summary = "loss and metric of a run's checkpoint on a split of its data",
        .text =
            "Loads the newest checkpoint of a run directory, or the file that is named, such as "
            "RUN/checkpoint.best.safetensors, and makes one pass over a split of the data, without "
            "learning. Settings given as key=value replace those of the run for this "
            "pass, for example data.dir when the data have moved.\n\n"
            "  hitherto eval runs/ptb-tbptt-s1\n"
            "  hitherto eval runs/ptb-tbptt-s1/checkpoint.best.safetensors\n"
            "  hitherto eval runs/ptb-tbptt-s1 --split validation",
        .flags = {{"--split", "NAME", "train, validation or test (test)"},
                  PHASE,
                  {"--classes", NULL,
                   "of each class its weight, how often it was right, and what it was taken for"},
                  {"--confusion", "FILE",
                   "the whole matrix as a comma-separated table: true class, taken for"},
                  THREADS},
        .run = cli_eval,
    },
    {
        .name = "predict",
        .usage = "RUN [key=value...] --out FILE.npz | FILE.csv",
        .summary = "outputs of a trained network for a split of its data, or for other data",
        .text =
            "Writes what the network of a run says at every step: into a .npz the arrays outputs "
            "(sequences, steps, outputs), before any softmax or sigmoid, targets, weights and "
            "lengths; into a .csv a line a step, sequence,step,y0,y1,... Shorter sequences are "
            "filled up with 0. key=value changes settings of the run for this pass, such as the "
            "file of the data. A data.test_file of arrays needs no targets: then they are 0, as "
            "their weights are. The last `data.ahead` rows of a table have none either; "
            "their outputs are the forecasts. Nothing is learned.\n\n"
            "  hitherto predict runs/same --split validation --out y.npz\n"
            "  hitherto predict runs/same data.test_file=new.npz --out new.csv",
        .flags = {{"--out", "FILE", "FILE.npz or FILE.csv"},
                  {"--split", "NAME", "train, validation or test (test)"},
                  PHASE,
                  {"--trials", "N", "at most so many sequences (all; 1 of a task without end)"},
                  {"--steps", "N",
                   "steps of the pieces into which a sequence without end is cut (200)"},
                  THREADS},
        .run = cli_predict,
    },
    {
        .name = "stream",
        .usage = "[SETTINGS.yaml] [key=value...] --target COLUMN",
        .summary = "learn from rows of the standard input, without end, and print predictions",
        .text = "Each row goes through the network at once and its prediction is written; then the "
                "network learns from what "
                "the row says of earlier ones. Rows are comma-separated values (also ; or tab), "
                "values with blanks between, "
                "JSON lines, raw 32-bit floats or .npy; a first line that is not all numbers names "
                "the columns. With "
                "--ahead K the prediction of a row is the target of the row K later; with --ahead "
                "0 that of the row "
                "itself, which is looked at afterwards. With --id a later row of the same name "
                "brings the target. An empty "
                "target is only predicted. Columns are standardised by their mean and deviation so "
                "far (data.standardise); "
                "'hitherto list data rows' has the other settings.\n\n"
                "Each prediction is a line: row, then the targets; with --classes the class and "
                "the probability of each. "
                "On the standard error stands how good they were, beside the forecast that the "
                "last value stays and the "
                "running mean. Memory does not grow with the rows.\n\n"
                "A snapshot (--save) is whole at any moment and holds all: a stream that goes on "
                "from it (--load) writes "
                "the same predictions, to the last digit, as one that was not interrupted. "
                "SIGTERM, Ctrl-C and the end of "
                "the input save and end; SIGHUP and SIGUSR1 save and go on. After a crash, "
                "--from-start passes over the "
                "rows of the input that the snapshot has seen.\n\n"
                "  hitherto stream cell=gru learner=snap1 --target OT --ahead 24 <ETTh1.csv "
                ">forecasts.csv\n"
                "  socat -u UDP-RECV:5005 - | hitherto stream pump.yaml --target 4 --save "
                "pump.safetensors\n"
                "  hitherto stream --load pump.safetensors --freeze <new.csv",
        .flags =
            {{"--target", "COLUMNS", "columns to predict, names or numbers from 1: data.target"},
             {"--inputs", "COLUMNS", "columns to read: data.inputs"},
             {"--ahead", "K", "how many rows ahead the target is: data.ahead (1)"},
             {"--id", "COLUMN", "the column that names a row, for answers that come late: data.id"},
             {"--classes", "LIST",
              "the target is one of so many classes, or of these: data.classes"},
             {"--save", "FILE", "where the snapshot goes"},
             {"--every", "SECONDS", "time between two snapshots (only at the end)"},
             {"--load", "SNAPSHOT", "go on from that snapshot, with its settings and those given"},
             {"--from", "RUN",
              "begin with the parameters of that run, or of a checkpoint file of it, layer by "
              "layer "
              "where the shapes agree, and with its network where no settings file is given; the "
              "same as train.from=RUN"},
             {"--from-start", NULL, "the input begins with the rows that the snapshot has seen"},
             {"--freeze", NULL, "predict and keep score, learn nothing"},
             {"--score", "FILE",
              "add lines of JSON with the scores, the last one when the stream ends"},
             {"--score-every", "N", "rows between two such lines (1000)"},
             {"--drift", "THRESHOLD",
              "say when the error has risen: its excess over the mean, in units of the mean, adds "
              "up to this"},
             SEED,
             THREADS,
             {"--progress-every", "SECONDS",
              "time between two lines of progress when not on a terminal (5)"},
             {"--quiet", NULL, "no progress and no table"}},
        .run = cli_stream,
    },
    {
        .name = "dream",
        .usage = "RUN [key=value...]",
        .summary = "let a trained network go on by itself, on what it said before",
        .text =
            "The network of a run first reads some steps of a split of its data, then goes on by "
            "itself: what it says becomes its next input. Of a text it writes more text, with "
            "each token drawn from its probabilities to the power of 1/temperature; of a series "
            "whose target is its own next step, such as a table with data.ahead=1 and all columns "
            "as target, it writes forecasts, a line a step: step,y0,y1,... A network whose outputs "
            "are fed back (readout.feedback) goes on with the input of its data. Draws depend on "
            "--seed and the step alone. Nothing is learned.\n\n"
            "  hitherto dream runs/ptb-tbptt-s1 --steps 100 --temperature 0.7\n"
            "  hitherto dream runs/force_sines-rls-s1 --steps 2000 --out sines.csv",
        .flags = {{"--steps", "N", "steps that the network goes on for (200)"},
                  {"--prime", "N", "steps that it reads before, at most one sequence (50)"},
                  {"--temperature", "T",
                   "of tokens: 0 takes the likeliest, 1 draws as the network says (1)"},
                  {"--seed", "N", "seed of the draws (1)"},
                  {"--split", "NAME", "what it reads first: train, validation or test (test)"},
                  PHASE,
                  {"--out", "FILE", "a file in place of the standard output"},
                  THREADS},
        .run = cli_dream,
    },
    {
        .name = "record",
        .usage = "RUN [key=value...] --out FILE.npz",
        .summary = "what the units of a trained network do: spikes, states, signals, traces",
        .text =
            "Runs trials with the network of a run, a step at a time, and writes arrays (trials, "
            "steps, numbers): inputs, z (spikes or outputs of the units), each state by its name "
            "(`hitherto list cell`: v, a, c, h), signals (the learning signal of each unit of the "
            "top layer), outputs, targets, weights and lengths; and traces, the eligibility traces "
            "of the synapses that --synapses names. Of a store also reads, the weights of the rows "
            "that each head reads, and read_steps, the step that wrote each (-1: no row). Signals "
            "and traces are those of the run's "
            "learner where it keeps traces, else those of eprop1-symmetric. The array synapses has "
            "what was named.\n\n"
            "  hitherto record runs/same --trials 20 --out r.npz\n"
            "  hitherto record runs/same --synapses 0:3,5:41 --out r.npz",
        .flags = {{"--out", "FILE", "FILE.npz"},
                  {"--split", "NAME", "train, validation or test (validation)"},
                  PHASE,
                  {"--trials", "N", "sequences (1)"},
                  {"--steps", "N",
                   "steps of the pieces into which a sequence without end is cut (200)"},
                  {"--layer", "N", "whose units, from 0, the lowest (0)"},
                  {"--synapses", "LIST",
                   "ROW:COLUMN, with commas between, of the layer's weight matrix as it is without "
                   "delays "
                   "(docs/files.md)"},
                  THREADS},
        .run = cli_record,
    },
    {
        .name = "check",
        .usage = "[SETTINGS.yaml... | RUN] [key=value...] [--out FILE.npz]",
        .summary = "hold every gradient of these settings against the exact one",
        .text =
            "Builds the network, the learner and the data of the settings, in double precision. "
            "First it compares each derivative in the cell's table with central differences of the "
            "cell's step; then, for each block of parameters, backpropagation through time with "
            "central differences of the loss, the learner of the settings with what it claims, and "
            "RTRL with backpropagation through time. Each row shows the relative error, the cosine "
            "of the two gradients and the tolerance. Below one that failed stand the entries that "
            "differ most, by gate, unit and column. A network that is silent or saturated proves "
            "nothing; that is said.\n\n"
            "The exit status is 0 when every claim holds, 1 when one fails, and 3 when nothing is "
            "proved because every gradient is zero. docs/debug-a-gradient.md goes from a row that "
            "failed to its cause.\n\n"
            "With the folder of a run, the parameters, what the learner has learned, and the place "
            "in the data are those of its newest checkpoint, and the batch is the run's: how near "
            "to the exact gradient the learner comes there. Those of check.learners begin anew.\n\n"
            "With --out the numbers themselves are written, for another program to be held "
            "against: "
            "the inputs, outputs, targets and weights of the steps, the loss, and for each block "
            "of "
            "parameters its values, gradient.BLOCK (backpropagation through time) and "
            "learner.BLOCK (your learner; of one run, if it draws).\n\n"
            "  hitherto check experiments/demo.yaml\n"
            "  hitherto check runs/copy-repeat-eprop3-s1 check.steps=40\n"
            "  hitherto check task=add cell=gru learner=rtrl learner.steps=30\n"
            "  hitherto check world=recorded world.file=episodes.npz learner=bptt --out g.npz",
        .flags = {{"--out", "FILE", "FILE.npz for the gradients and what they are of"},
                  PHASE,
                  SEED,
                  THREADS},
        .run = cli_check,
    },
    {
        .name = "list",
        .usage = "[KIND [NAME] | settings [SECTION]] [SETTINGS.yaml] [key=value]...",
        .summary = "what can be chosen, and every setting with its default",
        .text =
            "Without a word: the kinds of parts, and how each is chosen. With a kind (cells, "
            "losses, learners, pasts, optimisers, tasks, data, ...): its parts, a line each with "
            "the source; with a part's name too: its settings. 'settings' shows all settings, or "
            "those of one section, with type, default, bounds and help; --markdown writes them as "
            "the reference page.\n\n"
            "--cost: what each learner carries and computes per step, as formulae and for the "
            "network of your settings, and whether its gradient is exact, unbiased or biased. "
            "--plausibility: which operations each learner needs that a circuit of neurons could "
            "or "
            "could not do (Marschall et al. 2019). Both are put together from what the parts of a "
            "learner say of themselves. --cost --embedded: what the network of the settings or of "
            "a RUN takes "
            "on a chip, to the byte (docs/chips.md). --rules: which choices on the axes of a "
            "learner do not go "
            "together, by number, with the reason.\n\n"
            "  hitherto list\n"
            "  hitherto list cells\n"
            "  hitherto list cell alif\n"
            "  hitherto list settings optimiser\n"
            "  hitherto list --cost cell=lstm network.units=100",
        .flags = {{"--markdown", NULL, "with 'settings' or --rules: as a page in Markdown"},
                  {"--schema", NULL,
                   "with 'settings': a JSON Schema of a settings file, for editors"},
                  {"--cost", NULL, "memory and operations of all learners"},
                  {"--embedded", NULL,
                   "with --cost: bytes of RAM and flash that the network of the settings takes on "
                   "a chip"},
                  {"--plausibility", NULL, "what a circuit would need for each learner"},
                  {"--rules", NULL, "which choices of a learner do not go together, and why"}},
        .run = cli_list,
    },
    {
        .name = "inspect",
        .usage = "CHECKPOINT.safetensors | RUN",
        .summary = "what a checkpoint or a run directory holds",
        .text =
            "Of a checkpoint: each tensor with type, shape, and the range, mean and root mean "
            "square of its numbers, and the texts stored beside them. Of a run directory: what was "
            "trained, how far, and how well.\n\n"
            "  hitherto inspect runs/add-tbptt-s1",
        .run = cli_inspect,
    },
    {
        .name = "plot",
        .usage = "RUN... | --trial RUN | --reach RUN | --phases RUN [key=value...]",
        .summary = "learning curves of one or several runs, or a trial of one",
        .text =
            "Draws loss (or, with --metric, the metric) in training and validation from the "
            "metrics.jsonl of each run: to a file, FILE.svg or, with gnuplot, FILE.png, or with "
            "gnuplot in letters to the terminal. Where the task knows what can be reached, a line "
            "says so.\n\n"
            "With --trial: one sequence, run with the trained network, over its time steps: "
            "inputs, what the units do, their states, learning signals, eligibility traces of a "
            "few synapses, outputs and targets. Units are the liveliest and synapses those to them "
            "whose traces change most, or those that are named. Beside a raster stands how often "
            "each row has a mark. Learning signals and traces are those of the run's learner where "
            "it keeps traces, else those of eprop1-symmetric. key=value changes settings of the "
            "run for this picture. Of a run of episodes (learner.signal=module) it is one episode: "
            "its training and its test trial.\n\n"
            "With --reach: how far back errors reach, the size of dE/dz by the steps from there to "
            "the error, of the last step of each trial that counts, by backpropagation through "
            "the trained network; of a network with a store also without its rows.\n\n"
            "With --phases: of a run with phases the validation metric of each phase over the "
            "phases that were learned.\n\n"
            "  hitherto plot runs/add-tbptt-s1\n"
            "  hitherto plot runs/add-* --out curves.svg --x seconds\n"
            "  hitherto plot --trial runs/pattern-eprop1-s1 --out trial.svg --csv trial.csv",
        .flags = {{"--out", "FILE", "picture to write: FILE.svg or FILE.png"},
                  {"--x", "AXIS", "step, epoch or seconds (step)"},
                  {"--metric", NULL, "the metric instead of the loss"},
                  {"--log", NULL, "logarithmic vertical axis"},
                  {"--smooth", "N", "lines of which each point is the mean, around it (1: none)"},
                  {"--trial", NULL, "one sequence of the trained network"},
                  {"--reach", NULL, "the size of dE/dz over the lag"},
                  {"--phases", NULL, "what each phase did to the others"},
                  {"--trials", "N", "with --reach: of so many trials the mean (32)"},
                  {"--split", "NAME", "of a trial: train, validation or test (validation)"},
                  PHASE,
                  {"--number", "N", "which sequence of the split (1)"},
                  {"--from", "STEP", "its first step to show, from 0 (0)"},
                  {"--to", "STEP", "the step before which it ends; or --steps"},
                  {"--steps", "N",
                   "at most so many of its steps (all; 200 where a sequence has no end or no one "
                   "length)"},
                  {"--layer", "N", "from 0, the lowest (the top one; with --reach the lowest)"},
                  {"--units", "LIST", "units to show, e.g. 0,7..9 (the three liveliest)"},
                  {"--synapses", "LIST",
                   "synapses whose traces to show, FROM:TO, e.g. x3:5,7:5 for input 3 and unit 7 "
                   "to unit 5"},
                  {"--csv", "FILE", "all numbers of the picture, as a comma-separated table"}},
        .run = cli_plot,
    },
    {
        .name = "report",
        .usage = "RUN | COMPARISON",
        .summary = "a run or a comparison as one page: verdict, curves, table, settings, command",
        .text =
            "Writes one HTML file with everything in it, to be opened in a browser, sent, or kept: "
            "a verdict in words, the table, curves and a trial as pictures, how near the gradient "
            "was to the exact one (where train.align was on), the settings that differ from the "
            "defaults, the seed, versions, and the command that makes it again. It has no scripts, "
            "fetches nothing, and can be read on a telephone.\n\n"
            "  hitherto report runs/pattern-eprop1-s1\n"
            "  hitherto report runs/demo --out report.html",
        .flags = {{"--out", "FILE", "page to write (report.html in the folder)"}},
        .run = cli_report,
    },
    {
        .name = "export",
        .usage = "RUN [key=value...] --torch FILE.safetensors | --c FOLDER",
        .summary = "a run for PyTorch, or as C that builds alone and learns on",
        .text =
            "--torch: writes a safetensors file with the names, shapes and gate order of "
            "torch.nn.LSTM "
            "(cell lstm), torch.nn.GRU (gru) or torch.nn.RNN (rate with alpha 1) as rnn.*, and of "
            "a torch.nn.Linear as readout.*, and prints how torch makes these modules. What torch "
            "does not have is refused with the reason. The other way: hitherto train --from "
            "FILE.safetensors. docs/files.md has the mapping.\n\n"
            "--c: writes a folder with the trained network as C, for a chip or a program: its "
            "settings, parameters and the scale of its data, functions that predict and learn, the "
            "sources of the core with the parts that it needs, a Makefile and a program that reads "
            "rows. It needs a C11 compiler alone (docs/chips.md).\n\n"
            "  hitherto export runs/same --c firmware/same\n"
            "  hitherto export runs/same --torch same.safetensors\n"
            "  hitherto train --from same.safetensors task=add cell=lstm network.units=32",
        .flags = {{"--torch", "FILE", "FILE.safetensors to write"},
                  {"--c", "FOLDER", "a new folder to write"},
                  {"--prefix", "NAME",
                   "with --c: begins the names of functions and files (network)"},
                  THREADS},
        .run = cli_export,
    },
    {
        .name = "probe",
        .usage = "RUN... [key=value...]",
        .summary =
            "decode a class from what units and synapses of a trained network hold, over time",
        .text =
            "Runs many trials with the network of each run and asks, one time window after the "
            "other, whether the class that the task knows can be read from the eligibility traces, "
            "the eligibility vectors (the parts of a trace, one for each state of the unit), "
            "the states or the spikes: a logistic regression with an L2 penalty learns from some "
            "trials and is tested on others. It shows the fraction of test trials that it gets "
            "right, with its standard error, sqrt(p (1 - p) / tests). Numbers are means over a "
            "window, brought to mean 0 and deviation 1 over the training trials. As in Bellec et "
            "al. 2019, Fig. 2b, with a single STORE and 6000 steps:\n\n"
            "  hitherto probe runs/store-recall-eprop1-s1 task.rules=single task.periods=30 \\\n"
            "      --of traces --out decoding.svg --csv decoding.csv\n\n"
            "What is decoded is the class target of a step of the trial, the last one if --at does "
            "not say another. key=value changes settings of the run for these trials. Traces are "
            "those of the run's learner where it keeps traces, else those of eprop1-symmetric.",
        .flags = {{"--of", "WHAT", "traces, vectors, states or spikes (traces)"},
                  {"--decode", "QUANTITY", "class, the class target of a step (class)"},
                  {"--at", "STEP", "of which step, from 0 (the last one of a trial)"},
                  {"--window", "STEPS", "over which numbers are averaged (100)"},
                  {"--spacing", "STEPS", "between the starts of two windows (50)"},
                  {"--trials", "N", "trials to learn from (150)"},
                  {"--tests", "N", "trials to test with (50)"},
                  {"--l2", "X",
                   "the penalty X/2 |w|^2, beside a loss that is summed over trials (1)"},
                  {"--most", "N", "use at most N of the numbers, drawn by the seed (all)"},
                  {"--layer", "N", "from 0, the lowest (the top one)"},
                  {"--split", "NAME", "train, validation or test (validation)"},
                  PHASE,
                  {"--steps", "N", "steps of a trial (the whole sequence)"},
                  {"--out", "FILE", "picture to write: FILE.svg or FILE.png"},
                  {"--csv", "FILE", "the table, comma-separated"},
                  {"--quiet", NULL, "no progress"},
                  THREADS},
        .run = cli_probe,
    },
    {
        .name = "lesion",
        .usage = "RUN [key=value...]",
        .summary = "what a trained network loses without a unit, a group or a block of weights",
        .text =
            "Puts each unit of a trained network out of action in turn, and scores the network "
            "without it on a split of the data. The table has the most harmful first. With --of "
            "groups the units of a group go together; with --of blocks it is weights that go: of "
            "each gate those from units, those from inputs and the biases, and those of the "
            "readout, or, with --groups, the recurrent weights from each group to each.\n\n"
            "--to says what the output of a unit becomes at every step: 0, as in a network that "
            "does not have the unit; its mean over the split, so that only what it says is lost, "
            "and not its part in a bias; another number; or noise, which adds to it numbers of "
            "mean 0 and --amount times its own deviation. Weights of a block become 0, their "
            "mean, a number, or get noise in the same way.\n\n"
            "Damage is by how much the loss grows, or in a world by how much the metric gets "
            "worse. A long split is cut with train.validation_steps=N.\n\n"
            "  hitherto lesion runs/same --out lesion.svg --csv lesion.csv\n"
            "  hitherto lesion runs/same --of groups --groups 0..7,8..15+20 --to mean\n"
            "  hitherto lesion runs/same --of blocks train.validation_steps=2000",
        .flags = {{"--of", "WHAT", "units, groups or blocks (units)"},
                  {"--groups", "LIST",
                   "groups with commas between: units and ranges of a layer with + between, e.g. "
                   "0..7,8+9+12"},
                  {"--to", "WHAT", "zero, mean, noise or a number (zero)"},
                  {"--amount", "X", "of noise, in deviations of what it is added to (1)"},
                  {"--layer", "N", "from 0, the lowest (all)"},
                  {"--split", "NAME", "train, validation or test (validation)"},
                  PHASE,
                  {"--top", "N", "lines of the table (20)"},
                  {"--out", "FILE", "picture to write: FILE.svg or FILE.png"},
                  {"--csv", "FILE", "the whole table, comma-separated"},
                  {"--quiet", NULL, "no progress"},
                  THREADS},
        .run = cli_lesion,
    },
    {
        .name = "dynamics",
        .usage = "RUN [key=value...]",
        .summary = "what grows in a trained network, where it rests, how far back its errors reach",
        .text =
            "Looks at a trained network as a dynamical system, in double precision, along a split "
            "of its data:\n\n"
            "The norm of dE_t/dX_{t-k}, the derivative of a step's loss by the state of the units "
            "k steps before, over the lag k; and the K that tapes of truncated backpropagation "
            "need so that 90 % or 99 % of the sum over the lags is in them.\n\n"
            "Lyapunov exponents: a difference in the state, and an error that goes back, grows or "
            "fades like exp(lambda k) over k steps. The largest says another K, that of an error "
            "that fades at this rate.\n\n"
            "Fixed and slow points: states where one step changes least, with the input held, "
            "found from states that the network was in. Beside each stands how many of them led "
            "there, the speed |F(X) - X|, the largest eigenvalue of the Jacobian, how many are "
            "larger than 1, and the time constant of the slowest that is not.\n\n"
            "Of spiking units there are the norms over the lag alone.\n\n"
            "  hitherto dynamics runs/same --out dynamics.svg\n"
            "  hitherto dynamics runs/same --hold mean --starts 100 --npz dynamics.npz",
        .flags = {{"--steps", "N", "steps of the split (500)"},
                  {"--skip", "N", "first steps of each sequence that exponents leave out (10)"},
                  {"--lags", "N", "the largest lag (50)"},
                  {"--starts", "N", "states from which to look for fixed points; 0: none (20)"},
                  {"--hold", "INPUT",
                   "that is held: zero; mean, over the steps; met, what each state was met with "
                   "(zero)"},
                  {"--split", "NAME", "train, validation or test (validation)"},
                  PHASE,
                  {"--out", "FILE", "picture to write: FILE.svg or FILE.png"},
                  {"--npz", "FILE",
                   "arrays: credit, exponents, and of the points points, speeds, met and "
                   "eigenvalues"},
                  {"--quiet", NULL, "no progress"},
                  THREADS},
        .run = cli_dynamics,
    },
    {
        .name = "fields",
        .usage = "RUN [key=value...]",
        .summary = "what drives single units of a trained network: receptive fields over time",
        .text =
            "Three fields of each unit, over inputs and lags. Input before activity: the mean of "
            "the input some steps before, weighed by what the unit does, less its mean; of a unit "
            "that spikes the spike-triggered average. Slope: the mean of dz_t/dx_{t-k}, by the "
            "exact Jacobians. Best input: the sequence that makes the unit's z largest, within the "
            "range that each input has in the data (--norm: within a distance of the mean input), "
            "by "
            "ascent along dz/dx; beside it stands what z reaches.\n\n"
            "The first is what came before, the second what the input does, and the third what the "
            "unit would like. Of spiking units there is the first.\n\n"
            "  hitherto fields runs/same --units 0,7,12 --out fields.svg\n"
            "  hitherto fields runs/same --lags 30 --npz fields.npz",
        .flags =
            {{"--units", "LIST", "units of the layer, such as 0,7..9 (0)"},
             {"--lags", "N", "the largest lag (10)"},
             {"--steps", "N", "steps of the split (1000)"},
             {"--layer", "N", "from 0, the lowest (0)"},
             {"--norm", "R",
              "the best input is at most so far from the mean input, in Euclidean distance over "
              "all its steps; without it the ranges of the data bound each input"},
             {"--split", "NAME", "train, validation or test (validation)"},
             PHASE,
             {"--out", "FILE", "picture to write, of four units at most: FILE.svg or FILE.png"},
             {"--npz", "FILE",
              "arrays: units, triggered, slope, best (units, lags + 1, inputs) and reached"},
             {"--quiet", NULL, "no progress"},
             THREADS},
        .run = cli_fields,
    },
    {
        .name = "help",
        .usage = "[COMMAND]",
        .summary = "this text, or that of a command",
        .text =
            "The same as --help. --man writes the manual page of the program or of a command, made "
            "of the same text. --completion writes a script with which bash completes commands, "
            "options, settings and their values when Tab is pressed.\n\n"
            "  hitherto help train\n"
            "  hitherto help --man train | man -l -\n"
            "  source <(hitherto help --completion)",
        .flags = {{"--man", NULL, "the manual page"},
                  {"--man-pages", "FOLDER", "write all manual pages into a folder that is there"},
                  {"--completion", NULL, "a script for bash"}},
        .run = cli_help,
    },
    {
        .name = "version",
        .usage = "",
        .summary = "version, precision and level of this program",
        .text =
            "Prints one line. The level is the kind of processor that the loops over numbers are "
            "compiled for: x86-64-v4 (AVX-512), x86-64-v3 (AVX2), x86-64-v2, aarch64 or plain (C "
            "alone). The best that this processor has is taken; HTH_LEVEL in the environment names "
            "another. All give the same results, bit for bit, but for x86-64-v2, which has no "
            "fused multiply-add.\n\n"
            "  HTH_LEVEL=x86-64-v3 hitherto version",
        .run = cli_version,
    },
};

const cli_command *cli_commands(size_t *count) {
    *count = HTH_COUNT(commands);
    return commands;
}
