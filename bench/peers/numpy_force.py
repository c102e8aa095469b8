"""FORCE in numpy (Sussillo & Abbott 2009): a network of tanh units, whose output is fed back, and recursive least squares
of its readout at every step, in double precision.

force<n>: W as an array. sparse<n>: W as a sparse matrix of scipy. The unit is a step.
"""

import os
import sys

# Before numpy: its BLAS reads the number of threads once.
if "--threads" in sys.argv:
    os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"]

import numpy as np

from timing import arguments, measure

ALPHA, DENSITY, STEPS = 0.9, 0.1, 20


def force(n, sparse):
    random = np.random.default_rng(1)
    w = random.standard_normal((n, n)) * (random.random((n, n)) < DENSITY) * 0.15 / np.sqrt(DENSITY * n)
    if sparse:
        from scipy.sparse import csr_matrix

        w = csr_matrix(w)
    feedback, target = random.uniform(-0.1, 0.1, n), random.standard_normal(STEPS)
    x, r, w_out, P, y = random.standard_normal(n) / 2, np.zeros(n), np.zeros(n), np.eye(n), 0.0

    def run():
        nonlocal x, r, w_out, P, y
        for t in range(STEPS):
            x = ALPHA * x + w @ r + feedback * y
            r = np.tanh(x)
            y = w_out @ r
            k = P @ r
            c = 1 / (1 + r @ k)
            P -= np.outer(c * k, k)
            w_out -= c * (y - target[t]) * k

    return run, STEPS


WORKS = {"force1000": lambda: force(1000, False), "sparse1000": lambda: force(1000, True)}

if __name__ == "__main__":
    args = arguments(WORKS)
    run, units = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, units, run)
