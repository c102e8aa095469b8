"""What the PyTorch peers of spiking networks share: a step function with the triangle of Bellec et al. 2018 as its
pseudo-derivative, and the filter of a readout."""

import torch

GAMMA = 0.3


class Spike(torch.autograd.Function):
    """1 where x = (v - threshold) / v_th is above 0; backwards GAMMA max(0, 1 - |x|)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * GAMMA * torch.clamp(1 - x.abs(), min=0)


def leak(inputs, decay):
    """Every step of y = decay y + input; inputs are (steps, ...)."""
    y, every = torch.zeros_like(inputs[0]), []
    for step in inputs.unbind(0):
        y = decay * y + step
        every.append(y)
    return torch.stack(every)
