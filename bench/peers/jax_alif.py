"""E-prop 1 of a network of ALIF units in JAX, with the traces summed away: the scan form of torch_alif.py.

    v = alpha v + W_rec z + W_in x - v_th z,   b = rho b + z,   z = H(v - v_th - beta b)
    y = kappa y + W_out z, then + b_out; softmax cross-entropy at every step, a mean over the batch

A forward scan that keeps z and psi, a backward scan per unit, a product for each gradient; the input's part
of W and the readout are products for all steps, outside the scans. One call of one jitted function; the unit
is a time step of the whole batch.
"""

import math
import sys

import jax_common  # before jax

import jax
import jax.numpy as jnp
from jax import lax

ALPHA, RHO, KAPPA = math.exp(-1 / 20), math.exp(-1 / 200), math.exp(-1 / 20)
V_TH, BETA, GAMMA = 0.61, 0.03, 0.3


class Scan:
    def __init__(self, export, unroll):
        self.n, self.unroll, self.units = export.n, unroll, export.steps
        self.weights = tuple(map(jnp.asarray, export.weights("parameters")))
        self.feedback = jnp.asarray(export.array("feedback").reshape(export.outputs, export.n))
        self.x, self.classes = jnp.asarray(export.x), jnp.asarray(export.classes)
        self.run = jax.jit(self.gradient)

    def leak(self, inputs, reverse=False):
        """Every step of y = kappa y + input."""

        def step(y, x):
            y = KAPPA * y + x
            return y, y

        zeros = jnp.zeros_like(inputs[0])
        return lax.scan(step, zeros, inputs, reverse=reverse, unroll=self.unroll)[1]

    def forward(self, w_rec, drives):
        """z and psi of every step."""

        def step(carry, drive):
            v, b, z = carry
            v = ALPHA * v + z @ w_rec.T + drive - V_TH * z
            b = RHO * b + z
            distance = (v - V_TH - BETA * b) / V_TH
            z = (distance > 0).astype(v.dtype)
            psi = GAMMA / V_TH * jnp.maximum(1 - jnp.abs(distance), 0)
            return (v, b, z), (z, psi)

        zeros = jnp.zeros_like(drives[0])
        return lax.scan(step, (zeros, zeros, zeros), drives, unroll=self.unroll)[1]

    def backward(self, psi, signal):
        """delta of every step, from the last to the first."""

        def step(carry, now):
            lambda_v, lambda_b = carry
            psi, signal = now
            through = psi * (signal + lambda_b)
            lambda_v = ALPHA * lambda_v + through
            return (lambda_v, RHO * lambda_b - BETA * through), lambda_v

        zeros = jnp.zeros_like(psi[0])
        return lax.scan(step, (zeros, zeros), (psi, signal), reverse=True, unroll=self.unroll)[1]

    def gradient(self, weights, x, classes):
        """The gradient, and the number of spikes."""
        w, w_out, b_out = weights
        n, batch = self.n, x.shape[1]
        flat = lambda values: values.reshape(-1, values.shape[2])
        z, psi = self.forward(w[:, :n], x @ w[:, n:-1].T)
        y = self.leak(z @ w_out.T) + b_out
        error = (jax.nn.softmax(y) - jax.nn.one_hot(classes, len(b_out))) / batch
        filtered = self.leak(error, reverse=True)
        delta = self.backward(psi, filtered @ self.feedback)
        g_rec = flat(delta[1:]).T @ flat(z[:-1])  # z is 0 before the first step
        g_rec = g_rec.at[jnp.diag_indices(n)].set(0)  # no unit feeds itself
        g_in = flat(delta).T @ flat(x)
        return (g_rec, g_in, flat(filtered).T @ flat(z), error.sum((0, 1))), z.sum()

    def call(self):
        jax.block_until_ready(self.run(self.weights, self.x, self.classes))

    def apart(self, export):
        t = export.checked
        gradient, spikes = self.run(self.weights, self.x[:t], self.classes[:t])
        if spikes != export.spikes:
            sys.exit(f"e-prop in JAX counts {spikes:.0f} spikes, ours {export.spikes}: no time is taken")
        w, w_out, b_out = export.weights("gradient")
        ours = w[:, : self.n], w[:, self.n : -1], w_out, b_out
        return jax_common.apart(gradient, ours)


if __name__ == "__main__":
    jax_common.main({"scan": Scan})
