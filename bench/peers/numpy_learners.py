"""Online learners of a leaky tanh network in numpy, as Marschall et al. 2019 (Table 1) write them.

float64, batch 1, the sizes of the Add task. The unit is a time step: forward, softmax cross-entropy
and its error, the update of what the learner carries, its gradient, and an SGD step on all weights.
The Jacobian J is formed where the equations have it; tight-<learner> does without, as one who tunes
would: J v is (1-alpha) v + slope (W v).

--check holds every learner against exact real-time recurrent learning, or against the law that
defines it, on small networks.
"""

import itertools
import os
import sys

# Before numpy: its BLAS reads the number of threads once.
if "--threads" in sys.argv:
    os.environ["OPENBLAS_NUM_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"]

import numpy as np

from timing import arguments, measure

ALPHA, INPUTS, OUTPUTS, STEPS, RATE = 0.5, 2, 2, 64, 1e-4
EPSILON = 1e-7  # in the ratios of norms, so that a start at zero is no division by zero


class Network:
    """r_t = (1-alpha) r_{t-1} + alpha tanh(W [r_{t-1}; x_t; 1]), p_t = softmax(W_out r_t + b_out)."""

    def __init__(self, n, seed=1):
        random = np.random.default_rng(seed)
        self.n, self.m = n, n + INPUTS + 1
        self.w = np.zeros((n, self.m))
        self.w[:, :n] = np.linalg.qr(random.standard_normal((n, n)))[0]
        self.w[:, n:-1] = random.standard_normal((n, INPUTS)) / np.sqrt(INPUTS)
        self.w_out = random.standard_normal((OUTPUTS, n)) / np.sqrt(n)
        self.b_out = np.zeros(OUTPUTS)
        self.r = np.zeros(n)

    def forward(self, x):
        self.u = np.concatenate((self.r, x, (1.0,)))
        phi = np.tanh(self.w @ self.u)
        self.slope = ALPHA * (1 - phi * phi)  # dr/da
        self.r = (1 - ALPHA) * self.r + ALPHA * phi

    def judge(self, target):
        """The loss; leaves the errors of outputs and units."""
        y = self.w_out @ self.r + self.b_out
        p = np.exp(y - y.max())
        p /= p.sum()
        self.target = target
        self.error = p - target
        self.credit = self.w_out.T @ self.error
        return -target @ np.log(p)

    def jacobian(self):
        return (1 - ALPHA) * np.eye(self.n) + self.slope[:, None] * self.w[:, : self.n]

    def push(self, v):
        """J v"""
        return (1 - ALPHA) * v + self.slope * (self.w[:, : self.n] @ v)

    def pull(self, v):
        """J^T v"""
        return (1 - ALPHA) * v + self.w[:, : self.n].T @ (self.slope * v)

    def descend(self, gradient):
        self.w_out -= RATE * np.outer(self.error, self.r)
        self.b_out -= RATE * self.error
        self.w -= RATE * gradient


def ratio(a, b):
    return np.sqrt((np.linalg.norm(a) + EPSILON) / (np.linalg.norm(b) + EPSILON))


class Learner:
    def __init__(self, network, seed=2):
        self.net, self.random = network, np.random.default_rng(seed)
        self.begin(network.n, network.m)

    def signs(self, count):
        return 2.0 * self.random.integers(0, 2, count) - 1.0


class RTRL(Learner):
    """The exact one, for --check."""

    def begin(self, n, m):
        self.influence = np.zeros((n, n, m))

    def update(self):
        net = self.net
        self.influence = np.einsum("ki,ijl->kjl", net.jacobian(), self.influence)
        for i in range(net.n):
            self.influence[i, i] += net.slope[i] * net.u

    def gradient(self):
        return np.einsum("k,kij->ij", self.net.credit, self.influence)


class UORO(Learner):
    def begin(self, n, m):
        self.a, self.b = np.zeros(n), np.zeros((n, m))

    def update(self):
        net, nu = self.net, self.signs(self.net.n)
        pushed = self.pushed()
        fresh = np.outer(nu * net.slope, net.u)
        rho0, rho1 = ratio(self.b, pushed), ratio(fresh, nu)
        self.a = rho0 * pushed + rho1 * nu
        self.b = self.b / rho0 + fresh / rho1

    def pushed(self):
        return self.net.jacobian() @ self.a

    def gradient(self):
        return (self.net.credit @ self.a) * self.b


class TightUORO(UORO):
    def pushed(self):
        return self.net.push(self.a)


class KFRTRL(Learner):
    def begin(self, n, m):
        self.a, self.b = np.zeros(m), np.zeros((n, n))

    def update(self):
        net = self.net
        nu0, nu1 = self.signs(2)
        pushed = net.jacobian() @ self.b
        rho0, rho1 = ratio(pushed, self.a), ratio(net.slope, net.u)
        self.a = nu0 * rho0 * self.a + nu1 * rho1 * net.u
        self.b = nu0 / rho0 * pushed + np.diag(nu1 / rho1 * net.slope)

    def gradient(self):
        return np.outer(self.net.credit @ self.b, self.a)


class RKF(Learner):
    def begin(self, n, m):
        self.a, self.b = np.zeros(n), np.zeros((n, m))

    def update(self):
        net, nu = self.net, self.signs(self.net.n)
        pushed = net.jacobian() @ self.b
        fresh = np.outer(nu * net.slope, net.u)
        rho0, rho1 = ratio(pushed, self.a), ratio(fresh, nu)
        self.a = rho0 * self.a + rho1 * nu
        self.b = pushed / rho0 + fresh / rho1

    def gradient(self):
        return np.outer(self.a, self.net.credit @ self.b)


class RFLO(Learner):
    def begin(self, n, m):
        self.b = np.zeros((n, m))

    def update(self):
        self.b = (1 - ALPHA) * self.b + np.outer(self.net.slope, self.net.u)

    def gradient(self):
        return self.net.credit[:, None] * self.b


class SnAp1(Learner):
    def begin(self, n, m):
        self.b = np.zeros((n, m))

    def update(self):
        net = self.net
        keep = (1 - ALPHA) + net.slope * net.w.diagonal()
        self.b = keep[:, None] * self.b + np.outer(net.slope, net.u)

    def gradient(self):
        return self.net.credit[:, None] * self.b


class KeRNL(Learner):
    """A copy of the network is disturbed at every step; A, alpha learn to predict what becomes of it."""

    def begin(self, n, m, sigma=1e-3, rate=5.0, alpha=0.8):
        self.sigma, self.rate = sigma, rate
        self.a, self.b, self.alpha = np.eye(n), np.zeros((n, m)), np.full(n, alpha)
        self.omega, self.gamma = np.zeros(n), np.zeros(n)
        self.copy = self.net.r.copy()

    def update(self):
        net = self.net
        u = np.concatenate((self.copy, net.u[net.n :]))
        self.copy = (1 - ALPHA) * self.copy + ALPHA * np.tanh(net.w @ u)
        noise = self.sigma * self.random.standard_normal(net.n)
        self.copy += noise
        keep = np.maximum(0.0, 1 - self.alpha)
        self.gamma = keep * self.gamma - self.omega
        self.omega = keep * self.omega + noise
        self.b = keep[:, None] * self.b + np.outer(net.slope, net.u)
        self.miss = self.a @ self.omega - (self.copy - net.r)
        slope = self.miss @ self.a
        self.a -= self.rate * np.outer(self.miss, self.omega)
        self.alpha -= self.rate * slope * self.gamma

    def gradient(self):
        return (self.net.credit @ self.a)[:, None] * self.b


class DNI(Learner):
    """A linear map of [state; label; 1] predicts the credit of now and of all that follows."""

    REFRESH = 5

    def begin(self, n, m, rate=1e-3):
        size = n + OUTPUTS + 1
        self.rate, self.age = rate, 0
        self.a = self.random.standard_normal((n, size)) / np.sqrt(size)
        self.lagged = self.a.copy()
        self.before, self.credit_before = np.zeros(size), np.zeros(n)

    def update(self):
        net = self.net
        now = np.concatenate((net.r, net.target, (1.0,)))
        self.goal = self.credit_before + self.pulled(self.lagged @ now)
        self.a -= self.rate * np.outer(self.a @ self.before - self.goal, self.before)
        self.before, self.credit_before = now, net.credit
        self.age += 1
        if self.age % self.REFRESH == 0:
            self.lagged = self.a.copy()

    def pulled(self, credit):
        return credit @ self.net.jacobian()

    def gradient(self):
        return np.outer((self.a @ self.before) * self.net.slope, self.net.u)


class TightDNI(DNI):
    def pulled(self, credit):
        return self.net.pull(credit)


LEARNERS = {
    "uoro": UORO,
    "kf-rtrl": KFRTRL,
    "r-kf": RKF,
    "kernl": KeRNL,
    "rflo": RFLO,
    "dni": DNI,
    "snap1": SnAp1,
    "tight-uoro": TightUORO,
    "tight-dni": TightDNI,
}


def data(steps, seed=3):
    """Coins and probabilities, as in the Add task."""
    coins = np.random.default_rng(seed).integers(0, 2, steps + 5).astype(float)
    y = 0.5 + 0.5 * coins[2:-3] - 0.25 * coins[:-5]
    return np.stack((coins[5:], 1 - coins[5:]), 1), np.stack((y, 1 - y), 1)


def work(kind, n):
    network = Network(n)
    learner = kind(network)
    inputs, targets = data(STEPS)

    def run():
        for x, target in zip(inputs, targets):
            network.forward(x)
            network.judge(target)
            learner.update()
            network.descend(learner.gradient())

    return run, STEPS


WORKS = {f"{name}-{n}": lambda kind=kind, n=n: work(kind, n) for name, kind in LEARNERS.items() for n in (32, 100)}

# ---- --check ---------------------------------------------------------------------------------------


def total(kind, make, steps, prepare=lambda learner: None, each=lambda learner, t: None):
    """The gradient of `steps` steps with fixed weights."""
    network = make()
    learner = kind(network)
    prepare(learner)
    gradient = 0
    for t, (x, target) in enumerate(zip(*data(steps))):
        network.forward(x)
        network.judge(target)
        learner.update()
        each(learner, t)
        gradient = gradient + learner.gradient()
    return gradient


def apart(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


def diagonal(n=5):
    network = Network(n)
    network.w[:, :n] = np.diag(np.linspace(-0.9, 0.9, n))
    return network


def alone(n=5):
    network = Network(n)
    network.w[:, :n] = 0
    return network


def check_rtrl():
    """Against central differences of the loss."""
    steps, h = 6, 1e-6
    exact = total(RTRL, lambda: Network(3), steps)
    differences = np.zeros_like(exact)
    for i, j in np.ndindex(*exact.shape):
        for sign in (1, -1):
            network = Network(3)
            network.w[i, j] += sign * h
            for x, target in zip(*data(steps)):
                network.forward(x)
                differences[i, j] += sign * network.judge(target) / (2 * h)
    assert apart(differences, exact) < 1e-7


def check_mean(kind, signs_a_step):
    """The mean over every sequence of signs is the exact gradient; a single draw is not."""
    n, steps = 2, 3
    exact = total(RTRL, lambda: Network(n), steps)
    mean, count = 0, 0
    for signs in itertools.product((1.0, -1.0), repeat=signs_a_step * steps):
        stock = iter(signs)
        prepare = lambda learner: setattr(learner, "signs", lambda k: np.array([next(stock) for _ in range(k)]))
        one = total(kind, lambda: Network(n), steps, prepare)
        mean, count = mean + one, count + 1
    assert apart(mean / count, exact) < 1e-10
    assert apart(one, exact) > 1e-2


def check_snap1():
    assert apart(total(SnAp1, diagonal, 30), total(RTRL, diagonal, 30)) < 1e-12
    assert apart(total(SnAp1, lambda: Network(5), 30), total(RTRL, lambda: Network(5), 30)) > 1e-2


def check_rflo():
    assert apart(total(RFLO, alone, 30), total(RTRL, alone, 30)) < 1e-12
    assert apart(total(RFLO, diagonal, 30), total(RTRL, diagonal, 30)) > 1e-2


def check_kernl():
    """With A = I, the network's own time scale and no learning it is RFLO. Where the units are alone
    its model is exact, so that nothing is missed; elsewhere something is."""

    def fixed(learner):
        learner.rate, learner.alpha = 0, np.full(learner.net.n, ALPHA)

    missed = []
    each = lambda learner, t: missed.append(np.abs(learner.miss).max())
    reference = total(RFLO, lambda: Network(5), 30)
    assert apart(total(KeRNL, lambda: Network(5), 30, fixed, each), reference) < 1e-12
    assert apart(total(KeRNL, lambda: Network(5), 30), reference) > 1e-2
    assert max(missed) > 1e-4
    missed.clear()
    total(KeRNL, alone, 30, fixed, each)
    assert max(missed) < 1e-12


def check_dni(kind):
    """A map that predicts the true credit gives the exact gradient, and its own target is then the
    true credit of one step ago."""
    n, steps = 8, 6
    network = Network(n)
    seen, credits, jacobians = [], [], []
    for x, target in zip(*data(steps)):
        network.forward(x)
        network.judge(target)
        seen.append(np.concatenate((network.r, target, (1.0,))))
        credits.append(network.credit)
        jacobians.append(network.jacobian())
    for t in reversed(range(steps - 1)):
        credits[t] = credits[t] + jacobians[t + 1].T @ credits[t + 1]
    oracle = np.linalg.lstsq(np.array(seen), np.array(credits), rcond=None)[0].T

    def prepare(learner):
        learner.rate, learner.a, learner.lagged = 0, oracle.copy(), oracle.copy()

    def each(learner, t):
        if t > 0:
            assert apart(learner.goal, credits[t - 1]) < 1e-9

    exact = total(RTRL, lambda: Network(n), steps)
    assert apart(total(kind, lambda: Network(n), steps, prepare, each), exact) < 1e-9
    assert apart(total(kind, lambda: Network(n), steps), exact) > 1e-2


def check():
    check_rtrl()
    check_mean(UORO, 2)
    check_mean(TightUORO, 2)
    check_mean(KFRTRL, 2)
    check_mean(RKF, 2)
    check_snap1()
    check_rflo()
    check_kernl()
    check_dni(DNI)
    check_dni(TightDNI)
    print("all learners keep their laws")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check()
        sys.exit()
    args = arguments(WORKS)
    run, units = WORKS[args.work]()
    measure(args.work, args.threads, args.samples, units, run)
