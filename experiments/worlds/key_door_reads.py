"""What runs of key_door.yaml do and where their reads point, a line each: how often the key was taken, how much of the
door's read is the row of step 0, how many steps read for the most part a row of more than 12 steps before, and how much
of what those read is the row of step 0.

    hitherto record RUN --trials 300 --layer 1 --split test --out reads.npz
    python experiments/worlds/key_door_reads.py reads.npz [MORE.npz ...]
"""
import sys

import numpy as np

TAKE, FIRST_ACTION, FAR = 1, 6, 12  # the action; the column of the last action; 1 / (1 - gamma)

for name in sys.argv[1:]:
    found = np.load(name)
    inputs, weights, rows = found["inputs"], found["reads"], found["read_steps"]
    took = inputs[:, 1, FIRST_ACTION + TAKE].mean()
    # A row that is not there has weight 0, whatever its step.
    key = (weights * (rows == 0)).sum(2)
    most, at = weights.max(2), rows[np.arange(len(rows))[:, None], np.arange(rows.shape[1]), weights.argmax(2)]
    far = (most > 0.5) & (np.arange(rows.shape[1]) - at > FAR)
    of_key = key[far].mean() if far.any() else np.nan
    print(f"{name}: key taken {took:.2f}, in the door's read {key[:, -1].mean():.2f}, far reads {far.sum(1).mean():.1f}, "
          f"of them the key {of_key:.2f}")
