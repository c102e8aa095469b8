"""Runs in MLflow: settings as parameters, lines of metrics.jsonl and the summary as metrics, files as artifacts."""

from __future__ import annotations

import math
from typing import Any

import mlflow  # type: ignore[import-not-found, import-untyped]
from mlflow.entities import Metric, Param  # type: ignore[import-not-found, import-untyped]

from ._files import settings_of
from .experiments import Run

#: What MLflow takes in one call.
_METRICS, _PARAMS, _LETTERS = 1000, 100, 500
_FILES = ("settings.yaml", "summary.json", "metrics.jsonl", "checkpoint.safetensors", "checkpoint.best.safetensors",
          "trial.svg", "report.html")


def log(run: Run, *, files: bool = True) -> str:
    """Logs a run into the active run of MLflow, or into a new one with the name of its folder.

    Parameters
    ----------
    run : Run
        With ``with mlflow.start_run(): log(run)`` it becomes part of that run.
    files : bool
        Whether its files are logged as artifacts.

    Returns
    -------
    str
        The id of the run in MLflow.
    """
    active = mlflow.active_run()
    if active is not None:
        _log(run, active.info.run_id, files)
        return active.info.run_id
    with mlflow.start_run(run_name=run.path.name) as started:
        _log(run, started.info.run_id, files)
        return started.info.run_id


def _log(run: Run, run_id: str, files: bool) -> None:
    client = mlflow.MlflowClient()
    params = [Param(key, value[:_LETTERS]) for key, value in settings_of(run.path / "settings.yaml").items() if value]
    for at in range(0, len(params), _PARAMS):
        client.log_batch(run_id, params=params[at:at + _PARAMS])
    metrics = _metrics(run)
    for at in range(0, len(metrics), _METRICS):
        client.log_batch(run_id, metrics=metrics[at:at + _METRICS])
    for name in _FILES if files else ():
        if (run.path / name).exists():
            client.log_artifact(run_id, str(run.path / name))


def _metrics(run: Run) -> list[Any]:
    """Every number of every line, in the time of the run; then those of the summary, if it has ended."""
    begun = (run.path / "settings.yaml").stat().st_mtime
    lines, found, step, time = run.metrics, [], 0, begun
    names = [name for name in lines.dtype.names or () if name not in ("step", "seconds")]
    for line in lines:
        step, time = int(line["step"]), begun + float(line["seconds"])
        found += [Metric(name, float(line[name]), int(1000 * time), step) for name in names if math.isfinite(line[name])]
    summary = run.summary if (run.path / "summary.json").exists() else {}
    for name, value in summary.items():
        if isinstance(value, (int, float)) and name not in names and name != "seed":
            found.append(Metric(name, float(value), int(1000 * time), step))
    return found
