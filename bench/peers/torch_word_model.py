"""The word model of Bellec et al. 2019, task 3.2, in PyTorch, and its LSTM part alone.

Embedding 200, one LSTM of 200, softmax over 10,000 words, batch 20; SGD with learning rate 1 and
the gradient clipped to norm 5. The unit is a word.
"""

import torch
from torch import nn
from torch.nn import functional

from timing import arguments, measure

UNITS, WORDS, BATCH = 200, 10_000, 20


class WordModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, UNITS)
        self.lstm = nn.LSTM(UNITS, UNITS)
        self.readout = nn.Linear(UNITS, WORDS)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(self, words, state):
        h, state = self.lstm(self.embedding(words), state)
        return self.readout(h), state


def word_model(steps):
    model = WordModel()
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    words = torch.randint(WORDS, (steps, BATCH))
    targets = torch.randint(WORDS, (steps * BATCH,))
    state = (torch.zeros(1, BATCH, UNITS), torch.zeros(1, BATCH, UNITS))

    def run():
        nonlocal state
        optimiser.zero_grad(set_to_none=True)
        y, state = model(words, tuple(s.detach() for s in state))
        loss = functional.cross_entropy(y.view(-1, WORDS), targets, reduction="sum") / BATCH
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        loss.item()

    return run, steps * BATCH


def lstm_alone(steps):
    """Forward, backward and the weights' gradient, with the output's gradient given."""
    lstm = nn.LSTM(UNITS, UNITS)
    x = torch.randn(steps, BATCH, UNITS)
    gradient = torch.randn(steps, BATCH, UNITS)
    state = (torch.zeros(1, BATCH, UNITS), torch.zeros(1, BATCH, UNITS))

    def run():
        nonlocal state
        lstm.zero_grad(set_to_none=True)
        h, state = lstm(x, tuple(s.detach() for s in state))
        h.backward(gradient)

    return run, steps * BATCH


WORKS = {
    "word20": lambda: word_model(20),
    "word4": lambda: word_model(4),
    "lstm20": lambda: lstm_alone(20),
}

if __name__ == "__main__":
    args = arguments(WORKS)
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    run, units = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, units, run)
