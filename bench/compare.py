"""Runs every work on our side and on the peer's, in turn, and makes one table of the times.

A round runs each side once with every thread setting, one after the other, so that both see the
same moods of the machine. Of each side the thread setting with the lower median counts. A ratio is
formed within a round; its median and its extremes over the rounds are shown. The floor is what the
machine, measured in the same run, would need for the work's flops or bytes, whichever is more.

Works on spikes are exported first: the peer has our weights, inputs and classes, and is not timed
unless its gradient of the first steps is ours.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
THREADS = (1, 2)
CHECKED_STEPS = 50


class Work:
    """One row of ours. flops and bytes are those of a unit; cache is the size in KiB of the triad
    whose bandwidth holds for the bytes. peers: (script, its work, name in the table, goal). Of a
    work that is exported the peak of memory is shown as well."""

    def __init__(self, name, text, unit, flops, bytes_, cache, peers, exported=False):
        self.name, self.text, self.unit = name, text, unit
        self.flops, self.bytes, self.cache, self.peers = flops, bytes_, cache, peers
        self.exported = exported


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
        [("torch_word_model", f"word{steps}", "PyTorch", goal)],
    )


def lstm_alone():
    flops = 2 * 800 * 400 * 2 + 2 * 800 * 200  # forward, dW, and the adjoint's recurrent half
    bytes_ = 4 * (800 * 400 + 800 * 200) / 20  # weights read once a step, by 20 words
    peer = ("torch_word_model", "lstm20", "PyTorch", 3)
    return Work("lstm20", "LSTM alone, T = 20", "word", flops, bytes_, "512", [peer])


def rnn(n, batch, goal):
    m = n + 3
    name = f"{n}b{batch}"
    flops = batch * (4 * n * m + 2 * n * n)  # forward, dW, adjoint
    bytes_ = 4 * (n * m + n * n)  # weights read once forward, once backward
    cache = "16" if bytes_ < 32768 else "512"
    peers = [
        ("torch_rnn", f"plain{name}", "PyTorch", goal),
        ("torch_rnn", f"rnn{name}", "PyTorch, tuned loop", None),
    ]
    return Work(f"rnn{name}", f"RNN, BPTT, n = {n}, batch {batch}", "step", flops, bytes_, cache, peers)


def rtrl(n, goal):
    m = n + 3
    peers = [
        ("numpy_rtrl", f"rtrl{n}", "numpy float64", goal),
        ("numpy_rtrl", f"tight{n}", "numpy float32, tuned", None),
    ]
    cache = "512" if n < 60 else "8192"
    text = f"RTRL, every step, n = {n}"
    return Work(f"rtrl{n}", text, "step", 2 * n**3 * m, 8 * n * n * m, cache, peers)


def rtrl_blocks(n, goal):
    m = n + 3
    peers = [("numpy_rtrl", f"rtrl{n}", "numpy float64, every step", goal)]
    cache = "512" if n < 60 else "8192"
    # Tensor, contraction and the tape's own steps: about 2 n^3 each, a step.
    text = f"RTRL, blocks of {n}, n = {n}"
    return Work(f"rtrlblocks{n}", text, "step", 6 * n**3, 8 * n * m, cache, peers)


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
    peers = [("numpy_learners", f"{preset}-{n}", "numpy float64", goal)]
    if preset in ("uoro", "dni"):
        peers.append(("numpy_learners", f"tight-{preset}-{n}", "numpy float64, no Jacobian", None))
    return Work(f"{preset}-{n}", f"{preset}, every step, n = {n}", "step", flops, 4 * numbers, cache, peers)


ONLINE = ("uoro", "kf-rtrl", "r-kf", "kernl", "rflo", "dni", "snap1")

# Units, inputs, and the goals of e-prop beside PyTorch: traces, automatic differentiation, scan.
ALIF = {"400": (400, 100, 100, 6, 4), "100": (100, 40, 75, 10, 6)}
ALIF_BATCH, ALIF_TAPE, ALIF_STEPS = 32, 20, 1000


def alif_text(size, what):
    n, inputs = ALIF[size][:2]
    return f"ALIF, {n} units, {inputs} inputs, {what}"


def alif(size, kind, text, flops, bytes_, cache, peers):
    name = f"alif{size}{kind}"
    peers = [("torch_alif", form, f"PyTorch, {label}", goal) for form, label, goal in peers]
    return Work(name, alif_text(size, text), "step", flops, bytes_, cache, peers, exported=True)


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


WORKS = [
    word_model(20, 2),
    word_model(4, None),
    lstm_alone(),
    rnn(32, 1, 80),
    rnn(100, 1, 20),
    rnn(100, 32, 6),
    rtrl(32, 15),
    rtrl(100, 5),
    rtrl_blocks(32, None),
    rtrl_blocks(100, 150),
    *(online(preset, n) for preset in ONLINE for n in (32, 100)),
    *(work for size in ALIF for work in alif_works(size)),
]
EVENT_RATES = (1, 5, 10, 20, 50)
EVENTS = ("never", "always", "auto")


def call(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Runner:
    """Calls our programs, of one folder, and the peers."""

    def __init__(self, build):
        self.build = build

    def ours(self, name, threads, *changes):
        return call(self.build / "bench", name, threads, 3, *changes)

    def takes(self, change):
        """Whether our program refuses what the setting cannot be, and so knows it."""
        command = [self.build / "bench", "alif100-online", "1", "1", f"{change}=?"]
        return subprocess.run(command, capture_output=True).returncode != 0

    def peer(self, script, name, threads, *more):
        path = HERE / "peers" / f"{script}.py"
        return call(sys.executable, path, name, "--threads", threads, *more)

    def export(self, work, folder):
        about = call(self.build / "bench", "export", work.name, CHECKED_STEPS, folder)
        (pathlib.Path(folder) / "about.json").write_text(json.dumps(about))

    def check(self, work, folder):
        """Stops everything when a peer's gradient is not ours."""
        script = work.peers[0][0]
        path = HERE / "peers" / f"{script}.py"
        return call(sys.executable, path, "--check", "--data", folder)


class Measured:
    """Of a work: seconds[side, threads] one a round, peaks[side] in KiB, and what else was printed.
    Side 0 is ours, the others are the peers."""

    def __init__(self):
        self.seconds, self.peaks, self.hz, self.apart, self.base = {}, {}, 0, None, {}

    def add(self, side, threads, result):
        self.seconds.setdefault((side, threads), []).append(
            statistics.median(result["seconds_per_unit"])
        )
        self.peaks[side] = max(self.peaks.get(side, 0), result.get("peak_kib") or 0)
        self.base[side] = result.get("base_kib", 0)
        self.hz = result.get("hz", self.hz)


def run_rounds(runner, work, rounds):
    measured = Measured()
    with tempfile.TemporaryDirectory() as folder:
        more = []
        if work.exported:
            runner.export(work, folder)
            measured.apart = max(runner.check(work, folder)["apart"].values())
            more = ["--data", folder]
        for _ in range(rounds):
            for threads in THREADS:
                measured.add(0, threads, runner.ours(work.name, threads))
                for i, (script, name, _, _) in enumerate(work.peers, start=1):
                    measured.add(i, threads, runner.peer(script, name, threads, *more))
    return measured


def best(times, side):
    """The thread setting with the lower median."""
    return min(THREADS, key=lambda threads: statistics.median(times[side, threads]))


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def spread(values):
    return f"{number(statistics.median(values))} [{number(min(values))}, {number(max(values))}]"


def rows(work, measured, ceilings):
    times = measured.seconds
    our_threads = best(times, 0)
    mine = times[0, our_threads]
    machine = ceilings[our_threads]
    by_flops = work.flops / (machine["gflops"] * 1e9)
    by_bytes = work.bytes / (machine["triad_gbs"][work.cache] * 1e9)
    floor = max(by_flops, by_bytes)
    for i, (_, _, name, goal) in enumerate(work.peers, start=1):
        threads = best(times, i)
        theirs = times[i, threads]
        ratios = [b / a for a, b in zip(mine, theirs)]
        yield [
            f"{work.text} (us a {work.unit})",
            number(work.flops / 1e6),
            number(work.bytes / 1e3),
            f"{number(floor * 1e6)} ({'flops' if by_flops > by_bytes else 'bytes'})",
            name,
            f"{spread([t * 1e6 for t in theirs])}, {threads} thr.",
            f"{spread([t * 1e6 for t in mine])}, {our_threads} thr.",
            spread(ratios),
            f"{goal}" if goal else "",
            f"{floor / statistics.median(mine):.0%}",
        ]


HEADS = ["work", "Mflop", "kB", "floor us", "peer", "peer us", "ours us", "ratio", "goal", "of floor"]


def table(lines, heads):
    widths = [max(len(row[i]) for row in [heads, *lines]) for i in range(len(heads))]
    text = []
    for row in [heads, ["-" * w for w in widths], *lines]:
        text.append("| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " |")
    return "\n".join(text)


def memory_rows(runner):
    for work in ("rtrl32", "rtrlblocks100", "tbptt32", *(f"{preset}-32" for preset in ONLINE)):
        short, long = (
            call(runner.build / "bench", "memory", work, steps)["peak_kib"] for steps in (10**4, 10**6)
        )
        yield [work, f"{short}", f"{long}", f"{long - short:+d}"]


def thread_rows(work, measured):
    """Each side on one core and on two, of which the table above has the better."""
    for side, label in enumerate(["ours", *(label for _, _, label, _ in work.peers)]):
        times = [[t * 1e6 for t in measured.seconds[side, threads]] for threads in THREADS]
        yield [work.text, label, *map(spread, times)]


THREAD_HEADS = ["us a step", "of", *(f"{threads} thr." for threads in THREADS)]


def spike_rows(work, measured):
    """What is the same of all sides, and the peak of memory of each."""
    mib = lambda side: f"{measured.peaks[side] / 1024:.0f}"
    peers = ", ".join(
        f"{label} {mib(i)} ({measured.base[i] / 1024:.0f})"
        for i, (_, _, label, _) in enumerate(work.peers, start=1)
    )
    yield [work.text, f"{measured.hz:.3g}", f"{measured.apart:.1e}", mib(0), peers]


SPIKE_HEADS = ["work", "units fire, Hz", "peers apart", "ours MiB", "peers MiB (before any data)"]


def event_rows(runner, rounds, ceilings):
    """The same work with every product dense, with every one by events, and as the program chooses."""
    if not runner.takes("network.events"):
        sys.exit("our program has no setting network.events")
    for size in ALIF:
        for rate in EVENT_RATES:
            measured = {kind: Measured() for kind in EVENTS}
            for _ in range(rounds):
                for threads in THREADS:
                    for kind in EVENTS:
                        change = f"network.events={kind}"
                        result = runner.ours(f"events{size}-{rate}", threads, change)
                        measured[kind].add(0, threads, result)
            times = {}
            for kind in EVENTS:
                seconds = measured[kind].seconds
                times[kind] = seconds[0, best(seconds, 0)]
            gains = [
                spread([dense / events for dense, events in zip(times["never"], times[kind])])
                for kind in EVENTS[1:]
            ]
            shown = [spread([t * 1e6 for t in times[kind]]) for kind in EVENTS]
            hz = f"{measured['never'].hz:.3g}"
            yield [alif_text(size, "batch 32"), f"{rate}", hz, *shown, *gains]


EVENT_HEADS = [
    "e-prop 1 (us a step)",
    "inputs, Hz",
    "units, Hz",
    *EVENTS,
    "gain, always",
    "gain, auto",
]


# Units, what they read (bias too), items, and steps of a unit of `bench` in a tape of 4.
TAPES = {
    "word4": ("word model, 200 LSTM, batch 20", 200, 401, 20, 80, ["learner.sg_hidden=400"]),
    "copy4": ("copy-repeat, 256 LSTM, batch 256", 256, 266, 256, 4, []),
}
TAPE_LEARNERS = [  # name, whether it has traces, a prediction, and its settings
    ("tbptt", False, False, []),
    ("tbptt-sg", False, True, []),
    ("tbptt-traces", True, False, []),
    ("eprop1-symmetric", True, False, ["learner.below=tape"]),
    ("eprop3", True, True, []),
    ("eprop3, cheap target", True, True, ["learner.sg_scans=1"]),
    ("eprop3-truncated", False, True, []),
]
BANDWIDTH_KIB = {"word4": "8192", "copy4": "262144"}


def tape_rows(runner, rounds, ceilings):
    """One tape of 4 steps by each learner, update included, with traces of a sequence that goes on. The floor of the
    traces is that of the bytes of those of the three gates with a bearing on c, read and written once; below `floor` the
    time of the same learner without traces is added."""
    for name, (text, n, m, items, units, hidden) in TAPES.items():
        traces = 4 * 3 * n * m * items
        for threads in THREADS:
            times = {}
            for _ in range(rounds):
                for label, _, predicts, changes in TAPE_LEARNERS:
                    learner = "learner.name=" + label.split(",")[0]
                    more = [learner, *changes, *(hidden if predicts else [])]
                    result = runner.ours(name, threads, *more)
                    seconds = statistics.median(result["seconds_per_unit"]) * units
                    times.setdefault(label, []).append(seconds * 1e3)
            pass_ms = 2 * traces / (ceilings[threads]["triad_gbs"][BANDWIDTH_KIB[name]] * 1e6)
            for label, has_traces, predicts, _ in TAPE_LEARNERS:
                ratios = [a / b for a, b in zip(times[label], times["tbptt"])]
                without = {"eprop3": "tbptt-sg"}.get(label, "tbptt")
                cheap = label == "eprop3, cheap target" or not has_traces
                floor = statistics.median(times[without]) + pass_ms
                yield [
                    f"{text}: {label}",
                    f"{threads}",
                    spread(times[label]),
                    spread(ratios),
                    number(2 * traces / 1e6) if has_traces else "",
                    number(pass_ms) if has_traces else "",
                    "" if cheap else number(floor),
                    "" if cheap else f"{statistics.median(times[label]) / floor:.2f}",
                ]


TAPE_HEADS = [
    "a tape of 4 steps",
    "threads",
    "ms",
    "to tbptt",
    "traces, MB moved",
    "floor of traces, ms",
    "floor, ms",
    "to floor",
]


def product_rows(runner, rounds, ceilings):
    """The gradient's product alone: units x (units + inputs + 1), over all steps and items."""
    sizes = [(n, n + inputs + 1, ALIF_STEPS * ALIF_BATCH) for n, inputs, *_ in ALIF.values()]
    flat = [number for size in sizes for number in size]
    for threads in THREADS:
        tried = [
            call(runner.build / "product", threads, *flat)["gflops"] for _ in range(rounds)
        ]
        peak = ceilings[threads]["gflops"]
        for size, rates in zip(sizes, zip(*tried)):
            fraction = f"{statistics.median(rates) / peak:.0%}"
            yield [" x ".join(map(str, size)), f"{threads}", spread(rates), f"{peak:.0f}", fraction]


PRODUCT_HEADS = ["product M x N x K", "threads", "GFLOP/s", "measured peak", "of peak"]


def machine_lines(ceilings):
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    git = ["git", "-C", HERE, "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip() or "unknown"
    import numpy
    import torch

    yield f"Machine: {model}; commit {commit}; PyTorch {torch.__version__}, numpy {numpy.__version__}."
    for threads, c in ceilings.items():
        triad = ", ".join(f"{int(k)} KiB {v:.0f}" for k, v in c["triad_gbs"].items())
        yield f"Ceilings, {threads} thread(s): {c['gflops']:.0f} GFLOP/s; triad GB/s: {triad}."


# name: (what to print above, heads, rows)
TABLES = {
    "tapes": ("Synthetic gradients and eligibility traces.", TAPE_HEADS, tape_rows),
    "events": ("Spikes as events (network.events).", EVENT_HEADS, event_rows),
    "products": ("The product part alone.", PRODUCT_HEADS, product_rows),
}


def main():
    names = [*(w.name for w in WORKS), *TABLES]
    parser = argparse.ArgumentParser(description="Hitherto beside its peers.")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table to this file")
    parser.add_argument("--only", action="append", choices=names, metavar="WORK", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build", type=pathlib.Path, default=BUILD, help="folder of our programs")
    args = parser.parse_args()

    runner = Runner(args.build)
    ceilings = {threads: call(runner.build / "ceilings", threads) for threads in THREADS}
    lines, spikes, cores = [], [], []
    for work in WORKS:
        if not args.only or work.name in args.only:
            print(work.text, file=sys.stderr)
            measured = run_rounds(runner, work, args.rounds)
            lines.extend(rows(work, measured, ceilings))
            if work.exported:
                spikes.extend(spike_rows(work, measured))
                cores.extend(thread_rows(work, measured))
    text = "\n".join(machine_lines(ceilings)) + "\n\nTimes: median [lowest, highest] of the rounds.\n"
    if lines:
        text += "\n" + table(lines, HEADS) + "\n"
    if spikes:
        text += f"\nGradients are compared over {CHECKED_STEPS} steps.\n\n"
        text += table(spikes, SPIKE_HEADS) + "\n\n" + table(cores, THREAD_HEADS) + "\n"
    for name, (title, heads, rows_of) in TABLES.items():
        if not args.only or name in args.only:
            print(title, file=sys.stderr)
            text += f"\n{title}\n\n{table(list(rows_of(runner, args.rounds, ceilings)), heads)}\n"
    if not args.only:
        heads = ["run", "peak KiB after 10^4 steps", "after 10^6 steps", "difference"]
        text += "\n" + table(list(memory_rows(runner)), heads) + "\n"
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
