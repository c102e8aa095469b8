"""A step of the outer loop of e-prop 2 beside the same graph in PyTorch and in JAX, in one run on this machine.

    cmake --preset release && ninja -C build bench_episodes bench_episodes64 ceilings
    python bench/episodes.py [--rounds N] [--only small | paper] [--device cuda] [--out FILE]

PYTHON names the interpreter with torch, JAX_PYTHON the one with jax. Peers get our weights and tasks, and are not timed
unless their outer gradient is ours: to 1e-9 of the largest entry in double precision, with the same spikes. A round
runs each side with one thread and with two, one after the other, and the least time of all rounds counts. With one
thread it is the processor's time, to which others that load the machine add little; with two it is the clock's. With
--device cuda the peers run on the GPU, whose name is printed, and ours on the processor.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from compare import table
from runner import BUILD, HERE, JAX_PYTHON, call

FOLDER = HERE.parent / "experiments" / "bellec2019"
TASKS = 20
WORKS = {
    "small": ("100 + 60 units", [FOLDER / "eprop2_small.yaml", f"train.batch={TASKS}"]),
    "paper": ("400 + 300 units", [FOLDER / "eprop2_fig3.yaml", f"train.batch={TASKS}", "module.target=raw"]),
}
THREADS, SAMPLES, OUR_SAMPLES, TOLERANCE, PLACES = (1, 2), 3, 10, 1e-9, 2
PEERS = {"PyTorch": ("torch_episodes", os.environ.get("PYTHON", sys.executable)), "JAX": ("jax_episodes", JAX_PYTHON)}


def multiply_adds(about):
    """Of a step and task, as if no spike were known to be 0; the training trial is one for all tasks."""
    n, units, inputs, tasks = (about[key] for key in ("n", "units", "inputs", "tasks"))
    m, width = n + inputs, inputs + n + PLACES
    trial = n * m + n * n + n * m  # forward, adjoint, gradient
    update = n * m + n * m + n * n  # the update; its adjoint to signals and to spikes
    module = 2 * units * (units + width) + units * (units + n)
    signals = 3 * n * units
    return trial * (1 + 1 / tasks) + update + module + signals


def floors(about, gflops, ceilings):
    """Flops and bytes of an outer step, and the seconds that the machine needs for them at the rate of the product that
    a task's gradient is, and at the bandwidth of the second cache. Bytes are those of the weights of each task's own,
    which every step of a test trial reads forward and backward."""
    items = about["steps"] * about["tasks"]
    n, m = about["n"], about["n"] + about["inputs"]
    flops, moved = 2 * multiply_adds(about) * items, 4 * (n * m + n * n) * items
    return flops, moved, flops / (gflops * 1e9), moved / (ceilings["triad_gbs"]["512"] * 1e9)


def run_peer(name, *arguments):
    script, python = PEERS[name]
    return call(python, HERE / "peers" / f"{script}.py", *arguments)


def check(name, settings, peers):
    """Exports in double precision and holds the peers against us; returns how far they are apart."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        export(BUILD / "bench_episodes64", folder, settings)
        for peer in peers:
            told = run_peer(peer, "--data", folder, "--check")
            found[peer] = max(told["apart"].values())
            if any(told["spikes"]) or not found[peer] < TOLERANCE:
                sys.exit(f"{peer} does not compute what we do ({name}): {told}; no time is taken")
    return found


def export(program, folder, settings):
    about = call(program, "export", folder, *settings)
    (pathlib.Path(folder) / "about.json").write_text(json.dumps(about))
    return about


def measure(settings, peers, rounds, device):
    """The least seconds of a step by side and threads, and the words of the last answer of each."""
    least, told, gflops = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        about = export(BUILD / "bench_episodes", folder, settings)
        for _ in range(rounds):
            for threads in THREADS:
                answers = {"ours": call(BUILD / "bench_episodes", threads, OUR_SAMPLES, *settings)}
                for peer in peers:
                    more = ("--threads", threads, "--samples", SAMPLES, "--device", device)
                    answers[peer] = run_peer(peer, "--data", folder, *more)
                rate = answers["ours"]["product_gflops"]
                gflops[threads] = max(rate, gflops.get(threads, 0))
                for side, answer in answers.items():
                    told[side] = answer
                    best = min(answer["processor" if threads == 1 and device == "cpu" else "seconds"])
                    least[side, threads] = min(best, least.get((side, threads), best))
    return about, least, told, gflops


def there(name):
    script, python = PEERS[name]
    done = subprocess.run([str(python), "-c", f"import {script.split('_')[0]}"], capture_output=True)
    if done.returncode:
        print(f"{name} is not there and is left out.", file=sys.stderr)
    return done.returncode == 0


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}" if seconds < 1 else f"{seconds * 1e3:.0f}"


def rows(name, peers, rounds, device, ceilings):
    text, settings = WORKS[name]
    apart = check(name, settings, peers)
    about, least, told, gflops = measure(settings, peers, rounds, device)
    for threads in THREADS:
        flops, moved, by_flops, by_bytes = floors(about, gflops[threads], ceilings[threads])
        ours, floor = least["ours", threads], max(by_flops, by_bytes)
        yield [
            text,
            f"{threads}",
            f"{flops / 1e9:.3g} ({gflops[threads]:.0f})",
            f"{moved / 1e9:.3g}",
            f"{milliseconds(by_flops)}, {milliseconds(by_bytes)}",
            milliseconds(ours),
            f"{floor / ours:.0%}",
            *(
                f"{milliseconds(least[p, threads])} ({least[p, threads] / ours:.3g})" if p in peers else ""
                for p in PEERS
            ),
        ]
    for peer in peers:
        form = f", {told[peer]['form']}, unrolled {told[peer]['unroll']}" if "form" in told[peer] else ""
        package = f"{peer} {told[peer]['version']} on {told[peer]['device']}"
        print(f"{text}: {package}{form}; gradient {apart[peer]:.1e} apart", file=sys.stderr)


HEADS = ["an outer step", "threads", "Gflop (GFLOP/s of the product)", "GB", "floors ms", "ours ms", "of floor"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=WORKS)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out")
    args = parser.parse_args()
    peers = [name for name in PEERS if there(name)]
    ceilings = {threads: call(BUILD / "ceilings", threads) for threads in THREADS}
    lines = [
        row
        for name in ([args.only] if args.only else WORKS)
        for row in rows(name, peers, args.rounds, args.device, ceilings)
    ]
    peaks = "; ".join(
        f"{t} thread(s) {c['gflops']:.0f} GFLOP/s, triad 512 KiB {c['triad_gbs']['512']:.0f} GB/s"
        for t, c in ceilings.items()
    )
    load = os.getloadavg()[0]
    heads = [*HEADS, *(f"{peer} ms (ratio)" for peer in PEERS)]
    text = f"Ceilings: {peaks}. Load at the end: {load:.1f}.\n\n{table(lines, heads)}"
    print(text)
    if args.out:
        pathlib.Path(args.out).write_text(text + "\n")


if __name__ == "__main__":
    main()
