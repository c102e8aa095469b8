"""A leaky tanh network in JAX, r = (1 - alpha) r + alpha tanh(W [r; x; 1]), squared error.

plain: BPTT as it is mostly written, T = 1000: jax.grad of one scan with the equation above, readout and
  loss in every step.
tuned: the input's part of W and the readout are one product for all steps, outside the scan; jax.grad
  differentiates by the drives alone, and the weights' gradient is one product after the scan.
rtrl: exact real-time recurrent learning as its equations are written, a gradient at every step, 100 steps
  a call. rtrl-tuned: the immediate influence is added to its own n blocks only.

One call of one jitted function; the unit is a time step of the whole batch.
"""

import jax_common  # before jax

import jax
import jax.numpy as jnp
from jax import lax

ALPHA, STEPS, RTRL_STEPS = 0.5, 1000, 100


def rate(r, drive):
    return (1 - ALPHA) * r + ALPHA * jnp.tanh(drive)


class Plain:
    units = STEPS

    def __init__(self, export, unroll):
        self.weights = tuple(map(jnp.asarray, export.weights("parameters")))
        self.x = jnp.asarray(export.repeated(export.x, STEPS))
        self.targets = jnp.asarray(export.repeated(export.targets, STEPS))
        self.r = jnp.zeros((export.batch, export.n))
        self.n, self.unroll = export.n, unroll
        self.run = jax.jit(self.gradient, donate_argnums=1)

    def gradient(self, weights, r, x, targets):
        """The loss, its gradient, and the last r."""
        ones = jnp.ones((r.shape[0], 1))

        def loss(weights):
            w, w_out, b_out = weights

            def step(r, data):
                x, target = data
                r = rate(r, jnp.concatenate((r, x, ones), axis=1) @ w.T)
                y = r @ w_out.T + b_out
                return r, 0.5 * jnp.sum((y - target) ** 2)

            r_last, losses = lax.scan(step, r, (x, targets), unroll=self.unroll)
            return losses.sum() / len(r), r_last

        (value, r), gradient = jax.value_and_grad(loss, has_aux=True)(weights)
        return value, gradient, r

    def call(self):
        value, gradient, self.r = self.run(self.weights, self.r, self.x, self.targets)
        jax.block_until_ready((value, gradient))

    def apart(self, export):
        t = export.checked
        gradient = self.run(self.weights, self.r, self.x[:t], self.targets[:t])[1]
        return jax_common.apart(gradient, export.weights("gradient"))


class Tuned(Plain):
    def gradient(self, weights, r, x, targets):
        w, w_out, b_out = weights
        w_rec = w[:, : self.n]

        def loss(drives, w_out, b_out):
            def step(r, drive):
                r = rate(r, r @ w_rec.T + drive)
                return r, r

            rates = lax.scan(step, r, drives, unroll=self.unroll)[1]
            return 0.5 * jnp.sum((rates @ w_out.T + b_out - targets) ** 2) / len(r), rates

        drives = x @ w[:, self.n : -1].T + w[:, -1]
        differentiate = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
        (value, rates), (delta, g_out, g_b) = differentiate(drives, w_out, b_out)
        before = jnp.concatenate((r[None], rates[:-1]))
        u = jnp.concatenate((before, x, jnp.ones((*x.shape[:2], 1))), axis=2)
        g = delta.reshape(-1, self.n).T @ u.reshape(-1, u.shape[2])
        return value, (g, g_out, g_b), rates[-1]


class RTRL:
    units = RTRL_STEPS

    def __init__(self, export, unroll):
        n, m = export.n, export.m
        self.n, self.m, self.unroll = n, m, unroll
        self.weights = tuple(map(jnp.asarray, export.weights("parameters")))
        self.x = jnp.asarray(export.repeated(export.x, RTRL_STEPS))[:, 0]
        self.targets = jnp.asarray(export.repeated(export.targets, RTRL_STEPS))[:, 0]
        self.carry = jnp.zeros(n), jnp.zeros((n, n * m))
        self.run = jax.jit(self.steps, donate_argnums=1)

    def with_immediate(self, influence, slope, u):
        return influence + jnp.kron(jnp.diag(slope), u)

    def steps(self, weights, carry, x, targets):
        """The sum of the gradients of all steps, each of which is formed."""
        (w, w_out, b_out), n, m = weights, self.n, self.m

        def step(carry, data):
            (r, influence), (g, g_out, g_b) = carry
            x, target = data
            u = jnp.concatenate((r, x, jnp.ones(1)))
            phi = jnp.tanh(w @ u)
            slope = ALPHA * (1 - phi * phi)
            r = (1 - ALPHA) * r + ALPHA * phi
            jacobian = (1 - ALPHA) * jnp.eye(n) + slope[:, None] * w[:, :n]
            influence = self.with_immediate(jacobian @ influence, slope, u)
            error = w_out @ r + b_out - target
            g = g + ((error @ w_out) @ influence).reshape(n, m)
            return ((r, influence), (g, g_out + jnp.outer(error, r), g_b + error)), None

        zeros = jax.tree.map(jnp.zeros_like, weights)
        return lax.scan(step, (carry, zeros), (x, targets), unroll=self.unroll)[0]

    def call(self):
        self.carry, gradient = self.run(self.weights, self.carry, self.x, self.targets)
        jax.block_until_ready((self.carry, gradient))

    def apart(self, export):
        t = export.checked
        _, gradient = self.run(self.weights, self.carry, self.x[:t], self.targets[:t])
        return jax_common.apart(gradient, export.weights("gradient"))


class TunedRTRL(RTRL):
    def with_immediate(self, influence, slope, u):
        n, diagonal = self.n, jnp.arange(self.n)
        blocks = influence.reshape(n, n, self.m)
        return blocks.at[diagonal, diagonal].add(jnp.outer(slope, u)).reshape(n, -1)


WORKS = {"plain": Plain, "tuned": Tuned, "rtrl": RTRL, "rtrl-tuned": TunedRTRL}

if __name__ == "__main__":
    jax_common.main(WORKS)
