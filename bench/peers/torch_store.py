"""A network with a store in PyTorch (store_data.py), a step at a time as it is mostly written. forward: no error, no
gradient. learn: forward, backward from the step's error, gradient descent."""

import argparse
import json
import sys

import numpy as np
import torch

from store_data import ALPHA, KEYS, Data
from timing import measure

STEPS, RATE, TOLERANCE = 100, 1e-4, 1e-3


class Store:
    def __init__(self, data, learns, steps=STEPS, rate=RATE):
        self.data, self.learns, self.rate = data, learns, rate
        self.weights = [torch.from_numpy(w.copy()).requires_grad_(learns) for w in data.weights]
        self.r, self.rows, self.at = torch.zeros(data.n), torch.from_numpy(data.store.copy()), 0
        self.x, self.targets = (torch.from_numpy(np.resize(v, (steps, v.shape[1]))) for v in (data.x, data.targets))
        self.one = torch.ones(1)

    def forward(self, x):
        w, of_store, w_out, b_out = self.weights
        r = (1 - ALPHA) * self.r + ALPHA * torch.tanh(w @ torch.cat((self.r, x, self.one)))
        said = of_store @ torch.cat((r, self.one))
        scores = self.rows[:, :KEYS] @ said[:KEYS] / KEYS**0.5
        if self.data.top:
            best, at = torch.topk(scores, self.data.top)
            read = torch.softmax(best, 0) @ self.rows[at, KEYS:]
        else:
            read = torch.softmax(scores, 0) @ self.rows[:, KEYS:]
        return w_out @ torch.cat((r, read)) + b_out, r, said[KEYS:]

    def step(self, x, target):
        y, r, row = self.forward(x)
        if self.learns:
            gradient = torch.autograd.grad(0.5 * torch.sum((y - target) ** 2), self.weights)
            with torch.no_grad():
                for w, g in zip(self.weights, gradient):
                    w -= self.rate * g
        self.r = r.detach()
        self.rows[self.at] = row.detach()
        self.at = (self.at + 1) % len(self.rows)

    def call(self):
        with torch.set_grad_enabled(self.learns):
            for x, target in zip(self.x, self.targets):
                self.step(x, target)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", nargs="?", default="learn", choices=("forward", "learn"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = Data(args.data)
    if args.check:
        held = Store(data, True, data.checked, data.rate)
        held.call()
        apart = data.apart([w.detach().numpy() for w in held.weights])
        if not apart < TOLERANCE:
            sys.exit(f"the store in PyTorch and ours are apart by {apart:.1e}: no time is taken")
        print(json.dumps({"apart": {args.work: apart}}))
        return
    store = Store(data, args.work == "learn")
    measure(args.work, args.threads, args.samples, STEPS, store.call)


if __name__ == "__main__":
    main()
