"""What the peers of a store share: weights, rows and data that `bench export` wrote.

The network: r = (1 - alpha) r + alpha tanh(W [r; x; 1]); a store says q, key and value = W_m [r; 1]; it reads
m = softmax(q . keys / sqrt(k)) values over all rows, or over the best of them; y = W_out [r; m] + b_out, squared error.
Then the row of the step takes the place of the oldest. Rows are data, and so is the state before the step.
"""

import json
import pathlib

import numpy as np

KEYS, VALUES, ALPHA = 16, 16, 0.5


class Data:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        about = json.loads((self.folder / "about.json").read_text())
        self.n, self.inputs, self.outputs, self.steps = (
            about[key] for key in ("units", "inputs", "outputs", "steps")
        )
        self.rows, self.top, self.checked, self.rate = (
            about[key] for key in ("rows", "top", "checked_steps", "rate")
        )
        self.x = self.array("x").reshape(self.steps, self.inputs)
        self.targets = self.array("targets").reshape(self.steps, self.outputs)
        self.store = self.array("rows").reshape(self.rows, KEYS + VALUES)
        self.weights = self.parameters("parameters")
        self.trained = self.parameters("trained")

    def array(self, name):
        return np.fromfile(self.folder / name, np.float32)

    def parameters(self, name):
        """W, W_m, W_out, b_out; a store's columns of its own last read are not there."""
        n, said, m = self.n, 2 * KEYS + VALUES, self.n + self.inputs + 1
        read = VALUES + n
        sizes = [n * m, said * (read + 1), self.outputs * read]
        w, of_store, w_out, b_out = np.split(self.array(name), np.cumsum(sizes))
        of_store = of_store.reshape(said, read + 1)[:, VALUES:]
        return w.reshape(n, m), of_store.copy(), w_out.reshape(self.outputs, read), b_out

    def apart(self, weights):
        """The largest difference of the weights' changes, relative to the largest of each array. What writes rows that
        are data does not change."""
        ours, theirs = ([np.asarray(b) - a for a, b in zip(self.weights, w)] for w in (self.trained, weights))
        return max(float(np.abs(x - y).max() / np.abs(y).max()) for x, y in zip(theirs, ours))
