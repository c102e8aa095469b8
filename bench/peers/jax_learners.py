"""Online learners of a leaky tanh network in JAX, as Marschall et al. 2019 (Table 1) write them, batch 1.

A call is 1000 steps in one jitted lax.scan: forward, softmax cross-entropy and its error, the update of
what the learner carries, its gradient, gradient descent on all weights. Weights and carried arrays are
donated. J v is (1-alpha) v + slope (W v), without a Jacobian. The signs of UORO are drawn for all steps
of a call at once, outside the scan; tuned-uoro goes over B once less. The unit is a time step.

The check: from our weights, on our data, the same updates as ours lead to the same weights. What is
compared is their change. The signs of UORO are those that ours has drawn: they follow from its vector A,
which is exported after every step.
"""

import sys

import jax_common  # before jax

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

ALPHA, STEPS, RATE = 0.5, 1000, 1e-4
EPSILON = 1e-7  # in the ratios of norms of UORO
PREDICTION_RATE, REFRESH = 1e-3, 5  # of DNI
SIGN_TOLERANCE = 0.01


class Step:
    """What a learner may read of a step."""

    def __init__(self, weights, r, x, target):
        w, w_out, b_out = weights
        self.w_rec, self.target = w[:, : len(r)], target
        self.own = w.diagonal()  # of W_rec: the weight from a unit to itself
        self.u = jnp.concatenate((r, x, jnp.ones(1)))
        phi = jnp.tanh(w @ self.u)
        self.slope = ALPHA * (1 - phi * phi)  # dr/da
        self.r = (1 - ALPHA) * r + ALPHA * phi
        self.error = jax.nn.softmax(w_out @ self.r + b_out) - target
        self.credit = w_out.T @ self.error

    def push(self, v):
        """J v"""
        return (1 - ALPHA) * v + self.slope * (self.w_rec @ v)

    def pull(self, v):
        """J^T v"""
        return (1 - ALPHA) * v + self.w_rec.T @ (self.slope * v)


class Learner:
    units = STEPS

    def __init__(self, export, unroll):
        self.n, self.m, self.outputs, self.unroll = export.n, export.m, export.outputs, unroll
        self.weights = tuple(map(jnp.asarray, export.weights("parameters")))
        self.x = jnp.asarray(export.repeated(export.x, STEPS))[:, 0]
        self.targets = jnp.asarray(export.repeated(export.targets, STEPS))[:, 0]
        self.carried = jnp.zeros(self.n), self.begin(export)
        self.key = jax.random.key(1)
        self.train = jax.jit(self.steps, donate_argnums=(0, 1))
        self.train_drawn = jax.jit(self.drawn_steps, donate_argnums=(0, 1))

    def draw(self, key, steps):
        """Random numbers of each step, or as many empty rows."""
        return jnp.zeros((steps, 0))

    def steps(self, weights, carried, x, targets, noise, rate):
        def step(carry, data):
            ((w, w_out, b_out), (r, kept)), (x, target, noise) = carry, data
            now = Step((w, w_out, b_out), r, x, target)
            kept, gradient = self.learn(kept, now, noise)
            w = w - rate * gradient
            w_out = w_out - rate * jnp.outer(now.error, now.r)
            return ((w, w_out, b_out - rate * now.error), (now.r, kept)), None

        data = x, targets, noise
        return lax.scan(step, (weights, carried), data, unroll=self.unroll)[0]

    def drawn_steps(self, weights, carried, x, targets, key):
        key, now = jax.random.split(key)
        return *self.steps(weights, carried, x, targets, self.draw(now, len(x)), RATE), key

    def call(self):
        self.weights, self.carried, self.key = self.train_drawn(
            self.weights, self.carried, self.x, self.targets, self.key
        )
        jax.block_until_ready((self.weights, self.carried))

    def signs_of(self, export):
        return np.zeros((export.checked, 0), np.float32)

    def apart(self, export):
        t = export.checked
        noise = jnp.asarray(self.signs_of(export))
        trained, _ = self.train(self.weights, self.carried, self.x[:t], self.targets[:t], noise, export.rate)
        change = lambda weights: [b - a for a, b in zip(export.weights("parameters"), weights)]
        return jax_common.apart(change(trained), change(export.weights("trained")))


class RFLO(Learner):
    def begin(self, export):
        return jnp.zeros((self.n, self.m))

    def learn(self, trace, now, noise):
        trace = (1 - ALPHA) * trace + jnp.outer(now.slope, now.u)
        return trace, now.credit[:, None] * trace


class SnAp1(RFLO):
    def learn(self, trace, now, noise):
        keep = (1 - ALPHA) + now.slope * now.own
        trace = keep[:, None] * trace + jnp.outer(now.slope, now.u)
        return trace, now.credit[:, None] * trace


def ratio(x, y):
    """sqrt(|x| / |y|), from the norms."""
    return jnp.sqrt((x + EPSILON) / (y + EPSILON))


class UORO(Learner):
    """Kept: A, B and |B|. The step's own part of the gradient is exact, as in ours; only what comes of the
    steps before it is noisy."""

    def begin(self, export):
        return jnp.zeros(self.n), jnp.zeros((self.n, self.m)), jnp.float32(0)

    def draw(self, key, steps):
        return jax.random.rademacher(key, (steps, self.n), jnp.float32)

    def factors(self, norm, pushed, now):
        fresh = jnp.linalg.norm(now.slope) * jnp.linalg.norm(now.u)  # |nu slope (x) u|
        return ratio(norm, jnp.linalg.norm(pushed)), ratio(fresh, self.n**0.5)

    def learn(self, kept, now, signs):
        a, b, norm = kept
        pushed = now.push(a)
        rho0, rho1 = self.factors(norm, pushed, now)
        gradient = (now.credit @ pushed) * b + jnp.outer(now.credit * now.slope, now.u)
        a = rho0 * pushed + rho1 * signs
        b = b / rho0 + jnp.outer(signs * now.slope / rho1, now.u)
        return (a, b, jnp.sqrt(jnp.vdot(b, b))), gradient

    def signs_of(self, export):
        """A = rho0 J A' + rho1 nu tells nu, step by step."""
        vectors = export.array("vectors").reshape(-1, self.n)
        weights, (r, kept), signs = self.weights, self.carried, []
        for x, target, vector in zip(self.x, self.targets, vectors):
            now = Step(weights, r, x, target)
            a, _, norm = kept
            rho0, rho1 = self.factors(norm, now.push(a), now)
            nu = np.asarray((vector - rho0 * now.push(a)) / rho1)
            if np.abs(np.abs(nu) - 1).max() > SIGN_TOLERANCE:
                sys.exit("the vector A of our UORO is not that of any random signs: no time is taken")
            signs.append(np.sign(nu))
            one = x[None], target[None], jnp.asarray(signs[-1:])
            copy = jax.tree.map(jnp.copy, (weights, (r, kept)))  # what is donated is gone
            weights, (r, kept) = self.train(*copy, *one, export.rate)
        return np.stack(signs)


class TunedUORO(UORO):
    """|B| from |B| of the step before and one product."""

    def learn(self, kept, now, signs):
        a, b, norm = kept
        pushed = now.push(a)
        rho0, rho1 = self.factors(norm, pushed, now)
        gradient = (now.credit @ pushed) * b + jnp.outer(now.credit * now.slope, now.u)
        fresh, keep = signs * now.slope / rho1, 1 / rho0
        square = (keep * norm) ** 2 + 2 * keep * (fresh @ (b @ now.u)) + (fresh @ fresh) * (now.u @ now.u)
        a = rho0 * pushed + rho1 * signs
        return (a, keep * b + jnp.outer(fresh, now.u), jnp.sqrt(square)), gradient


class DNI(Learner):
    """A linear map of [state; label; 1] predicts the credit of now and of all that follows. Kept: the map,
    its copy, how often it has learned, and input, credit and prediction of the step before."""

    def begin(self, export):
        size = self.n + self.outputs + 1
        a = jnp.asarray(export.array("prediction").reshape(size, -1)[:, : self.n]).T
        return a, jnp.copy(a), jnp.int32(0), (jnp.zeros(size), jnp.zeros(self.n), jnp.zeros(self.n))

    def learn(self, kept, now, noise):
        a, copy, age, (before, credit, said) = kept
        copy = lax.cond(age % REFRESH == 0, lambda: a, lambda: copy)
        state = jnp.concatenate((now.r, now.target, jnp.ones(1)))
        goal = credit + now.pull(copy @ state)
        a = a - PREDICTION_RATE * jnp.outer(said - goal, before)  # before is 0 at the first step
        says = a @ state
        kept = a, copy, age + 1, (state, now.credit, says)
        return kept, jnp.outer(says * now.slope, now.u)


LEARNERS = {"rflo": RFLO, "snap1": SnAp1, "uoro": UORO, "tuned-uoro": TunedUORO, "dni": DNI}

if __name__ == "__main__":
    jax_common.main(LEARNERS)
