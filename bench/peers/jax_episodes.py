"""A step of the outer loop of e-prop 2 in JAX: the graph of torch_episodes.py as one jitted function, with lax.scan
over the steps of a trial, the gradient by automatic differentiation, and Adam. --check compares the outer gradient with
ours. The products of the test trial, whose weights are each task's own, and the unrolling of scans are tried in several
forms, and the fastest is timed.
"""

import json
import math
import os
import pathlib
import sys
import time

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
os.environ["NPROC"] = THREADS  # the size of XLA's thread pool
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'false' if THREADS == '1' else 'true'}"
if "cuda" not in sys.argv:
    os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from episodes_data import DECAY, DT, GAMMA, INTERVAL, LEARNING_RATE, LENGTH, V_TH, Data, arguments, compare, measure

UNROLLS, FORMS, TRIES = (1, 2, 8), ("dot", "sum"), 3


@jax.custom_jvp
def spike(x):
    return (x > 0).astype(x.dtype)


@spike.defjvp
def spike_jvp(at, along):
    (x,), (dx,) = at, along
    return spike(x), dx * GAMMA * jnp.maximum(1 - jnp.abs(x), 0)


class Episodes:
    def __init__(self, data, form, unroll):
        self.data, self.form, self.unroll = data, form, unroll
        self.weights = [jnp.asarray(w) for w in data.weights]
        self.fixed = [jnp.asarray(a) for a in (data.x, data.target, data.wanted, data.wanted_place)]
        self.moments = [jnp.zeros_like(w) for w in self.weights], [jnp.zeros_like(w) for w in self.weights]
        self.count = jnp.zeros((), jnp.int32)
        self.run = jax.jit(self.update, donate_argnums=(0, 1))

    def leak(self, inputs):
        """Every step of y = DECAY y + input."""

        def step(y, x):
            y = DECAY * y + x
            return y, y

        return lax.scan(step, jnp.zeros_like(inputs[0]), inputs, unroll=self.unroll)[1]

    def run_lif(self, drives, recurrent):
        """Spikes and pseudo-derivatives (steps, items, n) of LIF units; recurrent(z) is what they tell each other."""

        def step(carry, drive):
            v, z, silent = carry
            v = DECAY * v + drive + recurrent(z) - V_TH * z
            x = (v - V_TH) / V_TH
            awake = (silent <= 0).astype(v.dtype)
            z = spike(x) * awake
            slope = awake * GAMMA / V_TH * jnp.maximum(1 - jnp.abs(x), 0)
            silent = lax.stop_gradient(jnp.where(z > 0, INTERVAL - 1, silent - 1))
            return (v, z, silent), (z, slope)

        zeros = jnp.zeros_like(drives[0])
        return lax.scan(step, (zeros, zeros, zeros), drives, unroll=self.unroll)[1]

    def of_each_task(self, z, weights):
        """z of a task times the weights of that task."""
        if self.form == "dot":
            return jnp.einsum("bi,bji->bj", z, weights)
        return (z[:, None, :] * weights).sum(-1)

    def loss(self, weights, fixed):
        """The loss, and the spikes of both networks."""
        w_rec, w_in, w_out, u_rec, u_in, psi_out = weights
        x, target, wanted, wanted_place = fixed
        data, about = self.data, self.data.about
        steps, tasks, rate = data.steps, data.tasks, about["inner_lr"]
        no_self = 1 - jnp.eye(data.n, dtype=x.dtype)
        w_rec, u_rec = w_rec * no_self, u_rec * (1 - jnp.eye(data.units, dtype=x.dtype))
        # The training trial, the module over it, and the update of each task.
        z, psi = self.run_lif(x @ w_in.T, lambda z: z @ w_rec.T)
        told = jnp.broadcast_to(jnp.concatenate((x, z), 2), (steps, tasks, data.n + data.inputs))
        q, _ = self.run_lif(jnp.concatenate((told, target), 2) @ u_in.T, lambda z: z @ u_rec.T)
        signals = self.leak(q @ psi_out.T) * psi
        before = jnp.concatenate((jnp.zeros_like(z[:1]), z[:-1]))
        flat = signals.reshape(steps, -1)
        by_rec = (flat.T @ self.leak(before)[:, 0]).reshape(tasks, data.n, -1) * no_self
        by_in = (flat.T @ self.leak(x)[:, 0]).reshape(tasks, data.n, -1)
        rec = w_rec - rate * by_rec
        drives = jnp.einsum("ti,bji->tbj", x[:, 0], w_in - rate * by_in)
        # The test trial, with weights of each task's own.
        tested, _ = self.run_lif(drives, lambda z: self.of_each_task(z, rec))
        y = self.leak(tested @ w_out.T)
        angles = jnp.cumsum(y, 0) * DT + jnp.asarray([0, math.pi / 2], x.dtype)
        first, both = angles[..., 0], angles.sum(-1)
        place = LENGTH * jnp.stack((jnp.cos(first) + jnp.cos(both), jnp.sin(first) + jnp.sin(both)), -1)
        spikes, of_module = tasks * z.sum((0, 1)) + tested.sum((0, 1)), q.sum((0, 1))
        loss = 0.5 * (
            about["outputs_weight"] * ((y - wanted) ** 2).mean()
            + about["place_weight"] * ((place - wanted_place) ** 2).mean()
        )
        loss = loss + data.regulariser("rate", spikes, 2 * steps * tasks)
        loss = loss + data.regulariser("module_rate", of_module, steps * tasks)
        return loss, (spikes.sum(), of_module.sum())

    def update(self, weights, moments, count, fixed):
        gradients, _ = jax.grad(self.loss, has_aux=True)(weights, fixed)
        count = count + 1
        first = [0.9 * m + 0.1 * g for m, g in zip(moments[0], gradients)]
        second = [0.999 * m + 0.001 * g * g for m, g in zip(moments[1], gradients)]
        scale = LEARNING_RATE * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = [w - scale * m / (jnp.sqrt(v) + 1e-8) for w, m, v in zip(weights, first, second)]
        return weights, (first, second), count

    def step(self):
        self.weights, self.moments, self.count = self.run(self.weights, self.moments, self.count, self.fixed)
        jax.block_until_ready(self.weights)

    def check(self):
        found = jax.jit(jax.value_and_grad(self.loss, has_aux=True))(self.weights, self.fixed)
        (loss, spikes), gradients = found
        compare(self.data, float(loss), tuple(map(float, spikes)), [np.asarray(g) for g in gradients])


def fastest(data, threads):
    """The form and the unrolling of which a step takes least; with one thread by the processor's time, to which other
    programs on the machine add nothing."""
    taken, clock = {}, time.process_time if threads == 1 else time.perf_counter
    for form in FORMS:
        for unroll in UNROLLS:
            tried = Episodes(data, form, unroll)
            tried.step()
            for _ in range(TRIES):
                start = clock()
                tried.step()
                seconds = clock() - start
                taken[form, unroll] = min(taken.get((form, unroll), seconds), seconds)
    return min(taken, key=taken.get)


def main():
    args = arguments()
    data = Data(args.data)
    jax.config.update("jax_enable_x64", data.dtype == np.float64)
    jax.config.update("jax_compilation_cache_dir", str(pathlib.Path(args.data) / "xla-cache"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    if args.check:
        for form in FORMS:
            Episodes(data, form, 1).check()
        return
    chosen = data.folder / f"jax-{args.threads}-{args.device}.json"
    if not chosen.exists():
        chosen.write_text(json.dumps(fastest(data, args.threads)))
    form, unroll = json.loads(chosen.read_text())
    episodes = Episodes(data, form, unroll)
    measure(episodes.step, args, device=jax.devices()[0].device_kind, version=jax.__version__, form=form, unroll=unroll)


if __name__ == "__main__":
    main()
