"""Exact real-time recurrent learning of a leaky tanh network in numpy.

rtrl<n>: as the field's published code writes it, float64: the influence matrix as (n, n m), one
J @ M per step plus the immediate influence as a matrix (a Kronecker product). tight<n>: float32,
no temporary arrays, the immediate influence added to its own n blocks only. The unit is a step.
"""

import sys

# Before numpy: its BLAS reads the number of threads once.
import os

if "--threads" in sys.argv:
    os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"]

import numpy as np

from timing import arguments, measure

ALPHA, INPUTS, OUTPUTS, STEPS = 0.5, 2, 2, 10


class Network:
    def __init__(self, n, dtype):
        random = np.random.default_rng(1)
        self.n, self.m = n, n + INPUTS + 1
        self.w = (random.standard_normal((n, self.m)) / np.sqrt(n)).astype(dtype)
        self.w_out = (random.standard_normal((OUTPUTS, n)) / np.sqrt(n)).astype(dtype)
        self.x = random.standard_normal((STEPS, INPUTS)).astype(dtype)
        self.targets = random.standard_normal((STEPS, OUTPUTS)).astype(dtype)
        self.r = np.zeros(n, dtype)
        self.u = np.ones(self.m, dtype)
        self.gradient = np.zeros((n, self.m), dtype)

    def forward(self, t):
        """One step; returns alpha phi'(a) and dE/dr."""
        self.u[: self.n] = self.r
        self.u[self.n : -1] = self.x[t]
        phi = np.tanh(self.w @ self.u)
        self.r = (1 - ALPHA) * self.r + ALPHA * phi
        error = self.w_out @ self.r - self.targets[t]
        return ALPHA * (1 - phi * phi), self.w_out.T @ error


def field(n):
    network = Network(n, np.float64)
    influence = np.zeros((n, n * network.m))

    def run():
        nonlocal influence
        for t in range(STEPS):
            slope, credit = network.forward(t)
            jacobian = (1 - ALPHA) * np.eye(n) + slope[:, None] * network.w[:, :n]
            immediate = np.kron(np.diag(slope), network.u)
            influence = jacobian @ influence + immediate
            network.gradient += (credit @ influence).reshape(n, network.m)

    return run, STEPS


def tight(n):
    network = Network(n, np.float32)
    influence = np.zeros((n, n * network.m), np.float32)
    advanced = np.empty_like(influence)
    diagonal = np.arange(n)

    def run():
        nonlocal influence, advanced
        for t in range(STEPS):
            slope, credit = network.forward(t)
            jacobian = slope[:, None] * network.w[:, :n]
            jacobian[diagonal, diagonal] += 1 - ALPHA
            np.matmul(jacobian, influence, out=advanced)
            blocks = advanced.reshape(n, n, network.m)
            blocks[diagonal, diagonal] += np.outer(slope, network.u)
            network.gradient += (credit @ advanced).reshape(n, network.m)
            influence, advanced = advanced, influence

    return run, STEPS


WORKS = {
    "rtrl32": lambda: field(32),
    "rtrl100": lambda: field(100),
    "tight32": lambda: tight(32),
    "tight100": lambda: tight(100),
}

if __name__ == "__main__":
    args = arguments(WORKS)
    run, units = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, units, run)
