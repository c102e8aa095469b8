"""A world's step with learning in PyTorch (worlds_data.py), as it is mostly written: a loop, autograd for BPTT."""

import math
import random

import torch

from timing import arguments, measure
from worlds_data import *


def drawn(*shape):
    return torch.randn(*shape) / shape[-1] ** 0.5


class A2C:
    units = PULLS

    def __init__(self):
        self.cell = torch.nn.LSTMCell(LSTM_INPUTS, LSTM)
        self.readout = torch.nn.Linear(LSTM, ARMS + 1)
        self.optimiser = torch.optim.Adam([*self.cell.parameters(), *self.readout.parameters()], RATE)

    def call(self):
        h = c = torch.zeros(1, LSTM)
        p, x = [random.random() for _ in range(ARMS)], torch.zeros(1, LSTM_INPUTS)
        logs, values, rewards, entropies = [], [], [], []
        for t in range(PULLS):
            h, c = self.cell(x, (h, c))
            y = self.readout(h)[0]
            log = torch.log_softmax(y[:ARMS], 0)
            action = int(torch.multinomial(log.detach().exp(), 1))
            reward = float(random.random() < p[action])
            x = torch.zeros(1, LSTM_INPUTS)
            x[0, action], x[0, ARMS], x[0, ARMS + 1] = 1, reward, (t + 1) / PULLS
            logs.append(log[action])
            values.append(y[ARMS])
            rewards.append(reward)
            entropies.append(-(log.exp() * log).sum())
        returns, g = [], 0.0
        for reward in reversed(rewards):
            g = reward + GAMMA * g
            returns.append(g)
        off = torch.tensor(returns[::-1]) - torch.stack(values)
        loss = -(torch.stack(logs) * off.detach()).sum() - 0.1 * torch.stack(entropies).sum()
        self.optimiser.zero_grad(set_to_none=True)
        (loss + VALUE * 0.5 * (off * off).sum()).backward()
        self.optimiser.step()


class RFLO:
    units = 200

    def __init__(self):
        self.weights = drawn(UNITS, UNITS + INPUTS + 1), drawn(3, UNITS), torch.zeros(3)
        self.fading = [torch.zeros_like(w) for w in self.weights]
        self.r, self.trace = torch.zeros(UNITS), torch.zeros(UNITS, UNITS + INPUTS + 1)
        self.state, self.seen, self.before, self.goes_on = [0.0] * 4, torch.zeros(INPUTS), 0.0, 1.0
        self.one = torch.ones(1)

    def step(self):
        w, w_out, b = self.weights
        u = torch.cat((self.r, self.seen, self.one))
        phi = torch.tanh(w @ u)
        self.r = torch.lerp(self.r, phi, ALPHA)
        self.trace.mul_(1 - ALPHA).addr_(ALPHA * (1 - phi * phi), u)
        y = w_out @ self.r + b
        value = float(y[2])
        surprise = SCALE + ONLINE_GAMMA * self.goes_on * value - self.before
        for weight, fading in zip(self.weights, self.fading):
            weight.add_(fading, alpha=ONLINE_RATE * surprise)
        p = torch.softmax(y[:2], 0)
        action = int(torch.multinomial(p, 1))
        error = torch.cat((-p, self.one))
        error[action] += 1
        fade = ONLINE_GAMMA * FADE * self.goes_on
        self.fading[0].mul_(fade).addcmul_((error @ w_out)[:, None], self.trace)
        self.fading[1].mul_(fade).addr_(error, self.r)
        self.fading[2].mul_(fade).add_(error)
        self.state = push(self.state, FORCE * (2 * action - 1), math.sin, math.cos)
        self.before, self.goes_on = value, 1.0
        if abs(self.state[0]) > X_LIMIT or abs(self.state[2]) > THETA_LIMIT:
            self.state, self.goes_on = [0.1 * random.random() - 0.05 for _ in range(4)], 0.0
            self.r.zero_()
            self.trace.zero_()
        self.seen = torch.tensor([self.state[0], self.state[2], 1.0 - action, float(action), 1.0])

    @torch.no_grad()
    def call(self):
        for _ in range(self.units):
            self.step()


WORKS = {"a2c": A2C, "rflo": RFLO}

if __name__ == "__main__":
    args = arguments(WORKS)
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    work = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, work.units, work.call)
