"""train, compare and check are the program: the same bits as the command line."""

import subprocess

import numpy as np
import pytest

import hitherto as hh
from hitherto.experiments import program, read_safetensors

SMALL = dict(task="add", loss="softmax", units=8, train={"steps": 500})


def test_train_is_the_command_line(tmp_path):
    run = hh.train(out=tmp_path / "python", learner="rtrl", **SMALL)
    subprocess.run([program(), "train", "task=add", "loss=softmax", "network.units=8", "train.steps=500", "learner=rtrl",
                    "--quiet", "--out", tmp_path / "shell"], check=True, capture_output=True)
    shell = hh.Run(tmp_path / "shell")
    for name, values in run.parameters.items():
        np.testing.assert_array_equal(values, shell.parameters[name])
    assert run.metrics["train_loss"][-1] == shell.metrics["train_loss"][-1]
    assert run.summary["train_loss"] == shell.summary["train_loss"]
    other = hh.train(out=tmp_path / "other", learner="rflo", **SMALL)  # the control
    assert any((values != other.parameters[name]).any() for name, values in run.parameters.items())


def test_a_resumed_run_has_the_same_bits(tmp_path):
    whole = hh.train(out=tmp_path / "whole", learner="uoro", **SMALL)
    part = hh.train(out=tmp_path / "part", learner="uoro", **{**SMALL, "train": {"steps": 200}})
    part.resume(train={"steps": 500})
    for name, values in whole.parameters.items():
        np.testing.assert_array_equal(values, part.parameters[name])


def test_arrays(tmp_path):
    x = np.random.default_rng(0).standard_normal((12, 20, 3))
    run = hh.train(data=dict(inputs=x, targets=x.cumsum(1)[..., :1]), cell="gru", units=8, learner="snap1",
                   train={"epochs": 3}, out=tmp_path / "run")
    loss = run.metrics["train_loss"]
    assert np.isfinite(loss[~np.isnan(loss)]).all() and loss.size


def test_compare_and_check(tmp_path):
    comparison = hh.compare(out=tmp_path / "c", compare={"learners": ["tbptt", "rflo"], "seeds": 2}, **SMALL)
    assert list(comparison.table()["arm"]) == ["tbptt", "rflo"]
    assert "comparisons hold" in hh.check(task="add", loss="softmax", cell="gru", units=4, learner="rtrl")


def test_sentences(tmp_path):
    with pytest.raises(hh.SettingError, match="did you mean 'add'"):
        hh.train(task="ad", out=tmp_path / "x")
    with pytest.raises(OSError, match="no settings.yaml"):
        hh.Run(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"123")
    with pytest.raises(OSError, match="damaged"):
        read_safetensors(tmp_path / "bad.safetensors")
