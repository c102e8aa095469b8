"""What the peers in JAX share: threads, the data of `bench export`, the check before any timing.

Import this before jax: XLA reads the number of threads once. A peer is a class made from an Export and
an unroll factor (of lax.scan), with
    call()            one call of one compiled program: `units` steps with everything inside
    apart(export)     the largest relative difference between its result of the first steps and ours
"""

import argparse
import json
import os
import pathlib
import sys
import time

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
os.environ["NPROC"] = THREADS  # the size of XLA's thread pool
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'false' if THREADS == '1' else 'true'}"

import jax
import numpy as np

from timing import measure, peak_kib

UNROLLS = (1, 4, 16)
TOLERANCE = 1e-4
TRIED_CALLS, TRIED_SECONDS = 5, 0.3


class Export:
    """What `bench export` wrote: arrays as attributes, and what about.json says."""

    def __init__(self, folder: str) -> None:
        self.folder = pathlib.Path(folder)
        about = json.loads((self.folder / "about.json").read_text())
        self.n, self.inputs, self.outputs = about["units"], about["inputs"], about["outputs"]
        self.steps, self.batch = about["steps"], about["batch"]
        self.checked, self.rate, self.spikes = about["checked_steps"], about["rate"], about["spikes"]
        self.m = self.n + self.inputs + 1
        self.x = self.array("x").reshape(self.steps, self.batch, self.inputs)
        self.targets = self.array("targets").reshape(self.steps, self.batch, self.outputs)
        self.classes = self.array("classes", np.int32).reshape(self.steps, self.batch)

    def array(self, name: str, dtype: type = np.float32) -> np.ndarray:
        return np.fromfile(self.folder / name, dtype)

    def weights(self, name: str, gates: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """W [gates n, m], W_out [outputs, n], b_out [outputs] of a file of parameters or a gradient."""
        rows, readout = gates * self.n, self.outputs * self.n
        w, w_out, b_out = np.split(self.array(name), [rows * self.m, rows * self.m + readout])
        return w.reshape(rows, self.m), w_out.reshape(self.outputs, self.n), b_out

    def repeated(self, values: np.ndarray, steps: int) -> np.ndarray:
        """So many steps of data, from the first on again when they are at an end."""
        return np.resize(values, (steps, *values.shape[1:]))


def apart(a, b) -> float:
    """The largest difference, relative to the largest entry; over arrays of a kind."""
    return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in zip(a, b))


def best_unroll(peer: type, export: Export) -> int:
    """The factor by which a scan is unrolled, of which a call takes least."""
    taken = {}
    for unroll in UNROLLS:
        tried = peer(export, unroll)
        tried.call()
        times: list[float] = []
        while len(times) < TRIED_CALLS and sum(times) < TRIED_SECONDS:
            start = time.perf_counter()
            tried.call()
            times.append(time.perf_counter() - start)
        taken[unroll] = min(times)
    return min(taken, key=taken.get)


def check(name: str, peer: type, export: Export) -> None:
    """Stops with a sentence when the peer does not compute what we do."""
    difference = peer(export, 1).apart(export)
    if not difference < TOLERANCE:
        sys.exit(
            f"{name} in JAX and we are apart by {difference:.1e}, more than {TOLERANCE}: no time is taken"
        )
    print(json.dumps({"apart": {name: difference}, "unroll": best_unroll(peer, export)}))


def main(works: dict) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=works)
    parser.add_argument("--data", required=True, help="folder that `bench export` wrote")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--unroll", type=int, default=1)
    args = parser.parse_args()
    # What one process has compiled the next ones need not.
    jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(sys.prefix) / "xla-cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    base = peak_kib()
    export, peer = Export(args.data), works[args.work]
    if args.check:
        check(args.work, peer, export)
        return
    ready = peer(export, args.unroll)
    measure(args.work, args.threads, args.samples, ready.units, ready.call, base_kib=base)
