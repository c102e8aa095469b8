"""Converters of event data: the arrays are those of the recordings, and the program learns from them."""

import subprocess
import sys

import numpy as np
import pytest

import hitherto as hh
from hitherto import convert


def recordings(count=6, units=5):
    """(times in seconds, units, label) of each; the second recording has no event."""
    random = np.random.default_rng(0)
    counts = [0 if n == 1 else int(random.integers(3, 20)) for n in range(count)]
    return [(np.sort(random.random(n)).astype("f4"), random.integers(0, units, n).astype("u2"), i % 3)
            for i, n in enumerate(counts)]


def holds(path, rows):
    with np.load(path) as file:
        assert list(file["labels"]) == [label for *_, label in rows]
        for (times, units, _), start, end in zip(rows, file["starts"], file["starts"][1:]):
            np.testing.assert_array_equal(file["times"][start:end], times)
            np.testing.assert_array_equal(file["units"][start:end], units)
        assert file["starts"][-1] == len(file["times"])


def write_hdf5(path, rows, leave_out=()):
    """A file in the layout of SHD."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, kind, column in (("times", "f4", 0), ("units", "u2", 1)):
            if name in leave_out:
                continue
            data = file.create_dataset(f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(np.dtype(kind)))
            for i, row in enumerate(rows):
                data[i] = row[column]
        file["labels"] = np.array([row[2] for row in rows], "u2")
        file["extra/speaker"] = np.zeros(len(rows), "u2")


def test_a_file_laid_out_as_shd(tmp_path):
    rows = recordings()
    write_hdf5(tmp_path / "shd.h5", rows)
    subprocess.run([sys.executable, "-m", "hitherto.convert", tmp_path / "shd.h5", tmp_path / "shd.npz"], check=True)
    holds(tmp_path / "shd.npz", rows)
    with pytest.raises(AssertionError):  # the control
        holds(tmp_path / "shd.npz", rows[::-1])
    run = hh.train({"data": {"name": "events", "file": tmp_path / "shd.npz", "dt": 0.05}}, units=4, cell="lif",
                   learner="eprop1", train={"epochs": 1}, out=tmp_path / "run")
    assert run.parameters["layer0.weight"].shape[1] in (4 + 5, 4 + 5 + 1)


def events(times, units, fields, width=1):
    rows = np.zeros(len(times), dtype=[(name, "i8") for name in fields])
    rows["t"], rows["x"] = (times * 1e6).astype("i8"), units % width
    return rows


class Sensor(list):
    sensor_size = (2, 3, 2)


def test_recordings_as_tonic_gives_them(tmp_path):
    rows = recordings(units=12)
    data = Sensor()
    for times, units, label in rows:
        one = events(times, units, "txyp", 2)
        one["y"], one["p"] = units // 2 % 3, units // 6
        data.append((one, label))
    convert.from_tonic(data, tmp_path / "dvs.npz")
    holds(tmp_path / "dvs.npz", [((times * 1e6).astype("i8"), units, label) for times, units, label in rows])


def test_one_polarity_whose_mark_is_one(tmp_path):
    """Tonic's SHD says p = 1 everywhere."""
    rows = recordings()
    data = [(events(times, units, "txp", 5), label) for times, units, label in rows]
    for one, _ in data:
        one["p"] = 1
    convert.from_tonic(data, tmp_path / "shd.npz", sensor_size=(5, 1, 1))
    holds(tmp_path / "shd.npz", [((times * 1e6).astype("i8"), units, label) for times, units, label in rows])


def test_sentences(tmp_path, monkeypatch):
    rows = recordings()
    data = [(events(times, units, "tx", 5), label) for times, units, label in rows]
    out = tmp_path / "x.npz"
    for recording, size, sentence in ((data, None, "no sensor_size"), (data, (5, 2, 1), "events without 'y'"),
                                      (data, (3, 1, 1), r"recording 0 .* x is outside 0\.\.2"),
                                      ([], (5, 1, 1), "no recordings"),
                                      ([(data[0][0], "a")], (5, 1, 1), "must be one integer")):
        with pytest.raises(hh.SettingError, match=sentence):
            convert.from_tonic(recording, out, sensor_size=size)
    write_hdf5(tmp_path / "lacks.h5", rows, leave_out=("units",))
    with pytest.raises(hh.SettingError, match="lacks.h5 has no spikes/units"):
        convert.from_hdf5(tmp_path / "lacks.h5", out)
    write_hdf5(tmp_path / "uneven.h5", [(*rows[0][:1], rows[0][1][1:], 0)])
    with pytest.raises(hh.SettingError, match="recording 0 has .* times, but .* units"):
        convert.from_hdf5(tmp_path / "uneven.h5", out)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'hitherto\[events\]'"):
        convert.from_hdf5(tmp_path / "lacks.h5", out)
    assert not list(tmp_path.glob("x.npz*"))
