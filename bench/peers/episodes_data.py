"""What the peers of a step of the outer loop of e-prop 2 share: what `bench_episodes export` wrote, and the
comparison of gradients before any timing.

The network is that of experiments/bellec2019/eprop2_small.yaml: LIF units with a membrane of 20 steps, threshold 0.4,
spikes at least 5 steps apart, readouts with a filter of 20 steps; targets go to the module as numbers, traces are full.
"""

import argparse
import json
import math
import pathlib
import time

import numpy as np

DECAY, V_TH, GAMMA, INTERVAL = math.exp(-1 / 20), 0.4, 0.3, 5
OUTPUTS, PLACES, DT, LENGTH = 2, 2, 1e-3, 0.5
LEARNING_RATE = 3e-3
NAMES = ("w_rec", "w_in", "w_out", "u_rec", "u_in", "psi")


class Data:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.about = json.loads((self.folder / "about.json").read_text())
        self.dtype = np.float64 if self.about["bytes"] == 8 else np.float32
        self.n, self.units, self.inputs, self.steps, self.tasks = (
            self.about[key] for key in ("n", "units", "inputs", "steps", "tasks")
        )
        # The clock is the same for all tasks, so one item stands for the training trials of all.
        self.x = self.array("x", self.steps, self.tasks, self.inputs)[:, :1].copy()
        self.target, self.wanted, self.wanted_place = (
            self.array(name, self.steps, self.tasks, 2) for name in ("target", "wanted", "wanted_place")
        )
        self.weights = self.parameters("main", "module")
        self.gradient = self.parameters("main_gradient", "module_gradient")

    def array(self, name, *shape):
        return np.fromfile(self.folder / name, self.dtype).reshape(shape)

    def parameters(self, main, module):
        """W_rec, W_in, W_out, and the module's recurrent, input and output weights; there are no biases."""
        n, units, m = self.n, self.units, self.n + self.inputs + 1
        width = units + self.inputs + n + PLACES + 1
        w, w_out = np.split(self.array(main, -1), [n * m])
        u, psi = np.split(self.array(module, -1), [units * width])
        w, u = w.reshape(n, m), u.reshape(units, width)
        parts = (w[:, :n], w[:, n:-1], w_out.reshape(OUTPUTS, n))
        return [part.copy() for part in (*parts, u[:, :units], u[:, units:-1], psi.reshape(n, units))]

    def regulariser(self, told, spikes, steps):
        """E_reg of spikes summed over so many steps, tasks and trials."""
        rate = spikes / steps
        return self.about[told] * ((rate - self.about[f"{told}_target"]) ** 2).sum()


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="folder that `bench_episodes export` wrote")
    parser.add_argument("--check", action="store_true", help="compare the outer gradient with ours")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    return parser.parse_args()


def compare(data, loss, spikes, gradients):
    """Prints the largest difference of each group of weights, relative to its largest entry."""
    ours = (data.about["spikes"], data.about["module_spikes"])
    apart = {
        name: float(np.abs(a - b).max() / np.abs(b).max())
        for name, a, b in zip(NAMES, gradients, data.gradient, strict=True)
    }
    told = {"loss": loss / data.about["loss"] - 1, "spikes": [a - b for a, b in zip(spikes, ours)]}
    print(json.dumps({"apart": apart, **told}))


def measure(step, args, **more):
    """Times `samples` calls of step after two that warm up: by the clock and by the processor of all threads."""
    step(), step()
    seconds, processor = [], []
    for _ in range(args.samples):
        start, before = time.perf_counter(), time.process_time()
        step()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - before)
    print(json.dumps({"threads": args.threads, "seconds": seconds, "processor": processor, **more}))
