"""The settings as typed dictionaries. Written by scripts/generate-settings from the tables of options; do not edit."""
from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, Union

from numpy.typing import NDArray

#: One number, or one for each.
Numbers = Union[float, str, Sequence[float], NDArray[Any]]
#: A text, a number or a list of these.
Texts = Union[str, float, "os.PathLike[str]", Sequence[str], Sequence[float], NDArray[Any]]

TaskName = (
    Literal["add", "adding", "arm", "associative-recall", "copy-memory", "copy-repeat", "full-force", "mimic",
    "pattern", "recall", "sines", "store-recall"]
)

_Task = TypedDict("_Task", {"from": 'int'}, total=False)


class Task(_Task, total=False):
    """Settings of the section `task`."""
    name: TaskName
    """synthetic tasks, drawn from the seed"""
    lag1: int
    """tosses back of the first dependency (+1/2) (3)"""
    lag2: int
    """tosses back of the second dependency (-1/4) (5)"""
    deterministic: bool
    """true: the target is the probability y_k; false: a draw from Bernoulli(y_k) (true)"""
    steps: int
    """of a trial (100); or: steps of a movement (500); or: steps of a trial (1000)"""
    length: float
    """of each of the two parts of the arm; not in the paper (0.5)"""
    omega: Literal["inverse", "printed"]
    """the number U[0.3, 1] of a sine: inverse, it divides (the authors' code); printed, it is cycles a trial (eq. 60),
    and movements are half as fast (inverse)"""
    least_items: int
    """of a trial (2)"""
    most_items: int
    """of a trial (6)"""
    vectors: int
    """of an item (3)"""
    pattern: int
    """pattern steps n_p; with a curriculum, those that it begins with (1)"""
    repeats: int
    """repetitions n_r; with a curriculum, those that it begins with (1)"""
    curriculum: bool
    """training sequences grow when they are solved, and there is no validation or test; false: all sequences have
    task.pattern and task.repeats (true)"""
    grow: Literal["pattern", "repeats", "pattern-only", "repeats-only"]
    """what grows first, n_p or n_r, before they take turns; or which grows alone (pattern)"""
    longest: int
    """steps of the longest sequence, beyond which nothing grows; bptt has a tape of that many (120)"""
    amplitude: float
    """largest amplitude of a sine of joint 1, in rad/s (30); or: of the sum (0.8666666666666667)"""
    dt: float
    """milliseconds of a step (1); or: units of time of a step (0.1)"""
    gain: float
    """g: what its recurrent weights are multiplied by (1.5)"""
    drive: float
    """how strongly it is driven by what is to be said (1)"""
    target_units: int
    """N: units of the teacher, and so targets; those of the network are as many (200); or: units of the target network
    (32)"""
    inputs: int
    """input neurons, a multiple of task.groups (the authors' code: 10) (20); or: channels of coins (32); or: input
    neurons, a multiple of task.groups (tutorial: 100) (20)"""
    stretch: int
    """steps for which input and target are held (Fig. 1: 2 with alpha 0.5) (1); or: steps for which an input is held
    (Fig. 1: 2 with alpha 0.5) (1)"""
    alpha: float
    """leak per step of the target network, in 0..1; the paper has that of the trained one (cell.alpha) (1)"""
    start: Literal["normal", "zero"]
    """first state of the target network: tanh of N(0,1) (2019), or zero (normal)"""
    outputs: int
    """outputs of the target network (32); or: curves to follow (tutorial: 1) (3)"""
    frequencies: Texts
    """of the sines of a curve, in Hz: numbers with commas between (1, 2, 3, 5)"""
    amplitude_min: float
    """least amplitude of a sine (0.5)"""
    amplitude_max: float
    """largest amplitude of a sine (2)"""
    from_zero: bool
    """whether each curve is moved to begin at 0 (tutorial: true) (false)"""
    normalise: bool
    """whether each curve is divided by its largest magnitude (tutorial: true) (false)"""
    input: Literal["regular", "poisson"]
    """regular spikes from the first step of a group's time on, or poisson, the same in every trial (tutorial)
    (regular)"""
    groups: int
    """groups of input neurons, which fire one after the other (5); or: groups of input neurons, which fire one after
    the other (tutorial: 1) (5)"""
    rate: float
    """of an input neuron whose group fires, in Hz (100); or: of an input neuron whose group fires, in Hz (tutorial: 50)
    (100); or: of an input neuron whose group fires, in Hz (50)"""
    pairs: int
    """symbols to be kept, each with its value (4)"""
    symbols: int
    """how many are to be kept (10); or: symbols that there are (8)"""
    bits: int
    """of a vector (6); or: bits of a value (3)"""
    noise: int
    """inputs that are new bits at each step (12)"""
    shown: int
    """steps that a symbol is shown (5)"""
    delay: int
    """T, steps between the last symbol and the marker; a trial has T + 2 task.symbols (100); or: steps from the last
    pair to the query (50)"""
    streak: int
    """solved sequences in a row after which the delay grows (25)"""
    solved: float
    """a length is solved when the loss per sequence, mean over the batch, is below this, in the unit of the loss
    (Bellec et al. 2019: 0.15 with loss.unit bits) (0.15); or: a sequence is solved if its loss, a mean over the batch,
    is below (0.1)"""
    answer: Literal["class", "bits"]
    """target of the last step: class, one of four (two with two bits); bits, two outputs (one) that are 0 or 1, for
    loss sigmoid (class)"""
    period: float | int
    """of the slowest sine, in units of time (60); or: steps of a period (200)"""
    periods: int
    """periods of a trial (12)"""
    group: int
    """input neurons of each of the four groups (25)"""
    probability: float
    """that the command that is waited for comes in a period (paper: 1/6; lsnn: 1/7) (0.16666666666666667)"""
    rules: Literal["paper", "lsnn", "single"]
    """which rows of commands there are: paper, any; lsnn, a RECALL for each STORE, at least one, and not in the next
    period; single, one STORE at the start (Fig. 2 b) (paper)"""
    values: bool
    """whether values are shown also in periods without a command, to be ignored (true)"""


DataName = Literal["text", "arrays", "events", "images", "one-shot", "table", "speech", "rows"]

class Data(TypedDict, total=False):
    """Settings of the section `data`."""
    name: DataName
    """readers of corpora and arrays in files"""
    dir: Texts
    """folder of the files"""
    level: Literal["word", "character"]
    """what a token is; a character is a UTF-8 character (word)"""
    eos: bool
    """words: every newline is the word <eos> (true)"""
    drop_last: bool
    """drop the training epoch's last chunk if it is short, as the PTB tutorial does (true)"""
    file: Texts
    """training data: an .npz file with inputs and targets, or a folder of .npy files; or: training data: an .npz file
    with times, units, starts and labels, or a folder of .npy files; or: training data: an IDX file of images, as
    MNIST's; or: training images: an .npz file or a folder, with images and labels, or an IDX file (idx3 in its name)
    with the labels beside it; or: training file: CSV with a header, plain or compressed"""
    validate_file: Texts
    """validation data; "" for none; or: validation images, of other classes; "" for none; or: validation file; "" for
    none"""
    test_file: Texts
    """test data; "" for none; or: test images, of other classes; "" for none; or: test file; "" for none"""
    validation_fraction: float
    """without validation data: the share of the training sequences that validate instead of train, drawn by train.seed,
    of each class its share (0); or: without a validation file: the share of the training file's rows that validate,
    after those that train (0)"""
    shuffle: bool
    """training: a new order of the sequences in every epoch (true)"""
    incomplete: Literal["drop", "wrap", "pad"]
    """training, a last batch of an epoch that is not full: drop it, wrap around to the epoch's first sequences, or pad
    with weight 0 (drop)"""
    dt: float
    """length of a step, in the unit of times; cell.dt is the same in ms, and set apart"""
    steps: int
    """steps of every recording, whose later events are left out; 0: each has as many as its last event asks for (0)"""
    classes: int | Texts
    """outputs for integer targets; 0: the training file's largest plus 1 (0); or: outputs; 0: the training file's
    largest label plus 1 (0); or: of an episode (5); or: the target is a class: how many there are (0, 1, ...), or their
    names with commas between; "": it is a number"""
    bin: Literal["any", "count"]
    """input of a step: 1 where a unit has any event, or the count of its events (any)"""
    align: bool
    """whether time 0 of a recording is its first event (false)"""
    validate_labels: Texts
    """of the validation labels; "": the file of images, with labels for images and idx1 for idx3"""
    test_labels: Texts
    """of the test labels; "": the file of images, with labels for images and idx1 for idx3"""
    by: Literal["rows", "columns", "pixels"]
    """a step is a row, a column or a pixel (rows)"""
    weight: Literal["all", "last"]
    """steps that count in loss and metric: all, or the last of a recording (all); or: steps that count in loss and
    metric: all, or the last of an image (all); or: which of those steps count: all, 1/repeat each, or the last (all)"""
    showings: int
    """images of each class in an episode (10)"""
    rotate: bool
    """turn each class of an episode by 0, 90, 180 or 270 degrees (true)"""
    rows: int
    """use only so many rows of the training file, its first; 0: all (0)"""
    test_fraction: float
    """without a test file: the share of the training file's rows that test, its last (0)"""
    features: Texts
    """folder below which the feature files (HTK, Sphinx) or the sound files lie"""
    labels: Texts
    """IDX file of the training labels; "": the file of images, with labels for images and idx1 for idx3; or: label
    table (UTT FIRST END PHONE), HTK master label file, or folder of .phn files; "": .phn files beside the sound"""
    train: Texts
    """training file, plain or (with .xz added) compressed (ptb.train.txt); or: list of the training utterances, or of
    folders of them, a name a line"""
    validate: Texts
    """validation file; "" for none (ptb.valid.txt); or: validation; "" for none"""
    test: Texts
    """test file; "" for none (ptb.test.txt); or: test; "" for none"""
    phones: Texts
    """file of the phones in the order of the classes, one a line; "": those of the training utterances in the order of
    their letters"""
    exclude: Texts
    """file names, as a pattern, that are left out: TIMIT's SA sentences; "": none (sa[12])"""
    extension: Texts
    """ending of the feature or sound files; "": mfc, mfcc, htk, fea, wav, sph, nist or flac"""
    derivatives: int
    """how many derivatives are added: differences of the next and the last frame (2)"""
    scale: Literal["minmax", "zscore", "none"]
    """each channel to [0, 1] or to mean 0 and deviation 1, over the training frames (minmax)"""
    repeat: int
    """steps for which each frame is shown (Bellec et al. 2019: 5) (5)"""
    order: Literal["shuffled", "similar", "list"]
    """training: batches of any utterances, or of similar length, in a new order in every epoch; or as in the list
    (shuffled)"""
    slack: int
    """frames by which labels may end before or after the features; such frames are dropped (2)"""
    gaps: Literal["refuse", "skip"]
    """frames without a label between others: refuse, or show with weight 0 (refuse)"""
    channels: int
    """inputs; 0: the training file's largest unit plus 1 (0); or: numbers a frame in files that do not say (Sphinx)
    (13)"""
    step: float
    """ms from frame to frame, for sound and files that do not say (Sphinx) (10)"""
    window: float
    """sound: ms of a frame (25)"""
    rate: int
    """samples a second that .phn files count in, where there is no sound (16000)"""
    preemcoef: float
    """sound: pre-emphasis (HTK: PREEMCOEF) (0.97)"""
    numchans: int
    """sound: mel filters (HTK: NUMCHANS) (26)"""
    numceps: int
    """sound: cepstra beside c0, which comes first (HTK: NUMCEPS) (12)"""
    ceplifter: float
    """sound: liftering; 0: none (HTK: CEPLIFTER) (22)"""
    lofreq: float
    """sound: Hz, lower end of the filters (HTK: LOFREQ) (0)"""
    hifreq: float
    """sound: Hz, upper end; 0: half the rate (HTK: HIFREQ) (0)"""
    usepower: bool
    """sound: filter the power spectrum instead of its root (HTK: USEPOWER) (false)"""
    target: Texts
    """columns to predict: names with commas between; or: columns to predict: names or numbers from 1, with commas
    between, such as load or 4-6"""
    inputs: Texts
    """columns that are read: names with commas between; "": all that are numbers in the first row, and with
    data.ahead=0 not the targets; or: columns that are read, as data.target; "": all that hold numbers in the first row,
    and with data.ahead=0 not the targets"""
    ahead: int
    """forecast horizon: the target is so many rows later; 0: it stands in the same row (1); or: the target of a row is
    so many rows later; 0: it stands in the same row and is looked at after the prediction (1)"""
    id: Texts
    """column that names a row; a later row with the same name brings its target late (with data.ahead=0)"""
    late: int
    """with data.id: how many rows late a target may come (100)"""
    standardise: bool
    """each column less its mean and divided by its deviation over the training rows; a constant one becomes 0 (true);
    or: each column less the mean and divided by the deviation of all its rows so far; predictions come in the unit of
    the target (true)"""
    change: bool
    """the target is how much the columns change until then, in place of their values; 0 is then the forecast that
    nothing changes (false); or: learn how much the target changes within data.ahead rows in place of its value; 0 is
    then the forecast that nothing changes (false)"""
    missing: Literal["hold", "mask", "refuse"]
    """an input that is missing (empty, NaN, NA, null): hold its last value; mask: hold it, and have an input for each
    column that is 1 where there was a value; refuse (hold)"""
    format: Literal["auto", "csv", "blanks", "json", "float32", "npy"]
    """csv (, ; or tab between), blanks, json (a list or an object a line), float32 (raw, little-endian), npy; auto: by
    the first bytes (auto)"""
    columns: int
    """with data.format=float32: numbers of a row (0)"""


WorldName = (
    Literal["bandit", "two-step", "t-maze", "cues", "key-door", "cart-pole", "memory-chain", "harlow", "glimpse",
    "recorded", "pipe"]
)

class World(TypedDict, total=False):
    """Settings of the section `world`."""
    name: WorldName
    """worlds that answer to what a network does, with rewards"""
    arms: int
    """arms (2)"""
    pulls: int
    """pulls of an episode (100)"""
    kind: Literal["independent", "correlated", "easy", "medium", "hard", "restless"]
    """how the probabilities of an episode are drawn (independent)"""
    drift: float
    """restless: standard deviation of what a pull changes (0.1)"""
    common: float
    """probability of the common transition (0.8)"""
    pays: float
    """probability that the better place pays; the other pays with 1 - pays (0.9)"""
    swap: float
    """probability that the places change roles before a trial (0.025)"""
    corridor: int
    """steps from the sign to the junction (10)"""
    limit: int
    """an episode ends after so many steps; 0: three times what it needs (0)"""
    cues: int
    """cues of an episode, an odd number (7)"""
    dt: float
    """milliseconds of a step (1)"""
    lean: float
    """probability that a cue is on the side that its episode leans to; 0.5: none is leant to, and the two sides differ
    by a single cue more often (0.7)"""
    cue: float
    """milliseconds of a cue (100)"""
    gap: float
    """milliseconds between cues (50)"""
    least_delay: float
    """least milliseconds from the last cue to the decision (500)"""
    most_delay: float
    """most milliseconds from the last cue to the decision (1500)"""
    window: float
    """milliseconds of the decision window (150)"""
    group: int
    """input neurons of each of the four groups (10)"""
    rate: float
    """of a neuron whose group fires, in Hz (40)"""
    noise: float
    """of a neuron of the noise, in Hz (10)"""
    delay: int
    """steps between the key and the door (30)"""
    velocities: bool
    """whether the velocities of cart and pole are seen, too (false)"""
    length: int
    """steps of the chain (20)"""
    trials: int
    """trials of an episode, a step each (100); or: trials of an episode (6)"""
    labels: Texts
    """its labels; "": the file of images, with labels for images and idx1 for idx3"""
    test_file: Texts
    """images of the test; "": those of validation"""
    test_labels: Texts
    """their labels"""
    validation_fraction: float
    """the share of the images that validate in place of training (0.1)"""
    size: int
    """numbers of an object (8); or: pixels of the window on a side (8)"""
    grid: int
    """places of the window on a side (7)"""
    glimpses: int
    """steps of an episode; the last one names the class (6)"""
    side: int
    """pixels of a drawn image on a side (20)"""
    file: Texts
    """an IDX file of images, as MNIST's; "": lines among noise are drawn; or: an .npz file, or a folder of .npy files,
    with inputs, and with an action and a reward of each step as targets (docs/worlds.md)"""
    command: Texts
    """the program, as a shell would be told it (docs/worlds.md says what it must answer); or unix:PATH, where one
    listens already, at a socket"""
    inputs: int
    """numbers that it shows at each step"""
    actions: int
    """actions; 0: the largest that was taken, plus 1 (0); or: actions, 0 to actions - 1"""
    steps: int
    """an episode ends after so many steps (200); or: an episode ends after so many steps (500)"""
    timeout: float
    """seconds that an answer may take (60)"""


AgentName = Literal["a2c", "ac-lambda"]

_Agent = TypedDict("_Agent", {
    "return": 'Literal["discounted", "transport", "redistribute"]',
    "lambda": 'float',
}, total=False)


class Agent(_Agent, total=False):
    """Settings of the section `agent`."""
    name: AgentName
    """Of a world: what the network sees, and how it learns from rewards. (a2c)"""
    gamma: float
    """what a reward counts a step later (0.9)"""
    scale: float
    """factor of rewards, as inputs and in returns; metrics do without (1)"""
    see_action: bool
    """whether the last action is an input (true)"""
    see_reward: bool
    """whether the last reward is an input (true)"""
    see_time: bool
    """whether the time since the start of the episode is an input, 0 to 1 (false)"""
    greedy: bool
    """validation and test take the most probable action in place of a drawn one (false)"""
    share: float
    """transport: the part of the value that is moved (0.9)"""
    sure: Literal["auto", "strength", "weight"]
    """transport: which reads count: strength, those with a strength beta above 2; weight, those of which one row has
    more than half; auto: strength where the store learns it (store.strength), else weight (auto)"""
    value_of: Literal["read", "after"]
    """transport: whose value is moved: read, that of the step that reads, as in the authors' code; after, that of the
    next step, as in their pseudocode (read)"""
    rows: int
    """transport: value goes to so many rows of a read at most, those of largest weight; 0: to all (50)"""


class View(TypedDict, total=False):
    """Settings of the section `view`."""
    permute: int
    """seed of an order in which the inputs of a whole sequence stand, all its steps together (pixels of an image that
    is read by rows); 0: as they are (0)"""
    rotate: float
    """degrees by which the inputs of a whole sequence, taken as a square image, are turned to the right, before
    view.permute; between four pixels (0)"""
    classes: Texts
    """of data with a class for each sequence: the classes that are left; empty: all"""
    count: int
    """of such data: training sees the first so many of the sequences that are left; 0: all (0)"""
    relabel: bool
    """whether the classes are numbered anew: 0 for the first of view.classes, 1 for the next (false)"""
    modulo: int
    """classes become their remainder after division by this; 0: as they are (0)"""
    cues: int
    """so many inputs more: each step says with a 1 which of so many tasks it is of; 0: none (0)"""
    cue: int
    """which of the cues is 1, from 0 (0)"""
    head: int
    """with loss.heads: which of the heads learns the classes, from 0 (0)"""


class Network(TypedDict, total=False):
    """Settings of the section `network`."""
    units: Texts
    """units of each recurrent layer, from the input up; one number a layer (32)"""
    layers: Texts
    """kind of each layer, one name a layer (units, units); empty: layer.name in all. Settings of kinds are
    layer.<name>, and of one layer alone layer<l>.layer.<name>"""
    cells: Texts
    """cell of each recurrent layer, one name a layer (alif, lstm); empty: cell.name in all. Settings of cells are
    cell.<name>, and of one layer alone layer<l>.cell.<name>, which count more; layers count from 0"""
    reads: Texts
    """what each layer reads, one word a layer: below, the layers below that none between reads; input; below+input;
    backward, the input from the end of each sequence (whole sequences only). Empty: below in all. The first layer has
    the input below it"""
    embedding: int
    """width of the learned vectors that stand for tokens; needed for token input (0)"""
    bias: Literal["auto", "true", "false"]
    """biases of the recurrent units; auto: none for spiking cells (auto)"""
    self_connections: Literal["auto", "true", "false"]
    """weights from a unit to itself; auto: none for spiking cells, and where connections is none (auto)"""
    connections: Texts
    """recurrent weights between different units: all; ring, from each unit to the next; random, by seed; given, by the
    arrays w_rec_mask and w_in_mask of the data (first layer only); none (a layer of cell rate with alpha 1 is then a
    dense one). One word for all layers, or one a layer. Those that do not exist stay 0 (all)"""
    density: float
    """connections = random: the probability that a recurrent weight exists; init scales are those of a network with all
    (0.1)"""
    delay: Texts
    """steps after which a unit's z reaches the units of its layer: a number for all connections, or a range such as
    1..8, from which each draws its own by seed. 1: the next step. The reset of a spiking unit has no delay (1)"""
    input_delay: Texts
    """the same of the input, where a layer reads it, such as 0..8. 0: the same step (0)"""
    excitatory: Numbers
    """Dale's law: this fraction of the units of each layer, the first, has recurrent weights to others of at least 0,
    the rest of at most 0; after each update a weight that would have changed its sign is 0. A list says it of each
    unit: 1, 1, 0 or 80 x 1, 20 x 0. -1: weights of a unit may have either sign (-1)"""
    orthogonal: bool
    """the recurrent weights of each gate stay an orthogonal matrix, so that nothing that they pass on grows or
    vanishes: after each update they become the nearest one (and at the start, those of init.w_rec). Layers with all
    connections, of delay 1 (false)"""
    initial: Literal["zero", "learned"]
    """state at the start of a sequence: zero, or learned with the weights (zero)"""
    direction: Literal["forward", "both"]
    """forward; or both: beside the layer a second one of as many units, which runs over the sequence from its end, and
    a readout of both: reads = input, backward. Whole sequences only, one layer (forward)"""
    dropout: float
    """probability that a unit is left out at a step where the layers above and the readout read it, not where its own
    layer does (Zaremba et al. 2014); what stays counts 1/(1 - dropout). Only where the network learns (0)"""
    events: Literal["auto", "always", "never"]
    """whether the products with what a layer reads, spikes above all, take only what is not 0: auto, in layers of
    spiking cells and where that is faster; always; never. The results are the same. Tapes of up to 4 steps (times
    items) never do (auto)"""


LayerName = Literal["units", "store"]

class Layer(TypedDict, total=False):
    """Settings of the section `layer`."""
    name: LayerName
    """What a layer makes of its drive. network.layers names the kind of each. (units)"""


class Store(TypedDict, total=False):
    """Settings of the section `store`."""
    keys: int
    """numbers of a key, and of each query (8)"""
    heads: int
    """reads a step, each with a query of its own; the layer's units are shared out among them, so that a value has
    units / heads numbers (1)"""
    score: Literal["dot", "cosine"]
    """how a query meets a key: dot, their product; cosine, of the angle between them (dot)"""
    strength: Literal["auto", "fixed", "learned"]
    """the factor of scores: fixed, store.scale; learned, softplus of a drive of each head; auto: learned with cosine,
    else fixed (auto)"""
    scale: float
    """a strength that is fixed; 0: 1 / sqrt(store.keys), or 1 with store.score = cosine (0)"""
    top: int
    """rows that a read weighs, those with the highest scores (of equal ones, the older); 0: all (0)"""
    every: int
    """steps from one row that is written to the next (1)"""
    rows: int
    """rows that there is room for (128)"""
    write: Literal["ring", "append", "least-used"]
    """when all rows are written: ring, the oldest gives way; append, no step more is taken; least-used, the row that
    has been read least gives way (Santoro et al. 2016) (ring)"""
    decay: float
    """with store.write = least-used: how much of the usage of a row is left a step later (0.99)"""
    literal: bool
    """rows are what the layer reads, key and value in one (Lillicrap & Santoro 2019, eq. 5): nothing but queries is
    learned. The layer has as many units as it reads numbers, times store.heads (false)"""
    feedback: bool
    """whether the layer below reads what was read at the step before, r_{t-1} (false)"""


CellName = Literal["rate", "rate-pre", "lstm", "gru", "lif", "alif", "cubalif", "sublstm", "modrelu"]

class Cell(TypedDict, total=False):
    """Settings of the section `cell`."""
    name: CellName
    """The unit of the recurrent layers: a forward formula and its local derivatives. (rate)"""
    alpha: Numbers
    """leak per step, dt/tau, in 0..1; one number or one per unit (1); or: what is kept of the state per step,
    exp(-dt/tau), in 0..1; one number or one per unit (0)"""
    phi: Literal["tanh", "relu", "sigmoid", "softplus", "identity"]
    """activation function (tanh); or: activation function (sigmoid)"""
    output: Literal["tanh", "linear"]
    """what the output gate opens on: tanh(c), the standard form, or c (Bellec et al. 2019, eq. 36) (tanh)"""
    learn: Numbers
    """what of each unit is learned with the weights: alpha, from what the settings say, which must be between 0 and 1;
    it stays there (optimiser.lr_cell). Empty: nothing; or: what of each unit is learned with the weights, from what the
    settings say: tau_m, v_th, alif tau_a and beta too, cubalif tau_syn too. Each is its setting times exp(a), a the
    parameter that is learned, 0 at the start (optimiser.lr_cell): time constants, thresholds and rises stay positive.
    Empty: nothing"""
    tau_m: Numbers
    """membrane time constant in ms; one number or one per unit (20)"""
    v_th: Numbers
    """firing threshold (baseline); one number or one per unit (1.5)"""
    dt: float
    """length of a time step in ms (1)"""
    gamma: float
    """height of the pseudo-derivative (0.3)"""
    width: float
    """width of the pseudo-derivative, in units of v_th (1)"""
    refractory: int
    """refractory period in steps, as refractory_rule counts it; 0: none (5)"""
    pseudo_derivative: Literal["triangular", "fast-sigmoid", "gaussian", "arctan"]
    """shape of dz/dv around the threshold (triangular)"""
    reset_gradient: bool
    """whether credit flows from a spike through the reset it causes (R = dv/dz) or not (R = 0) (true)"""
    scale_input: bool
    """scale the drive by 1 - exp(-dt/tau_m) (as Bellec et al. 2018, NEST) or by 1 (2019); cubalif scales what enters
    the current by 1 - exp(-dt/tau_syn) too (false)"""
    scale_by_threshold: bool
    """divide the pseudo-derivative by v_th, as the authors' code does and the paper does not (true)"""
    spike: Literal["step", "smooth"]
    """step: spikes; smooth: the function whose derivative the pseudo-derivative is, for checks (step)"""
    threshold_at: Literal["above", "at-or-above"]
    """a spike when v > threshold (TensorFlow code) or v >= threshold (NEST) (above)"""
    refractory_rule: Literal["interval", "silent"]
    """interval: the smallest interval of two spikes is cell.refractory steps (Bellec et al. 2019, NEST); silent: that
    many steps between them are silent, so the interval is one more (code of Bellec et al. 2018, which looks back)
    (interval)"""
    reset: Literal["subtract", "zero"]
    """what a spike does to the voltage at the next step: subtract takes v_th away; zero makes the unit forget it, v_t =
    alpha (1 - z_{t-1}) v_{t-1} + drive (subtract)"""
    tau_a: Numbers
    """time constant of the adaptive threshold in ms; one number or one per unit (200)"""
    beta: Numbers
    """rise of the threshold per spike; one number or one per unit, 0 for units that do not adapt, e.g. "100 x 0, 100 x
    0.03" (0.03)"""
    tau_syn: Numbers
    """time constant of the synaptic current in ms; one number or one per unit (5)"""
    forget_bias: float
    """initial bias of the forget gate (1 is common; 0 in the TensorFlow word model) (1); or: initial bias of the forget
    gate (1)"""
    offset: float
    """initial b in sign(a) max(0, |a| + b); it is learned (optimiser.lr_cell). 0: the unit begins as a linear one
    (0)"""


class Readout(TypedDict, total=False):
    """Settings of the section `readout`."""
    reads: Literal["top", "top+input"]
    """what the readout reads: top, the layers that no other reads (network.reads); or top+input, the numbers of the
    input too (top)"""
    feedback: bool
    """layer 0 reads the outputs of the step before, too, behind the input (init.w_fb; an array w_fb of the data):
    FORCE, echo state networks that generate. The units do not learn: learner=rls or readout-only (false)"""
    kappa: float
    """leak of the readout, y_t = kappa y_{t-1} + W z_t, in 0..1; 0: no filter; -1: exp(-1/30), 30 steps, where the
    readout reads units that spike, else 0 (-1)"""
    tau_out: float
    """time constant in steps, kappa = exp(-1/tau_out), in place of kappa; 0: kappa counts (0)"""
    scale: bool
    """scale W z_t, not the bias, by 1 - kappa (NEST, tutorials) or by 1 (Bellec et al. 2019) (false)"""
    bias: bool
    """whether the readout has biases (true)"""
    bias_place: Literal["outside", "inside"]
    """biases added after the filter (code of 2020) or inside it (Bellec et al. 2019, eq. 41) (outside)"""


LossName = Literal["mse", "softmax", "sigmoid", "actor-critic"]

class Loss(TypedDict, total=False):
    """Settings of the section `loss`."""
    name: LossName
    """What is minimised. Without loss.name: mse for targets that are values, softmax for classes."""
    batch: Literal["mean", "sum"]
    """over the items of the batch the loss is a mean (divided by their number, whatever their weights) or a sum (Bellec
    et al. 2019) (mean)"""
    time: Literal["sum", "mean", "window"]
    """over the steps of a sequence the loss is a sum, a mean (divided, for each item, by its steps), or a mean over the
    window of steps that count (divided by the sum of their weights). The gradient of a sequence is the same for tapes
    of any length. mean and window need sequences that end (sum)"""
    class_weights: Numbers
    """for targets that are classes: what the loss of a step counts by its class, one number or a list for all classes;
    accuracy and decisions are not changed, and metrics made of the loss are refused. Frequent classes may count less: N
    / (classes n_c) for n_c of N (1)"""
    report: Literal["sum", "mean"]
    """what is reported: half the sum over outputs, or half the mean (Marschall et al. 2019); the gradient is that of
    the sum in either case (sum)"""
    clip: float
    """least probability that is reported (Marschall et al. 2019: 1e-4); the gradient is not changed; 0: none (0)"""
    heads: int
    """outputs in so many groups of one size, of which only that of the target's class competes: a head for each of
    several tasks (view.head) (1)"""
    unit: Literal["nats", "bits"]
    """unit of the loss, and of its gradient (nats)"""
    value: float
    """weight of the squared error of the value (0.5)"""
    entropy: float
    """weight of the entropy of the policy, which the loss makes larger; with agent.name = ac-lambda it is a reward,
    -log of the probability of the action (0)"""
    entropy_end: float
    """the same at the end of the run; it changes evenly between. -1: as at the start (-1)"""


class Regulariser(TypedDict, total=False):
    """Settings of the section `regulariser`."""
    rate: float
    """c, how much firing rates f away from their target count; 0: not at all (0)"""
    rate_target: float
    """f*, the rate that is aimed at, in spikes per unit and step (0.01 is 10 Hz at 1 ms) (0.01)"""
    rate_form: Literal["half-sum", "sum", "mean", "nest"]
    """what c multiplies: half-sum, 1/2 sum_j (f_j - f*)^2 (Bellec et al. 2019, eqs. 55-56 as printed, and their code);
    sum, sum_j (f_j - f*)^2 (eq. 54); mean, that divided by the units of a layer (Methods 1.1); nest, half-sum of the
    rates of each item alone, scaled as its loss is (loss.batch, loss.time). In the others f_j is the mean over the
    batch too (half-sum)"""
    rate_over: Literal["sequence", "tape"]
    """f_j is the mean over the steps of a sequence, which must then be one tape, or of each tape by itself
    (sequence)"""


class Init(TypedDict, total=False):
    """Settings of the section `init`."""
    w_rec: Literal["normal", "uniform", "glorot", "orthogonal", "zero", "identity"]
    """how the recurrent weights are drawn: normal has deviation scale/sqrt(fan-in) (normal)"""
    w_rec_scale: float
    """scale of the recurrent weights (1)"""
    spectral_radius: float
    """scales the recurrent weights of each gate so that this is the size of their largest eigenvalue; an echo state
    network has about 0.9. 0: they stay as they are drawn (0)"""
    w_in: Literal["normal", "uniform", "glorot", "orthogonal", "zero"]
    """how the input weights are drawn: normal has deviation scale/sqrt(fan-in) (normal)"""
    w_in_scale: float
    """scale of the input weights (1)"""
    w_fb: Literal["normal", "uniform", "glorot", "orthogonal", "zero", "identity"]
    """how the weights of outputs that are fed back are drawn: normal has deviation scale/sqrt(fan-in) (uniform)"""
    w_fb_scale: float
    """scale of the weights of outputs that are fed back (1)"""
    bias: Literal["normal", "uniform", "glorot", "orthogonal", "zero"]
    """how the biases of the units are drawn: normal has deviation scale/sqrt(fan-in) (zero)"""
    bias_scale: float
    """scale of the biases of the units (1)"""
    w_out: Literal["normal", "uniform", "glorot", "orthogonal", "zero"]
    """how the readout weights are drawn: normal has deviation scale/sqrt(fan-in) (normal)"""
    w_out_scale: float
    """scale of the readout weights (1)"""
    b_out: Literal["normal", "uniform", "glorot", "orthogonal", "zero"]
    """how the readout biases are drawn: normal has deviation scale/sqrt(fan-in) (zero)"""
    b_out_scale: float
    """scale of the readout biases (1)"""
    embedding: Literal["normal", "uniform", "glorot", "orthogonal", "zero"]
    """how the token vectors are drawn: normal has deviation scale/sqrt(fan-in) (normal)"""
    embedding_scale: float
    """scale of the token vectors (1)"""
    initial: Literal["normal", "uniform", "glorot", "orthogonal", "zero"]
    """how the learned initial states are drawn: normal has deviation scale/sqrt(fan-in) (zero)"""
    initial_scale: float
    """scale of the learned initial states (1)"""


ConventionsName = Literal["bellec2019", "bellec2020", "nest"]

class Conventions(TypedDict, total=False):
    """Settings of the section `conventions`."""
    name: ConventionsName
    """Whose conventions of e-prop hold where you set nothing else (docs/conventions.md)."""


LearnerName = (
    Literal["bptt", "tbptt", "rtrl", "f-bptt", "tbptt-k1-k2", "uoro", "kf-rtrl", "r-kf", "kernl", "rflo", "eprop1",
    "eprop1-symmetric", "adaptive-eprop", "snap1", "snapN", "dni", "dni-b", "tbptt-sg", "tbptt-traces", "eprop3",
    "eprop3-truncated", "readout-only", "rls"]
)

class Learner(TypedDict, total=False):
    """Settings of the section `learner`."""
    name: LearnerName
    """How the tape becomes a gradient: a choice on four axes, and names for known ones. (tbptt)"""
    steps: int
    """K, steps of a tape: one update a tape; 0: the whole sequence (bptt), the whole sequence or 20 where it has more
    than 1000 or no end (tbptt), equal parts of the sequence of at most 1000 or 20 where it has no end (eprop1,
    adaptive-eprop), 4 (tbptt-sg, tbptt-traces, eprop3, eprop3-truncated), or 1 (all others) (0)"""
    update: Literal["auto", "tape", "sequence"]
    """change the weights after each tape, or once at the end of a sequence; auto: sequence for eprop1 and
    adaptive-eprop where sequences have an end, else tape (auto)"""
    window: int
    """H, steps of a tape that slides: K new ones, and the H - K before them, which stay; 0: the K new ones alone; -1:
    as learner.name says (10 for f-bptt and tbptt-k1-k2, 0 for others). Steps that stay take memory as others do (-1)"""
    window_of: Literal["preset", "steps", "losses"]
    """steps: the gradient of a step is given once, with the losses of the H steps that begin with it (F-BPTT); losses:
    each loss counts once, and its gradient goes back through all H (TBPTT(k1, k2), k1 = learner.steps, k2 =
    learner.window); preset: as learner.name says (preset)"""
    inputs: bool
    """whether dE/dx and dE/ds at the start of the tape are kept, for programs that ask with hth_learner_inputs and
    hth_learner_start; training does not need them (false)"""
    readout: Literal["preset", "gradient", "rls"]
    """how the readout learns: by the gradient of the loss, or by recursive least squares (rls), which fits its outputs
    to the targets, or to 1 for the class and 0 for others, whatever the loss, and takes its steps as they are, whatever
    the optimiser; preset: as learner.name says (preset)"""
    rls_alpha: float
    """readout = rls: the penalty on the square of what the weights move, that of ridge regression; P begins as 1/alpha
    (1)"""
    rls_forgetting: float
    """readout = rls: what a step counts after another one, in 0.5..1; 1: all count the same (1)"""
    rls_every: int
    """readout = rls: the weights learn at each so many-th step (1)"""
    rls_until: int
    """readout = rls: the weights learn for so many steps of the run, then stay; 0: to its end (0)"""
    signal: Literal["readout", "random", "global", "resampled", "none", "direct", "adaptive", "module", "sign"]
    """How the error at the readout reaches a unit now."""
    recurrence: Literal["full", "diagonal", "none", "learned", "random", "sign"]
    """How credit crosses from unit to unit inside the tape."""
    past: (
        Literal["none", "trace", "instantaneous", "pattern", "influence", "rank-one", "kronecker", "reverse-kronecker",
        "window", "kernel"]
    )
    """What is kept of everything before the tape."""
    future: Literal["zero", "synthetic"]
    """What stands in for losses after the tape."""
    feedback_variance: Texts
    """variance of a feedback weight: outputs (1 over their number: Murray 2019; Marschall et al. 2019), units (1 over
    their number: Bellec et al. 2019, tasks 1.1 and 1.2) or a number (outputs)"""
    feedback_steps: int
    """steps after which the feedback weights are drawn anew (1 and 20 in Bellec et al. 2019) (20)"""
    feedback_decay: float
    """the part of itself that a feedback weight loses with an update of the readout; the rule is local where the
    readout's weights lose the same (the learning rate times optimiser.weight_decay) (0.001)"""
    feedback_scale: float
    """scale of the signs that errors go by, in mean sizes of a readout's weight (1)"""
    jacobian_lr: float
    """learning rate of the Jacobian (0.001)"""
    jacobian_init: Literal["weights", "zero"]
    """the Jacobian at first: weights (the recurrent ones, from z to the first state of a cell with one drive; zero
    elsewhere) or zero (weights)"""
    random_scale: float
    """scale of the random matrix that credit crosses by: deviation scale/sqrt(units) (1)"""
    sign_scale: float
    """scale of the signs that credit crosses by, in mean sizes of a recurrent weight (1)"""
    trace: Literal["full", "instantaneous"]
    """what a synapse remembers: full, its trace; instantaneous, the step at hand alone (Bellec et al. 2019, truncated
    traces) (full)"""
    postsynaptic: Literal["derivative", "one", "clopath"]
    """what the unit itself contributes to e: derivative, dz/ds; one, 1 (with trace = instantaneous: the bare
    presynaptic spike, Bellec et al. 2019, Fig. 1d); clopath, a function of its voltage (eq. 57). The last two are for
    cells that spike (derivative)"""
    below: Literal["exact", "tape"]
    """credit of token vectors and lower layers, which have no traces of what upper states hold: exact, refused where it
    would depend on the length of a tape; tape, as much as the tape shows. Acts only where learner.recurrence is not
    full (exact)"""
    clopath_tau: float
    """postsynaptic = clopath: time constant of the filtered voltage, in steps (10)"""
    clopath_low: float
    """postsynaptic = clopath: v-, the threshold of the filtered voltage, in units of cell.v_th (0.25)"""
    clopath_high: float
    """postsynaptic = clopath: v+, the threshold of the voltage itself, in units of cell.v_th (0)"""
    clopath_trace: Literal["mean", "sum"]
    """postsynaptic = clopath: the filtered voltage is a mean, q v' + (1 - q) v, or a sum, q v' + v (q =
    exp(-1/clopath_tau)) (mean)"""
    scale_trace: Literal["derivative", "one", "leak"]
    """what a presynaptic spike adds to a trace: derivative, as much as to the drive (cell.scale_input); one, 1; leak, 1
    - exp(-dt/tau_m). The last two are for cells that spike (derivative)"""
    scale_filtered: Literal["derivative", "one", "leak"]
    """what a trace adds to its copy below a leaky readout: derivative, as much as a spike to the readout
    (readout.scale); one, 1 (Bellec et al. 2019, eq. 45); leak, 1 - kappa (NEST) (derivative)"""
    order: int
    """n of SnAp-n: a weight's influence is kept on the units that its own unit reaches in at most n - 1 steps; 1:
    itself (2)"""
    rho_epsilon: float
    """added to both norms in rho = sqrt((|x| + e) / (|y| + e)); default 1e-5 in double (code of Tallec & Ollivier
    2017), 1e-7 in single precision (1e-7)"""
    noise: Literal["signs", "normal"]
    """nu: random signs, of the smallest variance, or normal deviates; both unbiased (signs)"""
    row_steps: int
    """L, the steps up to its own that a row of a store keeps (10)"""
    kernel_noise: float
    """standard deviation of the noise in the perturbed copy, in units of the state (0.001)"""
    kernel_lr: float
    """learning rate of A and alpha; what counts is this times kernel_noise^2. 0: they stay as they are, and there is no
    copy (5)"""
    kernel_rate: float
    """alpha at the start, in 0..1: a trace keeps 1 - alpha of itself per step (0.8)"""
    kernel_alpha: Literal["learned", "fixed"]
    """whether alpha is learned with A; it then stays in 1e-4..1, so that no trace grows without end (learned)"""
    kernel_order: Literal["aligned", "authors"]
    """when the copy gets the noise: aligned with its prediction, or a step later as in the script of Marschall et al.
    2019 (aligned)"""
    kernel_gain: Literal["one", "complement"]
    """of the noise in its filter Omega: one, or complement, 1 - k, as in the script of 2019 (one)"""
    kernel_reset: int
    """steps after which the copy is taken from the network again; 0: never (1000)"""
    sg_lr: float
    """learning rate of the prediction (0.001)"""
    sg_optimiser: Literal["sgd", "adam"]
    """how the prediction learns: sgd, plain gradient descent; or adam (sgd)"""
    sg_hidden: int
    """rectified units between state and prediction; 0: the prediction is linear (0)"""
    sg_scans: int
    """2: the target comes of a scan of its own, and the gradient uses the prediction that has learned from it
    (Marschall et al. 2019; Bellec et al. 2019, Algorithm 1); 1: the gradient's scan gives the target, a tape later and
    for less (1)"""
    sg_refresh: int
    """tapes after which the copy that the target is predicted with is renewed; 1: no copy; needs sg_scans = 2 (1)"""
    sg_present: bool
    """the prediction stands for the loss of the tape's last step too (false)"""
    sg_scale: float
    """factor of the prediction at the end of a tape (eta_SG of Bellec et al. 2019) (1)"""
    sg_activation: Literal["identity", "tanh"]
    """of the prediction that the target is made with: tanh makes it a rate (DNI(b)); needs sg_scans = 2 (identity)"""
    sg_reads: Literal["states", "z"]
    """what the prediction reads of the units: states, s and z; or z alone (Bellec et al. 2019), which is bounded where
    s is not (the c of an LSTM) (states)"""
    sg_label: bool
    """the prediction sees the target of the tape's last step (true)"""
    sg_init: Literal["normal", "zero"]
    """output weights at first: normal (variance 1 over the number of states, or of hidden units; biases 0) or zero,
    which begins with truncated backpropagation (zero)"""
    sg_l2: float
    """adds sg_l2 times the weights of the prediction to their gradient (0)"""
    sg_loss: float
    """the units learn by so many times the prediction's own error, 1/2 |prediction - target|^2, too (E_SG: Bellec et
    al. 2019, Algorithm 1, line 6: 1); needs learner.past = trace (0)"""


class Module(TypedDict, total=False):
    """Settings of the section `module`."""
    kind: Literal["spiking", "linear"]
    """spiking: LIF units and a leaky readout (eq. 58); linear: a matrix that acts on filtered inputs and spikes and on
    the target (eq. 60) (spiking)"""
    units: int
    """units of a spiking module (60)"""
    tau_m: float
    """membrane time constant of its units in ms (20)"""
    v_th: float
    """their threshold (0.4)"""
    gamma: float
    """height of their pseudo-derivative (0.3)"""
    refractory: int
    """their refractory period in steps (5)"""
    tau_out: float
    """time constant of the filter of signals in steps; 0: none (20)"""
    scale: float
    """scale of the module's initial output weights (init.w_out_scale) (1)"""
    target: Literal["raw", "population"]
    """how it is told the target: raw, as numbers (the paper's words); population, by neurons that spike at random (the
    authors' code) (raw)"""
    neurons: int
    """population: neurons for each number of the target (100)"""
    neuron_rate: float
    """population: the largest probability of a spike in a step (0.2)"""
    neuron_width: float
    """population: deviation of a neuron's tuning; targets are clipped to [-1, 1] (0.2)"""


class Episode(TypedDict, total=False):
    """Settings of the section `episode`."""
    updates: int
    """training trials of an episode, with an update after each (1)"""
    inner_lr: float
    """rate of these updates (1e-4 in Bellec et al. 2019 with 400 units; fewer units need more: 2e-3 with 100) (1e-4)"""
    trials: Literal["same", "pairs"]
    """the test trial of a task: same, the sequence that the training trials have; pairs, the sequence after it, so that
    the data hold training and test trials in turn (same)"""
    order: Literal["second", "first"]
    """second: the outer gradient as it is; first: without the derivative of the pseudo-derivative (second)"""
    loss: Literal["mean", "sum"]
    """of a test trial: mean, half the mean square over steps and components (the authors' code); sum, the sum of
    squares (eq. 61) (mean)"""
    outputs_weight: float
    """weight of the squared error of the outputs (1)"""
    place_weight: float
    """weight of that of the place which the outputs move, in tasks that have one (arm) (1)"""
    rate: float
    """regulariser of the main network: this times the sum over units of (f - rate_target)^2, f in spikes a step over
    all tasks and trials (100 in the authors' code) (0)"""
    rate_target: float
    """target of these rates, in spikes a step (0.02)"""
    module_rate: float
    """the same of the module, over training trials (0)"""
    module_rate_target: float
    """target of its rates (0.01)"""


OptimiserName = Literal["sgd", "momentum", "adam"]

class Optimiser(TypedDict, total=False):
    """Settings of the section `optimiser`."""
    name: OptimiserName
    """How the gradient changes the parameters. (adam)"""
    lr: float
    """learning rate (0.001)"""
    lr_recurrent: float
    """factor of lr for the recurrent layers; 0 keeps them as they are (1)"""
    lr_layer: Numbers
    """factor of lr for each layer, from the input up, beside those of its groups: 0, 1 freezes the lower of two layers.
    Of a frozen layer nothing changes: weights, initial states and moments stay, and neither weight_decay, keep nor
    network.orthogonal acts on it (1)"""
    lr_cell: float
    """factor of lr for the parameters of the units themselves (cell.learn); 0 keeps them as they are (1)"""
    lr_readout: float
    """factor of lr for the readout; 0 keeps them as they are (1)"""
    lr_embedding: float
    """factor of lr for the embedding; 0 keeps them as they are (1)"""
    lr_initial: float
    """factor of lr for the learned initial states; 0 keeps them as they are (1)"""
    weight_decay: float
    """adds weight_decay * parameter to the gradient of all parameters that are learned, after clipping (0)"""
    clip_norm: float
    """the gradient's norm over all parameters is cut to this; 0: no clipping (0)"""
    clip_element: float
    """each number of the gradient is cut to -c..c by itself, with c this; 0: no clipping. Not together with clip_norm
    (0)"""
    schedule: Literal["constant", "step", "exponential", "halving"]
    """How the learning rate changes. (constant)"""
    factor: float
    """factor of the schedule (0.5)"""
    every: int
    """updates between steps of the schedule (100)"""
    start: int
    """last epoch at the full learning rate (halving) (4)"""
    momentum: float
    """what is kept of the last step, in 0..1 (0.9)"""
    nesterov: bool
    """look ahead along the last step (false)"""
    beta1: float
    """what is kept of the mean gradient, in 0..1 (0.9)"""
    beta2: float
    """what is kept of the mean squared gradient, in 0..1 (0.999)"""
    epsilon: float
    """added to the root of the mean squared gradient (1e-8)"""
    epsilon_hat: bool
    """add epsilon before the bias correction, as TensorFlow and NEST do (false)"""


KeepName = Literal["none", "anchor", "ewc", "si", "moments", "metaplastic", "chain", "mas", "project"]

class Keep(TypedDict, total=False):
    """Settings of the section `keep`."""
    name: KeepName
    """How what is learned now leaves what was learned before. (none)"""
    strength: float
    """c of the penalty c/2 sum importance (theta - anchor)^2 (1)"""
    step: Literal["gradient", "proximal"]
    """how the penalty acts: its gradient is added to the task's, which is clipped before (gradient; an adaptive method
    then divides it too), or its exact minimiser is taken after the method's step (proximal: stable for any strength,
    which has another scale) (gradient)"""
    every: int
    """updates after which importance and anchor are taken anew, without a task that ends; 0: only at the end of a task
    (0)"""
    importance: Literal["sampled", "expected", "empirical", "updates", "drawn"]
    """whose squared gradients are summed: of labels drawn from the outputs (sampled), of all labels by their
    probability (expected: a pass over the sequence for every output of every step that counts), of the data's labels
    (empirical), or of the updates themselves, along the way and without a pass (updates: the data's labels too, so that
    it is the empirical Fisher information whatever the learner, and with train.batch above 1 the square of a batch's
    gradient), or, of a run, of labels drawn along the way (drawn: tapes are learned from twice, so that with rtrl and
    learner.steps=1 it is exact) (sampled)"""
    decay: float
    """what is kept of the importance when more is added (Schwarz et al. 2018), in 0..1; 1: all tasks count alike (1)"""
    xi: float
    """added to the squared way of a parameter, so that one that did not move does not count without bounds (Zenke et
    al. 2017: 0.1) (0.1)"""
    clip: bool
    """a parameter that added to the loss has no importance; false: a negative one (true)"""
    anchor: Literal["last", "mean"]
    """where parameters are pulled to: as they were at the end of the last task, or the mean of all ends by importance,
    which makes one penalty of those of all tasks (Huszar 2018) (last)"""
    batch: float
    """factor of the mean squared gradient: with the items of a batch (train.batch, for loss.batch = mean) it is near
    the Fisher information, and keep.strength near that of ewc (1)"""
    mu: float
    """how soon a weight that grows becomes hard to bring back: at 1/mu a step towards 0 is 0.42 of what it would be; 0:
    never (1)"""
    variables: int
    """m, of each synapse, with the weight itself (6)"""
    beta: float
    """the longest time scale, in updates times the learning rate (1024)"""
    sequences: int
    """of a run: how many sequences of the training data the importance is taken from when a task ends (200); or: of a
    run: how many sequences of the training data are noted when a task ends (200)"""
    learner: Texts
    """of a run: the learner (learner.name) whose gradients give the importance; empty: the run's own"""
    alpha: float
    """the shortest time scale, in updates times the learning rate, which must be less than half of it (1); or: how
    strongly inputs must be shared with earlier tasks before they are closed to new ones: the smaller, the fewer
    directions are left (1)"""
    sides: Literal["inputs", "both"]
    """what updates are projected away from: earlier inputs (inputs), or earlier drives too, so that what an update adds
    to a drive is at right angles to these (both) (inputs)"""


ReplayName = Literal["none", "reservoir", "ring", "class", "prioritised"]

_Replay = TypedDict("_Replay", {"from": 'Literal["stream", "dream"]'}, total=False)


class Replay(_Replay, total=False):
    """Settings of the section `replay`."""
    name: ReplayName
    """Sequences that were learned before are learned again (docs/replay.md). (none)"""
    size: int
    """sequences that the memory holds (500)"""
    batch: int
    """sequences of the memory that are replayed together; 0: none; -1: as train.batch (-1)"""
    every: int
    """updates from one replay to the next; 0: one with the update at the end of each sequence, or of each stretch of
    replay.steps (0)"""
    weight: float
    """factor of the replayed gradient, which is added to that of the stream; with loss.batch = mean both are means, and
    replay.batch/train.batch makes them the mixed batch's, up to a common factor (1)"""
    project: bool
    """whether the replayed gradient r is not added, but takes from the stream's gradient what points against it: g -
    min(0, g.r)/(r.r) r (A-GEM, Chaudhry et al. 2019) (false)"""
    learner: Texts
    """the learner (learner.name) that learns from what is replayed; empty: one like the run's own"""
    learner_steps: int
    """of replay.learner: steps of its tape, as learner.steps; 0: what that learner takes by itself (0)"""
    steps: int
    """steps of a stretch that is kept as a sequence of its own; 0: sequences are whole, or 100 where they do not end or
    have more than 1000 (0)"""
    prime: int
    """of replay.from = dream: steps of the data that are read before (1)"""
    exponent: float
    """a of p = loss^a, by which sequences are drawn; 0: all alike (0.6)"""
    correction: float
    """b of w = (N P)^-b, which the loss of a sequence that is drawn with probability P counts, beside the largest w; 1
    takes back what the draws prefer, 0 nothing (0.4)"""


_Train = TypedDict("_Train", {"from": 'Texts'}, total=False)


class Train(_Train, total=False):
    """Settings of the section `train`."""
    metric: (
        Literal["auto", "length", "return", "regret", "duration", "decisions", "perplexity", "accuracy", "bits", "mse",
        "nmse", "place", "none"]
    )
    """What is reported beside the loss. (auto)"""
    seed: int
    """seed of initial values, tasks and all other draws (1)"""
    threads: int
    """threads; 0: one per core that the process may use. Changes the time, never the result; on a machine with other
    work to do, fewer than cores are faster (0)"""
    precision: Literal["single", "double"]
    """arithmetic: single (32 bits) or double (64 bits) (single)"""
    batch: int
    """sequences that advance together (1)"""
    shares: int
    """parts of the batch that are learned from apart, each with a tape and a learner of its own; their gradients are
    added in a fixed order. Ranks of mpirun take the shares (docs/ranks.md). The result depends on the shares in its
    last bits, never on the ranks (1)"""
    epochs: int
    """passes over the data; 0: 10 if train.steps is 0 too, else no limit (0)"""
    steps: int
    """time steps of each sequence of the batch, in all; 0: for a task without epochs 100000, or 2000 sequences if that
    is more; else no limit (0)"""
    sequences: int
    """the same in sequences, such as the trials of a task, where they have one length; 0: no limit (0)"""
    report_every: int
    """time steps between two lines of metrics.jsonl; 0: once an epoch, or 100 lines a run for a task without epochs
    (0)"""
    validate_every: int
    """epochs between validations, or time steps for a task without epochs; 0: every epoch, or 10 times a run; -1: never
    (0)"""
    validation_steps: int
    """time steps of one validation or test; 0: all data; of a task without epochs one sequence, of a world 100
    episodes, or 1000 where sequences do not end (0)"""
    validation_batch: int
    """batch of validation and test; 0: as train.batch (0)"""
    checkpoint_every: float
    """seconds between checkpoints (60)"""
    keep_state: bool
    """whether the recurrent state is carried over the start of a sequence (false)"""
    picture: bool
    """whether `hitherto train` ends with a picture of a trial, trial.svg, where targets are values (true)"""
    tensorboard: bool
    """whether the lines of metrics.jsonl are also written as an event file for TensorBoard,
    events.out.tfevents.hitherto (false)"""
    stop_at: float
    """stop as soon as the metric on validation is as good as this: at least this where more is better (`hitherto list
    metrics`), at most for others; -1: never (-1)"""
    stop_over: int
    """stop_at counts the mean over this many of the last validations (1)"""
    patience: int
    """stop after this many validations in a row whose loss is not below the best so far, whose parameters
    checkpoint.best.safetensors has; 0: never (0)"""
    from_layers: Texts
    """with train.from: a list of what is taken of that run, such as 0, 1 or layer0, readout, which must fit; the rest
    begins as train.seed draws it. Empty: all that fits"""
    align: int
    """every this many steps compare other learners' gradients, on the same tapes and weights, with the exact one
    (align.jsonl); 0: never. Costs as much as RTRL at every step (0)"""
    align_window: int
    """over how many steps the compared gradients are summed (100)"""
    align_horizon: int
    """steps of backpropagation of the exact future-facing gradient, which learners with a synthetic future are compared
    with, that many steps later (50)"""
    align_learners: Texts
    """learners to compare: names with commas between; empty: the run's own"""
    interference: int
    """with phases: every this many steps, what the next update adds to the loss of each phase that is over, to first
    order, block by block (interference.jsonl); 0: never (0)"""


class Phases(TypedDict, total=False):
    """Settings of the section `phases`."""
    reset_optimiser: bool
    """whether the optimiser forgets its moments at the start of each phase after the first (false)"""
    joint: bool
    """whether all phases are learned together, as one: batches of their data take turns. It bounds what can be kept
    when they are learned one after the other (false)"""
    look_at: Texts
    """the phase whose data eval, predict, record and pictures take (--phase); empty: the last"""
    number: int
    """which phase this is, counted from 0: training draws other trials and orders in each; set by the phases themselves
    (0)"""


class Check(TypedDict, total=False):
    """Settings of the section `check`."""
    steps: int
    """time steps over which gradients are compared (20)"""
    batch: int
    """sequences of the comparison; train.batch if that is smaller (2)"""
    samples: int
    """entries of each parameter block that are compared with central differences (20)"""
    memory: float
    """GiB that a learner may take: with more your own is refused, and others, RTRL among them, are not compared (1)"""
    draws: int
    """of a learner that draws: how many gradients the mean is taken over (512)"""
    learners: Texts
    """learners to compare beside your own: names with commas between, e.g. "uoro, rflo" """


class Compare(TypedDict, total=False):
    """Settings of the section `compare`."""
    seeds: Texts
    """seeds of each arm: a number N for 1 to N, a list (3, 5, 8), or ranges (21-40) (5)"""
    learners: Texts
    """learners to compare, each an arm of its name; arms with settings of their own stand in the section arms
    (docs/compare.md)"""
    measure: Literal["auto", "train_loss", "train_metric", "validation_loss", "validation_metric"]
    """what the table and the curves show; auto: train_loss, or train_metric where that is the length of sequences that
    grow, and in a world (auto)"""
    final: float
    """the last part of a run, over whose lines the final value is the mean (0.1)"""
    smooth: int
    """lines of metrics.jsonl over which a point of a curve is the mean, as many after it as before; 1: none (11)"""
    keep: bool
    """whether the directory of each run, with its checkpoint, stays when the run has ended (false)"""


class ModelSettings(TypedDict, total=False):
    """What `Model` takes: sections, and two short names."""
    network: Network
    layer: LayerName | Layer
    cell: CellName | Cell
    readout: Readout
    loss: LossName | Loss
    regulariser: Regulariser
    init: Init
    conventions: ConventionsName | Conventions
    learner: LearnerName | Learner
    optimiser: OptimiserName | Optimiser
    keep: KeepName | Keep
    units: Texts
    lr: float


class RunSettings(ModelSettings, total=False):
    """What `train` takes: the sections of a settings file but `data`, and a short name."""
    task: TaskName | Task
    world: WorldName | World | Callable[[], Any]
    agent: AgentName | Agent
    view: View
    store: Store
    module: Module
    episode: Episode
    replay: ReplayName | Replay
    train: Train
    phases: Phases
    check: Check
    compare: Compare
    seed: int


class AllSettings(RunSettings, total=False):
    """All sections of a settings file."""
    data: DataName | Data | Mapping[str, NDArray[Any]]
    arms: Mapping[str, Any]
    vary: Mapping[str, Any]
