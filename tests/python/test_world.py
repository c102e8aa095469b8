"""A class as a world: the bits of the same world as a program, what goes wrong in it, resuming, Gymnasium's form."""

import inspect
import sys
import traceback

import numpy as np
import pytest

import hitherto as hh

TRAIN = {"steps": 60, "batch": 2, "seed": 3, "validation_steps": 12}
SETTINGS = dict(units=4, learner={"name": "rtrl", "steps": 4})


class Toy:
    """What is seen and what pays follows from the seed and the actions; nine steps at most."""

    actions, steps = 3, 20

    def reset(self, seed):
        self.state, self.time = seed % 7, 0
        return [self.state / 3, 0.1]

    def step(self, action):
        reward = 1 / 3 if action == self.state % 3 else 0.0
        self.state, self.time = (self.state * 3 + self.time + action) % 7, self.time + 1
        return [self.state / 3, self.time / 7], reward, self.time >= 6 + self.state % 3


class Gym(Toy):
    """The same with the interface of Gymnasium."""

    actions = steps = None
    action_space = type("Discrete", (), {"n": 3})()
    spec = type("Spec", (), {"max_episode_steps": 20})()

    def reset(self, *, seed=None, options=None):
        return super().reset(seed), {}

    def step(self, action):
        seen, reward, ended = super().step(action)
        return {"x": np.array(seen[:1]), "y": np.array(seen[1:])}, reward, ended, False, {}


PROGRAM = """
import sys
world = Toy()
for line in sys.stdin:
    word, number = line.split()
    if word == "reset":
        numbers = list(world.reset(int(number)))
    else:
        seen, reward, ended = world.step(int(number))
        numbers = [reward, int(ended), *seen]
    print(*(repr(float(number)) for number in numbers), flush=True)
"""


def same(a, b):
    return all((values == b.parameters[name]).all() for name, values in a.parameters.items())


def test_a_class_has_the_bits_of_a_program(tmp_path):
    script = tmp_path / "toy.py"
    script.write_text(inspect.getsource(Toy) + PROGRAM)
    pipe = {"name": "pipe", "command": f"{sys.executable} {script}", "inputs": 2, "actions": 3, "steps": 20}
    program = hh.train(world=pipe, train=TRAIN, out=tmp_path / "program", **SETTINGS)
    for name, world in ("toy", Toy), ("gym", Gym), ("maker", lambda: Toy()):
        run = hh.train(world=world, train=TRAIN, out=tmp_path / name, **SETTINGS)
        assert same(run, program) and run.summary["train_loss"] == program.summary["train_loss"]
    other = hh.train(world=Toy, train={**TRAIN, "seed": 4}, out=tmp_path / "other", **SETTINGS)
    assert not same(other, program)  # the control


def test_runs_go_on_and_are_looked_at(tmp_path):
    settings = dict(units=4, learner={"name": "rtrl", "steps": 1})
    whole = hh.train(world=Toy, train=TRAIN, out=tmp_path / "whole", **settings)
    part = hh.train(world=Toy, train={**TRAIN, "steps": 25}, out=tmp_path / "part", **settings)
    assert not same(part, whole)
    part.resume(world=Toy, train={"steps": 60})  # in the middle of an episode
    assert same(part, whole)
    assert "loss" in part.evaluate(world=Toy)
    assert part.record(world=Toy)["inputs"].shape[2] == 2 + 3 + 1
    with pytest.raises(hh.Error, match="cannot be reached"):
        part.resume(train={"steps": 70})  # its socket is gone


def test_what_goes_wrong_is_one_sentence_and_the_traceback(tmp_path):
    class Broken(Toy):
        def step(self, action):
            if self.time == 2:
                raise KeyError("no such thing")
            return super().step(action)

    with pytest.raises(hh.Error, match=r"Broken raised KeyError at 'act \d': 'no such thing'") as failed:
        hh.train(world=Broken, train=TRAIN, out=tmp_path / "broken", **SETTINGS)
    assert 'raise KeyError("no such thing")' in "".join(traceback.format_exception(failed.value))

    class Short(Toy):
        def step(self, action):
            return super().step(action)[:2]

    with pytest.raises(hh.Error, match="Short raised TypeError at 'act .*step must return"):
        hh.train(world=Short, train=TRAIN, out=tmp_path / "short", **SETTINGS)

    class Mute(Toy):
        actions = None

    with pytest.raises(TypeError, match="must say how many actions"):
        hh.train(world=Mute, train=TRAIN, out=tmp_path / "mute", **SETTINGS)

    class Strange(Toy):
        def step(self, action):
            seen, reward, ended = super().step(action)
            return seen[:1], reward, ended

    with pytest.raises(hh.Error, match=r"Strange.step returned 1 numbers of what is seen, but the first reset returned 2"):
        hh.train(world=Strange, train=TRAIN, out=tmp_path / "strange", **SETTINGS)


@pytest.mark.parametrize("method, sentence", [
    ("step", r"Odd.step returned the reward nan, but it must be finite \(the answer to 'act \d'\)$"),
    ("seen", r"Odd.step returned inf in what is seen, but all numbers must be finite \(the answer to 'act \d'\)$"),
    ("reset", r"Odd.reset returned nan in what is seen, but all numbers must be finite$"),
])
def test_numbers_that_are_not_finite(tmp_path, method, sentence):
    class Odd(Toy):
        def reset(self, seed):
            return [float("nan"), 0.1] if method == "reset" else super().reset(seed)

        def step(self, action):
            seen, reward, ended = super().step(action)
            return ([float("inf"), 0.1] if method == "seen" else seen), float("nan") if method == "step" else reward, ended

    with pytest.raises(hh.Error, match=sentence):
        hh.train(world=Odd, train=TRAIN, out=tmp_path / "odd", **SETTINGS)
