"""Whole runs: the program `hitherto`, called with settings and arrays; its results as objects."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._library import Error, SettingError, flat_settings
from .model import SHORT

Path = str | os.PathLike[str]

#: Exit statuses of the program.
BAD_INPUT, PROVED_NOTHING, INTERRUPTED = 2, 3, 130


def program() -> str:
    """The path of the program: HITHERTO in the environment, that of the package, or that of the checkout.

    Raises
    ------
    OSError
        There is none.
    """
    package = pathlib.Path(__file__).resolve().parent
    name = "hitherto.exe" if sys.platform == "win32" else "hitherto"
    places = [os.environ.get("HITHERTO"), package / "bin" / name, package.parent.parent / "build" / name, shutil.which(name)]
    for place in places:
        if place and os.access(place, os.X_OK):
            return str(place)
    raise OSError("the program hitherto is not installed with this package; HITHERTO may name it")


def _run(words: Sequence[str], show: bool) -> subprocess.CompletedProcess[str]:
    """Runs the program. Ctrl-C reaches it too: it saves, and KeyboardInterrupt follows."""
    process = subprocess.Popen([program(), *words], stdout=subprocess.PIPE, stderr=None if show else subprocess.PIPE,
                               text=True)
    try:
        out, err = process.communicate()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.communicate()
        raise
    if process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode == BAD_INPUT:
        raise SettingError(_sentence(err))
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _sentence(err: str | None) -> str:
    lines = [line for line in (err or "").strip().splitlines() if line]
    return lines[-1].removeprefix("hitherto: ") if lines else "the program refused its input; its message is above"


def _words(settings: Any, changes: Mapping[str, Any]) -> list[str]:
    """Files and key=value as the command line takes them."""
    words: list[str] = []
    items = settings if isinstance(settings, (list, tuple)) else [] if settings is None else [settings]
    for item in items:
        if isinstance(item, Mapping):
            words += [f"{key}={value}" for key, value in flat_settings(item).items()]
        elif isinstance(item, Run):
            words.append(str(item.path))
        else:
            words.append(os.fspath(item))
    whole = {SHORT.get(key, key): value for key, value in changes.items()}
    return words + [f"{key}={value}" for key, value in flat_settings(whole).items()]


def _write_data(data: Mapping[str, ArrayLike], folder: pathlib.Path) -> list[str]:
    """Arrays become a file beside the run, which so can be resumed and looked at later."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "data.npz"
    arrays: dict[str, Any] = {name: np.asarray(values) for name, values in data.items()}
    np.savez(path, **arrays)
    return ["data=arrays", f"data.file={path}"]


class Run:
    """The folder that `train` leaves.

    Parameters
    ----------
    path : str or path-like
    """

    def __init__(self, path: Path) -> None:
        self.path = pathlib.Path(path)
        if not (self.path / "settings.yaml").exists():
            raise OSError(f"{self.path} is not the folder of a run: it has no settings.yaml")

    @property
    def summary(self) -> dict[str, Any]:
        """How the run ended: losses, metric, time, memory."""
        return json.loads((self.path / "summary.json").read_text())

    @property
    def metrics(self) -> NDArray[Any]:
        """A record for each report, with a field for each number: ``run.metrics["train_loss"]``. Missing numbers are NaN."""
        lines = [json.loads(line) for line in (self.path / "metrics.jsonl").read_text().splitlines()]
        names = list(dict.fromkeys(name for line in lines for name, value in line.items()
                                   if isinstance(value, (int, float)) or value is None))
        table = np.full(len(lines), np.nan, dtype=[(name, "f8") for name in names])
        for row, line in zip(table, lines):
            for name in names:
                if line.get(name) is not None:
                    row[name] = line[name]
        return table

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """The parameters of the newest checkpoint by name, with their shapes."""
        tensors = read_safetensors(self.path / "checkpoint.safetensors")
        return {name.removeprefix("network."): value for name, value in tensors.items()
                if name.startswith(("network.", "layer", "readout", "embedding")) and value.dtype.kind == "f"}

    def resume(self, *, show: bool = False, **changes: Any) -> Run:
        """Goes on with the run, with its own settings and those given; ends with the bits of one that did not stop."""
        _check(_run(["train", "--resume", "--out", str(self.path), *_quiet(show), *_words(None, changes)], show))
        return self

    def evaluate(self, split: str = "test", **changes: Any) -> str:
        """What ``hitherto eval`` prints: loss and metric on a split."""
        return _check(_run(["eval", str(self.path), "--split", split, *_words(None, changes)], False)).stdout

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def _quiet(show: bool) -> list[str]:
    return [] if show else ["--quiet"]


def _check(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    if done.returncode != 0:
        raise Error(_sentence(done.stderr))
    return done


def train(settings: Any = None, *, out: Path | None = None, data: Mapping[str, ArrayLike] | None = None,
          show: bool = False, **changes: Any) -> Run:
    """Trains a network and leaves a folder.

    Parameters
    ----------
    settings : path, mapping, Run, or a list of these
        Settings files and settings; later ones count more.
    out : path, optional
        Folder of the run; a new one below the current folder if it is not given.
    data : mapping of arrays, optional
        ``inputs`` (N, T, n_in), ``targets`` (N, T, n_out) or classes (N, T), and what else docs/data.md has; written to
        ``data.npz`` in the folder above the run.
    show : bool
        Let the program's progress through to the standard error.
    **changes
        Settings, as in `Model`: ``task="add"``, ``units=32``, ``train={"steps": 1000}``.

    Returns
    -------
    Run

    Raises
    ------
    SettingError
        The program's sentence on what is wrong.
    KeyboardInterrupt
        Ctrl-C; the run is saved and can be resumed.
    """
    words = _words(settings, changes)
    if out is None:
        pathlib.Path("runs").mkdir(exist_ok=True)
        out = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir="runs")) / "run"
    if data is not None:
        words += _write_data(data, pathlib.Path(out).parent)
    _check(_run(["train", *words, "--out", os.fspath(out), *_quiet(show)], show))
    return Run(out)


class Comparison:
    """The folder that `compare` leaves: table.csv, curves.csv, results.db."""

    def __init__(self, path: Path, text: str = "") -> None:
        self.path = pathlib.Path(path)
        #: The table as the program printed it.
        self.text = text

    def table(self) -> NDArray[Any]:
        """A record for each variant, with the columns of table.csv."""
        return np.genfromtxt(self.path / "table.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")

    def __repr__(self) -> str:
        return self.text or f"Comparison({str(self.path)!r})"


def compare(settings: Any = None, *, out: Path, jobs: int | None = None, show: bool = False, **changes: Any) -> Comparison:
    """Runs learners, or any settings, side by side.

    Parameters
    ----------
    settings, show, **changes
        As in `train`; ``compare={"learners": ["rtrl", "rflo"], "seeds": 5}``.
    out : path
        Folder of the comparison; what has run there before is not run again.
    jobs : int, optional
        Runs at a time; one for each core if it is not given.
    """
    words = ["compare", *_words(settings, changes), "--out", os.fspath(out), *_quiet(show)]
    if jobs is not None:
        words += ["--jobs", str(jobs)]
    done = _check(_run(words, show))
    return Comparison(out, done.stdout)


def check(settings: Any = None, **changes: Any) -> str:
    """Holds every gradient against the exact one; the program's table.

    Raises
    ------
    Error
        A comparison failed; the table is the message.
    """
    done = _run(["check", *_words(settings, changes)], False)
    if done.returncode not in (0, PROVED_NOTHING):
        raise Error(done.stdout + _sentence(done.stderr))
    return done.stdout


_DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "U64": "<u8", "U8": "u1", "I64": "<i8"}


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file by name.

    Raises
    ------
    OSError
        The file is damaged.
    """
    raw = pathlib.Path(path).read_bytes()
    try:
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:8 + length])
        body = raw[8 + length:]
        return {name: np.frombuffer(body[slice(*entry["data_offsets"])], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
                for name, entry in header.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError) as fault:
        raise OSError(f"{os.fspath(path)} is not a safetensors file, or it is damaged") from fault


def settings_of(path: Path) -> dict[str, str]:
    """The settings of a run's settings.yaml as "section.name": text."""
    flat: dict[str, str] = {}
    section = ""
    for line in pathlib.Path(path).read_text().splitlines():
        if found := re.match(r"^(\w+):\s*(?:#.*)?$", line):
            section = found[1]
        elif found := re.match(r"^  ([\w.]+):\s*(.*?)\s*(?:#.*)?$", line):
            flat[f"{section}.{found[1]}"] = found[2].strip("\"'")
    return flat
