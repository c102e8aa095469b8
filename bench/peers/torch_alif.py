"""E-prop 1 and BPTT of a network of ALIF units in PyTorch (Bellec et al. 2019, eqs. 25-26, 42-53).

    v = alpha v + W_rec z + W_in x - v_th z,   b = rho b + z,   z = H(v - v_th - beta b)
    y = kappa y + W_out z, then + b_out; softmax cross-entropy at every step, a mean over the batch

trace: e-prop with the traces of every synapse stepped in a loop, as the equations are printed.
trace-in-place: the same with no temporary array of a number per synapse that can be had without.
scan: e-prop with the traces summed away: a forward loop that keeps z and psi, a backward loop per
  unit, one product. This is the form that our own program takes.
bptt: automatic differentiation, with the pseudo-derivative as an autograd.Function. What does not
  depend on the state (input's part, readout) is outside the loop.
online: trace-in-place with a gradient step on all weights after every time step.

Weights, feedback, inputs and classes are those of our own work, from --data (`bench export`). The
unit is a time step of the whole batch. The loop of the trace form is linear in T: 20 of the 1000
steps are timed. --check compares every form's gradient with ours, and spike counts, on the first
steps; the gradients must differ where they should, too.
"""

import argparse
import json
import math
import pathlib
import sys

import numpy as np
import torch
from torch.nn import functional

from timing import measure, peak_kib
from torch_spikes import GAMMA, Spike, leak

ALPHA, RHO, KAPPA = math.exp(-1 / 20), math.exp(-1 / 200), math.exp(-1 / 20)
V_TH, BETA = 0.61, 0.03
TRACE_STEPS, ONLINE_STEPS, RATE = 20, 100, 1e-7


class Data:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.about = json.loads((folder / "about.json").read_text())
        n, inputs, outputs = (self.about[key] for key in ("units", "inputs", "outputs"))
        self.n, self.inputs, self.outputs = n, inputs, outputs
        self.steps, self.batch = self.about["steps"], self.about["batch"]

        def array(name, dtype=np.float32):
            return torch.from_numpy(np.fromfile(folder / name, dtype))

        def weights(name):
            flat = array(name)
            w, w_out, b_out = flat.split((n * (n + inputs + 1), outputs * n, outputs))
            w = w.view(n, n + inputs + 1)
            return w[:, :n].clone(), w[:, n:-1].clone(), w_out.view(outputs, n).clone(), b_out.clone()

        self.weights = weights("parameters")  # W_rec, W_in, W_out, b_out
        self.gradient = weights("gradient")  # ours
        self.feedback = array("feedback").view(outputs, n)
        self.x = array("x").view(self.steps, self.batch, inputs)
        self.classes = array("classes", np.int32).view(self.steps, self.batch).long()


def psi_of(x):
    """The pseudo-derivative dz/dv at x = (v - threshold) / v_th."""
    return GAMMA / V_TH * torch.clamp(1 - x.abs(), min=0)


# ---- BPTT -------------------------------------------------------------------------------------------


def bptt(data, steps):
    """Returns the gradients (W_rec, W_in, W_out, b_out) and the number of spikes."""
    w_rec, w_in, w_out, b_out = (w.detach().requires_grad_() for w in data.weights)
    transposed = w_rec.t()
    v = b = z = torch.zeros(data.batch, data.n)
    spikes = []
    for drive in functional.linear(data.x[:steps], w_in).unbind(0):
        v, b = ALPHA * v + torch.addmm(drive, z, transposed) - V_TH * z, RHO * b + z
        z = Spike.apply((v - V_TH - BETA * b) / V_TH)
        spikes.append(z)
    spikes = torch.stack(spikes)
    y = leak(functional.linear(spikes, w_out), KAPPA) + b_out
    loss = functional.cross_entropy(
        y.flatten(0, 1), data.classes[:steps].flatten(), reduction="sum"
    )
    (loss / data.batch).backward()
    w_rec.grad.fill_diagonal_(0)  # no unit feeds itself
    return (w_rec.grad, w_in.grad, w_out.grad, b_out.grad), spikes.detach().sum().item()


# ---- E-prop as scan and product ---------------------------------------------------------------------


def error(data, y, steps):
    """dE/dy of steps `steps` (a slice or a number)."""
    target = functional.one_hot(data.classes[steps], data.outputs)
    return (torch.softmax(y, -1) - target) / data.batch


@torch.no_grad()
def scan(data, steps):
    w_rec, w_in, w_out, b_out = data.weights
    transposed = w_rec.t().contiguous()
    drives = functional.linear(data.x[:steps], w_in)
    v = b = torch.zeros(data.batch, data.n)
    z = torch.zeros(steps + 1, data.batch, data.n)  # z[0]: before the first step
    psi = torch.empty(steps, data.batch, data.n)
    for t in range(steps):
        v = torch.addmm(drives[t], z[t], transposed).add_(v, alpha=ALPHA).sub_(z[t], alpha=V_TH)
        b = torch.add(z[t], b, alpha=RHO)
        x = torch.sub(v - V_TH, b, alpha=BETA).div_(V_TH)
        torch.gt(x, 0, out=z[t + 1])
        psi[t] = psi_of(x)

    err = error(data, leak(functional.linear(z[1:], w_out), KAPPA) + b_out, slice(0, steps))
    filtered = leak(err.flip(0), KAPPA).flip(0)  # backwards in time
    signal = filtered @ data.feedback

    delta = signal  # a step's signal is read before its delta is written
    lambda_v, lambda_b = torch.zeros(2, data.batch, data.n)
    for t in reversed(range(steps)):
        through = psi[t] * (signal[t] + lambda_b)
        lambda_v = torch.add(through, lambda_v, alpha=ALPHA)
        lambda_b = (RHO * lambda_b).sub_(through, alpha=BETA)
        delta[t] = lambda_v

    delta, filtered = delta.flatten(0, 1).t(), filtered.flatten(0, 1).t()
    g_rec = delta @ z[:-1].flatten(0, 1)
    g_rec.fill_diagonal_(0)
    g_in = delta @ data.x[:steps].flatten(0, 1)
    g_out = filtered @ z[1:].flatten(0, 1)
    return (g_rec, g_in, g_out, err.sum((0, 1))), z.sum().item()


# ---- E-prop with traces -----------------------------------------------------------------------------


class Traces:
    """Network, readout and traces, a step at a time."""

    def __init__(self, data):
        self.data = data
        n, inputs, outputs, batch = data.n, data.inputs, data.outputs, data.batch
        self.w_rec, self.w_in, self.w_out, self.b_out = (w.clone() for w in data.weights)
        self.v = self.b = self.z = torch.zeros(batch, n)
        self.y = torch.zeros(batch, outputs)
        self.spikes = 0.0
        self.pre = torch.zeros(batch, n + inputs)  # filtered presynaptic spikes, the trace of v
        self.trace_b = torch.zeros(batch, n, n + inputs)  # the trace of b
        self.filtered = torch.zeros(batch, n, n + inputs)  # e through the readout's filter
        self.post = torch.zeros(batch, n)  # z through the readout's filter
        self.g = torch.zeros(n, n + inputs)
        self.g_out, self.g_b = torch.zeros(outputs, n), torch.zeros(outputs)

    def forward(self, t):
        """One step of the network; returns the pseudo-derivative and dE/dy."""
        x, z = self.data.x[t], self.z
        self.pre = ALPHA * self.pre + torch.cat((z, x), 1)
        self.v = ALPHA * self.v + z @ self.w_rec.t() + x @ self.w_in.t() - V_TH * z
        self.b = RHO * self.b + z
        distance = (self.v - V_TH - BETA * self.b) / V_TH
        self.z = (distance > 0).to(distance.dtype)
        self.y = KAPPA * self.y + self.z @ self.w_out.t()
        self.post = KAPPA * self.post + self.z
        return psi_of(distance), error(self.data, self.y + self.b_out, t)

    def read_out(self, err):
        self.g_out += err.t() @ self.post
        self.g_b += err.sum(0)

    def step(self, t):
        psi, err = self.forward(t)
        e = psi[:, :, None] * (self.pre[:, None, :] - BETA * self.trace_b)
        self.trace_b = RHO * self.trace_b + e
        self.filtered = KAPPA * self.filtered + e
        signal = err @ self.data.feedback
        self.g += (signal[:, :, None] * self.filtered).sum(0)
        self.read_out(err)

    def gradients(self):
        n = self.data.n
        g_rec = self.g[:, :n].clone()
        g_rec.fill_diagonal_(0)
        return g_rec, self.g[:, n:], self.g_out, self.g_b


class TracesInPlace(Traces):
    def __init__(self, data):
        super().__init__(data)
        self.e = torch.empty_like(self.trace_b)

    def step(self, t):
        psi, err = self.forward(t)
        torch.sub(self.pre[:, None, :], self.trace_b, alpha=BETA, out=self.e)
        self.e.mul_(psi[:, :, None])
        self.trace_b.mul_(RHO).add_(self.e)
        self.filtered.mul_(KAPPA).add_(self.e)
        signal = err @ self.data.feedback
        self.g += torch.einsum("bj,bji->ji", signal, self.filtered)
        self.read_out(err)


@torch.no_grad()
def traced(data, steps, kind):
    network = kind(data)
    for t in range(steps):
        network.step(t)
        network.spikes += network.z.sum()
    return network.gradients(), network.spikes.item()


def online(data):
    network = TracesInPlace(data)
    at = 0

    @torch.no_grad()
    def run():
        nonlocal at
        for _ in range(ONLINE_STEPS):
            for g in (network.g, network.g_out, network.g_b):
                g.zero_()
            network.step(at)
            g_rec, g_in, g_out, g_b = network.gradients()
            network.w_rec.sub_(g_rec, alpha=RATE)
            network.w_in.sub_(g_in, alpha=RATE)
            network.w_out.sub_(g_out, alpha=RATE)
            network.b_out.sub_(g_b, alpha=RATE)
            at = (at + 1) % data.steps

    return run, ONLINE_STEPS


# ---- Works and check --------------------------------------------------------------------------------

FORMS = {
    "trace": lambda data, steps: traced(data, steps, Traces),
    "trace-in-place": lambda data, steps: traced(data, steps, TracesInPlace),
    "scan": scan,
    "bptt": bptt,
}


def work(name, data):
    """What is timed, and how many steps that is."""
    if name == "online":
        return online(data)
    steps = TRACE_STEPS if name.startswith("trace") else data.steps
    return lambda: FORMS[name](data, steps), steps


def apart(a, b):
    return max(((x - y).abs().max() / y.abs().max()).item() for x, y in zip(a, b))


def check(data):
    """Our gradient is e-prop's or that of BPTT, as the work that was exported says."""
    steps, spikes = data.about["checked_steps"], data.about["spikes"]
    is_bptt = data.about["work"].endswith("bptt")
    forms = ["bptt"] if is_bptt else ["trace", "trace-in-place", "scan"]
    differences = {}
    for name in forms:
        gradients, count = FORMS[name](data, steps)
        differences[name] = apart(gradients, data.gradient)
        assert count == spikes > 0, f"{name}: {count} spikes, ours has {spikes}"
        assert differences[name] < 1e-4, f"{name}: apart by {differences[name]}"
    others = [FORMS[name](data, steps)[0] for name in FORMS if name not in forms]
    assert all(apart(other[:1], data.gradient[:1]) > 1e-2 for other in others)
    print(json.dumps({"spikes": spikes, "apart": differences}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", nargs="?", choices=[*FORMS, "online"])
    parser.add_argument("--data", required=True, help="folder that `bench export` wrote")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samples", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    base = peak_kib()
    data = Data(args.data)
    if args.check:
        check(data)
        return
    if not args.work:
        sys.exit("a work, or --check, must be named")
    run, units = work(args.work, data)
    measure(args.work, args.threads, args.samples, units, run, base_kib=base)


if __name__ == "__main__":
    main()
