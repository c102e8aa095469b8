"""The accuracy at the 1st, 2nd, ... showing of a class, from what `hitherto predict` writes of data=one-shot.

    hitherto predict RUN --split test --trials 1000 --out y.npz
    python showings.py y.npz
"""
import sys

import numpy as np

y = np.load(sys.argv[1])
right, classes = y["outputs"].argmax(2) == y["targets"], y["targets"]
showing = np.array([[np.sum(row[:t] == row[t]) for t in range(len(row))] for row in classes])
for k in range(showing.max() + 1):
    of = right[showing == k]
    print(f"showing {k + 1}: {of.mean():.3f} +- {np.sqrt(of.mean() * (1 - of.mean()) / len(of)):.3f}")
