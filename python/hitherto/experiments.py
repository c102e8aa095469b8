"""Whole runs: the program `hitherto`, called with settings and arrays; its results as objects."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _data, plots
from ._files import Path, read_safetensors, settings_of
from ._library import Error, SettingError, flat_settings
from ._program import PROVED_NOTHING, _check, _run, _sentence, _work
from .model import SHORT

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._settings import AllSettings, RunSettings


#: Short names for the settings of runs.
SHORT_OF_RUNS = {**SHORT, "seed": "train.seed"}


def _words(settings: Any, changes: Mapping[str, Any]) -> list[str]:
    """Files and key=value as the command line takes them."""
    words: list[str] = []
    items = settings if isinstance(settings, (list, tuple)) else [] if settings is None else [settings]
    for item in items:
        if isinstance(item, Mapping):
            words += _flat_words(item)
        elif isinstance(item, Run):
            words.append(str(item.path))
        else:
            words.append(os.fspath(item))
    return words + _flat_words(changes)


def _flat_words(settings: Mapping[str, Any]) -> list[str]:
    whole = {SHORT_OF_RUNS.get(key, key): value for key, value in settings.items()}
    return [f"{key}={value}" for key, value in flat_settings(whole).items()]


def _served(changes: Mapping[str, Any]) -> contextlib.AbstractContextManager[Mapping[str, Any]]:
    """The settings, where ``world`` may be a class of the user's, which then answers to the program."""
    if not callable(changes.get("world")):
        return contextlib.nullcontext(changes)
    from . import world

    return world.served(changes)


@contextlib.contextmanager
def _with_data(changes: Mapping[str, Any], data: Any, out: Path,
               results: str) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """The settings, and words that name the file of `data` if these are arrays (`_data.beside`); meanwhile a class as
    ``world`` answers."""
    has_arrays = _data.are_arrays(data)
    file = _data.beside(out, data, results) if has_arrays else contextlib.nullcontext([])
    with file as words, _served(changes if has_arrays else {**changes, "data": data}) as given:
        yield given, words


def _lines(path: pathlib.Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines; warns of lines that are none."""
    found: list[dict[str, Any]] = []
    for number, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if isinstance(line, dict):
            found.append(line)
        else:
            warnings.warn(f"{path}: line {number} cannot be read and is left out", stacklevel=3)
    return found


class Run:
    """The folder that `train` leaves.

    Parameters
    ----------
    path : str or path-like
        The folder.

    Raises
    ------
    OSError
        The folder is not that of a run.
    """

    def __init__(self, path: Path) -> None:
        self.path = pathlib.Path(path).absolute()
        if not (self.path / "settings.yaml").exists():
            raise OSError(f"{os.fspath(path)} is not the folder of a run: it has no settings.yaml")

    @property
    def summary(self) -> dict[str, Any]:
        """How the run ended: the keys of summary.json (docs/files.md), such as losses, metric, seconds and bytes."""
        return json.loads((self.path / "summary.json").read_text())

    @property
    def metrics(self) -> NDArray[Any]:
        """The lines of metrics.jsonl as a record array: ``run.metrics["train_loss"]``. Missing numbers are NaN. A line that
        cannot be read is left out, with a warning."""
        lines = _lines(self.path / "metrics.jsonl")
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

    def resume(self, *, show: bool = False, progress: bool | None = None, **changes: Unpack[AllSettings]) -> Run:
        """Goes on with the run. It ends with the bits of a run that did not stop.

        Parameters
        ----------
        show, progress : bool
            As in `train`.
        **changes
            Settings that replace those of the run, such as ``train={"steps": 20000}``.

        Returns
        -------
        Run
            The run itself.

        Raises
        ------
        SettingError
            A setting is wrong, or may not change.
        """
        with _served(changes) as given:
            _work(["train", "--resume", "--out", str(self.path), *_words(None, given)], show, progress)
        return self

    def evaluate(self, split: str = "test", **changes: Unpack[AllSettings]) -> str:
        """Makes one pass over a split without learning (``hitherto eval``).

        Parameters
        ----------
        split : {"test", "validation", "train"}
            Which part of the data.
        **changes
            Settings for this pass.

        Returns
        -------
        str
            Loss and metric, as the program prints them.

        Raises
        ------
        SettingError
            A setting is wrong, or the run has no such split.
        """
        with _served(changes) as given:
            return _check(_run(["eval", str(self.path), "--split", split, *_words(None, given)])).stdout

    def predict(self, arrays: Mapping[str, ArrayLike] | None = None, *, split: str = "test",
                **changes: Unpack[AllSettings]) -> dict[str, NDArray[Any]]:
        """Computes outputs of the trained network, before any softmax or sigmoid.

        Parameters
        ----------
        arrays : mapping of arrays, optional
            New data in the form of `train`: ``inputs`` (N, T, n_in), and ``targets`` if there are any. The run must
            have had such data. Without `arrays`: a split of the run's own data.
        split : {"test", "validation", "train"}
            Which part of the run's own data.
        **changes
            Settings for this pass.

        Returns
        -------
        dict of ndarray
            "outputs" (N, T, n_out) and "lengths" (N); with targets also "targets" and "weights".

        Raises
        ------
        SettingError
            A setting or an array is wrong, or the run was not trained on arrays.
        """
        return self._arrays("predict", arrays, split, [], changes)

    def record(self, arrays: Mapping[str, ArrayLike] | None = None, *, split: str = "validation", trials: int | None = None,
               of_layer: int = 0, synapses: Sequence[tuple[int, int]] = (),
               **changes: Unpack[AllSettings]) -> dict[str, NDArray[Any]]:
        """Shows what the units of the trained network do.

        Parameters
        ----------
        arrays, split, **changes
            As in `predict`.
        trials : int, optional
            How many sequences; by default all of `arrays`, or one of a split.
        of_layer : int
            Which layer; 0 is the lowest.
        synapses : sequence of (row, column)
            Entries of the layer's weight matrix whose eligibility traces are recorded.

        Returns
        -------
        dict of ndarray
            Arrays (trials, steps, numbers): "inputs", "z", each state by its name, "signals", "outputs", "targets",
            "weights", "traces", of a store "reads" and "read_steps"; and "lengths" (trials).

        Raises
        ------
        SettingError
            A setting or an array is wrong, or the run was not trained on arrays.
        """
        if trials is None:
            trials = 1 if arrays is None else len(np.asarray(arrays["inputs"]))
        words = ["--trials", str(trials), "--layer", str(of_layer)]
        if synapses:
            words += ["--synapses", ",".join(f"{row}:{column}" for row, column in synapses)]
        return self._arrays("record", arrays, split, words, changes)

    def _arrays(self, command: str, data: Mapping[str, ArrayLike] | None, split: str, words: Sequence[str],
                changes: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.npz"
            more: list[str] = []
            if data is not None:
                more, split = self._words_of(data, pathlib.Path(folder) / "data.npz", changes), "test"
            with _served(changes) as given:
                _check(_run([command, str(self.path), "--out", str(out), "--split", split, *words, *more,
                             *_words(None, given)]))
            with np.load(out) as file:
                found = {name: file[name] for name in file.files}
        if data is not None and "targets" not in data:
            found = {name: values for name, values in found.items() if name not in ("targets", "weights")}
        return found

    def _words_of(self, data: Mapping[str, ArrayLike], path: pathlib.Path, changes: Mapping[str, Any]) -> list[str]:
        """Arrays in place of the run's own."""
        settings = {**settings_of(self.path / "settings.yaml"), **flat_settings(changes)}
        if settings.get("data.name") != "arrays":
            raise SettingError("new data need a run that was trained with data=dict(inputs=..., targets=...); this one has "
                               f"{settings.get('task.name') or settings.get('data.name')}")
        outputs = len(self.parameters["readout.weight"])
        classes = _data.targets_of(pathlib.Path(settings["data.file"])).dtype.kind in "iu"
        return [f"data.test_file={_data.write(_data.as_arrays(data), path)}", *([f"data.classes={outputs}"] if classes else [])]

    def export(self, path: Path) -> str:
        """Writes the parameters as torch names and orders them (``hitherto export``).

        Parameters
        ----------
        path : str or path-like
            The safetensors file.

        Returns
        -------
        str
            The torch modules that take these parameters.

        Raises
        ------
        SettingError
            torch has no such network; the message says why.
        """
        return _check(_run(["export", str(self.path), "--torch", os.fspath(path)])).stdout.split(": ", 1)[1].strip()

    def plot(self, quantity: str = "loss", ax: Any = None) -> Any:
        """Draws "loss" or "metric" in training and validation over time steps.

        Parameters
        ----------
        quantity : {"loss", "metric"}
            What to draw.
        ax : matplotlib Axes, optional
            Where to draw; new ones if it is not given.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        SettingError
            matplotlib is not installed, or there is nothing to draw.
        """
        return plots.draw_run(self.metrics, quantity, self.path.name, ax)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def train(settings: Any = None, *, out: Path | None = None, data: Mapping[str, Any] | str | None = None,
          show: bool = False, progress: bool | None = None, **changes: Unpack[RunSettings]) -> Run:
    """Trains a network and leaves a folder.

    Parameters
    ----------
    settings : path, mapping, Run, or a list of these
        Settings files and settings. If two give the same setting, the later one counts.
    out : path, optional
        Folder of the run; a new one below the current folder if it is not given.
    data : mapping of arrays, optional
        ``inputs`` (N, T, n_in), ``targets`` (N, T, n_out) or classes (N, T), and the other arrays of docs/data.md. They
        are written to a file of their own beside the run, ``OUT.data-HASH.npz``, which the run needs later. Settings
        beside arrays go into `settings`: ``train({"data.validation_fraction": 0.2}, data=...)``. Without arrays `data`
        are settings, as any other section.
    show : bool
        Whether the program's own lines of progress go to the standard error.
    progress : bool, optional
        Whether a bar shows the progress (tqdm). By default it does so in a terminal and in a notebook, if tqdm is
        installed.
    **changes
        Settings, as in `Model`: ``task="add"``, ``units=32``, ``train={"steps": 1000}``; ``seed=2`` stands for
        ``train={"seed": 2}``. ``world`` may be a class of your own, with ``reset`` and ``step`` (docs/python.md), which is
        called without arguments once for each item of a batch.

    Returns
    -------
    Run

    Raises
    ------
    SettingError
        A setting or an array is wrong. The message is the program's sentence.
    Error
        Training failed on the way.
    KeyboardInterrupt
        After Ctrl-C. The run is saved and can be resumed.
    """
    if out is None:
        pathlib.Path("runs").mkdir(exist_ok=True)
        out = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir="runs")) / "run"
    with _with_data(changes, data, out, "settings.yaml") as (given, more):
        _work(["train", *_words(settings, given), *more, "--out", os.fspath(out)], show, progress)
    return Run(out)


class Comparison:
    """The folder that `compare` leaves: table.csv, curves.csv, results.db (docs/compare.md).

    Parameters
    ----------
    path : str or path-like
        The folder.
    text : str
        The table as the program printed it.
    """

    def __init__(self, path: Path, text: str = "") -> None:
        self.path = pathlib.Path(path)
        #: The table as the program printed it.
        self.text = text

    def table(self) -> NDArray[Any]:
        """Reads table.csv: a record for each variant.

        Returns
        -------
        ndarray
            A record array.
        """
        return np.genfromtxt(self.path / "table.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")

    def curves(self) -> NDArray[Any]:
        """Reads curves.csv: a record for each arm and step, with means over the seeds.

        Returns
        -------
        ndarray
            A record array.
        """
        return np.genfromtxt(self.path / "curves.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")

    def plot(self, ax: Any = None) -> Any:
        """Draws the learning curves of the arms, each with a band of one standard error.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new ones if it is not given.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        SettingError
            matplotlib is not installed.
        """
        return plots.draw_comparison(self.curves(), ax)

    def __repr__(self) -> str:
        return self.text or f"Comparison({str(self.path)!r})"


def compare(settings: Any = None, *, out: Path, jobs: int | None = None, show: bool = False, progress: bool | None = None,
            **changes: Unpack[AllSettings]) -> Comparison:
    """Runs learners, or any settings, side by side.

    Parameters
    ----------
    settings, show, progress, **changes
        As in `train`. ``compare={"learners": ["rtrl", "rflo"], "seeds": 5}`` says what to compare.
    out : path
        Folder of the comparison. Runs that it holds already are not made again.
    jobs : int, optional
        How many runs at a time; by default one for each core.

    Returns
    -------
    Comparison

    Raises
    ------
    SettingError
        A setting is wrong. Nothing has been changed then.
    Error
        A run failed.
    KeyboardInterrupt
        After Ctrl-C. The runs are saved; the same call goes on with them.
    """
    more = ["--jobs", str(jobs)] if jobs is not None else []
    data = changes.pop("data", None)
    with _with_data(changes, data, out, "results.db") as (given, of_data):
        words = ["compare", *_words(settings, given), *of_data, "--out", os.fspath(out), *more]
        return Comparison(out, _work(words, show, progress).stdout)


def check(settings: Any = None, *, out: Path | None = None, **changes: Unpack[AllSettings]) -> str:
    """Compares every gradient of these settings with the exact one (``hitherto check``).

    Parameters
    ----------
    settings, **changes
        As in `train`.
    out : path, optional
        An .npz file for the gradients and what they are of, as ``hitherto help check`` says.

    Returns
    -------
    str
        The program's table.

    Raises
    ------
    SettingError
        A setting is wrong.
    Error
        A gradient is wrong. The message is the table.
    """
    more = ["--out", os.fspath(out)] if out is not None else []
    data = changes.pop("data", None)
    with tempfile.TemporaryDirectory() as folder:
        with _with_data(changes, data, pathlib.Path(folder) / "check", "none") as (given, of_data):
            done = _run(["check", *_words(settings, given), *of_data, *more])
    if done.returncode not in (0, PROVED_NOTHING):
        raise Error(done.stdout + _sentence(done.stderr))
    return done.stdout
