"""The LSTM part of the word model in JAX: 200 units, 200 inputs, batch 20, T = 20, below one output number
per item with a squared error, which is as good as a given gradient of the LSTM's output.

plain: jax.grad of one scan as the equations are written, W [z; x; 1] and the loss in every step.
tuned: the input's part of W and the readout are one product for all steps, outside the scan; jax.grad
  differentiates by the drives alone, and the weights' gradient is one product after the scan.

The state goes on from call to call and is donated. The unit is a word: a step of one item.
"""

import jax_common  # before jax

import jax
import jax.numpy as jnp
from jax import lax

GATES = 4  # in the order i, f, o, g


def cell(z_c, drive):
    a_i, a_f, a_o, a_g = jnp.split(drive, GATES, axis=1)
    c = jax.nn.sigmoid(a_f) * z_c[1] + jax.nn.sigmoid(a_i) * jnp.tanh(a_g)
    return jax.nn.sigmoid(a_o) * jnp.tanh(c), c


class Plain:
    def __init__(self, export, unroll):
        self.n, self.unroll = export.n, unroll
        self.units = export.steps * export.batch
        self.weights = tuple(map(jnp.asarray, export.weights("parameters", GATES)))
        self.x, self.targets = jnp.asarray(export.x), jnp.asarray(export.targets)
        self.state = tuple(jnp.zeros((2, export.batch, export.n)))
        self.run = jax.jit(self.gradient, donate_argnums=1)

    def gradient(self, weights, state, x, targets):
        """The loss, its gradient, and the last state."""
        ones = jnp.ones((x.shape[1], 1))

        def loss(weights):
            w, w_out, b_out = weights

            def step(state, data):
                x, target = data
                state = cell(state, jnp.concatenate((state[0], x, ones), axis=1) @ w.T)
                y = state[0] @ w_out.T + b_out
                return state, 0.5 * jnp.sum((y - target) ** 2)

            last, losses = lax.scan(step, state, (x, targets), unroll=self.unroll)
            return losses.sum() / x.shape[1], last

        (value, last), gradient = jax.value_and_grad(loss, has_aux=True)(weights)
        return value, gradient, last

    def call(self):
        value, gradient, self.state = self.run(self.weights, self.state, self.x, self.targets)
        jax.block_until_ready((value, gradient))

    def apart(self, export):
        t = export.checked
        gradient = self.run(self.weights, self.state, self.x[:t], self.targets[:t])[1]
        return jax_common.apart(gradient, export.weights("gradient", GATES))


class Tuned(Plain):
    def gradient(self, weights, state, x, targets):
        w, w_out, b_out = weights
        w_rec = w[:, : self.n]

        def loss(drives, w_out, b_out):
            def step(state, drive):
                state = cell(state, state[0] @ w_rec.T + drive)
                return state, state[0]

            last, z = lax.scan(step, state, drives, unroll=self.unroll)
            value = 0.5 * jnp.sum((z @ w_out.T + b_out - targets) ** 2) / x.shape[1]
            return value, (z, last)

        drives = x @ w[:, self.n : -1].T + w[:, -1]
        differentiate = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
        (value, (z, last)), (delta, g_out, g_b) = differentiate(drives, w_out, b_out)
        before = jnp.concatenate((state[0][None], z[:-1]))
        u = jnp.concatenate((before, x, jnp.ones((*x.shape[:2], 1))), axis=2)
        g = delta.reshape(-1, GATES * self.n).T @ u.reshape(-1, u.shape[2])
        return value, (g, g_out, g_b), last


WORKS = {"plain": Plain, "tuned": Tuned}

if __name__ == "__main__":
    jax_common.main(WORKS)
