"""What the peers of a world's step share: sizes and constants of the two works.

a2c: the bandit with two arms, 100 pulls an episode, batch 1; an LSTM of 48 units reads the last action, its reward and
the time; advantage actor-critic by BPTT over the episode, lambda 1, Adam after each.
rflo: cart-pole without velocities; 32 rate units read x, theta, the last action and its reward; actor-critic with
TD(lambda), whose sum of fading gradients RFLO makes, and gradient descent at each step.
"""

import math

PULLS, ARMS, GAMMA, VALUE, RATE = 100, 2, 0.8, 0.05, 1e-3
LSTM, LSTM_INPUTS = 48, ARMS + 2
UNITS, ALPHA, INPUTS, FADE, ONLINE_GAMMA, ONLINE_RATE, SCALE = 32, 0.5, 5, 0.9, 0.99, 1e-4, 0.1
STEPS = 1000  # of cart-pole in a call
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
# Barto, Sutton & Anderson 1983
GRAVITY, POLE, TOTAL, HALF, FORCE, TAU = 9.8, 0.1, 1.1, 0.5, 10.0, 0.02
X_LIMIT, THETA_LIMIT = 2.4, 12 * math.pi / 180


def push(state, force, sin, cos):
    """The cart and the pole, 20 ms later."""
    x, v, theta, w = state
    inner = (force + POLE * HALF * w * w * sin(theta)) / TOTAL
    turn = GRAVITY * sin(theta) - cos(theta) * inner
    turn = turn / (HALF * (4 / 3 - POLE * cos(theta) ** 2 / TOTAL))
    push_ = inner - POLE * HALF * turn * cos(theta) / TOTAL
    return x + TAU * v, v + TAU * push_, theta + TAU * w, w + TAU * turn
