"""Runs every work on our side and on the peer's, in turn, and makes one table of the times.

A round runs each side once with every thread setting, one after the other, so that both see the
same moods of the machine. Of each side the thread setting with the lower median counts. A ratio is
formed within a round; its median and its extremes over the rounds are shown. The floor is what the
machine, measured in the same run, would need for the work's flops or bytes, whichever is more.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
THREADS = (1, 2)


class Work:
    """One row of ours. flops and bytes are those of a unit; cache is the size in KiB of the triad
    whose bandwidth holds for the bytes. peers: (script, its work, name in the table, goal)."""

    def __init__(self, name, text, unit, flops, bytes_, cache, peers):
        self.name, self.text, self.unit = name, text, unit
        self.flops, self.bytes, self.cache, self.peers = flops, bytes_, cache, peers


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
]


def call(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(work, threads):
    return statistics.median(call(BUILD / "bench", work, threads)["seconds_per_unit"])


def peer(script, work, threads):
    path = HERE / "peers" / f"{script}.py"
    times = call(sys.executable, path, work, "--threads", threads)["seconds_per_unit"]
    return statistics.median(times)


def run_rounds(work, rounds):
    """{(side, threads): [seconds, one a round]}; side 0 is ours, the others are the peers."""
    times = {}
    for _ in range(rounds):
        for threads in THREADS:
            times.setdefault((0, threads), []).append(ours(work.name, threads))
            for i, (script, name, _, _) in enumerate(work.peers, start=1):
                times.setdefault((i, threads), []).append(peer(script, name, threads))
    return times


def best(times, side):
    """The thread setting with the lower median."""
    return min(THREADS, key=lambda threads: statistics.median(times[side, threads]))


def number(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def spread(values):
    return f"{number(statistics.median(values))} [{number(min(values))}, {number(max(values))}]"


def rows(work, rounds, ceilings):
    times = run_rounds(work, rounds)
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


def memory_rows():
    for work in ("rtrl32", "rtrlblocks100", "tbptt32", *(f"{preset}-32" for preset in ONLINE)):
        short, long = (call(BUILD / "bench", "memory", work, steps)["peak_kib"] for steps in (10**4, 10**6))
        yield [work, f"{short}", f"{long}", f"{long - short:+d}"]


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


def main():
    parser = argparse.ArgumentParser(description="Hitherto beside its peers.")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table to this file")
    parser.add_argument("--only", action="append", choices=[w.name for w in WORKS])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    ceilings = {threads: call(BUILD / "ceilings", threads) for threads in THREADS}
    lines = []
    for work in WORKS:
        if not args.only or work.name in args.only:
            print(work.text, file=sys.stderr)
            lines.extend(rows(work, args.rounds, ceilings))
    text = "\n".join(machine_lines(ceilings))
    text += "\n\nTimes: median [lowest, highest] of the rounds.\n\n" + table(lines, HEADS) + "\n"
    if not args.only:
        heads = ["run", "peak KiB after 10^4 steps", "after 10^6 steps", "difference"]
        text += "\n" + table(list(memory_rows()), heads) + "\n"
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
