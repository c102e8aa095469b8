"""The works that are timed on our side and on the peers', one row of the table each, and their goals."""

import dataclasses


@dataclasses.dataclass
class Peer:
    """A script of bench/peers and its work, the name in the table, the least ratio of its time to ours
    that is the goal, and whether `bench/run --quick` times it."""

    script: str
    work: str
    label: str
    goal: float | None = None
    quick: bool = False

    @property
    def package(self) -> str:
        """What has to be installed: numpy, torch or jax."""
        return self.script.split("_")[0]

    @property
    def reads_data(self) -> bool:
        """Gets our weights and data, and is held against us before it is timed."""
        return self.package == "jax" or self.script in ("torch_alif", "torch_store")


@dataclasses.dataclass
class Work:
    """One row of ours. flops and bytes are those of a unit; cache is the size in KiB of the triad
    whose bandwidth holds for the bytes. checked: the steps over which peers are held against us. Of a
    spiking work the peak of memory is shown as well."""

    name: str
    text: str
    unit: str
    flops: float
    bytes: float
    cache: str
    peers: list[Peer]
    checked: int = 50
    spiking: bool = False

    @property
    def is_heavy(self) -> bool:
        """Mostly products, so that its rate can be held against the peak."""
        return self.flops >= 1e6

    @property
    def quick(self) -> bool:
        return any(peer.quick for peer in self.peers)


def word_model(steps, goal):
    words = steps * 20
    lstm = 6 * 800 * 400
    softmax = 6 * 200 * 10_000
    # The readout's matrix, 8 MB: read forward, read backward, gradient written, read for its norm,
    # read for the update, weight read and written.
    return Work(
        f"word{steps}",
        f"word model, T = {steps}",
        "word",
        lstm + softmax,
        7 * 8e6 / words,
        "262144",
        [Peer("torch_word_model", f"word{steps}", "PyTorch", goal, quick=goal is not None)],
    )


def lstm_alone():
    flops = 2 * 800 * 400 * 2 + 2 * 800 * 200  # forward, dW, and the adjoint's recurrent half
    bytes_ = 4 * (800 * 400 + 800 * 200) / 20  # weights read once a step, by 20 words
    peers = [
        Peer("torch_word_model", "lstm20", "PyTorch", 2.5, quick=True),
        Peer("jax_lstm", "plain", "JAX", 2.5, quick=True),
        Peer("jax_lstm", "tuned", "JAX, tuned"),
    ]
    return Work("lstm20", "LSTM alone, T = 20", "word", flops, bytes_, "512", peers, checked=20)


def rnn(n, batch, beside_torch, beside_jax):
    m = n + 3
    name = f"{n}b{batch}"
    flops = batch * (4 * n * m + 2 * n * n)  # forward, dW, adjoint
    bytes_ = 4 * (n * m + n * n)  # weights read once forward, once backward
    cache = "16" if bytes_ < 32768 else "512"
    peers = [
        Peer("torch_rnn", f"plain{name}", "PyTorch", beside_torch),
        Peer("torch_rnn", f"rnn{name}", "PyTorch, tuned loop"),
        Peer("jax_rnn", "plain", "JAX", beside_jax, quick=True),
        Peer("jax_rnn", "tuned", "JAX, tuned"),
    ]
    return Work(f"rnn{name}", f"RNN, BPTT, n = {n}, batch {batch}", "step", flops, bytes_, cache, peers)


def rtrl(n, beside_numpy, beside_jax):
    m = n + 3
    peers = [
        Peer("numpy_rtrl", f"rtrl{n}", "numpy float64", beside_numpy),
        Peer("numpy_rtrl", f"tight{n}", "numpy float32, tuned"),
        Peer("jax_rnn", "rtrl", "JAX", beside_jax, quick=True),
        Peer("jax_rnn", "rtrl-tuned", "JAX, tuned"),
    ]
    cache = "512" if n < 60 else "8192"
    text = f"RTRL, every step, n = {n}"
    return Work(f"rtrl{n}", text, "step", 2 * n**3 * m, 8 * n * n * m, cache, peers)


def rtrl_blocks(n, beside_numpy, beside_jax):
    m = n + 3
    peers = [
        Peer("numpy_rtrl", f"rtrl{n}", "numpy float64, every step", beside_numpy),
        Peer("jax_rnn", "rtrl", "JAX, every step", beside_jax, quick=beside_jax is not None),
    ]
    cache = "512" if n < 60 else "8192"
    # Tensor, contraction and the tape's own steps: about 2 n^3 each, a step.
    text = f"RTRL, blocks of {n}, n = {n}"
    return Work(f"rtrlblocks{n}", text, "step", 6 * n**3, 8 * n * m, cache, peers)


# The goals beside JAX, by units.
BESIDE_JAX = {
    "rflo": {32: 6, 100: 2.5},
    "snap1": {32: 6, 100: 2.5},
    "uoro": {32: 5, 100: 2},
    "dni": {32: 5, 100: 2},
}


def online(preset, n):
    """Forward, error, the learner's own update, gradient and SGD, at every step. Flops and numbers
    moved are those that the equations need when every array is read, or read and written, once per
    use and the gradient is never stored: W read forward, read and written by the update; and so on."""
    m, q = n + 3, n + 3  # q: what DNI's map reads, [state; 2 labels; 1]
    w, j, a = n * m, n * n, n * q
    flops, numbers = {
        "rflo": (7 * w, 5 * w),  # trace: decay, outer product
        "snap1": (7 * w, 5 * w),
        "uoro": (9 * w + 2 * j, 5 * w + j),  # J A; B: scaled, outer product, its norm
        "kf-rtrl": (4 * w + 2 * n**3 + 4 * j, 3 * w + 4 * j),  # J B, n x n
        "r-kf": (11 * w + 2 * n * w, 6 * w + j),  # J B, n x m
        "kernl": (9 * w + 8 * j, 5 * w + 5 * j),  # two networks; A four times
        "dni": (4 * w + 8 * a + 2 * j, 3 * w + 5.4 * a + j),  # maps A and its lagged copy
    }[preset]
    cubic = preset in ("kf-rtrl", "r-kf")
    goal = (40 if n == 32 else 12) if cubic else (100 if n == 32 else 50)
    cache = "16" if n == 32 else "512"
    peers = [Peer("numpy_learners", f"{preset}-{n}", "numpy float64", goal)]
    if preset in ("uoro", "dni"):
        peers.append(Peer("numpy_learners", f"tight-{preset}-{n}", "numpy float64, no Jacobian"))
    if preset in BESIDE_JAX:
        peers.append(Peer("jax_learners", preset, "JAX", BESIDE_JAX[preset][n], quick=True))
    if preset == "uoro":
        peers.append(Peer("jax_learners", "tuned-uoro", "JAX, tuned"))
    text = f"{preset}, every step, n = {n}"
    return Work(f"{preset}-{n}", text, "step", flops, 4 * numbers, cache, peers, checked=20)


ONLINE = ("uoro", "kf-rtrl", "r-kf", "kernl", "rflo", "dni", "snap1")

# Units, inputs, and the goals of e-prop beside PyTorch: traces, automatic differentiation, scan.
ALIF = {"400": (400, 100, 100, 6, 4), "100": (100, 40, 75, 10, 6)}
ALIF_BATCH, ALIF_TAPE, ALIF_STEPS = 32, 20, 1000


def alif_text(size, what):
    n, inputs = ALIF[size][:2]
    return f"ALIF, {n} units, {inputs} inputs, {what}"


def alif(size, kind, text, flops, bytes_, cache, peers):
    name = f"alif{size}{kind}"
    peers = [Peer("torch_alif", form, f"PyTorch, {label}", goal) for form, label, goal in peers]
    if not kind:
        peers.append(Peer("jax_alif", "scan", "JAX, scan and product", 5, quick=True))
    text = alif_text(size, text)
    return Work(name, text, "step", flops, bytes_, cache, peers, spiking=True)


def alif_works(size):
    """Flops are counted as if no spike were known to be 0: forward and gradient, 2 n m each for an item
    and step, and in BPTT the adjoint's n n; so where spikes are treated as events the floor may be
    passed. Of a tape the least that is written and read again is u, psi, the signal and delta."""
    n, inputs, by_traces, by_bptt, by_scan = ALIF[size]
    m, batch = n + inputs + 1, ALIF_BATCH
    w = batch * n * m
    tape = 4 * batch * (2 * m + 6 * n)
    forms = [
        ("trace", "traces", by_traces),
        ("trace-in-place", "traces, in place", by_traces),
        ("bptt", "BPTT", by_bptt),
        ("scan", "scan and product", by_scan),
    ]
    yield alif(size, "", "batch 32, e-prop 1", 4 * w, tape, "262144", forms)
    # Two traces a synapse and item (that of v is one a presynaptic unit): a product each, and read and
    # written once a tape.
    yield alif(
        size,
        "-tapes",
        f"batch 32, e-prop 1, tapes of {ALIF_TAPE}",
        8 * w,
        16 * w / ALIF_TAPE,
        "262144" if n > 200 else "8192",
        [(form, label, None) for form, label, _ in (forms[1], forms[3])],
    )
    flops = 4 * w + 2 * batch * n * n
    yield alif(size, "-bptt", "batch 32, BPTT", flops, tape, "262144", [forms[2]])
    # W read forward; W, the trace of b and that of the readout's filter read and written.
    yield alif(
        size,
        "-online",
        "batch 1, e-prop 1, every step",
        12 * n * m,
        4 * 7 * n * m,
        "8192" if n > 200 else "512",
        [("online", "traces, in place", None)],
    )


KEYS = VALUES = 16


def store(rows, top, learns):
    """A step of 32 units and a store, every step written: the bytes are those of the keys and values that a read looks
    at, and once more on the way back."""
    passes = 2 if learns else 1
    numbers = rows * KEYS + (top or rows) * VALUES
    kind = ("-top" if top else "") + ("-learn" if learns else "")
    what = "learn" if learns else "forward"
    text = f"store, {rows} rows, {f'best {top}' if top else 'all'}, {what}"
    peers = [Peer("torch_store", what, "PyTorch"), Peer("jax_store", what, "JAX")]
    cache = "512" if rows < 10_000 else "8192"
    flops, bytes_ = 2 * passes * numbers, 4 * passes * numbers
    return Work(f"store{rows}{kind}", text, "step", flops, bytes_, cache, peers, checked=20)


def force(n):
    """FORCE with n units: W and P times a vector, and a rank-one change of half of P. W is read once, 4 bytes a number;
    half of P, in double, is read and written."""
    peers = [Peer("numpy_force", f"force{n}", "numpy float64, W dense"),
             Peer("numpy_force", f"sparse{n}", "numpy float64 and scipy, W sparse")]
    return Work(f"force{n}", f"FORCE, every step, n = {n}", "step", 5 * n * n, 12 * n * n, "262144", peers)


WORKS = [
    word_model(20, 2.5),
    word_model(4, None),
    lstm_alone(),
    rnn(32, 1, 80, 8),
    rnn(100, 1, 20, 5),
    rnn(100, 32, 6, 3.5),
    rtrl(32, 15, 3),
    rtrl(100, 5, 1.7),
    rtrl_blocks(32, None, None),
    rtrl_blocks(100, 150, 40),
    *(online(preset, n) for preset in ONLINE for n in (32, 100)),
    *(work for size in ALIF for work in alif_works(size)),
    force(1000),
    *(
        store(rows, top, learns)
        for rows in (1000, 10_000, 100_000)
        for top in (0, 8)
        for learns in (False, True)
    ),
]
