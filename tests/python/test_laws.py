"""A model in this process is a run of the program; a million calls leave no memory behind; wrong arrays are refused."""

import subprocess

import numpy as np
import pytest

import hitherto as hh
from hitherto._files import settings_of
from hitherto._program import program

LEARNERS = ["tbptt", "rtrl", "snap1", "uoro", "kf-rtrl", "r-kf", "kernl", "rflo", "eprop1-symmetric", "dni"]


def numbers(steps=60):
    """A sequence whose numbers single precision has too."""
    x = np.random.default_rng(0).standard_normal((steps, 3)).astype("f4")
    return x, (np.cumsum(x[:, :2], 0) / 3).astype("f4")


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_a_model_is_a_run_of_the_program(learner, precision, tmp_path):
    x, y = numbers()
    steps = 5 if learner == "tbptt" else 1
    settings = dict(cell="rate", units=6, loss="mse", lr=0.01,
                    learner={"name": learner, "steps": steps, "update": "tape"})
    run = hh.train(data=dict(inputs=x[None], targets=y[None]), out=tmp_path / "python",
                   train={"epochs": 1, "seed": 3, "precision": precision}, **settings)
    file = settings_of(run.path / "settings.yaml")["data.file"]
    words = ["data=arrays", f"data.file={file}", "cell=rate", "network.units=6", "loss=mse", "optimiser.lr=0.01",
             f"learner={learner}", f"learner.steps={steps}", "learner.update=tape",
             "train.epochs=1", "train.seed=3", f"train.precision={precision}"]
    subprocess.run([program(), "train", *words, "--quiet", "--out", tmp_path / "shell"], check=True)
    model, other = (hh.Model(inputs=3, outputs=2, seed=seed, precision=precision, **settings) for seed in (3, 4))
    for one in (model, other):
        for pair in zip(x[:-1], y):
            one.step(*pair)
        one.predict(x[-1])
        one.learn(y[-1], ends=True)
    for parameters in (run.parameters, hh.Run(tmp_path / "shell").parameters):
        for name, values in model.parameters.items():
            np.testing.assert_array_equal(values, parameters[name])
            assert values.dtype == parameters[name].dtype
    assert any((values != run.parameters[name]).any() for name, values in other.parameters.items())  # the control


def resident():
    """Bytes of this process that lie in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def grown(work, calls):
    """Bytes a call by which the process grew, the first calls apart."""
    work(calls // 10)
    before = resident()
    work(calls)
    return (resident() - before) / calls


def test_a_million_calls_leave_nothing_behind():
    model = hh.Model(inputs=3, outputs=2, units=2, learner="rflo", lr=0.01)
    pairs = list(zip(*numbers(1000)))

    def work(calls):
        for _ in range(calls // 4000):
            for x, y in pairs:
                model.predict(x)
                model.learn(y)
                model.step(x, y)
                model.parameters
            model.predict_many(pairs[0][0][None])  # makes a model

    kept = []

    def hoard(calls):  # the control
        kept.extend(model.predict(pairs[0][0]) for _ in range(calls))

    assert grown(work, 1_000_000) < 0.5
    assert grown(hoard, 50_000) > 50


class Elsewhere:
    """What an array on a graphics card shows of itself."""

    def __dlpack_device__(self):
        return 2, 0

    def __len__(self):
        return 3

    def __array__(self, *_, **__):
        raise TypeError("no")


@pytest.mark.parametrize("call", [
    lambda model: model.predict(Elsewhere()),
    lambda model: model.step(Elsewhere(), [0, 0]),
    lambda model: model.learn_many(Elsewhere()),
    lambda model: (model.predict([0, 0, 0]), model.learn(Elsewhere())),
    lambda model: (model.predict([0, 0, 0]), model.backward(Elsewhere())),
])
def test_an_array_on_another_device_is_refused(call):
    with pytest.raises(hh.SettingError, match="lies on another device; bring it to the CPU first"):
        call(hh.Model(inputs=3, outputs=2, units=2, learner="rflo"))


@pytest.mark.parametrize("x", [0.5, [0.5], [[0.5, 1, 2], [0.5, 1, 2]], [1, 2]])
def test_numbers_are_not_spread(x):
    """One number in place of three is a mistake, not three times that number."""
    model = hh.Model(inputs=3, outputs=1, units=2, learner="rflo")
    with pytest.raises(hh.SettingError, match=r"x has the shape \(.*\), but must have \(3,\)"):
        model.predict(x)
    model.predict([0.5, 1, 2])
    with pytest.raises(hh.SettingError, match=r"y has the shape \(2,\), but must have \(1,\)"):
        model.learn([1, 2])
    assert model.learn(1) == model.loss


@pytest.mark.parametrize("batch", [2, 3])
def test_a_batch_is_not_filled_by_a_part_of_it(batch):
    """One row in place of all, one column, or axes in another order: each is a mistake, not what numpy makes of it."""
    x = np.arange(3.0 * batch).reshape(batch, 3)
    model = hh.Model(inputs=3, outputs=2, units=2, batch=batch, learner="rflo")
    for part in (x[0], x[:, :1], x.ravel(), x.T if batch != 3 else x[0], 0.5):
        with pytest.raises(hh.SettingError, match="x has the shape"):
            model.predict(part)
    model.predict(x)
    for part in ([0.5, 1], [[0.5]] * batch, 1):
        with pytest.raises(hh.SettingError, match="y has the shape"):
            model.learn(part)
    assert model.learn(np.ones((batch, 2))) > 0
    # An axis of one number may be missing.
    model = hh.Model(inputs=1, outputs=1, units=2, batch=batch, learner="rflo")
    assert np.array_equal(model.predict(x[:, 0]).shape, (batch, 1))
    assert model.learn(x[:, 1]) > 0


def test_the_loss_is_that_of_the_last_call():
    x, y = numbers()
    model = hh.Model(inputs=3, outputs=2, units=2, learner="rflo", lr=0)
    model.learn_many(x, y)
    first = model.loss
    model.reset()
    model.learn_many(x, y)
    assert first == model.loss > 0
    model.reset()
    losses = []
    for pair in zip(x, y):
        model.step(*pair)
        losses.append(model.loss)
    assert np.isclose(sum(losses), first, rtol=1e-6)
