"""What a step costs from Python: predict and learn, 8 units, RFLO and Adam, against the same loop in numpy and in JAX.

    PYTHONPATH=python python3 bench/python_step.py

All compute in double precision, learn the same from the same weights (which is checked), and take an array in and give
an array out at every step. Each number is the shortest of many short samples, in microseconds a step. JAX is left out
where it is not installed.
"""

import time

import numpy as np

import hitherto as hh

UNITS, INPUTS, OUTPUTS, STEPS = 8, 3, 1, 100
ALPHA, RATE, BETA1, BETA2, EPSILON = 0.5, 1e-3, 0.9, 0.999, 1e-8
SAMPLES = 300

random = np.random.default_rng(0)
X = list(random.standard_normal((STEPS, INPUTS)))
Y = list(random.standard_normal((STEPS, OUTPUTS)))


def model():
    return hh.Model(inputs=INPUTS, outputs=OUTPUTS, units=UNITS, cell={"name": "rate", "alpha": ALPHA}, learner="rflo",
                    optimiser={"name": "adam", "lr": RATE}, precision="double", seed=1)


class Numpy:
    """The loop as one would write it who minds the time: parameters, gradient and moments are one array each."""

    def __init__(self, parameters):
        n, m = UNITS, UNITS + INPUTS + 1
        self.p, self.g = parameters.copy(), np.zeros_like(parameters)
        self.first, self.second, self.t = np.zeros_like(parameters), np.zeros_like(parameters), 0
        self.w, self.w_out, self.b_out = self.parts(self.p)
        self.g_w, self.g_out, self.g_b = self.parts(self.g)
        self.u, self.trace = np.zeros(m), np.zeros((n, m))
        self.u[-1] = 1
        self.r = np.zeros(n)

    @staticmethod
    def parts(p):
        n, m = UNITS, UNITS + INPUTS + 1
        return p[: n * m].reshape(n, m), p[n * m : -OUTPUTS].reshape(OUTPUTS, n), p[-OUTPUTS:]

    def predict(self, x):
        self.u[:UNITS] = self.r
        self.u[UNITS:-1] = x
        phi = np.tanh(self.w @ self.u)
        self.trace *= 1 - ALPHA
        self.trace += (ALPHA * (1 - phi * phi))[:, None] * self.u
        self.r = (1 - ALPHA) * self.r + ALPHA * phi
        self.y = self.w_out @ self.r + self.b_out
        return self.y

    def learn(self, target):
        error = self.y - target
        np.multiply((error @ self.w_out)[:, None], self.trace, out=self.g_w)
        np.multiply(error[:, None], self.r, out=self.g_out)
        self.g_b[:] = error
        self.t += 1
        self.first += (1 - BETA1) * (self.g - self.first)
        self.second += (1 - BETA2) * (self.g * self.g - self.second)
        rate = RATE / (1 - BETA1**self.t)
        self.p -= rate * self.first / (np.sqrt(self.second / (1 - BETA2**self.t)) + EPSILON)
        return 0.5 * (error @ error)


def jax_loops(parameters):
    """(name, state, one step) of the loop in JAX: two compiled calls a step, and one."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def forward(state, x):
        p, first, second, t, r, trace = state
        w, w_out, b_out = Numpy.parts(p)
        u = jnp.concatenate((r, x, jnp.ones(1)))
        phi = jnp.tanh(w @ u)
        trace = (1 - ALPHA) * trace + (ALPHA * (1 - phi * phi))[:, None] * u
        r = (1 - ALPHA) * r + ALPHA * phi
        return (p, first, second, t, r, trace), w_out @ r + b_out

    def backward(state, y, target):
        p, first, second, t, r, trace = state
        error = y - target
        recurrent = (error @ Numpy.parts(p)[1])[:, None] * trace
        g = jnp.concatenate((recurrent.ravel(), jnp.outer(error, r).ravel(), error))
        t += 1
        first += (1 - BETA1) * (g - first)
        second += (1 - BETA2) * (g * g - second)
        p -= RATE / (1 - BETA1**t) * first / (jnp.sqrt(second / (1 - BETA2**t)) + EPSILON)
        return (p, first, second, t, r, trace), 0.5 * error @ error

    def whole(state, x, target):
        state, y = forward(state, x)
        state, loss = backward(state, y, target)
        return state, y, loss

    predict, learn, both = map(jax.jit, (forward, backward, whole))

    def two(state, x, y):
        state, outputs = predict(state, x)
        seen = np.asarray(outputs)
        state, loss = learn(state, outputs, y)
        float(loss)
        return state, seen

    def one(state, x, y):
        state, outputs, loss = both(state, x, y)
        float(loss)
        return state, np.asarray(outputs)

    zeros = jnp.zeros(len(parameters))
    start = (jnp.asarray(parameters), zeros, zeros, jnp.zeros(()), jnp.zeros(UNITS),
             jnp.zeros((UNITS, UNITS + INPUTS + 1)))
    return [("JAX, a compiled call for each", start, two), ("JAX, one compiled call a step", start, one)]


def shortest(run):
    """Microseconds a step of run(), which does STEPS of them."""
    best = np.inf
    for _ in range(SAMPLES):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best / STEPS * 1e6


def hold(name, parameters, ours):
    """Refuses to time what learns something else."""
    if not np.allclose(parameters, ours, rtol=0, atol=1e-9):
        raise SystemExit(f"{name} learned other parameters than ours: {np.abs(parameters - ours).max()} apart")


def main():
    start = model().parameters.flat.copy()
    first = model()
    first.learn_many(np.stack(X), np.stack(Y))
    ours, times = first.parameters.flat.copy(), {}

    own, x, y = model(), np.stack(X), np.stack(Y)
    times["in C (learn_many)"] = shortest(lambda: own.learn_many(x, y))

    def two_calls(one):
        for pair in zip(X, Y):
            one.predict(pair[0])
            one.learn(pair[1])

    def one_call(one):
        for pair in zip(X, Y):
            one.step(*pair)

    numpy = Numpy(start)
    for name, work, one in (("hitherto, predict and learn", two_calls, model()), ("hitherto, step", one_call, model()),
                            ("numpy", two_calls, numpy)):
        work(one)
        hold(name, one.p if one is numpy else one.parameters.flat, ours)
        times[name] = shortest(lambda work=work, one=one: work(one))

    try:
        loops = jax_loops(start)
    except ImportError:
        loops = []
    for name, state, step in loops:
        kept = [state]

        def run(kept=kept, step=step):
            for pair in zip(X, Y):
                kept[0], _ = step(kept[0], *pair)

        run()
        hold(name, np.asarray(kept[0][0]), ours)
        times[name] = shortest(run)

    base = times["hitherto, predict and learn"]
    for name, microseconds in times.items():
        print(f"{name:32} {microseconds:8.2f} us  {microseconds / base:6.2f}")


if __name__ == "__main__":
    main()
