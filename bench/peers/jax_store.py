"""A network with a store in JAX (store_data.py): 100 steps in one jitted lax.scan, everything inside; rows and state
are donated. forward: no error, no gradient. learn: forward, the gradient of the step's error, gradient descent."""

import jax_common  # before jax

import argparse
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from store_data import ALPHA, KEYS, Data
from timing import measure

STEPS, RATE, TOLERANCE = 100, 1e-4, 1e-3


class Store:
    def __init__(self, data, learns, steps=STEPS, rate=RATE):
        self.data, self.learns, self.rate = data, learns, rate
        self.weights = tuple(map(jnp.asarray, data.weights))
        self.carried = jnp.zeros(data.n), jnp.asarray(data.store), jnp.int32(0)
        self.x, self.targets = (jnp.asarray(np.resize(v, (steps, v.shape[1]))) for v in (data.x, data.targets))
        self.run = jax.jit(self.scan, donate_argnums=(0, 1))

    def forward(self, weights, r, rows, x):
        w, of_store, w_out, b_out = weights
        r = (1 - ALPHA) * r + ALPHA * jnp.tanh(w @ jnp.concatenate((r, x, jnp.ones(1))))
        said = of_store @ jnp.concatenate((r, jnp.ones(1)))
        scores = rows[:, :KEYS] @ said[:KEYS] / KEYS**0.5
        if self.data.top:
            best, at = lax.top_k(scores, self.data.top)
            read = jax.nn.softmax(best) @ rows[at, KEYS:]
        else:
            read = jax.nn.softmax(scores) @ rows[:, KEYS:]
        return w_out @ jnp.concatenate((r, read)) + b_out, (r, said[KEYS:])

    def scan(self, weights, carried, x, targets):
        def error(weights, r, rows, x, target):
            y, kept = self.forward(weights, r, rows, x)
            return 0.5 * jnp.sum((y - target) ** 2), kept

        def step(carry, now):
            weights, (r, rows, at) = carry
            if self.learns:
                (_, (r, row)), gradient = jax.value_and_grad(error, has_aux=True)(weights, r, rows, *now)
                weights = tuple(a - self.rate * g for a, g in zip(weights, gradient))
                y = None
            else:
                y, (r, row) = self.forward(weights, r, rows, now[0])
            rows = lax.dynamic_update_slice(rows, row[None], (at, 0))
            return (weights, (r, rows, (at + 1) % len(rows))), y

        return lax.scan(step, (weights, carried), (x, targets))

    def call(self):
        (self.weights, self.carried), y = self.run(self.weights, self.carried, self.x, self.targets)
        jax.block_until_ready((self.weights, self.carried, y))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=("forward", "learn"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=3)
    args = parser.parse_args()
    data = Data(args.data)
    if args.check:
        held = Store(data, True, data.checked, data.rate)
        held.call()
        apart = data.apart(held.weights)
        if not apart < TOLERANCE:
            sys.exit(f"the store in JAX and ours are apart by {apart:.1e}: no time is taken")
        print(json.dumps({"apart": {args.work: apart}}))
        return
    store = Store(data, args.work == "learn")
    measure(args.work, args.threads, args.samples, STEPS, store.call)


if __name__ == "__main__":
    main()
