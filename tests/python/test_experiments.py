"""train, compare and check are the program: the same bits as the command line."""

import builtins
import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

import hitherto as hh
from hitherto import _bar
from hitherto._files import read_safetensors
from hitherto._program import _run, program

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
    for i, (given, short) in enumerate([({}, {"seed": 2}), ({"seed": 2}, {})]):
        assert hh.train(given, out=tmp_path / f"seed{i}", **short, **SMALL).summary["seed"] == 2
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


def sums(seed):
    x = np.random.default_rng(seed).standard_normal((12, 20, 3))
    return dict(inputs=x, targets=x.cumsum(1)[..., :1])


GRU = dict(cell="gru", units=4, learner="tbptt", train={"epochs": 1, "batch": 3})


def inputs_of(run):
    return run.predict(split="train", **{"data.shuffle": False})["targets"]


def test_each_run_keeps_its_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, two = sums(1), sums(2)
    first, second = hh.train(data=one, out="both/a", **GRU), hh.train(data=two, out="both/b", **GRU)
    for run, data in (first, one), (second, two):
        np.testing.assert_allclose(inputs_of(run), data["targets"], rtol=1e-6)
    files = sorted(path.name for path in pathlib.Path("both").iterdir())
    with pytest.raises(hh.SettingError, match="nonsense"):  # refused: leaves the files as they are
        hh.train(data=sums(3), out="both/c", **{**GRU, "learner": "nonsense"})
    with pytest.raises(hh.Error, match="not empty"):
        hh.train(data=two, out="both/a", **GRU)
    with pytest.raises(hh.Error, match="not empty"):
        hh.train(data=sums(3), out="both/a", **GRU)
    assert sorted(path.name for path in pathlib.Path("both").iterdir()) == files
    np.testing.assert_allclose(inputs_of(first), one["targets"], rtol=1e-6)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    np.testing.assert_allclose(inputs_of(first), one["targets"], rtol=1e-6)
    first.resume(train={"epochs": 2})
    again = hh.Run("../both/a")
    assert again.predict(dict(inputs=one["inputs"][:2]))["outputs"].shape == (2, 20, 1)
    for path in (tmp_path / "both").glob("a.data-*"):
        path.rename(tmp_path / "moved.npz")
    with pytest.raises(OSError, match="a.data-.*cannot be read"):
        again.predict(dict(inputs=one["inputs"][:2]))
    new = again.predict(dict(inputs=one["inputs"][:2]), data={"file": tmp_path / "moved.npz"})
    assert new["outputs"].shape == (2, 20, 1)


def test_arrays_are_data_of_compare_and_check(tmp_path):
    settings = dict(cell="gru", units=4, train={"epochs": 1, "batch": 6})
    said = hh.check(data=sums(1), learner="rtrl", **settings)
    assert "comparisons hold" in said
    plan = dict(out=tmp_path / "c", compare={"learners": ["tbptt", "rflo"], "seeds": 1}, **settings)
    table = hh.compare(data=sums(1), **plan).table()
    assert len(list(tmp_path.glob("c.data-*.npz"))) == 1
    with pytest.raises(hh.SettingError, match="data.file"):  # its results are of other data
        hh.compare(data=sums(2), **plan)
    assert len(list(tmp_path.glob("c.data-*.npz"))) == 1
    again = hh.compare(data={"name": "arrays", "file": next(tmp_path.glob("c.data-*.npz"))}, **plan)
    assert (again.table() == table).all()
    run = hh.train({"data.validation_fraction": 0.25}, data=sums(1), out=tmp_path / "run", **GRU)
    assert "validation_loss" in run.summary
    with pytest.raises(hh.SettingError, match="data.inputs is an array"):
        run.evaluate("train", data=sums(1))
    with pytest.raises(hh.SettingError, match="inputs is not an array of numbers"):
        hh.train(data=dict(inputs=[[[1.0]], [[1.0], [2.0]]], targets=[1, 2]), out=tmp_path / "ragged", **GRU)


def test_compare_and_check(tmp_path):
    comparison = hh.compare(out=tmp_path / "c", compare={"learners": ["tbptt", "rflo"], "seeds": 2}, **SMALL)
    assert list(comparison.table()["arm"]) == ["tbptt", "rflo"]
    assert "comparisons hold" in hh.check(task="add", loss="softmax", cell="gru", units=4, learner="rtrl")


def test_sentences(tmp_path):
    with pytest.raises(hh.SettingError, match="did you mean 'add'"):
        hh.train(task="ad", out=tmp_path / "x")
    hints = {"batch": r"did you mean train=\{'batch': ...\}", "unit": "did you mean 'units'", "xyzzy": "settings$"}
    for wrong, right in hints.items():
        with pytest.raises(hh.SettingError, match=f"unknown keyword '{wrong}': there is no such section of.*{right}"):
            hh.train(task="add", out=tmp_path / "x", **{wrong: 5})
    with pytest.raises(hh.SettingError, match="unknown keyword 'unit'.*'units'"):
        hh.Model(inputs=1, outputs=1, unit=8)
    with pytest.raises(OSError, match="no settings.yaml"):
        hh.Run(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"123")
    with pytest.raises(OSError, match="damaged"):
        read_safetensors(tmp_path / "bad.safetensors")


def test_one_dimension_is_refused_and_two_seeds(tmp_path):
    with pytest.raises(hh.SettingError, match="inputs"):
        hh.train(out=tmp_path / "run", data={"inputs": np.zeros(5), "targets": np.zeros(5)})
    with pytest.raises(hh.SettingError, match="train.seed is given twice, as 2 and as 3"):
        hh.train(out=tmp_path / "run", task="add", seed=2, train={"seed": 3})


def test_a_damaged_line_is_left_out(tmp_path):
    run = hh.train(out=tmp_path / "run", task="add", loss="softmax", units=4, train={"steps": 500, "report_every": 100})
    whole, path = run.metrics, run.path / "metrics.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:9], *lines[2:], "7"]))
    with pytest.warns(UserWarning) as said:
        left = run.metrics
    assert [str(line.message) for line in said] == [f"{path}: line {n} cannot be read and is left out"
                                                    for n in (2, len(lines) + 1)]
    assert len(whole) > 2
    np.testing.assert_array_equal(left["step"], np.delete(whole["step"], 1))


# ---- What a trained network says and does ---------------------------------------------------------------------------

def train_sums(tmp_path, **changes):
    """A run that learns to add up its inputs, and its data."""
    x = np.random.default_rng(0).standard_normal((12, 20, 3))
    settings = dict(cell="gru", units=8, learner="tbptt", train={"epochs": 2, "batch": 5}, data=dict(name="arrays"))
    data = dict(inputs=x, targets=x.cumsum(1)[..., :1])
    words = {key: value for key, value in {**settings, **changes}.items() if key != "data"}
    return hh.train(data={**data, **changes.get("data", {})}, out=tmp_path / "run", **words), x


def test_predict_new_data_and_record(tmp_path):
    run, x = train_sums(tmp_path)
    again = run.predict(split="train", **{"data.shuffle": False})
    new = run.predict(dict(inputs=x[:4]))
    assert set(new) == {"outputs", "lengths"}
    np.testing.assert_array_equal(new["outputs"], again["outputs"][:4])  # a network that reads the same says the same
    assert np.abs(run.predict(dict(inputs=x[:4] + 1))["outputs"] - new["outputs"]).max() > 1e-3
    inside = run.record(dict(inputs=x[:2]), synapses=[(0, 1)])
    assert inside["z"].shape == (2, 20, 8) and inside["traces"].shape == (2, 20, 1)
    readout = inside["z"] @ run.parameters["readout.weight"].T + run.parameters["readout.bias"]
    np.testing.assert_allclose(readout, new["outputs"][:2], atol=1e-5)
    with pytest.raises(hh.SettingError, match="split"):
        run.predict(split="tests")


def test_predict_classes_without_targets(tmp_path):
    labels = np.random.default_rng(1).integers(0, 4, (12, 20))
    run, x = train_sums(tmp_path, data=dict(targets=labels))
    assert run.predict(dict(inputs=x[:1]))["outputs"].shape == (1, 20, 4)
    assert run.predict(dict(inputs=x[:1], targets=labels[:1]))["targets"].shape[:2] == (1, 20)
    task = hh.train(out=tmp_path / "task", **SMALL)
    with pytest.raises(hh.SettingError, match="this one has add"):
        task.predict(dict(inputs=x))
    assert task.predict(split="validation", train={"validation_steps": 30})["outputs"].shape[-1] == 2


# ---- Looking on -------------------------------------------------------------------------------------------------------

def without(monkeypatch, module):
    """As if a module were not installed."""
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name.split(".")[0] == module:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_sentences_without_matplotlib_and_tqdm(tmp_path, monkeypatch):
    run = hh.train(out=tmp_path / "run", **SMALL)
    with pytest.raises(hh.SettingError, match="quantity is 'los'"):
        run.plot("los")
    without(monkeypatch, "matplotlib")
    with pytest.raises(hh.SettingError, match="pip install matplotlib"):
        run.plot()
    without(monkeypatch, "tqdm")
    with pytest.raises(hh.SettingError, match="pip install tqdm"):
        hh.train(out=tmp_path / "bar", progress=True, **SMALL)
    hh.train(out=tmp_path / "none", **SMALL)  # None: a bar where there can be one


def test_plots(tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    run = hh.train(out=tmp_path / "run", **SMALL)
    train, *_ = run.plot().lines
    known = ~np.isnan(run.metrics["train_loss"])
    np.testing.assert_array_equal(train.get_ydata(), run.metrics["train_loss"][known])
    comparison = hh.compare(out=tmp_path / "c", compare={"learners": ["tbptt", "rflo"], "seeds": 2}, **SMALL)
    assert [line.get_label() for line in comparison.plot().lines] == ["tbptt", "rflo"]


def test_lines_of_progress():
    line = "epoch 2/5  step 12.3 k/200 k  loss 0.6931  accuracy 0.5  200 k steps/s  ETA 3 s"
    assert _bar.read_line(line) == ("step", 12300.0, 2e5, "loss 0.6931, accuracy 0.5, 200 k steps/s")
    assert _bar.read_line("epoch 2/5  step 123")[:3] == ("epoch", 2.0, 5.0)
    assert _bar.read_line("step 123  loss 1")[:3] == ("step", 123.0, 0.0)
    assert _bar.read_line("runs 3/15  1 diverged  2 s")[:3] == ("runs", 3.0, 15.0)
    assert _bar.read_line("Begins with parameters of step 3") is None


def test_a_bar(tmp_path, capfd):
    pytest.importorskip("tqdm")
    hh.train(out=tmp_path / "run", progress=True, **SMALL)
    assert "500/500" in capfd.readouterr().err
    hh.compare(out=tmp_path / "c", compare={"learners": ["tbptt"], "seeds": 2}, progress=True, **SMALL)
    assert "2.00/2.00" in capfd.readouterr().err
    with pytest.raises(hh.SettingError, match="did you mean 'add'"):
        hh.train(task="ad", out=tmp_path / "x", progress=True)


def test_ctrl_c_saves(tmp_path):
    listen = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job may begin with it ignored
    script = (listen + f"import hitherto as hh\nhh.train(out={str(tmp_path / 'run')!r}, task='add', loss='softmax', units=8, "
              "train={'steps': 10**9, 'report_every': 100})")
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True, stderr=subprocess.PIPE, text=True)
    lines = tmp_path / "run" / "metrics.jsonl"
    while not lines.exists() or not lines.read_text():
        assert child.poll() is None
    os.killpg(child.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in child.communicate()[1]
    assert child.returncode != 0
    run, last = hh.Run(tmp_path / "run"), json.loads(lines.read_text().splitlines()[-1])
    saved = int(read_safetensors(run.path / "checkpoint.safetensors")["run.step"][0])
    assert saved >= last["step"] > 0
    run.resume(train={"steps": saved + 2})
    assert run.summary["steps"] == saved + 2


def test_the_program_hears_ctrl_c_once(tmp_path, monkeypatch):
    """A terminal sends the signal to all that is in its session, and Python hands it on; two would end the program."""
    other = tmp_path / "program"
    other.write_text(f"#!{sys.executable}\nimport os\nprint(os.getsid(0))\n")
    other.chmod(0o755)
    monkeypatch.setenv("HITHERTO", str(other))
    assert int(_run(["train"]).stdout) != os.getsid(0)


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from hitherto import mlflow as ours

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database needs more than mlflow-skinny
    mlflow.set_tracking_uri((tmp_path / "m").as_uri())
    run = hh.train(out=tmp_path / "run", **SMALL)
    found = mlflow.get_run(ours.log(run))
    assert found.data.params["network.units"] == "8"
    assert found.data.metrics["train_loss"] == run.metrics["train_loss"][-1]
    assert found.data.metrics["test_loss"] == run.summary["test_loss"]
    history = mlflow.MlflowClient().get_metric_history(found.info.run_id, "train_loss")
    assert [entry.step for entry in history] == list(run.metrics["step"])
    assert (pathlib.Path(found.info.artifact_uri.removeprefix("file://")) / "summary.json").exists()
    with mlflow.start_run() as own:
        assert ours.log(run, files=False) == own.info.run_id
