"""A world's step with learning in JAX (worlds_data.py): world, network, learner and update in one jitted lax.scan."""

import jax_common  # before jax

import jax
import jax.numpy as jnp
from jax import lax

from timing import arguments, measure
from worlds_data import *


def drawn(key, *shape):
    return jax.random.normal(key, shape) / shape[-1] ** 0.5


class A2C:
    units, episodes = 10 * PULLS, 10

    def __init__(self):
        keys = jax.random.split(jax.random.key(1), 3)
        width = LSTM + LSTM_INPUTS + 1
        self.weights = drawn(keys[0], 4 * LSTM, width), drawn(keys[1], ARMS + 1, LSTM), jnp.zeros(ARMS + 1)
        zeros = lambda: jax.tree.map(jnp.zeros_like, self.weights)
        self.carried = self.weights, zeros(), zeros(), jnp.float32(0), keys[2]
        self.run = jax.jit(self.many, donate_argnums=0)

    def step(self, weights, carry, now):
        """One pull: log-probability, entropy, value and reward."""
        w, w_out, b = weights
        (h, c, action, reward), (t, key, p) = carry, now
        drive = w @ jnp.concatenate((h, jax.nn.one_hot(action, ARMS), jnp.stack((reward, t, 1.0))))
        i, f, o, g = jnp.split(drive, 4)
        c = jax.nn.sigmoid(f + 1) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        y = w_out @ h + b
        logs, value = jax.nn.log_softmax(y[:ARMS]), y[ARMS]
        by_action, by_reward = jax.random.split(key)
        action = jax.random.categorical(by_action, logs)
        reward = (jax.random.uniform(by_reward) < p[action]).astype(jnp.float32)
        return (h, c, action, reward), (logs[action], -jnp.sum(jnp.exp(logs) * logs), value, reward)

    def loss(self, weights, key):
        by_arms, key = jax.random.split(key)
        p = jax.random.uniform(by_arms, (ARMS,))
        start = jnp.zeros(LSTM), jnp.zeros(LSTM), jnp.int32(-1), jnp.float32(0)
        time = jnp.arange(PULLS) / PULLS
        ps = jnp.broadcast_to(p, (PULLS, ARMS))
        data = time, jax.random.split(key, PULLS), ps
        _, (log, entropy, value, reward) = lax.scan(lambda c, d: self.step(weights, c, d), start, data)
        returns = lax.scan(lambda g, r: (r + GAMMA * g,) * 2, jnp.float32(0), reward, reverse=True)[1]
        advantage = lax.stop_gradient(returns - value)
        return -jnp.sum(log * advantage + 0.1 * entropy) + VALUE * 0.5 * jnp.sum((returns - value) ** 2)

    def episode(self, carried, _):
        weights, m, v, t, key = carried
        key, now = jax.random.split(key)
        gradient = jax.grad(self.loss)(weights, now)
        t = t + 1
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradient)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradient)
        rate = RATE * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + EPSILON), weights, m, v)
        return (weights, m, v, t, key), None

    def many(self, carried):
        return lax.scan(self.episode, carried, None, length=self.episodes)[0]

    def call(self):
        self.carried = jax.block_until_ready(self.run(self.carried))


class RFLO:
    units = STEPS

    def __init__(self):
        keys = jax.random.split(jax.random.key(1), 3)
        w, w_out = drawn(keys[0], UNITS, UNITS + INPUTS + 1), drawn(keys[1], 3, UNITS)
        b = jnp.zeros(3)
        fading = jnp.zeros_like(w), jnp.zeros_like(w_out), jnp.zeros_like(b)
        inner = jnp.zeros(UNITS), jnp.zeros_like(w)
        world = jnp.zeros(4), jnp.zeros(INPUTS), jnp.float32(0), jnp.float32(0), jnp.float32(1)
        self.carried = (w, w_out, b), fading, inner, world, keys[2]
        self.run = jax.jit(self.many, donate_argnums=0)

    def step(self, carried, _):
        (w, w_out, b), fading, (r, trace), (state, seen, before, reward, goes_on), key = carried
        key, by_action, by_start = jax.random.split(key, 3)
        # The network, and the surprise about the step before.
        u = jnp.concatenate((r, seen, jnp.ones(1)))
        phi = jnp.tanh(w @ u)
        slope = ALPHA * (1 - phi * phi)
        r = (1 - ALPHA) * r + ALPHA * phi
        trace = (1 - ALPHA) * trace + jnp.outer(slope, u)
        y = w_out @ r + b
        surprise = SCALE * reward + ONLINE_GAMMA * goes_on * y[2] - before
        weights = tuple(a + ONLINE_RATE * surprise * f for a, f in zip((w, w_out, b), fading))
        # The action, and its gradient in the sum that fades.
        p = jax.nn.softmax(y[:2])
        action = jax.random.categorical(by_action, y[:2])
        error = jnp.append(jax.nn.one_hot(action, 2) - p, 1.0)
        gradient = (error @ w_out)[:, None] * trace, jnp.outer(error, r), error
        fade = ONLINE_GAMMA * FADE * goes_on
        fading = tuple(fade * f + g for f, g in zip(fading, gradient))
        # The world.
        moved = jnp.stack(push(state, FORCE * (2.0 * action - 1), jnp.sin, jnp.cos))
        fell = (jnp.abs(moved[0]) > X_LIMIT) | (jnp.abs(moved[2]) > THETA_LIMIT)
        state = jnp.where(fell, 0.1 * jax.random.uniform(by_start, (4,)) - 0.05, moved)
        seen = jnp.concatenate((state[::2], jax.nn.one_hot(action, 2), jnp.ones(1)))
        keep = 1.0 - fell
        world = state, seen, y[2], jnp.float32(1), keep
        return (weights, fading, (keep * r, keep * trace), world, key), None

    def many(self, carried):
        return lax.scan(self.step, carried, None, length=STEPS)[0]

    def call(self):
        self.carried = jax.block_until_ready(self.run(self.carried))


WORKS = {"a2c": A2C, "rflo": RFLO}

if __name__ == "__main__":
    args = arguments(WORKS)
    work = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, work.units, work.call)
