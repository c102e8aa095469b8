"""A leaky tanh network, r = (1 - alpha) r + alpha tanh(W [r; x; 1]), trained by BPTT in PyTorch.

plain<n>b<batch>: as it is mostly written, the equation above and the readout in every step.
rnn<n>b<batch>: as fast as the loop gets: the input's part of W and the readout are each one product
for all steps, outside the loop, and a step is three calls. T = 1000, squared error. The unit is a
time step of the whole batch.
"""

import torch
from torch import nn
from torch.nn import functional

from timing import arguments, measure

ALPHA, STEPS, INPUTS, OUTPUTS = 0.5, 1000, 2, 2


def network(n, batch):
    def weights(*shape):
        return (torch.randn(*shape) / shape[-1] ** 0.5).requires_grad_()

    w_rec, w_in, w_out = weights(n, n), weights(n, INPUTS), weights(OUTPUTS, n)
    b, b_out = torch.zeros(n, requires_grad=True), torch.zeros(OUTPUTS, requires_grad=True)
    parameters = [w_rec, w_in, w_out, b, b_out]
    x = torch.randn(STEPS, batch, INPUTS)
    targets = torch.randn(STEPS, batch, OUTPUTS)

    def run():
        for p in parameters:
            p.grad = None
        transposed = w_rec.t()
        r = torch.zeros(batch, n)
        rates = []
        for drive in functional.linear(x, w_in, b).unbind(0):
            r = torch.lerp(r, torch.tanh(torch.addmm(drive, r, transposed)), ALPHA)
            rates.append(r)
        y = functional.linear(torch.stack(rates), w_out, b_out)
        functional.mse_loss(y, targets).backward()

    return run, STEPS


class Plain(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.hidden = nn.Linear(n + INPUTS, n)
        self.readout = nn.Linear(n, OUTPUTS)
        self.n = n

    def forward(self, x):
        r = torch.zeros(x.shape[1], self.n)
        outputs = []
        for t in range(x.shape[0]):
            a = self.hidden(torch.cat([r, x[t]], dim=1))
            r = (1 - ALPHA) * r + ALPHA * torch.tanh(a)
            outputs.append(self.readout(r))
        return torch.stack(outputs)


def plain(n, batch):
    model = Plain(n)
    x = torch.randn(STEPS, batch, INPUTS)
    targets = torch.randn(STEPS, batch, OUTPUTS)

    def run():
        model.zero_grad(set_to_none=True)
        functional.mse_loss(model(x), targets).backward()

    return run, STEPS


WORKS = {
    "plain32b1": lambda: plain(32, 1),
    "plain100b1": lambda: plain(100, 1),
    "plain100b32": lambda: plain(100, 32),
    "rnn32b1": lambda: network(32, 1),
    "rnn100b1": lambda: network(100, 1),
    "rnn100b32": lambda: network(100, 32),
}

if __name__ == "__main__":
    args = arguments(WORKS)
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    run, units = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, units, run)
