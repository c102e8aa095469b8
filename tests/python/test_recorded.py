"""Losses, targets and gradients on a user's arrays, held against implementations in numpy that know nothing of tapes.

The gradients are complex-step derivatives of a plain forward pass: no difference is taken, so they are right to the
last digits.
"""

import numpy as np
import pytest

import hitherto as hh

N, T, SEEN, ACTIONS, UNITS, KEYS, VALUES = 3, 12, 4, 3, 5, 3, 2
GAMMA, LAMBDA, SHARE, VALUE, ENTROPY = 0.6, 0.8, 0.7, 0.4, 0.02
SETTINGS = dict(cell={"name": "rate", "alpha": 0.7, "phi": "tanh"}, learner="bptt",
                agent={"gamma": GAMMA, "lambda": LAMBDA}, loss={"name": "actor-critic", "value": VALUE, "entropy": ENTROPY},
                train={"batch": N, "seed": 1}, check={"batch": N, "steps": T, "samples": 4, "learners": "rtrl"})


def episodes(store, strength=False):
    """What was seen, done and earned, episodes of unequal length, and all weights. strength: the store learns that of
    its reads, which then are above and below 2."""
    draw = np.random.default_rng(5)
    n_in, reads = SEEN + ACTIONS + 1, UNITS + (VALUES if store else 0)
    data = dict(inputs=draw.standard_normal((N, T, SEEN)),
                targets=np.stack([draw.integers(0, ACTIONS, (N, T)), draw.standard_normal((N, T))], 2),
                lengths=np.array([T, T - 3, T - 1]),
                w_in=draw.standard_normal((UNITS, n_in)), w_rec=draw.standard_normal((UNITS, UNITS)) / 2,
                b_rec=draw.standard_normal(UNITS), w_out=draw.standard_normal((ACTIONS + 1, reads)),
                b_out=draw.standard_normal(ACTIONS + 1))
    data["targets"][0, 4, 0] = -1  # an action that did not count
    if store:
        rows = 2 * KEYS + VALUES + strength
        data |= dict(w_store=2 * draw.standard_normal((rows, UNITS)), b_store=draw.standard_normal(rows))
        data["b_store"][KEYS] += 2 * strength
    return data


# ---- The same, written plainly ---------------------------------------------------------------------------------------

def forward(w, data, n):
    """Outputs (steps, actions + 1) of episode n, what each read weighs (rows are steps), and strengths, where they are
    learned."""
    z, rows, outputs, reads, strengths = np.zeros(UNITS), [], [], [], []
    last = np.zeros(ACTIONS + 1)
    for t in range(data["lengths"][n]):
        x = np.concatenate([data["inputs"][n, t], last])
        z = 0.3 * z + 0.7 * np.tanh(w["w_rec"] @ z + w["w_in"] @ x + w["b_rec"])
        shown = z
        if "w_store" in w:
            said = w["w_store"] @ z + w["b_store"]
            key, value = np.split(said[-KEYS - VALUES:], [KEYS])
            learned = len(said) - 2 * KEYS - VALUES
            strengths += [np.log(1 + np.exp(said[KEYS]))] * learned
            scores = np.array([said[:KEYS] @ k * (strengths[-1] if learned else 1) for k, _ in rows])
            p = np.exp(scores - scores.real.max(initial=-np.inf)) if rows else scores
            p = p / p.sum() if rows else p
            reads.append(p.real)
            shown = np.concatenate([z, sum((a * v for a, (_, v) in zip(p, rows)), np.zeros(VALUES))])
            rows.append((key, value))
        outputs.append(w["w_out"] @ shown + w["b_out"])
        action, reward = data["targets"][n, t]
        last = np.zeros(ACTIONS + 1)
        last[int(action)] = action >= 0
        last[ACTIONS] = reward
    return np.array(outputs), reads, np.array(strengths)


def transport(rewards, values, reads, strengths, gamma):
    """Hung et al. 2019: the value of the surest read of each run of sure reads goes to what it remembers. A read is sure
    that has a strength above 2, or more than half of one row where no strength is learned."""
    rewards, quiet = rewards.copy(), int(1 / (1 - gamma))
    far = [len(p) > 0 and t - p.argmax() > quiet for t, p in enumerate(reads)]
    beta, least = (strengths, 2) if len(strengths) else ([p.max(initial=0) for p in reads], 0.5)
    sure = [b if f and b > least else 0 for b, f in zip(beta, far)] + [0]
    run = []
    for t, s in enumerate(sure):
        if s:
            run.append(t)
        elif run:
            best = max(run, key=lambda i: sure[i])
            for row, p in enumerate(reads[best]):
                if best - row > quiet:
                    rewards[row] += SHARE * p * values[best]
            run = []
    return rewards


def targets_of(w, data, n, how, gamma):
    """Advantages and returns, constants for the gradient."""
    y, reads, strengths = forward(w, data, n)
    rewards, values = data["targets"][n, :len(y), 1], y[:, ACTIONS]
    if how == "transport":
        rewards = transport(rewards, values, reads, strengths, gamma)
    advantages, after = np.zeros(len(y)), 0.0
    for t in reversed(range(len(y))):
        following = values[t + 1] if t + 1 < len(y) else 0
        after = advantages[t] = rewards[t] + gamma * following - values[t] + gamma * LAMBDA * after
    return advantages, advantages + values


def loss_of(w, data, fixed):
    """E, the sum over steps and the mean over episodes."""
    E = 0
    for n in range(N):
        y = forward(w, data, n)[0]
        A, G = fixed[n]
        log_pi = y[:, :ACTIONS] - np.log(np.exp(y[:, :ACTIONS]).sum(1))[:, None]
        taken = data["targets"][n, :len(y), 0].astype(int)
        counts = 1.0 * (taken >= 0)
        entropy = -(np.exp(log_pi) * log_pi).sum(1)
        E = E + (-counts * A * log_pi[np.arange(len(y)), taken] + VALUE / 2 * (y[:, ACTIONS] - G) ** 2
                 - ENTROPY * counts * entropy).sum() / N
    return E


def gradients_of(w, data, fixed):
    """dE/dw by complex steps."""
    found = {}
    for name, values in w.items():
        found[name] = np.zeros(values.shape)
        for i in np.ndindex(values.shape):
            moved = values.astype(complex)
            moved[i] += 1e-30j
            found[name][i] = loss_of({**w, name: moved}, data, fixed).imag / 1e-30
    return found


def blocks_of(parts, store):
    """Arrays of a user as parameter blocks."""
    found = {"layer0.weight": np.hstack([parts["w_rec"], parts["w_in"], parts["b_rec"][:, None]]),
             "readout.weight": parts["w_out"], "readout.bias": parts["b_out"].reshape(-1, 1)}
    if store:
        # Before them stand columns for the store's own reads, which do not exist.
        own = np.zeros((len(parts["w_store"]), VALUES))
        found["layer1.weight"] = np.hstack([own, parts["w_store"], parts["b_store"][:, None]])
    return found


def nearness(a, b):
    return np.abs(a.reshape(b.shape) - b).max() / np.abs(b).max()


# ---- Tests -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("how, strength", [("discounted", False), ("transport", False), ("transport", True)])
def test_actor_critic_on_arrays(how, strength, tmp_path):
    store = how == "transport"
    data = episodes(store, strength)
    np.savez(tmp_path / "episodes.npz", **data)
    network = {"units": [UNITS, VALUES], "layers": "units,store"} if store else {"units": UNITS}
    rows = {"keys": KEYS, "scale": 1, "strength": "learned" if strength else "fixed"}
    settings = {**SETTINGS, "agent": {**SETTINGS["agent"], "return": how, **({"share": SHARE} if store else {})},
                "network": network, **({"store": rows} if store else {})}
    hh.check(world={"name": "recorded", "file": tmp_path / "episodes.npz"}, out=tmp_path / "g.npz", **settings)
    found = np.load(tmp_path / "g.npz")
    # The same in numpy.
    w = {name: data[name] for name in ("w_rec", "w_in", "b_rec", "w_store", "b_store", "w_out", "b_out") if name in data}
    fixed = [targets_of(w, data, n, how, GAMMA) for n in range(N)]
    for n, (A, G) in enumerate(fixed):
        steps, taken = len(A), data["targets"][n, :len(A), 0].astype(int)
        assert nearness(found["outputs"][n, :steps], forward(w, data, n)[0]) < 1e-13
        assert nearness(found["targets"][n, :steps, ACTIONS], G) < 1e-12
        assert nearness(found["targets"][n, np.arange(steps), np.maximum(taken, 0)], A * (taken >= 0)) < 1e-12
        assert (found["weights"][n, steps:] == 0).all()
    assert abs(found["loss"][0] / loss_of(w, data, fixed) - 1) < 1e-12
    gradients = blocks_of(gradients_of(w, data, fixed), store)
    values = blocks_of(w, store)
    for name, ours in gradients.items():
        assert (found[name] == values[name].reshape(found[name].shape)).all()
        for prefix in ("gradient.", "learner."):
            assert nearness(found[prefix + name], ours) < 1e-12, name
    # Controls: strengths choose other reads than weights; other returns are another gradient.
    if strength:
        y, reads, strengths = forward(w, data, 0)
        rewards, values = data["targets"][0, :len(y), 1], y[:, ACTIONS]
        by_strength, by_weight = (transport(rewards, values, reads, beta, GAMMA) for beta in (strengths, []))
        assert nearness(by_weight, by_strength) > 1e-4
    others = [targets_of(w, data, n, "discounted", 0.5 if how == "discounted" else GAMMA) for n in range(N)]
    for name, other in blocks_of(gradients_of(w, data, others), store).items():
        assert nearness(found["gradient." + name], other) > 1e-4, name


def plain_force(data, w, alpha, forgetting, every):
    """Losses of all steps and the last readout: outputs of the step before are fed back, then the readout learns."""
    z, y, P, W, losses = np.zeros(UNITS), np.zeros(2), np.eye(UNITS) / alpha, w["w_out"].copy(), []
    for t, (x, target) in enumerate(zip(data["inputs"][0], data["targets"][0])):
        z = 0.4 * z + 0.6 * np.tanh(w["w_rec"] @ z + w["w_in"] @ x + w["w_fb"] @ y + w["b_rec"])
        y = W @ z
        losses.append(((y - target) ** 2).sum() / 2)
        if t % every == 0:
            k = P @ z / (forgetting + z @ P @ z)
            P = (P - np.outer(k, P @ z)) / forgetting
            W = W - np.outer(y - target, k)
    return np.array(losses), W


@pytest.mark.parametrize("forgetting", [1.0, 0.98])
def test_force_on_arrays(forgetting, tmp_path):
    """FORCE (Sussillo & Abbott 2009): the loss of every step, and the weights in the end."""
    draw, steps, time = np.random.default_rng(7), 60, np.arange(60)
    data = dict(inputs=draw.standard_normal((1, steps, 1)), targets=np.stack([np.sin(time / 3), np.cos(time / 5)], 1)[None])
    w = dict(w_rec=1.5 * draw.standard_normal((UNITS, UNITS)) / np.sqrt(UNITS), w_in=draw.standard_normal((UNITS, 1)),
             w_fb=draw.uniform(-1, 1, (UNITS, 2)), b_rec=draw.standard_normal(UNITS), w_out=draw.standard_normal((2, UNITS)))
    run = hh.train(data={**data, **w}, cell={"name": "rate", "alpha": 0.6, "phi": "tanh"}, network={"units": UNITS},
                   readout={"feedback": True, "bias": False}, loss="mse",
                   learner={"name": "rls", "rls_alpha": 0.5, "rls_every": 2, "rls_forgetting": forgetting, "steps": 1},
                   train={"epochs": 1, "report_every": 1, "precision": "double", "validate_every": -1}, out=tmp_path / "run")
    losses, W = plain_force(data, w, 0.5, forgetting, 2)
    assert nearness(run.metrics["train_loss"][:steps], losses) < 1e-12
    assert nearness(run.parameters["readout.weight"], W) < 1e-12
    assert (run.parameters["readout.weight"] != w["w_out"]).all()  # it learned
    for other in (0.6, forgetting, 2), (0.5, 0.97, 2), (0.5, forgetting, 1):  # the controls
        assert nearness(run.metrics["train_loss"][:steps], plain_force(data, w, *other)[0]) > 1e-4


# ---- What is refused -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("changes, words", [
    (dict(targets=np.zeros((2, 4), int)), "targets must have two numbers for each step"),
    (dict(targets=np.zeros((2, 4, 3))), "targets must have two numbers for each step"),
    (dict(targets=np.full((2, 4, 2), 0.5)), "episode 0, step 0: the first target is 0.5, but must be an action"),
    (dict(targets=np.full((2, 4, 2), -2.0)), "but must be an action"),
    (dict(mask=np.array([[1, 1, 1, 1], [1, 0, 1, 1]])), "episode 1, step 1: mask must be 1"),
    (dict(reward=np.zeros(3)), "reward"),
])
def test_wrong_recordings(changes, words, tmp_path):
    data = {**dict(inputs=np.zeros((2, 4, 3)), targets=np.zeros((2, 4, 2))), **changes}
    np.savez(tmp_path / "wrong.npz", **data)
    with pytest.raises(hh.SettingError, match=words):
        hh.train(world={"name": "recorded", "file": tmp_path / "wrong.npz"}, train={"steps": 8}, out=tmp_path / "run")
    assert not (tmp_path / "run" / "settings.yaml").exists()
