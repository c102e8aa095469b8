"""A step of a world with learning beside a loop of the same in PyTorch and in JAX, one thread, processor's time.

    cmake --preset release && ninja -C build hitherto_program
    python bench/worlds.py [--rounds N]

PYTHON names the interpreter with torch, JAX_PYTHON the one with jax. Ours is what `hitherto train` takes more for
more steps, so that what a run begins and ends with does not count. The peers (bench/peers/torch_worlds.py,
jax_worlds.py) do the same work with draws of their own, so that they are not held against us: the weights of two runs
that act differently are not the same. The least time of all rounds counts.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile

from compare import number, table
from runner import BUILD, HERE, JAX_PYTHON, call

BANDIT = ["world=bandit", "agent.gamma=0.8", "agent.see_time=true", "network.units=48", "cell=lstm", "loss.value=0.05"]
CART_POLE = ["world=cart-pole", "agent=ac-lambda", "agent.gamma=0.99", "agent.scale=0.1", "network.units=32"]
CART_POLE += ["cell=rate", "cell.alpha=0.5", "optimiser=sgd", "optimiser.lr=1e-2"]
# What is shown, our settings, our steps, the peers' work.
WORKS = [
    ("bandit, 48 LSTM, a2c by BPTT of an episode", [*BANDIT, "learner=bptt", "optimiser.lr=1e-3"], 200_000, "a2c"),
    (
        "bandit, 48 LSTM, AC(lambda) by e-prop, every step",
        [*BANDIT, "agent=ac-lambda", "learner=eprop1-symmetric", "optimiser.lr=3e-4"],
        50_000,
        None,
    ),
    ("cart-pole, 32 units, AC(lambda) by RFLO, every step", [*CART_POLE, "learner=rflo"], 200_000, "rflo"),
]
PEERS = {"PyTorch": ("torch", os.environ.get("PYTHON", sys.executable)), "JAX": ("jax", JAX_PYTHON)}
HEADS = ["a world's step with learning", "ours us", *(f"{peer} us (ratio)" for peer in PEERS)]


def processor_seconds(settings, steps):
    """Of a run of that many steps, with one short validation."""
    with tempfile.TemporaryDirectory() as folder:
        more = ["train.threads=1", "train.validation_steps=100"]
        more += [f"train.{key}={steps}" for key in ("steps", "validate_every", "report_every")]
        command = [str(BUILD / "hitherto"), "train", *settings, *more, "--out", f"{folder}/run", "--quiet"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows(rounds):
    for text, settings, steps, work in WORKS:
        print(text, file=sys.stderr)
        ours, peers = [], {name: [] for name in PEERS}
        for _ in range(rounds):
            few, many = (processor_seconds(settings, count) for count in (steps // 10, steps))
            ours.append((many - few) / (steps - steps // 10))
            for name, (script, python) in PEERS.items():
                if work:
                    told = call(python, HERE / "peers" / f"{script}_worlds.py", work, "--threads", 1)
                    peers[name].append(min(told["seconds_per_unit"]))
        least = min(ours)
        shown = [f"{number(min(t) * 1e6)} ({number(min(t) / least)})" if t else "" for t in peers.values()]
        yield [text, number(least * 1e6), *shown]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    lines = list(rows(args.rounds))
    print(f"Load at the end: {os.getloadavg()[0]:.1f}.\n\n{table(lines, HEADS)}")


if __name__ == "__main__":
    main()
