"""Runs every work on our side and on the peers', in turn, and makes one table of the times.

A round runs each side once with every thread setting, one after the other, so that both see the same
moods of the machine. With one thread times are the processor's, with two the clock's. Of each side the
thread setting with the lower median counts. A ratio is formed within a round; its median and its extremes
are shown. With fewer than 5 rounds every sample counts, else the median of a round's samples. The floor
is what the machine, measured in the same run, would need for the work's flops or bytes, whichever is more.

A peer in JAX or on spikes gets our weights and data (`bench export`) and is not timed unless its gradient
of the first steps, or its change of the weights in the first updates, is ours.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from runner import BUILD, HERE, Peers, Runner, call
from works import ALIF, ALIF_BATCH, ALIF_STEPS, ONLINE, WORKS, alif_text

THREADS = (1, 2)
FEW_ROUNDS, SAMPLES, QUICK_SAMPLES = 5, 3, 5
EVENT_RATES = (1, 5, 10, 20, 50)
EVENTS = ("never", "always", "auto")


class Measured:
    """Of a work and those of its peers that are there: seconds[side, threads], peaks[side] in KiB, and what
    else was printed. Side 0 is ours, the others are the peers. found[side]: how far a peer's result is from
    ours."""

    def __init__(self, peers=(), rounds=1):
        self.peers, self.rounds = list(peers), rounds
        self.seconds, self.peaks, self.hz, self.found, self.base = {}, {}, 0, {}, {}

    def add(self, side, threads, result):
        seconds = result["seconds_per_unit"]
        if self.rounds >= FEW_ROUNDS:
            seconds = [statistics.median(seconds)]
        self.seconds.setdefault((side, threads), []).extend(seconds)
        self.peaks[side] = max(self.peaks.get(side, 0), result.get("peak_kib") or 0)
        self.base[side] = result.get("base_kib", 0)
        self.hz = result.get("hz", self.hz)


def check_peers(runner, measured, folder):
    """Holds the peers against us; returns what each is to be called with when it is timed."""
    more, checked = {}, {}
    for side, peer in enumerate(measured.peers, start=1):
        if not peer.reads_data:
            continue
        key = peer.script, peer.work if peer.package == "jax" else ""
        if key not in checked:
            checked[key] = runner.check(peer, folder)
        told = checked[key]
        more[side] = ["--data", folder]
        if "unroll" in told:
            more[side] += ["--unroll", told["unroll"]]
        measured.found[side] = told["apart"].get(peer.work, max(told["apart"].values())), told.get("unroll")
    return more


def run_rounds(runner, work, peers, rounds):
    measured = Measured(peers, rounds)
    with tempfile.TemporaryDirectory() as folder:
        if any(peer.reads_data for peer in peers):
            runner.export(work, folder)
        more = check_peers(runner, measured, folder)
        for _ in range(rounds):
            for threads in THREADS:
                measured.add(0, threads, runner.ours(work.name, threads))
                for side, peer in enumerate(peers, start=1):
                    measured.add(side, threads, runner.peer(peer, threads, *more.get(side, [])))
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
    rate = work.flops / statistics.median(mine) / 1e9
    first = [
        f"{work.text} (us a {work.unit})",
        number(work.flops / 1e6),
        number(work.bytes / 1e3),
        f"{number(floor * 1e6)} ({'flops' if by_flops > by_bytes else 'bytes'})",
    ]
    ours = f"{spread([t * 1e6 for t in mine])}, {our_threads} thr."
    last = [
        f"{floor / statistics.median(mine):.0%}",
        f"{number(rate)} ({rate / machine['gflops']:.0%})" if work.is_heavy else "",
    ]
    if not measured.peers:
        yield [*first, "none", "", ours, "", "", *last]
    for i, peer in enumerate(measured.peers, start=1):
        threads = best(times, i)
        theirs = times[i, threads]
        ratios = [b / a for a, b in zip(mine, theirs)]
        shown = f"{spread([t * 1e6 for t in theirs])}, {threads} thr."
        yield [*first, peer.label, shown, ours, spread(ratios), f"{peer.goal or ''}", *last]


HEADS = [
    *("work", "Mflop", "kB", "floor us", "peer", "peer us", "ours us", "ratio", "goal", "of floor"),
    "GFLOP/s (of peak)",
]


def check_rows(work, measured):
    """What was compared before the peer was timed."""
    for side, (difference, unroll) in measured.found.items():
        what = "change of the weights" if work in ONLINE_WORKS else "gradient"
        steps = f"{what}, {work.checked} steps"
        peer = measured.peers[side - 1]
        yield [work.text, peer.label, steps, f"{difference:.1e}", f"{unroll or ''}"]


CHECK_HEADS = ["work", "peer", "compared", "apart", "scan unrolled"]
ONLINE_WORKS = [work for work in WORKS if work.name.startswith(("rflo", "snap1", "uoro", "dni", "store"))]


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
    for side, label in enumerate(["ours", *(peer.label for peer in measured.peers)]):
        times = [[t * 1e6 for t in measured.seconds[side, threads]] for threads in THREADS]
        yield [work.text, label, *map(spread, times)]


THREAD_HEADS = ["us a step", "of", *(f"{threads} thr." for threads in THREADS)]


def spike_rows(work, measured):
    """What is the same of all sides, and the peak of memory of each."""
    mib = lambda side: f"{measured.peaks[side] / 1024:.0f}"
    peers = ", ".join(
        f"{peer.label} {mib(i)} ({measured.base[i] / 1024:.0f})"
        for i, peer in enumerate(measured.peers, start=1)
    )
    yield [work.text, f"{measured.hz:.3g}", mib(0), peers]


SPIKE_HEADS = ["work", "units fire, Hz", "ours MiB", "peers MiB (before any data)"]


def event_rows(runner, rounds, ceilings):
    """The same work with every product dense, with every one by events, and as the program chooses."""
    if not runner.takes("network.events"):
        sys.exit("our program has no setting network.events")
    for size in ALIF:
        for rate in EVENT_RATES:
            measured = {kind: Measured(rounds=rounds) for kind in EVENTS}
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
        tried = [call(runner.build / "product", threads, *flat)["gflops"] for _ in range(rounds)]
        peak = ceilings[threads]["gflops"]
        for size, rates in zip(sizes, zip(*tried)):
            fraction = f"{statistics.median(rates) / peak:.0%}"
            yield [" x ".join(map(str, size)), f"{threads}", spread(rates), f"{peak:.0f}", fraction]


PRODUCT_HEADS = ["product M x N x K", "threads", "GFLOP/s", "measured peak", "of peak"]


def machine_lines(runner, peers, ceilings, load):
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    git = ["git", "-C", HERE, "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip() or "unknown"
    names = {"numpy": "numpy", "torch": "PyTorch", "jax": "JAX"}
    versions = [f"{names[package]} {version}" for package, version in peers.versions.items()]
    yield f"Machine: {model}, {os.cpu_count()} cores, load {load:.1f} when this began."
    yield f"Ours: {runner.about()}, commit {commit}."
    yield f"Peers: {', '.join(versions) or 'none'}; BLAS: {', '.join(peers.blas) or 'none asked for'}."
    for threads, c in ceilings.items():
        triad = ", ".join(f"{int(k)} KiB {v:.0f}" for k, v in c["triad_gbs"].items())
        peak = f"{c['gflops']:.0f} GFLOP/s ({c['vectors']})"
        yield f"Ceilings, {threads} thread(s): {peak}; triad GB/s: {triad}."


# name: (what to print above, heads, rows)
TABLES = {
    "tapes": ("Synthetic gradients and eligibility traces.", TAPE_HEADS, tape_rows),
    "events": ("Spikes as events (network.events).", EVENT_HEADS, event_rows),
    "products": ("The product part alone.", PRODUCT_HEADS, product_rows),
}


def work_tables(runner, peers, works, args, ceilings):
    lines, checks, spikes, cores = [], [], [], []
    for work in works:
        print(work.text, file=sys.stderr)
        measured = run_rounds(runner, work, peers.there(work, args.quick), args.rounds)
        lines.extend(rows(work, measured, ceilings))
        checks.extend(check_rows(work, measured))
        if work.spiking:
            spikes.extend(spike_rows(work, measured))
            cores.extend(thread_rows(work, measured))
    if lines:
        yield "Times: median [lowest, highest].\n\n" + table(lines, HEADS)
    if checks:
        yield "Held against ours before anything was timed.\n\n" + table(checks, CHECK_HEADS)
    if spikes:
        yield table(spikes, SPIKE_HEADS)
        yield table(cores, THREAD_HEADS)


def other_tables(runner, args, ceilings):
    if args.quick:
        return
    for name, (title, heads, rows_of) in TABLES.items():
        if not args.only or name in args.only:
            print(title, file=sys.stderr)
            yield f"{title}\n\n{table(list(rows_of(runner, args.rounds, ceilings)), heads)}"
    if not args.only:
        heads = ["run", "peak KiB after 10^4 steps", "after 10^6 steps", "difference"]
        yield table(list(memory_rows(runner)), heads)


def main():
    names = [*(w.name for w in WORKS), *TABLES]
    parser = argparse.ArgumentParser(description="Hitherto beside its peers.")
    parser.add_argument("--out", type=pathlib.Path, help="also write the table to this file")
    parser.add_argument("--only", action="append", choices=names, metavar="WORK", help=", ".join(names))
    parser.add_argument("--rounds", type=int, help=f"{FEW_ROUNDS}, or 1 with --quick")
    parser.add_argument(
        "--quick", action="store_true", help="one round of the works and peers with a goal of today"
    )
    parser.add_argument("--build", type=pathlib.Path, default=BUILD, help="folder of our programs")
    parser.add_argument("--needs", action="store_true", help="print the packages of the peers, and stop")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else FEW_ROUNDS)

    works = [w for w in WORKS if (w.name in args.only if args.only else w.quick or not args.quick)]
    needed = {p.package for w in works for p in w.peers if p.quick or not args.quick}
    if args.needs:
        print(*sorted(needed))
        return
    load = os.getloadavg()[0]
    runner = Runner(args.build, QUICK_SAMPLES if args.rounds < FEW_ROUNDS else SAMPLES)
    peers = Peers(needed)
    ceilings = {threads: call(runner.build / "ceilings", threads) for threads in THREADS}
    parts = ["\n".join(machine_lines(runner, peers, ceilings, load))]
    parts.extend(work_tables(runner, peers, works, args, ceilings))
    parts.extend(other_tables(runner, args, ceilings))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
